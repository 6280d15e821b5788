# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore of a volume from a snapshot, over REST (sheet, section 2.3).

The array does not report whether a restore was carried out, and keeps nothing of what the volume held. Two kinds of
snapshots make up for that: the marker of the backup, while the restore is not finished, and a record of each run that
restores the volume, with its stamp (see unfinished.py), so that only one run restores at a time.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import Callable, Iterator, List, NamedTuple, Optional

from ... import unfinished
from ...errors import Busy, Conflict, FlashError
from ...model import COPYING, READY, Snapshot, SnapshotSpec, Volume
from ...progress import RESTORING
from ...transport.confirm import AnswerLost, repeat
from ...transport.deadline import Deadline
from .codes import NameTaken
from .copies import Copies
from .ledger import RESTORE_ANSWER, ROLLED_BACK
from .names import further_backup, marker, record_name, request_digest, restored
from .volumes import UNSURE

LISTED_WITHIN = 5.0
"""Seconds within which an array is expected to list a snapshot that it has, as it says when it refuses another."""


class Restores(Copies):
    """Restore."""

    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        """Ten requests: the backup, the record of this run, those of others, the backup again, the marker, the backup,
        the rollback, a read of the state, and the ends of marker and record.

        While there is a marker, the rollback may not have been carried out; the array does not report whether it was.
        So the backup stays whatever the array answers, and a run that finds the marker takes a further backup,
        ``<backup>-2``, before it sends the rollback again.

        :raises Busy: another run restores the volume.
        """
        with self._doing("restore volume %s from snapshot %s" % (volume.name, snapshot.name), volume.name):
            self._require("restore_snapshot", volume)
            if snapshot.volume not in (None, volume.name):
                raise Conflict("the snapshot was not taken of that volume, but of volume %s" % snapshot.volume)
            return self._put_content(
                volume, backup, lambda token, _is_first: self._roll_back(volume.name, snapshot.name, backup, token)
            )

    def _put_content(self, volume: Volume, backup: str, fill: Callable[[str, bool], None]) -> Snapshot:
        """Keep the present content as ``backup``, and fill the volume, once.

        :param fill: sends the request that fills the volume, and waits until it is filled. It gets the name of the
            marker, and whether no earlier run has taken it.
        """
        token = marker("restore", backup)
        existing = self._backup(volume, backup)
        if existing is not None and not self._wire.has_snapshot(token):
            return existing
        with self._only_run(volume.name, backup) as run:
            # Another run may have restored the volume since.
            existing = self._backup(volume, backup)
            marked = existing is not None and self._wire.has_snapshot(token)
            if existing is not None and not marked:
                return existing
            marked = marked or self._take(token, volume.name)
            if marked and not self._is_unfinished(volume.name, token, run):
                existing = existing or self._backup(volume, backup)
                if existing is not None:
                    self._remove_records(run)
                    self._remove_marker(token, backup, run)
                    return existing
            if not marked:
                existing = self._create_snapshot(SnapshotSpec(backup, volume))
            elif existing is not None or self._take(backup, volume.name):
                # An earlier run has taken it, though an array that lists what is new late may not show it yet.
                self._further_backup(volume, backup)
            fill(token, not marked)
            self._remove_records(run)
            self._remove_marker(token, backup, run)
            proven = self.capabilities.proves_snapshots
            return existing or Snapshot(backup, volume.name, volume.size, proven=proven, mappings=(), children=())

    def _backup(self, volume: Volume, backup: str) -> Optional[Snapshot]:
        """The existing backup. Raises Conflict when it is a snapshot of another volume."""
        existing = self._wire.snapshot(backup)
        if existing is not None and existing.volume not in (None, volume.name):
            raise Conflict(
                "a snapshot %s exists, of volume %s" % (backup, existing.volume), hint="Choose another name."
            )
        return existing

    # -- one run at a time -------------------------------------------------------------------------------------------

    @contextmanager
    def _only_run(self, volume: str, backup: str) -> Iterator[_Run]:
        """While the block runs, no other run restores the volume.

        Every run takes its record before it lists those of others, so of two runs at least one sees the other. A run
        goes on only when it has seen none that may be alive.

        :raises Busy: another run restores the volume.
        """
        with unfinished.begin() as stamp:
            request = request_digest(backup)
            record = record_name(restored(volume), request, stamp)
            self._note(record, volume)
            run = _Run(stamp, request, [record])
            try:
                self._wait_for_others(volume, run)
                yield run
            except FlashError as error:
                with suppress(FlashError):  # the error that led here says more
                    if run.records and not isinstance(error, _Another):
                        # The next run, on whatever host, need not wait until this one is taken for ended.
                        self._note(record_name(restored(volume), request, stamp, begun=True), volume)
                    self._delete_snapshot(record)
                raise
            self._remove_records(run)

    def _remove_records(self, run: _Run) -> None:
        """Remove the records of ended runs, and then that of this one. The next restore removes those that stay."""
        with suppress(FlashError):
            while run.records:
                self._delete_snapshot(run.records[-1])
                run.records.pop()

    def _wait_for_others(self, volume: str, run: _Run) -> None:
        """Wait until no other run may be alive, and add the records of ended ones that had the same backup.

        Of two runs that have seen each other the older one waits, and the younger one gives up.
        """
        deadline = Deadline(self._wait_timeout, first=0.1, longest=5.0)
        while True:
            records = [pair for pair in self._records(volume, restored(volume)) if pair[1].stamp != run.stamp]
            ended = {record.stamp for _name, record in records if record.begun}
            alive = [
                (name, record.stamp)
                for name, record in records
                if record.stamp not in ended and not unfinished.is_over(record.stamp, unfinished.RESUME_WITHIN)
            ]
            if not alive:
                names = [name for name, record in records if record.request == run.request]
                run.records.extend(name for name in names if name not in run.records)
                return
            if any(stamp.text < run.stamp.text for _name, stamp in alive) or not deadline.pause():
                name, stamp = alive[0]
                raise _Another(
                    "another run began to restore the volume %d s ago" % stamp.age(),
                    hint="Run the task again when that one has ended. Its record is snapshot %s; if it was killed on "
                    "another host, it counts as ended %d s after it began." % (name, unfinished.RESUME_WITHIN),
                )

    def _is_unfinished(self, volume: str, token: str, run: _Run) -> bool:
        """Whether the run that has taken this marker may not have restored the volume. Its record is older than the
        marker, and stays until the volume is restored, so without a record the volume is.

        :raises Busy: that run may be alive.
        """
        deadline = Deadline(LISTED_WITHIN, first=0.1, longest=1.0)
        while not self._wire.has_snapshot(token) and deadline.pause():
            pass  # an array that lists what is new late would not list the record either
        self._wait_for_others(volume, run)
        return len(run.records) > 1

    # -- the restore -------------------------------------------------------------------------------------------------

    def _take(self, name: str, volume: str) -> bool:
        """Take a snapshot: the marker or the backup. Returns whether an earlier run has taken it."""
        lost: List[AnswerLost] = []

        def take() -> None:
            try:
                self._wire.create_snapshot(name, volume)
            except AnswerLost as error:
                lost.append(error)
                raise

        try:
            repeat(take)
        except NameTaken:
            return not lost
        return False

    def _further_backup(self, volume: Volume, backup: str) -> None:
        """Take one more backup of the present content, under the first free name."""
        for number in range(2, 100):
            name = further_backup(backup, number)
            with suppress(NameTaken):
                repeat(lambda name=name: self._wire.create_snapshot(name, volume.name))  # type: ignore[misc]
                return
        raise Conflict("there are too many snapshots named %s-*" % backup, hint="Delete those that you do not need.")

    def _roll_back(self, volume: str, snapshot: str, backup: str, token: str) -> None:
        """Send the rollback, and wait until it is done."""
        try:
            self._wire.rollback(volume, snapshot)
            self._wait_until_filled(volume, "restore")
        except FlashError as error:
            kept = "What the volume held before is kept as snapshot %s, which stays." % backup
            if error.code == ROLLED_BACK or isinstance(error, UNSURE):
                error.fill(assumption=RESTORE_ANSWER.id)
                kept += (
                    " The array does not report whether the volume was restored: compare it with the snapshot. If it "
                    "was, delete snapshot %s with the array's own tools: while it exists, the task keeps the present "
                    "content under another name and restores the volume again." % token
                )
            error.hint = "%s %s" % (error.hint, kept) if error.hint else kept
            raise

    def _remove_marker(self, token: str, backup: str, run: _Run) -> None:
        """The volume is restored. The marker goes last, since the next run looks for nothing where there is none."""
        try:
            self._delete_snapshot(token)
        except FlashError as error:
            error.hint = "The volume was restored, and snapshot %s keeps what it held before. " % backup
            if run.records:
                error.hint += (
                    "Delete snapshot %s with the array's own tools: while it exists, the task would restore the volume "
                    "again." % token
                )
            else:
                error.hint += "Run the task again: it removes snapshot %s, and restores nothing." % token
            raise

    def _wait_until_filled(self, name: str, what: str, hint: Optional[str] = None) -> None:
        """Wait while the array reports that it fills the volume: it may go on after its answer.

        :param what: what fills it, for errors: ``restore`` or ``copy``.
        """

        def done() -> Optional[bool]:
            report(None)  # the array does not say how much it has copied
            state = self._need_volume(name).state
            if state not in (READY, COPYING):
                raise FlashError("the %s has failed: the array reports the state %s for the volume" % (what, state))
            return True if state == READY else None

        with self.reports.copy(name, phase=RESTORING) as report:
            Deadline(self._wait_timeout, first=0.05, longest=5.0).poll(done, "the end of the %s" % what, hint=hint)


class _Another(Busy):
    """Another run restores the volume, so this one has done nothing."""


class _Run(NamedTuple):
    """A run that restores a volume."""

    stamp: unfinished.Stamp
    request: str
    """A digest of the backup."""
    records: List[str]
    """The names of its record, and of those of ended runs with the same backup."""
