# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Texts of an array that would rewrite a terminal or a log are shown as escapes."""

from __future__ import annotations

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.difference import text
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.step import MAKE, Line
from ansible_collections.openflash.storage.plugins.module_utils.openflash.printable import (
    in_line,
    printable,
    printable_data,
)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("db\u202e1\u2066\u200f", r"db\u202e1\u2066\u200f"),
        ("a\u2028b\x85c\rd", r"a\u2028b\x85c\rd"),
        ("\x00\x7f\ud800", r"\x00\x7f\ud800"),
        ("b\u00fcro \u540d \U0001f600 e\u0301", "b\u00fcro \u540d \U0001f600 e\u0301"),
        ("back\\slash", "back\\slash"),
    ],
)
def test_what_is_unsafe_to_show_is_shown_as_an_escape(given: str, shown: str) -> None:
    assert printable(given) == in_line(given) == shown


def test_line_breaks_stay_in_a_text_and_not_in_a_line() -> None:
    assert printable("a\n\tb") == "a\n\tb"
    assert in_line("a\n\tb") == r"a\n\tb"


def test_all_of_plain_data_is_made_printable() -> None:
    data = {"\x1b": ["\x1b", ("\x1b", 7, None)], "n": {"\x07": True}}
    assert printable_data(data) == {r"\x1b": [r"\x1b", [r"\x1b", 7, None]], "n": {r"\x07": True}}


def test_an_error_is_one_line_without_escape_sequences() -> None:
    error = FlashError("it has\x1b[31m", doing="delete volume a\nb", array="x", said="no\r\nroot: ok")
    assert str(error) == r"Cannot delete volume a\nb on x: it has\x1b[31m (the array answered: no\r\nroot: ok)."


def test_a_step_of_the_plan_is_one_line() -> None:
    shown = text([Line("create volume a\n  - delete volume b\x1b[A", MAKE, destructive=False)])
    assert shown.splitlines()[0] == rf"  {MAKE} create volume a\n  - delete volume b\x1b[A"
