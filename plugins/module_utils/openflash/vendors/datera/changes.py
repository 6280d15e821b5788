# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes of a volume's size and properties, offline where the array demands that (sheet, sections 2.2 to 2.4)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, Callable, Dict, List, Mapping as Map, Optional

from ...array import OfflineChanges, VolumeChanges
from ...compare import grown_size
from ...errors import (
    BadReply,
    FlashError,
    Interrupted,
    InUse,
    NotFound,
    Refused,
    Timeout,
    Unreachable,
)
from ...model import OFFLINE, READY, Volume
from ...transport.confirm import ATTEMPTS, AnswerLost
from ...units import GIB, format_size
from . import entities, ledger
from .access import AccessLists
from .capabilities import QOS, shared_with_siblings
from .entities import InstanceVolume
from .names import OFFLINE_MARK
from .refusals import NameTaken, OfflineDemanded, Rejected
from .session import Entity
from .wire import POLICIES, POOLS


class Changes(AccessLists, VolumeChanges, OfflineChanges):
    """What a Datera array does with the size and the properties of a volume."""

    def _volume_of(self, instance_volume: InstanceVolume) -> Volume:
        return entities.volume(instance_volume, self._wire.name)

    def extend_volume(self, volume: Volume, size: int) -> Volume:
        """Two requests; five where the array demands that it is offline and ``offline_changes`` permits that.

        Then polls until the array has finished. An earlier change of the size that is not finished is waited for first.
        """
        with self._doing("extend volume %s to %s" % (volume.name, format_size(size)), volume.name):
            size = grown_size(volume.size, size, GIB)
            if size == volume.size:
                return volume
            # Read again, because the array may make a volume smaller that another run has extended meanwhile.
            instance_volume = self._resized(self._need_volume(volume))
            volume = self._volume_of(instance_volume)
            if grown_size(volume.size, size, GIB) == volume.size:
                return volume
            resizing: List[bool] = []
            self._change(instance_volume, lambda path: resizing.append(self._put_size(path, size)))
            if resizing[-1]:
                self._resized(self._need_volume(volume), size)
            return replace(volume, size=size, state=READY if volume.state != OFFLINE else OFFLINE)

    def _put_size(self, path: str, size: int) -> bool:
        """Set the new absolute size. Returns whether the array has not finished when it answers (2.2)."""
        answer = entities.need(self._wire.update_volume(path, {"size": size // GIB}), "the volume")
        present = answer.get("size")
        return answer.get("op_status") == ledger.RESIZING or present is None or entities.bytes_of(present) < size

    def _change(self, instance_volume: InstanceVolume, change: Callable[[str], None]) -> None:
        """Make a change of a volume that was just read; offline only where the array demands that."""
        if not instance_volume.online:
            change(instance_volume.path)
            if entities.marked_offline(instance_volume.instance) is not None:
                # A run was killed before it could bring the app instance online.
                self._online(instance_volume)
        elif self._demands_offline:
            self._while_offline(instance_volume, change)
        else:
            try:
                change(instance_volume.path)
            except OfflineDemanded as error:
                self._while_offline(instance_volume, change, error)
                self._demands_offline = True

    def _while_offline(
        self,
        instance_volume: InstanceVolume,
        change: Callable[[str], None],
        because: Optional[FlashError] = None,
        harmless: bool = False,
    ) -> None:
        """Take the app instance offline, make the change, bring it online: three requests.

        Meanwhile its description says for the next run that this collection took it offline, and the size that it had.

        :param because: the refusal that demands it.
        :param harmless: no host has access, so ``offline_changes`` is not needed.
        """
        if not self._offline_changes and not harmless:
            raise Refused(
                "the array does this only while the app instance is offline, and hosts would lose it for a moment",
                code=because.code if because else None,
                said=because.said if because else None,
                hint="Set offline_changes: true to permit that.",
            )
        if instance_volume.siblings:
            raise Refused(
                shared_with_siblings(instance_volume.siblings, "going offline, which the array demands for this,")
            )
        if instance_volume.active:
            raise InUse(
                "the array does this only while the app instance is offline, and it has open sessions of %s"
                % ", ".join(instance_volume.active),
                hint="Detach it on the hosts first.",
            )
        if not instance_volume.sessions_known and instance_volume.hosts:
            raise InUse(
                "the array does this only while the app instance is offline, and does not report whether %s have open "
                "sessions" % ", ".join(instance_volume.hosts),
                hint="Unmap it first.",
            )
        body = {"admin_state": "offline", "descr": _marked(instance_volume)}
        try:
            self._go_offline(instance_volume, body, force=not instance_volume.hosts)
        except (Timeout, Unreachable, BadReply, Interrupted):
            # It may be offline already.
            with suppress(FlashError):  # the error that led here says more; the next run brings it online
                self._online(instance_volume)
            raise
        try:
            change(instance_volume.path)
        except (FlashError, Interrupted):
            self._online(instance_volume)
            raise
        self._online(instance_volume)

    def set_volume(self, volume: Volume, options: Map[str, Any]) -> Volume:
        """One request for replicas and placement, or two for both kinds of placement; one or two for limits; one for
        the IP pool (offline if need be); two for the description."""
        with self._doing("change volume %s" % volume.name, volume.name):
            instance_volume = self._need_volume(volume)
            self._require("set_volume", volume, options=options)
            self._apply(instance_volume, options)
            if options.get("ip_pool"):
                pool = {"ip_pool": {"path": POOLS % options["ip_pool"]}}
                self._change(instance_volume, lambda path: self._put_storage(path, pool))
            if options.get("description"):
                self._describe(volume, str(options["description"]))
            return replace(volume, options=dict(volume.options, **options))

    def _describe(self, volume: Volume, description: str) -> None:
        """Set the description. What a run has noted there stays for the one that brings the volume online."""
        instance_volume = self._need_volume(volume)
        noted = str(instance_volume.instance.get("descr") or "").partition(OFFLINE_MARK)
        descr = "%s %s%s" % (description, noted[1], noted[2]) if noted[1] else description
        self._wire.update_instance(instance_volume.instance_path, {"descr": descr})

    def _put_storage(self, path: str, body: Entity) -> None:
        self._wire.update_storage(entities.storage_path_of(path), body)

    def _apply(self, instance_volume: InstanceVolume, options: Map[str, Any]) -> None:
        """Set replicas, placement and limits of an existing volume."""
        properties = properties_of(options)
        if properties:
            self._wire.update_volume(instance_volume.path, properties)
        mode = mode_beside_policy(options)
        if mode is not None:
            self._wire.update_volume(instance_volume.path, {"placement_mode": mode})
        if any(name in options for name in QOS):
            present = instance_volume.entity.get("performance_policy") or {}
            limits = {name: int(present.get(name) or 0) for name in QOS}
            limits.update(limits_of(options))
            self._put_limits(instance_volume.path, limits)

    def _put_limits(self, path: str, limits: Dict[str, int]) -> None:
        """Set the limits. 0 is no limit (2.14), and without any limit there is no policy."""
        if not any(limits.values()):
            self._wire.delete_limits(path)
            return
        for attempt in range(ATTEMPTS):
            try:
                self._wire.update_limits(path, limits)
                return
            except NotFound:
                pass
            try:
                self._wire.create_limits(path, limits)
                return
            except (NameTaken, AnswerLost):
                if attempt == ATTEMPTS - 1:
                    raise

    def bring_online(self, volume: Volume) -> Volume:
        """Two requests: read it, and bring it online with the description that it had."""
        with self._doing("bring volume %s online" % volume.name, volume.name):
            instance_volume = self._need_volume(volume)
            if entities.marked_offline(instance_volume.instance) is not None:
                self._online(instance_volume)
            return self._volume_of(self._available(volume))

    def _take_offline(self, instance_volume: InstanceVolume) -> None:
        """Take the app instance offline that is to be deleted, and that no host has."""
        try:
            self._go_offline(instance_volume, {"admin_state": "offline"}, force=True)
        except NotFound:
            return

    def _go_offline(self, instance_volume: InstanceVolume, body: Entity, force: bool) -> None:
        """Take the app instance offline, which was just read to have no sessions.

        :param force: no host has access, so no session can begin. Where the array refuses, force is sent too.
        """
        try:
            self._wire.update_instance(instance_volume.instance_path, body)
        except Rejected:
            if not force or instance_volume.active:
                raise
            self._wire.update_instance(instance_volume.instance_path, dict(body, force=True))


def _marked(instance_volume: InstanceVolume) -> str:
    """The description while it is offline: the present one, and the size of the volume."""
    mark = "%s%d" % (OFFLINE_MARK, entities.bytes_of(instance_volume.entity["size"]) // GIB)
    descr = str(instance_volume.instance.get("descr") or "")
    return ("%s %s" % (descr[: ledger.LABEL_LONGEST - len(mark) - 1], mark)).strip()


def properties_of(options: Map[str, Any]) -> Entity:
    """The requested replicas and placement, as the array takes them."""
    found: Entity = {}
    for name in ("replica_count", "placement_mode"):
        if options.get(name) is not None:
            found[name] = options[name]
    if options.get("placement_policy"):
        found["placement_policy"] = {"path": POLICIES % options["placement_policy"]}
    return found


def mode_beside_policy(options: Map[str, Any]) -> Optional[str]:
    """The placement mode, where a policy is requested too. The mode of the policy is assumed to win (2.4)."""
    return options.get("placement_mode") if options.get("placement_policy") else None


def limits_of(options: Map[str, Any]) -> Dict[str, int]:
    """The requested limits of quality of service."""
    return {name: int(options[name]) for name in QOS if options.get(name) is not None}
