# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The assumptions about an array are the same at both ends of its wire, and the simulator can play other values."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import vendors
from ansible_collections.openflash.storage.plugins.module_utils.openflash.assumption import SOURCES, Assumption
from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import VENDORS
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError
from openflash_simulator import assumptions, config
from openflash_simulator.errors import ConfigError
from openflash_simulator.vendors import wire_class
from tests.support import rows

ROOT = Path(__file__).resolve().parents[2]
LAST_SECTIONS = {"datera": 10, "dsware": 9, "flashsystem": 9, "violin": 8, "xtremio": 15}
"""How many sections the wire sheet of an array has."""


def played(vendor: str) -> dict[str, assumptions.Assumption]:
    return {entry.id: entry for entry in wire_class(vendor).assumptions}


@pytest.mark.parametrize("vendor", VENDORS)
def test_both_ends_of_a_wire_assume_the_same(vendor: str) -> None:
    of_client = {entry.id: (entry.value, entry.section) for entry in rows.ledger(vendor)}
    of_simulator = {key: (entry.default, entry.section) for key, entry in played(vendor).items()}
    assert of_client == of_simulator
    assert len(of_client) == len(rows.ledger(vendor)) == len(wire_class(vendor).assumptions), "an id occurs twice"


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_assumption_has_its_id_source_section_and_texts(vendor: str) -> None:
    for entry in rows.ledger(vendor):
        assert re.fullmatch(rf"{vendor}\.[a-z0-9_]+\.[a-z0-9_]+", entry.id), entry.id
        assert entry.source in SOURCES, entry.id
        assert int(entry.section.partition(".")[0]) <= LAST_SECTIONS[vendor], entry.id
        for text in (entry.states, entry.if_wrong, entry.shown_by):
            assert text.endswith("."), f"{entry.id}: {text!r} is not a sentence"


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_assumption_has_other_values(vendor: str) -> None:
    for entry in wire_class(vendor).assumptions:
        assert entry.others, f"{entry.id} has no other value"
        assert entry.default not in entry.others, entry.id
        assert entry.least_kind in entry.others, entry.id


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_assumption_is_used_by_the_simulator(vendor: str) -> None:
    """Otherwise it would be an assumption of the client alone. The client itself need not use the value."""
    folder = ROOT / "roles/array_simulator/files/openflash_simulator/wires"
    sources = [path.read_text() for path in [folder / "base.py", *(folder / vendor).glob("*.py")]]
    used = {
        node.args[0].value
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "assumed" and node.args
        if isinstance(node.args[0], ast.Constant)
    }
    assert {key.removeprefix(f"{vendor}.") for key in played(vendor)} <= used


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_entry_is_in_the_ledger_of_its_array(vendor: str) -> None:
    module = importlib.import_module(f"{vendors.__name__}.{vendor}.ledger")
    entries = [value for value in vars(module).values() if isinstance(value, Assumption)]
    assert [entry.id for entry in entries if entry not in module.LEDGER] == []


# ---- the configuration of a simulator --------------------------------------------------------------------------------

ID = "xtremio.restore.backup_name"


def assumed(raw: Any) -> dict[str, Any]:
    return dict(config.parse([{"vendor": "xtremio", "assume": raw}])[0].assume)


def test_an_array_plays_the_values_of_its_configuration_and_otherwise_the_defaults() -> None:
    defaults = {key: entry.default for key, entry in played("xtremio").items()}
    worst = {key: entry.least_kind for key, entry in played("xtremio").items()}
    assert assumed(None) == defaults
    assert assumed({ID: "set_name"}) == {**defaults, ID: "set_name"}
    assert assumed({ID: "worst"}) == {**defaults, ID: worst[ID]}
    assert assumed({"xtremio.luns.range": [1, 255]})["xtremio.luns.range"] == (1, 255)
    assert assumed({"xtremio.array.clock_ahead": 3600})["xtremio.array.clock_ahead"] == 3600.0
    assert assumed("worst") == worst
    assert assumed({"*": "worst", ID: "requested"}) == {**worst, ID: "requested"}


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        ("best", "array xtremio: assume 'best' is not worst or a mapping of ids to values"),
        (["worst"], "assume ['worst'] is not worst or a mapping"),
        ({"xtremio.luck": 1}, "there is no assumption 'xtremio.luck'; there are xtremio.array.carried_out_after, "),
        ({ID: "other"}, f"assume: {ID} 'other' is not one of 'requested', 'set_name', 'array', 'free'"),
        ({"xtremio.array.ids_reused": 1}, "xtremio.array.ids_reused 1 is not one of False, True"),
        ({"*": "best"}, "assume: * 'best' is not worst"),
    ],
)
def test_an_unknown_assumption_or_value_is_refused(raw: Any, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        assumed(raw)
    assert complaint in str(caught.value)


# ---- errors ----------------------------------------------------------------------------------------------------------


def test_an_error_names_the_assumption_that_it_may_come_from() -> None:
    error = FlashError("the array refused it", hint="Choose another name.", assumption=ID)
    assert error.as_dict()["assumption"] == ID
    assert f"Choose another name. No source proves what is assumed here of the array, {ID}: " in str(error)
    assert "assumed" not in str(FlashError("the array refused it"))
    assert FlashError("the array refused it").fill(assumption=ID).assumption == ID
