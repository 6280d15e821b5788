# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interrupted runs on a Datera: operations that only this array has, and unfinished objects that somebody uses.

tests/module/test_contract.py has what holds for every array. Here an operation is run once without a fault, to count
its requests. Then it is killed after each of them and run again by another process: the result must be the same.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import SnapshotSpec, VolumeSpec
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.confirm import AnswerLost
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.datera import names
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.datera.client import Datera
from tests.arrays.datera.conftest import IQN1, IQN2, SimulatedEdf
from tests.support.simulator import Simulator

QUICK = {"offline_changes": True, "scheme": "http"}


@dataclass
class Operation:
    """An operation that is run twice. ``run`` reads its objects by itself, as a new process does."""

    name: str
    run: Callable[[Datera], Any]
    arrays: tuple[str, ...] = ("new", "old")
    """The arrays of ``quick_simulator``; only the old one where an operation is tested because it works offline."""


def volume(array: Datera, name: str) -> model.Volume:
    return array.volumes([name]).items[0]


def snapshot(array: Datera, name: str) -> model.Snapshot:
    return array.snapshots([name]).items[0]


def delete(array: Datera) -> None:
    for idle in array.volumes(["idle"]):
        array.delete_volume(idle)


def unmap(array: Datera) -> None:
    for mapping in array.mappings(volumes=["mapped"]):
        array.unmap_volume(mapping)


def restore(array: Datera) -> None:
    array.restore_snapshot(volume(array, "vol1"), snapshot(array, "old"), "backup")


OPERATIONS = [
    Operation(
        "from_a_template", lambda array: array.create_volume(VolumeSpec("made", 4 * GIB, options={"template": "gold"}))
    ),
    Operation("extend_volume", lambda array: array.extend_volume(volume(array, "vol1"), 2 * GIB)),
    Operation(
        "set_volume", lambda array: array.set_volume(volume(array, "vol1"), {"replica_count": 4, "total_iops_max": 7})
    ),
    Operation("set_ip_pool", lambda array: array.set_volume(volume(array, "vol1"), {"ip_pool": "fast"})),
    Operation("set_metadata", lambda array: array.set_metadata(volume(array, "vol1"), {"owner": "me", "kept": "1"})),
    Operation("delete_volume", delete, ("old",)),
    Operation("unmap_volume", unmap, ("old",)),
    Operation("restore_snapshot", restore, ("old",)),
]


def cases(*kinds: tuple[str, ...]) -> list[Any]:
    """Parameters: each operation with each of these tuples, whose first item is the array that it is run on."""
    return [
        pytest.param(*kind, operation, id="-".join([*kind, operation.name]))
        for kind in kinds
        for operation in OPERATIONS
        if kind[0] in operation.arrays
    ]


EVERYWHERE = pytest.mark.parametrize(("quick", "operation"), cases(("new",), ("old",)), indirect=["quick"])


@pytest.fixture(scope="module")
def quick_simulator() -> Iterator[Simulator]:
    """Arrays that answer at once: one that changes volumes under running I/O, and one that demands them offline."""
    arrays: list[dict[str, Any]] = [
        {"name": "new", "vendor": "datera", "slowness": 0},
        {
            "name": "old",
            "vendor": "datera",
            "version": "2.1.4.0",
            "slowness": 0,
            "tenants": ["/root/acme"],
            "assume": {"datera.volumes.extend_online": False},
        },
    ]
    with Simulator(arrays) as running:
        yield running


@pytest.fixture(params=["new", "old"])
def quick(quick_simulator: Simulator, request: pytest.FixtureRequest) -> Iterator[SimulatedEdf]:
    edf = SimulatedEdf(quick_simulator, request.param, None, "/root" if request.param == "new" else "/root/acme")
    yield edf
    edf.close()


def connect(edf: SimulatedEdf) -> Datera:
    """A client whose pauses between attempts are short."""
    array = edf.connect(QUICK, port=edf.endpoint["http_port"], ca_path=None)
    array._wire.http._sleep = lambda seconds: time.sleep(seconds / 50)
    return array


def prepare(edf: SimulatedEdf) -> None:
    edf.clear_faults()
    edf.reset()
    template = {"name": "data", "size": 2, "replica_count": 1}
    edf.raw(
        "POST",
        "/app_templates",
        {"name": "gold", "storage_templates": [{"name": "disk", "volume_templates": [template]}]},
    )
    pool = {"name": "fast", "network_paths": [{"start_ip": "192.0.2.1", "netmask": 24, "range": 10}]}
    edf.raw("POST", "/access_network_ip_pools", pool)
    with connect(edf) as array:
        for name in ("vol1", "idle", "mapped"):
            array.create_volume(VolumeSpec(name, GIB))
        first = volume(array, "vol1")
        array.set_metadata(first, {"gone": "1", "kept": "1"})
        array.create_snapshots([SnapshotSpec("old", first)])
        edf.write("vol1", 4096)
        array.map_volume(volume(array, "mapped"), array.create_host("server", [IQN1, IQN2]))
        array.create_host("unused", [model.Initiator("iqn.2026-01.org.example:unused", "iscsi")])


def picture(edf: SimulatedEdf) -> Any:
    """The content of the array in a form that is equal for equal runs: no ids, and bytes by who shares them."""
    with connect(edf) as array:
        volumes = {}
        for volume in array.volumes():
            notes = sorted(array.metadata(volume).items())
            volumes[volume.name] = (volume.size, volume.source, volume.state, sorted(volume.options.items()), notes)
        # A second backup, which a run takes that finds a restore whose end is not known: see test_restores.py.
        snapshots = sorted(
            (snapshot.name, snapshot.volume, snapshot.size, snapshot.children)
            for snapshot in array.snapshots()
            if snapshot.name != "backup-2"
        )
        hosts = sorted((host.name, sorted(host.addresses)) for host in array.hosts())
        mappings = sorted(
            (mapping.volume, mapping.host, mapping.lun, mapping.chap_user) for mapping in array.mappings()
        )
    described = sorted(row["descr"] for row in edf.raw("GET", "/app_instances"))
    contents: dict[str, list[str]] = {}
    for held in edf.state()["volumes"]:
        if held["name"] != "backup-2":
            contents.setdefault(held["content"], []).append(held["name"])
    equal = sorted(sorted(names) for names in contents.values())
    return volumes, snapshots, hosts, mappings, described, equal


def expected(edf: SimulatedEdf, operation: Operation) -> tuple[Any, int, int]:
    """The result of an undisturbed run, and how many requests and writes it takes after connecting."""
    prepare(edf)
    with connect(edf) as array:
        mark = edf.mark()
        operation.run(array)
        requests, writes = edf.requests(mark), edf.writes(mark)
    return picture(edf), len(requests), len(writes)


@EVERYWHERE
def test_a_run_that_is_killed_after_any_request_is_finished_by_the_next(
    quick: SimulatedEdf, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete, requests, _ = expected(quick, operation)
    finished = complete[0].get("made")
    for number in range(1, requests + 1):
        prepare(quick)
        array = connect(quick)
        with quick.killed(monkeypatch, number, answered=True) as sent:
            operation.run(array)
        array.close()
        assert sent[-1] == "killed"
        with connect(quick) as array:
            for volume in array.volumes(["made"]):
                # A volume with its final name is finished
                assert (volume.size, sorted(volume.options.items())) == (finished[0], finished[3])
            operation.run(array)
        assert picture(quick) == complete, f"killed at request {number}"


@pytest.mark.parametrize(
    ("quick", "kind", "operation"),
    cases(
        ("new", "reset_after"),
        ("new", "non_json"),
        ("old", "reset_before"),
        ("old", "truncated"),
        ("old", "http_status"),
    ),
    indirect=["quick"],
)
def test_a_lost_answer_to_any_write_is_confirmed(quick: SimulatedEdf, operation: Operation, kind: str) -> None:
    """The same run reads the state and decides by it. Each kind of fault is tested on one of the two arrays."""
    quick.timeout = 3.0
    complete, _, writes = expected(quick, operation)
    assert writes > 0
    for number in range(writes):
        prepare(quick)
        with connect(quick) as array:
            quick.fault(kind, match={"write": True}, skip=number)
            try:
                operation.run(array)
            except AnswerLost:
                # A restore is never sent twice by one run.
                assert operation.name == "restore_snapshot"
                operation.run(array)
        assert quick.struck() == [1]
        assert picture(quick) == complete, f"lost at write {number + 1}"


@EVERYWHERE
def test_a_busy_array_and_an_expired_session_at_any_request_are_overcome(
    quick: SimulatedEdf, operation: Operation
) -> None:
    complete, requests, _ = expected(quick, operation)
    prepare(quick)
    with connect(quick) as array:
        for number in range(requests):
            quick.fault(
                "expired" if number % 3 else "busy", skip=number, match={"path": "app_instances|initiator|templates"}
            )
        operation.run(array)
    assert sum(quick.struck()) > 0
    assert picture(quick) == complete


def test_an_unfinished_copy_that_somebody_uses_is_left_alone(
    quick: SimulatedEdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(quick)
    with connect(quick) as array, quick.killed(monkeypatch, 3, answered=True):
        array.clone_volume(volume(array, "idle"), VolumeSpec("made", 2 * GIB))
    temporary = names.unfinished_name("made")
    with connect(quick) as array:
        array.map_volume(volume(array, temporary), array.hosts(["server"]).items[0])
        with pytest.raises(errors.Conflict, match="has the name of the unfinished copy"):
            array.clone_volume(volume(array, "idle"), VolumeSpec("made", 2 * GIB))
        assert [item.name for item in array.volumes([temporary, "made"])] == [temporary]


def test_an_unfinished_copy_of_something_else_is_removed(quick: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(quick)
    with connect(quick) as array, quick.killed(monkeypatch, 3, answered=True):
        array.clone_volume(volume(array, "idle"), VolumeSpec("made", 2 * GIB))
    with connect(quick) as array:
        array.clone_volume(volume(array, "vol1"), VolumeSpec("made", 2 * GIB))
        assert [item.name for item in array.volumes([names.unfinished_name("made"), "made"])] == ["made"]
    content = {row["name"]: row["content"] for row in quick.state()["volumes"]}
    assert content["made"] == content["vol1"] != content["idle"]


def test_an_unfinished_restore_from_another_snapshot_is_a_conflict(
    quick: SimulatedEdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(quick)
    with connect(quick) as array:
        array.create_snapshots([SnapshotSpec("newer", volume(array, "vol1"))])
        source, old = volume(array, "vol1"), snapshot(array, "old")
        with quick.killed(monkeypatch, 6, answered=True):
            array.restore_snapshot(source, old, "backup")
    with connect(quick) as array:
        with pytest.raises(errors.Conflict, match="a restore from another snapshot was begun"):
            array.restore_snapshot(volume(array, "vol1"), snapshot(array, "newer"), "backup")
        array.restore_snapshot(volume(array, "vol1"), snapshot(array, "old"), "backup")


def test_a_volume_that_a_killed_run_took_offline_is_marked_and_brought_online(
    quick_simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    edf = SimulatedEdf(quick_simulator, "old", None, "/root/acme")
    prepare(edf)
    with connect(edf) as array, edf.killed(monkeypatch, 4, answered=True):
        array.extend_volume(volume(array, "idle"), 5 * GIB)
    with connect(edf) as array:
        created = volume(array, "idle")
        assert (created.state, created.size) == ("offline", GIB)
        array.extend_volume(created, 5 * GIB)
        finished = volume(array, "idle")
        assert (finished.state, finished.size) == ("ready", 5 * GIB)
    edf.close()


def test_a_volume_that_took_the_name_of_a_copy_meanwhile_is_a_conflict(
    quick: SimulatedEdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(quick)
    with connect(quick) as array:
        source = volume(array, "idle")
        finished = array._finished_copy

        def meanwhile(path: str, name: str) -> Any:
            with connect(quick) as other:
                other.create_volume(VolumeSpec("made", GIB))
            return finished(path, name)

        monkeypatch.setattr(array, "_finished_copy", meanwhile)
        with pytest.raises(errors.Conflict, match="there is a volume made by now"):
            array.clone_volume(source, VolumeSpec("made", 2 * GIB))
        assert {item.name: item.size for item in array.volumes()} == dict.fromkeys(
            ("vol1", "idle", "mapped", "made"), GIB
        )


def test_a_record_of_an_unfinished_restore_that_is_written_late_is_read_before_it_is_sent_again(
    quick: SimulatedEdf,
) -> None:
    """Carried out after the end of the restore, it would hide the backup, and the next run would restore again."""
    prepare(quick)
    with connect(quick) as array:
        quick.fault("reset_late", seconds=0.2, match={"method": "PUT", "path": "metadata|int_ecosystem_data"})
        mark = quick.mark()
        restore(array)
        assert quick.struck() == [1]
        notes = [
            request
            for request in quick.requests(mark)
            if request["write"] and re.search("metadata|int_eco", request["path"])
        ]
        assert len(notes) == 2
        time.sleep(0.3)
        assert sorted(snapshot.name for snapshot in array.snapshots()) == ["backup", "old"]


def test_a_second_restore_from_the_same_snapshot_is_carried_out(quick: SimulatedEdf) -> None:
    """The snapshot of the last restore proves nothing about the present content."""
    prepare(quick)

    def contents() -> dict[str, str]:
        return {row["name"]: row["content"] for row in quick.state()["volumes"]}

    with connect(quick) as array:
        for backup in ("first", "second"):
            quick.write("vol1", 4096)
            assert contents()["vol1"] != contents()["old"]
            array.restore_snapshot(volume(array, "vol1"), snapshot(array, "old"), backup)
            assert contents()["vol1"] == contents()["old"]
