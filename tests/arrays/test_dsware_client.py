# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Dsware client over REST and over the text socket, against the simulated array."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Initiator,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB, MIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.names import MARKER
from tests.arrays.dsware import REST, SimulatedDsware
from tests.support.one_array import make_volume
from tests.support.simulator import Simulator

IQN = Initiator("iqn.2026-01.org.example:h1", "iscsi")
IQN2 = Initiator("iqn.2026-01.org.example:h2", "iscsi")


# -- connecting --------------------------------------------------------------------------------------------------------


def test_a_session_begins_and_ends(dsware_rest: SimulatedDsware) -> None:
    mark = dsware_rest.mark()
    with dsware_rest.connect() as array:
        make_volume(array, "v1")
    paths = [request["path"].rsplit("/", 1)[1] for request in dsware_rest.requests(mark)]
    assert paths[:2] == ["version", "login"]
    assert paths[-1] == "logout"
    assert len({request["connection"] for request in dsware_rest.requests(mark)}) == 1
    assert array.calls.counts["session_requests"] == 4  # version, login, pools, logout
    shown = repr([call.as_dict() for call in array.calls]) + repr(dsware_rest.requests(mark))
    assert dsware_rest.endpoint["password"] not in shown


def test_a_wrong_password_is_reported_and_never_shown(dsware_rest: SimulatedDsware) -> None:
    with pytest.raises(errors.Unauthorized, match="user name and password") as caught:
        dsware_rest.connect(password="wrong-password")
    assert caught.value.code == "1077949061"
    assert "wrong-password" not in str(caught.value)


def test_impossible_options_are_refused(dsware_rest: SimulatedDsware) -> None:
    for options, message in (
        ({"transport": "pigeon"}, "neither rest nor socket"),
        ({"transport": "socket", "agents": {"a": "b"}}, "gents are used with"),
        ({"attach_tool": "/nowhere/vbs_cli"}, "no program /nowhere/vbs_cli"),
    ):
        with pytest.raises(errors.Invalid, match=message):
            dsware_rest.connect(options)


def test_the_array_reports_its_version_capacity_pools_and_ports(any_wire: SimulatedDsware) -> None:
    array = any_wire.connect()
    make_volume(array, "v1", 3 * GIB)
    info = array.info()
    assert info.vendor == "dsware"
    assert info.api_version == ("v1.3" if any_wire.rest else "text")
    pools = array.pools()
    assert pools.complete
    assert pools.items[0].size == 100 << 40
    assert [pool.name for pool in pools] == (["fast", "slow"] if any_wire.rest else ["0"])
    assert array.capacity().size == sum(pool.size for pool in pools)
    ports = array.ports()
    assert ports.known == bool(ports.items) == any_wire.rest, (
        "the socket does not report ports, so they are unknown and not none"
    )
    for port in ports:
        assert port.protocol == "iscsi"
        assert port.portal
        assert port.portal.endswith(":3260")


# -- volumes, over both protocols --------------------------------------------------------------------------------------


def test_a_volume_is_created_and_read(any_wire: SimulatedDsware) -> None:
    array = any_wire.connect()
    created = array.create_volume(VolumeSpec("v1", 10 * GIB + 1))
    assert created.size == 10 * GIB + MIB, "the size is rounded up, and reported so"
    volumes = array.volumes(["v1", "v2"])
    assert volumes.complete
    assert [item.name for item in volumes] == ["v1"]
    volume = volumes.items[0]
    assert (volume.size, volume.provisioning, volume.state) == (10 * GIB + MIB, "thin", "ready")
    assert volume.pool == ("fast" if any_wire.rest else "0")
    if any_wire.rest:
        assert volume.serial
        assert len(volume.serial) == 32
    state = any_wire.volume("v1")
    assert state
    assert (state["size"], state["provisioning"]) == (volume.size, "thin")


def test_a_volume_is_extended_and_never_shrunk(any_wire: SimulatedDsware) -> None:
    array = any_wire.connect()
    volume = make_volume(array, "v1")
    assert array.extend_volume(volume, 2 * GIB + 5).size == 2 * GIB + MIB
    assert array.volumes(["v1"]).items[0].size == 2 * GIB + MIB
    with pytest.raises(errors.Refused):
        array.extend_volume(array.volumes(["v1"]).items[0], GIB)


def test_deleting_a_deleted_volume_succeeds(any_wire: SimulatedDsware) -> None:
    array = any_wire.connect()
    volume = make_volume(array, "v1")
    array.delete_volume(volume)
    assert any_wire.names() == []
    array.delete_volume(volume)


def test_rename_is_refused_with_a_reason(any_wire: SimulatedDsware) -> None:
    array = any_wire.connect()
    volume = make_volume(array, "v1")
    with pytest.raises(errors.Unsupported, match="cannot rename"):
        array.rename_volume(volume, "v2")


def test_snapshots_are_taken_listed_and_deleted(any_wire: SimulatedDsware) -> None:
    array = any_wire.connect()
    volume = make_volume(array, "v1")
    (snapshot,) = array.create_snapshots([SnapshotSpec("s1", volume)])
    assert (snapshot.name, snapshot.volume, snapshot.size) == ("s1", "v1", GIB)
    assert array.create_snapshots([SnapshotSpec("s1", volume)])[0].name == "s1", "an existing snapshot is returned"
    other = make_volume(array, "v2")
    with pytest.raises(errors.Conflict, match="of volume v1"):
        array.create_snapshots([SnapshotSpec("s1", other)])
    array.create_snapshots([SnapshotSpec("s2", volume), SnapshotSpec("t1", other)])
    assert sorted(snapshot.name for snapshot in array.snapshots(volumes=["v1"])) == ["s1", "s2"]
    assert [snapshot.name for snapshot in array.snapshots(["t1", "none"])] == ["t1"]
    everything = array.snapshots()
    assert {item.name: item.volume for item in everything} == {"s1": "v1", "s2": "v1", "t1": "v2"}
    assert {snapshot.proven for snapshot in everything} == {any_wire.rest}
    assert all(item.created for item in everything)
    array.delete_snapshot(snapshot)
    array.delete_snapshot(snapshot)
    assert sorted(snapshot.name for snapshot in array.snapshots()) == ["s2", "t1"]


def test_a_volume_with_snapshots_is_not_deleted(any_wire: SimulatedDsware) -> None:
    array = any_wire.connect()
    volume = make_volume(array, "v1")
    array.create_snapshots([SnapshotSpec("s1", volume)])
    with pytest.raises(errors.InUse, match="has snapshots"):
        array.delete_volume(volume)
    assert any_wire.names() == ["s1", "v1"]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("size", [None, 3 * GIB])
def test_clones_have_the_content_and_the_requested_size(
    any_wire: SimulatedDsware, full: bool, size: int | None
) -> None:
    array = any_wire.connect()
    source = make_volume(array, "v1", 2 * GIB)
    options = {"full_clone": True} if full else {}
    clone = array.clone_volume(source, VolumeSpec("c1", size, options=options))
    assert clone.size == (size or 2 * GIB)
    (snapshot,) = array.create_snapshots([SnapshotSpec("s1", source)])
    copy = array.volume_from_snapshot(snapshot, VolumeSpec("c2", size, options=options))
    assert copy.size == (size or 2 * GIB)
    content = {row["name"]: row["content"] for row in any_wire.state()["volumes"]}
    assert content["c1"] == content["c2"] == content["v1"]
    assert not [name for name in any_wire.names() if name.startswith(MARKER)]
    assert sorted(volume.name for volume in array.volumes()) == ["c1", "c2", "v1"]
    with pytest.raises(errors.Invalid, match="smaller than its source"):
        array.clone_volume(source, VolumeSpec("c3", GIB))
    array.delete_snapshot(snapshot)
    array.delete_volume(source)
    assert any_wire.names() == ["c1", "c2"], "a clone does not keep its source from being deleted"


def test_a_full_clone_goes_to_another_pool_and_a_linked_one_does_not(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect()
    source = make_volume(array, "v1")
    array.clone_volume(source, VolumeSpec("c1", pool="slow", options={"full_clone": True}))
    state = dsware_rest.volume("c1")
    assert state
    assert state["pool"] == "slow"
    with pytest.raises(errors.Invalid, match="in the pool of its source, fast"):
        array.clone_volume(source, VolumeSpec("c2", pool="slow"))
    assert dsware_rest.names() == ["c1", "v1"]


def test_a_copy_that_takes_longer_than_wait_timeout_is_resumed_by_the_next_run(simulator: Simulator) -> None:
    dsware_rest = SimulatedDsware(simulator, "slow", REST)
    array = dsware_rest.connect(wait_timeout=0.5)
    source = make_volume(array, "v1")
    spec = VolumeSpec("c1", options={"full_clone": True})
    with pytest.raises(errors.Timeout, match="the end of the copy into c1"):
        array.clone_volume(source, spec)
    assert not array.volumes(["c1"]).items, "an unfinished copy is not reported"
    patient = dsware_rest.connect()
    mark = dsware_rest.mark()
    assert patient.clone_volume(source, spec).name == "c1"
    started = [request for request in dsware_rest.requests(mark) if "createFullVolumeFromSnap" in request["path"]]
    assert not started
    assert patient.volumes(["c1"]).items[0].state == "ready"
    assert dsware_rest.names() == ["c1", "v1"]
    dsware_rest.close()


def test_many_volumes_by_name_are_read_as_one_list(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect()
    names = [f"v{number}" for number in range(12)]
    for name in names:
        array.create_volume(VolumeSpec(name, GIB))
    with dsware_rest.budget(array, 4, writes=0):  # volumes and snapshots of two pools
        assert sorted(volume.name for volume in array.volumes(names)) == sorted(names)


def test_a_list_of_several_pages_is_read_over_the_socket(dsware_socket: SimulatedDsware) -> None:
    array = dsware_socket.connect()
    names = [f"{'x' * 80}-{number:02}" for number in range(10)]
    for name in names:
        array.create_volume(VolumeSpec(name, GIB))
    assert sorted(volume.name for volume in array.volumes()) == names


# -- restore -----------------------------------------------------------------------------------------------------------


def test_restore_keeps_the_present_content_and_happens_once(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect()
    volume = make_volume(array, "v1")
    (snapshot,) = array.create_snapshots([SnapshotSpec("s1", volume)])
    with dsware_rest.budget(array, 10, writes=6):
        kept = array.restore_snapshot(volume, snapshot, "before")
    assert (kept.name, kept.volume) == ("before", "v1")
    assert dsware_rest.names() == ["before", "s1", "v1"]
    with dsware_rest.budget(array, 2, writes=0):
        array.restore_snapshot(volume, snapshot, "before")
    other = make_volume(array, "v2")
    with pytest.raises(errors.Conflict, match="of volume v1"):
        array.restore_snapshot(other, snapshot, "before")


def test_a_restore_whose_marker_cannot_be_removed_says_that_it_was_carried_out(dsware_rest: SimulatedDsware) -> None:
    """While the marker is there, the next run would restore again."""
    array = dsware_rest.connect(wait_timeout=0.5)
    volume = make_volume(array, "v1")
    (snapshot,) = array.create_snapshots([SnapshotSpec("s1", volume)])
    dsware_rest.fault("refused_before", code="50159999", match={"path": "snapshot/delete"}, count=None)
    with pytest.raises(errors.FlashError, match="The volume was restored, and snapshot before keeps") as caught:
        array.restore_snapshot(volume, snapshot, "before")
    dsware_rest.clear_faults()
    (named,) = re.findall("Delete snapshot (.+) with the array's own tools", str(caught.value))
    assert named in dsware_rest.names()


def test_a_restore_that_the_array_refuses_leaves_no_backup(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect()
    volume, other = make_volume(array, "v1"), make_volume(array, "v2")
    (snapshot,) = array.create_snapshots([SnapshotSpec("s1", other)])
    with pytest.raises(errors.Conflict, match="not taken of that volume"):
        array.restore_snapshot(volume, snapshot, "before")
    assert dsware_rest.names() == ["s1", "v1", "v2"]


def test_a_restore_over_the_socket_is_refused(dsware_socket: SimulatedDsware) -> None:
    array = dsware_socket.connect()
    volume = make_volume(array, "v1")
    (snapshot,) = array.create_snapshots([SnapshotSpec("s1", volume)])
    with pytest.raises(errors.Unsupported, match="source_snapshot"):
        array.restore_snapshot(volume, snapshot, "before")
    assert dsware_socket.names() == ["s1", "v1"]


# -- hosts and LUNs ----------------------------------------------------------------------------------------------------


def test_hosts_get_initiators_and_mappings_with_luns(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect()
    volumes = [make_volume(array, name) for name in ("v1", "v2")]
    host = array.create_host("h1", [IQN])
    assert array.hosts(["h1", "h9"]).items[0].addresses == (IQN.address,)
    host = array.add_initiators(host, [IQN, IQN2])
    assert set(array.hosts().items[0].addresses) == {IQN.address, IQN2.address}
    assert [item.name for item in array.find_hosts([IQN2.address, "iqn.2026-01.org.example:none"])] == ["h1"]
    with pytest.raises(errors.Conflict, match="belongs to host h1"):
        array.create_host("h2", [IQN])
    first, second = (array.map_volume(volume, host) for volume in volumes)
    assert first.lun != second.lun
    assert array.map_volume(volumes[0], host) == first, "an existing mapping is returned"
    for listing in (array.mappings(volumes=["v1"]), array.mappings(hosts=["h1"]), array.mappings()):
        assert listing.complete
        assert first in listing.items
    assert array.mappings(volumes=["v9"]).items == () == array.mappings(hosts=["h9"]).items
    with pytest.raises(errors.InUse, match="mapped to h1"):
        array.delete_volume(volumes[0])
    with pytest.raises(errors.InUse, match="mapped to the host"):
        array.delete_host(host)
    assert array.unmap_volume(first) == (second,)
    assert array.unmap_volume(first) == (second,), "a mapping that is gone is unmapped already"
    array.unmap_volume(second)
    host = array.remove_initiators(host, [IQN.address])
    assert host.addresses == (IQN2.address,)
    array.delete_host(host)
    array.delete_host(host)
    assert array.create_host("h2", [IQN, IQN2]).addresses == (IQN.address, IQN2.address), (
        "the initiators are free again"
    )
    assert [item.name for item in array.hosts()] == ["h2"]


def test_a_lun_cannot_be_chosen(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect()
    host, volume = array.create_host("h1", [IQN]), make_volume(array, "v1")
    with pytest.raises(errors.Unsupported, match="leave lun out"):
        array.map_volume(volume, host, 5)
    assert array.capabilities.refusal("explicit_lun")


@pytest.mark.parametrize("kind", ["busy", "http_status"])
def test_a_busy_or_failing_array_is_not_taken_for_one_that_cannot_report_it(
    dsware_rest: SimulatedDsware, kind: str
) -> None:
    array = dsware_rest.connect(wait_timeout=0.5, timeout=0.5)
    make_volume(array, "v1")
    dsware_rest.fault(kind, match={"path": "volume/qos|cluster/sn"}, count=None)
    with pytest.raises((errors.Busy, errors.Unreachable, errors.Timeout)):
        array.volumes_in_full(["v1"])
    with pytest.raises((errors.Busy, errors.Unreachable, errors.Timeout)):
        array.info()


def test_qos_can_be_read(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect()
    make_volume(array, "v1")
    with dsware_rest.budget(array, 3, writes=0):
        (volume,) = array.volumes_in_full(["v1"])
    assert volume.options == {"total_iops_max": 0, "total_bandwidth_max": 0}
    dsware_rest.fault("http_status", match={"path": "volume/qos"}, status=501, count=None)
    not_reported = {"total_iops_max": None, "total_bandwidth_max": None}
    assert array.volumes_in_full(["v1"]).items[0].options == array.volumes(["v1"]).items[0].options == not_reported


# -- pools -------------------------------------------------------------------------------------------------------------


def test_a_pool_is_found_by_name_or_number(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect({"storage_pools": None})
    for pool in ("slow", "1"):
        assert array.create_volume(VolumeSpec(f"in-{pool}", GIB, pool=pool)).pool == "slow"
    with pytest.raises(errors.Invalid, match="no pool gold") as caught:
        array.create_volume(VolumeSpec("v1", GIB, pool="gold"))
    assert "fast, slow" in str(caught.value)
    with pytest.raises(errors.Invalid, match="2 pools to choose from"):
        array.create_volume(VolumeSpec("v1", GIB))


def test_an_unknown_pool_is_refused_on_the_socket(dsware_socket: SimulatedDsware) -> None:
    with pytest.raises(errors.Invalid, match="no such pool") as caught:
        dsware_socket.connect({"storage_pools": ["7"]})
    assert (caught.value.code, caught.value.hint) == ("50150021", "Check storage_pools.")
    array = dsware_socket.connect({"wire_extensions": None, "storage_pools": None})
    with pytest.raises(errors.Invalid, match="no such pool") as caught:
        array.create_volume(VolumeSpec("v1", GIB, pool="7"))
    assert caught.value.code == "50150021"
    assert dsware_socket.names() == []


# -- the socket without extensions -------------------------------------------------------------------------------------


def test_what_the_socket_cannot_list_is_unknown_and_not_absent(plain_socket: SimulatedDsware) -> None:
    array = plain_socket.connect()
    array.create_volume(VolumeSpec("v1", GIB))
    assert not array.volumes().known
    assert not array.snapshots().known
    assert not array.mappings().known
    assert not array.snapshots(volumes=["v1"]).known
    volumes = array.volumes(["v1", "v2"])
    assert volumes.items == (), "a volume without a size is unreadable"
    assert [entry.name for entry in volumes.unreadable] == ["v1"], "a volume without a size is unreadable"
    assert "vol_size" in volumes.unreadable[0].reason
    with pytest.raises(errors.BadReply, match="cannot be read"):
        array.create_volume(VolumeSpec("v1", GIB))
    array.delete_volume(model.Volume("v1", GIB))
    assert plain_socket.names() == []


def test_no_wire_extension_is_sent_unless_the_option_permits_it(dsware_socket: SimulatedDsware) -> None:
    array = dsware_socket.connect({"wire_extensions": None})
    source = make_volume(array, "v1")
    mark = dsware_socket.mark()
    assert not array.volumes().known
    array.clone_volume(source, VolumeSpec("c1"))
    with pytest.raises(errors.Unsupported, match="wire_extensions"):
        array.clone_volume(source, VolumeSpec("c2", options={"full_clone": True}))
    sent = dsware_socket.requests(mark)
    assert not [
        request for request in sent if "FULLVOLUME" in request["method"] or "page_num" in (request["body"] or {})
    ]
    assert dsware_socket.names() == ["c1", "v1"]
    assert not array.capabilities.volume_options


def test_pools_of_the_socket_must_be_named(dsware_socket: SimulatedDsware) -> None:
    array = dsware_socket.connect({"wire_extensions": None, "storage_pools": None})
    assert not array.pools().known
    with pytest.raises(errors.Unsupported, match="storage_pools"):
        array.capacity()
    with pytest.raises(errors.Invalid, match="Set pool"):
        array.create_volume(VolumeSpec("v1", GIB))
    assert array.create_volume(VolumeSpec("v1", GIB, pool="1")).pool == "1"


# -- request budgets ---------------------------------------------------------------------------------------------------


def test_operations_on_rest_keep_their_request_budgets(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect()
    make_volume(array, "warm")
    with dsware_rest.budget(array, 1, writes=1):
        array.create_volume(VolumeSpec("v1", GIB))
    volume = array.volumes(["v1"]).items[0]
    with dsware_rest.budget(array, 1, writes=1):
        volume = array.extend_volume(volume, 2 * GIB)
    with dsware_rest.budget(array, 1, writes=1):
        (snapshot,) = array.create_snapshots([SnapshotSpec("s1", volume)])
    with dsware_rest.budget(array, 4, writes=3):
        clone = array.clone_volume(volume, VolumeSpec("c1", 3 * GIB))
    with dsware_rest.budget(array, 2, writes=1):
        array.volume_from_snapshot(snapshot, VolumeSpec("c2"))
    with dsware_rest.budget(array, 4, writes=1):
        array.delete_volume(clone)
    with dsware_rest.budget(array, 1, writes=1):
        array.delete_snapshot(snapshot)
    host = array.create_host("h1", [IQN])
    with dsware_rest.budget(array, 2, writes=1):
        mapping = array.map_volume(volume, host)
    with dsware_rest.budget(array, 2, writes=1):
        array.unmap_volume(mapping)


def test_operations_on_the_socket_keep_their_request_budgets(dsware_socket: SimulatedDsware) -> None:
    array = dsware_socket.connect()
    make_volume(array, "warm")
    with dsware_socket.budget(array, 1, writes=1):
        array.create_volume(VolumeSpec("v1", GIB))
    volume = array.volumes(["v1"]).items[0]
    with dsware_socket.budget(array, 5, writes=3):
        array.clone_volume(volume, VolumeSpec("c1"))
    with dsware_socket.budget(array, 3, writes=1):
        array.delete_volume(volume)
    assert dsware_socket.names() == ["c1", "warm"]


@pytest.fixture
def old(simulator: Simulator) -> Any:
    array = SimulatedDsware(simulator, "old")
    yield array
    array.close()


def test_release_6_3_has_other_codes_for_what_is_missing(old: SimulatedDsware) -> None:
    array = old.connect()
    volume = make_volume(array, "v1")
    array.delete_volume(volume)
    assert array.volumes(["v1"]).items == ()
    array.delete_volume(volume)
    messages = [str(request.get("message", "")) for request in old.requests()]
    assert any(text.startswith("31000000") for text in messages)
    assert any(text.startswith("32150005") for text in messages)
