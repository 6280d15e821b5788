# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file from a web server, with limits on its size, on the time, and on where redirects may lead.

The complete download has one deadline: apart from the look-up of a name, no server can delay it by sending little at a
time. Proxies are those that the environment names, as for any download; nothing else of the environment has an effect.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
from typing import IO, Any, Callable, List, Optional, Tuple, Union
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from ..errors import (
    Conflict,
    FlashError,
    Invalid,
    MissingLibrary,
    NoSpace,
    NotFound,
    Timeout,
    Unauthorized,
    Unreachable,
)
from ..units import format_size, redact_url, url_secrets, whole_number
from . import interruption
from .deadline import Deadline
from .http_failures import chain_of
from .http_reading import Reading
from .journal import Journal

_CHUNK = 1024**2
_SCHEMES = ("http", "https")
_MOST_REDIRECTS = 10
_RETRIED = (429, 502, 503, 504)
_MOST_RETRIES = 2
_FIRST_PAUSE = 0.5

_STATUS_KINDS = {401: Unauthorized, 403: Unauthorized, 404: NotFound, 410: NotFound}
_MALFORMED = {"InvalidURL", "MissingSchema", "InvalidSchema", "LocationValueError", "UnicodeError"}
_OF_PROXY = {"ProxyError", "InvalidProxyURL", "ProxySchemeUnknown", "ProxySchemeUnsupported"}

Credentials = Optional[Tuple[bytes, bytes]]


def download(
    url: str,
    target: IO[bytes],
    largest: int,
    ca_path: Optional[str] = None,
    seconds: float = 30.0,
    on_progress: Optional[Callable[[float], None]] = None,
    total: float = 6 * 3600.0,
) -> int:
    """Write the file at the URL to ``target``, and return its length in bytes.

    :param ca_path: a file or folder of certificates to trust; by default the system's.
    :param seconds: for a connection, for each piece of an answer, and for a pause that a busy server asks for.
    :param on_progress: called with the percentage, where the server reports the length.
    :param total: seconds for the complete download, redirects included.
    :raises Timeout: it took longer than one of the two.
    :raises Conflict: it ends before the length that the server reported, or before its last chunk, or is larger than
        ``largest``.
    :raises MissingLibrary: this Python has no ``requests``.
    """
    try:
        import requests
        import urllib3.exceptions
    except ImportError as error:
        raise MissingLibrary("requests", "to fetch a file from a URL", str(error)) from None
    if ca_path is not None and not os.path.exists(ca_path):
        raise Invalid("there is no image_ca_path %s on this host" % ca_path)

    class Session(requests.Session):
        """It follows no redirect by itself: requests would read the complete body of one, however large."""

        def get_redirect_target(self, resp: Any) -> None:
            return None

        def location(self, answer: Any) -> Optional[str]:
            return super().get_redirect_target(answer)

    with Session() as session:
        fetched = _Download(session, url, ca_path, seconds, total)
        try:
            with fetched.open() as answer:
                return fetched.copy(answer, target, largest, on_progress)
        # requests.RequestException is an OSError
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            raise fetched.explain(error) from None


class _Download:
    def __init__(self, session: Any, url: str, ca_path: Optional[str], seconds: float, total: float) -> None:
        self._session = session
        self._url = url
        self._shown = redact_url(url)
        self._ca_path = ca_path
        self._seconds = seconds
        self._deadline = Deadline(total)
        self._secrets = Journal(url_secrets(url))
        session.trust_env = False
        session.verify = ca_path or _system_cas()
        # The file as it is: its checksum is that of the bytes, and a compressed answer could be of any size.
        session.headers["Accept-Encoding"] = "identity"
        reading = Reading()
        reading.begin(total, longest_silence=seconds)
        for scheme in _SCHEMES:
            session.mount(scheme + "://", reading.adapter({}, max_retries=_retries(self._deadline, seconds)))

    # -- the answer ----------------------------------------------------------------------------------------------------

    def open(self) -> Any:
        """The answer that has the file, with its body unread. Redirects are followed within http and https.

        User and password of a URL go to the server that the URL names; after a redirect to another one they are left
        out. The decision is that of ``requests``: same host, and same port or from http to https on their own ports.
        """
        url, credentials = _without_credentials(self._url)
        for _redirect in range(_MOST_REDIRECTS + 1):
            answer = self._session.get(
                url,
                auth=credentials,
                proxies=self._proxies(url),
                timeout=(min(self._seconds, max(0.001, self._deadline.remaining())), self._seconds),
                allow_redirects=False,
                stream=True,
            )
            location = self._session.location(answer)
            if location is None:
                return self._accepted(answer)
            answer.close()
            new_url, new_credentials = self._redirected(url, location)
            if new_credentials is None and not self._session.should_strip_auth(url, new_url):
                new_credentials = credentials
            url, credentials = new_url, new_credentials
        raise self._unreachable("the server redirects more than %d times" % _MOST_REDIRECTS)

    def _redirected(self, url: str, location: str) -> Tuple[str, Credentials]:
        target = urljoin(url, location)
        for secret in url_secrets(target):
            self._secrets.hide(secret)
        old, new = urlsplit(url).scheme, urlsplit(target).scheme
        if new not in _SCHEMES:
            raise self._unreachable("the server redirects to %s, and only http and https are followed" % new)
        if (old, new) == ("https", "http"):
            raise self._unreachable("the server redirects from https to http")
        return _without_credentials(target)

    def _proxies(self, url: str) -> Any:
        from requests.utils import get_environ_proxies

        proxies = {key: value for key, value in get_environ_proxies(url).items() if key in _SCHEMES}
        for proxy in proxies.values():
            for secret in url_secrets(proxy):
                self._secrets.hide(secret)
        return proxies

    def _accepted(self, answer: Any) -> Any:
        if 200 <= answer.status_code < 300:
            return answer
        answer.close()
        kind: Any = _STATUS_KINDS.get(answer.status_code, FlashError)
        reason = self._secrets.mask(str(answer.reason or ""))
        raise kind("the server answers %d (%s) for %s" % (answer.status_code, reason, self._shown))

    def copy(self, answer: Any, target: IO[bytes], largest: int, on_progress: Optional[Callable[[float], None]]) -> int:
        announced = answer.headers.get("Content-Length") or ""
        length = whole_number(announced)
        if length is not None and length > largest:
            raise self._too_large(largest)
        # The length is compared below, where it is known how much came.
        answer.raw.enforce_content_length = False
        done = 0
        while True:
            try:
                chunk = answer.raw.read(_CHUNK, decode_content=False)
            except Exception as error:
                if any(isinstance(item, http.client.IncompleteRead) for item in chain_of(error)):
                    raise self._cut_off(done, length) from None
                raise
            if not chunk:
                break
            done += len(chunk)
            if done > largest:
                raise self._too_large(largest)
            try:
                target.write(chunk)
            except OSError as error:
                raise NoSpace(
                    "%s cannot be written to this host: %s" % (self._shown, error.strerror), hint="Set state_dir."
                ) from None
            if on_progress is not None and length:
                on_progress(100.0 * done / length)
        if length is not None and done != length:
            raise self._cut_off(done, length)
        return done

    # -- errors --------------------------------------------------------------------------------------------------------

    def explain(self, error: BaseException) -> FlashError:
        """What went wrong. Texts of libraries name the URL with its secrets, so none is passed on unmasked."""
        chain = list(chain_of(error))
        kinds = {kind.__name__ for item in chain for kind in type(item).__mro__}
        timed_out = "ReadTimeoutError" in kinds or (
            "ConnectTimeoutError" in kinds and "NewConnectionError" not in kinds
        )
        if timed_out or any(isinstance(item, socket.timeout) for item in chain):
            if self._deadline.expired():
                return Timeout(
                    "%s was not fetched within %g s" % (self._shown, self._deadline.seconds),
                    hint="Raise copy_timeout if it needs longer.",
                )
            return Timeout("%s did not answer within %g s" % (self._shown, self._seconds))
        if kinds & _OF_PROXY:
            return self._unreachable(
                "the proxy that the environment names does not connect (%s)" % self._reason(chain),
                "Check the variables http_proxy, https_proxy and no_proxy of the environment.",
            )
        for item in chain:
            if isinstance(item, ssl.SSLCertVerificationError) or type(item).__name__ == "CertificateError":
                return self._unreachable(
                    "its certificate is refused (%s)"
                    % self._secrets.mask(getattr(item, "verify_message", "") or str(item)),
                    "Check image_ca_path, and that the URL has the name that the server's certificate is for.",
                )
            if isinstance(item, ssl.SSLError) and ("NO_CERTIFICATE" in str(item.reason) or "PEM" in str(item.reason)):
                return Invalid("image_ca_path %s holds no certificate" % self._ca_path)
        if kinds & _MALFORMED or type(error).__name__ == "ValueError":
            # The text of the error is a part of the URL, which may be a secret.
            return Invalid("%s is not a URL that can be fetched" % self._shown, hint="Check its host and port.")
        return self._unreachable(self._reason(chain))

    def _reason(self, chain: List[BaseException]) -> str:
        """The text of the innermost error: those around it repeat it, with the URL."""
        for item in reversed(chain):
            text = str(item.strerror or "") if isinstance(item, OSError) and item.errno else str(item)
            if text:
                return self._secrets.mask(text)
        return type(chain[0]).__name__

    def _unreachable(self, reason: str, hint: Optional[str] = None) -> Unreachable:
        return Unreachable("%s cannot be fetched: %s" % (self._shown, reason), hint=hint)

    def _cut_off(self, done: int, length: Optional[int]) -> Conflict:
        where = "%d of %d bytes" % (done, length) if length is not None else "%d bytes, before its last chunk" % done
        return Conflict("%s ends after %s" % (self._shown, where), hint="Run the task again.")

    def _too_large(self, largest: int) -> Conflict:
        return Conflict(
            "%s has more than %s" % (self._shown, format_size(largest)), hint="If you trust it, raise max_size."
        )


def _without_credentials(url: str) -> Tuple[str, Credentials]:
    """The URL without user, password and fragment, and the first two, decoded."""
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    user, _colon, password = userinfo.partition(":")
    credentials = (unquote(user).encode("utf-8"), unquote(password).encode("utf-8")) if at else None
    return urlunsplit((parts.scheme, host, parts.path, parts.query, "")), credentials


def _system_cas() -> Union[str, bool]:
    """Where this system has the certificates that it trusts; True, those that come with requests, where it has none."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or True


def _retries(deadline: Deadline, longest_pause: float) -> Any:
    """How often the answer of a server that is busy is asked for again: a GET changes nothing."""
    from urllib3.exceptions import InvalidHeader, MaxRetryError
    from urllib3.util.retry import Retry

    class Retries(Retry):
        """Pauses that end at the deadline, and when a signal asks the process to end."""

        def get_retry_after(self, response: Any) -> Optional[float]:
            try:
                return super().get_retry_after(response)
            except InvalidHeader:
                return None

        def increment(self, *args: Any, **kwargs: Any) -> Any:
            response = kwargs.get("response")
            pause = self.get_retry_after(response) if response is not None else None
            if pause is not None and pause > min(longest_pause, deadline.remaining()):
                # Then the answer is returned as it is, since raise_on_status is false.
                raise MaxRetryError(None, "", None)  # type: ignore[arg-type] # nobody sees it
            return super().increment(*args, **kwargs)

        def sleep(self, response: Any = None) -> None:
            asked_for = self.get_retry_after(response) if response is not None else None
            pause = asked_for if asked_for is not None else self.get_backoff_time()
            interruption.sleep(min(pause, deadline.remaining()))

    # connect, read: a failure of the connection is reported at once
    return Retries(
        total=_MOST_RETRIES,
        connect=0,
        read=False,
        redirect=0,
        status=_MOST_RETRIES,
        status_forcelist=_RETRIED,
        backoff_factor=_FIRST_PAUSE,
        raise_on_status=False,
    )
