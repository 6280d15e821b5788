# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts the programs of the library in a service: by the standard library, which Ansible modules may not use."""

from __future__ import annotations

import subprocess
from typing import Callable

from openflash.transport import programs
from openflash.transport.environment import for_programs


def start(
    words: list[str],
    descriptors: tuple[int, ...],
    environ: dict[str, str],
    watch: Callable[[programs.Process], None],
) -> int:
    """Start a program, as ``programs.Start`` defines it."""
    # Not as a context manager, which would wait without limit for a program that cannot be killed.
    process = subprocess.Popen(  # noqa: S603  the arguments are the library's own
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=descriptors,
        env=for_programs(**environ),
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101  for mypy: it is a pipe
    assert process.stderr is not None  # noqa: S101  for mypy: it is a pipe
    with process.stdout, process.stderr:
        watch(process)
        return process.wait()
