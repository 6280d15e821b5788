# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The health of an array, as far as a published client asks for it (sheet, section 2.8): the links of its FC ports."""

from __future__ import annotations

from typing import List

from ...model import FC, Listing, Unreadable
from ...monitoring import OK, WARNING, Health, HealthReport, Part
from . import objects
from .reading import Reading
from .session import Object

_UP = "Link Up"


class Monitoring(Reading, Health):
    """What the array reports of its operation."""

    def health(self) -> HealthReport:
        """One request. An adapter that is no FC port has no state."""
        with self._doing("read the health"):
            bad: List[Unreadable] = []
            rows = [row for row in self._concerto.adapters(bad) if row.get("type") == FC]
            found = objects.listing("port", rows, _port)
            return HealthReport(Part(self.label), ports=Listing(found.items, (*found.unreadable, *bad)))


def _port(row: Object) -> Part:
    word = str(row["port_status"])
    return Part("fc%s" % row.get("number", ""), OK if word == _UP else WARNING, word)
