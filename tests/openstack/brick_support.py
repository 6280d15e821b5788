# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs scripts in an environment with os-brick, Nova or glance_store and with the built distribution.

The distribution is a site folder: its path file is used and its entry points are found, as if pip had installed it.
"""

from __future__ import annotations

from pathlib import Path

from tests.support.clients import client_python
from tests.support.scripts import Outcome, run_script

HERE = Path(__file__).parent


class Place:
    """The environment of ``requirements-<kind>.txt`` in this folder, with the distribution."""

    def __init__(self, kind: str, distribution: Path) -> None:
        self._python = client_python(HERE / f"requirements-{kind}.txt")
        self._site = str(distribution)

    def run(self, script: str, *arguments: str) -> Outcome:
        return run_script(self._python, HERE / script, *arguments, OPENFLASH_SITE=self._site)
