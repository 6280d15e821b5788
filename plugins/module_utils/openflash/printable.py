# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Texts of an array as people may see them.

An array, or whoever answers in its place, may send escape sequences that rewrite a terminal, line breaks that look like
further lines of a log, and characters that turn the direction of a text round, in any name or message. They are shown
as escapes, as in a Python string. What is sent to an array, and how objects are compared, is not affected.
"""

from __future__ import annotations

import re
from typing import Any

# Control characters, the marks and overrides of a text's direction, separators of lines, and halves of a character.
_UNSAFE = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_IN_TEXT = re.compile("[%s]" % _UNSAFE)
_IN_LINE = re.compile("[\t\n%s]" % _UNSAFE)


def printable(text: str) -> str:
    """The text with escapes for what is unsafe to show; line breaks and tabs stay."""
    return _IN_TEXT.sub(_escape, text)


def in_line(text: str) -> str:
    """The text as part of one line: line breaks and tabs are escaped too."""
    return _IN_LINE.sub(_escape, text)


def printable_data(data: Any) -> Any:
    """A copy of plain data with printable texts, keys included."""
    if isinstance(data, str):
        return printable(data)
    if isinstance(data, dict):
        return {printable_data(key): printable_data(value) for key, value in data.items()}
    return [printable_data(item) for item in data] if isinstance(data, (list, tuple)) else data


def _escape(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode("ascii")
