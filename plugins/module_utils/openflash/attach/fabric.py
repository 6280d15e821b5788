# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the protocols of this host's kernel share: scan, wait for the disk, and detach it before it is unmapped."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Optional, Sequence, Tuple

from ..errors import Conflict, FlashError, MissingProgram, Timeout
from ..model import Port
from ..transport import programs
from ..transport.deadline import Deadline
from .disks import Disk, Disks, Tree

COMMAND_TIMEOUT = 60.0


class Fabric(ABC):
    """One protocol between this host and an array's target ports.

    :param tree: where this host's devices are.
    :param timeout: seconds within which a disk must appear, and disappear.
    """

    protocol: str

    def __init__(self, tree: Tree, timeout: float = 30.0) -> None:
        self.tree = tree
        self.disks = Disks(tree)
        self.timeout = timeout

    @abstractmethod
    def initiators(self) -> Tuple[str, ...]:
        """The addresses of this host's initiators, in canonical form; none where it does not have the protocol."""

    @abstractmethod
    def no_path(self, ports: Sequence[Port]) -> Optional[str]:
        """Why no volume behind these ports can reach this host, in a clause; None when one can."""

    @abstractmethod
    def scan(self, lun: int, ports: Sequence[Port]) -> None:
        """Make this host scan for that LUN behind these ports."""

    def close(self) -> None:
        """End the sessions that were begun in order to attach."""
        return

    def attach(self, serial: str, size: int, lun: int, ports: Sequence[Port]) -> Disk:
        """The mapped volume as a disk.

        :raises Conflict: this host has a stale path at its LUN.
        :raises Timeout: it does not appear in time.
        """
        deadline = Deadline(self.timeout, first=0.05, longest=1.0)
        scans = 0
        while True:
            found = self.disks.find(serial, size)
            if found is not None and self._is_complete(found):
                return found
            # The fabric may not have noticed the mapping at the first scan. Constant scans would slow it down.
            if deadline.elapsed >= scans * self.timeout / 4:
                scans += 1
                self.scan(lun, ports)
            stale = self.disks.stale(serial)
            if stale:
                raise Conflict(
                    "the volume is at LUN %d, but this host still has %s as an earlier volume"
                    % (lun, ", ".join(stale)),
                    hint="Delete the stale path on this host (echo 1 > /sys/block/%s/device/delete) and run again."
                    % stale[0],
                )
            if not deadline.pause():
                raise Timeout(
                    "the volume did not appear on this host within %g s" % self.timeout,
                    hint="Check zoning and cabling; %s lists what this host has." % self._by_id(),
                )

    @abstractmethod
    def leads(self, home: str, ports: Sequence[Port]) -> bool:
        """Whether the path with this folder under sys leads to one of these target ports."""

    def attach_lun(self, size: int, lun: int, ports: Sequence[Port]) -> Disk:
        """Attach where the array reports no identity of its volumes: the disk that answers at that LUN of its ports.

        All paths must give one answer, and it must be what this host takes them for.
        """
        deadline = Deadline(self.timeout, first=0.05, longest=1.0)
        scans = 0
        while True:
            names = [name for name, home in self.disks.paths_at(lun) if self.leads(home, ports)]
            found = {name: self.disks.identity(name) for name in names}
            serials = {serial for serial in found.values() if serial}
            if len(serials) > 1:
                raise Conflict("LUN %d leads to more than one volume: %s" % (lun, ", ".join(sorted(found))))
            if serials and None not in found.values():
                return self.attach(serials.pop(), size, lun, ports)
            if deadline.elapsed >= scans * self.timeout / 4:
                scans += 1
                self.scan(lun, ports)
            if not deadline.pause():
                dead = sorted(name for name, serial in found.items() if serial is None)
                if dead:
                    raise Conflict(
                        "%s does not answer" % ", ".join(dead),
                        hint="It is a stale path of an earlier volume: delete it on this host (echo 1 > "
                        "/sys/block/%s/device/delete) and run again." % dead[0],
                    )
                raise Timeout(
                    "the volume did not appear on this host at LUN %d within %g s" % (lun, self.timeout),
                    hint="Check zoning and cabling.",
                )

    def _is_complete(self, disk: Disk) -> bool:
        """False while a path is part of a multipath device that is not found yet: it appears after its paths."""
        if disk.multipath or not self.disks.paths(disk.serial):
            return True
        return not any(
            self.tree.read(self.tree.sys, "block", holder, "dm", "uuid").startswith("mpath-")
            for name in self.disks.paths(disk.serial)
            for holder in self.tree.names(self.tree.sys, "block", name, "holders")
        )

    def _by_id(self) -> str:
        return os.path.join(self.tree.dev, "disk", "by-id")

    def detach(self, disk: Disk) -> None:
        """Remove the disk from this host, before the volume is unmapped.

        :raises FlashError: a program on this host still uses its multipath device.
        """
        if disk.multipath:
            self.disks.flush(disk)
            name = self.tree.read(self.tree.sys, "block", disk.multipath, "dm", "name") or disk.multipath
            done = run_command(("multipath", "-f", name))
            if done.status:
                raise FlashError(
                    "multipath cannot remove %s: %s" % (name, done.complaint),
                    hint="Stop what still uses it on this host.",
                )
        self.disks.delete(disk, Deadline(self.timeout, first=0.02, longest=0.5))


def run_command(words: Sequence[str], timeout: float = COMMAND_TIMEOUT) -> programs.Ended:
    """Run a program of this host, without a shell."""
    try:
        return programs.run(words, timeout)
    except FileNotFoundError:
        raise MissingProgram(words[0], "to attach a volume to this host, or to detach one") from None
    except programs.Expired:
        raise Timeout("%s did not end within %g s" % (words[0], timeout)) from None
