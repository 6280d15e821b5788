# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One array of a running simulator as its control port reports it: content, journal and faults.

Subclasses add the clients of an array.
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
        """Empty the array, and remove its faults."""
        self.simulator.reset(self.name)

    # ---- its content -----------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        return self.simulator.state(self.name)

    def names(self) -> list[str]:
        """The names of volumes and snapshots."""
        return sorted(row["name"] for row in self.state()["volumes"])

    def contents(self) -> dict[str, str]:
        """The content id of each volume and snapshot: equal where the bytes are equal."""
        return {row["name"]: row["content"] for row in self.state()["volumes"]}

    def write(self, volume: str, size: int) -> None:
        """Let ``size`` bytes be written to a volume by some host."""
        self.simulator.write(volume, size, self.name)

    def assume(self, values: Any) -> None:
        """Let it behave otherwise than is assumed: ids with values, or ``worst``; an empty mapping: as is assumed."""
        self.simulator.assume(values, self.name)

    def log_in(self, initiator: str, paths: int) -> None:
        """Let an initiator be logged in to so many target ports."""
        self.simulator.log_in(initiator, paths, self.name)

    def operate(self, **operation: Any) -> None:
        """Let it report these ``parts``, ``alerts``, ``load`` and ``volumes``."""
        self.simulator.operate(operation, self.name)

    # ---- its journal -----------------------------------------------------------------------------------------------

    def mark(self) -> int:
        """The number of the journal's last entry, for ``since``."""
        return self.simulator.mark(self.name)

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        return self.simulator.requests(self.name, since)

    def writes(self, since: int = 0) -> list[dict[str, Any]]:
        """The requests that ask for a change."""
        return self.simulator.writes(self.name, since)

    def changes(self, since: int = 0) -> list[dict[str, Any]]:
        """The changes of the array's content, whoever requested them."""
        return self.simulator.changes(self.name, since)

    # ---- its faults ------------------------------------------------------------------------------------------------

    def fault(self, kind: str, **fault: Any) -> None:
        self.simulator.fault(self.name, kind=kind, **fault)

    def struck(self) -> list[int]:
        """The number of requests that each fault has struck; 0 where the test never met it."""
        return self.simulator.struck(self.name)

    def clear_faults(self) -> None:
        self.simulator.clear_faults(self.name)
