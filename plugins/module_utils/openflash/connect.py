# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The arrays that the library knows, and how to connect to one."""

from __future__ import annotations

from typing import Dict

from .array import Array
from .errors import Invalid
from .model import Connection
from .vendor import Vendor
from .vendors.datera.vendor import DATERA
from .vendors.dsware.vendor import DSWARE
from .vendors.flashsystem.vendor import FLASHSYSTEM
from .vendors.violin.vendor import VIOLIN
from .vendors.xtremio.vendor import XTREMIO

VENDORS: Dict[str, Vendor] = {
    vendor.name: vendor
    for vendor in (
        DATERA,
        DSWARE,
        FLASHSYSTEM,
        VIOLIN,
        XTREMIO,
    )
}


def connect(connection: Connection) -> Array:
    """A connected array, to be used as a context manager.

    :raises Invalid: the vendor, or a connection option of another vendor.
    """
    vendor = VENDORS.get(connection.vendor)
    if vendor is None:
        raise Invalid(
            "there is no vendor %r" % connection.vendor, hint="Set vendor to one of: %s." % ", ".join(sorted(VENDORS))
        )
    foreign = sorted(key for key, value in connection.options.items() if value and key not in vendor.options)
    if foreign:
        raise Invalid("%s has no connection option %s" % (vendor.title, " or ".join(foreign)))
    return vendor.load()(connection)
