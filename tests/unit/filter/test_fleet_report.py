# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report on several arrays: its figures, its trend, its texts."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.openflash.storage.plugins.filter.fleet_csv import fleet_csv
from ansible_collections.openflash.storage.plugins.filter.fleet_page import fleet_page
from ansible_collections.openflash.storage.plugins.filter.fleet_report import (
    DAY,
    HISTORY_POINTS,
    Point,
    created,
    fleet_report,
    forecast,
    seconds,
)
from ansible_collections.openflash.storage.plugins.plugin_utils.page_texts import size_text

TIB = 1024**4
NOW = "2026-12-01T07:30:00Z"
THEN = seconds(NOW)
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e\udcff\"'"


def volume(name: str = "db1", size: int = TIB, **more: Any) -> dict[str, Any]:
    fixed = {"used": None, "pool": "p1", "provisioning": "thin", "state": "ready", "source": None}
    return {"name": name, "size": size, **fixed, **more}


def snapshot(name: str = "monday", **more: Any) -> dict[str, Any]:
    return {"name": name, "volume": "db1", "size": TIB, "state": "ready", "created": None, **more}


def content(**more: Any) -> dict[str, Any]:
    """What flash_info returns of a small array."""
    return {
        "array": {"vendor": "xtremio", "model": "X1", "serial": "S1", "version": "4.2", "state": "healthy"},
        "capacity": {
            "size": 10 * TIB,
            "used": 4 * TIB,
            "free": 6 * TIB,
            "provisioned": 25 * TIB,
            "data_reduction_ratio": 3.5,
        },
        "pools": [
            {
                "name": "p1",
                "state": "ready",
                "size": 10 * TIB,
                "used": 4 * TIB,
                "free": 6 * TIB,
                "provisioned": 25 * TIB,
            }
        ],
        "volumes": [volume()],
        "snapshots": [snapshot()],
        "hosts": [{"name": "web1", "os": "linux", "initiators": [{"address": "iqn.2026-01.org.example:web1"}]}],
        "mappings": [{"host": "web1", "volume": "db1", "lun": 3, "device": None}],
        "unreadable": [],
        **more,
    }


def report_of(now: str = NOW, plan: Any = None, history: list[str] | None = None, **more: Any) -> dict[str, Any]:
    return fleet_report([{"array": "east", "content": content(**more), "plan": plan}], now, history or [])


# -- figures -----------------------------------------------------------------------------------------------------------


def test_the_figures_of_an_array() -> None:
    report = report_of()
    (array,) = report["arrays"]
    assert array["capacity"]["used_ratio"] == 0.4
    assert array["capacity"]["oversubscription"] == 2.5
    assert array["capacity"]["provisioned_from"] == "array"
    assert array["counts"] == {"volumes": 1, "snapshots": 1, "hosts": 1, "mappings": 1}
    assert report["volumes"][0]["hosts"] == ["web1"]
    assert report["volumes"][0]["snapshots"] == 1
    assert report["mappings"] == [{"array": "east", "host": "web1", "volume": "db1", "lun": 3}]
    assert (report["schema"], report["version"]) == ("openflash.storage.fleet_report", 1)


def test_what_is_promised_is_summed_where_the_array_does_not_report_it() -> None:
    unreported = {**content()["capacity"], "provisioned": None}
    volumes = [volume("a", 3 * TIB), volume("b", 4 * TIB)]
    (array,) = report_of(capacity=unreported, volumes=volumes)["arrays"]
    assert (array["capacity"]["provisioned"], array["capacity"]["provisioned_from"]) == (7 * TIB, "volumes")
    unread = [{"kind": "volume", "name": "c", "reason": "odd"}]
    (array,) = report_of(capacity=unreported, volumes=volumes, unreadable=unread)["arrays"]
    assert array["capacity"]["provisioned"] is None, "the sum of some volumes is not that of all"
    assert array["capacity"]["oversubscription"] is None


def test_what_is_not_known_is_null_and_not_nothing() -> None:
    report = report_of(mappings=None, hosts=None, snapshots=None)
    assert report["arrays"][0]["counts"] == {"volumes": 1, "snapshots": None, "hosts": None, "mappings": None}
    assert report["volumes"][0]["hosts"] is None
    assert report["volumes"][0]["snapshots"] is None
    (matrix,) = fleet_page(report)["matrices"]
    assert not matrix["known"]


@pytest.mark.parametrize(
    ("result", "reason"),
    [({"msg": "Cannot connect to east"}, "Cannot connect to east"), ({}, "was not asked"), (None, "was not asked")],
)
def test_an_array_that_was_not_read_is_in_the_report(result: Any, reason: str) -> None:
    report = fleet_report([{"array": "west", "content": result, "plan": None}], NOW)
    (array,) = report["arrays"]
    assert not array["readable"]
    assert reason in array["error"]
    assert (array["capacity"], array["pools"]) == (None, None)
    page = fleet_page(report)
    assert page["tiles"][0]["note"] == "1 could not be read"
    assert "west" in fleet_csv(report, "arrays")


# -- times -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2026-11-30 07:30:00", 1),  # XtremIO, Violin
        (str(THEN - 2 * DAY) + ".123456789", 2),  # Datera
        (str(THEN - 3 * DAY).zfill(20), 3),  # Dsware, in seconds
        (str((THEN - 4 * DAY) * 1000).zfill(20), 4),  # Dsware, in milliseconds
        ("2026-12-01 08:30:00", 0),  # the clock of the array is ahead
        ("2027-12-01 08:30:00", None),
        ("1970-01-01 00:00:05", None),
        ("17", None),
        ("2026-13-41 07:30:00", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_the_age_of_a_snapshot(text: str | None, days: int | None) -> None:
    (row,) = report_of(snapshots=[snapshot(created=text)])["snapshots"]
    assert row["age_days"] == days
    assert (row["created"] is None) == (days is None)
    assert (created(text, THEN) is None) == (days is None)


def test_snapshots_are_counted_by_age() -> None:
    stamps = [str(THEN - int(days * DAY)) for days in (0.5, 1, 6.9, 7, 29, 30, 89, 90, 400)]
    page = fleet_page(report_of(snapshots=[snapshot(f"s{n}", created=s) for n, s in enumerate([*stamps, None])]))
    (row,) = page["ages"]
    assert row["counts"] == [1, 2, 2, 2, 2, 1]
    assert row["total"] == 10
    assert [found["name"] for found in page["snapshots"]][:2] == ["s8", "s7"], "the oldest first"
    assert sum(part["width"] for part in row["parts"]) == pytest.approx(100)


# -- trend -------------------------------------------------------------------------------------------------------------


def growing(per_day: float, days: int, start: float = 40, size: int = 100, step: int = 1) -> list[Point]:
    moments = range(-days, 1, step)
    return [Point(THEN + day * DAY, round(start + per_day * (day + days)), size) for day in moments]


@pytest.mark.parametrize(
    ("points", "full", "precision"),
    [
        pytest.param(growing(1, 30), "2026-12-28", "week", id="in 30 days: the Monday of that week"),
        pytest.param(growing(0.5, 40), "2027-02", "month", id="in 80 days: only the month"),
    ],
)
def test_the_date_when_a_pool_is_full(points: list[Point], full: str, precision: str) -> None:
    assert forecast(points) == {"full": full, "precision": precision, "reason": None}


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        pytest.param(growing(1, 30)[-4:], "too few reports yet", id="four points"),
        pytest.param(growing(1, 13), "too few reports yet", id="thirteen days"),
        pytest.param(growing(-0.5, 30, start=80), "not growing", id="falling"),
        pytest.param(growing(0, 30), "not growing", id="constant"),
        pytest.param(growing(0.1, 30), "not within 90 days", id="far away"),
        pytest.param(
            [Point(THEN - day * DAY, 60 if day % 4 < 2 else 40 - day // 8, 100) for day in range(31, -1, -1)],
            "no steady trend",
            id="up and down",
        ),
        pytest.param(
            [*growing(1, 30, size=80)[:-3], *growing(1, 30)[-3:]], "too few reports yet", id="extended three days ago"
        ),
        pytest.param(
            [Point(THEN - day * DAY, 100 - day // 10, 200) for day in range(400, 90, -10)] + [Point(THEN, 100, 200)],
            "too few reports yet",
            id="old points do not count",
        ),
    ],
)
def test_there_is_no_date_without_a_trend(points: list[Point], reason: str) -> None:
    assert forecast(points) == {"full": None, "precision": None, "reason": reason}


def written(folder: Path, name: str, report: dict[str, Any]) -> str:
    path = folder / name
    path.write_text(json.dumps(report), encoding="utf-8")
    return str(path)


def of_day(day: int, used: float) -> dict[str, Any]:
    """A report of so many days ago."""
    capacity = {**content()["capacity"], "used": int(used * TIB)}
    pools = [{**content()["pools"][0], "used": int(used * TIB)}]
    now = f"2026-11-{30 - day:02d}T07:30:00Z"
    return report_of(now, capacity=capacity, pools=pools)


def test_earlier_reports_become_a_trend_and_a_date(tmp_path: Path) -> None:
    paths = [written(tmp_path, f"{day}.json", of_day(day, 4 - 0.1 * (day + 1))) for day in range(25)]
    report = report_of(history=paths)
    assert report["warnings"] == []
    assert report["arrays"][0]["pools"][0]["forecast"] == {"full": "2027-01-25", "precision": "week", "reason": None}
    trend = next(row for row in report["trends"] if row["pool"] is None)
    assert [point["used"] for point in trend["points"]] == sorted(point["used"] for point in trend["points"])
    assert len(trend["points"]) == 26
    (array,) = fleet_page(report)["arrays"]
    assert array["full"] == "week of 25 Jan 2027"
    assert array["trend"]["change"] == "15\u00a0% to 40\u00a0%, 25 days"


def test_a_long_history_is_thinned(tmp_path: Path) -> None:
    paths = []
    for number in range(2 * HISTORY_POINTS):
        report = of_day(0, 4)
        report["generated"] = f"2026-11-{1 + number % 20:02d}T{number // 20:02d}:00:00Z"
        paths.append(written(tmp_path, f"{number}.json", report))
    points = report_of(history=paths)["trends"][0]["points"]
    assert len(points) == HISTORY_POINTS
    assert (points[0]["time"], points[-1]["time"]) == ("2026-11-01T00:00:00Z", NOW)


def test_another_array_of_the_name_is_not_in_the_trend(tmp_path: Path) -> None:
    report = of_day(1, 1)
    report["arrays"][0]["serial"] = "S2"
    assert len(report_of(history=[written(tmp_path, "1.json", report)])["trends"][0]["points"]) == 1


@pytest.mark.parametrize(
    "text",
    [
        b"{broken",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"schema": "other"}',
        json.dumps({**of_day(1, 1), "version": 99}).encode(),
        json.dumps({**of_day(1, 1), "generated": "yesterday"}).encode(),
        json.dumps({**of_day(1, 1), "arrays": [{"name": "east", "serial": "S1"}]}).encode(),
        json.dumps({**of_day(1, 1), "arrays": [1]}).encode(),
    ],
)
def test_an_earlier_report_that_cannot_be_read_is_left_out_and_named(tmp_path: Path, text: bytes) -> None:
    bad = tmp_path / "bad.json"
    bad.write_bytes(text)
    good = written(tmp_path, "good.json", of_day(1, 3))
    report = report_of(history=[str(bad), good, str(tmp_path / "missing.json")])
    assert [str(bad) in report["warnings"][0], "missing.json" in report["warnings"][1]] == [True, True]
    assert len(report["trends"][0]["points"]) == 2


def test_the_time_of_the_report_is_checked() -> None:
    with pytest.raises(AnsibleFilterError, match="now is no time such as"):
        fleet_report([], "today")


# -- a pending change --------------------------------------------------------------------------------------------------

PLAN = """Plan for east:
  + create volume web-logs of 50GiB
  ~ extend volume db1 from 1TiB to 2TiB
  - delete volume old  [destructive]
not done:
  - unmap volume x from host y
refused:
  ! create or change volume z: it has 10GiB
1 to make, 1 to change, 1 to delete; 1 refused
"""


def test_the_plan_of_a_pending_change() -> None:
    (plan,) = report_of(plan={"plan": ["one"], "diff": [{"prepared": PLAN}], "assumes": ["volume db9"]})["plans"]
    assert [(step["sign"], step["planned"], step["destructive"]) for step in plan["steps"]] == [
        ("+", True, False),
        ("~", True, False),
        ("-", True, True),
        ("-", False, False),
        ("!", False, False),
    ]
    assert plan["steps"][2]["step"] == "delete volume old"
    (shown,) = fleet_page(report_of(plan={"plan": ["one"], "diff": [{"prepared": PLAN}]}))["plans"]
    assert shown["summary"] == "1 to make, 1 to change, 1 to delete; 1 refused"
    assert [step["word"] for step in shown["steps"]] == ["make", "change", "delete", "not done", "refused"]


@pytest.mark.parametrize(
    ("plan", "error", "nothing"),
    [
        ({"plan": [], "diff": []}, None, True),
        ({"msg": "Cannot connect", "error": {"kind": "unreachable"}}, "Cannot connect", False),
        ({"msg": "Unsupported parameters"}, "Unsupported parameters", False),
    ],
)
def test_a_plan_with_no_step(plan: Any, error: str | None, nothing: bool) -> None:
    report = report_of(plan=plan)
    assert report["plans"] == [{"array": "east", "steps": [], "assumes": [], "error": error}]
    assert fleet_page(report)["plans"][0]["nothing"] is nothing


# -- drift -------------------------------------------------------------------------------------------------------------

DRIFT_ARRAY = {
    "name": "east",
    "status": "drift",
    "array": {},
    "error": None,
    "missing": [{"kind": "mapping", "name": "web1/db1", "host": "web1", "volume": "db1", "refused": "no LUN is free"}],
    "changed": [
        {
            "kind": "volume",
            "name": "db2",
            "fields": [
                {"field": "size", "declared": "2TiB", "actual": "1TiB"},
                {"field": "pool", "declared": "p1", "actual": None},
            ],
            "refused": None,
        }
    ],
    "added": [{"kind": "snapshot", "name": "old", "volume": "db1"}],
    "ignored": 0,
    "plan": [],
}
LOST_ARRAY = {
    **DRIFT_ARRAY,
    "name": "west",
    "status": "unreadable",
    "error": {"kind": "unreachable", "message": "no answer"},
    "missing": [],
    "changed": [],
    "added": [],
}
DRIFT = {
    "schema": "openflash.storage.drift",
    "version": 1,
    "generated": "2026-11-30T06:00:00Z",
    "status": "unreadable",
    "summary": {},
    "arrays": [DRIFT_ARRAY, LOST_ARRAY],
}


def test_a_drift_report_is_on_the_page() -> None:
    page = fleet_page(fleet_report([], NOW, drift=DRIFT))
    east, west = page["drift"]["arrays"]
    assert page["drift"]["generated"] == "30 November 2026, 06:00 UTC"
    assert east["status"] == "not as declared"
    assert [(row["word"], row["object"], row["details"]) for row in east["rows"]] == [
        ("missing", "mapping of volume db1 to host web1", "no LUN is free"),
        ("changed", "volume db2", "size is 1TiB, declared 2TiB; pool is not set, declared p1"),
        ("not declared", "snapshot old of volume db1", ""),
    ]
    assert (west["status"], west["error"], west["rows"]) == ("not read", "no answer", [])


@pytest.mark.parametrize("drift", [{**DRIFT, "version": 2}, {**DRIFT, "schema": "other"}, {"arrays": []}])
def test_a_drift_report_of_another_version_is_left_out_and_named(drift: dict[str, Any]) -> None:
    report = fleet_report([], NOW, drift=drift)
    assert report["drift"] is None
    assert "drift report is left out" in report["warnings"][0]
    assert fleet_page(report)["drift"] is None


# -- texts -------------------------------------------------------------------------------------------------------------


def texts(data: Any) -> list[str]:
    if isinstance(data, str):
        return [data]
    members = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return [text for member in members for text in texts(member)]


def hostile() -> dict[str, Any]:
    """A report in which every text of an array is hostile."""

    def spoil(data: Any) -> Any:
        if isinstance(data, str):
            return data + HOSTILE
        if isinstance(data, dict):
            return {key: value if key == "created" else spoil(value) for key, value in data.items()}
        return [spoil(member) for member in data] if isinstance(data, list) else data

    rows = spoil(content(unreadable=[{"kind": "volume", "name": "x", "reason": "y"}]))
    plan = {"plan": [], "diff": [{"prepared": f"  + create volume {HOSTILE}\n"}], "msg": HOSTILE, "error": {}}
    reads = [
        {"array": f"east{HOSTILE}", "content": rows, "plan": plan},
        {"array": "west", "content": {"msg": HOSTILE}, "plan": None},
    ]
    return fleet_report(reads, NOW, ["/missing" + HOSTILE], title=HOSTILE)


def test_every_text_of_the_page_is_safe_in_html() -> None:
    found = texts(fleet_page(hostile()))
    assert sum("alert(1)" in text for text in found) > 20
    for text in found:
        assert not set(text) & set("<>\"'\x1b\u202e\udcff"), text
    assert any("\\x1b[31m\\u202e\\udcff" in text for text in found)


def test_a_report_is_unicode() -> None:
    json.dumps(hostile(), ensure_ascii=False).encode("utf-8")


def test_csv_has_no_formula_and_no_control_character() -> None:
    names = ["=1+1", "+1", "-1", "@x", " =2", "\t=3", "a,b", 'say "so"', "a\nb", "plain"]
    report = report_of(volumes=[volume(name) for name in names])
    rows = list(csv.DictReader(io.StringIO(fleet_csv(report, "volumes"))))
    assert [row["name"] for row in rows] == [
        "'=1+1",
        "'+1",
        "'-1",
        "'@x",
        "' =2",
        "'\\t=3",
        "a,b",
        'say "so"',
        "a\\nb",
        "plain",
    ]
    assert rows[0]["size"] == str(TIB)
    assert rows[0]["used"] == ""
    fleet_csv(hostile(), "mappings").encode("utf-8")
    with pytest.raises(AnsibleFilterError, match="there is no table secrets"):
        fleet_csv(report, "secrets")


def test_csv_of_every_table_has_its_columns() -> None:
    report = report_of(snapshots=[snapshot(created="2026-11-30 07:30:00")])
    tables = {name: list(csv.DictReader(io.StringIO(fleet_csv(report, name)))) for name in report if name in TABLES}
    assert {name: len(rows) for name, rows in tables.items()} == dict.fromkeys(TABLES, 1)
    assert tables["arrays"][0]["oversubscription"] == "2.5"
    assert tables["arrays"][0]["readable"] == "true"
    assert tables["mappings"][0] == {"array": "east", "host": "web1", "volume": "db1", "lun": "3"}


TABLES = ("arrays", "volumes", "snapshots", "mappings")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "\u2013"),
        (0, "0 B"),
        (1023, "1 KiB"),
        (1024, "1 KiB"),
        (10 * 1024**3, "10 GiB"),
        (int(1.238 * TIB), "1.24 TiB"),
        (int(62.8 * TIB), "62.8 TiB"),
        (503 * TIB, "503 TiB"),
    ],
)
def test_sizes_have_three_digits(size: int | None, text: str) -> None:
    assert size_text(size).replace("\u00a0", " ") == text


def test_an_empty_fleet_has_a_page() -> None:
    page = fleet_page(fleet_report([], NOW))
    assert page["arrays"] == []
    assert page["tiles"][1]["value"] == "\u2013"
