# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read of the array, over REST or the text socket.

This array cannot rename, so a copy has its final name from the start. A marker makes that safe: a snapshot, named after
the copy, that is taken first and deleted last (see copies.py). While it exists the copy is not finished and is not
listed here, so the next run makes the copy again, finds the marker and removes or resumes what it marks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Sequence, Set

from ...array import Array
from ...errors import Invalid, NotFound
from ...model import ArrayInfo, Capacity, Listing, Pool, Snapshot, Volume
from ...properties import QOS
from ...units import KIB, MIB
from .capabilities import DswareCapabilities
from .names import MARKER, marker
from .policies import LIMITS
from .wire import Policy, Wire


class Reading(Array):
    """The part of a Dsware that only reads. It leaves out copies and backups that are not finished."""

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

    def _pool(self, requested: Optional[str]) -> Pool:
        """The pool of that name or number, else the only one that may be used. Read once in a session."""
        if self._pool_cache is None:
            self._pool_cache = self._wire.pools(session=True)
        if not self._pool_cache.known:
            # No request: the array refuses a pool that it does not have.
            if requested is None:
                raise Invalid("the text socket does not list pools, and none is given", hint="Set pool.")
            return Pool(requested, 0, 0, id=requested)
        known = self._pool_cache.items
        if requested is not None:
            for pool in known:
                if requested in (pool.name, pool.id):
                    return pool
            raise Invalid("there is no pool %s" % requested, hint="Set pool to one of: %s." % _named(known))
        usable = [pool for pool in known if not self._only_pools or {pool.name, pool.id} & set(self._only_pools)]
        if len(usable) != 1:
            hint = "Set pool to one of: %s." % _named(known)
            raise Invalid("the array has %d pools to choose from" % len(usable), hint=hint)
        return usable[0]

    # -- reading -----------------------------------------------------------------------------------------------------

    def volumes(self, names: Optional[Sequence[str]] = None) -> Listing[Volume]:
        """All volumes or those with these names, without unfinished copies.

        An existing volume that is read by name costs a second request, for its marker: without it the unfinished copy
        of a killed run, which may be empty, would count as the volume.
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
        """One more request for a volume with a marker: a finished copy has one too, where it cannot be removed."""
        return marker("volume", volume.name) not in markers or self._wire.has_snapshot(finished_marker(volume))

    def with_properties(self, volumes: Listing[Volume], names: Sequence[str]) -> Listing[Volume]:
        """With the limits of these volumes, where the interface reports them: one more request for each."""
        wanted = [one for one in volumes if one.name in names] if self.capabilities.refusal(QOS) is None else []
        with self._doing("read the QoS of volumes"):
            policies = self._wire.side_by_side(lambda one: self._wire.policy_of(one.name), wanted)
        found = {one.name: with_limits(one, policy) for one, policy in zip(wanted, policies)}
        return replace(volumes, items=tuple(found.get(one.name, one) for one in volumes))

    def _markers(self, kind: str, names: Sequence[str]) -> Set[str]:
        wanted = [marker(kind, name) for name in names]
        found = self._wire.snapshots(wanted) if wanted else Listing()
        return {one.name for one in found.items} | {one.name for one in found.unreadable}

    def snapshots(
        self, names: Optional[Sequence[str]] = None, volumes: Optional[Sequence[str]] = None
    ) -> Listing[Snapshot]:
        """Snapshots, without markers and without backups of restores that are not finished."""
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
                # The list of a volume proves what some arrays do not report of a snapshot: whose it is.
                listed = {snapshot.name for snapshot in more}
                others = tuple(one for one in found if one.volume is not None or one.name not in listed)
                read_already = {snapshot.name for snapshot in others}
                found = Listing(
                    others + tuple(snapshot for snapshot in more if snapshot.name not in read_already),
                    found.unreadable + more.unreadable,
                    found.known and more.known,
                )
            # The list of a volume has its markers; those of snapshots read by name were read above.
            return self._finished(found, markers | {one.name for one in found})

    @staticmethod
    def _finished(found: Listing[Snapshot], markers: Set[str]) -> Listing[Snapshot]:
        kept = [one for one in found if not one.name.startswith(MARKER) and marker("restore", one.name) not in markers]
        return replace(
            found,
            items=tuple(kept),
            unreadable=tuple(entry for entry in found.unreadable if not entry.name.startswith(MARKER)),
        )

    def _need_volume(self, name: str) -> Volume:
        volume = self._wire.volume(name)
        if volume is None:
            raise NotFound("volume %s existed and has been deleted meanwhile" % name, target=name)
        return volume


def with_limits(volume: Volume, policy: Optional[Policy]) -> Volume:
    """The volume with the limits of this policy; they stay unknown where the policy could not be read."""
    if policy is None:
        return volume
    rate = None if policy.mib_per_second is None else policy.mib_per_second * (MIB // KIB)
    return replace(volume, options=dict(volume.options, **dict(zip(LIMITS, (policy.iops, rate)))))


def finished_marker(copy: Volume) -> str:
    """The name of the snapshot that records that this volume is finished, although it has a marker."""
    return marker("finished", "%s\0%s" % (copy.name, copy.id or copy.created or ""))


def _named(pools: Sequence[Pool]) -> str:
    return ", ".join(sorted(pool.name for pool in pools)) or "none"
