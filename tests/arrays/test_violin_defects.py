# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Defects of other clients of Violin that this one does not have, with their numbers in the wire sheet (section 8).

Each docstring says what the other client did. Number 11, about clear text and passwords, is in test_violin_session.py.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    Busy,
    Conflict,
    FlashError,
    Timeout,
    Unsupported,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import VolumeSpec
from tests.arrays.violin import GIB, ViolinArray, empty_array, fc, iscsi, snapshot, volume
from tests.support.running import join
from tests.support.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    arrays: list[dict[str, Any]] = [
        {"name": "violin", "vendor": "violin", "protocol": "both"},
        {"name": "7.5.6", "vendor": "violin", "version": "7.5.6"},
        {"name": "8.0.0", "vendor": "violin", "version": "8.0.0"},
        {"name": "slow", "vendor": "violin", "limits": {"copy_speed": 1024}},
    ]
    with Simulator(arrays) as running:
        yield running


@pytest.fixture
def array(simulator: Simulator) -> ViolinArray:
    return empty_array(simulator, "violin")


def test_01_what_is_made_by_default_can_be_copied_and_what_cannot_is_refused_before(array: ViolinArray) -> None:
    """The default was thin, which then could be neither cloned nor made from a snapshot."""
    with array.client() as client:
        assert client.clone_volume(volume(client, "db1"), VolumeSpec("copy1")).provisioning == "thick"
        thin = volume(client, "db2", provisioning="thin")
        assert not client.clone_volume(thin, VolumeSpec("clone2")).independent
        mark = array.mark()
        with pytest.raises(Unsupported, match="create volumes that you want to copy and extend as thick"):
            client.clone_volume(thin, VolumeSpec("clone3", 2 * GIB))
        assert array.writes(mark) == []


def test_02_a_volume_from_a_snapshot_has_the_size_asked_for(array: ViolinArray) -> None:
    """The copy was never extended."""
    with array.client() as client:
        taken = snapshot(client, volume(client, "db1"), "monday")
        assert client.volume_from_snapshot(taken, VolumeSpec("copy1", 3 * GIB)).size == 3 * GIB
    assert array.volumes()["copy1"]["size"] == 3 * GIB


def test_03_on_7_5_6_a_volume_is_what_was_asked_for_and_8_is_not_taken_for_7_0(simulator: Simulator) -> None:
    """Thick came out thin, thin came out encrypted and a tenth of its size."""
    new = empty_array(simulator, "7.5.6")
    with new.client() as client:
        for kind in ("thick", "thin", "dedup"):
            volume(client, kind, 10 * GIB, provisioning=kind)
            listed = client.volumes([kind]).items[0]
            assert (listed.provisioning, listed.size, listed.options) == (kind, 10 * GIB, {"encrypted": False})
    with pytest.raises(Unsupported, match="8.0.0"), empty_array(simulator, "8.0.0").client():
        pass


def test_04_every_wait_ends_and_polls_with_pauses(simulator: Simulator) -> None:
    """Waits had no limit and no pause, sockets no timeout."""
    slow = empty_array(simulator, "slow")
    with slow.client(wait_timeout=1.0, timeout=0.5) as client:
        created = volume(client, "db1", 60 * GIB)
        taken = snapshot(client, created, "monday")
        slow.fault(kind="busy", match={"method": "DELETE"}, count=None)
        mark = slow.mark()
        with pytest.raises(Busy):
            client.delete_snapshot(taken)
        slow.clear_faults()
        with pytest.raises(Timeout):
            client.clone_volume(created, VolumeSpec("copy1"))
        slow.fault(kind="latency", seconds=3.0, count=None)
        with pytest.raises(Timeout):
            client.capacity()
        slow.clear_faults()
        assert len(slow.requests(mark)) < 40


@pytest.mark.parametrize("kind", ["volume", "snapshot"])
def test_05_a_failed_copy_is_never_taken_for_finished(simulator: Simulator, kind: str) -> None:
    """Any other target in the status, and any refusal, was taken for the end of the copy."""
    slow = empty_array(simulator, "slow")
    with slow.client() as client:
        created = volume(client, "db1")
        taken = snapshot(client, created, "monday")
        slow.fault(kind="copy_fails")
        with pytest.raises(FlashError, match="the copy failed in the array"):  # noqa: PT012  either of two
            if kind == "volume":
                client.clone_volume(created, VolumeSpec("copy1"))
            else:
                client.volume_from_snapshot(taken, VolumeSpec("copy1"))
        assert "copy1" not in slow.volumes()


def test_06_an_existing_host_gets_new_initiators_and_an_empty_one_is_removed_on_request(array: ViolinArray) -> None:
    """It ignored the refusal of a second host of the name, and lost the new initiators. Hosts were never removed."""
    other = "100000000000c908"
    with array.client(options={"remove_empty_hosts": True}) as client:
        host = client.create_host("server", [fc()])
        with pytest.raises(Conflict):
            client.create_host("server", [fc(other)])
        host = client.add_initiators(host, [fc(other)])
        assert len(host.addresses) == 2
        client.unmap_volume(client.map_volume(volume(client, "db1"), host))
        assert client.hosts().items == ()


def test_07_deleting_a_missing_object_succeeds_and_an_existing_one_is_compared(array: ViolinArray) -> None:
    """Deleting a missing snapshot failed, and an existing volume of another size was taken for the new one."""
    with array.client() as client:
        created = volume(client, "db1")
        taken = snapshot(client, created, "monday")
        for _ in range(2):
            client.delete_snapshot(taken)
        for changed in ({"size": 2 * GIB}, {"provisioning": "thin"}):
            with pytest.raises(Conflict):
                volume(client, "db1", **changed)


def test_08_nothing_is_looked_up_twice(array: ViolinArray) -> None:
    """An operation looked up the same names 4 to 12 times, and read every pool for each new volume."""
    with array.client() as client:
        client.pools()
        mark = array.mark()
        created = volume(client, "db1")
        snapshot(client, created, "monday")
        host = client.create_host("server", [fc()])
        client.map_volume(created, host)
        requests = [
            (request["method"], request["path"], json.dumps(request["body"])) for request in array.requests(mark)
        ]
        # One list for the new volume and host, which the array may show late; nothing else is read by name
        assert [row[1].split("/")[3] for row in requests if row[0] == "GET" and "filters" in row[2]] == [
            "sanresource",
            "sanclient",
        ]
        assert len(requests) == len(set(requests)) == 3 + 5 + 2 + 2


def test_09_capacity_is_that_of_both_gateways_by_pool_and_needs_no_dns(array: ViolinArray) -> None:
    """It needed reverse DNS, counted the configuration's disks, and missed those of the other gateway."""
    with array.client() as client:
        client.pools()
        mark = array.mark()
        capacity = client.capacity()
        assert len(array.requests(mark)) == 1
        (pool,) = client.pools().items
        assert (pool.name, pool.size, pool.free) == ("PoolA", 40 << 40, 40 << 40)
        assert capacity.size == 40 << 40
        volume(client, "thin", 100 << 40, provisioning="thin")


def test_10_hosts_get_all_portals_and_no_port_that_is_down(array: ViolinArray) -> None:
    """It reported the first port of every adapter, with or without link, and one portal at random."""
    with array.client() as client:
        client.map_volume(volume(client, "db1"), client.create_host("server", [iscsi()]))
        ports = list(client.ports())
    assert sum(port.protocol == "fc" for port in ports) == 3
    assert sum(port.protocol == "iscsi" for port in ports) == 2
    assert all(port.address for port in ports)


def test_12_volumes_are_renamed_and_threads_do_not_disturb_each_other(array: ViolinArray) -> None:
    """It had no rename, and its threads disturbed each other."""
    with array.client() as client:
        created = client.rename_volume(volume(client, "db1"), "db2")
        errors: list[BaseException] = []

        def take(name: str) -> None:
            try:
                snapshot(client, created, name)
            except BaseException as error:  # noqa: BLE001  the thread's error is the test's result
                errors.append(error)

        threads = [threading.Thread(target=take, args=(f"snap{number}",)) for number in range(6)]
        for thread in threads:
            thread.start()
        join(*threads)
        assert errors == []
        assert len(client.snapshots(volumes=["db2"])) == 6
