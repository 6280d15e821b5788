# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is assumed about the array because no source proves it. Section numbers are those of the XMS wire sheet."""

from __future__ import annotations

from ...units import MIB, PIB

# Section 9: the Cinder driver uses temporary names of 73 characters, other clients at most 55; the limit is a guess.
NAME_LONGEST = 128
# Section 9: one client quotes this limit of the suffix; of set names it is the longest that the Cinder driver uses.
SUFFIX_LONGEST = 64
SNAPSET_LONGEST = 64
# Section 9: an all-digit name can be taken for an index. Which characters are legal is not documented; these are, and
# none of them means anything in a filter (section 2).
NAME_PATTERN = r"(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._:@+-]*"
# Section 15: the range is unknown. Above 255 SCSI needs another addressing method, which every host can use.
LUN_RANGE = (0, 16383)
# Section 3: sources disagree on the granularity; a multiple of 1 MiB satisfies all of them. 2 PB is quoted from the
# vendor.
GRANULARITY = MIB
LARGEST = 2 * PIB
# Section 2: the most terms that a client is known to join with commas in one filter.
FILTER_TERMS = 149
# A request line of 8 KiB is what most servers accept by default.
FILTER_LENGTH = 6000
# Section 7: a tag of a volume is named by its path. That the last part of it may be "key=value" is a guess.
TAG_ROOT = "/Volume/"
TAG_ENTITY = "Volume"
TAG_SAFE = "-_.:@+ "
# Section 2: reads may show a new tag late; one client waits for this many seconds.
TAG_LAG = 30.0
# Section 6: which value of initiator-conn-state says that the initiator is logged in is not documented.
CONNECTED = "connected"
# Section 4: the array is known to keep the present content on a restore. That it calls the copy <volume>.<suffix>, puts
# it into the set that the request names, and lists it among the snapshots of the volume are guesses: any one will do.
# Seconds for which it may not be listed yet.
BACKUP_LAG = 30.0
