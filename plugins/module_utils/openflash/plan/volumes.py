# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes: create, clone, rename, extend, set, join a group, delete."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, Optional

from ..errors import Conflict, InUse, Invalid, NotFound, Refused
from ..model import READY, Group, OptionRule, Snapshot, Volume, VolumeSpec
from ..units import format_size
from . import rules
from .desired import VolumeWish
from .draft import Draft
from .steps import (
    AddToGroup,
    CloneVolume,
    CreateGroup,
    CreateVolume,
    DeleteSnapshot,
    DeleteVolume,
    ExtendVolume,
    Key,
    RenameVolume,
    SetVolume,
    UnmapVolume,
    VolumeFromSnapshot,
)


def key(name: str) -> Key:
    return ("volume", name)


def snapshot_key(snapshot: Snapshot) -> Key:
    return ("snapshot", snapshot.volume or "", snapshot.name)


def present(draft: Draft, wish: VolumeWish) -> None:
    with draft.item(key(wish.name), "create or change volume %s" % wish.name) as outcome:
        size = None if wish.size is None else rules.check_size(wish.size, draft.capabilities)
        _check_options(draft, wish)
        volume = draft.world.volume(wish.name)
        old = draft.world.volume(wish.rename_from) if wish.rename_from else None
        if volume is None and old is not None:
            outcome.before = draft.world.with_maps(old)
            volume = _rename(draft, wish, old)
        elif volume is None:
            volume = _create(draft, wish, size)
        else:
            outcome.before = draft.world.with_maps(volume)
            if old is not None:
                draft.warn("volume %s is there already, so %s keeps its name" % (wish.name, wish.rename_from))
        volume = _compare(draft, wish, volume, size)
        draft.world.volumes[volume.name] = volume
        outcome.after = draft.world.with_maps(volume)


def _create(draft: Draft, wish: VolumeWish, size: Optional[int]) -> Volume:
    capabilities, item = draft.capabilities, key(wish.name)
    rules.check_name("volume", wish.name, capabilities.volume_name)
    if capabilities.one_namespace and draft.world.named_snapshots(wish.name):
        raise Conflict("a snapshot has this name, and on this array volumes and snapshots share their names")
    if wish.provisioning and wish.provisioning not in capabilities.provisioning:
        raise Invalid(
            "this array does not make %s volumes" % wish.provisioning,
            hint="It makes %s ones." % " and ".join(capabilities.provisioning),
        )
    spec = VolumeSpec(wish.name, size, wish.pool, wish.provisioning, wish.options)
    provisioning: Optional[str] = None  # of the source, where it is known
    if wish.source_volume and wish.source_snapshot and not _is_snapshot_of(draft, wish):
        raise Invalid(
            "snapshot %s is not one of volume %s" % (wish.source_snapshot, wish.source_volume),
            hint="With both given, the snapshot is looked for among those of that volume.",
        )
    if wish.source_snapshot:
        snapshot = _the_snapshot(draft, wish)
        rules.check_can(capabilities, "volume_from_snapshot", snapshot, spec=spec)
        size = _at_least(size, snapshot.size, "snapshot %s" % snapshot.name)
        draft.add(VolumeFromSnapshot(item, spec, snapshot_key(snapshot)))
        method, source = capabilities.method("volume_from_snapshot", snapshot), snapshot.name
    elif wish.source_volume:
        volume = draft.world.volume(wish.source_volume)
        if volume is None:
            raise NotFound("there is no volume %s to clone" % wish.source_volume, target=wish.source_volume)
        rules.check_can(capabilities, "clone_volume", volume, spec=spec)
        size = _at_least(size, volume.size, "volume %s" % volume.name)
        draft.add(CloneVolume(item, spec, volume.name))
        method, source = capabilities.method("clone_volume", volume), volume.name
        provisioning = volume.provisioning
    else:
        if size is None:
            raise Invalid("there is no such volume, and creating it needs a size", hint="Give size, such as 10GiB.")
        rules.check_can(capabilities, "create_volume", spec)
        draft.add(CreateVolume(item, spec))
        return Volume(
            name=wish.name,
            size=size,
            provisioning=wish.provisioning or capabilities.provisioning[0],
            pool=wish.pool,
            state=READY,
            mappings=(),
            snapshots=(),
            groups=(),
            options=wish.options,
        )
    return Volume(
        name=wish.name,
        size=size,
        provisioning=wish.provisioning or provisioning or capabilities.provisioning[0],
        pool=wish.pool,
        state=READY,
        source=source,
        independent=method.independent,
        mappings=(),
        snapshots=(),
        groups=(),
        options=wish.options,
    )


def _at_least(size: Optional[int], source: int, what: str) -> int:
    if size is not None and size < source:
        raise Invalid(
            "%s is smaller than its source: %s has %s" % (format_size(size), what, format_size(source)),
            hint="Leave size out to get the size of the source, or give a larger one.",
        )
    return source if size is None else size


def _is_snapshot_of(draft: Draft, wish: VolumeWish) -> bool:
    return bool(draft.world.named_snapshots(wish.source_snapshot or "", wish.source_volume))


def _the_snapshot(draft: Draft, wish: VolumeWish) -> Snapshot:
    name = wish.source_snapshot or ""
    found = draft.world.named_snapshots(name, wish.source_volume)
    if not found:
        raise NotFound("there is no snapshot %s" % name, target=name)
    if len(found) > 1:
        raise Conflict(
            "several volumes have a snapshot %s: %s" % (name, ", ".join(sorted(str(s.volume) for s in found))),
            hint="Say which, by source_volume.",
        )
    return found[0]


def _rename(draft: Draft, wish: VolumeWish, old: Volume) -> Volume:
    rules.check_can(draft.capabilities, "rename_volume", old)
    rules.check_owner(old.name, "rename", draft.policy)
    rules.check_name("volume", wish.name, draft.capabilities.volume_name)
    draft.add(RenameVolume(key(wish.name), old.name, wish.name))
    return draft.world.rename(old.name, wish.name)


def _compare(draft: Draft, wish: VolumeWish, volume: Volume, size: Optional[int]) -> Volume:
    """Bring a volume that is (or will be) there to what is wished, as far as that is safe."""
    item = key(wish.name)
    for what, wished, found in (
        ("provisioning", wish.provisioning, volume.provisioning),
        ("pool", wish.pool, volume.pool),
    ):
        if wished is not None and found is not None and wished != found:
            raise Conflict(
                "a volume of this name is there with %s %s, not %s" % (what, found, wished),
                hint="The %s of a volume cannot be changed; choose another name." % what,
            )
    if wish.source_volume and volume.source not in (None, wish.source_volume, wish.source_snapshot):
        draft.warn("volume %s was made of %s, not of %s" % (volume.name, volume.source, wish.source_volume))
    if size is not None and size < volume.size:
        raise Refused(
            "it has %s, and making it smaller (%s) would destroy data" % (format_size(volume.size), format_size(size)),
            hint="Nothing permits this; create a smaller volume and copy.",
        )
    if size is not None and size > volume.size:
        rules.check_can(draft.capabilities, "extend_volume", volume, size=size)
        draft.add(ExtendVolume(item, volume.name, volume.size, size))
        volume = replace(volume, size=size)
    changes = {}
    for name, value in wish.options.items():
        if name in volume.options and volume.options[name] != value:
            if draft.capabilities.volume_options[name].create_only:
                raise Conflict(
                    "its %s is %r, not %r, and can only be chosen when it is created"
                    % (name, volume.options[name], value)
                )
            changes[name] = value
    if changes:
        rules.check_can(draft.capabilities, "set_volume", volume, options=changes)
        draft.add(SetVolume(item, volume.name, changes))
        merged = dict(volume.options)
        merged.update(changes)
        volume = replace(volume, options=merged)
    return volume


def join(draft: Draft, wish: VolumeWish) -> None:
    """Put the volume, once it is there, into its consistency group."""
    volume = draft.world.volumes.get(wish.name)
    if not wish.group or volume is None or wish.group in (volume.groups or ()):
        return
    name, item, lane = wish.group, key(wish.name), ("group", wish.group)
    with draft.item(item, "add volume %s to consistency group %s" % (volume.name, name)) as outcome:
        rules.check_can(draft.capabilities, "groups", volume)
        group = draft.world.groups.get(name)
        if group is None:
            rules.check_name("consistency group", name, draft.capabilities.group_name)
            draft.add(CreateGroup(item, name), lane)
            group = Group(name)
        if volume.name not in group.volumes:
            draft.add(AddToGroup(item, name, volume.name), lane)
            group = replace(group, volumes=group.volumes + (volume.name,))
        draft.world.groups[name] = group
        volume = replace(volume, groups=(volume.groups or ()) + (name,))
        draft.world.volumes[volume.name] = volume
        outcome.after = draft.world.with_maps(volume)


def _check_options(draft: Draft, wish: VolumeWish) -> None:
    known = draft.capabilities.volume_options
    for name, value in wish.options.items():
        rule = known.get(name)
        if rule is None:
            raise Invalid(
                "volumes of this array have no option %s" % name,
                hint="array_options takes %s here." % (", ".join(sorted(known)) or "nothing"),
            )
        if not _fits(rule, value):
            raise Invalid("%r is not a value for %s" % (value, name), hint="It takes %s." % rule.words)


def _fits(rule: OptionRule, value: Any) -> bool:
    if isinstance(value, bool) != (rule.type is bool) or not isinstance(value, rule.type):
        return False
    return not rule.choices or value in rule.choices


def absent(draft: Draft, wish: VolumeWish) -> None:
    with draft.item(key(wish.name), "delete volume %s" % wish.name) as outcome:
        volume = draft.world.volume(wish.name)
        if volume is None:
            return
        outcome.before = draft.world.with_maps(volume)
        delete(draft, key(wish.name), volume)
        outcome.after = None


def delete(draft: Draft, item: Key, volume: Volume) -> None:
    """Plan the end of a volume, with what the task permits to go before it."""
    world, policy = draft.world, draft.policy
    rules.check_owner(volume.name, "delete", policy)
    rules.check_can(draft.capabilities, "delete_volume", volume)
    if volume.siblings:
        raise Refused("it shares its access list and its life with %s" % ", ".join(volume.siblings))
    maps = rules.check_unmapped(world, volume.name, "deleted", policy)
    clones = [v.name for v in world.volumes.values() if not v.independent and v.source == volume.name]
    if clones:
        raise InUse(
            "%s share%s data with it" % (", ".join(sorted(clones)), "s" if len(clones) == 1 else ""),
            hint="Delete the clones first; nothing else permits it.",
        )
    snapshots = world.snapshots_of(volume.name)
    hidden = [entry.name for entry in world.actual.snapshots.unreadable]
    if hidden:
        raise Refused("snapshots that may be its own could not be read: %s" % ", ".join(sorted(hidden)))
    if snapshots and not policy.delete_snapshots:
        raise Refused(
            "it has snapshots: %s" % ", ".join(sorted(s.name for s in snapshots)),
            hint="Delete them first, or set delete_snapshots: true to have them deleted with it.",
        )
    doomed = [_doomed(draft, snapshot) for snapshot in snapshots]
    for mapping in maps:
        draft.add(UnmapVolume(item, volume.name, mapping.host), item)
        del world.maps[(mapping.host, mapping.volume)]
    for snapshot in doomed:
        draft.add(DeleteSnapshot(item, snapshot_key(snapshot)), item)
        world.snapshots.remove(snapshot)
    draft.add(DeleteVolume(item, volume.name), item)
    del world.volumes[volume.name]


def _doomed(draft: Draft, snapshot: Snapshot) -> Snapshot:
    """A snapshot that may go together with its volume; it must be proven to be one, idle and childless."""
    problems: List[str] = []
    if not snapshot.proven:
        problems.append("the array does not prove that it is a snapshot and not a live volume")
    if snapshot.mappings:
        problems.append("it is mapped to %s" % ", ".join(mapping.host for mapping in snapshot.mappings))
    if snapshot.children and draft.capabilities.clones_depend:
        problems.append("%s depend on it" % ", ".join(snapshot.children))
    if problems:
        raise Refused(
            "its snapshot %s cannot go with it: %s" % (snapshot.name, " and ".join(problems)),
            hint="Delete that snapshot by its own name first, when you are sure.",
        )
    rules.check_owner(snapshot.name, "delete", draft.policy)
    return snapshot
