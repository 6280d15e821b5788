# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wished and what is there, compared: an ordered list of steps, and what it will come to.

Pure: no request, no clock. Check mode stops after this, so what it shows is what would be done.
"""

from __future__ import annotations

from typing import Callable, List, Set

from ..errors import FlashError, Invalid
from ..model import Capabilities
from . import hosts, snapshots, volumes
from .desired import ABSENT, PRESENT, RESTORED, Desired, SnapshotWish, VolumeWish
from .draft import Draft, Outcome, Plan
from .policy import Policy
from .prune import prune
from .world import Actual, World

__all__ = ["Actual", "Desired", "Outcome", "Plan", "Policy", "World", "plan"]


def plan(desired: Desired, actual: Actual, policy: Policy, capabilities: Capabilities) -> Plan:
    """Make the plan. What cannot or must not be done is an error in the outcome of its wish, never raised."""
    draft = Draft(World(actual, capabilities), policy)
    _constructive(draft, desired)
    _destructive(draft, desired)
    return draft.finish()


def _constructive(draft: Draft, desired: Desired) -> None:
    waiting_volumes = [wish for wish in desired.volumes if wish.state == PRESENT]
    waiting_snapshots = [wish for wish in desired.snapshots if wish.state == PRESENT]
    while waiting_volumes or waiting_snapshots:
        coming = _coming(waiting_volumes, waiting_snapshots)
        ready_volumes = [wish for wish in waiting_volumes if not _sources(wish) & coming]
        ready_snapshots = [wish for wish in waiting_snapshots if not _snapshot_sources(wish) & coming]
        if desired.atomic and len(ready_snapshots) < len(waiting_snapshots):
            ready_snapshots = []
        if not ready_volumes and not ready_snapshots:
            _circular(draft, waiting_volumes, waiting_snapshots)
            break
        draft.batch()
        for wish in ready_volumes:
            volumes.present(draft, wish)
        draft.batch()
        for wish in ready_volumes:
            volumes.join(draft, wish)
        snapshots.present(draft, ready_snapshots, desired.atomic)
        waiting_volumes = [wish for wish in waiting_volumes if wish not in ready_volumes]
        waiting_snapshots = [wish for wish in waiting_snapshots if wish not in ready_snapshots]
    draft.batch()
    for host in desired.hosts:
        if host.state == PRESENT:
            hosts.present(draft, host)
    draft.batch()
    for mapping in desired.maps:
        if mapping.state == PRESENT:
            hosts.map_present(draft, mapping)


def _destructive(draft: Draft, desired: Desired) -> None:
    draft.batch(destructive=True)
    for mapping in desired.maps:
        if mapping.state == ABSENT:
            hosts.map_absent(draft, mapping)
    hosts.exclusive(draft, desired.exclusive_maps, desired.maps)
    draft.batch(destructive=True)
    for wish in desired.snapshots:
        if wish.state == RESTORED:
            snapshots.restored(draft, wish)
    draft.batch(destructive=True)
    for wish in desired.snapshots:
        if wish.state == ABSENT:
            snapshots.absent(draft, wish)
    for retention in desired.retentions:
        snapshots.retain(draft, retention)
    draft.batch(destructive=True)
    for volume in desired.volumes:
        if volume.state == ABSENT:
            volumes.absent(draft, volume)
    draft.batch(destructive=True)
    for host in desired.hosts:
        if host.state == ABSENT:
            hosts.absent(draft, host)
    if desired.prune is not None:
        draft.batch(destructive=True)
        prune(draft, desired, desired.prune)


def _coming(waiting_volumes: List[VolumeWish], waiting_snapshots: List[SnapshotWish]) -> Set[str]:
    """What is still to be planned, as "kind/name", so that what is made of it waits."""
    coming = {"volume/" + wish.name for wish in waiting_volumes}
    coming |= {"snapshot/" + wish.name for wish in waiting_snapshots}
    coming |= {"group/" + wish.group for wish in waiting_volumes if wish.group}
    return coming


def _sources(wish: VolumeWish) -> Set[str]:
    sources = set()
    if wish.source_volume and wish.source_volume != wish.name:
        sources.add("volume/" + wish.source_volume)
    if wish.source_snapshot:
        sources.add("snapshot/" + wish.source_snapshot)
    return sources


def _snapshot_sources(wish: SnapshotWish) -> Set[str]:
    return {"group/" + wish.group} if wish.group else {"volume/" + str(wish.volume)}


def _circular(draft: Draft, waiting_volumes: List[VolumeWish], waiting_snapshots: List[SnapshotWish]) -> None:
    names = sorted([w.name for w in waiting_volumes] + [w.name for w in waiting_snapshots])
    keys = [volumes.key(w.name) for w in waiting_volumes] + [snapshots.key(w) for w in waiting_snapshots]
    fail: Callable[[], FlashError] = lambda: Invalid("%s are each made of the other" % " and ".join(names))  # noqa: E731
    for item in keys:
        draft.outcomes[item] = Outcome(item, error=fail())
