# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names, marks and UUIDs that this client gives, and paths and versions as text."""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import NamedTuple, Optional, Tuple

from ... import unfinished
from ...errors import Invalid

# Begins the name of an unfinished copy. Its description has this text, a digest of the request, the stamp of the run
# (see unfinished.py), and whether the array was still copying when the run stopped waiting.
UNFINISHED = "of-"
UNFINISHED_DESCR = "openflash unfinished copy"
_REQUEST = 8
_LEFT_COPYING = " copying"
_UNFINISHED = re.compile(
    r"%s ([0-9a-z]{%d})-(%s)(%s)?" % (UNFINISHED_DESCR, _REQUEST, unfinished.PATTERN, _LEFT_COPYING)
)
# Ends the description of an app instance that a run has taken offline; the size that it had follows, in GiB.
OFFLINE_MARK = "openflash-offline-"
# Begins the noted name of a backup whose restore is not done. The snapshot and the previous restore point follow.
PENDING = "openflash-pending-"
# In place of the restore point there: it is the same as that of the restore, which was not requested yet; the array
# reports none.
UNSENT, UNKNOWN = "unsent", "unknown"
# Begins the name of a snapshot of a complete app instance; its time stamp follows. Its UUID is not its name, because a
# name that is a UUID belongs to OpenStack, which takes no such snapshots.
INSTANCE_SNAPSHOT = "instance-"
# The array gives snapshots no names. Their UUIDs are made of the volume's path and the name (10.3).
NAMESPACE = uuid.UUID("6ad1b1ee-5b52-5d15-8a3e-2f3a5a6f9d01")

_UUID = re.compile(r"^[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$")
NAME = r"[A-Za-z_][A-Za-z0-9_.-]{2,63}"
UUID_NAME = r"[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}"


def is_uuid(name: str) -> bool:
    return _UUID.match(name) is not None


def snapshot_uuid(volume_path: str, name: str) -> str:
    """The UUID of the snapshot, the same in every run, so that a later run finds it. The path has ids, not names."""
    return name if is_uuid(name) else str(uuid.uuid5(NAMESPACE, "%s\0%s" % (volume_path, name)))


def unfinished_name(name: str) -> str:
    """The name of a copy until it is complete. It is the same in every run, so that the next one finds the copy."""
    return UNFINISHED + hashlib.sha256(name.encode("utf-8")).hexdigest()[:24]


class Unfinished(NamedTuple):
    """The description of an unfinished copy, in parts."""

    request: str
    stamp: unfinished.Stamp
    left_copying: bool


def request_digest(*about: str) -> str:
    return unfinished.digest(_REQUEST, *about)


def unfinished_descr(request: str, stamp: unfinished.Stamp, left_copying: bool = False) -> str:
    return "%s %s-%s%s" % (UNFINISHED_DESCR, request, stamp.text, _LEFT_COPYING if left_copying else "")


def parse_unfinished(descr: str) -> Optional[Unfinished]:
    """The parts of the description; None for an app instance that is no unfinished copy of this collection."""
    found = _UNFINISHED.search(descr)
    stamp = unfinished.parse(found.group(2)) if found else None
    return Unfinished(found.group(1), stamp, bool(found.group(3))) if found and stamp else None


def further_backup(backup: str, number: int) -> str:
    """The name of a further backup, for a restore of which the array does not prove that it was carried out."""
    return "%s-%d" % (backup[:124], number)


def parse_version(text: str) -> Tuple[int, ...]:
    """(3, 3, 5, 0) from ``3.3.5.0`` (section 1.12)."""
    match = re.match(r"^\s*([0-9]+(?:\.[0-9]+)*)", str(text))
    if match is None:
        raise Invalid("%r is not a version of the array's software" % (text,))
    return tuple(int(part) for part in match.group(1).split("."))


def tenant_path(given: Optional[str]) -> str:
    """``/root/x`` from ``/root/x``, ``root/x`` or ``x``; /root when nothing or ``root`` is given (1.8 and 3.12)."""
    parts = [part for part in (given or "").strip().split("/") if part]
    if parts[:1] == ["root"]:
        parts = parts[1:]
    for part in parts:
        if not re.match(r"(?:%s|%s)\Z" % (NAME, UUID_NAME), part):
            raise Invalid("%r is not a tenant" % given, hint="Write its path, such as /root/acme, or its name.")
    return "/".join(["/root"] + parts)
