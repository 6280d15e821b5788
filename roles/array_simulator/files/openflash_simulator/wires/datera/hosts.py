# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts: initiators, initiator groups, access lists and CHAP (sections 2.6 and 2.7)."""

from __future__ import annotations

from typing import Any

from . import entities, ledger
from .call import Call
from .objects import AppInstance, Group, Initiator, StorageInstance, Tenant
from .refusals import conflict, invalid, missing, unprocessable

Entity = dict[str, Any]

_USERS = {"chap": ("target",), "mchap": ("target", "initiator")}


# ---- initiators ------------------------------------------------------------------------------------------------------


def list_initiators(call: Call) -> list[Entity]:
    """The initiators of the tenant and those that it inherits, each with the tenant that has it."""
    found: dict[str, Entity] = {}
    for tenant in call.inherited:
        for initiator in tenant.initiators.values():
            found.setdefault(initiator.id, entities.initiator(call, tenant, initiator))
    return list(found.values())


def show_initiator(call: Call) -> Entity:
    tenant, initiator = _initiator(call, call.params["initiator"])
    return entities.initiator(call, tenant, initiator)


def _initiator(call: Call, key: str) -> tuple[Tenant, Initiator]:
    for tenant in call.inherited:
        if key in tenant.initiators:
            return tenant, tenant.initiators[key]
    raise missing(f"/initiators/{key}")


def create_initiator(call: Call) -> Entity:
    """Refused when the tenant has or inherits the initiator; with ``force`` (2.2 only) it may inherit it (2.6)."""
    tenant, key = call.scope, call.body["id"]
    checked = [tenant] if call.body.get("force") else call.edf.ancestry(tenant)
    if any(key in holder.initiators for holder in checked):
        raise conflict(f"Initiator {key} exists")
    if len(tenant.initiators) >= ledger.INITIATORS:
        raise invalid("Too many initiators")
    initiator = Initiator(key, call.body["name"])
    tenant.initiators[key] = initiator
    call.edf.changed("initiator.create", {"name": initiator.name, "id": initiator.id})
    return entities.initiator(call, tenant, initiator)


def update_initiator(call: Call) -> Entity:
    tenant, initiator = _initiator(call, call.params["initiator"])
    initiator.name = call.body.get("name", initiator.name)
    call.edf.changed("initiator.change", {"name": initiator.name, "id": initiator.id})
    return entities.initiator(call, tenant, initiator)


def delete_initiator(call: Call) -> Entity:
    tenant, initiator = _initiator(call, call.params["initiator"])
    path = f"/initiators/{initiator.id}"
    # A subtenant that has no initiator of this id refers to the same one.
    for other in call.edf.tenants.values():
        if tenant in call.edf.ancestry(other) and (other is tenant or initiator.id not in other.initiators):
            groups = any(path in group.members for group in other.groups.values())
            lists = any(path in storage.initiators for _instance, storage in other.storage_instances())
            if (groups or lists) and call.edf.assumed("initiators.delete_in_use") == "refused":
                raise invalid(ledger.IN_USE)
            _forget(call, other, path)
    del tenant.initiators[initiator.id]
    call.edf.changed("initiator.delete", {"name": initiator.name, "id": initiator.id})
    return entities.initiator(call, tenant, initiator)


def _forget(call: Call, tenant: Tenant, path: str) -> None:
    """Take a deleted initiator or group out of the groups and access lists of a tenant."""
    for group in tenant.groups.values():
        group.members = [member for member in group.members if member != path]
    for instance, storage in tenant.storage_instances():
        if path in (*storage.initiators, *storage.initiator_groups):
            storage.initiators = [entry for entry in storage.initiators if entry != path]
            storage.initiator_groups = [entry for entry in storage.initiator_groups if entry != path]
            _acl_changed(call, tenant, instance, storage)


# ---- groups ----------------------------------------------------------------------------------------------------------


def list_groups(call: Call) -> list[Entity]:
    found: dict[str, Entity] = {}
    for tenant in call.inherited:
        for group in tenant.groups.values():
            found.setdefault(group.name, entities.group(call, tenant, group))
    return list(found.values())


def _group(call: Call) -> tuple[Tenant, Group]:
    for tenant in call.inherited:
        if call.params["group"] in tenant.groups:
            return tenant, tenant.groups[call.params["group"]]
    raise missing(call.path)


def show_group(call: Call) -> Entity:
    return entities.group(call, *_group(call))


def create_group(call: Call) -> Entity:
    tenant, name = call.scope, call.body["name"]
    if name in tenant.groups:
        raise conflict(f"Initiator group {name} exists")
    group = Group(name, _paths_of_known(call, call.body.get("members", [])))
    tenant.groups[name] = group
    call.edf.changed("initiator_group.create", {"name": name, "id": name})
    return entities.group(call, tenant, group)


def update_group(call: Call) -> Entity:
    tenant, group = _group(call)
    if "members" in call.body:
        group.members = _paths_of_known(call, call.body["members"])
        _members_changed(call, tenant, group)
    return entities.group(call, tenant, group)


def show_members(call: Call) -> list[Entity]:
    tenant, group = _group(call)
    members: list[Entity] = entities.group(call, tenant, group)["members"]
    return members


def update_members(call: Call) -> list[Entity]:
    tenant, group = _group(call)
    if call.body["op"] == "add":
        _paths_of_known(call, [call.body])
    _change_entries(call, group.members)
    _members_changed(call, tenant, group)
    return show_members(call)


def _change_entries(call: Call, entries: list[str]) -> None:
    """Add an entry to a list or remove it, as the body says."""
    path, again = call.body["path"], call.edf.assumed("access.add_again")
    if call.body["op"] == "add":
        if path in entries and again == "refused":
            raise conflict(f"{path} is in the list")
        if path not in entries or again == "repeated":
            entries.append(path)
    elif path not in entries:
        if call.edf.assumed("access.remove_again") == "refused":
            raise missing(path)
    elif call.edf.assumed("access.removal") == "all":
        entries[:] = [entry for entry in entries if entry != path]
    else:
        entries.remove(path)


def _members_changed(call: Call, tenant: Tenant, group: Group) -> None:
    path = f"/initiator_groups/{group.name}"
    for other in call.edf.tenants.values():
        for instance, storage in other.storage_instances():
            if path in storage.initiator_groups:
                call.edf.access_changed(other, instance, storage)
    call.edf.changed("initiator_group.change", {"name": group.name, "id": group.name})


def delete_group(call: Call) -> Entity:
    tenant, group = _group(call)
    path = f"/initiator_groups/{group.name}"
    for other in call.edf.tenants.values():
        if tenant in call.edf.ancestry(other) and (other is tenant or group.name not in other.groups):
            mapped = any(path in storage.initiator_groups for _instance, storage in other.storage_instances())
            if mapped and call.edf.assumed("hosts.delete_mapped") == "refused":
                raise invalid(ledger.IN_USE)
            _forget(call, other, path)
    del tenant.groups[group.name]
    call.edf.changed("initiator_group.delete", {"name": group.name, "id": group.name})
    return entities.group(call, tenant, group)


def _paths_of_known(call: Call, references: list[Entity]) -> list[str]:
    """The paths of these initiators, each of which the tenant must have or inherit."""
    for reference in references:
        _initiator(call, reference["path"].rsplit("/", 1)[1])
    return [reference["path"] for reference in references]


# ---- access lists ----------------------------------------------------------------------------------------------------


def show_acl(call: Call) -> Entity:
    return entities.acl_policy(call, *call.storage())


def replace_acl(call: Call, tenant: Tenant, instance: AppInstance, storage: StorageInstance, given: Entity) -> None:
    """Each given list replaces the present one. Repeated entries are kept (2.6, 3.8)."""
    for key in ("initiators", "initiator_groups"):
        for entry in given.get(key, []):
            _check_entry(call, tenant, key, entry["path"])
    if "initiators" in given:
        storage.initiators = [entry["path"] for entry in given["initiators"]]
    if "initiator_groups" in given:
        storage.initiator_groups = [entry["path"] for entry in given["initiator_groups"]]
    _acl_changed(call, tenant, instance, storage)


def _check_entry(call: Call, tenant: Tenant, kind: str, path: str) -> None:
    parts = path.strip("/").split("/", 1)
    if len(parts) != 2 or parts[0] != kind:
        raise unprocessable(f"{path} is not one of {kind}")
    tables = [holder.initiators if kind == "initiators" else holder.groups for holder in call.edf.ancestry(tenant)]
    if not any(parts[1] in table for table in tables):
        raise missing(path)


def _acl_changed(call: Call, tenant: Tenant, instance: AppInstance, storage: StorageInstance) -> None:
    allowed = call.edf.initiators_of(tenant, storage)
    storage.active = [initiator for initiator in storage.active if initiator in allowed]
    call.edf.access_changed(tenant, instance, storage)
    call.edf.changed("acl.change", {"name": instance.name, "id": instance.id})


def update_acl(call: Call) -> Entity:
    tenant, instance, storage = call.storage()
    replace_acl(call, tenant, instance, storage, call.body)
    return entities.acl_policy(call, tenant, instance, storage)


def show_entries(call: Call) -> list[Entity]:
    entries: list[Entity] = show_acl(call)[_kind(call)]
    return entries


def update_entries(call: Call) -> Any:
    """Add an entry, or remove it."""
    tenant, instance, storage = call.storage()
    kind, path = _kind(call), call.body["path"]
    entries: list[str] = storage.initiators if kind == "initiators" else storage.initiator_groups
    if call.body["op"] == "add":
        _check_entry(call, tenant, kind, path)
    _change_entries(call, entries)
    _acl_changed(call, tenant, instance, storage)
    answer = call.edf.assumed("access.answer")
    if answer == "entry":
        return {"path": path}
    return show_acl(call) if answer == "policy" else show_entries(call)


def _kind(call: Call) -> str:
    return call.path.rsplit("/", 1)[1]


# ---- CHAP ------------------------------------------------------------------------------------------------------------


def show_auth(call: Call) -> Entity:
    _tenant, instance, storage = call.storage()
    return entities.auth(instance, storage)


def update_auth(call: Call) -> Entity:
    tenant, instance, storage = call.storage()
    change_auth(call, tenant, instance, storage, call.body)
    return entities.auth(instance, storage)


def change_auth(call: Call, tenant: Tenant, instance: AppInstance, storage: StorageInstance, given: Entity) -> None:
    """Set CHAP. The array never returns a secret (2.7)."""
    merged = {**storage.auth, **given}
    for side in _USERS.get(merged["type"], ()):
        for key in (f"{side}_user_name", f"{side}_pswd"):
            if not merged.get(key):
                raise unprocessable(f"{key} is required for {merged['type']}")
    storage.auth = merged if merged["type"] != "none" else {"type": "none"}
    call.edf.access_changed(tenant, instance, storage)
    call.edf.changed("auth.change", {"name": instance.name, "id": instance.id})
