# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the array answers to a restore, the volume's former content is kept, on every array that can restore."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.module.arrays import GIB, ROWS, ArrayUnderTest, Result

RESTORE: dict[str, Any] = {"name": "monday", "volume": "db1", "state": "restored", "backup": "before"}
AT_EVERY_REQUEST = ("reset_before", "reset_after")
LOST = (*AT_EVERY_REQUEST, "truncated", "non_json", "http_status")
CODES: dict[str, tuple[str, ...]] = {
    # The meaning of the first is not published; then: mapped, unrelated, no room, busy, unknown
    "dsware": ("50153010", "50157010", "50153014", "50153012", "50151005", "50159999"),
    "xtremio": ("vol_obj_not_found", "vol_obj_name_not_unique", "invalid_vol_size", "system_is_busy", "no_such_code"),
    "datera": ("400", "404-NotFoundError", "409-ConflictError", "422-ValidationFailedError", "503"),
}
RESTORING = {"dsware": "snapshot/rollback", "xtremio": r"types/snapshots\b", "datera": r"/volumes/[^/?]+(\?|\Z)"}
"""The request that restores."""
METHODS = {"dsware": "POST", "xtremio": "POST", "datera": "PUT"}
CAN_RESTORE = tuple(row for row in ROWS if "restore_snapshot" not in row.abilities.refusals)


@pytest.fixture(
    params=[
        pytest.param(row, id=row.name, marks=() if row.represents_wire else pytest.mark.slow) for row in CAN_RESTORE
    ]
)
def restoring(request: pytest.FixtureRequest, arrays: dict[str, ArrayUnderTest]) -> ArrayUnderTest:
    return arrays[request.param.name]


@pytest.fixture(params=[row for row in CAN_RESTORE if row.represents_wire], ids=lambda row: row.name)
def restoring_of_wire(request: pytest.FixtureRequest, arrays: dict[str, ArrayUnderTest]) -> ArrayUnderTest:
    """An array of each wire, for the tests with a fault at every request."""
    return arrays[request.param.name]


def requests_of(array: ArrayUnderTest) -> list[dict[str, Any]]:
    """The requests of an undisturbed restore."""
    prepare(array)
    mark = array.mark()
    assert not run(array).failed
    return array.requests(mark)


def from_the_first_write(requests: list[dict[str, Any]]) -> range:
    """The numbers of the requests from the first that changes the array."""
    return range(
        next(number for number, request in enumerate(requests) if request["write"] and not _is_of_session(request)),
        len(requests),
    )


def restores_at(array: ArrayUnderTest, requests: list[dict[str, Any]]) -> int:
    """The number of the request that restores."""
    kind = vendor(array)
    return next(
        number
        for number, request in enumerate(requests)
        if request["method"] == METHODS[kind] and re.search(RESTORING[kind], request["path"])
    )


def _is_of_session(request: dict[str, Any]) -> bool:
    return "log" in request["path"].rsplit("/", 1)[-1]


def vendor(array: ArrayUnderTest) -> str:
    return str(array.row.simulator["vendor"])


def prepare(array: ArrayUnderTest) -> tuple[str, str]:
    """Make a volume that was written to after its snapshot; the contents of the snapshot and of the volume."""
    array.reset()
    array.done("flash_volume", name="db1", size="2GiB")
    array.write("db1", GIB)
    array.done("flash_snapshot", name="monday", volume="db1")
    array.write("db1", GIB)
    volumes = array.volumes()
    return volumes["monday"]["content"], volumes["db1"]["content"]


def run(array: ArrayUnderTest, seconds: float = 3.0) -> Result:
    """:param seconds: how long the task repeats a request that is not answered."""
    connection = {"timeout": 2.0, "wait_timeout": seconds, "max_concurrency": 1}
    return array.task("flash_snapshot", connection=connection, **RESTORE)


def contents(array: ArrayUnderTest) -> set[str]:
    """The contents of all volumes and snapshots but markers."""
    return {volume["content"] for name, volume in array.volumes().items() if not name.startswith("of-tmp-")}


def restores(array: ArrayUnderTest, mark: int) -> int:
    """How often the array has restored the volume."""
    return sum(entry["change"] == "volume.overwrite" for entry in array.changes(mark))


def check(array: ArrayUnderTest, first: Result, where: str, snapshot: str, former: str) -> None:
    """After a run with a fault: write to the volume, run again, and expect every content that there was."""
    assert former in contents(array), f"{where}: the former content of the volume is lost"
    if not first.failed:
        volumes = array.volumes()
        assert (volumes["db1"]["content"], volumes["before"]["content"]) == (snapshot, former), where
    array.write("db1", GIB)
    contents_before, later = contents(array), array.volumes()["db1"]["content"]
    mark = array.mark()
    repeated = run(array)
    assert not repeated.failed, f"{where} ({first.get('msg')}): {repeated.msg}"
    assert contents_before <= contents(array), f"{where}: the next run has lost something"
    assert array.volumes()["before"]["content"] in (former, later), where
    if not first.failed:
        assert not repeated.changed, where
        assert restores(array, mark) == 0, where
    else:
        assert restores(array, mark) <= 1, where
    array.write("db1", GIB)
    mark = array.mark()
    assert not run(array).changed
    assert restores(array, mark) == 0


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_refused_restore_keeps_the_backup(restoring: ArrayUnderTest, moment: str) -> None:
    kind = vendor(restoring)
    for code in CODES[kind]:
        snapshot, former = prepare(restoring)
        mark = restoring.mark()
        match = {"method": METHODS[kind], "path": RESTORING[kind]}
        restoring.fault(kind=f"refused_{moment}", code=code, match=match, count=None)
        first = run(restoring)
        restoring.clear_faults()
        where = f"{code} {moment}"
        if moment == "after" and first.failed:
            assert restores(restoring, mark) >= 1, where
        if kind == "xtremio":
            # The snapshots that the restoring keeps prove whether it has restored
            assert restores(restoring, mark) == (1 if moment == "after" else 0), where
        if (kind, code) == ("dsware", "50153010"):
            # Whether it was carried out is not known
            assert first["error"]["assumption"] == "dsware.restore.answer"
        check(restoring, first, where, snapshot, former)


@pytest.mark.parametrize("kind", LOST)
def test_a_lost_answer_of_a_restore_keeps_the_former_content(restoring_of_wire: ArrayUnderTest, kind: str) -> None:
    """The first two kinds represent the others, as in the contract: these occur where the array restores."""
    requests = requests_of(restoring_of_wire)
    every = from_the_first_write(requests)
    for skip in every if kind in AT_EVERY_REQUEST else [restores_at(restoring_of_wire, requests)]:
        snapshot, former = prepare(restoring_of_wire)
        restoring_of_wire.fault(kind=kind, skip=skip)
        first = run(restoring_of_wire)
        restoring_of_wire.clear_faults()
        check(restoring_of_wire, first, f"{kind} at request {skip + 1}", snapshot, former)


def test_a_killed_restore_keeps_the_former_content(restoring_of_wire: ArrayUnderTest) -> None:
    """From each request on nothing is answered, as if the process had ended there."""
    for skip in from_the_first_write(requests_of(restoring_of_wire)):
        snapshot, former = prepare(restoring_of_wire)
        restoring_of_wire.fault(kind="reset_before", skip=skip, count=None)
        first = run(restoring_of_wire, seconds=0.5)
        restoring_of_wire.clear_faults()
        check(restoring_of_wire, first, f"killed before request {skip + 1}", snapshot, former)
