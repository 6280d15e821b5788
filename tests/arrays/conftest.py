# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Simulated arrays for the tests of the clients: one process for all, emptied before each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import connect, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.http import HttpTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio.client import XtremIO
from tests.arrays import dsware
from tests.support.simulator import Simulator

XMS_VERSIONS = ("3.0.3-11", "4.0.2-80", "4.2.0-33")
X2 = {"name": "x2", "vendor": "xtremio", "version": "6.1.0-35_X2"}
SMALL = {"name": "small", "vendor": "xtremio", "limits": {"snapshots_per_volume": 2, "volumes": 5}}
TWO_CLUSTERS = {"name": "two", "vendor": "xtremio", "version": "4.2.0-33", "clusters": ["north", "south"]}


class Killed(BaseException):
    """What a test throws where a process is killed: no handler of the library may catch it."""


class SimulatedXms:
    """One simulated XMS, and clients of it."""

    def __init__(self, simulator: Simulator, name: str) -> None:
        self.simulator = simulator
        self.name = name
        self.clients: list[XtremIO] = []
        simulator.clear_faults(name)
        simulator.reset(name)

    @property
    def version(self) -> str:
        return str(self.simulator.array(self.name)["version"])

    @property
    def v2(self) -> bool:
        return not self.version.startswith("3.")

    def connection(self, options: dict[str, Any] | None = None, **changes: Any) -> model.Connection:
        entry = self.simulator.array(self.name)
        settings: dict[str, Any] = {
            "port": entry["port"],
            "username": entry["username"],
            "password": entry["password"],
            "ca_path": entry["ca_path"],
            "timeout": 5.0,
            "wait_timeout": 20.0,
            "options": options or {},
        }
        return model.Connection("xtremio", (entry["address"],), **{**settings, **changes})

    def connect(self, options: dict[str, Any] | None = None, **changes: Any) -> XtremIO:
        array = connect.connect(self.connection(options, **changes))
        assert isinstance(array, XtremIO)
        self.clients.append(array)
        return array

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.simulator.clear_faults(self.name)

    def fault(self, kind: str, **fault: Any) -> None:
        self.simulator.fault(self.name, kind=kind, **fault)

    def state(self) -> dict[str, Any]:
        return self.simulator.state(self.name)

    def names(self) -> list[str]:
        """Of volumes and snapshots."""
        return sorted(one["name"] for one in self.state()["volumes"])

    def volume(self, name: str) -> dict[str, Any] | None:
        return self.simulator.volume(name, self.name)

    def mark(self) -> int:
        return self.simulator.mark(self.name)

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        return self.simulator.requests(self.name, since)

    @contextmanager
    def budget(self, array: XtremIO, requests: int, writes: int | None = None) -> Iterator[None]:
        """The calls inside take so many requests: the array counts them, and the client's journal agrees."""
        mark, before = self.mark(), len(array.calls)
        yield
        seen = self.requests(mark)
        lines = "\n".join("{} {}".format(one["method"], one["path"]) for one in seen)
        assert len(seen) == len(array.calls) - before, lines
        assert len(seen) <= requests, lines
        if writes is not None:
            assert sum(one["write"] for one in seen) <= writes, lines

    @contextmanager
    def killed(self, monkeypatch: pytest.MonkeyPatch, at: int, answered: bool) -> Iterator[list[str]]:
        """The process dies at its request number ``at``: before it is sent, or after the array has carried it out."""
        once = HttpTransport._once
        sent: list[str] = []

        def dying(transport: HttpTransport, wire: Any, base: str) -> Any:
            if len(sent) + 1 == at and not answered:
                raise Killed
            reply = once(transport, wire, base)
            sent.append(wire.target)
            if len(sent) == at:
                raise Killed
            return reply

        with monkeypatch.context() as patch:
            patch.setattr(HttpTransport, "_once", dying)
            try:
                yield sent
            except Killed:
                sent.append("killed")


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    arrays = [{"name": version, "vendor": "xtremio", "version": version} for version in XMS_VERSIONS]
    with Simulator([*arrays, TWO_CLUSTERS, X2, SMALL, *dsware.ARRAYS]) as simulator:
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
