# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots: take, delete, restore, keep the newest."""

from __future__ import annotations

from functools import partial
from typing import List, Optional, Sequence, Tuple

from ..errors import Conflict, InUse, Invalid, NotFound, Refused, Unsupported
from ..model import COPYING, DELETING, READY, Group, Snapshot, Volume
from . import rules
from .desired import PRESENT, DesiredRetention, DesiredSnapshot, DesiredState
from .draft import Draft
from .steps import CreateSnapshots, DeleteSnapshot, Key, RestoreSnapshot, SnapshotGroup, UnmapVolume
from .volumes import key as volume_key, snapshot_key


def key(desired: DesiredSnapshot) -> Key:
    if desired.group:
        return ("group_snapshot", desired.group, desired.name)
    return ("snapshot", desired.volume or "", desired.name)


def retention_key(desired: DesiredRetention) -> Key:
    return ("retention", desired.volume, desired.prefix)


def member_name(volume: str, name: str) -> str:
    """What the snapshot of one volume is called when a whole group is snapshotted."""
    return "%s.%s" % (volume, name)


# -- taking them -------------------------------------------------------------------------------------------------------


def present(draft: Draft, desired_items: Sequence[DesiredSnapshot], atomic: bool) -> None:
    """Plan the snapshots that can be taken now; with atomic, all of them in one step or none."""
    together: List[DesiredSnapshot] = []
    for desired in desired_items:
        with draft.item(
            key(desired), "take snapshot %s of %s" % (desired.name, desired.volume or desired.group)
        ) as outcome:
            if desired.group:
                outcome.before = _of_group(draft, desired)
                continue
            outcome.before = _existing(draft, desired)
            if outcome.before is None and atomic:
                _new(draft, desired)
            elif outcome.before is None:
                _take(draft, key(desired), [desired], atomic=False)
            together.append(desired)
    if atomic:
        _at_one_instant(draft, desired_items, together)


def _take(
    draft: Draft,
    item: Key,
    desired_items: Sequence[DesiredSnapshot],
    atomic: bool,
    begun: Sequence[DesiredSnapshot] = (),
) -> None:
    """:param begun: those of the same set that are there already, by which the array knows what a killed run left."""
    made = [_new(draft, desired) for desired in desired_items]
    keys = tuple(key(desired) for desired in desired_items)
    names = [(s.volume or "", s.name) for s in made] + [(desired.volume or "", desired.name) for desired in begun]
    quiesced = all(desired.quiesced for desired in desired_items)
    draft.add(CreateSnapshots(item, keys, tuple(names), atomic, quiesced))
    for snapshot in made:
        draft.world.take(snapshot)


def _at_one_instant(draft: Draft, desired_items: Sequence[DesiredSnapshot], found: Sequence[DesiredSnapshot]) -> None:
    """One step for all. A desired object that cannot be fulfilled, or that was before, spoils the instant for all."""
    new = [desired for desired in found if draft.outcomes[key(desired)].before is None]
    there = [desired for desired in found if desired not in new]
    failed = [error for error in (draft.failure(key(desired)) for desired in desired_items) if error]
    keys = tuple(key(desired) for desired in new)
    if not new and len(there) > 1:
        with draft.item(key(there[0]), "take snapshot %s of %s" % (there[0].name, there[0].volume)):
            _check_one_instant([draft.outcomes[key(desired)].before for desired in there])
    for desired in new:
        with draft.item(key(desired), "take snapshot %s of %s" % (desired.name, desired.volume)):
            problem = draft.capabilities.refusal("atomic_snapshots")
            if problem and len(desired_items) > 1:
                raise Unsupported(problem)
            if failed:
                raise Refused("another snapshot of the same instant cannot be taken: %s" % failed[0].reason)
            if there and not draft.capabilities.resumes_sets:
                raise Conflict(
                    "%s is there already, and what is taken now is of another instant"
                    % ", ".join(desired.name for desired in there),
                    hint="Delete what is there, or take the whole set under new names.",
                )
            if len(found) < len(desired_items):
                raise Invalid(
                    "the snapshot of a consistency group is of one instant by itself, and of no other's",
                    hint="Take it in a task of its own.",
                )
            if key(desired) == keys[0]:
                _take(draft, keys[0], new, atomic=len(found) > 1, begun=there)
    for desired in new[1:]:
        outcome, first = draft.outcomes[key(desired)], draft.outcomes[keys[0]]
        outcome.error, outcome.steps = outcome.error or first.error, list(first.steps)


def _existing(draft: Draft, desired: DesiredSnapshot) -> Optional[Snapshot]:
    found = draft.world.named_snapshots(desired.name, desired.volume)
    if found:
        _check_usable(found[0])
        return found[0]
    _check_name_free(draft, desired.name)
    return None


def _check_usable(snapshot: Snapshot) -> None:
    rules.check_state(snapshot)
    rules.check_online(snapshot)


def _check_name_free(draft: Draft, name: str, called: str = "this name") -> None:
    if not (draft.capabilities.one_namespace or draft.capabilities.one_snapshot_namespace):
        return
    elsewhere = draft.world.named_snapshots(name)
    if elsewhere:
        raise Conflict(
            "a snapshot of %s is there, of %s"
            % (called, "volume %s" % elsewhere[0].volume if elsewhere[0].volume else "a volume that is gone"),
            hint="Choose another name.",
        )
    if name in draft.world.volumes and draft.capabilities.one_namespace:
        raise Conflict(
            "a volume has %s, and on this array volumes and snapshots share their names" % called,
            hint="Choose another name.",
        )


def _source(draft: Draft, name: str) -> Volume:
    volume = draft.world.volume(name)
    if volume is None:
        raise draft.failure(volume_key(name)) or NotFound("there is no volume %s" % name, target=name)
    return volume


def _new(draft: Draft, desired: DesiredSnapshot) -> Snapshot:
    volume = _source(draft, desired.volume or "")
    rules.check_name("snapshot", desired.name, draft.capabilities.snapshot_name)
    rules.check_complete(volume)
    rules.check_can(draft.capabilities, "create_snapshots", volume)
    return _snapshot(draft, desired.name, volume)


def _snapshot(draft: Draft, name: str, volume: Volume, group: Optional[str] = None) -> Snapshot:
    return Snapshot(
        name=name,
        volume=volume.name,
        size=volume.size,
        volume_id=volume.id or None,
        proven=draft.capabilities.proves_snapshots,
        group=group,
        mappings=(),
        children=(),
    )


def _of_group(draft: Draft, desired: DesiredSnapshot) -> Optional[Tuple[Snapshot, ...]]:
    """A snapshot NAME of a group is one snapshot VOLUME.NAME of each member, all of one instant."""
    group = _group(draft, desired.group or "")
    names = {member: member_name(member, desired.name) for member in group.volumes}
    there = [s for member, name in names.items() for s in draft.world.named_snapshots(name, member)]
    for snapshot in there:
        _check_usable(snapshot)
    if len(there) == len(names):
        _check_one_instant(there)
        return tuple(there)
    if there:
        raise Conflict(
            "only some members of the group have this snapshot: %s" % ", ".join(sorted(str(s.volume) for s in there)),
            hint="A volume joined or left since; take a new set under another name.",
        )
    made = []
    for member, name in names.items():
        rules.check_name("snapshot", name, draft.capabilities.snapshot_name)
        _check_name_free(draft, name, "the name %s" % name)
        source = _source(draft, member)
        rules.check_complete(source)
        made.append(_snapshot(draft, name, source, group.name))
    draft.add(SnapshotGroup(key(desired), group.name, desired.name))
    for snapshot in made:
        draft.world.take(snapshot)
    return None


def _check_one_instant(there: Sequence[Snapshot]) -> None:
    """Conflict when the array reports that these were not all taken by one request."""
    sets = {snapshot.group for snapshot in there}
    if len(sets) > 1:
        raise Conflict(
            "%s are there, but were not taken at one instant" % ", ".join(sorted(s.name for s in there)),
            hint="Delete what is there, or take the set under new names.",
        )


def _group(draft: Draft, name: str) -> Group:
    rules.check_can(draft.capabilities, "groups")
    group = draft.world.group(name)
    if group is None:
        raise NotFound("there is no consistency group %s" % name, target=name)
    if not group.volumes:
        raise NotFound("consistency group %s has no volumes" % name, target=name, hint="Put volumes into it first.")
    return group


# -- deleting them -----------------------------------------------------------------------------------------------------


def absent(draft: Draft, desired: DesiredSnapshot) -> None:
    with draft.item(key(desired), "delete snapshot %s" % desired.name) as outcome:
        if desired.group:
            rules.check_can(draft.capabilities, "groups")
            group = draft.world.group(desired.group)
            found = [
                snapshot
                for member in (group.volumes if group else ())
                for snapshot in draft.world.named_snapshots(member_name(member, desired.name), member)
            ]
            outcome.before = tuple(found) or None
        else:
            found = draft.world.named_snapshots(desired.name, desired.volume)
            if len(found) > 1:
                volumes = ", ".join(sorted(str(snapshot.volume) for snapshot in found))
                raise Conflict(
                    "several volumes have a snapshot of this name: %s" % volumes,
                    hint="Say which, by volume.",
                )
            outcome.before = found[0] if found else None
        for snapshot in found:
            if snapshot.state != DELETING:
                delete(draft, key(desired), snapshot)


def delete(draft: Draft, item: Key, snapshot: Snapshot) -> None:
    rules.check_owner(snapshot.name, "delete", draft.policy)
    rules.check_can(draft.capabilities, "delete_snapshot", snapshot)
    dependents = set(draft.world.dependents(snapshot.name))
    if draft.capabilities.clones_depend:
        dependents.update(draft.world.children(snapshot))
    if dependents:
        raise InUse(
            "%s depend%s on it" % (", ".join(sorted(dependents)), "s" if len(dependents) == 1 else ""),
            hint="Delete what was made of it first.",
        )
    for mapping in rules.check_snapshot_unmapped(draft.world, snapshot, draft.policy):
        draft.add(UnmapVolume(item, snapshot.name, mapping.host), item)
        draft.world.drop_map(mapping)
    draft.add(DeleteSnapshot(item, snapshot_key(snapshot)), item)
    draft.world.drop_snapshot(snapshot)


def why_it_stays(draft: Draft, snapshot: Snapshot) -> str:
    """Why a snapshot that nobody named may not be deleted; empty when it may. What is not told counts against it."""
    if snapshot.state != READY:
        return "its state is %s" % snapshot.state
    if not snapshot.proven:
        return "the array does not prove that it is a snapshot and not a live volume"
    if snapshot.mappings is None or snapshot.children is None:
        return "the array does not say whether it is in use"
    if snapshot.mappings:
        return "it is mapped to %s" % ", ".join(sorted(mapping.host for mapping in snapshot.mappings))
    children = draft.world.children(snapshot)
    if children:
        return "%s %s made of it" % (", ".join(sorted(children)), "was" if len(children) == 1 else "were")
    return ""


# -- restoring ---------------------------------------------------------------------------------------------------------


def restored(draft: Draft, desired: DesiredSnapshot) -> None:
    with draft.item(key(desired), "restore volume %s from snapshot %s" % (desired.volume, desired.name)) as outcome:
        world, backup, item = draft.world, desired.backup or "", key(desired)
        kept = world.named_snapshots(backup, desired.volume)
        found = world.named_snapshots(desired.name, desired.volume)
        outcome.before = found[0] if found else None
        if kept and world.taken(kept[0]):
            raise Invalid("the same task takes a snapshot %s, so it cannot be the backup" % backup)
        if kept:
            _check_usable(kept[0])
            draft.warn("the backup %s is there, so volume %s has been restored before" % (backup, desired.volume))
            return
        volume = _source(draft, desired.volume or "")
        if not found:
            raise NotFound("volume %s has no snapshot %s" % (desired.volume, desired.name), target=desired.name)
        rules.check_complete(found[0])
        rules.check_online(found[0])
        rules.check_complete(volume)
        rules.check_can(draft.capabilities, "restore_snapshot", volume, snapshot=found[0])
        rules.check_owner(volume.name, "restore", draft.policy)
        rules.check_name("snapshot", backup, draft.capabilities.snapshot_name)
        _check_name_free(draft, backup, "the name %s" % backup)
        for mapping in rules.check_unmapped(world, volume.name, "restored", draft.policy):
            draft.add(UnmapVolume(item, volume.name, mapping.host), item)
            world.drop_map(mapping)
        draft.add(RestoreSnapshot(item, snapshot_key(found[0]), volume.name, backup), item)
        world.take(_snapshot(draft, backup, volume))


# -- keeping the newest ------------------------------------------------------------------------------------------------


def retain(draft: Draft, desired: DesiredRetention, desired_state: DesiredState) -> None:
    """Delete all but the newest; only what the array proves to be an unmapped, childless snapshot of that volume.

    Only a snapshot that can be restored counts as kept. A failed one is reported, and deleted only by its name.
    """
    with draft.item(
        retention_key(desired),
        "keep the newest %d snapshots %s* of volume %s" % (desired.keep, desired.prefix, desired.volume),
    ):
        declared = {w.name for w in desired_state.snapshots if w.volume == desired.volume and w.state == PRESENT}
        if any(draft.failure(("snapshot", desired.volume, name)) for name in declared):
            draft.warn("no snapshot was removed for being old, because a new one cannot be taken")
            return
        if draft.withhold:
            draft.warn("no snapshot was removed for being old, because a part of the task is refused")
            return
        if not draft.world.actual.snapshots.complete:
            draft.warn("not every snapshot could be read, so none was removed for being old")
            return
        there = [s for s in draft.world.snapshots_of(desired.volume) if s.name.startswith(desired.prefix)]
        _report_failed(draft, there)
        matching = [s for s in there if s.state == READY]
        proven = [s for s in matching if s.proven]
        if not proven and not draft.capabilities.proves_snapshots:
            raise Refused(
                "this array does not prove that an object is a snapshot and not a live volume",
                hint="Leave keep and prefix out, and delete old snapshots by name.",
            )
        undated = [s.name for s in proven if s.created is None and not draft.world.taken(s)]
        if undated:
            raise Refused(
                "the array does not say how old %s is" % ", ".join(sorted(undated)),
                hint="Delete old snapshots by name.",
            )
        for snapshot in matching:
            if not snapshot.proven:
                draft.warn("snapshot %s is not counted: %s" % (snapshot.name, why_it_stays(draft, snapshot)))
        proven.sort(key=lambda s: (draft.world.taken(s), s.created or "", s.name), reverse=True)
        for snapshot in proven[desired.keep :]:
            reason = why_it_stays(draft, snapshot) or ("it is declared" if snapshot.name in declared else "")
            if snapshot.created == proven[desired.keep - 1].created and not draft.world.taken(snapshot):
                reason = reason or "it is of the same time as %s" % proven[desired.keep - 1].name
            if not reason:
                reason = draft.attempt(partial(delete, draft, retention_key(desired), snapshot))
            if reason:
                draft.warn("snapshot %s is old and stays: %s" % (snapshot.name, reason))


def _report_failed(draft: Draft, snapshots: Sequence[Snapshot]) -> None:
    """Warn of snapshots that are neither counted nor removed, because they cannot be restored, or not yet."""
    for snapshot in snapshots:
        if snapshot.state not in (READY, DELETING):
            text = "snapshot %s is not counted and stays: its state is %s" % (snapshot.name, snapshot.state)
            of_no_use = ". Delete it by its name when it is of no use"
            draft.warn(text if snapshot.state == COPYING else text + of_no_use)
