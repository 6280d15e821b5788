# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of the wire that are assumed or known from few sources. Section numbers are those of the wire sheet."""

from __future__ import annotations

from ...assumption import Ledger, general
from ...units import GIB, TIB

# Section 4: the naming rules of the sibling family; the driver stays within them.
NAME_LONGEST = 63
NAME_PATTERN = r"[A-Za-z_](?:[A-Za-z0-9 ._-]*[A-Za-z0-9._-])?"
# Section 4: the highest LUN of one host is not documented; this is the widest reading of the sources.
LUN_RANGE = (0, 2047)
# Section 2.2: byte sizes are whole sectors. 1 GB is quoted as the smallest LUN; the largest is that of the siblings.
GRANULARITY = 512
SMALLEST = GIB
LARGEST = 256 * TIB
# Section 0: one I/O group.
IO_GROUP = "0"
# Section 2.3: what joins several ports in one command; documented for iSCSI names and assumed for WWPNs.
WWPN_JOIN = ":"
IQN_JOIN = ","
# Section 2.1: the states of an Ethernet port that serves hosts, and of a Fibre Channel port that does.
PORTAL_STATES = ("configured", "online")
NO_SPEED = "NONE"
FC_ACTIVE = "active"
# Section 5: the default of a published driver; the array does not report the port.
ISCSI_PORT = 3260
# Section 1: a character that no name can have.
DELIMITER = "!"
# Section 2.2, by the siblings' grammar: the range of a udid.
UDIDS = (1, 0x7FFF)

LEDGER: Ledger = general("flashsystem", "9")
