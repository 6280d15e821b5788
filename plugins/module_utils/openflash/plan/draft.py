# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan, and the draft in which it is made.

A plan is a sequence of batches. The chains of one batch do not depend on each other and may run side by side; the steps
of a chain run in order. Destructive batches, and those that wait for them, come last.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from ..errors import FlashError, Invalid, NotDone
from ..model import Capabilities, Host, NameRule, Volume
from .desired import DesiredHost
from .rules import Policy, check_name
from .step import Key, Line, Step
from .world import World


@dataclass
class Outcome:
    """The plan for one desired object: the object before, and the steps or an error."""

    key: Key
    before: Any = None
    steps: List[Step] = field(default_factory=list)
    withheld: List[Step] = field(default_factory=list)
    """Steps that are left out because another part of the task was refused."""
    error: Optional[FlashError] = None
    warnings: List[str] = field(default_factory=list)
    assumes: List[str] = field(default_factory=list)
    """What is missing and must be made before the steps are carried out, such as "volume db1". Only in check mode."""


@dataclass
class Batch:
    destructive: bool = False
    """Whether its steps are destructive (see ``Step.destructive``), or need what such a step gives up."""
    chains: Dict[Key, List[Step]] = field(default_factory=dict)

    def add(self, step: Step, chain: Optional[Key]) -> None:
        self.chains.setdefault(chain or step.item, []).append(step)


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
        """The steps, one line each, for an operator to read."""
        return tuple(self.line(step).text for step in self.steps)

    def line(self, step: Step) -> Line:
        outcomes = [self.outcomes[key] for key in step.keys if key in self.outcomes]
        missing = [what for outcome in outcomes for what in outcome.assumes]
        return Line(conditional(step.line, missing), step.sign, step.destructive)

    @property
    def assumes(self) -> Tuple[str, ...]:
        """What is missing on the array, and what check mode assumes an earlier task of the play to make."""
        return tuple(sorted({what for outcome in self.outcomes.values() for what in outcome.assumes}))

    @property
    def warnings(self) -> Tuple[str, ...]:
        return tuple(text for outcome in self.outcomes.values() for text in outcome.warnings)

    @property
    def errors(self) -> Tuple[FlashError, ...]:
        return tuple(outcome.error for outcome in self.outcomes.values() if outcome.error is not None)

    @property
    def refusals(self) -> Tuple[FlashError, ...]:
        """The errors without those of what is left out because of another error, each once."""
        return tuple({id(error): error for error in self.errors if not isinstance(error, NotDone)}.values())


def conditional(line: str, missing: Iterable[str]) -> str:
    """The line of a step, with what must be made first."""
    names = sorted(set(missing))
    if not names:
        return line
    return "if %s %s made first: %s" % (" and ".join(names), "is" if len(names) == 1 else "are", line)


def assumption(names: Sequence[str]) -> str:
    """The warning of a task that is checked as if earlier tasks had made what is missing."""
    shown = ", ".join(names[:_MOST_NAMES]) + (
        ", and %d more" % (len(names) - _MOST_NAMES) if names[_MOST_NAMES:] else ""
    )
    return (
        "Check mode assumes that an earlier task makes what is missing: %s. If none does, this task fails. What "
        "depends on it, such as a size that is not given or a LUN, is not known yet." % shown
    )


_MOST_NAMES = 10


def withheld() -> NotDone:
    """The error of what is left out because another part of the task is refused."""
    return NotDone("another part of the task is refused, and then nothing is taken away", hint=NotDone.HINT)


class Draft:
    """Collects the steps of a plan, and how each changes the world.

    Whoever plans an object checks all of it first. Only then it adds steps and changes the world, so that a refused
    object leaves neither.

    :param withhold: plan nothing destructive, for this reason: a clause.
    :param assume: assume that an earlier task makes what is missing. Only for check mode.
    """

    def __init__(self, world: World, policy: Policy, withhold: str = "", assume: bool = False) -> None:
        self.world = world
        self.policy = policy
        self.withhold = withhold
        self.assume = assume
        self.capabilities: Capabilities = world.capabilities
        self.outcomes: Dict[Key, Outcome] = {}
        self.hosts_with_volume_chap: Dict[str, DesiredHost] = {}
        """The hosts whose CHAP credentials go to the volumes that are mapped to them."""
        self.initiator_givers: Dict[str, Set[str]] = {}
        """By host that gets initiators of other hosts of the task: those others."""
        self.host_levels: Dict[str, int] = {}
        """How many hosts must give up initiators, one after the other, before this one can get its own."""
        self._batches: List[Batch] = [Batch()]
        self._next = Batch()
        self._host_batches: Dict[int, Tuple[Batch, Batch]] = {}
        """By level: what hosts get from others, and what they give up after that."""
        self._mappings_of_such_hosts = Batch(destructive=True)
        self._destructive_batches: List[Batch] = []
        self._current: Optional[Outcome] = None
        self._pending: List[Tuple[Batch, Step, Optional[Key]]] = []
        self._withheld: List[Step] = []

    def batch(self, destructive: bool = False) -> None:
        """What is added from here on waits for everything added before. Destructive batches follow all the others."""
        if destructive:
            self._destructive_batches.append(Batch(destructive=True))
        else:
            self._batches += [self._next, Batch()]
            self._next = Batch()

    @property
    def is_destructive(self) -> bool:
        """Whether the destructive batches have begun."""
        return bool(self._destructive_batches)

    @contextmanager
    def item(self, key: Key, doing: str) -> Iterator[Outcome]:
        """Plan one desired object. An error becomes the error of its outcome, and its steps are dropped."""
        outcome = self.outcomes.setdefault(key, Outcome(key))
        self._current, self._pending, self._withheld = outcome, [], []
        try:
            yield outcome
        except FlashError as error:
            outcome.error = error.fill(doing=doing, target=key[-1] or None, array=self.world.actual.label)
            outcome.assumes = []
        else:
            for batch, step, chain in self._pending:
                batch.add(step, chain)
                outcome.steps.append(step)
            outcome.withheld += self._withheld
        finally:
            self._current, self._pending, self._withheld = None, [], []

    def attempt(self, action: Callable[[], None]) -> str:
        """Do a part of the current desired object that may be refused by itself. Returns the reason, or ""."""
        try:
            action()
        except FlashError as error:
            return error.reason
        return ""

    def add(self, step: Step, chain: Optional[Key] = None) -> None:
        """Add a step of the current desired object to the current batch; steps of one chain run one after the other.

        :raises NotDone: the step is destructive, and a part of the task is refused.
        """
        if step.destructive:
            self.check_destructive()
        self._pending.append(((self._destructive_batches or self._batches)[-1], step, chain))

    def add_next(self, step: Step, chain: Optional[Key] = None) -> None:
        """Add a step that waits for the current batch."""
        self._pending.append((self._next, step, chain))

    def add_initiators(self, step: Step, host: str) -> None:
        """Add a step of a host that needs what other hosts give up. It comes before what this host gives up."""
        self._pending.append((self._batches_of_host(host)[0], step, None))

    def add_initiator_removal(self, step: Step, host: str, chain: Optional[Key] = None) -> bool:
        """Add a destructive step of a host, although the destructive batches have not begun; False: it is withheld."""
        if self.withhold:
            self._withheld.append(step)
            return False
        self._pending.append((self._batches_of_host(host)[1], step, chain))
        return True

    def add_after_initiators(self, step: Step, chain: Optional[Key] = None) -> None:
        """Add a step that needs a host which ``add_initiators`` makes."""
        self._pending.append((self._mappings_of_such_hosts, step, chain))

    def _batches_of_host(self, host: str) -> Tuple[Batch, Batch]:
        level = self.host_levels.get(host, 0)
        return self._host_batches.setdefault(level, (Batch(destructive=True), Batch(destructive=True)))

    def check_destructive(self) -> None:
        """:raises NotDone: a part of the task is refused, and then nothing is taken away."""
        if self.withhold:
            raise withheld()

    @property
    def pending(self) -> List[Step]:
        """The steps of the current desired object so far."""
        return [step for _batch, step, _chain in self._pending]

    # -- what the current desired object needs -----------------------------------------------------------------------

    def missing(self, what: str, error: FlashError) -> None:
        """Note that the current desired object needs what is not there.

        What is assumed is never in the world, so that no destructive step is planned because of it.

        :param what: such as "volume db1".
        :raises FlashError: ``error``, unless check mode assumes that an earlier task makes it.
        """
        if not self.assume or self._current is None:
            raise error
        if what not in self._current.assumes:
            self._current.assumes.append(what)

    @property
    def assumes_now(self) -> bool:
        """Whether the current desired object needs what is only assumed."""
        return self._current is not None and bool(self._current.assumes)

    def needed_volume(self, name: str, missing: FlashError) -> Optional[Volume]:
        """The volume; None where check mode assumes it. So does ``needed_host``.

        :raises FlashError: why the task does not make it; else ``missing``.
        """
        volume = self.world.volume(name)
        if volume is None:
            self._missing("volume", name, self.capabilities.volume_name, missing)
        return volume

    def needed_host(self, name: str, missing: FlashError) -> Optional[Host]:
        host = self.world.host(name)
        if host is None:
            self._missing("host", name, self.capabilities.host_name, missing)
        return host

    def _missing(self, kind: str, name: str, rule: NameRule, error: FlashError) -> None:
        failed = self.failure((kind, name))
        if failed is not None:
            raise failed
        try:
            check_name(kind, name, rule)
        except Invalid:
            raise error from None  # the array takes no such name, so no earlier task can make it
        self.missing("%s %s" % (kind, name), error)

    def failure(self, key: Key) -> Optional[FlashError]:
        """Why another desired object fails, for one that depends on it."""
        outcome = self.outcomes.get(key)
        return outcome.error if outcome else None

    def warn(self, text: str) -> None:
        """Add a warning to the outcome of the current desired object."""
        if self._current is not None and text not in self._current.warnings:
            self._current.warnings.append(text)

    def finish(self) -> Plan:
        host_batches = [batch for level in sorted(self._host_batches) for batch in self._host_batches[level]]
        ordered = [
            *self._batches,
            self._next,
            *host_batches,
            self._mappings_of_such_hosts,
            *self._destructive_batches,
        ]
        return Plan(tuple(batch for batch in ordered if batch.chains), self.outcomes, self.world)
