# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""flash_image on five arrays with real bytes: iSCSI to tgtd, a Fibre Channel device tree, an attach program.

A test with ``@pytest.mark.few`` runs on two arrays, one that notes which image a volume has and one that cannot rename;
on the others it is slow. A test with ``@pytest.mark.older`` also runs on older releases of these arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.images.lab import OLDER, ROWS, Lab, Row
from tests.module.arrays import ArrayUnderTest, Modules
from tests.support.iscsi import need_tools
from tests.support.simulator import Simulator

FEW = ("xtremio", "dsware")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "few: on two arrays; on the others it is a slow test")
    config.addinivalue_line("markers", "older: on older releases of the arrays too")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "lab" in metafunc.fixturenames:
        marks = {mark.name for mark in metafunc.definition.iter_markers()}
        rows = [
            pytest.param(row, marks=[pytest.mark.slow] if "few" in marks and row.name not in FEW else [], id=row.name)
            for row in (ROWS + OLDER if "older" in marks else ROWS)
        ]
        metafunc.parametrize("lab", rows, indirect=True)


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    need_tools()
    with Simulator([row.config for row in ROWS + OLDER]) as running:
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


def _row(name: str) -> Row:
    return next(row for row in ROWS if row.name == name)


@pytest.fixture
def xtremio(simulator: Simulator, modules: Modules, tmp_path: Path) -> Lab:
    return make_lab(_row("xtremio"), simulator, modules, tmp_path)


@pytest.fixture
def datera(simulator: Simulator, modules: Modules, tmp_path: Path) -> Lab:
    return make_lab(_row("datera"), simulator, modules, tmp_path)


@pytest.fixture
def flashsystem(simulator: Simulator, modules: Modules, tmp_path: Path) -> Lab:
    return make_lab(_row("flashsystem"), simulator, modules, tmp_path)


@pytest.fixture
def violin(simulator: Simulator, modules: Modules, tmp_path: Path) -> Lab:
    return make_lab(_row("violin"), simulator, modules, tmp_path)


@pytest.fixture
def dsware(simulator: Simulator, modules: Modules, tmp_path: Path) -> Lab:
    return make_lab(_row("dsware"), simulator, modules, tmp_path)
