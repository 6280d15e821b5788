# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry a plan out: in order, what is independent side by side, and one result per wish.

Steps name objects; the registry knows them, first as they were read, then as the array returned them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Callable, Dict, List, Optional, Tuple, Type

from .array import Array
from .errors import FlashError, NotFound, context
from .model import Group, Host, Mapping, Snapshot, SnapshotSpec, Volume
from .plan import Actual, Plan, World
from .plan import steps as s
from .plan.steps import Key, Step


@dataclass(frozen=True)
class Applied:
    """What was done: the steps carried out, the error of each wish that failed, and the objects as they are now."""

    done: Tuple[Step, ...]
    errors: Dict[Key, FlashError]
    not_done: Tuple[Step, ...]
    registry: "Registry"


class Registry:
    """The objects of the array that a plan touches, by name; shared by the chains that run side by side."""

    def __init__(self, actual: Actual, array: Array) -> None:
        world = World(actual, array.capabilities)
        self.volumes: Dict[str, Volume] = world.volumes
        self.snapshots: Dict[Tuple[str, str], Snapshot] = {(x.volume or "", x.name): x for x in world.snapshots}
        self.hosts: Dict[str, Host] = world.hosts
        self.groups: Dict[str, Group] = world.groups
        self.maps: Dict[Tuple[str, str], Mapping] = world.maps
        for snapshot in world.snapshots:
            for mapping in snapshot.mappings or ():
                self.maps.setdefault((mapping.host, mapping.volume), mapping)

    def volume(self, name: str) -> Volume:
        return self._get("volume", self.volumes, name)

    def snapshot(self, key: Key) -> Snapshot:
        return self._get("snapshot", self.snapshots, (key[1], key[2]))

    def host(self, name: str) -> Host:
        return self._get("host", self.hosts, name)

    @staticmethod
    def _get(kind: str, objects: Dict[Any, Any], key: Any) -> Any:
        try:
            return objects[key]
        except KeyError:
            name = key if isinstance(key, str) else key[-1]
            raise NotFound("%s %s, which this depends on, was not made" % (kind, name), target=name) from None


def apply(
    plan: Plan,
    actual: Actual,
    array: Array,
    concurrency: int = 1,
    continue_on_error: bool = False,
    progress: Optional[Callable[[Step], None]] = None,
) -> Applied:
    """Carry out every batch. After a failed step nothing destructive is begun, and without continue_on_error nothing."""
    registry = Registry(actual, array)
    done: List[Step] = []
    not_done: List[Step] = []
    errors: Dict[Key, FlashError] = {}
    lock = Lock()

    def run(chain: List[Step]) -> None:
        for position, step in enumerate(chain):
            with lock:
                stop = (errors and not continue_on_error) or any(item in errors for item in _items(step))
            if stop:
                with lock:
                    not_done.append(step)
                continue
            try:
                with context(doing=step.line, target=step.item[-1], array=array.label):
                    _OPERATIONS[type(step)](array, registry, step)
            except FlashError as error:
                with lock:
                    for item in _items(step):
                        errors[item] = error
                    not_done.append(chain[position])
                continue
            with lock:
                done.append(step)
            if progress is not None:
                progress(step)

    for batch in plan.batches:
        chains = list(batch.chains.values())
        if errors and (batch.destructive or not continue_on_error):
            not_done.extend(step for chain in chains for step in chain)
            continue
        if concurrency > 1 and len(chains) > 1:
            with ThreadPoolExecutor(max_workers=min(concurrency, len(chains))) as pool:
                for result in [pool.submit(run, chain) for chain in chains]:
                    result.result()
        else:
            for chain in chains:
                run(chain)
    return Applied(tuple(done), errors, tuple(not_done), registry)


def _items(step: Step) -> Tuple[Key, ...]:
    return step.items if isinstance(step, s.CreateSnapshots) else (step.item,)


# -- one small function per step ---------------------------------------------------------------------------------------


def _create_volume(array: Array, known: Registry, step: s.CreateVolume) -> None:
    known.volumes[step.spec.name] = array.create_volume(step.spec)


def _clone_volume(array: Array, known: Registry, step: s.CloneVolume) -> None:
    known.volumes[step.spec.name] = array.clone_volume(known.volume(step.source), step.spec)


def _volume_from_snapshot(array: Array, known: Registry, step: s.VolumeFromSnapshot) -> None:
    known.volumes[step.spec.name] = array.volume_from_snapshot(known.snapshot(step.snapshot), step.spec)


def _extend_volume(array: Array, known: Registry, step: s.ExtendVolume) -> None:
    known.volumes[step.name] = array.extend_volume(known.volume(step.name), step.size)


def _rename_volume(array: Array, known: Registry, step: s.RenameVolume) -> None:
    renamed = array.rename_volume(known.volume(step.name), step.to)
    known.volumes.pop(step.name)
    known.volumes[step.to] = renamed
    for key, mapping in list(known.maps.items()):
        if mapping.volume == step.name:
            del known.maps[key]
            known.maps[(mapping.host, step.to)] = replace(mapping, volume=step.to)


def _set_volume(array: Array, known: Registry, step: s.SetVolume) -> None:
    known.volumes[step.name] = array.set_volume(known.volume(step.name), step.options)


def _delete_volume(array: Array, known: Registry, step: s.DeleteVolume) -> None:
    array.delete_volume(known.volume(step.name))
    del known.volumes[step.name]


def _create_snapshots(array: Array, known: Registry, step: s.CreateSnapshots) -> None:
    specs = [SnapshotSpec(name, known.volume(volume), step.quiesced) for volume, name in step.snapshots]
    for snapshot in array.create_snapshots(specs, atomic=step.atomic):
        known.snapshots[(snapshot.volume or "", snapshot.name)] = snapshot


def _snapshot_group(array: Array, known: Registry, step: s.SnapshotGroup) -> None:
    for snapshot in array.snapshot_group(known._get("group", known.groups, step.group), step.name):
        known.snapshots[(snapshot.volume or "", snapshot.name)] = snapshot


def _delete_snapshot(array: Array, known: Registry, step: s.DeleteSnapshot) -> None:
    array.delete_snapshot(known.snapshot(step.snapshot))
    del known.snapshots[(step.snapshot[1], step.snapshot[2])]


def _restore_snapshot(array: Array, known: Registry, step: s.RestoreSnapshot) -> None:
    backup = array.restore_snapshot(known.volume(step.volume), known.snapshot(step.snapshot), step.backup)
    known.snapshots[(backup.volume or "", backup.name)] = backup


def _create_group(array: Array, known: Registry, step: s.CreateGroup) -> None:
    known.groups[step.name] = array.create_group(step.name)


def _add_to_group(array: Array, known: Registry, step: s.AddToGroup) -> None:
    group = known._get("group", known.groups, step.group)
    volume = known.volume(step.volume)
    known.groups[step.group] = array.add_to_group(group, [volume])
    known.volumes[step.volume] = replace(volume, groups=(volume.groups or ()) + (step.group,))


def _create_host(array: Array, known: Registry, step: s.CreateHost) -> None:
    known.hosts[step.name] = array.create_host(step.name, step.initiators, step.os, step.chap)


def _add_initiators(array: Array, known: Registry, step: s.AddInitiators) -> None:
    known.hosts[step.name] = array.add_initiators(known.host(step.name), step.initiators, step.chap)


def _remove_initiators(array: Array, known: Registry, step: s.RemoveInitiators) -> None:
    known.hosts[step.name] = array.remove_initiators(known.host(step.name), step.addresses)


def _set_chap(array: Array, known: Registry, step: s.SetChap) -> None:
    known.hosts[step.name] = array.set_chap(known.host(step.name), step.chap)


def _delete_host(array: Array, known: Registry, step: s.DeleteHost) -> None:
    array.delete_host(known.host(step.name))
    del known.hosts[step.name]


def _map_volume(array: Array, known: Registry, step: s.MapVolume) -> None:
    show = array.map_shared if step.shared else array.map_volume
    mapping = show(known.volume(step.volume), known.host(step.host), step.lun)
    known.maps[(mapping.host, mapping.volume)] = mapping


def _unmap_volume(array: Array, known: Registry, step: s.UnmapVolume) -> None:
    mapping = known._get("mapping", known.maps, (step.host, step.volume))
    array.unmap_volume(mapping)
    del known.maps[(step.host, step.volume)]
    volume = known.volumes.get(step.volume)
    if volume is not None and volume.mappings is not None:
        known.volumes[step.volume] = replace(
            volume, mappings=tuple(m for m in volume.mappings if m.host != step.host)
        )


_OPERATIONS: Dict[Type[Step], Callable[..., None]] = {
    s.CreateVolume: _create_volume,
    s.CloneVolume: _clone_volume,
    s.VolumeFromSnapshot: _volume_from_snapshot,
    s.ExtendVolume: _extend_volume,
    s.RenameVolume: _rename_volume,
    s.SetVolume: _set_volume,
    s.DeleteVolume: _delete_volume,
    s.CreateSnapshots: _create_snapshots,
    s.SnapshotGroup: _snapshot_group,
    s.DeleteSnapshot: _delete_snapshot,
    s.RestoreSnapshot: _restore_snapshot,
    s.CreateGroup: _create_group,
    s.AddToGroup: _add_to_group,
    s.CreateHost: _create_host,
    s.AddInitiators: _add_initiators,
    s.RemoveInitiators: _remove_initiators,
    s.SetChap: _set_chap,
    s.DeleteHost: _delete_host,
    s.MapVolume: _map_volume,
    s.UnmapVolume: _unmap_volume,
}
