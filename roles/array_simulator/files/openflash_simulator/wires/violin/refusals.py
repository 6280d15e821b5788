# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals: ``{"success": false, "msg": "<text> Error: 0x........"}`` (sections 1.6 and 3 of the sheet)."""

from __future__ import annotations

from ... import rules
from . import ledger

DUPLICATE_LUN = ("Duplicate Virtual Device name.", 0x90010022)
ALREADY_ASSIGNED = ("The device is already assigned to the client.", 0x9001003C)
NOT_ASSIGNED = ("The device is not assigned to the client.", 0x9002002B)
COPY_IN_PROGRESS = ("Snapshot copy is in progress.", 0x09010023)
HAS_SNAPSHOTS = ("The resource has dependent TimeMarks.", 0x09010048)
BEING_FILLED = ("The resource is the target of a copy that has not ended.", 0x90010089)
NO_SNAPSHOT_AREA = ("Snapshot Resource is not created for this virtual device.", 0x0901008C)
INVALID_SIZE = ("Invalid size.", 0x0902000C)
CLIENT_EXISTS = ("SAN client already exists.", 0x900100CD)
TARGET_EXISTS = ("The iSCSI target already exists.", 0x09024309)
NO_FAILOVER = ("The server is not configured for failover.", 0x09022069)

# Message, which may have placeholders, and code.
Refusal = tuple[str, int]


class ConcertoError(Exception):
    """The array refuses a request.

    :param details: the values of the placeholders in the message.
    """

    def __init__(self, refusal: Refusal, *details: object) -> None:
        self.refusal = refusal
        template, code = refusal
        self.message = f"{template.format(*details)} Error: 0x{code:08x}"
        super().__init__(self.message)


class TimeMarkBusy(Exception):
    """The only refusal that has no colon before its code (section 2.4)."""

    message = "TimeMark is busy. Error 0x50f7564c"


def missing(parameter: str) -> ConcertoError:
    return ConcertoError(ledger.MISSING, parameter)


def from_array(error: rules.ArrayError) -> ConcertoError:
    """Concerto's message and code for a refusal of the neutral array."""
    match error:
        case rules.NameTaken(what="host"):
            return ConcertoError(CLIENT_EXISTS)
        case rules.NameTaken(what="snapshot"):
            return ConcertoError(ledger.SNAPSHOT_EXISTS)
        case rules.NameTaken():
            return ConcertoError(DUPLICATE_LUN)
        case rules.AlreadyMapped():
            return ConcertoError(ALREADY_ASSIGNED)
        case rules.LunTaken():
            return ConcertoError(ledger.LUN_TAKEN)
        case rules.LimitReached(reason="max_lun"):
            return ConcertoError(ledger.LUN_RANGE)
        case rules.LimitReached():
            return ConcertoError(ledger.LIMIT)
        case rules.InitiatorTaken():
            return ConcertoError(ledger.INITIATOR_TAKEN)
        case rules.NoSpace():
            return ConcertoError(ledger.NO_SPACE)
        case rules.BadName():
            return ConcertoError(ledger.BAD_NAME)
        case rules.BadSize():
            return ConcertoError(INVALID_SIZE)
        case rules.InUse(what="host"):
            return ConcertoError(ledger.CLIENT_IN_USE)
        case rules.InUse(reason="copying"):
            return ConcertoError(COPY_IN_PROGRESS)
        case rules.InUse(reason="children"):
            return ConcertoError(HAS_SNAPSHOTS)
        case rules.InUse():
            return ConcertoError(ledger.ASSIGNED)
        case _:
            return ConcertoError(ledger.NO_SUCH_OBJECT)
