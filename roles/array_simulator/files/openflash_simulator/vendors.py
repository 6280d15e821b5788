# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vendors that can be simulated: one folder of ``wires`` for each."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path

from .wires.base import Wire

VENDORS: tuple[str, ...] = tuple(
    sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).with_name("wires"))]) if module.ispkg)
)


def wire_class(vendor: str) -> type[Wire]:
    """The class of the vendor's protocol: ``NameWire`` of ``wires/NAME/wire.py``. Imports it."""
    module = import_module(f"{__package__}.wires.{vendor}.wire")
    found: type[Wire] = getattr(module, f"{vendor.capitalize()}Wire")
    return found
