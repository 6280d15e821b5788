# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of one array, with the identities that follow from its name."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

from ...array import Array
from ...objects import Volume
from . import ledger


@dataclass
class FlashsystemState:
    """One array: what it holds, how it is built, and which of its parts are offline."""

    name: str
    array: Array
    version: str
    protocols: tuple[str, ...]
    nodes: int
    open_access: bool
    offline: frozenset[str]
    shared_code: str
    empty_header: bool
    address: str
    device_root: Path | None = None
    portal_addresses: tuple[str, ...] = ()
    """Portal addresses, given to the nodes in turn; by default one loopback address for each node."""
    udids: bool = True
    """Whether the firmware knows the udid of a vdisk."""
    naa_names: bool = False
    """Whether the nodes' iSCSI names are NAA names instead of IQNs."""

    @property
    def id(self) -> str:
        """16 hex digits that stay the same for an array of this name."""
        return f"00000200{zlib.crc32(self.name.encode()):08X}"

    def online(self, part: str) -> bool:
        return part not in self.offline

    def wwpns(self, node: int) -> list[str]:
        """The Fibre Channel target ports of a node, whether they are active or not."""
        if "fc" not in self.protocols:
            return []
        return [f"5005076{self.id[-7:]}{node}{port}" for port in (1, 2)]

    def iscsi_name(self, node: int) -> str:
        if self.naa_names:
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
        return f"{ledger.NAA}{self.id[-9:]}{volume.id:016X}"

    def logged_in(self, address: str) -> bool:
        """Whether this port is logged in. With a device tree only the ports of the host behind it are, else all."""
        if self.device_root is None:
            return True
        from ...devicetree import HBA_WWPNS

        return address in HBA_WWPNS
