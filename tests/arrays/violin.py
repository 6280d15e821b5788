# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated Violin array and the library's client of it, for the tests in this folder."""

from __future__ import annotations

import http.cookiejar
import json
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import connect
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Connection,
    Initiator,
    Snapshot,
    SnapshotSpec,
    Volume,
    VolumeSpec,
)
from tests.support.simulated_array import SimulatedArray
from tests.support.simulator import Simulator

MIB = 1024**2
GIB = 1024**3
WWN = "100000000000c907"
IQN = "iqn.2026-01.org.example:host1"


class ViolinArray(SimulatedArray):
    """One simulated array, library clients of it, and plain HTTP requests to it."""

    def connection(self, **changes: Any) -> Connection:
        endpoint = self.endpoint
        options: dict[str, Any] = {
            "vendor": "violin",
            "address": (endpoint["address"],),
            "port": endpoint["port"],
            "username": endpoint["username"],
            "password": endpoint["password"],
            "ca_path": endpoint["ca_path"],
            "timeout": 10.0,
            "wait_timeout": 20.0,
        }
        return Connection(**{**options, **changes})

    @contextmanager
    def client(self, **changes: Any) -> Iterator[Any]:
        with connect(self.connection(**changes)) as array:
            yield array

    # ---- what the array holds, and the requests that it received ---------------------------------------------------

    def volumes(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in self.state()["volumes"]}

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """The requests without logins and logouts."""
        return [request for request in super().requests(since) if "/auth/" not in request["path"]]

    def logins(self, since: int) -> int:
        return sum("/auth/login" in request["path"] for request in super().requests(since))

    # ---- plain HTTP requests ---------------------------------------------------------------------------------------

    def raw(self, method: str, path: str, body: Any = None) -> Any:
        """One request in its own session, without the library. Returns the decoded answer."""
        endpoint = self.endpoint
        context = ssl.create_default_context(cafile=endpoint["ca_path"])
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=context),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        )
        base = f"https://{endpoint['address']}:{endpoint['port']}/concerto"

        def send(method: str, path: str, document: Any) -> Any:
            data = None if document is None else json.dumps(document).encode()
            request = urllib.request.Request(base + path, data=data, method=method)
            with opener.open(request, timeout=10) as answer:
                return json.loads(answer.read())

        credentials = {key: endpoint[key] for key in ("username", "password")}
        send("POST", "/auth/login", {"data": credentials})
        return send(method, path, body)


def empty_array(simulator: Simulator, name: str) -> ViolinArray:
    array = ViolinArray(simulator, name)
    array.reset()
    return array


def volume(client: Any, name: str, size: int = GIB, **more: Any) -> Volume:
    created: Volume = client.create_volume(VolumeSpec(name, size, **more))
    return created


def snapshot(client: Any, source: Volume, name: str) -> Snapshot:
    taken: Snapshot = client.create_snapshots([SnapshotSpec(name, source)])[0]
    return taken


def fc(address: str = WWN) -> Initiator:
    return Initiator(address, "fc")


def iscsi(address: str = IQN) -> Initiator:
    return Initiator(address, "iscsi")


def every_operation(client: Any) -> None:
    """Every operation that changes something, and every read."""
    created = volume(client, "db1")
    created = client.extend_volume(created, 2 * GIB)
    taken = snapshot(client, created, "monday")
    client.clone_volume(created, VolumeSpec("copy1"))
    client.volume_from_snapshot(taken, VolumeSpec("copy2", 3 * GIB))
    thin = volume(client, "thin", provisioning="thin")
    client.clone_volume(thin, VolumeSpec("clone"))
    thin = client.rename_volume(thin, "thin2")
    host = client.create_host("server", [iscsi()])
    host = client.add_initiators(host, [iscsi(IQN + "-b")])
    client.map_volume(created, host)
    client.unmap_volume(client.map_volume(thin, host))
    client.delete_snapshot(taken)
    deleted = volume(client, "deleted")
    client.delete_snapshot(snapshot(client, deleted, "monday"))
    client.delete_volume(deleted)
    client.delete_host(client.create_host("deleted", [iscsi(IQN + "-c")]))
    for read in ("info", "capacity", "pools", "ports", "volumes", "snapshots", "hosts", "mappings"):
        getattr(client, read)()


def shape_of(array: ViolinArray) -> object:
    """What the array holds, without what differs from run to run."""
    state = array.state()
    return (
        # The name of a snapshot below a thin clone contains the time and an id
        sorted((row["name"][:7].split("-")[0], row["size"], row["kind"]) for row in state["volumes"]),
        [row["name"] for row in state["hosts"]],
        [(row["volume"], row["host"], row["lun"]) for row in state["mappings"]],
    )
