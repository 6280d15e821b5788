# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutants (see mutants.py) without an observable effect, with the reason."""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {
    "plan/snapshots.py: restored: draft.check_destructive()  left out": (
        "both steps that follow are destructive, and a draft refuses such a step by itself"
    ),
    "plan/snapshots.py: _at_one_instant: len(existing) > 1  ->  len(existing) >= 1": (
        "one snapshot is always of one instant"
    ),
    "plan/mappings.py: _absent: volume.id or None  ->  volume.id and None": (
        "a step that unmaps names the volume and the host, and uses no id of this mapping"
    ),
}
"""By the description of a mutant without its line."""
