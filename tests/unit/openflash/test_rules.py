# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules take for a value of array_options."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Invalid
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import OptionRule
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import rules
from tests.support.memory_array import MemoryArray

OPTIONS = {
    "iops": OptionRule(int),
    "cached": OptionRule(bool),
    "note": OptionRule(str),
    "ratio": OptionRule(float),
    "mode": OptionRule(str, ("fast", "slow")),
    "copies": OptionRule(int, (1, 2), description="1 or 2"),
}
CAPABILITIES = replace(MemoryArray().capabilities, volume_options=OPTIONS)


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("iops", 500, 500),
        ("iops", "500", 500),
        ("iops", " 500 ", 500),
        ("iops", 0, 0),
        ("iops", "0", 0),
        ("cached", True, True),
        ("cached", False, False),
        ("cached", "true", True),
        ("cached", "Yes", True),
        ("cached", "false", False),
        ("cached", " no ", False),
        ("note", "yes", "yes"),
        ("note", "TRUE", "TRUE"),
        ("note", "5", "5"),
        ("ratio", 2, 2.0),
        ("ratio", 2.5, 2.5),
        ("mode", "fast", "fast"),
        ("copies", "2", 2),
    ],
)
def test_a_value_of_an_option(name: str, given: Any, value: Any) -> None:
    checked = rules.check_options({name: given}, CAPABILITIES)
    assert checked == {name: value}
    assert type(checked[name]) is type(value)


@pytest.mark.parametrize(
    ("name", "given", "hint"),
    [
        ("iops", "many", "It takes a value of type int."),
        ("iops", "5.0", "It takes a value of type int."),
        ("iops", -1, "It takes a value of type int."),
        ("iops", "-1", "It takes a value of type int."),
        ("iops", True, "It takes a value of type int."),
        ("iops", "yes", "It takes a value of type int."),
        ("iops", None, "It takes a value of type int."),
        ("cached", "maybe", "It takes a value of type bool."),
        ("cached", "", "It takes a value of type bool."),
        ("cached", 1, "It takes a value of type bool."),
        ("cached", "1", "It takes a value of type bool."),
        ("note", " ", "It takes a value of type str."),
        ("note", 5, "It takes a value of type str."),
        ("note", True, "It takes a value of type str."),
        ("ratio", "2", "It takes a value of type float."),
        ("ratio", True, "It takes a value of type float."),
        ("ratio", -2, "It takes a value of type float."),
        ("mode", "medium", "It takes one of fast, slow."),
        ("mode", "", "It takes one of fast, slow."),
        ("copies", 3, "It takes 1 or 2."),
    ],
)
def test_what_is_no_value_of_an_option(name: str, given: Any, hint: str) -> None:
    with pytest.raises(Invalid) as caught:
        rules.check_options({name: given}, CAPABILITIES)
    assert caught.value.reason == f"{given!r} is not a value for {name}"
    assert caught.value.hint == hint


def test_an_option_that_volumes_of_the_array_do_not_have() -> None:
    with pytest.raises(Invalid) as caught:
        rules.check_options({"colour": "red"}, CAPABILITIES)
    assert caught.value.hint == "array_options takes cached, copies, iops, mode, note, ratio here."
    with pytest.raises(Invalid) as caught:
        rules.check_options({"colour": "red"}, replace(CAPABILITIES, volume_options={}))
    assert caught.value.hint == "array_options takes nothing here."
