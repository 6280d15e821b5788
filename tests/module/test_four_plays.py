# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Four plays make one host at the same moment, each in a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.module.arrays import ArrayUnderTest, Modules, Result
from tests.support.running import join
from tests.support.simulator import Simulator

pytestmark = pytest.mark.wire

PLAYS = 4


@pytest.fixture(scope="module")
def plays() -> Iterator[list[Modules]]:
    running = [Modules() for _ in range(PLAYS)]
    yield running
    for one in running:
        one.stop()


@pytest.mark.hosts
@pytest.mark.parametrize("whose", ["the same initiators", "one initiator each"])
def test_four_plays_that_make_one_host_at_once_all_end_well(
    array: ArrayUnderTest, simulator: Simulator, plays: list[Modules], whose: str
) -> None:
    runs = [ArrayUnderTest(array.row, simulator, modules) for modules in plays]
    for number in range(PLAYS):
        array.done("flash_volume", name=f"db{number}", size="10GiB")
    first = array.row.initiators[0]
    wanted = [array.row.initiators[:2]] * PLAYS
    if whose == "one initiator each":
        wanted = [(f"{first[:-1]}{number}",) for number in range(PLAYS)]
    start = threading.Barrier(PLAYS)
    got: list[Result] = [Result() for _ in range(PLAYS)]

    def play(number: int) -> None:
        start.wait(10)
        got[number] = runs[number].task(
            "flash_host_map", host="server", initiators=list(wanted[number]), volume=f"db{number}"
        )

    threads = [threading.Thread(target=play, args=(number,)) for number in range(PLAYS)]
    for one in threads:
        one.start()
    join(*threads)
    assert [one.get("msg") for one in got if one.failed] == []
    assert len({volume for _host, volume in array.luns()}) == PLAYS
    assert {name: set(addresses) for name, addresses in array.hosts().items()} == {
        "server": {address for one in wanted for address in one}
    }
    for number in range(PLAYS):
        again = runs[number].task(
            "flash_host_map", host="server", initiators=list(wanted[number]), volume=f"db{number}"
        )
        assert not again.failed
        assert not again.changed
