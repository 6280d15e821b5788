# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Assumptions about Concerto that no source proves, all in one place.

The wire sheet marks these INFERRED or does not mention them. A client must not depend on the exact texts; when a real
array sends another one, this is the only file to correct.
"""

from __future__ import annotations

from ...assumptions import Assumption, Ledger, general

# Section 1.3: no known client names the cookie; this is the name in the sibling API.
COOKIE = "session_id"
# Section 1.3: the message of a failed login.
LOGIN_REFUSED = "Authentication failed."
# Section 1.5: the build that goes with a version, where the sheet names none.
BUILD = "8975"

# Section 3: no codes are known for these.
NO_SPACE = ("There is not enough space in the storage pool.", 0x90010011)
BAD_NAME = ("The name is not valid.", 0x90010012)
LUN_TAKEN = ("The LUN number is already in use by another device.", 0x9002002C)
LUN_RANGE = ("The LUN number is out of range.", 0x9002002D)
INITIATOR_TAKEN = ("The initiator is already used by another SAN client.", 0x900100CE)
CLIENT_IN_USE = ("The SAN client still has devices assigned.", 0x900100CF)
ASSIGNED = ("The resource is assigned to a SAN client.", 0x09010024)
NO_SUCH_OBJECT = ("The object does not exist.", 0x09020001)
NO_SUCH_POOL = ("The storage pool does not exist.", 0x09020002)
LIMIT = ("The maximum number of objects has been reached.", 0x90010013)
MISSING = ("A required parameter is missing or invalid: {}", 0x0902000B)
NO_DEDUP = ("Deduplication is not enabled.", 0x90010014)
THICK_ONLY = ("The operation is not supported for this type of resource.", 0x90010088)
SNAPSHOT_EXISTS = ("The TimeMark comment is already in use.", 0x50F70001)
HAS_TIMEVIEW = ("The TimeMark has a TimeView.", 0x50F70002)
HAS_POLICY = ("TimeMark is enabled for this virtual device.", 0x0901008D)
HAS_SNAPSHOT_AREA = ("Snapshot Resource already exists for this virtual device.", 0x0901008E)
NO_SNAPSHOT_AREA_FOR_POLICY = ("Snapshot Resource is not created for this virtual device.", 0x0901008C)
NO_STORAGE = ("The storage of the TimeView is missing.", 0x50F70003)
FORCE_NEEDED = ("The device is in use. Use force.", 0x9002002E)
UNKNOWN_KEY = ("The parameter is not known: {}", 0x0902000E)
LOGOUT_REFUSED = "The credentials are missing."
NOT_SUPPORTED = ("The action is not supported: {}", 0x0902000D)

WITHOUT_SOURCE = (
    NO_SPACE,
    BAD_NAME,
    LUN_TAKEN,
    LUN_RANGE,
    INITIATOR_TAKEN,
    CLIENT_IN_USE,
    ASSIGNED,
    NO_SUCH_OBJECT,
    NO_SUCH_POOL,
    LIMIT,
    MISSING,
    NO_DEDUP,
    THICK_ONLY,
    SNAPSHOT_EXISTS,
    HAS_TIMEVIEW,
    HAS_POLICY,
    HAS_SNAPSHOT_AREA,
    NO_STORAGE,
    FORCE_NEEDED,
    UNKNOWN_KEY,
    NOT_SUPPORTED,
)
# What the array says instead of these where its codes are unknown.
UNKNOWN_CODE = ("Internal error.", 0x90019999)

# Section 2.4: only the positions of the words in a status are known, not the words.
COPY_STARTED = "TimeMark copy operation : source vdev {} to vdev {}"
COPY_PROGRESS = "Copied : {} ({}%)"

# Section 4: 32 is stated for a comment.
COMMENT_LENGTH = 32
SNAPSHOTS_PER_LUN = 1000
# The speed of a copy, in MiB per second.
COPY_SPEED = 20480
# Section 2.8: the pool of a simulated array whose configuration names none. The name is that of the upstream driver's
# tests.
POOL = "PoolA"
CAPACITY = 40 << 40
# The API does not report which pools of a 7700 deduplicate: here those that have this text in their name.
DEDUP_MARK = "dedup"
# Section 2.8: the addresses of the iSCSI interfaces.
PORTALS = ("10.1.1.11", "10.1.2.11")
# Section 2.8: the repository of the configuration. Only its resource type tells it from other pools.
CONFIG_POOL = "ConfigurationRepository"
CONFIG_SIZE = 10 << 30
# Section 1.5: hardware_model. That of a 7700 is its controller's; that of a 7300 is one captured value.
HARDWARE = {7300: "SHB-3", 7700: "R720"}

TIB = 1 << 40

LEDGER: Ledger = (
    # Section 4: the upstream driver gives LUNs names of 36 characters; section 2.7: it registers itself with about 54.
    Assumption("violin.names.longest", 127, "4", (36,)),
    Assumption("violin.names.host_longest", 127, "4", (54,)),
    Assumption(
        "violin.names.characters",
        r"(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._:@+-]*",
        "4",
        (r"(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._-]*",),
    ),
    Assumption("violin.luns.range", (0, 255), "4", ((0, 63), (1, 127))),
    Assumption("violin.volumes.largest", 64 * TIB, "4", (2 * TIB,)),
    Assumption("violin.requests.unknown_keys", "ignored", "1.6", ("refused",)),
    Assumption("violin.errors.codes", "as_assumed", "3", ("unknown",)),
    Assumption("violin.errors.status", 200, "1.4", (400, 500)),
    Assumption("violin.objects.id_of_new", "reported", "2.1", ("missing",)),
    Assumption("violin.session.logout_body", "empty", "1.3", ("credentials",)),
    # Every third change, from the first on, meets a failover that ends all sessions. session_lost: it is not made.
    # change_made: it is made.
    Assumption("violin.session.after_failover", "nothing_done", "1.4", ("session_lost", "change_made")),
    Assumption("violin.volumes.delete_mapped", "refused", "3", ("deleted",)),
    Assumption("violin.volumes.encrypted_reported", True, "2.1", (False,)),
    Assumption("violin.snapshots.comment_unique", True, "2.4", (False,)),
    # False: the time stamp of a snapshot is that of the minute in which it was taken.
    Assumption("violin.snapshots.timestamp_unique", True, "2.4", (False,)),
    Assumption("violin.snapshots.delete_with_clone", "refused", "2.4", ("deleted",)),
    Assumption("violin.snapshots.area_takes_space", False, "2.2", (True,)),
    Assumption(
        "violin.snapshots.policy_keys",
        ("automatic", "CDPOption", "triggerReplication", "maxTimeMarkCount", "RetentionPolicy"),
        "2.3",
        ((),),
    ),
    Assumption("violin.clones.storage", "not_needed", "2.5", ("needed",)),
    Assumption("violin.copies.reported_after", 0.0, "2.5", (2.0, 90.0)),
    Assumption("violin.hosts.update_replaces", "replaces", "2.7", ("adds",)),
    Assumption("violin.hosts.delete_mapped", "refused", "2.7", ("deleted",)),
    Assumption("violin.hosts.unassign_force", "not_needed", "2.7", ("needed",)),
    Assumption("violin.hosts.targets_outlive", True, "2.7", (False,)),
    Assumption("violin.hosts.target_delete", "known", "2.7", ("unknown",)),
    *general("violin", "4"),
)
