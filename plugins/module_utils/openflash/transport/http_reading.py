# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One deadline for an HTTP answer, from its first byte to its last.

The time-outs of ``requests`` count from one piece of an answer to the next, so a server that sends a byte now and then
holds its client for ever. Here every read from the socket waits only as long as is left of the complete request, be it
a header, a body or the answer of a proxy to CONNECT.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from typing import Any, Dict, Optional

from . import interruption


class Reading(threading.local):
    """The deadline of the request that this thread has under way."""

    until: Optional[float] = None

    def begin(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds

    def remaining(self) -> Optional[float]:
        """Seconds, never below 0; None when there is no request."""
        return None if self.until is None else max(0.0, self.until - time.monotonic())

    def pools(self, connectionpool: Any) -> Dict[str, Any]:
        """Classes of urllib3's connection pools, by scheme, whose connections read under this deadline."""
        reading = self

        class Response(http.client.HTTPResponse):
            def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
                super().__init__(_Bounded(sock, reading), *args, **kwargs)  # type: ignore[arg-type] # what it uses of one

        class HttpConnection(connectionpool.HTTPConnectionPool.ConnectionCls):  # type: ignore[misc] # no static type
            response_class = Response

        class HttpsConnection(connectionpool.HTTPSConnectionPool.ConnectionCls):  # type: ignore[misc]
            response_class = Response

        class HttpPool(connectionpool.HTTPConnectionPool):  # type: ignore[misc]
            ConnectionCls = HttpConnection

        class HttpsPool(connectionpool.HTTPSConnectionPool):  # type: ignore[misc]
            ConnectionCls = HttpsConnection

        return {"http": HttpPool, "https": HttpsPool}


class _Bounded:
    """What http.client uses of a socket that it reads an answer from."""

    def __init__(self, sock: Any, reading: Reading) -> None:
        self._sock = sock
        self._reading = reading

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Raw(self._sock, self._reading))


class _Raw(io.RawIOBase):
    def __init__(self, sock: Any, reading: Reading) -> None:
        self._sock = sock
        self._reading = reading
        # Nothing is read from it: it keeps the socket open until the answer has been read.
        self._file = sock.makefile("rb", 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """socket.timeout at the deadline."""
        while True:
            left = self._reading.remaining()
            if left is not None and left <= 0.0:
                raise socket.timeout("timed out")
            self._sock.settimeout(interruption.STEP if left is None else min(left, interruption.STEP))
            try:
                return int(self._sock.recv_into(buffer))
            except socket.timeout:
                interruption.check()

    def fileno(self) -> int:
        return int(self._sock.fileno())

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
