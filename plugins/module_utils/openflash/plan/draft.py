# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan in the making, and the plan.

A plan is a sequence of batches. The chains of one batch do not depend on each other and may run side by side; the steps
of a chain run in order. Batches that destroy something, and those that wait for them, come last.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

from ..errors import FlashError, NotDone
from ..model import Capabilities
from .desired import DesiredHost
from .policy import Policy
from .steps import Key, Step
from .world import World


@dataclass
class Outcome:
    """The plan for one desired object: the object before, the steps, or why not. The plan's world has it afterwards."""

    key: Key
    before: Any = None
    steps: List[Step] = field(default_factory=list)
    withheld: List[Step] = field(default_factory=list)
    """Steps that are left out because another part of the task was refused."""
    error: Optional[FlashError] = None
    warnings: List[str] = field(default_factory=list)


@dataclass
class Batch:
    destructive: bool = False
    """Whether its steps take something away, or need what such a step gives up; see ``Step.destructive``."""
    chains: Dict[Key, List[Step]] = field(default_factory=dict)

    def add(self, step: Step, lane: Optional[Key]) -> None:
        self.chains.setdefault(lane or step.item, []).append(step)


@dataclass(frozen=True)
class Plan:
    batches: Tuple[Batch, ...]
    outcomes: Dict[Key, Outcome]
    world: World
    """The array as it will be."""
    withheld: Tuple[Step, ...] = ()
    """Destructive steps, and those that need them, which the task asks for and which are left out after a refusal."""

    @property
    def steps(self) -> Tuple[Step, ...]:
        return tuple(step for batch in self.batches for chain in batch.chains.values() for step in chain)

    @property
    def lines(self) -> Tuple[str, ...]:
        """The plan as an operator would say it."""
        return tuple(step.line for step in self.steps)

    @property
    def warnings(self) -> Tuple[str, ...]:
        return tuple(text for outcome in self.outcomes.values() for text in outcome.warnings)

    @property
    def errors(self) -> Tuple[FlashError, ...]:
        return tuple(outcome.error for outcome in self.outcomes.values() if outcome.error is not None)


def withheld() -> NotDone:
    """The error of what is left out because another part of the task is refused."""
    return NotDone(
        "another part of the task is refused, and then nothing is taken away",
        hint=NotDone.HINT,
    )


class Draft:
    """:param withhold: plan nothing destructive, because a part of the task is refused."""

    def __init__(self, world: World, policy: Policy, withhold: bool = False) -> None:
        self.world = world
        self.policy = policy
        self.withhold = withhold
        self.capabilities: Capabilities = world.capabilities
        self.outcomes: Dict[Key, Outcome] = {}
        self.volume_chap: Dict[str, DesiredHost] = {}
        """The hosts whose CHAP credentials go to the volumes that are mapped to them."""
        self.takers: Dict[str, Set[str]] = {}
        """The hosts that get initiators which others of the task give up, and those others."""
        self.levels: Dict[str, int] = {}
        """How many hosts, one after the other, give up initiators before this one can get its own."""
        self._batches: List[Batch] = [Batch()]
        self._next = Batch()
        self._moves: Dict[int, Tuple[Batch, Batch]] = {}
        self._late = Batch(destructive=True)
        self._endings: List[Batch] = []
        self._current: Optional[Outcome] = None
        self._pending: List[Tuple[Batch, Step, Optional[Key]]] = []
        self._withheld: List[Step] = []

    def batch(self, destructive: bool = False) -> None:
        """What is added from here on waits for everything added before. Destructive batches follow all the others."""
        if destructive:
            self._endings.append(Batch(destructive=True))
        else:
            self._batches += [self._next, Batch()]
            self._next = Batch()

    @property
    def ending(self) -> bool:
        """Whether the destructive batches have begun."""
        return bool(self._endings)

    @contextmanager
    def item(self, key: Key, doing: str) -> Iterator[Outcome]:
        """Plan one desired object. An error becomes the error of its outcome, and no step and no change remain."""
        outcome = self.outcomes.setdefault(key, Outcome(key))
        self._current, self._pending, self._withheld = outcome, [], []
        mark = self.world.mark()
        try:
            yield outcome
        except FlashError as error:
            self.world.roll_back(mark)
            outcome.error = error.fill(doing=doing, target=key[-1] or None, array=self.world.actual.label)
        else:
            for batch, step, lane in self._pending:
                batch.add(step, lane)
                outcome.steps.append(step)
            outcome.withheld += self._withheld
        finally:
            self._current, self._pending, self._withheld = None, [], []

    def attempt(self, action: Callable[[], None]) -> str:
        """Do a part of the current desired object that may fail by itself; the reason why it does, or nothing."""
        mark, pending = self.world.mark(), len(self._pending)
        try:
            action()
        except FlashError as error:
            self.world.roll_back(mark)
            del self._pending[pending:]
            return error.reason
        return ""

    def add(self, step: Step, lane: Optional[Key] = None) -> None:
        """Add a step of the current desired object to the current batch; steps of one lane run one after the other.

        :raises NotDone: the step is destructive, and a part of the task is refused.
        """
        if step.destructive:
            self.check_destructive()
        self._pending.append(((self._endings or self._batches)[-1], step, lane))

    def add_next(self, step: Step, lane: Optional[Key] = None) -> None:
        """Add a step that waits for the current batch."""
        self._pending.append((self._next, step, lane))

    def add_removal(self, step: Step, host: str, lane: Optional[Key] = None) -> bool:
        """Add a destructive step of a host, which is planned among the constructive ones; False when it is withheld."""
        if self.withhold:
            self._withheld.append(step)
            return False
        self._pending.append((self._move(host)[1], step, lane))
        return True

    def add_taker(self, step: Step, host: str) -> None:
        """Add a step of a host that needs what others give up, and that comes before what this one gives up."""
        self._pending.append((self._move(host)[0], step, None))

    def add_late(self, step: Step, lane: Optional[Key] = None) -> None:
        """Add a step that needs a host which ``add_taker`` makes."""
        self._pending.append((self._late, step, lane))

    def _move(self, host: str) -> Tuple[Batch, Batch]:
        """What the hosts of this one's level get, and what they give up then."""
        level = self.levels.get(host, 0)
        return self._moves.setdefault(level, (Batch(destructive=True), Batch(destructive=True)))

    def check_destructive(self) -> None:
        """:raises NotDone: a part of the task is refused, after which nothing is taken away."""
        if self.withhold:
            raise withheld()

    @property
    def pending(self) -> List[Step]:
        """The steps of the current desired object so far."""
        return [step for _batch, step, _lane in self._pending]

    def failure(self, key: Key) -> Optional[FlashError]:
        """Why another desired object fails, for one that depends on it."""
        outcome = self.outcomes.get(key)
        return outcome.error if outcome else None

    def warn(self, text: str) -> None:
        """Tell the operator; part of the current desired object's outcome."""
        if self._current is not None and text not in self._current.warnings:
            self._current.warnings.append(text)

    def finish(self) -> Plan:
        batches = []
        moves = [batch for level in sorted(self._moves) for batch in self._moves[level]]
        for batch in [*self._batches, self._next, *moves, self._late, *self._endings]:
            if batch.chains:
                batches.append(batch)
        return Plan(tuple(batches), self.outcomes, self.world)
