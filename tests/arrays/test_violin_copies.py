# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies on a Violin: full copies, whose progress is polled by target, and thin clones (sheet, sections 2.4, 2.5)."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import unfinished
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    Busy,
    Conflict,
    FlashError,
    InUse,
    Invalid,
    NoSpace,
    Timeout,
    Unsupported,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import VolumeSpec
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.violin import copies, names
from tests.arrays.violin import GIB, ViolinArray, empty_array, fc, snapshot, volume
from tests.support.running import join, wait_until
from tests.support.simulator import Simulator

TEMPORARY = re.compile(r"of-[0-9a-z]{7}-[0-9a-z]{25}\Z")
SLOW = 1024  # MiB in a second


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    arrays: list[dict[str, Any]] = [
        {"name": "fast", "vendor": "violin", "limits": {"copy_speed": 1 << 30}},
        {"name": "slow", "vendor": "violin", "limits": {"copy_speed": SLOW}},
        {"name": "late", "vendor": "violin", "limits": {"copy_speed": 2 * SLOW, "copy_unseen": 300}},
        {"name": "small", "vendor": "violin", "pools": [{"name": "PoolA", "size": "5GiB"}]},
    ]
    with Simulator(arrays) as running:
        yield running


@pytest.fixture
def fast(simulator: Simulator) -> ViolinArray:
    return empty_array(simulator, "fast")


@pytest.fixture
def slow(simulator: Simulator) -> ViolinArray:
    return empty_array(simulator, "slow")


def copied(client: Any, kind: str, source: Any, name: str, size: int | None = None) -> Any:
    """A full copy of a volume, directly or by a snapshot of it."""
    if kind == "volume":
        return client.clone_volume(source, VolumeSpec(name, size))
    snapshots = [item for item in client.snapshots(volumes=[source.name]) if item.name == "monday"]
    taken = snapshots[0] if snapshots else snapshot(client, client.volumes([source.name]).items[0], "monday")
    return client.volume_from_snapshot(taken, VolumeSpec(name, size))


KINDS = pytest.mark.parametrize("kind", ["volume", "snapshot"])


@KINDS
def test_a_copy_has_the_content_and_the_requested_size(fast: ViolinArray, kind: str) -> None:
    with fast.client() as client:
        source = volume(client, "db1")
        copy = copied(client, kind, source, "copy1")
        larger = copied(client, kind, source, "copy2", 3 * GIB)
        assert copied(client, kind, source, "copy2", 3 * GIB).id == larger.id
    held = fast.volumes()
    assert (copy.size, larger.size) == (GIB, 3 * GIB) == (held["copy1"]["size"], held["copy2"]["size"])
    assert held["copy1"]["content"] == held["copy2"]["content"] == held["db1"]["content"]
    assert copy.independent
    assert not [name for name in held if TEMPORARY.match(name)]


def test_a_snapshot_gives_a_volume_of_its_own_size_after_its_volume_has_grown(fast: ViolinArray) -> None:
    with fast.client() as client:
        source = volume(client, "db1")
        taken = snapshot(client, source, "monday")
        client.extend_volume(source, 2 * GIB)
        copy = client.volume_from_snapshot(taken, VolumeSpec("copy1", GIB))
        assert client.volume_from_snapshot(taken, VolumeSpec("copy1", GIB)).id == copy.id
    assert copy.size == GIB == fast.volumes()["copy1"]["size"]


@KINDS
def test_an_unfinished_copy_never_has_its_final_name(slow: ViolinArray, kind: str) -> None:
    with slow.client() as client:
        source = volume(client, "db1")
        finished = threading.Event()
        states: list[tuple[str, str]] = []

        def watch() -> None:
            while not finished.wait(0.05):
                states.extend((row["name"], row["state"]) for row in slow.state()["volumes"])

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            copied(client, kind, source, "copy1")
        finally:
            finished.set()
            join(watcher)
    copying = {name for name, state in states if state == "copying"}
    assert len(copying) == 1
    assert TEMPORARY.match(copying.pop())
    assert slow.volumes()["copy1"]["state"] == "ready"


@KINDS
def test_a_copy_that_fails_is_removed_and_never_taken_for_finished(slow: ViolinArray, kind: str) -> None:
    with slow.client() as client:
        source = volume(client, "db1")
        slow.fault(kind="copy_fails")
        with pytest.raises(FlashError, match="the copy failed in the array"):
            copied(client, kind, source, "copy1")
        assert {row["name"] for row in slow.volumes().values() if row["kind"] == "volume"} == {"db1"}
        assert copied(client, kind, source, "copy1").size == GIB


@KINDS
def test_a_copy_that_is_not_finished_at_the_deadline_is_resumed_by_the_next_run(slow: ViolinArray, kind: str) -> None:
    with slow.client(wait_timeout=1.0) as client:
        source = volume(client, "db1", 3 * GIB)
        with pytest.raises(Timeout, match=r"the copy is at \d+ % after 1 s") as caught:
            copied(client, kind, source, "copy1")
        waiting = [name for name in slow.volumes() if TEMPORARY.match(name)]
        assert waiting[0] in str(caught.value)
    mark = slow.mark()
    with slow.client(wait_timeout=1.0) as client:
        for _ in range(5):
            try:
                copy = copied(client, kind, client.volumes(["db1"]).items[0], "copy1")
                break
            except (Timeout, Busy):
                continue
    assert copy.size == 3 * GIB
    # Not one more copy was begun
    assert not [
        request for request in slow.writes(mark) if (request["body"] or {}).get("params", {}).get("action") == "copy"
    ]


@KINDS
def test_another_live_run_is_not_disturbed(slow: ViolinArray, kind: str) -> None:
    with slow.client() as client:
        source = volume(client, "db1", 3 * GIB)
        if kind == "snapshot":
            snapshot(client, source, "monday")
        source = client.volumes(["db1"]).items[0]
        with slow.client() as other:
            thread = threading.Thread(target=copied, args=(other, kind, source, "copy1"))
            thread.start()
            while not [name for name in slow.volumes() if TEMPORARY.match(name)]:
                assert thread.is_alive()
            mark = slow.mark()
            try:
                with pytest.raises(Busy, match=r"another run began this copy \d+ s ago"):
                    copied(client, kind, source, "copy1")
                assert not [request for request in slow.writes(mark) if request["method"] == "DELETE"]
            finally:
                thread.join(60)
    assert slow.volumes()["copy1"]["size"] == 3 * GIB


@KINDS
@pytest.mark.parametrize("when", ["young", "old"])
def test_an_unfinished_copy_is_resumed_while_it_is_recent(
    slow: ViolinArray, monkeypatch: pytest.MonkeyPatch, kind: str, when: str
) -> None:
    """The result reports the time of its content. An old copy is removed, and made again."""
    with slow.client() as client:
        source = volume(client, "db1", 2 * GIB)
        with slow.client(wait_timeout=0.5) as hasty, pytest.raises(Timeout):
            copied(hasty, kind, source, "copy1")
        content_then = slow.volumes()["db1"]["content"]
        (stamp,) = [names.stamp_of(name) for name in slow.volumes() if TEMPORARY.match(name)]
        assert stamp is not None
        slow.write("db1", GIB)
        content_now = slow.volumes()["db1"]["content"]
        source = client.volumes(["db1"]).items[0]
        if when == "old":
            monkeypatch.setattr(unfinished, "RESUME_WITHIN", 0.0)
            with pytest.raises(Busy, match="the array still copies into volume of-"):
                copied(client, kind, source, "copy1")
            (unfinished_copy,) = (name for name in slow.volumes() if TEMPORARY.match(name))
            while (slow.simulator.volume(unfinished_copy, slow.name) or {}).get("state") == "copying":
                threading.Event().wait(0.1)
        copy = copied(client, kind, source, "copy1")
    held = slow.volumes()["copy1"]["content"]
    assert copy.resumed == (stamp.since if when == "young" else None)
    assert held == (content_then if when == "young" or kind == "snapshot" else content_now)
    assert not [name for name in slow.volumes() if TEMPORARY.match(name)]


def test_one_source_is_copied_once_at_a_time(slow: ViolinArray) -> None:
    """The status reports the last copy only, so a second one waits until the first has ended."""
    with slow.client() as client:
        source = volume(client, "db1")
        errors: list[BaseException] = []

        def make(name: str) -> None:
            try:
                client.clone_volume(source, VolumeSpec(name))
            except BaseException as error:  # noqa: BLE001  the thread's error is the test's result
                errors.append(error)

        threads = [threading.Thread(target=make, args=(f"copy{n}",)) for n in range(3)]
        for thread in threads:
            thread.start()
        join(*threads)
    assert errors == []
    assert {"copy0", "copy1", "copy2"} < set(slow.volumes())


def test_a_copy_of_somebody_else_is_waited_for(slow: ViolinArray) -> None:
    with slow.client() as client:
        source = volume(client, "db1")
        client._create_area(source.id, source.size)
        path = f"/logicalresource/snapshotresource/{source.id}"
        slow.raw("PUT", path, {"params": {"action": "copy", "targetName": "theirs"}})
        client.clone_volume(source, VolumeSpec("mine"))
        assert slow.volumes()["theirs"]["state"] == "ready"
    with slow.client(wait_timeout=0.3) as client:
        slow.raw("PUT", path, {"params": {"action": "copy", "targetName": "theirs2"}})
        with pytest.raises(Busy, match="another copy from db1 is at"):
            client.clone_volume(source, VolumeSpec("mine2"))


def test_a_status_of_another_target_is_not_taken_for_the_end_of_this_copy(slow: ViolinArray) -> None:
    """After somebody has begun another copy, the array does not report how this one ends."""
    with slow.client() as client:
        source = volume(client, "db1", 2 * GIB)
        client._create_area(source.id, source.size)
        path = f"/logicalresource/snapshotresource/{source.id}"

        def intrude() -> None:
            slow.raw("PUT", path, {"params": {"action": "copy", "targetName": "theirs"}})

        timer = threading.Timer(0.5, intrude)
        timer.start()
        with pytest.raises(Busy, match="another copy from db1 began"):
            client.clone_volume(source, VolumeSpec("mine"))
        join(timer)
    assert "mine" not in slow.volumes()


@KINDS
def test_a_copy_that_has_no_status_at_first_is_waited_for(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """At first the status is empty or that of the copy before (sheet, section 2.5).

    Time that passed while another copy was waited for does not count.
    """
    late = empty_array(simulator, "late")
    with late.client() as client:
        source = volume(client, "db1", 2 * GIB)
        assert copied(client, kind, source, "copy1").size == 2 * GIB
        (taken,) = client.snapshots(volumes=["db1"]) if kind == "snapshot" else (None,)
        path = f"timemark/{taken.id}" if taken else f"snapshotresource/{source.id}"
        late.raw("PUT", f"/logicalresource/{path}", {"params": {"action": "copy", "targetName": "theirs"}})
        threading.Event().wait(0.4)
        monkeypatch.setattr(copies, "COPY_STARTS_WITHIN", 0.6)
        assert copied(client, kind, source, "copy2").size == 2 * GIB
        assert late.volumes()["theirs"]["state"] == "ready"
        # A copy that has no status within this time has not begun
        monkeypatch.setattr(copies, "COPY_STARTS_WITHIN", -1.0)
        with pytest.raises(FlashError, match="the copy failed in the array before it began"):
            copied(client, kind, source, "copy3")


@KINDS
def test_an_unreadable_status_does_not_end_a_copy(simulator: Simulator, kind: str) -> None:
    """The copy goes on and is not begun again when one poll gets an odd answer."""
    slow = empty_array(simulator, "late")
    with slow.client() as client:
        source = volume(client, "db1")
        copied(client, kind, source, "ground")
        query = "type=operationstatus" if kind == "snapshot" else "type=copystatus"
        for number, fault in enumerate(("non_json", "http_status", "truncated", "expired")):
            slow.fault(kind=fault, match={"method": "GET", "path": re.escape(query)}, skip=2)
            mark = slow.mark()
            assert copied(client, kind, source, f"copy{number}").size == GIB
            begun = [
                request
                for request in slow.writes(mark)
                if (request["body"] or {}).get("params", {}).get("action") == "copy"
            ]
            assert len(begun) == 1
            slow.clear_faults()


def test_a_full_pool_leaves_nothing(simulator: Simulator) -> None:
    array = empty_array(simulator, "small")
    with array.client() as client:
        source = volume(client, "db1", 3 * GIB)
        with pytest.raises(NoSpace):
            client.clone_volume(source, VolumeSpec("copy1"))
        assert set(array.volumes()) == {"db1"}
        client.delete_volume(source)
        source = volume(client, "db1", 2 * GIB)
        # There is room for the copy, but not for its extension
        with pytest.raises(NoSpace):
            client.clone_volume(source, VolumeSpec("copy1", 4 * GIB))
    assert set(array.volumes()) == {"db1"}


def test_an_existing_volume_with_the_name_of_a_copy_is_compared(fast: ViolinArray) -> None:
    with fast.client() as client:
        source = volume(client, "db1")
        volume(client, "other", 2 * GIB)
        volume(client, "thin", provisioning="thin")
        with pytest.raises(Conflict, match="it has 2GiB instead of 1GiB"):
            client.clone_volume(source, VolumeSpec("other"))
        with pytest.raises(Conflict, match="it is not thick"):
            client.clone_volume(source, VolumeSpec("thin"))
        with pytest.raises(Invalid, match="smaller than its source"):
            client.clone_volume(source, VolumeSpec("copy1", GIB // 2))


# ---- thin clones -----------------------------------------------------------------------------------------------------

THIN = pytest.mark.parametrize("provisioning", ["thin", "dedup"])


@THIN
def test_a_thin_or_dedup_volume_is_cloned_thinly_and_its_clone_keeps_it_from_being_deleted(
    fast: ViolinArray, provisioning: str
) -> None:
    with fast.client() as client:
        source = volume(client, "db1", provisioning=provisioning)
        clone = client.clone_volume(source, VolumeSpec("clone1"))
        assert (clone.independent, clone.source, clone.size) == (False, "db1", GIB)
        assert client.clone_volume(source, VolumeSpec("clone1")).id == clone.id
        assert client.capabilities.method("clone_volume", source).independent is False
        assert fast.volumes()["clone1"]["content"] == fast.volumes()["db1"]["content"]
        # The snapshot below the clone is not listed, but keeps the source from being deleted
        assert client.snapshots(volumes=["db1"]).items == ()
        assert [item.name for item in client.volumes_with_clones(["db1"])] == ["db1", "clone1"]
        with pytest.raises(InUse):
            client.delete_volume(source)
        client.delete_volume(clone)
        client.delete_volume(source)
    assert fast.volumes() == {}


@THIN
def test_a_snapshot_has_at_most_one_thin_clone_and_is_not_deleted_while_it_has_one(
    fast: ViolinArray, provisioning: str
) -> None:
    with fast.client() as client:
        source = volume(client, "db1", provisioning=provisioning)
        taken = snapshot(client, source, "monday")
        clone = client.volume_from_snapshot(taken, VolumeSpec("clone1"))
        assert not clone.independent
        (read,) = client.snapshots(volumes=["db1"]).items
        assert read.children == ("clone1",)
        with pytest.raises(InUse, match="has a thin clone already, and can have only one"):
            client.volume_from_snapshot(taken, VolumeSpec("clone2"))
        with pytest.raises(InUse, match="a thin clone depends on it"):
            client.delete_snapshot(taken)
        client.delete_volume(clone)
        client.delete_snapshot(taken)


@THIN
def test_impossible_options_of_a_thin_clone_are_refused_before_any_write(fast: ViolinArray, provisioning: str) -> None:
    with fast.client() as client:
        source = volume(client, "db1", provisioning=provisioning)
        taken = snapshot(client, source, "monday")
        mark = fast.mark()
        for spec, message in (
            (VolumeSpec("c", 2 * GIB), "leave size out"),
            (VolumeSpec("c", provisioning="thick"), "leave provisioning out"),
            (VolumeSpec("c", pool="PoolA"), "leave pool out"),
        ):
            with pytest.raises(Unsupported, match=message):
                client.clone_volume(source, spec)
            with pytest.raises(Unsupported, match=message):
                client.volume_from_snapshot(taken, spec)
            assert client.capabilities.refusal("clone_volume", source, spec=spec)
            assert client.capabilities.refusal("volume_from_snapshot", taken, spec=spec)
        assert fast.writes(mark) == []


def test_a_thin_clone_is_deleted_only_when_unmapped(fast: ViolinArray) -> None:
    with fast.client() as client:
        source = volume(client, "db1", provisioning="thin")
        clone = client.clone_volume(source, VolumeSpec("clone1"))
        client.map_volume(clone, client.create_host("server", [fc()]))
        with pytest.raises(InUse, match="mapped to server"):
            client.delete_volume(clone)


@pytest.mark.parametrize("fault", ["reset_after", "reset_before", "truncated", "non_json"])
def test_a_thin_clone_whose_answer_was_lost_is_created_once(fast: ViolinArray, fault: str) -> None:
    with fast.client() as client:
        source = volume(client, "db1", provisioning="thin")
        fast.fault(kind=fault, match={"method": "POST", "path": "/timeview/"})
        client.clone_volume(source, VolumeSpec("clone1"))
    assert sorted(row["kind"] for row in fast.volumes().values()) == ["snapshot", "volume", "volume"]


@pytest.mark.parametrize("source_kind", ["volume", "snapshot"])
def test_a_thin_clone_that_is_cut_off_is_finished_by_the_next_run(fast: ViolinArray, source_kind: str) -> None:
    """It is interrupted before each request in turn. The next run removes a snapshot whose clone was never created."""
    with fast.client() as client:
        source = volume(client, "db1", provisioning="thin")
        snapshot(client, source, "monday")
        source = client.volumes(["db1"]).items[0]
        (taken,) = client.snapshots(volumes=["db1"])

    def make(client: Any) -> Any:
        if source_kind == "volume":
            return client.clone_volume(source, VolumeSpec("clone1"))
        return client.volume_from_snapshot(taken, VolumeSpec("clone1"))

    cut = 0
    while True:
        with fast.client() as client:
            fast.fault(kind="http_status", status=500, match={"path": "/concerto/logical"}, skip=cut, count=None)
            try:
                make(client)
            except FlashError:
                fast.clear_faults()
            else:
                break
        with fast.client(wait_timeout=600.0) as client:
            clone = make(client)
            assert (clone.source, clone.independent) == ("db1", False)
            kinds = sorted(row["kind"] for row in fast.volumes().values())
            assert kinds == ["snapshot"] * (2 if source_kind == "volume" else 1) + ["volume"] * 2, f"request {cut + 1}"
            client.delete_volume(clone)
            assert set(fast.volumes()) == {"db1", "monday"}
        cut += 1
    fast.clear_faults()
    assert cut >= 5


def test_a_thin_clone_never_holds_what_its_source_held_for_a_run_that_was_cut_off(fast: ViolinArray) -> None:
    """A thin clone is made of a snapshot; the snapshot of an earlier run has old content and is not used."""
    cut = finished = 0
    while not finished:
        fast.reset()
        with fast.client() as client:
            volume(client, "db1", provisioning="thin")
            source = client.volumes(["db1"]).items[0]
            fast.fault(kind="http_status", status=500, match={"path": "/concerto/logical"}, skip=cut, count=None)
            try:
                client.clone_volume(source, VolumeSpec("clone1"))
                finished = 1
            except FlashError:
                pass
            fast.clear_faults()
        if not finished and "clone1" not in fast.volumes():
            fast.write("db1", GIB)
            with fast.client(wait_timeout=600.0) as client:
                copy = client.clone_volume(client.volumes(["db1"]).items[0], VolumeSpec("clone1"))
                assert copy.resumed is None
            held = fast.volumes()
            assert held["clone1"]["content"] == held["db1"]["content"], f"request {cut + 1}"
            assert sorted(row["kind"] for row in held.values()) == ["snapshot", "volume", "volume"], (
                f"request {cut + 1}"
            )
        cut += 1
    assert cut >= 5


@KINDS
def test_an_unfinished_copy_is_removed_without_another_copy_once_the_array_has_ended_it(
    slow: ViolinArray, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For Cinder, which does not make a copy again after its process was killed."""
    with slow.client() as client:
        source = volume(client, "db1", 4 * GIB)
        assert client.remove_unfinished() == ()
        with slow.client(wait_timeout=0.5) as hasty, pytest.raises(Timeout):
            copied(hasty, kind, source, "copy1")
        (name,) = [name for name in slow.volumes() if TEMPORARY.match(name)]
        assert client.remove_unfinished() == (), "the array still copies"
        wait_until(lambda: slow.volumes()[name]["state"] == "ready", 60, "the array has not ended the copy")
        for alive in (True, None):  # the process makes the copy, or it is on another host, and the copy is new
            with monkeypatch.context() as patch:
                patch.setattr(unfinished.Stamp, "alive", lambda _stamp, answer=alive: answer)
                assert client.remove_unfinished() == ()
        assert name in slow.volumes()
        assert client.remove_unfinished() == (name,)
    assert set(slow.volumes()) - {"monday"} == {"db1"}
