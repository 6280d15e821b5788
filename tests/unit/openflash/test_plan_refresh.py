# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for refreshes: once for each state of the source, with a backup, and what they are refused for."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    Conflict,
    FlashError,
    Invalid,
    NotFound,
    Refused,
    Unsupported,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired as requested
from tests.support.memory_array import MemoryArray
from tests.support.planning import Task, done, refused, snapshots, volumes

OF_SNAPSHOT = {"name": "s1", "volume": "prod", "state": "refreshed", "target": "test"}
OF_VOLUME = {"name": "test", "source_volume": "prod", "overwrite": True, "refresh_id": "monday"}


@pytest.fixture
def array() -> MemoryArray:
    array = MemoryArray()
    array.volume("prod")
    array.volume("test")
    array.snapshot("prod", "s1")
    array.host("h", "iqn.2026-01.org.example:h")
    return array


def content(array: MemoryArray, name: str) -> str:
    return array.content[array._named(name).id]


def backups(array: MemoryArray) -> dict[str, str]:
    return {snapshot.name: array.content[snapshot.id] for snapshot in array.snapshots(volumes=["test"])}


def test_a_refresh_from_a_snapshot_happens_once(array: MemoryArray) -> None:
    task = done(snapshots(array, OF_SNAPSHOT))
    assert task.lines == [
        "refresh volume test from snapshot s1 of volume prod, keeping its present content as snapshot test-before-s1"
    ]
    assert content(array, "test") == "content of prod"
    assert backups(array) == {"test-before-s1": "content of test"}
    repeated = snapshots(array, OF_SNAPSHOT)
    assert repeated.lines == []
    assert repeated.warnings == ["the backup test-before-s1 is there, so volume test has been refreshed before"]


def test_a_refresh_from_a_volume_happens_once_for_each_id(array: MemoryArray) -> None:
    task = done(volumes(array, OF_VOLUME))
    assert task.lines == [
        "refresh volume test from volume prod, keeping its present content as snapshot test-before-monday"
    ]
    array.content[array._named("test").id] = "tested"
    done(volumes(array, dict(OF_VOLUME, refresh_id="tuesday")))
    assert content(array, "test") == "content of prod"
    assert backups(array) == {"test-before-monday": "content of test", "test-before-tuesday": "tested"}


def test_a_volume_that_exists_keeps_its_content_without_overwrite(array: MemoryArray) -> None:
    assert volumes(array, {"name": "test", "source_volume": "prod"}).lines == []


def test_a_volume_that_is_made_of_its_source_is_not_refreshed_by_the_next_run(array: MemoryArray) -> None:
    task = done(volumes(array, dict(OF_VOLUME, name="new")))
    assert task.lines == ["clone volume prod to new", "create snapshot new-before-monday of volume new"]


def test_a_snapshot_that_the_same_task_takes_can_be_the_source(array: MemoryArray) -> None:
    fresh = [{"name": "s2", "volume": "prod"}, {**OF_SNAPSHOT, "name": "s2"}]
    assert done(snapshots(array, *fresh)).lines == [
        "create snapshot s2 of volume prod",
        "refresh volume test from snapshot s2 of volume prod, keeping its present content as snapshot test-before-s2",
    ]


def test_a_volume_takes_its_own_earlier_content(array: MemoryArray) -> None:
    array.snapshot("test", "golden")
    array.content[array._named("test").id] = "tested"
    done(snapshots(array, {"name": "golden", "volume": "test", "state": "refreshed", "refresh_id": "1"}))
    assert content(array, "test") == "content of test"
    assert backups(array)["test-before-1"] == "tested"


def test_a_mapped_volume_is_refreshed_only_with_permission_and_stays_mapped(array: MemoryArray) -> None:
    array.map("test", "h")
    assert isinstance(refused(snapshots(array, OF_SNAPSHOT), "mapped to host h", "while_mapped: true"), Refused)
    task = snapshots(array, OF_SNAPSHOT, while_mapped=True)
    assert [line.split()[0] for line in task.lines] == ["refresh"]
    unmapping = snapshots(array, OF_SNAPSHOT, unmap=True)
    assert unmapping.lines[0] == "unmap volume test from host h"


def test_a_volume_that_a_host_has_open_needs_force_too(array: MemoryArray) -> None:
    array.map("test", "h", open=True)
    assert "open session" in str(refused(snapshots(array, OF_SNAPSHOT, while_mapped=True)))
    assert len(snapshots(array, OF_SNAPSHOT, while_mapped=True, force=True).lines) == 1


@pytest.mark.parametrize("permission", ["assume_unmapped", "while_mapped"])
def test_a_refresh_needs_permission_where_mappings_are_unknown(permission: str) -> None:
    array = MemoryArray(mappings_known="of_no_host")
    array.volume("prod")
    array.volume("test")
    assert isinstance(refused(volumes(array, OF_VOLUME), "assume_unmapped: true"), Refused)
    done(volumes(array, OF_VOLUME, **{permission: True}))


@pytest.mark.parametrize(
    ("task", "kind", "text"),
    [
        ({**OF_SNAPSHOT, "target": "none"}, NotFound, "there is no volume none"),
        ({**OF_SNAPSHOT, "name": "none"}, NotFound, "there is no snapshot none of volume prod"),
        ({**OF_SNAPSHOT, "volume": "none"}, NotFound, "there is no snapshot s1 of volume none"),
        ({**OF_SNAPSHOT, "target": "large"}, Conflict, "Only a volume of the same size"),
        ({**OF_SNAPSHOT, "refresh_id": "bad/name"}, Invalid, "not a name"),
    ],
)
def test_a_refresh_that_is_not_possible_is_refused(
    array: MemoryArray, task: dict[str, Any], kind: type[FlashError], text: str
) -> None:
    array.volume("large", 4 * 1024**3)
    assert isinstance(refused(snapshots(array, task), text), kind)


def test_a_refresh_of_a_volume_of_openstack_needs_openstack_owned(array: MemoryArray) -> None:
    name = "volume-7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00"
    array.volume(name)
    assert isinstance(refused(volumes(array, dict(OF_VOLUME, name=name)), "belongs to OpenStack"), Refused)


def test_an_array_that_cannot_refresh_says_so_before_anything_else() -> None:
    array = MemoryArray(refusals={"refresh_volume": "this array does not"})
    array.volume("prod")
    array.volume("test")
    assert isinstance(refused(volumes(array, OF_VOLUME), "this array does not"), Unsupported)
    assert isinstance(refused(snapshots(array, OF_SNAPSHOT), "this array does not"), Unsupported)
    array.snapshot("test", "golden")
    done(snapshots(array, {"name": "golden", "volume": "test", "state": "refreshed"}))


def test_only_the_newest_backups_stay(array: MemoryArray) -> None:
    kept = {"keep": 2, "prefix": "test-before-"}
    for number in ("1", "2", "3"):
        done(snapshots(array, {**OF_SNAPSHOT, **kept, "refresh_id": number}))
    assert sorted(backups(array)) == ["test-before-2", "test-before-3"]


def test_nothing_is_refreshed_from_what_check_mode_only_assumes(array: MemoryArray) -> None:
    task = Task(array, requested.snapshots([{**OF_SNAPSHOT, "name": "later"}], {}), assume=True)
    assert task.lines == []
    assert "does not plan to refresh" in " ".join(task.warnings)


CONTRADICTIONS = [
    (requested.snapshots, {**OF_SNAPSHOT, "volume": None}, "needs volume"),
    (requested.snapshots, {**OF_SNAPSHOT, "group": "g"}, "needs volume, of which"),
    (requested.snapshots, {**OF_SNAPSHOT, "backup": "old"}, "does not end with -s1"),
    (requested.snapshots, {**OF_SNAPSHOT, "backup": "olds1"}, "does not end with -s1"),
    (requested.snapshots, {**OF_SNAPSHOT, "state": "present"}, "has a target"),
    (requested.snapshots, {"name": "s", "volume": "a", "refresh_id": "1"}, "has a refresh_id"),
    (requested.snapshots, {**OF_SNAPSHOT, "keep": 1, "prefix": "other-"}, "does not begin with the prefix"),
    (requested.volumes, {**OF_VOLUME, "overwrite": None}, "has a refresh_id, which is used only with overwrite"),
    (requested.volumes, {"name": "test", "backup": "b"}, "has a backup, which is used only with overwrite"),
    (requested.volumes, {**OF_VOLUME, "state": "absent"}, "used only with overwrite"),
    (requested.volumes, {**OF_VOLUME, "refresh_id": None}, "needs refresh_id"),
    (requested.volumes, {**OF_VOLUME, "source_volume": None}, "needs source_volume or source_snapshot"),
    (requested.volumes, {**OF_VOLUME, "rename_from": "old"}, "both overwrite and rename_from"),
    (requested.volumes, {**OF_VOLUME, "backup": "tuesday"}, "does not end with -monday"),
]


@pytest.mark.parametrize(("build", "item", "text"), CONTRADICTIONS)
def test_contradicting_options_of_a_refresh_are_refused(build: Any, item: dict[str, Any], text: str) -> None:
    with pytest.raises(Invalid, match=text):
        build([item], {})


def test_one_volume_cannot_take_two_contents() -> None:
    with pytest.raises(Invalid, match="restored from prod/s1 and from prod/s2"):
        requested.snapshots([OF_SNAPSHOT, {**OF_SNAPSHOT, "name": "s2"}], {})
