# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshot resource, snapshot policy, snapshots and thin clones of a LUN (sections 2.2 to 2.5 of the sheet)."""

from __future__ import annotations

from itertools import count
from typing import Any

from ...objects import Volume
from . import ledger
from .call import Call, flag_in, number_in, object_in, text_in
from .refusals import HAS_SNAPSHOTS, NO_SNAPSHOT_AREA, ConcertoError
from .state import AREA, MIB, POLICY, TIMEVIEW, ConcertoState, object_id

Reply = dict[str, Any]


class NotCleanJson(Exception):
    """The answer to a list of snapshots of a LUN without policy: lines of text, the last one JSON (section 2.4)."""

    message = "TimeMark is not enabled for this virtual device."


# ---- the snapshot resource -----------------------------------------------------------------------------------------


def area(state: ConcertoState, call: Call, lun_id: str) -> Reply:
    lun = state.lun(lun_id)
    data: dict[str, Any] = {"object_id": object_id(lun), "timemarkEnabled": POLICY in lun.attributes}
    if AREA in lun.attributes:
        data["snapshot_resource"] = {key: value for key, value in lun.attributes[AREA].items() if key != "taken"}
    return {"data": data}


def create_area(state: ConcertoState, call: Call, lun_id: str) -> Reply:
    lun = state.lun(lun_id)
    if AREA in lun.attributes:
        raise ConcertoError(ledger.HAS_SNAPSHOT_AREA)
    size = number_in(call.params, "sizeMB")
    if size <= 0:
        raise ConcertoError(ledger.MISSING, "sizeMB")
    expansion, shrink = object_in(call.params, "automaticExpansion"), object_in(call.params, "automaticShrink")
    pool = state.requested_pool(call.params.get("storagepoolID"), default=lun.pool)
    if size * MIB > pool.free:
        raise ConcertoError(ledger.NO_SPACE)
    taken = size * MIB if state.assumed("snapshots.area_takes_space") else 0
    if taken:
        # Of the pool of the LUN, whatever the request says: the neutral array knows one pool for each LUN.
        state.array.reserve(lun, taken)
    lun.attributes[AREA] = {
        "taken": taken,
        "size_mb": size,
        "policy": text_in(call.params, "policy", "preserveAll"),
        "automaticExpansion": {"enabled": flag_in(expansion, "enabled")},
        "automaticShrink": {"enabled": flag_in(shrink, "enabled")},
    }
    state.array.touched("volume.snapshot_resource", lun)
    return {"msg": "Create Snapshot resource successfully."}


def delete_area(state: ConcertoState, call: Call, lun_id: str) -> Reply:
    lun = state.lun(lun_id)
    if AREA not in lun.attributes:
        raise ConcertoError(NO_SNAPSHOT_AREA)
    if POLICY in lun.attributes:
        raise ConcertoError(ledger.HAS_POLICY)
    if taken := lun.attributes.pop(AREA).get("taken"):
        state.array.reserve(lun, -taken)
    state.array.touched("volume.snapshot_resource", lun)
    return {"msg": "Delete Snapshot resource successfully."}


# ---- the snapshot policy -------------------------------------------------------------------------------------------


def policy(state: ConcertoState, call: Call, lun_id: str) -> Reply:
    found = _policy(state.lun(lun_id))
    reported = state.assumed("snapshots.policy_keys")
    return {"data": {key: value for key, value in found.items() if key in reported}}


def create_policy(state: ConcertoState, call: Call, lun_id: str) -> Reply:
    lun = state.lun(lun_id)
    if AREA not in lun.attributes:
        raise ConcertoError(ledger.NO_SNAPSHOT_AREA_FOR_POLICY)
    if POLICY in lun.attributes:
        raise ConcertoError(ledger.HAS_POLICY)
    params = call.params
    lun.attributes[POLICY] = {
        "maxTimeMarkCount": number_in(params, "maxTimeMarkCount", ledger.SNAPSHOTS_PER_LUN),
        "triggerReplication": flag_in(params, "triggerReplication"),
        "automatic": {"enabled": flag_in(object_in(params, "automatic"), "enabled")},
        "CDPOption": {"enabled": flag_in(object_in(params, "CDPOption"), "enabled")},
        "RetentionPolicy": {"mode": text_in(object_in(params, "RetentionPolicy"), "mode", "All")},
    }
    state.array.touched("volume.timemark_policy", lun)
    return {"msg": "Enable TimeMark successfully."}


def delete_policy(state: ConcertoState, call: Call, lun_id: str) -> Reply:
    lun = state.lun(lun_id)
    _policy(lun)
    if state.snapshots(lun):
        raise ConcertoError(HAS_SNAPSHOTS)
    del lun.attributes[POLICY]
    state.array.touched("volume.timemark_policy", lun)
    return {"msg": "Disable TimeMark successfully."}


def _policy(lun: Volume) -> dict[str, Any]:
    found: dict[str, Any] | None = lun.attributes.get(POLICY)
    if found is None:
        raise Disabled
    return found


class Disabled(Exception):
    """The LUN has no policy. Only the text of this refusal is known, not its code (section 2.3)."""

    message = "TimeMark is disabled for this virtual device."


# ---- snapshots -----------------------------------------------------------------------------------------------------


def listing(state: ConcertoState, call: Call, lun_id: str) -> Reply:
    lun = state.find_lun(lun_id)
    if lun is None or POLICY not in lun.attributes:
        raise NotCleanJson
    comment = call.body.get("comment")
    rows = [_row(state, snapshot) for snapshot in state.snapshots(lun) if comment in (None, _comment(snapshot))]
    return {"data": {"timemarks": rows}}


def detail(state: ConcertoState, snapshot: Volume) -> Reply:
    data = _row(state, snapshot)
    for clone in state.array.children(snapshot):
        data["timeview_object_id"] = object_id(clone)
    return {"data": data}


def _comment(snapshot: Volume) -> str:
    """What names a snapshot for clients. Where two have the same, the neutral array has another name."""
    return str(snapshot.attributes.get("comment", snapshot.name))


def _row(state: ConcertoState, snapshot: Volume) -> dict[str, Any]:
    return {"object_id": object_id(snapshot), "id": state.timestamp(snapshot), "comment": _comment(snapshot)}


def create(state: ConcertoState, call: Call, lun_id: str) -> Reply:
    lun = state.lun(lun_id)
    if AREA not in lun.attributes:
        raise ConcertoError(NO_SNAPSHOT_AREA)
    policy_of_lun = _policy(lun)
    comment = text_in(call.params, "comment")
    if len(comment) > ledger.COMMENT_LENGTH:
        raise ConcertoError(ledger.BAD_NAME)
    if len(state.snapshots(lun)) >= policy_of_lun["maxTimeMarkCount"]:
        raise ConcertoError(ledger.LIMIT)
    attributes = {"timestamp": state.new_timestamp(lun), "content": lun.attributes.get("content", lun.uuid)}
    names = {snapshot.name for snapshot in state.snapshots(lun)}
    name = comment
    if comment in names and not state.assumed("snapshots.comment_unique"):
        attributes["comment"] = comment
        name = next(other for n in count(2) if (other := f"{comment} ({n})") not in names)
    (snapshot,) = state.array.create_snapshots([(lun, name)], writable=False, attributes=attributes)
    return {"msg": "Create TimeMark successfully.", "object_id": object_id(snapshot)}


def delete(state: ConcertoState, call: Call, snapshot_id: str) -> Reply:
    snapshot = state.snapshot(snapshot_id)
    for clone in state.array.children(snapshot):
        if state.assumed("snapshots.delete_with_clone") == "refused":
            raise ConcertoError(ledger.HAS_TIMEVIEW)
        for mapping in state.array.mappings_of(clone):
            state.array.unmap(mapping)
        state.array.delete_volume(clone)
    state.array.delete_volume(snapshot)
    return {"msg": "Delete TimeMark successfully."}


# ---- thin clones ---------------------------------------------------------------------------------------------------


def create_timeview(state: ConcertoState, call: Call, lun_id: str) -> Reply:
    lun = state.lun(lun_id)
    timestamp = text_in(call.params, "timestamp")
    snapshot = next((one for one in state.snapshots(lun) if state.timestamp(one) == timestamp), None)
    if snapshot is None:
        raise ConcertoError(ledger.NO_SUCH_OBJECT)
    if state.array.children(snapshot):
        raise ConcertoError(ledger.HAS_TIMEVIEW)
    if state.assumed("clones.storage") == "needed" and not object_in(call.params, "storage"):
        raise ConcertoError(ledger.NO_STORAGE)
    clone = state.array.create_volume(
        state.check_lun_name(text_in(call.params, "targetName")),
        snapshot.size,
        pool=lun.pool,
        provisioning="thin" if lun.provisioning == "thick" else lun.provisioning,
        attributes={TIMEVIEW: True, "content": snapshot.attributes["content"]},
        clone_of=snapshot,
    )
    return {"msg": "Create TimeView successfully.", "object_id": object_id(clone)}


def delete_timeview(state: ConcertoState, call: Call, timeview_id: str) -> Reply:
    clone = state.lun(timeview_id)
    if TIMEVIEW not in clone.attributes:
        raise ConcertoError(ledger.NO_SUCH_OBJECT)
    if state.assumed("volumes.delete_mapped") == "deleted":
        for mapping in state.array.mappings_of(clone):
            state.array.unmap(mapping)
    state.array.delete_volume(clone)
    return {"msg": "Delete TimeView successfully."}
