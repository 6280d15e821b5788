# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entities as the array reports them, each with all nested entities (sections 2.2, 2.5, 2.6, 2.8)."""

from __future__ import annotations

import time
from typing import Any

from ...objects import Volume
from . import ledger
from .call import Call
from .objects import AppInstance, Group, Initiator, InstanceVolume, StorageInstance, Tenant
from .state import EdfState, gib

Entity = dict[str, Any]

POLICY_KEYS = tuple(f"{kind}_{unit}_max" for unit in ("iops", "bandwidth") for kind in ("total", "read", "write"))


def app_instance(call: Call, tenant: Tenant, instance: AppInstance) -> Entity:
    template = f"/app_templates/{instance.app_template}" if instance.app_template else ""
    owner = tenant.path if template else ""
    entity: Entity = {
        "tenant": tenant.path,
        "path": instance.path,
        "name": instance.name,
        "id": instance.id,
        "health": "ok",
        "app_template": {"path": template, "resolved_path": template, "resolved_tenant": owner},
        "descr": instance.descr,
        "admin_state": instance.admin_state,
        "storage_instances": [
            storage_instance(call, tenant, instance, storage) for storage in instance.storage_instances
        ],
        "create_mode": instance.create_mode,
        "uuid": instance.uuid,
        "access_control_mode": instance.access_control_mode,
        "snapshots": [app_snapshot(call, tenant, instance, key) for key in instance.snapshots],
        "snapshot_policies": [_policy(instance.path, policy) for policy in instance.snapshot_policies],
        "deployment_state": "failed" if call.edf.failed(instance.name) else "deployed",
        "causes": [],
    }
    source = call.edf.assumed("clones.source")
    if instance.clone_src and source != "missing":
        of_instance = "/".join(instance.clone_src.split("/")[:3])
        entity["clone_src"] = {"path": instance.clone_src if source == "reported" else of_instance}
    if instance.restore_point:
        entity["restore_point"] = instance.restore_point
    if call.edf.busy(instance.cloned, ledger.CLONE_SECONDS):
        entity["op_state"] = "cloning"
    return _nested(call, entity)


def _nested(call: Call, entity: Entity) -> Entity:
    """The entity with its list of snapshots as the array nests it."""
    nested = call.edf.assumed("snapshots.nested")
    if nested == "missing":
        del entity["snapshots"]
    elif nested == "paths":
        entity["snapshots"] = [{"path": snapshot["path"]} for snapshot in entity["snapshots"]]
    return entity


def _policy(parent: str, policy: dict[str, Any]) -> Entity:
    return {"path": f"{parent}/snapshot_policies/{policy['name']}", **policy}


def storage_path(instance: AppInstance, storage: StorageInstance) -> str:
    return f"{instance.path}/storage_instances/{storage.name}"


def volume_path(instance: AppInstance, storage: StorageInstance, volume: InstanceVolume) -> str:
    return f"{storage_path(instance, storage)}/volumes/{volume.name}"


def storage_instance(call: Call, tenant: Tenant, instance: AppInstance, storage: StorageInstance) -> Entity:
    path = storage_path(instance, storage)
    online = instance.admin_state == storage.admin_state == "online"
    available = online and not call.edf.busy(storage.onlined, ledger.ONLINE_SECONDS)
    owner = next((above.path for above in call.edf.ancestry(tenant) if storage.ip_pool in above.pools), tenant.path)
    pool = f"/access_network_ip_pools/{storage.ip_pool}"
    entity = {
        "health": "ok",
        "path": path,
        "name": storage.name,
        "admin_state": "online" if online else "offline",
        "op_state": "available" if available else "unavailable",
        "volumes": [volume(call, tenant, instance, storage, member) for member in storage.volumes],
        "access_control_mode": storage.access_control_mode,
        "acl_policy": acl_policy(call, tenant, instance, storage),
        "ip_pool": {"path": pool, "resolved_path": pool, "resolved_tenant": owner},
        "access": {"path": f"{path}/access", "ips": list(call.edf.ips), "iqn": storage.iqn},
        "auth": auth(instance, storage),
        "active_initiators": call.edf.active(storage),
        "active_storage_nodes": _nodes(call.edf),
        "uuid": storage.uuid,
        "deployment_state": "deployed",
    }
    sessions = call.edf.assumed("access.sessions")
    if sessions == "missing":
        del entity["active_initiators"]
    elif sessions == "references":
        entity["active_initiators"] = [{"path": f"/initiators/{name}"} for name in call.edf.active(storage)]
    return entity


def _nodes(edf: EdfState) -> list[Entity]:
    return [{"path": f"/storage_nodes/{edf.nodes[0]}"}]


def acl_policy(call: Call, tenant: Tenant, instance: AppInstance, storage: StorageInstance) -> Entity:
    return {
        "path": f"{storage_path(instance, storage)}/acl_policy",
        "initiators": [reference(call, tenant, path) for path in storage.initiators],
        "initiator_groups": [reference(call, tenant, path) for path in storage.initiator_groups],
    }


def reference(call: Call, tenant: Tenant, path: str) -> Entity:
    """A reference. 2.2 adds the tenant that has the entity; a client that sends that back is refused (2.6)."""
    if not call.second:
        return {"path": path}
    kind, key = path.strip("/").split("/", 1)
    for owner in call.edf.ancestry(tenant):
        if key in (owner.initiators if kind == "initiators" else owner.groups):
            return {"path": path, "tenant": owner.path}
    return {"path": path}


def auth(instance: AppInstance, storage: StorageInstance) -> Entity:
    return {
        "path": f"{storage_path(instance, storage)}/auth",
        "type": storage.auth["type"],
        "initiator_user_name": storage.auth.get("initiator_user_name", ""),
        "initiator_pswd": "(hidden)",
        "target_user_name": storage.auth.get("target_user_name", ""),
        "target_pswd": "(hidden)",
    }


def volume(
    call: Call, tenant: Tenant, instance: AppInstance, storage: StorageInstance, volume: InstanceVolume
) -> Entity:
    path = volume_path(instance, storage, volume)
    row = tenant.array_volume(volume)
    silent = call.edf.assumed("volumes.resize_status") == "silent"
    resizing = not silent and call.edf.busy(volume.resized, ledger.RESIZE_SECONDS)
    size = row.size
    if silent and volume.size_before and call.edf.lasts(volume.resized, ledger.SILENT_SECONDS):
        size = volume.size_before
    entity: Entity = {
        "path": path,
        "name": volume.name,
        "replica_count": volume.replica_count,
        "uuid": volume.uuid,
        "size": gib(size),
        "capacity_in_use": gib(row.used),
        "snapshot_policies": [_policy(path, policy) for policy in volume.snapshot_policies],
        "snapshots": [
            snapshot(call, tenant, instance, storage, volume, row)
            for row in reported_snapshots(call, tenant, instance, volume)
        ],
        "placement_mode": volume.placement_mode,
        "op_state": "available",
        "op_status": "volume_resize_in_progress" if resizing else "none",
        "availability_state": "available",
        "active_storage_nodes": _nodes(call.edf),
        "health": "ok",
        "deployment_state": "deployed",
    }
    if call.second and volume.placement_policy is not None:
        policy = f"/placement_policies/{volume.placement_policy}"
        entity["placement_policy"] = {"path": policy, "resolved_path": policy, "resolved_tenant": "/root"}
    if volume.performance is not None:
        entity["performance_policy"] = performance(instance, storage, volume)
    if volume.restore_point and call.edf.assumed("restore.point") == "reported":
        entity["restore_point"] = volume.restore_point
    return _nested(call, entity)


def performance(instance: AppInstance, storage: StorageInstance, volume: InstanceVolume) -> Entity:
    limits = volume.performance or {}
    return {
        "path": f"{volume_path(instance, storage, volume)}/performance_policy",
        **{key: limits.get(key, 0) for key in POLICY_KEYS},
    }


def snapshots(tenant: Tenant, volume: InstanceVolume) -> list[Volume]:
    """Every snapshot of the volume, those of its app instance included."""
    return [row for row in tenant.array.children(tenant.array_volume(volume)) if row.kind == "snapshot"]


def reported_snapshots(call: Call, tenant: Tenant, instance: AppInstance, volume: InstanceVolume) -> list[Volume]:
    """The snapshots that the volume reports. That it reports those of its app instance too is an assumption."""
    found = snapshots(tenant, volume)
    if call.edf.assumed("snapshots.of_instance") == "apart":
        return [row for row in found if row.attributes["utc_ts"] not in instance.snapshots]
    return found


def snapshot(
    call: Call, tenant: Tenant, instance: AppInstance, storage: StorageInstance, volume: InstanceVolume, row: Volume
) -> Entity:
    key = row.attributes["utc_ts"]
    state = "unavailable" if call.edf.busy(row.created, ledger.SNAPSHOT_SECONDS) else "available"
    if call.edf.failed(row.attributes["uuid"]):
        state = "failed"
    return {
        "path": f"{volume_path(instance, storage, volume)}/snapshots/{key}",
        "timestamp": _iso(key),
        "uuid": row.attributes["uuid"],
        "op_state": state,
        "utc_ts": key,
    }


def app_snapshot(call: Call, tenant: Tenant, instance: AppInstance, key: str) -> Entity:
    ready = not call.edf.busy(float(key), ledger.SNAPSHOT_SECONDS)
    return {
        "path": f"{instance.path}/snapshots/{key}",
        "timestamp": _iso(key),
        "uuid": instance.snapshots[key],
        "op_state": "available" if ready else "unavailable",
        "utc_ts": key,
    }


def _iso(key: str) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(float(key))) + key[key.index(".") : key.index(".") + 7] + "Z"


def initiator(call: Call, tenant: Tenant, shown: Initiator) -> Entity:
    return {"path": f"/initiators/{shown.id}", "id": shown.id, "name": shown.name, "tenant": tenant.path}


def group(call: Call, tenant: Tenant, shown: Group) -> Entity:
    """An initiator group. The schema of 2.1 has no tenant in it (6.7)."""
    owner = {"tenant": tenant.path} if call.second else {}
    return {
        "path": f"/initiator_groups/{shown.name}",
        "name": shown.name,
        **owner,
        "members": [reference(call, tenant, path) for path in shown.members],
    }


def ip_pool(name: str, pool: dict[str, Any]) -> Entity:
    path = f"/access_network_ip_pools/{name}"
    return {
        "path": path,
        "name": name,
        "descr": pool.get("descr") or "",
        "network_paths": [
            {"path": f"{path}/network_paths/{network_path.get('name', number)}", **network_path}
            for number, network_path in enumerate(pool["network_paths"])
        ],
    }


def tenant(edf: EdfState, shown: Tenant) -> Entity:
    below = [other for other in edf.tenants.values() if other.parent == shown.path and other is not shown]
    return {
        "path": f"/tenants{shown.path}",
        "name": shown.name,
        "descr": shown.descr,
        "subtenants": [tenant(edf, other) for other in below],
        "parent_path": shown.parent or "/",
    }
