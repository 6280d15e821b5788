# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LUNs (section 2.1 of the sheet)."""

from __future__ import annotations

from typing import Any

from ...objects import Provisioning, Volume
from ...rules import NoSpace
from . import guesses
from .call import Call, flag, part, text, whole
from .concerto import AREA, MIB, POLICY, TIMEVIEW, Concerto, object_id
from .errors import COPY_IN_PROGRESS, INVALID_SIZE, ConcertoError

Reply = dict[str, Any]


def lun_type(lun: Volume) -> str:
    return "SANTimeView" if TIMEVIEW in lun.attributes else "SAN"


def listing(c: Concerto, call: Call) -> Reply:
    name = call.name_filter()
    if name is None:
        found = c.luns()
    else:
        one = c.array.find_volume(name, "volume")
        found = [one] if one else []
    rows = [
        {
            "object_id": object_id(lun),
            "name": lun.name,
            "type": lun_type(lun),
            "timemarkEnabled": POLICY in lun.attributes,
        }
        for lun in found
    ]
    return {"data": {"virtual_devices": rows, "total_virtual_devices": len(rows)}}


def detail(c: Concerto, call: Call, lun_id: str) -> Reply:
    lun = c.lun(lun_id)
    data: dict[str, Any] = {
        "object_id": object_id(lun),
        "name": lun.name,
        "type": lun_type(lun),
        "subType": lun.provisioning.upper(),
        "virtualDeviceID": lun.id,
        "size_mb": lun.size // MIB,
    }
    if c.numbers >= (7, 5, 6):
        data["encrypted"] = bool(lun.attributes.get("encrypted"))
    if TIMEVIEW in lun.attributes:
        snapshot = c.array.parent(lun)
        source = c.array.parent(snapshot) if snapshot else None
        if source is not None:
            data["timeview_data_set"] = {"name": source.name, "object_id": object_id(source)}
    return {"data": data}


def create(c: Concerto, call: Call) -> Reply:
    params = call.params
    name = text(params, "name")
    thin = part(params, "thinProvisioning")
    is_thin = flag(thin, "enabled")
    full = whole(thin, "fullSizeMB", 0)
    # A thick LUN has sizeMB and ignores the other; a thin one has fullSizeMB, and sizeMB is ignored.
    megabytes = full if is_thin else whole(params, "sizeMB")
    if is_thin and not full:
        # What the driver's call comes to on 7.5.6: the allocation is all that is known of the size.
        megabytes = whole(params, "sizeMB")
    if megabytes <= 0:
        raise ConcertoError(INVALID_SIZE)
    encrypted = flag(params, "encrypted")
    if "encrypted" in params and c.numbers < (7, 5, 6):
        raise ConcertoError(guesses.MISSING, "encrypted")
    pool = c.array.pool() if params.get("storagepoolID") is None else c.pool_by_id(params["storagepoolID"])
    dedup = flag(params, "dedup")
    if dedup and (c.external or not is_thin):
        raise ConcertoError(guesses.NO_DEDUP)
    if c.dedups(pool):
        if not is_thin:
            raise ConcertoError(guesses.THICK_ONLY)
        dedup = True
    kind: Provisioning = "dedup" if dedup else "thin" if is_thin else "thick"
    size = megabytes * MIB
    # A tenth of a thin LUN is allocated at once, rounded up.
    allocated = (megabytes + 9) // 10 * MIB if is_thin else 0
    if allocated > pool.free:
        raise NoSpace("pool", pool.name)
    lun = c.array.create_volume(
        name, size, pool=pool.name, provisioning=kind, attributes={"encrypted": encrypted} if encrypted else None
    )
    if allocated:
        c.array.write(lun, allocated)
    return {"msg": "Create resource successfully.", "object_id": object_id(lun)}


def change(c: Concerto, call: Call, lun_id: str) -> Reply:
    lun = c.lun(lun_id)
    if call.action == "update":
        c.array.rename_volume(lun, text(call.params, "name"))
        return {"msg": "Update resource profile successfully."}
    delta = whole(call.params, "sizeMB") * MIB
    if delta <= 0:
        raise ConcertoError(INVALID_SIZE)
    if call.action == "expand":
        if (lun.provisioning == "dedup" and not c.external) or TIMEVIEW in lun.attributes:
            raise ConcertoError(guesses.THICK_ONLY)
        c.array.extend_volume(lun, lun.size + delta)
        return {"msg": "Expand resource successfully."}
    if call.action == "addstorage":
        if lun.provisioning == "thick":
            raise ConcertoError(guesses.THICK_ONLY)
        c.array.write(lun, delta)
        return {"msg": "Add storage successfully."}
    raise ConcertoError(guesses.NOT_SUPPORTED, call.action)


def delete(c: Concerto, call: Call, lun_id: str) -> Reply:
    lun = c.lun(lun_id)
    if c.array.copying(lun):
        raise ConcertoError(COPY_IN_PROGRESS)
    if flag(call.body, "force"):
        for mapping in c.array.mappings_of(lun):
            c.array.unmap(mapping)
    elif not c.array.mappings_of(lun) and not c.array.children(lun):
        # Both must be gone, the policy first.
        if POLICY in lun.attributes:
            raise ConcertoError(guesses.HAS_POLICY)
        if AREA in lun.attributes and TIMEVIEW not in lun.attributes:
            raise ConcertoError(guesses.HAS_SNAPSHOT_AREA)
    c.array.delete_volume(lun)
    return {"msg": "Delete resource successfully."}
