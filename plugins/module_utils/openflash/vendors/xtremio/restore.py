# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore of a volume from a snapshot (sheet, section 4)."""

from __future__ import annotations

from contextlib import suppress
from typing import Optional, Set

from ... import unfinished
from ...compare import unlike
from ...errors import Conflict, FlashError, NotFound
from ...model import Snapshot, Volume
from ...transport.confirm import confirm
from ...transport.deadline import Deadline
from . import objects
from .copies import Copies, Copy
from .ledger import BACKUP_LAG
from .names import SET, backup_set_name, backup_suffix, stamp_of, unfinished_backup_set
from .session import Object
from .wire import reference


class Restores(Copies):
    """Restore."""

    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        """Seven requests: two reads, the restore, two reads of the backup, the names of the backup and of its set
        (section 4).

        The array keeps the present content as a backup, and the volume keeps its SCSI identity. A backup that does not
        have its name yet proves that a killed run has restored the volume, so that only the name is missing. It is
        looked up by its set, its temporary name and its source, before the restore and after every answer. While there
        is none, the volume was not restored.
        """
        with self._doing("restore volume %s from snapshot %s" % (volume.name, snapshot.name), volume.name):
            if not self._xms.is_v2:
                raise self.unsupported("restore_snapshot", "", snapshot)
            copy = Copy(volume.name, volume.id, volume.size, backup)
            suffix = copy.natural_suffix or backup_suffix(backup)
            temporary_name, set_name = copy.named(suffix), unfinished_backup_set(volume.name, backup)
            self._check_length(temporary_name)
            existing = self._by_name((backup, volume.name))
            if backup in existing:
                return self._same_backup(volume, existing[backup])
            if volume.name not in existing:
                raise self._missing_object(NotFound(""), volume.name, snapshot.name)
            item = self._find_backup(volume, temporary_name, set_name)
            if item is None:
                oids = existing[volume.name].get("dest-snap-list") or ()
                older_copies = {str(objects.oid_index(oid)) for oid in oids}
                item = self._restore(volume, snapshot, suffix, temporary_name, set_name, older_copies)
            index = str(item["index"])
            if item["name"] != backup:
                self._rename(str(item["name"]), backup, lambda renamed: str(renamed["index"]) == index)
            with suppress(FlashError):
                # The old name of the set matters only to a later restore with a backup of the same name.
                self._xms.rename_snapshot_set(set_name, backup_set_name())
            found = self._xms.volume(backup)
            if found is None:
                raise NotFound("the backup %s is not there any more" % backup, target=backup)
            return objects.snapshot(found, proven=True)

    def _same_backup(self, volume: Volume, existing: Object) -> Snapshot:
        """The existing object of the backup's name, if it is a copy of the volume."""
        if objects.oid_name(existing.get("ancestor-vol-id")) != volume.name:
            raise unlike("an object of that name,", str(existing["name"]), "it was not made of %s" % volume.name)
        return objects.snapshot(existing, proven=True)

    def _restore(
        self,
        volume: Volume,
        snapshot: Snapshot,
        suffix: str,
        temporary_name: str,
        set_name: str,
        older_copies: Set[str],
    ) -> Object:
        """Send the restore, again only while there is no backup. Returns the backup.

        :param older_copies: the indexes of the copies of the volume before the restore.
        """
        references = reference(volume.name, volume.id), reference(snapshot.name, snapshot.id)

        def find_backup() -> Optional[Object]:
            return self._find_backup(volume, temporary_name, set_name, older_copies)

        try:
            # The array may refuse a restore that it has carried out already, so an error alone proves nothing.
            result = confirm(
                lambda: self._xms.restore_volume(*references, suffix, set_name), find_backup, (FlashError,)
            )
        except NotFound as error:
            raise self._missing_object(error, volume.name, snapshot.name) from None
        if isinstance(result, dict):
            return result
        return Deadline(BACKUP_LAG, first=0.0, longest=5.0).poll(
            find_backup,
            "the backup of volume %s that the restore has made" % volume.name,
            hint="The volume was restored. Find the new copy of it on the array, and rename that to %s: until then the "
            "task would restore the volume again." % suffix,
        )

    def _find_backup(
        self, volume: Volume, temporary_name: str, set_name: str, older_copies: Optional[Set[str]] = None
    ) -> Optional[Object]:
        """The backup that a restore has made of the volume and that may not have its name yet; None when there is none.

        It is found by its set, by its temporary name, or because it is a new copy.

        :param older_copies: the indexes of the copies of the volume before the restore, where they are known.
        """
        found = self._set_members(set_name)
        if not found:
            existing = self._by_name((temporary_name, volume.name))
            found = [existing[temporary_name]] if temporary_name in existing else []
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
            names = ", ".join(sorted(str(item["name"]) for item in found))
            raise Conflict(
                "which of %s has the content that volume %s had before it was restored cannot be known"
                % (names, volume.name),
                hint="Check them on the array, and rename the right one to the name of the backup.",
            )
        return found[0] if found else None


def _is_stamped(item: Object) -> bool:
    """Whether it is a copy that this collection made, and no backup."""
    return any(name.startswith(SET) and unfinished.find(name) is not None for name in objects.sets_of(item))
