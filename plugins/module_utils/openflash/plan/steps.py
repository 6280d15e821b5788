# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a plan: each describes itself in one line, and carries itself out on an array.

A step names objects. The model objects, with the array's ids, are looked up in the world when the step is carried out,
because an earlier step of the same plan may have made them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Mapping as Map, Optional, Sequence, Tuple, Union

from ..array import Array, ConsistencyGroups, HostChap, HostNames, HostOs, OfflineChanges, VolumeChanges, VolumeChap
from ..errors import Conflict, FlashError
from ..model import EVERY_HOST, Chap, Initiator, Mapping, Snapshot, SnapshotSpec, Volume, VolumeSpec
from ..properties import shown
from ..units import format_initiator, format_size
from .rules import check_complete, check_state
from .step import MAKE, REMOVE, Change, Key, Step
from .world import World

# -- volumes -----------------------------------------------------------------------------------------------------------


def _new(spec: VolumeSpec) -> str:
    parts = [spec.name]
    if spec.size is not None:
        parts.append("of " + format_size(spec.size))
    if spec.provisioning:
        parts.append(spec.provisioning)
    if spec.pool:
        parts.append("in pool " + spec.pool)
    return " ".join(parts)


def _add_volume(world: World, volume: Volume) -> Change:
    """A new volume. An array need not report that nothing is mapped to it and that it has no snapshots.

    :raises Conflict: the array made it, and reports it in state error.
    """
    check_state(volume)
    new = replace(volume, mappings=volume.mappings or (), snapshots=volume.snapshots or ())
    return partial(world.volumes.__setitem__, new.name, new)


@dataclass(frozen=True)
class CreateVolume(Step):
    sign = MAKE

    spec: VolumeSpec

    @property
    def line(self) -> str:
        return "create volume %s" % _new(self.spec)

    def apply(self, array: Array, world: World) -> Change:
        return _add_volume(world, array.create_volume(self.spec))


@dataclass(frozen=True)
class CloneVolume(Step):
    sign = MAKE

    spec: VolumeSpec
    source: str

    @property
    def line(self) -> str:
        return "clone volume %s to %s" % (self.source, _new(self.spec))

    def apply(self, array: Array, world: World) -> Change:
        return _add_volume(world, array.clone_volume(world.existing_volume(self.source), self.spec))


@dataclass(frozen=True)
class VolumeFromSnapshot(Step):
    sign = MAKE

    spec: VolumeSpec
    snapshot: Key

    @property
    def line(self) -> str:
        return "create volume %s from snapshot %s" % (_new(self.spec), self.snapshot[-1])

    def apply(self, array: Array, world: World) -> Change:
        snapshot = world.existing_snapshot(self.snapshot[1], self.snapshot[2])
        return _add_volume(world, array.volume_from_snapshot(snapshot, self.spec))


@dataclass(frozen=True)
class ExtendVolume(Step):
    name: str
    before: int
    size: int

    @property
    def line(self) -> str:
        return "extend volume %s from %s to %s" % (self.name, format_size(self.before), format_size(self.size))

    def apply(self, array: Array, world: World) -> Change:
        return partial(world.update_volume, array.extend_volume(world.existing_volume(self.name), self.size))


@dataclass(frozen=True)
class RenameVolume(Step):
    name: str
    to: str

    @property
    def line(self) -> str:
        return "rename volume %s to %s" % (self.name, self.to)

    def apply(self, array: Array, world: World) -> Change:
        renamed = array.rename_volume(world.existing_volume(self.name), self.to)

        def change() -> None:
            world.rename_volume(self.name, self.to)
            # The mappings that the array returned may still have the old name.
            world.update_volume(replace(renamed, mappings=None))

        return change


@dataclass(frozen=True)
class SetVolume(Step):
    name: str
    options: Map[str, Any] = field(default_factory=dict, compare=False)

    @property
    def line(self) -> str:
        pairs = sorted(shown(name, value) for name, value in self.options.items())
        return "set %s of volume %s" % (", ".join("%s=%s" % pair for pair in pairs), self.name)

    def apply(self, array: Array, world: World) -> Change:
        return partial(
            world.update_volume, VolumeChanges.of(array).set_volume(world.existing_volume(self.name), self.options)
        )


@dataclass(frozen=True)
class BringOnline(Step):
    """Finish what an earlier run began: it took the volume offline for a change, and ended before it was online."""

    name: str

    @property
    def line(self) -> str:
        return "bring volume %s online, which an earlier run took offline" % self.name

    def apply(self, array: Array, world: World) -> Change:
        return partial(world.update_volume, OfflineChanges.of(array).bring_online(world.existing_volume(self.name)))


@dataclass(frozen=True)
class DeleteVolume(Step):
    destructive = True
    sign = REMOVE

    name: str

    @property
    def line(self) -> str:
        return "delete volume %s" % self.name

    def apply(self, array: Array, world: World) -> Change:
        array.delete_volume(world.existing_volume(self.name))
        return partial(world.remove_volume, self.name)


# -- snapshots and consistency groups ----------------------------------------------------------------------------------


def _unmapped(snapshot: Snapshot) -> Snapshot:
    """A new snapshot. An array need not report that nothing is mapped to it and that nothing was made of it."""
    return replace(snapshot, mappings=snapshot.mappings or (), children=snapshot.children or ())


def _add_snapshots(world: World, snapshots: Sequence[Snapshot]) -> Change:
    """:raises Conflict: the array took one, and reports it in state error."""
    for snapshot in snapshots:
        check_state(snapshot)

    def change() -> None:
        for snapshot in snapshots:
            if not world.snapshots_named(snapshot.name, snapshot.volume):
                world.add_snapshot(_unmapped(snapshot))

    return change


@dataclass(frozen=True)
class CreateSnapshots(Step):
    """One snapshot, or several of one instant. ``items`` are the desired objects that it is for."""

    sign = MAKE

    items: Tuple[Key, ...]
    snapshots: Tuple[Tuple[str, str], ...]
    """(volume, snapshot) names."""
    atomic: bool = False
    quiesced: bool = False

    @property
    def line(self) -> str:
        what = ", ".join("%s of volume %s" % (name, volume) for volume, name in self.snapshots)
        if self.atomic:
            return "create snapshots at one instant: %s" % what
        return "create snapshot %s" % what

    @property
    def keys(self) -> Tuple[Key, ...]:
        return self.items

    def apply(self, array: Array, world: World) -> Change:
        specs = [SnapshotSpec(name, world.existing_volume(volume), self.quiesced) for volume, name in self.snapshots]
        return _add_snapshots(world, array.create_snapshots(specs, atomic=self.atomic))


@dataclass(frozen=True)
class SnapshotGroup(Step):
    sign = MAKE

    group: str
    name: str

    @property
    def line(self) -> str:
        return "create snapshot %s of every volume in group %s at one instant" % (self.name, self.group)

    def apply(self, array: Array, world: World) -> Change:
        return _add_snapshots(
            world, ConsistencyGroups.of(array).snapshot_group(world.existing_group(self.group), self.name)
        )


@dataclass(frozen=True)
class DeleteSnapshot(Step):
    destructive = True
    sign = REMOVE

    snapshot: Key

    @property
    def line(self) -> str:
        volume, name = self.snapshot[1], self.snapshot[2]
        return "delete snapshot %s%s" % (name, " of volume %s" % volume if volume else "")

    def apply(self, array: Array, world: World) -> Change:
        snapshot = world.existing_snapshot(self.snapshot[1], self.snapshot[2])
        if self.item[0] == "retention":
            with world.lock:
                new_snapshots = [new for new in world.snapshots_of(snapshot.volume or "") if world.is_new(new)]
            for new in new_snapshots:
                # The plan counts it among those that are kept. Until it is complete it can still fail.
                check_complete(new)
        array.delete_snapshot(snapshot)
        return partial(world.remove_snapshot, snapshot)


@dataclass(frozen=True)
class RestoreSnapshot(Step):
    destructive = True

    snapshot: Key
    volume: str
    backup: str

    @property
    def line(self) -> str:
        return "restore volume %s from snapshot %s, keeping its present content as snapshot %s" % (
            self.volume,
            self.snapshot[-1],
            self.backup,
        )

    def apply(self, array: Array, world: World) -> Change:
        volume = world.existing_volume(self.volume)
        snapshot = world.existing_snapshot(self.snapshot[1], self.snapshot[2])
        return partial(world.add_snapshot, _unmapped(array.restore_snapshot(volume, snapshot, self.backup)))


@dataclass(frozen=True)
class RefreshVolume(Step):
    """The volume takes the content of its source, and keeps its name, its identity and its mappings."""

    destructive = True

    volume: str
    source: Key
    """("volume", NAME) or ("snapshot", VOLUME, NAME)."""
    backup: str

    @property
    def line(self) -> str:
        of_volume = " of volume %s" % self.source[1] if self.source[0] == "snapshot" and self.source[1] else ""
        return "refresh volume %s from %s %s%s, keeping its present content as snapshot %s" % (
            self.volume,
            self.source[0],
            self.source[-1],
            of_volume,
            self.backup,
        )

    def apply(self, array: Array, world: World) -> Change:
        volume = world.existing_volume(self.volume)
        source: Union[Volume, Snapshot]
        if self.source[0] == "snapshot":
            source = world.existing_snapshot(self.source[1], self.source[2])
        else:
            source = world.existing_volume(self.source[1])
        return partial(world.add_snapshot, _unmapped(array.refresh_volume(volume, source, self.backup)))


@dataclass(frozen=True)
class RestoreGroup(Step):
    destructive = True

    group: str
    name: str
    backup: str

    @property
    def line(self) -> str:
        return "restore every volume in group %s from snapshot %s, keeping its present content as snapshot %s" % (
            self.group,
            self.name,
            self.backup,
        )

    def apply(self, array: Array, world: World) -> Change:
        group = world.existing_group(self.group)
        return _add_snapshots(world, ConsistencyGroups.of(array).restore_group(group, self.name, self.backup))


@dataclass(frozen=True)
class CreateGroup(Step):
    sign = MAKE

    name: str

    @property
    def line(self) -> str:
        return "create consistency group %s" % self.name

    def apply(self, array: Array, world: World) -> Change:
        return partial(world.groups.__setitem__, self.name, ConsistencyGroups.of(array).create_group(self.name))


@dataclass(frozen=True)
class AddToGroup(Step):
    group: str
    volume: str

    @property
    def line(self) -> str:
        return "add volume %s to consistency group %s" % (self.volume, self.group)

    def apply(self, array: Array, world: World) -> Change:
        group = ConsistencyGroups.of(array).add_to_group(
            world.existing_group(self.group), [world.existing_volume(self.volume)]
        )
        return partial(world.add_to_group, group, self.volume)


@dataclass(frozen=True)
class RemoveFromGroup(Step):
    destructive = True
    sign = REMOVE

    group: str
    volume: str

    @property
    def line(self) -> str:
        return "remove volume %s from consistency group %s" % (self.volume, self.group)

    def apply(self, array: Array, world: World) -> Change:
        group = ConsistencyGroups.of(array).remove_from_group(
            world.existing_group(self.group), [world.existing_volume(self.volume)]
        )
        return partial(world.remove_from_group, group, self.volume)


@dataclass(frozen=True)
class DeleteGroup(Step):
    destructive = True
    sign = REMOVE

    name: str

    @property
    def line(self) -> str:
        return "delete consistency group %s" % self.name

    def apply(self, array: Array, world: World) -> Change:
        group = world.existing_group(self.name)
        ConsistencyGroups.of(array).delete_group(group)
        return partial(world.remove_group, group)


# -- hosts -------------------------------------------------------------------------------------------------------------


def _ports(addresses: Tuple[str, ...]) -> str:
    return ", ".join(format_initiator(address) for address in addresses) or "no initiators"


@dataclass(frozen=True)
class CreateHost(Step):
    sign = MAKE

    name: str
    initiators: Tuple[Initiator, ...] = ()
    os: Optional[str] = None
    chap: Optional[Chap] = None

    @property
    def line(self) -> str:
        ports = _ports(tuple(i.address for i in self.initiators))
        return "create host %s with %s%s" % (self.name, ports, " and os %s" % self.os if self.os else "")

    def apply(self, array: Array, world: World) -> Change:
        """Where another run has made the host since the plan was computed, add the initiators that it lacks."""
        try:
            host = array.create_host(self.name, self.initiators, self.os, self.chap)
        except Conflict as error:
            existing_host = array.hosts([self.name]).named(self.name)
            if existing_host is None:
                raise
            missing = [initiator for initiator in self.initiators if initiator.address not in existing_host.addresses]
            try:
                host = array.add_initiators(existing_host, missing, self.chap) if missing else existing_host
            except FlashError as problem:
                problem.hint = problem.hint or "Another run made the host meanwhile. Run the task again."
                raise problem from error
        return partial(world.put_host, host)


@dataclass(frozen=True)
class AddInitiators(Step):
    name: str
    initiators: Tuple[Initiator, ...]
    chap: Optional[Chap] = None

    @property
    def line(self) -> str:
        return "add %s to host %s" % (_ports(tuple(i.address for i in self.initiators)), self.name)

    def apply(self, array: Array, world: World) -> Change:
        host = array.add_initiators(world.existing_host(self.name), self.initiators, self.chap)
        return partial(world.put_host, host)


@dataclass(frozen=True)
class RemoveInitiators(Step):
    destructive = True
    sign = REMOVE

    name: str
    addresses: Tuple[str, ...]

    @property
    def line(self) -> str:
        return "remove %s from host %s" % (_ports(self.addresses), self.name)

    def apply(self, array: Array, world: World) -> Change:
        return partial(world.put_host, array.remove_initiators(world.existing_host(self.name), self.addresses))


@dataclass(frozen=True)
class SetChap(Step):
    name: str
    chap: Chap

    @property
    def line(self) -> str:
        return "set the CHAP credentials of host %s" % self.name

    def apply(self, array: Array, world: World) -> Change:
        return partial(world.put_host, HostChap.of(array).set_chap(world.existing_host(self.name), self.chap))


@dataclass(frozen=True)
class SetHostOs(Step):
    name: str
    os: str

    @property
    def line(self) -> str:
        return "set the operating system of host %s to %s" % (self.name, self.os)

    def apply(self, array: Array, world: World) -> Change:
        return partial(world.put_host, HostOs.of(array).set_host_os(world.existing_host(self.name), self.os))


@dataclass(frozen=True)
class RenameHost(Step):
    name: str
    to: str

    @property
    def line(self) -> str:
        return "rename host %s to %s" % (self.name, self.to)

    def apply(self, array: Array, world: World) -> Change:
        renamed = HostNames.of(array).rename_host(world.existing_host(self.name), self.to)
        return partial(world.rename_host, self.name, renamed)


@dataclass(frozen=True)
class SetVolumeChap(Step):
    volume: str
    host: str
    chap: Chap

    @property
    def line(self) -> str:
        return "set the CHAP credentials of volume %s for host %s" % (self.volume, self.host)

    def apply(self, array: Array, world: World) -> Change:
        VolumeChap.of(array).set_volume_chap(world.existing_volume(self.volume), self.chap)

        def change() -> None:
            mapping = world.mappings.get((self.host, self.volume))
            if mapping is not None:
                world.add_mapping(replace(mapping, chap_user=self.chap.username))

        return change


@dataclass(frozen=True)
class DeleteHost(Step):
    destructive = True
    sign = REMOVE

    name: str

    @property
    def line(self) -> str:
        return "delete host %s" % self.name

    def apply(self, array: Array, world: World) -> Change:
        host = world.existing_host(self.name)
        array.delete_host(host)
        return partial(world.remove_host, host)


# -- mappings ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MapVolume(Step):
    sign = MAKE

    volume: str
    host: str
    lun: Optional[int] = None
    shared: bool = False
    """Other hosts may have the volume mapped too."""

    @property
    def line(self) -> str:
        return "map volume %s to host %s%s" % (
            self.volume,
            self.host,
            "" if self.lun is None else " as LUN %d" % self.lun,
        )

    def apply(self, array: Array, world: World) -> Change:
        volume, host = world.existing_volume(self.volume), world.existing_host(self.host)
        map_volume = array.map_shared if self.shared else array.map_volume
        return partial(world.add_mapping, map_volume(volume, host, self.lun))


@dataclass(frozen=True)
class UnmapVolume(Step):
    destructive = True
    sign = REMOVE

    volume: str
    host: str

    @property
    def line(self) -> str:
        if self.host == EVERY_HOST:
            return "end the access of every initiator to volume %s" % self.volume
        return "unmap volume %s from host %s" % (self.volume, self.host)

    def apply(self, array: Array, world: World) -> Change:
        with world.lock:
            mapping = world.mappings.get((self.host, self.volume)) or Mapping(self.volume, self.host)
        array.unmap_volume(mapping)
        return partial(world.remove_mapping, mapping)
