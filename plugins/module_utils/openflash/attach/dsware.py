# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A volume of Dsware as a block device of this host, attached by the host's command-line tool (sheet, section 1.4).

The two tools, ``vbs_cli`` and ``sds_cli``, answer in the same form, with different codes for the same result. The codes
of both are accepted.
"""

from __future__ import annotations

import errno
import os
import re
from typing import Dict, Optional

from ..errors import BadReply, Conflict, FlashError, Invalid, MissingProgram, NotFound, Unauthorized
from ..transport.command import CommandTransport, Output
from ..transport.confirm import confirm
from ..transport.deadline import Deadline
from ..units import format_size

# Section 1.4: the codes that mean success
ATTACHED = ("0", "50151401", "50151405")
DETACHED = ("0", "50151209", "50151601", "50151404", "50155007")
MISSING = "50151404"
# It is not known what querydev answers for a volume that is not attached. Other commands answer it with these codes.
NOT_ATTACHED = ("50151601", "50155007", "50151209", MISSING)

_TOOL_HINT = (
    "Check attach_tool, and that the task runs on a host with the array's block client. The tool comes with that "
    "client and not with a package of the distribution."
)
# A name with a leading "-" would be an option of the tool.
_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_-]*\Z")
_MESSAGES = {
    MISSING: "the array has no such volume",
    "50151402": "the volume has as many attachments as the array allows",
    "50151403": "the array does not know this node",
    "50151406": "the volume is mapped over iSCSI, so it cannot be attached by the block client",
    "50151409": "the volume cannot be shared",
    "50510011": "the block client of this host has failed",
    "50510012": "the tool does not understand the command",
}


class AttachTool:
    """The command-line tool of this host.

    :param path: the executable.
    :param wait: seconds within which a device must appear.
    :param manager: address of the manager, which ``vbs_cli`` gets as an argument.
    """

    def __init__(self, path: str, command: CommandTransport, wait: float = 60.0, manager: Optional[str] = None) -> None:
        if not os.path.isfile(path):
            raise MissingProgram(path, "to attach volumes of this array", hint=_TOOL_HINT)
        self.path = path
        self.command = command
        self.wait = wait
        self._manager = manager if os.path.basename(path).startswith("vbs") else None

    def attach(self, name: str, size: int) -> str:
        """Attach the volume, and return the path of its device once that exists with at least ``size`` bytes.

        An attached volume stays attached. Costs one command, and a second one when the answer does not report the
        device or is lost.
        """
        device = self.request(name)
        wait_for_device(device, size, Deadline(self.wait, first=0.05, longest=1.0))
        return device

    def request(self, name: str) -> str:
        """Attach the volume and return the path of its device, without waiting for the device to appear."""

        def attach() -> Optional[str]:
            answer = self._run("attach", name, write=True)
            if answer["ret_code"] not in ATTACHED:
                raise self._error(answer, "attach volume %s to this host" % name, name)
            return answer.get("dev_addr") or self.query(name)

        device = confirm(attach, lambda: self.query(name))
        if not device:
            raise BadReply("%s does not report the device of volume %s" % (self.path, name), target=name)
        return device

    def detach(self, name: str) -> None:
        """Detach the volume, if it is attached. Costs one command."""
        answer = confirm(lambda: self._run("detach", name, write=True), lambda: self.query(name) is None)
        if isinstance(answer, dict) and answer["ret_code"] not in DETACHED:
            raise self._error(answer, "detach volume %s from this host" % name, name)

    def query(self, name: str) -> Optional[str]:
        """The path of the volume's device; None when the volume is not attached to this host. Costs one command."""
        answer = self._run("querydev", name, write=False)
        if answer["ret_code"] in NOT_ATTACHED:
            return None
        if answer["ret_code"] != "0":
            raise self._error(answer, "read the device of volume %s" % name, name)
        return answer.get("dev_addr") or None

    def _run(self, verb: str, name: str, write: bool) -> Dict[str, str]:
        if not _NAME.match(name):
            raise Invalid("%r is not the name of a volume of this array" % name, target=name)
        argv = [self.path, "-c", verb, "-v", name]
        if self._manager:
            argv = [self.path, "-c", verb + "withip", "-v", name, "-i", self._manager, "-p", "0"]
        return parse(self.command.run(argv, write=write))

    def _error(self, answer: Dict[str, str], doing: str, name: str) -> FlashError:
        code = answer["ret_code"]
        kind = NotFound if code == MISSING else FlashError
        reason = _MESSAGES.get(code, "the tool refused")
        return kind(reason, doing=doing, target=name, code=code, said=answer.get("ret_desc") or None)


def parse(output: Output) -> Dict[str, str]:
    """The ``key=value`` lines of an answer (section 1.4).

    :raises BadReply: the answer has no code, so nothing may be concluded from it.
    """
    found: Dict[str, str] = {}
    for line in output.stdout.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals:
            found[key.strip()] = value.strip()
    if not re.match(r"^-?[0-9]+$", found.get("ret_code", "")):
        said = " ".join(output.stdout.split())[:200] or None
        raise BadReply("%s answered without a code" % output.command, said=said)
    return found


def wait_for_device(path: str, size: int, deadline: Deadline) -> None:
    """Wait until the device exists.

    :raises Timeout: it did not appear in time.
    :raises Conflict: it is smaller than the volume, so it may be that of another volume.
    """

    def appeared() -> Optional[int]:
        return device_size(path)

    found = deadline.poll(
        appeared,
        "the device %s" % path,
        hint="Check the block client of this host, and run the task again.",
    )
    if found < size:
        raise Conflict(
            "the device %s has %s, and the volume has %s: it is another volume, or the host has not read its new size"
            % (path, format_size(found), format_size(size)),
            hint="Detach it on the host and run the task again.",
        )


def is_complete(path: str, size: int) -> bool:
    """Whether the device exists with at least that size; True also where this user may not read it."""
    try:
        found = device_size(path)
    except Unauthorized:
        return True
    return found is not None and found >= size


def device_size(path: str) -> Optional[int]:
    """Size of a block device (or a file) in bytes; None when it does not exist. Opens it for reading only."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        raise Unauthorized(
            "this user may not read the device %s" % path, hint="Run the task with become: true."
        ) from None
    except OSError as error:
        # The device node exists before the device answers.
        if error.errno in (errno.ENXIO, errno.ENODEV, errno.ENOMEDIUM):
            return None
        raise FlashError("the device %s cannot be opened: %s" % (path, error.strerror)) from None
    try:
        return os.lseek(handle, 0, os.SEEK_END)
    finally:
        os.close(handle)
