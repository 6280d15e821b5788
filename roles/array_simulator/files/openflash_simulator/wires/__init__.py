# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One module (or package) per vendor. This table is the only place that lists them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Wire

# vendor -> module and class; a vendor's module is imported only when one of its arrays is simulated.
VENDORS: dict[str, tuple[str, str]] = {
    "flashsystem": ("flashsystem", "FlashsystemWire"),
    "violin": ("violin", "ViolinWire"),
    "datera": ("datera", "DateraWire"),
    "dsware": ("dsware", "DswareWire"),
    "xtremio": ("xtremio", "XtremioWire"),
}


def wire_class(vendor: str) -> type[Wire]:
    """The class that speaks this vendor's protocol."""
    module, name = VENDORS[vendor]
    found: type[Wire] = getattr(import_module(f"{__name__}.{module}"), name)
    return found
