# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a document on a cluster, by the requests that the XMS takes."""

from __future__ import annotations

from typing import Any

from ...document import Content, GroupRow, HostRow, MappingRow, SnapshotRow, VolumeRow
from ...errors import ConfigError
from .call import Call, dashed
from .copies import take
from .groups import ConsistencyGroups
from .hosts import InitiatorGroups, LunMaps
from .refusals import XmsError
from .resource import Resource, Scope
from .state import KIB, Cluster, XmsState
from .volumes import Volumes


class XtremioContent(Content):
    granularity = KIB
    has_os = True

    def __init__(self, xms: XmsState, cluster: Cluster) -> None:
        super().__init__(cluster.array)
        self._scope = Scope(xms, cluster)
        self._is_v2 = xms.version.numbers >= (4,)

    def _create(self, resource: Resource, **body: Any) -> None:
        resource.create(self._scope, self._call("POST", resource, body))

    def _call(self, method: str, resource: Resource, body: dict[str, Any]) -> Call:
        named = {dashed(key): value for key, value in body.items() if value is not None}
        return Call(2 if self._is_v2 else 1, method, resource.type, None, {}, named, "")

    def volume(self, row: VolumeRow) -> None:
        self._create(Volumes(), vol_name=row.name, vol_size=f"{row.size // KIB}k")

    def snapshot(self, row: SnapshotRow) -> None:
        # API v1 has writable snapshots only.
        source = Volumes().refer(self._scope, row.volume, "vol")
        take(self._scope, [(source, row.name)], None, writable=not self._is_v2)

    def group(self, row: GroupRow) -> None:
        if not self._is_v2:
            raise ConfigError("XIOS 3.x has no consistency groups")
        self._create(ConsistencyGroups(), consistency_group_name=row.name, vol_list=list(row.volumes))

    def host(self, row: HostRow) -> None:
        groups = InitiatorGroups()
        initiators = [{"port-address": address} for address in row.initiators]
        self._create(groups, ig_name=row.name, initiator_list=initiators)
        if row.os is not None:
            host = groups.refer(self._scope, row.name, "ig")
            groups.update(self._scope, self._call("PUT", groups, {"operating-system": row.os}), host)

    def mapping(self, row: MappingRow) -> None:
        self._create(LunMaps(), vol_id=row.volume, ig_id=row.host, lun=row.lun)

    def reason(self, error: Exception) -> str | None:
        return error.message if isinstance(error, XmsError) else super().reason(error)
