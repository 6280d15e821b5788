# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The array's refusals: ``CMMVCnnnnE text`` on stderr, status 1 (section 3). The texts are this simulator's own."""

from __future__ import annotations

from collections.abc import Callable

from ...rules import (
    AlreadyMapped,
    ArrayError,
    BadName,
    BadSize,
    InitiatorTaken,
    InUse,
    LimitReached,
    LunTaken,
    NameTaken,
    NoSpace,
    NotFound,
)

TEXTS = {
    "CMMVC5701E": "No object ID was specified.",
    "CMMVC5707E": "Required parameters are missing.",
    "CMMVC5709E": "[{0}] is not a supported parameter.",
    "CMMVC5711E": "[{0}] is not valid data.",
    "CMMVC5713E": "Some parameters are mutually exclusive.",
    "CMMVC5738E": "The argument {0} contains too many characters.",
    "CMMVC5741E": "The filter value {0} is not valid.",
    "CMMVC5753E": "The specified object does not exist or is not a suitable candidate.",
    "CMMVC5754E": "The specified object does not exist, or the name supplied does not meet the naming rules.",
    "CMMVC5804E": "The action failed because an object that was specified in the command does not exist.",
    "CMMVC5840E": "The virtual disk (VDisk) was not deleted because it is mapped to a host.",
    "CMMVC5842E": "The action failed because an object that was specified in the command does not exist.",
    "CMMVC5860E": "The action failed because there were not enough extents in the storage pool.",
    "CMMVC5867E": "The action failed because the worldwide port name is already assigned or is not valid.",
    "CMMVC5871E": "The action failed because one or more of the configured port names is in a mapping.",
    "CMMVC5878E": "The mapping was not created because this VDisk is already mapped to this host.",
    "CMMVC5879E": "The mapping was not created because this SCSI LUN is already assigned to another mapping.",
    "CMMVC6017E": "A parameter or argument contains non-ASCII characters.",
    "CMMVC6035E": "The action failed because the object already exists.",
    "CMMVC6045E": "The action failed, as the -force flag was not entered.",
    "CMMVC6070E": "An invalid or duplicated parameter, unaccompanied argument, or incorrect argument sequence: {0}.",
    "CMMVC6071E": "The action failed because the virtual disk (VDisk) is already mapped to a host.",
    "CMMVC6527E": "The name that you have entered is not valid.",
    "CMMVC6578E": "The action failed because the iSCSI name is already assigned or is not valid.",
    "CMMVC6581E": "The command has failed because the maximum number of allowed iSCSI qualified names was reached.",
    "CMMVC6271E": "The action failed because the limit of objects of this kind was reached.",
    "CMMVC7017E": "Login has failed.",
    "CMMVC7205E": "The command failed because it is not supported.",
    "CMMVC8710E": "There is not enough capacity in the storage pool.",
    "CMMVC9999E": "The action failed.",
}


class Refusal(Exception):
    """A refusal: the array's code and text with status 1, or the text of its shell with another status."""

    def __init__(self, code: str, *about: object, status: int = 1, text: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.text = text or f"{code} {TEXTS[code].format(*about)}"


def from_array(error: ArrayError, verb: str) -> Refusal:
    """A refusal of the simulator's array, with the code that this verb is known to use."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            found = code if isinstance(code, str) else code(error, verb)
            return Refusal(found, error.name)
    raise error


def _no_space(error: ArrayError, verb: str) -> str:
    return "CMMVC8710E" if verb == "mkvdisk" else "CMMVC5860E"


def _taken(error: ArrayError, verb: str) -> str:
    return "CMMVC5867E" if len(error.name) == 16 and "." not in error.name else "CMMVC6578E"


def _in_use(error: ArrayError, verb: str) -> str:
    return "CMMVC5871E" if verb == "rmhost" else "CMMVC5840E"


def _limit(error: ArrayError, verb: str) -> str:
    return "CMMVC5711E" if error.reason == "max_lun" else "CMMVC6271E"


_CODES: tuple[tuple[type[ArrayError], str | Callable[[ArrayError, str], str]], ...] = (
    (NoSpace, _no_space),
    (InitiatorTaken, _taken),
    (NameTaken, "CMMVC6035E"),
    (BadName, "CMMVC6527E"),
    (BadSize, "CMMVC5711E"),
    (LunTaken, "CMMVC5879E"),
    (AlreadyMapped, "CMMVC5878E"),
    (InUse, _in_use),
    (LimitReached, _limit),
    (NotFound, "CMMVC5754E"),
)
