# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of this host: never by a shell, with a deadline, watched while they run, ended with all that they started.

A module may start a program only by ``AnsibleModule.run_command``, and an OpenStack service has no AnsibleModule. So
what uses this library says once, by ``start_with``, how a process is started. The rest is the same for both.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any, Callable, Dict, List, Mapping as Map, Optional, Sequence, Tuple

from ..errors import FlashError
from . import interruption

LARGEST_OUTPUT = 1024**2
"""Bytes of each of its two outputs that are kept; more is read, and dropped."""

GONE_WITHIN = 10.0
"""Seconds within which a program that was killed ends. One that waits for a disk which does not answer may not."""

Process = Any
"""A subprocess.Popen with pipes for both outputs."""

Start = Callable[[List[str], Tuple[int, ...], Dict[str, str], Callable[[Process], None]], int]
"""Starts a program as the leader of a new session, with no input, these file descriptors, and an environment of
``for_programs`` with these changes. Calls the function while the program runs, and raises what that raises. Returns the
status at the end."""

_start: Optional[Start] = None

# Ends with its parent (PR_SET_PDEATHSIG of prctl(2), which lasts over exec); no core file, which would hold data.
_LIMITED = """\
import ctypes, os, resource, sys
parent, memory, seconds = map(int, sys.argv[1:4])
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != parent:
    sys.exit(1)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
if memory:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
if seconds:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
os.execv(sys.argv[4], sys.argv[4:])
"""


class Expired(Exception):
    """The program did not end in time, and was killed with all that it had started."""


@dataclass(frozen=True)
class Limits:
    """What a program may use that works for us alone: it is killed when this process ends. 0 means no limit."""

    memory: int = 0
    """Bytes of address space."""
    processor: int = 0
    """Seconds of processor time."""


@dataclass(frozen=True)
class Ended:
    """How a program ended: its status, or the number of the signal that ended it, negative; and what it wrote."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "replace")

    @property
    def complaint(self) -> str:
        """What it says is wrong; some programs say that where the result is expected."""
        return (self.stderr or self.stdout).decode("utf-8", "replace").strip()


def start_with(start: Start) -> None:
    """Say how programs are started from now on, for the complete process."""
    global _start
    _start = start


def run(
    words: Sequence[str],
    timeout: float,
    descriptors: Sequence[int] = (),
    environ: Optional[Map[str, str]] = None,
    limits: Optional[Limits] = None,
    on_output: Optional[Callable[[bytes], bytes]] = None,
) -> Ended:
    """Run a program to its end, with its messages in English.

    :param timeout: seconds until the program, and what it started, is killed.
    :param descriptors: open file descriptors that the program gets.
    :param on_output: called with each piece of the standard output; returns the part of it that is to be kept.
    :raises FileNotFoundError, PermissionError: there is no such program, or this user may not run it.
    :raises Expired: it did not end in time.
    """
    interruption.check()
    if _start is None:
        raise FlashError("programs cannot be started: start_with() has not been called")
    path = shutil.which(words[0])
    if path is None:
        raise PermissionError(words[0]) if os.path.exists(words[0]) else FileNotFoundError(words[0])
    command = [path] + list(words[1:])
    if limits is not None:
        numbers = [str(number) for number in (os.getpid(), limits.memory, limits.processor)]
        command = [sys.executable, "-I", "-S", "-c", _LIMITED] + numbers + command
    with ExitStack() as until_it_is_watched:
        # A signal between the start and the watch would leave a program running that nobody knows of.
        until_it_is_watched.enter_context(interruption.deferred())
        watch = _Watch(timeout, on_output, until_it_is_watched.close)
        status = _start(command, tuple(descriptors), dict(environ or {}, LC_ALL="C", LANG="C"), watch)
    return Ended(status, *watch.outputs())


class _Watch:
    """Reads what a process writes until it has closed both outputs; kills it at the deadline, or when it must end."""

    def __init__(
        self, timeout: float, on_output: Optional[Callable[[bytes], bytes]], on_start: Callable[[], None]
    ) -> None:
        self._until = time.monotonic() + timeout
        self._on_output = on_output
        self._on_start = on_start
        self._kept: Tuple[List[bytes], List[bytes]] = ([], [])

    def outputs(self) -> Tuple[bytes, bytes]:
        out, error = (b"".join(parts)[:LARGEST_OUTPUT] for parts in self._kept)
        return out, error

    def __call__(self, process: Process) -> None:
        try:
            self._on_start()
            pipes: List[IO[bytes]] = [process.stdout, process.stderr]
            left = {pipe.fileno(): index for index, pipe in enumerate(pipes)}
            while left:
                for ready in select.select(list(left), [], [], self._step())[0]:
                    data = os.read(ready, 65536)
                    if data:
                        self._keep(left[ready], data)
                    else:
                        del left[ready]
            while process.poll() is None:
                time.sleep(min(0.01, self._step()))
        except BaseException:
            _kill(process)
            raise

    def _step(self) -> float:
        """Seconds to wait at most, now."""
        interruption.check()
        left = self._until - time.monotonic()
        if left <= 0:
            raise Expired
        return min(left, interruption.STEP)

    def _keep(self, index: int, data: bytes) -> None:
        if index == 0 and self._on_output is not None:
            data = self._on_output(data)
        kept = self._kept[index]
        if sum(map(len, kept)) < LARGEST_OUTPUT:
            kept.append(data)


def _kill(process: Process) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # it does not lead a session yet, or is of another user by now
    process.kill()
    until = time.monotonic() + GONE_WITHIN
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
