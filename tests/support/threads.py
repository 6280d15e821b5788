# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Threads that interrupt each other often. Runs on Python 3.8, like the library."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any


@contextmanager
def impatient_threads() -> Iterator[None]:
    """Let Python switch threads as often as it can, so that a missing lock shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def side_by_side(work: Callable[[Any], Any], items: Sequence[Any], threads: int = 8) -> list[Any]:
    """What each call returns or raises, in the order of the items."""

    def outcome(item: Any) -> Any:
        try:
            return work(item)
        except Exception as error:  # noqa: BLE001  an error of the thread is the test's result
            return error

    with impatient_threads(), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(outcome, items))
