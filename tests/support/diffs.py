# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``diff`` of a result: the plan as text, then an entry for each object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:  # the oldest Python of the library cannot evaluate it
    Diff = Sequence[dict[str, Any]]


def plan_text(diff: Diff) -> str:
    """The first entry; empty when nothing was to be done."""
    return str(diff[0]["prepared"]) if diff else ""


def plan_lines(diff: Diff) -> list[str]:
    """Its lines between the headline and the summary, without indentation."""
    return [line.strip() for line in plan_text(diff).strip().splitlines()[1:-1]]


def before(diff: Diff) -> dict[str, Any]:
    """By object, what differs from how it is after the task; without objects that did not exist."""
    return _side(diff, "before")


def after(diff: Diff) -> dict[str, Any]:
    return _side(diff, "after")


def _side(diff: Diff, side: str) -> dict[str, Any]:
    for entry in diff[1:]:
        assert set(entry) == {"before", "after", "before_header", "after_header"}
        assert entry["before_header"] == entry["after_header"]
        assert entry["before"] != entry["after"]
    found = {entry[f"{side}_header"]: yaml.safe_load(entry[side]) for entry in diff[1:]}
    assert len(found) == len(diff[1:]), "two objects have the same header"
    return {name: data for name, data in found.items() if data}
