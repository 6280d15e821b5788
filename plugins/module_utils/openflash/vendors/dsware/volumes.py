# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading, volumes, snapshots, clones and restore, over either wire.

This array cannot rename, so a copy carries its final name from the start. What makes it safe is a marker: a snapshot of
ours, named after the copy, that is taken first and deleted last. As long as it is there the copy is not finished, and
``volumes()`` does not list it; so the next run makes it again, finds the marker, and goes on from there. The marker is
at the same time the snapshot that a clone is made of. Every step after it is safe to repeat, also by two runs at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, ContextManager, Optional, Sequence, Set, Tuple

from ...array import Array
from ...errors import (
    BadReply,
    Busy,
    Conflict,
    FlashError,
    InUse,
    Invalid,
    NotFound,
    Refused,
    Timeout,
    Unreachable,
    context,
)
from ...model import (
    COPYING,
    DELETING,
    READY,
    ArrayInfo,
    Capacity,
    Listing,
    Pool,
    Snapshot,
    SnapshotSpec,
    Volume,
    VolumeSpec,
)
from ...transport.deadline import Deadline
from ...transport.lost import LostAnswer
from ...units import MIB, format_size, round_up
from .codes import Duplicating, Mapped, NameTaken, Referenced, SnapshotGone
from .facts import GRANULARITY, MARKER, DswareCapabilities, marker
from .wire import Wire

_ATTEMPTS = 3
# Errors after which the array may go on with what was asked.
_UNSURE = (Timeout, Unreachable, BadReply)


class Volumes(Array):
    """What Dsware does with pools, volumes and snapshots."""

    capabilities: DswareCapabilities

    def __init__(self, wire: Wire, known: DswareCapabilities, wait_timeout: float, pools: Sequence[str]) -> None:
        self._wire = wire
        self._wait_timeout = wait_timeout
        self._only_pools = tuple(pools)
        self._pool_cache: Optional[Listing[Pool]] = None
        self.capabilities = known
        self.label = wire.address

    def _doing(self, doing: str, target: Optional[str] = None) -> ContextManager[None]:
        return context(doing=doing, target=target, array=self.label)

    # -- the array and its pools -------------------------------------------------------------------------------------

    def info(self) -> ArrayInfo:
        with self._doing("read the array"):
            serial = self._wire.serial()
        return ArrayInfo(
            vendor="dsware",
            name=serial or self.label,
            model="FusionStorage block",
            serial=serial,
            api_version=self._wire.api_version(),
            protocols=self.capabilities.protocols,
        )

    def capacity(self) -> Capacity:
        with self._doing("read the capacity"):
            return self._wire.capacity()

    def pools(self) -> Listing[Pool]:
        with self._doing("read pools"):
            self._pool_cache = self._wire.pools()
            return self._pool_cache

    def _pool(self, wanted: Optional[str]) -> Pool:
        """The pool of that name or number, else the only one that may be used. A fact of the session."""
        if self._pool_cache is None:
            self._pool_cache = self._wire.pools(session=True)
        if not self._pool_cache.known:
            # The array is asked for nothing here; it refuses a pool that it does not have.
            if wanted is None:
                raise Invalid("the text socket does not list pools, and none is given", hint="Set pool.")
            return Pool(wanted, 0, 0, id=wanted)
        known = self._pool_cache.items
        if wanted is not None:
            for pool in known:
                if wanted in (pool.name, pool.id):
                    return pool
            raise Invalid("there is no pool %s" % wanted, hint="Set pool to one of: %s." % _named(known))
        usable = [pool for pool in known if not self._only_pools or {pool.name, pool.id} & set(self._only_pools)]
        if len(usable) != 1:
            hint = "Set pool to one of: %s." % _named(known)
            raise Invalid("the array has %d pools to choose from" % len(usable), hint=hint)
        return usable[0]

    # -- reading -----------------------------------------------------------------------------------------------------

    def volumes(self, names: Optional[Sequence[str]] = None) -> Listing[Volume]:
        """All volumes or those named, but for copies of ours that are not finished.

        A named volume that is there costs a second request, which looks for its marker: without it a copy that a killed
        run left, empty as it may be, would be taken for the real thing.
        """
        with self._doing("read volumes"):
            if names is None:
                found = self._wire.all_volumes()
                if not found.known:
                    return found
                markers = {one.name for one in self._wire.all_snapshots() if one.name.startswith(MARKER)}
            else:
                wanted = list(dict.fromkeys(names))
                found = self._wire.volumes(wanted)
                markers = self._markers("volume", [one.name for one in found])
            done = [one for one in found if marker("volume", one.name) not in markers and one.state != DELETING]
            return replace(found, items=tuple(done))

    def _markers(self, kind: str, names: Sequence[str]) -> Set[str]:
        wanted = [marker(kind, name) for name in names]
        found = self._wire.snapshots(wanted) if wanted else Listing()
        return {one.name for one in found.items} | {one.name for one in found.unreadable}

    def snapshots(
        self, names: Optional[Sequence[str]] = None, volumes: Optional[Sequence[str]] = None
    ) -> Listing[Snapshot]:
        """Snapshots, but for our markers and for the backups of restores that are not finished."""
        with self._doing("read snapshots"):
            if names is None and volumes is None:
                found = self._wire.all_snapshots()
                return self._finished(found, {one.name for one in found})
            found = self._wire.snapshots(list(dict.fromkeys(names))) if names else Listing()
            markers: Set[str] = set()
            if self.capabilities.refusal("restore_snapshot") is None:
                markers = self._markers("restore", [one.name for one in found])
            for volume in dict.fromkeys(volumes or ()):
                more = self._wire.snapshots_of(volume)
                there = {one.name for one in found}
                found = Listing(
                    found.items + tuple(one for one in more if one.name not in there),
                    found.unreadable + more.unreadable,
                    found.known and more.known,
                )
            # Those of a volume come with its markers; those read by name have been asked for theirs.
            return self._finished(found, markers | {one.name for one in found})

    @staticmethod
    def _finished(found: Listing[Snapshot], markers: Set[str]) -> Listing[Snapshot]:
        kept = [one for one in found if not one.name.startswith(MARKER) and marker("restore", one.name) not in markers]
        return replace(
            found,
            items=tuple(kept),
            unreadable=tuple(entry for entry in found.unreadable if not entry.name.startswith(MARKER)),
        )

    # -- volumes -----------------------------------------------------------------------------------------------------

    def create_volume(self, spec: VolumeSpec) -> Volume:
        """One request."""
        with self._doing("create volume %s" % spec.name, spec.name):
            if spec.size is None:
                raise Invalid("a new volume needs a size", hint="Set size.")
            if spec.options.get("full_clone"):
                raise Invalid("full_clone is for volumes that are made of another")
            size, pool = round_up(spec.size, GRANULARITY), self._pool(spec.pool)
            made = Volume(spec.name, size, pool=pool.name, mappings=(), snapshots=())
            for attempt in range(_ATTEMPTS):
                try:
                    self._wire.create_volume(spec.name, size // MIB, pool)
                    return made
                except NameTaken:
                    return self._same_volume(spec.name, size, pool)
                except LostAnswer:
                    if self._wire.volume(spec.name) is not None:
                        return self._same_volume(spec.name, size, pool)
                    if attempt == _ATTEMPTS - 1:
                        raise
            raise AssertionError("the last attempt raises")

    def _same_volume(self, name: str, size: int, pool: Optional[Pool]) -> Volume:
        """What has the name already, provided it has that size and is in that pool."""
        there = self._there(name)
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

    def _there(self, name: str) -> Volume:
        there = self._wire.volume(name)
        if there is None:
            raise NotFound("volume %s was there and is gone again" % name, target=name)
        return there

    def extend_volume(self, volume: Volume, size: int) -> Volume:
        """One request, which takes the new absolute size, so that sending it twice does no harm."""
        with self._doing("extend volume %s to %s" % (volume.name, format_size(size)), volume.name):
            size = round_up(size, GRANULARITY)
            if size < volume.size:
                raise Refused("it has %s already, and a volume never shrinks" % format_size(volume.size))
            if size > volume.size:
                self._repeating(lambda: self._wire.extend_volume(volume.name, size // MIB))
            return replace(volume, size=size)

    @staticmethod
    def _repeating(write: Callable[[], None]) -> None:
        """A write that does the same twice as once."""
        for attempt in range(_ATTEMPTS):
            try:
                return write()
            except LostAnswer:
                if attempt == _ATTEMPTS - 1:
                    raise

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
        for attempt in range(_ATTEMPTS):
            try:
                return delete(name)
            except NotFound:
                return
            except LostAnswer:
                if gone():
                    return
                if attempt == _ATTEMPTS - 1:
                    raise

    def _sweep(self, volume: str) -> bool:
        """Remove markers that killed runs left on a volume; whether there were any, and nothing else."""
        found = self._wire.snapshots_of(volume)
        if not found.complete or any(not one.name.startswith(MARKER) for one in found) or not found.items:
            return False
        for one in found:
            self._delete_snapshot(one.name)
        return True

    # -- copies ------------------------------------------------------------------------------------------------------

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
        except _UNSURE:
            raise  # whether it was made is not known: the next run finds the marker
        except FlashError:
            self._clean_up(token)
            raise
        try:
            if pool is not None:
                self._fill(name, snapshot, resumed)
            made = self._grown(self._there(name), size)
        except _UNSURE:
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
        for attempt in range(_ATTEMPTS):
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
                if attempt == _ATTEMPTS - 1:
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
        for attempt in range(_ATTEMPTS):
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
                if attempt == _ATTEMPTS - 1:
                    raise

    def _grown(self, made: Volume, size: int) -> Volume:
        """Section 2.3: some firmware ignores the size of a linked volume. So look, and extend it where needed."""
        if made.size < size:
            self._repeating(lambda: self._wire.extend_volume(made.name, size // MIB))
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
                self._repeating(lambda: self._wire.copy(name, snapshot))
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

        Deadline(self._wait_timeout, first=0.1, longest=5.0).poll(
            done,
            "the end of the copy into %s" % name,
            hint="The array goes on copying. Run the task again to wait on, or raise wait_timeout.",
        )

    # -- snapshots ---------------------------------------------------------------------------------------------------

    def create_snapshots(self, specs: Sequence[SnapshotSpec], atomic: bool = False) -> Tuple[Snapshot, ...]:
        """One request each."""
        if atomic and len(specs) > 1:
            raise self.unsupported("atomic_snapshots", "")
        return tuple(self._create_snapshot(spec) for spec in specs)

    def _create_snapshot(self, spec: SnapshotSpec) -> Snapshot:
        with self._doing("take snapshot %s of volume %s" % (spec.name, spec.volume.name), spec.name):
            for attempt in range(_ATTEMPTS):
                try:
                    self._wire.create_snapshot(spec.name, spec.volume.name)
                    break
                except NameTaken as error:
                    there = self._wire.snapshot(spec.name)
                    if there is None or there.volume not in (None, spec.volume.name):
                        raise Conflict(
                            "a snapshot of that name is there, of volume %s" % (there.volume if there else "unknown"),
                            code=error.code,
                            hint="Choose another name.",
                        ) from None
                    return there
                except LostAnswer:
                    # Whether or not it was taken, the same request tells now.
                    if attempt == _ATTEMPTS - 1:
                        raise
            proven = self.capabilities.proves_snapshots
            return Snapshot(spec.name, spec.volume.name, spec.volume.size, proven=proven, mappings=())

    def delete_snapshot(self, snapshot: Snapshot) -> None:
        """One request; on the socket the array is asked until it is gone."""
        with self._doing("delete snapshot %s" % snapshot.name, snapshot.name):
            self._delete_snapshot(snapshot.name)

    def _delete_snapshot(self, name: str) -> None:
        self._delete(self._wire.delete_snapshot, name, lambda: not self._wire.has_snapshot(name))

    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        """A read, a marker, the backup, the rollback, and the end of the marker: five requests.

        The marker says that the backup is there and the rollback perhaps not; the next run does it again then.
        """
        with self._doing("restore volume %s from snapshot %s" % (volume.name, snapshot.name), volume.name):
            refusal = self.capabilities.refusal("restore_snapshot", volume)
            if refusal is not None:
                raise self.unsupported("restore_snapshot", refusal, volume)
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
            try:
                self._wire.rollback(volume.name, snapshot.name)
            except _UNSURE:
                raise  # the next run finds the marker and does it again
            except FlashError:
                # Nothing was rolled back, so the backup must not say that it was.
                self._delete_snapshot(backup)
                self._delete_snapshot(token)
                raise
            self._delete_snapshot(token)
            return there

    def _mark_restore(self, token: str, volume: str) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                return self._wire.create_snapshot(token, volume)
            except NameTaken:
                return
            except LostAnswer:
                if attempt == _ATTEMPTS - 1:
                    raise


def _named(pools: Sequence[Pool]) -> str:
    return ", ".join(sorted(pool.name for pool in pools)) or "none"
