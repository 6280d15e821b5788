# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Violin: what an operation costs, counted by the array, beside what the upstream driver sends (sheet, section 6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Host, Snapshot, VolumeSpec
from tests.arrays.violin import GIB, ViolinArray, fc, iscsi, snapshot, volume
from tests.support.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    fast = {"copy_speed": 1 << 30}
    with Simulator([{"name": "violin", "vendor": "violin", "protocol": "both", "limits": fast}]) as running:
        yield running


class Meter:
    def __init__(self, array: ViolinArray, client: Any) -> None:
        self.array, self.client = array, client

    def __call__(self, most: int, work: Any) -> Any:
        mark = self.array.mark()
        made = work()
        requests = self.array.requests(mark)
        assert len(requests) <= most, [f"{request['method']} {request['path']}" for request in requests]
        assert len(requests) > 0
        return made


@pytest.fixture
def meter(simulator: Simulator) -> Iterator[Meter]:
    array = ViolinArray(simulator, "violin")
    array.reset()
    with array.client() as client:
        # The session's facts: pools and ports
        client.pools(), client.ports()
        yield Meter(array, client)


def test_create_3_extend_3_rename_2_stats_1(meter: Meter) -> None:
    """Upstream creates with two pools in four. The last read of each is for what the array shows late."""
    made = meter(3, lambda: volume(meter.client, "db1"))
    meter(3, lambda: meter.client.extend_volume(made, 2 * GIB))
    meter(1, meter.client.capacity)
    for kind in ("thin", "dedup"):
        meter(3, lambda kind=kind: volume(meter.client, kind, provisioning=kind))
    meter(2, lambda: meter.client.rename_volume(made, "db2"))


def test_first_snapshot_5_later_3_delete_3_by_id_and_4_by_name(meter: Meter) -> None:
    made = volume(meter.client, "db1")
    first = meter(5, lambda: snapshot(meter.client, made, "monday"))
    again = meter.client.volumes(["db1"]).items[0]
    meter(3, lambda: snapshot(meter.client, again, "tuesday"))
    meter(3, lambda: meter.client.delete_snapshot(first))
    meter(4, lambda: meter.client.delete_snapshot(Snapshot("tuesday", "db1", made.size, volume_id=made.id)))


def test_first_snapshot_7_when_nothing_is_known(meter: Meter) -> None:
    made = volume(meter.client, "db1")
    with meter.array.client() as fresh:
        meter(7, lambda: snapshot(fresh, made, "monday"))


@pytest.mark.parametrize("initiator", [fc(), iscsi()], ids=["fc", "iscsi"])
def test_attach_4_detach_4(meter: Meter, initiator: Any) -> None:
    host = meter.client.create_host("server", [initiator])
    made = volume(meter.client, "db1")
    mapped = meter(4, lambda: meter.client.map_volume(made, host))
    meter(4, lambda: meter.client.unmap_volume(mapped))
    again = meter(4, lambda: meter.client.map_volume(made, Host("server", host.id)))
    meter(4, lambda: meter.client.unmap_volume(again))


def test_delete_7_and_one_reading_of_the_clients_for_each(meter: Meter) -> None:
    """Only the clients report mappings: whether a volume is mapped is read immediately before it is deleted. So is
    whether the LUN still has its name: another run may have renamed it, and mapped it under the new one."""
    client = meter.client
    host = client.create_host("server", [fc()])
    volumes = [volume(client, f"db{n}") for n in range(4)]
    client.map_volume(volume(client, "kept"), host)
    for one in volumes[:2]:
        client.delete_snapshot(snapshot(client, one, "monday"))
    reading = 1 + len(client.hosts())
    with meter.array.client() as fresh:
        for one in volumes[:3]:
            meter(7 + reading, lambda one=one: fresh.delete_volume(one))


def test_copies_cost_no_more_than_upstream(meter: Meter) -> None:
    """Upstream: 7 + P + 2k, where P is 2 pools here and k polls of the progress, at least one."""
    client = meter.client
    made = volume(client, "db1")
    taken = snapshot(client, made, "monday")
    meter(11, lambda: client.clone_volume(made, VolumeSpec("copy1")))
    meter(11, lambda: client.volume_from_snapshot(taken, VolumeSpec("copy2")))
