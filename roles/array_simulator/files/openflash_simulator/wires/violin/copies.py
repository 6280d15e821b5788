# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Full copies of a LUN or of a snapshot, and their progress (sections 2.4 and 2.5 of the sheet).

The status belongs to the source LUN and reports its last copy only: one status for copies of the LUN itself, another
one for copies of its snapshots.
"""

from __future__ import annotations

from typing import Any

from ...objects import Volume
from . import ledger
from .call import Call, text_in
from .refusals import NO_SNAPSHOT_AREA, ConcertoError
from .state import AREA, COPIES, MIB, TIMEVIEW, ConcertoState, object_id

Reply = dict[str, Any]


def copy_lun(state: ConcertoState, call: Call, lun_id: str) -> Reply:
    if call.action != "copy":
        raise ConcertoError(ledger.NOT_SUPPORTED, call.action)
    lun = state.lun(lun_id)
    if AREA not in lun.attributes:
        raise ConcertoError(NO_SNAPSHOT_AREA)
    target = _copy(state, call, lun, lun, "lun")
    return {"msg": "Copy Snapshot resource successfully.", "object_id": object_id(target)}


def copy_snapshot(state: ConcertoState, call: Call, snapshot_id: str) -> Reply:
    if call.action != "copy":
        raise ConcertoError(ledger.NOT_SUPPORTED, call.action)
    snapshot = state.snapshot(snapshot_id)
    lun = state.array.parent(snapshot)
    assert lun is not None
    target = _copy(state, call, snapshot, lun, "snapshot")
    return {"msg": "Copy TimeMark successfully.", "object_id": object_id(target)}


def _copy(state: ConcertoState, call: Call, source: Volume, lun: Volume, kind: str) -> Volume:
    if lun.provisioning != "thick" or TIMEVIEW in lun.attributes:
        raise ConcertoError(ledger.THICK_ONLY)
    if call.params.get("targetVirtualDeviceID") is not None:
        raise ConcertoError(ledger.NOT_SUPPORTED, "copy to an existing resource")
    pool = state.requested_pool(call.params.get("storagepoolID"))
    target = state.array.copy_volume(
        source,
        state.check_lun_name(text_in(call.params, "targetName")),
        seconds=source.size / MIB / state.copy_speed,
        pool=pool.name,
        provisioning="thick",
        attributes={"content": source.attributes.get("content", source.uuid)},
    )
    copies = lun.attributes.setdefault(COPIES, {})
    copies[kind] = {
        "number": target.id,
        "object_id": object_id(target),
        "size": source.size // MIB,
        "reported_from": state.array.clock() + max(state.copy_unseen, state.assumed("copies.reported_after")),
        "before": {**copies[kind], "before": None} if kind in copies else None,
    }
    state.array.touched("volume.copy_status", lun)
    return target


def _last_copy(state: ConcertoState, lun_id: str, kind: str) -> tuple[dict[str, Any], int] | None:
    """The last copy of that kind and its progress in per cent; None when there was none, or when it failed."""
    lun = state.find_lun(lun_id)
    copy = lun.attributes.get(COPIES, {}).get(kind) if lun else None
    if copy is not None and copy.get("reported_from", 0) > state.array.clock():
        copy = copy["before"]
    if copy is None:
        return None
    target = state.array.volumes.get(copy["number"])
    if target is not None and state.array.copy_failed(target):
        return None
    return copy, 100 if target is None else int(state.array.progress(target) * 100)


def snapshot_status(state: ConcertoState, lun_id: str) -> Reply:
    found = _last_copy(state, lun_id, "snapshot")
    if found is None:
        return {"timemark_status": []}
    copy, percent = found
    lun = state.lun(lun_id)
    # Clients read the target's number from the tenth word of the second line, and the progress from the last two words
    # of the last line.
    lines = ["TimeMark status", ledger.COPY_STARTED.format(lun.id, copy["number"])]
    if percent < 100:
        lines.append(ledger.COPY_PROGRESS.format(copy["size"] * percent // 100, percent))
    return {"timemark_status": lines}


def lun_status(state: ConcertoState, lun_id: str) -> Reply | str:
    found = _last_copy(state, lun_id, "lun")
    if found is None:
        return "No snapshot copy status."
    copy, percent = found
    progress = "finished(100%)" if percent >= 100 else f"{copy['size'] * percent // 100} ({percent}%)"
    return {"snapcopy_status": {"new_object_id": copy["object_id"], "data_copied_(mb)": progress}}
