# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of a FlashSystem against the simulated array: reads, volumes, hosts, mappings and request budgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    BadReply,
    Conflict,
    InUse,
    Invalid,
    NoSpace,
    NotFound,
    Refused,
    Unreachable,
    Unsupported,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Host,
    Initiator,
    VolumeSpec,
)
from tests.support.flashsystem import GIB, IQN, WWPNS, FlashSystemUnderTest, empty_array, host, initiators, volume
from tests.support.running import wait_until
from tests.support.simulator import Simulator
from tests.support.threads import side_by_side

ARRAYS: list[dict[str, Any]] = [
    {"name": "both", "vendor": "flashsystem", "protocol": "both"},
    {
        "name": "later",
        "vendor": "flashsystem",
        "assume": {"flashsystem.mappings.shared_code": "CMMVC6045E", "flashsystem.lists.empty_header": True},
        "nodes": 1,
    },
    {"name": "open", "vendor": "flashsystem", "open_access": True},
    {
        "name": "named",
        "vendor": "flashsystem",
        "protocol": "iscsi",
        "assume": {"flashsystem.nodes.iscsi_name": "naa"},
        "portals": ["2001:db8::11", "10.1.1.12"],
    },
    {
        "name": "ailing",
        "vendor": "flashsystem",
        "protocol": "both",
        "offline": ["node2", "port1"],
        "pools": [{"name": "gold", "size": "4GiB"}, {"name": "silver", "size": "8GiB"}],
    },
]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(ARRAYS) as running:
        yield running


@pytest.fixture
def array(simulator: Simulator) -> FlashSystemUnderTest:
    return empty_array(simulator, "both")


@pytest.fixture
def ailing(simulator: Simulator) -> FlashSystemUnderTest:
    return empty_array(simulator, "ailing")


@pytest.fixture(params=["both", "later"])
def any_firmware(request: pytest.FixtureRequest, simulator: Simulator) -> FlashSystemUnderTest:
    """An array of each firmware: they differ in the code for a second host and in how they print an empty list."""
    return empty_array(simulator, request.param)


@pytest.fixture
def client(array: FlashSystemUnderTest) -> Iterator[Any]:
    with array.client() as connected:
        yield connected


def size_of(array: FlashSystemUnderTest, name: str) -> int:
    volume = array.simulator.volume(name, "both")
    assert volume is not None
    return int(volume["size"])


def test_hosts_are_remembered_by_many_threads(client: Any) -> None:
    """Every thread that creates a host changes the shared table of initiators."""
    hosts = [Host(f"h{n}", initiators=(Initiator(f"{IQN}-{n}", "iscsi"),)) for n in range(400)]
    assert side_by_side(client._remember, hosts) == [None] * 400
    assert {host.name for host in client.find_hosts([f"{IQN}-{n}" for n in range(400)])} == {
        remembered.name for remembered in hosts
    }


# ---- the array -------------------------------------------------------------------------------------------------------


def test_the_array_reports_its_name_version_pools_and_capacity(array: FlashSystemUnderTest, client: Any) -> None:
    info = client.info()
    assert (info.name, info.version, info.protocols) == ("both", "1.5.2.6", ("fc", "iscsi"))
    assert len(info.serial) == 16
    assert [pool.name for pool in client.pools()] == ["mdiskgrp0"]
    assert client.capacity().size == 20 << 40


def test_open_access_is_refused_with_the_command_that_turns_it_off(simulator: Simulator) -> None:
    array = FlashSystemUnderTest(simulator, "open")
    with pytest.raises(Refused, match="svctask chsystem -openaccess off"), array.client():
        pass
    assert array.cli("svctask chsystem -openaccess off")[0] == 0
    with array.client() as connected:
        assert connected.volumes().items == ()
    simulator.reset("open")


def test_only_online_ports_of_online_nodes_are_reported(ailing: FlashSystemUnderTest) -> None:
    with ailing.client() as client:
        ports = client.ports()
        assert [(port.protocol, port.name) for port in ports] == [("fc", "node1:1"), ("iscsi", "node1:ip1")]
        assert ports.items[1].portal == "127.0.0.11:3260"
        assert ports.items[1].address.startswith("iqn.1986-03.com.ibm:2145.")


def test_the_pool_with_most_room_is_used_or_the_one_that_is_named(ailing: FlashSystemUnderTest) -> None:
    """A driver with a fixed pool name cannot use an array that has another one (wire sheet, section 8)."""
    with ailing.client() as client:
        assert client.create_volume(VolumeSpec("a", GIB)).pool == "silver"
        assert client.create_volume(VolumeSpec("b", GIB, pool="gold")).pool == "gold"
        assert {volume.name: volume.pool for volume in client.volumes()} == {"a": "silver", "b": "gold"}
        with pytest.raises(Invalid, match="gold, silver"):
            client.create_volume(VolumeSpec("c", GIB, pool="bronze"))
        with pytest.raises(Conflict, match="in pool silver instead of gold"):
            client.create_volume(VolumeSpec("a", GIB, pool="gold"))
        with pytest.raises(NoSpace):
            client.create_volume(VolumeSpec("d", 9 * GIB, pool="silver"))


def test_columns_are_read_by_name() -> None:
    """Their order and additional columns do not matter."""
    from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.flashsystem.reading import _pool

    row = {"new": "x", "free_capacity": "7", "status": "online", "capacity": "9", "name": "p", "id": "3", "": ""}
    assert (_pool(row).name, _pool(row).size, _pool(row).free) == ("p", 9, 7)


def test_an_answer_that_cannot_be_parsed_is_not_an_empty_array(array: FlashSystemUnderTest, client: Any) -> None:
    array.fault(kind="non_json", match={"method": "lsvdisk"})
    with pytest.raises(BadReply):
        client.volumes()


def test_an_empty_answer_with_or_without_a_header_is_an_empty_list(any_firmware: FlashSystemUnderTest) -> None:
    with any_firmware.client() as client:
        for listing in (client.volumes(), client.snapshots(), client.hosts(), client.mappings()):
            assert listing.items == ()
            assert listing.complete
        assert client.volumes(["none"]).items == client.hosts(["none"]).items == ()
        assert client.mappings(hosts=["none"]).items == client.mappings(volumes=["none"]).items == ()


# ---- volumes ---------------------------------------------------------------------------------------------------------


def test_a_volume_is_created_extended_renamed_and_deleted(array: FlashSystemUnderTest, client: Any) -> None:
    created = client.create_volume(VolumeSpec("db1", 2 * GIB))
    assert client.create_volume(VolumeSpec("db1", 2 * GIB)).id == created.id
    with pytest.raises(Conflict, match="2GiB instead of 3GiB"):
        client.create_volume(VolumeSpec("db1", 3 * GIB))
    volume = client.volumes(["db1"]).items[0]
    assert (volume.size, volume.provisioning, volume.pool) == (2 * GIB, "thick", "mdiskgrp0")
    assert len(volume.serial) == 32
    assert volume.serial.startswith("6005076")
    grown = client.extend_volume(volume, 3 * GIB)
    assert client.volumes(["db1"]).items[0].size == grown.size == 3 * GIB
    renamed = client.rename_volume(grown, "db 2")
    assert array.names() == ["db 2"]
    client.delete_volume(renamed)
    client.delete_volume(renamed)
    assert array.names() == []


def test_an_extension_is_computed_from_the_present_size(array: FlashSystemUnderTest, client: Any) -> None:
    """The array expects a difference: one from an old size would make the volume too large."""
    old = volume(client, "db1", GIB)
    array.cli("svctask expandvdisksize -size 1 -unit gb db1")
    assert client.extend_volume(old, 3 * GIB).size == 3 * GIB
    assert size_of(array, "db1") == 3 * GIB
    with pytest.raises(Refused, match="never shrinks"):
        client.extend_volume(old, 2 * GIB)


def test_a_volume_named_by_a_number_is_not_found_by_its_id(array: FlashSystemUnderTest, client: Any) -> None:
    """The array takes ``0`` for the vdisk with that id."""
    volume(client, "db1")
    assert client.volumes(["0"]).items == ()
    assert client.hosts(["0"]).items == ()
    ghost = client.volumes(["db1"]).items[0]
    from dataclasses import replace

    client.delete_volume(replace(ghost, name="0", id=""))
    assert array.names() == ["db1"]


def test_a_volume_of_the_same_name_but_another_id_is_not_touched(array: FlashSystemUnderTest, client: Any) -> None:
    old = volume(client, "db1")
    client.delete_volume(old)
    volume(client, "db1")
    changes: list[Callable[[], object]] = [
        lambda: client.delete_volume(old),
        lambda: client.extend_volume(old, 2 * GIB),
    ]
    for change in changes:
        with pytest.raises(Conflict, match="taken its name"):
            change()
    assert array.names() == ["db1"]


def test_a_mapped_volume_is_not_deleted(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = volume(client, "db1")
    client.map_volume(db1, host(client))
    with pytest.raises(InUse, match="it is mapped to db-server"):
        client.delete_volume(db1)
    assert array.names() == ["db1"]


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncated", "no_status"])
def test_changes_whose_answer_was_lost_are_confirmed_by_the_state(
    array: FlashSystemUnderTest, client: Any, kind: str
) -> None:
    def lose(verb: str) -> None:
        array.fault(kind=kind, match={"method": verb})

    lose("mkvdisk")
    client.create_volume(VolumeSpec("db1", GIB))
    db1 = client.volumes(["db1"]).items[0]
    if kind == "reset_before":
        db1 = client.extend_volume(db1, 3 * GIB)
    else:
        lose("expandvdisksize")
        db1 = client.extend_volume(db1, 3 * GIB)
    assert size_of(array, "db1") == 3 * GIB
    lose("chvdisk")
    db1 = client.rename_volume(db1, "db2")
    lose("mkhost")
    server = client.create_host("db-server", initiators(WWPNS[0]))
    lose("addhostport")
    server = client.add_initiators(server, initiators(WWPNS[1]))
    lose("mkvdiskhostmap")
    mapping = client.map_volume(db1, server)
    assert array.maps() == {("db-server", "db2"): mapping.lun}
    lose("rmvdiskhostmap")
    assert client.unmap_volume(mapping) == ()
    lose("rmhostport")
    server = client.remove_initiators(server, WWPNS[:1])
    assert array.state()["hosts"][0]["initiators"][0]["address"] == WWPNS[1]
    lose("rmhost")
    client.delete_host(server)
    lose("rmvdisk")
    client.delete_volume(db1)
    assert array.names() == []
    assert array.state()["hosts"] == []


@pytest.mark.parametrize("fault", [{"kind": "reset_late", "seconds": 2.0}, {"kind": "latency", "seconds": 3.0}])
def test_an_extension_that_goes_on_after_its_answer_was_lost_is_waited_for(
    array: FlashSystemUnderTest, fault: dict[str, Any]
) -> None:
    with array.client(timeout=2.5) as client:
        db1 = volume(client, "db1")
        array.fault(**fault, match={"method": "expandvdisksize"})
        mark = array.mark()
        assert client.extend_volume(db1, 3 * GIB).size == 3 * GIB
        assert [line for line in array.lines(mark) if "expandvdisksize" in line] == [
            "svctask expandvdisksize -size 2 -unit gb db1"
        ]
    assert size_of(array, "db1") == 3 * GIB


def test_an_extension_that_may_still_be_carried_out_is_an_error_and_not_sent_again(array: FlashSystemUnderTest) -> None:
    with array.client(timeout=1.0) as client:
        db1 = volume(client, "db1")
        array.fault(kind="reset_late", seconds=2.5, match={"method": "expandvdisksize"})
        with pytest.raises(Unreachable, match="still has 1GiB instead of 3GiB.*nothing more was sent"):
            client.extend_volume(db1, 3 * GIB)
    wait_until(lambda: size_of(array, "db1") == 3 * GIB, 30, "it is never carried out")
    with array.client() as client:
        assert client.extend_volume(db1, 3 * GIB).size == 3 * GIB


def test_an_extension_that_was_never_carried_out_is_made_by_the_next_run(array: FlashSystemUnderTest) -> None:
    with array.client(timeout=1.0) as client:
        db1 = volume(client, "db1")
        array.fault(kind="reset_before", match={"method": "expandvdisksize"})
        with pytest.raises(Unreachable, match="nothing more was sent"):
            client.extend_volume(db1, 3 * GIB)
        assert client.extend_volume(db1, 3 * GIB).size == 3 * GIB
    assert size_of(array, "db1") == 3 * GIB


def test_ports_are_read_where_nodes_have_naa_names_and_portals_ipv6_addresses(simulator: Simulator) -> None:
    with FlashSystemUnderTest(simulator, "named").client() as client:
        ports = client.ports()
        assert ports.unreadable == ()
        assert {port.portal for port in ports} == {"[2001:db8::11]:3260", "10.1.1.12:3260"}
        assert all(port.protocol == "iscsi" and port.address.startswith("naa.5005076") for port in ports)
        assert client.info().protocols == ("iscsi",)


def test_a_login_that_expires_is_renewed(array: FlashSystemUnderTest, client: Any) -> None:
    array.fault(kind="expired")
    client.create_volume(VolumeSpec("db1", GIB))
    assert array.names() == ["db1"]


def test_a_full_pool_is_reported(array: FlashSystemUnderTest, client: Any) -> None:
    array.fault(kind="pool_full", count=None)
    with pytest.raises(NoSpace, match="CMMVC8710E"):
        client.create_volume(VolumeSpec("db1", GIB))


# ---- hosts and mappings ----------------------------------------------------------------------------------------------


def test_a_host_is_created_changed_and_deleted(array: FlashSystemUnderTest, client: Any) -> None:
    host = client.create_host("db-server", initiators(*WWPNS[:2]))
    assert client.create_host("db-server", initiators(*WWPNS[:2])).addresses == host.addresses
    with pytest.raises(Conflict, match="is there already"):
        client.create_host("db-server", initiators(WWPNS[2]))
    with pytest.raises(Conflict, match="belongs to host db-server"):
        client.create_host("other", initiators(WWPNS[1]))
    more = client.add_initiators(host, initiators(WWPNS[2], IQN))
    assert set(client.hosts(["db-server"]).items[0].addresses) == {*WWPNS, IQN}
    less = client.remove_initiators(more, [WWPNS[0], IQN])
    assert set(client.hosts(["db-server"]).items[0].addresses) == set(WWPNS[1:])
    client.delete_host(less)
    client.delete_host(less)
    assert array.state()["hosts"] == []


def test_several_initiators_are_added_with_one_command(array: FlashSystemUnderTest, client: Any) -> None:
    mark = array.mark()
    host = client.create_host("db-server", initiators(WWPNS[0], WWPNS[1]))
    client.add_initiators(host, initiators(WWPNS[2], "10000000c900000a"))
    assert len(array.lines(mark)) == 2


def test_an_existing_mapping_is_compared(array: FlashSystemUnderTest, client: Any) -> None:
    db1, logs, server = volume(client, "db1"), volume(client, "logs"), host(client)
    assert client.map_volume(db1, server, 5).lun == 5
    assert client.map_volume(db1, server).lun == client.map_volume(db1, server, 5).lun == 5
    with pytest.raises(Conflict, match="at LUN 5 instead of 6"):
        client.map_volume(db1, server, 6)
    with pytest.raises(Conflict, match="LUN 5 of host db-server is taken by volume db1"):
        client.map_volume(logs, server, 5)
    free = client.map_volume(logs, server)
    assert array.maps() == {("db-server", "db1"): 5, ("db-server", "logs"): free.lun}
    assert {mapping.volume: mapping.lun for mapping in client.mappings(hosts=["db-server"])} == {
        "db1": 5,
        "logs": free.lun,
    }
    assert [mapping.volume for mapping in client.unmap_volume(free)] == ["db1"]
    assert [mapping.volume for mapping in client.unmap_volume(free)] == ["db1"]


def test_a_second_host_is_forced_only_on_request(any_firmware: FlashSystemUnderTest) -> None:
    """The code for a second host changed with the firmware, and a driver took the new one for success (bug 1723188)."""
    with any_firmware.client() as client:
        db1, server = volume(client, "db1"), host(client)
        other = host(client, "standby", WWPNS[2])
        client.map_volume(db1, server, 1)
        with pytest.raises(InUse, match="mapped to host db-server"):
            client.map_volume(db1, other, 1)
        mark = any_firmware.mark()
        client.map_shared(db1, other, 1)
        sent = any_firmware.lines(mark)
        assert len(sent) == 2
        assert "-force" not in sent[0]
        assert "-force" in sent[1]
        assert any_firmware.maps() == {("db-server", "db1"): 1, ("standby", "db1"): 1}


def test_force_is_not_sent_where_the_array_does_not_demand_it(array: FlashSystemUnderTest, client: Any) -> None:
    db1, server = volume(client, "db1"), host(client)
    mark = array.mark()
    client.map_shared(db1, server, 1)
    assert [line for line in array.lines(mark) if "-force" in line] == []


def test_a_missing_host_or_volume_is_named(array: FlashSystemUnderTest, client: Any) -> None:
    db1, server = volume(client, "db1"), host(client)
    client.delete_host(server)
    with pytest.raises(NotFound, match="host db-server is not there"):
        client.map_volume(db1, server)
    server = host(client)
    client.delete_volume(db1)
    with pytest.raises(NotFound, match="volume db1 is not there"):
        client.map_volume(db1, server)


def test_an_unsupported_operation_is_refused_before_any_request(array: FlashSystemUnderTest, client: Any) -> None:
    capabilities = client.capabilities
    for operation in ("atomic_snapshots", "restore_snapshot", "groups", "chap", "metadata", "host_without_initiators"):
        assert capabilities.refusal(operation)
    mark = array.mark()
    with pytest.raises(Unsupported):
        client.restore_snapshot(None, None, "backup")
    with pytest.raises(Unsupported):
        client.create_host("empty", ())
    assert array.lines(mark) == []


def test_a_host_without_a_path_is_refused_before_anything_is_made(array: FlashSystemUnderTest, client: Any) -> None:
    """This machine has no adapter, so no request is sent."""
    mark = array.mark()
    for operation in ("create_snapshots", "clone_volume", "volume_from_snapshot"):
        refusal = client.capabilities.refusal(operation)
        assert "no path to the array" in refusal
        assert "delegate the task" in refusal
    db1 = volume(client, "db1")
    with pytest.raises(Unsupported, match="no path"):
        client.clone_volume(db1, VolumeSpec("copy"))
    assert array.names() == ["db1"]
    assert [entry["change"] for entry in array.changes(mark)] == ["volume.create"]


# ---- request budgets -------------------------------------------------------------------------------------------------


def test_operations_keep_their_request_budgets(array: FlashSystemUnderTest, client: Any) -> None:
    """Other drivers need up to 31 requests for one operation (wire sheet, section 6)."""

    def cost(call: Any, *arguments: Any) -> tuple[int, Any]:
        mark, before = array.mark(), client.calls.counts["requests"]
        result = call(*arguments)
        count = len(array.lines(mark))
        assert count == client.calls.counts["requests"] - before
        return count, result

    client.ports()
    count, _ = cost(client.create_volume, VolumeSpec("db1", GIB))
    assert count == 1
    count, db1 = cost(lambda: client.volumes(["db1"]).items[0])
    assert count == 2  # the second reads its mappings
    count, db1 = cost(client.extend_volume, db1, 2 * GIB)
    assert count == 2
    server = host(client)
    count, server = cost(lambda: client.hosts(["db-server"]).items[0])
    assert count == 1
    count, mapping = cost(client.map_volume, db1, server)
    assert count <= 3
    count, _ = cost(client.unmap_volume, mapping)
    assert count == 2
    count, mapping = cost(client.map_volume, db1, server, 7)
    assert count == 2  # the second reads whether another host has it
    client.unmap_volume(mapping)
    count, _ = cost(client.delete_volume, db1)
    assert count == 3  # the second reads its mappings
    count, _ = cost(lambda: (client.capacity(), client.pools()))
    assert count == 2


def test_hosts_are_read_once_to_find_one_by_its_initiator(array: FlashSystemUnderTest) -> None:
    with array.client() as client:
        for number in range(3):
            host(client, f"host{number}", f"10000000c90000f{number}")
    with array.client(max_concurrency=1) as client:
        mark = array.mark()
        assert client.find_hosts(["10000000c90000f2"]).items[0].name == "host2"
        assert len(array.lines(mark)) == 1 + 3
        mark = array.mark()
        assert client.find_hosts(["10000000c90000f2"]).items[0].name == "host2"
        assert array.lines(mark) == []


def test_a_session_costs_two_requests_and_one_connection(array: FlashSystemUnderTest) -> None:
    mark = array.mark()
    with array.client() as client:
        client.volumes()
        client.mappings()
        assert client.calls.counts == {"requests": 2, "writes": 0, "session_requests": 2}
    requests = array.simulator.requests("both", mark)
    assert len(requests) == 4
    assert len({request["connection"] for request in requests}) == 1
