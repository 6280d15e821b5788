# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far the copies of a task are, in a file for the process that waits for the task."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Optional

COPYING, RESTORING = "copying", "restoring"

INTERVAL = 0.5
"""Seconds between two writes while the phase is the same."""
QUIET = 2.0
"""Seconds from the start of a task in which nothing is written: most tasks have ended by then."""

Report = Callable[[Optional[float]], None]
"""Called with the per cent that are done; None where the array does not report them."""


class Reports:
    """The copies that a task makes at the moment, one JSON object in each line of a file. Threads may share it.

    Each has ``volume``, ``phase``, ``percent``, ``bytes`` (in all), ``since`` and ``updated`` (the start of the phase
    and the time of the report, in seconds since 1970); ``percent`` and ``bytes`` are null where they are not known. The
    file is replaced each time, so a reader never sees a part of it. Only its owner can read it. A copy does not fail
    because its progress cannot be written.

    :param path: None: nothing is written.
    :param shown: returns a name as others may read it, where a secret may be part of it.
    """

    def __init__(self, path: Optional[str] = None, shown: Callable[[str], str] = str) -> None:
        self._path = path
        self._shown = shown
        self._copies: Dict[str, Dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._not_before = time.monotonic() + QUIET

    @contextmanager
    def copy(self, name: str, size: Optional[int] = None, phase: str = COPYING) -> Iterator[Report]:
        """A copy that takes as long as the block.

        :param name: what the copy is made into.
        :param size: its size in bytes.
        """
        try:
            yield lambda percent: self.report(name, phase, percent, size)
        finally:
            self.ended(name)

    def report(self, name: str, phase: str, percent: Optional[float], size: Optional[int]) -> None:
        """State how far the copy with this name is."""
        if self._path is None:
            return
        with self._lock:
            now, clock = time.time(), time.monotonic()
            before = self._copies.get(name)
            since = now if before is None or before["phase"] != phase else before["since"]
            self._copies[name] = {
                "volume": self._shown(name),
                "phase": phase,
                "percent": None if percent is None else round(percent, 2),
                "bytes": size,
                "since": round(since, 3),
                "updated": round(now, 3),
            }
            if clock >= self._not_before:
                self._not_before = clock + INTERVAL
                self._write(self._path)

    def ended(self, name: str) -> None:
        """Report the copy with this name no more."""
        with self._lock:
            if self._copies.pop(name, None) is not None and self._path is not None and os.path.exists(self._path):
                self._write(self._path)

    def close(self) -> None:
        """Remove the file."""
        with self._lock:
            path, self._path = self._path, None
            if path is not None:
                _remove(path)

    def _write(self, path: str) -> None:
        temporary = path + ".new"
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", encoding="utf-8") as stream:
                stream.writelines(json.dumps(copy) + "\n" for copy in self._copies.values())
            os.replace(temporary, path)
        except OSError:
            _remove(temporary)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # it was not written
