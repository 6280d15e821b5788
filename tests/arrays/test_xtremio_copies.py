# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots, clones and restores on XtremIO, against the simulated XMS in every version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio import names
from tests.arrays.xtremio import FC1, SimulatedXms
from tests.support.one_array import make_volume


def test_snapshots(xms: SimulatedXms) -> None:
    array = xms.connect()
    volume = make_volume(array, "v1")
    with xms.budget(array, 2, 2):
        (taken,) = array.create_snapshots([SnapshotSpec("s1", volume)])
    (snapshot,) = array.snapshots(["s1"])
    assert (snapshot.name, snapshot.volume, snapshot.size, snapshot.volume_id) == ("s1", "v1", GIB, volume.id)
    assert snapshot.id == taken.id
    assert snapshot.created
    assert snapshot.mappings == ()
    assert snapshot.children == ()
    assert snapshot.proven is taken.proven is xms.v2
    state = xms.volume("s1")
    assert state
    assert state["writable"] is not xms.v2
    assert array.create_snapshots([SnapshotSpec("s1", volume)])[0].id == taken.id
    assert xms.names() == ["s1", "v1"]
    assert model.names(array.snapshots(volumes=["v1"]).items) == ("s1",)
    assert model.names(array.snapshots().items) == ("s1",)
    assert array.volumes(["v1"]).items[0].snapshots == ("s1",)
    with xms.budget(array, 2, 1):
        array.delete_snapshot(taken)
    assert xms.names() == ["v1"]


def test_a_snapshot_named_by_volume_and_suffix_takes_one_request(xms: SimulatedXms) -> None:
    array = xms.connect()
    volume = make_volume(array, "v1")
    with xms.budget(array, 1, 1):
        (snapshot,) = array.create_snapshots([SnapshotSpec("v1.nightly", volume)])
    assert array.create_snapshots([SnapshotSpec("v1.nightly", volume)])[0].id == snapshot.id
    assert xms.names() == ["v1", "v1.nightly"]


def test_only_read_only_snapshots_are_proven_and_listed_as_snapshots(xms_v2: SimulatedXms) -> None:
    array = xms_v2.connect()
    volume = make_volume(array, "v1")
    array.create_snapshots([SnapshotSpec("s1", volume)])
    array.clone_volume(volume, VolumeSpec("c1"))
    assert sorted(model.names(array.volumes().items)) == ["c1", "v1"]
    assert sorted(model.names(array.volumes(["v1", "c1", "s1"]).items)) == ["c1", "v1"]
    assert model.names(array.snapshots(["c1", "s1", "v1"]).items) == ("s1",)
    assert model.names(array.snapshots(volumes=["v1"]).items) == ("s1",)
    assert model.names(array.snapshots(names=["s1"], volumes=["v1"]).items) == ("s1",)


def test_rest_v1_proves_no_snapshot(xms_3: SimulatedXms) -> None:
    array = xms_3.connect()
    volume = make_volume(array, "v1")
    array.create_snapshots([SnapshotSpec("s1", volume)])
    array.clone_volume(volume, VolumeSpec("c1"))
    assert sorted(model.names(array.snapshots().items)) == ["c1", "s1"]
    assert not any(item.proven for item in array.snapshots())
    assert not array.capabilities.proves_snapshots
    for operation in ("atomic_snapshots", "restore_snapshot", "groups", "metadata"):
        assert "4.0" in (array.capabilities.refusal(operation) or "")
    (snapshot,) = array.snapshots(["s1"])
    actions: list[Callable[[], Any]] = [
        lambda: array.restore_snapshot(volume, snapshot, "b"),
        lambda: array.create_snapshots([SnapshotSpec("x", volume), SnapshotSpec("y", volume)], atomic=True),
        lambda: array.create_group("g"),
        lambda: array.metadata(volume),
    ]
    with xms_3.budget(array, 0):
        for action in actions:
            with pytest.raises(errors.Unsupported, match="4.0"):
                action()


def test_atomic_snapshots_take_one_request_and_a_rename_each(xms_v2: SimulatedXms) -> None:
    array = xms_v2.connect()
    volumes = [make_volume(array, f"v{number}") for number in range(3)]
    specs = [SnapshotSpec(f"s{number}", volume) for number, volume in enumerate(volumes)]
    # Read first: an existing snapshot would be taken for one of this instant. 4.0 has no OR in filters.
    reads = 3 if xms_v2.version.startswith("4.0") else 1
    mark = xms_v2.mark()
    with xms_v2.budget(array, reads + 4, 4):
        array.create_snapshots(specs, atomic=True)
    assert [request["method"] for request in xms_v2.requests(mark)] == ["GET"] * reads + ["POST", "PUT", "PUT", "PUT"]
    snapshots = array.snapshots(["s0", "s1", "s2"])
    assert len({snapshot.group for snapshot in snapshots}) == 1
    assert {item.volume for item in snapshots} == {"v0", "v1", "v2"}
    with pytest.raises(errors.Invalid, match="same volume"):
        array.create_snapshots([SnapshotSpec("x", volumes[0]), SnapshotSpec("y", volumes[0])], atomic=True)


def test_atomic_snapshots_of_which_one_exists_are_a_conflict(xms_v2: SimulatedXms) -> None:
    array = xms_v2.connect()
    volumes = [make_volume(array, f"v{number}") for number in range(2)]
    array.create_snapshots([SnapshotSpec("v0.x", volumes[0])])
    with pytest.raises(errors.Conflict, match="another instant"):
        array.create_snapshots([SnapshotSpec("v0.x", volumes[0]), SnapshotSpec("v1.x", volumes[1])], atomic=True)
    assert "v1.x" not in xms_v2.names()


def test_a_snapshot_set_is_deleted_completely_or_not_at_all(xms_v2: SimulatedXms) -> None:
    array = xms_v2.connect()
    volumes = [make_volume(array, f"v{number}") for number in range(2)]
    with xms_v2.budget(array, 1):
        array.create_snapshot_set("instant", volumes)
    members = sorted(array.snapshots_of_set("instant"), key=lambda member: str(member.volume))
    assert [(snapshot.volume, snapshot.proven) for snapshot in members] == [("v0", True), ("v1", True)]
    array.create_snapshot_set("instant", volumes)
    assert len(array.snapshots_of_set("instant")) == 2, "a repeated run takes nothing more"
    with pytest.raises(errors.Conflict, match="snapshot set instant is there already, and it is of v0, v1"):
        array.create_snapshot_set("instant", volumes[:1])
    host = array.create_host("h", [FC1])
    last = members[1].name
    mapping = array.map_volume(model.Volume(last, GIB), host)
    with pytest.raises(errors.InUse, match=f"{last} is mapped to h"):
        array.delete_snapshots_of_set("instant")
    assert len(array.snapshots_of_set("instant")) == 2
    array.unmap_volume(mapping)
    with xms_v2.budget(array, 3 if xms_v2.version >= "4.2" else 4):
        assert sorted(str(snapshot.volume) for snapshot in array.delete_snapshots_of_set("instant")) == ["v0", "v1"]
    assert array.snapshots([member.name for member in members]).items == ()
    with xms_v2.budget(array, 1):
        assert array.delete_snapshots_of_set("instant") == ()


def test_clones_of_one_instant_are_created_and_found_again(xms_v2: SimulatedXms) -> None:
    array = xms_v2.connect()
    pairs = [(make_volume(array, f"v{number}"), VolumeSpec(f"c{number}", (1 + number) * GIB)) for number in range(2)]
    with xms_v2.budget(array, 5 if xms_v2.version >= "4.2" else 6):
        clones = array.clone_volumes(pairs)
    assert [(volume.name, volume.size, volume.source) for volume in clones] == [
        ("c0", GIB, "v0"),
        ("c1", 2 * GIB, "v1"),
    ]
    assert [volume.size for volume in array.volumes(["c0", "c1"])] == [GIB, 2 * GIB]
    ids = {volume.name: volume.id for volume in array.volumes(["c0", "c1"])}
    assert {volume.name: volume.id for volume in array.clone_volumes(pairs)} == ids, "a repeated run finds them"
    assert xms_v2.names() == ["c0", "c1", "v0", "v1"]


def test_clones(xms: SimulatedXms) -> None:
    array = xms.connect()
    volume = make_volume(array, "v1")
    with xms.budget(array, 2, 2):
        clone = array.clone_volume(volume, VolumeSpec("c1"))
    listed = array.volumes(["c1"]).items[0]
    assert (listed.id, listed.size, listed.source, listed.independent) == (clone.id, GIB, "v1", True)
    state = xms.volume("c1")
    assert state
    assert state["writable"]
    with xms.budget(array, 3, 3):
        larger = array.clone_volume(volume, VolumeSpec("c2", 2 * GIB))
    assert array.volumes(["c2"]).items[0].size == larger.size == 2 * GIB
    (snapshot,) = array.create_snapshots([SnapshotSpec("s1", volume)])
    with xms.budget(array, 2, 2):
        array.volume_from_snapshot(snapshot, VolumeSpec("c3"))
    assert array.volumes(["c3"]).items[0].source == "s1"
    assert xms.names() == ["c1", "c2", "c3", "s1", "v1"]
    assert array.clone_volume(volume, VolumeSpec("c1")).id == clone.id
    with pytest.raises(errors.Invalid, match="smaller"):
        array.clone_volume(larger, VolumeSpec("c4", GIB))
    assert xms.names() == ["c1", "c2", "c3", "s1", "v1"]


def test_a_clone_whose_name_is_taken_leaves_no_temporary_object(xms: SimulatedXms) -> None:
    array = xms.connect()
    volume, other = make_volume(array, "v1"), make_volume(array, "other")
    array.clone_volume(other, VolumeSpec("c2"))
    for name, differs in (("other", "not made of another"), ("c2", "made of other")):
        with pytest.raises(errors.Conflict, match=differs):
            array.clone_volume(volume, VolumeSpec(name))
    if xms.v2:
        array.create_snapshots([SnapshotSpec("s1", volume)])
        with pytest.raises(errors.Conflict, match="read-only snapshot"):
            array.clone_volume(volume, VolumeSpec("s1"))
        with pytest.raises(errors.Conflict, match="read-only"):
            array.create_volume(VolumeSpec("s1", GIB))
        array.clone_volume(volume, VolumeSpec("c1"))
        with pytest.raises(errors.Conflict, match="writable clone"):
            array.create_snapshots([SnapshotSpec("c1", volume)])
    assert not [name for name in xms.names() if names.MARKER in name]


def test_a_copy_for_which_there_is_no_room_leaves_no_temporary_object(xms: SimulatedXms) -> None:
    array = xms.connect()
    volume = make_volume(array, "v1")
    xms.fault("pool_full", count=None)
    with pytest.raises(errors.NoSpace):
        array.clone_volume(volume, VolumeSpec("c1", 2 * GIB))
    assert xms.names() == ["v1"]


def test_a_source_whose_name_is_too_long_for_the_suffix_is_refused(xms_42: SimulatedXms) -> None:
    array = xms_42.connect()
    assert array.capabilities.volume_name.longest == 99
    volume = make_volume(array, "x" * 99)
    array.create_snapshots([SnapshotSpec("s1", volume)])
    array._xms.post("volumes", {"vol-name": "y" * 128, "vol-size": "1024m"})
    with pytest.raises(errors.Invalid, match="shorter"):
        array.create_snapshots([SnapshotSpec("s2", array.volumes(["y" * 128]).items[0])])


def test_a_restore_keeps_the_present_content_as_a_backup(xms_v2: SimulatedXms) -> None:
    array = xms_v2.connect()
    volume = make_volume(array, "v1")
    (snapshot,) = array.create_snapshots([SnapshotSpec("s1", volume)])
    host = array.create_host("h1", [FC1])
    array.map_volume(volume, host)
    serial = array.volumes(["v1"]).items[0].serial
    mark = xms_v2.mark()
    backup = array.restore_snapshot(volume, snapshot, "before")
    bodies = [request["body"] for request in xms_v2.requests(mark) if request["method"] == "POST"]
    safety_copy, restore = bodies
    assert safety_copy["snapshot-type"] == "readonly"
    assert "backup-snap-suffix" in restore
    assert "no-backup" not in restore
    assert backup.name == "before"
    assert backup.volume == "v1"
    assert xms_v2.names() == ["before", "s1", "v1"]
    assert array.volumes(["v1"]).items[0].serial == serial
    # The backup, the volume and the safety copy, one by one where XMS has no list of names
    with xms_v2.budget(array, 3, 0):
        assert array.restore_snapshot(volume, snapshot, "before") == backup
    assert model.names(array.snapshots(["before"]).items) == ("before",)
    assert not array.snapshots(["before"]).items[0].proven
    natural = array.restore_snapshot(volume, snapshot, "v1.before2")
    assert natural.name == "v1.before2"
    grown = array.extend_volume(volume, 2 * GIB)
    with pytest.raises(errors.Conflict, match="size"):
        array.restore_snapshot(grown, snapshot, "before3")
    make_volume(array, "other")
    with pytest.raises(errors.Conflict, match="not made of v1"):
        array.restore_snapshot(volume, snapshot, "other")
    with pytest.raises(errors.NotFound, match="gone"):
        array.restore_snapshot(volume, model.Snapshot("gone", "v1", GIB), "before4")
