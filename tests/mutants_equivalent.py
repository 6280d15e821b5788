# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutants (see mutants.py) that change nothing that anybody can observe, with the reason."""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {}
