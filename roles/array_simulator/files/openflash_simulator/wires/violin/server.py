# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server behind the API: model, version and licences (sections 1.5 and 2.8 of the sheet)."""

from __future__ import annotations

from typing import Any

from . import ledger
from .call import Call
from .refusals import ConcertoError
from .state import GATEWAYS, ConcertoState, named_id

Reply = dict[str, Any]


def info(state: ConcertoState, call: Call) -> Reply:
    data = {
        "capacity": str(state.array.size),
        "hardware_model": ledger.HARDWARE[state.model],
        "hostname": state.hostname,
        "kernel_version": "2.6.32-358.el6.x86_64",
        "manufacturer": "Violin",
        "memory": str(64 << 30),
        "network_interface": ["eth0", "eth1"],
        "os_version": "Red Hat Enterprise Linux Server release 6.4",
        "processor": "Intel(R) Xeon(R)",
        "server_version": f"Violin Memory Concerto Server v{state.version} - (Build {ledger.BUILD})",
        "slot_type": GATEWAYS[0],
        "swap": str(8 << 30),
        "system_serial_number": named_id("serial", state.name)[:13].upper(),
    }
    return {"data": data}


def version(state: ConcertoState, call: Call) -> Reply:
    return {"data": {"concerto_version": state.version, "build": ledger.BUILD, "api_version": ""}}


def dedup(state: ConcertoState, call: Call) -> Reply:
    """Success where deduplication is licensed, which only a 7300 can be."""
    if state.external:
        raise ConcertoError(ledger.NO_DEDUP)
    return {"data": {"enabled": True}}


def acm(state: ConcertoState, call: Call) -> Reply:
    return {"data": {}}
