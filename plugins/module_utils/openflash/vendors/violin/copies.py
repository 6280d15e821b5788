# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies: a full one of what is thick, a thin clone of anything else (sheet, sections 2.4 and 2.5).

The array copies in the background and tells, for each source, of the last copy only. So a copy is made under a
temporary name, followed by its own target, and given its name when that very target is reported as done. Whatever else
is reported says nothing about it: then it is removed, never taken as done.

A full copy that an earlier run began is resumed where unfinished.py permits it. A thin clone is instant: what carries
one is never used by a later run.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any, Callable, Dict, Optional

from ... import unfinished
from ...compare import check_size, copy_size, unlike
from ...errors import BadReply, Busy, Conflict, FlashError, InUse, Invalid, NoSpace, NotFound, Timeout
from ...model import THICK, Snapshot, Volume, VolumeSpec
from ...transport.confirm import ATTEMPTS, AnswerLost, confirm
from ...transport.deadline import Deadline
from ...units import MIB
from . import objects
from .facts import (
    COPY_STARTS_WITHIN,
    TimeMark,
    carrier_name,
    kind_of,
    stamp_of,
    temporary_name,
    temporary_prefix,
)
from .refusals import CopyRunning, NameTaken, Rejected
from .snapshots import Snapshots
from .volumes import pool_id
from .wire import AREAS, TIMEMARKS, TIMEVIEWS, Object


class CopyFailed(FlashError):
    """The array gave up a copy, or lost sight of it."""


class _Status:
    """The last copy from a source: its target, under the id that this status uses, and per cent."""

    def __init__(self, target: str, percent: int) -> None:
        self.target = target
        self.percent = percent


class _Job:
    """A full copy to make, of a LUN or of a snapshot of it."""

    def __init__(
        self,
        kind: str,
        source: str,
        lun_id: str,
        source_id: str,
        size: int,
        path: str,
        status: Callable[[], Optional[_Status]],
    ) -> None:
        self.kind = kind
        self.source = source
        self.lun_id = lun_id
        self.source_id = source_id
        self.size = size
        self.path = path
        self.status = status
        self.before: Optional[str] = None
        """The target of the copy before this one."""

    def mine(self, target: Object) -> str:
        """The id under which the status reports this target."""
        key = "virtualDeviceID" if self.kind == "snapshot" else "object_id"
        return objects.converted(lambda item: str(item[key]), target)


class Copies(Snapshots):
    """What Violin does to make a volume of another."""

    def clone_volume(self, source: Volume, spec: VolumeSpec) -> Volume:
        """Seven requests and one for each look at the progress; more for the first copy of a source, or to grow."""
        with self._doing("clone volume %s to %s" % (source.name, spec.name), spec.name):
            self._check_copy("clone_volume", source, spec)
            lun_id = self._lun_id(source)
            with self._or_gone(source.name):
                if kind_of(source) != THICK:
                    return self._thin_clone_of_volume(source, lun_id, spec)
                path = "%s/%s" % (AREAS, lun_id)
                job = _Job("lun", source.name, lun_id, lun_id, source.size, path, lambda: self._lun_status(lun_id))
                return self._full_copy(job, spec, source)

    def volume_from_snapshot(self, snapshot: Snapshot, spec: VolumeSpec) -> Volume:
        """Likewise."""
        with self._doing("make volume %s from snapshot %s" % (spec.name, snapshot.name), spec.name):
            lun = self._volume(snapshot.volume or "")
            if lun is None:
                raise NotFound("volume %s, of which the snapshot is, is not there" % snapshot.volume)
            kind = kind_of(lun)
            if not isinstance(snapshot, TimeMark):
                snapshot = self._as_timemark(snapshot, lun)
            self._check_copy("volume_from_snapshot", replace(snapshot, provisioning=kind), spec)
            if kind != THICK:
                return self._thin_clone(lun, self._timemark_id(snapshot), snapshot.name, spec)
            mark_id = self._timemark_id(snapshot)
            path = "%s/%s" % (TIMEMARKS, mark_id)
            job = _Job(
                "snapshot", snapshot.name, lun.id, mark_id, lun.size, path, lambda: self._snapshot_status(lun.id)
            )
            return self._full_copy(job, spec, lun)

    def _as_timemark(self, snapshot: Snapshot, lun: Volume) -> TimeMark:
        marks = self._timemarks(lun.id, snapshot.name)
        if not marks:
            raise NotFound("snapshot %s is not there" % snapshot.name, target=snapshot.name)
        return objects.converted(objects.timemark, marks[0], lun, None)

    def _check_copy(self, operation: str, source: Any, spec: VolumeSpec) -> None:
        """Before anything is created: whether this kind of source can be copied to what is requested."""
        copy_size(spec.size, source.size, MIB)
        self._require(operation, source, spec=spec)

    # -- full copies -------------------------------------------------------------------------------------------------

    def _full_copy(self, job: _Job, spec: VolumeSpec, source: Volume) -> Volume:
        size = copy_size(spec.size, job.size, MIB)
        with self._alone_with("copy " + job.lun_id):
            deadline = Deadline(self._settings.wait_timeout, first=0.1, longest=5.0)
            rows = {str(row["name"]): row for row in self._lun_rows()}
            if spec.name in rows:
                return self._same_copy(objects.converted(objects.volume, self._whole(rows[spec.name])), size)
            about = (job.kind, job.source_id, spec.name, spec.pool or "")
            with unfinished.begin() as stamp:
                target = self._earlier(job, rows, temporary_prefix(*about), size)
                resumed = None if target is None else stamp_of(str(target["name"]))
                if target is None:
                    target = self._begin(job, temporary_name(stamp, *about), spec, source, deadline)
                self._follow(job, target, spec.name, deadline)
                made = self._finish(target, spec, size, job.source)
                return replace(made, resumed=None if resumed is None else resumed.since)

    def _same_copy(self, there: Volume, size: int) -> Volume:
        """The array does not remember what a full copy was made of; kind and size must be right."""
        if kind_of(there) != THICK:
            raise unlike("volume", there.name, "it is not thick, as a copy of a thick volume is")
        check_size(there.name, there.size, size)
        return there

    def _earlier(self, job: _Job, rows: Dict[str, Object], prefix: str, size: int) -> Optional[Object]:
        """The copy that an earlier run began for this very request, if it can be resumed; else it is removed."""
        for name in sorted(name for name in rows if name.startswith(prefix)):
            stamp = stamp_of(name)
            if stamp is None:
                continue
            target = self._whole(rows[name])
            real = objects.megabytes(target, "size_mb") * MIB if "size_mb" in target else job.size
            same = job.size <= real <= size
            resume = unfinished.may_resume(stamp, self._settings.wait_timeout, "volume %s" % name, same)
            hosts = self._mapped_to(name)
            if hosts:
                raise Conflict("%s is in the way: it is mapped to %s" % (name, ", ".join(hosts)))
            status = job.status()
            followed = status is not None and status.target == job.mine(target)
            if resume and followed:
                return target
            if status is not None and followed and status.percent < 100:
                raise Busy(
                    "the array still copies into volume %s, which an earlier run began %d s ago" % (name, stamp.age()),
                    hint="Run the task again when that copy has ended: it is then removed and made again.",
                )
            # It is too old, or the array tells of another copy: whether this one ended well cannot be known any more.
            self._discard(target)
        return None

    def _begin(self, job: _Job, name: str, spec: VolumeSpec, source: Volume, deadline: Deadline) -> Object:
        """Start the copy, not before the last one from the same source has ended: its status would be lost."""
        if job.kind == "lun" and not self._has_area(self._area(job.lun_id)):
            self._make_area(job.lun_id, source.size)
        status = job.status()
        while status is not None and status.percent < 100:
            if not deadline.pause():
                raise Busy(
                    "another copy from %s is at %d %%" % (source.name, status.percent),
                    hint="The array tells of one copy per source only. Run it again when that one has ended.",
                )
            status = job.status()
        job.before = status.target if status else None
        pool = self._choose_pool(THICK, job.size, spec.pool)
        body = {"action": "copy", "targetName": name, "storagepoolID": pool_id(pool)}
        for attempt in range(ATTEMPTS):
            try:
                made = self._c.put(job.path, body).get("object_id")
                if made:
                    return self._target(job, name, str(made))
            except AnswerLost:
                if attempt == ATTEMPTS - 1 and not self._lun_rows(name):
                    raise
            except NameTaken:
                pass  # the request before this one was carried out, and its answer lost
            rows = self._lun_rows(name)
            if rows:
                return self._whole(rows[0])
        raise BadReply("the array took the copy, and does not list its target")

    def _target(self, job: _Job, name: str, object_id: str) -> Object:
        """What the status of the copy will call it; a snapshot's copy goes by another number."""
        target: Object = {"name": name, "object_id": object_id}
        if job.kind != "snapshot":
            return target
        return self._seen(lambda: self._if_listed(target), "the target of the copy")

    def _follow(self, job: _Job, target: Object, name: str, deadline: Deadline) -> None:
        """Wait until the array reports this very copy as done."""
        mine, seen, strange = job.mine(target), -1, 0
        begun = time.monotonic()
        while True:
            status = job.status()
            if status is not None and status.target == mine:
                seen, strange = max(seen, status.percent), 0
                if status.percent >= 100:
                    return
            elif status is not None and status.target != job.before:
                self._discard(target)
                raise Busy(
                    "another copy from %s began before this one was seen to end" % job.source,
                    hint="The array tells of one copy per source only. Run it again.",
                )
            elif seen >= 0 or time.monotonic() - begun > COPY_STARTS_WITHIN:
                # Once may be a slip of the array's; what it takes back twice running has failed.
                strange += 1
                if strange > 1:
                    self._discard(target)
                    raise CopyFailed(
                        "the array gave the copy up %s" % ("at %d %%" % seen if seen >= 0 else "before it began"),
                        hint="What it had copied was removed. Look at the array's own log, then run it again.",
                    )
            if not deadline.pause():
                raise Timeout(
                    "the copy is at %d %% after %g s" % (max(seen, 0), deadline.seconds),
                    hint="The array goes on with it, as volume %s. Run it again to wait on, or raise wait_timeout."
                    % target["name"],
                )

    def _finish(self, target: Object, spec: VolumeSpec, size: int, source: str) -> Volume:
        """Grow it where asked, and give it its name: nothing half-made ever has that."""
        lun_id, temporary = str(target["object_id"]), str(target["name"])
        try:
            self._grow(lun_id, temporary, size)
            done = self._rename(lun_id, spec.name)
        except NameTaken:
            self._discard(target)
            there = self._volume(spec.name)
            if there is None:
                raise
            return self._same_copy(there, size)
        except (Rejected, NoSpace, Invalid):
            # The growth was refused, for want of room perhaps.
            self._discard(target)
            raise
        # What it was made of is known now and never again: the array does not remember.
        made = objects.converted(objects.volume, dict(done, name=spec.name))
        return replace(made, pool=spec.pool, source=source, mappings=(), snapshots=())

    def _discard(self, target: Object) -> None:
        """Remove what never had its name. What the array will not let go of stays for the next run."""
        try:
            if not self._is_there(str(target["object_id"]), str(target["name"])):
                return  # it is gone, or another run has finished it: then it has its name
            self._delete_lun(str(target["name"]), str(target["object_id"]))
        except (Rejected, CopyRunning, InUse, AnswerLost, Timeout):
            pass

    # -- how far -----------------------------------------------------------------------------------------------------

    def _lun_status(self, lun_id: str) -> Optional[_Status]:
        """Section 2.5: ``{"snapcopy_status": {"new_object_id", "data_copied_(mb)": "512 (50%)"}}``, or some text."""
        found = (self._c.text_or_object("%s/%s" % (AREAS, lun_id), "copystatus") or {}).get("snapcopy_status")
        if not isinstance(found, dict) or not found.get("new_object_id"):
            return None
        return _Status(str(found["new_object_id"]), _percent(found.get("data_copied_(mb)")))

    def _snapshot_status(self, lun_id: str) -> Optional[_Status]:
        """Section 2.4: lines of which only the places of some words are known."""
        lines = self._c.get("%s/%s" % (TIMEMARKS, lun_id), kind="operationstatus").get("timemark_status") or []
        if len(lines) < 2:
            return None
        words = str(lines[1]).split()
        if len(words) < 10:
            raise BadReply("the status of a copy has no target in it")
        return _Status(words[9], 100 if len(lines) == 2 else _percent(lines[-1]))

    # -- thin clones -------------------------------------------------------------------------------------------------

    def _thin_clone_of_volume(self, source: Volume, lun_id: str, spec: VolumeSpec) -> Volume:
        """A thin clone hangs on a snapshot: one that is taken for it, and goes with it."""
        there = self._volume(spec.name)
        if there is not None:
            return self._same_clone(there, source.name)
        with self._alone_with(lun_id):
            for mark in self._timemarks(lun_id) or []:
                if stamp_of(str(mark.get("comment"))) is not None:
                    self._drop_leftover(mark)
        with unfinished.begin() as stamp:
            taken = self._take(replace(source, id=lun_id, snapshots=None), carrier_name(stamp))
            try:
                return self._post_clone(replace(source, id=lun_id), taken.timestamp, spec)
            finally:
                self._drop_unless_it_carries(taken.id)

    def _drop_unless_it_carries(self, snapshot_id: str) -> None:
        """A snapshot that was taken for a thin clone: another run made the clone of another one, or it was refused."""
        path = "%s/%s" % (TIMEMARKS, snapshot_id)
        try:
            if not self._c.data(path).get("timeview_object_id"):
                self._c.delete(path)
        except FlashError:
            pass  # the next clone of this name removes it, or the delete of its volume

    def _thin_clone(self, lun: Volume, snapshot_id: str, snapshot: str, spec: VolumeSpec) -> Volume:
        """A thin clone of a snapshot. A snapshot carries one."""
        there = self._volume(spec.name)
        if there is not None:
            return self._same_clone(there, lun.name)
        detail = self._c.data("%s/%s" % (TIMEMARKS, snapshot_id))
        if detail.get("timeview_object_id"):
            raise InUse(
                "snapshot %s carries a thin clone already, and the array has one for each" % snapshot,
                hint="Take another snapshot, or clone the volume.",
            )
        return self._post_clone(lun, str(detail.get("id") or self._timestamp(lun, snapshot)), spec)

    def _post_clone(self, lun: Volume, timestamp: str, spec: VolumeSpec) -> Volume:
        """A TimeView: there at once, under its name."""
        body = {"targetName": spec.name, "timestamp": timestamp}
        # Another run may have been faster, and the refusal for that has no code that is known.
        confirm(
            lambda: self._c.post("%s/%s" % (TIMEVIEWS, lun.id), body),
            lambda: self._volume(spec.name) is not None,
            (NameTaken, Rejected),
        )
        made = self._seen(lambda: self._volume(spec.name), "the thin clone")
        return replace(self._same_clone(made, lun.name), mappings=())

    def _timestamp(self, lun: Volume, snapshot: str) -> str:
        marks = self._timemarks(lun.id, snapshot)
        if not marks:
            raise NotFound("snapshot %s is not there" % snapshot, target=snapshot)
        return str(marks[0]["id"])

    def _same_clone(self, there: Volume, source: str) -> Volume:
        if there.independent or there.source != source:
            raise unlike("volume", there.name, "it is not a thin clone of %s" % source)
        return there


def _percent(text: Any) -> int:
    found = re.search(r"\(\s*([0-9]+)\s*%\s*\)", str(text))
    if found is None:
        raise BadReply("the status of a copy does not say how far it is")
    return int(found.group(1))
