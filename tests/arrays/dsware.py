# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated Dsware for the tests of its client, over each of its wires."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import connect, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.command import CommandTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.http import HttpTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.tcp import TcpTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.client import Dsware
from tests.support.simulator import Simulator

AGENTS = ["192.0.2.21", "192.0.2.22", "192.0.2.23"]
"""The last one is sick."""
POOLS = [{"name": "fast", "size": "100TiB"}, {"name": "slow", "size": "50TiB"}]
ARRAYS: list[dict[str, Any]] = [
    {"name": "new", "vendor": "dsware", "pools": POOLS, "agents": AGENTS, "sick_agents": AGENTS[2:]},
    {"name": "old", "vendor": "dsware", "version": "6.3.0", "pools": POOLS[:1]},
    {"name": "plain", "vendor": "dsware", "extensions": False},
    {"name": "quick", "vendor": "dsware", "pools": POOLS, "agents": AGENTS, "copy_seconds": 0.02},
    {"name": "slow", "vendor": "dsware", "pools": POOLS, "agents": AGENTS, "copy_seconds": 3},
]

REST = {"transport": "rest", "storage_pools": ["fast"]}
SOCKET = {"transport": "socket", "storage_pools": ["0"], "wire_extensions": True}
WIRES = {"rest": REST, "socket": SOCKET}


class Killed(BaseException):
    """What a test throws where a process is killed: no handler of the library may catch it."""


class SimulatedDsware:
    """One simulated array, emptied, and clients of it."""

    def __init__(self, simulator: Simulator, name: str = "new", options: dict[str, Any] | None = None) -> None:
        self.simulator = simulator
        self.name = name
        self.options = options or REST
        self.clients: list[Dsware] = []
        simulator.clear_faults(name)
        simulator.reset(name)

    @property
    def entry(self) -> dict[str, Any]:
        return self.simulator.array(self.name)

    @property
    def rest(self) -> bool:
        return self.options["transport"] == "rest"

    def connection(self, options: dict[str, Any] | None = None, **changes: Any) -> model.Connection:
        entry = self.entry
        merged = {**self.options, **(options or {})}
        over_rest = merged["transport"] == "rest"
        settings: dict[str, Any] = {
            "port": entry["rest_port" if over_rest else "socket_port"],
            "username": entry["username"] if over_rest else None,
            "password": entry["password"] if over_rest else None,
            "ca_path": entry["ca_path"],
            "timeout": 5.0,
            "wait_timeout": 10.0,
            "max_concurrency": 1,
            "options": {key: value for key, value in merged.items() if value is not None},
        }
        return model.Connection("dsware", changes.pop("address", (entry["address"],)), **{**settings, **changes})

    def connect(self, options: dict[str, Any] | None = None, **changes: Any) -> Dsware:
        array = connect.connect(self.connection(options, **changes))
        assert isinstance(array, Dsware)
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

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        return self.simulator.requests(self.name, since)

    def mark(self) -> int:
        return self.simulator.mark(self.name)

    @contextmanager
    def budget(self, array: Dsware, requests: int, writes: int | None = None) -> Iterator[None]:
        """The calls inside take so many requests: the array counts them, and the client's journal agrees."""
        mark, before = self.mark(), len(array.calls)
        yield
        seen = self.requests(mark)
        lines = "\n".join("{} {}".format(one["method"], one["path"]) for one in seen)
        assert len(seen) == len(array.calls) - before, lines
        assert len(seen) == requests, lines
        if writes is not None:
            assert sum(one["write"] for one in seen) == writes, lines

    @contextmanager
    def killed(self, monkeypatch: pytest.MonkeyPatch, at: int, answered: bool) -> Iterator[list[str]]:
        """The process dies at its request number ``at``: before it is sent, or after the array has carried it out."""
        sent: list[str] = []

        def dying(once: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **named: Any) -> Any:
                if len(sent) + 1 == at and not answered:
                    raise Killed
                reply = once(*arguments, **named)
                sent.append("answered")
                if len(sent) == at:
                    raise Killed
                return reply

            return call

        with monkeypatch.context() as patch:
            for transport, method in ((HttpTransport, "_once"), (TcpTransport, "_once"), (CommandTransport, "run")):
                patch.setattr(transport, method, dying(getattr(transport, method)))
            try:
                yield sent
            except Killed:
                sent.append("killed")
