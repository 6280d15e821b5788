# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Datera EDF: the client of its REST API, versions 2.1 and 2.2."""

from __future__ import annotations

from ...array import Scopes
from ...client import connecting
from ...errors import context
from ...model import Connection
from ...transport.credentials import credentials
from ...transport.http import HttpTransport
from ...transport.journal import Journal
from .hosts import Hosts
from .monitoring import Monitoring
from .names import tenant_path
from .session import HTTP_PORT, HTTPS_PORT
from .snapshots import Snapshots
from .wire import EdfOperations

__all__ = ["Datera", "connect"]


class Datera(Snapshots, Hosts, Monitoring, Scopes):
    """One tenant of an array.

    A volume is an app instance with one storage instance with one volume, and has the name of the app instance. Where
    an app instance has several volumes, each is called ``app-instance/storage-instance/volume``, and a change that
    would also affect the others is refused. A host is an initiator group; an initiator that is in an access list
    without a group is a host with the name of its address.
    """

    def scope(self, name: str) -> Datera:
        """Another tenant of the same array."""
        with context(array=self.label):
            return Datera(self._wire.for_tenant(name), self._offline_changes, self._wait)

    @property
    def calls(self) -> Journal:
        return self._wire.http.journal

    def close(self) -> None:
        self._wire.close()


def connect(connection: Connection) -> Datera:
    """Choose the API version, log in, read the software version and the tenant: 3 or 4 session requests (section 1).

    Options: ``tenant`` (path or bare name, /root by default), ``create_tenant``, ``ldap_server``, ``api_version`` (2.1
    or 2.2; by default the newest that both sides have), ``scheme`` (https or http), ``offline_changes`` (take an app
    instance offline for a moment where the array demands it).
    """
    username, password = credentials(connection)
    options = connection.options
    scheme = options.get("scheme") or "https"
    port = HTTPS_PORT if scheme == "https" else HTTP_PORT
    wire = EdfOperations(
        HttpTransport.from_connection(connection, port, scheme=scheme),
        connection.max_concurrency,
        tenant_path(options.get("tenant")),
        bool(options.get("create_tenant")),
    )
    with connecting(wire.http.address, wire.close):
        wire.open(username, password, options.get("ldap_server"), options.get("api_version"))
    return Datera(wire, bool(options.get("offline_changes")), connection.wait_timeout)
