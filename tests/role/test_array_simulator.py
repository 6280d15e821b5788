# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role array_simulator on this machine: it is idempotent, and check mode changes nothing."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cache import CACHE

ROLES = Path(__file__).resolve().parents[2] / "roles"
PASSWORD = "hush-hush-hush-1234"
SEARCH = {"PYTHONPATH": str(ROLES / "array_simulator/files")}
"""Where a Python finds the simulator."""
LAB = [{"vendor": "xtremio", "name": "lab", "password": PASSWORD}]
PLAY = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "roles": ["array_simulator"],
        "tasks": [
            {
                "name": "Show how to connect",
                "ansible.builtin.copy": {
                    "content": "{{ dict(arrays=array_simulator_endpoints, python=array_simulator_python) | to_json }}",
                    "dest": "{{ playbook_dir }}/facts.json",
                    "mode": "0600",
                },
                "no_log": True,
                "when": "array_simulator_endpoints is defined",
            }
        ],
    }
]


class Role:
    """Runs the role. All runs of one test use the same folders."""

    def __init__(self, folder: Path, venvs: Path) -> None:
        self.folder = folder
        self.run_dir = folder / "run"
        self.play = folder / "play.yml"
        self.play.write_text(json.dumps(PLAY), encoding="utf-8")
        # A file, since Ansible shows its own command line
        self._variables = folder / "variables.json"
        self.output = ""
        """What the last run printed."""
        self._options = {"array_simulator_run_dir": str(self.run_dir), "array_simulator_venv_dir": str(venvs / "venv")}

    def __call__(self, *arguments: str, fails: bool = False, **options: Any) -> str:
        variables = {**self._options, **{f"array_simulator_{name}": value for name, value in options.items()}}
        self._variables.write_text(json.dumps(variables), encoding="utf-8")
        program = Path(sys.executable).parent / "ansible-playbook"
        done = subprocess.run(
            [str(program), str(self.play), "--extra-vars", f"@{self._variables}", *arguments],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            cwd=self.folder,
            env={**os.environ, "ANSIBLE_ROLES_PATH": str(ROLES), "ANSIBLE_NOCOLOR": "1"},
        )
        self.output = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, self.output
        return self.output

    def changed(self, *arguments: str, **options: Any) -> int:
        match = re.search(r"changed=(\d+)", self(*arguments, **options))
        assert match
        return int(match[1])

    @property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads((self.folder / "facts.json").read_text(encoding="utf-8"))
        return facts


@pytest.fixture(scope="module")
def venvs() -> Iterator[Path]:
    """A folder in the cache for the simulator's environment. test_readme.py tests the role in an empty home."""
    requirements = (ROLES / "array_simulator/files/requirements.txt").read_bytes()
    digest = hashlib.sha256(sys.executable.encode() + requirements).hexdigest()[:12]
    folder = CACHE / f"role-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


@pytest.fixture
def role(tmp_path: Path, venvs: Path) -> Iterator[Role]:
    started = Role(tmp_path, venvs)
    yield started
    stop = [sys.executable, "-m", "openflash_simulator", "stop", "--run-dir", str(started.run_dir)]
    subprocess.run(stop, env=os.environ | SEARCH, check=True, capture_output=True, timeout=60)


def test_the_role_starts_changes_and_stops_simulators_once_and_a_check_changes_nothing(
    role: Role, tmp_path: Path
) -> None:
    role("--check", arrays=LAB)
    assert not role.run_dir.exists()
    assert role.changed("-vvv", "--diff", arrays=LAB) > 0
    assert PASSWORD not in role.output
    lab = role.facts["arrays"]["lab"]
    assert (lab["vendor"], lab["username"], lab["password"]) == ("xtremio", "admin", PASSWORD)
    assert role.changed(arrays=LAB) == 0
    assert role.changed("--check", "--diff", arrays=LAB) == 0
    assert role.facts["arrays"]["lab"] == lab
    file = tmp_path / "flash1.yml"
    content = {"array": {"vendor": "dsware", "pools": [{"name": "gold", "size": "5TiB"}]}}
    file.write_text(json.dumps(content), encoding="utf-8")
    more = {"arrays": [*LAB, {"vendor": "xtremio", "name": "second"}], "from": [str(file)]}
    assert role.changed(**more) > 0
    assert list(role.facts["arrays"]) == ["lab", "second", "flash1"]
    assert role.facts["arrays"]["flash1"]["pools"] == [{"id": 0, "name": "gold", "size": 5 << 40}]
    file.write_text(json.dumps({**content, "volumes": [{"name": "db1", "size": "1GiB"}]}), encoding="utf-8")
    assert role.changed(**more) > 0, "the array did not begin again with a file that has changed"

    subprocess.run([role.facts["python"], "-c", "import requests, paramiko, jmespath"], check=True, timeout=600)
    assert (role.run_dir / "endpoints.json").exists()
    assert role.changed("--check", state="stopped") == 0
    assert (role.run_dir / "endpoints.json").exists()
    assert role.changed(state="stopped") == 1
    assert role.changed(state="stopped") == 0
    assert not (role.run_dir / "endpoints.json").exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"arrays": []}, "array_simulator_arrays is empty"),
        ({"arrays": [{"vendor": "xtremio", "colour": "red"}]}, "array xtremio has no key 'colour'"),
        ({"state": "paused"}, "value of array_simulator_state must be one of: started, stopped"),
        ({"arrays": LAB, "interpreter": "/nowhere/python3"}, "Set array_simulator_interpreter"),
        pytest.param(
            {"from": ["/a/flash1.yml", "/b/flash1.yml"]}, "array_simulator_from has two files", marks=pytest.mark.slow
        ),
    ],
)
def test_mistakes_are_named(role: Role, options: dict[str, Any], complaint: str) -> None:
    assert complaint in role(fails=True, **options)


def test_the_role_and_the_simulator_have_one_rule_for_the_cache_folder(tmp_path: Path) -> None:
    """The role stops a simulator that was started by hand without a run folder. HOME decides, not the passwd entry."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if name != "XDG_CACHE_HOME"}
    env = {**kept, "HOME": str(home), "ANSIBLE_HOME": str(tmp_path / "ansible"), "ANSIBLE_ROLES_PATH": str(ROLES)}
    simulator = [sys.executable, "-m", "openflash_simulator", "start", "--array", "dsware"]
    started = subprocess.run(
        simulator, env=env | SEARCH, capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path
    )
    assert started.stdout.strip() == str(home / ".cache/openflash/simulator/endpoints.json")
    (tmp_path / "play.yml").write_text(json.dumps(PLAY), encoding="utf-8")
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "play.yml", "-e", "array_simulator_state=stopped"]
    stopped = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=300, cwd=tmp_path)
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert "changed=1" in stopped.stdout
    assert not Path(started.stdout.strip()).exists()
