# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of volumes and of complete app instances (section 2.5)."""

from __future__ import annotations

from typing import Any

from ...objects import Volume
from . import entities, ledger
from .call import Call
from .objects import AppInstance, InstanceVolume, StorageInstance, Tenant, new_uuid
from .refusals import invalid, missing

Entity = dict[str, Any]
Location = tuple[Tenant, AppInstance, StorageInstance, InstanceVolume]


# ---- of one volume ---------------------------------------------------------------------------------------------------


def list_snapshots(call: Call) -> list[Entity]:
    location = call.volume()
    return [
        entities.snapshot(call, *location, row)
        for row in entities.reported_snapshots(call, location[0], location[1], location[3])
    ]


def _snapshot(call: Call) -> tuple[Location, Volume]:
    location = call.volume()
    for row in entities.reported_snapshots(call, location[0], location[1], location[3]):
        if row.attributes["utc_ts"] == call.params["ts"]:
            return location, row
    raise missing(call.path)


def show_snapshot(call: Call) -> Entity:
    location, row = _snapshot(call)
    return entities.snapshot(call, *location, row)


def create_snapshot(call: Call) -> Entity:
    location = call.volume()
    made = _take(call, location, call.body.get("uuid") or new_uuid(), call.edf.new_snapshot_key())
    return entities.snapshot(call, *location, made)


def _take(call: Call, location: Location, uuid: str, key: str) -> Volume:
    tenant, instance, storage, volume = location
    if call.edf.assumed("snapshots.uuid_given") == "own":
        uuid = new_uuid()
    taken = any(row.attributes["uuid"] == uuid for row in entities.snapshots(tenant, volume))
    if taken and call.edf.assumed("snapshots.uuid_unique"):
        raise invalid(ledger.DUPLICATE_SNAPSHOT, ledger.CODES["DuplicateSnapshot"])
    source = tenant.array_volume(volume)
    (made,) = tenant.array.create_snapshots(
        [(source, f"{source.name}@{key}")],
        writable=False,
        attributes={"utc_ts": key, "uuid": uuid, "content": source.attributes.get("content", source.uuid)},
    )
    return made


def delete_snapshot(call: Call) -> Entity:
    location, row = _snapshot(call)
    shown = entities.snapshot(call, *location, row)
    refuse_with_clone(call, location[0], shown["path"])
    location[0].array.delete_volume(row)
    return shown


def refuse_with_clone(call: Call, tenant: Tenant, path: str) -> None:
    """Refuse to delete what a clone was made of, where that is assumed: this path, or anything within it."""
    sources = [instance.clone_src for instance in tenant.instances.values()]
    if call.edf.assumed("clones.source_deleted") == "refused" and any(
        source == path or source.startswith(f"{path}/") for source in sources
    ):
        raise invalid(ledger.HAS_CLONE)


# ---- of an app instance ----------------------------------------------------------------------------------------------


def list_app_snapshots(call: Call) -> list[Entity]:
    tenant, instance = call.instance()
    return [entities.app_snapshot(call, tenant, instance, key) for key in instance.snapshots]


def show_app_snapshot(call: Call) -> Entity:
    tenant, instance = call.instance()
    if call.params["ts"] not in instance.snapshots:
        raise missing(call.path)
    return entities.app_snapshot(call, tenant, instance, call.params["ts"])


def create_app_snapshot(call: Call) -> Entity:
    """Take a snapshot of all its volumes at one instant, with one key."""
    tenant, instance = call.instance()
    uuid, key = call.body.get("uuid") or new_uuid(), call.edf.new_snapshot_key()
    if uuid in instance.snapshots.values():
        raise invalid(ledger.DUPLICATE_SNAPSHOT, ledger.CODES["DuplicateSnapshot"])
    for storage, volume in instance.volumes:
        _take(call, (tenant, instance, storage, volume), new_uuid(), key)
    instance.snapshots[key] = uuid
    return entities.app_snapshot(call, tenant, instance, key)


def delete_app_snapshot(call: Call) -> Entity:
    shown = show_app_snapshot(call)
    tenant, instance = call.instance()
    for _si, volume in instance.volumes:
        for row in entities.snapshots(tenant, volume):
            if row.attributes["utc_ts"] == call.params["ts"]:
                tenant.array.delete_volume(row)
    del instance.snapshots[call.params["ts"]]
    return shown
