# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of commands (sheet, section 2): every command that this client sends, row by row, under the command's name.

A list has one row for each object. What is read of one object is None when it does not exist; a change of it raises
NotFound then. A change raises AnswerLost when it may have been made.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence

from ...errors import Invalid
from ...model import FC, Initiator
from .cli import Cli, Pairs, Row, value
from .ledger import IO_GROUP, IQN_JOIN, WWPN_JOIN

NAMED = ("id", "name")


class Commands(Cli):
    """The command line of one array, and its commands."""

    # -- system, pools, nodes and ports (2.1) --------------------------------------------------------------------------

    def lssystem(self) -> Optional[Pairs]:
        return self.detail("lssystem", session=True)

    def lsmdiskgrp(self, session: bool = False) -> List[Row]:
        return self.table("lsmdiskgrp", "-bytes", session=session)

    def lsnode(self) -> List[Row]:
        return self.table("lsnode", session=True)

    def lsportfc(self) -> List[Row]:
        return self.table("lsportfc", session=True)

    def lsportip(self) -> List[Row]:
        return self.table("lsportip", session=True)

    # -- vdisks (2.2) --------------------------------------------------------------------------------------------------

    def lsvdisks(self) -> List[Row]:
        return self.table("lsvdisk", "-bytes", needs=NAMED)

    def lsvdisk(self, name_or_id: str) -> Optional[Pairs]:
        return self.detail("lsvdisk", name_or_id, "-bytes")

    def mkvdisk(self, name: str, pool: str, size: int) -> Optional[str]:
        """The id of the new vdisk, if the array reports it. ``size`` is in bytes."""
        words = ["-name", value(name), "-mdiskgrp", value(pool), "-iogrp", IO_GROUP, "-size", str(size), "-unit", "b"]
        return self.create("mkvdisk", *words)

    def expandvdisksize(self, name: str, added: int) -> None:
        """``added``: the bytes to add, not the new size."""
        self.change("expandvdisksize", "-size", str(added), "-unit", "b", value(name))

    def rename_vdisk(self, name: str, new_name: str) -> None:
        self.change("chvdisk", "-name", value(new_name), value(name))

    def set_udid(self, name: str, udid: str) -> None:
        self.change("chvdisk", "-udid", udid, value(name))

    def rmvdisk(self, name: str) -> None:
        """Without ``-force``, which would remove its mappings too."""
        self.change("rmvdisk", value(name))

    # -- hosts and their ports (2.3) -----------------------------------------------------------------------------------

    def lshosts(self) -> List[Row]:
        return self.table("lshost", needs=NAMED)

    def lshost(self, name: str) -> Optional[Pairs]:
        return self.detail("lshost", name)

    def mkhost(self, name: str, ports: Sequence[str]) -> Optional[str]:
        """The id of the new host, if the array reports it. ``-force``: the ports need not be logged in yet.

        :param ports: one of ``port_options``.
        """
        return self.create("mkhost", "-force", *ports, "-name", value(name))

    def addhostport(self, name: str, ports: Sequence[str]) -> None:
        self.change("addhostport", "-force", *ports, value(name))

    def rmhostport(self, name: str, ports: Sequence[str]) -> None:
        self.change("rmhostport", *ports, value(name))

    def rmhost(self, name: str) -> None:
        """Without ``-force``, which would remove its mappings too."""
        self.change("rmhost", value(name))

    # -- mappings (2.4) ------------------------------------------------------------------------------------------------

    def mkvdiskhostmap(self, vdisk: str, host: str, lun: Optional[int], force: bool = False) -> None:
        """``force``: another host has the vdisk. A LUN below 0, which another client is known to send, is not sent."""
        if lun is not None and lun < 0:
            raise Invalid("LUN %d is not possible" % lun)
        words = (["-force"] if force else []) + ["-host", value(host)] + ([] if lun is None else ["-scsi", str(lun)])
        self.change("mkvdiskhostmap", *words, value(vdisk))

    def rmvdiskhostmap(self, vdisk: str, host: str) -> None:
        self.change("rmvdiskhostmap", "-host", value(host), value(vdisk))

    def lshostvdiskmap(self, host: Optional[str] = None) -> List[Row]:
        """The mappings of one host, or all."""
        return self.table("lshostvdiskmap", *([] if host is None else [host]))

    def lsvdiskhostmap(self, vdisk: str) -> List[Row]:
        return self.table("lsvdiskhostmap", vdisk)


def port_options(initiators: Sequence[Initiator]) -> List[List[str]]:
    """The options that name these ports, for one command after the other: a command takes ports of one protocol."""
    by_protocol: Dict[str, List[str]] = {}
    for initiator in initiators:
        by_protocol.setdefault(initiator.protocol, []).append(initiator.address)
    options = []
    for protocol, addresses in by_protocol.items():
        if protocol == FC:
            options.append(["-hbawwpn", WWPN_JOIN.join(address.upper() for address in addresses)])
        else:
            options.append(["-iscsiname", IQN_JOIN.join(addresses)])
    return options
