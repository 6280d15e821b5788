# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Register the connector with os-brick.

os-brick has no entry points for connectors of other packages, but a table of the classes of its connectors. A new entry
in that table changes no file and no class.
"""

from __future__ import annotations

from types import ModuleType

CLASS = "openflash_openstack.brick.connector.DswareConnector"
PROTOCOLS = ("DSWARE", "HUAWEISDSHYPERVISOR")
"""In capitals, as the factory has them. The second one is that of the SDSHypervisor drivers, which attach with the same
tool; os-brick's own connector for it fails if the volume is already detached (section 1.4)."""


def register(connector: ModuleType) -> None:
    """:param connector: the module ``os_brick.initiator.connector``."""
    for protocol in PROTOCOLS:
        connector.get_connector_mapping("x86_64")[protocol] = CLASS
