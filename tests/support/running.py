# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test starts, and may rely on being stopped; and what takes root to start."""

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


def need_root(what: str) -> None:
    """For slow tests, which root runs: a skip would hide that one was not."""
    if os.geteuid():
        pytest.fail(f"{what}: run this as root", pytrace=False)


def wait_until(condition: Callable[[], object], seconds: float, otherwise: str) -> None:
    """Wait until the condition is true, and fail with a text when it is not within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"{otherwise} within {seconds:.0f} s")
        time.sleep(0.02)


def join(*threads: threading.Thread, seconds: float = 120) -> None:
    """Wait until these have ended, and fail when one has not within so many seconds."""
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    alive = [thread.name for thread in threads if thread.is_alive()]
    assert not alive, f"{', '.join(alive)} did not end within {seconds:.0f} s"


class Running(ABC):
    """Started and stopped by ``with``; nothing is left of what did not start whole."""

    @abstractmethod
    def start(self) -> None:
        """And wait until it can be used."""

    @abstractmethod
    def stop(self) -> None:
        """However far it came."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()
