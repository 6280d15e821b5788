# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tests share a worker, which are begun first, and those of ``--stable SECONDS``.

The tests of one file share a worker, since they share simulators and services; of the longest file those of one vendor;
of the gates each is alone. What takes minutes by itself is begun first, so that no worker is left with it at the end.
"""

from __future__ import annotations

from typing import Any

import pytest

import tests.support.programs  # noqa: F401  its import lets the library start programs
from tests.stable import StableTests

# By array: "test_what_a_killed_run_leaves_is_finished_by_the_next_one[violin-7.5.5-fc-extend_a_volume-module]"
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
        "--stable", type=int, metavar="SECONDS", help="the slow tests that are stable, for so long at most"
    )


def pytest_configure(config: pytest.Config) -> None:
    seconds = config.getoption("--stable")
    if seconds is not None:
        config.pluginmanager.register(StableTests(seconds), "stable tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return next((number for number, begin in enumerate(FIRST) if item.nodeid.startswith(begin)), len(FIRST))

    items.sort(key=rank)


class _ByFile:
    """Mixed into xdist's scheduler, whose own marks of groups go unnoticed since pytest 9."""

    def _split_scope(self, nodeid: str) -> str:
        file, _colons, test = nodeid.partition("::")
        if file.startswith(GATES):
            return nodeid
        return f"{file} {test.partition('[')[2].partition('-')[0]}" if file == LONGEST else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    return type("ByFile", (_ByFile, LoadScopeScheduling), {})(config, log)
