# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Killed between any two requests, and answers that never come: the array ends up as if nothing had happened.

Every operation here is run whole once, to count its requests. Then it is cut off at each of them, before the request is
sent and after the array has carried it out, and run again by another process. The result must be the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Initiator,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.client import Dsware
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.facts import MARKER
from tests.arrays.dsware import SimulatedDsware

IQN = Initiator("iqn.2026-01.org.example:h1", "iscsi")


@dataclass
class Operation:
    """Something to do twice. ``run`` finds its objects by itself, as a new process would."""

    name: str
    run: Callable[[Dsware], Any]
    socket: bool = True


def volume(array: Dsware, name: str) -> model.Volume:
    return array.volumes([name]).items[0]


def make(array: Dsware, name: str, do: Callable[[], Any]) -> None:
    """As the planner does it: only what is not there is made."""
    if not array.volumes([name]).items:
        do()


def clone(size: int | None = None, full: bool = False) -> Callable[[Dsware], None]:
    spec = VolumeSpec("copy", size, options={"full_clone": True} if full else {})
    return lambda a: make(a, "copy", lambda: a.clone_volume(volume(a, "v1"), spec))


def from_snapshot(size: int | None = None, full: bool = False) -> Callable[[Dsware], None]:
    spec = VolumeSpec("copy", size, options={"full_clone": True} if full else {})
    return lambda a: make(a, "copy", lambda: a.volume_from_snapshot(a.snapshots(["s0"]).items[0], spec))


def create(array: Dsware) -> None:
    make(array, "new", lambda: array.create_volume(VolumeSpec("new", GIB)))


def delete(array: Dsware) -> None:
    for one in array.volumes(["idle"]):
        array.delete_volume(one)


def delete_snapshot(array: Dsware) -> None:
    for one in array.snapshots(["s0"]):
        array.delete_snapshot(one)


def snapshot(array: Dsware) -> None:
    if not array.snapshots(["s1"]).items:
        array.create_snapshots([SnapshotSpec("s1", volume(array, "v1"))])


def restore(array: Dsware) -> None:
    if not array.snapshots(["backup"]).items:
        array.restore_snapshot(volume(array, "v1"), array.snapshots(["s0"]).items[0], "backup")


def host(array: Dsware) -> None:
    there = array.hosts(["h1"]).named("h1")
    if there is None:
        array.create_host("h1", [IQN])
    else:
        array.add_initiators(there, [IQN])


def delete_host(array: Dsware) -> None:
    for one in array.hosts(["empty"]):
        array.delete_host(one)


def unmap(array: Dsware) -> None:
    for one in array.mappings(hosts=["h0"]):
        array.unmap_volume(one)


OPERATIONS = [
    Operation("create_volume", create),
    Operation("extend_volume", lambda a: a.extend_volume(volume(a, "v1"), 2 * GIB)),
    Operation("delete_volume", delete),
    Operation("clone", clone()),
    Operation("clone_larger", clone(3 * GIB)),
    Operation("clone_full", clone(3 * GIB, full=True)),
    Operation("from_snapshot", from_snapshot(3 * GIB)),
    Operation("from_snapshot_full", from_snapshot(full=True), socket=False),
    Operation("create_snapshot", snapshot),
    Operation("delete_snapshot", delete_snapshot),
    Operation("restore_snapshot", restore, socket=False),
    Operation("create_host", host, socket=False),
    Operation("delete_host", delete_host, socket=False),
    Operation("map_volume", lambda a: a.map_volume(volume(a, "v2"), a.hosts(["h0"]).items[0]), socket=False),
    Operation("unmap_volume", unmap, socket=False),
]
EVERYWHERE = pytest.mark.parametrize("operation", OPERATIONS, ids=[one.name for one in OPERATIONS])


def prepare(dsware: SimulatedDsware) -> None:
    dsware.simulator.clear_faults(dsware.name)
    dsware.simulator.reset(dsware.name)
    # Always over REST, which has hosts too.
    with dsware.connect({"transport": "rest", "storage_pools": ["fast"], "wire_extensions": None}) as array:
        for name in ("v1", "v2", "v3", "idle"):
            array.create_volume(VolumeSpec(name, GIB))
        array.create_snapshots([SnapshotSpec("s0", volume(array, "v1"))])
        array.create_host("empty", [Initiator("iqn.2026-01.org.example:h8", "iscsi")])
        host = array.create_host("h0", [Initiator("iqn.2026-01.org.example:h0", "iscsi")])
        array.map_volume(volume(array, "v3"), host)


def picture(dsware: SimulatedDsware) -> Any:
    """What the array holds, without what differs from run to run."""
    state = dsware.state()
    # What a volume has in it, told by the volume that it comes from
    origin = {one["content"]: one["name"] for one in reversed(state["volumes"]) if one["name"] in ("v1", "v2", "v3")}
    volumes = sorted(
        (one["name"], one["size"], one["kind"], one["state"], origin.get(one["content"], "its own"))
        for one in state["volumes"]
    )
    addresses = {one["name"]: sorted(each["address"] for each in one["initiators"]) for one in state["hosts"]}
    return volumes, addresses, sorted((one["volume"], one["host"]) for one in state["mappings"])


def expected(dsware: SimulatedDsware, operation: Operation) -> tuple[Any, int]:
    """The result of an undisturbed run, and how many requests it takes after connecting."""
    prepare(dsware)
    with dsware.connect() as array:
        mark = len(array.calls)
        operation.run(array)
        requests = len(array.calls) - mark
    return picture(dsware), requests


def check_names(dsware: SimulatedDsware, whole: Any) -> None:
    """Nothing that is not finished is shown under a final name."""
    finished = {name: size for name, size, *_rest in whole[0]}
    with dsware.connect() as array:
        for one in array.volumes(["copy", "new"]):
            assert (one.size, one.state) == (finished[one.name], "ready")
            content = {each["name"]: each["content"] for each in dsware.state()["volumes"]}
            assert one.name == "new" or content["copy"] == content["v1"]


@EVERYWHERE
@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
def test_killed_at_every_request(
    either: SimulatedDsware, operation: Operation, answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not either.rest and not operation.socket:
        return
    whole, requests = expected(either, operation)
    for at in range(1, requests + 1):
        prepare(either)
        array = either.connect()
        with either.killed(monkeypatch, at, answered) as sent:
            operation.run(array)
        array.close()
        if sent[-1] != "killed":
            assert at > requests - 8, "only the polls at the end of a copy may be fewer"
            continue
        check_names(either, whole)
        with either.connect() as array:
            operation.run(array)
        assert picture(either) == whole, f"killed at request {at}"
        assert not [name for name in either.names() if name.startswith(MARKER)]


@EVERYWHERE
@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncated", "non_json"])
def test_a_lost_answer_to_every_write(either: SimulatedDsware, operation: Operation, kind: str) -> None:
    """The state is read and decides, within the same run."""
    if not either.rest and not operation.socket:
        return
    whole, _ = expected(either, operation)
    for at in range(9):
        prepare(either)
        with either.connect() as array:
            either.fault(kind, match={"write": True}, skip=at)
            mark = len(array.calls)
            operation.run(array)
            writes = sum(call.write for call in array.calls[mark:])
        either.simulator.clear_faults(either.name)
        assert picture(either) == whole, f"lost at write {at + 1}"
        assert not [name for name in either.names() if name.startswith(MARKER)]
        if at >= writes:
            break


@EVERYWHERE
def test_the_session_ends_at_every_request(rest: SimulatedDsware, operation: Operation) -> None:
    """One more login each time, and nothing done twice (sheet, section 8, point 6)."""
    whole, requests = expected(rest, operation)
    for at in range(requests):
        prepare(rest)
        with rest.connect() as array:
            rest.fault("expired", skip=at)
            operation.run(array)
            logins = [call for call in array.calls if call.target.endswith("sec/login")]
        rest.simulator.clear_faults(rest.name)
        assert picture(rest) == whole
        assert len(logins) == 2 or at >= requests - 1


def test_the_array_is_gone_in_the_middle(either: SimulatedDsware) -> None:
    """Nothing is rolled back without a connection; the next run finishes."""
    prepare(either)
    with either.connect() as array:
        source = volume(array, "v1")
        either.fault("reset_before", skip=2, count=None)
        with pytest.raises((errors.Unreachable, errors.BadReply)):
            array.clone_volume(source, VolumeSpec("copy"))
    either.simulator.clear_faults(either.name)
    assert [name for name in either.names() if name.startswith(MARKER)]
    with either.connect() as array:
        assert not array.volumes(["copy"]).items
        array.clone_volume(source, VolumeSpec("copy"))
        assert array.volumes(["copy"]).items
    assert not [name for name in either.names() if name.startswith(MARKER)]


def test_a_leftover_does_not_hold_its_volume(rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(rest)
    with rest.connect() as array:
        source = volume(array, "v2")
        with rest.killed(monkeypatch, 2, answered=False):
            array.clone_volume(source, VolumeSpec("copy"))
    with rest.connect() as array:
        assert not [one for one in array.snapshots() if one.volume == "v2"]
        array.delete_volume(volume(array, "v2"))
    assert "v2" not in rest.names() and not [name for name in rest.names() if name.startswith(MARKER)]


def test_an_unfinished_copy_is_not_taken_for_a_volume(rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty volume with the right name and size is the worst that a killed full clone can leave."""
    prepare(rest)
    spec = VolumeSpec("copy", options={"full_clone": True})
    with rest.connect() as array:
        source = volume(array, "v1")
        array.pools()
        with rest.killed(monkeypatch, 3, answered=False):
            array.clone_volume(source, spec)
    assert "copy" in rest.names()
    with rest.connect() as array:
        assert not array.volumes(["copy"]).items and "copy" not in [one.name for one in array.volumes()]
        with pytest.raises(errors.Conflict, match="begun and is not finished"):
            array.create_volume(VolumeSpec("copy", GIB))
        array.clone_volume(source, spec)
        assert array.volumes(["copy"]).items
    content = {one["name"]: one["content"] for one in rest.state()["volumes"]}
    assert content["copy"] == content["v1"]


@pytest.mark.parametrize("at", [2, 3, 4])
def test_two_runs_make_the_same_clone(rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """The second one comes while the first is between two requests; both end well, and there is one clone."""
    prepare(rest)
    first, second = rest.connect(), rest.connect()
    source = volume(first, "v1")
    call = type(first._wire).call
    sent: list[int] = []

    def meeting(wire: Any, *arguments: Any, **how: Any) -> Any:
        if wire is first._wire:
            sent.append(1)
            if len(sent) == at:
                second.clone_volume(source, VolumeSpec("copy"))
        return call(wire, *arguments, **how)

    monkeypatch.setattr(type(first._wire), "call", meeting)
    try:
        first.clone_volume(source, VolumeSpec("copy"))
    except errors.FlashError as error:
        # What it must not do is to report a success that is none, or to take away what the other made.
        assert error.kind in ("not_found", "conflict", "busy")
    assert [name for name in rest.names() if "copy" in name or name.startswith(MARKER)] == ["copy"]
    content = {one["name"]: one["content"] for one in rest.state()["volumes"]}
    assert content["copy"] == content["v1"]
