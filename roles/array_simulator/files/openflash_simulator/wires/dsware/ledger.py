# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is assumed about the array because no source proves it.

The wire sheet marks these facts INFERRED or DESIGN, or lists them as open questions (section 9). No client may
depend on them. When a real array shows something else, this is the only file to correct.
"""

from __future__ import annotations

from ...assumptions import Assumption, Ledger, default_of, general

# Section 4.1: the characters that are safe on every interface.
NAME = r"[A-Za-z0-9_-]+"
# Section 9: count limits are unknown.
VOLUMES = 65_000
SNAPSHOTS_PER_VOLUME = 2000
ATTACHMENTS = 16
# Section 2.1: for the client 1, 2 and 10 mean that the volume exists; that 10 means deleting is assumed.
SOCKET_READY = 1
SOCKET_DELETING = 10
# Section 2.2: status numbers of volumes and snapshots on the other interfaces.
READY = 0
DUPLICATING = 6
# Section 2.1: after DELETE at least one query reports that the volume is being deleted. Without a query it is removed
# after this time.
DELETE_SECONDS = 30.0
# How long the array takes for a full copy.
COPY_SECONDS = 0.2
# Section 1.2: the first release with the operations on pools; an older one answers that it does not know them.
FIRST_WITH_POOLS = (6,)
# Section 1.5: the version segment, from a third client.
REST_VERSION = "v1.3"
# Section 3: the last release that used the codes 31000000 and 32150005.
LAST_WITH_OLD_CODES = (6, 3)
# Section 1.1: the longest reply on the socket, in bytes.
REPLY_LIMIT = 1024
# Section 5.3: the name of a new array's default pool is not known.
POOL = "pool0"
# Section 2.3: the longest name of a QoS policy, from a client.
POLICY_NAME = 63
CAPACITY = 20 << 40
# Section 2.3: that the first LUN is 1 is inferred from an example.
FIRST_LUN = 1
# An identity of a mapping that is no LUN begins here.
FIRST_LUN_ID = 100_000
# Sections 1.3 and 1.5: the first digits of the SCSI identity (NAA 6); the vendor part is invented.
WWN_PREFIX = "6888603"

LATER_SECONDS = 1.0
"""How long a restore goes on after its answer, where that is played."""

TIB = 1 << 40
LEDGER: Ledger = (
    Assumption("dsware.pools.status", "0", "2", ("1",)),
    # 45: a client names snapshots snapshot-<uuid>.
    Assumption("dsware.names.longest", 95, "4.1", (45,)),
    Assumption("dsware.names.characters", r"[A-Za-z0-9_][A-Za-z0-9_-]*", "4.1", (r"[A-Za-z][A-Za-z0-9_-]*",)),
    Assumption("dsware.names.host_longest", 31, "4.1", (15,)),
    Assumption("dsware.volumes.largest", 256 * TIB, "9", (TIB,)),
    Assumption("dsware.volumes.deleted_with_snapshots", "refused", "3", ("deleted_too",)),
    Assumption("dsware.snapshots.deleted_below_clone", "deleted", "2.3", ("refused",)),
    Assumption("dsware.linked.size", "requested", "2.3", ("of_snapshot",)),
    # later: some time after the answer. undone: never, although the answer has a code that a client takes for success.
    Assumption(
        "dsware.restore.answer",
        "0",
        "3",
        ("later", "50153010", "later_50153010", "refused_50153012", "undone_50153010"),
        worst="later_50153010",
    ),
    Assumption("dsware.refresh.used_volume", "copied", "2.2", ("refused",)),
    Assumption("dsware.refresh.mapped", "copied", "3", ("refused",)),
    Assumption("dsware.luns.lun_id", "lun", "2.3", ("identity",)),
    Assumption("dsware.luns.range", (0, 511), "2.3", ((0, 15),)),
    Assumption("dsware.hosts.group_needed", False, "2.3", (True,)),
    Assumption("dsware.hosts.not_found", "50151403", "9", ("50155103", "50159999")),
    Assumption("dsware.initiators.unlisted", "no_host", "2.3", ("listed",)),
    Assumption("dsware.rest.versions", "any", "1.5", ("as_clients_send",)),
    Assumption("dsware.rest.unknown_keys", "ignored", "2.3", ("refused",)),
    # The largest page, whatever a client asks for.
    Assumption("dsware.rest.page_size", 1000, "2.3", (100, 2)),
    Assumption("dsware.lists.status", True, "2.3", (False,)),
    # The largest maxIOPS and maxMBPS that the array takes.
    Assumption("dsware.qos.unlimited", (999_999_999, 999_999), "2.3", ((9_999_999, 99_999),)),
    Assumption("dsware.qos.reported", True, "2.3", (False,)),
    Assumption("dsware.qos.second_policy", "refused", "2.3", ("replaced",)),
    Assumption("dsware.objects.create_time", True, "2.3", (False,)),
    Assumption("dsware.snapshots.volume_key", "fatherName", "2.3", ("volumeName", "none")),
    Assumption("dsware.socket.extensions", False, "2.1", (True,)),
    Assumption("dsware.socket.page_size", 3, "2.1", (2,)),
    Assumption("dsware.socket.pool_unit", 1 << 30, "4.2", (1 << 20,)),
    # Seconds.
    Assumption("dsware.socket.time_unit", 1, "2.1", (60,)),
    Assumption("dsware.errors.agent_failed", "51", "3", ("52",)),
    *general("dsware", "9"),
)


def is_default(key: str, value: object) -> bool:
    """Whether it is what is assumed: what is refused beyond that is not known."""
    return bool(default_of(LEDGER, key) == value)
