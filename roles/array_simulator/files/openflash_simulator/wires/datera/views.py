# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entities as the array shows them: whole trees, with every nested entity (sections 2.2, 2.5, 2.6, 2.8)."""

from __future__ import annotations

import time
from typing import Any

from ...objects import Volume
from . import guesses
from .content import AppInstance, Group, Initiator, Member, StorageInstance, Tenant
from .edf import Call, Edf, gib

Entity = dict[str, Any]

POLICY_KEYS = tuple(f"{kind}_{what}_max" for what in ("iops", "bandwidth") for kind in ("total", "read", "write"))


def app_instance(call: Call, tenant: Tenant, ai: AppInstance) -> Entity:
    template = f"/app_templates/{ai.app_template}" if ai.app_template else ""
    owner = tenant.path if template else ""
    entity: Entity = {
        "tenant": tenant.path,
        "path": ai.path,
        "name": ai.name,
        "id": ai.id,
        "health": "ok",
        "app_template": {"path": template, "resolved_path": template, "resolved_tenant": owner},
        "descr": ai.descr,
        "admin_state": ai.admin_state,
        "storage_instances": [storage_instance(call, tenant, ai, si) for si in ai.storage_instances],
        "create_mode": ai.create_mode,
        "uuid": ai.uuid,
        "access_control_mode": ai.access_control_mode,
        "snapshots": [app_snapshot(call, tenant, ai, key) for key in ai.snapshots],
        "snapshot_policies": [_policy(ai.path, one) for one in ai.snapshot_policies],
        "deployment_state": "failed" if call.edf.failed(ai.name) else "deployed",
        "causes": [],
    }
    if ai.clone_src:
        entity["clone_src"] = {"path": ai.clone_src}
    if ai.restore_point:
        entity["restore_point"] = ai.restore_point
    if call.edf.busy(ai.cloned, guesses.CLONE_SECONDS):
        entity["op_state"] = "cloning"
    return entity


def _policy(parent: str, policy: dict[str, Any]) -> Entity:
    return {"path": f"{parent}/snapshot_policies/{policy['name']}", **policy}


def si_path(ai: AppInstance, si: StorageInstance) -> str:
    return f"{ai.path}/storage_instances/{si.name}"


def volume_path(ai: AppInstance, si: StorageInstance, member: Member) -> str:
    return f"{si_path(ai, si)}/volumes/{member.name}"


def storage_instance(call: Call, tenant: Tenant, ai: AppInstance, si: StorageInstance) -> Entity:
    path = si_path(ai, si)
    online = ai.admin_state == si.admin_state == "online"
    settled = not call.edf.busy(si.onlined, guesses.ONLINE_SECONDS)
    owner = next((one.path for one in call.edf.line(tenant) if si.ip_pool in one.pools), tenant.path)
    pool = f"/access_network_ip_pools/{si.ip_pool}"
    return {
        "health": "ok",
        "path": path,
        "name": si.name,
        "admin_state": "online" if online else "offline",
        "op_state": "available" if online and settled else "unavailable",
        "volumes": [volume(call, tenant, ai, si, one) for one in si.volumes],
        "access_control_mode": si.access_control_mode,
        "acl_policy": acl_policy(call, tenant, ai, si),
        "ip_pool": {"path": pool, "resolved_path": pool, "resolved_tenant": owner},
        "access": {"path": f"{path}/access", "ips": list(call.edf.ips), "iqn": si.iqn},
        "auth": auth(ai, si),
        "active_initiators": call.edf.active(si),
        "active_storage_nodes": _nodes(call.edf),
        "uuid": si.uuid,
        "deployment_state": "deployed",
    }


def _nodes(edf: Edf) -> list[Entity]:
    return [{"path": f"/storage_nodes/{edf.nodes[0]}"}]


def acl_policy(call: Call, tenant: Tenant, ai: AppInstance, si: StorageInstance) -> Entity:
    return {
        "path": f"{si_path(ai, si)}/acl_policy",
        "initiators": [reference(call, tenant, path) for path in si.initiators],
        "initiator_groups": [reference(call, tenant, path) for path in si.initiator_groups],
    }


def reference(call: Call, tenant: Tenant, path: str) -> Entity:
    """2.2 adds whose it is; a client that sends that back is refused (2.6)."""
    if not call.second:
        return {"path": path}
    kind, key = path.strip("/").split("/", 1)
    for one in call.edf.line(tenant):
        if key in (one.initiators if kind == "initiators" else one.groups):
            return {"path": path, "tenant": one.path}
    return {"path": path}


def auth(ai: AppInstance, si: StorageInstance) -> Entity:
    return {
        "path": f"{si_path(ai, si)}/auth",
        "type": si.auth["type"],
        "initiator_user_name": si.auth.get("initiator_user_name", ""),
        "initiator_pswd": "(hidden)",
        "target_user_name": si.auth.get("target_user_name", ""),
        "target_pswd": "(hidden)",
    }


def volume(call: Call, tenant: Tenant, ai: AppInstance, si: StorageInstance, member: Member) -> Entity:
    path = volume_path(ai, si, member)
    row = tenant.volume(member)
    resizing = call.edf.busy(member.resized, guesses.RESIZE_SECONDS)
    entity: Entity = {
        "path": path,
        "name": member.name,
        "replica_count": member.replica_count,
        "uuid": member.uuid,
        "size": gib(row.size),
        "capacity_in_use": gib(row.used),
        "snapshot_policies": [_policy(path, one) for one in member.snapshot_policies],
        "snapshots": [snapshot(call, tenant, ai, si, member, one) for one in own_snapshots(call, tenant, ai, member)],
        "placement_mode": member.placement_mode,
        "op_state": "available",
        "op_status": "volume_resize_in_progress" if resizing else "none",
        "availability_state": "available",
        "active_storage_nodes": _nodes(call.edf),
        "health": "ok",
        "deployment_state": "deployed",
    }
    if call.second and member.placement_policy is not None:
        policy = f"/placement_policies/{member.placement_policy}"
        entity["placement_policy"] = {"path": policy, "resolved_path": policy, "resolved_tenant": "/root"}
    if member.performance is not None:
        entity["performance_policy"] = performance(ai, si, member)
    if member.restore_point:
        entity["restore_point"] = member.restore_point
    return entity


def performance(ai: AppInstance, si: StorageInstance, member: Member) -> Entity:
    limits = member.performance or {}
    return {
        "path": f"{volume_path(ai, si, member)}/performance_policy",
        **{key: limits.get(key, 0) for key in POLICY_KEYS},
    }


def snapshots(tenant: Tenant, member: Member) -> list[Volume]:
    return [one for one in tenant.array.children(tenant.volume(member)) if one.kind == "snapshot"]


def own_snapshots(call: Call, tenant: Tenant, ai: AppInstance, member: Member) -> list[Volume]:
    """Those that the volume reports: whether the parts of its app instance's snapshots are among them is not known."""
    found = snapshots(tenant, member)
    return [one for one in found if one.attributes["utc_ts"] not in ai.snapshots] if call.edf.apart else found


def snapshot(call: Call, tenant: Tenant, ai: AppInstance, si: StorageInstance, member: Member, row: Volume) -> Entity:
    key = row.attributes["utc_ts"]
    ready = not call.edf.busy(row.created, guesses.SNAPSHOT_SECONDS)
    return {
        "path": f"{volume_path(ai, si, member)}/snapshots/{key}",
        "timestamp": _iso(key),
        "uuid": row.attributes["uuid"],
        "op_state": "failed" if call.edf.failed(row.attributes["uuid"]) else "available" if ready else "unavailable",
        "utc_ts": key,
    }


def app_snapshot(call: Call, tenant: Tenant, ai: AppInstance, key: str) -> Entity:
    ready = not call.edf.busy(float(key), guesses.SNAPSHOT_SECONDS)
    return {
        "path": f"{ai.path}/snapshots/{key}",
        "timestamp": _iso(key),
        "uuid": ai.snapshots[key],
        "op_state": "available" if ready else "unavailable",
        "utc_ts": key,
    }


def _iso(key: str) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(float(key))) + key[key.index(".") : key.index(".") + 7] + "Z"


def initiator(call: Call, tenant: Tenant, one: Initiator) -> Entity:
    entity = {"path": f"/initiators/{one.id}", "id": one.id, "name": one.name, "tenant": tenant.path}
    return entity


def group(call: Call, tenant: Tenant, one: Group) -> Entity:
    """The schema of 2.1 has no tenant here (6.7)."""
    whose = {"tenant": tenant.path} if call.second else {}
    return {
        "path": f"/initiator_groups/{one.name}",
        "name": one.name,
        **whose,
        "members": [reference(call, tenant, path) for path in one.members],
    }


def ip_pool(name: str, pool: dict[str, Any]) -> Entity:
    path = f"/access_network_ip_pools/{name}"
    return {
        "path": path,
        "name": name,
        "descr": pool.get("descr") or "",
        "network_paths": [
            {"path": f"{path}/network_paths/{one.get('name', number)}", **one}
            for number, one in enumerate(pool["network_paths"])
        ],
    }


def tenant(edf: Edf, one: Tenant) -> Entity:
    below = [tenant(edf, other) for other in edf.tenants.values() if other.parent == one.path and other is not one]
    return {
        "path": f"/tenants{one.path}",
        "name": one.name,
        "descr": one.descr,
        "subtenants": below,
        "parent_path": one.parent or "/",
    }
