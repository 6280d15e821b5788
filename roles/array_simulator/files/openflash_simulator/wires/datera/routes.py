# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every route with its operations: what ``/api`` describes and what is served are one table (1.11 and section 2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import access, bodies as b, instances, platform, snapshots
from .edf import Call, Edf

Handler = Callable[[Call], Any]
Operation = tuple[b.Schema | None, Handler]

METHODS = {"GET": "read", "POST": "create", "PUT": "update", "DELETE": "delete"}


@dataclass(frozen=True)
class Route:
    path: str
    operations: dict[str, Operation]

    def match(self, path: str) -> dict[str, str] | None:
        """The parameters, or None when this is another route. A parameter with a pattern takes the rest of the path."""
        head, greedy, _pattern = self.path.strip("/").partition("(")
        mine, given = head.split("/"), path.strip("/").split("/")
        if greedy and len(given) > len(mine):
            given = [*given[: len(mine) - 1], "/".join(given[len(mine) - 1 :])]
        if len(mine) != len(given):
            return None
        found: dict[str, str] = {}
        for piece, value in zip(mine, given, strict=True):
            if piece.startswith(":"):
                found[piece[1:]] = value
            elif piece != value:
                return None
        return found


def table(edf: Edf, version: str) -> list[Route]:
    """The routes of one API version of this product."""
    second = version != "v2.1"
    bodies = b.Bodies(second, edf.modern)
    ai = "/app_instances"
    one = f"{ai}/:ai"
    si = f"{one}/storage_instances"
    storage = f"{si}/:si"
    volume = f"{storage}/volumes/:volume"

    def read(handler: Handler) -> dict[str, Operation]:
        return {"read": (None, handler)}

    def singleton(show: Handler, schema: b.Schema | None, update: Handler) -> dict[str, Operation]:
        return {**read(show), "update": (schema, update)}

    routes = [
        Route(ai, {**read(instances.list_instances), "create": (bodies.instance_create, instances.create_instance)}),
        Route(
            one,
            {
                **singleton(instances.show_instance, bodies.instance_update, instances.update_instance),
                "delete": (b.FORCE, instances.delete_instance),
            },
        ),
        Route(
            f"{one}/snapshots",
            {**read(snapshots.list_app_snapshots), "create": (bodies.snapshot, snapshots.create_app_snapshot)},
        ),
        Route(
            f"{one}/snapshots/:ts",
            {**read(snapshots.show_app_snapshot), "delete": (b.EMPTY, snapshots.delete_app_snapshot)},
        ),
        Route(si, {**read(instances.list_storage), "create": (bodies.storage_create, instances.create_storage)}),
        Route(
            storage,
            {
                **singleton(instances.show_storage, bodies.storage_update, instances.update_storage),
                "delete": (b.FORCE, instances.delete_storage),
            },
        ),
        Route(f"{storage}/acl_policy", singleton(access.show_acl, b.ACL, access.update_acl)),
        Route(f"{storage}/acl_policy/initiators", singleton(access.show_listed, b.MEMBERSHIP, access.update_listed)),
        Route(
            f"{storage}/acl_policy/initiator_groups", singleton(access.show_listed, b.MEMBERSHIP, access.update_listed)
        ),
        Route(f"{storage}/auth", singleton(access.show_auth, b.AUTH, access.update_auth)),
        Route(
            f"{storage}/volumes",
            {**read(instances.list_volumes), "create": (bodies.volume_create, instances.create_volume)},
        ),
        Route(
            volume,
            {
                **singleton(instances.show_volume, bodies.volume_update, instances.update_volume),
                "delete": (b.EMPTY, instances.delete_volume),
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
                **singleton(snapshots.show_performance, b.PERFORMANCE, snapshots.update_performance),
                "create": (b.PERFORMANCE, snapshots.create_performance),
                "delete": (b.EMPTY, snapshots.delete_performance),
            },
        ),
        Route("/initiators", {**read(access.list_initiators), "create": (bodies.initiator, access.create_initiator)}),
        Route(
            "/initiators/:initiator",
            {
                **singleton(access.show_initiator, b.body(name=b.LABEL), access.update_initiator),
                "delete": (b.EMPTY, access.delete_initiator),
            },
        ),
        Route(
            "/initiator_groups",
            {
                **read(access.list_groups),
                "create": (b.body("name", name=b.NAME, members=b.many(b.REFERENCE)), access.create_group),
            },
        ),
        Route(
            "/initiator_groups/:group",
            {
                **singleton(access.show_group, b.body(members=b.many(b.REFERENCE)), access.update_group),
                "delete": (b.EMPTY, access.delete_group),
            },
        ),
        Route("/initiator_groups/:group/members", singleton(access.show_members, b.MEMBERSHIP, access.update_members)),
        Route(
            "/access_network_ip_pools",
            {
                **read(platform.list_pools),
                "create": (
                    b.body("name", name=b.NAME, descr=b.DESCR, network_paths=b.many(b.NETWORK_PATH)),
                    platform.create_pool,
                ),
            },
        ),
        Route(
            "/access_network_ip_pools/:pool",
            {**read(platform.show_pool), "delete": (b.EMPTY, platform.delete_pool)},
        ),
        Route(
            "/tenants",
            {
                **read(platform.list_tenants),
                "create": (
                    b.body("name", name=b.NAME_OR_UUID, descr=b.DESCR, parent_path=b.TEXT),
                    platform.create_tenant,
                ),
            },
        ),
        Route(
            "/tenants/:tenant((?:[A-Za-z0-9_.-]+/?)+)",
            {
                **singleton(platform.show_tenant, b.body(descr=b.DESCR), platform.update_tenant),
                "delete": (b.EMPTY, platform.delete_tenant),
            },
        ),
        Route(
            "/app_templates",
            {**read(platform.list_templates), "create": (bodies.template, platform.create_template)},
        ),
        Route(
            "/app_templates/:template",
            {**read(platform.show_template), "delete": (b.EMPTY, platform.delete_template)},
        ),
        Route("/system", read(platform.show_system)),
        Route("/storage_nodes", read(platform.list_nodes)),
        Route("/storage_nodes/:uuid", read(platform.show_node)),
        Route("/event_logs", read(platform.show_nothing)),
        Route("/fault_logs", read(platform.show_nothing)),
        Route(
            f"{one}/{'int_ecosystem_data' if edf.modern else 'metadata'}",
            singleton(platform.show_metadata, None, platform.update_metadata),
        ),
    ]
    if second and edf.modern:
        routes += [
            Route("/placement_policies", read(platform.list_policies)),
            Route("/placement_policies/:policy", read(platform.show_policy)),
        ]
    return routes


# Described in /api for the clients that look there, and served by the wire itself or not at all.
_DESCRIBED_ONLY = ("/login", "/logout", "/userinfo", "/api", "/app_instances/:ai/metadata")
IO_METRICS = (
    "reads writes bytes_read bytes_written iops_read iops_write thpt_read thpt_write "
    "lat_avg_read lat_avg_write lat_50_read lat_50_write lat_90_read lat_90_write lat_100_read lat_100_write"
).split()


def describe(routes: list[Route]) -> dict[str, Any]:
    """The schema document: one entry for each route, one in it for each operation."""
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
