# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request has: texts, lists of texts, numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import codes
from .codes import Refusal

Body = dict[str, Any]


def text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise Refusal(codes.MALFORMED)
    return value


def texts(body: Mapping[str, Any], key: str) -> list[str]:
    value = body.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(text, str) and text for text in value):
        raise Refusal(codes.MALFORMED)
    return value


def integer(body: Mapping[str, Any], key: str) -> int:
    """A number. It may be text: one client sends pool ids as it read them."""
    value = body.get(key)
    if isinstance(value, bool) or not str(value).isdigit():
        raise Refusal(codes.MALFORMED)
    return int(str(value))
