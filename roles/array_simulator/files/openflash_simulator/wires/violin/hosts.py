# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts (SAN clients of the API), their iSCSI targets, and the LUNs assigned to them (section 2.7 of the sheet)."""

from __future__ import annotations

import re
from typing import Any

from ...objects import Host, Mapping, Volume
from . import ledger
from .call import Call, flag_in, list_in, number_in, object_in, text_in
from .refusals import BEING_FILLED, NOT_ASSIGNED, TARGET_EXISTS, ConcertoError
from .state import MIB, ConcertoState, named_id, object_id

Reply = dict[str, Any]
_WWPN = re.compile(r"[0-9a-f]{16}\Z")


def _wwpn(address: str) -> str:
    """A WWPN with colons, as the array stores it. Requests have dashes, colons or nothing between the bytes."""
    bare = re.sub(r"[:-]", "", address.strip().lower())
    if not _WWPN.match(bare):
        raise ConcertoError(ledger.MISSING, "initiatorWWPNList")
    return ":".join(bare[i : i + 2] for i in range(0, 16, 2))


def dashed(wwpn: str) -> str:
    """A WWPN with dashes, as the API returns it."""
    bare = wwpn.replace(":", "")
    return "-".join(bare[i : i + 2] for i in range(0, 16, 2))


def is_iscsi(host: Host) -> bool:
    return bool(host.attributes["protocol"] == "iSCSI")


def listing(state: ConcertoState, call: Call) -> Reply:
    name = call.name_filter()
    rows = [_summary(host) | {"object_id": object_id(host)} for host in state.array.hosts if name in (None, host.name)]
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


def detail(state: ConcertoState, call: Call, client_id: str) -> Reply:
    host = state.client(client_id)
    addresses = [initiator.address for initiator in state.array.initiators_of(host)]
    mappings = state.array.mappings_for(host)
    fc_devices = [] if is_iscsi(host) else [_fc_device(state, mapping) for mapping in mappings]
    iscsi_devices = [_iscsi_device(state, host, mapping) for mapping in mappings] if is_iscsi(host) else []
    data: dict[str, Any] = {
        **_summary(host),
        "ipAddress": host.attributes["ip"],
        "username": "",
        "clusterName": "",
        "FibreChannelDevices": fc_devices,
        "ISCSIDevices": iscsi_devices,
        "ISCSITargetList": [_target_row(target_id, target) for target_id, target in _targets_of(state, host)],
    }
    if is_iscsi(host):
        data["iSCSIPolicy"] = {
            "initiators": addresses,
            "authentication": {"enabled": False, "defaultUser": "", "mutualCHAP": {"enabled": False, "user": ""}},
            "accessType": "stationary",
        }
    else:
        data["FCPolicy"] = {
            "initiatorWWPNList": [dashed(address) for address in addresses],
            "AS400enabled": False,
            "VSAenabled": False,
        }
    return {"data": data}


def _device(state: ConcertoState, mapping: Mapping) -> tuple[Volume, dict[str, Any]]:
    lun = state.array.volumes[mapping.volume]
    return lun, {"name": lun.name, "lun": str(mapping.lun), "access": "ReadWrite", "sizeMB": lun.size // MIB}


def _fc_device(state: ConcertoState, mapping: Mapping) -> dict[str, Any]:
    lun, row = _device(state, mapping)
    return {**row, "id": f"v{lun.id:07d}", "initiatorWWPN": "*", "targetWWPN": "*", "type": "SAN"}


def _iscsi_device(state: ConcertoState, host: Host, mapping: Mapping) -> dict[str, Any]:
    lun, row = _device(state, mapping)
    target = next((_target_row(target_id, target) for target_id, target in _targets_of(state, host)), {})
    return {
        **row,
        "object_id": f"v{lun.id:07d}",
        "size": lun.size,
        "category": "Virtual Device",
        "type": "SAN",
        "ISCSITarget": target,
    }


def create(state: ConcertoState, call: Call) -> Reply:
    params = call.params
    protocol = params.get("protocolType")
    if protocol not in ("FC", "iSCSI"):
        raise ConcertoError(ledger.MISSING, "protocolType")
    if protocol == "iSCSI":
        addresses = [name.lower() for name in list_in(object_in(params, "iSCSIPolicy"), "initiators")]
    else:
        addresses = [_wwpn(address) for address in list_in(object_in(params, "FCPolicy"), "initiatorWWPNList")]
    host = state.array.create_host(
        state.check_name(text_in(params, "name"), state.assumed("names.host_longest")),
        [(address, address) for address in addresses],
        attributes={
            "protocol": protocol,
            # Not checked: vmemclient registers itself with an address that is none.
            "ip": text_in(params, "ipAddress", ""),
            "os": text_in(params, "OSType", "Linux"),
            "clustered": flag_in(params, "clustered"),
            "reserved": flag_in(params, "reserved"),
        },
    )
    return {"msg": "Add SAN client successfully.", "object_id": object_id(host)}


def delete(state: ConcertoState, call: Call, client_id: str) -> Reply:
    host = state.client(client_id)
    if state.assumed("hosts.delete_mapped") == "deleted":
        for mapping in state.array.mappings_for(host):
            state.array.unmap(mapping)
    state.array.delete_host(host)
    if not state.assumed("hosts.targets_outlive"):
        for target_id, _target in _targets_of(state, host):
            del state.targets[target_id]
    return {"msg": "Delete SAN client successfully."}


def change(state: ConcertoState, call: Call, client_id: str) -> Reply:
    host = state.client(client_id)
    match call.action:
        case "assign":
            return _assign(state, call, host)
        case "unassign":
            return _unassign(state, call, host, "Unassign SAN client successfully.")
        case "update":
            host.attributes["ip"] = text_in(call.params, "ipAddress", host.attributes["ip"])
            host.attributes["os"] = text_in(call.params, "OSType", host.attributes["os"])
            state.array.touched("host.change", host)
        case "updateFC" if not is_iscsi(host):
            if call.params.get("initiatorWWPNList") is not None:
                addresses = [_wwpn(address) for address in list_in(call.params, "initiatorWWPNList")]
                _replace_initiators(state, host, addresses)
        case "updateiSCSI" if is_iscsi(host):
            if call.params.get("initiators") is not None:
                _replace_initiators(state, host, [name.lower() for name in list_in(call.params, "initiators")])
        case action:
            raise ConcertoError(ledger.NOT_SUPPORTED, action)
    return {"msg": "Update SAN client successfully."}


def _replace_initiators(state: ConcertoState, host: Host, addresses: list[str]) -> None:
    """Make the initiators of a host exactly these."""
    present = {initiator.address: initiator for initiator in state.array.initiators_of(host)}
    for address in addresses:
        owner = state.array.find_initiator(address)
        if owner is not None and owner.host != host.id:
            raise ConcertoError(ledger.INITIATOR_TAKEN)
    for address, initiator in present.items():
        if address not in addresses and state.assumed("hosts.update_replaces") == "replaces":
            state.array.remove_initiator(initiator)
    for address in dict.fromkeys(addresses):
        if address not in present:
            state.array.add_initiator(host, address)


# ---- assignment ----------------------------------------------------------------------------------------------------


def _map(state: ConcertoState, lun: Volume, host: Host, lun_number: int | None) -> None:
    if state.array.copying(lun):
        raise ConcertoError(BEING_FILLED)
    lowest, highest = state.assumed("luns.range")
    if lun_number is not None and not lowest <= lun_number <= highest:
        raise ConcertoError(ledger.LUN_RANGE)
    state.array.map(lun, host, lun_number)


def _assign(state: ConcertoState, call: Call, host: Host) -> Reply:
    lun = state.lun(text_in(call.params, "virtualDeviceObjectID"))
    if is_iscsi(host):
        raise ConcertoError(ledger.NOT_SUPPORTED, "assign an iSCSI client without a target")
    _map(state, lun, host, number_in(object_in(call.params, "FC"), "lun", None))
    return {"msg": "Assign SAN client successfully."}


def _unassign(state: ConcertoState, call: Call, host: Host, message: str) -> Reply:
    lun = state.lun(text_in(call.params, "virtualDeviceObjectID"))
    mapping = state.array.find_mapping(lun, host)
    if mapping is None:
        raise ConcertoError(NOT_ASSIGNED)
    if state.assumed("hosts.unassign_force") == "needed" and not flag_in(call.params, "force"):
        raise ConcertoError(ledger.FORCE_NEEDED)
    state.array.unmap(mapping)
    return {"msg": message}


# ---- iSCSI targets -------------------------------------------------------------------------------------------------


def _targets_of(state: ConcertoState, host: Host) -> list[tuple[str, dict[str, Any]]]:
    return [(target_id, target) for target_id, target in state.targets.items() if target["client"] == host.id]


def _target_row(target_id: str, target: dict[str, Any]) -> dict[str, Any]:
    return {
        "object_id": target_id,
        "name": target["name"],
        "ipAddr": target["ips"],
        "access": "ReadWrite",
        "isInfiniBand": False,
        "iscsiurl": "",
        "startingLun": "0",
    }


def targets(state: ConcertoState, call: Call) -> Reply:
    name = call.name_filter()
    rows = [
        _target_row(target_id, target) for target_id, target in state.targets.items() if name in (None, target["name"])
    ]
    return {"data": {"iscsitargets": rows}}


def create_target(state: ConcertoState, call: Call) -> Reply:
    if "iscsi" not in state.protocols:
        raise ConcertoError(ledger.NOT_SUPPORTED, "iSCSI")
    host = state.client(str(number_in(call.params, "clientId")))
    if not is_iscsi(host):
        raise ConcertoError(ledger.NOT_SUPPORTED, "an iSCSI target of this SAN client")
    name = text_in(call.params, "targetName")
    if any(target["name"] == name for target in state.targets.values()):
        raise ConcertoError(TARGET_EXISTS)
    target_id = named_id("target", name)
    state.targets[target_id] = {"name": name, "client": host.id, "ips": text_in(call.params, "ipAddress")}
    state.array.touched("host.change", host)
    return {"msg": "Create iSCSI target successfully.", "object_id": target_id}


def change_target(state: ConcertoState, call: Call, target_id: str) -> Reply:
    target = state.targets.get(target_id)
    host = state.array.hosts.get(target["client"]) if target else None
    if host is None:
        raise ConcertoError(ledger.NO_SUCH_OBJECT)
    if call.action == "assign":
        lun = state.lun(text_in(call.params, "virtualDeviceObjectID"))
        _map(state, lun, host, number_in(call.params, "lun", None))
        return {"msg": "Assign device successfully."}
    if call.action == "unassign":
        return _unassign(state, call, host, "Unassign device successfully.")
    raise ConcertoError(ledger.NOT_SUPPORTED, call.action)


def delete_target(state: ConcertoState, call: Call, target_id: str) -> Reply:
    if state.assumed("hosts.target_delete") == "unknown":
        raise ConcertoError(ledger.NOT_SUPPORTED, "delete")
    target = state.targets.get(target_id)
    if target is None:
        raise ConcertoError(ledger.NO_SUCH_OBJECT)
    host = state.array.hosts.get(target["client"])
    if host is not None and state.array.mappings_for(host):
        raise ConcertoError(ledger.CLIENT_IN_USE)
    del state.targets[target_id]
    if host is not None:
        state.array.touched("host.change", host)
    return {"msg": "Delete iSCSI target successfully."}
