# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage pools, and the disks that they consist of (section 2.8 of the sheet)."""

from __future__ import annotations

from typing import Any

from . import ledger
from .call import Call
from .refusals import ConcertoError
from .state import GATEWAYS, MIB, ConcertoState, named_id

Reply = dict[str, Any]


def pools(state: ConcertoState, call: Call) -> Reply:
    name = call.name_filter()
    return {"data": {"storage_pools": [row for row in _pools(state) if name in (None, row["name"])]}}


def pool(state: ConcertoState, call: Call, pool_id: str) -> Reply:
    for row in _pools(state):
        if pool_id in (row["object_id"], str(row["storage_pool_id"])):
            is_config = row["name"] == ledger.CONFIG_POOL
            kinds = ["Configuration"] if is_config else ["All", "SAN", "Snapshot", "CDP", "Cache"]
            fields = ("size_mb", "availsize_mb", "usedsize_mb", "owner", "connection_type", "type", "name", "object_id")
            disks = [
                {key: device[key] for key in fields}
                for device in _devices(state)
                if device["pool"]["name"] == row["name"]
            ]
            return {"data": {**row, "resource_type": kinds, "physicaldevices": disks}}
    raise ConcertoError(ledger.NO_SUCH_POOL)


def _pools(state: ConcertoState) -> list[dict[str, Any]]:
    rows = [_pool(row.name, row.id, row.size, row.used) for row in state.array.pools.values()]
    number = 1 + max(row.id for row in state.array.pools.values())
    return [*rows, _pool(ledger.CONFIG_POOL, number, ledger.CONFIG_SIZE, ledger.CONFIG_SIZE // 4)]


def _pool(name: str, number: int, size: int, used: int) -> dict[str, Any]:
    return {
        "object_id": named_id("pool", name),
        "name": name,
        "storage_pool_id": number,
        "size_mb": size // MIB,
        "usedsize_mb": used // MIB,
        "availsize_mb": (size - used) // MIB,
        "category": None if name == ledger.CONFIG_POOL else "Virtual Device",
        "tag": "",
        "total_physicaldevices": len(GATEWAYS),
    }


def _devices(state: ConcertoState) -> list[dict[str, Any]]:
    """Half of each pool belongs to each gateway."""
    rows = []
    for row in _pools(state):
        for position, gateway in enumerate(GATEWAYS):
            size = row["size_mb"] // 2 + (row["size_mb"] % 2 if position else 0)
            used = row["usedsize_mb"] // 2 + (row["usedsize_mb"] % 2 if position else 0)
            name = f"VIOLIN:{row['name']}.{gateway}"
            rows.append(
                {
                    "object_id": named_id("device", name),
                    "name": name,
                    "owner": state.gateways[position],
                    "size_mb": size,
                    "usedsize_mb": used,
                    "availsize_mb": size - used,
                    "size": size * MIB,
                    "availsize": (size - used) * MIB,
                    "pool": {"name": row["name"], "object_id": row["object_id"]},
                    "is_foreign": False,
                    "connection_type": "block",
                    "type": "Direct-Access",
                    "scsi_address": {"adapter": "200", "channel": "0", "id": str(position), "lun": "0"},
                    "guid": named_id("guid", name),
                    "wwid": named_id("wwid", name),
                }
            )
    return rows


def devices(state: ConcertoState, call: Call) -> Reply:
    return {"data": {"physical_devices": _devices(state)}}
