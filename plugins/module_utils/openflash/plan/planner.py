# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is requested and what is there, compared: an ordered list of steps, and what it will come to.

Pure: no request, no clock. Check mode stops after this, so what it shows is what would be done.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Iterable, Sequence, Set

from ..errors import Invalid
from ..model import Capabilities
from . import hosts, maps, snapshots, volumes
from .desired import ABSENT, PRESENT, RESTORED, DesiredSnapshot, DesiredState, DesiredVolume
from .draft import Draft, Outcome, Plan, withheld
from .policy import Policy
from .prune import prune
from .steps import Key
from .world import Actual, World


def plan(desired_state: DesiredState, actual: Actual, policy: Policy, capabilities: Capabilities) -> Plan:
    """Make the plan. What cannot or must not be done is an error in the outcome of its desired object, never raised.

    When any part is refused, the plan has no destructive step, so that check mode shows what a run does.
    """
    complete = _plan(desired_state, Draft(World(actual, capabilities), policy))
    if not complete.errors or not any(batch.destructive for batch in complete.batches):
        return complete
    safe = _plan(desired_state, Draft(World(actual, capabilities), policy, withhold=True))
    for key, outcome in safe.outcomes.items():
        refused = complete.outcomes[key].error
        if refused is not None:
            outcome.error = refused
        elif outcome.error is not None:
            # It would be possible, if what it needs were not left out.
            outcome.error = withheld().fill(doing=outcome.error.doing, target=key[-1] or None, array=actual.label)
    kept = {(step.item, step.line) for step in safe.steps}
    return replace(safe, withheld=tuple(step for step in complete.steps if (step.item, step.line) not in kept))


def _plan(desired_state: DesiredState, draft: Draft) -> Plan:
    _make_volumes_and_snapshots(draft, desired_state)
    draft.batch()
    for host in hosts.in_order(draft, desired_state.hosts):
        if host.state == PRESENT:
            mapped = any(desired.host == host.name for desired in desired_state.maps if desired.state == PRESENT)
            hosts.present(draft, host, mapped)
    draft.batch()
    waiting = maps.present(draft, desired_state)
    maps.end(draft, desired_state, waiting)
    _end_snapshots(draft, desired_state)
    volumes.absent(draft, [desired for desired in desired_state.volumes if desired.state == ABSENT])
    draft.batch(destructive=True)
    for host in desired_state.hosts:
        if host.state == ABSENT:
            hosts.absent(draft, host)
    if desired_state.prune is not None:
        draft.batch(destructive=True)
        prune(draft, desired_state, desired_state.prune)
    return draft.finish()


def _end_snapshots(draft: Draft, desired_state: DesiredState) -> None:
    draft.batch(destructive=True)
    for desired in desired_state.snapshots:
        if desired.state == RESTORED:
            snapshots.restored(draft, desired)
    draft.batch(destructive=True)
    for desired in desired_state.snapshots:
        if desired.state == ABSENT:
            snapshots.absent(draft, desired)
    for retention in desired_state.retentions:
        snapshots.retain(draft, retention, desired_state)


# -- what is made of what ----------------------------------------------------------------------------------------------


def _make_volumes_and_snapshots(draft: Draft, desired_state: DesiredState) -> None:
    """Round by round: each plans what is made of nothing that is still to be planned."""
    left = {volumes.key(desired.name): desired for desired in desired_state.volumes if desired.state == PRESENT}
    snapshots_left = {
        snapshots.key(desired): desired for desired in desired_state.snapshots if desired.state == PRESENT
    }
    while left or snapshots_left:
        taken = _names_taken(draft, left.values())
        coming = _coming(left.values(), snapshots_left.values()) | {"volume/" + name for name in taken}
        ready = [desired for desired in left.values() if not _waits(draft, desired, coming, taken)]
        ready_snapshots = [desired for desired in snapshots_left.values() if not _source(desired) & coming]
        if desired_state.atomic and len(ready_snapshots) < len(snapshots_left):
            ready_snapshots = []
        if not ready and not ready_snapshots:
            _circular(draft, list(left) + list(snapshots_left))
            return
        draft.batch()
        for desired in ready:
            volumes.present(draft, desired)
            del left[volumes.key(desired.name)]
        draft.batch()
        snapshots.present(draft, ready_snapshots, desired_state.atomic)
        for snapshot in ready_snapshots:
            del snapshots_left[snapshots.key(snapshot)]


def _names_taken(draft: Draft, desired_items: Iterable[DesiredVolume]) -> Set[str]:
    """The names that volumes will lose to a rename."""
    there = draft.world.volumes
    old = {desired.rename_from for desired in desired_items if desired.rename_from and desired.name not in there}
    return {name for name in old if name in there and draft.world.was_there(name)}


def _coming(desired_items: Iterable[DesiredVolume], snapshot_desired_items: Iterable[DesiredSnapshot]) -> Set[str]:
    """What is still to be planned, as "kind/name", so that what is made of it waits."""
    coming = {"snapshot/" + desired.name for desired in snapshot_desired_items}
    for desired in desired_items:
        coming.add("volume/" + desired.name)
        if desired.group:
            coming.add("group/" + desired.group)
    return coming


def _waits(draft: Draft, desired: DesiredVolume, coming: Set[str], taken: Set[str]) -> bool:
    if desired.name in taken:
        return True
    if desired.name in draft.world.volumes or desired.rename_from in taken:
        return False  # nothing has to be made
    sources = {"volume/" + str(desired.rename_from)}
    if desired.source_volume and desired.source_volume != desired.name:
        sources.add("volume/" + desired.source_volume)
    if desired.source_snapshot:
        sources.add("snapshot/" + desired.source_snapshot)
    return bool(sources & coming)


def _source(desired: DesiredSnapshot) -> Set[str]:
    return {"group/" + desired.group} if desired.group else {"volume/" + str(desired.volume)}


def _circular(draft: Draft, keys: Sequence[Key]) -> None:
    error = Invalid(
        "%s wait for each other: each is made of, or renamed from, another of them"
        % ", ".join(sorted("%s %s" % (key[0].replace("_", " "), key[-1]) for key in keys)),
        array=draft.world.actual.label,
        hint="At least one of them must be made of something that is there.",
    )
    for key in keys:
        draft.outcomes[key] = Outcome(key, error=error)
