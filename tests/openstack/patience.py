# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to a busy array are repeated for as long as the section says, by a clock that advances in pauses only.

patience.py ENDPOINTS
"""

from __future__ import annotations

import lib  # first: it makes the process green

import sys  # isort: skip
from functools import partial  # isort: skip
from typing import Any  # isort: skip

from cinder import exception  # isort: skip
from openflash.transport import http  # isort: skip
from openflash.transport.deadline import Deadline  # isort: skip

BACKEND = exception.VolumeBackendAPIException
SHORT = {"openflash_wait_timeout": 60}
# Array, kind of driver, options of its section, and for how many seconds requests to a busy array are repeated
CASES: list[tuple[str, str, dict[str, Any], int]] = [
    ("violin", "violin-fc", {"violin_request_timeout": 700, **SHORT}, 700),
    ("violin", "violin-fc", {**SHORT}, 300),
    ("violin", "violin-fc", {"violin_request_timeout": 5}, 600),
    ("xtremio", "xtremio-iscsi", {"xtremio_array_busy_retry_count": 9, **SHORT}, 60),
    (
        "xtremio",
        "xtremio-iscsi",
        {"xtremio_array_busy_retry_count": 9, "xtremio_array_busy_retry_interval": 50, **SHORT},
        450,
    ),
    ("datera", "datera", {"datera_503_timeout": 900, **SHORT}, 900),
]


class Clock:
    """A clock that advances in pauses only."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def check(run: lib.Steps, number: int, case: tuple[str, str, dict[str, Any], int]) -> None:
    name, kind, more, seconds = case
    array = lib.SimulatedArray(sys.argv[1], name)
    clock = Clock()
    title = f"{kind} with {more}"
    driver = lib.make(lib.OURS[kind], kind, array.entry, f"patient{number}", **more)
    driver.do_setup(lib.CONTEXT)
    driver.check_for_setup_error()
    real = http.Deadline
    http.Deadline = lambda limit, **how: Deadline(limit, **{**how, "clock": clock.time, "sleep": clock.sleep})
    try:
        volume = lib.volume(1, array.entry["pools"][0]["name"] if name == "violin" else kind)
        array.fault(kind="busy", count=None)
        mark = array.mark()
        run.step(f"{title}: in the end it fails", partial(driver.create_volume, volume), refused=BACKEND)
        run.expect(f"{title}: when that time is over", round(clock.now), seconds)
        tries = array.requests(mark)
        # Pauses grow to ten seconds
        run.report(f"{title}: and is asked again and again", len(tries) > seconds / 10, f"{len(tries)} times")
        run.expect(f"{title}: nothing is made", array.volumes(), {})
        array.reset()
        array.fault(kind="busy", count=8, match={"method": "POST"})
        run.step(f"{title}: it is made when the array has time", partial(driver.create_volume, volume))
        run.expect(f"{title}: once", len(array.volumes()), 1)
    finally:
        http.Deadline = real
        array.reset()


def main() -> int:
    lib.prepare()
    run = lib.Steps(lib.SimulatedArray(sys.argv[1], "violin"))
    for number, case in enumerate(CASES):
        check(run, number, case)
    return run.finish()


if __name__ == "__main__":
    sys.exit(main())
