# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots: take, delete, restore, keep the newest."""

from __future__ import annotations

from functools import partial
from typing import List, Optional, Sequence, Tuple

from ..errors import Conflict, InUse, Invalid, NotFound, Refused, Unsupported
from ..model import COPYING, DELETING, READY, Group, Mapping, Snapshot, Volume
from . import rules
from .desired import PRESENT, REFRESHED, DesiredSnapshot, DesiredState, Retention
from .draft import Draft
from .step import Key
from .steps import CreateSnapshots, DeleteSnapshot, RestoreSnapshot, SnapshotGroup, UnmapVolume
from .volumes import key as volume_key, snapshot_key


def key(desired: DesiredSnapshot) -> Key:
    if desired.group:
        return ("group_snapshot", desired.group, desired.name)
    if desired.state == REFRESHED:
        return ("refresh", desired.target or "", desired.volume or "", desired.name)
    return ("snapshot", desired.volume or "", desired.name)


def retention_key(retention: Retention) -> Key:
    return ("retention", retention.volume, retention.prefix)


def member_name(volume: str, name: str) -> str:
    """The name of the snapshot of one volume, when snapshot ``name`` of its group is taken."""
    return "%s.%s" % (volume, name)


# -- taking them -------------------------------------------------------------------------------------------------------


def present(draft: Draft, snapshots: Sequence[DesiredSnapshot], atomic: bool) -> None:
    """Plan the snapshots that can be taken now; with atomic, all of them in one step or none."""
    of_volumes: List[DesiredSnapshot] = []
    for desired in snapshots:
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
            of_volumes.append(desired)
    if atomic:
        _at_one_instant(draft, snapshots, of_volumes)


def _take(
    draft: Draft,
    item: Key,
    snapshots: Sequence[DesiredSnapshot],
    atomic: bool,
    existing: Sequence[DesiredSnapshot] = (),
) -> None:
    """:param existing: those of the same set that exist, by which the array knows what an earlier run began."""
    new = [_new(draft, desired) for desired in snapshots]
    keys = tuple(key(desired) for desired in snapshots)
    names = [(snapshot.volume or "", snapshot.name) for snapshot in new]
    names += [(desired.volume or "", desired.name) for desired in existing]
    quiesced = all(desired.quiesced for desired in snapshots)
    draft.add(CreateSnapshots(item, keys, tuple(names), atomic, quiesced))
    for snapshot in new:
        draft.world.add_snapshot(snapshot)


def _at_one_instant(draft: Draft, snapshots: Sequence[DesiredSnapshot], possible: Sequence[DesiredSnapshot]) -> None:
    """Plan one step for all. When one of them cannot be taken, or exists already, none is taken.

    :param possible: those of ``snapshots`` that exist or can be taken, each by itself.
    """
    new = [desired for desired in possible if draft.outcomes[key(desired)].before is None]
    existing = [desired for desired in possible if desired not in new]
    failed = [error for error in (draft.failure(key(desired)) for desired in snapshots) if error]
    keys = tuple(key(desired) for desired in new)
    if not new and len(existing) > 1:
        with draft.item(key(existing[0]), "take snapshot %s of %s" % (existing[0].name, existing[0].volume)):
            check_one_instant([draft.outcomes[key(desired)].before for desired in existing])
    for desired in new:
        with draft.item(key(desired), "take snapshot %s of %s" % (desired.name, desired.volume)):
            refusal = draft.capabilities.refusal("atomic_snapshots")
            if refusal and len(snapshots) > 1:
                raise Unsupported(refusal)
            if failed:
                raise Refused("another snapshot of the same instant cannot be taken: %s" % failed[0].reason)
            if existing and not draft.capabilities.finishes_snapshot_sets:
                raise Conflict(
                    "%s is there already, and what is taken now is of another instant"
                    % ", ".join(desired.name for desired in existing),
                    hint="Delete what is there, or take the whole set under new names.",
                )
            if len(possible) < len(snapshots):
                raise Invalid(
                    "the snapshot of a consistency group is of one instant by itself, and of no other's",
                    hint="Take it in a task of its own.",
                )
            if key(desired) == keys[0]:
                _take(draft, keys[0], new, atomic=len(possible) > 1, existing=existing)
    for desired in new[1:]:
        outcome, first = draft.outcomes[key(desired)], draft.outcomes[keys[0]]
        outcome.error, outcome.steps = outcome.error or first.error, list(first.steps)


def _existing(draft: Draft, desired: DesiredSnapshot) -> Optional[Snapshot]:
    found = draft.world.snapshots_named(desired.name, desired.volume)
    if found:
        check_usable(found[0])
        return found[0]
    rules.check_snapshot_name_free(draft.world, desired.name)
    return None


def check_usable(snapshot: Snapshot) -> None:
    rules.check_state(snapshot)
    rules.check_online(snapshot)


def _source(draft: Draft, name: str) -> Optional[Volume]:
    """The volume; None where it is assumed."""
    return draft.needed_volume(name, NotFound("there is no volume %s" % name, target=name))


def _new(draft: Draft, desired: DesiredSnapshot) -> Snapshot:
    name = desired.volume or ""
    volume = _source(draft, name)
    rules.check_name("snapshot", desired.name, draft.capabilities.snapshot_name)
    if volume is not None:
        rules.check_complete(volume)
    rules.check_can(draft.capabilities, "create_snapshots", volume)
    return planned_snapshot(draft, desired.name, name, volume)


def planned_snapshot(
    draft: Draft, name: str, volume_name: str, volume: Optional[Volume], group: Optional[str] = None
) -> Snapshot:
    """A snapshot that is planned. Its size is not known where that of the volume is not."""
    if volume is None or "size" in draft.world.unknown.get(volume_key(volume_name), ()):
        draft.world.unknown[("snapshot", volume_name, name)] = ("size", "size_text")
    return Snapshot(
        name=name,
        volume=volume_name,
        size=0 if volume is None else volume.size,
        volume_id=(volume.id or None) if volume is not None else None,
        proven=draft.capabilities.proves_snapshots,
        group=group,
        mappings=(),
        children=(),
    )


def _of_group(draft: Draft, desired: DesiredSnapshot) -> Optional[Tuple[Snapshot, ...]]:
    """The snapshots of the members, where they exist; else plan to take them.

    A snapshot NAME of a group is one snapshot VOLUME.NAME of each member, all of one instant.
    """
    group = existing_group(draft, desired.group or "")
    if group is None:
        draft.add(SnapshotGroup(key(desired), desired.group or "", desired.name))
        return None
    names = {member: member_name(member, desired.name) for member in group.volumes}
    existing = [s for member, name in names.items() for s in draft.world.snapshots_named(name, member)]
    for snapshot in existing:
        check_usable(snapshot)
    if len(existing) == len(names):
        check_one_instant(existing)
        return tuple(existing)
    if existing:
        raise Conflict(
            "only some members of the group have this snapshot: %s"
            % ", ".join(sorted(str(snapshot.volume) for snapshot in existing)),
            hint="A volume joined or left since; take a new set under another name.",
        )
    new = []
    for member, name in names.items():
        rules.check_name("snapshot", name, draft.capabilities.snapshot_name)
        rules.check_snapshot_name_free(draft.world, name, "the name %s" % name)
        source = draft.world.volume(member)
        if source is None:
            raise NotFound("there is no volume %s" % member, target=member)
        rules.check_complete(source)
        new.append(planned_snapshot(draft, name, member, source, group.name))
    draft.add(SnapshotGroup(key(desired), group.name, desired.name))
    for snapshot in new:
        draft.world.add_snapshot(snapshot)
    return None


def check_one_instant(snapshots: Sequence[Snapshot]) -> None:
    """:raises Conflict: the array reports that these were not all taken by one request."""
    sets = {snapshot.group for snapshot in snapshots}
    if len(sets) > 1:
        raise Conflict(
            "%s are there, but were not taken at one instant" % ", ".join(sorted(s.name for s in snapshots)),
            hint="Delete what is there, or take the set under new names.",
        )


def existing_group(draft: Draft, name: str) -> Optional[Group]:
    """The group, which has volumes; None where that is assumed."""
    rules.check_can(draft.capabilities, "groups")
    group = draft.world.group(name)
    if group is None:
        missing = NotFound("there is no consistency group %s" % name, target=name)
        draft.missing("consistency group %s" % name, missing)
        return None
    if not group.volumes:
        hint = "Put volumes into it first."
        missing = NotFound("consistency group %s has no volumes" % name, target=name, hint=hint)
        draft.missing("a volume of consistency group %s" % name, missing)
        return None
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
                for snapshot in draft.world.snapshots_named(member_name(member, desired.name), member)
            ]
            outcome.before = tuple(found) or None
        else:
            found = draft.world.snapshots_named(desired.name, desired.volume)
            if len(found) > 1:
                volumes = ", ".join(sorted(str(snapshot.volume) for snapshot in found))
                raise Conflict(
                    "several volumes have a snapshot of this name: %s" % volumes,
                    hint="Say which, by volume.",
                )
            outcome.before = found[0] if found else None
        delete(draft, key(desired), *(snapshot for snapshot in found if snapshot.state != DELETING))


def delete(draft: Draft, item: Key, *snapshots: Snapshot) -> None:
    """Plan to delete snapshots, after their mappings where the task permits that.

    :raises Refused, InUse, Unsupported: one of them must not be deleted.
    """
    mappings = {snapshot.name: _mappings_to_remove(draft, snapshot) for snapshot in snapshots}
    for snapshot in snapshots:
        for mapping in mappings[snapshot.name]:
            draft.add(UnmapVolume(item, snapshot.name, mapping.host), item)
            draft.world.remove_mapping(mapping)
        draft.add(DeleteSnapshot(item, snapshot_key(snapshot)), item)
        draft.world.remove_snapshot(snapshot)


def _mappings_to_remove(draft: Draft, snapshot: Snapshot) -> List[Mapping]:
    """Check that the snapshot may be deleted, and return its mappings, which must be removed first."""
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
    return rules.check_snapshot_unmapped(draft.world, snapshot, draft.policy)


def why_it_stays(draft: Draft, snapshot: Snapshot) -> str:
    """Why a snapshot that the task does not name may not be deleted; "" when it may.

    What the array does not report counts against it.
    """
    if snapshot.state != READY:
        return "its state is %s" % snapshot.state
    if not snapshot.proven:
        return "the array does not prove that it is a snapshot and not a live volume"
    if snapshot.mappings is None or snapshot.children is None:
        return "the array does not report whether it is in use"
    if snapshot.mappings:
        return "it is mapped to %s" % ", ".join(sorted(mapping.host for mapping in snapshot.mappings))
    children = draft.world.children(snapshot)
    if children:
        return "%s %s made of it" % (", ".join(sorted(children)), "was" if len(children) == 1 else "were")
    return ""


# -- restoring ---------------------------------------------------------------------------------------------------------


def restored(draft: Draft, desired: DesiredSnapshot) -> None:
    with draft.item(key(desired), "restore volume %s from snapshot %s" % (desired.volume, desired.name)) as outcome:
        world, backup_name, item = draft.world, desired.backup or "", key(desired)
        backups = world.snapshots_named(backup_name, desired.volume)
        found = world.snapshots_named(desired.name, desired.volume)
        outcome.before = found[0] if found else None
        if backups and world.is_new(backups[0]):
            raise Invalid("the same task takes a snapshot %s, so it cannot be the backup" % backup_name)
        if backups:
            check_usable(backups[0])
            draft.warn("the backup %s is there, so volume %s has been restored before" % (backup_name, desired.volume))
            return
        if not found:
            rules.check_can(draft.capabilities, "restore_snapshot")
        volume = _source(draft, desired.volume or "")
        if volume is not None and not found:
            what = "snapshot %s of volume %s" % (desired.name, desired.volume)
            missing = NotFound("volume %s has no snapshot %s" % (desired.volume, desired.name), target=desired.name)
            draft.missing(what, missing)
        if volume is None or not found:
            draft.warn("check mode does not plan to restore volume %s from what is not there yet" % desired.volume)
            return
        rules.check_complete(found[0])
        rules.check_online(found[0])
        rules.check_complete(volume)
        rules.check_can(draft.capabilities, "restore_snapshot", volume, snapshot=found[0])
        rules.check_owner(volume.name, "restore", draft.policy)
        rules.check_new_backup(world, backup_name)
        mappings = rules.check_unmapped(world, volume.name, "restored", draft.policy)
        draft.check_destructive()
        for mapping in mappings:
            draft.add(UnmapVolume(item, volume.name, mapping.host), item)
            world.remove_mapping(mapping)
        draft.add(RestoreSnapshot(item, snapshot_key(found[0]), volume.name, backup_name), item)
        world.add_snapshot(planned_snapshot(draft, backup_name, volume.name, volume))


# -- keeping the newest ------------------------------------------------------------------------------------------------


def retain(draft: Draft, retention: Retention, desired_state: DesiredState) -> None:
    """Delete all but the newest; only what the array proves to be an unmapped, childless snapshot of that volume.

    Only a snapshot that can be restored counts as kept. A failed one is reported, and deleted only by its name.
    """
    with draft.item(
        retention_key(retention),
        "keep the newest %d snapshots %s* of volume %s" % (retention.keep, retention.prefix, retention.volume),
    ):
        kept = {key(s): _kept(s, retention.volume) for s in desired_state.snapshots}
        declared = {name for name in kept.values() if name}
        if any(draft.failure(item) for item, name in kept.items() if name):
            draft.warn("no snapshot was removed for being old, because a new one cannot be taken")
            return
        if draft.withhold:
            draft.warn("no snapshot was removed for being old, because %s" % draft.withhold)
            return
        if not draft.world.actual.snapshots.complete:
            draft.warn("not every snapshot could be read, so none was removed for being old")
            return
        named = [s for s in draft.world.snapshots_of(retention.volume) if s.name.startswith(retention.prefix)]
        _report_failed(draft, named)
        ready = [snapshot for snapshot in named if snapshot.state == READY]
        proven = [snapshot for snapshot in ready if snapshot.proven]
        if not proven and not draft.capabilities.proves_snapshots:
            raise Refused(
                "this array does not prove that an object is a snapshot and not a live volume",
                hint="Leave keep and prefix out, and delete old snapshots by name.",
            )
        undated = [s.name for s in proven if s.created is None and not draft.world.is_new(s)]
        if undated:
            raise Refused(
                "the array does not report how old %s is" % ", ".join(sorted(undated)),
                hint="Delete old snapshots by name.",
            )
        for snapshot in ready:
            if not snapshot.proven:
                draft.warn("snapshot %s is not counted: %s" % (snapshot.name, why_it_stays(draft, snapshot)))
        proven.sort(key=lambda s: (draft.world.is_new(s), s.created or "", s.name), reverse=True)
        for snapshot in proven[retention.keep :]:
            reason = why_it_stays(draft, snapshot) or ("it is declared" if snapshot.name in declared else "")
            oldest_kept = proven[retention.keep - 1]
            if snapshot.created == oldest_kept.created and not draft.world.is_new(snapshot):
                reason = reason or "it is of the same time as %s" % oldest_kept.name
            if not reason:
                reason = draft.attempt(partial(delete, draft, retention_key(retention), snapshot))
            if reason:
                draft.warn("snapshot %s is old and stays: %s" % (snapshot.name, reason))


def _kept(desired: DesiredSnapshot, volume: str) -> Optional[str]:
    """The name of the snapshot of this volume that the desired object takes, if it takes one."""
    if desired.state == REFRESHED and desired.target == volume:
        return desired.backup
    return desired.name if desired.state == PRESENT and desired.volume == volume else None


def _report_failed(draft: Draft, snapshots: Sequence[Snapshot]) -> None:
    """Warn of snapshots that are neither counted nor removed, because they cannot be restored, or not yet."""
    for snapshot in snapshots:
        if snapshot.state not in (READY, DELETING):
            text = "snapshot %s is not counted and stays: its state is %s" % (snapshot.name, snapshot.state)
            of_no_use = ". Delete it by its name when it is of no use"
            draft.warn(text if snapshot.state == COPYING else text + of_no_use)
