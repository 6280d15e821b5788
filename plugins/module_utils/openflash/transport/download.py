# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file from a web server, with bounds. Proxies are those of the environment, as any download has them.

The complete download has one deadline: look-up of the name aside, no server can hold it up by sending little at a time.
Redirects are followed within http and https only, and never from https to http. Credentials of the URL are sent to the
server that it names, and not to another one that it redirects to.
"""

from __future__ import annotations

import base64
import http.client
import os
import socket
import ssl
import string
import urllib.error
import urllib.request
from typing import IO, Any, Callable, Optional, Tuple
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from ..errors import Conflict, FlashError, Invalid, NoSpace, NotFound, Timeout, Unauthorized, Unreachable
from ..units import format_size, redact_url, url_secrets
from .deadline import Deadline
from .journal import Journal

_CHUNK = 1024**2
_SCHEMES = ("http", "https")
_MOST_REDIRECTS = 10
_CERTIFICATE = "Check image_ca_path, and that the URL has the name that the server's certificate is for."


def download(
    url: str,
    target: IO[bytes],
    largest: int,
    ca_path: Optional[str] = None,
    seconds: float = 30.0,
    tell: Optional[Callable[[float], None]] = None,
    total: float = 6 * 3600.0,
) -> int:
    """Write what the URL gives to the file, and return its length in bytes.

    :param ca_path: a file or folder of certificates to trust; by default the system's.
    :param seconds: for a connection, and for each piece of an answer.
    :param tell: called with per cent, where the server tells the length.
    :param total: seconds for all of it, redirects included.
    :raises Timeout: it took longer than one of the two.
    :raises Conflict: it ends before the length that the server told, or before the last of its pieces, or is larger
        than ``largest``.
    """
    shown = redact_url(url)
    pace = _Pace(seconds, total)
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Http(pace),
        _Https(pace, _tls(ca_path)),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    try:
        with opener.open(_request(url), timeout=seconds) as answer:
            return _copy(answer, target, largest, shown, tell, pace)
    except urllib.error.HTTPError as error:
        kind: Any = {401: Unauthorized, 403: Unauthorized, 404: NotFound, 410: NotFound}.get(error.code, FlashError)
        error.close()
        raise kind("the server answers %d (%s) for %s" % (error.code, _masked(error.reason, url), shown)) from None
    except urllib.error.URLError as error:
        raise _unreachable(error.reason, url, pace) from None
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise _unreachable(error, url, pace) from None


def _unreachable(error: Any, url: str, pace: _Pace) -> FlashError:
    shown = redact_url(url)
    if isinstance(error, (socket.timeout, TimeoutError)):
        if pace.deadline.expired():
            return Timeout(
                "%s was not fetched within %g s" % (shown, pace.deadline.seconds),
                hint="Raise copy_timeout if it needs longer.",
            )
        return Timeout("%s did not answer within %g s" % (shown, pace.seconds))
    if isinstance(error, (http.client.InvalidURL, UnicodeError)):
        # What the error says is a part of the URL, which may be a secret.
        return Invalid("%s is not a URL that can be fetched" % shown, hint="Check its host and port.")
    hint = _CERTIFICATE if isinstance(error, ssl.SSLCertVerificationError) else None
    return Unreachable("%s cannot be fetched: %s" % (shown, _masked(error, url)), hint=hint)


def _masked(text: Any, url: str) -> str:
    """Text of others without what is secret in the URL and in those of the environment's proxies."""
    journal = Journal(url_secrets(url))
    for proxy in urllib.request.getproxies().values():
        for secret in url_secrets(proxy):
            journal.hide(secret)
    return journal.mask(str(text))


def _tls(ca_path: Optional[str]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_path is not None:
        if not os.path.exists(ca_path):
            raise Invalid("there is no image_ca_path %s on this host" % ca_path)
        is_folder = os.path.isdir(ca_path)
        context.load_verify_locations(capath=ca_path if is_folder else None, cafile=None if is_folder else ca_path)
    context.sslsocket_class = _PacedTls
    return context


def _request(url: str) -> urllib.request.Request:
    """The request for a URL, whose user and password become a header that a redirect does not take along."""
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    bare = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
    request = urllib.request.Request(bare)  # noqa: S310  http or https: download() refuses other schemes
    if at:
        credentials = base64.b64encode(unquote(userinfo).encode("utf-8")).decode("ascii")
        request.add_unredirected_header("Authorization", "Basic " + credentials)
    return request


def _copy(
    answer: Any, target: IO[bytes], largest: int, shown: str, tell: Optional[Callable[[float], None]], pace: _Pace
) -> int:
    told = answer.headers.get("Content-Length")
    length = int(told) if told and told.isdigit() else None
    if length is not None and length > largest:
        raise _too_large(shown, largest)
    done = 0
    while True:
        try:
            # Not read(), which waits for all that was asked for, however slowly it comes
            chunk = answer.read1(_CHUNK)
        except http.client.IncompleteRead:
            raise _cut_off(shown, done, length) from None
        if not chunk:
            break
        done += len(chunk)
        if done > largest:
            raise _too_large(shown, largest)
        try:
            target.write(chunk)
        except OSError as error:
            raise NoSpace("what is fetched cannot be written: %s" % error.strerror, hint="Set state_dir.") from None
        if tell is not None and length:
            tell(100.0 * done / length)
    if length is not None and done != length:
        raise _cut_off(shown, done, length)
    return done


def _cut_off(shown: str, done: int, length: Optional[int]) -> Conflict:
    told = "%d of %d bytes" % (done, length) if length is not None else "%d bytes, before the last of its pieces" % done
    return Conflict("%s ends after %s" % (shown, told), hint="Run it again.")


def _too_large(shown: str, largest: int) -> Conflict:
    return Conflict("%s has more than %s" % (shown, format_size(largest)), hint="If you trust it, raise max_size.")


# -- time --------------------------------------------------------------------------------------------------------------


class _Pace:
    """How long the next piece may take: ``seconds``, and no longer than the download has left."""

    def __init__(self, seconds: float, total: float) -> None:
        self.seconds = seconds
        self.deadline = Deadline(total)

    def next(self) -> float:
        left = self.deadline.remaining()
        if left <= 0.0:
            raise socket.timeout("the deadline is over")
        return min(self.seconds, left)


class _PacedSocket(socket.socket):
    """A socket that asks its pace before each piece."""

    pace: Optional[_Pace] = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        if self.pace is not None:
            self.settimeout(self.pace.next())
        return super().recv_into(*args, **kwargs)


class _PacedTls(ssl.SSLSocket):
    """The same above TLS."""

    pace: Optional[_Pace] = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        if self.pace is not None:
            self.settimeout(self.pace.next())
        return super().recv_into(*args, **kwargs)


def _connector(pace: _Pace) -> Callable[..., socket.socket]:
    def connect(address: Tuple[str, int], _timeout: Any = None, _source: Any = None) -> socket.socket:
        problem = OSError("the name has no address")
        for family, kind, protocol, _name, where in socket.getaddrinfo(address[0], address[1], 0, socket.SOCK_STREAM):
            made = _PacedSocket(family, kind, protocol)
            try:
                made.settimeout(pace.next())
                made.connect(where)
                # For the handshake of TLS, which is one piece
                made.settimeout(pace.next())
            except OSError as error:
                made.close()
                problem = error
                continue
            except BaseException:
                made.close()
                raise
            made.pace = pace
            return made
        raise problem

    return connect


def _paced(connection: Any, pace: _Pace) -> Any:
    connection._create_connection = _connector(pace)
    return connection


class _TlsConnection(http.client.HTTPSConnection):
    pace: Optional[_Pace] = None

    def connect(self) -> None:
        super().connect()
        if isinstance(self.sock, _PacedTls):
            self.sock.pace = self.pace


class _Http(urllib.request.HTTPHandler):
    def __init__(self, pace: _Pace) -> None:
        super().__init__()
        self._pace = pace

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._connection, req)

    def _connection(self, host: str, **options: Any) -> Any:
        return _paced(http.client.HTTPConnection(host, **options), self._pace)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, pace: _Pace, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._pace = pace
        self._tls = context

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._connection, req, context=self._tls)

    def _connection(self, host: str, **options: Any) -> Any:
        made: Any = _paced(_TlsConnection(host, **options), self._pace)
        made.pace = self._pace
        return made


# -- redirects ---------------------------------------------------------------------------------------------------------


class _Redirects(urllib.request.BaseHandler):
    """Instead of the standard library's, which follows to ftp, sends credentials on, and reads what comes with it."""

    def http_error_302(self, req: Any, fp: Any, _code: int, _msg: str, headers: Any) -> Any:
        fp.close()
        url = urljoin(
            req.full_url, quote(headers.get("location") or "", encoding="iso-8859-1", safe=string.punctuation)
        )
        old, parts = urlsplit(req.full_url), urlsplit(url)
        if parts.scheme not in _SCHEMES:
            raise urllib.error.URLError(
                "the server redirects to %s, and only http and https are followed" % parts.scheme
            )
        if (old.scheme, parts.scheme) == ("https", "http"):
            raise urllib.error.URLError("the server redirects from https to http")
        count = getattr(req, "redirects", 0) + 1
        if count > _MOST_REDIRECTS:
            raise urllib.error.URLError("the server redirects more than %d times" % _MOST_REDIRECTS)
        new: Any = _request(url)
        new.redirects = count
        if (old.scheme, old.netloc) == (parts.scheme, parts.netloc) and req.has_header("Authorization"):
            new.add_unredirected_header("Authorization", req.get_header("Authorization"))
        return self.parent.open(new, timeout=req.timeout)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302
