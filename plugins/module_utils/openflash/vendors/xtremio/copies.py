# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones, and the one operation by which this array makes clones and snapshots.

On this array a snapshot, a clone and a volume made from a snapshot are one and the same operation, and on v2 the array
names the result ``<source>.<suffix>`` (sheet, section 4). So a copy takes a POST and a rename. The suffix carries the
stamp of the run (see unfinished.py): a copy of an earlier run is never used, because it holds what its source held
then. The next run on the same source removes it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from ... import unfinished
from ...compare import check_size, copy_size, unlike
from ...errors import Busy, Conflict, FlashError, Invalid, NotFound, Timeout, Unreachable
from ...model import Snapshot, Volume, VolumeSpec
from ...transport.confirm import AnswerLost, confirm
from . import objects
from .facts import (
    GRANULARITY,
    NAME_LONGEST,
    SET,
    SUFFIX_LONGEST,
    snapset_name,
    stamp_of,
    temporary_suffix,
)
from .refusals import NameTaken
from .volumes import Volumes, megabytes
from .wire import Object, reference

Source = Union[Volume, Snapshot]


class Copies(Volumes):
    """What XtremIO does with copies."""

    # -- clones ------------------------------------------------------------------------------------------------------

    def clone_volume(self, source: Volume, spec: VolumeSpec) -> Volume:
        """Two requests, three when it shall be larger than its source. Instant, and independent of the source."""
        with self._doing("clone volume %s to %s" % (source.name, spec.name), spec.name):
            return self._writable_copy(source, source.snapshots, spec)

    def clone_volumes(self, pairs: Sequence[Tuple[Volume, VolumeSpec]]) -> Tuple[Volume, ...]:
        """Copies of several volumes at one instant.

        A read, one request for all, for each a rename and, where it shall be larger, an extension; a read brings their
        ids. After a failure ask for the same copies again: what a killed run left is removed, and all are made anew.
        """
        with self._doing("clone volumes %s" % ", ".join(source.name for source, _spec in pairs)):
            copies = [self._to_copy(source, source.snapshots, spec) for source, spec in pairs]
            return tuple(self._copied(copy, found) for copy, found in zip(copies, self._copy("clone", copies)))

    def volume_from_snapshot(self, snapshot: Snapshot, spec: VolumeSpec) -> Volume:
        """Like clone_volume: the same operation of the array."""
        with self._doing("make volume %s from snapshot %s" % (spec.name, snapshot.name), spec.name):
            return self._writable_copy(snapshot, snapshot.children, spec)

    def _writable_copy(self, source: Source, children: Optional[Sequence[str]], spec: VolumeSpec) -> Volume:
        copy = self._to_copy(source, children, spec)
        return self._copied(copy, self._copy("clone", [copy])[0])

    def _to_copy(self, source: Source, children: Optional[Sequence[str]], spec: VolumeSpec) -> Copy:
        self._in_this_pool(spec)
        size = copy_size(spec.size, source.size, GRANULARITY)
        grow_to = size if size > source.size else None
        return Copy(source.name, source.id, source.size, spec.name, tuple(children or ()), grow_to)

    def _copied(self, copy: Copy, there: Optional[Object]) -> Volume:
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
        check_size(copy.name, found.size, size)
        return found

    # -- the one copy operation of this array ------------------------------------------------------------------------

    def _set_members(self, name: str) -> List[Object]:
        """What is in a snapshot set: two requests, one where there is no such set."""
        there = self._xms.get("snapshot-sets", name, objects.SET_PROPS)
        members = [objects.oid_name(oid) or "" for oid in (there or {}).get("vol-list") or ()]
        return self._xms.named("volumes", members, objects.VOLUME_PROPS)

    def _by_name(self, names: Sequence[str]) -> Dict[str, Object]:
        return {str(item["name"]): item for item in self._xms.named("volumes", names, objects.VOLUME_PROPS)}

    def _copy(self, kind: str, copies: Sequence[Copy]) -> List[Optional[Object]]:
        """Make the copies, atomically when several. For each None, or what was there already under its name.

        :param kind: ``snapshot`` (read-only on v2) or ``clone`` (writable).
        """
        # Of several, one that is there already would be taken for one of this instant.
        there = self._all_or_none(copies) if len(copies) > 1 else []
        if any(item is not None for item in there):
            return [found and self._same_copy(kind, copy, found) for copy, found in zip(copies, there)]
        for copy in copies:
            self._remove_unfinished(copy)
        with unfinished.begin() as stamp:
            suffix, natural = self._suffix(copies, stamp)
            # v1 takes the final name at once (section 4), so only a copy that must still grow waits under another.
            direct = natural or not self._xms.v2 and all(copy.grow_to is None for copy in copies)
            waiting = [copy.name if direct else copy.named(suffix) for copy in copies]
            for name in waiting:
                self._fits(name)
            there = self._begin(kind, copies, waiting, suffix, snapset_name(stamp))
            if direct:
                return [found and self._same_copy(kind, copy, found) for copy, found in zip(copies, there)]
            alone = len(copies) == 1
            return [self._finish(kind, copy, name, found, alone) for copy, name, found in zip(copies, waiting, there)]

    def _suffix(self, copies: Sequence[Copy], stamp: unfinished.Stamp) -> Tuple[str, bool]:
        """The suffix to send, and whether it gives all copies their final names at once."""
        natural = {copy.natural_suffix for copy in copies}
        if len(natural) == 1 and "" not in natural and all(copy.grow_to is None for copy in copies):
            return natural.pop(), True
        return temporary_suffix(stamp), False

    def _remove_unfinished(self, copy: Copy) -> None:
        """Remove what killed runs have left of the same source: unmapped, and nothing was made of it.

        What was made of the source was read with it, so this costs nothing while nothing is left. A run on another
        host gets more time than it could ever take: what it makes is in nobody's way.
        """
        for name in copy.children:
            stamp = stamp_of(name)
            if stamp is None or name != copy.named(temporary_suffix(stamp)):
                continue
            if not unfinished.is_over(stamp, unfinished.RESUME_WITHIN):
                continue
            with suppress(FlashError):
                there = self._object(name)
                if there is None or not self._is_unused(there) or _made_of(there) != copy.source:
                    continue
                members = [one for each in objects.sets_of(there) for one in self._set_members(each)]
                # Of a set that has names in part this one says that it is unfinished: see _remove_unfinished_set.
                if all(stamp_of(str(one["name"])) == stamp for one in members):
                    self._delete_unmapped(name, str(there["index"]))

    @staticmethod
    def _is_unused(there: Object) -> bool:
        return objects.volume_mappings(there) == () and there.get("dest-snap-list") == []

    def _fits(self, name: str) -> None:
        if len(name) > NAME_LONGEST:
            raise Invalid(
                "the array would call the copy %s for a moment, which is longer than the %d characters it takes"
                % (name, NAME_LONGEST),
                hint="Rename the source to something shorter.",
            )

    def _begin(
        self, kind: str, copies: Sequence[Copy], waiting: Sequence[str], suffix: str, set_name: str
    ) -> List[Optional[Object]]:
        """POST; for each copy None, or what is there under the name: this run's own, after a lost answer."""
        if self._xms.v2:
            body: Dict[str, Any] = {
                "volume-list": [reference(copy.source, copy.source_id) for copy in copies],
                "snap-suffix": suffix,
                "snapshot-set-name": set_name,
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
            there = self._by_name(waiting)
            return [there.get(name) for name in waiting] if there else None

        try:
            return confirm(take, look, (NameTaken,))
        except NotFound as error:
            raise self._who_is_missing(error, *[copy.source for copy in copies]) from None

    def _all_or_none(self, copies: Sequence[Copy]) -> List[Optional[Object]]:
        """Of a set of one instant: all that is there, or nothing. A part that a killed run has named is removed."""
        there = self._by_name([copy.name for copy in copies])
        found = [there.get(copy.name) for copy in copies]
        if there and len(there) < len(copies):
            self._remove_unfinished_set(copies, there)
            return [None] * len(copies)
        return found

    def _remove_unfinished_set(self, copies: Sequence[Copy], there: Dict[str, Object]) -> None:
        """Remove the complete set that a killed run made and did not name completely; Conflict for anything else.

        While one of its members waits for its name, the set is unfinished, and no run has ever reported it. So that
        member goes last.
        """
        error = Conflict(
            "%s is there already, and what is taken now is of another instant" % ", ".join(sorted(there)),
            hint="Delete what is there, or take the whole set under new names.",
        )
        sets = {name for item in there.values() for name in objects.sets_of(item)}
        stamp = unfinished.find(min(sets)) if len(sets) == 1 and min(sets).startswith(SET) else None
        if stamp is None:
            raise error
        members = self._set_members(min(sets))
        unnamed = [item for item in members if stamp_of(str(item["name"])) == stamp]
        named = [item for item in members if str(item["name"]) in there]
        sources = {copy.source for copy in copies}
        if (
            not unnamed
            or len(named) != len(there)
            or len(named) + len(unnamed) != len(members)
            or {_made_of(item) for item in members} != sources
            or not all(self._is_unused(item) for item in members)
        ):
            raise error
        if not unfinished.is_over(stamp, unfinished.RESUME_WITHIN):
            raise Busy(
                "another run began this set %d s ago" % stamp.age(),
                hint="Run the task again when that one has ended.",
            )
        for item in named + unnamed:
            self._delete_unmapped(str(item["name"]), str(item["index"]))

    def _finish(self, kind: str, copy: Copy, waiting: str, there: Optional[Object], alone: bool) -> Optional[Object]:
        """Extend the copy where asked, and give it its name; None, or what had the name before."""
        if there is not None:
            # Of this very run, whose answer was lost: nobody else has this name.
            copy.made = str(there["index"])
        try:
            if copy.grow_to is not None:
                self._xms.put("volumes", waiting, {"vol-size": megabytes(copy.grow_to)}, idempotent=True)
            self._rename(waiting, copy.name, lambda item: self._is_copy(kind, copy, item))
        except NameTaken:
            self._drop(waiting, copy)
            found = self._object(copy.name)
            if found is None:
                raise
            return self._same_copy(kind, copy, found)
        except (AnswerLost, Timeout, Unreachable):
            # The next run on the same source removes it.
            raise
        except FlashError:
            # One of several of one instant stays: it says that the others do not belong to a finished set.
            if alone:
                self._drop(waiting, copy)
            raise
        return None

    def _drop(self, waiting: str, copy: Copy) -> None:
        """Remove a copy that will not get its name. It never had it, and nobody else makes names like this."""
        try:
            self._delete_unmapped(waiting, copy.made or "")
        except FlashError:
            pass  # the error that led here says more

    def _is_copy(self, kind: str, copy: Copy, there: Object) -> bool:
        """Whether this was made of the source, as the kind that was asked for."""
        if _made_of(there) != copy.source:
            return False
        return not self._xms.v2 or objects.is_readonly(there) == (kind == "snapshot")

    def _same_copy(self, kind: str, copy: Copy, there: Object) -> Object:
        if not self._is_copy(kind, copy, there):
            ancestor = objects.oid_name(there.get("ancestor-vol-id"))
            if ancestor != copy.source:
                differs = "it was made of %s" % ancestor if ancestor else "it was not made of another volume"
            else:
                differs = "it is %s" % ("a read-only snapshot" if objects.is_readonly(there) else "a writable clone")
            raise unlike("an object of that name,", copy.name, "%s, not a %s of %s" % (differs, kind, copy.source))
        return there


@dataclass
class Copy:
    """A snapshot or clone to make."""

    source: str
    source_id: str
    size: int
    name: str
    children: Tuple[str, ...] = ()
    """What was made of the source, by name, as far as that was read."""
    grow_to: Optional[int] = None
    """Extend it to this size before it gets its name."""
    made: Optional[str] = None
    """Its index, once it is known."""

    @property
    def natural_suffix(self) -> str:
        """X when the name is ``<source>.X``: such a name the array gives by itself. Empty for any other name."""
        start = self.source + "."
        ending = self.name[len(start) :] if self.name.startswith(start) else ""
        return ending if len(ending) <= SUFFIX_LONGEST else ""

    def named(self, suffix: str) -> str:
        """What the array calls a copy made with this suffix (section 4)."""
        return "%s.%s" % (self.source, suffix)


def _made_of(item: Object) -> Optional[str]:
    return objects.oid_name(item.get("ancestor-vol-id"))
