# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One request and one reply per TCP connection, through any of several controllers.

The reply ends where the connection ends: the protocol marks no end, and sets no limit on size or time. The limits are
here.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Any, List, Optional, Sequence, Tuple

from ..errors import BadReply, FlashError, Interrupted, Invalid, Timeout, Unreachable
from ..units import format_endpoint, parse_endpoint
from . import interruption
from .confirm import AnswerLost, AnswerTimeout, AnswerUnreadable, ConnectionLost
from .journal import Journal

LARGEST_REPLY = 1024**2
LONGEST_CONNECT = 15.0
ROUNDS = 2


class _NotSent(Exception):
    """There was no connection, so nothing of the request was sent."""

    def __init__(self, error: FlashError) -> None:
        super().__init__(error.reason)
        self.error = error


class _Lost(Exception):
    """The request was sent, at least in part, and no complete answer came."""

    def __init__(self, error: FlashError, lost: AnswerLost) -> None:
        super().__init__(error.reason)
        self.error = error
        self.lost = lost


class TcpTransport:
    """Requests to one array through its controllers.

    :param addresses: host names or IP addresses, each optionally with ``:port``, in order of preference. One that
        accepts no connection is tried last from then on.
    :param timeout: seconds for a connection, and again for the complete reply.
    """

    def __init__(
        self, addresses: Sequence[str], port: int, timeout: float = 30.0, journal: Optional[Journal] = None
    ) -> None:
        if not addresses:
            raise Invalid("no address of the array is given", hint="Set address.")
        self.journal = journal if journal is not None else Journal()
        self.timeout = timeout
        self._controllers = [parse_endpoint(address, port) for address in addresses]
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """Host and port of the controller that is tried first, for messages."""
        return format_endpoint(*self._controllers[0])

    def request(
        self, data: bytes, verb: str, target: str, body: Any = None, write: bool = True, session: bool = False
    ) -> bytes:
        """Send the request and return the complete reply. A read is sent again when no complete answer comes.

        :param verb, target, body: how the journal shows it.
        :raises AnswerLost: a write was sent, and no complete answer came: read the state and decide.
        :raises Unreachable, Timeout, BadReply: nothing was sent, or a read failed at every controller.
        """
        failures: List[FlashError] = []
        for _round in range(1 if write else ROUNDS):
            for controller in list(self._controllers):
                try:
                    return self._once(controller, data, (verb, target, body, write, session))
                except _NotSent as failure:
                    failures.append(failure.error)
                    self._put_last(controller)
                except _Lost as failure:
                    if write:
                        raise failure.lost.with_timeout(self.timeout) from None
                    failures.append(failure.error)
        distinct = list({(error.array, error.reason): error for error in failures}.values())
        if len(distinct) == 1:
            raise distinct[0]
        raise Unreachable(
            "no controller answers: " + "; ".join("%s: %s" % (error.array, error.reason) for error in distinct),
            hint=distinct[-1].hint,
        )

    def _put_last(self, controller: Tuple[str, int]) -> None:
        with self._lock:
            # A new list, so that no other thread reads one from which the controller is missing.
            self._controllers = [other for other in self._controllers if other != controller] + [controller]

    def _once(self, controller: Tuple[str, int], data: bytes, about: Tuple[str, str, Any, bool, bool]) -> bytes:
        interruption.check()
        started = time.monotonic()
        verb, target, body, write, session = about
        outcome, sent = "answered", False
        try:
            link = self._connect(controller)
            sent = True
            with link:
                return self._exchange(link, controller, data, verb)
        except (_NotSent, _Lost) as failure:
            outcome = failure.error.reason
            raise
        except Interrupted:
            outcome = "interrupted"
            raise
        finally:
            self.journal.append(
                verb,
                target,
                body,
                outcome,
                write=write,
                session=session,
                seconds=time.monotonic() - started,
                sent=sent,
            )

    def _connect(self, controller: Tuple[str, int]) -> socket.socket:
        endpoint = format_endpoint(*controller)
        try:
            return socket.create_connection(controller, min(self.timeout, LONGEST_CONNECT))
        except socket.gaierror:
            error: FlashError = Unreachable(
                "the name %s does not resolve" % controller[0],
                array=endpoint,
                hint="Check address and the DNS of this host.",
            )
        except socket.timeout:
            error = Timeout(
                "no connection within %g s" % min(self.timeout, LONGEST_CONNECT),
                array=endpoint,
                hint="Check address, port, and the firewalls between.",
            )
        except ConnectionRefusedError:
            error = Unreachable(
                "connection refused",
                array=endpoint,
                hint="Check port, and that the array's control process runs.",
            )
        except OSError as problem:
            error = Unreachable(
                "no connection (%s)" % (problem.strerror or "network error"),
                array=endpoint,
                hint="Check address and routes.",
            )
        raise _NotSent(error)

    def _exchange(self, link: socket.socket, controller: Tuple[str, int], data: bytes, verb: str) -> bytes:
        endpoint = format_endpoint(*controller)
        until = time.monotonic() + self.timeout
        pieces: List[bytes] = []
        size = 0
        try:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.settimeout(self.timeout)
            link.sendall(data)
            while True:
                remaining = until - time.monotonic()
                if remaining <= 0:
                    raise socket.timeout
                link.settimeout(min(remaining, interruption.STEP))
                try:
                    piece = link.recv(65536)
                except socket.timeout:
                    interruption.check()
                    continue
                if not piece:
                    break
                pieces.append(piece)
                size += len(piece)
                if size > LARGEST_REPLY:
                    reason = "the answer to %s is larger than %d KiB" % (verb, LARGEST_REPLY // 1024)
                    raise _Lost(BadReply(reason, array=endpoint), AnswerUnreadable(reason, array=endpoint))
        except socket.timeout:
            reason, hint = "no complete answer to %s within %g s" % (verb, self.timeout), "Raise timeout."
            raise _Lost(
                Timeout(reason, array=endpoint, hint=hint), AnswerTimeout(reason, array=endpoint, hint=hint)
            ) from None
        except OSError as problem:
            reason = "the connection broke before %s was answered (%s)" % (verb, problem.strerror or "network error")
            raise _Lost(Unreachable(reason, array=endpoint), ConnectionLost(reason, array=endpoint)) from None
        if not size:
            reason = "the connection was closed without an answer to %s" % verb
            raise _Lost(BadReply(reason, array=endpoint), AnswerUnreadable(reason, array=endpoint))
        return b"".join(pieces)
