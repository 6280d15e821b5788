# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results: one entry per desired object, of one schema on every path, and the diff."""

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
    shapes: dict[str, Any] = {"volumes": report.volumes, "snapshots": report.snapshots}
    found: list[report.Entry] = []
    for name, shape in shapes.items():
        if getattr(task.desired, name):
            found += shape(task.reporter, task.desired)
    if task.desired.hosts or task.desired.mappings:
        found += report.host_maps(task.reporter, task.desired)
    return found


TASKS: dict[str, Callable[[MemoryArray], Task]] = {
    "create": lambda array: volumes(array, {"name": "new", "size": "1GiB"}),
    "clone": lambda array: volumes(array, {"name": "new", "source_volume": "a"}),
    "no change": lambda array: volumes(array, {"name": "a"}),
    "rename": lambda array: volumes(array, {"name": "new", "rename_from": "a"}),
    "delete": lambda array: volumes(array, {"name": "a", "state": "absent"}, delete_snapshots=True),
    "nothing to delete": lambda array: volumes(array, {"name": "gone", "state": "absent"}),
    "snapshot": lambda array: snapshots(array, {"name": "new", "volume": "a"}),
    "group": lambda array: snapshots(array, {"name": "new", "group": "g"}),
    "group gone": lambda array: snapshots(array, {"name": "new", "group": "g", "state": "absent"}),
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
    "mapping": {"host", "volume", "state", "lun", "device", "serial", "initiators", "host_state", "host_os"},
    "host": {"host", "volume", "state", "lun", "device", "serial", "initiators", "host_state", "host_os"},
}

CHOSEN_BY_THE_ARRAY = ("id", "created", "pool", "serial", "used", "lun")


def known(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in CHOSEN_BY_THE_ARRAY}


@pytest.mark.parametrize("name", list(TASKS))
def test_one_schema_before_and_after_predicted_and_done(array: MemoryArray, name: str) -> None:
    task = TASKS[name](array)
    (predicted,) = entries(task)
    task.run()
    (made,) = entries(task)
    for entry in (predicted, made):
        assert set(entry.before) == set(entry.after) == FIELDS[entry.kind]
        assert set(entry.as_data()) == FIELDS[entry.kind] | {"changed", "error"}
    assert predicted.before == made.before
    assert predicted.changed == made.changed
    if name not in ("group",):
        assert known(predicted.after) == known(made.after)


@pytest.mark.parametrize("name", list(TASKS))
def test_the_same_task_again_reports_no_change(array: MemoryArray, name: str) -> None:
    TASKS[name](array).run()
    (again,) = entries(TASKS[name](array))
    assert not again.changed
    assert again.before == again.after or name == "refused"


def test_a_refused_task_reports_what_exists(array: MemoryArray) -> None:
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


def test_a_deleted_volume_is_not_taken_for_the_one_that_rename_from_names(array: MemoryArray) -> None:
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


def test_every_mapping_of_a_host_shows_its_initiators_and_one_counts_its_change(array: MemoryArray) -> None:
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


def test_a_host_alone_has_a_null_volume(array: MemoryArray) -> None:
    (entry,) = entries(host_maps(array, {"host": "h2", "initiators": [WWN]}))
    assert (entry.after["host"], entry.after["volume"], entry.after["state"]) == ("h2", None, "absent")
    assert (entry.before["host_state"], entry.after["host_state"]) == ("absent", "present")


def test_what_exclusive_unmapped_counts_for_the_first_mapping_of_the_host(array: MemoryArray) -> None:
    array.volume("b")
    array.map("a", "h1")
    array.map("b", "h1")
    task = host_maps(array, {"host": "h1", "volume": "b", "exclusive": True})
    (entry,) = entries(task)
    assert entry.changed
    assert entry.lines == ("unmap volume a from host h1",)


def test_what_retention_deleted_counts_for_the_snapshot(array: MemoryArray) -> None:
    array.snapshot("a", "pre-1")
    array.snapshot("a", "pre-2")
    task = snapshots(array, {"name": "pre-2", "volume": "a", "keep": 1, "prefix": "pre-"})
    (entry,) = entries(task)
    assert entry.changed
    assert entry.before == entry.after
    assert entry.lines == ("delete snapshot pre-1 of volume a",)


def test_a_volume_is_reported_with_its_new_snapshots_and_mappings_of_the_same_document(array: MemoryArray) -> None:
    task = document(
        array,
        volumes=[{"name": "new", "size": "1GiB"}],
        snapshots=[{"name": "s9", "volume": "new"}],
        mappings=[{"volume": "new", "host": "h1", "lun": 3}],
    )
    predicted = report.document(task.reporter, task.desired)["volumes"][0].after
    task.run()
    made = report.document(task.reporter, task.desired)["volumes"][0].after
    assert predicted["snapshots"] == made["snapshots"] == ["s9"]
    assert predicted["mappings"] == made["mappings"] == [{"host": "h1", "volume": "new", "lun": 3, "device": None}]


# -- for hosts ---------------------------------------------------------------------------------------------------------


def test_hosts_get_ports_and_the_identity_of_their_disks(array: MemoryArray) -> None:
    array.volume("b", serial="514f0c5")
    task = host_maps(array, {"host": "h1", "volume": "b"})
    found = entries(task)
    more = report.for_hosts(array, task.reporter, task.desired, found)
    assert [port["portal"] for port in more["ports"]] == ["192.0.2.1:3260"]
    assert found[0].after["serial"] == "514f0c5"


def test_an_identity_that_comes_with_the_first_mapping_is_read_again(array: MemoryArray) -> None:
    task = host_maps(array, {"host": "h1", "volume": "a"})
    task.run()
    volume = array._named("a")
    array._volumes[volume.id] = type(volume)(volume.name, volume.size, volume.id, serial="514f0c6")
    found = entries(task)
    report.for_hosts(array, task.reporter, task.desired, found)
    assert found[0].after["serial"] == "514f0c6"


def test_nothing_mapped_needs_no_ports(array: MemoryArray) -> None:
    task = TASKS["delete host"](array)
    assert report.for_hosts(array, task.reporter, task.desired, entries(task)) == {}
