# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Target ports: Fibre Channel adapters and the network interfaces of iSCSI (section 2.8 of the sheet)."""

from __future__ import annotations

from typing import Any

from . import ledger
from .call import Call
from .hosts import dashed
from .refusals import NO_FAILOVER, ConcertoError
from .state import ConcertoState

Reply = dict[str, Any]


def adapters(state: ConcertoState, call: Call) -> Reply:
    rows = [
        {
            "object_id": row.id,
            "number": str(row.number),
            "type": row.kind,
            "info": "",
            "mode": "Dual",
            "module_name": "qla2x00fs" if row.kind == "fc" else "",
            "adaptermode": "",
            "port_status": ("Link Up" if state.is_up(row) else "Link Down") if row.kind == "fc" else "",
        }
        for row in state.adapters
    ]
    return {"data": {"physical_adapters": rows}}


def adapter(state: ConcertoState, call: Call, adapter_id: str) -> Reply:
    for row in state.adapters:
        if row.id == adapter_id:
            data: dict[str, Any] = {"object_id": row.id, "number": str(row.number), "type": row.kind}
            if row.kind == "fc":
                data["wwpn"] = dashed(row.wwpn)
                data["alias_wwpn_list"] = [{"name": row.alias, "mode": "target", "alpa": "0"}]
            return {"data": data}
    raise ConcertoError(ledger.NO_SUCH_OBJECT)


def network(state: ConcertoState, call: Call) -> Reply:
    """The iSCSI interfaces. From 7.5.5 on the answer has another structure."""
    addresses = state.portals if "iscsi" in state.protocols else ()
    if state.numbers < (7, 5, 5):
        rows = [{"name": "eth0", "speed": 1000, "virtualIp": ""}]
        for position, address in enumerate(addresses):
            rows.append({"name": f"isc{position}", "speed": 10000, "virtualIp": ""})
            rows.append({"name": f"isc{position}:0", "speed": 0, "virtualIp": address})
        return {"data": {"interface": rows}}
    interfaces: list[dict[str, Any]] = [{"name": "eth0", "ipAddresses": [{"ipAddress": state.address}]}]
    interfaces += [
        {"name": f"isc{position}", "ipAddresses": [{"ipAddress": address}]}
        for position, address in enumerate(addresses)
    ]
    return {"data": {"interfaces": interfaces}}


def failover(state: ConcertoState, call: Call) -> Reply:
    raise ConcertoError(NO_FAILOVER)
