# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes: create, clone, rename, delete (sheet, sections 2.1, 2.5, 2.12 and 2.13). Changes are in changes.py."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any, Callable, Dict, List, Mapping as Map, Optional, Tuple

from ... import unfinished
from ...compare import check_size, copy_size, mapped_to, new_size
from ...errors import (
    Busy,
    Conflict,
    FlashError,
    InUse,
    Invalid,
    NotFound,
    Refused,
    Timeout,
)
from ...model import EVERY_HOST, Snapshot, Volume, VolumeSpec
from ...transport.confirm import ATTEMPTS, confirm
from ...transport.deadline import Deadline
from ...units import GIB, format_size
from . import facts, objects
from .changes import Changes, limits_of, properties_of
from .objects import Place
from .refusals import OfflineDemanded, Taken
from .wire import Entity, key


class Volumes(Changes):
    """What a Datera array does with volumes."""

    # -- create ------------------------------------------------------------------------------------------------------

    def create_volume(self, spec: VolumeSpec) -> Volume:
        """One request: app instance, storage instance and volume, with everything that was asked for."""
        with self._doing("create volume %s" % spec.name, spec.name):
            self._in_this_pool(spec)
            options = dict(spec.options)
            size = new_size(spec.size, GIB)
            options.pop("uuid", None)
            if options.get("template"):
                return self._from_template(spec.name, str(options.pop("template")), size, options)
            volume: Entity = {"name": facts.VOLUME, "size": size // GIB}
            volume.update(properties_of(options))
            limits = limits_of(options)
            if any(limits.values()):
                volume["performance_policy"] = limits
            storage: Entity = {"name": facts.STORAGE, "volumes": [volume]}
            if options.get("ip_pool"):
                storage["ip_pool"] = {"path": "/access_network_ip_pools/%s" % options["ip_pool"]}
            body = {"name": spec.name, "access_control_mode": "deny_all", "storage_instances": [storage]}
            body.update(_for_openstack(spec))
            return self._volume_of(self._create(body, lambda place: self._same(place, size)))

    def _in_this_pool(self, spec: VolumeSpec) -> None:
        if spec.pool and spec.pool != self._edf.name:
            raise Invalid(
                "there is no pool %s" % spec.pool,
                hint="The array is one pool, here %s; leave pool out. An IP pool is named in array_options."
                % self._edf.name,
            )

    def _same(self, place: Place, size: int) -> None:
        check_size(place.title, objects.bytes_of(place.volume["size"]), size)

    def _create(self, body: Entity, same: Callable[[Place], None]) -> Place:
        """POST it, or find it there already, provided that ``same`` does not object."""
        name = str(body["name"])

        def look() -> Optional[Place]:
            there = self._instance(name)
            if there is None:
                return None
            place = self._only(there)
            same(place)
            return place

        return confirm(lambda: self._only(objects.need(self._edf.post("/app_instances", body), name)), look, (Taken,))

    @staticmethod
    def _only(ai: Entity) -> Place:
        found = objects.places(ai)
        if len(found) != 1:
            raise Conflict(
                "app instance %s is there already, with %d volumes" % (ai.get("name"), len(found)),
                hint="Choose another name.",
            )
        return found[0]

    def _need(self, place: Place) -> Place:
        """The same volume, as it is now: one request."""
        now = self._place(place.path)
        if now is None:
            raise NotFound("volume %s is gone" % place.title, target=place.title)
        return now

    def _from_template(self, name: str, template: str, size: int, options: Dict[str, Any]) -> Volume:
        """A read and the POST; where the array cannot take the size with it, three more under another name (2.12)."""
        given = self._edf.get("/app_templates/%s" % key(template))
        if given is None:
            raise NotFound("there is no app template %s" % template, hint="Check array_options.template.")
        storages = given.get("storage_templates") or []
        volumes = [(one, volume) for one in storages for volume in one.get("volume_templates") or []]
        if len(volumes) != 1:
            raise Invalid("app template %s makes %d volumes, not one" % (template, len(volumes)))
        own = int(volumes[0][1].get("size") or 0) * GIB
        body: Entity = {"name": name, "app_template": {"path": "/app_templates/%s" % template}}
        rest = {option: value for option, value in options.items() if value is not None}
        if own != size and self._edf.policies:
            override = {"volumes": {volumes[0][1]["name"]: {"size": str(size // GIB)}}}
            body["template_override"] = {"storage_instances": {volumes[0][0]["name"]: override}}
            own = size
        if own > size:
            raise Invalid(
                "app template %s makes volumes of %s, which is more than %s"
                % (template, format_size(own), format_size(size))
            )
        if own == size and not rest:
            return self._volume_of(self._create(body, lambda place: self._same(place, size)))
        there = self._instance(name)
        if there is not None:
            place = self._only(there)
            self._same(place, size)
            return self._volume_of(place)
        return self._finished(body, name, size, rest)

    # -- copies ------------------------------------------------------------------------------------------------------

    def clone_volume(self, source: Volume, spec: VolumeSpec) -> Volume:
        """One request, and as many polls as the array needs; with another size or options it first has another name."""
        with self._doing("clone volume %s to %s" % (source.name, spec.name), spec.name):
            made = self._copy({"clone_volume_src": {"path": source.id}}, source.id, source.size, spec)
            return replace(made, source=source.name)

    def volume_from_snapshot(self, snapshot: Snapshot, spec: VolumeSpec) -> Volume:
        """Like clone_volume."""
        with self._doing("make volume %s from snapshot %s" % (spec.name, snapshot.name), spec.name):
            made = self._copy({"clone_snapshot_src": {"path": snapshot.id}}, snapshot.id, snapshot.size, spec)
            return replace(made, source=snapshot.volume)

    def _copy(self, body: Entity, source: str, source_size: int, spec: VolumeSpec) -> Volume:
        self._in_this_pool(spec)
        size = copy_size(spec.size, source_size, GIB)
        options = {name: value for name, value in spec.options.items() if value is not None and name != "uuid"}
        for name in ("template", "ip_pool"):
            if options.get(name):
                raise Invalid("a copy has the %s of its source" % name.replace("_", " "), hint="Leave %s out." % name)
        there = self._instance(spec.name)
        if there is not None:
            place = self._only(there)
            self._same(place, size)
            return self._volume_of(place)

        def ours(ai: Entity) -> bool:
            clone = ai.get("clone_src")
            return clone is None or objects.path_of(clone) == source

        body = dict(body, name=spec.name, **_for_openstack(spec))
        if size == source_size and not options:
            place = self._create(body, lambda found: self._same_copy(found, size, ours))
            return self._volume_of(self._settled(place.ai_path))
        return self._finished(body, spec.name, size, options)

    def _same_copy(self, place: Place, size: int, ours: Callable[[Entity], bool]) -> None:
        self._same(place, size)
        if not ours(place.ai):
            raise Conflict("volume %s is there already, made of something else" % place.title)

    def _finished(self, body: Entity, name: str, size: int, options: Map[str, Any]) -> Volume:
        """Make it under a name of ours, bring it to what was asked for, then give it its name.

        A run that is killed on the way leaves it under that name. The next run finds it there, and removes it; it goes
        on with it only where unfinished.py permits that, and the array was copying for a while.
        """
        temporary = facts.unfinished_name(name)
        request = facts.request_digest(json.dumps([body, size, dict(options)], sort_keys=True, default=str))
        with unfinished.begin() as stamp:
            place, earlier = self._begin(dict(body, name=temporary), request, stamp)
            try:
                place = self._settled(place.ai_path)
            except Timeout:
                with suppress(FlashError):
                    # So that the next run knows that this copy took long, although it has ended by then.
                    descr = facts.unfinished_descr(request, earlier or stamp, left_copying=True)
                    self._edf.put(place.ai_path, {"descr": descr})
                raise
            if objects.bytes_of(place.volume["size"]) < size:
                self._grow_copy(place, size)
            self._apply(place, options)
            last: Entity = {"name": name, "descr": None}
            if not place.online:
                last["admin_state"] = "online"
            try:
                ai = objects.need(self._edf.put(place.ai_path, last), name)
            except Taken as error:
                # Another client was faster, so nobody would ever finish this one.
                self._take_offline(place)
                self._edf.delete(place.ai_path)
                raise Conflict("there is a volume %s by now" % name, code=error.code, said=error.said) from None
            made = self._volume_of(self._only(ai))
            return replace(made, resumed=earlier.since if earlier is not None else None)

    def _begin(self, body: Entity, request: str, stamp: unfinished.Stamp) -> Tuple[Place, Optional[unfinished.Stamp]]:
        """Create the temporary app instance; or one of an earlier run that is resumed, and the stamp of that run."""
        descr = facts.unfinished_descr(request, stamp)
        found: List[Place] = []

        def check(place: Place) -> None:
            # Its own, after a lost answer; anything else is of an earlier run.
            if str(place.ai.get("descr") or "") != descr:
                found.append(place)

        for _attempt in range(ATTEMPTS):
            place = self._create(dict(body, descr=descr), check)
            if not found:
                return place, None
            earlier = self._earlier(found.pop(), request)
            if earlier is not None:
                return place, earlier
        raise Busy("another run is making the same copy", hint="Run it again later.")

    def _earlier(self, place: Place, request: str) -> Optional[unfinished.Stamp]:
        """The stamp of the run that has left this app instance, if it is resumed; None once it is removed."""
        said = facts.parse_unfinished(str(place.ai.get("descr") or ""))
        used = place.hosts or place.active or place.volume.get("snapshots") or place.instance_snapshots
        if said is None or used:
            raise Conflict(
                "app instance %s is in the way: it is not what an earlier run has left unfinished, or somebody uses it"
                % place.title,
                hint="Look at it on the array: this collection makes volumes of that name only for a moment.",
            )
        resume = unfinished.may_resume(said.stamp, self._wait, "app instance %s" % place.title, said.request == request)
        cloning = place.ai.get("op_state") == facts.CLONING
        if resume and (cloning or said.left_copying):
            return said.stamp
        if cloning:
            raise Busy(
                "the array still copies into app instance %s, which an earlier run began %d s ago"
                % (place.title, said.stamp.age()),
                hint="Run the task again when that copy has ended: it is then removed and made again.",
            )
        self._take_offline(place)
        self._edf.delete(place.ai_path)
        return None

    def _grow_copy(self, place: Place, size: int) -> bool:
        """Nobody has it yet, so it may be offline for a moment without anybody's permission.

        Returns whether the array is still at it.
        """
        resizing: List[bool] = []

        def grow(path: str) -> None:
            resizing.append(self._put_size(path, size))

        try:
            grow(place.path)
        except OfflineDemanded as error:
            if not place.online:
                raise
            self._while_offline(place, grow, error, harmless=True)
        return resizing[-1]

    def _settled(self, ai_path: str) -> Place:
        """Once the array has finished cloning; a copy that takes longer is left alone and reported."""

        def ready() -> Optional[Place]:
            ai = self._edf.get(ai_path)
            if ai is None:
                raise NotFound("the copy is gone again")
            return None if ai.get("op_state") == facts.CLONING else self._only(ai)

        hint = "The array goes on by itself: run the task again to wait for it."
        return Deadline(self._wait, first=0.05, longest=5.0).poll(ready, "the end of the copy", hint)

    # -- rename and delete -------------------------------------------------------------------------------------------

    def rename_volume(self, volume: Volume, name: str) -> Volume:
        """One request: the app instance's name. Its id, and with it its snapshots' identities, stay."""
        with self._doing("rename volume %s to %s" % (volume.name, name), volume.name):
            if volume.siblings:
                raise self.unsupported("rename_volume", "", volume)
            ai_path = volume.id.split("/storage_instances/")[0]
            try:
                ai = objects.need(self._edf.put(ai_path, {"name": name}), name)
            except Taken as error:
                there = self._instance(name)
                if there is not None and "/app_instances/%s" % there.get("id") == ai_path:
                    return replace(volume, name=name)
                raise Conflict("there is a volume %s already" % name, code=error.code, said=error.said) from None
            return replace(volume, name=self._only(ai).title)

    def delete_volume(self, volume: Volume) -> None:
        """Three requests: what it is now, offline, delete; without the array's force (2.13).

        One of several volumes of an app instance is deleted by itself, and only when all of it is offline anyway.
        """
        with self._doing("delete volume %s" % volume.name, volume.name):
            place = self._place(volume.id) if volume.id else None
            if place is None:
                return
            if place.title != volume.name and not volume.siblings:
                raise Conflict("it is called %s now" % place.title, hint="Read it again.")
            if place.listed:
                raise mapped_to(objects.host_of(path) for path in place.listed)
            if place.open_to_all:
                raise InUse("every initiator may use it", hint="Unmap it from host %s first." % EVERY_HOST)
            if place.active:
                raise InUse("%s have it open" % ", ".join(place.active), hint="Detach it on the hosts first.")
            if self._candidates(place, None, {place.title}):
                raise InUse("it has snapshots, which would go with it", hint="Delete them first.")
            if place.siblings:
                if place.online:
                    raise Refused(facts.shared_life(place.siblings, "going offline, which deleting needs,"))
                self._edf.delete(place.path)
                return
            if place.online:
                self._take_offline(place)
            self._edf.delete(place.ai_path)


def _for_openstack(spec: VolumeSpec) -> Entity:
    """How every OpenStack client of the array makes an app instance: with the UUID that OpenStack knows it by (2.1)."""
    uuid = spec.options.get("uuid")
    return {"create_mode": "openstack", "uuid": uuid} if uuid else {}
