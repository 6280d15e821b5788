# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a signal that asks the process to end reaches every thread.

Python runs a signal handler in the main thread only. ``on_signal`` raises Interrupted there, whatever the thread waits
for. Each other thread raises Interrupted at its next request, or while it waits. It does so once, so that the requests
of its clean-up are carried out. A program that handles signals itself, as an OpenStack service does, does not install
``on_signal``, and then nothing here has an effect.
"""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import Any, Iterator, Optional

from ..errors import Interrupted

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
STEP = 0.5
"""Seconds after which a thread that waits for an answer or a program calls ``check``."""


class _State(threading.local):
    raised = False
    deferring = 0


_asked = threading.Event()
_state = _State()
_number: Optional[int] = None


def install() -> None:
    """Raise Interrupted in the main thread on SIGTERM, SIGHUP and SIGINT."""
    for number in SIGNALS:
        signal.signal(number, on_signal)


def ignore() -> None:
    """Ignore these signals from now on: for the end of a program, when its result is being written."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def on_signal(number: int, _frame: Any) -> None:
    """The handler. A signal that comes during the clean-up after the first is ignored."""
    global _number
    if _asked.is_set():
        return
    _number = number
    _asked.set()
    if not _state.deferring:
        _state.raised = True
        raise Interrupted(number)


@contextmanager
def deferred() -> Iterator[None]:
    """Raise Interrupted at the end of the block and not within it.

    For the moment in which a program is started: after a signal between the start and the assignment of the process,
    nothing would end the program. The block must not wait for anything.
    """
    _state.deferring += 1
    try:
        yield
    finally:
        _state.deferring -= 1
    check()


def check() -> None:
    """Raise Interrupted, once in each thread, when a signal has asked the process to end."""
    if _number is not None and not _state.raised:
        _state.raised = True
        raise Interrupted(_number)


def sleep(seconds: float) -> None:
    """Sleep, but end with Interrupted when a signal asks the process to end."""
    check()
    if _asked.is_set() or threading.current_thread() is threading.main_thread():
        # In the main thread the handler itself ends the sleep. An Event would wake up late on some platforms.
        time.sleep(seconds)
    elif _asked.wait(seconds):
        check()
