# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Four plays create one host at the same moment, each in its own process."""

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
    for modules in running:
        modules.stop()


@pytest.mark.hosts
@pytest.mark.parametrize("initiators", ["the same initiators", "one initiator each"])
def test_four_plays_that_create_one_host_at_once_all_succeed(
    array: ArrayUnderTest, simulator: Simulator, plays: list[Modules], initiators: str
) -> None:
    runs = [ArrayUnderTest(array.row, simulator, modules) for modules in plays]
    for number in range(PLAYS):
        array.done("flash_volume", name=f"db{number}", size="10GiB")
    first = array.row.initiators[0]
    of_play = [array.row.initiators[:2]] * PLAYS
    if initiators == "one initiator each":
        of_play = [(f"{first[:-1]}{number}",) for number in range(PLAYS)]
    start = threading.Barrier(PLAYS)
    results: list[Result] = [Result() for _ in range(PLAYS)]

    def play(number: int) -> None:
        start.wait(10)
        results[number] = runs[number].task(
            "flash_host_map", host="server", initiators=list(of_play[number]), volume=f"db{number}"
        )

    threads = [threading.Thread(target=play, args=(number,)) for number in range(PLAYS)]
    for thread in threads:
        thread.start()
    join(*threads)
    assert [result.get("msg") for result in results if result.failed] == []
    assert len({volume for _host, volume in array.luns()}) == PLAYS
    assert {name: set(addresses) for name, addresses in array.hosts().items()} == {
        "server": {address for addresses in of_play for address in addresses}
    }
    for number in range(PLAYS):
        repeated = runs[number].task(
            "flash_host_map", host="server", initiators=list(of_play[number]), volume=f"db{number}"
        )
        assert not repeated.failed
        assert not repeated.changed
