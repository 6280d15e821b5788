# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""App instances with several volumes, and changes of a Datera that take a volume offline."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Chap,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from tests.arrays.datera.conftest import IQN1, SimulatedEdf
from tests.support.one_array import make_volume

CHAP = Chap("of-user", "chapsecret1234")

# ---- app instances with several volumes ------------------------------------------------------------------------------


def test_several_volumes_of_an_app_instance_are_named_by_their_paths(edf: SimulatedEdf) -> None:
    edf.several()
    array = edf.connect()
    names = ["pair/storage-1/volume-1", "pair/storage-1/volume-2", "pair/storage-2/volume-1"]
    assert sorted(volume.name for volume in array.volumes()) == names
    (listed,) = array.volumes([names[1]])
    assert set(listed.siblings) == {names[0], names[2]}
    assert len(array.volumes(["pair"])) == 0


def test_a_change_that_affects_other_volumes_of_the_instance_is_refused_and_names_them(edf: SimulatedEdf) -> None:
    edf.several()
    array = edf.connect()
    (volume,) = array.volumes(["pair/storage-1/volume-1"])
    host = array.create_host("server", [IQN1])
    before = edf.state()
    attempts: list[Callable[[], object]] = [
        lambda: array.map_volume(volume, host),
        lambda: array.delete_volume(volume),
        lambda: array.rename_volume(volume, "alone"),
        lambda: array.set_volume_chap(volume, CHAP),
        lambda: array.set_volume(volume, {"ip_pool": "default"}),
    ]
    for attempt in attempts:
        with pytest.raises(errors.FlashError, match="pair/storage-2/volume-1") as caught:
            attempt()
        assert caught.value.kind in ("unsupported", "refused")
    assert edf.state() == before
    for operation in ("map_volume", "delete_volume", "rename_volume"):
        assert "pair/storage-1/volume-2" in str(array.capabilities.refusal(operation, volume))


def test_one_volume_of_several_is_extended_and_restored_by_itself(edf: SimulatedEdf) -> None:
    edf.several()
    array = edf.connect()
    (volume,) = array.volumes(["pair/storage-1/volume-1"])
    volume = array.extend_volume(volume, 3 * GIB)
    (monday,) = array.create_snapshots([SnapshotSpec("monday", volume)])
    assert [(snapshot.name, snapshot.volume) for snapshot in array.snapshots(["monday"])] == [("monday", volume.name)]
    edf.raw("PUT", "/app_instances/pair", {"admin_state": "offline"})
    array.restore_snapshot(array.volumes([volume.name]).items[0], monday, "before")
    sizes = {item.name: item.size // GIB for item in array.volumes()}
    assert sorted(sizes.values()) == [2, 2, 3]
    instance = edf.raw("GET", "/app_instances/pair")
    points = [row.get("restore_point") for storage in instance["storage_instances"] for row in storage["volumes"]]
    assert points == [monday.created, None, None]


def test_one_volume_of_several_is_deleted_by_its_own_path_once_all_are_offline(edf: SimulatedEdf) -> None:
    edf.several()
    array = edf.connect()
    edf.raw("PUT", "/app_instances/pair", {"admin_state": "offline"})
    (volume,) = array.volumes(["pair/storage-1/volume-1"])
    array.delete_volume(volume)
    assert sorted(item.name for item in array.volumes()) == ["pair/storage-1/volume-2", "pair/storage-2/volume-1"]


def test_an_app_instance_without_volumes_is_no_volume(edf: SimulatedEdf) -> None:
    edf.raw("POST", "/app_instances", {"name": "empty"})
    array = edf.connect()
    assert len(array.volumes()) == 0
    assert array.volumes(["empty"]).complete
    with pytest.raises(errors.Conflict, match="with 0 volumes"):
        array.create_volume(VolumeSpec("empty", GIB))


# ---- offline changes -------------------------------------------------------------------------------------------------


def test_an_extension_that_needs_the_volume_offline_is_refused_unless_permitted(offline: SimulatedEdf) -> None:
    array = offline.connect()
    volume = make_volume(array)
    with pytest.raises(errors.Refused, match="only while the app instance is offline") as caught:
        array.extend_volume(volume, 2 * GIB)
    assert "offline_changes: true" in str(caught.value)
    assert array.volumes(["vol1"]).items[0].state == "ready"


def test_an_offline_extension_takes_four_requests_after_the_first(offline: SimulatedEdf) -> None:
    array = offline.connect({"offline_changes": True})
    first, second = make_volume(array, "vol1"), make_volume(array, "vol2")
    with offline.budget(array, 5, 4):
        array.extend_volume(first, 2 * GIB)
    mark = offline.mark()
    with offline.budget(array, 4, 3):
        array.extend_volume(second, 2 * GIB)
    assert not any("force" in (entry["body"] or {}) for entry in offline.requests(mark))
    assert {(volume.size, volume.state) for volume in array.volumes()} == {(2 * GIB, "ready")}
    assert offline.raw("GET", "/app_instances/vol1")["descr"] == ""


def test_a_volume_in_use_is_not_taken_offline(offline: SimulatedEdf) -> None:
    array = offline.connect({"offline_changes": True})
    volume = make_volume(array)
    array.map_volume(volume, array.create_host("server", [IQN1]))
    offline.login("vol1")
    with pytest.raises(errors.InUse, match=IQN1.address):
        array.extend_volume(volume, 2 * GIB)
    offline.login("vol1", is_open=False)
    assert array.extend_volume(volume, 2 * GIB).size == 2 * GIB


def test_other_volumes_of_the_instance_are_not_taken_offline(offline: SimulatedEdf) -> None:
    offline.several()
    array = offline.connect({"offline_changes": True})
    (volume,) = array.volumes(["pair/storage-1/volume-1"])
    with pytest.raises(errors.Refused, match="pair/storage-2/volume-1"):
        array.extend_volume(volume, 5 * GIB)


def test_a_new_clone_is_extended_offline_without_permission(offline: SimulatedEdf) -> None:
    """Nobody uses it yet."""
    array = offline.connect()
    clone = array.clone_volume(make_volume(array), VolumeSpec("copy", 3 * GIB))
    assert (clone.size, clone.state, clone.name) == (3 * GIB, "ready", "copy")
