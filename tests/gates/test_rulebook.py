# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source and the rulebooks of the installed collection in ansible-rulebook, which needs Java."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gates.conftest import clean_environment
from tests.support.ports import free_port
from tests.support.simulator import Simulator

CASES = ("alerts", "capacity", "copies", "drift", "paths")
REQUIREMENTS = ("ansible-rulebook==1.3.2", "ansible-core==2.18.*", "requests", "paramiko")
DEADLINE = 300.0
PASSWORD = "Canary-Secret-7731"
DECLARED = {"volumes": [{"name": "db1", "size": "10GiB"}]}
REPORT = """
- name: Report
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Note the event
      ansible.builtin.copy:
        content: "{{ ansible_eda.event | to_json }}"
        dest: "%(folder)s/{{ ansible_eda.event.type }}.json"
        mode: "0600"
"""
CHANGE = """
- name: Change
  hosts: localhost
  connection: local
  gather_facts: false
  module_defaults:
    group/openflash.storage.flash: "{{ connection }}"
  tasks:
    - name: Make what is declared
      openflash.storage.flash_array:
        volumes: "{{ declared.volumes }}"
    - name: Note that it was done
      ansible.builtin.copy:
        content: "{{ ansible_eda.events.reported.waiting.id }}"
        dest: "%(folder)s/changed-{{ ansible_eda.events.approval.meta.uuid }}"
        mode: "0600"
"""


class Rulebook:
    """ansible-rulebook in a folder of its own, with one rulebook of the collection."""

    def __init__(self, programs: Path, collections: Path, folder: Path, connection: dict[str, Any]) -> None:
        self.folder = folder
        self.port = free_port()
        self.token = secrets.token_hex(8)
        self.log = folder / "rulebook.log"
        (folder / "report.yml").write_text(REPORT % {"folder": folder}, encoding="utf-8")
        (folder / "change.yml").write_text(CHANGE % {"folder": folder}, encoding="utf-8")
        python = str(programs / "python")
        # The playbooks know the array from the inventory: ansible-rulebook passes them events, and no variables
        known = {"ansible_python_interpreter": python, "connection": connection, "declared": DECLARED}
        inventory = {"all": {"hosts": {"localhost": known}}}
        (folder / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
        array = {"name": "lab", **connection, "interval": 1, "longest_interval": 2}
        self.variables: dict[str, Any] = {
            "flash_arrays": [array],
            "flash_approval_port": self.port,
            "flash_approval_token": self.token,
            "flash_report_playbook": "report.yml",
            "flash_change_playbook": "change.yml",
        }
        self._programs = programs
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        self._environ = clean_environment(
            ANSIBLE_COLLECTIONS_PATH=str(collections), HOME=str(folder), ANSIBLE_NOCOLOR="1"
        ) | {"PATH": path}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, case: str) -> None:
        (self.folder / "vars.yml").write_text(yaml.safe_dump(self.variables), encoding="utf-8")
        command = [str(self._programs / "ansible-rulebook"), "--rulebook", f"openflash.storage.{case}"]
        command += ["--inventory", "inventory.yml", "--vars", "vars.yml", "--print-events"]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(60)

    def wait_for(self, name: str) -> str:
        """The content of a file that a playbook writes."""
        path, end = self.folder / name, time.monotonic() + DEADLINE
        while not path.exists() or not path.read_text(encoding="utf-8"):
            assert self.process is not None
            output = self.log.read_text(encoding="utf-8", errors="replace")
            assert self.process.poll() is None, output
            assert time.monotonic() < end, f"no {name}\n{output}"
            time.sleep(0.2)
        return path.read_text(encoding="utf-8")

    def event(self, kind: str) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.wait_for(f"{kind}.json"))
        return event

    def approve(self, event_id: str, token: str | None = None) -> int:
        """The HTTP status with which the approval is taken."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/",
            data=json.dumps({"approve": event_id}).encode(),
            headers={"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


@pytest.fixture(scope="module")
def programs(environment: Callable[..., Path], pythons: dict[str, Path]) -> Path:
    """The bin folder of an environment with ansible-rulebook."""
    python = next(pythons[version] for version in ("3.12", "3.11", "3.13") if version in pythons)
    return environment("rulebook", python, *REQUIREMENTS)


@pytest.fixture
def lab() -> Iterator[Simulator]:
    with Simulator([{"name": "lab", "vendor": "xtremio", "protocol": "iscsi", "password": PASSWORD}]) as running:
        yield running


@pytest.fixture
def rulebook(programs: Path, installed: Path, tmp_path: Path, lab: Simulator) -> Iterator[Rulebook]:
    folder = tmp_path / "work"
    folder.mkdir()
    made = Rulebook(programs, installed.parents[2], folder, lab.endpoints["connections"]["lab"])
    yield made
    made.stop()


@pytest.mark.slow
def test_drift_is_reported_and_mended_after_the_approval_of_this_very_event(rulebook: Rulebook, lab: Simulator) -> None:
    rulebook.variables["flash_arrays"][0]["document"] = DECLARED
    rulebook.start("drift")
    found = rulebook.event("drift_found")
    assert (found["array"], found["vendor"], len(found["plan"])) == ("lab", "xtremio", 1)
    assert rulebook.approve(found["id"], "another token") == 401
    assert rulebook.approve("0" * 32) == 200, "an approval of nothing"
    assert lab.writes("lab") == []
    assert rulebook.approve(found["id"]) == 200
    assert rulebook.event("drift_resolved")["plan"] == []
    assert [volume["name"] for volume in lab.state("lab")["volumes"]] == ["db1"]
    folder = rulebook.folder
    assert [path.read_text(encoding="utf-8") for path in folder.glob("changed-*")] == [found["id"]]
    # The approval was for one change: the next difference needs its own
    (folder / "drift_found.json").unlink()
    lab.reset("lab")
    again = rulebook.event("drift_found")
    assert again["id"] != found["id"]
    assert rulebook.approve(found["id"]) == 200
    (folder / "unreachable.json").unlink(missing_ok=True)
    lab.fault("lab", kind="reset_before", count=None)
    rulebook.event("unreachable")  # so what came before has been handled
    assert len(list(folder.glob("changed-*"))) == 1
    assert lab.state("lab")["volumes"] == []
    assert PASSWORD not in rulebook.log.read_text(encoding="utf-8")
    assert PASSWORD not in "".join(path.read_text() for path in rulebook.folder.glob("*.json"))


@pytest.mark.slow
def test_a_full_pool_and_an_array_that_is_away_are_reported(rulebook: Rulebook, lab: Simulator) -> None:
    rulebook.variables["flash_arrays"][0]["thresholds"] = [0.001]
    lab.fault("lab", kind="reset_before", count=None)
    rulebook.start("capacity")
    assert rulebook.event("unreachable")["error"] == "unreachable"
    lab.clear_faults("lab")
    assert rulebook.event("reachable")["array"] == "lab"
    assert "unreadable.json" not in os.listdir(rulebook.folder)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_mistake_in_the_variables_ends_each_rulebook_with_its_name(rulebook: Rulebook, case: str) -> None:
    rulebook.variables["flash_arrays"][0]["colour"] = "red"
    rulebook.start(case)
    assert rulebook.process is not None
    rulebook.process.wait(DEADLINE)
    output = rulebook.log.read_text(encoding="utf-8", errors="replace")
    assert "vendor xtremio has no connection option colour" in output
    assert PASSWORD not in output
