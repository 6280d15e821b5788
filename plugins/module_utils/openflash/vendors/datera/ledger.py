# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of the wire that are assumed or known from few sources. Section numbers are those of the wire sheet."""

from __future__ import annotations

# Section 1.16: what one page may hold at most. Every entry of a list carries its whole tree.
PAGE = 1000
# Section 1.16: the default size of a page. That no array puts fewer on one is a guess, and matters only where the total
# that the array reports is not that of the filtered list.
SMALLEST_PAGE = 100
# Section 1.12: from here on notes have another route (2.10) and placement has policies (2.4).
MODERN = (3, 3)
# Section 2.10: which characters a key may have is not documented; every store takes these.
NOTE_PREFIX = "openflash-snapshot-"
# Section 2.5: how a snapshot that is usable says so.
AVAILABLE = "available"
CLONING = "cloning"
# Section 2.2: how a volume says that the array has not finished a change of its size.
RESIZING = "volume_resize_in_progress"
# Section 2.2: every state that is known. What has another one is not taken for ready.
DEPLOYED = ("deployed", "degraded")
# Section 2.2: who may log in to a storage instance: the initiators of its access list only.
CLOSED = "deny_all"
# Section 7.6: the first volume of a storage instance is LUN 0; that the others count on is a guess.
FIRST_LUN = 0
PORTAL_PORT = 3260
# Section 2.2: one of each by default, named as every other client of this array names them.
STORAGE = "storage-1"
VOLUME = "volume-1"
# Section 2.6: a label is needed, and nothing reads it.
LABEL_LONGEST = 128
