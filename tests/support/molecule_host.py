# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of molecule scenarios, which run from the playbook that creates them to the one that destroys them.

    python -m tests.support.molecule_host create isolated FOLDER
    python -m tests.support.molecule_host destroy FOLDER

A process in the background runs the host, and the host ends with it. ``host.json`` in FOLDER has the variables by which
Ansible reaches the host, and the addresses at which simulated arrays can listen so that the host reaches them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.emulated_host import EmulatedHost
from tests.support.iscsi import portal_address
from tests.support.isolated_host import IsolatedHost
from tests.support.openstack_node import EMULATED, ISOLATED
from tests.support.processes import birth

# The first run makes a Debian root or a disk with all of OpenStack
CREATE_SECONDS, DESTROY_SECONDS = 1800.0, 30.0
ROOT = Path(__file__).resolve().parents[2]

Host = IsolatedHost | EmulatedHost


@contextmanager
def isolated() -> Iterator[tuple[Host, list[str]]]:
    with IsolatedHost(ISOLATED) as host:
        yield host, host.array_addresses


@contextmanager
def emulated() -> Iterator[tuple[Host, list[str]]]:
    with EmulatedHost(EMULATED) as host:
        addresses = [portal_address() for _array in range(2)]
        host.reach(f"{'.'.join(addresses[0].split('.')[:2])}.0.0/16")
        yield host, addresses


KINDS = {"isolated": isolated, "emulated": emulated}


def create(kind: str, folder: Path) -> None:
    """Create the host; does nothing when it runs already."""
    if _keeper(folder):
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    command = [sys.executable, "-m", "tests.support.molecule_host", "keep", kind, str(folder)]
    with (folder / "log").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    (folder / "keeper").write_text(f"{process.pid} {birth(process.pid)}", encoding="utf-8")
    end = time.monotonic() + CREATE_SECONDS
    while not (folder / "host.json").exists():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            sys.exit(f"no {kind} host: {(folder / 'log').read_text(encoding='utf-8', errors='replace')[-3000:]}")
        time.sleep(0.1)
    print("made")


def destroy(folder: Path) -> None:
    """Stop and remove the host; does nothing when there is none."""
    keeper = _keeper(folder)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if keeper and _keeper(folder):
            os.kill(keeper, number)
            end = time.monotonic() + DESTROY_SECONDS
            while _keeper(folder) and time.monotonic() < end:
                time.sleep(0.05)
    if (folder / "temporary").exists():
        shutil.rmtree((folder / "temporary").read_text(encoding="utf-8"), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _keeper(folder: Path) -> int:
    """The id of the process that runs the host, or 0."""
    try:
        pid, born = (folder / "keeper").read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return 0
    return int(pid) if birth(int(pid)) == born else 0


def keep(kind: str, folder: Path) -> None:
    """Run the host until this process is terminated."""
    # An exception, so that the host is stopped
    signal.signal(signal.SIGTERM, lambda *_arguments: sys.exit(0))
    # A second folder, since the sockets of ssh must have short paths
    temporary = Path(tempfile.mkdtemp(prefix="host-"))
    (folder / "temporary").write_text(str(temporary), encoding="utf-8")
    tempfile.tempdir = str(temporary)
    sockets = temporary / "ssh"
    try:
        with KINDS[kind]() as (host, addresses):
            try:
                document = {"variables": variables(host, sockets), "array_addresses": addresses}
                (folder / "new").write_text(json.dumps(document), encoding="utf-8")
                (folder / "new").rename(folder / "host.json")
                while True:
                    signal.pause()
            finally:
                end_connections(sockets)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def variables(host: Host, sockets: Path) -> dict[str, Any]:
    """The variables of the host in Ansible's inventory."""
    address, port, user = host.login
    known = f"-o HostKeyAlias={host.alias} -o UserKnownHostsFile={host.keys / 'known_hosts'}"
    strict = "-F none -o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes"
    return {
        "ansible_host": address,
        "ansible_port": port,
        "ansible_user": user,
        "ansible_ssh_private_key_file": str(host.keys / "key"),
        "ansible_ssh_common_args": f"{strict} {known}",
        "ansible_control_path_dir": str(sockets),
    }


def end_connections(sockets: Path) -> None:
    """End the connections that Ansible keeps open for the next playbook."""
    for path in sockets.glob("*"):
        command = ["ssh", "-F", "none", "-o", f"ControlPath={path}", "-O", "exit", "host"]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=120)


def main() -> int:
    commands: dict[str, Callable[..., None]] = {"create": create, "destroy": destroy, "keep": keep}
    command, *kind, folder = sys.argv[1:]
    try:
        commands[command](*kind, Path(folder))
    except pytest.fail.Exception as error:
        sys.exit(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
