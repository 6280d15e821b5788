# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One simulated array for the test of a client: connections, request budgets, and processes killed between requests."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import array, connect, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.command import CommandTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.http import HttpTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.tcp import TcpTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from tests.support.simulated_array import SimulatedArray
from tests.support.simulator import Simulator

Client = TypeVar("Client", bound=array.Array)
SENDING: tuple[tuple[type, str], ...] = (
    (HttpTransport, "_once"),
    (TcpTransport, "_once"),
    (CommandTransport, "run"),
)
"""The methods that send a request and return its answer."""


def pauses_of(http: HttpTransport) -> list[float]:
    """A list that receives the length of each pause of this transport, in seconds, from now on."""
    pauses: list[float] = []
    sleep = http._sleep

    def noted(seconds: float) -> None:
        pauses.append(seconds)
        sleep(seconds)

    http._sleep = noted
    return pauses


class Killed(BaseException):
    """Raised where a test kills the process: no handler of the library may catch it."""


class OneArray(SimulatedArray, Generic[Client]):
    """An array that is emptied first; ``close`` closes its clients."""

    vendor: ClassVar[str]
    client: type[Client]
    timeout, wait_timeout = 5.0, 20.0
    exact = True
    """Whether every version needs exactly the numbers of ``budget``; otherwise they are the most that any needs."""

    def __init__(self, simulator: Simulator, name: str) -> None:
        super().__init__(simulator, name)
        self.clients: list[Client] = []
        self.clear_faults()
        self.reset()

    # ---- clients ---------------------------------------------------------------------------------------------------

    def settings(self, options: dict[str, Any]) -> dict[str, Any]:
        """The fields of a connection with these options, from the array's endpoint."""
        return {key: self.endpoint[key] for key in ("port", "username", "password", "ca_path")} | {"options": options}

    def connection(self, options: dict[str, Any] | None = None, **changes: Any) -> model.Connection:
        arguments: dict[str, Any] = {
            "address": (self.endpoint["address"],),
            "timeout": self.timeout,
            "wait_timeout": self.wait_timeout,
            **self.settings(options or {}),
            **changes,
        }
        return model.Connection(self.vendor, **arguments)

    def connect(self, options: dict[str, Any] | None = None, **changes: Any) -> Client:
        client = connect.connect(self.connection(options, **changes))
        assert isinstance(client, self.client)
        self.clients.append(client)
        return client

    def close(self) -> None:
        self.clear_faults()
        for client in self.clients:
            client.close()

    # ---- the array's side ------------------------------------------------------------------------------------------

    def volume(self, name: str) -> dict[str, Any] | None:
        return self.simulator.volume(name, self.name)

    @contextmanager
    def budget(self, client: Client, requests: int, writes: int | None = None) -> Iterator[None]:
        """Check the number of requests of the calls inside, as the array and as the client's journal count them."""
        mark, before = self.mark(), len(client.calls)
        yield
        sent = self.requests(mark)
        lines = "\n".join("{} {}".format(request["method"], request["path"]) for request in sent)
        assert len(sent) == len(client.calls) - before, lines
        agrees = operator.eq if self.exact else operator.le
        assert agrees(len(sent), requests), lines
        if writes is not None:
            assert agrees(sum(request["write"] for request in sent), writes), lines

    @contextmanager
    def killed(self, monkeypatch: pytest.MonkeyPatch, number: int, answered: bool) -> Iterator[list[str]]:
        """Kill the process at request ``number``: before it is sent, or after the array has carried it out.

        Yields a list with "sent" for each request that was carried out, and at its end "killed", if it came so far.
        """
        events: list[str] = []

        def die() -> None:
            events.append("killed")
            raise Killed

        def dying(send: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **named: Any) -> Any:
                if "killed" in events:  # in another thread
                    raise Killed
                if len(events) + 1 == number and not answered:
                    die()
                reply = send(*arguments, **named)
                events.append("sent")
                if len(events) == number:
                    die()
                return reply

            return call

        with monkeypatch.context() as patch:
            for transport, method in SENDING:
                patch.setattr(transport, method, dying(getattr(transport, method)))
            try:
                yield events
            except Killed:
                pass


Simulated = TypeVar("Simulated", bound=OneArray[Any])


def until_closed(simulated: Simulated) -> Iterator[Simulated]:
    """The body of a fixture: the array, whose clients end with the test."""
    yield simulated
    simulated.close()


def make_volume(client: array.Array, name: str = "vol1", size: int = GIB, **options: Any) -> model.Volume:
    """A new volume as the array reports it."""
    client.create_volume(model.VolumeSpec(name, size, options=options))
    return client.volumes([name]).items[0]
