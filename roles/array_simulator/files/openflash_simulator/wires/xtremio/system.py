# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an XMS is made of and how it does: clusters, ports, portals, hardware, events (sections 6 and 7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from ...objects import Table
from .call import Call
from .cluster import Cluster, Fixed, Scheduler, guid, kib, oid
from .errors import XmsError, not_found
from .guesses import INVALID_VALUE
from .resource import IDLE, Field, Links, Resource, Scope, choice, common, required, text, value_of
from .snapshots import SnapshotSets
from .volumes import Volumes


def _ratio(top: int, bottom: int) -> str:
    return f"{top / bottom:.3f}" if bottom else "1.000"


class Clusters(Resource):
    type = "clusters"
    in_cluster = False
    fields = {
        "name": lambda s, c: c.name,
        "index": lambda s, c: c.index,
        "guid": lambda s, c: c.guid,
        "sys-id": lambda s, c: c.oid,
        "xms-id": lambda s, c: s.xms.oid,
        "sys-sw-version": lambda s, c: s.xms.version.text,
        "sys-psnt-serial-number": lambda s, c: c.psnt,
        "sys-state": lambda s, c: "active",
        "sys-health-state": lambda s, c: "healthy",
        "license-id": lambda s, c: c.psnt,
        "num-of-vols": lambda s, c: len(c.array.volumes),
        "num-of-bricks": lambda s, c: len(c.bricks),
        "num-of-ssds": lambda s, c: len(c.ssds),
        "ud-ssd-space": lambda s, c: kib(c.array.size),
        "ud-ssd-space-in-use": lambda s, c: kib(c.array.used),
        "vol-size": lambda s, c: kib(c.array.provisioned),
        "logical-space-in-use": lambda s, c: kib(c.array.used),
        "dedup-ratio": lambda s, c: 1.0,
        "thin-provisioning-ratio": lambda s, c: _ratio(c.array.provisioned, c.array.used),
        "chap-authentication-mode": lambda s, c: c.chap["chap-authentication-mode"],
        "chap-discovery-mode": lambda s, c: c.chap["chap-discovery-mode"],
        **IDLE,
    }
    fields_v2 = {
        "free-ud-ssd-space-in-percent": lambda s, c: 100 * (c.array.size - c.array.used) // c.array.size,
        "compression-factor": lambda s, c: 1.0,
        "data-reduction-ratio": lambda s, c: 1.0,
        "hardware-platform": lambda s, c: "X2" if s.xms.version.x2 else "X1",
    }

    def rows(self, scope: Scope) -> Iterable[Cluster]:
        return scope.xms.clusters

    def by_index(self, scope: Scope, index: int) -> Cluster | None:
        return next((one for one in scope.xms.clusters if one.index == index), None)

    def show(self, scope: Scope, call: Call, row: Any, *, listed: bool) -> dict[str, Any]:
        return super().show(scope, call, _Row(row), listed=listed)

    def _link(self, scope: Scope, call: Call, row: Any) -> dict[str, Any]:
        return super()._link(scope, call, _Row(row))


class _Row:
    """A cluster under the attribute names that every other object has."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.id = cluster.index
        self.uuid = cluster.guid

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)


class XmsType(Resource):
    """The management server itself; the oldest version does not know the type."""

    type = "xms"
    list_key = "xmss"
    since = (4,)
    in_cluster = False
    fields = {
        "name": lambda s, x: x.name,
        "index": lambda s, x: x.id,
        "guid": lambda s, x: x.uuid,
        "xms-id": lambda s, x: oid(x),
        "version": lambda s, x: s.xms.version.short,
        "sw-version": lambda s, x: s.xms.version.text,
        "build": lambda s, x: s.xms.version.build,
        "restapi-protocol-version": lambda s, x: s.xms.version.api,
        "num-of-systems": lambda s, x: len(s.xms.clusters),
        "uptime": lambda s, x: str(int(s.xms.clock() - s.xms.started)),
        "datetime": lambda s, x: time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(s.xms.clock())),
        "ram-total": lambda s, x: "16777216",
        "ram-usage": lambda s, x: "4194304",
    }

    def rows(self, scope: Scope) -> Iterable[Fixed]:
        return [Fixed(1, scope.xms.guid, scope.xms.name)]


class Targets(Resource):
    type = "targets"
    fields = {
        **common("tar-id"),
        "tg-id": lambda s, o: oid(s.cluster.target_groups[1]),
        "brick-id": lambda s, o: oid(s.cluster.bricks[1]),
        "node-id": lambda s, o: oid(s.cluster.controllers[o.values["controller"]]),
        **{name: value_of(name) for name in ("port-address", "port-type", "port-state", "port-speed", "mtu")},
        **IDLE,
    }

    def rows(self, scope: Scope) -> Iterable[Fixed]:
        return scope.cluster.targets


class IscsiPortals(Resource):
    """A portal's name is its address with the mask."""

    type = "iscsi-portals"
    fields = {
        **common("portal-id"),
        **{name: value_of(name) for name in ("ip-addr", "ip-port", "vlan", "port-address", "tar-id")},
    }

    def rows(self, scope: Scope) -> Iterable[Fixed]:
        return scope.cluster.portals


class Schedulers(Resource):
    """Enough of a snapshot scheduler to be in the way of deleting its volume."""

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
        "snapshot-object-id": lambda s, o: o.values.get("object"),
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
        from .consistency import ConsistencyGroups

        table = scope.cluster.schedulers
        kind = choice(call, "snapshot-object-type", ("Volume", "SnapSet", "ConsistencyGroup"), "Volume")
        resource: Resource = {
            "Volume": Volumes(),
            "SnapSet": SnapshotSets(),
            "ConsistencyGroup": ConsistencyGroups(),
        }[kind]
        about = resource.refer(scope, required(call, "snapshot-object-id"), "vol" if kind == "Volume" else "snapset")
        kept = call.body.get("snapshots-to-keep-number")
        if kept is not None and (not isinstance(kept, int) or not 0 < kept <= self.most_kept):
            raise XmsError(INVALID_VALUE.format("snapshots-to-keep-number"))
        number = table.next_id
        name = call.body.get("scheduler-name") or f"Scheduler{number}"
        values = {key: value for key, value in call.body.items() if key in self.creates}
        values.update(
            {
                "object": oid(about),
                "snapshot-object-type": kind,
                "scheduler-type": choice(call, "scheduler-type", ("interval", "explicit"), "interval"),
            }
        )
        volume = about.id if kind == "Volume" else None
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


class Hardware(Resource):
    """Bricks and what is in them: there, healthy, and of no interest to a host."""

    def __init__(self, type_name: str, type_key: str, table: Callable[[Cluster], Table[Fixed]]) -> None:
        self.type = type_name
        self._table = table
        healthy: dict[str, Field] = {"obj-status": lambda s, o: "healthy"}
        self.fields = {**common(type_key), **healthy}

    def rows(self, scope: Scope) -> Iterable[Fixed]:
        return self._table(scope.cluster)


class Nothing(Resource):
    """A type of which there never is one here: alerts, iSCSI routes."""

    def __init__(self, type_name: str, *, since: tuple[int, ...] = (3,), in_cluster: bool = True) -> None:
        self.type = type_name
        self.since = since
        self.in_cluster = in_cluster
        self.fields = common(f"{type_name.rstrip('s')}-id") if in_cluster else {}

    def rows(self, scope: Scope) -> Iterable[Any]:
        return []


class Events(Nothing):
    """Not a list of links: the events themselves, newest first. A simulator has none of its own to tell."""

    def __init__(self) -> None:
        super().__init__("events", in_cluster=False)


class Performance(Resource):
    """Counters over time: a table with nothing measured in it."""

    type = "performance"
    apis = (2,)
    since = (4,)

    def rows(self, scope: Scope) -> Iterable[Any]:
        return ()  # a table, and no objects

    def listing(self, scope: Scope, call: Call) -> dict[str, Any]:
        if call.first("entity") is None:
            raise XmsError(INVALID_VALUE.format("entity"))
        return {"members": ["timestamp", "obj-type", "name", "index", *(call.props or ["iops", "bw"])], "counters": []}

    def address(self, scope: Scope, call: Call) -> Any:
        raise not_found()


class InitiatorsConnectivity(Resource):
    """Which initiators are logged in where, as one object (API 2.1)."""

    type = "initiators-connectivity"
    apis = (2,)
    since = (4, 2)

    def rows(self, scope: Scope) -> Iterable[Any]:
        return ()  # a table, and no objects

    def listing(self, scope: Scope, call: Call) -> dict[str, Any]:
        shown: list[dict[str, Any]] = [
            {
                "name": one.name,
                "port-address": one.address,
                "port-type": "fc" if one.address.count(":") == 7 and not one.address.startswith("iqn") else "iscsi",
                "num-of-conn-tars": 0,
                "target-list": [],
            }
            for one in scope.cluster.array.initiators
        ]
        return {"content": shown, "links": [{"href": f"{call.root}/{self.type}", "rel": "self"}]}


class UserAccounts(Resource):
    type = "user-accounts"
    since = (4,)
    in_cluster = False
    fields = {
        "name": lambda s, o: o.name,
        "index": lambda s, o: o.id,
        "guid": lambda s, o: o.uuid,
        "role": lambda s, o: "admin",
        "usr-id": lambda s, o: oid(o),
    }

    def rows(self, scope: Scope) -> Iterable[Fixed]:
        return [Fixed(1, guid("user", scope.xms.user), scope.xms.user)]
