# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Model objects as plain data for a result: one schema per kind, the same on every path and for every array."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

from .model import ArrayInfo, Capacity, Group, Host, Mapping, Pool, Port, Snapshot, Volume
from .units import format_initiator, format_size

Data = Dict[str, Any]

VOLATILE = ("id", "used", "created", "progress", "serial")
"""Not part of a diff: what the array chooses, or what changes by itself."""


def volume(obj: Optional[Volume], name: str) -> Data:
    """A volume; all fields null and ``state: absent`` when there is none."""
    if obj is None:
        return _absent(_VOLUME_FIELDS, name)
    return {
        "name": obj.name,
        "state": obj.state,
        "size": obj.size,
        "size_text": format_size(obj.size),
        "provisioning": obj.provisioning,
        "pool": obj.pool,
        "id": obj.id or None,
        "serial": obj.serial,
        "used": obj.used,
        "created": obj.created,
        "progress": obj.progress,
        "source": obj.source,
        "independent": obj.independent,
        "resumed": obj.resumed,
        "mappings": None if obj.mappings is None else [mapping(m) for m in _by_host(obj.mappings)],
        "snapshots": None if obj.snapshots is None else sorted(obj.snapshots),
        "groups": None if obj.groups is None else sorted(obj.groups),
        "array_options": dict(obj.options),
    }


_VOLUME_FIELDS = (
    "size size_text provisioning pool id serial used created progress source independent resumed mappings snapshots "
    "groups array_options"
).split()


def snapshot(obj: Optional[Snapshot], name: str) -> Data:
    if obj is None:
        return _absent(_SNAPSHOT_FIELDS, name)
    return {
        "name": obj.name,
        "state": obj.state,
        "volume": obj.volume,
        "size": obj.size,
        "size_text": format_size(obj.size),
        "id": obj.id or None,
        "serial": obj.serial,
        "created": obj.created,
        "proven": obj.proven,
        "group": obj.group,
        "mappings": None if obj.mappings is None else [mapping(m) for m in _by_host(obj.mappings)],
        "children": None if obj.children is None else sorted(obj.children),
        "crash_consistent": obj.crash_consistent,
    }


_SNAPSHOT_FIELDS = "volume size size_text id serial created proven group mappings children crash_consistent".split()


def mapping(obj: Mapping) -> Data:
    return {"host": obj.host, "volume": obj.volume, "lun": obj.lun, "device": obj.device}


def host(obj: Optional[Host], name: str) -> Data:
    if obj is None:
        return _absent(_HOST_FIELDS, name)
    return {
        "name": obj.name,
        "state": "present",
        "id": obj.id or None,
        "kind": obj.kind,
        "os": obj.os,
        "initiators": [
            {
                "address": format_initiator(initiator.address),
                "protocol": initiator.protocol,
                "chap_username": initiator.chap_user,
                "logged_in": initiator.logged_in,
            }
            for initiator in obj.initiators
        ],
    }


_HOST_FIELDS = "id kind os initiators".split()


def pool(obj: Pool) -> Data:
    return {
        "name": obj.name,
        "id": obj.id or None,
        "state": obj.state,
        "size": obj.size,
        "free": obj.free,
        "used": obj.size - obj.free,
        "provisioned": obj.provisioned,
        "provisioning": list(obj.provisioning),
    }


def port(obj: Port) -> Data:
    return {
        "name": obj.name,
        "protocol": obj.protocol,
        "address": format_initiator(obj.address),
        "portal": obj.portal,
        "up": obj.up,
    }


def group(obj: Group) -> Data:
    return {"name": obj.name, "id": obj.id or None, "volumes": sorted(obj.volumes)}


def capacity(obj: Capacity) -> Data:
    return {
        "size": obj.size,
        "used": obj.used,
        "free": obj.free,
        "provisioned": obj.provisioned,
        "data_reduction_ratio": obj.data_reduction,
        "dedup_ratio": obj.dedup,
        "compression_ratio": obj.compression,
        "thin_ratio": obj.thin,
    }


def info(obj: ArrayInfo) -> Data:
    return {
        "vendor": obj.vendor,
        "name": obj.name,
        "model": obj.model,
        "serial": obj.serial,
        "version": obj.version,
        "api_version": obj.api_version,
        "state": obj.state,
        "protocols": list(obj.protocols),
    }


def for_diff(data: Data) -> Data:
    """What a diff compares; an absent object is empty."""
    if data.get("state") == "absent" and data.get("host_state") != "present":
        return {}
    return {key: value for key, value in data.items() if key not in VOLATILE and value is not None}


def _by_host(mappings: Sequence[Mapping]) -> List[Mapping]:
    return sorted(mappings, key=lambda m: (m.host, m.volume))


def _absent(fields: Sequence[str], name: str) -> Data:
    data: Data = {"name": name, "state": "absent"}
    data.update(dict.fromkeys(fields))
    return data
