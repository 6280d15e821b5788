# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an array holds, and the table that keeps one kind of it. No rules here: those are the array's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

VolumeKind = Literal["volume", "snapshot"]
Provisioning = Literal["thick", "thin", "dedup"]


@dataclass
class Pool:
    """Physical space. ``used`` counts what thick volumes reserve, what was written to thin ones, and ``others``."""

    name: str
    size: int
    id: int = 1
    used: int = 0
    # Of what the array does not show here: the bytes used, and the sizes promised. See ``document``.
    others: int = 0
    others_provisioned: int = 0

    @property
    def free(self) -> int:
        return self.size - self.used


@dataclass
class Copy:
    """A copy under way; its progress is a function of the array's clock and of nothing else."""

    source: int
    total: int
    started: float
    seconds: float
    # Stops half-way for good.
    fails: bool = False

    def progress(self, now: float) -> float:
        done = 1.0 if self.seconds <= 0 else min(1.0, max(0.0, (now - self.started) / self.seconds))
        return min(done, 0.5) if self.fails else done

    def failed(self, now: float) -> bool:
        return self.fails and self.progress(now) >= 0.5


@dataclass
class Volume:
    """A volume, or a snapshot: on most of these arrays a snapshot is a volume with a parent."""

    id: int
    uuid: str
    name: str
    size: int
    pool: str
    kind: VolumeKind
    provisioning: Provisioning
    created: float
    parent: int | None = None
    writable: bool = True
    used: int = 0
    wwn: str = ""
    copy: Copy | None = None
    # What one vendor's wire keeps with a volume and the array itself has no use for.
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Host:
    id: int
    uuid: str
    name: str
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Initiator:
    """One port of a host. ``attributes`` may hold CHAP secrets: they leave the array only through the wire."""

    id: int
    uuid: str
    name: str
    address: str
    host: int
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Mapping:
    id: int
    uuid: str
    name: str
    volume: int
    host: int
    lun: int


@dataclass
class Group:
    """A named set of volumes; ``members`` keeps the order in which they joined."""

    id: int
    uuid: str
    name: str
    kind: str
    created: float
    members: list[int] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)


class Named(Protocol):
    """A dataclass with a number and a name."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    id: int
    name: str


T = TypeVar("T", bound=Named)


class Table(Generic[T]):
    """Objects of one kind by number and by name. Numbers start at 1 and are given out once, or ``reuse`` at once."""

    def __init__(self, reuse: bool = False) -> None:
        self._reuse = reuse
        self._rows: dict[int, T] = {}
        self._names: dict[tuple[str, str], int] = {}
        self._spaces: dict[int, str] = {}
        self.next_id = 1

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._rows.values()))

    def __getitem__(self, number: int) -> T:
        return self._rows[number]

    def get(self, number: int) -> T | None:
        return self._rows.get(number)

    def find(self, name: str, space: str = "") -> T | None:
        """By name, in one of several name spaces where the table has more than one."""
        number = self._names.get((space, name))
        return None if number is None else self._rows[number]

    def reuse_numbers(self, reuse: bool) -> None:
        self._reuse = reuse
        self.next_id = self._lowest_free() if reuse else max([self.next_id, *(number + 1 for number in self._rows)])

    def add(self, row: T, space: str = "") -> None:
        self._rows[row.id] = row
        self._names[space, row.name] = row.id
        self._spaces[row.id] = space
        self.next_id = self._lowest_free() if self._reuse else max(self.next_id, row.id + 1)

    def rename(self, row: T, name: str) -> None:
        space = self._spaces[row.id]
        del self._names[space, row.name]
        row.name = name
        self._names[space, name] = row.id

    def remove(self, row: T) -> None:
        del self._rows[row.id]
        del self._names[self._spaces.pop(row.id), row.name]
        if self._reuse:
            self.next_id = self._lowest_free()

    def _lowest_free(self) -> int:
        return next(number for number in range(1, len(self._rows) + 2) if number not in self._rows)

    def dump(self) -> dict[str, Any]:
        """Plain data for :mod:`.state`. ``next_id`` too: a number must not come back to life after a restart."""
        return {
            "next_id": self.next_id,
            "rows": [asdict(row) for row in self._rows.values()],
        }

    def restore(self, saved: dict[str, Any], make: Callable[[dict[str, Any]], T]) -> None:
        """The inverse of :meth:`dump`, for a table with one name space."""
        for row in saved["rows"]:
            self.add(make(row))
        self.next_id = saved["next_id"]
