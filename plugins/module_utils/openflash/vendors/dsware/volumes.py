# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes, snapshots and restore, over REST or the text socket."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Callable, Optional, Sequence, Tuple

from ...compare import check_size_and_pool, grown_size, new_size
from ...errors import BadReply, Conflict, FlashError, InUse, Invalid, NotFound, Timeout, Unreachable
from ...model import COPYING, READY, Pool, Snapshot, SnapshotSpec, Volume, VolumeSpec
from ...transport.confirm import confirm, repeat
from ...transport.deadline import Deadline
from ...units import MIB, format_size
from .codes import Mapped, NameTaken, Referenced
from .ledger import GRANULARITY, RESTORE_ANSWER, ROLLED_BACK
from .names import MARKER, further_backup, marker
from .reading import Reading

# Errors after which the array may still make the change.
UNSURE = (Timeout, Unreachable, BadReply)


class Volumes(Reading):
    """What a Dsware does with volumes and snapshots, except copies."""

    # -- volumes -----------------------------------------------------------------------------------------------------

    def create_volume(self, spec: VolumeSpec) -> Volume:
        """One request."""
        with self._doing("create volume %s" % spec.name, spec.name):
            if spec.options.get("full_clone"):
                raise Invalid("full_clone is for volumes that are made of another")
            size, pool = new_size(spec.size, GRANULARITY), self._pool(spec.pool)
            made = Volume(spec.name, size, pool=pool.name, mappings=(), snapshots=())
            existing = confirm(
                lambda: self._wire.create_volume(spec.name, size // MIB, pool),
                lambda: self._same_volume(spec.name, size, pool),
                (NameTaken,),
            )
            return existing or made

    def _same_volume(self, name: str, size: int, pool: Optional[Pool]) -> Optional[Volume]:
        """The volume that has the name already. Raises Conflict unless it has that size and is in that pool."""
        existing = self._wire.volume(name)
        if existing is None:
            return None
        if self._wire.has_snapshot(marker("volume", name)):
            raise Conflict(
                "a copy of that name has been begun and is not finished",
                hint="Run the task that makes the copy again, or delete it with the array's own tools.",
            )
        return check_size_and_pool(existing, size, (pool.name, pool.id) if pool is not None else ())

    def extend_volume(self, volume: Volume, size: int) -> Volume:
        """One request. It has the new absolute size, so it may be sent twice."""
        with self._doing("extend volume %s to %s" % (volume.name, format_size(size)), volume.name):
            size = grown_size(volume.size, size, GRANULARITY)
            if size > volume.size:
                repeat(lambda: self._wire.extend_volume(volume.name, size // MIB))
            return replace(volume, size=size)

    def rename_volume(self, volume: Volume, name: str) -> Volume:
        raise self.unsupported("rename_volume", "", volume)

    def delete_volume(self, volume: Volume) -> None:
        """Three requests on REST: read whether it is mapped, and its snapshots, and delete it.

        One on the socket, and polls.
        """
        with self._doing("delete volume %s" % volume.name, volume.name):
            self._refuse_mapped(volume.name)
            if self.capabilities.proves_snapshots:
                self._refuse_with_snapshots(volume.name)
            try:
                self._delete(self._wire.delete_volume, volume.name, lambda: self._wire.volume(volume.name) is None)
            except Mapped:
                raise
            except Referenced as error:
                if not self._remove_markers(volume.name):
                    raise InUse("it has snapshots", code=error.code, hint="Delete its snapshots first.") from None
                self._delete(self._wire.delete_volume, volume.name, lambda: self._wire.volume(volume.name) is None)

    def _refuse_mapped(self, name: str) -> None:
        """Raises InUse when the volume is known to be mapped or attached."""

    def _refuse_with_snapshots(self, name: str) -> None:
        """Raises InUse when it has snapshots: an array that does not refuse would delete them too."""
        found = self._wire.snapshots_of(name)
        kept = [one.name for one in (*found, *found.unreadable) if not one.name.startswith(MARKER)]
        if kept:
            raise InUse("it has snapshots: %s" % ", ".join(sorted(kept)), hint="Delete its snapshots first.")

    @staticmethod
    def _delete(delete: Callable[[str], None], name: str, deleted: Callable[[], bool]) -> None:
        with suppress(NotFound):
            confirm(lambda: delete(name), deleted)

    def _remove_markers(self, volume: str) -> bool:
        """Remove the markers of killed runs, if the volume has no other snapshots. Returns whether it had such only."""
        found = self._wire.snapshots_of(volume)
        if not found.complete or any(not snapshot.name.startswith(MARKER) for snapshot in found) or not found.items:
            return False
        for snapshot in found:
            self._delete_snapshot(snapshot.name)
        return True

    # -- snapshots ---------------------------------------------------------------------------------------------------

    def create_snapshots(self, specs: Sequence[SnapshotSpec], atomic: bool = False) -> Tuple[Snapshot, ...]:
        """One request each."""
        if atomic and len(specs) > 1:
            raise self.unsupported("atomic_snapshots", "")
        return tuple(self._create_snapshot(spec) for spec in specs)

    def _create_snapshot(self, spec: SnapshotSpec) -> Snapshot:
        with self._doing("take snapshot %s of volume %s" % (spec.name, spec.volume.name), spec.name):
            try:
                # The request may be sent again after a lost answer: it shows whether it was taken.
                repeat(lambda: self._wire.create_snapshot(spec.name, spec.volume.name))
            except NameTaken as error:
                existing = self._wire.snapshot(spec.name)
                if existing is None or existing.volume not in (None, spec.volume.name):
                    raise Conflict(
                        "a snapshot of that name exists, of volume %s" % (existing.volume if existing else "unknown"),
                        code=error.code,
                        hint="Choose another name.",
                    ) from None
                return existing
            proven = self.capabilities.proves_snapshots
            return Snapshot(spec.name, spec.volume.name, spec.volume.size, proven=proven, mappings=(), children=())

    def delete_snapshot(self, snapshot: Snapshot) -> None:
        """One request, and polls on the socket."""
        with self._doing("delete snapshot %s" % snapshot.name, snapshot.name):
            self._delete_snapshot(snapshot.name)

    def _delete_snapshot(self, name: str) -> None:
        self._delete(self._wire.delete_snapshot, name, lambda: not self._wire.has_snapshot(name))

    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        """Six requests: a read, the marker, the backup, the rollback, a read of the state, the end of the marker.

        While there is a marker, the rollback may not have been carried out; the array does not report whether it was.
        So the backup stays whatever the array answers, and a run that finds the marker takes a further backup,
        ``<backup>-2``, before it sends the rollback again.
        """
        with self._doing("restore volume %s from snapshot %s" % (volume.name, snapshot.name), volume.name):
            self._require("restore_snapshot", volume)
            if snapshot.volume not in (None, volume.name):
                raise Conflict("the snapshot was not taken of that volume, but of volume %s" % snapshot.volume)
            token = marker("restore", backup)
            existing = self._wire.snapshot(backup)
            if existing is not None and existing.volume not in (None, volume.name):
                raise Conflict(
                    "a snapshot %s exists, of volume %s" % (backup, existing.volume), hint="Choose another name."
                )
            if existing is not None and not self._wire.has_snapshot(token):
                return existing
            if existing is None:
                self._mark_restore(token, volume.name)
                existing = self._create_snapshot(SnapshotSpec(backup, volume))
            else:
                self._further_backup(volume, backup)
            try:
                self._wire.rollback(volume.name, snapshot.name)
                self._wait_until_restored(volume.name)
            except FlashError as error:
                kept = "What the volume held before is kept as snapshot %s, which stays." % backup
                if error.code == ROLLED_BACK or isinstance(error, UNSURE):
                    error.fill(assumption=RESTORE_ANSWER.id)
                    kept += (
                        " The array does not report whether the volume was restored: compare it with the snapshot. If "
                        "it was, delete snapshot %s with the array's own tools: while it exists, the task keeps the "
                        "present content under another name and restores the volume again." % token
                    )
                error.hint = "%s %s" % (error.hint, kept) if error.hint else kept
                raise
            try:
                self._delete_snapshot(token)
            except FlashError as error:
                error.hint = (
                    "The volume was restored, and snapshot %s keeps what it held before. Delete snapshot %s with the "
                    "array's own tools: while it exists, the task would restore the volume again." % (backup, token)
                )
                raise
            return existing

    def _wait_until_restored(self, name: str) -> None:
        """Wait while the array reports that it fills the volume: a restore may go on after its answer."""

        def done() -> Optional[bool]:
            state = self._need_volume(name).state
            if state not in (READY, COPYING):
                raise FlashError("the restore has failed: the array reports the state %s for the volume" % state)
            return True if state == READY else None

        Deadline(self._wait_timeout, first=0.05, longest=5.0).poll(done, "the end of the restore")

    def _further_backup(self, volume: Volume, backup: str) -> None:
        """Take one more backup of the present content, under the first free name."""
        for number in range(2, 100):
            name = further_backup(backup, number)
            with suppress(NameTaken):
                repeat(lambda name=name: self._wire.create_snapshot(name, volume.name))  # type: ignore[misc]
                return
        raise Conflict("there are too many snapshots named %s-*" % backup, hint="Delete those that you do not need.")

    def _mark_restore(self, token: str, volume: str) -> None:
        with suppress(NameTaken):
            repeat(lambda: self._wire.create_snapshot(token, volume))
