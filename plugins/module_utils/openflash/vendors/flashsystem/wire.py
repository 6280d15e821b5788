# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of commands (sheet, section 2): every command that this client sends, row by row, under the command's name.

A list has one row for each object. What is read of one object is None when it does not exist; a change of it raises
NotFound then. A change raises AnswerLost when it may have been made.
"""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Sequence, TypeVar

from ...errors import BadReply, Invalid, NotFound, Unsupported
from ...model import FC, Initiator
from ...transport.ssh import SshTransport
from ...units import GIB
from .cli import Cli, Pairs, Row, value
from .ledger import IO_GROUP, IQN_LIST, LIST_ALL, WWPN_LIST, WWPN_OPTION
from .refusals import Rejected

T = TypeVar("T")
NAMED = ("id", "name")
NEWER_WWPN_OPTION = "-fcwwpn"
"""What a later document has in place of WWPN_OPTION (section 2.3)."""
NOT_TAKEN = (Unsupported, Rejected)
"""How the array may refuse the form of a command that it knows in another form."""


class Commands(Cli):
    """The command line of one array, and its commands."""

    def __init__(self, ssh: SshTransport, threads: int = 1) -> None:
        super().__init__(ssh, threads)
        self.one_port_at_a_time = False
        """A command takes one port only: several have been refused."""
        self._wwpn_option = WWPN_OPTION.value
        self._lists_all_mappings = LIST_ALL.value

    # -- system, pools, nodes and ports (2.1) --------------------------------------------------------------------------

    def lssystem(self) -> Optional[Pairs]:
        return self.detail("lssystem", session=True)

    def lsmdiskgrp(self, session: bool = False) -> List[Row]:
        return self.table("lsmdiskgrp", "-bytes", session=session)

    def lsnode(self, session: bool = True) -> List[Row]:
        return self.table("lsnode", session=session)

    def lsportfc(self, session: bool = True) -> List[Row]:
        return self.table("lsportfc", session=session)

    def lsportip(self, session: bool = True) -> List[Row]:
        return self.table("lsportip", session=session)

    def lsdrive(self) -> List[Row]:
        return self.table("lsdrive")

    def lseventlog(self) -> List[Row]:
        """The alerts that nobody has fixed."""
        options = [("alert", "yes"), ("message", "no"), ("monitoring", "no"), ("expired", "no"), ("fixed", "no")]
        words = [word for name, value_of in options for word in ("-" + name, value_of)]
        return self.table("lseventlog", *words, needs=("sequence_number", "last_timestamp"))

    def lssystemstats(self) -> List[Row]:
        return self.table("lssystemstats", needs=("stat_name", "stat_current"))

    # -- vdisks (2.2) --------------------------------------------------------------------------------------------------

    def lsvdisks(self) -> List[Row]:
        return self.table("lsvdisk", "-bytes", needs=NAMED)

    def lsvdisk(self, name_or_id: str) -> Optional[Pairs]:
        return self._one(lambda: self.detail("lsvdisk", name_or_id, "-bytes"), self.lsvdisks, name_or_id)

    @staticmethod
    def _one(read: Callable[[], Optional[Pairs]], read_all: Callable[[], List[Row]], name: str) -> Optional[Pairs]:
        """One object. Where the code of the refusal is not known, the list decides whether it exists."""
        try:
            return read()
        except Rejected:
            if not any("" in row or name in (row["id"], row["name"]) for row in read_all()):
                return None
            return read()  # it is listed by now, or refused for another reason

    def mkvdisk(self, name: str, pool: str, size: int) -> Optional[str]:
        """The id of the new vdisk, if the array reports it. ``size`` is in bytes."""
        words = ["-name", value(name), "-mdiskgrp", value(pool), "-iogrp", IO_GROUP]
        return self.create("mkvdisk", *words, *_size(size))

    def expandvdisksize(self, name: str, added: int) -> None:
        """``added``: the bytes to add, not the new size."""
        self.change("expandvdisksize", *_size(added), value(name))

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
        return self._one(lambda: self.detail("lshost", name), self.lshosts, name)

    def port_options(self, initiators: Sequence[Initiator]) -> List[List[str]]:
        """The options that name these ports, for one command after the other.

        A command takes ports of one protocol.
        """
        by_protocol: Dict[str, List[str]] = {}
        for initiator in initiators:
            by_protocol.setdefault(initiator.protocol, []).append(initiator.address)
        options = []
        for protocol, addresses in by_protocol.items():
            parts = [[address] for address in addresses] if self.one_port_at_a_time else [addresses]
            for part in parts:
                if protocol == FC:
                    options.append([self._wwpn_option, WWPN_LIST.value.join(address.upper() for address in part)])
                else:
                    options.append(["-iscsiname", IQN_LIST.value.join(part)])
        return options

    def _with_ports(self, send: Callable[[Sequence[str]], T], ports: Sequence[str]) -> T:
        """Send a command that names ports. Where the array does not take the option of WWPNs, with the newer one."""
        try:
            return send(ports)
        except NOT_TAKEN:
            if ports[0] != WWPN_OPTION.value:
                raise
        done = send([NEWER_WWPN_OPTION, *ports[1:]])
        self._wwpn_option = NEWER_WWPN_OPTION
        return done

    def mkhost(self, name: str, ports: Sequence[str]) -> Optional[str]:
        """The id of the new host, if the array reports it. ``-force``: the ports need not be logged in yet.

        :param ports: one of ``port_options``.
        """
        return self._with_ports(lambda named: self.create("mkhost", "-force", *named, "-name", value(name)), ports)

    def addhostport(self, name: str, ports: Sequence[str]) -> None:
        self._with_ports(lambda named: self.change("addhostport", "-force", *named, value(name)), ports)

    def rmhostport(self, name: str, ports: Sequence[str]) -> None:
        self._with_ports(lambda named: self.change("rmhostport", *named, value(name)), ports)

    def rename_host(self, name: str, new_name: str) -> None:
        self.change("chhost", "-name", value(new_name), value(name))

    def rmhost(self, name: str) -> None:
        """Without ``-force``, which would remove its mappings too."""
        self.change("rmhost", value(name))

    def lsfabric(self, command: str) -> List[Row]:
        """The log-ins of Fibre Channel ports, under the name that the command has on this array."""
        return self.table(command, needs=("remote_wwpn", "local_wwpn"))

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
        """The mappings of one host, or all; those host by host where the array does not list all at once."""
        if host is not None:
            return self.table("lshostvdiskmap", value(host))
        if self._lists_all_mappings:
            try:
                return self.table("lshostvdiskmap")
            except NOT_TAKEN:
                self._lists_all_mappings = False
        hosts = self.lshosts()
        if any("" in row for row in hosts):
            raise BadReply("the list of hosts cannot be read, so their mappings cannot either")
        return [row for rows in self.each(self.mappings_of_host, [row["name"] for row in hosts]) for row in rows]

    def mappings_of_host(self, host: str) -> List[Row]:
        """None when it does not exist, or is not seen yet."""
        return self._none_if_missing(self.lshostvdiskmap, self.lshost, host)

    def mappings_of_vdisk(self, vdisk: str) -> List[Row]:
        """None when it does not exist, or is not seen yet."""
        return self._none_if_missing(self.lsvdiskhostmap, self.lsvdisk, vdisk)

    @staticmethod
    def _none_if_missing(
        list_mappings: Callable[[str], List[Row]], read: Callable[[str], Optional[Pairs]], name: str
    ) -> List[Row]:
        try:
            return list_mappings(name)
        except NotFound:
            return []
        except Rejected:
            if read(name) is None:
                return []
            return list_mappings(name)  # it is seen by now, or refused for another reason

    def lsvdiskhostmap(self, vdisk: str) -> List[Row]:
        return self.table("lsvdiskhostmap", vdisk)


def _size(size: int) -> List[str]:
    """The options for a size in bytes: in whole GiB where that is possible, as the published driver sends it."""
    return ["-size", str(size // GIB), "-unit", "gb"] if size % GIB == 0 else ["-size", str(size), "-unit", "b"]
