# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may log in: initiators, their groups, access lists and CHAP (sections 2.6 and 2.7)."""

from __future__ import annotations

from typing import Any

from . import guesses, views
from .content import AppInstance, Group, Initiator, StorageInstance, Tenant
from .edf import Call
from .errors import conflict, invalid, missing, unprocessable

Entity = dict[str, Any]

_USERS = {"chap": ("target",), "mchap": ("target", "initiator")}


# ---- initiators ------------------------------------------------------------------------------------------------------


def list_initiators(call: Call) -> list[Entity]:
    """A tenant's own and those that it inherits, each with whose it is."""
    found: dict[str, Entity] = {}
    for tenant in call.inherited:
        for one in tenant.initiators.values():
            found.setdefault(one.id, views.initiator(call, tenant, one))
    return list(found.values())


def show_initiator(call: Call) -> Entity:
    tenant, one = _initiator(call, call.params["initiator"])
    return views.initiator(call, tenant, one)


def _initiator(call: Call, key: str) -> tuple[Tenant, Initiator]:
    for tenant in call.inherited:
        if key in tenant.initiators:
            return tenant, tenant.initiators[key]
    raise missing(f"/initiators/{key}")


def create_initiator(call: Call) -> Entity:
    """One that an upper tenant has exists for the lower one too, unless 2.2 is told to make it all the same (2.6)."""
    tenant, key = call.scope, call.body["id"]
    holders = [tenant] if call.body.get("force") else call.edf.line(tenant)
    if any(key in one.initiators for one in holders):
        raise conflict(f"Initiator {key} exists")
    if len(tenant.initiators) >= guesses.INITIATORS:
        raise invalid("Too many initiators")
    made = Initiator(key, call.body["name"])
    tenant.initiators[key] = made
    call.edf.changed("initiator.create", {"name": made.name, "id": made.id})
    return views.initiator(call, tenant, made)


def update_initiator(call: Call) -> Entity:
    tenant, one = _initiator(call, call.params["initiator"])
    one.name = call.body.get("name", one.name)
    call.edf.changed("initiator.change", {"name": one.name, "id": one.id})
    return views.initiator(call, tenant, one)


def delete_initiator(call: Call) -> Entity:
    tenant, one = _initiator(call, call.params["initiator"])
    path = f"/initiators/{one.id}"
    # A subtenant may lean on it too, if it has none of its own.
    for other in call.edf.tenants.values():
        if tenant in call.edf.line(other) and (other is tenant or one.id not in other.initiators):
            groups = any(path in group.members for group in other.groups.values())
            lists = any(path in si.initiators for ai in other.instances.values() for si in ai.storage_instances)
            if groups or lists:
                raise invalid(guesses.IN_USE)
    del tenant.initiators[one.id]
    call.edf.changed("initiator.delete", {"name": one.name, "id": one.id})
    return views.initiator(call, tenant, one)


# ---- groups ----------------------------------------------------------------------------------------------------------


def list_groups(call: Call) -> list[Entity]:
    found: dict[str, Entity] = {}
    for tenant in call.inherited:
        for one in tenant.groups.values():
            found.setdefault(one.name, views.group(call, tenant, one))
    return list(found.values())


def _group(call: Call) -> tuple[Tenant, Group]:
    for tenant in call.inherited:
        if call.params["group"] in tenant.groups:
            return tenant, tenant.groups[call.params["group"]]
    raise missing(call.path)


def show_group(call: Call) -> Entity:
    return views.group(call, *_group(call))


def create_group(call: Call) -> Entity:
    tenant, name = call.scope, call.body["name"]
    if name in tenant.groups:
        raise conflict(f"Initiator group {name} exists")
    made = Group(name, _known(call, call.body.get("members", [])))
    tenant.groups[name] = made
    call.edf.changed("initiator_group.create", {"name": name, "id": name})
    return views.group(call, tenant, made)


def update_group(call: Call) -> Entity:
    tenant, one = _group(call)
    if "members" in call.body:
        one.members = _known(call, call.body["members"])
        _members_changed(call, tenant, one)
    return views.group(call, tenant, one)


def show_members(call: Call) -> list[Entity]:
    tenant, one = _group(call)
    members: list[Entity] = views.group(call, tenant, one)["members"]
    return members


def update_members(call: Call) -> list[Entity]:
    tenant, one = _group(call)
    if call.body["op"] == "add":
        one.members += [path for path in _known(call, [call.body]) if path not in one.members]
    elif call.body["path"] in one.members:
        one.members.remove(call.body["path"])
    _members_changed(call, tenant, one)
    return show_members(call)


def _members_changed(call: Call, tenant: Tenant, group: Group) -> None:
    path = f"/initiator_groups/{group.name}"
    for other in call.edf.tenants.values():
        for ai in other.instances.values():
            for si in ai.storage_instances:
                if path in si.initiator_groups:
                    call.edf.access_changed(other, ai, si)
    call.edf.changed("initiator_group.change", {"name": group.name, "id": group.name})


def delete_group(call: Call) -> Entity:
    tenant, one = _group(call)
    path = f"/initiator_groups/{one.name}"
    for other in call.edf.tenants.values():
        if tenant in call.edf.line(other) and (other is tenant or one.name not in other.groups):
            if any(path in si.initiator_groups for ai in other.instances.values() for si in ai.storage_instances):
                raise invalid(guesses.IN_USE)
    del tenant.groups[one.name]
    call.edf.changed("initiator_group.delete", {"name": one.name, "id": one.name})
    return views.group(call, tenant, one)


def _known(call: Call, references: list[Entity]) -> list[str]:
    """Paths of initiators that the tenant can see."""
    for one in references:
        _initiator(call, one["path"].rsplit("/", 1)[1])
    return [one["path"] for one in references]


# ---- access lists ----------------------------------------------------------------------------------------------------


def show_acl(call: Call) -> Entity:
    return views.acl_policy(call, *call.storage())


def replace_acl(call: Call, tenant: Tenant, ai: AppInstance, si: StorageInstance, given: Entity) -> None:
    """Each list that is given replaces the one that is there, repetitions included (2.6, 3.8)."""
    for key in ("initiators", "initiator_groups"):
        for one in given.get(key, []):
            _check_listed(call, tenant, key, one["path"])
    si.initiators = [one["path"] for one in given["initiators"]] if "initiators" in given else si.initiators
    if "initiator_groups" in given:
        si.initiator_groups = [one["path"] for one in given["initiator_groups"]]
    _acl_changed(call, tenant, ai, si)


def _check_listed(call: Call, tenant: Tenant, kind: str, path: str) -> None:
    parts = path.strip("/").split("/", 1)
    line = call.edf.line(tenant)
    if len(parts) != 2 or parts[0] != kind:
        raise unprocessable(f"{path} is not one of {kind}")
    tables = [one.initiators if kind == "initiators" else one.groups for one in line]
    if not any(parts[1] in table for table in tables):
        raise missing(path)


def _acl_changed(call: Call, tenant: Tenant, ai: AppInstance, si: StorageInstance) -> None:
    allowed = call.edf.initiators_of(tenant, si)
    si.active = [one for one in si.active if one in allowed]
    call.edf.access_changed(tenant, ai, si)
    call.edf.changed("acl.change", {"name": ai.name, "id": ai.id})


def update_acl(call: Call) -> Entity:
    tenant, ai, si = call.storage()
    replace_acl(call, tenant, ai, si, call.body)
    return views.acl_policy(call, tenant, ai, si)


def show_listed(call: Call) -> list[Entity]:
    entries: list[Entity] = show_acl(call)[_kind(call)]
    return entries


def update_listed(call: Call) -> list[Entity]:
    """One entry more, or one occurrence less."""
    tenant, ai, si = call.storage()
    kind, path = _kind(call), call.body["path"]
    entries: list[str] = si.initiators if kind == "initiators" else si.initiator_groups
    if call.body["op"] == "add":
        _check_listed(call, tenant, kind, path)
        if path not in entries:
            entries.append(path)
    elif path in entries:
        entries.remove(path)
    _acl_changed(call, tenant, ai, si)
    return show_listed(call)


def _kind(call: Call) -> str:
    return call.path.rsplit("/", 1)[1]


# ---- CHAP ------------------------------------------------------------------------------------------------------------


def show_auth(call: Call) -> Entity:
    _tenant, ai, si = call.storage()
    return views.auth(ai, si)


def update_auth(call: Call) -> Entity:
    tenant, ai, si = call.storage()
    change_auth(call, tenant, ai, si, call.body)
    return views.auth(ai, si)


def change_auth(call: Call, tenant: Tenant, ai: AppInstance, si: StorageInstance, given: Entity) -> None:
    """Secrets go in and never come out (2.7)."""
    merged = {**si.auth, **given}
    for side in _USERS.get(merged["type"], ()):
        for key in (f"{side}_user_name", f"{side}_pswd"):
            if not merged.get(key):
                raise unprocessable(f"{key} is required for {merged['type']}")
    si.auth = merged if merged["type"] != "none" else {"type": "none"}
    call.edf.access_changed(tenant, ai, si)
    call.edf.changed("auth.change", {"name": ai.name, "id": ai.id})
