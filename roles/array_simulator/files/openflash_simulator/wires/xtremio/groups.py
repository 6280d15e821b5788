# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Consistency groups and their members, v2 only (section 5 of the sheet)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...objects import Group
from ...rules import NotFound
from . import ledger
from .call import Call
from .refusals import XmsError, not_found
from .resource import Links, Resource, Scope, choice, common, listed, required, text
from .state import oid
from .tags import drop_object, tag_list, tag_objects
from .volumes import CONSISTENCY_GROUP, Volumes


class ConsistencyGroups(Resource):
    type = "consistency-groups"
    apis = (2,)
    since = (4,)
    fields = {
        **common("cg-id"),
        "cg-short-id": lambda scope, row: row.uuid[:8],
        "num-of-vols": lambda scope, row: len(row.members),
        "vol-list": lambda scope, row: [oid(member) for member in scope.cluster.array.members(row)],
        "created-by-app": lambda scope, row: "xms",
        "tag-list": lambda scope, row: tag_list(scope, "consistency-groups", row),
    }
    creates = frozenset({"consistency-group-name", "vol-list", "tag-list"})
    updates = frozenset({"new-name"})
    deletes = frozenset()

    def rows(self, scope: Scope) -> Iterable[Group]:
        return scope.cluster.array.groups(CONSISTENCY_GROUP)

    def by_index(self, scope: Scope, index: int) -> Group | None:
        return scope.cluster.array.groups(CONSISTENCY_GROUP).get(index)

    def by_name(self, scope: Scope, name: str) -> Group | None:
        return scope.cluster.array.groups(CONSISTENCY_GROUP).find(name)

    def create(self, scope: Scope, call: Call) -> Links:
        array, members = scope.cluster.array, []
        if "vol-list" in call.body and call.body["vol-list"] != []:
            members = [Volumes().refer(scope, reference, "vol") for reference in listed(call, "vol-list")]
        elif "tag-list" in call.body:
            volumes_here = (scope.cluster.index, "volumes")
            members = [
                array.volumes[index]
                for tag in tag_objects(scope, call)
                for cluster, kind, index in tag.members
                if (cluster, kind) == volumes_here
            ]
        group = array.create_group(CONSISTENCY_GROUP, text(call, "consistency-group-name"), members)
        return [(self.type, group.id)]

    def update(self, scope: Scope, call: Call, row: Group) -> None:
        if "new-name" in call.body:
            scope.cluster.array.rename_group(row, text(call, "new-name"))

    def delete(self, scope: Scope, call: Call, row: Group) -> None:
        """Delete the group. Its volumes stay."""
        scope.cluster.array.delete_group(row)
        drop_object(scope, self.type, row.id)


class ConsistencyGroupVolumes(ConsistencyGroups):
    """The members of consistency groups. A POST adds one, a DELETE with a body removes one."""

    type = "consistency-group-volumes"
    list_key = "consistency-groups"
    creates = frozenset({"cg-id", "vol-id"})
    updates = frozenset({"vol-access"})
    deletes = frozenset({"cg-id", "vol-id"})

    def create(self, scope: Scope, call: Call) -> Links:
        group = ConsistencyGroups().refer(scope, required(call, "cg-id"), "cg")
        volume = Volumes().refer(scope, required(call, "vol-id"), "vol")
        scope.cluster.array.add_member(group, volume)
        return [(self.type, group.id)]

    def update(self, scope: Scope, call: Call, row: Group) -> None:
        access = choice(call, "vol-access", ("no_access", "read_access", "write_access"), "write_access")
        for volume in scope.cluster.array.members(row):
            volume.attributes["vol-access"] = access
            scope.cluster.array.touched("volume.change", volume)

    def delete(self, scope: Scope, call: Call, row: Group) -> None:
        # Without a volume in the body it does not mean all of them: that is a DELETE of the group.
        reference: Any = call.body.get("cg-id")
        if reference is not None and ConsistencyGroups().refer(scope, reference, "cg") is not row:
            raise XmsError(ledger.INVALID_VALUE.format("cg-id"))
        volume = Volumes().refer(scope, required(call, "vol-id"), "vol")
        try:
            scope.cluster.array.remove_member(row, volume)
        except NotFound:
            raise not_found("vol") from None
