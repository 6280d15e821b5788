# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an array has at all: pools with their room, tables of its objects, rules of names and sizes, a change log."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .datapath import DataPath, NoDataPath
from .objects import Group, Host, Initiator, Mapping, Pool, Table, Volume
from .rules import BadName, BadSize, NoSpace, NotFound, Rules

ChangeHook = Callable[[str, dict[str, Any]], None]


@dataclass
class _Index:
    """Reverse look-ups that would otherwise be scans of every object."""

    children: dict[int, set[int]] = field(default_factory=dict)
    maps_of_volume: dict[int, set[int]] = field(default_factory=dict)
    maps_of_host: dict[int, set[int]] = field(default_factory=dict)
    map_by_pair: dict[tuple[int, int], int] = field(default_factory=dict)
    groups_of_volume: dict[int, set[tuple[str, int]]] = field(default_factory=dict)
    initiators_of_host: dict[int, set[int]] = field(default_factory=dict)
    initiator_by_address: dict[str, int] = field(default_factory=dict)
    copies: set[int] = field(default_factory=set)


class Store:
    """The ground that arrays stand on."""

    def __init__(
        self,
        name: str,
        pools: Sequence[Pool],
        rules: Rules | None = None,
        *,
        clock: Callable[[], float] = time.time,
        datapath: DataPath | None = None,
        on_change: ChangeHook | None = None,
        is_full: Callable[[], bool] | None = None,
        copy_fails: Callable[[], bool] | None = None,
    ) -> None:
        if not pools:
            raise ValueError("an array has at least one pool")
        self.name = name
        self.rules = rules or Rules()
        self.pools: dict[str, Pool] = {pool.name: pool for pool in pools}
        self.clock = clock
        self.datapath = datapath or NoDataPath()
        self._on_change = on_change or (lambda change, about: None)
        # Asked whenever space is about to be taken: lets a fault make the array full for one request.
        self._is_full = is_full or (lambda: False)
        # Asked whenever a copy begins: lets a fault end it half-way.
        self._copy_fails = copy_fails or (lambda: False)
        self._reuse = False
        self._empty()

    def reuse_ids(self, reuse: bool) -> None:
        """Whether the number of a deleted volume or host is given to the next one."""
        self._reuse = reuse
        self.volumes.reuse_numbers(reuse)
        self.hosts.reuse_numbers(reuse)

    def _empty(self) -> None:
        self.volumes: Table[Volume] = Table(self._reuse)
        self.hosts: Table[Host] = Table(self._reuse)
        self.initiators: Table[Initiator] = Table()
        self.mappings: Table[Mapping] = Table()
        self._groups: dict[str, Table[Group]] = {}
        self._index = _Index()
        self._provisioned = 0
        for pool in self.pools.values():
            pool.used = pool.others

    # ---- pools -----------------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        return sum(pool.size for pool in self.pools.values())

    @property
    def used(self) -> int:
        return sum(pool.used for pool in self.pools.values())

    @property
    def provisioned(self) -> int:
        """The sum of the sizes of its volumes and snapshots."""
        return self._provisioned

    @property
    def promised(self) -> int:
        """What its pools promise, also to what the array does not show here."""
        return self._provisioned + sum(pool.others_provisioned for pool in self.pools.values())

    def pool(self, name: str | None = None) -> Pool:
        """The pool of that name, or the only one there is."""
        if name is None:
            return next(iter(self.pools.values()))
        try:
            return self.pools[name]
        except KeyError:
            raise NotFound("pool", name) from None

    def _check_space(self, pool: Pool, amount: int) -> None:
        # A thin volume takes nothing when it is made, yet a pool without a free byte refuses it.
        if self._is_full() or pool.free <= 0 or amount > pool.free:
            raise NoSpace("pool", pool.name)

    def write(self, volume: Volume, amount: int) -> None:
        """Let a host write: the content is another one, and a thin volume takes what was written, up to its size."""
        grown = 0 if volume.provisioning == "thick" else min(amount, volume.size - volume.used)
        pool = self.pool(volume.pool)
        if grown > pool.free:
            raise NoSpace("pool", pool.name)
        volume.used += grown
        pool.used += grown
        content = uuid.uuid4().hex
        self.datapath.write(volume, content.encode("ascii")[:amount])
        volume.attributes["content"] = content
        self._changed("volume.write", volume)

    # ---- names, sizes, changes, persistence ------------------------------------------------------------------------

    def _check_name(self, what: str, name: str) -> None:
        if not name or len(name) > self.rules.name_length:
            raise BadName(what, name)
        if self.rules.name_pattern and what != "initiator" and not re.fullmatch(self.rules.name_pattern, name):
            raise BadName(what, name)

    def _check_size(self, size: int) -> None:
        if size <= 0 or size % self.rules.granularity or size > self.rules.max_size:
            raise BadSize("volume", str(size))

    def _changed(self, change: str, thing: Any, **more: Any) -> None:
        self._on_change(change, {"name": thing.name, "id": thing.id, **more})

    def touched(self, change: str, thing: Any) -> None:
        """Say that a vendor's own attribute of an object has changed."""
        self._changed(change, thing)
