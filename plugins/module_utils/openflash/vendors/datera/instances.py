# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""App instances one by one, with their metadata and snapshots (sheet, sections 2.2, 2.5 and 2.10)."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

from ... import client
from ...array import Array
from ...errors import Conflict, Invalid, NotFound
from ...model import Volume
from ...transport.deadline import Deadline
from ...units import whole_number
from . import entities, ledger
from .capabilities import capabilities, may_be_named
from .entities import InstanceVolume
from .names import is_uuid, snapshot_uuid
from .refusals import Rejected
from .session import Entity
from .wire import EdfOperations

# Up to so many app instances are read by name, one request each; of more the complete list is read.
FEW = 4


class Instances(Array):
    """What the other parts of a Datera array read of one app instance."""

    def __init__(self, wire: EdfOperations, offline_changes: bool, wait: float) -> None:
        self._wire = wire
        self._offline_changes = offline_changes
        self._wait = wait
        # Set when the array demands it, so that a task sends only one request in vain.
        self._demands_offline = False
        self.capabilities = capabilities(wire.policies)
        self.label = wire.name or wire.http.address

    def _instances(self, titles: Optional[Sequence[str]] = None) -> List[Entity]:
        """The app instances, or those of these volumes: one request, or one for each of a few."""
        if titles is None:
            return [instance for instance in self._wire.instances() if self._own(instance)]
        names = list(dict.fromkeys(title.split("/")[0] for title in titles))
        if len(names) > FEW:
            requested = set(names)
            return [instance for instance in self._instances() if entities.may_have_name(instance, requested)]
        return [instance for instance in self._wire.side_by_side(self._instance, names) if instance is not None]

    def _own(self, entity: Entity) -> bool:
        """Whether it is of this tenant, and not of one above or below (2.6). True where the array does not say whose it
        is, as 2.1 does with groups."""
        return entity.get("tenant") in (None, "", self._wire.tenant)

    def _instance(self, name: str) -> Optional[Entity]:
        """The app instance of exactly this name. A GET takes names and ids, and a name may be the id of another one."""
        if not may_be_named(name):
            return None
        found = self._wire.instance_called(name)
        if found is not None:
            instance = entities.need(found, name)
            if entities.may_have_name(instance, (name,)) and self._own(instance):
                return instance
        if found is None and not is_uuid(name):
            return None
        try:
            listed = self._wire.instances("name=%s" % name)
        except (Rejected, Invalid):
            listed = self._wire.instances()
        return next((one for one in listed if one.get("name") == name and self._own(one)), None)

    def _read_volume(self, path: str) -> Optional[InstanceVolume]:
        """The volume with this path, as the array has it now; None when it does not exist: one request."""
        instance_path, _separator, path_within = path.partition("/storage_instances/")
        instance = self._wire.instance(instance_path)
        if instance is None:
            return None
        with client.understanding("app instance %s" % instance_path):
            for instance_volume in entities.volumes_of(entities.need(instance, instance_path)):
                if instance_volume.path.endswith("/storage_instances/" + path_within):
                    return instance_volume
        return None

    def _need_volume(self, volume: Volume) -> InstanceVolume:
        instance_volume = self._read_volume(volume.id) if volume.id else None
        if instance_volume is None:
            for instance in self._instances([volume.name]):
                with client.understanding("app instance %s" % instance.get("name")):
                    for candidate in entities.volumes_of(instance):
                        if candidate.title == volume.name:
                            return candidate
            raise NotFound("volume %s is not there" % volume.name, target=volume.name)
        self._check_name(instance_volume, volume.name)
        return instance_volume

    @staticmethod
    def _check_name(instance_volume: InstanceVolume, name: str) -> None:
        """Raise Conflict when the app instance has another name by now: its id may have been given out again."""
        present = str(instance_volume.instance.get("name"))
        if present != name.split("/")[0]:
            raise Conflict("it was renamed to %s" % present, target=name, hint="Read it again.")

    def _resized(self, instance_volume: InstanceVolume, size: int = 0) -> InstanceVolume:
        """The volume, when the array has finished changing its size (2.2): no request when it has already.

        :param size: the requested size, in bytes, which it has then.
        """

        def is_done(now: InstanceVolume) -> bool:
            return not now.resizing and entities.bytes_of(now.entity["size"]) >= size

        def done() -> Optional[InstanceVolume]:
            now = self._read_volume(instance_volume.path)
            if now is None:
                raise NotFound("volume %s is gone" % instance_volume.title, target=instance_volume.title)
            return now if is_done(now) else None

        if is_done(instance_volume):
            return instance_volume
        hint = "The array goes on by itself: run the task again to wait for it."
        what = "the end of the change of the size of volume %s" % instance_volume.title
        return Deadline(self._wait, first=0.05, longest=5.0).poll(done, what, hint)

    def _online(self, instance_volume: InstanceVolume) -> None:
        """Bring the app instance online, with the description that it had before."""
        descr = entities.description_of(instance_volume.instance)
        self._wire.update_instance(instance_volume.instance_path, {"admin_state": "online", "descr": descr or None})

    def _available(self, volume: Volume) -> InstanceVolume:
        """The volume, when its target accepts a login (2.13)."""

        def read() -> Optional[InstanceVolume]:
            instance_volume = self._read_volume(volume.id)
            if instance_volume is None:
                raise NotFound("volume %s is gone" % volume.name, target=volume.name)
            return (
                instance_volume
                if instance_volume.storage.get("op_state", ledger.AVAILABLE) == ledger.AVAILABLE
                else None
            )

        return Deadline(self._wait, first=0.05, longest=2.0).poll(
            read, "the target of volume %s" % volume.name, "The host is in the access list; check the app instance."
        )

    def _notes(self, instance_path: str) -> Dict[str, str]:
        """All metadata of an app instance, whoever wrote it (2.10): one request."""
        notes = self._wire.metadata(instance_path) or {}
        return {str(name): str(value) for name, value in entities.need(notes, "the metadata").items()}

    def _candidates(
        self, instance_volume: InstanceVolume, names: Optional[Sequence[str]], volumes: set[str]
    ) -> List[entities.VolumeSnapshot]:
        """The snapshots of the volume that may have one of the names, by their UUIDs; or all of a requested volume."""
        of_volume = self._described(instance_volume.entity.get("snapshots"), instance_volume.path)
        of_instance = self._described(instance_volume.instance_snapshots, instance_volume.instance_path)
        found = entities.snapshots_of(of_volume, of_instance)
        if instance_volume.title in volumes or (names is None and not volumes):
            return found
        uuids = {snapshot_uuid(instance_volume.path, name) for name in names or ()}
        return [
            snapshot
            for snapshot in found
            if (snapshot.instance_name in (names or ()) if snapshot.of_instance else snapshot.uuid in uuids)
        ]

    def _described(self, reported: Any, owner: str) -> List[Entity]:
        """Snapshots with their UUIDs. One request where their owner reports no list of them, or one without UUIDs.

        :param owner: path of the volume or app instance.
        """
        if reported is None or any(not isinstance(one, dict) or "uuid" not in one for one in reported):
            return self._wire.snapshots_of(owner)
        return list(reported)


def noted(notes: Dict[str, str], uuid: str) -> Tuple[Optional[str], Optional[int]]:
    """The noted name of a snapshot, and the bytes that the volume had; None for both when nothing is noted."""
    size, space, name = notes.get(ledger.NOTE_PREFIX + uuid, "").partition(" ")
    number = whole_number(size)
    if not space or not name or number is None:
        return None, None
    return name, number


def several(name: str, volume: str) -> Conflict:
    """The error for a snapshot of which there are two, and nothing tells which is meant."""
    return Conflict(
        "volume %s has several snapshots %s (%s)" % (volume, name, ledger.UUID_UNIQUE.id),
        target=name,
        hint="Delete all but one with the tools of the array.",
        assumption=ledger.UUID_UNIQUE.id,
    )
