# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read of a Datera is complete, and nothing goes offline without need or stays offline without a report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.apply import apply
from ansible_collections.openflash.storage.plugins.module_utils.openflash.facts import gather
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    EVERY_HOST,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired as options
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.desired import DesiredState
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.draft import Plan
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.planner import plan
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.rules import Policy
from ansible_collections.openflash.storage.plugins.module_utils.openflash.read import read
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.datera.client import Datera
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.datera.session import EdfSession
from tests.arrays.datera.conftest import IQN1, IQN2, SimulatedEdf, make
from tests.support.simulator import Simulator

OFFLINE_CHANGES = {"offline_changes": True}


def run(array: Datera, desired: DesiredState, **policy: bool) -> Plan:
    """One task: read, plan, carry out. Raises what it refuses."""
    actual = read(array, desired)
    made = plan(desired, actual, Policy(**policy), array.capabilities)
    for error in (*made.errors, *apply(made, actual, array).errors.values()) if not made.errors else made.errors:
        raise error
    return made


def volumes(*items: dict[str, Any]) -> DesiredState:
    return options.volumes(items, {})


def maps(**item: Any) -> DesiredState:
    return options.host_maps([item], {})


def open_to_all(edf: SimulatedEdf, name: str = "vol1") -> None:
    """Make it as others may have made it: for every initiator."""
    storage = {"name": "storage-1", "volumes": [{"name": "volume-1", "size": 1, "replica_count": 1}]}
    body = {"name": name, "access_control_mode": "allow_all", "storage_instances": [storage]}
    assert "id" in edf.raw("POST", "/app_instances", body)


def mode(edf: SimulatedEdf, name: str = "vol1") -> str:
    return str(edf.raw("GET", f"/app_instances/{name}")["storage_instances"][0]["access_control_mode"])


def change_answers(array: Datera, monkeypatch: pytest.MonkeyPatch, change: Callable[[str, Any], None]) -> None:
    """Let the array answer as ``change`` makes of the data of its answers."""
    data = EdfSession._data

    def changed(self: EdfSession, reply: Any) -> Any:
        found = data(self, reply)
        change(reply.request, found)
        return found

    monkeypatch.setattr(EdfSession, "_data", changed)


def instances(data: Any) -> list[dict[str, Any]]:
    """The app instances in an answer."""
    found = data if isinstance(data, list) else [data]
    return [one for one in found if isinstance(one, dict) and "storage_instances" in one]


# -- every initiator ---------------------------------------------------------------------------------------------------


def test_a_volume_that_every_initiator_may_use_counts_as_mapped(edf: SimulatedEdf) -> None:
    open_to_all(edf)
    array = edf.connect()
    (volume,) = array.volumes()
    assert [(one.host, one.lun, one.open) for one in volume.mappings or ()] == [(EVERY_HOST, 0, False)]
    assert [one.host for one in array.mappings()] == [EVERY_HOST]
    facts = gather(array, ["volumes", "mappings"], {})
    shown = {"host": "*", "volume": "vol1", "lun": 0, "device": None}
    assert facts["mappings"] == facts["volumes"][0]["mappings"] == [shown]
    with pytest.raises(errors.InUse, match="every initiator may use it"):
        array.delete_volume(volume)


def test_deleting_it_takes_unmap_which_is_a_step_of_its_own(edf: SimulatedEdf) -> None:
    open_to_all(edf)
    array = edf.connect()
    absent = volumes({"name": "vol1", "state": "absent"})
    with pytest.raises(errors.Refused, match=r"every initiator may use it \(host: '\*'\)") as caught:
        run(array, absent)
    assert "set unmap: true" in str(caught.value)
    assert mode(edf) == "allow_all"
    made = run(array, absent, unmap=True)
    assert made.lines == ("end the access of every initiator to volume vol1", "delete volume vol1")
    assert edf.names() == []


def test_a_session_of_any_host_keeps_it_open(edf33: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_all(edf33)
    array = edf33.connect()

    def change(request: str, data: Any) -> None:
        for ai in instances(data):
            for storage in ai["storage_instances"]:
                storage["active_initiators"] = [{"path": "/initiators/iqn.2026-01.org.example:unknown"}]

    change_answers(array, monkeypatch, change)
    with pytest.raises(errors.Refused, match="a host has an open session on volume vol1") as caught:
        run(array, volumes({"name": "vol1", "state": "absent"}), unmap=True)
    assert "force: true" in str(caught.value)
    assert mode(edf33) == "allow_all"


def test_restoring_it_takes_unmap(edf33: SimulatedEdf) -> None:
    open_to_all(edf33)
    array = edf33.connect()
    array.create_snapshots([SnapshotSpec("s1", array.volumes().items[0])])
    restored = options.snapshots([{"name": "s1", "volume": "vol1", "state": "restored", "backup": "before"}], {})
    with pytest.raises(errors.Refused, match="every initiator may use it"):
        run(array, restored)
    assert "end the access of every initiator to volume vol1" in run(array, restored, unmap=True).lines


def test_mapping_it_to_one_host_never_leaves_it_open_without_a_report(edf: SimulatedEdf) -> None:
    open_to_all(edf)
    array = edf.connect()
    wanted = maps(host="host1", initiators=[IQN1.address], volume="vol1")
    with pytest.raises(errors.Refused, match="every initiator may use it"):
        run(array, wanted)
    made = run(array, wanted, shared=True)
    assert any("every initiator may use volume vol1, not host host1 only" in one for one in made.warnings)
    assert mode(edf) == "allow_all"
    assert {one.host for one in array.mappings()} == {"host1", EVERY_HOST}
    run(array, maps(host=EVERY_HOST, volume="vol1", state="absent"))
    assert mode(edf) == "deny_all"
    assert [one.host for one in array.mappings()] == ["host1"]
    assert run(array, maps(host=EVERY_HOST, volume="vol1", state="absent")).lines == ()


def test_exclusive_reports_what_every_initiator_may_use(edf33: SimulatedEdf) -> None:
    open_to_all(edf33)
    array = edf33.connect()
    make(array, "own")
    wanted = maps(host="host1", initiators=[IQN1.address], volume="own", exclusive=True)
    run(array, wanted)
    made = run(array, wanted)
    assert made.lines == ()
    assert any("every initiator may use vol1, so host host1 may too" in one for one in made.warnings)


@pytest.mark.parametrize("key", ["access_control_mode", "acl_policy"])
def test_access_that_is_not_reported_is_not_taken_for_none(
    edf33: SimulatedEdf, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    array = edf33.connect()
    make(array)

    def change(request: str, data: Any) -> None:
        for ai in instances(data):
            for one in (ai, *ai["storage_instances"]):
                one.pop(key, None)

    change_answers(array, monkeypatch, change)
    for found in (array.volumes(), array.volumes(["vol1"]), array.mappings()):
        assert found.items == ()
        assert [one.name for one in found.unreadable] == ["vol1"]
    with pytest.raises(errors.BadReply, match="its description could not be read"):
        run(array, volumes({"name": "vol1", "state": "absent"}))


# -- snapshots of app instances ----------------------------------------------------------------------------------------


@pytest.fixture(params=["3.3", "odd", "odd-2.2"])
def snapped(datera_simulator: Simulator, request: pytest.FixtureRequest) -> SimulatedEdf:
    """A volume with a snapshot of its app instance, which the volume reports too, or (odd) does not."""
    edf = SimulatedEdf(datera_simulator, request.param)
    make(edf.connect(), "vol1")
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
    for found in (array.snapshots(), array.snapshots([name])):
        assert [(one.id, one.name, one.group) for one in found] == [(snapshot.id, name, "vol1")]
    assert array.volumes().items[0].snapshots is None, "a list does not report their names"


def test_it_keeps_its_volume_from_being_deleted(snapped: SimulatedEdf) -> None:
    array = snapped.connect()
    absent = volumes({"name": "vol1", "state": "absent"})
    with pytest.raises(errors.Refused, match="it has snapshots: "):
        run(array, absent)
    with pytest.raises(errors.InUse, match="it has snapshots"):
        array.delete_volume(array.volumes().items[0])
    run(array, absent, delete_snapshots=True)
    assert snapped.names() == []


def test_it_is_deleted_by_its_name(snapped: SimulatedEdf) -> None:
    array = snapped.connect()
    (snapshot,) = array.snapshots()
    run(array, options.snapshots([{"name": snapshot.name, "volume": "vol1", "state": "absent"}], {}))
    assert array.snapshots().items == ()
    assert snapped.raw("GET", "/app_instances/vol1/snapshots") == []
    assert snapped.names() == ["vol1"]


def test_what_only_the_app_instance_reports_is_no_source(odd: SimulatedEdf) -> None:
    array = odd.connect()
    make(array, "vol1")
    odd.raw("POST", "/app_instances/vol1/snapshots", {})
    (snapshot,) = array.snapshots()
    for operation in ("volume_from_snapshot", "restore_snapshot"):
        assert "complete app instance vol1" in str(array.capabilities.refusal(operation, snapshot))


def test_it_is_not_deleted_for_one_volume_of_several(edf33: SimulatedEdf) -> None:
    edf33.several("pair")
    edf33.raw("POST", "/app_instances/pair/snapshots", {})
    array = edf33.connect()
    found = array.snapshots()
    assert len(found) == 3
    assert {one.group for one in found} == {"pair"}
    with pytest.raises(errors.Unsupported, match="would be deleted for its other volumes too"):
        array.delete_snapshot(found.items[0])
    assert len(array.snapshots()) == 3


@pytest.mark.parametrize("whose", ["app instance", "volume"])
def test_a_list_of_snapshots_that_is_not_reported_is_read(
    edf33: SimulatedEdf, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    array = edf33.connect()
    volume = make(array)
    if whose == "volume":
        array.create_snapshots([SnapshotSpec("s1", volume)])
    else:
        edf33.raw("POST", "/app_instances/vol1/snapshots", {})

    def change(request: str, data: Any) -> None:
        for ai in instances(data):
            for one in (ai, ai["storage_instances"][0]["volumes"][0]):
                one.pop("snapshots", None)

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
    make(array)

    def change(request: str, data: Any) -> None:
        for ai in instances(data):
            storage = ai["storage_instances"][0]
            {"ai": ai, "si": storage, "volume": storage["volumes"][0]}[where][key] = value

    change_answers(array, monkeypatch, change)
    assert [one.state for one in array.volumes()] == [state]


def test_a_change_of_size_that_is_not_finished_is_waited_for(
    edf33: SimulatedEdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the next one begins, and before the result is reported; and not for ever."""
    array = edf33.connect(wait_timeout=0.5)
    volume = make(array)
    left = 3

    def change(request: str, data: Any) -> None:
        nonlocal left
        for ai in instances(data):
            one = ai["storage_instances"][0]["volumes"][0]
            left -= 1
            one["op_status"] = "volume_resize_in_progress" if left > 0 else "none"

    change_answers(array, monkeypatch, change)
    (seen,) = array.volumes(["vol1"])
    assert seen.state == "copying"
    assert array.extend_volume(seen, 2 * GIB).size == 2 * GIB
    assert left <= 0
    left = 1000
    with pytest.raises(errors.Timeout, match="the end of the change of the size of volume vol1"):
        array.extend_volume(array.volumes(["vol1"]).items[0], 3 * GIB)
    assert volume.size == GIB


# -- offline -----------------------------------------------------------------------------------------------------------


def test_a_refusal_for_another_reason_takes_nothing_offline(odd: SimulatedEdf) -> None:
    """HTTP status 400 stands for many reasons: here the size is more than the array takes."""
    array = odd.connect(OFFLINE_CHANGES)
    volume = make(array)
    mark = odd.mark()
    with pytest.raises(errors.FlashError, match="Invalid size"):
        array.extend_volume(volume, 5 * GIB)
    assert [line for line in odd.lines(mark) if line.startswith("PUT")] == [
        f"PUT app_instances/{volume.id.split('/')[2]}/storage_instances/storage-1/volumes/volume-1"
    ]
    assert not [one for one in odd.requests(mark) if (one["body"] or {}).get("admin_state")]


def test_nothing_goes_offline_while_sessions_are_not_known(
    offline: SimulatedEdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = offline.connect(OFFLINE_CHANGES)
    volume = make(array)
    array.map_volume(volume, array.create_host("host1", [IQN1]))

    def change(request: str, data: Any) -> None:
        for ai in instances(data):
            ai["storage_instances"][0].pop("active_initiators", None)

    change_answers(array, monkeypatch, change)
    with pytest.raises(errors.InUse, match="does not report whether host1 have open sessions"):
        array.extend_volume(volume, 2 * GIB)
    assert array.volumes(["vol1"]).items[0].state == "ready"


def test_a_volume_does_not_stay_offline_because_an_answer_was_lost(offline: SimulatedEdf) -> None:
    """The array has taken it offline each time, and no answer came."""
    array = offline.connect(OFFLINE_CHANGES)
    volume = make(array)
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
    volume = make(array)
    array.map_volume(volume, array.create_host("host1", [IQN1, IQN2]))
    with edf.killed(monkeypatch, 5, answered=True):
        array.set_volume(volume, {"ip_pool": "fast"})
    assert edf.raw("GET", "/app_instances/vol1")["admin_state"] == "offline"
    return edf.connect(OFFLINE_CHANGES)


def test_the_next_task_brings_online_what_a_killed_run_took_offline(
    edf33: SimulatedEdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although nothing else is left to be done."""
    array = left_offline(edf33, monkeypatch)
    wanted = volumes({"name": "vol1", "size": "1GiB", "array_options": {"ip_pool": "fast"}})
    assert array.volumes(["vol1"]).items[0].options["ip_pool"] == "fast"
    assert run(array, wanted).lines == ("bring volume vol1 online, which an earlier run took offline",)
    assert edf33.raw("GET", "/app_instances/vol1")["descr"] == ""
    assert [one.state for one in array.volumes(["vol1"])] == ["ready"]
    assert run(array, wanted).lines == ()


def test_a_task_that_maps_it_does_so_too(edf33: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> None:
    array = left_offline(edf33, monkeypatch)
    assert run(array, maps(host="host1", volume="vol1")).lines == (
        "bring volume vol1 online, which an earlier run took offline",
    )
    assert [one.state for one in array.volumes(["vol1"])] == ["ready"]


def test_what_somebody_else_took_offline_stays_so_and_is_reported(edf33: SimulatedEdf) -> None:
    array = edf33.connect(OFFLINE_CHANGES)
    make(array)
    edf33.raw("PUT", "/app_instances/vol1", {"admin_state": "offline"})
    with pytest.raises(errors.Conflict, match="volume vol1 is there, but offline"):
        run(array, volumes({"name": "vol1", "size": "1GiB"}))
    assert edf33.raw("GET", "/app_instances/vol1")["admin_state"] == "offline"


# -- pages -------------------------------------------------------------------------------------------------------------


def test_an_array_with_small_pages_is_read_completely(odd: SimulatedEdf) -> None:
    array = odd.connect()
    names = [f"v{number:03d}" for number in range(5)]
    for name in names:
        array.create_volume(VolumeSpec(name, GIB))
    assert sorted(one.name for one in array.volumes()) == names
    volume = array.volumes(["v000"]).items[0]
    taken = [f"s{number}" for number in range(5)]
    for name in taken:
        array.create_snapshots([SnapshotSpec(name, volume)])
    assert sorted(one.name for one in array.snapshots(volumes=["v000"])) == taken


def test_a_list_that_changes_while_it_is_read_is_read_again(odd: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> None:
    array = odd.connect()
    made: list[model.Volume] = [make(array, f"v{number:03d}") for number in range(5)]
    other = odd.connect()
    page, deleted = EdfSession._page, False

    def then_delete(self: EdfSession, path: str, search: Any, offset: int) -> Any:
        nonlocal deleted
        found = page(self, path, search, offset)
        if offset == 2 and not deleted:
            deleted = True
            other.delete_volume(made[0])
        return found

    monkeypatch.setattr(EdfSession, "_page", then_delete)
    assert sorted(one.name for one in array.volumes()) == ["v001", "v002", "v003", "v004"]


def test_a_list_that_is_deleted_after_its_first_page_is_no_list(
    odd: SimulatedEdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = odd.connect()
    for number in range(5):
        make(array, f"v{number:03d}")
    page = EdfSession._page

    def gone(self: EdfSession, path: str, search: Any, offset: int) -> Any:
        return page(self, path, search, offset) if offset < 2 else (None, {})

    monkeypatch.setattr(EdfSession, "_page", gone)
    with pytest.raises(errors.Busy, match="not known completely"):
        array.volumes()


def test_pages_that_end_before_the_total_are_no_list(odd: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> None:
    array = odd.connect()
    for number in range(5):
        make(array, f"v{number:03d}")
    page = EdfSession._page

    def no_more(self: EdfSession, path: str, search: Any, offset: int) -> Any:
        found, about = page(self, path, search, offset)
        return (found if offset < 4 else []), about

    monkeypatch.setattr(EdfSession, "_page", no_more)
    with pytest.raises(errors.BadReply, match="lists 4 of 5 objects"):
        array.volumes()
