# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that services may run as root, as oslo.rootwrap itself decides: all that are needed, and no others."""

from __future__ import annotations

from pathlib import Path

from tests.openstack.conftest import ROOT, Runner

GUIDE = ROOT / "docs" / "docsite" / "rst" / "guide_glance.rst"


def documented_filters() -> str:
    """The filters that the guide has for an operator of the image store."""
    lines = GUIDE.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.strip() == "[Filters]")
    filters = []
    for line in lines[start:]:
        if not line.strip():
            break
        filters.append(line.strip())
    return "\n".join(filters) + "\n"


def test_the_documented_filters_permit_what_is_needed_and_nothing_else(cinder29: Runner, tmp_path: Path) -> None:
    path = tmp_path / "openflash.filters"
    path.write_text(documented_filters(), encoding="utf-8")
    outcome = cinder29.run("rootwrap_filters.py", str(tmp_path))
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) == 34
