# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data path to a volume: it is mapped to this host for one copy and unmapped afterwards, also after a failure.

There are three: QEMU's own iSCSI initiator, with a name that is used once; the kernel of this host, over Fibre Channel
or iSCSI; and a tool of the array on this host (Dsware).
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Optional, Sequence, Tuple

from ..array import Array, HostChap
from ..attach import user_space
from ..attach.disks import Disk, Tree
from ..attach.fabric import Fabric
from ..attach.kernel import fabrics_of
from ..attach.qemu import Node, Qemu, disk_node
from ..errors import BadReply, Conflict, FlashError, InUse, NotFound, Unauthorized, Unsupported
from ..model import AGENT, ISCSI, OF_ALL_HOSTS, OF_VOLUME, Chap, Host, Initiator, Mapping, Port, Volume
from ..units import format_size, parse_initiator
from .work import Work

AUTO, USER_SPACE, KERNEL = "auto", "user_space", "kernel"


@dataclass(frozen=True)
class Settings:
    """:ivar method: AUTO, USER_SPACE or KERNEL.
    :ivar root: the folder with ``dev`` and ``sys`` of this host; other than ``/`` for simulated arrays only.
    :ivar seconds: for a login, and for a disk to appear.
    """

    method: str = AUTO
    root: str = "/"
    seconds: float = 30.0
    chap: Optional[Chap] = None


class DataPath:
    """The data path of one run to the volumes of one array."""

    def __init__(self, array: Array, qemu: Qemu, settings: Settings, work: Work) -> None:
        self._array = array
        self._qemu = qemu
        self._settings = settings
        self._work = work
        self.blocked = False
        """Something could not be undone: the file of the run is kept, and the next run tries again."""

    @contextmanager
    def open(self, volume: Volume, writable: bool) -> Iterator[Node]:
        """The volume as a node of QEMU. No other host has it mapped."""
        if self._array.capabilities.local_names:
            agent = self._agent()
            if agent is not None:
                with self._attached(volume, agent, writable) as node:
                    yield node
                return
        if self._by_qemu():
            with self._logged_in(volume) as node:
                yield node
        else:
            with self._as_disk(volume, writable) as node:
                yield node

    def _by_qemu(self) -> bool:
        if self._settings.method != AUTO:
            return self._settings.method == USER_SPACE
        if tuple(self._array.capabilities.protocols) == (ISCSI,):
            return True
        return any(port.protocol == ISCSI and port.portal for port in self._array.ports())

    # -- mapping -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _mapped(self, volume: Volume, host: Host, made: bool) -> Iterator[Mapping]:
        """Map the volume to the host, and unmap it at the end. It is noted first, for the next run."""
        self._work.note(mapped=[[volume.name, host.name]], host=[host.name, made])
        with _undoing(self._forget):
            mapping = self._array.map_volume(volume, host)
            with _undoing(lambda: self._undo_step(lambda: self._array.unmap_volume(mapping))):
                yield mapping

    def _undo_step(self, action: Callable[[], Any]) -> None:
        """When one step fails, no later one is tried: a volume must not be unmapped while this host has its disk."""
        if self.blocked:
            return
        self.blocked = True
        action()
        self.blocked = False

    def _forget(self) -> None:
        if self.blocked:
            return
        host, made = self._work.noted["host"]
        if made:
            drop_host(self._array, host)
        self._work.note(mapped=[], host=None, disks=[])

    def _ports(self, volume: Volume) -> Tuple[Port, ...]:
        return self._array.ports_of([volume.name]).items

    # -- by QEMU -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _logged_in(self, volume: Volume) -> Iterator[Node]:
        array, initiator = self._array, user_space.initiator_name()
        chap = self._settings.chap
        if array.capabilities.chap != OF_VOLUME:
            # Credentials of this host: they are made up for the copy, where the array asks for any.
            chap = (chap or user_space.random_chap()) if _asks_for_chap(array) else None
        own_chap = None if array.capabilities.chap == OF_VOLUME else chap
        self._work.note(host=[self._work.temporary, True], mapped=[])
        with _undoing(lambda: self._undo_step(lambda: drop_host(array, self._work.temporary))):
            host = array.create_host(self._work.temporary, [Initiator(initiator, ISCSI)], chap=own_chap)
            with self._mapped(volume, host, True) as mapping:
                if mapping.lun is None:
                    raise BadReply("the array does not report the LUN of the mapping", target=volume.name)
                seconds = self._settings.seconds
                ports = self._ports(volume)
                yield user_space.node(self._qemu, initiator, ports, mapping.lun, volume.size, chap, seconds)

    # -- by the kernel -------------------------------------------------------------------------------------------------

    @contextmanager
    def _as_disk(self, volume: Volume, writable: bool) -> Iterator[Node]:
        fabric = self._fabric()
        host, made = self._this_host(fabric)
        try:
            with self._mapped(volume, host, made) as mapping:
                if mapping.lun is None:
                    raise BadReply("the array does not report the LUN of the mapping", target=volume.name)
                ports = self._ports(volume)
                serial = volume.serial or self._serial(volume)
                if serial:
                    disk = fabric.attach(serial, volume.size, mapping.lun, ports)
                else:
                    disk = fabric.attach_lun(volume.size, mapping.lun, ports)
                self._work.note(disks=[[disk.serial, disk.size]])
                with _undoing(lambda: self._undo_step(lambda: fabric.detach(disk))):
                    with _opened(fabric, disk, writable) as descriptor:
                        is_device = stat.S_ISBLK(os.fstat(descriptor).st_mode)
                        yield disk_node(descriptor, volume.size, is_device)
        finally:
            fabric.close()

    def _serial(self, volume: Volume) -> Optional[str]:
        """Read again: some arrays give a volume its identity when it is first mapped."""
        mapped_volume = self._array.volumes([volume.name]).named(volume.name)
        return mapped_volume.serial if mapped_volume is not None else None

    def _fabric(self) -> Fabric:
        problems = []
        for fabric in fabrics_of(Tree(self._settings.root), self._settings.seconds):
            ports = self._array.ports().items if fabric.initiators() else ()
            problem = fabric.no_path(ports)
            if problem is None or (fabric.initiators() and fabric.protocol == ISCSI and not ports):
                return fabric
            problems.append(problem)
        raise Unsupported(
            "this host has no path to the array: %s" % ", and ".join(problems),
            hint="Run the task on a host that has one (delegate_to), or set data_path: user_space for iSCSI.",
        )

    def _this_host(self, fabric: Fabric) -> Tuple[Host, bool]:
        """This host on the array, and whether it was created for this copy."""
        addresses = fabric.initiators()
        found = self._array.find_hosts(addresses)
        if found.items:
            return found.items[0], False
        chap = None
        if fabric.protocol == ISCSI and _asks_for_chap(self._array):
            chap = self._settings.chap
            if chap is None:
                raise Unauthorized(
                    "the array demands CHAP, and has no host with the initiators of this one",
                    hint="Set chap_username and chap_password to those of /etc/iscsi/iscsid.conf, or create the host "
                    "on the array first (flash_host_map).",
                )
        name = self._work.temporary
        self._work.note(host=[name, True], mapped=[])
        ports = [Initiator(address, parse_initiator(address)[0]) for address in addresses]
        return self._array.create_host(name, ports, chap=chap), True

    # -- by the array's tool on the host -------------------------------------------------------------------------------

    def _agent(self) -> Optional[Host]:
        for name in sorted(self._array.capabilities.local_names, key=len):
            found = self._array.hosts([name]).named(name)
            if found is not None and found.kind == AGENT:
                return found
        return None

    @contextmanager
    def _attached(self, volume: Volume, host: Host, writable: bool) -> Iterator[Node]:
        with self._mapped(volume, host, False) as mapping:
            if not mapping.device:
                raise BadReply("the array does not report the device of the volume", target=volume.name)
            descriptor = _open(mapping.device, writable)
            try:
                size = os.lseek(descriptor, 0, os.SEEK_END)
                if size < volume.size:
                    raise Conflict(
                        "the device %s has %s, and the volume has %s"
                        % (mapping.device, format_size(size), format_size(volume.size))
                    )
                yield disk_node(descriptor, size, stat.S_ISBLK(os.fstat(descriptor).st_mode))
            finally:
                os.close(descriptor)


def _opened(fabric: Fabric, disk: Disk, writable: bool) -> Any:
    return fabric.disks.writing(disk) if writable else fabric.disks.reading(disk)


def _open(path: str, writable: bool) -> int:
    try:
        return os.open(path, (os.O_RDWR | os.O_EXCL if writable else os.O_RDONLY) | os.O_CLOEXEC)
    except PermissionError:
        raise Unauthorized("this user may not open %s" % path, hint="Run the task with become: true.") from None
    except OSError as error:
        raise InUse("%s cannot be opened: %s" % (path, error.strerror)) from None


@contextmanager
def _undoing(undo: Callable[[], Any]) -> Iterator[None]:
    """Undo at the end. After a failure an error of undoing is dropped: the next run undoes what remains."""
    try:
        yield
    except BaseException:
        try:
            undo()
        except FlashError:
            pass
        raise
    undo()


def _asks_for_chap(array: Array) -> bool:
    """Whether the array lets only initiators with CHAP credentials of their own log in."""
    found = HostChap.within(array)
    return found is not None and found.wants_chap()[0]


def drop_host(array: Array, name: str) -> None:
    """Delete a host that was made for a copy, unless somebody has mapped to it by now."""
    found = array.hosts([name]).named(name)
    if found is None:
        return
    try:
        array.delete_host(found)
    except (InUse, NotFound):
        pass


# -- after a killed run ------------------------------------------------------------------------------------------------


def undo(array: Array, work: Work, settings: Settings) -> None:
    """Undo what a killed run of this host had: its disks, its mappings, and the host that it created."""
    fabrics = fabrics_of(Tree(settings.root), settings.seconds)
    for serial, size in work.noted.get("disks") or ():
        _detach(fabrics, str(serial), int(size))
    for name, host in work.mapped:
        volume = array.volumes([name]).named(name)
        if volume is not None and volume.serial:
            _detach(fabrics, volume.serial, volume.size)
        for mapping in array.mappings(
            volumes=[name], hosts=None if array.capabilities.mappings_known == OF_ALL_HOSTS else [host]
        ):
            if (mapping.volume, mapping.host) == (name, host):
                if volume is not None and not volume.serial:
                    _detach_lun(array, fabrics, volume, mapping)
                array.unmap_volume(mapping)
    host_noted = work.noted.get("host")
    if host_noted and host_noted[1]:
        drop_host(array, str(host_noted[0]))
    work.note(mapped=[], host=None, disks=[])


def _detach(fabrics: Sequence[Fabric], serial: str, size: int) -> None:
    for fabric in fabrics:
        disk = fabric.disks.find(serial, size)
        if disk is not None:
            fabric.detach(disk)


def _detach_lun(array: Array, fabrics: Sequence[Fabric], volume: Volume, mapping: Mapping) -> None:
    """Where the array reports no identity of its volumes: detach what this host has at that LUN of its ports."""
    if mapping.lun is None or not any(fabric.initiators() for fabric in fabrics):
        return
    ports = array.ports_of([volume.name]).items
    for fabric in fabrics:
        for name, home in fabric.disks.paths_at(mapping.lun):
            if fabric.leads(home, ports):
                serial = fabric.disks.identity(name)
                if serial is not None:
                    _detach([fabric], serial, volume.size)
