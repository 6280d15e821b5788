# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The library's tests on the oldest Python of this machine, since managed hosts are older than controllers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

SELECTION = ("-m", "not slow", "tests/unit/openflash")


def test_library_on_the_oldest_python(
    run: Callable[..., str], environment: Callable[..., Path], pythons: dict[str, Path], used: Callable[[str], None]
) -> None:
    version, python = list(pythons.items())[-1]
    commands = environment("oldest-python", python, "pytest", "hypothesis", "requests", "paramiko", "PyYAML", "trustme")
    output = run(commands / "python", "-m", "pytest", "-p", "no:cacheprovider", "-q", *SELECTION)
    used(f"library tests on the oldest Python here, {version}: {output.splitlines()[-1].strip()}")
