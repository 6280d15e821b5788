# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Violin's own library, vmemclient, unmodified, against the simulated arrays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import HERE, Client
from tests.support.clients import client_python
from tests.support.simulator import Simulator

ARRAYS: list[dict[str, Any]] = [
    {"name": "https", "vendor": "violin"},
    {"name": "http", "vendor": "violin", "tls": False},
    {"name": "oldest", "vendor": "violin", "version": "7.5.3"},
    {"name": "iscsi", "vendor": "violin", "version": "7.5.6", "protocol": "both"},
    {"name": "7700", "vendor": "violin", "model": 7700},
]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(ARRAYS) as running:
        yield running


@pytest.fixture(scope="module")
def vmemclient() -> Client:
    return Client(client_python(Path(HERE) / "requirements-vmemclient.txt"))


@pytest.mark.parametrize("name", [row["name"] for row in ARRAYS])
def test_vmemclient_works_against_the_simulator(vmemclient: Client, simulator: Simulator, name: str) -> None:
    outcome = vmemclient.drive("drive_violin.py", str(simulator.endpoints_path), name)
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) > 50
