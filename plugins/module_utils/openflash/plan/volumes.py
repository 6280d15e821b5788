# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes: create, clone, rename, extend, set, join a group, delete."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping as Map, Optional, Sequence

from ..errors import Conflict, InUse, Invalid, NotFound, Refused, Unsupported
from ..model import (
    DELETING,
    PER_VOLUME,
    READY,
    WITH_VOLUMES,
    Capabilities,
    CopyMethod,
    Group,
    Snapshot,
    Volume,
    VolumeSpec,
)
from ..properties import LIMITS
from ..units import format_size
from . import rules
from .desired import DesiredVolume
from .draft import Draft
from .step import Key
from .steps import (
    AddToGroup,
    BringOnline,
    CloneVolume,
    CreateGroup,
    CreateVolume,
    DeleteSnapshot,
    DeleteVolume,
    ExtendVolume,
    RenameVolume,
    SetVolume,
    UnmapVolume,
    VolumeFromSnapshot,
)

_FIXED = ("provisioning", "pool")
"""Properties of a volume that are chosen when it is created and cannot be changed later."""


def key(name: str) -> Key:
    return ("volume", name)


def snapshot_key(snapshot: Snapshot) -> Key:
    return ("snapshot", snapshot.volume or "", snapshot.name)


def present(draft: Draft, desired: DesiredVolume) -> None:
    with draft.item(key(desired.name), "create or change volume %s" % desired.name) as outcome:
        world = draft.world
        options = rules.check_options(desired.options, draft.capabilities, desired.properties)
        volume = world.volume(desired.name)
        old = _to_rename(draft, desired)
        size = _size(draft, desired, volume or old)
        if volume is not None:
            outcome.before = world.with_mappings(volume)
            if old is not None:
                draft.warn("volume %s is there already, so %s keeps its name" % (desired.name, old.name))
                old = None
        elif old is not None:
            outcome.before = world.with_mappings(old)
            volume = _rename(draft, desired, old)
        else:
            volume = _create(draft, desired, size, options)
        changed = online(draft, key(desired.name), _compare(draft, desired, volume, size, options))
        group = _join(draft, desired.group, changed, old.name if old else changed.name) if desired.group else None
        if not draft.pending:
            # A change may bring it online: an earlier run that was killed can have left it offline.
            rules.check_online(volume)
        if old is not None:
            world.rename_volume(old.name, changed.name)
        world.volumes[changed.name] = changed
        if group is not None:
            world.add_to_group(world.groups.get(group.name, group), changed.name)


def _size(draft: Draft, desired: DesiredVolume, existing: Optional[Volume]) -> Optional[int]:
    """The size in bytes that the volume shall have; None when none is requested.

    :raises Invalid: the array makes no volume of that size, or not exactly of it where it must be exact.
    """
    if desired.size is None or (existing is not None and existing.size == desired.size):
        return desired.size  # it has this size, though the array may make no other one of it
    size = rules.check_size(desired.size, draft.capabilities)
    if desired.exact and size != desired.size and (existing is None or existing.size != size):
        raise Invalid(
            "a size of %s is impossible: sizes on this array are multiples of %s"
            % (format_size(desired.size), format_size(draft.capabilities.granularity)),
            hint="Declare %s, if it may be larger." % format_size(size),
        )
    return size


def _to_rename(draft: Draft, desired: DesiredVolume) -> Optional[Volume]:
    """The volume that ``rename_from`` names. It must have existed before this task.

    :raises Invalid: this task makes it.
    """
    name = desired.rename_from
    volume = draft.world.volume(name) if name else None
    if volume is None or name is None or draft.world.existed(name):
        return volume
    if desired.name in draft.world.volumes:
        return None
    raise Invalid(
        "volume %s, which it shall be renamed from, is made by this very task" % name,
        hint="Leave rename_from out of one of the two, or make them in two tasks.",
    )


def _create(draft: Draft, desired: DesiredVolume, size: Optional[int], options: Map[str, Any]) -> Volume:
    capabilities, item = draft.capabilities, key(desired.name)
    _check_new_name(draft, desired.name)
    if desired.backup:
        rules.check_new_backup(draft.world, desired.backup)
        rules.check_can(capabilities, "create_snapshots", desired)
    if desired.provisioning and desired.provisioning not in capabilities.provisioning:
        raise Invalid(
            "this array does not make %s volumes" % desired.provisioning,
            hint="It makes %s ones." % " and ".join(capabilities.provisioning),
        )
    spec = VolumeSpec(desired.name, size, desired.pool, desired.provisioning, options)
    made_of: Optional[Key] = None
    source, method, provisioning = None, CopyMethod(), desired.provisioning or capabilities.provisioning[0]
    if desired.source_snapshot:
        source, snapshot = desired.source_snapshot, _source_snapshot(draft, desired, desired.source_snapshot)
        made_of = ("snapshot", desired.source_volume or "", source)
        if snapshot is not None:
            made_of = snapshot_key(snapshot)
            rules.check_complete(snapshot)
        rules.check_can(capabilities, "volume_from_snapshot", snapshot, spec=spec)
        if snapshot is not None:
            size = _at_least(size, snapshot.size, "snapshot %s" % source)
        draft.add(VolumeFromSnapshot(item, spec, made_of))
        method = capabilities.method("volume_from_snapshot", snapshot)
    elif desired.source_volume:
        source, volume = desired.source_volume, _source_volume(draft, desired, desired.source_volume)
        made_of = key(source)
        if volume is not None:
            rules.check_complete(volume)
        rules.check_can(capabilities, "clone_volume", volume, spec=spec)
        if volume is not None:
            size = _at_least(size, volume.size, "volume %s" % source)
            provisioning = desired.provisioning or volume.provisioning
        draft.add(CloneVolume(item, spec, source))
        method = capabilities.method("clone_volume", volume)
    elif size is None:
        raise Invalid("there is no such volume, and creating it needs a size", hint="Give size, such as 10GiB.")
    else:
        rules.check_can(capabilities, "create_volume", spec)
        draft.add(CreateVolume(item, spec))
    if made_of and (made_of in draft.world.unknown or draft.assumes_now):
        size_unknown = () if desired.size else ("size", "size_text")
        kind_unknown = () if desired.provisioning else ("provisioning",)
        draft.world.unknown[item] = size_unknown + kind_unknown + ("independent",)
    return Volume(
        name=desired.name,
        size=size or 0,
        provisioning=provisioning,
        pool=desired.pool,
        state=READY,
        source=source,
        independent=method.independent,
        mappings=(),
        snapshots=(),
        groups=None if capabilities.refusal("groups") else (),
        options=_reported_options(capabilities, options),
    )


def _reported_options(capabilities: Capabilities, options: Map[str, Any]) -> Dict[str, Any]:
    """Every option that the array reports, as requested. None where the array chooses it when it makes the volume.

    What it does not report, such as how a clone was made, is in no result, so it is not predicted either.
    """
    return {name: options.get(name) for name, rule in capabilities.volume_options.items() if rule.reported}


def _check_new_name(draft: Draft, name: str) -> None:
    rules.check_name("volume", name, draft.capabilities.volume_name)
    if draft.capabilities.snapshot_names == WITH_VOLUMES and draft.world.snapshots_named(name):
        raise Conflict(
            "a snapshot has this name, and on this array volumes and snapshots share their names",
            hint="Choose another name.",
        )


def _at_least(size: Optional[int], source_size: int, source: str) -> int:
    """The size in bytes of a copy.

    :raises Invalid: it would be smaller than its source.
    """
    if size is not None and size < source_size:
        raise Invalid(
            "%s is smaller than its source: %s has %s" % (format_size(size), source, format_size(source_size)),
            hint="Leave size out to get the size of the source, or give a larger one.",
        )
    return source_size if size is None else size


def _source_volume(draft: Draft, desired: DesiredVolume, name: str) -> Optional[Volume]:
    """The volume to clone; None where it is assumed."""
    if name == desired.name:
        raise Invalid("it is not there and cannot be made of itself", hint="Name another volume as source_volume.")
    return draft.needed_volume(name, NotFound("there is no volume %s to clone" % name, target=name))


def _source_snapshot(draft: Draft, desired: DesiredVolume, name: str) -> Optional[Snapshot]:
    """The snapshot to make the volume of; None where it is assumed.

    Where several volumes have one of that name, source_volume says which.
    """
    found = draft.world.snapshots_named(name, desired.source_volume)
    if not found:
        outcomes = [outcome for key, outcome in draft.outcomes.items() if key[0] == "snapshot" and key[-1] == name]
        failed = [outcome.error for outcome in outcomes if outcome.error]
        if failed:
            raise failed[0]
        may_be_taken = draft.assume and draft.capabilities.snapshot_names == PER_VOLUME
        if desired.source_volume and draft.world.snapshots_named(name) and not may_be_taken:
            raise Invalid(
                "snapshot %s is not one of volume %s" % (name, desired.source_volume),
                hint="With both given, the snapshot is looked for among those of that volume.",
            )
        of_volume = " of volume %s" % desired.source_volume if desired.source_volume else ""
        missing = NotFound("there is no snapshot %s%s" % (name, of_volume), target=name, hint="Take it first.")
        draft.missing("snapshot %s%s" % (name, of_volume), missing)
        return None
    if len(found) > 1:
        raise Conflict(
            "several volumes have a snapshot %s: %s" % (name, ", ".join(sorted(str(s.volume) for s in found))),
            hint="Say which, by source_volume.",
        )
    return found[0]


def _rename(draft: Draft, desired: DesiredVolume, old: Volume) -> Volume:
    rules.check_can(draft.capabilities, "rename_volume", old)
    rules.check_owner(old.name, "rename", draft.policy)
    _check_new_name(draft, desired.name)
    draft.add(RenameVolume(key(desired.name), old.name, desired.name))
    return replace(old, name=desired.name)


def _compare(
    draft: Draft, desired: DesiredVolume, volume: Volume, size: Optional[int], options: Map[str, Any]
) -> Volume:
    """Plan the changes that an existing (or planned) volume needs, and return the volume after them.

    :raises Conflict, Refused: it differs in what cannot be changed, or must not be.
    """
    rules.check_state(volume)
    for name in _FIXED:
        requested, actual = getattr(desired, name), getattr(volume, name)
        if requested is not None and actual is not None and requested != actual:
            raise Conflict(
                "a volume of this name is there with %s %s, not %s" % (name, actual, requested),
                hint="The %s of a volume cannot be changed; choose another name." % name,
            )
    if desired.pool is not None and volume.pool is None:
        draft.warn("the array does not report the pool of volume %s, so it was not compared" % volume.name)
    sources = [name for name in (desired.source_snapshot, desired.source_volume) if name]
    if sources and volume.source is not None and volume.source not in sources and not desired.backup:
        draft.warn("volume %s was made of %s, not of %s" % (volume.name, volume.source, sources[0]))
    if size is not None and volume.size == rules.rounded_by_array(size, draft.capabilities):
        size = volume.size
    if size is not None and size < volume.size:
        raise Refused(
            "it has %s, and making it smaller (%s) would destroy data" % (format_size(volume.size), format_size(size)),
            hint="Nothing permits this; create a smaller volume and copy.",
        )
    if size is not None and size > volume.size:
        rules.check_can(draft.capabilities, "extend_volume", volume, size=size)
        draft.add(ExtendVolume(key(desired.name), volume.name, volume.size, size))
        volume = replace(volume, size=size)
    return _set(draft, volume, options)


def online(draft: Draft, item: Key, volume: Volume) -> Volume:
    """Plan the end of a change for which an earlier run took the volume offline, and return the volume after it."""
    if not volume.left_offline:
        return volume
    draft.add(BringOnline(item, volume.name))
    return replace(volume, left_offline=False, state=READY)


def _set(draft: Draft, volume: Volume, options: Map[str, Any]) -> Volume:
    """Change the properties that differ."""
    changes = {}
    for name, value in options.items():
        if name in LIMITS and volume.options.get(name) is None:
            raise Unsupported(
                "this array does not report the limits of the volume, so they are not changed",
                hint="Leave qos out, or change them with the array's own tools.",
            )
        if name not in volume.options:
            draft.warn("%s of volume %s cannot be read back, so it stays as it is" % (name, volume.name))
        elif volume.options[name] != value:
            if draft.capabilities.volume_options[name].create_only:
                raise Conflict(
                    "its %s is %r, not %r, and can only be chosen when it is created"
                    % (name, volume.options[name], value),
                    hint="Choose another name for a volume with that %s." % name,
                )
            changes[name] = value
    if not changes:
        return volume
    rules.check_can(draft.capabilities, "set_volume", volume, options=changes)
    draft.add(SetVolume(key(volume.name), volume.name, changes))
    return replace(volume, options=dict(volume.options, **changes))


def _join(draft: Draft, name: str, volume: Volume, old_name: str) -> Optional[Group]:
    """Plan to add the volume, once it is made, to its consistency group.

    :param old_name: by which the group has it as a member, when it is renamed.
    :return: the group; None when the volume reports that it is a member.
    """
    if name in (volume.groups or ()):
        return None
    item, chain = key(volume.name), ("group", name)
    rules.check_can(draft.capabilities, "groups", volume)
    group = draft.world.group(name)
    if group is None:
        rules.check_name("consistency group", name, draft.capabilities.group_name)
        draft.add_next(CreateGroup(item, name), chain)
        group = Group(name)
    if old_name not in group.volumes:
        draft.add_next(AddToGroup(item, name, volume.name), chain)
    return group


def absent(draft: Draft, volumes: Sequence[DesiredVolume]) -> None:
    """Plan to delete volumes: a clone before the source whose data it shares."""
    remaining = {volume.name: volume for volume in volumes}
    while remaining:
        ready = [
            volume
            for volume in remaining.values()
            if not remaining.keys() & set(dependents(draft, volume.name)) - {volume.name}
        ]
        draft.batch(destructive=True)
        for volume in ready or list(remaining.values()):
            _absent(draft, volume)
            del remaining[volume.name]


def dependents(draft: Draft, name: str) -> List[str]:
    """The volumes that share data with this one, or with a snapshot that would be deleted with it."""
    found = set(draft.world.dependents(name))
    for snapshot in draft.world.snapshots_of(name):
        found.update(draft.world.dependents(snapshot.name))
    return sorted(found)


def _absent(draft: Draft, desired: DesiredVolume) -> None:
    with draft.item(key(desired.name), "delete volume %s" % desired.name) as outcome:
        volume = draft.world.volume(desired.name)
        outcome.before = draft.world.with_mappings(volume)
        if volume is not None and volume.state != DELETING:
            delete(draft, key(desired.name), volume)


def delete(draft: Draft, item: Key, volume: Volume) -> None:
    """Plan to delete a volume, after its mappings and snapshots where the task permits that.

    :raises Refused, InUse, Unsupported: it must not be deleted.
    """
    world, policy = draft.world, draft.policy
    rules.check_owner(volume.name, "delete", policy)
    rules.check_can(draft.capabilities, "delete_volume", volume)
    if volume.siblings:
        raise Refused(
            "it shares one access list with %s, and deleting it may delete them too" % ", ".join(volume.siblings),
            hint="Delete it with the array's own tools.",
        )
    mappings = rules.check_unmapped(world, volume.name, "deleted", policy)
    clones = dependents(draft, volume.name)
    if clones:
        raise InUse(
            "%s share%s data with it" % (", ".join(clones), "s" if len(clones) == 1 else ""),
            hint="Delete the clones first; nothing else permits it.",
        )
    snapshots = _snapshots_to_delete(draft, volume)
    draft.check_destructive()
    for mapping in mappings:
        draft.add(UnmapVolume(item, volume.name, mapping.host), item)
        world.remove_mapping(mapping)
    for snapshot in snapshots:
        draft.add(DeleteSnapshot(item, snapshot_key(snapshot)), item)
        world.remove_snapshot(snapshot)
    draft.add(DeleteVolume(item, volume.name), item)
    world.remove_volume(volume.name)


def _snapshots_to_delete(draft: Draft, volume: Volume) -> List[Snapshot]:
    """The snapshots of the volume, which are deleted with it.

    :raises Refused: one of them must not be deleted, or not all of them are known.
    """
    existing = [snapshot for snapshot in draft.world.snapshots_of(volume.name) if snapshot.state != DELETING]
    snapshots = sorted(existing, key=lambda snapshot: snapshot.name)
    guarded = draft.capabilities.guards_snapshots and not draft.world.actual.snapshots.unreadable
    if not draft.world.snapshots_known(volume) and not guarded:
        unreadable = ", ".join(sorted(entry.name for entry in draft.world.actual.snapshots.unreadable))
        raise Refused(
            "snapshots that may be its own could not be read: %s" % unreadable
            if unreadable
            else "this array cannot be asked whether it has snapshots",
            hint="Look at them with the array's own tools.",
        )
    if snapshots and not draft.policy.delete_snapshots:
        raise Refused(
            "it has snapshots: %s" % ", ".join(snapshot.name for snapshot in snapshots),
            hint="Delete them first, or set delete_snapshots: true to have them deleted with it.",
        )
    for snapshot in snapshots:
        _check_deletable_with_volume(draft, snapshot)
    return snapshots


def _check_deletable_with_volume(draft: Draft, snapshot: Snapshot) -> None:
    """:raises Refused: it is not proven to be a snapshot, or it is in use, or it is not known whether it is."""
    problems: List[str] = []
    if not snapshot.proven:
        problems.append("the array does not prove that it is a snapshot and not a live volume")
    if snapshot.mappings:
        problems.append("it is mapped to %s" % ", ".join(mapping.host for mapping in snapshot.mappings))
    elif snapshot.mappings is None and not draft.policy.assume_unmapped:
        problems.append("it is not known whether it is mapped")
    children = draft.world.children(snapshot)
    if children and draft.capabilities.clones_depend:
        problems.append("%s depend on it" % ", ".join(children))
    if problems:
        raise Refused(
            "its snapshot %s cannot be deleted with it: %s" % (snapshot.name, " and ".join(problems)),
            hint="Delete that snapshot by its own name first, when you are sure.",
        )
    rules.check_owner(snapshot.name, "delete", draft.policy)
    rules.check_can(draft.capabilities, "delete_snapshot", snapshot)
