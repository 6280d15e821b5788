# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The executables in ``RUN_DIR/bin``: each is a small program that asks the running simulator and prints its answer."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

TOOLS = ("fsc_cli", "vbs_cli", "sds_cli")

# Only the standard library. The secret and the mode of the file keep out other users of this machine.
_PROGRAM = '''#!{python} -IS
"""{tool} of the simulated array {array}."""
import json, socket, sys
try:
    with socket.create_connection(({address!r}, {port}), 10) as link:
        link.settimeout(60)
        link.sendall(json.dumps([{secret!r}, {tool!r}, sys.argv[1:]]).encode() + b"\\n")
        answer = link.makefile("r", encoding="utf-8").read()
except OSError as error:
    sys.exit("{tool}: the simulator does not answer: %s" % error)
if not answer:
    sys.exit("{tool}: no answer")
sys.stdout.write(json.loads(answer))
'''


def write(folder: Path, array: str, address: str, port: int, secret: str) -> None:
    """Write the three tools, which only this user may run."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for tool in TOOLS:
        path = folder / tool
        text = _PROGRAM.format(python=sys.executable, tool=tool, array=array, address=address, port=port, secret=secret)
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        path.chmod(stat.S_IRWXU)


def remove(folder: Path) -> None:
    for tool in TOOLS:
        (folder / tool).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
