# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is guessed about the array, and what it can do. Section numbers are those of the Datera wire sheet.

Everything that no source proves is a constant in the first half of this file and nowhere else.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

from ... import unfinished
from ...errors import Invalid
from ...model import ISCSI, OF_VOLUME, THIN, Capabilities, CopyMethod, NameRule, OptionRule, Snapshot, Volume
from ...units import GIB

# Section 1.16: what one page may hold at most. Every entry of a list carries its whole tree.
PAGE = 1000
# Section 1.16: the default size of a page. That no array puts fewer on one is a guess, and matters only where the total
# that the array reports is not that of the filtered list.
SMALLEST_PAGE = 100
# Section 1.12: from here on notes have another route (2.10) and placement has policies (2.4).
MODERN = (3, 3)
# Section 2.10: nothing says which characters a key may have; these every store takes.
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

# Ours. Marks an app instance that does not have its name yet. Its description goes on with a digest of the request, the
# stamp of the run (see unfinished.py), and whether the array was left copying when the time was over.
UNFINISHED = "of-"
UNFINISHED_DESCR = "openflash unfinished copy"
_REQUEST = 8
_LEFT_COPYING = " copying"
_UNFINISHED = re.compile(
    r"%s ([0-9a-z]{%d})-(%s)(%s)?" % (UNFINISHED_DESCR, _REQUEST, unfinished.PATTERN, _LEFT_COPYING)
)
# Ours. Ends the description of an app instance that is offline for a moment, with the size that it had in GiB.
OFFLINE_MARK = "openflash-offline-"
# Ours. Begins the noted name of a backup whose restore is not done: the snapshot and what was restored last follow.
PENDING = "openflash-pending-"
# Ours. What a snapshot of a complete app instance is called: this and its time stamp. OpenStack takes none of these, so
# its UUID, which would be taken for a name of OpenStack's, is not its name.
INSTANCE_SNAPSHOT = "instance-"
# Ours. Snapshots have no names here; their UUIDs are made of what they were taken of and of the name (10.3).
NAMESPACE = uuid.UUID("6ad1b1ee-5b52-5d15-8a3e-2f3a5a6f9d01")

_UUID = re.compile(r"^[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$")
_NAME = r"[A-Za-z_][A-Za-z0-9_.-]{2,63}"
_UUID_NAME = r"[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}"

QOS = tuple("%s_%s_max" % (kind, what) for what in ("iops", "bandwidth") for kind in ("total", "read", "write"))
PLACEMENT_MODES = ("hybrid", "single_flash", "all_flash")


def is_uuid(name: str) -> bool:
    return _UUID.match(name) is not None


def may_be_named(name: str) -> bool:
    """Whether the array can have an object of this name; what it cannot have is not asked for."""
    return re.match(r"(?:%s)\Z" % _OBJECT.pattern, name) is not None


def snapshot_uuid(volume_path: str, name: str) -> str:
    """The same in every run, so that a second try finds what the first one made. The path has ids, not names."""
    return name if is_uuid(name) else str(uuid.uuid5(NAMESPACE, "%s\0%s" % (volume_path, name)))


def unfinished_name(name: str) -> str:
    """Under which a copy waits until it is what was asked for: the same in every run, so that the next one finds it."""
    return UNFINISHED + hashlib.sha256(name.encode("utf-8")).hexdigest()[:24]


class Unfinished(NamedTuple):
    """What the description of an unfinished app instance says."""

    request: str
    stamp: unfinished.Stamp
    left_copying: bool


def request_digest(*about: str) -> str:
    return unfinished.digest(_REQUEST, *about)


def unfinished_descr(request: str, stamp: unfinished.Stamp, left_copying: bool = False) -> str:
    return "%s %s-%s%s" % (UNFINISHED_DESCR, request, stamp.text, _LEFT_COPYING if left_copying else "")


def parse_unfinished(descr: str) -> Optional[Unfinished]:
    """None for an app instance that no run of this collection has left unfinished."""
    found = _UNFINISHED.search(descr)
    stamp = unfinished.parse(found.group(2)) if found else None
    return Unfinished(found.group(1), stamp, bool(found.group(3))) if found and stamp else None


def further_backup(backup: str, number: int) -> str:
    """The name of one more safety copy, beside the backup of a restore whose end is not known."""
    return "%s-%d" % (backup[:124], number)


def parse_version(text: str) -> Tuple[int, ...]:
    """(3, 3, 5, 0) from ``3.3.5.0`` (section 1.12)."""
    match = re.match(r"^\s*([0-9]+(?:\.[0-9]+)*)", str(text))
    if match is None:
        raise Invalid("%r is not a version of the array's software" % (text,))
    return tuple(int(part) for part in match.group(1).split("."))


def tenant_path(given: Optional[str]) -> str:
    """``/root/x`` from ``/root/x``, ``root/x`` or ``x``; nothing and ``root`` are /root (1.8 and 3.12)."""
    parts = [part for part in (given or "").strip().split("/") if part]
    if parts[:1] == ["root"]:
        parts = parts[1:]
    for part in parts:
        if not re.match(r"(?:%s|%s)\Z" % (_NAME, _UUID_NAME), part):
            raise Invalid("%r is not a tenant" % given, hint="Write its path, such as /root/acme, or its name.")
    return "/".join(["/root"] + parts)


_OBJECT = NameRule(
    64,
    "(?:%s|%s)" % (_NAME, _UUID_NAME),
    "3 to 64 letters, digits, '_', '-' and '.', the first a letter or '_'; or a UUID in lower case",
)
_GROUP = NameRule(64, _NAME, "3 to 64 letters, digits, '_', '-' and '.', the first a letter or '_'")
# Ours to choose, since the array gives snapshots no names: what every array takes, and a UUID.
_SNAPSHOT = NameRule(
    128,
    "(?:[A-Za-z_][A-Za-z0-9._:@+-]*|%s)" % _UUID_NAME,
    "1 to 128 letters, digits, '.', '_', ':', '@', '+' and '-', the first a letter or '_'; or a UUID in lower case",
)

REFUSALS: Dict[str, str] = {
    "chap": "Datera keeps CHAP credentials with each volume and not with the host; give them where a volume is mapped",
    "atomic_snapshots": "Datera takes snapshots of one instant only of the volumes within one app instance, and every "
    "volume made here has an app instance of its own; take them one by one",
    "groups": "Datera has no consistency groups of volumes; volumes that belong together are volumes of one app "
    "instance, which are made on the array itself",
    "host_os": "Datera stores no operating system of a host; leave os out",
    "map_snapshot": "Datera does not show snapshots to hosts; make a volume of it and map that",
    "explicit_lun": "Datera gives each volume a target of its own and numbers the LUNs there itself; leave lun out",
}


@dataclass(frozen=True)
class DateraCapabilities(Capabilities):
    """What depends on the object: nearly everything acts on a whole app instance or storage instance (section 2)."""

    def refusal(self, operation: str, obj: Any = None, **details: Any) -> Optional[str]:
        if isinstance(obj, Volume):
            if obj.siblings and operation in ("map_volume", "delete_volume", "rename_volume"):
                return shared_life(obj.siblings, _ACTS[operation])
            if operation == "set_volume":
                return _cannot_set(obj, details.get("options") or {})
        if isinstance(obj, Snapshot) and obj.group is not None:
            refusal = _cannot_use(obj, operation)
            if refusal is not None:
                return refusal
        return super().refusal(operation, obj, **details)

    def method(self, operation: str, obj: Any = None) -> CopyMethod:
        return CopyMethod("array_copy", independent=True)


_ACTS = {
    "map_volume": "the access list",
    "delete_volume": "going offline, which deleting needs,",
    "rename_volume": "the name",
}


def _cannot_use(snapshot: Snapshot, operation: str) -> Optional[str]:
    """What is impossible with a snapshot that was taken of a complete app instance."""
    if operation == "delete_snapshot" and snapshot.volume and "/" in snapshot.volume:
        return (
            "it was taken of the complete app instance %s, and would go for its other volumes too; delete it on the "
            "array itself" % snapshot.group
        )
    if operation in ("restore_snapshot", "volume_from_snapshot") and "/storage_instances/" not in snapshot.id:
        return (
            "it was taken of the complete app instance %s, and the array does not report it as one of the volume; use "
            "it on the array itself" % snapshot.group
        )
    return None


def shared_life(siblings: Sequence[str], what: str) -> str:
    return (
        "%s is that of its whole app instance, which has %s as well; do it on the array itself, where all of them "
        "can be looked after" % (what, ", ".join(siblings))
    )


def _cannot_set(volume: Volume, options: Dict[str, Any]) -> Optional[str]:
    wanted, present = options.get("replica_count"), volume.options.get("replica_count")
    if isinstance(wanted, int) and isinstance(present, int) and wanted < present:
        return "the array never lowers replica_count, which is %d; copy it to a new volume with %d" % (present, wanted)
    if options.get("ip_pool") and volume.siblings:
        return shared_life(volume.siblings, "the IP pool")
    return None


def volume_options(policies: bool) -> Dict[str, OptionRule]:
    """What array_options takes; ``policies``: the array and the API version know placement policies (2.4)."""
    options = {
        "replica_count": OptionRule(
            int, (1, 2, 3, 4, 5), description="a whole number from 1 to 5; it can only be raised"
        ),
        "placement_mode": OptionRule(str, PLACEMENT_MODES, description=" or ".join(PLACEMENT_MODES)),
        "ip_pool": OptionRule(str, description="the name of an access network IP pool"),
        "template": OptionRule(str, create_only=True, description="the name of an app template"),
    }
    if policies:
        options["placement_policy"] = OptionRule(str, description="the name of a placement policy")
    for key in QOS:
        unit = "KiB per second" if "bandwidth" in key else "requests per second"
        options[key] = OptionRule(int, description="%s, 0 for no limit" % unit)
    return options


def capabilities(policies: bool) -> Capabilities:
    return DateraCapabilities(
        vendor="datera",
        volume_name=_OBJECT,
        snapshot_name=_SNAPSHOT,
        host_name=_GROUP,
        provisioning=(THIN,),
        granularity=GIB,
        smallest=GIB,
        largest=32768 * GIB,
        luns=(FIRST_LUN, FIRST_LUN),
        protocols=(ISCSI,),
        chap=OF_VOLUME,
        volume_options=volume_options(policies),
        refusals=REFUSALS,
    )
