# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots, snapshot sets and restore (sheet, section 4). How a snapshot is taken is in copies.py."""

from __future__ import annotations

from contextlib import suppress
from typing import Optional, Sequence, Set, Tuple

from ... import unfinished
from ...array import SnapshotSets
from ...compare import unlike
from ...errors import Conflict, FlashError, InUse, Invalid, NotFound
from ...model import Snapshot, SnapshotSpec, Volume
from ...transport.confirm import confirm
from ...transport.deadline import Deadline
from . import objects
from .copies import Copies, Copy
from .facts import (
    BACKUP_LAG,
    SET,
    backup_set_name,
    backup_suffix,
    stamp_of,
    unfinished_backup_set,
)
from .refusals import NameTaken
from .wire import Object, reference


class Snapshots(Copies, SnapshotSets):
    """What XtremIO does with snapshots."""

    def create_snapshots(self, specs: Sequence[SnapshotSpec], atomic: bool = False) -> Tuple[Snapshot, ...]:
        """Read-only on v2: two requests each, one where the name is ``<volume>.<anything>``. Writable on v1: one each.

        Atomic: one request for all and a rename for each. After a failure ask for the same set again: what a killed run
        left of it is removed, and the complete set is taken anew.
        """
        with self._doing("take snapshot %s" % ", ".join(spec.name for spec in specs)):
            copies = [_snapshot_to_take(spec) for spec in specs]
            if atomic and len(copies) > 1:
                if not self._xms.v2:
                    raise self.unsupported("atomic_snapshots", "")
                if len({copy.source for copy in copies}) < len(copies):
                    raise Invalid("one instant cannot hold two snapshots of the same volume")
                there = self._copy("snapshot", copies)
            else:
                there = [self._copy("snapshot", [copy])[0] for copy in copies]
            return tuple(
                Snapshot(
                    copy.name,
                    copy.source,
                    copy.size,
                    id=copy.made or "",
                    volume_id=copy.source_id or None,
                    proven=self._xms.v2,
                    mappings=(),
                    children=(),
                )
                if found is None
                else objects.snapshot(found, proven=self._xms.v2)
                for copy, found in zip(copies, there)
            )

    def delete_snapshot(self, snapshot: Snapshot) -> None:
        """Two requests, as for a volume: a mapped snapshot would go without a word too."""
        with self._doing("delete snapshot %s" % snapshot.name, snapshot.name):
            self._delete_unmapped(snapshot.name, snapshot.id)

    def create_snapshot_set(self, name: str, volumes: Sequence[Volume]) -> None:
        """Snapshots of these volumes at one instant, called as the array likes: one request. The set tells them."""
        with self._doing("take snapshot set %s" % name, name):
            if not self._xms.v2:
                raise self.unsupported("atomic_snapshots", "")
            body = {
                "volume-list": [reference(one.name, one.id) for one in volumes],
                "snapshot-set-name": name,
                "snapshot-type": "readonly",
            }

            def look() -> bool:
                members = {one.volume for one in self.snapshots_of_set(name)}
                if members and members != {one.name for one in volumes}:
                    raise unlike("snapshot set", name, "it is of %s" % ", ".join(sorted(map(str, members))))
                return bool(members)

            try:
                confirm(lambda: self._xms.post("snapshots", body), look, (NameTaken,))
            except NotFound as error:
                raise self._who_is_missing(error, *[one.name for one in volumes]) from None

    def delete_snapshots_of_set(self, name: str) -> Tuple[Snapshot, ...]:
        """A snapshot set with its members, and what they were: three requests, one where there is no such set.

        None of them while one is mapped: it would go without a word too.
        """
        with self._doing("delete snapshot set %s" % name, name):
            members = tuple(self.snapshots_of_set(name))
            for one in members:
                if one.mappings or one.mappings is None:
                    hosts = ", ".join(sorted({each.host for each in one.mappings or ()})) or "a host"
                    raise InUse("%s is mapped to %s" % (one.name, hosts), hint="Unmap it first.")
            if members:
                self._xms.delete("snapshot-sets", name)
            return members

    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        """Two reads, the restore, what it has kept, and the names of that and of its set: seven requests (section 4).

        ``backup-snap-suffix`` keeps the present content, and the volume keeps its SCSI identity. ``no-backup`` is never
        sent. What was kept and has no name yet says that a killed run got as far as the restore: only the name is
        missing. It is looked for by its set, its name, and what it was made of, before the restore and after every
        answer; while there is none, nothing was restored.
        """
        with self._doing("restore volume %s from snapshot %s" % (volume.name, snapshot.name), volume.name):
            if not self._xms.v2:
                raise self.unsupported("restore_snapshot", "", snapshot)
            copy = Copy(volume.name, volume.id, volume.size, backup)
            natural = copy.natural_suffix
            suffix = natural or backup_suffix(backup)
            temporary, its_set = copy.named(suffix), unfinished_backup_set(volume.name, backup)
            self._fits(temporary)
            there = self._by_name((backup, volume.name))
            if backup in there:
                return self._same_backup(volume, there[backup])
            if volume.name not in there:
                raise self._who_is_missing(NotFound(""), volume.name, snapshot.name)
            kept = self._kept(volume, temporary, its_set)
            if kept is None:
                children = {str(objects.oid_index(oid)) for oid in there[volume.name].get("dest-snap-list") or ()}
                kept = self._restore(volume, snapshot, suffix, temporary, its_set, children)
            index = str(kept["index"])
            if kept["name"] != backup:
                self._rename(str(kept["name"]), backup, lambda item: str(item["index"]) == index)
            with suppress(FlashError):
                # Only a later restore with a backup of the same name would meet the old name of the set.
                self._xms.put("snapshot-sets", its_set, {"new-name": backup_set_name()})
            found = self._object(backup)
            if found is None:
                raise NotFound("the backup %s is gone" % backup, target=backup)
            return objects.snapshot(found, proven=True)

    def _same_backup(self, volume: Volume, there: Object) -> Snapshot:
        """Whatever was made of the volume counts as its backup; anything else only has the name."""
        if objects.oid_name(there.get("ancestor-vol-id")) != volume.name:
            raise unlike("an object of that name,", str(there["name"]), "it was not made of %s" % volume.name)
        return objects.snapshot(there, proven=True)

    def _restore(
        self, volume: Volume, snapshot: Snapshot, suffix: str, temporary: str, its_set: str, children: Set[str]
    ) -> Object:
        """Send the restore; what the array has kept. It is sent again only where nothing was kept.

        :param children: the indexes of what was made of the volume before.
        """
        body = {
            "from-volume-id": reference(snapshot.name, snapshot.id),
            "to-volume-id": reference(volume.name, volume.id),
            "backup-snap-suffix": suffix,
            "snapshot-set-name": its_set,
        }

        def kept() -> Optional[Object]:
            return self._kept(volume, temporary, its_set, children)

        try:
            # The array may refuse what it has done already, so an error proves nothing by itself.
            done = confirm(lambda: self._xms.post("snapshots", body), kept, (FlashError,))
        except NotFound as error:
            raise self._who_is_missing(error, volume.name, snapshot.name) from None
        if isinstance(done, dict):
            return done
        return Deadline(BACKUP_LAG, first=0.0, longest=5.0).poll(
            kept,
            "what the restore has kept of volume %s" % volume.name,
            hint="The volume was restored. Find what was made of it on the array, and rename that to %s: until then "
            "the task would restore it again." % suffix,
        )

    def _kept(
        self, volume: Volume, temporary: str, its_set: str, children: Optional[Set[str]] = None
    ) -> Optional[Object]:
        """What a restore has kept of the volume: by its set, by its name, or because it is new; None: nothing.

        :param children: what was made of the volume before, where that is known.
        """
        found = self._set_members(its_set)
        if not found:
            there = self._by_name((temporary, volume.name))
            found = [there[temporary]] if temporary in there else []
            if not found and children is not None and volume.name in there:
                now = there[volume.name].get("dest-snap-list") or ()
                new = [str(objects.oid_name(oid)) for oid in now if str(objects.oid_index(oid)) not in children]
                # The array names after the volume what it keeps; a clone that another client makes meanwhile has a name
                # of its own, and one of this collection a stamp in its name or in that of its set.
                like = "%s." % volume.name
                others = self._by_name([name for name in new if name.startswith(like) and stamp_of(name) is None])
                found = [item for item in others.values() if not objects.is_readonly(item) and not _is_stamped(item)]
        found = [item for item in found if objects.oid_name(item.get("ancestor-vol-id")) == volume.name]
        if len(found) > 1:
            names = ", ".join(sorted(str(item["name"]) for item in found))
            raise Conflict(
                "which of %s holds what volume %s held before it was restored cannot be known" % (names, volume.name),
                hint="Look at them on the array, and give that one the name of the backup.",
            )
        return found[0] if found else None


def _snapshot_to_take(spec: SnapshotSpec) -> Copy:
    source = spec.volume
    return Copy(source.name, source.id, source.size, spec.name, tuple(source.snapshots or ()))


def _is_stamped(item: Object) -> bool:
    """Whether a run of this collection made it as a copy of its own."""
    return any(name.startswith(SET) and unfinished.find(name) is not None for name in objects.sets_of(item))
