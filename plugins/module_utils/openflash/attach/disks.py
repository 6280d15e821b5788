# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""This host's disks: found by identity, verified with the disk itself before they are used, and removed again.

``Tree`` says where ``dev``, ``sys``, ``proc`` and ``etc`` are. With another root than ``/`` a disk may be a plain file,
and ``device/vpd_pg83`` under ``sys/block`` then stands for asking the disk itself.
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
    """The folders in which the kernel shows its devices."""

    def __init__(self, root: str = "/") -> None:
        self.root = root
        self.real = os.path.normpath(root) == "/"
        self.dev = os.path.join(root, "dev")
        self.sys = os.path.join(root, "sys")
        self.proc = os.path.join(root, "proc")
        self.etc = os.path.join(root, "etc")

    def read(self, *parts: str) -> str:
        """The text of a file, stripped; empty when there is none, as files of a vanishing device."""
        try:
            with open(os.path.join(*parts), encoding="utf-8", errors="replace") as stream:
                return stream.read().strip()
        except OSError:
            return ""

    def names(self, *parts: str) -> List[str]:
        """What a folder holds; nothing when it is not there."""
        try:
            return sorted(os.listdir(os.path.join(*parts)))
        except OSError:
            return []

    def write(self, text: str, *parts: str) -> None:
        """Write to a file of the kernel. One that does not exist any more is ignored."""
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
                raise FlashError("%s does not take %r: %s" % (os.path.join(*parts), text, error.strerror)) from None
        finally:
            os.close(descriptor)


@dataclass(frozen=True)
class Disk:
    """A volume as a block device of this host."""

    path: str
    """Multipath where there is one, else one of its paths."""
    serial: str
    """NAA identity in lower-case hex."""
    size: int
    multipath: Optional[str] = None
    """The name of the multipath device, such as ``dm-3``."""


class Disks:
    """The disks of one tree."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    # -- finding -------------------------------------------------------------------------------------------------------

    def find(self, serial: str, size: int) -> Optional[Disk]:
        """The disk with this identity, or None while there is none. Not asked yet whether it is what its link says."""
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
            # Without udev, as in a container, nobody makes links.
            return Disk(os.path.join(self.tree.dev, paths[0]), serial, size)
        return None

    def paths(self, serial: str) -> List[str]:
        """The names of every path that the kernel took for this disk when it found it: sda, sdc."""
        blocks = self.tree.names(self.tree.sys, "block")
        return [name for name in blocks if self._known_as(name) == serial]

    def _known_as(self, name: str) -> str:
        text = self.tree.read(self.tree.sys, "block", name, "device", "wwid").lower()
        return text[4:] if text.startswith(("naa.", "eui.")) else text

    def stale(self, serial: str) -> List[str]:
        """Paths taken for another disk when they were found, that answer with this identity now: a LUN re-used."""
        found = []
        for name in self.tree.names(self.tree.sys, "block"):
            if not os.path.isdir(os.path.join(self.tree.sys, "block", name, "device")):
                continue
            if self._known_as(name) in ("", serial):
                continue
            try:
                with self._open(os.path.join(self.tree.dev, name), os.O_RDONLY) as descriptor:
                    if serial in self._identities(descriptor, name):
                        found.append(name)
            except OSError:
                continue
        return found

    def behind(self, lun: int) -> List[Tuple[str, str]]:
        """(name, folder under sys) of every path to a LUN of this number, whoever's it is: sda behind 1:0:0:5."""
        found = []
        for name in self.tree.names(self.tree.sys, "block"):
            home = os.path.realpath(os.path.join(self.tree.sys, "block", name, "device"))
            if re.match(r"[0-9]+:[0-9]+:[0-9]+:%d\Z" % lun, os.path.basename(home)):
                found.append((name, home))
        return found

    def identity(self, name: str) -> Optional[str]:
        """Who a path says it is, asked now; None when it does not answer.

        :raises Conflict: the kernel takes it for somebody else.
        """
        try:
            with self._open(os.path.join(self.tree.dev, name), os.O_RDONLY) as descriptor:
                found = self._identities(descriptor, name)
        except OSError:
            return None
        known = self._known_as(name)
        if known and known in found:
            return known
        if known and found:
            raise Conflict(
                "this host takes %s for an earlier volume" % name,
                hint="Delete the stale path on this host (echo 1 > /sys/block/%s/device/delete) and run again." % name,
            )
        return found[0] if found else None

    # -- opening -------------------------------------------------------------------------------------------------------

    @contextmanager
    def reading(self, disk: Disk) -> Iterator[int]:
        """A file descriptor that can only read, of a disk that has said who it is."""
        with self._opened(disk, os.O_RDONLY) as descriptor:
            yield descriptor

    @contextmanager
    def writing(self, disk: Disk) -> Iterator[int]:
        """A file descriptor to write with, of a disk that has said who it is and that nobody on this host uses."""
        self._check_unclaimed(disk.path)
        with self._opened(disk, os.O_RDWR | os.O_EXCL) as descriptor:
            try:
                # Another run of ours has it locked; whoever else respects such locks (udev does) keeps off meanwhile.
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
                    "%s cannot be opened: %s" % (disk.path, error.strerror), hint="It needs root (become: true)."
                ) from None
            raise Conflict(
                "%s does not answer: %s" % (disk.path, error.strerror),
                hint="It may be what an earlier volume left behind: delete it on this host (echo 1 > "
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
        """The disk's own word, not a link's and not what the kernel remembers."""
        if self.tree.real and not stat.S_ISBLK(os.fstat(descriptor).st_mode):
            raise Conflict("%s is not a block device" % disk.path)
        found = self._identities(descriptor, os.path.basename(disk.path))
        if disk.serial not in found:
            raise Conflict(
                "%s says that it is %s, not %s: its LUN has been re-used"
                % (disk.path, " or ".join(found) or "nobody", disk.serial),
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
        """Whether this host has the disk mounted, swaps on it, built upon it, or has it open for exclusive use."""
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
        """InUse when this host has it mounted, swaps on it, or built something on it (LVM, RAID, dm-crypt)."""
        name = os.path.basename(path)
        partitions = [part for part in self.tree.names(self.tree.sys, "block", name) if part.startswith(name)]
        for part in [name] + partitions:
            home = (self.tree.sys, "block", name) if part == name else (self.tree.sys, "block", name, part)
            holders = self.tree.names(*home, "holders")
            if holders:
                raise InUse("%s is part of %s on this host" % (part, ", ".join(holders)))
            number = self.tree.read(*home, "dev")
            for line in self.tree.read(self.tree.proc, "self", "mountinfo").splitlines():
                words = line.split()
                if (number and words[2:3] == [number]) or "/dev/" + part in words:
                    where = words[4] if len(words) > 4 else "something"
                    raise InUse("%s is mounted on %s on this host" % (part, where))
            for line in self.tree.read(self.tree.proc, "swaps").splitlines():
                if line.split()[:1] == ["/dev/" + part]:
                    raise InUse("%s is swap space of this host" % part)

    # -- taking away ---------------------------------------------------------------------------------------------------

    def flush(self, disk: Disk) -> None:
        """Let nothing that was read or written stay in this host's memory."""
        try:
            with self._open(disk.path, os.O_RDONLY) as descriptor:
                os.fsync(descriptor)
                if stat.S_ISBLK(os.fstat(descriptor).st_mode):
                    fcntl.ioctl(descriptor, _BLKFLSBUF)
        except OSError:
            pass  # a disk that does not answer has nothing to flush

    def delete(self, disk: Disk, deadline: Deadline) -> None:
        """Take every path to the disk away from this host, before the array does."""
        self.flush(disk)
        told: Set[str] = set()
        while True:
            names = self.paths(disk.serial)
            if not names:
                return
            # Also those that only came since: a scan of one adapter may end after the copy through another.
            for name in [name for name in names if name not in told]:
                self.tree.write("1", self.tree.sys, "block", name, "device", "delete")
                told.add(name)
            if not deadline.pause():
                raise Timeout("%s did not leave this host" % ", ".join(names))


def inquire_page_83(descriptor: int) -> bytes:
    """INQUIRY for the device identification page, sent to the disk itself (SPC-3, 6.4); empty when it does not answer.

    A disk that answers with another identity than its link is exactly what this looks for, so sysfs, which remembers
    the answer from the day the disk was found, will not do.
    """
    command = (ctypes.c_ubyte * 6)(0x12, 0x01, _PAGE_83, 0, _PAGE_LENGTH, 0)
    data = (ctypes.c_ubyte * _PAGE_LENGTH)()
    sense = (ctypes.c_ubyte * 32)()
    # struct sg_io_hdr: interface, direction, lengths, pointers, timeout (ms), flags and what comes back
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
