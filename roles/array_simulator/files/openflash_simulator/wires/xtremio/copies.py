# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy operation, which makes snapshots, clones and backups, and its snapshot sets (section 4 of the sheet)."""

from __future__ import annotations

from typing import Any

from ...objects import Group, Volume
from . import ledger
from .call import Call
from .refusals import XmsError, not_found
from .resource import Scope, text
from .state import Cluster, oid
from .volumes import CONSISTENCY_GROUP, SNAPSHOT_SET


def take(
    scope: Scope, requested: list[tuple[Volume, str]], set_name: str | None, *, writable: bool, has_set: bool = True
) -> list[Volume]:
    """Copies of one instant, in one new set (XIOS 3.x has no sets). Returns them in the order of the request."""
    array = scope.cluster.array
    has_sets = has_set and scope.xms.version.numbers >= (4,)
    name = set_name or _unique_set_name(scope)
    if has_sets:
        array.check_group_name(SNAPSHOT_SET, name)
    attributes = {"snapshot-type": "regular" if writable else "readonly"}
    made = array.create_snapshots(requested, writable=writable, attributes=attributes)
    for (source, _name), snapshot in zip(requested, made, strict=True):
        for key in ("lb-size", "alignment-offset"):
            snapshot.attributes[key] = source.attributes.get(key, 512 if key == "lb-size" else 0)
        snapshot.attributes["content"] = source.attributes.get("content", source.uuid)
    if has_sets:
        array.create_group(SNAPSHOT_SET, name, made, {"dissolve": True})
    return made


def suffix_of(scope: Scope, call: Call, key: str) -> str:
    suffix = text(call, key) if key in call.body else stamp(scope)
    if len(suffix) > scope.xms.assumed("names.suffix_longest"):
        raise XmsError(ledger.NAME_INVALID)
    return suffix


def stamp(scope: Scope) -> str:
    """The default suffix: the time in milliseconds, before 6.0 in seconds, so that two in one second collide."""
    now = scope.xms.clock()
    return str(int(now * 1000) if scope.xms.version.numbers >= (6,) else int(now))


def set_name_of(scope: Scope, call: Call) -> str:
    if "snapshot-set-name" in call.body:
        return checked_set_name(scope, text(call, "snapshot-set-name"))
    return f"SnapshotSet.{stamp(scope)}"


def checked_set_name(scope: Scope, name: str) -> str:
    if len(name) > scope.xms.limits["snapshot_set_name"]:
        raise XmsError(ledger.NAME_INVALID)
    return name


def _unique_set_name(scope: Scope) -> str:
    """A name that no set has. v1 requests name no set, so they must not fail because of its name."""
    sets = scope.cluster.array.groups(SNAPSHOT_SET)
    return f"SnapshotSet.{int(scope.xms.clock() * 1000)}.{sets.next_id}"


def refer_group(cluster: Cluster, kind: str, reference: Any) -> Group:
    table = cluster.array.groups(kind)
    for group in table:
        if (reference in (group.name, group.id) and not isinstance(reference, bool)) or reference == oid(group):
            return group
    raise not_found("cg" if kind == CONSISTENCY_GROUP else "snapset")


def invalid(key: str) -> str:
    return ledger.INVALID_VALUE.format(key)
