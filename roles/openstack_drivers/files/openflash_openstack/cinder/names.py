# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How volumes are named on several arrays alike: as Cinder's earlier drivers of these name them."""

from __future__ import annotations

from typing import Any, Optional

from .management import Management


def identity(volume: Any) -> str:
    """The id in the name on the array: another volume's, where this one was migrated and could not be renamed."""
    return str(volume.get("name_id") or volume["id"])


class BareIds(Management):
    """A volume is called by its id and nothing else."""

    def _volume_name(self, volume: Any) -> str:
        return identity(volume)

    def _migrated_name(self, volume: Any) -> str:
        return str(volume["id"])

    def _unmanaged_name(self, volume: Any) -> Optional[str]:
        return "%s-unmanaged" % identity(volume)
