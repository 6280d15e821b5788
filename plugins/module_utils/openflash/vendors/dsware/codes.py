# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The errors that the array's codes stand for (sheet, section 3). No other file reads the codes."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple, Type

from ...assumption import Assumption
from ...errors import (
    Busy,
    Conflict,
    FlashError,
    InUse,
    Invalid,
    NoSpace,
    NotFound,
    Unauthorized,
    Unreachable,
    Unsupported,
)
from .ledger import (
    AGENT_FAILED,
    EXTENSIONS,
    GROUP_NEEDED,
    HOST_LONGEST,
    HOST_NOT_FOUND,
    LARGEST,
    LUN_RANGE,
    NAME_LONGEST,
    NAME_PATTERN,
    PROVEN_NAME,
    QOS_UNLIMITED,
    RESTORE_ANSWER,
    ROLLED_BACK,
    UNKNOWN_KEYS,
    VERSIONS,
)


class NameTaken(Conflict):
    """There is an object of that kind and name already."""


class VolumeGone(NotFound):
    """The volume does not exist."""


class SnapshotGone(NotFound):
    """The snapshot does not exist."""


class Referenced(InUse):
    """Something refers to the object, mostly snapshots to a volume."""


class Mapped(InUse):
    """The volume is attached or mapped."""


class AlreadyThere(Conflict):
    """There is such an attachment, mapping, initiator or membership already."""


class NotThere(NotFound):
    """The attachment or mapping does not exist."""


class Duplicating(Busy):
    """The array copies into the volume."""


class Momentary(Busy):
    """The array has changed nothing, for a reason that passes soon by itself, so the client waits."""


class AgentFailed(Unreachable):
    """A manager or agent before the array has failed, perhaps after the array made the change."""


class Expired(Unauthorized):
    """The session has ended."""


Row = Tuple[Type[FlashError], str, Optional[str]]

_GONE: Row = (VolumeGone, "there is no such volume", None)
_WAIT = "Run it again later, or raise wait_timeout."
_LOGIN: Row = (
    Unauthorized,
    "the array did not accept the user name and password",
    "Check username and password, and that the account is not locked.",
)

# code -> kind, reason, hint
TABLE: Dict[str, Row] = {
    # The socket has one code for any object that does not exist (section 3).
    "-900079": (NotFound, "there is no such object", None),
    "50150003": (Invalid, "the array finds the request malformed", None),
    "50150005": _GONE,
    "31000000": _GONE,
    "32150005": _GONE,
    "50150006": (SnapshotGone, "there is no such snapshot", None),
    "50150007": (NameTaken, "there is a volume of that name already", None),
    "50150008": (NameTaken, "there is a snapshot of that name already", None),
    "50150009": (NoSpace, "the pool has no room for it", "Choose another pool, or free some space."),
    "50150010": (Unsupported, "the node is of the wrong type for this", None),
    "50150011": (NoSpace, "the array has as many volumes and snapshots as it allows", "Delete some first."),
    "50150013": (Referenced, "something still refers to it", "Delete its snapshots and what is made of it first."),
    "50150021": (Invalid, "there is no such pool", "Check pool."),
    "50090153": (FlashError, "the pool is faulty", "Check the pool with the array's own tools."),
    "50151001": (Invalid, "the array does not take that name for a volume", None),
    "50151201": (Invalid, "the array does not take that name for a snapshot", None),
    "50151403": (NotFound, "the array does not know that node", "Check agents."),
    "50151002": (Momentary, "the volume is being deleted", _WAIT),
    "50151003": (Invalid, "the array does not take that size", None),
    "50151005": (Duplicating, "the array is copying into the volume", "Run it again when the copy is done."),
    "50151006": (Momentary, "the array is preparing the volume", _WAIT),
    "50151007": (FlashError, "the volume has bad sectors", "Check the volume with the array's own tools."),
    "50151009": (Invalid, "there is no such pool", "Check pool."),
    "50151010": (Invalid, "the pool is not in use", "Check pool."),
    "50151012": (Momentary, "the pool is not ready", _WAIT),
    "50151015": (FlashError, "the pool is in emergency mode", "Check the pool with the array's own tools."),
    "50151203": (Momentary, "the snapshot is being copied", _WAIT),
    "50151207": (Invalid, "the snapshot is of the wrong type for this", None),
    "50151211": (Busy, "the snapshot is being moved", "Run it again later."),
    "50151216": (Invalid, "snapshot and volume are of different types", None),
    "50151209": (FlashError, "the block client does not work", "Check the block client of that host."),
    "50151401": (AlreadyThere, "the volume is attached there already", None),
    "50151402": (InUse, "the volume has as many attachments as the array allows", "Detach it somewhere first."),
    "50151404": (VolumeGone, "there is no such volume to attach", None),
    "50151405": (AlreadyThere, "the volume is attached there already", None),
    "50151406": (
        InUse,
        "the volume is mapped over iSCSI, which excludes an attachment by the block client",
        "Unmap it first.",
    ),
    "50151409": (InUse, "the volume may not be shared", "Detach it elsewhere first."),
    "50151601": (NotThere, "the volume is not attached there", None),
    "50152203": (Unsupported, "the volume is the passive half of a replication", None),
    "50152401": (NoSpace, "the snapshot has as many volumes made of it as the array allows", "Delete some first."),
    "50152501": (NoSpace, "the array makes as many copies at once as it allows", "Run it again later."),
    "50152502": (NoSpace, "the volume has as many snapshots as the array allows", "Delete some first."),
    "50152601": (Invalid, "the object is no volume", None),
    "50153012": (NoSpace, "the volume has as many generations of snapshots as the array allows", None),
    "50153014": (Conflict, "the snapshot was not taken of that volume", None),
    "50155007": (NotThere, "the volume is not attached there", None),
    "50155009": (Momentary, "the array's metadata is being synchronised", _WAIT),
    "50155102": (AlreadyThere, "the array has that initiator already", None),
    "50155103": (NotFound, "the array has no such initiator", None),
    "50157001": (AlreadyThere, "the volume is mapped there already", None),
    "50157010": (Mapped, "the volume is mapped", "Unmap it first."),
    "50157019": (NameTaken, "there is a host of that name already", None),
    "50157021": (AlreadyThere, "the initiator belongs to a host already", None),
    "50157027": (InUse, "volumes are mapped to the host", "Unmap them first."),
    "50157044": (NameTaken, "there is a host group of that name already", None),
    "50157046": (AlreadyThere, "the host is in a host group already", None),
    "50157058": (AlreadyThere, "the host has mappings already", None),
    "540157748": (AlreadyThere, "the host has that initiator already", None),
    "50500001": (Unsupported, "this version of the array does not know the operation", None),
    "50510011": (FlashError, "the block client of the host has failed", "Check the block client of that host."),
    "50510012": (Invalid, "the array finds the command malformed", None),
    "10000003": (Expired, "the session has ended", None),
    "1077949069": (Expired, "the session has ended", None),
    "1077949061": _LOGIN,
    "1077987870": _LOGIN,
    "1073754390": _LOGIN,
    "1077949071": (Unauthorized, "the array has locked out this host's address", "Unlock it on the array, or wait."),
}
# The codes for a name or a size that the array does not take, and for a request that it does not understand.
_BAD_NAME, _BAD_SIZE, _MALFORMED, _TOO_MANY = ("50151001", "50151201"), "50151003", "50150003", "50150011"
EXPIRED = tuple(code for code, row in TABLE.items() if row[0] is Expired)
MOMENTARY = tuple(code for code, row in TABLE.items() if row[0] is Momentary)


def error_of(code: str, said: Optional[str] = None, what: str = "the request") -> FlashError:
    """The error that a code other than 0 stands for."""
    row = TABLE.get(code)
    if row is None and code.startswith(AGENT_FAILED.value):
        # Clients try the next agent after such a code.
        row = (AgentFailed, "a manager or agent of the array has failed", "Run it again, or with another address.")
    kind, reason, hint = row or (FlashError, "the array refused %s" % what, None)
    return kind(reason, code=code, said=said, hint=hint)


def suspect(code: Optional[str], request: str, values: Mapping[str, Any]) -> Optional[str]:
    """The id of the assumption that a refusal may come from; None where it is explained otherwise.

    :param request: the path of a call over REST, or the title of a request over the text socket.
    :param values: what the request has.
    """
    found = _suspect(code, request, values)
    return found.id if found is not None else None


def _suspect(code: Optional[str], request: str, values: Mapping[str, Any]) -> Optional[Assumption[Any]]:
    socket = request.endswith("_REQ")
    if code in _BAD_NAME:
        names = [str(value) for key, value in values.items() if "name" in key.lower()]
        return NAME_LONGEST if any(len(name) > PROVEN_NAME for name in names) else NAME_PATTERN
    if code == _BAD_SIZE:
        return LARGEST
    if request == "host/create" and code == HOST_NOT_FOUND.value:
        return HOST_LONGEST
    if request == "host/lun/add" and code == _TOO_MANY:
        return LUN_RANGE
    if request in ("qos/create", "qos/modify"):
        return QOS_UNLIMITED
    if code == _MALFORMED:
        return EXTENSIONS if socket else UNKNOWN_KEYS
    if code == "404":
        return VERSIONS
    if request == "snapshot/rollback" and code in (ROLLED_BACK, "50153012"):
        return RESTORE_ANSWER
    if code is None or code in TABLE:
        return None
    if request == "host/lun/add":
        return GROUP_NEEDED
    return HOST_NOT_FOUND if "host/" in request else AGENT_FAILED
