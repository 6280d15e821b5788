# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An XMS and the clusters it manages: what is there besides volumes and hosts (sections 6 and 7 of the sheet)."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ...array import Array
from ...inquiry import naa_of
from ...objects import Table, Volume
from ...store import ChangeHook
from . import guesses
from .errors import CLUSTER_REQUIRED, XmsError

OID = list[Any]
KIB = 1024


@dataclass(frozen=True)
class Version:
    """Such as ``4.0.2-80``, ``4.0.10-34.hotfix1`` or ``6.0.1-27_X2``."""

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
    def x2(self) -> bool:
        """The second hardware generation, which names its ports differently."""
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
    """Something that is built in: a port, a portal, a brick. ``values`` are its properties beyond the name."""

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
    members: list[tuple[int, str, int]] = field(default_factory=list)


class Cluster:
    """One cluster: an array of its own, with ports."""

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
        self.controllers = fixed([(f"X1-SC{n}", {}) for n in (1, 2)], prefix=f"{name}/sc")
        self.xenvs = fixed([(f"X1-SC{n}-E{m}", {}) for n in (1, 2) for m in (1, 2)], prefix=f"{name}/xenv")
        self.protection_groups = fixed([("X1-DPG", {})], prefix=f"{name}/dpg")
        self.ssds = fixed([(f"wwn-0x5000cca013{n:06x}", {}) for n in range(25)], prefix=f"{name}/ssd")
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
        """One portal per iSCSI target; loopback addresses, each a different one, from the array's own on."""
        targets = [one for one in self.targets if one.values["port-type"] == "iscsi"]
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


class Xms:
    """The management server: clusters, and what belongs to none of them."""

    def __init__(
        self,
        name: str,
        user: str,
        version: Version,
        clusters: list[Cluster],
        clock: Callable[[], float],
        limits: dict[str, int],
        changed: ChangeHook,
    ) -> None:
        self.name = name
        self.user = user
        self.changed = changed
        self.version = version
        self.clusters = clusters
        self.clock = clock
        self.started = clock()
        self.limits = limits
        self.chosen_backups: frozenset[str] = frozenset()
        self.guid = guid("xms", name)
        self.tags: Table[Tag] = Table()

    @property
    def oid(self) -> OID:
        return [self.guid, self.name, 1]

    @property
    def strict(self) -> bool:
        """API 2.1 refuses body properties it does not know (section 8)."""
        return self.version.numbers >= (4, 2)

    @property
    def alternatives(self) -> bool:
        """Commas as OR in a filter (section 2)."""
        return self.version.numbers >= (4, 2)

    @property
    def loose_integers(self) -> bool:
        return self.version.api == "2.1"

    def cluster(self, selector: Any) -> Cluster:
        """By name, index or OID; without a selector the only one there is (section 1)."""
        if selector is None or selector == "":
            if len(self.clusters) > 1:
                raise XmsError(CLUSTER_REQUIRED)
            return self.clusters[0]
        for cluster in self.clusters:
            if refers(selector, cluster.oid):
                return cluster
        raise XmsError(guesses.CLUSTER_NOT_FOUND)


def refers(reference: Any, to: OID) -> bool:
    """Whether a request's reference means this object: a name, an integer index, or the whole triple.

    A string of digits is a name (section 2: sent as an index it is an error).
    """
    if isinstance(reference, str):
        return bool(reference == to[1])
    if isinstance(reference, int) and not isinstance(reference, bool):
        return bool(reference == to[2])
    return isinstance(reference, list) and len(reference) == 3 and reference[0] == to[0]


def oid(thing: Any) -> OID:
    """Every reference in an answer is a triple of guid, name and index."""
    return [thing.uuid, thing.name, thing.id]


def naa_name(volume: Volume) -> str:
    """What its disk tells a host. The XMS shows it of a volume that has been mapped (section 3)."""
    return naa_of("514f0c5", volume.uuid, 16)


def guid(*parts: str) -> str:
    """32 hex digits that stay the same over restarts, for what is built in."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:32]


def fixed(things: Any, prefix: str = "") -> Table[Fixed]:
    table: Table[Fixed] = Table()
    for number, (name, values) in enumerate(things, 1):
        table.add(Fixed(number, guid(prefix, name), name, values))
    return table


def kib(size: int) -> str:
    """Sizes are strings of KB (section 2)."""
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
                # Second-generation targets carry no protocol in their name (section 6).
                name = f"X1-SC{controller}-Target{number}" if version.x2 else f"X1-SC{controller}-{protocol}{port}"
                naa = f"514f0c5{seed:05x}{controller:02x}{number:02x}"
                wwn = ":".join(naa[at : at + 2] for at in range(0, 16, 2))
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
