# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A parsed request: API version, type, object, arguments and filters (sections 1 and 2 of the sheet)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..http import HttpRequest
from . import ledger
from .refusals import XmsError

_PATH = re.compile(r"/api/json(?:/(?P<v2>v2))?/types(?:/(?P<type>[^/]+))?(?:/(?P<index>[^/]+))?/*\Z")
_OPERATORS = ("eq", "ne", "gt", "ge", "lt", "le")


@dataclass(frozen=True)
class Term:
    """``property:operator:value``. The value may contain colons (WWNs, IPv6)."""

    prop: str
    operator: str
    value: str


@dataclass(frozen=True)
class Call:
    """One request. Property names have dashes, whether the client sent dashes or underscores."""

    api: int
    method: str
    type: str
    index: int | None
    query: dict[str, list[str]]
    body: dict[str, Any]
    # The URL that hrefs begin with: as the client addressed the server, because clients follow them.
    root: str

    @property
    def name(self) -> str | None:
        return self.first("name")

    @property
    def addressed(self) -> bool:
        """Whether the request is about one object, and not about all of the type."""
        return self.index is not None or "name" in self.query

    @property
    def full(self) -> bool:
        return self.api > 1 and self.first("full") == "1"

    @property
    def props(self) -> list[str] | None:
        """The requested properties; None for all. v1 ignores ``prop``."""
        requested = self.query.get("prop", []) if self.api > 1 else []
        return [dashed(prop) for prop in requested] or None

    def first(self, key: str) -> str | None:
        values = self.query.get(key)
        return values[0] if values else None

    def filters(self, alternatives: bool, most_terms: int) -> list[list[Term]]:
        """The filters, all of which must hold. Each is a list of terms, of which one must hold.

        :param alternatives: a filter may have several terms, joined with commas (XMS 4.2 and later).
        """
        if self.api < 2:
            return []
        parsed = []
        for text in self.query.get("filter", []):
            pieces = text.split(",") if alternatives else [text]
            if len(pieces) > most_terms:
                raise XmsError(ledger.FILTER_TOO_LONG)
            parsed.append([_term(piece) for piece in pieces])
        return parsed

    def href(self, type_name: str, index: int) -> str:
        return f"{self.root}/{type_name}/{index}"


def parse(request: HttpRequest) -> Call | None:
    """The call; None when the path is not one of the API."""
    found = _PATH.match(request.path)
    if found is None:
        return None
    index = found["index"]
    if index is not None and not index.isdigit():
        raise XmsError(ledger.INVALID_VALUE.format("index"))
    query: dict[str, list[str]] = {}
    for key, value in request.url.query.items():
        query.setdefault(dashed(key), []).append(value)
    version = "/v2" if found["v2"] else ""
    return Call(
        api=2 if found["v2"] else 1,
        method=request.method,
        # MTSXtremIO capitalises a type, so the XMS is assumed to ignore case.
        type=(found["type"] or "").lower(),
        index=None if index is None else int(index),
        query=query,
        body=_body(request),
        root=f"{request.base}/api/json{version}/types",
    )


def _body(request: HttpRequest) -> dict[str, Any]:
    # Clients send bodies with any Content-Type or none, and "null" or "{}" for an empty body. The XMS ignores the body
    # of a GET.
    if request.method == "GET":
        return {}
    try:
        body = request.json()
    except ValueError:
        raise XmsError(ledger.INVALID_BODY) from None
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise XmsError(ledger.INVALID_BODY)
    return {dashed(key): value for key, value in body.items()}


def dashed(name: str) -> str:
    """A property name with dashes. Dash and underscore mean the same (section 1)."""
    return name.replace("_", "-")


def _term(text: str) -> Term:
    prop, operator, value = ([*text.split(":", 2), "", ""])[:3]
    if not prop or operator not in _OPERATORS:
        raise XmsError(ledger.INVALID_FILTER.format(text))
    return Term(dashed(prop), operator, value)


def holds(term: Term, value: Any, *, loose_integers: bool) -> bool:
    """Whether a property's value satisfies a term.

    :param loose_integers: play API 2.1, which answers ``eq`` on an integer property with wrong rows (section 2,
        confirmed by the vendor). Which rows is not known; here those whose digits begin with the value.
    """
    if isinstance(value, list) and len(value) == 3 and isinstance(value[1], str):
        value = value[1]
    if loose_integers and term.operator == "eq" and isinstance(value, int) and not isinstance(value, bool):
        return str(value).startswith(term.value)
    text = "" if value is None else str(value)
    order = _order(text, term.value)
    return {
        "eq": order == 0,
        "ne": order != 0,
        "gt": order > 0,
        "ge": order >= 0,
        "lt": order < 0,
        "le": order <= 0,
    }[term.operator]


def _order(left: str, right: str) -> int:
    """-1, 0 or 1: digits are compared as numbers, any other text as text."""
    if left.isdigit() and right.isdigit():
        return (int(left) > int(right)) - (int(left) < int(right))
    return (left > right) - (left < right)


def rows_that_hold(rows: Iterable[Any], filters: list[list[Term]], read: Any, *, loose_integers: bool) -> list[Any]:
    """The rows for which every filter holds. ``read(row, property)`` returns the value of a property."""
    return [
        row
        for row in rows
        if all(
            any(holds(term, read(row, term.prop), loose_integers=loose_integers) for term in alternatives)
            for alternatives in filters
        )
    ]
