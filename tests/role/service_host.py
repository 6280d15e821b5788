# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of services share: a separate Python, the command that restarts the service, and playbooks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.openstack.conftest import ROOT
from tests.support.clients import client_python

HERE = Path(__file__).parent


def service_python(folder: Path, requirements: Path, manage: str) -> Path:
    """A Python with a service and pip, and nothing of this project.

    :param requirements: of the cached environment with the service, which is added by a path file.
    :param manage: the name of the service's program for its database.
    """
    source = client_python(requirements)
    subprocess.run([str(source), "-m", "venv", str(folder)], check=True, timeout=600)
    python = folder / "bin" / "python"
    (theirs,) = (source.parent.parent / "lib").glob("python3*/site-packages")
    (mine,) = (folder / "lib").glob("python3*/site-packages")
    (mine / "service.pth").write_text(f"{theirs}\n", encoding="utf-8")
    (folder / "etc").symlink_to(source.parent.parent / "etc")
    for program in (manage, "privsep-helper"):
        if (source.parent / program).exists():
            text = (source.parent / program).read_text(encoding="utf-8").replace(str(source), str(python))
            (folder / "bin" / program).write_text(text, encoding="utf-8")
            (folder / "bin" / program).chmod(0o755)
    return python


def write_service(folder: Path, command: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """Write a service's command to its folder. Returns the command that restarts it, or with ``stop`` ends it."""
    (folder / "service.json").write_text(json.dumps({"command": list(command), "env": dict(env)}), encoding="utf-8")
    return [sys.executable, str(HERE / "restart_service.py"), str(folder)]


def playbook(play: Path | str, given: Path, *arguments: str, fails: bool = False, before: Sequence[str] = ()) -> str:
    """Run a playbook. Returns its output.

    :param before: a command that runs ansible-playbook, such as with fewer rights.
    """
    program = str(Path(sys.executable).parent / "ansible-playbook")
    done = subprocess.run(
        [*before, program, str(play), "--extra-vars", f"@{given}", *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=given.parent,
        stdin=subprocess.DEVNULL,
        env={
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "false",
        },
    )
    output = done.stdout + done.stderr
    assert (done.returncode != 0) == fails, output
    return output


def changed(output: str) -> int:
    found = re.search(r"changed=(\d+)", output)
    assert found, output
    return int(found[1])


def failure(output: str) -> str:
    """The message of the task that failed."""
    found = re.search(r'^(?:fatal|failed): .*?"msg": "(.*?)(?<!\\)"', output, re.MULTILINE | re.DOTALL)
    assert found, output
    return found[1]
