# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images go in and come out, byte for byte, on every array; what is done already is not done again."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from tests.images.lab import GIB, MIB, Lab, qemu_img, sha256
from tests.support.diffs import after, before, plan_lines


@pytest.mark.older
def test_64_mib_go_in_and_come_out(lab: Lab) -> None:
    """Through snapshot, clone and extend."""
    source = lab.raw(size=64 * MIB)
    made = lab.imported(source)
    size = made["volume"]["size"]
    assert made.changed
    assert size == lab.smallest(64 * MIB)
    assert made["image"]["checksums"] == {"sha256": sha256(source)}
    lab.done("flash_snapshot", name="monday", volume="golden")
    lab.done("flash_volume", name="clone", source_volume="golden", source_snapshot="monday")
    lab.done("flash_volume", name="clone", size=f"{2 * size}B")
    out = lab.folder / "out.raw"
    lab.exported(out, name="clone", format="raw", verify=False)
    assert out.stat().st_size == 2 * size
    with out.open("rb") as stream:
        assert stream.read(64 * MIB) == source.read_bytes()
        assert not stream.read().strip(b"\0")
    assert lab.content("golden") == lab.content("clone")


@pytest.mark.older
def test_what_is_done_is_not_done_again(lab: Lab) -> None:
    """By the array's note, without a write; else by reading the volume."""
    image = lab.image("qcow2", lab.raw())
    unchanged, mark = lab.array.state(), lab.array.mark()
    predicted = lab.run(path=image, check=True, diff=True)
    assert predicted.changed
    assert predicted["api"]["writes"] == 0
    assert lab.array.state() == unchanged
    assert lab.array.writes(mark) == []

    made = lab.run(path=image, diff=True)
    assert not made.failed, made.msg
    lab.nothing_left()
    assert made.changed
    assert made["plan"] == predicted["plan"]
    assert set(made["image"]) == set(predicted["image"])
    assert set(made["volume"]) == set(predicted["volume"])
    assert made["diff"][0] == predicted["diff"][0]
    assert [line.lstrip("+~ ") for line in plan_lines(made["diff"])] == made["plan"]
    assert before(made["diff"]) == {}
    assert list(after(made["diff"])) == ["volume golden"]
    assert lab.volumes() == {"golden"}

    content, mark = lab.content("golden"), lab.array.mark()
    for check in (True, False):
        again = lab.run(path=image, check=check, diff=True)
        assert not again.failed, again.msg
        assert (again.changed, again["plan"]) == (False, [])
        assert again["diff"] == []
        assert (lab.array.writes(mark) == []) == (check or lab.row.notes)
        assert again.warnings == []
    lab.nothing_left()
    assert lab.volumes() == {"golden"}
    assert lab.content("golden") == content


@pytest.mark.few
def test_another_image_swaps_names_and_keeps_the_old_one(lab: Lab) -> None:
    first, second, third = (lab.raw(f"{seed}.raw", seed=seed) for seed in (1, 2, 3))
    lab.imported(first)
    contents = [lab.content("golden")]
    predicted = lab.run(path=second, check=True)
    made = lab.imported(second)
    assert made.changed
    assert made["plan"] == predicted["plan"]
    kept = made["image"]["kept"]
    assert re.fullmatch(r"golden-old-\d{8}T\d{6}Z", kept)
    assert lab.volumes() == {"golden", kept}
    contents.append(lab.content("golden"))
    assert lab.content(kept) == contents[0] != contents[1]

    made = lab.imported(third, keep_old=0)
    assert made.changed
    assert made["image"]["kept"] is None
    assert lab.volumes() == {"golden"}
    assert lab.content("golden") not in contents


@pytest.mark.few
def test_only_as_many_old_ones_stay_as_are_to_be_kept(lab: Lab) -> None:
    lab.imported(lab.raw("1.raw", seed=1))
    kept: list[Any] = []
    for seed in (2, 3):
        while (stamp := time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())) in "".join(kept):
            time.sleep(0.05)
        assert stamp
        kept.append(lab.imported(lab.raw(f"{seed}.raw", seed=seed))["image"]["kept"])
    assert lab.volumes() == {"golden", kept[1]}


@pytest.mark.few
def test_a_volume_that_was_written_to_is_made_anew(lab: Lab) -> None:
    """Where nothing but the volume itself can tell."""
    source = lab.raw()
    lab.imported(source)
    content = lab.content("golden")
    lab.spoil("golden")
    assert lab.content("golden") != content
    again = lab.imported(source)
    assert again.changed == (not lab.row.notes)
    forced = lab.imported(source, force=True, keep_old=0)
    assert forced.changed
    assert lab.content("golden") == content


def test_sparse_stays_sparse(lab: Lab) -> None:
    """An image of 64 MiB with 1 MiB in it takes no more of the array than that, nor does its export."""
    source = lab.raw(size=64 * MIB, data=MIB)
    lab.imported(source)
    assert MIB <= lab.allocated("golden") <= 4 * MIB
    out = lab.folder / "out.qcow2"
    lab.exported(out, verify=False)
    assert out.stat().st_blocks * 512 <= 4 * MIB


@pytest.mark.few
def test_a_volume_is_as_large_as_asked_for_and_grows(lab: Lab) -> None:
    source = lab.raw()
    assert lab.imported(source, size="2GiB")["volume"]["size"] == 2 * GIB
    predicted = lab.run(path=source, size="3GiB", check=True)
    grown = lab.imported(source, size="3GiB")
    assert grown["plan"] == predicted["plan"] == ["extend volume golden from 2GiB to 3GiB"]
    assert grown["volume"]["size"] == 3 * GIB
    other = lab.raw("other.raw", seed=2)
    for path in (source, other):
        lab.refused("making it smaller (1GiB) would destroy data", kind="refused", path=path, size="1GiB")
    assert lab.volumes() == {"golden"}
    # A smaller image makes no smaller volume: whoever clones it relies on its size.
    predicted = lab.run(path=other, check=True)
    made = lab.imported(other)
    assert made["plan"] == predicted["plan"]
    assert "of 3GiB" in made["plan"][0]
    assert made["volume"]["size"] == predicted["volume"]["size"] == 3 * GIB


@pytest.mark.few
def test_progress_is_told_in_a_file(lab: Lab) -> None:
    progress = lab.folder / "progress.json"
    lab.imported(lab.raw(), progress_file=progress)
    told = json.loads(progress.read_text())
    assert (told["volume"], told["phase"], told["percent"], told["bytes"]) == ("golden", "done", 100.0, 4 * MIB)
    lab.refused("there is no image", path=lab.folder / "missing", progress_file=progress)
    assert json.loads(progress.read_text())["phase"] == "failed"


# ---- out -------------------------------------------------------------------------------------------------------------


@pytest.mark.few
def test_an_export_is_whole_and_not_repeated(lab: Lab) -> None:
    lab.imported(lab.raw())
    out = lab.folder / "out.qcow2"
    predicted = lab.run(path=out, state="exported", checksum_file=True, check=True)
    assert predicted.changed
    assert not out.exists()
    assert predicted["api"]["writes"] == 0
    made = lab.exported(out, checksum_file=True)
    assert made.changed
    assert made["plan"][:2] == predicted["plan"]
    assert made["image"]["checksums"] == {"sha256": sha256(out)}
    assert (lab.folder / "out.qcow2.sha256").read_text() == f"{sha256(out)}  out.qcow2\n"
    assert out.stat().st_mode & 0o777 == 0o600
    again = lab.exported(out, checksum_file=True)
    assert (again.changed, again["plan"]) == (False, [])
    lab.imported(out, name="copy")
    assert lab.content("copy") == lab.content("golden")


@pytest.mark.few
def test_a_snapshot_is_exported_and_not_what_the_volume_has_now(lab: Lab) -> None:
    source = lab.raw()
    lab.imported(source)
    lab.done("flash_snapshot", name="monday", volume="golden")
    lab.spoil("golden")
    out = lab.folder / "out.raw"
    made = lab.exported(out, format="raw", snapshot="monday", verify=False)
    assert "snapshot monday of volume golden" in made["plan"][0]
    with out.open("rb") as stream:
        assert stream.read(4 * MIB) == source.read_bytes()
    lab.refused("snapshot tuesday of volume golden is not there", path=out, state="exported", snapshot="tuesday")


def test_what_a_host_uses_is_read_from_a_copy(lab: Lab) -> None:
    """Or refused, where the array makes none in an instant."""
    lab.imported(lab.raw())
    if lab.array.capabilities.mappings_known != "of_all_hosts":
        # Who has the volume this array cannot tell: it is copied first whatever hosts do.
        lab.exported(lab.folder / "out.qcow2", verify=False, assume_unmapped=None)
        assert lab.volumes() == {"golden"}
        return
    lab.map_elsewhere("golden")
    maps = lab.array.luns()
    if lab.array.capabilities.method("clone_volume").kind == "host_copy":
        lab.refused("would not be of one point in time", path=lab.folder / "out.raw", state="exported", both=False)
    else:
        mark = lab.array.mark()
        lab.exported(lab.folder / "out.raw", format="raw", verify=False)
        assert any("of-img-" in json.dumps(one) for one in lab.array.changes(mark))
    assert lab.array.luns() == maps


# ---- refused ---------------------------------------------------------------------------------------------------------


def test_a_target_that_a_host_has_is_never_replaced(lab: Lab) -> None:
    lab.imported(lab.raw("1.raw", seed=1))
    lab.map_elsewhere("golden")
    other = lab.raw("2.raw", seed=2)
    unsure: dict[str, Any] = {"assume_unmapped": None}
    words = (
        ("mapped",)
        if lab.array.capabilities.mappings_known != "of_all_hosts"
        else ("mapped to host other", "force does not")
    )
    for force in (False, True):
        lab.refused(*words, kind="refused", path=other, force=force, **unsure)
    # What it holds is known, so there is nothing to do to it.
    assert lab.run(path=lab.folder / "1.raw", **unsure).changed is False


@pytest.mark.few
def test_a_volume_of_openstack_is_replaced_only_on_request(lab: Lab) -> None:
    name = "volume-0b6f7c2e-6f0d-4b43-9b52-5f3a1b1c9a11"
    for force in (False, True):
        lab.refused("belongs to OpenStack", "openstack_owned", kind="refused", path=lab.raw(), name=name, force=force)
    assert lab.imported(lab.raw(), name=name, openstack_owned=True, keep_old=0).changed
    other = lab.raw("other.raw", seed=2)
    lab.refused("belongs to OpenStack", kind="refused", path=other, name=name)
    assert lab.imported(other, name=name, openstack_owned=True, keep_old=0).changed
    assert lab.volumes() == {name}


def test_another_pool_or_kind_than_the_task_names_is_a_conflict_as_for_flash_volume(lab: Lab) -> None:
    """Whether or not the volume holds the image, and before anything is read or fetched."""
    source, other = lab.raw("1.raw", seed=1), lab.raw("2.raw", seed=2)
    there = lab.imported(source)["volume"]
    wrong: list[dict[str, Any]] = [{"provisioning": "thick" if there["provisioning"] != "thick" else "thin"}]
    wrong += [{"pool": "another"}] if there["pool"] is not None else []
    for args in wrong:
        told = lab.array.task("flash_volume", name="golden", **args)
        assert told.failed
        assert told["error"]["kind"] == "conflict"
        for path in (source, other):
            refused = lab.refused("a volume of this name is there with", kind="conflict", path=path, **args)
            assert refused["error"]["reason"] == told["error"]["reason"]


def test_a_kind_that_the_array_does_not_make_is_refused_as_by_flash_volume(lab: Lab) -> None:
    able = lab.array.capabilities.provisioning
    unable = [kind for kind in ("thick", "thin", "dedup") if kind not in able]
    for kind in unable:
        told = lab.array.task("flash_volume", name="golden", size="1GiB", provisioning=kind)
        refused = lab.refused("does not make", path=lab.raw(), provisioning=kind)
        assert refused["error"]["reason"] == told["error"]["reason"]
    # And a volume that is made anew is of the kind, and in the pool, of the one before.
    first = lab.imported(lab.raw("1.raw", seed=1), provisioning=able[-1])["volume"]
    second = lab.imported(lab.raw("2.raw", seed=2))["volume"]
    assert (second["provisioning"], second["pool"]) == (first["provisioning"], first["pool"])


def test_an_old_volume_with_snapshots_is_not_deleted(lab: Lab) -> None:
    """keep_old: 0 does not permit it."""
    lab.imported(lab.raw("1.raw", seed=1))
    content = lab.content("golden")
    lab.done("flash_snapshot", name="monday", volume="golden")
    other = lab.raw("2.raw", seed=2)
    if lab.array.cannot("rename_volume"):
        lab.refused("has snapshots", kind="refused", path=other, keep_old=0)
        return
    predicted = lab.run(path=other, keep_old=0, check=True)
    made = lab.imported(other, keep_old=0)
    kept = made["image"]["kept"]
    assert made["plan"] == predicted["plan"]
    assert "keep the existing volume" in " ".join(made["plan"])
    assert re.fullmatch(r"golden-old-\d{8}T\d{6}Z", kept)
    assert lab.content(kept) == content
    for result in (predicted, made):
        (warning,) = [text for text in result.warnings if "will be kept" in text]
        assert "it has snapshots: monday" in warning
    again = lab.imported(lab.raw("3.raw", seed=3), keep_old=0)
    assert any(f"remains as {kept}" in text for text in again.warnings)
    assert kept in lab.volumes()


def test_an_image_larger_than_the_pool_is_refused_before_anything_is_made(lab: Lab) -> None:
    with lab.array.library() as array:
        largest = max(pool.size for pool in array.pools())
    source = lab.folder / "image.qcow2"
    qemu_img("create", "-f", "qcow2", source, str(largest + GIB))
    mark = lab.array.mark()
    # A Datera pool has room for more than its largest volume, which is refused as well.
    possible = largest + GIB <= lab.array.capabilities.largest
    words, kind = ("no pool has room", "no_space") if possible else ("makes volumes from", "invalid")
    lab.refused(words, kind=kind, path=source, max_size="1PiB")
    assert lab.volumes() == set()
    assert lab.array.writes(mark) == []


def test_a_copy_that_fails_leaves_nothing(lab: Lab) -> None:
    lab.imported(lab.raw("1.raw", seed=1))
    content = lab.content("golden")
    slow = lab.raw("2.raw", size=64 * MIB, seed=2)
    result = lab.run(path=slow, copy_timeout=0.02)
    assert result.failed
    assert "did not end within 0.02 s" in result.msg
    assert result["error"]["kind"] == "timeout"
    lab.nothing_left()
    assert lab.volumes() == {"golden"}
    assert lab.content("golden") == content


def test_a_last_clone_that_fails_says_where_the_old_content_is(dsware: Lab) -> None:
    """This array cannot rename: the old volume has gone by then, and a copy of it is kept."""
    dsware.imported(dsware.raw("1.raw", seed=1))
    content = dsware.content("golden")
    other = dsware.raw("2.raw", seed=2)
    dsware.array.fault(kind="http_status", match={"path": "snapshot/volume/create"}, skip=1, status=500, count=None)
    try:
        result = dsware.run(path=other, assume_unmapped=True)
    finally:
        dsware.array.clear_faults()
    assert result.failed
    assert result["changed"] is True
    assert result["volume"]["state"] == "absent"
    (kept,) = [name for name in dsware.volumes() if name.startswith("golden-old-")]
    assert f"What volume golden held is in volume {kept}" in result.msg
    assert dsware.content(kept) == content
    assert "golden" not in dsware.volumes()
    assert dsware.imported(other).changed
    assert {"golden", kept} == dsware.volumes()
