# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes (section 3 of the sheet)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any

from ...objects import Volume
from . import ledger
from .call import Call
from .folders import join_folder, leave_folders
from .monitoring import VOLUME_COUNTERS
from .refusals import HAS_SCHEDULER, IN_CONSISTENCY_GROUP, XmsError
from .resource import Field, Links, Resource, Scope, choice, common, required, text
from .state import OID, Cluster, guid, kib, naa_name, oid
from .tags import drop_object, tag_list, tag_objects

CONSISTENCY_GROUP = "consistency-group"
SNAPSHOT_SET = "snapshot-set"
_SIZE = re.compile(r"(\d+)([kmgtp])\Z", re.IGNORECASE)
_ALERTS = ("small-io-alerts", "unaligned-io-alerts", "vaai-tp-alerts")
_ACCESS = ("no_access", "read_access", "write_access")


def parse_size(call: Call) -> int:
    """``vol-size`` in bytes: an integer of KB, or a string of a number and a binary unit."""
    value = required(call, "vol-size")
    if isinstance(value, int) and not isinstance(value, bool):
        return value * 1024
    if isinstance(value, str) and (found := _SIZE.match(value)):
        return int(found[1]) << 10 * ("kmgtp".index(found[2].lower()) + 1)
    raise XmsError(ledger.INVALID_SIZE)


def timestamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def _ancestor(scope: Scope, volume: Volume) -> OID:
    parent = scope.cluster.array.parent(volume)
    return oid(parent) if parent else []


def _family(scope: Scope, volume: Volume) -> OID:
    """The snapshot group: the same for all that were copied from each other. Its name and index are our choice."""
    if scope.xms.assumed("refresh.related") == "any":
        return []
    first = scope.cluster.array.lineage(volume)[-1]
    return [guid("snapshot group", first.uuid), f"group-{first.id}", first.id]


def _lun_maps(scope: Scope, volume: Volume) -> list[list[Any]]:
    array = scope.cluster.array
    group = oid(scope.cluster.target_groups[1])
    return [[oid(array.hosts[mapping.host]), group, mapping.lun] for mapping in array.mappings_of(volume)]


def seen(scope: Scope, volumes: Iterable[Volume]) -> list[Volume]:
    """Those that the array lists already."""
    return [volume for volume in volumes if _if_seen(scope, volume)]


def _if_seen(scope: Scope, volume: Volume | None) -> Volume | None:
    return volume if volume and volume.attributes.get("seen_from", 0.0) <= scope.xms.clock() else None


def _naa(scope: Scope, volume: Volume) -> str:
    """Section 3, inferred: a new volume has no NAA name before it is first mapped."""
    if scope.xms.assumed("volumes.naa_given") == "created":
        return naa_name(volume)
    return volume.wwn if volume.attributes.get("naa_from", 0.0) <= scope.xms.clock() else ""


def _alert(name: str) -> Field:
    def shown(scope: Scope, volume: Volume) -> Any:
        present = scope.xms.assumed("objects.alerts_and_counters") == "present"
        return volume.attributes.get(name, "enabled" if present else "disabled")

    return shown


def _groups(kind: str) -> Field:
    return lambda scope, row: [oid(group) for group in scope.cluster.array.groups_of(row, kind)]


def _attribute(name: str, default: Any) -> Field:
    return lambda scope, row: row.attributes.get(name, default)


class Volumes(Resource):
    type = "volumes"
    fields = {
        **common("vol-id"),
        "xms-id": lambda scope, row: scope.xms.oid,
        "vol-size": lambda scope, row: kib(row.size),
        "logical-space-in-use": lambda scope, row: kib(row.used),
        "lb-size": _attribute("lb-size", 512),
        "alignment-offset": _attribute("alignment-offset", 0),
        "naa-name": _naa,
        "lu-name": lambda scope, row: "",
        "vol-type": lambda scope, row: "regular",
        "vol-access": lambda scope, row: row.attributes.get(
            "vol-access", "write_access" if row.writable else "read_access"
        ),
        "creation-time": lambda scope, row: timestamp(row.created),
        "ancestor-vol-id": _ancestor,
        "dest-snap-list": lambda scope, row: [oid(child) for child in seen(scope, scope.cluster.array.children(row))],
        "num-of-dest-snaps": lambda scope, row: len(seen(scope, scope.cluster.array.children(row))),
        "num-of-lun-mappings": lambda scope, row: len(scope.cluster.array.mappings_of(row)),
        "lun-mapping-list": _lun_maps,
        "compressible": lambda scope, row: "yes",
        **{name: _alert(name) for name in _ALERTS},
        **VOLUME_COUNTERS,
    }
    fields_v2 = {
        "snapset-list": _groups(SNAPSHOT_SET),
        "snapgrp-id": _family,
        "related-consistency-groups": _groups(CONSISTENCY_GROUP),
        "snapshot-type": lambda scope, row: row.attributes.get("snapshot-type", "regular"),
        "tag-list": lambda scope, row: tag_list(scope, "volumes", row),
    }
    creates = frozenset({"vol-name", "vol-size", "alignment-offset", "lb-size", "vol-access", "tag-list", *_ALERTS})
    updates = frozenset({"vol-name", "name", "vol-size", "vol-access", *_ALERTS})
    deletes = frozenset()

    def rows(self, scope: Scope) -> Iterable[Volume]:
        return seen(scope, scope.cluster.array.volumes)

    def by_index(self, scope: Scope, index: int) -> Volume | None:
        return _if_seen(scope, scope.cluster.array.volumes.get(index))

    def by_name(self, scope: Scope, name: str) -> Volume | None:
        return _if_seen(scope, scope.cluster.array.find_volume(name))

    def create(self, scope: Scope, call: Call) -> Links:
        array = scope.cluster.array
        size = parse_size(call)
        block = call.body.get("lb-size", 512)
        offset = call.body.get("alignment-offset", 0)
        if block not in (512, 4096):
            raise XmsError(ledger.INVALID_VALUE.format("lb-size"))
        if offset not in range(8) or (offset and block != 512):
            raise XmsError(ledger.INVALID_VALUE.format("alignment-offset"))
        # Without a name the array makes one up; its form is inferred.
        name = text(call, "vol-name") if "vol-name" in call.body else f"Volume{array.volumes.next_id}"
        attributes = {"lb-size": block, "alignment-offset": offset, **_access_and_alerts(call)}
        folder = join_folder(scope, call, "volume")
        tags = tag_objects(scope, call)
        volume = array.create_volume(name, size, attributes=attributes)
        if folder is not None:
            folder.members.append(volume.id)
        for tag in tags:
            tag.members.append((scope.cluster.index, "volumes", volume.id))
        return [("volumes", volume.id)]

    def update(self, scope: Scope, call: Call, row: Volume) -> None:
        array = scope.cluster.array
        changes = _access_and_alerts(call)
        names = [text(call, key) for key in ("vol-name", "name") if key in call.body]
        for name in names:
            array.check_rename(row, name)
        if "vol-size" in call.body:
            array.extend_volume(row, parse_size(call))
        for name in names:
            array.rename_volume(row, name)
        if changes:
            row.attributes.update(changes)
            array.touched("volume.change", row)

    def delete(self, scope: Scope, call: Call, row: Volume) -> None:
        check_deletable(scope.cluster, row)
        delete_volume(scope, row)


def check_deletable(cluster: Cluster, volume: Volume) -> None:
    """Refuse when the volume is in a consistency group or has a scheduler. A mapping is no obstacle (section 3)."""
    if cluster.array.groups_of(volume, CONSISTENCY_GROUP):
        raise XmsError(IN_CONSISTENCY_GROUP)
    if any(scheduler.volume == volume.id for scheduler in cluster.schedulers):
        raise XmsError(HAS_SCHEDULER)


def delete_volume(scope: Scope, volume: Volume) -> None:
    """Delete a volume with its mappings.

    Its snapshots get its own ancestor, and a snapshot set is deleted with its last member (section 3).
    """
    scope.cluster.array.delete_volume(volume)
    drop_object(scope, "volumes", volume.id)
    leave_folders(scope.cluster, "volume", volume.id)


def _access_and_alerts(call: Call) -> dict[str, str]:
    found = {}
    for key in _ALERTS:
        if key in call.body:
            found[key] = choice(call, key, ("enabled", "disabled"), "disabled")
    if "vol-access" in call.body:
        found["vol-access"] = choice(call, "vol-access", _ACCESS, "write_access")
    return found
