# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for the deletion of volumes: what permits it, and what prevents it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    InUse,
    Refused,
)
from tests.support.memory_array import MemoryArray
from tests.support.planning import done, refused, volumes

UUID = "7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00"


@pytest.fixture
def array() -> MemoryArray:
    return MemoryArray()


ABSENT = {"name": "db1", "state": "absent"}


def test_deleting_an_absent_volume_changes_nothing(array: MemoryArray) -> None:
    assert volumes(array, ABSENT).lines == []


def test_an_unmapped_volume_is_deleted(array: MemoryArray) -> None:
    array.volume("db1")
    assert done(volumes(array, ABSENT)).lines == ["delete volume db1"]


def test_a_volume_whose_deletion_is_refused_is_predicted_with_its_mappings(array: MemoryArray) -> None:
    array.volume("db1")
    array.snapshot("db1", "s1")
    array.host("h1", "iqn.2026-01.org.example:h1")
    array.map("db1", "h1")
    task = volumes(array, ABSENT, unmap=True)
    refused(task, "it has snapshots: s1")
    assert [mapping.host for mapping in task.plan.world.mappings_of_volume("db1")] == ["h1"]


@pytest.mark.parametrize("reports", [True, False])
def test_a_mapped_volume_is_deleted_only_with_unmap(reports: bool) -> None:
    array = MemoryArray(reports_mappings=reports)
    array.volume("db1")
    array.host("h")
    array.map("db1", "h")
    error = refused(volumes(array, ABSENT, force=True, openstack_owned=True), "mapped to host h", "unmap: true")
    assert isinstance(error, Refused)
    task = done(volumes(array, ABSENT, unmap=True))
    assert task.lines == ["unmap volume db1 from host h", "delete volume db1"]


def test_deleting_a_volume_with_an_open_session_needs_force(array: MemoryArray) -> None:
    array.volume("db1")
    array.host("h")
    array.map("db1", "h", open=True)
    assert isinstance(refused(volumes(array, ABSENT, unmap=True), "open session", "force: true"), Refused)
    done(volumes(array, ABSENT, unmap=True, force=True))


def test_a_volume_of_openstack_is_deleted_only_with_openstack_owned(array: MemoryArray) -> None:
    array.volume("volume-" + UUID)
    desired = {"name": "volume-" + UUID, "state": "absent"}
    assert isinstance(refused(volumes(array, desired, unmap=True, force=True), "belongs to OpenStack"), Refused)
    done(volumes(array, desired, openstack_owned=True))


def test_a_volume_mapped_to_a_host_of_openstack_is_not_unmapped(array: MemoryArray) -> None:
    array.volume("db1")
    array.host("Managed by OpenStack h")
    array.map("db1", "Managed by OpenStack h")
    assert isinstance(refused(volumes(array, ABSENT, unmap=True), "belongs to OpenStack"), Refused)
    done(volumes(array, ABSENT, unmap=True, openstack_owned=True))


def test_a_volume_with_snapshots_is_deleted_only_with_delete_snapshots(array: MemoryArray) -> None:
    array.volume("db1")
    array.snapshot("db1", "s1")
    array.snapshot("db1", "s2")
    error = refused(volumes(array, ABSENT, unmap=True), "it has snapshots: s1, s2", "delete_snapshots: true")
    assert isinstance(error, Refused)
    task = done(volumes(array, ABSENT, delete_snapshots=True))
    assert task.lines == ["delete snapshot s1 of volume db1", "delete snapshot s2 of volume db1", "delete volume db1"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"proven": False}, "does not prove"), ({"name": "snapshot-" + UUID}, "belongs to OpenStack")],
)
def test_a_volume_with_an_unproven_snapshot_or_one_of_openstack_is_not_deleted(
    array: MemoryArray, fields: dict[str, Any], message: str
) -> None:
    array.volume("db1")
    array.snapshot("db1", fields.pop("name", "s1"), **fields)
    assert isinstance(refused(volumes(array, ABSENT, delete_snapshots=True, unmap=True), message), Refused)


def test_a_volume_with_a_mapped_snapshot_is_not_deleted(array: MemoryArray) -> None:
    array.volume("db1")
    array.snapshot("db1", "s1")
    array.host("h")
    array.map("s1", "h")
    assert isinstance(refused(volumes(array, ABSENT, delete_snapshots=True, unmap=True), "mapped to h"), Refused)


def test_a_volume_with_a_snapshot_whose_mappings_are_unknown_is_not_deleted() -> None:
    array = MemoryArray(reports_mappings=False)
    array.volume("db1")
    array.snapshot("db1", "s1")
    error = refused(volumes(array, ABSENT, delete_snapshots=True), "not known whether it is mapped")
    assert isinstance(error, Refused)


def test_the_source_of_a_dependent_clone_is_never_deleted() -> None:
    array = MemoryArray(clones_depend=True)
    array.volume("db1")
    array.clone("db1", "copy")
    all_permissions = {"unmap": True, "delete_snapshots": True, "force": True, "openstack_owned": True}
    assert isinstance(refused(volumes(array, ABSENT, **all_permissions), "copy shares data with it"), InUse)


def test_the_volume_of_a_snapshot_with_a_dependent_clone_is_not_deleted() -> None:
    array = MemoryArray(clones_depend=True)
    array.volume("db1")
    array.snapshot("db1", "s1")
    array.clone("s1", "copy")
    assert isinstance(refused(volumes(array, ABSENT, delete_snapshots=True), "copy shares data"), InUse)


def test_a_source_is_deleted_after_its_clones_in_one_task() -> None:
    array = MemoryArray(clones_depend=True)
    array.volume("db1")
    array.clone("db1", "copy")
    task = done(volumes(array, ABSENT, {"name": "copy", "state": "absent"}))
    assert task.lines == ["delete volume copy", "delete volume db1"]


def test_the_source_of_an_independent_clone_is_deleted(array: MemoryArray) -> None:
    array.volume("db1")
    array.clone("db1", "copy")
    assert done(volumes(array, ABSENT)).lines == ["delete volume db1"]
    assert [volume.name for volume in array.volumes()] == ["copy"]


def test_a_volume_with_unknown_mappings_is_deleted_only_with_assume_unmapped() -> None:
    array = MemoryArray(mappings_known="of_no_host")
    array.volume("db1")
    error = refused(volumes(array, ABSENT, unmap=True), "asked whether db1 is mapped", "assume_unmapped: true")
    assert isinstance(error, Refused)
    assert done(volumes(array, ABSENT, assume_unmapped=True)).lines == ["delete volume db1"]
    assert array.names()["volumes"] == []


def test_a_volume_is_not_deleted_when_mappings_cannot_be_read() -> None:
    array = MemoryArray(reports_mappings=False)
    array.volume("db1")
    array.unreadable["mapping"] = ["h/db1"]
    error = refused(volumes(array, ABSENT, unmap=True), "not every mapping could be read")
    assert isinstance(error, Refused)


def test_a_volume_is_not_deleted_when_its_snapshots_cannot_be_read(array: MemoryArray) -> None:
    array.volume("db1")
    array.snapshot("db1", "s1")
    array.unreadable["snapshot"] = ["s1"]
    error = refused(volumes(array, ABSENT, delete_snapshots=True), "could not be read: s1")
    assert isinstance(error, Refused)


def test_a_volume_that_shares_its_access_list_is_not_deleted(array: MemoryArray) -> None:
    array.volume("db1", siblings=("db2",))
    assert isinstance(refused(volumes(array, ABSENT), "one access list with db2", "may delete them too"), Refused)


def test_a_refused_deletion_has_no_step_and_keeps_the_volume_in_the_prediction(array: MemoryArray) -> None:
    array.volume("db1")
    array.snapshot("db1", "s1", proven=False)
    array.host("h")
    array.map("db1", "h")
    task = volumes(array, ABSENT, {"name": "db2", "size": "1GiB"}, unmap=True, delete_snapshots=True)
    assert task.lines == ["create volume db2 of 1GiB"]
    after = task.reporter.volume(task.desired.volumes[0]).after
    assert after["state"] == "ready"
    assert after["mappings"] != []
