# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names that this client gives: of snapshots, of unfinished copies, and of hosts."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import NamedTuple, Optional, Sequence, Tuple

from ... import unfinished
from ...units import whole_number
from .ledger import HOST_NAME_LONGEST, NAME_PATTERN, UDIDS

# <name>.snap<source> is a snapshot, <name>.live<source> one that was taken while its source was mapped to a host. The
# array itself links nothing (section 2.5), and the name survives a rename of the source. <source> is _<end of the
# source's UID><its udid>. The array may give the UID of a deleted volume to a new one; the udid (section 2.2: a number
# that only OpenVMS hosts use) is set by this client, at random, and is deleted with the volume. Where a firmware has no
# udid, and in names of earlier versions, <source> is -<end of the UID>.
_SNAPSHOT = re.compile(r"^(?P<name>.+)\.(?P<kind>snap|live)(?P<source>[-_][0-9a-f]{12})$")
SUFFIX = len(".snap-") + 12
# An unfinished copy: of-copy-<stamp of the run>-<m when the run mapped the source, else k><id of the source>-<digest of
# the final name>.
MARKER = "of-copy-"
_TEMPORARY = re.compile(
    r"%s(?P<stamp>%s)-(?P<mapped>[mk])(?P<source>\d+)-(?P<digest>[0-9a-f]{12})\Z" % (MARKER, unfinished.PATTERN)
)
_DIGEST = 12
HOST_PREFIX = "openflash-"


class SnapshotName(NamedTuple):
    """The name of a vdisk that is a snapshot, in parts."""

    name: str
    consistent: bool
    source: str
    """Identifies the source: one of ``sources_of`` that volume."""


class Temporary(NamedTuple):
    """The name of a vdisk that is an unfinished copy, in parts."""

    stamp: unfinished.Stamp
    """When the copy was begun, and by which process."""
    mapped: bool
    """Whether the copy mapped its source, so that it has to be unmapped again."""
    source: str
    """Id of the source."""
    digest: str


def sources_of(serial: str, udid: str) -> Tuple[str, ...]:
    """How the names of its snapshots may identify a volume; the first is for new snapshots.

    :param udid: as the array reports it; empty when the volume has none.
    """
    by_serial = "-" + serial.lower()[-12:]
    number = whole_number(udid)
    if is_unset(udid) or number is None or number > 0xFFFF:
        return by_serial, "_%s0000" % serial.lower()[-8:]
    return "_%s%04x" % (serial.lower()[-8:], number), by_serial


def is_unset(udid: str) -> bool:
    """Whether a udid does not tell its volume from others: the array may report 0 for all that were given none."""
    return udid in ("", "0")


def unused_udid(serial: str, udids: Sequence[str], names: Sequence[str]) -> str:
    """A udid for the volume of this UID, at random.

    :param udids: those of all volumes: an OpenVMS host confuses two disks with one number.
    :param names: those of all volumes and snapshots: there may be snapshots of an earlier volume with this UID.
    """
    used_sources = {parts.source for parts in map(parse_snapshot, names) if parts is not None}
    first, last = UDIDS
    while True:
        # There are many more numbers than volumes of an array (section 4), so this ends.
        number = str(first + secrets.randbelow(last - first + 1))
        if number not in udids and sources_of(serial, number)[0] not in used_sources:
            return number


def snapshot_name(name: str, source: str, consistent: bool) -> str:
    """The name of a snapshot on the array; ``source`` is one of ``sources_of`` its volume."""
    return "%s.%s%s" % (name, "snap" if consistent else "live", source)


def parse_snapshot(name: str) -> Optional[SnapshotName]:
    match = _SNAPSHOT.match(name)
    return SnapshotName(match.group("name"), match.group("kind") == "snap", match.group("source")) if match else None


def digest_of(final: str) -> str:
    return hashlib.sha256(final.encode("utf-8")).hexdigest()[:_DIGEST]


def temporary_name(stamp: unfinished.Stamp, mapped: bool, source_id: str, final: str) -> str:
    """The name of a copy until it is complete."""
    return "%s%s-%s%s-%s" % (MARKER, stamp.text, "m" if mapped else "k", source_id, digest_of(final))


def parse_temporary(name: str) -> Optional[Temporary]:
    match = _TEMPORARY.match(name)
    stamp = unfinished.parse(match.group("stamp")) if match else None
    if match is None or stamp is None:
        return None
    return Temporary(stamp, match.group("mapped") == "m", match.group("source"), match.group("digest"))


def safe_host_name(name: str) -> str:
    """The name of a host on the array: this one when the array takes it, else a legal one that is always the same."""
    if len(name) <= HOST_NAME_LONGEST.value and re.match(r"(?:%s)\Z" % NAME_PATTERN.value, name):
        return name
    digest = hashlib.sha256(name.encode("utf-8")).hexdigest()[:8]
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", name)
    if not re.match(r"[A-Za-z_]", plain):
        plain = "_" + plain
    return "%s-%s" % (plain[: HOST_NAME_LONGEST.value - 9], digest)
