# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a document on the array, as its managers do."""

from __future__ import annotations

from ...document import Content, HostRow, MappingRow, SnapshotRow, VolumeRow
from ...rules import NotFound
from .codes import Refusal
from .rest import Rest
from .state import MIB, DswareState


class DswareContent(Content):
    granularity = MIB
    options = frozenset({"total_iops_max", "total_bandwidth_max"})

    def __init__(self, system: DswareState, rest: Rest) -> None:
        super().__init__(system.array)
        self._system = system
        self._rest = rest

    def volume(self, row: VolumeRow) -> None:
        made = self._system.create_volume(row.name, row.size // MIB, self.own_pool(row.pool).id)
        iops, rate = row.options.get("total_iops_max"), row.options.get("total_bandwidth_max")
        if not iops and not rate:
            return
        # A document does not have the array's policies, so each volume has one.
        limits = {**({"maxIOPS": iops} if iops else {}), **({"maxMBPS": rate // 1024} if rate else {})}
        self._rest.carry_out("qos/create", {"qosName": f"policy-{made.id}", "qosSpecInfo": limits})
        self._rest.carry_out("qos/volume/associate", {"qosName": f"policy-{made.id}", "keyNames": [row.name]})

    def snapshot(self, row: SnapshotRow) -> None:
        self._system.create_snapshot(row.name, row.volume)

    def host(self, row: HostRow) -> None:
        self._rest.carry_out("host/create", {"hostName": row.name})
        for address in row.initiators:
            self._rest.carry_out("iscsi/createPort", {"portName": address})
        if row.initiators:
            self._rest.carry_out("host/port/add", {"hostName": row.name, "portNames": list(row.initiators)})

    def mapping(self, row: MappingRow) -> None:
        if row.host in self._system.agents:
            self._system.attach(row.volume, row.host)
            return
        host = self.array.hosts.find(row.host)
        if host is None:
            raise NotFound("host", row.host)
        # The array's own call takes no LUN; a document may have the one that the host sees.
        self.array.map(self._system.volume(row.volume), host, row.lun)

    def reason(self, error: Exception) -> str | None:
        return f"{error.code} {error.text}" if isinstance(error, Refusal) else super().reason(error)
