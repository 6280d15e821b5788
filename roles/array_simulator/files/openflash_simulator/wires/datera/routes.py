# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of operations (section 2): what is served, and what ``/api`` describes (1.11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import bodies as b, hosts, monitoring, snapshots, system, volumes
from .call import Call
from .state import EdfState

Handler = Callable[[Call], Any]
Operation = tuple[b.Schema | None, Handler]

METHODS = {"GET": "read", "POST": "create", "PUT": "update", "DELETE": "delete"}


@dataclass(frozen=True)
class Route:
    path: str
    operations: dict[str, Operation]

    def match(self, path: str) -> dict[str, str] | None:
        """The parameters, or None when this is another route. A parameter with a pattern takes the remaining path."""
        head, greedy, _pattern = self.path.strip("/").partition("(")
        pieces, values = head.split("/"), path.strip("/").split("/")
        if greedy and len(values) > len(pieces):
            values = [*values[: len(pieces) - 1], "/".join(values[len(pieces) - 1 :])]
        if len(pieces) != len(values):
            return None
        found: dict[str, str] = {}
        for piece, value in zip(pieces, values, strict=True):
            if piece.startswith(":"):
                found[piece[1:]] = value
            elif piece != value:
                return None
        return found


def table(edf: EdfState, version: str) -> list[Route]:
    """The routes of one API version of this product."""
    second = version != "v2.1"
    bodies = b.Bodies(second, edf.modern)
    instances = "/app_instances"
    instance = f"{instances}/:ai"
    storages = f"{instance}/storage_instances"
    storage = f"{storages}/:si"
    volume = f"{storage}/volumes/:volume"

    def read(handler: Handler) -> dict[str, Operation]:
        return {"read": (None, handler)}

    def singleton(show: Handler, schema: b.Schema | None, update: Handler) -> dict[str, Operation]:
        return {**read(show), "update": (schema, update)}

    routes = [
        Route(instances, {**read(volumes.list_instances), "create": (bodies.instance_create, volumes.create_instance)}),
        Route(
            instance,
            {
                **singleton(volumes.show_instance, bodies.instance_update, volumes.update_instance),
                "delete": (b.FORCE, volumes.delete_instance),
            },
        ),
        Route(
            f"{instance}/snapshots",
            {**read(snapshots.list_app_snapshots), "create": (bodies.snapshot, snapshots.create_app_snapshot)},
        ),
        Route(
            f"{instance}/snapshots/:ts",
            {**read(snapshots.show_app_snapshot), "delete": (b.EMPTY, snapshots.delete_app_snapshot)},
        ),
        Route(storages, {**read(volumes.list_storage), "create": (bodies.storage_create, volumes.create_storage)}),
        Route(
            storage,
            {
                **singleton(volumes.show_storage, bodies.storage_update, volumes.update_storage),
                "delete": (b.FORCE, volumes.delete_storage),
            },
        ),
        Route(f"{storage}/acl_policy", singleton(hosts.show_acl, b.ACL, hosts.update_acl)),
        Route(f"{storage}/acl_policy/initiators", singleton(hosts.show_entries, b.MEMBERSHIP, hosts.update_entries)),
        Route(
            f"{storage}/acl_policy/initiator_groups", singleton(hosts.show_entries, b.MEMBERSHIP, hosts.update_entries)
        ),
        Route(f"{storage}/auth", singleton(hosts.show_auth, b.AUTH, hosts.update_auth)),
        Route(
            f"{storage}/volumes",
            {**read(volumes.list_volumes), "create": (bodies.volume_create, volumes.create_volume)},
        ),
        Route(
            volume,
            {
                **singleton(volumes.show_volume, bodies.volume_update, volumes.update_volume),
                "delete": (b.EMPTY, volumes.delete_volume),
            },
        ),
        Route(
            f"{volume}/snapshots",
            {**read(snapshots.list_snapshots), "create": (bodies.snapshot, snapshots.create_snapshot)},
        ),
        Route(
            f"{volume}/snapshots/:ts", {**read(snapshots.show_snapshot), "delete": (b.EMPTY, snapshots.delete_snapshot)}
        ),
        Route(
            f"{volume}/performance_policy",
            {
                **singleton(volumes.show_performance, b.PERFORMANCE, volumes.update_performance),
                "create": (b.PERFORMANCE, volumes.create_performance),
                "delete": (b.EMPTY, volumes.delete_performance),
            },
        ),
        Route("/initiators", {**read(hosts.list_initiators), "create": (bodies.initiator, hosts.create_initiator)}),
        Route(
            "/initiators/:initiator",
            {
                **singleton(hosts.show_initiator, b.body(name=b.LABEL), hosts.update_initiator),
                "delete": (b.EMPTY, hosts.delete_initiator),
            },
        ),
        Route(
            "/initiator_groups",
            {
                **read(hosts.list_groups),
                "create": (b.body("name", name=b.NAME, members=b.many(b.REFERENCE)), hosts.create_group),
            },
        ),
        Route(
            "/initiator_groups/:group",
            {
                **singleton(hosts.show_group, b.body(members=b.many(b.REFERENCE)), hosts.update_group),
                "delete": (b.EMPTY, hosts.delete_group),
            },
        ),
        Route("/initiator_groups/:group/members", singleton(hosts.show_members, b.MEMBERSHIP, hosts.update_members)),
        Route(
            "/access_network_ip_pools",
            {
                **read(system.list_pools),
                "create": (
                    b.body("name", name=b.NAME, descr=b.DESCR, network_paths=b.many(b.NETWORK_PATH)),
                    system.create_pool,
                ),
            },
        ),
        Route(
            "/access_network_ip_pools/:pool",
            {**read(system.show_pool), "delete": (b.EMPTY, system.delete_pool)},
        ),
        Route(
            "/tenants",
            {
                **read(system.list_tenants),
                "create": (
                    b.body("name", name=b.NAME_OR_UUID, descr=b.DESCR, parent_path=b.TEXT),
                    system.create_tenant,
                ),
            },
        ),
        Route(
            "/tenants/:tenant((?:[A-Za-z0-9_.-]+/?)+)",
            {
                **singleton(system.show_tenant, b.body(descr=b.DESCR), system.update_tenant),
                "delete": (b.EMPTY, system.delete_tenant),
            },
        ),
        Route(
            "/app_templates",
            {**read(system.list_templates), "create": (bodies.template, system.create_template)},
        ),
        Route(
            "/app_templates/:template",
            {**read(system.show_template), "delete": (b.EMPTY, system.delete_template)},
        ),
        Route("/system", read(system.show_system)),
        Route("/storage_nodes", read(system.list_nodes)),
        Route("/storage_nodes/:uuid", read(system.show_node)),
        Route("/event_logs", read(system.empty_list)),
        Route("/fault_logs", read(monitoring.list_faults)),
        Route("/metrics/io/:metric/latest", read(monitoring.latest)),
        Route(
            f"{instance}/{'int_ecosystem_data' if edf.modern else 'metadata'}",
            singleton(system.show_metadata, None, system.update_metadata),
        ),
    ]
    if second and edf.modern:
        routes += [
            Route("/placement_policies", read(system.list_policies)),
            Route("/placement_policies/:policy", read(system.show_policy)),
        ]
    return routes


# Described in /api for clients that read it. The wire serves these itself, or nobody does.
_DESCRIBED_ONLY = ("/login", "/logout", "/userinfo", "/api", "/app_instances/:ai/metadata")
IO_METRICS = (
    "reads writes bytes_read bytes_written iops_read iops_write thpt_read thpt_write "
    "lat_avg_read lat_avg_write lat_50_read lat_50_write lat_90_read lat_90_write lat_100_read lat_100_write"
).split()


def describe(routes: list[Route]) -> dict[str, Any]:
    """The schema document: an entry for each route, with an entry for each of its operations."""
    document: dict[str, Any] = {}
    for route in routes:
        document[route.path] = {
            name: {"op": name, "path": route.path, "bodyParamSchema": schema or b.EMPTY}
            for name, (schema, _handler) in route.operations.items()
        }
    for path in _DESCRIBED_ONLY:
        document.setdefault(path, {})
    for path, metrics in (("/metrics/io/:metric", IO_METRICS), ("/metrics/hw/:metric", ["cpu_usage"])):
        document[path] = {"read": {"op": "read", "path": path, "urlParamSchema": {"metric": {"enum": metrics}}}}
    return document
