# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why an HTTP request failed, and whether the array may have carried it out."""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass
from typing import Any, Callable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple, Union

from ..errors import BadReply, FlashError, Invalid, Timeout, Unreachable
from ..units import parse_endpoint
from .certificates import explain_certificate
from .confirm import AnswerLost, AnswerTimeout, AnswerUnreadable, ConnectionLost
from .proxy import Proxy

LONGEST_CONNECT = 15.0

_TUNNEL_REFUSED = re.compile(r"Tunnel connection failed: ([0-9]{3})")


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    headers: Mapping[str, str]
    body: Optional[bytes]
    shown: Any
    write: bool
    session: bool
    idempotent: bool
    timeout: float


class NotSent(Exception):
    """No byte of the request left this host."""

    def __init__(self, error: FlashError, passing: bool = False, elsewhere: bool = True) -> None:
        super().__init__(error.reason)
        self.error = error
        self.passing = passing
        """Whether the cause may be temporary."""
        self.elsewhere = elsewhere
        """Whether another address of the array may work."""


class Lost(Exception):
    """The request was, or may have been, sent."""

    def __init__(self, error: FlashError, lost: AnswerLost) -> None:
        super().__init__(error.reason)
        self.error = error
        self.lost = lost


def host_of(base: str) -> str:
    return base.split("://", 1)[1]


def chain_of(error: Optional[BaseException]) -> Iterator[BaseException]:
    """The exception and everything it wraps; not what was being handled when the request began."""
    todo: List[Any] = [error]
    seen: List[int] = []
    while todo:
        item = todo.pop(0)
        if not isinstance(item, BaseException) or isinstance(item, (FlashError, NotSent, Lost)) or id(item) in seen:
            continue
        seen.append(id(item))
        yield item
        todo += [getattr(item, "reason", None), item.__cause__, item.__context__]
        todo += list(item.args)


def wants_password(proxy: Proxy) -> Tuple[str, str]:
    """(reason, hint) for the status 407 of a proxy."""
    if proxy.password:
        return (
            "the proxy %s did not accept its user name and password" % proxy.shown,
            "Check the user name and password in proxy; characters such as @ : / and % must be encoded in them.",
        )
    return (
        "the proxy %s asks for a user name and password" % proxy.shown,
        "Set proxy to http://USER:PASSWORD@%s." % proxy.shown,
    )


def _of_proxy(proxy: Proxy, host: str, chain: Sequence[BaseException], kinds: Set[str]) -> Tuple[str, str]:
    """(reason, hint) for a connection that a proxy prevents."""
    refused = next(filter(None, (_TUNNEL_REFUSED.search(str(item)) for item in chain)), None)
    if refused is not None and refused.group(1) == "407":
        return wants_password(proxy)
    if refused is not None:
        return (
            "the proxy %s refuses a connection to %s (HTTP status %s)" % (proxy.shown, host, refused.group(1)),
            "Check proxy, and that the proxy may reach the array on this port.",
        )
    if kinds & {"NewConnectionError", "ConnectTimeoutError", "NameResolutionError"}:
        return "the proxy %s cannot be reached" % proxy.shown, "Check the host and port in proxy."
    return (
        "the proxy %s does not let the connection through" % proxy.shown,
        "Check proxy, and that the proxy may reach the array.",
    )


def explain(
    error: BaseException,
    wire: Request,
    base: str,
    mask: Callable[[str], str],
    proxy: Optional[Proxy],
    tls_server_name: Optional[str],
    verify: Union[bool, str],
) -> Union[NotSent, Lost]:
    """The cause of an error of requests, and whether the request may have been carried out."""
    chain = list(chain_of(error))
    kinds = {kind.__name__ for item in chain for kind in type(item).__mro__}
    host = host_of(base)
    name = tls_server_name or parse_endpoint(host, 443)[0]

    def not_sent(reason: str, hint: Optional[str] = None, passing: bool = False, elsewhere: bool = True) -> NotSent:
        return NotSent(Unreachable(reason, array=host, hint=hint), passing, elsewhere)

    if "ProxyError" in kinds and proxy:
        return not_sent(*_of_proxy(proxy, host, chain, kinds), elsewhere=False)
    for item in chain:
        if isinstance(item, ssl.SSLCertVerificationError) or type(item).__name__ == "CertificateError":
            where, port = parse_endpoint(host, 443)
            return not_sent(*explain_certificate(item, where, port, name, verify, proxy is None), elsewhere=False)
        if isinstance(item, ssl.SSLError):
            reason = str(item.reason or "")
            if reason in ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
                return not_sent("it does not speak TLS on this port", "Check the port.", elsewhere=False)
            if "NO_CERTIFICATE" in reason or "PEM" in reason:
                return NotSent(Invalid("ca_path %s holds no certificate" % verify), elsewhere=False)
            if "HANDSHAKE" in reason or "UNSUPPORTED_PROTOCOL" in reason or "PROTOCOL_VERSION" in reason:
                return not_sent(
                    "it and this host have no TLS version or cipher in common (%s)" % reason, elsewhere=False
                )
    if isinstance(error, OSError) and "RequestException" not in kinds and isinstance(verify, str):
        # requests itself looks at the CA file or directory before it connects.
        return NotSent(Invalid("ca_path %s cannot be used" % verify), elsewhere=False)
    if "gaierror" in kinds or "NameResolutionError" in kinds:
        return not_sent(
            "the name %s does not resolve" % parse_endpoint(host, 443)[0], "Check address and the DNS of this host."
        )
    if "ConnectTimeout" in kinds or "ConnectTimeoutError" in kinds and "NewConnectionError" not in kinds:
        reason = "no connection within %g s" % min(wire.timeout, LONGEST_CONNECT)
        return NotSent(
            Timeout(reason, array=host, hint="Check address, port, and the firewalls between."), passing=True
        )
    if "NewConnectionError" in kinds:
        if any(isinstance(item, ConnectionRefusedError) for item in chain) or "refused" in str(error):
            return not_sent(
                "connection refused", "Check port, and that the array's management service runs.", passing=True
            )
        errnos = [str(item.strerror) for item in chain if isinstance(item, OSError) and item.strerror]
        return not_sent(
            "no connection (%s)" % (errnos[0] if errnos else "network error"), "Check address and routes.", passing=True
        )
    if any(type(item).__name__ == "InvalidHeader" and type(item).__module__.startswith("urllib3") for item in chain):
        # Of the answer: requests checks those of a request itself.
        reason = "the answer to %s %s has a header that is malformed" % (wire.method, mask(wire.target.split("?")[0]))
        return Lost(BadReply(reason, array=host), AnswerUnreadable(reason, array=host))
    if kinds & {"InvalidURL", "LocationParseError", "LocationValueError", "InvalidProxyURL", "InvalidHeader"}:
        return NotSent(Invalid("the address, proxy or a header is malformed", array=host), elsewhere=False)

    what = "%s %s" % (wire.method, mask(wire.target.split("?")[0]))
    if kinds & {"ReadTimeout", "ReadTimeoutError"} or any(isinstance(item, socket.timeout) for item in chain):
        reason, hint = "no answer to %s within %g s" % (what, wire.timeout), "Raise timeout if the array is that slow."
        return Lost(Timeout(reason, array=host, hint=hint), AnswerTimeout(reason, array=host, hint=hint))
    if kinds & {"IncompleteRead", "InvalidChunkLength", "DecodeError", "ContentDecodingError"}:
        reason = "the answer to %s was cut off" % what
        return Lost(BadReply(reason, array=host), AnswerUnreadable(reason, array=host))
    if "BadStatusLine" in kinds and "RemoteDisconnected" not in kinds:
        reason = "the answer to %s is not HTTP" % what
        return Lost(BadReply(reason, array=host), AnswerUnreadable(reason, array=host))
    reset = any(isinstance(item, ConnectionError) for item in chain)
    reason = "the connection %s before %s was answered" % ("was reset" if reset else "ended", what)
    return Lost(Unreachable(reason, array=host), ConnectionLost(reason, array=host))
