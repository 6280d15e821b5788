# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes of an array behind iSCSI, by this host's kernel initiator (open-iscsi).

Sessions and node records that existed before are not changed. Those that were made to attach a volume are ended and
deleted by ``close``. ``iscsiadm -o new`` resets an existing record, including its CHAP credentials and start-up mode,
so a record is made only where iscsiadm reports that there is none.

What os-brick's connector (``connectors/iscsi.py``) does at each step, and what is done here:

- Portals and targets: it may ask the array for them (SendTargets discovery), which rewrites records of the host and
  their start-up mode. Here they come from the array's management interface, and nothing is discovered.
- Record: both make one only where there is none. It sets ``node.startup`` to automatic, also in a record that existed,
  since its volumes stay attached over a restart of the host. Here a copy does not outlive the process, so a record that
  is made is set to manual, and one that existed is not changed.
- CHAP: it writes the credentials into the record by the command line, where every user of the host can read them in the
  list of processes. Here the initiator uses its own configuration.
- Login: it lists the sessions first and logs in where there is none. Here iscsiadm itself reports that a session exists
  (status 15), so that nothing happens between the two.
- Scan: both set ``node.session.scan`` to manual, here in a record that is made only, and then scan for the one LUN, so
  that no other volume of the host appears with it. Both fall back to a rescan of the session.
- Several portals: it logs in to them in threads, and here in sequence, after a connection shows which ones answer.
- Logout: both keep a session that other disks of this host use. It counts every other disk of the session. Here a
  session is in use when one of its disks is mounted, is part of another device or is open for exclusive use, since an
  initiator without manual scan shows disks that were not requested.
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
"""The arguments of iscsiadm that name a target at a portal."""

# iscsiadm(8), EXIT STATUS
_SESSION_EXISTS = 15
_NO_RECORDS = (21, 255)
"""Releases before 2.0-872 end with 255, whatever the reason."""
_LOGIN_REFUSED = 24


class Iscsi(Fabric):
    """The iSCSI initiator of this host's kernel.

    :param program: ``iscsiadm``, or a program with the same arguments.
    """

    protocol = ISCSI

    def __init__(self, tree: Tree, timeout: float = 30.0, program: str = "iscsiadm") -> None:
        super().__init__(tree, timeout)
        self.program = program
        self._sessions: List[Tuple[Node, Port]] = []
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
        """Log in at each portal that answers and has no session yet, and scan for the LUN in all sessions.

        :raises Unauthorized: no login succeeds, and a portal refuses the CHAP credentials.
        :raises FlashError: no login succeeds for another reason.
        """
        problems = []
        logged_in = refused = False
        for port in ports:
            if port.protocol != ISCSI or not port.portal or not _answers(port.portal, self.timeout):
                continue
            node = ("-m", "node", "-T", port.address, "-p", port.portal)
            self._make_record(node)
            login = run_command((self.program,) + node + ("--login",))
            if login.status in (0, _SESSION_EXISTS):
                if login.status == 0:
                    self._sessions.append((node, port))
                logged_in = True
                self._scan_for(lun, node, port)
            else:
                refused = refused or login.status == _LOGIN_REFUSED
                problems.append("%s: %s" % (port.portal, login.complaint))
        if problems and not logged_in:
            reason = "the iSCSI login fails at %s" % "; ".join(problems)
            if refused:
                # As arguments of iscsiadm they would be in the process list, so they must be in the host's own file.
                raise Unauthorized(
                    reason,
                    hint="Put the CHAP credentials that the array has for this host into /etc/iscsi/iscsid.conf.",
                )
            raise FlashError(reason)

    def close(self) -> None:
        while self._sessions:
            node, port = self._sessions.pop()
            if self._is_used(port):
                # Another copy, or another program on this host, uses it by now. Its record must stay, set to manual.
                self._records = [record for record in self._records if record != node]
            else:
                run_command((self.program,) + node + ("--logout",))
        while self._records:
            run_command((self.program,) + self._records.pop() + ("-o", "delete"))

    # -- records and sessions ------------------------------------------------------------------------------------------

    def _make_record(self, node: Node) -> None:
        """Make a record for the login, unless this host has one of this target at this portal.

        :raises FlashError: iscsiadm does not report whether there is one.
        """
        existing_record = run_command((self.program,) + node + ("-o", "show"))
        if existing_record.status == 0:
            return
        if existing_record.status not in _NO_RECORDS:
            raise self._failed(node + ("-o", "show"), existing_record.complaint)
        self._run(node + ("-o", "new"))
        self._records.append(node)
        for setting in ("node.startup", "node.session.scan"):
            # Releases before 2.0-874 do not know the second one; then the login shows every LUN.
            run_command((self.program,) + node + ("-o", "update", "-n", setting, "-v", "manual"))

    def _scan_for(self, lun: int, node: Node, port: Port) -> None:
        folders = self._session_folders(port)
        for folder in folders:
            host = os.path.basename(os.path.dirname(folder))
            targets = [name.split(":")[1:] for name in self.tree.names(folder) if name.startswith("target")]
            for channel, target in targets or [["-", "-"]]:
                address = "%s %s %d" % (channel, target, lun)
                self.tree.write(address, self.tree.sys, "class", "scsi_host", host, "scan")
        if not folders:
            self._run(node + ("--rescan",))

    def _session_folders(self, port: Port) -> List[str]:
        """The directories in sysfs of the sessions with this target at this portal: .../host2/session1."""
        home = os.path.join(self.tree.sys, "class", "iscsi_session")
        address, portal_port = parse_endpoint(port.portal or "", PORTAL_PORT, "portal")
        found = []
        for name in self.tree.names(home):
            if self.tree.read(home, name, "targetname").lower() != port.address:
                continue
            connection = os.path.join(
                self.tree.sys, "class", "iscsi_connection", "connection%s:0" % name[len("session") :]
            )
            portal = (self.tree.read(connection, "persistent_address"), self.tree.read(connection, "persistent_port"))
            if portal == (address.strip("[]"), str(portal_port)):
                found.append(os.path.realpath(os.path.join(home, name, "device")))
        return found

    def _is_used(self, port: Port) -> bool:
        folders = tuple(folder + os.sep for folder in self._session_folders(port))
        if not folders:
            return False
        blocks = os.path.join(self.tree.sys, "block")
        return any(
            os.path.realpath(os.path.join(blocks, name, "device")).startswith(folders) and self.disks.is_used(name)
            for name in self.tree.names(blocks)
        )

    def _run(self, arguments: Tuple[str, ...]) -> None:
        result = run_command((self.program,) + arguments)
        if result.status != 0:
            raise self._failed(arguments, result.complaint)

    def _failed(self, arguments: Tuple[str, ...], complaint: str) -> FlashError:
        return FlashError(
            "%s %s failed: %s" % (self.program, " ".join(arguments), complaint),
            hint="Check that the initiator of this host works (iscsiadm -m node), and run the task again.",
        )


def _answers(portal: str, timeout: float) -> bool:
    try:
        socket.create_connection(parse_endpoint(portal, PORTAL_PORT, "portal"), min(timeout, 5.0)).close()
    except (OSError, Invalid):
        return False
    return True
