# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names that this client gives, and the names of this host."""

from __future__ import annotations

import hashlib
import re
import socket
from typing import FrozenSet, NamedTuple, Optional

from ... import unfinished
from .ledger import NAME_LONGEST

# Begins the name of a snapshot that marks a copy or a restore that is not finished.
MARKER = "of-tmp-"
_DIGEST = 24
# The name of a second snapshot for a full copy: digests of the copy's name and of the request, and the stamp of the run
# (see unfinished.py).
_FOR_NAME, _FOR_REQUEST = 8, 6
_RECORD = re.compile(
    r"%s(?P<name>[0-9a-z]{%d})(?P<request>[0-9a-z]{%d})(?P<stamp>%s)(?P<begun>-begun)?\Z"
    % (MARKER, _FOR_NAME, _FOR_REQUEST, unfinished.PATTERN)
)


def marker(kind: str, name: str) -> str:
    """The name of a marker, the same in every run, so that the next run finds it after a killed one."""
    return MARKER + hashlib.sha256(("%s\0%s" % (kind, name)).encode("utf-8")).hexdigest()[:_DIGEST]


def policy_name(volume: str) -> str:
    """The name of the QoS policy that this client makes for the volume, which no other volume has."""
    return "of-qos-" + hashlib.sha256(volume.encode("utf-8")).hexdigest()[:_DIGEST]


class Record(NamedTuple):
    """The name of the snapshot that records the run of a full copy or of a restore, in parts."""

    request: str
    """A digest of the source and the target of the copy."""
    stamp: unfinished.Stamp
    begun: bool
    """Of a copy: whether the array is known to have begun to copy. Of a restore: whether its run has ended."""


def record_name(copy: str, request: str, stamp: unfinished.Stamp, begun: bool = False) -> str:
    """The name of the snapshot that records a full copy until it is finished."""
    return "%s%s%s%s%s" % (MARKER, unfinished.digest(_FOR_NAME, copy), request, stamp.text, "-begun" if begun else "")


def parse_record(name: str, copy: str) -> Optional[Record]:
    """The parts of the name of a snapshot that records this copy; None for any other snapshot."""
    found = _RECORD.match(name)
    if found is None or found.group("name") != unfinished.digest(_FOR_NAME, copy):
        return None
    stamp = unfinished.parse(found.group("stamp"))
    return Record(found.group("request"), stamp, bool(found.group("begun"))) if stamp is not None else None


def restored(volume: str) -> str:
    """In place of the name of a copy, in the name of the snapshot that records a restore of this volume."""
    return "restore\0%s" % volume


def refreshed(volume: str) -> str:
    """In place of the name of a copy, in the name of the snapshot that records a copy into this existing volume."""
    return "refresh\0%s" % volume


def request_digest(*about: str) -> str:
    return unfinished.digest(_FOR_REQUEST, *about)


def further_backup(backup: str, number: int) -> str:
    """The name of a further backup, for a restore of which the array does not prove that it was carried out."""
    return "%s-%d" % (backup[: NAME_LONGEST.value - 4], number)


def names_of_this_host() -> FrozenSet[str]:
    """The names, in lower case, that a task may have for this host."""
    name = socket.gethostname()
    return frozenset({name.lower(), name.split(".", 1)[0].lower(), socket.getfqdn().lower(), "localhost"})
