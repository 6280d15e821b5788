# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the array holds: every read, and what the other parts of the client share.

A list tells little more than names and ids, so every object takes a request of its own (sheet, sections 2.1, 2.4, 2.7).
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple, TypeVar, Union

from ...array import Array
from ...client import Locks
from ...errors import BadReply, NotFound, Timeout
from ...model import (
    ArrayInfo,
    Capacity,
    Host,
    Listing,
    Mapping,
    Pool,
    Port,
    Snapshot,
    Unreadable,
    Volume,
)
from ...transport.confirm import growing_pauses
from ...units import MIB
from . import objects
from .facts import (
    SEEN_WITHIN,
    TimeMark,
    capabilities,
    stamp_of,
)
from .objects import LUN_TYPES, THIN_CLONE, listing
from .ports import Ports
from .refusals import Rejected
from .wire import AREAS, CLIENTS, LUNS, POOLS, TIMEMARKS, Concerto, NotClean, Object, missing

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """What a task says beyond where the array is."""

    wait_timeout: float = 600.0
    smallest: bool = False
    dedup_only: Tuple[str, ...] = ()
    dedup_capable: Tuple[str, ...] = ()
    remove_empty_hosts: bool = False
    ports: Tuple[str, ...] = ()
    """Addresses of target ports, as the task writes them: the only ones to use."""


class Reading(Array):
    """The reading half of Violin."""

    def __init__(self, concerto: Concerto, settings: Settings) -> None:
        self._c = concerto
        self._settings = settings
        dedup = bool(settings.dedup_only or settings.dedup_capable) if concerto.external else concerto.has_dedup
        self.capabilities = capabilities(concerto.version, concerto.external, dedup)
        self.label = str(concerto.properties.get("hostname") or concerto.http.address)
        self._lock = threading.RLock()
        self._lock_of_reading = threading.RLock()
        self._locks = Locks()
        self._seen_within = min(settings.wait_timeout, SEEN_WITHIN)
        self._grown: Dict[Tuple[str, str], int] = {}
        """Bytes that the array has confirmed to have extended a LUN to, by its id and name: it may show the older size
        for a while, also after this session has stopped to wait for the new one."""
        self._config_pools: Dict[str, bool] = {}
        self._known_pools: Optional[List[Object]] = None
        self._ports = Ports(concerto, settings.ports)
        self._clients: Dict[str, Object] = {}
        self._clients_read: Optional[float] = None

    def _alone_with(self, lun_id: str) -> threading.RLock:
        """One thread at a time does what takes several requests about one LUN."""
        return self._locks.of(lun_id)

    # -- what the array shows late ------------------------------------------------------------------------------------

    def _seen_in_time(self, read: Callable[[], Optional[T]]) -> Optional[T]:
        """What ``read`` finds as soon as it finds something other than None and False; None after ``SEEN_WITHIN``.

        The array confirms a change before its lists tell of it (section 3). One request where they do at once.
        """
        deadline = growing_pauses(self._seen_within)
        while True:
            found = read()
            if found is not None and found is not False:
                return found
            if not deadline.pause():
                return None

    def _seen(self, read: Callable[[], Optional[T]], what: str) -> T:
        """The same for a change that the array has confirmed.

        :param what: "the volume", or "that the volume is gone".
        :raises Timeout: the array does not show it.
        """
        found = self._seen_in_time(read)
        if found is None:
            raise Timeout(
                "the array confirmed the change, and does not show %s after %g s" % (what, self._seen_within),
                hint="Run the task again when the array shows it.",
            )
        return found

    # -- the array ---------------------------------------------------------------------------------------------------

    def info(self) -> ArrayInfo:
        about = self._c.properties
        return ArrayInfo(
            vendor="violin",
            name=self.label,
            model="7700" if self._c.external else "7300",
            serial=about.get("system_serial_number") or None,
            version=".".join(str(number) for number in self._c.version),
            api_version="build %s" % self._c.build if self._c.build else None,
            protocols=self._protocols_of_ports(),
        )

    def capacity(self) -> Capacity:
        """One request: the pools hold what both gateways own. No ratios: the array tells none."""
        with self._doing("read the capacity"):
            rows = self._pool_rows()
            return Capacity(
                size=sum(objects.megabytes(row, "size_mb") for row in rows) * MIB,
                used=sum(objects.megabytes(row, "usedsize_mb") for row in rows) * MIB,
            )

    def pools(self) -> Listing[Pool]:
        """One request, and one for each pool seen for the first time."""
        with self._doing("read pools"):
            bad: List[Unreadable] = []
            found = listing("pool", self._pool_rows(bad), self._pool)
            return Listing(found.items, found.unreadable + tuple(bad))

    def _pool(self, row: Object) -> Pool:
        kinds = self.capabilities.provisioning
        name = str(row["name"])
        if self._c.external:
            if name in self._settings.dedup_only:
                kinds = tuple(kind for kind in kinds if kind == "dedup")
            elif name not in self._settings.dedup_capable:
                kinds = tuple(kind for kind in kinds if kind != "dedup")
        return Pool(
            name=name,
            size=int(row["size_mb"]) * MIB,
            free=int(row["availsize_mb"]) * MIB,
            id=str(row["storage_pool_id"]),
            provisioning=kinds,
        )

    def _pool_rows(self, bad: Optional[List[Unreadable]] = None) -> List[Object]:
        """The pools that can hold volumes, as they are now; what a pool is for is asked once for each (section 2.8)."""
        return [row for row in self._all_pools(bad=bad) if not self._is_config(row)]

    def _all_pools(self, fresh: bool = True, bad: Optional[List[Unreadable]] = None) -> List[Object]:
        """All pools, that of the configuration included: one request, none where older figures will do."""
        if fresh or self._known_pools is None:
            self._known_pools = self._c.rows(POOLS, "storage_pools", bad=[] if bad is None else bad)
        return self._known_pools

    def _is_config(self, row: Object) -> bool:
        """Whether the pool is the repository of the configuration: asked once for each."""
        known = str(row["object_id"])
        if known not in self._config_pools:
            detail = self._c.data("%s/%s" % (POOLS, known))
            kinds = objects.converted(lambda item: tuple(item.get("resource_type") or ()), detail)
            self._config_pools[known] = "Configuration" in kinds
        return self._config_pools[known]

    def ports(self) -> Listing[Port]:
        with self._doing("read the target ports"):
            return self._ports.everything()

    def ports_of(self, volumes: Sequence[str]) -> Listing[Port]:
        """Those of the clients that have the volumes, as they were last read."""
        with self._lock:
            clients = list(self._clients.values())
        with self._doing("read the target ports"):
            read = listing("host", clients, objects.devices)
            return self._ports.behind([row for several in read for row in several if row.get("name") in volumes])

    # -- LUNs --------------------------------------------------------------------------------------------------------

    def volumes(self, names: Optional[Sequence[str]] = None) -> Listing[Volume]:
        """One request for the list, or for the one that is named, and one for each volume that is there."""
        with self._doing("read volumes"):
            bad: List[Unreadable] = []
            return self._volumes_of(self._rows_named(names, bad), bad)

    def volumes_with_clones(self, names: Sequence[str]) -> Listing[Volume]:
        """The same, and one request more for each thin clone on the array."""
        with self._doing("read volumes"):
            wanted = set(names)
            bad: List[Unreadable] = []
            rows = [row for row in self._lun_rows(bad=bad) if row["name"] in wanted or row["type"] == THIN_CLONE]
            return self._volumes_of(rows, bad)

    def _rows_named(self, names: Optional[Sequence[str]], bad: List[Unreadable]) -> List[Object]:
        if names is not None and len(names) == 1:
            return self._lun_rows(names[0], bad)
        wanted = None if names is None else set(names)
        return [row for row in self._lun_rows(bad=bad) if wanted is None or row["name"] in wanted]

    def _lun_rows(self, name: Optional[str] = None, bad: Optional[List[Unreadable]] = None) -> List[Object]:
        rows = self._c.rows(LUNS, "virtual_devices", name, bad, needs=("name", "type"))
        return [row for row in rows if row["type"] in LUN_TYPES]

    def _volumes_of(self, rows: Sequence[Object], bad: Sequence[Unreadable]) -> Listing[Volume]:
        read = self._c.side_by_side(self._whole_or_why, rows)
        refused = {one.name: one for one in read if isinstance(one, Unreadable)}
        if refused:
            # What went away since the list was read is not there, and that is all.
            there = {str(row["name"]) for row in self._lun_rows(bad=[])}
            refused = {name: one for name, one in refused.items() if name in there}
        found = listing("volume", [one for one in read if not isinstance(one, Unreadable)], objects.volume)
        return Listing(found.items, found.unreadable + tuple(refused.values()) + tuple(bad))

    def _whole_or_why(self, row: Object) -> Union[Object, Unreadable]:
        try:
            return self._whole(row)
        except (Rejected, BadReply) as error:
            return Unreadable("volume", str(row["name"]), error.reason)

    def _whole(self, row: Object) -> Object:
        return dict(row, **self._c.data("%s/%s" % (LUNS, row["object_id"])))

    def _if_listed(self, row: Object) -> Optional[Object]:
        """A LUN that was just made, by its id; None while the array does not show it."""
        try:
            return self._whole(row)
        except Rejected:
            return None

    def _volume(self, name: str) -> Optional[Volume]:
        """The LUN that has this name now: two requests, one when there is none."""
        rows = self._lun_rows(name)
        return objects.converted(objects.volume, self._whole(rows[0])) if rows else None

    def _detail(self, lun_id: str, name: str) -> Object:
        """The LUN of this id; NotFound when there is none."""
        with self._or_gone(name):
            return dict(self._c.data("%s/%s" % (LUNS, lun_id)), object_id=lun_id)

    @contextmanager
    def _or_gone(self, name: str) -> Iterator[None]:
        """Requests about a LUN: a refusal is NotFound when the name is gone, which is all that tells (section 3)."""
        try:
            yield
        except Rejected:
            if not self._lun_rows(name):
                raise NotFound("volume %s is not there" % name, target=name) from None
            raise

    def _lun_id(self, volume: Volume) -> str:
        """Its id, as it was read, or looked up now: one request."""
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
        """Snapshots of these volumes: two requests for each, and one for the list of LUNs.

        A thin clone names its source, so only the snapshots of a source are asked one by one for what hangs on them. By
        name alone, every volume that has snapshots must be asked.
        """
        with self._doing("read snapshots"):
            bad: List[Unreadable] = []
            everything = self._lun_rows(bad=bad)
            clones = {str(row["object_id"]): str(row["name"]) for row in everything if row["type"] == THIN_CLONE}
            wanted = set(volumes or ())
            asked = [
                row
                for row in everything
                if row.get("timemarkEnabled") is not False
                and (names is not None or volumes is None or row["name"] in wanted)
            ]
            found: List[Snapshot] = []
            for good, unreadable in self._c.side_by_side(lambda row: self._snapshots_of(row, clones), asked):
                found += [
                    one
                    for one in good
                    if volumes is None and names is None or one.name in (names or ()) or one.volume in wanted
                ]
                bad += unreadable
            return Listing(tuple(found), tuple(bad))

    def _snapshots_of(self, row: Object, clones: Dict[str, str]) -> Tuple[List[TimeMark], List[Unreadable]]:
        """Those of one LUN, less our own that only carry a thin clone (see copies.py)."""
        bad: List[Unreadable] = []
        try:
            marks = self._timemarks(str(row["object_id"]), bad=bad)
            if not marks:
                return [], bad
            lun = objects.converted(objects.volume, self._whole(row))
        except (Rejected, BadReply) as error:
            if not any(one["object_id"] == row["object_id"] for one in self._lun_rows(str(row["name"]))):
                return [], []  # it went away, and its snapshots with it
            return [], [Unreadable("snapshot", str(row["name"]), error.reason)]
        good: List[TimeMark] = []
        for mark in marks:
            try:
                if stamp_of(str(mark["comment"])) is not None:
                    continue
                children = self._children(mark, clones) if clones else ()
                good.append(objects.converted(objects.timemark, mark, lun, children))
            except (Rejected, BadReply) as error:
                bad.append(Unreadable("snapshot", str(mark["comment"]), error.reason))
        return good, bad

    def _children(self, mark: Object, clones: Dict[str, str]) -> Tuple[str, ...]:
        clone = self._c.data("%s/%s" % (TIMEMARKS, mark["object_id"])).get("timeview_object_id")
        return (clones.get(str(clone), str(clone)),) if clone else ()

    def _timemarks(
        self, lun_id: str, comment: Optional[str] = None, bad: Optional[List[Unreadable]] = None
    ) -> Optional[List[Object]]:
        """The snapshots of a LUN, or the one of that name; None when the LUN has no policy, and so no snapshots.

        A LUN without policy is answered in text, but so may be something else: then the policy is asked for too.

        :param bad: takes up what cannot be understood; without it that is a BadReply.
        """
        body = None if comment is None else {"comment": comment}
        data = None
        for again in (False, True):
            try:
                data = self._c.get("%s/%s" % (TIMEMARKS, lun_id), body).get("data")
                break
            except NotClean as error:
                if not self._has_policy(self._area(lun_id)):
                    return None
                # The policy may have come into sight between the two reads.
                if again:
                    raise Rejected("the snapshots cannot be read", code=error.code, said=error.said) from None
        found = data.get("timemarks") if isinstance(data, dict) else None
        if not isinstance(found, list):
            raise BadReply("the answer has no list of snapshots")
        marks = []
        for mark in found:
            lacks = missing(mark, ("comment", "id"))
            if lacks is None and mark["object_id"]:
                # Section 2.4: 7.5.2 and later filter; should one not, this does.
                marks += [mark] if comment in (None, mark["comment"]) else []
            elif lacks is not None:
                if bad is None:
                    raise BadReply("a snapshot does not tell its %s" % lacks)
                name = mark.get("comment") if isinstance(mark, dict) else None
                bad.append(Unreadable("snapshot", str(name or "?"), "the array does not tell its %s" % lacks))
        return marks

    def _area(self, lun_id: str) -> Object:
        """Tells of snapshot resource and policy of a LUN (section 2.2)."""
        return self._c.data("%s/%s" % (AREAS, lun_id))

    @staticmethod
    def _has_policy(area: Object) -> bool:
        if "timemarkEnabled" not in area:
            raise BadReply("the array does not tell whether the volume has a snapshot policy")
        return bool(area["timemarkEnabled"])

    @staticmethod
    def _has_area(area: Object) -> bool:
        return "snapshot_resource" in area

    # -- hosts and mappings ------------------------------------------------------------------------------------------

    def hosts(self, names: Optional[Sequence[str]] = None) -> Listing[Host]:
        """One request for the list, or for the one that is named, and one for each."""
        with self._doing("read hosts"):
            items, bad = self._read_clients(names)
            found = listing("host", items, objects.host)
            return Listing(found.items, found.unreadable + bad)

    def find_hosts(self, initiators: Sequence[str]) -> Listing[Host]:
        """Every client must be asked: one request each."""
        wanted = set(initiators)
        everyone = self.hosts()
        return Listing(tuple(one for one in everyone if wanted & set(one.addresses)), everyone.unreadable)

    def mappings(
        self, volumes: Optional[Sequence[str]] = None, hosts: Optional[Sequence[str]] = None
    ) -> Listing[Mapping]:
        """Assignments are seen only at the clients: of volumes, every client must be asked."""
        with self._doing("read mappings"):
            everyone = volumes is not None or hosts is None
            items, bad = self._read_clients(None if everyone else hosts)
            read = listing("mapping", items, objects.mappings)
            found = [one for several in read for one in several]
            if volumes is not None or hosts is not None:
                found = [one for one in found if one.volume in (volumes or ()) or one.host in (hosts or ())]
            return Listing(tuple(found), read.unreadable + bad)

    def _read_clients(self, names: Optional[Sequence[str]] = None) -> Tuple[List[Object], Tuple[Unreadable, ...]]:
        """Clients with their assignments, each complete: one request for the list, and one for each."""
        name = names[0] if names is not None and len(names) == 1 else None
        wanted = None if names is None else set(names)
        bad: List[Unreadable] = []
        started = time.monotonic()
        rows = self._c.rows(CLIENTS, "san_clients", name, bad)
        read = self._c.side_by_side(
            self._client_or_why, [row for row in rows if wanted is None or row["name"] in wanted]
        )
        refused = {one.name: one for one in read if isinstance(one, Unreadable)}
        if refused:
            # What went away since the list was read is not there, and that is all.
            there = {str(row["name"]) for row in self._c.rows(CLIENTS, "san_clients", bad=[])}
            bad += [one for name, one in refused.items() if name in there]
        items = [one for one in read if not isinstance(one, Unreadable)]
        if names is None:
            with self._lock:
                self._clients = {str(item["object_id"]): item for item in items}
                self._clients_read = None if bad else started
        return items, tuple(bad)

    def _client_or_why(self, row: Object) -> Union[Object, Unreadable]:
        try:
            return self._client(row)
        except (Rejected, BadReply) as error:
            return Unreadable("host", str(row["name"]), error.reason)

    def _client(self, row: Object) -> Object:
        """A client whole. ``row`` needs name and object_id."""
        item = dict(row, **self._c.data("%s/%s" % (CLIENTS, row["object_id"])))
        item["object_id"] = row["object_id"]
        with self._lock:
            self._clients[str(item["object_id"])] = item
        return item

    def _client_row(self, host: Host) -> Object:
        """Enough to ask for the client: from what was read, or looked up now."""
        if host.id:
            return {"object_id": host.id, "name": host.name}
        rows = self._c.rows(CLIENTS, "san_clients", host.name)
        if not rows:
            raise NotFound("host %s is not there" % host.name, target=host.name)
        return rows[0]

    def _mapped_to(self, name: str) -> Tuple[str, ...]:
        """The hosts that a LUN is assigned to, as the array tells it now: one request, and one for each host.

        Only the hosts tell what they have, so all are asked, each time. Threads that wait for one another share a
        reading that began after they asked.
        """
        asked = time.monotonic()
        with self._lock_of_reading:
            read = self._clients_read
            if read is None or read < asked:
                everyone, bad = self._read_clients()
                bad += listing("host", everyone, objects.mappings).unreadable
                if bad:
                    self._clients_read = None
                    raise Rejected(
                        "not every host can be read, so it may be mapped",
                        said=bad[0].reason,
                        hint="Look at %s." % bad[0].name,
                    )
        with self._lock:
            clients = list(self._clients.values())
        return tuple(
            sorted(
                str(item["name"])
                for item in clients
                if any(one.volume == name for one in objects.converted(objects.mappings, item))
            )
        )

    def _forget_client(self, client_id: str) -> None:
        with self._lock:
            self._clients.pop(client_id, None)
