# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health and the load of an array: one schema, with null where an array does not report it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.module.abilities import MIB
from tests.module.arrays import ArrayUnderTest

PART = {"name", "state", "reported"}
ALERT = {"severity", "text", "id", "code", "object", "time", "acknowledged", "reported"}
LOAD = {
    *("iops", "read_iops", "write_iops"),
    *("bandwidth", "read_bandwidth", "write_bandwidth"),
    *("latency", "read_latency", "write_latency"),
    "time",
}
BUSY = {
    "read_iops": 3000,
    "write_iops": 1000,
    "read_bandwidth": 96 * MIB,
    "write_bandwidth": 32 * MIB,
    "read_latency": 2000,
    "write_latency": 6000,
}

REPORTED = {
    "xtremio": {"array", "nodes", "ports", "disks", "alerts"},
    "flashsystem": {"array", "nodes", "ports", "disks", "alerts"},
    "datera": {"array", "nodes", "ports", "disks", "alerts"},
    "violin": {"ports"},
    "dsware": {"array"},
}
"""What each array reports of its health."""
REQUESTS = {"xtremio": (5, 2), "flashsystem": (6, 1), "datera": (3, 13), "violin": (1, 0), "dsware": (1, 0)}
"""The requests of health, and of performance with one named volume."""
PARTS = {
    "xtremio": ("X1-SC2", "wwn-0x5000cca013000003"),
    "flashsystem": ("node2", "drive3"),
    "datera": ("{name}-node2", "{name}-node1/flash_devices-1"),
    "violin": ("fc100",),
    "dsware": ("{pool}",),
}
"""Parts of each array that can be unwell."""


def vendor(array: ArrayUnderTest) -> str:
    return str(array.endpoint["vendor"])


def refuses(array: ArrayUnderTest, aspect: str) -> bool:
    return aspect in array.row.abilities.refusals


def health(array: ArrayUnderTest) -> Any:
    return array.facts(gather_subset=["health"])["health"]


def performance(array: ArrayUnderTest, **options: Any) -> Any:
    return array.facts(gather_subset=["performance"], **options)["performance"]


def parts_of(array: ArrayUnderTest) -> list[str]:
    pools = array.state()["pools"]
    return [
        part.format(name=array.facts(gather_subset=["array"])["array"]["name"], pool=pools[0]["name"])
        for part in PARTS[vendor(array)]
    ]


@pytest.mark.every_row
def test_the_schema_is_the_same_on_every_array(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="1GiB")
    array.operate(alerts=[{"severity": "warning", "text": "a fan is slow", "about": "fan1"}], load=BUSY)
    mark = array.mark()
    found = health(array)
    if refuses(array, "health"):
        assert found is None
    else:
        assert set(found) == {"state", "array", "nodes", "ports", "disks", "alerts"}
        for part in [found["array"], *[one for key in ("nodes", "ports", "disks") for one in found[key] or ()]]:
            assert set(part) == PART
            assert part["state"] in ("unknown", "ok", "warning", "critical")
        assert all(set(alert) == ALERT for alert in found["alerts"] or ())
        known = {key for key in ("nodes", "ports", "disks", "alerts") if found[key] is not None}
        known |= {"array"} if found["array"]["state"] != "unknown" else set()
        # XIOS 3.x has no alerts; a Violin without Fibre Channel has no ports to report
        assert known == REPORTED[vendor(array)] - ({"alerts"} if array.row.name == "xtremio-3.0" else set())
    load = performance(array, filters={"volumes": ["db1"]})
    if refuses(array, "performance"):
        assert load is None
    else:
        assert set(load) == {"array", "interval", "volumes"}
        assert set(load["array"]) == LOAD
        assert all(set(volume) == {*LOAD, "name"} for volume in load["volumes"] or ())
        assert (load["volumes"] is None) == (vendor(array) == "flashsystem")
    assert array.writes(mark) == []


@pytest.mark.wire
def test_a_well_array_is_ok_and_a_part_that_is_not_is_named(array: ArrayUnderTest) -> None:
    if refuses(array, "health"):
        return
    before = health(array)
    parts = parts_of(array)
    if vendor(array) == "violin":
        # One link of the simulated array is down
        assert before["state"] in ("warning", "unknown")
    else:
        assert before["state"] == "ok", before
    for part in parts:
        array.operate(parts={part: "critical"})
        found = health(array)
        unwell = [
            one
            for one in [found["array"], *[one for key in ("nodes", "ports", "disks") for one in found[key] or ()]]
            if one["state"] in ("warning", "critical")
        ]
        if not before["ports"] and vendor(array) == "violin":
            continue
        assert found["state"] in ("warning", "critical")
        assert [one for one in unwell if part in (one["name"], *(one["reported"] or "").split())], (part, unwell)
        array.operate(parts={})
    array.operate(parts={"array": "critical"})
    if vendor(array) in ("xtremio", "datera"):
        assert health(array)["array"]["state"] == "critical"


@pytest.mark.wire
def test_alerts_have_their_time_in_utc_and_one_scale_of_severities(array: ArrayUnderTest) -> None:
    if refuses(array, "health") or "alerts" not in REPORTED[vendor(array)] or array.row.name == "xtremio-3.0":
        return
    alerts = [
        {"severity": "critical", "text": "power supply 2 has failed", "code": "1298", "about": "psu2", "age": 3600},
        {"severity": "warning", "text": "a fan is slow\x1b[2J", "about": "fan1", "age": 60},
    ]
    array.operate(alerts=alerts)
    found = health(array)
    assert found["state"] == "critical"
    assert [(one["severity"], one["object"]) for one in found["alerts"]] == [("critical", "psu2"), ("warning", "fan1")]
    assert found["alerts"][0]["text"] == "power supply 2 has failed"
    assert found["alerts"][0]["code"] == "1298"
    assert "\x1b" not in str(found), "what an array says is shown with escapes"
    raised = [datetime.fromisoformat(one["time"].replace("Z", "+00:00")) for one in found["alerts"]]
    now = datetime.now(UTC)
    assert abs(now - timedelta(hours=1) - raised[0]) < timedelta(minutes=10)
    assert all(one["time"].endswith("Z") for one in found["alerts"])
    array.operate(alerts=[{**one, "acknowledged": True} for one in alerts])
    found = health(array)
    assert found["state"] == "ok", "what somebody has looked at is no trouble"
    assert all(one["acknowledged"] for one in found["alerts"])
    array.operate(alerts=[{"severity": "info", "text": "a user has logged in"}])
    assert health(array)["state"] == "ok"


@pytest.mark.wire
def test_the_load_is_in_operations_bytes_and_microseconds(array: ArrayUnderTest) -> None:
    if refuses(array, "performance"):
        return
    array.done("flash_volume", size="1GiB", volumes=[{"name": "db1"}, {"name": "db2"}])
    idle = performance(array)
    assert idle["array"]["iops"] == idle["array"]["bandwidth"] == idle["array"]["latency"] == 0
    assert idle["volumes"] in ([], None)
    array.operate(load=BUSY, volumes={"db1": {**BUSY, "read_iops": 500}})
    found = performance(array, filters={"volumes": ["db1", "db2", "missing"]})
    assert {name: found["array"][name] for name in BUSY} == BUSY
    assert found["array"]["iops"] == 4000
    assert found["array"]["bandwidth"] == 128 * MIB
    assert found["array"]["latency"] == 3000, "the mean of an operation"
    if found["volumes"] is not None:
        volumes = {volume["name"]: volume for volume in found["volumes"]}
        assert set(volumes) == {"db1", "db2"}
        assert volumes["db1"]["read_iops"] == 500
        assert volumes["db1"]["write_latency"] == 6000
        assert volumes["db2"]["iops"] == 0


@pytest.mark.wire
def test_both_are_read_only_when_they_are_asked_for(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="1GiB")
    assert not {"health", "performance"} & set(array.facts())
    for subset, most in zip(("health", "performance"), REQUESTS[vendor(array)], strict=True):
        flash = array.facts(gather_subset=[subset], filters={"volumes": ["db1"]})
        requests = flash["api"]["requests"]
        # XIOS 3.x lists no properties: one request for each object
        assert requests <= most or array.row.name == "xtremio-3.0", (subset, requests)
        assert (requests == 0) == refuses(array, subset)


@pytest.mark.parametrize(
    ("row", "values", "unknown"),
    [
        ("flashsystem-fc", {"flashsystem.array.monitoring": False}, {"disks", "alerts"}),
        ("datera-2.2", {"datera.nodes.parts": "paths"}, {"ports", "disks"}),
        ("datera-2.2", {"datera.nodes.parts": "missing"}, {"ports", "disks"}),
    ],
)
def test_what_the_array_does_not_have_is_null(
    arrays: dict[str, ArrayUnderTest], row: str, values: dict[str, Any], unknown: set[str]
) -> None:
    array = arrays[row]
    array.reset()
    array.assume(values)
    try:
        found, load = health(array), performance(array)
    finally:
        array.assume({})
    assert {key for key in ("nodes", "ports", "disks", "alerts") if found[key] is None} == unknown
    assert found["state"] == "ok"
    if "alerts" in unknown:
        assert load["array"] == dict.fromkeys(LOAD)
        assert load["interval"] is None


@pytest.mark.parametrize("path", ["lseventlog", "lsdrive"])
def test_an_alert_that_cannot_be_read_is_no_well_array(arrays: dict[str, ArrayUnderTest], path: str) -> None:
    array = arrays["flashsystem-fc"]
    array.reset()
    array.operate(alerts=[{"severity": "critical", "text": "power supply 2 has failed"}])
    array.fault(kind="non_json", match={"path": path}, count=None)
    flash = array.facts(gather_subset=["health"])
    array.clear_faults()
    assert "health" not in flash
    assert [entry["kind"] for entry in flash["unreadable"]] == ["health"]
