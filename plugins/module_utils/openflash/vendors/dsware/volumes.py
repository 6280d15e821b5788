# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes, snapshots and restore, over either wire."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Callable, Optional, Sequence, Tuple

from ...compare import grown_size, new_size
from ...errors import BadReply, Conflict, FlashError, InUse, Invalid, NotFound, Timeout, Unreachable
from ...model import Pool, Snapshot, SnapshotSpec, Volume, VolumeSpec
from ...transport.confirm import confirm, repeat
from ...units import MIB, format_size
from .codes import Mapped, NameTaken, Referenced
from .facts import GRANULARITY, MARKER, ROLLED_BACK, further_backup, marker
from .reading import Reading

# Errors after which the array may go on with what was asked.
UNSURE = (Timeout, Unreachable, BadReply)


class Volumes(Reading):
    """What Dsware does with volumes and snapshots, but for copies."""

    # -- volumes -----------------------------------------------------------------------------------------------------

    def create_volume(self, spec: VolumeSpec) -> Volume:
        """One request."""
        with self._doing("create volume %s" % spec.name, spec.name):
            if spec.options.get("full_clone"):
                raise Invalid("full_clone is for volumes that are made of another")
            size, pool = new_size(spec.size, GRANULARITY), self._pool(spec.pool)
            made = Volume(spec.name, size, pool=pool.name, mappings=(), snapshots=())
            there = confirm(
                lambda: self._wire.create_volume(spec.name, size // MIB, pool),
                lambda: self._same_volume(spec.name, size, pool),
                (NameTaken,),
            )
            return there or made

    def _same_volume(self, name: str, size: int, pool: Optional[Pool]) -> Optional[Volume]:
        """What has the name already, provided it has that size and is in that pool."""
        there = self._wire.volume(name)
        if there is None:
            return None
        differs = []
        if there.size != size:
            differs.append("%s instead of %s" % (format_size(there.size), format_size(size)))
        if pool is not None and there.pool not in (None, pool.name, pool.id):
            differs.append("pool %s instead of %s" % (there.pool, pool.name))
        if self._wire.has_snapshot(marker("volume", name)):
            raise Conflict(
                "a copy of that name has been begun and is not finished",
                hint="Run the task that makes the copy again, or delete it with the array's own tools.",
            )
        if differs:
            raise Conflict(
                "a volume of that name is there and has %s" % " and ".join(differs), hint="Choose another name."
            )
        return there

    def extend_volume(self, volume: Volume, size: int) -> Volume:
        """One request, which takes the new absolute size, so that sending it twice does no harm."""
        with self._doing("extend volume %s to %s" % (volume.name, format_size(size)), volume.name):
            size = grown_size(volume.size, size, GRANULARITY)
            if size > volume.size:
                repeat(lambda: self._wire.extend_volume(volume.name, size // MIB))
            return replace(volume, size=size)

    def rename_volume(self, volume: Volume, name: str) -> Volume:
        raise self.unsupported("rename_volume", "", volume)

    def delete_volume(self, volume: Volume) -> None:
        """Two requests on REST: whether it is mapped, and the end. On the socket one, and a look until it is gone."""
        with self._doing("delete volume %s" % volume.name, volume.name):
            self._refuse_mapped(volume.name)
            try:
                self._delete(self._wire.delete_volume, volume.name, lambda: self._wire.volume(volume.name) is None)
            except Mapped:
                raise
            except Referenced as error:
                if not self._sweep(volume.name):
                    raise InUse("it has snapshots", code=error.code, hint="Delete its snapshots first.") from None
                self._delete(self._wire.delete_volume, volume.name, lambda: self._wire.volume(volume.name) is None)

    def _refuse_mapped(self, name: str) -> None:
        """InUse when the volume is known to be mapped or attached."""

    @staticmethod
    def _delete(delete: Callable[[str], None], name: str, gone: Callable[[], bool]) -> None:
        with suppress(NotFound):
            confirm(lambda: delete(name), gone)

    def _sweep(self, volume: str) -> bool:
        """Remove markers that killed runs left on a volume; whether there were any, and nothing else."""
        found = self._wire.snapshots_of(volume)
        if not found.complete or any(not one.name.startswith(MARKER) for one in found) or not found.items:
            return False
        for one in found:
            self._delete_snapshot(one.name)
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
                # After a lost answer too the request itself tells whether it was taken.
                repeat(lambda: self._wire.create_snapshot(spec.name, spec.volume.name))
            except NameTaken as error:
                there = self._wire.snapshot(spec.name)
                if there is None or there.volume not in (None, spec.volume.name):
                    raise Conflict(
                        "a snapshot of that name is there, of volume %s" % (there.volume if there else "unknown"),
                        code=error.code,
                        hint="Choose another name.",
                    ) from None
                return there
            proven = self.capabilities.proves_snapshots
            return Snapshot(spec.name, spec.volume.name, spec.volume.size, proven=proven, mappings=(), children=())

    def delete_snapshot(self, snapshot: Snapshot) -> None:
        """One request; on the socket the array is asked until it is gone."""
        with self._doing("delete snapshot %s" % snapshot.name, snapshot.name):
            self._delete_snapshot(snapshot.name)

    def _delete_snapshot(self, name: str) -> None:
        self._delete(self._wire.delete_snapshot, name, lambda: not self._wire.has_snapshot(name))

    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        """A read, a marker, the backup, the rollback, and the end of the marker: five requests.

        The marker says that the backup is there and the rollback perhaps not. Nothing on this array tells whether it
        was carried out. So from then on the backup stays whatever the array answers, and a run that finds the marker
        keeps the present content once more, as ``<backup>-2``, before it sends the rollback again.
        """
        with self._doing("restore volume %s from snapshot %s" % (volume.name, snapshot.name), volume.name):
            self._require("restore_snapshot", volume)
            if snapshot.volume not in (None, volume.name):
                raise Conflict("the snapshot was not taken of that volume, but of volume %s" % snapshot.volume)
            token = marker("restore", backup)
            there = self._wire.snapshot(backup)
            if there is not None and there.volume not in (None, volume.name):
                raise Conflict(
                    "a snapshot %s is there, of volume %s" % (backup, there.volume), hint="Choose another name."
                )
            if there is not None and not self._wire.has_snapshot(token):
                return there
            if there is None:
                self._mark_restore(token, volume.name)
                there = self._create_snapshot(SnapshotSpec(backup, volume))
            else:
                self._keep_once_more(volume, backup)
            try:
                self._wire.rollback(volume.name, snapshot.name)
            except FlashError as error:
                if error.code != ROLLED_BACK:
                    kept = "What the volume held before is kept as snapshot %s, which stays." % backup
                    error.hint = "%s %s" % (error.hint, kept) if error.hint else kept
                    raise
            try:
                self._delete_snapshot(token)
            except FlashError as error:
                error.hint = (
                    "The volume was restored, and snapshot %s keeps what it held before. Delete snapshot %s with the "
                    "array's own tools: while it is there, the task would restore the volume again." % (backup, token)
                )
                raise
            return there

    def _keep_once_more(self, volume: Volume, backup: str) -> None:
        """One more safety copy of the present content, under the first free name."""
        for number in range(2, 100):
            name = further_backup(backup, number)
            with suppress(NameTaken):
                repeat(lambda name=name: self._wire.create_snapshot(name, volume.name))  # type: ignore[misc]
                return
        raise Conflict(
            "there are too many snapshots named %s-*" % backup, hint="Look at them, and delete those you do not need."
        )

    def _mark_restore(self, token: str, volume: str) -> None:
        with suppress(NameTaken):
            repeat(lambda: self._wire.create_snapshot(token, volume))
