# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sessions of one backend, or of one store, with its array.

Operations run side by side, on as many sessions as the array may be asked on at once. While an operation waits between
two polls, as for a copy of minutes, its session serves others: several threads may use an array of the library. So
short work never waits for long work. Sessions are kept: logging in costs requests, and arrays have few sessions to
give. One that failed is not used again, and none is older than ``LIFETIME``, because a session remembers what seldom
changes (pools, ports).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Callable, Optional

from openflash.array import Array
from openflash.errors import BadReply, Busy, FlashError, Timeout, Unauthorized, Unreachable
from openflash.transport import programs
from openflash.transport.deadline import pauses_within

from .programs import start

PASSING = (Unreachable, Timeout, Busy, BadReply)
"""Errors that may pass by themselves, and are no fault of the configuration."""

LIFETIME = 600.0


class _Session:
    def __init__(self, array: Array) -> None:
        self.array = array
        self.since = time.monotonic()
        self.users = 1
        """Operations that have it, those that wait between two polls included."""
        self.active = 1
        """Operations that have it and do not wait. Several only when such a wait ends."""
        self.failed = False


class Sessions:
    """:param connect: makes a session, and raises FlashError where that is not possible.
    :param most: how many operations may be active at once, each on a session of its own.
    """

    def __init__(self, connect: Callable[[], Array], most: int, lifetime: float = LIFETIME) -> None:
        self._connect = connect
        self._lifetime = lifetime
        self._most = most
        self._active = 0
        self._changed = threading.Condition()
        self._sessions: list[_Session] = []
        """Those that have not failed, the one that was used last at the end."""
        programs.start_with(start)

    @contextmanager
    def one(self, fresh: bool = False) -> Iterator[Array]:
        """A session for one operation.

        :param fresh: one that remembers nothing.
        """
        with self._changed:
            while self._active >= self._most:
                self._changed.wait()
            self._active += 1
        try:
            session = self._take(fresh)
            healthy = False
            try:
                with pauses_within(partial(self._shared, session)):
                    yield session.array
                healthy = True
            except FlashError as error:
                healthy = not isinstance(error, PASSING + (Unauthorized,))
                raise
            finally:
                self._give_back(session, healthy)
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._changed:
            self._active += change
            self._changed.notify()

    @contextmanager
    def _shared(self, session: _Session) -> Iterator[None]:
        """For a pause: another operation may be active instead, on this session too.

        At its end this one goes on at once. Others may wait for a lock that it holds, so it must not wait for them.
        """
        with self._changed:
            session.active -= 1
        self._count(-1)
        try:
            yield
        finally:
            self._count(1)
            with self._changed:
                session.active += 1

    def _take(self, fresh: bool) -> _Session:
        """The session that was used last, of those that nobody is active on and that are not too old; or a new one."""
        closing: list[_Session] = []
        found: Optional[_Session] = None
        with self._changed:
            for session in list(reversed(self._sessions)):
                is_old = time.monotonic() - session.since >= self._lifetime
                if session.users == 0 and (is_old or fresh):
                    # The new session takes its place, so that there are never more than the array may be asked on.
                    self._sessions.remove(session)
                    closing.append(session)
                    if not is_old:
                        break
                elif found is None and not fresh and not is_old and not session.active:
                    found = session
            if found is not None:
                found.users += 1
                found.active += 1
                self._sessions.remove(found)
                self._sessions.append(found)
        for session in closing:
            session.array.close()
        if found is None:
            found = _Session(self._connect())
            with self._changed:
                self._sessions.append(found)
        return found

    def _give_back(self, session: _Session, healthy: bool) -> None:
        with self._changed:
            session.users -= 1
            session.active -= 1
            if not healthy and not session.failed:
                session.failed = True
                self._sessions.remove(session)
            ended = session.failed and session.users == 0
        if ended:
            session.array.close()
