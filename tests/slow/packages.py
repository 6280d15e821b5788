# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's packages of servers, of which a test runs one of its own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.debian import apt_install

NO_START = Path("/usr/sbin/policy-rc.d")


def need(package: str, *programs: str) -> None:
    """Installed when root asks, without the system's own server being started."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    if all(shutil.which(program, path=path) for program in programs):
        return
    if os.geteuid() or shutil.which("apt-get") is None:
        pytest.fail(f"{package} is not here: let root install it, or run this as root")
    ours = not NO_START.exists()
    if ours:
        NO_START.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
        NO_START.chmod(0o755)
    try:
        apt_install([package])
    finally:
        if ours:
            NO_START.unlink()
