# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones and volumes made from snapshots, over either wire.

The marker (see reading.py) is at the same time the snapshot that a clone is made of. Every step after it is safe to
repeat, also by two runs at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Optional

from ...errors import Busy, Conflict, FlashError, Invalid
from ...model import COPYING, READY, Pool, Snapshot, Volume, VolumeSpec
from ...transport.deadline import Deadline
from ...transport.lost import ATTEMPTS, LostAnswer, repeat
from ...units import MIB, format_size, round_up
from .codes import Duplicating, NameTaken, SnapshotGone
from .facts import GRANULARITY, marker
from .volumes import UNSURE, Volumes


class Copies(Volumes):
    """What Dsware makes of volumes and snapshots."""

    def clone_volume(self, source: Volume, spec: VolumeSpec) -> Volume:
        """Four requests: a marker, a volume that shares its data, a look at its size, the end of the marker.

        With ``full_clone`` the array copies instead, into a volume made for it: one more, and those of the wait.
        """
        with self._doing("clone volume %s to %s" % (source.name, spec.name), spec.name):
            full = bool(spec.options.get("full_clone"))
            size = self._size_of_copy(spec, source.size)
            pool = self._pool_of_copy(spec, source.pool, full)
            token = marker("volume", spec.name)
            made = self._marked_copy(spec.name, size, token, source.name, token, pool if full else None)
            return replace(made, source=source.name, mappings=(), snapshots=())

    def volume_from_snapshot(self, snapshot: Snapshot, spec: VolumeSpec) -> Volume:
        """Two requests: a volume that shares the snapshot's data, and a look at its size. Full copies as in a clone."""
        with self._doing("make volume %s from snapshot %s" % (spec.name, snapshot.name), spec.name):
            size = self._size_of_copy(spec, snapshot.size)
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

    def _size_of_copy(self, spec: VolumeSpec, source: int) -> int:
        size = source if spec.size is None else round_up(spec.size, GRANULARITY)
        if size < source:
            raise Invalid(
                "%s is smaller than its source, which has %s" % (format_size(size), format_size(source)),
                hint="Leave size out, or make it at least that.",
            )
        return size

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
        resumed = self._mark(token, volume, name)
        try:
            if not resumed and pool is not None:
                self._make_empty(name, size, pool)
            elif not resumed:
                self._begin_link(name, size, snapshot)
        except UNSURE:
            raise  # whether it was made is not known: the next run finds the marker
        except FlashError:
            self._clean_up(token)
            raise
        try:
            if pool is not None:
                self._fill(name, snapshot, resumed)
            made = self._grown(self._there(name), size)
        except UNSURE:
            raise
        except FlashError:
            # What this run made nobody has seen, so it can go; what another run began is not ours to remove.
            if not resumed:
                self._clean_up(token, name)
            raise
        self._delete_snapshot(token)
        return made

    def _mark(self, token: str, volume: str, copy: str) -> bool:
        """Take the marker; True when a run before this one has begun the copy and its volume is there."""
        lost = False
        for attempt in range(ATTEMPTS):
            try:
                self._wire.create_snapshot(token, volume)
                return False
            except NameTaken:
                if self._wire.volume(copy) is not None:
                    return True
                if lost:
                    return False  # our own, of the request whose answer was lost
                # Only the marker is there. Its content may be old, so take it anew.
                self._delete_snapshot(token)
            except LostAnswer:
                # Whether or not it was taken, the same request tells now.
                lost = True
                if attempt == ATTEMPTS - 1:
                    raise
        raise Busy("another run is making the same copy", hint="Run it again later.")

    def _clean_up(self, token: str, volume: Optional[str] = None) -> None:
        """Remove what was made, the marker last: while it is there, the rest counts as unfinished."""
        try:
            if volume is not None:
                self._wire.delete_volume(volume)
            self._delete_snapshot(token)
        except FlashError:
            pass  # the error that led here says more

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
            except LostAnswer:
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

    def _fill(self, name: str, snapshot: str, resumed: bool) -> None:
        """Copy into the volume, and wait. A deadline that passes leaves it copying, for the next run to wait on."""
        if not resumed or self._there(name).state != COPYING:
            try:
                # While the marker is there nobody uses the copy, so beginning it twice does no harm.
                repeat(lambda: self._wire.copy(name, snapshot))
            except Duplicating:
                pass
            except SnapshotGone:
                # Another run has finished the same copy meanwhile, and removed the marker.
                if not resumed:
                    raise

        def done() -> Optional[bool]:
            state = self._there(name).state
            if state not in (READY, COPYING):
                raise FlashError("the copy has failed: the array calls the volume %s" % state, target=name)
            return True if state == READY else None

        Deadline(self._wait_timeout, first=0.05, longest=5.0).poll(
            done,
            "the end of the copy into %s" % name,
            hint="The array goes on copying. Run the task again to wait on, or raise wait_timeout.",
        )
