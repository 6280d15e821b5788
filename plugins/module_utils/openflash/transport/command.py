# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A command of this host: its arguments as a list, never a shell, with a deadline, and in the journal."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from ..errors import FlashError, Invalid, MissingProgram, Timeout, Unauthorized
from . import interruption
from .environment import for_programs
from .journal import Journal
from .lost import LostReply, LostTimeout

LARGEST_OUTPUT = 1024**2


@dataclass(frozen=True)
class Output:
    """What a command that ended with status 0 wrote."""

    command: str
    """The command line, for messages."""
    stdout: str
    stderr: str


class CommandTransport:
    """Runs programs, one at a time and as this user.

    :param timeout: seconds until the program, and what it started, is killed.
    """

    def __init__(self, timeout: float = 60.0, journal: Optional[Journal] = None) -> None:
        self.timeout = timeout
        self.journal = journal if journal is not None else Journal()

    def run(self, argv: Sequence[str], write: bool = True, session: bool = False) -> Output:
        """The output of a command that succeeded.

        :raises MissingProgram, Unauthorized: there is no such program, or this user may not run it.
        :raises LostAnswer: a write was killed at the deadline, or failed: read the state and decide.
        :raises Timeout, FlashError: the same for a read.
        """
        interruption.check()
        words = list(argv)
        command = self.journal.mask(" ".join(words))
        started = time.monotonic()
        outcome, sent = "interrupted", True
        process: Optional[subprocess.Popen[bytes]] = None
        try:
            with interruption.deferred():
                process = self._start(words)
            outcome, stdout, stderr = self._finish(process)
        except BaseException as error:
            if process is None:
                outcome, sent = error.reason if isinstance(error, FlashError) else str(error), False
            elif process.poll() is None:
                self._kill(process)
            raise
        finally:
            self.journal.append(
                os.path.basename(words[0]),
                command,
                None,
                outcome,
                write=write,
                session=session,
                seconds=time.monotonic() - started,
                sent=sent,
            )
        if outcome == "killed":
            reason, hint = "%s did not end within %g s" % (command, self.timeout), "Raise timeout if it needs longer."
            raise LostTimeout(reason, hint=hint).allowing(self.timeout) if write else Timeout(reason, hint=hint)
        if outcome != "0":
            reason = "%s failed with status %s" % (command, outcome)
            said = self.journal.mask(" ".join((stderr or stdout).split()))[:200] or None
            raise LostReply(reason, said=said).allowing(self.timeout) if write else FlashError(reason, said=said)
        return Output(command, stdout, stderr)

    @staticmethod
    def _start(words: Sequence[str]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env=for_programs(LC_ALL="C", LANG="C"),
            )
        except FileNotFoundError:
            raise MissingProgram(
                words[0],
                "to talk to this array",
                hint="Check attach_tool, and that the task runs on the host that has it.",
            ) from None
        except PermissionError:
            raise Unauthorized("this user may not run %s" % words[0], hint="Run the task with become: true.") from None
        except OSError as error:
            raise Invalid("%s cannot be run: %s" % (words[0], error.strerror)) from None

    def _finish(self, process: subprocess.Popen[bytes]) -> Tuple[str, str, str]:
        """How it ended (its status, or killed), and what it wrote."""
        until = time.monotonic() + self.timeout
        try:
            while True:
                try:
                    left = max(0.0, until - time.monotonic())
                    stdout, stderr = process.communicate(timeout=min(left, interruption.STEP))
                    return str(process.returncode), _text(stdout), _text(stderr)
                except subprocess.TimeoutExpired:
                    interruption.check()
                    if time.monotonic() >= until:
                        self._kill(process)
                        return "killed", "", ""
        except BaseException:
            self._kill(process)
            raise

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.communicate()


def _text(data: bytes) -> str:
    return data[:LARGEST_OUTPUT].decode("utf-8", "replace")
