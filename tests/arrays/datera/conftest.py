# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Simulated Datera arrays: one process for all, emptied before each test."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Initiator
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.datera.client import Datera
from tests.support.one_array import OneArray, until_closed
from tests.support.simulator import Simulator

# name -> (product, API version to ask for, tenant)
VARIANTS: dict[str, tuple[str, str | None, str]] = {
    "3.3": ("3.3.5.0", None, "/root"),
    "3.3-tenant": ("3.3.5.0", None, "/root/acme/lab"),
    "2.2": ("2.2.7.0", None, "/root"),
    "2.1": ("2.1.4.0", None, "/root/acme"),
}
TENANTS = ["/root/acme", "/root/acme/lab"]
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
IQN1, IQN2 = (Initiator(f"iqn.2026-01.org.example:h{number}", "iscsi") for number in (1, 2))


class SimulatedEdf(OneArray[Datera]):
    """One simulated array, library clients of it, and plain HTTP requests to it."""

    vendor = "datera"
    client = Datera
    timeout, wait_timeout = 10.0, 30.0

    def __init__(self, simulator: Simulator, name: str, api: str | None = None, tenant: str = "/root") -> None:
        super().__init__(simulator, name)
        self.api, self.tenant = api, tenant
        self._key = ""

    def settings(self, options: dict[str, Any]) -> dict[str, Any]:
        return super().settings({"tenant": self.tenant, **({"api_version": self.api} if self.api else {}), **options})

    def raw(self, method: str, path: str, body: Any = None, api: str = "v2.1", tenant: str | None = None) -> Any:
        """The answer to one plain request: its data, or the refusal unchanged."""
        if not self._key:
            credentials = {"name": self.endpoint["username"], "password": self.endpoint["password"]}
            self._key = self._send("PUT", f"/{api}/login", credentials, {})["key"]
        reply = self._send(method, f"/{api}{path}", body, {"Auth-Token": self._key, "tenant": tenant or self.tenant})
        return reply.get("data", reply)

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        request = urllib.request.Request(
            f"http://{self.endpoint['address']}:{self.endpoint['http_port']}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers=headers,
        )
        try:
            with _OPENER.open(request, timeout=30) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return json.loads(error.read())

    # ---- the array's side ------------------------------------------------------------------------------------------

    def login(self, volume: str, initiator: Initiator = IQN1, *, is_open: bool = True) -> None:
        self.simulator.session(volume, initiator.address, self.name, is_open=is_open)

    def lines(self, since: int = 0) -> list[str]:
        """Method and path of each request, without version and ids."""
        return ["{} {}".format(request["method"], request["path"].split("/", 2)[2]) for request in self.requests(since)]

    def settle(self, array: Datera, name: str) -> model.Volume:
        """The volume, once its target can be logged in to."""
        volume = array.volumes([name]).items[0]
        array._available(volume)
        return volume

    def several(self, name: str = "pair") -> list[str]:
        """Create an app instance with two volumes in one storage instance and one in another. Returns their paths."""
        volume = {"size": 2, "replica_count": 1}
        storages = [
            {"name": "storage-1", "volumes": [{"name": "volume-1", **volume}, {"name": "volume-2", **volume}]},
            {"name": "storage-2", "volumes": [{"name": "volume-1", **volume}]},
        ]
        instance = self.raw("POST", "/app_instances", {"name": name, "storage_instances": storages})
        return [row["path"] for storage in instance["storage_instances"] for row in storage["volumes"]]


@pytest.fixture(scope="session")
def datera_simulator() -> Iterator[Simulator]:
    arrays: list[dict[str, Any]] = [
        {"name": name, "vendor": "datera", "version": version, "tenants": TENANTS}
        for name, (version, _api, _tenant) in VARIANTS.items()
    ]
    offline = {"name": "offline", "tenants": TENANTS, "assume": {"datera.volumes.extend_online": False}, "slowness": 0}
    arrays.append({"vendor": "datera", **offline})
    unusual = {"datera.snapshots.of_instance": "apart", "datera.lists.page_size": 2}
    odd = {"assume": unusual, "limits": {"max_size": 4 * GIB}}
    arrays.append({"name": "odd", "vendor": "datera", **odd})
    arrays.append({"name": "odd-2.2", "vendor": "datera", "version": "2.2.7.0", **odd})
    arrays.append({"name": "full", "vendor": "datera", "pools": [{"name": "full", "size": "10GiB"}]})
    unserved = {"api_versions": ["2.1"], "assume": {"datera.session.versions_served": False}}
    arrays.append({"name": "listed", "vendor": "datera", "version": "2.2.7.0", **unserved})
    with Simulator(arrays) as running:
        yield running


def _edf(simulator: Simulator, name: str) -> Iterator[SimulatedEdf]:
    _version, api, tenant = VARIANTS.get(name, ("", None, "/root"))
    yield from until_closed(SimulatedEdf(simulator, name, api, tenant))


@pytest.fixture(params=VARIANTS)
def edf(datera_simulator: Simulator, request: pytest.FixtureRequest) -> Iterator[SimulatedEdf]:
    """An empty array: one test for each product and tenant."""
    yield from _edf(datera_simulator, request.param)


@pytest.fixture
def edf33(datera_simulator: Simulator) -> Iterator[SimulatedEdf]:
    """The newest product, in /root."""
    yield from _edf(datera_simulator, "3.3")


@pytest.fixture
def edf22(datera_simulator: Simulator) -> Iterator[SimulatedEdf]:
    yield from _edf(datera_simulator, "2.2")


@pytest.fixture
def edf21(datera_simulator: Simulator) -> Iterator[SimulatedEdf]:
    yield from _edf(datera_simulator, "2.1")


@pytest.fixture
def offline(datera_simulator: Simulator) -> Iterator[SimulatedEdf]:
    """An array that extends a volume only while its app instance is offline."""
    yield from _edf(datera_simulator, "offline")


@pytest.fixture(params=["odd", "odd-2.2"])
def odd(datera_simulator: Simulator, request: pytest.FixtureRequest) -> Iterator[SimulatedEdf]:
    """Arrays with small pages, whose volumes are small and do not report the snapshots of their app instance."""
    yield from _edf(datera_simulator, request.param)


@pytest.fixture
def full(datera_simulator: Simulator) -> Iterator[SimulatedEdf]:
    """An array with room for 10 GiB."""
    yield from _edf(datera_simulator, "full")
