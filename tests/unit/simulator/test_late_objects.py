# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a read shows while new objects are not seen yet, or deleted ones are still listed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from openflash_simulator import lateness
from openflash_simulator.array import Array
from openflash_simulator.objects import Pool

GIB = 1 << 30


@pytest.fixture
def array() -> Array:
    """An array with a volume that has a snapshot, is mapped to a host and is in a group."""
    array = Array("array", [Pool("pool", 100 * GIB)])
    volume = array.create_volume("old", GIB)
    array.create_snapshots([(volume, "snapshot")], writable=False)
    array.map(volume, array.create_host("host", [("iqn.a", "a")]))
    array.create_group("cg", "group", [volume])
    return array


def dumped(array: Array) -> dict[str, Any]:
    return copy.deepcopy(array.dump())


def shown(state: dict[str, Any]) -> tuple[list[str], list[str], int, list[str]]:
    """Volumes, hosts, mappings and members of the group, as an array with this state has them."""
    array = Array("array", [Pool("pool", 100 * GIB)])
    array.load(copy.deepcopy(state))
    group = array.groups("cg").find("group")
    members = [volume.name for volume in array.members(group)] if group else []
    names = sorted(volume.name for volume in array.volumes)
    return names, sorted(host.name for host in array.hosts), len(array.mappings), members


def test_new_objects_and_what_refers_to_them_are_not_seen(array: Array) -> None:
    past = dumped(array)
    new = array.create_volume("new", GIB)
    array.map(new, array.create_host("other", [("iqn.b", "b")]))
    group = array.groups("cg").find("group")
    assert group is not None
    array.add_member(group, new)
    seen = lateness.without_new(dumped(array), past)
    assert shown(seen) == (["old", "snapshot"], ["host"], 1, ["old"])


def test_deleted_objects_are_listed_with_their_mappings(array: Array) -> None:
    past = dumped(array)
    volume = array.find_volume("old")
    assert volume is not None
    for mapping in array.mappings_of(volume):
        array.unmap(mapping)
    for snapshot in array.children(volume):
        array.delete_volume(snapshot)
    array.delete_volume(volume)
    seen = lateness.with_deleted(dumped(array), past)
    assert shown(seen) == (["old", "snapshot"], ["host"], 1, [])


def test_a_deleted_object_is_not_listed_beside_a_new_one_of_its_name(array: Array) -> None:
    past = dumped(array)
    snapshot = array.find_volume("snapshot")
    assert snapshot is not None
    array.delete_volume(snapshot)
    array.create_volume("snapshot", 2 * GIB)
    seen = lateness.with_deleted(dumped(array), past)
    assert [row["size"] for row in seen["volumes"]["rows"] if row["name"] == "snapshot"] == [2 * GIB]
