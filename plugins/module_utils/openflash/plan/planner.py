# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wished and what is there, compared: an ordered list of steps, and what it will come to.

Pure: no request, no clock. Check mode stops after this, so what it shows is what would be done.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Iterable, Sequence, Set

from ..errors import Invalid
from ..model import Capabilities
from . import hosts, maps, snapshots, volumes
from .desired import ABSENT, PRESENT, RESTORED, Desired, SnapshotWish, VolumeWish
from .draft import Draft, Outcome, Plan, withheld
from .policy import Policy
from .prune import prune
from .steps import Key
from .world import Actual, World


def plan(desired: Desired, actual: Actual, policy: Policy, capabilities: Capabilities) -> Plan:
    """Make the plan. What cannot or must not be done is an error in the outcome of its wish, never raised.

    When any part is refused, the plan has no destructive step, so that check mode shows what a run does.
    """
    complete = _plan(desired, Draft(World(actual, capabilities), policy))
    if not complete.errors or not any(batch.destructive for batch in complete.batches):
        return complete
    safe = _plan(desired, Draft(World(actual, capabilities), policy, withhold=True))
    for key, outcome in safe.outcomes.items():
        refused = complete.outcomes[key].error
        if refused is not None:
            outcome.error = refused
        elif outcome.error is not None:
            # It would be possible, if what it needs were not left out.
            outcome.error = withheld().fill(doing=outcome.error.doing, target=key[-1] or None, array=actual.label)
    kept = {(step.item, step.line) for step in safe.steps}
    return replace(safe, withheld=tuple(step for step in complete.steps if (step.item, step.line) not in kept))


def _plan(desired: Desired, draft: Draft) -> Plan:
    _make_volumes_and_snapshots(draft, desired)
    draft.batch()
    for host in hosts.in_order(draft, desired.hosts):
        if host.state == PRESENT:
            mapped = any(wish.host == host.name for wish in desired.maps if wish.state == PRESENT)
            hosts.present(draft, host, mapped)
    draft.batch()
    waiting = maps.present(draft, desired)
    maps.end(draft, desired, waiting)
    _end_snapshots(draft, desired)
    volumes.absent(draft, [wish for wish in desired.volumes if wish.state == ABSENT])
    draft.batch(destructive=True)
    for host in desired.hosts:
        if host.state == ABSENT:
            hosts.absent(draft, host)
    if desired.prune is not None:
        draft.batch(destructive=True)
        prune(draft, desired, desired.prune)
    return draft.finish()


def _end_snapshots(draft: Draft, desired: Desired) -> None:
    draft.batch(destructive=True)
    for wish in desired.snapshots:
        if wish.state == RESTORED:
            snapshots.restored(draft, wish)
    draft.batch(destructive=True)
    for wish in desired.snapshots:
        if wish.state == ABSENT:
            snapshots.absent(draft, wish)
    for retention in desired.retentions:
        snapshots.retain(draft, retention, desired)


# -- what is made of what ----------------------------------------------------------------------------------------------


def _make_volumes_and_snapshots(draft: Draft, desired: Desired) -> None:
    """Round by round: each plans what is made of nothing that is still to be planned."""
    left = {volumes.key(wish.name): wish for wish in desired.volumes if wish.state == PRESENT}
    snapshots_left = {snapshots.key(wish): wish for wish in desired.snapshots if wish.state == PRESENT}
    while left or snapshots_left:
        taken = _names_taken(draft, left.values())
        coming = _coming(left.values(), snapshots_left.values()) | {"volume/" + name for name in taken}
        ready = [wish for wish in left.values() if not _waits(draft, wish, coming, taken)]
        ready_snapshots = [wish for wish in snapshots_left.values() if not _source(wish) & coming]
        if desired.atomic and len(ready_snapshots) < len(snapshots_left):
            ready_snapshots = []
        if not ready and not ready_snapshots:
            _circular(draft, list(left) + list(snapshots_left))
            return
        draft.batch()
        for wish in ready:
            volumes.present(draft, wish)
            del left[volumes.key(wish.name)]
        draft.batch()
        snapshots.present(draft, ready_snapshots, desired.atomic)
        for snapshot in ready_snapshots:
            del snapshots_left[snapshots.key(snapshot)]


def _names_taken(draft: Draft, wishes: Iterable[VolumeWish]) -> Set[str]:
    """The names that volumes will lose to a rename."""
    there = draft.world.volumes
    old = {wish.rename_from for wish in wishes if wish.rename_from and wish.name not in there}
    return {name for name in old if name in there and draft.world.was_there(name)}


def _coming(wishes: Iterable[VolumeWish], snapshot_wishes: Iterable[SnapshotWish]) -> Set[str]:
    """What is still to be planned, as "kind/name", so that what is made of it waits."""
    coming = {"snapshot/" + wish.name for wish in snapshot_wishes}
    for wish in wishes:
        coming.add("volume/" + wish.name)
        if wish.group:
            coming.add("group/" + wish.group)
    return coming


def _waits(draft: Draft, wish: VolumeWish, coming: Set[str], taken: Set[str]) -> bool:
    if wish.name in taken:
        return True
    if wish.name in draft.world.volumes or wish.rename_from in taken:
        return False  # nothing has to be made
    sources = {"volume/" + str(wish.rename_from)}
    if wish.source_volume and wish.source_volume != wish.name:
        sources.add("volume/" + wish.source_volume)
    if wish.source_snapshot:
        sources.add("snapshot/" + wish.source_snapshot)
    return bool(sources & coming)


def _source(wish: SnapshotWish) -> Set[str]:
    return {"group/" + wish.group} if wish.group else {"volume/" + str(wish.volume)}


def _circular(draft: Draft, keys: Sequence[Key]) -> None:
    error = Invalid(
        "%s wait for each other: each is made of, or renamed from, another of them"
        % ", ".join(sorted("%s %s" % (key[0].replace("_", " "), key[-1]) for key in keys)),
        array=draft.world.actual.label,
        hint="At least one of them must be made of something that is there.",
    )
    for key in keys:
        draft.outcomes[key] = Outcome(key, error=error)
