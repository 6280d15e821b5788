# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The session with a gateway: login, version, and the envelope of requests and answers (sheet, section 1)."""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, TypeVar

from ...client import side_by_side
from ...errors import BadReply, FlashError, Invalid, Unauthorized, Unsupported
from ...model import Unreadable
from ...transport.confirm import ATTEMPTS, AnswerLost, AnswerUnreadable
from ...transport.http import HttpTransport
from ...transport.http_reply import Reply
from .ledger import EXTERNAL_HEAD, FAILOVER, NEWEST_BEFORE, OLDEST, OLDEST_EVER
from .refusals import Rejected, error_of, is_busy

Object = Dict[str, Any]
T = TypeVar("T")
R = TypeVar("R")

BASE = "/concerto"
# Section 1.1: texts of the page at the root, in the order in which they decide.
_OTHER_PRODUCTS = (("viewport", "Symphony"), ("template", "a V6000 memory gateway"))
_CONCERTO = ("Violin Concerto Console", '<a href="concerto/">concerto/</a>')
_HTML_ERROR = "IPStor REST API Error Message"
# Up to this many details are read one after the other on the one connection. For more it pays to open further ones.
_FEW = 8


class NotClean(FlashError):
    """Text, with a refusal in its last line: the answer to a list of snapshots of a LUN without policy (2.4)."""


class SessionEnded(AnswerLost, Unauthorized):
    """The array answered that the session has ended. Whether it made the change all the same, a read decides."""

    kind = "unauthorized"


class ConcertoSession:
    """The session with one gateway.

    :ivar version: such as (7, 5, 5).
    :ivar build: such as ``8975``.
    :ivar properties: of the server, as the array reports them (section 1.5).
    :ivar has_dedup: a 7300 has the licence for deduplication.
    """

    def __init__(self, http: HttpTransport, username: str, password: str, server: str, threads: int = 1) -> None:
        self.http = http
        self._threads = threads
        self._credentials = {"username": username, "password": password, "server": server}
        self._logged_in = False
        self.version: Tuple[int, ...] = ()
        self.build = ""
        self.properties: Object = {}
        self.has_dedup = False
        http.journal.hide(password)
        http.set_header("X-Requested-With", "XMLHttpRequest")
        http.busy = lambda reply: is_busy(_message(reply))
        http.expired = _expired
        http.reauthenticate = self._login

    # -- the session -------------------------------------------------------------------------------------------------

    def open(self, allow_untested: bool) -> None:
        """Check that it is Concerto, log in, and read version and model: 4 requests, 5 on a 7300."""
        self._check_product()
        self._login()
        answer = self.data("/server/properties/version", session=True)
        text = str(answer.get("concerto_version") or "")
        self.build = str(answer.get("build") or "")
        self.version = parse_version(text)
        self._check_version(text, allow_untested)
        self.properties = self.data("/server/properties/info", session=True)
        if not self.properties.get("hardware_model"):
            raise BadReply("the array does not report whether it is a 7300 or a 7700")
        if not self.external:
            self.has_dedup = self.succeeds("/monitor/status/dedup", session=True)

    @property
    def external(self) -> bool:
        """Whether it is a 7700."""
        return self.properties.get("hardware_model") == EXTERNAL_HEAD

    def _check_version(self, text: str, allow_untested: bool) -> None:
        if OLDEST <= self.version < NEWEST_BEFORE or (allow_untested and self.version >= OLDEST_EVER):
            return
        reason = "Concerto %s is not a version that this collection knows (7.5.3 to 7.9)" % text
        if self.version < OLDEST_EVER:
            raise Unsupported(reason, hint="Upgrade the array to 7.5.3 or later.")
        raise Unsupported(reason, hint="Set allow_untested_version: true to try it all the same.")

    def _check_product(self) -> None:
        """Read the page at the root (section 1.1). It is never asked for over plain HTTP."""
        page = self.http.request("GET", "/", session=True).text
        for text, product in _OTHER_PRODUCTS:
            if text in page:
                raise Unsupported("it is %s, and not a 7300 or 7700 with Concerto" % product)
        if not any(text in page for text in _CONCERTO):
            raise BadReply(
                "it does not look like Concerto",
                hint="Check that the address and port are those of a Violin 7300 or 7700.",
            )

    def _login(self) -> None:
        # Else the cookie of the old session would be sent.
        self.http.forget_cookies()
        reply = self.http.request(
            "POST", BASE + "/auth/login", json={"data": self._credentials}, session=True, idempotent=True
        )
        answer = reply.json_or_none()
        accepted = reply.ok and isinstance(answer, dict) and answer.get("code", "success") == "success"
        if accepted and answer.get("success", True):
            self._logged_in = True
            return
        if not isinstance(answer, dict) and reply.status != 403:
            raise BadReply(
                "the answer to the login is not JSON (HTTP status %d)" % reply.status,
                hint="Check that the address and port are those of a Violin 7300 or 7700.",
            )
        raise Unauthorized(
            "the array did not accept the user name and password",
            code=str(answer.get("code") or reply.status) if isinstance(answer, dict) else str(reply.status),
            said=self.http.mask(_message(reply)) or None,
            hint="Check username and password, and that the account is not locked.",
        )

    def close(self) -> None:
        """Log out. The credentials are sent only where the array does not end the session without them."""
        if self._logged_in:
            self._logged_in = False
            self.http.log_out(self._log_out)
        self.http.close()

    def _log_out(self) -> None:
        for body in ({}, {"data": self._credentials}):
            reply = self.http.request(
                "POST", BASE + "/auth/logout", json=body, session=True, idempotent=True, timeout=5.0
            )
            answer = reply.json_or_none()
            if _expired(reply) or not isinstance(answer, dict) or answer.get("success", True):
                return

    # -- requests ----------------------------------------------------------------------------------------------------

    def get(
        self, path: str, body: Optional[Mapping[str, Any]] = None, kind: Optional[str] = None, session: bool = False
    ) -> Object:
        """A query. ``body`` has its filters (section 1.6)."""
        return self._ask("GET", path, body, kind, session)

    def post(self, path: str, params: Mapping[str, Any], once: bool = False) -> Object:
        """:param once: a second request would do harm: SessionEnded instead of sending it again after a login."""
        return self._ask("POST", path, {"params": params}, once=once)

    def put(self, path: str, params: Mapping[str, Any], idempotent: bool = False, once: bool = False) -> Object:
        """:param once: as for ``post``."""
        return self._ask("PUT", path, {"params": params}, idempotent=idempotent, once=once)

    def delete(self, path: str, params: Optional[Mapping[str, Any]] = None) -> Object:
        return self._ask("DELETE", path, None if params is None else {"params": params})

    def succeeds(self, path: str, session: bool = False) -> bool:
        """Whether a query is answered by success. A version of Concerto that does not know it counts as failure."""
        try:
            self.get(path, session=session)
        except (Rejected, Unsupported):
            return False
        return True

    def rows(
        self,
        path: str,
        key: str,
        kind: str,
        name: Optional[str] = None,
        bad: Optional[List[Unreadable]] = None,
        needs: Sequence[str] = ("name",),
    ) -> List[Object]:
        """A list, or only its rows of this name.

        :param kind: of object, for errors: ``volume``, ``host`` ...
        :param bad: gets a row that lacks its id or a key that it ``needs``. Without this list such a row is a BadReply.
        """
        filters = None if name is None else {"filters": [{"name": "name", "operator": "=", "value": name}]}
        data = self.get(path, filters).get("data")
        rows = data.get(key) if isinstance(data, dict) else None
        if not isinstance(rows, list):
            raise BadReply("the answer to GET %s has no list %r" % (path, key))
        readable: List[Object] = []
        for row in rows:
            # A row without a name may be the requested one.
            row_name = str(row["name"]) if isinstance(row, dict) and has_text(row, "name") else "?"
            if name is not None and row_name not in (name, "?"):
                continue
            missing = missing_key(row, needs)
            if missing is None:
                readable.append(row)
            elif bad is None:
                raise BadReply("the answer to GET %s has a row without %s" % (path, missing), target=row_name)
            else:
                bad.append(Unreadable(kind, row_name, "the array does not report its %s" % missing))
        return readable

    def side_by_side(self, read: Callable[[T], R], items: Sequence[T]) -> List[R]:
        """The answers in the order of the items, several requests at a time when there are many."""
        return side_by_side(read, items, self._threads, few=_FEW)

    def data(self, path: str, session: bool = False) -> Object:
        """``data`` of the answer to a query, which must be an object."""
        found = self.get(path, session=session).get("data")
        if not isinstance(found, dict):
            raise BadReply("the answer to GET %s has no object in it" % path)
        return found

    def text_or_object(self, path: str, kind: str) -> Optional[Object]:
        """A status, which has no ``success``; None when the array answers in text, because there is none (2.5)."""
        for _attempt in range(ATTEMPTS):
            reply = self._send("GET", path, None, kind)
            found = reply.json_or_none()
            if isinstance(found, dict):
                return self._accepted(reply, dict({"success": True}, **found))
            if reply.ok and "<html" not in reply.text.lower():
                return None
        raise BadReply("the answer to %s is neither a status nor the lack of one" % reply.request)

    def _send(
        self,
        method: str,
        path: str,
        body: Optional[Mapping[str, Any]],
        kind: Optional[str] = None,
        session: bool = False,
        idempotent: Optional[bool] = None,
        once: bool = False,
    ) -> Reply:
        query = [("type", kind)] if kind else []

        def send() -> Reply:
            return self.http.request(
                method,
                BASE + path,
                query,
                json=body,
                session=session,
                idempotent=idempotent or None,
                repeat_after_login=not once,
            )

        reply = send()
        if session and _expired(reply):
            # The transport does not log in again for requests of the session.
            self._login()
            reply = send()
        return reply

    def _ask(
        self,
        method: str,
        path: str,
        body: Optional[Mapping[str, Any]] = None,
        kind: Optional[str] = None,
        session: bool = False,
        idempotent: bool = False,
        once: bool = False,
    ) -> Object:
        safe = method == "GET" or idempotent
        for attempt in range(ATTEMPTS):
            reply = self._send(method, path, body, kind, session, idempotent, once)
            if once and _expired(reply):
                raise SessionEnded(
                    "the session ended, and whether the array made the change cannot be known",
                    code=str(reply.status),
                    hint="Check the object on the array, and run the task again.",
                    assumption=FAILOVER.id,
                ).with_timeout(self.http.timeout)
            answer = reply.json_or_none()
            if isinstance(answer, dict):
                return self._accepted(reply, answer, body)
            error = self._not_json(reply)
            if not safe or not isinstance(error, AnswerUnreadable) or attempt == ATTEMPTS - 1:
                break
        if method == "GET" and isinstance(error, AnswerUnreadable):
            raise BadReply(error.reason, hint=error.hint)
        raise error

    def _not_json(self, reply: Reply) -> FlashError:
        """The error for an answer in text: a refusal in its last line, or an answer that is not the array's."""
        last_line = _last_line(reply.text)
        if last_line is not None and not last_line.get("success", True):
            message = self.http.mask(str(last_line.get("msg") or "")) or "no message"
            return NotClean("the array answered in text", said=message)
        if _HTML_ERROR in reply.text:
            return Unsupported("this version of Concerto does not know the request %s" % reply.request)
        if reply.status == 403:
            return Unauthorized("the session ended, and logging in again did not help", code="403")
        return AnswerUnreadable(
            "the answer to %s is not JSON (HTTP status %d)" % (reply.request, reply.status),
            hint="Check that the address and port are those of a Violin 7300 or 7700.",
        ).with_timeout(self.http.timeout)

    def _accepted(self, reply: Reply, answer: Object, body: Optional[Mapping[str, Any]] = None) -> Object:
        if reply.status == 403 or _unauthorized(answer):
            raise Unauthorized("the session ended, and logging in again did not help", code=str(reply.status))
        if answer.get("success") is True and answer.get("code", "success") == "success":
            return answer
        raise error_of(answer.get("msg") or answer.get("code"), reply.request, self.http.mask, body)


def parse_version(text: str) -> Tuple[int, ...]:
    """(7, 5, 5) from ``7.5.5``; 7.50 is (7, 50), which is more than (7, 9)."""
    match = re.match(r"^\s*([0-9]+(?:\.[0-9]+)*)", str(text))
    if match is None:
        raise Invalid("%r is not a version of Concerto" % (text,))
    return tuple(int(part) for part in match.group(1).split("."))


def missing_key(row: Any, keys: Sequence[str]) -> Optional[str]:
    """The first of ``object_id`` and these keys for which a row has neither text nor number; None when it has all."""
    if not isinstance(row, dict):
        return "fields"
    for key in ("object_id", *keys):
        if not isinstance(row.get(key), (str, int)) or row[key] == "":
            return key
    return None


def has_text(row: Mapping[str, Any], key: str) -> bool:
    return isinstance(row.get(key), str) and bool(row[key])


def _unauthorized(answer: Any) -> bool:
    return isinstance(answer, dict) and str(answer.get("code") or "").lower() == "unauthorized"


def _expired(reply: Reply) -> bool:
    """Whether the session has ended: status 403 with any body, or this code with any status (section 1.4)."""
    return reply.status == 403 or _unauthorized(reply.json_or_none())


def _message(reply: Reply) -> str:
    answer = reply.json_or_none()
    return str(answer.get("msg") or "") if isinstance(answer, dict) else ""


def _last_line(text: str) -> Optional[Object]:
    try:
        found = json.loads(text.strip().split("\n")[-1])
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
