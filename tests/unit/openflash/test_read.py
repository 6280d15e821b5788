# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reads before a plan: all that the plan needs, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Timeout
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.world import Actual
from tests.support.memory_array import MemoryArray
from tests.support.planning import document, host_maps, snapshots, volumes

IQN = "iqn.2026-01.org.example:"


@pytest.fixture
def array() -> MemoryArray:
    array = MemoryArray()
    for name in ("a", "b"):
        array.volume(name)
        array.snapshot(name, "s")
    array.host("h1", IQN + "h1")
    array.map("a", "h1", 1)
    array.group("g", "a", "b")
    return array


class RecordedReads:
    """The arguments of every read."""

    def __init__(self, array: MemoryArray) -> None:
        self.calls: list[Any] = []
        for method in ("volumes", "snapshots", "hosts", "find_hosts", "mappings", "groups"):
            array.broken[method] = lambda *args, method=method: self.calls.append((method,) + args)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"name": "a", "size": "1GiB"}, [("volumes", ["a"])]),
        ({"name": "new", "source_volume": "a"}, [("volumes", ["a", "new"])]),
        ({"name": "new", "rename_from": "a"}, [("volumes", ["a", "new"])]),
        ({"name": "new", "source_snapshot": "s"}, [("volumes", ["new"]), ("snapshots", ["s"], None)]),
        ({"name": "a", "source_snapshot": "s"}, [("volumes", ["a"])]),
        ({"name": "a", "state": "absent"}, [("volumes", ["a"]), ("snapshots", None, ["a"])]),
        ({"name": "missing", "state": "absent"}, [("volumes", ["missing"])]),
        ({"name": "a", "group": "g"}, [("groups", ["g"]), ("volumes", ["a"])]),
    ],
)
def test_a_task_of_volumes_reads_what_its_plan_needs(
    array: MemoryArray, options: dict[str, Any], expected: list[Any]
) -> None:
    recorded = RecordedReads(array)
    volumes(array, options)
    assert recorded.calls == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"name": "x", "volume": "a"}, [("volumes", ["a"]), ("snapshots", ["x"], None)]),
        ({"name": "x", "state": "absent"}, [("snapshots", ["x"], None)]),
        (
            {"name": "pre-x", "volume": "a", "keep": 1, "prefix": "pre-"},
            [("volumes", ["a"]), ("snapshots", None, ["a"])],
        ),
        (
            {"name": "s", "volume": "a", "state": "restored", "backup": "b"},
            [("volumes", ["a"]), ("snapshots", ["b", "s"], None)],
        ),
        (
            {"name": "x", "group": "g"},
            [("groups", ["g"]), ("volumes", ["a", "b"]), ("snapshots", ["a.x", "b.x"], None)],
        ),
    ],
)
def test_a_task_of_snapshots_reads_what_its_plan_needs(
    array: MemoryArray, options: dict[str, Any], expected: list[Any]
) -> None:
    recorded = RecordedReads(array)
    snapshots(array, options)
    assert recorded.calls == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"host": "h1", "volume": "a"}, [("volumes", ["a"]), ("hosts", ["h1"])]),
        ({"host": "h1", "volume": "a", "lun": 1}, [("volumes", ["a"]), ("hosts", ["h1"])]),
        (
            {"host": "h1", "volume": "b", "lun": 1},
            [("volumes", ["b"]), ("hosts", ["h1"]), ("mappings", None, ["h1"])],
        ),
        ({"host": "h1", "volume": "a", "state": "absent"}, [("volumes", ["a"])]),
        ({"host": "h1", "state": "absent"}, [("hosts", ["h1"]), ("mappings", None, ["h1"])]),
        ({"host": "h1", "initiators": [IQN + "h1"]}, [("hosts", ["h1"])]),
        ({"host": "h1", "initiators": [IQN + "new"]}, [("hosts", ["h1"]), ("find_hosts", [IQN + "new"])]),
        (
            {"host": "h1", "volume": "a", "exclusive": True},
            [("volumes", ["a"]), ("hosts", ["h1"]), ("mappings", None, ["h1"])],
        ),
        (
            {"host": "h1", "initiators": [IQN + "x"], "exclusive_initiators": True},
            [("hosts", ["h1"]), ("find_hosts", [IQN + "x"]), ("mappings", None, ["h1"])],
        ),
    ],
)
def test_a_task_of_hosts_reads_what_its_plan_needs(
    array: MemoryArray, options: dict[str, Any], expected: list[Any]
) -> None:
    recorded = RecordedReads(array)
    host_maps(array, options)
    assert recorded.calls == expected


def test_many_objects_of_one_kind_are_read_at_once(array: MemoryArray) -> None:
    task = volumes(array, *[{"name": f"v{number}", "size": "1GiB"} for number in range(500)])
    assert task.reads == ["volumes"]


def test_prune_reads_objects_of_all_kinds(array: MemoryArray) -> None:
    recorded = RecordedReads(array)
    task = document(array, volumes=[{"name": "pre-a", "size": "1GiB"}], prune=True, prune_prefix="pre")
    assert recorded.calls == [("volumes", None), ("snapshots", None, None), ("hosts", None), ("mappings", None, None)]
    assert task.actual.hosts_asked is None


def test_a_deletion_reads_all_volumes_where_clones_depend_on_their_source() -> None:
    array = MemoryArray(clones_depend=True)
    array.volume("a")
    recorded = RecordedReads(array)
    volumes(array, {"name": "a", "state": "absent"})
    snapshots(array, {"name": "s", "volume": "a", "state": "absent"})
    assert [call for call in recorded.calls if call[0] == "volumes"] == [("volumes", None), ("volumes", None)]


def test_names_of_new_snapshots_are_also_read_as_volumes_where_names_are_common() -> None:
    array = MemoryArray(snapshot_names="with_volumes")
    array.volume("a")
    recorded = RecordedReads(array)
    snapshots(array, {"name": "x", "volume": "a"})
    assert recorded.calls == [("volumes", ["a", "x"]), ("snapshots", ["x"], None)]


def test_names_of_new_volumes_are_also_read_as_snapshots_where_names_are_common() -> None:
    array = MemoryArray(snapshot_names="with_volumes")
    array.volume("a")
    recorded = RecordedReads(array)
    volumes(array, {"name": "a"}, {"name": "new", "size": "1GiB"})
    assert recorded.calls == [("volumes", ["a", "new"]), ("snapshots", ["new"], None)]


@pytest.mark.parametrize(
    "task",
    [
        lambda array: volumes(array, {"name": "a", "state": "absent"}),
        lambda array: host_maps(array, {"host": "h1", "volume": "a"}),
        lambda array: host_maps(array, {"host": "h1", "volume": "a", "state": "absent"}),
        lambda array: snapshots(array, {"name": "s", "volume": "a", "state": "restored", "backup": "b"}),
    ],
)
def test_mappings_are_read_where_volumes_do_not_report_them(task: Any) -> None:
    array = MemoryArray(reports_mappings=False)
    array.volume("a")
    array.snapshot("a", "s")
    array.host("h1")
    array.map("a", "h1")
    recorded = RecordedReads(array)
    planned = task(array)
    assert ("mappings", ["a"], None) in recorded.calls
    (mappings,) = [volume.mappings for volume in planned.actual.volumes if volume.name == "a"]
    assert [(mapping.host, mapping.volume) for mapping in mappings or ()] == [("h1", "a")]


def test_mappings_that_were_not_read_are_unknown() -> None:
    array = MemoryArray(reports_mappings=False)
    array.volume("a")
    task = volumes(array, {"name": "a"})
    assert "mappings" not in task.reads
    assert [volume.mappings for volume in task.actual.volumes] == [None]
    assert task.reporter.volume(task.desired.volumes[0]).after["mappings"] is None


def test_mappings_are_unknown_after_an_incomplete_read() -> None:
    array = MemoryArray(reports_mappings=False)
    array.volume("a")
    array.unreadable["mapping"] = ["h1/a"]
    task = volumes(array, {"name": "a", "state": "absent"})
    assert [volume.mappings for volume in task.actual.volumes] == [None]


def test_mappings_are_not_read_on_an_array_that_cannot_report_them() -> None:
    array = MemoryArray(mappings_known="of_no_host")
    array.volume("a")
    task = volumes(array, {"name": "a", "state": "absent"})
    assert "mappings" not in task.reads
    assert not task.actual.mappings.known


def test_objects_that_were_not_read_are_unknown() -> None:
    unread = Actual()
    assert not unread.mappings.known
    assert not unread.snapshots.known
    assert unread.hosts_asked == frozenset()
    assert unread.unreadable == ()


def test_groups_are_not_read_on_an_array_without_groups() -> None:
    array = MemoryArray(refusals={"groups": "no groups here"})
    array.volume("a")
    assert volumes(array, {"name": "a", "group": "g"}).reads == ["volumes"]


def test_an_error_while_reading_names_the_array(array: MemoryArray) -> None:
    array.fail("volumes", Timeout("no answer within 30 seconds", doing="read volumes"))
    with pytest.raises(Timeout, match="Cannot read volumes on memory1: no answer"):
        volumes(array, {"name": "a"})
