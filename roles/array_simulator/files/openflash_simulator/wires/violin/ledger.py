# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Assumptions about Concerto that no source proves, all in one place.

The wire sheet marks these INFERRED or does not mention them. A client must not depend on the exact texts; when a real
array sends another one, this is the only file to correct.
"""

from __future__ import annotations

from ...assumptions import Ledger, general

# Section 1.3: no known client names the cookie; this is the name in the sibling API.
COOKIE = "session_id"
# Section 1.3: the message of a failed login.
LOGIN_REFUSED = "Authentication failed."
# Section 1.4: the status of a failure other than a lost session is unknown; the clients read the body whatever it is.
FAILURE_STATUS = 200
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
NOT_SUPPORTED = ("The action is not supported: {}", 0x0902000D)

# Section 2.4: only the positions of the words in a status are known, not the words.
COPY_STARTED = "TimeMark copy operation : source vdev {} to vdev {}"
COPY_PROGRESS = "Copied : {} ({}%)"

# Section 4: the longest volume name known to work has 36 characters; 32 for a comment is stated. Other limits are
# unknown.
NAME_LENGTH = 255
COMMENT_LENGTH = 32
SNAPSHOTS_PER_LUN = 1000
MAX_LUN = 255
# Section 2.7: whether the array deletes a target with its client is not known. A client library has more to do where
# targets stay.
TARGETS_OUTLIVE_CLIENTS = True
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

LEDGER: Ledger = general("violin", "4")
