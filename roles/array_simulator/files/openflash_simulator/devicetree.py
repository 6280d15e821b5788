# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes as the disks of one host on a Fibre Channel fabric: a folder with the ``dev``, ``sys`` and ``proc`` it has.

There is no user-space Fibre Channel, so the tree stands for the kernel of a host with two HBA ports (:data:`HBA_WWPNS`)
that sees the array's target ports. It behaves as Linux does, also where that is inconvenient:

- a mapped volume shows up only after a scan: ``- - -`` (or ``CHANNEL TARGET LUN``) written to
  ``sys/class/scsi_host/hostN/scan``; each HBA port is a separate path (unlike on Linux, a scan of one
  port scans all of them, because a FIFO cannot keep its writer waiting until a scan has ended);
- an unmapped volume's disks stay, and reading them fails, until ``1`` is written to ``sys/block/sdX/device/delete``;
- such a disk shows whatever volume gets its LUN next, under the old ``/dev/disk/by-id`` link and with the old size;
  only ``device/vpd_pg83``, which here stands for an INQUIRY of the disk, shows the new volume.

Files that the kernel acts upon are FIFOs. A folder under ``sys`` appears complete and disappears at once, as the
kernel's do: it is made and deleted in ``changing``, and renamed in between.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .array import Array
from .images import Images
from .inquiry import naa_of, page_83
from .objects import Host, Initiator, Mapping, Volume

HBA_WWPNS = ("10000000c9f10001", "10000000c9f10002")


@dataclass
class _Disk:
    """One path to one LUN: sdX."""

    name: str
    adapter: int
    lun: int
    wwn: str
    fifos: list[int] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{self.adapter}:0:0:{self.lun}"


class DeviceTree(Images):
    """The host that the folder ``root`` describes."""

    def __init__(self, root: Path, vendor: str, model: str) -> None:
        super().__init__(root / "images")
        self._vendor = f"{vendor:8}"
        self._model = model
        self.root = root
        self.dev = root / "dev"
        self.sys = root / "sys"
        self._disks: dict[str, _Disk] = {}
        self._luns: dict[int, Volume] = {}
        self._array: Array | None = None
        self._fifos: list[int] = []
        self._changing = root / "changing"

    # ---- life ------------------------------------------------------------------------------------------------------

    def start(self, targets: Sequence[str], array: Array) -> None:
        """Build the tree; volumes that a state file brought back begin as zeros unless their bytes are still there."""
        self._array = array
        for old in ("dev", "sys", "proc", self._changing.name):
            shutil.rmtree(self.root / old, ignore_errors=True)
        devices = self.sys / "bus" / "scsi" / "devices"
        by_id = self.dev / "disk" / "by-id"
        for folder in (self._changing, devices, by_id, self.sys / "block", self.root / "proc" / "self"):
            folder.mkdir(parents=True, exist_ok=True)
        for name in ("mountinfo", "../swaps"):
            (self.root / "proc" / "self" / name).write_text("")
        for at, wwpn in enumerate(HBA_WWPNS, 1):
            _files(self.sys / "class" / "fc_host" / f"host{at}", port_name=f"0x{wwpn}", port_state="Online")
            adapter = self.sys / "class" / "scsi_host" / f"host{at}"
            adapter.mkdir(parents=True)
            self._fifos.append(self._fifo(adapter / "scan", self._scan))
            for number, target in enumerate(targets):
                remote = self.sys / "class" / "fc_remote_ports" / f"rport-{at}:0-{number}"
                _files(remote, port_name=f"0x{target}", port_state="Online", roles="FCP Target", scsi_target_id="0")
        self.take_up(array)
        self._refresh()

    def stop(self) -> None:
        for disk in list(self._disks.values()):
            self._forget(disk)
        for descriptor in self._fifos:
            self._close(descriptor)
        self._fifos.clear()

    # ---- what the array does ---------------------------------------------------------------------------------------

    def map(self, volume: Volume, host: Host, initiators: Sequence[Initiator], lun: int) -> None:
        if any(_is_of_host(initiator) for initiator in initiators):
            self._show(volume, lun)

    def unmap(self, volume: Volume, host: Host, lun: int) -> None:
        if self._luns.get(lun) is volume:
            self._hide(lun)

    def host_changed(self, host: Host, initiators: Sequence[Initiator], mappings: Sequence[Mapping]) -> None:
        self._refresh()

    def _refresh(self) -> None:
        """Compare the mappings of this host with the disks that it has."""
        assert self._array is not None
        mapped: dict[int, Volume] = {}
        for host in self._array.hosts:
            if any(_is_of_host(initiator) for initiator in self._array.initiators_of(host)):
                for mapping in self._array.mappings_for(host):
                    mapped[mapping.lun] = self._array.volumes[mapping.volume]
        for lun in [lun for lun, volume in self._luns.items() if mapped.get(lun) is not volume]:
            self._hide(lun)
        for lun, volume in mapped.items():
            self._show(volume, lun)

    def _show(self, volume: Volume, lun: int) -> None:
        self._luns[lun] = volume
        for disk in self._disks.values():
            if disk.lun == lun:
                self._answer(disk, volume)

    def _hide(self, lun: int) -> None:
        self._luns.pop(lun, None)
        for disk in self._disks.values():
            if disk.lun == lun:
                self._answer(disk, None)

    def _answer(self, disk: _Disk, volume: Volume | None) -> None:
        """What is at the other end of the path now, whatever the host believes."""
        self._replace_link(self.dev / disk.name, self.image(volume) if volume else self.images / "unmapped")
        page = self._changing / "vpd_pg83"
        page.write_bytes(page_83(_identity(volume)) if volume else b"")
        page.replace(self.sys / "bus" / "scsi" / "devices" / disk.address / page.name)

    # ---- what the host does ----------------------------------------------------------------------------------------

    def _scan(self, text: str) -> None:
        for line in text.splitlines():
            fields = line.split()
            if len(fields) != 3 or fields[0] not in ("-", "0") or fields[1] not in ("-", "0"):
                continue
            for lun, volume in sorted(self._luns.items()):
                if fields[2] in ("-", str(lun)):
                    for adapter in range(1, len(HBA_WWPNS) + 1):
                        self._discover(adapter, lun, volume)
                    self._link(_identity(volume))

    def _discover(self, adapter: int, lun: int, volume: Volume) -> None:
        if any((disk.adapter, disk.lun) == (adapter, lun) for disk in self._disks.values()):
            return
        disk = _Disk(self._free_name(), adapter, lun, _identity(volume))
        device = self._changing / disk.address
        _files(device, state="running", wwid=f"naa.{disk.wwn}", vendor=self._vendor, model=self._model)
        (device / "vpd_pg83").touch()
        disk.fifos.append(self._fifo(device / "delete", lambda text: self._delete(disk, text)))
        block = self._changing / disk.name
        _files(block, size=str(volume.size // 512), ro="0")
        (block / "holders").mkdir()
        (block / "device").symlink_to(Path("../..") / "bus" / "scsi" / "devices" / disk.address)
        self._disks[disk.name] = disk
        device.rename(self.sys / "bus" / "scsi" / "devices" / disk.address)
        self._answer(disk, volume)
        block.rename(self.sys / "block" / disk.name)

    def _delete(self, disk: _Disk, text: str) -> None:
        if text.strip() == "1":
            self._forget(disk)

    def _forget(self, disk: _Disk) -> None:
        """Remove first the links to the disk, then its block device, and last the SCSI device that this refers to."""
        if self._disks.pop(disk.name, None) is None:
            return
        for descriptor in disk.fifos:
            self._close(descriptor)
        self._link(disk.wwn)
        (self.dev / disk.name).unlink(missing_ok=True)
        self._remove(self.sys / "block" / disk.name)
        self._remove(self.sys / "bus" / "scsi" / "devices" / disk.address)

    def _link(self, wwn: str) -> None:
        """One link for all paths to a disk, as udev keeps it: to an existing path."""
        link = self.dev / "disk" / "by-id" / f"wwn-0x{wwn}"
        paths = [disk.name for disk in self._disks.values() if disk.wwn == wwn]
        if paths:
            self._replace_link(link, Path("../..") / paths[-1])
        else:
            link.unlink(missing_ok=True)

    def _remove(self, folder: Path) -> None:
        """At once for whoever reads the tree."""
        shutil.rmtree(folder.rename(self._changing / folder.name))

    def _replace_link(self, link: Path, target: Path) -> None:
        new = self._changing / "link"
        new.symlink_to(target)
        new.replace(link)

    def _free_name(self) -> str:
        letters = "abcdefghijklmnopqrstuvwxyz"
        names = (a + b for a in ("", *letters) for b in letters)
        return next(f"sd{name}" for name in names if f"sd{name}" not in self._disks)

    # ---- files that the kernel acts upon ---------------------------------------------------------------------------

    def _fifo(self, path: Path, act: Callable[[str], None]) -> int:
        os.mkfifo(path, 0o600)
        # For reading and writing, so that it never is at its end when a writer goes.
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        asyncio.get_running_loop().add_reader(descriptor, lambda: act(os.read(descriptor, 4096).decode()))
        return descriptor

    @staticmethod
    def _close(descriptor: int) -> None:
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)


def _files(folder: Path, **contents: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        (folder / name).write_text(text + "\n")


def _is_of_host(initiator: Initiator) -> bool:
    """Whether it is an HBA port of this host. Some wires keep a WWPN with colons."""
    return initiator.address.replace(":", "") in HBA_WWPNS


def _identity(volume: Volume) -> str:
    """The WWN of the disk. Some arrays do not report it by their management."""
    return volume.wwn or naa_of("6001b97", volume.uuid, 32)
