# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The FlashSystem drivers of Cinder 28, the last release that has them, against the simulated array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.conftest import Client, rarely
from tests.support.scripts import Outcome
from tests.support.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    arrays: list[dict[str, Any]] = [
        {"name": "both", "vendor": "flashsystem", "protocol": "both"},
        {
            "name": "fc",
            "vendor": "flashsystem",
            "assume": {"flashsystem.mappings.shared_code": "CMMVC6045E", "flashsystem.lists.empty_header": True},
        },
        {"name": "iscsi", "vendor": "flashsystem", "protocol": "iscsi", "nodes": 1},
    ]
    with Simulator(arrays) as running:
        yield running


def drive(client: Client, simulator: Simulator, name: str, protocol: str, *arguments: str) -> Outcome:
    simulator.reset(name)
    path = str(simulator.endpoints_path)
    return client.drive("drive_flashsystem.py", path, name, "--protocol", protocol, *arguments)


@pytest.mark.parametrize(
    ("name", "protocol"), [("both", "iscsi"), ("fc", "fc"), rarely("both", "fc"), rarely("iscsi", "iscsi")]
)
def test_the_drivers_work_against_the_simulator(
    cinder28: Client, simulator: Simulator, name: str, protocol: str
) -> None:
    outcome = drive(cinder28, simulator, name, protocol)
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) > 50


def test_the_driver_refuses_another_host_key(cinder28: Client, simulator: Simulator) -> None:
    mark = simulator.mark("both")
    outcome = drive(cinder28, simulator, "both", "fc", "--other-host-key")
    assert outcome.status == 1
    assert outcome.wrong[0].startswith("set up: ")
    assert simulator.requests("both", mark) == []


def test_the_driver_reports_a_wrong_password(cinder28: Client, simulator: Simulator) -> None:
    outcome = drive(cinder28, simulator, "both", "fc", "--password", "wrong")
    assert outcome.status == 1
    assert "Authentication failed" in outcome.wrong[0]
