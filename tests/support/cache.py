# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder where tests keep environments, downloads and disks of hosts between runs, found as the simulator does."""

from __future__ import annotations

import runpy
from pathlib import Path

_SIMULATOR_CACHE = Path(__file__).resolve().parents[2] / "roles/array_simulator/files/openflash_simulator/cache.py"

CACHE: Path = runpy.run_path(str(_SIMULATOR_CACHE))["cache_dir"]() / "openflash"
