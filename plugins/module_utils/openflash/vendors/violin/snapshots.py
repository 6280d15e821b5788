# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots: TimeMarks of one LUN, with the snapshot resource and policy that they need (sheet, 2.2 to 2.4)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, Dict, List, Sequence, Tuple

from ...errors import InUse, NotFound, Refused
from ...model import Snapshot, SnapshotSpec, Volume
from ...transport.confirm import confirm
from ...units import MIB
from . import objects
from .facts import (
    AREA_INCREMENT,
    AREA_THRESHOLD,
    SNAPSHOT_NAME_LONGEST,
    SNAPSHOTS_PER_VOLUME,
    TimeMark,
    area_size,
)
from .refusals import Rejected
from .volumes import Volumes, pool_id
from .wire import AREAS, POLICIES, TIMEMARKS, NotClean, Object


class Snapshots(Volumes):
    """What Violin does with snapshots."""

    def create_snapshots(self, specs: Sequence[SnapshotSpec], atomic: bool = False) -> Tuple[Snapshot, ...]:
        """Three requests each; five for the first of a volume, which needs a snapshot resource and a policy."""
        if atomic and len(specs) > 1:
            raise self.unsupported("atomic_snapshots", "")
        made = []
        for spec in specs:
            with self._doing("take snapshot %s of volume %s" % (spec.name, spec.volume.name), spec.name):
                with self._or_gone(spec.volume.name):
                    made.append(self._take(spec.volume, spec.name))
        return tuple(made)

    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        with self._doing("restore volume %s" % volume.name, volume.name):
            raise self.unsupported("restore_snapshot", "", snapshot)

    def _take(self, volume: Volume, name: str) -> TimeMark:
        """The snapshot of that name, which may be there already: a name stands once for each volume."""
        if len(name) > SNAPSHOT_NAME_LONGEST:
            raise Refused("the array takes names of at most %d characters for snapshots" % SNAPSHOT_NAME_LONGEST)
        lun_id = self._lun_id(volume)
        with self._alone_with(lun_id):
            # Without policy there are no snapshots; with one, this very snapshot may be there.
            marks = None if volume.snapshots == () else self._timemarks(lun_id, name)
            if marks is None and self._prepare(lun_id, volume):
                marks = self._timemarks(lun_id, name)
            found = marks[0] if marks else self._post_timemark(lun_id, name)
        return objects.converted(objects.timemark, found, replace(volume, id=lun_id), ())

    def _post_timemark(self, lun_id: str, name: str) -> Object:
        body = {"comment": name, "priority": "medium", "snapshotNotification": False}
        confirm(
            lambda: self._c.post("%s/%s" % (TIMEMARKS, lun_id), body),
            lambda: bool(self._timemarks(lun_id, name)),
            (Rejected,),
        )
        return self._seen(lambda: self._timemarks(lun_id, name) or None, "the snapshot")[0]

    # -- what snapshots need -----------------------------------------------------------------------------------------

    def _prepare(self, lun_id: str, volume: Volume) -> bool:
        """Snapshot resource and policy, as far as they are not there; whether there was a policy already."""
        area = self._area(lun_id)
        if not self._has_area(area):
            self._make_area(lun_id, volume.size)
        if not self._has_policy(area):
            self._make(
                "%s/%s" % (POLICIES, lun_id),
                {
                    "maxTimeMarkCount": SNAPSHOTS_PER_VOLUME,
                    "triggerReplication": False,
                    "automatic": {"enabled": False},
                    "CDPOption": {"enabled": False},
                    "RetentionPolicy": {"mode": "All"},
                },
                lambda: self._has_policy(self._area(lun_id)),
            )
        return self._has_policy(area)

    def _make_area(self, lun_id: str, size: int) -> None:
        megabytes = area_size(size // MIB)
        pool = self._pool_of_area(megabytes)
        self._make(
            "%s/%s" % (AREAS, lun_id),
            {
                "sizeMB": megabytes,
                "snapshotNotificationEnabled": False,
                "policy": "preserveAll",
                "storagepoolID": pool_id(pool),
                "automaticExpansion": {"enabled": True, "threshold": AREA_THRESHOLD, "increment": AREA_INCREMENT},
                "automaticShrink": {"enabled": False},
            },
            lambda: self._has_area(self._area(lun_id)),
        )

    def _make(self, path: str, body: Dict[str, Any], is_there: Any) -> None:
        """POST what a LUN has once; when the answer is lost, or another run was faster, the state decides."""
        confirm(lambda: self._c.post(path, body), is_there, (Rejected,))

    # -- delete ------------------------------------------------------------------------------------------------------

    def delete_snapshot(self, snapshot: Snapshot) -> None:
        """Three requests: what hangs on it, the snapshot, and the list that shows that it is gone. Resource and policy
        stay with the volume.

        While the array says that it is busy with it, the request is repeated with growing pauses for at most
        wait_timeout.
        """
        with self._doing("delete snapshot %s" % snapshot.name, snapshot.name):
            path = "%s/%s" % (TIMEMARKS, self._timemark_id(snapshot))

            def delete() -> None:
                if self._c.data(path).get("timeview_object_id"):
                    raise InUse("a thin clone depends on it", hint="Delete the clone first.")
                self._c.delete(path)

            confirm(delete, lambda: not self._still_there(snapshot), (Rejected, NotClean))
            self._seen(lambda: not self._still_there(snapshot), "that the snapshot is gone")

    def _timemark_id(self, snapshot: Snapshot) -> str:
        if snapshot.id:
            return snapshot.id
        marks: List[Object] = []
        if snapshot.volume:
            lun_id = snapshot.volume_id or self._lun_id(Volume(snapshot.volume, snapshot.size))
            marks = self._timemarks(lun_id, snapshot.name) or []
        if not marks:
            raise NotFound("snapshot %s is not there" % snapshot.name, target=snapshot.name)
        return str(marks[0]["object_id"])

    def _still_there(self, snapshot: Snapshot) -> bool:
        """Missing is told by no code (section 3): the volume's list decides, or that the volume is gone."""
        if snapshot.volume_id:
            with suppress(Rejected):
                marks = self._timemarks(snapshot.volume_id, snapshot.name) or ()
                return any(snapshot.id in ("", str(mark["object_id"])) for mark in marks)
        rows = self._lun_rows(snapshot.volume) if snapshot.volume else []
        if not rows:
            return False
        marks = self._timemarks(str(rows[0]["object_id"]), snapshot.name) or ()
        return any(snapshot.id in ("", str(mark["object_id"])) for mark in marks)
