# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prune: what is removed because a document does not declare it, and what is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError, Invalid, Refused
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import UNKNOWN
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired, planner
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.desired import Retention
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.rules import Policy
from tests.support.memory_array import MemoryArray
from tests.support.planning import Task, document, refused

UUID = "7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00"
ALL_PERMISSIONS = {
    "unmap": True,
    "delete_snapshots": True,
    "force": True,
    "openstack_owned": True,
    "assume_unmapped": True,
}
KINDS = ["volumes", "hosts", "snapshots"]
WITH_SNAPSHOTS: dict[str, Any] = {
    "prune_kinds": KINDS,
    "snapshots": [{"name": "web-golden", "volume": "web-data"}],
}
"""Prunes snapshots too, and declares one."""


@pytest.fixture
def array() -> MemoryArray:
    array = MemoryArray()
    array.volume("web-data")
    array.host("web-1", "iqn.2026-01.org.example:web-1")
    array.volume("other")
    array.host("other")
    return array


def prune_task(array: MemoryArray, **options: Any) -> Task:
    options.setdefault("volumes", [{"name": "web-data"}])
    options.setdefault("hosts", [{"name": "web-1"}])
    return document(array, **dict({"prune": True, "prune_prefix": "web-"}, **options))


def reasons_to_keep(task: Task) -> list[str]:
    return sorted(text.replace(" is not declared and stays", "") for text in task.warnings)


def test_prune_removes_what_is_not_declared_and_nothing_else(array: MemoryArray) -> None:
    array.volume("web-old")
    array.snapshot("web-data", "web-golden")
    array.snapshot("other", "web-s")
    array.host("web-2")
    task = prune_task(array, **WITH_SNAPSHOTS)
    assert task.lines == ["delete snapshot web-s of volume other", "delete volume web-old", "delete host web-2"]
    assert task.plan.batches[-1].destructive
    task.run()
    assert array.names()["volumes"] == ["other 1073741824", "web-data 1073741824"]
    assert prune_task(array, **WITH_SNAPSHOTS).lines == []


def test_prune_is_the_last_step(array: MemoryArray) -> None:
    array.volume("web-old")
    task = prune_task(array, volumes=[{"name": "web-data"}, {"name": "web-new", "size": "1GiB"}])
    assert task.lines == ["create volume web-new of 1GiB", "delete volume web-old"]


def test_without_prune_nothing_is_removed(array: MemoryArray) -> None:
    array.volume("web-old")
    assert document(array, volumes=[{"name": "web-data"}]).lines == []


def test_permissions_for_named_objects_do_not_apply_to_prune(array: MemoryArray) -> None:
    array.volume("web-mapped")
    array.map("web-mapped", "web-1")
    array.volume("web-parent")
    array.snapshot("web-parent", "kept")
    task = prune_task(array, **ALL_PERMISSIONS)
    assert task.lines == []
    assert reasons_to_keep(task) == [
        "volume web-mapped: it is mapped to host web-1",
        "volume web-parent: it has snapshots: kept",
    ]


def test_a_host_with_mappings_is_kept(array: MemoryArray) -> None:
    array.host("web-2")
    array.map("other", "web-2")
    assert reasons_to_keep(prune_task(array, **ALL_PERMISSIONS)) == ["host web-2: volumes are mapped to it: other"]


@pytest.mark.parametrize("prefix", ["volume-", "Managed", "7f3"])
def test_objects_of_openstack_are_never_pruned(array: MemoryArray, prefix: str) -> None:
    for name in ("volume-" + UUID, UUID):
        array.volume(name)
    array.snapshot("other", "snapshot-" + UUID)
    array.host("Managed by OpenStack node1")
    task = prune_task(
        array, volumes=[], hosts=[], prune_kinds=KINDS, prune_prefix=prefix, allow_empty=True, **ALL_PERMISSIONS
    )
    assert task.lines == []
    assert task.warnings == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"proven": False}, "does not prove"),
        ({"mapped": True}, "it is mapped to other"),
        ({"child": True}, "copy was made of it"),
    ],
)
def test_a_snapshot_that_is_in_use_or_not_proven_is_kept(array: MemoryArray, fields: Any, message: str) -> None:
    array.snapshot("web-data", "web-golden")
    array.snapshot("other", "web-s", proven=fields.get("proven", True))
    if fields.get("mapped"):
        array.map("web-s", "other")
    if fields.get("child"):
        array.clone("web-s", "copy")
    task = prune_task(array, **WITH_SNAPSHOTS, **ALL_PERMISSIONS)
    assert task.lines == []
    assert message in task.warnings[0]


def test_a_snapshot_whose_use_the_array_does_not_report_is_kept() -> None:
    array = MemoryArray(reports_mappings=False)
    array.volume("web-data")
    array.volume("other")
    array.snapshot("web-data", "web-golden")
    array.snapshot("other", "web-s")
    task = prune_task(array, hosts=[], **dict(WITH_SNAPSHOTS, prune_kinds=["snapshots"]))
    assert task.lines == []
    assert "does not report whether it is in use" in task.warnings[0]


def test_dependent_objects_are_removed_before_their_sources() -> None:
    array = MemoryArray(clones_depend=True)
    array.volume("web-data")
    array.volume("web-parent")
    array.snapshot("web-parent", "web-s")
    array.clone("web-s", "web-copy")
    array.snapshot("web-data", "web-golden")
    task = prune_task(array, hosts=[], **dict(WITH_SNAPSHOTS, prune_kinds=["volumes", "snapshots"]))
    assert task.lines == [
        "delete volume web-copy",
        "delete snapshot web-s of volume web-parent",
        "delete volume web-parent",
    ]
    task.run()
    assert array.names()["volumes"] == ["web-data 1073741824"]


def test_the_source_of_a_kept_clone_is_kept() -> None:
    array = MemoryArray(clones_depend=True)
    array.volume("web-data")
    array.volume("web-parent")
    array.clone("web-parent", "user-copy")
    task = prune_task(array, hosts=[], prune_kinds=["volumes"], **ALL_PERMISSIONS)
    assert reasons_to_keep(task) == ["volume web-parent: user-copy shares data with it"]


@pytest.mark.parametrize(
    "options",
    [
        {"volumes": [{"name": "web-data"}, {"name": "web-copy", "source_volume": "web-old"}]},
        {"volumes": [{"name": "web-data", "rename_from": "web-old"}]},
        {"snapshots": [{"name": "web-s", "volume": "web-old"}]},
        {"mappings": [{"volume": "web-old", "host": "web-1"}]},
    ],
)
def test_an_object_that_a_declared_object_names_is_kept(array: MemoryArray, options: Any) -> None:
    array.volume("web-old")
    task = prune_task(array, **options)
    assert task.errors == []
    assert not any("delete" in line for line in task.lines)


def test_a_host_that_a_declared_mapping_names_is_kept(array: MemoryArray) -> None:
    array.host("web-2")
    task = prune_task(array, mappings=[{"volume": "web-data", "host": "web-2"}])
    assert task.lines == ["map volume web-data to host web-2"]


def test_a_snapshot_that_is_the_source_of_a_declared_volume_is_kept(array: MemoryArray) -> None:
    array.snapshot("web-data", "web-s")
    task = prune_task(array, volumes=[{"name": "web-data"}, {"name": "web-copy", "source_snapshot": "web-s"}])
    assert task.lines == ["create volume web-copy from snapshot web-s"]
    task.run()
    repeated = prune_task(array, volumes=[{"name": "web-data"}, {"name": "web-copy", "source_snapshot": "web-s"}])
    assert repeated.lines == []


@pytest.mark.parametrize("declared_as", ["volumes", "snapshots"])
def test_an_object_that_is_listed_as_volume_and_snapshot_is_kept_when_declared(declared_as: str) -> None:
    array = MemoryArray(snapshot_names="with_volumes", proves_snapshots=False)
    array.volume("web-data")
    array.snapshot("web-data", "web-s")
    array.volume("web-s")  # one object, listed twice
    declared = {"volumes": [{"name": "web-data"}], "snapshots": []}  # type: Any
    declared[declared_as].append({"name": "web-s", "volume": "web-data"})
    task = prune_task(array, hosts=[], prune_kinds=["volumes"], **declared)
    assert task.errors == []
    assert task.lines == []
    assert task.warnings == []


@pytest.mark.parametrize(
    ("kind", "name"), [("volume", "other"), ("snapshot", "s"), ("host", "other"), ("mapping", "h/v")]
)
def test_an_incomplete_read_disables_prune(array: MemoryArray, kind: str, name: str) -> None:
    array.volume("web-old")
    array.unreadable[kind] = [name]
    task = prune_task(array)
    assert task.lines == []
    assert task.warnings == ["nothing was removed, because not every object could be read"]


def test_unknown_mappings_disable_prune() -> None:
    array = MemoryArray(mappings_known="of_no_host")
    array.volume("web-data")
    array.volume("web-old")
    task = prune_task(array, hosts=[], prune_kinds=["volumes"], assume_unmapped=True)
    assert task.lines == []
    assert task.warnings == ["nothing was removed, because this array cannot be asked which volumes hosts have"]


@pytest.mark.parametrize("kind", ["volumes", "snapshots"])
def test_a_kind_that_was_not_read_disables_prune(array: MemoryArray, kind: str) -> None:
    array.host("web-2")
    task = prune_task(array, volumes=[], prune_kinds=["hosts"])
    assert task.lines == ["delete host web-2"]
    unread: Any = {kind: UNKNOWN}
    plan = planner.plan(task.desired, replace(task.actual, **unread), Policy(), array.capabilities)
    assert plan.lines == ()
    assert plan.warnings == ("nothing was removed, because not every object could be read",)


def test_a_snapshot_may_have_the_name_of_a_declared_volume(array: MemoryArray) -> None:
    array.snapshot("other", "web-data")
    task = prune_task(array, **dict(WITH_SNAPSHOTS, prune_kinds=["snapshots"]))
    assert "delete snapshot web-data of volume other" in task.lines


def test_a_declared_volume_that_is_also_listed_as_a_snapshot_is_kept() -> None:
    array = MemoryArray(snapshot_names="with_volumes")
    for name in ("web-data", "other"):
        array.volume(name)
    array.snapshot("other", "web-copy")
    array.volume("web-copy")  # one object, listed twice
    declared = [{"name": "web-data"}, {"name": "web-copy"}]
    task = prune_task(array, hosts=[], volumes=declared, **dict(WITH_SNAPSHOTS, prune_kinds=["snapshots"]))
    assert task.lines == ["create snapshot web-golden of volume web-data"]


def test_a_refusal_disables_prune(array: MemoryArray) -> None:
    array.volume("web-old")
    task = prune_task(array, volumes=[{"name": "web-data", "size": "1MiB"}])
    refused(task, "making it smaller")
    assert task.warnings == ["nothing was pruned, because another part of the task is refused"]


def test_a_failed_step_disables_prune(array: MemoryArray) -> None:
    array.volume("web-old")
    array.fail("create_volume", FlashError("no"))
    task = prune_task(array, volumes=[{"name": "web-data"}, {"name": "web-new", "size": "1GiB"}])
    applied = task.run(continue_on_error=True)
    assert [step.line for step in applied.not_done] == ["create volume web-new of 1GiB", "delete volume web-old"]
    assert "web-old 1073741824" in array.names()["volumes"]


@pytest.mark.parametrize(("limit", "permitted"), [(3, True), (2, False), (0, False)])
def test_more_objects_than_prune_limit_are_refused(array: MemoryArray, limit: int, permitted: bool) -> None:
    for name in ("web-a", "web-b", "web-c"):
        array.volume(name)
    task = prune_task(array, prune_limit=limit)
    if permitted:
        assert len(task.lines) == 3
    else:
        assert isinstance(refused(task, "3 objects would be removed", "delete volume web-a"), Refused)
        assert task.lines == []
        assert task.warnings == []


def test_the_default_of_prune_limit_is_10(array: MemoryArray) -> None:
    for number in range(11):
        array.volume(f"web-old-{number}")
    assert isinstance(refused(prune_task(array), "11 objects would be removed, and prune_limit is 10"), Refused)


@pytest.mark.parametrize("prefix", ["", "we"])
def test_a_prefix_shorter_than_3_characters_is_refused(array: MemoryArray, prefix: str) -> None:
    with pytest.raises(Invalid, match="shorter than 3 characters"):
        prune_task(array, prune_prefix=prefix)


def test_a_prefix_without_a_declared_object_is_refused(array: MemoryArray) -> None:
    assert isinstance(refused(prune_task(array, prune_prefix="other"), "nothing that is declared begins with"), Invalid)


def test_pruned_objects_are_in_the_diff(array: MemoryArray) -> None:
    array.volume("web-old")
    removed = prune_task(array).reporter.removed()
    assert [(entry.kind, entry.name, entry.after["state"]) for entry in removed] == [("volume", "web-old", "absent")]
    assert removed[0].before["size_text"] == "1GiB"


# -- missing and empty sections ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["volumes", "hosts", "snapshots"])
@pytest.mark.parametrize("section", [[], None])
def test_a_missing_or_empty_section_prunes_nothing_of_its_kind_without_allow_empty(
    array: MemoryArray, kind: str, section: Any
) -> None:
    array.volume("web-old")
    array.host("web-2")
    array.snapshot("other", "web-s")
    options = dict(WITH_SNAPSHOTS, **{kind: section})
    error = refused(
        prune_task(array, **options, **ALL_PERMISSIONS), f"the section {kind} is missing or empty", "allow_empty"
    )
    assert isinstance(error, Refused)
    other_kinds = [item for item in KINDS if item != kind]
    assert f"prune_kinds: [{', '.join(other_kinds)}]" in str(error)
    assert not any("delete" in line for line in prune_task(array, **options).lines)
    permitted = prune_task(array, **options, allow_empty=True)
    assert permitted.errors == []
    assert any(line.startswith(f"delete {kind[:-1]} web-") for line in permitted.lines)


def test_the_error_names_all_empty_sections(array: MemoryArray) -> None:
    array.volume("web-old")
    error = refused(prune_task(array, volumes=None, hosts=[]), "the section volumes", "and the section hosts")
    assert "prune_kinds" not in str(error), "no kind is left that could be named"


def test_a_section_with_only_absent_objects_counts_as_empty(array: MemoryArray) -> None:
    array.volume("web-old")
    absent = [{"name": "web-data", "state": "absent"}]
    assert isinstance(refused(prune_task(array, volumes=absent), "the section volumes is missing or empty"), Refused)


def test_a_section_without_a_name_with_the_prefix_counts_as_empty(array: MemoryArray) -> None:
    array.host("web-2")
    array.host("esx1")
    error = refused(prune_task(array, hosts=[{"name": "esx1"}]), "no name in the section hosts begins with 'web-'")
    assert isinstance(error, Refused)
    assert "prune_kinds: [volumes]" in str(error)
    assert prune_task(array, hosts=[{"name": "esx1"}], prune_kinds=["volumes"]).errors == []


def test_a_kind_that_prune_kinds_does_not_name_is_not_pruned(array: MemoryArray) -> None:
    array.volume("web-old")
    array.host("web-2")
    assert prune_task(array, hosts=None, prune_kinds=["volumes"]).lines == ["delete volume web-old"]
    assert prune_task(array, volumes=None, prune_kinds=["hosts"]).lines == ["delete host web-2"]


def test_an_empty_prune_kinds_is_refused(array: MemoryArray) -> None:
    array.volume("web-old")
    assert isinstance(refused(prune_task(array, prune_kinds=[]), "prune_kinds is empty"), Refused)
    assert prune_task(array, prune_kinds=[], allow_empty=True).lines == []


# -- snapshots ---------------------------------------------------------------------------------------------------------


def test_snapshots_are_pruned_only_when_prune_kinds_names_them(array: MemoryArray) -> None:
    array.snapshot("other", "web-s")
    task = prune_task(array, snapshots=WITH_SNAPSHOTS["snapshots"])
    assert task.lines == ["create snapshot web-golden of volume web-data"]


def test_a_snapshot_of_a_declared_volume_is_kept(array: MemoryArray) -> None:
    array.snapshot("web-data", "web-golden")
    array.snapshot("web-data", "web-data-nightly-1")
    array.snapshot("other", "web-other")
    task = prune_task(array, **WITH_SNAPSHOTS, mappings=[{"volume": "other", "host": "web-1"}])
    assert task.lines == ["map volume other to host web-1"], (
        "the mapping refers to volume other, so its snapshot is kept"
    )
    assert task.warnings == []


def test_a_snapshot_of_a_retention_is_kept(array: MemoryArray) -> None:
    array.volume("web-old")
    array.snapshot("web-data", "web-golden")
    array.snapshot("web-old", "web-old-nightly-1")
    desired_state = desired.document(
        dict(WITH_SNAPSHOTS, volumes=[{"name": "web-data"}], hosts=[{"name": "web-1"}], prune=True, prune_prefix="web-")
    )
    assert len(Task(array, desired_state).lines) == 2
    with_retention = replace(desired_state, retentions=(Retention("web-old-nightly-", 7, "web-old"),))
    assert Task(array, with_retention).lines == []


def test_an_undeclared_volume_with_snapshots_is_kept_and_they_are_named(array: MemoryArray) -> None:
    array.volume("web-old")
    array.snapshot("web-old", "web-old-1")
    array.snapshot("web-old", "user-snapshot")
    names = ["user-snapshot, web-old-1"]
    assert prune_task(array).lines == []
    assert reasons_to_keep(prune_task(array)) == [f"volume web-old: it has snapshots: {', '.join(names)}"]
    array.snapshot("web-data", "web-golden")
    task = prune_task(array, **WITH_SNAPSHOTS)
    assert task.lines == ["delete snapshot web-old-1 of volume web-old"]
    assert reasons_to_keep(task) == ["volume web-old: it has snapshots: user-snapshot"]
