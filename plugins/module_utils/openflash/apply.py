# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry a plan out: in order, what is independent side by side, and one result per desired object.

Steps name objects; the world knows them, first as they were read, then as the array returned them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Callable, Dict, List, Optional, Sequence, Set, Tuple, Type, TypeVar

from .array import Array
from .errors import Conflict, FlashError, Interrupted, NotDone, NotFound, Stopped, context
from .model import Group, Host, Mapping, Snapshot, SnapshotSpec, Volume
from .plan import steps as s
from .plan.draft import Plan
from .plan.rules import check_complete, check_state
from .plan.steps import Key, Step
from .plan.world import Actual, World

T = TypeVar("T")


@dataclass(frozen=True)
class Applied:
    """What was done: the steps carried out, the error of each object that failed, and the array as it is now."""

    done: Tuple[Step, ...]
    errors: Dict[Key, FlashError]
    not_done: Tuple[Step, ...]
    world: World
    interrupted: Optional[Stopped] = None
    """A signal ended it; every step that is not done has an error."""


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
    try:
        for batch in plan.batches:
            chains = list(batch.chains.values())
            if concurrency > 1 and len(chains) > 1:
                _side_by_side(run, chains, batch.destructive, min(concurrency, len(chains)))
            else:
                for chain in chains:
                    run.chain(chain, batch.destructive)
    except Interrupted as stop:
        run.interrupted(stop.error, plan.steps)
    return run.applied(plan)


def _side_by_side(run: _Run, chains: Sequence[List[Step]], destructive: bool, concurrency: int) -> None:
    with ThreadPoolExecutor(max_workers=concurrency) as pool:
        try:
            for future in [pool.submit(run.chain, chain, destructive) for chain in chains]:
                future.result()
        except BaseException:
            # What has not begun must not begin while the pool waits for what has.
            run.end()
            raise


def nothing(plan: Plan, actual: Actual, array: Array) -> Applied:
    """What there is to tell when a desired object is refused and so nothing is carried out."""
    return Applied((), {}, plan.steps, World(actual, array.capabilities))


class _Run:
    """A plan being carried out; its chains may run side by side.

    Everything that chains share is read and changed under one lock, which is not held while the array is at work. What
    a chain knows of an object is never older than its own last step: no other chain of a batch changes that object.
    """

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
        self._running: List[Step] = []
        self._stopped: Optional[Stopped] = None
        self._ended = False
        self._lock = world.lock

    def chain(self, steps: List[Step], destructive: bool) -> None:
        """Carry out one chain; after ``end`` nothing more of it is begun."""
        try:
            for step in steps:
                if self._ended:
                    return
                self._step(step, destructive)
        except BaseException:
            # Here and not in the main thread, which may come too late: this thread goes on with the next chain at once.
            self.end()
            raise

    def end(self) -> None:
        """Begin no further step, in any thread."""
        self._ended = True

    def _step(self, step: Step, destructive: bool) -> None:
        if self._begins(step, destructive):
            with self._lock:
                self._running.append(step)
            try:
                with context(doing=step.line, target=step.item[-1] or None, array=self.array.label):
                    record = _OPERATIONS[type(step)](self.array, self.world, step)
            except FlashError as error:
                with self._lock:
                    self.errors.update(dict.fromkeys(_items(step), error))
                    self.not_done.append(step)
                    self._running.remove(step)
                return
            with self._lock:
                record()
                self.done.append(step)
                self._running.remove(step)
                if isinstance(step, s.UnmapVolume):
                    self._unmapped.add(step.item)
            if self._progress is not None:
                self._progress(step)

    def applied(self, plan: Plan) -> Applied:
        """What was done, in the order of the plan, whichever chain was the first."""
        places = {id(step): place for place, step in enumerate(plan.steps)}
        done = sorted(self.done, key=lambda step: places[id(step)])
        not_done = sorted(self.not_done, key=lambda step: places[id(step)])
        errors = {key: self.errors[key] for step in not_done for key in _items(step) if key in self.errors}
        return Applied(tuple(done), errors, tuple(not_done), self.world, self._stopped)

    def interrupted(self, error: Stopped, steps: Sequence[Step]) -> None:
        """Give every step that is not done an error that says so. Call it when no thread is at work any more."""
        self._stopped = error
        finished = {id(step) for step in self.done + self.not_done}
        begun = {id(step) for step in self._running}
        for step in steps:
            if id(step) in finished:
                continue
            self.not_done.append(step)
            if id(step) in begun:
                own: FlashError = Stopped("%s, so it is not known whether the array has done it" % error.reason)
            else:
                own = NotDone("it was not begun, because the task was interrupted")
            own.fill(doing=step.line, target=step.item[-1] or None, array=self.array.label, hint=error.hint)
            for item in _items(step):
                self.errors.setdefault(item, own)

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


# -- one small function per step: it asks the array, and returns what then changes in the world ------------------------

Record = Callable[[], None]


def _there(kind: str, found: Optional[T], name: str) -> T:
    """What a step builds upon; NotFound when the step that should have made it failed."""
    if found is None:
        raise NotFound("%s %s, which this depends on, was not made" % (kind, name), target=name)
    return found


def _volume(known: World, name: str) -> Volume:
    with known.lock:
        return _there("volume", known.volumes.get(name), name)


def _snapshot(known: World, key: Key) -> Snapshot:
    with known.lock:
        return _there("snapshot", known.snapshots.get((key[1], key[2])), key[-1])


def _host(known: World, name: str) -> Host:
    with known.lock:
        return _there("host", known.hosts.get(name), name)


def _group(known: World, name: str) -> Group:
    with known.lock:
        return _there("consistency group", known.groups.get(name), name)


def _put(known: World, volume: Volume) -> Record:
    """A new volume, with what an array need not tell of one that it has just made.

    :raises Conflict: the array made it, and reports it in state error.
    """
    check_state(volume)
    new = replace(volume, mappings=volume.mappings or (), snapshots=volume.snapshots or ())
    return partial(known.volumes.__setitem__, new.name, new)


def _unmapped(snapshot: Snapshot) -> Snapshot:
    """The same for a snapshot that it has just taken."""
    return replace(snapshot, mappings=snapshot.mappings or (), children=snapshot.children or ())


def _create_volume(array: Array, known: World, step: s.CreateVolume) -> Record:
    return _put(known, array.create_volume(step.spec))


def _clone_volume(array: Array, known: World, step: s.CloneVolume) -> Record:
    return _put(known, array.clone_volume(_volume(known, step.source), step.spec))


def _volume_from_snapshot(array: Array, known: World, step: s.VolumeFromSnapshot) -> Record:
    return _put(known, array.volume_from_snapshot(_snapshot(known, step.snapshot), step.spec))


def _extend_volume(array: Array, known: World, step: s.ExtendVolume) -> Record:
    return partial(known.update, array.extend_volume(_volume(known, step.name), step.size))


def _rename_volume(array: Array, known: World, step: s.RenameVolume) -> Record:
    renamed = array.rename_volume(_volume(known, step.name), step.to)

    def record() -> None:
        known.rename(step.name, step.to)
        # The mappings that it may bring can still have the old name.
        known.update(replace(renamed, mappings=None))

    return record


def _set_volume(array: Array, known: World, step: s.SetVolume) -> Record:
    return partial(known.update, array.set_volume(_volume(known, step.name), step.options))


def _bring_online(array: Array, known: World, step: s.BringOnline) -> Record:
    return partial(known.update, array.bring_online(_volume(known, step.name)))


def _delete_volume(array: Array, known: World, step: s.DeleteVolume) -> Record:
    array.delete_volume(_volume(known, step.name))
    return partial(known.drop_volume, step.name)


def _create_snapshots(array: Array, known: World, step: s.CreateSnapshots) -> Record:
    specs = [SnapshotSpec(name, _volume(known, volume), step.quiesced) for volume, name in step.snapshots]
    made = array.create_snapshots(specs, atomic=step.atomic)
    for snapshot in made:
        check_state(snapshot)

    def record() -> None:
        for snapshot in made:
            if not known.named_snapshots(snapshot.name, snapshot.volume):
                known.take(_unmapped(snapshot))

    return record


def _snapshot_group(array: Array, known: World, step: s.SnapshotGroup) -> Record:
    made = array.snapshot_group(_group(known, step.group), step.name)
    for snapshot in made:
        check_state(snapshot)

    def record() -> None:
        for snapshot in made:
            known.take(_unmapped(snapshot))

    return record


def _delete_snapshot(array: Array, known: World, step: s.DeleteSnapshot) -> Record:
    snapshot = _snapshot(known, step.snapshot)
    if step.item[0] == "retention":
        with known.lock:
            new = [one for one in known.snapshots_of(snapshot.volume or "") if known.taken(one)]
        for one in new:
            # The plan counts it as kept. While it is not complete it can still fail, and the old one is all there is.
            check_complete(one)
    array.delete_snapshot(snapshot)
    return partial(known.drop_snapshot, snapshot)


def _restore_snapshot(array: Array, known: World, step: s.RestoreSnapshot) -> Record:
    kept = array.restore_snapshot(_volume(known, step.volume), _snapshot(known, step.snapshot), step.backup)
    return partial(known.take, _unmapped(kept))


def _create_group(array: Array, known: World, step: s.CreateGroup) -> Record:
    return partial(known.groups.__setitem__, step.name, array.create_group(step.name))


def _add_to_group(array: Array, known: World, step: s.AddToGroup) -> Record:
    group = array.add_to_group(_group(known, step.group), [_volume(known, step.volume)])
    return partial(known.join, group, step.volume)


def _create_host(array: Array, known: World, step: s.CreateHost) -> Record:
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
    return partial(known.put_host, made)


def _add_initiators(array: Array, known: World, step: s.AddInitiators) -> Record:
    return partial(known.put_host, array.add_initiators(_host(known, step.name), step.initiators, step.chap))


def _remove_initiators(array: Array, known: World, step: s.RemoveInitiators) -> Record:
    return partial(known.put_host, array.remove_initiators(_host(known, step.name), step.addresses))


def _set_chap(array: Array, known: World, step: s.SetChap) -> Record:
    return partial(known.put_host, array.set_chap(_host(known, step.name), step.chap))


def _set_host_os(array: Array, known: World, step: s.SetHostOs) -> Record:
    return partial(known.put_host, array.set_host_os(_host(known, step.name), step.os))


def _delete_host(array: Array, known: World, step: s.DeleteHost) -> Record:
    host = _host(known, step.name)
    array.delete_host(host)
    return partial(known.drop_host, host)


def _set_volume_chap(array: Array, known: World, step: s.SetVolumeChap) -> Record:
    array.set_volume_chap(_volume(known, step.volume), step.chap)

    def record() -> None:
        mapping = known.maps.get((step.host, step.volume))
        if mapping is not None:
            known.add_map(replace(mapping, chap_user=step.chap.username))

    return record


def _map_volume(array: Array, known: World, step: s.MapVolume) -> Record:
    show = array.map_shared if step.shared else array.map_volume
    return partial(known.add_map, show(_volume(known, step.volume), _host(known, step.host), step.lun))


def _unmap_volume(array: Array, known: World, step: s.UnmapVolume) -> Record:
    with known.lock:
        mapping = known.maps.get((step.host, step.volume)) or Mapping(step.volume, step.host)
    array.unmap_volume(mapping)
    return partial(known.drop_map, mapping)


_OPERATIONS: Dict[Type[Step], Callable[..., Record]] = {
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
    s.SetHostOs: _set_host_os,
    s.SetVolumeChap: _set_volume_chap,
    s.DeleteHost: _delete_host,
    s.MapVolume: _map_volume,
    s.UnmapVolume: _unmap_volume,
}
