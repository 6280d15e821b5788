# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets the library start programs in a test process, as modules and services do in theirs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport import programs
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.environment import for_programs


def start(
    command: list[str],
    descriptors: tuple[int, ...],
    environ: dict[str, str],
    watch: Callable[[programs.Process], None],
) -> int:
    """Start a program and return its exit status, as ``programs.Start`` demands."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=descriptors,
        env=for_programs(**environ),
        start_new_session=True,
    ) as process:
        watch(process)
        return process.wait()


programs.start_with(start)
