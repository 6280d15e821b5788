# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask an array for what a plan must know, and for no more: one request per kind of object where the wire allows it.

What is asked next depends on what was answered: the snapshots of a volume matter only when the volume is there and is
to go.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, FrozenSet, List, Optional, Set, Tuple

from .array import Array, ConsistencyGroups
from .errors import context
from .model import UNKNOWN, Group, Host, Listing, Mapping, Snapshot, Volume
from .plan.desired import ABSENT, PRESENT, RESTORED, DesiredMapping, DesiredState
from .plan.snapshots import member_name
from .plan.world import Actual

Names = Set[Optional[str]]


def read(array: Array, desired_state: DesiredState) -> Actual:
    """Everything that the desired objects touch; all of it when something may be pruned."""
    array.declare_hosts(_declared_hosts(desired_state))
    with context(array=array.label):
        groups = _groups(array, desired_state)
        volumes = _volumes(array, desired_state, groups)
        snapshots, parents_asked = _snapshots(array, desired_state, volumes, groups)
        hosts = _hosts(array, desired_state)
        if desired_state.prune is not None:
            mappings, volumes_asked, hosts_asked = array.mappings(), None, None
        else:
            mappings, volumes_asked, hosts_asked = _mappings(array, desired_state, volumes, hosts)
    told = _with_snapshots(_with_maps(volumes, mappings, volumes_asked), snapshots, parents_asked)
    return Actual(told, snapshots, hosts, mappings, groups, hosts_asked, array.label)


def _declared_hosts(desired_state: DesiredState) -> List[str]:
    return sorted(
        {desired.name for desired in desired_state.hosts}
        | {desired.host for desired in desired_state.maps}
        | desired_state.exclusive_maps
    )


def _with_maps(volumes: Listing[Volume], mappings: Listing[Mapping], asked: Optional[Set[str]]) -> Listing[Volume]:
    """The volumes, those that were asked about (None: all) with their mappings, if all of these could be read."""
    if not mappings.complete:
        return volumes
    told: Dict[str, List[Mapping]] = {}
    for mapping in mappings:
        told.setdefault(mapping.volume, []).append(mapping)
    items = tuple(
        replace(volume, mappings=tuple(told.get(volume.name, ())))
        if volume.mappings is None and (asked is None or volume.name in asked)
        else volume
        for volume in volumes
    )
    return replace(volumes, items=items)


def _with_snapshots(volumes: Listing[Volume], snapshots: Listing[Snapshot], asked: Optional[Names]) -> Listing[Volume]:
    """Likewise with the names of their snapshots, where the volumes do not tell these themselves."""
    if not snapshots.complete:
        return volumes
    told: Dict[str, List[str]] = {}
    for snapshot in snapshots:
        told.setdefault(snapshot.volume or "", []).append(snapshot.name)
    items = tuple(
        replace(volume, snapshots=tuple(told.get(volume.name, ())))
        if volume.snapshots is None and (asked is None or volume.name in asked)
        else volume
        for volume in volumes
    )
    return replace(volumes, items=items)


def _ordered(names: Names) -> List[str]:
    return sorted(name for name in names if name)


def _groups(array: Array, desired_state: DesiredState) -> Listing[Group]:
    names = _ordered(
        {desired.group for desired in desired_state.volumes} | {desired.group for desired in desired_state.snapshots}
    )
    if not names or array.capabilities.refusal("groups"):
        return Listing()
    return ConsistencyGroups.of(array).groups(names)


def _members(groups: Listing[Group], name: str) -> Tuple[str, ...]:
    group = groups.named(name)
    return group.volumes if group else ()


def _volumes(array: Array, desired_state: DesiredState, groups: Listing[Group]) -> Listing[Volume]:
    deletes = desired_state.retentions or any(
        desired.state == ABSENT for desired in desired_state.volumes + desired_state.snapshots
    )
    if desired_state.prune is not None:
        return array.volumes()
    names: Names = {desired.name for desired in desired_state.volumes}
    names |= {desired.rename_from for desired in desired_state.volumes} | {
        desired.source_volume for desired in desired_state.volumes
    }
    names |= {desired.volume for desired in desired_state.maps}
    for snapshot in desired_state.snapshots:
        if snapshot.state == ABSENT:
            continue
        taken: Names = {snapshot.name, snapshot.backup}
        if snapshot.group:
            members = _members(groups, snapshot.group)
            names.update(members)
            taken = {member_name(member, snapshot.name) for member in members}
        names.add(snapshot.volume)
        if array.capabilities.one_namespace:
            names |= taken
    found = _ordered(names)
    if deletes and array.capabilities.clones_depend:
        return array.volumes_with_clones(found)
    return array.volumes(found) if found else Listing()


def _snapshots(
    array: Array, desired_state: DesiredState, volumes: Listing[Volume], groups: Listing[Group]
) -> Tuple[Listing[Snapshot], Optional[Names]]:
    """Snapshots that a desired object touches, and the volumes of which all are asked for (None: of every volume)."""
    if desired_state.prune is not None:
        return array.snapshots(), None
    there = {volume.name: volume for volume in volumes}
    one_name = array.capabilities.one_namespace or array.capabilities.one_snapshot_namespace
    sources: Names = {desired.volume for desired in desired_state.retentions}
    names: Names = set()
    for desired in desired_state.volumes:
        doomed = there.get(desired.name)
        if desired.state == ABSENT and doomed is not None and doomed.snapshots != ():
            sources.add(desired.name)
        if desired.state == PRESENT and doomed is None:
            names |= {desired.source_snapshot, desired.name if array.capabilities.one_namespace else None}
            if array.capabilities.snapshots_by_volume and desired.source_volume and desired.source_snapshot:
                names.discard(desired.source_snapshot)
                sources.add(desired.source_volume)
    for snapshot in desired_state.snapshots:
        if snapshot.group:
            names |= {member_name(member, snapshot.name) for member in _members(groups, snapshot.group)}
        elif snapshot.volume and array.capabilities.snapshots_by_volume:
            sources.add(snapshot.volume)
        elif snapshot.volume not in sources or one_name:
            names |= {snapshot.name, snapshot.backup if snapshot.state == RESTORED else None}
    named, of = _ordered(names), _ordered(sources)
    return (array.snapshots(named or None, of or None) if named or of else UNKNOWN), sources


def _hosts(array: Array, desired_state: DesiredState) -> Listing[Host]:
    if desired_state.prune is not None:
        return array.hosts()
    wanted: Names = {desired.name for desired in desired_state.hosts}
    names = _ordered(wanted | {desired.host for desired in desired_state.maps if desired.state == PRESENT})
    if not names:
        return Listing()
    found = array.hosts(names)
    known = {address for host in found for address in host.addresses}
    unknown = {
        initiator.address
        for desired in desired_state.hosts
        if desired.state == PRESENT
        for initiator in desired.initiators or ()
        if initiator.address not in known
    }
    if not unknown:
        return found
    others = array.find_hosts(sorted(unknown))
    there = {host.name for host in found}
    return Listing(
        found.items + tuple(host for host in others if host.name not in there),
        found.unreadable + others.unreadable,
        found.known and others.known,
    )


Asked = Tuple[Listing[Mapping], Set[str], FrozenSet[str]]


def _mappings(array: Array, desired_state: DesiredState, volumes: Listing[Volume], hosts: Listing[Host]) -> Asked:
    """Mappings that the task touches and that the volumes themselves did not report; of which volumes and hosts."""
    there = {volume.name: volume for volume in volumes}
    hosts_asked = _hosts_to_ask(desired_state, there, hosts)
    touched = {desired.name for desired in desired_state.volumes if desired.state == ABSENT}
    touched |= {str(desired.volume) for desired in desired_state.snapshots if desired.state == RESTORED}
    touched |= {desired.volume for desired in desired_state.maps}
    volumes_asked = {name for name in touched if name in there and there[name].mappings is None}
    # What has the name of no volume may be a snapshot.
    volumes_asked |= {
        desired.volume for desired in desired_state.maps if desired.state == ABSENT and desired.volume not in there
    }
    if not hosts_asked and not volumes_asked:
        return UNKNOWN, set(), frozenset()
    if not array.capabilities.reads_mappings:
        # Some arrays can be asked on the host itself, and about that host alone.
        seen = frozenset(
            desired.host for desired in desired_state.maps if array.capabilities.sees_mappings_of(desired.host)
        )
        if not seen:
            return UNKNOWN, volumes_asked, hosts_asked
        hosts_asked = seen
    found = array.mappings(volumes=sorted(volumes_asked) or None, hosts=sorted(hosts_asked) or None)
    return found, volumes_asked, hosts_asked


def _hosts_to_ask(desired_state: DesiredState, volumes: Dict[str, Volume], hosts: Listing[Host]) -> FrozenSet[str]:
    """Hosts of which more must be known than what the requested volumes tell."""
    there = {host.name: host for host in hosts}
    names = {
        desired.host for desired in desired_state.maps if desired.state == PRESENT and _needs_lun(desired, volumes)
    }
    names |= desired_state.exclusive_maps
    for desired in desired_state.hosts:
        if desired.state == ABSENT:
            names.add(desired.name)
        elif desired.exclusive_initiators and desired.initiators is not None and desired.name in there:
            wanted = {initiator.address for initiator in desired.initiators}
            if set(there[desired.name].addresses) - wanted:
                names.add(desired.name)
    return frozenset(names & there.keys())


def _needs_lun(desired: DesiredMapping, volumes: Dict[str, Volume]) -> bool:
    """Whether another volume may have the LUN that the desired object names."""
    if desired.lun is None:
        return False
    volume = volumes.get(desired.volume)
    maps = volume.mappings or () if volume else ()
    return not any(mapping.host == desired.host and mapping.lun == desired.lun for mapping in maps)
