# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an array refuses, and the numbers and habits in which one family of arrays differs from another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal


class ArrayError(Exception):
    """The array refuses. ``what`` names the kind of object, ``name`` the object, where there is one."""

    def __init__(self, what: str, name: str = "", reason: str = "") -> None:
        super().__init__(" ".join(part for part in (type(self).__name__, what, name, reason) if part))
        self.what = what
        self.name = name
        self.reason = reason


class NotFound(ArrayError):
    """No such object."""


class NameTaken(ArrayError):
    """Another object of that kind has the name."""


class BadName(ArrayError):
    """The name is empty or too long."""


class BadSize(ArrayError):
    """Zero, not a multiple of the granularity, too big, or smaller than what is there."""


class NoSpace(ArrayError):
    """The pool cannot hold it."""


class LimitReached(ArrayError):
    """One of the array's own limits; ``reason`` is the limit's name in :class:`Rules`."""


class LunTaken(ArrayError):
    """That host already sees another volume under this LUN."""


class AlreadyMapped(ArrayError):
    """That volume is already mapped to that host."""


class InitiatorTaken(ArrayError):
    """The initiator belongs to a host already."""


class InUse(ArrayError):
    """Something else needs the object: ``reason`` is mapped, member, children or copying."""


@dataclass(frozen=True)
class Rules:
    """In what one family of arrays differs from another. The defaults are the strictest reading."""

    granularity: int = 1024 * 1024
    max_size: int = 2 << 50
    name_length: int = 128
    # What a name must match completely, an initiator's excepted; empty: anything.
    name_pattern: str = ""
    first_lun: int = 0
    max_lun: int = 16383
    # Whether snapshots live in the name space of volumes, as they do where a snapshot is a volume.
    shared_names: bool = True
    # Where they do not: whether a snapshot's name must be its own on the array, or among those of its volume.
    snapshot_names: Literal["array", "volume"] = "array"
    delete_mapped: Literal["refuse", "unmap"] = "refuse"
    delete_with_children: Literal["refuse", "reparent"] = "refuse"
    volumes: int = 100_000
    snapshots_per_volume: int = 512
    mappings: int = 16_384
    hosts: int = 4096
    initiators: int = 8192

    def limited(self, limits: Mapping[str, int]) -> Rules:
        """These rules with some numbers replaced, so that a test reaches a limit with a handful of objects."""
        numbers: dict[str, Any] = dict(limits)
        return replace(self, **numbers)
