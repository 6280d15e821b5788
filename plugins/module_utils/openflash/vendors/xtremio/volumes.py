# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes, snapshots, clones and restore.

On this array a snapshot, a clone and a volume made from a snapshot are one and the same operation, and on v2 the array
names the result ``<source>.<suffix>`` (sheet, section 4). So a copy takes a POST and a rename. The suffix is derived
from the name that the copy shall have: a run that finds the name ``<source>.<suffix>`` taken has found what a killed
run left, and goes on from there. Two live runs that meet do the very same rename, which does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ...compare import grown_size, new_size, unlike
from ...errors import Conflict, FlashError, InUse, Invalid, NotFound, Timeout, Unreachable
from ...model import Snapshot, SnapshotSpec, Volume, VolumeSpec
from ...transport.lost import LostAnswer, settle
from ...units import MIB, format_size, round_up
from . import objects
from .facts import GRANULARITY, NAME_LONGEST, SUFFIX_LONGEST, backup_set_name, snapset_name, unfinished_suffix
from .reading import Reading
from .refusals import NameTaken
from .wire import Object, reference


class Volumes(Reading):
    """What XtremIO does with volumes and snapshots."""

    # -- volumes -----------------------------------------------------------------------------------------------------

    def create_volume(self, spec: VolumeSpec) -> Volume:
        """One request. The serial is empty until the volume is first mapped (section 3)."""
        with self._doing("create volume %s" % spec.name, spec.name):
            self._in_this_pool(spec)
            size = new_size(spec.size, GRANULARITY)
            body = {"vol-name": spec.name, "vol-size": megabytes(size)}
            index = settle(
                lambda: self._xms.post("volumes", body), lambda: self._same_volume(spec.name, size), (NameTaken,)
            )
            if isinstance(index, Volume):
                return index
            return Volume(
                spec.name,
                size,
                id=str(index[0]) if index else "",
                pool=self._xms.cluster,
                mappings=(),
                snapshots=(),
                groups=() if self._xms.v2 else None,
            )

    def _in_this_pool(self, spec: VolumeSpec) -> None:
        if spec.pool and spec.pool != self._xms.cluster:
            raise Invalid(
                "there is no pool %s" % spec.pool,
                hint="An XtremIO cluster is one pool, here %s; leave pool out." % self._xms.cluster,
            )

    def _same_volume(self, name: str, size: int) -> Optional[Volume]:
        """What has the name already, provided it is a volume of that size."""
        there = self._object(name)
        if there is None:
            return None
        found = self._volume_or_none(there)
        if found is None:
            raise unlike("a snapshot of that name,", name, "it is read-only and no volume")
        if found.size != size:
            raise unlike("volume", name, "it has %s instead of %s" % (format_size(found.size), format_size(size)))
        return found

    def extend_volume(self, volume: Volume, size: int) -> Volume:
        """One request; the wire takes the new absolute size, so sending it twice does no harm (section 3)."""
        with self._doing("extend volume %s to %s" % (volume.name, format_size(size)), volume.name):
            size = grown_size(volume.size, size, GRANULARITY)
            if size > volume.size:
                self._xms.put("volumes", volume.name, {"vol-size": megabytes(size)}, idempotent=True)
            return replace(volume, size=size)

    def rename_volume(self, volume: Volume, name: str) -> Volume:
        """One request."""
        with self._doing("rename volume %s to %s" % (volume.name, name), volume.name):
            self._rename(volume.name, name, lambda there: not volume.id or str(there.get("index")) == volume.id)
            return replace(volume, name=name)

    def delete_volume(self, volume: Volume) -> None:
        """Two requests: the array deletes a mapped volume, mappings and all, without a word (section 3)."""
        with self._doing("delete volume %s" % volume.name, volume.name):
            self._delete_unmapped(volume.name, volume.id)

    def _delete_unmapped(self, name: str, index: str) -> None:
        there = self._xms.get("volumes", name, ("name", "index", "num-of-lun-mappings", "lun-mapping-list"))
        if there is None:
            return
        if index and str(there["index"]) != index:
            raise Conflict("another object has taken its name since it was read", hint="Read it again.")
        mapped = objects.volume_mappings(there)
        if mapped or mapped is None:
            hosts = ", ".join(sorted({one.host for one in mapped or ()})) or "a host"
            raise InUse("it is mapped to %s" % hosts, hint="Unmap it first.")
        self._xms.delete("volumes", name, int(there["index"]))

    def clone_volume(self, source: Volume, spec: VolumeSpec) -> Volume:
        """Two requests, three when it shall be larger than its source. Instant, and independent of the source."""
        with self._doing("clone volume %s to %s" % (source.name, spec.name), spec.name):
            return self._writable_copy(source.name, source.id, source.size, spec)

    def clone_volumes(self, pairs: Sequence[Tuple[Volume, VolumeSpec]]) -> Tuple[Volume, ...]:
        """Copies of several volumes at one instant.

        A look, one request for all, for each a rename and, where it shall be larger, an extension; a read brings their
        ids. After a failure ask for the same copies again.
        """
        with self._doing("clone volumes %s" % ", ".join(source.name for source, _spec in pairs)):
            copies = [self._to_copy(source.name, source.id, source.size, spec) for source, spec in pairs]
            return tuple(self._copied(copy, found) for copy, found in zip(copies, self._copy("clone", copies)))

    def volume_from_snapshot(self, snapshot: Snapshot, spec: VolumeSpec) -> Volume:
        """Like clone_volume: the same operation of the array."""
        with self._doing("make volume %s from snapshot %s" % (spec.name, snapshot.name), spec.name):
            return self._writable_copy(snapshot.name, snapshot.id, snapshot.size, spec)

    def _writable_copy(self, source: str, source_id: str, source_size: int, spec: VolumeSpec) -> Volume:
        copy = self._to_copy(source, source_id, source_size, spec)
        return self._copied(copy, self._copy("clone", [copy])[0])

    def _to_copy(self, source: str, source_id: str, source_size: int, spec: VolumeSpec) -> _Copy:
        self._in_this_pool(spec)
        size = source_size if spec.size is None else round_up(spec.size, GRANULARITY)
        if size < source_size:
            raise Invalid(
                "%s is smaller than its source, which has %s" % (format_size(size), format_size(source_size)),
                hint="Leave size out, or make it at least that.",
            )
        return _Copy(source, source_id, source_size, spec.name, size if size > source_size else None)

    def _copied(self, copy: _Copy, there: Optional[Object]) -> Volume:
        """The volume that was made, or the one that was there already if it has the size."""
        size = copy.grow_to or copy.size
        if there is None:
            return Volume(
                copy.name,
                size,
                id=copy.made or "",
                pool=self._xms.cluster,
                source=copy.source,
                mappings=(),
                snapshots=(),
                groups=() if self._xms.v2 else None,
            )
        found = objects.volume(there, pool=self._xms.cluster)
        if found.size != size:
            differs = "it has %s instead of %s" % (format_size(found.size), format_size(size))
            raise unlike("volume", copy.name, differs)
        return found

    # -- snapshots ---------------------------------------------------------------------------------------------------

    def create_snapshots(self, specs: Sequence[SnapshotSpec], atomic: bool = False) -> Tuple[Snapshot, ...]:
        """Read-only on v2: two requests each, one where the name is ``<volume>.<anything>``. Writable on v1: one each.

        Atomic: one request for all and a rename for each. After a failure ask for the same set again: what a killed run
        left is recognised by the names of the whole set.
        """
        with self._doing("take snapshot %s" % ", ".join(spec.name for spec in specs)):
            copies = [_Copy(spec.volume.name, spec.volume.id, spec.volume.size, spec.name) for spec in specs]
            if atomic and len(copies) > 1:
                if not self._xms.v2:
                    raise self.unsupported("atomic_snapshots", "")
                if len({copy.source for copy in copies}) < len(copies):
                    raise Invalid("one instant cannot hold two snapshots of the same volume")
                there = self._copy("snapshot", copies)
            else:
                there = [self._copy("snapshot", [copy])[0] for copy in copies]
            return tuple(
                Snapshot(
                    copy.name,
                    copy.source,
                    copy.size,
                    id=copy.made or "",
                    volume_id=copy.source_id or None,
                    proven=self._xms.v2,
                    mappings=(),
                    children=(),
                )
                if found is None
                else objects.snapshot(found, proven=self._xms.v2)
                for copy, found in zip(copies, there)
            )

    def delete_snapshot(self, snapshot: Snapshot) -> None:
        """Two requests, as for a volume: a mapped snapshot would go without a word too."""
        with self._doing("delete snapshot %s" % snapshot.name, snapshot.name):
            self._delete_unmapped(snapshot.name, snapshot.id)

    def create_snapshot_set(self, name: str, volumes: Sequence[Volume]) -> None:
        """Snapshots of these volumes at one instant, called as the array likes: one request. The set tells them."""
        with self._doing("take snapshot set %s" % name, name):
            if not self._xms.v2:
                raise self.unsupported("atomic_snapshots", "")
            body = {
                "volume-list": [reference(one.name, one.id) for one in volumes],
                "snapshot-set-name": name,
                "snapshot-type": "readonly",
            }

            def look() -> bool:
                members = {one.volume for one in self.snapshots_of_set(name)}
                if members and members != {one.name for one in volumes}:
                    raise unlike("snapshot set", name, "it is of %s" % ", ".join(sorted(map(str, members))))
                return bool(members)

            try:
                settle(lambda: self._xms.post("snapshots", body), look, (NameTaken,))
            except NotFound as error:
                raise self._who_is_missing(error, *[one.name for one in volumes]) from None

    def delete_snapshots_of_set(self, name: str) -> Tuple[Snapshot, ...]:
        """A snapshot set with its members, and what they were: three requests, one where there is no such set.

        None of them while one is mapped: it would go without a word too.
        """
        with self._doing("delete snapshot set %s" % name, name):
            members = tuple(self.snapshots_of_set(name))
            for one in members:
                if one.mappings or one.mappings is None:
                    hosts = ", ".join(sorted({each.host for each in one.mappings or ()})) or "a host"
                    raise InUse("%s is mapped to %s" % (one.name, hosts), hint="Unmap it first.")
            if members:
                self._xms.delete("snapshot-sets", name)
            return members

    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        """A read, the restore, and the backup's rename: three requests (section 4).

        ``backup-snap-suffix`` keeps the present content, and the volume keeps its SCSI identity. ``no-backup`` is never
        sent. A backup that has no name yet says that a killed run got as far as the restore: only the name is missing.
        """
        with self._doing("restore volume %s from snapshot %s" % (volume.name, snapshot.name), volume.name):
            if not self._xms.v2:
                raise self.unsupported("restore_snapshot", "", snapshot)
            copy = _Copy(volume.name, volume.id, volume.size, backup)
            suffix, natural = self._suffix("backup", [copy])
            temporary = copy.named(suffix)
            self._fits(temporary)
            there = {
                str(item["name"]): item
                for item in self._xms.named("volumes", (backup, temporary), objects.VOLUME_PROPS)
            }
            if backup in there:
                return self._same_backup(volume, there[backup])
            if temporary not in there:
                self._restore(volume, snapshot, suffix, temporary)
            if not natural:
                self._rename(temporary, backup, lambda item: True)
            found = self._object(backup)
            if found is None:
                raise NotFound("the backup %s is gone" % backup, target=backup)
            return objects.snapshot(found, proven=True)

    def _same_backup(self, volume: Volume, there: Object) -> Snapshot:
        """Whatever was made of the volume counts as its backup; anything else only has the name."""
        if objects.oid_name(there.get("ancestor-vol-id")) != volume.name:
            raise unlike("an object of that name,", str(there["name"]), "it was not made of %s" % volume.name)
        return objects.snapshot(there, proven=True)

    def _restore(self, volume: Volume, snapshot: Snapshot, suffix: str, temporary: str) -> None:
        body = {
            "from-volume-id": reference(snapshot.name, snapshot.id),
            "to-volume-id": reference(volume.name, volume.id),
            "backup-snap-suffix": suffix,
            "snapshot-set-name": backup_set_name(),
        }
        try:
            settle(lambda: self._xms.post("snapshots", body), lambda: self._object(temporary) is not None, (NameTaken,))
        except NotFound as error:
            raise self._who_is_missing(error, volume.name, snapshot.name) from None

    # -- the one copy operation of this array ------------------------------------------------------------------------

    def _copy(self, kind: str, copies: Sequence[_Copy]) -> List[Optional[Object]]:
        """Make the copies, atomically when several. For each None, or what was there already under its name.

        :param kind: ``snapshot`` (read-only on v2) or ``clone`` (writable).
        """
        suffix, natural = self._suffix(kind, copies)
        # v1 takes the final name at once (section 4), so only a copy that must still grow waits under another.
        direct = (natural or not self._xms.v2) and all(copy.grow_to is None for copy in copies)
        waiting = [copy.name if direct else copy.named(suffix) for copy in copies]
        for name in waiting:
            self._fits(name)
        # Of several, one that is there already would be taken for one of this instant.
        there = self._left_behind(copies, waiting) if len(copies) > 1 else []
        if not any(item is not None for item in there):
            there = self._begin(kind, copies, waiting, suffix)
        if direct:
            return [found and self._same_copy(kind, copy, found) for copy, found in zip(copies, there)]
        alone = len(copies) == 1
        return [self._finish(kind, copy, name, found, alone) for copy, name, found in zip(copies, waiting, there)]

    def _suffix(self, kind: str, copies: Sequence[_Copy]) -> Tuple[str, bool]:
        """The suffix to send, and whether it gives all copies their final names at once."""
        endings = {copy.ending for copy in copies}
        ending = endings.pop()
        if not endings and ending and len(ending) <= SUFFIX_LONGEST:
            return ending, True
        return unfinished_suffix(kind, sorted(copy.name for copy in copies)), False

    def _fits(self, name: str) -> None:
        if len(name) > NAME_LONGEST:
            raise Invalid(
                "the array would call the copy %s for a moment, which is longer than the %d characters it takes"
                % (name, NAME_LONGEST),
                hint="Rename the source to something shorter.",
            )

    def _begin(self, kind: str, copies: Sequence[_Copy], waiting: Sequence[str], suffix: str) -> List[Optional[Object]]:
        """POST; for each copy None when it was made now, else what is there already."""
        if self._xms.v2:
            body: Dict[str, Any] = {
                "volume-list": [reference(copy.source, copy.source_id) for copy in copies],
                "snap-suffix": suffix,
                "snapshot-set-name": snapset_name(),
                "snapshot-type": "readonly" if kind == "snapshot" else "regular",
            }
        else:
            source = reference(copies[0].source, copies[0].source_id)
            body = {"ancestor-vol-id": source, "snap-vol-name": waiting[0]}

        def take() -> List[Optional[Object]]:
            made = self._xms.post("snapshots", body)
            if len(copies) == 1 and made:
                copies[0].made = str(made[0])
            return [None] * len(copies)

        def look() -> Optional[List[Optional[Object]]]:
            found = self._left_behind(copies, waiting)
            return found if any(item is not None for item in found) else None

        try:
            return settle(take, look, (NameTaken,))
        except NotFound as error:
            raise self._who_is_missing(error, *[copy.source for copy in copies]) from None

    def _left_behind(self, copies: Sequence[_Copy], waiting: Sequence[str]) -> List[Optional[Object]]:
        """What is there of these copies, under the waiting name or the final one; all of it, or it is a Conflict."""
        names = list(waiting) + [copy.name for copy in copies]
        there = {str(item["name"]): item for item in self._xms.named("volumes", names, objects.VOLUME_PROPS)}
        found = [there.get(name) or there.get(copy.name) for copy, name in zip(copies, waiting)]
        missing = [copy.name for copy, item in zip(copies, found) if item is None]
        if missing and len(missing) < len(copies):
            raise Conflict(
                "%s is there already, and what is taken now is of another instant"
                % ", ".join(copy.name for copy, item in zip(copies, found) if item is not None),
                hint="Delete what is there, or take the whole set under new names.",
            )
        return found

    def _finish(self, kind: str, copy: _Copy, waiting: str, there: Optional[Object], alone: bool) -> Optional[Object]:
        """Extend the copy where asked, and give it its name; None, or what had the name before."""
        if there is not None:
            if there["name"] == copy.name:
                return self._same_copy(kind, copy, there)
            self._ours(kind, copy, there)
            copy.made = str(there["index"])
        size = objects.kib(there["vol-size"]) if there is not None else copy.size
        try:
            if copy.grow_to is not None and size < copy.grow_to:
                self._xms.put("volumes", waiting, {"vol-size": megabytes(copy.grow_to)}, idempotent=True)
            self._rename(waiting, copy.name, lambda item: self._is_copy(kind, copy, item))
        except NameTaken:
            self._drop(waiting, copy)
            found = self._object(copy.name)
            if found is None:
                raise
            return self._same_copy(kind, copy, found)
        except (LostAnswer, Timeout, Unreachable):
            # The next run finds it and goes on.
            raise
        except FlashError:
            # One of several of one instant stays: without it the next run could not finish the others.
            if alone:
                self._drop(waiting, copy)
            raise
        return None

    def _drop(self, waiting: str, copy: _Copy) -> None:
        """Remove a copy that will not get its name. It never had it, and nobody else makes names like this."""
        try:
            self._delete_unmapped(waiting, copy.made or "")
        except FlashError:
            pass  # the error that led here says more

    def _is_copy(self, kind: str, copy: _Copy, there: Object) -> bool:
        """Whether this was made of the source, as the kind that was asked for."""
        if objects.oid_name(there.get("ancestor-vol-id")) != copy.source:
            return False
        return not self._xms.v2 or objects.is_readonly(there) == (kind == "snapshot")

    def _same_copy(self, kind: str, copy: _Copy, there: Object) -> Object:
        if not self._is_copy(kind, copy, there):
            ancestor = objects.oid_name(there.get("ancestor-vol-id"))
            if ancestor != copy.source:
                differs = "it was made of %s" % ancestor if ancestor else "it was not made of another volume"
            else:
                differs = "it is %s" % ("a read-only snapshot" if objects.is_readonly(there) else "a writable clone")
            raise unlike("an object of that name,", copy.name, "%s, not a %s of %s" % (differs, kind, copy.source))
        return there

    def _ours(self, kind: str, copy: _Copy, there: Object) -> None:
        """Go on with what a killed run left only while nobody uses it."""
        if not self._is_copy(kind, copy, there) or objects.volume_mappings(there):
            raise Conflict(
                "%s is in the way: it is mapped, or not the unfinished %s of %s" % (there["name"], kind, copy.source),
                hint="Look at it, then rename or delete it.",
            )

    def _rename(self, name: str, to: str, is_it: Callable[[Object], bool]) -> None:
        """One request. When the answer is lost, or the old name is gone, what has the new name decides."""

        def renamed() -> bool:
            there = self._object(to)
            return there is not None and is_it(there)

        settle(lambda: self._xms.put("volumes", name, {"vol-name": to}), renamed, (NotFound,))

    def _who_is_missing(self, error: NotFound, *names: str) -> NotFound:
        """The array says only that something is missing: look what."""
        there = {item.get("name") for item in self._xms.named("volumes", names, ("name", "index"))}
        gone = [name for name in names if name not in there] or list(names)
        return NotFound("%s is not there" % " and ".join(gone), target=gone[0], code=error.code)


@dataclass
class _Copy:
    """A snapshot or clone to make."""

    source: str
    source_id: str
    size: int
    name: str
    grow_to: Optional[int] = None
    """Extend it to this size before it gets its name."""
    made: Optional[str] = None
    """Its index, once it is known."""

    @property
    def ending(self) -> str:
        """X when the name is ``<source>.X``: such a name the array gives by itself."""
        start = self.source + "."
        return self.name[len(start) :] if self.name.startswith(start) else ""

    def named(self, suffix: str) -> str:
        """What the array calls a copy made with this suffix (section 4)."""
        return "%s.%s" % (self.source, suffix)


def megabytes(size: int) -> str:
    """A number and a unit, which both versions take (section 3)."""
    return "%dm" % (size // MIB)
