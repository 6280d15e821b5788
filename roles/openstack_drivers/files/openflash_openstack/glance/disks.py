# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The interface of every data path to the bytes of a volume."""

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
    """The target ports and LUN of a volume, and the initiator that the array gives access to it."""

    name: str
    """Name of the volume."""
    ports: Sequence[model.Port]
    lun: int
    size: int
    """Bytes."""
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
        """Return when the array has stored everything that was written.

        :raises OSError: it cannot be written.
        """

    @abstractmethod
    def close(self, last: bool = True) -> None:
        """Close the disk.

        :param last: no other transfer on this host uses the volume, so the device is detached too.
        """


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
    """Coordinates the transfers of a volume on this host. Does nothing where each has an initiator of its own."""

    @contextmanager
    def beginning(self) -> Iterator[None]:
        """Held while access is given and the volume is opened."""
        yield

    @contextmanager
    def ending(self) -> Iterator[bool]:
        """Held while the volume is closed. Yields whether this is the last transfer, which ends the access."""
        yield True


class DataPath(ABC):
    """How this host reaches the bytes of an array's volumes."""

    TEMPORARY = False
    """Whether each initiator name is used for one transfer only."""

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
        """Attach the volume and open it.

        :raises OSError, FlashError: it cannot be attached, or has less than ``target.size`` bytes.
        """
