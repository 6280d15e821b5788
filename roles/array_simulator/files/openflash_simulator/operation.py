# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an array reports of its operation: which initiators are logged in.

Tests set it over the control API. It is no content: it is not in the state file, and a reset ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .checks import checked, known_keys, whole_number
from .errors import ConfigError


def _plain(address: str) -> str:
    """A port address in one spelling."""
    address = address.lower()
    return address if address.startswith(("iqn.", "eui.", "naa.")) else address.replace(":", "").removeprefix("0x")


class Operation:
    """What tests have set for one array."""

    def __init__(self) -> None:
        self._paths: dict[str, int] = {}

    def clear(self) -> None:
        self._paths.clear()

    def paths(self, address: str, default: int) -> int:
        """To how many target ports the initiator is logged in; ``default`` where no test has said so."""
        return self._paths.get(_plain(address), default)

    def log_in(self, raw: object) -> None:
        """``{"initiator": address, "paths": number}``, 0 for an initiator that is not logged in."""
        if not isinstance(raw, Mapping) or not isinstance(raw.get("initiator"), str):
            raise ConfigError("a log-in needs initiator and paths")
        known_keys("log-in", raw, {"initiator", "paths"})
        paths: Any = raw.get("paths")
        self._paths[_plain(raw["initiator"])] = checked("log-in paths", whole_number(0), paths)
