# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Huawei Dsware / FusionStorage block: the client of its REST interface, its text socket and its attach tools."""

from __future__ import annotations

from typing import Any, Dict, Union

from ...attach.dsware import AttachTool
from ...client import connecting
from ...errors import Invalid
from ...model import Connection
from ...transport.command import CommandTransport
from ...transport.journal import Journal
from ...units import parse_endpoint
from .capabilities import capabilities
from .ledger import EXTENSIONS, REST, SOCKET
from .monitoring import Monitoring
from .names import names_of_this_host
from .rest import RestWire
from .text import TextWire

__all__ = ["Dsware", "connect"]


class Dsware(Monitoring):
    """One array, over one of its interfaces. A volume and a snapshot may have the same name (sheet, section 2)."""

    @property
    def calls(self) -> Journal:
        return self._wire.journal

    def close(self) -> None:
        self._wire.close()


def connect(connection: Connection) -> Dsware:
    """REST: 2 session requests (version, login), and 1 more when a pool is first needed. Socket: 1, the pools.

    Options: ``transport`` (rest or socket), ``storage_pools`` (names or numbers of the pools to use; the socket cannot
    list them), ``agents`` (host name -> address of the block client's agent there), ``attach_tool`` (path of vbs_cli or
    sds_cli on this host), ``device_root`` (where devices appear), ``wire_extensions`` (send over the socket what no
    published client sends).
    """
    options = connection.options
    transport = options.get("transport") or REST
    if transport not in (REST, SOCKET):
        raise Invalid("transport %r is neither rest nor socket" % transport)
    extensions = bool(options.get("wire_extensions", EXTENSIONS.value))
    agents = _agents(options.get("agents"), transport)
    pool_names = [str(one) for one in options.get("storage_pools") or ()]
    wire: Union[RestWire, TextWire]
    if transport == REST:
        wire = RestWire(connection)
    else:
        if connection.proxy:
            raise Invalid("the text socket cannot be reached through a proxy", hint="Leave proxy out.")
        wire = TextWire(connection, pool_names, extensions)
    with connecting(wire.address, wire.close):
        tool = None
        if options.get("attach_tool"):
            manager = parse_endpoint(connection.address[0], 443)[0] if transport == REST else None
            command = CommandTransport(connection.timeout, wire.journal)
            tool = AttachTool(str(options["attach_tool"]), command, connection.wait_timeout, manager)
        pools = wire.open()
    local_names = names_of_this_host() if agents or tool else frozenset()
    able = capabilities(transport, extensions, local_names, sorted(agents), tool is not None)
    array = Dsware(wire, able, connection.wait_timeout, pool_names, pools)
    array.agents, array.tool = agents, tool
    array.device_root = str(options.get("device_root") or array.device_root)
    array.wait_for_devices = connection.wait_timeout
    return array


def _agents(given: Any, transport: str) -> Dict[str, str]:
    """The agents, checked now: a wrong entry would else fail only when a volume is attached (section 8, point 12)."""
    if not given:
        return {}
    if transport != REST:
        raise Invalid("agents are used with transport: rest", hint="On the socket, set attach_tool.")
    if not isinstance(given, dict) or not all(str(key).strip() and str(value).strip() for key, value in given.items()):
        raise Invalid("agents is not a mapping of host names to addresses")
    return {str(key).strip(): str(value).strip() for key, value in given.items()}
