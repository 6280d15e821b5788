# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the array holds: every read, and what the other parts of the client share."""

from __future__ import annotations

import threading
from abc import abstractmethod
from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from ...array import Array
from ...client import Locks
from ...errors import BadReply, Invalid, NotFound, Refused, Unsupported
from ...model import (
    FC,
    ISCSI,
    OFFLINE,
    READY,
    THICK,
    UNKNOWN,
    ArrayInfo,
    Capacity,
    Host,
    Initiator,
    Listing,
    Mapping,
    Pool,
    Port,
    Snapshot,
    Volume,
)
from ...units import format_endpoint, parse_endpoint, parse_initiator, parse_target
from .facts import (
    FC_ACTIVE,
    ISCSI_PORT,
    NO_SPEED,
    PORTAL_STATES,
    capabilities,
    parse_snapshot,
    parse_temporary,
    safe_host_name,
    sources_of,
)
from .wire import Cli, Pairs, Row, first, listing

_VDISK_COLUMNS = ("id", "name", "status", "capacity", "vdisk_UID")


class Reading(Array):
    """The reading half of FlashSystem."""

    def __init__(self, cli: Cli) -> None:
        self._cli = cli
        self.label = cli.ssh.address
        self.capabilities = capabilities(self._no_path)
        self._system: Row = {}
        self._pools: Tuple[Pool, ...] = ()
        self._ports: Optional[Listing[Port]] = None
        self._rows: Optional[List[Row]] = None
        """Every vdisk as of the last list: what our names say is looked up there."""
        self._by_port: Dict[str, Host] = {}
        """Hosts by port address, as they were read or made."""
        self._names: Set[str] = set()
        """Names of hosts that the array itself has said."""
        self._aliases: Dict[str, str] = {}
        """What the task calls a host, by what the array calls it, where the array cannot have that name."""
        self._lock_of_hosts = threading.Lock()
        self._locks = Locks()

    @abstractmethod
    def _no_path(self) -> Optional[str]:
        """Why this host cannot copy volumes of the array; None when it can."""

    def _alone_with(self, vdisk: str) -> threading.RLock:
        """One thread at a time reads the size of a volume and adds to it."""
        return self._locks.of(vdisk)

    # -- the system --------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Find out what is there: 2 session requests. Refused while open access is on (sheet, sections 0 and 2.1)."""
        pairs = self._cli.detail("lssystem", session=True)
        self._system = first(pairs or [])
        if not self._system.get("name"):
            raise BadReply("the array does not tell its name")
        self.label = self._system["name"]
        if self._system.get("open_access_enabled") != "off":
            raise Refused(
                "open access is on, so every host sees every volume, whatever is mapped",
                array=self.label,
                hint="Turn it off on the array: svctask chsystem -openaccess off",
            )
        self._pools = self._read_pools(session=True).items

    def info(self) -> ArrayInfo:
        return ArrayInfo(
            vendor="flashsystem",
            name=self.label,
            serial=self._system.get("id") or None,
            version=(self._system.get("code_level") or "").split(" ")[0] or None,
            protocols=self._protocols_of_ports(),
        )

    def capacity(self) -> Capacity:
        """One request. Volumes are fully allocated (section 2.2), so what is used is what is provisioned."""
        pools = self.pools()
        size, free = sum(pool.size for pool in pools), sum(pool.free for pool in pools)
        return Capacity(size, size - free, provisioned=size - free)

    def pools(self) -> Listing[Pool]:
        with self._doing("read the pools"):
            found = self._read_pools()
            self._pools = found.items
            return found

    def _read_pools(self, session: bool = False) -> Listing[Pool]:
        return listing("pool", self._cli.table("lsmdiskgrp", "-bytes", session=session), _pool)

    def ports(self) -> Listing[Port]:
        """Active FC ports and portals that are up, of nodes that are online; read once per session (3 requests)."""
        if self._ports is None:
            with self._doing("read the target ports"):
                nodes = {row.get("id", ""): row for row in self._cli.table("lsnode", session=True)}
                online = {number: row for number, row in nodes.items() if row.get("status") == "online"}
                fc = listing("port", self._optional("lsportfc"), lambda row: _fc_port(row, online))
                ethernet = self._optional("lsportip")
                v4 = listing("port", ethernet, lambda row: _portal(row, online, "IP_address"))
                v6 = listing("port", ethernet, lambda row: _portal(row, online, "IP_address_6"))
                self._ports = Listing(fc.items + v4.items + v6.items, fc.unreadable + v4.unreadable + v6.unreadable)
        return self._ports

    def _optional(self, verb: str) -> List[Row]:
        """What an array without this kind of port may refuse to list."""
        try:
            return self._cli.table(verb, session=True)
        except Unsupported:
            return []

    # -- volumes and snapshots ---------------------------------------------------------------------------------------

    def volumes(self, names: Optional[Sequence[str]] = None) -> Listing[Volume]:
        """Two requests, one where there is none: a list, which alone tells our snapshots apart, and the mappings."""
        with self._doing("read volumes"):
            rows = self._vdisks()
            wanted = None if names is None else set(names)
            mine = [row for row in rows if "" in row or _is_volume(row) and (wanted is None or row["name"] in wanted)]
            found = listing("volume", self._complete(mine), self._volume)
            if not found.items:
                return found
            try:
                maps = self._all_mappings()
            except BadReply:
                return found  # without their mappings, which whoever needs them asks for again
            if not maps.complete:
                return found
            by_id: Dict[str, List[Mapping]] = {}
            for one in maps:
                by_id.setdefault(str(one.volume_id), []).append(one)
            volumes = tuple(replace(one, mappings=tuple(by_id.get(one.id, ()))) for one in found)
            return Listing(volumes, found.unreadable)

    def snapshots(
        self, names: Optional[Sequence[str]] = None, volumes: Optional[Sequence[str]] = None
    ) -> Listing[Snapshot]:
        """Copies that we made, by their names; one more request for their mappings when there are any."""
        with self._doing("read snapshots"):
            rows = self._vdisks()
            by_source = self._by_source(rows)
            everything = names is None and volumes is None
            mine = []
            for row in rows:
                said = parse_snapshot(row.get("name", ""))
                if said is None:
                    continue
                source = by_source.get(said.source, {}).get("name")
                if everything or said.name in (names or ()) or source in (volumes or ()):
                    mine.append(row)
            if not mine:
                return Listing()
            try:
                maps = self._all_mappings()
            except BadReply:
                maps = UNKNOWN  # whoever needs them asks for them again
            known = maps.items if maps.complete else None
            return listing("snapshot", self._complete(mine), lambda row: self._snapshot(row, by_source, known))

    def _vdisks(self) -> List[Row]:
        rows = self._cli.table("lsvdisk", "-bytes")
        said = [parse_snapshot(row.get("name", "")) for row in rows]
        ends = {one.source[1:9] for one in said if one is not None and one.source.startswith("_")}
        for row in rows:
            # A list without this column (section 9b): one request for each volume that has snapshots.
            if "" not in row and "udid" not in row and row.get("vdisk_UID", "").lower()[-8:] in ends:
                row["udid"] = (self._vdisk(row["id"]) or {}).get("udid", "")
        self._rows = rows
        return rows

    def _complete(self, rows: Sequence[Row]) -> List[Row]:
        """With the columns that a list of this firmware may lack (section 9b), from one request for each vdisk."""
        poor = [row for row in rows if "" not in row and not all(column in row for column in _VDISK_COLUMNS)]
        whole = {row["id"]: self._vdisk(row["id"]) or row for row in poor}
        return [whole.get(row.get("id", ""), row) for row in rows]

    def _vdisk(self, name: str) -> Optional[Row]:
        """One vdisk by name or id."""
        pairs = self._cli.detail("lsvdisk", name, "-bytes")
        return first(pairs) if pairs else None

    def _vdisk_named(self, name: str) -> Optional[Row]:
        """One vdisk by its very name: the array takes a number for an id (section 1)."""
        row = self._vdisk(name)
        return row if row is not None and row.get("name") == name else None

    def _vdisk_name(self, name: str, number: str) -> str:
        """What the array calls a volume, or a snapshot that goes by the name it has for people."""
        for row in self._rows or ():
            said = parse_snapshot(row.get("name", "")) if number and row.get("id") == number else None
            if said is not None and said.name == name:
                return row["name"]
        return name

    @staticmethod
    def _by_source(rows: Sequence[Row]) -> Dict[str, Row]:
        """The volumes by what the names of their snapshots say."""
        known = [row for row in rows if row.get("vdisk_UID")]
        return {source: row for row in known for source in sources_of(row["vdisk_UID"], row.get("udid") or "")}

    def _volume(self, row: Row) -> Volume:
        serial = row["vdisk_UID"].lower()
        sources = sources_of(serial, row.get("udid") or "")
        said = [parse_snapshot(other.get("name", "")) for other in self._rows or ()]
        return Volume(
            row["name"],
            int(row["capacity"]),
            id=row["id"],
            provisioning=THICK,
            pool=row.get("mdisk_grp_name") or row.get("parent_mdisk_grp_name") or None,
            state=_state(row["status"]),
            serial=serial,
            used=int(row["capacity"]),
            snapshots=tuple(one.name for one in said if one is not None and one.source in sources),
            groups=(),
        )

    def _snapshot(self, row: Row, by_source: Dict[str, Row], maps: Optional[Sequence[Mapping]]) -> Snapshot:
        said = parse_snapshot(row["name"])
        if said is None:
            raise ValueError("it is not the name of a snapshot")
        source = by_source.get(said.source, {})
        return Snapshot(
            said.name,
            source.get("name"),
            int(row["capacity"]),
            id=row["id"],
            volume_id=source.get("id"),
            state=_state(row["status"]),
            serial=row["vdisk_UID"].lower(),
            # Under the name that the snapshot has for people; the id keeps the one that it has on the array.
            mappings=None
            if maps is None
            else tuple(replace(one, volume=said.name, id=row["name"]) for one in maps if one.volume_id == row["id"]),
            crash_consistent=said.consistent,
        )

    # -- hosts and mappings ------------------------------------------------------------------------------------------

    def hosts(self, names: Optional[Sequence[str]] = None) -> Listing[Host]:
        """One request for each named host; for all of them one, and one for each."""
        with self._doing("read hosts"):
            if names is None:
                return self._read_hosts([row.get("name", "") for row in self._host_rows()])
            self.declare_hosts(names)
            return self._read_hosts([safe_host_name(name) for name in names])

    def declare_hosts(self, names: Sequence[str]) -> None:
        """No request. What the array calls them is derived from the name alone, so every run finds them."""
        for name in names:
            if safe_host_name(name) != name:
                self._aliases[safe_host_name(name)] = name

    def _host_rows(self) -> List[Row]:
        rows = self._cli.table("lshost")
        self._names.update(row["name"] for row in rows if row.get("name"))
        return rows

    def _read_hosts(self, names: Sequence[str]) -> Listing[Host]:
        details = self._cli.each(lambda name: self._cli.detail("lshost", name), names)
        found = [(name, pairs) for name, pairs in zip(names, details) if pairs is not None]
        rows: List[Row] = [{"name": name, "at": str(at)} for at, (name, _pairs) in enumerate(found)]
        hosts = listing("host", rows, lambda row: self._host(row["name"], found[int(row["at"])][1]))
        for host in hosts:
            self._remember(host)
        return hosts

    def _host(self, name: str, pairs: Pairs) -> Optional[Host]:
        about = first(pairs)
        if about["name"] != name:
            return None  # a number, taken for an id
        self._names.add(name)
        return Host(self._aliases.get(name, name), id=about["id"], initiators=_initiators(pairs))

    def _remember(self, host: Host) -> None:
        self._forget(host, dict.fromkeys(host.addresses, host))

    def _forget(self, host: Host, now: Optional[Dict[str, Host]] = None) -> None:
        """:param now: what is known of the host instead, by port address."""
        with self._lock_of_hosts:
            others = {address: known for address, known in self._by_port.items() if known.name != host.name}
            # A new dictionary each time, so that other threads can read without the lock.
            self._by_port = dict(others, **(now or {}))

    def find_hosts(self, initiators: Sequence[str]) -> Listing[Host]:
        """By any of their ports: one request, and one for each host until all are found; remembered for the task."""
        wanted, known = set(initiators), self._by_port
        if wanted and wanted <= set(known):
            return Listing(_once([known[address] for address in initiators]))
        with self._doing("find the hosts of the initiators"):
            names = [row.get("name", "") for row in self._host_rows()]
            found: List[Host] = []
            bad: Tuple[Any, ...] = ()
            for start in range(0, len(names), max(1, self._cli.threads)):
                part = self._read_hosts(names[start : start + max(1, self._cli.threads)])
                found += [host for host in part if wanted & set(host.addresses)]
                bad += part.unreadable
                if wanted <= {address for host in found for address in host.addresses}:
                    break
            return Listing(tuple(found), bad)

    def _array_name(self, host: str) -> str:
        """What the array calls the host."""
        return host if host in self._names else safe_host_name(host)

    def mappings(
        self, volumes: Optional[Sequence[str]] = None, hosts: Optional[Sequence[str]] = None
    ) -> Listing[Mapping]:
        """One request: the maps of one host or of one volume where only that is asked for, else all."""
        with self._doing("read mappings"):
            if volumes is None and hosts is None:
                return self._all_mappings()
            if not volumes and not hosts:
                return Listing()
            if not volumes and len(hosts or ()) == 1:
                return self._mappings_of_host((hosts or ())[0])
            if not hosts and len(volumes or ()) == 1:
                return self._mappings_of_volume((volumes or ())[0])
            found = self._all_mappings()
            items = tuple(one for one in found if one.volume in (volumes or ()) or one.host in (hosts or ()))
            return Listing(items, found.unreadable)

    def _all_mappings(self) -> Listing[Mapping]:
        return listing("mapping", self._cli.table("lshostvdiskmap"), self._mapping)

    def _mappings_of_host(self, host: str) -> Listing[Mapping]:
        name = self._array_name(host)
        rows = self._none_if_missing("lshostvdiskmap", name)
        return listing("mapping", [row for row in rows if "" in row or row.get("name") == name], self._mapping)

    def _mappings_of_volume(self, volume: str) -> Listing[Mapping]:
        rows = self._none_if_missing("lsvdiskhostmap", volume)
        mine = [row for row in rows if "" in row or row.get("name") == volume]
        return listing("mapping", mine, self._mapping_of_volume)

    def _none_if_missing(self, verb: str, name: str) -> List[Row]:
        try:
            return self._cli.table(verb, name)
        except NotFound:
            return []

    def _mapping(self, row: Row) -> Mapping:
        name = row["name"]
        return Mapping(
            row["vdisk_name"],
            self._aliases.get(name, name),
            int(row["SCSI_id"]),
            volume_id=row["vdisk_id"],
            host_id=row["id"],
        )

    def _mapping_of_volume(self, row: Row) -> Mapping:
        name = row["host_name"]
        return Mapping(
            row["name"], self._aliases.get(name, name), int(row["SCSI_id"]), volume_id=row["id"], host_id=row["host_id"]
        )


def _is_volume(row: Row) -> bool:
    return parse_snapshot(row["name"]) is None and parse_temporary(row["name"]) is None


def _state(status: str) -> str:
    return OFFLINE if status == "offline" else READY


def _pool(row: Row) -> Pool:
    size, free = int(row["capacity"]), int(row["free_capacity"])
    state = READY if row["status"] != "offline" else OFFLINE
    name = row.get("name") or row["id"]
    return Pool(name, size, free, id=row["id"], provisioned=size - free, provisioning=(THICK,), state=state)


def _initiators(pairs: Pairs) -> Tuple[Initiator, ...]:
    """A port begins with its address; what follows up to the next is about it."""
    found: List[Tuple[str, Row]] = []
    for key, text in pairs:
        if key in ("WWPN", "iscsi_name"):
            found.append((text, {}))
        elif found:
            found[-1][1].setdefault(key, text)
    made = []
    for text, about in found:
        protocol, address = parse_initiator(text)
        count = about.get("node_logged_in_count", "")
        made.append(Initiator(address, protocol, logged_in=int(count) > 0 if count.isdigit() else None))
    return tuple(made)


def _fc_port(row: Row, online: Dict[str, Row]) -> Optional[Port]:
    if row["status"] != FC_ACTIVE or row.get("node_id") not in online:
        return None
    protocol, address = parse_initiator(row["WWPN"])
    if protocol != FC:
        raise Invalid("%s is not a WWPN" % row["WWPN"])
    return Port("%s:%s" % (row.get("node_name") or row["node_id"], row["id"]), FC, address, up=True)


def _portal(row: Row, online: Dict[str, Row], column: str) -> Optional[Port]:
    """Section 2.1: configured or online, with a speed; a port that nobody gave an address is none."""
    address = row.get(column) or ""
    node = online.get(row.get("node_id", ""))
    if not address or node is None or row["state"] not in PORTAL_STATES or row["speed"] == NO_SPEED:
        return None
    target = parse_target(node["iscsi_name"])
    portal = format_endpoint(*parse_endpoint(address, ISCSI_PORT, "the address of a portal"))
    name = "%s:ip%s" % (row.get("node_name") or row["node_id"], row["id"])
    return Port(name, ISCSI, target, portal=portal, up=True)


def _once(hosts: Sequence[Host]) -> Tuple[Host, ...]:
    return tuple({host.name: host for host in hosts}.values())
