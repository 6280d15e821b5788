# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for the restore of a consistency group, and for its members."""

from __future__ import annotations

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    Conflict,
    Invalid,
    NotFound,
    Refused,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired as requested
from tests.support.memory_array import MemoryArray
from tests.support.planning import Task, done, refused, snapshots

RESTORE = {"name": "cut", "group": "db", "state": "restored", "backup": "before"}


@pytest.fixture
def array() -> MemoryArray:
    """A group of two volumes, with a snapshot of it, after which both were written to."""
    array = MemoryArray()
    for name in ("data", "log"):
        array.volume(name)
    array.group("db", "data", "log")
    done(snapshots(array, {"name": "cut", "group": "db"}))
    for name in ("data", "log"):
        array.content[array._named(name).id] = f"new {name}"
    array.host("h", "iqn.2026-01.org.example:h")
    return array


def contents(array: MemoryArray) -> list[str]:
    return [array.content[array._named(name).id] for name in ("data", "log")]


def test_a_group_is_restored_once_and_its_content_is_kept(array: MemoryArray) -> None:
    task = done(snapshots(array, RESTORE))
    assert task.lines == [
        "restore every volume in group db from snapshot cut, keeping its present content as snapshot before"
    ]
    assert contents(array) == ["content of data", "content of log"]
    kept = {one.name: array.content[one.id] for one in array.snapshots(["data.before", "log.before"])}
    assert kept == {"data.before": "new data", "log.before": "new log"}
    assert snapshots(array, RESTORE).warnings == ["the backup before is there, so group db has been restored before"]


def test_a_mapped_member_is_restored_only_with_unmap(array: MemoryArray) -> None:
    array.map("log", "h")
    assert isinstance(refused(snapshots(array, RESTORE), "mapped to host h"), Refused)
    assert done(snapshots(array, RESTORE, unmap=True)).lines[0] == "unmap volume log from host h"


def test_a_group_that_cannot_be_restored_is_refused(array: MemoryArray) -> None:
    assert isinstance(refused(snapshots(array, dict(RESTORE, group="none")), "no consistency group none"), NotFound)
    assert isinstance(refused(snapshots(array, dict(RESTORE, name="none")), "has a snapshot none"), NotFound)
    array.snapshot("data", "data.half")
    assert isinstance(refused(snapshots(array, dict(RESTORE, name="half")), "not every volume"), NotFound)
    array.snapshot("log", "log.half", group="another instant")
    assert isinstance(refused(snapshots(array, dict(RESTORE, name="half")), "at one instant"), Conflict)


def test_nothing_is_restored_from_what_check_mode_only_assumes(array: MemoryArray) -> None:
    task = Task(array, requested.snapshots([dict(RESTORE, name="later")], {}), assume=True)
    assert task.lines == []


def test_a_volume_cannot_be_in_a_group_and_not_in_it() -> None:
    with pytest.raises(Invalid, match="and shall not"):
        requested.groups([{"name": "db", "volumes": ["a"], "remove_volumes": ["a"]}], {})
