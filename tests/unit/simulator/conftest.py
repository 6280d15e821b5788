# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated XMSs for the tests of their protocol: one process, an array of each version, emptied for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.simulator import Simulator
from tests.unit.simulator.xms import XmsClient

ARRAYS: list[dict[str, Any]] = [
    {"vendor": "xtremio", "name": "v42", "version": "4.2.0-33", "protocol": "both"},
    {"vendor": "xtremio", "name": "v40", "version": "4.0.2-80", "protocol": "iscsi"},
    {"vendor": "xtremio", "name": "v30", "version": "3.0.3-11", "protocol": "fc"},
    {"vendor": "xtremio", "name": "x2", "version": "6.0.1-27_X2", "chap": True},
    {"vendor": "xtremio", "name": "two", "version": "4.2.0-33", "clusters": ["east", "west"]},
    {
        "vendor": "xtremio",
        "name": "small",
        "pools": [{"name": "tiny", "size": "1GiB"}],
        "limits": {
            "volumes": 4,
            "snapshots_per_volume": 2,
            "mappings": 2,
            "hosts": 2,
            "initiators": 2,
            "name_length": 40,
            "snapshot_set_name": 10,
            "filter_terms": 3,
            "max_lun": 9,
        },
    },
]


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator(ARRAYS) as running:
        yield running


@pytest.fixture
def xms_of(simulator: Simulator) -> Callable[..., XmsClient]:
    def connect(name: str, api: int = 2) -> XmsClient:
        simulator.reset(name)
        return XmsClient(simulator.array(name), api)

    return connect


@pytest.fixture
def xms(xms_of: Callable[..., XmsClient]) -> XmsClient:
    return xms_of("v42")
