# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interrupted runs on an XtremIO whose unfinished objects somebody uses, creates too, or finds much later.

tests/module/test_contract.py has what holds for every array.
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
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio import names, restore
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio.client import XtremIO
from tests.arrays.xtremio import SimulatedXms
from tests.support.one_array import Killed


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
    """It belongs to its user now, and the requested copy is made beside it."""
    prepare(xms)
    with xms.connect() as array, xms.killed(monkeypatch, 3, answered=False):
        array.clone_volume(volume(array, "v1"), VolumeSpec("clone", 2 * GIB))
    (temporary,) = [name for name in xms.names() if names.MARKER in name]
    with xms.connect() as array:
        array.map_volume(volume(array, temporary), array.hosts(["h0"]).items[0])
        array.clone_volume(volume(array, "v1"), VolumeSpec("clone", 2 * GIB))
        assert [mapping.host for mapping in array.mappings(volumes=[temporary])] == ["h0"]
    assert {temporary, "clone"} < set(xms.names())


@pytest.mark.parametrize("use", ["mapped", "copied"])
def test_an_unfinished_set_is_left_alone_once_a_snapshot_of_it_is_used(
    xms_v2: SimulatedXms, use: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed run has named a part of the set; nothing of it is removed once it is used."""

    def take(array: XtremIO) -> None:
        specs = [SnapshotSpec("s1", volume(array, "v1")), SnapshotSpec("s2", volume(array, "v2"))]
        array.create_snapshots(specs, atomic=True)

    for number in range(2, 20):
        prepare(xms_v2)
        with xms_v2.connect() as array, xms_v2.killed(monkeypatch, number, answered=True):
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
    """Without a connection nothing is removed; the next run does that, and takes the snapshot again."""
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


# ---- restores of an array that chooses the backup's name -------------------------------------------------------------


def contents(xms: SimulatedXms) -> dict[str, str]:
    return {row["name"]: row["content"] for row in xms.state()["volumes"]}


def restores(xms: SimulatedXms, mark: int) -> int:
    return sum(entry["change"] == "volume.overwrite" for entry in xms.changes(mark))


def written(xms: SimulatedXms) -> str:
    """Prepare the array and write to v1, so that it differs from its snapshot s0. Returns the content of v1."""
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
    content = contents(choosing)
    assert restores(choosing, mark) == 1
    assert (content["backup"], content["v1"]) == (held, content["s0"])


@pytest.mark.parametrize("choosing", ["chooses-name", "chooses-set", "chooses-both"], indirect=True)
def test_a_restore_that_was_carried_out_and_refused_is_not_sent_again(choosing: SimulatedXms) -> None:
    held, mark = written(choosing), choosing.mark()
    match = {"method": "POST", "path": "types/snapshots"}
    choosing.fault("refused_after", code="some_internal_error", match=match, count=None)
    with choosing.connect() as array:
        array.restore_snapshot(volume(array, "v1"), snapshot(array, "s0"), "backup")
    assert restores(choosing, mark) == 1
    assert contents(choosing)["backup"] == held


@pytest.mark.parametrize("choosing", ["chooses-ancestor", "chooses-all"], indirect=True)
def test_a_refusal_of_a_restore_whose_backup_is_not_recognised_names_what_is_assumed(choosing: SimulatedXms) -> None:
    held, mark = written(choosing), choosing.mark()
    match = {"method": "POST", "path": "types/snapshots"}
    choosing.fault("refused_after", code="some_internal_error", match=match, count=None)
    with choosing.connect() as array:
        with pytest.raises(errors.FlashError, match="some_internal_error") as caught:
            array.restore_snapshot(volume(array, "v1"), snapshot(array, "s0"), "backup")
    assert caught.value.assumption == "xtremio.errors.codes"
    assert restores(choosing, mark) == 1
    assert held in contents(choosing).values()


@pytest.mark.parametrize("name", ["v1.mine", "theirs"])
def test_a_clone_that_is_made_meanwhile_is_not_taken_for_the_backup(
    choosing: SimulatedXms, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The array refuses the restore, so there is no backup; but there is a new writable copy of the volume."""
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
@pytest.mark.parametrize("choosing", ["chooses-name", "chooses-set", "chooses-ancestor"], indirect=True)
def test_a_killed_restore_is_not_sent_again(
    choosing: SimulatedXms, answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backup's name or its set is the requested one, which is enough to recognise it."""
    # This array lists the backup at once. Where there is none, each of these runs would wait for it in vain.
    monkeypatch.setattr(restore, "BACKUP_LAG", 0.5)
    number = 1
    while True:
        held, mark = written(choosing), choosing.mark()
        array = choosing.connect()
        with choosing.killed(monkeypatch, number, answered) as sent:
            array.restore_snapshot(volume(array, "v1"), snapshot(array, "s0"), "backup")
        array.close()
        with choosing.connect() as array:
            array.restore_snapshot(volume(array, "v1"), snapshot(array, "s0"), "backup")
        content = contents(choosing)
        assert restores(choosing, mark) == 1, f"killed at request {number}"
        assert (content["backup"], content["v1"]) == (held, content["s0"]), f"killed at request {number}"
        if sent[-1] != "killed":
            break
        number += 1
    assert number > 5


@pytest.mark.parametrize("choosing", ["chooses-all"], indirect=True)
def test_a_killed_restore_whose_backup_cannot_be_recognised_is_sent_once_and_the_next_run_asks(
    choosing: SimulatedXms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing shows whose copy it is that the array keeps, so after an interruption an operator must decide."""
    held, mark = written(choosing), choosing.mark()
    array = choosing.connect()
    with monkeypatch.context() as patch:
        post = type(array._xms).post

        def killed(xms: Any, kind: str, body: Any) -> Any:
            made = post(xms, kind, body)
            if "to-volume-id" in body:
                raise Killed
            return made

        patch.setattr(type(array._xms), "post", killed)
        with pytest.raises(Killed):
            array.restore_snapshot(volume(array, "v1"), snapshot(array, "s0"), "backup")
    array.close()
    with choosing.connect() as array:
        with pytest.raises(errors.Conflict, match="whether it has restored the volume cannot be known") as caught:
            array.restore_snapshot(volume(array, "v1"), snapshot(array, "s0"), "backup")
        assert caught.value.assumption == "xtremio.restore.backup_name"
        (safety_copy,) = (name for name in choosing.names() if names.safety_suffix("backup") in name)
        assert restores(choosing, mark) == 1
        assert contents(choosing)[safety_copy] == held
        array._xms.rename_volume(safety_copy, "backup")  # what the error says
        array.restore_snapshot(volume(array, "v1"), snapshot(array, "s0"), "backup")
    assert restores(choosing, mark) == 1
    assert (contents(choosing)["backup"], contents(choosing)["v1"]) == (held, contents(choosing)["s0"])


def test_unfinished_copies_of_killed_runs_do_not_accumulate(xms: SimulatedXms, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next copy of the same source removes the unfinished copies of tasks that are not run again."""
    prepare(xms)
    unfinished: set[str] = set()
    for number in range(2, 8):
        with xms.connect() as array:
            source = volume(array, "v1")
            with xms.killed(monkeypatch, number, answered=False):
                array.clone_volume(source, VolumeSpec(f"once{number}", 2 * GIB))
        now = {name for name in xms.names() if names.stamp_of(name) is not None}
        assert len(now) <= 1
        unfinished |= now
    assert unfinished
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
