# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Consistency groups (sheet, section 5) and notes on volumes kept as tags (section 7): v2 only."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Dict, Mapping as Map, Optional, Sequence, Tuple

from ...array import ConsistencyGroups, Notes
from ...errors import BadReply, Conflict, FlashError, Invalid, NotFound
from ...model import Group, Snapshot, Volume
from ...transport.confirm import confirm, repeat
from ...transport.deadline import Deadline
from . import objects
from .facts import SUFFIX_LONGEST, TAG_ENTITY, TAG_LAG, TAG_ROOT, snapset_name
from .reading import Reading
from .refusals import NameTaken
from .wire import Object, reference


class Groups(Reading, ConsistencyGroups, Notes):
    """What XtremIO does with consistency groups and tags."""

    # -- consistency groups ------------------------------------------------------------------------------------------

    def create_group(self, name: str, volumes: Sequence[Volume] = ()) -> Group:
        """One request, members included."""
        with self._doing("create consistency group %s" % name, name):
            self._need_groups()
            body: Dict[str, object] = {"consistency-group-name": name}
            if volumes:
                body["vol-list"] = [reference(one.name, one.id) for one in volumes]
            members = tuple(one.name for one in volumes)

            def post() -> Group:
                made = self._xms.post("consistency-groups", body)
                return Group(name, str(made[0]) if made else "", members)

            def look() -> Optional[Group]:
                there = self.groups([name]).named(name)
                return None if there is None else _same_group(there, members)

            try:
                return confirm(post, look, (NameTaken,))
            except NotFound as error:
                raise self._missing_member(error, name, volumes) from None

    def delete_group(self, group: Group) -> None:
        """One request; the volumes stay."""
        with self._doing("delete consistency group %s" % group.name, group.name):
            self._need_groups()
            self._xms.delete("consistency-groups", group.name, int(group.id) if group.id else None)

    def add_to_group(self, group: Group, volumes: Sequence[Volume]) -> Group:
        """One request for each volume that is not in it yet."""
        with self._doing("add volumes to consistency group %s" % group.name, group.name):
            self._need_groups()
            members = list(group.volumes)
            for one in volumes:
                if one.name not in members:
                    self._add_member(group, one)
                    members.append(one.name)
            return replace(group, volumes=tuple(members))

    def _add_member(self, group: Group, volume: Volume) -> None:
        body = {"cg-id": reference(group.name, group.id), "vol-id": reference(volume.name, volume.id)}

        def is_member() -> bool:
            there = self.groups([group.name]).named(group.name)
            return there is not None and volume.name in there.volumes

        try:
            # Section 15: the code for a volume that is in it already is not known.
            confirm(lambda: self._xms.post("consistency-group-volumes", body), is_member, (FlashError,))
        except NotFound as error:
            raise self._missing_member(error, group.name, [volume]) from None

    def remove_from_group(self, group: Group, volumes: Sequence[Volume]) -> Group:
        """One request for each volume that is in it; the volume is named in the body (section 5)."""
        with self._doing("take volumes out of consistency group %s" % group.name, group.name):
            self._need_groups()
            leaving = [one for one in volumes if one.name in group.volumes]
            for one in leaving:
                body = {"cg-id": reference(group.name, group.id), "vol-id": reference(one.name, one.id)}
                self._xms.delete_with("consistency-group-volumes", group.name, body)
            gone = {one.name for one in leaving}
            return replace(group, volumes=tuple(name for name in group.volumes if name not in gone))

    def snapshot_group(self, group: Group, suffix: str) -> Tuple[Snapshot, ...]:
        """Two requests: the array names the snapshots ``<volume>.<suffix>`` by itself, and they are read back.

        Only what is in the snapshot set of this very request was taken now: what has such a name already is of another
        day, and a Conflict.
        """
        with self._doing("take snapshots of consistency group %s" % group.name, group.name):
            self._need_groups()
            if not suffix or len(suffix) > SUFFIX_LONGEST:
                raise Invalid("the suffix %r has not 1 to %d characters" % (suffix, SUFFIX_LONGEST))
            its_set = snapset_name()
            body = {
                "consistency-group-id": reference(group.name, group.id),
                "snap-suffix": suffix,
                "snapshot-set-name": its_set,
                "snapshot-type": "readonly",
            }

            def taken() -> Optional[Tuple[Snapshot, ...]]:
                return tuple(self.snapshots_of_set(its_set)) or None

            try:
                made = confirm(lambda: self._xms.post("snapshots", body), taken, (NameTaken,))
            except NotFound as error:
                raise NotFound("consistency group %s is not there" % group.name, code=error.code) from None
            except NameTaken as error:
                raise Conflict(
                    "an object named <volume>.%s is there already, which was not taken now" % suffix,
                    code=error.code,
                    said=error.said,
                    hint="Choose another name, or delete what has it.",
                ) from None
            if isinstance(made, tuple):
                return made
            found = tuple(self.snapshots(["%s.%s" % (member, suffix) for member in group.volumes]))
            if len(found) == len(made) and all(one.group == its_set for one in found):
                return found
            # Other volumes have joined or left since the group was read.
            return tuple(self.snapshots_of_set(its_set))

    def _need_groups(self) -> None:
        if not self._xms.v2:
            raise self.unsupported("groups", "")

    def _missing_member(self, error: NotFound, group: str, volumes: Sequence[Volume]) -> NotFound:
        names = [one.name for one in volumes]
        there = {item.get("name") for item in self._xms.named("volumes", names, ("name", "index"))}
        for name in names:
            if name not in there:
                return NotFound("volume %s is not there" % name, target=name, code=error.code)
        return NotFound("consistency group %s is not there" % group, target=group, code=error.code)

    # -- notes -------------------------------------------------------------------------------------------------------

    def metadata(self, volume: Volume) -> Dict[str, str]:
        """One request."""
        with self._doing("read the notes on volume %s" % volume.name, volume.name):
            return objects.notes(self._tagged(volume))

    def set_metadata(self, volume: Volume, metadata: Map[str, str]) -> None:
        """Make the notes exactly these; tags that are not ``key=value`` stay.

        One read; for each new note one request, three when no volume has it yet; for each that goes one.
        """
        with self._doing("write the notes on volume %s" % volume.name, volume.name):
            present = objects.note_tags(self._tagged(volume))
            for key, value in metadata.items():
                if (key, value) not in present:
                    self._tag(objects.tag_of(key, value), volume)
            # Also a second value of a key, which a run leaves that is killed between the two.
            for (key, value), tag in present.items():
                if metadata.get(key) != value:
                    self._untag(tag, volume)

    def _tagged(self, volume: Volume) -> Object:
        if not self._xms.v2:
            raise self.unsupported("metadata", "", volume)
        there = self._xms.get("volumes", volume.name, ("name", "index", "tag-list"))
        if there is None:
            raise NotFound("volume %s is not there" % volume.name)
        if there.get("tag-list") is None:
            raise BadReply("the array does not report the tags of volume %s" % volume.name)
        return there

    def _tag(self, tag: str, volume: Volume) -> None:
        body = {"entity": TAG_ENTITY, "entity-details": reference(volume.name, volume.id)}

        def assign() -> Optional[bool]:
            try:
                self._xms.put("tags", TAG_ROOT + tag, body, idempotent=True)
            except NotFound:
                return None
            return True

        if assign():
            return
        with suppress(NameTaken):
            repeat(lambda: self._xms.post("tags", {"entity": TAG_ENTITY, "tag-name": tag}))
        Deadline(TAG_LAG).poll(assign, "the tag %s" % tag)

    def _untag(self, tag: str, volume: Volume) -> None:
        """Take the tag off, and leave the tag: whoever else may be about to use it cannot be known."""
        body = {"entity": TAG_ENTITY, "entity-details": reference(volume.name, volume.id)}
        self._xms.delete_with("tags", TAG_ROOT + tag, body)


def _same_group(there: Group, members: Sequence[str]) -> Group:
    if set(there.volumes) == set(members):
        return there
    raise Conflict(
        "consistency group %s is there already, with %s" % (there.name, ", ".join(there.volumes) or "no volumes"),
        target=there.name,
    )
