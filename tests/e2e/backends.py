# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections of a cinder.conf for simulated arrays, and the connectors of hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.openstack.upstream import UPSTREAM
from tests.support.in_client.steps import connector

__all__ = ["connector", "section", "upstream_section"]

# By name of the backend: the simulated array, and the driver
DRIVERS = {
    "xtremio": ("xtremio", "xtremio.XtremIOISCSIDriver"),
    "xtremiofc": ("xtremiofc", "xtremio.XtremIOFCDriver"),
    "flashsystem": ("flashsystem", "flashsystem.FlashSystemFCDriver"),
    "flashsystemiscsi": ("flashsystem", "flashsystem.FlashSystemISCSIDriver"),
    "violin": ("violin", "violin.V7000FCPDriver"),
    "violiniscsi": ("violin", "violin.V7000ISCSIDriver"),
    "dsware": ("dsware", "dsware.DSWAREDriver"),
    "dswaresocket": ("dsware", "dsware.DSWAREDriver"),
    "datera": ("datera", "datera.DateraDriver"),
}
FC = ("xtremiofc", "flashsystem", "violin")
# The host of connector(1), and the host of cinder-volume (see disks.py)
HOSTS = ("compute-1", "control")


def section(name: str, entry: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The section of backend ``name`` of DRIVERS, for the array with this entry in endpoints.json."""
    options: dict[str, Any] = {
        "volume_driver": f"openflash_openstack.cinder.{DRIVERS[name][1]}",
        "volume_backend_name": name,
        "san_ip": entry["address"],
        "san_login": entry["username"],
        "san_password": entry["password"],
    }
    if entry.get("ca_path"):
        options |= {"driver_ssl_cert_verify": True, "driver_ssl_cert_path": entry["ca_path"]}
    if name.startswith("flashsystem"):
        protocol = "iSCSI" if name.endswith("iscsi") else "FC"
        options |= {"san_ssh_port": entry["port"], "flashsystem_connection_protocol": protocol}
    elif name == "dsware":
        agents = ",".join(f"{host}:{agent['address']}" for host, agent in zip(HOSTS, entry["agents"], strict=True))
        url = f"https://{entry['address']}:{entry['rest_port']}"
        pools = ";".join(pool["name"] for pool in entry["pools"])
        options |= {"dsware_rest_url": url, "dsware_storage_pools": pools, "manager_ips": agents}
    elif name == "dswaresocket":
        options |= {
            "fusionstorageagent": f"{entry['address']}:{entry['socket_port']}",
            "pool_id_filter": ",".join(str(pool["id"]) for pool in entry["pools"]),
            "dsware_manager": entry["address"],
        }
    else:
        options["san_api_port"] = entry["port"]
    return {**options, **more}


# The backends that Cinder ships a driver for, with their names in tests/openstack
SHIPPED = {
    "xtremio": "xtremio-iscsi",
    "xtremiofc": "xtremio-fc",
    "flashsystem": "flashsystem-fc",
    "flashsystemiscsi": "flashsystem-iscsi",
    "dsware": "dsware",
    "datera": "datera",
}


def upstream_section(name: str, entry: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The section of that backend for the driver that Cinder ships."""
    options = section(name, entry, volume_driver=UPSTREAM[SHIPPED[name]], enable_unsupported_driver=True)
    if name.startswith("xtremio"):
        options["san_ip"] = f"{entry['address']}:{entry['port']}"
    if name == "flashsystemiscsi":
        options |= {"target_ip_address": "127.0.0.11", "flashsystem_iscsi_portid": 1}
    return {**options, **more}
