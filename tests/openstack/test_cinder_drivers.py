# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every operation of every Cinder driver against the simulated arrays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.openstack.conftest import Runner
from tests.support.simulator import Simulator

ARRAYS = [
    {"name": "xtremio", "vendor": "xtremio"},
    {"name": "xtremio-old", "vendor": "xtremio", "version": "4.0.2-80"},
    {"name": "flashsystem", "vendor": "flashsystem", "protocol": "both"},
    {"name": "violin", "vendor": "violin", "version": "7.5.6", "protocol": "both"},
    {"name": "dsware", "vendor": "dsware", "agents": ["127.0.0.1", "127.0.0.2"]},
    {"name": "datera", "vendor": "datera"},
]
ROWS = [
    ("xtremio", "xtremio-iscsi"),
    ("xtremio-old", "xtremio-fc"),
    ("flashsystem", "flashsystem-fc"),
    ("flashsystem", "flashsystem-iscsi"),
    ("violin", "violin-fc"),
    ("violin", "violin-iscsi"),
    ("dsware", "dsware"),
    ("datera", "datera"),
]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(ARRAYS) as running:
        yield running


@pytest.mark.parametrize(("name", "kind"), ROWS)
def test_operations(cinder29: Runner, simulator: Simulator, name: str, kind: str) -> None:
    simulator.reset(name)
    outcome = cinder29.run("operations.py", str(simulator.endpoints_path), name, kind)
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) > 60
