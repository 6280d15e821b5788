# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test that asks for ``array`` runs on every row of arrays.ROWS, each time on an empty array.

With ``@pytest.mark.hosts`` it runs on the rows whose array has hosts, with ``@pytest.mark.hosts(False)`` on the others.
With ``@pytest.mark.trust`` it runs on the rows with one of these values of ``Row.trust``. A test of what depends on the
wire alone has ``@pytest.mark.wire``, and runs on one row of each wire; one of the transport has
``@pytest.mark.transport``, and runs on one row of each transport.

The other rows of a wire are slow: they run after `make test` (see tests/stable.py). What may differ between releases or
models of one array has ``@pytest.mark.every_row``, and runs on all of them in `make test`. What one and the same code
decides for all arrays, such as a refusal of the plan or of an option, has ``@pytest.mark.common``: in `make test` it
runs on one row of each transport, and the others are slow. What Ansible itself does with the tasks of a play has
``@pytest.mark.play``: in `make test` it runs on one row.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.module.arrays import ONE_OF_EACH_WIRE, ROWS, TRANSPORTS, ArrayUnderTest, Modules, Row
from tests.support.browser import TOOLS, Browser
from tests.support.debian import need_tools
from tests.support.simulator import Simulator


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "wire: depends on the wire alone, and runs on one row of each")
    config.addinivalue_line("markers", "transport: depends on the transport alone (TLS, SSH, text socket)")
    config.addinivalue_line("markers", "every_row: not slow on the second and third array of a wire")
    config.addinivalue_line(
        "markers", "common: the same code for all arrays, slow on all but one row of each transport"
    )
    config.addinivalue_line("markers", "play: what Ansible does with tasks, slow on all but one row")
    config.addinivalue_line("markers", "trust(*kinds): on arrays with one of these values of Row.trust")
    config.addinivalue_line("markers", "hosts(known=True): on arrays with host objects, or without")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "array" in metafunc.fixturenames:
        hosts = metafunc.definition.get_closest_marker("hosts")
        allowed = {True, False} if hosts is None else set(hosts.args or (True,))
        rows = ONE_OF_EACH_WIRE if metafunc.definition.get_closest_marker("wire") else ROWS
        rows = TRANSPORTS if metafunc.definition.get_closest_marker("transport") else rows
        trust = metafunc.definition.get_closest_marker("trust")
        quick = ONE_OF_EACH_WIRE
        if metafunc.definition.get_closest_marker("common"):
            quick = TRANSPORTS
        elif metafunc.definition.get_closest_marker("play"):
            quick = TRANSPORTS[:1]
        elif metafunc.definition.get_closest_marker("every_row"):
            quick = ROWS
        parameters = [
            pytest.param(row, id=row.name, marks=() if row in quick else pytest.mark.slow)
            for row in rows
            if row.hosts in allowed and (trust is None or row.trust in trust.args)
        ]
        metafunc.parametrize("array", parameters, indirect=True)


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator([row.config for row in ROWS]) as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    need_tools(TOOLS, "the test of a page")
    with Browser(tmp_path_factory.mktemp("browser")) as running:
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
    chosen = arrays[row.name]
    chosen.reset()
    return chosen


@pytest.fixture
def xtremio(arrays: dict[str, ArrayUnderTest]) -> ArrayUnderTest:
    """The newest XtremIO, emptied, for what does not depend on the array."""
    newest = arrays["xtremio-4.2-iscsi"]
    newest.reset()
    return newest
