# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What killed runs of a Dsware leave, when somebody uses it, makes the same, or comes back much later.

What every array keeps to when it is killed is in tests/module/test_contract.py.
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

IQN = Initiator("iqn.2026-01.org.example:h1", "iscsi")


def volume(array: Dsware, name: str) -> model.Volume:
    return array.volumes([name]).items[0]


class Stage:
    """An array, and two processes that see it all the time: one that sets it up, and one that comes after a killed one.

    They keep no object of the array, so they are as good as new ones each time.
    """

    def __init__(self, dsware: SimulatedDsware) -> None:
        self.dsware = dsware
        # Always over REST, which has hosts too.
        self.builder = dsware.connect({"transport": "rest", "storage_pools": ["fast"], "wire_extensions": None})
        self.next = self.connect()

    def connect(self) -> Dsware:
        """Pauses before a request is repeated are short here: there are hundreds of them."""
        array = self.dsware.connect()
        if isinstance(array._wire, RestWire):
            array._wire.http._sleep = lambda seconds: time.sleep(seconds / 20)
        return array

    def prepare(self, needs: str = "v1 v2 s0") -> None:
        """Volumes of these names; s0 is a snapshot of v1, and h0 a host that has v3, if that is there."""
        names = needs.split()
        self.dsware.clear_faults()
        self.dsware.reset()
        for name in names:
            if name in ("v1", "v2", "v3", "idle"):
                self.builder.create_volume(VolumeSpec(name, GIB))
        if "s0" in names:
            self.builder.create_snapshots([SnapshotSpec("s0", model.Volume("v1", GIB))])
        if "empty" in names:
            self.builder.create_host("empty", [Initiator("iqn.2026-01.org.example:h8", "iscsi")])
        if "h0" in names:
            host = self.builder.create_host("h0", [Initiator("iqn.2026-01.org.example:h0", "iscsi")])
            if "v3" in names:
                self.builder.map_volume(model.Volume("v3", GIB), host)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks at something that takes a while: there are hundreds of them."""
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
def test_a_session_that_ends_at_any_request_costs_one_login(
    simulator: Simulator, operation: Callable[[Dsware], None]
) -> None:
    """And nothing is done twice (sheet, section 8, point 6)."""
    dsware = SimulatedDsware(simulator, "quick")
    stage = Stage(dsware)

    def outcome(skip: int | None) -> tuple[Any, int, int, int]:
        """What the array holds, and how many requests, changes and logins it took.

        :param skip: how many requests come before the one at which the session ends; None: it does not.
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
        origin = {one["content"]: one["name"] for one in reversed(state["volumes"])}
        volumes = sorted((one["name"], one["size"], origin[one["content"]]) for one in state["volumes"])
        mappings = sorted((one["volume"], one["host"]) for one in state["mappings"])
        return (volumes, mappings), len(requests), len(changes), logins

    undisturbed, requests, changes, _logins = outcome(None)
    for skip in range(requests):
        held, _requests, made, logins = outcome(skip)
        assert held == undisturbed, f"the session ends at request {skip + 1}"
        assert made == changes, f"the session ends at request {skip + 1}"
        assert logins == 2, f"the session ends at request {skip + 1}"
    dsware.close()


def test_the_array_stops_answering_in_the_middle(either: SimulatedDsware) -> None:
    """Nothing is rolled back without a connection; the next run finishes."""
    Stage(either).prepare()
    with either.connect() as array:
        source = volume(array, "v1")
        either.fault("reset_before", skip=2, count=None)
        with pytest.raises((errors.Unreachable, errors.BadReply)):
            array.clone_volume(source, VolumeSpec("copy"))
    either.clear_faults()
    assert [name for name in either.names() if name.startswith(MARKER)]
    with either.connect() as array:
        assert not array.volumes(["copy"]).items
        array.clone_volume(source, VolumeSpec("copy"))
        assert array.volumes(["copy"]).items
    assert not [name for name in either.names() if name.startswith(MARKER)]


def test_an_unfinished_copy_does_not_keep_its_source_from_being_deleted(
    rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage(rest).prepare()
    with rest.connect() as array:
        source = volume(array, "v2")
        with rest.killed(monkeypatch, 2, answered=False):
            array.clone_volume(source, VolumeSpec("copy"))
    with rest.connect() as array:
        assert not [one for one in array.snapshots() if one.volume == "v2"]
        array.delete_volume(volume(array, "v2"))
    assert "v2" not in rest.names()
    assert not [name for name in rest.names() if name.startswith(MARKER)]


def test_an_unfinished_copy_is_not_taken_for_a_volume(rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty volume with the right name and size is the worst that a killed full clone can leave."""
    Stage(rest).prepare()
    spec = VolumeSpec("copy", options={"full_clone": True})
    with rest.connect() as array:
        source = volume(array, "v1")
        array.pools()
        with rest.killed(monkeypatch, 4, answered=False):
            array.clone_volume(source, spec)
    assert "copy" in rest.names()
    with rest.connect() as array:
        assert not array.volumes(["copy"]).items
        assert "copy" not in [one.name for one in array.volumes()]
        with pytest.raises(errors.Conflict, match="begun and is not finished"):
            array.create_volume(VolumeSpec("copy", GIB))
        array.clone_volume(source, spec)
        assert array.volumes(["copy"]).items
    content = {one["name"]: one["content"] for one in rest.state()["volumes"]}
    assert content["copy"] == content["v1"]


@pytest.mark.parametrize(
    ("full", "other", "at"),
    [(False, False, at) for at in (2, 3, 4)]
    + [(True, True, at) for at in range(2, 8)]
    + [(True, False, at) for at in (2, 3, 4, 5)],
)
def test_two_runs_make_the_same_clone(
    rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch, full: bool, other: bool, at: int
) -> None:
    """The second one comes while the first is between two requests; at least one ends well, and there is one clone."""
    Stage(rest).prepare()
    first, second = rest.connect(), rest.connect()
    source = volume(first, "v1")
    first.pools()
    call = type(first._rest).call
    sent: list[int] = []
    failed: list[str] = []

    def clone(array: Dsware, full: bool) -> None:
        try:
            array.clone_volume(source, VolumeSpec("copy", options={"full_clone": True} if full else {}))
        except errors.FlashError as error:
            # What it must not do is to report a success that is none, or to take away what the other made.
            failed.append(error.kind)

    def meeting(wire: Any, *arguments: Any, **how: Any) -> Any:
        if wire is first._wire:
            sent.append(1)
            if len(sent) == at:
                clone(second, other)
            for one in second.volumes(["copy"]):
                assert (one.state, holds("copy")) == ("ready", holds("v1")), "it is shown before it is finished"
        return call(wire, *arguments, **how)

    def holds(name: str) -> str:
        return next(str(one["content"]) for one in rest.state()["volumes"] if one["name"] == name)

    monkeypatch.setattr(type(first._wire), "call", meeting)
    clone(first, full)
    assert len(failed) < 2
    assert set(failed) <= {"not_found", "conflict", "busy"}
    assert [name for name in rest.names() if "copy" in name or name.startswith(MARKER)] == ["copy"]
    assert holds("copy") == holds("v1")


@pytest.mark.parametrize("begins", ["before the record", "after the record"])
@pytest.mark.parametrize("full", [False, True], ids=["linked", "full"])
def test_a_run_that_comes_second_leaves_the_marker_of_a_full_clone(
    rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch, begins: str, full: bool
) -> None:
    """Between the marker and the volume it seems to be what a killed run has left; then the volume is there."""
    Stage(rest).prepare()
    first, second = rest.connect(), rest.connect()
    source = volume(first, "v1")
    reached, made, errors_of = threading.Event(), threading.Event(), []
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

    def recording(wire: Any, name: str, of: str) -> None:
        if wire is first._wire and begins == "before the record" and len(name) > 40:
            meet()
        record(wire, name, of)

    def creating(wire: Any, *arguments: Any) -> None:
        if wire is second._wire:
            reached.set()
            assert made.wait(60)
            (create if full else link)(wire, *arguments)
            return
        if begins == "after the record":
            meet()
        create(wire, *arguments)
        made.set()

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
    assert [name for name in rest.names() if "copy" in name or name.startswith(MARKER)] == ["copy"]


# ---- what is finished is never copied over ---------------------------------------------------------------------------


@pytest.mark.parametrize("full", [False, True], ids=["linked", "full"])
def test_a_finished_clone_is_never_copied_over(rest: SimulatedDsware, full: bool) -> None:
    """Its markers cannot be removed. It is there all the same, and holds what was written to it since."""
    Stage(rest).prepare("v1")
    spec = VolumeSpec("copy", options={"full_clone": True} if full else {})
    rest.fault("refused_before", code="50159999", match={"path": "snapshot/delete"}, count=None)
    with rest.connect(wait_timeout=0.5) as array:
        assert array.clone_volume(volume(array, "v1"), spec).name == "copy"
    rest.write("copy", GIB)
    rest.write("v1", GIB)
    mine = next(one["content"] for one in rest.state()["volumes"] if one["name"] == "copy")
    for _ in range(2):
        with rest.connect(wait_timeout=0.5) as array:
            assert [one.name for one in array.volumes(["copy"])] == ["copy"]
            assert "copy" in [one.name for one in array.volumes()]
            with pytest.raises(errors.Conflict, match="there is a volume of that name"):
                array.clone_volume(volume(array, "v1"), spec)
        assert mine == next(one["content"] for one in rest.state()["volumes"] if one["name"] == "copy")
        rest.clear_faults()


@pytest.mark.parametrize("full", [False, True], ids=["linked", "full"])
@pytest.mark.parametrize("kind", [None, "reset_after", "reset_before"])
def test_an_existing_volume_is_never_overwritten(
    either: SimulatedDsware, monkeypatch: pytest.MonkeyPatch, full: bool, kind: str | None
) -> None:
    """Whatever marker is there: of a run that was killed before it saw the volume, or of a lost answer."""
    Stage(either).prepare("v1")
    spec = VolumeSpec("copy", options={"full_clone": True} if full else {})
    with either.connect() as array:
        array.create_volume(VolumeSpec("copy", GIB))
        source = volume(array, "v1")
    either.write("copy", GIB)
    if kind is None:
        # Its first request takes the marker
        with either.connect() as array:
            array.pools()
            with either.killed(monkeypatch, 1, answered=True):
                array.clone_volume(source, spec)
        assert [name for name in either.names() if name.startswith(MARKER)]
    else:
        either.fault(kind, match={"write": True})
    before = next(one["content"] for one in either.state()["volumes"] if one["name"] == "copy")
    with either.connect() as array:
        with pytest.raises(errors.Conflict, match="there is a volume of that name"):
            array.clone_volume(source, spec)
        assert [one.name for one in array.volumes(["copy"])] == ["copy"]
    assert before == next(one["content"] for one in either.state()["volumes"] if one["name"] == "copy")
    assert not [name for name in either.names() if name.startswith(MARKER)]


def test_a_resumed_full_clone_reports_the_time_of_its_content(simulator: Simulator) -> None:
    rest = SimulatedDsware(simulator, "slow")
    with rest.connect(wait_timeout=0.5) as array:
        array.create_volume(VolumeSpec("v1", GIB))
        source = volume(array, "v1")
        spec = VolumeSpec("copy", options={"full_clone": True})
        with pytest.raises(errors.Timeout):
            array.clone_volume(source, spec)
        with pytest.raises(errors.Busy, match="still copies into volume copy"):
            array.clone_volume(source, VolumeSpec("copy", 2 * GIB, options={"full_clone": True}))
    with rest.connect() as array:
        made = array.clone_volume(source, spec)
        assert made.resumed is not None
        assert made.resumed.endswith("Z")
    assert rest.names() == ["copy", "v1"]
    rest.close()
