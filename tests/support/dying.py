# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that end in the middle of their work.

A test has threads (of paramiko's), and a fork of a process with threads may wait forever for a lock that one of them
held. So a server without threads, started once, makes these processes.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from typing import Any

from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import connect
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Connection, VolumeSpec
from tests.support import programs  # noqa: F401  its import lets the library start programs

DIED = 9
"""The exit status of a process that ended where it was told to."""

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.support.dying", "paramiko"])


def in_a_process(action: Callable[..., None], *arguments: Any, seconds: float = 120) -> int:
    """The exit status of a process that calls a function of a module."""
    process = _processes.Process(target=action, args=arguments)
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join(60)
        raise AssertionError(f"{action.__name__} did not end within {seconds:.0f} s")
    assert process.exitcode is not None
    return process.exitcode


def clone_and_die(connection: Connection, source: str, name: str, after: int, done: bool) -> None:
    """Clone a volume of a FlashSystem, and end after so many commands; ``done``: when the next one was answered."""
    with connect(connection) as client:
        found = client.volumes([source]).items[0]
        run, left = client._wire.ssh.run, [after]

        def dying(*words: Any, **options: Any) -> Any:
            if not left[0] and not done:
                os._exit(DIED)
            output = run(*words, **options)
            if not left[0]:
                os._exit(DIED)
            left[0] -= 1
            return output

        client._wire.ssh.run = dying
        client.clone_volume(found, VolumeSpec(name))
