# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results: one entry for each desired object, with the same schema on every path, and the difference."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import report
from ansible_collections.openflash.storage.plugins.module_utils.openflash.apply import nothing
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError
from tests.support.memory_array import MemoryArray
from tests.support.planning import Task, document, host_maps, snapshots, volumes

WWN = "10:00:00:00:c9:00:00:07"


@pytest.fixture
def array() -> MemoryArray:
    array = MemoryArray()
    array.volume("a")
    array.snapshot("a", "s")
    array.host("h1", "iqn.2026-01.org.example:h1")
    array.group("g", "a")
    return array


def entries(task: Task) -> list[report.Entry]:
    reports: dict[str, Any] = {"volumes": report.volumes, "snapshots": report.snapshots}
    result: list[report.Entry] = []
    for name, entries_of in reports.items():
        if getattr(task.desired, name):
            result += entries_of(task.reporter, task.desired)
    if task.desired.hosts or task.desired.mappings:
        result += report.host_maps(task.reporter, task.desired)
    return result


TASKS: dict[str, Callable[[MemoryArray], Task]] = {
    "create": lambda array: volumes(array, {"name": "new", "size": "1GiB"}),
    "clone": lambda array: volumes(array, {"name": "new", "source_volume": "a"}),
    "no change": lambda array: volumes(array, {"name": "a"}),
    "rename": lambda array: volumes(array, {"name": "new", "rename_from": "a"}),
    "delete": lambda array: volumes(array, {"name": "a", "state": "absent"}, delete_snapshots=True),
    "delete an absent volume": lambda array: volumes(array, {"name": "missing", "state": "absent"}),
    "snapshot": lambda array: snapshots(array, {"name": "new", "volume": "a"}),
    "group": lambda array: snapshots(array, {"name": "new", "group": "g"}),
    "delete snapshot of group": lambda array: snapshots(array, {"name": "new", "group": "g", "state": "absent"}),
    "delete snapshot": lambda array: snapshots(array, {"name": "s", "state": "absent"}),
    "restore": lambda array: snapshots(array, {"name": "s", "volume": "a", "state": "restored", "backup": "b"}),
    "host": lambda array: host_maps(array, {"host": "h2", "initiators": [WWN]}),
    "host and map": lambda array: host_maps(array, {"host": "h2", "initiators": [WWN], "volume": "a", "lun": 1}),
    "delete host": lambda array: host_maps(array, {"host": "h1", "state": "absent"}),
    "unmap": lambda array: host_maps(array, {"host": "h1", "volume": "a", "state": "absent"}),
    "refused": lambda array: volumes(array, {"name": "a", "size": "1MiB"}),
}

FIELDS = {
    "volume": set(report.volume_data(None, "x")),
    "snapshot": set(report.snapshot_data(None, "x")) | {"members"},
    "mapping": {"host", "volume", "state", "lun", "device", "serial", "initiators", "host_state", "host_os", "paths"},
    "host": {"host", "volume", "state", "lun", "device", "serial", "initiators", "host_state", "host_os", "paths"},
}

CHOSEN_BY_THE_ARRAY = ("id", "created", "pool", "serial", "used", "lun")


def predictable(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in CHOSEN_BY_THE_ARRAY}


@pytest.mark.parametrize("name", list(TASKS))
def test_prediction_and_result_have_the_same_schema_and_values(array: MemoryArray, name: str) -> None:
    task = TASKS[name](array)
    (predicted,) = entries(task)
    task.run()
    (result,) = entries(task)
    for entry in (predicted, result):
        assert set(entry.before) == set(entry.after) == FIELDS[entry.kind]
        assert set(entry.as_data()) == FIELDS[entry.kind] | {"changed", "error"}
    assert predicted.before == result.before
    assert predicted.changed == result.changed
    if name not in ("group",):
        assert predictable(predicted.after) == predictable(result.after)


@pytest.mark.parametrize("name", list(TASKS))
def test_a_repeated_task_reports_no_change(array: MemoryArray, name: str) -> None:
    TASKS[name](array).run()
    (repeated,) = entries(TASKS[name](array))
    assert not repeated.changed
    assert repeated.before == repeated.after or name == "refused"


def test_a_refused_task_reports_the_existing_objects(array: MemoryArray) -> None:
    task = volumes(array, {"name": "a", "size": "1MiB"}, {"name": "new", "size": "1GiB"})
    task.applied = nothing(task.plan, task.actual, array)
    refused, other = (entry.as_data() for entry in entries(task))
    assert (refused["state"], refused["changed"], refused["error"]["kind"]) == ("ready", False, "refused")
    assert (other["state"], other["changed"], other["error"]["kind"]) == ("absent", False, "not_done")
    assert "Cannot create volume new of 1GiB: another part of the task failed" in other["error"]["msg"]


def test_a_failed_rename_reports_the_volume_under_its_old_name(array: MemoryArray) -> None:
    array.fail("rename_volume", FlashError("no"))
    task = volumes(array, {"name": "new", "rename_from": "a"})
    task.run()
    (entry,) = entries(task)
    assert (entry.after["name"], entry.changed) == ("a", False)


def test_an_absent_volume_is_not_reported_as_the_one_in_rename_from(array: MemoryArray) -> None:
    array.volume("b")
    task = volumes(array, {"name": "b", "rename_from": "a", "state": "absent"})
    task.run()
    assert entries(task)[0].after["state"] == "absent"


def test_each_entry_counts_its_own_changes(array: MemoryArray) -> None:
    array.volume("b")
    array.map("b", "h1")
    task = host_maps(
        array,
        {"host": "h1", "volume": "b"},
        {"host": "h2", "initiators": [WWN], "volume": "a", "lun": 1},
        {"host": "h2", "volume": "c"},
    )
    assert [entry.changed for entry in entries(task)] == [False, True, False]


def test_every_mapping_has_the_initiators_of_its_host_and_one_has_the_change(array: MemoryArray) -> None:
    array.volume("b")
    array.host("h2")
    array.map("a", "h2")
    array.map("b", "h2")
    task = host_maps(array, {"host": "h2", "initiators": [WWN], "volume": "a"}, {"host": "h2", "volume": "b"})
    first, second = entries(task)
    assert (first.changed, second.changed) == (True, False)
    for entry in (first, second):
        assert [initiator["address"] for initiator in entry.after["initiators"]] == [WWN]
        assert entry.after["host_state"] == "present"


def test_the_entry_of_a_host_without_a_mapping_has_a_null_volume(array: MemoryArray) -> None:
    (entry,) = entries(host_maps(array, {"host": "h2", "initiators": [WWN]}))
    assert (entry.after["host"], entry.after["volume"], entry.after["state"]) == ("h2", None, "absent")
    assert (entry.before["host_state"], entry.after["host_state"]) == ("absent", "present")


def test_the_first_mapping_of_a_host_has_the_changes_of_exclusive(array: MemoryArray) -> None:
    array.volume("b")
    array.map("a", "h1")
    array.map("b", "h1")
    task = host_maps(array, {"host": "h1", "volume": "b", "exclusive": True})
    (entry,) = entries(task)
    assert entry.changed
    assert entry.lines == ("unmap volume a from host h1",)


def test_the_entry_of_a_snapshot_has_the_deletions_of_its_retention(array: MemoryArray) -> None:
    array.snapshot("a", "pre-1")
    array.snapshot("a", "pre-2")
    task = snapshots(array, {"name": "pre-2", "volume": "a", "keep": 1, "prefix": "pre-"})
    (entry,) = entries(task)
    assert entry.changed
    assert entry.before == entry.after
    assert entry.lines == ("delete snapshot pre-1 of volume a",)


def test_a_volume_has_its_new_snapshots_and_mappings_of_the_same_document(array: MemoryArray) -> None:
    task = document(
        array,
        volumes=[{"name": "new", "size": "1GiB"}],
        snapshots=[{"name": "s9", "volume": "new"}],
        mappings=[{"volume": "new", "host": "h1", "lun": 3}],
    )
    predicted = report.document(task.reporter, task.desired)["volumes"][0].after
    task.run()
    result = report.document(task.reporter, task.desired)["volumes"][0].after
    assert predicted["snapshots"] == result["snapshots"] == ["s9"]
    assert predicted["mappings"] == result["mappings"] == [{"host": "h1", "volume": "new", "lun": 3, "device": None}]


# -- data for hosts ----------------------------------------------------------------------------------------------------


def test_mappings_have_target_ports_and_the_serial_of_the_volume(array: MemoryArray) -> None:
    array.volume("b", serial="514f0c5")
    task = host_maps(array, {"host": "h1", "volume": "b"})
    mapping_entries = entries(task)
    data = report.for_hosts(array, task.reporter, task.desired, mapping_entries)
    assert [port["portal"] for port in data["ports"]] == ["192.0.2.1:3260"]
    assert mapping_entries[0].after["serial"] == "514f0c5"


def test_a_serial_that_appears_with_the_first_mapping_is_read(array: MemoryArray) -> None:
    task = host_maps(array, {"host": "h1", "volume": "a"})
    task.run()
    volume = array._named("a")
    array._volumes[volume.id] = type(volume)(volume.name, volume.size, volume.id, serial="514f0c6")
    mapping_entries = entries(task)
    report.for_hosts(array, task.reporter, task.desired, mapping_entries)
    assert mapping_entries[0].after["serial"] == "514f0c6"


def test_a_task_without_a_mapping_returns_no_ports(array: MemoryArray) -> None:
    task = TASKS["delete host"](array)
    assert report.for_hosts(array, task.reporter, task.desired, entries(task)) == {}
