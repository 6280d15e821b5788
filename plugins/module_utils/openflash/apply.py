# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry a plan out: in order, what is independent side by side, and one result per wish.

Steps name objects; the world knows them, first as they were read, then as the array returned them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock
from typing import Callable, Dict, List, Optional, Set, Tuple, Type, TypeVar

from .array import Array
from .errors import Conflict, FlashError, NotFound, context
from .model import Group, Host, Mapping, Snapshot, SnapshotSpec, Volume
from .plan import steps as s
from .plan.draft import Plan
from .plan.steps import Key, Step
from .plan.world import Actual, World

T = TypeVar("T")


@dataclass(frozen=True)
class Applied:
    """What was done: the steps carried out, the error of each wish that failed, and the array as it is now."""

    done: Tuple[Step, ...]
    errors: Dict[Key, FlashError]
    not_done: Tuple[Step, ...]
    world: World


def apply(
    plan: Plan,
    actual: Actual,
    array: Array,
    concurrency: int = 1,
    continue_on_error: bool = False,
    progress: Optional[Callable[[Step], None]] = None,
) -> Applied:
    """Carry out every batch. Without continue_on_error nothing more is begun after a failed step.

    After a failed step, and when the plan has an error, no destructive step is begun, nor one that waits for one.
    """
    run = _Run(array, World(actual, array.capabilities), continue_on_error, progress, refused=bool(plan.errors))
    for batch in plan.batches:
        chains = list(batch.chains.values())
        if concurrency > 1 and len(chains) > 1:
            with ThreadPoolExecutor(max_workers=min(concurrency, len(chains))) as pool:
                for result in [pool.submit(run.chain, chain, batch.destructive) for chain in chains]:
                    result.result()
        else:
            for chain in chains:
                run.chain(chain, batch.destructive)
    return Applied(tuple(run.done), run.errors, tuple(run.not_done), run.world)


def nothing(plan: Plan, actual: Actual, array: Array) -> Applied:
    """What there is to tell when a wish is refused and so nothing is carried out."""
    return Applied((), {}, plan.steps, World(actual, array.capabilities))


class _Run:
    """A plan being carried out; its chains may run side by side."""

    def __init__(
        self,
        array: Array,
        world: World,
        continue_on_error: bool,
        progress: Optional[Callable[[Step], None]],
        refused: bool,
    ) -> None:
        self.array = array
        self.world = world
        self.done: List[Step] = []
        self.not_done: List[Step] = []
        self.errors: Dict[Key, FlashError] = {}
        self._continue = continue_on_error
        self._progress = progress
        self._refused = refused
        self._unmapped: Set[Key] = set()
        self._lock = Lock()

    def chain(self, steps: List[Step], destructive: bool) -> None:
        for step in steps:
            if not self._begins(step, destructive):
                continue
            try:
                with context(doing=step.line, target=step.item[-1] or None, array=self.array.label):
                    _OPERATIONS[type(step)](self.array, self.world, step)
            except FlashError as error:
                with self._lock:
                    self.errors.update(dict.fromkeys(_items(step), error))
                    self.not_done.append(step)
                continue
            with self._lock:
                self.done.append(step)
                if isinstance(step, s.UnmapVolume):
                    self._unmapped.add(step.item)
            if self._progress is not None:
                self._progress(step)

    def _begins(self, step: Step, destructive: bool) -> bool:
        with self._lock:
            begins = not any(item in self.errors for item in _items(step))
            destructive = destructive or step.destructive
            if begins and ((self.errors and not self._continue) or (destructive and (self.errors or self._refused))):
                # A mapping that was taken away to get another LUN is not left away because something else failed.
                begins = isinstance(step, s.MapVolume) and step.item in self._unmapped
            if not begins:
                self.not_done.append(step)
            return begins


def _items(step: Step) -> Tuple[Key, ...]:
    return step.items if isinstance(step, s.CreateSnapshots) else (step.item,)


# -- one small function per step ---------------------------------------------------------------------------------------


def _there(kind: str, found: Optional[T], name: str) -> T:
    """What a step builds upon; NotFound when the step that should have made it failed."""
    if found is None:
        raise NotFound("%s %s, which this depends on, was not made" % (kind, name), target=name)
    return found


def _volume(known: World, name: str) -> Volume:
    return _there("volume", known.volumes.get(name), name)


def _snapshot(known: World, key: Key) -> Snapshot:
    return _there("snapshot", known.snapshots.get((key[1], key[2])), key[-1])


def _host(known: World, name: str) -> Host:
    return _there("host", known.hosts.get(name), name)


def _group(known: World, name: str) -> Group:
    return _there("consistency group", known.groups.get(name), name)


def _new(volume: Volume) -> Volume:
    """What an array need not tell of a volume that it has just made."""
    return replace(volume, mappings=volume.mappings or (), snapshots=volume.snapshots or ())


def _idle(snapshot: Snapshot) -> Snapshot:
    """The same for a snapshot that it has just taken."""
    return replace(snapshot, mappings=snapshot.mappings or (), children=snapshot.children or ())


def _create_volume(array: Array, known: World, step: s.CreateVolume) -> None:
    known.volumes[step.spec.name] = _new(array.create_volume(step.spec))


def _clone_volume(array: Array, known: World, step: s.CloneVolume) -> None:
    known.volumes[step.spec.name] = _new(array.clone_volume(_volume(known, step.source), step.spec))


def _volume_from_snapshot(array: Array, known: World, step: s.VolumeFromSnapshot) -> None:
    snapshot = _snapshot(known, step.snapshot)
    known.volumes[step.spec.name] = _new(array.volume_from_snapshot(snapshot, step.spec))


def _extend_volume(array: Array, known: World, step: s.ExtendVolume) -> None:
    known.update(array.extend_volume(_volume(known, step.name), step.size))


def _rename_volume(array: Array, known: World, step: s.RenameVolume) -> None:
    renamed = array.rename_volume(_volume(known, step.name), step.to)
    known.rename(step.name, step.to)
    # The mappings that it may bring can still have the old name.
    known.update(replace(renamed, mappings=None))


def _set_volume(array: Array, known: World, step: s.SetVolume) -> None:
    known.update(array.set_volume(_volume(known, step.name), step.options))


def _bring_online(array: Array, known: World, step: s.BringOnline) -> None:
    known.update(array.bring_online(_volume(known, step.name)))


def _delete_volume(array: Array, known: World, step: s.DeleteVolume) -> None:
    array.delete_volume(_volume(known, step.name))
    known.drop_volume(step.name)


def _create_snapshots(array: Array, known: World, step: s.CreateSnapshots) -> None:
    specs = [SnapshotSpec(name, _volume(known, volume), step.quiesced) for volume, name in step.snapshots]
    for snapshot in array.create_snapshots(specs, atomic=step.atomic):
        if not known.named_snapshots(snapshot.name, snapshot.volume):
            known.take(_idle(snapshot))


def _snapshot_group(array: Array, known: World, step: s.SnapshotGroup) -> None:
    for snapshot in array.snapshot_group(_group(known, step.group), step.name):
        known.take(_idle(snapshot))


def _delete_snapshot(array: Array, known: World, step: s.DeleteSnapshot) -> None:
    snapshot = _snapshot(known, step.snapshot)
    array.delete_snapshot(snapshot)
    known.drop_snapshot(snapshot)


def _restore_snapshot(array: Array, known: World, step: s.RestoreSnapshot) -> None:
    kept = array.restore_snapshot(_volume(known, step.volume), _snapshot(known, step.snapshot), step.backup)
    known.take(_idle(kept))


def _create_group(array: Array, known: World, step: s.CreateGroup) -> None:
    known.groups[step.name] = array.create_group(step.name)


def _add_to_group(array: Array, known: World, step: s.AddToGroup) -> None:
    known.join(array.add_to_group(_group(known, step.group), [_volume(known, step.volume)]), step.volume)


def _create_host(array: Array, known: World, step: s.CreateHost) -> None:
    """Where another run has made the host since the plan was computed, do as the next plan: add what it lacks."""
    try:
        made = array.create_host(step.name, step.initiators, step.os, step.chap)
    except Conflict as error:
        there = array.hosts([step.name]).named(step.name)
        if there is None:
            raise
        missing = [one for one in step.initiators if one.address not in there.addresses]
        try:
            made = array.add_initiators(there, missing, step.chap) if missing else there
        except FlashError as problem:
            problem.hint = problem.hint or "Another run made the host meanwhile. Run the task again."
            raise problem from error
    known.put_host(made)


def _add_initiators(array: Array, known: World, step: s.AddInitiators) -> None:
    known.put_host(array.add_initiators(_host(known, step.name), step.initiators, step.chap))


def _remove_initiators(array: Array, known: World, step: s.RemoveInitiators) -> None:
    known.put_host(array.remove_initiators(_host(known, step.name), step.addresses))


def _set_chap(array: Array, known: World, step: s.SetChap) -> None:
    known.put_host(array.set_chap(_host(known, step.name), step.chap))


def _delete_host(array: Array, known: World, step: s.DeleteHost) -> None:
    host = _host(known, step.name)
    array.delete_host(host)
    known.drop_host(host)


def _set_volume_chap(array: Array, known: World, step: s.SetVolumeChap) -> None:
    array.set_volume_chap(_volume(known, step.volume), step.chap)
    mapping = known.maps.get((step.host, step.volume))
    if mapping is not None:
        known.add_map(replace(mapping, chap_user=step.chap.username))


def _map_volume(array: Array, known: World, step: s.MapVolume) -> None:
    show = array.map_shared if step.shared else array.map_volume
    known.add_map(show(_volume(known, step.volume), _host(known, step.host), step.lun))


def _unmap_volume(array: Array, known: World, step: s.UnmapVolume) -> None:
    mapping = known.maps.get((step.host, step.volume)) or Mapping(step.volume, step.host)
    array.unmap_volume(mapping)
    known.drop_map(mapping)


_OPERATIONS: Dict[Type[Step], Callable[..., None]] = {
    s.CreateVolume: _create_volume,
    s.CloneVolume: _clone_volume,
    s.VolumeFromSnapshot: _volume_from_snapshot,
    s.ExtendVolume: _extend_volume,
    s.RenameVolume: _rename_volume,
    s.SetVolume: _set_volume,
    s.BringOnline: _bring_online,
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
    s.SetVolumeChap: _set_volume_chap,
    s.DeleteHost: _delete_host,
    s.MapVolume: _map_volume,
    s.UnmapVolume: _unmap_volume,
}
