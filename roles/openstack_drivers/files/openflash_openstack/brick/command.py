# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs commands through os-brick, which knows how this service runs commands as root."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from os_brick import exception
from oslo_concurrency import processutils

from openflash.errors import FlashError, Invalid, Timeout
from openflash.transport.command import CommandTransport, Output
from openflash.transport.confirm import AnswerTimeout, AnswerUnreadable


class BrickCommand(CommandTransport):
    """The library's transport for commands, over an executor of os-brick."""

    def __init__(self, executor: Any, as_root: bool, timeout: float) -> None:
        super().__init__(timeout)
        self._executor = executor
        self._as_root = as_root

    def run(self, argv: Sequence[str], write: bool = True, session: bool = False) -> Output:
        command = " ".join(argv)
        try:
            stdout, stderr = self._executor._execute(
                *argv, run_as_root=self._as_root, root_helper=self._executor._root_helper, timeout=self.timeout
            )
        except exception.ExecutionTimeout:
            reason = "%s did not end within %g s" % (command, self.timeout)
            raise AnswerTimeout(reason) if write else Timeout(reason) from None
        except processutils.ProcessExecutionError as error:
            if error.exit_code in (None, "-"):
                # It was not started.
                raise Invalid("%s cannot be run: %s" % (argv[0], error.description)) from None
            reason = "%s failed with status %s" % (command, error.exit_code)
            output = " ".join((error.stderr or error.stdout or "").split())[:200] or None
            raise AnswerUnreadable(reason, said=output) if write else FlashError(reason, said=output) from None
        return Output(command, stdout or "", stderr or "")
