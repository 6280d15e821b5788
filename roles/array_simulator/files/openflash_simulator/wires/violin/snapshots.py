# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshot resource, snapshot policy, snapshots and thin clones of a LUN (sections 2.2 to 2.5 of the sheet)."""

from __future__ import annotations

from typing import Any

from ...objects import Volume
from . import guesses
from .call import Call, flag, part, text, whole
from .concerto import AREA, MIB, POLICY, TIMEVIEW, Concerto, object_id
from .errors import HAS_SNAPSHOTS, NO_SNAPSHOT_AREA, ConcertoError

Reply = dict[str, Any]


class NotCleanJson(Exception):
    """The answer to a list of snapshots of a LUN without policy: lines of text, and JSON in the last one."""

    message = "TimeMark is not enabled for this virtual device."


# ---- the snapshot resource -----------------------------------------------------------------------------------------


def area(c: Concerto, call: Call, lun_id: str) -> Reply:
    lun = c.lun(lun_id)
    data: dict[str, Any] = {"object_id": object_id(lun), "timemarkEnabled": POLICY in lun.attributes}
    if AREA in lun.attributes:
        data["snapshot_resource"] = dict(lun.attributes[AREA])
    return {"data": data}


def create_area(c: Concerto, call: Call, lun_id: str) -> Reply:
    lun = c.lun(lun_id)
    if AREA in lun.attributes:
        raise ConcertoError(guesses.HAS_SNAPSHOT_AREA)
    size = whole(call.params, "sizeMB")
    if size <= 0:
        raise ConcertoError(guesses.MISSING, "sizeMB")
    expansion, shrink = part(call.params, "automaticExpansion"), part(call.params, "automaticShrink")
    pool = (
        c.array.pool(lun.pool)
        if call.params.get("storagepoolID") is None
        else c.pool_by_id(call.params["storagepoolID"])
    )
    if size * MIB > pool.free:
        raise ConcertoError(guesses.NO_SPACE)
    lun.attributes[AREA] = {
        "size_mb": size,
        "policy": text(call.params, "policy", "preserveAll"),
        "automaticExpansion": {"enabled": flag(expansion, "enabled")},
        "automaticShrink": {"enabled": flag(shrink, "enabled")},
    }
    c.array.touched("volume.snapshot_resource", lun)
    return {"msg": "Create Snapshot resource successfully."}


def delete_area(c: Concerto, call: Call, lun_id: str) -> Reply:
    lun = c.lun(lun_id)
    if AREA not in lun.attributes:
        raise ConcertoError(NO_SNAPSHOT_AREA)
    if POLICY in lun.attributes:
        raise ConcertoError(guesses.HAS_POLICY)
    del lun.attributes[AREA]
    c.array.touched("volume.snapshot_resource", lun)
    return {"msg": "Delete Snapshot resource successfully."}


# ---- the snapshot policy -------------------------------------------------------------------------------------------


def policy(c: Concerto, call: Call, lun_id: str) -> Reply:
    return {"data": dict(_policy(c.lun(lun_id)))}


def create_policy(c: Concerto, call: Call, lun_id: str) -> Reply:
    lun = c.lun(lun_id)
    if AREA not in lun.attributes:
        raise ConcertoError(guesses.NO_SNAPSHOT_AREA_FOR_POLICY)
    if POLICY in lun.attributes:
        raise ConcertoError(guesses.HAS_POLICY)
    params = call.params
    lun.attributes[POLICY] = {
        "maxTimeMarkCount": whole(params, "maxTimeMarkCount", guesses.SNAPSHOTS_PER_LUN),
        "triggerReplication": flag(params, "triggerReplication"),
        "automatic": {"enabled": flag(part(params, "automatic"), "enabled")},
        "CDPOption": {"enabled": flag(part(params, "CDPOption"), "enabled")},
        "RetentionPolicy": {"mode": text(part(params, "RetentionPolicy"), "mode", "All")},
    }
    c.array.touched("volume.timemark_policy", lun)
    return {"msg": "Enable TimeMark successfully."}


def delete_policy(c: Concerto, call: Call, lun_id: str) -> Reply:
    lun = c.lun(lun_id)
    _policy(lun)
    if c.snapshots(lun):
        raise ConcertoError(HAS_SNAPSHOTS)
    del lun.attributes[POLICY]
    c.array.touched("volume.timemark_policy", lun)
    return {"msg": "Disable TimeMark successfully."}


def _policy(lun: Volume) -> dict[str, Any]:
    found = lun.attributes.get(POLICY)
    if found is None:
        raise Disabled
    kept: dict[str, Any] = found
    return kept


class Disabled(Exception):
    """There is no policy; known by its words, its code is not."""

    message = "TimeMark is disabled for this virtual device."


# ---- snapshots -----------------------------------------------------------------------------------------------------


def listing(c: Concerto, call: Call, lun_id: str) -> Reply:
    lun = c.find_lun(lun_id)
    if lun is None or POLICY not in lun.attributes:
        raise NotCleanJson
    comment = call.body.get("comment")
    rows = [_row(c, one) for one in c.snapshots(lun) if comment in (None, one.name)]
    return {"data": {"timemarks": rows}}


def detail(c: Concerto, snapshot: Volume) -> Reply:
    data = _row(c, snapshot)
    for clone in c.array.children(snapshot):
        data["timeview_object_id"] = object_id(clone)
    return {"data": data}


def _row(c: Concerto, snapshot: Volume) -> dict[str, Any]:
    return {"object_id": object_id(snapshot), "id": c.timestamp(snapshot), "comment": snapshot.name}


def create(c: Concerto, call: Call, lun_id: str) -> Reply:
    lun = c.lun(lun_id)
    if AREA not in lun.attributes:
        raise ConcertoError(NO_SNAPSHOT_AREA)
    kept = _policy(lun)
    comment = text(call.params, "comment")
    if len(comment) > guesses.COMMENT_LENGTH:
        raise ConcertoError(guesses.BAD_NAME)
    if len(c.snapshots(lun)) >= kept["maxTimeMarkCount"]:
        raise ConcertoError(guesses.LIMIT)
    attributes = {"timestamp": c.new_timestamp(lun), "content": lun.attributes.get("content", lun.uuid)}
    (snapshot,) = c.array.create_snapshots([(lun, comment)], writable=False, attributes=attributes)
    return {"msg": "Create TimeMark successfully.", "object_id": object_id(snapshot)}


def delete(c: Concerto, call: Call, snapshot_id: str) -> Reply:
    snapshot = c.snapshot(snapshot_id)
    if c.array.children(snapshot):
        raise ConcertoError(guesses.HAS_TIMEVIEW)
    c.array.delete_volume(snapshot)
    return {"msg": "Delete TimeMark successfully."}


# ---- thin clones ---------------------------------------------------------------------------------------------------


def create_timeview(c: Concerto, call: Call, lun_id: str) -> Reply:
    lun = c.lun(lun_id)
    timestamp = text(call.params, "timestamp")
    found = [one for one in c.snapshots(lun) if c.timestamp(one) == timestamp]
    if not found:
        raise ConcertoError(guesses.NO_SUCH_OBJECT)
    if c.array.children(found[0]):
        raise ConcertoError(guesses.HAS_TIMEVIEW)
    clone = c.array.create_volume(
        text(call.params, "targetName"),
        found[0].size,
        pool=lun.pool,
        provisioning="thin" if lun.provisioning == "thick" else lun.provisioning,
        attributes={TIMEVIEW: True, "content": found[0].attributes["content"]},
        clone_of=found[0],
    )
    return {"msg": "Create TimeView successfully.", "object_id": object_id(clone)}


def delete_timeview(c: Concerto, call: Call, timeview_id: str) -> Reply:
    clone = c.lun(timeview_id)
    if TIMEVIEW not in clone.attributes:
        raise ConcertoError(guesses.NO_SUCH_OBJECT)
    c.array.delete_volume(clone)
    return {"msg": "Delete TimeView successfully."}
