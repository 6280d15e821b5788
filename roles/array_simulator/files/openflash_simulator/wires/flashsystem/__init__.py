# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IBM FlashSystem 840 / 900: the SSH command line (wire sheet of the FlashSystem)."""

from .wire import FlashsystemWire

__all__ = ["FlashsystemWire"]
