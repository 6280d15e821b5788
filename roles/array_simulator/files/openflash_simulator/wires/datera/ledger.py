# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is assumed because no source proves it: the wire sheet marks it as inferred (section 9) or has nothing on it.

Where a client could rely on the less strict of two readings, the stricter one is assumed.
"""

from __future__ import annotations

from uuid import UUID

from ...assumptions import Ledger, general

# Section 1.6: the first product that serves a second API version; older ones answer 400 to /api_versions.
SECOND_API = (2, 2)
# Section 1.16: software before this computes total_count before the filter, and has the old route of metadata (2.10).
MODERN = (3, 3)
PAGE = 100
# Section 1.9: 15 minutes; that they count from the last request is assumed.
SESSION_SECONDS = 15 * 60
# Section 1.14: only 15 (a second snapshot with a UUID) and 99 (a bare version) are known.
CODES = {
    "AuthFailedError": 4,
    "NotFoundError": 10,
    "InvalidRequestError": 20,
    "DuplicateSnapshot": 15,
    "BareVersion": 99,
    "ValidationFailedError": 22,
    "ConflictError": 30,
    "InternalError": 50,
    "ServiceUnavailable": 53,
}
# Section 10.2, item 16: whether a bad body is 400 or 422.
VALIDATION_STATUS = 422
# Section 9: how long the array works in the background: long enough to be noticed, too short to wait for.
SNAPSHOT_SECONDS = 0.08
ONLINE_SECONDS = 0.08
RESIZE_SECONDS = 0.08
CLONE_SECONDS = 0.12
# What a simulated array holds when the configuration names no size.
CAPACITY = 100 << 40
FLASH_SHARE = 4
NODES = 3
PLACEMENTS = ("hybrid", "single_flash", "all_flash")
# Section 2.4: the placement policies of a new array, each with its placement mode.
POLICIES = {"default": "hybrid", "hybrid": "hybrid", "single-flash": "single_flash", "all-flash": "all_flash"}
# Sections 2.13 and 9: texts of refusals, none of which is known.
ONLINE = "App instance must be offline"
SHRINK = "Volume size can only be increased"
FEWER_REPLICAS = "Replica count can only be increased"
ACTIVE = "Storage instance has active initiators"
IN_USE = "Object is referenced by other objects"
LOOSER = "Access control mode cannot be changed from deny_all to allow_all"
FULL = "Insufficient capacity"
DUPLICATE_SNAPSHOT = "Snapshot with the same UUID exists"
NO_SESSION = "The key provided with the request does not correspond to a valid session."
BAD_LOGIN = "Login failed: name or password is incorrect"
BUSY = "Service unavailable"
# The sheet has no INQUIRY data. These are the vendor and product by which multipath-tools knows the array, and the NAA
# prefix of Linux's own target, which the product name is of.
DISK = ("DATERA", "IBLOCK")
NAA = "6001405"
# What the clients of this collection make: the names within an app instance, and how they name snapshots (10.3).
STORAGE = "storage-1"
VOLUME = "volume-1"
SNAPSHOT_NAMESPACE = UUID("6ad1b1ee-5b52-5d15-8a3e-2f3a5a6f9d01")
SNAPSHOT_NOTE = "openflash-snapshot-"
# Limits of the array are not documented.
APP_INSTANCES = 10_000
SNAPSHOTS_PER_VOLUME = 256
INITIATORS = 5_000

LEDGER: Ledger = general("datera", "9")
