# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulators of all-flash arrays that unmodified clients cannot tell from the real thing.

The array itself (:mod:`.array`) knows volumes, hosts and mappings and no protocol; each module in :mod:`.wires` speaks
one vendor's management protocol and knows nothing of the others.
"""

from __future__ import annotations
