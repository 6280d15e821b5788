# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones and volumes made from snapshots, over REST or the text socket.

The marker (see reading.py) is also the snapshot that a clone is made of. The unfinished copy of a killed run is removed
with its marker and made again, since its content is as old as that run. Only a full copy, which takes long, is resumed
(see unfinished.py). For that, two more snapshots are taken: one records the run and the request, the other, after a
time-out, that the array has begun to copy. A finished copy is never removed: where the array keeps its marker, another
snapshot records that it is finished.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import Callable, List, Optional, Tuple

from ... import unfinished
from ...compare import copy_size
from ...errors import Busy, Conflict, FlashError, Invalid, NotFound, Timeout
from ...model import COPYING, READY, Pool, Snapshot, Volume, VolumeSpec
from ...transport.confirm import ATTEMPTS, AnswerLost, repeat
from ...transport.deadline import Deadline
from ...units import MIB, format_size
from .codes import Duplicating, NameTaken
from .ledger import CREATE_TIME, GRANULARITY, TIME_UNIT
from .names import Record, marker, parse_record, record_name, request_digest
from .reading import finished_marker
from .volumes import UNSURE, Volumes


class Copies(Volumes):
    """What a Dsware makes of volumes and snapshots."""

    def clone_volume(self, source: Volume, spec: VolumeSpec) -> Volume:
        """Four requests: take a marker, make a volume that shares its data, read its size, delete the marker.

        Two more with limits.

        With ``full_clone`` the array copies into a new volume instead: three more, and polls.
        """
        with self._doing("clone volume %s to %s" % (source.name, spec.name), spec.name):
            full = bool(spec.options.get("full_clone"))
            size = copy_size(spec.size, source.size, GRANULARITY)
            pool = self._pool_of_copy(spec, source.pool, full)
            token = marker("volume", spec.name)
            begun = self._begin_limits(spec.name, spec.options)
            made = self._marked_copy(spec.name, size, token, source.name, token, pool if full else None)
            made = self._end_limits(made, spec.options, begun)
            return replace(made, source=source.name, mappings=(), snapshots=())

    def volume_from_snapshot(self, snapshot: Snapshot, spec: VolumeSpec) -> Volume:
        """Two requests: make a volume that shares the snapshot's data, and read its size. Others as in a clone."""
        with self._doing("make volume %s from snapshot %s" % (spec.name, snapshot.name), spec.name):
            size = copy_size(spec.size, snapshot.size, GRANULARITY)
            begun = self._begin_limits(spec.name, spec.options)
            if spec.options.get("full_clone"):
                if snapshot.volume is None:
                    raise Invalid("the array does not report which volume it was taken of, which a full copy needs")
                token, pool = marker("volume", spec.name), self._pool(spec.pool)
                made = self._marked_copy(spec.name, size, token, snapshot.volume, snapshot.name, pool)
            else:
                # It is complete at once, so it needs no marker; if this run does not extend it, the next one does.
                self._begin_link(spec.name, size, snapshot.name)
                made = self._grown(self._need_volume(spec.name), size)
                if spec.pool and made.pool and spec.pool != made.pool:
                    self._wire.delete_volume(spec.name)
                    raise self._wrong_pool(made.pool)
            made = self._end_limits(made, spec.options, begun)
            return replace(made, source=snapshot.name, mappings=(), snapshots=())

    def _pool_of_copy(self, spec: VolumeSpec, source: Optional[str], full: bool) -> Pool:
        """The pool of a copy. A full copy may be in another pool than its source; one that shares data may not."""
        if full:
            return self._pool(spec.pool or source)
        if spec.pool and source and spec.pool != source:
            raise self._wrong_pool(source)
        return Pool(source or "", 0, 0)

    @staticmethod
    def _wrong_pool(source: str) -> Invalid:
        return Invalid(
            "a clone that shares data is in the pool of its source, %s" % source,
            hint="Leave pool out, or set full_clone in array_options.",
        )

    def _marked_copy(
        self, name: str, size: int, token: str, volume: str, snapshot: str, pool: Optional[Pool]
    ) -> Volume:
        """Make a copy of a snapshot, with a marker while it is not finished.

        :param volume: the volume that the marker is taken of.
        :param snapshot: what is copied; for a clone the marker itself.
        :param pool: for a full copy; None for one that shares data.
        """
        with unfinished.begin() as stamp:
            request = request_digest(volume, snapshot, str(size), pool.id or pool.name if pool is not None else "")
            earlier = self._mark(token, volume, name, request)
            record = record_name(name, request, earlier or stamp) if pool is not None else None
            if earlier is None:
                try:
                    if pool is not None:
                        self._note(record_name(name, request, stamp), volume)
                        if self._wire.reports_source:
                            # So that the volume is younger than its marker on a clock that counts in seconds.
                            time.sleep(TIME_UNIT.value + 0.1)
                        self._make_empty(name, size, pool)
                    else:
                        self._begin_link(name, size, snapshot)
                except UNSURE:
                    raise  # whether it was made is not known: the next run finds the marker
                except FlashError as error:
                    self._give_up(error, token, volume, name, record)
                    raise
            try:
                if pool is not None:
                    self._fill(name, volume, snapshot, request, earlier, stamp)
                made = self._grown(self._need_volume(name), size)
            except UNSURE:
                raise
            except FlashError as error:
                # Nobody uses what this run made, so it is removed. What another run began is not.
                if earlier is None:
                    self._give_up(error, token, volume, name, record, made=True)
                raise
            self._end(made, token, volume, request, (earlier or stamp) if record else None, earlier is not None)
            return replace(made, resumed=earlier.since if earlier is not None else None)

    def _mark(self, token: str, volume: str, copy: str, request: str) -> Optional[unfinished.Stamp]:
        """Take the marker. Returns the stamp of an earlier run whose full copy is resumed; else its copy is removed."""
        answer_lost = False
        for attempt in range(ATTEMPTS):
            try:
                self._wire.create_snapshot(token, volume)
                return None
            except NameTaken:
                existing = self._wire.volume(copy)
                if answer_lost and existing is None:
                    return None  # this run's own marker, of the request whose answer was lost
                earlier = self._earlier(token, volume, existing, copy, request)
                if earlier is not None:
                    return earlier
            except AnswerLost:
                # The same request shows whether it was taken.
                answer_lost = True
                if attempt == ATTEMPTS - 1:
                    raise
        raise Busy("another run is making the same copy", hint="Run it again later.")

    def _earlier(
        self, token: str, volume: str, existing: Optional[Volume], copy: str, request: str
    ) -> Optional[unfinished.Stamp]:
        """The stamp of an earlier run whose full copy is resumed; None when copy, marker and records were removed."""
        records = self._records(volume, copy)
        # Checked before anything is removed: a run that is about to make the volume has only its marker and record.
        resumable = [
            record
            for _name, record in records
            if unfinished.may_resume(record.stamp, self._wait_timeout, "volume %s" % copy, record.request == request)
        ]
        if existing is not None:
            self._check_unfinished(token, existing, bool(records))
            for record in resumable:
                begun = existing.state == COPYING or any(
                    other.begun and other.stamp == record.stamp for other in resumable
                )
                if begun and existing.state in (READY, COPYING):
                    return record.stamp
            if existing.state == COPYING:
                raise Busy(
                    "the array still copies into volume %s, which an earlier run began for another request, or too "
                    "long ago" % copy,
                    hint="Run the task again when that copy has ended: it is then removed and made again.",
                )
            self._refuse_mapped(copy)
            self._delete(self._wire.delete_volume, copy, lambda: self._wire.volume(copy) is None)
        for name, _record in records:
            self._delete_snapshot(name)
        # Its content may be old, so a new one is taken.
        self._delete_snapshot(token)
        return None

    def _check_unfinished(self, token: str, existing: Volume, recorded: bool) -> None:
        """Raises Conflict unless the volume was made with this marker and is not finished."""
        taken_marker = self._wire.snapshot(token)
        if taken_marker is None:
            return
        conflict = Conflict(
            "there is a volume of that name, and the array does not report whether it is this copy",
            target=existing.name,
            hint="Choose another name.",
        )
        if self._wire.has_snapshot(finished_marker(existing)):
            raise conflict
        if not taken_marker.created or not existing.created:
            conflict.hint = (
                "A copy of that name was begun and not finished. The array does not report when, so check the volume; "
                "if nobody needs it, delete it with the array's own tools, and its snapshot %s." % token
            )
            conflict.fill(assumption=CREATE_TIME.id)
            raise conflict
        # Both times are of the array's clock, which may count in seconds only. Within a second, the reported source
        # decides for a linked clone, and for a full copy the record, which is taken immediately before the volume.
        older = existing.created < taken_marker.created
        if existing.created == taken_marker.created and self._wire.reports_source:
            older = existing.source != token and not recorded
        if older:
            # A run was killed before it knew that the name is in use: only its marker is removed.
            self._delete_snapshot(token)
            raise conflict

    def _records(self, volume: str, copy: str) -> List[Tuple[str, Record]]:
        """The snapshots that record a full copy, or a restore: their names, and these in parts."""
        listed = self._wire.snapshots_of(volume)
        names = sorted(one.name for one in (*listed, *listed.unreadable))
        found = [(name, parse_record(name, copy)) for name in names]
        return [(name, record) for name, record in found if record is not None]

    def _note(self, name: str, volume: str) -> None:
        """Take a snapshot that records something by its name."""
        with suppress(NameTaken):
            repeat(lambda: self._wire.create_snapshot(name, volume))

    def _end(
        self, made: Volume, token: str, volume: str, request: str, stamp: Optional[unfinished.Stamp], resumed: bool
    ) -> None:
        """Remove the records and the marker of a finished copy, the marker last.

        Where the array keeps one of them, the copy is recorded as finished, so that no later run overwrites it.
        """
        names = [token]
        if stamp is not None:
            names.insert(0, record_name(made.name, request, stamp))
            if resumed:
                names.insert(0, record_name(made.name, request, stamp, begun=True))
        try:
            for name in names:
                self._delete_snapshot(name)
        except UNSURE:
            raise
        except FlashError:
            self._note(finished_marker(made), volume)

    def _give_up(
        self, error: FlashError, token: str, source: str, copy: str, record: Optional[str], made: bool = False
    ) -> None:
        """Remove what this run made, the marker last: while it exists, the volume counts as unfinished.

        When something was deleted meanwhile, another run makes the same copy, and volume and marker are those of that
        run. So is the marker while another full copy is recorded.

        :param made: whether this run has made the volume.
        """
        with suppress(FlashError):  # the error that led here says more
            if isinstance(error, NotFound) and (record is None or not self._wire.has_snapshot(record)):
                return
            if made:
                self._wire.delete_volume(copy)
            elif not isinstance(error, Conflict) and self._wire.volume(copy) is not None:
                return  # The array may have made it and reported an error. With its marker it counts as unfinished.
            if record is not None:
                self._delete_snapshot(record)
            if not self._records(source, copy):
                self._delete_snapshot(token)

    def _begin_link(self, name: str, size: int, snapshot: str) -> None:
        self._make(name, lambda: self._wire.link(name, size // MIB, snapshot))

    def _make_empty(self, name: str, size: int, pool: Pool) -> None:
        self._make(name, lambda: self._wire.create_volume(name, size // MIB, pool))

    @staticmethod
    def _make(name: str, make: Callable[[], None]) -> None:
        """Raises Conflict when there is a volume of that name: the array does not report its source."""
        for attempt in range(ATTEMPTS):
            try:
                return make()
            except NameTaken:
                if attempt:
                    return  # this run's own, of the request whose answer was lost
                raise Conflict(
                    "there is a volume of that name, and the array does not report whether it is this copy",
                    target=name,
                    hint="Choose another name.",
                ) from None
            except AnswerLost:
                if attempt == ATTEMPTS - 1:
                    raise

    def _grown(self, made: Volume, size: int) -> Volume:
        """Check the size, and extend the copy where needed: some firmware ignores the size of a linked volume (2.3)."""
        if made.size < size:
            repeat(lambda: self._wire.extend_volume(made.name, size // MIB))
            made = self._need_volume(made.name)
        if made.size != size:
            raise Conflict(
                "the copy has %s instead of %s" % (format_size(made.size), format_size(size)), target=made.name
            )
        return made

    def _fill(
        self,
        name: str,
        volume: str,
        snapshot: str,
        request: str,
        earlier: Optional[unfinished.Stamp],
        stamp: unfinished.Stamp,
    ) -> None:
        """Copy into the volume, and wait. After a time-out the array goes on copying, and the next run waits for it."""
        if earlier is None:
            with suppress(Duplicating):
                # While there is a marker nobody uses the copy, so it may be begun twice.
                repeat(lambda: self._wire.copy(name, snapshot))

        def done() -> Optional[bool]:
            report(None)  # the array does not say how much it has copied
            state = self._need_volume(name).state
            if state not in (READY, COPYING):
                raise FlashError(
                    "the copy has failed: the array reports the state %s for the volume" % state, target=name
                )
            return True if state == READY else None

        try:
            with self.reports.copy(name) as report:
                Deadline(self._wait_timeout, first=0.05, longest=5.0).poll(
                    done,
                    "the end of the copy into %s" % name,
                    hint="The array goes on copying. Run the task again to wait for it, or raise wait_timeout.",
                )
        except Timeout:
            with suppress(FlashError):
                # So that the next run does not take a volume that is ready by then for one that is still empty.
                self._note(record_name(name, request, earlier or stamp, begun=True), volume)
            raise
