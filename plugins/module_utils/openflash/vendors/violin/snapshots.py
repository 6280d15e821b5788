# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots (TimeMarks of one LUN), with the snapshot resource and policy that they need (sheet, 2.2 to 2.4)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import List, Sequence, Tuple

from ...errors import InUse, NotFound, Refused
from ...model import Snapshot, SnapshotSpec, Volume
from ...transport.confirm import confirm
from ...units import MIB
from . import objects
from .ledger import AREA_PART, AREA_SIZES, SNAPSHOT_NAME_LONGEST
from .objects import TimeMark
from .pools import pool_id
from .refusals import Rejected
from .session import NotClean, Object
from .volumes import Volumes


class Snapshots(Volumes):
    """Snapshots."""

    def create_snapshots(self, specs: Sequence[SnapshotSpec], atomic: bool = False) -> Tuple[Snapshot, ...]:
        """Three requests each; five for the first of a volume, which needs a snapshot resource and a policy."""
        if atomic and len(specs) > 1:
            raise self.unsupported("atomic_snapshots", "")
        snapshots = []
        for spec in specs:
            with self._doing("take snapshot %s of volume %s" % (spec.name, spec.volume.name), spec.name):
                with self._not_found_if_deleted(spec.volume.name):
                    snapshots.append(self._take(spec.volume, spec.name))
        return tuple(snapshots)

    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        with self._doing("restore volume %s" % volume.name, volume.name):
            raise self.unsupported("restore_snapshot", "", snapshot)

    def _take(self, volume: Volume, name: str) -> TimeMark:
        """The snapshot of that name, which may exist already: names of snapshots are unique within a volume."""
        if len(name) > SNAPSHOT_NAME_LONGEST:
            raise Refused("the name of a snapshot has at most %d characters on this array" % SNAPSHOT_NAME_LONGEST)
        lun_id = self._lun_id(volume)
        with self._locked(lun_id):
            # A LUN without policy has no snapshots. With a policy, this snapshot may exist already.
            timemarks = None if volume.snapshots == () else self._timemarks(lun_id, name)
            if timemarks is None and self._prepare(lun_id, volume):
                timemarks = self._timemarks(lun_id, name)
            timemark = self._only(timemarks, name) if timemarks else self._create_timemark(lun_id, name)
        return objects.converted(objects.timemark, timemark, replace(volume, id=lun_id), ())

    def _create_timemark(self, lun_id: str, name: str) -> Object:
        confirm(
            lambda: self._concerto.create_timemark(lun_id, name),
            lambda: bool(self._timemarks(lun_id, name)),
            (Rejected,),
        )
        return self._only(self._listed(lambda: self._timemarks(lun_id, name) or None, "the snapshot"), name)

    # -- what snapshots need -----------------------------------------------------------------------------------------

    def _prepare(self, lun_id: str, volume: Volume) -> bool:
        """Create snapshot resource and policy where they are missing. Returns whether there was a policy before."""
        area = self._concerto.snapshot_area(lun_id)
        if not self._has_area(area):
            self._create_area(lun_id, volume.size)
        if not self._has_policy(area):
            confirm(
                lambda: self._concerto.create_snapshot_policy(lun_id),
                lambda: self._has_policy(self._concerto.snapshot_area(lun_id)),
                (Rejected,),
            )
        return self._has_policy(area)

    def _create_area(self, lun_id: str, size: int) -> None:
        """Create the snapshot resource of a LUN. When the answer is lost, or another run was faster, a read decides."""
        megabytes = area_size(size // MIB)
        pool = pool_id(self._pool_of_area(megabytes))
        confirm(
            lambda: self._concerto.create_snapshot_area(lun_id, megabytes, pool),
            lambda: self._has_area(self._concerto.snapshot_area(lun_id)),
            (Rejected,),
        )

    # -- delete ------------------------------------------------------------------------------------------------------

    def delete_snapshot(self, snapshot: Snapshot) -> None:
        """Three requests: its thin clone, the deletion, and the list without it. The volume keeps resource and policy.

        While the array reports that it is busy with the snapshot, the request is repeated with growing pauses for at
        most wait_timeout.

        :raises InUse: a thin clone depends on it.
        """
        with self._doing("delete snapshot %s" % snapshot.name, snapshot.name):
            timemark_id = self._timemark_id(snapshot)

            def delete() -> None:
                if self._concerto.timemark(timemark_id).get("timeview_object_id"):
                    raise InUse("a thin clone depends on it", hint="Delete the clone first.")
                self._concerto.delete_timemark(timemark_id)

            confirm(delete, lambda: not self._snapshot_exists(snapshot), (Rejected, NotClean))
            self._listed(lambda: not self._snapshot_exists(snapshot), "that the snapshot is deleted")

    def _timemark_id(self, snapshot: Snapshot) -> str:
        if snapshot.id:
            return snapshot.id
        timemarks: List[Object] = []
        if snapshot.volume:
            lun_id = snapshot.volume_id or self._lun_id(Volume(snapshot.volume, snapshot.size))
            timemarks = self._timemarks(lun_id, snapshot.name) or []
        if not timemarks:
            raise NotFound("snapshot %s is not there" % snapshot.name, target=snapshot.name)
        return str(self._only(timemarks, snapshot.name)["object_id"])

    def _snapshot_exists(self, snapshot: Snapshot) -> bool:
        """Section 3: no code says that a snapshot is missing, so the list of its volume's snapshots decides."""
        if snapshot.volume_id:
            with suppress(Rejected):
                timemarks = self._timemarks(snapshot.volume_id, snapshot.name) or ()
                return any(snapshot.id in ("", str(timemark["object_id"])) for timemark in timemarks)
        rows = self._lun_rows(snapshot.volume) if snapshot.volume else []
        if not rows:
            return False
        timemarks = self._timemarks(str(rows[0]["object_id"]), snapshot.name) or ()
        return any(snapshot.id in ("", str(timemark["object_id"])) for timemark in timemarks)


def area_size(megabytes: int) -> int:
    """The size of the snapshot resource for a LUN of this size, both in MiB (section 2.2)."""
    percent = next((percent for below, percent in AREA_SIZES if megabytes < below), AREA_PART)
    return -(-megabytes * percent // 100)
