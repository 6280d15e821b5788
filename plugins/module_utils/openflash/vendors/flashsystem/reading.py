# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read of the array, and what the other parts of the client share."""

from __future__ import annotations

import threading
from abc import abstractmethod
from dataclasses import replace
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple, TypeVar

from ...array import Array
from ...client import Locks
from ...errors import BadReply, FlashError, InUse, Invalid, NotFound, Refused, Timeout, Unsupported
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
from ...transport.confirm import growing_pauses
from ...units import MIB, format_endpoint, parse_endpoint, parse_initiator, parse_target, whole_number
from .capabilities import capabilities
from .cli import Pairs, Row, first, listing, text
from .ledger import FC_ACTIVE, ISCSI_PORT, LISTED_WITHIN, LUN_OPTIONAL, NO_SPEED, PORTAL_STATES, SEEN_AFTER, UNSUITABLE
from .names import parse_snapshot, parse_temporary, safe_host_name, sources_of
from .wire import Commands

T = TypeVar("T")
_VDISK_COLUMNS = ("id", "name", "status", "capacity", "vdisk_UID")
_FAILOVER = "yes"


class Reading(Array):
    """The part of a FlashSystem that only reads.

    :param patience: seconds for which a run waits at most for what the array does by itself.
    """

    def __init__(self, wire: Commands, patience: float = 600.0) -> None:
        self._wire = wire
        self._listed_within = min(patience, LISTED_WITHIN)
        self.label = wire.ssh.address
        self.capabilities = capabilities(self._no_path)
        self._system: Row = {}
        self._pools: Tuple[Pool, ...] = ()
        self._extents: Dict[str, int] = {}
        """By pool: the bytes of an extent, where the array reports them."""
        self._ports: Optional[Listing[Port]] = None
        self._rows: Optional[List[Row]] = None
        """Every vdisk of the last list, where the names of snapshots and unfinished copies are found."""
        self._by_port: Dict[str, Host] = {}
        """Hosts by the addresses of their ports, as they were read or made."""
        self._login_counts: Dict[str, Optional[int]] = {}
        """By port of a host that was read: to how many nodes it is logged in; None where the array does not say."""
        self._names: Set[str] = set()
        """Names of hosts that the array has reported."""
        self._aliases: Dict[str, str] = {}
        """The task's name of a host by its name on the array, where the array cannot have the task's name."""
        self._lun_optional = LUN_OPTIONAL.value
        self._refused_luns: Dict[str, Set[int]] = {}
        """By host: LUNs that the array has refused although no mapping at them was listed."""
        self._lock_of_hosts = threading.Lock()
        self._locks = Locks()

    @abstractmethod
    def _no_path(self) -> Optional[str]:
        """The reason why this host cannot copy volumes of the array; None when it can."""

    def _alone_with(self, vdisk: str) -> threading.RLock:
        """One thread at a time reads the size of a volume and adds to it."""
        return self._locks.of(vdisk)

    # -- changes that the array lists late ---------------------------------------------------------------------------

    def _listed_in_time(self, read: Callable[[], Optional[T]]) -> Optional[T]:
        """What ``read`` returns as soon as it is neither None nor False; None after ``LISTED_WITHIN``.

        One request where the array lists at once what it has confirmed.
        """
        deadline = growing_pauses(self._listed_within)
        while True:
            found = read()
            if found is not None and found is not False:
                return found
            if not deadline.pause():
                return None

    def _not_listed(self, what: str, error: Optional[FlashError] = None, assumption: str = SEEN_AFTER) -> Timeout:
        """The error where the array has confirmed a change and does not show it.

        :param what: "the mapping", or "that the mapping is removed".
        """
        return Timeout(
            "the array confirmed the change, and does not show %s after %g s" % (what, self._listed_within),
            code=error.code if error is not None else None,
            hint="Run the task again when the array shows it.",
            assumption=assumption,
        )

    @staticmethod
    def _unsuitable(error: NotFound) -> InUse:
        """The error where the array says that an object is not there, and still has it."""
        return InUse(
            "the array says that it is not there or not suitable, and still lists it",
            code=error.code,
            said=error.said,
            hint="It may be in use.",
            assumption=UNSUITABLE.id,
        )

    # -- the system --------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Read the system and its pools: 2 session requests. Refused while open access is on (sections 0 and 2.1)."""
        pairs = self._wire.lssystem()
        self._system = first(pairs or [])
        if not self._system.get("name"):
            raise BadReply("the array does not report its name")
        self.label = self._system["name"]
        if self._system.get("open_access_enabled") != "off":
            raise Refused(
                "open access is on, so every host has access to every volume without a mapping",
                array=self.label,
                hint="Turn it off on the array: svctask chsystem -openaccess off",
            )
        self._pools = self._read_pools(session=True).items
        self.capabilities = replace(self.capabilities, extent=max(self._extents.values(), default=0))

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
        rows = self._wire.lsmdiskgrp(session)
        for row in rows:
            extent = whole_number(row.get("extent_size"))
            if extent is not None and (row.get("name") or row.get("id")):
                self._extents[row.get("name") or row["id"]] = extent * MIB
        return listing("pool", rows, _pool)

    def ports(self) -> Listing[Port]:
        """Active FC ports and portals that are up, of nodes that are online; read once per session (3 requests)."""
        if self._ports is None:
            with self._doing("read the target ports"):
                nodes = {row.get("id", ""): row for row in self._wire.lsnode()}
                online = {number: row for number, row in nodes.items() if row.get("status") == "online"}
                fc = listing("port", self._optional(self._wire.lsportfc), lambda row: _fc_port(row, online))
                ethernet = without_failover(self._optional(self._wire.lsportip))
                v4 = listing("port", ethernet, lambda row: _portal(row, online, "IP_address"))
                v6 = listing("port", ethernet, lambda row: _portal(row, online, "IP_address_6"))
                self._ports = Listing(fc.items + v4.items + v6.items, fc.unreadable + v4.unreadable + v6.unreadable)
        return self._ports

    @staticmethod
    def _optional(list_ports: Callable[[], List[Row]]) -> List[Row]:
        """The ports of a kind; none where the array refuses the command because it has no port of the kind."""
        try:
            return list_ports()
        except Unsupported:
            return []

    # -- volumes and snapshots ---------------------------------------------------------------------------------------

    def volumes(self, names: Optional[Sequence[str]] = None) -> Listing[Volume]:
        """Two requests, one where there is no volume: a list, which tells volumes from snapshots, and the mappings."""
        with self._doing("read volumes"):
            rows = self._vdisks()
            requested = None if names is None else set(names)
            chosen = [
                row for row in rows if "" in row or _is_volume(row) and (requested is None or row["name"] in requested)
            ]
            found = listing("volume", chosen, self._volume)
            if not found.items:
                return found
            try:
                mappings = self._all_mappings()
            except BadReply:
                return found  # without mappings: a caller that needs them reads them again
            if not mappings.complete:
                return found
            by_id: Dict[str, List[Mapping]] = {}
            for mapping in mappings:
                by_id.setdefault(str(mapping.volume_id), []).append(mapping)
            volumes = tuple(replace(volume, mappings=tuple(by_id.get(volume.id, ()))) for volume in found)
            return Listing(volumes, found.unreadable)

    def snapshots(
        self, names: Optional[Sequence[str]] = None, volumes: Optional[Sequence[str]] = None
    ) -> Listing[Snapshot]:
        """Copies that this collection made, known by their names; one more request for mappings when there are any."""
        with self._doing("read snapshots"):
            rows = self._vdisks()
            by_source = self._by_source(rows)
            everything = names is None and volumes is None
            chosen = []
            for row in rows:
                # The name says whether a vdisk is a snapshot, and the UID of a volume which snapshots are its own.
                parts = parse_snapshot(row["name"]) if "" not in row else None
                if parts is None:
                    if not row.get("name") or (volumes is not None and not row.get("vdisk_UID")):
                        chosen.append(row)
                    continue
                source = by_source.get(parts.source, {}).get("name")
                if everything or parts.name in (names or ()) or source in (volumes or ()):
                    chosen.append(row)
            if not chosen:
                return Listing()
            try:
                mappings = self._all_mappings()
            except BadReply:
                mappings = UNKNOWN  # a caller that needs them reads them again
            known = mappings.items if mappings.complete else None
            return listing("snapshot", chosen, lambda row: self._snapshot(row, by_source, known))

    def _vdisks(self) -> List[Row]:
        rows = self._complete(self._wire.lsvdisks())
        snapshots = [parse_snapshot(row.get("name", "")) for row in rows]
        ends = {parts.source[1:9] for parts in snapshots if parts is not None and parts.source.startswith("_")}
        for row in rows:
            # The list may lack this column (section 9b): one request for each volume that has snapshots.
            if "" not in row and "udid" not in row and row.get("vdisk_UID", "").lower()[-8:] in ends:
                row["udid"] = (self._vdisk(row["id"]) or {}).get("udid", "")
        self._rows = rows
        return rows

    def _complete(self, rows: Sequence[Row]) -> List[Row]:
        """The rows with all columns. A list may lack some (section 9b): one request for each such vdisk."""
        incomplete = [row for row in rows if "" not in row and not all(column in row for column in _VDISK_COLUMNS)]
        complete = {row["id"]: self._vdisk(row["id"]) or row for row in incomplete}
        return [complete.get(row.get("id", ""), row) for row in rows]

    def _vdisk(self, name: str) -> Optional[Row]:
        """One vdisk by name or id."""
        pairs = self._wire.lsvdisk(name)
        return first(pairs) if pairs else None

    def _vdisk_named(self, name: str) -> Optional[Row]:
        """The vdisk of exactly this name: the array takes a number for an id (section 1)."""
        row = self._vdisk(name)
        return row if row is not None and row.get("name") == name else None

    def _vdisk_name(self, name: str, number: str) -> str:
        """The name on the array of a volume, or of a snapshot that is given by its short name."""
        for row in self._rows or ():
            parts = parse_snapshot(row.get("name", "")) if number and row.get("id") == number else None
            if parts is not None and parts.name == name:
                return row["name"]
        return name

    def _size_made(self, name: str, size: int, pool: str) -> int:
        """The bytes that a new or extended volume has: the array may round them up to whole extents.

        No request where that makes no difference.
        """
        extent = self._extents.get(pool)
        if not extent or size % extent == 0:
            return size
        row = self._listed_in_time(lambda: self._vdisk_named(name))
        if row is None:
            raise self._not_listed("volume %s" % name)
        return int(row["capacity"])

    @staticmethod
    def _by_source(rows: Sequence[Row]) -> Dict[str, Row]:
        """The volumes by what identifies them in the names of their snapshots."""
        known = [row for row in rows if row.get("vdisk_UID")]
        return {source: row for row in known for source in sources_of(row["vdisk_UID"], row.get("udid") or "")}

    def _volume(self, row: Row) -> Volume:
        serial = row["vdisk_UID"].lower()
        sources = sources_of(serial, row.get("udid") or "")
        snapshots = [parse_snapshot(other.get("name", "")) for other in self._rows or ()]
        return Volume(
            row["name"],
            int(row["capacity"]),
            id=row["id"],
            provisioning=THICK,
            pool=row.get("mdisk_grp_name") or row.get("parent_mdisk_grp_name") or None,
            state=_state(row["status"]),
            serial=serial,
            used=int(row["capacity"]),
            snapshots=tuple(parts.name for parts in snapshots if parts is not None and parts.source in sources),
            groups=(),
        )

    def _snapshot(self, row: Row, by_source: Dict[str, Row], mappings: Optional[Sequence[Mapping]]) -> Snapshot:
        parts = parse_snapshot(row["name"])
        if parts is None:
            raise ValueError("it is not the name of a snapshot")
        source = by_source.get(parts.source, {})
        return Snapshot(
            parts.name,
            source.get("name"),
            int(row["capacity"]),
            id=row["id"],
            volume_id=source.get("id"),
            state=_state(row["status"]),
            serial=row["vdisk_UID"].lower(),
            # With the short name of the snapshot; the id is its name on the array.
            mappings=None
            if mappings is None
            else tuple(
                replace(mapping, volume=parts.name, id=row["name"])
                for mapping in mappings
                if mapping.volume_id == row["id"]
            ),
            crash_consistent=parts.consistent,
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
        """Note the names on the array. They follow from these names alone, so every run finds them. No request."""
        for name in names:
            if safe_host_name(name) != name:
                self._aliases[safe_host_name(name)] = name

    def _host_rows(self) -> List[Row]:
        rows = self._wire.lshosts()
        self._names.update(row["name"] for row in rows if row.get("name"))
        return rows

    def _read_hosts(self, names: Sequence[str]) -> Listing[Host]:
        details = self._wire.each(self._wire.lshost, names)
        found = [(name, pairs) for name, pairs in zip(names, details) if pairs is not None]
        rows: List[Row] = [{"name": name, "position": str(number)} for number, (name, _pairs) in enumerate(found)]
        hosts = listing("host", rows, lambda row: self._host(row["name"], found[int(row["position"])][1]))
        for host in hosts:
            self._remember(host)
        return hosts

    def _host(self, name: str, pairs: Pairs) -> Optional[Host]:
        attributes = first(pairs)
        if attributes["name"] != name:
            return None  # the array has taken a number for an id
        self._names.add(name)
        initiators = _initiators(pairs, self._login_counts)
        if len(initiators) < int(attributes.get("port_count", "0")):
            raise ValueError("it has %s ports, and reports %d" % (attributes["port_count"], len(initiators)))
        return Host(self._aliases.get(name, name), id=attributes["id"], initiators=initiators)

    def _remember(self, host: Host) -> None:
        self._forget(host, dict.fromkeys(host.addresses, host))

    def _forget(self, host: Host, known: Optional[Dict[str, Host]] = None) -> None:
        """Forget what was read of the host.

        :param known: what is known of it now, by port address.
        """
        with self._lock_of_hosts:
            others = {address: other for address, other in self._by_port.items() if other.name != host.name}
            # A new dictionary each time, so that other threads can read without the lock.
            self._by_port = dict(others, **(known or {}))

    def find_hosts(self, initiators: Sequence[str]) -> Listing[Host]:
        """One request, and one for each host until all initiators are found. The result is kept for the task."""
        requested, known = set(initiators), self._by_port
        if requested and requested <= set(known):
            return Listing(_once([known[address] for address in initiators]))
        with self._doing("find the hosts of the initiators"):
            names = [row.get("name", "") for row in self._host_rows()]
            found: List[Host] = []
            unreadable: Tuple[Any, ...] = ()
            for start in range(0, len(names), max(1, self._wire.threads)):
                part = self._read_hosts(names[start : start + max(1, self._wire.threads)])
                found += [host for host in part if requested & set(host.addresses)]
                unreadable += part.unreadable
                if requested <= {address for host in found for address in host.addresses}:
                    break
            return Listing(tuple(found), unreadable)

    def _array_name(self, host: str) -> str:
        """The name of the host on the array."""
        return host if host in self._names else safe_host_name(host)

    def mappings(
        self, volumes: Optional[Sequence[str]] = None, hosts: Optional[Sequence[str]] = None
    ) -> Listing[Mapping]:
        """One request: the mappings of one host or one volume where only these are requested, else all."""
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
            items = tuple(
                mapping for mapping in found if mapping.volume in (volumes or ()) or mapping.host in (hosts or ())
            )
            return Listing(items, found.unreadable)

    def _all_mappings(self) -> Listing[Mapping]:
        return listing("mapping", self._wire.lshostvdiskmap(), self._mapping)

    def _mappings_of_host(self, host: str) -> Listing[Mapping]:
        name = self._array_name(host)
        rows = self._wire.mappings_of_host(name)
        return listing("mapping", [row for row in rows if row.get("name", "") in ("", name)], self._mapping)

    def _mappings_of_volume(self, volume: str) -> Listing[Mapping]:
        rows = self._wire.mappings_of_vdisk(volume)
        chosen = [row for row in rows if row.get("name", "") in ("", volume)]
        return listing("mapping", chosen, self._mapping_of_volume)

    def _mapping(self, row: Row) -> Mapping:
        name = text(row, "name")
        return Mapping(
            text(row, "vdisk_name"),
            self._aliases.get(name, name),
            int(row["SCSI_id"]),
            volume_id=text(row, "vdisk_id"),
            host_id=text(row, "id"),
        )

    def _mapping_of_volume(self, row: Row) -> Mapping:
        name = text(row, "host_name")
        return Mapping(
            text(row, "name"),
            self._aliases.get(name, name),
            int(row["SCSI_id"]),
            volume_id=text(row, "id"),
            host_id=text(row, "host_id"),
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


def _initiators(pairs: Pairs, login_counts: Dict[str, Optional[int]]) -> Tuple[Initiator, ...]:
    """The ports of a host. The attributes after a port's address, up to the next one, are those of the port.

    :param login_counts: gets by address to how many nodes the port is logged in.
    """
    found: List[Tuple[str, Row]] = []
    for key, reported in pairs:
        if key in ("WWPN", "iscsi_name"):
            found.append((reported, {}))
        elif found:
            found[-1][1].setdefault(key, reported)
    initiators = []
    for reported, attributes in found:
        protocol, address = parse_initiator(reported)
        count = whole_number(attributes.get("node_logged_in_count"))
        login_counts[address] = count
        initiators.append(Initiator(address, protocol, logged_in=None if count is None else count > 0))
    return tuple(initiators)


def _fc_port(row: Row, online: Dict[str, Row]) -> Optional[Port]:
    if row["status"] != FC_ACTIVE or row.get("node_id") not in online:
        return None
    protocol, address = parse_initiator(row["WWPN"])
    if protocol != FC:
        raise Invalid("%s is not a WWPN" % row["WWPN"])
    return Port("%s:%s" % (row.get("node_name") or row["node_id"], row["id"]), FC, address, up=True)


def without_failover(rows: Sequence[Row]) -> List[Row]:
    """The rows of Ethernet ports, without those that repeat an address for the failover of the other node."""

    def addresses(row: Row) -> Set[str]:
        return {row[column] for column in ("IP_address", "IP_address_6") if row.get(column)}

    own = {address for row in rows if row.get("failover") != _FAILOVER for address in addresses(row)}
    return [row for row in rows if row.get("failover") != _FAILOVER or not addresses(row) & own]


def _portal(row: Row, online: Dict[str, Row], column: str) -> Optional[Port]:
    """The portal of an Ethernet port that is configured or online, has a speed and has an address (section 2.1)."""
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
