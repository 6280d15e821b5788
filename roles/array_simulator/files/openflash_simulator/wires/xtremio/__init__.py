# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dell EMC XtremIO: the XMS REST API, v1 and v2, of versions 3.0 to 6 (wire sheet: xtremio)."""

from __future__ import annotations

from .wire import XtremioWire

__all__ = ["XtremioWire"]
