# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is assumed because no source proves it, with the section of the wire sheet that leaves it open."""

from __future__ import annotations

from ...assumptions import Ledger, general

# Section 2.2: the range of a udid, by the grammar of the siblings.
MAX_UDID = 0x7FFF

# Sections 0 and 2.1: the driver knows no other pool name.
POOL = "mdiskgrp0"
CAPACITY = 20 << 40
EXTENT = 1 << 30
# Section 4: K1 says 2048 LUNs per system. The SCSI ids of one host are not documented; this is the widest reading.
VDISKS = 2048
MAX_SCSI_ID = 2047
# Section 4: not documented (9c).
HOSTS = 256
PORTS = 2048
MAPPINGS = 65536
NAME_LENGTH = 63
# Section 2.2: K1 gives 1 GB as the smallest LUN. The code for a smaller one is not documented.
SMALLEST = 1 << 30
TOO_SMALL = "CMMVC5711E"
SECTOR = 512
# Section 2.2: the sheet has no largest size. This is that of the sibling family.
LARGEST = 256 << 40
# Section 2.2: real identities have 32 hex digits, NAA 6, and IBM's company id.
NAA = "6005076"
# Section 2.1: K5 shows 16Gb ports of the sibling.
FC_SPEED = "16Gb"
ETHERNET_SPEED = "10Gb/s"
# Section 9e: for an empty list T prints the header, and K5 says that nothing is printed.
EMPTY_HEADER = False
# Section 2.4: 6071E on the first firmware, 6045E since some level.
SHARED_CODE = "CMMVC6071E"
# Section 3: the shell answers an unknown verb. Its text and status are assumed.
UNKNOWN_STATUS = 127
# Section 1: which characters the restricted shell refuses.
SHELL_CHARACTERS = "$`<>&"
# Section 9f: one client opens two connections at most; the array's limit is not known.
SESSIONS = 10
CONNECTIONS = 10

LEDGER: Ledger = general("flashsystem", "9")
