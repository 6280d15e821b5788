# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The properties that several arrays have: qos, replicas and placement of a task, its result, and a gathered document.

Runs on Python 3.8.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import difference, properties
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError, Invalid, Unsupported
from ansible_collections.openflash.storage.plugins.module_utils.openflash.gathering import gather
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import OptionRule
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.selection import selection
from tests.support.diffs import after, before
from tests.support.memory_array import MemoryArray
from tests.support.planning import Task

OPTIONS = {
    "total_iops_max": OptionRule(int),
    "total_bandwidth_max": OptionRule(int, granularity=1024),
    "replica_count": OptionRule(int, (1, 2, 3)),
    "placement_mode": OptionRule(str),
    "description": OptionRule(str, pattern="[a-z ]+"),
    "note": OptionRule(str),
}
LIMITED = {"total_iops_max": 100, "total_bandwidth_max": 2048, "replica_count": 2, "placement_mode": "fast"}
NO_LIMITS = dict.fromkeys(
    ["max_read_iops", "max_write_iops", "max_read_bytes_per_second", "max_write_bytes_per_second"]
)


@pytest.fixture
def array() -> MemoryArray:
    """With total limits, replicas and a placement mode, and a volume that has these."""
    array = MemoryArray(volume_options=OPTIONS)
    array.volume("db1", options=dict(LIMITED, description="", note=None))
    return array


def task(array: MemoryArray, **options: Any) -> Task:
    return Task(array, desired.volumes([dict(name="db1", **options)], {}))


def refusal(array: MemoryArray, **options: Any) -> FlashError:
    """The error of a task that is refused, and writes nothing."""
    try:
        found = task(array, **options)
    except FlashError as error:
        return error
    found.run()
    assert array.writes == []
    assert len(found.plan.errors) == 1
    return found.plan.errors[0]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"qos": {"max_iops": 500, "max_read_iops": None}}, "qos.max_iops=500"),
        ({"qos": {"max_iops": 0}}, "qos.max_iops=none"),
        ({"qos": {"max_bytes_per_second": "100MiB"}}, "qos.max_bytes_per_second=100MiB"),
        ({"qos": {"max_bytes_per_second": "0", "unlimited": False}}, "qos.max_bytes_per_second=none"),
        ({"qos": {"unlimited": True}}, "qos.max_bytes_per_second=none, qos.max_iops=none"),
        ({"replicas": 3, "placement": {"mode": "slow", "policy": None}}, "placement.mode=slow, replicas=3"),
        ({"description": "of accounts"}, "description=of accounts"),
        ({"array_options": {"total_iops_max": 7, "note": "n"}}, "note=n, qos.max_iops=7"),
    ],
)
def test_what_differs_is_set_by_the_name_of_the_task(array: MemoryArray, options: dict[str, Any], line: str) -> None:
    found = task(array, **options)
    assert found.lines == [f"set {line} of volume db1"]
    found.run()
    assert task(array, **options).lines == []


@pytest.mark.parametrize(
    "options",
    [{"qos": None}, {"qos": {"max_iops": 100, "max_bytes_per_second": "2048KiB"}}, {"replicas": 2, "placement": None}],
)
def test_what_is_null_or_the_same_changes_nothing(array: MemoryArray, options: dict[str, Any]) -> None:
    assert task(array, **options).lines == []


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"qos": {}}, Invalid, "qos is empty"),
        ({"qos": {"max_iops": None, "unlimited": False}}, Invalid, "qos is empty"),
        ({"placement": {"mode": None}}, Invalid, "placement is empty"),
        ({"qos": {"unlimited": True, "max_iops": 0}}, Invalid, "removes every limit, and a limit as well"),
        ({"qos": {"max_iops": -1}}, Invalid, "-1 is not a value for qos.max_iops"),
        ({"qos": {"max_bytes_per_second": "100"}}, Invalid, "qos.max_bytes_per_second: '100' is a bare number"),
        ({"qos": {"max_bytes_per_second": "1.5MiB"}}, Invalid, "counts in units of 1MiB"),
        ({"qos": {"max_read_iops": 5}}, Unsupported, "have no qos.max_read_iops"),
        ({"placement": {"policy": "p"}}, Unsupported, "have no placement.policy"),
        ({"placement": {"mode": " "}}, Invalid, "' ' is not a value for placement.mode"),
        ({"description": ""}, Invalid, "'' is not a value for description"),
        ({"description": "UPPER"}, Invalid, "'UPPER' is not a value for description"),
        ({"replicas": 4}, Invalid, "4 is not a value for replicas"),
        ({"replicas": 2, "array_options": {"replica_count": 2}}, Invalid, "which is the same"),
    ],
)
def test_what_cannot_be_is_refused(array: MemoryArray, options: dict[str, Any], kind: type, message: str) -> None:
    error = refusal(array, **options)
    assert isinstance(error, kind)
    assert message in error.reason


def test_an_array_without_them_refuses_them_with_its_reason() -> None:
    array = MemoryArray(refusals=properties.LACKING)
    array.volume("db1")
    for options in (
        {"qos": {"max_iops": 5}},
        {"qos": {"unlimited": True}},
        {"replicas": 2},
        {"placement": {"mode": "m"}},
    ):
        error = refusal(array, **options)
        assert isinstance(error, Unsupported)
        assert error.reason == properties.LACKING[next(iter(options))]


def test_limits_that_could_not_be_read_are_not_changed(array: MemoryArray) -> None:
    array.volume("db2", options={"total_iops_max": None})
    found = Task(array, desired.volumes([{"name": "db2", "qos": {"max_iops": 5}}], {}))
    (error,) = found.plan.errors
    assert isinstance(error, Unsupported)
    assert "does not report the limits" in error.reason


def test_a_result_has_every_key_and_a_difference_what_changes(array: MemoryArray) -> None:
    found = task(array, qos={"max_iops": 0}, replicas=3)
    predicted = found.reporter.volume(found.desired.volumes[0])
    found.run()
    entry = found.reporter.volume(found.desired.volumes[0])
    assert entry.after == predicted.after
    assert entry.before["qos"] == dict(NO_LIMITS, max_iops=100, max_bytes_per_second=2 * 1024**2)
    assert entry.after["qos"] == dict(NO_LIMITS, max_iops=0, max_bytes_per_second=2 * 1024**2)
    assert (entry.after["replicas"], entry.after["placement"]) == (3, {"mode": "fast", "policy": None})
    shown = difference.diff("db1", "plan", [entry])
    assert before(shown) == {"volume db1": {"qos": {"max_iops": 100}, "replicas": 2}}
    assert after(shown) == {"volume db1": {"replicas": 3}}
    absent = task(array, state="absent").reporter
    assert absent.volume(found.desired.volumes[0]).after.keys() == entry.after.keys()


def test_a_gathered_volume_declares_what_is_set(array: MemoryArray) -> None:
    (entry,) = gather(array, selection({}))["gathered"]["volumes"]
    del entry["size"], entry["provisioning"]
    assert entry == {
        "name": "db1",
        "qos": {"max_iops": 100, "max_bytes_per_second": "2MiB"},
        "replicas": 2,
        "placement": {"mode": "fast"},
    }
    assert task(array, **{key: value for key, value in entry.items() if key != "name"}).lines == []
