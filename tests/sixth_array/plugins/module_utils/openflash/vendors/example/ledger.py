# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is assumed about the array because no source proves it."""

from __future__ import annotations

from ...assumption import Ledger, general

LEDGER: Ledger = general("example", "1")
