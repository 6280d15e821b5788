# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Dsware that behaves otherwise than is assumed. No data is lost, and an error names the assumption."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Initiator,
    Snapshot,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.client import Dsware
from tests.arrays.dsware import SimulatedDsware

IQN = Initiator("iqn.1994-05.com.redhat:a", "iscsi")


@pytest.fixture
def odd(dsware_rest: SimulatedDsware) -> Iterator[SimulatedDsware]:
    """An array that is as assumed again after the test."""
    yield dsware_rest
    dsware_rest.assume({"dsware.socket.extensions": True})


def made(array: Dsware) -> tuple[model.Volume, Snapshot]:
    volume = array.create_volume(VolumeSpec("v1", GIB))
    return volume, array.create_snapshots([SnapshotSpec("s1", volume)])[0]


def content(simulated: SimulatedDsware, name: str) -> Any:
    return next(row["content"] for row in simulated.state()["volumes"] if row["name"] == name)


def restores(simulated: SimulatedDsware, mark: int) -> int:
    return sum(entry["change"] == "volume.overwrite" for entry in simulated.changes(mark))


def test_a_restore_ends_when_the_array_has_carried_it_out(odd: SimulatedDsware) -> None:
    array = odd.connect()
    volume, snapshot = made(array)
    odd.assume({"dsware.restore.answer": "later"})
    mark = odd.mark()
    array.restore_snapshot(volume, snapshot, "before")
    assert restores(odd, mark) == 1, "what a host writes after the task would be lost"


@pytest.mark.parametrize("answer", ["50153010", "later_50153010", "undone_50153010"])
def test_a_restore_that_is_answered_by_an_unknown_code_keeps_the_backup(odd: SimulatedDsware, answer: str) -> None:
    array = odd.connect()
    volume, snapshot = made(array)
    former = content(odd, "v1")
    odd.assume({"dsware.restore.answer": answer})
    with pytest.raises(errors.FlashError) as caught:
        array.restore_snapshot(volume, snapshot, "before")
    assert (caught.value.code, caught.value.assumption) == ("50153010", "dsware.restore.answer")
    assert "compare it with the snapshot" in str(caught.value)
    assert content(odd, "before") == former


def test_a_restore_whose_answer_was_lost_is_not_sent_again(odd: SimulatedDsware) -> None:
    array = odd.connect()
    volume, snapshot = made(array)
    mark = odd.mark()
    odd.fault("reset_after", match={"path": "snapshot/rollback"})
    with pytest.raises(errors.Unreachable) as caught:
        array.restore_snapshot(volume, snapshot, "before")
    assert caught.value.assumption == "dsware.restore.answer"
    assert restores(odd, mark) == 1


def test_a_volume_with_snapshots_is_kept_where_the_array_would_delete_them(odd: SimulatedDsware) -> None:
    array = odd.connect()
    volume, _snapshot = made(array)
    odd.assume({"dsware.volumes.deleted_with_snapshots": "deleted_too"})
    with pytest.raises(errors.InUse, match="it has snapshots: s1"):
        array.delete_volume(volume)
    assert odd.names() == ["s1", "v1"]


@pytest.mark.parametrize("code", ["50155103", "50159999"])
def test_whether_a_host_exists_is_read_and_not_concluded_from_a_code(odd: SimulatedDsware, code: str) -> None:
    array = odd.connect()
    odd.assume({"dsware.hosts.not_found": code})
    array.delete_host(model.Host("gone"))
    assert array.mappings(hosts=["gone"]).items == ()


def test_a_number_that_is_no_lun_is_not_reported_as_one(odd: SimulatedDsware) -> None:
    array = odd.connect()
    volume, _snapshot = made(array)
    host = array.create_host("h1", [IQN])
    odd.assume({"dsware.luns.lun_id": "identity"})
    assert array.map_volume(volume, host).lun is None


def test_each_call_is_sent_as_a_client_of_the_vendor_sends_it(odd: SimulatedDsware) -> None:
    odd.assume({"dsware.rest.versions": "as_clients_send", "dsware.rest.unknown_keys": "refused"})
    array = odd.connect()
    volume, snapshot = made(array)
    array.extend_volume(array.clone_volume(volume, VolumeSpec("c1")), 2 * GIB)
    array.clone_volume(volume, VolumeSpec("c2", options={"full_clone": True}))
    array.restore_snapshot(volume, snapshot, "before")
    assert {one.name for one in array.snapshots(volumes=["v1"])} == {"before", "s1"}
    assert len(array.volumes().items) == 3
    mapping = array.map_volume(volume, array.create_host("h1", [IQN]))
    assert [one.volume for one in array.mappings(hosts=["h1"])] == ["v1"]
    array.unmap_volume(mapping)
    array.delete_host(array.hosts(["h1"]).items[0])
    assert array.info().serial


@pytest.mark.parametrize(
    ("played", "act"),
    [
        ({"dsware.names.longest": 45}, lambda array: array.create_volume(VolumeSpec("v" * 46, GIB))),
        (
            {"dsware.names.characters": r"[A-Za-z][A-Za-z0-9_-]*"},
            lambda array: array.create_volume(VolumeSpec("1", GIB)),
        ),
        ({"dsware.names.host_longest": 15}, lambda array: array.create_host("h" * 16, [IQN])),
        ({"dsware.volumes.largest": 1 << 40}, lambda array: array.create_volume(VolumeSpec("v", 2 << 40))),
        (
            {"dsware.hosts.group_needed": True},
            lambda array: array.map_volume(array.create_volume(VolumeSpec("v", GIB)), array.create_host("h", [IQN])),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_refusal_names_the_assumption_that_it_may_come_from(
    odd: SimulatedDsware, played: dict[str, Any], act: Any
) -> None:
    array = odd.connect()
    odd.assume(played)
    with pytest.raises(errors.FlashError) as caught:
        act(array)
    assert caught.value.assumption == next(iter(played))


def test_snapshots_of_which_the_array_does_not_report_the_volume_are_not_proven(odd: SimulatedDsware) -> None:
    array = odd.connect()
    made(array)
    odd.assume({"dsware.snapshots.volume_key": "none"})
    assert [one.proven for one in array.snapshots(["s1"])] == [False]
    odd.assume({"dsware.snapshots.volume_key": "volumeName"})
    assert [one.volume for one in array.snapshots(["s1"])] == ["v1"]


def test_volumes_whose_list_has_no_status_are_read_by_name(odd: SimulatedDsware) -> None:
    array = odd.connect()
    made(array)
    odd.assume({"dsware.lists.status": False, "dsware.rest.page_size": 2})
    assert [(one.name, one.state) for one in array.volumes()] == [("v1", model.READY)]
