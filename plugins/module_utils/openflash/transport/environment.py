# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of programs that the library starts on this host."""

from __future__ import annotations

import os
from typing import Dict

OPTIONS = "FLASH_"
"""How the variables begin that stand for options of a connection, its password among them."""


def for_programs(**more: str) -> Dict[str, str]:
    """A copy of this process's environment without options of a connection; ``more`` is added."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OPTIONS)}
    return dict(kept, **more)
