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
from . import entities, ledger
from .capabilities import shared_with_siblings
from .changes import Changes, limits_of, mode_beside_policy, properties_of
from .entities import InstanceVolume
from .names import parse_unfinished, request_digest, unfinished_descr, unfinished_name
from .refusals import NameTaken, OfflineDemanded
from .session import Entity
from .wire import POOLS, TEMPLATES


class Volumes(Changes):
    """What a Datera array does with volumes."""

    # -- create ------------------------------------------------------------------------------------------------------

    def create_volume(self, spec: VolumeSpec) -> Volume:
        """One request: app instance, storage instance and volume, with all requested properties.

        One more for a placement mode that is not that of the requested placement policy.
        """
        with self._doing("create volume %s" % spec.name, spec.name):
            self._in_this_pool(spec)
            options = dict(spec.options)
            size = new_size(spec.size, GIB)
            options.pop("uuid", None)
            if options.get("template"):
                return self._from_template(spec.name, str(options.pop("template")), size, options)
            volume: Entity = {"name": ledger.VOLUME, "size": size // GIB}
            volume.update(properties_of(options))
            limits = limits_of(options)
            if any(limits.values()):
                volume["performance_policy"] = limits
            storage: Entity = {"name": ledger.STORAGE, "volumes": [volume]}
            if options.get("ip_pool"):
                storage["ip_pool"] = {"path": POOLS % options["ip_pool"]}
            body = {"name": spec.name, "access_control_mode": "deny_all", "storage_instances": [storage]}
            if options.get("description"):
                body["descr"] = options["description"]
            body.update(_for_openstack(spec))
            made = self._create(body, lambda instance_volume: self._same(instance_volume, size))
            volume_made = self._volume_of(made)
            mode = mode_beside_policy(options)
            if mode is None:
                return volume_made
            if made.entity.get("placement_mode") != mode:
                self._wire.update_volume(made.path, {"placement_mode": mode})
            return replace(volume_made, options=dict(volume_made.options, placement_mode=mode))

    def _in_this_pool(self, spec: VolumeSpec) -> None:
        if spec.pool and spec.pool != self._wire.name:
            raise Invalid(
                "there is no pool %s" % spec.pool,
                hint="The array is one pool, here %s; leave pool out. An IP pool is named in array_options."
                % self._wire.name,
            )

    def _same(self, instance_volume: InstanceVolume, size: int) -> None:
        check_size(instance_volume.title, entities.bytes_of(instance_volume.entity["size"]), size)

    def _create(self, body: Entity, same: Callable[[InstanceVolume], None]) -> InstanceVolume:
        """Create the app instance; or take the existing one, unless ``same`` raises Conflict for it."""
        name = str(body["name"])

        def read() -> Optional[InstanceVolume]:
            existing = self._instance(name)
            if existing is None:
                return None
            instance_volume = self._only(existing)
            same(instance_volume)
            return instance_volume

        return confirm(lambda: self._only(entities.need(self._wire.create_instance(body), name)), read, (NameTaken,))

    @staticmethod
    def _only(instance: Entity) -> InstanceVolume:
        found = entities.volumes_of(instance)
        if len(found) != 1:
            raise Conflict(
                "app instance %s is there already, with %d volumes" % (instance.get("name"), len(found)),
                hint="Choose another name.",
            )
        return found[0]

    def _from_template(self, name: str, template: str, size: int, options: Dict[str, Any]) -> Volume:
        """Four requests: under a temporary name, because its access list has to be read first; one more where the array
        does not take the size of a template (2.12)."""
        found = self._wire.template(template)
        if found is None:
            raise NotFound("there is no app template %s" % template, hint="Check array_options.template.")
        storages = found.get("storage_templates") or []
        volumes = [(storage, volume) for storage in storages for volume in storage.get("volume_templates") or []]
        if len(volumes) != 1:
            raise Invalid("app template %s makes %d volumes, not one" % (template, len(volumes)))
        template_size = int(volumes[0][1].get("size") or 0) * GIB
        body: Entity = {"name": name, "app_template": {"path": TEMPLATES % template}}
        remaining = {option: value for option, value in options.items() if value is not None}
        if template_size != size and self._wire.policies:
            override = {"volumes": {volumes[0][1]["name"]: {"size": str(size // GIB)}}}
            body["template_override"] = {"storage_instances": {volumes[0][0]["name"]: override}}
            template_size = size
        if template_size > size:
            raise Invalid(
                "app template %s makes volumes of %s, which is more than %s"
                % (template, format_size(template_size), format_size(size))
            )
        existing = self._instance(name)
        if existing is not None:
            instance_volume = self._only(existing)
            self._same(instance_volume, size)
            return self._volume_of(instance_volume)
        return self._finished(body, name, size, remaining)

    # -- copies ------------------------------------------------------------------------------------------------------

    def clone_volume(self, source: Volume, spec: VolumeSpec) -> Volume:
        """Two requests, and polls: it has a temporary name until it is complete, and no host has access."""
        with self._doing("clone volume %s to %s" % (source.name, spec.name), spec.name):
            made = self._copy({"clone_volume_src": {"path": source.id}}, source.id, source.size, spec)
            return replace(made, source=source.name)

    def volume_from_snapshot(self, snapshot: Snapshot, spec: VolumeSpec) -> Volume:
        """Two requests, and polls, as in clone_volume."""
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
        existing = self._instance(spec.name)
        if existing is not None:
            instance_volume = self._only(existing)
            self._same(instance_volume, size)
            return self._volume_of(instance_volume)

        return self._finished(dict(body, name=spec.name, **_for_openstack(spec)), spec.name, size, options)

    def _finished(self, body: Entity, name: str, size: int, options: Map[str, Any]) -> Volume:
        """Make the volume under a temporary name, give it the requested size and options, then its final name.

        The next run after a killed one finds the unfinished copy by the temporary name, and removes it. It resumes the
        copy only where unfinished.py permits that, and the array copied longer than the killed run waited.
        """
        temporary = unfinished_name(name)
        request = request_digest(json.dumps([body, size, dict(options)], sort_keys=True, default=str))
        with unfinished.begin() as stamp:
            instance_volume, earlier = self._begin(dict(body, name=temporary), request, stamp)
            try:
                instance_volume = self._finished_copy(instance_volume.instance_path, name)
            except Timeout:
                with suppress(FlashError):
                    # So that the next run knows that the array was copying, even when it has finished by then.
                    descr = unfinished_descr(request, earlier or stamp, left_copying=True)
                    self._wire.update_instance(instance_volume.instance_path, {"descr": descr})
                raise
            if entities.bytes_of(instance_volume.entity["size"]) < size and self._grow_copy(instance_volume, size):
                instance_volume = self._resized(self._only(self._need_instance(instance_volume)), size)
            self._close(instance_volume)
            self._apply(instance_volume, options)
            final: Entity = {"name": name, "descr": options.get("description") or None}
            if not instance_volume.online:
                final["admin_state"] = "online"
            try:
                instance = entities.need(self._wire.update_instance(instance_volume.instance_path, final), name)
            except NameTaken as error:
                # Another client has made a volume of that name meanwhile, so no run would finish this copy.
                self._take_offline(instance_volume)
                self._wire.delete_instance(instance_volume.instance_path)
                raise Conflict("there is a volume %s by now" % name, code=error.code, said=error.said) from None
            made = self._volume_of(self._only(instance))
            return replace(made, resumed=earlier.since if earlier is not None else None)

    def _need_instance(self, instance_volume: InstanceVolume) -> Entity:
        return entities.need(self._wire.instance(instance_volume.instance_path), instance_volume.title)

    def _close(self, instance_volume: InstanceVolume) -> None:
        """Let no host use a new copy: the array may have opened it, or given it the access list of its source."""
        if instance_volume.open_to_all:
            self._wire.update_storage(instance_volume.storage_path, {"access_control_mode": ledger.CLOSED})
        for path in instance_volume.access_list:
            self._remove_entry(instance_volume.storage_path, path)

    def _begin(
        self, body: Entity, request: str, stamp: unfinished.Stamp
    ) -> Tuple[InstanceVolume, Optional[unfinished.Stamp]]:
        """Create the app instance of a copy; or that of an earlier run, with the stamp of that run, to resume."""
        descr = unfinished_descr(request, stamp)
        found: List[InstanceVolume] = []

        def check(instance_volume: InstanceVolume) -> None:
            # This run's own, after a lost answer, has this description; any other one is of an earlier run.
            if str(instance_volume.instance.get("descr") or "") != descr:
                found.append(instance_volume)

        for _attempt in range(ATTEMPTS):
            instance_volume = self._create(dict(body, descr=descr), check)
            if not found:
                return instance_volume, None
            earlier = self._earlier(found.pop(), request)
            if earlier is not None:
                return instance_volume, earlier
        raise Busy("another run is making the same copy", hint="Run it again later.")

    def _earlier(self, instance_volume: InstanceVolume, request: str) -> Optional[unfinished.Stamp]:
        """The stamp of the run that began this unfinished copy, if it is resumed; None when it was removed."""
        description = parse_unfinished(str(instance_volume.instance.get("descr") or ""))
        entries = instance_volume.access_list
        used = entries or instance_volume.active or self._candidates(instance_volume, None, {instance_volume.title})
        if description is None or used:
            raise Conflict(
                "app instance %s has the name of the unfinished copy, and is none or is in use" % instance_volume.title,
                hint="Check it on the array: this collection uses names such as that for unfinished copies only.",
                assumption=ledger.CLONE_ACCESS.id if description is not None and entries else None,
            )
        resume = unfinished.may_resume(
            description.stamp, self._wait, "app instance %s" % instance_volume.title, description.request == request
        )
        cloning = instance_volume.instance.get("op_state") == ledger.CLONING
        if resume and (cloning or description.left_copying):
            return description.stamp
        if cloning:
            raise Busy(
                "the array still copies into app instance %s, which an earlier run began %d s ago"
                % (instance_volume.title, description.stamp.age()),
                hint="Run the task again when that copy has ended: it is then removed and made again.",
            )
        self._take_offline(instance_volume)
        self._wire.delete_instance(instance_volume.instance_path)
        return None

    def _grow_copy(self, instance_volume: InstanceVolume, size: int) -> bool:
        """Extend a copy, which no host has, so it may be offline for a moment without ``offline_changes``.

        Returns whether the array has not finished the change.
        """
        resizing: List[bool] = []

        def grow(path: str) -> None:
            resizing.append(self._put_size(path, size))

        try:
            grow(instance_volume.path)
        except OfflineDemanded as error:
            if not instance_volume.online:
                raise
            self._while_offline(instance_volume, grow, error, harmless=True)
        return resizing[-1]

    def _finished_copy(self, instance_path: str, name: str) -> InstanceVolume:
        """The copy, when the array has finished it. Raises Timeout when it takes longer; the array goes on.

        :param name: that the copy gets.
        """

        seen_until = Deadline(ledger.SEEN_WITHIN)

        def ready() -> Optional[InstanceVolume]:
            report(None)  # the array does not say how much it has copied
            instance = self._wire.instance(instance_path)
            if instance is None:
                if seen_until.expired():
                    raise NotFound("the copy was removed meanwhile")
                return None
            return None if instance.get("op_state") == ledger.CLONING else self._only(instance)

        hint = "The array goes on by itself: run the task again to wait for it."
        with self.reports.copy(name) as report:
            return Deadline(self._wait, first=0.05, longest=5.0).poll(ready, "the end of the copy", hint)

    # -- rename and delete -------------------------------------------------------------------------------------------

    def rename_volume(self, volume: Volume, name: str) -> Volume:
        """Two requests: read it, and change the name of the app instance. Its id stays, and the UUIDs of snapshots."""
        with self._doing("rename volume %s to %s" % (volume.name, name), volume.name):
            if volume.siblings:
                raise self.unsupported("rename_volume", "", volume)
            instance_path = self._need_volume(volume).instance_path
            try:
                instance = entities.need(self._wire.update_instance(instance_path, {"name": name}), name)
            except NameTaken as error:
                existing = self._instance(name)
                if existing is not None and "/app_instances/%s" % existing.get("id") == instance_path:
                    return replace(volume, name=name)
                raise Conflict("there is a volume %s already" % name, code=error.code, said=error.said) from None
            return replace(volume, name=self._only(instance).title)

    def delete_volume(self, volume: Volume) -> None:
        """Three requests: read it, take it offline, delete it; without the array's force (2.13).

        A volume of several in an app instance is deleted alone, and only when the app instance is offline already.
        """
        with self._doing("delete volume %s" % volume.name, volume.name):
            instance_volume = self._read_volume(volume.id) if volume.id else None
            if instance_volume is None:
                return
            if instance_volume.title != volume.name and not volume.siblings:
                raise Conflict("it was renamed to %s" % instance_volume.title, hint="Read it again.")
            if instance_volume.access_list:
                raise mapped_to(entities.host_of(path) for path in instance_volume.access_list)
            if instance_volume.open_to_all:
                raise InUse("every initiator may use it", hint="Unmap it from host %s first." % EVERY_HOST)
            if instance_volume.active:
                raise InUse(
                    "%s have open sessions" % ", ".join(instance_volume.active), hint="Detach it on the hosts first."
                )
            if self._candidates(instance_volume, None, {instance_volume.title}):
                raise InUse("it has snapshots, which would be deleted with it", hint="Delete them first.")
            if instance_volume.siblings:
                if instance_volume.online:
                    raise Refused(
                        shared_with_siblings(instance_volume.siblings, "going offline, which deleting needs,")
                    )
                self._wire.delete_volume(instance_volume.path)
                return
            if instance_volume.online:
                self._take_offline(instance_volume)
            self._wire.delete_instance(instance_volume.instance_path)


def _for_openstack(spec: VolumeSpec) -> Entity:
    """The app instance as every OpenStack client of the array makes it: with OpenStack's UUID (2.1)."""
    uuid = spec.options.get("uuid")
    return {"create_mode": "openstack", "uuid": uuid} if uuid else {}
