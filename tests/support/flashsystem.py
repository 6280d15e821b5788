# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated FlashSystem and the library's client of it, for tests of the simulator and of the client."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko

from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import connect
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Connection,
    Host,
    Initiator,
    Volume,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.ssh import SshTransport
from tests.support.simulated_array import SimulatedArray
from tests.support.simulator import Simulator

GIB = 1024**3
MIB = 1024**2
WWPNS = ("10000000c9000007", "10000000c9000008", "10000000c9000009")
IQN = "iqn.2026-01.org.example:host1"


def initiators(*addresses: str) -> list[Initiator]:
    return [Initiator(address, "iscsi" if address.startswith("iqn.") else "fc") for address in addresses]


class FlashSystemUnderTest(SimulatedArray):
    """One simulated array, library clients of it, a plain SSH client, and the bytes of its vdisks."""

    def __init__(self, simulator: Simulator, name: str) -> None:
        super().__init__(simulator, name)
        self._transports: list[SshTransport] = []

    # ---- talking to it ---------------------------------------------------------------------------------------------

    @contextmanager
    def client(self, **changes: Any) -> Iterator[Any]:
        """A connected client of the library."""
        with connect(self.connection(**changes)) as array:
            yield array

    def connection(self, **changes: Any) -> Connection:
        login = {key: self.endpoint[key] for key in ("vendor", "port", "username", "password", "host_key")}
        options = {"device_root": self.endpoint["device_root"]} if self.endpoint["device_root"] else {}
        return Connection(**{**login, "address": (self.endpoint["address"],), "options": options, **changes})

    def transport(self, **changes: Any) -> SshTransport:
        keys = ("port", "username", "password", "host_key")
        login = {key: self.endpoint[key] for key in keys}
        self._transports.append(SshTransport(**{"addresses": [self.endpoint["address"]], **login, **changes}))
        return self._transports[-1]

    def hang_up(self) -> None:
        """Close what transport() opened: the array permits few connections."""
        while self._transports:
            self._transports.pop().close()

    def cli(self, line: str) -> tuple[int, str, str]:
        """Run a command by a plain SSH client. Returns status, stdout and stderr."""
        with paramiko.SSHClient() as client:
            client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            client.connect(
                self.endpoint["address"],
                self.endpoint["port"],
                self.endpoint["username"],
                self.endpoint["password"],
                allow_agent=False,
                look_for_keys=False,
            )
            _, out, err = client.exec_command(line)
            text, errors = out.read().decode(), err.read().decode()
            return out.channel.recv_exit_status(), text, errors

    # ---- what it holds and was asked -------------------------------------------------------------------------------

    def maps(self) -> dict[tuple[str, str], int]:
        """LUN by host and vdisk."""
        return {(row["host"], row["volume"]): row["lun"] for row in self.state()["mappings"]}

    def lines(self, since: int) -> list[str]:
        """The command lines since a mark."""
        return [request["path"] for request in self.requests(since)]

    # ---- the bytes -------------------------------------------------------------------------------------------------

    @property
    def root(self) -> Path:
        return Path(self.endpoint["device_root"])

    def image(self, vdisk: str) -> Path:
        """The bytes of a vdisk."""
        number = next(row["id"] for row in self.state()["volumes"] if row["name"] == vdisk)
        return self.root / "images" / str(number)

    def put(self, vdisk: str, offset: int, data: bytes) -> None:
        descriptor = os.open(self.image(vdisk), os.O_WRONLY)
        os.pwrite(descriptor, data, offset)
        os.close(descriptor)

    def get(self, vdisk: str, offset: int, length: int) -> bytes:
        descriptor = os.open(self.image(vdisk), os.O_RDONLY)
        data = os.pread(descriptor, length, offset)
        os.close(descriptor)
        return data

    def disks(self) -> list[str]:
        """The block devices of the host that makes the copies."""
        return sorted(path.name for path in (self.root / "sys" / "block").iterdir())


def empty_array(simulator: Simulator, name: str) -> FlashSystemUnderTest:
    simulator.reset(name)
    return FlashSystemUnderTest(simulator, name)


def volume(array: Any, name: str, size: int = GIB) -> Volume:
    """A new volume as the array reports it, with its id and serial."""
    array.create_volume(VolumeSpec(name, size))
    listed: Volume = array.volumes([name]).items[0]
    return listed


def host(array: Any, name: str = "db-server", *addresses: str) -> Host:
    server: Host = array.create_host(name, initiators(*(addresses or WWPNS[:2])))
    return server
