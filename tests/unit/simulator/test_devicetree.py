# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device files of a simulated host are complete at every moment at which a process reads them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openflash_simulator.array import Array
from openflash_simulator.devicetree import HBA_WWPNS, DeviceTree
from openflash_simulator.objects import Pool

MIB = 1 << 20
GIB = 1 << 30
FILES = ("size", "ro", "holders", "device/wwid", "device/delete", "device/vpd_pg83", "device/state")

OBSERVERS: list[Callable[[], None]] = []
CHANGES = {"os.remove", "os.rmdir", "os.rename", "os.mkdir", "os.symlink", "os.link", "open"}


def _observe(event: str, arguments: Any) -> None:
    if event in CHANGES and OBSERVERS:
        observer = OBSERVERS.pop()
        observer()
        OBSERVERS.append(observer)


# An audit hook cannot be removed; without observers it does nothing.
sys.addaudithook(_observe)


class Host:
    """The device files of a host with a volume of an array, read before each change of them."""

    def __init__(self, root: Path) -> None:
        self.tree = DeviceTree(root, "IBM", "FlashSystem-9840")
        self.array = Array("a1", [Pool("p1", GIB)], datapath=self.tree)
        self.observed: list[tuple[str, ...]] = []
        self.defects: list[str] = []

    def disks(self) -> tuple[str, ...]:
        return tuple(sorted(path.name for path in (self.tree.sys / "block").iterdir()))

    def observe(self) -> None:
        self.observed.append(self.disks())
        for name in self.disks():
            missing = [file for file in FILES if not (self.tree.sys / "block" / name / file).exists()]
            self.defects += [f"{name} is listed without {file}" for file in missing]
        for link in (self.tree.dev / "disk" / "by-id").iterdir():
            if not (self.tree.dev / link.readlink().name).is_symlink():
                self.defects.append(f"{link.name} has no target")

    async def write_and_wait(self, text: str, *file: str) -> None:
        """Write to a file to which the kernel reacts, and wait until the disks have changed."""
        before = self.disks()
        self.tree.sys.joinpath(*file).write_text(text)
        async with asyncio.timeout(20):
            while self.disks() == before:
                await asyncio.sleep(0)

    async def replace_volume(self) -> None:
        """Map a volume, scan for its disks, map another volume at its LUN, and delete the disks."""
        volumes = [self.array.create_volume(name, MIB) for name in ("v1", "v2")]
        self.tree.start(["500507680b21ffff"], self.array)
        host = self.array.create_host("h1", [(wwpn, wwpn) for wwpn in HBA_WWPNS])
        mapping = self.array.map(volumes[0], host, 5)
        OBSERVERS.append(self.observe)
        try:
            await self.write_and_wait("- - -", "class", "scsi_host", "host1", "scan")
            self.array.unmap(mapping)
            self.array.map(volumes[1], host, 5)
            for name in self.disks():
                await self.write_and_wait("1", "block", name, "device", "delete")
        finally:
            OBSERVERS.clear()
            self.tree.stop()


def test_a_disk_appears_and_disappears_with_all_of_its_files(tmp_path: Path) -> None:
    host = Host(tmp_path)
    asyncio.run(host.replace_volume())
    assert set(host.observed) == {(), ("sda",), ("sda", "sdb"), ("sdb",)}
    assert host.defects == []
    assert host.disks() == ()
    assert not list((host.tree.dev / "disk" / "by-id").iterdir())
