# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The distribution of tests over workers, the order of the tests, and the option ``--stable SECONDS``.

The tests of one file run in one worker, because they share simulators and services; of the longest file those of one
vendor, and each gate by itself. Tests that take minutes run first, so that no worker has them alone at the end.
"""

from __future__ import annotations

from typing import Any

import pytest

import tests.support.programs  # noqa: F401  its import lets the library start programs
from tests.stable import StableTests

# By vendor: "test_the_next_run_completes_what_a_killed_run_left_unfinished[violin-7.5.5-fc-extend_a_volume-module]"
LONGEST = "tests/module/test_contract.py"
GATES = "tests/gates/"
FIRST = (
    f"{GATES}test_sanity.py",
    f"{GATES}test_readme.py",
    f"{GATES}test_molecule.py",
    f"{GATES}test_cores.py",
    f"{GATES}test_installed.py",
    f"{GATES}test_collection.py",
    GATES,
    "tests/e2e/",
    "tests/role/",
    "tests/openstack/",
    "tests/conformance/",
    LONGEST,
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stable", type=int, metavar="SECONDS", help="run the slow tests that are stable, for at most this time"
    )


def pytest_configure(config: pytest.Config) -> None:
    seconds = config.getoption("--stable")
    if seconds is not None:
        config.pluginmanager.register(StableTests(seconds), "stable tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return next((number for number, prefix in enumerate(FIRST) if item.nodeid.startswith(prefix)), len(FIRST))

    items.sort(key=rank)


class _ByFile:
    """Mixed into xdist's scheduler, whose own marks of groups have no effect since pytest 9."""

    def _split_scope(self, nodeid: str) -> str:
        file, _colons, test = nodeid.partition("::")
        if file.startswith(GATES):
            return nodeid
        return f"{file} {test.partition('[')[2].partition('-')[0]}" if file == LONGEST else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    return type("ByFile", (_ByFile, LoadScopeScheduling), {})(config, log)
