# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Huawei Dsware / FusionStorage block: text socket, REST and command-line tools over one array (wire sheet: dsware)."""

from __future__ import annotations

from .wire import DswareWire

__all__ = ["DswareWire"]
