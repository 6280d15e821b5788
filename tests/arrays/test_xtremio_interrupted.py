# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What killed runs of an XtremIO leave, when somebody uses it, makes the same, or comes back much later.

What every array keeps to when it is killed is in tests/module/test_contract.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, model, unfinished
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Initiator,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio import names
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio.client import XtremIO
from tests.arrays.conftest import SimulatedXms

FC1 = Initiator("1000000000000001", "fc")
IQN = Initiator("iqn.2026-01.org.example:h1", "iscsi")


def volume(array: XtremIO, name: str) -> model.Volume:
    return array.volumes([name]).items[0]


def snapshot(array: XtremIO, name: str) -> model.Snapshot:
    return array.snapshots([name]).items[0]


def prepare(xms: SimulatedXms) -> None:
    xms.clear_faults()
    xms.reset()
    with xms.connect() as array:
        for name in ("v1", "v2", "v3", "idle"):
            array.create_volume(VolumeSpec(name, GIB))
        array.create_snapshots([SnapshotSpec("s0", volume(array, "v1"))])
        host = array.create_host("h0", [Initiator("1000000000000009", "fc")])
        array.map_volume(volume(array, "v3"), host)
        if xms.v2:
            array.create_group("g0", [volume(array, "v1"), volume(array, "v2")])
            array.set_metadata(volume(array, "v1"), {"gone": "1", "kept": "1"})


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


def test_the_array_stops_answering_in_the_middle(xms_v2: SimulatedXms) -> None:
    """Nothing is removed without a connection; the next run does that, and takes the snapshot again."""
    prepare(xms_v2)
    with xms_v2.connect() as array:
        source = volume(array, "v1")
        xms_v2.fault("reset_before", skip=1, count=None)
        with pytest.raises(errors.Unreachable):
            array.create_snapshots([SnapshotSpec("s1", source)])
    xms_v2.clear_faults()
    assert [name for name in xms_v2.names() if names.MARKER in name]
    with xms_v2.connect() as array:
        array.create_snapshots([SnapshotSpec("s1", volume(array, "v1"))])
    assert "s1" in xms_v2.names()
    assert not [name for name in xms_v2.names() if names.MARKER in name]


# ---- restores of an array that names the backup as it likes ----------------------------------------------------------


def contents(xms: SimulatedXms) -> dict[str, str]:
    return {one["name"]: one["content"] for one in xms.state()["volumes"]}


def restores(xms: SimulatedXms, mark: int) -> int:
    return sum(one["change"] == "volume.overwrite" for one in xms.changes(mark))


def written(xms: SimulatedXms) -> str:
    """Another content of v1 than that of its snapshot s0."""
    prepare(xms)
    xms.write("v1", GIB)
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
        post = type(array._xms).post
        cloned: list[Any] = []

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


def test_unfinished_copies_are_removed_without_another_copy_once_nobody_uses_or_makes_them(
    xms: SimulatedXms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For Cinder, which does not make a copy again after its process was killed."""
    prepare(xms)
    before = set(xms.names())
    with xms.connect() as array:
        assert array.remove_unfinished() == ()
        with xms.killed(monkeypatch, 3, answered=False):
            array.clone_volume(volume(array, "v1"), VolumeSpec("clone", 2 * GIB))
    (name,) = set(xms.names()) - before
    with xms.connect() as array:
        host = array.hosts(["h0"]).items[0]
        mapping = array.map_volume(volume(array, name), host)
        assert array.remove_unfinished() == ()
        array.unmap_volume(mapping)
        for alive in (True, None):  # the process makes the copy, or it is on another host, and the copy is new
            with monkeypatch.context() as patch:
                patch.setattr(unfinished.Stamp, "alive", lambda _stamp, answer=alive: answer)
                assert array.remove_unfinished() == ()
        assert array.remove_unfinished() == (name,)
    assert set(xms.names()) == before
