# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of what each array can do, from tests/module/abilities.py, to which a test holds the product."""

from __future__ import annotations

from tests.module.abilities import Abilities
from tests.module.arrays import ONE_OF_EACH_WIRE

TITLES = {
    "create_volume": "Create volumes",
    "extend_volume": "Extend volumes",
    "rename_volume": "Rename volumes",
    "delete_volume": "Delete volumes",
    "set_volume": "Change properties of a volume",
    "qos": "Limits of a volume",
    "replicas": "Number of replicas",
    "placement": "Placement",
    "description": "Description of a volume",
    "clone_volume": "Clone a volume",
    "refresh_volume": "Fill an existing volume again",
    "create_snapshots": "Take snapshots",
    "atomic_snapshots": "Snapshots of several volumes at one instant",
    "volume_from_snapshot": "Volume of a snapshot",
    "restore_snapshot": "Restore a snapshot",
    "delete_snapshot": "Delete snapshots",
    "groups": "Consistency groups",
    "create_host": "Create hosts",
    "host_without_initiators": "Hosts without initiators",
    "host_os": "Operating system of a host",
    "set_host_os": "Change it later",
    "rename_host": "Rename hosts",
    "add_initiators": "Add initiators",
    "remove_initiators": "Remove initiators",
    "remove_last_initiator": "Remove the last initiator",
    "delete_host": "Delete hosts",
    "chap": "CHAP of a host",
    "map_volume": "Map volumes",
    "unmap_volume": "Unmap volumes",
    "explicit_lun": "Choose the LUN",
    "map_snapshot": "Map snapshots",
    "metadata": "Notes on a volume",
    "connections": "Report who is logged in",
    "health": "Report its health",
    "performance": "Report its load",
}
"""The row of each operation, in the order of the table."""
COPIES = {"instant": "at once", "array_copy": "by the array", "host_copy": "by this host"}
BEGIN, END = ".. The table: `make rows` writes it\n", ".. End of the table\n"


def page(text: str) -> str:
    """The page with its table replaced."""
    before, _, remaining = text.partition(BEGIN)
    _, found, after = remaining.partition(END)
    if not found:
        raise SystemExit("the page of capabilities has no place for its table")
    return before + BEGIN + "\n" + table() + "\n" + END + after


def table() -> str:
    """A list-table: a column for each wire, a row for each operation, then figures."""
    columns = [(_heading(number), row.abilities) for number, row in enumerate(ONE_OF_EACH_WIRE)]
    lines = [["Operation", *(heading for heading, _ in columns)]]
    lines += [[title, *(_can(one, operation) for _, one in columns)] for operation, title in TITLES.items()]
    lines += [
        ["Copies are made", *(COPIES[one.copies] for _, one in columns)],
        ["Provisioning", *(", ".join(one.provisioning) for _, one in columns)],
        ["LUNs", *(f"{one.luns[0]} to {one.luns[1]}" if one.luns[1] else "0" for _, one in columns)],
        ["Protocols", *(", ".join(one.protocols) or "its own" for _, one in columns)],
    ]
    text = ".. list-table::\n    :header-rows: 1\n    :stub-columns: 1\n\n"
    for line in lines:
        text += "".join(f"    {'*' if number == 0 else ' '} - {cell}\n" for number, cell in enumerate(line))
    return text


def _heading(number: int) -> str:
    """The vendor, and for its other wires the name of the row too."""
    row = ONE_OF_EACH_WIRE[number]
    vendor = str(row.simulator["vendor"])
    earlier = [str(one.simulator["vendor"]) for one in ONE_OF_EACH_WIRE[:number]]
    return f"``{vendor}``" if vendor not in earlier else f"``{vendor}``, {row.name.removeprefix(vendor + '-')}"


def _can(abilities: Abilities, operation: str) -> str:
    return "no" if abilities.refusal(operation) else "yes"
