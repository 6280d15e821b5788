# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tests share a worker: those of one file, which share its simulators; of the longest file those of one row."""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        group = item.nodeid.partition("::")[0]
        row = getattr(item, "callspec", None) and item.callspec.params.get("thorough")  # type: ignore[attr-defined]
        item.add_marker(pytest.mark.xdist_group(f"{group} {row.name}" if row else group))
