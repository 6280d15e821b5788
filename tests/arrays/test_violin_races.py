# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Violin: two runs at once, each with a session of its own. What the array answers settles it, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import VolumeSpec
from tests.arrays.violin import GIB, IQN, ViolinArray, fc, iscsi, snapshot, volume
from tests.support.running import join
from tests.support.simulator import Simulator

ROUNDS = 4


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    fast = {"copy_speed": 1 << 30}
    with Simulator([{"name": "both", "vendor": "violin", "protocol": "both", "limits": fast}]) as running:
        yield running


class Runs:
    """Two connected clients of one array, and both doing the same at the same moment."""

    def __init__(self, array: ViolinArray, clients: tuple[Any, Any]) -> None:
        self.array = array
        self.clients = clients
        self.one = clients[0]

    def both(self, work: Callable[..., Any]) -> list[Any]:
        """What each got, or the error that it met."""
        got: list[Any] = [None, None]
        start = threading.Barrier(2)

        def run(number: int) -> None:
            start.wait(10)
            try:
                got[number] = work(self.clients[number], number)
            except FlashError as error:
                got[number] = error

        threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
        for one in threads:
            one.start()
        join(*threads)
        return got


@pytest.fixture
def runs(simulator: Simulator) -> Iterator[Runs]:
    array = ViolinArray(simulator, "both")
    array.reset()
    with array.client() as one, array.client() as other:
        for client in (one, other):
            client.pools(), client.ports()
        yield Runs(array, (one, other))


def test_the_same_volume_is_made_once_and_deleted_once(runs: Runs) -> None:
    for number in range(ROUNDS):
        made = runs.both(lambda client, _, n=number: volume(client, f"db{n}"))
        assert made[0].id == made[1].id
        assert runs.both(lambda client, n, made=made: client.delete_volume(made[n])) == [None, None]
    assert runs.array.volumes() == {}


def test_the_first_snapshots_of_a_volume_share_resource_and_policy(runs: Runs) -> None:
    for number in range(ROUNDS):
        made = volume(runs.one, f"db{number}")
        taken = runs.both(lambda client, n, made=made: snapshot(client, made, f"snap{n}"))
        assert sorted(one.name for one in taken) == ["snap0", "snap1"]
        same = runs.both(lambda client, _, made=made: snapshot(client, made, "same"))
        assert same[0].id == same[1].id
        assert runs.both(lambda client, n, same=same: client.delete_snapshot(same[n])) == [None, None]
        assert sorted(one.name for one in runs.one.snapshots(volumes=[made.name])) == ["snap0", "snap1"]


@pytest.mark.parametrize("initiator", [fc(), iscsi()], ids=["fc", "iscsi"])
def test_a_new_host_gets_both_volumes_at_two_luns(runs: Runs, initiator: Any) -> None:
    for number in range(ROUNDS):
        volumes = [volume(runs.one, f"db{number}{n}") for n in range(2)]
        hosts = runs.both(lambda client, _, n=number: client.create_host(f"server{n}", [initiator]))
        assert hosts[0].id == hosts[1].id
        maps = runs.both(lambda client, n, h=hosts, v=volumes: client.map_volume(v[n], h[n]))
        assert sorted(one.lun for one in maps) == [0, 1]
        same = runs.both(lambda client, n, h=hosts: client.map_volume(volume(client, "both"), h[n]))
        assert same[0] == same[1]
        runs.both(lambda client, n, s=same: client.unmap_volume(s[n]))
        remaining = runs.both(lambda client, n, m=maps: client.unmap_volume(m[n]))
        assert not [one for one in remaining if isinstance(one, FlashError)]
        assert runs.both(lambda client, n, h=hosts: client.delete_host(h[n])) == [None, None]
    assert runs.array.state()["hosts"] == runs.array.state()["mappings"] == []


def test_initiators_that_two_runs_add_are_there_after_the_next_run_at_the_latest(runs: Runs) -> None:
    """The list that is sent replaces the array's: one may undo the other, but never what was there before."""
    for number in range(ROUNDS):
        before = iscsi(f"{IQN}-{number}")
        more = [iscsi(f"{IQN}-{number}-{n}") for n in range(2)]
        host = runs.one.create_host(f"server{number}", [before])
        added = runs.both(lambda client, n, h=host, m=more: client.add_initiators(h, [m[n]]))
        for one in added:
            assert not isinstance(one, FlashError) or "another writer changes the initiators" in str(one), one
        (there,) = runs.one.hosts([host.name])
        assert before.address in there.addresses
        assert len(there.addresses) >= 2
        for one in more:
            runs.one.add_initiators(there, [one])
        assert len(runs.one.hosts([host.name]).items[0].addresses) == 3


def test_the_same_copy_is_made_once(runs: Runs) -> None:
    """Both succeed, or one of them fails because the other is at work."""
    for number in range(ROUNDS):
        source = volume(runs.one, f"db{number}", provisioning="thick" if number % 2 else "thin")
        made = runs.both(lambda client, _, s=source: client.clone_volume(s, VolumeSpec(f"{s.name}.c")))
        assert [one for one in made if not isinstance(one, FlashError)], made
        for one in made:
            if isinstance(one, FlashError):
                assert one.kind in ("busy", "conflict"), one
        rows = [row for row in runs.array.volumes().values() if row["kind"] == "volume"]
        assert sorted(row["name"] for row in rows if row["name"].startswith(source.name)) == [
            source.name,
            f"{source.name}.c",
        ]


def test_a_volume_that_is_deleted_by_one_and_grown_by_the_other(runs: Runs) -> None:
    for number in range(ROUNDS):
        made = volume(runs.one, f"db{number}")

        def work(client: Any, n: int, made: Any = made) -> Any:
            return client.extend_volume(made, 2 * GIB) if n else client.delete_volume(made)

        deleted, grown = runs.both(work)
        assert deleted is None
        assert not isinstance(grown, FlashError) or grown.kind == "not_found", grown
    assert runs.array.volumes() == {}
