# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that end with the one that started them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import IO


def child(command: list[str], output: IO[bytes], **env: str) -> subprocess.Popen[bytes]:
    """A process that ends with this one, however that ends."""
    bound = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    return subprocess.Popen(
        [*bound, *command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **env}
    )


def birth(pid: int) -> str:
    """The start time of a process in kernel ticks, which identifies it together with its id; empty if it ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    # The name of the program, in parentheses, may contain any character
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else fields[18]
