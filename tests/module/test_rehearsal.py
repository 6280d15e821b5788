# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated array that begins with what another array holds, and next quarter's document carried out on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.module.arrays import ROWS, ArrayUnderTest, Modules
from tests.module.test_gathered import build
from tests.support.simulator import Simulator

TIB = 1 << 40
NAMES = ("xtremio-4.2-iscsi", "flashsystem-fc", "datera-2.2", "violin-7.5.5-fc", "dsware-rest")
SECTIONS = ("volumes", "snapshots", "hosts", "mappings")


def read(array: ArrayUnderTest) -> dict[str, Any]:
    """The array as a file has it."""
    result = array.done("flash_array", state="gathered", gather_snapshots=True)
    return {**result["gathered"], "array": {**result["array"], "pools": result["pools"]}}


@pytest.fixture(scope="module")
def copies(
    arrays: dict[str, ArrayUnderTest], modules: Modules, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[dict[str, Any], ArrayUnderTest]]]:
    """By name of the row: what was read from an array, and a simulated array that began with it."""
    folder = tmp_path_factory.mktemp("friday")
    documents, configuration = {}, []
    for name in NAMES:
        original = arrays[name]
        original.reset()
        build(original)
        documents[name] = read(original)
        # JSON is YAML
        (folder / f"{name}.yml").write_text(json.dumps(documents[name]), encoding="utf-8")
        slowness = {"slowness": 0} if name.startswith("datera") else {}
        configuration.append({"from": str(folder / f"{name}.yml"), **slowness})
    rows = {row.name: row for row in ROWS}
    with Simulator(configuration) as simulator:
        yield {name: (documents[name], ArrayUnderTest(rows[name], simulator, modules)) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_an_array_that_begins_with_a_file_is_gathered_as_that_file(
    copies: dict[str, tuple[dict[str, Any], ArrayUnderTest]], name: str
) -> None:
    document, copy = copies[name]
    assert document["volumes"]
    found = read(copy)
    # What the array is made of and nobody declares
    for told in (document, found):
        told["array"].pop("serial")
    assert found == document


@pytest.mark.parametrize("name", NAMES)
def test_next_quarters_document_shows_what_it_leads_to(
    copies: dict[str, tuple[dict[str, Any], ArrayUnderTest]], name: str
) -> None:
    document, copy = copies[name]
    declared = {section: document[section] for section in SECTIONS if document.get(section)}
    assert not copy.done("flash_array", shared=True, **declared).changed
    declared["volumes"] = [*declared["volumes"], {"name": "web-next", "size": "2TiB"}]
    declared["mappings"] = [*declared["mappings"], {"volume": "web-next", "host": "web-server"}]
    done = copy.done("flash_array", shared=True, **declared)
    (mapping,) = [entry for entry in done["mappings"] if entry["volume"] == "web-next"]
    taken = [entry["lun"] for entry in done["mappings"] if entry["volume"] != "web-next"]
    if "explicit_lun" not in copy.row.abilities.refusals:
        assert mapping["lun"] not in taken
    (pool,) = copy.facts(gather_subset=["pools"])["pools"]
    (before,) = document["array"]["pools"]
    if pool["provisioned"] is not None:
        assert pool["provisioned"] == before["provisioned"] + 2 * TIB
    assert pool["free"] <= before["free"]
    too_large = [{"name": "web-huge", "size": "3PiB"}]
    refused = copy.task("flash_array", volumes=too_large)
    assert refused.failed
    assert refused["error"]["target"] == "web-huge"
