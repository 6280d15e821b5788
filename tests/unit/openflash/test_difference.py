# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What diff mode shows: the plan as text, then each object that differs, before and after."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.openflash.storage.plugins.module_utils.openflash import difference
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.step import (
    CHANGE,
    MAKE,
    NEITHER,
    REMOVE,
    Line,
)
from tests.support.diffs import after, before, plan_lines, plan_text
from tests.support.memory_array import MemoryArray
from tests.support.planning import Task, document, host_maps, snapshots, volumes

WWN = "10:00:00:00:c9:00:00:07"
IQN = "iqn.2026-01.org.example:h1"


@pytest.fixture
def array() -> MemoryArray:
    array = MemoryArray()
    array.volume("a")
    array.snapshot("a", "s")
    array.host("h1", IQN)
    return array


def diff_of(task: Task) -> list[dict[str, Any]]:
    lines = [task.plan.line(step) for step in task.plan.steps]
    return difference.diff("memory1", difference.text(lines), task.reporter.everything(task.desired))


def test_the_plan_has_a_line_for_each_step_and_a_summary() -> None:
    lines = [Line("create a", MAKE), Line("extend b", CHANGE), Line("read b", NEITHER), Line("delete c", REMOVE, True)]
    assert difference.text(lines).splitlines() == [
        "  + create a",
        "  ~ extend b",
        "    read b",
        "  - delete c  [destructive]",
        "1 to make, 1 to change, 1 to delete; 0 refused",
    ]


def test_the_plan_shows_what_was_not_done_and_what_is_refused() -> None:
    text = difference.text([Line("create a", MAKE)], [Line("delete c", REMOVE, True)], ["extend b: too\nsmall"])
    assert text.splitlines() == [
        "  + create a",
        "not done:",
        "  - delete c  [destructive]",
        "refused:",
        "  ! extend b: too small",
        "1 to make, 0 to change, 0 to delete; 1 refused",
    ]


def test_where_nothing_is_to_be_done_there_is_no_diff(array: MemoryArray) -> None:
    assert diff_of(volumes(array, {"name": "a"})) == []


def test_every_step_shows_whether_it_makes_changes_or_deletes(array: MemoryArray) -> None:
    array.volume("old")
    array.map("old", "h1")
    task = document(
        array,
        volumes=[{"name": "a", "size": "2GiB"}, {"name": "b", "size": "1GiB"}, {"name": "c", "source_volume": "a"}],
        hosts=[{"name": "h1", "initiators": [WWN], "exclusive_initiators": True}],
        snapshots=[{"name": "t", "volume": "a"}],
        mappings=[{"volume": "b", "host": "h1"}],
        force=True,
    )
    diff = diff_of(task)
    assert plan_text(diff).startswith("Plan for memory1:\n")
    assert plan_lines(diff) == [
        "~ extend volume a from 1GiB to 2GiB",
        "+ create volume b of 1GiB",
        "+ clone volume a to c",
        "+ create snapshot t of volume a",
        f"~ add {WWN} to host h1",
        "+ map volume b to host h1",
        f"- remove {IQN} from host h1  [destructive]",
    ]
    removal = volumes(array, {"name": "old", "state": "absent"}, unmap=True)
    assert plan_lines(diff_of(removal)) == [
        "- unmap volume old from host h1  [destructive]",
        "- delete volume old  [destructive]",
    ]
    restore = snapshots(array, {"name": "s", "volume": "a", "state": "restored", "backup": "b"})
    (line,) = plan_lines(diff_of(restore))
    assert line.startswith("~ restore volume a")
    assert line.endswith("[destructive]")


def test_objects_are_shown_under_their_names_and_only_where_they_differ(array: MemoryArray) -> None:
    array.volume("b")
    task = document(
        array,
        volumes=[{"name": "a", "size": "2GiB"}, {"name": "b"}, {"name": "x", "size": "1GiB"}],
        hosts=[{"name": "x", "initiators": [WWN]}],
        snapshots=[{"name": "y", "volume": "a"}, {"name": "y", "volume": "b"}],
        mappings=[{"volume": "x", "host": "x", "lun": 4}],
    )
    diff = diff_of(task)
    assert before(diff) == {"volume a": {"size": "1GiB", "snapshots": ["s"]}}
    shown = after(diff)
    assert shown["volume a"] == {"size": "2GiB", "snapshots": ["s", "y"]}
    assert shown["volume x"]["mappings"] == {"x": 4}
    assert shown["host x"] == {"initiators": [WWN], "state": "present"}
    assert shown["mapping of volume x to host x"] == {"lun": 4, "state": "present"}
    assert shown.keys() == {
        "volume a",
        "volume x",
        "host x",
        "snapshot y of volume a",
        "snapshot y of volume b",
        "mapping of volume x to host x",
    }
    assert not shown["volume x"].keys() & {"id", "created", "serial", "used", "name", "independent"}


def test_an_object_is_shown_as_text_that_yaml_reads_back(array: MemoryArray) -> None:
    array.volume("no")
    task = document(
        array,
        volumes=[{"name": "x", "size": "1GiB"}, {"name": "a", "size": "2GiB"}],
        hosts=[{"name": "h1", "initiators": [WWN]}],
        mappings=[{"volume": "x", "host": "h1", "lun": 4}],
    )
    shown = {entry["after_header"]: (entry["before"], entry["after"]) for entry in diff_of(task)[1:]}
    assert shown == {
        "volume x": ("", "mappings:\n  h1: 4\nprovisioning: thin\nsize: 1GiB\nstate: ready\n"),
        "volume a": ("size: 1GiB\n", "size: 2GiB\n"),
        "host h1": (f'initiators:\n  - "{IQN}"\n', f'initiators:\n  - "{IQN}"\n  - "{WWN}"\n'),
        "mapping of volume x to host h1": ("", "lun: 4\nstate: present\n"),
    }


@pytest.mark.parametrize(
    "value", ["no", "On", "1e3", "10:00:00", "a: b", "- a", "#", "~", "0x10", "", "a b", "'", None, 3, 1.5]
)
def test_a_value_of_an_object_is_not_taken_for_another_one(value: Any) -> None:
    text = difference._as_text({"field": value, "list": [value], "inner": {"field": value}})
    assert yaml.safe_load(text) == {"field": value, "list": [value], "inner": {"field": value}}


def test_an_object_that_is_deleted_is_shown_before_only(array: MemoryArray) -> None:
    diff = diff_of(volumes(array, {"name": "a", "state": "absent"}, delete_snapshots=True))
    assert before(diff)["volume a"]["size"] == "1GiB"
    assert before(diff)["volume a"]["snapshots"] == ["s"]
    assert after(diff) == {}


def test_what_a_task_removes_without_naming_it_is_shown(array: MemoryArray) -> None:
    array.volume("b")
    array.map("a", "h1", lun=3)
    diff = diff_of(host_maps(array, {"host": "h1", "volume": "b", "exclusive": True}))
    assert before(diff) == {"mapping of volume a to host h1": {"lun": 3, "state": "present"}}
    assert after(diff).keys() == {"mapping of volume b to host h1"}


def test_a_change_that_no_field_shows_is_in_the_plan_alone(array: MemoryArray) -> None:
    secret = {"chap_username": "u", "chap_password": "of-secret"}
    first = host_maps(array, {"host": "h1", "initiators": [IQN], **secret})
    assert after(diff_of(first)) == {"host h1": {"chap_usernames": ["u"]}}
    first.run()
    again = host_maps(array, {"host": "h1", "initiators": [IQN], "update_secret": "always", **secret})
    assert plan_lines(diff_of(again)) == ["~ set the CHAP credentials of host h1"]
    assert len(diff_of(again)) == 1
    assert "of-secret" not in str(diff_of(first)) + str(diff_of(again))


def test_a_volume_that_is_renamed_shows_both_names(array: MemoryArray) -> None:
    diff = diff_of(volumes(array, {"name": "new", "rename_from": "a"}))
    assert (before(diff), after(diff)) == ({"volume new": {"name": "a"}}, {"volume new": {"name": "new"}})


def test_of_options_only_those_are_shown_that_change(array: MemoryArray) -> None:
    array.volume("o", options={"iops": 100, "cached": True})
    diff = diff_of(volumes(array, {"name": "o", "array_options": {"iops": 500, "cached": True}}))
    assert before(diff) == {"volume o": {"array_options": {"iops": 100}}}
    assert after(diff) == {"volume o": {"array_options": {"iops": 500}}}
