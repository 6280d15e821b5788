# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore of a volume from a snapshot (sheet, section 4)."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Callable, Optional, Set

from ... import unfinished
from ...compare import unlike
from ...errors import Busy, Conflict, FlashError, InUse, Invalid, NoSpace, NotFound, Unsupported
from ...model import Snapshot, Volume
from ...transport.confirm import confirm
from ...transport.deadline import Deadline
from . import objects
from .copies import Copies, Copy, Source
from .ledger import BACKUP_LAG, BACKUP_NAME, RELATED
from .names import (
    SET,
    backup_set_name,
    backup_suffix,
    safety_suffix,
    snapset_name,
    stamp_of,
    unfinished_backup_set,
)
from .refusals import NameTaken
from .session import Object
from .wire import reference


class Restores(Copies):
    """Restore."""

    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        """A dozen requests: the reads, a safety copy, the restore, the names of the backup and of its set, and the end
        of the safety copy (section 4).

        The array keeps the present content as a copy, and the volume keeps its SCSI identity. That copy proves that the
        volume was restored: while there is none, it was not. It becomes the backup where it is recognised by its set.
        How the array calls it, and what it reports of it, is assumed. So before that, this collection takes a safety
        copy with a snapshot, of which everything is known. Its name is the same in every run, so that only one run
        restores, and it becomes the backup where the array's copy is not recognised.
        """
        with self._doing("restore volume %s from snapshot %s" % (volume.name, snapshot.name), volume.name):
            if not self._xms.is_v2:
                raise self.unsupported("restore_snapshot", "", snapshot)
            return self._put_content(volume, snapshot, backup)

    def refresh_volume(self, volume: Volume, source: Source, backup: str) -> Snapshot:
        """As restore_snapshot, and one more read before it. To the array the two are the same request (section 4).

        :raises Conflict: volume and source were not made of each other, or of the same volume.
        """
        with self._doing("refresh volume %s from %s" % (volume.name, source.name), volume.name):
            if not self._xms.is_v2:
                raise self.unsupported("refresh_volume", "", volume)
            self._check_related(volume, source)
            return self._put_content(volume, source, backup)

    def _check_related(self, volume: Volume, source: Source) -> None:
        """The array is assumed to refuse a source of another family. Its refusal would leave the safety copy."""
        found = {str(item["name"]): item for item in self._xms.volumes([volume.name, source.name], _FAMILY_PROPS)}
        families = [objects.oid_index(found.get(name, {}).get("snapgrp-id")) for name in (volume.name, source.name)]
        if None not in families and families[0] != families[1]:
            raise Conflict(
                "the array refreshes only volumes that were made of each other or of the same volume, and %s and %s "
                "were not" % (volume.name, source.name),
                hint="Make %s once as a clone of the source (source_volume), under a new name." % volume.name,
                assumption=RELATED.id,
            )

    def _put_content(self, volume: Volume, snapshot: Source, backup: str) -> Snapshot:
        """Give the volume the content of a snapshot or of another volume, once."""
        with self._doing("keep the present content of volume %s as snapshot %s" % (volume.name, backup), volume.name):
            names = _Names.of(volume, backup)
            for name in (names.safety_copy, names.temporary):
                self._check_length(name)
            existing = self._by_name((backup, volume.name, names.safety_copy))
            if backup in existing:
                return self._same_backup(volume, existing[backup])
            if volume.name not in existing:
                raise self._missing_object(NotFound(""), volume.name, snapshot.name)
            earlier = existing.get(names.safety_copy)
            if earlier is None:
                item = self._find_backup(volume, names)
                if item is not None and names.backup_set not in objects.sets_of(item):
                    # A restore whose backup is another copy has left it: the safety copy is removed only where the set
                    # is the requested one.
                    item = None
            else:
                item = self._kept_by_earlier_run(volume, snapshot, names, earlier)
            if item is None:
                item = self._restore(volume, snapshot, names)
            index = str(item["index"])
            if item["name"] != backup:
                self._rename(str(item["name"]), backup, lambda renamed: str(renamed["index"]) == index)
            with suppress(FlashError):
                # The old name of the set matters only to a later restore with a backup of the same name.
                self._xms.rename_snapshot_set(names.backup_set, backup_set_name())
            found = self._xms.volume(backup)
            if found is None:
                raise NotFound("the backup %s is not there any more" % backup, target=backup)
            return objects.snapshot(found, proven=True)

    def _same_backup(self, volume: Volume, existing: Object) -> Snapshot:
        """The existing object of the backup's name, if it is a copy of the volume."""
        if objects.oid_name(existing.get("ancestor-vol-id")) != volume.name:
            raise unlike("an object of that name,", str(existing["name"]), "it was not made of %s" % volume.name)
        return objects.snapshot(existing, proven=True)

    def _restore(self, volume: Volume, snapshot: Source, names: _Names) -> Object:
        """Take the safety copy and send the restore, again only while there is no backup.

        Returns the object that becomes the backup: that of the array, or the safety copy.
        """
        with unfinished.begin() as stamp:
            safety_copy = self._take_safety_copy(volume, names, stamp)
            existing = self._by_name((names.backup, volume.name))
            if names.backup in existing:
                # Another run has restored the volume since this one has read that it was not.
                self._delete_unmapped(names.safety_copy, str(safety_copy["index"]))
                return existing[names.backup]
            oids = existing.get(volume.name, {}).get("dest-snap-list") or ()
            older_copies = {str(objects.oid_index(oid)) for oid in oids}

            def find_backup() -> Optional[Object]:
                return self._find_backup(volume, names, older_copies)

            references = reference(volume.name, volume.id), reference(snapshot.name, snapshot.id)
            try:
                # The array may refuse a restore that it has carried out already, so an error alone proves nothing.
                confirm(
                    lambda: self._xms.restore_volume(*references, names.backup_suffix, names.backup_set),
                    find_backup,
                    (FlashError,),
                )
            except REFUSALS as error:
                self._delete_unmapped(names.safety_copy, str(safety_copy["index"]))
                if isinstance(error, NotFound):
                    raise self._missing_object(error, volume.name, snapshot.name) from None
                if isinstance(error, NameTaken):
                    error.fill(
                        assumption=BACKUP_NAME.id,
                        hint="An earlier restore has kept %s, or a snapshot set %s: rename or delete it."
                        % (names.temporary, names.backup_set),
                    )
                raise
            return self._backup_of(self._poll_backup(find_backup, BACKUP_LAG), names, safety_copy)

    def _take_safety_copy(self, volume: Volume, names: _Names, stamp: unfinished.Stamp) -> Object:
        """A snapshot of the present content. Its name is that of every run, its set that of this one.

        :raises Busy: another run has taken it first.
        """
        source = {"volume-list": [reference(volume.name, volume.id)]}
        set_name = snapset_name(stamp)

        def taken() -> Optional[Object]:
            item = self._xms.volume(names.safety_copy)
            if item is not None and set_name not in objects.sets_of(item):
                raise Busy(
                    "another run restores the volume, and has taken %s" % names.safety_copy,
                    hint="Run the task again when that one has ended.",
                )
            return item

        result = confirm(
            lambda: self._xms.create_snapshots(source, set_name, names.safety_suffix), taken, (FlashError,)
        )
        if isinstance(result, dict):
            return result
        return {"name": names.safety_copy, "index": result[0] if result else ""}

    def _kept_by_earlier_run(
        self, volume: Volume, snapshot: Source, names: _Names, safety_copy: Object
    ) -> Optional[Object]:
        """The backup of the earlier run that took this safety copy; None when it did not restore the volume. Its safety
        copy is kept under another name then.

        :raises Busy: that run may be alive.
        :raises Conflict: there are new objects, and one of them may be what the array has kept.
        """
        stamps = [unfinished.find(name) for name in objects.sets_of(safety_copy) if name.startswith(SET)]
        stamp = next((found for found in stamps if found is not None), None)
        if stamp is not None and not unfinished.is_over(stamp, unfinished.RESUME_WITHIN):
            raise Busy(
                "another run began to restore the volume %d s ago" % stamp.age(),
                hint="Run the task again when that one has ended.",
            )
        # What the array has kept may not be listed yet.
        age = BACKUP_LAG if stamp is None else stamp.age()
        found = self._poll_backup(lambda: self._find_backup(volume, names), BACKUP_LAG - age)
        if found is not None:
            return self._backup_of(found, names, safety_copy)
        newer = [
            item
            for item in self._xms.volumes(None, AGE_PROPS)
            if may_be_kept_after(safety_copy, item) and item.get("name") not in (volume.name, snapshot.name)
        ]
        if any(item.get("name") == names.temporary or names.backup_set in objects.sets_of(item) for item in newer):
            # What it was copied from is not what is assumed, but it is what the restore has requested.
            return safety_copy
        if newer:
            raise Conflict(
                "an earlier run was interrupted, and whether it has restored the volume cannot be known: the array may "
                "have kept the content of that time as %s"
                % " or ".join(sorted(str(item.get("name")) for item in newer)),
                hint="If the volume was restored, rename the snapshot %s to %s. If it was not, delete that snapshot. "
                "Then run the task again." % (names.safety_copy, names.backup),
                assumption=BACKUP_NAME.id,
            )
        when = int(time.time()) if stamp is None else stamp.when
        index = str(safety_copy["index"])
        self._rename(names.safety_copy, "%s-%d" % (names.backup, when), lambda renamed: str(renamed["index"]) == index)
        return None

    def _backup_of(self, kept: Optional[Object], names: _Names, safety_copy: Object) -> Object:
        """What becomes the backup of a volume that was restored: what the array has kept, and the safety copy is
        removed; or the safety copy, where the set of the other would not show whose backup it is.
        """
        if kept is None or names.backup_set not in objects.sets_of(kept):
            return safety_copy
        self._delete_unmapped(names.safety_copy, str(safety_copy["index"]))
        return kept

    @staticmethod
    def _poll_backup(find_backup: Callable[[], Optional[Object]], seconds: float) -> Optional[Object]:
        deadline = Deadline(max(0.0, seconds), first=0.1, longest=1.0)
        while True:
            item = find_backup()
            if item is not None or not deadline.pause():
                return item

    def _find_backup(self, volume: Volume, names: _Names, older_copies: Optional[Set[str]] = None) -> Optional[Object]:
        """The backup that a restore has made of the volume and that may not have its name yet; None when there is none.

        It is found by its set, by its temporary name, or because it is a new copy.

        :param older_copies: the indexes of the copies of the volume before the restore, where they are known.
        """
        found = self._set_members(names.backup_set)
        if not found:
            existing = self._by_name((names.temporary, volume.name))
            found = [existing[names.temporary]] if names.temporary in existing else []
            if not found and older_copies is not None and volume.name in existing:
                oids = existing[volume.name].get("dest-snap-list") or ()
                new = [str(objects.oid_name(oid)) for oid in oids if str(objects.oid_index(oid)) not in older_copies]
                # The array names a backup after the volume. A clone that another client makes meanwhile has a name of
                # its own, and an unfinished copy of this collection a stamp in its name or in that of its set.
                prefix = "%s." % volume.name
                copies = self._by_name([name for name in new if name.startswith(prefix) and stamp_of(name) is None])
                found = [item for item in copies.values() if not objects.is_readonly(item) and not _is_stamped(item)]
        found = [item for item in found if objects.oid_name(item.get("ancestor-vol-id")) == volume.name]
        if len(found) > 1:
            several = ", ".join(sorted(str(item["name"]) for item in found))
            raise Conflict(
                "which of %s has the content that volume %s had before it was restored cannot be known"
                % (several, volume.name),
                hint="Check them on the array, and rename the right one to the name of the backup.",
                assumption=BACKUP_NAME.id,
            )
        return found[0] if found else None


def _is_stamped(item: Object) -> bool:
    """Whether it is a copy that this collection made, and no backup."""
    return any(name.startswith(SET) and unfinished.find(name) is not None for name in objects.sets_of(item))


@dataclass(frozen=True)
class _Names:
    """The names of one restore, the same in every run."""

    backup: str
    safety_suffix: str
    safety_copy: str
    backup_suffix: str
    temporary: str
    """Of the copy that the array keeps, before it is renamed to the backup."""
    backup_set: str

    @classmethod
    def of(cls, volume: Volume, backup: str) -> _Names:
        safety, kept = safety_suffix(backup), backup_suffix(backup)
        named = Copy(volume.name, volume.id, volume.size, backup).named
        return cls(backup, safety, named(safety), kept, named(kept), unfinished_backup_set(volume.name, backup))


# By these the array says that it has not restored the volume.
REFUSALS = (NotFound, Conflict, InUse, NoSpace, Invalid, Unsupported)
_FAMILY_PROPS = ("name", "index", "snapgrp-id")
AGE_PROPS = ("name", "index", "vol-size", "creation-time", "lun-mapping-list", "num-of-lun-mappings", "snapset-list")


def may_be_kept_after(safety_copy: Object, item: Object) -> bool:
    """Whether it may be what the array has kept on a restore that was sent after this safety copy was taken.

    It is newer and as large, no host has it, and this collection did not make it.
    """
    index, made = item.get("index"), str(item.get("creation-time") or "")
    if index == safety_copy["index"] or stamp_of(str(item.get("name"))) is not None or _is_stamped(item):
        return False
    is_newer = not isinstance(index, int) or index > safety_copy["index"]
    is_newer = is_newer or made > str(safety_copy.get("creation-time") or made)
    return is_newer and item.get("vol-size") == safety_copy.get("vol-size") and not objects.volume_mappings(item)
