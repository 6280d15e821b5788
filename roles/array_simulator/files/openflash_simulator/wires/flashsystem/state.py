# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of one array, with the identities that follow from its name."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...array import Array
from ...objects import Volume
from ...operation import Operation
from . import ledger


@dataclass
class FlashsystemState:
    """One array: what it holds, how it is built, and which of its parts are offline."""

    name: str
    array: Array
    assumed: Callable[[str], Any]
    """The value that is played for an entry of the ledger, without the vendor."""
    version: str
    protocols: tuple[str, ...]
    nodes: int
    open_access: bool
    offline: frozenset[str]
    address: str
    device_root: Path | None = None
    portal_addresses: tuple[str, ...] = ()
    """Portal addresses, given to the nodes in turn; by default one loopback address for each node."""
    next_uid: int = 1
    """The end of the identity of the next vdisk."""
    operation: Operation = field(default_factory=Operation)

    @property
    def empty_header(self) -> bool:
        """Whether a list without objects has a header."""
        return bool(self.assumed("lists.empty_header"))

    @property
    def id(self) -> str:
        """16 hex digits that stay the same for an array of this name."""
        return f"00000200{zlib.crc32(self.name.encode()):08X}"

    def online(self, part: str) -> bool:
        return part not in self.offline and self.operation.state(part) != "critical"

    def wwpns(self, node: int) -> list[str]:
        """The Fibre Channel target ports of a node, whether they are active or not."""
        if "fc" not in self.protocols:
            return []
        return [f"5005076{self.id[-7:]}{node}{port}" for port in (1, 2)]

    def iscsi_name(self, node: int) -> str:
        if self.assumed("nodes.iscsi_name") == "naa":
            return f"naa.5005076{self.id[-7:].lower()}{node}0"
        return f"iqn.1986-03.com.ibm:2145.{self.name.lower().replace('_', '-')}.node{node}"

    def portals(self) -> list[tuple[int, str]]:
        """The iSCSI portals: (number of the node, address)."""
        if "iscsi" not in self.protocols:
            return []
        if self.portal_addresses:
            return [(1 + position % self.nodes, address) for position, address in enumerate(self.portal_addresses)]
        return [(node, f"127.0.0.{10 + node}") for node in range(1, self.nodes + 1)]

    def serial(self, volume: Volume) -> str:
        """The vdisk_UID: 32 hex digits in upper case."""
        return f"{ledger.NAA}{self.id[-9:]}{volume.attributes['uid']:016X}"

    def new_uid(self) -> int:
        """The end of an identity: one that no vdisk has had, or where they are given out again one that none has."""
        if self.assumed("volumes.uids_reused"):
            used = {volume.attributes["uid"] for volume in self.array.volumes}
            return next(number for number in range(1, len(used) + 2) if number not in used)
        self.next_uid += 1
        return self.next_uid - 1

    def leave_remains(self, volume: Volume) -> None:
        """Let a new vdisk read what a deleted one held, where it has bytes."""
        if self.device_root is None:
            return
        image = self.device_root / "images" / str(volume.id)
        with image.open("r+b") as stream:
            for at in ledger.REMAINS_AT:
                stream.seek(at)
                stream.write(ledger.REMAINS)

    def wwpn(self, address: str) -> str:
        """A WWPN as the array prints it."""
        digits = address.replace(":", "").lower()
        return {
            "upper": digits.upper(),
            "lower": digits,
            "0x": f"0x{digits}",
            "colons": ":".join(digits[at : at + 2] for at in range(0, 16, 2)),
        }[self.assumed("ports.wwpn_spelling")]

    def logged_in(self, address: str) -> bool:
        """Whether this port of a host is logged in."""
        return bool(self.login_ports(address))

    def login_ports(self, address: str) -> list[tuple[int, str]]:
        """The target ports that this port of a host is logged in to: (number of the node, WWPN or portal address).

        Where no test says otherwise, one of each node. With a device tree only the ports of the host behind it are
        logged in.
        """
        default = self.nodes
        if self.device_root is not None:
            from ...devicetree import HBA_WWPNS

            default = self.nodes if address in HBA_WWPNS else 0
        nodes = range(1, self.nodes + 1)
        ports = [(node, self.wwpns(node)[number]) for number in (0, 1) for node in nodes if self.wwpns(node)]
        usable = self.portals() if address.startswith(("iqn.", "eui.")) else ports
        return usable[: self.operation.paths(address, default)]
