# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots, snapshot sets, refresh and restore (section 4 of the wire sheet)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...objects import Group, Volume
from . import guesses
from .call import Call
from .cluster import Cluster, oid
from .errors import SIZE_DIFFERS, XmsError, not_found
from .folders import refer_folder
from .resource import Links, Resource, Scope, choice, common, listed, required, text
from .tags import tag_list, tag_objects
from .volumes import CONSISTENCY_GROUP, SNAPSHOT_SET, Volumes, check_deletable, delete_volume

_SOURCES = ("volume-list", "consistency-group-id", "snapshot-set-id", "tag-list")
_OBJECTS = ("volume-id", "consistency-group-id", "snapshot-set-id")
_PAIRS = {f"{way}-{kind}": kind for way in ("from", "to") for kind in _OBJECTS}


class Snapshots(Volumes):
    """A snapshot is a volume: the same numbers and names, and every verb of a volume but how it is made."""

    type = "snapshots"
    creates = frozenset(
        {*_SOURCES, *_PAIRS, "snapshot-set-name", "snap-suffix", "snapshot-type", "no-backup", "backup-snap-suffix"}
    )
    creates_v1 = frozenset({"ancestor-vol-id", "snap-vol-name", "snap-list", "folder-id", "source-folder-id", "suffix"})

    def rows(self, scope: Scope) -> Iterable[Volume]:
        return [volume for volume in scope.cluster.array.volumes if volume.kind == "snapshot"]

    def create(self, scope: Scope, call: Call) -> Links:
        if call.api == 1:
            return _create_v1(scope, call)
        if any(key in _PAIRS for key in call.body):
            return _reassign(scope, call)
        sources = _sources(scope, call)
        suffix = _suffix(scope, call, "snap-suffix")
        kind = choice(call, "snapshot-type", ("regular", "readonly"), "regular")
        made = _take(
            scope,
            [(source, f"{source.name}.{suffix}") for source in sources],
            _set_name(scope, call),
            writable=kind == "regular",
        )
        return [("snapshots", snapshot.id) for snapshot in made]


class SnapshotSets(Resource):
    type = "snapshot-sets"
    apis = (2,)
    since = (4,)
    fields = {
        **common("snapset-id"),
        "vol-list": lambda s, o: [oid(member) for member in s.cluster.array.members(o)],
        "num-of-vols": lambda s, o: len(o.members),
        "cg-id": lambda s, o: o.attributes.get("cg", []),
        "cg-oid": lambda s, o: o.attributes.get("cg", []),
        "cg-name": lambda s, o: (o.attributes.get("cg") or ["", ""])[1],
        "creation-time-long": lambda s, o: str(int(o.created * 1000)),
        "snapset-short-id": lambda s, o: o.uuid[:8],
        "tag-list": lambda s, o: tag_list(s, "snapshot-sets", o),
    }
    updates = frozenset({"new-name"})
    # A body that names the set is refused, on API 2.1 at least (section 4).
    deletes = frozenset()

    def rows(self, scope: Scope) -> Iterable[Group]:
        return scope.cluster.array.groups(SNAPSHOT_SET)

    def by_index(self, scope: Scope, index: int) -> Group | None:
        return scope.cluster.array.groups(SNAPSHOT_SET).get(index)

    def by_name(self, scope: Scope, name: str) -> Group | None:
        return scope.cluster.array.groups(SNAPSHOT_SET).find(name)

    def update(self, scope: Scope, call: Call, row: Group) -> None:
        if "new-name" in call.body:
            scope.cluster.array.rename_group(row, _checked_set_name(scope, text(call, "new-name")))

    def delete(self, scope: Scope, call: Call, row: Group) -> None:
        """The snapshots in it go too."""
        members = scope.cluster.array.members(row)
        for member in members:
            check_deletable(scope.cluster, member)
        for member in members:
            delete_volume(scope, member)


# ---- taking snapshots ----------------------------------------------------------------------------------------------


def _create_v1(scope: Scope, call: Call) -> Links:
    """Under v1 a snapshot has its final name at once; there are three ways to say which volumes."""
    volumes = Volumes()
    if "source-folder-id" in call.body:
        folder = refer_folder(scope, "volume", call.body["source-folder-id"])
        suffix = text(call, "suffix")
        array = scope.cluster.array
        members = [volume for one in folder.members if (volume := array.volumes.get(one))]
        wanted = [(volume, volume.name + suffix) for volume in members]
    else:
        entries = listed(call, "snap-list") if "snap-list" in call.body else [call.body]
        wanted = []
        for entry in entries:
            if not isinstance(entry, dict) or not isinstance(entry.get("snap-vol-name"), str):
                raise XmsError(guesses.MISSING_PROPERTY.format("snap-vol-name"))
            wanted.append((volumes.refer(scope, entry.get("ancestor-vol-id"), "vol"), entry["snap-vol-name"]))
    if not wanted:
        raise not_found("vol")
    target = refer_folder(scope, "volume", call.body["folder-id"]) if "folder-id" in call.body else None
    made = _take(scope, wanted, None, writable=True)
    if target is not None:
        target.members += [snapshot.id for snapshot in made]
    return [("snapshots", snapshot.id) for snapshot in made]


def _sources(scope: Scope, call: Call) -> list[Volume]:
    """The volumes to be taken, from exactly one kind of source."""
    given = [key for key in _SOURCES if key in call.body]
    if len(given) != 1:
        raise XmsError(guesses.MISSING_PROPERTY.format(_SOURCES[0]) if not given else _invalid(given[1]))
    volumes, array = Volumes(), scope.cluster.array
    if given[0] == "volume-list":
        found = [volumes.refer(scope, reference, "vol") for reference in listed(call, "volume-list")]
    elif given[0] == "tag-list":
        here = scope.cluster.index
        tagged = [member for tag in tag_objects(scope, call) for member in tag.members]
        found = [array.volumes[index] for cluster, kind, index in tagged if (cluster, kind) == (here, "volumes")]
    else:
        kind = given[0].removesuffix("-id")
        found = array.members(_group(scope.cluster, kind, call.body[given[0]]))
    unique = list(dict.fromkeys(volume.id for volume in found))
    if not unique:
        raise not_found("vol")
    return [array.volumes[one] for one in unique]


def _take(scope: Scope, wanted: list[tuple[Volume, str]], set_name: str | None, *, writable: bool) -> list[Volume]:
    """Snapshots of one moment, in one new set (the oldest XMS has no sets)."""
    array = scope.cluster.array
    has_sets = scope.xms.version.numbers >= (4,)
    name = set_name or _unique_set_name(scope)
    if has_sets:
        array.check_group_name(SNAPSHOT_SET, name)
    attributes = {"snapshot-type": "regular" if writable else "readonly"}
    made = array.create_snapshots(wanted, writable=writable, attributes=attributes)
    for (source, _name), snapshot in zip(wanted, made, strict=True):
        for key in ("lb-size", "alignment-offset"):
            snapshot.attributes[key] = source.attributes.get(key, 512 if key == "lb-size" else 0)
        snapshot.attributes["content"] = source.attributes.get("content", source.uuid)
    if has_sets:
        array.create_group(SNAPSHOT_SET, name, made, {"dissolve": True})
    return made


def _suffix(scope: Scope, call: Call, key: str) -> str:
    suffix = text(call, key) if key in call.body else _stamp(scope)
    if len(suffix) > guesses.SUFFIX_LENGTH:
        raise XmsError(guesses.NAME_INVALID)
    return suffix


def _stamp(scope: Scope) -> str:
    """The suffix nobody asked for: milliseconds, on older builds seconds, so that two in one second collide."""
    now = scope.xms.clock()
    return str(int(now * 1000) if scope.xms.version.numbers >= (6,) else int(now))


def _set_name(scope: Scope, call: Call) -> str:
    if "snapshot-set-name" in call.body:
        return _checked_set_name(scope, text(call, "snapshot-set-name"))
    return f"SnapshotSet.{_stamp(scope)}"


def _checked_set_name(scope: Scope, name: str) -> str:
    if len(name) > scope.xms.limits["snapshot_set_name"]:
        raise XmsError(guesses.NAME_INVALID)
    return name


def _unique_set_name(scope: Scope) -> str:
    """v1 names no set, so no name of a set may ever stop it."""
    sets = scope.cluster.array.groups(SNAPSHOT_SET)
    return f"SnapshotSet.{int(scope.xms.clock() * 1000)}.{sets.next_id}"


# ---- refresh and restore -------------------------------------------------------------------------------------------


def _reassign(scope: Scope, call: Call) -> Links:
    """Give the target the source's content; what was there survives as a snapshot unless ``no-backup``."""
    ways = {way: [key for key in _PAIRS if key in call.body and key.startswith(way)] for way in ("from", "to")}
    for way, given in ways.items():
        if len(given) != 1:
            raise XmsError(guesses.MISSING_PROPERTY.format(f"{way}-volume-id") if not given else _invalid(given[1]))
    array = scope.cluster.array
    sources = _objects(scope, call, ways["from"][0])
    targets = _objects(scope, call, ways["to"][0])
    pairs = _pair(scope.cluster, sources, targets)
    for source, target in pairs:
        if source.size != target.size:
            raise XmsError(SIZE_DIFFERS)
    refreshed = None
    if _PAIRS[ways["to"][0]] == "snapshot-set-id":
        refreshed = _group(scope.cluster, SNAPSHOT_SET, call.body[ways["to"][0]])
    name = _set_name(scope, call)
    if refreshed is not None or "snapshot-set-name" in call.body:
        array.check_group_name(SNAPSHOT_SET, name)
    if choice(call, "no-backup", ("true", "false"), "false") == "false":
        suffix = _suffix(scope, call, "backup-snap-suffix")
        # Section 15: that the suffix and the set of the request are those of the backup is a guess.
        chosen = scope.xms.chosen_backups
        if "name" in chosen:
            suffix = f"backup_{_stamp(scope)}_{array.volumes.next_id}"
        set_name = None if refreshed is not None or "set" in chosen else name
        _take(scope, [(target, f"{target.name}.{suffix}") for _source, target in pairs], set_name, writable=True)
    for source, target in pairs:
        array.overwrite(target, source)
    if refreshed is not None:
        # A refreshed set is a new set; clients rename it back to the old name, so the old one cannot stay.
        members = array.members(refreshed)
        for member in members:
            array.remove_member(refreshed, member)
        array.create_group(SNAPSHOT_SET, name, members, {"dissolve": True})
    return [("snapshots", target.id) for _source, target in pairs]


def _objects(scope: Scope, call: Call, key: str) -> list[Volume]:
    kind = _PAIRS[key]
    if kind == "volume-id":
        return [Volumes().refer(scope, required(call, key), "vol")]
    return scope.cluster.array.members(_group(scope.cluster, kind.removesuffix("-id"), required(call, key)))


def _pair(cluster: Cluster, sources: list[Volume], targets: list[Volume]) -> list[tuple[Volume, Volume]]:
    """Which source goes into which target: the one of the same family, nearest in it."""
    array = cluster.array
    pairs = []
    for target in targets:
        line = [one.id for one in array.lineage(target)]
        related = []
        for source in sources:
            other = [one.id for one in array.lineage(source)]
            meeting = next((one for one in line if one in other), None)
            if meeting is not None and source.id != target.id:
                related.append((line.index(meeting) + other.index(meeting), source.id, source))
        if not related:
            raise XmsError(guesses.NOT_RELATED)
        pairs.append((min(related)[2], target))
    if not pairs:
        raise not_found("vol")
    return pairs


def _group(cluster: Cluster, kind: str, reference: Any) -> Group:
    table = cluster.array.groups(kind)
    for group in table:
        if (reference in (group.name, group.id) and not isinstance(reference, bool)) or reference == oid(group):
            return group
    raise not_found("cg" if kind == CONSISTENCY_GROUP else "snapset")


def _invalid(key: str) -> str:
    return guesses.INVALID_VALUE.format(key)
