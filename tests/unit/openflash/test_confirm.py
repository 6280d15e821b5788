# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes whose answers are lost: the state is read before a change is sent again, and a relative one is sent once."""

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
from tests.support.clock import Clock


class NameTaken(Conflict):
    """The refusal of an array because the object exists."""


class Wire:
    """Answers each request with the next of these answers: an error is raised, anything else returned."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)
        self.log: list[str] = []

    def send(self) -> object:
        self.log.append("send")
        answer = self._answers.pop(0)
        if isinstance(answer, FlashError):
            raise answer
        return answer

    def read(self, *objects: str | None) -> str | None:
        self.log.append("read")
        return objects[0] if objects else None


@pytest.fixture
def clock() -> Clock:
    return Clock(longest=64.0)


def lost(seconds: float = 1000.0) -> AnswerLost:
    return ConnectionLost("the connection ended").with_timeout(seconds)


def test_the_answer_is_returned() -> None:
    wire = Wire("made")
    assert confirm(wire.send, wire.read) == "made"
    assert wire.log == ["send"]


def test_after_a_lost_answer_the_new_object_is_read(clock: Clock) -> None:
    wire = Wire(lost())
    assert confirm(wire.send, lambda: wire.read("there"), pace=clock.deadline) == "there"
    assert wire.log == ["send", "read"]
    assert clock.pauses == []


def test_an_object_that_appears_late_is_found_without_another_request(clock: Clock) -> None:
    wire, states = Wire(lost()), [None, None, "there"]
    assert confirm(wire.send, lambda: wire.read(states.pop(0)), pace=clock.deadline) == "there"
    assert wire.log == ["send", "read", "read", "read"]


@pytest.mark.parametrize("absent", [None, False])
def test_a_change_that_was_not_made_is_sent_again_after_growing_pauses(absent: bool | None, clock: Clock) -> None:
    wire = Wire(lost(), lost(), "made")
    assert confirm(wire.send, lambda: absent, pace=clock.deadline) == "made"
    assert wire.log == ["send"] * 3
    assert len(clock.pauses) == 2 * (READS - 1)
    for pause, nominal in zip(clock.pauses, [1, 2, 4, 8, 16, 32]):
        assert nominal / 2 <= pause <= nominal


def test_an_empty_text_counts_as_found() -> None:
    assert confirm(Wire(lost()).send, lambda: "") == ""


def test_the_last_lost_answer_is_an_error(clock: Clock) -> None:
    wire = Wire(*[lost()] * (ATTEMPTS + 1))
    with pytest.raises(ConnectionLost):
        confirm(wire.send, wire.read, pace=clock.deadline)
    assert wire.log == ["send", *["read"] * READS] * ATTEMPTS


def test_the_sum_of_the_pauses_is_at_most_the_timeout(clock: Clock) -> None:
    wire = Wire(*[lost(5.0)] * (ATTEMPTS + 1))
    with pytest.raises(ConnectionLost):
        confirm(wire.send, wire.read, pace=clock.deadline)
    assert clock.now == pytest.approx(5.0)


def test_after_a_refusal_because_the_object_exists_it_is_read(clock: Clock) -> None:
    wire = Wire(NameTaken("it is there"))
    assert confirm(wire.send, lambda: wire.read("there"), (NameTaken,), pace=clock.deadline) == "there"


def test_a_refusal_without_an_existing_object_is_raised_at_once(clock: Clock) -> None:
    wire = Wire(NameTaken("it is there"), "made")
    with pytest.raises(NameTaken):
        confirm(wire.send, wire.read, (NameTaken,), pace=clock.deadline)
    assert wire.log == ["send", "read"]
    assert clock.pauses == []


def test_after_a_lost_answer_a_refusal_is_followed_by_reads_until_the_object_appears(clock: Clock) -> None:
    wire, states = Wire(lost(), NameTaken("it is there")), [None] * (READS + 2) + ["there"]
    assert confirm(wire.send, lambda: wire.read(states.pop(0)), (NameTaken,), pace=clock.deadline) == "there"
    assert wire.log.count("send") == 2


def test_after_other_errors_nothing_is_read() -> None:
    wire = Wire(NoSpace("it is full"))
    with pytest.raises(NoSpace):
        confirm(wire.send, wire.read, (NameTaken,))
    assert wire.log == ["send"]


def test_a_harmless_request_is_repeated_after_a_pause(clock: Clock) -> None:
    wire = Wire(lost(), "made")
    assert repeat(wire.send, pace=clock.deadline) == "made"
    assert len(clock.pauses) == 1
    wire = Wire(*[lost()] * (ATTEMPTS + 1))
    with pytest.raises(ConnectionLost):
        repeat(wire.send, pace=clock.deadline)
    assert wire.log == ["send"] * ATTEMPTS


# ---- changes that must not be made twice -----------------------------------------------------------------------------


class Sizes:
    """Returns the next of these sizes at each read, and the last one from then on."""

    def __init__(self, *sizes: int | FlashError) -> None:
        self._sizes = list(sizes)
        self.reads = 0

    def read(self) -> int:
        self.reads += 1
        size = self._sizes.pop(0) if len(self._sizes) > 1 else self._sizes[0]
        if isinstance(size, FlashError):
            raise size
        return size


def test_a_confirmed_growth_needs_one_read(clock: Clock) -> None:
    wire, sizes = Wire("grown"), Sizes(20)
    assert extend_once(wire.send, sizes.read, 20, 60.0, pace=clock.deadline) == 20
    assert (wire.log, sizes.reads, clock.pauses) == (["send"], 1, [])


@pytest.mark.parametrize("answer", ["grown", lost()])
def test_a_growth_that_appears_late_is_read_until_it_does(answer: object, clock: Clock) -> None:
    wire, sizes = Wire(answer), Sizes(10, 10, 10, 20)
    assert extend_once(wire.send, sizes.read, 20, 60.0, pace=clock.deadline) == 20
    assert wire.log == ["send"]


@pytest.mark.parametrize(
    "error", [ConnectionLost("the connection ended"), AnswerTimeout("no answer"), AnswerUnreadable("half an answer")]
)
def test_a_growth_whose_answer_is_lost_is_never_sent_again(error: AnswerLost, clock: Clock) -> None:
    wire, sizes = Wire(error.with_timeout(30.0)), Sizes(10)
    with pytest.raises(type(error), match="after 30 s it still has 10 instead of 20") as caught:
        extend_once(wire.send, sizes.read, 20, 60.0, pace=clock.deadline)
    assert "nothing more was sent" in str(caught.value)
    assert wire.log == ["send"]
    assert clock.now == pytest.approx(30.0)


def test_a_confirmed_growth_that_never_appears_is_an_error_at_the_deadline(clock: Clock) -> None:
    with pytest.raises(Timeout, match="confirmed the change, and still reports 10 instead of 20 after 60 s"):
        extend_once(Wire("grown").send, Sizes(10).read, 20, 60.0, pace=clock.deadline)
    assert clock.now == pytest.approx(60.0)


def test_a_size_that_cannot_be_read_after_a_lost_answer_is_reported(clock: Clock) -> None:
    sizes = Sizes(10, Timeout("the array does not answer"))
    with pytest.raises(ConnectionLost, match="its size cannot be read") as caught:
        extend_once(Wire(lost()).send, sizes.read, 20, 60.0, pace=clock.deadline)
    assert "nothing more was sent" in str(caught.value)


def test_after_a_refused_growth_nothing_is_read(clock: Clock) -> None:
    sizes = Sizes(10)
    with pytest.raises(NoSpace):
        extend_once(Wire(NoSpace("it is full")).send, sizes.read, 20, 60.0, pace=clock.deadline)
    assert sizes.reads == 0


def test_a_growth_that_the_array_did_not_accept_is_sent_again(clock: Clock) -> None:
    wire = Wire(NotAccepted("refused").with_timeout(30.0), "grown")
    assert extend_once(wire.send, Sizes(20).read, 20, 60.0, pace=clock.deadline) == 20
    assert wire.log == ["send", "send"]
    assert len(clock.pauses) == 1
