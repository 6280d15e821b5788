# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The array as it will be: found by property, renamed everywhere, and taken back when a desired object fails."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from hypothesis import given, strategies as st

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Conflict
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Group,
    Host,
    Initiator,
    Listing,
    Mapping,
    Snapshot,
    Volume,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.draft import Draft
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.policy import Policy
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.steps import DeleteVolume
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.table import Table, Undo
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.world import Actual, World
from tests.support.memory_array import MemoryCapabilities

GIB = 1024**3


def make() -> World:
    actual = Actual(
        volumes=Listing(
            (
                Volume("a", GIB, mappings=(Mapping("a", "h1", 1),), snapshots=("s",), groups=("g",)),
                Volume("copy", GIB, source="a", independent=False, mappings=()),
            )
        ),
        snapshots=Listing((Snapshot("s", "a", GIB, children=("copy",)),)),
        hosts=Listing((Host("h1", initiators=(Initiator("10000000c9000007", "fc"),)),)),
        mappings=Listing((Mapping("a", "h1", 1, open=True),)),
        groups=Listing((Group("g", volumes=("a", "copy")),)),
    )
    return World(actual, MemoryCapabilities())


@pytest.fixture
def world() -> World:
    return make()


def seen(world: World) -> Any:
    return (
        dict(world.volumes),
        dict(world.snapshots),
        dict(world.hosts),
        dict(world.groups),
        dict(world.maps),
        world.dependents("a"),
        [snapshot.name for snapshot in world.snapshots_of("a")],
        world.maps_of_host("h1"),
        world.owner_of("10000000c9000007"),
        world.children(Snapshot("s", "a", GIB, children=("copy",))),
    )


CHANGES: dict[str, Callable[[World], Any]] = {
    "rename": lambda world: world.rename("a", "b"),
    "delete volume": lambda world: world.drop_volume("copy"),
    "delete snapshot": lambda world: world.drop_snapshot(world.snapshots[("a", "s")]),
    "take snapshot": lambda world: world.take(Snapshot("new", "a", GIB)),
    "join group": lambda world: world.join(Group("g2"), "a"),
    "unmap": lambda world: world.drop_map(world.maps[("h1", "a")]),
    "map": lambda world: world.add_map(Mapping("copy", "h1", 2)),
    "change host": lambda world: world.put_host(Host("h1")),
    "delete host": lambda world: world.drop_host(world.hosts["h1"]),
    "change volume": lambda world: world.update(Volume("a", 2 * GIB)),
}


@given(st.lists(st.sampled_from(sorted(CHANGES)), unique=True))
def test_every_change_can_be_taken_back(names: list[str]) -> None:
    world = make()
    before, mark = seen(world), world.mark()
    for name in names:
        try:
            CHANGES[name](world)
        except KeyError:
            pass  # an earlier change took away what this one changes
    world.roll_back(mark)
    assert seen(world) == before


def test_each_change_is_one(world: World) -> None:
    before = seen(world)
    for change in CHANGES.values():
        mark = world.mark()
        change(world)
        assert seen(world) != before
        world.roll_back(mark)


def test_a_rename_reaches_everything_that_names_the_volume(world: World) -> None:
    world.rename("a", "b")
    assert world.maps_of_volume("b") == [Mapping("b", "h1", 1, open=True)]
    assert world.maps_of_volume("a") == []
    assert [snapshot.name for snapshot in world.snapshots_of("b")] == ["s"]
    assert world.dependents("b") == ["copy"]
    assert world.groups["g"].volumes == ("b", "copy")


def test_what_an_array_does_not_tell_after_a_change_is_as_it_was(world: World) -> None:
    world.update(Volume("a", 2 * GIB))
    assert (world.volumes["a"].size, world.volumes["a"].groups) == (2 * GIB, ("g",))
    assert world.maps_known("a")


def test_what_was_made_of_a_snapshot_and_is_gone_is_no_child(world: World) -> None:
    snapshot = world.snapshots[("a", "s")]
    assert world.children(snapshot) == ["copy"]
    world.drop_volume("copy")
    assert world.children(snapshot) == []


def test_the_mapping_with_more_to_tell_counts(world: World) -> None:
    """A volume tells that it is mapped; only the list of mappings tells that the session is open."""
    assert world.maps[("h1", "a")].open is True


def test_an_object_that_is_refused_leaves_neither_step_nor_change(world: World) -> None:
    draft = Draft(world, Policy())
    before = seen(world)
    with draft.item(("volume", "copy"), "delete volume copy") as outcome:
        draft.add(DeleteVolume(("volume", "copy"), "copy"))
        world.drop_volume("copy")
        raise Conflict("it cannot be")
    assert seen(world) == before
    assert outcome.steps == []
    assert draft.finish().steps == ()
    assert str(outcome.error) == "Cannot delete volume copy: it cannot be."


def test_a_part_that_fails_leaves_the_rest_of_its_desired(world: World) -> None:
    draft = Draft(world, Policy())

    def part(name: str, fails: bool) -> None:
        draft.add(DeleteVolume(("prune", ""), name))
        world.drop_volume(name)
        if fails:
            raise Conflict("it cannot be")

    with draft.item(("prune", ""), "remove what is not declared"):
        assert draft.attempt(lambda: part("copy", True)) == "it cannot be"
        assert draft.attempt(lambda: part("a", False)) == ""
    assert draft.finish().lines == ("delete volume a",)
    assert set(world.volumes) == {"copy"}


@given(st.lists(st.tuples(st.integers(0, 3), st.one_of(st.none(), st.integers(0, 2)))))
def test_an_index_finds_what_a_walk_would_find(changes: list[Any]) -> None:
    undo: Undo = []
    table: Table[int, Any] = Table(undo, value=lambda item: item[0])
    plain: dict[int, Any] = {}
    for key, value in changes:
        if value is None:
            table.discard(key)
            plain.pop(key, None)
        else:
            table[key] = (value, key)
            plain[key] = (value, key)
    assert dict(table) == plain
    for value in range(3):
        assert sorted(table.by("value", value)) == sorted(item for item in plain.values() if item[0] == value)
