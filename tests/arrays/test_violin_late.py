# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Violin that shows its changes late, and reads that are repeated immediately before a change."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    Conflict,
    FlashError,
    InUse,
    Timeout,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import VolumeSpec
from tests.arrays.violin import GIB, IQN, ViolinArray, empty_array, fc, iscsi, snapshot, volume
from tests.support.running import join
from tests.support.simulator import Simulator

LATE = 0.3


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    fast = {"copy_speed": 1 << 30}
    arrays: list[dict[str, Any]] = [
        {"name": "both", "vendor": "violin", "protocol": "both", "limits": fast},
        {
            "name": "ipv6",
            "vendor": "violin",
            "protocol": "iscsi",
            "portals": ["2001:db8::11", "10.1.2.11"],
        },
    ]
    with Simulator(arrays) as running:
        yield running


@pytest.fixture
def array(simulator: Simulator) -> ViolinArray:
    return empty_array(simulator, "both")


@pytest.fixture
def late(array: ViolinArray) -> Iterator[ViolinArray]:
    """An array whose reads return its earlier state."""
    array.fault(kind="seen_late", seconds=LATE, count=None)
    yield array
    array.clear_faults()


def test_a_volume_is_created_extended_renamed_and_deleted(late: ViolinArray) -> None:
    with late.client() as client:
        created = volume(client, "db1")
        assert [item.name for item in client.volumes()] == ["db1"]
        assert volume(client, "db1").id == created.id
        grown = client.extend_volume(created, 2 * GIB)
        assert client.extend_volume(grown, 3 * GIB).size == client.volumes(["db1"]).items[0].size == 3 * GIB
        renamed = client.rename_volume(grown, "db2")
        assert [item.name for item in client.volumes()] == ["db2"]
        client.delete_volume(renamed)
        assert client.volumes().items == ()
        client.delete_volume(renamed)
    assert late.volumes() == {}


def test_snapshots_are_taken_and_deleted(late: ViolinArray) -> None:
    with late.client() as client:
        created = volume(client, "db1")
        taken = [snapshot(client, created, name) for name in ("monday", "tuesday")]
        assert sorted(item.name for item in client.snapshots(volumes=["db1"])) == ["monday", "tuesday"]
        assert snapshot(client, created, "monday").id == taken[0].id
        for taken_snapshot in taken:
            client.delete_snapshot(taken_snapshot)
        assert client.snapshots(volumes=["db1"]).items == ()
        client.delete_volume(created)
    assert late.volumes() == {}


@pytest.mark.parametrize("initiator", [fc(), iscsi()], ids=["fc", "iscsi"])
def test_a_host_is_created_mapped_changed_unmapped_and_deleted(late: ViolinArray, initiator: Any) -> None:
    another = iscsi(IQN + "-b") if initiator.protocol == "iscsi" else fc("100000000000c908")
    with late.client() as client:
        host = client.create_host("server", [initiator])
        assert client.create_host("server", [initiator]).id == host.id
        volumes = [volume(client, name) for name in ("db1", "db2")]
        maps = [client.map_volume(item, host) for item in volumes]
        assert [mapping.lun for mapping in maps] == [0, 1]
        assert sorted(mapping.volume for mapping in client.mappings(hosts=["server"])) == ["db1", "db2"]
        assert client.map_volume(volumes[0], host).lun == 0
        assert len(client.add_initiators(host, [another]).addresses) == 2
        with pytest.raises(InUse, match="mapped to server"):
            client.delete_volume(volumes[0])
        assert [mapping.volume for mapping in client.unmap_volume(maps[0])] == ["db2"]
        assert client.unmap_volume(maps[1]) == ()
        client.delete_volume(volumes[0])
        client.delete_host(host)
        assert client.hosts().items == ()
    assert late.state()["hosts"] == late.state()["mappings"] == []


@pytest.mark.parametrize("provisioning", ["thick", "thin"])
def test_volumes_are_copied_from_volumes_and_snapshots(late: ViolinArray, provisioning: str) -> None:
    with late.client() as client:
        created = volume(client, "db1", provisioning=provisioning)
        clone = client.clone_volume(created, VolumeSpec("copy1"))
        copy = client.volume_from_snapshot(snapshot(client, created, "monday"), VolumeSpec("copy2"))
        assert sorted(item.name for item in client.volumes()) == ["copy1", "copy2", "db1"]
        for copied in (clone, copy):
            client.delete_volume(copied)
        assert [item.name for item in client.volumes()] == ["db1"]


def test_a_change_that_is_never_shown_is_a_timeout(array: ViolinArray) -> None:
    with array.client(wait_timeout=1.0) as client:
        array.fault(kind="seen_late", seconds=3600, count=None)
        with pytest.raises(Timeout, match="confirmed the change, and does not show the volume after 1 s"):
            volume(client, "db1")
        array.clear_faults()
        assert volume(client, "db1").size == GIB


def test_an_extension_that_was_confirmed_and_is_shown_late_is_not_sent_again(array: ViolinArray) -> None:
    """A service keeps its session, and its next request may still read the older size."""
    with array.client(wait_timeout=0.5) as client:
        created = volume(client, "db1")
        array.fault(kind="seen_late", seconds=3600, count=None)
        for _attempt in range(2):
            with pytest.raises(Timeout, match="confirmed the change"):
                client.extend_volume(created, 2 * GIB)
        array.clear_faults()
        assert client.extend_volume(created, 2 * GIB).size == 2 * GIB
        assert client.extend_volume(created, 3 * GIB).size == 3 * GIB
    assert array.volumes()["db1"]["size"] == 3 * GIB


@pytest.mark.parametrize("host", [None, "server"])
def test_a_volume_that_another_run_has_renamed_is_not_deleted(array: ViolinArray, host: str | None) -> None:
    with array.client() as client, array.client() as other:
        created = volume(client, "db1")
        renamed = other.rename_volume(created, "db2")
        if host is not None:
            other.map_volume(renamed, other.create_host(host, [fc()]))
        with pytest.raises(Conflict, match="renamed to db2"):
            client.delete_volume(created)
        assert set(array.volumes()) == {"db2"}
        volume(other, "db1")
        with pytest.raises(Conflict, match="another volume has taken its name"):
            client.delete_volume(created)
    assert set(array.volumes()) == {"db1", "db2"}


def test_whether_a_volume_is_mapped_is_read_again_before_each_delete(array: ViolinArray) -> None:
    """Another run may map a volume after this one has read all mappings."""
    with array.client() as client, array.client() as other:
        first, second = volume(client, "db1"), volume(client, "db2")
        clone = client.clone_volume(volume(client, "thin", provisioning="thin"), VolumeSpec("clone"))
        host = other.create_host("server", [fc()])
        client.mappings()
        client.delete_volume(first)
        for mapped in (second, clone):
            other.map_volume(mapped, host)
            mark = array.mark()
            with pytest.raises(InUse, match="mapped to server"):
                client.delete_volume(mapped)
            assert array.writes(mark) == []
    assert {"db2", "clone"} <= set(array.volumes())


def test_portals_with_ipv6_addresses_are_in_brackets(simulator: Simulator) -> None:
    array = empty_array(simulator, "ipv6")
    portals = {"[2001:db8::11]:3260", "10.1.2.11:3260"}
    with array.client() as client:
        assert {port.portal for port in client.ports()} == portals
        client.map_volume(volume(client, "db1"), client.create_host("server", [iscsi()]))
        assert {port.portal for port in client.ports_of(["db1"])} == portals
    for address in ("2001:db8::11", "[2001:0db8:0::11]:3260", "2001:DB8::11"):
        with array.client(options={"target_ports": [address]}) as client:
            assert {port.portal for port in client.ports()} == {"[2001:db8::11]:3260"}


@pytest.mark.parametrize("initiator", [fc(), iscsi()], ids=["fc", "iscsi"])
@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_four_runs_that_create_one_host_at_once_all_succeed(array: ViolinArray, initiator: Any, seconds: float) -> None:
    with array.client() as first:
        volumes = [volume(first, f"db{number}") for number in range(4)]
    if seconds:
        array.fault(kind="seen_late", seconds=seconds, count=None)
    start, outcomes = threading.Barrier(4), [None] * 4

    def play(number: int) -> None:
        with array.client() as client:
            start.wait(10)
            try:
                host = client.create_host("server", [initiator])
                outcomes[number] = client.map_volume(volumes[number], host)
            except FlashError as error:
                outcomes[number] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=play, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    join(*threads)
    array.clear_faults()
    assert not [outcome for outcome in outcomes if isinstance(outcome, FlashError)], outcomes
    assert [row["name"] for row in array.state()["hosts"]] == ["server"]
    assert sorted(row["lun"] for row in array.state()["mappings"]) == [0, 1, 2, 3]
