# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes of a volume that is there: its size and its properties, offline where the array demands that (2.2 to 2.4)."""

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
from ...model import COPYING, OFFLINE, READY, Volume
from ...transport.confirm import ATTEMPTS, AnswerLost
from ...units import GIB, format_size
from . import facts, objects
from .objects import Place
from .reading import Reading
from .refusals import OfflineDemanded, Taken
from .wire import Entity


class Changes(Reading, VolumeChanges, OfflineChanges):
    """What a Datera array does with the size and the properties of a volume."""

    def _volume_of(self, place: Place) -> Volume:
        return objects.volume(place, self._edf.name)

    def extend_volume(self, volume: Volume, size: int) -> Volume:
        """One request; where the array demands that it is offline, and offline_changes permits it, four.

        Then as many polls as the array needs to finish it. A change of the size that is not finished yet is waited for
        first.
        """
        with self._doing("extend volume %s to %s" % (volume.name, format_size(size)), volume.name):
            size = grown_size(volume.size, size, GIB)
            if size == volume.size:
                return volume
            if volume.state == COPYING:
                volume = self._volume_of(self._sized(self._need_place(volume)))
                grown_size(volume.size, size, GIB)
            resizing: List[bool] = []
            self._change(volume, lambda path: resizing.append(self._put_size(path, size)))
            if resizing[-1]:
                self._sized(self._need_place(volume))
            return replace(volume, size=size, state=READY if volume.state != OFFLINE else OFFLINE)

    def _put_size(self, path: str, size: int) -> bool:
        """Set the new absolute size; whether the array is still at it when it answers (2.2)."""
        answer = self._edf.put(path, {"size": size // GIB})
        return isinstance(answer, dict) and answer.get("op_status") == facts.RESIZING

    def _change(self, volume: Volume, change: Callable[[str], None]) -> None:
        """Change it as it is; offline only where the array demands that."""
        place = self._need_place(volume) if self._demands_offline or volume.state == OFFLINE else None
        if place is not None and objects.marked_offline(place.ai) is not None:
            # A run was killed before it could put the app instance online again.
            change(place.path)
            self._online(place)
        elif place is not None and place.online:
            self._while_offline(place, change)
        elif place is not None:
            change(place.path)
        else:
            try:
                change(volume.id)
            except OfflineDemanded as error:
                place = self._need_place(volume)
                if not place.online:
                    raise
                self._while_offline(place, change, error)
                self._demands_offline = True

    def _while_offline(
        self,
        place: Place,
        change: Callable[[str], None],
        because: Optional[FlashError] = None,
        harmless: bool = False,
    ) -> None:
        """Take the app instance offline, change, put it online: three requests.

        What its description says meanwhile tells the next run that it was us, and how large the volume was.

        :param harmless: nobody has access, so no permission is needed.
        """
        if not self._offline_changes and not harmless:
            raise Refused(
                "the array does this only while the app instance is offline, and hosts would lose it for a moment",
                code=because.code if because else None,
                said=because.said if because else None,
                hint="Set offline_changes: true to permit that.",
            )
        if place.siblings:
            raise Refused(facts.shared_life(place.siblings, "going offline, which the array demands for this,"))
        if place.active:
            raise InUse(
                "the array does this only while the app instance is offline, and it has open sessions of %s"
                % ", ".join(place.active),
                hint="Detach it on the hosts first.",
            )
        if not place.sessions_known and place.hosts:
            raise InUse(
                "the array does this only while the app instance is offline, and does not report whether %s have open "
                "sessions" % ", ".join(place.hosts),
                hint="Unmap it first.",
            )
        try:
            self._edf.put(place.ai_path, {"admin_state": "offline", "descr": _marked(place)})
        except (Timeout, Unreachable, BadReply, Interrupted):
            # It may be offline by now.
            with suppress(FlashError):  # the error that led here says more; the next run brings it online
                self._online(place)
            raise
        try:
            change(place.path)
        except (FlashError, Interrupted):
            self._online(place)
            raise
        self._online(place)

    def set_volume(self, volume: Volume, options: Map[str, Any]) -> Volume:
        """One request for replicas and placement, one or two for limits, one for the IP pool (offline if need be)."""
        with self._doing("change volume %s" % volume.name, volume.name):
            place = self._need_place(volume)
            self._require("set_volume", volume, options=options)
            self._apply(place, options)
            if options.get("ip_pool"):
                pool = {"ip_pool": {"path": "/access_network_ip_pools/%s" % options["ip_pool"]}}
                self._change(volume, lambda path: self._put_storage(path, pool))
            return replace(volume, options=dict(volume.options, **options))

    def _put_storage(self, path: str, body: Entity) -> None:
        self._edf.put(path.rsplit("/volumes/", 1)[0], body)

    def _apply(self, place: Place, options: Map[str, Any]) -> None:
        """Replicas, placement and limits of a volume that is there."""
        properties = properties_of(options)
        if properties:
            self._edf.put(place.path, properties)
        if any(name in options for name in facts.QOS):
            present = place.volume.get("performance_policy") or {}
            limits = {name: int(present.get(name) or 0) for name in facts.QOS}
            limits.update(limits_of(options))
            self._put_limits(place.path + "/performance_policy", limits)

    def _put_limits(self, path: str, limits: Dict[str, int]) -> None:
        """0 is no limit (2.14), and no limit at all is no policy."""
        if not any(limits.values()):
            self._edf.delete(path)
            return
        for attempt in range(ATTEMPTS):
            try:
                self._edf.put(path, limits)
                return
            except NotFound:
                pass
            try:
                self._edf.post(path, limits)
                return
            except (Taken, AnswerLost):
                if attempt == ATTEMPTS - 1:
                    raise

    def bring_online(self, volume: Volume) -> Volume:
        """Two requests: what it is now, and online with the description that it had."""
        with self._doing("bring volume %s online" % volume.name, volume.name):
            place = self._need_place(volume)
            if objects.marked_offline(place.ai) is not None:
                self._online(place)
            return self._volume_of(self._available(volume))

    def _take_offline(self, place: Place) -> None:
        """For good: it is to be deleted."""
        try:
            self._edf.put(place.ai_path, {"admin_state": "offline"})
        except NotFound:
            return


def _marked(place: Place) -> str:
    """The description while it is offline: what it was, and how large the volume is."""
    mark = "%s%d" % (facts.OFFLINE_MARK, objects.bytes_of(place.volume["size"]) // GIB)
    descr = str(place.ai.get("descr") or "")
    return ("%s %s" % (descr[: facts.LABEL_LONGEST - len(mark) - 1], mark)).strip()


def properties_of(options: Map[str, Any]) -> Entity:
    """What a request says of replicas and placement."""
    found: Entity = {}
    for name in ("replica_count", "placement_mode"):
        if options.get(name) is not None:
            found[name] = options[name]
    if options.get("placement_policy"):
        found["placement_policy"] = {"path": "/placement_policies/%s" % options["placement_policy"]}
    return found


def limits_of(options: Map[str, Any]) -> Dict[str, int]:
    """The limits of quality of service that are requested."""
    return {name: int(options[name]) for name in facts.QOS if options.get(name) is not None}
