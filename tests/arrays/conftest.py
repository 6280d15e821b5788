# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Simulated arrays for the tests of the clients: one process for all, emptied before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio.client import XtremIO
from tests.arrays import dsware
from tests.support.one_array import OneArray
from tests.support.simulator import Simulator

XMS_VERSIONS = ("3.0.3-11", "4.0.2-80", "4.2.0-33")
X2 = {"name": "x2", "vendor": "xtremio", "version": "6.1.0-35_X2"}
SMALL = {"name": "small", "vendor": "xtremio", "limits": {"snapshots_per_volume": 2, "volumes": 5}}
# What of a backup's names the array chooses by itself
CHOOSING: dict[str, list[str]] = {"chooses-name": ["name"], "chooses-set": ["set"], "chooses-both": ["name", "set"]}
TWO_CLUSTERS = {"name": "two", "vendor": "xtremio", "version": "4.2.0-33", "clusters": ["north", "south"]}


class SimulatedXms(OneArray[XtremIO]):
    """One simulated XMS, and clients of it."""

    vendor = "xtremio"
    client = XtremIO
    exact = False

    @property
    def version(self) -> str:
        return str(self.endpoint["version"])

    @property
    def v2(self) -> bool:
        return not self.version.startswith("3.")


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    arrays = [{"name": version, "vendor": "xtremio", "version": version} for version in XMS_VERSIONS]
    choosing = [{"name": name, "vendor": "xtremio", "backups": what} for name, what in CHOOSING.items()]
    with Simulator([*arrays, *choosing, TWO_CLUSTERS, X2, SMALL, *dsware.ARRAYS]) as simulator:
        yield simulator


@pytest.fixture(params=XMS_VERSIONS)
def xms(simulator: Simulator, request: pytest.FixtureRequest) -> Iterator[SimulatedXms]:
    """An empty XMS: one test for each version."""
    xms = SimulatedXms(simulator, request.param)
    yield xms
    xms.close()


@pytest.fixture(params=[version for version in XMS_VERSIONS if not version.startswith("3.")])
def xms_v2(simulator: Simulator, request: pytest.FixtureRequest) -> Iterator[SimulatedXms]:
    """The same, of the versions with REST v2."""
    xms = SimulatedXms(simulator, request.param)
    yield xms
    xms.close()


@pytest.fixture(params=CHOOSING)
def choosing(simulator: Simulator, request: pytest.FixtureRequest) -> Iterator[SimulatedXms]:
    """An XMS that calls what a restore keeps, or the set of that, as it likes."""
    xms = SimulatedXms(simulator, request.param)
    yield xms
    xms.close()


@pytest.fixture
def xms_3(simulator: Simulator) -> Iterator[SimulatedXms]:
    xms = SimulatedXms(simulator, "3.0.3-11")
    yield xms
    xms.close()


@pytest.fixture
def xms_42(simulator: Simulator) -> Iterator[SimulatedXms]:
    xms = SimulatedXms(simulator, "4.2.0-33")
    yield xms
    xms.close()


@pytest.fixture
def two_clusters(simulator: Simulator) -> Iterator[SimulatedXms]:
    """An XMS with the clusters north and south."""
    xms = SimulatedXms(simulator, "two")
    yield xms
    xms.close()


@pytest.fixture
def x2(simulator: Simulator) -> Iterator[SimulatedXms]:
    """The second hardware generation."""
    xms = SimulatedXms(simulator, "x2")
    yield xms
    xms.close()


@pytest.fixture
def small(simulator: Simulator) -> Iterator[SimulatedXms]:
    """Room for five volumes, and two snapshots of each."""
    xms = SimulatedXms(simulator, "small")
    yield xms
    xms.close()


@pytest.fixture(params=dsware.WIRES)
def either(simulator: Simulator, request: pytest.FixtureRequest) -> Iterator[dsware.SimulatedDsware]:
    """An empty Dsware: one test for each of its wires."""
    array = dsware.SimulatedDsware(simulator, "new", dsware.WIRES[request.param])
    yield array
    array.close()


@pytest.fixture
def rest(simulator: Simulator) -> Iterator[dsware.SimulatedDsware]:
    array = dsware.SimulatedDsware(simulator, "new", dsware.REST)
    yield array
    array.close()


@pytest.fixture
def text(simulator: Simulator) -> Iterator[dsware.SimulatedDsware]:
    """Over the text socket, with what only our own simulator is known to answer."""
    array = dsware.SimulatedDsware(simulator, "new", dsware.SOCKET)
    yield array
    array.close()


@pytest.fixture
def plain(simulator: Simulator) -> Iterator[dsware.SimulatedDsware]:
    """Over the text socket, with nothing but what published clients send and read."""
    array = dsware.SimulatedDsware(simulator, "plain", {"transport": "socket", "storage_pools": ["0"]})
    yield array
    array.close()
