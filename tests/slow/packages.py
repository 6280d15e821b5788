# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs Debian's packages of servers that tests run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.debian import apt_install

NO_START = Path("/usr/sbin/policy-rc.d")


def need(package: str, *programs: str) -> None:
    """Install a package as root unless its programs exist, without starting the system's server; otherwise fail."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    if all(shutil.which(program, path=path) for program in programs):
        return
    if os.geteuid() or shutil.which("apt-get") is None:
        pytest.fail(f"{package} is not installed: let root install it, or run this as root")
    ours = not NO_START.exists()
    if ours:
        NO_START.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
        NO_START.chmod(0o755)
    try:
        apt_install([package])
    finally:
        if ours:
            NO_START.unlink()
