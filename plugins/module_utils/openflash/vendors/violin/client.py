# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Violin Memory 7300 and 7700 FSP: the client of Concerto OS 7.5.3 and later."""

from __future__ import annotations

from ...client import connecting
from ...errors import Invalid
from ...model import Connection
from ...transport.credentials import credentials
from ...transport.http import HttpTransport
from ...transport.journal import Journal
from .copies import Copies
from .hosts import Hosts
from .monitoring import Monitoring
from .reading import Reading, Settings
from .snapshots import Snapshots
from .volumes import Volumes
from .wire import ConcertoOperations

__all__ = ["Violin", "connect"]

PORT = 443
LARGEST, SMALLEST = "largest", "smallest"


class Violin(Copies, Snapshots, Volumes, Hosts, Monitoring, Reading):
    """One array, through the gateway that the task names; each gateway manages all of it.

    A volume is a LUN, a snapshot a TimeMark of a LUN, named by its comment, a host a SAN client. A full copy has a
    temporary name until the array reports that it has finished. A thin clone (TimeView) is instant, and depends on its
    source.
    """

    @property
    def calls(self) -> Journal:
        return self._concerto.http.journal

    def close(self) -> None:
        self._concerto.close()


def connect(connection: Connection) -> Violin:
    """Log in and read version and model: 4 session requests, 5 on a 7300 (sheet, section 1).

    Options: ``pool_selection`` (largest or smallest, for volumes that name no pool), ``dedup_only_pools`` and
    ``dedup_capable_pools`` (names of pools of a 7700), ``remove_empty_hosts``, ``target_ports`` (WWNs and IP addresses
    of portals: the only ones to use), ``allow_untested_version``.
    """
    username, password = credentials(connection)
    options = connection.options
    selection = options.get("pool_selection") or LARGEST
    if selection not in (LARGEST, SMALLEST):
        raise Invalid("pool_selection is %r, and not largest or smallest" % selection)
    concerto = ConcertoOperations(
        HttpTransport.from_connection(connection, PORT),
        username,
        password,
        connection.address[0],
        connection.max_concurrency,
    )
    with connecting(concerto.http.address, concerto.close):
        concerto.open(bool(options.get("allow_untested_version")))
    return Violin(
        concerto,
        Settings(
            wait_timeout=connection.wait_timeout,
            smallest=selection == SMALLEST,
            dedup_only=tuple(options.get("dedup_only_pools") or ()),
            dedup_capable=tuple(options.get("dedup_capable_pools") or ()),
            remove_empty_hosts=bool(options.get("remove_empty_hosts")),
            ports=tuple(options.get("target_ports") or ()),
        ),
    )
