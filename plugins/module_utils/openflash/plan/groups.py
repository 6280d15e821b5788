# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Consistency groups: create, add and remove volumes, delete."""

from __future__ import annotations

from typing import List, Optional, Sequence

from ..errors import NotFound, Refused
from ..model import Group
from . import rules
from .desired import ABSENT, PRESENT, DesiredGroup
from .draft import Draft
from .step import Key
from .steps import AddToGroup, CreateGroup, DeleteGroup, RemoveFromGroup


def key(name: str) -> Key:
    return ("group", name)


def present(draft: Draft, groups: Sequence[DesiredGroup]) -> None:
    """Plan the groups that shall exist, after their volumes."""
    for desired in groups:
        if desired.state == PRESENT:
            with draft.item(key(desired.name), "create or change consistency group %s" % desired.name) as outcome:
                group = draft.world.group(desired.name)
                outcome.before = group
                _present(draft, desired, group)


def _present(draft: Draft, desired: DesiredGroup, group: Optional[Group]) -> None:
    item = key(desired.name)
    rules.check_can(draft.capabilities, "groups")
    missing = []
    for name in desired.volumes or ():
        volume = draft.needed_volume(name, NotFound("there is no volume %s" % name, target=name, hint="Create it."))
        if group is None or name not in group.volumes:
            missing.append(name)
        if volume is not None:
            rules.check_state(volume)
    if group is None:
        rules.check_name("consistency group", desired.name, draft.capabilities.group_name)
        draft.add(CreateGroup(item, desired.name), item)
        group = Group(desired.name)
    for name in missing:
        draft.add(AddToGroup(item, desired.name, name), item)
    draft.world.groups[desired.name] = group
    for name in missing:
        draft.world.add_to_group(draft.world.groups[desired.name], name)


def end(draft: Draft, groups: Sequence[DesiredGroup]) -> None:
    """Plan what is taken away: members that the task names, or that an exclusive list does not, and groups that
    shall be absent."""
    draft.batch(destructive=True)
    for desired in groups:
        if desired.state == ABSENT:
            with draft.item(key(desired.name), "delete consistency group %s" % desired.name) as outcome:
                rules.check_can(draft.capabilities, "groups")
                group = draft.world.group(desired.name)
                outcome.before = group
                if group is not None:
                    delete(draft, key(desired.name), group)
        elif (desired.exclusive_volumes or desired.without) and draft.failure(key(desired.name)) is None:
            with draft.item(key(desired.name), "remove volumes from consistency group %s" % desired.name):
                _remove_others(draft, desired)


def _remove_others(draft: Draft, desired: DesiredGroup) -> None:
    group = draft.world.groups[desired.name]
    others: List[str] = [
        name
        for name in group.volumes
        if name in desired.without or (desired.exclusive_volumes and name not in (desired.volumes or ()))
    ]
    if not others:
        return
    if desired.exclusive_volumes and not desired.volumes and not draft.policy.allow_empty:
        raise Refused(
            "the list of its volumes is empty, so every volume would be removed from it",
            hint="Give the volumes that shall stay, or set allow_empty: true when it shall have none.",
        )
    rules.check_owner(desired.name, "change", draft.policy)
    for name in others:
        if draft.world.volume(name) is None:
            raise NotFound("volume %s is in it, and could not be read" % name, target=name)
        draft.add(RemoveFromGroup(key(desired.name), desired.name, name), key(desired.name))
    for name in others:
        draft.world.remove_from_group(draft.world.groups[desired.name], name)


def delete(draft: Draft, item: Key, group: Group) -> None:
    """Plan to delete a group. Its volumes and their snapshots stay.

    :raises Refused: OpenStack owns it.
    """
    rules.check_owner(group.name, "delete", draft.policy)
    draft.add(DeleteGroup(item, group.name), item)
    draft.world.remove_group(group)
