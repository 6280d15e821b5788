# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts, mappings, consistency groups and metadata on XtremIO, against the simulated XMS in every version."""

from __future__ import annotations

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Chap,
    Initiator,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from tests.arrays.xtremio import FC1, FC2, IQN, SimulatedXms
from tests.support.one_array import make_volume

# -- hosts and mappings ------------------------------------------------------------------------------------------------


def test_hosts_are_created_found_changed_and_deleted(xms: SimulatedXms) -> None:
    array = xms.connect()
    with xms.budget(array, 1, 1):
        array.create_host("h1", [FC1, IQN])
    with xms.budget(array, 2 if xms.v2 else 5):
        host = array.hosts(["h1"]).items[0]
    assert set(host.addresses) == {FC1.address, IQN.address}
    assert host.volumes == 0
    assert host.os == "other"
    array.create_host("h2", [FC2], os="linux")
    assert array.hosts(["h2"]).items[0].os == "linux"
    array.create_host("h3", [])
    assert sorted(model.names(array.hosts().items)) == ["h1", "h2", "h3"]
    with xms.budget(array, 1 if xms.v2 else 4):
        hosts = array.find_hosts([IQN.address, FC2.address])
    assert sorted(model.names(hosts.items)) == ["h1", "h2"]
    assert set((hosts.named("h1") or host).addresses) == {FC1.address, IQN.address}
    assert array.create_host("h1", [IQN, FC1]).id == host.id
    with pytest.raises(errors.Conflict, match="10:00:00:00:00:00:00:01"):
        array.create_host("h1", [FC1])
    third = Initiator("1000000000000003", "fc")
    with xms.budget(array, 1, 1):
        host = array.add_initiators(host, [FC1, third])
    assert third.address in array.hosts(["h1"]).items[0].addresses
    with xms.budget(array, 1, 1):
        host = array.remove_initiators(host, [third.address, "1000000000000099"])
    assert set(array.hosts(["h1"]).items[0].addresses) == set(host.addresses) == {FC1.address, IQN.address}
    with xms.budget(array, 1, 1):
        array.delete_host(host)
    array.delete_host(host)
    assert sorted(model.names(array.hosts().items)) == ["h2", "h3"]


def test_an_initiator_of_another_host_is_a_conflict(xms: SimulatedXms) -> None:
    array = xms.connect()
    array.create_host("h1", [FC1])
    for chap in (None, Chap("user", "twelve-chars")):
        with pytest.raises(errors.Conflict, match="10:00:00:00:00:00:00:01 belongs to host h1"):
            array.create_host("h2", [FC1, IQN], chap=chap)
        assert model.names(array.hosts().items) == ("h1",)
    other = array.create_host("h3", [FC2])
    with pytest.raises(errors.Conflict, match="belongs to host h1"):
        array.add_initiators(other, [FC1])
    assert array.add_initiators(model.Host("h3", id=other.id), [FC2]).addresses == (FC2.address,)


def test_chap_credentials_of_a_host_are_set_and_never_shown(xms: SimulatedXms) -> None:
    array = xms.connect()
    chap = Chap("me", "login-secret", "me-too", "discovery-secret")
    host = array.create_host("h1", [FC1, IQN], chap=chap)
    listed = array.hosts(["h1"]).items[0]
    assert {initiator.protocol: initiator.chap_user for initiator in listed.initiators} == {"fc": None, "iscsi": "me"}
    assert host.initiators[1].chap_user == "me"
    with xms.budget(array, 1, 1):
        array.set_chap(listed, Chap("you", "login-secret2"))
    assert array.hosts(["h1"]).items[0].initiators[1].chap_user == "you"
    with pytest.raises(errors.Invalid, match="both"):
        array.set_chap(listed, Chap("you", "login-secret2", "you-too"))
    everything = repr([array.hosts(), array.find_hosts([IQN.address]), list(array.calls), chap, host])
    for secret in ("login-secret", "discovery-secret"):
        assert secret not in everything


def test_volumes_are_mapped_and_unmapped_with_their_luns(xms: SimulatedXms) -> None:
    array = xms.connect()
    first, second, third = make_volume(array, "v1"), make_volume(array, "v2"), make_volume(array, "v3")
    array.create_host("h1", [FC1])
    with xms.budget(array, 4 if xms.v2 else 5, 1):
        host = array.find_hosts([FC1.address]).items[0]
        mapping = array.map_volume(first, host)
    assert (mapping.volume, mapping.host, mapping.lun) == ("v1", "h1", 1)
    assert array.map_volume(first, host) == mapping
    assert array.map_volume(first, host, lun=1) == mapping
    assert array.map_volume(second, host, lun=0).lun == 0
    with pytest.raises(errors.Conflict, match="at LUN 1 instead of 5"):
        array.map_volume(first, host, lun=5)
    with pytest.raises(errors.Conflict, match="LUN 0 of host h1 is taken by volume v2"):
        array.map_volume(third, host, lun=0)
    assert array.volumes(["v1"]).items[0].mappings == (mapping,)
    assert array.volumes(["v1"]).items[0].serial
    assert sorted((item.volume, item.lun) for item in array.mappings(hosts=["h1"])) == [("v1", 1), ("v2", 0)]
    assert [item.volume for item in array.mappings(volumes=["v2"])] == ["v2"]
    assert len(array.mappings()) == 2
    assert array.hosts(["h1"]).items[0].volumes == 2
    with xms.budget(array, 2 if xms.v2 else 4, 1):
        remaining = array.unmap_volume(mapping)
    assert [item.volume for item in remaining] == ["v2"]
    assert [item.volume for item in array.unmap_volume(mapping)] == ["v2"]
    assert array.unmap_volume(model.Mapping("v2", "h1")) == ()


def test_the_array_picks_free_luns(xms: SimulatedXms) -> None:
    array = xms.connect()
    host = array.create_host("h1", [FC1])
    luns = [array.map_volume(make_volume(array, f"v{number}"), host).lun for number in range(4)]
    assert luns == [1, 2, 3, 4]


def test_a_mapped_volume_is_not_deleted(xms: SimulatedXms) -> None:
    """The array itself would delete it together with its mappings."""
    array = xms.connect()
    volume = make_volume(array, "v1")
    (snapshot,) = array.create_snapshots([SnapshotSpec("s1", volume)])
    host = array.create_host("h1", [FC1])
    array.map_volume(volume, host)
    array.map_volume(model.Volume("s1", GIB, id=snapshot.id), host)
    with xms.budget(array, 2, 0):
        with pytest.raises(errors.InUse, match="mapped to h1"):
            array.delete_volume(volume)
        with pytest.raises(errors.InUse, match="mapped to h1"):
            array.delete_snapshot(snapshot)
    with pytest.raises(errors.InUse, match="2 volumes"):
        array.delete_host(host)


def test_a_volume_that_was_replaced_is_not_deleted(xms: SimulatedXms) -> None:
    array = xms.connect()
    volume = make_volume(array, "v1")
    make_volume(array, "v2")
    array.delete_volume(volume)
    stranger = array.create_volume(VolumeSpec("v1", GIB))
    assert stranger.id != volume.id
    with pytest.raises(errors.Conflict, match="another object"):
        array.delete_volume(volume)


# -- groups and metadata -----------------------------------------------------------------------------------------------


def test_consistency_groups_are_created_changed_snapshotted_and_deleted(xms_v2: SimulatedXms) -> None:
    array = xms_v2.connect()
    first, second = make_volume(array, "v1"), make_volume(array, "v2")
    with xms_v2.budget(array, 1, 1):
        group = array.create_group("g1", [first])
    assert array.create_group("g1", [first]).id == group.id
    with pytest.raises(errors.Conflict, match="with v1"):
        array.create_group("g1", [second])
    with xms_v2.budget(array, 1, 1):
        group = array.add_to_group(group, [first, second])
    assert array.groups(["g1"]).items[0].volumes == group.volumes == ("v1", "v2")
    assert array.add_to_group(model.Group("g1", group.id), [second]).volumes == ("v2",)
    assert array.volumes(["v1"]).items[0].groups == ("g1",)
    with xms_v2.budget(array, 3, 1):
        taken = array.snapshot_group(group, "nightly")
    assert sorted(model.names(taken)) == ["v1.nightly", "v2.nightly"]
    assert all(snapshot.proven for snapshot in taken)
    assert len({snapshot.group for snapshot in taken}) == 1
    with pytest.raises(errors.Conflict, match="is there already, and was not taken now"):
        array.snapshot_group(group, "nightly")
    with pytest.raises(errors.InUse, match="consistency group"):
        array.delete_volume(first)
    with xms_v2.budget(array, 1, 1):
        group = array.remove_from_group(group, [second])
    assert array.groups().items[0].volumes == group.volumes == ("v1",)
    with xms_v2.budget(array, 1, 1):
        array.delete_group(group)
    array.delete_group(group)
    assert len(array.groups()) == 0
    assert len(array.volumes(["v1", "v2"])) == 2
    with pytest.raises(errors.NotFound, match="volume ghost"):
        array.create_group("g2", [model.Volume("ghost", GIB)])
    with pytest.raises(errors.NotFound, match="consistency group g1"):
        array.add_to_group(group, [second])
    with pytest.raises(errors.NotFound, match="consistency group g1"):
        array.snapshot_group(group, "x")
    with pytest.raises(errors.Invalid, match="suffix"):
        array.snapshot_group(group, "x" * 65)


def test_metadata_is_stored_in_tags_and_other_tags_stay(xms_v2: SimulatedXms) -> None:
    array = xms_v2.connect()
    volume, other = make_volume(array, "v1"), make_volume(array, "v2")
    notes = {"owner": "Jürgen / team=db", "a/b=c": "100%", "empty": ""}
    array.set_metadata(volume, notes)
    assert array.metadata(volume) == notes
    assert array.metadata(other) == {}
    assert array.volumes(["v1"]).items[0].metadata == notes
    with xms_v2.budget(array, 1, 0):
        array.set_metadata(volume, notes)
    array._xms.post("tags", {"entity": "Volume", "tag-name": "gold"})
    array._xms.put("tags", "/Volume/gold", {"entity": "Volume", "entity-details": "v1"})
    array.set_metadata(other, {"owner": "x"})
    array.set_metadata(volume, {"owner": "x"})
    assert array.metadata(volume) == {"owner": "x"} == array.metadata(other)
    array.set_metadata(volume, {})
    assert array.metadata(volume) == {}
    assert array.metadata(other) == {"owner": "x"}
    tags = array._xms.get("volumes", "v1", ("tag-list",))
    assert tags
    assert [tag[1] for tag in tags["tag-list"]] == ["/Volume/gold"]
