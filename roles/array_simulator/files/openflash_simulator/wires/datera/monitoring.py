# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults, the parts of nodes, and figures (section 2 of the sheet, and the schema of version 2.1 that it refers to)."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_OID, uuid5

from ...operation import Load
from . import entities
from .call import Call
from .refusals import invalid
from .state import EdfState

Entity = dict[str, Any]

IO_METRICS = {
    "iops_read": "read_iops",
    "iops_write": "write_iops",
    "thpt_read": "read_bandwidth",
    "thpt_write": "write_bandwidth",
    "lat_avg_read": "read_latency",
    "lat_avg_write": "write_latency",
}
"""The figures that are simulated, of all that the array has."""
_PARTS = {"flash_devices": 4, "boot_drives": 2, "nics": 2}


def parts(edf: EdfState, path: str, name: str) -> Entity:
    """The devices and interfaces within a node."""
    played = edf.assumed("nodes.parts")
    if played == "missing":
        return {}
    found: dict[str, list[Entity]] = {}
    for kind, count in _PARTS.items():
        found[kind] = []
        for number in range(count):
            part = {"path": f"{path}/{kind}/{number}"}
            if played == "complete":
                label = f"{kind}-{number}"
                health = edf.operation.state(f"{name}/{label}")
                part |= {"id": str(number), "slot_label": label, "health": health, "op_state": "active"}
            found[kind].append(part)
    return found


def list_faults(call: Call) -> list[Entity]:
    return [
        {
            "path": f"/fault_logs/{number}",
            "id": str(uuid5(NAMESPACE_OID, f"{call.edf.name}/{number}")),
            "timestamp": int((call.edf.clock() - alert.age) * 1000),
            "acknowledged": alert.acknowledged,
            "cleared": False,
            "cause": alert.text,
            "code": alert.code,
            "count": 1,
            "object_lbl": alert.about,
            "object_path": "/system",
            "severity": alert.severity,
            "type": "hardware",
        }
        for number, alert in enumerate(call.edf.operation.alerts, 1)
    ]


def latest(call: Call) -> list[Entity]:
    """The newest figure of the entity at ``path``, or of all volumes."""
    metric, path = call.params["metric"], call.query.get("path", "/system")
    if metric not in IO_METRICS:
        raise invalid(f"metric {metric} is not known")
    if path == "/system":
        return [_point(call, metric, path, call.edf.operation.load)]
    if path != "/volumes":
        raise invalid(f"path {path} is not simulated")
    return [
        _point(
            call,
            metric,
            entities.volume_path(instance, storage, volume),
            call.edf.operation.load_of(instance.name),
        )
        for tenant in call.edf.tenants.values()
        for instance in tenant.instances.values()
        for storage, volume in instance.volumes
    ]


def _point(call: Call, metric: str, path: str, load: Load) -> Entity:
    unit = {"thpt": call.edf.assumed("metrics.throughput_unit"), "lat": call.edf.assumed("metrics.latency_unit")}
    value = getattr(load, IO_METRICS[metric]) / unit.get(metric.partition("_")[0], 1)
    return {"entity_path": path, "tenant": "/root", "point": {"time": int(call.edf.clock() * 1000), "value": value}}
