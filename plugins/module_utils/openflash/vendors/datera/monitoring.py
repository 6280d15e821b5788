# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which initiators are logged in to which volume (sheet, section 2.2)."""

from __future__ import annotations

from typing import List, Mapping, Optional, Sequence, Set, Tuple

from ...model import EVERY_HOST, ISCSI, Listing
from ...monitoring import Connections, Login
from . import entities
from .entities import InstanceVolume
from .reading import Reading
from .session import Entity


class Monitoring(Reading, Connections):
    """What the array reports of its operation."""

    def logins(self, hosts: Optional[Sequence[str]] = None) -> Listing[Login]:
        """Two requests: all app instances, and the members of the groups.

        Each volume is a target of its own. The array names an initiator once, however many portals it uses, so a path
        here is an initiator that is logged in.
        """
        with self._doing("read the log-ins"):
            instances = self._instances(None)
            groups = self._groups(None)
            members = {host.name: host.addresses for host in groups}
            requested = None if hosts is None else {*hosts, EVERY_HOST}

            def logins(instance: Entity) -> List[Login]:
                return [
                    login
                    for instance_volume in entities.volumes_of(instance)
                    for login in _logins(instance_volume, members, requested)
                ]

            found = entities.listing("volume", instances, logins)
            return Listing(found.items, groups.unreadable + found.unreadable)


def _logins(
    instance_volume: InstanceVolume, members: Mapping[str, Sequence[str]], requested: Optional[Set[str]]
) -> List[Login]:
    access = instance_volume.storage.get("access") or {}
    target = str(access["iqn"]).lower() if access.get("iqn") else None
    active = instance_volume.active if instance_volume.sessions_known else None
    pairs: List[Tuple[str, str]] = []
    for path in instance_volume.access_list:
        host = entities.host_of(path)
        if requested is None or host in requested:
            own = path.startswith("/initiators/")
            pairs += [(host, address) for address in ([entities.address_of(path)] if own else members[host])]
    if instance_volume.open_to_all:
        known = {address for _host, address in pairs}
        pairs += [(EVERY_HOST, address) for address in active or () if address not in known]
    return [
        Login(
            host,
            address,
            ISCSI,
            target if active is not None and address in active else None,
            volume=instance_volume.title,
            paths=None if active is None else int(address in active),
        )
        for host, address in pairs
    ]
