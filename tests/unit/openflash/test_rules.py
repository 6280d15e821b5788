# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of array_options, and the refusal of operations that the array lacks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Invalid, Unsupported
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import OptionRule
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import rules
from tests.support.memory_array import MemoryArray
from tests.support.planning import document, refused

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
    ("name", "written", "value"),
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
def test_a_valid_value_of_an_option_is_converted(name: str, written: Any, value: Any) -> None:
    checked = rules.check_options({name: written}, CAPABILITIES)
    assert checked == {name: value}
    assert type(checked[name]) is type(value)


@pytest.mark.parametrize(
    ("name", "written", "hint"),
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
def test_an_invalid_value_of_an_option_is_refused(name: str, written: Any, hint: str) -> None:
    with pytest.raises(Invalid) as caught:
        rules.check_options({name: written}, CAPABILITIES)
    assert caught.value.reason == f"{written!r} is not a value for {name}"
    assert caught.value.hint == hint


def test_an_unknown_option_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Invalid) as caught:
        rules.check_options({"colour": "red"}, CAPABILITIES)
    assert caught.value.hint == "array_options takes cached, copies, iops, mode, note, ratio here."
    with pytest.raises(Invalid) as caught:
        rules.check_options({"colour": "red"}, replace(CAPABILITIES, volume_options={}))
    assert caught.value.hint == "array_options takes nothing here."


# -- operations that the array lacks -----------------------------------------------------------------------------------

IQN = "iqn.2026-01.org.example:"


@pytest.mark.parametrize(
    ("operation", "options"),
    [
        ("create_volume", {"volumes": [{"name": "new", "size": "1GiB"}]}),
        ("clone_volume", {"volumes": [{"name": "new", "source_volume": "db1"}]}),
        ("volume_from_snapshot", {"volumes": [{"name": "new", "source_snapshot": "s1"}]}),
        ("extend_volume", {"volumes": [{"name": "db1", "size": "2GiB"}]}),
        ("rename_volume", {"volumes": [{"name": "new", "rename_from": "db1"}]}),
        ("set_volume", {"volumes": [{"name": "db1", "array_options": {"iops": 5}}]}),
        ("delete_volume", {"volumes": [{"name": "db2", "state": "absent"}]}),
        ("create_snapshots", {"snapshots": [{"name": "new", "volume": "db1"}]}),
        ("delete_snapshot", {"snapshots": [{"name": "s1", "volume": "db1", "state": "absent"}]}),
        ("groups", {"snapshots": [{"name": "new", "group": "g"}]}),
        ("groups", {"snapshots": [{"name": "new", "group": "g", "state": "absent"}]}),
        ("restore_snapshot", {"snapshots": [{"name": "s1", "volume": "db1", "state": "restored", "backup": "before"}]}),
        ("create_host", {"hosts": [{"name": "new", "initiators": [IQN + "new"]}]}),
        ("add_initiators", {"hosts": [{"name": "h", "initiators": [IQN + "new"]}]}),
        ("remove_initiators", {"hosts": [{"name": "h", "initiators": [IQN + "1"], "exclusive_initiators": True}]}),
        ("delete_host", {"hosts": [{"name": "h", "state": "absent"}]}),
        ("map_volume", {"mappings": [{"volume": "db2", "host": "h"}]}),
    ],
)
def test_an_operation_that_the_array_lacks_is_refused_with_its_reason(operation: str, options: Any) -> None:
    def filled_array(**capabilities: Any) -> MemoryArray:
        array = MemoryArray(**capabilities)
        array.volume("db1", options={"iops": 1})
        array.volume("db2")
        array.snapshot("db1", "s1")
        array.group("g", "db1")
        array.host("h", IQN + "1", IQN + "2")
        return array

    possible = document(filled_array(), **options)
    assert possible.errors == []
    impossible = document(filled_array(refusals={operation: "this model never does it"}), **options)
    assert isinstance(refused(impossible, "this model never does it"), Unsupported)
    assert impossible.lines == []


@pytest.mark.parametrize(
    "options",
    [
        {"volumes": [{"name": "bad/name", "rename_from": "db1"}]},
        {"hosts": [{"name": "bad/name", "initiators": [IQN + "new"]}]},
        {"snapshots": [{"name": "bad/name", "group": "g"}]},
        {"snapshots": [{"name": "s1", "volume": "db1", "state": "restored", "backup": "bad/name"}]},
    ],
)
def test_a_new_name_that_the_array_does_not_accept_is_refused(options: Any) -> None:
    array = MemoryArray()
    array.volume("db1")
    array.snapshot("db1", "s1")
    array.group("g", "db1")
    assert isinstance(refused(document(array, **options), "is not a name that this array takes"), Invalid)
