# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of unfinished copies, and of snapshot sets."""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import Optional

from ... import unfinished
from .ledger import SNAPSET_LONGEST

# Beginning of the suffix of an unfinished copy, which the array names <source>.<suffix> (section 4). The stamp of the
# run follows (see unfinished.py).
MARKER = "of-"
_TEMPORARY = re.compile(r"\.%s(%s)\Z" % (MARKER, unfinished.PATTERN))
TEMPORARY_LONGEST = 1 + len(MARKER) + unfinished.LENGTH
# Beginning of the name of a snapshot set; the stamp of the run follows.
SET = "openflash-"
# Beginning of the name of the snapshot set of a restore's backup.
BACKUP_SET = "openflash-backup-"
# Beginning of the name of the snapshot set of a group's backup, while the restore is not finished.
_GROUP_SET = "openflash-group-of-"
# The same when the group is restored, and only the copies that the array has kept are to be removed.
_RESTORED_GROUP_SET = "openflash-group-ok-"
_DIGEST = 16


def temporary_suffix(stamp: unfinished.Stamp) -> str:
    """The suffix of unfinished copies of this run. No other run has it."""
    return MARKER + stamp.text


def stamp_of(name: str) -> Optional[unfinished.Stamp]:
    """The stamp of the run that made an unfinished copy of this name; None for any other name."""
    found = _TEMPORARY.search(name)
    return unfinished.parse(found.group(1)) if found else None


def snapset_name(stamp: Optional[unfinished.Stamp] = None) -> str:
    """A unique name of a snapshot set. The array's own names collide within one second (section 4)."""
    return SET + (stamp.text if stamp is not None else uuid.uuid4().hex)


def backup_suffix(backup: str) -> str:
    """The suffix of a backup before it is renamed to ``backup``, the same in every run."""
    return MARKER + hashlib.sha256(("backup\0%s" % backup).encode("utf-8")).hexdigest()[:_DIGEST]


def safety_suffix(backup: str) -> str:
    """The suffix of the snapshot that is taken before a restore, the same in every run."""
    return MARKER + hashlib.sha256(("safety\0%s" % backup).encode("utf-8")).hexdigest()[:_DIGEST]


def unfinished_backup_set(volume: str, backup: str) -> str:
    """The snapshot set of a backup before it is renamed to ``backup``, the same in every run."""
    return "%s%s%s" % (BACKUP_SET, MARKER, unfinished.digest(_DIGEST, volume, backup))


def group_suffix(group: str, backup: str) -> str:
    """The suffix of the copies that the array keeps when a group is restored, the same in every run."""
    return MARKER + hashlib.sha256(("group\0%s\0%s" % (group, backup)).encode("utf-8")).hexdigest()[:_DIGEST]


def kept_group_set(group: str, backup: str) -> str:
    """The snapshot set of these copies, the same in every run."""
    return "%s%s%s" % (SET, MARKER, unfinished.digest(_DIGEST, "group", group, backup))


def group_backup_set(group: str, backup: str, stamp: unfinished.Stamp) -> str:
    """The snapshot set of the backup of a group while the restore is not finished."""
    return "%s%s-%s" % (_GROUP_SET, unfinished.digest(_DIGEST, group, backup), stamp.text)


def restored_group_set(pending: str) -> str:
    """The name of that set when the group is restored, and what the array has kept is still to be removed."""
    return _RESTORED_GROUP_SET + pending[len(_GROUP_SET) :]


def is_restored_group_set(set_name: str) -> bool:
    return set_name.startswith(_RESTORED_GROUP_SET)


def is_unfinished_group_backup(set_name: str) -> bool:
    return set_name.startswith((_GROUP_SET, _RESTORED_GROUP_SET))


def backup_set_name() -> str:
    """The name of the backup's set once the restore is finished. It marks the backup as one of this collection."""
    return (BACKUP_SET + uuid.uuid4().hex)[:SNAPSET_LONGEST]
