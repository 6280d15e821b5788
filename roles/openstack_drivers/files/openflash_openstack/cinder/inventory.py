# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this Cinder has on its arrays, on any of its backends, as its database lists it.

A second backend may use the same array with another protocol, or may name its volumes in another manner. Managing a
volume of that backend would make one object two volumes, and deleting one of them would destroy the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Optional

from cinder import context

# A name is the bare id, with its dashes or without, or ends with it. A name that goes on after the id is another
# object, such as a snapshot that somebody took of the volume.
_ENDS_WITH_ID = re.compile(
    r"(?:^|[^0-9a-f])([0-9a-f]{8}(-?)[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{12})\Z", re.IGNORECASE
)


@dataclass(frozen=True)
class Entry:
    """A volume or snapshot of Cinder."""

    kind: str
    id: str
    host: Optional[str] = None
    """``host@backend#pool``; None of a snapshot."""
    serial: Optional[str] = None
    """What the array reports as the identity of a volume that was there before Cinder; None where not known."""
    volume_id: Optional[str] = None
    """The volume of a snapshot."""

    def __str__(self) -> str:
        where = " of backend %s" % self.host if self.host else ""
        return "%s %s%s" % (self.kind, self.id, where)


class Inventory:
    """The volumes and snapshots of this Cinder, by what an array may call them."""

    def __init__(self, volumes: Any, snapshots: Any) -> None:
        self._ids: dict[str, Entry] = {}
        self._names: dict[str, list[Entry]] = {}
        for volume in volumes:
            entry = Entry("volume", str(volume["id"]), volume["host"], location(volume, "serial"))
            self._add(entry, volume, volume["_name_id"])
        for snapshot in snapshots:
            entry = Entry("snapshot", str(snapshot["id"]), volume_id=str(snapshot["volume_id"]))
            self._add(entry, snapshot, None)

    @classmethod
    def read(cls, db: Any) -> Inventory:
        admin = context.get_admin_context()
        return cls(db.volume_get_all(admin), db.snapshot_get_all(admin))

    def _add(self, entry: Entry, row: Any, name_id: Optional[str]) -> None:
        # After a migration the object may have the id of another volume, which Cinder has deleted, or its own.
        for number in (entry.id, name_id):
            if number:
                self._ids[_digits(number)] = entry
        for name in (row["name"], row["provider_location"], location(row, "name")):
            if name:
                self._names.setdefault(str(name), []).append(entry)

    def add_member(self, name: str, group_snapshot: str) -> None:
        """A member of a group snapshot may have a name that the array gave it."""
        self._names.setdefault(name, []).append(Entry("group snapshot", group_snapshot))

    def owner(self, name: str, serial: Optional[str] = None, apart_from: Optional[str] = None) -> Optional[Entry]:
        """What Cinder has under this name on an array; None when the object is none of Cinder's.

        :param serial: of the object. An entry of the same name with another serial is on another array.
        :param apart_from: the id of the volume that Cinder is about to make of the object.
        """
        for entry in self._candidates(name):
            another = serial and entry.serial and serial != entry.serial
            if entry.id != apart_from and not another:
                return entry
        return None

    def _candidates(self, name: str) -> Iterator[Entry]:
        yield from self._names.get(name, ())
        found = _ENDS_WITH_ID.search(name)
        entry = self._ids.get(_digits(found.group(1))) if found else None
        if entry is not None:
            yield entry

    def snapshot_of(self, volume_id: str, *keys: str, apart_from: Optional[str] = None) -> Optional[Entry]:
        """The snapshot of this volume that has one of these keys on the array."""
        for key in keys:
            for entry in self._candidates(key):
                if entry.kind == "snapshot" and entry.volume_id == volume_id and entry.id != apart_from:
                    return entry
        return None


def location(thing: Any, key: str) -> Optional[str]:
    """This key of provider_location, which is JSON where the object was on the array before Cinder."""
    try:
        found = json.loads(thing["provider_location"] or "").get(key)
    except (ValueError, AttributeError):
        return None
    return str(found) if found else None


def _digits(number: str) -> str:
    return number.replace("-", "").lower()
