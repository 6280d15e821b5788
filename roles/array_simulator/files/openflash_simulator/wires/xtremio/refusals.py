# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals (section 8 of the sheet): nearly all have status 400 and a message that is a code."""

from __future__ import annotations

from ... import rules
from . import ledger

OBJ_NOT_FOUND = "obj_not_found"
BUSY = "system_is_busy"
ALREADY_MAPPED = "vol_already_mapped"
TOO_MANY_OBJECTS = "too_many_objs"
TOO_MANY_SNAPSHOTS = "too_many_snapshots_per_vol"
CLUSTER_REQUIRED = "cluster_id_is_required"
SIZE_DIFFERS = "invalid_vol_size"
IN_CONSISTENCY_GROUP = "cannot_remove_volume_that_is_in_consistency_group"
HAS_SCHEDULER = "cannot_remove_volume_that_has_a_scheduler"
CAPTION_NOT_UNIQUE = "caption_not_unique"

# Kinds of objects, as the codes abbreviate them.
_SHORT = {
    "volume": "vol",
    "snapshot": "vol",
    "host": "ig",
    "initiator": "initiator",
    "consistency-group": "cg",
    "snapshot-set": "snapset",
}


class XmsError(Exception):
    """The XMS refuses a request."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


def not_found(what: str = "") -> XmsError:
    """The object is not there.

    :param what: kind of an object that a body names; empty for the object that a path or ``?name=`` addresses.
    """
    return XmsError(ledger.PARENT_NOT_FOUND.format(what) if what else OBJ_NOT_FOUND)


def from_array(error: rules.ArrayError) -> XmsError:
    """The XMS's code for a refusal of the neutral array."""
    match error:
        case rules.NameTaken():
            return XmsError(ledger.NAME_NOT_UNIQUE.format(_SHORT.get(error.what, error.what)))
        case rules.LimitReached(reason="snapshots_per_volume"):
            return XmsError(TOO_MANY_SNAPSHOTS)
        case rules.LimitReached(reason="max_lun"):
            return XmsError(ledger.INVALID_LUN)
        case rules.LimitReached():
            return XmsError(TOO_MANY_OBJECTS)
        case rules.AlreadyMapped():
            return XmsError(ALREADY_MAPPED)
        case rules.LunTaken():
            return XmsError(ledger.LUN_IN_USE)
        case rules.InitiatorTaken():
            return XmsError(ledger.PORT_ADDRESS_NOT_UNIQUE)
        case rules.NoSpace():
            return XmsError(ledger.NO_SPACE)
        case rules.BadName():
            return XmsError(ledger.NAME_INVALID)
        case rules.BadSize(reason="shrink"):
            return XmsError(ledger.SIZE_DECREASED)
        case rules.BadSize():
            return XmsError(ledger.INVALID_SIZE)
        case rules.InUse(what="host"):
            return XmsError(ledger.IG_IS_MAPPED)
        case _:
            return XmsError(OBJ_NOT_FOUND)
