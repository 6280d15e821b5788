# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read of the array (sheet, sections 1.16, 2.2, 2.8 to 2.10). A list carries every app instance whole."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ...array import Array, LookUpById
from ...errors import BadReply, NotFound
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
    Volume,
)
from ...transport.deadline import Deadline
from . import entities, ledger
from .capabilities import capabilities, may_be_named
from .entities import Members, Place
from .names import OFFLINE_MARK, is_uuid, snapshot_uuid
from .session import Entity
from .wire import Wire

# More app instances than this by name and one each: then the whole list costs less.
FEW = 4


class Reading(Array, LookUpById):
    """The part of a Datera array that only reads."""

    def __init__(self, wire: Wire, offline_changes: bool, wait: float) -> None:
        self._wire = wire
        self._offline_changes = offline_changes
        self._wait = wait
        # Learnt from the array's answers, so that a task asks in vain once only.
        self._demands_offline = False
        self.capabilities = capabilities(wire.policies)
        self.label = wire.name or wire.http.address

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
        with self._doing("read the capacity"):
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
        """The one pool that there is, by the array's name: one request."""
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
        """The portals of every target: each volume has one of its own."""
        return self._ports(None)

    def ports_of(self, volumes: Sequence[str]) -> Listing[Port]:
        """The portals of these volumes' targets, each named after its volume."""
        return self._ports(volumes)

    def _ports(self, volumes: Optional[Sequence[str]]) -> Listing[Port]:
        with self._doing("read the target portals"):
            instances = self._instances(volumes)
            wanted = None if volumes is None else set(volumes)

            def portals(ai: Entity) -> List[Port]:
                found: Dict[Tuple[str, Optional[str]], Port] = {}
                for place in entities.places(ai):
                    if wanted is None or place.title in wanted:
                        for port in entities.ports(place):
                            found.setdefault((port.address, port.portal), port)
                return list(found.values())

            return entities.listing("port", instances, portals)

    # -- app instances -----------------------------------------------------------------------------------------------

    def _instances(self, titles: Optional[Sequence[str]] = None) -> List[Entity]:
        """The app instances, or those of these volumes: one request, or one for each of a few."""
        if titles is None:
            return self._wire.instances()
        names = list(dict.fromkeys(title.split("/")[0] for title in titles))
        if len(names) > FEW:
            wanted = set(names)
            return [ai for ai in self._wire.instances() if ai.get("name") in wanted]
        return [ai for ai in self._wire.side_by_side(self._instance, names) if ai is not None]

    def _instance(self, name: str) -> Optional[Entity]:
        """The app instance of exactly this name. A GET takes names and ids, and a name may be another one's id."""
        if not may_be_named(name):
            return None
        found = self._wire.instance_called(name)
        if isinstance(found, dict) and found.get("name") == name:
            return found
        if found is None and not is_uuid(name):
            return None
        return next((ai for ai in self._wire.instances("name=%s" % name) if ai.get("name") == name), None)

    def _place(self, path: str) -> Optional[Place]:
        """The volume with this path, as it is now: one request."""
        ai_path, _sep, rest = path.partition("/storage_instances/")
        ai = self._wire.instance(ai_path)
        if ai is None:
            return None
        for place in entities.places(entities.need(ai, ai_path)):
            if place.path.endswith("/storage_instances/" + rest):
                return place
        return None

    def _need_place(self, volume: Volume) -> Place:
        place = self._place(volume.id) if volume.id else None
        if place is None:
            for ai in self._instances([volume.name]):
                for one in entities.places(ai):
                    if one.title == volume.name:
                        return one
            raise NotFound("volume %s is not there" % volume.name, target=volume.name)
        return place

    def _sized(self, place: Place) -> Place:
        """The volume, once the array has finished changing its size (2.2): no request when it has."""

        def done() -> Optional[Place]:
            now = self._place(place.path)
            if now is None:
                raise NotFound("volume %s is gone" % place.title, target=place.title)
            return None if now.resizing else now

        if not place.resizing:
            return place
        hint = "The array goes on by itself: run the task again to wait for it."
        what = "the end of the change of the size of volume %s" % place.title
        return Deadline(self._wait, first=0.05, longest=5.0).poll(done, what, hint)

    def _online(self, place: Place) -> None:
        """With the description that it had before."""
        descr = str(place.ai.get("descr") or "").partition(OFFLINE_MARK)[0].strip()
        self._wire.update_instance(place.ai_path, {"admin_state": "online", "descr": descr or None})

    def _available(self, volume: Volume) -> Place:
        """The volume, once its target can be logged in to (2.13)."""

        def ask() -> Optional[Place]:
            place = self._place(volume.id)
            if place is None:
                raise NotFound("volume %s is gone" % volume.name, target=volume.name)
            return place if place.si.get("op_state", ledger.AVAILABLE) == ledger.AVAILABLE else None

        return Deadline(self._wait, first=0.05, longest=2.0).poll(
            ask, "the target of volume %s" % volume.name, "The host is in the access list; look at the app instance."
        )

    def _members(self, instances: Sequence[Entity]) -> Optional[Members]:
        """Whose initiators have sessions: asked only when some have."""
        busy = any(
            si.get("active_initiators") and (si.get("acl_policy") or {}).get("initiator_groups")
            for ai in instances
            for si in ai.get("storage_instances") or ()
            if isinstance(si, dict)
        )
        if not busy:
            return None
        return {host.name: host.addresses for host in self._groups(None)}

    # -- volumes and mappings ----------------------------------------------------------------------------------------

    def volumes(self, names: Optional[Sequence[str]] = None) -> Listing[Volume]:
        """With their mappings. All: one request. By name: one each for a few, else one for all."""
        with self._doing("read volumes"):
            instances = self._instances(names)
            members = self._members(instances)
            wanted = None if names is None else set(names)
            sources = self._sources(instances if names is None else self._originals(instances))

            def volumes(ai: Entity) -> List[Volume]:
                return [
                    self._named_snapshots(place, entities.volume(place, self._wire.name, members, sources), names)
                    for place in entities.places(ai)
                    if wanted is None or place.title in wanted
                ]

            return entities.listing("volume", instances, volumes)

    def volume_with_id(self, uuid: str) -> Optional[Volume]:
        """What OpenStack made, or took over, as ``OS-[anything-]uuid`` (4.4): one request. Others' sessions are not
        told."""
        with self._doing("find volume %s" % uuid, uuid):
            # The array finds whatever has it in the name (1.17).
            ending = re.compile(r"OS-(?:.*-)?%s\Z" % re.escape(uuid))
            for ai in self._wire.instances("match(name,.*%s.*)" % uuid):
                if ending.match(str(ai.get("name"))):
                    found = entities.listing("volume", [ai], self._volumes_within)
                    if len(found) != 1:
                        raise BadReply("app instance %s is there, and is no volume of OpenStack" % ai.get("name"))
                    return found.items[0]
            return None

    def _volumes_within(self, ai: Entity) -> List[Volume]:
        return [entities.volume(place, self._wire.name) for place in entities.places(ai)]

    def snapshot_with_id(self, volume: Volume, key: str) -> Optional[Snapshot]:
        """That of the volume with this UUID, or taken at this time: one request."""
        with self._doing("find snapshot %s" % key, key):
            for entity in self._wire.snapshots_of(volume.id):
                if key in (entity.get("uuid"), entities.key_of(entity)):
                    return entities.snapshot(volume.name, volume.id, entity, str(entity["uuid"]), volume.size)
            return None

    def _named_snapshots(self, place: Place, volume: Volume, names: Optional[Sequence[str]]) -> Volume:
        """With the names of its snapshots, which is one request more; only where few volumes are asked for."""
        if volume.snapshots is not None or names is None or len(names) > FEW:
            return volume
        notes = self._notes(place.ai_path)
        found = [self._snapshot(place, one, notes).name for one in self._candidates(place, None, {place.title})]
        return replace(volume, snapshots=tuple(found))

    def _originals(self, instances: Sequence[Entity]) -> List[Entity]:
        """What these are clones of, as far as it is still there: one request for each."""
        paths = [entities.path_of(ai["clone_src"]) for ai in instances if ai.get("clone_src")]
        unique = sorted({entities.instance_path_of(path) for path in paths})
        found = self._wire.side_by_side(self._wire.instance, unique) if len(unique) <= FEW else self._instances()
        return [ai for ai in found if isinstance(ai, dict)]

    @staticmethod
    def _sources(instances: Sequence[Entity]) -> Dict[str, str]:
        """What a clone's source is called, by the path that the clone remembers."""
        found: Dict[str, str] = {}
        for ai in instances:
            found["/app_instances/%s" % ai.get("id")] = str(ai.get("name"))
            try:
                for place in entities.places(ai):
                    found[place.path] = place.title
                    for one in place.volume.get("snapshots") or ():
                        found["%s/snapshots/%s" % (place.path, entities.key_of(one))] = place.title
            except (KeyError, TypeError):
                continue
        return found

    def mappings(
        self, volumes: Optional[Sequence[str]] = None, hosts: Optional[Sequence[str]] = None
    ) -> Listing[Mapping]:
        """Entries of access lists. Only the volumes know them, so for a host all are read: one request.

        With those of a host come the volumes that every initiator may use.
        """
        with self._doing("read mappings"):
            instances = self._instances(None if volumes is None or hosts is not None else volumes)
            members = self._members(instances)
            both = volumes is None and hosts is None
            of_volumes, of_hosts = set(volumes or ()), set(hosts or ())

            def mappings(ai: Entity) -> List[Mapping]:
                return [
                    one
                    for place in entities.places(ai)
                    for one in entities.mappings(place, members)
                    if both or one.volume in of_volumes or one.host in of_hosts or (of_hosts and one.host == EVERY_HOST)
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
            wanted = None if names is None else set(names)
            own = [one for one in found if self._own(one) and (wanted is None or one.get("name") in wanted)]
            return entities.listing("host", own, lambda one: [entities.host(one)])
        hosts = self._wire.side_by_side(self._host, names)
        return Listing(tuple(host for host in hosts if host is not None))

    def _host(self, name: str) -> Optional[Host]:
        if name.lower().startswith(("iqn.", "eui.")):
            lone = self._wire.initiator(name)
            return entities.lone_host(lone) if isinstance(lone, dict) else None
        if not may_be_named(name):
            return None
        found = self._wire.group(name)
        if not isinstance(found, dict) or found.get("name") != name or not self._own(found):
            return None
        return entities.host(found)

    def _own(self, entity: Entity) -> bool:
        """Not inherited from a tenant above, which others may lean on too (2.6). 2.1 does not tell."""
        return entity.get("tenant") in (None, "", self._wire.tenant)

    def find_hosts(self, initiators: Sequence[str]) -> Listing[Host]:
        """Initiator groups with any of these members: one request."""
        with self._doing("find the hosts of the initiators"):
            wanted = set(initiators)
            found = self._groups(None)
            return Listing(tuple(one for one in found if wanted & set(one.addresses)), found.unreadable)

    # -- notes and snapshots -----------------------------------------------------------------------------------------

    def _notes(self, ai_path: str) -> Dict[str, str]:
        """All metadata of an app instance, whoever wrote it (2.10): one request."""
        notes = self._wire.metadata(ai_path) or {}
        return {str(name): str(value) for name, value in entities.need(notes, "the metadata").items()}

    def snapshots(
        self, names: Optional[Sequence[str]] = None, volumes: Optional[Sequence[str]] = None
    ) -> Listing[Snapshot]:
        """The app instances, and the notes of those with snapshots that may be meant: the names are there."""
        if volumes is not None and not volumes and not names:
            return Listing()
        with self._doing("read snapshots"):
            # All of them: only the volumes that were made of a snapshot tell that they were.
            instances = self._instances()
            of_volumes = set(volumes or ())
            children = self._children(instances)

            def meant(ai: Entity) -> bool:
                return any(self._candidates(place, names, of_volumes) for place in entities.places(ai))

            listed = entities.listing("snapshot", instances, lambda ai: [ai] if meant(ai) else [])
            chosen = list(listed)
            notes = dict(
                zip(
                    (str(ai["id"]) for ai in chosen),
                    self._wire.side_by_side(lambda ai: self._notes("/app_instances/%s" % ai["id"]), chosen),
                )
            )

            def snapshots(ai: Entity) -> List[Snapshot]:
                found = []
                for place in entities.places(ai):
                    for taken in self._candidates(place, names, of_volumes):
                        one = self._snapshot(place, taken, notes[str(ai["id"])])
                        one = replace(one, children=tuple(children.get(one.id, ())))
                        if names is None or place.title in of_volumes or one.name in names:
                            found.append(one)
                return found

            read = entities.listing("snapshot", chosen, snapshots)
            return Listing(read.items, listed.unreadable + read.unreadable)

    @staticmethod
    def _children(instances: Sequence[Entity]) -> Dict[str, List[str]]:
        """The names of the app instances that were made of each path."""
        found: Dict[str, List[str]] = {}
        for ai in instances:
            if ai.get("clone_src"):
                found.setdefault(entities.path_of(ai["clone_src"]), []).append(str(ai.get("name")))
        return found

    def _candidates(self, place: Place, names: Optional[Sequence[str]], volumes: set[str]) -> List[entities.Taken]:
        """Those snapshots of the volume that the question may be about, by their UUIDs."""
        of_volume = self._described(place.volume.get("snapshots"), place.path)
        of_instance = self._described(place.instance_snapshots, place.ai_path)
        found = entities.taken_of(of_volume, of_instance)
        if place.title in volumes or (names is None and not volumes):
            return found
        wanted = {snapshot_uuid(place.path, name) for name in names or ()}
        return [one for one in found if (one.instance_name in (names or ()) if one.of_instance else one.uuid in wanted)]

    def _described(self, reported: Any, owner: str) -> List[Entity]:
        """Snapshots with their UUIDs. One request where their owner reports no list of them, or one without UUIDs.

        :param owner: path of the volume or app instance.
        """
        if reported is None or any(not isinstance(one, dict) or "uuid" not in one for one in reported):
            return self._wire.snapshots_of(owner)
        return list(reported)

    @staticmethod
    def _snapshot(place: Place, taken: entities.Taken, notes: Dict[str, str]) -> Snapshot:
        name, size = noted(notes, taken.uuid)
        name = taken.instance_name if taken.of_instance else name or taken.uuid
        now = entities.bytes_of(place.volume["size"])
        found = entities.snapshot(place.title, place.path, taken.entity, name, size or now)
        if taken.apart:
            found = replace(found, id="%s/snapshots/%s" % (place.ai_path, entities.key_of(taken.entity)))
        return replace(found, group=str(place.ai["name"])) if taken.of_instance else found


def noted(notes: Dict[str, str], uuid: str) -> Tuple[Optional[str], Optional[int]]:
    """Name and size (bytes, when it was taken) of a snapshot; None when nothing of the kind is noted."""
    size, space, name = notes.get(ledger.NOTE_PREFIX + uuid, "").partition(" ")
    if not space or not name or not size.isdigit():
        return None, None
    return name, int(size)


def _ratio(text: Any) -> Optional[float]:
    try:
        return float(str(text).partition(":")[0])
    except (TypeError, ValueError):
        return None
