# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts: each subset, and the report of what cannot be read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    BadReply,
    Busy,
    FlashError,
    NotFound,
    Refused,
    Timeout,
    Unauthorized,
    Unreachable,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.facts import DEFAULT, SUBSETS, gather, missing
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.confirm import AnswerTimeout
from tests.support.memory_array import GIB, MemoryArray


@pytest.fixture
def array() -> MemoryArray:
    array = MemoryArray()
    array.volume("a", 2 * GIB)
    array.volume("b")
    array.snapshot("a", "s")
    array.host("h1", "10000000c9000007")
    array.map("a", "h1", 4)
    array.group("g", "a")
    return array


def test_every_subset_can_be_written_as_json(array: MemoryArray) -> None:
    facts = gather(array, SUBSETS, {})
    assert set(facts) == set(SUBSETS) | {"unreadable"}
    assert json.loads(json.dumps(facts)) == facts
    assert facts["unreadable"] == []
    assert array.writes == []


def test_each_subset_has_its_fields(array: MemoryArray) -> None:
    facts = gather(array, SUBSETS, {})
    assert facts["array"]["name"] == "memory1"
    assert facts["capacity"]["free"] == 97 * GIB
    assert facts["pools"][0]["used"] == 40 * GIB
    assert [volume["size_text"] for volume in facts["volumes"]] == ["2GiB", "1GiB"]
    assert facts["snapshots"][0]["volume"] == "a"
    assert facts["hosts"][0]["initiators"][0]["address"] == "10:00:00:00:c9:00:00:07"
    assert facts["mappings"] == [{"host": "h1", "volume": "a", "lun": 4, "device": None}]
    assert facts["ports"][0]["portal"] == "192.0.2.1:3260"
    assert facts["groups"][0]["volumes"] == ["a"]


def test_only_the_requested_subsets_are_read(array: MemoryArray) -> None:
    assert set(gather(array, ("pools",), {})) == {"pools", "unreadable"}
    assert array.reads == ["pools"]
    assert "groups" not in DEFAULT


def test_filters_select_objects(array: MemoryArray) -> None:
    facts = gather(array, ("volumes", "snapshots", "hosts", "mappings"), {"volumes": ["b"], "hosts": ["h1"]})
    assert [volume["name"] for volume in facts["volumes"]] == ["b"]
    assert facts["snapshots"] == []
    assert [host["name"] for host in facts["hosts"]] == ["h1"]
    assert [mapping["volume"] for mapping in facts["mappings"]] == ["a"]


FILTERED = ("volumes", "snapshots", "hosts", "mappings")


@pytest.mark.parametrize(
    ("filters", "counts"),
    [
        ({"volumes": []}, {"volumes": 0, "snapshots": 0, "hosts": 1, "mappings": 0}),
        ({"snapshots": []}, {"volumes": 2, "snapshots": 0, "hosts": 1, "mappings": 1}),
        ({"hosts": []}, {"volumes": 2, "snapshots": 1, "hosts": 0, "mappings": 0}),
        ({"volumes": [], "snapshots": ["s"]}, {"volumes": 0, "snapshots": 1, "hosts": 1, "mappings": 0}),
        ({"volumes": [], "hosts": ["h1"]}, {"volumes": 0, "snapshots": 0, "hosts": 1, "mappings": 1}),
        ({"volumes": ["a"], "snapshots": []}, {"volumes": 1, "snapshots": 1, "hosts": 1, "mappings": 1}),
        ({"volumes": [], "snapshots": [], "hosts": []}, dict.fromkeys(FILTERED, 0)),
        ({"volumes": None, "hosts": None}, {"volumes": 2, "snapshots": 1, "hosts": 1, "mappings": 1}),
        ({}, {"volumes": 2, "snapshots": 1, "hosts": 1, "mappings": 1}),
    ],
)
def test_a_filter_without_a_name_selects_nothing_and_null_is_no_filter(
    array: MemoryArray, filters: Any, counts: dict[str, int]
) -> None:
    facts = gather(array, FILTERED, filters)
    assert {kind: len(facts[kind]) for kind in FILTERED} == counts
    assert facts["unreadable"] == []


def test_a_filter_without_a_name_needs_no_request(array: MemoryArray) -> None:
    gather(array, FILTERED, {"volumes": [], "snapshots": [], "hosts": []})
    assert array.reads == []


def test_an_unreadable_object_is_reported_and_the_others_are_returned(array: MemoryArray) -> None:
    array.unreadable["volume"] = ["b"]
    facts = gather(array, ("volumes", "hosts"), {})
    assert [volume["name"] for volume in facts["volumes"]] == ["a"]
    assert facts["unreadable"] == [{"kind": "volume", "name": "b", "reason": "a field is missing"}]
    assert len(facts["hosts"]) == 1


@pytest.mark.parametrize("kind", [BadReply, FlashError, Refused, NotFound])
def test_an_unreadable_subset_is_left_out_and_reported(array: MemoryArray, kind: type) -> None:
    """Null would mean that the array does not report it, and an empty list that there are none."""
    array.fail("snapshots", kind("it is cut off"))
    facts = gather(array, ("volumes", "snapshots", "hosts"), {})
    assert set(facts) == {"volumes", "hosts", "unreadable"}
    assert len(facts["volumes"]) == 2
    assert len(facts["hosts"]) == 1
    reason = "Cannot read the snapshots on memory1: it is cut off."
    assert facts["unreadable"] == [{"kind": "snapshots", "name": None, "reason": reason}]
    assert missing(facts) == [reason]


def test_a_subset_that_the_array_does_not_report_is_null() -> None:
    facts = gather(MemoryArray(mappings_known="of_no_host"), ("mappings",), {})
    assert facts == {"mappings": None, "unreadable": []}


@pytest.mark.parametrize("kind", [Unreachable, Unauthorized, Timeout, Busy, AnswerTimeout])
def test_an_array_that_does_not_answer_is_an_error(array: MemoryArray, kind: type) -> None:
    array.fail("hosts", kind("it hung up"))
    with pytest.raises(kind, match="Cannot read the hosts on memory1"):
        gather(array, SUBSETS, {})
