# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The XtremIO drivers of Cinder 29 against the simulated XMS: versions, protocols, certificates and busy arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from tests.conformance.conftest import Client, rarely
from tests.support.scripts import Outcome
from tests.support.simulator import Simulator

CLIENTS = {
    "3.0.3-11": "XtremIOClient3",
    "4.0.2-80": "XtremIOClient4",
    "4.0.10-34.hotfix1": "XtremIOClient4",
    "4.2.0-33": "XtremIOClient42",
    "6.0.1-27_X2": "XtremIOClient42",
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    arrays: list[dict[str, Any]] = [
        {"vendor": "xtremio", "name": f"v{version}", "version": version} for version in CLIENTS
    ]
    arrays += [
        {"vendor": "xtremio", "name": "chap", "chap": True},
        {"vendor": "xtremio", "name": "two", "clusters": ["east", "west"]},
        {"vendor": "xtremio", "name": "two-old", "clusters": ["east", "west"], "version": "4.0.2-80"},
    ]
    with Simulator(arrays) as running:
        yield running


def drive(client: Client, simulator: Simulator, name: str, *arguments: str) -> Outcome:
    version = simulator.array(name)["version"]
    more = [] if version.startswith("3.") else ["--groups"]
    return client.drive(
        "drive_xtremio.py",
        str(simulator.endpoints_path),
        name,
        "--client",
        CLIENTS[version],
        *more,
        *arguments,
    )


@pytest.mark.parametrize(
    ("version", "protocol"),
    [
        ("3.0.3-11", "iscsi"),
        ("4.0.2-80", "fc"),
        ("4.2.0-33", "fc"),
        ("6.0.1-27_X2", "iscsi"),
        # 4.2.0-33 with iSCSI is the array of test_the_driver_verifies_the_certificate
        *(rarely(version, "fc") for version in ("3.0.3-11", "4.0.10-34.hotfix1", "6.0.1-27_X2")),
        *(rarely(version, "iscsi") for version in ("4.0.2-80", "4.0.10-34.hotfix1", "4.2.0-33")),
    ],
)
def test_the_drivers_work_with_every_version_and_protocol(
    cinder29: Client, simulator: Simulator, version: str, protocol: str
) -> None:
    simulator.reset(f"v{version}")
    outcome = drive(cinder29, simulator, f"v{version}", "--protocol", protocol)
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) > (60 if version.startswith("3.") else 90)


def test_the_driver_works_with_chap(cinder29: Client, simulator: Simulator) -> None:
    outcome = drive(cinder29, simulator, "chap", "--chap")
    assert (outcome.wrong, outcome.status) == ([], 0)


@pytest.mark.parametrize("protocol", ["iscsi", rarely("fc")])
def test_the_driver_removes_unused_initiator_groups(cinder29: Client, simulator: Simulator, protocol: str) -> None:
    simulator.reset("v4.2.0-33")
    outcome = drive(cinder29, simulator, "v4.2.0-33", "--clean-groups", "--protocol", protocol)
    assert (outcome.wrong, outcome.status) == ([], 0)


@pytest.mark.parametrize(("name", "cluster"), [("two", "west"), ("two-old", "west"), rarely("two", "east")])
def test_the_driver_uses_the_cluster_that_is_named(
    cinder29: Client, simulator: Simulator, name: str, cluster: str
) -> None:
    simulator.reset(name)
    outcome = drive(cinder29, simulator, name, "--cluster", cluster)
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert {row["scope"] for row in simulator.state(name)["volumes"]} == {cluster}


def test_the_driver_verifies_the_certificate(cinder29: Client, simulator: Simulator) -> None:
    simulator.reset("v4.2.0-33")
    outcome = drive(cinder29, simulator, "v4.2.0-33", "--verify")
    assert (outcome.wrong, outcome.status) == ([], 0)


def test_the_driver_refuses_a_certificate_of_another_authority(
    cinder29: Client, simulator: Simulator, tmp_path: Any
) -> None:
    path = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    outcome = drive(cinder29, simulator, "v4.2.0-33", "--ca", str(path))
    assert outcome.status == 1
    assert "CERTIFICATE_VERIFY_FAILED" in outcome.wrong[0]


def test_the_driver_reports_a_wrong_password(cinder29: Client, simulator: Simulator) -> None:
    outcome = drive(cinder29, simulator, "v4.2.0-33", "--password", "wrong")
    assert outcome.status == 1
    assert outcome.wrong[0].startswith("check the setup: VolumeBackendAPIException")


@pytest.mark.parametrize("name", ["v3.0.3-11", "v4.2.0-33", rarely("v4.0.2-80")])
def test_the_driver_repeats_requests_that_a_busy_array_refused(
    cinder29: Client, simulator: Simulator, name: str
) -> None:
    """The driver waits and repeats a request at most three times."""
    simulator.reset(name)
    for skip in (0, 5, 5, 20):
        simulator.fault(name, kind="busy", skip=skip)
    outcome = drive(cinder29, simulator, name)
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert sum(entry.get("message") == "system_is_busy" for entry in simulator.requests(name)) == 4
