# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones and volumes made from snapshots, over either wire.

The marker (see reading.py) is at the same time the snapshot that a clone is made of. A copy that a killed run has left
unfinished is removed with its marker, and made again: its content is that of the killed run's time. Only a full copy,
which takes long, is resumed (see unfinished.py). For that, two more snapshots stand beside it: one says by which run
and for which request it was made, the other, after a time-out, that the array has begun to copy. Of what is finished
nothing is removed: where the array keeps the marker, a snapshot says so.
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
from .facts import CLOCK_STEP, GRANULARITY, Record, marker, parse_record, record_name, request_digest
from .reading import finished_marker
from .volumes import UNSURE, Volumes


class Copies(Volumes):
    """What Dsware makes of volumes and snapshots."""

    def clone_volume(self, source: Volume, spec: VolumeSpec) -> Volume:
        """Four requests: a marker, a volume that shares its data, a look at its size, the end of the marker.

        With ``full_clone`` the array copies instead, into a volume made for it: three more, and those of the wait.
        """
        with self._doing("clone volume %s to %s" % (source.name, spec.name), spec.name):
            full = bool(spec.options.get("full_clone"))
            size = copy_size(spec.size, source.size, GRANULARITY)
            pool = self._pool_of_copy(spec, source.pool, full)
            token = marker("volume", spec.name)
            made = self._marked_copy(spec.name, size, token, source.name, token, pool if full else None)
            return replace(made, source=source.name, mappings=(), snapshots=())

    def volume_from_snapshot(self, snapshot: Snapshot, spec: VolumeSpec) -> Volume:
        """Two requests: a volume that shares the snapshot's data, and a look at its size. Full copies as in a clone."""
        with self._doing("make volume %s from snapshot %s" % (spec.name, snapshot.name), spec.name):
            size = copy_size(spec.size, snapshot.size, GRANULARITY)
            if spec.options.get("full_clone"):
                if snapshot.volume is None:
                    raise Invalid("the array does not tell which volume it was taken of, as a full copy needs")
                token, pool = marker("volume", spec.name), self._pool(spec.pool)
                made = self._marked_copy(spec.name, size, token, snapshot.volume, snapshot.name, pool)
            else:
                # Complete as soon as it is there, so it needs no marker; the next run extends it if this one does not.
                self._begin_link(spec.name, size, snapshot.name)
                made = self._grown(self._there(spec.name), size)
                if spec.pool and made.pool and spec.pool != made.pool:
                    self._wire.delete_volume(spec.name)
                    raise self._wrong_pool(made.pool)
            return replace(made, source=snapshot.name, mappings=(), snapshots=())

    def _pool_of_copy(self, spec: VolumeSpec, source: Optional[str], full: bool) -> Pool:
        """A full copy may go to another pool; one that shares data stays where the data is."""
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
        """A copy of a snapshot, under the guard of a marker.

        :param volume: of which the marker is taken.
        :param snapshot: what is copied; the marker itself for a clone.
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
                            # So that the volume is younger than its marker by a clock that counts in seconds.
                            time.sleep(CLOCK_STEP)
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
                made = self._grown(self._there(name), size)
            except UNSURE:
                raise
            except FlashError as error:
                # What this run made nobody has seen, so it can go; what another run began is not this one's to remove.
                if earlier is None:
                    self._give_up(error, token, volume, name, record, made=True)
                raise
            self._end(made, token, volume, request, (earlier or stamp) if record else None, earlier is not None)
            return replace(made, resumed=earlier.since if earlier is not None else None)

    def _mark(self, token: str, volume: str, copy: str, request: str) -> Optional[unfinished.Stamp]:
        """Take the marker. The stamp of an earlier run when its full copy is resumed; what else it left is removed."""
        lost = False
        for attempt in range(ATTEMPTS):
            try:
                self._wire.create_snapshot(token, volume)
                return None
            except NameTaken:
                there = self._wire.volume(copy)
                if lost and there is None:
                    return None  # this run's own, of the request whose answer was lost
                earlier = self._earlier(token, volume, there, copy, request)
                if earlier is not None:
                    return earlier
            except AnswerLost:
                # Whether or not it was taken, the same request tells now.
                lost = True
                if attempt == ATTEMPTS - 1:
                    raise
        raise Busy("another run is making the same copy", hint="Run it again later.")

    def _earlier(
        self, token: str, volume: str, there: Optional[Volume], copy: str, request: str
    ) -> Optional[unfinished.Stamp]:
        """What an earlier run has left: the stamp of a full copy to resume; None once all of it is removed."""
        records = self._records(volume, copy)
        # Before anything is removed: while a run waits to make the volume, its marker and record are all there is.
        resumable = [
            said
            for _name, said in records
            if unfinished.may_resume(said.stamp, self._wait_timeout, "volume %s" % copy, said.request == request)
        ]
        if there is not None:
            self._check_unfinished(token, there, bool(records))
            for said in resumable:
                begun = there.state == COPYING or any(one.begun and one.stamp == said.stamp for one in resumable)
                if begun and there.state in (READY, COPYING):
                    return said.stamp
            if there.state == COPYING:
                raise Busy(
                    "the array still copies into volume %s, which an earlier run began for another request, or too "
                    "long ago" % copy,
                    hint="Run the task again when that copy has ended: it is then removed and made again.",
                )
            self._refuse_mapped(copy)
            self._delete(self._wire.delete_volume, copy, lambda: self._wire.volume(copy) is None)
        for name, _said in records:
            self._delete_snapshot(name)
        # Its content may be old, so it is taken anew.
        self._delete_snapshot(token)
        return None

    def _check_unfinished(self, token: str, there: Volume, recorded: bool) -> None:
        """Conflict unless the volume was made under this marker, and is not finished."""
        mark = self._wire.snapshot(token)
        if mark is None:
            return
        conflict = Conflict(
            "a volume of that name is there, and the array does not tell whether it is this copy",
            target=there.name,
            hint="Choose another name.",
        )
        if self._wire.has_snapshot(finished_marker(there)):
            raise conflict
        if not mark.created or not there.created:
            conflict.hint = (
                "A copy of that name was begun and not finished. The array does not tell when, so look at the volume; "
                "if nobody needs it, delete it with the array's own tools, and its snapshot %s." % token
            )
            raise conflict
        # Both times are of the array's clock, which may count in seconds only. Within one, the source of a linked clone
        # decides where it is reported, and for a full copy what was recorded immediately before the volume was made.
        older = there.created < mark.created
        if there.created == mark.created and self._wire.reports_source:
            older = there.source != token and not recorded
        if older:
            # A run was killed before it saw that the name is taken: only its marker goes.
            self._delete_snapshot(token)
            raise conflict

    def _records(self, volume: str, copy: str) -> List[Tuple[str, Record]]:
        """The snapshots that stand beside a full copy, by name."""
        found = [(one.name, parse_record(one.name, copy)) for one in self._wire.snapshots_of(volume)]
        return [(name, said) for name, said in sorted(found, key=lambda pair: pair[0]) if said is not None]

    def _note(self, name: str, volume: str) -> None:
        """A snapshot whose name says something."""
        with suppress(NameTaken):
            repeat(lambda: self._wire.create_snapshot(name, volume))

    def _end(
        self, made: Volume, token: str, volume: str, request: str, stamp: Optional[unfinished.Stamp], resumed: bool
    ) -> None:
        """Remove what stands beside a finished copy, the marker last.

        Where the array keeps one of them, the copy is recorded as finished, so that no later run copies over it.
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
        """Remove what this run made, the marker last: while it is there, the rest counts as unfinished.

        When something has gone meanwhile, another run makes the same copy, and what is there now belongs to that one.
        So does the marker while another full copy is recorded beside it.

        :param made: this run has made the volume.
        """
        with suppress(FlashError):  # the error that led here says more
            if isinstance(error, NotFound) and (record is None or not self._wire.has_snapshot(record)):
                return
            if made:
                self._wire.delete_volume(copy)
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
        """Conflict when a volume of that name is there: the array does not tell what it was made of."""
        for attempt in range(ATTEMPTS):
            try:
                return make()
            except NameTaken:
                if attempt:
                    return  # our own, of the request whose answer was lost
                raise Conflict(
                    "a volume of that name is there, and the array does not tell whether it is this copy",
                    target=name,
                    hint="Choose another name.",
                ) from None
            except AnswerLost:
                if attempt == ATTEMPTS - 1:
                    raise

    def _grown(self, made: Volume, size: int) -> Volume:
        """Section 2.3: some firmware ignores the size of a linked volume. So look, and extend it where needed."""
        if made.size < size:
            repeat(lambda: self._wire.extend_volume(made.name, size // MIB))
            made = self._there(made.name)
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
        """Copy into the volume, and wait. A deadline that passes leaves it copying, for the next run to wait on."""
        if earlier is None:
            with suppress(Duplicating):
                # While the marker is there nobody uses the copy, so beginning it twice does no harm.
                repeat(lambda: self._wire.copy(name, snapshot))

        def done() -> Optional[bool]:
            state = self._there(name).state
            if state not in (READY, COPYING):
                raise FlashError("the copy has failed: the array calls the volume %s" % state, target=name)
            return True if state == READY else None

        try:
            Deadline(self._wait_timeout, first=0.05, longest=5.0).poll(
                done,
                "the end of the copy into %s" % name,
                hint="The array goes on copying. Run the task again to wait on, or raise wait_timeout.",
            )
        except Timeout:
            with suppress(FlashError):
                # So that a volume that is ready when the next run comes is not taken for one that is still empty.
                self._note(record_name(name, request, earlier or stamp, begun=True), volume)
            raise
