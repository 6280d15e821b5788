# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pools, capacity, and the choice of a pool for a new volume (sheet, section 2.8)."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

from ...errors import Invalid, NoSpace
from ...model import DEDUP, THICK, Capacity, Listing, Pool, Unreadable
from ...units import MIB, format_size
from . import objects
from .ledger import THIN_PART
from .objects import listing
from .reading import Reading, Settings
from .session import Object
from .wire import ConcertoOperations


class Pools(Reading):
    """Pools, capacity, and pool selection."""

    def __init__(self, concerto: ConcertoOperations, settings: Settings) -> None:
        super().__init__(concerto, settings)
        self._config_pools: Dict[str, bool] = {}
        self._known_pools: Optional[List[Object]] = None

    # -- reads -------------------------------------------------------------------------------------------------------

    def capacity(self) -> Capacity:
        """One request: the pools have what both gateways own. The array reports no ratios."""
        with self._doing("read the capacity"):
            rows = self._pool_rows()
            return Capacity(
                size=sum(objects.megabytes(row, "size_mb") for row in rows) * MIB,
                used=sum(objects.megabytes(row, "usedsize_mb") for row in rows) * MIB,
            )

    def pools(self) -> Listing[Pool]:
        """One request, and one for each pool that this session has not read before."""
        with self._doing("read pools"):
            bad: List[Unreadable] = []
            found = listing("pool", self._pool_rows(bad), self._pool)
            return Listing(found.items, found.unreadable + tuple(bad))

    def _pool(self, row: Object) -> Pool:
        kinds = self.capabilities.provisioning
        name = str(row["name"])
        if self._concerto.external:
            if name in self._settings.dedup_only:
                kinds = tuple(kind for kind in kinds if kind == "dedup")
            elif name not in self._settings.dedup_capable:
                kinds = tuple(kind for kind in kinds if kind != "dedup")
        return Pool(
            name=name,
            size=int(row["size_mb"]) * MIB,
            free=int(row["availsize_mb"]) * MIB,
            id=str(row["storage_pool_id"]),
            provisioning=kinds,
        )

    def _pool_rows(self, bad: Optional[List[Unreadable]] = None) -> List[Object]:
        """The pools that can hold volumes, with their present figures (section 2.8)."""
        return [row for row in self._all_pools(bad=bad) if not self._is_config(row)]

    def _all_pools(self, fresh: bool = True, bad: Optional[List[Unreadable]] = None) -> List[Object]:
        """All pools, that of the array's configuration included: one request.

        :param fresh: read them again; else older figures are enough.
        """
        if fresh or self._known_pools is None:
            self._known_pools = self._concerto.pools([] if bad is None else bad)
        return self._known_pools

    def _is_config(self, row: Object) -> bool:
        """Whether the pool is the repository of the array's configuration: one request once per pool and session."""
        pool_id = str(row["object_id"])
        if pool_id not in self._config_pools:
            detail = self._concerto.pool(pool_id)
            kinds = objects.converted(lambda item: tuple(item.get("resource_type") or ()), detail)
            self._config_pools[pool_id] = "Configuration" in kinds
        return self._config_pools[pool_id]

    # -- selection ---------------------------------------------------------------------------------------------------

    def _choose_pool(self, kind: str, size: int, name: Optional[str] = None) -> Object:
        """The pool for a new LUN: the one of this name, or of those with enough free space the one with most or least.

        A thin LUN needs only what the array allocates at once. On a 7700 the pool decides whether data is deduplicated,
        and the array does not report which pools do (section 2.8).
        """
        rows = self._all_pools()
        candidates = rows
        if name is not None:
            candidates = [row for row in rows if row["name"] == name and not self._is_config(row)]
            if not candidates:
                known = ", ".join(sorted(str(row["name"]) for row in rows if not self._is_config(row))) or "none"
                raise Invalid("there is no pool %s" % name, hint="The array has: %s." % known)
        candidates = [row for row in candidates if self._suits(str(row["name"]), kind)]
        if not any(not self._is_config(row) for row in candidates):
            raise Invalid(
                "%s is not for %s volumes" % ("pool %s" % name if name else "no pool of the array", kind),
                hint="On a 7700 the options dedup_only_pools and dedup_capable_pools name the pools that deduplicate.",
            )
        return self._with_space(candidates, size // MIB if kind == THICK else -(-size // MIB // THIN_PART))

    def _with_space(self, rows: Sequence[Object], needed: int) -> Object:
        """Of the pools with enough free space the one that has most or least of it.

        :param needed: MiB.
        """
        for row in sorted(rows, key=_free, reverse=not self._settings.smallest):
            if _free(row) >= needed and not self._is_config(row):
                return row
        candidates = [row for row in rows if not self._is_config(row)]
        most = max(candidates, key=_free) if candidates else None
        raise NoSpace(
            "no pool has room for %s" % format_size(needed * MIB)
            + (": pool %s has %s" % (most["name"], format_size(_free(most) * MIB)) if most else ""),
            hint="Free some space, or name another pool.",
        )

    def _pool_of_area(self, needed: int) -> Object:
        """The pool for a snapshot resource: any pool, but one that deduplicates everything only if no other has space.

        :param needed: MiB.
        """
        rows = self._all_pools(fresh=False)
        preferred = [row for row in rows if self._suits(str(row["name"]), THICK)]
        try:
            return self._with_space(preferred, needed)
        except NoSpace:
            if len(preferred) == len(rows):
                raise
            return self._with_space(rows, needed)

    def _suits(self, pool: str, kind: str) -> bool:
        if not self._concerto.external:
            return True
        if kind == DEDUP:
            return pool in self._settings.dedup_only or pool in self._settings.dedup_capable
        return pool not in self._settings.dedup_only


def pool_id(row: Object) -> Any:
    """The number of a pool, by which requests name it."""
    return objects.converted(lambda item: item["storage_pool_id"], row)


def _free(row: Object) -> int:
    """Free space of a pool in MiB."""
    return objects.megabytes(row, "availsize_mb")
