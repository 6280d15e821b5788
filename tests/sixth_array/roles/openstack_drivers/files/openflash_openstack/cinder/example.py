# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Example 100 over iSCSI."""

from __future__ import annotations

from typing import Any

from cinder import interface

from .base import ISCSI
from .connections import Connections
from .management import SnapshotManagement
from .names import BareIds


@interface.volumedriver
class ExampleISCSIDriver(BareIds, Connections, SnapshotManagement):
    """Cinder volume driver for Example 100 over iSCSI. The name of a volume on the array is its id in Cinder."""

    VENDOR = "example"
    VENDOR_NAME = "Example"
    BACKEND_NAME = "Example_ISCSI"
    PROTOCOL = ISCSI

    def _vendor_options(self) -> dict[str, Any]:
        return {"api_root": self._setting("example_api_root") or None}
