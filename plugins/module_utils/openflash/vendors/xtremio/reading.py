# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads of all that the array holds, and what the other parts of the client share."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence, Tuple

from ... import client
from ...array import Array
from ...model import (
    ArrayInfo,
    Capacity,
    Group,
    Host,
    Listing,
    Mapping,
    Pool,
    Snapshot,
    Volume,
)
from . import objects
from .capabilities import capabilities
from .names import is_unfinished_group_backup
from .objects import listing
from .session import Object, has_text, index_of, may_have
from .wire import XmsOperations


class Reading(Array):
    """Reads."""

    def __init__(self, xms: XmsOperations) -> None:
        self._xms = xms
        self._cluster: Optional[Object] = None
        self.capabilities = capabilities(xms.is_v2)
        self.label = xms.cluster or xms.http.address

    # -- the cluster -------------------------------------------------------------------------------------------------

    def _cluster_properties(self, fresh: bool = False) -> Object:
        """One request, once per session.

        :param fresh: read them again.
        """
        if self._cluster is None or fresh:
            with self._doing("read cluster %s" % self._xms.cluster):
                self._cluster = self._xms.cluster_properties()
        return self._cluster

    def info(self) -> ArrayInfo:
        properties = self._cluster_properties()
        return ArrayInfo(
            vendor="xtremio",
            name=self._xms.cluster,
            model=properties.get("hardware-platform") or None,
            serial=properties.get("sys-psnt-serial-number") or None,
            version=properties.get("sys-sw-version") or self._xms.version,
            api_version="v2" if self._xms.is_v2 else "v1",
            state=properties.get("sys-state") or None,
            protocols=self._protocols_of_ports(),
        )

    def capacity(self) -> Capacity:
        """One request."""
        properties = self._cluster_properties(fresh=True)
        with self._doing("read the capacity"), client.understanding("the capacity"):
            return objects.capacity(properties)

    def pools(self) -> Listing[Pool]:
        """The cluster is the only pool, with its name: one request."""
        capacity = self.capacity()
        name = self._xms.cluster
        return Listing((Pool(name, capacity.size, capacity.free, id=name, provisioned=capacity.provisioned),))

    # -- volumes and snapshots ---------------------------------------------------------------------------------------

    def volumes(self, names: Optional[Sequence[str]] = None) -> Listing[Volume]:
        """All volumes, or those named, without the read-only snapshots of v2.

        ``Volume.snapshots`` are all copies of it, clones included: the array has no separate lists.
        """
        with self._doing("read volumes"):
            return listing("volume", self._xms.volumes(names), self._volume_or_none)

    def _volume_or_none(self, item: Object) -> Optional[Volume]:
        if self._xms.is_v2 and objects.is_readonly(item):
            return None
        return objects.volume(item, pool=self._xms.cluster)

    def snapshots(
        self, names: Optional[Sequence[str]] = None, volumes: Optional[Sequence[str]] = None
    ) -> Listing[Snapshot]:
        """Read-only snapshots (v2), or all copies of other volumes (v1, unproven).

        On v2 also the backups of this collection's restores. The array makes them writable, so they are unproven, and
        are volumes too.

        The snapshots of named volumes cost two requests: their names come from the volumes.
        """
        with self._doing("read snapshots"):
            if names is None and volumes is None:
                return listing("snapshot", self._xms.snapshots(), self._snapshot_or_none)
            sources = self._xms.volumes(volumes or (), ("name", "index", "dest-snap-list"))
            copies = listing("snapshot", sources, objects.copies_of)
            requested = list(names or ()) + [name for copies_of_one in copies for name in copies_of_one]
            found = listing("snapshot", self._xms.snapshots(requested), self._snapshot_or_none)
            return Listing(found.items, copies.unreadable + found.unreadable)

    def snapshots_of_set(self, name: str) -> Listing[Snapshot]:
        """The members of a snapshot set, writable ones too: two requests, one where there is no such set."""
        with self._doing("read snapshot set %s" % name, name):
            members = objects.member_names(self._xms.snapshot_set(name))
            return listing("snapshot", self._xms.snapshots(members), lambda item: objects.snapshot(item, proven=True))

    def _snapshot_or_none(self, item: Object) -> Optional[Snapshot]:
        """None for what is no snapshot, and for the backup of a restore that is not finished."""
        if self._xms.is_v2:
            if any(is_unfinished_group_backup(name) for name in objects.sets_of(item)):
                return None
            # Without its type a snapshot would be taken for a clone, and be missing.
            if objects.text(item, "snapshot-type") != "readonly" and not objects.is_backup(item):
                return None
        elif objects.oid_name(item["ancestor-vol-id"]) is None:
            return None
        return objects.snapshot(item, proven=self._xms.is_v2)

    # -- hosts and mappings ------------------------------------------------------------------------------------------

    def hosts(self, names: Optional[Sequence[str]] = None) -> Listing[Host]:
        """Initiator groups with their initiators: two requests."""
        with self._doing("read hosts"):
            groups = self._xms.initiator_groups(names)
            if not groups:
                return Listing()
            if names is not None and self._xms.is_v2:
                initiators = self._xms.initiators_of([str(item["name"]) for item in groups if has_text(item, "name")])
            else:
                initiators = self._xms.initiators()
            hosts = listing("host", groups, lambda item: objects.host(item, initiators))
            owners = listing("initiator", initiators, objects.owner)
            return Listing(hosts.items, hosts.unreadable + owners.unreadable)

    def find_hosts(self, initiators: Sequence[str]) -> Listing[Host]:
        """One request on v2. It reads all initiators, because a host is returned with all of its own."""
        with self._doing("find the hosts of the initiators"):
            items = self._xms.initiators()
            requested = set(initiators)
            readable = listing("initiator", items, objects.initiator)
            matches = {initiator.id for initiator in readable if initiator.address in requested}
            owners = listing("initiator", [item for item in items if str(item.get("index")) in matches], objects.owner)
            groups: Dict[int, Object] = {group["index"]: group for group in owners}
            found = listing("host", groups.values(), lambda item: objects.host(item, items))
            unowned = listing("initiator", items, objects.owner).unreadable
            return Listing(found.items, found.unreadable + readable.unreadable + unowned)

    def mappings(
        self, volumes: Optional[Sequence[str]] = None, hosts: Optional[Sequence[str]] = None
    ) -> Listing[Mapping]:
        """Mappings: one request on v2."""
        with self._doing("read mappings"):
            if volumes is None and hosts is None:
                return listing("mapping", self._xms.lun_maps(), objects.mapping)
            volume_names, host_names = set(volumes or ()), set(hosts or ())
            if not volume_names and not host_names:
                return Listing()
            if not self._xms.is_v2:
                return self._mappings_v1(sorted(volume_names), sorted(host_names))
            items = [
                item
                for item in self._xms.lun_maps_of(sorted(volume_names), sorted(host_names))
                if may_have(item, "vol-name", volume_names) or may_have(item, "ig-name", host_names)
            ]
            return listing("mapping", items, objects.mapping)

    def _mappings_v1(self, volumes: Sequence[str], hosts: Sequence[str]) -> Listing[Mapping]:
        """A volume reports its mappings. Those of a host are found by the names of all mappings (section 6)."""
        found: Dict[Optional[str], Mapping] = {}
        bad: Tuple[Any, ...] = ()
        by_volume = listing("mapping", self._xms.volumes(volumes, ()), objects.mappings_of_volume)
        for mappings in by_volume:
            found.update({mapping.id: mapping for mapping in mappings})
        if hosts:
            indexes = {str(index_of(item)) for item in self._xms.initiator_groups(hosts)}
            # A name of another form may be that of a mapping of these hosts too.
            candidates = [
                index_of(item)
                for item in self._xms.names("lun-maps")
                if _host_in(str(item.get("name"))) in (None, *indexes)
            ]
            read = listing("mapping", self._xms.each("lun-maps", candidates), objects.mapping)
            bad = read.unreadable
            found.update(
                {mapping.id: mapping for mapping in read if mapping.host in hosts or mapping.volume in volumes}
            )
        return Listing(tuple(found.values()), by_volume.unreadable + bad)

    def groups(self, names: Optional[Sequence[str]] = None) -> Listing[Group]:
        if not self._xms.is_v2:
            return Listing()
        with self._doing("read consistency groups"):
            return listing("group", self._xms.consistency_groups(names), objects.group)


def _host_in(mapping_name: str) -> Optional[str]:
    """The index of the host in the name of a mapping (section 6); None when the name has another form."""
    parts = mapping_name.split("_")
    return parts[1] if len(parts) == 3 else None
