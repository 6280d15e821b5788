# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In check mode a task may need what an earlier task of the play would have made: a condition of its steps, no fact."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import report
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Conflict, Invalid, NotFound
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired as requested
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.draft import assumption
from tests.support.memory_array import MemoryArray
from tests.support.planning import Task

IQN = "iqn.2026-01.org.example:h1"


@pytest.fixture
def array() -> MemoryArray:
    array = MemoryArray()
    array.host("h1", IQN)
    array.volume("old")
    return array


def maps(array: MemoryArray, *items: dict[str, Any], **policy: bool) -> Task:
    return Task(array, requested.host_maps(items, {}), assume=True, **policy)


def volumes(array: MemoryArray, *items: dict[str, Any]) -> Task:
    return Task(array, requested.volumes(items, {}), assume=True)


def snapshots(array: MemoryArray, *items: dict[str, Any]) -> Task:
    return Task(array, requested.snapshots(items, {}), assume=True)


def document(array: MemoryArray, **params: Any) -> Task:
    return Task(array, requested.document(params), assume=True)


def test_what_is_missing_is_a_condition_of_the_step(array: MemoryArray) -> None:
    task = maps(array, {"host": "h2", "volume": "db1"}, {"host": "h1", "volume": "old"})
    assert task.errors == []
    assert task.lines == [
        "if host h2 and volume db1 are made first: map volume db1 to host h2",
        "map volume old to host h1",
    ]
    assert task.plan.assumes == ("host h2", "volume db1")


def test_a_run_assumes_nothing(array: MemoryArray) -> None:
    task = Task(array, requested.host_maps([{"host": "h1", "volume": "db1"}], {}))
    assert isinstance(task.error, NotFound)
    assert (task.lines, task.plan.assumes) == ([], ())


def test_what_another_part_of_the_task_fails_to_make_is_not_assumed(array: MemoryArray) -> None:
    task = document(array, volumes=[{"name": "db1"}], mappings=[{"host": "h1", "volume": "db1"}])
    assert isinstance(task.error, Invalid), "creating it needs a size"
    assert task.plan.assumes == ()


def test_what_could_not_be_made_under_that_name_is_not_assumed(array: MemoryArray) -> None:
    assert isinstance(maps(array, {"host": "h1", "volume": "no such/name"}).error, NotFound)
    assert isinstance(maps(array, {"host": "no such/name", "volume": "old"}).errors[0], NotFound)


def test_nothing_is_taken_away_on_an_assumption(array: MemoryArray) -> None:
    array.map("old", "h1", lun=4)
    task = maps(array, {"host": "h1", "volume": "db1", "exclusive": True})
    assert task.errors == []
    assert task.lines == ["if volume db1 is made first: map volume db1 to host h1"]
    assert [step.line for step in task.plan.withheld] == ["unmap volume old from host h1"]


def test_a_lun_that_is_in_use_is_not_taken_from_another_volume_on_an_assumption(array: MemoryArray) -> None:
    array.map("old", "h1", lun=4)
    assert isinstance(maps(array, {"host": "h1", "volume": "db1", "lun": 4}).error, Conflict)
    moved = maps(array, {"host": "h1", "volume": "db1", "lun": 4}, {"host": "h1", "volume": "old", "state": "absent"})
    assert moved.errors == []
    assert moved.lines == []
    assert {step.line for step in moved.plan.withheld} == {
        "map volume db1 to host h1 as LUN 4",
        "unmap volume old from host h1",
    }


def test_what_is_assumed_is_not_deleted_in_the_same_task(array: MemoryArray) -> None:
    state = requested.DesiredState(
        volumes=(requested.DesiredVolume("db1", "absent"),), mappings=(requested.DesiredMapping("db1", "h1"),)
    )
    task = Task(array, state, assume=True)
    assert task.lines == ["if volume db1 is made first: map volume db1 to host h1"]
    assert task.plan.withheld == ()


def test_two_hosts_do_not_get_one_assumed_volume(array: MemoryArray) -> None:
    array.host("h2", IQN + "2")
    task = maps(array, {"host": "h1", "volume": "db1"}, {"host": "h2", "volume": "db1"})
    assert "set shared: true" in str(task.error)


def test_a_copy_of_what_is_assumed_has_no_size_unless_it_is_given(array: MemoryArray) -> None:
    task = volumes(
        array,
        {"name": "a", "source_volume": "db1"},
        {"name": "b", "source_volume": "a"},
        {"name": "c", "source_snapshot": "monday", "size": "3GiB"},
    )
    assert task.errors == []
    assert task.lines == [
        "if volume db1 is made first: clone volume db1 to a",
        "if snapshot monday is made first: create volume c of 3GiB from snapshot monday",
        "clone volume a to b",
    ]
    shown = [report_of.after for report_of in report.volumes(task.reporter, task.desired)]
    assert [(one["size"], one["size_text"]) for one in shown] == [(None, None), (None, None), (3 * 1024**3, "3GiB")]
    assert [one["provisioning"] for one in shown] == [None, None, None]
    assert {one["state"] for one in shown} == {"ready"}


def test_a_snapshot_of_what_is_assumed_has_no_size(array: MemoryArray) -> None:
    task = snapshots(array, {"name": "s", "volume": "db1"})
    assert task.lines == ["if volume db1 is made first: create snapshot s of volume db1"]
    (entry,) = report.snapshots(task.reporter, task.desired)
    assert (entry.after["state"], entry.after["size"]) == ("ready", None)


@pytest.mark.parametrize("members", [None, ()])
def test_a_group_may_get_its_volumes_from_an_earlier_task(array: MemoryArray, members: tuple[str, ...] | None) -> None:
    if members is not None:
        array.group("g", *members)
    task = snapshots(array, {"name": "s", "group": "g"})
    what = "consistency group g" if members is None else "a volume of consistency group g"
    assert task.lines == [f"if {what} is made first: create snapshot s of every volume in group g at one instant"]
    (entry,) = report.snapshots(task.reporter, task.desired)
    assert (entry.after["state"], entry.after["members"]) == ("ready", [])


@pytest.mark.parametrize("volume", ["db1", "old"])
def test_no_volume_is_restored_on_an_assumption(array: MemoryArray, volume: str) -> None:
    task = snapshots(array, {"name": "s", "volume": volume, "state": "restored", "backup": "b"})
    assert (task.errors, task.lines) == ([], [])
    assert task.plan.assumes == ("volume db1" if volume == "db1" else "snapshot s of volume old",)
    both = snapshots(
        array,
        {"name": "s", "volume": "db1"},
        {"name": "s2", "volume": "db1", "state": "restored", "backup": "b"},
    )
    assert both.lines == ["if volume db1 is made first: create snapshot s of volume db1"]


def test_retention_of_what_is_assumed_removes_nothing(array: MemoryArray) -> None:
    array.snapshot("old", "night-1")
    task = snapshots(array, {"name": "night-2", "volume": "db1", "keep": 1, "prefix": "night-"})
    assert task.errors == []
    assert task.lines == ["if volume db1 is made first: create snapshot night-2 of volume db1"]


def test_the_warning_names_what_is_assumed_but_not_thousands() -> None:
    assert "volume a, volume b. If none does" in assumption(["volume a", "volume b"])
    text = assumption([f"volume {number}" for number in range(12)])
    assert "volume 9, and 2 more" in text
    assert "volume 10" not in text
