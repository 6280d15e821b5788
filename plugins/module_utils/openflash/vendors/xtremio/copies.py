# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clones, and the operation by which this array makes both clones and snapshots.

Snapshots, clones and volumes from snapshots are made by the same request, and v2 names the result
``<source>.<suffix>`` (sheet, section 4). So a copy takes a POST and a rename. The suffix has the stamp of the run (see
unfinished.py): an unfinished copy of an earlier run is never used, because it has the content that the source had then.
The next run on the same source removes it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple, Union

from ... import unfinished
from ...array import UnfinishedCopies
from ...compare import check_size, copy_size, unlike
from ...errors import Busy, Conflict, FlashError, Invalid, NotFound, Timeout, Unreachable
from ...model import Snapshot, Volume, VolumeSpec
from ...transport.confirm import AnswerLost, confirm
from . import objects
from .ledger import GRANULARITY, NAME_LONGEST, SUFFIX_LONGEST
from .names import SET, TEMPORARY_LONGEST, snapset_name, stamp_of, temporary_suffix
from .refusals import NameTaken
from .session import Object
from .volumes import Volumes
from .wire import reference

Source = Union[Volume, Snapshot]


class Copies(Volumes, UnfinishedCopies):
    """Clones of volumes, and volumes from snapshots."""

    # -- clones ------------------------------------------------------------------------------------------------------

    def clone_volume(self, source: Volume, spec: VolumeSpec) -> Volume:
        """Two requests, three for a clone larger than its source. It is instant, and independent of the source."""
        with self._doing("clone volume %s to %s" % (source.name, spec.name), spec.name):
            return self._writable_copy(source, source.snapshots, spec)

    def clone_volumes(self, pairs: Sequence[Tuple[Volume, VolumeSpec]]) -> Tuple[Volume, ...]:
        """Copies of several volumes at one instant: a read, one request for all, and for each a rename and an extension
        where it is larger than its source.

        After a failure request the same copies again: the unfinished ones are removed, and all are made again.
        """
        with self._doing("clone volumes %s" % ", ".join(source.name for source, _spec in pairs)):
            copies = [self._to_copy(source, source.snapshots, spec) for source, spec in pairs]
            return tuple(self._copied(copy, found) for copy, found in zip(copies, self._copy("clone", copies)))

    def volume_from_snapshot(self, snapshot: Snapshot, spec: VolumeSpec) -> Volume:
        """As many requests as clone_volume."""
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

    def _copied(self, copy: Copy, existing: Optional[Object]) -> Volume:
        """The volume that was made, or the one that existed already, if it has the requested size."""
        size = copy.grow_to or copy.size
        if existing is None:
            return Volume(
                copy.name,
                size,
                id=copy.index or "",
                pool=self._xms.cluster,
                source=copy.source,
                mappings=(),
                snapshots=(),
                groups=() if self._xms.is_v2 else None,
            )
        volume = objects.volume(existing, pool=self._xms.cluster)
        check_size(copy.name, volume.size, size)
        return volume

    # -- the copy operation ------------------------------------------------------------------------------------------

    def _set_members(self, name: str) -> List[Object]:
        """The members of a snapshot set: two requests, one where there is no such set."""
        return self._xms.volumes(objects.member_names(self._xms.snapshot_set(name)))

    def _by_name(self, names: Sequence[str]) -> Dict[str, Object]:
        return {str(item["name"]): item for item in self._xms.volumes(names)}

    def _copy(self, kind: str, copies: Sequence[Copy]) -> List[Optional[Object]]:
        """Make the copies, at one instant when there are several. Returns for each None, or the existing object of its
        name.

        :param kind: ``snapshot`` (read-only on v2) or ``clone`` (writable).
        """
        # One of several that exists already must not be taken for one of this instant.
        existing = self._all_or_none(copies) if len(copies) > 1 else []
        if any(item is not None for item in existing):
            return [item and self._same_copy(kind, copy, item) for copy, item in zip(copies, existing)]
        for copy in copies:
            self._remove_unfinished(copy)
        with unfinished.begin() as stamp:
            suffix, gives_names = self._suffix(copies, stamp)
            # v1 accepts the final name at once (section 4). Only a copy that must be extended has a temporary one.
            has_final_name = gives_names or (not self._xms.is_v2 and all(copy.grow_to is None for copy in copies))
            names = [copy.name if has_final_name else copy.named(suffix) for copy in copies]
            for name in names:
                self._check_length(name)
            existing = self._begin(kind, copies, names, suffix, snapset_name(stamp))
            if has_final_name:
                return [item and self._same_copy(kind, copy, item) for copy, item in zip(copies, existing)]
            is_only = len(copies) == 1
            return [self._finish(kind, copy, name, item, is_only) for copy, name, item in zip(copies, names, existing)]

    def _suffix(self, copies: Sequence[Copy], stamp: unfinished.Stamp) -> Tuple[str, bool]:
        """The suffix to send, and whether all copies have their final names by it."""
        natural = {copy.natural_suffix for copy in copies}
        if len(natural) == 1 and "" not in natural and all(copy.grow_to is None for copy in copies):
            return natural.pop(), True
        return temporary_suffix(stamp), False

    def remove_unfinished(self) -> Tuple[str, ...]:
        """The list has only names. A copy is removed under the same conditions as by the next copy of its source."""
        with self._doing("remove unfinished copies"):
            names = [str(item["name"]) for item in self._xms.names("volumes")]
            removed: List[str] = []
            for name in names:
                if stamp_of(name) is not None:
                    source = name[:-TEMPORARY_LONGEST]
                    removed += self._remove_unfinished(Copy(source, "", 0, "", children=(name,)))
            return tuple(removed)

    def _remove_unfinished(self, copy: Copy) -> List[str]:
        """Remove the unfinished copies of the same source that killed runs have made, if they are unmapped and were not
        copied themselves. Returns their names.

        The names of the copies were read with the source, so this costs no request while there are none. A run on
        another host gets more time than it can ever need: its unfinished copies are no obstacle.
        """
        removed: List[str] = []
        for name in copy.children:
            stamp = stamp_of(name)
            if stamp is None or name != copy.named(temporary_suffix(stamp)):
                continue
            if not unfinished.is_over(stamp, unfinished.RESUME_WITHIN):
                continue
            with suppress(FlashError):
                item = self._xms.volume(name)
                if item is None or not self._is_unused(item) or _made_of(item) != copy.source:
                    continue
                members = [member for set_name in objects.sets_of(item) for member in self._set_members(set_name)]
                # Of a set in which some members have their names, this one marks it as unfinished and must stay: see
                # _remove_unfinished_set.
                if all(stamp_of(str(member["name"])) == stamp for member in members):
                    self._delete_unmapped(name, str(item["index"]))
                    removed.append(name)
        return removed

    @staticmethod
    def _is_unused(item: Object) -> bool:
        """Whether it is known to be unmapped, and not to have been copied."""
        return objects.volume_mappings(item) == () and item.get("dest-snap-list") == []

    def _check_length(self, name: str) -> None:
        if len(name) > NAME_LONGEST.value:
            raise Invalid(
                "the temporary name of the copy, %s, is longer than the %d characters that the array allows"
                % (name, NAME_LONGEST.value),
                hint="Rename the source to something shorter.",
                assumption=NAME_LONGEST.id,
            )

    def _begin(
        self, kind: str, copies: Sequence[Copy], names: Sequence[str], suffix: str, set_name: str
    ) -> List[Optional[Object]]:
        """Send the request. Returns for each copy None, or the existing object of the name: after a lost answer this
        run's own copy.
        """
        references = [reference(copy.source, copy.source_id) for copy in copies]

        def take() -> List[Optional[Object]]:
            if self._xms.is_v2:
                source = {"volume-list": references}
                indexes = self._xms.create_snapshots(source, set_name, suffix, writable=kind == "clone")
            else:
                indexes = self._xms.create_snapshot_v1(references[0], names[0])
            if len(copies) == 1 and indexes:
                copies[0].index = str(indexes[0])
            return [None] * len(copies)

        def existing() -> Optional[List[Optional[Object]]]:
            items = self._by_name(names)
            return [items.get(name) for name in names] if items else None

        try:
            return confirm(take, existing, (NameTaken,))
        except NotFound as error:
            raise self._missing_object(error, *[copy.source for copy in copies]) from None

    def _all_or_none(self, copies: Sequence[Copy]) -> List[Optional[Object]]:
        """The existing objects of these names, if all exist; else None for each, and the unfinished set of a killed run
        is removed.
        """
        existing = self._by_name([copy.name for copy in copies])
        if existing and len(existing) < len(copies):
            self._remove_unfinished_set(copies, existing)
            return [None] * len(copies)
        return [existing.get(copy.name) for copy in copies]

    def _remove_unfinished_set(self, copies: Sequence[Copy], existing: Dict[str, Object]) -> None:
        """Remove the set of a killed run in which some members have their names already.

        While one of its members has its temporary name, the set is unfinished, and no run has ever reported it. So that
        member is deleted last.

        :raises Conflict: the existing objects are not of such a set.
        """
        error = Conflict(
            "%s is there already, and a copy that is made now is of another instant" % ", ".join(sorted(existing)),
            hint="Delete what exists, or take the complete set under new names.",
        )
        sets = {name for item in existing.values() for name in objects.sets_of(item)}
        stamp = unfinished.find(min(sets)) if len(sets) == 1 and min(sets).startswith(SET) else None
        if stamp is None:
            raise error
        members = self._set_members(min(sets))
        unnamed = [item for item in members if stamp_of(str(item["name"])) == stamp]
        named = [item for item in members if str(item["name"]) in existing]
        sources = {copy.source for copy in copies}
        if (
            not unnamed
            or len(named) != len(existing)
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

    def _finish(
        self, kind: str, copy: Copy, temporary_name: str, item: Optional[Object], is_only: bool
    ) -> Optional[Object]:
        """Extend the copy where requested, and give it its name. Returns None, or the existing object of that name.

        :param item: the copy, where it was read after a lost answer.
        :param is_only: it is not one of several of one instant.
        """
        if item is not None:
            copy.index = str(item["index"])
        try:
            if copy.grow_to is not None:
                self._xms.extend_volume(temporary_name, copy.grow_to)
            self._rename(temporary_name, copy.name, lambda renamed: self._is_copy(kind, copy, renamed))
        except NameTaken:
            self._discard(temporary_name, copy)
            existing = self._xms.volume(copy.name)
            if existing is None:
                raise
            return self._same_copy(kind, copy, existing)
        except (AnswerLost, Timeout, Unreachable):
            # The next run on the same source removes it.
            raise
        except FlashError:
            # One of several of one instant stays: it marks their set as unfinished.
            if is_only:
                self._discard(temporary_name, copy)
            raise
        return None

    def _discard(self, temporary_name: str, copy: Copy) -> None:
        """Remove an unfinished copy of this run. The name is this run's own."""
        try:
            self._delete_unmapped(temporary_name, copy.index or "")
        except FlashError:
            pass  # the error that led here says more

    def _is_copy(self, kind: str, copy: Copy, item: Object) -> bool:
        """Whether an object is a copy of this source, of this kind."""
        if _made_of(item) != copy.source:
            return False
        return not self._xms.is_v2 or objects.is_readonly(item) == (kind == "snapshot")

    def _same_copy(self, kind: str, copy: Copy, existing: Object) -> Object:
        if not self._is_copy(kind, copy, existing):
            ancestor = objects.oid_name(existing.get("ancestor-vol-id"))
            if ancestor != copy.source:
                differs = "it was made of %s" % ancestor if ancestor else "it was not made of another volume"
            else:
                differs = "it is %s" % ("a read-only snapshot" if objects.is_readonly(existing) else "a writable clone")
            raise unlike("an object of that name,", copy.name, "%s, not a %s of %s" % (differs, kind, copy.source))
        return existing


@dataclass
class Copy:
    """A snapshot or clone to make."""

    source: str
    source_id: str
    size: int
    name: str
    children: Tuple[str, ...] = ()
    """The names of the existing copies of the source, as far as they were read."""
    grow_to: Optional[int] = None
    """Extend it to this size before it gets its name."""
    index: Optional[str] = None
    """Its index, once that is known."""

    @property
    def natural_suffix(self) -> str:
        """The suffix by which the array gives the copy this very name, ``<source>.<suffix>``; empty for other names."""
        start = self.source + "."
        ending = self.name[len(start) :] if self.name.startswith(start) else ""
        return ending if len(ending) <= SUFFIX_LONGEST.value else ""

    def named(self, suffix: str) -> str:
        """The name that the array gives a copy with this suffix (section 4)."""
        return "%s.%s" % (self.source, suffix)


def _made_of(item: Object) -> Optional[str]:
    return objects.oid_name(item.get("ancestor-vol-id"))
