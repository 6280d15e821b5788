# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restarts the service of a test in the background, as systemctl does on a real host.

    restart_service.py FOLDER [stop]

FOLDER has ``service.json`` with the command and its environment. The file ``pid`` is written there.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def stop(pid_file: Path) -> None:
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text(encoding="utf-8"))
    pid_file.unlink()
    for number, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
        deadline = time.monotonic() + patience
        signal_now: int = number
        while time.monotonic() < deadline:
            try:
                os.kill(pid, signal_now)
            except ProcessLookupError:
                return
            signal_now = 0  # checks only whether the process exists
            time.sleep(0.1)


def main() -> int:
    folder = Path(sys.argv[1])
    stop(folder / "pid")
    if sys.argv[2:] == ["stop"]:
        return 0
    service = json.loads((folder / "service.json").read_text(encoding="utf-8"))
    with (folder / "output").open("ab") as output:
        process = subprocess.Popen(
            service["command"],
            env=service["env"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    (folder / "pid").write_text(str(process.pid), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
