# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the array answers to a restore, what the volume held stays reachable, on every array that can restore."""

from __future__ import annotations

from typing import Any

import pytest

from tests.module.arrays import GIB, ROWS, ArrayUnderTest, Result

RESTORE: dict[str, Any] = {"name": "monday", "volume": "db1", "state": "restored", "backup": "before"}
LOST = ("reset_before", "reset_after", "truncated", "non_json", "http_status")
CODES: dict[str, tuple[str, ...]] = {
    # The first is taken for success by a client of the vendor; then: mapped, unrelated, no room, busy, unknown
    "dsware": ("50153010", "50157010", "50153014", "50153012", "50151005", "50159999"),
    "xtremio": ("vol_obj_not_found", "vol_obj_name_not_unique", "invalid_vol_size", "system_is_busy", "no_such_code"),
    "datera": ("400", "404-NotFoundError", "409-ConflictError", "422-ValidationFailedError", "503"),
}
RESTORING = {"dsware": "snapshot/rollback", "xtremio": r"types/snapshots\b", "datera": r"/volumes/[^/?]+(\?|\Z)"}
"""The request that restores."""
METHODS = {"dsware": "POST", "xtremio": "POST", "datera": "PUT"}
CAN = (
    "xtremio-4.2-iscsi",
    "xtremio-4.0-fc",
    "xtremio-clusters",
    "datera-2.2",
    "datera-2.1",
    "dsware-rest",
    "dsware-6.3",
)


def test_the_arrays_that_can_restore_are_known() -> None:
    assert set(CAN) < {row.name for row in ROWS}


@pytest.fixture(params=CAN)
def able(request: pytest.FixtureRequest, arrays: dict[str, ArrayUnderTest]) -> ArrayUnderTest:
    return arrays[request.param]


@pytest.fixture(params=["xtremio-4.2-iscsi", "datera-2.2", "dsware-rest"])
def thorough(request: pytest.FixtureRequest, arrays: dict[str, ArrayUnderTest]) -> ArrayUnderTest:
    """One for each wire: these tests meet every request."""
    return arrays[request.param]


def from_the_first_write(array: ArrayUnderTest) -> range:
    """The numbers of the requests of an undisturbed restore, from the first one that changes something."""
    prepare(array)
    mark = array.mark()
    assert not run(array).failed
    requests = array.requests(mark)
    return range(
        next(number for number, one in enumerate(requests) if one["write"] and not _session(one)), len(requests)
    )


def _session(request: dict[str, Any]) -> bool:
    return "log" in request["path"].rsplit("/", 1)[-1]


def vendor(array: ArrayUnderTest) -> str:
    return str(array.row.simulator["vendor"])


def prepare(array: ArrayUnderTest) -> tuple[str, str]:
    """A volume that was written to since its snapshot was taken: what the snapshot holds, and what the volume holds."""
    array.reset()
    array.done("flash_volume", name="db1", size="2GiB")
    array.write("db1", GIB)
    array.done("flash_snapshot", name="monday", volume="db1")
    array.write("db1", GIB)
    volumes = array.volumes()
    return volumes["monday"]["content"], volumes["db1"]["content"]


def run(array: ArrayUnderTest) -> Result:
    return array.task(
        "flash_snapshot", connection={"timeout": 2.0, "wait_timeout": 3.0, "max_concurrency": 1}, **RESTORE
    )


def contents(array: ArrayUnderTest) -> set[str]:
    """What can be reached by a name, markers apart."""
    return {one["content"] for name, one in array.volumes().items() if not name.startswith("of-tmp-")}


def restores(array: ArrayUnderTest, mark: int) -> int:
    """How often the array has restored the volume."""
    return sum(entry["change"] == "volume.overwrite" for entry in array.changes(mark))


def check(array: ArrayUnderTest, first: Result, where: str, snapshot: str, held: str) -> None:
    """After a run that met a fault: write, run again, and look for all that was ever there."""
    assert held in contents(array), f"{where}: what the volume held is lost"
    if not first.failed:
        volumes = array.volumes()
        assert (volumes["db1"]["content"], volumes["before"]["content"]) == (snapshot, held), where
    array.write("db1", GIB)
    there, later = contents(array), array.volumes()["db1"]["content"]
    mark = array.mark()
    again = run(array)
    assert not again.failed, f"{where} ({first.get('msg')}): {again.msg}"
    assert there <= contents(array), f"{where}: the next run has lost something"
    assert array.volumes()["before"]["content"] in (held, later), where
    if not first.failed:
        assert not again.changed, where
        assert restores(array, mark) == 0, where
    else:
        assert restores(array, mark) <= 1, where
    array.write("db1", GIB)
    mark = array.mark()
    assert not run(array).changed
    assert restores(array, mark) == 0


@pytest.mark.parametrize("done", ["before", "after"])
def test_no_refusal_of_a_restore_costs_the_backup(able: ArrayUnderTest, done: str) -> None:
    kind = vendor(able)
    for code in CODES[kind]:
        snapshot, held = prepare(able)
        mark = able.mark()
        match = {"method": METHODS[kind], "path": RESTORING[kind]}
        # Datera demands first that the app instance is offline.
        able.fault(kind=f"refused_{done}", code=code, match=match, skip=int(kind == "datera"), count=None)
        first = run(able)
        able.clear_faults()
        where = f"{code} {done}"
        if done == "after" and first.failed:
            assert restores(able, mark) >= 1, where
        if kind == "xtremio":
            # What it keeps proves whether it has restored
            assert restores(able, mark) == (1 if done == "after" else 0), where
        if (kind, code) == ("dsware", "50153010"):
            assert not first.failed, first.msg
            if done == "before":
                continue
        check(able, first, where, snapshot, held)


@pytest.mark.parametrize("kind", LOST)
def test_no_lost_answer_costs_what_the_volume_held(thorough: ArrayUnderTest, kind: str) -> None:
    for skip in from_the_first_write(thorough):
        snapshot, held = prepare(thorough)
        thorough.fault(kind=kind, skip=skip)
        first = run(thorough)
        thorough.clear_faults()
        check(thorough, first, f"{kind} at request {skip + 1}", snapshot, held)


def test_no_kill_costs_what_the_volume_held(thorough: ArrayUnderTest) -> None:
    """From each request on nothing is answered any more, as if the process had ended there."""
    for skip in from_the_first_write(thorough):
        snapshot, held = prepare(thorough)
        thorough.fault(kind="reset_before", skip=skip, count=None)
        first = run(thorough)
        thorough.clear_faults()
        check(thorough, first, f"killed before request {skip + 1}", snapshot, held)
