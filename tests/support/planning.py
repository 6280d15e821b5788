# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module does between its options and its result: read, plan, carry out. Runs on Python 3.8."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from ansible_collections.openflash.storage.plugins.module_utils.openflash import report
from ansible_collections.openflash.storage.plugins.module_utils.openflash.apply import Applied, apply
from ansible_collections.openflash.storage.plugins.module_utils.openflash.array import Array
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError, NotDone
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import (
    desired as requested,
    planner,
    prune,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.desired import DesiredState
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.draft import Draft, Outcome, Plan
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.rules import Policy
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.step import Key
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.world import Actual, World
from ansible_collections.openflash.storage.plugins.module_utils.openflash.read import read
from tests.support.memory_array import MemoryArray


def _content_of(world: World) -> list[Any]:
    """A copy of what the world holds; empty for a world of which a copy per object would take minutes."""
    tables: list[Any] = [world.volumes, world.snapshots, world.hosts, world.groups, world.mappings]
    return [dict(table) for table in tables] if sum(map(len, tables)) < 1000 else []


class CheckedDraft(Draft):
    """A draft that fails when a refused object, or a refused part of one, has changed the world or left a step.

    A plan never takes a change of its world back, so it must check everything before it changes anything.
    """

    @contextmanager
    def item(self, key: Key, doing: str) -> Iterator[Outcome]:
        before, outcome_before = _content_of(self.world), self.outcomes.get(key)
        error_before = outcome_before.error if outcome_before else None
        with super().item(key, doing) as outcome:
            yield outcome
        if outcome.error is not error_before and key != prune.KEY:  # the plan is made again without prune
            assert _content_of(self.world) == before, f"{key} was refused, and has changed the world"

    def attempt(self, action: Callable[[], None]) -> str:
        before, steps = _content_of(self.world), self.pending
        reason = super().attempt(action)
        if reason:
            assert _content_of(self.world) == before, "a refused part has changed the world"
            assert self.pending == steps, "a refused part has left a step"
        return reason


class Task:
    """One task against an array: read and planned by the constructor, carried out by ``run``."""

    def __init__(self, array: MemoryArray, desired: DesiredState, assume: bool = False, **policy: bool) -> None:
        self.array = array
        self.desired = desired
        array.reset_counts()
        self.actual: Actual = read(array, desired)
        self.reads = list(array.reads)
        with mock.patch.object(planner, "Draft", CheckedDraft):
            self.plan: Plan = planner.plan(desired, self.actual, Policy(**policy), array.capabilities, assume)
        self.applied: Applied | None = None
        assert array.writes == []

    @property
    def lines(self) -> list[str]:
        return list(self.plan.lines)

    @property
    def warnings(self) -> list[str]:
        return list(self.plan.warnings)

    @property
    def errors(self) -> list[FlashError]:
        """The errors of the plan, each once, without those of objects that are skipped because of another error."""
        return list({id(error): error for error in self.plan.errors if not isinstance(error, NotDone)}.values())

    @property
    def error(self) -> FlashError:
        """The only error."""
        assert len(self.errors) == 1, self.errors
        return self.errors[0]

    def run(self, **options: Any) -> Applied:
        self.applied = apply(self.plan, self.actual, self.array, **options)
        return self.applied

    @property
    def reporter(self) -> report.Reporter:
        return report.Reporter(self.plan, self.applied)


def volumes(array: MemoryArray, *items: dict[str, Any], **policy: bool) -> Task:
    return Task(array, requested.volumes(items, {}), **policy)


def snapshots(array: MemoryArray, *items: dict[str, Any], atomic: bool = False, **policy: bool) -> Task:
    return Task(array, requested.snapshots(items, {"atomic": atomic}), **policy)


def host_maps(array: MemoryArray, *items: dict[str, Any], **policy: bool) -> Task:
    return Task(array, requested.host_maps(items, {}), **policy)


def document(array: MemoryArray, **params: Any) -> Task:
    policy = {name: params.pop(name) for name in list(params) if name in Policy.__dataclass_fields__}
    return Task(array, requested.document(params), **policy)


def done(task: Task) -> Task:
    """The task, carried out without an error; running it again has nothing to do."""
    assert task.errors == []
    applied = task.run()
    assert applied.errors == {}
    assert applied.not_done == ()
    repeated = Task(task.array, task.desired)
    assert repeated.lines == [], "the repeated task has something to do"
    return task


def refused(task: Task, *texts: str) -> FlashError:
    """The task's only error, whose message has all these texts."""
    text = str(task.error)
    for part in texts:
        assert part in text, text
    return task.error


def carried_out(array: Array, desired: DesiredState, **policy: bool) -> Plan:
    """One task against any array: read, planned and carried out. Raises the first refusal or error."""
    actual = read(array, desired)
    plan = planner.plan(desired, actual, Policy(**policy), array.capabilities)
    for error in plan.errors or apply(plan, actual, array).errors.values():
        raise error
    return plan
