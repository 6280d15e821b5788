# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The array behind the API: versions, ids, pools, and the attributes that only this family keeps."""

from __future__ import annotations

import socket
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ...array import Array
from ...objects import Host, Pool, Volume
from . import guesses
from .errors import ConcertoError

MIB = 1 << 20
GATEWAYS = ("mg-a", "mg-b")

# Names under which a LUN, a snapshot or a client keeps what the neutral array has no use for.
AREA = "snapshot_resource"
POLICY = "timemark_policy"
COPIES = "copies"
TIMEVIEW = "timeview"


def version_of(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def object_id(row: Volume | Host) -> str:
    return str(uuid.UUID(row.uuid))


def named_id(*parts: str) -> str:
    """The object id of what is neither a LUN nor a client: the same after a restart."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(parts)))


@dataclass
class Adapter:
    """A port of one of the two gateways."""

    number: int
    kind: str
    wwpn: str = ""
    up: bool = True

    @property
    def id(self) -> str:
        return named_id("adapter", str(self.number))

    @property
    def alias(self) -> str:
        """What an initiator sees: another name than the port's own."""
        return f"2101{self.wwpn[4:]}"


@dataclass
class Concerto:
    """One pair of gateways with what they manage."""

    name: str
    version: str
    model: int
    protocols: tuple[str, ...]
    array: Array
    address: str
    copy_speed: int
    copy_unseen: float = 0.0
    """Seconds after its start in which the status still tells of the copy before, or of none."""
    adapters: list[Adapter] = field(default_factory=list)
    portals: tuple[str, ...] = guesses.PORTALS
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """iSCSI targets by object id: name, client (number of the host), ips."""
    _ids: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "fc" in self.protocols:
            # Two ports of each gateway, and of the second gateway one that nothing is plugged into
            self.adapters += [Adapter(100 + n, "fc", f"2100001b9722ae{n:02x}", up=n != 3) for n in range(4)]
        self.adapters.append(Adapter(200, "scsi"))

    @cached_property
    def gateways(self) -> tuple[str, str]:
        """The names of both, as owners of disks. That of the first leads to the address, where the address has one.

        Upstream drivers count only the disks whose owner has the name that they find for the address (section 5).
        """
        try:
            first = socket.gethostbyaddr(self.address)[0]
        except OSError:
            first = f"{self.name}-{GATEWAYS[0]}"
        return first, f"{self.name}-{GATEWAYS[1]}"

    @property
    def numbers(self) -> tuple[int, ...]:
        return version_of(self.version)

    @property
    def external(self) -> bool:
        """A 7700, whose head is a server of its own and whose pools alone decide on deduplication."""
        return self.model == 7700

    # ---- look-ups --------------------------------------------------------------------------------------------------

    def lun(self, object_id_: str) -> Volume:
        found = self._volume(object_id_)
        if found is None or found.kind != "volume":
            raise ConcertoError(guesses.NO_SUCH_OBJECT)
        return found

    def find_lun(self, object_id_: str) -> Volume | None:
        found = self._volume(object_id_)
        return found if found is not None and found.kind == "volume" else None

    def snapshot(self, object_id_: str) -> Volume:
        found = self._volume(object_id_)
        if found is None or found.kind != "snapshot":
            raise ConcertoError(guesses.NO_SUCH_OBJECT)
        return found

    def _volume(self, object_id_: str) -> Volume | None:
        number = self._ids.get(object_id_)
        if number is None:
            self._ids = {object_id(one): one.id for one in self.array.volumes}
            number = self._ids.get(object_id_, 0)
        found = self.array.volumes.get(number)
        return found if found is not None and object_id(found) == object_id_ else None

    def luns(self) -> list[Volume]:
        return [one for one in self.array.volumes if one.kind == "volume"]

    def snapshots(self, lun: Volume) -> list[Volume]:
        return [one for one in self.array.children(lun) if one.kind == "snapshot"]

    def client(self, object_id_: str) -> Host:
        """By object id, or by the number that one client uses in its place."""
        for host in self.array.hosts:
            if object_id_ in (object_id(host), str(host.id)):
                return host
        raise ConcertoError(guesses.NO_SUCH_OBJECT)

    def pool_by_id(self, number: object) -> Pool:
        for pool in self.array.pools.values():
            if number in (pool.id, named_id("pool", pool.name)):
                return pool
        raise ConcertoError(guesses.NO_SUCH_POOL)

    def dedups(self, pool: Pool) -> bool:
        """On a 7700 the pool decides; which one does can only be told by its owner, here by its name."""
        return self.external and guesses.DEDUP_MARK in pool.name.lower()

    def timestamp(self, snapshot: Volume) -> str:
        """What the API calls the id of a snapshot: its time, moved on where two are of one second."""
        found: str = snapshot.attributes["timestamp"]
        return found

    def new_timestamp(self, lun: Volume) -> str:
        taken = [int(self.timestamp(one)) for one in self.snapshots(lun)]
        return str(max([int(self.array.clock()), *(one + 1 for one in taken)]))
