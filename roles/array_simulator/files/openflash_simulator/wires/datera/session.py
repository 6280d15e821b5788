# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions, tenants, envelopes and pages: what all operations have in common (section 1)."""

from __future__ import annotations

import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from ..http import HttpRequest
from . import ledger
from .call import Call
from .objects import ROOT, Tenant
from .refusals import Refusal, invalid, missing, unauthorized
from .state import EdfState

Entity = dict[str, Any]

_MATCH = re.compile(r"match\((\w+),(.*)\)\Z")


class Sessions:
    """The keys of the clients that are logged in, each with the time of its last request."""

    def __init__(self, username: str, password: str, clock: Callable[[], float]) -> None:
        self._username = username
        self._password = password
        self._clock = clock
        self._last_used: dict[str, float] = {}

    def login(self, request: HttpRequest) -> str:
        """The key of a new session. The body is JSON or a form (1.5)."""
        given: Mapping[str, Any]
        try:
            given = body_of(request)
        except Refusal:
            given = {key: values[0] for key, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        name, password = str(given.get("name", "")), str(given.get("password", ""))
        right = hmac.compare_digest(password.encode(), self._password.encode())
        if name != self._username or not right:
            raise unauthorized(ledger.BAD_LOGIN)
        key = secrets.token_hex(16)
        self._last_used[key] = self._clock()
        return key

    def check(self, key: str) -> None:
        """Refuse a key that is unknown or was not used for too long (1.9)."""
        now = self._clock()
        last_used = self._last_used.get(key)
        if last_used is None or now - last_used > ledger.SESSION_SECONDS:
            self.end(key)
            raise unauthorized(ledger.NO_SESSION)
        self._last_used[key] = now

    def end(self, key: str) -> None:
        self._last_used.pop(key, None)


def body_of(request: HttpRequest) -> Entity:
    """The body, which a DELETE and a GET may have too; {} when there is none."""
    try:
        body = request.json()
    except ValueError:
        raise invalid("The body is not JSON") from None
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise invalid("The body is not an object")
    return body


def tenant_of(edf: EdfState, request: HttpRequest) -> Tenant | None:
    """The tenant of the header, None for all. Without a name it is /root; a bare name is below /root (1.8)."""
    given = request.headers.get("tenant", "").strip()
    if given == "all":
        return None
    path = given if given.startswith("/") else f"{ROOT}/{given}" if given and given != "root" else ROOT
    if path not in edf.tenants:
        raise missing(f"/tenants{path}")
    return edf.tenants[path]


def milliseconds(started: float) -> int:
    """The time since then."""
    return int((time.monotonic() - started) * 1000)


def envelope(tenant: str, path: str, version: str, started: float, data: Any) -> Entity:
    """The body of an answer (1.13)."""
    return {"tenant": tenant, "path": path, "version": version, "request_time": milliseconds(started), "data": data}


def page(call: Call, rows: list[Entity]) -> tuple[list[Entity], dict[str, int]]:
    """The requested page of a list, filtered and sorted, and its ``metadata``.

    Before 3.3 the total is that of the unfiltered list (1.16).
    """
    total = len(rows)
    if "filter" in call.query:
        equal = call.edf.assumed("lists.filter_equal")
        rows = [row for row in rows if _matches(row, call.query["filter"], equal)]
    if call.edf.modern:
        total = len(rows)
    if "sort" in call.query:
        rows = sorted(rows, key=lambda row: str(row.get(call.query["sort"], "")))
    limit = _number(call, "limit", ledger.PAGE if call.second else max(len(rows), 1))
    if not call.second:
        return rows[:limit], {"total": total}
    offset = _number(call, "offset", 0)
    chosen = rows[offset : offset + min(limit, call.edf.assumed("lists.page_size"))]
    return chosen, {"total_count": total, "request_count": len(chosen), "limit": limit, "offset": offset}


def _matches(row: Entity, text: str, equal: str) -> bool:
    """Whether an entity passes the filter: ``match(name,.*db.*)`` or ``name=db1`` (1.17).

    :param equal: what becomes of the second form: ``exact``, ``ignored`` or ``refused``.
    """
    if re.search(r"\s", text):
        raise invalid("Filter has whitespace")
    if found := _MATCH.match(text):
        try:
            return re.fullmatch(found[2], str(row.get(found[1], ""))) is not None
        except re.error:
            raise invalid("Filter is not a regular expression") from None
    key, equals, value = text.partition("=")
    if not equals or equal == "refused":
        raise invalid(f"Filter {text} is not understood")
    return equal == "ignored" or str(row.get(key, "")) == value


def _number(call: Call, key: str, default: int) -> int:
    text = call.query.get(key, str(default))
    if not text.isdigit() or (key == "limit" and key in call.query and int(text) > 1000):
        raise invalid(f"{key} {text} is not allowed")
    return int(text)
