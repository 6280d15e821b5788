# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a file says that it is, and whether it may be opened: read here, before any program that follows what it says.

An image may name other files: a backing file, a data file, extents, a parent. Whoever opens it reads them, and so does
whoever uses the volume it was copied to. Such an image is refused by its header alone.
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

# The first bytes of formats that are known and not taken
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
_ONE_FILE = ("monolithicsparse", "streamoptimized")


def probe(descriptor: int) -> str:
    """The format by its magic number; raw when it has none.

    :raises Invalid: one that is known, and not one of FORMATS.
    """
    head = os.pread(descriptor, 512, 0)
    if head[:4] == b"QFI\xfb":
        version = int.from_bytes(head[4:8], "big")
        if version in (2, 3):
            return QCOW2
        raise _not_taken("QCOW version %d" % version)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_DESCRIPTOR):
        raise Refused(
            "it is a VMDK descriptor, which only names the files that hold the data",
            hint="Make one file of it (qemu-img convert -O qcow2), where you trust it.",
        )
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            if name in FORMATS:
                return name
            raise _not_taken(name)
    if head[_VDI_AT : _VDI_AT + 4] == _VDI:
        raise _not_taken("VDI")
    return RAW


def _not_taken(what: str) -> Invalid:
    return Invalid(
        "the image is %s, which is not taken" % what,
        hint="Convert it first (qemu-img convert -O qcow2). Taken are: %s." % ", ".join(FORMATS),
    )


def check(descriptor: int, wanted: Optional[str] = None) -> str:
    """The format of a file that names no other file.

    :param wanted: the format that it must have.
    :raises Invalid, Refused, Conflict: it is of another format, names other files, or is cut off or broken.
    """
    found = probe(descriptor)
    if wanted is not None and found != wanted:
        raise Invalid(
            "the image is %s and not %s" % (found, wanted),
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
            "the image has %d bytes, which are no whole sectors of %d: it is cut off, or no image" % (size, SECTOR),
            hint="Fetch it again.",
        )
    return found


def _check_qcow2(head: bytes) -> None:
    if len(head) < _QCOW2.size:
        raise Conflict("the image is cut off within its header", hint="Fetch it again.")
    (_magic, version, backing, _length, _bits, _size, crypt, _l1, _l1_at, _refs, _refs_length, _n, _at, features) = (
        _QCOW2.unpack(head[: _QCOW2.size])
    )
    if backing:
        raise Refused(
            "the image has a backing file, so it is only a part of one, and whoever opens it reads that file too",
            hint="Make it whole where you trust it (qemu-img convert -O qcow2).",
        )
    if crypt:
        raise Refused("the image is encrypted", hint="Decrypt it first (qemu-img convert).")
    if version >= 3 and features & _DATA_FILE:
        raise Refused(
            "the image keeps its data in another file, which whoever opens it reads",
            hint="Make it whole where you trust it (qemu-img convert -O qcow2).",
        )
    if version >= 3 and features & _CORRUPT:
        raise Conflict("the image is marked as corrupt", hint="Fetch it again, or repair it (qemu-img check -r).")


def _check_vmdk(descriptor: int, size: int) -> None:
    head = os.pread(descriptor, 512, 0)
    if len(head) < _VMDK.size:
        raise Conflict("the image is cut off within its header", hint="Fetch it again.")
    _magic, _version, _flags, capacity, _grain, at, length = _VMDK.unpack(head[: _VMDK.size])
    hint = "Make one file of it (qemu-img convert -O qcow2), where you trust it."
    if not capacity:
        raise Refused("the VMDK names other files that hold its data", hint=hint)
    if not at or not length:
        return
    if at * SECTOR >= size:
        raise Conflict("the image is cut off before its descriptor", hint="Fetch it again.")
    raw = os.pread(descriptor, min(length * SECTOR, _LONGEST_DESCRIPTOR), at * SECTOR)
    text = raw.split(b"\0")[0].decode("utf-8", "replace")
    kind = re.search(r"^\s*createType\s*=\s*\"?([^\"\r\n]*)", text, re.MULTILINE | re.IGNORECASE)
    if kind is not None and kind.group(1).strip().lower() not in _ONE_FILE:
        raise Refused("the VMDK is of the kind %s, whose data is in other files" % kind.group(1).strip(), hint=hint)
    parent = re.search(r"^\s*parentCID\s*=\s*\"?([^\"\r\n]*)", text, re.MULTILINE | re.IGNORECASE)
    has_parent = parent is not None and parent.group(1).strip().lower() not in ("ffffffff", "")
    if has_parent or "parentfilenamehint" in text.lower():
        raise Refused("the VMDK has a parent, so it is only a part of an image", hint=hint)


def check_size(size: int, largest: int, what: str = "the image") -> int:
    """Bytes of the disk that an image describes; Invalid beyond what the array, or the task, takes."""
    if size <= 0:
        raise Conflict("%s describes a disk of no size" % what)
    if size > largest:
        raise Invalid(
            "%s describes a disk of %s, and %s is the most" % (what, format_size(size), format_size(largest)),
            hint="If you trust the image, raise max_size as far as the array can go.",
        )
    return size
