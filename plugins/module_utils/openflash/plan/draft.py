# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan in the making, and the plan.

A plan is a sequence of batches. The chains of one batch do not depend on each other and may run side by side; the steps
of a chain run in order. Batches that destroy something come last.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ..errors import FlashError
from ..model import Capabilities
from .policy import Policy
from .steps import Key, Step
from .world import World


@dataclass
class Outcome:
    """What a plan makes of one wish: the object before and after, as model objects, and why not."""

    key: Key
    before: Any = None
    after: Any = None
    steps: List[Step] = field(default_factory=list)
    error: Optional[FlashError] = None
    warnings: List[str] = field(default_factory=list)


@dataclass
class Batch:
    destructive: bool = False
    chains: Dict[Key, List[Step]] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    batches: Tuple[Batch, ...]
    outcomes: Dict[Key, Outcome]
    world: World
    warnings: Tuple[str, ...] = ()

    @property
    def steps(self) -> Tuple[Step, ...]:
        return tuple(step for batch in self.batches for chain in batch.chains.values() for step in chain)

    @property
    def lines(self) -> Tuple[str, ...]:
        """The plan as an operator would say it."""
        return tuple(step.line for step in self.steps)

    @property
    def errors(self) -> Tuple[FlashError, ...]:
        return tuple(outcome.error for outcome in self.outcomes.values() if outcome.error is not None)


class Draft:
    def __init__(self, world: World, policy: Policy) -> None:
        self.world = world
        self.policy = policy
        self.capabilities: Capabilities = world.capabilities
        self.outcomes: Dict[Key, Outcome] = {}
        self.warnings: List[str] = []
        self._batches: List[Batch] = []
        self._current: Optional[Outcome] = None

    def batch(self, destructive: bool = False) -> None:
        """What is added from here on waits for everything added before."""
        self._batches.append(Batch(destructive))

    @contextmanager
    def item(self, key: Key, doing: str) -> Iterator[Outcome]:
        """Plan one wish: what it raises becomes its outcome's error, and its steps are dropped."""
        outcome = self.outcomes.setdefault(key, Outcome(key))
        self._current = outcome
        try:
            yield outcome
        except FlashError as error:
            outcome.error = error.fill(doing=doing, target=key[-1])
            outcome.after = outcome.before
            for batch in self._batches:
                for chain in batch.chains.values():
                    chain[:] = [step for step in chain if step not in outcome.steps]
            outcome.steps.clear()
        finally:
            self._current = None

    def add(self, step: Step, lane: Optional[Key] = None) -> None:
        """Add a step of the current wish to the current batch; steps of one lane run one after the other."""
        self._batches[-1].chains.setdefault(lane or step.item, []).append(step)
        if self._current is not None:
            self._current.steps.append(step)

    def warn(self, text: str) -> None:
        if self._current is not None:
            self._current.warnings.append(text)
        elif text not in self.warnings:
            self.warnings.append(text)

    def finish(self) -> Plan:
        batches = []
        for batch in self._batches:
            chains = {lane: chain for lane, chain in batch.chains.items() if chain}
            if chains:
                batches.append(Batch(batch.destructive, chains))
        return Plan(tuple(batches), self.outcomes, self.world, tuple(self.warnings))
