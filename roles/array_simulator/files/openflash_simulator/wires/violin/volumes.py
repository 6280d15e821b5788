# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes, which the API calls LUNs (section 2.1 of the sheet)."""

from __future__ import annotations

from typing import Any

from ...objects import Provisioning, Volume
from ...rules import NoSpace
from . import ledger
from .call import Call, flag_in, number_in, object_in, text_in
from .refusals import COPY_IN_PROGRESS, INVALID_SIZE, ConcertoError
from .state import AREA, MIB, POLICY, TIMEVIEW, ConcertoState, object_id

Reply = dict[str, Any]


def lun_type(lun: Volume) -> str:
    return "SANTimeView" if TIMEVIEW in lun.attributes else "SAN"


def listing(state: ConcertoState, call: Call) -> Reply:
    name = call.name_filter()
    if name is None:
        luns = state.luns()
    else:
        named = state.array.find_volume(name, "volume")
        luns = [named] if named else []
    rows = [
        {
            "object_id": object_id(lun),
            "name": lun.name,
            "type": lun_type(lun),
            "timemarkEnabled": POLICY in lun.attributes,
        }
        for lun in luns
    ]
    return {"data": {"virtual_devices": rows, "total_virtual_devices": len(rows)}}


def detail(state: ConcertoState, call: Call, lun_id: str) -> Reply:
    lun = state.lun(lun_id)
    data: dict[str, Any] = {
        "object_id": object_id(lun),
        "name": lun.name,
        "type": lun_type(lun),
        "subType": lun.provisioning.upper(),
        "virtualDeviceID": lun.id,
        "size_mb": lun.size // MIB,
    }
    if state.numbers >= (7, 5, 6) and state.assumed("volumes.encrypted_reported"):
        data["encrypted"] = bool(lun.attributes.get("encrypted"))
    if TIMEVIEW in lun.attributes:
        snapshot = state.array.parent(lun)
        source = state.array.parent(snapshot) if snapshot else None
        if source is not None:
            data["timeview_data_set"] = {"name": source.name, "object_id": object_id(source)}
    return {"data": data}


def create(state: ConcertoState, call: Call) -> Reply:
    params = call.params
    name = state.check_lun_name(text_in(params, "name"))
    thin = object_in(params, "thinProvisioning")
    is_thin = flag_in(thin, "enabled")
    full_size = number_in(thin, "fullSizeMB", 0)
    # The size of a thick LUN is sizeMB, that of a thin one fullSizeMB. The other value is ignored.
    megabytes = full_size if is_thin else number_in(params, "sizeMB")
    if is_thin and not full_size:
        # vmemclient sends a thin LUN without fullSizeMB to 7.5.6 (section 4): then it has the size of its allocation.
        megabytes = number_in(params, "sizeMB")
    if megabytes <= 0:
        raise ConcertoError(INVALID_SIZE)
    encrypted = flag_in(params, "encrypted")
    if "encrypted" in params and state.numbers < (7, 5, 6):
        raise ConcertoError(ledger.MISSING, "encrypted")
    pool = state.requested_pool(params.get("storagepoolID"))
    dedup = flag_in(params, "dedup")
    if dedup and (state.external or not is_thin):
        raise ConcertoError(ledger.NO_DEDUP)
    if state.dedups(pool):
        if not is_thin:
            raise ConcertoError(ledger.THICK_ONLY)
        dedup = True
    kind: Provisioning = "dedup" if dedup else "thin" if is_thin else "thick"
    size = megabytes * MIB
    # The array allocates a tenth of a thin LUN at once, rounded up.
    allocated = (megabytes + 9) // 10 * MIB if is_thin else 0
    if allocated > pool.free:
        raise NoSpace("pool", pool.name)
    lun = state.array.create_volume(
        name, size, pool=pool.name, provisioning=kind, attributes={"encrypted": encrypted} if encrypted else None
    )
    if allocated:
        state.array.write(lun, allocated)
    return {"msg": "Create resource successfully.", "object_id": object_id(lun)}


def change(state: ConcertoState, call: Call, lun_id: str) -> Reply:
    lun = state.lun(lun_id)
    if call.action == "update":
        state.array.rename_volume(lun, state.check_lun_name(text_in(call.params, "name")))
        return {"msg": "Update resource profile successfully."}
    delta = number_in(call.params, "sizeMB") * MIB
    if delta <= 0:
        raise ConcertoError(INVALID_SIZE)
    if call.action == "expand":
        if (lun.provisioning == "dedup" and not state.external) or TIMEVIEW in lun.attributes:
            raise ConcertoError(ledger.THICK_ONLY)
        state.array.extend_volume(lun, lun.size + delta)
        return {"msg": "Expand resource successfully."}
    if call.action == "addstorage":
        if lun.provisioning == "thick":
            raise ConcertoError(ledger.THICK_ONLY)
        state.array.write(lun, delta)
        return {"msg": "Add storage successfully."}
    raise ConcertoError(ledger.NOT_SUPPORTED, call.action)


def delete(state: ConcertoState, call: Call, lun_id: str) -> Reply:
    lun = state.lun(lun_id)
    if state.array.copying(lun):
        raise ConcertoError(COPY_IN_PROGRESS)
    is_forced = flag_in(call.body, "force")
    if is_forced or state.assumed("volumes.delete_mapped") == "deleted":
        for mapping in state.array.mappings_of(lun):
            state.array.unmap(mapping)
    if not is_forced and not state.array.mappings_of(lun) and not state.array.children(lun):
        # Policy and snapshot resource must be deleted before the LUN, the policy first.
        if POLICY in lun.attributes:
            raise ConcertoError(ledger.HAS_POLICY)
        if AREA in lun.attributes and TIMEVIEW not in lun.attributes:
            raise ConcertoError(ledger.HAS_SNAPSHOT_AREA)
    state.array.delete_volume(lun)
    return {"msg": "Delete resource successfully."}
