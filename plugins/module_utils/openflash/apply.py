# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries a plan out: the batches in order, the chains of a batch side by side.

A step names objects. The world knows them: first as they were read, then as the array returned them after each step.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Set, Tuple

from .array import Array
from .errors import FlashError, Interrupted, NotDone, Stopped, context
from .plan.draft import Plan
from .plan.step import Key, Step
from .plan.steps import MapVolume, UnmapVolume
from .plan.world import Actual, World


@dataclass(frozen=True)
class Applied:
    """The steps that were carried out, the error of each desired object that failed, and the array as it is now."""

    done: Tuple[Step, ...]
    errors: Dict[Key, FlashError]
    not_done: Tuple[Step, ...]
    world: World
    interrupted: Optional[Stopped] = None
    """The signal that ended it. Every step that is not done then has an error."""


def apply(
    plan: Plan,
    actual: Actual,
    array: Array,
    concurrency: int = 1,
    continue_on_error: bool = False,
) -> Applied:
    """Carry out every batch. Without continue_on_error no further step is begun after a failed step.

    After a failed step, and when the plan has an error, neither a destructive step is begun nor one that waits for it.
    """
    run = _Run(array, World(actual, array.capabilities), continue_on_error, refused=bool(plan.errors))
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
            # The pool waits for the chains that have begun. Meanwhile no other chain may begin.
            run.end()
            raise


def nothing(plan: Plan, actual: Actual, array: Array) -> Applied:
    """The result when a desired object is refused, so that nothing is carried out."""
    return Applied((), {}, plan.steps, World(actual, array.capabilities))


class _Run:
    """A plan being carried out; its chains may run side by side.

    What chains share is read and changed under one lock, which is not held during a request. What a chain knows of an
    object is never older than its own last step: no other chain of a batch changes that object.
    """

    def __init__(
        self,
        array: Array,
        world: World,
        continue_on_error: bool,
        refused: bool,
    ) -> None:
        self.array = array
        self.world = world
        self.done: List[Step] = []
        self.not_done: List[Step] = []
        self.errors: Dict[Key, FlashError] = {}
        self._continue = continue_on_error
        self._refused = refused
        self._unmapped: Set[Key] = set()
        self._running: List[Step] = []
        self._stopped: Optional[Stopped] = None
        self._ended = False
        self._lock = world.lock

    def chain(self, steps: List[Step], destructive: bool) -> None:
        """Carry out one chain. After ``end`` no further step of it is begun."""
        try:
            for step in steps:
                if self._ended:
                    return
                self._step(step, destructive)
        except BaseException:
            # Not in the main thread, which may be too late: this thread would begin the next chain at once.
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

    def applied(self, plan: Plan) -> Applied:
        """What was done, in the order of the plan, whichever chain was first."""
        order = {id(step): number for number, step in enumerate(plan.steps)}
        done = sorted(self.done, key=lambda step: order[id(step)])
        not_done = sorted(self.not_done, key=lambda step: order[id(step)])
        errors = {key: self.errors[key] for step in not_done for key in step.keys if key in self.errors}
        return Applied(tuple(done), errors, tuple(not_done), self.world, self._stopped)

    def interrupted(self, error: Stopped, steps: Sequence[Step]) -> None:
        """Give every step that is not done an error that says so. To be called when no other thread runs any more."""
        self._stopped = error
        finished = {id(step) for step in self.done + self.not_done}
        begun = {id(step) for step in self._running}
        for step in steps:
            if id(step) in finished:
                continue
            self.not_done.append(step)
            if id(step) in begun:
                step_error: FlashError = Stopped("%s, so it is not known whether the array has done it" % error.reason)
            else:
                step_error = NotDone("it was not begun, because the task was interrupted")
            step_error.fill(doing=step.line, target=step.item[-1] or None, array=self.array.label, hint=error.hint)
            for key in step.keys:
                self.errors.setdefault(key, step_error)

    def _begins(self, step: Step, destructive: bool) -> bool:
        with self._lock:
            begins = not any(key in self.errors for key in step.keys)
            destructive = destructive or step.destructive
            if begins and ((self.errors and not self._continue) or (destructive and (self.errors or self._refused))):
                # The volume was unmapped to get another LUN. Another failure must not leave it unmapped.
                begins = isinstance(step, MapVolume) and step.item in self._unmapped
            if not begins:
                self.not_done.append(step)
            return begins
