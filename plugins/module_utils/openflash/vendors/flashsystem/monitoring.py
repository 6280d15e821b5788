# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which ports of hosts are logged in, and to which target ports (sheet, section 2.3)."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

from ...errors import BadReply, Unsupported
from ...model import FC, Initiator, Listing
from ...monitoring import Connections, Login
from ...units import parse_initiator
from .ledger import FABRIC
from .reading import Reading

_COMMANDS = (FABRIC.value, "lsfabric840")
"""The commands that list log-ins: that of the siblings, and the one in a published list of this array's commands (the
help of its command line, found in a public simulator of it)."""
_LOGGED_OUT = ("failed", "degraded")


class Monitoring(Reading, Connections):
    """What the array reports of its operation."""

    def logins(self, hosts: Optional[Sequence[str]] = None) -> Listing[Login]:
        """The requests of ``hosts()``, and one for the log-ins of Fibre Channel ports where a host has such a port.

        A port that is not in that list has as many paths as nodes that it is logged in to.
        """
        with self._doing("read the log-ins"):
            found = self.hosts(hosts)
            initiators = [initiator for host in found for initiator in host.initiators]
            fabric = self._targets_by_port() if any(initiator.protocol == FC for initiator in initiators) else {}
            logins = tuple(
                login
                for host in found
                for initiator in host.initiators
                for login in self._logins_of(host.name, initiator, fabric.get(initiator.address, ()))
            )
            return Listing(logins, found.unreadable)

    def _logins_of(self, host: str, initiator: Initiator, targets: Sequence[str]) -> Tuple[Login, ...]:
        if targets:
            return tuple(Login(host, initiator.address, initiator.protocol, target, paths=1) for target in targets)
        return (Login(host, initiator.address, initiator.protocol, paths=self._login_counts.get(initiator.address)),)

    def _targets_by_port(self) -> Dict[str, List[str]]:
        """By port of a host: the target ports that it is logged in to. Empty where the array has no such command."""
        for command in _COMMANDS:
            try:
                rows = self._wire.lsfabric(command)
            except Unsupported:
                continue
            found: Dict[str, List[str]] = {}
            for row in rows:
                if "" in row or not row.get("local_wwpn"):
                    raise BadReply("the array lists a log-in that cannot be understood: %s" % (row.get("") or row))
                if row.get("state") not in _LOGGED_OUT:
                    addresses = [parse_initiator(row[column])[1] for column in ("remote_wwpn", "local_wwpn")]
                    found.setdefault(addresses[0], []).append(addresses[1])
            return found
        return {}
