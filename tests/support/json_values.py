# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of single fields in a JSON document, for tests of damaged answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def keys_of(value: Any) -> Iterator[str]:
    """Every key of every object in the document, repeated ones too."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)


def with_value(value: Any, key: str, replacement: Any) -> Any:
    """A copy of the document in which this key has another value wherever it occurs; with ``...`` it is left out."""
    if isinstance(value, dict):
        kept = {
            name: with_value(inner, key, replacement)
            for name, inner in value.items()
            if name != key or replacement is not ...
        }
        return {**kept, key: replacement} if key in value and replacement is not ... else kept
    return [with_value(inner, key, replacement) for inner in value] if isinstance(value, list) else value
