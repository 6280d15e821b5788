# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an array was asked and what changed in it, in one order, with no secret in it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from time import time
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

MASK = "********"
_SECRET_KEY = re.compile(r"passw(or)?d|pswd|passphrase|secret|token|x-auth|api[-_]?key", re.IGNORECASE)
KEEP = 200_000


class Journal:
    """Entries are numbered from 1 and never renumbered, so a test can remember where it was and read on from there."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=KEEP)
        self._secrets = tuple(secret for secret in secrets if secret)
        self.last = 0

    def request(
        self,
        *,
        method: str,
        path: str,
        status: int | None,
        write: bool,
        connection: int,
        body: Any = None,
        message: str | None = None,
        fault: str | None = None,
    ) -> None:
        """One request. ``status`` is None when no answer was sent; ``write`` says that it asked for a change."""
        entry = {
            "kind": "request",
            "connection": connection,
            "method": method,
            "path": self.mask_text(mask_query(path)),
            "status": status,
            "write": write,
            "body": self.mask(body),
        }
        if message is not None:
            entry["message"] = self.mask_text(message)
        if fault is not None:
            entry["fault"] = fault
        self._add(entry)

    def change(self, change: str, about: Mapping[str, Any]) -> None:
        """Something in the array is different now."""
        self._add({"kind": "change", "change": change, "about": self.mask(dict(about))})

    def since(self, number: int) -> list[dict[str, Any]]:
        """Everything after entry ``number``."""
        return [entry for entry in self._entries if entry["n"] > number]

    def clear(self) -> None:
        self._entries.clear()

    def mask(self, value: Any, key: str = "") -> Any:
        """A copy without secrets: what stands under a telling key, and the array's own passwords wherever they are."""
        if isinstance(value, Mapping):
            return {name: self.mask(item, str(name)) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.mask(item, key) for item in value]
        if value not in (None, "") and _SECRET_KEY.search(key):
            return MASK
        return self.mask_text(value) if isinstance(value, str) else value

    def mask_text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def _add(self, entry: dict[str, Any]) -> None:
        self.last += 1
        self._entries.append({"n": self.last, "time": round(time(), 6), **entry})


def mask_query(path: str) -> str:
    """Hide the values of telling query arguments; anything else stays as the client wrote it."""
    parts = urlsplit(path)
    if not _SECRET_KEY.search(parts.query):
        return path
    pairs = [
        f"{quote(name)}={MASK if _SECRET_KEY.search(name) else quote(value)}"
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    return f"{parts.path}?{'&'.join(pairs)}"
