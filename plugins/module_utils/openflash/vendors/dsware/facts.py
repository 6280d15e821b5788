# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is guessed about the array, and what it can do. Section numbers are those of the Dsware wire sheet.

Everything that no source proves is a constant in the first half of this file and nowhere else.
"""

from __future__ import annotations

import hashlib
import re
import socket
from dataclasses import dataclass
from typing import Any, FrozenSet, NamedTuple, Optional, Sequence, Tuple

from ... import unfinished
from ...model import (
    AGENT,
    ISCSI,
    OF_ALL_HOSTS,
    OF_NO_HOST,
    OF_THIS_HOST,
    PER_ARRAY,
    THIN,
    Capabilities,
    CopyMethod,
    Host,
    NameRule,
    OptionRule,
)
from ...units import MIB, TIB

REST, SOCKET = "rest", "socket"
REST_PORT, SOCKET_PORT = 28443, 10599

# Section 4.1: the longest name that any client generates; what is safe on every wire, and in the arguments of a tool;
# one client's limit for hosts.
NAME_LONGEST = 95
NAME_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9_-]*"
HOST_LONGEST = 31
# Section 4.2: everything is whole MB, which are MiB; the largest volume is not known.
GRANULARITY = MIB
LARGEST = 256 * TIB
# Section 2.3: lunId of a mapping is taken for its LUN, from an example only. The range is not known.
LUN_RANGE = (0, 511)
# Section 1.5: the version segment, where the array does not tell a usable one.
REST_VERSION = "v1.3"
# Sections 1.5 and 2.3: how many objects a page of a list may have is known for one client only.
PAGE_SIZE = 1000
# Section 2.1: the socket's replies are cut at 1024 bytes; this many objects with the longest names fit.
SOCKET_PAGE = 3
# Section 2.2 and 2.3: status numbers of a volume.
READY_STATUS = (0, 1, 2)
COPYING_STATUS = (6, 7, 15)
DELETING_STATUS = (10,)
# Section 2.2: of a snapshot, that the array is still making it.
SNAPSHOT_COPYING_STATUS = (5, *COPYING_STATUS)
# Section 2.3: under which key a REST snapshot names its volume is not documented; by analogy with father_name.
FATHER_KEYS = ("fatherName", "volumeName", "volName")
# Section 9: what REST answers for a host that is not there is not known.
NO_HOST = ("50151403", "50155103")
# Section 2.1: capacities of pools are taken for GB by the only known client of the socket.
SOCKET_POOL_UNIT = 1024**3
# Section 2.3: the link that the block client makes for a volume that it has attached.
BY_ID = "disk/by-id/wwn-0x%s"

# Section 3: on a rollback one client of the vendor takes this number for success; what it means is not published.
ROLLED_BACK = "50153010"

# Section 2.1: the unit of the socket's times is not documented; no client takes it for less than a second.
CLOCK_STEP = 1.1

# Ours. A snapshot of this name stands beside a copy, or a restore, that is not finished.
MARKER = "of-tmp-"
_DIGEST = 24
# Ours. Stands beside a full copy too: for which copy, for which request, and the stamp of the run (see unfinished.py).
_FOR_NAME, _FOR_REQUEST = 8, 6
_RECORD = re.compile(
    r"%s(?P<name>[0-9a-z]{%d})(?P<request>[0-9a-z]{%d})(?P<stamp>%s)(?P<begun>-begun)?\Z"
    % (MARKER, _FOR_NAME, _FOR_REQUEST, unfinished.PATTERN)
)


def marker(kind: str, name: str) -> str:
    """The same in every run, so that the next one finds what a killed one left."""
    return MARKER + hashlib.sha256(("%s\0%s" % (kind, name)).encode("utf-8")).hexdigest()[:_DIGEST]


class Record(NamedTuple):
    """What a snapshot beside a full copy says."""

    request: str
    """A digest of what is copied, and to where."""
    stamp: unfinished.Stamp
    begun: bool
    """The array is known to have begun to copy."""


def record_name(copy: str, request: str, stamp: unfinished.Stamp, begun: bool = False) -> str:
    """The name of the snapshot that stands beside a full copy until it is finished."""
    return "%s%s%s%s%s" % (MARKER, unfinished.digest(_FOR_NAME, copy), request, stamp.text, "-begun" if begun else "")


def parse_record(name: str, copy: str) -> Optional[Record]:
    """What the name of a snapshot says about this copy; None when it is not beside it."""
    found = _RECORD.match(name)
    if found is None or found.group("name") != unfinished.digest(_FOR_NAME, copy):
        return None
    stamp = unfinished.parse(found.group("stamp"))
    return Record(found.group("request"), stamp, bool(found.group("begun"))) if stamp is not None else None


def request_digest(*about: str) -> str:
    return unfinished.digest(_FOR_REQUEST, *about)


def further_backup(backup: str, number: int) -> str:
    """The name of one more safety copy, beside the backup of a restore whose end is not known."""
    return "%s-%d" % (backup[: NAME_LONGEST - 4], number)


def names_of_this_host() -> FrozenSet[str]:
    """What this host may be called in a task."""
    name = socket.gethostname()
    return frozenset({name.lower(), name.split(".", 1)[0].lower(), socket.getfqdn().lower(), "localhost"})


_NO_SOCKET_HOSTS = (
    "on its text socket this array knows no hosts: it attaches a volume on the host that the task runs on. "
    "Run the task there, with attach_tool, and host: the name of that host"
)
_REFUSALS = {
    "rename_volume": "this array cannot rename a volume; clone it under the new name and delete the old one",
    "explicit_lun": "this array chooses the LUN itself; leave lun out",
    "chap": "CHAP of this array cannot be set over the interfaces that are known; set it with the array's own tools",
    "groups": "this array has no consistency groups; take the snapshots one by one while the application is quiet",
    "atomic_snapshots": "this array takes one snapshot at a time; take them one by one while the application is quiet",
    "metadata": "this array keeps no notes on a volume; keep them in the inventory",
    "map_snapshot": "this array does not map snapshots; make a volume of it (source_snapshot) and map that",
    "host_os": "this array stores no operating system of a host; leave os out",
    "set_volume": "full_clone can only be chosen when a volume is created; clone it again under another name",
}
_REST_REFUSALS = {
    "host_without_initiators": "a host without initiators is of no use; give initiators, or its agent in agents",
}
_SOCKET_REFUSALS = {
    "restore_snapshot": "the text socket has no restore; make a new volume from the snapshot (source_snapshot), or use "
    "transport: rest",
    "create_host": _NO_SOCKET_HOSTS,
    "add_initiators": _NO_SOCKET_HOSTS,
    "remove_initiators": _NO_SOCKET_HOSTS,
    "delete_host": _NO_SOCKET_HOSTS,
}
_NAMES = "1 to %d letters, digits, '-' and '_', the first no '-'"


@dataclass(frozen=True)
class DswareCapabilities(Capabilities):
    """Adds what depends on where the task runs."""

    agents: Tuple[str, ...] = ()
    """The hosts that volumes are attached to by an agent, as the task names them."""
    by_tool: bool = False
    """Volumes are attached to this host by its own tool."""

    def refusal(self, operation: str, obj: Any = None, **details: Any) -> Optional[str]:
        host = details.get("host")
        name = host.name if isinstance(host, Host) else host
        if operation == "create_host" and name is not None and not details.get("initiators"):
            known = self._attachable()
            if known:
                what = " or give its initiators" if self.protocols else ""
                return "nothing attaches volumes to host %s: %s. Use one of these names%s" % (name, known, what)
        agent = isinstance(host, Host) and host.kind == AGENT
        if operation == "map_volume" and agent and not self._here(name):
            return self._elsewhere(name)
        # A mapping that the array cannot be asked about: only this host can tell its own.
        if operation == "unmap_volume" and name is not None and not self._here(name):
            return self._elsewhere(name)
        if operation in ("add_initiators", "remove_initiators", "delete_host") and isinstance(obj, Host):
            if obj.kind == AGENT:
                return "host %s is one that volumes are attached to by an agent: the array has no initiators of it" % (
                    obj.name
                )
        return super().refusal(operation, obj, **details)

    def _attachable(self) -> str:
        """The names under which there are hosts that volumes are attached to."""
        known = ["agents has %s" % ", ".join(self.agents)] if self.agents else []
        if self.by_tool:
            known.append("this host is called %s" % ", ".join(sorted(self.local_names)))
        return ", and ".join(known)

    def _here(self, name: Optional[str]) -> bool:
        return name is not None and name.lower() in self.local_names

    @staticmethod
    def _elsewhere(name: Optional[str]) -> str:
        return (
            "this array cannot be asked what is attached to host %s, so only a task on that host can attach and "
            "detach: delegate it there" % name
        )

    def method(self, operation: str, obj: Any = None) -> CopyMethod:
        return CopyMethod("instant", independent=True)


def capabilities(
    transport: str, extensions: bool, local_names: FrozenSet[str], agents: Sequence[str] = (), by_tool: bool = False
) -> DswareCapabilities:
    """What can be done over this transport.

    :param extensions: whether requests may be sent that no published client of the socket sends.
    :param local_names, agents, by_tool: see DswareCapabilities.
    """
    name = NameRule(NAME_LONGEST, NAME_PATTERN, _NAMES % NAME_LONGEST)
    rest = transport == REST
    # The array does not report what is attached by agents and tools.
    attached_apart = bool(agents) or by_tool
    mappings_known = OF_ALL_HOSTS if rest and not attached_apart else OF_THIS_HOST if local_names else OF_NO_HOST
    full_clone = OptionRule(
        bool,
        create_only=True,
        reported=False,
        description="true or false: whether a clone is a full copy, which takes a while, "
        "instead of one that shares data",
    )
    return DswareCapabilities(
        vendor="dsware",
        volume_name=name,
        snapshot_name=name,
        host_name=NameRule(HOST_LONGEST, NAME_PATTERN, _NAMES % HOST_LONGEST),
        provisioning=(THIN,),
        granularity=GRANULARITY,
        smallest=GRANULARITY,
        largest=LARGEST,
        luns=LUN_RANGE,
        protocols=(ISCSI,) if rest else (),
        mappings_known=mappings_known,
        proves_snapshots=rest,
        snapshot_names=PER_ARRAY,
        guards_snapshots=True,
        volume_options={"full_clone": full_clone} if rest or extensions else {},
        refusals=dict(_REFUSALS, **(_REST_REFUSALS if rest else _SOCKET_REFUSALS)),
        local_names=local_names,
        chap=None,
        agents=tuple(agents),
        by_tool=by_tool,
    )
