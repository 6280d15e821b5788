# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bytes of a volume: what every data path offers."""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from openflash import model


@dataclass(frozen=True)
class Target:
    """Where a volume can be logged in to. The array lets ``initiator`` in."""

    name: str
    """Of the volume."""
    ports: Sequence[model.Port]
    lun: int
    size: int
    initiator: str
    writable: bool


class Disk(ABC):
    """A volume that is open on this host."""

    @abstractmethod
    def read(self, length: int, offset: int) -> bytes:
        """Exactly ``length`` bytes.

        :raises OSError: they cannot be read.
        """

    @abstractmethod
    def write(self, data: bytes, offset: int) -> None:
        """Write all of the data.

        :raises OSError: it cannot be written.
        """

    @abstractmethod
    def flush(self) -> None:
        """Returns when the array has everything that was written."""

    @abstractmethod
    def close(self, last: bool = True) -> None:
        """:param last: nobody else on this host uses it, so the device is detached as well."""


class FileDisk(Disk):
    """A block device, or a file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, length: int, offset: int) -> bytes:
        parts = []
        while length:
            part = os.pread(self._descriptor, length, offset)
            if not part:
                raise OSError(errno.EIO, "the disk ends at byte %d" % offset)
            parts.append(part)
            offset, length = offset + len(part), length - len(part)
        return b"".join(parts)

    def write(self, data: bytes, offset: int) -> None:
        view = memoryview(data)
        while view:
            done = os.pwrite(self._descriptor, view, offset)
            offset, view = offset + done, view[done:]

    def flush(self) -> None:
        os.fsync(self._descriptor)

    def close(self, last: bool = True) -> None:
        os.close(self._descriptor)


class Share:
    """The other transfers of the same volume on this host. None, where each transfer has an initiator of its own."""

    @contextmanager
    def beginning(self) -> Iterator[None]:
        """Held while access is given and the volume is opened."""
        yield

    @contextmanager
    def ending(self) -> Iterator[bool]:
        """Held while the volume is closed. Gives whether this is the last transfer, which ends the access."""
        yield True


class DataPath(ABC):
    """How this host reaches the bytes of an array's volumes."""

    TEMPORARY = False
    """Whether each initiator name is used once only."""

    @abstractmethod
    def check(self) -> None:
        """:raises Invalid: this host lacks something that is needed."""

    @abstractmethod
    def initiator(self) -> str:
        """The name of this host's initiator in the next transfer."""

    def share(self, volume: str) -> Share:
        return Share()

    @abstractmethod
    def open(self, target: Target) -> Disk:
        """The volume, which has at least ``target.size`` bytes here. OSError or FlashError otherwise."""
