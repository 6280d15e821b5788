# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs programs of this host: without a shell, with a deadline, and ended together with the programs that they started.

A module may start a program only by ``AnsibleModule.run_command``, and an OpenStack service has no AnsibleModule. So
the user of this library sets once, by ``start_with``, how a process is started. Everything else is the same for both.
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
"""Bytes that are kept of the standard output, and of the error output. What follows is read and dropped."""

KILLED_WITHIN = 10.0
"""Seconds to wait for a killed program to end. A program that waits for a disk which does not answer may not end."""

Process = Any
"""A subprocess.Popen with pipes for both outputs."""

Start = Callable[[List[str], Tuple[int, ...], Dict[str, str], Callable[[Process], None]], int]
"""Starts a program as the leader of a new session, without input, with these file descriptors, and with the environment
of ``for_programs`` with these changes. Calls the function while the program runs, and raises what that raises. Returns
the exit status."""

_start: Optional[Start] = None

# The program ends with its parent (PR_SET_PDEATHSIG of prctl(2), which exec keeps). A core file would contain data.
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
    """The program did not end in time, and was killed with the programs that it had started."""


@dataclass(frozen=True)
class Limits:
    """What a program may use that is killed when this process ends. 0 means no limit."""

    memory: int = 0
    """Bytes of address space."""
    processor: int = 0
    """Seconds of processor time."""


@dataclass(frozen=True)
class Ended:
    """The result of a program."""

    status: int
    """The exit status, or the negative number of the signal that ended it."""
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "replace")

    @property
    def complaint(self) -> str:
        """Its error message; some programs write that to the standard output."""
        return (self.stderr or self.stdout).decode("utf-8", "replace").strip()


def start_with(start: Start) -> None:
    """Set how this process starts programs from now on."""
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

    :param timeout: seconds until the program is killed, with the programs that it started.
    :param descriptors: open file descriptors that the program inherits.
    :param on_output: called with each piece of the standard output; returns the part of it that is kept.
    :raises FileNotFoundError, PermissionError: the program does not exist, or this user may not run it.
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
        # After a signal between start and watch, nothing would end the program.
        until_it_is_watched.enter_context(interruption.deferred())
        watch = _Watch(timeout, on_output, until_it_is_watched.close)
        status = _start(command, tuple(descriptors), dict(environ or {}, LC_ALL="C", LANG="C"), watch)
    return Ended(status, *watch.outputs())


class _Watch:
    """Reads both outputs of a process to their end; kills it at the deadline, or when this process must end."""

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
            open_pipes = {pipe.fileno(): index for index, pipe in enumerate(pipes)}
            while open_pipes:
                for ready in select.select(list(open_pipes), [], [], self._step())[0]:
                    data = os.read(ready, 65536)
                    if data:
                        self._keep(open_pipes[ready], data)
                    else:
                        del open_pipes[ready]
            while process.poll() is None:
                time.sleep(min(0.01, self._step()))
        except BaseException:
            _kill(process)
            raise

    def _step(self) -> float:
        """The longest time to wait now, in seconds.

        :raises Expired: the deadline has passed.
        """
        interruption.check()
        remaining = self._until - time.monotonic()
        if remaining <= 0:
            raise Expired
        return min(remaining, interruption.STEP)

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
        pass  # it does not lead a session yet, or belongs to another user by now
    process.kill()
    until = time.monotonic() + KILLED_WITHIN
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
