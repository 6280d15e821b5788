# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that hold on every array, whatever protocol it speaks."""

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
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Full:
    """Stands for the fault that makes an array full."""

    now = False

    def __call__(self) -> bool:
        return self.now


def make(size: int = 10 * GIB, **rules: Any) -> Array:
    return Array("a1", [Pool("p1", size)], Rules(**rules), clock=Clock())


class TestSpace:
    def test_thick_takes_its_whole_size_and_gives_it_back(self) -> None:
        array = make()
        volume = array.create_volume("v", 3 * GIB, provisioning="thick")
        assert (array.used, array.provisioned) == (3 * GIB, 3 * GIB)
        array.extend_volume(volume, 5 * GIB)
        assert array.used == 5 * GIB
        array.delete_volume(volume)
        assert (array.used, array.provisioned) == (0, 0)

    def test_thin_takes_what_was_written_and_never_more_than_its_size(self) -> None:
        array = make()
        volume = array.create_volume("v", 4 * GIB)
        assert array.used == 0
        array.write(volume, GIB)
        array.write(volume, 20 * GIB)
        assert array.used == volume.used == 4 * GIB

    def test_full_pool_refuses_thick_and_thin_and_leaves_no_trace(self) -> None:
        array = make(4 * GIB)
        volume = array.create_volume("v", 4 * GIB, provisioning="thick")
        for provisioning in get_args(Provisioning):
            with pytest.raises(NoSpace):
                array.create_volume("w", MIB, provisioning=provisioning)
        with pytest.raises(NoSpace):
            array.extend_volume(volume, 5 * GIB)
        with pytest.raises(NoSpace):
            array.create_snapshots([(volume, "s")], writable=False)
        assert [one.name for one in array.volumes] == ["v"]
        assert volume.size == 4 * GIB

    def test_thin_may_promise_more_than_there_is_but_not_hold_it(self) -> None:
        array = make(4 * GIB)
        first = array.create_volume("v1", 4 * GIB)
        second = array.create_volume("v2", 4 * GIB)
        array.write(first, 3 * GIB)
        with pytest.raises(NoSpace):
            array.write(second, 2 * GIB)

    def test_fault_makes_it_full_for_as_long_as_it_says(self) -> None:
        full = Full()
        array = Array("a1", [Pool("p1", GIB)], is_full=full)
        full.now = True
        with pytest.raises(NoSpace):
            array.create_volume("v", MIB)
        full.now = False
        array.create_volume("v", MIB)

    def test_unknown_pool(self) -> None:
        with pytest.raises(NotFound):
            make().create_volume("v", MIB, pool="nope")

    @pytest.mark.parametrize("size", [0, -MIB, MIB + 1, MIB // 2, (2 << 50) + MIB])
    def test_sizes_off_the_granularity_or_the_scale(self, size: int) -> None:
        with pytest.raises(BadSize):
            make().create_volume("v", size)

    def test_shrink_is_refused_and_equal_is_done_already(self) -> None:
        array = make()
        volume = array.create_volume("v", 2 * GIB)
        array.extend_volume(volume, 2 * GIB)
        with pytest.raises(BadSize):
            array.extend_volume(volume, GIB)
        assert volume.size == 2 * GIB


class TestNames:
    def test_unique_and_numbers_never_used_twice(self) -> None:
        array = make()
        first = array.create_volume("v", MIB)
        with pytest.raises(NameTaken):
            array.create_volume("v", MIB)
        array.delete_volume(first)
        assert array.create_volume("v", MIB).id > first.id

    def test_snapshots_share_the_names_of_volumes_or_not(self) -> None:
        for shared in (True, False):
            array = make(shared_names=shared)
            volume = array.create_volume("v", MIB)
            if shared:
                with pytest.raises(NameTaken):
                    array.create_snapshots([(volume, "v")], writable=False)
            else:
                snapshot = array.create_snapshots([(volume, "v")], writable=False)[0]
                assert array.find_volume("v") is volume
                assert array.find_volume("v", "snapshot") is snapshot

    def test_rename_frees_the_old_name_and_takes_the_new_one(self) -> None:
        array = make()
        volume = array.create_volume("old", MIB)
        array.rename_volume(volume, "new")
        assert array.find_volume("old") is None
        with pytest.raises(NameTaken):
            array.create_volume("new", MIB)
        array.create_volume("old", MIB)
        with pytest.raises(NameTaken):
            array.rename_volume(volume, "old")

    @pytest.mark.parametrize("name", ["", "x" * 129])
    def test_length(self, name: str) -> None:
        with pytest.raises(BadName):
            make().create_volume(name, MIB)


class TestSnapshots:
    def test_all_of_them_or_none(self) -> None:
        array = make(snapshots_per_volume=2)
        one, two = array.create_volume("one", MIB), array.create_volume("two", MIB)
        with pytest.raises(NameTaken):
            array.create_snapshots([(one, "s1"), (two, "one")], writable=False)
        with pytest.raises(NameTaken):
            array.create_snapshots([(one, "s"), (two, "s")], writable=False)
        with pytest.raises(LimitReached):
            array.create_snapshots([(one, "a"), (one, "b"), (one, "c")], writable=False)
        assert len(array.volumes) == 2

    def test_limit_per_volume(self) -> None:
        array = make(snapshots_per_volume=1)
        volume = array.create_volume("v", MIB)
        snapshot = array.create_snapshots([(volume, "s1")], writable=False)[0]
        with pytest.raises(LimitReached):
            array.create_snapshots([(volume, "s2")], writable=False)
        array.create_snapshots([(snapshot, "s3")], writable=False)

    def test_parent_with_children_is_refused_where_the_family_refuses(self) -> None:
        array = make(delete_with_children="refuse")
        volume = array.create_volume("v", MIB)
        array.create_snapshots([(volume, "s")], writable=False)
        with pytest.raises(InUse, match="children"):
            array.delete_volume(volume)

    def test_children_go_to_the_grandparent_and_the_last_becomes_a_volume(self) -> None:
        array = make(delete_with_children="reparent")
        volume = array.create_volume("v", MIB)
        middle = array.create_snapshots([(volume, "middle")], writable=True)[0]
        leaf = array.create_snapshots([(middle, "leaf")], writable=True)[0]
        array.delete_volume(middle)
        assert array.parent(leaf) is volume
        assert array.children(volume) == [leaf]
        array.delete_volume(volume)
        assert array.parent(leaf) is None
        assert leaf.kind == "volume"

    def test_overwrite_needs_equal_sizes_and_keeps_the_target(self) -> None:
        array = make()
        volume = array.create_volume("v", MIB)
        snapshot = array.create_snapshots([(volume, "s")], writable=True)[0]
        array.extend_volume(volume, 2 * MIB)
        with pytest.raises(BadSize):
            array.overwrite(volume, snapshot)
        array.extend_volume(snapshot, 2 * MIB)
        array.overwrite(volume, snapshot)
        assert array.find_volume("v") is volume


class TestCopies:
    def test_takes_time_by_the_clock_and_holds_both_ends(self) -> None:
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

    def test_never_into_less_than_its_source(self) -> None:
        array = make()
        source = array.create_volume("v", 2 * MIB)
        with pytest.raises(BadSize):
            array.copy_volume(source, "copy", seconds=0, size=MIB)


class TestMappings:
    def test_lowest_free_lun_and_one_volume_per_lun(self) -> None:
        array = make(first_lun=1)
        volumes = [array.create_volume(f"v{n}", MIB) for n in range(4)]
        host = array.create_host("h")
        assert [array.map(volume, host).lun for volume in volumes[:2]] == [1, 2]
        with pytest.raises(LunTaken):
            array.map(volumes[2], host, 2)
        array.unmap(array.mappings_of(volumes[0])[0])
        assert array.map(volumes[2], host).lun == 1
        assert array.map(volumes[3], host, 0).lun == 0

    def test_one_host_one_time_but_two_hosts(self) -> None:
        array = make()
        volume = array.create_volume("v", MIB)
        first, second = array.create_host("h1"), array.create_host("h2")
        array.map(volume, first, 7)
        with pytest.raises(AlreadyMapped):
            array.map(volume, first, 8)
        assert array.map(volume, second, 7).lun == 7

    def test_mapped_volume_is_refused_or_unmapped_as_the_family_has_it(self) -> None:
        for habit in ("refuse", "unmap"):
            array = make(delete_mapped=habit)
            volume, host = array.create_volume("v", MIB), array.create_host("h")
            array.map(volume, host)
            if habit == "refuse":
                with pytest.raises(InUse, match="mapped"):
                    array.delete_volume(volume)
            else:
                array.delete_volume(volume)
                assert array.mappings_for(host) == []

    def test_limits(self) -> None:
        array = make(mappings=1, max_lun=3)
        volume, host = array.create_volume("v", MIB), array.create_host("h")
        for lun in (-1, 4):
            with pytest.raises(LimitReached):
                array.map(volume, host, lun)
        array.map(volume, host)
        with pytest.raises(LimitReached):
            array.map(volume, array.create_host("h2"))

    def test_no_lun_left(self) -> None:
        array = make(first_lun=1, max_lun=1)
        host = array.create_host("h")
        array.map(array.create_volume("v1", MIB), host)
        with pytest.raises(LimitReached):
            array.map(array.create_volume("v2", MIB), host)


class TestHosts:
    def test_an_initiator_belongs_to_one_host(self) -> None:
        array = make()
        array.create_host("h1", [("iqn.a", "a")])
        with pytest.raises(InitiatorTaken):
            array.create_host("h2", [("iqn.b", "b"), ("iqn.a", "x")])
        assert array.hosts.find("h2") is None
        assert array.find_initiator("iqn.b") is None

    def test_names_of_initiators_are_checked_before_the_host_is_made(self) -> None:
        array = make()
        array.create_host("h1", [("iqn.a", "a")])
        for ports in ([("iqn.b", "a")], [("iqn.b", "b"), ("iqn.c", "b")]):
            with pytest.raises(NameTaken):
                array.create_host("h2", ports)
            assert array.hosts.find("h2") is None

    def test_deleting_a_host_frees_its_initiators_but_not_its_volumes(self) -> None:
        array = make()
        host = array.create_host("h", [("iqn.a", "a")])
        volume = array.create_volume("v", MIB)
        mapping = array.map(volume, host)
        with pytest.raises(InUse, match="mapped"):
            array.delete_host(host)
        array.unmap(mapping)
        array.delete_host(host)
        assert array.find_initiator("iqn.a") is None
        array.create_host("h", [("iqn.a", "a")])

    def test_a_new_address_frees_the_old_one(self) -> None:
        array = make()
        host = array.create_host("h", [("iqn.a", "a")])
        initiator = array.initiators_of(host)[0]
        array.readdress_initiator(initiator, "iqn.b")
        assert array.find_initiator("iqn.a") is None
        assert array.find_initiator("iqn.b") is initiator


class TestGroups:
    def test_kinds_have_names_and_numbers_of_their_own(self) -> None:
        array = make()
        volume = array.create_volume("v", MIB)
        group = array.create_group("cg", "g", [volume])
        other = array.create_group("set", "g", [volume])
        assert (group.id, other.id) == (1, 1)
        assert array.groups_of(volume, "cg") == [group]
        with pytest.raises(NameTaken):
            array.create_group("cg", "g")

    def test_deleted_volume_leaves_and_the_last_takes_a_set_with_it(self) -> None:
        array = make()
        one, two = array.create_volume("one", MIB), array.create_volume("two", MIB)
        group = array.create_group("cg", "g", [one])
        array.create_group("set", "s", [one, two], {"dissolve": True})
        array.delete_volume(one)
        assert group.members == []
        assert array.groups("cg").find("g") is group
        array.delete_volume(two)
        assert array.groups("set").find("s") is None


class TestWhatIsKept:
    def test_dump_and_load_give_the_same_array(self) -> None:
        array = filled()
        again = make()
        again.load(array.dump())
        assert again.dump() == array.dump()
        assert (again.used, again.provisioned) == (array.used, array.provisioned)
        volume, host = again.find_volume("v"), again.hosts.find("h")
        assert volume
        assert host
        with pytest.raises(AlreadyMapped):
            again.map(volume, host)
        with pytest.raises(InitiatorTaken):
            again.create_host("h2", [("iqn.a", "z")])
        assert [child.name for child in again.children(volume)] == ["s"]
        assert again.create_volume("next", MIB).id > max(one.id for one in array.volumes)

    def test_a_refused_call_reports_no_change(self) -> None:
        changes: list[str] = []
        array = Array("a1", [Pool("p1", GIB)], on_change=lambda change, about: changes.append(change))
        array.create_volume("v", MIB)
        assert changes == ["volume.create"]
        for name, size in (("v", MIB), ("w", MIB + 1), ("w", 2 * GIB)):
            with pytest.raises(ArrayError):
                array.create_volume(name, size, provisioning="thick")
        assert changes == ["volume.create"]

    def test_reset_empties_everything(self) -> None:
        array = filled()
        array.reset()
        assert (array.used, array.provisioned) == (0, 0)
        assert make().dump()["volumes"] == array.dump()["volumes"]


def filled() -> Array:
    array = make()
    volume = array.create_volume("v", 2 * MIB, provisioning="thick")
    array.create_snapshots([(volume, "s")], writable=False)
    array.copy_volume(volume, "copy", seconds=100)
    host = array.create_host("h", [("iqn.a", "a")])
    array.map(volume, host)
    array.create_group("cg", "g", [volume])
    doomed = array.create_volume("doomed", MIB)
    array.delete_volume(doomed)
    return array


@pytest.mark.parametrize(("reuse", "numbers"), [(False, [1, 2, 3, 4]), (True, [1, 2, 1, 3])])
def test_the_number_of_what_is_gone_is_given_out_again_where_that_is_asked_for(reuse: bool, numbers: list[int]) -> None:
    array = Array("array", [Pool("pool", 10 * GIB)])
    array.reuse_ids(reuse)
    made = [array.create_volume(name, GIB) for name in ("a", "b")]
    array.delete_volume(made[0])
    made += [array.create_volume(name, GIB) for name in ("c", "d")]
    assert [one.id for one in made] == numbers
    array.load(array.dump())
    assert array.create_volume("e", GIB).id == max(numbers) + 1
