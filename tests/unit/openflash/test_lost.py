# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes whose answers are lost: looked for before they are sent again, and never sent more often than that."""

from __future__ import annotations

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Conflict, FlashError, NoSpace
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.lost import (
    ATTEMPTS,
    LostConnection,
    repeat,
    settle,
)


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

    def look(self, *found: str | None) -> str | None:
        self.log.append("look")
        return found[0] if found else None


LOST = LostConnection("the connection ended")


def test_an_answer_is_given() -> None:
    wire = Wire("made")
    assert settle(wire.send, wire.look) == "made"
    assert wire.log == ["send"]


def test_after_a_lost_answer_what_is_there_is_found() -> None:
    wire = Wire(LOST)
    assert settle(wire.send, lambda: wire.look("there")) == "there"
    assert wire.log == ["send", "look"]


@pytest.mark.parametrize("nothing", [None, False])
def test_what_was_not_carried_out_is_sent_again(nothing: bool | None) -> None:
    wire = Wire(LOST, LOST, "made")
    assert settle(wire.send, lambda: nothing) == "made"
    assert wire.log == ["send"] * 3


def test_what_is_found_may_be_empty() -> None:
    assert settle(Wire(LOST).send, lambda: "") == ""


def test_the_last_lost_answer_is_an_error() -> None:
    wire = Wire(*[LOST] * (ATTEMPTS + 1))
    with pytest.raises(LostConnection):
        settle(wire.send, wire.look)
    assert wire.log == ["send", "look"] * ATTEMPTS


def test_a_refusal_because_it_is_there_is_settled_by_a_look() -> None:
    wire = Wire(Taken("it is there"))
    assert settle(wire.send, lambda: wire.look("there"), (Taken,)) == "there"


def test_a_refusal_with_nothing_there_stands() -> None:
    wire = Wire(Taken("it is there"), "made")
    with pytest.raises(Taken):
        settle(wire.send, wire.look, (Taken,))
    assert wire.log == ["send", "look"]


def test_other_errors_are_not_looked_into() -> None:
    wire = Wire(NoSpace("it is full"))
    with pytest.raises(NoSpace):
        settle(wire.send, wire.look, (Taken,))
    assert wire.log == ["send"]


def test_what_does_no_harm_is_repeated() -> None:
    wire = Wire(LOST, "made")
    assert repeat(wire.send) == "made"
    wire = Wire(*[LOST] * (ATTEMPTS + 1))
    with pytest.raises(LostConnection):
        repeat(wire.send)
    assert wire.log == ["send"] * ATTEMPTS
