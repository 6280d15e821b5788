# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts, initiators, mappings and target ports of a Violin (wire sheet, sections 2.7 and 2.8)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Conflict, InUse, Invalid
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Host
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.violin.hosts import target_name
from tests.arrays.violin import IQN, WWN, ViolinArray, empty_array, fc, iscsi, volume
from tests.support.simulator import Simulator

OTHER_WWN = "100000000000c908"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    arrays: list[dict[str, Any]] = [
        {"name": "both", "vendor": "violin", "protocol": "both"},
        {"name": "7.5.4", "vendor": "violin", "protocol": "iscsi", "version": "7.5.4"},
        {"name": "7.5.3", "vendor": "violin", "version": "7.5.3"},
    ]
    with Simulator(arrays) as running:
        yield running


@pytest.fixture
def array(simulator: Simulator) -> ViolinArray:
    return empty_array(simulator, "both")


PROTOCOLS = pytest.mark.parametrize("initiator", [fc(), iscsi()], ids=["fc", "iscsi"])


@PROTOCOLS
def test_a_volume_is_mapped_at_the_requested_lun_or_at_a_free_one(array: ViolinArray, initiator: Any) -> None:
    with array.client() as client:
        host = client.create_host("server", [initiator])
        first, second, third = (volume(client, name) for name in ("db1", "db2", "db3"))
        assert client.map_volume(first, host, 7).lun == 7
        assert client.map_volume(first, host, 7).lun == 7
        assert client.map_volume(second, host).lun == 0
        with pytest.raises(Conflict, match="at LUN 7 instead of 8"):
            client.map_volume(first, host, 8)
        with pytest.raises(Conflict, match="LUN 7 of host server is taken by volume db1"):
            client.map_volume(third, host, 7)
        held = sorted((mapping.volume, mapping.lun) for mapping in client.mappings(hosts=["server"]))
        assert held == [("db1", 7), ("db2", 0)]
        (remaining,) = client.unmap_volume(next(iter(client.mappings(volumes=["db1"]))))
        assert remaining.volume == "db2"
        assert client.unmap_volume(remaining) == ()
        assert client.unmap_volume(remaining) == ()
    assert array.state()["mappings"] == []


@PROTOCOLS
@pytest.mark.parametrize("fault", ["reset_after", "reset_before", "truncated", "non_json"])
def test_a_mapping_whose_answer_was_lost_exists_once(array: ViolinArray, initiator: Any, fault: str) -> None:
    with array.client() as client:
        created = volume(client, "db1")
        array.fault(kind=fault, match={"method": "POST", "path": "/sanclient"})
        host = client.create_host("server", [initiator])
        array.fault(kind=fault, match={"method": "PUT"})
        mapped = client.map_volume(created, host)
        array.fault(kind=fault, match={"method": "PUT"})
        assert client.unmap_volume(mapped) == ()
        array.fault(kind=fault, match={"method": "DELETE"})
        client.delete_host(host)
    assert array.state()["hosts"] == []


@PROTOCOLS
def test_an_existing_host_is_compared_and_gets_initiators(array: ViolinArray, initiator: Any) -> None:
    more = fc(OTHER_WWN) if initiator.protocol == "fc" else iscsi(IQN + "-b")
    with array.client() as client:
        host = client.create_host("server", [initiator])
        assert client.create_host("server", [initiator]).id == host.id
        with pytest.raises(Conflict, match="host server is there already, with the initiators"):
            client.create_host("server", [more])
        # The list that is sent replaces the array's, so it must have what is there now
        grown = client.add_initiators(replace(host, initiators=()), [more])
        assert set(grown.addresses) == {initiator.address, more.address}
        assert client.find_hosts([more.address]).items[0].name == "server"
        with pytest.raises(Conflict, match="belongs to host server"):
            client.create_host("other", [more])
        assert client.remove_initiators(grown, [initiator.address]).addresses == (more.address,)
        with pytest.raises(Invalid, match="keeps at least one initiator"):
            client.remove_initiators(grown, [more.address])
        client.delete_host(grown)
        client.delete_host(grown)


def test_a_host_has_one_protocol(array: ViolinArray) -> None:
    with array.client() as client:
        mark = array.mark()
        with pytest.raises(Invalid, match="declare two hosts"):
            client.create_host("server", [fc(), iscsi()])
        assert array.writes(mark) == []
        host = client.create_host("server", [fc()])
        with pytest.raises(Invalid, match="declare two hosts"):
            client.add_initiators(host, [iscsi()])
        assert client.capabilities.refusal("add_initiators", host, initiators=[iscsi()])


@PROTOCOLS
def test_a_host_with_volumes_is_not_deleted(array: ViolinArray, initiator: Any) -> None:
    """No write is sent: that the array would refuse it is not documented."""
    with array.client() as client:
        host = client.create_host("server", [initiator])
        client.map_volume(volume(client, "db1"), host)
        mark = array.mark()
        with pytest.raises(InUse, match="volumes are mapped to it: db1"):
            client.delete_host(host)
        assert array.writes(mark) == []


# ---- iSCSI targets ---------------------------------------------------------------------------------------------------


def targets(array: ViolinArray) -> dict[str, str]:
    """The id of each target by its name."""
    rows = array.raw("GET", "/client/iscsitarget")["data"]["iscsitargets"]
    return {row["name"]: row["object_id"] for row in rows}


def test_hosts_with_similar_names_have_their_own_targets(array: ViolinArray) -> None:
    """An IQN permits fewer characters than a host's name, and each host must see only its own volumes."""
    names = ("a_b", "a-b", "a:b", "a@b", "a+b", "Db1", "db1", "x" * 120)
    with array.client() as client:
        for number, name in enumerate(names):
            host = client.create_host(name, [iscsi(f"{IQN}-{number}")])
            assert client.map_volume(volume(client, f"v{number}"), host).host == name
        assert {(mapping.host, mapping.volume) for mapping in client.mappings()} == {
            (name, f"v{number}") for number, name in enumerate(names)
        }
    target_names = targets(array)
    assert len(target_names) == len(names)
    assert all(len(name) <= 223 and re.match(r"iqn\.2004-02\.com\.vmem:[a-z0-9.-]+\Z", name) for name in target_names)


def test_a_target_of_somebody_else_is_not_used(array: ViolinArray) -> None:
    with array.client(wait_timeout=1.0) as client:
        other = client.create_host("other", [iscsi(IQN + "-o")])
        number = client._concerto.client(other.id)["sanclient_id"]
        body = {"clientId": number, "targetName": target_name("server"), "ipAddress": "10.1.1.11"}
        array.raw("POST", "/client/iscsitarget", {"params": {**body, "accessMode": "ReadWrite"}})
        host = client.create_host("server", [iscsi()])
        created = volume(client, "db1")
        with pytest.raises(Conflict, match="iSCSI target .*:server already, and it belongs to another host"):
            client.map_volume(created, host)
        # Its own host uses the target that it has, whatever its name
        assert client.map_volume(created, other).lun == 0
        assert len(targets(array)) == 1
    assert [(row["host"], row["volume"]) for row in array.state()["mappings"]] == [("other", "db1")]


def test_the_target_of_a_host_is_deleted_with_it(array: ViolinArray) -> None:
    """Other clients leave it, and then a new host of that name cannot be mapped (wire sheet, section 8, 6)."""
    with array.client() as client:
        for _ in range(2):
            host = client.create_host("server", [iscsi()])
            mapped = client.map_volume(volume(client, "db1"), host)
            assert list(targets(array)) == [target_name("server")]
            client.unmap_volume(mapped)
            client.delete_host(host)
            assert targets(array) == {}


@pytest.mark.parametrize("fault", ["reset_after", "reset_before", "truncated", "non_json"])
def test_a_target_whose_answer_was_lost_is_created_once(array: ViolinArray, fault: str) -> None:
    with array.client() as client:
        host = client.create_host("server", [iscsi()])
        array.fault(kind=fault, match={"method": "POST", "path": "/iscsitarget"})
        assert client.map_volume(volume(client, "db1"), host).lun == 0
    assert len(targets(array)) == 1


def test_the_ports_of_a_volume_are_those_of_its_hosts(array: ViolinArray) -> None:
    with array.client() as client:
        fibre, net = client.create_host("fibre", [fc()]), client.create_host("net", [iscsi()])
        client.map_volume(volume(client, "db1"), fibre)
        client.map_volume(volume(client, "db2"), net)
        client.map_volume(volume(client, "db3"), client.create_host("net2", [iscsi(IQN + "-2")]))
        mark = array.mark()
        assert {port.protocol for port in client.ports_of(["db2"])} == {"iscsi"}
        assert {port.address for port in client.ports_of(["db2"])} == {target_name("net")}
        assert {port.portal for port in client.ports_of(["db2"])} == {"10.1.1.11:3260", "10.1.2.11:3260"}
        assert {port.protocol for port in client.ports_of(["db1", "db2"])} == {"fc", "iscsi"}
        assert len({port.address for port in client.ports_of(["db2", "db3"])}) == 2
        # The hosts are known from the mapping, and the target ports are read once
        assert not [request for request in array.requests(mark) if "/client/" in request["path"]]


def test_an_empty_host_is_removed_where_the_option_says_so(array: ViolinArray) -> None:
    with array.client(options={"remove_empty_hosts": True}) as client:
        host = client.create_host("server", [fc()])
        maps = [client.map_volume(volume(client, name), host) for name in ("db1", "db2")]
        client.unmap_volume(maps[0])
        assert len(client.hosts()) == 1
        client.unmap_volume(maps[1])
        assert len(client.hosts()) == 0


def test_the_registration_of_openstack_can_be_read(array: ViolinArray) -> None:
    """OpenStack's Violin driver registers a client without valid initiators or IP address (section 2.7)."""
    name = "Managed by OpenStack (1.0-ISCSI) with vmemclient (1.1.9)"
    params = {"name": name, "protocolType": "iSCSI", "ipAddress": "100.200.300.400", "OSType": "LinuxZen"}
    array.raw("POST", "/client/sanclient", {"params": {**params, "iSCSIPolicy": {"initiators": "iqn.fake"}}})
    with array.client() as client:
        hosts = client.hosts()
        assert hosts.complete
        assert hosts.items[0].addresses == ()


def test_ports_are_those_that_are_up_and_portals_are_all(array: ViolinArray) -> None:
    with array.client() as client:
        fibre = [port for port in client.ports() if port.protocol == "fc"]
        assert [port.address for port in fibre] == ["2101001b9722ae00", "2101001b9722ae01", "2101001b9722ae02"]
        client.map_volume(volume(client, "db1"), client.create_host("server", [iscsi()]))
        portals = [port for port in client.ports() if port.protocol == "iscsi"]
        assert [port.portal for port in portals] == ["10.1.1.11:3260", "10.1.2.11:3260"]
        assert {port.address for port in portals} == {"iqn.2004-02.com.vmem:server"}


def test_iscsi_ports_are_reported_from_7_5_4_on(simulator: Simulator) -> None:
    with ViolinArray(simulator, "7.5.4").client() as client:
        assert [port.portal for port in client.ports()] == ["10.1.1.11:3260", "10.1.2.11:3260"]
        assert client.capabilities.protocols == ("fc", "iscsi")
    with ViolinArray(simulator, "7.5.3").client() as client:
        assert {port.protocol for port in client.ports()} == {"fc"}
        assert client.capabilities.protocols == ("fc",)


def test_a_host_that_is_known_by_name_only_can_be_mapped(array: ViolinArray) -> None:
    with array.client() as client:
        client.create_host("server", [fc(WWN)])
        assert client.map_volume(volume(client, "db1"), Host("server")).lun == 0
