# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans for the mappings of volumes to hosts: LUNs, unmapping, exclusive."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    BadReply,
    Busy,
    Conflict,
    FlashError,
    Invalid,
    NotDone,
    NotFound,
    Refused,
    Unsupported,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    EVERY_HOST,
    Listing,
    Mapping,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired as requested, planner
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.rules import Policy
from tests.support.memory_array import MemoryArray
from tests.support.planning import Task, document, done, host_maps, refused

IQN = "iqn.2026-01.org.example:"
WWN = "10000000c9000007"
UUID = "7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00"


@pytest.fixture
def array() -> MemoryArray:
    array = MemoryArray()
    for name in ("a", "b", "c"):
        array.volume(name)
    array.host("h1", IQN + "h1")
    array.host("h2", IQN + "h2")
    return array


# -- mapping -----------------------------------------------------------------------------------------------------------


def test_a_volume_is_mapped_once(array: MemoryArray) -> None:
    task = done(host_maps(array, {"host": "h1", "volume": "a"}))
    assert task.lines == ["map volume a to host h1"]
    assert array.names()["mappings"] == ["h1 a 0"]


def test_a_volume_is_mapped_to_a_new_host_of_the_task(array: MemoryArray) -> None:
    task = done(host_maps(array, {"host": "h3", "initiators": [WWN], "volume": "a", "lun": 3}))
    assert task.lines == ["create host h3 with 10:00:00:00:c9:00:00:07", "map volume a to host h3 as LUN 3"]


def test_a_document_creates_and_maps_a_volume(array: MemoryArray) -> None:
    task = document(
        array, volumes=[{"name": "new", "size": "1GiB"}], mappings=[{"host": "h1", "volume": "new", "lun": 2}]
    )
    predicted = task.reporter.volume(task.desired.volumes[0]).after["mappings"]
    done(task)
    assert task.reporter.volume(task.desired.volumes[0]).after["mappings"] == predicted
    assert predicted == [{"host": "h1", "volume": "new", "lun": 2, "device": None}]


def test_a_volume_or_host_that_does_not_exist_cannot_be_mapped(array: MemoryArray) -> None:
    error = refused(host_maps(array, {"host": "h1", "volume": "missing"}), "there is no volume missing")
    assert isinstance(error, NotFound)
    assert str(error).startswith("Cannot map volume missing to host h1 on memory1: ")


def test_a_mapping_fails_with_the_error_of_its_volume(array: MemoryArray) -> None:
    task = document(array, volumes=[{"name": "bad/", "size": "1GiB"}], mappings=[{"host": "h1", "volume": "bad/"}])
    assert isinstance(refused(task, "not a name"), Invalid)


def test_an_unreadable_volume_or_host_is_not_absent(array: MemoryArray) -> None:
    array.unreadable["volume"] = ["a"]
    for state in ("present", "absent"):
        assert isinstance(refused(host_maps(array, {"host": "h1", "volume": "a", "state": state})), BadReply)


def test_a_second_host_needs_shared(array: MemoryArray) -> None:
    array.map("a", "h2")
    desired = {"host": "h1", "volume": "a"}
    assert isinstance(refused(host_maps(array, desired, force=True), "mapped to host h2", "shared: true"), Refused)
    done(host_maps(array, desired, shared=True))
    assert array.names()["mappings"] == ["h1 a 0", "h2 a 0"]


def test_two_hosts_in_one_task_need_shared(array: MemoryArray) -> None:
    items = [{"host": "h1", "volume": "a"}, {"host": "h2", "volume": "a"}]
    task = host_maps(array, *items)
    refused(task, "mapped to host h1")
    assert task.lines == ["map volume a to host h1"]
    done(host_maps(array, *items, shared=True))


def test_an_existing_mapping_of_a_shared_volume_is_no_change(array: MemoryArray) -> None:
    array.map("a", "h1")
    array.map("a", "h2")
    assert host_maps(array, {"host": "h1", "volume": "a"}).lines == []


def test_a_volume_moves_to_another_host_in_one_task(array: MemoryArray) -> None:
    array.map("a", "h1")
    task = done(host_maps(array, {"host": "h2", "volume": "a"}, {"host": "h1", "volume": "a", "state": "absent"}))
    assert task.lines == ["unmap volume a from host h1", "map volume a to host h2"]
    assert array.names()["mappings"] == ["h2 a 0"]


def test_a_volume_with_an_open_session_does_not_move_to_another_host(array: MemoryArray) -> None:
    array.map("a", "h1", open=True)
    task = host_maps(array, {"host": "h2", "volume": "a"}, {"host": "h1", "volume": "a", "state": "absent"})
    assert task.lines == []
    assert [type(error) for error in task.errors] == [Refused, Refused]
    assert any("it is mapped to host h1" in str(error) for error in task.errors)


def test_a_volume_moves_to_one_host_only(array: MemoryArray) -> None:
    array.host("h3")
    array.map("a", "h1")
    task = host_maps(
        array,
        {"host": "h2", "volume": "a"},
        {"host": "h3", "volume": "a"},
        {"host": "h1", "volume": "a", "state": "absent"},
    )
    refused(task, "mapped to host h2", "shared: true")
    assert task.lines == []
    assert [step.line for step in task.plan.withheld] == ["unmap volume a from host h1", "map volume a to host h2"]


def test_a_mapping_has_a_warning_when_other_mappings_are_unknown() -> None:
    array = MemoryArray(mappings_known="of_no_host")
    array.volume("a")
    array.host("h1")
    task = host_maps(array, {"host": "h1", "volume": "a"})
    assert task.lines == ["map volume a to host h1"]
    assert task.warnings == ["this array cannot be asked which other hosts have volume a"]


@pytest.mark.parametrize(
    ("state", "kind", "message"),
    [("deleting", Busy, "still deleting volume d"), ("error", Conflict, "volume d in state error")],
)
def test_a_failed_or_deleting_volume_is_not_mapped(array: MemoryArray, state: str, kind: type, message: str) -> None:
    array.volume("d", state=state)
    assert isinstance(refused(host_maps(array, {"host": "h1", "volume": "d"}), message), kind)


@pytest.mark.parametrize("state", ["deleting", "error", "offline"])
def test_an_existing_mapping_of_an_unusable_volume_has_a_warning(array: MemoryArray, state: str) -> None:
    array.volume("d", state=state)
    array.map("d", "h1")
    task = host_maps(array, {"host": "h1", "volume": "d"})
    assert (task.lines, task.errors) == ([], [])
    assert task.warnings == [f"volume d is mapped to host h1, but its state is {state}"]


# -- LUNs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lun", [16, 4000])
def test_a_lun_outside_the_range_of_the_array_is_refused(array: MemoryArray, lun: int) -> None:
    error = refused(host_maps(array, {"host": "h1", "volume": "a", "lun": lun}), "from 0 to 15")
    assert isinstance(error, Invalid)


def test_lun_0_can_be_requested(array: MemoryArray) -> None:
    array.map("a", "h1", 4)
    done(host_maps(array, {"host": "h1", "volume": "a", "lun": 0}))
    assert array.names()["mappings"] == ["h1 a 0"]


def test_a_lun_is_refused_on_an_array_that_chooses_it() -> None:
    array = MemoryArray(refusals={"explicit_lun": "this array chooses LUNs itself; leave lun out"})
    array.volume("a")
    array.host("h1")
    assert isinstance(refused(host_maps(array, {"host": "h1", "volume": "a", "lun": 1}), "leave lun out"), Unsupported)
    array.map("a", "h1", 1)
    assert host_maps(array, {"host": "h1", "volume": "a", "lun": 1}).lines == []


def test_a_lun_that_another_volume_has_is_a_conflict(array: MemoryArray) -> None:
    array.map("b", "h1", 5)
    error = refused(host_maps(array, {"host": "h1", "volume": "a", "lun": 5}), "volume b has LUN 5")
    assert isinstance(error, Conflict)


def test_requested_luns_are_mapped_before_luns_that_the_array_chooses(array: MemoryArray) -> None:
    task = done(host_maps(array, {"host": "h1", "volume": "a"}, {"host": "h1", "volume": "b", "lun": 0}))
    assert task.lines == ["map volume b to host h1 as LUN 0", "map volume a to host h1"]
    assert array.names()["mappings"] == ["h1 a 1", "h1 b 0"]


def test_another_lun_needs_an_unmapping_and_a_mapping(array: MemoryArray) -> None:
    array.map("a", "h1", 1)
    task = done(host_maps(array, {"host": "h1", "volume": "a", "lun": 2}))
    assert task.lines == ["unmap volume a from host h1", "map volume a to host h1 as LUN 2"]
    assert [batch.destructive for batch in task.plan.batches] == [True]


def test_another_lun_of_a_volume_with_an_open_session_needs_force(array: MemoryArray) -> None:
    array.map("a", "h1", 1, open=True)
    desired = {"host": "h1", "volume": "a", "lun": 2}
    task = host_maps(array, desired)
    assert isinstance(refused(task, "open session", "force: true"), Refused)
    assert task.lines == []
    done(host_maps(array, desired, force=True))


def test_two_volumes_swap_their_luns(array: MemoryArray) -> None:
    array.map("a", "h1", 1)
    array.map("b", "h1", 2)
    task = done(host_maps(array, {"host": "h1", "volume": "a", "lun": 2}, {"host": "h1", "volume": "b", "lun": 1}))
    assert task.lines == [
        "unmap volume a from host h1",
        "unmap volume b from host h1",
        "map volume a to host h1 as LUN 2",
        "map volume b to host h1 as LUN 1",
    ]
    assert array.names()["mappings"] == ["h1 a 2", "h1 b 1"]


def test_luns_can_rotate_while_one_volume_is_unmapped_and_another_mapped(array: MemoryArray) -> None:
    array.map("a", "h1", 1)
    array.map("b", "h1", 2)
    done(
        host_maps(
            array,
            {"host": "h1", "volume": "a", "lun": 2},
            {"host": "h1", "volume": "b", "state": "absent"},
            {"host": "h1", "volume": "c", "lun": 1},
        )
    )
    assert array.names()["mappings"] == ["h1 a 2", "h1 c 1"]


def test_a_blocked_swap_of_luns_changes_no_mapping(array: MemoryArray) -> None:
    array.volume("d")
    array.map("a", "h1", 1)
    array.map("b", "h1", 2)
    array.map("d", "h1", 3)
    task = host_maps(array, {"host": "h1", "volume": "a", "lun": 2}, {"host": "h1", "volume": "b", "lun": 3})
    assert task.lines == []
    assert sorted(error.reason for error in task.errors) == [
        "volume b has LUN 2 on this host",
        "volume d has LUN 3 on this host",
    ]
    assert array.names()["mappings"] == ["h1 a 1", "h1 b 2", "h1 d 3"]


def test_the_requested_lun_of_one_volume_is_not_chosen_for_another(array: MemoryArray) -> None:
    array.map("a", "h1", 1)
    done(host_maps(array, {"host": "h1", "volume": "b"}, {"host": "h1", "volume": "a", "lun": 0}))
    assert array.names()["mappings"] == ["h1 a 0", "h1 b 1"]


def test_a_volume_is_mapped_at_its_new_lun_although_another_step_failed(array: MemoryArray) -> None:
    array.map("a", "h1", 1)
    array.map("b", "h1", 2)
    array.fail("map_volume", FlashError("no"), lambda volume, host, lun: volume.name == "a")
    task = host_maps(array, {"host": "h1", "volume": "a", "lun": 3}, {"host": "h1", "volume": "b", "lun": 4})
    applied = task.run()
    assert set(applied.errors) == {("mapping", "h1", "a")}
    assert array.names()["mappings"] == ["h1 b 4"]


# -- unmapping ---------------------------------------------------------------------------------------------------------

UNMAP = {"host": "h1", "volume": "a", "state": "absent"}


def test_a_volume_is_unmapped_once(array: MemoryArray) -> None:
    array.map("a", "h1")
    assert done(host_maps(array, UNMAP)).lines == ["unmap volume a from host h1"]


@pytest.mark.parametrize("volume", ["a", "missing"])
def test_unmapping_an_unmapped_volume_changes_nothing(array: MemoryArray, volume: str) -> None:
    assert host_maps(array, dict(UNMAP, volume=volume)).lines == []


def test_unmapping_a_volume_with_an_open_session_needs_force(array: MemoryArray) -> None:
    array.map("a", "h1", open=True)
    assert isinstance(refused(host_maps(array, UNMAP, openstack_owned=True), "open session", "force: true"), Refused)
    done(host_maps(array, UNMAP, force=True))


@pytest.mark.parametrize(("volume", "host"), [("volume-" + UUID, "h1"), ("a", "Managed by OpenStack node1")])
def test_unmapping_an_object_of_openstack_needs_openstack_owned(array: MemoryArray, volume: str, host: str) -> None:
    array.volume("volume-" + UUID)
    array.host("Managed by OpenStack node1")
    array.map(volume, host)
    desired = {"host": host, "volume": volume, "state": "absent"}
    assert isinstance(refused(host_maps(array, desired, force=True), "belongs to OpenStack"), Refused)
    done(host_maps(array, desired, openstack_owned=True))


def test_a_volume_that_shares_its_access_list_is_not_unmapped(array: MemoryArray) -> None:
    array.volume("s1", siblings=("s2",))
    array.map("s1", "h1")
    error = refused(host_maps(array, dict(UNMAP, volume="s1"), force=True), "s2", "which host h1 would lose too")
    assert isinstance(error, Refused)


def test_mapping_a_volume_that_shares_its_access_list_has_a_warning(array: MemoryArray) -> None:
    array.volume("s1", siblings=("s2",))
    task = host_maps(array, {"host": "h1", "volume": "s1"})
    assert task.warnings == ["host h1 will also see s2, which share one access list"]


def test_a_snapshot_is_unmapped_by_its_name(array: MemoryArray) -> None:
    array.snapshot("a", "s1")
    array.map("s1", "h1")
    done(host_maps(array, dict(UNMAP, volume="s1")))
    assert array.names()["mappings"] == []


def test_a_volume_is_unmapped_where_the_array_does_not_report_mappings() -> None:
    array = MemoryArray(mappings_known="of_no_host")
    array.volume("a")
    array.host("h1")
    array.map("a", "h1")
    task = host_maps(array, UNMAP)
    assert task.lines == ["unmap volume a from host h1"]
    assert "cannot be asked whether volume a is mapped" in task.warnings[0]
    task.run()
    assert array.names()["mappings"] == []


def test_unmapping_is_refused_when_mappings_cannot_be_read() -> None:
    array = MemoryArray(reports_mappings=False)
    array.volume("a")
    array.host("h1")
    array.map("a", "h1")
    array.unreadable["mapping"] = ["h1/a"]
    assert isinstance(refused(host_maps(array, UNMAP), "not every mapping could be read"), Refused)


# -- exclusive ---------------------------------------------------------------------------------------------------------


def exclusive(array: MemoryArray, *volumes: str, **policy: bool) -> Any:
    items = [{"host": "h1", "volume": name} for name in volumes] or [{"host": "h1"}]
    return host_maps(array, *[dict(item, exclusive=True) for item in items], **policy)


def test_exclusive_unmaps_other_volumes_in_the_last_step(array: MemoryArray) -> None:
    array.map("a", "h1")
    array.map("b", "h1")
    array.map("a", "h2")
    task = done(exclusive(array, "b", "c"))
    assert task.lines == ["map volume c to host h1", "unmap volume a from host h1"]
    assert array.names()["mappings"] == ["h1 b 1", "h1 c 2", "h2 a 0"]
    entries = [entry.name for entry in task.reporter.removed()]
    assert entries == ["h1/a"]


def test_exclusive_without_volumes_unmaps_all_only_with_allow_empty(array: MemoryArray) -> None:
    array.map("a", "h1")
    all_permissions = {"force": True, "unmap": True, "openstack_owned": True, "shared": True, "assume_unmapped": True}
    error = refused(exclusive(array, **all_permissions), "the task maps no volume to it", "allow_empty: true")
    assert isinstance(error, Refused)
    assert exclusive(array).lines == []
    assert host_maps(array, {"host": "h3", "initiators": [WWN], "exclusive": True}).errors != [], "also on a new host"
    task = exclusive(array, allow_empty=True)
    assert task.lines == ["unmap volume a from host h1"]
    task.run()
    assert array.names()["mappings"] == []


def test_a_volume_of_another_host_does_not_count_for_exclusive(array: MemoryArray) -> None:
    array.map("a", "h1")
    task = host_maps(array, {"host": "h1", "exclusive": True}, {"host": "h2", "volume": "b"})
    refused(task, "leave host h1 only the volumes of this task", "allow_empty")


def test_exclusive_with_an_empty_list_needs_allow_empty(array: MemoryArray) -> None:
    array.map("a", "h1")
    options = {"host": "h1", "maps": [], "exclusive": True}
    with pytest.raises(Refused, match="list maps is empty, with exclusive: true.*allow_empty"):
        requested.host_maps([], options)
    task = Task(array, requested.host_maps([], dict(options, allow_empty=True)), allow_empty=True)
    assert task.lines == ["unmap volume a from host h1"]


def test_exclusive_on_a_new_host_has_no_warning(array: MemoryArray) -> None:
    desired = {"host": "h3", "initiators": [WWN], "volume": "a", "exclusive": True}
    assert host_maps(array, desired).warnings == []


def test_exclusive_needs_permission_for_open_sessions_and_volumes_of_openstack(array: MemoryArray) -> None:
    array.map("a", "h1", open=True)
    assert isinstance(refused(exclusive(array, "b"), "open session", "force: true"), Refused)
    done(exclusive(array, "b", force=True))
    array.volume("volume-" + UUID)
    array.map("volume-" + UUID, "h1")
    assert isinstance(refused(exclusive(array, "b", force=True), "belongs to OpenStack"), Refused)
    done(exclusive(array, "b", openstack_owned=True))


def test_a_refused_exclusive_unmaps_nothing(array: MemoryArray) -> None:
    array.map("a", "h1")
    array.map("b", "h1", open=True)
    task = exclusive(array, "c")
    assert task.lines == ["map volume c to host h1"]


def test_a_refused_exclusive_frees_no_lun(array: MemoryArray) -> None:
    array.map("a", "h1", 0)
    array.map("b", "h1", 1, open=True)
    task = host_maps(array, {"host": "h1", "volume": "c", "lun": 0, "exclusive": True})
    assert task.lines == []
    assert sorted(error.reason for error in task.errors) == [
        "host h1 has an open session on volume b",
        "volume a has LUN 0 on this host",
    ]


@pytest.mark.parametrize("unknown", [True, False])
def test_an_incomplete_read_disables_exclusive(unknown: bool) -> None:
    array = MemoryArray(mappings_known="of_no_host" if unknown else "of_all_hosts")
    array.volume("a")
    array.volume("b")
    array.host("h1")
    array.map("a", "h1")
    if not unknown:
        array.unreadable["mapping"] = ["h1/b"]
    task = exclusive(array, "b")
    assert task.lines == ["map volume b to host h1"]
    assert "not every mapping could be read, so nothing was unmapped from host h1" in task.warnings


def test_exclusive_does_nothing_after_a_failed_mapping(array: MemoryArray) -> None:
    array.map("a", "h1")
    array.fail("map_volume", FlashError("no"))
    task = exclusive(array, "b")
    task.run(continue_on_error=True)
    assert array.names()["mappings"] == ["h1 a 0"]


def test_a_volume_gets_the_lun_of_one_that_exclusive_unmaps(array: MemoryArray) -> None:
    array.map("a", "h1", 0)
    task = done(host_maps(array, {"host": "h1", "volume": "b", "lun": 0, "exclusive": True}))
    assert task.lines == ["unmap volume a from host h1", "map volume b to host h1 as LUN 0"]


def test_exclusive_warns_of_volumes_that_are_open_to_every_initiator(array: MemoryArray) -> None:
    task = exclusive(array, "b")
    assert task.warnings == []
    actual = replace(task.actual, mappings=Listing((Mapping("c", EVERY_HOST),)))
    (warning,) = planner.plan(task.desired, actual, Policy(), array.capabilities).warnings
    assert "every initiator may use c, so host h1 may too" in warning


# -- details of the plan -----------------------------------------------------------------------------------------------


def test_an_unmapping_is_in_a_destructive_batch(array: MemoryArray) -> None:
    array.map("a", "h1")
    for task in (host_maps(array, {"host": "h1", "volume": "a", "state": "absent"}), exclusive(array, "b")):
        for batch in task.plan.batches:
            lines = [step.line for chain in batch.chains.values() for step in chain]
            assert batch.destructive is ("unmap volume a from host h1" in lines)


def test_unmapping_is_refused_where_the_array_needs_a_task_on_the_host() -> None:
    array = MemoryArray(mappings_known="of_no_host", refusals={"unmap_volume": "only a task on that host can detach"})
    array.volume("a")
    array.host("h1", IQN + "h1")
    task = host_maps(array, {"host": "h1", "volume": "a", "state": "absent"})
    assert isinstance(refused(task, "only a task on that host can detach"), Unsupported)


def test_a_predicted_mapping_has_the_ids_of_its_volume_and_host(array: MemoryArray) -> None:
    mapping = host_maps(array, {"host": "h1", "volume": "a"}).plan.world.mappings[("h1", "a")]
    assert mapping.volume_id == array._named("a").id
    assert mapping.host_id == array._hosts["h1"].id


def test_the_last_lun_can_be_requested(array: MemoryArray) -> None:
    done(host_maps(array, {"host": "h1", "volume": "a", "lun": 15}))


def test_no_lun_is_changed_when_another_part_of_the_task_is_refused(array: MemoryArray) -> None:
    array.map("a", "h1", 0)
    task = host_maps(array, {"host": "h1", "volume": "a", "lun": 5}, {"host": "h1", "volume": "missing"})
    refused(task, "no volume missing")
    assert task.lines == []
    assert isinstance(task.plan.outcomes[("mapping", "h1", "a")].error, NotDone)


def test_after_a_failed_step_no_other_volume_is_mapped(array: MemoryArray) -> None:
    array.fail("create_volume", FlashError("no"))
    task = document(array, volumes=[{"name": "new", "size": "1GiB"}], mappings=[{"volume": "a", "host": "h1"}])
    applied = task.run()
    assert [step.line for step in applied.not_done] == ["create volume new of 1GiB", "map volume a to host h1"]
    assert array.names()["mappings"] == []
