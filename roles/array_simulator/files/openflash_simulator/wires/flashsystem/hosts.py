# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts, their ports and their mappings (sections 2.3 and 2.4)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...objects import Host, Initiator, Mapping
from .cli import VIEW, Command, Pairs, Row, check_name, concise, detailed
from .refusals import Refusal
from .state import FlashsystemState
from .system import Handler, Options
from .volumes import find_vdisk, vdisk_id

HOST_COLUMNS = "id name port_count iogrp_count status".split()
FABRIC_COLUMNS = (
    "remote_wwpn remote_nportid id node_name local_wwpn local_port local_nportid state name cluster_name type"
).split()
HOST_MAPPING_COLUMNS = "id name SCSI_id vdisk_id vdisk_name vdisk_UID".split()
VDISK_MAPPING_COLUMNS = "id name SCSI_id host_id host_name vdisk_UID IO_group_id IO_group_name".split()

_WWPN = re.compile(r"[0-9a-f]{16}\Z")
_IQN = re.compile(r"(iqn\.\d{4}-\d{2}\.|eui\.)\S+\Z")
_PORTS = {"hbawwpn": True, "fcwwpn": True, "iscsiname": True, "force": False}
FIRST_MAP_NUMBER = 1000


def find_host(system: FlashsystemState, name: str | None, code: str = "CMMVC5754E") -> Host:
    """By name or id; ``code`` is what this verb answers when there is no such host."""
    if name is None:
        raise Refusal("CMMVC5701E")
    found = system.array.hosts.find(name)
    if found is None and name.isdigit():
        found = system.array.hosts.get(int(name) + 1)
    if found is None:
        raise Refusal(code)
    return found


def _ports(system: FlashsystemState, command: Command) -> list[str]:
    """The ports that the command names: WWPNs joined by colons, iSCSI names joined by commas."""
    if system.assumed("hosts.wwpn_option") == "-fcwwpn" and "hbawwpn" in command.options:
        raise Refusal("CMMVC5709E", "-hbawwpn")
    wwpns = [
        wwpn for name in ("hbawwpn", "fcwwpn") for wwpn in command.options.get(name, "").lower().split(":") if wwpn
    ]
    iqns = [iqn for iqn in command.options.get("iscsiname", "").lower().split(",") if iqn]
    if wwpns and iqns:
        raise Refusal("CMMVC5713E")
    if not wwpns and not iqns:
        raise Refusal("CMMVC5707E")
    if not all(_WWPN.match(wwpn) for wwpn in wwpns) or (len(wwpns) > 1 and system.assumed("hosts.wwpn_list") == "none"):
        raise Refusal("CMMVC5867E")
    if not all(_IQN.match(iqn) for iqn in iqns) or (len(iqns) > 1 and system.assumed("hosts.iqn_list") == "none"):
        raise Refusal("CMMVC6578E")
    ports = wwpns + iqns
    if len(set(ports)) < len(ports):
        raise Refusal("CMMVC6070E", ports[0])
    return ports


def _check_free(system: FlashsystemState, ports: Sequence[str]) -> None:
    for port in ports:
        if system.array.find_initiator(port):
            raise Refusal("CMMVC5867E" if _WWPN.match(port) else "CMMVC6578E")


def _status(system: FlashsystemState, host: Host) -> str:
    states = {system.logged_in(port.address) for port in system.array.initiators_of(host)}
    return {frozenset({True}): "online", frozenset({True, False}): "degraded"}.get(frozenset(states), "offline")


def _row(system: FlashsystemState, host: Host) -> Row:
    return {
        "id": str(host.id - 1),
        "name": host.name,
        "port_count": str(len(system.array.initiators_of(host))),
        "iogrp_count": "1",
        "status": _status(system, host),
    }


def lshost(system: FlashsystemState, command: Command) -> str:
    if command.object is None:
        return concise(command, HOST_COLUMNS, [_row(system, host) for host in system.array.hosts], system.empty_header)
    host = find_host(system, command.object)
    row = _row(system, host)
    pairs: Pairs = [(name, row[name]) for name in ("id", "name", "port_count")]
    pairs += [("type", "generic"), ("mask", "1" * 16), ("iogrp_count", "1"), ("status", row["status"])]
    for port in system.array.initiators_of(host):
        pairs += _port(system, port)
    return detailed(command, pairs)


def _port(system: FlashsystemState, port: Initiator) -> Pairs:
    is_fc = _WWPN.match(port.address)
    nodes = {node for node, _port in system.login_ports(port.address)}
    count = [("node_logged_in_count", str(len(nodes)))]
    return [
        ("WWPN", system.wwpn(port.address)) if is_fc else ("iscsi_name", port.address),
        *(count if system.assumed("hosts.logged_in") == "reported" else []),
        ("state", "active" if nodes else "offline"),
    ]


def lsfabric(system: FlashsystemState, command: Command) -> str:
    """The log-ins of Fibre Channel ports: one row for each port of a host at each target port."""
    if command.verb != system.assumed("hosts.fabric"):
        text = f"rbash: {command.verb}: command not found"
        raise Refusal("", status=system.assumed("errors.unknown_command"), text=text)
    rows: list[Row] = []
    for host in system.array.hosts:
        for port in system.array.initiators_of(host):
            for node, wwpn in system.login_ports(port.address) if _WWPN.match(port.address) else ():
                row = dict.fromkeys(FABRIC_COLUMNS, "")
                row |= {
                    "remote_wwpn": system.wwpn(port.address),
                    "id": str(node),
                    "node_name": f"node{node}",
                    "local_wwpn": system.wwpn(wwpn),
                    "local_port": str(1 + system.wwpns(node).index(wwpn)),
                    "state": "active",
                    "name": host.name,
                    "type": "host",
                }
                rows.append(row)
    return concise(command, FABRIC_COLUMNS, rows, system.empty_header)


def _check_name(system: FlashsystemState, name: str) -> str:
    return check_name(name, system.assumed("names.host_longest"), system.assumed("names.characters"))


def mkhost(system: FlashsystemState, command: Command) -> str:
    ports = _ports(system, command)
    _check_free(system, ports)
    name = command.options.get("name")
    name = f"host{system.array.hosts.next_id - 1}" if name is None else _check_name(system, name)
    host = system.array.create_host(name, [(port, port) for port in ports])
    return f"Host, id [{host.id - 1}], successfully created\n"


def addhostport(system: FlashsystemState, command: Command) -> str:
    host = find_host(system, command.object, "CMMVC5753E")
    ports = _ports(system, command)
    _check_free(system, ports)
    for port in ports:
        system.array.add_initiator(host, port)
    return ""


def rmhostport(system: FlashsystemState, command: Command) -> str:
    host = find_host(system, command.object, "CMMVC5753E")
    present = {port.address: port for port in system.array.initiators_of(host)}
    played = system.assumed("hosts.remove_port")
    if played == "unknown":
        raise Refusal("CMMVC7205E")
    if played == "force_needed" and system.array.mappings_for(host) and not command.flag("force"):
        raise Refusal("CMMVC6045E")
    ports = _ports(system, command)
    if any(port not in present for port in ports):
        raise Refusal("CMMVC5867E" if _WWPN.match(ports[0]) else "CMMVC6578E")
    for port in ports:
        system.array.remove_initiator(present[port])
    return ""


def chhost(system: FlashsystemState, command: Command) -> str:
    host = find_host(system, command.object, "CMMVC5753E")
    system.array.rename_host(host, _check_name(system, command.needed("name")))
    return ""


def rmhost(system: FlashsystemState, command: Command) -> str:
    host = find_host(system, command.object, "CMMVC5753E")
    if command.flag("force") or system.assumed("hosts.delete_mapped") == "deleted":
        for mapping in system.array.mappings_for(host):
            system.array.unmap(mapping)
    system.array.delete_host(host)
    return ""


def mkvdiskhostmap(system: FlashsystemState, command: Command) -> str:
    """A second host needs ``-force``. The code of the refusal without it depends on the firmware."""
    host = find_host(system, command.needed("host"))
    volume = find_vdisk(system, command.object)
    lun = command.number("scsi") if "scsi" in command.options else None
    if lun is None and not system.assumed("mappings.lun_optional"):
        raise Refusal("CMMVC5707E")
    if lun is not None and lun < system.assumed("luns.range")[0]:
        raise Refusal("CMMVC5711E", lun)
    if system.array.find_mapping(volume, host):
        raise Refusal("CMMVC5878E")
    if system.array.mappings_of(volume) and not command.flag("force"):
        if system.assumed("mappings.second_host") == "refused":
            raise Refusal(system.assumed("mappings.shared_code"))
    mapping = system.array.map(volume, host, lun)
    number = mapping.lun if system.assumed("mappings.answer") == "lun" else FIRST_MAP_NUMBER + mapping.id
    return f"Virtual Disk to Host map, id [{number}], successfully created\n"


def rmvdiskhostmap(system: FlashsystemState, command: Command) -> str:
    host = find_host(system, command.needed("host"))
    volume = find_vdisk(system, command.object)
    mapping = system.array.find_mapping(volume, host)
    if mapping is None:
        raise Refusal("CMMVC5842E")
    system.array.unmap(mapping)
    return ""


def lshostvdiskmap(system: FlashsystemState, command: Command) -> str:
    if command.object is None:
        if not system.assumed("mappings.list_all"):
            raise Refusal("CMMVC5701E")
        mappings = list(system.array.mappings)
    else:
        mappings = system.array.mappings_for(find_host(system, command.object))
    rows = [_host_mapping(system, mapping) for mapping in mappings]
    return concise(command, HOST_MAPPING_COLUMNS, rows, system.empty_header)


def _host_mapping(system: FlashsystemState, mapping: Mapping) -> Row:
    volume, host = system.array.volumes[mapping.volume], system.array.hosts[mapping.host]
    return {
        "id": str(host.id - 1),
        "name": host.name,
        "SCSI_id": str(mapping.lun),
        "vdisk_id": vdisk_id(volume),
        "vdisk_name": volume.name,
        "vdisk_UID": system.serial(volume),
    }


def lsvdiskhostmap(system: FlashsystemState, command: Command) -> str:
    volume = find_vdisk(system, command.object)
    rows: list[Row] = []
    for mapping in system.array.mappings_of(volume):
        host = system.array.hosts[mapping.host]
        rows.append(
            {
                "id": vdisk_id(volume),
                "name": volume.name,
                "SCSI_id": str(mapping.lun),
                "host_id": str(host.id - 1),
                "host_name": host.name,
                "vdisk_UID": system.serial(volume),
                "IO_group_id": "0",
                "IO_group_name": "io_grp0",
            }
        )
    return concise(command, VDISK_MAPPING_COLUMNS, rows, system.empty_header)


COMMANDS: dict[str, tuple[Options, Handler]] = {
    "lshost": (VIEW, lshost),
    "lsfabric": ({**VIEW, "host": True}, lsfabric),
    "lsfabric840": ({**VIEW, "host": True}, lsfabric),
    "mkhost": ({**_PORTS, "name": True, "iogrp": True, "type": True, "mask": True}, mkhost),
    "addhostport": (_PORTS, addhostport),
    "rmhostport": (_PORTS, rmhostport),
    "chhost": ({"name": True}, chhost),
    "rmhost": ({"force": False}, rmhost),
    "mkvdiskhostmap": ({"host": True, "scsi": True, "force": False}, mkvdiskhostmap),
    "rmvdiskhostmap": ({"host": True}, rmvdiskhostmap),
    "lshostvdiskmap": (VIEW, lshostvdiskmap),
    "lsvdiskhostmap": (VIEW, lsvdiskhostmap),
}
