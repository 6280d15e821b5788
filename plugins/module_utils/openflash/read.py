# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads from an array what a plan needs, and no more: one request per kind of object where the wire allows it.

What is asked next depends on the answers before: the snapshots of a volume matter only when the volume exists and shall
be deleted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, FrozenSet, List, Optional, Sequence, Set, Tuple

from .array import Array, ConsistencyGroups
from .errors import context
from .model import (
    BY_VOLUME,
    OF_ALL_HOSTS,
    PER_VOLUME,
    UNKNOWN,
    WITH_VOLUMES,
    Group,
    Host,
    Listing,
    Mapping,
    Snapshot,
    Volume,
)
from .plan.desired import (
    ABSENT,
    GROUPS,
    PRESENT,
    REFRESHED,
    RESTORED,
    DesiredMapping,
    DesiredSnapshot,
    DesiredState,
)
from .plan.snapshots import member_name
from .plan.world import Actual
from .properties import LIMITS, QOS, kind_of

Names = Set[Optional[str]]


def read(array: Array, desired_state: DesiredState) -> Actual:
    """Everything that the desired objects touch; all objects of the array when the task prunes."""
    array.declare_hosts(_declared_hosts(desired_state))
    with context(array=array.label):
        groups = _groups(array, desired_state)
        volumes = _with_properties(array, desired_state, _volumes(array, desired_state, groups))
        snapshots, parents_asked = _snapshots(array, desired_state, volumes, groups)
        hosts = _hosts(array, desired_state)
        if desired_state.prune is not None:
            mappings, volumes_asked, hosts_asked = array.mappings(), None, None
        else:
            mappings, volumes_asked, hosts_asked = _mappings(array, desired_state, volumes, hosts)
    volumes = _with_mappings(volumes, mappings, volumes_asked)
    volumes = _with_snapshots(volumes, snapshots, parents_asked)
    return Actual(volumes, snapshots, hosts, mappings, groups, hosts_asked, array.label)


def everything(array: Array, snapshots: bool) -> Actual:
    """All objects of the array.

    :param snapshots: also the snapshots; without, they are unknown.
    """
    readers: Dict[str, Callable[[], Listing[Any]]] = {
        "volumes": array.volumes,
        "hosts": array.hosts,
        "mappings": array.mappings,
    }
    if snapshots:
        readers["snapshots"] = array.snapshots
    groups = ConsistencyGroups.within(array)
    if groups is not None and not array.capabilities.refusal("groups"):
        readers["groups"] = groups.groups
    found = {}
    for kind, read_all in readers.items():
        with context(doing="read the %s" % kind, array=array.label):
            found[kind] = read_all()
    return Actual(label=array.label, hosts_asked=None, **found)


def _declared_hosts(desired_state: DesiredState) -> List[str]:
    hosts = {host.name for host in desired_state.hosts} | {mapping.host for mapping in desired_state.mappings}
    hosts |= {host.rename_from for host in desired_state.hosts if host.rename_from}
    return sorted(hosts | desired_state.exclusive_hosts)


def _with_mappings(volumes: Listing[Volume], mappings: Listing[Mapping], asked: Optional[Set[str]]) -> Listing[Volume]:
    """The volumes; those that were asked about (None: all) with their mappings, if all mappings could be read."""
    if not mappings.complete:
        return volumes
    by_volume: Dict[str, List[Mapping]] = {}
    for mapping in mappings:
        by_volume.setdefault(mapping.volume, []).append(mapping)
    items = tuple(
        replace(volume, mappings=tuple(by_volume.get(volume.name, ())))
        if volume.mappings is None and (asked is None or volume.name in asked)
        else volume
        for volume in volumes
    )
    return replace(volumes, items=items)


def _with_snapshots(volumes: Listing[Volume], snapshots: Listing[Snapshot], asked: Optional[Names]) -> Listing[Volume]:
    """The volumes; those that were asked about (None: all) with the names of their snapshots, if all could be read.

    A volume that reports these by itself stays as it is.
    """
    if not snapshots.complete:
        return volumes
    by_volume: Dict[str, List[str]] = {}
    for snapshot in snapshots:
        by_volume.setdefault(snapshot.volume or "", []).append(snapshot.name)
    items = tuple(
        replace(volume, snapshots=tuple(by_volume.get(volume.name, ())))
        if volume.snapshots is None and (asked is None or volume.name in asked)
        else volume
        for volume in volumes
    )
    return replace(volumes, items=items)


def _ordered(names: Names) -> List[str]:
    return sorted(name for name in names if name)


def _groups(array: Array, desired_state: DesiredState) -> Listing[Group]:
    if array.capabilities.refusal("groups"):
        return Listing()
    if desired_state.prune is not None and GROUPS in desired_state.prune.kinds:
        return ConsistencyGroups.of(array).groups()
    names: Names = {volume.group for volume in desired_state.volumes}
    names |= {group.name for group in desired_state.groups}
    ordered = _ordered(names | {snapshot.group for snapshot in desired_state.snapshots})
    if not ordered:
        return Listing()
    return ConsistencyGroups.of(array).groups(ordered)


def _members(groups: Listing[Group], name: str) -> Tuple[str, ...]:
    group = groups.named(name)
    return group.volumes if group else ()


def _of_members(snapshot: DesiredSnapshot, members: Sequence[str]) -> Names:
    """The names of the snapshots of a group's volumes, and of their backups."""
    names = [snapshot.name] + ([snapshot.backup] if snapshot.backup else [])
    return {member_name(member, name) for member in members for name in names}


def _volumes(array: Array, desired_state: DesiredState, groups: Listing[Group]) -> Listing[Volume]:
    if desired_state.prune is not None:
        return array.volumes()
    names: Names = {volume.name for volume in desired_state.volumes}
    names |= {volume.rename_from for volume in desired_state.volumes}
    names |= {volume.source_volume for volume in desired_state.volumes}
    names |= {mapping.volume for mapping in desired_state.mappings}
    for group in desired_state.groups:
        if group.state == PRESENT:
            names.update(group.volumes or ())
            members = _members(groups, group.name)
            names.update(members if group.exclusive_volumes else set(members) & set(group.without))
    for snapshot in desired_state.snapshots:
        if snapshot.state == ABSENT:
            continue
        new_names: Names = {snapshot.name, snapshot.backup}
        if snapshot.group:
            members = _members(groups, snapshot.group)
            names.update(members)
            new_names = _of_members(snapshot, members)
        names |= {snapshot.volume, snapshot.target}
        if array.capabilities.snapshot_names == WITH_VOLUMES:
            names |= new_names
    if array.capabilities.snapshot_names == WITH_VOLUMES:
        names |= {volume.backup for volume in desired_state.volumes}
    ordered = _ordered(names)
    deletes = desired_state.retentions or any(
        desired.state == ABSENT for desired in desired_state.volumes + desired_state.snapshots
    )
    if deletes and array.capabilities.clones_depend:
        return array.volumes_with_clones(ordered)
    return array.volumes(ordered) if ordered else Listing()


def _with_properties(array: Array, desired_state: DesiredState, volumes: Listing[Volume]) -> Listing[Volume]:
    """The volumes; those of which limits are requested, with the limits that they have."""
    names = set()
    for desired in desired_state.volumes:
        kinds = {kind_of(name) for name in desired.properties}
        if desired.state == PRESENT and (QOS in kinds or set(LIMITS) & desired.options.keys()):
            names |= {desired.name, desired.rename_from}
    existing = {volume.name for volume in volumes}
    return array.with_properties(volumes, sorted(name for name in names if name in existing)) if names else volumes


def _snapshots(
    array: Array, desired_state: DesiredState, volumes: Listing[Volume], groups: Listing[Group]
) -> Tuple[Listing[Snapshot], Optional[Names]]:
    """Snapshots that a desired object touches, and the volumes of which all are asked for (None: of every volume)."""
    if desired_state.prune is not None:
        return array.snapshots(), None
    existing = {volume.name: volume for volume in volumes}
    beyond_the_volume = array.capabilities.snapshot_names != PER_VOLUME
    sources: Names = {retention.volume for retention in desired_state.retentions}
    names: Names = set()
    for desired in desired_state.volumes:
        volume = existing.get(desired.name)
        if desired.state == ABSENT and volume is not None and volume.snapshots != ():
            sources.add(desired.name)
        if desired.backup:
            if array.capabilities.snapshots_found_by == BY_VOLUME and desired.source_volume:
                sources |= {desired.name if volume is not None else None, desired.source_volume}
            else:
                names |= {desired.backup, desired.source_snapshot}
        if desired.state == PRESENT and volume is None:
            names |= {
                desired.source_snapshot,
                desired.name if array.capabilities.snapshot_names == WITH_VOLUMES else None,
            }
            if array.capabilities.snapshots_found_by == BY_VOLUME and desired.source_volume and desired.source_snapshot:
                names.discard(desired.source_snapshot)
                sources.add(desired.source_volume)
    for snapshot in desired_state.snapshots:
        if snapshot.group:
            names |= _of_members(snapshot, _members(groups, snapshot.group))
        elif snapshot.volume and array.capabilities.snapshots_found_by == BY_VOLUME:
            sources |= {snapshot.volume, snapshot.target}
        elif snapshot.volume not in sources or beyond_the_volume:
            names |= {snapshot.name, snapshot.backup if snapshot.state in (RESTORED, REFRESHED) else None}
    by_name, by_volume = _ordered(names), _ordered(sources)
    if not by_name and not by_volume:
        return UNKNOWN, sources
    return array.snapshots(by_name or None, by_volume or None), sources


def _hosts(array: Array, desired_state: DesiredState) -> Listing[Host]:
    if desired_state.prune is not None:
        return array.hosts()
    names: Names = {name for host in desired_state.hosts for name in (host.name, host.rename_from)}
    names |= {mapping.host for mapping in desired_state.mappings if mapping.state == PRESENT}
    if not names:
        return Listing()
    found = array.hosts(_ordered(names))
    known = {address for host in found for address in host.addresses}
    unknown = {
        initiator.address
        for host in desired_state.hosts
        if host.state == PRESENT
        for initiator in host.initiators or ()
        if initiator.address not in known
    }
    if not unknown:
        return found
    owners = array.find_hosts(sorted(unknown))
    found_names = {host.name for host in found}
    return Listing(
        found.items + tuple(host for host in owners if host.name not in found_names),
        found.unreadable + owners.unreadable,
        found.known and owners.known,
    )


Asked = Tuple[Listing[Mapping], Set[str], FrozenSet[str]]


def _mappings(array: Array, desired_state: DesiredState, volumes: Listing[Volume], hosts: Listing[Host]) -> Asked:
    """Mappings that the task touches and that the volumes themselves did not report; of which volumes and hosts."""
    existing = {volume.name: volume for volume in volumes}
    hosts_asked = _hosts_to_ask(desired_state, existing, hosts)
    touched = {volume.name for volume in desired_state.volumes if volume.state == ABSENT}
    touched |= {str(snapshot.volume) for snapshot in desired_state.snapshots if snapshot.state == RESTORED}
    touched |= {str(snapshot.target) for snapshot in desired_state.snapshots if snapshot.state == REFRESHED}
    touched |= {volume.name for volume in desired_state.volumes if volume.backup}
    touched |= {mapping.volume for mapping in desired_state.mappings}
    volumes_asked = {name for name in touched if name in existing and existing[name].mappings is None}
    # A name that no volume has may be that of a snapshot.
    to_end = {mapping.volume for mapping in desired_state.mappings if mapping.state == ABSENT}
    volumes_asked |= to_end - existing.keys()
    if not hosts_asked and not volumes_asked:
        return UNKNOWN, set(), frozenset()
    if array.capabilities.mappings_known != OF_ALL_HOSTS:
        # Some arrays can be asked only about this very host, by a program on it.
        visible = frozenset(
            mapping.host for mapping in desired_state.mappings if array.capabilities.sees_mappings_of(mapping.host)
        )
        if not visible:
            return UNKNOWN, volumes_asked, hosts_asked
        hosts_asked = visible
    found = array.mappings(volumes=sorted(volumes_asked) or None, hosts=sorted(hosts_asked) or None)
    return found, volumes_asked, hosts_asked


def _hosts_to_ask(desired_state: DesiredState, volumes: Dict[str, Volume], hosts: Listing[Host]) -> FrozenSet[str]:
    """Hosts of which more must be known than what the requested volumes report."""
    existing = {host.name: host for host in hosts}
    names = {
        mapping.host
        for mapping in desired_state.mappings
        if mapping.state == PRESENT and _names_a_lun(mapping, volumes)
    }
    names |= desired_state.exclusive_hosts
    for desired in desired_state.hosts:
        if desired.state == ABSENT:
            names.add(desired.name)
        elif desired.exclusive_initiators and desired.initiators is not None and desired.name in existing:
            kept = {initiator.address for initiator in desired.initiators}
            if set(existing[desired.name].addresses) - kept:
                names.add(desired.name)
    # A host that is still to be renamed has its mappings under its old name.
    names |= {host.rename_from for host in desired_state.hosts if host.rename_from and host.name not in existing}
    return frozenset(names & existing.keys())


def _names_a_lun(desired: DesiredMapping, volumes: Dict[str, Volume]) -> bool:
    """Whether the desired mapping names a LUN that the volume does not have, so that another volume may have it."""
    if desired.lun is None:
        return False
    volume = volumes.get(desired.volume)
    mappings = volume.mappings or () if volume else ()
    return not any(mapping.host == desired.host and mapping.lun == desired.lun for mapping in mappings)
