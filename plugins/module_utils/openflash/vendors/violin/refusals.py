# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The meaning of the array's error codes, which are read nowhere else (sheet, section 3)."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Optional, Tuple, Type

from ...errors import Busy, Conflict, FlashError, InUse, Invalid, NoSpace


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


def error_of(message: Any, request: str, mask: Callable[[str], str]) -> FlashError:
    """The error for an answer with ``success: false``."""
    text = re.sub(r"\s+", " ", mask(str(message or ""))).strip()
    code = code_of(text)
    details: Any = {"code": None if code is None else "0x%08x" % code, "said": text or None}
    if code in _TABLE:
        kind, reason, hint = _TABLE[code]
        return kind(reason, hint=hint, **details)
    for pattern, kind, reason, hint in _TEXTS:
        if re.search(pattern, text):
            return kind(reason, hint=hint, **details)
    return Rejected("the array refused %s" % request, **details)


class Rejected(FlashError):
    """A refusal of unknown meaning."""
