# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs commands of this host: without a shell, with a deadline, and recorded in the journal."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import List, Optional, Sequence

from ..errors import FlashError, Invalid, MissingProgram, Timeout, Unauthorized
from . import interruption, programs
from .confirm import AnswerTimeout, AnswerUnreadable
from .journal import Journal


@dataclass(frozen=True)
class Output:
    """The output of a command that ended with status 0."""

    command: str
    """The command line, for messages."""
    stdout: str
    stderr: str


class CommandTransport:
    """Runs programs as this user.

    :param timeout: seconds until a program is killed, with the programs that it started.
    """

    def __init__(self, timeout: float = 60.0, journal: Optional[Journal] = None) -> None:
        self.timeout = timeout
        self.journal = journal if journal is not None else Journal()

    def run(self, argv: Sequence[str], write: bool = True, session: bool = False) -> Output:
        """The output of a command that succeeded.

        :raises MissingProgram: the program does not exist.
        :raises Unauthorized: this user may not run it.
        :raises AnswerLost: a write was killed at the deadline, or failed: read the state and decide.
        :raises Timeout, FlashError: a read was killed at the deadline, or failed.
        """
        interruption.check()
        words = list(argv)
        command = self.journal.mask(" ".join(words))
        started = time.monotonic()
        outcome, sent = "interrupted", True
        ended: Optional[programs.Ended] = None
        try:
            ended = self._run(words)
            outcome = str(ended.status)
        except programs.Expired:
            outcome = "killed"
        except FlashError as error:
            outcome, sent = error.reason, False
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
        if ended is None:
            reason, hint = "%s did not end within %g s" % (command, self.timeout), "Raise timeout if it needs longer."
            raise AnswerTimeout(reason, hint=hint).with_timeout(self.timeout) if write else Timeout(reason, hint=hint)
        if ended.status:
            reason = "%s failed with status %s" % (command, outcome)
            said = self.journal.mask(" ".join(ended.complaint.split()))[:200] or None
            raise (
                AnswerUnreadable(reason, said=said).with_timeout(self.timeout)
                if write
                else FlashError(reason, said=said)
            )
        return Output(command, ended.text, ended.stderr.decode("utf-8", "replace"))

    def _run(self, words: List[str]) -> programs.Ended:
        try:
            return programs.run(words, self.timeout)
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
