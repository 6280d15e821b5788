# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""flash_group: consistency groups and their members."""

from __future__ import annotations

from typing import Any

import pytest

from tests.module.arrays import GIB, ArrayUnderTest

NAMES = ("db1-data", "db1-log", "db1-index")


@pytest.fixture
def grouped(xtremio: ArrayUnderTest) -> ArrayUnderTest:
    """An XtremIO with three volumes, two of them in the group db1."""
    xtremio.done("flash_volume", size="1GiB", volumes=[{"name": name} for name in NAMES])
    xtremio.done("flash_group", name="db1", volumes=list(NAMES[:2]))
    return xtremio


def test_an_array_without_groups_says_so(array: ArrayUnderTest) -> None:
    task: dict[str, Any] = {"name": "db1", "volumes": ["db1-data"]}
    array.done("flash_volume", name="db1-data", size="1GiB")
    result = array.converges_if("groups", "flash_group", **task)
    if result is None:
        array.refuses("flash_group", str(array.cannot("groups")), name="db1", state="absent")
    else:
        assert result["group"]["volumes"] == ["db1-data"]


def test_volumes_join_and_the_others_stay(grouped: ArrayUnderTest) -> None:
    result = grouped.converges("flash_group", name="db1", volumes=["db1-index"])
    assert result["plan"] == ["add volume db1-index to consistency group db1"]
    assert result["group"]["volumes"] == sorted(NAMES)
    assert grouped.groups() == {"db1": sorted(NAMES)}


def test_a_group_has_exactly_the_declared_volumes(grouped: ArrayUnderTest) -> None:
    task: dict[str, Any] = {"name": "db1", "volumes": ["db1-data", "db1-index"], "exclusive_volumes": True}
    result = grouped.converges("flash_group", **task)
    assert result["plan"] == [
        "add volume db1-index to consistency group db1",
        "remove volume db1-log from consistency group db1",
    ]
    assert grouped.groups() == {"db1": ["db1-data", "db1-index"]}
    assert set(grouped.volumes()) == set(NAMES), "a volume that leaves its group stays on the array"


def test_a_volume_leaves_and_another_joins_in_one_task(grouped: ArrayUnderTest) -> None:
    grouped.converges("flash_group", name="db1", volumes=["db1-index"], remove_volumes=["db1-log", "none"])
    assert grouped.groups() == {"db1": ["db1-data", "db1-index"]}
    assert "db1-log" in grouped.volumes()


def test_an_empty_exclusive_list_needs_allow_empty(grouped: ArrayUnderTest) -> None:
    task: dict[str, Any] = {"name": "db1", "volumes": [], "exclusive_volumes": True}
    grouped.refuses("flash_group", "the list of its volumes is empty", **task)
    grouped.refuses("flash_group", "needs volumes", name="db1", exclusive_volumes=True)
    grouped.converges("flash_group", **task, allow_empty=True)
    assert grouped.groups() == {"db1": []}


def test_a_deleted_group_leaves_its_volumes_and_their_snapshots(grouped: ArrayUnderTest) -> None:
    grouped.done("flash_snapshot", name="monday", group="db1")
    before = set(grouped.volumes())
    assert "db1-data.monday" in before
    result = grouped.converges("flash_group", name="db1", state="absent")
    assert result["group"]["state"] == "absent"
    assert grouped.groups() == {}
    assert set(grouped.volumes()) == before
    assert not grouped.done("flash_group", name="db1", state="absent").changed


def test_many_groups_in_one_task_have_a_result_each(grouped: ArrayUnderTest) -> None:
    groups = [{"name": "db1", "state": "absent"}, {"name": "db2", "volumes": ["db1-index"]}]
    result = grouped.converges("flash_group", groups=groups)
    assert [group["state"] for group in result["groups"]] == ["absent", "present"]
    assert grouped.groups() == {"db2": ["db1-index"]}
    grouped.refuses("flash_group", "is empty", groups=[], state="absent")
    grouped.refuses("flash_group", "names db2 twice", groups=[{"name": "db2"}, {"name": "db2"}])


def test_what_a_group_is_refused_for(grouped: ArrayUnderTest) -> None:
    grouped.refuses("flash_group", "and shall not", name="db1", volumes=["a"], remove_volumes=["a"], kind="invalid")
    grouped.needs("volume none", "flash_group", "there is no volume none", name="db1", volumes=["none"])
    owned = "volume-7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00"
    grouped.done("flash_group", name=owned, volumes=["db1-data"])
    grouped.refuses("flash_group", "belongs to OpenStack", name=owned, state="absent")
    grouped.refuses("flash_group", "belongs to OpenStack", name=owned, remove_volumes=["db1-data"])
    grouped.converges("flash_group", name=owned, state="absent", openstack_owned=True)


# ---- restore ---------------------------------------------------------------------------------------------------------

RESTORE: dict[str, Any] = {"name": "monday", "group": "db1", "state": "restored", "backup": "before"}


def contents(array: ArrayUnderTest) -> dict[str, str]:
    return {name: volume["content"] for name, volume in array.volumes().items()}


@pytest.fixture
def written(grouped: ArrayUnderTest) -> ArrayUnderTest:
    """The group has a snapshot monday, and its volumes were written to since."""
    grouped.write("db1-data", GIB)
    grouped.done("flash_snapshot", name="monday", group="db1")
    for name in NAMES[:2]:
        grouped.write(name, GIB)
    return grouped


def test_a_group_is_restored_once_and_its_content_is_kept(written: ArrayUnderTest) -> None:
    before = contents(written)
    result = written.converges("flash_snapshot", **RESTORE)
    assert result["plan"] == [
        "restore every volume in group db1 from snapshot monday, keeping its present content as snapshot before"
    ]
    after = contents(written)
    for name in NAMES[:2]:
        assert (after[name], after[f"{name}.before"]) == (before[f"{name}.monday"], before[name])
    assert set(after) - set(before) == {"db1-data.before", "db1-log.before"}
    written.write("db1-data", GIB)
    repeated = written.done("flash_snapshot", **RESTORE)
    assert not repeated.changed
    assert repeated.warnings == ["the backup before is there, so group db1 has been restored before"]
    written.converges("flash_snapshot", name="before", group="db1", state="absent")


def test_a_group_whose_volumes_have_changed_is_not_restored(written: ArrayUnderTest) -> None:
    written.done("flash_group", name="db1", remove_volumes=["db1-log"])
    before = contents(written)
    result = written.task("flash_snapshot", **RESTORE)
    assert "not taken of exactly the volumes" in result.msg
    assert contents(written) == before
    written.done("flash_group", name="db1", volumes=["db1-log", "db1-index"])
    missing = "snapshot monday of consistency group db1"
    made = written.needs(missing, "flash_snapshot", "not every volume of consistency group db1 has", **RESTORE)
    assert made["plan"] == []


@pytest.mark.parametrize(
    "kept", ["backup_name=free", "backup_set=none", "backup_ancestor=snapshot", "backup_type=readonly"]
)
def test_a_group_is_restored_whatever_the_array_calls_its_own_copies(written: ArrayUnderTest, kept: str) -> None:
    assumption, value = kept.split("=")
    written.assume({f"xtremio.restore.{assumption}": value})
    before = contents(written)
    written.done("flash_snapshot", **RESTORE)
    after = contents(written)
    assert not written.done("flash_snapshot", **RESTORE).changed
    written.assume({})
    for name in NAMES[:2]:
        assert (after[name], after[f"{name}.before"]) == (before[f"{name}.monday"], before[name])
