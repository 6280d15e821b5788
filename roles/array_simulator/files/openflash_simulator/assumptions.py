# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a simulator assumes of the array because no source proves it, and what it can play instead.

Each wire has a list of entries, ``LEDGER`` in ``wires/NAME/ledger.py``. The key ``assume`` of an array's configuration
chooses other values: ``{id: value}``, or ``worst`` for the least kind of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ConfigError

WORST = "worst"
ALL_OTHERS = "*"


@dataclass(frozen=True)
class Assumption:
    """One fact that no source proves. ``section`` is that of the wire sheet."""

    id: str
    default: Any
    section: str
    others: tuple[Any, ...] = ()
    """Other values that can be played."""
    worst: Any = None
    """The least kind of the others; None: the last of them, or the default where there are none."""

    @property
    def least_kind(self) -> Any:
        if self.worst is not None:
            return self.worst
        return self.others[-1] if self.others else self.default

    def checked(self, value: Any) -> Any:
        """The value to play. A list stands for a tuple, and ``worst`` for the least kind."""
        value = tuple(value) if isinstance(value, list) else value
        if value == WORST:
            return self.least_kind
        for known in (self.default, *self.others):
            # Neither true nor 1.0 is the number 1, but 1 may stand for 1.0.
            if value == known and isinstance(value, bool) == isinstance(known, bool):
                return known
        values = ", ".join(repr(known) for known in (self.default, *self.others))
        raise ConfigError(f"{self.id} {value!r} is not one of {values}")


Ledger = tuple[Assumption, ...]


def general(vendor: str, section: str) -> Ledger:
    """What every array is assumed to do, and what ``wires.base`` plays instead. Times are in seconds."""
    return (
        Assumption(f"{vendor}.array.ids_reused", False, section, (True,)),
        Assumption(f"{vendor}.array.made_seen_after", 0.0, section, (0.5, 5.0)),
        Assumption(f"{vendor}.array.deleted_listed_for", 0.0, section, (0.5, 5.0)),
        Assumption(f"{vendor}.array.carried_out_after", 0.0, section, (0.5, 5.0)),
        Assumption(f"{vendor}.array.clock_ahead", 0.0, section, (3600.0, -3600.0)),
    )


def default_of(ledger: Ledger, key: str) -> Any:
    """The value that is assumed."""
    return next(entry.default for entry in ledger if entry.id == key)


def chosen(ledger: Ledger, raw: object) -> dict[str, Any]:
    """The value of each entry, as the key ``assume`` chooses it."""
    if raw is None:
        raw = {}
    if raw == WORST:
        raw = {ALL_OTHERS: WORST}
    if not isinstance(raw, Mapping):
        raise ConfigError(f"assume {raw!r} is not {WORST} or a mapping of ids to values")
    known = {entry.id: entry for entry in ledger}
    unknown = sorted(str(key) for key in raw if key not in known and key != ALL_OTHERS)
    if unknown:
        raise ConfigError(f"assume: there is no assumption {unknown[0]!r}; there are {', '.join(sorted(known))}")
    if raw.get(ALL_OTHERS, WORST) != WORST:
        raise ConfigError(f"assume: {ALL_OTHERS} {raw[ALL_OTHERS]!r} is not {WORST}")
    played = {}
    for key, entry in known.items():
        try:
            played[key] = entry.checked(raw[key] if key in raw else WORST if ALL_OTHERS in raw else entry.default)
        except ConfigError as error:
            raise ConfigError(f"assume: {error}") from None
    return played
