# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the driver tests: the distribution as the role builds it, and environments that run scripts.

A script runs in an environment with one Cinder and the built distribution, so the library's only name there is
``openflash``.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.clients import client_python, client_wheel
from tests.support.scripts import Outcome, run_script

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
CLIENTS = ROOT / "tests" / "conformance"
BUILDER = ROOT / "roles" / "openstack_drivers" / "files" / "build_wheel.py"


class Runner:
    """Scripts of this folder in one environment."""

    def __init__(self, python: Path, distribution: Path, **env: str) -> None:
        self.python = python
        self._distribution = distribution
        self._env = env

    def run(self, script: str, *arguments: str) -> Outcome:
        return run_script(self.python, HERE / script, *arguments, paths=[self._distribution], **self._env)


@pytest.fixture(scope="session")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the distribution's packages, for PYTHONPATH."""
    folder = tmp_path_factory.mktemp("distribution")
    command = [sys.executable, str(BUILDER), str(folder)]
    wheel = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout.strip()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture(scope="session")
def cinder29(distribution: Path) -> Runner:
    return Runner(client_python(CLIENTS / "requirements-cinder29.txt"), distribution)


@pytest.fixture(scope="session")
def cinder28(distribution: Path) -> Runner:
    return Runner(client_python(CLIENTS / "requirements-cinder28.txt"), distribution)


@pytest.fixture(scope="session")
def violin(distribution: Path) -> Runner:
    """A current Cinder, to which violin_upstream.py adds the drivers of an old one, and the library that they need."""
    library = client_python(CLIENTS / "requirements-vmemclient.txt").parent.parent
    (packages,) = library.glob("lib/python3*/site-packages")
    return Runner(
        client_python(CLIENTS / "requirements-cinder29.txt"),
        distribution,
        OPENFLASH_VIOLIN_WHEEL=str(client_wheel("cinder==11.2.2")),
        OPENFLASH_VIOLIN_LIBRARY=str(packages),
    )


@pytest.fixture(scope="session")
def datera(distribution: Path) -> Runner:
    return Runner(client_python(CLIENTS / "requirements-datera.txt"), distribution)
