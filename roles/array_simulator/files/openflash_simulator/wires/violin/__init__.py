# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Violin Memory 7300 and 7700 FSP: the management API of Concerto OS 7.5 (wire sheet: violin)."""

from __future__ import annotations

from .wire import ViolinWire

__all__ = ["ViolinWire"]
