# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""flash_array with state: gathered, on every array: its content as a document that the module takes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Capabilities
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import parse_size
from tests.module.arrays import GIB, ONE_OF_EACH_WIRE, ROWS, ArrayUnderTest, Result, Row


def gather(array: ArrayUnderTest, **options: Any) -> Result:
    """The result of state: gathered, which writes nothing."""
    unchanged, mark = array.state(), array.mark()
    result = array.done("flash_array", state="gathered", **options)
    assert not result.changed
    assert result["api"]["writes"] == 0
    assert array.changes(mark) == []
    assert array.state() == unchanged
    return result


def build(array: ArrayUnderTest) -> None:
    content: dict[str, Any] = {
        "volumes": [{"name": "web-logs", "size": "2GiB"}, {"name": "web-data", "size": "3GiB"}],
        "snapshots": [{"name": "web-golden", "volume": "web-data"}],
    }
    if array.row.hosts:
        content["hosts"] = [{"name": "web-server", "initiators": list(array.row.initiators[:2])}]
        content["mappings"] = [
            {"volume": "web-logs", "host": "web-server", **array.lun(3)},
            {"volume": "web-data", "host": "web-server", **array.lun(1)},
        ]
    array.done("flash_array", **content)


@pytest.mark.wire
def test_an_array_is_gathered_as_a_document_that_the_module_takes(array: ArrayUnderTest) -> None:
    build(array)
    result = gather(array, gather_snapshots=True)
    document = result["gathered"]
    sizes = {volume["name"]: volume["size"] for volume in document["volumes"]}
    # XtremIO 3.0 does not tell snapshots from volumes.
    assert sizes == {"web-data": "3GiB", "web-logs": "2GiB"} | (
        {"web-golden": "3GiB"} if array.row.name == "xtremio-3.0" else {}
    )
    assert list(sizes) == sorted(sizes)
    if array.row.hosts:
        assert [host["name"] for host in document["hosts"]] == ["web-server"]
        assert document["hosts"][0]["initiators"] == sorted(array.row.initiators[:2])
        assert document["mappings"] == [
            {"volume": "web-data", "host": "web-server", **array.lun(1)},
            {"volume": "web-logs", "host": "web-server", **array.lun(3)},
        ]
    else:
        assert [(entry["kind"], entry["name"]) for entry in result["not_declared"]] == [
            ("hosts", None),
            ("mappings", None),
        ]
    facts = array.facts(gather_subset=["array", "pools"])
    assert (result["array"], result["pools"]) == (facts["array"], facts["pools"])


def test_with_a_prefix_only_what_belongs_to_it_is_gathered(xtremio: ArrayUnderTest) -> None:
    build(xtremio)
    xtremio.done("flash_volume", volumes=[{"name": "db1"}, {"name": "volume-" + UUID}], size="1GiB")
    result = gather(xtremio, gather_prefix="web-")
    assert [volume["name"] for volume in result["gathered"]["volumes"]] == ["web-data", "web-logs"]
    assert "snapshots" not in result["gathered"]
    everything = gather(xtremio)["gathered"]["volumes"]
    assert [volume["name"] for volume in everything] == ["db1", "web-data", "web-logs"]
    assert f"volume-{UUID}" in str(gather(xtremio, exclude_openstack=False)["gathered"])


UUID = "7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"state": "gathered", "volumes": []}, "the option volumes is not for state: gathered"),
        ({"state": "gathered", "prune": True, "prune_prefix": "web-"}, "the option prune is not for state: gathered"),
        ({"state": "gathered", "gather_prefix": ""}, "the option gather_prefix is empty"),
        ({"gather_prefix": "web-"}, "the option gather_prefix is only for state: gathered"),
        ({"gather_snapshots": True}, "the option gather_snapshots is only for state: gathered"),
    ],
)
def test_options_of_the_other_state_are_refused(xtremio: ArrayUnderTest, options: dict[str, Any], message: str) -> None:
    xtremio.refuses("flash_array", message, **options)


def test_a_kind_that_cannot_be_read_fails_the_task(xtremio: ArrayUnderTest) -> None:
    build(xtremio)
    xtremio.fault(kind="non_json", match={"path": "initiator-groups"}, count=None)
    result = xtremio.document(state="gathered")
    assert result.failed
    assert "gathered" not in result


# ---- the law ---------------------------------------------------------------------------------------------------------

NAMES = ["web-1", "web-2", "db_data", "Logs.old"]
OPTIONS: dict[str, Any] = {
    "encrypted": True,
    "placement_mode": "single_flash",
    "read_iops_max": 700,
    "replica_count": 2,
    "write_bandwidth_max": 4096,
}
"""Values of the options of volumes that an array reports, other than those of a volume that was made without them."""


@st.composite
def contents(draw: st.DrawFn, array: ArrayUnderTest, rules: Capabilities) -> dict[str, Any]:
    """A document of random content that the array can hold, in sizes that not every array can have."""
    units = st.integers(0, (8 * GIB - rules.smallest) // rules.granularity)
    sizes = units.map(lambda number: f"{rules.smallest + number * rules.granularity}B")
    possible = [name for name in NAMES if re.fullmatch(rules.volume_name.pattern, name)]
    names = draw(st.lists(st.sampled_from(possible), unique=True, min_size=1, max_size=3))
    kinds = st.sampled_from(array.capabilities.provisioning)
    known = sorted(array.capabilities.volume_options & set(OPTIONS))
    options = st.lists(st.sampled_from(known), unique=True) if known else st.just([])
    content: dict[str, Any] = {
        "volumes": [
            {
                "name": name,
                "size": draw(sizes),
                "provisioning": draw(kinds),
                "array_options": {option: OPTIONS[option] for option in draw(options)},
            }
            for name in names
        ],
        "snapshots": [{"name": f"{name}-s", "volume": name} for name in names if draw(st.booleans())],
    }
    if array.cannot("groups") is None:
        members = st.lists(st.sampled_from(names), unique=True)
        content["groups"] = [{"name": f"group{number}", "volumes": draw(members)} for number in draw(NUMBERS)]
    if array.row.hosts:
        hosts = [f"host{number}" for number in draw(NUMBERS)]
        addresses = list(array.row.initiators)
        # The third is of another protocol on some arrays, and Violin has hosts of one protocol only
        content["hosts"] = [
            {"name": host, "initiators": [addresses.pop(0) for _ in range(draw(st.integers(1, 2 - number)))]}
            for number, host in enumerate(hosts)
        ]
        if array.cannot("host_os") is None:
            for host in content["hosts"]:
                host["os"] = draw(st.sampled_from(["linux", "windows"]))
        pairs = [(host, volume) for host in hosts for volume in names if draw(st.booleans())]
        content["mappings"] = [
            {"host": host, "volume": volume, **array.lun(2 * number + 1)} for number, (host, volume) in enumerate(pairs)
        ]
    return content


NUMBERS = st.lists(st.integers(1, 2), unique=True)


def check_law(data: st.DataObject, array: ArrayUnderTest, other: ArrayUnderTest) -> None:
    """What is gathered changes nothing when it is applied, gives the same on an empty array, and never another size."""
    array.reset()
    array.done("flash_array", **data.draw(contents(array, array.name_rules)), shared=True)
    result = gather(array, gather_snapshots=True)
    document, mark = result["gathered"], array.mark()

    applied = array.done("flash_array", **document)
    assert (applied["plan"], applied["api"]["writes"], array.changes(mark)) == ([], 0, [])
    prefix = {"prune": True, "prune_prefix": document["volumes"][0]["name"][:3], "prune_kinds": ["volumes"]}
    assert array.done("flash_array", **document, **prefix)["plan"] == []

    array.reset()
    array.done("flash_array", **document, shared=True)
    assert gather(array, gather_snapshots=True)["gathered"] == document

    other.reset()
    moved = other.document(**document, shared=True, continue_on_error=True)
    sizes = {volume["name"]: parse_size(volume["size"]) for volume in document["volumes"]}
    for entry in moved["volumes"]:
        if entry["error"] is None:
            assert entry["size"] == sizes[entry["name"]]
        else:
            assert entry["error"]["reason"]
    held = {name: volume["size"] for name, volume in other.volumes().items() if name in sizes}
    assert held.items() <= sizes.items()
    assert moved.failed == any(entry["error"] for entries in sections(moved) for entry in entries)


def sections(result: Result) -> list[list[dict[str, Any]]]:
    return [result[name] for name in ("volumes", "snapshots", "groups", "hosts", "mappings")]


BOUNDED = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck), print_blob=False
)


@settings(BOUNDED, max_examples=2)
@given(data=st.data())
def test_the_law_of_the_document_on_some_array(arrays: dict[str, ArrayUnderTest], data: st.DataObject) -> None:
    first, second = data.draw(st.permutations(ONE_OF_EACH_WIRE))[:2]
    check_law(data, arrays[first.name], arrays[second.name])


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_law_of_the_document_on_every_array(arrays: dict[str, ArrayUnderTest], row: Row) -> None:
    others = [other for other in ONE_OF_EACH_WIRE if other.simulator["vendor"] != row.simulator["vendor"]]

    @settings(BOUNDED, max_examples=8)
    @given(data=st.data())
    def law(data: st.DataObject) -> None:
        check_law(data, arrays[row.name], arrays[data.draw(st.sampled_from(others)).name])

    law()
