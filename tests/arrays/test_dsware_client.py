# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Dsware client over its real wires, against the simulated array."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Initiator,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB, MIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.client import Dsware
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.names import MARKER
from tests.arrays.dsware import REST, SimulatedDsware
from tests.support.simulator import Simulator

IQN = Initiator("iqn.2026-01.org.example:h1", "iscsi")
IQN2 = Initiator("iqn.2026-01.org.example:h2", "iscsi")


def make(array: Dsware, name: str, size: int = GIB) -> model.Volume:
    array.create_volume(VolumeSpec(name, size))
    return array.volumes([name]).items[0]


# -- connecting --------------------------------------------------------------------------------------------------------


def test_a_session_begins_and_ends(rest: SimulatedDsware) -> None:
    mark = rest.mark()
    with rest.connect() as array:
        make(array, "v1")
    seen = [one["path"].rsplit("/", 1)[1] for one in rest.requests(mark)]
    assert seen[:2] == ["version", "login"]
    assert seen[-1] == "logout"
    assert len({one["connection"] for one in rest.requests(mark)}) == 1
    assert array.calls.counts["session_requests"] == 4  # version, login, pools, logout
    shown = repr([call.as_dict() for call in array.calls]) + repr(rest.requests(mark))
    assert rest.endpoint["password"] not in shown


def test_wrong_password(rest: SimulatedDsware) -> None:
    with pytest.raises(errors.Unauthorized, match="user name and password") as caught:
        rest.connect(password="wrong-password")
    assert caught.value.code == "1077949061"
    assert "wrong-password" not in str(caught.value)


def test_options_that_cannot_be(rest: SimulatedDsware) -> None:
    for options, words in (
        ({"transport": "pigeon"}, "neither rest nor socket"),
        ({"transport": "socket", "agents": {"a": "b"}}, "gents are used with"),
        ({"attach_tool": "/nowhere/vbs_cli"}, "no program /nowhere/vbs_cli"),
    ):
        with pytest.raises(errors.Invalid, match=words):
            rest.connect(options)


def test_info_capacity_pools_ports(either: SimulatedDsware) -> None:
    array = either.connect()
    make(array, "v1", 3 * GIB)
    info = array.info()
    assert info.vendor == "dsware"
    assert info.api_version == ("v1.3" if either.rest else "text")
    pools = array.pools()
    assert pools.complete
    assert pools.items[0].size == 100 << 40
    assert [pool.name for pool in pools] == (["fast", "slow"] if either.rest else ["0"])
    assert array.capacity().size == sum(pool.size for pool in pools)
    ports = array.ports()
    assert ports.known == bool(ports.items) == either.rest, "the socket does not tell, which is not none"
    for port in ports:
        assert port.protocol == "iscsi"
        assert port.portal
        assert port.portal.endswith(":3260")


# -- volumes, on both wires --------------------------------------------------------------------------------------------


def test_what_a_volume_is(either: SimulatedDsware) -> None:
    array = either.connect()
    made = array.create_volume(VolumeSpec("v1", 10 * GIB + 1))
    assert made.size == 10 * GIB + MIB, "rounded up, and told"
    found = array.volumes(["v1", "v2"])
    assert found.complete
    assert [one.name for one in found] == ["v1"]
    volume = found.items[0]
    assert (volume.size, volume.provisioning, volume.state) == (10 * GIB + MIB, "thin", "ready")
    assert volume.pool == ("fast" if either.rest else "0")
    if either.rest:
        assert volume.serial
        assert len(volume.serial) == 32
    state = either.volume("v1")
    assert state
    assert (state["size"], state["provisioning"]) == (volume.size, "thin")


def test_extend(either: SimulatedDsware) -> None:
    array = either.connect()
    volume = make(array, "v1")
    assert array.extend_volume(volume, 2 * GIB + 5).size == 2 * GIB + MIB
    assert array.volumes(["v1"]).items[0].size == 2 * GIB + MIB
    with pytest.raises(errors.Refused):
        array.extend_volume(array.volumes(["v1"]).items[0], GIB)


def test_delete_and_delete_again(either: SimulatedDsware) -> None:
    array = either.connect()
    volume = make(array, "v1")
    array.delete_volume(volume)
    assert either.names() == []
    array.delete_volume(volume)


def test_rename_is_refused_with_a_reason(either: SimulatedDsware) -> None:
    array = either.connect()
    volume = make(array, "v1")
    with pytest.raises(errors.Unsupported, match="cannot rename"):
        array.rename_volume(volume, "v2")


def test_snapshots(either: SimulatedDsware) -> None:
    array = either.connect()
    volume = make(array, "v1")
    (made,) = array.create_snapshots([SnapshotSpec("s1", volume)])
    assert (made.name, made.volume, made.size) == ("s1", "v1", GIB)
    assert array.create_snapshots([SnapshotSpec("s1", volume)])[0].name == "s1", "there already: the same"
    other = make(array, "v2")
    with pytest.raises(errors.Conflict, match="of volume v1"):
        array.create_snapshots([SnapshotSpec("s1", other)])
    array.create_snapshots([SnapshotSpec("s2", volume), SnapshotSpec("t1", other)])
    assert sorted(one.name for one in array.snapshots(volumes=["v1"])) == ["s1", "s2"]
    assert [one.name for one in array.snapshots(["t1", "none"])] == ["t1"]
    everything = array.snapshots()
    assert {one.name: one.volume for one in everything} == {"s1": "v1", "s2": "v1", "t1": "v2"}
    assert {one.proven for one in everything} == {either.rest}
    assert all(one.created for one in everything)
    array.delete_snapshot(made)
    array.delete_snapshot(made)
    assert sorted(one.name for one in array.snapshots()) == ["s2", "t1"]


def test_a_volume_with_snapshots_stays(either: SimulatedDsware) -> None:
    array = either.connect()
    volume = make(array, "v1")
    array.create_snapshots([SnapshotSpec("s1", volume)])
    with pytest.raises(errors.InUse, match="has snapshots"):
        array.delete_volume(volume)
    assert either.names() == ["s1", "v1"]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("size", [None, 3 * GIB])
def test_clones(either: SimulatedDsware, full: bool, size: int | None) -> None:
    array = either.connect()
    source = make(array, "v1", 2 * GIB)
    options = {"full_clone": True} if full else {}
    made = array.clone_volume(source, VolumeSpec("c1", size, options=options))
    assert made.size == (size or 2 * GIB)
    (snapshot,) = array.create_snapshots([SnapshotSpec("s1", source)])
    copy = array.volume_from_snapshot(snapshot, VolumeSpec("c2", size, options=options))
    assert copy.size == (size or 2 * GIB)
    content = {one["name"]: one["content"] for one in either.state()["volumes"]}
    assert content["c1"] == content["c2"] == content["v1"]
    assert not [name for name in either.names() if name.startswith(MARKER)]
    assert sorted(one.name for one in array.volumes()) == ["c1", "c2", "v1"]
    with pytest.raises(errors.Invalid, match="smaller than its source"):
        array.clone_volume(source, VolumeSpec("c3", GIB))
    array.delete_snapshot(snapshot)
    array.delete_volume(source)
    assert either.names() == ["c1", "c2"], "clones do not hold their source"


def test_a_full_clone_goes_to_another_pool_and_a_linked_one_does_not(rest: SimulatedDsware) -> None:
    array = rest.connect()
    source = make(array, "v1")
    array.clone_volume(source, VolumeSpec("c1", pool="slow", options={"full_clone": True}))
    state = rest.volume("c1")
    assert state
    assert state["pool"] == "slow"
    with pytest.raises(errors.Invalid, match="in the pool of its source, fast"):
        array.clone_volume(source, VolumeSpec("c2", pool="slow"))
    assert rest.names() == ["c1", "v1"]


def test_a_copy_that_outlasts_the_wait_goes_on_and_the_next_run_waits_on(simulator: Simulator) -> None:
    rest = SimulatedDsware(simulator, "slow", REST)
    array = rest.connect(wait_timeout=0.5)
    source = make(array, "v1")
    spec = VolumeSpec("c1", options={"full_clone": True})
    with pytest.raises(errors.Timeout, match="the end of the copy into c1"):
        array.clone_volume(source, spec)
    assert not array.volumes(["c1"]).items, "not finished, so not there"
    patient = rest.connect()
    mark = rest.mark()
    assert patient.clone_volume(source, spec).name == "c1"
    started = [one for one in rest.requests(mark) if "createFullVolumeFromSnap" in one["path"]]
    assert not started
    assert patient.volumes(["c1"]).items[0].state == "ready"
    assert rest.names() == ["c1", "v1"]
    rest.close()


def test_many_by_name_are_one_list(rest: SimulatedDsware) -> None:
    array = rest.connect()
    names = [f"v{number}" for number in range(12)]
    for name in names:
        array.create_volume(VolumeSpec(name, GIB))
    with rest.budget(array, 4, writes=0):  # volumes and snapshots of two pools
        assert sorted(one.name for one in array.volumes(names)) == sorted(names)


def test_a_list_in_pages_over_the_socket(text: SimulatedDsware) -> None:
    array = text.connect()
    names = [f"{'x' * 80}-{number:02}" for number in range(10)]
    for name in names:
        array.create_volume(VolumeSpec(name, GIB))
    assert sorted(one.name for one in array.volumes()) == names


# -- restore -----------------------------------------------------------------------------------------------------------


def test_restore_keeps_the_present_content_and_happens_once(rest: SimulatedDsware) -> None:
    array = rest.connect()
    volume = make(array, "v1")
    (snapshot,) = array.create_snapshots([SnapshotSpec("s1", volume)])
    with rest.budget(array, 5, writes=4):
        kept = array.restore_snapshot(volume, snapshot, "before")
    assert (kept.name, kept.volume) == ("before", "v1")
    assert rest.names() == ["before", "s1", "v1"]
    with rest.budget(array, 2, writes=0):
        array.restore_snapshot(volume, snapshot, "before")
    other = make(array, "v2")
    with pytest.raises(errors.Conflict, match="of volume v1"):
        array.restore_snapshot(other, snapshot, "before")


def test_a_restore_whose_marker_cannot_be_removed_says_that_it_was_carried_out(rest: SimulatedDsware) -> None:
    """The next run would carry it out once more."""
    array = rest.connect(wait_timeout=0.5)
    volume = make(array, "v1")
    (snapshot,) = array.create_snapshots([SnapshotSpec("s1", volume)])
    rest.fault("refused_before", code="50159999", match={"path": "snapshot/delete"}, count=None)
    with pytest.raises(errors.FlashError, match="The volume was restored, and snapshot before keeps") as caught:
        array.restore_snapshot(volume, snapshot, "before")
    rest.clear_faults()
    marker = next(name for name in rest.names() if name not in ("before", "s1", "v1"))
    assert f"Delete snapshot {marker} with the array's own tools" in str(caught.value)


def test_a_restore_that_the_array_refuses_leaves_no_backup(rest: SimulatedDsware) -> None:
    array = rest.connect()
    volume, other = make(array, "v1"), make(array, "v2")
    (snapshot,) = array.create_snapshots([SnapshotSpec("s1", other)])
    with pytest.raises(errors.Conflict, match="not taken of that volume"):
        array.restore_snapshot(volume, snapshot, "before")
    assert rest.names() == ["s1", "v1", "v2"]


def test_no_restore_over_the_socket(text: SimulatedDsware) -> None:
    array = text.connect()
    volume = make(array, "v1")
    (snapshot,) = array.create_snapshots([SnapshotSpec("s1", volume)])
    with pytest.raises(errors.Unsupported, match="source_snapshot"):
        array.restore_snapshot(volume, snapshot, "before")
    assert text.names() == ["s1", "v1"]


# -- hosts and LUNs ----------------------------------------------------------------------------------------------------


def test_hosts_initiators_and_luns(rest: SimulatedDsware) -> None:
    array = rest.connect()
    volumes = [make(array, name) for name in ("v1", "v2")]
    host = array.create_host("h1", [IQN])
    assert array.hosts(["h1", "h9"]).items[0].addresses == (IQN.address,)
    host = array.add_initiators(host, [IQN, IQN2])
    assert set(array.hosts().items[0].addresses) == {IQN.address, IQN2.address}
    assert [one.name for one in array.find_hosts([IQN2.address, "iqn.2026-01.org.example:none"])] == ["h1"]
    with pytest.raises(errors.Conflict, match="belongs to host h1"):
        array.create_host("h2", [IQN])
    first, second = (array.map_volume(volume, host) for volume in volumes)
    assert first.lun != second.lun
    assert array.map_volume(volumes[0], host) == first, "there already: the same"
    for found in (array.mappings(volumes=["v1"]), array.mappings(hosts=["h1"]), array.mappings()):
        assert found.complete
        assert first in found.items
    assert array.mappings(volumes=["v9"]).items == () == array.mappings(hosts=["h9"]).items
    with pytest.raises(errors.InUse, match="mapped to h1"):
        array.delete_volume(volumes[0])
    with pytest.raises(errors.InUse, match="mapped to the host"):
        array.delete_host(host)
    assert array.unmap_volume(first) == (second,)
    assert array.unmap_volume(first) == (second,), "gone already: fine"
    array.unmap_volume(second)
    host = array.remove_initiators(host, [IQN.address])
    assert host.addresses == (IQN2.address,)
    array.delete_host(host)
    array.delete_host(host)
    assert array.create_host("h2", [IQN, IQN2]).addresses == (IQN.address, IQN2.address), "they are free again"
    assert [one.name for one in array.hosts()] == ["h2"]


def test_a_lun_cannot_be_chosen(rest: SimulatedDsware) -> None:
    array = rest.connect()
    host, volume = array.create_host("h1", [IQN]), make(array, "v1")
    with pytest.raises(errors.Unsupported, match="leave lun out"):
        array.map_volume(volume, host, 5)
    assert array.capabilities.refusal("explicit_lun")


@pytest.mark.parametrize("kind", ["busy", "http_status"])
def test_what_the_array_does_not_tell_now_is_not_taken_for_what_it_cannot_tell(
    rest: SimulatedDsware, kind: str
) -> None:
    array = rest.connect(wait_timeout=0.5, timeout=0.5)
    make(array, "v1")
    rest.fault(kind, match={"path": "volume/qos|cluster/sn"}, count=None)
    with pytest.raises((errors.Busy, errors.Unreachable, errors.Timeout)):
        array.volumes_in_full(["v1"])
    with pytest.raises((errors.Busy, errors.Unreachable, errors.Timeout)):
        array.info()


def test_qos_can_be_read(rest: SimulatedDsware) -> None:
    array = rest.connect()
    make(array, "v1")
    with rest.budget(array, 3, writes=0):
        (volume,) = array.volumes_in_full(["v1"])
    assert volume.options == {"qos": {"qosName": None}}
    rest.fault("http_status", match={"path": "volume/qos"}, status=501, count=None)
    assert array.volumes_in_full(["v1"]).items[0].options == {}, "not told, which is not none"


# -- pools -------------------------------------------------------------------------------------------------------------


def test_pools_by_name_and_number(rest: SimulatedDsware) -> None:
    array = rest.connect({"storage_pools": None})
    for pool in ("slow", "1"):
        assert array.create_volume(VolumeSpec(f"in-{pool}", GIB, pool=pool)).pool == "slow"
    with pytest.raises(errors.Invalid, match="no pool gold") as caught:
        array.create_volume(VolumeSpec("v1", GIB, pool="gold"))
    assert "fast, slow" in str(caught.value)
    with pytest.raises(errors.Invalid, match="2 pools to choose from"):
        array.create_volume(VolumeSpec("v1", GIB))


def test_an_unknown_pool_on_the_socket(text: SimulatedDsware) -> None:
    with pytest.raises(errors.Invalid, match="no such pool") as caught:
        text.connect({"storage_pools": ["7"]})
    assert (caught.value.code, caught.value.hint) == ("50150021", "Check storage_pools.")
    array = text.connect({"wire_extensions": None, "storage_pools": None})
    with pytest.raises(errors.Invalid, match="no such pool") as caught:
        array.create_volume(VolumeSpec("v1", GIB, pool="7"))
    assert caught.value.code == "50150021"
    assert text.names() == []


# -- what a plain socket tells -----------------------------------------------------------------------------------------


def test_what_the_socket_cannot_list_is_unknown_and_not_absent(plain: SimulatedDsware) -> None:
    array = plain.connect()
    array.create_volume(VolumeSpec("v1", GIB))
    assert not array.volumes().known
    assert not array.snapshots().known
    assert not array.mappings().known
    assert not array.snapshots(volumes=["v1"]).known
    found = array.volumes(["v1", "v2"])
    assert found.items == (), "there, and without a size"
    assert [entry.name for entry in found.unreadable] == ["v1"], "there, and without a size"
    assert "vol_size" in found.unreadable[0].reason
    with pytest.raises(errors.BadReply, match="cannot be read"):
        array.create_volume(VolumeSpec("v1", GIB))
    array.delete_volume(model.Volume("v1", GIB))
    assert plain.names() == []


def test_no_extension_is_sent_unasked(text: SimulatedDsware) -> None:
    array = text.connect({"wire_extensions": None})
    source = make(array, "v1")
    mark = text.mark()
    assert not array.volumes().known
    array.clone_volume(source, VolumeSpec("c1"))
    with pytest.raises(errors.Unsupported, match="wire_extensions"):
        array.clone_volume(source, VolumeSpec("c2", options={"full_clone": True}))
    sent = text.requests(mark)
    assert not [one for one in sent if "FULLVOLUME" in one["method"] or "page_num" in (one["body"] or {})]
    assert text.names() == ["c1", "v1"]
    assert not array.capabilities.volume_options


def test_pools_of_the_socket_must_be_named(text: SimulatedDsware) -> None:
    array = text.connect({"wire_extensions": None, "storage_pools": None})
    assert not array.pools().known
    with pytest.raises(errors.Unsupported, match="storage_pools"):
        array.capacity()
    with pytest.raises(errors.Invalid, match="Set pool"):
        array.create_volume(VolumeSpec("v1", GIB))
    assert array.create_volume(VolumeSpec("v1", GIB, pool="1")).pool == "1"


# -- budgets (issue: create 1, delete 2, clone 4, attach 1) -----------------------------------------------------------


def test_budgets_on_rest(rest: SimulatedDsware) -> None:
    array = rest.connect()
    make(array, "warm")
    with rest.budget(array, 1, writes=1):
        array.create_volume(VolumeSpec("v1", GIB))
    volume = array.volumes(["v1"]).items[0]
    with rest.budget(array, 1, writes=1):
        volume = array.extend_volume(volume, 2 * GIB)
    with rest.budget(array, 1, writes=1):
        (snapshot,) = array.create_snapshots([SnapshotSpec("s1", volume)])
    with rest.budget(array, 4, writes=3):
        clone = array.clone_volume(volume, VolumeSpec("c1", 3 * GIB))
    with rest.budget(array, 2, writes=1):
        array.volume_from_snapshot(snapshot, VolumeSpec("c2"))
    with rest.budget(array, 2, writes=1):
        array.delete_volume(clone)
    with rest.budget(array, 1, writes=1):
        array.delete_snapshot(snapshot)
    host = array.create_host("h1", [IQN])
    with rest.budget(array, 2, writes=1):
        mapping = array.map_volume(volume, host)
    with rest.budget(array, 2, writes=1):
        array.unmap_volume(mapping)


def test_budgets_on_the_socket(text: SimulatedDsware) -> None:
    array = text.connect()
    make(array, "warm")
    with text.budget(array, 1, writes=1):
        array.create_volume(VolumeSpec("v1", GIB))
    volume = array.volumes(["v1"]).items[0]
    with text.budget(array, 5, writes=3):
        array.clone_volume(volume, VolumeSpec("c1"))
    with text.budget(array, 3, writes=1):
        array.delete_volume(volume)
    assert text.names() == ["c1", "warm"]


@pytest.fixture
def old(simulator: Simulator) -> Any:
    array = SimulatedDsware(simulator, "old")
    yield array
    array.close()


def test_release_6_3_has_other_codes_for_what_is_missing(old: SimulatedDsware) -> None:
    array = old.connect()
    volume = make(array, "v1")
    array.delete_volume(volume)
    assert array.volumes(["v1"]).items == ()
    array.delete_volume(volume)
    seen = [str(one.get("message", "")) for one in old.requests()]
    assert any(text.startswith("31000000") for text in seen)
    assert any(text.startswith("32150005") for text in seen)
