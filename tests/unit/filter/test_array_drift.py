# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an array counts as drift, and the form of the report."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.openflash.storage.plugins.filter.array_drift import array_drift
from ansible_collections.openflash.storage.plugins.filter.drift_report import drift_report

IQN = "iqn.2026-01.org.example:h1"
CONTENT: dict[str, Any] = {
    "volumes": [
        {"name": "db1", "size": "10GiB", "provisioning": "thin", "array_options": {"replica_count": 3}},
        {"name": "tmp-1", "size": "1GiB", "provisioning": "thin"},
        {"name": "volume-b7d8a3a4-4c1b-4a6a-8d21-6a32f3e7a111", "size": "1GiB", "provisioning": "thin"},
    ],
    "groups": [{"name": "cg1", "volumes": ["db1"]}],
    "hosts": [{"name": "h1", "initiators": ["10:00:00:00:c9:00:00:07", IQN], "os": "linux"}],
    "mappings": [{"volume": "db1", "host": "h1", "lun": 3}],
}
GATHERED: dict[str, Any] = {
    "array": {"vendor": "xtremio", "name": "east", "model": "X1", "version": "4.2.0-33", "serial": "X"},
    "gathered": CONTENT,
}
ERROR = {"kind": "refused", "msg": "it cannot shrink", "reason": "it cannot shrink"}


def planned(*changed: str, error: dict[str, Any] | None = None, **sections: int) -> dict[str, Any]:
    """A plan that would change all of these sections. Each section has this many objects."""
    found: dict[str, Any] = {"plan": ["extend volume db1"] * bool(changed)}
    for section in ("volumes", "hosts", "mappings", "snapshots", "groups"):
        row = {"changed": section in changed, "error": error if section in changed else None}
        found[section] = [row] * sections.get(section, 1)
    return found


def test_what_the_plan_leaves_as_it_is_is_no_drift() -> None:
    """A size in another unit, and a WWN in another form."""
    declared = {
        "volumes": [{"name": "db1", "size": "10240MiB"}],
        "hosts": [{"name": "h1", "initiators": ["0x10000000C9000007", IQN]}],
        "mappings": [{"volume": "db1", "host": "h1"}],
    }
    found = array_drift(declared, GATHERED, planned(), name="flash1", prefix="db")
    assert (found["status"], found["missing"], found["changed"], found["added"]) == ("in_sync", [], [], [])
    assert (found["name"], found["error"], found["plan"]) == ("flash1", None, [])
    assert found["array"] == {"vendor": "xtremio", "name": "east", "model": "X1", "version": "4.2.0-33"}


def test_each_field_that_differs_is_named() -> None:
    declared = {
        "volumes": [{"name": "db1", "size": "20480MiB", "array_options": {"replica_count": 2, "udid": None}}],
        "hosts": [{"name": "h1", "initiators": [IQN], "os": "esx"}],
        "mappings": [{"volume": "db1", "host": "h1", "lun": 4}],
        "groups": [{"name": "cg1", "volumes": ["db1", "tmp-1"]}],
    }
    found = array_drift(declared, GATHERED, planned("volumes", "hosts", "mappings", "groups"))
    assert found["status"] == "drift"
    fields = {
        (entry["kind"], one["field"]): (one["declared"], one["actual"])
        for entry in found["changed"]
        for one in entry["fields"]
    }
    assert fields == {
        ("volume", "size"): ("20GiB", "10GiB"),
        ("volume", "replicas"): (2, 3),
        ("group", "volumes"): (["db1", "tmp-1"], ["db1"]),
        ("host", "initiators"): ([IQN], ["10:00:00:00:c9:00:00:07", IQN]),
        ("host", "os"): ("esx", "linux"),
        ("mapping", "lun"): (4, 3),
    }


def test_a_list_with_more_than_is_declared_differs_unless_the_object_permits_it() -> None:
    declared: dict[str, Any] = {
        "hosts": [{"name": "h1", "initiators": [IQN]}],
        "groups": [{"name": "cg1", "volumes": []}],
    }
    assert [entry["name"] for entry in array_drift(declared, GATHERED, planned())["changed"]] == ["cg1", "h1"]
    declared["hosts"][0]["exclusive_initiators"] = declared["groups"][0]["exclusive_volumes"] = False
    assert array_drift(declared, GATHERED, planned())["changed"] == []


def test_what_is_declared_absent_is_a_difference_only_while_it_exists() -> None:
    declared = {"volumes": [{"name": name, "state": "absent"} for name in ("db1", "gone")]}
    found = array_drift(declared, GATHERED, planned("volumes", volumes=2), prefix="db")
    fields = [{"field": "state", "declared": "absent", "actual": "present"}]
    assert (found["missing"], found["added"]) == ([], [])
    assert [(entry["name"], entry["fields"]) for entry in found["changed"]] == [("db1", fields)]


def test_what_is_declared_and_not_there_is_missing_and_may_be_refused() -> None:
    declared = {"volumes": [{"name": "web1", "size": "1GiB"}], "mappings": [{"volume": "web1", "host": "h1"}]}
    found = array_drift(declared, GATHERED, planned("volumes", error=ERROR))
    assert found["missing"] == [{"kind": "volume", "name": "web1", "refused": "it cannot shrink"}]
    found = array_drift(declared, GATHERED, planned("volumes", "mappings"))
    assert found["missing"][1] == {
        "kind": "mapping", "name": "h1/web1", "volume": "web1", "host": "h1", "refused": None
    }  # fmt: skip


def test_a_refused_change_says_what_differs_and_why_no_task_makes_it() -> None:
    found = array_drift({"volumes": [{"name": "db1", "size": "5GiB"}]}, GATHERED, planned("volumes", error=ERROR))
    (changed,) = found["changed"]
    assert changed["fields"] == [{"field": "size", "declared": "5GiB", "actual": "10GiB"}]
    assert changed["refused"] == "it cannot shrink"


def test_a_difference_that_only_the_plan_shows_is_reported_too() -> None:
    declared = {"volumes": [{"name": "db1", "size": "10GiB", "group": "cg2"}]}
    (changed,) = array_drift(declared, GATHERED, planned("volumes"))["changed"]
    assert (changed["name"], changed["fields"], changed["refused"]) == ("db1", [], None)


def test_what_is_not_declared_is_added_within_the_prefix() -> None:
    declared: dict[str, Any] = {"volumes": [], "mappings": []}

    def names(**options: Any) -> list[str]:
        return [f"{entry['kind']} {entry['name']}" for entry in array_drift(declared, GATHERED, **options)["added"]]

    assert names() == ["volume db1", "volume tmp-1", "mapping h1/db1"]
    assert names(prefix="tmp-") == ["volume tmp-1"]
    assert names(openstack=True)[2].startswith("volume volume-b7d8")


def test_what_could_not_be_read_is_never_in_sync() -> None:
    declared = {"volumes": [{"name": "db1", "size": "10GiB"}]}
    of_openstack = "volume-b7d8a3a4-4c1b-4a6a-8d21-6a32f3e7a112"
    left_out = [
        {"kind": "mapping", "name": "*/db1", "reason": "every initiator may use the volume", "unreadable": False},
        {"kind": "volume", "name": "db2", "reason": "it exists, and could not be read: no size", "unreadable": True},
        {"kind": "volume", "name": "?", "reason": "it exists, and could not be read: no name", "unreadable": True},
        {"kind": "volume", "name": of_openstack, "reason": "it could not be read", "unreadable": True},
    ]

    def found(*numbers: int, **options: Any) -> Any:
        gathered = {**GATHERED, "not_declared": [left_out[number] for number in numbers]}
        return array_drift(declared, gathered, planned(), prefix="db", **options)

    everything = found(0, 1, 2, 3)
    assert (everything["status"], everything["not_compared"]) == ("unreadable", left_out[:3])
    message = "volume db2: it exists, and could not be read: no size (and 1 more)"
    assert everything["error"] == {"kind": "unreadable", "message": message}
    assert (found(0)["status"], found(0)["not_compared"], found(3)["status"]) == ("in_sync", left_out[:1], "in_sync")
    assert found(1, ignore=[{"name": "db2"}])["status"] == "in_sync"


def test_what_is_ignored_is_counted_and_not_reported() -> None:
    declared = {"volumes": [{"name": "db1", "size": "20GiB"}, {"name": "tmp-9", "size": "1GiB"}]}
    ignore = [{"kind": "volume", "name": "tmp-*"}, {"field": "si*"}]
    found = array_drift(declared, GATHERED, planned("volumes", volumes=2), ignore=ignore)
    assert (found["status"], found["ignored"]) == ("in_sync", 3)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, "has kind, name or field"),
        ({"object": "volume"}, "has kind, name or field"),
        ({"kind": "volumes"}, "kind volumes is not one of volume, snapshot"),
    ],
)
def test_a_wrong_entry_of_ignore_is_refused(entry: dict[str, str], message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        array_drift({"volumes": []}, GATHERED, ignore=[entry])


@pytest.mark.parametrize(
    ("declared", "message"),
    [([], "is not a mapping"), ({"volume": []}, "has no section volume; it has volumes, snapshots")],
)
def test_a_document_with_an_unknown_section_is_refused(declared: Any, message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        array_drift(declared, GATHERED)


def test_an_array_that_is_away_is_unreadable() -> None:
    failed = {"failed": True, "msg": "cannot connect", "error": {"kind": "unreachable", "msg": "cannot connect"}}
    found = array_drift({"volumes": []}, failed, name="flash1")
    assert (found["status"], found["error"]) == ("unreadable", {"kind": "unreachable", "message": "cannot connect"})
    crashed = array_drift({"volumes": []}, {"msg": "MODULE FAILURE"}, name="flash1")
    assert crashed["error"] == {"kind": "unreadable", "message": "MODULE FAILURE"}


def test_a_document_that_no_array_can_have_is_invalid() -> None:
    plan = {"msg": "'big' is not a size", "error": {"kind": "invalid", "msg": "'big' is not a size"}}
    found = array_drift({"volumes": [{"name": "db1", "size": "big"}]}, GATHERED, plan)
    assert (found["status"], found["error"]["message"]) == ("invalid", "'big' is not a size")


def test_the_report_has_a_stable_form() -> None:
    entries = [
        array_drift({"volumes": []}, {"msg": "away"}, name="b"),
        array_drift({"volumes": []}, GATHERED, name="a", prefix="db"),
        array_drift({"volumes": []}, GATHERED, name="c", prefix="x"),
    ]
    report = drift_report(entries, "2026-12-04T06:00:00Z")
    assert json.loads(json.dumps(report)) == report
    assert list(report) == ["schema", "version", "generated", "status", "summary", "arrays"]
    assert (report["schema"], report["version"], report["status"]) == ("openflash.storage.drift", 1, "unreadable")
    assert report["summary"] == {
        "arrays": 3, "in_sync": 1, "drift": 1, "invalid": 0, "unreadable": 1, "missing": 0, "changed": 0, "added": 1
    }  # fmt: skip
    assert [entry["name"] for entry in report["arrays"]] == ["a", "b", "c"]
    for entry in report["arrays"]:
        assert list(entry) == [
            "name", "status", "array", "error", "missing", "changed", "added", "not_compared", "ignored", "plan"
        ]  # fmt: skip
    assert drift_report([], "")["status"] == "in_sync"
    with pytest.raises(AnsibleFilterError, match="not a result of the filter array_drift"):
        drift_report([{"name": "a"}], "")


def test_properties_are_compared_whichever_name_declares_them() -> None:
    volume = {"name": "v", "size": "1GiB", "replicas": 3, "qos": {"max_bytes_per_second": "1MiB"}}
    gathered = {"gathered": {"volumes": [volume]}}

    def fields(**declared: Any) -> dict[str, Any]:
        found = array_drift({"volumes": [{"name": "v", **declared}]}, gathered, planned("volumes"))
        return {one["field"]: (one["declared"], one["actual"]) for entry in found["changed"] for one in entry["fields"]}

    same = {"array_options": {"replica_count": 3, "total_bandwidth_max": 1024}}
    assert fields(**same) == fields(replicas=3, qos={"max_bytes_per_second": "1024KiB", "max_iops": 0}) == {}
    assert fields(array_options={"replica_count": 2}) == fields(replicas=2) == {"replicas": (2, 3)}
    assert fields(qos={"unlimited": True}) == {"qos.max_bytes_per_second": (0, "1MiB")}
    assert fields(qos={"max_iops": 5}, placement={"mode": "hybrid"}) == {
        "qos.max_iops": (5, None),
        "placement.mode": ("hybrid", None),
    }
