# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What services that are not root may run as root, judged by oslo.rootwrap itself: all that is needed, and no more."""

from __future__ import annotations

from pathlib import Path

from tests.openstack.conftest import ROOT, Runner

GUIDE = ROOT / "docs" / "docsite" / "rst" / "guide_glance.rst"


def documented_filters() -> str:
    """Those that the guide tells an operator of the image store to have."""
    lines = GUIDE.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.strip() == "[Filters]")
    found = []
    for line in lines[start:]:
        if not line.strip():
            break
        found.append(line.strip())
    return "\n".join(found) + "\n"


def test_filters(cinder29: Runner, tmp_path: Path) -> None:
    path = tmp_path / "openflash.filters"
    path.write_text(documented_filters(), encoding="utf-8")
    outcome = cinder29.run("rootwrap_filters.py", str(tmp_path))
    assert (outcome.wrong, outcome.status) == ([], 0)
    assert len(outcome.steps) == 34
