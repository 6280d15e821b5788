# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the array's refusals mean (sheet, sections 1.14 and 1.15). The only place that reads them."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Mapping, Optional, Tuple, Type

from ...assumption import Assumption
from ...errors import BadReply, Busy, Conflict, FlashError, InUse, Invalid, NoSpace, NotFound, Unauthorized
from ...transport.confirm import AnswerLost
from ...transport.http_reply import Reply
from .ledger import (
    CLONE_OF_DELETED,
    CODES,
    DESCR_PATTERN,
    EMPTY_NOTES,
    NOTE_KEYS,
    NOTE_LONGEST,
    NOTE_PREFIX,
    OFFLINE_DEMAND,
    OFFLINE_IDLE,
)

# The characters of a description, and the length of a value of the metadata, that are known to be accepted.
_PROVEN_DESCR = re.compile(r"[A-Za-z0-9_]*\Z")
_PROVEN_NOTE = 64


class NameTaken(Conflict):
    """There is an object of that name or address already."""


class Rejected(InUse):
    """The array refuses this now, mostly because the app instance is online or something refers to the object."""


class OfflineDemanded(Rejected):
    """The array makes this change only while the app instance is offline."""


class SessionEnded(AnswerLost, Unauthorized):
    """The array answered that the session has ended. Whether it made the change all the same, a read decides."""

    kind = "unauthorized"


class DuplicateSnapshot(Conflict):
    """The volume has a snapshot with that UUID (code 15)."""


DUPLICATE_SNAPSHOT = 15
# Section 1.15: the array is starting, and has changed nothing.
INITIALIZING = "REST server is still initializing"
# Sections 1.14 and 9: the texts are not documented. These are assumed to mean that the array is full.
_NO_SPACE = ("insufficient capacity", "not enough space", "out of space", "limit reached", "too many")

# Sections 2.13 and 9: the text is not documented. Only a refusal with this word makes the client take an app instance
# offline.
_OFFLINE = "offline"

# (status, name or None for any, kind, reason, hint); the first row that matches counts.
_TABLE: Tuple[Tuple[int, Optional[str], Type[FlashError], str, Optional[str]], ...] = (
    (404, None, NotFound, "the array does not have what the request names", None),
    (409, None, NameTaken, "there is an object of that name already", None),
    (422, None, Invalid, "the array does not take a value of the request", None),
    (403, None, Unauthorized, "the account may not do this", "Use an account with enough rights in this tenant."),
    (423, None, Busy, "the array has locked the object", "Run it again later."),
    (503, None, Busy, "the array stayed overloaded until wait_timeout had passed", "Run it again later."),
    (500, None, FlashError, "the array failed to do it", "Look at the event log of the array."),
    (405, None, FlashError, "the array has no such operation", "Check api_version."),
    (400, "ValidationFailedError", Invalid, "the array does not take a value of the request", None),
    (400, None, Rejected, "the array refuses it", None),
)


def _body(reply: Reply) -> Dict[str, Any]:
    body = reply.json_or_none()
    return body if isinstance(body, dict) else {}


def is_busy(reply: Reply) -> bool:
    """The array itself, not a gateway, answers that it has changed nothing because it is overloaded or starting."""
    if reply.status == 503:
        return bool(_body(reply))
    return reply.status == 500 and INITIALIZING in str(_body(reply).get("message") or "")


def is_expired(reply: Reply) -> bool:
    return reply.status == 401


def _suspect(kind: Type[FlashError], method: str, body: Mapping[str, Any]) -> Optional[Assumption[Any]]:
    """Which entry of the ledger may be wrong when the array refuses this request for a reason that is not known."""
    if method == "GET" or kind not in (Rejected, Invalid):
        return None
    descr, notes = str(body.get("descr") or ""), body.get("data", body)
    if kind is Rejected and body.get("admin_state") == "offline":
        return OFFLINE_IDLE
    if not _PROVEN_DESCR.match(descr):
        return DESCR_PATTERN
    if isinstance(notes, dict) and "" in notes.values():
        return EMPTY_NOTES
    if isinstance(notes, dict) and any(str(name).startswith(NOTE_PREFIX) for name in notes):
        return NOTE_LONGEST if any(len(str(value)) > _PROVEN_NOTE for value in notes.values()) else NOTE_KEYS
    if kind is Invalid:
        return None
    if method == "DELETE":
        return CLONE_OF_DELETED
    return OFFLINE_DEMAND if method == "PUT" else CODES


def error_of(
    reply: Reply, mask: Callable[[str], str], method: str = "GET", sent: Optional[Mapping[str, Any]] = None
) -> FlashError:
    """The error that an answer with a status of 400 or above stands for, with the array's name, code and message.

    :param sent: the body of the request. It decides which entry of the ledger an unknown refusal may come from.
    """
    body = _body(reply)
    name = mask(str(body.get("name") or ""))
    message = mask(str(body.get("message") or "")) or None
    number = body.get("code")
    code = " ".join(part for part in (name, str(number) if number is not None else "") if part) or str(reply.status)
    if not body:
        return BadReply(
            "%s was answered by HTTP status %d and no JSON" % (reply.request, reply.status),
            code=str(reply.status),
            hint="Check that the address and port are those of the array's management service.",
        )
    if number == DUPLICATE_SNAPSHOT and reply.status == 400:
        return DuplicateSnapshot("the volume has that snapshot already", code=code, said=message)
    if reply.status in (400, 422) and message and any(text in message.lower() for text in _NO_SPACE):
        return NoSpace("the array has no room for it", code=code, said=message)
    goes_offline = (sent or {}).get("admin_state") == "offline"
    if (
        reply.status == 400
        and name == "InvalidRequestError"
        and _OFFLINE in (message or "").lower()
        and not goes_offline
    ):
        return OfflineDemanded("the array does this only while the app instance is offline", code=code, said=message)
    for status, required_name, kind, reason, hint in _TABLE:
        if reply.status == status and required_name in (None, name):
            suspect = _suspect(kind, method, sent or {})
            return kind(reason, code=code, said=message, hint=hint, assumption=suspect.id if suspect else None)
    return FlashError("the array refused %s" % reply.request, code=code, said=message)
