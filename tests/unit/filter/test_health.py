# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as trouble, and the form of the report and of the metrics."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.openflash.storage.plugins.filter.health_metrics import health_metrics
from ansible_collections.openflash.storage.plugins.filter.health_report import health_report

TIME = "2026-12-01T06:00:00Z"
LOAD = {
    f"{operation}_{figure}": 1000.0 for operation in ("read", "write") for figure in ("iops", "bandwidth", "latency")
}
CAPACITY = {"size": 4096, "used": 1024, "free": 3072, "provisioned": None}


def part(name: str, state: str = "ok", reported: str | None = "online") -> dict[str, Any]:
    return {"name": name, "state": state, "reported": reported}


def alert(severity: str, text: str = "it is wrong", **fields: Any) -> dict[str, Any]:
    known = {"id": "7", "code": "2400203", "object": "fan1", "time": TIME, "acknowledged": False, "reported": {}}
    return {"severity": severity, "text": text, **known, **fields}


def content(*parts: dict[str, Any], alerts: Any = (), state: str = "ok", **more: Any) -> dict[str, Any]:
    health = {
        "state": state,
        "array": part("east", state),
        "nodes": list(parts),
        "ports": None,
        "disks": [],
        "alerts": alerts if alerts is None else list(alerts),
    }
    return {"health": health, "performance": None, "capacity": CAPACITY, "unreadable": [], **more}


def report(ignore: Any = (), **contents: Any) -> dict[str, Any]:
    return health_report([{"array": name, "content": found} for name, found in contents.items()], TIME, ignore)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (content(), "ok"),
        (content(part("node1", "warning")), "warning"),
        (content(part("node1", "warning"), part("node2", "critical")), "critical"),
        (content(alerts=[alert("critical")]), "critical"),
        (content(alerts=[alert("info")]), "ok"),
        (content(alerts=[alert("critical", acknowledged=True)]), "ok"),
        (content(alerts=[alert("warning", acknowledged=None)]), "warning"),
        (content(alerts=None, state="unknown"), "unknown"),
        ({"health": None, "performance": None, "unreadable": []}, "unknown"),
        ({"msg": "Cannot connect", "failed": True}, "unreadable"),
        ({}, "unreadable"),
        ({"unreadable": [{"kind": "health", "name": None, "reason": "no answer"}]}, "unreadable"),
        (content(unreadable=[{"kind": "alert", "name": "9", "reason": "odd"}]), "unreadable"),
        (content(unreadable=[{"kind": "capacity", "name": None, "reason": "odd"}]), "ok"),
    ],
)
def test_the_status_of_an_array(found: dict[str, Any], status: str) -> None:
    made = report(flash1=found)
    assert made["arrays"][0]["status"] == made["status"] == status
    assert made["summary"] == {
        "arrays": 1, **dict.fromkeys(("unreadable", "critical", "warning", "unknown", "ok"), 0), status: 1
    }  # fmt: skip
    assert bool(made["arrays"][0]["error"]) == (status == "unreadable")


def test_what_is_to_be_ignored_is_no_trouble_and_is_counted() -> None:
    found = content(part("node1:ip3", "warning"), alerts=[alert("critical"), alert("warning", code="9")])
    assert [problem["kind"] for problem in report(flash1=found)["arrays"][0]["problems"]] == ["node", "alert", "alert"]
    made = report(["node1:ip?", "24002*"], flash1=found)
    assert made["status"] == "warning"
    assert made["arrays"][0]["ignored"] == 2
    assert report(["node1:ip?", "24002*", "9"], flash1=found)["status"] == "ok"
    for ignore in ("node1", [1]):
        with pytest.raises(AnsibleFilterError, match="ignore is not a list of names"):
            report(ignore, flash1=found)


def test_the_worst_array_gives_the_report_its_status() -> None:
    made = report(b=content(part("n", "critical")), a=content(), c={})
    assert made["status"] == "unreadable"
    assert [array["name"] for array in made["arrays"]] == ["a", "b", "c"]
    assert report()["status"] == "unknown", "nothing was read"


def test_an_input_of_another_form_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="no array and no content"):
        health_report([{"array": "a"}], TIME)
    with pytest.raises(AnsibleFilterError, match="no report of the filter health_report"):
        health_metrics({"schema": "other"})


SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[0-9.e+-]+)\Z')


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The samples by name and labels. Each metric has its help and its type once, before its samples."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    described: list[str] = []
    typed: list[str] = []
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            described.append(line.split(" ")[2])
        elif line.startswith("# TYPE "):
            typed.append(line.split(" ")[2])
            assert line.endswith(" gauge")
        else:
            matched = SAMPLE.match(line)
            assert matched, line
            assert matched[1] == typed[-1] == described[-1], "the samples of a metric are together"
            labels = frozenset(re.findall(r'([a-z]+)="((?:[^"\\]|\\.)*)"', matched[2] or ""))
            assert (matched[1], labels) not in found, "a sample occurs once"
            found[matched[1], labels] = float(matched[3])
    assert typed == described
    assert len(set(typed)) == len(typed)
    return found


def test_the_metrics_have_base_units_and_escaped_labels() -> None:
    odd = 'a"b\\c\nd\x1b[2J'
    loads = {"array": LOAD, "interval": None, "volumes": [{"name": odd, **LOAD, "read_iops": None}]}
    array = content(part("node1", "warning"), part("node1", "ok"), alerts=[alert("critical"), alert("info")])
    text = health_metrics(report(flash1={**array, "performance": loads}, away={}))
    found = {(name, labels): value for (name, labels), value in samples(text).items()}
    assert "\x1b" not in text

    def value(metric: str, /, **labels: str) -> float | None:
        return found.get((metric, frozenset({"array": "flash1", **labels}.items())))

    assert value("openflash_up") == 1
    assert found["openflash_up", frozenset({("array", "away")})] == 0
    assert value("openflash_health_status", status="critical") == 1
    assert value("openflash_health_status", status="ok") == 0
    assert value("openflash_part_state", kind="node", name="node1") == 1, "of two parts of one name the worse"
    assert value("openflash_alerts", severity="critical") == 1
    assert value("openflash_alerts", severity="warning") == 0
    assert value("openflash_capacity_used_bytes") == 1024
    assert value("openflash_capacity_provisioned_bytes") is None, "what is not reported has no sample"
    assert value("openflash_latency_seconds", operation="read") == pytest.approx(0.001)
    assert value("openflash_bandwidth_bytes_per_second", operation="write") == 1000
    volume = 'a\\"b\\\\c\\\\nd\\\\x1b[2J'
    assert value("openflash_volume_iops", operation="write", volume=volume) == 1000
    assert value("openflash_volume_iops", operation="read", volume=volume) is None
    assert found["openflash_generated_timestamp_seconds", frozenset()] == 1796104800
