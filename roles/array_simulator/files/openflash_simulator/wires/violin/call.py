# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request taken apart, and the values in it (section 1.6 of the sheet)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..http import HttpRequest
from .errors import missing


@dataclass(frozen=True)
class Call:
    """``params`` is what stands under that key, ``body`` the whole body: a GET and a DELETE may have one too."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def params(self) -> Mapping[str, Any]:
        found = self.body.get("params")
        return found if isinstance(found, dict) else {}

    @property
    def action(self) -> str:
        return str(text(self.params, "action"))

    def name_filter(self) -> str | None:
        """The value of ``{"filters": [{"name": "name", "operator": "=", "value": V}]}``."""
        for one in self.body.get("filters") or ():
            if isinstance(one, dict) and (one.get("name"), one.get("operator")) == ("name", "="):
                return str(one.get("value"))
        return None


def parse(request: HttpRequest) -> Call:
    try:
        body = request.json()
    except ValueError:
        body = None
    return Call(request.method, request.path, dict(request.url.query), body if isinstance(body, dict) else {})


_REQUIRED: Any = object()


def text(values: Mapping[str, Any], key: str, default: Any = _REQUIRED) -> Any:
    found = values.get(key)
    if found is None and default is not _REQUIRED:
        return default
    if not isinstance(found, str) or not found:
        raise missing(key)
    return found


def whole(values: Mapping[str, Any], key: str, default: Any = _REQUIRED) -> Any:
    """A size or a number is an int, never text."""
    found = values.get(key)
    if found is None and default is not _REQUIRED:
        return default
    if isinstance(found, bool) or not isinstance(found, int):
        raise missing(key)
    return found


def flag(values: Mapping[str, Any], key: str, default: bool = False) -> bool:
    """Booleans are JSON booleans."""
    found = values.get(key)
    if found is None:
        return default
    if not isinstance(found, bool):
        raise missing(key)
    return found


def part(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = values.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise missing(key)
    return found


def joined(values: Mapping[str, Any], key: str) -> list[str]:
    """A list that is sent as one text with commas."""
    found = values.get(key)
    if found is None:
        return []
    if not isinstance(found, str):
        raise missing(key)
    return [one.strip() for one in found.split(",") if one.strip()]
