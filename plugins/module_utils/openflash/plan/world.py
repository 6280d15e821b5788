# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was read of an array, and the array as it will be while a plan is made.

``Actual`` is what a read brought. ``World`` starts from it and is changed by every step that is planned, so that a later
wish sees what an earlier one will have made.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Dict, List, Optional, Tuple

from ..errors import BadReply
from ..model import Capabilities, Group, Host, Listing, Mapping, Snapshot, Unreadable, Volume


@dataclass(frozen=True)
class Actual:
    """One listing per kind of object; an empty one when the task did not need to ask."""

    volumes: Listing[Volume] = field(default_factory=Listing)
    snapshots: Listing[Snapshot] = field(default_factory=Listing)
    hosts: Listing[Host] = field(default_factory=Listing)
    mappings: Listing[Mapping] = field(default_factory=Listing)
    groups: Listing[Group] = field(default_factory=Listing)

    @property
    def unreadable(self) -> Tuple[Unreadable, ...]:
        kinds = (self.volumes, self.snapshots, self.hosts, self.mappings, self.groups)
        return tuple(entry for listing in kinds for entry in listing.unreadable)


class World:
    def __init__(self, actual: Actual, capabilities: Capabilities) -> None:
        self.actual = actual
        self.capabilities = capabilities
        self.volumes: Dict[str, Volume] = {volume.name: volume for volume in actual.volumes}
        self.snapshots: List[Snapshot] = list(actual.snapshots)
        self.hosts: Dict[str, Host] = {host.name: host for host in actual.hosts}
        self.groups: Dict[str, Group] = {group.name: group for group in actual.groups}
        self.maps: Dict[Tuple[str, str], Mapping] = {}
        for mapping in actual.mappings:
            self.add_map(mapping)
        for volume in actual.volumes:
            for mapping in volume.mappings or ():
                self.maps.setdefault((mapping.host, mapping.volume), mapping)

    # -- lookups -----------------------------------------------------------------------------------------------------

    def volume(self, name: str) -> Optional[Volume]:
        self._readable("volume", name, self.actual.volumes.unreadable)
        return self.volumes.get(name)

    def host(self, name: str) -> Optional[Host]:
        self._readable("host", name, self.actual.hosts.unreadable)
        return self.hosts.get(name)

    def named_snapshots(self, name: str, volume: Optional[str] = None) -> List[Snapshot]:
        """Snapshots of that name, of that volume when one is given."""
        self._readable("snapshot", name, self.actual.snapshots.unreadable)
        return [s for s in self.snapshots if s.name == name and (volume is None or s.volume == volume)]

    def snapshots_of(self, volume: str) -> List[Snapshot]:
        return [snapshot for snapshot in self.snapshots if snapshot.volume == volume]

    def maps_of_volume(self, name: str) -> Optional[List[Mapping]]:
        """The volume's mappings; None when the array cannot be asked for them."""
        volume = self.volumes.get(name)
        if not self.actual.mappings.known and (volume is None or volume.mappings is None):
            return None
        return [mapping for mapping in self.maps.values() if mapping.volume == name]

    def maps_of_host(self, name: str) -> List[Mapping]:
        return [mapping for mapping in self.maps.values() if mapping.host == name]

    def owner_of(self, address: str) -> Optional[Host]:
        """The host that has the initiator."""
        for host in self.hosts.values():
            if address in host.addresses:
                return host
        return None

    @staticmethod
    def _readable(kind: str, name: str, unreadable: Tuple[Unreadable, ...]) -> None:
        for entry in unreadable:
            if entry.name == name:
                raise BadReply(
                    "%s %s is there, but its description could not be read: %s" % (kind, name, entry.reason),
                    target=name,
                    hint="Nothing was changed. Look at the object with the array's own tools.",
                )

    # -- changes -----------------------------------------------------------------------------------------------------

    def add_map(self, mapping: Mapping) -> None:
        self.maps[(mapping.host, mapping.volume)] = mapping

    def rename(self, old: str, new: str) -> Volume:
        volume = replace(self.volumes.pop(old), name=new)
        self.volumes[new] = volume
        for mapping in [m for m in self.maps.values() if m.volume == old]:
            del self.maps[(mapping.host, old)]
            self.add_map(replace(mapping, volume=new))
        self.snapshots = [replace(s, volume=new) if s.volume == old else s for s in self.snapshots]
        return volume

    def with_maps(self, volume: Volume) -> Volume:
        """The volume as it will be reported, with the mappings it will have."""
        maps = self.maps_of_volume(volume.name)
        return volume if maps is None else replace(volume, mappings=tuple(maps))
