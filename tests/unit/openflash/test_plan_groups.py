# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Consistency groups of a document, and prune of groups and mappings. Runs on Python 3.8."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Invalid
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired
from tests.support.memory_array import GIB, MemoryArray
from tests.support.planning import Task


@pytest.fixture
def array() -> MemoryArray:
    array = MemoryArray()
    for name in ("web-1", "web-2", "web-3"):
        array.volume(name, GIB)
    array.group("web-group", "web-1", "web-2")
    return array


def task(array: MemoryArray, policy: dict[str, bool] | None = None, **sections: Any) -> Task:
    return Task(array, desired.document(sections), **(policy or {}))


def test_a_group_is_made_with_its_volumes_after_them(array: MemoryArray) -> None:
    made = task(
        array,
        groups=[{"name": "new", "volumes": ["fresh", "web-3"]}],
        volumes=[{"name": "fresh", "size": "1GiB"}],
    )
    assert made.lines == [
        "create volume fresh of 1GiB",
        "create consistency group new",
        "add volume fresh to consistency group new",
        "add volume web-3 to consistency group new",
    ]
    assert made.run().errors == {}
    assert task(array, groups=[{"name": "new", "volumes": ["web-3", "fresh"]}]).lines == []


def test_members_that_are_not_named_stay_without_exclusive_volumes(array: MemoryArray) -> None:
    assert task(array, groups=[{"name": "web-group", "volumes": ["web-1"]}]).lines == []
    assert task(array, groups=[{"name": "web-group"}]).lines == []


def test_exclusive_volumes_removes_the_other_members(array: MemoryArray) -> None:
    changed = task(array, groups=[{"name": "web-group", "volumes": ["web-1", "web-3"], "exclusive_volumes": True}])
    assert changed.lines == [
        "add volume web-3 to consistency group web-group",
        "remove volume web-2 from consistency group web-group",
    ]
    assert changed.run().errors == {}
    assert (array.groups().named("web-group") or pytest.fail("it is gone")).volumes == ("web-1", "web-3")


def test_an_empty_exclusive_list_is_refused_unless_it_is_meant(array: MemoryArray) -> None:
    group = {"name": "web-group", "volumes": [], "exclusive_volumes": True}
    refused = task(array, groups=[group])
    assert refused.lines == []
    assert "every volume would be removed" in str(refused.plan.errors[0])
    assert len(task(array, {"allow_empty": True}, groups=[group]).lines) == 2
    with pytest.raises(Invalid, match="exclusive_volumes needs volumes"):
        desired.document({"groups": [{"name": "web-group", "exclusive_volumes": True}]})


def test_a_group_is_deleted_and_its_volumes_stay(array: MemoryArray) -> None:
    deleted = task(array, groups=[{"name": "web-group", "state": "absent"}, {"name": "gone", "state": "absent"}])
    assert deleted.lines == ["delete consistency group web-group"]
    assert deleted.run().errors == {}
    assert len(array.volumes()) == 3


def test_a_group_with_a_volume_that_is_not_there_is_refused(array: MemoryArray) -> None:
    refused = task(array, groups=[{"name": "new", "volumes": ["nowhere"]}])
    assert refused.lines == []
    assert "there is no volume nowhere" in str(refused.plan.errors[0])


def test_nothing_is_taken_from_a_group_when_another_part_is_refused(array: MemoryArray) -> None:
    refused = task(
        array,
        groups=[
            {"name": "web-group", "volumes": ["web-1"], "exclusive_volumes": True},
            {"name": "other", "volumes": ["nowhere"]},
        ],
    )
    assert refused.lines == []


def test_an_array_without_groups_refuses_them() -> None:
    refused = task(MemoryArray(refusals={"groups": "it has none"}), groups=[{"name": "web"}])
    assert "it has none" in str(refused.plan.errors[0])


# -- prune -------------------------------------------------------------------------------------------------------------

PRUNE: dict[str, Any] = {"prune": True, "prune_prefix": "web-"}


def test_prune_deletes_groups_only_when_they_are_named(array: MemoryArray) -> None:
    array.group("web-old", "web-3")
    array.group("other", "web-3")
    content = {
        "volumes": [{"name": name} for name in ("web-1", "web-2", "web-3")],
        "groups": [{"name": "web-group"}],
        **PRUNE,
    }
    assert task(array, **content, prune_kinds=["volumes"]).lines == []
    assert task(array, **content, prune_kinds=["groups"]).lines == ["delete consistency group web-old"]
    refused = task(array, **{**content, "groups": []}, prune_kinds=["groups"])
    assert refused.lines == []
    assert "the section groups is missing or empty" in str(refused.plan.errors[0])


def test_prune_unmaps_only_between_declared_volumes_and_hosts(array: MemoryArray) -> None:
    for number, name in enumerate(("web-a", "web-b", "esx")):
        array.host(name, f"iqn.2026-01.org.example:{number}")
    array.map("web-1", "web-a", 1)
    array.map("web-2", "web-a", 2)
    array.map("web-2", "web-b", 1)
    array.map("web-2", "esx", 1)
    content = {
        "volumes": [{"name": name} for name in ("web-1", "web-2", "web-3")],
        "hosts": [{"name": "web-a"}, {"name": "esx"}],
        "mappings": [{"volume": "web-1", "host": "web-a"}],
        **PRUNE,
    }
    assert task(array, **content).lines == []
    pruned = task(array, **content, prune_kinds=["mappings"])
    assert pruned.lines == ["unmap volume web-2 from host web-a"]
    assert pruned.run().errors == {}
    refused = task(array, **{**content, "mappings": []}, prune_kinds=["mappings"])
    assert "the section mappings is missing or empty" in str(refused.plan.errors[0])


def test_prune_leaves_what_no_document_can_declare(array: MemoryArray) -> None:
    array.volume("web-bad/name")
    array.volume("web-1.of-" + "0" * 25)
    array.volume("web-old")
    content = {"volumes": [{"name": name} for name in ("web-1", "web-2", "web-3")], **PRUNE}
    assert task(array, **content, prune_kinds=["volumes"]).lines == ["delete volume web-old"]
