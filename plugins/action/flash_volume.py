# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module flash_volume, and displays the progress of copies that take long."""

from __future__ import annotations

from ansible_collections.openflash.storage.plugins.plugin_utils.progress import WithProgress


class ActionModule(WithProgress):
    """What Ansible looks for."""
