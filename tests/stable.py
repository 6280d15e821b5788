# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The slow tests that continuous integration runs after ``make test``, for as many seconds as it has left.

``pytest --stable SECONDS`` runs those of ``STABLE`` in that order, the most important first. A test runs only if as
much time remains as it takes on a busy machine, and if its programs are installed. The tests that are left out are
reported at the end and are no failure; ``make test-slow`` runs all.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class Stable:
    """A slow test, or all tests of a file, that has passed in every run."""

    name: str
    """The beginning of its id."""
    seconds: int
    """The longest time of one test, on two cores that other processes use too."""
    programs: tuple[str, ...] = ()
    """The programs that it needs."""
    root: bool = False


INTERRUPTED = "test_after_a_driver_is_killed_or_an_answer_is_lost_the_next_call_finishes_and_nothing_remains"
STABLE = (
    Stable("tests/gates/test_molecule.py::test_scenarios", 400),
    Stable("tests/role/test_cinder_backend.py", 400),
    Stable("tests/role/test_openstack_drivers.py", 200),
    Stable("tests/role/test_kolla.py", 200),
    Stable("tests/openstack/test_brick_connector.py", 200),
    Stable("tests/module/test_drift_page.py", 60, ("chromium",)),
    Stable("tests/module/test_fleet_report_page.py", 60, ("chromium",)),
    Stable("tests/module/test_drift.py", 400),
    Stable("tests/module/test_progress_over_ssh.py", 900, ("debootstrap", "ssh"), root=True),
    Stable("tests/module/", 60),
    Stable(f"tests/openstack/test_interrupted_drivers.py::{INTERRUPTED}[datera", 300),
    Stable("tests/role/test_openstack_backends.py", 300),
)
NOT_YET = (
    "tests/module/test_awx.py",
    "tests/module/test_assumptions.py::test_no_data_is_lost_where_all",
    "tests/module/test_eight_processes.py",
    "tests/module/test_hostile_options.py",
    "tests/module/test_inventory.py",
    "tests/module/test_restores_together.py",
    "tests/module/test_secrets.py::test_no_artifact_of_ansible_runner",
)
"""Slow tests of these folders that have not passed often enough to be among the stable ones."""


class StableTests:
    """Selects and orders the tests, runs none that may not end in time, and ends the run when the time is over."""

    def __init__(self, seconds: int) -> None:
        self._end = time.monotonic() + seconds
        self._seconds = seconds
        self._left_out: Counter[str] = Counter()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        slow = [item for item in items if item.get_closest_marker("slow")]
        ranks = {id(item): rank for item in slow if (rank := rank_of(item.nodeid)) is not None}
        dropped = [item for item in items if id(item) not in ranks]
        self._left_out.update(item.nodeid.partition("::")[0] for item in dropped if item.get_closest_marker("slow"))
        config.hook.pytest_deselected(items=dropped)
        items[:] = sorted((item for item in items if id(item) in ranks), key=lambda item: ranks[id(item)])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        rank = rank_of(item.nodeid)
        assert rank is not None, item.nodeid
        test = STABLE[rank]
        if test.root and os.geteuid():
            pytest.skip("left out: it needs root")
        missing = [program for program in test.programs if shutil.which(program) is None]
        if missing:
            pytest.skip(f"left out: not installed: {', '.join(missing)}")
        if self._end - time.monotonic() < test.seconds:
            pytest.skip(f"left out: it may take {test.seconds} s, and less time remains")

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        def end(*_: object) -> None:
            pytest.exit("the time is over: this test and those after it are left out", int(session.testsfailed > 0))

        signal.signal(signal.SIGALRM, end)
        signal.alarm(max(self._seconds, 1))

    def pytest_sessionfinish(self) -> None:
        signal.alarm(0)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminalreporter.section("left out; make test-slow runs all")
        for file, number in sorted(self._left_out.items()):
            terminalreporter.write_line(f"{file}: {number}")


def rank_of(nodeid: str) -> int | None:
    if nodeid.startswith(NOT_YET):
        return None
    return next((rank for rank, test in enumerate(STABLE) if nodeid.startswith(test.name)), None)
