# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is planned for snapshots: taken, at one instant, deleted, restored, the newest kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    Busy,
    Conflict,
    FlashError,
    InUse,
    Invalid,
    NotFound,
    Refused,
    Unsupported,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.steps import CreateSnapshots
from tests.support.memory_array import GIB, MemoryArray
from tests.support.planning import Task, done, refused, snapshots, volumes

UUID = "7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00"


@pytest.fixture
def array() -> MemoryArray:
    array = MemoryArray()
    array.volume("db1")
    array.volume("db2")
    array.host("h", "iqn.2026-01.org.example:h")
    return array


def names(array: MemoryArray) -> list[str]:
    return array.names()["snapshots"]


# -- taking ------------------------------------------------------------------------------------------------------------


def test_a_snapshot_is_taken_once(array: MemoryArray) -> None:
    task = done(snapshots(array, {"name": "s1", "volume": "db1"}))
    assert task.lines == ["create snapshot s1 of volume db1"]
    assert names(array) == ["db1/s1"]


def test_a_snapshot_of_a_volume_that_does_not_exist(array: MemoryArray) -> None:
    assert isinstance(refused(snapshots(array, {"name": "s1", "volume": "gone"}), "no volume gone"), NotFound)


def test_a_snapshot_name_that_the_array_does_not_take(array: MemoryArray) -> None:
    assert isinstance(refused(snapshots(array, {"name": "a/b", "volume": "db1"}), "not a name"), Invalid)


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        ("deleting", Busy, ["still deleting snapshot s1", "Run the task again"]),
        ("error", Conflict, ["snapshot s1 in state error", "state: absent"]),
        ("offline", Conflict, ["snapshot s1 is there, but offline"]),
    ],
)
def test_a_snapshot_that_cannot_be_used_is_not_taken_for_present(
    array: MemoryArray, state: str, kind: type, words: list[str]
) -> None:
    array.snapshot("db1", "s1", state=state)
    assert isinstance(refused(snapshots(array, {"name": "s1", "volume": "db1"}), *words), kind)
    array.group("g", "db2")
    array.snapshot("db2", "db2.s1", state=state)
    words = [word.replace("snapshot s1", "snapshot db2.s1") for word in words]
    assert isinstance(refused(snapshots(array, {"name": "s1", "group": "g"}), *words), kind)


@pytest.mark.parametrize(
    ("state", "words"),
    [("deleting", "still deleting volume db1"), ("error", "in state error"), ("copying", "not complete")],
)
def test_no_snapshot_is_taken_of_a_volume_without_its_content(state: str, words: str) -> None:
    array = MemoryArray()
    array.volume("db1", state=state)
    array.group("g", "db1")
    refused(snapshots(array, {"name": "s1", "volume": "db1"}), words)
    refused(snapshots(array, {"name": "s1", "group": "g"}), words)


def test_two_volumes_may_have_snapshots_of_one_name(array: MemoryArray) -> None:
    done(snapshots(array, {"name": "s1", "volume": "db1"}, {"name": "s1", "volume": "db2"}))
    assert names(array) == ["db1/s1", "db2/s1"]


@pytest.mark.parametrize("there", [True, False])
def test_in_one_name_space_only_one_volume_can_have_the_name(there: bool) -> None:
    array = MemoryArray(snapshot_names="with_volumes")
    array.volume("db1")
    array.volume("db2")
    if there:
        array.snapshot("db2", "s1")
    items = [{"name": "s1", "volume": "db1"}] + ([] if there else [{"name": "s1", "volume": "db2"}])
    assert isinstance(refused(snapshots(array, *items), "a snapshot of this name is there, of volume db"), Conflict)


def test_in_one_name_space_a_volume_s_name_is_taken() -> None:
    array = MemoryArray(snapshot_names="with_volumes")
    array.volume("db1")
    array.volume("db2")
    error = refused(snapshots(array, {"name": "db2", "volume": "db1"}), "a volume has this name")
    assert isinstance(error, Conflict)


def test_the_predicted_snapshot_has_the_fields_of_a_real_one(array: MemoryArray) -> None:
    task = snapshots(array, {"name": "s1", "volume": "db1"})
    predicted = task.reporter.snapshot(task.desired.snapshots[0]).after
    task.run()
    made = task.reporter.snapshot(task.desired.snapshots[0]).after
    assert predicted.keys() == made.keys()
    assert {k: v for k, v in predicted.items() if k not in ("id", "created")} == {
        k: v for k, v in made.items() if k not in ("id", "created")
    }
    assert predicted["created"] is None
    assert predicted["id"] is None


# -- at one instant ----------------------------------------------------------------------------------------------------

SET = [{"name": "m1", "volume": "db1"}, {"name": "m2", "volume": "db2"}]


def test_an_atomic_set_is_one_step(array: MemoryArray) -> None:
    task = snapshots(array, *SET, atomic=True)
    assert task.lines == ["create snapshots at one instant: m1 of volume db1, m2 of volume db2"]
    assert [entry.changed for entry in map(task.reporter.snapshot, task.desired.snapshots)] == [True, True]
    task.run()
    assert names(array) == ["db1/m1", "db2/m2"]
    assert array.writes == ["create_snapshots"]
    assert snapshots(array, *SET, atomic=True).lines == []


def test_an_atomic_set_of_one_is_an_ordinary_snapshot(array: MemoryArray) -> None:
    array.capabilities.refusals["atomic_snapshots"] = "no"  # type: ignore[index]
    assert done(snapshots(array, SET[0], atomic=True)).lines == ["create snapshot m1 of volume db1"]


def test_an_atomic_set_where_the_array_cannot_is_refused_for_all() -> None:
    array = MemoryArray(refusals={"atomic_snapshots": "this version takes them one by one"})
    array.volume("db1")
    array.volume("db2")
    task = snapshots(array, *SET, atomic=True)
    assert task.lines == []
    assert [type(outcome.error) for outcome in task.plan.outcomes.values()] == [Unsupported, Unsupported]


def test_one_impossible_snapshot_refuses_its_atomic_set(array: MemoryArray) -> None:
    task = snapshots(array, *SET + [{"name": "m3", "volume": "gone"}], atomic=True)
    assert task.lines == []
    assert all("there is no volume gone" in str(outcome.error) for outcome in task.plan.outcomes.values())
    assert [outcome.error.target for outcome in task.plan.outcomes.values() if outcome.error] == ["m1", "m2", "gone"]


def test_a_snapshot_that_exists_is_of_another_instant(array: MemoryArray) -> None:
    array.snapshot("db1", "m1")
    task = snapshots(array, *SET, atomic=True)
    assert isinstance(refused(task, "m1 is there already", "new names"), Conflict)
    assert task.lines == []


def test_a_group_does_not_share_its_instant(array: MemoryArray) -> None:
    array.group("g", "db1", "db2")
    task = snapshots(array, SET[0], {"name": "s", "group": "g"}, atomic=True)
    assert isinstance(refused(task, "of one instant by itself"), Invalid)


# -- of a group --------------------------------------------------------------------------------------------------------


def test_a_snapshot_of_a_group_is_one_of_each_member(array: MemoryArray) -> None:
    array.group("g", "db1", "db2")
    task = done(snapshots(array, {"name": "s", "group": "g"}))
    assert task.lines == ["create snapshot s of every volume in group g at one instant"]
    after = task.reporter.snapshot(task.desired.snapshots[0]).after
    assert after["group"] == "g"
    assert [member["name"] for member in after["members"]] == ["db1.s", "db2.s"]
    done(snapshots(array, {"name": "s", "group": "g", "state": "absent"}))
    assert names(array) == []


def test_a_group_of_which_only_some_members_have_the_snapshot(array: MemoryArray) -> None:
    array.group("g", "db1", "db2")
    array.snapshot("db1", "db1.s")
    assert isinstance(refused(snapshots(array, {"name": "s", "group": "g"}), "only some", "db1"), Conflict)


@pytest.mark.parametrize(("members", "words"), [(None, "no consistency group g"), ([], "has no volumes")])
def test_a_group_that_does_not_exist_or_is_empty(array: MemoryArray, members: Any, words: str) -> None:
    if members is not None:
        array.group("g", *members)
    assert isinstance(refused(snapshots(array, {"name": "s", "group": "g"}), words), NotFound)


def test_a_group_and_a_volume_of_one_name_are_two_things(array: MemoryArray) -> None:
    array.group("db1", "db2")
    done(snapshots(array, {"name": "s", "group": "db1"}, {"name": "s", "volume": "db1"}))
    assert names(array) == ["db1/s", "db2/db2.s"]


# -- deleting ----------------------------------------------------------------------------------------------------------

ABSENT = {"name": "s1", "volume": "db1", "state": "absent"}


def test_deleting_a_snapshot_that_does_not_exist_is_done_already(array: MemoryArray) -> None:
    assert snapshots(array, ABSENT).lines == []


def test_a_snapshot_is_deleted_by_name_alone_where_the_name_is_enough(array: MemoryArray) -> None:
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


def test_a_snapshot_with_an_open_session_needs_force_too(array: MemoryArray) -> None:
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


def test_a_snapshot_of_openstack_needs_its_permission(array: MemoryArray) -> None:
    array.snapshot("db1", "snapshot-" + UUID)
    desired = {"name": "snapshot-" + UUID, "volume": "db1", "state": "absent"}
    assert isinstance(refused(snapshots(array, desired, unmap=True), "belongs to OpenStack"), Refused)
    done(snapshots(array, desired, openstack_owned=True))


def test_a_snapshot_that_clones_depend_on_is_never_deleted() -> None:
    array = MemoryArray(clones_depend=True)
    array.volume("db1")
    array.snapshot("db1", "s1")
    array.clone("s1", "copy")
    everything = {"unmap": True, "force": True, "openstack_owned": True}
    assert isinstance(refused(snapshots(array, ABSENT, **everything), "copy depends on it"), InUse)


# -- restoring ---------------------------------------------------------------------------------------------------------

RESTORE = {"name": "s1", "volume": "db1", "state": "restored", "backup": "before"}


@pytest.fixture
def changed(array: MemoryArray) -> MemoryArray:
    """db1 was snapshotted, and then its content changed."""
    array.snapshot("db1", "s1")
    array.content[array._named("db1").id] = "something else"
    return array


def content(array: MemoryArray, name: str) -> str:
    return array.content[array._named(name).id]


def test_restoring_keeps_the_present_content_first_and_happens_once(changed: MemoryArray) -> None:
    task = done(snapshots(changed, RESTORE))
    assert task.lines == [
        "restore volume db1 from snapshot s1, keeping its present content as snapshot before",
    ]
    assert content(changed, "db1") == "content of db1"
    kept = list(changed.snapshots(["before"]))[0]
    assert changed.content[kept.id] == "something else"
    again = snapshots(changed, RESTORE)
    assert again.lines == []
    assert again.warnings == ["the backup before is there, so volume db1 has been restored before"]


def test_a_mapped_volume_is_restored_only_with_unmap(changed: MemoryArray) -> None:
    changed.map("db1", "h")
    assert isinstance(refused(snapshots(changed, RESTORE), "mapped to host h", "then restored"), Refused)
    task = done(snapshots(changed, RESTORE, unmap=True))
    assert task.lines[0] == "unmap volume db1 from host h"


def test_a_restore_that_is_done_already_is_not_refused_for_a_mapping(changed: MemoryArray) -> None:
    done(snapshots(changed, RESTORE))
    changed.map("db1", "h")
    assert snapshots(changed, RESTORE).lines == []


def test_restoring_where_mappings_are_unknown_needs_assume_unmapped() -> None:
    array = MemoryArray(mappings_known="of_no_host")
    array.volume("db1")
    array.snapshot("db1", "s1")
    assert isinstance(refused(snapshots(array, RESTORE, unmap=True), "assume_unmapped: true"), Refused)
    done(snapshots(array, RESTORE, assume_unmapped=True))


def test_restoring_a_volume_of_openstack_needs_its_permission(array: MemoryArray) -> None:
    array.volume("volume-" + UUID)
    array.snapshot("volume-" + UUID, "s1")
    desired = dict(RESTORE, volume="volume-" + UUID)
    assert isinstance(refused(snapshots(array, desired, unmap=True), "belongs to OpenStack"), Refused)
    done(snapshots(array, desired, openstack_owned=True))


def test_restoring_what_does_not_exist(array: MemoryArray) -> None:
    assert isinstance(refused(snapshots(array, RESTORE), "volume db1 has no snapshot s1"), NotFound)
    assert isinstance(refused(snapshots(array, dict(RESTORE, volume="gone")), "no volume gone"), NotFound)


def test_a_snapshot_of_another_volume_is_not_restored(array: MemoryArray) -> None:
    array.snapshot("db2", "s1")
    assert isinstance(refused(snapshots(array, RESTORE), "volume db1 has no snapshot s1"), NotFound)


def test_the_backup_is_not_a_snapshot_that_the_task_itself_takes(changed: MemoryArray) -> None:
    task = snapshots(changed, RESTORE, {"name": "before", "volume": "db1"})
    assert isinstance(refused(task, "the same task takes a snapshot before"), Invalid)


def test_a_backup_name_that_is_taken_in_one_name_space() -> None:
    array = MemoryArray(snapshot_names="with_volumes")
    array.volume("db1")
    array.volume("before")
    array.snapshot("db1", "s1")
    assert isinstance(refused(snapshots(array, RESTORE), "a volume has the name before"), Conflict)


@pytest.mark.parametrize("state", ["deleting", "error", "offline", "copying"])
def test_only_a_snapshot_that_has_its_content_is_restored(changed: MemoryArray, state: str) -> None:
    changed.snapshot("db2", "s9", state=state)
    restore = {"name": "s9", "volume": "db2", "state": "restored", "backup": "before"}
    assert "s9" in str(refused(snapshots(changed, restore)))
    assert changed.writes == []


@pytest.mark.parametrize("state", ["deleting", "error", "copying"])
def test_a_volume_that_does_not_have_its_content_is_not_restored(state: str) -> None:
    array = MemoryArray()
    array.volume("db1", state=state)
    array.snapshot("db1", "s1")
    refused(snapshots(array, {"name": "s1", "volume": "db1", "state": "restored", "backup": "b"}), "volume db1")


@pytest.mark.parametrize("state", ["deleting", "error", "offline"])
def test_a_failed_backup_is_no_proof_that_the_volume_was_restored(array: MemoryArray, state: str) -> None:
    array.snapshot("db1", "s1")
    array.snapshot("db1", "before", state=state)
    refused(snapshots(array, {"name": "s1", "volume": "db1", "state": "restored", "backup": "before"}), "before")


def test_nothing_is_restored_when_another_part_of_the_task_is_refused(changed: MemoryArray) -> None:
    changed.map("db1", "h")
    task = snapshots(changed, RESTORE, {"name": "new", "volume": "gone"}, unmap=True)
    refused(task, "no volume gone")
    assert task.lines == []
    assert task.plan.world.mappings_of_volume("db1")


def test_a_restore_is_reported_as_a_change_of_the_snapshot(changed: MemoryArray) -> None:
    task = snapshots(changed, RESTORE)
    entry = task.reporter.snapshot(task.desired.snapshots[0])
    assert entry.changed
    assert entry.before == entry.after


# -- sets and names ----------------------------------------------------------------------------------------------------


def test_snapshots_that_exist_are_of_one_instant_or_a_conflict(array: MemoryArray) -> None:
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


def test_members_of_a_group_have_snapshots_of_one_instant(array: MemoryArray) -> None:
    array.group("g", "db1", "db2")
    array.snapshot("db1", "db1.s", group="a")
    array.snapshot("db2", "db2.s", group="b")
    error = refused(
        snapshots(array, {"name": "s", "group": "g"}), "Cannot take snapshot s of g", "not taken at one instant"
    )
    assert isinstance(error, Conflict)


def test_a_set_that_was_begun_is_finished_with_what_exists_of_it() -> None:
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


def test_the_snapshots_of_a_group_before_they_are_deleted(array: MemoryArray) -> None:
    array.group("g", "db1")
    array.snapshot("db1", "db1.s")
    task = snapshots(array, {"name": "s", "group": "g", "state": "absent"})
    (outcome,) = task.plan.outcomes.values()
    assert [snapshot.name for snapshot in outcome.before] == ["db1.s"]


def test_a_predicted_snapshot_has_the_id_of_its_volume(array: MemoryArray) -> None:
    task = snapshots(array, {"name": "s", "volume": "db1"})
    (snapshot,) = task.plan.world.snapshots_named("s", "db1")
    assert snapshot.volume_id == array._named("db1").id


# -- keeping the newest ------------------------------------------------------------------------------------------------


def nightly(array: MemoryArray, new: str = "night-9", keep: int = 2, **policy: bool) -> Task:
    return snapshots(array, {"name": new, "volume": "db1", "keep": keep, "prefix": "night-"}, **policy)


@pytest.fixture
def nights(array: MemoryArray) -> MemoryArray:
    for number in range(1, 5):
        array.snapshot("db1", f"night-{number}")
    array.snapshot("db1", "other")
    array.snapshot("db2", "night-0")
    return array


def test_the_snapshot_that_is_being_taken_counts_as_the_newest(nights: MemoryArray) -> None:
    task = done(nightly(nights))
    assert names(nights) == ["db1/night-4", "db1/night-9", "db1/other", "db2/night-0"]
    assert task.lines[0] == "create snapshot night-9 of volume db1"
    entry = task.reporter.snapshot(task.desired.snapshots[0])
    assert entry.changed


def test_a_new_snapshot_that_is_not_complete_yet_removes_no_old_one(
    nights: MemoryArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may still fail, and then the old ones are all there is."""
    take = nights.create_snapshots
    monkeypatch.setattr(
        nights,
        "create_snapshots",
        lambda *args, **more: tuple(replace(s, state="copying") for s in take(*args, **more)),
    )
    before = names(nights)
    applied = nightly(nights, keep=1).run(continue_on_error=True)
    assert [step.line for step in applied.done] == ["create snapshot night-9 of volume db1"]
    assert [type(error) for error in applied.errors.values()] == [Busy]
    assert set(names(nights)) == {*before, "db1/night-9"}


def test_age_is_the_array_s_time_and_not_the_name(array: MemoryArray) -> None:
    for name in ("night-5", "night-1", "night-3"):
        array.snapshot("db1", name)
    done(nightly(array, keep=2))
    assert names(array) == ["db1/night-3", "db1/night-9"]


def test_a_run_that_has_its_snapshot_already_still_removes_the_old(nights: MemoryArray) -> None:
    nights.snapshot("db1", "night-9")
    task = nightly(nights)
    assert task.lines == [f"delete snapshot night-{n} of volume db1" for n in (3, 2, 1)]
    task.run()
    entries = task.plan.outcomes
    assert entries[("snapshot", "db1", "night-9")].steps == []
    assert names(nights) == ["db1/night-4", "db1/night-9", "db1/other", "db2/night-0"]


def test_a_declared_snapshot_is_never_too_old(nights: MemoryArray) -> None:
    task = nightly(nights, new="night-1", keep=1)
    assert "delete snapshot night-1 of volume db1" not in task.lines
    assert task.warnings == ["snapshot night-1 is old and stays: it is declared"]
    task.run()
    assert nightly(nights, new="night-1", keep=1).lines == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"proven": False}, "is not counted: the array does not prove"),
        ({"name": "night-" + UUID}, None),
    ],
)
def test_what_is_not_proven_is_not_counted(array: MemoryArray, fields: dict[str, Any], words: Any) -> None:
    array.snapshot("db1", fields.pop("name", "night-1"), **fields)
    task = nightly(array, keep=1)
    if words is None:
        assert len(task.lines) == 2
    else:
        assert len(task.lines) == 1
        assert words in task.warnings[0]


def test_retention_works_where_the_array_proves_some_snapshots_only() -> None:
    array = MemoryArray(proves_snapshots=False)
    array.volume("db1")
    for number in (1, 2):
        array.snapshot("db1", f"night-{number}", proven=True)
    assert nightly(array, new="night-2", keep=1).lines == ["delete snapshot night-1 of volume db1"]


def test_a_declared_snapshot_of_another_volume_keeps_none_of_this_one(nights: MemoryArray) -> None:
    nights.snapshot("db2", "night-1")
    declared = {"name": "night-1", "volume": "db2"}
    retained = {"name": "night-9", "volume": "db1", "keep": 2, "prefix": "night-"}
    done(snapshots(nights, declared, retained))
    assert names(nights) == ["db1/night-4", "db1/night-9", "db1/other", "db2/night-0", "db2/night-1"]


def test_a_snapshot_with_a_clone_that_is_independent_is_deleted(array: MemoryArray) -> None:
    array.snapshot("db1", "s1")
    array.clone("s1", "copy")
    done(snapshots(array, {"name": "s1", "volume": "db1", "state": "absent"}))
    assert names(array) == []


def test_a_mapped_snapshot_stays_whatever_is_permitted(nights: MemoryArray) -> None:
    nights.map("night-1", "h")
    task = nightly(nights, unmap=True, force=True)
    assert "snapshot night-1 is old and stays: it is mapped to h" in task.warnings
    task.run()
    assert "db1/night-1" in names(nights)


def test_a_snapshot_that_something_was_made_of_stays(nights: MemoryArray) -> None:
    nights.clone("night-2", "copy")
    task = nightly(nights)
    assert "snapshot night-2 is old and stays: copy was made of it" in task.warnings
    task.run()
    assert "db1/night-2" in names(nights)
    assert "db1/night-1" not in names(nights)


def test_what_is_as_old_as_the_oldest_that_is_kept_stays(array: MemoryArray) -> None:
    for number in range(3):
        array.snapshot("db1", f"night-{number}", created="2026-01-01T00:00:00")
    task = nightly(array, new="night-2", keep=1)
    assert task.lines == []
    assert "snapshot night-0 is old and stays: it is of the same time as night-2" in task.warnings


def test_what_is_not_reported_counts_against_deleting() -> None:
    array = MemoryArray(tells_mappings=False)
    array.volume("db1")
    array.snapshot("db1", "night-1")
    task = nightly(array, keep=1)
    assert task.warnings == ["snapshot night-1 is old and stays: the array does not report whether it is in use"]


def test_retention_is_refused_where_nothing_is_proven() -> None:
    array = MemoryArray(proves_snapshots=False)
    array.volume("db1")
    array.snapshot("db1", "night-1")
    error = refused(nightly(array, keep=1), "does not prove that an object is a snapshot")
    assert isinstance(error, Refused)


def test_retention_needs_the_age(array: MemoryArray) -> None:
    array.snapshot("db1", "night-1", created=None)
    assert isinstance(refused(nightly(array), "does not report how old night-1 is"), Refused)


def test_an_incomplete_read_disables_retention(nights: MemoryArray) -> None:
    nights.unreadable["snapshot"] = ["night-2"]
    task = nightly(nights)
    assert task.lines == ["create snapshot night-9 of volume db1"]
    assert task.warnings == ["not every snapshot could be read, so none was removed for being old"]


def test_no_old_snapshot_is_deleted_when_no_new_one_can_be_taken(nights: MemoryArray) -> None:
    task = nightly(nights, new="night-/")
    refused(task, "not a name")
    assert task.lines == []


def test_no_old_snapshot_is_deleted_when_the_new_one_fails_on_the_array(nights: MemoryArray) -> None:
    nights.fail("create_snapshots", FlashError("no room"))
    task = nightly(nights)
    applied = task.run(continue_on_error=True)
    assert applied.done == ()
    assert "delete_snapshot" not in nights.writes
    assert names(nights).count("db1/night-1") == 1


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
    assert names(array) == [f"db1/night-{number}" for number in (2, 3, 4, 5, 9)]


@pytest.mark.parametrize("state", ["error", "offline"])
def test_retention_never_removes_an_old_failed_snapshot(array: MemoryArray, state: str) -> None:
    array.snapshot("db1", "night-1", state=state)
    array.snapshot("db1", "night-2")
    assert nightly(array, keep=1).lines[1:] == ["delete snapshot night-2 of volume db1"]
    done(snapshots(array, {"name": "night-1", "volume": "db1", "state": "absent"}))


def test_a_snapshot_that_the_array_is_deleting_is_neither_counted_nor_removed_again(array: MemoryArray) -> None:
    for number, state in enumerate(["deleting", "ready", "ready", "deleting"]):
        array.snapshot("db1", f"night-{number}", state=state)
    task = nightly(array, new="night-2", keep=2)
    assert (task.lines, task.warnings) == ([], [])
    assert snapshots(array, {"name": "night-3", "volume": "db1", "state": "absent"}).lines == []


@pytest.mark.parametrize("state", ["error", "deleting"])
def test_no_old_snapshot_is_deleted_when_the_new_one_has_failed_on_the_array(nights: MemoryArray, state: str) -> None:
    """The array took it without an error, and reports it as failed."""
    taken = nights.create_snapshots
    nights.create_snapshots = lambda *args, **options: tuple(  # type: ignore[method-assign]
        replace(snapshot, state=state) for snapshot in taken(*args, **options)
    )
    applied = nightly(nights).run(continue_on_error=True)
    assert [type(error) for error in applied.errors.values()] == [Conflict if state == "error" else Busy]
    assert applied.done == ()
    assert "delete_snapshot" not in nights.writes


@pytest.mark.parametrize("method", ["create_volume", "clone_volume", "volume_from_snapshot"])
def test_a_volume_that_the_array_makes_in_error_is_an_error(array: MemoryArray, method: str) -> None:
    array.snapshot("db1", "s1")
    make = getattr(array, method)
    setattr(array, method, lambda *args: replace(make(*args), state="error"))
    source = {"clone_volume": {"source_volume": "db1"}, "volume_from_snapshot": {"source_snapshot": "s1"}}
    applied = volumes(array, {"name": "new", "size": "1GiB", **source.get(method, {})}).run()
    assert "volume new in state error" in str(applied.errors[("volume", "new")])


def test_two_retentions_of_one_volume(nights: MemoryArray) -> None:
    nights.snapshot("db1", "week-1")
    done(
        snapshots(
            nights,
            {"name": "night-9", "volume": "db1", "keep": 1, "prefix": "night-"},
            {"name": "week-2", "volume": "db1", "keep": 1, "prefix": "week-"},
        )
    )
    assert [name for name in names(nights) if name.startswith("db1/")] == ["db1/night-9", "db1/other", "db1/week-2"]


def test_a_snapshot_is_as_large_as_its_volume(array: MemoryArray) -> None:
    array.volume("big", 5 * GIB)
    task = snapshots(array, {"name": "s", "volume": "big"})
    assert task.reporter.snapshot(task.desired.snapshots[0]).after["size"] == 5 * GIB
