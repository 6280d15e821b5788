# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Datera EDF: the client of its REST API, versions 2.1 and 2.2."""

from __future__ import annotations

from typing import Any, Sequence

from ...array import Scopes
from ...client import connecting
from ...errors import context
from ...model import Connection
from ...transport.credentials import credentials
from ...transport.http import HttpTransport
from .facts import tenant_path
from .hosts import Hosts
from .snapshots import Snapshots
from .wire import HTTP_PORT, HTTPS_PORT, Edf

__all__ = ["Datera", "connect"]


class Datera(Snapshots, Hosts, Scopes):
    """One tenant of an array.

    A volume is an app instance with one storage instance with one volume, and has the name of the app instance. Where
    others have put several volumes into one app instance, each is called ``app-instance/storage-instance/volume``, and
    what would act on its neighbours as well is refused. A host is an initiator group; an initiator that stands in an
    access list by itself is a host named like its address.
    """

    def scope(self, name: str) -> Datera:
        """Another tenant of the same array."""
        with context(array=self.label):
            return Datera(self._edf.seen_from(name), self._offline_changes, self._wait)

    @property
    def calls(self) -> Sequence[Any]:
        return self._edf.http.journal

    def close(self) -> None:
        self._edf.close()


def connect(connection: Connection) -> Datera:
    """Settle the version, log in, look at the software and the tenant: 3 or 4 session requests (sheet, section 1).

    Options: ``tenant`` (path or bare name, /root by default), ``create_tenant``, ``ldap_server``, ``api_version`` (2.1
    or 2.2; by default the newest that both sides speak), ``scheme`` (https or http), ``offline_changes`` (take an app
    instance offline for a moment where the array demands it).
    """
    username, password = credentials(connection)
    options = connection.options
    scheme = options.get("scheme") or "https"
    port = HTTPS_PORT if scheme == "https" else HTTP_PORT
    edf = Edf(
        HttpTransport.from_connection(connection, port, scheme=scheme),
        connection.max_concurrency,
        tenant_path(options.get("tenant")),
        bool(options.get("create_tenant")),
    )
    with connecting(edf.http.address, edf.close):
        edf.open(username, password, options.get("ldap_server"), options.get("api_version"))
    return Datera(edf, bool(options.get("offline_changes")), connection.wait_timeout)
