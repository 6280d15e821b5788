# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes that a task chooses by the array's identifier or by their identity as a disk."""

from __future__ import annotations

from typing import Any

import pytest

from tests.module.arrays import GIB, ArrayUnderTest

pytestmark = pytest.mark.transport

NOTHING = "0123456789abcdef"


def made(array: ArrayUnderTest) -> tuple[dict[str, Any], dict[str, Any]]:
    """Volumes db1 and db2, of which db1 is mapped to the host server where there are hosts."""
    array.done("flash_volume", size="10GiB", volumes=[{"name": "db1"}, {"name": "db2"}])
    if array.row.hosts:
        array.done("flash_host_map", host="server", volume="db1", initiators=[array.initiator(0)])
    found = {one["name"]: one for one in array.facts(gather_subset=["volumes"])["volumes"]}
    return found["db1"], found["db2"]


def has_no_ids(array: ArrayUnderTest) -> bool:
    """Whether the wire reports no ids; then a task that gives one is refused for that reason."""
    if array.row.name == "dsware-socket":
        array.refuses("flash_volume", "does not report the id", kind="unsupported", id="db1", size="12GiB")
        return True
    return False


def test_a_volume_is_chosen_by_its_id(array: ArrayUnderTest) -> None:
    """It is extended, and deleted, once; the other one stays as it is."""
    _db1, db2 = made(array)
    if has_no_ids(array):
        return
    result = array.converges("flash_volume", id=db2["id"], size="12GiB")
    assert (result["volume"]["name"], result["volume"]["size"]) == ("db2", 12 * GIB)
    result = array.converges("flash_volume", volumes=[{"id": db2["id"]}], state="absent", **array.assume_unmapped)
    assert set(array.volumes()) == {"db1"}
    assert array.volumes()["db1"]["size"] == 10 * GIB
    gone = array.done("flash_volume", id=db2["id"], name="db2", state="absent")
    assert (gone.changed, gone["volume"]["state"], gone["api"]["writes"]) == (False, "absent", 0)


def test_a_volume_is_chosen_by_its_identity_as_a_disk(array: ArrayUnderTest) -> None:
    db1, _db2 = made(array)
    if db1["serial"] is None:
        array.refuses("flash_volume", "does not report the serial", kind="unsupported", serial=NOTHING, size="12GiB")
        return
    as_multipath_shows_it = "3" + db1["serial"].upper()
    result = array.converges("flash_volume", serial=as_multipath_shows_it, size="12GiB")
    assert result["volume"]["name"] == "db1"
    array.refuses("flash_volume", "No volume of this array has it", kind="not_found", serial=NOTHING, size="12GiB")


def test_a_volume_that_has_another_name_is_left_alone(array: ArrayUnderTest) -> None:
    """Somebody may have given the name to another volume since the playbook was written."""
    db1, db2 = made(array)
    if has_no_ids(array):
        return
    array.refuses(
        "flash_volume", "volume db2 has it, and not db1", kind="conflict", id=db2["id"], name="db1", size="12GiB"
    )
    permits = {"unmap": True, **array.assume_unmapped}
    array.refuses(
        "flash_volume", "volume db2 has it", kind="conflict", id=db2["id"], name="db1", state="absent", **permits
    )
    array.refuses(
        "flash_volume",
        "volume db1 has another identity",
        kind="conflict",
        id=NOTHING,
        name="db1",
        state="absent",
        **permits,
    )
    both = [{"id": db1["id"]}, {"name": "db1"}]
    array.refuses("flash_volume", "chooses volume db1 twice", kind="invalid", volumes=both, size="12GiB")


def test_a_volume_is_renamed_by_its_identity(array: ArrayUnderTest) -> None:
    _db1, db2 = made(array)
    if has_no_ids(array):
        return
    options = {"id": db2["id"], "name": "db3", "rename_from": "db2"}
    if not array.refuses_without("rename_volume", "flash_volume", **options):
        array.converges("flash_volume", **options)
        assert set(array.volumes()) == {"db1", "db3"}


def test_a_mapping_and_a_snapshot_are_of_a_volume_chosen_by_its_identity(array: ArrayUnderTest) -> None:
    db1, _db2 = made(array)
    if has_no_ids(array):
        return
    array.converges("flash_snapshot", name="monday", volume_id=db1["id"])
    if not array.row.hosts:
        return
    result = array.converges("flash_host_map", host="server", volume_id=db1["id"], state="absent")
    assert result["map"]["volume"] == "db1"
    assert list(array.hosts()) == ["server"]


@pytest.mark.parametrize("value", [None, "", " "])
@pytest.mark.parametrize(
    ("module", "option", "others"),
    [
        ("flash_volume", "id", {"state": "absent"}),
        ("flash_volume", "serial", {"name": "db1", "state": "absent"}),
        ("flash_host_map", "volume_id", {"host": "server", "state": "absent"}),
        ("flash_host_map", "volume_serial", {"host": "server", "state": "absent"}),
        ("flash_snapshot", "volume_id", {"name": "monday", "state": "absent"}),
    ],
)
def test_a_look_up_that_found_nothing_chooses_nothing(
    xtremio: ArrayUnderTest, module: str, option: str, others: dict[str, Any], value: str | None
) -> None:
    mark = xtremio.mark()
    options: dict[str, Any] = {option: value, **others}
    result = xtremio.task(module, **options)
    assert result.failed
    assert result["error"]["kind"] == "invalid"
    assert f"the option {option} is {'null' if value is None else 'empty'}" in result.msg
    assert xtremio.requests(mark) == []


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        ("flash_volume", {"id": "7", "volumes": [{"name": "db1"}]}, "mutually exclusive: id|volumes"),
        ("flash_host_map", {"host": "h", "volume_id": "7", "maps": []}, "mutually exclusive: volume_id|maps"),
        ("flash_volume", {"serial": "a{b}"}, "is not the identity of a disk"),
        ("flash_volume", {"volumes": [{"name": "db1", "id": "1"}, {"name": "db1", "id": "2"}]}, "two identities"),
    ],
)
def test_what_is_not_clear_is_refused_without_a_request(
    xtremio: ArrayUnderTest, module: str, options: dict[str, Any], message: str
) -> None:
    mark = xtremio.mark()
    result = xtremio.task(module, **options)
    assert result.failed
    assert message in result.msg
    assert xtremio.requests(mark) == []
