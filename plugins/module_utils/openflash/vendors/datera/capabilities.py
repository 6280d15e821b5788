# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the array can do, which names and options it takes, and what it refuses (sheet, sections 2 and 4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, Optional, Sequence

from ...model import ISCSI, OF_VOLUME, THIN, Capabilities, CopyMethod, NameRule, OptionRule, Snapshot, Volume
from ...units import GIB
from .ledger import FIRST_LUN, NOTE_LONGEST
from .names import NAME, UUID_NAME

QOS = tuple("%s_%s_max" % (kind, what) for what in ("iops", "bandwidth") for kind in ("total", "read", "write"))
PLACEMENT_MODES = ("hybrid", "single_flash", "all_flash")

# Section 2. The array takes 128; what this collection notes there for a moment needs some (see changes.py).
_DESCRIPTION = r"[a-zA-Z_][a-zA-Z0-9_ .-]{1,98}[a-zA-Z0-9_.-]"

_OBJECT = NameRule(
    64,
    "(?:%s|%s)" % (NAME, UUID_NAME),
    "3 to 64 letters, digits, '_', '-' and '.', the first a letter or '_'; or a UUID in lower case",
)
_GROUP = NameRule(64, NAME, "3 to 64 letters, digits, '_', '-' and '.', the first a letter or '_'")
# The array gives snapshots no names, so this rule is our choice: the characters that every array takes, or a UUID.
_SNAPSHOT = NameRule(
    NOTE_LONGEST.value - 32,
    "(?:[A-Za-z_][A-Za-z0-9._:@+-]*|%s)" % UUID_NAME,
    "1 to %d letters, digits, '.', '_', ':', '@', '+' and '-', the first a letter or '_'; or a UUID in lower case"
    % (NOTE_LONGEST.value - 32),
)

REFUSALS: Dict[str, str] = {
    "chap": "Datera keeps CHAP credentials with each volume and not with the host; give them where a volume is mapped",
    "atomic_snapshots": "Datera takes snapshots of one instant only of the volumes within one app instance, and every "
    "volume made here has an app instance of its own; take them one by one",
    "refresh_volume": "Datera puts into a volume only the content of its own snapshots, and a copy that takes the name "
    "of the volume would have another target and be another disk to its hosts; make a volume from the source and map "
    "that",
    "groups": "Datera has no consistency groups of volumes; volumes that belong together are volumes of one app "
    "instance, which are made on the array itself",
    "rename_host": "it is not known whether Datera renames an initiator group; make a new one and move its initiators",
    "host_os": "Datera stores no operating system of a host; leave os out",
    "map_snapshot": "Datera does not show snapshots to hosts; make a volume of it and map that",
    "explicit_lun": "Datera gives each volume a target of its own and numbers the LUNs there itself; leave lun out",
}


@dataclass(frozen=True)
class DateraCapabilities(Capabilities):
    """Most changes act on a complete app instance or storage instance, so refusals depend on the object (section 2)."""

    def refusal(self, operation: str, obj: Any = None, **details: Any) -> Optional[str]:
        if isinstance(obj, Volume):
            if obj.siblings and operation in ("map_volume", "delete_volume", "rename_volume"):
                return shared_with_siblings(obj.siblings, _ACTS[operation])
            if operation == "set_volume":
                return _cannot_set(obj, details.get("options") or {})
        if operation == "restore_snapshot" and details.get("mapped"):
            return "Datera takes a volume offline to put the content of a snapshot back; unmap it first"
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
    """Why the operation is impossible with a snapshot of a complete app instance; None when it is possible."""
    if operation == "delete_snapshot" and snapshot.volume and "/" in snapshot.volume:
        return (
            "it was taken of the complete app instance %s, and would be deleted for its other volumes too; delete it "
            "on the array itself" % snapshot.group
        )
    if operation in ("restore_snapshot", "volume_from_snapshot") and "/storage_instances/" not in snapshot.id:
        return (
            "it was taken of the complete app instance %s, and the array does not report it as one of the volume; use "
            "it on the array itself" % snapshot.group
        )
    return None


def shared_with_siblings(siblings: Sequence[str], what: str) -> str:
    return (
        "%s is that of its complete app instance, which has %s as well; do it on the array itself, for all of these "
        "volumes" % (what, ", ".join(siblings))
    )


def _cannot_set(volume: Volume, options: Dict[str, Any]) -> Optional[str]:
    requested, present = options.get("replica_count"), volume.options.get("replica_count")
    if isinstance(requested, int) and isinstance(present, int) and requested < present:
        return "the array never lowers replica_count, which is %d; copy it to a new volume with %d" % (
            present,
            requested,
        )
    if options.get("ip_pool") and volume.siblings:
        return shared_with_siblings(volume.siblings, "the IP pool")
    if options.get("description") and volume.siblings:
        return shared_with_siblings(volume.siblings, "the description")
    return None


def volume_options(policies: bool) -> Dict[str, OptionRule]:
    """The rules of ``array_options``. ``policies``: the array and the API version have placement policies (2.4)."""
    options = {
        "replica_count": OptionRule(
            int, (1, 2, 3, 4, 5), description="a whole number from 1 to 5; it can only be raised"
        ),
        "placement_mode": OptionRule(str, PLACEMENT_MODES, description=" or ".join(PLACEMENT_MODES)),
        "ip_pool": OptionRule(str, description="the name of an access network IP pool"),
        "description": OptionRule(
            str,
            pattern=_DESCRIPTION,
            description="3 to 100 letters, digits, '_', '-', '.' and spaces, the first a letter or '_'",
        ),
        "template": OptionRule(str, create_only=True, of_origin=True, description="the name of an app template"),
    }
    if policies:
        options["placement_policy"] = OptionRule(str, description="the name of a placement policy")
    for key in QOS:
        unit = "KiB per second" if "bandwidth" in key else "requests per second"
        options[key] = OptionRule(int, description="%s, 0 for no limit" % unit)
    return options


VOLUME_OPTIONS = volume_options(policies=True)
"""Those of the newest release."""


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


def may_be_named(name: str) -> bool:
    """Whether the array can have an object of this name. If not, no request is needed to know that it has none."""
    return re.match(r"(?:%s)\Z" % _OBJECT.pattern, name) is not None
