# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the simulated array holds: the neutral array, and what only this family has (ids, adapters, targets)."""

from __future__ import annotations

import re
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ...array import Array
from ...assumptions import default_of
from ...objects import Host, Pool, Volume
from ...operation import Operation
from . import ledger
from .refusals import ConcertoError

MIB = 1 << 20
GATEWAYS = ("mg-a", "mg-b")

# Names of attributes of a LUN, snapshot or client that the neutral array does not know.
AREA = "snapshot_resource"
POLICY = "timemark_policy"
COPIES = "copies"
TIMEVIEW = "timeview"


def version_of(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def object_id(row: Volume | Host) -> str:
    return str(uuid.UUID(row.uuid))


def named_id(*parts: str) -> str:
    """The object id of anything but a LUN and a client; the same after a restart."""
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
        """The WWPN that an initiator sees, which is not the port's own."""
        return f"2101{self.wwpn[4:]}"


@dataclass
class ConcertoState:
    """A pair of gateways with all that they manage."""

    name: str
    version: str
    model: int
    protocols: tuple[str, ...]
    array: Array
    address: str
    copy_speed: int
    assumed: Callable[[str], Any]
    """The value that is played for an entry of the ledger: see ``Wire.assumed``."""
    copy_unseen: float = 0.0
    """Seconds after the start of a copy in which the status still reports the copy before it, or none."""
    adapters: list[Adapter] = field(default_factory=list)
    portals: tuple[str, ...] = ledger.PORTALS
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """iSCSI targets by object id: ``name``, ``client`` (number of the host) and ``ips`` (joined with spaces)."""
    operation: Operation = field(default_factory=Operation)
    hostname: str = ""
    """Of the first gateway; by default made from the name."""
    _numbers: dict[str, int] = field(default_factory=dict)
    """Numbers of LUNs and snapshots by object id, as they were when an id was last not found here."""

    def __post_init__(self) -> None:
        self.hostname = self.hostname or f"{self.name}-{GATEWAYS[0]}"
        if "fc" in self.protocols:
            # Two ports in each gateway. One of the second gateway's has no link.
            self.adapters += [Adapter(100 + n, "fc", f"2100001b9722ae{n:02x}", up=n != 3) for n in range(4)]
        self.adapters.append(Adapter(200, "scsi"))

    def is_up(self, adapter: Adapter) -> bool:
        return adapter.up and self.operation.state(f"fc{adapter.number}") == "ok"

    @cached_property
    def gateways(self) -> tuple[str, str]:
        """The names of both, as owners of disks. The first is the host name of the address, where that has one.

        Upstream drivers count only the disks whose owner has the name that they find for the address (section 5).
        """
        try:
            first = socket.gethostbyaddr(self.address)[0]
        except OSError:
            first = self.hostname
        return first, f"{self.name}-{GATEWAYS[1]}"

    @property
    def numbers(self) -> tuple[int, ...]:
        return version_of(self.version)

    @property
    def external(self) -> bool:
        """Whether it is a 7700. Its head is a separate server, and its pools alone decide about deduplication."""
        return self.model == 7700

    def check_name(self, name: str, longest: int) -> str:
        """The name of a new LUN or client. Which characters are refused is only known where another set is played."""
        pattern = self.assumed("names.characters")
        is_default = pattern == default_of(ledger.LEDGER, "violin.names.characters")
        if len(name) > longest or not (is_default or re.fullmatch(pattern, name)):
            raise ConcertoError(ledger.BAD_NAME)
        return name

    def check_lun_name(self, name: str) -> str:
        return self.check_name(name, self.assumed("names.longest"))

    # ---- look-ups --------------------------------------------------------------------------------------------------

    def lun(self, lun_id: str) -> Volume:
        found = self._volume(lun_id)
        if found is None or found.kind != "volume":
            raise ConcertoError(ledger.NO_SUCH_OBJECT)
        return found

    def find_lun(self, lun_id: str) -> Volume | None:
        found = self._volume(lun_id)
        return found if found is not None and found.kind == "volume" else None

    def snapshot(self, snapshot_id: str) -> Volume:
        found = self._volume(snapshot_id)
        if found is None or found.kind != "snapshot":
            raise ConcertoError(ledger.NO_SUCH_OBJECT)
        return found

    def _volume(self, volume_id: str) -> Volume | None:
        number = self._numbers.get(volume_id)
        if number is None:
            self._numbers = {object_id(volume): volume.id for volume in self.array.volumes}
            number = self._numbers.get(volume_id, 0)
        found = self.array.volumes.get(number)
        return found if found is not None and object_id(found) == volume_id else None

    def luns(self) -> list[Volume]:
        return [volume for volume in self.array.volumes if volume.kind == "volume"]

    def snapshots(self, lun: Volume) -> list[Volume]:
        return [child for child in self.array.children(lun) if child.kind == "snapshot"]

    def client(self, client_id: str) -> Host:
        """By object id, or by number, which the vendor's Splunk add-on uses in its place."""
        for host in self.array.hosts:
            if client_id in (object_id(host), str(host.id)):
                return host
        raise ConcertoError(ledger.NO_SUCH_OBJECT)

    def requested_pool(self, number: object, default: str | None = None) -> Pool:
        """The pool of this number; when the request has none, the one named ``default``, or the first."""
        if number is None:
            return self.array.pool(default)
        for pool in self.array.pools.values():
            if number in (pool.id, named_id("pool", pool.name)):
                return pool
        raise ConcertoError(ledger.NO_SUCH_POOL)

    def dedups(self, pool: Pool) -> bool:
        """Whether a pool of a 7700 deduplicates. The API does not report that; here the pool's name decides."""
        return self.external and ledger.DEDUP_MARK in pool.name.lower()

    def timestamp(self, snapshot: Volume) -> str:
        """What the API calls the id of a snapshot: when it was taken, in seconds since the epoch."""
        found: str = snapshot.attributes["timestamp"]
        return found if self.assumed("snapshots.timestamp_unique") else str(int(found) // 60 * 60)

    def new_timestamp(self, lun: Volume) -> str:
        """The time now, or a later one where the last snapshot has it already: an id is not given out twice."""
        timestamps = [int(self.timestamp(snapshot)) for snapshot in self.snapshots(lun)]
        return str(max([int(self.array.clock()), *(timestamp + 1 for timestamp in timestamps)]))
