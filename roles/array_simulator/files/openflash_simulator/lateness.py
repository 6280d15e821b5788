# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a read shows of an array whose new objects are seen late, or whose deleted objects are still listed.

Works on dumps of a wire (``Wire.dump``): tables are mappings with ``next_id`` and ``rows``, or the lists of a Datera's
tenant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_REFERENCES = {"initiators": ("host",), "mappings": ("volume", "host")}
_UNIQUE = ("name", "address", "kind", "parent")
_LISTS = ("instances", "initiators", "groups")
"""What a Datera's tenant has besides the tables of its array."""


def without_new(present: Any, past: Any) -> Any:
    """The present state without the objects that the past one does not have."""
    return _combined(present, past, lambda rows, old: [row for row in rows if row["id"] in {one["id"] for one in old}])


def with_deleted(present: Any, past: Any) -> Any:
    """The present state, and the objects of the past one that were deleted since, unless another has their place."""
    return _combined(present, past, _and_deleted)


def _and_deleted(rows: list[Any], old: list[Any]) -> list[Any]:
    taken = {_place(row) for row in rows}
    names = {row["name"] for row in rows}
    gone = {one["id"] for one in old} - {row["id"] for row in rows}
    return rows + [row for row in old if row["id"] in gone and row["name"] not in names and _place(row) not in taken]


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    if "lun" in row:
        return (row["volume"], row["host"])
    return tuple(row.get(key) for key in _UNIQUE)


def _combined(present: Any, past: Any, combine: Callable[[list[Any], list[Any]], list[Any]]) -> Any:
    if not isinstance(present, dict) or not isinstance(past, dict):
        return present
    if set(present) == {"next_id", "rows"} == set(past):
        if any("id" not in row for row in (*present["rows"], *past["rows"])):
            return present
        return {"next_id": present["next_id"], "rows": combine(present["rows"], past["rows"])}
    found = {key: _combined(value, past.get(key), combine) for key, value in present.items()}
    if {"array", *_LISTS} <= present.keys():
        for key in _LISTS:
            found[key] = [row["of"] for row in combine(_identified(present[key]), _identified(past[key]))]
        held = {row["id"] for row in found["array"]["volumes"]["rows"]}
        found["instances"] = [instance for instance in found["instances"] if _volumes_of(instance) <= held]
    if {"volumes", "hosts", "initiators", "mappings", "groups"} <= found.keys():
        _drop_dangling(found)
    return found


def _identified(rows: list[Any]) -> list[Any]:
    return [{"id": row.get("id", row["name"]), "name": row["name"], "of": row} for row in rows]


def _volumes_of(instance: Any) -> set[int]:
    return {volume["volume"] for storage in instance["storage_instances"] for volume in storage["volumes"]}


def _drop_dangling(array: dict[str, Any]) -> None:
    """Take away what refers to an object that the dump of an array does not have."""
    ids = {kind: {row["id"] for row in array[f"{kind}s"]["rows"]} for kind in ("volume", "host")}
    for name, keys in _REFERENCES.items():
        rows = array[name]["rows"]
        array[name]["rows"] = [row for row in rows if all(row[key] in ids[key] for key in keys)]
    for row in array["volumes"]["rows"]:
        if row["parent"] not in ids["volume"]:
            row["parent"] = None
    for table in array["groups"].values():
        for row in table["rows"]:
            row["members"] = [member for member in row["members"] if member in ids["volume"]]
