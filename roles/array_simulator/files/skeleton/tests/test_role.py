# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role on every simulated array. To run it: ``PYTHONPATH=FOLDER_OF_THE_COLLECTIONS pytest tests``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = "ansible_collections.openflash.storage.roles.array_simulator.files.openflash_simulator.pytest_plugin"
ROLE = Path(__file__).resolve().parents[1]


def apply(connection: dict[str, object], folder: Path) -> str:
    """What ansible-playbook shows of the role against this array."""
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "module_defaults": {"group/openflash.storage.flash": connection},
        "roles": [str(ROLE)],
    }
    path = folder / "play.yml"
    path.touch(mode=0o600)  # with the password of the array
    path.write_text(json.dumps([play]))
    command = [sys.executable, "-m", "ansible", "playbook", "--inventory", "localhost,", str(path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["datera", "dsware", "flashsystem", "violin", "xtremio"])
def test_a_second_run_asks_for_no_change(flash_arrays, tmp_path, name):
    array = flash_arrays[name]
    assert "changed=1" in apply(array.connection, tmp_path)
    assert sorted(volume["name"] for volume in array.state()["volumes"]) == ["database", "log"]
    mark = array.mark()
    assert "changed=0" in apply(array.connection, tmp_path)
    assert array.changes(since=mark) == []


def test_a_lost_answer_makes_nothing_twice(flash_arrays, tmp_path):
    array = flash_arrays["xtremio"]
    array.fault("reset_after", match={"method": "POST", "path": "/volumes"})
    apply(array.connection, tmp_path)
    assert [fault["struck"] for fault in array.faults()] == [1]
    assert len(array.changes("volume.create")) == 2
