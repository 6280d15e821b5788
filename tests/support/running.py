# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for conditions, and the base of everything that a test starts and stops."""

from __future__ import annotations

import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from typing import Self


def need_root(reason: str) -> None:
    """Fail unless root runs the test: a skip would hide that it did not run."""
    if os.geteuid():
        pytest.fail(f"{reason}: run this as root", pytrace=False)


def wait_until(condition: Callable[[], object], seconds: float, otherwise: str) -> None:
    """Wait until the condition is true; fail with the text ``otherwise`` when it is not within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"{otherwise} within {seconds:.0f} s")
        time.sleep(0.02)


def join(*threads: threading.Thread, seconds: float = 120) -> None:
    """Wait until these threads have ended; fail when one has not within so many seconds."""
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    alive = [thread.name for thread in threads if thread.is_alive()]
    assert not alive, f"{', '.join(alive)} did not end within {seconds:.0f} s"


class Running(ABC):
    """Something that ``with`` starts and stops; it is stopped too when its start fails."""

    @abstractmethod
    def start(self) -> None:
        """Start it, and wait until it can be used."""

    @abstractmethod
    def stop(self) -> None:
        """Stop it, however far its start came."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
