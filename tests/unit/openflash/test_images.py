# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unfinished copies of images are found by later runs, and never used as if they were new."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Busy, Conflict, InUse, Invalid
from ansible_collections.openflash.storage.plugins.module_utils.openflash.images import exporting
from ansible_collections.openflash.storage.plugins.module_utils.openflash.images.common import Run
from ansible_collections.openflash.storage.plugins.module_utils.openflash.images.data_path import Settings
from ansible_collections.openflash.storage.plugins.module_utils.openflash.images.work import (
    Folder,
    Progress,
    Work,
    new_name,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    COPYING,
    DELETING,
    ERROR,
    OFFLINE,
    READY,
    Volume,
)
from tests.support.memory_array import MemoryArray

KEY = "memory|array"
NOW = 1_800_000_000.0
WAIT_TIMEOUT = 600.0


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(str(tmp_path / "state"))


@pytest.fixture
def array() -> MemoryArray:
    return MemoryArray()


def test_a_user_without_a_home_folder_must_set_state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With neither HOME nor a passwd entry the records must not go to a folder named ~ in the current one."""

    def lookup(_uid: int) -> Any:
        raise KeyError("uid not found")

    monkeypatch.setattr("pwd.getpwuid", lookup)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Invalid, match="HOME is not set") as caught:
        Folder("~/.cache/openflash/images").make()
    assert "Set state_dir" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == []


def run_of(array: MemoryArray, folder: Folder, **options: Any) -> Run:
    qemu: Any = None  # these tests copy nothing
    settings = Settings(root=folder.path)
    return Run(array, KEY, folder, settings, Progress(None, "x"), qemu, WAIT_TIMEOUT, clock=lambda: NOW, **options)


def record_of_killed_run(folder: Folder, name: str, **notes: Any) -> Work:
    """The record of a run that was killed after these notes."""
    work = Work.begin(folder, KEY, name, NOW - 60)
    work.note(**notes)
    work.close()
    return work


def files(folder: Folder) -> list[str]:
    return sorted(os.listdir(folder.path))


def names(array: MemoryArray) -> list[str]:
    return sorted(volume.name for volume in array.volumes())


def unfinished_records(folder: Folder, name: str = "golden") -> list[tuple[dict[str, Any], bool]]:
    return [(dict(work.noted), alive) for work, alive in folder.unfinished(KEY, name)]


# ---- the record ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["ftruncate", "fsync"])
def test_a_kill_during_a_note_keeps_the_earlier_notes(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """The last note is shorter than the one before, like every note that something was undone."""
    work = Work.begin(folder, KEY, "golden", NOW)
    work.note(made=True, mapped=[["a volume", "a host"]])

    def die(*_args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, call, die)
        try:
            work.note(mapped=[])
        except KeyboardInterrupt:
            pass
    work.close()
    ((noted, alive),) = unfinished_records(folder)
    assert not alive
    assert noted["made"] is True
    assert noted["temporary"] == work.temporary
    assert len(files(folder)) == 1


def test_of_a_truncated_note_the_one_before_counts(folder: Folder) -> None:
    work = record_of_killed_run(folder, "golden", made=True)
    path = Path(work.path)
    before = path.read_bytes()
    work = next(record for record, _alive in folder.unfinished(KEY, "golden"))
    with path.open("ab") as stream:
        stream.write(b'{"array": "x", "made": false, "more": "and more"}\n')
    complete = path.read_bytes()
    for end in range(len(before), len(complete)):
        path.write_bytes(complete[:end])
        ((noted, _alive),) = unfinished_records(folder)
        assert noted["made"] is True, complete[:end]
        for record, _alive in folder.unfinished(KEY, "golden"):
            record.note(made="again")
        ((noted, _alive),) = unfinished_records(folder)
        assert noted["made"] == "again", complete[:end]


def test_an_unreadable_record_is_kept_and_reported(folder: Folder, array: MemoryArray) -> None:
    work = record_of_killed_run(folder, "golden", made=True)
    Path(work.path).write_bytes(b"\0" * 512 + b"\n")
    with pytest.raises(Conflict, match="cannot be read") as caught:
        run_of(array, folder).recover("golden")
    assert work.path in str(caught.value)
    assert work.temporary in str(caught.value)
    run_of(array, folder).recover("another")
    assert files(folder) == [os.path.basename(work.path)]


def test_a_record_that_is_being_created_does_not_count_as_that_of_an_ended_run(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another task reads the folder while the first one creates its record."""
    import fcntl

    checked: list[bool] = []
    lock = fcntl.flock

    def check_and_lock(descriptor: int, how: int) -> None:
        if how == fcntl.LOCK_EX and not checked:
            checked.append(True)
            assert unfinished_records(folder) == []
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", check_and_lock)
    work = Work.begin(folder, KEY, "golden", NOW)
    assert checked
    assert files(folder) == [os.path.basename(work.path)]
    assert [alive for _noted, alive in unfinished_records(folder)] == [True]
    work.end()
    assert files(folder) == []


# ---- undoing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["golden", "something else"])
def test_the_volume_of_a_killed_run_never_gets_the_final_name(folder: Folder, array: MemoryArray, task: str) -> None:
    """Even when it is complete and verified, and no volume has the name."""
    work = record_of_killed_run(folder, "golden", made=True, swapping=True)
    array.volume(work.temporary)
    run_of(array, folder).recover(task)
    assert names(array) == []
    assert files(folder) == []


def swapped(old: Volume, made: Volume, kept: str, delete: bool) -> dict[str, Any]:
    return {"made": True, "swap": {"old": kept, "old_id": old.id, "made_id": made.id, "delete": delete}}


@pytest.mark.parametrize("delete", [False, True])
def test_an_interrupted_swap_is_undone(folder: Folder, array: MemoryArray, delete: bool) -> None:
    work = Work.begin(folder, KEY, "golden", NOW - 60)
    old, made = array.volume("golden-old"), array.volume(work.temporary)
    work.note(**swapped(old, made, "golden-old", delete))
    work.close()
    run_of(array, folder).recover("something else")
    assert names(array) == ["golden"]
    assert array.volumes(["golden"]).items[0].id == old.id


def test_an_old_volume_is_deleted_only_when_the_new_one_has_the_name(folder: Folder, array: MemoryArray) -> None:
    for is_new in (True, False):
        work = Work.begin(folder, KEY, "golden", NOW - 60)
        old, made = array.volume(work.temporary + "-old"), array.volume("golden")
        recorded = made if is_new else old
        work.note(**swapped(old, recorded, old.name, True))
        work.close()
        run = run_of(array, folder)
        run.recover("something else")
        assert names(array) == (["golden"] if is_new else ["golden", old.name])
        assert (run.outcome.warnings == []) == is_new
        array.delete_volume(made)


def test_after_the_deletion_of_the_new_volume_the_old_one_keeps_its_other_name(
    folder: Folder, array: MemoryArray
) -> None:
    """The swap was complete, and an administrator deleted the new volume afterwards."""
    work = Work.begin(folder, KEY, "golden", NOW - 60)
    old, made = array.volume("golden-old"), array.volume("golden")
    work.note(**swapped(old, made, "golden-old", False))
    work.close()
    array.delete_volume(made)
    run_of(array, folder).recover("golden")
    assert names(array) == ["golden-old"]


def test_a_change_that_cannot_be_undone_is_a_warning_for_other_tasks(folder: Folder, array: MemoryArray) -> None:
    work = record_of_killed_run(folder, "golden", made=True)
    array.volume(work.temporary)
    array.fail("delete_volume", InUse("it is mapped to host other"))
    run = run_of(array, folder)
    run.recover("something else")
    assert "It is mapped to host other" in run.outcome.warnings[0]
    assert "volume golden" in run.outcome.warnings[0]
    assert files(folder) == [os.path.basename(work.path)]
    with pytest.raises(InUse):
        run_of(array, folder).recover("golden")


def test_a_volume_that_the_array_still_copies_is_not_deleted(folder: Folder, array: MemoryArray) -> None:
    work = record_of_killed_run(folder, "golden", made=True)
    array.volume(work.temporary, state=COPYING)
    with pytest.raises(Busy, match="still copying"):
        run_of(array, folder).recover("golden")
    assert names(array) == [work.temporary]
    assert array.writes == []


# ---- incomplete sources ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "kind", "message"),
    [
        (COPYING, Busy, "still copying into it"),
        (DELETING, Busy, "deleting"),
        (ERROR, Conflict, "error"),
        (OFFLINE, Conflict, "offline"),
    ],
)
@pytest.mark.parametrize("of_snapshot", [False, True])
def test_an_incomplete_volume_or_snapshot_is_not_exported(
    folder: Folder,
    array: MemoryArray,
    tmp_path: Path,
    state: str,
    kind: type[Exception],
    message: str,
    of_snapshot: bool,
) -> None:
    array.volume("golden", state=READY if of_snapshot else state)
    if of_snapshot:
        array.snapshot("golden", "monday", state=state)
    desired = exporting.DesiredExport("golden", str(tmp_path / "out.qcow2"), snapshot="monday" if of_snapshot else None)
    for check_mode in (True, False):
        with pytest.raises(kind, match=message):
            exporting.run(run_of(array, folder, check_mode=check_mode), desired)
    assert array.writes == []
    assert not (tmp_path / "out.qcow2").exists()


# ---- runs on other hosts ---------------------------------------------------------------------------------------------


def test_the_unfinished_volume_of_an_ended_run_on_another_host_is_removed(folder: Folder, array: MemoryArray) -> None:
    array.volume(new_name("golden", NOW - WAIT_TIMEOUT - 1))
    other = array.volume(new_name("something else", NOW - WAIT_TIMEOUT - 1))
    run_of(array, folder).sweep("golden")
    assert names(array) == [other.name]


def test_a_volume_that_another_host_may_still_use_is_not_removed(folder: Folder, array: MemoryArray) -> None:
    name = new_name("golden", NOW - WAIT_TIMEOUT - 1)
    young = new_name("golden", NOW - WAIT_TIMEOUT + 1)
    cases: list[tuple[dict[str, dict[str, Any]], str]] = [
        ({young: {}}, "begun 599 s ago"),
        ({name: {"state": COPYING}}, f"still copying into {name}"),
        ({name: {}, "golden": {"state": COPYING}}, "still copying into golden"),
        ({name: {}, "kept": {"state": COPYING}}, "still copying into kept"),
    ]
    for volumes, message in cases:
        existing = [array.volume(title, **fields) for title, fields in volumes.items()]
        array._sources[existing[-1].id] = existing[0].id if "kept" in volumes else ""
        array.reset_counts()
        with pytest.raises(Busy, match=message):
            run_of(array, folder).sweep("golden")
        assert array.writes == []
        for volume in existing:
            array._volumes.pop(volume.id)


def test_nothing_is_removed_while_some_volume_cannot_be_read(folder: Folder, array: MemoryArray) -> None:
    """The array may be copying the unfinished volume into the unreadable one."""
    unfinished = array.volume(new_name("golden", NOW - WAIT_TIMEOUT - 1))
    array.volume("kept")
    array.unreadable["volume"] = ["kept"]
    array.reset_counts()
    with pytest.raises(Busy, match="some volumes cannot be read"):
        run_of(array, folder).sweep("golden")
    assert array.writes == []
    assert unfinished.name in names(array)
