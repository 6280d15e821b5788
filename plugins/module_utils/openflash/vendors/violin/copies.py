# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies: full copies of thick volumes, thin clones of all others (sheet, sections 2.4 and 2.5).

The array copies in the background, and reports for each source only its last copy. So a copy has a temporary name until
the array reports a copy into this very target as finished. When the array reports something else, whether the copy is
complete cannot be known: it is removed.

A full copy that an earlier run began is resumed where unfinished.py permits it. A thin clone is instant: a later run
never uses the snapshot that an earlier one took for it.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any, Callable, Dict, List, Optional, Tuple

from ... import unfinished
from ...array import UnfinishedCopies
from ...compare import check_size, copy_size, unlike
from ...errors import BadReply, Busy, Conflict, FlashError, InUse, Invalid, NoSpace, NotFound, Timeout
from ...model import THICK, Snapshot, Volume, VolumeSpec
from ...progress import Report
from ...transport.confirm import ATTEMPTS, AnswerLost, confirm
from ...transport.deadline import Deadline
from ...units import MIB, round_up
from . import objects
from .capabilities import kind_of
from .ledger import COPY_SEEN_AFTER, COPY_STARTS_WITHIN, TIMESTAMP_UNIQUE
from .names import carrier_name, stamp_of, temporary_name, temporary_prefix
from .objects import TimeMark
from .pools import pool_id
from .refusals import CopyRunning, NameTaken, Rejected
from .session import Object
from .snapshots import Snapshots


class CopyFailed(FlashError):
    """A copy failed in the array, or the array does not report it any more."""


class _Status:
    """The last copy from a source: its target, under the id that this status uses, and its progress in per cent."""

    def __init__(self, target: str, percent: int) -> None:
        self.target = target
        self.percent = percent


class _Job:
    """A full copy to make, of a LUN or of a snapshot of it.

    :param kind: ``lun`` or ``snapshot``.
    :param source: name of the source, for errors.
    :param start: sends the request, with the name of the target and the id of its pool.
    :param status: reads the status of the last copy from this kind of source.
    """

    def __init__(
        self,
        kind: str,
        source: str,
        lun_id: str,
        source_id: str,
        size: int,
        start: Callable[[str, Any], Object],
        status: Callable[[], Optional[_Status]],
    ) -> None:
        self.kind = kind
        self.source = source
        self.lun_id = lun_id
        self.source_id = source_id
        self.size = size
        self.start = start
        self.status = status
        self.previous_target: Optional[str] = None
        """The target of the copy before this one, under the id that the status uses."""

    def id_in_status(self, target: Object) -> str:
        """The id under which the status reports this target."""
        key = "virtualDeviceID" if self.kind == "snapshot" else "object_id"
        return objects.converted(lambda item: str(item[key]), target)


class Copies(Snapshots, UnfinishedCopies):
    """Clones of volumes, and volumes from snapshots."""

    def clone_volume(self, source: Volume, spec: VolumeSpec) -> Volume:
        """Seven requests and one for each poll of the progress; more for the first copy of a source, or to extend."""
        with self._doing("clone volume %s to %s" % (source.name, spec.name), spec.name):
            self._check_copy("clone_volume", source, spec)
            lun_id = self._lun_id(source)
            with self._not_found_if_deleted(source.name):
                if kind_of(source) != THICK:
                    return self._thin_clone_of_volume(source, lun_id, spec)
                job = _Job(
                    "lun",
                    source.name,
                    lun_id,
                    lun_id,
                    source.size,
                    lambda name, pool: self._concerto.copy_lun(lun_id, name, pool),
                    lambda: self._lun_status(lun_id),
                )
                return self._full_copy(job, spec, source)

    def volume_from_snapshot(self, snapshot: Snapshot, spec: VolumeSpec) -> Volume:
        """As many requests as clone_volume."""
        with self._doing("make volume %s from snapshot %s" % (spec.name, snapshot.name), spec.name):
            lun = self._volume(snapshot.volume or "")
            if lun is None:
                raise NotFound("volume %s of the snapshot is not there" % snapshot.volume)
            kind = kind_of(lun)
            if not isinstance(snapshot, TimeMark):
                snapshot = self._as_timemark(snapshot, lun)
            self._check_copy("volume_from_snapshot", replace(snapshot, provisioning=kind), spec)
            if kind != THICK:
                return self._thin_clone(lun, self._timemark_id(snapshot), snapshot.name, spec)
            timemark_id = self._timemark_id(snapshot)
            job = _Job(
                "snapshot",
                snapshot.name,
                lun.id,
                timemark_id,
                lun.size,
                lambda name, pool: self._concerto.copy_timemark(timemark_id, name, pool),
                lambda: self._snapshot_status(lun.id),
            )
            return self._full_copy(job, spec, lun)

    def _as_timemark(self, snapshot: Snapshot, lun: Volume) -> TimeMark:
        timemarks = self._timemarks(lun.id, snapshot.name)
        if not timemarks:
            raise NotFound("snapshot %s is not there" % snapshot.name, target=snapshot.name)
        return objects.converted(objects.timemark, self._only(timemarks, snapshot.name), lun, None)

    def _check_copy(self, operation: str, source: Any, spec: VolumeSpec) -> None:
        """Before anything is created: whether this kind of source can be copied to what is requested."""
        copy_size(spec.size, source.size, MIB)
        self._require(operation, source, spec=spec)

    # -- full copies -------------------------------------------------------------------------------------------------

    def _full_copy(self, job: _Job, spec: VolumeSpec, source: Volume) -> Volume:
        # Not compared with job.size: the LUN may have grown since its snapshot was taken. _check_copy has compared.
        size = job.size if spec.size is None else round_up(spec.size, MIB)
        with self._locked("copy " + job.lun_id):
            deadline = Deadline(self._settings.wait_timeout, first=0.1, longest=5.0)
            rows = {str(row["name"]): row for row in self._lun_rows()}
            if spec.name in rows:
                return self._same_copy(objects.converted(objects.volume, self._complete(rows[spec.name])), size)
            request = (job.kind, job.source_id, spec.name, spec.pool or "")
            with unfinished.begin() as stamp:
                target = self._resumable_copy(job, rows, temporary_prefix(*request), size)
                resumed = None if target is None else stamp_of(str(target["name"]))
                if target is None:
                    target = self._begin(job, temporary_name(stamp, *request), spec, source, deadline)
                with self.reports.copy(spec.name, job.size) as report:
                    self._wait_for_copy(job, target, deadline, report)
                copy = self._finish(target, spec, size, job.source)
                return replace(copy, resumed=None if resumed is None else resumed.since)

    def _same_copy(self, existing: Volume, size: int) -> Volume:
        """The existing volume, if kind and size are right. The array does not report the source of a full copy."""
        if kind_of(existing) != THICK:
            raise unlike("volume", existing.name, "it is not thick, as a copy of a thick volume is")
        check_size(existing.name, existing.size, size)
        return existing

    def _resumable_copy(self, job: _Job, rows: Dict[str, Object], prefix: str, size: int) -> Optional[Object]:
        """The copy that an earlier run began for this very request, if it can be resumed; else it is removed."""
        for name in sorted(name for name in rows if name.startswith(prefix)):
            stamp = stamp_of(name)
            if stamp is None:
                continue
            target = self._complete(rows[name])
            present_size = objects.megabytes(target, "size_mb") * MIB if "size_mb" in target else job.size
            size_fits = job.size <= present_size <= size
            resume = unfinished.may_resume(stamp, self._settings.wait_timeout, "volume %s" % name, size_fits)
            hosts = self._mapped_to(name)
            if hosts:
                raise Conflict(
                    "the unfinished copy %s cannot be removed: it is mapped to %s" % (name, ", ".join(hosts)),
                    hint="Unmap it first.",
                )
            status = job.status()
            is_reported = status is not None and status.target == job.id_in_status(target)
            if resume and is_reported:
                return target
            if status is not None and is_reported and status.percent < 100:
                raise Busy(
                    "the array still copies into volume %s, which an earlier run began %d s ago" % (name, stamp.age()),
                    hint="Run the task again when that copy has finished: it is then removed and made again.",
                )
            # It is too old, or the array reports another copy, so that whether this one is complete cannot be known.
            self._discard(target)
        return None

    def _begin(self, job: _Job, name: str, spec: VolumeSpec, source: Volume, deadline: Deadline) -> Object:
        """Start the copy, when the last one from the same source has finished: its status would be replaced."""
        if job.kind == "lun" and not self._has_area(self._concerto.snapshot_area(job.lun_id)):
            self._create_area(job.lun_id, source.size)
        status = job.status()
        while status is not None and status.percent < 100:
            if not deadline.pause():
                raise Busy(
                    "another copy from %s is at %d %%" % (source.name, status.percent),
                    hint="The array reports only one copy per source. Run the task again when that one has finished.",
                )
            status = job.status()
        job.previous_target = status.target if status else None
        pool = pool_id(self._choose_pool(THICK, job.size, spec.pool))
        for attempt in range(ATTEMPTS):
            try:
                object_id = job.start(name, pool).get("object_id")
                if object_id:
                    return self._target(job, name, str(object_id))
            except AnswerLost:
                if attempt == ATTEMPTS - 1 and not self._lun_rows(name):
                    raise
            except NameTaken:
                pass  # the previous request was carried out, and its answer lost
            rows = self._lun_rows(name)
            if rows:
                return self._complete(rows[0])
        raise BadReply("the array accepted the copy, and does not list its target")

    def _target(self, job: _Job, name: str, object_id: str) -> Object:
        """The target, with the id that the status of the copy uses. A copy of a snapshot is reported by another one."""
        target: Object = {"name": name, "object_id": object_id}
        if job.kind != "snapshot":
            return target
        return self._listed(lambda: self._complete_if_listed(target), "the target of the copy")

    def _wait_for_copy(self, job: _Job, target: Object, deadline: Deadline, report: Report) -> None:
        """Wait until the array reports this very copy as finished."""
        our_target = job.id_in_status(target)
        last_percent = -1
        unexpected_reports = 0
        started = time.monotonic()
        while True:
            status = job.status()
            if status is not None and status.target == our_target:
                last_percent, unexpected_reports = max(last_percent, status.percent), 0
                report(status.percent)
                if status.percent >= 100:
                    return
            elif status is not None and status.target != job.previous_target:
                self._discard(target)
                raise Busy(
                    "another copy from %s began before the array reported this one as finished" % job.source,
                    hint="The array reports only one copy per source. Run the task again.",
                )
            elif last_percent >= 0 or time.monotonic() - started > COPY_STARTS_WITHIN:
                # A single report may be an error of the array. After two in a row the copy has failed.
                unexpected_reports += 1
                if unexpected_reports > 1:
                    self._discard(target)
                    raise CopyFailed(
                        "the copy failed in the array %s"
                        % ("at %d %%" % last_percent if last_percent >= 0 else "before it began"),
                        hint="The unfinished copy was removed. Check the array's own log, then run the task again.",
                        assumption=COPY_SEEN_AFTER.id if last_percent < 0 else None,
                    )
            if not deadline.pause():
                raise Timeout(
                    "the copy is at %d %% after %g s" % (max(last_percent, 0), deadline.seconds),
                    hint="The array continues it, as volume %s. Run the task again to wait, or raise wait_timeout."
                    % target["name"],
                )

    def _finish(self, target: Object, spec: VolumeSpec, size: int, source: str) -> Volume:
        """Extend the finished copy where requested, and give it its name, which an unfinished one never has."""
        lun_id, temporary = str(target["object_id"]), str(target["name"])
        try:
            self._grow(lun_id, temporary, size)
            detail = self._rename(lun_id, spec.name)
        except NameTaken:
            self._discard(target)
            existing = self._volume(spec.name)
            if existing is None:
                raise
            return self._same_copy(existing, size)
        except (Rejected, NoSpace, Invalid):
            # The array refused to extend it, for lack of space perhaps.
            self._discard(target)
            raise
        # Only this run knows pool and source: the array does not report them.
        copy = objects.converted(objects.volume, dict(detail, name=spec.name))
        return replace(copy, pool=spec.pool, source=source, mappings=(), snapshots=())

    def remove_unfinished(self) -> Tuple[str, ...]:
        """Only copies that are not used: a mapped copy, or one with snapshots, remains. So does a copy into which the
        array still copies: it refuses to delete that, as is assumed from its codes (section 3).
        """
        with self._doing("remove unfinished copies"):
            removed: List[str] = []
            for row in self._lun_rows():
                stamp = stamp_of(str(row["name"]))
                if stamp is not None and unfinished.is_over(stamp, unfinished.RESUME_WITHIN):
                    self._discard(row)
                    if not self._lun_exists(str(row["object_id"]), str(row["name"])):
                        removed.append(str(row["name"]))
            return tuple(removed)

    def _discard(self, target: Object) -> None:
        """Remove an unfinished copy. One that the array refuses to remove is left to the next run."""
        try:
            if not self._lun_exists(str(target["object_id"]), str(target["name"])):
                return  # it is removed, or another run has finished it and given it its name
            self._delete_lun(str(target["name"]), str(target["object_id"]))
        except (Rejected, CopyRunning, InUse, AnswerLost, Timeout):
            pass

    # -- progress ----------------------------------------------------------------------------------------------------
    def _lun_status(self, lun_id: str) -> Optional[_Status]:
        """Section 2.5: ``{"snapcopy_status": {"new_object_id", "data_copied_(mb)": "512 (50%)"}}``, or some text."""
        status = (self._concerto.lun_copy_status(lun_id) or {}).get("snapcopy_status")
        if not isinstance(status, dict) or not status.get("new_object_id"):
            return None
        return _Status(str(status["new_object_id"]), _percent(status.get("data_copied_(mb)")))

    def _snapshot_status(self, lun_id: str) -> Optional[_Status]:
        """Section 2.4: lines in which only the positions of some words are known."""
        lines = self._concerto.timemark_copy_status(lun_id).get("timemark_status") or []
        if len(lines) < 2:
            return None
        words = str(lines[1]).split()
        if len(words) < 10:
            raise BadReply("the status of a copy has no target")
        return _Status(words[9], 100 if len(lines) == 2 else _percent(lines[-1]))

    # -- thin clones -------------------------------------------------------------------------------------------------

    def _thin_clone_of_volume(self, source: Volume, lun_id: str, spec: VolumeSpec) -> Volume:
        """A thin clone depends on a snapshot. This one is taken for the clone only, and is deleted with it."""
        existing = self._volume(spec.name)
        if existing is not None:
            return self._same_clone(existing, source.name)
        with self._locked(lun_id):
            for timemark in self._timemarks(lun_id) or []:
                if stamp_of(str(timemark.get("comment"))) is not None:
                    self._delete_unused_carrier(timemark)
        with unfinished.begin() as stamp:
            carrier = self._take(replace(source, id=lun_id, snapshots=None), carrier_name(stamp))
            try:
                return self._post_clone(replace(source, id=lun_id), carrier.timestamp, spec)
            finally:
                self._delete_unless_in_use(carrier.id)

    def _delete_unless_in_use(self, timemark_id: str) -> None:
        """Delete the snapshot that was taken for a thin clone, if it has none: the request was refused, or another run
        made the clone from another snapshot.
        """
        try:
            if not self._concerto.timemark(timemark_id).get("timeview_object_id"):
                self._concerto.delete_timemark(timemark_id)
        except FlashError:
            pass  # the next clone of this name removes it, or the delete of its volume

    def _thin_clone(self, lun: Volume, snapshot_id: str, snapshot: str, spec: VolumeSpec) -> Volume:
        """A thin clone of a snapshot, which can have only one."""
        existing = self._volume(spec.name)
        if existing is not None:
            return self._same_clone(existing, lun.name)
        detail = self._concerto.timemark(snapshot_id)
        if detail.get("timeview_object_id"):
            raise InUse(
                "snapshot %s has a thin clone already, and can have only one" % snapshot,
                hint="Take another snapshot, or clone the volume.",
            )
        return self._post_clone(lun, str(detail.get("id") or self._timestamp(lun, snapshot)), spec)

    def _post_clone(self, lun: Volume, timestamp: str, spec: VolumeSpec) -> Volume:
        """Create a TimeView. It is instant, and has its final name at once.

        The request names the snapshot by its time stamp, so the snapshots are read before: one request.
        """
        taken = [str(other["comment"]) for other in self._timemarks(lun.id) or () if str(other["id"]) == timestamp]
        if len(taken) > 1:
            raise Conflict(
                "snapshots %s have the same time stamp, by which a thin clone names its snapshot"
                % " and ".join(sorted(taken)),
                hint="Take another snapshot later, and use that.",
                assumption=TIMESTAMP_UNIQUE.id,
            )
        # Another run may have been faster. No code is known for that refusal.
        confirm(
            lambda: self._concerto.create_timeview(lun.id, spec.name, timestamp),
            lambda: self._volume(spec.name) is not None,
            (NameTaken, Rejected),
        )
        clone = self._listed(lambda: self._volume(spec.name), "the thin clone")
        return replace(self._same_clone(clone, lun.name), mappings=())

    def _timestamp(self, lun: Volume, snapshot: str) -> str:
        timemarks = self._timemarks(lun.id, snapshot)
        if not timemarks:
            raise NotFound("snapshot %s is not there" % snapshot, target=snapshot)
        return str(self._only(timemarks, snapshot)["id"])

    def _same_clone(self, existing: Volume, source: str) -> Volume:
        if existing.independent or existing.source != source:
            raise unlike("volume", existing.name, "it is not a thin clone of %s" % source)
        return existing


def _percent(text: Any) -> int:
    found = re.search(r"\(\s*([0-9]+)\s*%\s*\)", str(text))
    if found is None:
        raise BadReply("the status of a copy has no progress in per cent")
    return int(found.group(1))
