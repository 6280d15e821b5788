# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is assumed because no source proves it: the wire sheet marks it as inferred (section 9) or has nothing on it.

Where a client could rely on the less strict of two readings, the stricter one is assumed.
"""

from __future__ import annotations

from uuid import UUID

from ...assumptions import Assumption, Ledger, general

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
# The former size is reported for so long, where the end of an extension is assumed to be silent.
SILENT_SECONDS = 0.4
# Sections 2.13 and 9: texts of refusals, none of which is known.
ONLINE = "App instance must be offline"
ONLINE_UNNAMED = "App instance is in use"
ALSO_OFFLINE = " (some changes are made only while the app instance is offline)"
NEEDS_FORCE = "App instance can only go offline with force"
HAS_CLONE = "Object has clones"
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

# Names and texts that a source quotes: others are the next two where they are assumed to be unknown.
KNOWN_CODES = (15, 99)
UNKNOWN_NAME = "ApiError"
UNKNOWN_TEXT = "Request failed"

LEDGER: Ledger = (
    Assumption("datera.session.versions_served", True, "1.6", (False,)),
    # change_made: every third change is made, and ends the session of its client.
    Assumption("datera.session.after_expiry", "nothing_done", "1.9", ("change_made",)),
    Assumption("datera.lists.page_size", 1000, "1.16", (100, 2)),
    Assumption("datera.lists.filter_equal", "exact", "1.17", ("ignored", "refused")),
    Assumption("datera.errors.validation_status", 422, "10.2", (400,)),
    Assumption("datera.errors.codes", "as_assumed", "9", ("unknown",)),
    # unnamed: the refusal that an app instance must be offline does not say so. always_named: every refusal does.
    Assumption("datera.errors.offline_demand", "named", "2.13", ("always_named", "unnamed")),
    Assumption("datera.tenants.below_listed", False, "9", (True,)),
    Assumption("datera.volumes.extend_online", True, "2.3", (False,)),
    # silent: the former size is reported for a moment, and nothing says that it will change.
    Assumption("datera.volumes.resize_status", "reported", "2.2", ("silent",)),
    Assumption("datera.volumes.shrink", "refused", "2.3", ("done",)),
    Assumption("datera.volumes.placement", "of_policy", "2.4", ("as_sent",)),
    Assumption("datera.volumes.delete_online", "refused", "2.13", ("deleted",)),
    Assumption("datera.volumes.offline_idle", "accepted", "2.13", ("refused",)),
    Assumption("datera.volumes.offline_in_use", "refused", "2.13", ("accepted",)),
    Assumption("datera.access.default_mode", "deny_all", "2.1", ("allow_all",)),
    Assumption("datera.access.add_again", "ignored", "9", ("repeated", "refused")),
    Assumption("datera.access.remove_again", "ignored", "9", ("refused",)),
    Assumption("datera.access.removal", "one", "9", ("all",)),
    Assumption("datera.access.answer", "list", "9", ("policy", "entry")),
    Assumption("datera.access.sessions", "text", "2.2", ("references", "missing")),
    Assumption("datera.initiators.delete_in_use", "refused", "9", ("deleted",)),
    Assumption("datera.hosts.delete_mapped", "refused", "9", ("deleted",)),
    Assumption("datera.luns.further", "as_listed", "7.6", ("as_named",)),
    Assumption("datera.snapshots.of_instance", "listed", "2.5", ("apart",)),
    Assumption("datera.snapshots.uuid_given", "kept", "2.5", ("own",)),
    Assumption("datera.snapshots.uuid_unique", True, "1.14", (False,)),
    Assumption("datera.snapshots.nested", "complete", "2.2", ("paths", "missing")),
    Assumption("datera.clones.access", "empty", "2.5", ("inherited",)),
    Assumption("datera.clones.source", "reported", "2.2", ("instance", "missing")),
    Assumption("datera.clones.source_deleted", "deleted", "9", ("refused",)),
    Assumption("datera.restore.online", "refused", "2.5", ("done",)),
    Assumption("datera.restore.point", "reported", "2.5", ("missing",)),
    Assumption("datera.restore.size", "kept", "2.5", ("of_snapshot",)),
    Assumption("datera.metadata.update", "merged", "2.10", ("replaced",)),
    Assumption("datera.metadata.empty", "kept", "2.10", ("dropped", "refused")),
    Assumption("datera.metadata.key_characters", r"[A-Za-z0-9_-]+", "2.10", (r"[A-Za-z0-9_]+",)),
    Assumption("datera.metadata.value_longest", 160, "2.10", (64,)),
    Assumption(
        "datera.instances.descr_characters",
        r"[a-zA-Z_][a-zA-Z0-9_\-\s.]{2,127}",
        "2",
        (r"[a-zA-Z_][a-zA-Z0-9_]{2,127}",),
    ),
    Assumption("datera.metrics.latency_unit", 1, "2", (1000,)),
    Assumption("datera.metrics.throughput_unit", 1, "2", (1024,)),
    Assumption("datera.nodes.parts", "complete", "2", ("paths", "missing")),
    *general("datera", "9"),
)
