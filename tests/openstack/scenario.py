# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One driver on one simulated array: what the parts of operations.py share."""

from __future__ import annotations

import lib  # first: it makes the process green

from typing import Any  # isort: skip

from cinder import exception  # isort: skip

FAILS = exception.CinderException
GIB = lib.GIB


class Scenario:
    """One driver on one array."""

    def __init__(self, kind: str, array: lib.SimulatedArray, run: lib.Steps) -> None:
        self.kind, self.vendor = kind, kind.split("-")[0]
        self.array, self.run = array, run
        self.driver = lib.make(lib.OURS[kind], kind, array.entry, "ours")
        self.copied: list[Any] = []
        lib.no_fabric(self.driver, self.copied)
        self.old = self.vendor == "xtremio" and str(array.entry["version"]).startswith(
            "3."
        )  # XIOS 3.x has neither groups nor a way back
        self.pool = array.entry["pools"][0]["name"] if self.driver.POOLS else kind
        # Violin's own full copies are of thick volumes only
        self.type = lib.type_with(thin="False") if self.vendor == "violin" else None

    def volume(self, size: int, **more: Any) -> Any:
        return lib.volume(size, self.pool, **{"volume_type_id": self.type, **more})

    def there(self, volume: Any) -> dict[str, Any]:
        """The volume as the array has it; ``{}`` when it has none."""
        name = self.driver._volume_name(volume)
        return self.array.volumes().get(name, {})

    def maps(self, volume: Any) -> dict[str, Any]:
        return self.array.maps(self.driver._volume_name(volume))
