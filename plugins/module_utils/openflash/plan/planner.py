# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares what is requested with what an array has, and makes the plan: an ordered list of steps.

Pure: no request, no clock. Check mode ends after this, so that it shows what a run would do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Iterable, Sequence, Set

from ..errors import Invalid
from ..model import Capabilities
from . import group_restore, groups, hosts, mappings, refresh, snapshots, volumes
from .desired import ABSENT, PRESENT, REFRESHED, RESTORED, DesiredSnapshot, DesiredState, DesiredVolume
from .draft import Draft, Outcome, Plan, withheld
from .prune import prune
from .rules import Policy
from .step import Key
from .world import Actual, World


def plan(
    desired_state: DesiredState, actual: Actual, policy: Policy, capabilities: Capabilities, assume: bool = False
) -> Plan:
    """Make the plan. What cannot or must not be done is an error in the outcome of its desired object, never raised.

    When any part is refused, the plan has no destructive step, so that check mode shows what a run does. Nor has it one
    when it assumes anything.

    :param assume: assume that an earlier task makes what is missing. Only for check mode, which carries nothing out.
    """
    complete = _plan(desired_state, Draft(World(actual, capabilities), policy, assume=assume))
    destructive = desired_state.prune is not None or any(batch.destructive for batch in complete.batches)
    if not destructive or not (complete.errors or complete.assumes):
        return complete
    reason = "a part of the task is refused"
    if not complete.errors:
        reason = "check mode only assumes that %s is made first" % " and ".join(complete.assumes)
    safe = _plan(desired_state, Draft(World(actual, capabilities), policy, withhold=reason, assume=assume))
    for key, outcome in safe.outcomes.items():
        refused = complete.outcomes[key].error
        if refused is not None:
            outcome.error = refused
        elif not complete.errors:
            # In the run, when what is missing has been made, it is carried out.
            outcome.error, outcome.withheld = None, []
        elif outcome.error is not None:
            # It would be possible, if what it needs were not left out.
            outcome.error = withheld().fill(doing=outcome.error.doing, target=key[-1] or None, array=actual.label)
    kept = {(step.item, step.line) for step in safe.steps}
    return replace(safe, withheld=tuple(step for step in complete.steps if (step.item, step.line) not in kept))


def _plan(desired_state: DesiredState, draft: Draft) -> Plan:
    _make_volumes_and_snapshots(draft, desired_state)
    draft.batch()
    groups.present(draft, desired_state.groups)
    if desired_state.hosts:
        _make_hosts(draft, desired_state)
    draft.batch()
    if desired_state.mappings or desired_state.exclusive_hosts:
        waiting = mappings.present(draft, desired_state)
        mappings.end(draft, desired_state, waiting)
    groups.end(draft, desired_state.groups)
    _end_snapshots(draft, desired_state)
    volumes.absent(draft, [volume for volume in desired_state.volumes if volume.state == ABSENT])
    draft.batch(destructive=True)
    for host in desired_state.hosts:
        if host.state == ABSENT:
            hosts.absent(draft, host)
    if desired_state.prune is not None:
        draft.batch(destructive=True)
        prune(draft, desired_state, desired_state.prune)
    return draft.finish()


def _make_hosts(draft: Draft, desired_state: DesiredState) -> None:
    with_mappings = {mapping.host for mapping in desired_state.mappings if mapping.state == PRESENT}
    for host in hosts.in_order(draft, desired_state.hosts):
        if host.state == PRESENT:
            hosts.present(draft, host, host.name in with_mappings)


def _end_snapshots(draft: Draft, desired_state: DesiredState) -> None:
    draft.batch(destructive=True)
    for snapshot in desired_state.snapshots:
        if snapshot.state == RESTORED:
            restored = group_restore.restored if snapshot.group else snapshots.restored
            restored(draft, snapshot)
        if snapshot.state == REFRESHED:
            refresh.from_snapshot(draft, snapshot)
    for volume in desired_state.volumes:
        if volume.state == PRESENT and volume.backup:
            refresh.overwritten(draft, volume)
    draft.batch(destructive=True)
    for snapshot in desired_state.snapshots:
        if snapshot.state == ABSENT:
            snapshots.absent(draft, snapshot)
    for retention in desired_state.retentions:
        snapshots.retain(draft, retention, desired_state)


# -- what is made of what ----------------------------------------------------------------------------------------------


def _make_volumes_and_snapshots(draft: Draft, desired_state: DesiredState) -> None:
    """Plan in rounds. Each plans what is made of nothing that is still to be planned."""
    remaining = {volumes.key(volume.name): volume for volume in desired_state.volumes if volume.state == PRESENT}
    remaining_snapshots = {
        snapshots.key(snapshot): snapshot for snapshot in desired_state.snapshots if snapshot.state == PRESENT
    }
    while remaining or remaining_snapshots:
        names_in_use = _names_in_use(draft, remaining.values())
        to_be_made = _to_be_made(remaining.values(), remaining_snapshots.values())
        to_be_made |= {"volume/" + name for name in names_in_use}
        ready = [volume for volume in remaining.values() if not _must_wait(draft, volume, to_be_made, names_in_use)]
        ready_snapshots = [s for s in remaining_snapshots.values() if _source(s) not in to_be_made]
        if desired_state.atomic and len(ready_snapshots) < len(remaining_snapshots):
            ready_snapshots = []
        if not ready and not ready_snapshots:
            _refuse_circle(draft, list(remaining) + list(remaining_snapshots))
            return
        draft.batch()
        for volume in ready:
            volumes.present(draft, volume)
            refresh.note(draft, volume)
            del remaining[volumes.key(volume.name)]
        draft.batch()
        if ready_snapshots:
            snapshots.present(draft, ready_snapshots, desired_state.atomic)
        for snapshot in ready_snapshots:
            del remaining_snapshots[snapshots.key(snapshot)]


def _names_in_use(draft: Draft, remaining: Iterable[DesiredVolume]) -> Set[str]:
    """The names of volumes that are still to be renamed, so that no other volume can have these names yet."""
    existing = draft.world.volumes
    old = {volume.rename_from for volume in remaining if volume.rename_from and volume.name not in existing}
    return {name for name in old if name in existing and draft.world.existed(name)}


def _to_be_made(remaining: Iterable[DesiredVolume], remaining_snapshots: Iterable[DesiredSnapshot]) -> Set[str]:
    """What is still to be planned, as "kind/name"."""
    names = {"snapshot/" + snapshot.name for snapshot in remaining_snapshots}
    for volume in remaining:
        names.add("volume/" + volume.name)
        if volume.group:
            names.add("group/" + volume.group)
    return names


def _must_wait(draft: Draft, volume: DesiredVolume, to_be_made: Set[str], names_in_use: Set[str]) -> bool:
    if volume.name in names_in_use:
        return True
    if volume.name in draft.world.volumes or volume.rename_from in names_in_use:
        return False  # nothing has to be made for it
    sources = {"volume/" + str(volume.rename_from)}
    if volume.source_volume and volume.source_volume != volume.name:
        sources.add("volume/" + volume.source_volume)
    if volume.source_snapshot:
        sources.add("snapshot/" + volume.source_snapshot)
    return bool(sources & to_be_made)


def _source(snapshot: DesiredSnapshot) -> str:
    return "group/" + snapshot.group if snapshot.group else "volume/" + str(snapshot.volume)


def _refuse_circle(draft: Draft, keys: Sequence[Key]) -> None:
    error = Invalid(
        "%s wait for each other: each is made of, or renamed from, another of them"
        % ", ".join(sorted("%s %s" % (key[0].replace("_", " "), key[-1]) for key in keys)),
        array=draft.world.actual.label,
        hint="At least one of them must be made of something that exists.",
    )
    for key in keys:
        draft.outcomes[key] = Outcome(key, error=error)
