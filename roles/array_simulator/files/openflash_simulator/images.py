# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes as sparse files: where the bytes are, whoever shows them to hosts."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from .array import Array
from .datapath import DataPath
from .objects import Host, Initiator, Mapping, Volume

_CHUNK = 1 << 20
_FICLONE = 0x40049409


class Images(DataPath):
    """One file for each volume of one array, named by its number. Nothing is shown to hosts yet."""

    def __init__(self, folder: Path) -> None:
        self.images = folder

    def take_up(self, array: Array) -> None:
        """Volumes that a state file brought back begin as zeros unless their bytes are still there."""
        self.images.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = {str(volume.id) for volume in array.volumes}
        for left in self.images.iterdir():
            if left.name not in known:
                left.unlink()
        for volume in array.volumes:
            if not self.image(volume).exists():
                self.create(volume)

    def image(self, volume: Volume) -> Path:
        return self.images / str(volume.id)

    def content(self, volume: Volume) -> str:
        """A digest of the bytes that are not zero, and of where they are: equal where volumes read the same."""
        digest = hashlib.sha256()
        with self.image(volume).open("rb") as stream:
            at = 0
            while (found := _next_data(stream.fileno(), at)) is not None:
                stream.seek(found)
                chunk = stream.read(_CHUNK - found % _CHUNK)
                if chunk.strip(b"\0"):
                    start = found + len(chunk) - len(chunk.lstrip(b"\0"))
                    digest.update(start.to_bytes(8, "big") + chunk.strip(b"\0"))
                at = found + len(chunk)
        return digest.hexdigest()

    # ---- what the array does ---------------------------------------------------------------------------------------

    def create(self, volume: Volume) -> None:
        self.images.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.image(volume).open("wb") as stream:
            stream.truncate(volume.size)

    def delete(self, volume: Volume) -> None:
        self.image(volume).unlink(missing_ok=True)

    def extend(self, volume: Volume, size: int) -> None:
        os.truncate(self.image(volume), size)

    def copy(self, source: Volume, target: Volume) -> None:
        """Shared blocks where the file system can, otherwise what is not zero.

        Into the same file where there is one: somebody may have it open.
        """
        descriptor = os.open(self.image(target), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with self.image(source).open("rb") as reading, os.fdopen(descriptor, "wb") as writing:
            try:
                fcntl.ioctl(writing.fileno(), _FICLONE, reading.fileno())
            except OSError:
                _copy_data(reading.fileno(), writing.fileno())
            writing.truncate(target.size)

    def write(self, volume: Volume, data: bytes) -> None:
        with self.image(volume).open("r+b") as stream:
            stream.write(data)

    def map(self, volume: Volume, host: Host, initiators: Sequence[Initiator], lun: int) -> None:
        pass

    def unmap(self, volume: Volume, host: Host, lun: int) -> None:
        pass

    def host_changed(self, host: Host, initiators: Sequence[Initiator], mappings: Sequence[Mapping]) -> None:
        pass


def _copy_data(source: int, target: int) -> None:
    at = 0
    while (found := _next_data(source, at)) is not None:
        chunk = os.pread(source, _CHUNK - found % _CHUNK, found)
        if not chunk:
            return
        if chunk.strip(b"\0"):
            os.pwrite(target, chunk, found)
        at = found + len(chunk)


def _next_data(descriptor: int, at: int) -> int | None:
    """Where there is data again, from ``at`` on; None when there is none."""
    try:
        return os.lseek(descriptor, at, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        raise
