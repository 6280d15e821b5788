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
from ansible_collections.openflash.storage.plugins.module_utils.openflash.apply import apply
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Chap,
    Initiator,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired as options
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.planner import plan
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.rules import Policy
from ansible_collections.openflash.storage.plugins.module_utils.openflash.read import read
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB, format_initiator
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio import names
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio.client import XtremIO
from tests.arrays.conftest import XMS_VERSIONS, SimulatedXms

FC1 = Initiator("1000000000000001", "fc")
IQN = Initiator("iqn.2026-01.org.example:h1", "iscsi")


@dataclass
class Operation:
    """Something to do twice. ``run`` finds its objects by itself, as a new process would."""

    name: str
    run: Callable[[XtremIO], Any]
    v1: bool = True
    """Also with REST v1."""


def volume(array: XtremIO, name: str) -> model.Volume:
    return array.volumes([name]).items[0]


def snapshot(array: XtremIO, name: str) -> model.Snapshot:
    return array.snapshots([name]).items[0]


def delete(array: XtremIO) -> None:
    for one in array.volumes(["idle"]):
        array.delete_volume(one)


def rename(array: XtremIO) -> None:
    for one in array.volumes(["idle"]):
        array.rename_volume(one, "renamed")


def remove_initiator(array: XtremIO) -> None:
    for host in array.hosts(["h0"]):
        array.remove_initiators(host, host.addresses)


def host_with_chap(array: XtremIO) -> None:
    """As the planner does it: what is there already is completed."""
    chap = Chap("user", "twelve-chars")
    there = array.hosts(["h1"]).named("h1")
    if there is None:
        array.create_host("h1", [FC1, IQN], chap=chap)
    else:
        array.add_initiators(there, [FC1, IQN], chap=chap)


def host_with_os(array: XtremIO) -> None:
    """By the planner, which compares the operating system with that of a host that is there."""
    addresses = [format_initiator(one.address) for one in (FC1, IQN)]
    desired = options.host_maps([{"host": "h1", "initiators": addresses, "os": "linux"}], {})
    actual = read(array, desired)
    made = plan(desired, actual, Policy(), array.capabilities)
    for error in (*made.errors, *apply(made, actual, array).errors.values()):
        raise error


def snapshot_group(array: XtremIO) -> None:
    """As the planner does it: what is there already is not taken again."""
    if not array.snapshots(["v1.cut", "v2.cut"]).items:
        array.snapshot_group(array.groups(["g0"]).items[0], "cut")


def group(array: XtremIO) -> None:
    there = array.groups(["g1"]).named("g1") or array.create_group("g1", [volume(array, "v1")])
    array.add_to_group(there, [volume(array, "v2")])


def unmap(array: XtremIO) -> None:
    for one in array.mappings(hosts=["h0"]):
        array.unmap_volume(one)


OPERATIONS = [
    Operation("create_volume", lambda a: a.create_volume(VolumeSpec("new", GIB))),
    Operation("extend_volume", lambda a: a.extend_volume(volume(a, "v1"), 2 * GIB)),
    Operation("rename_volume", rename),
    Operation("delete_volume", delete),
    Operation("clone_volume", lambda a: a.clone_volume(volume(a, "v1"), VolumeSpec("clone"))),
    Operation("clone_larger", lambda a: a.clone_volume(volume(a, "v1"), VolumeSpec("clone", 3 * GIB))),
    Operation("volume_from_snapshot", lambda a: a.volume_from_snapshot(snapshot(a, "s0"), VolumeSpec("copy", 3 * GIB))),
    Operation("create_snapshot", lambda a: a.create_snapshots([SnapshotSpec("s1", volume(a, "v1"))])),
    Operation("create_snapshot_natural", lambda a: a.create_snapshots([SnapshotSpec("v1.s1", volume(a, "v1"))])),
    Operation(
        "atomic_snapshots",
        lambda a: a.create_snapshots(
            [SnapshotSpec("s1", volume(a, "v1")), SnapshotSpec("s2", volume(a, "v2"))], atomic=True
        ),
        v1=False,
    ),
    Operation("restore_snapshot", lambda a: a.restore_snapshot(volume(a, "v1"), snapshot(a, "s0"), "backup"), v1=False),
    Operation("create_host", lambda a: a.create_host("h1", [FC1, IQN])),
    Operation("create_host_with_chap", host_with_chap),
    Operation("create_host_with_os", host_with_os),
    Operation("remove_initiators", remove_initiator),
    Operation("map_volume", lambda a: a.map_volume(volume(a, "v2"), a.hosts(["h0"]).items[0], lun=9)),
    Operation("map_volume_automatic", lambda a: a.map_volume(volume(a, "v2"), a.hosts(["h0"]).items[0])),
    Operation("unmap_volume", unmap),
    Operation("group", group, v1=False),
    Operation("snapshot_group", snapshot_group, v1=False),
    Operation("set_metadata", lambda a: a.set_metadata(volume(a, "v1"), {"owner": "me", "kept": "1"}), v1=False),
    Operation("change_metadata", lambda a: a.set_metadata(volume(a, "v1"), {"gone": "2", "kept": "2"}), v1=False),
]
EVERYWHERE = pytest.mark.parametrize("operation", OPERATIONS, ids=[one.name for one in OPERATIONS])
WHERE_IT_CAN = pytest.mark.parametrize(
    ("xms", "operation"),
    [
        pytest.param(version, operation, id=f"{version}-{operation.name}")
        for version in XMS_VERSIONS
        for operation in OPERATIONS
        if operation.v1 or not version.startswith("3.")
    ],
    indirect=["xms"],
)
"""Every operation, on each version that has it."""


def prepare(xms: SimulatedXms) -> None:
    xms.simulator.clear_faults(xms.name)
    xms.simulator.reset(xms.name)
    with xms.connect() as array:
        for name in ("v1", "v2", "v3", "idle"):
            array.create_volume(VolumeSpec(name, GIB))
        array.create_snapshots([SnapshotSpec("s0", volume(array, "v1"))])
        host = array.create_host("h0", [Initiator("1000000000000009", "fc")])
        array.map_volume(volume(array, "v3"), host)
        if xms.v2:
            array.create_group("g0", [volume(array, "v1"), volume(array, "v2")])
            array.set_metadata(volume(array, "v1"), {"gone": "1", "kept": "1"})


def picture(xms: SimulatedXms) -> Any:
    """What the array holds, without what differs from run to run."""
    with xms.connect() as array:
        everything = {
            one.name: (one.size, one.source, sorted(one.metadata.items()), sorted(one.groups or ()))
            for one in array.volumes()
        }
        snapshots = sorted((one.name, one.volume, one.size, one.proven) for one in array.snapshots())
        hosts = sorted(
            (one.name, one.os, tuple(sorted((each.address, each.chap_user) for each in one.initiators)))
            for one in array.hosts()
        )
        mappings = sorted((one.volume, one.host, one.lun) for one in array.mappings())
        groups = sorted((one.name, one.volumes) for one in array.groups())
    return everything, snapshots, hosts, mappings, groups


def expected(xms: SimulatedXms, operation: Operation) -> tuple[Any, int, int]:
    """The result of an undisturbed run, and how many requests and writes it takes after connecting."""
    prepare(xms)
    with xms.connect() as array:
        mark = xms.mark()
        operation.run(array)
        requests, writes = xms.requests(mark), xms.writes(mark)
    return picture(xms), len(requests), len(writes)


def check_names(xms: SimulatedXms, whole: Any) -> None:
    """What carries a final name is finished: it is as it will be in the end."""
    finished = whole[0]
    with xms.connect() as array:
        for one in array.volumes():
            if one.name in ("clone", "copy", "new"):
                assert one.size == finished[one.name][0]


@WHERE_IT_CAN
@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
def test_killed_at_every_request(
    xms: SimulatedXms, operation: Operation, answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, requests, _ = expected(xms, operation)
    for at in range(1, requests + 1):
        prepare(xms)
        array = xms.connect()
        with xms.killed(monkeypatch, at, answered) as sent:
            operation.run(array)
        array.close()
        assert sent[-1] == "killed"
        check_names(xms, whole)
        with xms.connect() as array:
            operation.run(array)
        assert picture(xms) == whole, f"killed at request {at}"
        assert not [name for name in xms.names() if names.MARKER in name]


@WHERE_IT_CAN
@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncated", "non_json"])
def test_a_lost_answer_to_every_write(xms: SimulatedXms, operation: Operation, kind: str) -> None:
    """The state is read and decides, within the same run."""
    whole, _, writes = expected(xms, operation)
    assert writes > 0
    for at in range(writes):
        prepare(xms)
        with xms.connect() as array:
            xms.fault(kind, match={"write": True}, skip=at)
            operation.run(array)
        assert xms.struck() == [1]
        xms.simulator.clear_faults(xms.name)
        assert picture(xms) == whole, f"lost at write {at + 1}"
        assert not [name for name in xms.names() if names.MARKER in name]


@EVERYWHERE
def test_the_array_is_busy_at_every_request(xms_42: SimulatedXms, operation: Operation) -> None:
    whole, requests, _ = expected(xms_42, operation)
    prepare(xms_42)
    with xms_42.connect() as array:
        for at in range(requests):
            xms_42.fault("busy", skip=at)
        operation.run(array)
    assert xms_42.struck() == [1] * requests
    assert picture(xms_42) == whole


def test_an_unfinished_copy_that_somebody_uses_is_left_alone(
    xms: SimulatedXms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is nobody's but its user's now; the copy that was asked for is made beside it."""
    prepare(xms)
    with xms.connect() as array, xms.killed(monkeypatch, 3, answered=False):
        array.clone_volume(volume(array, "v1"), VolumeSpec("clone", 2 * GIB))
    (left,) = [name for name in xms.names() if names.MARKER in name]
    with xms.connect() as array:
        array.map_volume(volume(array, left), array.hosts(["h0"]).items[0])
        array.clone_volume(volume(array, "v1"), VolumeSpec("clone", 2 * GIB))
        assert [one.host for one in array.mappings(volumes=[left])] == ["h0"]
    assert {left, "clone"} < set(xms.names())


@pytest.mark.parametrize("use", ["mapped", "copied"])
def test_a_set_of_which_somebody_uses_a_part_is_left_alone(
    xms_v2: SimulatedXms, use: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a set that a killed run has named in part nothing is removed once it is of use to somebody."""

    def take(array: XtremIO) -> None:
        specs = [SnapshotSpec("s1", volume(array, "v1")), SnapshotSpec("s2", volume(array, "v2"))]
        array.create_snapshots(specs, atomic=True)

    for at in range(2, 20):
        prepare(xms_v2)
        with xms_v2.connect() as array, xms_v2.killed(monkeypatch, at, answered=True):
            take(array)
        if "s1" in xms_v2.names():
            break
    assert "s2" not in xms_v2.names()
    with xms_v2.connect() as array:
        if use == "mapped":
            array.map_volume(model.Volume("s1", GIB), array.hosts(["h0"]).items[0])
        else:
            array.volume_from_snapshot(snapshot(array, "s1"), VolumeSpec("copy"))
        before = xms_v2.names()
        with pytest.raises(errors.Conflict, match="another instant"):
            take(array)
    assert xms_v2.names() == before


def test_the_array_is_gone_in_the_middle(xms_v2: SimulatedXms) -> None:
    """Nothing is removed without a connection; the next run does that, and takes the snapshot again."""
    prepare(xms_v2)
    with xms_v2.connect() as array:
        source = volume(array, "v1")
        xms_v2.fault("reset_before", skip=1, count=None)
        with pytest.raises(errors.Unreachable):
            array.create_snapshots([SnapshotSpec("s1", source)])
    xms_v2.simulator.clear_faults(xms_v2.name)
    assert [name for name in xms_v2.names() if names.MARKER in name]
    with xms_v2.connect() as array:
        array.create_snapshots([SnapshotSpec("s1", volume(array, "v1"))])
    assert "s1" in xms_v2.names()
    assert not [name for name in xms_v2.names() if names.MARKER in name]


# ---- restores of an array that names the backup as it likes ----------------------------------------------------------


def contents(xms: SimulatedXms) -> dict[str, str]:
    return {one["name"]: one["content"] for one in xms.state()["volumes"]}


def restores(xms: SimulatedXms, mark: int) -> int:
    return sum(one["change"] == "volume.overwrite" for one in xms.simulator.changes(xms.name, mark))


def written(xms: SimulatedXms) -> str:
    """Another content of v1 than that of its snapshot s0."""
    prepare(xms)
    xms.simulator.write("v1", GIB, xms.name)
    return contents(xms)["v1"]


@pytest.mark.parametrize("kind", [None, "reset_after", "truncated", "non_json", "reset_before"])
def test_a_backup_is_found_whatever_the_array_calls_it(choosing: SimulatedXms, kind: str | None) -> None:
    held, mark = written(choosing), choosing.mark()
    with choosing.connect() as array:
        if kind is not None:
            choosing.fault(kind, match={"method": "POST", "path": "types/snapshots"})
        backup = array.restore_snapshot(volume(array, "v1"), snapshot(array, "s0"), "backup")
        assert array.restore_snapshot(volume(array, "v1"), snapshot(array, "s0"), "backup").id == backup.id
    found = contents(choosing)
    assert restores(choosing, mark) == 1
    assert (found["backup"], found["v1"]) == (held, found["s0"])


def test_a_refusal_of_what_was_done_is_no_reason_to_restore_again(choosing: SimulatedXms) -> None:
    held, mark = written(choosing), choosing.mark()
    match = {"method": "POST", "path": "types/snapshots"}
    choosing.fault("refused_after", code="some_internal_error", match=match, count=None)
    with choosing.connect() as array:
        array.restore_snapshot(volume(array, "v1"), snapshot(array, "s0"), "backup")
    assert restores(choosing, mark) == 1
    assert contents(choosing)["backup"] == held


@pytest.mark.parametrize("name", ["v1.mine", "theirs"])
def test_a_clone_that_is_made_meanwhile_is_not_taken_for_the_backup(
    choosing: SimulatedXms, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The array refuses the restore, so nothing was kept; but there is a new writable copy of the volume."""
    written(choosing)
    with choosing.connect() as array, choosing.connect() as other:
        source, old = volume(array, "v1"), snapshot(array, "s0")
        post, cloned = type(array._xms).post, []

        def meeting(xms: Any, *arguments: Any, **how: Any) -> Any:
            if xms is array._xms and not cloned:
                cloned.append(other.clone_volume(source, VolumeSpec(name)))
                raise errors.InUse("the array refuses it")
            return post(xms, *arguments, **how)

        monkeypatch.setattr(type(array._xms), "post", meeting)
        with pytest.raises(errors.InUse, match="the array refuses it"):
            array.restore_snapshot(source, old, "backup")
    assert name in choosing.names()
    assert "backup" not in choosing.names()


@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("choosing", ["chooses-name", "chooses-set"], indirect=True)
def test_a_killed_restore_is_not_sent_again(
    choosing: SimulatedXms, answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name or the set of the backup is the one of the request: one of them is enough to know it again."""
    at = 1
    while True:
        held, mark = written(choosing), choosing.mark()
        array = choosing.connect()
        with choosing.killed(monkeypatch, at, answered) as sent:
            array.restore_snapshot(volume(array, "v1"), snapshot(array, "s0"), "backup")
        array.close()
        with choosing.connect() as array:
            array.restore_snapshot(volume(array, "v1"), snapshot(array, "s0"), "backup")
        found = contents(choosing)
        assert restores(choosing, mark) == 1, f"killed at request {at}"
        assert (found["backup"], found["v1"]) == (held, found["s0"]), f"killed at request {at}"
        if sent[-1] != "killed":
            break
        at += 1
    assert at > 5


def test_what_killed_runs_have_left_does_not_pile_up(xms: SimulatedXms, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of tasks that nobody runs again the next copy of the same source removes what is left."""
    prepare(xms)
    left: set[str] = set()
    for at in range(2, 8):
        with xms.connect() as array:
            source = volume(array, "v1")
            with xms.killed(monkeypatch, at, answered=False):
                array.clone_volume(source, VolumeSpec(f"once{at}", 2 * GIB))
        now = {name for name in xms.names() if names.stamp_of(name) is not None}
        assert len(now) <= 1
        left |= now
    assert left
    with xms.connect() as array:
        array.clone_volume(volume(array, "v1"), VolumeSpec("clone"))
    assert not [name for name in xms.names() if names.MARKER in name]
