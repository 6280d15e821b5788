# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests of the role glance_datera: a Glance, and a Datera for its images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.role.glance_host import Host, glance_python
from tests.support.iscsi import need_tools, portal_address
from tests.support.simulator import Simulator


@pytest.fixture(scope="module")
def datera() -> Iterator[Simulator]:
    """A simulated Datera with real bytes."""
    need_tools()
    with Simulator([{"vendor": "datera", "datapath": True, "address": portal_address()}]) as running:
        yield running


@pytest.fixture(scope="module")
def entry(datera: Simulator) -> dict[str, Any]:
    """The entry of the Datera in endpoints.json."""
    return datera.array("datera")


@pytest.fixture(scope="module")
def glance_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return glance_python(tmp_path_factory.mktemp("service") / "venv")


@pytest.fixture
def glance(glance_of_its_own: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Host]:
    """A Glance with ``multiple`` stores or a ``single`` one, as the test's parameter says."""
    host = Host(tmp_path / "glance", glance_of_its_own, request.param == "multiple")
    yield host
    host.stop()
