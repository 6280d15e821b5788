# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is planned for hosts, their initiators, and what is mapped to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    BadReply,
    Busy,
    Conflict,
    FlashError,
    InUse,
    Invalid,
    NotDone,
    NotFound,
    Refused,
    Unsupported,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import EVERY_HOST, Listing, Mapping
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


def mapped(array: MemoryArray) -> list[str]:
    return array.names()["mappings"]


# -- hosts -------------------------------------------------------------------------------------------------------------


def test_a_host_is_created_with_its_initiators(array: MemoryArray) -> None:
    task = done(host_maps(array, {"host": "h3", "initiators": ["10:00:00:00:C9:00:00:07", IQN + "H3"]}))
    assert task.lines == [f"create host h3 with 10:00:00:00:c9:00:00:07, {IQN}h3"]
    assert f"h3 {WWN},{IQN}h3" in array.names()["hosts"]


def test_the_operating_system_of_a_new_host_reaches_the_array(array: MemoryArray) -> None:
    for task in (
        host_maps(array, {"host": "h3", "initiators": [WWN], "os": "linux"}),
        document(array, hosts=[{"name": "h4", "initiators": [IQN + "h4"], "os": "esx"}]),
    ):
        (line,) = task.lines
        host = task.desired.hosts[0]
        assert line.endswith(f" and os {host.os}")
        assert task.reporter.host(host).after["os"] == host.os
        done(task)
        assert task.reporter.host(host).after["os"] == host.os
        existing = array.hosts([host.name]).named(host.name)
        assert existing is not None
        assert existing.os == host.os


@pytest.mark.parametrize("name", ["h1", "h3"])
def test_an_operating_system_that_the_array_does_not_store_is_refused(name: str) -> None:
    array = MemoryArray(refusals={"host_os": "this array stores none; leave os out"})
    array.host("h1", IQN + "h1")
    error = refused(host_maps(array, {"host": name, "initiators": [IQN + name], "os": "linux"}), "leave os out")
    assert isinstance(error, Unsupported)
    done(host_maps(array, {"host": name, "initiators": [IQN + name, WWN]}))
    # Who goes needs no operating system
    assert host_maps(array, {"host": "h1", "state": "absent", "os": "linux"}).lines == ["delete host h1"]


def test_another_operating_system_is_set_where_it_can_be_changed(array: MemoryArray) -> None:
    """So it is when a run was killed before it had set that of a new host."""
    array.host("h3", IQN + "h3", os="other")
    desired = {"host": "h3", "initiators": [IQN + "h3", WWN], "os": "linux"}
    task = host_maps(array, desired)
    assert task.lines[-1] == "set the operating system of host h3 to linux"
    done(task)
    existing = array.hosts(["h3"]).named("h3")
    assert existing is not None
    assert existing.os == "linux"
    assert host_maps(array, desired).lines == []


def test_another_operating_system_is_refused_where_it_cannot_be_changed() -> None:
    array = MemoryArray(refusals={"set_host_os": "it can only be chosen when the host is created"})
    array.host("h1", IQN + "h1", os="Linux")
    error = refused(host_maps(array, {"host": "h1", "os": "esx"}), "its os is Linux, not esx", "It can only be chosen")
    assert isinstance(error, Conflict)
    for os in ("Linux", "linux"):
        assert host_maps(array, {"host": "h1", "os": os}).lines == []


def test_a_host_is_never_made_of_a_mistyped_name(array: MemoryArray) -> None:
    task = host_maps(array, {"host": "h11", "volume": "a"})
    assert isinstance(refused(task, "there is no such host", "give its initiators"), NotFound)
    assert task.lines == []


def test_a_host_without_initiators_only_where_it_is_meant_and_possible(array: MemoryArray) -> None:
    done(host_maps(array, {"host": "h3", "initiators": []}))
    array.capabilities.refusals["host_without_initiators"] = "give it an initiator"  # type: ignore[index]
    error = refused(host_maps(array, {"host": "h4", "initiators": []}), "give it an initiator")
    assert isinstance(error, Unsupported)


def test_missing_initiators_are_added_and_others_stay(array: MemoryArray) -> None:
    task = done(host_maps(array, {"host": "h1", "initiators": [IQN + "more"]}))
    assert task.lines == [f"add {IQN}more to host h1"]
    assert f"h1 {IQN}h1,{IQN}more" in array.names()["hosts"]


def test_exclusive_initiators_removes_the_others_last(array: MemoryArray) -> None:
    task = done(
        host_maps(
            array,
            {"host": "h1", "initiators": [IQN + "new"], "exclusive_initiators": True, "volume": "a"},
        )
    )
    assert task.lines == [
        f"add {IQN}new to host h1",
        "map volume a to host h1",
        f"remove {IQN}h1 from host h1",
    ]
    assert [batch.destructive for batch in task.plan.batches] == [False, False, True]


def test_exclusive_initiators_does_nothing_after_an_incomplete_read(array: MemoryArray) -> None:
    array.unreadable["host"] = ["h2"]
    task = host_maps(array, {"host": "h1", "initiators": [IQN + "new"], "exclusive_initiators": True})
    assert task.lines == [f"add {IQN}new to host h1"]
    assert task.warnings == ["not every host could be read, so no initiator was removed from host h1"]


def test_a_logged_in_initiator_is_removed_with_a_warning_unless_a_volume_is_open(array: MemoryArray) -> None:
    host = array._hosts["h1"]
    array._hosts["h1"] = type(host)(
        host.name, host.id, tuple(type(i)(i.address, i.protocol, logged_in=True) for i in host.initiators)
    )
    desired = {"host": "h1", "initiators": [IQN + "new"], "exclusive_initiators": True}
    assert host_maps(array, desired).warnings == [f"initiator {IQN}h1 is logged in to the array"]
    array.map("a", "h1", open=True)
    assert isinstance(refused(host_maps(array, desired), "open session on volume a", "force: true"), Refused)
    done(host_maps(array, desired, force=True))


def test_removing_initiators_of_a_host_of_openstack_needs_its_permission(array: MemoryArray) -> None:
    name = "Managed by OpenStack node1"
    array.host(name, IQN + "os")
    desired = {"host": name, "initiators": [IQN + "new"], "exclusive_initiators": True}
    assert isinstance(refused(host_maps(array, desired), "belongs to OpenStack"), Refused)
    assert host_maps(array, desired).lines == []
    done(host_maps(array, desired, openstack_owned=True))


def test_an_initiator_of_another_host_is_a_conflict(array: MemoryArray) -> None:
    error = refused(host_maps(array, {"host": "h1", "initiators": [IQN + "h2"]}), "belongs to host h2")
    assert isinstance(error, Conflict)


def test_an_initiator_for_two_new_hosts_is_a_conflict_for_the_second(array: MemoryArray) -> None:
    task = host_maps(array, {"host": "n1", "initiators": [WWN]}, {"host": "n2", "initiators": [WWN]})
    refused(task, "belongs to host n1")
    assert len(task.lines) == 1


def test_an_initiator_of_a_protocol_that_the_array_does_not_speak() -> None:
    array = MemoryArray(protocols=("fc",))
    error = refused(host_maps(array, {"host": "h3", "initiators": [IQN + "h3"]}), "iSCSI", "It uses Fibre Channel.")
    assert isinstance(error, Invalid)


CHAP = {"chap_username": "user", "chap_password": "secret-of-12-chars"}


def test_chap_is_set_when_its_name_differs_and_always_when_asked(array: MemoryArray) -> None:
    task = done(host_maps(array, dict(CHAP, host="h1")))
    assert task.lines == ["set the CHAP credentials of host h1"]
    assert host_maps(array, dict(CHAP, host="h1", update_secret="always")).lines == task.lines
    assert "secret" not in repr(task.plan)


def test_chap_of_new_initiators_goes_with_them(array: MemoryArray) -> None:
    task = done(host_maps(array, dict(CHAP, host="h3", initiators=[IQN + "h3", WWN])))
    assert len(task.lines) == 1
    initiators = task.reporter.host(task.desired.hosts[0]).after["initiators"]
    assert [initiator["chap_username"] for initiator in initiators] == ["user", None]


def test_chap_where_the_array_has_none() -> None:
    array = MemoryArray(refusals={"chap": "this array has no CHAP"})
    array.host("h1", IQN + "h1")
    assert isinstance(refused(host_maps(array, dict(CHAP, host="h1")), "no CHAP"), Unsupported)


def moved(array: MemoryArray, *hosts: dict[str, Any], **params: Any) -> Task:
    return document(array, hosts=list(hosts), **params)


GIVER = {"name": "h1", "initiators": [IQN + "new"], "exclusive_initiators": True}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("taker", ["h2", "h3"])
def test_an_initiator_moves_from_an_exclusive_host_to_another(array: MemoryArray, taker: str, turned: bool) -> None:
    """In either order of the document: first it is removed from the one, then it is added to the other."""
    hosts = [GIVER, {"name": taker, "initiators": [IQN + "h1"]}]
    task = moved(array, *(reversed(hosts) if turned else hosts), mappings=[{"volume": "a", "host": taker}])
    done(task)
    moves = [f"remove {IQN}h1 from host h1"]
    moves += [f"add {IQN}h1 to host h2"] if taker == "h2" else [f"create host h3 with {IQN}h1"]
    # A host that is there already need not wait for its new initiator.
    maps = [f"map volume a to host {taker}"]
    assert task.lines == [f"add {IQN}new to host h1", *(maps + moves if taker == "h2" else moves + maps)]
    assert mapped(array) == [f"{taker} a 0"]


def test_an_initiator_moves_along_a_row_of_hosts(array: MemoryArray) -> None:
    task = moved(
        array,
        {"name": "h3", "initiators": [IQN + "h2"]},
        {"name": "h2", "initiators": [IQN + "h1"], "exclusive_initiators": True},
        GIVER,
    )
    assert task.lines == [
        f"add {IQN}new to host h1",
        f"remove {IQN}h1 from host h1",
        f"add {IQN}h1 to host h2",
        f"remove {IQN}h2 from host h2",
        f"create host h3 with {IQN}h2",
    ]
    done(task)
    assert sorted(array.names()["hosts"]) == [f"h1 {IQN}new", f"h2 {IQN}h1", f"h3 {IQN}h2"]


def test_hosts_that_exchange_initiators_are_refused(array: MemoryArray) -> None:
    task = moved(
        array,
        {"name": "h1", "initiators": [IQN + "h2"], "exclusive_initiators": True},
        {"name": "h2", "initiators": [IQN + "h1"], "exclusive_initiators": True},
    )
    assert [str(error.reason) for error in task.errors] == [
        f"initiator {IQN}h2 belongs to host h2",
        f"initiator {IQN}h1 belongs to host h1",
    ]
    assert task.lines == []


def test_an_initiator_that_its_host_may_not_lose_is_not_taken(array: MemoryArray) -> None:
    array.map("a", "h1", open=True)
    task = moved(array, GIVER, {"name": "h2", "initiators": [IQN + "h1"]})
    assert [type(error) for error in task.errors] == [Refused, Conflict]
    assert f"initiator {IQN}h1 belongs to host h1" in str(task.errors[1])
    assert task.lines == []
    done(moved(array, GIVER, {"name": "h2", "initiators": [IQN + "h1"]}, force=True))


def test_an_initiator_is_taken_from_nobody_after_a_failed_step(array: MemoryArray) -> None:
    array.fail("create_volume", FlashError("no"))
    task = moved(array, GIVER, {"name": "h2", "initiators": [IQN + "h1"]}, volumes=[{"name": "n", "size": "1GiB"}])
    applied = task.run(continue_on_error=True)
    assert set(applied.errors) == {("volume", "n")}
    assert [step.line for step in applied.done] == [f"add {IQN}new to host h1"]
    assert array.names()["hosts"] == [f"h1 {IQN}h1,{IQN}new", f"h2 {IQN}h2"]


# -- an initiator that a host cannot do without ------------------------------------------------------------------------

NONE_LEFT = {"host": "h1", "initiators": [], "exclusive_initiators": True}
REPLACED = dict(NONE_LEFT, initiators=[IQN + "new"])


def test_no_initiator_stays_only_when_the_empty_list_is_meant(array: MemoryArray) -> None:
    everything = {"force": True, "unmap": True, "openstack_owned": True, "shared": True, "assume_unmapped": True}
    error = refused(host_maps(array, NONE_LEFT, **everything), "initiators is empty", "set allow_empty: true")
    assert isinstance(error, Refused)
    assert "force" not in str(error)
    assert done(host_maps(array, NONE_LEFT, allow_empty=True)).lines == [f"remove {IQN}h1 from host h1"]


def test_no_initiator_stays_on_a_host_with_volumes_only_when_both_are_meant(array: MemoryArray) -> None:
    array.map("a", "h1")
    array.map("b", "h1")
    text = str(refused(host_maps(array, NONE_LEFT), "volume a, volume b", "allow_empty: true", "force: true"))
    assert "initiators is empty" in text
    assert host_maps(array, NONE_LEFT).lines == []
    refused(host_maps(array, NONE_LEFT, allow_empty=True), "it has volume a, volume b", "force: true")
    refused(host_maps(array, NONE_LEFT, force=True), "allow_empty: true")
    done(host_maps(array, NONE_LEFT, allow_empty=True, force=True))


def test_all_initiators_of_a_host_with_volumes_are_replaced_only_with_force(array: MemoryArray) -> None:
    assert host_maps(array, REPLACED).errors == [], "without volumes nothing is lost"
    array.map("a", "h1")
    error = refused(host_maps(array, REPLACED), "none of the initiators that it has now would stay", "force: true")
    assert isinstance(error, Refused)
    assert "allow_empty" not in str(error)
    assert host_maps(array, dict(REPLACED, initiators=[IQN + "new", IQN + "h1"])).errors == [], "one stays"
    done(host_maps(array, REPLACED, force=True))


def test_initiators_are_not_all_replaced_when_the_volumes_of_the_host_are_unknown(array: MemoryArray) -> None:
    array.unreadable["mapping"] = ["h1/a"]
    array._tell_host = lambda told, host=array._hosts["h1"]: host  # type: ignore[assignment, method-assign, misc]
    assert isinstance(refused(host_maps(array, REPLACED), "not every mapping could be read", "force: true"), Refused)


def test_an_array_that_makes_no_host_without_initiators_refuses_it_whatever_is_permitted(array: MemoryArray) -> None:
    array.map("a", "h1")
    array.capabilities.refusals["remove_last_initiator"] = "a host keeps one"  # type: ignore[index]
    error = refused(host_maps(array, NONE_LEFT), "a host keeps one")
    assert isinstance(error, Unsupported)
    done(host_maps(array, REPLACED, force=True))


@pytest.mark.parametrize("initiators", [None, "left out"])
def test_exclusive_initiators_needs_to_know_which_stay(array: MemoryArray, initiators: Any) -> None:
    desired = {"host": "h1", "exclusive_initiators": True, "initiators": initiators}
    if initiators:
        del desired["initiators"]
    with pytest.raises(Invalid, match="option exclusive_initiators needs initiators.*host h1"):
        host_maps(array, desired)
    with pytest.raises(Invalid, match="exclusive_initiators needs initiators"):
        document(array, hosts=[dict(desired, name="h1")])


# -- deleting hosts ----------------------------------------------------------------------------------------------------

GONE = {"host": "h1", "state": "absent"}


def test_a_host_without_mappings_is_deleted(array: MemoryArray) -> None:
    assert done(host_maps(array, GONE)).lines == ["delete host h1"]
    assert host_maps(array, GONE).lines == []


@pytest.mark.parametrize("tells", [True, False])
def test_a_host_with_mappings_is_never_deleted(tells: bool) -> None:
    array = MemoryArray(tells_mappings=tells)
    array.volume("a")
    array.host("h1")
    array.map("a", "h1")
    everything = {"force": True, "unmap": True, "openstack_owned": True, "shared": True, "assume_unmapped": True}
    assert isinstance(refused(host_maps(array, GONE, **everything), "volumes are mapped to it: a"), InUse)


def test_a_host_is_deleted_after_its_mappings_in_one_task(array: MemoryArray) -> None:
    array.map("a", "h1")
    task = done(host_maps(array, GONE, {"host": "h1", "volume": "a", "state": "absent"}))
    assert task.lines == ["unmap volume a from host h1", "delete host h1"]


def test_a_host_of_openstack_is_deleted_only_with_its_permission(array: MemoryArray) -> None:
    array.host("Managed by OpenStack node1")
    desired = {"host": "Managed by OpenStack node1", "state": "absent"}
    assert isinstance(refused(host_maps(array, desired, force=True), "belongs to OpenStack"), Refused)
    done(host_maps(array, desired, openstack_owned=True))


def test_a_host_whose_mappings_are_unknown_is_not_deleted(array: MemoryArray) -> None:
    blind = MemoryArray(mappings_known="of_no_host")
    blind.host("h1")
    error = refused(host_maps(blind, GONE), "cannot be asked whether it has volumes mapped")
    assert isinstance(error, Refused)
    array.unreadable["mapping"] = ["h1/a"]
    array.map("b", "h2")
    host = array._hosts["h1"]
    array._tell_host = lambda told: host  # type: ignore[assignment, method-assign]
    assert isinstance(refused(host_maps(array, GONE), "not every mapping could be read"), Refused)


# -- mapping -----------------------------------------------------------------------------------------------------------


def test_mapping_once(array: MemoryArray) -> None:
    task = done(host_maps(array, {"host": "h1", "volume": "a"}))
    assert task.lines == ["map volume a to host h1"]
    assert mapped(array) == ["h1 a 0"]


def test_mapping_to_a_host_that_the_task_creates(array: MemoryArray) -> None:
    task = done(host_maps(array, {"host": "h3", "initiators": [WWN], "volume": "a", "lun": 3}))
    assert task.lines == ["create host h3 with 10:00:00:00:c9:00:00:07", "map volume a to host h3 as LUN 3"]


def test_a_volume_created_and_mapped_in_one_document(array: MemoryArray) -> None:
    task = document(
        array, volumes=[{"name": "new", "size": "1GiB"}], mappings=[{"host": "h1", "volume": "new", "lun": 2}]
    )
    predicted = task.reporter.volume(task.desired.volumes[0]).after["mappings"]
    done(task)
    assert task.reporter.volume(task.desired.volumes[0]).after["mappings"] == predicted
    assert predicted == [{"host": "h1", "volume": "new", "lun": 2, "device": None}]


def test_a_volume_or_host_that_does_not_exist_cannot_be_mapped(array: MemoryArray) -> None:
    error = refused(host_maps(array, {"host": "h1", "volume": "gone"}), "there is no volume gone")
    assert isinstance(error, NotFound)
    assert str(error).startswith("Cannot map volume gone to host h1 on memory1: ")


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
    assert mapped(array) == ["h1 a 0", "h2 a 0"]


def test_two_hosts_in_one_task_need_shared(array: MemoryArray) -> None:
    items = [{"host": "h1", "volume": "a"}, {"host": "h2", "volume": "a"}]
    task = host_maps(array, *items)
    refused(task, "mapped to host h1")
    assert task.lines == ["map volume a to host h1"]
    done(host_maps(array, *items, shared=True))


def test_an_existing_mapping_is_no_change_though_other_hosts_have_the_volume(array: MemoryArray) -> None:
    array.map("a", "h1")
    array.map("a", "h2")
    assert host_maps(array, {"host": "h1", "volume": "a"}).lines == []


def test_a_volume_moves_to_another_host_in_one_task(array: MemoryArray) -> None:
    array.map("a", "h1")
    task = done(host_maps(array, {"host": "h2", "volume": "a"}, {"host": "h1", "volume": "a", "state": "absent"}))
    assert task.lines == ["unmap volume a from host h1", "map volume a to host h2"]
    assert mapped(array) == ["h2 a 0"]


def test_a_volume_does_not_move_when_it_may_not_leave(array: MemoryArray) -> None:
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


def test_mapping_warns_when_other_mappings_are_unknown() -> None:
    array = MemoryArray(mappings_known="of_no_host")
    array.volume("a")
    array.host("h1")
    task = host_maps(array, {"host": "h1", "volume": "a"})
    assert task.lines == ["map volume a to host h1"]
    assert task.warnings == ["this array cannot be asked which other hosts have volume a"]


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [("deleting", Busy, "still deleting volume d"), ("error", Conflict, "volume d in state error")],
)
def test_a_volume_that_failed_or_is_being_deleted_is_not_mapped(
    array: MemoryArray, state: str, kind: type, words: str
) -> None:
    array.volume("d", state=state)
    assert isinstance(refused(host_maps(array, {"host": "h1", "volume": "d"}), words), kind)


@pytest.mark.parametrize("state", ["deleting", "error", "offline"])
def test_a_mapping_of_a_volume_that_is_of_no_use_to_the_host_comes_with_a_warning(
    array: MemoryArray, state: str
) -> None:
    array.volume("d", state=state)
    array.map("d", "h1")
    task = host_maps(array, {"host": "h1", "volume": "d"})
    assert (task.lines, task.errors) == ([], [])
    assert task.warnings == [f"volume d is mapped to host h1, but its state is {state}"]


# -- LUNs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lun", [16, 4000])
def test_a_lun_that_the_array_does_not_have(array: MemoryArray, lun: int) -> None:
    error = refused(host_maps(array, {"host": "h1", "volume": "a", "lun": lun}), "from 0 to 15")
    assert isinstance(error, Invalid)


def test_lun_zero_is_a_lun(array: MemoryArray) -> None:
    array.map("a", "h1", 4)
    done(host_maps(array, {"host": "h1", "volume": "a", "lun": 0}))
    assert mapped(array) == ["h1 a 0"]


def test_a_lun_that_the_array_chooses_itself() -> None:
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


def test_any_lun_is_chosen_after_the_named_ones(array: MemoryArray) -> None:
    task = done(host_maps(array, {"host": "h1", "volume": "a"}, {"host": "h1", "volume": "b", "lun": 0}))
    assert task.lines == ["map volume b to host h1 as LUN 0", "map volume a to host h1"]
    assert mapped(array) == ["h1 a 1", "h1 b 0"]


def test_another_lun_is_unmapped_and_mapped_again(array: MemoryArray) -> None:
    array.map("a", "h1", 1)
    task = done(host_maps(array, {"host": "h1", "volume": "a", "lun": 2}))
    assert task.lines == ["unmap volume a from host h1", "map volume a to host h1 as LUN 2"]
    assert [batch.destructive for batch in task.plan.batches] == [True]


def test_another_lun_while_the_volume_is_open_needs_force(array: MemoryArray) -> None:
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
    assert mapped(array) == ["h1 a 2", "h1 b 1"]


def test_luns_rotate_with_one_volume_unmapped_and_a_new_one_mapped(array: MemoryArray) -> None:
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
    assert mapped(array) == ["h1 a 2", "h1 c 1"]


def test_a_swap_that_is_blocked_leaves_every_mapping(array: MemoryArray) -> None:
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
    assert mapped(array) == ["h1 a 1", "h1 b 2", "h1 d 3"]


def test_the_new_lun_of_one_volume_is_not_given_to_another(array: MemoryArray) -> None:
    array.map("a", "h1", 1)
    done(host_maps(array, {"host": "h1", "volume": "b"}, {"host": "h1", "volume": "a", "lun": 0}))
    assert mapped(array) == ["h1 a 0", "h1 b 1"]


def test_a_mapping_removed_for_a_new_lun_is_made_again_though_another_step_failed(array: MemoryArray) -> None:
    array.map("a", "h1", 1)
    array.map("b", "h1", 2)
    array.fail("map_volume", FlashError("no"), lambda volume, host, lun: volume.name == "a")
    task = host_maps(array, {"host": "h1", "volume": "a", "lun": 3}, {"host": "h1", "volume": "b", "lun": 4})
    applied = task.run()
    assert set(applied.errors) == {("mapping", "h1", "a")}
    assert mapped(array) == ["h1 b 4"]


# -- unmapping ---------------------------------------------------------------------------------------------------------

UNMAP = {"host": "h1", "volume": "a", "state": "absent"}


def test_unmapping_once(array: MemoryArray) -> None:
    array.map("a", "h1")
    assert done(host_maps(array, UNMAP)).lines == ["unmap volume a from host h1"]


@pytest.mark.parametrize("volume", ["a", "gone"])
def test_unmapping_what_is_not_mapped_is_done_already(array: MemoryArray, volume: str) -> None:
    assert host_maps(array, dict(UNMAP, volume=volume)).lines == []


def test_unmapping_an_open_volume_needs_force(array: MemoryArray) -> None:
    array.map("a", "h1", open=True)
    assert isinstance(refused(host_maps(array, UNMAP, openstack_owned=True), "open session", "force: true"), Refused)
    done(host_maps(array, UNMAP, force=True))


@pytest.mark.parametrize(("volume", "host"), [("volume-" + UUID, "h1"), ("a", "Managed by OpenStack node1")])
def test_unmapping_what_is_openstack_s_needs_its_permission(array: MemoryArray, volume: str, host: str) -> None:
    array.volume("volume-" + UUID)
    array.host("Managed by OpenStack node1")
    array.map(volume, host)
    desired = {"host": host, "volume": volume, "state": "absent"}
    assert isinstance(refused(host_maps(array, desired, force=True), "belongs to OpenStack"), Refused)
    done(host_maps(array, desired, openstack_owned=True))


def test_a_volume_with_siblings_is_not_unmapped(array: MemoryArray) -> None:
    array.volume("s1", siblings=("s2",))
    array.map("s1", "h1")
    error = refused(host_maps(array, dict(UNMAP, volume="s1"), force=True), "s2", "which host h1 would lose too")
    assert isinstance(error, Refused)


def test_mapping_a_volume_with_siblings_warns(array: MemoryArray) -> None:
    array.volume("s1", siblings=("s2",))
    task = host_maps(array, {"host": "h1", "volume": "s1"})
    assert task.warnings == ["host h1 will also see s2, which share one access list"]


def test_a_snapshot_is_unmapped_by_its_name(array: MemoryArray) -> None:
    array.snapshot("a", "s1")
    array.map("s1", "h1")
    done(host_maps(array, dict(UNMAP, volume="s1")))
    assert mapped(array) == []


def test_unmapping_where_mappings_are_unknown_is_done_anyway() -> None:
    array = MemoryArray(mappings_known="of_no_host")
    array.volume("a")
    array.host("h1")
    array.map("a", "h1")
    task = host_maps(array, UNMAP)
    assert task.lines == ["unmap volume a from host h1"]
    assert "cannot be asked whether volume a is mapped" in task.warnings[0]
    task.run()
    assert mapped(array) == []


def test_unmapping_when_mappings_could_not_be_read_is_refused() -> None:
    array = MemoryArray(tells_mappings=False)
    array.volume("a")
    array.host("h1")
    array.map("a", "h1")
    array.unreadable["mapping"] = ["h1/a"]
    assert isinstance(refused(host_maps(array, UNMAP), "not every mapping could be read"), Refused)


# -- exclusive ---------------------------------------------------------------------------------------------------------


def exclusive(array: MemoryArray, *volumes: str, **policy: bool) -> Any:
    items = [{"host": "h1", "volume": name} for name in volumes] or [{"host": "h1"}]
    return host_maps(array, *[dict(item, exclusive=True) for item in items], **policy)


def test_exclusive_unmaps_what_the_task_does_not_map_last(array: MemoryArray) -> None:
    array.map("a", "h1")
    array.map("b", "h1")
    array.map("a", "h2")
    task = done(exclusive(array, "b", "c"))
    assert task.lines == ["map volume c to host h1", "unmap volume a from host h1"]
    assert mapped(array) == ["h1 b 1", "h1 c 2", "h2 a 0"]
    entries = [entry.name for entry in task.reporter.removed()]
    assert entries == ["h1/a"]


def test_exclusive_without_volumes_unmaps_all_only_when_emptiness_is_meant(array: MemoryArray) -> None:
    array.map("a", "h1")
    everything = {"force": True, "unmap": True, "openstack_owned": True, "shared": True, "assume_unmapped": True}
    error = refused(exclusive(array, **everything), "the task maps no volume to it", "allow_empty: true")
    assert isinstance(error, Refused)
    assert exclusive(array).lines == []
    assert host_maps(array, {"host": "h3", "initiators": [WWN], "exclusive": True}).errors != [], "on a new host too"
    task = exclusive(array, allow_empty=True)
    assert task.lines == ["unmap volume a from host h1"]
    task.run()
    assert mapped(array) == []


def test_exclusive_with_a_volume_of_another_host_is_empty_for_this_one(array: MemoryArray) -> None:
    array.map("a", "h1")
    task = host_maps(array, {"host": "h1", "exclusive": True}, {"host": "h2", "volume": "b"})
    refused(task, "leave host h1 only the volumes of this task", "allow_empty")


def test_an_empty_list_with_exclusive_leaves_a_host_without_volumes_only_when_that_is_meant(array: MemoryArray) -> None:
    array.map("a", "h1")
    params = {"host": "h1", "maps": [], "exclusive": True}
    with pytest.raises(Refused, match="list maps is empty, with exclusive: true.*allow_empty"):
        requested.host_maps([], params)
    task = Task(array, requested.host_maps([], dict(params, allow_empty=True)), allow_empty=True)
    assert task.lines == ["unmap volume a from host h1"]


def test_exclusive_on_a_new_host(array: MemoryArray) -> None:
    desired = {"host": "h3", "initiators": [WWN], "volume": "a", "exclusive": True}
    assert host_maps(array, desired).warnings == []


def test_exclusive_respects_open_sessions_and_openstack(array: MemoryArray) -> None:
    array.map("a", "h1", open=True)
    assert isinstance(refused(exclusive(array, "b"), "open session", "force: true"), Refused)
    done(exclusive(array, "b", force=True))
    array.volume("volume-" + UUID)
    array.map("volume-" + UUID, "h1")
    assert isinstance(refused(exclusive(array, "b", force=True), "belongs to OpenStack"), Refused)
    done(exclusive(array, "b", openstack_owned=True))


def test_a_refused_exclusive_unmaps_nothing_at_all(array: MemoryArray) -> None:
    array.map("a", "h1")
    array.map("b", "h1", open=True)
    task = exclusive(array, "c")
    assert task.lines == ["map volume c to host h1"]


def test_what_a_refused_exclusive_would_free_stays_taken(array: MemoryArray) -> None:
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
    assert mapped(array) == ["h1 a 0"]


def test_an_excluded_volume_gives_its_lun_to_a_declared_one(array: MemoryArray) -> None:
    array.map("a", "h1", 0)
    task = done(host_maps(array, {"host": "h1", "volume": "b", "lun": 0, "exclusive": True}))
    assert task.lines == ["unmap volume a from host h1", "map volume b to host h1 as LUN 0"]


def test_exclusive_warns_of_what_every_initiator_may_use(array: MemoryArray) -> None:
    task = exclusive(array, "b")
    assert task.warnings == []
    actual = replace(task.actual, mappings=Listing((Mapping("c", EVERY_HOST),)))
    (warning,) = planner.plan(task.desired, actual, Policy(), array.capabilities).warnings
    assert "every initiator may use c, so host h1 may too" in warning


# -- what follows a decision -------------------------------------------------------------------------------------------


def test_what_is_unmapped_is_in_a_destructive_batch(array: MemoryArray) -> None:
    array.map("a", "h1")
    for task in (host_maps(array, {"host": "h1", "volume": "a", "state": "absent"}), exclusive(array, "b")):
        for batch in task.plan.batches:
            lines = [step.line for chain in batch.chains.values() for step in chain]
            assert batch.destructive is ("unmap volume a from host h1" in lines)


def test_unmapping_where_mappings_are_unknown_may_be_impossible() -> None:
    array = MemoryArray(mappings_known="of_no_host", refusals={"unmap_volume": "only a task on that host can detach"})
    array.volume("a")
    array.host("h1", IQN + "h1")
    task = host_maps(array, {"host": "h1", "volume": "a", "state": "absent"})
    assert isinstance(refused(task, "only a task on that host can detach"), Unsupported)


def test_a_predicted_mapping_has_the_ids_of_its_volume_and_host(array: MemoryArray) -> None:
    mapping = host_maps(array, {"host": "h1", "volume": "a"}).plan.world.mappings[("h1", "a")]
    assert mapping.volume_id == array._named("a").id
    assert mapping.host_id == array._hosts["h1"].id


def test_the_last_lun_is_a_lun(array: MemoryArray) -> None:
    done(host_maps(array, {"host": "h1", "volume": "a", "lun": 15}))


def test_no_lun_is_changed_when_another_part_of_the_task_is_refused(array: MemoryArray) -> None:
    array.map("a", "h1", 0)
    task = host_maps(array, {"host": "h1", "volume": "a", "lun": 5}, {"host": "h1", "volume": "gone"})
    refused(task, "no volume gone")
    assert task.lines == []
    assert isinstance(task.plan.outcomes[("mapping", "h1", "a")].error, NotDone)


def test_no_initiator_moves_when_another_part_of_the_task_is_refused(array: MemoryArray) -> None:
    taker = {"name": "h2", "initiators": [IQN + "h1"]}
    task = moved(array, GIVER, taker, mappings=[{"host": "h1", "volume": "gone"}])
    refused(task, "no volume gone")
    assert isinstance(task.plan.outcomes[("host", "h2")].error, NotDone)


def test_all_initiators_of_a_host_without_volumes_are_replaced_though_other_mappings_are_unreadable(
    array: MemoryArray,
) -> None:
    array.map("a", "h2")
    array.unreadable["mapping"] = ["h2/a"]
    task = moved(array, GIVER)
    assert task.lines == [f"add {IQN}new to host h1", f"remove {IQN}h1 from host h1"]


def test_no_other_volume_is_mapped_after_a_failed_step(array: MemoryArray) -> None:
    array.fail("create_volume", FlashError("no"))
    task = document(array, volumes=[{"name": "new", "size": "1GiB"}], mappings=[{"volume": "a", "host": "h1"}])
    applied = task.run()
    assert [step.line for step in applied.not_done] == ["create volume new of 1GiB", "map volume a to host h1"]
    assert mapped(array) == []
