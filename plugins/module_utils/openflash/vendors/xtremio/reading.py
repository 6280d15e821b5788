# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the array holds: every read, and what the other parts of the client share."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

from ...array import Array
from ...model import (
    ArrayInfo,
    Capacity,
    Group,
    Host,
    Listing,
    Mapping,
    Pool,
    Port,
    Snapshot,
    Volume,
)
from ...target_ports import selected
from . import objects
from .facts import capabilities
from .objects import listing
from .wire import Object, Xms, index_of


class Reading(Array):
    """The reading half of XtremIO."""

    def __init__(self, xms: Xms, only_ports: Sequence[str] = ()) -> None:
        self._xms = xms
        self._only_ports = tuple(only_ports)
        self._cluster: Optional[Object] = None
        self._ports: Optional[Listing[Port]] = None
        self.capabilities = capabilities(xms.v2)
        self.label = xms.cluster or xms.http.address

    # -- the cluster -------------------------------------------------------------------------------------------------

    def _about(self, fresh: bool = False) -> Object:
        if self._cluster is None or fresh:
            with self._doing("read cluster %s" % self._xms.cluster):
                self._cluster = self._xms.get("clusters", self._xms.cluster, objects.CLUSTER_PROPS) or {}
        return self._cluster

    def info(self) -> ArrayInfo:
        about = self._about()
        return ArrayInfo(
            vendor="xtremio",
            name=self._xms.cluster,
            model=about.get("hardware-platform") or None,
            serial=about.get("sys-psnt-serial-number") or None,
            version=about.get("sys-sw-version") or self._xms.version,
            api_version="v2" if self._xms.v2 else "v1",
            state=about.get("sys-state") or None,
            protocols=self._protocols_of_ports(),
        )

    def capacity(self) -> Capacity:
        return objects.capacity(self._about(fresh=True))

    def pools(self) -> Listing[Pool]:
        """A cluster is one pool, named like it."""
        found = self.capacity()
        name = self._xms.cluster
        return Listing((Pool(name, found.size, found.free, id=name, provisioned=found.provisioned),))

    def ports(self) -> Listing[Port]:
        """FC ports that are up, and iSCSI portals of targets that are up; read once per session (2 requests)."""
        if self._ports is None:
            with self._doing("read the target ports"):
                self._ports = self._chosen_ports(self._read_ports())
        return self._ports

    def _read_ports(self) -> Listing[Port]:
        targets = self._xms.all("targets", objects.TARGET_PROPS)
        fc = listing("port", targets, objects.target_port)
        by_address = {str(item.get("port-address")): item for item in targets if item.get("port-type") == "iscsi"}
        portals: Listing[Port] = Listing()
        if by_address:
            found = self._xms.all("iscsi-portals", objects.PORTAL_PROPS)
            portals = listing("port", found, lambda item: objects.portal(item, by_address))
        return Listing(fc.items + portals.items, fc.unreadable + portals.unreadable)

    def _chosen_ports(self, found: Listing[Port]) -> Listing[Port]:
        chosen = selected(found.items, self._only_ports)
        return Listing(tuple(port for port in chosen if port.up is not False), found.unreadable)

    # -- volumes and snapshots ---------------------------------------------------------------------------------------

    def volumes(self, names: Optional[Sequence[str]] = None) -> Listing[Volume]:
        """All volumes or those named. On v2 a read-only snapshot is none; ask snapshots() for it.

        ``Volume.snapshots`` are all that was made of it, clones included: the array keeps no separate list.
        """
        with self._doing("read volumes"):
            return listing("volume", self._volume_objects(names), self._volume_or_none)

    def _volume_objects(self, names: Optional[Sequence[str]]) -> List[Object]:
        if names is None:
            return self._xms.all("volumes", objects.VOLUME_PROPS)
        return self._xms.named("volumes", names, objects.VOLUME_PROPS)

    def _volume_or_none(self, item: Object) -> Optional[Volume]:
        if self._xms.v2 and objects.is_readonly(item):
            return None
        return objects.volume(item, pool=self._xms.cluster)

    def snapshots(
        self, names: Optional[Sequence[str]] = None, volumes: Optional[Sequence[str]] = None
    ) -> Listing[Snapshot]:
        """Read-only snapshots (v2), or whatever was made of another volume (v1, unproven).

        On v2 also what a restore of ours has kept: the array makes that writable, so it is unproven, and a volume too.

        Those of named volumes take two requests: the volumes tell what was made of them.
        """
        with self._doing("read snapshots"):
            if names is None and volumes is None:
                return listing("snapshot", self._xms.all("snapshots", objects.VOLUME_PROPS), self._snapshot_or_none)
            parents = self._xms.named("volumes", volumes or (), ("name", "index", "dest-snap-list"))
            read = listing("snapshot", parents, objects.made_of_it)
            wanted = list(names or ()) + [name for children in read for name in children]
            found = listing(
                "snapshot", self._xms.named("snapshots", wanted, objects.VOLUME_PROPS), self._snapshot_or_none
            )
            return Listing(found.items, read.unreadable + found.unreadable)

    def snapshots_of_set(self, name: str) -> Listing[Snapshot]:
        """The members of a snapshot set (section 4), writable ones too: two requests, one where there is none."""
        with self._doing("read snapshot set %s" % name, name):
            there = self._xms.get("snapshot-sets", name, objects.SET_PROPS)
            members = [objects.oid_name(oid) or "" for oid in (there or {}).get("vol-list") or ()]
            found = self._xms.named("snapshots", members, objects.VOLUME_PROPS)
            return listing("snapshot", found, lambda item: objects.snapshot(item, proven=True))

    def _snapshot_or_none(self, item: Object) -> Optional[Snapshot]:
        if self._xms.v2 and not objects.is_readonly(item) and not objects.is_backup(item):
            return None
        if not self._xms.v2 and not item.get("ancestor-vol-id"):
            return None
        return objects.snapshot(item, proven=self._xms.v2)

    def _object(self, name: str) -> Optional[Object]:
        """What has this name, volume or snapshot."""
        return self._xms.get("volumes", name, objects.VOLUME_PROPS)

    # -- hosts and mappings ------------------------------------------------------------------------------------------

    def hosts(self, names: Optional[Sequence[str]] = None) -> Listing[Host]:
        """Initiator groups with their initiators: two requests."""
        with self._doing("read hosts"):
            if names is None:
                found = self._xms.all("initiator-groups", objects.HOST_PROPS)
            else:
                found = self._xms.named("initiator-groups", names, objects.HOST_PROPS)
            if not found:
                return Listing()
            few = names is not None and self._xms.v2
            terms = [("ig-name", str(item["name"])) for item in found]
            initiators = (
                self._xms.where("initiators", objects.INITIATOR_PROPS, terms) if few else self._all_initiators()
            )
            hosts = listing("host", found, lambda item: objects.host(item, initiators))
            lost: Listing[Any] = listing("initiator", initiators, objects.check_owner)
            return Listing(hosts.items, hosts.unreadable + lost.unreadable)

    def find_hosts(self, initiators: Sequence[str]) -> Listing[Host]:
        """One request on v2: all initiators, since a host is only known with all of its initiators."""
        with self._doing("find the hosts of the initiators"):
            everyone = self._all_initiators()
            wanted = set(initiators)
            readable = listing("initiator", everyone, objects.initiator)
            mine = {one.id for one in readable if one.address in wanted}
            groups: Dict[str, Object] = {}
            for item in everyone:
                if str(item.get("index")) in mine and item.get("ig-id"):
                    index, name = objects.oid_index(item["ig-id"]), objects.oid_name(item["ig-id"])
                    groups[str(index)] = {"index": index, "name": name}
            found = listing("host", groups.values(), lambda item: objects.host(item, everyone))
            lost: Listing[Any] = listing("initiator", everyone, objects.check_owner)
            return Listing(found.items, found.unreadable + readable.unreadable + lost.unreadable)

    def _all_initiators(self) -> List[Object]:
        return self._xms.all("initiators", objects.INITIATOR_PROPS)

    def mappings(
        self, volumes: Optional[Sequence[str]] = None, hosts: Optional[Sequence[str]] = None
    ) -> Listing[Mapping]:
        """LUN mappings: one request on v2."""
        with self._doing("read mappings"):
            if volumes is None and hosts is None:
                return listing("mapping", self._xms.all("lun-maps", objects.MAPPING_PROPS), objects.mapping)
            wanted_volumes, wanted_hosts = set(volumes or ()), set(hosts or ())
            if not wanted_volumes and not wanted_hosts:
                return Listing()
            if not self._xms.v2:
                return self._mappings_v1(sorted(wanted_volumes), sorted(wanted_hosts))
            terms = [("vol-name", name) for name in sorted(wanted_volumes)]
            terms += [("ig-name", name) for name in sorted(wanted_hosts)]
            items = [
                item
                for item in self._xms.where("lun-maps", objects.MAPPING_PROPS, terms)
                if item.get("vol-name") in wanted_volumes
                or item.get("ig-name") in wanted_hosts
                or not (item.get("vol-name") and item.get("ig-name"))
            ]
            return listing("mapping", items, objects.mapping)

    def _mappings_v1(self, volumes: Sequence[str], hosts: Sequence[str]) -> Listing[Mapping]:
        """A volume tells its own; for a host, the names of all mappings say which are its (section 6)."""
        found: Dict[Optional[str], Mapping] = {}
        bad: Tuple[Any, ...] = ()
        told = listing("mapping", self._xms.named("volumes", volumes, ()), objects.told_mappings)
        for one in (mapping for mappings in told for mapping in mappings):
            found[one.id] = one
        if hosts:
            indexes = {str(index_of(item)) for item in self._xms.named("initiator-groups", hosts, ())}
            # One whose name does not say so may be theirs too.
            there = [i for i in self._xms.names("lun-maps") if _host_in(str(i.get("name"))) in (None, *indexes)]
            read = listing("mapping", self._xms.each("lun-maps", [index_of(item) for item in there]), objects.mapping)
            bad = read.unreadable
            found.update({one.id: one for one in read if one.host in hosts or one.volume in volumes})
        return Listing(tuple(found.values()), told.unreadable + bad)

    def groups(self, names: Optional[Sequence[str]] = None) -> Listing[Group]:
        if not self._xms.v2:
            return Listing()
        with self._doing("read consistency groups"):
            if names is None:
                found = self._xms.all("consistency-groups", objects.GROUP_PROPS)
            else:
                found = self._xms.named("consistency-groups", names, objects.GROUP_PROPS)
            return listing("group", found, objects.group)


def _host_in(mapping_name: str) -> Optional[str]:
    """The index of the host in the name of a mapping (section 6); None when the name is of another kind."""
    parts = mapping_name.split("_")
    return parts[1] if len(parts) == 3 else None
