# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""System, nodes, tenants, IP pools, templates, placement policies and metadata (sections 2.8 to 2.12)."""

from __future__ import annotations

import re
from typing import Any

from ...assumptions import default_of
from . import entities, ledger
from .call import Call
from .monitoring import parts
from .objects import ROOT, Tenant
from .refusals import conflict, invalid, missing, unprocessable
from .state import EdfState

Entity = dict[str, Any]


# ---- system ----------------------------------------------------------------------------------------------------------


def show_system(call: Call) -> Entity:
    """The system. Its capacities are bytes; all other sizes on this wire are GiB."""
    edf = call.edf
    total, free = edf.pool.size, edf.pool.free
    provisioned = edf.pool.others_provisioned + sum(tenant.array.provisioned for tenant in edf.tenants.values())
    flash = total // ledger.FLASH_SHARE
    flash_free = min(flash, free)
    return {
        "path": "/system",
        "name": edf.name,
        "uuid": edf.uuid,
        "sw_version": edf.version,
        "build_version": f"{edf.version}-{''.join(str(part) for part in edf.numbers)}",
        "health": edf.operation.state("array"),
        "op_state": "running",
        "total_capacity": total,
        "available_capacity": free,
        "total_provisioned_capacity": provisioned,
        "hybrid_total_capacity": total - flash,
        "hybrid_available_capacity": free - flash_free,
        "hybrid_provisioned_capacity": provisioned,
        "all_flash_total_capacity": flash,
        "all_flash_available_capacity": flash_free,
        "all_flash_provisioned_capacity": 0,
        "l3_enabled": False,
        "compression_enabled": True,
        "compression_ratio": "1.0",
        "callhome_enabled": False,
        "uptime": 1000,
        "timezone": "UTC",
        "causes": [],
    }


def list_nodes(call: Call) -> list[Entity]:
    return [_node(call.edf, number) for number in range(len(call.edf.nodes))]


def show_node(call: Call) -> Entity:
    if call.params["uuid"] not in call.edf.nodes:
        raise missing(call.path)
    return _node(call.edf, call.edf.nodes.index(call.params["uuid"]))


def _node(edf: EdfState, number: int) -> Entity:
    share = edf.pool.size // len(edf.nodes)
    path, name = f"/storage_nodes/{edf.nodes[number]}", f"{edf.name}-node{number + 1}"
    return {
        "path": path,
        "uuid": edf.nodes[number],
        "name": name,
        "model": "simulated",
        "serial_no": f"SIM{number + 1:05d}",
        "admin_state": "online",
        "op_state": "online",
        "health": edf.operation.state(name),
        "total_capacity": share,
        "available_capacity": edf.pool.free // len(edf.nodes),
        "sw_version": edf.version,
        **parts(edf, path, name),
    }


# ---- tenants ---------------------------------------------------------------------------------------------------------


def list_tenants(call: Call) -> list[Entity]:
    return [entities.tenant(call.edf, tenant) for tenant in call.edf.tenants.values()]


def _tenant(call: Call) -> Tenant:
    """The tenant with this path, or with this name where no other one has it (2.11)."""
    key = "/" + call.params["tenant"].strip("/")
    if key in call.edf.tenants:
        return call.edf.tenants[key]
    named = [tenant for tenant in call.edf.tenants.values() if tenant.name == key[1:]]
    if len(named) != 1:
        raise missing(call.path)
    return named[0]


def show_tenant(call: Call) -> Entity:
    return entities.tenant(call.edf, _tenant(call))


def create_tenant(call: Call) -> Entity:
    parent = call.body.get("parent_path") or ROOT
    if parent not in call.edf.tenants:
        raise missing(f"/tenants{parent}")
    path = f"{parent}/{call.body['name']}"
    if path in call.edf.tenants:
        raise conflict(f"Tenant {path} exists")
    made = call.edf.make_tenant(path)
    made.descr = call.body.get("descr") or ""
    call.edf.changed("tenant.create", {"name": path, "id": path})
    return entities.tenant(call.edf, made)


def update_tenant(call: Call) -> Entity:
    tenant = _tenant(call)
    tenant.descr = call.body.get("descr") or ""
    return entities.tenant(call.edf, tenant)


def delete_tenant(call: Call) -> Entity:
    tenant = _tenant(call)
    below = any(other.parent == tenant.path for other in call.edf.tenants.values())
    if tenant.path == ROOT or tenant.instances or tenant.initiators or tenant.groups or below:
        raise invalid(ledger.IN_USE)
    shown = entities.tenant(call.edf, tenant)
    del call.edf.tenants[tenant.path]
    call.edf.changed("tenant.delete", {"name": tenant.path, "id": tenant.path})
    return shown


# ---- IP pools --------------------------------------------------------------------------------------------------------


def list_pools(call: Call) -> list[Entity]:
    found: dict[str, Entity] = {}
    for tenant in call.inherited:
        for name, pool in tenant.pools.items():
            found.setdefault(name, entities.ip_pool(name, pool))
    return list(found.values())


def show_pool(call: Call) -> Entity:
    for tenant in call.inherited:
        if call.params["pool"] in tenant.pools:
            return entities.ip_pool(call.params["pool"], tenant.pools[call.params["pool"]])
    raise missing(call.path)


def create_pool(call: Call) -> Entity:
    tenant, name = call.scope, call.body["name"]
    if name in tenant.pools:
        raise conflict(f"IP pool {name} exists")
    tenant.pools[name] = {"network_paths": [], **call.body}
    call.edf.changed("ip_pool.create", {"name": name, "id": name})
    return entities.ip_pool(name, tenant.pools[name])


def delete_pool(call: Call) -> Entity:
    shown = show_pool(call)
    used = any(
        storage.ip_pool == shown["name"]
        for tenant in call.edf.tenants.values()
        for instance in tenant.instances.values()
        for storage in instance.storage_instances
    )
    if used or shown["name"] == "default":
        raise invalid(ledger.IN_USE)
    for tenant in call.inherited:
        tenant.pools.pop(shown["name"], None)
    return shown


# ---- templates and placement policies --------------------------------------------------------------------------------


def list_templates(call: Call) -> list[Entity]:
    return [_template(name, template) for tenant in call.inherited for name, template in tenant.templates.items()]


def show_template(call: Call) -> Entity:
    for tenant in call.inherited:
        if call.params["template"] in tenant.templates:
            return _template(call.params["template"], tenant.templates[call.params["template"]])
    raise missing(call.path)


def _template(name: str, template: Entity) -> Entity:
    return {"path": f"/app_templates/{name}", "descr": "", **template}


def create_template(call: Call) -> Entity:
    tenant, name = call.scope, call.body["name"]
    if name in tenant.templates:
        raise conflict(f"App template {name} exists")
    tenant.templates[name] = {"storage_templates": [], **call.body}
    call.edf.changed("app_template.create", {"name": name, "id": name})
    return _template(name, tenant.templates[name])


def delete_template(call: Call) -> Entity:
    shown = show_template(call)
    name = shown["name"]
    if any(
        instance.app_template == name for tenant in call.edf.tenants.values() for instance in tenant.instances.values()
    ):
        raise invalid(ledger.IN_USE)
    for tenant in call.inherited:
        tenant.templates.pop(name, None)
    return shown


def list_policies(call: Call) -> list[Entity]:
    return [_policy(name) for name in call.edf.policies]


def show_policy(call: Call) -> Entity:
    if call.params["policy"] not in call.edf.policies:
        raise missing(call.path)
    return _policy(call.params["policy"])


def _policy(name: str) -> Entity:
    return {"path": f"/placement_policies/{name}", "name": name, "descr": "", "max": [], "min": []}


# ---- metadata of app instances ---------------------------------------------------------------------------------------


def show_metadata(call: Call) -> Entity:
    return dict(call.instance()[1].metadata)


def update_metadata(call: Call) -> Entity:
    """Merge into the present metadata, or replace it."""
    _owner, instance = call.instance()
    given = call.body.get("data", {}) if call.edf.modern else call.body
    if not isinstance(given, dict) or any(isinstance(value, (dict, list)) for value in given.values()):
        raise invalid("Metadata must be an object with plain values")
    _check_metadata(call, given)
    if call.edf.assumed("metadata.update") == "replaced":
        instance.metadata.clear()
    instance.metadata.update(given)
    if call.edf.assumed("metadata.empty") == "dropped":
        instance.metadata = {key: value for key, value in instance.metadata.items() if value != ""}
    call.edf.changed("metadata.change", {"name": instance.name, "id": instance.id})
    return dict(instance.metadata)


def _check_metadata(call: Call, given: Entity) -> None:
    """What is refused is only known where other limits are played."""
    characters, longest = call.edf.assumed("metadata.key_characters"), call.edf.assumed("metadata.value_longest")
    if characters != default_of(ledger.LEDGER, "datera.metadata.key_characters"):
        if any(not re.fullmatch(characters, key) for key in given):
            raise unprocessable("A key has an invalid format")
    if longest != default_of(ledger.LEDGER, "datera.metadata.value_longest"):
        if any(len(str(value)) > longest for value in given.values()):
            raise unprocessable("A value is too long")
    if call.edf.assumed("metadata.empty") == "refused" and "" in given.values():
        raise unprocessable("A value is empty")


# ---- logs ------------------------------------------------------------------------------------------------------------


def empty_list(call: Call) -> list[Entity]:
    return []
