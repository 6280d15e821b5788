# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A parsed request, and the checks of the values in its body (section 1.6 of the sheet)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..http import HttpRequest
from .refusals import missing


@dataclass(frozen=True)
class Call:
    """One request. ``body`` is the complete JSON body, which a GET and a DELETE may have too."""

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
        return str(text_in(self.params, "action"))

    def name_filter(self) -> str | None:
        """The value of ``{"filters": [{"name": "name", "operator": "=", "value": V}]}``."""
        for condition in self.body.get("filters") or ():
            if isinstance(condition, dict) and (condition.get("name"), condition.get("operator")) == ("name", "="):
                return str(condition.get("value"))
        return None


def parse(request: HttpRequest) -> Call:
    try:
        body = request.json()
    except ValueError:
        body = None
    return Call(request.method, request.path, dict(request.url.query), body if isinstance(body, dict) else {})


# The readers of a value raise ConcertoError when it has another type, and when it is missing and has no default.

_REQUIRED: Any = object()


def text_in(values: Mapping[str, Any], key: str, default: Any = _REQUIRED) -> Any:
    """A text that is not empty."""
    found = values.get(key)
    if found is None and default is not _REQUIRED:
        return default
    if not isinstance(found, str) or not found:
        raise missing(key)
    return found


def number_in(values: Mapping[str, Any], key: str, default: Any = _REQUIRED) -> Any:
    """A size or a number, which is sent as an integer and never as text."""
    found = values.get(key)
    if found is None and default is not _REQUIRED:
        return default
    if isinstance(found, bool) or not isinstance(found, int):
        raise missing(key)
    return found


def flag_in(values: Mapping[str, Any], key: str, default: bool = False) -> bool:
    """A JSON boolean."""
    found = values.get(key)
    if found is None:
        return default
    if not isinstance(found, bool):
        raise missing(key)
    return found


def object_in(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A nested object; empty when it is missing."""
    found = values.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise missing(key)
    return found


def list_in(values: Mapping[str, Any], key: str) -> list[str]:
    """A list that is sent as one text, joined with commas; empty when it is missing."""
    found = values.get(key)
    if found is None:
        return []
    if not isinstance(found, str):
        raise missing(key)
    return [item.strip() for item in found.split(",") if item.strip()]
