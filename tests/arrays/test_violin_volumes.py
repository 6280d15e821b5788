# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes, pools and snapshots of a Violin (wire sheet, sections 2.1 to 2.4, 2.8 and 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    Busy,
    Conflict,
    InUse,
    Invalid,
    NoSpace,
    NotFound,
    Refused,
    Unreachable,
    Unsupported,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import SnapshotSpec, VolumeSpec
from tests.arrays.violin import GIB, MIB, ViolinArray, empty_array, fc, snapshot, volume
from tests.support.running import wait_until
from tests.support.simulator import Simulator

POOLS = [{"name": "Small", "size": "10GiB"}, {"name": "Big", "size": "20GiB"}]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    arrays: list[dict[str, Any]] = [
        {"name": version, "vendor": "violin", "version": version} for version in ("7.5.3", "7.5.5", "7.5.6")
    ]
    arrays.append({"name": "pools", "vendor": "violin", "pools": POOLS})
    dedup = [{"name": "PoolA", "size": "10TiB"}, {"name": "PoolDedup", "size": "20TiB"}]
    arrays.append({"name": "7700", "vendor": "violin", "model": 7700, "pools": dedup})
    with Simulator(arrays) as running:
        yield running


@pytest.fixture(params=["7.5.3", "7.5.5", "7.5.6"])
def array(simulator: Simulator, request: pytest.FixtureRequest) -> ViolinArray:
    return empty_array(simulator, request.param)


@pytest.fixture
def pools(simulator: Simulator) -> ViolinArray:
    return empty_array(simulator, "pools")


@pytest.mark.parametrize("kind", ["thick", "thin", "dedup"])
def test_a_volume_has_the_requested_provisioning_and_size_on_every_version(array: ViolinArray, kind: str) -> None:
    with array.client() as client:
        created = volume(client, "db1", 10 * GIB, provisioning=kind)
        read = client.volumes(["db1"]).items[0]
    held = array.volumes()["db1"]
    assert (held["size"], held["provisioning"]) == (10 * GIB, kind)
    assert (created.id, created.size, created.provisioning) == (read.id, read.size, read.provisioning)
    assert read.options.get("encrypted", False) is False
    bodies = [request["body"]["params"] for request in array.writes(0) if request["method"] == "POST"]
    assert "encrypted" not in bodies[-1]


def test_a_volume_is_encrypted_only_on_request(simulator: Simulator) -> None:
    new = empty_array(simulator, "7.5.6")
    with new.client() as client:
        volume(client, "secret", options={"encrypted": True})
        assert client.volumes(["secret"]).items[0].options == {"encrypted": True}
        with pytest.raises(Conflict, match="it is encrypted"):
            volume(client, "secret")
    with empty_array(simulator, "7.5.5").client() as client:
        assert client.capabilities.volume_options == {}


def test_an_existing_volume_is_compared_with_the_requested_one(array: ViolinArray) -> None:
    with array.client() as client:
        first = volume(client, "db1")
        assert volume(client, "db1").id == first.id
        with pytest.raises(Conflict, match="it has 1GiB instead of 2GiB"):
            volume(client, "db1", 2 * GIB)
        with pytest.raises(Conflict, match="it is thick and not thin"):
            volume(client, "db1", provisioning="thin")
    assert len(array.volumes()) == 1


def test_an_extension_is_computed_from_the_size_on_the_array(array: ViolinArray) -> None:
    with array.client() as client:
        stale = volume(client, "db1")
        client.extend_volume(stale, 3 * GIB)
        assert client.extend_volume(stale, 4 * GIB).size == 4 * GIB
        assert client.extend_volume(stale, 4 * GIB).size == 4 * GIB
        with pytest.raises(Refused, match="never shrinks"):
            client.extend_volume(stale, 2 * GIB)
    assert array.volumes()["db1"]["size"] == 4 * GIB


ON_A_VOLUME: dict[str, Callable[[Any, Any], Any]] = {
    "extend": lambda client, deleted: client.extend_volume(deleted, 4 * GIB),
    "rename": lambda client, deleted: client.rename_volume(deleted, "db2"),
    "snapshot": lambda client, deleted: snapshot(client, deleted, "snap"),
    "clone": lambda client, deleted: client.clone_volume(deleted, VolumeSpec("db2")),
    "map": lambda client, deleted: client.map_volume(deleted, client.hosts(["server"]).items[0]),
}


@pytest.mark.parametrize("kind", ["thick", "thin"])
@pytest.mark.parametrize("work", ON_A_VOLUME.values(), ids=ON_A_VOLUME)
@pytest.mark.parametrize("before", ["first request", "first change"])
def test_a_volume_that_another_run_deletes_is_reported_as_not_there(
    array: ViolinArray, work: Any, kind: str, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The array refuses with a message that does not say it, at whatever request the volume is gone."""
    with array.client() as other, array.client() as client:
        deleted = volume(client, "db1", provisioning=kind)
        client.create_host("server", [fc()])
        ask = client._concerto._ask

        def deleting(method: str, *args: Any, **more: Any) -> Any:
            if before == "first request" or method != "GET":
                other.delete_volume(replace(deleted, id=""))
            return ask(method, *args, **more)

        monkeypatch.setattr(client._concerto, "_ask", deleting)
        with pytest.raises(NotFound, match="volume db1 is not there") as caught:
            work(client, deleted)
        assert caught.value.kind == "not_found"
    assert array.volumes() == {}


@pytest.mark.parametrize("kind", ["reset_after", "truncated", "non_json"])
def test_an_extension_whose_answer_was_lost_is_not_repeated(array: ViolinArray, kind: str) -> None:
    with array.client() as client:
        created = volume(client, "db1")
        array.fault(kind=kind, match={"method": "PUT"})
        assert client.extend_volume(created, 2 * GIB).size == 2 * GIB
        assert array.volumes()["db1"]["size"] == 2 * GIB


@pytest.mark.parametrize("fault", [{"kind": "reset_late", "seconds": 2.0}, {"kind": "latency", "seconds": 3.0}])
def test_an_extension_that_goes_on_after_its_answer_was_lost_is_waited_for(
    simulator: Simulator, fault: dict[str, Any]
) -> None:
    array = empty_array(simulator, "7.5.5")
    with array.client(timeout=2.5) as client:
        created = volume(client, "db1")
        array.fault(**fault, match={"method": "PUT"})
        mark = array.mark()
        assert client.extend_volume(created, 2 * GIB).size == 2 * GIB
        assert len(array.writes(mark)) == 1
    assert array.volumes()["db1"]["size"] == 2 * GIB


def test_an_extension_that_may_still_be_carried_out_is_an_error_and_not_sent_again(simulator: Simulator) -> None:
    array = empty_array(simulator, "7.5.5")
    with array.client(timeout=0.5) as client:
        created = volume(client, "db1")
        array.fault(kind="reset_late", seconds=4.0, match={"method": "PUT"})
        mark = array.mark()
        with pytest.raises(Unreachable, match="still has 1GiB instead of 2GiB.*nothing more was sent"):
            client.extend_volume(created, 2 * GIB)
        assert len(array.writes(mark)) == 1
    wait_until(lambda: array.volumes()["db1"]["size"] == 2 * GIB, 30, "it is never carried out")
    with array.client() as client:
        assert client.extend_volume(created, 2 * GIB).size == 2 * GIB


def test_an_extension_that_was_never_carried_out_is_made_by_the_next_run(simulator: Simulator) -> None:
    array = empty_array(simulator, "7.5.5")
    with array.client(timeout=0.5) as client:
        created = volume(client, "db1")
        array.fault(kind="reset_before", match={"method": "PUT"})
        with pytest.raises(Unreachable, match="nothing more was sent"):
            client.extend_volume(created, 2 * GIB)
        assert client.extend_volume(created, 2 * GIB).size == 2 * GIB
    assert array.volumes()["db1"]["size"] == 2 * GIB


def test_a_dedup_volume_is_not_extended_on_a_7300(array: ViolinArray) -> None:
    with array.client() as client:
        created = volume(client, "db1", provisioning="dedup")
        mark = array.mark()
        with pytest.raises(Unsupported, match="a 7300 cannot extend a dedup volume"):
            client.extend_volume(created, 2 * GIB)
        assert array.requests(mark) == []


# ---- pools -----------------------------------------------------------------------------------------------------------


def test_the_pool_is_the_one_named_or_the_one_with_most_or_least_room(pools: ViolinArray) -> None:
    with pools.client() as client:
        assert volume(client, "named", pool="Small").pool == "Small"
        assert volume(client, "most").pool == "Big"
        with pytest.raises(Invalid, match="there is no pool Nowhere.*Big, Small"):
            volume(client, "db1", pool="Nowhere")
    with pools.client(options={"pool_selection": "smallest"}) as client:
        assert volume(client, "least").pool == "Small"
    assert {name: row["pool"] for name, row in pools.volumes().items()} == {
        "named": "Small",
        "most": "Big",
        "least": "Small",
    }


def test_the_configuration_repository_is_not_a_pool(pools: ViolinArray) -> None:
    with pools.client() as client:
        assert [pool.name for pool in client.pools()] == ["Small", "Big"]
        assert client.capacity().size == 30 * GIB
        with pytest.raises(Invalid):
            volume(client, "db1", pool="ConfigurationRepository")


def test_a_thin_volume_does_not_need_its_full_size_free(pools: ViolinArray) -> None:
    with pools.client() as client:
        assert volume(client, "thin", 100 * GIB, provisioning="thin").pool == "Big"
        with pytest.raises(NoSpace, match="no pool has room for 100GiB"):
            volume(client, "thick", 100 * GIB)
        with pytest.raises(NoSpace):
            volume(client, "thin2", 500 * GIB, provisioning="thin")


def test_a_pool_that_the_array_finds_full_is_reported(pools: ViolinArray) -> None:
    with pools.client() as client:
        pools.fault(kind="pool_full", match={"method": "POST"})
        with pytest.raises(NoSpace, match="the pool has no room for it"):
            volume(client, "db1")
    assert pools.volumes() == {}


def test_on_a_7700_the_task_says_which_pools_deduplicate(simulator: Simulator) -> None:
    array = empty_array(simulator, "7700")
    with array.client() as client:
        assert client.info().model == "7700"
        assert client.capabilities.provisioning == ("thick", "thin")
    with array.client(options={"dedup_only_pools": ["PoolDedup"]}) as client:
        assert volume(client, "dedup", provisioning="dedup").pool == "PoolDedup"
        # The other pool has less room, and is the only one for these volumes
        assert volume(client, "thick").pool == "PoolA"
        assert volume(client, "thin", provisioning="thin").pool == "PoolA"
        with pytest.raises(Invalid, match="pool PoolDedup is not for thick volumes"):
            volume(client, "wrong", pool="PoolDedup")
        assert client.extend_volume(client.volumes(["dedup"]).items[0], 2 * GIB).size == 2 * GIB
    sent = [request["body"]["params"]["dedup"] for request in array.writes(0) if request["method"] == "POST"]
    assert True not in sent
    assert array.volumes()["dedup"]["provisioning"] == "dedup"


def test_snapshots_can_be_taken_on_a_7700_with_dedup_pools_only(simulator: Simulator) -> None:
    """The snapshot resource is not a volume, and may be in a dedup pool where there is no other."""
    array = empty_array(simulator, "7700")
    with array.client(options={"dedup_only_pools": ["PoolDedup"]}) as client:
        snapshot(client, volume(client, "db1"), "monday")
    with array.client(options={"dedup_only_pools": ["PoolDedup", "PoolA"]}) as client:
        created = volume(client, "db2", provisioning="dedup")
        assert snapshot(client, created, "monday").volume == "db2"
    ids = {row["name"]: row["id"] for row in array.endpoint["pools"]}
    areas = [request["body"]["params"] for request in array.writes(0) if "/snapshotresource/" in request["path"]]
    assert [area["storagepoolID"] for area in areas[-2:]] == [ids["PoolA"], ids["PoolDedup"]]


# ---- snapshots -------------------------------------------------------------------------------------------------------


def test_the_first_snapshot_creates_the_resource_and_policy_and_the_last_leaves_them(array: ViolinArray) -> None:
    since = array.mark()
    with array.client() as client:
        created = volume(client, "db1", 3 * GIB)
        taken = snapshot(client, created, "monday")
        assert (taken.proven, taken.volume, taken.created is not None) == (True, "db1", True)
        area = [request["body"]["params"] for request in array.writes(since) if "snapshotresource" in request["path"]]
        assert area[-1]["sizeMB"] == 615
        mark = array.mark()
        client.delete_snapshot(taken)
        assert [request["method"] for request in array.writes(mark)] == ["DELETE"]
        snapshot(client, created, "tuesday")
    assert [row["name"] for row in array.volumes().values() if row["kind"] == "snapshot"] == ["tuesday"]


def test_a_snapshot_is_taken_once(array: ViolinArray) -> None:
    with array.client() as client:
        created = volume(client, "db1")
        first = snapshot(client, created, "monday")
        listed = client.volumes(["db1"]).items[0]
        assert snapshot(client, listed, "monday").id == first.id
        for kind in ("reset_after", "reset_before", "truncated"):
            array.fault(kind=kind, match={"method": "POST", "path": "/timemark/"})
            snapshot(client, listed, kind)
        names = sorted(item.name for item in client.snapshots(volumes=["db1"]))
    assert names == ["monday", "reset_after", "reset_before", "truncated"]


def test_every_volume_may_have_a_snapshot_of_the_same_name(array: ViolinArray) -> None:
    with array.client() as client:
        for name in ("db1", "db2"):
            snapshot(client, volume(client, name), "monday")
        assert [(item.volume, item.name) for item in client.snapshots(volumes=["db2"])] == [("db2", "monday")]
        assert len(client.snapshots(names=["monday"])) == 2
        assert len(client.snapshots()) == 2


def test_a_snapshot_name_has_at_most_32_characters(array: ViolinArray) -> None:
    with array.client() as client:
        created = volume(client, "db1")
        assert client.capabilities.snapshot_name.longest == 32
        snapshot(client, created, "x" * 32)
        mark = array.mark()
        with pytest.raises(Refused, match="at most 32"):
            snapshot(client, created, "x" * 33)
        assert array.requests(mark) == []


def test_an_answer_that_is_not_json_means_that_there_is_no_policy(array: ViolinArray) -> None:
    with array.client() as client:
        created = volume(client, "db1")
        assert client.snapshots(volumes=["db1"]).items == ()
        client.create_snapshots([SnapshotSpec("monday", created)])
        area = f"/logicalresource/timemarkpolicy/{created.id}"
        taken = client.snapshots(volumes=["db1"]).items[0]
        client.delete_snapshot(taken)
        array.raw("DELETE", area)
        # A run that is killed after the first request leaves a resource without a policy
        snapshot(client, client.volumes(["db1"]).items[0], "tuesday")
        assert [item.name for item in client.snapshots(volumes=["db1"])] == ["tuesday"]


def test_deleting_a_busy_snapshot_is_retried_until_wait_timeout(array: ViolinArray) -> None:
    with array.client(wait_timeout=1.0) as client:
        created = volume(client, "db1")
        taken = snapshot(client, created, "monday")
        array.fault(kind="busy", match={"method": "DELETE"}, count=2)
        client.delete_snapshot(taken)
        taken = snapshot(client, client.volumes(["db1"]).items[0], "tuesday")
        array.fault(kind="busy", match={"method": "DELETE"}, count=None)
        mark = array.mark()
        with pytest.raises(Busy, match="stayed busy until wait_timeout"):
            client.delete_snapshot(taken)
        assert 2 < len(array.writes(mark)) < 10
        array.clear_faults()


# ---- delete ----------------------------------------------------------------------------------------------------------


def test_deleting_a_deleted_volume_or_snapshot_succeeds(array: ViolinArray) -> None:
    with array.client() as client:
        created = volume(client, "db1")
        taken = snapshot(client, created, "monday")
        client.delete_snapshot(taken)
        client.delete_snapshot(taken)
        client.delete_volume(created)
        client.delete_volume(created)
        client.delete_snapshot(taken)
    assert array.volumes() == {}


def test_a_mapped_volume_is_not_deleted(array: ViolinArray) -> None:
    with array.client() as client:
        created = volume(client, "db1")
        mapped = client.map_volume(created, client.create_host("server", [fc()]))
        with pytest.raises(InUse, match="mapped to server"):
            client.delete_volume(created)
        client.unmap_volume(mapped)
        client.delete_volume(created)
    assert array.volumes() == {}


def test_a_volume_with_snapshots_is_not_deleted_and_keeps_its_policy(array: ViolinArray) -> None:
    with array.client() as client:
        created = volume(client, "db1")
        snapshot(client, created, "monday")
        mark = array.mark()
        with pytest.raises(InUse, match="it has snapshots: monday"):
            client.delete_volume(created)
        assert array.writes(mark) == []


def test_a_snapshot_is_deleted_by_id_and_not_by_name(array: ViolinArray) -> None:
    """That comments are unique is not documented, so the id of the snapshot that was read decides."""
    with array.client() as client:
        created = volume(client, "db1")
        first = snapshot(client, created, "monday")
        client.delete_snapshot(first)
        second = snapshot(client, client.volumes(["db1"]).items[0], "monday")
        mark = array.mark()
        client.delete_snapshot(first)
        assert array.writes(mark) == []
        assert [item.id for item in client.snapshots(volumes=["db1"])] == [second.id]


def test_resource_and_policy_are_removed_with_the_volume(array: ViolinArray) -> None:
    """The policy is removed first, and only after an empty list of snapshots was read (section 4)."""
    with array.client() as client:
        created = volume(client, "db1")
        mark = array.mark()
        client.delete_snapshot(snapshot(client, created, "monday"))
        kinds = ("snapshotresource", "timemarkpolicy")
        assert not [
            request for request in array.writes(mark) if request["method"] == "DELETE" and _kind(request) in kinds
        ]
        mark = array.mark()
        client.delete_volume(created)
    requests = [
        (request["method"], _kind(request)) for request in array.requests(mark) if "/client/" not in request["path"]
    ]
    assert requests == [
        ("GET", "sanresource"),
        ("GET", "timemark"),
        ("GET", "timemarkpolicy"),
        ("DELETE", "timemarkpolicy"),
        ("DELETE", "snapshotresource"),
        ("DELETE", "sanresource"),
        ("GET", "sanresource"),
    ]
    assert not [request for request in array.writes(0) if "force" in str(request["body"])]


def _kind(request: dict[str, Any]) -> str:
    return str(request["path"].split("/")[3])


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"automatic": {"enabled": True}}, "takes snapshots by a schedule"),
        ({"CDPOption": {"enabled": True}}, "keeps a CDP journal"),
        ({"triggerReplication": True}, "replicates the volume"),
    ],
)
def test_a_snapshot_policy_that_somebody_uses_is_not_removed(
    simulator: Simulator, setting: dict[str, Any], reason: str
) -> None:
    array = empty_array(simulator, "7.5.5")
    with array.client() as client:
        created = volume(client, "db1")
        area, policy = (f"/logicalresource/{kind}/{created.id}" for kind in ("snapshotresource", "timemarkpolicy"))
        array.raw("POST", area, {"params": {"sizeMB": 512, "policy": "preserveAll"}})
        array.raw("POST", policy, {"params": {"maxTimeMarkCount": 100, **setting}})
        mark = array.mark()
        with pytest.raises(InUse, match=reason):
            client.delete_volume(created)
        assert array.writes(mark) == []


def test_a_delete_that_is_interrupted_is_finished_by_the_next_run(simulator: Simulator) -> None:
    """The next run deletes what remains, whichever request was the last."""
    array = empty_array(simulator, "7.5.5")
    with array.client() as client:
        for cut in range(4):
            created = volume(client, "db1")
            client.delete_snapshot(snapshot(client, created, "monday"))
            array.fault(kind="http_status", status=500, match={"method": "DELETE"}, skip=cut, count=None)
            try:
                client.delete_volume(created)
            except Exception as error:
                if cut >= 3:
                    raise AssertionError("the fourth request is not needed") from error
            array.clear_faults()
            client.delete_volume(created)
            assert array.volumes() == {}


def test_names_are_compared_exactly(array: ViolinArray) -> None:
    with array.client() as client:
        for name in ("db1", "db10", "DB1"):
            volume(client, name, MIB)
        assert [item.name for item in client.volumes(["db1"])] == ["db1"]
        assert sorted(item.name for item in client.volumes(["db1", "DB1", "nothing"])) == ["DB1", "db1"]
        renamed = client.rename_volume(client.volumes(["db1"]).items[0], "db2")
        assert renamed.name == "db2"
        with pytest.raises(Conflict, match="a volume of that name"):
            client.rename_volume(renamed, "db10")
        assert client.create_volume(VolumeSpec("db2", MIB)).id == renamed.id
