# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read of the array (sheet, sections 1.16, 2.2, 2.8 to 2.10). A list has all entities within it."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ... import client
from ...array import LookUpById
from ...errors import BadReply
from ...model import (
    EVERY_HOST,
    ISCSI,
    READY,
    THIN,
    ArrayInfo,
    Capacity,
    Host,
    Listing,
    Mapping,
    Pool,
    Port,
    Snapshot,
    Unreadable,
    Volume,
)
from . import entities
from .capabilities import may_be_named
from .entities import InstanceVolume, Members
from .instances import FEW, Instances, noted, several
from .session import Entity


class Reading(Instances, LookUpById):
    """The part of a Datera array that only reads."""

    # -- the array ---------------------------------------------------------------------------------------------------

    def _system(self) -> Entity:
        return entities.need(self._wire.system(), "the system")

    def info(self) -> ArrayInfo:
        """Two requests: the system, and its nodes for the model."""
        with self._doing("read the array's description"):
            system = self._system()
            nodes = self._wire.nodes()
            models = sorted({str(node["model"]) for node in nodes if node.get("model")})
            return ArrayInfo(
                vendor="datera",
                name=str(system.get("name") or ""),
                model=", ".join(models) or None,
                serial=system.get("uuid"),
                version=self._wire.version,
                api_version=self._wire.api[1:],
                state=system.get("op_state") or system.get("health"),
                protocols=(ISCSI,),
            )

    def capacity(self) -> Capacity:
        """One request. The system counts in bytes, unlike everything else (2.9)."""
        with self._doing("read the capacity"), client.understanding("the capacity"):
            system = self._system()
            total = int(system["total_capacity"])
            ratio = _ratio(system.get("compression_ratio")) if system.get("compression_enabled") else None
            return Capacity(
                size=total,
                used=total - int(system["available_capacity"]),
                provisioned=int(system["total_provisioned_capacity"]),
                compression=ratio,
                data_reduction=ratio,
            )

    def pools(self) -> Listing[Pool]:
        """The one pool, which has the array's name: one request."""
        with self._doing("read the pools"):
            capacity = self.capacity()
            pool = Pool(
                self._wire.name,
                capacity.size,
                capacity.free,
                id=self._wire.name,
                provisioned=capacity.provisioned,
                state=READY,
                provisioning=(THIN,),
            )
            return Listing((pool,))

    def ports(self) -> Listing[Port]:
        """The portals of every target. Each volume is a target."""
        return self._ports(None)

    def ports_of(self, volumes: Sequence[str]) -> Listing[Port]:
        """The portals of these volumes' targets, each named after its volume."""
        return self._ports(volumes)

    def _ports(self, volumes: Optional[Sequence[str]]) -> Listing[Port]:
        with self._doing("read the target portals"):
            instances = self._instances(volumes)
            titles = None if volumes is None else set(volumes)

            def portals(instance: Entity) -> List[Port]:
                found: Dict[Tuple[str, Optional[str]], Port] = {}
                for instance_volume in entities.volumes_of(instance):
                    if titles is None or instance_volume.title in titles:
                        for port in entities.ports(instance_volume):
                            found.setdefault((port.address, port.portal), port)
                return list(found.values())

            return entities.listing("port", instances, portals)

    def _members(self, instances: Sequence[Entity]) -> Optional[Members]:
        """The members of all groups, to know which hosts have sessions: one request. None where no host has one."""
        if not any(_has_sessions_of_groups(instance) for instance in instances):
            return None
        return {host.name: host.addresses for host in self._groups(None)}

    # -- volumes and mappings ----------------------------------------------------------------------------------------

    def volumes(self, names: Optional[Sequence[str]] = None) -> Listing[Volume]:
        """With their mappings. All: one request. By name: one each for a few, else one for all."""
        with self._doing("read volumes"):
            instances = self._instances(names)
            members = self._members(instances)
            titles = None if names is None else set(names)
            sources = self._sources(instances if names is None else self._originals(instances))

            def volumes(instance: Entity) -> List[Volume]:
                return [
                    self._named_snapshots(
                        instance_volume, entities.volume(instance_volume, self._wire.name, members, sources), names
                    )
                    for instance_volume in entities.volumes_of(instance)
                    if titles is None or instance_volume.title in titles
                ]

            return entities.listing("volume", instances, volumes)

    def volume_with_id(self, uuid: str) -> Optional[Volume]:
        """The volume that OpenStack made or took over, as ``OS-[anything-]uuid`` (4.4): one request.

        Sessions of hosts that are groups are not known.
        """
        with self._doing("find volume %s" % uuid, uuid):
            # The array returns every name that contains it (1.17).
            ending = re.compile(r"OS-(?:.*-)?%s\Z" % re.escape(uuid))
            for instance in self._wire.instances("match(name,.*%s.*)" % uuid):
                if ending.match(str(instance.get("name"))):
                    found = entities.listing("volume", [instance], self._volumes_within)
                    if len(found) != 1:
                        raise BadReply("app instance %s is there, and is no volume of OpenStack" % instance.get("name"))
                    return found.items[0]
            return None

    def _volumes_within(self, instance: Entity) -> List[Volume]:
        return [entities.volume(instance_volume, self._wire.name) for instance_volume in entities.volumes_of(instance)]

    def snapshot_with_id(self, volume: Volume, key: str) -> Optional[Snapshot]:
        """The snapshot of the volume with this UUID or time stamp: one request."""
        with self._doing("find snapshot %s" % key, key):
            for entity in self._wire.snapshots_of(volume.id):
                if key in (entity.get("uuid"), entities.key_of(entity)):
                    return entities.snapshot(volume.name, volume.id, entity, str(entity["uuid"]), volume.size)
            return None

    def _named_snapshots(
        self, instance_volume: InstanceVolume, volume: Volume, names: Optional[Sequence[str]]
    ) -> Volume:
        """Add the names of its snapshots where few volumes are read by name: one more request."""
        if volume.snapshots is not None or names is None or len(names) > FEW:
            return volume
        notes = self._notes(instance_volume.instance_path)
        found = [
            self._snapshot(instance_volume, snapshot, notes).name
            for snapshot in self._candidates(instance_volume, None, {instance_volume.title})
        ]
        return replace(volume, snapshots=tuple(found))

    def _originals(self, instances: Sequence[Entity]) -> List[Entity]:
        """The app instances of which these are clones and that exist: one request for each."""
        paths = [entities.reference(instance.get("clone_src")) for instance in instances]
        unique = sorted({entities.instance_path_of(path) for path in paths if path})
        found = self._wire.side_by_side(self._wire.instance, unique) if len(unique) <= FEW else self._instances()
        return [instance for instance in found if isinstance(instance, dict)]

    @staticmethod
    def _sources(instances: Sequence[Entity]) -> Dict[str, str]:
        """The names of volumes, by the paths that a clone may report as its source."""
        found: Dict[str, str] = {}
        for instance in instances:
            found["/app_instances/%s" % instance.get("id")] = str(instance.get("name"))
            try:
                for instance_volume in entities.volumes_of(instance):
                    found[instance_volume.path] = instance_volume.title
                    if instance_volume.entity.get("snapshots") is None:
                        continue
                    for snapshot in entities.objects_in(instance_volume.entity, "snapshots"):
                        found["%s/snapshots/%s" % (instance_volume.path, entities.key_of(snapshot))] = (
                            instance_volume.title
                        )
            except KeyError:
                continue
        return found

    def mappings(
        self, volumes: Optional[Sequence[str]] = None, hosts: Optional[Sequence[str]] = None
    ) -> Listing[Mapping]:
        """The entries of access lists. Only volumes have these, so for a host all volumes are read: one request.

        Mappings of a host include the volumes that every initiator may use.
        """
        with self._doing("read mappings"):
            instances = self._instances(None if volumes is None or hosts is not None else volumes)
            members = self._members(instances)
            both = volumes is None and hosts is None
            of_volumes, of_hosts = set(volumes or ()), set(hosts or ())

            def mappings(instance: Entity) -> List[Mapping]:
                return [
                    mapping
                    for instance_volume in entities.volumes_of(instance)
                    for mapping in entities.mappings(instance_volume, members)
                    if both
                    or mapping.volume in of_volumes
                    or mapping.host in of_hosts
                    or (of_hosts and mapping.host == EVERY_HOST)
                ]

            return entities.listing("mapping", instances, mappings)

    # -- hosts -------------------------------------------------------------------------------------------------------

    def hosts(self, names: Optional[Sequence[str]] = None) -> Listing[Host]:
        """Initiator groups of this tenant: one request, or one for each of a few.

        An initiator is a host by itself only when it is asked for by its address.
        """
        with self._doing("read hosts"):
            return self._groups(names)

    def _groups(self, names: Optional[Sequence[str]]) -> Listing[Host]:
        if names is None or len(names) > FEW:
            found = self._wire.groups()
            requested = None if names is None else set(names)
            own = [group for group in found if self._own(group)]
            chosen = [group for group in own if requested is None or entities.may_have_name(group, requested)]
            return entities.listing("host", chosen, lambda group: [entities.host(group)])
        found_one_by_one = zip(names, self._wire.side_by_side(self._host_entity, names))
        existing = [(name, found) for name, found in found_one_by_one if found is not None]
        return client.listing("host", existing, lambda pair: _host_of(*pair), lambda pair: pair[0])

    def _host_entity(self, name: str) -> Optional[Entity]:
        """The initiator group of this name, or the initiator of this address; None when there is none."""
        if _is_address(name):
            initiator = self._wire.initiator(name)
            return None if initiator is None else entities.need(initiator, "initiator %s" % name)
        found = self._wire.group(name) if may_be_named(name) else None
        if found is None:
            return None
        group = entities.need(found, "initiator group %s" % name)
        return group if entities.may_have_name(group, (name,)) and self._own(group) else None

    def _host(self, name: str) -> Optional[Host]:
        found = self._host_entity(name)
        if found is None:
            return None
        with client.understanding("host %s" % name):
            return _host_of(name, found)

    def find_hosts(self, initiators: Sequence[str]) -> Listing[Host]:
        """Initiator groups with any of these members: one request."""
        with self._doing("find the hosts of the initiators"):
            requested = set(initiators)
            found = self._groups(None)
            return Listing(tuple(host for host in found if requested & set(host.addresses)), found.unreadable)

    # -- notes and snapshots -----------------------------------------------------------------------------------------

    def snapshots(
        self, names: Optional[Sequence[str]] = None, volumes: Optional[Sequence[str]] = None
    ) -> Listing[Snapshot]:
        """The app instances, and the metadata of those with such snapshots, where their names are."""
        if volumes is not None and not volumes and not names:
            return Listing()
        with self._doing("read snapshots"):
            # All of them: only a volume that was made of a snapshot reports this.
            instances = self._instances()
            of_volumes = set(volumes or ())
            children = self._children(instances)

            def is_requested(instance: Entity) -> bool:
                return any(
                    self._candidates(instance_volume, names, of_volumes)
                    for instance_volume in entities.volumes_of(instance)
                )

            listed = entities.listing("snapshot", instances, lambda one: [one] if is_requested(one) else [])
            chosen = list(listed)
            notes = dict(
                zip(
                    (str(instance["id"]) for instance in chosen),
                    self._wire.side_by_side(lambda instance: self._notes("/app_instances/%s" % instance["id"]), chosen),
                )
            )

            ambiguous: Dict[str, Unreadable] = {}

            def snapshots(instance: Entity) -> List[Snapshot]:
                found = []
                for instance_volume in entities.volumes_of(instance):
                    candidates = self._candidates(instance_volume, names, of_volumes)
                    for reported in candidates:
                        snapshot = self._snapshot(instance_volume, reported, notes[str(instance["id"])])
                        if sum(other.uuid == reported.uuid for other in candidates) > 1:
                            ambiguous[snapshot.name] = Unreadable(
                                "snapshot", snapshot.name, several(snapshot.name, instance_volume.title).reason
                            )
                            continue
                        snapshot = replace(snapshot, children=tuple(children.get(snapshot.id, ())))
                        if names is None or instance_volume.title in of_volumes or snapshot.name in names:
                            found.append(snapshot)
                return found

            read = entities.listing("snapshot", chosen, snapshots)
            return Listing(read.items, (*listed.unreadable, *read.unreadable, *ambiguous.values()))

    @staticmethod
    def _children(instances: Sequence[Entity]) -> Dict[str, List[str]]:
        """The names of the app instances that were made of each path."""
        found: Dict[str, List[str]] = {}
        for instance in instances:
            with client.understanding("the source of app instance %s" % instance.get("name")):
                source = entities.clone_source(instance)
            if source is not None:
                found.setdefault(source, []).append(str(instance.get("name")))
        return found

    @staticmethod
    def _snapshot(
        instance_volume: InstanceVolume, reported: entities.VolumeSnapshot, notes: Dict[str, str]
    ) -> Snapshot:
        name, size = noted(notes, reported.uuid)
        name = reported.instance_name if reported.of_instance else name or reported.uuid
        now = entities.bytes_of(instance_volume.entity["size"])
        found = entities.snapshot(instance_volume.title, instance_volume.path, reported.entity, name, size or now)
        if reported.apart:
            found = replace(
                found, id="%s/snapshots/%s" % (instance_volume.instance_path, entities.key_of(reported.entity))
            )
        return replace(found, group=str(instance_volume.instance["name"])) if reported.of_instance else found


def _has_sessions_of_groups(instance: Entity) -> bool:
    """Whether initiators have sessions where a group is in the access list. Not for what cannot be read: its
    conversion reports that."""
    with suppress(KeyError):
        for storage in entities.objects_in(instance, "storage_instances"):
            acl = storage.get("acl_policy")
            if storage.get("active_initiators") and isinstance(acl, dict) and acl.get("initiator_groups"):
                return True
    return False


def _is_address(name: str) -> bool:
    return name.lower().startswith(("iqn.", "eui."))


def _host_of(name: str, entity: Entity) -> Host:
    return entities.single_host(entity) if _is_address(name) else entities.host(entity)


def _ratio(text: Any) -> Optional[float]:
    try:
        return float(str(text).partition(":")[0])
    except (TypeError, ValueError):
        return None
