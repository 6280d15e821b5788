# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Full copies of a LUN or of a snapshot, and how they are getting on (sections 2.4 and 2.5 of the sheet).

The status is kept with the source, and tells of its last copy only: that of a LUN and that of its snapshots apart.
"""

from __future__ import annotations

from typing import Any

from ...objects import Volume
from . import guesses
from .call import Call, text
from .concerto import AREA, COPIES, MIB, TIMEVIEW, Concerto, object_id
from .errors import NO_SNAPSHOT_AREA, ConcertoError

Reply = dict[str, Any]


def copy_lun(c: Concerto, call: Call, lun_id: str) -> Reply:
    if call.action != "copy":
        raise ConcertoError(guesses.NOT_SUPPORTED, call.action)
    lun = c.lun(lun_id)
    if AREA not in lun.attributes:
        raise ConcertoError(NO_SNAPSHOT_AREA)
    target = _copy(c, call, lun, lun, "lun")
    return {"msg": "Copy Snapshot resource successfully.", "object_id": object_id(target)}


def copy_snapshot(c: Concerto, call: Call, snapshot_id: str) -> Reply:
    if call.action != "copy":
        raise ConcertoError(guesses.NOT_SUPPORTED, call.action)
    snapshot = c.snapshot(snapshot_id)
    lun = c.array.parent(snapshot)
    assert lun is not None
    target = _copy(c, call, snapshot, lun, "snapshot")
    return {"msg": "Copy TimeMark successfully.", "object_id": object_id(target)}


def _copy(c: Concerto, call: Call, source: Volume, lun: Volume, kind: str) -> Volume:
    if lun.provisioning != "thick" or TIMEVIEW in lun.attributes:
        raise ConcertoError(guesses.THICK_ONLY)
    if call.params.get("targetVirtualDeviceID") is not None:
        raise ConcertoError(guesses.NOT_SUPPORTED, "copy to an existing resource")
    pool = c.array.pool() if call.params.get("storagepoolID") is None else c.pool_by_id(call.params["storagepoolID"])
    target = c.array.copy_volume(
        source,
        text(call.params, "targetName"),
        seconds=source.size / MIB / c.copy_speed,
        pool=pool.name,
        provisioning="thick",
        attributes={"content": source.attributes.get("content", source.uuid)},
    )
    copies = lun.attributes.setdefault(COPIES, {})
    copies[kind] = {
        "number": target.id,
        "object_id": object_id(target),
        "size": source.size // MIB,
        "seen": c.array.clock() + c.copy_unseen,
        "before": {**copies[kind], "before": None} if kind in copies else None,
    }
    c.array.touched("volume.copy_status", lun)
    return target


def _last(c: Concerto, lun_id: str, kind: str) -> tuple[dict[str, Any], int] | None:
    """The last copy of that kind and its per cent; None when there was none, or when it failed."""
    lun = c.find_lun(lun_id)
    last = lun.attributes.get(COPIES, {}).get(kind) if lun else None
    if last is not None and last.get("seen", 0) > c.array.clock():
        last = last["before"]
    if last is None:
        return None
    target = c.array.volumes.get(last["number"])
    if target is not None and c.array.copy_failed(target):
        return None
    return last, 100 if target is None else int(c.array.progress(target) * 100)


def snapshot_status(c: Concerto, lun_id: str) -> Reply:
    found = _last(c, lun_id, "snapshot")
    if found is None:
        return {"timemark_status": []}
    last, percent = found
    lun = c.lun(lun_id)
    # The tenth word of the second element is the number of the target; of the last, the last two tell how far it is.
    lines = ["TimeMark status", guesses.COPY_STARTED.format(lun.id, last["number"])]
    if percent < 100:
        lines.append(guesses.COPY_PROGRESS.format(last["size"] * percent // 100, percent))
    return {"timemark_status": lines}


def lun_status(c: Concerto, lun_id: str) -> Reply | str:
    found = _last(c, lun_id, "lun")
    if found is None:
        return "No snapshot copy status."
    last, percent = found
    done = "finished(100%)" if percent >= 100 else f"{last['size'] * percent // 100} ({percent}%)"
    return {"snapcopy_status": {"new_object_id": last["object_id"], "data_copied_(mb)": done}}
