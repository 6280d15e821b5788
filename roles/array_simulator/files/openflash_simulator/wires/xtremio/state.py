# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of an XMS and its clusters beyond volumes and hosts: versions, ports, hardware, tags (sections 6 and 7)."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ...array import Array
from ...inquiry import naa_of
from ...objects import Initiator, Table, Volume
from ...operation import Operation
from ...store import ChangeHook
from . import ledger
from .refusals import CLUSTER_REQUIRED, XmsError

OID = list[Any]
KIB = 1024


@dataclass(frozen=True)
class Version:
    """A version such as ``4.0.2-80``, ``4.0.10-34.hotfix1`` or ``6.0.1-27_X2``."""

    text: str
    numbers: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Version:
        found = re.match(r"(\d+\.\d+(?:\.\d+)?)(?:-\w[\w.]*)?\Z", text)
        if found is None:
            raise ValueError(text)
        return cls(text, tuple(int(number) for number in found[1].split(".")))

    @property
    def short(self) -> str:
        return self.text.partition("-")[0]

    @property
    def build(self) -> str:
        return self.text.partition("-")[2]

    @property
    def is_x2(self) -> bool:
        """Whether it is the second hardware generation, which names its ports differently."""
        return self.text.upper().endswith("_X2")

    @property
    def api(self) -> str:
        """The ``restapi-protocol-version``."""
        if self.numbers < (4,):
            return "1.0"
        if self.numbers < (4, 2):
            return "2.0"
        return "2.1" if self.numbers < (6,) else "3.0"


@dataclass
class Fixed:
    """A built-in object: a port, a portal, a brick. ``values`` are its properties beyond the name."""

    id: int
    uuid: str
    name: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass
class Folder:
    """A v1 folder of volumes or of initiator groups; ``name`` is the full path."""

    id: int
    uuid: str
    name: str
    members: list[int] = field(default_factory=list)


@dataclass
class Scheduler:
    id: int
    uuid: str
    name: str
    values: dict[str, Any] = field(default_factory=dict)
    volume: int | None = None


@dataclass
class Tag:
    """``name`` is the full path, such as ``/Volume/gold``; ``members`` are (cluster, type, index)."""

    id: int
    uuid: str
    name: str
    entity: str
    color: str = "#AABBCC"
    created: float = 0.0
    members: list[tuple[int, str, int]] = field(default_factory=list)


class Cluster:
    """One cluster: an array with its own ports and hardware."""

    def __init__(
        self,
        index: int,
        name: str,
        array: Array,
        protocols: tuple[str, ...],
        version: Version,
        address: str = "127.0.0.1",
    ) -> None:
        self.index = index
        self.name = name
        self.array = array
        self.guid = guid("cluster", name)
        self.psnt = "XIO00" + str(int(self.guid[:10], 16))[-9:].zfill(9)
        self.chap = {"chap-authentication-mode": "disabled", "chap-discovery-mode": "disabled"}
        self.targets = fixed(_targets(name, self.psnt, protocols, version))
        self.portals = fixed(self._portals(address))
        self.target_groups = fixed([("Default", {})], prefix=f"{name}/tg")
        self.bricks = fixed([("X1", {})], prefix=f"{name}/brick")
        controllers = ("X1-SC1", "X1-SC2")
        self.controllers = fixed([(controller, {}) for controller in controllers], prefix=f"{name}/sc")
        xenvs: list[tuple[str, dict[str, Any]]] = [
            (f"{controller}-E{number}", {}) for controller in controllers for number in (1, 2)
        ]
        self.xenvs = fixed(xenvs, prefix=f"{name}/xenv")
        self.protection_groups = fixed([("X1-DPG", {})], prefix=f"{name}/dpg")
        self.ssds = fixed([(f"wwn-0x5000cca013{number:06x}", {}) for number in range(25)], prefix=f"{name}/ssd")
        self.empty()

    def empty(self) -> None:
        self.schedulers: Table[Scheduler] = Table()
        self.folders: dict[str, Table[Folder]] = {}
        for kind in ("volume", "ig"):
            self.folders[kind] = Table()
            self.folders[kind].add(Folder(1, guid(self.name, kind, "/"), "/"))

    @property
    def oid(self) -> OID:
        return [self.guid, self.name, self.index]

    def _portals(self, first: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """One portal for each iSCSI target, at loopback addresses that count up from the array's own."""
        targets = [target for target in self.targets if target.values["port-type"] == "iscsi"]
        start = ipaddress.ip_address(first if first.startswith("127.") else "127.0.0.1") + (self.index - 1) * 4
        for number, target in enumerate(targets):
            address = f"{start + number}/8"
            yield (
                address,
                {
                    "ip-addr": address,
                    "ip-port": 3260,
                    "vlan": 0,
                    "port-address": target.values["port-address"],
                    "tar-id": oid(target),
                },
            )


class XmsState:
    """A management server: its clusters, and what belongs to none of them."""

    def __init__(
        self,
        name: str,
        user: str,
        version: Version,
        clusters: list[Cluster],
        clock: Callable[[], float],
        limits: dict[str, int],
        changed: ChangeHook,
        assumed: Callable[[str], Any],
    ) -> None:
        self.name = name
        self.user = user
        self.changed = changed
        self.version = version
        self.clusters = clusters
        self.clock = clock
        self.started = clock()
        self.limits = limits
        # The value of an entry of the ledger that is played.
        self.assumed = assumed
        self.guid = guid("xms", name)
        self.operation = Operation()
        # How many real sessions an initiator of a cluster has.
        self.sessions: Callable[[Cluster, Initiator], int] = lambda cluster, initiator: 0
        self.tags: Table[Tag] = Table()

    @property
    def oid(self) -> OID:
        return [self.guid, self.name, 1]

    def paths(self, cluster: Cluster, initiator: Initiator, default: int) -> int:
        """To how many targets the initiator is logged in: what a test has set, else its real sessions."""
        return self.operation.paths(initiator.address, max(default, self.sessions(cluster, initiator)))

    @property
    def strict(self) -> bool:
        """Whether it refuses body properties that it does not know, as API 2.1 does (section 8)."""
        return self.version.numbers >= (4, 2)

    @property
    def alternatives(self) -> bool:
        """Whether commas in a filter mean OR (section 2)."""
        return self.version.numbers >= (4, 2)

    @property
    def loose_integers(self) -> bool:
        """Whether ``eq`` on an integer property returns wrong rows (section 2)."""
        return self.version.api == "2.1"

    def cluster(self, selector: Any) -> Cluster:
        """The cluster of this name, index or OID; without a selector the only cluster (section 1)."""
        if selector is None or selector == "":
            if len(self.clusters) > 1:
                raise XmsError(CLUSTER_REQUIRED)
            return self.clusters[0]
        for cluster in self.clusters:
            if refers(selector, cluster.oid):
                return cluster
        raise XmsError(ledger.CLUSTER_NOT_FOUND)


def refers(reference: Any, to: OID) -> bool:
    """Whether a request's reference means this object: a name, an integer index, or the complete OID.

    A string of digits is a name (section 2: as an index it is an error).
    """
    if isinstance(reference, str):
        return bool(reference == to[1])
    if isinstance(reference, int) and not isinstance(reference, bool):
        return bool(reference == to[2])
    return isinstance(reference, list) and len(reference) == 3 and reference[0] == to[0]


def oid(row: Any) -> OID:
    """The OID of an object, a triple of guid, name and index, by which every answer refers to it (section 2)."""
    return [row.uuid, row.name, row.id]


def naa_name(volume: Volume) -> str:
    """The name that the volume's disk reports to a host. The XMS reports it once the volume was mapped (section 3)."""
    return naa_of("514f0c5", volume.uuid, 16)


def guid(*parts: str) -> str:
    """The guid of a built-in object, 32 hex digits, the same after a restart."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:32]


def fixed(rows: Any, prefix: str = "") -> Table[Fixed]:
    """A table of built-in objects, from their names and values."""
    table: Table[Fixed] = Table()
    for number, (name, values) in enumerate(rows, 1):
        table.add(Fixed(number, guid(prefix, name), name, values))
    return table


def kib(size: int) -> str:
    """A size in bytes as a string of KB (section 2)."""
    return str(size // KIB)


def _targets(
    cluster: str, psnt: str, protocols: tuple[str, ...], version: Version
) -> Iterator[tuple[str, dict[str, Any]]]:
    seed = int(guid("ports", cluster)[:5], 16)
    number = 0
    for controller in (1, 2):
        for protocol in ("fc", "iscsi"):
            for port in (1, 2):
                number += 1
                if protocol not in protocols:
                    continue
                # The names of second-generation targets do not contain the protocol (section 6).
                name = f"X1-SC{controller}-Target{number}" if version.is_x2 else f"X1-SC{controller}-{protocol}{port}"
                naa = f"514f0c5{seed:05x}{controller:02x}{number:02x}"
                wwn = ":".join(naa[start : start + 2] for start in range(0, 16, 2))
                yield (
                    name,
                    {
                        "port-type": protocol,
                        "port-state": "up",
                        "port-speed": "8GFC" if protocol == "fc" else "10GbE",
                        "port-address": wwn if protocol == "fc" else f"iqn.2008-05.com.xtremio:{psnt.lower()}-{naa}",
                        "mtu": 1500 if protocol == "iscsi" else 0,
                        "controller": controller,
                    },
                )
