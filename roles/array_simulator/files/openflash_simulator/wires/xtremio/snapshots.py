# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots and snapshot sets (section 4 of the sheet)."""

from __future__ import annotations

from collections.abc import Iterable

from ...objects import Group, Volume
from . import ledger
from .call import Call
from .copies import checked_set_name, invalid, refer_group, set_name_of, suffix_of, take
from .folders import refer_folder
from .refusals import XmsError, not_found
from .resource import Links, Resource, Scope, choice, common, listed, text
from .restore import PAIRS, restore
from .state import oid
from .tags import tag_list, tag_objects
from .volumes import SNAPSHOT_SET, Volumes, check_deletable, delete_volume, seen

_SOURCES = ("volume-list", "consistency-group-id", "snapshot-set-id", "tag-list")


class Snapshots(Volumes):
    """A snapshot is a volume: indexes, names and verbs are those of volumes. Only POST differs."""

    type = "snapshots"
    creates = frozenset(
        {*_SOURCES, *PAIRS, "snapshot-set-name", "snap-suffix", "snapshot-type", "no-backup", "backup-snap-suffix"}
    )

    def rows(self, scope: Scope) -> Iterable[Volume]:
        return [volume for volume in super().rows(scope) if volume.kind == "snapshot"]

    def create(self, scope: Scope, call: Call) -> Links:
        if call.api == 1:
            return _create_v1(scope, call)
        if any(key in PAIRS for key in call.body):
            return restore(scope, call)
        sources = _sources(scope, call)
        suffix = suffix_of(scope, call, "snap-suffix")
        kind = choice(call, "snapshot-type", ("regular", "readonly"), "regular")
        made = take(
            scope,
            [(source, f"{source.name}.{suffix}") for source in sources],
            set_name_of(scope, call),
            writable=kind == "regular",
        )
        return [("snapshots", snapshot.id) for snapshot in made]


class SnapshotSets(Resource):
    type = "snapshot-sets"
    apis = (2,)
    since = (4,)
    fields = {
        **common("snapset-id"),
        "vol-list": lambda scope, row: [oid(member) for member in seen(scope, scope.cluster.array.members(row))],
        "num-of-vols": lambda scope, row: len(row.members),
        "cg-id": lambda scope, row: row.attributes.get("cg", []),
        "cg-oid": lambda scope, row: row.attributes.get("cg", []),
        "cg-name": lambda scope, row: (row.attributes.get("cg") or ["", ""])[1],
        "creation-time-long": lambda scope, row: str(int(row.created * 1000)),
        "snapset-short-id": lambda scope, row: row.uuid[:8],
        "tag-list": lambda scope, row: tag_list(scope, "snapshot-sets", row),
    }
    updates = frozenset({"new-name"})
    # Section 4: API 2.1 refuses a body that names the set.
    deletes = frozenset()

    def rows(self, scope: Scope) -> Iterable[Group]:
        return scope.cluster.array.groups(SNAPSHOT_SET)

    def by_index(self, scope: Scope, index: int) -> Group | None:
        return scope.cluster.array.groups(SNAPSHOT_SET).get(index)

    def by_name(self, scope: Scope, name: str) -> Group | None:
        return scope.cluster.array.groups(SNAPSHOT_SET).find(name)

    def update(self, scope: Scope, call: Call, row: Group) -> None:
        if "new-name" in call.body:
            scope.cluster.array.rename_group(row, checked_set_name(scope, text(call, "new-name")))

    def delete(self, scope: Scope, call: Call, row: Group) -> None:
        """Delete the snapshots in the set, and so the set."""
        members = scope.cluster.array.members(row)
        for member in members:
            check_deletable(scope.cluster, member)
        for member in members:
            delete_volume(scope, member)


# ---- taking snapshots ----------------------------------------------------------------------------------------------


def _create_v1(scope: Scope, call: Call) -> Links:
    """Snapshots over v1, which have their final names at once. A request names their sources in one of three forms."""
    volumes = Volumes()
    if "source-folder-id" in call.body:
        folder = refer_folder(scope, "volume", call.body["source-folder-id"])
        suffix = text(call, "suffix")
        array = scope.cluster.array
        members = [volume for index in folder.members if (volume := array.volumes.get(index))]
        requested = [(volume, volume.name + suffix) for volume in members]
    else:
        entries = listed(call, "snap-list") if "snap-list" in call.body else [call.body]
        requested = []
        for entry in entries:
            if not isinstance(entry, dict) or not isinstance(entry.get("snap-vol-name"), str):
                raise XmsError(ledger.MISSING_PROPERTY.format("snap-vol-name"))
            requested.append((volumes.refer(scope, entry.get("ancestor-vol-id"), "vol"), entry["snap-vol-name"]))
    if not requested:
        raise not_found("vol")
    folder_of_snapshots = refer_folder(scope, "volume", call.body["folder-id"]) if "folder-id" in call.body else None
    made = take(scope, requested, None, writable=True)
    if folder_of_snapshots is not None:
        folder_of_snapshots.members += [snapshot.id for snapshot in made]
    return [("snapshots", snapshot.id) for snapshot in made]


def _sources(scope: Scope, call: Call) -> list[Volume]:
    """The volumes to take snapshots of. A body names exactly one kind of source."""
    given = [key for key in _SOURCES if key in call.body]
    if len(given) != 1:
        raise XmsError(ledger.MISSING_PROPERTY.format(_SOURCES[0]) if not given else invalid(given[1]))
    volumes, array = Volumes(), scope.cluster.array
    if given[0] == "volume-list":
        found = [volumes.refer(scope, reference, "vol") for reference in listed(call, "volume-list")]
    elif given[0] == "tag-list":
        this_cluster = scope.cluster.index
        tagged = [member for tag in tag_objects(scope, call) for member in tag.members]
        found = [
            array.volumes[index] for cluster, kind, index in tagged if (cluster, kind) == (this_cluster, "volumes")
        ]
    else:
        kind = given[0].removesuffix("-id")
        found = array.members(refer_group(scope.cluster, kind, call.body[given[0]]))
    unique = list(dict.fromkeys(volume.id for volume in found))
    if not unique:
        raise not_found("vol")
    return [array.volumes[index] for index in unique]
