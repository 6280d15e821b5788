# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask an array for what a plan must know, and for no more: one request per kind of object where the wire allows it.

What is asked next depends on what was answered: the snapshots of a volume matter only when the volume is there and is
to go.
"""

from __future__ import annotations

from typing import List, Optional, Sequence, Set

from .array import Array
from .errors import context
from .model import Group, Host, Listing, Mapping, Snapshot, Volume
from .plan import Actual, Desired
from .plan.desired import ABSENT, PRESENT, RESTORED


def read(array: Array, desired: Desired) -> Actual:
    """Everything that the wishes touch; all of it when something may be pruned."""
    with context(array=array.label):
        groups = _groups(array, desired)
        volumes = _volumes(array, desired, groups)
        snapshots = _snapshots(array, desired, volumes, groups)
        hosts = _hosts(array, desired)
        mappings = _mappings(array, desired, volumes, hosts)
    return Actual(volumes, snapshots, hosts, mappings, groups)


def _ordered(names: Set[Optional[str]]) -> List[str]:
    return sorted(name for name in names if name)


def _groups(array: Array, desired: Desired) -> Listing[Group]:
    names = _ordered({wish.group for wish in desired.volumes} | {wish.group for wish in desired.snapshots})
    if not names or array.capabilities.refusal("groups"):
        return Listing()
    return array.groups(names)


def _volumes(array: Array, desired: Desired, groups: Listing[Group]) -> Listing[Volume]:
    deletes = any(wish.state == ABSENT for wish in desired.volumes)
    if desired.prune is not None:
        return array.volumes()
    names: Set[Optional[str]] = {wish.name for wish in desired.volumes}
    names |= {wish.rename_from for wish in desired.volumes} | {wish.source_volume for wish in desired.volumes}
    names |= {wish.volume for wish in desired.snapshots if wish.state != ABSENT}
    names |= {wish.volume for wish in desired.maps}
    wanted = {wish.group for wish in desired.snapshots if wish.state == PRESENT}
    names |= {member for group in groups if group.name in wanted for member in group.volumes}
    found = _ordered(names)
    if deletes and array.capabilities.clones_depend:
        return array.volumes_with_clones(found)
    return array.volumes(found) if found else Listing()


def _snapshots(
    array: Array, desired: Desired, volumes: Listing[Volume], groups: Listing[Group]
) -> Listing[Snapshot]:
    if desired.prune is not None:
        return array.snapshots()
    there = {volume.name: volume for volume in volumes}
    sources: Set[Optional[str]] = {wish.volume for wish in desired.retentions}
    for wish in desired.volumes:
        doomed = there.get(wish.name)
        if wish.state == ABSENT and doomed is not None and doomed.snapshots != ():
            sources.add(wish.name)
    names: Set[Optional[str]] = set()
    for wish in desired.volumes:
        if wish.source_snapshot and wish.name not in there:
            _one(array, wish.source_snapshot, wish.source_volume, names, sources)
    for snapshot in desired.snapshots:
        if snapshot.group:
            group = groups.named(snapshot.group)
            names |= {"%s.%s" % (member, snapshot.name) for member in (group.volumes if group else ())}
        elif snapshot.volume not in sources:
            for name in (snapshot.name, snapshot.backup if snapshot.state == RESTORED else None):
                _one(array, name, snapshot.volume, names, sources)
    if not names and not sources:
        return Listing()
    return array.snapshots(names=_ordered(names) or None, volumes=_ordered(sources) or None)


def _one(
    array: Array,
    name: Optional[str],
    volume: Optional[str],
    names: Set[Optional[str]],
    sources: Set[Optional[str]],
) -> None:
    """Ask for one snapshot: by its name, or by its volume where that is how it is found."""
    if volume and array.capabilities.snapshots_by_volume:
        sources.add(volume)
    else:
        names.add(name)


def _hosts(array: Array, desired: Desired) -> Listing[Host]:
    if desired.prune is not None:
        return array.hosts()
    names = _ordered({wish.name for wish in desired.hosts} | {wish.host for wish in desired.maps if wish.state == PRESENT})
    if not names:
        return Listing()
    found = array.hosts(names)
    known = {address for host in found for address in host.addresses}
    unknown = [
        initiator.address
        for wish in desired.hosts
        if wish.state == PRESENT
        for initiator in wish.initiators or ()
        if initiator.address not in known
    ]
    if not unknown:
        return found
    others = array.find_hosts(sorted(set(unknown)))
    there = {host.name for host in found}
    return Listing(
        found.items + tuple(host for host in others if host.name not in there),
        found.unreadable + others.unreadable,
        found.known and others.known,
    )


def _mappings(
    array: Array, desired: Desired, volumes: Listing[Volume], hosts: Listing[Host]
) -> Listing[Mapping]:
    """Mappings that a wish touches and that the volumes themselves did not tell."""
    if desired.prune is not None:
        return array.mappings()
    there = {volume.name: volume for volume in volumes}
    hosts_asked = {host.name for host in hosts} & (
        {wish.host for wish in desired.maps if wish.state == PRESENT}
        | set(desired.exclusive_maps)
        | {wish.name for wish in desired.hosts if wish.state == ABSENT}
    )
    touched = (
        [wish.name for wish in desired.volumes if wish.state == ABSENT]
        + [str(wish.volume) for wish in desired.snapshots if wish.state == RESTORED]
        + [wish.volume for wish in desired.maps]
    )
    volumes_asked = {name for name in touched if name in there and there[name].mappings is None}
    if not hosts_asked and not volumes_asked:
        return Listing()
    return array.mappings(volumes=_names(volumes_asked), hosts=_names(hosts_asked))


def _names(names: Set[str]) -> Optional[Sequence[str]]:
    return sorted(names) or None
