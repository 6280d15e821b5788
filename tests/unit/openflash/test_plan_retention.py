# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for retention: the newest snapshots are kept, and older ones deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    Busy,
    Conflict,
    FlashError,
    Refused,
)
from tests.support.memory_array import MemoryArray
from tests.support.planning import Task, done, refused, snapshots

UUID = "7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00"


@pytest.fixture
def array() -> MemoryArray:
    array = MemoryArray()
    array.volume("db1")
    array.volume("db2")
    array.host("h", "iqn.2026-01.org.example:h")
    return array


def snapshot_names(array: MemoryArray) -> list[str]:
    return array.names()["snapshots"]


def nightly(array: MemoryArray, new: str = "night-9", keep: int = 2, **policy: bool) -> Task:
    return snapshots(array, {"name": new, "volume": "db1", "keep": keep, "prefix": "night-"}, **policy)


@pytest.fixture
def nights(array: MemoryArray) -> MemoryArray:
    for number in range(1, 5):
        array.snapshot("db1", f"night-{number}")
    array.snapshot("db1", "other")
    array.snapshot("db2", "night-0")
    return array


def test_the_new_snapshot_counts_as_the_newest(nights: MemoryArray) -> None:
    task = done(nightly(nights))
    assert snapshot_names(nights) == ["db1/night-4", "db1/night-9", "db1/other", "db2/night-0"]
    assert task.lines[0] == "create snapshot night-9 of volume db1"
    entry = task.reporter.snapshot(task.desired.snapshots[0])
    assert entry.changed


def test_no_old_snapshot_is_deleted_while_the_new_one_is_incomplete(
    nights: MemoryArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new one may still fail."""
    take = nights.create_snapshots
    monkeypatch.setattr(
        nights,
        "create_snapshots",
        lambda *args, **options: tuple(replace(snapshot, state="copying") for snapshot in take(*args, **options)),
    )
    before = snapshot_names(nights)
    applied = nightly(nights, keep=1).run(continue_on_error=True)
    assert [step.line for step in applied.done] == ["create snapshot night-9 of volume db1"]
    assert [type(error) for error in applied.errors.values()] == [Busy]
    assert set(snapshot_names(nights)) == {*before, "db1/night-9"}


def test_the_age_of_a_snapshot_is_the_time_that_the_array_reports(array: MemoryArray) -> None:
    for name in ("night-5", "night-1", "night-3"):
        array.snapshot("db1", name)
    done(nightly(array, keep=2))
    assert snapshot_names(array) == ["db1/night-3", "db1/night-9"]


def test_old_snapshots_are_deleted_when_the_new_one_exists_already(nights: MemoryArray) -> None:
    nights.snapshot("db1", "night-9")
    task = nightly(nights)
    assert task.lines == [f"delete snapshot night-{number} of volume db1" for number in (3, 2, 1)]
    task.run()
    entries = task.plan.outcomes
    assert entries[("snapshot", "db1", "night-9")].steps == []
    assert snapshot_names(nights) == ["db1/night-4", "db1/night-9", "db1/other", "db2/night-0"]


def test_a_declared_snapshot_is_kept_whatever_its_age(nights: MemoryArray) -> None:
    task = nightly(nights, new="night-1", keep=1)
    assert "delete snapshot night-1 of volume db1" not in task.lines
    assert task.warnings == ["snapshot night-1 is old and stays: it is declared"]
    task.run()
    assert nightly(nights, new="night-1", keep=1).lines == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"proven": False}, "is not counted: the array does not prove"),
        ({"name": "night-" + UUID}, None),
    ],
)
def test_an_object_that_is_not_proven_to_be_a_snapshot_is_not_counted(
    array: MemoryArray, fields: dict[str, Any], message: Any
) -> None:
    array.snapshot("db1", fields.pop("name", "night-1"), **fields)
    task = nightly(array, keep=1)
    if message is None:
        assert len(task.lines) == 2
    else:
        assert len(task.lines) == 1
        assert message in task.warnings[0]


def test_retention_works_on_an_array_that_proves_some_snapshots() -> None:
    array = MemoryArray(proves_snapshots=False)
    array.volume("db1")
    for number in (1, 2):
        array.snapshot("db1", f"night-{number}", proven=True)
    assert nightly(array, new="night-2", keep=1).lines == ["delete snapshot night-1 of volume db1"]


def test_a_declared_snapshot_of_another_volume_does_not_count(nights: MemoryArray) -> None:
    nights.snapshot("db2", "night-1")
    declared = {"name": "night-1", "volume": "db2"}
    retained = {"name": "night-9", "volume": "db1", "keep": 2, "prefix": "night-"}
    done(snapshots(nights, declared, retained))
    assert snapshot_names(nights) == ["db1/night-4", "db1/night-9", "db1/other", "db2/night-0", "db2/night-1"]


def test_retention_keeps_a_mapped_snapshot_with_any_permission(nights: MemoryArray) -> None:
    nights.map("night-1", "h")
    task = nightly(nights, unmap=True, force=True)
    assert "snapshot night-1 is old and stays: it is mapped to h" in task.warnings
    task.run()
    assert "db1/night-1" in snapshot_names(nights)


def test_retention_keeps_the_source_of_a_clone(nights: MemoryArray) -> None:
    nights.clone("night-2", "copy")
    task = nightly(nights)
    assert "snapshot night-2 is old and stays: copy was made of it" in task.warnings
    task.run()
    assert "db1/night-2" in snapshot_names(nights)
    assert "db1/night-1" not in snapshot_names(nights)


def test_retention_keeps_snapshots_of_the_same_age_as_the_oldest_kept(array: MemoryArray) -> None:
    for number in range(3):
        array.snapshot("db1", f"night-{number}", created="2026-01-01T00:00:00")
    task = nightly(array, new="night-2", keep=1)
    assert task.lines == []
    assert "snapshot night-0 is old and stays: it is of the same time as night-2" in task.warnings


def test_retention_keeps_a_snapshot_whose_use_the_array_does_not_report() -> None:
    array = MemoryArray(reports_mappings=False)
    array.volume("db1")
    array.snapshot("db1", "night-1")
    task = nightly(array, keep=1)
    assert task.warnings == ["snapshot night-1 is old and stays: the array does not report whether it is in use"]


def test_retention_is_refused_on_an_array_that_proves_no_snapshots() -> None:
    array = MemoryArray(proves_snapshots=False)
    array.volume("db1")
    array.snapshot("db1", "night-1")
    error = refused(nightly(array, keep=1), "does not prove that an object is a snapshot")
    assert isinstance(error, Refused)


def test_retention_is_refused_when_an_age_is_not_reported(array: MemoryArray) -> None:
    array.snapshot("db1", "night-1", created=None)
    assert isinstance(refused(nightly(array), "does not report how old night-1 is"), Refused)


def test_an_incomplete_read_disables_retention(nights: MemoryArray) -> None:
    nights.unreadable["snapshot"] = ["night-2"]
    task = nightly(nights)
    assert task.lines == ["create snapshot night-9 of volume db1"]
    assert task.warnings == ["not every snapshot could be read, so none was removed for being old"]


def test_no_old_snapshot_is_deleted_when_the_new_one_is_refused(nights: MemoryArray) -> None:
    task = nightly(nights, new="night-/")
    refused(task, "not a name")
    assert task.lines == []


def test_no_old_snapshot_is_deleted_when_the_new_one_cannot_be_taken(nights: MemoryArray) -> None:
    nights.fail("create_snapshots", FlashError("no room"))
    task = nightly(nights)
    applied = task.run(continue_on_error=True)
    assert applied.done == ()
    assert "delete_snapshot" not in nights.writes
    assert snapshot_names(nights).count("db1/night-1") == 1


@pytest.mark.parametrize("state", ["error", "offline", "copying"])
def test_a_snapshot_that_cannot_be_restored_does_not_count_as_kept(array: MemoryArray, state: str) -> None:
    for number in (1, 2, 3):
        array.snapshot("db1", f"night-{number}")
    for number in (4, 5):
        array.snapshot("db1", f"night-{number}", state=state)
    task = nightly(array, new="night-3", keep=3)
    assert task.lines == []
    advice = "" if state == "copying" else ". Delete it by its name when it is of no use"
    assert task.warnings == [
        f"snapshot night-{number} is not counted and stays: its state is {state}{advice}" for number in (4, 5)
    ]
    task = nightly(array, keep=3)
    assert task.lines == ["create snapshot night-9 of volume db1", "delete snapshot night-1 of volume db1"]
    task.run()
    assert snapshot_names(array) == [f"db1/night-{number}" for number in (2, 3, 4, 5, 9)]


@pytest.mark.parametrize("state", ["error", "offline"])
def test_retention_never_removes_an_old_failed_snapshot(array: MemoryArray, state: str) -> None:
    array.snapshot("db1", "night-1", state=state)
    array.snapshot("db1", "night-2")
    assert nightly(array, keep=1).lines[1:] == ["delete snapshot night-2 of volume db1"]
    done(snapshots(array, {"name": "night-1", "volume": "db1", "state": "absent"}))


def test_a_snapshot_that_the_array_is_deleting_is_not_counted_and_not_deleted(array: MemoryArray) -> None:
    for number, state in enumerate(["deleting", "ready", "ready", "deleting"]):
        array.snapshot("db1", f"night-{number}", state=state)
    task = nightly(array, new="night-2", keep=2)
    assert (task.lines, task.warnings) == ([], [])
    assert snapshots(array, {"name": "night-3", "volume": "db1", "state": "absent"}).lines == []


@pytest.mark.parametrize("state", ["error", "deleting"])
def test_no_old_snapshot_is_deleted_when_the_array_reports_the_new_one_as_failed(
    nights: MemoryArray, state: str
) -> None:
    """The creation succeeds, and the new snapshot is in state error."""
    take = nights.create_snapshots
    nights.create_snapshots = lambda *args, **options: tuple(  # type: ignore[method-assign]
        replace(snapshot, state=state) for snapshot in take(*args, **options)
    )
    applied = nightly(nights).run(continue_on_error=True)
    assert [type(error) for error in applied.errors.values()] == [Conflict if state == "error" else Busy]
    assert applied.done == ()
    assert "delete_snapshot" not in nights.writes


def test_a_volume_can_have_two_retentions(nights: MemoryArray) -> None:
    nights.snapshot("db1", "week-1")
    done(
        snapshots(
            nights,
            {"name": "night-9", "volume": "db1", "keep": 1, "prefix": "night-"},
            {"name": "week-2", "volume": "db1", "keep": 1, "prefix": "week-"},
        )
    )
    assert [name for name in snapshot_names(nights) if name.startswith("db1/")] == [
        "db1/night-9",
        "db1/other",
        "db1/week-2",
    ]
