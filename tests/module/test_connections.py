# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is logged in to an array, and a task that requires so many paths."""

from __future__ import annotations

from typing import Any

import pytest

from tests.module.arrays import ArrayUnderTest

pytestmark = pytest.mark.hosts

NOT_REPORTED = "no published interface of this array reports which"
LOGIN = {"host", "initiator", "protocol", "logged_in", "target", "port", "volume", "paths"}
PATH = {"host", "volume", "lun", "device", "paths"}


def map_db1(array: ArrayUnderTest) -> None:
    """Volume db1, mapped to a host with two initiators."""
    array.done("flash_volume", name="db1", size="1GiB")
    array.done("flash_host_map", host="server", initiators=list(array.row.initiators[:2]), volume="db1")


def connect(array: ArrayUnderTest, *paths: int) -> None:
    """Let the initiators of the host be logged in to so many target ports each."""
    for initiator, count in zip(array.row.initiators, paths, strict=False):
        if array.row.own_targets:
            array.simulator.session("db1", initiator, array.name, is_open=count > 0)
        else:
            array.log_in(initiator, count)


def reports(array: ArrayUnderTest) -> bool:
    return "connections" not in array.row.abilities.refusals


def connections(array: ArrayUnderTest, **options: Any) -> Any:
    return array.facts(gather_subset=["connections"], **options)["connections"]


@pytest.mark.every_row
def test_the_facts_name_each_login_and_count_the_paths_of_each_volume(array: ArrayUnderTest) -> None:
    map_db1(array)
    mark = array.mark()
    if not reports(array):
        assert connections(array) is None, "null is unknown, and not none"
        return
    connect(array, 2, 0)
    found = connections(array)
    assert all(set(login) == LOGIN for login in found["logins"])
    assert all(set(path) == PATH for path in found["paths"])
    first, second = array.row.initiators[:2]
    logins = {address: [one for one in found["logins"] if one["initiator"] == address] for address in (first, second)}
    assert {one["host"] for one in found["logins"]} == {"server"}
    assert [one["logged_in"] for one in logins[second]] == [False]
    assert [one["paths"] for one in logins[second]] == [0]
    assert all(one["logged_in"] for one in logins[first])
    # An XMS before 4.2 reports the number of targets alone, and Datera an initiator however many portals it uses
    counts = {1} if array.row.own_targets or len(logins[first]) > 1 else {2}
    assert {one["paths"] for one in logins[first]} == counts
    expected = 1 if array.row.own_targets else 2
    assert [(path["host"], path["volume"], path["paths"]) for path in found["paths"]] == [("server", "db1", expected)]
    ports = {port["address"] for port in array.facts(gather_subset=["ports"])["ports"]}
    assert {one["target"] for one in logins[first]} - {None} <= ports, "a target is a port of the array"
    assert array.writes(mark) == []


@pytest.mark.wire
def test_the_subset_is_read_only_when_it_is_asked_for_and_can_be_filtered(array: ArrayUnderTest) -> None:
    map_db1(array)
    assert "connections" not in array.facts()
    if not reports(array):
        return
    connect(array, 1, 1)
    assert connections(array, filters={"hosts": ["nobody"]}) == {"logins": [], "paths": []}
    assert connections(array, filters={"hosts": []}) == {"logins": [], "paths": []}
    assert [one["volume"] for one in connections(array, filters={"volumes": ["db1"]})["paths"]] == ["db1"]
    assert connections(array, filters={"volumes": ["other"]})["paths"] == []


@pytest.mark.wire
def test_a_host_with_too_few_paths_fails_the_task_or_is_a_warning(array: ArrayUnderTest) -> None:
    map_db1(array)
    task: dict[str, Any] = {"host": "server", "volume": "db1", "require_paths": 2}
    if not reports(array):
        array.refuses("flash_host_map", NOT_REPORTED, kind="unsupported", **task)
        array.refuses("flash_host_map", NOT_REPORTED, kind="unsupported", host="other", require_paths=1)
        return
    connect(array, 1, 0)
    mark = array.mark()
    for check in (False, True):
        result = array.task("flash_host_map", check=check, **task)
        assert result.failed
        assert result["error"]["kind"] == "conflict"
        assert "host server to volume db1 has 1 of the 2 paths that are required" in result.msg
        assert f"not logged in: {array.row.initiators[1]}" in result.msg
        assert result["map"]["paths"] == 1
        warned = array.task("flash_host_map", check=check, paths_policy="warn", **task)
        assert not warned.failed
        assert [text for text in warned.warnings if "1 of the 2 paths" in text]
        assert array.done("flash_host_map", check=check, **{**task, "require_paths": 1})["map"]["paths"] == 1
    connect(array, 1, 1)
    for check in (False, True):
        result = array.done("flash_host_map", check=check, **task)
        assert not result.changed
        assert result["map"]["paths"] == 2
    assert array.writes(mark) == []


@pytest.mark.parametrize(
    ("row", "values", "targets"),
    [
        ("xtremio-4.2-iscsi", {"xtremio.initiators.targets": "empty"}, 0),
        ("flashsystem-fc", {"flashsystem.hosts.fabric": "lsfabric840"}, 2),
        ("flashsystem-fc", {"flashsystem.hosts.fabric": "none"}, 0),
    ],
)
def test_paths_are_counted_where_the_array_does_not_name_the_targets(
    arrays: dict[str, ArrayUnderTest], row: str, values: dict[str, Any], targets: int
) -> None:
    array = arrays[row]
    array.reset()
    map_db1(array)
    connect(array, 2, 0)
    array.assume(values)
    try:
        found = connections(array)
    finally:
        array.assume({})
    assert len([one for one in found["logins"] if one["target"]]) == targets
    assert [path["paths"] for path in found["paths"]] == [2]
    assert found["logins"][-1]["paths"] == 0


@pytest.mark.wire
def test_what_a_task_changed_stays_when_paths_are_missing(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="1GiB")
    task: dict[str, Any] = {
        "host": "server",
        "initiators": list(array.row.initiators[:2]),
        "volume": "db1",
        "require_paths": 9,
    }
    if not reports(array):
        array.refuses("flash_host_map", NOT_REPORTED, kind="unsupported", **task)
        return
    planned = array.task("flash_host_map", check=True, **task)
    assert not planned.failed, "what does not exist yet is no failure of check mode"
    assert [text for text in planned.warnings if "not known before" in text]
    assert planned["map"]["paths"] is None
    result = array.task("flash_host_map", **task)
    assert result.failed
    assert result.changed
    assert [row["volume"] for row in array.state()["mappings"]] == ["db1"]
    assert "The mappings stay" in result.msg


@pytest.mark.wire
def test_without_the_option_no_request_is_made_for_it(array: ArrayUnderTest) -> None:
    map_db1(array)
    counted = []
    settings: list[dict[str, Any]] = [{}, {"require_paths": 1}]
    for options in settings:
        if options and not reports(array):
            break
        connect(array, 1, 1)
        counted.append(array.done("flash_host_map", host="server", volume="db1", **options)["api"]["requests"])
    most = {"xtremio": 3, "datera": 2, "flashsystem": 2}.get(array.endpoint["vendor"])
    if most is not None:
        assert 0 < counted[1] - counted[0] <= most


@pytest.mark.parametrize("paths", [0, -1])
def test_a_number_of_paths_below_one_is_refused(xtremio: ArrayUnderTest, paths: int) -> None:
    xtremio.refuses("flash_host_map", "require_paths is", host="server", require_paths=paths, kind="invalid")
    xtremio.refuses(
        "flash_host_map", "goes with state: present", host="server", state="absent", require_paths=1, kind="invalid"
    )
