# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The meaning of the array's error codes, which are read nowhere else (sheet, section 3)."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Mapping, Optional, Tuple, Type

from ...assumption import Assumption
from ...errors import Busy, Conflict, FlashError, InUse, Invalid, NoSpace
from .ledger import (
    CLONE_STORAGE,
    CODES,
    HOST_NAME_LONGEST,
    LARGEST,
    LUN_RANGE,
    NAME_LONGEST,
    NAME_PATTERN,
    PROVEN_HOST_NAME,
    PROVEN_NAME,
    UNASSIGN_FORCE,
)

# Characters and LUNs that are known to be accepted.
_PROVEN_CHARACTERS = re.compile(r"[A-Za-z0-9._ ()-]+\Z")
_PROVEN_LUNS = range(64)


class NameTaken(Conflict):
    """A LUN of that name exists already."""


class ClientTaken(Conflict):
    """A client or an iSCSI target of that name exists already."""


class AlreadyAssigned(Conflict):
    """The LUN is already assigned to that client."""


class NotAssigned(FlashError):
    """The LUN is not assigned to that client."""


class NoArea(FlashError):
    """The LUN has no snapshot resource."""


class NoPolicy(FlashError):
    """The LUN has no snapshot policy."""


class CopyRunning(Busy):
    """A copy from or into the LUN has not finished."""


BUSY = 0x50F7564C

_TABLE: Dict[int, Tuple[Type[FlashError], str, Optional[str]]] = {
    0x90010022: (NameTaken, "there is a volume of that name already", None),
    0x9001003C: (AlreadyAssigned, "the volume is mapped to that host already", None),
    0x9002002B: (NotAssigned, "the volume is not mapped to that host", None),
    0x09010023: (CopyRunning, "a copy from or into it has not ended", "Wait for the copy to end."),
    0x09010048: (InUse, "it has snapshots", "Delete its snapshots first."),
    0x90010089: (CopyRunning, "the array is still copying into the volume", "Wait for the copy to end."),
    0x0901008C: (NoArea, "the volume has no snapshot resource", None),
    0x0902000C: (Invalid, "the array does not take this size", None),
    0x900100CD: (ClientTaken, "there is a host of that name already", None),
    0x09024309: (ClientTaken, "there is an iSCSI target of that name already", None),
    BUSY: (Busy, "the array stayed busy until wait_timeout had passed", "Run it again later."),
}

# No codes are known for these, only texts.
_TEXTS: Tuple[Tuple[str, Type[FlashError], str, Optional[str]], ...] = (
    (r"TimeMark is disabled", NoPolicy, "the volume has no snapshot policy", None),
    (
        r"(?i)not enough (free )?(space|storage|capacity)|insufficient (space|storage|capacity)|out of space",
        NoSpace,
        "the pool has no room for it",
        "Choose another pool, or free some space.",
    ),
)

_CODE = re.compile(r"Error:?\s*(0x[0-9a-fA-F]+)")


def code_of(message: str) -> Optional[int]:
    found = _CODE.search(message)
    return int(found.group(1), 16) if found else None


def is_busy(message: str) -> bool:
    """Whether the array reports that it did nothing because it is busy."""
    return code_of(message) == BUSY


def _suspect(params: Mapping[str, Any]) -> Assumption[Any]:
    """Which entry of the ledger may be wrong when the array refuses this request for a reason that is not known."""
    name = str(params.get("name") or params.get("targetName") or "")
    if len(name) > (PROVEN_HOST_NAME if "protocolType" in params else PROVEN_NAME):
        return HOST_NAME_LONGEST if "protocolType" in params else NAME_LONGEST
    if name and not _PROVEN_CHARACTERS.match(name) and "ipAddress" not in params:
        return NAME_PATTERN
    lun = params.get("lun", (params.get("FC") or {}).get("lun"))
    if lun is not None and lun not in _PROVEN_LUNS[1:]:
        return LUN_RANGE
    if params.get("action") == "unassign":
        return UNASSIGN_FORCE
    if "timestamp" in params:
        return CLONE_STORAGE
    if "sizeMB" in params and "snapshotNotificationEnabled" not in params:
        return LARGEST
    return CODES


def error_of(
    message: Any, request: str, mask: Callable[[str], str], body: Optional[Mapping[str, Any]] = None
) -> FlashError:
    """The error for an answer with ``success: false``.

    :param body: of the request. What it has decides which entry of the ledger an unknown refusal may come from.
    """
    text = re.sub(r"\s+", " ", mask(str(message or ""))).strip()
    code = code_of(text)
    details: Any = {"code": None if code is None else "0x%08x" % code, "said": text or None}
    if code in _TABLE:
        kind, reason, hint = _TABLE[code]
        assumption = LARGEST.id if kind is Invalid else None
        return kind(reason, hint=hint, assumption=assumption, **details)
    for pattern, kind, reason, hint in _TEXTS:
        if re.search(pattern, text):
            return kind(reason, hint=hint, **details)
    params = (body or {}).get("params")
    suspect = _suspect(params if isinstance(params, dict) else {})
    return Rejected("the array refused %s" % request, assumption=suspect.id, **details)


class Rejected(FlashError):
    """A refusal of unknown meaning."""
