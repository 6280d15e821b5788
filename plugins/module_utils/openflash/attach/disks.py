# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""This host's disks: found by identity, verified with the disk itself before they are used, and removed again.

``Tree`` has the paths of ``dev``, ``sys``, ``proc`` and ``etc``. With another root than ``/`` a disk may be a plain
file, whose identity is read from ``device/vpd_pg83`` under ``sys/block``.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import stat
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Iterator, List, Optional, Set, Tuple

from ..errors import Conflict, FlashError, InUse, Timeout
from ..transport.deadline import Deadline
from ..units import format_size

SECTOR = 512
# linux/fs.h and scsi/sg.h
_BLKFLSBUF = 0x1261
_SG_IO = 0x2285
_SG_FROM_DEVICE = -3
_PAGE_83 = 0x83
_PAGE_LENGTH = 252


class Tree:
    """The directories in which the kernel shows its devices."""

    def __init__(self, root: str = "/") -> None:
        self.root = root
        self.real = os.path.normpath(root) == "/"
        self.dev = os.path.join(root, "dev")
        self.sys = os.path.join(root, "sys")
        self.proc = os.path.join(root, "proc")
        self.etc = os.path.join(root, "etc")

    def read(self, *parts: str) -> str:
        """The text of a file, stripped; empty when it does not exist, since a device may disappear at any time."""
        try:
            with open(os.path.join(*parts), encoding="utf-8", errors="replace") as stream:
                return stream.read().strip()
        except OSError:
            return ""

    def names(self, *parts: str) -> List[str]:
        """The sorted names in a directory; none when it does not exist."""
        try:
            return sorted(os.listdir(os.path.join(*parts)))
        except OSError:
            return []

    def write(self, text: str, *parts: str) -> None:
        """Write to a file of the kernel. A file that does not exist is ignored.

        :raises FlashError: the file cannot be written, or refuses the text.
        """
        try:
            descriptor = os.open(os.path.join(*parts), os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
                return
            raise FlashError(
                "%s cannot be written: %s" % (os.path.join(*parts), error.strerror),
                hint="Attaching a volume needs root (become: true).",
            ) from None
        try:
            os.write(descriptor, text.encode("ascii"))
        except OSError as error:
            if error.errno not in (errno.ENODEV, errno.ENXIO, errno.EPIPE):
                raise FlashError("%s refuses %r: %s" % (os.path.join(*parts), text, error.strerror)) from None
        finally:
            os.close(descriptor)


@dataclass(frozen=True)
class Disk:
    """A volume as a block device of this host."""

    path: str
    """The multipath device where there is one, else one of its paths."""
    serial: str
    """NAA identity in lower-case hex."""
    size: int
    """The size on the array, in bytes."""
    multipath: Optional[str] = None
    """The name of the multipath device, such as ``dm-3``."""


class Disks:
    """The disks of one tree."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    # -- finding -------------------------------------------------------------------------------------------------------

    def find(self, serial: str, size: int) -> Optional[Disk]:
        """The disk with this identity, or None while there is none. It is verified when it is opened."""
        by_id = os.path.join(self.tree.dev, "disk", "by-id")
        for link, multipath in (("dm-uuid-mpath-3" + serial, True), ("wwn-0x" + serial, False)):
            path = os.path.join(by_id, link)
            if os.path.lexists(path):
                name = os.path.basename(os.path.realpath(path) if self.tree.real else os.readlink(path))
                device = os.path.join(self.tree.dev, name)
                is_multipath = multipath or name.startswith("dm-")
                return Disk(device, serial, size, name if is_multipath else None)
        paths = self.paths(serial)
        if paths and not self.tree.names(by_id):
            # Without udev, as in a container, there are no links.
            return Disk(os.path.join(self.tree.dev, paths[0]), serial, size)
        return None

    def paths(self, serial: str) -> List[str]:
        """The names of the paths to this disk, such as sda and sdc, by the identity that the kernel has for them."""
        blocks = self.tree.names(self.tree.sys, "block")
        return [name for name in blocks if self._kernel_identity(name) == serial]

    def _kernel_identity(self, name: str) -> str:
        """The identity that the kernel read when the path appeared; empty when it read none."""
        text = self.tree.read(self.tree.sys, "block", name, "device", "wwid").lower()
        return text[4:] if text.startswith(("naa.", "eui.")) else text

    def stale(self, serial: str) -> List[str]:
        """The names of stale paths: they had another identity when they appeared, and answer with this one now.

        That happens when the array uses a LUN again for another volume.
        """
        found = []
        for name in self.tree.names(self.tree.sys, "block"):
            if not os.path.isdir(os.path.join(self.tree.sys, "block", name, "device")):
                continue
            if self._kernel_identity(name) in ("", serial):
                continue
            try:
                with self._open(os.path.join(self.tree.dev, name), os.O_RDONLY) as descriptor:
                    if serial in self._identities(descriptor, name):
                        found.append(name)
            except OSError:
                continue
        return found

    def paths_at(self, lun: int) -> List[Tuple[str, str]]:
        """(name, directory in sysfs) of every path to this LUN of any target: sda and .../1:0:0:5."""
        found = []
        for name in self.tree.names(self.tree.sys, "block"):
            home = os.path.realpath(os.path.join(self.tree.sys, "block", name, "device"))
            if re.match(r"[0-9]+:[0-9]+:[0-9]+:%d\Z" % lun, os.path.basename(home)):
                found.append((name, home))
        return found

    def identity(self, name: str) -> Optional[str]:
        """The identity with which a path answers now; None when it does not answer.

        :raises Conflict: it had another identity when it appeared, so the kernel has it as another disk.
        """
        try:
            with self._open(os.path.join(self.tree.dev, name), os.O_RDONLY) as descriptor:
                found = self._identities(descriptor, name)
        except OSError:
            return None
        known = self._kernel_identity(name)
        if known and known in found:
            return known
        if known and found:
            raise Conflict(
                "this host still has %s as an earlier volume" % name,
                hint="Delete the stale path on this host (echo 1 > /sys/block/%s/device/delete) and run again." % name,
            )
        return found[0] if found else None

    # -- opening -------------------------------------------------------------------------------------------------------

    @contextmanager
    def reading(self, disk: Disk) -> Iterator[int]:
        """A file descriptor for reading, of a disk whose identity is verified."""
        with self._opened(disk, os.O_RDONLY) as descriptor:
            yield descriptor

    @contextmanager
    def writing(self, disk: Disk) -> Iterator[int]:
        """A file descriptor for writing, of a disk whose identity is verified and that is not in use on this host.

        :raises InUse: the disk is mounted, part of another device, swap space, or locked by another program.
        """
        self._check_unclaimed(disk.path)
        with self._opened(disk, os.O_RDWR | os.O_EXCL) as descriptor:
            try:
                # Excludes another run of this library, and programs that respect such locks, as udev does.
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise InUse("another program on this host has %s locked" % disk.path) from None
            yield descriptor

    @contextmanager
    def _opened(self, disk: Disk, flags: int) -> Iterator[int]:
        try:
            opened = self._open(disk.path, flags)
            descriptor = opened.__enter__()
        except OSError as error:
            if error.errno == errno.EBUSY:
                raise InUse("%s is in use on this host" % disk.path) from None
            if error.errno in (errno.EACCES, errno.EPERM):
                raise FlashError(
                    "%s cannot be opened: %s" % (disk.path, error.strerror), hint="Run the task with become: true."
                ) from None
            raise Conflict(
                "%s does not answer: %s" % (disk.path, error.strerror),
                hint="It may be a stale path of an earlier volume: delete it on this host (echo 1 > "
                "/sys/block/%s/device/delete) and run again." % os.path.basename(disk.path),
            ) from None
        try:
            self._check_identity(disk, descriptor)
            yield descriptor
        finally:
            opened.__exit__(None, None, None)

    @contextmanager
    def _open(self, path: str, flags: int) -> Iterator[int]:
        descriptor = os.open(path, flags | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _check_identity(self, disk: Disk, descriptor: int) -> None:
        """Compare with what the disk itself answers, since a link or the kernel's record may be outdated.

        :raises Conflict: it is another disk, has another size, or is not a block device.
        """
        if self.tree.real and not stat.S_ISBLK(os.fstat(descriptor).st_mode):
            raise Conflict("%s is not a block device" % disk.path)
        found = self._identities(descriptor, os.path.basename(disk.path))
        if disk.serial not in found:
            raise Conflict(
                "%s answers with the identity %s and not %s: its LUN has been used again for another volume"
                % (disk.path, " or ".join(found) or "none", disk.serial),
                hint="Delete the stale path on this host (echo 1 > /sys/block/%s/device/delete) and run again."
                % os.path.basename(disk.path),
            )
        size = os.lseek(descriptor, 0, os.SEEK_END)
        if size != disk.size:
            raise Conflict(
                "%s has %s on this host and %s on the array" % (disk.path, format_size(size), format_size(disk.size)),
                hint="Rescan the disk on this host (echo 1 > /sys/block/%s/device/rescan)."
                % os.path.basename(disk.path),
            )

    def _identities(self, descriptor: int, name: str) -> Tuple[str, ...]:
        if stat.S_ISBLK(os.fstat(descriptor).st_mode):
            page = inquire_page_83(descriptor)
        else:
            try:
                with open(os.path.join(self.tree.sys, "block", name, "device", "vpd_pg83"), "rb") as stream:
                    page = stream.read()
            except OSError:
                page = b""
        return parse_page_83(page)

    def is_used(self, name: str) -> bool:
        """Whether the disk is mounted, swap space, part of another device, or open for exclusive use on this host."""
        path = os.path.join(self.tree.dev, name)
        try:
            self._check_unclaimed(path)
            with self._open(path, os.O_RDONLY | os.O_EXCL):
                return False
        except InUse:
            return True
        except OSError as error:
            return error.errno == errno.EBUSY

    def _check_unclaimed(self, path: str) -> None:
        """:raises InUse: it is mounted, swap space, or part of another device (LVM, RAID, dm-crypt) on this host."""
        name = os.path.basename(path)
        partitions = [part for part in self.tree.names(self.tree.sys, "block", name) if part.startswith(name)]
        for part in [name] + partitions:
            folder = (self.tree.sys, "block", name) if part == name else (self.tree.sys, "block", name, part)
            holders = self.tree.names(*folder, "holders")
            if holders:
                raise InUse("%s is part of %s on this host" % (part, ", ".join(holders)))
            number = self.tree.read(*folder, "dev")
            for line in self.tree.read(self.tree.proc, "self", "mountinfo").splitlines():
                fields = line.split()
                if (number and fields[2:3] == [number]) or "/dev/" + part in fields:
                    mount_point = fields[4] if len(fields) > 4 else "an unknown directory"
                    raise InUse("%s is mounted on %s on this host" % (part, mount_point))
            for line in self.tree.read(self.tree.proc, "swaps").splitlines():
                if line.split()[:1] == ["/dev/" + part]:
                    raise InUse("%s is swap space of this host" % part)

    # -- removing ------------------------------------------------------------------------------------------------------

    def flush(self, disk: Disk) -> None:
        """Write what this host's memory holds of the disk, and drop what was read."""
        try:
            with self._open(disk.path, os.O_RDONLY) as descriptor:
                os.fsync(descriptor)
                if stat.S_ISBLK(os.fstat(descriptor).st_mode):
                    fcntl.ioctl(descriptor, _BLKFLSBUF)
        except OSError:
            pass  # a disk that does not answer has nothing to flush

    def delete(self, disk: Disk, deadline: Deadline) -> None:
        """Remove every path to the disk from this host, before the volume is unmapped on the array.

        :raises Timeout: a path is still there at the deadline.
        """
        self.flush(disk)
        deleted: Set[str] = set()
        while True:
            names = self.paths(disk.serial)
            if not names:
                return
            # Also paths that have appeared since: a scan of one adapter may end after the copy through another.
            for name in [name for name in names if name not in deleted]:
                self.tree.write("1", self.tree.sys, "block", name, "device", "delete")
                deleted.add(name)
            if not deadline.pause():
                raise Timeout("%s did not disappear from this host" % ", ".join(names))


def inquire_page_83(descriptor: int) -> bytes:
    """INQUIRY for the device identification page, sent to the disk itself (SPC-3, 6.4); empty when it does not answer.

    The page in sysfs would not do: it is that of the moment at which the disk appeared, and the array may since have
    used the LUN again for another volume.
    """
    command = (ctypes.c_ubyte * 6)(0x12, 0x01, _PAGE_83, 0, _PAGE_LENGTH, 0)
    data = (ctypes.c_ubyte * _PAGE_LENGTH)()
    sense = (ctypes.c_ubyte * 32)()
    # struct sg_io_hdr: interface, direction, lengths, pointers, timeout (ms), flags and the results
    header = bytearray(
        struct.pack(
            "@iiBBHIPPPIIiPBBBBHHiII",
            ord("S"),
            _SG_FROM_DEVICE,
            len(command),
            len(sense),
            0,
            _PAGE_LENGTH,
            ctypes.addressof(data),
            ctypes.addressof(command),
            ctypes.addressof(sense),
            10000,
            0,
            0,
            0,
            *([0] * 9),
        )
    )
    try:
        fcntl.ioctl(descriptor, _SG_IO, header)
    except OSError:
        return b""
    status = struct.unpack("@iiBBHIPPPIIiPBBBBHHiII", bytes(header))[13]
    return b"" if status else bytes(data)


def parse_page_83(page: bytes) -> Tuple[str, ...]:
    """The NAA, EUI-64 and UUID identities of the logical unit, in lower-case hex (SPC-3, 7.6.3)."""
    if len(page) < 4 or page[1] != _PAGE_83:
        return ()
    end = min(len(page), 4 + int.from_bytes(page[2:4], "big"))
    found = []
    at = 4
    while at + 4 <= end:
        binary, kind, length = page[at] & 0x0F == 1, page[at + 1], page[at + 3]
        value = page[at + 4 : at + 4 + length]
        of_logical_unit = kind & 0x30 == 0
        if binary and of_logical_unit and kind & 0x0F in (2, 3, 10) and len(value) == length:
            found.append(bytes(value).hex())
        at += 4 + length
    return tuple(found)
