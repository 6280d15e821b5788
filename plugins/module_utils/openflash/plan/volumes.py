# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes: create, clone, rename, extend, set, join a group, delete."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping as Map, Optional, Sequence

from ..errors import Conflict, InUse, Invalid, NotFound, Refused
from ..model import DELETING, READY, Capabilities, CopyMethod, Group, Snapshot, Volume, VolumeSpec
from ..units import format_size
from . import rules
from .desired import DesiredVolume
from .draft import Draft
from .steps import (
    AddToGroup,
    BringOnline,
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


def present(draft: Draft, desired: DesiredVolume) -> None:
    with draft.item(key(desired.name), "create or change volume %s" % desired.name) as outcome:
        world = draft.world
        size = None if desired.size is None else rules.check_size(desired.size, draft.capabilities)
        options = rules.check_options(desired.options, draft.capabilities)
        volume = world.volume(desired.name)
        old = _old(draft, desired)
        if volume is None and old is not None:
            outcome.before = world.with_maps(old)
            volume = _rename(draft, desired, old)
        elif volume is None:
            volume = _create(draft, desired, size, options)
            world.volumes[volume.name] = volume
        else:
            outcome.before = world.with_maps(volume)
            if old is not None:
                draft.warn("volume %s is there already, so %s keeps its name" % (desired.name, old.name))
        world.volumes[volume.name] = _compare(draft, desired, volume, size, options)
        if desired.group:
            _join(draft, desired.group, world.volumes[volume.name])
        if not draft.pending:
            # A change may be what brings it online again: a killed run can have left it so.
            rules.check_online(volume)


def _old(draft: Draft, desired: DesiredVolume) -> Optional[Volume]:
    """The volume that ``rename_from`` means, which is one that was there before."""
    name = desired.rename_from
    volume = draft.world.volume(name) if name else None
    if volume is None or name is None or draft.world.was_there(name):
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
    if desired.provisioning and desired.provisioning not in capabilities.provisioning:
        raise Invalid(
            "this array does not make %s volumes" % desired.provisioning,
            hint="It makes %s ones." % " and ".join(capabilities.provisioning),
        )
    spec = VolumeSpec(desired.name, size, desired.pool, desired.provisioning, options)
    source, method, provisioning = None, CopyMethod(), desired.provisioning or capabilities.provisioning[0]
    if desired.source_snapshot:
        snapshot = _the_snapshot(draft, desired, desired.source_snapshot)
        rules.check_complete(snapshot)
        rules.check_can(capabilities, "volume_from_snapshot", snapshot, spec=spec)
        size = _at_least(size, snapshot.size, "snapshot %s" % snapshot.name)
        draft.add(VolumeFromSnapshot(item, spec, snapshot_key(snapshot)))
        method, source = capabilities.method("volume_from_snapshot", snapshot), snapshot.name
    elif desired.source_volume:
        volume = _the_source(draft, desired, desired.source_volume)
        rules.check_complete(volume)
        rules.check_can(capabilities, "clone_volume", volume, spec=spec)
        size = _at_least(size, volume.size, "volume %s" % volume.name)
        draft.add(CloneVolume(item, spec, volume.name))
        method, source = capabilities.method("clone_volume", volume), volume.name
        provisioning = desired.provisioning or volume.provisioning
    elif size is None:
        raise Invalid("there is no such volume, and creating it needs a size", hint="Give size, such as 10GiB.")
    else:
        rules.check_can(capabilities, "create_volume", spec)
        draft.add(CreateVolume(item, spec))
    return Volume(
        name=desired.name,
        size=size,
        provisioning=provisioning,
        pool=desired.pool,
        state=READY,
        source=source,
        independent=method.independent,
        mappings=(),
        snapshots=(),
        groups=None if capabilities.refusal("groups") else (),
        options=dict(_left_to_the_array(capabilities), **options),
    )


def _left_to_the_array(capabilities: Capabilities) -> Dict[str, None]:
    """Every option that results tell, with the value that is known before the volume is made: none."""
    return {name: None for name, rule in capabilities.volume_options.items() if rule.told}


def _check_new_name(draft: Draft, name: str) -> None:
    rules.check_name("volume", name, draft.capabilities.volume_name)
    if draft.capabilities.one_namespace and draft.world.named_snapshots(name):
        raise Conflict(
            "a snapshot has this name, and on this array volumes and snapshots share their names",
            hint="Choose another name.",
        )


def _at_least(size: Optional[int], source: int, what: str) -> int:
    if size is not None and size < source:
        raise Invalid(
            "%s is smaller than its source: %s has %s" % (format_size(size), what, format_size(source)),
            hint="Leave size out to get the size of the source, or give a larger one.",
        )
    return source if size is None else size


def _the_source(draft: Draft, desired: DesiredVolume, name: str) -> Volume:
    if name == desired.name:
        raise Invalid("it is not there and cannot be made of itself", hint="Name another volume as source_volume.")
    volume = draft.world.volume(name)
    if volume is None:
        raise draft.failure(key(name)) or NotFound("there is no volume %s to clone" % name, target=name)
    return volume


def _the_snapshot(draft: Draft, desired: DesiredVolume, name: str) -> Snapshot:
    """The snapshot to make the volume of; source_volume says whose, where several have one of that name."""
    found = draft.world.named_snapshots(name, desired.source_volume)
    if not found:
        failed = [o.error for k, o in draft.outcomes.items() if k[0] == "snapshot" and k[-1] == name and o.error]
        if failed:
            raise failed[0]
        if desired.source_volume and draft.world.named_snapshots(name):
            raise Invalid(
                "snapshot %s is not one of volume %s" % (name, desired.source_volume),
                hint="With both given, the snapshot is looked for among those of that volume.",
            )
        of = " of volume %s" % desired.source_volume if desired.source_volume else ""
        raise NotFound("there is no snapshot %s%s" % (name, of), target=name, hint="Take it first.")
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
    return draft.world.rename(old.name, desired.name)


def _compare(
    draft: Draft, desired: DesiredVolume, volume: Volume, size: Optional[int], options: Map[str, Any]
) -> Volume:
    """Bring a volume that is (or will be) there to what is requested, as far as that is safe."""
    rules.check_state(volume)
    for what, desired_state, found in (
        ("provisioning", desired.provisioning, volume.provisioning),
        ("pool", desired.pool, volume.pool),
    ):
        if desired_state is not None and found is not None and desired_state != found:
            raise Conflict(
                "a volume of this name is there with %s %s, not %s" % (what, found, desired_state),
                hint="The %s of a volume cannot be changed; choose another name." % what,
            )
    if desired.pool is not None and volume.pool is None:
        draft.warn("the array does not tell the pool of volume %s, so it was not compared" % volume.name)
    sources = [name for name in (desired.source_snapshot, desired.source_volume) if name]
    if sources and volume.source is not None and volume.source not in sources:
        draft.warn("volume %s was made of %s, not of %s" % (volume.name, volume.source, sources[0]))
    if size is not None and size < volume.size:
        raise Refused(
            "it has %s, and making it smaller (%s) would destroy data" % (format_size(volume.size), format_size(size)),
            hint="Nothing permits this; create a smaller volume and copy.",
        )
    if size is not None and size > volume.size:
        rules.check_can(draft.capabilities, "extend_volume", volume, size=size)
        draft.add(ExtendVolume(key(desired.name), volume.name, volume.size, size))
        volume = replace(volume, size=size)
    return finish(draft, key(desired.name), _set(draft, volume, options))


def finish(draft: Draft, item: Key, volume: Volume) -> Volume:
    """Plan the end of a change that an earlier run began, and for which it took the volume offline."""
    if not volume.left_offline:
        return volume
    draft.add(BringOnline(item, volume.name))
    volume = replace(volume, left_offline=False, state=READY)
    draft.world.volumes[volume.name] = volume
    return volume


def _set(draft: Draft, volume: Volume, options: Map[str, Any]) -> Volume:
    """Change the properties that differ."""
    changes = {}
    for name, value in options.items():
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


def _join(draft: Draft, name: str, volume: Volume) -> None:
    """Put the volume, once it is there, into its consistency group."""
    if name in (volume.groups or ()):
        return
    item, lane = key(volume.name), ("group", name)
    rules.check_can(draft.capabilities, "groups", volume)
    group = draft.world.group(name)
    if group is None:
        rules.check_name("consistency group", name, draft.capabilities.group_name)
        draft.add_next(CreateGroup(item, name), lane)
        group = Group(name)
    if volume.name not in group.volumes:
        draft.add_next(AddToGroup(item, name, volume.name), lane)
    draft.world.join(group, volume.name)


def absent(draft: Draft, desired_items: Sequence[DesiredVolume]) -> None:
    """Plan the end of volumes: a clone before the source whose data it shares."""
    left = {desired.name: desired for desired in desired_items}
    while left:
        ready = [
            desired
            for desired in left.values()
            if not left.keys() & set(dependents(draft, desired.name)) - {desired.name}
        ]
        draft.batch(destructive=True)
        for desired in ready or list(left.values()):
            _absent(draft, desired)
            del left[desired.name]


def dependents(draft: Draft, name: str) -> List[str]:
    """What shares data with the volume, or with a snapshot that would go with it."""
    found = set(draft.world.dependents(name))
    for snapshot in draft.world.snapshots_of(name):
        found.update(draft.world.dependents(snapshot.name))
    return sorted(found)


def _absent(draft: Draft, desired: DesiredVolume) -> None:
    with draft.item(key(desired.name), "delete volume %s" % desired.name) as outcome:
        volume = draft.world.volume(desired.name)
        outcome.before = draft.world.with_maps(volume)
        if volume is not None and volume.state != DELETING:
            delete(draft, key(desired.name), volume)


def delete(draft: Draft, item: Key, volume: Volume) -> None:
    """Plan the end of a volume, with what the task permits to go before it."""
    world, policy = draft.world, draft.policy
    rules.check_owner(volume.name, "delete", policy)
    rules.check_can(draft.capabilities, "delete_volume", volume)
    if volume.siblings:
        raise Refused(
            "it shares its access list and its life with %s" % ", ".join(volume.siblings),
            hint="Delete it with the array's own tools.",
        )
    maps = rules.check_unmapped(world, volume.name, "deleted", policy)
    clones = dependents(draft, volume.name)
    if clones:
        raise InUse(
            "%s share%s data with it" % (", ".join(clones), "s" if len(clones) == 1 else ""),
            hint="Delete the clones first; nothing else permits it.",
        )
    doomed = _doomed_snapshots(draft, volume)
    for mapping in maps:
        draft.add(UnmapVolume(item, volume.name, mapping.host), item)
        world.drop_map(mapping)
    for snapshot in doomed:
        draft.add(DeleteSnapshot(item, snapshot_key(snapshot)), item)
        world.drop_snapshot(snapshot)
    draft.add(DeleteVolume(item, volume.name), item)
    world.drop_volume(volume.name)


def _doomed_snapshots(draft: Draft, volume: Volume) -> List[Snapshot]:
    """The volume's snapshots, which may go with it; Refused when one may not, or when not all are known."""
    there = [s for s in draft.world.snapshots_of(volume.name) if s.state != DELETING]
    snapshots = sorted(there, key=lambda s: s.name)
    guarded = draft.capabilities.guards_snapshots and not draft.world.actual.snapshots.unreadable
    if not draft.world.snapshots_known(volume) and not guarded:
        hidden = ", ".join(sorted(entry.name for entry in draft.world.actual.snapshots.unreadable))
        raise Refused(
            "snapshots that may be its own could not be read: %s" % hidden
            if hidden
            else "this array cannot be asked whether it has snapshots",
            hint="Look at them with the array's own tools.",
        )
    if snapshots and not draft.policy.delete_snapshots:
        raise Refused(
            "it has snapshots: %s" % ", ".join(s.name for s in snapshots),
            hint="Delete them first, or set delete_snapshots: true to have them deleted with it.",
        )
    for snapshot in snapshots:
        _check_doomed(draft, snapshot)
    return snapshots


def _check_doomed(draft: Draft, snapshot: Snapshot) -> None:
    """A snapshot that goes together with its volume must be proven to be one, and nobody's."""
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
            "its snapshot %s cannot go with it: %s" % (snapshot.name, " and ".join(problems)),
            hint="Delete that snapshot by its own name first, when you are sure.",
        )
    rules.check_owner(snapshot.name, "delete", draft.policy)
    rules.check_can(draft.capabilities, "delete_snapshot", snapshot)
