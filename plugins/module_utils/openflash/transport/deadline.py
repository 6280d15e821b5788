# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long to wait, and how often to poll meanwhile. Every wait ends at a Deadline.

Nothing is asked of the array during a pause. A program that has few sessions may use one for something else meanwhile:
see ``pauses_within``.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import contextmanager, nullcontext
from typing import Callable, ContextManager, Iterator, Optional, TypeVar

from ..errors import Timeout
from . import interruption

T = TypeVar("T")


class _Pauses(threading.local):
    within: Callable[[], ContextManager[None]] = nullcontext


_pauses = _Pauses()


@contextmanager
def pauses_within(within: Callable[[], ContextManager[None]]) -> Iterator[None]:
    """Let every pause that this thread makes in the block be within this context."""
    before = _pauses.within
    _pauses.within = within
    try:
        yield
    finally:
        _pauses.within = before


class Deadline:
    """A point in time, and the pauses until then, each longer than the one before.

    :param seconds: from now.
    :param first: the first pause, in seconds; each further pause is twice as long.
    :param longest: the longest pause, in seconds.
    """

    def __init__(
        self,
        seconds: float,
        first: float = 0.25,
        longest: float = 10.0,
        sleep: Callable[[float], None] = interruption.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds = seconds
        self._first = first
        self._longest = longest
        self._sleep = sleep
        self._clock = clock
        self._started = clock()
        self._pauses = 0

    @property
    def elapsed(self) -> float:
        return self._clock() - self._started

    def remaining(self) -> float:
        """Remaining seconds, never below 0."""
        return max(0.0, self.seconds - self.elapsed)

    def expired(self) -> bool:
        return self.remaining() <= 0.0

    def pause(self) -> bool:
        """Sleep, longer each time. Returns False at once when the deadline has passed.

        The pause is random, between half and all of the nominal one, so that clients that were refused at the same
        time do not try again at the same time.
        """
        remaining = self.remaining()
        if remaining <= 0.0:
            return False
        nominal = min(self._longest, self._first * 2 ** min(self._pauses, 20))
        self._pauses += 1
        with _pauses.within():
            self._sleep(min(remaining, nominal * random.uniform(0.5, 1.0)))
        return True

    def poll(self, ask: Callable[[], Optional[T]], waiting_for: str, hint: Optional[str] = None) -> T:
        """Call ``ask`` until it returns something, for the last time at the deadline.

        :param waiting_for: the subject of "... did not come about within N s", such as "the end of the copy into db1".
        :raises Timeout: the deadline has passed.
        """
        while True:
            last = self.expired()
            answer = ask()
            if answer is not None:
                return answer
            if last or not self.pause():
                raise Timeout(
                    "%s did not come about within %g s" % (waiting_for, self.seconds),
                    hint=hint or "Raise wait_timeout if the array needs longer.",
                )
