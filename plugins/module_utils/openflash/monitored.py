# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an array reports of its operation as plain data: one schema for every array."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from .model import Listing
from .monitoring import Alert, HealthReport, Load, Login, Part, PerformanceReport
from .units import format_initiator

Data = Dict[str, Any]


def login_data(login: Login) -> Data:
    return {
        "host": login.host,
        "initiator": format_initiator(login.initiator),
        "protocol": login.protocol,
        "logged_in": login.logged_in,
        "target": None if login.target is None else format_initiator(login.target),
        "port": login.port,
        "volume": login.volume,
        "paths": login.paths,
    }


def health_data(health: HealthReport) -> Data:
    """A list that the array has no request for is None."""
    return {
        "state": health.state,
        "array": part_data(health.array),
        "nodes": _parts(health.nodes),
        "ports": _parts(health.ports),
        "disks": _parts(health.disks),
        "alerts": [alert_data(alert) for alert in health.alerts] if health.alerts.known else None,
    }


def _parts(parts: Listing[Part]) -> Optional[List[Data]]:
    return [part_data(part) for part in parts] if parts.known else None


def part_data(part: Part) -> Data:
    return {"name": part.name, "state": part.state, "reported": part.reported}


def alert_data(alert: Alert) -> Data:
    return {
        "severity": alert.severity,
        "text": alert.text,
        "id": alert.id,
        "code": alert.code,
        "object": alert.object,
        "time": alert.time,
        "acknowledged": alert.acknowledged,
        "reported": {"severity": alert.reported, "time": alert.reported_time},
    }


def performance_data(performance: PerformanceReport) -> Data:
    volumes = performance.volumes
    return {
        "array": load_data(performance.array),
        "interval": performance.interval,
        "volumes": None if volumes is None else [dict(load_data(volumes[name]), name=name) for name in sorted(volumes)],
    }


def load_data(load: Load) -> Data:
    return {
        "iops": load.iops,
        "read_iops": load.read_iops,
        "write_iops": load.write_iops,
        "bandwidth": load.bandwidth,
        "read_bandwidth": load.read_bandwidth,
        "write_bandwidth": load.write_bandwidth,
        "latency": load.latency,
        "read_latency": load.read_latency,
        "write_latency": load.write_latency,
        "time": load.time,
    }
