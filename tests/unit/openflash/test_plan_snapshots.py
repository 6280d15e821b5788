# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for snapshots: creation, sets of one instant, groups, deletion, restore."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    Busy,
    Conflict,
    InUse,
    Invalid,
    NotFound,
    Refused,
    Unsupported,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.steps import CreateSnapshots
from tests.support.memory_array import GIB, MemoryArray
from tests.support.planning import done, refused, snapshots, volumes

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


# -- creation ----------------------------------------------------------------------------------------------------------


def test_a_snapshot_is_taken_once(array: MemoryArray) -> None:
    task = done(snapshots(array, {"name": "s1", "volume": "db1"}))
    assert task.lines == ["create snapshot s1 of volume db1"]
    assert snapshot_names(array) == ["db1/s1"]


def test_a_snapshot_of_a_missing_volume_is_refused(array: MemoryArray) -> None:
    assert isinstance(refused(snapshots(array, {"name": "s1", "volume": "missing"}), "no volume missing"), NotFound)


def test_a_snapshot_name_that_the_array_does_not_accept_is_refused(array: MemoryArray) -> None:
    assert isinstance(refused(snapshots(array, {"name": "a/b", "volume": "db1"}), "not a name"), Invalid)


@pytest.mark.parametrize(
    ("state", "kind", "texts"),
    [
        ("deleting", Busy, ["still deleting snapshot s1", "Run the task again"]),
        ("error", Conflict, ["snapshot s1 in state error", "state: absent"]),
        ("offline", Conflict, ["snapshot s1 is there, but offline"]),
    ],
)
def test_an_existing_snapshot_that_cannot_be_used_is_an_error(
    array: MemoryArray, state: str, kind: type, texts: list[str]
) -> None:
    array.snapshot("db1", "s1", state=state)
    assert isinstance(refused(snapshots(array, {"name": "s1", "volume": "db1"}), *texts), kind)
    array.group("g", "db2")
    array.snapshot("db2", "db2.s1", state=state)
    texts = [text.replace("snapshot s1", "snapshot db2.s1") for text in texts]
    assert isinstance(refused(snapshots(array, {"name": "s1", "group": "g"}), *texts), kind)


@pytest.mark.parametrize(
    ("state", "message"),
    [("deleting", "still deleting volume db1"), ("error", "in state error"), ("copying", "not complete")],
)
def test_no_snapshot_is_taken_of_an_incomplete_volume(state: str, message: str) -> None:
    array = MemoryArray()
    array.volume("db1", state=state)
    array.group("g", "db1")
    refused(snapshots(array, {"name": "s1", "volume": "db1"}), message)
    refused(snapshots(array, {"name": "s1", "group": "g"}), message)


def test_two_volumes_may_have_snapshots_of_one_name(array: MemoryArray) -> None:
    done(snapshots(array, {"name": "s1", "volume": "db1"}, {"name": "s1", "volume": "db2"}))
    assert snapshot_names(array) == ["db1/s1", "db2/s1"]


@pytest.mark.parametrize("exists", [True, False])
def test_on_an_array_with_common_names_a_snapshot_name_is_used_once(exists: bool) -> None:
    array = MemoryArray(snapshot_names="with_volumes")
    array.volume("db1")
    array.volume("db2")
    if exists:
        array.snapshot("db2", "s1")
    items = [{"name": "s1", "volume": "db1"}] + ([] if exists else [{"name": "s1", "volume": "db2"}])
    assert isinstance(refused(snapshots(array, *items), "a snapshot of this name is there, of volume db"), Conflict)


def test_on_an_array_with_common_names_a_snapshot_cannot_have_the_name_of_a_volume() -> None:
    array = MemoryArray(snapshot_names="with_volumes")
    array.volume("db1")
    array.volume("db2")
    error = refused(snapshots(array, {"name": "db2", "volume": "db1"}), "a volume has this name")
    assert isinstance(error, Conflict)


def test_the_predicted_snapshot_has_the_fields_of_a_real_one(array: MemoryArray) -> None:
    task = snapshots(array, {"name": "s1", "volume": "db1"})
    predicted = task.reporter.snapshot(task.desired.snapshots[0]).after
    task.run()
    result = task.reporter.snapshot(task.desired.snapshots[0]).after
    assert predicted.keys() == result.keys()
    assert {**predicted, "id": "", "created": ""} == {**result, "id": "", "created": ""}
    assert predicted["created"] is None
    assert predicted["id"] is None


# -- sets of one instant -----------------------------------------------------------------------------------------------


SET = [{"name": "m1", "volume": "db1"}, {"name": "m2", "volume": "db2"}]


def test_an_atomic_set_is_one_step(array: MemoryArray) -> None:
    task = snapshots(array, *SET, atomic=True)
    assert task.lines == ["create snapshots at one instant: m1 of volume db1, m2 of volume db2"]
    assert [entry.changed for entry in map(task.reporter.snapshot, task.desired.snapshots)] == [True, True]
    task.run()
    assert snapshot_names(array) == ["db1/m1", "db2/m2"]
    assert array.writes == ["create_snapshots"]
    assert snapshots(array, *SET, atomic=True).lines == []


def test_an_atomic_set_of_one_is_an_ordinary_snapshot(array: MemoryArray) -> None:
    array.capabilities.refusals["atomic_snapshots"] = "no"  # type: ignore[index]
    assert done(snapshots(array, SET[0], atomic=True)).lines == ["create snapshot m1 of volume db1"]


def test_an_atomic_set_is_refused_for_all_on_an_array_without_them() -> None:
    array = MemoryArray(refusals={"atomic_snapshots": "this version takes them one by one"})
    array.volume("db1")
    array.volume("db2")
    task = snapshots(array, *SET, atomic=True)
    assert task.lines == []
    assert [type(outcome.error) for outcome in task.plan.outcomes.values()] == [Unsupported, Unsupported]


def test_one_impossible_snapshot_refuses_its_atomic_set(array: MemoryArray) -> None:
    task = snapshots(array, *SET + [{"name": "m3", "volume": "missing"}], atomic=True)
    assert task.lines == []
    assert all("there is no volume missing" in str(outcome.error) for outcome in task.plan.outcomes.values())
    assert [outcome.error.target for outcome in task.plan.outcomes.values() if outcome.error] == ["m1", "m2", "missing"]


def test_an_existing_snapshot_of_an_atomic_set_is_a_conflict(array: MemoryArray) -> None:
    array.snapshot("db1", "m1")
    task = snapshots(array, *SET, atomic=True)
    assert isinstance(refused(task, "m1 is there already", "new names"), Conflict)
    assert task.lines == []


def test_a_group_cannot_be_in_an_atomic_set(array: MemoryArray) -> None:
    array.group("g", "db1", "db2")
    task = snapshots(array, SET[0], {"name": "s", "group": "g"}, atomic=True)
    assert isinstance(refused(task, "of one instant by itself"), Invalid)


# -- groups ------------------------------------------------------------------------------------------------------------


def test_a_snapshot_of_a_group_has_a_snapshot_of_each_member(array: MemoryArray) -> None:
    array.group("g", "db1", "db2")
    task = done(snapshots(array, {"name": "s", "group": "g"}))
    assert task.lines == ["create snapshot s of every volume in group g at one instant"]
    after = task.reporter.snapshot(task.desired.snapshots[0]).after
    assert after["group"] == "g"
    assert [member["name"] for member in after["members"]] == ["db1.s", "db2.s"]
    done(snapshots(array, {"name": "s", "group": "g", "state": "absent"}))
    assert snapshot_names(array) == []


def test_a_group_with_the_snapshot_of_some_members_is_a_conflict(array: MemoryArray) -> None:
    array.group("g", "db1", "db2")
    array.snapshot("db1", "db1.s")
    assert isinstance(refused(snapshots(array, {"name": "s", "group": "g"}), "only some", "db1"), Conflict)


@pytest.mark.parametrize(("members", "message"), [(None, "no consistency group g"), ([], "has no volumes")])
def test_a_missing_or_empty_group_is_reported(array: MemoryArray, members: Any, message: str) -> None:
    if members is not None:
        array.group("g", *members)
    assert isinstance(refused(snapshots(array, {"name": "s", "group": "g"}), message), NotFound)


def test_a_group_and_a_volume_may_have_the_same_name(array: MemoryArray) -> None:
    array.group("db1", "db2")
    done(snapshots(array, {"name": "s", "group": "db1"}, {"name": "s", "volume": "db1"}))
    assert snapshot_names(array) == ["db1/s", "db2/db2.s"]


# -- deletion ----------------------------------------------------------------------------------------------------------


ABSENT = {"name": "s1", "volume": "db1", "state": "absent"}


def test_deleting_an_absent_snapshot_changes_nothing(array: MemoryArray) -> None:
    assert snapshots(array, ABSENT).lines == []


def test_a_snapshot_is_deleted_by_its_name_when_the_name_is_unique(array: MemoryArray) -> None:
    array.snapshot("db1", "s1")
    done(snapshots(array, {"name": "s1", "state": "absent"}))
    array.snapshot("db1", "s2")
    array.snapshot("db2", "s2")
    error = refused(snapshots(array, {"name": "s2", "state": "absent"}), "db1, db2", "by volume")
    assert isinstance(error, Conflict)


def test_a_mapped_snapshot_is_deleted_only_with_unmap(array: MemoryArray) -> None:
    array.snapshot("db1", "s1")
    array.map("s1", "h")
    assert isinstance(refused(snapshots(array, ABSENT, force=True), "mapped to host h", "unmap: true"), Refused)
    task = done(snapshots(array, ABSENT, unmap=True))
    assert task.lines == ["unmap volume s1 from host h", "delete snapshot s1 of volume db1"]


def test_deleting_a_snapshot_with_an_open_session_needs_force(array: MemoryArray) -> None:
    array.snapshot("db1", "s1")
    array.map("s1", "h", open=True)
    assert isinstance(refused(snapshots(array, ABSENT, unmap=True), "open session"), Refused)
    done(snapshots(array, ABSENT, unmap=True, force=True))


def test_a_snapshot_whose_mappings_are_not_reported_needs_assume_unmapped() -> None:
    array = MemoryArray(mappings_known="of_no_host")
    array.volume("db1")
    array.snapshot("db1", "s1")
    assert isinstance(refused(snapshots(array, ABSENT, unmap=True), "cannot be asked", "assume_unmapped"), Refused)
    done(snapshots(array, ABSENT, assume_unmapped=True))


def test_deleting_a_snapshot_of_openstack_needs_openstack_owned(array: MemoryArray) -> None:
    array.snapshot("db1", "snapshot-" + UUID)
    desired = {"name": "snapshot-" + UUID, "volume": "db1", "state": "absent"}
    assert isinstance(refused(snapshots(array, desired, unmap=True), "belongs to OpenStack"), Refused)
    done(snapshots(array, desired, openstack_owned=True))


def test_a_snapshot_that_clones_depend_on_is_never_deleted() -> None:
    array = MemoryArray(clones_depend=True)
    array.volume("db1")
    array.snapshot("db1", "s1")
    array.clone("s1", "copy")
    all_permissions = {"unmap": True, "force": True, "openstack_owned": True}
    assert isinstance(refused(snapshots(array, ABSENT, **all_permissions), "copy depends on it"), InUse)


# -- restore -----------------------------------------------------------------------------------------------------------


RESTORE = {"name": "s1", "volume": "db1", "state": "restored", "backup": "before"}


@pytest.fixture
def changed(array: MemoryArray) -> MemoryArray:
    """The array with a snapshot s1 of db1, whose content has changed since."""
    array.snapshot("db1", "s1")
    array.content[array._named("db1").id] = "something else"
    return array


def content(array: MemoryArray, name: str) -> str:
    return array.content[array._named(name).id]


def test_a_restore_keeps_the_present_content_and_happens_once(changed: MemoryArray) -> None:
    task = done(snapshots(changed, RESTORE))
    assert task.lines == [
        "restore volume db1 from snapshot s1, keeping its present content as snapshot before",
    ]
    assert content(changed, "db1") == "content of db1"
    backup = list(changed.snapshots(["before"]))[0]
    assert changed.content[backup.id] == "something else"
    repeated = snapshots(changed, RESTORE)
    assert repeated.lines == []
    assert repeated.warnings == ["the backup before is there, so volume db1 has been restored before"]


def test_a_mapped_volume_is_restored_only_with_unmap(changed: MemoryArray) -> None:
    changed.map("db1", "h")
    assert isinstance(refused(snapshots(changed, RESTORE), "mapped to host h", "then restored"), Refused)
    task = done(snapshots(changed, RESTORE, unmap=True))
    assert task.lines[0] == "unmap volume db1 from host h"


def test_a_completed_restore_is_not_refused_for_a_mapping(changed: MemoryArray) -> None:
    done(snapshots(changed, RESTORE))
    changed.map("db1", "h")
    assert snapshots(changed, RESTORE).lines == []


def test_a_restore_needs_assume_unmapped_where_mappings_are_unknown() -> None:
    array = MemoryArray(mappings_known="of_no_host")
    array.volume("db1")
    array.snapshot("db1", "s1")
    assert isinstance(refused(snapshots(array, RESTORE, unmap=True), "assume_unmapped: true"), Refused)
    done(snapshots(array, RESTORE, assume_unmapped=True))


def test_a_restore_of_a_volume_of_openstack_needs_openstack_owned(array: MemoryArray) -> None:
    array.volume("volume-" + UUID)
    array.snapshot("volume-" + UUID, "s1")
    desired = dict(RESTORE, volume="volume-" + UUID)
    assert isinstance(refused(snapshots(array, desired, unmap=True), "belongs to OpenStack"), Refused)
    done(snapshots(array, desired, openstack_owned=True))


def test_a_restore_of_a_missing_volume_or_snapshot_is_refused(array: MemoryArray) -> None:
    assert isinstance(refused(snapshots(array, RESTORE), "volume db1 has no snapshot s1"), NotFound)
    assert isinstance(refused(snapshots(array, dict(RESTORE, volume="missing")), "no volume missing"), NotFound)


def test_a_snapshot_of_another_volume_is_not_restored(array: MemoryArray) -> None:
    array.snapshot("db2", "s1")
    assert isinstance(refused(snapshots(array, RESTORE), "volume db1 has no snapshot s1"), NotFound)


def test_the_backup_cannot_be_a_snapshot_of_the_same_task(changed: MemoryArray) -> None:
    task = snapshots(changed, RESTORE, {"name": "before", "volume": "db1"})
    assert isinstance(refused(task, "the same task takes a snapshot before"), Invalid)


def test_on_an_array_with_common_names_the_backup_cannot_have_the_name_of_a_volume() -> None:
    array = MemoryArray(snapshot_names="with_volumes")
    array.volume("db1")
    array.volume("before")
    array.snapshot("db1", "s1")
    assert isinstance(refused(snapshots(array, RESTORE), "a volume has the name before"), Conflict)


@pytest.mark.parametrize("state", ["deleting", "error", "offline", "copying"])
def test_an_incomplete_snapshot_is_not_restored(changed: MemoryArray, state: str) -> None:
    changed.snapshot("db2", "s9", state=state)
    restore = {"name": "s9", "volume": "db2", "state": "restored", "backup": "before"}
    assert "s9" in str(refused(snapshots(changed, restore)))
    assert changed.writes == []


@pytest.mark.parametrize("state", ["deleting", "error", "copying"])
def test_an_incomplete_volume_is_not_restored(state: str) -> None:
    array = MemoryArray()
    array.volume("db1", state=state)
    array.snapshot("db1", "s1")
    refused(snapshots(array, {"name": "s1", "volume": "db1", "state": "restored", "backup": "b"}), "volume db1")


@pytest.mark.parametrize("state", ["deleting", "error", "offline"])
def test_a_failed_backup_does_not_prove_a_restore(array: MemoryArray, state: str) -> None:
    array.snapshot("db1", "s1")
    array.snapshot("db1", "before", state=state)
    refused(snapshots(array, {"name": "s1", "volume": "db1", "state": "restored", "backup": "before"}), "before")


def test_nothing_is_restored_when_another_part_of_the_task_is_refused(changed: MemoryArray) -> None:
    changed.map("db1", "h")
    task = snapshots(changed, RESTORE, {"name": "new", "volume": "missing"}, unmap=True)
    refused(task, "no volume missing")
    assert task.lines == []
    assert task.plan.world.mappings_of_volume("db1")


def test_a_restore_is_reported_as_a_change_of_the_snapshot(changed: MemoryArray) -> None:
    task = snapshots(changed, RESTORE)
    entry = task.reporter.snapshot(task.desired.snapshots[0])
    assert entry.changed
    assert entry.before == entry.after


# -- sets and names ----------------------------------------------------------------------------------------------------


def test_existing_snapshots_of_a_set_must_be_of_one_instant(array: MemoryArray) -> None:
    pair = [{"name": "s", "volume": name} for name in ("db1", "db2")]
    array.snapshot("db1", "s", group="a")
    array.snapshot("db2", "s", group="b")
    task = snapshots(array, *pair, atomic=True)
    error = refused(
        task, "Cannot take snapshot s of db1 on memory1", "s, s are there, but were not taken at one instant"
    )
    assert isinstance(error, Conflict)
    array.volume("db3")
    refused(snapshots(array, *pair, {"name": "s", "volume": "db3"}, atomic=True), "s, s is there already")
    for name in ("db4", "db5"):
        array.volume(name)
        array.snapshot(name, "t", group="c")
    pair = [{"name": "t", "volume": name} for name in ("db4", "db5")]
    assert done(snapshots(array, *pair, atomic=True)).lines == []


def test_existing_snapshots_of_a_group_must_be_of_one_instant(array: MemoryArray) -> None:
    array.group("g", "db1", "db2")
    array.snapshot("db1", "db1.s", group="a")
    array.snapshot("db2", "db2.s", group="b")
    error = refused(
        snapshots(array, {"name": "s", "group": "g"}), "Cannot take snapshot s of g", "not taken at one instant"
    )
    assert isinstance(error, Conflict)


def test_an_incomplete_set_is_completed_where_the_array_can() -> None:
    array = MemoryArray(finishes_snapshot_sets=True)
    for name in ("db1", "db2"):
        array.volume(name)
    array.snapshot("db1", "s")
    task = snapshots(array, {"name": "s", "volume": "db1"}, {"name": "s", "volume": "db2"}, atomic=True)
    (step,) = task.plan.steps
    assert isinstance(step, CreateSnapshots)
    assert step.snapshots == (("db2", "s"), ("db1", "s"))


def test_a_snapshot_of_a_group_needs_free_names() -> None:
    array = MemoryArray(snapshot_names="with_volumes")
    for name in ("db1", "db1.s"):
        array.volume(name)
    array.group("g", "db1")
    assert isinstance(refused(snapshots(array, {"name": "s", "group": "g"}), "a volume has the name db1.s"), Conflict)


def test_the_difference_has_the_deleted_snapshots_of_a_group(array: MemoryArray) -> None:
    array.group("g", "db1")
    array.snapshot("db1", "db1.s")
    task = snapshots(array, {"name": "s", "group": "g", "state": "absent"})
    (outcome,) = task.plan.outcomes.values()
    assert [snapshot.name for snapshot in outcome.before] == ["db1.s"]


def test_a_predicted_snapshot_has_the_id_of_its_volume(array: MemoryArray) -> None:
    task = snapshots(array, {"name": "s", "volume": "db1"})
    (snapshot,) = task.plan.world.snapshots_named("s", "db1")
    assert snapshot.volume_id == array._named("db1").id


# -- details -----------------------------------------------------------------------------------------------------------


def test_a_snapshot_with_an_independent_clone_is_deleted(array: MemoryArray) -> None:
    array.snapshot("db1", "s1")
    array.clone("s1", "copy")
    done(snapshots(array, {"name": "s1", "volume": "db1", "state": "absent"}))
    assert snapshot_names(array) == []


@pytest.mark.parametrize("method", ["create_volume", "clone_volume", "volume_from_snapshot"])
def test_a_new_volume_in_state_error_is_an_error(array: MemoryArray, method: str) -> None:
    array.snapshot("db1", "s1")
    create = getattr(array, method)
    setattr(array, method, lambda *args: replace(create(*args), state="error"))
    source = {"clone_volume": {"source_volume": "db1"}, "volume_from_snapshot": {"source_snapshot": "s1"}}
    applied = volumes(array, {"name": "new", "size": "1GiB", **source.get(method, {})}).run()
    assert "volume new in state error" in str(applied.errors[("volume", "new")])


def test_a_snapshot_is_as_large_as_its_volume(array: MemoryArray) -> None:
    array.volume("big", 5 * GIB)
    task = snapshots(array, {"name": "s", "volume": "big"})
    assert task.reporter.snapshot(task.desired.snapshots[0]).after["size"] == 5 * GIB
