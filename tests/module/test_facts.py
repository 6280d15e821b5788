# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""flash_facts and flash_info on every array."""

from __future__ import annotations

import pytest

from tests.module.arrays import GIB, ArrayUnderTest

pytestmark = pytest.mark.wire

HOST_SUBSETS = ("hosts", "mappings", "ports")
SUBSETS = ("array", "capacity", "pools", "volumes", "snapshots", "hosts", "mappings", "ports")
ON_REQUEST = ("groups", "connections", "health", "performance")


@pytest.fixture
def filled(array: ArrayUnderTest) -> ArrayUnderTest:
    """The array with two volumes and a snapshot and, where it has hosts, a host with a mapping."""
    array.done("flash_volume", size="10GiB", volumes=[{"name": "db1"}, {"name": "db2"}])
    array.done("flash_snapshot", name="monday", volume="db1")
    if array.row.hosts:
        array.done("flash_host_map", host="server", initiators=[array.row.initiators[0]], volume="db1", **array.lun(3))
    return array


@pytest.mark.common
def test_all_facts_are_under_one_key(filled: ArrayUnderTest) -> None:
    result = filled.done("flash_facts")
    assert set(result) - {"invocation"} == {"ansible_facts", "changed"}
    assert not result.changed
    assert set(result["ansible_facts"]) == {"flash"}
    assert set(result["ansible_facts"]["flash"]) == {*SUBSETS, "unreadable", "api"}


@pytest.mark.common
def test_info_returns_what_the_facts_are_as_a_plain_result(filled: ArrayUnderTest) -> None:
    requested = {"gather_subset": ["all"], "query": "volumes[].name"}
    facts, mark = filled.facts(**requested), filled.mark()
    result = filled.done("flash_info", **requested)
    assert filled.writes(mark) == []
    assert "ansible_facts" not in result
    assert {name: result[name] for name in facts} == facts
    assert set(result) - {"invocation"} == {*facts, "changed"}
    assert not result.changed


FIELDS = {
    "array": "vendor name model serial version api_version state protocols",
    "capacity": "size free used provisioned data_reduction_ratio dedup_ratio compression_ratio thin_ratio",
    "pools": "name id state size free used provisioned provisioning",
    "volumes": (
        "name size size_text id provisioning pool state progress serial used created source independent resumed"
        " mappings snapshots groups qos replicas placement description array_options"
    ),
    "snapshots": "name volume size size_text id state created proven serial group mappings children crash_consistent",
    "hosts": "name state id kind os initiators",
    "mappings": "host volume lun device",
    "ports": "name protocol address portal up",
    "groups": "name id volumes",
    "connections": "logins paths",
    "health": "state array nodes ports disks alerts",
    "performance": "array interval volumes",
}


@pytest.mark.every_row
def test_every_array_has_the_same_fields(filled: ArrayUnderTest) -> None:
    content = filled.done("flash_info", gather_subset=["all"])
    for subset, fields in FIELDS.items():
        found = content[subset]
        for entry in [found] if isinstance(found, dict) else found or []:
            assert set(entry) == set(fields.split()), subset


def test_the_facts_are_the_content_of_the_array(filled: ArrayUnderTest) -> None:
    flash = filled.facts()
    volumes_include_snapshots = (
        filled.capabilities.snapshot_names == "with_volumes" and not filled.capabilities.proves_snapshots
    )
    expected = ["db1", "db2", "monday"] if volumes_include_snapshots else ["db1", "db2"]
    assert sorted(volume["name"] for volume in flash["volumes"]) == expected
    assert [(row["name"], row["volume"], row["size"]) for row in flash["snapshots"]] == [("monday", "db1", 10 * GIB)]
    if filled.row.hosts:
        assert [(host["name"], [port["address"] for port in host["initiators"]]) for host in flash["hosts"]] == [
            ("server", [filled.row.initiators[0]])
        ]
        (lun,) = filled.luns().values()
        assert flash["mappings"] == [{"host": "server", "volume": "db1", "lun": lun, "device": None}]
        assert flash["ports"]
        assert all(port["address"] for port in flash["ports"])
    else:
        assert [flash[kind] for kind in HOST_SUBSETS] == [None, None, None], "null means unknown, and not none"
    assert flash["array"]["vendor"] == filled.endpoint["vendor"]
    assert flash["array"]["version"] == (filled.endpoint["version"] if filled.row.reports_version else None)
    assert flash["capacity"]["size"] == sum(pool["size"] for pool in flash["pools"]) > 0
    assert flash["capacity"]["free"] == flash["capacity"]["size"] - flash["capacity"]["used"]
    assert flash["unreadable"] == []


def test_facts_only_read(filled: ArrayUnderTest) -> None:
    for check in (False, True):
        mark = filled.mark()
        flash = filled.facts(check=check)
        assert filled.writes(mark) == []
        assert flash["api"]["writes"] == 0
        counted = flash["api"]["requests"] + flash["api"]["session_requests"]
        assert counted == len(filled.requests(mark))


@pytest.mark.parametrize("subset", [*SUBSETS, *ON_REQUEST])
def test_a_single_subset_is_returned_alone(filled: ArrayUnderTest, subset: str) -> None:
    assert set(filled.facts(gather_subset=[subset])) == {subset, "unreadable", "api"}


def test_subsets_can_be_excluded_and_added(xtremio: ArrayUnderTest) -> None:
    assert set(xtremio.facts(gather_subset=["all"])) == {*SUBSETS, *ON_REQUEST, "unreadable", "api"}
    assert set(xtremio.facts(gather_subset=["!ports", "!hosts"])) == {*SUBSETS, "unreadable", "api"} - {
        "ports",
        "hosts",
    }
    assert set(xtremio.facts(gather_subset=["default", "groups"])) == {*SUBSETS, "groups", "unreadable", "api"}


def test_an_unknown_subset_is_refused(xtremio: ArrayUnderTest) -> None:
    for subset in ("disks", "!disks"):
        xtremio.refuses("flash_facts", "gather_subset has no disks", "volumes", gather_subset=[subset], kind="invalid")


@pytest.mark.common
def test_filters_select_objects_by_name(filled: ArrayUnderTest) -> None:
    flash = filled.facts(
        gather_subset=["volumes", "snapshots", "hosts", "mappings"], filters={"volumes": ["db1"], "hosts": ["server"]}
    )
    assert [volume["name"] for volume in flash["volumes"]] == ["db1"]
    assert [snapshot["name"] for snapshot in flash["snapshots"]] == ["monday"]
    if filled.row.hosts:
        assert [host["name"] for host in flash["hosts"]] == ["server"]
        assert [mapping["volume"] for mapping in flash["mappings"]] == ["db1"]
    assert filled.facts(gather_subset=["volumes"], filters={"volumes": ["nothing"]})["volumes"] == []
    assert filled.facts(gather_subset=["snapshots"], filters={"snapshots": ["monday", "x"]})["snapshots"] != []


@pytest.mark.hosts
@pytest.mark.common
def test_a_query_selects_from_the_facts(filled: ArrayUnderTest) -> None:
    (lun,) = filled.luns().values()
    flash = filled.facts(gather_subset=["mappings"], query=f"mappings[?lun == `{lun}`].volume")
    assert flash["query"] == ["db1"]


@pytest.mark.parametrize("query", ["volumes[", "nosuch(volumes)"])
def test_an_invalid_query_is_refused(xtremio: ArrayUnderTest, query: str) -> None:
    xtremio.refuses("flash_facts", "query", query=query, gather_subset=["volumes"], kind="invalid")


def test_a_subset_that_cannot_be_read_is_listed_and_the_others_are_returned(filled: ArrayUnderTest) -> None:
    path, unreadable = filled.row.separate_read
    filled.fault(kind="non_json", match={"path": path}, count=None)
    result = filled.task("flash_facts")
    if unreadable:
        filled.refuses("flash_facts", "cannot be read, so the result could be wrong", query="volumes", kind="bad_reply")
    filled.clear_faults()
    flash = result["ansible_facts"]["flash"]
    assert not set(flash) & set(unreadable)
    assert len([text for text in result.warnings if "is left out" in text]) == len(unreadable)
    assert [entry["kind"] for entry in flash["unreadable"]] == list(unreadable)
    assert filled.row.name not in flash["unreadable"][0]["reason"].replace(flash["array"]["name"], "")
    never_reported = () if filled.row.hosts else HOST_SUBSETS
    assert all(flash[kind] for kind in {"volumes", "pools", *HOST_SUBSETS} - {*unreadable, *never_reported})


@pytest.mark.parametrize("kind", ["latency", "busy"])
@pytest.mark.common
def test_an_array_that_does_not_answer_in_time_has_no_facts(filled: ArrayUnderTest, kind: str) -> None:
    """The task fails, because null would mean that the array does not report a subset."""
    path, unreadable = filled.row.separate_read
    filled.fault(kind=kind, match={"path": path}, count=None, **({"seconds": 3.0} if kind == "latency" else {}))
    result = filled.task("flash_facts", connection={"timeout": 0.5, "wait_timeout": 1.0})
    filled.clear_faults()
    assert result.failed
    assert "ansible_facts" not in result
    assert result["error"]["kind"] in ("timeout", "busy", "unreachable"), result.msg  # a busy SSH server hangs up
    assert "Cannot read" in result.msg


@pytest.mark.common
def test_the_calls_are_returned_with_verbosity_2(filled: ArrayUnderTest) -> None:
    assert "calls" not in filled.facts()
    calls = filled.facts(verbosity=2)["calls"]
    assert calls
    assert not [call for call in calls if call["write"]]
    assert filled.endpoint["password"] not in str(calls)
