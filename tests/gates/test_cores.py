# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules on every version of ansible-core that is supported: plays, results, and what becomes of secrets."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.gates.conftest import CORES, each_core, python_for

SELECTION = ("tests/module/test_playbook.py", "tests/module/test_secrets.py")
ROWS = "not (dsware or datera or violin or flashsystem or xtremio-3 or xtremio-4.0 or clusters)"
"""One array: what it is makes no difference to Ansible."""
SAME = ("two_hundred", "check_mode_of_a_play", "process_list", "two_files", "no_error_has_a_secret", "ansible_runner")
"""What a core makes hardly a difference to, since it is about the library, the simulator or many tasks. `make
test-slow` runs it on every core."""


def test_what_is_left_out_is_there(root: Path) -> None:
    """A name that no test has would leave out nothing."""
    source = "".join((root / file).read_text(encoding="utf-8") for file in SELECTION)
    assert [name for name in SAME if not re.search(rf"^def test_\w*{name}", source, re.MULTILINE)] == []


@each_core()
def test_modules(
    run: Callable[..., str],
    root: Path,
    environment: Callable[..., Path],
    pythons: dict[str, Path],
    version: str,
    complete: bool,
    used: Callable[[str], None],
) -> None:
    python = python_for(version, pythons)
    commands = environment(
        f"modules-{version}",
        pythons[python],
        *(CORES[version].requirement, "pytest", "pytest-timeout", "hypothesis"),
        file=root / "roles/array_simulator/files/requirements.txt",
    )
    output = run(
        *(commands / "python", "-m", "pytest", "-p", "no:cacheprovider", "-q", *SELECTION),
        *("-k", ROWS if complete else f"{ROWS} and not ({' or '.join(SAME)})"),
        PATH=f"{commands}:/usr/sbin:/usr/bin:/sbin:/bin",
        timeout=1800,
    )
    used(f"modules on ansible-core {version}, Python {python}: {output.splitlines()[-1].strip()}")
