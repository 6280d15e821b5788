# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts, which are SAN clients here, iSCSI targets, and what is assigned to them (section 2.7 of the sheet)."""

from __future__ import annotations

import re
from typing import Any

from ...objects import Host, Mapping, Volume
from . import guesses
from .call import Call, flag, joined, part, text, whole
from .concerto import MIB, Concerto, named_id, object_id
from .errors import BEING_FILLED, NOT_ASSIGNED, TARGET_EXISTS, ConcertoError

Reply = dict[str, Any]
_WWPN = re.compile(r"[0-9a-f]{16}\Z")


def _wwpn(text_: str) -> str:
    """As the array keeps it, with colons, from the same with dashes or nothing between."""
    bare = re.sub(r"[:-]", "", text_.strip().lower())
    if not _WWPN.match(bare):
        raise ConcertoError(guesses.MISSING, "initiatorWWPNList")
    return ":".join(bare[i : i + 2] for i in range(0, 16, 2))


def dashed(wwpn: str) -> str:
    """As the API tells it."""
    bare = wwpn.replace(":", "")
    return "-".join(bare[i : i + 2] for i in range(0, 16, 2))


def is_iscsi(host: Host) -> bool:
    return bool(host.attributes["protocol"] == "iSCSI")


def listing(c: Concerto, call: Call) -> Reply:
    name = call.name_filter()
    rows = [_summary(host) | {"object_id": object_id(host)} for host in c.array.hosts if name in (None, host.name)]
    return {"data": {"san_clients": rows}}


def _summary(host: Host) -> dict[str, Any]:
    return {
        "name": host.name,
        "sanclient_id": host.id,
        "type": host.attributes["os"],
        "isfibrechannel_enabled": not is_iscsi(host),
        "isiscsi_enabled": is_iscsi(host),
        "issanip_enabled": False,
        "isclustered": host.attributes["clustered"],
        "isbmr_enabled": False,
        "isxboot_enabled": False,
        "persistent_reservation": host.attributes["reserved"],
        "useracl": False,
    }


def detail(c: Concerto, call: Call, client_id: str) -> Reply:
    host = c.client(client_id)
    addresses = [one.address for one in c.array.initiators_of(host)]
    fc = [] if is_iscsi(host) else [_fc_device(c, one) for one in c.array.mappings_for(host)]
    iscsi = [_iscsi_device(c, host, one) for one in c.array.mappings_for(host)] if is_iscsi(host) else []
    data: dict[str, Any] = {
        **_summary(host),
        "ipAddress": host.attributes["ip"],
        "username": "",
        "clusterName": "",
        "FibreChannelDevices": fc,
        "ISCSIDevices": iscsi,
        "ISCSITargetList": [_target_row(one, row) for one, row in _targets_of(c, host)],
    }
    if is_iscsi(host):
        data["iSCSIPolicy"] = {
            "initiators": addresses,
            "authentication": {"enabled": False, "defaultUser": "", "mutualCHAP": {"enabled": False, "user": ""}},
            "accessType": "stationary",
        }
    else:
        data["FCPolicy"] = {
            "initiatorWWPNList": [dashed(one) for one in addresses],
            "AS400enabled": False,
            "VSAenabled": False,
        }
    return {"data": data}


def _device(c: Concerto, mapping: Mapping) -> tuple[Volume, dict[str, Any]]:
    lun = c.array.volumes[mapping.volume]
    return lun, {"name": lun.name, "lun": str(mapping.lun), "access": "ReadWrite", "sizeMB": lun.size // MIB}


def _fc_device(c: Concerto, mapping: Mapping) -> dict[str, Any]:
    lun, row = _device(c, mapping)
    return {**row, "id": f"v{lun.id:07d}", "initiatorWWPN": "*", "targetWWPN": "*", "type": "SAN"}


def _iscsi_device(c: Concerto, host: Host, mapping: Mapping) -> dict[str, Any]:
    lun, row = _device(c, mapping)
    target = next((_target_row(one, value) for one, value in _targets_of(c, host)), {})
    more = {"object_id": f"v{lun.id:07d}", "size": lun.size, "category": "Virtual Device", "type": "SAN"}
    return {**row, **more, "ISCSITarget": target}


def create(c: Concerto, call: Call) -> Reply:
    params = call.params
    protocol = params.get("protocolType")
    if protocol not in ("FC", "iSCSI"):
        raise ConcertoError(guesses.MISSING, "protocolType")
    if protocol == "iSCSI":
        addresses = [one.lower() for one in joined(part(params, "iSCSIPolicy"), "initiators")]
    else:
        addresses = [_wwpn(one) for one in joined(part(params, "FCPolicy"), "initiatorWWPNList")]
    host = c.array.create_host(
        text(params, "name"),
        [(one, one) for one in addresses],
        attributes={
            "protocol": protocol,
            # Whatever it is: one client registers itself with a nonsense address.
            "ip": text(params, "ipAddress", ""),
            "os": text(params, "OSType", "Linux"),
            "clustered": flag(params, "clustered"),
            "reserved": flag(params, "reserved"),
        },
    )
    return {"msg": "Add SAN client successfully.", "object_id": object_id(host)}


def delete(c: Concerto, call: Call, client_id: str) -> Reply:
    host = c.client(client_id)
    c.array.delete_host(host)
    if not guesses.TARGETS_OUTLIVE_CLIENTS:
        for one, _row in _targets_of(c, host):
            del c.targets[one]
    return {"msg": "Delete SAN client successfully."}


def change(c: Concerto, call: Call, client_id: str) -> Reply:
    host = c.client(client_id)
    match call.action:
        case "assign":
            return _assign(c, call, host)
        case "unassign":
            return _unassign(c, call, host, "Unassign SAN client successfully.")
        case "update":
            host.attributes["ip"] = text(call.params, "ipAddress", host.attributes["ip"])
            host.attributes["os"] = text(call.params, "OSType", host.attributes["os"])
            c.array.touched("host.change", host)
        case "updateFC" if not is_iscsi(host):
            if call.params.get("initiatorWWPNList") is not None:
                _replace(c, host, [_wwpn(one) for one in joined(call.params, "initiatorWWPNList")])
        case "updateiSCSI" if is_iscsi(host):
            if call.params.get("initiators") is not None:
                _replace(c, host, [one.lower() for one in joined(call.params, "initiators")])
        case action:
            raise ConcertoError(guesses.NOT_SUPPORTED, action)
    return {"msg": "Update SAN client successfully."}


def _replace(c: Concerto, host: Host, addresses: list[str]) -> None:
    """The list that is sent is the whole list."""
    have = {one.address: one for one in c.array.initiators_of(host)}
    for address in addresses:
        owner = c.array.find_initiator(address)
        if owner is not None and owner.host != host.id:
            raise ConcertoError(guesses.INITIATOR_TAKEN)
    for address, one in have.items():
        if address not in addresses:
            c.array.remove_initiator(one)
    for address in dict.fromkeys(addresses):
        if address not in have:
            c.array.add_initiator(host, address)


# ---- assignment ----------------------------------------------------------------------------------------------------


def _map(c: Concerto, lun: Volume, host: Host, number: int | None) -> None:
    if c.array.copying(lun):
        raise ConcertoError(BEING_FILLED)
    c.array.map(lun, host, number)


def _assign(c: Concerto, call: Call, host: Host) -> Reply:
    lun = c.lun(text(call.params, "virtualDeviceObjectID"))
    if is_iscsi(host):
        raise ConcertoError(guesses.NOT_SUPPORTED, "assign an iSCSI client without a target")
    _map(c, lun, host, whole(part(call.params, "FC"), "lun", None))
    return {"msg": "Assign SAN client successfully."}


def _unassign(c: Concerto, call: Call, host: Host, message: str) -> Reply:
    lun = c.lun(text(call.params, "virtualDeviceObjectID"))
    mapping = c.array.find_mapping(lun, host)
    if mapping is None:
        raise ConcertoError(NOT_ASSIGNED)
    c.array.unmap(mapping)
    return {"msg": message}


# ---- iSCSI targets -------------------------------------------------------------------------------------------------


def _targets_of(c: Concerto, host: Host) -> list[tuple[str, dict[str, Any]]]:
    return [(one, row) for one, row in c.targets.items() if row["client"] == host.id]


def _target_row(target_id: str, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "object_id": target_id,
        "name": row["name"],
        "ipAddr": row["ips"],
        "access": "ReadWrite",
        "isInfiniBand": False,
        "iscsiurl": "",
        "startingLun": "0",
    }


def targets(c: Concerto, call: Call) -> Reply:
    name = call.name_filter()
    rows = [_target_row(one, row) for one, row in c.targets.items() if name in (None, row["name"])]
    return {"data": {"iscsitargets": rows}}


def create_target(c: Concerto, call: Call) -> Reply:
    if "iscsi" not in c.protocols:
        raise ConcertoError(guesses.NOT_SUPPORTED, "iSCSI")
    host = c.client(str(whole(call.params, "clientId")))
    if not is_iscsi(host):
        raise ConcertoError(guesses.NOT_SUPPORTED, "an iSCSI target of this SAN client")
    name = text(call.params, "targetName")
    if any(row["name"] == name for row in c.targets.values()):
        raise ConcertoError(TARGET_EXISTS)
    target_id = named_id("target", name)
    c.targets[target_id] = {"name": name, "client": host.id, "ips": text(call.params, "ipAddress")}
    c.array.touched("host.change", host)
    return {"msg": "Create iSCSI target successfully.", "object_id": target_id}


def change_target(c: Concerto, call: Call, target_id: str) -> Reply:
    row = c.targets.get(target_id)
    host = c.array.hosts.get(row["client"]) if row else None
    if host is None:
        raise ConcertoError(guesses.NO_SUCH_OBJECT)
    if call.action == "assign":
        lun = c.lun(text(call.params, "virtualDeviceObjectID"))
        _map(c, lun, host, whole(call.params, "lun", None))
        return {"msg": "Assign device successfully."}
    if call.action == "unassign":
        return _unassign(c, call, host, "Unassign device successfully.")
    raise ConcertoError(guesses.NOT_SUPPORTED, call.action)


def delete_target(c: Concerto, call: Call, target_id: str) -> Reply:
    row = c.targets.get(target_id)
    if row is None:
        raise ConcertoError(guesses.NO_SUCH_OBJECT)
    host = c.array.hosts.get(row["client"])
    if host is not None and c.array.mappings_for(host):
        raise ConcertoError(guesses.CLIENT_IN_USE)
    del c.targets[target_id]
    if host is not None:
        c.array.touched("host.change", host)
    return {"msg": "Delete iSCSI target successfully."}
