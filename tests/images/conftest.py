# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""flash_image on five arrays with real bytes: iSCSI to tgtd, a Fibre Channel device tree, an attach program.

With ``@pytest.mark.few`` two arrays stand for the others, one that notes what it holds and one that cannot rename; on
the others the test is a slow one. With ``@pytest.mark.older`` it also runs on older wires of these arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.images.lab import OTHERS, ROWS, Lab, Row
from tests.module.arrays import ArrayUnderTest, Modules
from tests.support.iscsi import need_tools
from tests.support.simulator import Simulator

FEW = ("xtremio", "dsware")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "few: two arrays are enough, unless all tests are wanted")
    config.addinivalue_line("markers", "older: on older wires too")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "lab" in metafunc.fixturenames:
        marks = {mark.name for mark in metafunc.definition.iter_markers()}
        rows = [
            pytest.param(row, marks=[pytest.mark.slow] if "few" in marks and row.name not in FEW else [], id=row.name)
            for row in (ROWS + OTHERS if "older" in marks else ROWS)
        ]
        metafunc.parametrize("lab", rows, indirect=True)


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    need_tools()
    with Simulator([row.config for row in ROWS + OTHERS]) as running:
        yield running


@pytest.fixture(scope="session")
def modules() -> Iterator[Modules]:
    running = Modules()
    yield running
    running.stop()


def make_lab(row: Row, simulator: Simulator, modules: Modules, folder: Path) -> Lab:
    array = ArrayUnderTest(row, simulator, modules)
    array.reset()
    if row.tool:
        array.connection["attach_tool"] = f"{array.endpoint['bin_dir']}/{row.tool}"
    return Lab(row, array, folder)


@pytest.fixture
def lab(request: pytest.FixtureRequest, simulator: Simulator, modules: Modules, tmp_path: Path) -> Lab:
    """The row's array, emptied."""
    return make_lab(request.param, simulator, modules, tmp_path)


def _named(name: str) -> Row:
    return next(row for row in ROWS if row.name == name)


@pytest.fixture
def xtremio(simulator: Simulator, modules: Modules, tmp_path: Path) -> Lab:
    return make_lab(_named("xtremio"), simulator, modules, tmp_path)


@pytest.fixture
def datera(simulator: Simulator, modules: Modules, tmp_path: Path) -> Lab:
    return make_lab(_named("datera"), simulator, modules, tmp_path)


@pytest.fixture
def flashsystem(simulator: Simulator, modules: Modules, tmp_path: Path) -> Lab:
    return make_lab(_named("flashsystem"), simulator, modules, tmp_path)


@pytest.fixture
def violin(simulator: Simulator, modules: Modules, tmp_path: Path) -> Lab:
    return make_lab(_named("violin"), simulator, modules, tmp_path)


@pytest.fixture
def dsware(simulator: Simulator, modules: Modules, tmp_path: Path) -> Lab:
    return make_lab(_named("dsware"), simulator, modules, tmp_path)
