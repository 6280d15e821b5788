# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting: growing pauses, and a deadline."""

from __future__ import annotations

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Timeout
from tests.support.clock import Clock


def test_pauses_grow_are_bounded_and_end_at_the_deadline() -> None:
    clock = Clock(longest=8.0)
    deadline = clock.deadline(40.0)
    while deadline.pause():
        pass
    assert deadline.expired()
    assert deadline.remaining() == 0.0
    assert clock.now == pytest.approx(40.0)
    for pause, nominal in zip(clock.pauses, [1, 2, 4, 8, 8]):
        assert nominal / 2 <= pause <= nominal
    assert max(clock.pauses) <= 8.0


def test_poll_returns_the_first_answer() -> None:
    clock, answers = Clock(longest=8.0), iter([None, None, "done"])
    assert clock.deadline(60.0).poll(lambda: next(answers), "the copy") == "done"
    assert len(clock.pauses) == 2


def test_poll_reads_once_more_at_the_end_and_names_what_it_waited_for() -> None:
    clock, reads = Clock(longest=8.0), []
    with pytest.raises(Timeout, match="The end of the copy did not come about within 10 s"):
        clock.deadline(10.0).poll(lambda: reads.append(clock.now), "the end of the copy")
    assert reads[-1] == pytest.approx(10.0)


def test_poll_without_time_reads_once() -> None:
    clock, reads = Clock(longest=8.0), []
    with pytest.raises(Timeout):
        clock.deadline(0.0).poll(lambda: reads.append(1), "it")
    assert reads == [1]
    assert clock.pauses == []
