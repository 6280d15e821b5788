# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test that asks for ``array`` runs on every row of arrays.ROWS, each time on an empty array.

With ``@pytest.mark.hosts`` it is about what hosts see, and runs on the rows whose array knows hosts; with
``@pytest.mark.hosts(False)`` on those whose array does not, and says so in its own words. With ``@pytest.mark.trust``
it runs on the rows whose array is known by a certificate, by a host key, or not at all. With ``@pytest.mark.wire`` it
is about the way to the array, and one row for each wire stands for the others; with ``@pytest.mark.transport`` one row
for each transport does.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.module.arrays import ROWS, THOROUGH, TRANSPORTS, ArrayUnderTest, Modules, Row
from tests.support.simulator import Simulator


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "wire: what depends on the wire alone, so that one row for each is enough")
    config.addinivalue_line("markers", "transport: what depends on the transport alone: TLS, SSH or a text socket")
    config.addinivalue_line("markers", "trust(*kinds): on arrays with one of these values of Row.trust")
    config.addinivalue_line("markers", "hosts(known=True): on arrays that know hosts, or on those that do not")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "array" in metafunc.fixturenames:
        about = metafunc.definition.get_closest_marker("hosts")
        wanted = {True, False} if about is None else set(about.args or (True,))
        rows = THOROUGH if metafunc.definition.get_closest_marker("wire") else ROWS
        rows = TRANSPORTS if metafunc.definition.get_closest_marker("transport") else rows
        trust = metafunc.definition.get_closest_marker("trust")
        rows = tuple(row for row in rows if row.hosts in wanted and (trust is None or row.trust in trust.args))
        metafunc.parametrize("array", rows, ids=[row.name for row in rows], indirect=True)


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


@pytest.fixture
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
