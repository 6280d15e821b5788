# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is assumed about the array because no source proves it.

The wire sheet marks these facts INFERRED or DESIGN, or lists them as open questions (section 9). No client may
depend on them. When a real array shows something else, this is the only file to correct.
"""

from __future__ import annotations

from ...assumptions import Ledger, general

# Section 4.1: the longest name that any client generates has 95 characters.
NAME_LENGTH = 95
# Section 4.1: the characters that are safe on every interface.
NAME = r"[A-Za-z0-9_-]+"
# Section 4.1: one client shortens host names that are longer.
HOST_NAME_LENGTH = 31
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
CAPACITY = 20 << 40
# Section 2.3: lunId is the LUN of a mapping; that the first is 1 is inferred from an example.
FIRST_LUN = 1
MAX_LUN = 511
# Sections 1.3 and 1.5: the first digits of the SCSI identity (NAA 6); the vendor part is invented.
WWN_PREFIX = "6888603"

LEDGER: Ledger = general("dsware", "9")
