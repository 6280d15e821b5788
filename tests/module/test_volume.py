# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""flash_volume on every array."""

from __future__ import annotations

import pytest

from tests.module.arrays import GIB, ArrayUnderTest
from tests.support.diffs import after, before, plan_lines


def test_a_volume_is_created(array: ArrayUnderTest) -> None:
    made = array.converges("flash_volume", name="db1", size="10GiB")
    assert array.volumes()["db1"]["size"] == 10 * GIB
    assert made["volume"]["size"] == 10 * GIB
    assert made["volume"]["size_text"] == "10GiB"
    assert made["volume"]["state"] == "ready"
    assert made["plan"] == ["create volume db1 of 10GiB"]
    assert plan_lines(made["diff"]) == ["+ create volume db1 of 10GiB"]
    assert before(made["diff"]) == {}
    assert after(made["diff"])["volume db1"]["size"] == "10GiB"


@pytest.mark.parametrize("size", ["10G", "10GB", "10gib", "10240MiB", "10737418240"])
def test_every_way_to_write_a_size_is_the_same_size(xtremio: ArrayUnderTest, size: str) -> None:
    xtremio.done("flash_volume", name="db1", size="10GiB")
    assert not xtremio.done("flash_volume", name="db1", size=size).changed


def test_a_size_is_rounded_up_to_what_the_array_makes(array: ArrayUnderTest) -> None:
    made = array.converges("flash_volume", name="db1", size=str(GIB + 1))
    granularity = array.capabilities.granularity
    assert made["volume"]["size"] == GIB + granularity == array.volumes()["db1"]["size"]


def test_a_volume_is_extended(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    made = array.converges("flash_volume", name="db1", size="20GiB")
    assert array.volumes()["db1"]["size"] == 20 * GIB
    assert made["plan"] == ["extend volume db1 from 10GiB to 20GiB"]
    assert (before(made["diff"]), after(made["diff"])) == (
        {"volume db1": {"size": "10GiB"}},
        {"volume db1": {"size": "20GiB"}},
    )


def test_without_a_size_a_volume_that_is_there_stays_as_it_is(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    again = array.done("flash_volume", name="db1")
    assert not again.changed
    assert again["volume"]["size"] == 10 * GIB


def test_a_volume_is_renamed_and_the_second_run_knows(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="old", size="10GiB")
    number = array.volumes()["old"]["id"]
    made = array.converges_if("rename_volume", "flash_volume", name="new", rename_from="old")
    if made is None:
        return
    assert array.volumes()["new"]["id"] == number
    assert "old" not in array.volumes()
    assert made["plan"] == ["rename volume old to new"]


def test_a_volume_is_renamed_and_extended_at_once(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="old", size="10GiB")
    made = array.converges_if("rename_volume", "flash_volume", name="new", rename_from="old", size="20GiB")
    assert array.volumes()["new" if made else "old"]["size"] == (20 if made else 10) * GIB


def test_with_nothing_to_rename_the_volume_is_created(array: ArrayUnderTest) -> None:
    array.converges("flash_volume", name="new", rename_from="old", size="10GiB")
    assert set(array.volumes()) == {"new"}


def test_nothing_is_renamed_onto_a_volume_that_is_there(array: ArrayUnderTest) -> None:
    array.done("flash_volume", volumes=[{"name": "old"}, {"name": "new"}], size="10GiB")
    again = array.done("flash_volume", name="new", rename_from="old")
    assert not again.changed
    assert again.warnings == ["volume new is there already, so old keeps its name"]


def test_a_volume_is_deleted(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    if array.unused:
        why = ("this array cannot be asked whether db1 is mapped", "assume_unmapped")
        array.refuses("flash_volume", *why, name="db1", state="absent", kind="refused")
    made = array.converges("flash_volume", name="db1", state="absent", **array.unused)
    assert array.volumes() == {}
    assert made["volume"]["state"] == "absent"
    assert made["volume"]["size"] is None
    assert plan_lines(made["diff"]) == ["- delete volume db1  [destructive]"]
    assert list(before(made["diff"])) == ["volume db1"]
    assert after(made["diff"]) == {}


def test_deleting_what_is_not_there_is_done_already(array: ArrayUnderTest) -> None:
    assert not array.done("flash_volume", name="db1", state="absent").changed


def test_a_volume_is_cloned(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    made = array.converges("flash_volume", name="test1", source_volume="db1")
    clone, source = array.volumes()["test1"], array.volumes()["db1"]
    assert clone["content"] == source["content"]
    assert clone["size"] == 10 * GIB
    assert clone["writable"]
    assert made["volume"]["source"] == "db1"
    assert made["plan"] == ["clone volume db1 to test1"]


def test_a_clone_can_be_larger_than_its_source(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    array.converges("flash_volume", name="test1", source_volume="db1", size="15GiB")
    assert array.volumes()["test1"]["size"] == 15 * GIB
    assert array.volumes()["db1"]["size"] == 10 * GIB


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


def test_a_clone_of_what_is_not_there(array: ArrayUnderTest) -> None:
    array.refuses("flash_volume", "there is no volume db1", name="test1", source_volume="db1", kind="not_found")


def test_a_volume_that_was_a_clone_is_not_made_again_when_its_source_is_gone(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    array.done("flash_volume", name="test1", source_volume="db1")
    with array.library() as client:
        client.delete_volume(client.volumes(["db1"]).named("db1"))
    assert not array.done("flash_volume", name="test1", source_volume="db1").changed


def test_a_volume_is_made_from_a_snapshot(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    array.done("flash_snapshot", name="monday", volume="db1")
    content = array.volumes()["monday"]["content"]
    array.converges("flash_volume", name="test1", source_snapshot="monday")
    array.converges("flash_volume", name="test2", source_snapshot="monday", source_volume="db1", size="12GiB")
    volumes = array.volumes()
    assert volumes["test1"]["content"] == volumes["test2"]["content"] == content
    assert (volumes["test1"]["size"], volumes["test2"]["size"]) == (10 * GIB, 12 * GIB)


def test_a_snapshot_of_another_volume_is_not_taken_for_it(array: ArrayUnderTest) -> None:
    array.done("flash_volume", volumes=[{"name": "db1"}, {"name": "db2"}], size="10GiB")
    array.done("flash_snapshot", name="monday", volume="db1")
    by_volume = array.capabilities.snapshots_found_by == "by_volume"
    array.refuses(
        "flash_volume",
        "there is no snapshot monday of volume db2" if by_volume else "snapshot monday is not one of volume db2",
        name="test1",
        source_snapshot="monday",
        source_volume="db2",
        kind="not_found" if by_volume else "invalid",
    )


def test_a_volume_joins_a_group_that_is_made_for_it(array: ArrayUnderTest) -> None:
    made = array.converges_if("groups", "flash_volume", name="db1", size="10GiB", group="db")
    if made is None:
        return
    array.converges("flash_volume", name="db2", size="10GiB", group="db")
    (group,) = [one for one in array.state()["groups"] if one["name"] == "db"]
    assert sorted(group["members"]) == ["db1", "db2"]
    assert made["volume"]["groups"] == ["db"]


def test_a_volume_that_is_there_joins_a_group(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    array.converges_if("groups", "flash_volume", name="db1", group="db")


def test_the_pool_and_provisioning_that_the_array_has_are_taken(array: ArrayUnderTest) -> None:
    pool = array.pool
    provisioning = array.capabilities.provisioning[0]
    made = array.converges("flash_volume", name="db1", size="10GiB", pool=pool, provisioning=provisioning)
    assert (made["volume"]["pool"], made["volume"]["provisioning"]) == (pool, provisioning)


def test_a_pool_that_is_not_there(array: ArrayUnderTest) -> None:
    unchanged, result = array.state(), array.volume(name="db1", size="10GiB", pool="nowhere")
    assert result.failed
    assert "there is no pool nowhere" in result.msg
    assert array.state() == unchanged


def test_each_provisioning_is_made_or_refused(array: ArrayUnderTest) -> None:
    for provisioning in ("thick", "thin", "dedup"):
        task = {"name": f"db-{provisioning}", "size": "10GiB", "provisioning": provisioning}
        if provisioning in array.capabilities.provisioning:
            assert array.done("flash_volume", **task)["volume"]["provisioning"] == provisioning
        else:
            array.refuses("flash_volume", task["name"], f"does not make {provisioning}", **task)


def test_a_volume_that_is_there_with_another_pool_is_not_taken_for_it(array: ArrayUnderTest) -> None:
    made = array.done("flash_volume", name="db1", size="10GiB")
    if array.done("flash_volume", name="db1")["volume"]["pool"] is None:
        result = array.done("flash_volume", name="db1", pool=made["volume"]["pool"])
        assert not result.changed
        assert result.warnings == ["the array does not report the pool of volume db1, so it was not compared"]
        return
    array.refuses("flash_volume", "db1", "not nowhere", name="db1", pool="nowhere", kind="conflict")


def test_an_unknown_property_is_an_error(array: ArrayUnderTest) -> None:
    array.refuses(
        "flash_volume", "no option colour", name="db1", size="10GiB", array_options={"colour": "red"}, kind="invalid"
    )


@pytest.mark.hosts
def test_the_result_tells_the_mappings_and_the_snapshots(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    array.done("flash_snapshot", name="monday", volume="db1")
    array.done("flash_host_map", host="server", initiators=[array.row.initiators[0]], volume="db1", **array.lun(7))
    volume = array.done("flash_volume", name="db1")["volume"]
    (lun,) = array.luns().values()
    told = array.facts(gather_subset=["mappings", "snapshots"])
    if volume["mappings"] is None:
        # Not told, since it takes requests of its own that a task which leaves the mappings alone does without.
        volume["mappings"] = told["mappings"]
    if volume["snapshots"] is None:
        volume["snapshots"] = [snapshot["name"] for snapshot in told["snapshots"]]
    assert volume["mappings"] == [{"host": "server", "volume": "db1", "lun": lun, "device": None}]
    assert volume["snapshots"] == ["monday"]
    assert volume["serial"] == (array.volumes()["db1"]["wwn"] or None)
