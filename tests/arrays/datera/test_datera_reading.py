# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads of a Datera are complete, and no volume goes offline without need or stays offline without a report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.facts import gather
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    EVERY_HOST,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired as options
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.desired import DesiredState
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.datera.client import Datera
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.datera.session import EdfSession
from tests.arrays.datera.conftest import IQN1, IQN2, SimulatedEdf
from tests.support.one_array import make_volume
from tests.support.planning import carried_out
from tests.support.simulator import Simulator

OFFLINE_CHANGES = {"offline_changes": True}


def volumes(*items: dict[str, Any]) -> DesiredState:
    return options.volumes(items, {})


def maps(**item: Any) -> DesiredState:
    return options.host_maps([item], {})


def open_to_all(edf: SimulatedEdf, name: str = "vol1") -> None:
    """Create a volume that every initiator may use, as other clients do."""
    storage = {"name": "storage-1", "volumes": [{"name": "volume-1", "size": 1, "replica_count": 1}]}
    body = {"name": name, "access_control_mode": "allow_all", "storage_instances": [storage]}
    assert "id" in edf.raw("POST", "/app_instances", body)


def mode(edf: SimulatedEdf, name: str = "vol1") -> str:
    return str(edf.raw("GET", f"/app_instances/{name}")["storage_instances"][0]["access_control_mode"])


def change_answers(array: Datera, monkeypatch: pytest.MonkeyPatch, change: Callable[[str, Any], None]) -> None:
    """Pass the data of each answer to ``change``, which may alter it."""
    data = EdfSession._data

    def changed(self: EdfSession, reply: Any) -> Any:
        answer = data(self, reply)
        change(reply.request, answer)
        return answer

    monkeypatch.setattr(EdfSession, "_data", changed)


def instances(data: Any) -> list[dict[str, Any]]:
    """The app instances in an answer."""
    rows = data if isinstance(data, list) else [data]
    return [row for row in rows if isinstance(row, dict) and "storage_instances" in row]


# -- every initiator ---------------------------------------------------------------------------------------------------


def test_a_volume_that_every_initiator_may_use_counts_as_mapped(edf: SimulatedEdf) -> None:
    open_to_all(edf)
    array = edf.connect()
    (volume,) = array.volumes()
    assert [(mapping.host, mapping.lun, mapping.open) for mapping in volume.mappings or ()] == [(EVERY_HOST, 0, False)]
    assert [mapping.host for mapping in array.mappings()] == [EVERY_HOST]
    facts = gather(array, ["volumes", "mappings"], {})
    shown = {"host": "*", "volume": "vol1", "lun": 0, "device": None}
    assert facts["mappings"] == facts["volumes"][0]["mappings"] == [shown]
    with pytest.raises(errors.InUse, match="every initiator may use it"):
        array.delete_volume(volume)


def test_deleting_a_volume_that_every_initiator_may_use_takes_unmap_and_its_own_step(edf: SimulatedEdf) -> None:
    open_to_all(edf)
    array = edf.connect()
    absent = volumes({"name": "vol1", "state": "absent"})
    with pytest.raises(errors.Refused, match=r"every initiator may use it \(host: '\*'\)") as caught:
        carried_out(array, absent)
    assert "set unmap: true" in str(caught.value)
    assert mode(edf) == "allow_all"
    plan = carried_out(array, absent, unmap=True)
    assert plan.lines == ("end the access of every initiator to volume vol1", "delete volume vol1")
    assert edf.names() == []


def test_access_of_every_initiator_is_not_ended_while_any_host_has_a_session(
    edf33: SimulatedEdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_to_all(edf33)
    array = edf33.connect()

    def change(request: str, data: Any) -> None:
        for instance in instances(data):
            for storage in instance["storage_instances"]:
                storage["active_initiators"] = [{"path": "/initiators/iqn.2026-01.org.example:unknown"}]

    change_answers(array, monkeypatch, change)
    with pytest.raises(errors.Refused, match="a host has an open session on volume vol1") as caught:
        carried_out(array, volumes({"name": "vol1", "state": "absent"}), unmap=True)
    assert "force: true" in str(caught.value)
    assert mode(edf33) == "allow_all"


def test_restoring_a_volume_that_every_initiator_may_use_takes_unmap(edf33: SimulatedEdf) -> None:
    open_to_all(edf33)
    array = edf33.connect()
    array.create_snapshots([SnapshotSpec("s1", array.volumes().items[0])])
    restored = options.snapshots([{"name": "s1", "volume": "vol1", "state": "restored", "backup": "before"}], {})
    with pytest.raises(errors.Refused, match="every initiator may use it"):
        carried_out(array, restored)
    assert "end the access of every initiator to volume vol1" in carried_out(array, restored, unmap=True).lines


def test_mapping_a_volume_that_every_initiator_may_use_is_refused_or_warned_of(edf: SimulatedEdf) -> None:
    open_to_all(edf)
    array = edf.connect()
    requested = maps(host="host1", initiators=[IQN1.address], volume="vol1")
    with pytest.raises(errors.Refused, match="every initiator may use it"):
        carried_out(array, requested)
    plan = carried_out(array, requested, shared=True)
    assert any("every initiator may use volume vol1, not host host1 only" in warning for warning in plan.warnings)
    assert mode(edf) == "allow_all"
    assert {mapping.host for mapping in array.mappings()} == {"host1", EVERY_HOST}
    carried_out(array, maps(host=EVERY_HOST, volume="vol1", state="absent"))
    assert mode(edf) == "deny_all"
    assert [mapping.host for mapping in array.mappings()] == ["host1"]
    assert carried_out(array, maps(host=EVERY_HOST, volume="vol1", state="absent")).lines == ()


def test_exclusive_warns_of_volumes_that_every_initiator_may_use(edf33: SimulatedEdf) -> None:
    open_to_all(edf33)
    array = edf33.connect()
    make_volume(array, "own")
    requested = maps(host="host1", initiators=[IQN1.address], volume="own", exclusive=True)
    carried_out(array, requested)
    plan = carried_out(array, requested)
    assert plan.lines == ()
    assert any("every initiator may use vol1, so host host1 may too" in warning for warning in plan.warnings)


@pytest.mark.parametrize("key", ["access_control_mode", "acl_policy"])
def test_access_that_is_not_reported_is_not_taken_for_none(
    edf33: SimulatedEdf, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    array = edf33.connect()
    make_volume(array)

    def change(request: str, data: Any) -> None:
        for instance in instances(data):
            for owner in (instance, *instance["storage_instances"]):
                owner.pop(key, None)

    change_answers(array, monkeypatch, change)
    for listing in (array.volumes(), array.volumes(["vol1"]), array.mappings()):
        assert listing.items == ()
        assert [entry.name for entry in listing.unreadable] == ["vol1"]
    with pytest.raises(errors.BadReply, match="its description could not be read"):
        carried_out(array, volumes({"name": "vol1", "state": "absent"}))


# -- snapshots of app instances ----------------------------------------------------------------------------------------


@pytest.fixture(params=["3.3", "odd", "odd-2.2"])
def snapped(datera_simulator: Simulator, request: pytest.FixtureRequest) -> SimulatedEdf:
    """A volume with a snapshot of its app instance. The volume reports it too, except on the arrays named odd."""
    edf = SimulatedEdf(datera_simulator, request.param)
    make_volume(edf.connect(), "vol1")
    assert "utc_ts" in edf.raw("POST", "/app_instances/vol1/snapshots", {})
    return edf


def test_a_snapshot_of_an_app_instance_is_listed_as_one_of_its_group(snapped: SimulatedEdf) -> None:
    array = snapped.connect()
    (volume,) = array.volumes(["vol1"])
    (snapshot,) = array.snapshots(volumes=["vol1"])
    taken = snapped.raw("GET", "/app_instances/vol1/snapshots")[0]
    name = f"instance-{taken['utc_ts']}"
    assert (snapshot.name, snapshot.volume, snapshot.group) == (name, "vol1", "vol1")
    assert volume.snapshots == (name,)
    for listing in (array.snapshots(), array.snapshots([name])):
        assert [(item.id, item.name, item.group) for item in listing] == [(snapshot.id, name, "vol1")]
    assert array.volumes().items[0].snapshots is None, "a list does not report their names"


def test_a_volume_with_a_snapshot_of_its_app_instance_is_not_deleted(snapped: SimulatedEdf) -> None:
    array = snapped.connect()
    absent = volumes({"name": "vol1", "state": "absent"})
    with pytest.raises(errors.Refused, match="it has snapshots: "):
        carried_out(array, absent)
    with pytest.raises(errors.InUse, match="it has snapshots"):
        array.delete_volume(array.volumes().items[0])
    carried_out(array, absent, delete_snapshots=True)
    assert snapped.names() == []


def test_a_snapshot_of_an_app_instance_is_deleted_by_its_name(snapped: SimulatedEdf) -> None:
    array = snapped.connect()
    (snapshot,) = array.snapshots()
    carried_out(array, options.snapshots([{"name": snapshot.name, "volume": "vol1", "state": "absent"}], {}))
    assert array.snapshots().items == ()
    assert snapped.raw("GET", "/app_instances/vol1/snapshots") == []
    assert snapped.names() == ["vol1"]


def test_a_snapshot_that_only_the_app_instance_reports_cannot_be_copied_or_restored(odd: SimulatedEdf) -> None:
    array = odd.connect()
    make_volume(array, "vol1")
    odd.raw("POST", "/app_instances/vol1/snapshots", {})
    (snapshot,) = array.snapshots()
    for operation in ("volume_from_snapshot", "restore_snapshot"):
        assert "complete app instance vol1" in str(array.capabilities.refusal(operation, snapshot))


def test_a_snapshot_of_an_app_instance_is_not_deleted_for_one_volume_of_several(edf33: SimulatedEdf) -> None:
    edf33.several("pair")
    edf33.raw("POST", "/app_instances/pair/snapshots", {})
    array = edf33.connect()
    snapshots = array.snapshots()
    assert len(snapshots) == 3
    assert {snapshot.group for snapshot in snapshots} == {"pair"}
    with pytest.raises(errors.Unsupported, match="would be deleted for its other volumes too"):
        array.delete_snapshot(snapshots.items[0])
    assert len(array.snapshots()) == 3


@pytest.mark.parametrize("whose", ["app instance", "volume"])
def test_a_list_of_snapshots_that_is_not_reported_is_read(
    edf33: SimulatedEdf, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    array = edf33.connect()
    volume = make_volume(array)
    if whose == "volume":
        array.create_snapshots([SnapshotSpec("s1", volume)])
    else:
        edf33.raw("POST", "/app_instances/vol1/snapshots", {})

    def change(request: str, data: Any) -> None:
        for instance in instances(data):
            for owner in (instance, instance["storage_instances"][0]["volumes"][0]):
                owner.pop("snapshots", None)

    change_answers(array, monkeypatch, change)
    assert len(array.snapshots()) == 1
    with pytest.raises(errors.InUse, match="it has snapshots"):
        array.delete_volume(array.volumes(["vol1"]).items[0])


# -- states ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "key", "value", "state"),
    [
        ("ai", "op_state", "cloning", "copying"),
        ("ai", "op_state", "strange", "error"),
        ("ai", "deployment_state", "failed", "error"),
        ("ai", "deployment_state", "strange", "error"),
        ("ai", "deployment_state", "degraded", "ready"),
        ("si", "op_state", "failed", "error"),
        ("si", "op_state", "strange", "error"),
        ("volume", "op_state", "strange", "error"),
        ("volume", "op_state", "unavailable", "offline"),
        ("volume", "op_status", "volume_resize_in_progress", "copying"),
        ("volume", "deployment_state", "strange", "error"),
    ],
)
def test_an_unknown_state_is_not_ready(
    edf33: SimulatedEdf, monkeypatch: pytest.MonkeyPatch, where: str, key: str, value: str, state: str
) -> None:
    array = edf33.connect()
    make_volume(array)

    def change(request: str, data: Any) -> None:
        for instance in instances(data):
            storage = instance["storage_instances"][0]
            {"ai": instance, "si": storage, "volume": storage["volumes"][0]}[where][key] = value

    change_answers(array, monkeypatch, change)
    assert [volume.state for volume in array.volumes()] == [state]


def test_a_change_of_size_that_is_not_finished_is_waited_for(
    edf33: SimulatedEdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends before the next one begins, and before the result is reported; the wait ends at wait_timeout."""
    array = edf33.connect(wait_timeout=0.5)
    volume = make_volume(array)
    polls = 3

    def change(request: str, data: Any) -> None:
        nonlocal polls
        for instance in instances(data):
            row = instance["storage_instances"][0]["volumes"][0]
            polls -= 1
            row["op_status"] = "volume_resize_in_progress" if polls > 0 else "none"

    change_answers(array, monkeypatch, change)
    (listed,) = array.volumes(["vol1"])
    assert listed.state == "copying"
    assert array.extend_volume(listed, 2 * GIB).size == 2 * GIB
    assert polls <= 0
    polls = 1000
    with pytest.raises(errors.Timeout, match="the end of the change of the size of volume vol1"):
        array.extend_volume(array.volumes(["vol1"]).items[0], 3 * GIB)
    assert volume.size == GIB


# -- offline -----------------------------------------------------------------------------------------------------------


def test_a_refusal_for_another_reason_takes_nothing_offline(odd: SimulatedEdf) -> None:
    """HTTP status 400 has many reasons: here the size is larger than the array permits."""
    array = odd.connect(OFFLINE_CHANGES)
    volume = make_volume(array)
    mark = odd.mark()
    with pytest.raises(errors.FlashError, match="Invalid size"):
        array.extend_volume(volume, 5 * GIB)
    assert [line for line in odd.lines(mark) if line.startswith("PUT")] == [
        f"PUT app_instances/{volume.id.split('/')[2]}/storage_instances/storage-1/volumes/volume-1"
    ]
    assert not [request for request in odd.requests(mark) if (request["body"] or {}).get("admin_state")]


def test_nothing_goes_offline_while_sessions_are_not_known(
    offline: SimulatedEdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = offline.connect(OFFLINE_CHANGES)
    volume = make_volume(array)
    array.map_volume(volume, array.create_host("host1", [IQN1]))

    def change(request: str, data: Any) -> None:
        for instance in instances(data):
            instance["storage_instances"][0].pop("active_initiators", None)

    change_answers(array, monkeypatch, change)
    with pytest.raises(errors.InUse, match="does not report whether host1 have open sessions"):
        array.extend_volume(volume, 2 * GIB)
    assert array.volumes(["vol1"]).items[0].state == "ready"


def test_a_volume_is_brought_online_when_answers_were_lost(offline: SimulatedEdf) -> None:
    """The array took it offline each time, and its answer was lost."""
    array = offline.connect(OFFLINE_CHANGES)
    volume = make_volume(array)
    instance = "/".join(volume.id.split("/")[1:3])
    offline.fault("reset_after", match={"method": "PUT", "path": f"{instance}$"}, count=3)
    with pytest.raises(errors.Unreachable):
        array.extend_volume(volume, 2 * GIB)
    assert offline.raw("GET", "/app_instances/vol1")["admin_state"] == "online"
    offline.clear_faults()
    assert array.extend_volume(volume, 2 * GIB).size == 2 * GIB


def left_offline(edf: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> Datera:
    """A volume whose IP pool was changed by a run that was killed before it was online again."""
    pool = {"name": "fast", "network_paths": [{"start_ip": "192.0.2.1", "netmask": 24, "range": 10}]}
    edf.raw("POST", "/access_network_ip_pools", pool)
    array = edf.connect(OFFLINE_CHANGES)
    volume = make_volume(array)
    array.map_volume(volume, array.create_host("host1", [IQN1, IQN2]))
    with edf.killed(monkeypatch, 4, answered=True):
        array.set_volume(volume, {"ip_pool": "fast"})
    assert edf.raw("GET", "/app_instances/vol1")["admin_state"] == "offline"
    return edf.connect(OFFLINE_CHANGES)


def test_the_next_task_brings_online_what_a_killed_run_took_offline(
    edf33: SimulatedEdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does so although nothing else differs."""
    array = left_offline(edf33, monkeypatch)
    requested = volumes({"name": "vol1", "size": "1GiB", "array_options": {"ip_pool": "fast"}})
    assert array.volumes(["vol1"]).items[0].options["ip_pool"] == "fast"
    assert carried_out(array, requested).lines == ("bring volume vol1 online, which an earlier run took offline",)
    assert edf33.raw("GET", "/app_instances/vol1")["descr"] == ""
    assert [volume.state for volume in array.volumes(["vol1"])] == ["ready"]
    assert carried_out(array, requested).lines == ()


def test_a_task_that_maps_a_volume_brings_it_online_too(edf33: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> None:
    array = left_offline(edf33, monkeypatch)
    assert carried_out(array, maps(host="host1", volume="vol1")).lines == (
        "bring volume vol1 online, which an earlier run took offline",
    )
    assert [volume.state for volume in array.volumes(["vol1"])] == ["ready"]


def test_a_volume_that_somebody_else_took_offline_stays_offline_and_is_reported(edf33: SimulatedEdf) -> None:
    array = edf33.connect(OFFLINE_CHANGES)
    make_volume(array)
    edf33.raw("PUT", "/app_instances/vol1", {"admin_state": "offline"})
    with pytest.raises(errors.Conflict, match="volume vol1 is there, but offline"):
        carried_out(array, volumes({"name": "vol1", "size": "1GiB"}))
    assert edf33.raw("GET", "/app_instances/vol1")["admin_state"] == "offline"


# -- pages -------------------------------------------------------------------------------------------------------------


def test_an_array_with_small_pages_is_read_completely(odd: SimulatedEdf) -> None:
    array = odd.connect()
    names = [f"v{number:03d}" for number in range(5)]
    for name in names:
        array.create_volume(VolumeSpec(name, GIB))
    assert sorted(item.name for item in array.volumes()) == names
    volume = array.volumes(["v000"]).items[0]
    taken = [f"s{number}" for number in range(5)]
    for name in taken:
        array.create_snapshots([SnapshotSpec(name, volume)])
    assert sorted(snapshot.name for snapshot in array.snapshots(volumes=["v000"])) == taken


def test_a_list_that_changes_while_it_is_read_is_read_again(odd: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> None:
    array = odd.connect()
    volumes: list[model.Volume] = [make_volume(array, f"v{number:03d}") for number in range(5)]
    other = odd.connect()
    page, deleted = EdfSession._page, False

    def then_delete(self: EdfSession, path: str, search: Any, offset: int, tenant: Any = None) -> Any:
        nonlocal deleted
        result = page(self, path, search, offset, tenant)
        if offset == 2 and not deleted:
            deleted = True
            other.delete_volume(volumes[0])
        return result

    monkeypatch.setattr(EdfSession, "_page", then_delete)
    assert sorted(volume.name for volume in array.volumes()) == ["v001", "v002", "v003", "v004"]


def test_a_list_that_ends_after_its_first_page_is_not_taken_for_complete(
    odd: SimulatedEdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = odd.connect()
    for number in range(5):
        make_volume(array, f"v{number:03d}")
    page = EdfSession._page

    def gone(self: EdfSession, path: str, search: Any, offset: int, tenant: Any = None) -> Any:
        return page(self, path, search, offset, tenant) if offset < 2 else (None, {})

    monkeypatch.setattr(EdfSession, "_page", gone)
    with pytest.raises(errors.Busy, match="not known completely"):
        array.volumes()


def test_a_list_that_is_shorter_than_its_total_is_refused(odd: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> None:
    array = odd.connect()
    for number in range(5):
        make_volume(array, f"v{number:03d}")
    page = EdfSession._page

    def no_more(self: EdfSession, path: str, search: Any, offset: int, tenant: Any = None) -> Any:
        rows, metadata = page(self, path, search, offset, tenant)
        return (rows if offset < 4 else []), metadata

    monkeypatch.setattr(EdfSession, "_page", no_more)
    with pytest.raises(errors.BadReply, match="lists 4 of 5 objects"):
        array.volumes()
