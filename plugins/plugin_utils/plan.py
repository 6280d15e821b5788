# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module that changes an array, and displays the plan of a task that fails."""

from __future__ import annotations

from typing import Any, Dict

from ansible import constants
from ansible.plugins.action.normal import ActionModule as Normal
from ansible.utils.display import Display


class WithPlan(Normal):  # type: ignore[misc] # ansible-core has no types here
    """The action plugin of a module whose result has a plan in its ``diff``.

    Ansible displays the difference only of a task that succeeds. But what is refused, and what would be done besides,
    is of use above all where a task fails.
    """

    def _execute_module(self, *args: Any, **kwargs: Any) -> Dict[str, Any]:
        result: Dict[str, Any] = super()._execute_module(*args, **kwargs)
        # With failed_when it may be a success, whose difference Ansible displays
        if result.get("failed") and self._task.diff and not (self._task.no_log or self._task.failed_when):
            plan = _plan_in(result.get("diff"))
            if plan:
                show(plan)
        return result


def _plan_in(diff: Any) -> str:
    first = diff[0] if isinstance(diff, list) and diff else None
    text = first.get("prepared") if isinstance(first, dict) else None
    return text.rstrip("\n") if isinstance(text, str) else ""


def show(text: str) -> None:
    """Display a text in the normal output, but for callbacks whose standard output programs read."""
    Display().display(text, stderr="json" in str(constants.DEFAULT_STDOUT_CALLBACK))
