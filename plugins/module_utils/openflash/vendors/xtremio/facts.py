# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is guessed about the array, and what it can do. Section numbers are those of the XMS wire sheet.

Everything that no source proves is a constant in the first half of this file and nowhere else.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import Dict, Optional, Tuple

from ... import unfinished
from ...errors import Invalid
from ...model import FC, ISCSI, THIN, WITH_VOLUMES, Capabilities, NameRule
from ...units import MIB, PIB

# Section 9: a transient name of the Cinder driver has 73 characters, other clients stop at 55; the limit is a guess.
NAME_LONGEST = 128
# Section 9: quoted for the suffix by one client; the set name is the longest that the Cinder driver is known to use.
SUFFIX_LONGEST = 64
SNAPSET_LONGEST = 64
# Section 9: an all-digit name can be taken for an index. Which characters are legal is not documented; these are, and
# none of them means anything in a filter (section 2).
NAME_PATTERN = r"(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._:@+-]*"
# Section 15: the range is unknown. Above 255 SCSI needs another addressing method, which every host can use.
LUN_RANGE = (0, 16383)
# Section 3: a multiple of 1 MiB is right under every reading of the sources; 2 PB is quoted from the vendor.
GRANULARITY = MIB
LARGEST = 2 * PIB
# Section 2: the most terms that a client is known to join with commas in one filter.
FILTER_TERMS = 149
# A request line of 8 KiB is what most servers accept by default.
FILTER_LENGTH = 6000
# Section 7: a tag of a volume is named by its path. That "key=value" is a legal last part of it is a guess.
TAG_ROOT = "/Volume/"
TAG_ENTITY = "Volume"
TAG_SAFE = "-_.:@+ "
# Section 2: a new tag may show up in reads only after a while; one client waits this many seconds.
TAG_LAG = 30.0
# Section 6: which value of initiator-conn-state says that the initiator is logged in is not documented.
CONNECTED = "connected"

# Ours. Marks a snapshot or clone that does not have its name yet (the array names it <source>.<suffix>, section 4). The
# stamp of the run follows (see unfinished.py).
MARKER = "of-"
_TEMPORARY = re.compile(r"\.%s(%s)\Z" % (MARKER, unfinished.PATTERN))
_TEMPORARY_LONGEST = 1 + len(MARKER) + unfinished.LENGTH
# Ours. Begins the name of a snapshot set; the stamp of the run that made it follows.
SET = "openflash-"
# Ours. Begins the name of the snapshot set of what a restore has kept.
BACKUP_SET = "openflash-backup-"
_DIGEST = 16
# Section 4: the array is known to keep the present content on a restore. That it calls the copy <volume>.<suffix>, puts
# it into the set that the request names, and lists it among the snapshots of the volume are guesses: any one will do.
# Seconds for which it may not be listed yet.
BACKUP_LAG = 30.0


def temporary_suffix(stamp: unfinished.Stamp) -> str:
    """The suffix under which the copies of this run wait for their names. No other run has it."""
    return MARKER + stamp.text


def stamp_of(name: str) -> Optional[unfinished.Stamp]:
    """The stamp of the run that made a copy which has no name of its own yet; None for any other name."""
    found = _TEMPORARY.search(name)
    return unfinished.parse(found.group(1)) if found else None


def snapset_name(stamp: Optional[unfinished.Stamp] = None) -> str:
    """A name that no other snapshot set has; left to the array, two requests in one second collide (section 4)."""
    return SET + (stamp.text if stamp is not None else uuid.uuid4().hex)


def backup_suffix(backup: str) -> str:
    """The suffix of what a restore keeps, before it is called ``backup``: the same in every run."""
    return MARKER + hashlib.sha256(("backup\0%s" % backup).encode("utf-8")).hexdigest()[:_DIGEST]


def unfinished_backup_set(volume: str, backup: str) -> str:
    """The snapshot set of what a restore keeps, before it is called ``backup``: the same in every run."""
    return "%s%s%s" % (BACKUP_SET, MARKER, unfinished.digest(_DIGEST, volume, backup))


def backup_set_name() -> str:
    """The name that the set has once the restore is finished, by which the array's writable copy is known as ours."""
    return (BACKUP_SET + uuid.uuid4().hex)[:SNAPSET_LONGEST]


def _rule(longest: int) -> NameRule:
    return NameRule(
        longest,
        NAME_PATTERN,
        "1 to %d letters, digits, '.', '_', ':', '@', '+' and '-', the first a letter or digit, not digits only"
        % longest,
    )


def parse_version(text: str) -> Tuple[int, ...]:
    """(4, 2, 0) from ``4.2.0-33`` (section 1)."""
    match = re.match(r"^\s*([0-9]+(?:\.[0-9]+)*)", str(text))
    if match is None:
        raise Invalid("%r is not a version of XMS" % (text,), hint="Write it as the array does, such as 4.2.0-33.")
    return tuple(int(part) for part in match.group(1).split("."))


_ON_3X: Dict[str, str] = {
    "atomic_snapshots": "XIOS 3.x does not promise that several snapshots are of one instant; take them one by one, "
    "or upgrade the array to 4.0 or later",
    "restore_snapshot": "XIOS 3.x cannot put a snapshot's content back into its volume; make a volume from the "
    "snapshot and map that instead, or upgrade the array to 4.0 or later",
    "groups": "XIOS 3.x has no consistency groups; upgrade the array to 4.0 or later",
    "metadata": "XIOS 3.x has no tags to keep notes in; upgrade the array to 4.0 or later",
}


def capabilities(v2: bool) -> Capabilities:
    """What the array can do, over REST v2 (XMS 4.0 and later) or v1 (XIOS 3.x)."""
    # A volume must leave room for the suffix of its unfinished snapshots.
    volume = _rule(NAME_LONGEST - _TEMPORARY_LONGEST)
    return Capabilities(
        vendor="xtremio",
        volume_name=volume,
        snapshot_name=volume,
        host_name=_rule(NAME_LONGEST),
        group_name=_rule(NAME_LONGEST) if v2 else None,
        provisioning=(THIN,),
        granularity=GRANULARITY,
        smallest=MIB,
        largest=LARGEST,
        luns=LUN_RANGE,
        protocols=(FC, ISCSI),
        snapshot_names=WITH_VOLUMES,
        finishes_snapshot_sets=True,
        proves_snapshots=v2,
        refusals={} if v2 else _ON_3X,
    )
