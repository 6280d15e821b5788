# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entries of access lists (sheet, section 2.6)."""

from __future__ import annotations

from typing import List

from ...errors import Conflict, NotFound
from . import entities
from .reading import Reading
from .refusals import NameTaken

# How often an entry is removed. If it is still there then, another client seems to be adding it.
MOST_REMOVALS = 64


class AccessLists(Reading):
    """What a Datera array does with the access list of a storage instance."""

    def _remove_entry(self, storage_path: str, path: str) -> None:
        """Remove every occurrence of the entry."""
        for _attempt in range(MOST_REMOVALS):
            try:
                if path not in self._entry(storage_path, "remove", path):
                    return
            except NotFound:
                return
        raise Conflict(
            "the access list still has %s after %d removals" % (path, MOST_REMOVALS),
            hint="Another client may be adding it.",
        )

    def _entry(self, storage_path: str, operation: str, path: str) -> List[str]:
        """The entries of that kind after the change. One more request where the answer does not have them (9)."""
        kind = path.strip("/").split("/")[0]
        try:
            reply = self._wire.change_entry(storage_path, kind, operation, path)
        except NameTaken:
            reply = None
        found = reply.get(kind) if isinstance(reply, dict) else reply
        if not isinstance(found, list):
            found = self._entries(storage_path, kind)
        return [entities.path_of(one) for one in found]

    def _entries(self, storage_path: str, kind: str) -> List[object]:
        """The entries of that kind, as they are now. Raises NotFound when there is no such storage instance."""
        instance = self._wire.instance(entities.instance_path_of(storage_path))
        for storage in entities.objects_in(instance or {"storage_instances": []}, "storage_instances"):
            if storage.get("name") == storage_path.rsplit("/", 1)[-1]:
                return entities.list_in(storage["acl_policy"], kind)
        raise NotFound("storage instance %s is not there" % storage_path)
