# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of the wire that are assumed or known from few sources. Section numbers are those of the wire sheet."""

from __future__ import annotations

from ...assumption import Ledger, general

# Section 1.16: the most entities of one page. Each entity of a list has all nested entities.
PAGE = 1000
# Section 1.16: the default size of a page. That no array has smaller pages is assumed, which matters only where the
# reported total is not that of the filtered list.
SMALLEST_PAGE = 100
# Section 1.12: from this version on metadata has another route (2.10) and there are placement policies (2.4).
MODERN = (3, 3)
# Section 2.10: which characters a key may have is not documented; every store takes these.
NOTE_PREFIX = "openflash-snapshot-"
# Section 2.5: the state of a snapshot that is usable.
AVAILABLE = "available"
CLONING = "cloning"
# Section 2.2: the status of a volume while the array changes its size.
RESIZING = "volume_resize_in_progress"
# Section 2.2: all known states of what is ready. An entity with another state is not ready.
DEPLOYED = ("deployed", "degraded")
# Section 2.2: the mode in which only the initiators of the access list may log in to a storage instance.
CLOSED = "deny_all"
# Section 7.6: the first volume of a storage instance is LUN 0; that the next one is LUN 1 is assumed.
FIRST_LUN = 0
PORTAL_PORT = 3260
# Section 2.2: the names that all clients of this array give to the one storage instance and its one volume.
STORAGE = "storage-1"
VOLUME = "volume-1"
# Section 2.6: the name of an initiator is required, and nothing reads it.
LABEL_LONGEST = 128

LEDGER: Ledger = general("datera", "9")
