# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is guessed about the array, what it can do, and the names that we give.

Section numbers are those of the FlashSystem wire sheet. Everything that no source proves is a constant in the first
half of this file and nowhere else.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, NamedTuple, Optional, Sequence, Tuple

from ... import unfinished
from ...model import FC, ISCSI, THICK, Capabilities, CopyMethod, NameRule
from ...units import GIB, TIB

# Section 4: the naming rules of the sibling family; the driver stays within them.
NAME_LONGEST = 63
NAME_PATTERN = r"[A-Za-z_](?:[A-Za-z0-9 ._-]*[A-Za-z0-9._-])?"
# Section 4: the ceiling of one host is not documented; this is the widest reading of the sources.
LUN_RANGE = (0, 2047)
# Section 2.2: byte sizes are whole sectors. 1 GB is quoted as the smallest LUN; the largest is that of the siblings.
GRANULARITY = 512
SMALLEST = GIB
LARGEST = 256 * TIB
# Section 0: one I/O group.
IO_GROUP = "0"
# Section 2.3: how several ports go into one command is quoted for iSCSI names and a guess for WWPNs.
WWPN_JOIN = ":"
IQN_JOIN = ","
# Section 2.1: what an Ethernet port says while it carries hosts, and what a Fibre Channel port says.
PORTAL_STATES = ("configured", "online")
NO_SPEED = "NONE"
FC_ACTIVE = "active"
# Section 5: the driver's default; the array does not tell.
ISCSI_PORT = 3260
# Section 1: one byte that no name can have.
DELIMITER = "!"

# Ours: <name>.snap<source> is a snapshot, .live<source> one taken while a host had its source. The array links nothing
# (section 2.5), and this survives a rename. <source> is _<end of the source's UID><its udid>. The array may give the
# UID of a deleted volume to the next one; the udid (section 2.2: a number that only OpenVMS hosts use) is set by us, at
# random, and goes with the volume. Where a firmware has no udid, and in names of earlier versions, <source> is
# -<end of the UID>.
_SNAPSHOT = re.compile(r"^(?P<name>.+)\.(?P<kind>snap|live)(?P<source>[-_][0-9a-f]{12})$")
_SUFFIX = len(".snap-") + 12
# Section 2.2, by the siblings' grammar: the range of a udid.
UDIDS = (1, 0x7FFF)
# Ours: of-copy-<stamp of the run>-<m when we mapped the source, else k><id of the source>-<digest of the final name>.
MARKER = "of-copy-"
_TEMPORARY = re.compile(
    r"%s(?P<stamp>%s)-(?P<mapped>[mk])(?P<source>\d+)-(?P<digest>[0-9a-f]{12})\Z" % (MARKER, unfinished.PATTERN)
)
_DIGEST = 12
HOST_PREFIX = "openflash-"


class SnapshotName(NamedTuple):
    """What the name of a vdisk says, when it is a snapshot of ours."""

    name: str
    consistent: bool
    source: str
    """Whose it is: one of ``sources_of`` that volume."""


class Temporary(NamedTuple):
    """What the name of a vdisk says, when it is an unfinished copy of ours."""

    stamp: unfinished.Stamp
    """When it was begun, and by which process."""
    mapped: bool
    """Whether the copy mapped its source, so that it has to be unmapped again."""
    source: str
    """Id of the source."""
    digest: str


def sources_of(serial: str, udid: str) -> Tuple[str, ...]:
    """How the names of a volume's snapshots may say that they are its own; the first is for new ones.

    :param udid: as the array reports it; empty when the volume has none.
    """
    by_serial = "-" + serial.lower()[-12:]
    if not udid.isdigit() or int(udid) > 0xFFFF:
        return (by_serial,)
    return "_%s%04x" % (serial.lower()[-8:], int(udid)), by_serial


def unused_udid(serial: str, udids: Sequence[str], names: Sequence[str]) -> str:
    """A udid for the volume of this UID, at random.

    :param udids: of all volumes: an OpenVMS host that sees one number twice takes neither disk for what it is.
    :param names: of all volumes, the snapshots among them: an earlier volume with this UID may have left some.
    """
    taken = {said.source for said in map(parse_snapshot, names) if said is not None}
    first, last = UDIDS
    while True:
        # There are many more numbers than an array has volumes (section 4).
        number = str(first + secrets.randbelow(last - first + 1))
        if number not in udids and sources_of(serial, number)[0] not in taken:
            return number


def snapshot_name(name: str, source: str, consistent: bool) -> str:
    """What a snapshot is called on the array; ``source`` is one of ``sources_of`` its volume."""
    return "%s.%s%s" % (name, "snap" if consistent else "live", source)


def parse_snapshot(name: str) -> Optional[SnapshotName]:
    match = _SNAPSHOT.match(name)
    return SnapshotName(match.group("name"), match.group("kind") == "snap", match.group("source")) if match else None


def digest_of(final: str) -> str:
    return hashlib.sha256(final.encode("utf-8")).hexdigest()[:_DIGEST]


def temporary_name(stamp: unfinished.Stamp, mapped: bool, source_id: str, final: str) -> str:
    """What a copy is called until it is complete."""
    return "%s%s-%s%s-%s" % (MARKER, stamp.text, "m" if mapped else "k", source_id, digest_of(final))


def parse_temporary(name: str) -> Optional[Temporary]:
    match = _TEMPORARY.match(name)
    stamp = unfinished.parse(match.group("stamp")) if match else None
    if match is None or stamp is None:
        return None
    return Temporary(stamp, match.group("mapped") == "m", match.group("source"), match.group("digest"))


def safe_host_name(name: str) -> str:
    """The name that the array gets for a host: this one when it is legal, else one that is, and always the same."""
    if len(name) <= NAME_LONGEST and re.match(r"(?:%s)\Z" % NAME_PATTERN, name):
        return name
    digest = hashlib.sha256(name.encode("utf-8")).hexdigest()[:8]
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", name)
    if not re.match(r"[A-Za-z_]", plain):
        plain = "_" + plain
    return "%s-%s" % (plain[: NAME_LONGEST - 9], digest)


_COPIES = ("create_snapshots", "clone_volume", "volume_from_snapshot")

_REFUSALS: Dict[str, str] = {
    "atomic_snapshots": "this array takes no snapshots; the host that runs the task copies one volume after the other, "
    "so several are never of one instant; take them one by one while nothing writes to the volumes",
    "restore_snapshot": "this array cannot put a snapshot's content back into its volume; make a volume from the "
    "snapshot (source_snapshot) and map that instead",
    "groups": "this array has no consistency groups",
    "chap": "this array has no CHAP; leave the chap options out",
    "host_os": "this array stores no operating system of a host; leave os out",
    "metadata": "this array keeps no notes on a volume",
    "host_without_initiators": "this array makes no host without a port; give its initiators",
}


@dataclass(frozen=True)
class FlashSystemCapabilities(Capabilities):
    """Copies depend on the host that the task runs on: it must see the array's volumes."""

    no_path: Callable[[], Optional[str]] = field(default=lambda: None, compare=False)
    """Why this host cannot copy, in a clause."""

    def refusal(self, operation: str, obj: Any = None, **details: Any) -> Optional[str]:
        if operation in _COPIES:
            problem = self.no_path()
            if problem is not None:
                return (
                    "this array cannot copy, so the host that runs the task does, and this one has no path to the "
                    "array: %s; delegate the task to a host that is connected to it by Fibre Channel or iSCSI" % problem
                )
            return None
        return super().refusal(operation, obj, **details)

    def method(self, operation: str, obj: Any = None) -> CopyMethod:
        return CopyMethod("host_copy", independent=True)


def capabilities(no_path: Callable[[], Optional[str]]) -> FlashSystemCapabilities:
    words = "1 to %d letters, digits, spaces, '.', '-' and '_', the first a letter or '_', the last no space"
    ours = r"(?!%s)(?!.*\.(?:snap|live)[-_][0-9a-f]{12}\Z)" % MARKER
    return FlashSystemCapabilities(
        vendor="flashsystem",
        volume_name=NameRule(NAME_LONGEST, ours + NAME_PATTERN, words % NAME_LONGEST),
        # A snapshot's name must leave room for what says whose snapshot it is.
        snapshot_name=NameRule(NAME_LONGEST - _SUFFIX, ours + NAME_PATTERN, words % (NAME_LONGEST - _SUFFIX)),
        # Any name will do for a host: see safe_host_name.
        host_name=NameRule(255, r"[^\x00-\x1f\x7f]+", "1 to 255 characters"),
        provisioning=(THICK,),
        granularity=GRANULARITY,
        smallest=SMALLEST,
        largest=LARGEST,
        luns=LUN_RANGE,
        protocols=(FC, ISCSI),
        proves_snapshots=False,
        chap=None,
        refusals=_REFUSALS,
        no_path=no_path,
    )
