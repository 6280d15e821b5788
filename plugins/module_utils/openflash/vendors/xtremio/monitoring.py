# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which initiators are logged in, and to which target ports (sheet, section 6)."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Set, Tuple

from ... import client
from ...model import Listing
from ...monitoring import Connections, Login
from ...units import parse_initiator
from . import objects
from .ledger import TARGETS_LISTED
from .objects import listing
from .reading import Reading
from .session import Object

Targets = Dict[str, Tuple[str, str]]
"""Name and port address of each target, by its index."""


class Monitoring(Reading, Connections):
    """What the array reports of its operation."""

    def logins(self, hosts: Optional[Sequence[str]] = None) -> Listing[Login]:
        """From XMS 4.2 on three requests, with the target ports. On 4.0 one, with their number; on 3.x one for each
        initiator besides.
        """
        with self._doing("read the log-ins"):
            requested = None if hosts is None else set(hosts)
            items = self._xms.connections(sorted(requested) if requested and self._xms.is_v2 else None)
            listed: Dict[str, List[str]] = {}
            targets: Targets = {}
            if self._xms.has_connectivity and TARGETS_LISTED.value == "listed" and items:
                with client.understanding("the list of log-ins"):
                    listed = {_address(item): objects.indexes(item["target-list"]) for item in self._xms.connectivity()}
                if any(listed.values()):
                    with client.understanding("the list of targets"):
                        targets = {objects.index(item): _target(item) for item in self._xms.targets()}
            read = listing("initiator", items, lambda item: _logins(item, requested, listed, targets))
            return Listing(tuple(login for logins in read for login in logins), read.unreadable)


def _address(item: Object) -> str:
    return parse_initiator(str(item["port-address"]))[1]


def _target(item: Object) -> Tuple[str, str]:
    return str(item["name"]), _address(item)


def _logins(
    item: Object, requested: Optional[Set[str]], listed: Dict[str, List[str]], targets: Targets
) -> Tuple[Login, ...]:
    """The log-ins of an initiator; one without a target where only their number is known."""
    initiator, host = objects.initiator(item), str(objects.owner(item)["name"])
    if requested is not None and host not in requested:
        return ()
    found = tuple(
        Login(host, initiator.address, initiator.protocol, targets[index][1], targets[index][0], paths=1)
        for index in listed.get(initiator.address, ())
    )
    if found:
        return found
    count = item.get("num-of-conn-tars")
    if initiator.logged_in is False:
        count = 0
    return (Login(host, initiator.address, initiator.protocol, paths=None if count is None else int(count)),)
