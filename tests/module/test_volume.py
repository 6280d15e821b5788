# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""flash_volume on every array."""

from __future__ import annotations

import pytest

from tests.module.arrays import GIB, ArrayUnderTest
from tests.support.diffs import after, before, plan_lines


@pytest.mark.every_row
def test_a_volume_is_created(array: ArrayUnderTest) -> None:
    result = array.converges("flash_volume", name="db1", size="10GiB")
    assert array.volumes()["db1"]["size"] == 10 * GIB
    assert result["volume"]["size"] == 10 * GIB
    assert result["volume"]["size_text"] == "10GiB"
    assert result["volume"]["state"] == "ready"
    assert result["plan"] == ["create volume db1 of 10GiB"]
    assert plan_lines(result["diff"]) == ["+ create volume db1 of 10GiB"]
    assert before(result["diff"]) == {}
    assert after(result["diff"])["volume db1"]["size"] == "10GiB"


@pytest.mark.parametrize("size", ["10G", "10GB", "10gib", "10240MiB", "10737418240"])
def test_a_size_is_the_same_in_every_notation(xtremio: ArrayUnderTest, size: str) -> None:
    xtremio.done("flash_volume", name="db1", size="10GiB")
    assert not xtremio.done("flash_volume", name="db1", size=size).changed


def test_a_size_is_rounded_up_to_the_granularity_of_the_array(array: ArrayUnderTest) -> None:
    result = array.converges("flash_volume", name="db1", size=str(GIB + 1))
    granularity = array.capabilities.granularity
    assert result["volume"]["size"] == GIB + granularity == array.volumes()["db1"]["size"]


@pytest.mark.every_row
def test_a_volume_is_extended(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    result = array.converges("flash_volume", name="db1", size="20GiB")
    assert array.volumes()["db1"]["size"] == 20 * GIB
    assert result["plan"] == ["extend volume db1 from 10GiB to 20GiB"]
    assert (before(result["diff"]), after(result["diff"])) == (
        {"volume db1": {"size": "10GiB"}},
        {"volume db1": {"size": "20GiB"}},
    )


@pytest.mark.common
def test_an_existing_volume_keeps_its_size_when_the_task_names_none(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    repeated = array.done("flash_volume", name="db1")
    assert not repeated.changed
    assert repeated["volume"]["size"] == 10 * GIB


def test_a_volume_is_renamed_once(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="old", size="10GiB")
    number = array.volumes()["old"]["id"]
    result = array.converges_if("rename_volume", "flash_volume", name="new", rename_from="old")
    if result is None:
        return
    assert array.volumes()["new"]["id"] == number
    assert "old" not in array.volumes()
    assert result["plan"] == ["rename volume old to new"]


@pytest.mark.common
def test_a_volume_is_renamed_and_extended_by_one_task(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="old", size="10GiB")
    result = array.converges_if("rename_volume", "flash_volume", name="new", rename_from="old", size="20GiB")
    assert array.volumes()["new" if result else "old"]["size"] == (20 if result else 10) * GIB


@pytest.mark.common
def test_a_volume_is_created_when_there_is_none_to_rename(array: ArrayUnderTest) -> None:
    array.converges("flash_volume", name="new", rename_from="old", size="10GiB")
    assert set(array.volumes()) == {"new"}


@pytest.mark.common
def test_no_volume_is_renamed_to_the_name_of_an_existing_one(array: ArrayUnderTest) -> None:
    array.done("flash_volume", volumes=[{"name": "old"}, {"name": "new"}], size="10GiB")
    repeated = array.done("flash_volume", name="new", rename_from="old")
    assert not repeated.changed
    assert repeated.warnings == ["volume new is there already, so old keeps its name"]


def test_a_volume_is_deleted(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    if array.assume_unmapped:
        texts = ("this array cannot be asked whether db1 is mapped", "assume_unmapped")
        array.refuses("flash_volume", *texts, name="db1", state="absent", kind="refused")
    result = array.converges("flash_volume", name="db1", state="absent", **array.assume_unmapped)
    assert array.volumes() == {}
    assert result["volume"]["state"] == "absent"
    assert result["volume"]["size"] is None
    assert plan_lines(result["diff"]) == ["- delete volume db1  [destructive]"]
    assert list(before(result["diff"])) == ["volume db1"]
    assert after(result["diff"]) == {}


@pytest.mark.common
def test_deleting_an_absent_volume_changes_nothing(array: ArrayUnderTest) -> None:
    assert not array.done("flash_volume", name="db1", state="absent").changed


@pytest.mark.every_row
def test_a_volume_is_cloned(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    result = array.converges("flash_volume", name="test1", source_volume="db1")
    clone, source = array.volumes()["test1"], array.volumes()["db1"]
    assert clone["content"] == source["content"]
    assert clone["size"] == 10 * GIB
    assert clone["writable"]
    assert result["volume"]["source"] == "db1"
    assert result["plan"] == ["clone volume db1 to test1"]


def test_a_clone_can_be_larger_than_its_source(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    array.converges("flash_volume", name="test1", source_volume="db1", size="15GiB")
    assert array.volumes()["test1"]["size"] == 15 * GIB
    assert array.volumes()["db1"]["size"] == 10 * GIB


@pytest.mark.common
def test_a_clone_is_never_smaller_than_its_source(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    array.refuses(
        "flash_volume",
        "test1",
        "smaller than its source",
        name="test1",
        source_volume="db1",
        size="5GiB",
        kind="invalid",
    )


@pytest.mark.common
def test_a_clone_of_a_missing_volume_is_refused(array: ArrayUnderTest) -> None:
    made = array.needs("volume db1", "flash_volume", "there is no volume db1", name="test1", source_volume="db1")
    assert made["plan"] == ["if volume db1 is made first: clone volume db1 to test1"]
    assert (made["volume"]["size"], made["volume"]["size_text"], made["volume"]["state"]) == (None, None, "ready")
    sized = array.needs("volume db1", "flash_volume", name="test1", source_volume="db1", size="12GiB")
    assert sized["volume"]["size_text"] == "12GiB"


def test_a_clone_is_kept_when_its_source_is_deleted(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    array.done("flash_volume", name="test1", source_volume="db1")
    with array.library() as client:
        client.delete_volume(client.volumes(["db1"]).named("db1"))
    assert not array.done("flash_volume", name="test1", source_volume="db1").changed


@pytest.mark.every_row
def test_a_volume_is_created_from_a_snapshot(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    array.done("flash_snapshot", name="monday", volume="db1")
    content = array.volumes()["monday"]["content"]
    array.converges("flash_volume", name="test1", source_snapshot="monday")
    array.converges("flash_volume", name="test2", source_snapshot="monday", source_volume="db1", size="12GiB")
    volumes = array.volumes()
    assert volumes["test1"]["content"] == volumes["test2"]["content"] == content
    assert (volumes["test1"]["size"], volumes["test2"]["size"]) == (10 * GIB, 12 * GIB)


@pytest.mark.common
def test_a_snapshot_of_another_volume_is_refused_as_the_source(array: ArrayUnderTest) -> None:
    array.done("flash_volume", volumes=[{"name": "db1"}, {"name": "db2"}], size="10GiB")
    array.done("flash_snapshot", name="monday", volume="db1")
    by_volume = array.capabilities.snapshots_found_by == "by_volume"
    why = "there is no snapshot monday of volume db2" if by_volume else "snapshot monday is not one of volume db2"
    task = {"name": "test1", "source_snapshot": "monday", "source_volume": "db2"}
    if array.capabilities.snapshot_names == "per_volume":
        kind = "not_found" if by_volume else "invalid"
        array.needs("snapshot monday of volume db2", "flash_volume", why, kind=kind, **task)
    else:
        array.refuses("flash_volume", why, kind="not_found" if by_volume else "invalid", **task)


def test_a_new_volume_joins_a_new_group(array: ArrayUnderTest) -> None:
    result = array.converges_if("groups", "flash_volume", name="db1", size="10GiB", group="db")
    if result is None:
        return
    array.converges("flash_volume", name="db2", size="10GiB", group="db")
    (group,) = [row for row in array.state()["groups"] if row["name"] == "db"]
    assert sorted(group["members"]) == ["db1", "db2"]
    assert result["volume"]["groups"] == ["db"]


@pytest.mark.every_row
def test_an_existing_volume_joins_a_group(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    array.converges_if("groups", "flash_volume", name="db1", group="db")


@pytest.mark.every_row
def test_a_volume_is_created_in_the_requested_pool_with_the_requested_provisioning(array: ArrayUnderTest) -> None:
    pool = array.pool
    provisioning = array.capabilities.provisioning[0]
    result = array.converges("flash_volume", name="db1", size="10GiB", pool=pool, provisioning=provisioning)
    assert (result["volume"]["pool"], result["volume"]["provisioning"]) == (pool, provisioning)


@pytest.mark.common
def test_a_missing_pool_is_reported_and_nothing_is_created(array: ArrayUnderTest) -> None:
    unchanged, result = array.state(), array.volume(name="db1", size="10GiB", pool="nowhere")
    assert result.failed
    assert "there is no pool nowhere" in result.msg
    assert array.state() == unchanged


@pytest.mark.every_row
def test_each_provisioning_is_used_or_refused(array: ArrayUnderTest) -> None:
    for provisioning in ("thick", "thin", "dedup"):
        task = {"name": f"db-{provisioning}", "size": "10GiB", "provisioning": provisioning}
        if provisioning in array.capabilities.provisioning:
            assert array.done("flash_volume", **task)["volume"]["provisioning"] == provisioning
        else:
            array.refuses("flash_volume", task["name"], f"does not make {provisioning}", **task)


@pytest.mark.common
def test_an_existing_volume_in_another_pool_is_a_conflict(array: ArrayUnderTest) -> None:
    result = array.done("flash_volume", name="db1", size="10GiB")
    if array.done("flash_volume", name="db1")["volume"]["pool"] is None:
        result = array.done("flash_volume", name="db1", pool=result["volume"]["pool"])
        assert not result.changed
        assert result.warnings == ["the array does not report the pool of volume db1, so it was not compared"]
        return
    array.refuses("flash_volume", "db1", "not nowhere", name="db1", pool="nowhere", kind="conflict")


@pytest.mark.common
def test_an_unknown_array_option_is_refused(array: ArrayUnderTest) -> None:
    array.refuses(
        "flash_volume", "no option colour", name="db1", size="10GiB", array_options={"colour": "red"}, kind="invalid"
    )


@pytest.mark.hosts
def test_the_result_has_the_mappings_and_the_snapshots(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    array.done("flash_snapshot", name="monday", volume="db1")
    array.done("flash_host_map", host="server", initiators=[array.row.initiators[0]], volume="db1", **array.lun(7))
    volume = array.done("flash_volume", name="db1")["volume"]
    (lun,) = array.luns().values()
    facts = array.facts(gather_subset=["mappings", "snapshots"])
    if volume["mappings"] is None:
        # On this array they need more requests, which a task that does not change the mappings does not send.
        volume["mappings"] = facts["mappings"]
    if volume["snapshots"] is None:
        volume["snapshots"] = [snapshot["name"] for snapshot in facts["snapshots"]]
    assert volume["mappings"] == [{"host": "server", "volume": "db1", "lun": lun, "device": None}]
    assert volume["snapshots"] == ["monday"]
    assert volume["serial"] == (array.volumes()["db1"]["wwn"] or None)
