# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A volume that exists takes the content of a snapshot or of another volume, on every array."""

from __future__ import annotations

from typing import Any

import pytest

from tests.module.arrays import GIB, ArrayUnderTest, next_second

OF_SNAPSHOT: dict[str, Any] = {"name": "monday", "volume": "prod", "state": "refreshed", "target": "test"}
OF_VOLUME: dict[str, Any] = {"name": "test", "source_volume": "prod", "overwrite": True}


@pytest.fixture
def databases(array: ArrayUnderTest) -> ArrayUnderTest:
    """The array with a volume prod, its snapshot monday, and a volume test that was made of prod before."""
    array.done("flash_volume", name="prod", size="2GiB")
    array.done("flash_volume", name="test", source_volume="prod")
    for name in ("prod", "test"):
        array.write(name, GIB)
    array.done("flash_snapshot", name="monday", volume="prod")
    array.write("prod", GIB)
    return array


def contents(array: ArrayUnderTest) -> dict[str, str]:
    return {name: volume["content"] for name, volume in array.volumes().items()}


@pytest.mark.hosts
def test_a_refreshed_volume_keeps_its_identity_and_its_mappings(databases: ArrayUnderTest) -> None:
    host = {"host": "server", "initiators": [databases.row.initiators[0]], "volume": "test"}
    databases.done("flash_host_map", **host)
    if databases.refuses_without("refresh_volume", "flash_snapshot", **OF_SNAPSHOT, while_mapped=True):
        return
    before, luns = contents(databases), databases.luns()
    identity = databases.done("flash_volume", name="test")["volume"]
    databases.refuses("flash_snapshot", "it is mapped to host server", "while_mapped: true", **OF_SNAPSHOT)
    result = databases.converges("flash_snapshot", **OF_SNAPSHOT, while_mapped=True)
    assert result["plan"] == [
        "refresh volume test from snapshot monday of volume prod, "
        "keeping its present content as snapshot test-before-monday"
    ]
    assert result["snapshot"]["name"] == "monday"
    after = contents(databases)
    assert (after["test"], after["test-before-monday"]) == (before["monday"], before["test"])
    assert databases.luns() == luns
    refreshed = databases.done("flash_volume", name="test")["volume"]
    assert all(refreshed[field] == identity[field] for field in ("id", "serial", "size", "mappings"))


def test_a_volume_is_refreshed_once_for_each_state_of_its_source(databases: ArrayUnderTest) -> None:
    permit = databases.assume_unmapped
    if databases.refuses_without("refresh_volume", "flash_volume", **OF_VOLUME, refresh_id="1", **permit):
        return
    for refresh_id in ("1", "2"):
        former = contents(databases)["test"]
        result = databases.converges("flash_volume", **OF_VOLUME, refresh_id=refresh_id, **permit)
        assert result["volume"]["name"] == "test"
        now = contents(databases)
        assert (now["test"], now[f"test-before-{refresh_id}"]) == (now["prod"], former)
        databases.write("test", GIB)
    tested = contents(databases)["test"]
    repeated = databases.done("flash_volume", **OF_VOLUME, refresh_id="1", **permit)
    assert not repeated.changed
    assert repeated.warnings == ["the backup test-before-1 is there, so volume test has been refreshed before"]
    assert contents(databases)["test"] == tested


def test_a_volume_that_is_made_of_its_source_is_not_refreshed_again(databases: ArrayUnderTest) -> None:
    """Nothing is lost on an array that makes it and cannot refresh it: the next run finds the backup."""
    new = {**OF_VOLUME, "name": "new", "refresh_id": "1", **databases.assume_unmapped}
    result = databases.done("flash_volume", **new)
    assert result["plan"] == ["clone volume prod to new", "create snapshot new-before-1 of volume new"]
    databases.write("new", GIB)
    assert not databases.done("flash_volume", **new).changed


def test_a_volume_takes_its_own_earlier_content(databases: ArrayUnderTest) -> None:
    databases.done("flash_snapshot", name="golden", volume="test")
    databases.write("test", GIB)
    before = contents(databases)
    reset = {"name": "golden", "volume": "test", "state": "refreshed", "refresh_id": "1"}
    if databases.refuses_without("restore_snapshot", "flash_snapshot", **reset, **databases.assume_unmapped):
        return
    databases.converges("flash_snapshot", **reset, **databases.assume_unmapped)
    after = contents(databases)
    assert (after["test"], after["test-before-1"]) == (before["golden"], before["test"])


def test_a_volume_of_another_size_is_not_refreshed(databases: ArrayUnderTest) -> None:
    databases.done("flash_volume", name="prod", size="4GiB")
    reason = databases.cannot("refresh_volume") or "Only a volume of the same size"
    databases.refuses("flash_volume", reason, **OF_VOLUME, refresh_id="1", **databases.assume_unmapped)


def test_only_the_newest_backups_stay_where_they_are_proven(databases: ArrayUnderTest) -> None:
    """On an XtremIO a backup is a writable copy, which nobody but its name tells from a volume in use."""
    permit = {"keep": 1, "prefix": "test-before-", **databases.assume_unmapped}
    if databases.cannot("refresh_volume"):
        return
    for refresh_id in ("1", "2"):
        result = databases.done("flash_snapshot", **OF_SNAPSHOT, **permit, refresh_id=refresh_id)
        next_second()
    backups = {name for name in databases.volumes() if name.startswith("test-before-")}
    if databases.row.simulator["vendor"] == "xtremio":
        assert backups == {"test-before-1", "test-before-2"}
        assert any("test-before-1 is not counted" in text for text in result.warnings)
    else:
        assert backups == {"test-before-2"}


@pytest.mark.hosts
def test_an_array_that_refuses_the_copy_leaves_the_volume_as_it_is(arrays: dict[str, ArrayUnderTest]) -> None:
    array = arrays["dsware-rest"]
    array.reset()
    array.done("flash_volume", name="prod", size="2GiB")
    array.done("flash_volume", name="test", size="2GiB")
    array.done("flash_snapshot", name="monday", volume="prod")
    array.done("flash_host_map", host="server", initiators=[array.row.initiators[0]], volume="test")
    for number, assumption in enumerate(("dsware.refresh.used_volume", "dsware.refresh.mapped")):
        array.write("test", GIB)
        former = contents(array)["test"]
        array.assume({assumption: "refused"})
        result = array.task("flash_snapshot", **OF_SNAPSHOT, refresh_id=str(number), while_mapped=True)
        array.assume({})
        assert result.failed
        assert f"is kept as snapshot test-before-{number}" in result.msg
        assert result["error"]["assumption"] == assumption
        assert contents(array)["test"] == contents(array)[f"test-before-{number}"] == former
        again = array.done("flash_snapshot", **OF_SNAPSHOT, refresh_id=str(number), while_mapped=True)
        assert again.changed
        assert contents(array)["test"] == contents(array)["monday"]


def test_a_source_of_another_family_is_refused_before_anything_is_written(arrays: dict[str, ArrayUnderTest]) -> None:
    array = arrays["xtremio-4.2-iscsi"]
    array.reset()
    for name in ("prod", "test"):
        array.done("flash_volume", name=name, size="2GiB")
    mark = array.mark()
    task: dict[str, Any] = {**OF_VOLUME, "refresh_id": "1"}
    result = array.task("flash_volume", **task)
    assert "only volumes that were made of each other or of the same volume" in result.msg
    assert result["error"]["assumption"] == "xtremio.refresh.related"
    assert array.changes(mark) == []
    array.assume({"xtremio.refresh.related": "any"})
    array.done("flash_volume", **task)
    array.assume({})
