# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host that this runs on, which copies: its path to the array, its object there, and its mappings."""

from __future__ import annotations

import re
import socket
import threading
from typing import Dict, Optional, Sequence, Set, Tuple

from ...attach.fabric import Fabric
from ...errors import NotFound, Unsupported
from ...model import Host, Initiator
from ...transport.confirm import ATTEMPTS, AnswerLost
from ...units import parse_initiator
from .hosts import Hosts
from .ledger import SEEN_AFTER
from .names import HOST_PREFIX
from .refusals import AlreadyMapped, NeedsForce
from .volumes import Volumes
from .wire import Commands


class ThisHost(Volumes, Hosts):
    """Maps vdisks to this host for as long as a copy takes.

    :param fabrics: the data paths from this host to the array, the preferred one first.
    """

    def __init__(self, wire: Commands, fabrics: Sequence[Fabric], patience: float) -> None:
        super().__init__(wire, patience)
        self._fabrics = tuple(fabrics)
        self._path: Optional[Fabric] = None
        self._path_problem: Optional[str] = ""
        self._this_host: Optional[Host] = None
        self._made_for_copies: Optional[Host] = None
        self._found_made: Optional[Host] = None
        """The host as another run has made it: a killed one, or one that is at work."""
        self._mapped_late: Set[str] = set()
        """Vdisks that may be mapped to this host after they were unmapped: the answer to a mapping was lost."""
        self._lock = threading.RLock()

    def _no_path(self) -> Optional[str]:
        """Checked once: whether an adapter of this host sees a port of the array. Without one nothing is read."""
        with self._lock:
            if self._path_problem != "":
                return self._path_problem
            problems = []
            for fabric in self._fabrics:
                problem = fabric.no_path(self.ports().items if fabric.initiators() else ())
                if problem is None:
                    self._path = fabric
                    self._path_problem = None
                    return None
                problems.append(problem)
            self._path_problem = ", and ".join(problems)
            return self._path_problem

    def _fabric(self, operation: str) -> Fabric:
        problem = self.capabilities.refusal(operation)
        if problem is not None or self._path is None:
            raise Unsupported(problem or "this host has no path to the array", array=self.label)
        return self._path

    def _find_this_host(self, fabric: Fabric) -> Host:
        """This host on the array: found by any of its ports, else created; once per task."""
        with self._lock:
            if self._this_host is None:
                found = self.find_hosts(fabric.initiators())
                if found.items:
                    self._this_host = found.items[0]
                    if self._this_host.name == self._name_of_this_host():
                        self._found_made = self._this_host
                else:
                    self._this_host = self._make_this_host(fabric)
            return self._this_host

    @staticmethod
    def _name_of_this_host() -> str:
        return HOST_PREFIX + (re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()) or "host")

    def _make_this_host(self, fabric: Fabric) -> Host:
        ports = [Initiator(address, parse_initiator(address)[0]) for address in fabric.initiators()]
        self._made_for_copies = self.create_host(self._name_of_this_host(), ports)
        return self._made_for_copies

    def _unmap_late(self) -> None:
        """Unmap what the array may have mapped to this host after the end of a copy: two requests each."""
        if self._this_host is not None:
            for vdisk in sorted(self._mapped_late):
                self._unmap_here(vdisk, self._this_host)

    def _delete_own_host(self) -> None:
        """Delete the host that was created for copies. The array refuses when it has mappings by now."""
        host, self._this_host, self._made_for_copies = self._made_for_copies, None, None
        self._found_made = None
        if host is not None:
            self.delete_host(host)

    def _map_here(self, fabric: Fabric, vdisk: str, this_host: Host) -> bool:
        """Map to this host, with ``-force`` where the array demands it: the source is only read, the target is new.

        Returns whether this made the mapping.
        """
        force = answer_lost = made_again = False
        for attempt in range(ATTEMPTS + 2):
            try:
                self._send_map(vdisk, this_host.name, None, force)
                return True
            except AlreadyMapped:
                return answer_lost
            except NeedsForce:
                if force:
                    raise
                force = True
            except NotFound:
                # The run that made the host for its copies has ended meanwhile, and has deleted it.
                if made_again or this_host.name != self._name_of_this_host() or self.hosts([this_host.name]).items:
                    raise
                made_again = True
                with self._lock:
                    self._this_host = self._make_this_host(fabric)
            except AnswerLost:
                answer_lost = True
                if any(one.host == this_host.name for one in self._mappings_of_volume(vdisk)):
                    return True
                self._mapped_late.add(vdisk)
                if attempt >= ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _unmap_here(self, vdisk: str, this_host: Host) -> None:
        for attempt in range(ATTEMPTS):
            problem = self._unmap_once(vdisk, this_host.name)
            if problem is None or not any(one.host == this_host.name for one in self._mappings_of_volume(vdisk)):
                return
            if attempt == ATTEMPTS - 1:
                raise self._unsuitable(problem) if isinstance(problem, NotFound) else problem

    def _visible_to(self, this_host: Host, vdisks: Sequence[str]) -> Dict[str, Tuple[str, int]]:
        """(identity, LUN) by name of the vdisks that are mapped to this host, as soon as these are among them.

        :raises NotFound: one is not mapped to it any more.
        """
        visible: Dict[str, Tuple[str, int]] = {}

        def read() -> bool:
            rows = self._wire.mappings_of_host(self._array_name(this_host.name))
            visible.clear()
            visible.update(
                {row["vdisk_name"]: (row["vdisk_UID"].lower(), int(row["SCSI_id"])) for row in rows if "" not in row}
            )
            return all(vdisk in visible for vdisk in vdisks)

        if not self._listed_in_time(read):
            missing = next(vdisk for vdisk in vdisks if vdisk not in visible)
            raise NotFound(
                "volume %s is not mapped to host %s any more" % (missing, this_host.name), assumption=SEEN_AFTER
            )
        return visible
