# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is assumed of an array without a proof: the entries of ``vendors/NAME/ledger.py``.

The code takes the value from the entry. An error that may come from a wrong assumption names its id, and the simulator
plays other values under the same id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Tuple, TypeVar

T = TypeVar("T")

CLIENT = "source code of a client"
DOCUMENT = "document"
RECORDED = "recorded answer"
NOBODY = "nobody"
SOURCES = (CLIENT, DOCUMENT, RECORDED, NOBODY)


@dataclass(frozen=True)
class Assumption(Generic[T]):
    """One fact about an array that no source proves."""

    id: str
    """``VENDOR.SUBJECT.FACT``."""
    value: T
    """What is assumed: a text, a number, a tuple of these, or whether it is so."""
    section: str
    """The section of the array's wire sheet, such as ``2.3``."""
    source: str
    """Who says so: one of SOURCES."""
    states: str
    """What is assumed, as a sentence."""
    if_wrong: str
    """What happens to the operator when it is wrong, as a sentence."""
    shown_by: str
    """What the real array answers or lists then, as a sentence."""


Ledger = Tuple[Assumption[Any], ...]


def general(vendor: str, section: str) -> Ledger:
    """What is assumed of every array in the same way."""
    return (
        Assumption(
            "%s.array.ids_reused" % vendor,
            False,
            section,
            NOBODY,
            "The id of a deleted object is not given to a new one at once.",
            "Nothing is changed by an id alone: the name is compared too. An object that was deleted and made again "
            "between the read and the change may be taken for the same.",
            "A new volume or host has the id of one that was deleted before.",
        ),
        Assumption(
            "%s.array.made_seen_after" % vendor,
            0.0,
            section,
            NOBODY,
            "What the array has confirmed is seen by the next read (seconds).",
            "A task may fail because it does not find what it has just made. Run it again.",
            "A list that is read after the confirmation does not have the new object yet.",
        ),
        Assumption(
            "%s.array.deleted_listed_for" % vendor,
            0.0,
            section,
            NOBODY,
            "What was deleted is not listed any more (seconds).",
            "A task may plan to delete an object again, or fail because it finds an object that is gone. Run it again.",
            "A list that is read after the deletion still has the object.",
        ),
        Assumption(
            "%s.array.carried_out_after" % vendor,
            0.0,
            section,
            NOBODY,
            "A request whose connection was lost is carried out at once or not at all (seconds).",
            "A change may be made after the task has read that it was not made. No change is repeated that does harm "
            "when it is made twice.",
            "An object appears, or changes, some seconds after the connection was lost.",
        ),
        Assumption(
            "%s.array.clock_ahead" % vendor,
            0.0,
            section,
            NOBODY,
            "The clock of the array is right (seconds).",
            "Nothing is decided by comparing a time stamp of the array with the clock of the host that runs the task.",
            "The time stamps of new objects are not the present time.",
        ),
    )
