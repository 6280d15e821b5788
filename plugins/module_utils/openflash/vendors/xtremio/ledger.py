# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is assumed about the array because no source proves it. Section numbers are those of the XMS wire sheet."""

from __future__ import annotations

from ...assumption import CLIENT, NOBODY, Assumption, Ledger, general
from ...units import MIB, PIB

# -- facts that a source proves ----------------------------------------------------------------------------------------

# Section 3: sources disagree on the granularity; a multiple of 1 MiB satisfies all of them. 2 PB is quoted from the
# vendor.
GRANULARITY = MIB
LARGEST = 2 * PIB
# Section 2: the most terms that a client is known to join with commas in one filter.
FILTER_TERMS = 149
# Section 7: a tag of a volume is named by its path.
TAG_ROOT = "/Volume/"
TAG_ENTITY = "Volume"
# Section 9: the Cinder driver uses temporary names of 73 characters, suffixes of 36 and set names of 64.
PROVEN_NAME = 73
PROVEN_SUFFIX = 36
SNAPSET_LONGEST = 64
# Section 2: reads may show a new tag late; one client waits for this many seconds.
TAG_LAG = 30.0
# Seconds for which what the array keeps on a restore may not be listed yet.
BACKUP_LAG = 6.0

# -- names and limits --------------------------------------------------------------------------------------------------

NAME_LONGEST = Assumption(
    "xtremio.names.longest",
    128,
    "9",
    NOBODY,
    "The name of an object has at most this many characters; 73 are known to be accepted.",
    "A task with a longer name fails, and changes nothing. Use shorter names.",
    "The array refuses to create or rename an object whose name has more than 73 characters.",
)
SUFFIX_LONGEST = Assumption(
    "xtremio.names.suffix_longest",
    64,
    "9",
    CLIENT,
    "The suffix of a snapshot has at most this many characters; 36 are known to be accepted.",
    "A snapshot whose name is that of its volume with a longer suffix is not taken.",
    "The array refuses a snapshot whose suffix has more than 36 characters.",
)
NAME_PATTERN = Assumption(
    "xtremio.names.characters",
    r"(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._:@+-]*",
    "9",
    NOBODY,
    "Names of this pattern are legal. Of digits alone an index could be taken for a name.",
    "A task with such a name fails, and changes nothing. Use letters, digits, dots, dashes and underscores.",
    "The array refuses to create or rename an object whose name has a colon, an at sign or a plus sign.",
)
LUN_RANGE = Assumption(
    "xtremio.luns.range",
    (0, 16383),
    "15",
    NOBODY,
    "The lowest and the highest LUN of a host.",
    "A mapping at a LUN outside the range fails, and changes nothing. Choose another LUN, or leave it to the array.",
    "The array refuses a LUN that is in this range and that the host does not use.",
)
LINE_LONGEST = Assumption(
    "xtremio.requests.line_longest",
    8192,
    "2",
    NOBODY,
    "The first line of a request may have this many characters, as most servers accept by default.",
    "A task that names very many objects fails while it reads, and changes nothing. Name fewer objects in one task.",
    "A read with a long filter is answered by HTTP status 414 or 400.",
)

# -- codes -------------------------------------------------------------------------------------------------------------

CODES = Assumption(
    "xtremio.errors.codes",
    "by_analogy",
    "15",
    NOBODY,
    "The codes of refusals that no source quotes are formed like those that are quoted.",
    "An error is less precise than it could be. Whether something exists is always decided by a read.",
    "The message of a refusal is none of the codes that this collection knows.",
)

# -- restore -----------------------------------------------------------------------------------------------------------

RELATED = Assumption(
    "xtremio.refresh.related",
    "same_family",
    "4",
    NOBODY,
    "A volume takes the content only of an object of its own family: what was made of it, or of the same volume. The "
    "array reports the family as snapgrp-id.",
    "A refresh from an object of another family is refused, although the array would carry it out.",
    "The array refreshes a volume from one that was not made of it, nor of the same volume.",
)
BACKUP_NAME = Assumption(
    "xtremio.restore.backup_name",
    "requested",
    "4",
    NOBODY,
    "The copy of the present content that the array keeps on a restore is named <volume>.<requested suffix>.",
    "That copy stays on the array under the name that the array gave it, beside the backup that this collection took "
    "itself. After an interruption a task may refuse to decide whether the volume was restored.",
    "After a restore there is a new copy of another name.",
)
BACKUP_SET = Assumption(
    "xtremio.restore.backup_set",
    "requested",
    "4",
    NOBODY,
    "That copy is in a snapshot set of the requested name.",
    "As for the name of the copy.",
    "After a restore the snapshot set of the new copy has another name, or the copy is in no set.",
)
BACKUP_ANCESTOR = Assumption(
    "xtremio.restore.backup_ancestor",
    "volume",
    "4",
    NOBODY,
    "That copy has the restored volume as its ancestor.",
    "As for the name of the copy.",
    "After a restore ancestor-vol-id of the new copy names another object, or none.",
)
BACKUP_TYPE = Assumption(
    "xtremio.restore.backup_type",
    "regular",
    "4",
    NOBODY,
    "That copy is writable.",
    "Nothing: both kinds are recognised.",
    "After a restore snapshot-type of the new copy is readonly.",
)
BACKUP_SEEN_AFTER = Assumption(
    "xtremio.restore.backup_seen_after",
    0.0,
    "2",
    NOBODY,
    "That copy is listed when the array confirms the restore (seconds).",
    "The task waits for it for at most 6 s. After that, as for the name of the copy.",
    "The new copy is listed some time after the restore was confirmed.",
)

# -- hosts -------------------------------------------------------------------------------------------------------------

CONNECTED = Assumption(
    "xtremio.initiators.connected_state",
    "connected",
    "6",
    NOBODY,
    "initiator-conn-state has this value while the initiator is logged in.",
    "There is no warning before a volume is unmapped from a host that is logged in.",
    "An initiator that is logged in has another state.",
)
TARGETS_LISTED = Assumption(
    "xtremio.initiators.targets",
    "listed",
    "6",
    CLIENT,
    "From XMS 4.2 on, initiators-connectivity lists the targets that an initiator is logged in to.",
    "The paths are known by their number alone, without the target ports.",
    "target-list is empty, and num-of-conn-tars is not 0.",
)
LOGGED_IN = Assumption(
    "xtremio.initiators.logged_in",
    False,
    "6",
    NOBODY,
    "An initiator is not reported as logged in before it is in use.",
    "A task warns that a host is logged in, although it does not use the volume.",
    "An initiator that was just created has the state of one that is logged in.",
)
NAA_GIVEN = Assumption(
    "xtremio.volumes.naa_given",
    "mapped",
    "3",
    CLIENT,
    "A volume has its naa-name from its first mapping on.",
    "The serial in the result of a mapping is null. Another task reads it.",
    "naa-name is empty after the mapping was confirmed, or is there before.",
)
COUNTERS = Assumption(
    "xtremio.objects.alerts_and_counters",
    "idle",
    "3",
    NOBODY,
    "Objects may report alerts, a severity and measurements of any value.",
    "Nothing: they are not read.",
    "An object has a severity other than information, or measurements above 0.",
)

# -- tags --------------------------------------------------------------------------------------------------------------

TAG_CHARACTERS = Assumption(
    "xtremio.tags.characters",
    "-_.:@+ =%",
    "7",
    NOBODY,
    "The last part of a tag's name may be key=value, with letters, digits and these characters.",
    "Notes cannot be written on volumes; only the Cinder drivers write any. The request fails, and changes nothing.",
    "The array refuses to create a tag whose name has an equals sign.",
)
TAG_SEEN_AFTER = Assumption(
    "xtremio.tags.seen_after",
    0.0,
    "2",
    CLIENT,
    "A tag can be assigned as soon as its creation is confirmed (seconds).",
    "The request waits for at most 30 s, and fails after that.",
    "The assignment of a new tag is refused because the tag is not there.",
)

LEDGER: Ledger = (
    NAME_LONGEST,
    SUFFIX_LONGEST,
    NAME_PATTERN,
    LUN_RANGE,
    LINE_LONGEST,
    CODES,
    RELATED,
    BACKUP_NAME,
    BACKUP_SET,
    BACKUP_ANCESTOR,
    BACKUP_TYPE,
    BACKUP_SEEN_AFTER,
    CONNECTED,
    TARGETS_LISTED,
    LOGGED_IN,
    NAA_GIVEN,
    COUNTERS,
    TAG_CHARACTERS,
    TAG_SEEN_AFTER,
) + general("xtremio", "15")
