# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads of all that the array holds, and what the other parts of the client share.

Lists have little more than names and ids, so every object costs a request (sheet, sections 2.1, 2.4, 2.7).
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple, TypeVar, Union

from ...array import Array
from ...client import Locks
from ...errors import BadReply, Conflict, NotFound, Timeout
from ...model import (
    ArrayInfo,
    Host,
    Listing,
    Mapping,
    Port,
    Snapshot,
    Unreadable,
    Volume,
)
from ...transport.confirm import growing_pauses
from . import objects
from .capabilities import capabilities
from .ledger import COMMENT_UNIQUE, LISTED_WITHIN
from .names import stamp_of
from .objects import LUN_TYPES, THIN_CLONE, TimeMark, listing
from .ports import Ports
from .refusals import Rejected
from .session import NotClean, Object, missing_key
from .wire import ConcertoOperations

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """The connection options of a task that are of this array only."""

    wait_timeout: float = 600.0
    smallest: bool = False
    dedup_only: Tuple[str, ...] = ()
    dedup_capable: Tuple[str, ...] = ()
    remove_empty_hosts: bool = False
    ports: Tuple[str, ...] = ()
    """Addresses of target ports, as the task writes them: the only ones to use."""


class Reading(Array):
    """Reads."""

    def __init__(self, concerto: ConcertoOperations, settings: Settings) -> None:
        self._concerto = concerto
        self._settings = settings
        dedup = bool(settings.dedup_only or settings.dedup_capable) if concerto.external else concerto.has_dedup
        self.capabilities = capabilities(concerto.version, concerto.external, dedup)
        self.label = str(concerto.properties.get("hostname") or concerto.http.address)
        self._lock = threading.RLock()
        self._lock_of_reading = threading.RLock()
        self._locks = Locks()
        self._listed_within = min(settings.wait_timeout, LISTED_WITHIN)
        self._confirmed_sizes: Dict[Tuple[str, str], int] = {}
        """Size in bytes that the array has confirmed for a LUN that was extended, by its id and name. The array may
        report the old size for a while, also after this session has stopped waiting for the new one."""
        self._ports = Ports(concerto, settings.ports)
        self._clients: Dict[str, Object] = {}
        self._clients_read: Optional[float] = None

    def _locked(self, lun_id: str) -> threading.RLock:
        """One thread at a time does what takes several requests about one LUN."""
        return self._locks.of(lun_id)

    # -- changes that the array lists late ---------------------------------------------------------------------------

    def _listed_in_time(self, read: Callable[[], Optional[T]]) -> Optional[T]:
        """What ``read`` returns as soon as it is neither None nor False; None after ``LISTED_WITHIN``.

        The array confirms a change before its lists show it (section 3). One request where they show it at once.
        """
        deadline = growing_pauses(self._listed_within)
        while True:
            found = read()
            if found is not None and found is not False:
                return found
            if not deadline.pause():
                return None

    def _listed(self, read: Callable[[], Optional[T]], what: str) -> T:
        """As _listed_in_time, for a change that the array has confirmed.

        :param what: "the volume", or "that the volume is deleted".
        :raises Timeout: the array does not show the change.
        """
        found = self._listed_in_time(read)
        if found is None:
            raise Timeout(
                "the array confirmed the change, and does not show %s after %g s" % (what, self._listed_within),
                hint="Run the task again when the array shows it.",
            )
        return found

    # -- the array ---------------------------------------------------------------------------------------------------

    def info(self) -> ArrayInfo:
        about = self._concerto.properties
        return ArrayInfo(
            vendor="violin",
            name=self.label,
            model="7700" if self._concerto.external else "7300",
            serial=about.get("system_serial_number") or None,
            version=".".join(str(number) for number in self._concerto.version),
            api_version="build %s" % self._concerto.build if self._concerto.build else None,
            protocols=self._protocols_of_ports(),
        )

    def ports(self) -> Listing[Port]:
        with self._doing("read the target ports"):
            return self._ports.everything()

    def ports_of(self, volumes: Sequence[str]) -> Listing[Port]:
        """The ports of the clients that have the volumes, as the clients were last read: no request for them."""
        with self._lock:
            clients = list(self._clients.values())
        with self._doing("read the target ports"):
            read = listing("host", clients, objects.devices)
            return self._ports.behind([row for devices in read for row in devices if row.get("name") in volumes])

    # -- LUNs --------------------------------------------------------------------------------------------------------

    def volumes(self, names: Optional[Sequence[str]] = None) -> Listing[Volume]:
        """One request for the list, or for the only named volume, and one for each volume found."""
        with self._doing("read volumes"):
            bad: List[Unreadable] = []
            return self._volumes_of(self._rows_named(names, bad), bad)

    def volumes_with_clones(self, names: Sequence[str]) -> Listing[Volume]:
        """These volumes and all thin clones: one request for the list, and one for each of them."""
        with self._doing("read volumes"):
            requested = set(names)
            bad: List[Unreadable] = []
            rows = [row for row in self._lun_rows(bad=bad) if row["name"] in requested or row["type"] == THIN_CLONE]
            return self._volumes_of(rows, bad)

    def _rows_named(self, names: Optional[Sequence[str]], bad: List[Unreadable]) -> List[Object]:
        if names is not None and len(names) == 1:
            return self._lun_rows(names[0], bad)
        requested = None if names is None else set(names)
        return [row for row in self._lun_rows(bad=bad) if requested is None or row["name"] in requested]

    def _lun_rows(self, name: Optional[str] = None, bad: Optional[List[Unreadable]] = None) -> List[Object]:
        return [row for row in self._concerto.luns(name, bad) if row["type"] in LUN_TYPES]

    def _volumes_of(self, rows: Sequence[Object], bad: Sequence[Unreadable]) -> Listing[Volume]:
        read = self._concerto.side_by_side(self._complete_or_unreadable, rows)
        unreadable = {item.name: item for item in read if isinstance(item, Unreadable)}
        if unreadable:
            # A volume that was deleted since the list was read is not unreadable.
            present = {str(row["name"]) for row in self._lun_rows(bad=[])}
            unreadable = {name: item for name, item in unreadable.items() if name in present}
        found = listing("volume", [item for item in read if not isinstance(item, Unreadable)], objects.volume)
        return Listing(found.items, found.unreadable + tuple(unreadable.values()) + tuple(bad))

    def _complete_or_unreadable(self, row: Object) -> Union[Object, Unreadable]:
        try:
            return self._complete(row)
        except (Rejected, BadReply) as error:
            return Unreadable("volume", str(row["name"]), error.reason)

    def _complete(self, row: Object) -> Object:
        """The detail of a LUN with its row of the list. Raises BadReply when the detail is of a LUN of another name."""
        detail = self._concerto.lun(row["object_id"])
        if detail.get("name") not in (None, row["name"]):
            raise BadReply("the array answers with volume %s, which was not asked for" % detail["name"])
        return objects.merged(row, detail)

    def _complete_if_listed(self, row: Object) -> Optional[Object]:
        """A LUN that was just created, by its id; None while the array does not show it."""
        try:
            return self._complete(row)
        except Rejected:
            return None

    def _volume(self, name: str) -> Optional[Volume]:
        """The LUN that has this name now: two requests, one when there is none."""
        rows = self._lun_rows(name)
        return objects.converted(objects.volume, self._complete(rows[0])) if rows else None

    def _detail(self, lun_id: str, name: str) -> Object:
        """The LUN of this id; NotFound when there is none."""
        with self._not_found_if_deleted(name):
            return dict(self._concerto.lun(lun_id), object_id=lun_id)

    @contextmanager
    def _not_found_if_deleted(self, name: str) -> Iterator[None]:
        """Requests about a LUN. A refusal counts as NotFound when no LUN has the name: no code says so (section 3)."""
        try:
            yield
        except Rejected:
            if not self._lun_rows(name):
                raise NotFound("volume %s is not there" % name, target=name) from None
            raise

    def _lun_id(self, volume: Volume) -> str:
        """The id of a LUN as it was read; else it is looked up, one request."""
        if volume.id:
            return volume.id
        rows = self._lun_rows(volume.name)
        if not rows:
            raise NotFound("volume %s is not there" % volume.name, target=volume.name)
        return str(rows[0]["object_id"])

    # -- snapshots ---------------------------------------------------------------------------------------------------

    def snapshots(
        self, names: Optional[Sequence[str]] = None, volumes: Optional[Sequence[str]] = None
    ) -> Listing[Snapshot]:
        """Snapshots of these volumes: two requests for each volume, and one for the list of LUNs.

        While the array has thin clones, one more for each snapshot, to find out which snapshot has a clone. By name
        alone, the snapshots of every volume are read.
        """
        with self._doing("read snapshots"):
            bad: List[Unreadable] = []
            everything = self._lun_rows(bad=bad)
            clones = {str(row["object_id"]): str(row["name"]) for row in everything if row["type"] == THIN_CLONE}
            requested = set(volumes or ())
            rows = [
                row
                for row in everything
                if row.get("timemarkEnabled") is not False
                and (names is not None or volumes is None or row["name"] in requested)
            ]
            found: List[Snapshot] = []
            for readable, unreadable in self._concerto.side_by_side(lambda row: self._snapshots_of(row, clones), rows):
                found += [
                    snapshot
                    for snapshot in readable
                    if (volumes is None and names is None)
                    or snapshot.name in (names or ())
                    or snapshot.volume in requested
                ]
                bad += unreadable
            return Listing(tuple(found), tuple(bad))

    def _snapshots_of(self, row: Object, clones: Dict[str, str]) -> Tuple[List[TimeMark], List[Unreadable]]:
        """The snapshots of one LUN, without those that only serve a thin clone (see copies.py)."""
        bad: List[Unreadable] = []
        try:
            timemarks = self._timemarks(str(row["object_id"]), bad=bad)
            if not timemarks:
                return [], bad
            lun = objects.converted(objects.volume, self._complete(row))
        except (Rejected, BadReply) as error:
            if not any(other["object_id"] == row["object_id"] for other in self._lun_rows(str(row["name"]))):
                return [], []  # the LUN was deleted, and its snapshots with it
            return [], [Unreadable("snapshot", str(row["name"]), error.reason)]
        readable: List[TimeMark] = []
        names = Counter(str(timemark["comment"]) for timemark in timemarks)
        for timemark in timemarks:
            name = str(timemark["comment"])
            if names[name] > 1:
                # None of them can be taken for the one that a task means, and the name is not free either.
                reason = "volume %s has %d snapshots of this name (%s)" % (row["name"], names[name], COMMENT_UNIQUE.id)
                bad.append(Unreadable("snapshot", name, reason))
                continue
            try:
                if stamp_of(str(timemark["comment"])) is not None:
                    continue
                children = self._children(timemark, clones) if clones else ()
                readable.append(objects.converted(objects.timemark, timemark, lun, children))
            except (Rejected, BadReply) as error:
                bad.append(Unreadable("snapshot", str(timemark["comment"]), error.reason))
        return readable, bad

    def _children(self, timemark: Object, clones: Dict[str, str]) -> Tuple[str, ...]:
        """The name of the thin clone that depends on a snapshot, if there is one: one request."""
        clone = self._concerto.timemark(timemark["object_id"]).get("timeview_object_id")
        return (clones.get(str(clone), str(clone)),) if clone else ()

    def _timemarks(
        self, lun_id: str, comment: Optional[str] = None, bad: Optional[List[Unreadable]] = None
    ) -> Optional[List[Object]]:
        """The snapshots of a LUN, or the one of that name; None when the LUN has no policy, and so no snapshots.

        The answer for a LUN without policy is text, but that may have other causes: then the policy is read too.

        :param bad: gets what cannot be understood. Without this list that is a BadReply.
        """
        data = None
        for is_last in (False, True):
            try:
                data = self._concerto.timemarks(lun_id, comment).get("data")
                break
            except NotClean as error:
                if not self._has_policy(self._concerto.snapshot_area(lun_id)):
                    return None
                # The policy may have been created between the two reads.
                if is_last:
                    raise Rejected("the snapshots cannot be read", code=error.code, said=error.said) from None
        rows = data.get("timemarks") if isinstance(data, dict) else None
        if not isinstance(rows, list):
            raise BadReply("the answer has no list of snapshots")
        timemarks = []
        for row in rows:
            missing = missing_key(row, ("comment", "id"))
            if missing is None:
                # Section 2.4: the array filters from 7.5.2 on. Checked here for an array that does not.
                timemarks += [row] if comment in (None, row["comment"]) else []
            elif bad is None:
                raise BadReply("the array does not report the %s of a snapshot" % missing)
            else:
                name = row.get("comment") if isinstance(row, dict) else None
                bad.append(Unreadable("snapshot", str(name or "?"), "the array does not report its %s" % missing))
        return timemarks

    @staticmethod
    def _only(timemarks: Sequence[Object], name: str) -> Object:
        """The snapshot of that name.

        :raises Conflict: there are several, so that none of them can be taken for the one that is meant.
        """
        if len(timemarks) > 1:
            raise Conflict(
                "the volume has %d snapshots of the name %s" % (len(timemarks), name),
                hint="Delete or rename all but one with the array's own tools.",
                assumption=COMMENT_UNIQUE.id,
            )
        return timemarks[0]

    @staticmethod
    def _has_policy(area: Object) -> bool:
        if "timemarkEnabled" not in area:
            raise BadReply("the array does not report whether the volume has a snapshot policy")
        return bool(area["timemarkEnabled"])

    @staticmethod
    def _has_area(area: Object) -> bool:
        return "snapshot_resource" in area

    # -- hosts and mappings ------------------------------------------------------------------------------------------

    def hosts(self, names: Optional[Sequence[str]] = None) -> Listing[Host]:
        """One request for the list, or for the only named host, and one for each host found."""
        with self._doing("read hosts"):
            items, bad = self._read_clients(names)
            found = listing("host", items, objects.host)
            return Listing(found.items, found.unreadable + bad)

    def find_hosts(self, initiators: Sequence[str]) -> Listing[Host]:
        """All hosts are read: one request for the list, and one for each."""
        requested = set(initiators)
        hosts = self.hosts()
        return Listing(tuple(host for host in hosts if requested & set(host.addresses)), hosts.unreadable)

    def mappings(
        self, volumes: Optional[Sequence[str]] = None, hosts: Optional[Sequence[str]] = None
    ) -> Listing[Mapping]:
        """Only clients report mappings: for those of volumes all clients are read, one request each."""
        with self._doing("read mappings"):
            all_clients = volumes is not None or hosts is None
            items, bad = self._read_clients(None if all_clients else hosts)
            read = listing("mapping", items, objects.mappings)
            found = [mapping for mappings in read for mapping in mappings]
            if volumes is not None or hosts is not None:
                found = [
                    mapping for mapping in found if mapping.volume in (volumes or ()) or mapping.host in (hosts or ())
                ]
            return Listing(tuple(found), read.unreadable + bad)

    def _read_clients(self, names: Optional[Sequence[str]] = None) -> Tuple[List[Object], Tuple[Unreadable, ...]]:
        """Clients with their mappings: one request for the list, and one for each."""
        name = names[0] if names is not None and len(names) == 1 else None
        requested = None if names is None else set(names)
        bad: List[Unreadable] = []
        started = time.monotonic()
        rows = self._concerto.clients(name, bad)
        read = self._concerto.side_by_side(
            self._client_or_unreadable, [row for row in rows if requested is None or row["name"] in requested]
        )
        unreadable = {item.name: item for item in read if isinstance(item, Unreadable)}
        if unreadable:
            # A client that was deleted since the list was read is not unreadable.
            present = {str(row["name"]) for row in self._concerto.clients(bad=[])}
            bad += [item for name, item in unreadable.items() if name in present]
        items = [item for item in read if not isinstance(item, Unreadable)]
        if names is None:
            with self._lock:
                self._clients = {str(item["object_id"]): item for item in items}
                self._clients_read = None if bad else started
        return items, tuple(bad)

    def _client_or_unreadable(self, row: Object) -> Union[Object, Unreadable]:
        try:
            return self._client(row)
        except (Rejected, BadReply) as error:
            return Unreadable("host", str(row["name"]), error.reason)

    def _client(self, row: Object) -> Object:
        """The detail of a client with its row of the list, of which name and object_id are enough: one request."""
        item = objects.merged(row, self._concerto.client(row["object_id"]))
        with self._lock:
            self._clients[str(item["object_id"])] = item
        return item

    def _client_row(self, host: Host) -> Object:
        """Name and id of a client as it was read; else it is looked up, one request."""
        if host.id:
            return {"object_id": host.id, "name": host.name}
        rows = self._concerto.clients(host.name)
        if not rows:
            raise NotFound("host %s is not there" % host.name, target=host.name)
        return rows[0]

    def _mapped_to(self, name: str) -> Tuple[str, ...]:
        """The names of the hosts that a LUN is mapped to now: one request, and one for each host.

        Only hosts report mappings, so all are read each time. Threads that wait for one another share a read that began
        after they asked for it.
        """
        asked = time.monotonic()
        with self._lock_of_reading:
            read = self._clients_read
            if read is None or read < asked:
                clients_now, bad = self._read_clients()
                bad += listing("host", clients_now, objects.mappings).unreadable
                if bad:
                    self._clients_read = None
                    raise Rejected(
                        "it may be mapped: host %s cannot be read" % bad[0].name,
                        said=bad[0].reason,
                        hint="Check that host on the array.",
                    )
        with self._lock:
            clients = list(self._clients.values())
        return tuple(
            sorted(
                str(item["name"])
                for item in clients
                if any(mapping.volume == name for mapping in objects.converted(objects.mappings, item))
            )
        )

    def _forget_client(self, client_id: str) -> None:
        with self._lock:
            self._clients.pop(client_id, None)
