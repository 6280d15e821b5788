# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for unmodified third-party clients that are driven against the simulators."""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.support.clients import client_python
from tests.support.scripts import Outcome, run_script

HERE = Path(__file__).parent


def rarely(*values: object) -> ParameterSet:
    """A row of parameters that only `make test-slow` runs, because the other rows prove nearly the same."""
    return pytest.param(*values, marks=pytest.mark.slow)


class Client:
    """A script of this folder in the environment of the client that it drives."""

    def __init__(self, python: Path) -> None:
        self._python = python

    def drive(self, script: str, *arguments: str) -> Outcome:
        # Nothing else of this project is importable there: only the protocol is tested.
        return run_script(self._python, HERE / script, *arguments)


@pytest.fixture(scope="session")
def cinder29() -> Client:
    return Client(client_python(HERE / "requirements-cinder29.txt"))


@pytest.fixture(scope="session")
def cinder28() -> Client:
    return Client(client_python(HERE / "requirements-cinder28.txt"))
