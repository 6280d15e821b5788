# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes of an array behind iSCSI, by this host's kernel initiator (open-iscsi).

Sessions and node records that were there stay as they are. Those that were made to attach a volume are ended and
deleted again by ``close``. ``iscsiadm`` resets a record that is made anew, with its CHAP credentials and its start-up
mode, so a record is only made where there is none.
"""

from __future__ import annotations

import os
import shutil
import socket
from typing import List, Optional, Sequence, Tuple

from ..errors import FlashError, Invalid, Unauthorized, packages_of
from ..model import ISCSI, Port
from ..units import parse_endpoint, parse_initiator
from .disks import Tree
from .fabric import Fabric, run_command

PORTAL_PORT = 3260

Node = Tuple[str, ...]
"""The words of iscsiadm that name a target at a portal."""

# iscsiadm(8), EXIT STATUS
_SESSION_EXISTS = 15
_NO_RECORDS = 21
_LOGIN_REFUSED = 24


class Iscsi(Fabric):
    """This host's iSCSI initiator.

    :param program: ``iscsiadm``, or another that takes its arguments.
    """

    protocol = ISCSI

    def __init__(self, tree: Tree, timeout: float = 30.0, program: str = "iscsiadm") -> None:
        super().__init__(tree, timeout)
        self.program = program
        self._sessions: List[Node] = []
        self._records: List[Node] = []

    def initiators(self) -> Tuple[str, ...]:
        for line in self.tree.read(self.tree.etc, "iscsi", "initiatorname.iscsi").splitlines():
            key, _equals, value = line.partition("=")
            if key.strip() == "InitiatorName":
                try:
                    return (parse_initiator(value)[1],)
                except Invalid:
                    return ()
        return ()

    def no_path(self, ports: Sequence[Port]) -> Optional[str]:
        if not self.initiators():
            return "it has no iSCSI initiator name"
        if shutil.which(self.program) is None:
            packages = packages_of(self.program)
            return "the program %s is not installed%s" % (self.program, " (%s)" % packages if packages else "")
        portals = [port.portal for port in ports if port.protocol == ISCSI and port.portal]
        if not portals:
            return "the array has no iSCSI portal that is up"
        if not any(_answers(portal, self.timeout) for portal in portals):
            return "none of the portals %s answers it" % ", ".join(portals)
        return None

    def leads(self, home: str, ports: Sequence[Port]) -> bool:
        session = next((part for part in home.split(os.sep) if part.startswith("session")), None)
        if session is None:
            return False
        target = self.tree.read(self.tree.sys, "class", "iscsi_session", session, "targetname")
        return target.lower() in {port.address for port in ports if port.protocol == ISCSI}

    def scan(self, lun: int, ports: Sequence[Port]) -> None:
        """Log in where there is no session yet, else look again."""
        problems = []
        there = refused = False
        for port in ports:
            if port.protocol != ISCSI or not port.portal or not _answers(port.portal, self.timeout):
                continue
            node = ("-m", "node", "-T", port.address, "-p", port.portal)
            self._make_record(node)
            done = run_command((self.program,) + node + ("--login",))
            if done.status == 0:
                self._sessions.append(node)
                there = True
            elif done.status == _SESSION_EXISTS:
                self._run(node + ("--rescan",))
                there = True
            else:
                refused = refused or done.status == _LOGIN_REFUSED
                problems.append("%s: %s" % (port.portal, done.complaint))
        if problems and not there:
            reason = "the iSCSI login fails at %s" % "; ".join(problems)
            if refused:
                # Given to iscsiadm they would be in the list of processes, so they are the host's own to keep.
                raise Unauthorized(
                    reason,
                    hint="Put the CHAP credentials that the array has for this host into /etc/iscsi/iscsid.conf.",
                )
            raise FlashError(reason)

    def close(self) -> None:
        while self._sessions:
            run_command((self.program,) + self._sessions.pop() + ("--logout",))
        while self._records:
            run_command((self.program,) + self._records.pop() + ("-o", "delete"))

    def _make_record(self, node: Node) -> None:
        """A record for the login, where this host has none of this target at this portal."""
        if run_command((self.program,) + node + ("-o", "show")).status == 0:
            return
        self._run(node + ("-o", "new"))
        self._records.append(node)

    def _run(self, words: Tuple[str, ...]) -> None:
        done = run_command((self.program,) + words)
        if done.status not in (0, _NO_RECORDS):
            raise FlashError("%s %s fails: %s" % (self.program, " ".join(words), done.complaint))


def _answers(portal: str, timeout: float) -> bool:
    try:
        socket.create_connection(parse_endpoint(portal, PORTAL_PORT, "portal"), min(timeout, 5.0)).close()
    except (OSError, Invalid):
        return False
    return True
