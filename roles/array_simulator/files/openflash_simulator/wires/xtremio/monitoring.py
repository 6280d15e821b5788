# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health and the load of a cluster: alerts, hardware and counters (section 7 of the sheet).

The properties are those that public clients read (mtboren/XtremIO.Utils, the XtremIO driver of SODA delfin).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ...objects import Table
from ...operation import Alert, Load
from .call import Call
from .resource import IDLE, Field, Resource, Scope, common
from .state import Cluster, Fixed, guid

STATES = {"ok": "healthy", "warning": "degraded", "critical": "failed"}
_SEVERITIES = {"info": "information", "warning": "minor", "critical": "major"}


def state_of(scope: Scope, part: str) -> str:
    return STATES[scope.xms.operation.state(part)]


def counters(load_of: Callable[[Scope, Any], Load]) -> dict[str, Field]:
    """The measurements of an object with this load. Bandwidth is in KB/s, latency in microseconds, all as strings."""

    def figure(name: str, unit: int = 1) -> Field:
        return lambda scope, row: str(round(getattr(load_of(scope, row), name) / unit))

    def total(kind: str, unit: int = 1) -> Field:
        def both(scope: Scope, row: Any) -> str:
            load = load_of(scope, row)
            return str(round((getattr(load, f"read_{kind}") + getattr(load, f"write_{kind}")) / unit))

        return both

    fields = {
        "iops": total("iops"),
        "rd-iops": figure("read_iops"),
        "wr-iops": figure("write_iops"),
        "bw": total("bandwidth", 1024),
        "rd-bw": figure("read_bandwidth", 1024),
        "wr-bw": figure("write_bandwidth", 1024),
        "avg-latency": total("latency", 2),
        "rd-latency": figure("read_latency"),
        "wr-latency": figure("write_latency"),
    }
    return {name: _unless_played(name, field) for name, field in fields.items()}


def _unless_played(name: str, field: Field) -> Field:
    """What is assumed of the counters of every object, and else this field."""
    return lambda scope, row: played if (played := IDLE[name](scope, row)) != "0" else field(scope, row)


CLUSTER_COUNTERS = counters(lambda scope, row: scope.xms.operation.load)
VOLUME_COUNTERS = counters(lambda scope, row: scope.xms.operation.load_of(row.name))


class Hardware(Resource):
    """Bricks and their parts. ``health`` is the property with the state, where the type has one."""

    def __init__(
        self, type_name: str, type_key: str, table: Callable[[Cluster], Table[Fixed]], health: str | None = None
    ) -> None:
        self.type = type_name
        self._table = table
        states: dict[str, Field] = {"obj-status": lambda scope, row: "healthy"}
        if health is not None:
            states[health] = lambda scope, row: state_of(scope, row.name)
        self.fields = {**common(type_key), **states}

    def rows(self, scope: Scope) -> Iterable[Fixed]:
        return self._table(scope.cluster)


@dataclass(frozen=True)
class _Raised:
    id: int
    uuid: str
    alert: Alert
    name: str = ""


class Alerts(Resource):
    """The alerts of all clusters. ``raise-time`` is milliseconds since 1970."""

    type = "alerts"
    since = (4,)
    in_cluster = False
    fields = {
        "name": lambda scope, row: row.name,
        "index": lambda scope, row: row.id,
        "guid": lambda scope, row: row.uuid,
        "alert-code": lambda scope, row: row.alert.code,
        "alert-type": lambda scope, row: "alert_def_simulated",
        "alert-state": lambda scope, row: "acknowledged" if row.alert.acknowledged else "outstanding",
        "assoc-obj-name": lambda scope, row: row.alert.about,
        "class-name": lambda scope, row: "StorageController",
        "description": lambda scope, row: row.alert.text,
        "raise-time": lambda scope, row: str(int((scope.xms.clock() - row.alert.age) * 1000)),
        "severity": lambda scope, row: _SEVERITIES[row.alert.severity],
        "sys-name": lambda scope, row: scope.xms.clusters[0].name,
    }

    def rows(self, scope: Scope) -> Iterable[_Raised]:
        alerts = scope.xms.operation.alerts
        return [_Raised(number, guid("alert", str(number)), alert) for number, alert in enumerate(alerts, 1)]

    def show(self, scope: Scope, call: Call, row: Any, *, listed: bool) -> dict[str, Any]:
        return super().show(scope, call, row, listed=listed)
