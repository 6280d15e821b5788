# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""flash_snapshot on every array."""

from __future__ import annotations

import pytest

from tests.module.arrays import GIB, ArrayUnderTest, next_second


@pytest.fixture
def db1(array: ArrayUnderTest) -> ArrayUnderTest:
    """The array with a volume db1 of 10 GiB."""
    array.done("flash_volume", name="db1", size="10GiB")
    return array


@pytest.mark.every_row
def test_a_snapshot_is_taken(db1: ArrayUnderTest) -> None:
    result = db1.converges("flash_snapshot", name="monday", volume="db1")
    taken = db1.volumes()["monday"]
    copied = db1.capabilities.method("create_snapshots").kind == "host_copy"
    assert taken["parent"] == (None if copied else "db1")
    assert taken["content"] == db1.volumes()["db1"]["content"]
    assert result["snapshot"]["volume"] == "db1"
    assert result["snapshot"]["size"] == 10 * GIB
    proven = result["snapshot"]["proven"]
    assert proven is db1.capabilities.proves_snapshots
    if proven or db1.capabilities.snapshot_names == "with_volumes":
        assert proven is not taken["writable"]
    assert result["plan"] == ["create snapshot monday of volume db1"]


@pytest.mark.common
def test_a_snapshot_of_a_missing_volume_is_refused(db1: ArrayUnderTest) -> None:
    made = db1.needs("volume db2", "flash_snapshot", "there is no volume db2", name="monday", volume="db2")
    assert made["plan"] == ["if volume db2 is made first: create snapshot monday of volume db2"]
    assert (made["snapshot"]["size"], made["snapshot"]["size_text"]) == (None, None)


@pytest.mark.common
def test_a_snapshot_needs_its_volume(db1: ArrayUnderTest) -> None:
    db1.refuses("flash_snapshot", "snapshot monday needs the volume", name="monday", kind="invalid")


def test_a_name_of_another_snapshot_is_refused_where_names_are_shared(db1: ArrayUnderTest) -> None:
    db1.done("flash_volume", name="db2", size="10GiB")
    db1.done("flash_snapshot", name="monday", volume="db1")
    if db1.capabilities.snapshot_names != "per_volume":
        db1.refuses("flash_snapshot", "of this name is there, of volume db1", name="monday", volume="db2")
    else:
        db1.converges("flash_snapshot", name="monday", volume="db2")


def test_a_name_of_a_volume_is_refused_where_names_are_shared(db1: ArrayUnderTest) -> None:
    db1.done("flash_volume", name="db2", size="10GiB")
    if db1.capabilities.snapshot_names == "with_volumes":
        db1.refuses("flash_snapshot", "share their names", name="db1", volume="db1", kind="conflict")
        before, result = db1.state(), db1.snapshot(name="db2", volume="db1")
        assert result.failed
        assert result["error"]["kind"] == "conflict"
        assert db1.state() == before
    else:
        db1.converges("flash_snapshot", name="db2", volume="db1")


def test_a_snapshot_is_deleted(db1: ArrayUnderTest) -> None:
    db1.done("flash_snapshot", name="monday", volume="db1")
    result = db1.converges("flash_snapshot", name="monday", volume="db1", state="absent")
    assert set(db1.volumes()) == {"db1"}
    assert result["snapshot"]["state"] == "absent"
    assert result["plan"] == ["delete snapshot monday of volume db1"]


@pytest.mark.common
def test_a_snapshot_is_deleted_by_its_name_alone(db1: ArrayUnderTest) -> None:
    db1.done("flash_snapshot", name="monday", volume="db1")
    db1.converges("flash_snapshot", name="monday", state="absent")


@pytest.mark.every_row
def test_a_live_volume_is_never_deleted_as_a_snapshot(db1: ArrayUnderTest) -> None:
    db1.done("flash_snapshot", name="db1", state="absent")
    assert set(db1.volumes()) == {"db1"}


# ---- snapshots of one instant ----------------------------------------------------------------------------------------

ATOMIC = [{"name": "data-monday", "volume": "db1"}, {"name": "logs-monday", "volume": "logs"}]


@pytest.mark.every_row
def test_snapshots_are_taken_at_one_instant(db1: ArrayUnderTest) -> None:
    db1.done("flash_volume", name="logs", size="1GiB")
    mark = db1.mark()
    result = db1.converges_if("atomic_snapshots", "flash_snapshot", atomic=True, snapshots=ATOMIC)
    if result is None:
        return
    assert [snapshot["name"] for snapshot in result["snapshots"]] == ["data-monday", "logs-monday"]
    assert result["plan"] == ["create snapshots at one instant: data-monday of volume db1, logs-monday of volume logs"]
    sets = {entry["about"].get("set") for entry in db1.changes(mark) if "snapshot" in entry["change"]}
    assert len(sets) <= 1


@pytest.mark.common
def test_an_incomplete_set_of_an_earlier_instant_is_a_conflict(db1: ArrayUnderTest) -> None:
    db1.done("flash_volume", name="logs", size="1GiB")
    if db1.refuses_without("atomic_snapshots", "flash_snapshot", atomic=True, snapshots=ATOMIC):
        return
    db1.done("flash_snapshot", name="data-monday", volume="db1")
    before, result = db1.state(), db1.snapshot(atomic=True, snapshots=ATOMIC)
    assert result.failed
    assert not result.changed
    assert result["error"]["kind"] == "conflict"
    assert "data-monday is there already" in result.msg
    assert db1.state() == before


@pytest.mark.common
def test_no_snapshot_of_a_set_is_taken_when_a_volume_is_missing(db1: ArrayUnderTest) -> None:
    why = db1.cannot("atomic_snapshots")
    if why:
        result = db1.refuses("flash_snapshot", why, atomic=True, snapshots=ATOMIC)
        assert all(one["error"] for one in result["snapshots"])
    else:
        task = {"atomic": True, "snapshots": ATOMIC}
        made = db1.needs("volume logs", "flash_snapshot", "there is no volume logs", kind=None, **task)
        assert len(made["plan"]) == 1


def test_a_snapshot_of_a_group_has_a_snapshot_of_each_member(db1: ArrayUnderTest) -> None:
    if db1.cannot("groups"):
        db1.refuses("flash_snapshot", str(db1.cannot("groups")), name="monday", group="db")
        return
    db1.done("flash_volume", volumes=[{"name": "db1"}, {"name": "db2", "size": "1GiB"}], group="db")
    result = db1.converges("flash_snapshot", name="monday", group="db")
    assert [member["name"] for member in result["snapshot"]["members"]] == ["db1.monday", "db2.monday"]
    assert {"db1.monday", "db2.monday"} < set(db1.volumes())
    db1.converges("flash_snapshot", name="monday", group="db", state="absent")
    assert set(db1.volumes()) == {"db1", "db2"}


@pytest.mark.common
def test_a_missing_group_is_reported(db1: ArrayUnderTest) -> None:
    of_group = {"name": "monday", "group": "db"}
    if not db1.refuses_without("groups", "flash_snapshot", **of_group):
        made = db1.needs("consistency group db", "flash_snapshot", "there is no consistency group db", **of_group)
        assert made["snapshot"]["members"] == []


# ---- restore ---------------------------------------------------------------------------------------------------------

RESTORE = {"name": "monday", "volume": "db1", "state": "restored", "backup": "before-restore"}


@pytest.mark.every_row
def test_a_restore_keeps_the_present_content_as_the_backup(db1: ArrayUnderTest) -> None:
    db1.done("flash_snapshot", name="monday", volume="db1")
    db1.write("db1", GIB)
    of_snapshot, of_volume = db1.volumes()["monday"]["content"], db1.volumes()["db1"]["content"]
    result = db1.converges_if("restore_snapshot", "flash_snapshot", **RESTORE)
    if result is None:
        return
    assert db1.volumes()["db1"]["content"] == of_snapshot
    assert db1.volumes()["before-restore"]["content"] == of_volume
    assert result["snapshot"]["name"] == "monday"


def test_a_restore_is_not_repeated(db1: ArrayUnderTest) -> None:
    db1.done("flash_snapshot", name="monday", volume="db1")
    if db1.refuses_without("restore_snapshot", "flash_snapshot", **RESTORE):
        return
    db1.done("flash_snapshot", **RESTORE)
    db1.write("db1", GIB)
    content = db1.volumes()["db1"]["content"]
    repeated = db1.done("flash_snapshot", **RESTORE)
    assert not repeated.changed
    assert db1.volumes()["db1"]["content"] == content
    assert repeated.warnings == ["the backup before-restore is there, so volume db1 has been restored before"]


@pytest.mark.common
def test_a_restore_needs_a_backup(db1: ArrayUnderTest) -> None:
    db1.done("flash_snapshot", name="monday", volume="db1")
    db1.refuses(
        "flash_snapshot", "needs volume and backup", name="monday", volume="db1", state="restored", kind="invalid"
    )


@pytest.mark.common
def test_a_restore_from_a_missing_snapshot_is_refused(db1: ArrayUnderTest) -> None:
    if db1.cannot("restore_snapshot"):
        db1.refuses("flash_snapshot", str(db1.cannot("restore_snapshot")), **RESTORE)
        return
    what = "snapshot monday of volume db1"
    made = db1.needs(what, "flash_snapshot", "volume db1 has no snapshot monday", **RESTORE)
    assert made["plan"] == [], "nothing is overwritten on an assumption"
    assert not made.changed


@pytest.mark.hosts
@pytest.mark.common
def test_a_mapped_volume_is_restored_only_with_unmap(db1: ArrayUnderTest) -> None:
    db1.done("flash_snapshot", name="monday", volume="db1")
    db1.done("flash_host_map", host="server", initiators=[db1.row.initiators[0]], volume="db1")
    reason = db1.cannot("restore_snapshot")
    db1.refuses("flash_snapshot", reason or "it is mapped to host server", **RESTORE)
    if reason is None:
        db1.converges("flash_snapshot", **RESTORE, unmap=True)
        assert db1.luns() == {}


# ---- retention -------------------------------------------------------------------------------------------------------


@pytest.mark.every_row
def test_the_newest_snapshots_are_kept(db1: ArrayUnderTest) -> None:
    for name in ("nightly-1", "nightly-2", "nightly-3"):
        db1.done("flash_snapshot", name=name, volume="db1")
        next_second()
    db1.done("flash_snapshot", name="other-1", volume="db1")
    keep = {"name": "nightly-4", "volume": "db1", "keep": 2, "prefix": "nightly-"}
    if not db1.capabilities.proves_snapshots:
        db1.refuses("flash_snapshot", "does not prove that an object is a snapshot", **keep, kind="refused")
        return
    result = db1.converges("flash_snapshot", **keep)
    assert set(db1.volumes()) == {"db1", "other-1", "nightly-3", "nightly-4"}
    assert sorted(result["plan"]) == [
        "create snapshot nightly-4 of volume db1",
        "delete snapshot nightly-1 of volume db1",
        "delete snapshot nightly-2 of volume db1",
    ]


@pytest.mark.hosts
def test_an_old_snapshot_with_children_is_kept(db1: ArrayUnderTest) -> None:
    for name in ("nightly-1", "nightly-2"):
        db1.done("flash_snapshot", name=name, volume="db1")
    if not db1.capabilities.proves_snapshots:
        keep = {"name": "nightly-3", "volume": "db1", "keep": 1, "prefix": "nightly-"}
        db1.refuses("flash_snapshot", "does not prove that an object is a snapshot", **keep, kind="refused")
        return
    next_second()
    db1.done("flash_volume", name="test1", source_snapshot="nightly-1")
    db1.done("flash_host_map", host="server", initiators=[db1.row.initiators[0]], volume="db1")
    (snapshot,) = db1.facts(gather_subset=["snapshots"], filters={"snapshots": ["nightly-1"]})["snapshots"]
    result = db1.done("flash_snapshot", name="nightly-3", volume="db1", keep=1, prefix="nightly-")
    copied = db1.capabilities.method("volume_from_snapshot").kind != "instant"
    if snapshot["children"] == [] or (copied and not snapshot["children"]):
        # A copy is independent of its snapshot, and on some arrays so is a volume that shares data with it.
        assert set(db1.volumes()) == {"db1", "test1", "nightly-3"}
        return
    assert set(db1.volumes()) == {"db1", "test1", "nightly-1", "nightly-3"}
    assert "snapshot nightly-1 is old and stays: test1 was made of it" in result.warnings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": 2}, "keep and prefix go together"),
        ({"prefix": "nightly-"}, "keep and prefix go together"),
        ({"keep": 0, "prefix": "nightly-"}, "would remove every snapshot"),
        ({"keep": 2, "prefix": "ni"}, "shorter than 3 characters"),
        ({"keep": 2, "prefix": "weekly-"}, "does not begin with the prefix"),
    ],
)
def test_an_impossible_retention_is_refused(xtremio: ArrayUnderTest, options: dict[str, object], message: str) -> None:
    xtremio.done("flash_volume", name="db1", size="10GiB")
    xtremio.refuses("flash_snapshot", message, name="nightly-1", volume="db1", **options, kind="invalid")
