# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The system, its pool, its nodes and their Fibre Channel and Ethernet ports (section 2.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...objects import Pool
from . import ledger
from .cli import VIEW, Command, Pairs, Row, capacity, concise, detailed
from .refusals import Refusal
from .state import FlashsystemState

Options = Mapping[str, bool]
Handler = Callable[[FlashsystemState, Command], str]

NODE_COLUMNS = (
    "id name UPS_serial_number WWNN status IO_group_id IO_group_name config_node UPS_unique_id hardware iscsi_name "
    "iscsi_alias panel_name enclosure_id canister_id enclosure_serial_number"
).split()
FC_PORT_COLUMNS = (
    "id canister_id adapter_id port_id type port_speed node_id node_name WWPN nportid status attachment topology"
).split()
IP_PORT_COLUMNS = (
    "id node_id node_name canister_id adapter_id port_id IP_address mask gateway IP_address_6 prefix_6 gateway_6 MAC "
    "duplex state speed failover link_state host host_6 vlan vlan_6 adapter_location adapter_port_id"
).split()
POOL_COLUMNS = (
    "id name status mdisk_count vdisk_count capacity extent_size free_capacity virtual_capacity used_capacity "
    "real_capacity encrypted type encrypt"
).split()


def lssystem(system: FlashsystemState, command: Command) -> str:
    code_level = [("code_level", f"{system.version} (build 121.2.1612061230000)")]
    if system.assumed("system.code_level") == "missing":
        code_level = []
    pairs: Pairs = [
        ("id", system.id),
        ("name", system.name),
        ("location", "local"),
        ("total_mdisk_capacity", capacity(command, system.array.size)),
        ("total_free_space", capacity(command, system.array.size - system.array.used)),
        *code_level,
        ("time_zone", "522 UTC"),
        ("console_IP", f"{system.address}:443"),
        ("id_alias", system.id),
        ("open_access_enabled", "on" if system.open_access else "off"),
    ]
    return detailed(command, pairs)


def chsystem(system: FlashsystemState, command: Command) -> str:
    value = command.needed("openaccess")
    if value not in ("on", "off"):
        raise Refusal("CMMVC5711E", value)
    system.open_access = value == "on"
    return ""


def lsmdiskgrp(system: FlashsystemState, command: Command) -> str:
    if command.object is None:
        return concise(
            command,
            POOL_COLUMNS,
            [_pool(system, command, pool) for pool in system.array.pools.values()],
            system.empty_header,
        )
    pool = find_pool(system, command.object)
    return detailed(command, list(_pool(system, command, pool).items()))


def find_pool(system: FlashsystemState, name: str) -> Pool:
    for pool in system.array.pools.values():
        if name in (pool.name, str(pool.id)):
            return pool
    raise Refusal("CMMVC5754E")


def _pool(system: FlashsystemState, command: Command, pool: Pool) -> Row:
    count = sum(volume.pool == pool.name for volume in system.array.volumes)
    sizes = {"capacity": pool.size, "free_capacity": pool.free, "extent_size": ledger.EXTENT >> 20}
    sizes |= dict.fromkeys(("virtual_capacity", "used_capacity", "real_capacity"), pool.used)
    row = dict.fromkeys(POOL_COLUMNS, "")
    row |= {name: capacity(command, size) for name, size in sizes.items()}
    row |= {
        "id": str(pool.id),
        "name": pool.name,
        "status": "online" if system.online("pool") else "offline",
        "mdisk_count": "1",
        "vdisk_count": str(count),
        "extent_size": str(ledger.EXTENT >> 20),
        "encrypted": "no",
        "type": "parent",
        "encrypt": "no",
    }
    return row


def lsnode(system: FlashsystemState, command: Command) -> str:
    rows = [_node(system, node) for node in range(1, system.nodes + 1)]
    if command.object is None:
        return concise(command, NODE_COLUMNS, rows, system.empty_header)
    for row in rows:
        if command.object in (row["id"], row["name"]):
            pairs = list(row.items())
            for port, wwpn in enumerate(system.wwpns(int(row["id"])), 1):
                active = _port_active(system, int(row["id"]), port)
                pairs += [
                    ("port_id", system.wwpn(wwpn)),
                    ("port_status", "active" if active else "inactive"),
                    ("port_speed", ledger.FC_SPEED if active else "N/A"),
                ]
            return detailed(command, pairs)
    raise Refusal("CMMVC5754E")


def _node(system: FlashsystemState, node: int) -> Row:
    first_online = next((number for number in range(1, system.nodes + 1) if system.online(f"node{number}")), 1)
    row = dict.fromkeys(NODE_COLUMNS, "")
    row |= {
        "id": str(node),
        "name": f"node{node}",
        "WWNN": f"5005076{system.id[-7:]}{node}0",
        "status": "online" if system.online(f"node{node}") else "offline",
        "IO_group_id": "0",
        "IO_group_name": "io_grp0",
        "config_node": "yes" if node == first_online else "no",
        "hardware": "TR1",
        "iscsi_name": system.iscsi_name(node),
        "panel_name": f"01-{node}",
        "enclosure_id": "1",
        "canister_id": str(node),
        "enclosure_serial_number": "H441028",
    }
    return row


def _port_active(system: FlashsystemState, node: int, port: int) -> bool:
    return system.online(f"node{node}") and system.online(f"port{2 * (node - 1) + port}")


def _need_kind(system: FlashsystemState, kind: str, verb: str) -> None:
    """Refuse to list the ports of a protocol that the array does not have, where that is assumed."""
    played = system.assumed("ports.absent_kind")
    if kind not in system.protocols and played == "refused":
        raise Refusal("CMMVC7205E")
    if kind not in system.protocols and played == "unknown":
        raise Refusal("", status=system.assumed("errors.unknown_command"), text=f"rbash: {verb}: command not found")


def lsportfc(system: FlashsystemState, command: Command) -> str:
    _need_kind(system, "fc", command.verb)
    rows: list[Row] = []
    for node in range(1, system.nodes + 1):
        for port, wwpn in enumerate(system.wwpns(node), 1):
            active = _port_active(system, node, port)
            row = dict.fromkeys(FC_PORT_COLUMNS, "")
            row |= {
                "id": str(len(rows)),
                "canister_id": str(node),
                "adapter_id": "1",
                "port_id": str(port),
                "type": "fc",
                "port_speed": ledger.FC_SPEED if active else "N/A",
                "node_id": str(node),
                "node_name": f"node{node}",
                "WWPN": system.wwpn(wwpn),
                "nportid": f"01{node:02X}{port:02X}",
                "status": "active" if active else "inactive_configured",
                "attachment": "host" if active else "none",
                "topology": "al" if active else "",
            }
            rows.append(row)
    return concise(command, FC_PORT_COLUMNS, rows, system.empty_header)


def _addresses(address: str) -> Row:
    """The address columns of an Ethernet port: IPv6 has its own."""
    if ":" in address:
        return {"IP_address_6": address, "prefix_6": "64", "gateway_6": ""}
    return {"IP_address": address, "mask": "255.0.0.0", "gateway": "127.0.0.1"}


def lsportip(system: FlashsystemState, command: Command) -> str:
    _need_kind(system, "iscsi", command.verb)
    rows: list[Row] = []
    for node, address in system.portals():
        online = system.online(f"node{node}") and system.online(f"ip{node}")
        row = dict.fromkeys(IP_PORT_COLUMNS, "")
        row |= {
            "id": str(len(rows) + 1),
            "node_id": str(node),
            "node_name": f"node{node}",
            "canister_id": str(node),
            "adapter_id": "2",
            "port_id": "1",
            **_addresses(address),
            "MAC": f"40:f2:e9:00:00:{node:02x}",
            "duplex": "Full",
            "state": "online" if online else "offline",
            "speed": ledger.ETHERNET_SPEED if online else "NONE",
            "failover": "no",
            "link_state": "active" if online else "inactive",
            "host": "yes",
            "adapter_location": "2",
            "adapter_port_id": "1",
        }
        rows.append(row)
        if system.assumed("ports.failover_rows") and system.nodes > 1:
            other = system.nodes + 1 - node
            rows.append({**row, "node_id": str(other), "node_name": f"node{other}", "failover": "yes"})
        # And a port without an address, as on a new array.
        unconfigured = {**row, "id": str(len(rows) + 1), "port_id": "2", **dict.fromkeys(_addresses(address), "")}
        rows.append({**unconfigured, "state": "unconfigured", "host": "", "adapter_port_id": "2"})
    return concise(command, IP_PORT_COLUMNS, rows, system.empty_header)


COMMANDS: dict[str, tuple[Options, Handler]] = {
    "lssystem": (VIEW, lssystem),
    "lsmdiskgrp": (VIEW, lsmdiskgrp),
    "lsnode": (VIEW, lsnode),
    "lsportfc": (VIEW, lsportfc),
    "lsportip": (VIEW, lsportip),
    "chsystem": ({"openaccess": True}, chsystem),
    # Other clients send this after login, and expect a success (section 1).
    "registerplugin": (
        {"name": True, "uniquekey": True, "version": True, "metadata": True},
        lambda system, command: "",
    ),
}
