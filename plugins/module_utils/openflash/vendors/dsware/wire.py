# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What both wires can do, in model objects and bytes, so that the operations above need not know which one it is.

Whoever implements this raises the errors of codes.py, and AnswerLost when a write may have been done.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, TypeVar

from ...client import listing, side_by_side
from ...errors import BadReply, Busy, Unsupported
from ...model import COPYING, DELETING, ERROR, READY, Capacity, Listing, Mapping, Pool, Snapshot, Volume
from ...transport.journal import Journal
from .facts import COPYING_STATUS, DELETING_STATUS, READY_STATUS

T = TypeVar("T")
R = TypeVar("R")

# Section 2: no published client attaches or maps a snapshot, and the array refuses to delete one that is in use.
NOT_MAPPED: Tuple[Mapping, ...] = ()
# Section 2.3: clients make a volume of a snapshot and delete that at once, so nothing that was made of one needs it.
NOTHING_NEEDS_IT: Tuple[str, ...] = ()
# More objects than this by name, one request each: then the whole list costs less.
FEW = 8
# A list that changes while it is read is read again at most this often.
READS = 5


class Wire(ABC):
    journal: Journal
    threads = 1
    """So many requests at once at most."""
    reports_source = False
    """A volume that shares the data of a snapshot is listed with the name of that snapshot."""

    def side_by_side(self, ask: Callable[[T], R], items: Sequence[T]) -> List[R]:
        return side_by_side(ask, items, self.threads)

    @property
    @abstractmethod
    def address(self) -> str:
        """What errors call the array."""

    @abstractmethod
    def open(self) -> Optional[Listing[Pool]]:
        """Begin the session, which fails when the array cannot be talked to; the pools, where that tells them."""

    @abstractmethod
    def close(self) -> None:
        """End the session. Never raises."""

    @abstractmethod
    def api_version(self) -> Optional[str]:
        """What the array tells of its version, if anything."""

    @abstractmethod
    def serial(self) -> Optional[str]:
        """The serial number, where it is told."""

    @abstractmethod
    def pools(self, session: bool = False) -> Listing[Pool]:
        """Those that the task may use."""

    @abstractmethod
    def volumes(self, names: Sequence[str]) -> Listing[Volume]:
        """Those with these very names."""

    @abstractmethod
    def all_volumes(self) -> Listing[Volume]:
        """All, where the wire can list them."""

    @abstractmethod
    def snapshots(self, names: Sequence[str]) -> Listing[Snapshot]:
        """Those with these very names."""

    @abstractmethod
    def all_snapshots(self) -> Listing[Snapshot]:
        """All, where the wire can list them."""

    @abstractmethod
    def snapshots_of(self, volume: str) -> Listing[Snapshot]:
        """Those of one volume."""

    @abstractmethod
    def create_volume(self, name: str, mib: int, pool: Pool) -> None:
        """Under a name that is free."""

    @abstractmethod
    def extend_volume(self, name: str, mib: int) -> None:
        """To ``mib`` in all."""

    @abstractmethod
    def delete_volume(self, name: str) -> None:
        """Until it is gone. NotFound when it was not there."""

    @abstractmethod
    def create_snapshot(self, name: str, volume: str) -> None:
        """Under a name that is free."""

    @abstractmethod
    def delete_snapshot(self, name: str) -> None:
        """Until it is gone. NotFound when it was not there."""

    @abstractmethod
    def link(self, name: str, mib: int, snapshot: str) -> None:
        """A volume that shares the data of a snapshot, at once."""

    @abstractmethod
    def copy(self, name: str, snapshot: str) -> None:
        """Begin to copy a snapshot into a volume that is there."""

    @abstractmethod
    def rollback(self, volume: str, snapshot: str) -> None:
        """Put the snapshot's content back into its volume."""

    def qos(self, volume: str) -> Optional[Dict[str, Any]]:
        """What the volume's quality of service is, in the array's own words; None where it cannot be asked."""
        return None

    def volume(self, name: str) -> Optional[Volume]:
        found = self.volumes([name])
        _whole(found)
        return found.named(name)

    def snapshot(self, name: str) -> Optional[Snapshot]:
        found = self.snapshots([name])
        _whole(found)
        return found.named(name)

    def has_snapshot(self, name: str) -> bool:
        """Whether there is one, legible or not."""
        found = self.snapshots([name])
        return bool(found.items or found.unreadable)

    def capacity(self) -> Capacity:
        pools = self.pools()
        if not pools.known:
            raise Unsupported(
                "the text socket does not list the pools of the array", hint="Name them in storage_pools."
            )
        provisioned = [pool.provisioned for pool in pools]
        return Capacity(
            size=sum(pool.size for pool in pools),
            used=sum(pool.size - pool.free for pool in pools),
            provisioned=None if None in provisioned else sum(one or 0 for one in provisioned),
        )


Page = Tuple[List[Dict[str, Any]], Optional[int]]
"""The objects of one page, and the number of objects on all pages where the array reports it."""


def read_pages(what: str, ask: Callable[[int, int], Page], size: int, names: Sequence[str]) -> List[Dict[str, Any]]:
    """Every object of a list that the array gives out in pages.

    An array may put fewer objects on a page than it was asked for. So a short first page does not end the list: with a
    reported total that is reached first, without one the next page is asked for. When objects move from page to page
    while the list is read, it is read again.

    :param ask: returns the page of this number, from 1 on, when pages have this size.
    :param names: the keys of which the first that an object has is its name.
    :raises BadReply: the pages end before the reported total.
    :raises Busy: the list changed each time it was read.
    """
    restarts = 0
    while restarts < READS:
        found: Dict[str, Dict[str, Any]] = {}
        page, total = 1, None
        while True:
            items, told = ask(page, size)
            if page > 1 and told != total:
                restarts += 1
                break
            total = told
            new = {_key(item, names): item for item in items}
            if total is not None and (len(new) < len(items) or found.keys() & new.keys()):
                restarts += 1
                break
            before = len(found)
            found.update(new)
            if total is None and (len(found) == before or (page > 1 and len(items) < size)):
                return list(found.values())
            if total is not None and len(found) >= total:
                return list(found.values())
            if not items:
                raise BadReply(
                    "the array lists %d of %s %s, and has no further page" % (len(found), total, what),
                    hint="Look at the list with the array's own tools.",
                )
            if len(items) < size:
                # Pages have this size from now on, and the next one must begin where this one ended.
                size = len(items)
                if len(found) % size:
                    size = max(1, size // 2)
                    break
                page = len(found) // size
            page += 1
    raise Busy(
        "the list of %s changed each time it was read, so it is not known completely" % what,
        hint="Run the task again when the array is quieter.",
    )


def _key(item: Dict[str, Any], names: Sequence[str]) -> str:
    """What tells objects of one list apart; an object without a name is a different one each time it differs."""
    return next((str(item[name]) for name in names if item.get(name)), repr(sorted(item.items(), key=str)))


def _whole(found: Listing[Any]) -> None:
    for entry in found.unreadable:
        raise BadReply("%s %s is there, but cannot be read: %s" % (entry.kind, entry.name, entry.reason))


def state_of(status: Any, copying: Sequence[int] = COPYING_STATUS) -> str:
    """From a status number (sections 2.1 to 2.3); a number that nobody has explained is not ready."""
    number = int(status)
    if number in READY_STATUS:
        return READY
    if number in copying:
        return COPYING
    return DELETING if number in DELETING_STATUS else ERROR


def time_of(value: Any) -> Optional[str]:
    """A time stamp as text that sorts by age: the array's own number, padded (its unit is not documented)."""
    text = str(value or "")
    return text.zfill(20) if text.isdigit() and int(text) else text or None


def readable(kind: str, items: Sequence[Tuple[str, Any]], convert: Any) -> Listing[Any]:
    """What could be understood of (name, raw) pairs, and what could not."""
    return listing(kind, items, lambda pair: convert(pair[1]), lambda pair: pair[0])
