# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans for hosts and their initiators."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    Conflict,
    FlashError,
    InUse,
    Invalid,
    NotDone,
    NotFound,
    Refused,
    Unsupported,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Initiator,
)
from tests.support.memory_array import MemoryArray
from tests.support.planning import Task, document, done, host_maps, refused

IQN = "iqn.2026-01.org.example:"
WWN = "10000000c9000007"


@pytest.fixture
def array() -> MemoryArray:
    array = MemoryArray()
    for name in ("a", "b", "c"):
        array.volume(name)
    array.host("h1", IQN + "h1")
    array.host("h2", IQN + "h2")
    return array


# -- hosts -------------------------------------------------------------------------------------------------------------


def test_a_host_is_created_with_its_initiators(array: MemoryArray) -> None:
    task = done(host_maps(array, {"host": "h3", "initiators": ["10:00:00:00:C9:00:00:07", IQN + "H3"]}))
    assert task.lines == [f"create host h3 with 10:00:00:00:c9:00:00:07, {IQN}h3"]
    assert f"h3 {WWN},{IQN}h3" in array.names()["hosts"]


def test_the_operating_system_of_a_new_host_is_sent_to_the_array(array: MemoryArray) -> None:
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
    # For a deletion the operating system does not matter
    assert host_maps(array, {"host": "h1", "state": "absent", "os": "linux"}).lines == ["delete host h1"]


def test_another_operating_system_is_set_where_the_array_can_change_it(array: MemoryArray) -> None:
    """As after a run that was killed before it set the operating system of a new host."""
    array.host("h3", IQN + "h3", os="other")
    desired = {"host": "h3", "initiators": [IQN + "h3", WWN], "os": "linux"}
    task = host_maps(array, desired)
    assert task.lines[-1] == "set the operating system of host h3 to linux"
    done(task)
    existing = array.hosts(["h3"]).named("h3")
    assert existing is not None
    assert existing.os == "linux"
    assert host_maps(array, desired).lines == []


def test_another_operating_system_is_refused_where_the_array_cannot_change_it() -> None:
    array = MemoryArray(refusals={"set_host_os": "it can only be chosen when the host is created"})
    array.host("h1", IQN + "h1", os="Linux")
    error = refused(host_maps(array, {"host": "h1", "os": "esx"}), "its os is Linux, not esx", "It can only be chosen")
    assert isinstance(error, Conflict)
    for os in ("Linux", "linux"):
        assert host_maps(array, {"host": "h1", "os": os}).lines == []


def test_a_host_is_renamed_with_its_initiators_and_mappings(array: MemoryArray) -> None:
    array.map("a", "h1", 3)
    desired = {"host": "h9", "rename_from": "h1", "initiators": [IQN + "h1", WWN], "volume": "b", "lun": 4}
    task = host_maps(array, desired)
    assert task.lines == [
        "rename host h1 to h9",
        "add 10:00:00:00:c9:00:00:07 to host h9",
        "map volume b to host h9 as LUN 4",
    ]
    done(task)
    assert task.reporter.host(task.desired.hosts[0]).after["name"] == "h9"
    assert {line.split()[0] for line in array.names()["hosts"]} == {"h2", "h9"}
    assert array.names()["mappings"] == ["h9 a 3", "h9 b 4"]
    assert host_maps(array, desired).lines == []


def test_what_a_renamed_host_has_is_known(array: MemoryArray) -> None:
    """Its LUNs, the mappings that an exclusive task removes, and the volumes that keep its initiators."""
    array.map("a", "h1", 3)
    renamed = {"host": "h9", "rename_from": "h1"}
    refused(host_maps(array, dict(renamed, volume="b", lun=3)), "volume a has LUN 3 on this host")
    exclusive = host_maps(array, dict(renamed, volume="b", exclusive=True), unmap=True)
    assert sorted(exclusive.lines) == ["map volume b to host h9", "rename host h1 to h9", "unmap volume a from host h9"]
    done(exclusive)
    assert array.names()["mappings"] == ["h9 b 0"]
    other = {"host": "h8", "rename_from": "h9", "initiators": [WWN], "exclusive_initiators": True}
    refused(host_maps(array, other), "none of the initiators that it has now would stay, and it has volume b")
    assert array.names()["mappings"] == ["h9 b 0"]


def test_a_rename_that_is_not_clear_or_not_possible_is_refused(array: MemoryArray) -> None:
    assert host_maps(array, {"host": "h1", "rename_from": "h2"}).plan.warnings == (
        "host h1 is there already, so h2 keeps its name",
    )
    both = [{"host": "h8", "rename_from": "h1"}, {"host": "h9", "rename_from": "h1"}]
    with pytest.raises(Invalid, match="osts h8 and h9 shall both be renamed from h1"):
        host_maps(array, *both)
    taken = {"host": "h9", "rename_from": "h1", "initiators": [IQN + "h2"]}
    refused(host_maps(array, taken), f"initiator {IQN}h2 belongs to host h2")
    array.capabilities.refusals["rename_host"] = "this array renames no host"  # type: ignore[index]
    refused(host_maps(array, {"host": "h9", "rename_from": "h1"}), "this array renames no host")
    assert {line.split()[0] for line in array.names()["hosts"]} == {"h1", "h2"}


def test_a_host_that_shall_be_renamed_is_not_pruned(array: MemoryArray) -> None:
    """Where a host has the new name already, the one with the old name may be in use."""
    for number, name in enumerate(("web-old", "web-new", "web-other")):
        array.host(name, f"{IQN}{number}")
    declared = [{"name": "web-new", "rename_from": "web-old"}]
    task = document(array, hosts=declared, prune=True, prune_prefix="web-", prune_kinds=["hosts"])
    assert task.lines == ["delete host web-other"]


def test_a_missing_host_is_not_created_without_initiators(array: MemoryArray) -> None:
    task = host_maps(array, {"host": "h11", "volume": "a"})
    assert isinstance(refused(task, "there is no such host", "give its initiators"), NotFound)
    assert task.lines == []


def test_a_host_without_initiators_is_created_only_with_an_empty_list_and_where_possible(array: MemoryArray) -> None:
    done(host_maps(array, {"host": "h3", "initiators": []}))
    array.capabilities.refusals["host_without_initiators"] = "give it an initiator"  # type: ignore[index]
    error = refused(host_maps(array, {"host": "h4", "initiators": []}), "give it an initiator")
    assert isinstance(error, Unsupported)


def test_missing_initiators_are_added_and_others_are_kept(array: MemoryArray) -> None:
    task = done(host_maps(array, {"host": "h1", "initiators": [IQN + "more"]}))
    assert task.lines == [f"add {IQN}more to host h1"]
    assert f"h1 {IQN}h1,{IQN}more" in array.names()["hosts"]


def test_exclusive_initiators_removes_the_others_in_the_last_step(array: MemoryArray) -> None:
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
        host.name, host.id, tuple(Initiator(port.address, port.protocol, logged_in=True) for port in host.initiators)
    )
    desired = {"host": "h1", "initiators": [IQN + "new"], "exclusive_initiators": True}
    assert host_maps(array, desired).warnings == [f"initiator {IQN}h1 is logged in to the array"]
    array.map("a", "h1", open=True)
    assert isinstance(refused(host_maps(array, desired), "open session on volume a", "force: true"), Refused)
    done(host_maps(array, desired, force=True))


def test_removing_initiators_of_a_host_of_openstack_needs_openstack_owned(array: MemoryArray) -> None:
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


def test_an_initiator_of_a_protocol_that_the_array_does_not_use_is_refused() -> None:
    array = MemoryArray(protocols=("fc",))
    error = refused(host_maps(array, {"host": "h3", "initiators": [IQN + "h3"]}), "iSCSI", "It uses Fibre Channel.")
    assert isinstance(error, Invalid)


CHAP = {"chap_username": "user", "chap_password": "secret-of-12-chars"}


def test_chap_is_set_when_the_user_name_differs_or_with_update_secret_always(array: MemoryArray) -> None:
    task = done(host_maps(array, dict(CHAP, host="h1")))
    assert task.lines == ["set the CHAP credentials of host h1"]
    assert host_maps(array, dict(CHAP, host="h1", update_secret="always")).lines == task.lines
    assert "secret" not in repr(task.plan)


def test_chap_of_new_initiators_is_set_in_the_same_step(array: MemoryArray) -> None:
    task = done(host_maps(array, dict(CHAP, host="h3", initiators=[IQN + "h3", WWN])))
    assert len(task.lines) == 1
    initiators = task.reporter.host(task.desired.hosts[0]).after["initiators"]
    assert [initiator["chap_username"] for initiator in initiators] == ["user", None]


def test_chap_is_refused_on_an_array_without_chap() -> None:
    array = MemoryArray(refusals={"chap": "this array has no CHAP"})
    array.host("h1", IQN + "h1")
    assert isinstance(refused(host_maps(array, dict(CHAP, host="h1")), "no CHAP"), Unsupported)


def hosts_document(array: MemoryArray, *hosts: dict[str, Any], **options: Any) -> Task:
    return document(array, hosts=list(hosts), **options)


RELEASING_HOST = {"name": "h1", "initiators": [IQN + "new"], "exclusive_initiators": True}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("receiver", ["h2", "h3"])
def test_an_initiator_moves_from_an_exclusive_host_to_another(array: MemoryArray, receiver: str, reverse: bool) -> None:
    """In either order of the document it is first removed from the one host, then added to the other."""
    hosts = [RELEASING_HOST, {"name": receiver, "initiators": [IQN + "h1"]}]
    task = hosts_document(array, *(reversed(hosts) if reverse else hosts), mappings=[{"volume": "a", "host": receiver}])
    done(task)
    moves = [f"remove {IQN}h1 from host h1"]
    moves += [f"add {IQN}h1 to host h2"] if receiver == "h2" else [f"create host h3 with {IQN}h1"]
    # A mapping to an existing host does not wait for its new initiator.
    maps = [f"map volume a to host {receiver}"]
    assert task.lines == [f"add {IQN}new to host h1", *(maps + moves if receiver == "h2" else moves + maps)]
    assert array.names()["mappings"] == [f"{receiver} a 0"]


def test_initiators_move_along_a_chain_of_hosts(array: MemoryArray) -> None:
    task = hosts_document(
        array,
        {"name": "h3", "initiators": [IQN + "h2"]},
        {"name": "h2", "initiators": [IQN + "h1"], "exclusive_initiators": True},
        RELEASING_HOST,
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
    task = hosts_document(
        array,
        {"name": "h1", "initiators": [IQN + "h2"], "exclusive_initiators": True},
        {"name": "h2", "initiators": [IQN + "h1"], "exclusive_initiators": True},
    )
    assert [str(error.reason) for error in task.errors] == [
        f"initiator {IQN}h2 belongs to host h2",
        f"initiator {IQN}h1 belongs to host h1",
    ]
    assert task.lines == []


def test_an_initiator_that_its_host_cannot_lose_does_not_move(array: MemoryArray) -> None:
    array.map("a", "h1", open=True)
    task = hosts_document(array, RELEASING_HOST, {"name": "h2", "initiators": [IQN + "h1"]})
    assert [type(error) for error in task.errors] == [Refused, Conflict]
    assert f"initiator {IQN}h1 belongs to host h1" in str(task.errors[1])
    assert task.lines == []
    done(hosts_document(array, RELEASING_HOST, {"name": "h2", "initiators": [IQN + "h1"]}, force=True))


def test_after_a_failed_step_no_initiator_moves(array: MemoryArray) -> None:
    array.fail("create_volume", FlashError("no"))
    task = hosts_document(
        array, RELEASING_HOST, {"name": "h2", "initiators": [IQN + "h1"]}, volumes=[{"name": "n", "size": "1GiB"}]
    )
    applied = task.run(continue_on_error=True)
    assert set(applied.errors) == {("volume", "n")}
    assert [step.line for step in applied.done] == [f"add {IQN}new to host h1"]
    assert array.names()["hosts"] == [f"h1 {IQN}h1,{IQN}new", f"h2 {IQN}h2"]


# -- the last initiators -----------------------------------------------------------------------------------------------

NONE_LEFT = {"host": "h1", "initiators": [], "exclusive_initiators": True}
REPLACED = dict(NONE_LEFT, initiators=[IQN + "new"])


def test_an_empty_list_removes_all_initiators_only_with_allow_empty(array: MemoryArray) -> None:
    all_permissions = {"force": True, "unmap": True, "openstack_owned": True, "shared": True, "assume_unmapped": True}
    error = refused(host_maps(array, NONE_LEFT, **all_permissions), "initiators is empty", "set allow_empty: true")
    assert isinstance(error, Refused)
    assert "force" not in str(error)
    assert done(host_maps(array, NONE_LEFT, allow_empty=True)).lines == [f"remove {IQN}h1 from host h1"]


def test_an_empty_list_removes_all_initiators_of_a_host_with_volumes_only_with_allow_empty_and_force(
    array: MemoryArray,
) -> None:
    array.map("a", "h1")
    array.map("b", "h1")
    text = str(refused(host_maps(array, NONE_LEFT), "volume a, volume b", "allow_empty: true", "force: true"))
    assert "initiators is empty" in text
    assert host_maps(array, NONE_LEFT).lines == []
    refused(host_maps(array, NONE_LEFT, allow_empty=True), "it has volume a, volume b", "force: true")
    refused(host_maps(array, NONE_LEFT, force=True), "allow_empty: true")
    done(host_maps(array, NONE_LEFT, allow_empty=True, force=True))


def test_all_initiators_of_a_host_with_volumes_are_replaced_only_with_force(array: MemoryArray) -> None:
    assert host_maps(array, REPLACED).errors == [], "a host without volumes needs no force"
    array.map("a", "h1")
    error = refused(host_maps(array, REPLACED), "none of the initiators that it has now would stay", "force: true")
    assert isinstance(error, Refused)
    assert "allow_empty" not in str(error)
    assert host_maps(array, dict(REPLACED, initiators=[IQN + "new", IQN + "h1"])).errors == [], "one initiator is kept"
    done(host_maps(array, REPLACED, force=True))


def test_initiators_are_not_all_replaced_when_the_volumes_of_the_host_are_unknown(array: MemoryArray) -> None:
    array.unreadable["mapping"] = ["h1/a"]
    array._reported_host = lambda reported, host=array._hosts["h1"]: host  # type: ignore[assignment, method-assign, misc]
    assert isinstance(refused(host_maps(array, REPLACED), "not every mapping could be read", "force: true"), Refused)


def test_an_array_that_needs_an_initiator_for_each_host_keeps_the_last(array: MemoryArray) -> None:
    array.map("a", "h1")
    array.capabilities.refusals["remove_last_initiator"] = "a host keeps one"  # type: ignore[index]
    error = refused(host_maps(array, NONE_LEFT), "a host keeps one")
    assert isinstance(error, Unsupported)
    done(host_maps(array, REPLACED, force=True))


@pytest.mark.parametrize("initiators", [None, "left out"])
def test_exclusive_initiators_needs_the_option_initiators(array: MemoryArray, initiators: Any) -> None:
    desired = {"host": "h1", "exclusive_initiators": True, "initiators": initiators}
    if initiators:
        del desired["initiators"]
    with pytest.raises(Invalid, match="option exclusive_initiators needs initiators.*host h1"):
        host_maps(array, desired)
    with pytest.raises(Invalid, match="exclusive_initiators needs initiators"):
        document(array, hosts=[dict(desired, name="h1")])


# -- deleting hosts ----------------------------------------------------------------------------------------------------

ABSENT_HOST = {"host": "h1", "state": "absent"}


def test_a_host_without_mappings_is_deleted(array: MemoryArray) -> None:
    assert done(host_maps(array, ABSENT_HOST)).lines == ["delete host h1"]
    assert host_maps(array, ABSENT_HOST).lines == []


@pytest.mark.parametrize("reports", [True, False])
def test_a_host_with_mappings_is_never_deleted(reports: bool) -> None:
    array = MemoryArray(reports_mappings=reports)
    array.volume("a")
    array.host("h1")
    array.map("a", "h1")
    all_permissions = {"force": True, "unmap": True, "openstack_owned": True, "shared": True, "assume_unmapped": True}
    assert isinstance(refused(host_maps(array, ABSENT_HOST, **all_permissions), "volumes are mapped to it: a"), InUse)


def test_a_host_is_deleted_after_its_mappings_in_one_task(array: MemoryArray) -> None:
    array.map("a", "h1")
    task = done(host_maps(array, ABSENT_HOST, {"host": "h1", "volume": "a", "state": "absent"}))
    assert task.lines == ["unmap volume a from host h1", "delete host h1"]


def test_a_host_of_openstack_is_deleted_only_with_openstack_owned(array: MemoryArray) -> None:
    array.host("Managed by OpenStack node1")
    desired = {"host": "Managed by OpenStack node1", "state": "absent"}
    assert isinstance(refused(host_maps(array, desired, force=True), "belongs to OpenStack"), Refused)
    done(host_maps(array, desired, openstack_owned=True))


def test_a_host_whose_mappings_are_unknown_is_not_deleted(array: MemoryArray) -> None:
    without_mappings = MemoryArray(mappings_known="of_no_host")
    without_mappings.host("h1")
    error = refused(host_maps(without_mappings, ABSENT_HOST), "cannot be asked whether it has volumes mapped")
    assert isinstance(error, Refused)
    array.unreadable["mapping"] = ["h1/a"]
    array.map("b", "h2")
    host = array._hosts["h1"]
    array._reported_host = lambda reported: host  # type: ignore[assignment, method-assign]
    assert isinstance(refused(host_maps(array, ABSENT_HOST), "not every mapping could be read"), Refused)


def test_no_initiator_moves_when_another_part_of_the_task_is_refused(array: MemoryArray) -> None:
    receiver = {"name": "h2", "initiators": [IQN + "h1"]}
    task = hosts_document(array, RELEASING_HOST, receiver, mappings=[{"host": "h1", "volume": "missing"}])
    refused(task, "no volume missing")
    assert isinstance(task.plan.outcomes[("host", "h2")].error, NotDone)


def test_initiators_of_a_host_without_volumes_are_replaced_while_other_mappings_are_unreadable(
    array: MemoryArray,
) -> None:
    array.map("a", "h2")
    array.unreadable["mapping"] = ["h2/a"]
    task = hosts_document(array, RELEASING_HOST)
    assert task.lines == [f"add {IQN}new to host h1", f"remove {IQN}h1 from host h1"]
