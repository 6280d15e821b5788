# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies the content of a disk to another one: without the holes, with progress, and on request with a checksum."""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Optional, Tuple

from ..errors import Conflict, FlashError, NoSpace
from ..transport import interruption

CHUNK = 4 * 1024**2
_ZEROS = bytes(CHUNK)

Progress = Callable[[int, int], None]
"""Called with the bytes that are done, and all of them."""


@dataclass(frozen=True)
class Copied:
    """The result of a copy: bytes read, bytes written, and the checksum of all of them when it was requested."""

    length: int
    written: int
    sha256: Optional[str] = None


def copy(source: int, target: int, length: int, checksum: bool = False, progress: Optional[Progress] = None) -> Copied:
    """Copy the first ``length`` bytes of the source to the target; both are file descriptors.

    Where the source has zeros, the target is read, and written only when it has something else: a new volume may not
    be empty. Returns when the target has stored everything.

    :param checksum: read the target again and compare.
    :raises Conflict: one of them is shorter, before anything is written; or the target does not hold what was written.
    :raises NoSpace, FlashError: one of them cannot be read or written.
    """
    _reaches(source, length, "source")
    _reaches(target, length, "target")
    digest = hashlib.sha256() if checksum else None
    written = 0
    for start, end, is_data in _extents(source, length):
        at = start
        while at < end:
            interruption.check()
            size = min(CHUNK, end - at)
            chunk = _read(source, size, at, "source") if is_data else _ZEROS[:size]
            if digest is not None:
                digest.update(chunk)
            if is_data and chunk != _ZEROS[:size]:
                _write(target, chunk, at)
                written += size
            elif not _is_hole(target, at, size) and _read(target, size, at, "target") != _ZEROS[:size]:
                _write(target, _ZEROS[:size], at)
                written += size
            at += size
            if progress is not None:
                progress(at, length)
    os.fsync(target)
    if digest is None:
        return Copied(length, written)
    if _sha256(target, length) != digest.hexdigest():
        raise Conflict("the target does not hold what was written to it")
    return Copied(length, written, digest.hexdigest())


def _reaches(descriptor: int, length: int, what: str) -> None:
    found = os.lseek(descriptor, 0, os.SEEK_END)
    if found < length:
        raise Conflict("the %s ends at %d of %d bytes" % (what, found, length))


def _extents(descriptor: int, length: int) -> Iterator[Tuple[int, int, bool]]:
    """(start, end, holds data) in order; all is data where holes cannot be found, as on a block device."""
    at = 0
    while at < length:
        data = _seek(descriptor, at, os.SEEK_DATA, length)
        if data is None:
            yield at, length, True
            return
        if data > at:
            yield at, data, False
        if data < length:
            hole = _seek(descriptor, data, os.SEEK_HOLE, length)
            end = length if hole is None else hole
            yield data, end, True
            at = end
        else:
            at = length


def _is_hole(descriptor: int, at: int, length: int) -> bool:
    data = _seek(descriptor, at, os.SEEK_DATA, at + length)
    return data is not None and data >= at + length


def _seek(descriptor: int, at: int, whence: int, length: int) -> Optional[int]:
    """Where the next data or hole begins, ``length`` when there is none; None where that cannot be found."""
    try:
        return min(os.lseek(descriptor, at, whence), length)
    except OSError as error:
        return length if error.errno == errno.ENXIO else None


def _read(descriptor: int, length: int, at: int, what: str) -> bytes:
    """Exactly ``length`` bytes."""
    parts = []
    remaining = length
    while remaining:
        try:
            part = os.pread(descriptor, remaining, at + length - remaining)
        except OSError as error:
            raise FlashError("the %s cannot be read at %d: %s" % (what, at, error.strerror)) from None
        if not part:
            raise Conflict("the %s ends at %d, before its length" % (what, at + length - remaining))
        parts.append(part)
        remaining -= len(part)
    return b"".join(parts)


def _write(descriptor: int, chunk: bytes, at: int) -> None:
    view = memoryview(chunk)
    while view:
        try:
            done = os.pwrite(descriptor, view, at)
        except OSError as error:
            kind: Any = NoSpace if error.errno == errno.ENOSPC else FlashError
            raise kind("the target cannot be written at %d: %s" % (at, error.strerror)) from None
        view, at = view[done:], at + done


def _sha256(descriptor: int, length: int) -> str:
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    digest = hashlib.sha256()
    for start, end, is_data in _extents(descriptor, length):
        for at in range(start, end, CHUNK):
            size = min(CHUNK, end - at)
            digest.update(_read(descriptor, size, at, "target") if is_data else _ZEROS[:size])
    return digest.hexdigest()
