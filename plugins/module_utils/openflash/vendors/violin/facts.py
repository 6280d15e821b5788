# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is guessed about the array, and what it can do. Section numbers are those of the Violin wire sheet.

Everything that no source proves is a constant in the first half of this file and nowhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Optional, Tuple

from ... import unfinished
from ...errors import Invalid
from ...model import (
    BY_VOLUME,
    DEDUP,
    FC,
    ISCSI,
    THICK,
    THIN,
    Capabilities,
    CopyMethod,
    NameRule,
    OptionRule,
    Snapshot,
    Volume,
    VolumeSpec,
)
from ...units import MIB, TIB

# Section 1.5: the first version whose requests are known, and the versions that clients of its time took. The third
# number alone differs between those that were seen; 7.50 comes after 7.9 and is another product for all we know.
OLDEST = (7, 5, 3)
OLDEST_EVER = (7, 5, 2)
NEWEST_BEFORE = (7, 10)
FIRST_WITH_ISCSI = (7, 5, 4)
FIRST_WITH_INTERFACES = (7, 5, 5)
FIRST_WITH_ENCRYPTION = (7, 5, 6)
# Section 1.5: what the head of a 7700 calls itself; anything else is a 7300.
EXTERNAL_HEAD = "R720"
# Section 4: 36 characters are known to be taken; the limit and the legal characters are not known.
VOLUME_NAME_LONGEST = 127
HOST_NAME_LONGEST = 127
# The object ids of some requests may be numbers too, so a name is not made of digits only.
NAME_PATTERN = r"(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._:@+-]*"
# Registration of OpenStack, which has spaces and brackets in its name (section 2.7).
REGISTRATION = "Managed by OpenStack"
# Section 4: the limit of a comment, which is what names a snapshot.
SNAPSHOT_NAME_LONGEST = 32
SNAPSHOTS_PER_VOLUME = 1000
# Section 4: neither the largest LUN nor the highest LUN number is documented.
LARGEST = 64 * TIB
LUN_RANGE = (0, 255)
# Section 2.1: of a thin LUN the array allocates this part at once, so it must be free.
THIN_PART = 10
# Section 2.2: the size of a snapshot area by the size of its LUN, in MiB, and how it grows.
AREA_SIZES = ((500, 100), (2000, 50))
AREA_PART = 20
AREA_THRESHOLD = 50
AREA_INCREMENT = "1024MB"
# Section 2.3: the request of a snapshot policy has these; the answer that tells of one is nowhere documented.
POLICY_KEYS = ("automatic", "CDPOption", "triggerReplication", "maxTimeMarkCount", "RetentionPolicy")
# Section 2.7: the sibling API gives its targets such names; any IQN will do.
TARGET_PREFIX = "iqn.2004-02.com.vmem:"
# Section 2.5: for a while after its start a copy has no status. After this many seconds without one it has not begun.
COPY_STARTS_WITHIN = 60.0
# Section 3: the upstream driver polls for what it has made until it is listed, for 300 s at most. After this many
# seconds a change that the array has confirmed and does not show is an error.
SEEN_WITHIN = 60.0

# Ours. Seconds, more than a run takes from its read of a host's initiators to its request that replaces them.
RACE_PAUSE = 0.5
# Ours. Begins the name of what is not finished yet, or is nobody's but this collection's.
MARKER = "of-"
# Section 4: 36 characters are known to be taken for a volume, and 32 are the limit of a snapshot.
_DIGEST = 7
_TEMPORARY = re.compile(r"%s(?:[0-9a-z]{%d}-)?(%s)\Z" % (MARKER, _DIGEST, unfinished.PATTERN))


def temporary_prefix(*about: str) -> str:
    """How the temporary names of the copies for this request begin, in every run the same."""
    return "%s%s-" % (MARKER, unfinished.digest(_DIGEST, *about))


def temporary_name(stamp: unfinished.Stamp, *about: str) -> str:
    """Of a full copy, 36 characters: marker, which request it is for, and the stamp of the run."""
    return temporary_prefix(*about) + stamp.text


def carrier_name(stamp: unfinished.Stamp) -> str:
    """Of a snapshot that is taken for a thin clone, 28 characters: marker, and the stamp of the run."""
    return MARKER + stamp.text


def stamp_of(name: str) -> Optional[unfinished.Stamp]:
    """The stamp of a temporary name; None for any other name."""
    found = _TEMPORARY.match(name)
    return None if found is None else unfinished.parse(found.group(1))


def parse_version(text: str) -> Tuple[int, ...]:
    """(7, 5, 5) from ``7.5.5``; 7.50 is (7, 50), which is more than (7, 9)."""
    match = re.match(r"^\s*([0-9]+(?:\.[0-9]+)*)", str(text))
    if match is None:
        raise Invalid("%r is not a version of Concerto" % (text,))
    return tuple(int(part) for part in match.group(1).split("."))


def area_size(megabytes: int) -> int:
    """MiB of the snapshot area for a LUN of so many (section 2.2)."""
    percent = next((part for below, part in AREA_SIZES if megabytes < below), AREA_PART)
    return -(-megabytes * percent // 100)


@dataclass(frozen=True)
class TimeMark(Snapshot):
    """A snapshot with what only this array needs to know of it."""

    provisioning: Optional[str] = None
    """Of the LUN that it is of: it decides how a volume is made of the snapshot."""
    timestamp: str = ""
    """What the API calls its id."""


_THIN_WORDS = (
    "the array copies only thick volumes in full; of a %s one it makes thin clones, which have the size of their "
    "source, its kind and its pool"
)


@dataclass(frozen=True)
class ConcertoCapabilities(Capabilities):
    """What depends on the object: copies by kind of the source, growth by kind and model."""

    external: bool = False

    def refusal(self, operation: str, obj: Any = None, **details: Any) -> Optional[str]:
        if operation in ("clone_volume", "volume_from_snapshot") and obj is not None:
            return self._copy_refusal(obj, details.get("spec"))
        if operation == "extend_volume" and isinstance(obj, Volume):
            if obj.provisioning == DEDUP and not self.external:
                return (
                    "a 7300 cannot extend a dedup volume; create a larger one and copy the data on a host, or use a "
                    "thin volume"
                )
            if not obj.independent:
                return "a thin clone keeps the size of its source; create a volume of the size and copy on a host"
        if operation in ("create_host", "add_initiators"):
            return self._protocol_refusal(obj, details.get("initiators") or ())
        return super().refusal(operation, obj, **details)

    @staticmethod
    def _copy_refusal(source: Any, spec: Optional[VolumeSpec]) -> Optional[str]:
        kind = kind_of(source)
        if kind is None or spec is None:
            return None
        if kind == THICK:
            if spec.provisioning not in (None, THICK):
                return (
                    "a copy of a thick volume is thick; leave provisioning out, or create a %s volume and copy on a "
                    "host" % spec.provisioning
                )
            return None
        what = "thin or dedup" if kind == "clone" else kind
        if spec.size is not None and spec.size > source.size:
            return _THIN_WORDS % what + "; leave size out, or keep volumes that you copy and grow thick"
        if spec.provisioning not in (None, kind):
            return _THIN_WORDS % what + "; leave provisioning out"
        if spec.pool:
            return _THIN_WORDS % what + "; leave pool out"
        return None

    @staticmethod
    def _protocol_refusal(host: Any, initiators: Any) -> Optional[str]:
        protocols = {one.protocol for one in initiators} | {one.protocol for one in getattr(host, "initiators", ())}
        if len(protocols) > 1:
            return (
                "a host of this array has either Fibre Channel or iSCSI initiators; declare two hosts, one for each "
                "protocol"
            )
        return None

    def method(self, operation: str, obj: Any = None) -> CopyMethod:
        if kind_of(obj) in (THICK, None):
            return CopyMethod("array_copy", independent=True)
        return CopyMethod("instant", independent=False)


def kind_of(source: Any) -> Optional[str]:
    """How a volume, or that of a snapshot, is provisioned; a thin clone is neither; None where that was not read."""
    if isinstance(source, Volume):
        return source.provisioning if source.independent else "clone"
    return getattr(source, "provisioning", None)


def _name(longest: int) -> NameRule:
    words = "1 to %d letters, digits, '.', '_', ':', '@', '+' and '-', the first a letter or digit, not digits only" % (
        longest
    )
    return NameRule(longest, NAME_PATTERN, words)


def capabilities(version: Tuple[int, ...], external: bool, dedup: bool) -> ConcertoCapabilities:
    """What this array can do.

    :param external: it is a 7700.
    :param dedup: it makes dedup volumes: a 7300 with the licence, or a 7700 with pools that the task says do so.
    """
    encrypted = OptionRule(bool, create_only=True, description="true or false")
    return ConcertoCapabilities(
        vendor="violin",
        volume_name=_name(VOLUME_NAME_LONGEST),
        snapshot_name=_name(SNAPSHOT_NAME_LONGEST),
        host_name=_name(HOST_NAME_LONGEST),
        provisioning=(THICK, THIN) + ((DEDUP,) if dedup else ()),
        granularity=MIB,
        smallest=MIB,
        largest=LARGEST,
        luns=LUN_RANGE,
        protocols=(FC, ISCSI) if version >= FIRST_WITH_ISCSI else (FC,),
        snapshots_found_by=BY_VOLUME,
        proves_snapshots=True,
        chap=None,
        clones_depend=True,
        volume_options={"encrypted": encrypted} if version >= FIRST_WITH_ENCRYPTION else {},
        external=external,
        refusals={
            "restore_snapshot": "Concerto cannot put a snapshot's content back into its volume; make a volume from the "
            "snapshot and map that instead",
            "atomic_snapshots": "snapshots of several volumes at one instant are not offered on Violin; take them one "
            "by one, with the application quiet",
            "groups": "consistency groups are not offered on Violin; take snapshots volume by volume",
            "metadata": "this array keeps no notes on a volume; keep them in your inventory",
            "chap": "CHAP is not offered on Violin; let the network keep strangers from the iSCSI portals",
            "set_volume": "a volume of this array has no properties that can be changed; create a new one",
            "map_snapshot": "a snapshot of this array cannot be mapped; make a volume from it and map that",
            "set_host_os": "the operating system of a host can only be chosen when it is created; delete the host and "
            "create it again, or leave os out",
            "host_without_initiators": "a host is made for the protocol of its initiators",
            "remove_last_initiator": "a host of this array keeps at least one initiator; delete the host instead",
        },
    )
