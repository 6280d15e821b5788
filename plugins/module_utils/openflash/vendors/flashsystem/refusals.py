# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The errors that the array's codes stand for (sheet, section 3). No other file reads the codes."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Optional, Sequence, Tuple, Type

from ...assumption import Assumption
from ...errors import Conflict, FlashError, InUse, Invalid, NoSpace, NotFound, Unauthorized, Unsupported
from ...transport.confirm import AnswerUnreadable
from ...transport.ssh import Output
from .ledger import (
    CODES,
    EXPAND_UNIT,
    HOST_NAME_LONGEST,
    LARGEST,
    LUN_RANGE,
    NAME_LONGEST,
    NAME_PATTERN,
    PROVEN_CHARACTERS,
    PROVEN_LUNS,
    PROVEN_NAME,
    REMOVE_PORT,
    SHARED_CODE,
    UNKNOWN_COMMAND,
)


class NameTaken(Conflict):
    """There is an object of that name already."""


class PortTaken(Conflict):
    """A host has that WWPN or iSCSI name already, or it is not valid."""


class AlreadyMapped(Conflict):
    """That volume is mapped to that host already."""


class LunTaken(Conflict):
    """The host has another volume at that LUN."""


class Rejected(FlashError):
    """A refusal of unknown meaning."""


class NeedsForce(InUse):
    """The volume is mapped to another host, and the array demands ``-force`` for a second one."""


EXPIRED = "CMMVC7017E"

_GONE = (NotFound, "the array does not know an object that the command names", None)
_NO_ROOM = (NoSpace, "the pool has no room for it", "Delete volumes, or use another pool.")
_BAD_NAME = (
    Invalid,
    "the array does not take that name",
    "Names have 1 to 63 letters, digits, spaces, '.', '-' and '_', and begin with a letter or '_'.",
)
_SHARED = (NeedsForce, "the volume is mapped to another host", "Set shared: true when the hosts are a cluster.")
_PORT = (PortTaken, "a host has one of the ports already, or it is not a valid port name", None)
_PARAMETER = (Unsupported, "this firmware does not take a parameter of the command", None)

_TABLE: Dict[str, Tuple[Type[FlashError], str, Optional[str]]] = {
    # Which of these a firmware sends is uncertain (section 9a); 8957 is sent by new levels.
    "CMMVC5753E": _GONE,
    "CMMVC5754E": _GONE,
    "CMMVC5804E": _GONE,
    "CMMVC5842E": _GONE,
    "CMMVC8957E": _GONE,
    "CMMVC6035E": (NameTaken, "there is an object of that name already", None),
    "CMMVC5860E": _NO_ROOM,
    "CMMVC8710E": _NO_ROOM,
    "CMMVC5738E": _BAD_NAME,
    "CMMVC5703E": _BAD_NAME,
    "CMMVC6527E": _BAD_NAME,
    "CMMVC6017E": _BAD_NAME,
    "CMMVC5840E": (InUse, "it is mapped to a host", "Unmap it first."),
    "CMMVC5871E": (InUse, "volumes are mapped to it", "Unmap them first."),
    SHARED_CODE.value: _SHARED,
    "CMMVC6045E": _SHARED,
    "CMMVC5878E": (AlreadyMapped, "the volume is mapped to that host already", None),
    "CMMVC5879E": (LunTaken, "the host has another volume at that LUN", "Leave lun out to take a free one."),
    "CMMVC5867E": _PORT,
    "CMMVC6578E": _PORT,
    "CMMVC6581E": (NoSpace, "the array has as many iSCSI names as it allows", "Remove some first."),
    "CMMVC5711E": (Invalid, "the array does not take a value of the command", None),
    "CMMVC5741E": (Invalid, "the array does not take the filter", None),
    "CMMVC5767E": (Invalid, "the array does not take a value of the command", None),
    "CMMVC5701E": _PARAMETER,
    "CMMVC5707E": _PARAMETER,
    "CMMVC5709E": _PARAMETER,
    "CMMVC5713E": _PARAMETER,
    "CMMVC6070E": _PARAMETER,
    "CMMVC7205E": (Unsupported, "this array does not have the command", None),
    EXPIRED: (Unauthorized, "the login is not valid any more", "Check username and password."),
}
# The shell's text for a command that is not there.
_NO_COMMAND = "command not found"
_CODE = re.compile(r"\b((?:CMMVC\d{4,5}|EFFS[GT]\w*\d+)E)\b\s*(.*)", re.DOTALL)


def code_of(output: Output) -> Optional[str]:
    """The error code. A refused login is known to come on stdout (section 1)."""
    match = _CODE.search(output.stderr) or _CODE.search(output.stdout)
    return match.group(1) if match else None


def is_expired(output: Output) -> bool:
    return code_of(output) == EXPIRED


def _suspect(words: Sequence[str]) -> Optional[Assumption[Any]]:
    """Which entry of the ledger may be wrong when the array does not take what this command asks for."""
    verb = next((word for word in words if not word.startswith("svc")), "")
    options = dict(zip(words, words[1:]))
    name = options.get("-name", "")
    if len(name) > PROVEN_NAME:
        return HOST_NAME_LONGEST if verb.endswith("host") else NAME_LONGEST
    if name and not re.match(r"(?:%s)\Z" % PROVEN_CHARACTERS, name):
        return NAME_PATTERN
    if "-scsi" in options and not PROVEN_LUNS[0] <= int(options["-scsi"]) <= PROVEN_LUNS[1]:
        return LUN_RANGE
    if verb == "expandvdisksize" and options.get("-unit") == "b":
        return EXPAND_UNIT
    if "-size" in options:
        return LARGEST
    return REMOVE_PORT if verb == "rmhostport" else None


def error_of(output: Output, mask: Callable[[str], str], words: Sequence[str] = ()) -> FlashError:
    """The error that a command with another exit status than 0 stands for.

    :param words: of the command, without quotes. They decide which entry of the ledger a refusal may come from.
    """
    text = mask(output.stderr.strip() or output.stdout.strip())
    match = _CODE.search(text)
    if match is None:
        said = " ".join(text.split())[:200] or None
        if output.status == UNKNOWN_COMMAND.value or _NO_COMMAND in text:
            return Unsupported("this array does not have the command %s" % output.line, said=said)
        # No answer of the array: whatever answered in its place does not know whether the command was carried out.
        reason = "%s ended with status %d and none of the array's codes" % (output.line, output.status)
        return AnswerUnreadable(reason, said=said)
    code, said = match.group(1), " ".join(match.group(2).split())[:200] or None
    if code not in _TABLE:
        suspect = _suspect(words) or CODES
        return Rejected("the array refused %s" % output.line, code=code, said=said, assumption=suspect.id)
    kind, reason, hint = _TABLE[code]
    if kind not in (Invalid, Unsupported, NeedsForce) or code == SHARED_CODE.value:
        return kind(reason, code=code, said=said, hint=hint)
    possible = _suspect(words)
    return kind(reason, code=code, said=said, hint=hint, assumption=possible.id if possible is not None else None)
