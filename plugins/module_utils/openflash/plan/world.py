# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was read of an array, and the array as it becomes while a plan is made or carried out.

``Actual`` is the result of a read. ``World`` starts from it. While a plan is made, every planned step changes it, so
that a later desired object sees what an earlier one will have made. While a plan is carried out, it follows the array.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, FrozenSet, List, Optional, Set, Tuple, TypeVar

from ..errors import BadReply, NotFound
from ..model import UNKNOWN, Capabilities, Group, Host, Listing, Mapping, Snapshot, Unreadable, Volume

K = TypeVar("K")
V = TypeVar("V")

NOTHING: Listing[Any] = Listing()
NOT_ASKED = UNKNOWN


@dataclass(frozen=True)
class Actual:
    """One listing per kind of object. A kind that was not asked for is unknown, which never means that there is none.

    Every volume whose mappings are known carries them in ``Volume.mappings``.
    """

    volumes: Listing[Volume] = NOTHING
    snapshots: Listing[Snapshot] = NOT_ASKED
    hosts: Listing[Host] = NOTHING
    mappings: Listing[Mapping] = NOT_ASKED
    groups: Listing[Group] = NOTHING
    hosts_asked: Optional[FrozenSet[str]] = frozenset()
    """The hosts whose mappings were asked for; None for every host."""
    label: Optional[str] = None
    """What errors call the array."""

    @property
    def unreadable(self) -> Tuple[Unreadable, ...]:
        kinds = (self.volumes, self.snapshots, self.hosts, self.mappings, self.groups)
        return tuple(entry for listing in kinds for entry in listing.unreadable)


class Table(Dict[K, V]):
    """Objects by key, which are also found by some of their properties.

    :param indexes: a name, and the property of an object that ``by`` finds it by. A task may look up ten thousand
        objects among ten thousand, so that no look-up may read all of them.
    """

    def __init__(self, **indexes: Callable[[V], Any]) -> None:
        super().__init__()
        self._properties = indexes
        self._indexes: Dict[str, Dict[Any, Dict[K, V]]] = {name: {} for name in indexes}

    def by(self, index: str, value: Any) -> List[V]:
        """The objects with this value of an indexed property."""
        return list(self._indexes[index].get(value, {}).values())

    def __setitem__(self, key: K, value: V) -> None:
        self.discard(key)
        super().__setitem__(key, value)
        for name, property_of in self._properties.items():
            self._indexes[name].setdefault(property_of(value), {})[key] = value

    def __delitem__(self, key: K) -> None:
        value = self[key]
        super().__delitem__(key)
        for name, property_of in self._properties.items():
            self._indexes[name][property_of(value)].pop(key, None)

    def discard(self, key: K) -> None:
        if key in self:
            del self[key]


class World:
    def __init__(self, actual: Actual, capabilities: Capabilities) -> None:
        self.actual = actual
        self.capabilities = capabilities
        self.lock = threading.RLock()
        """Held by whoever reads or changes the world while several threads carry a plan out."""
        self.volumes: Table[str, Volume] = Table(source=lambda volume: volume.source)
        self.snapshots: Table[Tuple[str, str], Snapshot] = Table(
            name=lambda snapshot: snapshot.name, volume=lambda snapshot: snapshot.volume
        )
        """By volume and name."""
        self.hosts: Dict[str, Host] = {}
        self.groups: Dict[str, Group] = {}
        self.mappings: Table[Tuple[str, str], Mapping] = Table(
            host=lambda mapping: mapping.host, volume=lambda mapping: mapping.volume
        )
        """By host and volume."""
        self.unknown: Dict[Tuple[str, ...], Tuple[str, ...]] = {}
        """By desired object: fields of a planned object that depend on what is only assumed."""
        self._initiator_hosts: Dict[str, str] = {}
        self._host_names_before: Dict[str, str] = {}
        """By the new name of a host that is renamed: the name that it had."""
        self._removed: Set[str] = set()
        self._new_snapshots: Set[Tuple[str, str]] = set()
        self._unreadable: Dict[Tuple[str, str], str] = {}
        self._fill(actual)
        self._volumes_before = frozenset(self.volumes)

    def _fill(self, actual: Actual) -> None:
        for volume in actual.volumes:
            self.volumes[volume.name] = volume
        for snapshot in actual.snapshots:
            self.snapshots[(snapshot.volume or "", snapshot.name)] = snapshot
        for host in actual.hosts:
            self.put_host(host)
        for group in actual.groups:
            self.groups[group.name] = group
        for mapping in actual.mappings:
            self.add_mapping(mapping)
        reported = [volume.mappings or () for volume in actual.volumes]
        reported += [snapshot.mappings or () for snapshot in actual.snapshots]
        for mappings in reported:
            for mapping in mappings:
                if (mapping.host, mapping.volume) not in self.mappings:
                    self.add_mapping(mapping)
        for kind, unreadable in (
            ("volume", actual.volumes.unreadable),
            ("snapshot", actual.snapshots.unreadable),
            ("host", actual.hosts.unreadable),
            ("consistency group", actual.groups.unreadable),
        ):
            self._unreadable.update({(kind, entry.name): entry.reason for entry in unreadable})

    # -- look-ups ----------------------------------------------------------------------------------------------------

    def volume(self, name: str) -> Optional[Volume]:
        """:raises BadReply: there is one, and its description could not be read. So do host, group, snapshots_named."""
        self._check_readable("volume", name)
        return self.volumes.get(name)

    def existed(self, name: str) -> bool:
        """Whether there was a volume of this name before anything was planned."""
        return name in self._volumes_before

    def host(self, name: str) -> Optional[Host]:
        self._check_readable("host", name)
        return self.hosts.get(name)

    def group(self, name: str) -> Optional[Group]:
        self._check_readable("consistency group", name)
        return self.groups.get(name)

    def snapshots_named(self, name: str, volume: Optional[str] = None) -> List[Snapshot]:
        """Snapshots of that name, of that volume when one is given."""
        self._check_readable("snapshot", name)
        return [snapshot for snapshot in self.snapshots.by("name", name) if volume is None or snapshot.volume == volume]

    def snapshots_of(self, volume: str) -> List[Snapshot]:
        return self.snapshots.by("volume", volume)

    def snapshots_known(self, volume: Volume) -> bool:
        """Whether ``snapshots_of`` returns all snapshots of the volume."""
        return volume.snapshots == () or self.actual.snapshots.complete

    def dependents(self, name: str) -> List[str]:
        """Volumes that share data with the volume or snapshot, which therefore cannot be deleted."""
        return sorted(volume.name for volume in self.volumes.by("source", name) if not volume.independent)

    def children(self, snapshot: Snapshot) -> List[str]:
        """What was made of the snapshot and still exists."""
        return [child for child in snapshot.children or () if child not in self._removed]

    def is_new(self, snapshot: Snapshot) -> bool:
        """Whether this plan takes the snapshot, so that it is the newest of all."""
        return (snapshot.volume or "", snapshot.name) in self._new_snapshots

    def mappings_of_volume(self, name: str) -> List[Mapping]:
        """The mappings of the volume as far as they are known; see ``mappings_known``."""
        return self.mappings.by("volume", name)

    def mappings_known(self, name: str) -> bool:
        """Whether ``mappings_of_volume`` returns all mappings of the volume."""
        volume = self.volumes.get(name)
        return volume is not None and volume.mappings is not None

    def mappings_of_host(self, name: str) -> List[Mapping]:
        """The mappings of the host as far as they are known; see ``host_mappings_known``."""
        return self.mappings.by("host", name)

    def host_mappings_known(self, name: str) -> bool:
        """Whether ``mappings_of_host`` returns all mappings of the host."""
        asked = self.actual.hosts_asked
        return self.actual.mappings.complete and (asked is None or self._host_names_before.get(name, name) in asked)

    def host_existed(self, name: str) -> bool:
        """Whether the host, under this or its earlier name, was there before anything was planned."""
        return self.actual.hosts.named(self._host_names_before.get(name, name)) is not None

    def host_of_initiator(self, address: str) -> Optional[Host]:
        name = self._initiator_hosts.get(address)
        return None if name is None else self.hosts.get(name)

    def with_mappings(self, volume: Optional[Volume]) -> Optional[Volume]:
        """The volume with the mappings that it has in this world, where they are known."""
        if volume is None or not self.mappings_known(volume.name):
            return volume
        return replace(volume, mappings=tuple(self.mappings_of_volume(volume.name)))

    def _check_readable(self, kind: str, name: str) -> None:
        reason = self._unreadable.get((kind, name))
        if reason is not None:
            raise BadReply(
                "%s %s exists, but its description could not be read: %s" % (kind, name, reason),
                target=name,
                hint="Nothing was done to it. Look at it with the array's own tools.",
            )

    # -- look-ups of a step that is carried out ----------------------------------------------------------------------

    def existing_volume(self, name: str) -> Volume:
        """:raises NotFound: there is none, because the step that should have made it failed. So do the next three."""
        with self.lock:
            return _existing("volume", name, self.volumes.get(name))

    def existing_snapshot(self, volume: str, name: str) -> Snapshot:
        with self.lock:
            return _existing("snapshot", name, self.snapshots.get((volume, name)))

    def existing_host(self, name: str) -> Host:
        with self.lock:
            return _existing("host", name, self.hosts.get(name))

    def existing_group(self, name: str) -> Group:
        with self.lock:
            return _existing("consistency group", name, self.groups.get(name))

    # -- changes -----------------------------------------------------------------------------------------------------

    def put_host(self, host: Host) -> None:
        """A new host, or the host as it is after a change."""
        old = self.hosts.get(host.name)
        for address in old.addresses if old is not None else ():
            if self._initiator_hosts.get(address) == host.name:
                del self._initiator_hosts[address]
        self.hosts[host.name] = host
        for address in host.addresses:
            self._initiator_hosts[address] = host.name

    def rename_host(self, old: str, renamed: Host) -> None:
        """The host under its new name, and its mappings with it."""
        self.remove_host(self.hosts[old])
        self.put_host(renamed)
        self._host_names_before[renamed.name] = old
        for mapping in self.mappings_of_host(old):
            self.remove_mapping(mapping)
            self.add_mapping(replace(mapping, host=renamed.name))

    def remove_host(self, host: Host) -> None:
        self.put_host(replace(host, initiators=()))
        del self.hosts[host.name]

    def update_volume(self, volume: Volume) -> None:
        """The volume as an array returned it after a change. What the array did not report of it has not changed."""
        old = self.volumes.get(volume.name)
        if old is not None:
            kept = {name: getattr(old, name) for name in ("mappings", "snapshots", "groups")}
            volume = replace(volume, **{name: value for name, value in kept.items() if getattr(volume, name) is None})
        self.volumes[volume.name] = volume

    def rename_volume(self, old: str, new: str) -> None:
        """Rename it everywhere that names it: mappings, snapshots, clones and consistency groups."""
        self.volumes[new] = replace(self.volumes[old], name=new)
        del self.volumes[old]
        for mapping in self.mappings_of_volume(old):
            del self.mappings[(mapping.host, old)]
            self.add_mapping(replace(mapping, volume=new))
        for snapshot in self.snapshots_of(old):
            del self.snapshots[(old, snapshot.name)]
            self.snapshots[(new, snapshot.name)] = replace(snapshot, volume=new)
        for clone in self.volumes.by("source", old):
            self.volumes[clone.name] = replace(clone, source=new)
        for group in list(self.groups.values()):
            if old in group.volumes:
                members = tuple(new if member == old else member for member in group.volumes)
                self.groups[group.name] = replace(group, volumes=members)

    def remove_volume(self, name: str) -> None:
        del self.volumes[name]
        self._removed.add(name)

    def add_snapshot(self, snapshot: Snapshot) -> None:
        """A snapshot that this plan takes."""
        key = (snapshot.volume or "", snapshot.name)
        self.snapshots[key] = snapshot
        self._new_snapshots.add(key)
        self._change_snapshot_names(snapshot.volume, lambda names: names + (snapshot.name,))

    def remove_snapshot(self, snapshot: Snapshot) -> None:
        del self.snapshots[(snapshot.volume or "", snapshot.name)]
        self._removed.add(snapshot.name)
        self._change_snapshot_names(
            snapshot.volume, lambda names: tuple(name for name in names if name != snapshot.name)
        )

    def _change_snapshot_names(
        self, volume_name: Optional[str], change: Callable[[Tuple[str, ...]], Tuple[str, ...]]
    ) -> None:
        volume = self.volumes.get(volume_name or "")
        if volume is not None and volume.snapshots is not None:
            self.volumes[volume.name] = replace(volume, snapshots=change(volume.snapshots))

    def add_to_group(self, group: Group, volume_name: str) -> None:
        """The group, which may be new, with the volume in it."""
        if volume_name not in group.volumes:
            group = replace(group, volumes=group.volumes + (volume_name,))
        self.groups[group.name] = group
        volume = self.volumes.get(volume_name)
        if volume is not None and group.name not in (volume.groups or ()):
            self.volumes[volume_name] = replace(volume, groups=(volume.groups or ()) + (group.name,))

    def remove_from_group(self, group: Group, volume_name: str) -> None:
        """The group without the volume, which stays."""
        self.groups[group.name] = replace(group, volumes=tuple(one for one in group.volumes if one != volume_name))
        self._leave_group(group.name, volume_name)

    def remove_group(self, group: Group) -> None:
        """The group is gone; its volumes stay."""
        del self.groups[group.name]
        for volume_name in group.volumes:
            self._leave_group(group.name, volume_name)

    def _leave_group(self, group_name: str, volume_name: str) -> None:
        volume = self.volumes.get(volume_name)
        if volume is not None and volume.groups is not None:
            self.volumes[volume_name] = replace(
                volume, groups=tuple(name for name in volume.groups if name != group_name)
            )

    def add_mapping(self, mapping: Mapping) -> None:
        self.mappings[(mapping.host, mapping.volume)] = mapping

    def remove_mapping(self, mapping: Mapping) -> None:
        self.mappings.discard((mapping.host, mapping.volume))


def _existing(kind: str, name: str, found: Optional[V]) -> V:
    if found is None:
        raise NotFound("%s %s, which this depends on, was not made" % (kind, name), target=name)
    return found
