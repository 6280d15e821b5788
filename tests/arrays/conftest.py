# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Simulated arrays for the tests of the clients: one process for all, emptied before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.arrays import dsware
from tests.arrays.xtremio import SimulatedXms
from tests.support.one_array import until_closed
from tests.support.simulator import Simulator

XMS_VERSIONS = ("3.0.3-11", "4.0.2-80", "4.2.0-33")
X2 = {"name": "x2", "vendor": "xtremio", "version": "6.1.0-35_X2"}
SMALL = {"name": "small", "vendor": "xtremio", "limits": {"snapshots_per_volume": 2, "volumes": 5}}
# The names of a restore's backup that the array chooses by itself
CHOOSING = {
    "chooses-name": {"xtremio.restore.backup_name": "array"},
    "chooses-set": {"xtremio.restore.backup_set": "array"},
    "chooses-both": {"xtremio.restore.backup_name": "array", "xtremio.restore.backup_set": "array"},
    "chooses-ancestor": {"xtremio.restore.backup_ancestor": "ancestor"},
    "chooses-all": {
        "xtremio.restore.backup_name": "free",
        "xtremio.restore.backup_set": "none",
        "xtremio.restore.backup_ancestor": "ancestor",
    },
}
TWO_CLUSTERS = {"name": "two", "vendor": "xtremio", "version": "4.2.0-33", "clusters": ["north", "south"]}


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    arrays = [{"name": version, "vendor": "xtremio", "version": version} for version in XMS_VERSIONS]
    choosing = [{"name": name, "vendor": "xtremio", "assume": chosen} for name, chosen in CHOOSING.items()]
    with Simulator([*arrays, *choosing, TWO_CLUSTERS, X2, SMALL, *dsware.ARRAYS]) as simulator:
        yield simulator


@pytest.fixture(params=XMS_VERSIONS)
def xms(simulator: Simulator, request: pytest.FixtureRequest) -> Iterator[SimulatedXms]:
    """An empty XMS: one test for each version."""
    yield from until_closed(SimulatedXms(simulator, request.param))


@pytest.fixture(params=[version for version in XMS_VERSIONS if not version.startswith("3.")])
def xms_v2(simulator: Simulator, request: pytest.FixtureRequest) -> Iterator[SimulatedXms]:
    """An empty XMS: one test for each version with REST v2."""
    yield from until_closed(SimulatedXms(simulator, request.param))


@pytest.fixture(params=CHOOSING)
def choosing(simulator: Simulator, request: pytest.FixtureRequest) -> Iterator[SimulatedXms]:
    """An XMS that chooses the name of a restore's backup, of its snapshot set, or of both."""
    yield from until_closed(SimulatedXms(simulator, request.param))


@pytest.fixture
def xms_3(simulator: Simulator) -> Iterator[SimulatedXms]:
    yield from until_closed(SimulatedXms(simulator, "3.0.3-11"))


@pytest.fixture
def xms_42(simulator: Simulator) -> Iterator[SimulatedXms]:
    yield from until_closed(SimulatedXms(simulator, "4.2.0-33"))


@pytest.fixture
def two_clusters(simulator: Simulator) -> Iterator[SimulatedXms]:
    """An XMS with the clusters north and south."""
    yield from until_closed(SimulatedXms(simulator, "two"))


@pytest.fixture
def x2(simulator: Simulator) -> Iterator[SimulatedXms]:
    """An array of the second hardware generation."""
    yield from until_closed(SimulatedXms(simulator, "x2"))


@pytest.fixture
def small(simulator: Simulator) -> Iterator[SimulatedXms]:
    """An array that permits five volumes, and two snapshots of each."""
    yield from until_closed(SimulatedXms(simulator, "small"))


@pytest.fixture(params=dsware.WIRES)
def any_wire(simulator: Simulator, request: pytest.FixtureRequest) -> Iterator[dsware.SimulatedDsware]:
    """An empty Dsware: one test over REST, and one over the text socket."""
    yield from until_closed(dsware.SimulatedDsware(simulator, "new", dsware.WIRES[request.param]))


@pytest.fixture
def dsware_rest(simulator: Simulator) -> Iterator[dsware.SimulatedDsware]:
    yield from until_closed(dsware.SimulatedDsware(simulator, "new", dsware.REST))


@pytest.fixture
def dsware_socket(simulator: Simulator) -> Iterator[dsware.SimulatedDsware]:
    """An empty Dsware over the text socket, with extensions that only this project's simulator is known to answer."""
    yield from until_closed(dsware.SimulatedDsware(simulator, "new", dsware.SOCKET))


@pytest.fixture
def plain_socket(simulator: Simulator) -> Iterator[dsware.SimulatedDsware]:
    """An empty Dsware over the text socket, with only what published clients send and read."""
    yield from until_closed(dsware.SimulatedDsware(simulator, "plain", {"transport": "socket", "storage_pools": ["0"]}))
