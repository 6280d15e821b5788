# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request budget of our drivers: that of the driver that Cinder ships, and the additional reads named here."""

from __future__ import annotations

from collections.abc import Mapping

POLLS = "whether the copy is finished, until it is"
MAPPED = "whether it is mapped: the array would delete a mapped snapshot"
# By array and operation, the most additional requests of our driver, and their purpose
SAFETY = {
    ("xtremio", "delete"): (1, "whether it is mapped: the array would delete a mapped volume"),
    ("xtremio", "delete snapshot"): (1, MAPPED),
    ("xtremio", "group from a snapshot"): (1, "its members one by one, where XMS has no list of alternatives"),
    ("xtremio", "delete snapshot of group"): (3, MAPPED),
    ("xtremio", "delete a group"): (2, "whether its volumes are mapped"),
    ("xtremio", "group from a group"): (
        2,
        "unfinished objects of a killed run, one by one where XMS has no list of names",
    ),
    ("violin", "statistics"): (2, "the free capacity of each pool: the other driver reports one number for all"),
    ("violin", "extend"): (3, "the present size: the request has the difference"),
    ("violin", "delete"): (
        4,
        "whether it is the same volume, which host has it, read immediately before, and whether it is gone",
    ),
    ("violin", "delete snapshot"): (
        3,
        "the volume of the snapshot, whether a clone depends on it, and whether it is gone",
    ),
    ("violin", "detach, another stays"): (3, "which host has the volume, and whether it is unmapped"),
    ("violin", "detach, the last"): (
        3,
        "which host has the volume, whether it is unmapped, and the ports whose zones are removed",
    ),
    ("violin", "volume from snapshot"): (9, POLLS),
    ("violin", "clone"): (9, POLLS),
    ("datera", "clone"): (
        5,
        "whether the copy is finished: Cinder's driver returns as soon as it has begun; and its name, which it gets "
        "when no host has access",
    ),
    ("datera", "volume from snapshot"): (2, "its name, which it gets when it is finished and no host has access"),
    ("dsware", "delete"): (
        2,
        "whether the volume has snapshots, which the array may delete with it, and a QoS policy that goes with it",
    ),
    ("flashsystem", "extend"): (1, "the present size: the request has the difference"),
    ("flashsystem", "delete"): (1, "whether it is mapped: the array might delete a mapped volume"),
    ("flashsystem", "delete snapshot"): (1, "whether it is mapped: the array might delete a mapped volume"),
}


def excess(vendor: str, title: str, counts: Mapping[str, Mapping[str, int]]) -> dict[str, Mapping[str, int]]:
    """Print the table, and return the operations for which our driver sends more requests than it may.

    :param counts: requests by operation, then by driver, ``theirs`` or ``ours``. An operation that theirs does not have
        is not compared.
    """
    print(f"\n{title}: requests of the array by operation (Cinder's own driver, ours)")
    more = {}
    for operation, by_driver in counts.items():
        extra, reason = SAFETY.get((vendor, operation), (0, ""))
        print(f"  {operation:24} {by_driver.get('theirs', '-'):>4} {by_driver['ours']:>4}  {reason}")
        if by_driver["ours"] > by_driver.get("theirs", by_driver["ours"]) + extra:
            more[operation] = by_driver
    return more
