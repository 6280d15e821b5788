# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plugin for pytest, in a pytest of its own as a user has it, with tests of a project that is not this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = "ansible_collections.openflash.storage.roles.array_simulator.files.openflash_simulator.pytest_plugin"
CONTENT = """
array: {vendor: violin, pools: [{name: gold, size: 5TiB}]}
volumes: [{name: web1, size: 100GiB}]
"""
CONFTEST = """
import pytest

@pytest.fixture(scope="session")
def flash_arrays_config():
    return [
        {"name": "lab", "vendor": "xtremio", "faults": [{"kind": "latency", "seconds": 0.001}]},
        {"name": "copy", "from": "%s"},
    ]
"""
TESTS = """
import socket

import pytest
import requests

def create(array, name):
    options = array.connection
    url = "https://%s:%s/api/json/v2/types/volumes" % (options["address"], options["port"])
    login = (options["username"], options["password"])
    document = {"vol-name": name, "vol-size": "1g"}
    return requests.post(url, json=document, auth=login, verify=options["ca_path"], timeout=60)

def test_a_request_is_in_the_journal_with_the_change_that_it_made(flash_arrays):
    lab = flash_arrays["lab"]
    assert lab.journal() == []
    create(lab, "db1").raise_for_status()
    assert [volume["name"] for volume in lab.state()["volumes"]] == ["db1"]
    assert len(lab.requests("post", "/types/volumes$")) == len(lab.writes()) == 1
    assert lab.requests("get") == []
    assert [change["about"]["name"] for change in lab.changes("volume.create")] == ["db1"]
    mark = lab.mark()
    assert lab.journal(mark) == lab.changes(since=mark) == []
    assert lab.connection["password"] not in str(lab.journal())
    lab.assume("worst")

def test_the_next_test_begins_as_the_arrays_are_configured(flash_arrays):
    lab, copy = flash_arrays["lab"], flash_arrays["copy"]
    assert (lab.state()["volumes"], lab.journal(), [fault["kind"] for fault in lab.faults()]) == ([], [], ["latency"])
    assert [volume["name"] for volume in copy.state()["volumes"]] == ["web1"]
    copy.reset()
    assert [volume["name"] for volume in copy.state()["volumes"]] == ["web1"]

def test_a_fault_strikes(flash_arrays):
    lab = flash_arrays["lab"]
    lab.fault("reset_after", match={"method": "POST"})
    with pytest.raises(requests.ConnectionError):
        create(lab, "db1")
    assert [fault["struck"] for fault in lab.faults()] == [1, 1]
    assert len(lab.changes("volume.create")) == 1
    lab.clear_faults()
    assert lab.faults() == []
    with pytest.raises(ValueError, match="fault kind 'meltdown' is not one of"):
        lab.fault("meltdown")
    with pytest.raises(ValueError, match="there is no assumption 'xtremio.luck'"):
        lab.assume({"xtremio.luck": 1})
"""


def run(folder: Path, *options: str) -> str:
    """What pytest prints for the tests of the folder."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", PLUGIN, *options]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "collections"), "HOME": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=300)
    return done.stdout + done.stderr


def processes_of(folder: Path) -> list[str]:
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True, timeout=60).stdout
    return [line for line in found.splitlines() if str(folder) in line]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flash1.yml").write_text(CONTENT, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(CONFTEST % (tmp_path / "flash1.yml"), encoding="utf-8")
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    return tmp_path


def test_each_test_of_a_user_has_the_arrays_as_they_are_configured(project: Path) -> None:
    base = project / "base"
    output = run(project, "--basetemp", str(base))
    assert "3 passed" in output, output
    assert processes_of(base) == []


def test_a_python_without_the_packages_is_named_with_the_command_that_installs_them(project: Path) -> None:
    python = project / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    output = run(project, "-o", f"flash_simulator_python={python}")
    assert (
        f"The simulated arrays did not start with {python}: it lacks packages. Install them: pip install -r" in output
    )
    assert f"{ROOT / 'roles/array_simulator/files/requirements.txt'}"[-60:] in output


def test_a_mistake_in_the_arrays_is_reported_once_and_by_name(project: Path) -> None:
    (project / "conftest.py").write_text(
        CONFTEST.replace('"name": "lab"', '"colour": "red"') % (project / "flash1.yml"), encoding="utf-8"
    )
    output = run(project)
    assert "array xtremio has no key 'colour'" in output
    assert "passed" not in output
