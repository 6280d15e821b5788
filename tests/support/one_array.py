# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One simulated array for the test of a client: how to connect, what it was asked, and how to die in the midst."""

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
from tests.support.simulated_array import SimulatedArray
from tests.support.simulator import Simulator

Client = TypeVar("Client", bound=array.Array)
SENDING: tuple[tuple[type, str], ...] = (
    (HttpTransport, "_once"),
    (TcpTransport, "_once"),
    (CommandTransport, "run"),
)
"""Where a request leaves this process, and comes back with its answer."""


def pauses_of(http: HttpTransport) -> list[float]:
    """The seconds of each pause that it makes from now on: how long it waited, whatever the machine is busy with."""
    made: list[float] = []
    sleep = http._sleep

    def noted(seconds: float) -> None:
        made.append(seconds)
        sleep(seconds)

    http._sleep = noted
    return made


class Killed(BaseException):
    """What a test throws where a process is killed: no handler of the library may catch it."""


class OneArray(SimulatedArray, Generic[Client]):
    """Emptied at the beginning; ``close`` ends the clients that were made."""

    vendor: ClassVar[str]
    client: type[Client]
    timeout, wait_timeout = 5.0, 20.0
    exact = True
    """Whether the numbers of ``budget`` are those of every version, and not those of the one that needs most."""

    def __init__(self, simulator: Simulator, name: str) -> None:
        super().__init__(simulator, name)
        self.clients: list[Client] = []
        self.clear_faults()
        self.reset()

    # ---- clients ---------------------------------------------------------------------------------------------------

    def settings(self, options: dict[str, Any]) -> dict[str, Any]:
        """Of a connection with these options, from the array's endpoint."""
        return {key: self.endpoint[key] for key in ("port", "username", "password", "ca_path")} | {"options": options}

    def connection(self, options: dict[str, Any] | None = None, **changes: Any) -> model.Connection:
        given: dict[str, Any] = {
            "address": (self.endpoint["address"],),
            "timeout": self.timeout,
            "wait_timeout": self.wait_timeout,
            **self.settings(options or {}),
            **changes,
        }
        return model.Connection(self.vendor, **given)

    def connect(self, options: dict[str, Any] | None = None, **changes: Any) -> Client:
        made = connect.connect(self.connection(options, **changes))
        assert isinstance(made, self.client)
        self.clients.append(made)
        return made

    def close(self) -> None:
        self.clear_faults()
        for client in self.clients:
            client.close()

    # ---- the array's side ------------------------------------------------------------------------------------------

    def volume(self, name: str) -> dict[str, Any] | None:
        return self.simulator.volume(name, self.name)

    @contextmanager
    def budget(self, client: Client, requests: int, writes: int | None = None) -> Iterator[None]:
        """The calls inside take so many requests: the array counts them, and the client's journal agrees."""
        mark, before = self.mark(), len(client.calls)
        yield
        seen = self.requests(mark)
        lines = "\n".join("{} {}".format(one["method"], one["path"]) for one in seen)
        assert len(seen) == len(client.calls) - before, lines
        agrees = operator.eq if self.exact else operator.le
        assert agrees(len(seen), requests), lines
        if writes is not None:
            assert agrees(sum(one["write"] for one in seen), writes), lines

    @contextmanager
    def killed(self, monkeypatch: pytest.MonkeyPatch, at: int, answered: bool) -> Iterator[list[str]]:
        """The process dies at its request number ``at``: before it is sent, or after the array has carried it out.

        What is yielded has "sent" for each that was carried out, and in the end "killed" unless there were fewer.
        """
        told: list[str] = []

        def die() -> None:
            told.append("killed")
            raise Killed

        def dying(send: Callable[..., Any]) -> Callable[..., Any]:
            def call(*given: Any, **named: Any) -> Any:
                if "killed" in told:  # in another thread
                    raise Killed
                if len(told) + 1 == at and not answered:
                    die()
                reply = send(*given, **named)
                told.append("sent")
                if len(told) == at:
                    die()
                return reply

            return call

        with monkeypatch.context() as patch:
            for transport, method in SENDING:
                patch.setattr(transport, method, dying(getattr(transport, method)))
            try:
                yield told
            except Killed:
                pass
