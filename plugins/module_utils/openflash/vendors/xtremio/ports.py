# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Target ports: Fibre Channel ports and iSCSI portals (sheet, section 6)."""

from __future__ import annotations

from typing import Optional, Sequence

from ...model import Listing, Port
from ...target_ports import selected
from . import objects
from .objects import listing
from .reading import Reading
from .wire import XmsOperations


class Ports(Reading):
    """Target ports.

    :param target_ports: WWNs and addresses of portals, as the task writes them: the only ones to use; empty for all.
    """

    def __init__(self, xms: XmsOperations, target_ports: Sequence[str] = ()) -> None:
        super().__init__(xms)
        self._target_ports = tuple(target_ports)
        self._ports: Optional[Listing[Port]] = None

    def ports(self) -> Listing[Port]:
        """FC ports that are up, and iSCSI portals of targets that are up; read once per session (2 requests)."""
        if self._ports is None:
            with self._doing("read the target ports"):
                self._ports = self._chosen_ports(self._read_ports())
        return self._ports

    def _read_ports(self) -> Listing[Port]:
        targets = self._xms.targets()
        fc = listing("port", targets, objects.target_port)
        by_address = {str(item.get("port-address")): item for item in targets if item.get("port-type") == "iscsi"}
        portals: Listing[Port] = Listing()
        if by_address:
            portals = listing("port", self._xms.iscsi_portals(), lambda item: objects.portal(item, by_address))
        return Listing(fc.items + portals.items, fc.unreadable + portals.unreadable)

    def _chosen_ports(self, found: Listing[Port]) -> Listing[Port]:
        chosen = selected(found.items, self._target_ports)
        return Listing(tuple(port for port in chosen if port.up is not False), found.unreadable)
