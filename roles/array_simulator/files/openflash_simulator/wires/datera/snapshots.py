# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of volumes and of whole app instances, and limits on performance (sections 2.5 and 2.14)."""

from __future__ import annotations

from typing import Any

from ...objects import Volume
from . import guesses, views
from .content import AppInstance, Member, StorageInstance, Tenant, new_uuid
from .edf import Call
from .errors import conflict, invalid, missing

Entity = dict[str, Any]
Place = tuple[Tenant, AppInstance, StorageInstance, Member]


# ---- of one volume ---------------------------------------------------------------------------------------------------


def list_snapshots(call: Call) -> list[Entity]:
    place = call.member()
    return [views.snapshot(call, *place, one) for one in views.own_snapshots(call, place[0], place[1], place[3])]


def _snapshot(call: Call) -> tuple[Place, Volume]:
    place = call.member()
    for one in views.own_snapshots(call, place[0], place[1], place[3]):
        if one.attributes["utc_ts"] == call.params["ts"]:
            return place, one
    raise missing(call.path)


def show_snapshot(call: Call) -> Entity:
    place, one = _snapshot(call)
    return views.snapshot(call, *place, one)


def create_snapshot(call: Call) -> Entity:
    place = call.member()
    made = _take(call, place, call.body.get("uuid") or new_uuid(), call.edf.new_snapshot_key())
    return views.snapshot(call, *place, made)


def _take(call: Call, place: Place, uuid: str, key: str) -> Volume:
    tenant, ai, si, member = place
    if any(one.attributes["uuid"] == uuid for one in views.snapshots(tenant, member)):
        raise invalid(guesses.DUPLICATE_SNAPSHOT, guesses.CODES["DuplicateSnapshot"])
    source = tenant.volume(member)
    (made,) = tenant.array.create_snapshots(
        [(source, f"{source.name}@{key}")],
        writable=False,
        attributes={"utc_ts": key, "uuid": uuid, "content": source.attributes.get("content", source.uuid)},
    )
    return made


def delete_snapshot(call: Call) -> Entity:
    place, one = _snapshot(call)
    shown = views.snapshot(call, *place, one)
    place[0].array.delete_volume(one)
    return shown


# ---- of an app instance ----------------------------------------------------------------------------------------------


def list_app_snapshots(call: Call) -> list[Entity]:
    tenant, ai = call.instance()
    return [views.app_snapshot(call, tenant, ai, key) for key in ai.snapshots]


def show_app_snapshot(call: Call) -> Entity:
    tenant, ai = call.instance()
    if call.params["ts"] not in ai.snapshots:
        raise missing(call.path)
    return views.app_snapshot(call, tenant, ai, call.params["ts"])


def create_app_snapshot(call: Call) -> Entity:
    """Of all its volumes, at one instant and with one key."""
    tenant, ai = call.instance()
    uuid, key = call.body.get("uuid") or new_uuid(), call.edf.new_snapshot_key()
    if uuid in ai.snapshots.values():
        raise invalid(guesses.DUPLICATE_SNAPSHOT, guesses.CODES["DuplicateSnapshot"])
    for si, member in ai.members:
        _take(call, (tenant, ai, si, member), new_uuid(), key)
    ai.snapshots[key] = uuid
    return views.app_snapshot(call, tenant, ai, key)


def delete_app_snapshot(call: Call) -> Entity:
    shown = show_app_snapshot(call)
    tenant, ai = call.instance()
    for _si, member in ai.members:
        for one in views.snapshots(tenant, member):
            if one.attributes["utc_ts"] == call.params["ts"]:
                tenant.array.delete_volume(one)
    del ai.snapshots[call.params["ts"]]
    return shown


# ---- performance policies --------------------------------------------------------------------------------------------


def show_performance(call: Call) -> Entity:
    _tenant, ai, si, member = call.member()
    if member.performance is None:
        raise missing(call.path)
    return views.performance(ai, si, member)


def create_performance(call: Call) -> Entity:
    tenant, ai, si, member = call.member()
    if member.performance is not None:
        raise conflict("Performance policy exists")
    member.performance = dict(call.body)
    tenant.array.touched("volume.change", tenant.volume(member))
    return views.performance(ai, si, member)


def update_performance(call: Call) -> Entity:
    tenant, ai, si, member = call.member()
    if member.performance is None:
        raise missing(call.path)
    member.performance.update(call.body)
    tenant.array.touched("volume.change", tenant.volume(member))
    return views.performance(ai, si, member)


def delete_performance(call: Call) -> Entity:
    shown = show_performance(call)
    tenant, _ai, _si, member = call.member()
    member.performance = None
    tenant.array.touched("volume.change", tenant.volume(member))
    return shown
