# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated XMS and the library's client of it, for the tests in this folder."""

from __future__ import annotations

from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Initiator
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio.client import XtremIO
from tests.support.one_array import OneArray

FC1 = Initiator("1000000000000001", "fc")
FC2 = Initiator("1000000000000002", "fc")
IQN = Initiator("iqn.2026-01.org.example:h1", "iscsi")


class SimulatedXms(OneArray[XtremIO]):
    """One simulated XMS, and clients of it."""

    vendor = "xtremio"
    client = XtremIO
    exact = False

    @property
    def version(self) -> str:
        return str(self.endpoint["version"])

    @property
    def v2(self) -> bool:
        return not self.version.startswith("3.")
