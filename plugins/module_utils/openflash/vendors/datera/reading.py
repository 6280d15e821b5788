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
from . import facts, objects
from .objects import Members, Place
from .wire import Edf, Entity, key

# More app instances than this by name and one each: then the whole list costs less.
FEW = 4


class Reading(Array, LookUpById):
    """The part of a Datera array that only reads."""

    def __init__(self, edf: Edf, offline_changes: bool, wait: float) -> None:
        self._edf = edf
        self._offline_changes = offline_changes
        self._wait = wait
        # Learnt from the array's answers, so that a task asks in vain once only.
        self._demands_offline = False
        self.capabilities = facts.capabilities(edf.policies)
        self.label = edf.name or edf.http.address

    # -- the array ---------------------------------------------------------------------------------------------------

    def _system(self) -> Entity:
        return objects.need(self._edf.get("/system", tenant="/root"), "the system")

    def info(self) -> ArrayInfo:
        """Two requests: the system, and its nodes for the model."""
        with self._doing("read the array's description"):
            system = self._system()
            nodes = self._edf.list("/storage_nodes")
            models = sorted({str(node["model"]) for node in nodes if node.get("model")})
            return ArrayInfo(
                vendor="datera",
                name=str(system.get("name") or ""),
                model=", ".join(models) or None,
                serial=system.get("uuid"),
                version=self._edf.version,
                api_version=self._edf.api[1:],
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
                self._edf.name,
                capacity.size,
                capacity.free,
                id=self._edf.name,
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
                for place in objects.places(ai):
                    if wanted is None or place.title in wanted:
                        for port in objects.ports(place):
                            found.setdefault((port.address, port.portal), port)
                return list(found.values())

            return objects.listing("port", instances, portals)

    # -- app instances -----------------------------------------------------------------------------------------------

    def _instances(self, titles: Optional[Sequence[str]] = None) -> List[Entity]:
        """The app instances, or those of these volumes: one request, or one for each of a few."""
        if titles is None:
            return self._edf.list("/app_instances")
        names = list(dict.fromkeys(title.split("/")[0] for title in titles))
        if len(names) > FEW:
            wanted = set(names)
            return [ai for ai in self._edf.list("/app_instances") if ai.get("name") in wanted]
        return [ai for ai in self._edf.side_by_side(self._instance, names) if ai is not None]

    def _instance(self, name: str) -> Optional[Entity]:
        """The app instance of exactly this name. A GET takes names and ids, and a name may be another one's id."""
        if not facts.may_be_named(name):
            return None
        found = self._edf.get("/app_instances/%s" % key(name))
        if isinstance(found, dict) and found.get("name") == name:
            return found
        if found is None and not facts.is_uuid(name):
            return None
        return next((ai for ai in self._edf.list("/app_instances", "name=%s" % name) if ai.get("name") == name), None)

    def _place(self, path: str) -> Optional[Place]:
        """The volume with this path, as it is now: one request."""
        ai_path, _sep, rest = path.partition("/storage_instances/")
        ai = self._edf.get(ai_path)
        if ai is None:
            return None
        for place in objects.places(objects.need(ai, ai_path)):
            if place.path.endswith("/storage_instances/" + rest):
                return place
        return None

    def _need_place(self, volume: Volume) -> Place:
        place = self._place(volume.id) if volume.id else None
        if place is None:
            for ai in self._instances([volume.name]):
                for one in objects.places(ai):
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
        descr = str(place.ai.get("descr") or "").partition(facts.OFFLINE_MARK)[0].strip()
        self._edf.put(place.ai_path, {"admin_state": "online", "descr": descr or None})

    def _available(self, volume: Volume) -> Place:
        """The volume, once its target can be logged in to (2.13)."""

        def ask() -> Optional[Place]:
            place = self._place(volume.id)
            if place is None:
                raise NotFound("volume %s is gone" % volume.name, target=volume.name)
            return place if place.si.get("op_state", facts.AVAILABLE) == facts.AVAILABLE else None

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
                    self._named_snapshots(place, objects.volume(place, self._edf.name, members, sources), names)
                    for place in objects.places(ai)
                    if wanted is None or place.title in wanted
                ]

            return objects.listing("volume", instances, volumes)

    def volume_with_id(self, uuid: str) -> Optional[Volume]:
        """What OpenStack made, or took over, as ``OS-[anything-]uuid`` (4.4): one request. Others' sessions are not
        told."""
        with self._doing("find volume %s" % uuid, uuid):
            # The array finds whatever has it in the name (1.17).
            ending = re.compile(r"OS-(?:.*-)?%s\Z" % re.escape(uuid))
            for ai in self._edf.list("/app_instances", "match(name,.*%s.*)" % uuid):
                if ending.match(str(ai.get("name"))):
                    found = objects.listing("volume", [ai], self._volumes_within)
                    if len(found) != 1:
                        raise BadReply("app instance %s is there, and is no volume of OpenStack" % ai.get("name"))
                    return found.items[0]
            return None

    def _volumes_within(self, ai: Entity) -> List[Volume]:
        return [objects.volume(place, self._edf.name) for place in objects.places(ai)]

    def snapshot_with_id(self, volume: Volume, key: str) -> Optional[Snapshot]:
        """That of the volume with this UUID, or taken at this time: one request."""
        with self._doing("find snapshot %s" % key, key):
            for entity in self._edf.list(volume.id + "/snapshots"):
                if key in (entity.get("uuid"), objects.key_of(entity)):
                    return objects.snapshot(volume.name, volume.id, entity, str(entity["uuid"]), volume.size)
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
        paths = [objects.path_of(ai["clone_src"]) for ai in instances if ai.get("clone_src")]
        unique = sorted({path.split("/storage_instances/")[0] for path in paths})
        found = self._edf.side_by_side(self._edf.get, unique) if len(unique) <= FEW else self._instances()
        return [ai for ai in found if isinstance(ai, dict)]

    @staticmethod
    def _sources(instances: Sequence[Entity]) -> Dict[str, str]:
        """What a clone's source is called, by the path that the clone remembers."""
        found: Dict[str, str] = {}
        for ai in instances:
            found["/app_instances/%s" % ai.get("id")] = str(ai.get("name"))
            try:
                for place in objects.places(ai):
                    found[place.path] = place.title
                    for one in place.volume.get("snapshots") or ():
                        found["%s/snapshots/%s" % (place.path, objects.key_of(one))] = place.title
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
                    for place in objects.places(ai)
                    for one in objects.mappings(place, members)
                    if both or one.volume in of_volumes or one.host in of_hosts or (of_hosts and one.host == EVERY_HOST)
                ]

            return objects.listing("mapping", instances, mappings)

    # -- hosts -------------------------------------------------------------------------------------------------------

    def hosts(self, names: Optional[Sequence[str]] = None) -> Listing[Host]:
        """Initiator groups of this tenant: one request, or one for each of a few.

        An initiator is a host by itself only when it is asked for by its address.
        """
        with self._doing("read hosts"):
            return self._groups(names)

    def _groups(self, names: Optional[Sequence[str]]) -> Listing[Host]:
        if names is None or len(names) > FEW:
            found = self._edf.list("/initiator_groups")
            wanted = None if names is None else set(names)
            own = [one for one in found if self._own(one) and (wanted is None or one.get("name") in wanted)]
            return objects.listing("host", own, lambda one: [objects.host(one)])
        hosts = self._edf.side_by_side(self._host, names)
        return Listing(tuple(host for host in hosts if host is not None))

    def _host(self, name: str) -> Optional[Host]:
        if name.lower().startswith(("iqn.", "eui.")):
            lone = self._edf.get("/initiators/%s" % key(name))
            return objects.lone_host(lone) if isinstance(lone, dict) else None
        if not facts.may_be_named(name):
            return None
        found = self._edf.get("/initiator_groups/%s" % key(name))
        if not isinstance(found, dict) or found.get("name") != name or not self._own(found):
            return None
        return objects.host(found)

    def _own(self, entity: Entity) -> bool:
        """Not inherited from a tenant above, which others may lean on too (2.6). 2.1 does not tell."""
        return entity.get("tenant") in (None, "", self._edf.tenant)

    def find_hosts(self, initiators: Sequence[str]) -> Listing[Host]:
        """Initiator groups with any of these members: one request."""
        with self._doing("find the hosts of the initiators"):
            wanted = set(initiators)
            found = self._groups(None)
            return Listing(tuple(one for one in found if wanted & set(one.addresses)), found.unreadable)

    # -- notes and snapshots -----------------------------------------------------------------------------------------

    def _notes(self, ai_path: str) -> Dict[str, str]:
        """All that is noted on an app instance, by whomever (2.10)."""
        notes = self._edf.get(self._notes_path(ai_path)) or {}
        return {str(name): str(value) for name, value in objects.need(notes, "the metadata").items()}

    def _notes_path(self, ai_path: str) -> str:
        return "%s/%s" % (ai_path, "int_ecosystem_data" if self._edf.modern else "metadata")

    def _write_notes(self, ai_path: str, notes: Dict[str, str]) -> None:
        """The whole of them: right whether the array merges or replaces, which is not known (section 9)."""
        self._edf.put(self._notes_path(ai_path), {"data": notes} if self._edf.modern else notes)

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
                return any(self._candidates(place, names, of_volumes) for place in objects.places(ai))

            listed = objects.listing("snapshot", instances, lambda ai: [ai] if meant(ai) else [])
            chosen = list(listed)
            notes = dict(
                zip(
                    (str(ai["id"]) for ai in chosen),
                    self._edf.side_by_side(lambda ai: self._notes("/app_instances/%s" % ai["id"]), chosen),
                )
            )

            def snapshots(ai: Entity) -> List[Snapshot]:
                found = []
                for place in objects.places(ai):
                    for taken in self._candidates(place, names, of_volumes):
                        one = self._snapshot(place, taken, notes[str(ai["id"])])
                        one = replace(one, children=tuple(children.get(one.id, ())))
                        if names is None or place.title in of_volumes or one.name in names:
                            found.append(one)
                return found

            read = objects.listing("snapshot", chosen, snapshots)
            return Listing(read.items, listed.unreadable + read.unreadable)

    @staticmethod
    def _children(instances: Sequence[Entity]) -> Dict[str, List[str]]:
        """The names of the app instances that were made of each path."""
        found: Dict[str, List[str]] = {}
        for ai in instances:
            if ai.get("clone_src"):
                found.setdefault(objects.path_of(ai["clone_src"]), []).append(str(ai.get("name")))
        return found

    def _candidates(self, place: Place, names: Optional[Sequence[str]], volumes: set[str]) -> List[objects.Taken]:
        """Those snapshots of the volume that the question may be about, by their UUIDs."""
        own = self._described(place.volume.get("snapshots"), place.path + "/snapshots")
        whole = self._described(place.instance_snapshots, place.ai_path + "/snapshots")
        found = objects.taken_of(own, whole)
        if place.title in volumes or (names is None and not volumes):
            return found
        wanted = {facts.snapshot_uuid(place.path, name) for name in names or ()}
        return [one for one in found if (one.instance_name in (names or ()) if one.of_instance else one.uuid in wanted)]

    def _described(self, entities: Any, path: str) -> List[Entity]:
        """Snapshots with their UUIDs: asked for where what they belong to does not report these, or reports no list."""
        if entities is None or any(not isinstance(one, dict) or "uuid" not in one for one in entities):
            return self._edf.list(path)
        return list(entities)

    @staticmethod
    def _snapshot(place: Place, taken: objects.Taken, notes: Dict[str, str]) -> Snapshot:
        name, size = noted(notes, taken.uuid)
        name = taken.instance_name if taken.of_instance else name or taken.uuid
        now = objects.bytes_of(place.volume["size"])
        found = objects.snapshot(place.title, place.path, taken.entity, name, size or now)
        if taken.apart:
            found = replace(found, id="%s/snapshots/%s" % (place.ai_path, objects.key_of(taken.entity)))
        return replace(found, group=str(place.ai["name"])) if taken.of_instance else found


def noted(notes: Dict[str, str], uuid: str) -> Tuple[Optional[str], Optional[int]]:
    """Name and size (bytes, when it was taken) of a snapshot; None when nothing of the kind is noted."""
    size, space, name = notes.get(facts.NOTE_PREFIX + uuid, "").partition(" ")
    if not space or not name or not size.isdigit():
        return None, None
    return name, int(size)


def _ratio(text: Any) -> Optional[float]:
    try:
        return float(str(text).partition(":")[0])
    except (TypeError, ValueError):
        return None
