# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""App instances, storage instances, volumes and their limits (sections 2.1 to 2.5 and 2.12 to 2.14)."""

from __future__ import annotations

import re
from typing import Any

from ...assumptions import default_of
from . import entities, hosts, ledger
from .call import Call, offline_only
from .objects import NO_UUID, AppInstance, InstanceVolume, StorageInstance, Tenant, new_uuid
from .refusals import conflict, invalid, missing, unprocessable
from .snapshots import refuse_with_clone
from .state import from_gib

Entity = dict[str, Any]


# ---- app instances ---------------------------------------------------------------------------------------------------


def list_instances(call: Call) -> list[Entity]:
    return [
        entities.app_instance(call, tenant, instance)
        for tenant in call.listed
        for instance in tenant.instances.values()
    ]


def show_instance(call: Call) -> Entity:
    return entities.app_instance(call, *call.instance())


def create_instance(call: Call) -> Entity:
    tenant, body = call.scope, call.body
    _check_descr(call)
    if tenant.find(body["name"]) is not None:
        raise conflict(f"App instance {body['name']} exists")
    if len(tenant.instances) >= ledger.APP_INSTANCES:
        raise invalid("Too many app instances")
    sources = [key for key in ("clone_src", "clone_volume_src", "clone_snapshot_src", "app_template") if key in body]
    if len(sources) > 1 or (sources and "storage_instances" in body):
        raise invalid(f"Only one of {', '.join([*sources, 'storage_instances'])} can be given")
    mode = body.get("create_mode", "normal")
    instance = AppInstance(
        id=call.edf.new_instance_id(),
        name=body["name"],
        uuid=body.get("uuid", new_uuid()) if mode == "openstack" else NO_UUID,
        create_mode=mode,
        access_control_mode=body.get("access_control_mode", call.edf.assumed("access.default_mode")),
        descr=body.get("descr") or "",
        snapshot_policies=body.get("snapshot_policies", []),
    )
    try:
        if "app_template" in body:
            _from_template(call, tenant, instance)
        elif sources:
            _clone(call, tenant, instance, sources[0])
        else:
            for given in body.get("storage_instances", []):
                _add_storage(call, tenant, instance, given)
    except BaseException:
        # Nothing of a refused app instance remains.
        for _si, volume in instance.volumes:
            tenant.array.delete_volume(tenant.array_volume(volume))
        for storage in instance.storage_instances:
            call.edf.storage_removed(tenant, instance, storage)
        raise
    tenant.instances[instance.id] = instance
    for storage in instance.storage_instances:
        call.edf.access_changed(tenant, instance, storage)
    call.edf.changed("app_instance.create", {"name": instance.name, "id": instance.id})
    return entities.app_instance(call, tenant, instance)


def _check_descr(call: Call) -> None:
    """What is refused is only known where another pattern is played."""
    pattern = call.edf.assumed("instances.descr_characters")
    if pattern != default_of(ledger.LEDGER, "datera.instances.descr_characters"):
        if call.body.get("descr") and not re.fullmatch(pattern, call.body["descr"]):
            raise unprocessable("descr has an invalid format")


def _from_template(call: Call, tenant: Tenant, instance: AppInstance) -> None:
    name = call.body["app_template"]["path"].rsplit("/", 1)[1]
    found = next((owner.templates[name] for owner in call.inherited if name in owner.templates), None)
    if found is None:
        raise missing(call.body["app_template"]["path"])
    instance.app_template = name
    override = call.body.get("template_override", {}).get("storage_instances", {})
    for template in found["storage_templates"]:
        changed = override.get(template["name"], {}).get("volumes", {})
        volumes = []
        for volume_template in template.get("volume_templates", []):
            size = changed.get(volume_template["name"], {}).get("size", volume_template.get("size", 1))
            volumes.append({**volume_template, "size": float(size)})
        given = {key: value for key, value in template.items() if key != "volume_templates"}
        _add_storage(call, tenant, instance, {**given, "volumes": volumes})


def _clone(call: Call, tenant: Tenant, instance: AppInstance, source: str) -> None:
    path = call.body[source]["path"]
    instance.clone_src, instance.cloned = path, call.edf.clock()
    if source == "clone_src":
        parent = tenant.find(path.rsplit("/", 1)[1])
        if parent is None:
            raise missing(path)
        pairs = [(storage, volume, tenant.array_volume(volume)) for storage, volume in parent.volumes]
    else:
        _tenant, _ai, storage, volume, key = call.resolve(path)
        row = tenant.array_volume(volume)
        if source == "clone_snapshot_src":
            row = next(
                (
                    candidate
                    for candidate in entities.snapshots(tenant, volume)
                    if candidate.attributes["utc_ts"] == key
                ),
                row,
            )
            if row.kind != "snapshot":
                raise missing(path)
        pairs = [(storage, volume, row)]
    for storage, volume, row in pairs:
        copied_storage = instance.storage(storage.name) or _new_storage(call, instance, storage.name, storage.ip_pool)
        if copied_storage not in instance.storage_instances:
            instance.storage_instances.append(copied_storage)
            if call.edf.assumed("clones.access") == "inherited":
                copied_storage.initiators = list(storage.initiators)
                copied_storage.initiator_groups = list(storage.initiator_groups)
        made = tenant.array.copy_volume(
            row, f"{instance.id}/{storage.name}/{volume.name}", seconds=0, provisioning="thin"
        )
        made.attributes["content"] = row.attributes.get("content", row.uuid)
        copy = InstanceVolume(
            name=volume.name,
            volume=made.id,
            uuid=instance.uuid if instance.uuid != NO_UUID and len(pairs) == 1 else new_uuid(),
            replica_count=volume.replica_count,
            placement_mode=volume.placement_mode,
            placement_policy=volume.placement_policy,
        )
        copied_storage.volumes.append(copy)
    _retitle(tenant, instance)


def update_instance(call: Call) -> Entity:
    tenant, instance = call.instance()
    body = call.body
    _check_descr(call)
    name = body.get("name", instance.name)
    if name != instance.name and tenant.find(name) is not None:
        raise conflict(f"App instance {name} exists")
    if body.get("restore_point"):
        _restore_only(call, instance)
        if body["restore_point"] not in instance.snapshots:
            raise missing(f"{instance.path}/snapshots/{body['restore_point']}")
    if "admin_state" in body:
        _check_active(call, instance.storage_instances)
    for given in body.get("storage_instances", []):
        storage = instance.storage(given["name"])
        if storage is None:
            _add_storage(call, tenant, instance, given)
        else:
            _change_storage(call, tenant, instance, storage, given)
    if "admin_state" in body:
        instance.admin_state = body["admin_state"]
        _switch(call, tenant, instance, instance.storage_instances, body["admin_state"])
    if body.get("restore_point"):
        for _si, volume in instance.volumes:
            _restore(call, tenant, volume, body["restore_point"])
        instance.restore_point = body["restore_point"]
    instance.name = name
    instance.descr = body.get("descr", instance.descr) or ""
    instance.snapshot_policies = body.get("snapshot_policies", instance.snapshot_policies)
    _retitle(tenant, instance)
    if body:
        call.edf.changed("app_instance.change", {"name": instance.name, "id": instance.id})
    return entities.app_instance(call, tenant, instance)


def _check_active(call: Call, storage_instances: list[StorageInstance]) -> None:
    if call.body["admin_state"] != "offline" or call.body.get("force"):
        return
    if any(call.edf.active(storage) for storage in storage_instances):
        if call.edf.assumed("volumes.offline_in_use") == "refused":
            raise invalid(ledger.ACTIVE)
    elif call.edf.assumed("volumes.offline_idle") == "refused":
        raise invalid(ledger.NEEDS_FORCE)


def _switch(
    call: Call, tenant: Tenant, instance: AppInstance, storage_instances: list[StorageInstance], state: str
) -> None:
    """Set the state of storage instances, to which that of the app instance extends (2.13)."""
    for storage in storage_instances:
        if storage.admin_state != state and state == "online":
            storage.onlined = call.edf.clock()
        storage.admin_state = state
        if state == "offline":
            storage.active.clear()
        call.edf.access_changed(tenant, instance, storage)


def delete_instance(call: Call) -> Entity:
    tenant, instance = call.instance()
    if call.edf.assumed("volumes.delete_online") == "refused":
        offline_only(call.edf, instance)
    shown = entities.app_instance(call, tenant, instance)
    refuse_with_clone(call, tenant, instance.path)
    for storage, volume in instance.volumes:
        _drop_volume(call, tenant, instance, storage, volume)
    for storage in instance.storage_instances:
        call.edf.storage_removed(tenant, instance, storage)
    del tenant.instances[instance.id]
    call.edf.freed.append(instance.id)
    call.edf.changed("app_instance.delete", {"name": instance.name, "id": instance.id})
    return shown


# ---- storage instances -----------------------------------------------------------------------------------------------


def list_storage(call: Call) -> list[Entity]:
    tenant, instance = call.instance()
    return [entities.storage_instance(call, tenant, instance, storage) for storage in instance.storage_instances]


def show_storage(call: Call) -> Entity:
    return entities.storage_instance(call, *call.storage())


def create_storage(call: Call) -> Entity:
    tenant, instance = call.instance()
    if instance.storage(call.body["name"]) is not None:
        raise conflict(f"Storage instance {call.body['name']} exists")
    storage = _add_storage(call, tenant, instance, call.body)
    _retitle(tenant, instance)
    call.edf.changed("storage_instance.create", {"name": instance.name, "id": instance.id})
    return entities.storage_instance(call, tenant, instance, storage)


def update_storage(call: Call) -> Entity:
    tenant, instance, storage = call.storage()
    if "admin_state" in call.body:
        _check_active(call, [storage])
    _change_storage(call, tenant, instance, storage, call.body)
    call.edf.changed("storage_instance.change", {"name": instance.name, "id": instance.id})
    return entities.storage_instance(call, tenant, instance, storage)


def delete_storage(call: Call) -> Entity:
    tenant, instance, storage = call.storage()
    offline_only(call.edf, instance, storage)
    shown = entities.storage_instance(call, tenant, instance, storage)
    for volume in list(storage.volumes):
        _drop_volume(call, tenant, instance, storage, volume)
    instance.storage_instances.remove(storage)
    call.edf.storage_removed(tenant, instance, storage)
    _retitle(tenant, instance)
    call.edf.changed("storage_instance.delete", {"name": instance.name, "id": instance.id})
    return shown


def _new_storage(call: Call, instance: AppInstance, name: str, pool: str) -> StorageInstance:
    return StorageInstance(
        name=name,
        uuid=new_uuid(),
        iqn=call.edf.new_iqn(),
        ip_pool=pool,
        access_control_mode=instance.access_control_mode,
        onlined=call.edf.clock(),
    )


def _add_storage(call: Call, tenant: Tenant, instance: AppInstance, given: Entity) -> StorageInstance:
    storage = _new_storage(call, instance, given["name"], "default")
    instance.storage_instances.append(storage)
    _change_storage(call, tenant, instance, storage, {**given, "volumes": []}, new=True)
    for given_volume in given.get("volumes", []):
        _add_volume(call, tenant, instance, storage, given_volume)
    return storage


def _change_storage(
    call: Call, tenant: Tenant, instance: AppInstance, storage: StorageInstance, given: Entity, new: bool = False
) -> None:
    if "ip_pool" in given:
        pool = given["ip_pool"]["path"].rsplit("/", 1)[1]
        if not any(pool in given_volume.pools for given_volume in call.inherited):
            raise missing(given["ip_pool"]["path"])
        if not new and pool != storage.ip_pool:
            offline_only(call.edf, instance, storage)
        storage.ip_pool = pool
    mode = given.get("access_control_mode", storage.access_control_mode)
    if mode != storage.access_control_mode and mode == "allow_all" and not new:
        raise invalid(ledger.LOOSER)
    storage.access_control_mode = mode
    for given_volume in given.get("volumes", []):
        volume = storage.volume(given_volume["name"])
        if volume is None:
            _add_volume(call, tenant, instance, storage, given_volume)
        else:
            _change_volume(call, tenant, instance, storage, volume, given_volume)
    if "acl_policy" in given:
        hosts.replace_acl(call, tenant, instance, storage, given["acl_policy"])
    if "auth" in given:
        hosts.change_auth(call, tenant, instance, storage, given["auth"])
    if "admin_state" in given:
        _switch(call, tenant, instance, [storage], given["admin_state"])


# ---- volumes ---------------------------------------------------------------------------------------------------------


def list_volumes(call: Call) -> list[Entity]:
    tenant, instance, storage = call.storage()
    return [entities.volume(call, tenant, instance, storage, volume) for volume in storage.volumes]


def show_volume(call: Call) -> Entity:
    return entities.volume(call, *call.volume())


def create_volume(call: Call) -> Entity:
    tenant, instance, storage = call.storage()
    if storage.volume(call.body["name"]) is not None:
        raise conflict(f"Volume {call.body['name']} exists")
    volume = _add_volume(call, tenant, instance, storage, call.body)
    _retitle(tenant, instance)
    return entities.volume(call, tenant, instance, storage, volume)


def update_volume(call: Call) -> Entity:
    tenant, instance, storage, volume = call.volume()
    _change_volume(call, tenant, instance, storage, volume, call.body)
    return entities.volume(call, tenant, instance, storage, volume)


def delete_volume(call: Call) -> Entity:
    tenant, instance, storage, volume = call.volume()
    offline_only(call.edf, instance, storage)
    shown = entities.volume(call, tenant, instance, storage, volume)
    _drop_volume(call, tenant, instance, storage, volume)
    _retitle(tenant, instance)
    return shown


def _add_volume(
    call: Call, tenant: Tenant, instance: AppInstance, storage: StorageInstance, given: Entity
) -> InstanceVolume:
    policy, mode = _placement(call, given)
    row = tenant.array.create_volume(f"{instance.id}/{storage.name}/{given['name']}", from_gib(given["size"]))
    alone = not instance.volumes and instance.uuid != NO_UUID
    volume = InstanceVolume(
        name=given["name"],
        volume=row.id,
        uuid=instance.uuid if alone else new_uuid(),
        replica_count=given.get("replica_count", 3),
        placement_mode=mode or "hybrid",
        placement_policy=policy or ("default" if call.edf.modern else None),
        performance=_limits(given.get("performance_policy")),
        snapshot_policies=given.get("snapshot_policies", []),
    )
    storage.volumes.append(volume)
    call.edf.access_changed(tenant, instance, storage)
    _retitle(tenant, instance)
    return volume


def _placement(call: Call, given: Entity) -> tuple[str | None, str | None]:
    if "placement_policy" not in given:
        return None, given.get("placement_mode")
    name = given["placement_policy"]["path"].rsplit("/", 1)[1]
    if name not in call.edf.policies:
        raise missing(given["placement_policy"]["path"])
    if call.edf.assumed("volumes.placement") == "as_sent" and given.get("placement_mode"):
        return name, given["placement_mode"]
    return name, call.edf.policies[name]


def _limits(given: Entity | None) -> dict[str, int] | None:
    return None if given is None else {key: value for key, value in given.items() if key in entities.POLICY_KEYS}


def _change_volume(
    call: Call, tenant: Tenant, instance: AppInstance, storage: StorageInstance, volume: InstanceVolume, given: Entity
) -> None:
    row = tenant.array_volume(volume)
    replicas = given.get("replica_count", volume.replica_count)
    if replicas < volume.replica_count:
        raise invalid(ledger.FEWER_REPLICAS)
    policy, mode = _placement(call, given)
    point = given.get("restore_point")
    if point:
        _restore_only(call, instance, storage)
        if point not in [candidate.attributes["utc_ts"] for candidate in entities.snapshots(tenant, volume)]:
            raise missing(f"{entities.volume_path(instance, storage, volume)}/snapshots/{point}")
    if "size" in given and from_gib(given["size"]) != row.size:
        size = from_gib(given["size"])
        if size > row.size and not call.edf.assumed("volumes.extend_online"):
            offline_only(call.edf, instance, storage)
        volume.size_before, volume.resized = row.size, call.edf.clock()
        if size < row.size and call.edf.assumed("volumes.shrink") == "done":
            tenant.array.shrink_volume(row, size)
            # What was beyond the new size is lost.
            row.attributes["content"] = new_uuid()
        else:
            tenant.array.extend_volume(row, size)
        call.edf.access_changed(tenant, instance, storage)
    volume.replica_count = replicas
    volume.placement_policy, volume.placement_mode = policy or volume.placement_policy, mode or volume.placement_mode
    if "performance_policy" in given:
        volume.performance = _limits(given["performance_policy"])
    if "snapshot_policies" in given:
        volume.snapshot_policies = given["snapshot_policies"]
    if point:
        _restore(call, tenant, volume, point)
    tenant.array.touched("volume.change", row)


def _restore_only(call: Call, instance: AppInstance, storage: StorageInstance | None = None) -> None:
    if call.edf.assumed("restore.online") == "refused":
        offline_only(call.edf, instance, storage)


def _restore(call: Call, tenant: Tenant, volume: InstanceVolume, point: str) -> None:
    """Put back the snapshot's content. A volume that was extended since keeps its size, unless that is not assumed."""
    row = tenant.array_volume(volume)
    snapshot = next(
        candidate for candidate in entities.snapshots(tenant, volume) if candidate.attributes["utc_ts"] == point
    )
    size, snapshot.size = snapshot.size, row.size
    try:
        # The restore to what the volume holds is none.
        if tenant.images is not None or snapshot.attributes["content"] != row.attributes.get("content", row.uuid):
            tenant.array.overwrite(row, snapshot)
    finally:
        snapshot.size = size
    if size < row.size and call.edf.assumed("restore.size") == "of_snapshot":
        tenant.array.shrink_volume(row, size)
    volume.restore_point = point


def _drop_volume(
    call: Call, tenant: Tenant, instance: AppInstance, storage: StorageInstance, volume: InstanceVolume
) -> None:
    for snapshot in entities.snapshots(tenant, volume):
        tenant.array.delete_volume(snapshot)
    tenant.array.delete_volume(tenant.array_volume(volume))
    storage.volumes.remove(volume)
    call.edf.access_changed(tenant, instance, storage)


def _retitle(tenant: Tenant, instance: AppInstance) -> None:
    """Rename in the tenant's array: a volume to its title, a snapshot to its volume's title and its own key."""
    for storage, volume in instance.volumes:
        row = tenant.array_volume(volume)
        tenant.array.rename_volume(row, instance.title(storage, volume))
        for snapshot in entities.snapshots(tenant, volume):
            tenant.array.rename_volume(snapshot, f"{row.name}@{snapshot.attributes['utc_ts']}")


# ---- performance policies --------------------------------------------------------------------------------------------


def show_performance(call: Call) -> Entity:
    _tenant, instance, storage, volume = call.volume()
    if volume.performance is None:
        raise missing(call.path)
    return entities.performance(instance, storage, volume)


def create_performance(call: Call) -> Entity:
    tenant, instance, storage, volume = call.volume()
    if volume.performance is not None:
        raise conflict("Performance policy exists")
    volume.performance = dict(call.body)
    tenant.array.touched("volume.change", tenant.array_volume(volume))
    return entities.performance(instance, storage, volume)


def update_performance(call: Call) -> Entity:
    tenant, instance, storage, volume = call.volume()
    if volume.performance is None:
        raise missing(call.path)
    volume.performance.update(call.body)
    tenant.array.touched("volume.change", tenant.array_volume(volume))
    return entities.performance(instance, storage, volume)


def delete_performance(call: Call) -> Entity:
    shown = show_performance(call)
    tenant, _ai, _si, volume = call.volume()
    volume.performance = None
    tenant.array.touched("volume.change", tenant.array_volume(volume))
    return shown
