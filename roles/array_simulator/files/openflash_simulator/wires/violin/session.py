# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Login, logout and the cookie that carries a session (sections 1.3 and 1.4 of the sheet)."""

from __future__ import annotations

import hmac
import uuid
from http.cookies import CookieError, SimpleCookie

from ..http import HttpReply, HttpRequest, json_reply
from . import ledger
from .call import Call


class Sessions:
    """The open sessions of one array.

    :param secure: the cookie is sent over HTTPS only.
    """

    def __init__(self, username: str, password: str, secure: bool) -> None:
        self._credentials = (username, password)
        self._secure = secure
        self._open: set[str] = set()

    def log_in(self, call: Call) -> HttpReply:
        if not self._has_credentials(call):
            document = {"success": False, "code": "unauthorized", "msg": ledger.LOGIN_REFUSED}
            return json_reply(200, document, message=ledger.LOGIN_REFUSED)
        session = str(uuid.uuid4())
        self._open.add(session)
        flags = "; Path=/; HttpOnly" + ("; Secure" if self._secure else "")
        return json_reply(200, {"id": session}, Set_Cookie=f"{ledger.COOKIE}={session}{flags}")

    def log_out(self, request: HttpRequest, call: Call, needs_credentials: bool) -> HttpReply:
        """Succeeds any number of times, with or without a session.

        :param needs_credentials: otherwise any body will do.
        """
        if needs_credentials and not self._has_credentials(call):
            document = {"success": False, "msg": ledger.LOGOUT_REFUSED}
            return json_reply(200, document, message=ledger.LOGOUT_REFUSED)
        self.end(self.of(request))
        return json_reply(200, {"success": True, "msg": "Logged out."})

    def of(self, request: HttpRequest) -> str | None:
        """The open session of a request; None when it has none."""
        try:
            cookie = SimpleCookie(request.headers.get("Cookie", "")).get(ledger.COOKIE)
        except CookieError:
            return None
        return cookie.value if cookie is not None and self.is_open(cookie.value) else None

    def is_open(self, session: str) -> bool:
        return session in self._open

    def reopen(self, session: str) -> None:
        self._open.add(session)

    def end_all(self) -> None:
        self._open.clear()

    def _has_credentials(self, call: Call) -> bool:
        data = call.body.get("data")
        data = data if isinstance(data, dict) else {}
        sent = (str(data.get(key, "")) for key in ("username", "password"))
        pairs = zip(sent, self._credentials, strict=True)
        return all(hmac.compare_digest(value.encode(), expected.encode()) for value, expected in pairs)

    def end(self, session: str | None) -> None:
        self._open.discard(session or "")


def forbidden() -> HttpReply:
    """The answer to a request without a session."""
    return json_reply(403, {"success": False, "code": "unauthorized", "msg": None}, message="no session")
