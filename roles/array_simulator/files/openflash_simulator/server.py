# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a set of arrays in one process until it is stopped."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .control import Control
from .rundir import ENDPOINTS, write_atomically
from .settings import ArrayConfig
from .tls import Authority
from .vendors import wire_class
from .wires.base import Wire

CONNECTION = (
    "vendor",
    "address",
    "port",
    "username",
    "password",
    "ca_path",
    "host_key",
    "cluster",
    "tenant",
    "device_root",
)
"""The keys of an endpoint that the modules take as options of the connection."""


def connection_of(endpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The options with which a module connects to an array, of those that its endpoint sets."""
    return {name: endpoint[name] for name in CONNECTION if endpoint.get(name) is not None}


class Server:
    """The arrays of one configuration, their control API, and the file that has their endpoints."""

    def __init__(self, arrays: Sequence[ArrayConfig], run_dir: Path) -> None:
        self.run_dir = run_dir
        self.path = run_dir / ENDPOINTS
        authority = Authority(run_dir)
        self.wires: dict[str, Wire] = {
            array.name: wire_class(array.vendor)(array, run_dir, authority) for array in arrays
        }
        self.control = Control(self.wires)

    async def start(self) -> None:
        """Listen everywhere, then write the endpoints file: who reads it can connect."""
        started: list[Wire] = []
        try:
            for wire in self.wires.values():
                await wire.start()
                started.append(wire)
            await self.control.start()
        except BaseException:
            for wire in started:
                await wire.close()
            raise
        arrays = {name: wire.endpoint() for name, wire in self.wires.items()}
        document = {
            "control": self.control.url,
            # The Python with what the simulator and the modules import
            "python": sys.executable,
            "arrays": arrays,
            "connections": {name: connection_of(endpoint) for name, endpoint in arrays.items()},
        }
        write_atomically(self.path, json.dumps(document, indent=2) + "\n")

    async def stop(self) -> None:
        self.path.unlink(missing_ok=True)
        await self.control.stop()
        for wire in self.wires.values():
            await wire.stop()


async def run(arrays: Sequence[ArrayConfig], run_dir: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    # Only what goes wrong inside the simulator itself: requests are the journal's business.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = Server(arrays, run_dir)
    await server.start()
    try:
        await stop.wait()
    finally:
        await server.stop()
