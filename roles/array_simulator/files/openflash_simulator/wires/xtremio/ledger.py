# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Assumptions about an XMS that no source proves, all in one place.

The wire sheet marks these INFERRED or lists them as open questions (section 15). A client must not depend on the exact
texts; when a real array sends another one, this is the only file to correct.
"""

from __future__ import annotations

from ...assumptions import Assumption, Ledger, general

# Section 15: the body of a 401. Only that it may be JSON with a message is known.
UNAUTHORIZED = "invalid_credentials"
# Section 1: a selector that names no cluster. It ends in the suffix that clients take for "not found".
CLUSTER_NOT_FOUND = "cluster_obj_not_found"
# Section 8: by analogy with vol_obj_name_not_unique.
NAME_NOT_UNIQUE = "{}_obj_name_not_unique"
# Section 8: by analogy with vol_obj_not_found, for an object that a request names in its body.
PARENT_NOT_FOUND = "{}_obj_not_found"
# Section 15: another initiator has this port address.
PORT_ADDRESS_NOT_UNIQUE = "port_address_not_unique"
# Section 6: not an IQN, EUI or WWN.
INVALID_PORT_ADDRESS = "invalid_port_address"
# Section 6: another volume of this group has the LUN; the text is that of a third party's fake.
LUN_IN_USE = "lun_already_in_use"
# Section 15: the range of LUNs is unknown.
INVALID_LUN = "invalid_lun"
# Section 6: an initiator group that has mappings cannot be removed.
IG_IS_MAPPED = "cannot_remove_ig_that_has_lun_mappings"
# Section 15: a size that is zero, no whole MiB or above 2 PiB, and a volume made smaller.
INVALID_SIZE = "invalid_vol_size"
SIZE_DECREASED = "vol_size_cannot_be_decreased"
# Section 15: no free space left.
NO_SPACE = "not_enough_free_space"
# Section 9: a name above its limit, or empty.
NAME_INVALID = "invalid_name"
# Section 4: refresh and restore between volumes of different families.
NOT_RELATED = "vols_not_of_same_vsg"
# Section 2: more terms in one filter than the array takes.
FILTER_TOO_LONG = "too_many_filter_terms"
# Section 8 quotes this for an unknown property. The other malformed requests are assumed to begin in the same way.
INVALID_PROPERTY = "Command Syntax Error: Invalid property {}"
MISSING_PROPERTY = "Command Syntax Error: Missing property {}"
INVALID_VALUE = "Command Syntax Error: Invalid value of property {}"
INVALID_TYPE = "Command Syntax Error: Invalid object type {}"
INVALID_COMMAND = "Command Syntax Error: Cannot {} {}"
INVALID_FILTER = "Command Syntax Error: Invalid filter {}"
INVALID_BODY = "Command Syntax Error: Invalid JSON"

# Section 9: clients are known to use set names of up to 64.
SNAPSHOT_SET_NAME_LENGTH = 64
# Section 9: a limit exists, but is unknown.
SNAPSHOTS_PER_VOLUME = 512
VOLUMES = 16384
INITIATOR_GROUPS = 1024
INITIATORS = 1024
# Section 6: two independent fakes give out LUN 1 first.
FIRST_LUN = 1
# Vendor and product in the answer to INQUIRY. The sheet does not have them; multipath-tools knows the array by these.
DISK = ("XtremIO", "XtremApp")
# The size of a simulated cluster whose configuration has none.
CAPACITY = 20 << 40

# Codes that are formed like those that a source quotes, and what the array says instead where they are unknown.
BY_ANALOGY = (
    *(NAME_NOT_UNIQUE.format(kind) for kind in ("ig", "initiator", "cg", "snapset", "tag")),
    PORT_ADDRESS_NOT_UNIQUE,
    INVALID_PORT_ADDRESS,
    LUN_IN_USE,
    INVALID_LUN,
    IG_IS_MAPPED,
    SIZE_DECREASED,
    NO_SPACE,
    NAME_INVALID,
    NOT_RELATED,
    FILTER_TOO_LONG,
)
UNKNOWN_CODE = "internal_error"

LEDGER: Ledger = (
    # Section 9: the Cinder driver uses names of 73 characters, and suffixes of 36.
    Assumption("xtremio.names.longest", 128, "9", (73,)),
    Assumption("xtremio.names.suffix_longest", 64, "9", (36,)),
    Assumption(
        "xtremio.names.characters",
        r"(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._:@+-]*",
        "9",
        (r"(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._-]*",),
    ),
    Assumption("xtremio.luns.range", (0, 16383), "15", ((1, 255),)),
    Assumption("xtremio.requests.line_longest", 8192, "2", (4096,)),
    Assumption("xtremio.errors.codes", "by_analogy", "15", ("unknown",)),
    Assumption("xtremio.refresh.related", "same_family", "4", ("any",)),
    # array: the array chooses it by itself. free: it has nothing of the volume's name.
    Assumption("xtremio.restore.backup_name", "requested", "4", ("set_name", "array", "free")),
    Assumption("xtremio.restore.backup_set", "requested", "4", ("array", "none")),
    # ancestor: what the volume itself was copied from, if anything. snapshot: the one that is restored.
    Assumption("xtremio.restore.backup_ancestor", "volume", "4", ("ancestor", "snapshot")),
    Assumption("xtremio.restore.backup_type", "regular", "4", ("readonly",)),
    Assumption("xtremio.restore.backup_seen_after", 0.0, "2", (2.0, 5.0)),
    Assumption("xtremio.initiators.connected_state", "connected", "6", ("up",)),
    Assumption("xtremio.initiators.logged_in", False, "6", (True,)),
    Assumption("xtremio.initiators.targets", "listed", "6", ("empty",)),
    # late: two seconds after the first mapping.
    Assumption("xtremio.volumes.naa_given", "mapped", "3", ("created", "late")),
    Assumption("xtremio.objects.alerts_and_counters", "idle", "3", ("present",)),
    Assumption("xtremio.tags.characters", "-_.:@+ =%", "7", ("-_.",)),
    Assumption("xtremio.tags.seen_after", 0.0, "2", (2.0, 60.0)),
    *general("xtremio", "15"),
)
