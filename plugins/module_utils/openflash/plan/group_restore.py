# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore of all volumes of a consistency group, at one instant and once."""

from __future__ import annotations

from typing import List

from ..errors import Conflict, Invalid, NotFound
from ..model import Group, Snapshot, Volume
from ..units import format_size
from . import rules, snapshots
from .desired import DesiredSnapshot
from .draft import Draft
from .steps import RestoreGroup, UnmapVolume


def restored(draft: Draft, desired: DesiredSnapshot) -> None:
    name, backup = desired.group or "", desired.backup or ""
    with draft.item(
        snapshots.key(desired), "restore consistency group %s from snapshot %s" % (name, desired.name)
    ) as outcome:
        group = snapshots.existing_group(draft, name)
        if group is None:
            draft.warn("check mode does not plan to restore group %s, which is not there yet" % name)
            return
        found = _snapshots_of(draft, group, desired.name)
        outcome.before = tuple(found) or None
        kept = _snapshots_of(draft, group, backup)
        if any(draft.world.is_new(snapshot) for snapshot in kept):
            raise Invalid("the same task takes snapshot %s of the group, so it cannot be the backup" % backup)
        if len(kept) == len(group.volumes):
            for snapshot in kept:
                snapshots.check_usable(snapshot)
            draft.warn("the backup %s is there, so group %s has been restored before" % (backup, name))
            return
        if len(found) < len(group.volumes):
            missing = NotFound(
                "not every volume of consistency group %s has a snapshot %s" % (name, desired.name),
                target=desired.name,
                hint="A volume may have joined since. Restore the volumes one by one.",
            )
            draft.missing("snapshot %s of consistency group %s" % (desired.name, name), missing)
            draft.warn("check mode does not plan to restore group %s from what is not there yet" % name)
            return
        _restore(draft, desired, group, found)


def _snapshots_of(draft: Draft, group: Group, name: str) -> List[Snapshot]:
    """The snapshots of the volumes of the group, as far as they exist."""
    return [
        snapshot
        for member in group.volumes
        for snapshot in draft.world.snapshots_named(snapshots.member_name(member, name), member)
    ]


def _restore(draft: Draft, desired: DesiredSnapshot, group: Group, found: List[Snapshot]) -> None:
    world, item, backup = draft.world, snapshots.key(desired), desired.backup or ""
    snapshots.check_one_instant(found)
    rules.check_owner(group.name, "restore", draft.policy)
    volumes, mappings = [], []
    for snapshot in found:
        volume = world.volume(snapshot.volume or "")
        if volume is None:
            raise NotFound("there is no volume %s" % snapshot.volume, target=snapshot.volume)
        _check(draft, volume, snapshot)
        rules.check_new_backup(world, snapshots.member_name(volume.name, backup))
        mappings += rules.check_unmapped(world, volume.name, "restored", draft.policy)
        volumes.append(volume)
    draft.check_destructive()
    for mapping in mappings:
        draft.add(UnmapVolume(item, mapping.volume, mapping.host), item)
        world.remove_mapping(mapping)
    draft.add(RestoreGroup(item, group.name, desired.name, backup), item)
    for volume in volumes:
        name = snapshots.member_name(volume.name, backup)
        world.add_snapshot(snapshots.planned_snapshot(draft, name, volume.name, volume, group.name))


def _check(draft: Draft, volume: Volume, snapshot: Snapshot) -> None:
    for one in (snapshot, volume):
        rules.check_complete(one)
        rules.check_online(one)
    rules.check_owner(volume.name, "restore", draft.policy)
    if snapshot.size != volume.size:
        raise Conflict(
            "volume %s has %s, and its snapshot %s has %s"
            % (volume.name, format_size(volume.size), snapshot.name, format_size(snapshot.size)),
            hint="A volume that has grown since the snapshot was taken cannot be restored from it.",
        )
