# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes that every array refuses by default, and the options that permit them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.module.arrays import ArrayUnderTest

pytestmark = pytest.mark.wire

UUID = "7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00"
OWNED = [UUID, f"volume-{UUID}", f"snapshot-{UUID}", f"OS-db1-{UUID}", f"UNMANAGED-{UUID}"]


@pytest.fixture
def mapped(array: ArrayUnderTest) -> ArrayUnderTest:
    """The array with a volume db1, mapped to host server."""
    array.done("flash_volume", name="db1", size="10GiB")
    array.done("flash_host_map", host="server", initiators=[array.row.initiators[0]], volume="db1")
    return array


def map_snapshot(array: ArrayUnderTest) -> bool:
    """Map the snapshot monday of a volume db1 to host server; whether the array can do so (see test_abilities.py)."""
    if array.cannot("map_snapshot"):
        return False
    array.done("flash_volume", name="db1", size="10GiB")
    array.done("flash_snapshot", name="monday", volume="db1")
    array.done("flash_host_map", host="server", initiators=[array.row.initiators[0]])
    with array.library() as client:
        snapshot = client.snapshots(["monday"]).named("monday")
        volume = client.volumes(["db1"]).named("db1")
        client.map_volume(
            type(volume)(name=snapshot.name, size=snapshot.size, id=snapshot.id),
            client.hosts(["server"]).named("server"),
        )
    return True


@pytest.mark.hosts
def test_a_mapped_volume_is_deleted_only_with_unmap(mapped: ArrayUnderTest) -> None:
    mapped.refuses(
        "flash_volume",
        "delete volume db1",
        "it is mapped to host server",
        "set unmap: true",
        name="db1",
        state="absent",
        kind="refused",
    )
    result = mapped.converges("flash_volume", name="db1", state="absent", unmap=True)
    assert result["plan"] == ["unmap volume db1 from host server", "delete volume db1"]
    assert (mapped.volumes(), mapped.luns(), set(mapped.hosts())) == ({}, {}, {"server"})


@pytest.mark.hosts
def test_a_mapped_snapshot_is_deleted_only_with_unmap(array: ArrayUnderTest) -> None:
    if not map_snapshot(array):
        return
    array.refuses(
        "flash_snapshot",
        "it is mapped to host server",
        "set unmap: true",
        name="monday",
        state="absent",
        kind="refused",
    )
    array.converges("flash_snapshot", name="monday", state="absent", unmap=True)
    assert set(array.volumes()) == {"db1"}


def test_a_volume_with_snapshots_is_deleted_only_with_delete_snapshots(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    array.done("flash_snapshot", snapshots=[{"name": "monday"}, {"name": "tuesday"}], volume="db1")
    array.refuses(
        "flash_volume",
        "delete volume db1",
        "it has snapshots: monday, tuesday",
        "set delete_snapshots: true",
        name="db1",
        state="absent",
        **array.assume_unmapped,
        kind="refused",
    )
    if not array.capabilities.proves_snapshots:
        array.refuses(
            "flash_volume",
            "does not prove that it is a snapshot",
            name="db1",
            state="absent",
            delete_snapshots=True,
            **array.assume_unmapped,
        )
        return
    result = array.converges("flash_volume", name="db1", state="absent", delete_snapshots=True)
    assert result["plan"][-1] == "delete volume db1"
    assert array.volumes() == {}


@pytest.mark.hosts
def test_a_mapped_snapshot_is_not_deleted_with_its_volume(array: ArrayUnderTest) -> None:
    if not map_snapshot(array):
        return
    array.refuses(
        "flash_volume", "monday", name="db1", state="absent", delete_snapshots=True, unmap=True, kind="refused"
    )


@pytest.mark.hosts
def test_a_mapped_volume_is_mapped_to_another_host_only_with_shared(mapped: ArrayUnderTest) -> None:
    second = {"host": "other", "initiators": [mapped.row.initiators[1]]}
    mapped.done("flash_host_map", **second)
    mapped.refuses(
        "flash_host_map",
        "map volume db1 to host other",
        "it is mapped to host server",
        "set shared: true",
        **second,
        volume="db1",
        kind="refused",
    )
    mapped.converges("flash_host_map", **second, volume="db1", shared=True)
    assert set(mapped.luns()) == {("server", "db1"), ("other", "db1")}


@pytest.mark.hosts
def test_two_hosts_of_one_task_share_a_volume_only_with_shared(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    maps = [
        {"host": f"node{number}", "volume": "db1", "initiators": [array.row.initiators[number]]} for number in range(2)
    ]
    array.refuses("flash_host_map", "set shared: true", maps=maps, kind="refused")
    array.converges("flash_host_map", maps=maps, shared=True)


@pytest.mark.hosts
def test_a_host_with_mappings_is_never_deleted(mapped: ArrayUnderTest) -> None:
    mapped.refuses(
        "flash_host_map",
        "delete host server",
        "volumes are mapped to it: db1",
        host="server",
        state="absent",
        force=True,
        openstack_owned=True,
        shared=True,
        kind="in_use",
    )


def test_a_volume_is_never_made_smaller(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    array.refuses(
        "flash_volume",
        "db1",
        "it has 10GiB",
        "smaller (5GiB)",
        name="db1",
        size="5GiB",
        force=True,
        unmap=True,
        kind="refused",
    )


@pytest.mark.parametrize("name", OWNED)
def test_a_volume_of_openstack_is_deleted_only_with_openstack_owned(xtremio: ArrayUnderTest, name: str) -> None:
    xtremio.done("flash_volume", name=name, size="10GiB")
    xtremio.refuses(
        "flash_volume", name, "belongs to OpenStack", "openstack_owned: true", name=name, state="absent", kind="refused"
    )
    xtremio.converges("flash_volume", name=name, state="absent", openstack_owned=True)


@pytest.mark.parametrize("name", ["OS-images", "unmanaged-lab"])
def test_a_volume_whose_name_only_resembles_those_of_openstack_is_deleted(array: ArrayUnderTest, name: str) -> None:
    array.done("flash_volume", name=name, size="10GiB")
    array.converges("flash_volume", name=name, state="absent", assume_unmapped=True)


@pytest.mark.hosts
def test_objects_of_openstack_are_changed_only_with_openstack_owned(array: ArrayUnderTest) -> None:
    name, snapshot = f"volume-{UUID}", f"snapshot-{UUID}"
    if array.name_rules.snapshot_name.longest < len(snapshot):
        snapshot = UUID.replace("-", "")
    array.done("flash_volume", name=name, size="10GiB")
    array.done("flash_snapshot", snapshots=[{"name": snapshot}, {"name": "monday"}], volume=name)
    array.done("flash_host_map", host="server", initiators=[array.row.initiators[0]], volume=name, **array.lun(1))
    refused = {"kind": "refused"}
    can_rename = array.cannot("rename_volume") is None
    if can_rename:
        array.refuses("flash_volume", "belongs to OpenStack", name="db1", rename_from=name, **refused)
    array.refuses("flash_snapshot", "belongs to OpenStack", name=snapshot, state="absent", **refused)
    array.refuses("flash_host_map", "belongs to OpenStack", host="server", volume=name, state="absent", **refused)
    if not array.cannot("explicit_lun"):
        array.refuses("flash_host_map", "belongs to OpenStack", host="server", volume=name, lun=2, **refused)
    array.refuses("flash_host_map", "belongs to OpenStack", host="server", exclusive=True, allow_empty=True, **refused)
    restore: dict[str, Any] = {"name": "monday", "volume": name, "state": "restored", "backup": "before", "unmap": True}
    reason = array.cannot("restore_snapshot")
    array.refuses("flash_snapshot", reason or "belongs to OpenStack", **restore)

    if reason is None:
        array.converges("flash_snapshot", **restore, openstack_owned=True)
        array.done("flash_host_map", host="server", volume=name, **array.lun(1))
    if not array.cannot("explicit_lun"):
        array.converges("flash_host_map", host="server", volume=name, lun=2, openstack_owned=True)
    array.converges("flash_host_map", host="server", exclusive=True, allow_empty=True, openstack_owned=True)
    array.converges("flash_snapshot", name=snapshot, state="absent", openstack_owned=True)
    if can_rename:
        array.converges("flash_volume", name="db1", rename_from=name, openstack_owned=True)


@pytest.mark.hosts
def test_force_is_accepted_where_the_array_reports_no_open_session(mapped: ArrayUnderTest) -> None:
    """The refusal without force, on arrays that report open sessions on a volume, is in the tests of these arrays."""
    mapped.converges("flash_host_map", host="server", volume="db1", state="absent", force=True)


@pytest.mark.hosts
def test_assume_unmapped_permits_nothing_on_an_array_that_reports_its_mappings(mapped: ArrayUnderTest) -> None:
    assert mapped.capabilities.mappings_known == "of_all_hosts"
    mapped.refuses("flash_volume", "it is mapped to host server", name="db1", state="absent", assume_unmapped=True)
