# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The meaning of the array's error codes, which are read nowhere else (sheet, section 8)."""

from __future__ import annotations

import re
from typing import Any, Callable, Mapping, Optional, Tuple, Type

from ...assumption import Assumption
from ...errors import (
    Busy,
    Conflict,
    FlashError,
    InUse,
    Invalid,
    NoSpace,
    NotFound,
    TooManyCopies,
    Unauthorized,
    Unsupported,
)
from ...transport.http_reply import Reply
from .ledger import (
    CODES,
    LINE_LONGEST,
    LUN_RANGE,
    NAME_LONGEST,
    NAME_PATTERN,
    PROVEN_NAME,
    PROVEN_SUFFIX,
    SUFFIX_LONGEST,
    TAG_CHARACTERS,
)


class NameTaken(Conflict):
    """An object of that name exists already."""


class AlreadyMapped(Conflict):
    """The volume is already mapped to that host."""


class LunTaken(Conflict):
    """The host has another volume at that LUN."""


BUSY = "system_is_busy"

# Pattern of the code, kind of error, reason, hint. The first pattern that matches counts.
_TABLE: Tuple[Tuple[str, Type[FlashError], str, Optional[str]], ...] = (
    (r"^%s$" % BUSY, Busy, "the array stayed busy until wait_timeout had passed", "Run it again later."),
    (r"(^|_)obj_not_found$", NotFound, "the array does not know an object that the request names", None),
    (r"name_not_unique$", NameTaken, "there is an object of that name already", None),
    (r"^caption_not_unique$", NameTaken, "there is a folder of that name already", None),
    (r"already_mapped", AlreadyMapped, "the volume is mapped to that host already", None),
    (r"^lun_already_in_use$", LunTaken, "the host has another volume at that LUN", "Leave lun out to take a free one."),
    (
        r"^too_many_snapshots_per_vol$",
        TooManyCopies,
        "the volume has as many snapshots and clones as the array allows",
        "Delete some, or copy from another volume.",
    ),
    (r"^too_many_", NoSpace, "the array has as many objects of that kind as it allows", "Delete some first."),
    # Section 15: the code for a full array is not known; any code of this form is taken for it.
    (
        r"(no|not_enough|out_of|insufficient)(_.*)?_(space|capacity)",
        NoSpace,
        "the array has no room for it",
        "Delete something, or add capacity.",
    ),
    (
        r"^cluster_id_is_required$",
        Invalid,
        "this XMS manages several clusters and the request names none",
        "Set cluster.",
    ),
    (r"^cluster_not_found$", NotFound, "this XMS has no cluster of that name", "Check cluster."),
    (
        r"invalid_vol_size",
        Conflict,
        "the two volumes differ in size",
        "A volume that has grown since the snapshot was taken cannot be restored from it.",
    ),
    (
        r"^cannot_remove_volume_that_is_in_consistency_group$",
        InUse,
        "the volume is in a consistency group",
        "Take it out of the group first.",
    ),
    (
        r"^cannot_remove_volume_that_has_a_scheduler$",
        InUse,
        "a snapshot schedule of the array uses the volume",
        "Delete the schedule on the array first.",
    ),
    (
        r"^Command Syntax Error",
        Unsupported,
        "this version of XMS does not take a property of the request",
        "Check array_version, or leave it out so that the version is asked for.",
    ),
)


def message_of(reply: Reply) -> str:
    """The error code as sent, or an empty string (``{"message": code, "error_code": 400}``, section 8)."""
    body = reply.json_or_none()
    return str(body.get("message") or "") if isinstance(body, dict) else ""


def is_busy(reply: Reply) -> bool:
    """Whether the array reports that it did nothing because it is busy."""
    return reply.status >= 400 and message_of(reply) == BUSY


# Section 6 to 9: what names an object in the body of a change, and the characters that every client uses in names.
_NAMES = ("vol-name", "name", "ig-name", "new-name", "consistency-group-name", "initiator-name")
_SUFFIXES = ("snap-suffix", "backup-snap-suffix")
_PROVEN_NAME = re.compile(r"[A-Za-z0-9._-]+\Z")
# The highest LUN that needs no other addressing method, and the lowest that an array is known to give out.
_PROVEN_LUNS = range(1, 256)


def _suspect(body: Mapping[str, Any]) -> Assumption[Any]:
    """Which entry of the ledger may be wrong when the array refuses this body with a code that is not known."""
    names = [str(body[key]) for key in _NAMES if key in body]
    if any(len(name) > PROVEN_NAME for name in names):
        return NAME_LONGEST
    if any(len(str(body[key])) > PROVEN_SUFFIX for key in _SUFFIXES if key in body):
        return SUFFIX_LONGEST
    if any(not _PROVEN_NAME.match(name) for name in names):
        return NAME_PATTERN
    if "lun" in body and body["lun"] not in _PROVEN_LUNS:
        return LUN_RANGE
    return TAG_CHARACTERS if "tag-name" in body else CODES


def error_of(reply: Reply, mask: Callable[[str], str], body: Optional[Mapping[str, Any]] = None) -> FlashError:
    """The error for an answer with a status of 400 or above.

    :param body: of the request. What it has decides which entry of the ledger an unknown code may come from.
    """
    message = mask(message_of(reply))
    details: Any = {"code": message or str(reply.status)}
    for pattern, kind, reason, hint in _TABLE:
        if message and re.search(pattern, message):
            return kind(reason, hint=hint, **details)
    if reply.status == 403:
        return Unauthorized(
            "the account may not do this", hint="Use an account with the role admin or configuration.", **details
        )
    if message:
        return FlashError("the array refused %s" % reply.request, assumption=_suspect(body or {}).id, **details)
    text = "" if "html" in reply.headers.get("content-type", "") else re.sub(r"\s+", " ", mask(reply.text)).strip()
    return FlashError(
        "%s was answered by HTTP status %d" % (reply.request, reply.status),
        said=text[:200] or None,
        hint="Check that the address and port are those of the XMS." if reply.status == 404 else None,
        assumption=LINE_LONGEST.id if reply.status == 414 else None,
        **details,
    )
