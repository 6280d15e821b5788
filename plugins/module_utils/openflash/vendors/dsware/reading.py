# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The array, its pools, and what is on it, over either wire.

This array cannot rename, so a copy carries its final name from the start. What makes it safe is a marker: a snapshot of
ours, named after the copy, that is taken first and deleted last (see copies.py). As long as it is there the copy is not
finished, and is not listed here; so the next run makes it again, finds the marker, and goes on from there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Sequence, Set

from ...array import Array
from ...errors import Invalid, NotFound
from ...model import ArrayInfo, Capacity, Listing, Pool, Snapshot, Volume
from .facts import MARKER, DswareCapabilities, marker
from .wire import Wire


class Reading(Array):
    """What a Dsware has, as far as it is finished."""

    capabilities: DswareCapabilities

    def __init__(
        self,
        wire: Wire,
        known: DswareCapabilities,
        wait_timeout: float,
        only_pools: Sequence[str],
        pools: Optional[Listing[Pool]] = None,
    ) -> None:
        self._wire = wire
        self._wait_timeout = wait_timeout
        self._only_pools = tuple(only_pools)
        self._pool_cache = pools
        self.capabilities = known
        self.label = wire.address

    # -- the array and its pools -------------------------------------------------------------------------------------

    def info(self) -> ArrayInfo:
        with self._doing("read the array"):
            serial = self._wire.serial()
        return ArrayInfo(
            vendor="dsware",
            name=serial or self.label,
            model="FusionStorage block",
            serial=serial,
            api_version=self._wire.api_version(),
            protocols=self.capabilities.protocols,
        )

    def capacity(self) -> Capacity:
        with self._doing("read the capacity"):
            return self._wire.capacity()

    def pools(self) -> Listing[Pool]:
        with self._doing("read pools"):
            self._pool_cache = self._wire.pools()
            return self._pool_cache

    def _pool(self, wanted: Optional[str]) -> Pool:
        """The pool of that name or number, else the only one that may be used. A fact of the session."""
        if self._pool_cache is None:
            self._pool_cache = self._wire.pools(session=True)
        if not self._pool_cache.known:
            # The array is asked for nothing here; it refuses a pool that it does not have.
            if wanted is None:
                raise Invalid("the text socket does not list pools, and none is given", hint="Set pool.")
            return Pool(wanted, 0, 0, id=wanted)
        known = self._pool_cache.items
        if wanted is not None:
            for pool in known:
                if wanted in (pool.name, pool.id):
                    return pool
            raise Invalid("there is no pool %s" % wanted, hint="Set pool to one of: %s." % _named(known))
        usable = [pool for pool in known if not self._only_pools or {pool.name, pool.id} & set(self._only_pools)]
        if len(usable) != 1:
            hint = "Set pool to one of: %s." % _named(known)
            raise Invalid("the array has %d pools to choose from" % len(usable), hint=hint)
        return usable[0]

    # -- reading -----------------------------------------------------------------------------------------------------

    def volumes(self, names: Optional[Sequence[str]] = None) -> Listing[Volume]:
        """All volumes or those named, but for copies of ours that are not finished.

        A named volume that is there costs a second request, which looks for its marker: without it a copy that a killed
        run left, empty as it may be, would be taken for the real thing.
        """
        with self._doing("read volumes"):
            if names is None:
                found = self._wire.all_volumes()
                if not found.known:
                    return found
                listed = self._wire.all_snapshots()
                markers = {one.name for one in (*listed, *listed.unreadable) if one.name.startswith(MARKER)}
            else:
                wanted = list(dict.fromkeys(names))
                found = self._wire.volumes(wanted)
                markers = self._markers("volume", [one.name for one in found])
            return replace(found, items=tuple(one for one in found if self._is_finished(one, markers)))

    def _is_finished(self, volume: Volume, markers: Set[str]) -> bool:
        """One more request for a volume with a marker: one that is finished keeps it where it cannot be removed."""
        return marker("volume", volume.name) not in markers or self._wire.has_snapshot(finished_marker(volume))

    def volumes_in_full(self, names: Sequence[str]) -> Listing[Volume]:
        """With the quality of service of each, where the wire tells it: one more request for each volume."""
        found = self.volumes(names)
        with self._doing("read the QoS of volumes"):
            told = zip(found, self._wire.side_by_side(lambda one: self._wire.qos(one.name), found.items))
            items = tuple(one if qos is None else replace(one, options={"qos": qos}) for one, qos in told)
        return replace(found, items=items)

    def _markers(self, kind: str, names: Sequence[str]) -> Set[str]:
        wanted = [marker(kind, name) for name in names]
        found = self._wire.snapshots(wanted) if wanted else Listing()
        return {one.name for one in found.items} | {one.name for one in found.unreadable}

    def snapshots(
        self, names: Optional[Sequence[str]] = None, volumes: Optional[Sequence[str]] = None
    ) -> Listing[Snapshot]:
        """Snapshots, but for our markers and for the backups of restores that are not finished."""
        with self._doing("read snapshots"):
            if names is None and volumes is None:
                found = self._wire.all_snapshots()
                return self._finished(found, {one.name for one in found})
            found = self._wire.snapshots(list(dict.fromkeys(names))) if names else Listing()
            markers: Set[str] = set()
            if self.capabilities.refusal("restore_snapshot") is None:
                markers = self._markers("restore", [one.name for one in found])
            for volume in dict.fromkeys(volumes or ()):
                more = self._wire.snapshots_of(volume)
                there = {one.name for one in found}
                found = Listing(
                    found.items + tuple(one for one in more if one.name not in there),
                    found.unreadable + more.unreadable,
                    found.known and more.known,
                )
            # Those of a volume come with its markers; those read by name have been asked for theirs.
            return self._finished(found, markers | {one.name for one in found})

    @staticmethod
    def _finished(found: Listing[Snapshot], markers: Set[str]) -> Listing[Snapshot]:
        kept = [one for one in found if not one.name.startswith(MARKER) and marker("restore", one.name) not in markers]
        return replace(
            found,
            items=tuple(kept),
            unreadable=tuple(entry for entry in found.unreadable if not entry.name.startswith(MARKER)),
        )

    def _there(self, name: str) -> Volume:
        there = self._wire.volume(name)
        if there is None:
            raise NotFound("volume %s was there and is gone again" % name, target=name)
        return there


def finished_marker(copy: Volume) -> str:
    """The name of the snapshot that says that this very volume is finished, although it still has a marker."""
    return marker("finished", "%s\0%s" % (copy.name, copy.id or copy.created or ""))


def _named(pools: Sequence[Pool]) -> str:
    return ", ".join(sorted(pool.name for pool in pools)) or "none"
