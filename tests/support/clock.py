# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time that passes only in pauses. Runs on Python 3.8, like the library."""

from __future__ import annotations

from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.deadline import Deadline


class Clock:
    """``now`` is in seconds from the beginning, ``pauses`` has the seconds of each pause."""

    def __init__(self, longest: float) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self._longest = longest

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def deadline(self, seconds: float) -> Deadline:
        """A deadline after so many seconds of this clock, whose pauses begin at 1 s and end at ``longest``."""
        return Deadline(seconds, first=1.0, longest=self._longest, sleep=self.sleep, clock=lambda: self.now)
