# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for volumes: sizes, conflicts, options, clones, renames, groups."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import report
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    BadReply,
    Busy,
    Conflict,
    Invalid,
    NotFound,
    Refused,
    Unsupported,
)
from tests.support.memory_array import GIB, MIB, MemoryArray
from tests.support.planning import document, done, refused, volumes

UUID = "7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00"


@pytest.fixture
def array() -> MemoryArray:
    return MemoryArray()


# -- sizes -------------------------------------------------------------------------------------------------------------


def test_a_new_volume_is_created_with_its_size(array: MemoryArray) -> None:
    task = done(volumes(array, {"name": "db1", "size": "10GiB"}))
    assert task.lines == ["create volume db1 of 10GiB"]
    assert array.names()["volumes"] == ["db1 %s" % (10 * GIB)]


def test_a_size_is_rounded_up_to_the_granularity_of_the_array() -> None:
    array = MemoryArray(granularity=8 * MIB)
    done(volumes(array, {"name": "db1", "size": "1001MiB"}))
    assert array.names()["volumes"] == ["db1 %s" % (1008 * MIB)]


@pytest.mark.parametrize("size", ["1MiB", "2TiB"])
def test_a_size_outside_the_limits_of_the_array_is_refused(size: str) -> None:
    array = MemoryArray(smallest=2 * MIB)
    error = refused(volumes(array, {"name": "db1", "size": size}), "from 2MiB to 1TiB")
    assert isinstance(error, Invalid)


def test_a_larger_size_extends_the_volume(array: MemoryArray) -> None:
    array.volume("db1", GIB)
    assert done(volumes(array, {"name": "db1", "size": "2GiB"})).lines == ["extend volume db1 from 1GiB to 2GiB"]


def test_the_same_size_after_rounding_is_no_change() -> None:
    array = MemoryArray(granularity=GIB)
    array.volume("db1", 2 * GIB)
    assert volumes(array, {"name": "db1", "size": "1500MiB"}).lines == []


def test_a_volume_that_the_array_has_rounded_up_to_its_extents_has_the_requested_size() -> None:
    array = MemoryArray(extent=GIB)
    array.volume("db1", 2 * GIB)
    assert done(volumes(array, {"name": "db1", "size": "1025MiB"})).lines == []
    assert isinstance(refused(volumes(array, {"name": "db1", "size": "1GiB"}), "smaller"), Refused)
    assert done(volumes(array, {"name": "db1", "size": "2049MiB"})).lines == ["extend volume db1 from 2GiB to 2049MiB"]


def test_shrinking_is_refused_with_any_permission(array: MemoryArray) -> None:
    array.volume("db1", 2 * GIB)
    task = volumes(array, {"name": "db1", "size": "1GiB"}, unmap=True, force=True, openstack_owned=True, shared=True)
    assert isinstance(refused(task, "making it smaller (1GiB) would destroy data"), Refused)


def test_a_new_volume_needs_a_size_or_a_source(array: MemoryArray) -> None:
    assert isinstance(refused(volumes(array, {"name": "db1"}), "needs a size"), Invalid)


def test_an_existing_volume_needs_no_size(array: MemoryArray) -> None:
    array.volume("db1")
    assert volumes(array, {"name": "db1"}).lines == []


# -- conflicts and refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "desired"),
    [({"pool": "p1"}, {"pool": "p2"}), ({"provisioning": "thick"}, {"provisioning": "thin"})],
)
def test_another_pool_or_provisioning_is_a_conflict(
    array: MemoryArray, fields: dict[str, Any], desired: dict[str, Any]
) -> None:
    array.volume("db1", **fields)
    error = refused(volumes(array, dict(desired, name="db1")), *list(fields.values()) + list(desired.values()))
    assert isinstance(error, Conflict)
    assert str(error).startswith("Cannot create or change volume db1 on memory1: ")


def test_a_provisioning_that_the_array_lacks_is_refused(array: MemoryArray) -> None:
    error = refused(volumes(array, {"name": "db1", "size": "1GiB", "provisioning": "dedup"}), "thin and thick")
    assert isinstance(error, Invalid)


@pytest.mark.parametrize("name", ["bad/name", "x" * 41])
def test_a_name_that_the_array_does_not_accept_is_refused(array: MemoryArray, name: str) -> None:
    assert isinstance(refused(volumes(array, {"name": name, "size": "1GiB"}), "1 to 40 letters"), Invalid)


def test_an_operation_that_the_array_lacks_is_refused_with_its_reason() -> None:
    array = MemoryArray(refusals={"extend_volume": "this model cannot grow a volume; make a larger one"})
    array.volume("db1")
    error = refused(volumes(array, {"name": "db1", "size": "2GiB"}), "this model cannot grow a volume")
    assert isinstance(error, Unsupported)


def test_a_volume_that_is_being_deleted_is_busy(array: MemoryArray) -> None:
    array.volume("db1", state="deleting")
    assert isinstance(refused(volumes(array, {"name": "db1", "size": "1GiB"}), "still deleting"), Busy)


@pytest.mark.parametrize("desired", [{}, {"size": "2GiB"}, {"rename_from": "db1", "name": "db2"}])
def test_a_volume_in_state_error_is_a_conflict(array: MemoryArray, desired: dict[str, Any]) -> None:
    array.volume("db1", state="error")
    error = refused(volumes(array, {"name": "db1", **desired}), "volume db", "in state error", "array's own tools")
    assert isinstance(error, Conflict)
    assert array.writes == []


def test_an_offline_volume_is_an_error_unless_it_is_to_be_extended(array: MemoryArray) -> None:
    array.volume("db1", state="offline")
    refused(volumes(array, {"name": "db1", "size": "1GiB"}), "volume db1 is there, but offline", "bring it online")
    # A run that was killed during an extension can have left the volume offline, and the next run must complete it.
    assert volumes(array, {"name": "db1", "size": "2GiB"}).lines == ["extend volume db1 from 1GiB to 2GiB"]


@pytest.mark.parametrize(
    ("state", "message"),
    [("deleting", "still deleting"), ("error", "in state error"), ("copying", "the array is still copying into it")],
)
def test_no_volume_is_created_from_an_incomplete_source(array: MemoryArray, state: str, message: str) -> None:
    array.volume("gold", state=state)
    array.volume("db1")
    array.snapshot("db1", "s1", state=state)
    refused(volumes(array, {"name": "db2", "source_volume": "gold"}), message)
    refused(volumes(array, {"name": "db2", "source_snapshot": "s1"}), message)


def test_a_snapshot_that_the_array_is_deleting_is_not_deleted_again_with_its_volume(array: MemoryArray) -> None:
    array.volume("db1")
    array.snapshot("db1", "s1", state="deleting")
    array.snapshot("db1", "s2")
    task = volumes(array, {"name": "db1", "state": "absent"}, delete_snapshots=True)
    assert task.lines == ["delete snapshot s2 of volume db1", "delete volume db1"]
    assert volumes(array, {"name": "db1", "state": "absent"}).lines == []


def test_a_volume_that_could_not_be_read_is_not_absent(array: MemoryArray) -> None:
    array.volume("db1")
    array.unreadable["volume"] = ["db1"]
    for desired in ({"name": "db1", "size": "1GiB"}, {"name": "db1", "state": "absent"}):
        assert isinstance(refused(volumes(array, desired), "could not be read"), BadReply)


# -- array_options -----------------------------------------------------------------------------------------------------


def test_a_new_volume_is_created_with_its_options(array: MemoryArray) -> None:
    task = done(volumes(array, {"name": "db1", "size": "1GiB", "array_options": {"iops": 500, "mode": "slow"}}))
    assert task.reporter.volume(task.desired.volumes[0]).after["array_options"] == {
        "iops": 500,
        "mode": "slow",
        "cached": None,
        "replicas": None,  # reported for every volume; the array chooses it
    }


def test_a_different_option_is_set(array: MemoryArray) -> None:
    array.volume("db1", options={"iops": 100, "mode": "slow"})
    task = done(volumes(array, {"name": "db1", "array_options": {"iops": 500, "mode": "slow"}}))
    assert task.lines == ["set iops=500 of volume db1"]


def test_a_text_of_a_template_counts_as_its_value(array: MemoryArray) -> None:
    array.volume("db1", options={"iops": 500, "cached": True})
    assert done(volumes(array, {"name": "db1", "array_options": {"iops": "500", "cached": "yes"}})).lines == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colour": "red"}, "have no option colour"),
        ({"iops": "many"}, "'many' is not a value for iops"),
        ({"iops": True}, "True is not a value for iops"),
        ({"iops": None}, "None is not a value for iops"),
        ({"mode": "medium"}, "one of fast, slow"),
        ({"cached": 1}, "1 is not a value for cached"),
    ],
)
def test_an_unknown_option_or_value_is_refused(array: MemoryArray, options: dict[str, Any], message: str) -> None:
    task = volumes(array, {"name": "db1", "size": "1GiB", "array_options": options})
    assert isinstance(refused(task, message), Invalid)


def test_a_create_only_option_of_an_existing_volume_is_a_conflict(array: MemoryArray) -> None:
    array.volume("db1", options={"replicas": 3})
    assert volumes(array, {"name": "db1", "array_options": {"replicas": 3}}).lines == []
    task = volumes(array, {"name": "db1", "array_options": {"replicas": 2}})
    assert isinstance(refused(task, "its replicas is 3, not 2"), Conflict)


def test_an_option_that_cannot_be_read_is_kept_with_a_warning(array: MemoryArray) -> None:
    array.volume("db1", options={"hidden": 1})
    task = volumes(array, {"name": "db1", "array_options": {"hidden": 2}})
    assert task.lines == []
    assert task.warnings == ["hidden of volume db1 cannot be read back, so it stays as it is"]


def test_an_option_that_cannot_be_read_is_not_in_the_prediction_or_the_result(array: MemoryArray) -> None:
    task = volumes(array, {"name": "db1", "size": "1GiB", "array_options": {"hidden": 2, "iops": 5}})
    (predicted,) = report.volumes(task.reporter, task.desired)
    task.run()
    (result,) = report.volumes(task.reporter, task.desired)
    assert predicted.after["array_options"] == result.after["array_options"]
    assert result.after["array_options"] == {"iops": 5, "mode": None, "cached": None, "replicas": None}


# -- clones ------------------------------------------------------------------------------------------------------------


def test_a_clone_has_the_size_of_its_source(array: MemoryArray) -> None:
    array.volume("db1", 3 * GIB)
    task = volumes(array, {"name": "copy", "source_volume": "db1"})
    assert task.reporter.volume(task.desired.volumes[0]).after["size"] == 3 * GIB
    done(task)
    assert "copy %s" % (3 * GIB) in array.names()["volumes"]


def test_a_clone_may_be_larger_but_not_smaller_than_its_source(array: MemoryArray) -> None:
    array.volume("db1", 3 * GIB)
    done(volumes(array, {"name": "larger", "source_volume": "db1", "size": "4GiB"}))
    task = volumes(array, {"name": "smaller", "source_volume": "db1", "size": "2GiB"})
    assert isinstance(refused(task, "2GiB is smaller than its source"), Invalid)


def test_a_volume_is_created_from_a_snapshot(array: MemoryArray) -> None:
    array.volume("db1")
    array.snapshot("db1", "monday")
    task = done(volumes(array, {"name": "copy", "source_snapshot": "monday"}))
    assert task.lines == ["create volume copy from snapshot monday"]


def test_an_ambiguous_snapshot_name_needs_source_volume(array: MemoryArray) -> None:
    for name in ("db1", "db2"):
        array.volume(name)
        array.snapshot(name, "monday")
    task = volumes(array, {"name": "copy", "source_snapshot": "monday"})
    assert isinstance(refused(task, "db1, db2", "source_volume"), Conflict)
    done(volumes(array, {"name": "copy", "source_snapshot": "monday", "source_volume": "db2"}))
    task = volumes(array, {"name": "copy2", "source_snapshot": "monday", "source_volume": "copy"})
    assert isinstance(refused(task, "snapshot monday is not one of volume copy"), Invalid)


@pytest.mark.parametrize("source", [{"source_volume": "missing"}, {"source_snapshot": "missing"}])
def test_a_missing_source_is_refused(array: MemoryArray, source: dict[str, Any]) -> None:
    assert isinstance(refused(volumes(array, dict(source, name="copy")), "there is no", "missing"), NotFound)


def test_a_volume_cannot_be_its_own_source(array: MemoryArray) -> None:
    refused(volumes(array, {"name": "db1", "source_volume": "db1"}), "cannot be made of itself")


def test_an_existing_clone_of_another_source_has_a_warning(array: MemoryArray) -> None:
    array.volume("db1")
    array.volume("db2")
    array.clone("db1", "copy")
    task = volumes(array, {"name": "copy", "source_volume": "db2"})
    assert task.lines == []
    assert task.warnings == ["volume copy was made of db1, not of db2"]


def test_a_chain_of_clones_is_created_in_the_order_of_its_sources(array: MemoryArray) -> None:
    task = document(
        array,
        volumes=[
            {"name": "c", "source_snapshot": "s"},
            {"name": "b", "source_volume": "a"},
            {"name": "a", "size": "1GiB"},
        ],
        snapshots=[{"name": "s", "volume": "b"}],
    )
    done(task)
    assert task.lines == [
        "create volume a of 1GiB",
        "clone volume a to b",
        "create snapshot s of volume b",
        "create volume c from snapshot s",
    ]


def test_volumes_that_are_sources_of_each_other_are_refused(array: MemoryArray) -> None:
    task = volumes(array, {"name": "a", "source_volume": "b"}, {"name": "b", "source_volume": "a"}, {"name": "c"})
    assert [str(error) for error in task.errors if "wait for each other" in str(error)]
    assert len(task.errors) == 2
    assert task.plan.outcomes[("volume", "a")].error is task.plan.outcomes[("volume", "b")].error


def test_existing_volumes_may_be_sources_of_each_other(array: MemoryArray) -> None:
    array.volume("a")
    array.volume("b")
    assert volumes(array, {"name": "a", "source_volume": "b"}, {"name": "b", "source_volume": "a"}).lines == []


def test_a_clone_of_a_refused_volume_has_the_error_of_its_source(array: MemoryArray) -> None:
    task = volumes(array, {"name": "bad/", "size": "1GiB"}, {"name": "copy", "source_volume": "bad/"})
    assert "not a name" in str(task.error)
    assert set(task.plan.outcomes) == {("volume", "bad/"), ("volume", "copy")}


# -- renaming ----------------------------------------------------------------------------------------------------------


def test_a_renamed_volume_keeps_its_mappings_and_snapshots(array: MemoryArray) -> None:
    array.volume("old")
    array.host("h", "iqn.2026-01.org.example:h")
    array.map("old", "h")
    array.snapshot("old", "s")
    task = done(volumes(array, {"name": "new", "rename_from": "old", "size": "2GiB"}))
    assert task.lines == ["rename volume old to new", "extend volume new from 1GiB to 2GiB"]
    assert array.names()["mappings"] == ["h new 0"]
    assert array.names()["snapshots"] == ["new/s"]
    after = task.reporter.volume(task.desired.volumes[0]).after
    assert after["mappings"] == [{"host": "h", "volume": "new", "lun": 0, "device": None}]


def test_renaming_a_volume_of_openstack_needs_openstack_owned(array: MemoryArray) -> None:
    array.volume("volume-" + UUID)
    desired = {"name": "renamed", "rename_from": "volume-" + UUID}
    assert isinstance(refused(volumes(array, desired), "belongs to OpenStack", "openstack_owned: true"), Refused)
    done(volumes(array, desired, openstack_owned=True))


def test_renaming_to_the_name_of_an_existing_volume_changes_nothing(array: MemoryArray) -> None:
    array.volume("old")
    array.volume("new")
    task = volumes(array, {"name": "new", "rename_from": "old"})
    assert task.lines == []
    assert task.warnings == ["volume new is there already, so old keeps its name"]


def test_a_chain_of_renames_frees_each_name_before_its_use(array: MemoryArray) -> None:
    first, second = array.volume("a", GIB), array.volume("b", 2 * GIB)
    done(volumes(array, {"name": "b", "rename_from": "a"}, {"name": "c", "rename_from": "b"}))
    assert array.names()["volumes"] == [f"b {first.size}", f"c {second.size}"]


def test_a_new_volume_may_have_a_name_that_a_rename_frees(array: MemoryArray) -> None:
    array.volume("data", GIB)
    done(volumes(array, {"name": "data", "size": "3GiB"}, {"name": "data-old", "rename_from": "data"}))
    assert array.names()["volumes"] == ["data %s" % (3 * GIB), f"data-old {GIB}"]


@pytest.mark.parametrize("first", [{"name": "a", "size": "1GiB"}, {"name": "a", "rename_from": "old"}])
def test_a_new_volume_of_the_same_task_is_not_renamed(array: MemoryArray, first: dict[str, Any]) -> None:
    array.volume("old")
    items = [first, {"name": "b", "rename_from": "a", "size": "2GiB"}]
    for ordered in (items, items[::-1]):
        task = volumes(array, *ordered)
        assert isinstance(refused(task, "volume a", "is made by this very task"), Invalid)
        assert len(task.lines) == 1


def test_an_unreadable_volume_is_not_renamed(array: MemoryArray) -> None:
    array.volume("a")
    array.unreadable["volume"] = ["a"]
    task = volumes(array, {"name": "a"}, {"name": "b", "rename_from": "a", "size": "2GiB"})
    assert task.lines == []
    assert [type(error) for error in task.errors] == [BadReply, BadReply]


def test_a_clone_of_a_renamed_volume_by_its_old_name_is_refused(array: MemoryArray) -> None:
    array.volume("a")
    items = [{"name": "copy", "source_volume": "a"}, {"name": "b", "rename_from": "a"}]
    for ordered in (items, items[::-1]):
        assert isinstance(refused(volumes(array, *ordered), "there is no volume a to clone"), NotFound)


# -- common names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("snapshot_names", ["with_volumes", "per_array", "per_volume"])
def test_a_volume_and_a_snapshot_of_one_name_are_refused_where_names_are_common(snapshot_names: str) -> None:
    array = MemoryArray(snapshot_names=snapshot_names)
    array.volume("db1")
    task = document(array, volumes=[{"name": "x", "size": "1GiB"}], snapshots=[{"name": "x", "volume": "db1"}])
    if snapshot_names == "with_volumes":
        assert isinstance(refused(task, "share their names"), Conflict)
    else:
        done(task)


# -- groups ------------------------------------------------------------------------------------------------------------


def test_volumes_join_a_group_that_is_created_once(array: MemoryArray) -> None:
    array.volume("old")
    items = [{"name": name, "size": "1GiB", "group": "g"} for name in ("a", "old", "b")]
    task = done(volumes(array, *items))
    assert task.lines.count("create consistency group g") == 1
    assert array.names()["groups"] == ["g a,b,old"]
    assert task.reporter.volume(task.desired.volumes[0]).after["groups"] == ["g"]


def test_a_volume_with_a_group_is_refused_on_an_array_without_groups() -> None:
    array = MemoryArray(refusals={"groups": "this array has no groups"})
    task = volumes(array, {"name": "a", "size": "1GiB", "group": "g"})
    assert isinstance(refused(task, "this array has no groups"), Unsupported)
    assert task.lines == []


# -- details -----------------------------------------------------------------------------------------------------------


def seconds_to_plan(number: int) -> float:
    """The seconds of processor time, which other processes do not change."""
    items = [{"name": f"v{index:05}", "size": "1GiB", "group": "g%s" % (index % 7)} for index in range(number)]
    array = MemoryArray()
    begun = process_time()
    task = volumes(array, *items)
    assert len(task.lines) == 2 * number + 7
    return process_time() - begun


def test_the_time_to_plan_ten_thousand_volumes_is_linear() -> None:
    """Four times as many volumes take about four times as long, and not sixteen times."""
    assert seconds_to_plan(10000) < 10 * min(seconds_to_plan(2500) for _ in range(2))


def test_the_longest_name_and_the_smallest_and_largest_size_are_accepted() -> None:
    array = MemoryArray()
    capabilities = array.capabilities
    for name, size in (
        ("a" * capabilities.volume_name.longest, capabilities.smallest),
        ("largest", capabilities.largest),
    ):
        task = volumes(array, {"name": name, "size": str(size)})
        assert task.errors == []
        assert task.lines != []


@pytest.mark.parametrize("shared_names", [False, True])
@pytest.mark.parametrize("desired", [{"size": "1GiB"}, {"rename_from": "db1"}])
def test_a_volume_may_have_the_name_of_a_snapshot_except_where_names_are_common(
    shared_names: bool, desired: dict[str, Any]
) -> None:
    array = MemoryArray(snapshot_names="with_volumes" if shared_names else "per_volume")
    array.volume("db1")
    array.snapshot("db1", "new")
    task = volumes(array, dict(desired, name="new"))
    if shared_names:
        assert isinstance(refused(task, "a snapshot has"), Conflict)
    else:
        done(task)


def test_the_predicted_provisioning_is_the_requested_one_or_that_of_the_source_or_the_default(
    array: MemoryArray,
) -> None:
    array.volume("db1", provisioning="thick")
    task = volumes(
        array,
        {"name": "plain", "size": "1GiB"},
        {"name": "thick", "size": "1GiB", "provisioning": "thick"},
        {"name": "copy", "source_volume": "db1"},
        {"name": "thin", "source_volume": "db1", "provisioning": "thin"},
    )
    assert task.errors == []
    predicted = {name: task.plan.world.volumes[name].provisioning for name in ("plain", "thick", "copy", "thin")}
    assert predicted == {"plain": "thin", "thick": "thick", "copy": "thick", "thin": "thin"}


def test_a_pool_that_is_not_reported_is_not_compared(array: MemoryArray) -> None:
    array.volume("db1")
    (warning,) = volumes(array, {"name": "db1", "pool": "p1"}).warnings
    assert warning == "the array does not report the pool of volume db1, so it was not compared"
    array.volume("db2", pool="p1")
    assert volumes(array, {"name": "db2", "pool": "p1"}).warnings == []


def test_a_volume_that_an_earlier_run_left_offline_is_brought_online(array: MemoryArray) -> None:
    array.volume("db1", state="offline", left_offline=True)
    task = volumes(array, {"name": "db1"})
    assert len(task.lines) == 1
    predicted = task.plan.world.volumes["db1"]
    assert (predicted.state, predicted.left_offline) == ("ready", False)
