# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server, its ports, pools and disks (sections 1.5 and 2.8 of the sheet)."""

from __future__ import annotations

from typing import Any

from . import guesses
from .call import Call
from .clients import dashed
from .concerto import GATEWAYS, MIB, Concerto, named_id
from .errors import NO_FAILOVER, ConcertoError

Reply = dict[str, Any]


def info(c: Concerto, call: Call) -> Reply:
    build = build_of(c.version)
    data = {
        "capacity": str(c.array.size),
        "hardware_model": guesses.HARDWARE[c.model],
        "hostname": f"{c.name}-{GATEWAYS[0]}",
        "kernel_version": "2.6.32-358.el6.x86_64",
        "manufacturer": "Violin",
        "memory": str(64 << 30),
        "network_interface": ["eth0", "eth1"],
        "os_version": "Red Hat Enterprise Linux Server release 6.4",
        "processor": "Intel(R) Xeon(R)",
        "server_version": f"Violin Memory Concerto Server v{c.version} - (Build {build})",
        "slot_type": GATEWAYS[0],
        "swap": str(8 << 30),
        "system_serial_number": named_id("serial", c.name)[:13].upper(),
    }
    return {"data": data}


def build_of(version: str) -> str:
    return guesses.BUILD


def version(c: Concerto, call: Call) -> Reply:
    return {"data": {"concerto_version": c.version, "build": build_of(c.version), "api_version": ""}}


def pools(c: Concerto, call: Call) -> Reply:
    name = call.name_filter()
    return {"data": {"storage_pools": [row for row in _pools(c) if name in (None, row["name"])]}}


def pool(c: Concerto, call: Call, pool_id: str) -> Reply:
    for row in _pools(c):
        if pool_id in (row["object_id"], str(row["storage_pool_id"])):
            config = row["name"] == guesses.CONFIG_POOL
            kinds = ["Configuration"] if config else ["All", "SAN", "Snapshot", "CDP", "Cache"]
            devices = [one for one in _devices(c) if one["pool"]["name"] == row["name"]]
            fields = ("size_mb", "availsize_mb", "usedsize_mb", "owner", "connection_type", "type", "name", "object_id")
            rows = [{key: one[key] for key in fields} for one in devices]
            return {"data": {**row, "resource_type": kinds, "physicaldevices": rows}}
    raise ConcertoError(guesses.NO_SUCH_POOL)


def _pools(c: Concerto) -> list[dict[str, Any]]:
    rows = [_pool(one.name, one.id, one.size, one.used) for one in c.array.pools.values()]
    number = 1 + max(one.id for one in c.array.pools.values())
    return [*rows, _pool(guesses.CONFIG_POOL, number, guesses.CONFIG_SIZE, guesses.CONFIG_SIZE // 4)]


def _pool(name: str, number: int, size: int, used: int) -> dict[str, Any]:
    return {
        "object_id": named_id("pool", name),
        "name": name,
        "storage_pool_id": number,
        "size_mb": size // MIB,
        "usedsize_mb": used // MIB,
        "availsize_mb": (size - used) // MIB,
        "category": None if name == guesses.CONFIG_POOL else "Virtual Device",
        "tag": "",
        "total_physicaldevices": len(GATEWAYS),
    }


def _devices(c: Concerto) -> list[dict[str, Any]]:
    """Half of each pool belongs to each gateway."""
    found = []
    for row in _pools(c):
        for position, gateway in enumerate(GATEWAYS):
            size = row["size_mb"] // 2 + (row["size_mb"] % 2 if position else 0)
            used = row["usedsize_mb"] // 2 + (row["usedsize_mb"] % 2 if position else 0)
            name = f"VIOLIN:{row['name']}.{gateway}"
            found.append(
                {
                    "object_id": named_id("device", name),
                    "name": name,
                    "owner": c.gateways[position],
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
    return found


def devices(c: Concerto, call: Call) -> Reply:
    return {"data": {"physical_devices": _devices(c)}}


def adapters(c: Concerto, call: Call) -> Reply:
    rows = [
        {
            "object_id": one.id,
            "number": str(one.number),
            "type": one.kind,
            "info": "",
            "mode": "Dual",
            "module_name": "qla2x00fs" if one.kind == "fc" else "",
            "adaptermode": "",
            "port_status": ("Link Up" if one.up else "Link Down") if one.kind == "fc" else "",
        }
        for one in c.adapters
    ]
    return {"data": {"physical_adapters": rows}}


def adapter(c: Concerto, call: Call, adapter_id: str) -> Reply:
    for one in c.adapters:
        if one.id == adapter_id:
            data: dict[str, Any] = {"object_id": one.id, "number": str(one.number), "type": one.kind}
            if one.kind == "fc":
                data["wwpn"] = dashed(one.wwpn)
                data["alias_wwpn_list"] = [{"name": one.alias, "mode": "target", "alpa": "0"}]
            return {"data": data}
    raise ConcertoError(guesses.NO_SUCH_OBJECT)


def dedup(c: Concerto, call: Call) -> Reply:
    if c.external:
        raise ConcertoError(guesses.NO_DEDUP)
    return {"data": {"enabled": True}}


def acm(c: Concerto, call: Call) -> Reply:
    return {"data": {}}


def network(c: Concerto, call: Call) -> Reply:
    """The iSCSI interfaces: the whole answer looks different from 7.5.5 on."""
    ips = c.portals if "iscsi" in c.protocols else ()
    if c.numbers < (7, 5, 5):
        rows = [{"name": "eth0", "speed": 1000, "virtualIp": ""}]
        for position, ip in enumerate(ips):
            rows.append({"name": f"isc{position}", "speed": 10000, "virtualIp": ""})
            rows.append({"name": f"isc{position}:0", "speed": 0, "virtualIp": ip})
        return {"data": {"interface": rows}}
    named: list[dict[str, Any]] = [{"name": "eth0", "ipAddresses": [{"ipAddress": c.address}]}]
    named += [{"name": f"isc{position}", "ipAddresses": [{"ipAddress": ip}]} for position, ip in enumerate(ips)]
    return {"data": {"interfaces": named}}


def failover(c: Concerto, call: Call) -> Reply:
    raise ConcertoError(NO_FAILOVER)
