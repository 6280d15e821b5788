# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The array's return codes, which all its interfaces share, and its refusals (section 3 of the wire sheet)."""

from __future__ import annotations

from ... import rules

OK = 0
MALFORMED = 50150003
NO_VOLUME = 50150005
NO_SNAPSHOT = 50150006
VOLUME_EXISTS = 50150007
SNAPSHOT_EXISTS = 50150008
NO_SPACE = 50150009
TOO_MANY = 50150011
REFERENCED = 50150013
NO_POOL = 50150021
BAD_VOLUME_NAME = 50151001
DELETING = 50151002
BAD_SIZE = 50151003
DUPLICATING = 50151005
POOL_NOT_READY = 50151012
BAD_SNAPSHOT_NAME = 50151201
ATTACHED = 50151401
TOO_MANY_ATTACHED = 50151402
BAD_NODE = 50151403
ATTACH_MISSING = 50151404
NOT_ATTACHED = 50151601
UNRELATED = 50153014
NOT_MOUNTED = 50155007
INITIATOR_EXISTS = 50155102
NO_INITIATOR = 50155103
MAPPED_ALREADY = 50157001
VOLUME_MAPPED = 50157010
HOST_EXISTS = 50157019
INITIATOR_TAKEN = 50157021
HOST_MAPPED = 50157027
GROUP_EXISTS = 50157044
HOST_IN_GROUP = 50157046
UNKNOWN_OPERATION = 50500001
AGENT_SICK = 51010015
VBS_FAILED = 50510011
COMMAND_FORMAT = 50510012
# REST of release 6.3 has its own codes for a volume that does not exist.
NO_VOLUME_63 = 31000000
NO_VOLUME_TO_DELETE_63 = 32150005
# What the array answers where a host must be in a host group is not known.
NO_GROUP = 50159998
# Nor are the codes of QoS policies.
POLICY_EXISTS = 50159961
NO_POLICY = 50159962
POLICY_IN_USE = 50159963
HAS_POLICY = 50159964
HAS_NO_POLICY = 50159965
NOT_LOGGED_IN = 10000003
LOGIN_FAILED = 1077949061
# The socket has one code for any object that does not exist.
SOCKET_MISSING = -900079

TEXTS = {
    OK: "Operation succeeded.",
    MALFORMED: "The message is malformed.",
    NO_VOLUME: "The volume does not exist.",
    NO_SNAPSHOT: "The snapshot does not exist.",
    VOLUME_EXISTS: "The volume already exists.",
    SNAPSHOT_EXISTS: "The snapshot already exists.",
    NO_SPACE: "The space of the storage pool is insufficient.",
    TOO_MANY: "The number of volumes and snapshots has reached the upper limit.",
    REFERENCED: "The object is still referenced.",
    NO_POOL: "The storage pool does not exist.",
    BAD_VOLUME_NAME: "The volume name is invalid.",
    DELETING: "The volume is being deleted.",
    BAD_SIZE: "The volume size is invalid.",
    DUPLICATING: "The volume is being duplicated.",
    POOL_NOT_READY: "The storage pool is not ready.",
    BAD_SNAPSHOT_NAME: "The snapshot name is invalid.",
    ATTACHED: "The volume has been attached.",
    TOO_MANY_ATTACHED: "The volume has too many attachments.",
    BAD_NODE: "The node name is invalid.",
    ATTACH_MISSING: "The volume or snapshot to attach does not exist.",
    NOT_ATTACHED: "The volume is not attached.",
    UNRELATED: "The snapshot was not taken of the volume.",
    NOT_MOUNTED: "The volume is not mounted on this node.",
    INITIATOR_EXISTS: "The initiator already exists.",
    NO_INITIATOR: "The initiator does not exist.",
    MAPPED_ALREADY: "The volume is mapped to the host already.",
    VOLUME_MAPPED: "The volume has a mapping.",
    HOST_EXISTS: "The host already exists.",
    INITIATOR_TAKEN: "The initiator belongs to a host already.",
    HOST_MAPPED: "Volumes are mapped to the host.",
    GROUP_EXISTS: "The host group already exists.",
    HOST_IN_GROUP: "The host is in a host group already.",
    UNKNOWN_OPERATION: "The operation is not known to this version.",
    AGENT_SICK: "The agent does not respond.",
    VBS_FAILED: "The VBS client has failed.",
    COMMAND_FORMAT: "The format of the command is wrong.",
    POLICY_EXISTS: "The QoS policy already exists.",
    NO_POLICY: "The QoS policy does not exist.",
    POLICY_IN_USE: "The QoS policy is associated with a volume.",
    HAS_POLICY: "The volume is associated with a QoS policy.",
    HAS_NO_POLICY: "The volume is not associated with the QoS policy.",
    NO_VOLUME_63: "The volume does not exist.",
    NO_VOLUME_TO_DELETE_63: "The volume does not exist.",
    NOT_LOGGED_IN: "The user is not logged in.",
    LOGIN_FAILED: "The user name or password is incorrect.",
    SOCKET_MISSING: "The object does not exist.",
}


class Refusal(Exception):
    """The array refuses a request, with a code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    @property
    def text(self) -> str:
        return TEXTS.get(self.code, "The operation failed.")


def from_array(error: rules.ArrayError) -> Refusal:
    """The refusal that stands for an error of the simulator's array."""
    snapshot = error.what == "snapshot"
    match error:
        case rules.NameTaken(what="host"):
            return Refusal(HOST_EXISTS)
        case rules.NameTaken():
            return Refusal(SNAPSHOT_EXISTS if snapshot else VOLUME_EXISTS)
        case rules.BadName():
            return Refusal(BAD_SNAPSHOT_NAME if snapshot else BAD_VOLUME_NAME)
        case rules.BadSize():
            return Refusal(BAD_SIZE)
        case rules.NoSpace():
            return Refusal(NO_SPACE)
        case rules.LimitReached():
            return Refusal(TOO_MANY)
        case rules.NotFound(what="pool"):
            return Refusal(NO_POOL)
        case rules.InUse(reason="copying"):
            return Refusal(DUPLICATING)
        case rules.InUse(what="host"):
            return Refusal(HOST_MAPPED)
        case rules.InUse(reason="mapped"):
            return Refusal(VOLUME_MAPPED)
        case rules.InUse():
            return Refusal(REFERENCED)
        case rules.InitiatorTaken():
            return Refusal(INITIATOR_TAKEN)
        case rules.AlreadyMapped():
            return Refusal(MAPPED_ALREADY)
        case _:
            return Refusal(NO_SNAPSHOT if snapshot else NO_VOLUME)
