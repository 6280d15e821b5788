# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datera's own SDK, and the Datera driver of Cinder 29 over it, against the simulated arrays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import HERE, Client, rarely
from tests.support.clients import client_python
from tests.support.simulator import Simulator

# Product versions, by the names of the arrays.
ARRAYS = {"newest": "3.3.5.0", "middle": "3.0.1.0", "second": "2.2.7.0", "oldest": "2.1.4.0"}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    arrays: list[dict[str, Any]] = [
        {"name": name, "vendor": "datera", "version": version, "tenants": ["/root/acme"]}
        for name, version in ARRAYS.items()
    ]
    with Simulator(arrays) as running:
        yield running


@pytest.fixture(scope="module")
def client() -> Client:
    return Client(client_python(Path(HERE) / "requirements-datera.txt"))


@pytest.mark.parametrize(
    ("name", "api", "scheme"),
    [
        ("newest", "v2.2", "https"),
        ("middle", "v2.2", "http"),
        ("oldest", "v2.1", "https"),
        ("newest", "v2.1", "http"),
        rarely("newest", "v2.2", "http"),
        rarely("second", "v2.2", "https"),
        rarely("oldest", "v2.1", "http"),
    ],
)
def test_the_datera_sdk_works_against_the_simulator(
    client: Client, simulator: Simulator, name: str, api: str, scheme: str
) -> None:
    simulator.reset(name)
    more = ["--http", "--many"] if scheme == "http" else []
    outcome = client.drive("drive_dfs_sdk.py", str(simulator.endpoints_path), name, "--api", api, *more)
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) > 85


@pytest.mark.parametrize(
    ("name", "api", "tenant"),
    [
        ("newest", "2.2", "acme"),
        ("oldest", "2.1", None),
        rarely("newest", "2.2", None),
        rarely("second", "2.2", None),
        rarely("second", "2.2", "acme"),
        rarely("oldest", "2.1", "acme"),
    ],
)
def test_the_datera_driver_works_against_the_simulator(
    client: Client, simulator: Simulator, name: str, api: str, tenant: str | None
) -> None:
    simulator.reset(name)
    more = ["--tenant", tenant] if tenant else []
    outcome = client.drive("drive_datera.py", str(simulator.endpoints_path), name, "--api", api, *more)
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) > 25


def test_the_datera_driver_reports_a_wrong_password(client: Client, simulator: Simulator) -> None:
    """It logs the error and continues without a session, so it has no API version."""
    mark = simulator.mark("newest")
    outcome = client.drive("drive_datera.py", str(simulator.endpoints_path), "newest", "--password", "wrong")
    assert (outcome.status, outcome.wrong) == (1, ["the API version: None"])
    answers = {(request["path"][6:], request["status"]) for request in simulator.requests("newest", mark)}
    assert answers == {("login", 401)}
