# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP and HTTPS to an array's management address: one kept connection per task, and an error for each kind of failure.

What is sent depends on the task alone: no proxy, CA bundle or netrc of the environment, and no redirect, changes it.
"""

from __future__ import annotations

import json as jsonlib
import os
import random
import re
import threading
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union
from urllib.parse import urlencode

from ..errors import BadReply, FlashError, Interrupted, Invalid, MissingLibrary, Unauthorized, Unreachable
from ..units import format_endpoint, parse_endpoint
from . import interruption
from .confirm import ATTEMPTS, AnswerUnreadable
from .deadline import Deadline
from .http_failures import LONGEST_CONNECT, Lost, NotSent, Request, explain, host_of, wants_password
from .http_reading import Reading
from .http_reply import Reply, read_body, retry_after
from .journal import SHORTEST, Journal
from .proxy import parse_proxy

LONGEST_LOGOUT = 5.0
_FIRST_PAUSE = 0.3

_SAFE = ("GET", "HEAD")
_GATEWAY = (502, 503, 504)
Query = Union[Mapping[str, Any], Sequence[Tuple[str, Any]]]


class HttpTransport:
    """Requests to one array.

    Three hooks make it speak a vendor's dialect; set them after construction:

    - ``busy(reply)``: the array reports that it did nothing because it is busy. Any request is then repeated, with
      pauses, for at most ``busy_for`` seconds; the last answer is returned.
    - ``expired(reply)``: the array reports that it did nothing because the session has ended.
    - ``reauthenticate()``: log in again; called once per expired session, however many threads notice, and the request
      is repeated once. Its own requests pass ``session=True``.

    :param addresses: host names or IP addresses, each optionally with ``:port``, in order of preference. The next one
        is tried only when no connection can be made.
    :param auth: name and password for HTTP Basic authentication, sent with every request.
    :param verify: False, True (the CAs that ``requests`` trusts) or the path of a CA file or directory.
    :param tls_server_name: the name to ask for and to find in the certificate, instead of the address.
    :param timeout: seconds for one request, from its connection to the last byte of its answer.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        port: int,
        scheme: str = "https",
        auth: Optional[Tuple[str, str]] = None,
        verify: Union[bool, str] = True,
        tls_server_name: Optional[str] = None,
        proxy: Optional[str] = None,
        timeout: float = 30.0,
        busy_for: float = 600.0,
        max_concurrency: int = 4,
        journal: Optional[Journal] = None,
        sleep: Callable[[float], None] = interruption.sleep,
    ) -> None:
        if not addresses:
            raise Invalid("no address of the array is given", hint="Set address.")
        self.journal = journal if journal is not None else Journal()
        self.headers: Dict[str, str] = {"Accept": "application/json", "Accept-Encoding": "identity"}
        self.timeout = timeout
        self.busy_for = busy_for
        self.busy: Callable[[Reply], bool] = lambda reply: False
        self.expired: Callable[[Reply], bool] = lambda reply: False
        self.reauthenticate: Optional[Callable[[], None]] = None
        self._bases = tuple(
            "%s://%s" % (scheme, format_endpoint(*parse_endpoint(address, port))) for address in addresses
        )
        self._at = 0
        self._connected = False
        self._verify = verify
        self._tls_server_name = tls_server_name
        self._proxy = parse_proxy(proxy) if proxy else None
        self._threads = max(1, max_concurrency)
        self._auth = auth
        self._sleep = sleep
        self._lock = threading.RLock()
        self._login_lock = threading.RLock()
        self._logins = 0
        self._session: Any = None
        self._reading = Reading()
        self._attempts = ATTEMPTS
        if auth is not None:
            self.journal.hide(auth[1])
            self.journal.hide("%s:%s" % auth)
        if self._proxy and self._proxy.password and len(self._proxy.password) >= SHORTEST:
            self.journal.hide(self._proxy.password)
        if isinstance(verify, str) and not os.path.exists(verify):
            raise Invalid("ca_path %s does not exist" % verify)

    @classmethod
    def from_connection(
        cls, connection: Any, port: int, scheme: str = "https", basic: bool = False, **more: Any
    ) -> HttpTransport:
        """For a model.Connection. ``port`` is that of the vendor, for a task that gives none."""
        auth = (connection.username or "", connection.password or "") if basic else None
        return cls(
            connection.address,
            connection.port or port,
            scheme=scheme,
            auth=auth,
            verify=(connection.ca_path or True) if connection.validate_certs else False,
            tls_server_name=connection.tls_server_name,
            proxy=connection.proxy,
            timeout=connection.timeout,
            busy_for=connection.wait_timeout,
            max_concurrency=connection.max_concurrency,
            **more,
        )

    # -- the session ---------------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """Host and port in use, for messages."""
        return self._bases[self._at].split("://", 1)[1]

    def set_header(self, name: str, value: Optional[str], secret: bool = False) -> None:
        """Send this header from now on, or no longer (None). A secret value never shows up in journal or errors."""
        if secret:
            self.journal.hide(value)
        with self._lock:
            headers = {key: old for key, old in self.headers.items() if key.lower() != name.lower()}
            if value is not None:
                headers[name] = value
            self.headers = headers

    def forget_cookies(self) -> None:
        self._open().cookies.clear()

    def mask(self, text: str) -> str:
        return self.journal.mask(text)

    def close(self) -> None:
        """Close every connection. Never raises; a later request opens a new one."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    def __repr__(self) -> str:
        return "<HttpTransport %s>" % self._bases[self._at]

    def _open(self) -> Any:
        with self._lock:
            if self._session is None:
                self._session = self._new_session()
            return self._session

    def _new_session(self) -> Any:
        try:
            import requests
            import urllib3
        except ImportError as error:
            raise MissingLibrary("requests", "to talk to this array over HTTP", str(error)) from None

        pool: Dict[str, Any] = {}
        if self._tls_server_name:
            pool["server_hostname"] = self._tls_server_name
            if self._verify:
                pool["assert_hostname"] = self._tls_server_name

        class Session(requests.Session):
            """It looks for no redirect: requests would read the complete body of one, however large."""

            def get_redirect_target(self, resp: Any) -> None:
                return None

        session = Session()
        session.trust_env = False
        session.verify = self._verify
        session.headers.clear()
        if self._auth is not None:
            auth: Any = (self._auth[0].encode("utf-8"), self._auth[1].encode("utf-8"))
            session.auth = auth
        if self._proxy:
            session.proxies = {"http": self._proxy.url, "https": self._proxy.url}
        for prefix in ("https://", "http://"):
            adapter = self._reading.adapter(pool, pool_connections=2, pool_maxsize=self._threads, pool_block=True)
            session.mount(prefix, adapter)
        if not self._verify:
            # The task asked for it, so a warning at every connection is of no use.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        return session

    # -- requests ------------------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        query: Query = (),
        json: Any = None,
        data: Optional[bytes] = None,
        headers: Optional[Mapping[str, str]] = None,
        write: Optional[bool] = None,
        session: bool = False,
        idempotent: Optional[bool] = None,
        timeout: Optional[float] = None,
        repeat_after_login: bool = True,
    ) -> Reply:
        """Send one request and return its answer, whatever its status other than 401 and redirects.

        :param json: sent as the body when not None, with any method, GET included.
        :param write: whether it may change the array; by default everything but GET and HEAD.
        :param session: a login, logout or discovery: counted apart, never followed by another login.
        :param idempotent: whether sending it twice does the same as once; by default GET and HEAD only.
        :param repeat_after_login: where the session has ended, log in again and send the request once more; else the
            answer that says so is returned.
        :raises AnswerLost: not idempotent, sent, and no answer: read the state and decide.
        :raises Unreachable, Timeout, BadReply: nothing was done, or the request was idempotent and repeated in vain.
        :raises Unauthorized: 401, also after logging in again where that is possible.
        """
        body = data if json is None else jsonlib.dumps(json).encode("utf-8")
        extra = dict(headers or {})
        if json is not None:
            extra.setdefault("Content-Type", "application/json")
        wire = Request(
            method=method.upper(),
            target=path + ("?" + urlencode(_pairs(query)) if query else ""),
            headers=extra,
            body=body,
            shown=json if json is not None else data,
            write=method.upper() not in _SAFE if write is None else write,
            session=session,
            idempotent=method.upper() in _SAFE if idempotent is None else idempotent,
            timeout=timeout or self.timeout,
        )
        busy_until = Deadline(self.busy_for, first=0.25, longest=10.0, sleep=self._sleep)
        logged_in_again = False
        while True:
            logins = self._logins
            reply = self._sent(wire)
            if self.busy(reply) and busy_until.pause():
                continue
            if (
                repeat_after_login
                and not session
                and not logged_in_again
                and self.reauthenticate is not None
                and self.expired(reply)
            ):
                logged_in_again = True
                self._log_in_again(logins)
                continue
            return self._accepted(reply)

    def log_out(self, send: Callable[[], Any]) -> None:
        """End the session with one request, without waiting for a busy array and without logging in again for it.

        An error is dropped: a session that is not ended expires on the array.
        """
        self.busy_for = 0.0
        self.reauthenticate = None
        self.timeout = min(self.timeout, LONGEST_LOGOUT)
        self._attempts = 1
        try:
            send()
        except FlashError:
            pass

    def _log_in_again(self, logins: int) -> None:
        with self._login_lock:
            # Another thread may have done it while this one waited.
            if self._logins == logins and self.reauthenticate is not None:
                self.reauthenticate()
                self._logins += 1

    def _accepted(self, reply: Reply) -> Reply:
        if reply.status == 401:
            raise Unauthorized(
                "the array did not accept the user name and password",
                array=self.address,
                code="401",
                said=self._said(reply),
                hint="Check username and password, and that the account is not locked.",
            )
        if reply.status == 407 and self._proxy:
            reason, hint = wants_password(self._proxy)
            raise Unreachable(reason, array=self.address, hint=hint)
        if 300 <= reply.status < 400:
            raise BadReply(
                "%s was answered with a redirect (HTTP status %d), which is never followed"
                % (reply.request, reply.status),
                array=self.address,
                hint="Check that the address and port are those of the array's management service.",
            )
        return reply

    def _said(self, reply: Reply, longest: int = 200) -> Optional[str]:
        """The answer's own words, when they are short plain text or carry a message; HTML pages say nothing."""
        value = reply.json_or_none()
        if isinstance(value, dict):
            text = str(value.get("message") or value.get("msg") or value.get("error") or "")
        else:
            text = reply.text if "html" not in reply.headers.get("content-type", "") else ""
        text = re.sub(r"\s+", " ", self.mask(text)).strip()
        return text[:longest] or None

    def _sent(self, wire: Request) -> Reply:
        """The answer to a request that is sent again as long as that does no harm and may help.

        This is not left to urllib3.Retry, which repeats within one call: it does not know the other addresses of the
        array, decides by the status before the answer is read (whether an array is busy is in its text), gives all
        attempts one deadline, cannot be interrupted in its pauses, and shows the journal one request instead of three.
        Of it there is the reading of Retry-After. A pause that is longer than the request may take is not made.
        """
        for attempt in range(1, self._attempts + 1):
            last = attempt == self._attempts
            pause = _FIRST_PAUSE * 3 ** (attempt - 1) * random.uniform(0.5, 1.0)
            known = self._connected
            try:
                reply = self._over_any_address(wire)
            except NotSent as trouble:
                # A first connection that fails is most likely a wrong address: say so at once.
                if last or not known or not trouble.passing:
                    raise trouble.error from None
            except Lost as trouble:
                if not wire.idempotent:
                    raise trouble.lost.with_timeout(wire.timeout) from None
                if last:
                    raise trouble.error from None
            else:
                if reply.status not in _GATEWAY or self.busy(reply):
                    return reply
                if not wire.idempotent:
                    raise AnswerUnreadable(
                        "%s was answered by HTTP status %d" % (reply.request, reply.status),
                        array=self.address,
                        code=str(reply.status),
                        said=self._said(reply),
                    ).with_timeout(wire.timeout)
                asked_for = retry_after(reply.headers)
                if last or asked_for > wire.timeout:
                    return reply
                pause = max(pause, asked_for)
            self._sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _over_any_address(self, wire: Request) -> Reply:
        refusals: List[FlashError] = []
        passing = False
        start = self._at
        for step in range(len(self._bases)):
            at = (start + step) % len(self._bases)
            try:
                reply = self._once(wire, self._bases[at])
            except NotSent as trouble:
                refusals.append(trouble.error)
                passing = passing or trouble.passing
                if not trouble.elsewhere:
                    break
            else:
                self._at = at
                self._connected = True
                return reply
        if len(refusals) == 1:
            raise NotSent(refusals[0], passing=passing)
        error = Unreachable(
            "no address answers: " + "; ".join("%s: %s" % (error.array, error.reason) for error in refusals),
            hint=refusals[-1].hint,
        )
        raise NotSent(error, passing=passing)

    def _once(self, wire: Request, base: str) -> Reply:
        """Send it once to one address. Raises NotSent or Lost, nothing else; every attempt is in the journal."""
        interruption.check()
        session = self._open()
        started = time.monotonic()
        outcome, sent = "", True
        self._reading.begin(wire.timeout)
        try:
            response = session.request(
                wire.method,
                base + wire.target,
                data=wire.body,
                headers=dict(self.headers, **wire.headers),
                timeout=(min(wire.timeout, LONGEST_CONNECT), wire.timeout),
                allow_redirects=False,
                stream=True,
            )
            try:
                outcome = str(response.status_code)
                body = read_body(response, wire.method)
            finally:
                response.close()
        except FlashError as error:
            outcome = "%s, %s" % (outcome, error.reason)
            raise Lost(error.fill(array=host_of(base)), AnswerUnreadable(error.reason, array=host_of(base))) from None
        except Interrupted:
            outcome = "interrupted"
            raise
        except Exception as error:  # noqa: BLE001  what requests and urllib3 raise has no common base, and differs by version
            trouble = explain(error, wire, base, self.mask, self._proxy, self._tls_server_name, self._verify)
            outcome, sent = trouble.error.reason, not isinstance(trouble, NotSent)
            raise trouble from None
        finally:
            self.journal.append(
                wire.method,
                wire.target,
                wire.shown,
                outcome,
                write=wire.write,
                session=wire.session,
                seconds=time.monotonic() - started,
                sent=sent,
            )
        headers = {key.lower(): value for key, value in response.headers.items()}
        return Reply(response.status_code, headers, body, "%s %s" % (wire.method, self.mask(wire.target.split("?")[0])))


def _pairs(query: Query) -> List[Tuple[str, str]]:
    pairs = query.items() if isinstance(query, Mapping) else query
    return [(str(key), str(value)) for key, value in pairs]
