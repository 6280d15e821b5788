# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An array that is slow, busy, full or changed by another client: how long a task waits, and what it reports.

Faults of single requests are in test_contract.py.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    SnapshotSpec,
    VolumeSpec,
)
from tests.module.arrays import GIB, ArrayUnderTest

pytestmark = pytest.mark.wire


@pytest.mark.common
def test_a_task_waits_for_an_answer_as_long_as_timeout(array: ArrayUnderTest) -> None:
    array.fault(kind="latency", seconds=0.5, count=None)
    assert not array.volume(name="db1", size="10GiB", connection={"timeout": 5.0}).failed
    result = array.volume(name="db1", size="10GiB", connection={"timeout": 0.2})
    array.clear_faults()
    assert result.failed
    assert result["error"]["kind"] == "timeout"
    assert "within 0.2 s" in result.msg


@pytest.mark.trust("tls")  # over SSH an array cannot report that it is busy
@pytest.mark.common
def test_a_task_waits_for_a_busy_array_as_long_as_wait_timeout(array: ArrayUnderTest) -> None:
    array.fault(kind="busy", match={"write": True}, count=3)
    assert not array.volume(name="db1", size="10GiB").failed
    array.fault(kind="busy", match={"write": True}, count=None)
    result = array.volume(name="db2", size="10GiB", connection={"wait_timeout": 1.0})
    array.clear_faults()
    assert result.failed
    assert result["error"]["kind"] == "busy"
    assert result["error"]["code"]
    assert "wait_timeout" in result.msg
    assert set(array.volumes()) == {"db1"}


@pytest.mark.transport
@pytest.mark.parametrize("kind", ["latency", "reset_late"])
def test_a_reset_discards_the_delayed_requests_of_a_simulated_array(array: ArrayUnderTest, kind: str) -> None:
    """Otherwise a delayed request creates its volume in the next test."""
    array.fault(kind=kind, seconds=1.5, match={"write": True}, count=None)
    assert array.volume(name="db1", size="10GiB", connection={"timeout": 0.2}).failed
    assert sum(array.simulator.struck(array.row.name)) > 0
    array.reset()
    time.sleep(2)
    assert array.volumes() == {}
    array.converges("flash_volume", name="db1", size="10GiB")


def test_a_full_pool_is_reported_and_nothing_is_created(array: ArrayUnderTest) -> None:
    array.fault(kind="pool_full", count=None)
    result = array.volume(name="db1", size="10GiB")
    array.clear_faults()
    assert result.failed
    assert not result.changed
    assert "volume db1" in result.msg
    assert array.volumes() == {}
    array.converges("flash_volume", name="db1", size="10GiB")
    assert array.volumes()["db1"]["size"] == 10 * GIB


ON_A_VOLUME: dict[str, Any] = {
    "extend_volume": lambda client, volume: client.extend_volume(volume, 2 * GIB),
    "rename_volume": lambda client, volume: client.rename_volume(volume, "db2"),
    "create_snapshots": lambda client, volume: client.create_snapshots([SnapshotSpec("snap", volume)]),
    "clone_volume": lambda client, volume: client.clone_volume(volume, VolumeSpec("db2")),
}


@pytest.mark.parametrize("operation", ON_A_VOLUME)
def test_a_volume_that_another_client_deleted_is_not_found(array: ArrayUnderTest, operation: str) -> None:
    """Whatever error code or message the array has for it."""
    with array.library() as client, array.library() as other:
        client.create_volume(VolumeSpec("db1", GIB, pool=array.pool))
        (deleted,) = client.volumes(["db1"]).items
        other.delete_volume(deleted)
        client.delete_volume(deleted)
        with pytest.raises(FlashError) as caught:
            ON_A_VOLUME[operation](client, deleted)
        assert caught.value.kind == ("unsupported" if array.cannot(operation) else "not_found")
    assert array.volumes() == {}


@pytest.mark.hosts
def test_a_volume_that_another_client_deleted_is_not_mapped(array: ArrayUnderTest) -> None:
    array.converges("flash_host_map", host="server", initiators=[array.initiator(0)])
    with array.library() as client, array.library() as other:
        (host,) = client.hosts(["server"]).items
        client.create_volume(VolumeSpec("db1", GIB, pool=array.pool))
        (deleted,) = client.volumes(["db1"]).items
        other.delete_volume(deleted)
        with pytest.raises(FlashError) as caught:
            client.map_volume(deleted, host)
        assert caught.value.kind == "not_found"
    assert array.luns() == {}
