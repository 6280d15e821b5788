# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was read of an array, and the array as it will be while a plan is made or carried out.

``Actual`` is what a read brought. ``World`` starts from it and is changed by every step that is planned, so that a
later desired object sees what an earlier one will have made. The changes of a desired object that fails are taken back.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, FrozenSet, List, Optional, Tuple, TypeVar

from ..errors import BadReply, NotFound
from ..model import UNKNOWN, Capabilities, Group, Host, Listing, Mapping, Snapshot, Unreadable, Volume
from .table import Table, Undo

T = TypeVar("T")

NOTHING: Listing[Any] = Listing()
NOT_ASKED = UNKNOWN


@dataclass(frozen=True)
class Actual:
    """One listing per kind of object. A kind that was not asked for is not known, which never means "there is none".

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


def _made(kind: str, name: str, found: Optional[T]) -> T:
    if found is None:
        raise NotFound("%s %s, which this depends on, was not made" % (kind, name), target=name)
    return found


class World:
    def __init__(self, actual: Actual, capabilities: Capabilities) -> None:
        self.actual = actual
        self.capabilities = capabilities
        self.lock = threading.RLock()
        """Held by whoever reads or changes the world while several threads carry a plan out."""
        self._undo: Undo = []
        self.volumes: Table[str, Volume] = Table(self._undo, source=lambda volume: volume.source)
        self.snapshots: Table[Tuple[str, str], Snapshot] = Table(
            self._undo, name=lambda snapshot: snapshot.name, volume=lambda snapshot: snapshot.volume
        )
        self.hosts: Table[str, Host] = Table(self._undo)
        self.groups: Table[str, Group] = Table(self._undo)
        self.maps: Table[Tuple[str, str], Mapping] = Table(
            self._undo, host=lambda mapping: mapping.host, volume=lambda mapping: mapping.volume
        )
        self._owners: Table[str, str] = Table(self._undo)
        self._gone: Table[str, bool] = Table(self._undo)
        self._taken: Table[Tuple[str, str], bool] = Table(self._undo)
        self._before = {volume.name for volume in actual.volumes}
        self._unreadable: Dict[Tuple[str, str], str] = {}
        self._fill(actual)

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
            self.add_map(mapping)
        told = [volume.mappings or () for volume in actual.volumes] + [s.mappings or () for s in actual.snapshots]
        for mappings in told:
            for mapping in mappings:
                if (mapping.host, mapping.volume) not in self.maps:
                    self.add_map(mapping)
        for kind, listing in (
            ("volume", actual.volumes.unreadable),
            ("snapshot", actual.snapshots.unreadable),
            ("host", actual.hosts.unreadable),
            ("consistency group", actual.groups.unreadable),
        ):
            self._unreadable.update({(kind, entry.name): entry.reason for entry in listing})

    # -- taking back -------------------------------------------------------------------------------------------------

    def mark(self) -> int:
        """A point to roll back to."""
        return len(self._undo)

    def roll_back(self, mark: int) -> None:
        while len(self._undo) > mark:
            self._undo.pop()()

    # -- look-ups ----------------------------------------------------------------------------------------------------

    def volume(self, name: str) -> Optional[Volume]:
        self._readable("volume", name)
        return self.volumes.get(name)

    def was_there(self, name: str) -> bool:
        """Whether there was a volume of this name before anything was planned."""
        return name in self._before

    def host(self, name: str) -> Optional[Host]:
        self._readable("host", name)
        return self.hosts.get(name)

    def group(self, name: str) -> Optional[Group]:
        self._readable("consistency group", name)
        return self.groups.get(name)

    def named_snapshots(self, name: str, volume: Optional[str] = None) -> List[Snapshot]:
        """Snapshots of that name, of that volume when one is given."""
        self._readable("snapshot", name)
        return [s for s in self.snapshots.by("name", name) if volume is None or s.volume == volume]

    def snapshots_of(self, volume: str) -> List[Snapshot]:
        return self.snapshots.by("volume", volume)

    def snapshots_known(self, volume: Volume) -> bool:
        """Whether ``snapshots_of`` tells all snapshots of the volume."""
        return volume.snapshots == () or self.actual.snapshots.complete

    def dependents(self, name: str) -> List[str]:
        """Volumes that share data with the volume or snapshot, so that it must stay."""
        return sorted(volume.name for volume in self.volumes.by("source", name) if not volume.independent)

    def children(self, snapshot: Snapshot) -> List[str]:
        """What was made of the snapshot and is not gone by now."""
        return [child for child in snapshot.children or () if child not in self._gone]

    def taken(self, snapshot: Snapshot) -> bool:
        """Whether this plan takes the snapshot, so that it is the newest of all."""
        return (snapshot.volume or "", snapshot.name) in self._taken

    def maps_of_volume(self, name: str) -> List[Mapping]:
        """The mappings of the volume as far as they are known; see ``maps_known``."""
        return self.maps.by("volume", name)

    def maps_known(self, name: str) -> bool:
        """Whether ``maps_of_volume`` tells all mappings of the volume."""
        volume = self.volumes.get(name)
        return volume is not None and volume.mappings is not None

    def maps_of_host(self, name: str) -> List[Mapping]:
        return self.maps.by("host", name)

    def host_maps_known(self, name: str) -> bool:
        """Whether ``maps_of_host`` tells all mappings of the host."""
        asked = self.actual.hosts_asked
        return self.actual.mappings.complete and (asked is None or name in asked)

    def owner_of(self, address: str) -> Optional[Host]:
        """The host that has the initiator."""
        name = self._owners.get(address)
        return None if name is None else self.hosts.get(name)

    # -- what a step that is carried out builds upon -----------------------------------------------------------------

    def existing_volume(self, name: str) -> Volume:
        """:raises NotFound: there is none, because the step that should have made it failed."""
        with self.lock:
            return _made("volume", name, self.volumes.get(name))

    def existing_snapshot(self, volume: str, name: str) -> Snapshot:
        """:raises NotFound: there is none, because the step that should have taken it failed."""
        with self.lock:
            return _made("snapshot", name, self.snapshots.get((volume, name)))

    def existing_host(self, name: str) -> Host:
        """:raises NotFound: there is none, because the step that should have made it failed."""
        with self.lock:
            return _made("host", name, self.hosts.get(name))

    def existing_group(self, name: str) -> Group:
        """:raises NotFound: there is none, because the step that should have made it failed."""
        with self.lock:
            return _made("consistency group", name, self.groups.get(name))

    def _readable(self, kind: str, name: str) -> None:
        reason = self._unreadable.get((kind, name))
        if reason is not None:
            raise BadReply(
                "%s %s is there, but its description could not be read: %s" % (kind, name, reason),
                target=name,
                hint="Nothing was done to it. Look at it with the array's own tools.",
            )

    # -- changes -----------------------------------------------------------------------------------------------------

    def put_host(self, host: Host) -> None:
        for address in self.hosts[host.name].addresses if host.name in self.hosts else ():
            if self._owners.get(address) == host.name:
                del self._owners[address]
        self.hosts[host.name] = host
        for address in host.addresses:
            self._owners[address] = host.name

    def drop_host(self, host: Host) -> None:
        self.put_host(replace(host, initiators=()))
        del self.hosts[host.name]

    def update(self, volume: Volume) -> None:
        """The volume as an array returned it after a change; what that did not tell is as it was."""
        old = self.volumes.get(volume.name)
        if old is not None:
            kept = {name: getattr(old, name) for name in ("mappings", "snapshots", "groups")}
            volume = replace(volume, **{name: value for name, value in kept.items() if getattr(volume, name) is None})
        self.volumes[volume.name] = volume

    def rename(self, old: str, new: str) -> Volume:
        volume = replace(self.volumes[old], name=new)
        del self.volumes[old]
        self.volumes[new] = volume
        for mapping in self.maps_of_volume(old):
            del self.maps[(mapping.host, old)]
            self.add_map(replace(mapping, volume=new))
        for snapshot in self.snapshots_of(old):
            del self.snapshots[(old, snapshot.name)]
            self.snapshots[(new, snapshot.name)] = replace(snapshot, volume=new)
        for clone in self.volumes.by("source", old):
            self.volumes[clone.name] = replace(clone, source=new)
        for group in list(self.groups.values()):
            if old in group.volumes:
                members = tuple(new if member == old else member for member in group.volumes)
                self.groups[group.name] = replace(group, volumes=members)
        return volume

    def drop_volume(self, name: str) -> None:
        del self.volumes[name]
        self._gone[name] = True

    def take(self, snapshot: Snapshot) -> None:
        """A new snapshot."""
        key = (snapshot.volume or "", snapshot.name)
        self.snapshots[key] = snapshot
        self._taken[key] = True
        self._note_snapshots(snapshot.volume, lambda names: names + (snapshot.name,))

    def drop_snapshot(self, snapshot: Snapshot) -> None:
        del self.snapshots[(snapshot.volume or "", snapshot.name)]
        self._gone[snapshot.name] = True
        self._note_snapshots(snapshot.volume, lambda names: tuple(name for name in names if name != snapshot.name))

    def _note_snapshots(self, name: Optional[str], change: Callable[[Tuple[str, ...]], Tuple[str, ...]]) -> None:
        volume = self.volumes.get(name or "")
        if volume is not None and volume.snapshots is not None:
            self.volumes[volume.name] = replace(volume, snapshots=change(volume.snapshots))

    def join(self, group: Group, volume: str) -> None:
        """The group with the volume in it."""
        if volume not in group.volumes:
            group = replace(group, volumes=group.volumes + (volume,))
        self.groups[group.name] = group
        there = self.volumes.get(volume)
        if there is not None and group.name not in (there.groups or ()):
            self.volumes[volume] = replace(there, groups=(there.groups or ()) + (group.name,))

    def add_map(self, mapping: Mapping) -> None:
        self.maps[(mapping.host, mapping.volume)] = mapping

    def drop_map(self, mapping: Mapping) -> None:
        self.maps.discard((mapping.host, mapping.volume))

    # -- for a report ------------------------------------------------------------------------------------------------

    def with_maps(self, volume: Optional[Volume]) -> Optional[Volume]:
        """The volume with the mappings that it has in this world, where they are known."""
        if volume is None or not self.maps_known(volume.name):
            return volume
        return replace(volume, mappings=tuple(self.maps_of_volume(volume.name)))
