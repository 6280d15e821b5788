# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no source tells about a real Dsware, decided once and kept in one place.

The wire sheet marks these INFERRED or DESIGN, or lists them as open questions (its section 9). A client must not depend
on them; when a real array shows something else, this is the only file to correct.
"""

from __future__ import annotations

# Section 4.1: the longest name that any client generates has 95 characters.
NAME_LENGTH = 95
# Section 4.1: what is safe on every wire.
NAME = r"[A-Za-z0-9_-]+"
# Section 4.1: one client shortens longer names of hosts.
HOST_NAME_LENGTH = 31
# Section 9: count limits are unknown.
VOLUMES = 65_000
SNAPSHOTS_PER_VOLUME = 2000
ATTACHMENTS = 16
# Section 2.1: "still there" is 1, 2 or 10 to the client; that 10 means deleting is a guess.
SOCKET_READY = 1
SOCKET_DELETING = 10
# Section 2.2: status numbers of volumes and snapshots on the other wires.
READY = 0
DUPLICATING = 6
# Section 2.1: a volume is seen to be deleting at least once after DELETE; nobody looking, it is gone after this long.
DELETE_SECONDS = 30.0
# How long the array takes for a full copy.
COPY_SECONDS = 0.2
# Section 1.2: what a version older than this answers to operations of newer ones.
FIRST_WITH_POOLS = (6,)
# Section 1.5: the version segment, from a third client.
REST_VERSION = "v1.3"
# Section 3, codes 31000000 and 32150005: the last release that used them.
LAST_WITH_OLD_CODES = (6, 3)
# A sheet of one page on the socket: what fits in 1024 bytes (section 1.1).
REPLY_LIMIT = 1024
# Section 5.3: what the default pool of a new array is called is not known.
POOL = "pool0"
CAPACITY = 20 << 40
# Section 2.3: the LUN of a mapping is called lunId; that it begins at 1 is inferred from an example.
FIRST_LUN = 1
MAX_LUN = 511
# Sections 1.3 and 1.5: where the SCSI identity begins (NAA 6); its vendor part is made up.
WWN_PREFIX = "6888603"
