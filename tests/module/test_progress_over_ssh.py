# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of copies is displayed over SSH, as another user, of a delegated task, and by the engine of AWX."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.module.playbooks import Player
from tests.support.clients import client_python
from tests.support.debian import Recipe
from tests.support.isolated_host import USER, IsolatedHost
from tests.support.molecule_host import end_connections, variables
from tests.support.simulator import Simulator

pytestmark = pytest.mark.slow  # it makes a host

PASSWORD = "become-secret-31"
OTHER, ASKED = "other", "asked"
COMMANDS = f"""
useradd --create-home --shell /bin/sh {OTHER}
useradd --create-home --shell /bin/sh {ASKED}
echo '{USER}:{PASSWORD}' | chpasswd
echo '{USER} ALL = ({ASKED}) PASSWD: ALL' > /etc/sudoers.d/zz-{ASKED}
chmod 0440 /etc/sudoers.d/zz-{ASKED}
"""
HOST = Recipe(packages=("python3-requests",), commands=COMMANDS)

SECONDS = 75
"""How long each copy takes: the first lines come after 5, 15 and 30 seconds."""
CLONE = {
    "name": "Clone a volume",
    "openflash.storage.flash_volume": {
        "name": "clone-{{ inventory_hostname }}",
        "source_volume": "golden-{{ inventory_hostname }}",
        "wait_timeout": 900,
    },
    "delegate_to": "{{ delegate | default(inventory_hostname) }}",
}
PLAY = [
    {
        "hosts": "ways",
        "gather_facts": False,
        "module_defaults": {"group/openflash.storage.flash": "{{ flash_connection }}"},
        "tasks": [
            {
                "name": "Make what is cloned",
                "openflash.storage.flash_volume": {"name": "golden-{{ inventory_hostname }}", "size": "3GiB"},
                "delegate_to": "{{ delegate | default(inventory_hostname) }}",
            },
            CLONE,
        ],
    }
]
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "piped": {"ansible_pipelining": True},
    "root": {"ansible_become": True},
    "user": {"ansible_become": True, "ansible_become_user": OTHER, "ansible_pipelining": True},
    "asked": {
        "ansible_become": True,
        "ansible_become_user": ASKED,
        "ansible_become_password": PASSWORD,
        "ansible_pipelining": True,
    },
    "elsewhere": {"ansible_connection": "local", "delegate": "plain"},
    "here": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
}
"""How a task runs, by name of the host in the inventory."""


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The hosts of the play; the array copies so slowly that each copy takes SECONDS."""
    sockets = Path(tempfile.mkdtemp(prefix="ssh-"))
    with IsolatedHost(HOST) as host:
        limits = {"copy_speed": 3 * 1024 // SECONDS}
        array = {"vendor": "violin", "protocol": "fc", "address": host.array_addresses[0], "limits": limits}
        with Simulator([array]) as simulator:
            found = simulator.array("violin")
            # The host has not the file with the certificate
            connection = {key: found[key] for key in ("vendor", "address", "port", "username", "password")}
            ssh = {**variables(host, sockets), "ansible_python_interpreter": "/usr/bin/python3"}
            shared = {"flash_connection": {**connection, "validate_certs": False}}
            try:
                yield {"ways": {"hosts": {name: {**ssh, **shared, **way} for name, way in WAYS.items()}}}
            finally:
                end_connections(sockets)
                shutil.rmtree(sockets, ignore_errors=True)


def written(folder: Path, inventory: dict[str, Any]) -> Player:
    player = Player(folder)
    player.write([], {})
    for name, document in (("inventory.yml", inventory), ("play.yml", PLAY)):
        (folder / name).write_text(yaml.safe_dump(document), encoding="utf-8")
    return player


def line_of(name: str) -> str:
    label = f"{name} -> {WAYS[name]['delegate']}" if "delegate" in WAYS[name] else name
    return rf"(?m)^\[{label}\] clone-{name}: \d+ %, [\d.]+ [KM]iB/s, \d+ (s|min) left\r?$"


def assert_clean(host_output: str, inventory: dict[str, Any]) -> None:
    assert PASSWORD not in host_output
    assert inventory["ways"]["hosts"]["plain"]["flash_connection"]["password"] not in host_output


def test_each_way_to_run_a_task_displays_its_progress(inventory: dict[str, Any], tmp_path: Path) -> None:
    player = written(tmp_path, inventory)
    ended = subprocess.run(
        ["ansible-playbook", "--forks", str(len(WAYS)), "--inventory", "inventory.yml", "play.yml"],
        cwd=tmp_path,
        env=player.environ(),
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    output = ended.stdout + ended.stderr
    assert ended.returncode == 0, output
    assert [name for name in WAYS if re.search(line_of(name), ended.stdout) is None] == [], output
    assert_clean(output, inventory)
    # Neither the module nor the reader leaves a file
    find = {"hosts": "plain", "gather_facts": False, "become": True, "tasks": [FIND]}
    (tmp_path / "find.yml").write_text(yaml.safe_dump([find]), encoding="utf-8")
    found = subprocess.run(
        ["ansible-playbook", "--inventory", "inventory.yml", "find.yml"],
        cwd=tmp_path,
        env=player.environ(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


FIND = {
    "ansible.builtin.command": {"cmd": "find /root /home /tmp -name openflash-progress-*"},
    "register": "left",
    "failed_when": "left.stdout != ''",
}


def test_the_engine_of_awx_has_the_lines_in_its_output_and_its_events(
    inventory: dict[str, Any], tmp_path: Path
) -> None:
    player = written(tmp_path, inventory)
    runner = client_python(Path(__file__).with_name("requirements-runner.txt")).parent / "ansible-runner"
    folder = tmp_path / "runner"
    (folder / "project").mkdir(parents=True)
    play = [{**PLAY[0], "tasks": json.loads(json.dumps(PLAY[0]["tasks"]).replace("clone-", "clone-awx-"))}]
    (folder / "project" / "play.yml").write_text(yaml.safe_dump(play), encoding="utf-8")
    inventory_path = str(tmp_path / "inventory.yml")
    options = ["-p", "play.yml", "--inventory", inventory_path, "--limit", "root,elsewhere,here"]
    completed = subprocess.run(
        [str(runner), "run", str(folder), *options],
        env=player.environ(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    output = completed.stdout + completed.stderr
    assert completed.returncode == 0, output
    events = [json.loads(path.read_text(encoding="utf-8")) for path in (folder / "artifacts").rglob("*.json")]
    shown = {event["event"]: "" for event in events if "event" in event}
    for event in sorted((event for event in events if "event" in event), key=lambda event: int(event["counter"])):
        shown[event["event"]] += event["stdout"] + "\n"
    for name in ("root", "elsewhere", "here"):
        line = line_of(name).replace("clone-", "clone-awx-")
        assert re.search(line, output), output
        assert re.search(line, shown["verbose"]), shown
    assert_clean(output + json.dumps(events), inventory)
