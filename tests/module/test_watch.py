# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The events of an array: one for each change of state, and none silent."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import watch
from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import connect
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Invalid
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    COPYING,
    ERROR,
    READY,
    Connection,
    Listing,
    Pool,
    Unreadable,
    Volume,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.monitoring import Connections, Login
from tests.module.arrays import GIB, ArrayUnderTest
from tests.support.simulator import Simulator

pytestmark = pytest.mark.wire


def watching(array: ArrayUnderTest, *subjects: str, **options: Any) -> watch.Watch:
    login = {"password": options.pop("password")} if "password" in options else {}
    connection = array.settings(array.connection, **login)
    return watch.Watch(watch.Watched("lab", connection, tuple(subjects), interval=10.0, longest=50.0, **options))


def told(events: list[watch.Event]) -> list[tuple[str, Any]]:
    return [(event["type"], event["object"]) for event in events]


def pool_of(array: ArrayUnderTest) -> tuple[str, int]:
    """The name and the size in bytes of the first pool."""
    pool = array.facts(gather_subset=["pools"])["pools"][0]
    return pool["name"], pool["size"]


def share_of(array: ArrayUnderTest) -> float:
    """Per cent of the first pool that is used."""
    pool = array.facts(gather_subset=["pools"])["pools"][0]
    return float(100 * (pool["size"] - pool["free"]) / pool["size"])


def test_a_pool_is_reported_when_it_reaches_and_leaves_a_threshold(array: ArrayUnderTest) -> None:
    begun = share_of(array)
    (name, size) = pool_of(array)
    half = min(size // 2, 16 << 40) // GIB * GIB
    made = array.task("flash_volume", name="big", size=f"{half // GIB}GiB")
    assert not made.failed, made.msg
    array.write("big" if "big" in array.names() else array.names()[0], half)
    full = share_of(array)
    assert full > begun + 5, "the volume uses space"
    seen = watching(array, watch.CAPACITY, thresholds=(begun + 3, 99.9))
    (event,) = seen.poll()
    assert told([event]) == [("capacity_reached", name)]
    assert event["threshold"] == begun + 3
    assert event["used"] + event["free"] == event["size"] == size
    assert seen.poll() == []
    assert not array.task("flash_volume", name="big", state="absent", **array.assume_unmapped).failed
    assert told(seen.poll()) == [("capacity_cleared", name)]
    assert seen.poll() == []


def test_an_array_that_cannot_be_read_is_reported_once_and_again_when_it_can(array: ArrayUnderTest) -> None:
    seen = watching(array, watch.CAPACITY)
    assert (seen.poll(), seen.pause) == ([], 10.0)
    array.fault("reset_before", count=None)
    pauses = []
    events = []
    for _ in range(4):
        events += seen.poll()
        pauses.append(seen.pause)
    assert told(events) == [("unreachable", None)]
    assert pauses == [20.0, 40.0, 50.0, 50.0]
    assert events[0]["error"] in ("unreachable", "timeout")
    array.clear_faults()
    events = seen.poll()
    assert told(events) == [("reachable", None)]
    assert seen.pause == 10.0


@pytest.mark.trust("tls", "ssh")
def test_a_refused_password_is_another_event_and_is_in_none(array: ArrayUnderTest) -> None:
    secret = "Canary-Secret-7731"
    seen = watching(array, watch.CAPACITY, password=secret)
    events = seen.poll() + seen.poll()
    assert told(events) == [("unreachable", None)]
    assert events[0]["error"] == "unauthorized"
    if array.speaks_tls:
        array.fault("reset_before", count=None)
        events += seen.poll()
        assert told(events) == [("unreachable", None)] * 2, "another reason is other news"
    assert secret not in json.dumps(events)


@pytest.mark.parametrize(
    "config", [{"vendor": "violin", "limits": {"copy_speed": 500}}, {"vendor": "datera", "slowness": 10}]
)
def test_a_copy_is_reported_when_its_volume_has_its_name_and_is_ready(config: dict[str, Any]) -> None:
    with Simulator([{"name": "lab", **config}]) as simulator:
        options = simulator.endpoints["connections"]["lab"]
        login = {name: options[name] for name in ("vendor", "port", "username", "password", "ca_path")}
        connection = Connection(address=(options["address"],), **login)
        with connect(connection) as array:
            source = array.create_volume(VolumeSpec("db1", GIB))
            simulator.write("db1", GIB, "lab")
            seen = watch.Watch(watch.Watched("lab", connection, (watch.COPIES,)))
            assert seen.poll() == []
            copying = threading.Thread(target=array.clone_volume, args=(source, VolumeSpec("db2", GIB)))
            copying.start()
            events: list[watch.Event] = []
            while copying.is_alive():
                events += seen.poll()
            copying.join(60)
            events += seen.poll()
            assert told(events) == [("copy_finished", "db2")]
            assert (events[0]["state"], events[0]["size"]) == ("ready", GIB)
            assert seen.poll() == []


def test_a_copy_that_fails_or_whose_volume_is_deleted_is_reported() -> None:
    seen = watch.Watch(watch.Watched("lab", Connection("violin", ("192.0.2.1",)), (watch.COPIES,)))
    copying = [Volume(name, GIB, name, state=COPYING) for name in ("a", "b", "c")]
    unread = (Unreadable("volume", "b", "half an answer"),)
    told_of = [
        told(seen._copies(Listing(tuple(volumes), unreadable)))
        for volumes, unreadable in (
            (copying, ()),
            ([replace(copying[0], state=ERROR), copying[2]], unread),  # b may be there
            ([copying[2]], ()),
            ([], ()),
            ([replace(copying[2], state=READY)], ()),
            ([], ()),
        )
    ]
    assert told_of == [[], [("copy_failed", "a")], [], [("copy_failed", "b")], [("copy_finished", "c")], []]


def test_a_pool_at_its_threshold_is_not_an_event_in_every_poll() -> None:
    seen = watch.Watch(watch.Watched("lab", Connection("violin", ("192.0.2.1",)), (watch.CAPACITY,)))
    events = []
    for used in (79, 80, 79.5, 80, 95, 89.5, 88, 100, 70, 79, 0):
        events += seen._capacity(Listing((Pool("gold", 1000, 1000 - int(used * 10)),)))
    assert [(event["type"], event["threshold"], event["used_percent"]) for event in events] == [
        ("capacity_reached", 80.0, 80.0),
        ("capacity_reached", 90.0, 95.0),
        ("capacity_cleared", 90.0, 88.0),
        ("capacity_reached", 90.0, 100.0),
        ("capacity_cleared", 80.0, 70.0),
    ]


def test_a_host_with_fewer_paths_than_before_or_without_a_login_is_reported() -> None:
    def logins(*paths: int | None) -> Listing[Login]:
        return Listing(
            tuple(Login("web1", f"iqn.2026-01.org.example:{n}", "iscsi", paths=p) for n, p in enumerate(paths))
        )

    seen = watch.Watch(watch.Watched("lab", Connection("xtremio", ("192.0.2.1",)), (watch.PATHS,)))
    events = []
    for paths in ((2, 2), (2, 2), (2, 1), (2, 1), (2, None), (2, 0), (2, 2), (3, 3), (2, 3)):
        events += seen._paths(logins(*paths))
    assert [(event["type"], event["paths"], event["most"], len(event["not_logged_in"])) for event in events] == [
        ("paths_failed", 3, 4, 0),
        ("paths_failed", 2, 4, 1),
        ("paths_restored", 4, 4, 0),
        ("paths_failed", 5, 6, 0),
    ]


def test_drift_is_reported_with_the_plan_and_again_when_the_plan_is_another(array: ArrayUnderTest) -> None:
    declared = watch.declared_by({"volumes": [{"name": "db1", "size": "10GiB"}, {"name": "db2", "size": "10GiB"}]})
    seen = watching(array, watch.DRIFT, declared=declared)
    mark = array.mark()
    (event,) = seen.poll()
    assert told([event]) == [("drift_found", None)]
    assert [line.split(" of ")[0] for line in event["plan"]] == ["create volume db1", "create volume db2"]
    assert seen.poll() == []
    assert array.changes(mark) == [], "it only reads"
    array.task("flash_volume", name="db1", size="10GiB")
    (event,) = seen.poll()
    assert [line.split(" of ")[0] for line in event["plan"]] == ["create volume db2"]
    array.task("flash_volume", name="db2", size="10GiB")
    assert told(seen.poll()) == [("drift_resolved", None)]
    assert seen.poll() == []


def test_a_subject_that_an_array_does_not_report_is_an_event(array: ArrayUnderTest) -> None:
    seen = watching(array, watch.CAPACITY, watch.PATHS)
    events = seen.poll()
    with array.library() as connected:
        reports = Connections.within(connected) and not connected.capabilities.refusal(Connections.aspect)
    assert told(events) == ([] if reports else [("unreadable", None)])
    if events:
        assert events[0]["subject"] == "paths"
        assert "logged in" in events[0]["message"]
    assert seen.poll() == []


def test_a_host_of_an_array_that_loses_a_path_is_reported(array: ArrayUnderTest) -> None:
    if array.endpoint["vendor"] not in ("xtremio", "flashsystem"):
        return
    first, second = array.row.initiators[:2]
    array.done("flash_host_map", host="web1", initiators=[first, second])
    for initiator in (first, second):
        array.log_in(initiator, 2)
    seen = watching(array, watch.PATHS)
    assert seen.poll() == []
    array.log_in(second, 0)
    (event,) = seen.poll()
    assert told([event]) == [("paths_failed", "web1")]
    assert (event["not_logged_in"], event["most"] > event["paths"]) == ([second], True)
    assert seen.poll() == []
    array.log_in(second, 2)
    assert told(seen.poll()) == [("paths_restored", "web1")]


def test_alerts_and_failed_parts_are_reported_when_they_come_and_go(array: ArrayUnderTest) -> None:
    seen = watching(array, watch.ALERTS)
    begun = seen.poll()
    vendor = array.endpoint["vendor"]
    if vendor not in ("xtremio", "flashsystem", "datera") or array.row.name == "xtremio-3.0":
        assert begun[0]["type"] == "unreadable"
        assert [event["type"] for event in seen.poll()] == []
        return
    assert begun == []
    power = {"severity": "critical", "text": "power supply 2 has failed", "code": "1298", "about": "psu2"}
    array.operate(alerts=[power, {"severity": "warning", "text": "slow\x1b[2J", "about": "fan1"}])
    events = seen.poll()
    assert told(events) == [("alert_raised", "psu2"), ("alert_raised", "fan1")]
    assert (events[0]["severity"], events[0]["message"]) == ("critical", "power supply 2 has failed")
    assert "\x1b" not in str(events)
    assert seen.poll() == []
    array.operate(alerts=[{**power, "acknowledged": True}])
    assert told(seen.poll()) == [("alert_cleared", "psu2"), ("alert_cleared", "fan1")]
    if vendor == "xtremio":
        array.operate(parts={"X1-SC2": "critical"})
        failed = seen.poll()
        assert ("part_failed", "X1-SC2") in told(failed)
        array.operate(parts={})
        assert ("part_restored", "X1-SC2") in told(seen.poll())


def test_there_is_something_to_watch() -> None:
    for names in ([], ["capacity", "weather"]):
        with pytest.raises(Invalid, match=r"nothing to watch|watch has no weather"):
            watch.subjects_of(names)
    with pytest.raises(Invalid, match="declares nothing"):
        watch.declared_by({"array": {}, "volumes": []})
