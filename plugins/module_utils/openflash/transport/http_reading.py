# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The deadline of an HTTP answer, from its first byte to its last, and connections that keep it.

The time-outs of ``requests`` count from one piece of an answer to the next, so a server that sends a byte now and then
holds its client for ever. Here every read from the socket waits only as long as remains of the complete request, be it
a header, a body or the answer of a proxy to CONNECT.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from typing import Any, Dict, Mapping, Optional

from . import interruption


class Reading(threading.local):
    """The deadline of the request that this thread has under way."""

    until: Optional[float] = None
    longest_silence: Optional[float] = None

    def begin(self, seconds: float, longest_silence: Optional[float] = None) -> None:
        """Give the request this many seconds, and the server at most ``longest_silence`` of them between two pieces."""
        self.until = time.monotonic() + seconds
        self.longest_silence = longest_silence

    def next_until(self) -> Optional[float]:
        """When the next piece must be there at the latest, on the monotonic clock; None when there is no request."""
        if self.until is None or self.longest_silence is None:
            return self.until
        return min(self.until, time.monotonic() + self.longest_silence)

    def _pools(self) -> Dict[str, Any]:
        """Classes of urllib3's connection pools, by scheme, whose connections read under this deadline."""
        from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

        reading = self
        # Chosen by urllib3 when it is imported, so without a static type
        http_connection: Any = HTTPConnectionPool.ConnectionCls
        https_connection: Any = HTTPSConnectionPool.ConnectionCls

        class Response(http.client.HTTPResponse):
            def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
                super().__init__(_Bounded(sock, reading), *args, **kwargs)  # type: ignore[arg-type] # what it uses of one

        class HttpConnection(http_connection):  # type: ignore[misc]
            response_class = Response

        class HttpsConnection(https_connection):  # type: ignore[misc]
            response_class = Response

        class HttpPool(HTTPConnectionPool):
            ConnectionCls = HttpConnection

        class HttpsPool(HTTPSConnectionPool):
            ConnectionCls = HttpsConnection

        return {"http": HttpPool, "https": HttpsPool}

    def adapter(self, pool_options: Mapping[str, Any], **options: Any) -> Any:
        """An adapter for a session of ``requests`` whose connections keep this deadline, direct or through a proxy.

        :param pool_options: what ``requests`` has no parameter for, passed on to the connection pools of urllib3.
        :param options: of ``requests.adapters.HTTPAdapter``.
        """
        import requests.adapters

        pools = self._pools()

        class Adapter(requests.adapters.HTTPAdapter):
            def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
                super().init_poolmanager(*args, **dict(kwargs, **pool_options))
                self.poolmanager.pool_classes_by_scheme = pools

            def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
                manager = super().proxy_manager_for(*args, **dict(kwargs, **pool_options))
                manager.pool_classes_by_scheme = pools
                return manager

        return Adapter(**options)


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
        """Bytes read; socket.timeout at the deadline."""
        until = self._reading.next_until()
        while True:
            remaining = interruption.STEP if until is None else until - time.monotonic()
            if remaining <= 0.0:
                raise socket.timeout("timed out")
            self._sock.settimeout(min(remaining, interruption.STEP))
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
