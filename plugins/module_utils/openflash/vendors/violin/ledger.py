# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is assumed about the array because no source proves it. Section numbers are those of the Violin wire sheet."""

from __future__ import annotations

from ...assumption import Ledger, general
from ...units import TIB

# Section 1.5: the first version whose requests are known, and the first that clients of that time accepted. 7.50 is
# later than 7.9, and may be another product.
OLDEST = (7, 5, 3)
OLDEST_EVER = (7, 5, 2)
NEWEST_BEFORE = (7, 10)
FIRST_WITH_ISCSI = (7, 5, 4)
FIRST_WITH_INTERFACES = (7, 5, 5)
FIRST_WITH_ENCRYPTION = (7, 5, 6)
# Section 1.5: hardware_model of a 7700; any other value is a 7300.
EXTERNAL_HEAD = "R720"
# Section 4: 36 characters are known to be accepted; the limit and the legal characters are not known.
VOLUME_NAME_LONGEST = 127
HOST_NAME_LONGEST = 127
# Some requests may have a number in place of an object id, so a name must not consist of digits only.
NAME_PATTERN = r"(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._:@+-]*"
# Section 2.7: beginning of the name of the client by which OpenStack registers itself.
REGISTRATION = "Managed by OpenStack"
# Section 4: the limit of a comment, which is what names a snapshot.
SNAPSHOT_NAME_LONGEST = 32
SNAPSHOTS_PER_VOLUME = 1000
# Section 4: neither the largest LUN nor the highest LUN number is documented.
LARGEST = 64 * TIB
LUN_RANGE = (0, 255)
# Section 2.1: the array allocates one part in so many of a thin LUN at once, so that much must be free.
THIN_PART = 10
# Section 2.2: per cent of a LUN's size for its snapshot resource, for LUNs of less than so many MiB and for all others,
# and how the resource is extended.
AREA_SIZES = ((500, 100), (2000, 50))
AREA_PART = 20
AREA_THRESHOLD = 50
AREA_INCREMENT = "1024MB"
# Section 2.3: keys of a snapshot policy in a request; that the answer has them too is not documented.
POLICY_KEYS = ("automatic", "CDPOption", "triggerReplication", "maxTimeMarkCount", "RetentionPolicy")
# Section 2.7: the sibling API names its targets like this; any IQN is accepted.
TARGET_PREFIX = "iqn.2004-02.com.vmem:"
# Section 2.5: a copy has no status at first. After so many seconds without one it counts as not started.
COPY_STARTS_WITHIN = 60.0
# Section 3: the upstream driver polls until the array lists what was created, for at most 300 s. After this many
# seconds it is an error that a change is confirmed and not listed.
LISTED_WITHIN = 60.0

# Seconds, more than a run needs from reading the initiators of a host to the request that replaces them.
RACE_PAUSE = 0.5

LEDGER: Ledger = general("violin", "4")
