# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test that asks for ``array`` runs on every row of arrays.ROWS, each time on an empty array."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.module.arrays import ROWS, ArrayUnderTest, Modules, Row
from tests.support.simulator import Simulator


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator([row.config for row in ROWS]) as running:
        yield running


@pytest.fixture(scope="session")
def modules() -> Iterator[Modules]:
    running = Modules()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def arrays(simulator: Simulator, modules: Modules) -> dict[str, ArrayUnderTest]:
    return {row.name: ArrayUnderTest(row, simulator, modules) for row in ROWS}


@pytest.fixture(params=ROWS, ids=lambda row: row.name)
def array(request: pytest.FixtureRequest, arrays: dict[str, ArrayUnderTest]) -> ArrayUnderTest:
    """The row's array, emptied."""
    row: Row = request.param
    found = arrays[row.name]
    found.reset()
    return found


@pytest.fixture
def xtremio(arrays: dict[str, ArrayUnderTest]) -> ArrayUnderTest:
    """The newest XtremIO, for what does not depend on the array."""
    found = arrays["xtremio-4.2-iscsi"]
    found.reset()
    return found
