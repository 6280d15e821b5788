# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones, snapshots and restores on a Datera, against the simulated array."""

from __future__ import annotations

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from tests.arrays.datera.conftest import SimulatedEdf
from tests.support.one_array import make_volume


def test_a_clone_has_the_size_that_was_asked_for(edf: SimulatedEdf) -> None:
    array = edf.connect()
    source = make_volume(array, "vol1", 2 * GIB)
    same = array.clone_volume(source, VolumeSpec("same"))
    grown = array.clone_volume(source, VolumeSpec("grown", 3 * GIB, options={"total_iops_max": 70}))
    assert (same.size, grown.size) == (2 * GIB, 3 * GIB)
    volumes = {volume.name: volume for volume in array.volumes()}
    assert set(volumes) == {"vol1", "same", "grown"}
    assert (volumes["grown"].size, volumes["grown"].options["total_iops_max"]) == (3 * GIB, 70)
    assert (volumes["same"].source, volumes["same"].state) == ("vol1", "ready")
    contents = {row["name"]: row["content"] for row in edf.state()["volumes"]}
    assert len(set(contents.values())) == 1
    with pytest.raises(errors.Invalid, match="smaller than its source"):
        array.clone_volume(source, VolumeSpec("less", GIB))


def test_a_snapshot_keeps_the_name_that_it_was_given(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make_volume(array, "vol1", 2 * GIB)
    (taken,) = array.create_snapshots([SnapshotSpec("before:upgrade", volume)])
    array.create_snapshots([SnapshotSpec("7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00", volume)])
    assert (taken.name, taken.volume, taken.size, taken.proven, taken.state) == (
        "before:upgrade",
        "vol1",
        2 * GIB,
        True,
        "ready",
    )
    for listing in (array.snapshots(), array.snapshots(volumes=["vol1"])):
        names = sorted(item.name for item in listing)
        assert names == ["7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00", "before:upgrade"]
    uuids = {row["uuid"] for row in edf.raw("GET", volume.id + "/snapshots")}
    assert "7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00" in uuids
    assert sorted(array.volumes(["vol1"]).items[0].snapshots or ()) == names


def test_a_snapshot_that_exists_is_not_taken_again(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make_volume(array)
    first, second = (array.create_snapshots([SnapshotSpec("monday", volume)])[0] for _ in range(2))
    assert first.id == second.id
    assert len(array.snapshots()) == 1


def test_a_snapshot_has_the_size_that_its_volume_had(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make_volume(array, "vol1", 2 * GIB)
    array.create_snapshots([SnapshotSpec("monday", volume)])
    array.extend_volume(volume, 5 * GIB)
    (snapshot,) = array.snapshots(["monday"])
    assert snapshot.size == 2 * GIB
    assert array.volume_from_snapshot(snapshot, VolumeSpec("copy")).size == 2 * GIB
    assert [snapshot.children for snapshot in array.snapshots(["monday"])] == [("copy",)]


def test_snapshots_of_other_clients_are_listed(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make_volume(array)
    row = edf.raw("POST", volume.id + "/snapshots", {})
    (snapshot,) = array.snapshots()
    assert (snapshot.name, snapshot.created) == (row["uuid"], row["utc_ts"])
    array.delete_snapshot(snapshot)
    assert len(array.snapshots()) == 0


def test_the_name_of_a_deleted_snapshot_is_removed_from_the_metadata(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make_volume(array)
    array.set_metadata(volume, {"owner": "me"})
    (taken,) = array.create_snapshots([SnapshotSpec("monday", volume)])
    array.delete_snapshot(taken)
    array.delete_snapshot(taken)
    assert array.metadata(volume) == {"owner": "me"}
    assert len(array.snapshots()) == 0
    array.set_metadata(volume, {})
    assert array.metadata(volume) == {}


def test_a_restore_keeps_the_present_content(edf: SimulatedEdf) -> None:
    array = edf.connect()
    volume = make_volume(array)
    (monday,) = array.create_snapshots([SnapshotSpec("monday", volume)])
    edf.write("vol1", GIB // 2)
    backup = array.restore_snapshot(volume, monday, "before")
    assert (backup.name, backup.volume) == ("before", "vol1")
    assert sorted(snapshot.name for snapshot in array.snapshots()) == ["before", "monday"]
    mark = edf.mark()
    array.restore_snapshot(volume, monday, "before")
    assert not [request for request in edf.requests(mark) if request["write"]]
    assert array.volumes(["vol1"]).items[0].state == "ready"


def test_snapshots_of_one_instant_are_refused(edf: SimulatedEdf) -> None:
    array = edf.connect()
    first, second = make_volume(array, "vol1"), make_volume(array, "vol2")
    with edf.budget(array, 0), pytest.raises(errors.Unsupported, match="one instant only"):
        array.create_snapshots([SnapshotSpec("s1", first), SnapshotSpec("s2", second)], atomic=True)
