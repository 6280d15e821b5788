# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module flash_host_map, and displays the plan of a task that fails."""

from __future__ import annotations

from ansible_collections.openflash.storage.plugins.plugin_utils.plan import WithPlan


class ActionModule(WithPlan):
    """What Ansible looks for."""
