# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules on every version of ansible-core that is supported: plays, results, and what becomes of secrets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.gates.conftest import CORES, each_core

SELECTION = ("tests/module/test_playbook.py", "tests/module/test_secrets.py")
ROWS = "not (dsware or datera or violin or flashsystem or xtremio-3 or xtremio-4.0 or clusters)"
"""One array: what it is makes no difference to Ansible."""


@each_core()
def test_modules(
    run: Callable[..., str],
    root: Path,
    environment: Callable[..., Path],
    pythons: dict[str, Path],
    version: str,
    used: Callable[[str], None],
) -> None:
    wanted = CORES[version]
    python = next(name for name in wanted.pythons if name in pythons)
    requirements = root / "roles/array_simulator/files/requirements.txt"
    commands = environment(
        f"modules-{version}",
        pythons[python],
        wanted.requirement,
        "pytest",
        "pytest-timeout",
        "hypothesis",
        *("--requirement", str(requirements)),
    )
    output = run(
        commands / "python",
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-q",
        *SELECTION,
        "-k",
        ROWS,
        PATH=f"{commands}:/usr/sbin:/usr/bin:/sbin:/bin",
    )
    used(f"modules on ansible-core {version}, Python {python}: {output.splitlines()[-1].strip()}")
