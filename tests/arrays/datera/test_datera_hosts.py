# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts, access lists and CHAP on a Datera, against the simulated array."""

from __future__ import annotations

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Chap,
)
from tests.arrays.datera.conftest import IQN1, IQN2, SimulatedEdf
from tests.support.one_array import make_volume

CHAP = Chap("of-user", "chapsecret1234")


def test_a_host_is_a_group_of_initiators(edf: SimulatedEdf) -> None:
    array = edf.connect()
    with edf.budget(array, 3, 3):
        array.create_host("server", [IQN1, IQN2])
    (host,) = array.hosts(["server"])
    assert set(host.addresses) == {IQN1.address, IQN2.address}
    assert array.find_hosts([IQN2.address]).items == (host,)
    smaller = array.remove_initiators(host, [IQN2.address])
    assert array.hosts().items[0].addresses == smaller.addresses == (IQN1.address,)
    array.add_initiators(smaller, [IQN2])
    array.delete_host(array.hosts(["server"]).items[0])
    assert edf.state()["hosts"] == []


def test_existing_initiators_are_used(edf: SimulatedEdf) -> None:
    edf.raw("POST", "/initiators", {"id": IQN1.address, "name": "made-by-hand"})
    array = edf.connect()
    array.create_host("server", [IQN1])
    assert array.hosts(["server"]).items[0].addresses == (IQN1.address,)


def test_an_initiator_of_the_parent_tenant_can_be_used(edf: SimulatedEdf) -> None:
    """2.2 creates it again in the tenant, 2.1 uses the one of the parent tenant."""
    if edf.tenant == "/root":
        edf.tenant = "/root/acme"
    edf.raw("POST", "/initiators", {"id": IQN1.address, "name": "everybody"}, tenant="/root")
    array = edf.connect()
    host = array.create_host("server", [IQN1])
    mapping = array.map_volume(make_volume(array), host)
    assert (mapping.host, mapping.lun) == ("server", 0)


def test_exporting_and_attaching_takes_five_requests(edf: SimulatedEdf) -> None:
    array = edf.connect()
    array.create_host("server", [IQN1])
    make_volume(array)
    edf.settle(array, "vol1")
    with edf.budget(array, 5, 1):
        volume, host = array.volumes(["vol1"]).items[0], array.hosts(["server"]).items[0]
        mapping = array.map_volume(volume, host)
    assert (mapping.volume, mapping.host, mapping.lun, mapping.open) == ("vol1", "server", 0, False)
    ports = array.ports_of(["vol1"])
    assert {port.address for port in ports} == {
        edf.raw("GET", "/app_instances/vol1")["storage_instances"][0]["access"]["iqn"]
    }
    assert all(str(port.portal).endswith(":3260") for port in ports)
    assert len(ports) == 2


def test_mapping_twice_adds_one_entry(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume, host = make_volume(array), array.create_host("server", [IQN1])
    for _ in range(2):
        array.map_volume(volume, host)
    assert len(edf.state()["mappings"]) == 1


def test_unmapping_returns_the_remaining_mappings(edf: SimulatedEdf) -> None:
    array = edf.connect()
    host = array.create_host("server", [IQN1])
    first, second = (array.map_volume(make_volume(array, name), host) for name in ("vol1", "vol2"))
    with edf.budget(array, 3, 1):
        remaining = array.unmap_volume(first)
    assert [mapping.volume for mapping in remaining] == ["vol2"]
    assert array.unmap_volume(second) == ()
    assert array.unmap_volume(second) == ()
    assert edf.state()["mappings"] == []


def test_a_volume_that_is_offline_is_mapped_and_brought_online(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make_volume(array)
    edf.raw("PUT", "/app_instances/vol1", {"admin_state": "offline"})
    (volume,) = array.volumes(["vol1"])
    assert volume.state == "offline"
    array.map_volume(volume, array.create_host("server", [IQN1]))
    assert array.volumes(["vol1"]).items[0].state == "ready"


def test_a_single_initiator_of_an_access_list_is_a_host_by_its_address(edf: SimulatedEdf) -> None:
    """The vendor's Cinder driver maps in this form."""
    array = edf.connect()
    volume = make_volume(array)
    edf.raw("POST", "/initiators", {"id": IQN1.address, "name": "OpenStack-1234"})
    policy = volume.id.rsplit("/volumes/", 1)[0] + "/acl_policy"
    entry = {"path": f"/initiators/{IQN1.address}"}
    edf.raw("PUT", policy, {"initiators": [entry]})
    (mapping,) = array.mappings(volumes=["vol1"])
    assert mapping.host == IQN1.address
    assert array.hosts([IQN1.address]).items[0].addresses == (IQN1.address,)
    assert len(array.hosts()) == 0
    with pytest.raises(errors.Unsupported, match="a single initiator and no group"):
        array.add_initiators(array.hosts([IQN1.address]).items[0], [IQN2])
    assert array.unmap_volume(mapping) == ()


def test_open_sessions_are_reported(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume, host = make_volume(array), array.create_host("server", [IQN1])
    other = array.create_host("other", [IQN2])
    for mapped_host in (host, other):
        array.map_volume(volume, mapped_host)
    assert {mapping.host: mapping.open for mapping in array.mappings()} == {"server": False, "other": False}
    edf.login("vol1", IQN1)
    assert {mapping.host: mapping.open for mapping in array.mappings()} == {"server": True, "other": False}
    assert {item.host: item.open for item in array.volumes(["vol1"]).items[0].mappings or ()} == {
        "server": True,
        "other": False,
    }


def test_chap_credentials_are_those_of_the_volume(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume, host = make_volume(array), array.create_host("server", [IQN1])
    with edf.budget(array, 1, 1):
        array.set_volume_chap(volume, CHAP)
    array.map_volume(volume, host)
    (mapping,) = array.mappings()
    assert mapping.chap_user == "of-user"
    auth = edf.raw("GET", volume.id.rsplit("/volumes/", 1)[0] + "/auth")
    assert (auth["type"], auth["target_user_name"], auth["target_pswd"]) == ("chap", "of-user", "(hidden)")
    everything = str(edf.simulator.journal(edf.name)) + str(list(array.calls)) + str(edf.state())
    everything += repr(CHAP) + repr(array.volumes().items)
    assert CHAP.password not in everything


@pytest.mark.parametrize(
    ("chap", "message"),
    [
        (Chap("of-user", "short"), "12 to 16 characters"),
        (Chap("of-user", "x" * 17), "12 to 16 characters"),
        (Chap("of-user", "chapsecret1234", "disc", "chapsecret1234"), "no CHAP for discovery"),
    ],
)
def test_chap_credentials_that_the_array_does_not_accept_are_refused(
    edf33: SimulatedEdf, chap: Chap, message: str
) -> None:
    array = edf33.connect()
    volume = make_volume(array)
    with edf33.budget(array, 0), pytest.raises(errors.Invalid, match=message) as caught:
        array.set_volume_chap(volume, chap)
    assert chap.password not in str(caught.value)


def test_fibre_channel_is_not_supported(edf33: SimulatedEdf) -> None:
    assert edf33.connect().capabilities.protocols == ("iscsi",)


def test_a_host_with_mappings_is_not_deleted(edf: SimulatedEdf) -> None:
    array = edf.connect()
    host = array.create_host("server", [IQN1])
    array.map_volume(make_volume(array), host)
    with pytest.raises(errors.InUse, match="volumes are mapped to it: vol1"):
        array.delete_host(host)
    assert len(array.hosts()) == 1
