# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The array model of the simulator: the rules that are the same for every protocol."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from openflash_simulator.array import Array
from openflash_simulator.objects import Pool, Provisioning
from openflash_simulator.rules import (
    AlreadyMapped,
    ArrayError,
    BadName,
    BadSize,
    InitiatorTaken,
    InUse,
    LimitReached,
    LunTaken,
    NameTaken,
    NoSpace,
    NotFound,
    Rules,
)

MIB = 1 << 20
GIB = 1 << 30


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class PoolFull:
    """The fault pool_full, which a test switches."""

    active = False

    def __call__(self) -> bool:
        return self.active


def new_array(size: int = 10 * GIB, **rules: Any) -> Array:
    return Array("a1", [Pool("p1", size)], Rules(**rules), clock=Clock())


class TestSpace:
    def test_a_thick_volume_uses_its_size_until_it_is_deleted(self) -> None:
        array = new_array()
        volume = array.create_volume("v", 3 * GIB, provisioning="thick")
        assert (array.used, array.provisioned) == (3 * GIB, 3 * GIB)
        array.extend_volume(volume, 5 * GIB)
        assert array.used == 5 * GIB
        array.delete_volume(volume)
        assert (array.used, array.provisioned) == (0, 0)

    def test_a_thin_volume_uses_what_was_written_and_at_most_its_size(self) -> None:
        array = new_array()
        volume = array.create_volume("v", 4 * GIB)
        assert array.used == 0
        array.write(volume, GIB)
        array.write(volume, 20 * GIB)
        assert array.used == volume.used == 4 * GIB

    def test_a_full_pool_refuses_every_new_object_and_keeps_its_state(self) -> None:
        array = new_array(4 * GIB)
        volume = array.create_volume("v", 4 * GIB, provisioning="thick")
        for provisioning in get_args(Provisioning):
            with pytest.raises(NoSpace):
                array.create_volume("w", MIB, provisioning=provisioning)
        with pytest.raises(NoSpace):
            array.extend_volume(volume, 5 * GIB)
        with pytest.raises(NoSpace):
            array.create_snapshots([(volume, "s")], writable=False)
        assert [volume.name for volume in array.volumes] == ["v"]
        assert volume.size == 4 * GIB

    def test_thin_volumes_may_be_larger_than_the_pool_until_they_are_written(self) -> None:
        array = new_array(4 * GIB)
        first = array.create_volume("v1", 4 * GIB)
        second = array.create_volume("v2", 4 * GIB)
        array.write(first, 3 * GIB)
        with pytest.raises(NoSpace):
            array.write(second, 2 * GIB)

    def test_the_fault_pool_full_fills_the_pool_while_it_is_active(self) -> None:
        full = PoolFull()
        array = Array("a1", [Pool("p1", GIB)], is_full=full)
        full.active = True
        with pytest.raises(NoSpace):
            array.create_volume("v", MIB)
        full.active = False
        array.create_volume("v", MIB)

    def test_an_unknown_pool_is_not_found(self) -> None:
        with pytest.raises(NotFound):
            new_array().create_volume("v", MIB, pool="unknown")

    @pytest.mark.parametrize("size", [0, -MIB, MIB + 1, MIB // 2, (2 << 50) + MIB])
    def test_a_size_outside_the_granularity_or_the_limits_is_refused(self, size: int) -> None:
        with pytest.raises(BadSize):
            new_array().create_volume("v", size)

    def test_a_smaller_size_is_refused_and_the_same_size_changes_nothing(self) -> None:
        array = new_array()
        volume = array.create_volume("v", 2 * GIB)
        array.extend_volume(volume, 2 * GIB)
        with pytest.raises(BadSize):
            array.extend_volume(volume, GIB)
        assert volume.size == 2 * GIB


class TestNames:
    def test_names_are_unique_and_ids_are_not_used_again(self) -> None:
        array = new_array()
        first = array.create_volume("v", MIB)
        with pytest.raises(NameTaken):
            array.create_volume("v", MIB)
        array.delete_volume(first)
        assert array.create_volume("v", MIB).id > first.id

    def test_snapshots_share_the_names_of_volumes_where_the_rules_say_so(self) -> None:
        for shared in (True, False):
            array = new_array(shared_names=shared)
            volume = array.create_volume("v", MIB)
            if shared:
                with pytest.raises(NameTaken):
                    array.create_snapshots([(volume, "v")], writable=False)
            else:
                snapshot = array.create_snapshots([(volume, "v")], writable=False)[0]
                assert array.find_volume("v") is volume
                assert array.find_volume("v", "snapshot") is snapshot

    def test_a_rename_frees_the_old_name_and_uses_the_new_one(self) -> None:
        array = new_array()
        volume = array.create_volume("old", MIB)
        array.rename_volume(volume, "new")
        assert array.find_volume("old") is None
        with pytest.raises(NameTaken):
            array.create_volume("new", MIB)
        array.create_volume("old", MIB)
        with pytest.raises(NameTaken):
            array.rename_volume(volume, "old")

    @pytest.mark.parametrize("name", ["", "x" * 129])
    def test_a_name_of_a_bad_length_is_refused(self, name: str) -> None:
        with pytest.raises(BadName):
            new_array().create_volume(name, MIB)


class TestSnapshots:
    def test_all_snapshots_of_a_request_are_taken_or_none(self) -> None:
        array = new_array(snapshots_per_volume=2)
        first, second = array.create_volume("one", MIB), array.create_volume("two", MIB)
        with pytest.raises(NameTaken):
            array.create_snapshots([(first, "s1"), (second, "one")], writable=False)
        with pytest.raises(NameTaken):
            array.create_snapshots([(first, "s"), (second, "s")], writable=False)
        with pytest.raises(LimitReached):
            array.create_snapshots([(first, "a"), (first, "b"), (first, "c")], writable=False)
        assert len(array.volumes) == 2

    def test_the_number_of_snapshots_of_a_volume_is_limited(self) -> None:
        array = new_array(snapshots_per_volume=1)
        volume = array.create_volume("v", MIB)
        snapshot = array.create_snapshots([(volume, "s1")], writable=False)[0]
        with pytest.raises(LimitReached):
            array.create_snapshots([(volume, "s2")], writable=False)
        array.create_snapshots([(snapshot, "s3")], writable=False)

    def test_a_volume_with_children_is_not_deleted_where_the_rules_refuse_it(self) -> None:
        array = new_array(delete_with_children="refuse")
        volume = array.create_volume("v", MIB)
        array.create_snapshots([(volume, "s")], writable=False)
        with pytest.raises(InUse, match="children"):
            array.delete_volume(volume)

    def test_children_of_a_deleted_snapshot_get_its_parent(self) -> None:
        array = new_array(delete_with_children="reparent")
        volume = array.create_volume("v", MIB)
        middle = array.create_snapshots([(volume, "middle")], writable=True)[0]
        leaf = array.create_snapshots([(middle, "leaf")], writable=True)[0]
        array.delete_volume(middle)
        assert array.parent(leaf) is volume
        assert array.children(volume) == [leaf]
        array.delete_volume(volume)
        assert array.parent(leaf) is None
        assert leaf.kind == "volume"

    def test_an_overwrite_needs_equal_sizes_and_keeps_the_target(self) -> None:
        array = new_array()
        volume = array.create_volume("v", MIB)
        snapshot = array.create_snapshots([(volume, "s")], writable=True)[0]
        array.extend_volume(volume, 2 * MIB)
        with pytest.raises(BadSize):
            array.overwrite(volume, snapshot)
        array.extend_volume(snapshot, 2 * MIB)
        array.overwrite(volume, snapshot)
        assert array.find_volume("v") is volume


class TestCopies:
    def test_a_copy_takes_time_and_blocks_its_source_and_target(self) -> None:
        clock = Clock()
        array = Array("a1", [Pool("p1", 10 * GIB)], clock=clock)
        source = array.create_volume("v", GIB, provisioning="thick")
        target = array.copy_volume(source, "copy", seconds=10, size=2 * GIB)
        assert array.progress(target) == 0
        clock.now += 4
        assert array.progress(target) == pytest.approx(0.4)
        with pytest.raises(InUse, match="copying"):
            array.delete_volume(source)
        with pytest.raises(InUse, match="copying"):
            array.extend_volume(target, 3 * GIB)
        clock.now += 6
        assert array.progress(target) == 1
        array.delete_volume(source)
        assert array.used == 2 * GIB

    def test_a_copy_cannot_be_smaller_than_its_source(self) -> None:
        array = new_array()
        source = array.create_volume("v", 2 * MIB)
        with pytest.raises(BadSize):
            array.copy_volume(source, "copy", seconds=0, size=MIB)


class TestMappings:
    def test_a_mapping_gets_the_lowest_free_lun(self) -> None:
        array = new_array(first_lun=1)
        volumes = [array.create_volume(f"v{number}", MIB) for number in range(4)]
        host = array.create_host("h")
        assert [array.map(volume, host).lun for volume in volumes[:2]] == [1, 2]
        with pytest.raises(LunTaken):
            array.map(volumes[2], host, 2)
        array.unmap(array.mappings_of(volumes[0])[0])
        assert array.map(volumes[2], host).lun == 1
        assert array.map(volumes[3], host, 0).lun == 0

    def test_a_volume_is_mapped_once_to_each_host(self) -> None:
        array = new_array()
        volume = array.create_volume("v", MIB)
        first, second = array.create_host("h1"), array.create_host("h2")
        array.map(volume, first, 7)
        with pytest.raises(AlreadyMapped):
            array.map(volume, first, 8)
        assert array.map(volume, second, 7).lun == 7

    def test_deleting_a_mapped_volume_is_refused_or_unmaps_it_by_the_rules(self) -> None:
        for rule in ("refuse", "unmap"):
            array = new_array(delete_mapped=rule)
            volume, host = array.create_volume("v", MIB), array.create_host("h")
            array.map(volume, host)
            if rule == "refuse":
                with pytest.raises(InUse, match="mapped"):
                    array.delete_volume(volume)
            else:
                array.delete_volume(volume)
                assert array.mappings_for(host) == []

    def test_luns_and_the_number_of_mappings_are_limited(self) -> None:
        array = new_array(mappings=1, max_lun=3)
        volume, host = array.create_volume("v", MIB), array.create_host("h")
        for lun in (-1, 4):
            with pytest.raises(LimitReached):
                array.map(volume, host, lun)
        array.map(volume, host)
        with pytest.raises(LimitReached):
            array.map(volume, array.create_host("h2"))

    def test_a_host_without_a_free_lun_gets_no_mapping(self) -> None:
        array = new_array(first_lun=1, max_lun=1)
        host = array.create_host("h")
        array.map(array.create_volume("v1", MIB), host)
        with pytest.raises(LimitReached):
            array.map(array.create_volume("v2", MIB), host)


class TestHosts:
    def test_an_initiator_belongs_to_one_host(self) -> None:
        array = new_array()
        array.create_host("h1", [("iqn.a", "a")])
        with pytest.raises(InitiatorTaken):
            array.create_host("h2", [("iqn.b", "b"), ("iqn.a", "x")])
        assert array.hosts.find("h2") is None
        assert array.find_initiator("iqn.b") is None

    def test_names_of_initiators_are_checked_before_the_host_is_created(self) -> None:
        array = new_array()
        array.create_host("h1", [("iqn.a", "a")])
        for ports in ([("iqn.b", "a")], [("iqn.b", "b"), ("iqn.c", "b")]):
            with pytest.raises(NameTaken):
                array.create_host("h2", ports)
            assert array.hosts.find("h2") is None

    def test_a_host_without_mappings_is_deleted_with_its_initiators(self) -> None:
        array = new_array()
        host = array.create_host("h", [("iqn.a", "a")])
        volume = array.create_volume("v", MIB)
        mapping = array.map(volume, host)
        with pytest.raises(InUse, match="mapped"):
            array.delete_host(host)
        array.unmap(mapping)
        array.delete_host(host)
        assert array.find_initiator("iqn.a") is None
        array.create_host("h", [("iqn.a", "a")])

    def test_a_new_address_of_an_initiator_frees_the_old_one(self) -> None:
        array = new_array()
        host = array.create_host("h", [("iqn.a", "a")])
        initiator = array.initiators_of(host)[0]
        array.readdress_initiator(initiator, "iqn.b")
        assert array.find_initiator("iqn.a") is None
        assert array.find_initiator("iqn.b") is initiator


class TestGroups:
    def test_each_kind_of_group_has_its_own_names_and_ids(self) -> None:
        array = new_array()
        volume = array.create_volume("v", MIB)
        group = array.create_group("cg", "g", [volume])
        other = array.create_group("set", "g", [volume])
        assert (group.id, other.id) == (1, 1)
        assert array.groups_of(volume, "cg") == [group]
        with pytest.raises(NameTaken):
            array.create_group("cg", "g")

    def test_a_deleted_volume_leaves_its_groups_and_an_empty_set_is_deleted(self) -> None:
        array = new_array()
        first, second = array.create_volume("one", MIB), array.create_volume("two", MIB)
        group = array.create_group("cg", "g", [first])
        array.create_group("set", "s", [first, second], {"dissolve": True})
        array.delete_volume(first)
        assert group.members == []
        assert array.groups("cg").find("g") is group
        array.delete_volume(second)
        assert array.groups("set").find("s") is None


class TestState:
    def test_a_dumped_array_is_loaded_unchanged(self) -> None:
        array = filled()
        loaded = new_array()
        loaded.load(array.dump())
        assert loaded.dump() == array.dump()
        assert (loaded.used, loaded.provisioned) == (array.used, array.provisioned)
        volume, host = loaded.find_volume("v"), loaded.hosts.find("h")
        assert volume
        assert host
        with pytest.raises(AlreadyMapped):
            loaded.map(volume, host)
        with pytest.raises(InitiatorTaken):
            loaded.create_host("h2", [("iqn.a", "z")])
        assert [child.name for child in loaded.children(volume)] == ["s"]
        assert loaded.create_volume("next", MIB).id > max(volume.id for volume in array.volumes)

    def test_a_refused_call_reports_no_change(self) -> None:
        changes: list[str] = []
        array = Array("a1", [Pool("p1", GIB)], on_change=lambda change, about: changes.append(change))
        array.create_volume("v", MIB)
        assert changes == ["volume.create"]
        for name, size in (("v", MIB), ("w", MIB + 1), ("w", 2 * GIB)):
            with pytest.raises(ArrayError):
                array.create_volume(name, size, provisioning="thick")
        assert changes == ["volume.create"]

    def test_a_reset_removes_every_object(self) -> None:
        array = filled()
        array.reset()
        assert (array.used, array.provisioned) == (0, 0)
        assert new_array().dump()["volumes"] == array.dump()["volumes"]


def filled() -> Array:
    array = new_array()
    volume = array.create_volume("v", 2 * MIB, provisioning="thick")
    array.create_snapshots([(volume, "s")], writable=False)
    array.copy_volume(volume, "copy", seconds=100)
    host = array.create_host("h", [("iqn.a", "a")])
    array.map(volume, host)
    array.create_group("cg", "g", [volume])
    deleted = array.create_volume("deleted", MIB)
    array.delete_volume(deleted)
    return array


@pytest.mark.parametrize(("reuse", "ids"), [(False, [1, 2, 3, 4]), (True, [1, 2, 1, 3])])
def test_ids_of_deleted_volumes_are_used_again_with_reuse_ids(reuse: bool, ids: list[int]) -> None:
    array = Array("array", [Pool("pool", 10 * GIB)])
    array.reuse_ids(reuse)
    created = [array.create_volume(name, GIB) for name in ("a", "b")]
    array.delete_volume(created[0])
    created += [array.create_volume(name, GIB) for name in ("c", "d")]
    assert [volume.id for volume in created] == ids
    array.load(array.dump())
    assert array.create_volume("e", GIB).id == max(ids) + 1
