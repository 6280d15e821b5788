# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Target ports: Fibre Channel ports, iSCSI portals, and the targets of iSCSI clients (sheet, sections 2.7 and 2.8)."""

from __future__ import annotations

import threading
from functools import partial
from typing import List, Optional, Sequence, Tuple

from ...model import FC, ISCSI, Listing, Port, Unreadable
from ...target_ports import port_key, selected
from ...units import format_endpoint, parse_endpoint, parse_initiator
from . import objects
from .ledger import FIRST_WITH_INTERFACES, FIRST_WITH_ISCSI
from .session import Object
from .wire import ConcertoOperations

ISCSI_PORT = 3260


class Ports:
    """The ports of an array. Those that do not depend on clients are read once per session.

    :param target_ports: WWNs and portal addresses, as the task writes them: the only ones to use; empty for all.
    """

    def __init__(self, concerto: ConcertoOperations, target_ports: Sequence[str]) -> None:
        self._concerto = concerto
        self._option = tuple(target_ports)
        self._wanted = frozenset(port_key(text) for text in target_ports)
        self._lock = threading.RLock()
        self._known_ports: Optional[Tuple[Tuple[Port, ...], Tuple[str, ...], Tuple[Unreadable, ...]]] = None

    def everything(self) -> Listing[Port]:
        """FC ports that are up, and the iSCSI target of every client; the portals alone while there is no target."""
        fixed, portals, bad = self._fixed()
        if not portals:
            return Listing(fixed, bad)
        unreadable: List[Unreadable] = []
        targets = self._concerto.targets(bad=unreadable)
        iscsi = [port for row in targets for port in self._of_target(row)]
        iscsi = iscsi or [Port(ip, ISCSI, "", _portal(ip)) for ip in portals]
        return Listing(fixed + tuple(iscsi), bad + tuple(unreadable))

    def behind(self, devices: Sequence[Object]) -> Listing[Port]:
        """The ports through which clients reach these devices: over iSCSI each client has its own target."""
        targets = [row["ISCSITarget"] for row in devices if isinstance(row.get("ISCSITarget"), dict)]
        if not targets or not all(target.get("name") for target in targets):
            return self.everything()
        fixed, _portals, bad = self._fixed()
        iscsi = dict.fromkeys(port for target in targets for port in self._of_target(target))
        return Listing((fixed if len(targets) < len(devices) else ()) + tuple(iscsi), bad)

    def portals(self) -> Tuple[str, ...]:
        """The IP addresses of the iSCSI portals."""
        return self._fixed()[1]

    def _of_target(self, target: Object) -> List[Port]:
        name = str(target["name"])
        ips = str(target.get("ipAddr") or "").split()
        return [Port(name, ISCSI, name, _portal(ip)) for ip in ips if not self._wanted or port_key(ip) in self._wanted]

    def _fixed(self) -> Tuple[Tuple[Port, ...], Tuple[str, ...], Tuple[Unreadable, ...]]:
        """FC ports that are up, the IP addresses of the portals, and what of both could not be understood."""
        with self._lock:
            if self._known_ports is None:
                bad: List[Unreadable] = []
                every = self._fc_ports(bad) + [Port(ip, ISCSI, "", _portal(ip)) for ip in self._all_portals(bad)]
                ports = selected(every, self._option)
                fc = tuple(port for port in ports if port.protocol == FC)
                ips = tuple(port.name for port in ports if port.protocol == ISCSI)
                self._known_ports = fc, ips, tuple(bad)
            return self._known_ports

    def _fc_ports(self, bad: List[Unreadable]) -> List[Port]:
        ports: List[Port] = []
        for row in self._concerto.adapters(bad):
            # A port that is down cannot be used, and one without alias is no target port.
            if row.get("type") != FC or row.get("port_status") != "Link Up":
                continue
            detail = self._concerto.adapter(row["object_id"])
            found = objects.listing("port", objects.rows_in(detail, "alias_wwpn_list"), partial(_fc_port, row))
            ports += found.items
            bad += found.unreadable
        return ports

    def _all_portals(self, bad: List[Unreadable]) -> List[str]:
        """Section 2.8: from 7.5.5 on the answer has another structure. With failover the secondary addresses count."""
        if self._concerto.version < FIRST_WITH_ISCSI:
            return []
        found = self._concerto.network()
        if self._concerto.version < FIRST_WITH_INTERFACES:
            rows = [row for row in objects.rows_in(found, "interface") if str(row.get("name")).startswith("isc")]
            return [str(row["virtualIp"]) for row in rows if row.get("speed") == 0 and row.get("virtualIp")]
        if "interfaces" not in found:
            bad.append(Unreadable("port", "iSCSI", "the array does not report its interfaces"))
        primary: List[str] = []
        secondary: List[str] = []
        for row in objects.rows_in(found, "interfaces"):
            name = str(row.get("name"))
            if name.startswith("isc"):
                ips = secondary if name.endswith(":0") else primary
                ips += [str(one["ipAddress"]) for one in objects.rows_in(row, "ipAddresses") if one.get("ipAddress")]
        if not primary and not secondary:
            return []
        return secondary if self._concerto.has_failover() else primary


def _portal(ip: str) -> str:
    """``IP:port`` of a portal, of which the array reports only the address."""
    return format_endpoint(*parse_endpoint(ip, ISCSI_PORT, "the address of a portal"))


def _fc_port(adapter: Object, alias: Object) -> Optional[Port]:
    """A target port under the WWN that initiators see; None for an alias of another mode."""
    if alias.get("mode", "target") != "target":
        return None
    return Port("fc%s" % adapter.get("number", ""), FC, parse_initiator(str(alias["name"]))[1], up=True)
