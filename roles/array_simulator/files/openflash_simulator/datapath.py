# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seam between an array and real bytes.

The array calls these hooks after its checks and before it records the change, so a hook that raises leaves the array as
it was. :class:`NoDataPath` is an array whose volumes hold nothing, which is all that management clients need.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from .objects import Host, Initiator, Mapping, Volume


class DataPath(ABC):
    """Where volumes become bytes a host can read. Every hook is called once per change, in the order of the changes."""

    @abstractmethod
    def create(self, volume: Volume) -> None:
        """Provide ``volume.size`` zero bytes."""

    @abstractmethod
    def delete(self, volume: Volume) -> None:
        """Forget the bytes. The volume is no longer mapped."""

    @abstractmethod
    def extend(self, volume: Volume, size: int) -> None:
        """Grow from ``volume.size`` to ``size``; hosts that have it see the new size."""

    @abstractmethod
    def copy(self, source: Volume, target: Volume) -> None:
        """Give ``target`` the bytes ``source`` has now; a target that has none yet is provided first."""

    @abstractmethod
    def write(self, volume: Volume, data: bytes) -> None:
        """Let a host write these bytes at the beginning of the volume."""

    @abstractmethod
    def map(self, volume: Volume, host: Host, initiators: Sequence[Initiator], lun: int) -> None:
        """Show the volume to these initiators, and to no other, under ``lun``."""

    @abstractmethod
    def unmap(self, volume: Volume, host: Host, lun: int) -> None:
        """Take it away again."""

    @abstractmethod
    def host_changed(self, host: Host, initiators: Sequence[Initiator], mappings: Sequence[Mapping]) -> None:
        """The host has these initiators (and CHAP secrets) now: what is mapped to it follows."""


class NoDataPath(DataPath):
    """No bytes at all."""

    def create(self, volume: Volume) -> None:
        pass

    def delete(self, volume: Volume) -> None:
        pass

    def extend(self, volume: Volume, size: int) -> None:
        pass

    def copy(self, source: Volume, target: Volume) -> None:
        pass

    def write(self, volume: Volume, data: bytes) -> None:
        pass

    def map(self, volume: Volume, host: Host, initiators: Sequence[Initiator], lun: int) -> None:
        pass

    def unmap(self, volume: Volume, host: Host, lun: int) -> None:
        pass

    def host_changed(self, host: Host, initiators: Sequence[Initiator], mappings: Sequence[Mapping]) -> None:
        pass
