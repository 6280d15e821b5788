# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots and restore (sheet, section 2.5).

The array gives a snapshot a time stamp and a UUID, and no name. Its UUID is made of the volume's path and the name, so
that a later run finds it. The name is noted in the metadata of the app instance first, so that it can be listed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ...array import Notes
from ...errors import Conflict, FlashError, NotFound
from ...model import Snapshot, SnapshotSpec, Volume
from ...transport.confirm import confirm
from ...transport.deadline import Deadline
from . import entities, ledger
from .entities import InstanceVolume
from .names import PENDING, further_backup, is_uuid, snapshot_uuid
from .reading import noted
from .refusals import DuplicateSnapshot, OfflineDemanded
from .session import Entity
from .volumes import Volumes


class Snapshots(Volumes, Notes):
    """What a Datera array does with snapshots."""

    def create_snapshots(self, specs: Sequence[SnapshotSpec], atomic: bool = False) -> Tuple[Snapshot, ...]:
        """Two requests for the names on each app instance, one for each snapshot, and polls until each is usable."""
        with self._doing("take snapshot %s" % ", ".join(spec.name for spec in specs)):
            if atomic and len(specs) > 1:
                raise self.unsupported("atomic_snapshots", "")
            by_instance: Dict[str, List[SnapshotSpec]] = {}
            for spec in specs:
                instance_path = entities.instance_path_of(spec.volume.id)
                by_instance.setdefault(instance_path, []).append(spec)
            for instance_path, requested in by_instance.items():
                self._note_names(instance_path, requested)
            return tuple(self._take(spec.volume, spec.name) for spec in specs)

    def _note_names(self, instance_path: str, specs: Sequence[SnapshotSpec]) -> None:
        """Note the names in the metadata, except those that are the UUIDs themselves."""
        named = [spec for spec in specs if not is_uuid(spec.name)]
        if not named:
            return
        notes = self._notes(instance_path)
        before = dict(notes)
        for spec in named:
            uuid = snapshot_uuid(spec.volume.id, spec.name)
            if noted(notes, uuid)[0] is None:
                notes[ledger.NOTE_PREFIX + uuid] = "%d %s" % (spec.volume.size, spec.name)
        if notes != before:
            self._wire.update_metadata(instance_path, notes)

    def _take(self, volume: Volume, name: str) -> Snapshot:
        uuid = snapshot_uuid(volume.id, name)
        entity = confirm(
            lambda: self._wire.create_snapshot(volume.id, uuid),
            lambda: self._find(volume.id, uuid),
            (DuplicateSnapshot,),
        )
        entity = self._usable(volume.id, entity)
        return entities.snapshot(volume.name, volume.id, entity, name, volume.size, ())

    def _find(self, path: str, uuid: str) -> Optional[Entity]:
        return next((snapshot for snapshot in self._wire.snapshots_of(path) if snapshot.get("uuid") == uuid), None)

    def _usable(self, volume_path: str, entity: Entity) -> Entity:
        """The snapshot, when the array has finished it: no request when it has already."""
        path = "%s/snapshots/%s" % (volume_path, entities.key_of(entity))

        def ready(found: Optional[Entity] = entity) -> Optional[Entity]:
            return found if found and found.get("op_state", ledger.AVAILABLE) == ledger.AVAILABLE else None

        if ready() is not None:
            return entity

        def read() -> Optional[Entity]:
            found = self._wire.snapshot(path)
            if found is None:
                raise NotFound("the snapshot was deleted meanwhile")
            return ready(found)

        return Deadline(self._wait, first=0.05, longest=2.0).poll(read, "the end of the snapshot")

    def delete_snapshot(self, snapshot: Snapshot) -> None:
        """One request, and two to remove its noted name; one more for a snapshot of a complete app instance."""
        with self._doing("delete snapshot %s" % snapshot.name, snapshot.name):
            refusal = self.capabilities.refusal("delete_snapshot", snapshot)
            if refusal:
                raise self.unsupported("delete_snapshot", refusal, snapshot)
            if snapshot.group is not None:
                self._wire.delete_snapshot(
                    "%s/snapshots/%s" % (entities.instance_path_of(snapshot.id), entities.host_of(snapshot.id))
                )
            self._wire.delete_snapshot(snapshot.id)
            if is_uuid(snapshot.name) or snapshot.volume_id is None:
                return
            instance_path = entities.instance_path_of(snapshot.volume_id)
            note = ledger.NOTE_PREFIX + snapshot_uuid(snapshot.volume_id, snapshot.name)
            notes = self._notes(instance_path)
            if notes.get(note):
                # Emptied and not left out, because the array may merge (section 9).
                self._wire.update_metadata(instance_path, dict(notes, **{note: ""}))

    # -- restore -----------------------------------------------------------------------------------------------------

    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        """Take a snapshot of the present content, the backup; then restore this one volume.

        Until the restore is done, the noted name of the backup says so. The backup stays whatever the array answers. A
        run that finds the backup of an unfinished restore finishes it. Where the array does not prove that the restore
        was carried out, the run takes a further backup, ``<backup>-2``, before it sends the restore again.
        """
        with self._doing("restore volume %s from snapshot %s" % (volume.name, snapshot.name), volume.name):
            instance_volume = self._need_volume(volume)
            uuid = snapshot_uuid(instance_volume.path, backup)
            note = ledger.NOTE_PREFIX + uuid
            existing = self._find(instance_volume.path, uuid)
            notes = self._notes(instance_volume.instance_path)
            name, size = noted(notes, uuid)
            key, point = entities.host_of(snapshot.id), str(instance_volume.entity.get("restore_point") or "")
            pending = "%s%s:" % (PENDING, key)
            done = existing is not None and (name is None or not name.startswith(PENDING))
            if existing is not None and done:
                return entities.snapshot(volume.name, instance_volume.path, existing, backup, size or volume.size)
            if existing is not None and not str(name).startswith(pending):
                raise Conflict(
                    "a restore from another snapshot was begun with that backup and not finished",
                    hint="Finish that one first, or choose another name for the backup.",
                )
            present_size = entities.bytes_of(instance_volume.entity["size"])
            if existing is None:
                self._note_pending(
                    instance_volume.instance_path, notes, note, "%d %s%s" % (present_size, pending, point)
                )
                self._take(replace(volume, id=instance_volume.path), backup)
                existing = self._find(instance_volume.path, uuid)
                self._roll_back(instance_volume, key, backup)
            elif point == key != str(name)[len(pending) :]:
                # The noted restore point was another one, so the killed run has restored the volume.
                self._bring_back(instance_volume)
            else:
                self._further_backup(instance_volume, volume, backup)
                self._roll_back(instance_volume, key, backup)
            notes = dict(self._notes(instance_volume.instance_path), **{note: "%d %s" % (size or present_size, backup)})
            self._wire.update_metadata(instance_volume.instance_path, notes)
            return entities.snapshot(
                volume.name, instance_volume.path, entities.need(existing, backup), backup, size or present_size, ()
            )

    def _note_pending(self, instance_path: str, notes: Dict[str, str], note: str, text: str) -> None:
        """Note that the restore is not done.

        A lost request that the array carries out later would set this note again after the restore is done, and the
        next run would take the restore for an unfinished one. So after a lost answer the metadata is read, with pauses,
        before the request is sent again.
        """
        confirm(
            lambda: self._wire.update_metadata_once(instance_path, dict(notes, **{note: text})),
            lambda: self._notes(instance_path).get(note) == text,
        )

    def _further_backup(self, instance_volume: InstanceVolume, volume: Volume, backup: str) -> None:
        """Take one more backup of the present content, under the first free name."""
        free = (further_backup(backup, number) for number in range(2, 100))
        uuids = {snapshot.get("uuid") for snapshot in self._wire.snapshots_of(instance_volume.path)}
        for name in free:
            if snapshot_uuid(instance_volume.path, name) not in uuids:
                kept = replace(volume, id=instance_volume.path)
                self._note_names(instance_volume.instance_path, [SnapshotSpec(name, kept)])
                self._take(kept, name)
                return
        raise Conflict("there are too many snapshots named %s-*" % backup, hint="Delete those that you do not need.")

    def _roll_back(self, instance_volume: InstanceVolume, key: str, backup: str) -> None:
        try:
            self._put_restore_point(instance_volume, key)
        except FlashError as error:
            kept = "What the volume held before is kept as snapshot %s, which stays." % backup
            error.hint = "%s %s" % (error.hint, kept) if error.hint else kept
            raise

    def _put_restore_point(self, instance_volume: InstanceVolume, key: str) -> None:
        """Restore by the volume's own route, which changes no other volume; offline only where that is demanded."""

        def change(path: str) -> None:
            self._wire.update_volume(path, {"restore_point": key})

        try:
            if self._demands_offline and instance_volume.online:
                self._while_offline(instance_volume, change, harmless=not instance_volume.hosts)
            else:
                change(instance_volume.path)
                self._bring_back(instance_volume)
        except OfflineDemanded as error:
            if not instance_volume.online or self._demands_offline:
                raise
            self._while_offline(instance_volume, change, error, harmless=not instance_volume.hosts)

    def _bring_back(self, instance_volume: InstanceVolume) -> None:
        """Bring it online, where a killed run of this collection took it offline."""
        if entities.marked_offline(instance_volume.instance) is not None:
            self._online(instance_volume)

    # -- notes -------------------------------------------------------------------------------------------------------

    def metadata(self, volume: Volume) -> Dict[str, str]:
        """The metadata of the app instance, without the snapshot names that this client notes there: one request."""
        with self._doing("read the notes on volume %s" % volume.name, volume.name):
            notes = self._notes(entities.instance_path_of(volume.id))
            return {name: value for name, value in notes.items() if _visible(name, value)}

    def set_metadata(self, volume: Volume, metadata: Any) -> None:
        """Make the metadata exactly this: two requests. Removed values are emptied: the array may merge (section 9)."""
        with self._doing("write the notes on volume %s" % volume.name, volume.name):
            instance_path = entities.instance_path_of(volume.id)
            notes = self._notes(instance_path)
            desired = {name: "" if _visible(name, value) else value for name, value in notes.items()}
            desired.update({str(name): str(value) for name, value in metadata.items()})
            if desired != notes:
                self._wire.update_metadata(instance_path, desired)


def _visible(name: str, value: str) -> bool:
    return bool(value) and not name.startswith(ledger.NOTE_PREFIX)
