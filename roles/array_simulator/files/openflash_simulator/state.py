# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays that outlive a restart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import SimulatorError
from .rundir import write_atomically

FORMAT = 1
# A burst of changes is one write; whoever stops the simulator properly loses nothing.
DELAY = 0.05


class Store:
    """One array's content in one file, saved soon after every change and once more at the end."""

    def __init__(self, directory: Path, name: str, vendor: str) -> None:
        self.path = directory / f"{name}.json"
        self._head = {"format": FORMAT, "vendor": vendor}
        self._handle: asyncio.TimerHandle | None = None

    def load(self) -> dict[str, Any] | None:
        """What was saved, or None for an array that starts empty."""
        try:
            saved = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise SimulatorError(f"state file {self.path} cannot be read: {error}") from error
        if not isinstance(saved, dict) or {key: saved.get(key) for key in self._head} != self._head:
            raise SimulatorError(f"state file {self.path} is not one of a {self._head['vendor']} array")
        content = saved["content"]
        assert isinstance(content, dict)
        return content

    def save(self, content: dict[str, Any]) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        write_atomically(self.path, json.dumps({**self._head, "content": content}))

    def save_soon(self, dump: Callable[[], dict[str, Any]]) -> None:
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(DELAY, lambda: self.save(dump()))
