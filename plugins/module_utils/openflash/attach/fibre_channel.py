# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes over Fibre Channel, as this host's kernel shows them in sysfs."""

from __future__ import annotations

import os
from typing import Dict, Optional, Sequence, Tuple

from ..errors import Invalid
from ..model import FC, Port
from ..units import parse_initiator
from .fabric import Fabric


class FibreChannel(Fabric):
    """The HBA ports of this host."""

    protocol = FC

    def _adapters(self) -> Dict[str, str]:
        """The WWPNs of the ports whose link is up, by the name of the SCSI host."""
        found = {}
        home = os.path.join(self.tree.sys, "class", "fc_host")
        for name in self.tree.names(home):
            address = _wwpn(self.tree.read(home, name, "port_name"))
            if address and self.tree.read(home, name, "port_state") == "Online":
                found[name] = address
        return found

    def initiators(self) -> Tuple[str, ...]:
        return tuple(sorted(self._adapters().values()))

    def no_path(self, ports: Sequence[Port]) -> Optional[str]:
        home = os.path.join(self.tree.sys, "class", "fc_host")
        if not self.tree.names(home):
            return "it has no Fibre Channel adapter"
        if not self._adapters():
            return "none of its Fibre Channel ports is online"
        array_ports = {port.address for port in ports if port.protocol == FC}
        if not array_ports:
            return "the array has no active Fibre Channel port"
        if not array_ports.intersection(self._remote_ports()):
            return "none of the array's ports is zoned to it"
        return None

    def _remote_ports(self) -> Tuple[str, ...]:
        """The WWPNs of the target ports that are online in the fabric for this host."""
        home = os.path.join(self.tree.sys, "class", "fc_remote_ports")
        found = []
        for name in self.tree.names(home):
            if self.tree.read(home, name, "port_state") == "Online":
                found.append(_wwpn(self.tree.read(home, name, "port_name")) or "")
        return tuple(found)

    def leads(self, home: str, ports: Sequence[Port]) -> bool:
        host, channel, target, _lun = os.path.basename(home).split(":")
        array_ports = {port.address for port in ports if port.protocol == FC}
        remotes = os.path.join(self.tree.sys, "class", "fc_remote_ports")
        for name in self.tree.names(remotes):
            is_it = name.startswith("rport-%s:%s-" % (host, channel))
            if is_it and self.tree.read(remotes, name, "scsi_target_id") == target:
                if _wwpn(self.tree.read(remotes, name, "port_name")) in array_ports:
                    return True
        return False

    def scan(self, lun: int, ports: Sequence[Port]) -> None:
        for name in self._adapters():
            self.tree.write("- - %d" % lun, self.tree.sys, "class", "scsi_host", name, "scan")


def _wwpn(text: str) -> Optional[str]:
    try:
        return parse_initiator(text)[1] if text else None
    except Invalid:
        return None
