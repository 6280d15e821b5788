# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1 folders of volumes and of initiator groups, which v2 calls tags (section 7 of the sheet)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import ledger
from .call import Call
from .refusals import CAPTION_NOT_UNIQUE, XmsError, not_found
from .resource import Links, Resource, Scope, common, text
from .state import Cluster, Folder, guid, oid


def refer_folder(scope: Scope, kind: str, reference: Any) -> Folder:
    """A folder by its path (with or without the leading slash), its index or its OID."""
    for folder in scope.cluster.folders[kind]:
        names = (folder.name, folder.name.lstrip("/")) if folder.name != "/" else ("/", "")
        if reference == folder.id and not isinstance(reference, bool):
            return folder
        if reference in names or reference == oid(folder):
            return folder
    raise not_found("folder")


def join_folder(scope: Scope, call: Call, kind: str) -> Folder | None:
    """The folder that a POST over v1 names; None when it names none."""
    if call.api > 1 or "parent-folder-id" not in call.body:
        return None
    return refer_folder(scope, kind, call.body["parent-folder-id"])


def leave_folders(cluster: Cluster, kind: str, index: int) -> None:
    for folder in cluster.folders[kind]:
        if index in folder.members:
            folder.members.remove(index)


class VolumeFolders(Resource):
    type = "volume-folders"
    list_key = "folders"
    apis = (1,)
    kind = "volume"
    fields = {
        **common("folder-id"),
        "caption": lambda scope, row: row.name.rpartition("/")[2] or "/",
        "folder-type": lambda scope, row: "Folder",
        "num-of-direct-objs": lambda scope, row: len(row.members),
    }
    creates = frozenset({"caption", "parent-folder-id"})
    updates = frozenset({"caption"})
    deletes = frozenset()

    def rows(self, scope: Scope) -> Iterable[Folder]:
        return scope.cluster.folders[self.kind]

    def create(self, scope: Scope, call: Call) -> Links:
        table = scope.cluster.folders[self.kind]
        parent = refer_folder(scope, self.kind, call.body.get("parent-folder-id", "/"))
        path = self._new_path(scope, parent.name, text(call, "caption"))
        folder = Folder(table.next_id, guid(scope.cluster.name, self.kind, path, str(table.next_id)), path)
        table.add(folder)
        scope.cluster.array.touched("folder.create", folder)
        return [(self.type, folder.id)]

    def update(self, scope: Scope, call: Call, row: Folder) -> None:
        table = scope.cluster.folders[self.kind]
        old = row.name
        new = self._new_path(scope, old.rpartition("/")[0] or "/", text(call, "caption"))
        for folder in table:
            if folder.name == old or folder.name.startswith(old + "/"):
                table.rename(folder, new + folder.name[len(old) :])
        scope.cluster.array.touched("folder.rename", row)

    def delete(self, scope: Scope, call: Call, row: Folder) -> None:
        """Delete the folder and the folders below it. Their members stay."""
        if row.name == "/":
            raise XmsError(ledger.INVALID_COMMAND.format("remove", "/"))
        table = scope.cluster.folders[self.kind]
        for folder in table:
            if folder.name == row.name or folder.name.startswith(row.name + "/"):
                table.remove(folder)
        scope.cluster.array.touched("folder.delete", row)

    def _new_path(self, scope: Scope, parent: str, caption: str) -> str:
        """The path of a folder of this caption, which no other folder may have."""
        if "/" in caption:
            raise XmsError(ledger.NAME_INVALID)
        path = f"{parent.rstrip('/')}/{caption}"
        if scope.cluster.folders[self.kind].find(path):
            raise XmsError(CAPTION_NOT_UNIQUE)
        return path


class InitiatorGroupFolders(VolumeFolders):
    type = "ig-folders"
    kind = "ig"
