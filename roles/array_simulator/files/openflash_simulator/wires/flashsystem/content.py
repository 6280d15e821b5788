# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a document on the array, by the commands that it takes."""

from __future__ import annotations

from ...document import Content, HostRow, MappingRow, SnapshotRow, VolumeRow, is_iscsi
from . import hosts, ledger, volumes
from .cli import Command
from .refusals import Refusal
from .state import FlashsystemState

_UID_DIGITS = 12


class FlashsystemContent(Content):
    provisioning = ("thick",)
    granularity = ledger.SECTOR

    def __init__(self, system: FlashsystemState) -> None:
        super().__init__(system.array)
        self._system = system

    def volume(self, row: VolumeRow) -> None:
        pool = self.own_pool(row.pool)
        options = {"name": row.name, "mdiskgrp": pool.name, "size": str(row.size), "unit": "b"}
        volumes.mkvdisk(self._system, Command("mkvdisk", options))

    def snapshot(self, row: SnapshotRow) -> None:
        """The array has none. This collection keeps copies, whose names end with the UID of their source."""
        source = volumes.find_vdisk(self._system, row.volume)
        uid = self._system.serial(source).lower()[-_UID_DIGITS:]
        self.volume(VolumeRow(f"{row.name}.snap-{uid}", source.size, source.pool))

    def host(self, row: HostRow) -> None:
        wwpns = [address.replace(":", "") for address in row.initiators if not is_iscsi(address)]
        iqns = [address for address in row.initiators if is_iscsi(address)]
        # One command takes ports of one protocol.
        commands = [("hbawwpn", ":".join(wwpns)), ("iscsiname", ",".join(iqns))]
        commands = [(option, ports) for option, ports in commands if ports] or [("hbawwpn", "")]
        hosts.mkhost(self._system, Command("mkhost", {"name": row.name, commands[0][0]: commands[0][1]}))
        for option, ports in commands[1:]:
            hosts.addhostport(self._system, Command("addhostport", {option: ports}, row.name))

    def mapping(self, row: MappingRow) -> None:
        options = {"host": row.host, "force": "", **({} if row.lun is None else {"scsi": str(row.lun)})}
        hosts.mkvdiskhostmap(self._system, Command("mkvdiskhostmap", options, row.volume))

    def reason(self, error: Exception) -> str | None:
        return error.text if isinstance(error, Refusal) else super().reason(error)
