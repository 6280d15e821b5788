# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of a list for a range of names."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Invalid
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.ranges import (
    check_single,
    expanded,
    has_range,
    names_of,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.rules import why_not_declared


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("vol{001..003}", ["vol001", "vol002", "vol003"]),
        ("vol{8..11}", ["vol8", "vol9", "vol10", "vol11"]),
        ("{00..01}-log", ["00-log", "01-log"]),
        ("a{0..0}b", ["a0b"]),
        ("a{7..7}", ["a7"]),
    ],
)
def test_a_range_stands_for_one_entry_of_each_number(name: str, names: list[str]) -> None:
    assert expanded([{"name": name, "size": "1GiB"}], "volumes") == [{"name": one, "size": "1GiB"} for one in names]


def test_an_entry_without_a_range_is_unchanged_and_entries_keep_their_order() -> None:
    items: list[dict[str, Any]] = [{"name": "z"}, {"name": "b{1..2}"}, {"name": "a", "lun": 3, "size": None}]
    assert expanded(items, "volumes") == [{"name": "z"}, {"name": "b1"}, {"name": "b2"}, items[2]]


def test_options_of_one_entry_have_the_same_number() -> None:
    item = {"name": "monday-{1..2}", "volume": "db{01..02}", "target": "test{1..2}", "state": "refreshed"}
    assert expanded([item], "snapshots") == [
        {"name": "monday-1", "volume": "db01", "target": "test1", "state": "refreshed"},
        {"name": "monday-2", "volume": "db02", "target": "test2", "state": "refreshed"},
    ]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"name": "a{1..2}b{1..2}"}, "more than one range"),
        ({"name": "a{1..b}"}, "not of two whole numbers"),
        ({"name": "a{..5}"}, "not of two whole numbers"),
        ({"name": "a{1...5}"}, "not of two whole numbers"),
        ({"name": "a{-1..5}"}, "not of two whole numbers"),
        ({"name": "a{01..100}"}, "different numbers of digits"),
        ({"name": "a{1..010}"}, "different numbers of digits"),
        ({"name": "a{5..4}"}, "ends before it begins"),
        ({"name": "a{1..10001}"}, "more than 10000 names"),
        ({"name": "a{1..999999999}"}, "more than 10000 names"),
        ({"name": "a{1..2}", "volume": "b{1..3}"}, "different ranges"),
        ({"host": "a{1..2}", "volume": "b{2..3}"}, "different ranges"),
        ({"name": "cg{1..2}", "volumes": ["db{1..2}"]}, "each could belong to all of the other"),
        ({"name": "cg{1..2}", "remove_volumes": ["db{1..2}"]}, "each could belong to all of the other"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(item: dict[str, Any], reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        expanded([item], "volumes")


def test_a_list_has_at_most_ten_thousand_entries() -> None:
    assert len(expanded([{"name": "a{00001..10000}"}], "volumes")) == 10_000
    with pytest.raises(Invalid, match="he list volumes has more than 10000 entries"):
        expanded([{"name": "a{00001..10000}"}, {"name": "b"}], "volumes")


def test_the_only_object_of_a_task_has_no_range() -> None:
    check_single({"name": "a{1}", "size": "1GiB"}, "volumes")
    with pytest.raises(Invalid, match=r"ame: a\{1..2\} is a range of names") as caught:
        check_single({"name": "a{1..2}"}, "volumes")
    assert caught.value.hint == "Give it as an entry of the list volumes."


def test_a_list_of_names_may_have_ranges() -> None:
    assert names_of({"volumes": ["log", "db{1..3}"]}, "volumes") == ["log", "db1", "db2", "db3"]
    assert names_of({"volumes": []}, "volumes") == []
    assert names_of({}, "volumes") is None


def test_every_section_of_a_document_may_have_ranges() -> None:
    state = desired.document(
        {
            "volumes": [{"name": "db{1..2}", "size": "1GiB"}],
            "snapshots": [{"name": "monday", "volume": "db{1..2}"}],
            "groups": [{"name": "cg", "volumes": ["db{1..2}"]}],
            "hosts": [{"name": "esx{1..2}"}],
            "mappings": [{"host": "esx{1..2}", "volume": "db{1..2}"}],
        }
    )
    assert [volume.name for volume in state.volumes] == ["db1", "db2"]
    assert [(snapshot.volume, snapshot.name) for snapshot in state.snapshots] == [("db1", "monday"), ("db2", "monday")]
    assert [group.volumes for group in state.groups] == [("db1", "db2")]
    assert [host.name for host in state.hosts] == ["esx1", "esx2"]
    assert [(mapping.host, mapping.volume) for mapping in state.mappings] == [("esx1", "db1"), ("esx2", "db2")]


def test_ranges_that_overlap_name_an_object_twice() -> None:
    items = [{"name": "db{1..3}", "size": "1GiB"}, {"name": "db{3..4}", "size": "2GiB"}]
    with pytest.raises(Invalid, match="names db3 twice"):
        desired.document({"volumes": items})


@pytest.mark.parametrize("name", ["a{1..2}", "a{x..y}", "{..}"])
def test_an_object_with_the_name_of_a_range_is_in_no_document(name: str) -> None:
    """A document that is gathered and applied would otherwise make other objects."""
    assert has_range(name)
    assert why_not_declared("volume", name, None) == "an entry with this name would be read as a range of names"
    assert why_not_declared("volume", "a{1}", None) is None
