# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Import and export of images on every array: the bytes are right, and a repeated task changes nothing."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from tests.images.lab import GIB, MIB, Lab, qemu_img, sha256
from tests.support.diffs import after, before, plan_lines
from tests.support.running import wait_until


@pytest.mark.older
def test_64_mib_are_imported_cloned_and_exported_unchanged(lab: Lab) -> None:
    """What is exported is a clone of a snapshot, extended to twice the size."""
    source = lab.raw(size=64 * MIB)
    imported = lab.imported(source)
    size = imported["volume"]["size"]
    assert imported.changed
    assert size == lab.smallest_volume(64 * MIB)
    assert imported["image"]["checksums"] == {"sha256": sha256(source)}
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
def test_an_image_that_a_volume_holds_is_not_imported_again(lab: Lab) -> None:
    """Without a write where the array has a note of the image; on the others the volume is attached and read."""
    image = lab.image("qcow2", lab.raw())
    unchanged, mark = lab.array.state(), lab.array.mark()
    predicted = lab.run(path=image, check=True, diff=True)
    assert predicted.changed
    assert predicted["api"]["writes"] == 0
    assert lab.array.state() == unchanged
    assert lab.array.writes(mark) == []

    imported = lab.run(path=image, diff=True)
    assert not imported.failed, imported.msg
    lab.assert_nothing_unfinished()
    assert imported.changed
    assert imported["plan"] == predicted["plan"]
    assert set(imported["image"]) == set(predicted["image"])
    assert set(imported["volume"]) == set(predicted["volume"])
    assert imported["diff"][0] == predicted["diff"][0]
    assert [line.lstrip("+~ ") for line in plan_lines(imported["diff"])] == imported["plan"]
    assert before(imported["diff"]) == {}
    assert list(after(imported["diff"])) == ["volume golden"]
    assert lab.volumes() == {"golden"}

    content, mark = lab.content("golden"), lab.array.mark()
    for check in (True, False):
        repeated = lab.run(path=image, check=check, diff=True)
        assert not repeated.failed, repeated.msg
        assert (repeated.changed, repeated["plan"]) == (False, [])
        assert repeated["diff"] == []
        assert (lab.array.writes(mark) == []) == (check or lab.row.notes)
        assert repeated.warnings == []
    lab.assert_nothing_unfinished()
    assert lab.volumes() == {"golden"}
    assert lab.content("golden") == content


@pytest.mark.few
def test_another_image_takes_the_name_and_the_old_volume_is_kept(lab: Lab) -> None:
    first, second, third = (lab.raw(f"{seed}.raw", seed=seed) for seed in (1, 2, 3))
    lab.imported(first)
    contents = [lab.content("golden")]
    predicted = lab.run(path=second, check=True)
    imported = lab.imported(second)
    assert imported.changed
    assert imported["plan"] == predicted["plan"]
    kept = imported["image"]["kept"]
    assert re.fullmatch(r"golden-old-\d{8}T\d{6}Z", kept)
    assert lab.volumes() == {"golden", kept}
    contents.append(lab.content("golden"))
    assert lab.content(kept) == contents[0] != contents[1]

    imported = lab.imported(third, keep_old=0)
    assert imported.changed
    assert imported["image"]["kept"] is None
    assert lab.volumes() == {"golden"}
    assert lab.content("golden") not in contents


@pytest.mark.few
def test_only_the_newest_old_volume_remains_by_default(lab: Lab) -> None:
    lab.imported(lab.raw("1.raw", seed=1))
    kept: list[Any] = []
    for seed in (2, 3):
        wait_until(lambda: time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) not in "".join(kept), 10, "the clock stands")
        kept.append(lab.imported(lab.raw(f"{seed}.raw", seed=seed))["image"]["kept"])
    assert lab.volumes() == {"golden", kept[1]}


@pytest.mark.few
def test_an_image_is_imported_again_into_a_volume_that_a_host_wrote_to(lab: Lab) -> None:
    """Where the array has a note of the image, the volume is not read, and only force imports it again."""
    source = lab.raw()
    lab.imported(source)
    content = lab.content("golden")
    lab.write_as_a_host("golden")
    assert lab.content("golden") != content
    repeated = lab.imported(source)
    assert repeated.changed == (not lab.row.notes)
    forced = lab.imported(source, force=True, keep_old=0)
    assert forced.changed
    assert lab.content("golden") == content


def test_a_sparse_image_stays_sparse(lab: Lab) -> None:
    """An image of 64 MiB of which 1 MiB is not zero takes at most 4 MiB, on the array and as an exported file."""
    source = lab.raw(size=64 * MIB, data=MIB)
    lab.imported(source)
    assert MIB <= lab.allocated("golden") <= 4 * MIB
    out = lab.folder / "out.qcow2"
    lab.exported(out, verify=False)
    assert out.stat().st_blocks * 512 <= 4 * MIB


@pytest.mark.few
def test_a_volume_has_the_requested_size_and_grows(lab: Lab) -> None:
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
    # A smaller image does not make the volume smaller: clones of it may need the size.
    predicted = lab.run(path=other, check=True)
    imported = lab.imported(other)
    assert imported["plan"] == predicted["plan"]
    assert "of 3GiB" in imported["plan"][0]
    assert imported["volume"]["size"] == predicted["volume"]["size"] == 3 * GIB


@pytest.mark.few
def test_progress_is_written_to_a_file(lab: Lab) -> None:
    progress = lab.folder / "progress.json"
    lab.imported(lab.raw(), progress_file=progress)
    report = json.loads(progress.read_text())
    assert (report["volume"], report["phase"], report["percent"], report["bytes"]) == ("golden", "done", 100.0, 4 * MIB)
    lab.refused("there is no image", path=lab.folder / "missing", progress_file=progress)
    lab.refused(
        "there is no image", check_mode=False, name="other", path=lab.folder / "missing", progress_file=progress
    )
    assert json.loads(progress.read_text())["phase"] == "failed"


# ---- export ----------------------------------------------------------------------------------------------------------


@pytest.mark.few
def test_check_mode_assumes_an_image_and_a_volume_that_earlier_tasks_make(lab: Lab) -> None:
    image = lab.folder / "fetched-before.qcow2"
    predicted = lab.run(path=image, check=True, diff=True)
    assert not predicted.failed, predicted.msg
    assert predicted["assumes"] == [f"image {image}"]
    assert predicted["plan"][0] == f"if image {image} is made first: copy image {image} into a new volume"
    assert (predicted["volume"]["size"], predicted["volume"]["state"]) == (None, "ready")
    out = lab.folder / "made-before" / "out.raw"
    predicted = lab.run(path=out, state="exported", format="raw", check=True)
    assert predicted["assumes"] == [f"folder {out.parent}", "volume golden"]
    assert predicted["plan"][0].endswith(f"write volume golden to {out} (raw)")
    lab.refused("there is no image", check_mode=False, path=image)
    lab.refused("there is no folder", check_mode=False, path=out, state="exported")


@pytest.mark.few
def test_an_export_is_complete_and_not_repeated(lab: Lab) -> None:
    lab.imported(lab.raw())
    out = lab.folder / "out.qcow2"
    predicted = lab.run(path=out, state="exported", checksum_file=True, check=True)
    assert predicted.changed
    assert not out.exists()
    assert predicted["api"]["writes"] == 0
    exported = lab.exported(out, checksum_file=True)
    assert exported.changed
    assert exported["plan"][:2] == predicted["plan"]
    assert exported["image"]["checksums"] == {"sha256": sha256(out)}
    assert (lab.folder / "out.qcow2.sha256").read_text() == f"{sha256(out)}  out.qcow2\n"
    assert out.stat().st_mode & 0o777 == 0o600
    repeated = lab.exported(out, checksum_file=True)
    assert (repeated.changed, repeated["plan"]) == (False, [])
    lab.imported(out, name="copy")
    assert lab.content("copy") == lab.content("golden")


@pytest.mark.few
def test_the_export_of_a_snapshot_has_the_content_of_the_snapshot(lab: Lab) -> None:
    source = lab.raw()
    lab.imported(source)
    lab.done("flash_snapshot", name="monday", volume="golden")
    lab.write_as_a_host("golden")
    out = lab.folder / "out.raw"
    exported = lab.exported(out, format="raw", snapshot="monday", verify=False)
    assert "snapshot monday of volume golden" in exported["plan"][0]
    with out.open("rb") as stream:
        assert stream.read(4 * MIB) == source.read_bytes()
    tuesday: dict[str, Any] = {"path": out, "state": "exported", "snapshot": "tuesday"}
    lab.refused("snapshot tuesday of volume golden is not there", check_mode=False, **tuesday)
    predicted = lab.run(check=True, **tuesday)
    assert predicted["assumes"] == ["snapshot tuesday of volume golden"]
    assert predicted["plan"][0].startswith("if snapshot tuesday of volume golden is made first: write")


def test_a_mapped_volume_is_exported_from_a_copy(lab: Lab) -> None:
    """Or the export is refused, on an array without instant copies."""
    lab.imported(lab.raw())
    if lab.array.capabilities.mappings_known != "of_all_hosts":
        # This array cannot report which hosts have the volume, so it is always copied first.
        lab.exported(lab.folder / "out.qcow2", verify=False, assume_unmapped=None)
        assert lab.volumes() == {"golden"}
        return
    lab.map_to_another_host("golden")
    mappings = lab.array.luns()
    if lab.array.capabilities.method("clone_volume").kind == "host_copy":
        lab.refused(
            "would not be of one point in time", path=lab.folder / "out.raw", state="exported", check_mode=False
        )
    else:
        mark = lab.array.mark()
        lab.exported(lab.folder / "out.raw", format="raw", verify=False)
        assert any("of-img-" in json.dumps(change) for change in lab.array.changes(mark))
    assert lab.array.luns() == mappings


# ---- refused ---------------------------------------------------------------------------------------------------------


def test_a_mapped_volume_is_never_replaced(lab: Lab) -> None:
    lab.imported(lab.raw("1.raw", seed=1))
    lab.map_to_another_host("golden")
    other = lab.raw("2.raw", seed=2)
    unsure: dict[str, Any] = {"assume_unmapped": None}
    texts = (
        ("mapped",)
        if lab.array.capabilities.mappings_known != "of_all_hosts"
        else ("mapped to host other", "force does not")
    )
    for force in (False, True):
        lab.refused(*texts, kind="refused", path=other, force=force, **unsure)
    # The volume holds this image already, so nothing is to be replaced.
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


def test_another_pool_or_provisioning_is_a_conflict_as_in_flash_volume(lab: Lab) -> None:
    """Whether or not the volume holds the image, and before anything is read or fetched."""
    source, other = lab.raw("1.raw", seed=1), lab.raw("2.raw", seed=2)
    existing = lab.imported(source)["volume"]
    wrong: list[dict[str, Any]] = [{"provisioning": "thick" if existing["provisioning"] != "thick" else "thin"}]
    wrong += [{"pool": "another"}] if existing["pool"] is not None else []
    for args in wrong:
        of_flash_volume = lab.array.task("flash_volume", name="golden", **args)
        assert of_flash_volume.failed
        assert of_flash_volume["error"]["kind"] == "conflict"
        for path in (source, other):
            refused = lab.refused("a volume of this name is there with", kind="conflict", path=path, **args)
            assert refused["error"]["reason"] == of_flash_volume["error"]["reason"]


def test_a_provisioning_that_the_array_lacks_is_refused_as_in_flash_volume(lab: Lab) -> None:
    offered = lab.array.capabilities.provisioning
    missing = [kind for kind in ("thick", "thin", "dedup") if kind not in offered]
    for kind in missing:
        of_flash_volume = lab.array.task("flash_volume", name="golden", size="1GiB", provisioning=kind)
        refused = lab.refused("does not make", path=lab.raw(), provisioning=kind)
        assert refused["error"]["reason"] == of_flash_volume["error"]["reason"]
    # A volume that replaces another has the same provisioning and is in the same pool.
    first = lab.imported(lab.raw("1.raw", seed=1), provisioning=offered[-1])["volume"]
    second = lab.imported(lab.raw("2.raw", seed=2))["volume"]
    assert (second["provisioning"], second["pool"]) == (first["provisioning"], first["pool"])


def test_an_old_volume_with_snapshots_is_not_deleted(lab: Lab) -> None:
    """Even with keep_old: 0."""
    lab.imported(lab.raw("1.raw", seed=1))
    content = lab.content("golden")
    lab.done("flash_snapshot", name="monday", volume="golden")
    other = lab.raw("2.raw", seed=2)
    if lab.array.cannot("rename_volume"):
        lab.refused("has snapshots", kind="refused", path=other, keep_old=0)
        return
    predicted = lab.run(path=other, keep_old=0, check=True)
    imported = lab.imported(other, keep_old=0)
    kept = imported["image"]["kept"]
    assert imported["plan"] == predicted["plan"]
    assert "keep the existing volume" in " ".join(imported["plan"])
    assert re.fullmatch(r"golden-old-\d{8}T\d{6}Z", kept)
    assert lab.content(kept) == content
    for result in (predicted, imported):
        (warning,) = [text for text in result.warnings if "will be kept" in text]
        assert "it has snapshots: monday" in warning
    repeated = lab.imported(lab.raw("3.raw", seed=3), keep_old=0)
    assert any(f"remains as {kept}" in text for text in repeated.warnings)
    assert kept in lab.volumes()


def test_an_image_larger_than_the_pool_is_refused_before_any_write(lab: Lab) -> None:
    with lab.array.library() as array:
        largest = max(pool.size for pool in array.pools())
    source = lab.folder / "image.qcow2"
    qemu_img("create", "-f", "qcow2", source, str(largest + GIB))
    mark = lab.array.mark()
    # A Datera pool has room for more than its largest volume, which is refused as well.
    possible = largest + GIB <= lab.array.capabilities.largest
    text, kind = ("no pool has room", "no_space") if possible else ("makes volumes from", "invalid")
    lab.refused(text, kind=kind, path=source, max_size="1PiB")
    assert lab.volumes() == set()
    assert lab.array.writes(mark) == []


def test_a_failed_copy_leaves_nothing_unfinished(lab: Lab) -> None:
    lab.imported(lab.raw("1.raw", seed=1))
    content = lab.content("golden")
    slow = lab.raw("2.raw", size=64 * MIB, seed=2)
    result = lab.run(path=slow, copy_timeout=0.02)
    assert result.failed
    assert "did not end within 0.02 s" in result.msg
    assert result["error"]["kind"] == "timeout"
    lab.assert_nothing_unfinished()
    assert lab.volumes() == {"golden"}
    assert lab.content("golden") == content


def test_a_failed_last_clone_reports_where_the_old_content_is(dsware: Lab) -> None:
    """This array cannot rename: by then the old volume is deleted, and a copy of it is kept."""
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
