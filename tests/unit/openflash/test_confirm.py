# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes whose answers are lost: looked for before they are sent again, and never sent more often than that."""

from __future__ import annotations

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    Conflict,
    FlashError,
    NoSpace,
    Timeout,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.confirm import (
    ATTEMPTS,
    READS,
    AnswerLost,
    AnswerTimeout,
    AnswerUnreadable,
    ConnectionLost,
    NotAccepted,
    confirm,
    extend_once,
    repeat,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.deadline import Deadline


class Taken(Conflict):
    """The array's word for what is there already."""


class Wire:
    """Answers each request with the next of these: an error is raised, anything else given."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)
        self.log: list[str] = []

    def send(self) -> object:
        self.log.append("send")
        answer = self._answers.pop(0)
        if isinstance(answer, FlashError):
            raise answer
        return answer

    def read(self, *found: str | None) -> str | None:
        self.log.append("read")
        return found[0] if found else None


class Clock:
    """Time that passes only in pauses."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def pace(self, seconds: float) -> Deadline:
        return Deadline(seconds, first=1.0, longest=64.0, sleep=self.sleep, clock=lambda: self.now)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lost(seconds: float = 1000.0) -> AnswerLost:
    return ConnectionLost("the connection ended").with_timeout(seconds)


def test_an_answer_is_given() -> None:
    wire = Wire("made")
    assert confirm(wire.send, wire.read) == "made"
    assert wire.log == ["send"]


def test_after_a_lost_answer_what_is_there_is_found(clock: Clock) -> None:
    wire = Wire(lost())
    assert confirm(wire.send, lambda: wire.read("there"), pace=clock.pace) == "there"
    assert wire.log == ["send", "read"]
    assert clock.pauses == []


def test_what_is_seen_late_is_found_without_another_request(clock: Clock) -> None:
    wire, seen = Wire(lost()), [None, None, "there"]
    assert confirm(wire.send, lambda: wire.read(seen.pop(0)), pace=clock.pace) == "there"
    assert wire.log == ["send", "read", "read", "read"]


@pytest.mark.parametrize("nothing", [None, False])
def test_what_was_not_carried_out_is_sent_again_after_pauses_that_grow(nothing: bool | None, clock: Clock) -> None:
    wire = Wire(lost(), lost(), "made")
    assert confirm(wire.send, lambda: nothing, pace=clock.pace) == "made"
    assert wire.log == ["send"] * 3
    assert len(clock.pauses) == 2 * (READS - 1)
    for pause, nominal in zip(clock.pauses, [1, 2, 4, 8, 16, 32]):
        assert nominal / 2 <= pause <= nominal


def test_what_is_found_may_be_empty() -> None:
    assert confirm(Wire(lost()).send, lambda: "") == ""


def test_the_last_lost_answer_is_an_error(clock: Clock) -> None:
    wire = Wire(*[lost()] * (ATTEMPTS + 1))
    with pytest.raises(ConnectionLost):
        confirm(wire.send, wire.read, pace=clock.pace)
    assert wire.log == ["send", *["read"] * READS] * ATTEMPTS


def test_all_pauses_together_are_no_longer_than_the_timeout_of_the_task(clock: Clock) -> None:
    wire = Wire(*[lost(5.0)] * (ATTEMPTS + 1))
    with pytest.raises(ConnectionLost):
        confirm(wire.send, wire.read, pace=clock.pace)
    assert clock.now == pytest.approx(5.0)


def test_a_refusal_because_it_is_there_is_settled_by_a_look(clock: Clock) -> None:
    wire = Wire(Taken("it is there"))
    assert confirm(wire.send, lambda: wire.read("there"), (Taken,), pace=clock.pace) == "there"


def test_a_refusal_with_nothing_there_stands_at_once(clock: Clock) -> None:
    wire = Wire(Taken("it is there"), "made")
    with pytest.raises(Taken):
        confirm(wire.send, wire.read, (Taken,), pace=clock.pace)
    assert wire.log == ["send", "read"]
    assert clock.pauses == []


def test_a_refusal_after_a_lost_answer_may_be_of_what_was_made_and_is_seen_late(clock: Clock) -> None:
    wire, seen = Wire(lost(), Taken("it is there")), [None] * (READS + 2) + ["there"]
    assert confirm(wire.send, lambda: wire.read(seen.pop(0)), (Taken,), pace=clock.pace) == "there"
    assert wire.log.count("send") == 2


def test_other_errors_are_not_looked_into() -> None:
    wire = Wire(NoSpace("it is full"))
    with pytest.raises(NoSpace):
        confirm(wire.send, wire.read, (Taken,))
    assert wire.log == ["send"]


def test_what_does_no_harm_is_repeated_after_a_pause(clock: Clock) -> None:
    wire = Wire(lost(), "made")
    assert repeat(wire.send, pace=clock.pace) == "made"
    assert len(clock.pauses) == 1
    wire = Wire(*[lost()] * (ATTEMPTS + 1))
    with pytest.raises(ConnectionLost):
        repeat(wire.send, pace=clock.pace)
    assert wire.log == ["send"] * ATTEMPTS


# ---- changes that must not be made twice -----------------------------------------------------------------------------


class Sizes:
    """What the array reports at each read; the last size for ever."""

    def __init__(self, *sizes: int | FlashError) -> None:
        self._sizes = list(sizes)
        self.reads = 0

    def read(self) -> int:
        self.reads += 1
        size = self._sizes.pop(0) if len(self._sizes) > 1 else self._sizes[0]
        if isinstance(size, FlashError):
            raise size
        return size


def test_a_growth_that_is_confirmed_and_seen_takes_one_read(clock: Clock) -> None:
    wire, sizes = Wire("grown"), Sizes(20)
    assert extend_once(wire.send, sizes.read, 20, 60.0, pace=clock.pace) == 20
    assert (wire.log, sizes.reads, clock.pauses) == (["send"], 1, [])


@pytest.mark.parametrize("answer", ["grown", lost()])
def test_a_growth_that_is_seen_late_is_waited_for(answer: object, clock: Clock) -> None:
    wire, sizes = Wire(answer), Sizes(10, 10, 10, 20)
    assert extend_once(wire.send, sizes.read, 20, 60.0, pace=clock.pace) == 20
    assert wire.log == ["send"]


@pytest.mark.parametrize(
    "error", [ConnectionLost("the connection ended"), AnswerTimeout("no answer"), AnswerUnreadable("half an answer")]
)
def test_a_growth_whose_answer_is_lost_is_never_sent_again(error: AnswerLost, clock: Clock) -> None:
    wire, sizes = Wire(error.with_timeout(30.0)), Sizes(10)
    with pytest.raises(type(error), match="after 30 s it still has 10 instead of 20") as caught:
        extend_once(wire.send, sizes.read, 20, 60.0, pace=clock.pace)
    assert "nothing more was sent" in str(caught.value)
    assert wire.log == ["send"]
    assert clock.now == pytest.approx(30.0)


def test_a_growth_that_is_confirmed_and_never_seen_ends_at_its_deadline(clock: Clock) -> None:
    with pytest.raises(Timeout, match="confirmed the change, and still reports 10 instead of 20 after 60 s"):
        extend_once(Wire("grown").send, Sizes(10).read, 20, 60.0, pace=clock.pace)
    assert clock.now == pytest.approx(60.0)


def test_a_size_that_cannot_be_read_after_a_lost_answer_is_said_with_it(clock: Clock) -> None:
    sizes = Sizes(10, Timeout("the array does not answer"))
    with pytest.raises(ConnectionLost, match="its size cannot be read") as caught:
        extend_once(Wire(lost()).send, sizes.read, 20, 60.0, pace=clock.pace)
    assert "nothing more was sent" in str(caught.value)


def test_a_growth_that_is_refused_is_not_looked_into(clock: Clock) -> None:
    sizes = Sizes(10)
    with pytest.raises(NoSpace):
        extend_once(Wire(NoSpace("it is full")).send, sizes.read, 20, 60.0, pace=clock.pace)
    assert sizes.reads == 0


def test_a_growth_that_the_array_did_not_take_is_sent_again(clock: Clock) -> None:
    wire = Wire(NotAccepted("refused").with_timeout(30.0), "grown")
    assert extend_once(wire.send, Sizes(20).read, 20, 60.0, pace=clock.pace) == 20
    assert wire.log == ["send", "send"]
    assert len(clock.pauses) == 1
