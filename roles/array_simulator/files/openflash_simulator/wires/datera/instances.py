# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""App instances, storage instances and volumes (sections 2.1 to 2.5 and 2.12 to 2.14)."""

from __future__ import annotations

from typing import Any

from . import access, guesses, views
from .content import NO_UUID, AppInstance, Member, StorageInstance, Tenant, new_uuid
from .edf import Call, from_gib, offline_only
from .errors import conflict, invalid, missing

Entity = dict[str, Any]


# ---- app instances ---------------------------------------------------------------------------------------------------


def list_instances(call: Call) -> list[Entity]:
    return [views.app_instance(call, tenant, ai) for tenant in call.visible for ai in tenant.instances.values()]


def show_instance(call: Call) -> Entity:
    return views.app_instance(call, *call.instance())


def create_instance(call: Call) -> Entity:
    tenant, body = call.scope, call.body
    if tenant.find(body["name"]) is not None:
        raise conflict(f"App instance {body['name']} exists")
    if len(tenant.instances) >= guesses.APP_INSTANCES:
        raise invalid("Too many app instances")
    sources = [key for key in ("clone_src", "clone_volume_src", "clone_snapshot_src", "app_template") if key in body]
    if len(sources) > 1 or (sources and "storage_instances" in body):
        raise invalid(f"Only one of {', '.join([*sources, 'storage_instances'])} can be given")
    mode = body.get("create_mode", "normal")
    ai = AppInstance(
        id=new_uuid(),
        name=body["name"],
        uuid=body.get("uuid", new_uuid()) if mode == "openstack" else NO_UUID,
        create_mode=mode,
        access_control_mode=body.get("access_control_mode", "deny_all"),
        descr=body.get("descr") or "",
        snapshot_policies=body.get("snapshot_policies", []),
    )
    try:
        if "app_template" in body:
            _from_template(call, tenant, ai)
        elif sources:
            _clone(call, tenant, ai, sources[0])
        else:
            for given in body.get("storage_instances", []):
                _add_storage(call, tenant, ai, given)
    except BaseException:
        # Nothing of a refused app instance stays.
        for _si, member in ai.members:
            tenant.array.delete_volume(tenant.volume(member))
        for si in ai.storage_instances:
            call.edf.storage_removed(tenant, ai, si)
        raise
    tenant.instances[ai.id] = ai
    for si in ai.storage_instances:
        call.edf.access_changed(tenant, ai, si)
    call.edf.changed("app_instance.create", {"name": ai.name, "id": ai.id})
    return views.app_instance(call, tenant, ai)


def _from_template(call: Call, tenant: Tenant, ai: AppInstance) -> None:
    name = call.body["app_template"]["path"].rsplit("/", 1)[1]
    found = next((one.templates[name] for one in call.inherited if name in one.templates), None)
    if found is None:
        raise missing(call.body["app_template"]["path"])
    ai.app_template = name
    override = call.body.get("template_override", {}).get("storage_instances", {})
    for storage in found["storage_templates"]:
        own = override.get(storage["name"], {}).get("volumes", {})
        volumes = []
        for one in storage.get("volume_templates", []):
            size = own.get(one["name"], {}).get("size", one.get("size", 1))
            volumes.append({**one, "size": float(size)})
        given = {key: value for key, value in storage.items() if key != "volume_templates"}
        _add_storage(call, tenant, ai, {**given, "volumes": volumes})


def _clone(call: Call, tenant: Tenant, ai: AppInstance, source: str) -> None:
    path = call.body[source]["path"]
    ai.clone_src, ai.cloned = path, call.edf.clock()
    if source == "clone_src":
        parent = tenant.find(path.rsplit("/", 1)[1])
        if parent is None:
            raise missing(path)
        pairs = [(si, member, tenant.volume(member)) for si, member in parent.members]
    else:
        _tenant, _ai, si, member, key = call.resolve(path)
        row = tenant.volume(member)
        if source == "clone_snapshot_src":
            row = next((one for one in views.snapshots(tenant, member) if one.attributes["utc_ts"] == key), row)
            if row.kind != "snapshot":
                raise missing(path)
        pairs = [(si, member, row)]
    for si, member, row in pairs:
        storage = ai.storage(si.name) or _new_storage(call, ai, si.name, si.ip_pool)
        if storage not in ai.storage_instances:
            ai.storage_instances.append(storage)
        made = tenant.array.copy_volume(row, f"{ai.id}/{si.name}/{member.name}", seconds=0, provisioning="thin")
        made.attributes["content"] = row.attributes.get("content", row.uuid)
        copy = Member(
            name=member.name,
            volume=made.id,
            uuid=ai.uuid if ai.uuid != NO_UUID and len(pairs) == 1 else new_uuid(),
            replica_count=member.replica_count,
            placement_mode=member.placement_mode,
            placement_policy=member.placement_policy,
        )
        storage.volumes.append(copy)
    _retitle(tenant, ai)


def update_instance(call: Call) -> Entity:
    tenant, ai = call.instance()
    body = call.body
    name = body.get("name", ai.name)
    if name != ai.name and tenant.find(name) is not None:
        raise conflict(f"App instance {name} exists")
    if body.get("restore_point"):
        offline_only(ai)
        if body["restore_point"] not in ai.snapshots:
            raise missing(f"{ai.path}/snapshots/{body['restore_point']}")
    if "admin_state" in body:
        _check_active(call, ai.storage_instances)
    for given in body.get("storage_instances", []):
        si = ai.storage(given["name"])
        if si is None:
            _add_storage(call, tenant, ai, given)
        else:
            _change_storage(call, tenant, ai, si, given)
    if "admin_state" in body:
        ai.admin_state = body["admin_state"]
        _switch(call, tenant, ai, ai.storage_instances, body["admin_state"])
    if body.get("restore_point"):
        for _si, member in ai.members:
            _restore(tenant, member, body["restore_point"])
        ai.restore_point = body["restore_point"]
    ai.name = name
    ai.descr = body.get("descr", ai.descr) or ""
    ai.snapshot_policies = body.get("snapshot_policies", ai.snapshot_policies)
    _retitle(tenant, ai)
    if body:
        call.edf.changed("app_instance.change", {"name": ai.name, "id": ai.id})
    return views.app_instance(call, tenant, ai)


def _check_active(call: Call, storage: list[StorageInstance]) -> None:
    body = call.body
    if body["admin_state"] == "offline" and not body.get("force") and any(call.edf.active(si) for si in storage):
        raise invalid(guesses.ACTIVE)


def _switch(call: Call, tenant: Tenant, ai: AppInstance, storage: list[StorageInstance], state: str) -> None:
    """Online and offline cascade to the storage instances (2.13)."""
    for si in storage:
        if si.admin_state != state and state == "online":
            si.onlined = call.edf.clock()
        si.admin_state = state
        if state == "offline":
            si.active.clear()
        call.edf.access_changed(tenant, ai, si)


def delete_instance(call: Call) -> Entity:
    tenant, ai = call.instance()
    offline_only(ai)
    shown = views.app_instance(call, tenant, ai)
    for si, member in ai.members:
        _drop_volume(call, tenant, ai, si, member)
    for si in ai.storage_instances:
        call.edf.storage_removed(tenant, ai, si)
    del tenant.instances[ai.id]
    call.edf.changed("app_instance.delete", {"name": ai.name, "id": ai.id})
    return shown


# ---- storage instances -----------------------------------------------------------------------------------------------


def list_storage(call: Call) -> list[Entity]:
    tenant, ai = call.instance()
    return [views.storage_instance(call, tenant, ai, si) for si in ai.storage_instances]


def show_storage(call: Call) -> Entity:
    return views.storage_instance(call, *call.storage())


def create_storage(call: Call) -> Entity:
    tenant, ai = call.instance()
    if ai.storage(call.body["name"]) is not None:
        raise conflict(f"Storage instance {call.body['name']} exists")
    si = _add_storage(call, tenant, ai, call.body)
    _retitle(tenant, ai)
    call.edf.changed("storage_instance.create", {"name": ai.name, "id": ai.id})
    return views.storage_instance(call, tenant, ai, si)


def update_storage(call: Call) -> Entity:
    tenant, ai, si = call.storage()
    if "admin_state" in call.body:
        _check_active(call, [si])
    _change_storage(call, tenant, ai, si, call.body)
    call.edf.changed("storage_instance.change", {"name": ai.name, "id": ai.id})
    return views.storage_instance(call, tenant, ai, si)


def delete_storage(call: Call) -> Entity:
    tenant, ai, si = call.storage()
    offline_only(ai, si)
    shown = views.storage_instance(call, tenant, ai, si)
    for member in list(si.volumes):
        _drop_volume(call, tenant, ai, si, member)
    ai.storage_instances.remove(si)
    call.edf.storage_removed(tenant, ai, si)
    _retitle(tenant, ai)
    call.edf.changed("storage_instance.delete", {"name": ai.name, "id": ai.id})
    return shown


def _new_storage(call: Call, ai: AppInstance, name: str, pool: str) -> StorageInstance:
    return StorageInstance(
        name=name,
        uuid=new_uuid(),
        iqn=call.edf.new_iqn(),
        ip_pool=pool,
        access_control_mode=ai.access_control_mode,
        onlined=call.edf.clock(),
    )


def _add_storage(call: Call, tenant: Tenant, ai: AppInstance, given: Entity) -> StorageInstance:
    si = _new_storage(call, ai, given["name"], "default")
    ai.storage_instances.append(si)
    _change_storage(call, tenant, ai, si, {**given, "volumes": []}, new=True)
    for one in given.get("volumes", []):
        _add_volume(call, tenant, ai, si, one)
    return si


def _change_storage(
    call: Call, tenant: Tenant, ai: AppInstance, si: StorageInstance, given: Entity, new: bool = False
) -> None:
    if "ip_pool" in given:
        pool = given["ip_pool"]["path"].rsplit("/", 1)[1]
        if not any(pool in one.pools for one in call.inherited):
            raise missing(given["ip_pool"]["path"])
        if not new and pool != si.ip_pool:
            offline_only(ai, si)
        si.ip_pool = pool
    mode = given.get("access_control_mode", si.access_control_mode)
    if mode != si.access_control_mode and mode == "allow_all" and not new:
        raise invalid(guesses.LOOSER)
    si.access_control_mode = mode
    for one in given.get("volumes", []):
        member = si.volume(one["name"])
        if member is None:
            _add_volume(call, tenant, ai, si, one)
        else:
            _change_volume(call, tenant, ai, si, member, one)
    if "acl_policy" in given:
        access.replace_acl(call, tenant, ai, si, given["acl_policy"])
    if "auth" in given:
        access.change_auth(call, tenant, ai, si, given["auth"])
    if "admin_state" in given:
        _switch(call, tenant, ai, [si], given["admin_state"])


# ---- volumes ---------------------------------------------------------------------------------------------------------


def list_volumes(call: Call) -> list[Entity]:
    tenant, ai, si = call.storage()
    return [views.volume(call, tenant, ai, si, one) for one in si.volumes]


def show_volume(call: Call) -> Entity:
    return views.volume(call, *call.member())


def create_volume(call: Call) -> Entity:
    tenant, ai, si = call.storage()
    if si.volume(call.body["name"]) is not None:
        raise conflict(f"Volume {call.body['name']} exists")
    member = _add_volume(call, tenant, ai, si, call.body)
    _retitle(tenant, ai)
    return views.volume(call, tenant, ai, si, member)


def update_volume(call: Call) -> Entity:
    tenant, ai, si, member = call.member()
    _change_volume(call, tenant, ai, si, member, call.body)
    return views.volume(call, tenant, ai, si, member)


def delete_volume(call: Call) -> Entity:
    tenant, ai, si, member = call.member()
    offline_only(ai, si)
    shown = views.volume(call, tenant, ai, si, member)
    _drop_volume(call, tenant, ai, si, member)
    _retitle(tenant, ai)
    return shown


def _add_volume(call: Call, tenant: Tenant, ai: AppInstance, si: StorageInstance, given: Entity) -> Member:
    policy, mode = _placement(call, given)
    row = tenant.array.create_volume(f"{ai.id}/{si.name}/{given['name']}", from_gib(given["size"]))
    alone = not ai.members and ai.uuid != NO_UUID
    member = Member(
        name=given["name"],
        volume=row.id,
        uuid=ai.uuid if alone else new_uuid(),
        replica_count=given.get("replica_count", 3),
        placement_mode=mode or "hybrid",
        placement_policy=policy or ("default" if call.edf.modern else None),
        performance=_limits(given.get("performance_policy")),
        snapshot_policies=given.get("snapshot_policies", []),
    )
    si.volumes.append(member)
    call.edf.access_changed(tenant, ai, si)
    _retitle(tenant, ai)
    return member


def _placement(call: Call, given: Entity) -> tuple[str | None, str | None]:
    if "placement_policy" not in given:
        return None, given.get("placement_mode")
    name = given["placement_policy"]["path"].rsplit("/", 1)[1]
    if name not in guesses.POLICIES:
        raise missing(given["placement_policy"]["path"])
    return name, guesses.POLICIES[name]


def _limits(given: Entity | None) -> dict[str, int] | None:
    return None if given is None else {key: value for key, value in given.items() if key in views.POLICY_KEYS}


def _change_volume(
    call: Call, tenant: Tenant, ai: AppInstance, si: StorageInstance, member: Member, given: Entity
) -> None:
    row = tenant.volume(member)
    replicas = given.get("replica_count", member.replica_count)
    if replicas < member.replica_count:
        raise invalid(guesses.FEWER_REPLICAS)
    policy, mode = _placement(call, given)
    point = given.get("restore_point")
    if point:
        offline_only(ai, si)
        if point not in [one.attributes["utc_ts"] for one in views.snapshots(tenant, member)]:
            raise missing(f"{views.volume_path(ai, si, member)}/snapshots/{point}")
    if "size" in given and from_gib(given["size"]) != row.size:
        if from_gib(given["size"]) > row.size and call.edf.extend_offline:
            offline_only(ai, si)
        tenant.array.extend_volume(row, from_gib(given["size"]))
        member.resized = call.edf.clock()
        call.edf.access_changed(tenant, ai, si)
    member.replica_count = replicas
    member.placement_policy, member.placement_mode = policy or member.placement_policy, mode or member.placement_mode
    if "performance_policy" in given:
        member.performance = _limits(given["performance_policy"])
    if "snapshot_policies" in given:
        member.snapshot_policies = given["snapshot_policies"]
    if point:
        _restore(tenant, member, point)
    tenant.array.touched("volume.change", row)


def _restore(tenant: Tenant, member: Member, point: str) -> None:
    """Back to the snapshot's content; a volume that has grown since keeps its size."""
    row = tenant.volume(member)
    snapshot = next(one for one in views.snapshots(tenant, member) if one.attributes["utc_ts"] == point)
    size, snapshot.size = snapshot.size, row.size
    try:
        tenant.array.overwrite(row, snapshot)
    finally:
        snapshot.size = size
    member.restore_point = point


def _drop_volume(call: Call, tenant: Tenant, ai: AppInstance, si: StorageInstance, member: Member) -> None:
    for snapshot in views.snapshots(tenant, member):
        tenant.array.delete_volume(snapshot)
    tenant.array.delete_volume(tenant.volume(member))
    si.volumes.remove(member)
    call.edf.access_changed(tenant, ai, si)


def _retitle(tenant: Tenant, ai: AppInstance) -> None:
    """Names in the array follow what an operator calls the volumes; a snapshot's is its volume's with its key."""
    for si, member in ai.members:
        row = tenant.volume(member)
        tenant.array.rename_volume(row, ai.title(si, member))
        for one in views.snapshots(tenant, member):
            tenant.array.rename_volume(one, f"{row.name}@{one.attributes['utc_ts']}")
