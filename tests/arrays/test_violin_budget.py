# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Request budgets of a Violin's client, counted by the array (the upstream driver's: wire sheet, section 6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Host, Snapshot, VolumeSpec
from tests.arrays.violin import GIB, ViolinArray, empty_array, fc, iscsi, snapshot, volume
from tests.support.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    fast = {"copy_speed": 1 << 30}
    with Simulator([{"name": "violin", "vendor": "violin", "protocol": "both", "limits": fast}]) as running:
        yield running


class Meter:
    """Runs a function and checks how many requests it sends at most."""

    def __init__(self, array: ViolinArray, client: Any) -> None:
        self.array, self.client = array, client

    def __call__(self, most: int, work: Any) -> Any:
        mark = self.array.mark()
        result = work()
        requests = self.array.requests(mark)
        assert len(requests) <= most, [f"{request['method']} {request['path']}" for request in requests]
        assert len(requests) > 0
        return result


@pytest.fixture
def meter(simulator: Simulator) -> Iterator[Meter]:
    array = empty_array(simulator, "violin")
    with array.client() as client:
        # Pools and ports are read once for a session
        client.pools(), client.ports()
        yield Meter(array, client)


def test_create_costs_3_requests_extend_3_rename_2_and_capacity_1(meter: Meter) -> None:
    """The upstream driver creates with four, where there are two pools. The last read waits for a change shown late."""
    created = meter(3, lambda: volume(meter.client, "db1"))
    meter(3, lambda: meter.client.extend_volume(created, 2 * GIB))
    meter(1, meter.client.capacity)
    for kind in ("thin", "dedup"):
        meter(3, lambda kind=kind: volume(meter.client, kind, provisioning=kind))
    meter(2, lambda: meter.client.rename_volume(created, "db2"))


def test_a_first_snapshot_costs_5_requests_a_later_one_3_and_deleting_3_by_id_or_4_by_name(meter: Meter) -> None:
    created = volume(meter.client, "db1")
    first = meter(5, lambda: snapshot(meter.client, created, "monday"))
    listed = meter.client.volumes(["db1"]).items[0]
    meter(3, lambda: snapshot(meter.client, listed, "tuesday"))
    meter(3, lambda: meter.client.delete_snapshot(first))
    meter(4, lambda: meter.client.delete_snapshot(Snapshot("tuesday", "db1", created.size, volume_id=created.id)))


def test_a_first_snapshot_in_a_new_session_costs_7_requests(meter: Meter) -> None:
    created = volume(meter.client, "db1")
    with meter.array.client() as fresh:
        meter(7, lambda: snapshot(fresh, created, "monday"))


@pytest.mark.parametrize("initiator", [fc(), iscsi()], ids=["fc", "iscsi"])
def test_mapping_costs_4_requests_and_unmapping_4(meter: Meter, initiator: Any) -> None:
    host = meter.client.create_host("server", [initiator])
    created = volume(meter.client, "db1")
    mapped = meter(4, lambda: meter.client.map_volume(created, host))
    meter(4, lambda: meter.client.unmap_volume(mapped))
    mapped_again = meter(4, lambda: meter.client.map_volume(created, Host("server", host.id)))
    meter(4, lambda: meter.client.unmap_volume(mapped_again))


def test_a_delete_costs_7_requests_and_one_read_of_all_hosts(meter: Meter) -> None:
    """Only hosts report mappings, so whether a volume is mapped is read immediately before it is deleted.

    So is its name: another run may have renamed the volume, and mapped it under the new name.
    """
    client = meter.client
    host = client.create_host("server", [fc()])
    volumes = [volume(client, f"db{n}") for n in range(4)]
    client.map_volume(volume(client, "kept"), host)
    for unmapped in volumes[:2]:
        client.delete_snapshot(snapshot(client, unmapped, "monday"))
    reading = 1 + len(client.hosts())
    with meter.array.client() as fresh:
        for unmapped in volumes[:3]:
            meter(7 + reading, lambda unmapped=unmapped: fresh.delete_volume(unmapped))


def test_copies_cost_no_more_than_upstream(meter: Meter) -> None:
    """The upstream driver needs 7 + P + 2k, with P = 2 pools here and k polls of the progress, at least one."""
    client = meter.client
    created = volume(client, "db1")
    taken = snapshot(client, created, "monday")
    meter(11, lambda: client.clone_volume(created, VolumeSpec("copy1")))
    meter(11, lambda: client.volume_from_snapshot(taken, VolumeSpec("copy2")))
