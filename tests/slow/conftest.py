# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of tests that take minutes: an emulated host and arrays for it. ``make test-slow`` runs these tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openstack.conftest import BUILDER, distribution
from tests.slow.openstack_host import Node
from tests.support.clients import client_python
from tests.support.iscsi import need_tools, portal_address
from tests.support.openstack_node import REQUIREMENTS
from tests.support.simulator import Simulator

__all__ = ["distribution"]


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python of services that run on this machine beside the emulated host."""
    return client_python(REQUIREMENTS)


@pytest.fixture(scope="session")
def arrays() -> Iterator[Simulator]:
    """Two arrays with real bytes, whose portals the emulated host reaches."""
    need_tools()
    with Simulator(
        [
            {"vendor": "datera", "datapath": True, "slowness": 0, "address": portal_address()},
            {"vendor": "xtremio", "datapath": True, "protocol": "iscsi", "chap": True, "address": portal_address()},
        ]
    ) as running:
        yield running


@pytest.fixture(scope="session")
def node(arrays: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, str(BUILDER), str(folder)], check=True, capture_output=True, timeout=600)
    (wheel,) = folder.glob("*.whl")
    with Node() as running:
        running.install(wheel)
        running.meet(arrays)
        yield running
