# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often an array may be asked: never more than by the driver that Cinder ships, but for the reads named here."""

from __future__ import annotations

from collections.abc import Mapping

POLLS = "whether the copy is done, as often as it takes"
MAPPED = "whether it is mapped: the array deletes a mapped snapshot without a word"
# What ours asks more often, by array and operation: by how much at most, and what for
SAFETY = {
    ("xtremio", "delete"): (1, "whether it is mapped: the array deletes a mapped volume without a word"),
    ("xtremio", "delete snapshot"): (1, MAPPED),
    ("xtremio", "group from a snapshot"): (1, "its members one by one, where XMS has no list of alternatives"),
    ("xtremio", "delete snapshot of group"): (3, MAPPED),
    ("xtremio", "delete a group"): (2, "whether its volumes are mapped"),
    ("xtremio", "group from a group"): (2, "what a killed run left, one by one where XMS has no list of names"),
    ("violin", "statistics"): (2, "what is free in each pool: the other driver tells one number for all"),
    ("violin", "extend"): (3, "the size now: the array wants to be told by how much it shall grow"),
    ("violin", "delete"): (4, "is it the same; which host has it, asked of each immediately before; is it gone"),
    ("violin", "delete snapshot"): (3, "whose it is, whether a clone hangs on it, and that it is gone"),
    ("violin", "detach, another stays"): (3, "at which host the volume is, and that it is gone from there"),
    ("violin", "detach, the last"): (3, "the same, and the ports whose zones are given back"),
    ("violin", "volume from snapshot"): (9, POLLS),
    ("violin", "clone"): (9, POLLS),
    ("datera", "clone"): (4, "whether the copy is done: Cinder's own driver says so as soon as it has begun"),
    ("flashsystem", "extend"): (1, "the size now: the array wants to be told by how much it shall grow"),
}


def excess(vendor: str, title: str, counts: Mapping[str, Mapping[str, int]]) -> dict[str, Mapping[str, int]]:
    """Print the table, and return the operations for which ours asks more than it may.

    :param counts: requests by operation, then by driver, ``theirs`` or ``ours``. What theirs cannot do is not compared.
    """
    print(f"\n{title}: requests of the array by operation (Cinder's own driver, ours)")
    more = {}
    for operation, found in counts.items():
        extra, reason = SAFETY.get((vendor, operation), (0, ""))
        print(f"  {operation:24} {found.get('theirs', '-'):>4} {found['ours']:>4}  {reason}")
        if found["ours"] > found.get("theirs", found["ours"]) + extra:
            more[operation] = found
    return more
