# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Defects of the upstream FlashSystem driver that this client does not have (wire sheet, sections 4 and 8).

Where a test has a docstring, it says what the upstream driver does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Conflict, Invalid, Refused
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Mapping, VolumeSpec
from tests.support.flashsystem import GIB, IQN, WWPNS, FlashSystemUnderTest, empty_array, host, initiators, volume
from tests.support.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    arrays: list[dict[str, Any]] = [
        {"name": "both", "vendor": "flashsystem", "protocol": "both"},
        {"name": "half", "vendor": "flashsystem", "protocol": "both", "offline": ["node2"]},
    ]
    with Simulator(arrays) as running:
        yield running


@pytest.fixture
def array(simulator: Simulator) -> FlashSystemUnderTest:
    return empty_array(simulator, "both")


@pytest.fixture
def client(array: FlashSystemUnderTest) -> Iterator[Any]:
    with array.client() as connected:
        yield connected


@pytest.mark.parametrize("name", ["node#1", "9node", "x" * 70, "n\u00f6de", "a/b", "semi;colon", "-dash", "trailing "])
def test_defect_1_a_host_whose_name_had_to_be_changed_is_found_again(array: FlashSystemUnderTest, name: str) -> None:
    """It creates the host, does not find it again, sends ``-scsi -1``, and leaves the host behind."""
    with array.client() as client:
        server = host(client, name)
        db1 = volume(client, "db1")
        assert client.map_volume(db1, server, 4).host == name
    mark = array.mark()
    with array.client() as client:
        listed = client.hosts([name]).items[0]
        assert (listed.name, set(listed.addresses)) == (name, set(WWPNS[:2]))
        mapping = client.mappings(hosts=[name]).items[0]
        assert (mapping.host, mapping.lun) == (name, 4)
        assert client.create_host(name, initiators(*WWPNS[:2])).id == listed.id
        assert client.unmap_volume(mapping) == ()
        client.delete_host(listed)
    assert not [line for line in array.lines(mark) if "-scsi -" in line]
    assert array.state()["hosts"] == []


def test_defect_1_a_lun_below_0_never_leaves_the_client(array: FlashSystemUnderTest, client: Any) -> None:
    db1, server = volume(client, "db1"), host(client)
    mark = array.mark()
    with pytest.raises(Invalid, match="LUN -1 is not possible"):
        client.map_volume(db1, server, -1)
    assert array.lines(mark) == []


def test_defect_1_host_names_that_are_equal_when_changed_stay_two_hosts(
    array: FlashSystemUnderTest, client: Any
) -> None:
    host(client, "node#1", WWPNS[0])
    host(client, "node/1", WWPNS[1])
    assert client.hosts(["node#1"]).items[0].addresses == (WWPNS[0],)
    assert client.hosts(["node/1"]).items[0].addresses == (WWPNS[1],)


def test_defect_2_a_host_name_with_a_space_can_be_used(array: FlashSystemUnderTest, client: Any) -> None:
    """It creates such a host and then cannot use it."""
    server, db1 = host(client, "db server 1"), volume(client, "db1")
    mapping = client.map_volume(db1, server)
    assert [row["name"] for row in array.state()["hosts"]] == ["db server 1"]
    assert client.unmap_volume(mapping) == ()
    client.delete_host(server)
    assert array.state()["hosts"] == []


def test_defect_3_a_host_is_found_by_any_of_its_ports(array: FlashSystemUnderTest) -> None:
    """It compares only the last WWPN of the first host with the right prefix."""
    with array.client() as client:
        host(client, "as-the-admin-named-it", WWPNS[0], WWPNS[1])
        host(client, "by-iscsi", IQN)
    for address, name in ((WWPNS[0], "as-the-admin-named-it"), (WWPNS[1], "as-the-admin-named-it"), (IQN, "by-iscsi")):
        with array.client() as client:
            assert [item.name for item in client.find_hosts([address])] == [name]
    with array.client() as client:
        assert {item.name for item in client.find_hosts([WWPNS[1], IQN])} == {"as-the-admin-named-it", "by-iscsi"}
        assert client.find_hosts([WWPNS[2]]).items == ()


def test_defect_4_deleting_a_deleted_volume_succeeds(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = volume(client, "db1")
    array.cli("svctask rmvdisk db1")
    client.delete_volume(db1)
    assert array.names() == []


def test_defect_5_unmapping_twice_is_unmapping_once(array: FlashSystemUnderTest, client: Any) -> None:
    db1, server = volume(client, "db1"), host(client)
    mapping = client.map_volume(db1, server)
    client.unmap_volume(mapping)
    assert client.unmap_volume(mapping) == ()
    client.delete_host(server)
    assert client.unmap_volume(mapping) == ()
    assert client.unmap_volume(Mapping("no-such-volume", "no-such-host")) == ()


def test_defect_6_ports_of_the_remaining_node_are_used(simulator: Simulator) -> None:
    """It uses only the last node, so no volume can be attached while that one is offline."""
    with FlashSystemUnderTest(simulator, "half").client() as client:
        ports = client.ports()
    assert {port.protocol for port in ports} == {"fc", "iscsi"}
    assert all(port.name.startswith("node1:") for port in ports)


def test_defect_9_a_volume_is_never_shrunk(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = volume(client, "db1", 2 * GIB)
    mark = array.mark()
    with pytest.raises(Refused, match="never shrinks"):
        client.extend_volume(db1, GIB)
    assert not [line for line in array.lines(mark) if "expandvdisksize" in line]
    assert array.changes(mark) == []


def test_defect_10_every_portal_is_reported_with_its_own_target(array: FlashSystemUnderTest, client: Any) -> None:
    """It reports one portal, and the name of the configuration node whichever node has the portal."""
    portals = {port.portal: port.address for port in client.ports() if port.protocol == "iscsi"}
    assert set(portals) == {"127.0.0.11:3260", "127.0.0.12:3260"}
    assert len(set(portals.values())) == 2


def test_the_only_pool_is_used_whatever_its_name(simulator: Simulator) -> None:
    """It knows the pool name mdiskgrp0 only."""
    with Simulator(
        [{"name": "renamed", "vendor": "flashsystem", "pools": [{"name": "gold", "size": "4GiB"}]}]
    ) as renamed:
        with FlashSystemUnderTest(renamed, "renamed").client() as client:
            assert client.create_volume(VolumeSpec("db1", GIB)).pool == "gold"


def test_a_race_for_a_lun_is_decided_by_the_array(array: FlashSystemUnderTest, client: Any) -> None:
    """It uses locks within one process, which do not stop another one."""
    db1, logs, server = volume(client, "db1"), volume(client, "logs"), host(client)
    array.cli(f"svctask mkvdiskhostmap -host {server.name} -scsi 1 logs")
    with pytest.raises(Conflict, match="LUN 1 of host db-server is taken by volume logs"):
        client.map_volume(db1, server, 1)
    assert client.map_volume(db1, server).lun == 0
    assert client.map_volume(replace(logs), server).lun == 1
