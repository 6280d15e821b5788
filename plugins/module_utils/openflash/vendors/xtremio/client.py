# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""XtremIO: the client of the XMS, REST v1 (XIOS 3.x) and v2 (XMS 4.0, 4.2 and later)."""

from __future__ import annotations

from ...array import Scopes
from ...client import connecting
from ...errors import context
from ...model import Connection
from ...transport.credentials import credentials
from ...transport.http import HttpTransport
from ...transport.journal import Journal
from .group_restore import GroupRestores
from .hosts import Hosts
from .monitoring import Monitoring
from .ports import Ports
from .snapshots import Snapshots
from .tags import Tags
from .wire import XmsOperations

__all__ = ["XtremIO", "connect"]

PORT = 443


class XtremIO(Snapshots, Hosts, GroupRestores, Tags, Ports, Monitoring, Scopes):
    """One cluster of an XMS.

    Snapshots are volumes, in the same name space (sheet, section 2). v2 reports which are read-only: ``snapshots()``
    lists those as proven, and ``volumes()`` all that can be written, clones included. v1 does not report it:
    ``snapshots()`` lists every copy of another volume, unproven, and ``volumes()`` lists these too.
    """

    def scope(self, name: str) -> XtremIO:
        """Another cluster of the same XMS."""
        with context(array=self.label):
            return XtremIO(self._xms.with_cluster(name), self._target_ports)

    @property
    def calls(self) -> Journal:
        return self._xms.http.journal

    def close(self) -> None:
        self._xms.http.close()


def connect(connection: Connection) -> XtremIO:
    """Find out version and cluster: 1 to 3 session requests (sheet, section 1).

    Options: ``cluster`` (name; required when the XMS manages several), ``array_version`` (of the XMS, such as
    ``4.2.0-33``; it saves requests), ``target_ports`` (IP addresses of portals and WWNs: the only ones to use).
    """
    credentials(connection)
    xms = XmsOperations(HttpTransport.from_connection(connection, PORT, basic=True), connection.max_concurrency)
    with connecting(xms.http.address, xms.http.close):
        xms.open(connection.options.get("cluster"), connection.options.get("array_version"))
    return XtremIO(xms, connection.options.get("target_ports") or ())
