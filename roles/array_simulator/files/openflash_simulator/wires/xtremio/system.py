# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters, the XMS itself, their hardware, schedulers, events and measurements (sections 4 and 7 of the sheet)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from .call import Call
from .groups import ConsistencyGroups
from .ledger import INVALID_VALUE
from .monitoring import CLUSTER_COUNTERS, state_of
from .refusals import XmsError, not_found
from .resource import Links, Resource, Scope, choice, common, required, text, value_of
from .snapshots import SnapshotSets
from .state import Cluster, Fixed, Scheduler, guid, kib, oid
from .volumes import Volumes


def _ratio(numerator: int, denominator: int) -> str:
    return f"{numerator / denominator:.3f}" if denominator else "1.000"


class Clusters(Resource):
    type = "clusters"
    in_cluster = False
    fields = {
        "name": lambda scope, row: row.name,
        "index": lambda scope, row: row.index,
        "guid": lambda scope, row: row.guid,
        "sys-id": lambda scope, row: row.oid,
        "xms-id": lambda scope, row: scope.xms.oid,
        "sys-sw-version": lambda scope, row: scope.xms.version.text,
        "sys-psnt-serial-number": lambda scope, row: row.psnt,
        "sys-state": lambda scope, row: "active",
        "sys-health-state": lambda scope, row: state_of(scope, "array"),
        "license-id": lambda scope, row: row.psnt,
        "num-of-vols": lambda scope, row: len(row.array.volumes),
        "num-of-bricks": lambda scope, row: len(row.bricks),
        "num-of-ssds": lambda scope, row: len(row.ssds),
        "ud-ssd-space": lambda scope, row: kib(row.array.size),
        "ud-ssd-space-in-use": lambda scope, row: kib(row.array.used),
        "vol-size": lambda scope, row: kib(row.array.promised),
        "logical-space-in-use": lambda scope, row: kib(row.array.used),
        "dedup-ratio": lambda scope, row: 1.0,
        "thin-provisioning-ratio": lambda scope, row: _ratio(row.array.promised, row.array.used),
        "chap-authentication-mode": lambda scope, row: row.chap["chap-authentication-mode"],
        "chap-discovery-mode": lambda scope, row: row.chap["chap-discovery-mode"],
        **CLUSTER_COUNTERS,
    }
    fields_v2 = {
        "free-ud-ssd-space-in-percent": lambda scope, row: 100 * (row.array.size - row.array.used) // row.array.size,
        "compression-factor": lambda scope, row: 1.0,
        "data-reduction-ratio": lambda scope, row: 1.0,
        "hardware-platform": lambda scope, row: "X2" if scope.xms.version.is_x2 else "X1",
    }

    def rows(self, scope: Scope) -> Iterable[Cluster]:
        return scope.xms.clusters

    def by_index(self, scope: Scope, index: int) -> Cluster | None:
        return next((cluster for cluster in scope.xms.clusters if cluster.index == index), None)

    def show(self, scope: Scope, call: Call, row: Any, *, listed: bool) -> dict[str, Any]:
        return super().show(scope, call, _Row(row), listed=listed)

    def _link(self, scope: Scope, call: Call, row: Any) -> dict[str, Any]:
        return super()._link(scope, call, _Row(row))


class _Row:
    """A cluster with the attributes that every other object has: ``id`` and ``uuid``."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.id = cluster.index
        self.uuid = cluster.guid

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)


class XmsType(Resource):
    """The management server itself. XIOS 3.x does not have this type."""

    type = "xms"
    list_key = "xmss"
    since = (4,)
    in_cluster = False
    fields = {
        "name": lambda scope, row: row.name,
        "index": lambda scope, row: row.id,
        "guid": lambda scope, row: row.uuid,
        "xms-id": lambda scope, row: oid(row),
        "version": lambda scope, row: scope.xms.version.short,
        "sw-version": lambda scope, row: scope.xms.version.text,
        "build": lambda scope, row: scope.xms.version.build,
        "restapi-protocol-version": lambda scope, row: scope.xms.version.api,
        "num-of-systems": lambda scope, row: len(scope.xms.clusters),
        "uptime": lambda scope, row: str(int(scope.xms.clock() - scope.xms.started)),
        "datetime": lambda scope, row: time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(scope.xms.clock())),
        "ram-total": lambda scope, row: "16777216",
        "ram-usage": lambda scope, row: "4194304",
    }

    def rows(self, scope: Scope) -> Iterable[Fixed]:
        return [Fixed(1, scope.xms.guid, scope.xms.name)]


class Schedulers(Resource):
    """Snapshot schedulers. They take no snapshots; they only keep their volume from being deleted."""

    type = "schedulers"
    apis = (2,)
    since = (4,)
    fields = {
        **common("scheduler-id"),
        **{
            name: value_of(name)
            for name in (
                "scheduler-type",
                "time",
                "snapshots-to-keep-number",
                "snapshots-to-keep-time",
                "snapshot-type",
                "enabled-state",
                "suffix",
                "snapshot-object-type",
            )
        },
        "snapshot-object-id": lambda scope, row: row.values.get("object"),
    }
    creates = frozenset(
        {
            "scheduler-name",
            "snapshot-object-id",
            "snapshot-object-type",
            "scheduler-type",
            "time",
            "snapshots-to-keep-number",
            "snapshots-to-keep-time",
            "snapshot-type",
            "enabled-state",
            "suffix",
        }
    )
    updates = frozenset({"new-name", "enabled-state"})
    deletes = frozenset()
    most_kept = 511

    def rows(self, scope: Scope) -> Iterable[Scheduler]:
        return scope.cluster.schedulers

    def create(self, scope: Scope, call: Call) -> Links:
        table = scope.cluster.schedulers
        kind = choice(call, "snapshot-object-type", ("Volume", "SnapSet", "ConsistencyGroup"), "Volume")
        resource: Resource = {
            "Volume": Volumes(),
            "SnapSet": SnapshotSets(),
            "ConsistencyGroup": ConsistencyGroups(),
        }[kind]
        source = resource.refer(scope, required(call, "snapshot-object-id"), "vol" if kind == "Volume" else "snapset")
        to_keep = call.body.get("snapshots-to-keep-number")
        if to_keep is not None and (not isinstance(to_keep, int) or not 0 < to_keep <= self.most_kept):
            raise XmsError(INVALID_VALUE.format("snapshots-to-keep-number"))
        number = table.next_id
        name = call.body.get("scheduler-name") or f"Scheduler{number}"
        values = {key: value for key, value in call.body.items() if key in self.creates}
        values.update(
            {
                "object": oid(source),
                "snapshot-object-type": kind,
                "scheduler-type": choice(call, "scheduler-type", ("interval", "explicit"), "interval"),
            }
        )
        volume = source.id if kind == "Volume" else None
        scheduler = Scheduler(number, guid("scheduler", name, str(number)), name, values, volume)
        table.add(scheduler)
        scope.cluster.array.touched("scheduler.create", scheduler)
        return [(self.type, number)]

    def update(self, scope: Scope, call: Call, row: Scheduler) -> None:
        if "enabled-state" in call.body:
            row.values["enabled-state"] = text(call, "enabled-state")
        if "new-name" in call.body:
            scope.cluster.schedulers.rename(row, text(call, "new-name"))
        scope.cluster.array.touched("scheduler.change", row)

    def delete(self, scope: Scope, call: Call, row: Scheduler) -> None:
        scope.cluster.schedulers.remove(row)
        scope.cluster.array.touched("scheduler.delete", row)


class Nothing(Resource):
    """A type that has no objects here, such as iSCSI routes."""

    def __init__(self, type_name: str, *, since: tuple[int, ...] = (3,), in_cluster: bool = True) -> None:
        self.type = type_name
        self.since = since
        self.in_cluster = in_cluster
        self.fields = common(f"{type_name.rstrip('s')}-id") if in_cluster else {}

    def rows(self, scope: Scope) -> Iterable[Any]:
        return []


class Events(Nothing):
    """Events. A real XMS lists the events themselves, newest first; the simulator has none."""

    def __init__(self) -> None:
        super().__init__("events", in_cluster=False)


class Performance(Resource):
    """Counters over time: a table without measurements."""

    type = "performance"
    apis = (2,)
    since = (4,)

    def rows(self, scope: Scope) -> Iterable[Any]:
        return ()  # it has no objects; see listing()

    def listing(self, scope: Scope, call: Call) -> dict[str, Any]:
        if call.first("entity") is None:
            raise XmsError(INVALID_VALUE.format("entity"))
        return {"members": ["timestamp", "obj-type", "name", "index", *(call.props or ["iops", "bw"])], "counters": []}

    def address(self, scope: Scope, call: Call) -> Any:
        raise not_found()


class UserAccounts(Resource):
    type = "user-accounts"
    since = (4,)
    in_cluster = False
    fields = {
        "name": lambda scope, row: row.name,
        "index": lambda scope, row: row.id,
        "guid": lambda scope, row: row.uuid,
        "role": lambda scope, row: "admin",
        "usr-id": lambda scope, row: oid(row),
    }

    def rows(self, scope: Scope) -> Iterable[Fixed]:
        return [Fixed(1, guid("user", scope.xms.user), scope.xms.user)]
