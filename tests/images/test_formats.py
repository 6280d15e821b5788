# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Import and export of every format; images that are hostile, damaged, or not what the task expects."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.images.lab import GIB, MIB, Lab, qemu_img, random_file, sha256
from tests.support.clients import client_python

ROOT = Path(__file__).resolve().parents[2]
FORMATS = ("qcow2", "vmdk", "vhdx")
SECRET = b"of-secret-of-this-host!" * 64


@pytest.mark.parametrize("image_format", FORMATS)
def test_images_of_every_format_are_imported_and_exported(dsware: Lab, image_format: str) -> None:
    raw = dsware.raw()
    image = dsware.image(image_format, raw)
    imported = dsware.imported(image)
    assert (imported["image"]["format"], imported["image"]["virtual_size"]) == (image_format, 4 * MIB)
    assert dsware.imported(raw).changed is False, "the same content in another format"
    out = dsware.folder / f"out.{image_format}"
    exported = dsware.exported(out, format=image_format)
    assert exported["image"]["format"] == image_format
    qemu_img("compare", "-f", "raw", "-F", image_format, raw, out)
    assert dsware.exported(out, format=image_format).changed is False
    assert dsware.run(path=out, state="exported", format="raw", check=True).changed


@pytest.mark.parametrize("image_format", ["qcow2", "vmdk"])
def test_an_image_is_compressed_on_request(dsware: Lab, image_format: str) -> None:
    raw = dsware.raw()
    raw.write_bytes(b"compress me well " * (4 * MIB // 17) + bytes(4 * MIB % 17))
    dsware.imported(raw)
    plain, small = (dsware.folder / f"{name}.{image_format}" for name in ("plain", "small"))
    dsware.exported(plain, format=image_format)
    dsware.exported(small, format=image_format, compress=True)
    assert small.stat().st_size < plain.stat().st_size / 4
    assert dsware.imported(small, name="copy").changed
    assert dsware.content("copy") == dsware.content("golden")


def test_a_file_that_is_replaced_keeps_its_mode(dsware: Lab) -> None:
    dsware.imported(dsware.raw())
    out = dsware.folder / "out.qcow2"
    out.write_text("something else")
    out.chmod(0o640)
    assert dsware.exported(out).changed
    assert out.stat().st_mode & 0o777 == 0o640
    assert out.read_bytes()[:4] == b"QFI\xfb"


# ---- hostile ---------------------------------------------------------------------------------------------------------


def with_backing_file(folder: Path, raw: Path) -> Path:
    path = folder / "hostile.qcow2"
    qemu_img("create", "-f", "qcow2", "-b", folder / "secret", "-F", "raw", path)
    return path


def with_backing_file_only_in_json(folder: Path, raw: Path) -> Path:
    path = folder / "hostile.qcow2"
    name = '{"driver":"raw","file":{"driver":"file","filename":"%s"}}' % (folder / "secret")
    qemu_img("create", "-f", "qcow2", "-u", "-b", f"json:{name}", "-F", "raw", path, str(MIB))
    return path


def with_data_file(folder: Path, raw: Path) -> Path:
    path = folder / "hostile.qcow2"
    data = folder / "data"
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={data},data_file_raw=on", path, str(MIB))
    data.unlink()
    data.symlink_to(folder / "secret")
    return path


def a_vmdk_descriptor(folder: Path, raw: Path) -> Path:
    path = folder / "hostile.vmdk"
    path.write_text(_descriptor(folder))
    return path


def _descriptor(folder: Path) -> str:
    lines = ("# Disk DescriptorFile", "version=1", "CID=1", "parentCID=ffffffff", 'createType="monolithicFlat"')
    return "\n".join((*lines, f'RW 2 FLAT "{folder / "secret"}" 0\n'))


def a_vmdk_descriptor_in_a_sparse_header(folder: Path, raw: Path) -> Path:
    """The header has a capacity of 0, for which QEMU reads the embedded descriptor as one that names extents."""
    path = folder / "hostile.vmdk"
    text = _descriptor(folder)
    head = struct.pack("<4sIIQQQQ", b"KDMV", 1, 3, 0, 128, 1, 20)
    path.write_bytes(head.ljust(512, b"\0") + text.encode().ljust(20 * 512, b"\0"))
    return path


def a_vmdk_with_extents(folder: Path, raw: Path) -> Path:
    return _vmdk(folder, raw, b'createType="monolithicSparse"', b'createType="twoGbMaxExtentF"')


def a_vmdk_with_a_parent(folder: Path, raw: Path) -> Path:
    hint = f'parentFileNameHint="{folder / "secret"}"'.encode()
    return _vmdk(folder, raw, b"parentCID=ffffffff\n", b"parentCID=00000001\n" + hint + b"\n")


def _vmdk(folder: Path, raw: Path, old: bytes, new: bytes) -> Path:
    path = folder / "hostile.vmdk"
    qemu_img("convert", "-f", "raw", "-O", "vmdk", raw, path)
    data = path.read_bytes()
    offset, length = (sectors * 512 for sectors in struct.unpack_from("<QQ", data, 28))
    text = data[offset : offset + length].rstrip(b"\0")
    assert old in text
    changed = text.replace(old, new).ljust(length, b"\0")
    path.write_bytes(data[:offset] + changed + data[offset + length :])
    return path


def an_encrypted_image(folder: Path, raw: Path) -> Path:
    """The header of an image that qemu-img made with encrypt.format=luks, stored because making one takes seconds."""
    path = folder / "hostile.qcow2"
    header = bytes.fromhex(Path(__file__).with_name("luks_header.txt").read_text())
    assert header.startswith(b"QFI\xfb")
    path.write_bytes(header.ljust(36 * 64 * 1024, b"\0"))
    return path


def a_bomb(folder: Path, raw: Path) -> Path:
    path = folder / "hostile.qcow2"
    qemu_img("create", "-f", "qcow2", "-o", "cluster_size=2M", path, "80T")
    return path


def half_of(image_format: str) -> Callable[[Path, Path], Path]:
    def half(folder: Path, raw: Path) -> Path:
        path = folder / f"half.{image_format}"
        qemu_img("convert", "-f", "raw", "-O", image_format, raw, path)
        os.truncate(path, path.stat().st_size // 2)
        return path

    half.__name__ = f"half_of_{image_format}"
    return half


def a_truncated_raw_image(folder: Path, raw: Path) -> Path:
    os.truncate(raw, 3 * MIB + 17)
    return raw


def a_header_alone(folder: Path, raw: Path) -> Path:
    path = folder / "half.qcow2"
    path.write_bytes(b"QFI\xfb\0\0\0\3")
    return path


def an_image_marked_as_corrupt(folder: Path, raw: Path) -> Path:
    path = folder / "broken.qcow2"
    qemu_img("convert", "-f", "raw", "-O", "qcow2", raw, path)
    with path.open("r+b") as stream:
        stream.seek(72)
        stream.write(struct.pack(">Q", 2))
    return path


def a_vdi(folder: Path, raw: Path) -> Path:
    path = folder / "foreign.vdi"
    qemu_img("convert", "-f", "raw", "-O", "vdi", raw, path)
    return path


def an_empty_file(folder: Path, raw: Path) -> Path:
    path = folder / "empty"
    path.touch()
    return path


def a_device(folder: Path, raw: Path) -> Path:
    return Path("/dev/zero")


def a_folder(folder: Path, raw: Path) -> Path:
    return folder


BAD = (
    (with_backing_file, "refused", "has a backing file"),
    (with_backing_file_only_in_json, "refused", "has a backing file"),
    (with_data_file, "refused", "keeps its data in another file"),
    (a_vmdk_descriptor, "refused", "only names the files"),
    (a_vmdk_descriptor_in_a_sparse_header, "refused", "names other files"),
    (a_vmdk_with_extents, "refused", "which keeps its data in other files"),
    (a_vmdk_with_a_parent, "refused", "has a parent"),
    (an_encrypted_image, "refused", "is encrypted"),
    (a_bomb, "invalid", "a disk of 80TiB, and max_size is 64TiB"),
    (half_of("qcow2"), "conflict", "damaged or truncated"),
    (half_of("vmdk"), None, ""),
    (half_of("vhdx"), None, ""),
    (a_truncated_raw_image, "conflict", "not a multiple of 512"),
    (a_header_alone, "conflict", "truncated within its header"),
    (an_image_marked_as_corrupt, "conflict", "marked as corrupt"),
    (a_vdi, "invalid", "is VDI, which is not supported"),
    (an_empty_file, "conflict", "is empty"),
    (a_device, "refused", "is not a file"),
    (a_folder, None, "is not a file"),
)


# ---- with the inspector of oslo.utils and without it -----------------------------------------------------------------

INSPECTION = """
import os, sys
from openflash.attach import formats
from openflash.errors import FlashError
for path in sys.argv[1:]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        print(formats.check(descriptor))
    except FlashError as error:
        print(error.kind, error.reason)
"""


@pytest.fixture(scope="session", params=["own", "oslo"])
def inspect(request: pytest.FixtureRequest) -> Callable[..., list[str]]:
    """A call that returns the library's verdict on files, in a Python without oslo.utils and in that of a service."""
    python = Path(sys.executable)
    if request.param == "oslo":
        python = client_python(ROOT / "tests" / "openstack" / "requirements-glance.txt")
    command = [str(python), "-c", "import oslo_utils.imageutils.format_inspector"]
    has_oslo = subprocess.run(command, check=False, capture_output=True, timeout=60)
    assert (has_oslo.returncode == 0) == (request.param == "oslo")

    def run(*paths: Path) -> list[str]:
        library = {**os.environ, "PYTHONPATH": str(ROOT / "plugins" / "module_utils")}
        command = [str(python), "-c", INSPECTION, *map(str, paths)]
        completed = subprocess.run(command, env=library, capture_output=True, text=True, check=True, timeout=60)
        return completed.stdout.splitlines()

    return run


# The defects of the others are not in their headers.
BY_THEIR_HEADERS = tuple(
    row for row in BAD if row[1] and row[0] not in (a_bomb, a_device) and row[2] != "damaged or truncated"
)


@pytest.mark.parametrize(
    ("make", "kind", "message"), BY_THEIR_HEADERS, ids=[row[0].__name__ for row in BY_THEIR_HEADERS]
)
def test_a_hostile_header_is_refused_by_both_inspectors(
    inspect: Callable[..., list[str]], tmp_path: Path, make: Callable[[Path, Path], Path], kind: str, message: str
) -> None:
    (tmp_path / "secret").write_bytes(SECRET.ljust(64 * 1024, b"\0"))
    (verdict,) = inspect(make(tmp_path, random_file(tmp_path / "image.raw", 4 * MIB)))
    assert verdict.startswith(f"{kind} ")
    assert message in verdict


def a_partitioned_disk(folder: Path, raw: Path) -> Path:
    path = folder / "disk.raw"
    path.write_bytes(bytes(446) + struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff" * 3, 1, 2048))
    with path.open("r+b") as stream:
        stream.seek(510)
        stream.write(b"\x55\xaaEFI PART")
        stream.truncate(MIB)
    return path


def a_live_system(folder: Path, raw: Path) -> Path:
    """An ISO 9660 file system that also has a partition table, so that it boots from a disk."""
    path = a_partitioned_disk(folder, raw)
    with path.open("r+b") as stream:
        stream.seek(32 * 1024)
        stream.write(b"\1CD001\1")
    return path


def compressed_vmdk(folder: Path, raw: Path) -> Path:
    path = folder / "compressed.vmdk"
    qemu_img("convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, path)
    return path


def test_a_good_image_is_accepted_by_both_inspectors(inspect: Callable[..., list[str]], tmp_path: Path) -> None:
    raw = random_file(tmp_path / "image.raw", 4 * MIB)
    paths = [raw, a_partitioned_disk(tmp_path, raw), compressed_vmdk(tmp_path, raw)]
    for image_format in FORMATS:
        paths.append(tmp_path / f"image.{image_format}")
        qemu_img("convert", "-f", "raw", "-O", image_format, raw, paths[-1])
    assert inspect(*paths) == ["raw", "raw", "vmdk", *FORMATS]
    assert inspect(a_live_system(tmp_path, raw)) == ["raw"]


def test_the_inspector_of_oslo_utils_is_used_where_it_is_installed(
    inspect: Callable[..., list[str]], tmp_path: Path
) -> None:
    """It refuses a feature that QEMU does not have. The own inspector leaves that to QEMU, which opens the image."""
    path = tmp_path / "image.qcow2"
    qemu_img("create", "-f", "qcow2", path, str(MIB))
    with path.open("r+b") as stream:
        stream.seek(72)
        stream.write(struct.pack(">Q", 1 << 40))
    (verdict,) = inspect(path)
    if verdict != "qcow2":
        assert "refused the image does not pass the safety checks of oslo.utils: unknown_features" in verdict
    assert (verdict == "qcow2") == ("own" in os.environ["PYTEST_CURRENT_TEST"])


@pytest.mark.parametrize(("make", "kind", "message"), BAD, ids=[row[0].__name__ for row in BAD])
def test_a_bad_image_is_refused_before_any_write(
    dsware: Lab, make: Callable[[Path, Path], Path], kind: str | None, message: str
) -> None:
    (dsware.folder / "secret").write_bytes(SECRET.ljust(64 * 1024, b"\0"))
    image = make(dsware.folder, dsware.raw())
    mark = dsware.array.mark()
    result = dsware.refused(message, kind=kind, path=image)
    assert dsware.array.writes(mark) == []
    assert "of-secret" not in result.stdout
    assert dsware.volumes() == set()


def test_a_disk_larger_than_max_size_is_refused(dsware: Lab) -> None:
    path = dsware.folder / "image.qcow2"
    qemu_img("create", "-f", "qcow2", path, "2G")
    dsware.refused("a disk of 2GiB, and max_size is 1GiB", "raise max_size", path=path, max_size="1GiB")
    assert dsware.imported(path, max_size="2GiB")["volume"]["size"] == 2 * GIB


def test_an_image_of_another_format_than_requested_is_refused(dsware: Lab) -> None:
    raw = dsware.raw()
    image = dsware.image("qcow2", raw)
    dsware.refused("is qcow2 and not raw", "Set format to qcow2", path=image, format="raw")
    dsware.refused("is raw and not qcow2", path=raw, format="qcow2")
    assert dsware.imported(image, format="qcow2").changed


def test_a_wrong_checksum_is_refused_before_the_image_is_inspected(dsware: Lab) -> None:
    raw = dsware.raw()
    wrong = sha256(raw)[::-1]
    dsware.refused(f"is {sha256(raw)} and not {wrong}", path=raw, checksum=f"sha256:{wrong}")
    dsware.refused("is not a checksum", "64 hexadecimal digits", kind="invalid", path=raw, checksum="md5:123")
    assert dsware.imported(raw, checksum=sha256(raw)).changed


def test_an_image_that_another_program_writes_is_left_alone(dsware: Lab) -> None:
    image = dsware.image("qcow2", dsware.raw())
    command = ["qemu-io", "-f", "qcow2", str(image)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write("write -P 1 0 512\n")
        writer.stdin.flush()
        assert "wrote 512" in writer.stdout.readline() + writer.stdout.readline()
        dsware.refused("another program has the image open", path=image)
        writer.stdin.write("quit\n")
    assert dsware.imported(image).changed


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"size": "1MiB"}, "smaller than the disk of 4MiB"),
        ({"size": "10 apples"}, "is not a size"),
        ({"keep_old": -1}, "keep_old cannot be less than 0"),
        ({"copy_timeout": 0}, "copy_timeout must be more than 0"),
        ({"chap_username": "somebody"}, "go together"),
        ({"snapshot": "monday"}, "snapshot is not one of state imported"),
        ({"pool": "nowhere"}, "no pool nowhere"),
        ({"array_options": {"colour": "red"}}, "no option colour"),
        ({"name": "no such/name"}, "is not a name that this array takes"),
        ({"path": "ftp://host/image"}, "neither a path nor an http or https URL"),
        ({"path": "http://host/image"}, "needs its checksum"),
        ({"path": "/nowhere/image"}, "there is no image /nowhere/image"),
        ({"state": "exported", "path": "/nowhere/image"}, "there is no folder /nowhere"),
        ({"state": "exported", "path": "/tmp/out", "size": "1GiB"}, "size is not one of state exported"),
        ({"state": "exported", "path": "/dev/null"}, "is not a file"),
        ({"state": "exported", "path": "/tmp/of-out.raw", "format": "raw", "compress": True}, "cannot be compressed"),
        ({"state": "exported", "path": "/tmp/of-out.raw"}, "volume golden is not there"),
        ({"progress_file": "/nowhere/progress"}, "progress_file /nowhere/progress cannot be written"),
    ],
)
def test_bad_input_is_reported_before_any_write(dsware: Lab, args: dict[str, object], message: str) -> None:
    mark = dsware.array.mark()
    result = dsware.run(**{"path": dsware.raw(), **args})
    assert result.failed, result.msg
    assert message.lower() in result.msg.lower(), result.msg
    assert "Traceback" not in result.stdout + result.stderr
    assert dsware.array.writes(mark) == []
    assert not Path("/tmp/of-out.raw").exists()


def test_without_qemu_img_the_task_says_what_to_install(dsware: Lab) -> None:
    modules = dsware.array.modules
    result = modules.run(
        "flash_image", {**dsware.array.connection, **dsware.args(path=dsware.raw())}, env={"PATH": "/nowhere"}
    )
    assert result.failed
    assert "no program qemu-img on this host" in result.msg
    assert "qemu-utils" in result.msg


def test_qemu_img_runs_with_limits_of_memory_and_processor_time(dsware: Lab) -> None:
    """A program in place of qemu-img reports the limits that it has."""
    image = dsware.image("qcow2", dsware.raw())
    bin_dir = dsware.folder / "bin"
    bin_dir.mkdir()
    program = bin_dir / "qemu-img"
    program.write_text("#!/bin/sh\necho core $(ulimit -c), KiB $(ulimit -v), seconds $(ulimit -t) >&2\nexit 1\n")
    program.chmod(0o755)
    result = dsware.array.modules.run(
        "flash_image",
        {**dsware.array.connection, **dsware.args(path=image)},
        env={"PATH": f"{bin_dir}:{os.environ['PATH']}"},
    )
    assert result.failed
    assert "qemu-img info failed with status 1" in result.msg
    assert "core 0, KiB 1048576, seconds 30" in result.msg
