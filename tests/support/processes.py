# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that do not outlive what started them."""

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
    """When the process was started, in ticks of the kernel: with the id it names one process. Empty when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    # The name of the program, in parentheses, may have anything in it
    state, *rest = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else rest[18]
