# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Consistency groups, v2 only (sheet, section 5)."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Sequence, Tuple

from ...array import ConsistencyGroups
from ...errors import Conflict, FlashError, Invalid, NotFound
from ...model import Group, Snapshot, Volume
from ...transport.confirm import confirm
from .ledger import SUFFIX_LONGEST
from .names import snapset_name
from .reading import Reading
from .refusals import NameTaken
from .wire import reference


class Groups(Reading, ConsistencyGroups):
    """Consistency groups."""

    def create_group(self, name: str, volumes: Sequence[Volume] = ()) -> Group:
        """One request, members included."""
        with self._doing("create consistency group %s" % name, name):
            self._need_groups()
            references = [reference(volume.name, volume.id) for volume in volumes]
            members = tuple(volume.name for volume in volumes)

            def create() -> Group:
                indexes = self._xms.create_consistency_group(name, references)
                return Group(name, str(indexes[0]) if indexes else "", members)

            def existing() -> Optional[Group]:
                group = self.groups([name]).named(name)
                return None if group is None else _same_group(group, members)

            try:
                return confirm(create, existing, (NameTaken,))
            except NotFound as error:
                raise self._missing_member(error, name, volumes) from None

    def delete_group(self, group: Group) -> None:
        """One request. The volumes stay."""
        with self._doing("delete consistency group %s" % group.name, group.name):
            self._need_groups()
            self._xms.delete_consistency_group(group.name, int(group.id) if group.id else None)

    def add_to_group(self, group: Group, volumes: Sequence[Volume]) -> Group:
        """One request for each volume that is not in it yet."""
        with self._doing("add volumes to consistency group %s" % group.name, group.name):
            self._need_groups()
            members = list(group.volumes)
            for volume in volumes:
                if volume.name not in members:
                    self._add_member(group, volume)
                    members.append(volume.name)
            return replace(group, volumes=tuple(members))

    def _add_member(self, group: Group, volume: Volume) -> None:
        references = reference(group.name, group.id), reference(volume.name, volume.id)

        def is_member() -> bool:
            present = self.groups([group.name]).named(group.name)
            return present is not None and volume.name in present.volumes

        try:
            # Section 15: the code for a volume that is in the group already is not known.
            confirm(lambda: self._xms.add_to_consistency_group(*references), is_member, (FlashError,))
        except NotFound as error:
            raise self._missing_member(error, group.name, [volume]) from None

    def remove_from_group(self, group: Group, volumes: Sequence[Volume]) -> Group:
        """One request for each volume that is in it."""
        with self._doing("take volumes out of consistency group %s" % group.name, group.name):
            self._need_groups()
            removed = [volume for volume in volumes if volume.name in group.volumes]
            for volume in removed:
                self._xms.remove_from_consistency_group(
                    group.name, reference(group.name, group.id), reference(volume.name, volume.id)
                )
            names = {volume.name for volume in removed}
            return replace(group, volumes=tuple(name for name in group.volumes if name not in names))

    def snapshot_group(self, group: Group, suffix: str) -> Tuple[Snapshot, ...]:
        """Two requests: the snapshots, which the array names ``<volume>.<suffix>``, and a read of them.

        Only members of this request's snapshot set were taken now. An older object of such a name is a Conflict.
        """
        with self._doing("take snapshots of consistency group %s" % group.name, group.name):
            self._need_groups()
            if not suffix or len(suffix) > SUFFIX_LONGEST.value:
                raise Invalid("the suffix %r has not 1 to %d characters" % (suffix, SUFFIX_LONGEST.value))
            set_name = snapset_name()
            source = {"consistency-group-id": reference(group.name, group.id)}

            def taken() -> Optional[Tuple[Snapshot, ...]]:
                return tuple(self.snapshots_of_set(set_name)) or None

            try:
                created = confirm(lambda: self._xms.create_snapshots(source, set_name, suffix), taken, (NameTaken,))
            except NotFound as error:
                raise NotFound("consistency group %s is not there" % group.name, code=error.code) from None
            except NameTaken as error:
                raise Conflict(
                    "an object named <volume>.%s is there already, and was not taken now" % suffix,
                    code=error.code,
                    said=error.said,
                    hint="Choose another name, or delete that object.",
                ) from None
            if isinstance(created, tuple):
                return created
            found = tuple(self.snapshots(["%s.%s" % (member, suffix) for member in group.volumes]))
            if len(found) == len(created) and all(snapshot.group == set_name for snapshot in found):
                return found
            # The members of the group have changed since it was read.
            return tuple(self.snapshots_of_set(set_name))

    def _need_groups(self) -> None:
        if not self._xms.is_v2:
            raise self.unsupported("groups", "")

    def _missing_member(self, error: NotFound, group: str, volumes: Sequence[Volume]) -> NotFound:
        names = [volume.name for volume in volumes]
        present = {item.get("name") for item in self._xms.volumes(names, ("name", "index"))}
        for name in names:
            if name not in present:
                return NotFound("volume %s is not there" % name, target=name, code=error.code)
        return NotFound("consistency group %s is not there" % group, target=group, code=error.code)


def _same_group(existing: Group, members: Sequence[str]) -> Group:
    if set(existing.volumes) == set(members):
        return existing
    raise Conflict(
        "consistency group %s is there already, with %s" % (existing.name, ", ".join(existing.volumes) or "no volumes"),
        target=existing.name,
    )
