# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore of a consistency group from a snapshot of all its volumes (sheet, section 4).

The backup is a snapshot of the group that this collection takes. While the name of its set says that the restore is not
finished, reads leave the backup out. The copies that the array itself keeps of the present content have the name of
this restore: they show that it was carried out, and are removed when the set of the backup has its final name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Sequence, Tuple

from ... import unfinished
from ...errors import Busy, Conflict, FlashError, Invalid, NotFound
from ...model import Group, Snapshot
from ...transport.confirm import confirm
from . import objects
from .groups import Groups
from .ledger import BACKUP_LAG, BACKUP_NAME, SUFFIX_LONGEST
from .names import (
    backup_set_name,
    group_backup_set,
    group_suffix,
    is_restored_group_set,
    is_unfinished_group_backup,
    kept_group_set,
    restored_group_set,
)
from .refusals import NameTaken
from .restore import AGE_PROPS, REFUSALS, Restores, may_be_kept_after
from .session import Object
from .wire import reference


class GroupRestores(Groups, Restores):
    """Consistency groups, with their restore."""

    def restore_group(self, group: Group, name: str, backup: str) -> Tuple[Snapshot, ...]:
        """A dozen requests, and two for each volume: the reads, the backup, the restore, the names of its set, and the
        end of the copies that the array keeps.

        :raises Busy: another run restores the group.
        :raises Conflict: the snapshot is not of exactly the volumes of the group, or nothing shows whether an earlier
            run has restored it.
        """
        with self._doing("restore consistency group %s from snapshot %s" % (group.name, name), group.name):
            self._need_groups()
            if not backup or len(backup) > SUFFIX_LONGEST.value:
                raise Invalid("the backup %r has not 1 to %d characters" % (backup, SUFFIX_LONGEST.value))
            names = _Names.of(group, backup)
            for one in names.backups + names.kept:
                self._check_length(one)
            found = self._by_name(names.backups)
            backups = [found[one] for one in names.backups if one in found]
            sets = [one for item in backups for one in objects.sets_of(item)]
            pending = next((one for one in sets if is_unfinished_group_backup(one)), None)
            if backups and pending is None:
                if len(backups) < len(group.volumes):
                    raise Conflict(
                        "%s is there, and not of every volume of the group"
                        % ", ".join(str(b["name"]) for b in backups),
                        hint="Choose another name for the backup.",
                    )
                return self._result(backups)
            if pending is not None and self._was_restored(group, names, backups, pending):
                return self._finish_group(names, pending)
            return self._restore_now(group, self._set_of(group, name), names)

    def _set_of(self, group: Group, name: str) -> str:
        """The snapshot set of these snapshots of the group."""
        wanted = ["%s.%s" % (volume, name) for volume in group.volumes]
        found = self._by_name(wanted)
        missing = [one for one in wanted if one not in found]
        if missing:
            raise NotFound("snapshot %s is not there" % missing[0], target=missing[0])
        sets = {one for item in found.values() for one in objects.sets_of(item)}
        members = self._set_members(min(sets)) if len(sets) == 1 else []
        if {objects.oid_name(item.get("ancestor-vol-id")) for item in members} != set(group.volumes):
            raise Conflict(
                "snapshot %s was not taken of exactly the volumes that are in the group now, at one instant" % name,
                hint="Restore the volumes one by one.",
            )
        return min(sets)

    def _restore_now(self, group: Group, source: str, names: _Names) -> Tuple[Snapshot, ...]:
        """Take the backup, and send the restore, again only while there is nothing that the array has kept."""
        with unfinished.begin() as stamp:
            pending, target = group_backup_set(group.name, names.backup, stamp), reference(group.name, group.id)
            try:
                confirm(
                    lambda: self._xms.create_snapshots({"consistency-group-id": target}, pending, names.backup),
                    lambda: self._set_members(pending) or None,
                    (NameTaken,),
                )
            except NameTaken:
                raise Busy(
                    "another run restores the group, and has taken its backup",
                    hint="Run the task again when that one has ended.",
                ) from None
            try:
                confirm(
                    lambda: self._xms.restore_group(target, source, names.suffix, names.kept_set),
                    lambda: self._kept(names) or None,
                    # The array may refuse a restore that it has carried out already, so an error alone proves nothing.
                    (FlashError,),
                )
            except REFUSALS:
                for item in self._set_members(pending):
                    self._delete_unmapped(str(item["name"]), str(item["index"]))
                raise
            return self._finish_group(names, pending)

    def _kept(self, names: _Names) -> List[Object]:
        """What the array has kept on this restore, by its set or by its names."""
        return self._set_members(names.kept_set) or list(self._by_name(names.kept).values())

    def _was_restored(self, group: Group, names: _Names, backups: Sequence[Object], pending: str) -> bool:
        """Whether the earlier run that took this backup has restored the group. If not, its backup gets another name.

        :raises Busy: that run may be alive.
        :raises Conflict: there are new objects, and one of them may be what the array has kept.
        """
        stamp = unfinished.find(pending)
        if stamp is None or not unfinished.is_over(stamp, unfinished.RESUME_WITHIN):
            raise Busy(
                "another run began to restore the group%s" % ("" if stamp is None else " %d s ago" % stamp.age()),
                hint="Run the task again when that one has ended.",
            )
        if is_restored_group_set(pending) or self._poll_kept(names, BACKUP_LAG - stamp.age()):
            return True
        newer = [
            str(item["name"])
            for item in self._xms.volumes(None, AGE_PROPS)
            if item.get("name") not in group.volumes and any(may_be_kept_after(backup, item) for backup in backups)
        ]
        if newer:
            raise Conflict(
                "an earlier run was interrupted, and whether it has restored the group cannot be known: the array may "
                "have kept the content of that time as %s" % " or ".join(sorted(newer)),
                hint="If it was restored, rename the snapshot set %s. If it was not, delete that set with its "
                "snapshots. Then run the task again." % pending,
                assumption=BACKUP_NAME.id,
            )
        for item in backups:
            name, index = str(item["name"]), str(item["index"])
            self._rename(name, "%s-%d" % (name, stamp.when), _has_index(index))
        return False

    def _poll_kept(self, names: _Names, seconds: float) -> bool:
        """Whether the array lists what it has kept. A read may show it late."""
        return self._poll_backup(lambda: next(iter(self._kept(names)), None), seconds) is not None

    def _finish_group(self, names: _Names, pending: str) -> Tuple[Snapshot, ...]:
        """The group is restored: note that, remove what the array has kept, and give the set its final name."""
        if not is_restored_group_set(pending):
            pending = self._rename_set(pending, restored_group_set(pending))
        self._discard_kept(self._kept(names))
        self._rename_set(pending, backup_set_name())
        return self._result(list(self._by_name(names.backups).values()))

    def _rename_set(self, name: str, new_name: str) -> str:
        confirm(
            lambda: self._xms.rename_snapshot_set(name, new_name),
            lambda: self._xms.snapshot_set(new_name),
            (NotFound,),
        )
        return new_name

    def _discard_kept(self, kept: Sequence[Object]) -> None:
        for item in kept:
            self._delete_unmapped(str(item["name"]), str(item["index"]))

    @staticmethod
    def _result(backups: Sequence[Object]) -> Tuple[Snapshot, ...]:
        return tuple(objects.snapshot(item, proven=True) for item in backups)


def _has_index(index: str) -> Callable[[Object], bool]:
    return lambda item: str(item["index"]) == index


@dataclass(frozen=True)
class _Names:
    """The names of one restore of a group, the same in every run."""

    backup: str
    backups: Tuple[str, ...]
    suffix: str
    kept: Tuple[str, ...]
    """Of the copies that the array keeps."""
    kept_set: str

    @classmethod
    def of(cls, group: Group, backup: str) -> _Names:
        suffix = group_suffix(group.name, backup)
        return cls(
            backup,
            tuple("%s.%s" % (volume, backup) for volume in group.volumes),
            suffix,
            tuple("%s.%s" % (volume, suffix) for volume in group.volumes),
            kept_group_set(group.name, backup),
        )
