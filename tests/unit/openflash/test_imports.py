# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file of the library can be imported, also those that only one kind of task needs."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from ansible_collections.openflash.storage.plugins.module_utils import openflash

FOLDER = Path(openflash.__file__).parent
MODULES = sorted(
    ".".join((openflash.__name__, *path.relative_to(FOLDER).with_suffix("").parts))
    for path in FOLDER.rglob("*.py")
    if path.name != "__init__.py"
)


@pytest.mark.parametrize("name", MODULES)
def test_a_file_of_the_library_can_be_imported(name: str) -> None:
    assert importlib.import_module(name).__name__ == name
