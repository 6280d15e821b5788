# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remove what a document does not declare: after all else, up to a limit, only of the kinds that it manages."""

from __future__ import annotations

from functools import partial
from typing import Callable, List, Optional, Set, Tuple

from ..errors import Invalid, NotDone, Refused
from ..model import DELETING, WITH_VOLUMES, Mapping, NameRule, Snapshot
from ..units import is_openstack_name
from . import groups, hosts, rules, snapshots, volumes
from .desired import GROUPS, HOSTS, MAPPINGS, PRESENT, SNAPSHOTS, VOLUMES, DesiredState, Prune
from .draft import Draft
from .rules import Policy
from .step import Key
from .steps import UnmapVolume

KEY: Key = ("prune", "")


def prune(draft: Draft, desired_state: DesiredState, rule: Prune) -> None:
    with draft.item(KEY, "remove what is not declared"):
        _check_prefix(desired_state, rule)
        _check_not_empty(draft.policy, desired_state, rule)
        if any(other.error and not isinstance(other.error, NotDone) for other in draft.outcomes.values()):
            draft.warn("nothing was pruned, because another part of the task is refused")
            return
        actual = draft.world.actual
        if actual.unreadable or not (actual.volumes.known and actual.snapshots.known):
            draft.warn("nothing was removed, because not every object could be read")
            return
        if not actual.mappings.known:
            draft.warn("nothing was removed, because this array cannot be asked which volumes hosts have")
            return
        draft.check_destructive()
        strict = Policy()  # what a task permits for named objects is not permitted for what nobody named
        draft.policy, permitted = strict, draft.policy
        try:
            _remove(draft, desired_state, rule)
        finally:
            draft.policy = permitted
        if len(draft.pending) > rule.limit:
            # The world lacks these objects by now. After a refusal a plan is made again from a new one.
            lines = ", ".join(step.line for step in draft.pending)
            raise Refused(
                "%d objects would be removed, and prune_limit is %d: %s" % (len(draft.pending), rule.limit, lines),
                hint="None of them was removed. Raise prune_limit when all of them shall go.",
            )


def _declared(desired_state: DesiredState, kind: str) -> List[str]:
    """The names of this kind that shall exist, for a mapping that of its volume.

    A name with state absent declares nothing that stays.
    """
    if kind == VOLUMES:
        return [volume.name for volume in desired_state.volumes if volume.state == PRESENT]
    if kind == SNAPSHOTS:
        return [snapshot.name for snapshot in desired_state.snapshots if snapshot.state == PRESENT]
    if kind == GROUPS:
        return [group.name for group in desired_state.groups if group.state == PRESENT]
    if kind == MAPPINGS:
        return [mapping.volume for mapping in desired_state.mappings if mapping.state == PRESENT]
    return [host.name for host in desired_state.hosts if host.state == PRESENT]


def _check_not_empty(policy: Policy, desired_state: DesiredState, rule: Prune) -> None:
    """:raises Refused: a kind declares nothing with the prefix, so everything with the prefix would be removed."""
    if policy.allow_empty:
        return
    if not rule.kinds:
        raise Refused("the option prune_kinds is empty", hint="Name the kinds to prune, or leave prune out.")
    empty, declared = {}, []
    for kind in rule.kinds:
        names = _declared(desired_state, kind)
        if not names:
            empty[kind] = "the section %s is missing or empty" % kind
        elif not any(name.startswith(rule.prefix) for name in names):
            empty[kind] = "no name in the section %s begins with %r" % (kind, rule.prefix)
        else:
            declared.append(kind)
    if empty:
        narrower = "name in prune_kinds only what this document manages (prune_kinds: [%s])" % ", ".join(declared)
        raise Refused(
            "%s, so all %s that begin with %r would be removed"
            % (" and ".join(empty.values()), " and ".join(empty), rule.prefix),
            hint="Declare what shall stay%s, or set allow_empty: true when none of them shall stay."
            % (", or " + narrower if declared else ""),
        )


def _check_prefix(desired_state: DesiredState, rule: Prune) -> None:
    """:raises Invalid: no declared name begins with the prefix, so it is probably not that of this document."""
    declared = [name for kind in (VOLUMES, SNAPSHOTS, GROUPS, HOSTS) for name in _declared(desired_state, kind)]
    if declared and not any(name.startswith(rule.prefix) for name in declared):
        raise Invalid(
            "nothing that is declared begins with the prune prefix %r" % rule.prefix,
            hint="The prefix is that of the objects that this document manages.",
        )


Candidate = Tuple[str, str, Callable[[], None]]
"""Kind, name, and what plans its removal."""


def _remove(draft: Draft, desired_state: DesiredState, rule: Prune) -> None:
    """Remove in rounds what may be removed: what was made of a snapshot, or shares data with a volume, goes first."""
    remaining: List[Candidate] = []
    for kind, candidates in (
        (MAPPINGS, _mappings),
        (GROUPS, _groups),
        (SNAPSHOTS, _snapshots),
        (VOLUMES, _volumes),
        (HOSTS, _hosts),
    ):
        if kind in rule.kinds:
            remaining += candidates(draft, desired_state, rule)
    while True:
        tried = [(candidate, draft.attempt(candidate[2])) for candidate in remaining]
        refused = [(candidate, reason) for candidate, reason in tried if reason]
        if len(refused) == len(remaining):
            break
        remaining = [candidate for candidate, _reason in refused]
    for (kind, name, _plan_removal), reason in refused:
        draft.warn("%s %s is not declared and stays: %s" % (kind, name, reason))


def _is_managed(rule: Prune, kind: str, name: str, names: Optional[NameRule]) -> bool:
    """Whether a document can declare it. What none can declare stays, though no document has it."""
    return (
        name.startswith(rule.prefix)
        and not is_openstack_name(name)
        and rules.why_not_declared(kind, name, names) is None
    )


def _volumes_named(desired_state: DesiredState) -> Set[Optional[str]]:
    """The volumes that the document declares or refers to."""
    names: Set[Optional[str]] = {volume.name for volume in desired_state.volumes}
    names |= {volume.source_volume for volume in desired_state.volumes}
    names |= {volume.rename_from for volume in desired_state.volumes}
    names |= {snapshot.volume for snapshot in desired_state.snapshots}
    names |= {mapping.volume for mapping in desired_state.mappings}
    names |= {name for group in desired_state.groups for name in group.volumes or ()}
    names |= {retention.volume for retention in desired_state.retentions}
    return names - {None}


def _snapshots(draft: Draft, desired_state: DesiredState, rule: Prune) -> List[Candidate]:
    """Snapshots of volumes that do not exist or are not declared. Other tasks manage those of declared volumes."""
    stay = _volumes_named(desired_state)
    declared = {(snapshot.volume, snapshot.name) for snapshot in desired_state.snapshots}
    kept = {volume.source_snapshot for volume in desired_state.volumes}
    if draft.capabilities.snapshot_names == WITH_VOLUMES:
        # On some arrays a clone is listed among the snapshots too.
        kept |= {volume.name for volume in desired_state.volumes}

    def remove(snapshot: Snapshot) -> None:
        reason = snapshots.why_it_stays(draft, snapshot)
        if reason:
            raise Refused(reason)
        snapshots.delete(draft, KEY, snapshot)

    return [
        ("snapshot", snapshot.name, partial(remove, snapshot))
        for snapshot in draft.world.snapshots.values()
        if _is_managed(rule, "snapshot", snapshot.name, draft.capabilities.snapshot_name)
        and snapshot.volume not in stay
        and (snapshot.volume, snapshot.name) not in declared
        and snapshot.name not in kept
    ]


def _volumes(draft: Draft, desired_state: DesiredState, rule: Prune) -> List[Candidate]:
    kept = _volumes_named(desired_state)
    if draft.capabilities.snapshot_names == WITH_VOLUMES:
        # A snapshot that is a volume too is judged as a snapshot.
        kept |= {snapshot.name for snapshot in draft.world.snapshots.values()}
    return [
        ("volume", volume.name, partial(volumes.delete, draft, KEY, volume))
        for volume in draft.world.volumes.values()
        if _is_managed(rule, "volume", volume.name, draft.capabilities.volume_name)
        and volume.name not in kept
        and volume.state != DELETING
    ]


def _hosts(draft: Draft, desired_state: DesiredState, rule: Prune) -> List[Candidate]:
    kept = {host.name for host in desired_state.hosts} | {mapping.host for mapping in desired_state.mappings}
    kept |= {host.rename_from for host in desired_state.hosts if host.rename_from}
    no_initiators = draft.capabilities.refusal("host_without_initiators")
    return [
        ("host", host.name, partial(hosts.delete, draft, KEY, host))
        for host in draft.world.hosts.values()
        if _is_managed(rule, "host", host.name, draft.capabilities.host_name)
        and host.name not in kept
        and (host.initiators or not no_initiators)
    ]


def _groups(draft: Draft, desired_state: DesiredState, rule: Prune) -> List[Candidate]:
    kept = {group.name for group in desired_state.groups} | {volume.group for volume in desired_state.volumes}
    return [
        ("consistency group", group.name, partial(groups.delete, draft, KEY, group))
        for group in list(draft.world.groups.values())
        if _is_managed(rule, "consistency group", group.name, draft.capabilities.group_name) and group.name not in kept
    ]


def _mappings(draft: Draft, desired_state: DesiredState, rule: Prune) -> List[Candidate]:
    """Mappings of declared volumes to declared hosts. A mapping to anything else may be that of another task."""
    declared = {(mapping.host, mapping.volume) for mapping in desired_state.mappings}
    volume_names, host_names = set(_declared(desired_state, VOLUMES)), set(_declared(desired_state, HOSTS))

    def remove(mapping: Mapping) -> None:
        rules.check_unmap(draft.world, mapping, draft.policy)
        rules.check_can(
            draft.capabilities,
            "unmap_volume",
            draft.world.volumes.get(mapping.volume),
            host=draft.world.hosts.get(mapping.host),
        )
        draft.add(UnmapVolume(KEY, mapping.volume, mapping.host), KEY)
        draft.world.remove_mapping(mapping)

    return [
        ("mapping", "%s/%s" % (mapping.host, mapping.volume), partial(remove, mapping))
        for mapping in list(draft.world.mappings.values())
        if (mapping.host, mapping.volume) not in declared
        and mapping.volume in volume_names
        and mapping.host in host_names
        and mapping.volume.startswith(rule.prefix)
        and mapping.host.startswith(rule.prefix)
    ]
