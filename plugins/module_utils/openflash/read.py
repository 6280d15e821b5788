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

from .array import Array
from .errors import context
from .model import UNKNOWN, Group, Host, Listing, Mapping, Snapshot, Volume
from .plan.desired import ABSENT, PRESENT, RESTORED, Desired, MapWish
from .plan.snapshots import member_name
from .plan.world import Actual

Names = Set[Optional[str]]


def read(array: Array, desired: Desired) -> Actual:
    """Everything that the wishes touch; all of it when something may be pruned."""
    array.declare_hosts(_declared_hosts(desired))
    with context(array=array.label):
        groups = _groups(array, desired)
        volumes = _volumes(array, desired, groups)
        snapshots, parents_asked = _snapshots(array, desired, volumes, groups)
        hosts = _hosts(array, desired)
        if desired.prune is not None:
            mappings, volumes_asked, hosts_asked = array.mappings(), None, None
        else:
            mappings, volumes_asked, hosts_asked = _mappings(array, desired, volumes, hosts)
    told = _with_snapshots(_with_maps(volumes, mappings, volumes_asked), snapshots, parents_asked)
    return Actual(told, snapshots, hosts, mappings, groups, hosts_asked, array.label)


def _declared_hosts(desired: Desired) -> List[str]:
    return sorted({wish.name for wish in desired.hosts} | {wish.host for wish in desired.maps} | desired.exclusive_maps)


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


def _groups(array: Array, desired: Desired) -> Listing[Group]:
    names = _ordered({wish.group for wish in desired.volumes} | {wish.group for wish in desired.snapshots})
    if not names or array.capabilities.refusal("groups"):
        return Listing()
    return array.groups(names)


def _members(groups: Listing[Group], name: str) -> Tuple[str, ...]:
    group = groups.named(name)
    return group.volumes if group else ()


def _volumes(array: Array, desired: Desired, groups: Listing[Group]) -> Listing[Volume]:
    deletes = desired.retentions or any(wish.state == ABSENT for wish in desired.volumes + desired.snapshots)
    if desired.prune is not None:
        return array.volumes()
    names: Names = {wish.name for wish in desired.volumes}
    names |= {wish.rename_from for wish in desired.volumes} | {wish.source_volume for wish in desired.volumes}
    names |= {wish.volume for wish in desired.maps}
    for snapshot in desired.snapshots:
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
    array: Array, desired: Desired, volumes: Listing[Volume], groups: Listing[Group]
) -> Tuple[Listing[Snapshot], Optional[Names]]:
    """Snapshots that a wish touches, and the volumes of which all are asked for (None: of every volume)."""
    if desired.prune is not None:
        return array.snapshots(), None
    there = {volume.name: volume for volume in volumes}
    one_name = array.capabilities.one_namespace or array.capabilities.one_snapshot_namespace
    sources: Names = {wish.volume for wish in desired.retentions}
    names: Names = set()
    for wish in desired.volumes:
        doomed = there.get(wish.name)
        if wish.state == ABSENT and doomed is not None and doomed.snapshots != ():
            sources.add(wish.name)
        if wish.state == PRESENT and doomed is None:
            names |= {wish.source_snapshot, wish.name if array.capabilities.one_namespace else None}
            if array.capabilities.snapshots_by_volume and wish.source_volume and wish.source_snapshot:
                names.discard(wish.source_snapshot)
                sources.add(wish.source_volume)
    for snapshot in desired.snapshots:
        if snapshot.group:
            names |= {member_name(member, snapshot.name) for member in _members(groups, snapshot.group)}
        elif snapshot.volume and array.capabilities.snapshots_by_volume:
            sources.add(snapshot.volume)
        elif snapshot.volume not in sources or one_name:
            names |= {snapshot.name, snapshot.backup if snapshot.state == RESTORED else None}
    named, of = _ordered(names), _ordered(sources)
    return (array.snapshots(named or None, of or None) if named or of else UNKNOWN), sources


def _hosts(array: Array, desired: Desired) -> Listing[Host]:
    if desired.prune is not None:
        return array.hosts()
    wanted: Names = {wish.name for wish in desired.hosts}
    names = _ordered(wanted | {wish.host for wish in desired.maps if wish.state == PRESENT})
    if not names:
        return Listing()
    found = array.hosts(names)
    known = {address for host in found for address in host.addresses}
    unknown = {
        initiator.address
        for wish in desired.hosts
        if wish.state == PRESENT
        for initiator in wish.initiators or ()
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


def _mappings(array: Array, desired: Desired, volumes: Listing[Volume], hosts: Listing[Host]) -> Asked:
    """Mappings that a wish touches and that the volumes themselves did not tell; of which volumes and hosts."""
    there = {volume.name: volume for volume in volumes}
    hosts_asked = _hosts_to_ask(desired, there, hosts)
    touched = {wish.name for wish in desired.volumes if wish.state == ABSENT}
    touched |= {str(wish.volume) for wish in desired.snapshots if wish.state == RESTORED}
    touched |= {wish.volume for wish in desired.maps}
    volumes_asked = {name for name in touched if name in there and there[name].mappings is None}
    # What has the name of no volume may be a snapshot.
    volumes_asked |= {wish.volume for wish in desired.maps if wish.state == ABSENT and wish.volume not in there}
    if not hosts_asked and not volumes_asked:
        return UNKNOWN, set(), frozenset()
    if not array.capabilities.reads_mappings:
        # Some arrays can be asked on the host itself, and about that host alone.
        seen = frozenset(wish.host for wish in desired.maps if array.capabilities.sees_mappings_of(wish.host))
        if not seen:
            return UNKNOWN, volumes_asked, hosts_asked
        hosts_asked = seen
    found = array.mappings(volumes=sorted(volumes_asked) or None, hosts=sorted(hosts_asked) or None)
    return found, volumes_asked, hosts_asked


def _hosts_to_ask(desired: Desired, volumes: Dict[str, Volume], hosts: Listing[Host]) -> FrozenSet[str]:
    """Hosts of which more must be known than what the wished volumes tell."""
    there = {host.name: host for host in hosts}
    names = {wish.host for wish in desired.maps if wish.state == PRESENT and _needs_lun(wish, volumes)}
    names |= desired.exclusive_maps
    for wish in desired.hosts:
        if wish.state == ABSENT:
            names.add(wish.name)
        elif wish.exclusive_initiators and wish.initiators is not None and wish.name in there:
            wanted = {initiator.address for initiator in wish.initiators}
            if set(there[wish.name].addresses) - wanted:
                names.add(wish.name)
    return frozenset(names & there.keys())


def _needs_lun(wish: MapWish, volumes: Dict[str, Volume]) -> bool:
    """Whether another volume may have the LUN that the wish names."""
    if wish.lun is None:
        return False
    volume = volumes.get(wish.volume)
    maps = volume.mappings or () if volume else ()
    return not any(mapping.host == wish.host and mapping.lun == wish.lun for mapping in maps)
