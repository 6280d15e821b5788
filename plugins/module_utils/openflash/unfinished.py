# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to do with an unfinished copy of an earlier run: one rule for all arrays.

A copy is made under a temporary name that carries a stamp: when it was begun, and by which process. The rule:

- An instant copy of an earlier run is never used. It is removed, and the copy is made again.
- A copy that takes long is resumed when it was begun for this very request, its run has ended, and it is younger than
  RESUME_WITHIN. The result then says so.
- While the run that began it may be alive, the array is Busy.
- Every other unfinished copy is removed.

A run on this host is found by its process id and start time, so nobody waits for a process that has ended. A run on
another host is taken for alive until its stamp is older than ``patience``, which is the wait_timeout after which a run
gives up by itself. The stamp is written by the clock of the host that makes the copy; no array's clock is used.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import threading
import time
from contextlib import contextmanager
from typing import Iterator, NamedTuple, Optional, Set

from .errors import Busy

RESUME_WITHIN = 6 * 3600.0
"""Seconds after its begin within which a long copy is resumed: far less than the day between two scheduled tasks."""

LENGTH = 25
PATTERN = r"[0-9a-z]{%d}" % LENGTH
"""A stamp within a name."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
# Seconds since the epoch, the place, the process id, the start of the process, and random digits for each copy.
_WHEN, _PLACE, _PID, _START, _NONCE = 7, 6, 5, 4, 3
_NOWHERE = "0" * _PLACE

_lock = threading.Lock()
_running: Set[str] = set()


class Stamp(NamedTuple):
    """When a copy was begun, and by which process."""

    text: str
    when: int
    """Seconds since the epoch, by the clock of the host that made the copy."""
    place: str
    """The kernel and process-id namespace that the process id belongs to; all zeros where that cannot be known."""
    pid: int
    start: str
    """A digest of the time at which the process started, which tells it from a later one with the same id."""

    def age(self, now: Optional[float] = None) -> float:
        """Seconds since the copy was begun. Not negative: the clock of another host may be ahead."""
        return max(0.0, (time.time() if now is None else now) - self.when)

    @property
    def since(self) -> str:
        """When the copy was begun, as a UTC time stamp for a result."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.when))

    def alive(self) -> Optional[bool]:
        """Whether the process that made the stamp still makes that copy; None where this host cannot know."""
        with _lock:
            if self.text in _running:
                return True
        place = _place()
        if self.place == _NOWHERE or self.place != place:
            return None
        if self.pid == os.getpid() and self.start == _start_of(self.pid):
            return False  # this process, and none of its copies that are being made
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except (OSError, OverflowError):
            pass  # it is there and belongs to another user
        start = _start_of(self.pid)
        # Without a start time, which some systems hide from other users, it may be a later process with the same id.
        return None if start is None else start == self.start


def parse(text: str) -> Optional[Stamp]:
    """The stamp that a text is; None for any other text."""
    if not re.match(PATTERN + r"\Z", text):
        return None
    when, remaining = text[:_WHEN], text[_WHEN:]
    place, remaining = remaining[:_PLACE], remaining[_PLACE:]
    pid, remaining = remaining[:_PID], remaining[_PID:]
    return Stamp(text, int(when, 36), place, int(pid, 36), remaining[:_START])


def find(text: str) -> Optional[Stamp]:
    """The stamp that ends a text, such as a name or a description; None when there is none."""
    return parse(text[-LENGTH:]) if len(text) >= LENGTH else None


_TEMPORARY = re.compile(r"(?:\A|\.)of-(?:[0-9a-z]{7}-)?(?:%s|[0-9a-f]{24}|[0-9a-f]{16})\Z" % PATTERN)


def is_temporary(name: str) -> bool:
    """Whether a volume or snapshot has a name that this library gives only to what is not finished, on any array.

    The names.py of each array makes these names.
    """
    return _TEMPORARY.search(name) is not None


@contextmanager
def begin(now: Optional[float] = None) -> Iterator[Stamp]:
    """A new stamp for a copy; until the block ends, this process counts as making that copy."""
    pid = os.getpid()
    start = _start_of(pid)
    parts = (
        _base36(int(time.time() if now is None else now), _WHEN),
        _NOWHERE if start is None else _place(),
        _base36(pid, _PID),
        start or "0" * _START,
        _base36(secrets.randbelow(36**_NONCE), _NONCE),
    )
    text = "".join(parts)
    made = parse(text)
    if made is None:
        raise AssertionError("%s cannot be read back" % text)
    with _lock:
        _running.add(made.text)
    try:
        yield made
    finally:
        with _lock:
            _running.discard(made.text)


def is_over(stamp: Stamp, patience: float, now: Optional[float] = None) -> bool:
    """Whether the run that made the stamp is known, or old enough, to have ended.

    :param patience: seconds after which a run that cannot be looked up counts as ended.
    """
    alive = stamp.alive()
    return stamp.age(now) >= patience if alive is None else not alive


def may_resume(stamp: Stamp, patience: float, what: str, same_request: bool, now: Optional[float] = None) -> bool:
    """Whether to resume an unfinished copy of an earlier run; False: remove it, and begin again.

    :param what: the temporary object, for the error.
    :param same_request: the copy takes long, and was begun for the request that is made now.
    :raises Busy: the run that began it may be alive.
    """
    if not is_over(stamp, patience, now):
        age = stamp.age(now)
        if stamp.alive():
            hint = "Wait until process %d on this host has ended, then run the task again." % stamp.pid
        else:
            # Longer than ``patience`` when the clock of its host is ahead.
            remaining = stamp.when + patience - (time.time() if now is None else now)
            hint = "If that run is no longer alive, run the task again in %d s." % (remaining + 1)
        raise Busy("another run began this copy %d s ago, as %s" % (age, what), hint=hint)
    return same_request and stamp.age(now) < RESUME_WITHIN


def digest(length: int, *about: str) -> str:
    """A digest of these texts in lower-case letters and digits."""
    number = int(hashlib.sha256("\0".join(about).encode("utf-8")).hexdigest(), 16)
    return _base36(number % 36**length, length)


def _base36(number: int, length: int) -> str:
    found = ""
    while number:
        number, digit = divmod(number, 36)
        found = _DIGITS[digit] + found
    return found.rjust(length, "0")[-length:]


def _place() -> str:
    """What makes a process id unique: this start of the kernel, and the namespace that it is counted in.

    A host name would not do: two containers may share one, and see different processes under one id.
    """
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as opened:
            boot = opened.read().strip()
        return digest(_PLACE, boot, os.readlink("/proc/self/ns/pid"))
    except OSError:
        return _NOWHERE


def _start_of(pid: int) -> Optional[str]:
    """A digest of the start time of a process that runs; None when there is none, or it cannot be read."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as opened:
            # The name of the program, in brackets, may hold anything.
            fields = opened.read().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    if len(fields) < 20:
        return None
    # A process that has ended and was not waited for has no start that anybody can still be in.
    return "ended" if fields[0] in ("Z", "X") else digest(_START, fields[19])
