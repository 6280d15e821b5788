# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cinder's FusionStorage driver and os-brick's Huawei connector against the simulated Dsware."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.conftest import Client, rarely
from tests.support.clients import client_wheel
from tests.support.simulator import Simulator

VERSIONS = ("6.3.0", "8.1.0")
OLDEST = "V100R003C30"
AGENTS = ["192.0.2.21", "192.0.2.22"]
"""The second one fails."""
VOLUME = "volume-b2911673-863c-4380-a5f2-e1729eecfe3f"
MISSING = "volume-00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    arrays: list[dict[str, Any]] = [
        {"vendor": "dsware", "name": f"v{version}", "version": version} for version in VERSIONS
    ]
    arrays.append({"vendor": "dsware", "name": "pools", "pools": [{"name": n, "size": "9TiB"} for n in ("a", "b")]})
    agents = {"agents": AGENTS, "sick_agents": AGENTS[1:]}
    arrays += [
        {"vendor": "dsware", "name": f"fsc-{version}", "version": version, **agents} for version in (*VERSIONS, OLDEST)
    ]
    with Simulator(arrays) as running:
        yield running


@pytest.mark.parametrize("name", ["v6.3.0", "pools", rarely("v8.1.0")])
def test_the_fusionstorage_driver_works_against_the_simulator(
    cinder29: Client, simulator: Simulator, name: str
) -> None:
    outcome = cinder29.drive("drive_dsware.py", str(simulator.endpoints_path), name)
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) > 40


def test_the_fusionstorage_driver_reports_a_wrong_password(cinder29: Client, simulator: Simulator) -> None:
    outcome = cinder29.drive("drive_dsware.py", str(simulator.endpoints_path), "pools", "--password", "wrong")
    assert (outcome.wrong, outcome.status) == ([], 0)


@pytest.mark.parametrize("name", ["v8.1.0", rarely("v6.3.0")])
def test_the_huawei_connector_works_against_the_simulator(cinder29: Client, simulator: Simulator, name: str) -> None:
    simulator.reset(name)
    entry = simulator.array(name)
    make = ("--manage_ip", "m", "--ip", "a", "--op", "createVolume", "--volName", VOLUME, "--poolId", "0")
    command = [f"{entry['bin_dir']}/fsc_cli", *make, "--volSize", "1024", "--thinFlag", "0"]
    assert subprocess.run(command, check=True, capture_output=True, timeout=120).stdout == b"result=0\n"
    tool = f"{entry['bin_dir']}/sds_cli"
    outcome = cinder29.drive("drive_huawei_connector.py", tool, VOLUME, MISSING, entry["device_root"], str(1 << 30))
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) == 14


@pytest.mark.parametrize("version", ["8.1.0", OLDEST, rarely("6.3.0")])
def test_the_last_driver_that_ran_fsc_cli_works_against_the_simulator(
    cinder29: Client, simulator: Simulator, version: str
) -> None:
    """The first agent that it tries fails."""
    wheel = str(client_wheel("cinder==13.0.9"))
    outcome = cinder29.drive("drive_fsc_cli.py", wheel, str(simulator.endpoints_path), f"fsc-{version}", *AGENTS[::-1])
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) == 22
