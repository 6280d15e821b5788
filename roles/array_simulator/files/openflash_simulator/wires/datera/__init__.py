# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datera EDF: REST 2.1 and 2.2 over HTTP and HTTPS. Section numbers are those of the wire sheet."""

from __future__ import annotations

from .wire import DateraWire

__all__ = ["DateraWire"]
