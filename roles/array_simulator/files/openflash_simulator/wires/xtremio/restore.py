# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refresh and restore: a volume or a set gets the content of another one (section 4 of the sheet)."""

from __future__ import annotations

from ...objects import Volume
from . import ledger
from .call import Call
from .copies import invalid, refer_group, set_name_of, stamp, suffix_of, take
from .refusals import SIZE_DIFFERS, XmsError, not_found
from .resource import Links, Scope, choice, required
from .volumes import SNAPSHOT_SET, Volumes

_OBJECTS = ("volume-id", "consistency-group-id", "snapshot-set-id")
# Body key -> kind of the object that it names.
PAIRS = {f"{direction}-{kind}": kind for direction in ("from", "to") for kind in _OBJECTS}


def restore(scope: Scope, call: Call) -> Links:
    """Give the target the content of the source. A snapshot keeps the target's old content, unless ``no-backup``."""
    source_key = _key(call, "from")
    target_key = _key(call, "to")
    array = scope.cluster.array
    sources = _objects(scope, call, source_key)
    targets = _objects(scope, call, target_key)
    pairs = _pair(scope, sources, targets)
    for source, target in pairs:
        if source.size != target.size:
            raise XmsError(SIZE_DIFFERS)
    refreshed = None
    if PAIRS[target_key] == "snapshot-set-id":
        refreshed = refer_group(scope.cluster, SNAPSHOT_SET, call.body[target_key])
    name = set_name_of(scope, call)
    if refreshed is not None or "snapshot-set-name" in call.body:
        array.check_group_name(SNAPSHOT_SET, name)
    if choice(call, "no-backup", ("true", "false"), "false") == "false":
        suffix = suffix_of(scope, call, "backup-snap-suffix")
        _keep(scope, pairs, suffix, name, refreshed is None)
    for source, target in pairs:
        array.overwrite(target, source)
    if refreshed is not None:
        # A refreshed set is a new set. Clients give it the old name afterwards, so the old set cannot stay.
        members = array.members(refreshed)
        for member in members:
            array.remove_member(refreshed, member)
        array.create_group(SNAPSHOT_SET, name, members, {"dissolve": True})
    return [("snapshots", target.id) for _source, target in pairs]


def _keep(scope: Scope, pairs: list[tuple[Volume, Volume]], suffix: str, set_name: str, in_set: bool) -> None:
    """Keep the content of the targets. What is called how, and in which set, and copied from what, is not known."""
    xms, array = scope.xms, scope.cluster.array
    names = {
        "requested": "{source}.{suffix}",
        "set_name": "{source}.{set_name}",
        "array": "{source}.backup_{stamp}_{number}",
        "free": "Backup{number:04}",
    }
    form = names[xms.assumed("restore.backup_name")]
    about = {"suffix": suffix, "set_name": set_name, "stamp": stamp(scope)}
    numbered = enumerate((target for _source, target in pairs), array.volumes.next_id)
    chosen_set = xms.assumed("restore.backup_set")
    kept = take(
        scope,
        [(target, form.format(source=target.name, number=number, **about)) for number, target in numbered],
        set_name if in_set and chosen_set == "requested" else None,
        writable=xms.assumed("restore.backup_type") == "regular",
        has_set=chosen_set != "none",
    )
    for (source, target), copy in zip(pairs, kept, strict=True):
        ancestors = {"volume": target, "ancestor": array.parent(target), "snapshot": source}
        array.reparent(copy, ancestors[xms.assumed("restore.backup_ancestor")])
        if seen_after := xms.assumed("restore.backup_seen_after"):
            copy.attributes["seen_from"] = xms.clock() + seen_after


def _key(call: Call, direction: str) -> str:
    """The one key of a body that names the source (``from``) or the target (``to``)."""
    given = [key for key in PAIRS if key in call.body and key.startswith(direction)]
    if len(given) != 1:
        raise XmsError(ledger.MISSING_PROPERTY.format(f"{direction}-volume-id") if not given else invalid(given[1]))
    return given[0]


def _objects(scope: Scope, call: Call, key: str) -> list[Volume]:
    kind = PAIRS[key]
    if kind == "volume-id":
        return [Volumes().refer(scope, required(call, key), "vol")]
    return scope.cluster.array.members(refer_group(scope.cluster, kind.removesuffix("-id"), required(call, key)))


def _pair(scope: Scope, sources: list[Volume], targets: list[Volume]) -> list[tuple[Volume, Volume]]:
    """The source for each target: of those that share an ancestor with it, the nearest."""
    array = scope.cluster.array
    pairs = []
    for target in targets:
        target_line = [ancestor.id for ancestor in array.lineage(target)]
        related = []
        for source in sources:
            source_line = [ancestor.id for ancestor in array.lineage(source)]
            shared = next((index for index in target_line if index in source_line), None)
            if shared is not None and source.id != target.id:
                related.append((target_line.index(shared) + source_line.index(shared), source.id, source))
        if not related and scope.xms.assumed("refresh.related") == "any" and len(sources) == 1:
            related.append((0, sources[0].id, sources[0]))
        if not related:
            raise XmsError(ledger.NOT_RELATED)
        pairs.append((min(related)[2], target))
    if not pairs:
        raise not_found("vol")
    return pairs
