# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots: take, delete, restore, keep the newest."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional, Sequence, Tuple

from ..errors import Conflict, FlashError, InUse, NotFound, Refused
from ..model import Mapping, Snapshot
from . import rules
from .desired import RetentionWish, SnapshotWish
from .draft import Draft
from .steps import CreateSnapshots, DeleteSnapshot, Key, RestoreSnapshot, SnapshotGroup, UnmapVolume
from .volumes import snapshot_key

_NOW = "9"
"""Sorts after every time stamp of an array: the age of a snapshot that this plan takes."""


def key(wish: SnapshotWish) -> Key:
    return ("snapshot", wish.volume or wish.group or "", wish.name)


def present(draft: Draft, wishes: Sequence[SnapshotWish], atomic: bool) -> None:
    """Plan the snapshots that can be taken now; with atomic, all of them in one step or none."""
    single: List[Tuple[Key, Snapshot]] = []
    for wish in wishes:
        with draft.item(key(wish), "take snapshot %s of %s" % (wish.name, wish.volume or wish.group)) as outcome:
            if wish.group:
                _of_group(draft, wish)
                continue
            found = _existing(draft, wish)
            if found is not None:
                outcome.before = outcome.after = found
                continue
            snapshot = _new(draft, wish)
            outcome.after = snapshot
            draft.world.snapshots.append(snapshot)
            single.append((key(wish), snapshot))
            if not atomic:
                pair = (snapshot.volume or "", snapshot.name)
                draft.add(CreateSnapshots(key(wish), (key(wish),), (pair,), quiesced=wish.quiesced))
    if atomic and single:
        _together(draft, single)


def _together(draft: Draft, single: Sequence[Tuple[Key, Snapshot]]) -> None:
    """One step for all; a wish that failed, or a snapshot that is there already, spoils the instant for all."""
    failed = [outcome for outcome in draft.outcomes.values() if outcome.key[0] == "snapshot" and outcome.error]
    there = [o.key for o in draft.outcomes.values() if o.key[0] == "snapshot" and o.before is not None]
    keys = tuple(item for item, _snapshot in single)
    with draft.item(keys[0], "take %d snapshots at one instant" % len(keys)):
        problem = draft.capabilities.refusal("atomic_snapshots")
        if problem and len(keys) > 1:
            raise Refused(problem)
        if failed:
            raise Refused("another snapshot of the same instant cannot be taken")
        if there:
            raise Conflict(
                "%s is there already, and cannot be of the same instant" % ", ".join(item[-1] for item in there),
                hint="Take the whole set under new names.",
            )
        pairs = tuple((snapshot.volume or "", snapshot.name) for _item, snapshot in single)
        draft.add(CreateSnapshots(keys[0], keys, pairs, atomic=len(keys) > 1))
    error = draft.outcomes[keys[0]].error
    if error is not None:
        for item in keys[1:]:
            draft.outcomes[item].error, draft.outcomes[item].after = error, None
    else:
        for item in keys[1:]:
            draft.outcomes[item].steps = list(draft.outcomes[keys[0]].steps)


def _existing(draft: Draft, wish: SnapshotWish) -> Optional[Snapshot]:
    found = draft.world.named_snapshots(wish.name, wish.volume)
    if found:
        return found[0]
    if draft.capabilities.one_namespace:
        elsewhere = draft.world.named_snapshots(wish.name)
        if elsewhere:
            raise Conflict(
                "a snapshot of this name is there, of volume %s" % (elsewhere[0].volume or "that is gone"),
                hint="Choose another name.",
            )
        if wish.name in draft.world.volumes:
            raise Conflict("a volume has this name, and on this array volumes and snapshots share their names")
    return None


def _new(draft: Draft, wish: SnapshotWish) -> Snapshot:
    volume = draft.world.volume(wish.volume or "")
    if volume is None:
        raise NotFound("there is no volume %s" % wish.volume, target=wish.volume)
    rules.check_name("snapshot", wish.name, draft.capabilities.snapshot_name)
    rules.check_can(draft.capabilities, "create_snapshots", volume)
    return Snapshot(
        name=wish.name,
        volume=volume.name,
        size=volume.size,
        volume_id=volume.id,
        created=_NOW,
        proven=draft.capabilities.proves_snapshots,
        mappings=(),
        children=(),
    )


def _of_group(draft: Draft, wish: SnapshotWish) -> None:
    """A snapshot NAME of a group is one snapshot VOLUME.NAME of each member, all of one instant."""
    outcome = draft.outcomes[key(wish)]
    rules.check_can(draft.capabilities, "groups", None)
    group = draft.world.groups.get(wish.group or "")
    if group is None:
        raise NotFound("there is no consistency group %s" % wish.group, target=wish.group)
    if not group.volumes:
        raise NotFound("consistency group %s has no volumes" % group.name, target=group.name)
    names = {member: "%s.%s" % (member, wish.name) for member in group.volumes}
    there = [s for member, name in names.items() for s in draft.world.named_snapshots(name, member)]
    if len(there) == len(names):
        outcome.before = outcome.after = tuple(there)
        return
    if there:
        raise Conflict(
            "only some members of the group have this snapshot: %s" % ", ".join(sorted(str(s.volume) for s in there)),
            hint="A volume joined or left since; take a new set under another name.",
        )
    for name in names.values():
        rules.check_name("snapshot", name, draft.capabilities.snapshot_name)
    made = []
    for member, name in names.items():
        volume = draft.world.volume(member)
        made.append(
            Snapshot(
                name=name,
                volume=member,
                size=volume.size if volume else 0,
                created=_NOW,
                proven=draft.capabilities.proves_snapshots,
                group=group.name,
                mappings=(),
                children=(),
            )
        )
    draft.add(SnapshotGroup(key(wish), group.name, wish.name))
    draft.world.snapshots.extend(made)
    outcome.after = tuple(made)


def absent(draft: Draft, wish: SnapshotWish) -> None:
    with draft.item(key(wish), "delete snapshot %s" % wish.name) as outcome:
        if wish.group:
            group = draft.world.groups.get(wish.group)
            names = ["%s.%s" % (member, wish.name) for member in (group.volumes if group else ())]
            found = [s for name in names for s in draft.world.named_snapshots(name)]
            outcome.before = tuple(found) or None
        else:
            found = draft.world.named_snapshots(wish.name, wish.volume)
            if len(found) > 1:
                raise Conflict(
                    "several volumes have a snapshot of this name: %s" % ", ".join(sorted(str(s.volume) for s in found)),
                    hint="Say which, by volume.",
                )
            outcome.before = found[0] if found else None
        for snapshot in found:
            delete(draft, key(wish), snapshot)
        outcome.after = None


def delete(draft: Draft, item: Key, snapshot: Snapshot) -> None:
    rules.check_owner(snapshot.name, "delete", draft.policy)
    rules.check_can(draft.capabilities, "delete_snapshot", snapshot)
    if snapshot.children and draft.capabilities.clones_depend:
        raise InUse(
            "%s depend%s on it" % (", ".join(snapshot.children), "s" if len(snapshot.children) == 1 else ""),
            hint="Delete what was made of it first.",
        )
    for mapping in _unmapped(draft, snapshot):
        draft.add(UnmapVolume(item, snapshot.name, mapping.host), item)
    draft.add(DeleteSnapshot(item, snapshot_key(snapshot)), item)
    draft.world.snapshots.remove(snapshot)


def _unmapped(draft: Draft, snapshot: Snapshot) -> Tuple[Mapping, ...]:
    maps = tuple(snapshot.mappings or ())
    if maps and not draft.policy.unmap:
        raise Refused(
            "it is mapped to %s" % ", ".join(sorted("host %s" % mapping.host for mapping in maps)),
            hint="Unmap it first, or set unmap: true to have it unmapped and then deleted.",
        )
    for mapping in maps:
        draft.world.add_map(mapping)
        rules.check_owner(mapping.host, "unmap", draft.policy)
        rules.check_unmap(mapping, draft.policy)
    return maps


def restored(draft: Draft, wish: SnapshotWish) -> None:
    with draft.item(key(wish), "restore volume %s from snapshot %s" % (wish.volume, wish.name)) as outcome:
        world, backup = draft.world, wish.backup or ""
        kept = world.named_snapshots(backup, wish.volume)
        found = world.named_snapshots(wish.name, wish.volume)
        outcome.before = outcome.after = found[0] if found else None
        if kept:
            draft.warn("the backup %s is there, so volume %s has been restored before" % (backup, wish.volume))
            return
        volume = world.volume(wish.volume or "")
        if volume is None:
            raise NotFound("there is no volume %s" % wish.volume, target=wish.volume)
        if not found:
            raise NotFound("volume %s has no snapshot %s" % (wish.volume, wish.name), target=wish.name)
        rules.check_can(draft.capabilities, "restore_snapshot", volume, snapshot=found[0])
        rules.check_owner(volume.name, "restore", draft.policy)
        rules.check_name("snapshot", backup, draft.capabilities.snapshot_name)
        if draft.capabilities.one_namespace and (world.named_snapshots(backup) or backup in world.volumes):
            raise Conflict("the name %s is taken, so it cannot be the backup's" % backup, hint="Choose another name.")
        for mapping in rules.check_unmapped(world, volume.name, "restored", draft.policy):
            draft.add(UnmapVolume(key(wish), volume.name, mapping.host), key(wish))
            del world.maps[(mapping.host, mapping.volume)]
        draft.add(RestoreSnapshot(key(wish), snapshot_key(found[0]), volume.name, backup), key(wish))
        world.snapshots.append(replace(found[0], name=backup, created=_NOW, id="", serial=None))


def retain(draft: Draft, wish: RetentionWish) -> None:
    """Delete all but the newest; only what the array proves to be an idle, childless snapshot of that volume."""
    item: Key = ("retention", wish.volume, wish.prefix)
    with draft.item(item, "keep the newest %d snapshots %s* of volume %s" % (wish.keep, wish.prefix, wish.volume)):
        matching = [s for s in draft.world.snapshots_of(wish.volume) if s.name.startswith(wish.prefix)]
        if not draft.capabilities.proves_snapshots:
            raise Refused(
                "this array does not prove that an object is a snapshot and not a live volume",
                hint="Delete old snapshots by name.",
            )
        if not draft.world.actual.snapshots.complete:
            draft.warn("not every snapshot could be read, so none was removed for being old")
            return
        undated = [s.name for s in matching if s.proven and s.created is None]
        if undated:
            raise Refused("the array does not say how old %s is" % ", ".join(sorted(undated)))
        proven = sorted((s for s in matching if s.proven), key=lambda s: str(s.created), reverse=True)
        for snapshot in proven[wish.keep :]:
            try:
                if snapshot.mappings:
                    raise InUse("it is mapped")
                if snapshot.children:
                    raise InUse("%s were made of it" % ", ".join(snapshot.children))
                delete(draft, item, snapshot)
            except FlashError as error:
                draft.warn("snapshot %s is old and stays: %s" % (snapshot.name, error.reason))
