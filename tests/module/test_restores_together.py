# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two live runs that restore one volume: only one of them does, also where either is killed between two requests.

On a Dsware, which has no locks, and nothing that shows whether a volume was restored. tests/module/test_contract.py has
two runs of every operation on every array.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.names import (
    MARKER,
    parse_record,
    restored,
)
from tests.module.arrays import GIB, ArrayUnderTest, Result
from tests.module.operations import OPERATIONS
from tests.module.stage import Stage, changing, short_timeouts
from tests.support.oracle import Oracle, Planned

RESTORE = "restore a volume"


@pytest.fixture
def stage(arrays: dict[str, ArrayUnderTest]) -> Iterator[Stage]:
    with ExitStack() as clients:
        yield Stage(arrays["dsware-rest"], {}, clients)


def undisturbed(stage: Stage) -> tuple[Planned, list[dict[str, Any]]]:
    """What a restore plans to do, and its requests."""
    before = stage.prepare(OPERATIONS[RESTORE])
    mark = stage.array.mark()
    assert not run(stage).failed
    return Planned(before, stage.held()), stage.array.requests(mark)


def run(stage: Stage, **cut: Any) -> Result:
    result = stage.array.carry_out(RESTORE, "module", short_timeouts(stage, wait_timeout=2.0), **cut)
    assert result is not None
    return result


def restores(array: ArrayUnderTest, mark: int) -> int:
    """How often the array has restored a volume since."""
    return sum(entry["change"] == "volume.overwrite" for entry in array.changes(mark))


def completes(stage: Stage, oracle: Oracle, where: str, *, killed: bool = False) -> None:
    """A host writes, and the next runs complete the restore without losing anything."""
    assert oracle.problems() == [], where
    oracle.host_writes("data1", lambda name: stage.array.write(name, GIB))
    oracle.begins()
    again = stage.run_again(RESTORE, "module", short_timeouts(stage))
    assert not again.failed, f"{where}: {again.msg}"
    assert oracle.problems() == [], where
    mark = stage.array.mark()
    assert not run(stage).changed, where
    assert stage.array.changes(mark) == [], where
    temporary = [name for name in stage.array.volumes() if name.startswith(MARKER)]
    # The record of a run that was killed while another one restored stays until the next restore, and does no harm
    assert [name for name in temporary if parse_record(name, restored("data1")) is None or not killed] == [], where


def test_a_run_that_meets_another_restore_reports_it_or_finds_it_done(stage: Stage) -> None:
    """The second run is carried out after each change of the first: after a read all is as before it."""
    planned, requests = undisturbed(stage)
    for number in changing(requests):
        where = f"the second run after request {number} of {len(requests)}"
        _before, oracle = stage.begin(RESTORE, planned)
        mark = stage.array.mark()
        first = run(stage, meets=number)
        runs = [one for one in (first, first.second) if one is not None]
        assert {one["error"]["kind"] for one in runs if one.failed} <= {"busy"}, f"{where}: {[r.msg for r in runs]}"
        assert restores(stage.array, mark) == 1, where
        completes(stage, oracle, where)


@pytest.mark.slow
@pytest.mark.parametrize("killed", ["first", "second"])
def test_of_two_live_restores_one_is_killed_between_any_two_requests(stage: Stage, killed: str) -> None:
    """A kill leaves open whether the volume was restored, so the other run may do it again, with another backup."""
    planned, sent = undisturbed(stage)
    requests = len(sent)
    for number in changing(sent):
        for dies in range(number, requests + 1) if killed == "first" else range(1, requests + 1):
            where = f"the second run after request {number}, the {killed} one killed after {dies} of {requests}"
            _before, oracle = stage.begin(RESTORE, planned)
            mark = stage.array.mark()
            cut = {"dies" if killed == "first" else "second_dies": (dies, False)}
            stage.array.carry_out(RESTORE, "module", short_timeouts(stage, wait_timeout=2.0), meets=number, **cut)
            assert restores(stage.array, mark) <= 2, where
            completes(stage, oracle, where, killed=True)


def test_of_two_processes_that_begin_together_one_restores(stage: Stage) -> None:
    planned, _requests = undisturbed(stage)
    array = stage.array
    _before, oracle = stage.begin(RESTORE, planned)
    mark = array.mark()
    own = {"_ansible_remote_tmp": str(array.modules.folder), "_ansible_keep_remote_files": False}
    args = {**array.connection, **OPERATIONS[RESTORE].options(array.subject), **own}
    job = {"module": "flash_snapshot", "args": args, "env": array.modules.environ, "cwd": str(array.modules.folder)}
    with array.modules.started(job) as one, array.modules.started(job) as other:
        results = [json.loads(process.communicate(timeout=300)[0]) for process in (one, other)]
    failed = [result for result in results if result.get("failed")]
    assert {result["error"]["kind"] for result in failed} <= {"busy"}, failed
    assert len(failed) < 2
    assert restores(array, mark) == 1
    completes(stage, oracle, "together")
