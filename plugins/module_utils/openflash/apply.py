# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry a plan out: in order, what is independent side by side, and one result per desired object.

Steps name objects; the world knows them, first as they were read, then as the array returned them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence, Set, Tuple

from .array import Array
from .errors import FlashError, Interrupted, NotDone, Stopped, context
from .plan.draft import Plan
from .plan.steps import Key, MapVolume, Step, UnmapVolume
from .plan.world import Actual, World


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
                    change = step.apply(self.array, self.world)
            except FlashError as error:
                with self._lock:
                    self.errors.update(dict.fromkeys(step.keys, error))
                    self.not_done.append(step)
                    self._running.remove(step)
                return
            with self._lock:
                change()
                self.done.append(step)
                self._running.remove(step)
                if isinstance(step, UnmapVolume):
                    self._unmapped.add(step.item)
            if self._progress is not None:
                self._progress(step)

    def applied(self, plan: Plan) -> Applied:
        """What was done, in the order of the plan, whichever chain was the first."""
        places = {id(step): place for place, step in enumerate(plan.steps)}
        done = sorted(self.done, key=lambda step: places[id(step)])
        not_done = sorted(self.not_done, key=lambda step: places[id(step)])
        errors = {key: self.errors[key] for step in not_done for key in step.keys if key in self.errors}
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
            for item in step.keys:
                self.errors.setdefault(item, own)

    def _begins(self, step: Step, destructive: bool) -> bool:
        with self._lock:
            begins = not any(item in self.errors for item in step.keys)
            destructive = destructive or step.destructive
            if begins and ((self.errors and not self._continue) or (destructive and (self.errors or self._refused))):
                # A mapping that was taken away to get another LUN is not left away because something else failed.
                begins = isinstance(step, MapVolume) and step.item in self._unmapped
            if not begins:
                self.not_done.append(step)
            return begins
