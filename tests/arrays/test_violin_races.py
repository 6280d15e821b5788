# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs on a Violin at the same time, each with its own session. The array's answers decide between them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import VolumeSpec
from tests.arrays.violin import GIB, IQN, ViolinArray, empty_array, fc, iscsi, snapshot, volume
from tests.support.running import join
from tests.support.simulator import Simulator

ROUNDS = 4


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    fast = {"copy_speed": 1 << 30}
    with Simulator([{"name": "both", "vendor": "violin", "protocol": "both", "limits": fast}]) as running:
        yield running


class Runs:
    """Two connected clients of one array, which do the same at the same time."""

    def __init__(self, array: ViolinArray, clients: tuple[Any, Any]) -> None:
        self.array = array
        self.clients = clients
        self.one = clients[0]

    def both(self, work: Callable[..., Any]) -> list[Any]:
        """The result or the error of each client."""
        outcomes: list[Any] = [None, None]
        start = threading.Barrier(2)

        def attempt(number: int) -> None:
            start.wait(10)
            try:
                outcomes[number] = work(self.clients[number], number)
            except FlashError as error:
                outcomes[number] = error

        threads = [threading.Thread(target=attempt, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        join(*threads)
        return outcomes


@pytest.fixture
def runs(simulator: Simulator) -> Iterator[Runs]:
    array = empty_array(simulator, "both")
    with array.client() as first, array.client() as second:
        for client in (first, second):
            client.pools(), client.ports()
        yield Runs(array, (first, second))


def test_two_runs_create_and_delete_the_same_volume_once(runs: Runs) -> None:
    for number in range(ROUNDS):
        created = runs.both(lambda client, _, n=number: volume(client, f"db{n}"))
        assert created[0].id == created[1].id
        assert runs.both(lambda client, n, created=created: client.delete_volume(created[n])) == [None, None]
    assert runs.array.volumes() == {}


def test_two_first_snapshots_of_a_volume_share_resource_and_policy(runs: Runs) -> None:
    for number in range(ROUNDS):
        created = volume(runs.one, f"db{number}")
        taken = runs.both(lambda client, n, created=created: snapshot(client, created, f"snap{n}"))
        assert sorted(taken_snapshot.name for taken_snapshot in taken) == ["snap0", "snap1"]
        same = runs.both(lambda client, _, created=created: snapshot(client, created, "same"))
        assert same[0].id == same[1].id
        assert runs.both(lambda client, n, same=same: client.delete_snapshot(same[n])) == [None, None]
        assert sorted(item.name for item in runs.one.snapshots(volumes=[created.name])) == ["snap0", "snap1"]


@pytest.mark.parametrize("initiator", [fc(), iscsi()], ids=["fc", "iscsi"])
def test_two_runs_map_to_a_new_host_at_two_luns(runs: Runs, initiator: Any) -> None:
    for number in range(ROUNDS):
        volumes = [volume(runs.one, f"db{number}{n}") for n in range(2)]
        hosts = runs.both(lambda client, _, n=number: client.create_host(f"server{n}", [initiator]))
        assert hosts[0].id == hosts[1].id
        mappings = runs.both(
            lambda client, n, both_hosts=hosts, both_volumes=volumes: client.map_volume(both_volumes[n], both_hosts[n])
        )
        assert sorted(mapping.lun for mapping in mappings) == [0, 1]
        same = runs.both(lambda client, n, both_hosts=hosts: client.map_volume(volume(client, "both"), both_hosts[n]))
        assert same[0] == same[1]
        runs.both(lambda client, n, both_same=same: client.unmap_volume(both_same[n]))
        remaining = runs.both(lambda client, n, both_mappings=mappings: client.unmap_volume(both_mappings[n]))
        assert not [outcome for outcome in remaining if isinstance(outcome, FlashError)]
        assert runs.both(lambda client, n, both_hosts=hosts: client.delete_host(both_hosts[n])) == [None, None]
    assert runs.array.state()["hosts"] == runs.array.state()["mappings"] == []


def test_initiators_that_two_runs_add_exist_after_the_next_run_at_the_latest(runs: Runs) -> None:
    """The list that is sent replaces the array's: a run may undo the other's change, but no earlier one."""
    for number in range(ROUNDS):
        before = iscsi(f"{IQN}-{number}")
        more = [iscsi(f"{IQN}-{number}-{n}") for n in range(2)]
        host = runs.one.create_host(f"server{number}", [before])
        added = runs.both(lambda client, n, hosts=host, initiators=more: client.add_initiators(hosts, [initiators[n]]))
        for item in added:
            assert not isinstance(item, FlashError) or "another writer changes the initiators" in str(item), item
        (listed,) = runs.one.hosts([host.name])
        assert before.address in listed.addresses
        assert len(listed.addresses) >= 2
        for item in more:
            runs.one.add_initiators(listed, [item])
        assert len(runs.one.hosts([host.name]).items[0].addresses) == 3


def test_two_runs_create_the_same_copy_once(runs: Runs) -> None:
    """Both succeed, or one fails because the other makes the copy."""
    for number in range(ROUNDS):
        source = volume(runs.one, f"db{number}", provisioning="thick" if number % 2 else "thin")
        outcomes = runs.both(
            lambda client, _, original=source: client.clone_volume(original, VolumeSpec(f"{original.name}.c"))
        )
        assert [outcome for outcome in outcomes if not isinstance(outcome, FlashError)], outcomes
        for outcome in outcomes:
            if isinstance(outcome, FlashError):
                assert outcome.kind in ("busy", "conflict"), outcome
        rows = [row for row in runs.array.volumes().values() if row["kind"] == "volume"]
        assert sorted(row["name"] for row in rows if row["name"].startswith(source.name)) == [
            source.name,
            f"{source.name}.c",
        ]


def test_a_volume_that_one_run_deletes_and_another_extends_is_deleted(runs: Runs) -> None:
    for number in range(ROUNDS):
        created = volume(runs.one, f"db{number}")

        def work(client: Any, n: int, created: Any = created) -> Any:
            return client.extend_volume(created, 2 * GIB) if n else client.delete_volume(created)

        deleted, grown = runs.both(work)
        assert deleted is None
        assert not isinstance(grown, FlashError) or grown.kind == "not_found", grown
    assert runs.array.volumes() == {}
