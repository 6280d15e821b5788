# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads of a Dsware are complete: an object that cannot be read is reported, and never taken for absent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Initiator,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware import names
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.client import Dsware
from tests.arrays import dsware
from tests.arrays.dsware import SimulatedDsware
from tests.support.simulator import Simulator

Change = Callable[[str, dict[str, Any]], object]


@pytest.fixture(params=dsware.WIRES)
def pages(simulator: Simulator, request: pytest.FixtureRequest) -> Iterator[SimulatedDsware]:
    """An array that puts two objects on a page, whatever page size is requested."""
    array = SimulatedDsware(simulator, "pages", dsware.WIRES[request.param])
    yield array
    array.close()


def change_answers(array: Dsware, monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    """Pass each answer to ``change``, which may alter it."""
    wire = array._rest
    call = type(wire).call

    def changed(self: Any, method: str, path: str, *given: Any, **named: Any) -> dict[str, Any]:
        answer: dict[str, Any] = call(self, method, path, *given, **named)
        change(path, answer)
        return answer

    monkeypatch.setattr(type(wire), "call", changed)


def test_an_array_with_small_pages_is_read_completely(pages: SimulatedDsware) -> None:
    """Volumes, all snapshots, and the snapshots of one volume."""
    array = pages.connect()
    names = [f"v{number}" for number in range(5)]
    for name in names:
        array.create_volume(VolumeSpec(name, GIB))
    first = array.volumes(["v0"]).items[0]
    taken = [f"s{number}" for number in range(5)]
    for name in taken:
        array.create_snapshots([SnapshotSpec(name, first)])
    assert sorted(volume.name for volume in array.volumes()) == names
    assert sorted(snapshot.name for snapshot in array.snapshots()) == taken
    assert sorted(snapshot.name for snapshot in array.snapshots(volumes=["v0"])) == taken


def test_volumes_of_a_pool_that_cannot_be_read_are_listed(
    dsware_rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = dsware_rest.connect()
    array.create_volume(VolumeSpec("v1", GIB, pool="slow"))

    def change(path: str, answer: dict[str, Any]) -> None:
        for pool in answer.get("storagePools", ()):
            if pool["poolName"] == "slow":
                del pool["totalCapacity"]

    change_answers(array, monkeypatch, change)
    assert [entry.name for entry in array.pools().unreadable] == ["slow"]
    assert [(volume.name, volume.pool) for volume in array.volumes()] == [("v1", "slow")]


def test_an_answer_without_its_list_is_not_an_empty_list(
    dsware_rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = dsware_rest.connect()
    array.create_volume(VolumeSpec("v1", GIB))
    array.pools()
    change_answers(array, monkeypatch, lambda path, answer: answer.pop("volumeList", None))
    with pytest.raises(errors.BadReply, match="has no 'volumeList'"):
        array.volumes()


def test_a_list_that_does_not_report_the_status_is_completed(
    dsware_rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = dsware_rest.connect()
    array.create_volume(VolumeSpec("v1", GIB))

    def change(path: str, answer: dict[str, Any]) -> None:
        for volume in answer.get("volumeList", ()):
            del volume["status"]
        if "lunDetailInfo" in answer:
            answer["lunDetailInfo"]["status"] = 6

    change_answers(array, monkeypatch, change)
    assert [(item.name, item.state) for item in array.volumes()] == [("v1", "copying")]


@pytest.mark.parametrize(("status", "state"), [(0, "ready"), (10, "deleting"), (6, "copying"), (77, "error")])
def test_an_unknown_status_is_not_ready(
    dsware_rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch, status: int, state: str
) -> None:
    array = dsware_rest.connect()
    array.create_volume(VolumeSpec("v1", GIB))
    array.create_snapshots([SnapshotSpec("s1", array.volumes(["v1"]).items[0])])

    def change(path: str, answer: dict[str, Any]) -> None:
        for row in (*answer.get("volumeList", ()), *answer.get("snapshotList", ())):
            row["status"] = status

    change_answers(array, monkeypatch, change)
    assert [snapshot.state for snapshot in array.snapshots()] == [state]
    assert [volume.state for volume in array.volumes()] == [state]


def test_a_snapshot_that_the_array_is_still_making_is_not_in_error(
    dsware_rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = dsware_rest.connect()
    array.create_volume(VolumeSpec("v1", GIB))
    array.create_snapshots([SnapshotSpec("s1", array.volumes(["v1"]).items[0])])

    def change(path: str, answer: dict[str, Any]) -> None:
        for row in answer.get("snapshotList", ()):
            row["status"] = 5

    change_answers(array, monkeypatch, change)
    assert [snapshot.state for snapshot in array.snapshots()] == ["copying"]


def test_a_volume_without_a_status_cannot_be_read(
    dsware_rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = dsware_rest.connect()
    array.create_volume(VolumeSpec("v1", GIB))
    change_answers(array, monkeypatch, lambda path, answer: answer.get("lunDetailInfo", {}).pop("status", None))
    volumes = array.volumes(["v1"])
    assert (volumes.items, [entry.name for entry in volumes.unreadable]) == ((), ["v1"])


@pytest.mark.parametrize("missing", ["lunName", "lunId"])
def test_a_mapping_that_cannot_be_read_is_not_absent(
    dsware_rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    array = dsware_rest.connect()
    array.create_volume(VolumeSpec("v1", GIB))
    host = array.create_host("h1", [Initiator("iqn.2026-01.org.example:h1", "iscsi")])
    array.map_volume(array.volumes(["v1"]).items[0], host)

    def change(path: str, answer: dict[str, Any]) -> None:
        for row in answer.get("hostLunList", ()):
            del row[missing]

    change_answers(array, monkeypatch, change)
    for listing in (array.mappings(), array.mappings(volumes=["v1"]), array.mappings(hosts=["h1"])):
        assert listing.items == ()
        assert not listing.complete
        assert [entry.kind for entry in listing.unreadable] == ["mapping"]


def test_a_host_without_a_name_ends_the_read(dsware_rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch) -> None:
    array = dsware_rest.connect()
    array.create_host("h1", [Initiator("iqn.2026-01.org.example:h1", "iscsi")])
    change_answers(
        array, monkeypatch, lambda path, answer: [row.pop("hostName") for row in answer.get("hostList", ())] and None
    )
    with pytest.raises(errors.BadReply, match="the name of one of its hosts"):
        array.hosts()


def test_an_unfinished_copy_whose_marker_cannot_be_read_is_not_listed(
    dsware_rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = dsware_rest.connect()
    array.create_volume(VolumeSpec("v1", GIB))
    array._wire.create_snapshot(names.marker("volume", "v1"), "v1")

    def change(path: str, answer: dict[str, Any]) -> None:
        for row in answer.get("snapshotList", ()):
            del row["snapSize"]

    change_answers(array, monkeypatch, change)
    assert array.volumes().items == ()
