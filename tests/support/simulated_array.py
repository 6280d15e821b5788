# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One array of a running simulator, from the array's side: what it holds, what it was asked, and its faults.

How a test talks to it as a client is in the classes that are made of this one.
"""

from __future__ import annotations

from typing import Any

from tests.support.simulator import Simulator


class SimulatedArray:
    """``name`` is that of the simulator's configuration, ``endpoint`` its entry in endpoints.json."""

    def __init__(self, simulator: Simulator, name: str) -> None:
        self.simulator = simulator
        self.name = name
        self.endpoint = simulator.array(name)

    def reset(self) -> None:
        """Empty it, and take its faults away."""
        self.simulator.reset(self.name)

    # ---- what it holds ---------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        return self.simulator.state(self.name)

    def names(self) -> list[str]:
        """Of volumes and snapshots."""
        return sorted(row["name"] for row in self.state()["volumes"])

    def contents(self) -> dict[str, str]:
        """What is in each volume and snapshot: equal where the bytes are."""
        return {row["name"]: row["content"] for row in self.state()["volumes"]}

    def write(self, volume: str, size: int) -> None:
        """Let ``size`` bytes be written to a volume by some host."""
        self.simulator.write(volume, size, self.name)

    # ---- what it was asked -----------------------------------------------------------------------------------------

    def mark(self) -> int:
        """The number of the journal's last entry, to read on from."""
        return self.simulator.mark(self.name)

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        return self.simulator.requests(self.name, since)

    def writes(self, since: int = 0) -> list[dict[str, Any]]:
        """The requests that ask for a change."""
        return self.simulator.writes(self.name, since)

    def changes(self, since: int = 0) -> list[dict[str, Any]]:
        """What became different, whoever asked for it."""
        return self.simulator.changes(self.name, since)

    # ---- its faults ------------------------------------------------------------------------------------------------

    def fault(self, kind: str, **fault: Any) -> None:
        self.simulator.fault(self.name, kind=kind, **fault)

    def struck(self) -> list[int]:
        """How many requests each fault has struck: 0 shows that a test met none."""
        return self.simulator.struck(self.name)

    def clear_faults(self) -> None:
        self.simulator.clear_faults(self.name)
