# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes and snapshots, over REST or the text socket."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Callable, Optional, Sequence, Tuple

from ...compare import check_size_and_pool, grown_size, new_size
from ...errors import BadReply, Conflict, InUse, Invalid, NotFound, Timeout, Unreachable
from ...model import Pool, Snapshot, SnapshotSpec, Volume, VolumeSpec
from ...transport.confirm import confirm, repeat
from ...units import MIB, format_size
from .codes import Mapped, NameTaken, Referenced
from .ledger import GRANULARITY
from .limits import Limits
from .names import MARKER, marker

# Errors after which the array may still make the change.
UNSURE = (Timeout, Unreachable, BadReply)


class Volumes(Limits):
    """What a Dsware does with volumes and snapshots, except copies."""

    # -- volumes -----------------------------------------------------------------------------------------------------

    def create_volume(self, spec: VolumeSpec) -> Volume:
        """One request; three with limits."""
        with self._doing("create volume %s" % spec.name, spec.name):
            if spec.options.get("full_clone"):
                raise Invalid("full_clone is for volumes that are made of another")
            size, pool = new_size(spec.size, GRANULARITY), self._pool(spec.pool)
            made = Volume(spec.name, size, pool=pool.name, mappings=(), snapshots=())
            begun = self._begin_limits(spec.name, spec.options)
            existing = confirm(
                lambda: self._wire.create_volume(spec.name, size // MIB, pool),
                lambda: self._same_volume(spec.name, size, pool),
                (NameTaken,),
            )
            return self._end_limits(existing or made, spec.options, begun)

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
        """Four requests on REST: read whether it is mapped, its snapshots, and its QoS policy, and delete it.

        With a policy of this client four more. One on the socket, and polls.
        """
        with self._doing("delete volume %s" % volume.name, volume.name):
            self._refuse_mapped(volume.name)
            if self.capabilities.proves_snapshots:
                self._delete_policy(volume.name, self._refuse_with_snapshots(volume.name))
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

    def _refuse_with_snapshots(self, name: str) -> Tuple[str, ...]:
        """The names of its markers. Raises InUse when it has snapshots: an array that does not refuse would delete them
        too."""
        found = self._wire.snapshots_of(name)
        names = tuple(one.name for one in (*found, *found.unreadable))
        kept = [one for one in names if not one.startswith(MARKER)]
        if kept:
            raise InUse("it has snapshots: %s" % ", ".join(sorted(kept)), hint="Delete its snapshots first.")
        return names

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
