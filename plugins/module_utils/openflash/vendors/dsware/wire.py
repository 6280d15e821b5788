# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What REST and the text socket both can do, in model objects and bytes: the client need not know which it uses.

An implementation raises the errors of codes.py, and AnswerLost when a change may have been made.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, TypeVar

from ...client import listing, read_unchanged, side_by_side
from ...errors import BadReply, Unsupported
from ...model import COPYING, DELETING, ERROR, READY, Capacity, Listing, Mapping, Pool, Snapshot, Volume
from ...transport.journal import Journal
from ...units import whole_number
from .ledger import COPYING_STATUS, DELETING_STATUS, READY_STATUS

T = TypeVar("T")
R = TypeVar("R")

# Section 2: no published client attaches or maps a snapshot, and the array refuses to delete one that is in use.
NOT_MAPPED: Tuple[Mapping, ...] = ()
# Section 2.3: clients make a volume of a snapshot and then delete the snapshot, so no volume needs it.
NOTHING_NEEDS_IT: Tuple[str, ...] = ()
# Up to so many objects are read by name, one request each; of more the complete list is read.
FEW = 8


class Policy(NamedTuple):
    """A QoS policy: limits of the volumes that have it. 0 is no limit, None a limit that is not reported."""

    name: str
    iops: Optional[int] = 0
    mib_per_second: Optional[int] = 0


class Wire(ABC):
    journal: Journal
    threads = 1
    """The most requests at a time."""
    reports_source = False
    """Whether a volume that shares the data of a snapshot is listed with the name of that snapshot."""

    def side_by_side(self, ask: Callable[[T], R], items: Sequence[T]) -> List[R]:
        return side_by_side(ask, items, self.threads)

    @property
    @abstractmethod
    def address(self) -> str:
        """The address, by which errors name the array."""

    @abstractmethod
    def open(self) -> Optional[Listing[Pool]]:
        """Begin the session, which fails when the array does not answer. Returns the pools, where they were read."""

    @abstractmethod
    def close(self) -> None:
        """End the session. Never raises."""

    @abstractmethod
    def api_version(self) -> Optional[str]:
        """The version of the interface, where the array reports one."""

    @abstractmethod
    def serial(self) -> Optional[str]:
        """The serial number, where the array reports it."""

    @abstractmethod
    def pools(self, session: bool = False) -> Listing[Pool]:
        """The pools that the task may use."""

    @abstractmethod
    def volumes(self, names: Sequence[str]) -> Listing[Volume]:
        """Those with exactly these names."""

    @abstractmethod
    def all_volumes(self) -> Listing[Volume]:
        """All, where the interface can list them."""

    @abstractmethod
    def snapshots(self, names: Sequence[str]) -> Listing[Snapshot]:
        """Those with exactly these names."""

    @abstractmethod
    def all_snapshots(self) -> Listing[Snapshot]:
        """All, where the interface can list them."""

    @abstractmethod
    def snapshots_of(self, volume: str) -> Listing[Snapshot]:
        """Those of one volume."""

    @abstractmethod
    def create_volume(self, name: str, mib: int, pool: Pool) -> None:
        """Raises NameTaken when the name is in use."""

    @abstractmethod
    def extend_volume(self, name: str, mib: int) -> None:
        """``mib`` is the new size."""

    @abstractmethod
    def delete_volume(self, name: str) -> None:
        """Returns when it is deleted. Raises NotFound when it did not exist."""

    @abstractmethod
    def create_snapshot(self, name: str, volume: str) -> None:
        """Raises NameTaken when the name is in use."""

    @abstractmethod
    def delete_snapshot(self, name: str) -> None:
        """Returns when it is deleted. Raises NotFound when it did not exist."""

    @abstractmethod
    def link(self, name: str, mib: int, snapshot: str) -> None:
        """Make a volume that shares the data of a snapshot, at once."""

    @abstractmethod
    def copy(self, name: str, snapshot: str) -> None:
        """Begin to copy a snapshot into an existing volume."""

    @abstractmethod
    def rollback(self, volume: str, snapshot: str) -> None:
        """Put the snapshot's content back into its volume."""

    # The text socket has no limits, and the client refuses them before it would call one of these.

    def policy_of(self, volume: str) -> Optional[Policy]:
        """The QoS policy of the volume, with an empty name where it has none; None where that cannot be read."""
        return None

    def create_policy(self, policy: Policy) -> None:
        """Which of its codes says that there is one of that name is not known."""
        raise NotImplementedError

    def modify_policy(self, policy: Policy) -> None:
        """Give it these limits."""
        raise NotImplementedError

    def delete_policy(self, name: str) -> None:
        """Which of its codes says that there is none of that name is not known."""
        raise NotImplementedError

    def associate(self, volume: str, policy: str) -> None:
        """Give the volume, which has none, this policy."""
        raise NotImplementedError

    def disassociate(self, volume: str, policy: str) -> None:
        """Take the volume out of the policy."""
        raise NotImplementedError

    def volume(self, name: str) -> Optional[Volume]:
        found = self.volumes([name])
        _check_readable(found)
        return found.named(name)

    def snapshot(self, name: str) -> Optional[Snapshot]:
        found = self.snapshots([name])
        _check_readable(found)
        return found.named(name)

    def has_snapshot(self, name: str) -> bool:
        """Whether there is one, even one that cannot be read."""
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
    """Every object of a list that the array returns in pages.

    An array may put fewer objects on a page than requested, so a short first page does not end the list: pages are read
    until the reported total, or until a page adds nothing where no total is reported. When objects move from page to
    page meanwhile, the list is read again.

    :param ask: returns the page of this number, from 1 on, when pages have this size.
    :param names: the keys of which the first that an object has is its name.
    :raises BadReply: the pages end before the reported total.
    :raises Busy: the list changed each time it was read.
    """

    def read() -> Optional[List[Dict[str, Any]]]:
        """The list, or None when it changed while it was read."""
        nonlocal size
        found: Dict[str, Dict[str, Any]] = {}
        page, total = 1, None
        while True:
            items, reported_total = ask(page, size)
            if page > 1 and reported_total != total:
                return None
            total = reported_total
            new = {_key(item, names): item for item in items}
            if total is not None and (len(new) < len(items) or found.keys() & new.keys()):
                return None
            before = len(found)
            found.update(new)
            if total is None and (len(found) == before or (page > 1 and len(items) < size)):
                return list(found.values())
            if total is not None and len(found) >= total:
                return list(found.values())
            if not items:
                raise BadReply(
                    "the array lists %d of %s %s, and has no further page" % (len(found), total, what),
                    hint="Check the list with the array's own tools.",
                )
            if len(items) < size:
                # From now on pages have this size, and the next one must begin where this one ended.
                size = len(items)
                if len(found) % size:
                    size = max(1, size // 2)
                    found, page, total = {}, 0, None
                else:
                    page = len(found) // size
            page += 1

    return read_unchanged(what, read)


def _key(item: Dict[str, Any], names: Sequence[str]) -> str:
    """What identifies an object within one list: its name, else its complete content."""
    return next((str(item[name]) for name in names if item.get(name)), repr(sorted(item.items(), key=str)))


def _check_readable(found: Listing[Any]) -> None:
    """Raises BadReply when one of the objects cannot be read."""
    for entry in found.unreadable:
        raise BadReply("%s %s is there, but cannot be read: %s" % (entry.kind, entry.name, entry.reason))


def state_of(status: Any, copying: Sequence[int] = COPYING_STATUS) -> str:
    """The state of a status number (sections 2.1 to 2.3). An unknown number is not ready."""
    number = int(status)
    if number in READY_STATUS:
        return READY
    if number in copying:
        return COPYING
    return DELETING if number in DELETING_STATUS else ERROR


def time_of(value: Any) -> Optional[str]:
    """A time stamp as text that sorts by age: the array's number, padded, since its unit is not documented."""
    text = str(value or "")
    return text.zfill(20) if whole_number(text) else text or None


def readable(kind: str, items: Sequence[Tuple[str, Any]], convert: Any) -> Listing[Any]:
    """What could be understood of (name, raw) pairs, and what could not."""
    return listing(kind, items, lambda pair: convert(pair[1]), lambda pair: pair[0])
