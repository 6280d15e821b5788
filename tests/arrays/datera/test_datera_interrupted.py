# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What killed runs of a Datera leave, where an operation is this array's own, or somebody uses what is left.

What every array keeps to when it is killed is in tests/module/test_contract.py. An operation here is run undisturbed
once, to count its requests. Then it is cut off after each of them, and run again by another process: the result must be
the same.
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
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.datera import names
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.datera.client import Datera
from tests.arrays.datera.conftest import IQN1, IQN2, SimulatedEdf
from tests.support.simulator import Simulator

QUICK = {"offline_changes": True, "scheme": "http"}


@dataclass
class Operation:
    """Something to do twice. ``run`` finds its objects by itself, as a new process would."""

    name: str
    run: Callable[[Datera], Any]
    arrays: tuple[str, ...] = ("new", "old")
    """Of ``quick_simulator``. What is only here because it takes a volume offline is done to the old one."""


def volume(array: Datera, name: str) -> model.Volume:
    return array.volumes([name]).items[0]


def snapshot(array: Datera, name: str) -> model.Snapshot:
    return array.snapshots([name]).items[0]


def delete(array: Datera) -> None:
    for found in array.volumes(["idle"]):
        array.delete_volume(found)


def unmap(array: Datera) -> None:
    for mapping in array.mappings(volumes=["mapped"]):
        array.unmap_volume(mapping)


def restore(array: Datera) -> None:
    array.restore_snapshot(volume(array, "vol1"), snapshot(array, "old"), "backup")


OPERATIONS = [
    Operation("from_a_template", lambda a: a.create_volume(VolumeSpec("made", 4 * GIB, options={"template": "gold"}))),
    Operation("extend_volume", lambda a: a.extend_volume(volume(a, "vol1"), 2 * GIB)),
    Operation("set_volume", lambda a: a.set_volume(volume(a, "vol1"), {"replica_count": 4, "total_iops_max": 7})),
    Operation("set_ip_pool", lambda a: a.set_volume(volume(a, "vol1"), {"ip_pool": "fast"})),
    Operation("set_metadata", lambda a: a.set_metadata(volume(a, "vol1"), {"owner": "me", "kept": "1"})),
    Operation("delete_volume", delete, ("old",)),
    Operation("unmap_volume", unmap, ("old",)),
    Operation("restore_snapshot", restore, ("old",)),
]


def cases(*kinds: tuple[str, ...]) -> list[Any]:
    """Each operation with each of these, of which the first is the name of an array that the operation is done to."""
    return [
        pytest.param(*kind, operation, id="-".join([*kind, operation.name]))
        for kind in kinds
        for operation in OPERATIONS
        if kind[0] in operation.arrays
    ]


EVERYWHERE = pytest.mark.parametrize(("quick", "operation"), cases(("new",), ("old",)), indirect=["quick"])


@pytest.fixture(scope="module")
def quick_simulator() -> Iterator[Simulator]:
    """Arrays that take no time: one that changes volumes under running I/O, one that wants them offline."""
    arrays: list[dict[str, Any]] = [
        {"name": "new", "vendor": "datera", "slowness": 0},
        {
            "name": "old",
            "vendor": "datera",
            "version": "2.1.4.0",
            "slowness": 0,
            "tenants": ["/root/acme"],
            "quirks": ["extend_offline"],
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
    """With short pauses between attempts: what happens in them is not what is tested here."""
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
        one = volume(array, "vol1")
        array.set_metadata(one, {"gone": "1", "kept": "1"})
        array.create_snapshots([SnapshotSpec("old", one)])
        edf.write("vol1", 4096)
        array.map_volume(volume(array, "mapped"), array.create_host("server", [IQN1, IQN2]))
        array.create_host("unused", [model.Initiator("iqn.2026-01.org.example:unused", "iscsi")])


def picture(edf: SimulatedEdf) -> Any:
    """What the array holds, without what differs from run to run: ids, and contents by what they are equal to."""
    with connect(edf) as array:
        volumes = {}
        for one in array.volumes():
            notes = sorted(array.metadata(one).items())
            volumes[one.name] = (one.size, one.source, one.state, sorted(one.options.items()), notes)
        # One more safety copy, which a run takes that finds a restore whose end is not known: see test_restores.py.
        snapshots = sorted(
            (one.name, one.volume, one.size, one.children) for one in array.snapshots() if one.name != "backup-2"
        )
        hosts = sorted((one.name, sorted(one.addresses)) for one in array.hosts())
        mappings = sorted((one.volume, one.host, one.lun, one.chap_user) for one in array.mappings())
    described = sorted(one["descr"] for one in edf.raw("GET", "/app_instances"))
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
def test_killed_after_every_request(quick: SimulatedEdf, operation: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, requests, _ = expected(quick, operation)
    finished = whole[0].get("made")
    for at in range(1, requests + 1):
        prepare(quick)
        array = connect(quick)
        with quick.killed(monkeypatch, at, answered=True) as sent:
            operation.run(array)
        array.close()
        assert sent[-1] == "killed"
        with connect(quick) as array:
            for one in array.volumes(["made"]):
                # What carries its final name is finished.
                assert (one.size, sorted(one.options.items())) == (finished[0], finished[3])
            operation.run(array)
        assert picture(quick) == whole, f"killed at request {at}"


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
def test_a_lost_answer_to_every_write(quick: SimulatedEdf, operation: Operation, kind: str) -> None:
    """The state is read and decides, within the same run. Each kind on one of the two arrays."""
    whole, _, writes = expected(quick, operation)
    assert writes > 0
    for at in range(writes):
        prepare(quick)
        with connect(quick) as array:
            quick.fault(kind, match={"write": True}, skip=at)
            operation.run(array)
        assert quick.struck() == [1]
        assert picture(quick) == whole, f"lost at write {at + 1}"


@EVERYWHERE
def test_busy_and_expired_at_every_request(quick: SimulatedEdf, operation: Operation) -> None:
    whole, requests, _ = expected(quick, operation)
    prepare(quick)
    with connect(quick) as array:
        for at in range(requests):
            quick.fault("expired" if at % 3 else "busy", skip=at, match={"path": "app_instances|initiator|templates"})
        operation.run(array)
    assert sum(quick.struck()) > 0
    assert picture(quick) == whole


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
        assert [one.name for one in array.volumes([temporary, "made"])] == [temporary]


def test_an_unfinished_copy_of_something_else_is_removed(quick: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(quick)
    with connect(quick) as array, quick.killed(monkeypatch, 3, answered=True):
        array.clone_volume(volume(array, "idle"), VolumeSpec("made", 2 * GIB))
    with connect(quick) as array:
        array.clone_volume(volume(array, "vol1"), VolumeSpec("made", 2 * GIB))
        assert [one.name for one in array.volumes([names.unfinished_name("made"), "made"])] == ["made"]
    content = {one["name"]: one["content"] for one in quick.state()["volumes"]}
    assert content["made"] == content["vol1"] != content["idle"]


def test_another_restore_that_was_begun_is_not_mixed_up(quick: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(quick)
    with connect(quick) as array:
        array.create_snapshots([SnapshotSpec("newer", volume(array, "vol1"))])
        one, old = volume(array, "vol1"), snapshot(array, "old")
        with quick.killed(monkeypatch, 6, answered=True):
            array.restore_snapshot(one, old, "backup")
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
        left = volume(array, "idle")
        assert (left.state, left.size) == ("offline", GIB)
        array.extend_volume(left, 5 * GIB)
        done = volume(array, "idle")
        assert (done.state, done.size) == ("ready", 5 * GIB)
    edf.close()


def test_somebody_else_takes_the_name_of_a_copy(quick: SimulatedEdf, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(quick)
    with connect(quick) as array:
        source = volume(array, "idle")
        finished = array._finished_copy

        def meanwhile(path: str) -> Any:
            with connect(quick) as other:
                other.create_volume(VolumeSpec("made", GIB))
            return finished(path)

        monkeypatch.setattr(array, "_finished_copy", meanwhile)
        with pytest.raises(errors.Conflict, match="there is a volume made by now"):
            array.clone_volume(source, VolumeSpec("made", 2 * GIB))
        assert {one.name: one.size for one in array.volumes()} == dict.fromkeys(("vol1", "idle", "mapped", "made"), GIB)


def test_a_late_note_that_a_restore_is_not_done_is_read_before_it_is_sent_again(quick: SimulatedEdf) -> None:
    """Made after the end of the restore, it would take the backup's name away, and the next run would restore again."""
    prepare(quick)
    with connect(quick) as array:
        quick.fault("reset_late", seconds=0.2, match={"method": "PUT", "path": "metadata|int_ecosystem_data"})
        mark = quick.mark()
        restore(array)
        assert quick.struck() == [1]
        notes = [one for one in quick.requests(mark) if one["write"] and re.search("metadata|int_eco", one["path"])]
        assert len(notes) == 2
        time.sleep(0.3)
        assert sorted(one.name for one in array.snapshots()) == ["backup", "old"]


def test_a_second_restore_from_the_same_snapshot_is_one(quick: SimulatedEdf) -> None:
    """What the volume was restored to last proves nothing about what it holds now."""
    prepare(quick)

    def contents() -> dict[str, str]:
        return {one["name"]: one["content"] for one in quick.state()["volumes"]}

    with connect(quick) as array:
        for backup in ("first", "second"):
            quick.write("vol1", 4096)
            assert contents()["vol1"] != contents()["old"]
            array.restore_snapshot(volume(array, "vol1"), snapshot(array, "old"), backup)
            assert contents()["vol1"] == contents()["old"]
