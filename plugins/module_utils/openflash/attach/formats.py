# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The format of an image file, and whether it may be opened. Both are found from its header, before a program opens it.

An image may refer to other files: a backing file, a data file, extents, a parent. A program that opens the image reads
them, and their content would get into the volume. Such an image is refused.

Where the Python of the task has the format inspector of oslo.utils (the Python of an OpenStack service does), the image
must pass that too. It does not replace the checks here: it accepts a VMDK with a parent and an encrypted QCOW2, and
takes a VMDK whose descriptor is at an unusual place for a raw image.
"""

from __future__ import annotations

import os
import re
import struct
from typing import Optional

from ..errors import Conflict, Invalid, Refused
from ..units import format_size

RAW, QCOW2, VMDK, VHDX = "raw", "qcow2", "vmdk", "vhdx"
FORMATS = (QCOW2, RAW, VHDX, VMDK)
SECTOR = 512

# The first bytes of the formats other than QCOW2. Those that are not in FORMATS are refused.
_FOREIGN = (
    (b"KDMV", VMDK),
    (b"COWD", "an old VMDK"),
    (b"vhdxfile", VHDX),
    (b"conectix", "VHD (vpc)"),
    (b"QED\0", "QED"),
    (b"LUKS\xba\xbe", "LUKS"),
    (b"WithoutFreeSpace", "Parallels"),
    (b"WithouFreSpacExt", "Parallels"),
    (b"Bochs Virtual HD Image", "Bochs"),
)
_VDI_AT, _VDI = 0x40, struct.pack("<I", 0xBEDA107F)
_DESCRIPTOR = b"# Disk DescriptorFile"

# docs/interop/qcow2: magic, version, backing file (offset, length), cluster bits, size, encryption, L1 (length,
# offset), refcounts (offset, clusters), snapshots (number, offset), incompatible features
_QCOW2 = struct.Struct(">4sIQIIQIIQQIIQQ")
_CORRUPT, _DATA_FILE = 2, 4
# The hosted sparse extent of VMDK: magic, version, flags, capacity, grain, descriptor (offset, length), in sectors
_VMDK = struct.Struct("<4sIIQQQQ")
_LONGEST_DESCRIPTOR = 64 * 1024
_OSLO_CHUNK = 4096
# Formats that oslo.utils reports for the content of a raw image
_ON_A_DISK = ("gpt", "iso")
_ONE_FILE = ("monolithicsparse", "streamoptimized")


def probe(descriptor: int) -> str:
    """The format by its magic number; raw when it has none.

    :raises Invalid: it is a known format, but not one of FORMATS.
    :raises Refused: it is a VMDK descriptor, which names other files.
    """
    head = os.pread(descriptor, 512, 0)
    if head[:4] == b"QFI\xfb":
        version = int.from_bytes(head[4:8], "big")
        if version in (2, 3):
            return QCOW2
        raise _not_supported("QCOW version %d" % version)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_DESCRIPTOR):
        raise Refused(
            "it is a VMDK descriptor, which only names the files that hold the data",
            hint="If you trust it, convert it into one file first (qemu-img convert -O qcow2).",
        )
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            if name in FORMATS:
                return name
            raise _not_supported(name)
    if head[_VDI_AT : _VDI_AT + 4] == _VDI:
        raise _not_supported("VDI")
    return RAW


def _not_supported(what: str) -> Invalid:
    return Invalid(
        "the image is %s, which is not supported" % what,
        hint="Convert it first (qemu-img convert -O qcow2). Supported are: %s." % ", ".join(FORMATS),
    )


def check(descriptor: int, desired: Optional[str] = None) -> str:
    """The format of an image that refers to no other file.

    :param desired: the format that it must have.
    :raises Invalid: it has another format.
    :raises Refused: it refers to other files, or is encrypted.
    :raises Conflict: it is truncated or damaged.
    """
    found = probe(descriptor)
    if desired is not None and found != desired:
        raise Invalid(
            "the image is %s and not %s" % (found, desired),
            hint="Set format to %s, or leave it out, if that is what you mean to copy." % found,
        )
    size = os.fstat(descriptor).st_size
    if size == 0:
        raise Conflict("the image is empty")
    if found == QCOW2:
        _check_qcow2(os.pread(descriptor, 512, 0))
    elif found == VMDK:
        _check_vmdk(descriptor, size)
    elif found == RAW and size % SECTOR:
        raise Conflict(
            "the image has %d bytes, which is not a multiple of %d: it is truncated, or not an image" % (size, SECTOR),
            hint="Download it again.",
        )
    _check_by_oslo(descriptor, found)
    return found


def _check_by_oslo(descriptor: int, found: str) -> None:
    """Check the image with oslo.utils, where that is installed.

    :raises Refused: oslo.utils finds another format, or one of its safety checks fails.
    """
    try:
        from oslo_utils.imageutils import format_inspector
    except ImportError:
        return
    if not hasattr(format_inspector.InspectWrapper, "formats"):
        return  # an early release, which takes a raw image of a bootable disk for two formats
    with open("/proc/self/fd/%d" % descriptor, "rb") as stream:
        inspected = format_inspector.InspectWrapper(stream)
        while inspected.formats is None and inspected.read(_OSLO_CHUNK):
            pass
        inspected.close()
    matches = {str(inspector): inspector for inspector in inspected.formats if str(inspector) not in _ON_A_DISK}
    if set(matches) - {RAW} != {found} - {RAW}:
        raise Refused(
            "the image is %s, and oslo.utils takes it for %s" % (found, " and ".join(sorted(matches)) or RAW),
            hint="If you trust it, convert it first (qemu-img convert -O qcow2).",
        )
    if found in matches:
        try:
            matches[found].safety_check()
        except format_inspector.SafetyCheckFailed as error:
            raise Refused(
                "the image does not pass the safety checks of oslo.utils: %s"
                % "; ".join("%s (%s)" % failure for failure in sorted(error.failures.items())),
                hint="If you trust it, convert it first (qemu-img convert -O qcow2).",
            ) from None


def _check_qcow2(head: bytes) -> None:
    if len(head) < _QCOW2.size:
        raise Conflict("the image is truncated within its header", hint="Download it again.")
    (_magic, version, backing, _length, _bits, _size, crypt, _l1, _l1_at, _refs, _refs_length, _n, _at, features) = (
        _QCOW2.unpack(head[: _QCOW2.size])
    )
    if backing:
        raise Refused(
            "the image has a backing file, so it is only a part of an image, and a program that opens it reads that "
            "file too",
            hint="If you trust it, convert it into one file first (qemu-img convert -O qcow2).",
        )
    if crypt:
        raise Refused("the image is encrypted", hint="Decrypt it first (qemu-img convert).")
    if version >= 3 and features & _DATA_FILE:
        raise Refused(
            "the image keeps its data in another file, which a program that opens the image reads",
            hint="If you trust it, convert it into one file first (qemu-img convert -O qcow2).",
        )
    if version >= 3 and features & _CORRUPT:
        raise Conflict("the image is marked as corrupt", hint="Download it again, or repair it (qemu-img check -r).")


def _check_vmdk(descriptor: int, size: int) -> None:
    head = os.pread(descriptor, 512, 0)
    if len(head) < _VMDK.size:
        raise Conflict("the image is truncated within its header", hint="Download it again.")
    _magic, _version, _flags, capacity, _grain, at, length = _VMDK.unpack(head[: _VMDK.size])
    hint = "If you trust it, convert it into one file first (qemu-img convert -O qcow2)."
    if not capacity:
        raise Refused("the VMDK names other files that hold its data", hint=hint)
    if not at or not length:
        return
    if at * SECTOR >= size:
        raise Conflict("the image is truncated before its descriptor", hint="Download it again.")
    raw = os.pread(descriptor, min(length * SECTOR, _LONGEST_DESCRIPTOR), at * SECTOR)
    text = raw.split(b"\0")[0].decode("utf-8", "replace")
    kind = re.search(r"^\s*createType\s*=\s*\"?([^\"\r\n]*)", text, re.MULTILINE | re.IGNORECASE)
    if kind is not None and kind.group(1).strip().lower() not in _ONE_FILE:
        raise Refused(
            "the VMDK has the type %s, which keeps its data in other files" % kind.group(1).strip(), hint=hint
        )
    parent = re.search(r"^\s*parentCID\s*=\s*\"?([^\"\r\n]*)", text, re.MULTILINE | re.IGNORECASE)
    has_parent = parent is not None and parent.group(1).strip().lower() not in ("ffffffff", "")
    if has_parent or "parentfilenamehint" in text.lower():
        raise Refused("the VMDK has a parent, so it is only a part of an image", hint=hint)


def check_size(size: int, largest: int, what: str = "the image") -> int:
    """The size, in bytes, of the disk that an image describes.

    :raises Conflict: it is not above 0.
    :raises Invalid: it is more than ``largest``.
    """
    if size <= 0:
        raise Conflict("%s describes a disk of size 0" % what)
    if size > largest:
        raise Invalid(
            "%s describes a disk of %s, and max_size is %s" % (what, format_size(size), format_size(largest)),
            hint="If you trust the image, raise max_size.",
        )
    return size
