# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots and restore (sheet, section 2.5).

The array gives a snapshot a time and a UUID, and no name. Its UUID is made of the volume and of the name, so that a
second try finds what the first one made; the name itself is noted on the app instance first, so that it can be listed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ...array import Notes
from ...errors import Conflict, FlashError, NotFound
from ...model import Snapshot, SnapshotSpec, Volume
from ...transport.confirm import confirm
from ...transport.deadline import Deadline
from . import facts, objects
from .objects import Place
from .reading import noted
from .refusals import DuplicateSnapshot, OfflineDemanded
from .volumes import Volumes
from .wire import Entity


class Snapshots(Volumes, Notes):
    """What a Datera array does with snapshots."""

    def create_snapshots(self, specs: Sequence[SnapshotSpec], atomic: bool = False) -> Tuple[Snapshot, ...]:
        """Two requests for the names on each app instance, one for each snapshot, and polls until it is usable."""
        with self._doing("take snapshot %s" % ", ".join(spec.name for spec in specs)):
            if atomic and len(specs) > 1:
                raise self.unsupported("atomic_snapshots", "")
            by_instance: Dict[str, List[SnapshotSpec]] = {}
            for spec in specs:
                ai_path = spec.volume.id.split("/storage_instances/")[0]
                by_instance.setdefault(ai_path, []).append(spec)
            for ai_path, wanted in by_instance.items():
                self._note_names(ai_path, wanted)
            return tuple(self._take(spec.volume, spec.name) for spec in specs)

    def _note_names(self, ai_path: str, wanted: Sequence[SnapshotSpec]) -> None:
        """Note those names that do not follow from the UUIDs."""
        named = [spec for spec in wanted if not facts.is_uuid(spec.name)]
        if not named:
            return
        notes = self._notes(ai_path)
        before = dict(notes)
        for spec in named:
            uuid = facts.snapshot_uuid(spec.volume.id, spec.name)
            if noted(notes, uuid)[0] is None:
                notes[facts.NOTE_PREFIX + uuid] = "%d %s" % (spec.volume.size, spec.name)
        if notes != before:
            self._write_notes(ai_path, notes)

    def _take(self, volume: Volume, name: str) -> Snapshot:
        uuid = facts.snapshot_uuid(volume.id, name)
        entity = confirm(
            lambda: self._edf.post(volume.id + "/snapshots", {"uuid": uuid}),
            lambda: self._find(volume.id, uuid),
            (DuplicateSnapshot,),
        )
        entity = self._usable(volume.id, entity)
        return objects.snapshot(volume.name, volume.id, entity, name, volume.size, ())

    def _find(self, path: str, uuid: str) -> Optional[Entity]:
        return next((one for one in self._edf.list(path + "/snapshots") if one.get("uuid") == uuid), None)

    def _usable(self, volume_path: str, entity: Entity) -> Entity:
        path = "%s/snapshots/%s" % (volume_path, objects.key_of(entity))

        def ready(found: Optional[Entity] = entity) -> Optional[Entity]:
            return found if found and found.get("op_state", facts.AVAILABLE) == facts.AVAILABLE else None

        if ready() is not None:
            return entity

        def ask() -> Optional[Entity]:
            found = self._edf.get(path)
            if found is None:
                raise NotFound("the snapshot is gone again")
            return ready(found)

        return Deadline(self._wait, first=0.05, longest=2.0).poll(ask, "the end of the snapshot")

    def delete_snapshot(self, snapshot: Snapshot) -> None:
        """One request, and two to forget its name; one more for a snapshot of a complete app instance."""
        with self._doing("delete snapshot %s" % snapshot.name, snapshot.name):
            refusal = self.capabilities.refusal("delete_snapshot", snapshot)
            if refusal:
                raise self.unsupported("delete_snapshot", refusal, snapshot)
            if snapshot.group is not None:
                self._edf.delete("%s/snapshots/%s" % (_instance_path(snapshot.id), objects.host_of(snapshot.id)))
            self._edf.delete(snapshot.id)
            if facts.is_uuid(snapshot.name) or snapshot.volume_id is None:
                return
            ai_path = snapshot.volume_id.split("/storage_instances/")[0]
            note = facts.NOTE_PREFIX + facts.snapshot_uuid(snapshot.volume_id, snapshot.name)
            notes = self._notes(ai_path)
            if notes.get(note):
                # Empty rather than left out: whether the array merges is not known (section 9).
                self._write_notes(ai_path, dict(notes, **{note: ""}))

    # -- restore -----------------------------------------------------------------------------------------------------

    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        """Keep the present content, then roll this one volume back.

        Until the restore is done the backup's noted name says that it is not. The backup stays whatever the array
        answers. A run that finds such a backup goes on from there; where the array does not prove that the restore was
        carried out, it keeps the present content once more, as ``<backup>-2``, before it sends the restore again.
        """
        with self._doing("restore volume %s from snapshot %s" % (volume.name, snapshot.name), volume.name):
            place = self._need_place(volume)
            uuid = facts.snapshot_uuid(place.path, backup)
            note = facts.NOTE_PREFIX + uuid
            there = self._find(place.path, uuid)
            notes = self._notes(place.ai_path)
            name, size = noted(notes, uuid)
            key, point = objects.host_of(snapshot.id), str(place.volume.get("restore_point") or "")
            pending = "%s%s:" % (facts.PENDING, key)
            done = there is not None and (name is None or not name.startswith(facts.PENDING))
            if there is not None and done:
                return objects.snapshot(volume.name, place.path, there, backup, size or volume.size)
            if there is not None and not str(name).startswith(pending):
                raise Conflict(
                    "a restore from another snapshot was begun with that backup and not finished",
                    hint="Finish that one first, or choose another name for the backup.",
                )
            now = objects.bytes_of(place.volume["size"])
            if there is None:
                self._write_notes(place.ai_path, dict(notes, **{note: "%d %s%s" % (now, pending, point)}))
                self._take(replace(volume, id=place.path), backup)
                there = self._find(place.path, uuid)
                self._roll_back(place, key, backup)
            elif point == key != str(name)[len(pending) :]:
                # The run that noted another one here had rolled it back before it was killed.
                self._bring_back(place)
            else:
                self._keep_once_more(place, volume, backup)
                self._roll_back(place, key, backup)
            notes = dict(self._notes(place.ai_path), **{note: "%d %s" % (size or now, backup)})
            self._write_notes(place.ai_path, notes)
            return objects.snapshot(volume.name, place.path, objects.need(there, backup), backup, size or now, ())

    def _keep_once_more(self, place: Place, volume: Volume, backup: str) -> None:
        """One more safety copy of the present content, under the first free name."""
        free = (facts.further_backup(backup, number) for number in range(2, 100))
        there = {one.get("uuid") for one in self._edf.list(place.path + "/snapshots")}
        for name in free:
            if facts.snapshot_uuid(place.path, name) not in there:
                kept = replace(volume, id=place.path)
                self._note_names(place.ai_path, [SnapshotSpec(name, kept)])
                self._take(kept, name)
                return
        raise Conflict(
            "there are too many snapshots named %s-*" % backup, hint="Look at them, and delete those you do not need."
        )

    def _roll_back(self, place: Place, key: str, backup: str) -> None:
        try:
            self._put_restore_point(place, key)
        except FlashError as error:
            kept = "What the volume held before is kept as snapshot %s, which stays." % backup
            error.hint = "%s %s" % (error.hint, kept) if error.hint else kept
            raise

    def _put_restore_point(self, place: Place, key: str) -> None:
        """By the volume's own route, which leaves its neighbours alone; offline only where the array demands it."""

        def change(path: str) -> None:
            self._edf.put(path, {"restore_point": key})

        try:
            if self._demands_offline and place.online:
                self._while_offline(place, change, harmless=not place.hosts)
            else:
                change(place.path)
                self._bring_back(place)
        except OfflineDemanded as error:
            if not place.online or self._demands_offline:
                raise
            self._while_offline(place, change, error, harmless=not place.hosts)

    def _bring_back(self, place: Place) -> None:
        """Online, where it was a run of ours that took it offline."""
        if objects.marked_offline(place.ai) is not None:
            self._online(place)

    # -- notes -------------------------------------------------------------------------------------------------------

    def metadata(self, volume: Volume) -> Dict[str, str]:
        """One request: what others have noted on the app instance; ours is not shown."""
        with self._doing("read the notes on volume %s" % volume.name, volume.name):
            notes = self._notes(volume.id.split("/storage_instances/")[0])
            return {name: value for name, value in notes.items() if _visible(name, value)}

    def set_metadata(self, volume: Volume, metadata: Any) -> None:
        """Make the notes exactly these: two requests. What goes is emptied, in case the array merges (section 9)."""
        with self._doing("write the notes on volume %s" % volume.name, volume.name):
            ai_path = volume.id.split("/storage_instances/")[0]
            notes = self._notes(ai_path)
            wanted = {name: "" if _visible(name, value) else value for name, value in notes.items()}
            wanted.update({str(name): str(value) for name, value in metadata.items()})
            if wanted != notes:
                self._write_notes(ai_path, wanted)


def _instance_path(path: str) -> str:
    """Of the app instance in the path of anything within it."""
    return "/".join(path.split("/")[:3])


def _visible(name: str, value: str) -> bool:
    return bool(value) and not name.startswith(facts.NOTE_PREFIX)
