# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Helpers of the clients of all arrays: begin a session, send requests concurrently, convert what was read."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Type, TypeVar

from .compare import same_mapping, who_has
from .errors import CONNECT, BadReply, Busy, FlashError, Invalid, context
from .model import Listing, Mapping, Unreadable
from .transport.confirm import ATTEMPTS, AnswerLost, poll_after

T = TypeVar("T")
R = TypeVar("R")

READS = 5
"""How often a list is read that changes while it is read."""

NOT_UNDERSTOOD = (KeyError, IndexError, TypeError, ValueError, OverflowError, AttributeError, Invalid, BadReply)
"""What a conversion raises for an object of the array that lacks a field or has an invalid value.

When the array does not answer, another error is raised, which ends the read.
"""


@contextmanager
def connecting(array: str, close: Callable[[], None]) -> Iterator[None]:
    """Begin a session in this block. When that fails, the connection is closed.

    :param array: the address, for errors.
    """
    try:
        with context(doing=CONNECT, array=array):
            yield
    except BaseException:
        close()
        raise


def side_by_side(call: Callable[[T], R], items: Sequence[T], threads: int, few: int = 1) -> List[R]:
    """The results of ``call`` in the order of the items, with up to ``threads`` calls at a time.

    :param few: up to this number of items, the calls are made in sequence: more connections would take longer.
    """
    if len(items) <= few or threads < 2:
        return [call(item) for item in items]
    with ThreadPoolExecutor(min(threads, len(items))) as pool:
        return list(pool.map(call, items))


def read_unchanged(what: str, read: Callable[[], Optional[List[T]]]) -> List[T]:
    """A list that needs several requests, as it is when nothing changes meanwhile.

    :param what: what is listed, for the error.
    :param read: reads the complete list; None when it changed while it was read.
    :raises Busy: it changed each of READS times.
    """
    for _read in range(READS):
        found = read()
        if found is not None:
            return found
    raise Busy(
        "the list of %s changed each time it was read, so it is not known completely" % what,
        hint="Run the task again when the array is quieter.",
    )


def listing(
    kind: str, items: Iterable[T], convert: Callable[[T], Optional[R]], name_of: Callable[[T], Any]
) -> Listing[R]:
    """The items that could be converted, and as unreadable those that could not: these exist too.

    :param kind: ``volume``, ``host`` ...
    :param convert: gives the model object, or None to leave the item out.
    :param name_of: the name of an item that cannot be converted.
    """
    good: List[R] = []
    bad: List[Unreadable] = []
    for item in items:
        try:
            converted = convert(item)
        except NOT_UNDERSTOOD as error:
            bad.append(Unreadable(kind, str(name_of(item) or "?"), why_unreadable(error)))
        else:
            if converted is not None:
                good.append(converted)
    return Listing(tuple(good), tuple(bad))


@contextmanager
def understanding(what: str) -> Iterator[None]:
    """Convert one answer of the array in this block, where there is no listing that could have it as unreadable.

    :param what: what was read, for the error: "the capacity".
    :raises BadReply: the conversion raised one of NOT_UNDERSTOOD.
    """
    try:
        yield
    except BadReply:
        raise
    except NOT_UNDERSTOOD as error:
        raise BadReply("%s cannot be read: %s" % (what, why_unreadable(error))) from None


def why_unreadable(error: Exception) -> str:
    """The reason, as a clause, for one of NOT_UNDERSTOOD."""
    if isinstance(error, FlashError):
        return error.reason
    if isinstance(error, KeyError):
        return "the array does not report its %s" % error.args[0]
    return "the array reports it in a form that cannot be understood (%s)" % error


def make_mapping(
    send: Callable[[], Mapping],
    read: Callable[[], Optional[Mapping]],
    lun: Optional[int],
    mappings_of_host: Callable[[], Iterable[Mapping]],
    already_mapped: Type[FlashError],
    lun_taken: Type[FlashError],
) -> Mapping:
    """Map a volume at a LUN, or at one that is free. Another writer may take a free LUN first; then the next is tried.

    :param send: the request. It may be sent ATTEMPTS times, since the array refuses a second mapping.
    :param read: the mapping of this volume to this host, if there is one.
    :param already_mapped, lun_taken: how the array refuses it when the mapping, or another one at that LUN, is there.
    :raises Conflict: the volume is mapped at another LUN, or another volume has the LUN.
    """
    for attempt in range(ATTEMPTS):
        last = attempt == ATTEMPTS - 1
        try:
            return send()
        except already_mapped:
            return same_mapping(read(), lun)
        except lun_taken as error:
            if lun is not None:
                raise who_has(lun, mappings_of_host(), error) from None
            if last:
                raise
        except AnswerLost as error:
            existing_mapping = poll_after(error, read)
            if existing_mapping is not None:
                return same_mapping(existing_mapping, lun)
            if last:
                raise
    raise AssertionError("the last attempt raises")


class Locks:
    """One lock for each object by name, for operations on it that take several requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: Dict[str, threading.RLock] = {}

    def of(self, name: str) -> threading.RLock:
        with self._lock:
            return self._locks.setdefault(name, threading.RLock())
