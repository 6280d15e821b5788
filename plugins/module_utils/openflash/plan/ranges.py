# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries of a list for a range of names: ``vol{001..100}`` stands for a hundred entries.

Several options of an entry may have the same range, and then have the same number in each of the entries made of it:
a snapshot ``db{1..4}-monday`` of volume ``db{1..4}``. Whatever could be read in two ways is refused.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ..errors import Invalid

Options = Mapping[str, Any]

MOST = 10_000
"""Entries of one list."""

RANGED = ("backup", "group", "host", "name", "rename_from", "source_snapshot", "source_volume", "target", "volume")
"""Options of an entry that name objects."""

_BRACES = re.compile(r"\{([^{}]*\.\.[^{}]*)\}")
_NUMBERS = re.compile(r"^([0-9]{1,9})\.\.([0-9]{1,9})$")


class _Range(NamedTuple):
    before: str
    first: int
    last: int
    width: int
    """Digits, with zeros in front; 1 for numbers without."""
    after: str

    def name(self, number: int) -> str:
        return "%s%0*d%s" % (self.before, self.width, number, self.after)

    def names(self) -> List[str]:
        return [self.name(number) for number in range(self.first, self.last + 1)]


def has_range(name: str) -> bool:
    """Whether the name would be read as a range, or refused as one."""
    return _BRACES.search(name) is not None


def expanded(items: Sequence[Options], plural: str) -> List[Options]:
    """The entries of a list, with those that have a range in a name replaced by one for each of its numbers.

    :param plural: the option that has the list, for messages.
    :raises Invalid: a range is not clear, or there are more than MOST entries.
    """
    found: List[Options] = []
    for item in items:
        found.extend(_entries(item))
        if len(found) > MOST:
            raise Invalid(
                "the list %s has more than %d entries" % (plural, MOST), hint="Spread them over several tasks."
            )
    return found


def names_of(item: Options, option: str) -> Optional[List[str]]:
    """The names of an option that is a list of names, with each range replaced by its names; None without the option.

    :raises Invalid: as ``expanded``.
    """
    if item.get(option) is None:
        return None
    found: List[str] = []
    for text in map(str, item[option]):
        one = _range(option, text)
        found.extend([text] if one is None else one.names())
    return found


def check_single(item: Options, plural: str) -> None:
    """:raises Invalid: an option of the only object of a task has a range."""
    for option in RANGED:
        value = item.get(option)
        if isinstance(value, str) and has_range(value):
            raise Invalid(
                "%s: %s is a range of names, and this task is about one object" % (option, value),
                hint="Give it as an entry of the list %s." % plural,
            )


def _entries(item: Options) -> List[Options]:
    ranges: Dict[str, _Range] = {}
    for option in RANGED:
        value = item.get(option)
        found = _range(option, value) if isinstance(value, str) else None
        if found is not None:
            ranges[option] = found
    if not ranges:
        return [item]
    option, first = next(iter(ranges.items()))
    for other, one in ranges.items():
        if (one.first, one.last) != (first.first, first.last):
            raise Invalid(
                "%s: %s and %s: %s have different ranges" % (option, item[option], other, item[other]),
                hint="The options of one entry have the same number, so their ranges are the same. Otherwise give an "
                "entry for each combination.",
            )
    for members in ("volumes", "remove_volumes"):
        for text in map(str, item.get(members) or ()):
            if has_range(text):
                raise Invalid(
                    "%s: %s and %s: %s are both ranges, of which each could belong to all of the other"
                    % (option, item[option], members, text),
                    hint="Give an entry for each object, with its volumes.",
                )
    made: List[Options] = []
    for number in range(first.first, first.last + 1):
        own: Dict[str, Any] = {name: one.name(number) for name, one in ranges.items()}
        made.append(dict(item, **own))
    return made


def _range(option: str, text: str) -> Optional[_Range]:
    """The only range of a name, or None.

    :raises Invalid: it has several, or one that is not clear.
    """
    braces = list(_BRACES.finditer(text))
    if not braces:
        return None
    if len(braces) > 1:
        raise Invalid("%s: %s has more than one range" % (option, text), hint="Give an entry for each value of one.")
    numbers = _NUMBERS.match(braces[0].group(1))
    if numbers is None:
        raise Invalid(
            "%s: %s has a range that is not of two whole numbers" % (option, text), hint="A range is like {001..100}."
        )
    low, high = numbers.groups()
    padded = any(end.startswith("0") and len(end) > 1 for end in (low, high))
    if padded and len(low) != len(high):
        raise Invalid(
            "%s: %s has a range whose ends have different numbers of digits" % (option, text),
            hint="Write both ends with the same number of digits, or none with zeros in front.",
        )
    if int(low) > int(high):
        raise Invalid("%s: %s has a range that ends before it begins" % (option, text))
    if int(high) - int(low) >= MOST:
        raise Invalid("%s: %s is a range of more than %d names" % (option, text, MOST))
    start, end = braces[0].span()
    return _Range(text[:start], int(low), int(high), len(low) if padded else 1, text[end:])
