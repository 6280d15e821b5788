# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules in a play: packed by Ansible, with the connection in module_defaults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.module.arrays import ArrayUnderTest, schema_of
from tests.module.playbooks import Player
from tests.support.diffs import after

pytestmark = pytest.mark.transport

TASKS: list[dict[str, Any]] = [
    {"openflash.storage.flash_volume": {"size": "10GiB", "volumes": [{"name": "db1"}, {"name": "db2"}]}},
    {"openflash.storage.flash_snapshot": {"name": "monday", "volume": "db1"}},
    {"openflash.storage.flash_volume": {"name": "test1", "source_volume": "db1"}},
    {"openflash.storage.flash_host_map": {"host": "server", "volume": "db1"}},
    {"openflash.storage.flash_array": {"volumes": [{"name": "db3", "size": "1GiB"}]}},
    {"openflash.storage.flash_facts": {}},
]


def tasks_for(array: ArrayUnderTest) -> list[dict[str, Any]]:
    tasks = [{name: dict(args) for name, args in task.items()} for task in TASKS]
    tasks[3]["openflash.storage.flash_host_map"].update(initiators=[array.row.initiators[0]], **array.lun(0))
    return [task for task in tasks if array.row.hosts or "openflash.storage.flash_host_map" not in task]


@pytest.fixture
def player(tmp_path: Path) -> Player:
    return Player(tmp_path)


def test_one_block_of_defaults_connects_every_module(array: ArrayUnderTest, player: Player) -> None:
    first = player.results(tasks_for(array), array.connection)
    assert [result["changed"] for result in first] == [True] * (len(first) - 1) + [False]
    assert set(array.volumes()) == {"db1", "db2", "db3", "test1", "monday"}
    if array.row.hosts:
        assert set(array.luns()) == {("server", "db1")}
    if not array.cannot("explicit_lun"):
        assert array.luns() == {("server", "db1"): 0}
    repeated = player.results(tasks_for(array), array.connection)
    assert [result["changed"] for result in repeated] == [False] * len(first)
    assert [schema_of(result) for result in first] == [schema_of(result) for result in repeated]
    assert {volume["name"] for volume in repeated[-1]["ansible_facts"]["flash"]["volumes"]} >= {
        "db1",
        "db2",
        "db3",
        "test1",
    }
    assert "calls" not in repeated[0]


@pytest.mark.play
def test_check_mode_of_a_play_writes_nothing(array: ArrayUnderTest, player: Player) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    state, mark = array.state(), array.mark()
    tasks = [task for task in tasks_for(array) if "openflash.storage.flash_array" not in task]
    results = player.results(tasks, array.connection, "--check", "--diff")
    assert [result["changed"] for result in results] == [True] * (len(results) - 1) + [False]
    assert results[0]["plan"] == ["create volume db2 of 10GiB"]
    assert after(results[0]["diff"]).keys() == {"volume db2"}
    assert array.state() == state
    assert array.writes(mark) == []


def test_diff_shows_the_plan_and_what_differs(xtremio: ArrayUnderTest, player: Player) -> None:
    xtremio.done("flash_volume", name="db1", size="10GiB")
    completed = player.play(
        [{"openflash.storage.flash_volume": {"name": "db1", "size": "20GiB"}}], xtremio.connection, "--diff"
    )
    assert completed.rc == 0, completed.output
    lines = completed.stdout.splitlines()
    for expected in (
        "  ~ extend volume db1 from 10GiB to 20GiB",
        "0 to make, 1 to change, 0 to delete; 0 refused",
        "--- before: volume db1",
        "+++ after: volume db1",
    ):
        assert expected in lines, completed.stdout
    assert [line for line in lines if re.match(r"[-+]\w", line)] == ["-size: 10GiB", "+size: 20GiB"]


REFUSED: dict[str, dict[str, Any]] = {
    "flash_volume": {"volumes": [{"name": "db1", "size": "5GiB"}, {"name": "db2", "size": "1GiB"}]},
    "flash_snapshot": {"name": "monday", "volume": "missing"},
    "flash_host_map": {"host": "web1", "initiators": ["iqn.2026-01.org.example:web1"], "volume": "missing"},
    "flash_array": {"volumes": [{"name": "db1", "size": "5GiB"}]},
}


def test_diff_shows_the_plan_of_a_task_that_is_refused_too(xtremio: ArrayUnderTest, player: Player) -> None:
    """Ansible itself displays no difference of a task that fails."""
    xtremio.done("flash_volume", name="db1", size="10GiB")
    tasks = [{f"openflash.storage.{module}": args, "ignore_errors": True} for module, args in REFUSED.items()]
    tasks.append({"openflash.storage.flash_volume": REFUSED["flash_volume"], "failed_when": False})
    tasks.append({"openflash.storage.flash_volume": REFUSED["flash_volume"], "ignore_errors": True, "no_log": True})
    completed = player.play(tasks, xtremio.connection, "--diff")
    assert completed.rc == 0, completed.output
    assert completed.stdout.count("Plan for xbrick1:") == len(REFUSED), completed.stdout
    assert completed.stdout.count("; 1 refused") == len(REFUSED), completed.stdout
    assert completed.stdout.count("  ! create or change volume db1: it has 10GiB") == 2, completed.stdout


def test_the_calls_are_returned_with_vv(xtremio: ArrayUnderTest, player: Player) -> None:
    task = {"openflash.storage.flash_volume": {"name": "db1", "size": "10GiB"}}
    (result,) = player.results([task], xtremio.connection, "-vv")
    assert [call["verb"] for call in result["calls"] if call["write"]] == ["POST"]
    assert result["api"]["writes"] == 1


def test_a_failed_task_shows_the_message_without_a_traceback(xtremio: ArrayUnderTest, player: Player) -> None:
    xtremio.done("flash_volume", name="db1", size="10GiB")
    completed = player.play([{"openflash.storage.flash_volume": {"name": "db1", "size": "5GiB"}}], xtremio.connection)
    assert completed.rc == 2
    assert "Cannot create or change volume db1 on xbrick1: it has 10GiB" in completed.output
    assert "Traceback" not in completed.output


def test_a_missing_python_library_is_named(xtremio: ArrayUnderTest, player: Player) -> None:
    """The interpreter of the task has nothing but the standard library."""
    interpreter = player.folder / "bare"
    interpreter.write_text(f'#!/bin/sh\nexec {__import__("sys").executable} -S "$@"\n', encoding="utf-8")
    interpreter.chmod(0o755)
    completed = player.play(
        [{"openflash.storage.flash_facts": {}, "vars": {"ansible_python_interpreter": str(interpreter)}}],
        xtremio.connection,
    )
    assert completed.rc == 2
    assert "the Python library requests is not installed for this interpreter" in completed.output
    assert "pip install requests" in completed.output
    assert "Traceback" not in completed.output


def test_one_task_of_a_play_creates_two_hundred_volumes(xtremio: ArrayUnderTest, player: Player) -> None:
    volumes = [{"name": f"vol-{number}"} for number in range(200)]
    (result,) = player.results(
        [{"openflash.storage.flash_volume": {"size": "1GiB", "volumes": volumes}}], xtremio.connection
    )
    assert result["api"]["writes"] == 200
    assert len(xtremio.volumes()) == 200
