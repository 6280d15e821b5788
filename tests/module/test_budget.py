# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The number of requests of a module run, counted by the array and by the result alike, over one connection."""

from __future__ import annotations

from typing import Any

import pytest

from tests.module.arrays import ArrayUnderTest, Result


def run_and_count(array: ArrayUnderTest, module: str, **args: Any) -> tuple[Result, int]:
    """The result and its number of requests, which are those that the array counted, all over one connection."""
    mark = array.mark()
    result = array.done(module, **args)
    requests = array.requests(mark)
    assert len({entry["connection"] for entry in requests}) == (
        len(requests) if array.row.connection_per_request else 1
    )
    api = result["ansible_facts"]["flash"]["api"] if module == "flash_facts" else result["api"]
    assert api["requests"] + api["session_requests"] == len(requests)
    assert api["writes"] == len(array.writes(mark))
    return result, len(requests)


@pytest.mark.every_row
def test_a_task_without_change_needs_two_requests_when_the_version_is_given(array: ArrayUnderTest) -> None:
    if not array.has_option("array_version"):
        array.refuses("flash_volume", "array_version is not one of vendor", name="db1", array_version="1.0")
        return
    array.done("flash_volume", name="db1", size="10GiB")
    result, requests = run_and_count(array, "flash_volume", name="db1", size="10GiB", **array.version)
    assert requests == 2
    assert result["api"] == {"requests": 1, "writes": 0, "session_requests": 1}


@pytest.mark.every_row
def test_a_task_without_change_keeps_the_budget_of_its_array(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    _, requests = run_and_count(array, "flash_volume", name="db1", size="10GiB")
    assert requests <= array.row.requests_without_change


@pytest.mark.parametrize("check", [False, True])
def test_a_task_reads_many_volumes_with_one_request(arrays: dict[str, ArrayUnderTest], check: bool) -> None:
    array = arrays["xtremio-4.2-iscsi"]
    array.reset()
    volumes = [{"name": f"vol-{number}"} for number in range(100)]
    array.done("flash_volume", size="1GiB", volumes=volumes)
    result, _ = run_and_count(array, "flash_volume", size="1GiB", volumes=volumes, check=check)
    assert result["api"]["requests"] == 1


@pytest.mark.wire
def test_volumes_that_exist_cost_what_the_guide_of_the_fleet_says(array: ArrayUnderTest) -> None:
    volumes = [{"name": f"vol-{number}"} for number in range(12)]
    array.done("flash_volume", size="1GiB", volumes=volumes)
    result, _ = run_and_count(array, "flash_volume", size="1GiB", volumes=volumes, max_concurrency=1)
    requests = result["api"]["requests"]
    if array.name in ("xtremio-3.0", "violin-7.5.5-fc"):
        assert requests == len(volumes) + 1
    else:
        # The lists of the text socket are short
        assert requests <= (len(volumes) if array.name == "dsware-socket" else 2)


def test_facts_need_about_one_request_for_each_subset(arrays: dict[str, ArrayUnderTest]) -> None:
    array = arrays["xtremio-4.2-iscsi"]
    array.reset()
    array.done("flash_volume", size="1GiB", volumes=[{"name": f"vol-{number}"} for number in range(50)])
    result, _ = run_and_count(array, "flash_facts")
    flash = result["ansible_facts"]["flash"]
    subsets = len(set(flash) - {"unreadable", "api"})
    assert flash["api"]["requests"] <= subsets + 2


def test_an_array_is_gathered_with_one_request_for_each_kind_of_object(arrays: dict[str, ArrayUnderTest]) -> None:
    array = arrays["xtremio-4.2-iscsi"]
    array.reset()
    array.done("flash_volume", size="1GiB", volumes=[{"name": f"vol-{number}"} for number in range(50)])
    result, _ = run_and_count(array, "flash_array", state="gathered", gather_snapshots=True)
    # Hosts and their initiators are two kinds to the array; the array itself takes two requests, with its ports
    assert result["api"]["requests"] <= 9
    assert result["api"]["writes"] == 0


@pytest.mark.every_row
def test_parallel_steps_use_no_more_connections_than_allowed(array: ArrayUnderTest) -> None:
    mark = array.mark()
    # So slow that no connection is free when the next step begins
    array.fault(kind="latency", seconds=0.05, count=None, match={"write": True})
    volumes = [{"name": f"vol-{number}"} for number in range(20)]
    array.done("flash_volume", size="1GiB", volumes=volumes, max_concurrency=3)
    requests = array.requests(mark)
    expected = len(requests) if array.row.connection_per_request else array.row.connections
    assert len({entry["connection"] for entry in requests}) == expected
