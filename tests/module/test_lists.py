# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many objects in one task: the same changes as for a single object, and a result for each."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Initiator,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import parse_initiator
from tests.module.arrays import GIB, ArrayUnderTest

pytestmark = pytest.mark.transport

SINGLE_AND_LIST = [
    ("flash_volume", "volume", "volumes", {"name": "new1", "size": "10GiB"}),
    ("flash_volume", "volume", "volumes", {"name": "db1", "size": "20GiB"}),
    ("flash_volume", "volume", "volumes", {"name": "new1", "rename_from": "db1"}),
    ("flash_volume", "volume", "volumes", {"name": "new1", "source_volume": "db1", "size": "12GiB"}),
    ("flash_volume", "volume", "volumes", {"name": "new1", "source_snapshot": "monday"}),
    ("flash_volume", "volume", "volumes", {"name": "db2", "state": "absent"}),
    ("flash_volume", "volume", "volumes", {"name": "db2", "provisioning": "thin"}),
    ("flash_snapshot", "snapshot", "snapshots", {"name": "tuesday", "volume": "db1"}),
    ("flash_snapshot", "snapshot", "snapshots", {"name": "monday", "volume": "db1", "state": "absent"}),
    ("flash_host_map", "map", "maps", {"host": "server", "volume": "db1", "lun": 4}),
    ("flash_host_map", "map", "maps", {"host": "server", "volume": "db2", "state": "absent"}),
    ("flash_host_map", "map", "maps", {"host": "server", "volume": "db1", "exclusive": True}),
    ("flash_host_map", "map", "maps", {"host": "new"}),
    ("flash_host_map", "map", "maps", {"host": "spare", "state": "absent"}),
]


def prepare(array: ArrayUnderTest) -> None:
    """Volumes db1 with a snapshot and db2; and where there are hosts, server, to which db2 is mapped, and spare."""
    array.reset()
    with array.library() as client:
        db1, db2 = (client.create_volume(VolumeSpec(name, 10 * GIB)) for name in ("db1", "db2"))
        client.create_snapshots([SnapshotSpec("monday", db1)])
        if not array.row.hosts:
            return
        ports = [parse_initiator(text) for text in array.row.initiators]
        spare, server = (
            client.create_host(name, [Initiator(ports[number][1], ports[number][0])])
            for name, number in (("spare", 1), ("server", 0))
        )
        client.map_volume(db2, server, array.lun(8).get("lun"))


@pytest.mark.parametrize(("module", "single", "plural", "options"), SINGLE_AND_LIST, ids=lambda value: str(value)[:60])
def test_a_list_of_one_does_what_the_single_form_does(
    array: ArrayUnderTest, module: str, single: str, plural: str, options: dict[str, Any]
) -> None:
    permits: dict[str, Any] = {}
    if module == "flash_volume":
        permits = {"unmap": True, **array.assume_unmapped}
    elif module == "flash_snapshot":
        permits = {"unmap": True}
    outcomes: list[tuple[Any, ...]] = []
    for args in (options, {plural: [options]}):
        prepare(array)
        result = array.task(module, **args, **permits, diff=True)
        if result.failed:
            outcomes.append((result.msg, array.volumes().keys(), array.luns()))
            continue
        entry = dict(result[single]) if single in result else dict(result[plural][0])
        entry.pop("error", None)
        assert entry.pop("changed", result.changed) == result.changed
        fixed = without_random_values([entry, result["diff"]])
        outcomes.append((fixed, result["plan"], result["api"], array.volumes().keys(), array.luns()))
    assert outcomes[0] == outcomes[1]


def without_random_values(data: Any) -> Any:
    """The data without the values that the simulated array generates for each object."""
    random_keys = ("id", "serial", "created", "group")
    if isinstance(data, str):  # an object in a difference, one field a line
        lines = data.splitlines(keepends=True)
        return "".join(line for line in lines if line.split(":", 1)[0] not in random_keys)
    if isinstance(data, dict):
        return {key: without_random_values(value) for key, value in data.items() if key not in random_keys}
    return [without_random_values(item) for item in data] if isinstance(data, list) else data


def test_options_outside_the_list_apply_to_every_item(array: ArrayUnderTest) -> None:
    result = array.converges(
        "flash_volume", size="10GiB", volumes=[{"name": "db1"}, {"name": "db2"}, {"name": "db3", "size": "30GiB"}]
    )
    assert [volume["size"] // GIB for volume in result["volumes"]] == [10, 10, 30]
    absent = [{"name": "db1"}, {"name": "db2"}]
    result = array.converges("flash_volume", state="absent", volumes=absent, **array.assume_unmapped)
    assert set(array.volumes()) == {"db3"}
    assert [volume["state"] for volume in result["volumes"]] == ["absent", "absent"]


def test_a_range_of_names_is_one_item_for_each_of_them(array: ArrayUnderTest) -> None:
    """With the options of the item, in the order of the numbers, and for as many requests."""
    result = array.converges("flash_volume", size="10GiB", volumes=[{"name": "db{08..10}"}])
    assert [volume["name"] for volume in result["volumes"]] == ["db08", "db09", "db10"]
    snapshots = [{"name": "db{08..10}-monday", "volume": "db{08..10}"}]
    array.converges("flash_snapshot", snapshots=snapshots)
    taken = array.task("flash_facts", gather_subset=["snapshots"])["ansible_facts"]["flash"]["snapshots"]
    assert {(one["volume"], one["name"]) for one in taken} == {
        (name, f"{name}-monday") for name in ("db08", "db09", "db10")
    }
    mark = array.mark()
    result = array.task("flash_volume", name="db{08..10}", size="10GiB")
    assert result["error"]["kind"] == "invalid"
    assert "is a range of names, and this task is about one object" in result.msg
    assert array.requests(mark) == []


def test_an_item_overrides_the_options_outside_the_list(array: ArrayUnderTest) -> None:
    array.done("flash_volume", size="10GiB", volumes=[{"name": "db1"}, {"name": "db2"}])
    volumes = [{"name": "db1"}, {"name": "db2", "state": "present"}]
    array.converges("flash_volume", state="absent", volumes=volumes, **array.assume_unmapped)
    assert set(array.volumes()) == {"db2"}


@pytest.mark.parametrize(
    ("module", "args", "message"),
    [
        ("flash_volume", {"name": "db1", "volumes": [{"name": "db2"}]}, "mutually exclusive: name|volumes"),
        ("flash_volume", {"size": "10GiB"}, "one of the following is required: name, id, serial, volumes"),
        (
            "flash_volume",
            {"volumes": [{"size": "10GiB"}]},
            "one of the following is required: name, id, serial found in volumes",
        ),
        ("flash_volume", {"volumes": [{"name": "db1"}, {"name": "db1"}], "size": "1GiB"}, "names db1 twice"),
        ("flash_snapshot", {"name": "monday", "snapshots": [{"name": "x"}]}, "mutually exclusive: name|snapshots"),
        ("flash_snapshot", {"volume": "db1"}, "one of the following is required: name, snapshots"),
        (
            "flash_snapshot",
            {"snapshots": [{"name": "monday"}, {"name": "monday"}], "volume": "db1"},
            "names db1 / monday twice",
        ),
        ("flash_host_map", {"volume": "db1", "maps": [{"host": "server"}]}, "mutually exclusive: volume|maps"),
        ("flash_host_map", {"volume": "db1"}, "one of the following is required: host, maps"),
        (
            "flash_host_map",
            {"maps": [{"host": "server", "volume": "db1"}, {"host": "server", "volume": "db1", "lun": 1}]},
            "names server / db1 twice",
        ),
        (
            "flash_host_map",
            {"maps": [{"host": "server", "os": "linux"}, {"host": "server", "os": "esx"}]},
            "host server is described in two ways",
        ),
        ("flash_array", {"volumes": [{"name": "db1"}, {"name": "db1"}]}, "volumes names db1 twice"),
        ("flash_array", {"mappings": [{"host": "h", "volume": "v"}] * 2}, "mappings names h / v twice"),
    ],
)
def test_contradicting_options_are_refused_without_a_request(
    xtremio: ArrayUnderTest, module: str, args: dict[str, Any], message: str
) -> None:
    mark = xtremio.mark()
    result = xtremio.task(module, **args)
    assert result.failed
    assert message.lower() in result.msg.lower()
    assert xtremio.requests(mark) == []


# ---- failures among many objects -------------------------------------------------------------------------------------

MIXED = [{"name": "db1"}, {"name": "bad name/"}, {"name": "db2"}]


def test_one_impossible_object_stops_a_list_before_it_begins(array: ArrayUnderTest) -> None:
    result = array.refuses("flash_volume", "bad name/", size="10GiB", volumes=MIXED, kind="invalid")
    assert [volume["changed"] for volume in result["volumes"]] == [False, False, False]
    assert [volume["error"]["kind"] for volume in result["volumes"]] == ["not_done", "invalid", "not_done"]
    assert [volume["state"] for volume in result["volumes"]] == ["absent", "absent", "absent"]
    assert result["plan"] == []
    assert result["not_done"] == ["create volume db1 of 10GiB", "create volume db2 of 10GiB"]


def test_with_continue_on_error_one_impossible_object_does_not_stop_the_others(array: ArrayUnderTest) -> None:
    task = {"size": "10GiB", "volumes": MIXED, "continue_on_error": True}
    predicted = array.volume(check=True, **task)
    assert predicted.failed
    assert predicted.changed
    assert array.volumes() == {}
    result = array.volume(**task)
    assert result.failed
    assert result.changed
    assert "bad name/" in result.msg
    assert set(array.volumes()) == {"db1", "db2"}
    assert [volume["changed"] for volume in result["volumes"]] == [True, False, True]
    assert [volume["error"] and volume["error"]["kind"] for volume in result["volumes"]] == [None, "invalid", None]
    assert result["plan"] == predicted["plan"] == ["create volume db1 of 10GiB", "create volume db2 of 10GiB"]
    repeated = array.volume(**task)
    assert repeated.failed
    assert not repeated.changed


def test_the_message_has_the_number_of_other_failures(array: ArrayUnderTest) -> None:
    volumes = [{"name": "bad/1"}, {"name": "bad/2"}, {"name": "bad/3"}]
    array.refuses("flash_volume", "bad/1", "2 more failed", size="10GiB", volumes=volumes, continue_on_error=True)


def test_with_continue_on_error_a_refusal_of_the_array_does_not_stop_the_others(array: ArrayUnderTest) -> None:
    """A missing pool is noticed only when the volume is created."""
    volumes = [{"name": "db1", "pool": "nowhere"}, {"name": "db2"}]
    result = array.volume(size="10GiB", volumes=volumes, continue_on_error=True)
    assert result.failed
    assert result.changed
    assert "nowhere" in result.msg
    assert set(array.volumes()) == {"db2"}
    assert [volume["changed"] for volume in result["volumes"]] == [False, True]


def test_without_continue_on_error_the_steps_before_the_failure_are_reported(array: ArrayUnderTest) -> None:
    volumes = [{"name": "db1"}, {"name": "db2", "pool": "nowhere"}, {"name": "db3"}]
    result = array.volume(size="10GiB", volumes=volumes, max_concurrency=1)
    assert result.failed
    assert result.changed
    assert set(array.volumes()) == {"db1"}
    assert result["plan"] == ["create volume db1 of 10GiB"]
    assert [volume["changed"] for volume in result["volumes"]] == [True, False, False]
    assert [volume["error"] and volume["error"]["kind"] for volume in result["volumes"]] == [
        None,
        "invalid",
        "not_done",
    ]


@pytest.mark.parametrize("continue_on_error", [False, True])
def test_after_a_failed_step_nothing_is_deleted(array: ArrayUnderTest, continue_on_error: bool) -> None:
    array.done("flash_volume", name="old", size="10GiB")
    volumes = [{"name": "old", "state": "absent"}, {"name": "db1", "size": "10GiB", "pool": "nowhere"}]
    result = array.volume(volumes=volumes, continue_on_error=continue_on_error, **array.assume_unmapped)
    assert result.failed
    assert set(array.volumes()) == {"old"}
    assert result["not_done"] == ["create volume db1 of 10GiB in pool nowhere", "delete volume old"]
    assert result["volumes"][0]["error"]["kind"] == "not_done"


@pytest.mark.hosts
def test_nothing_is_removed_when_an_object_is_refused(array: ArrayUnderTest) -> None:
    """Even with continue_on_error, and check mode predicts the same."""
    first, second = array.row.initiators[:2]
    array.done("flash_host_map", host="old", initiators=[first])
    maps = [{"host": "old", "state": "absent"}, {"host": "new", "initiators": [first]}]
    maps.append({"host": "other", "initiators": [second]})
    array.done("flash_volume", name="removed", size="10GiB")
    volumes = [{"name": "removed", "state": "absent"}, {"name": "bad name/"}, {"name": "db1"}]
    for module, task in (
        ("flash_host_map", {"maps": maps}),
        ("flash_volume", {"volumes": volumes, "size": "10GiB"}),
    ):
        predicted = array.task(module, check=True, **task, continue_on_error=True)
        result = array.task(module, **task, continue_on_error=True)
        for outcome in (predicted, result):
            assert outcome.failed
            assert outcome.changed
            objects = outcome["maps"] if "maps" in outcome else outcome["volumes"]
            assert objects[0]["error"]["kind"] == "not_done"
            assert not objects[0]["changed"]
            assert objects[2]["error"] is None
            assert objects[2]["changed"]
        assert predicted.msg == result.msg
        assert result.msg.endswith("Nothing is taken away when anything is refused: not_done lists what was left out.")
        assert predicted["plan"] == result["plan"]
        assert len(result["plan"]) == 1
        assert predicted["not_done"] == result["not_done"]
        assert len(result["not_done"]) == 1
    assert array.hosts().keys() == {"old", "other"}
    assert array.volumes().keys() == {"removed", "db1"}


def test_one_task_creates_and_deletes_two_hundred_volumes(array: ArrayUnderTest) -> None:
    names = [f"vol-{number:04}" for number in range(200)]
    result = array.converges("flash_volume", size="1GiB", volumes=[{"name": name} for name in names])
    assert sorted(array.volumes()) == names
    assert [volume["name"] for volume in result["volumes"]] == names
    array.converges("flash_volume", state="absent", volumes=[{"name": name} for name in names], **array.assume_unmapped)
    assert array.volumes() == {}
