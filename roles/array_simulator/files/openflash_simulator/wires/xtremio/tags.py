# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags, v2 only: paths such as ``/Volume/gold`` that mark objects of all clusters (section 7 of the sheet)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...assumptions import default_of
from ...objects import Named
from . import ledger
from .call import Call
from .refusals import XmsError, not_found
from .resource import Field, Links, Resource, Scope, choice, listed, text
from .state import OID, Tag, guid, oid

# Entity -> the type whose objects can have such a tag.
ENTITIES = {
    "Volume": "volumes",
    "SnapshotSet": "snapshot-sets",
    "ConsistencyGroup": "consistency-groups",
    "InitiatorGroup": "initiator-groups",
    "Initiator": "initiators",
    "Target": "targets",
    "Cluster": "clusters",
    "Scheduler": "schedulers",
    "X-Brick": "bricks",
    "SSD": "ssds",
}
CHARACTERS = default_of(ledger.LEDGER, "xtremio.tags.characters")
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}\Z")


def tag_list(scope: Scope, type_name: str, row: Named) -> list[OID]:
    """The tags of one object."""
    member = (scope.cluster.index, type_name, row.id)
    return [oid(tag) for tag in scope.xms.tags if member in tag.members]


def tag_objects(scope: Scope, call: Call) -> list[Tag]:
    """The tags that ``tag-list`` in a body names; an empty list without it."""
    if not call.body.get("tag-list"):
        return []
    return [Tags().refer(scope, reference, "tag") for reference in listed(call, "tag-list")]


def drop_object(scope: Scope, type_name: str, index: int) -> None:
    """Take all tags off an object that is deleted."""
    member = (scope.cluster.index, type_name, index)
    for tag in scope.xms.tags:
        if member in tag.members:
            tag.members.remove(member)


def _caption(tag: Tag) -> str:
    return tag.name.rpartition("/")[2]


def _parent(scope: Scope, tag: Tag) -> OID:
    parent = scope.xms.tags.find(tag.name.rpartition("/")[0])
    return oid(parent) if parent else []


def _below(scope: Scope, tag: Tag) -> list[Tag]:
    return [other for other in scope.xms.tags if other.name.startswith(tag.name + "/")]


class Tags(Resource):
    """The tags themselves.

    :param tagged: the types whose objects can have tags, by name. Only an assignment and a list of objects need them.
    """

    type = "tags"
    apis = (2,)
    since = (4,)
    in_cluster = False
    fields = {
        "name": lambda scope, row: row.name,
        "index": lambda scope, row: row.id,
        "guid": lambda scope, row: row.uuid,
        "tag-id": lambda scope, row: oid(row),
        "caption": lambda scope, row: _caption(row),
        "object-type": lambda scope, row: row.entity,
        "num-of-direct-objs": lambda scope, row: len(row.members),
        "num-of-items": lambda scope, row: sum(len(tag.members) for tag in [row, *_below(scope, row)]),
        "color": lambda scope, row: row.color,
        "parent-id": _parent,
        "child-list": lambda scope, row: [
            oid(tag) for tag in _below(scope, row) if tag.name.rpartition("/")[0] == row.name
        ],
    }
    creates = frozenset({"entity", "tag-name", "color"})
    # PUT assigns a tag and DELETE with the same body removes it from an object, so both have the cluster selector.
    updates = frozenset({"entity", "entity-details", "cluster-id", "caption", "color"})
    deletes = frozenset({"entity", "entity-details", "cluster-id"})

    def __init__(self, tagged: Mapping[str, Resource] | None = None) -> None:
        self._tagged = {} if tagged is None else tagged

    def table(self, call: Call) -> Mapping[str, Field]:
        return {
            **super().table(call),
            "direct-list": self._objects,
            "obj-list": lambda scope, row: [
                member for tag in [row, *_below(scope, row)] for member in self._objects(scope, tag)
            ],
        }

    def _objects(self, scope: Scope, tag: Tag) -> list[OID]:
        found = []
        for cluster_index, type_name, index in tag.members:
            cluster = next((cluster for cluster in scope.xms.clusters if cluster.index == cluster_index), None)
            row = self._tagged[type_name].by_index(Scope(scope.xms, cluster), index)
            if row is not None:
                found.append(oid(row))
        return found

    def rows(self, scope: Scope) -> Iterable[Tag]:
        return scope.xms.tags

    def by_index(self, scope: Scope, index: int) -> Tag | None:
        return scope.xms.tags.get(index)

    def by_name(self, scope: Scope, name: str) -> Tag | None:
        tag = scope.xms.tags.find(name)
        late = tag is not None and tag.created + scope.xms.assumed("tags.seen_after") > scope.xms.clock()
        return None if late else tag

    def create(self, scope: Scope, call: Call) -> Links:
        entity = choice(call, "entity", tuple(ENTITIES), "")
        name = text(call, "tag-name").strip("/")
        # The name may begin with the entity. The parent of a nested tag must exist.
        path = f"/{name}" if name.startswith(f"{entity}/") else f"/{entity}/{name}"
        parent = path.rpartition("/")[0]
        if not name or (parent != f"/{entity}" and scope.xms.tags.find(parent) is None):
            raise not_found("tag")
        if scope.xms.tags.find(path):
            raise XmsError(ledger.NAME_NOT_UNIQUE.format("tag"))
        legal = scope.xms.assumed("tags.characters")
        # What names are refused is only known where other characters are played.
        if legal != CHARACTERS and not all(letter.isalnum() or letter in f"{legal}/" for letter in name):
            raise XmsError(ledger.NAME_INVALID)
        color = call.body.get("color", "#AABBCC")
        if not isinstance(color, str) or not _COLOR.match(color):
            raise XmsError(ledger.INVALID_VALUE.format("color"))
        number = scope.xms.tags.next_id
        scope.xms.tags.add(Tag(number, guid("tag", path, str(number)), path, entity, color, scope.xms.clock()))
        _changed(scope, "tag.create", path, number)
        return [(self.type, number)]

    def update(self, scope: Scope, call: Call, row: Tag) -> None:
        if "entity-details" in call.body:
            member = self._member(scope, call, row)
            if member not in row.members:
                row.members.append(member)
        if "caption" in call.body:
            self._rename(scope, row, text(call, "caption"))
        if "color" in call.body:
            if not _COLOR.match(text(call, "color")):
                raise XmsError(ledger.INVALID_VALUE.format("color"))
            row.color = call.body["color"]
        _changed(scope, "tag.change", row.name, row.id)

    def delete(self, scope: Scope, call: Call, row: Tag) -> None:
        if "entity-details" in call.body or "entity" in call.body:
            member = self._member(scope, call, row)
            if member not in row.members:
                raise not_found()
            row.members.remove(member)
            _changed(scope, "tag.change", row.name, row.id)
            return
        for tag in [*_below(scope, row), row]:
            scope.xms.tags.remove(tag)
            _changed(scope, "tag.delete", tag.name, tag.id)

    def _rename(self, scope: Scope, row: Tag, caption: str) -> None:
        path = f"{row.name.rpartition('/')[0]}/{caption}"
        if "/" in caption or (path != row.name and scope.xms.tags.find(path)):
            raise XmsError(ledger.NAME_NOT_UNIQUE.format("tag"))
        old = row.name
        for tag in [row, *_below(scope, row)]:
            scope.xms.tags.rename(tag, path + tag.name[len(old) :])

    def _member(self, scope: Scope, call: Call, tag: Tag) -> tuple[int, str, int]:
        if call.body.get("entity", tag.entity) != tag.entity:
            raise XmsError(ledger.INVALID_VALUE.format("entity"))
        cluster = scope.xms.cluster(call.body.get("cluster-id"))
        resource = self._tagged[ENTITIES[tag.entity]]
        reference: Any = call.body.get("entity-details")
        row = resource.refer(Scope(scope.xms, cluster), reference, "")
        return (cluster.index, resource.type, row.id if hasattr(row, "id") else row.index)


def _changed(scope: Scope, change: str, name: str, index: int) -> None:
    scope.xms.changed(change, {"name": name, "id": index})
