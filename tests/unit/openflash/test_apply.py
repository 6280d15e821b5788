# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a plan is carried out: the order, what a failure stops, and what is known afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from random import Random
from signal import SIGTERM
from threading import Event, Lock
from time import sleep
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.apply import nothing
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    FlashError,
    Interrupted,
    NotFound,
    Timeout,
)
from tests.support.memory_array import MemoryArray
from tests.support.planning import document, host_maps, snapshots, volumes
from tests.support.threads import impatient_threads


@pytest.fixture
def array() -> MemoryArray:
    array = MemoryArray()
    array.host("h1", "iqn.2026-01.org.example:h1")
    return array


def volume_names(array: MemoryArray) -> list[str]:
    return [text.split()[0] for text in array.names()["volumes"]]


NEW = [{"name": name, "size": "1GiB"} for name in ("a", "b", "c")]


def fail_for(array: MemoryArray, method: str, name: str) -> None:
    array.fail(method, FlashError("it broke", code="17"), lambda item, *_arguments: item.name == name)


def test_after_a_failed_step_nothing_more_is_begun(array: MemoryArray) -> None:
    fail_for(array, "create_volume", "b")
    applied = volumes(array, *NEW).run()
    assert volume_names(array) == ["a"]
    assert [step.line for step in applied.done] == ["create volume a of 1GiB"]
    assert [step.line for step in applied.not_done] == ["create volume b of 1GiB", "create volume c of 1GiB"]


def test_with_continue_on_error_the_steps_of_other_objects_are_carried_out(array: MemoryArray) -> None:
    fail_for(array, "create_volume", "b")
    applied = volumes(array, *NEW).run(continue_on_error=True)
    assert volume_names(array) == ["a", "c"]
    assert set(applied.errors) == {("volume", "b")}


def test_an_error_names_the_action_the_object_and_the_array(array: MemoryArray) -> None:
    fail_for(array, "create_volume", "b")
    applied = volumes(array, *NEW).run()
    error = applied.errors[("volume", "b")]
    assert str(error) == "Cannot create volume b of 1GiB on memory1: it broke (the array answered: 17)."
    assert error.target == "b"


@pytest.mark.parametrize("continue_on_error", [True, False])
def test_nothing_destructive_is_begun_after_a_failed_step(array: MemoryArray, continue_on_error: bool) -> None:
    array.volume("old")
    fail_for(array, "create_volume", "a")
    task = volumes(array, {"name": "old", "state": "absent"}, NEW[0])
    task.run(continue_on_error=continue_on_error)
    assert volume_names(array) == ["old"]


INITIATOR = "iqn.2026-01.org.example:h1"
REMOVALS: list[tuple[str, dict[str, Any]]] = [
    ("volume", {"volumes": [{"name": "old", "state": "absent"}]}),
    ("mapped volume", {"volumes": [{"name": "used", "state": "absent"}], "unmap": True}),
    ("volume with snapshots", {"volumes": [{"name": "shot", "state": "absent"}], "delete_snapshots": True}),
    ("snapshot", {"snapshots": [{"name": "s1", "volume": "shot", "state": "absent"}]}),
    ("restore", {"snapshots": [{"name": "s1", "volume": "shot", "state": "restored", "backup": "b"}]}),
    ("mapping", {"mappings": [{"volume": "used", "host": "h1", "state": "absent"}]}),
    ("other LUN", {"mappings": [{"volume": "used", "host": "h1", "lun": 7}]}),
    ("host", {"hosts": [{"name": "h3", "state": "absent"}]}),
    (
        "initiators",
        {"hosts": [{"name": "h1", "initiators": [INITIATOR + "x"], "exclusive_initiators": True}], "force": True},
    ),
    ("prune", {"prune": True, "prune_prefix": "web-", "prune_kinds": ["volumes"]}),
]
REFUSALS: list[tuple[str, dict[str, Any]]] = [
    ("invalid name", {"volumes": [{"name": "bad/name", "size": "1GiB"}]}),
    ("initiator of another host", {"hosts": [{"name": "h9", "initiators": [INITIATOR + "3"]}]}),
    ("delete a mapped volume", {"volumes": [{"name": "mapped", "state": "absent"}]}),
]


def filled_array() -> MemoryArray:
    array = MemoryArray()
    array.host("h1", INITIATOR)
    array.host("h2", INITIATOR + "2")
    array.host("h3", INITIATOR + "3")
    for name in ("old", "used", "shot", "mapped", "web-1", "web-2"):
        array.volume(name)
    array.snapshot("shot", "s1")
    array.map("used", "h1")
    array.map("mapped", "h2", open=True)
    return array


@pytest.mark.parametrize("refusal", [options for _name, options in REFUSALS], ids=[name for name, _options in REFUSALS])
@pytest.mark.parametrize("removal", [options for _name, options in REMOVALS], ids=[name for name, _options in REMOVALS])
def test_nothing_is_removed_when_another_part_of_the_task_is_refused(
    removal: dict[str, Any], refusal: dict[str, Any]
) -> None:
    """Even with continue_on_error, and check mode predicts the same."""
    array = filled_array()
    options: dict[str, Any] = {"volumes": [{"name": "web-1"}, {"name": "new", "size": "1GiB"}]}
    for part in (removal, refusal):
        for name, value in part.items():
            options[name] = options.get(name, []) + value if isinstance(value, list) else value
    before = array.names()
    task = document(array, **options)
    assert len(task.errors) == 1
    applied = task.run(continue_on_error=True)
    assert applied.errors == {}
    assert list(applied.done) == list(task.plan.steps)
    assert not any(step.destructive for step in task.plan.steps)
    after = array.names()
    for kind, names in before.items():
        assert kind == "hosts" or set(names) <= set(after[kind])
    assert {text.split(" ")[0] for text in after["hosts"]} >= {"h1", "h2", "h3"}
    assert INITIATOR in " ".join(after["hosts"])
    assert f"new {1024**3}" in after["volumes"]


def test_a_failed_deletion_stops_the_other_deletions(array: MemoryArray) -> None:
    for item in NEW:
        array.volume(str(item["name"]))
    fail_for(array, "delete_volume", "a")
    applied = volumes(array, *[{"name": item["name"], "state": "absent"} for item in NEW]).run(continue_on_error=True)
    assert volume_names(array) == ["a", "b", "c"]
    assert len(applied.not_done) == 3


def test_the_later_steps_of_a_failed_object_are_not_done(array: MemoryArray) -> None:
    array.volume("a", options={"iops": 1})
    fail_for(array, "extend_volume", "a")
    task = volumes(array, {"name": "a", "size": "2GiB", "array_options": {"iops": 2}})
    applied = task.run(continue_on_error=True)
    assert applied.done == ()
    assert len(applied.not_done) == 2


def test_a_step_that_depends_on_a_failed_object_fails_with_the_reason(array: MemoryArray) -> None:
    fail_for(array, "create_volume", "a")
    task = document(
        array,
        volumes=[NEW[0], {"name": "copy", "source_volume": "a"}],
        snapshots=[{"name": "s", "volume": "a"}],
        mappings=[{"volume": "a", "host": "h1"}],
    )
    applied = task.run(continue_on_error=True)
    assert volume_names(array) == []
    for key in (("volume", "copy"), ("snapshot", "a", "s"), ("mapping", "h1", "a")):
        error = applied.errors[key]
        assert isinstance(error, NotFound)
        assert "volume a, which this depends on, was not made" in str(error)


def test_all_snapshots_of_an_atomic_set_get_its_error(array: MemoryArray) -> None:
    array.volume("a")
    array.volume("b")
    array.fail("create_snapshots", Timeout("no answer within 30 seconds"))
    task = snapshots(array, {"name": "s", "volume": "a"}, {"name": "s", "volume": "b"}, atomic=True)
    applied = task.run()
    assert set(applied.errors) == {("snapshot", "a", "s"), ("snapshot", "b", "s")}


def test_a_volume_is_mapped_at_its_new_lun_although_another_step_failed(array: MemoryArray) -> None:
    """Otherwise the volume, which was unmapped for the change, would stay unmapped."""
    for name in ("a", "b"):
        array.volume(name)
        array.map(name, "h1")
    fail_for(array, "map_volume", "b")
    task = host_maps(array, {"host": "h1", "volume": "b", "lun": 7}, {"host": "h1", "volume": "a", "lun": 8})
    applied = task.run()
    assert set(applied.errors) == {("mapping", "h1", "b")}
    assert array.names()["mappings"] == ["h1 a 8"]


def test_the_world_has_the_objects_that_the_array_returned(array: MemoryArray) -> None:
    applied = volumes(array, NEW[0], dict(NEW[1], group="g")).run()
    assert applied.world.volumes["a"].id != ""
    assert applied.world.groups["g"].volumes == ("b",)


def test_later_steps_use_the_objects_of_earlier_steps(array: MemoryArray) -> None:
    array.volume("old")
    array.snapshot("old", "s")
    task = document(
        array,
        volumes=[
            {"name": "new", "rename_from": "old"},
            {"name": "copy", "source_snapshot": "s", "source_volume": "new"},
        ],
        mappings=[{"volume": "copy", "host": "h1"}],
    )
    applied = task.run()
    assert applied.errors == {}
    assert volume_names(array) == ["copy", "new"]


def test_independent_steps_run_at_the_same_time(array: MemoryArray) -> None:
    running, both = [], Event()
    lock = Lock()

    def wait(*args: Any) -> None:
        with lock:
            running.append(args)
            if len(running) == 2:
                both.set()
        assert both.wait(10), "the two creations did not run at the same time"

    array.broken["create_volume"] = wait
    applied = volumes(array, *NEW[:2]).run(concurrency=2)
    assert len(applied.done) == 2


def test_mappings_of_one_host_run_one_after_the_other(array: MemoryArray) -> None:
    busy = Lock()

    def map_alone(*args: Any) -> None:
        assert busy.acquire(blocking=False), "two mappings of one host at the same time"
        sleep(0.002)
        busy.release()

    names = [f"v{number}" for number in range(8)]
    for name in names:
        array.volume(name)
    array.broken["map_volume"] = map_alone
    task = host_maps(array, *[{"host": "h1", "volume": name} for name in names])
    assert [len(batch.chains) for batch in task.plan.batches] == [1]
    assert task.run(concurrency=8).errors == {}


def test_sixty_steps_in_eight_threads_are_all_carried_out(array: MemoryArray) -> None:
    items = [{"name": f"v{number:03}", "size": "1GiB", "group": "g%s" % (number % 3)} for number in range(60)]
    applied = volumes(array, *items).run(concurrency=8)
    assert applied.errors == {}
    assert applied.not_done == ()
    assert len(volume_names(array)) == 60
    assert sum(len(group.volumes) for group in applied.world.groups.values()) == 60


class SlowArray(MemoryArray):
    """Requests take different times: answers come in any order, and threads change the world at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self._random = Random(7)

    def _in_turn(self, method: Callable[..., Any], *args: Any) -> Any:
        sleep(self._random.random() / 500)
        with self._lock:
            return method(*args)

    def create_snapshots(self, specs: Any, atomic: bool = False) -> Any:
        return self._in_turn(super().create_snapshots, specs, atomic)

    def delete_snapshot(self, snapshot: Any) -> None:
        self._in_turn(super().delete_snapshot, snapshot)

    def map_volume(self, volume: Any, host: Any, lun: int | None = None) -> Any:
        return self._in_turn(super().map_volume, volume, host, lun)

    def add_initiators(self, host: Any, initiators: Any, chap: Any = None) -> Any:
        return self._in_turn(super().add_initiators, host, initiators, chap)


@pytest.fixture
def impatient() -> Iterator[None]:
    with impatient_threads():
        yield


def test_the_world_has_all_snapshots_that_eight_threads_took(impatient: None) -> None:
    """Each new snapshot changes the same volume in the world."""
    for _round in range(10):
        array = SlowArray()
        array.volume("db1")
        names = [f"s{number:02}" for number in range(40)]
        applied = snapshots(array, *[{"name": name, "volume": "db1"} for name in names]).run(concurrency=8)
        assert sorted(applied.world.volumes["db1"].snapshots or ()) == names
        assert sorted(snapshot.name for snapshot in applied.world.snapshots_of("db1")) == names
        removals = [{"name": name, "volume": "db1", "state": "absent"} for name in names]
        applied = snapshots(array, *removals).run(concurrency=8)
        assert applied.errors == {}
        assert applied.world.snapshots_of("db1") == []


def test_the_world_has_all_hosts_and_mappings_that_eight_threads_made(impatient: None) -> None:
    for _round in range(5):
        array = SlowArray()
        hosts = [f"h{number:02}" for number in range(20)]
        array.volume("shared")
        for host in hosts:
            array.host(host)
        items = [{"host": host, "volume": "shared", "initiators": [f"{INITIATOR}-{host}"]} for host in hosts]
        applied = host_maps(array, *items, shared=True).run(concurrency=8)
        assert applied.errors == {}
        assert sorted(mapping.host for mapping in applied.world.mappings_of_volume("shared")) == hosts
        for host in hosts:
            owner = applied.world.host_of_initiator(f"{INITIATOR}-{host}")
            assert owner is not None
            assert owner.name == host


def test_errors_and_steps_are_reported_in_the_order_of_the_plan(array: MemoryArray) -> None:
    """Whichever thread is first, so that the task fails with the same message in every run."""
    order = [Event() for _number in range(4)]

    def last_first(spec: Any) -> FlashError | None:
        number = int(spec.name[1:])
        assert number == 3 or order[number + 1].wait(10)
        order[number].set()
        return FlashError(f"it broke at {number}") if number in (1, 2) else None

    array.broken["create_volume"] = last_first
    task = volumes(array, *[{"name": f"v{number}", "size": "1GiB"} for number in range(4)])
    applied = task.run(concurrency=4, continue_on_error=True)
    assert [step.item[1] for step in applied.done] == ["v0", "v3"]
    assert [step.item[1] for step in applied.not_done] == ["v1", "v2"]
    assert [str(error.reason) for error in applied.errors.values()] == ["it broke at 1", "it broke at 2"]


def test_an_exception_that_is_not_a_flash_error_is_raised(array: MemoryArray) -> None:
    array.fail("create_volume", KeyError("field"))
    for concurrency in (1, 4):
        with pytest.raises(KeyError):
            volumes(array, *NEW).run(concurrency=concurrency)


def test_after_an_interruption_no_thread_begins_a_step(array: MemoryArray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even before the main thread, on a busy host, has noticed the interruption."""
    result = Future.result

    def delayed(future: Future[Any]) -> Any:
        sleep(0.2)
        return result(future)

    monkeypatch.setattr(Future, "result", delayed)
    array.fail("create_volume", Interrupted(SIGTERM), lambda item, *_arguments: item.name in "ab")
    applied = volumes(array, *NEW).run(concurrency=2)
    assert volume_names(array) == []
    assert applied.interrupted is not None
    assert "not known" in applied.errors[("volume", "a")].reason
    assert "was not begun" in applied.errors[("volume", "c")].reason


def test_the_world_of_a_plan_that_is_not_carried_out_is_the_state_that_was_read(array: MemoryArray) -> None:
    array.volume("a")
    task = volumes(array, *NEW)
    applied = nothing(task.plan, task.actual, array)
    assert applied.done == ()
    assert len(applied.not_done) == 2
    assert set(applied.world.volumes) == {"a"}
    assert array.writes == []
