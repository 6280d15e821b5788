# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Glance store ``datera`` with glance_store 5.7 against the simulated array and its real iSCSI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openstack.brick_support import Place
from tests.support.iscsi import need_tools, portal_address
from tests.support.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    need_tools()
    array = {"vendor": "datera", "datapath": True, "slowness": 0, "address": portal_address()}
    with Simulator([array, {**array, "name": "older", "version": "3.1.5", "address": portal_address()}]) as running:
        yield running


PARTS = [
    ("datera", "user", 60),
    ("datera", "files", 41),
    ("datera", "killed", 10),
    ("datera", "old", 39),
    ("older", "old", 39),
    ("older", "single", 8),
]


@pytest.mark.parametrize(("array", "part", "steps"), PARTS)
def test_the_store_keeps_the_contract_of_glance_store(
    distribution: Path, simulator: Simulator, array: str, part: str, steps: int
) -> None:
    simulator.reset(array)
    place = Place("glance-store", distribution)
    outcome = place.run("glance_store_datera.py", str(simulator.endpoints_path), array, part)
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) >= steps
