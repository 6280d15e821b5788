# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far a copy is, in a file that anybody can look at meanwhile."""

from __future__ import annotations

import json
import os
import time
from typing import Optional

from ..errors import Invalid

# Seconds between two writes, unless what is done changes
_OFTEN = 0.5


class Progress:
    """One JSON object: ``volume``, ``phase``, ``percent``, ``bytes`` (in all), ``updated`` (seconds since 1970).

    It is replaced as a whole each time, so a reader never sees half of it.
    """

    def __init__(self, path: Optional[str], volume: str) -> None:
        self._path = path
        self._volume = volume
        self._phase = "starting"
        self._bytes: Optional[int] = None
        self._last = 0.0
        if path is not None:
            try:
                self._write(0.0)
            except OSError as error:
                raise Invalid("progress_file %s cannot be written: %s" % (path, error.strerror)) from None

    def phase(self, phase: str, size: Optional[int] = None) -> None:
        self._phase = phase
        self._bytes = size if size is not None else self._bytes
        self._last = 0.0
        self(100.0 if phase in ("done", "failed") else 0.0)

    def __call__(self, percent: float) -> None:
        now = time.monotonic()
        if self._path is None or now - self._last < _OFTEN:
            return
        self._last = now
        try:
            self._write(percent)
        except OSError:
            pass  # a copy does not fail because nobody can watch it

    def _write(self, percent: float) -> None:
        path = str(self._path)
        told = {
            "volume": self._volume,
            "phase": self._phase,
            "percent": round(percent, 2),
            "bytes": self._bytes,
            "updated": round(time.time(), 3),
        }
        temporary = "%s.%d.new" % (path, os.getpid())
        with open(temporary, "w", encoding="utf-8") as stream:
            json.dump(told, stream)
            stream.write("\n")
        os.replace(temporary, path)
