# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The predicted state of an array: objects are found by property, and renamed everywhere."""

from __future__ import annotations

from typing import Any

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
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.rules import Policy
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.steps import DeleteVolume
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.world import Actual, Table, World
from tests.support.memory_array import MemoryCapabilities

GIB = 1024**3


def filled_world() -> World:
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
    return filled_world()


def test_a_rename_changes_every_object_that_names_the_volume(world: World) -> None:
    world.rename_volume("a", "b")
    assert world.mappings_of_volume("b") == [Mapping("b", "h1", 1, open=True)]
    assert world.mappings_of_volume("a") == []
    assert [snapshot.name for snapshot in world.snapshots_of("b")] == ["s"]
    assert world.dependents("b") == ["copy"]
    assert world.groups["g"].volumes == ("b", "copy")


def test_a_field_that_the_array_does_not_report_after_a_change_is_kept(world: World) -> None:
    world.update_volume(Volume("a", 2 * GIB))
    assert (world.volumes["a"].size, world.volumes["a"].groups) == (2 * GIB, ("g",))
    assert world.mappings_known("a")


def test_a_deleted_clone_of_a_snapshot_is_not_its_child(world: World) -> None:
    snapshot = world.snapshots[("a", "s")]
    assert world.children(snapshot) == ["copy"]
    world.remove_volume("copy")
    assert world.children(snapshot) == []


def test_of_two_reports_of_a_mapping_the_more_detailed_one_is_used(world: World) -> None:
    """A volume reports that it is mapped; only the list of mappings reports that the session is open."""
    assert world.mappings[("h1", "a")].open is True


def test_a_refused_object_has_no_step(world: World) -> None:
    draft = Draft(world, Policy())
    with draft.item(("volume", "copy"), "delete volume copy") as outcome:
        draft.add(DeleteVolume(("volume", "copy"), "copy"))
        raise Conflict("it cannot be")
    assert outcome.steps == []
    assert draft.finish().steps == ()
    assert str(outcome.error) == "Cannot delete volume copy: it cannot be."


def test_a_refused_part_of_an_object_keeps_its_other_parts(world: World) -> None:
    draft = Draft(world, Policy())

    def part(name: str, refused: bool) -> None:
        if refused:
            raise Conflict("it cannot be")
        draft.add(DeleteVolume(("prune", ""), name))
        world.remove_volume(name)

    with draft.item(("prune", ""), "remove what is not declared"):
        assert draft.attempt(lambda: part("copy", True)) == "it cannot be"
        assert draft.attempt(lambda: part("a", False)) == ""
    assert draft.finish().lines == ("delete volume a",)
    assert set(world.volumes) == {"copy"}


@given(st.lists(st.tuples(st.integers(0, 3), st.one_of(st.none(), st.integers(0, 2)))))
def test_an_index_finds_the_same_items_as_a_search(changes: list[Any]) -> None:
    table: Table[int, Any] = Table(value=lambda item: item[0])
    reference: dict[int, Any] = {}
    for key, value in changes:
        if value is None:
            table.discard(key)
            reference.pop(key, None)
        else:
            table[key] = (value, key)
            reference[key] = (value, key)
    assert dict(table) == reference
    for value in range(3):
        assert sorted(table.by("value", value)) == sorted(item for item in reference.values() if item[0] == value)
