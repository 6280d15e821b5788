# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module flash_snapshot, and displays the progress of copies that take long.

The option ``suffix`` gets its time here, by the clock of the controller: the hosts of a play may have others.
"""

from __future__ import annotations

import time
from typing import Any, Dict

from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import with_time
from ansible_collections.openflash.storage.plugins.plugin_utils.progress import WithProgress


class ActionModule(WithProgress):
    """What Ansible looks for."""

    def run(self, *args: Any, **kwargs: Any) -> Dict[str, Any]:
        now = time.time()
        self._task.args = _timed(self._task.args, now)
        snapshots = self._task.args.get("snapshots")
        if isinstance(snapshots, list):
            self._task.args["snapshots"] = [_timed(one, now) if isinstance(one, dict) else one for one in snapshots]
        result: Dict[str, Any] = super().run(*args, **kwargs)
        return result


def _timed(options: Dict[str, Any], now: float) -> Dict[str, Any]:
    """A copy of the options with the time in ``suffix``."""
    suffix = options.get("suffix")
    return dict(options, suffix=with_time(suffix, now)) if isinstance(suffix, str) else dict(options)
