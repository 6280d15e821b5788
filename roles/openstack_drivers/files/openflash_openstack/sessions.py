# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sessions of one backend, or of one store, with its array.

An operation has a session to itself while it runs, so operations may run side by side. Sessions are kept: logging in
costs requests, and arrays have few sessions to give. One that failed is not used again, and none is older than
``LIFETIME``, because a session remembers what seldom changes (pools, ports).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable, Optional

from openflash.array import Array
from openflash.errors import BadReply, Busy, FlashError, Timeout, Unauthorized, Unreachable
from openflash.transport import programs

from .programs import start

PASSING = (Unreachable, Timeout, Busy, BadReply)
"""Errors that may pass by themselves, and are no fault of the configuration."""

LIFETIME = 600.0


class Sessions:
    """:param connect: makes a session, and raises FlashError where that is not possible."""

    def __init__(self, connect: Callable[[], Array], most: int, lifetime: float = LIFETIME) -> None:
        self._connect = connect
        self._lifetime = lifetime
        self._free = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._idle: list[tuple[float, Array]] = []
        programs.start_with(start)

    @contextmanager
    def one(self, fresh: bool = False) -> Iterator[Array]:
        """A session for one operation.

        :param fresh: one that remembers nothing.
        """
        with self._free:
            kept = None if fresh else self._take()
            since, array = kept or (time.monotonic(), self._connect())
            healthy = False
            try:
                yield array
                healthy = True
            except FlashError as error:
                healthy = not isinstance(error, PASSING + (Unauthorized,))
                raise
            finally:
                if healthy:
                    with self._lock:
                        self._idle.append((since, array))
                else:
                    array.close()

    def _take(self) -> Optional[tuple[float, Array]]:
        """The session that was used last, unless it is too old."""
        old: list[Array] = []
        found: Optional[tuple[float, Array]] = None
        with self._lock:
            while self._idle and found is None:
                since, array = self._idle.pop()
                if time.monotonic() - since < self._lifetime:
                    found = (since, array)
                else:
                    old.append(array)
        for array in old:
            array.close()
        return found
