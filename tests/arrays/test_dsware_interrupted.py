# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interrupted runs on a Dsware whose unfinished objects somebody uses, creates too, or finds much later.

tests/module/test_contract.py has what holds for every array.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Initiator,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.deadline import Deadline
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.client import Dsware
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.names import MARKER
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.rest import RestWire
from tests.arrays.dsware import SimulatedDsware
from tests.support.simulator import Simulator


def volume(array: Dsware, name: str) -> model.Volume:
    return array.volumes([name]).items[0]


class Stage:
    """An array that a client over REST prepares for each run.

    The client keeps no object of the array, so it is as good as a new one each time.
    """

    def __init__(self, dsware: SimulatedDsware) -> None:
        self.dsware = dsware
        # Always over REST, since the socket has no hosts.
        self.builder = dsware.connect({"transport": "rest", "storage_pools": ["fast"], "wire_extensions": None})

    def connect(self) -> Dsware:
        """A client whose pauses before a request is repeated are short."""
        array = self.dsware.connect()
        if isinstance(array._wire, RestWire):
            array._wire.http._sleep = lambda seconds: time.sleep(seconds / 20)
        return array

    def prepare(self, objects: str = "v1 v2 s0") -> None:
        """Empty the array and create the named objects: volumes v1 and v2, a snapshot s0 of v1, and a host h0."""
        names = objects.split()
        self.dsware.clear_faults()
        self.dsware.reset()
        for name in names:
            if name in ("v1", "v2"):
                self.builder.create_volume(VolumeSpec(name, GIB))
        if "s0" in names:
            self.builder.create_snapshots([SnapshotSpec("s0", model.Volume("v1", GIB))])
        if "h0" in names:
            self.builder.create_host("h0", [Initiator("iqn.2026-01.org.example:h0", "iscsi")])


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polls of a copy or a deletion have short pauses."""
    pause = Deadline.pause

    def short(deadline: Deadline) -> bool:
        deadline._first = deadline._longest = 0.01
        return pause(deadline)

    monkeypatch.setattr(Deadline, "pause", short)


def larger_clone(array: Dsware) -> None:
    array.clone_volume(volume(array, "v1"), VolumeSpec("copy", 3 * GIB))


def map_volume(array: Dsware) -> None:
    array.map_volume(volume(array, "v2"), array.hosts(["h0"]).items[0])


@pytest.mark.parametrize("operation", [larger_clone, map_volume])
def test_a_session_that_ends_at_any_request_costs_one_login_and_no_repetition(
    simulator: Simulator, operation: Callable[[Dsware], None]
) -> None:
    """Nothing is done twice (wire sheet, section 8, point 6)."""
    dsware = SimulatedDsware(simulator, "quick")
    stage = Stage(dsware)

    def outcome(skip: int | None) -> tuple[Any, int, int, int]:
        """The content of the array, and the numbers of requests, changes and logins of the operation.

        :param skip: the number of requests before the one at which the session ends; None if it does not end.
        """
        stage.prepare("v1 v2 h0")
        with stage.connect() as array:
            mark = dsware.mark()
            if skip is not None:
                dsware.fault("expired", skip=skip)
            operation(array)
            requests, changes = dsware.requests(mark), dsware.changes(mark)
            assert skip is None or dsware.struck() == [1]
            logins = sum(call.target.endswith("sec/login") for call in array.calls)
        state = dsware.state()
        origin = {row["content"]: row["name"] for row in reversed(state["volumes"])}
        volumes = sorted((row["name"], row["size"], origin[row["content"]]) for row in state["volumes"])
        mappings = sorted((row["volume"], row["host"]) for row in state["mappings"])
        return (volumes, mappings), len(requests), len(changes), logins

    undisturbed, requests, changes, _logins = outcome(None)
    for skip in range(requests):
        held, _requests, done, logins = outcome(skip)
        assert held == undisturbed, f"the session ends at request {skip + 1}"
        assert done == changes, f"the session ends at request {skip + 1}"
        assert logins == 2, f"the session ends at request {skip + 1}"
    dsware.close()


def test_a_copy_during_which_the_array_stops_answering_is_finished_by_the_next_run(any_wire: SimulatedDsware) -> None:
    """Without a connection nothing is rolled back; the next run finishes the copy."""
    Stage(any_wire).prepare()
    with any_wire.connect() as array:
        source = volume(array, "v1")
        any_wire.fault("reset_before", skip=2, count=None)
        with pytest.raises((errors.Unreachable, errors.BadReply)):
            array.clone_volume(source, VolumeSpec("copy"))
    any_wire.clear_faults()
    assert [name for name in any_wire.names() if name.startswith(MARKER)]
    with any_wire.connect() as array:
        assert not array.volumes(["copy"]).items
        array.clone_volume(source, VolumeSpec("copy"))
        assert array.volumes(["copy"]).items
    assert not [name for name in any_wire.names() if name.startswith(MARKER)]


def test_an_unfinished_copy_does_not_keep_its_source_from_being_deleted(
    dsware_rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage(dsware_rest).prepare()
    with dsware_rest.connect() as array:
        source = volume(array, "v2")
        with dsware_rest.killed(monkeypatch, 2, answered=False):
            array.clone_volume(source, VolumeSpec("copy"))
    with dsware_rest.connect() as array:
        assert not [snapshot for snapshot in array.snapshots() if snapshot.volume == "v2"]
        array.delete_volume(volume(array, "v2"))
    assert "v2" not in dsware_rest.names()
    assert not [name for name in dsware_rest.names() if name.startswith(MARKER)]


def test_an_unfinished_copy_is_not_taken_for_a_volume(
    dsware_rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed full clone can leave an empty volume with its final name and size."""
    Stage(dsware_rest).prepare()
    spec = VolumeSpec("copy", options={"full_clone": True})
    with dsware_rest.connect() as array:
        source = volume(array, "v1")
        array.pools()
        with dsware_rest.killed(monkeypatch, 4, answered=False):
            array.clone_volume(source, spec)
    assert "copy" in dsware_rest.names()
    with dsware_rest.connect() as array:
        assert not array.volumes(["copy"]).items
        assert "copy" not in [item.name for item in array.volumes()]
        with pytest.raises(errors.Conflict, match="begun and is not finished"):
            array.create_volume(VolumeSpec("copy", GIB))
        array.clone_volume(source, spec)
        assert array.volumes(["copy"]).items
    content = {row["name"]: row["content"] for row in dsware_rest.state()["volumes"]}
    assert content["copy"] == content["v1"]


@pytest.mark.parametrize(
    ("full", "other_full", "number"),
    [(False, False, number) for number in (2, 3, 4)]
    + [(True, True, number) for number in range(2, 8)]
    + [(True, False, number) for number in (2, 3, 4, 5)],
)
def test_two_runs_that_create_the_same_clone_leave_one(
    dsware_rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch, full: bool, other_full: bool, number: int
) -> None:
    """The second one runs between two requests of the first; at least one succeeds, and there is one clone."""
    Stage(dsware_rest).prepare()
    first, second = dsware_rest.connect(), dsware_rest.connect()
    source = volume(first, "v1")
    first.pools()
    call = type(first._rest).call
    sent: list[int] = []
    failed: list[str] = []

    def clone(array: Dsware, full: bool) -> None:
        try:
            array.clone_volume(source, VolumeSpec("copy", options={"full_clone": True} if full else {}))
        except errors.FlashError as error:
            # A run may fail; it must not report a false success or remove what the other created
            failed.append(error.kind)

    def meeting(wire: Any, *arguments: Any, **how: Any) -> Any:
        if wire is first._wire:
            sent.append(1)
            if len(sent) == number:
                clone(second, other_full)
            for copy in second.volumes(["copy"]):
                assert (copy.state, holds("copy")) == ("ready", holds("v1")), "it is shown before it is finished"
        return call(wire, *arguments, **how)

    def holds(name: str) -> str:
        return next(str(row["content"]) for row in dsware_rest.state()["volumes"] if row["name"] == name)

    monkeypatch.setattr(type(first._wire), "call", meeting)
    clone(first, full)
    assert len(failed) < 2
    assert set(failed) <= {"not_found", "conflict", "busy"}
    assert [name for name in dsware_rest.names() if "copy" in name or name.startswith(MARKER)] == ["copy"]
    assert holds("copy") == holds("v1")


@pytest.mark.parametrize("begins", ["before the record", "after the record"])
@pytest.mark.parametrize("full", [False, True], ids=["linked", "full"])
def test_a_second_run_leaves_the_marker_of_a_full_clone_that_is_being_created(
    dsware_rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch, begins: str, full: bool
) -> None:
    """Until the first run creates the volume, its marker looks like that of a killed run."""
    Stage(dsware_rest).prepare()
    first, second = dsware_rest.connect(), dsware_rest.connect()
    source = volume(first, "v1")
    reached, created, errors_of = threading.Event(), threading.Event(), []
    create, link = type(second._wire).create_volume, type(second._wire).link
    record, copy = type(first._wire).create_snapshot, type(first._wire).copy

    def come_second() -> None:
        try:
            second.clone_volume(source, VolumeSpec("copy", options={"full_clone": True} if full else {}))
        except errors.FlashError as error:
            errors_of.append(error.kind)
        reached.set()

    other = threading.Thread(target=come_second)

    def meet() -> None:
        other.start()
        assert reached.wait(60)

    def recording(wire: Any, name: str, source_name: str) -> None:
        if wire is first._wire and begins == "before the record" and len(name) > 40:
            meet()
        record(wire, name, source_name)

    def creating(wire: Any, *arguments: Any) -> None:
        if wire is second._wire:
            reached.set()
            assert created.wait(60)
            (create if full else link)(wire, *arguments)
            return
        if begins == "after the record":
            meet()
        create(wire, *arguments)
        created.set()

    def copying(wire: Any, *arguments: Any) -> None:
        other.join(60)
        assert first.volumes(["copy"]).items == (), "an empty volume is shown as finished"
        copy(wire, *arguments)

    monkeypatch.setattr(type(first._wire), "create_snapshot", recording)
    monkeypatch.setattr(type(first._wire), "create_volume", creating)
    monkeypatch.setattr(type(first._wire), "copy", copying)
    if not full:
        monkeypatch.setattr(type(first._wire), "link", creating)
    first.clone_volume(source, VolumeSpec("copy", options={"full_clone": True}))
    assert errors_of in (["busy"], ["conflict"])
    assert [name for name in dsware_rest.names() if "copy" in name or name.startswith(MARKER)] == ["copy"]


# ---- finished clones -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("full", [False, True], ids=["linked", "full"])
def test_a_finished_clone_is_never_copied_over(dsware_rest: SimulatedDsware, full: bool) -> None:
    """It is reported, and keeps what was written to it since, although its markers could not be removed."""
    Stage(dsware_rest).prepare("v1")
    spec = VolumeSpec("copy", options={"full_clone": True} if full else {})
    dsware_rest.fault("refused_before", code="50159999", match={"path": "snapshot/delete"}, count=None)
    with dsware_rest.connect(wait_timeout=0.5) as array:
        assert array.clone_volume(volume(array, "v1"), spec).name == "copy"
    dsware_rest.write("copy", GIB)
    dsware_rest.write("v1", GIB)
    written = next(row["content"] for row in dsware_rest.state()["volumes"] if row["name"] == "copy")
    for _ in range(2):
        with dsware_rest.connect(wait_timeout=0.5) as array:
            assert [item.name for item in array.volumes(["copy"])] == ["copy"]
            assert "copy" in [item.name for item in array.volumes()]
            with pytest.raises(errors.Conflict, match="there is a volume of that name"):
                array.clone_volume(volume(array, "v1"), spec)
        assert written == next(row["content"] for row in dsware_rest.state()["volumes"] if row["name"] == "copy")
        dsware_rest.clear_faults()


@pytest.mark.parametrize("full", [False, True], ids=["linked", "full"])
@pytest.mark.parametrize("kind", [None, "reset_after", "reset_before"])
def test_an_existing_volume_is_never_overwritten(
    any_wire: SimulatedDsware, monkeypatch: pytest.MonkeyPatch, full: bool, kind: str | None
) -> None:
    """It is kept whatever marker exists: of a run that was killed before it read the volume, or of a lost answer."""
    Stage(any_wire).prepare("v1")
    spec = VolumeSpec("copy", options={"full_clone": True} if full else {})
    with any_wire.connect() as array:
        array.create_volume(VolumeSpec("copy", GIB))
        source = volume(array, "v1")
    any_wire.write("copy", GIB)
    if kind is None:
        # The first request creates the marker
        with any_wire.connect() as array:
            array.pools()
            with any_wire.killed(monkeypatch, 1, answered=True):
                array.clone_volume(source, spec)
        assert [name for name in any_wire.names() if name.startswith(MARKER)]
    else:
        any_wire.fault(kind, match={"write": True})
    before = next(row["content"] for row in any_wire.state()["volumes"] if row["name"] == "copy")
    with any_wire.connect() as array:
        with pytest.raises(errors.Conflict, match="there is a volume of that name"):
            array.clone_volume(source, spec)
        assert [item.name for item in array.volumes(["copy"])] == ["copy"]
    assert before == next(row["content"] for row in any_wire.state()["volumes"] if row["name"] == "copy")
    assert not [name for name in any_wire.names() if name.startswith(MARKER)]


def test_a_resumed_full_clone_reports_the_time_of_its_content(simulator: Simulator) -> None:
    dsware_rest = SimulatedDsware(simulator, "slow")
    with dsware_rest.connect(wait_timeout=0.5) as array:
        array.create_volume(VolumeSpec("v1", GIB))
        source = volume(array, "v1")
        spec = VolumeSpec("copy", options={"full_clone": True})
        with pytest.raises(errors.Timeout):
            array.clone_volume(source, spec)
        with pytest.raises(errors.Busy, match="still copies into volume copy"):
            array.clone_volume(source, VolumeSpec("copy", 2 * GIB, options={"full_clone": True}))
    with dsware_rest.connect() as array:
        copy = array.clone_volume(source, spec)
        assert copy.resumed is not None
        assert copy.resumed.endswith("Z")
    assert dsware_rest.names() == ["copy", "v1"]
    dsware_rest.close()
