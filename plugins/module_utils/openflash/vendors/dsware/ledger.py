# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of the wire that are assumed or known from few sources. Section numbers are those of the wire sheet."""

from __future__ import annotations

from typing import Tuple

from ...assumption import Ledger, general
from ...units import MIB, TIB

REST, SOCKET = "rest", "socket"
REST_PORT, SOCKET_PORT = 28443, 10599

# Section 4.1: the longest name that any client generates; the characters that are safe on every interface and in the
# arguments of a tool; one client's limit for hosts.
NAME_LONGEST = 95
NAME_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9_-]*"
HOST_LONGEST = 31
# Section 4.2: everything is whole MB, which are MiB; the largest volume is not known.
GRANULARITY = MIB
LARGEST = 256 * TIB
# Section 2.3: that lunId of a mapping is its LUN is inferred from an example. The range is not known.
LUN_RANGE = (0, 511)
# Section 1.5: the version segment, where the array does not report a usable one.
REST_VERSION = "v1.3"
# Sections 1.5 and 2.3: how many objects a page of a list may have is known for one client only.
PAGE_SIZE = 1000
# Section 2.1: the socket's replies are cut at 1024 bytes; this many objects with the longest names fit.
SOCKET_PAGE = 3
# Section 2.2 and 2.3: status numbers of a volume.
READY_STATUS = (0, 1, 2)
COPYING_STATUS = (6, 7, 15)
DELETING_STATUS = (10,)
# Section 2.2: status numbers of a snapshot that the array is still making.
SNAPSHOT_COPYING_STATUS = (5, *COPYING_STATUS)
# Section 2.3: under which key a REST snapshot names its volume is not documented; by analogy with father_name.
FATHER_KEYS = ("fatherName", "volumeName", "volName")
# Section 2.3: portHostMap has the hosts of each initiator. That one without a host may be missing is a guess.
HOSTS_OF_UNLISTED_PORT: Tuple[str, ...] = ()
# Section 9: what REST answers for a host that does not exist is not known.
NO_HOST = ("50151403", "50155103")
# Section 2.1: the only known client of the socket takes the capacities of pools for GB.
SOCKET_POOL_UNIT = 1024**3
# Section 2.3: the link that the block client makes for a volume that it has attached.
BY_ID = "disk/by-id/wwn-0x%s"

# Section 3: a client of the vendor takes this code for success of a rollback; its meaning is not published.
ROLLED_BACK = "50153010"

# Section 2.1: the unit of the socket's times is not documented; a second is the longest that any client assumes.
CLOCK_STEP = 1.1

LEDGER: Ledger = general("dsware", "9")
