# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remove what a document does not declare: last, bounded, only of the kinds that it looks after."""

from __future__ import annotations

from functools import partial
from typing import Callable, List, Optional, Set, Tuple

from ..errors import Invalid, Refused
from ..model import DELETING, Snapshot
from ..units import is_openstack_name
from . import hosts, snapshots, volumes
from .desired import HOSTS, PRESENT, SNAPSHOTS, VOLUMES, DesiredPrune, DesiredState
from .draft import Draft
from .policy import Policy
from .steps import Key

KEY: Key = ("prune", "")


def prune(draft: Draft, desired_state: DesiredState, desired: DesiredPrune) -> None:
    with draft.item(KEY, "remove what is not declared"):
        _check_prefix(desired_state, desired)
        _check_not_empty(draft.policy, desired_state, desired)
        if any(other.error for other in draft.outcomes.values()):
            draft.warn("nothing was pruned, because another part of the task is refused")
            return
        actual = draft.world.actual
        if actual.unreadable or not (actual.volumes.known and actual.snapshots.known):
            draft.warn("nothing was removed, because not every object could be read")
            return
        if not actual.mappings.known:
            draft.warn("nothing was removed, because this array cannot be asked which volumes hosts have")
            return
        strict = Policy()  # what a task permits for named objects is not permitted for what nobody named
        draft.policy, permitted = strict, draft.policy
        try:
            _remove(draft, desired_state, desired)
        finally:
            draft.policy = permitted
        if len(draft.pending) > desired.limit:
            doomed = ", ".join(step.line for step in draft.pending)
            raise Refused(
                "%d objects would be removed, and prune_limit is %d: %s" % (len(draft.pending), desired.limit, doomed),
                hint="None of them was removed. Raise prune_limit when all of them shall go.",
            )


def _declared(desired_state: DesiredState, kind: str) -> List[str]:
    """The names of this kind that shall be there. One that shall be absent declares nothing that stays."""
    if kind == VOLUMES:
        return [w.name for w in desired_state.volumes if w.state == PRESENT]
    if kind == SNAPSHOTS:
        return [w.name for w in desired_state.snapshots if w.state == PRESENT]
    return [w.name for w in desired_state.hosts if w.state == PRESENT]


def _check_not_empty(policy: Policy, desired_state: DesiredState, desired: DesiredPrune) -> None:
    """Refused when a kind declares nothing with the prefix, and so everything with the prefix would be removed."""
    if policy.allow_empty:
        return
    if not desired.kinds:
        raise Refused("the option prune_kinds is empty", hint="Name the kinds to prune, or leave prune out.")
    empty, others = {}, []
    for kind in desired.kinds:
        names = _declared(desired_state, kind)
        if not names:
            empty[kind] = "the section %s is missing or empty" % kind
        elif not any(name.startswith(desired.prefix) for name in names):
            empty[kind] = "no name in the section %s begins with %r" % (kind, desired.prefix)
        else:
            others.append(kind)
    if empty:
        narrower = "name in prune_kinds only what this document looks after (prune_kinds: [%s])" % ", ".join(others)
        raise Refused(
            "%s, so all %s that begin with %r would be removed"
            % (" and ".join(empty.values()), " and ".join(empty), desired.prefix),
            hint="Declare what shall stay%s, or set allow_empty: true when none of them shall stay."
            % (", or " + narrower if others else ""),
        )


def _check_prefix(desired_state: DesiredState, desired: DesiredPrune) -> None:
    """When no declared name begins with the prefix, the prefix is hardly the one of this document."""
    declared = [name for kind in (VOLUMES, SNAPSHOTS, HOSTS) for name in _declared(desired_state, kind)]
    if declared and not any(name.startswith(desired.prefix) for name in declared):
        raise Invalid(
            "nothing that is declared begins with the prune prefix %r" % desired.prefix,
            hint="The prefix is that of the objects this document looks after.",
        )


Candidate = Tuple[str, str, Callable[[], None]]
"""Kind, name, and how to plan its end."""


def _remove(draft: Draft, desired_state: DesiredState, desired: DesiredPrune) -> None:
    """Remove what may go, again and again: what was made of a snapshot, or shares data with a volume, goes first."""
    left: List[Candidate] = []
    for kind, candidates in ((SNAPSHOTS, _snapshots), (VOLUMES, _volumes), (HOSTS, _hosts)):
        if kind in desired.kinds:
            left += candidates(draft, desired_state, desired)
    while True:
        tried = [(candidate, draft.attempt(candidate[2])) for candidate in left]
        stays = [(candidate, reason) for candidate, reason in tried if reason]
        if len(stays) == len(left):
            break
        left = [candidate for candidate, _reason in stays]
    for (kind, name, _end), reason in stays:
        draft.warn("%s %s is not declared and stays: %s" % (kind, name, reason))


def _ours(desired: DesiredPrune, name: str) -> bool:
    return name.startswith(desired.prefix) and not is_openstack_name(name)


def _volumes_named(desired_state: DesiredState) -> Set[Optional[str]]:
    """The volumes that the document declares or refers to."""
    names: Set[Optional[str]] = {w.name for w in desired_state.volumes}
    names |= {w.source_volume for w in desired_state.volumes} | {w.rename_from for w in desired_state.volumes}
    names |= {w.volume for w in desired_state.snapshots} | {w.volume for w in desired_state.maps}
    names |= {w.volume for w in desired_state.retentions}
    return names - {None}


def _snapshots(draft: Draft, desired_state: DesiredState, desired: DesiredPrune) -> List[Candidate]:
    """Snapshots of volumes that are gone or not declared; those of a volume that stays belong to whoever took them."""
    stay = _volumes_named(desired_state)
    declared = {(w.volume, w.name) for w in desired_state.snapshots}
    kept = {w.source_snapshot for w in desired_state.volumes}
    if draft.capabilities.one_namespace:
        # On some arrays a clone is listed among the snapshots too.
        kept |= {w.name for w in desired_state.volumes}

    def remove(snapshot: Snapshot) -> None:
        reason = snapshots.why_it_stays(draft, snapshot)
        if reason:
            raise Refused(reason)
        snapshots.delete(draft, KEY, snapshot)

    return [
        ("snapshot", snapshot.name, partial(remove, snapshot))
        for snapshot in draft.world.snapshots.values()
        if _ours(desired, snapshot.name)
        and snapshot.volume not in stay
        and (snapshot.volume, snapshot.name) not in declared
        and snapshot.name not in kept
    ]


def _volumes(draft: Draft, desired_state: DesiredState, desired: DesiredPrune) -> List[Candidate]:
    kept = _volumes_named(desired_state)
    if draft.capabilities.one_namespace:
        # A snapshot that is a volume too is judged as a snapshot.
        kept |= {snapshot.name for snapshot in draft.world.snapshots.values()}
    return [
        ("volume", volume.name, partial(volumes.delete, draft, KEY, volume))
        for volume in draft.world.volumes.values()
        if _ours(desired, volume.name) and volume.name not in kept and volume.state != DELETING
    ]


def _hosts(draft: Draft, desired_state: DesiredState, desired: DesiredPrune) -> List[Candidate]:
    kept = {w.name for w in desired_state.hosts} | {w.host for w in desired_state.maps}
    return [
        ("host", host.name, partial(hosts.delete, draft, KEY, host))
        for host in draft.world.hosts.values()
        if _ours(desired, host.name) and host.name not in kept
    ]
