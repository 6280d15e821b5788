# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots and restore (sheet, section 2.5).

The array gives a snapshot a time stamp and a UUID, and no name. Its UUID is made of the volume's path and the name, so
that a later run finds it. The name is noted in the metadata of the app instance first, so that it can be listed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ...array import Notes
from ...errors import Conflict, FlashError, Invalid, NotFound, Refused
from ...model import Snapshot, SnapshotSpec, Volume
from ...transport.confirm import ATTEMPTS, AnswerLost, NotAccepted, confirm, growing_pauses, poll_after
from ...transport.deadline import Deadline
from . import entities, ledger
from .entities import InstanceVolume
from .instances import noted, several
from .names import PENDING, UNKNOWN, UNSENT, further_backup, is_uuid, snapshot_uuid
from .refusals import DuplicateSnapshot, OfflineDemanded, Rejected, SessionEnded
from .session import Entity
from .volumes import Volumes

CARRIED_OUT_AFTER = "datera.array.carried_out_after"


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
            name, size = noted(notes, uuid)
            # The note of a deleted snapshot may still be there, with another size.
            if name is None or (name == spec.name and size != spec.volume.size):
                notes[ledger.NOTE_PREFIX + uuid] = "%d %s" % (spec.volume.size, spec.name)
        if notes != before:
            self._wire.update_metadata(instance_path, notes)

    def _take(self, volume: Volume, name: str) -> Snapshot:
        uuid = snapshot_uuid(volume.id, name)
        entity = confirm(
            lambda: self._wire.create_snapshot(volume.id, uuid),
            lambda: self._find(volume, name),
            (DuplicateSnapshot,),
        )
        if entity.get("uuid", uuid) != uuid:
            # No later run would find it.
            self._wire.delete_snapshot("%s/snapshots/%s" % (volume.id, entities.key_of(entity)))
            raise Refused(
                "the array gave the snapshot another UUID than the requested one, so it was deleted again",
                assumption=ledger.UUID_GIVEN.id,
            )
        entity = self._usable(volume.id, entity)
        return entities.snapshot(volume.name, volume.id, entity, name, volume.size, ())

    def _find(self, volume: Volume, name: str) -> Optional[Entity]:
        """The snapshot of this name, as the array has it now. Raises Conflict when there are several."""
        uuid = snapshot_uuid(volume.id, name)
        found = [snapshot for snapshot in self._wire.snapshots_of(volume.id) if snapshot.get("uuid") == uuid]
        if len(found) > 1:
            raise several(name, volume.name)
        return found[0] if found else None

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
                # Emptied and not left out, because the array may merge (section 9). A note without a snapshot does no
                # harm where the array refuses that.
                with suppress(Invalid, Rejected):
                    self._wire.update_metadata(instance_path, dict(notes, **{note: ""}))

    # -- restore -----------------------------------------------------------------------------------------------------

    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        """Take a snapshot of the present content, the backup; then restore this one volume.

        Until the restore is done, the noted name of the backup says so, with the restore point that the volume had. The
        backup stays whatever the array answers. A run that finds the backup of an unfinished restore finishes it: the
        volume's restore point shows whether it was restored. If not, the run takes a further backup, ``<backup>-2``,
        before it restores. The request that restores is not sent again by a run that lost the answer.
        """
        with self._doing("restore volume %s from snapshot %s" % (volume.name, snapshot.name), volume.name):
            instance_volume = self._need_volume(volume)
            kept = replace(volume, id=instance_volume.path)
            note = ledger.NOTE_PREFIX + snapshot_uuid(instance_volume.path, backup)
            existing = self._find(kept, backup)
            notes = self._notes(instance_volume.instance_path)
            name, size = noted(notes, note[len(ledger.NOTE_PREFIX) :])
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
            if existing is None or size is None:
                size = entities.bytes_of(instance_volume.entity["size"])
            before = str(name)[len(pending) :] if existing is not None else None
            text = "%d %s%%s" % (size, pending)
            if before == UNKNOWN:
                raise _unknown(backup)
            if existing is not None and point == key != before != UNSENT:
                # It had another restore point, so the earlier run has restored the volume.
                self._bring_back(instance_volume)
                taken = entities.snapshot(volume.name, instance_volume.path, existing, backup, size, ())
            else:
                is_shown = point != key and before != UNSENT and not before == point == ""
                if existing is None:
                    point = UNSENT if point == key else point
                    self._note_pending(instance_volume.instance_path, notes, note, text % point)
                    taken = newest = self._take(replace(kept, size=size), backup)
                else:
                    taken = entities.snapshot(volume.name, instance_volume.path, existing, backup, size, ())
                    newest = self._further_backup(instance_volume, kept, backup)
                if not is_shown and not instance_volume.hosts:
                    instance_volume = self._mark(instance_volume, newest, note, text, backup)
                self._roll_back(instance_volume, key, backup)
            self._keep_size(kept, size)
            notes = dict(self._notes(instance_volume.instance_path), **{note: "%d %s" % (size, backup)})
            self._wire.update_metadata(instance_volume.instance_path, notes)
            return taken

    def _mark(
        self, instance_volume: InstanceVolume, newest: Snapshot, note: str, text: str, backup: str
    ) -> InstanceVolume:
        """Give the volume another restore point, so that the next one shows whether it was restored.

        The point is the backup that was just taken, so the content does not change. No host has the volume.

        :param text: of the note, with a place for the restore point.
        :returns: the volume as it is then.
        :raises Refused: the array reports no restore point, so that it is not known whether an earlier run restored.
        """
        key = entities.host_of(newest.id)
        self._roll_back(instance_volume, key, backup)
        now = self._read_volume(instance_volume.path)
        is_reported = now is not None and now.entity.get("restore_point") == key
        notes = self._notes(instance_volume.instance_path)
        self._note_pending(instance_volume.instance_path, notes, note, text % (key if is_reported else UNKNOWN))
        if now is None or not is_reported:
            raise _unknown(backup)
        return now

    def _keep_size(self, volume: Volume, size: int) -> None:
        """Extend the volume, where the restore has made it smaller: one request to see that."""
        now = self._need_volume(volume)
        if entities.bytes_of(now.entity["size"]) < size:
            resizing: List[bool] = []
            self._change(now, lambda path: resizing.append(self._put_size(path, size)))
            self._resized(self._need_volume(volume), size)

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

    def _further_backup(self, instance_volume: InstanceVolume, kept: Volume, backup: str) -> Snapshot:
        """Take one more backup of the present content, under the first free name."""
        free = (further_backup(backup, number) for number in range(2, 100))
        uuids = {snapshot.get("uuid") for snapshot in self._wire.snapshots_of(instance_volume.path)}
        for name in free:
            if snapshot_uuid(instance_volume.path, name) not in uuids:
                self._note_names(instance_volume.instance_path, [SnapshotSpec(name, kept)])
                return self._take(kept, name)
        raise Conflict("there are too many snapshots named %s-*" % backup, hint="Delete those that you do not need.")

    def _roll_back(self, instance_volume: InstanceVolume, key: str, backup: str) -> None:
        try:
            self._put_restore_point(instance_volume, key)
        except FlashError as error:
            kept = "What the volume held before is kept as snapshot %s, which stays." % backup
            error.hint = "%s %s" % (error.hint, kept) if error.hint else kept
            raise

    def _put_restore_point(self, instance_volume: InstanceVolume, key: str) -> None:
        """Restore by the volume's own route, which changes no other volume.

        The app instance is offline meanwhile, because the array is assumed to demand that, where this does no harm: no
        host has the volume. Otherwise it is only where the array demands it.
        """

        def change(path: str) -> None:
            self._restore_once(path, key)

        harmless = not instance_volume.hosts and not instance_volume.siblings
        if instance_volume.online and (self._demands_offline or harmless):
            self._while_offline(instance_volume, change, harmless=harmless)
            return
        try:
            change(instance_volume.path)
        except OfflineDemanded as error:
            if not instance_volume.online:
                raise
            self._while_offline(instance_volume, change, error)
        self._bring_back(instance_volume)

    def _restore_once(self, path: str, key: str) -> None:
        """Send the request that restores. After a lost answer the restore point is read until the task's timeout.

        :raises AnswerLost: the volume has not got this restore point. The array may still restore it.
        """

        def restored() -> bool:
            now = self._read_volume(path)
            return now is not None and now.entity.get("restore_point") == key

        for attempt in range(ATTEMPTS):
            try:
                self._wire.restore_volume(path, key)
                return
            except (NotAccepted, SessionEnded) as error:
                # By itself neither changes anything.
                if poll_after(error, restored):
                    return
                if attempt == ATTEMPTS - 1:
                    raise
            except AnswerLost as error:
                deadline = growing_pauses(error.timeout)
                while not restored():
                    if not deadline.pause():
                        raise error.fill(assumption=CARRIED_OUT_AFTER) from None
                return

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


def _unknown(backup: str) -> Refused:
    return Refused(
        "the array does not report from which snapshot a volume was restored, so it is not known whether an "
        "interrupted run has restored it",
        hint="Look at what the volume holds. If it was not restored, restore it with another name than %s for the "
        "backup. What it held is kept in the snapshots of that name." % backup,
        assumption=ledger.RESTORE_POINT.id,
    )
