# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host that a simulated array makes its copies on: what a process sees that reads its files at any moment."""

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
        look = OBSERVERS.pop()
        look()
        OBSERVERS.append(look)


# There is no way to take an audit hook away again; without observers it does nothing.
sys.addaudithook(_observe)


class Host:
    """The files of a host that has one volume of an array, and what a reader would see before each change of them."""

    def __init__(self, root: Path) -> None:
        self.tree = DeviceTree(root, "IBM", "FlashSystem-9840")
        self.array = Array("a1", [Pool("p1", GIB)], datapath=self.tree)
        self.seen: list[tuple[str, ...]] = []
        self.faults: list[str] = []

    def disks(self) -> tuple[str, ...]:
        return tuple(sorted(path.name for path in (self.tree.sys / "block").iterdir()))

    def observe(self) -> None:
        self.seen.append(self.disks())
        for name in self.disks():
            missing = [file for file in FILES if not (self.tree.sys / "block" / name / file).exists()]
            self.faults += [f"{name} is listed without {file}" for file in missing]
        for link in (self.tree.dev / "disk" / "by-id").iterdir():
            if not (self.tree.dev / link.readlink().name).is_symlink():
                self.faults.append(f"{link.name} leads nowhere")

    async def tell(self, text: str, *file: str) -> None:
        """Write to a file that the kernel acts upon, and wait until it has."""
        before = self.disks()
        self.tree.sys.joinpath(*file).write_text(text)
        async with asyncio.timeout(20):
            while self.disks() == before:
                await asyncio.sleep(0)

    async def use(self) -> None:
        """A volume comes, its disks are found, another volume takes its LUN, and the disks are deleted."""
        volumes = [self.array.create_volume(name, MIB) for name in ("v1", "v2")]
        self.tree.start(["500507680b21ffff"], self.array)
        host = self.array.create_host("h1", [(wwpn, wwpn) for wwpn in HBA_WWPNS])
        mapping = self.array.map(volumes[0], host, 5)
        OBSERVERS.append(self.observe)
        try:
            await self.tell("- - -", "class", "scsi_host", "host1", "scan")
            self.array.unmap(mapping)
            self.array.map(volumes[1], host, 5)
            for name in self.disks():
                await self.tell("1", "block", name, "device", "delete")
        finally:
            OBSERVERS.clear()
            self.tree.stop()


def test_a_disk_is_never_seen_with_some_of_its_files(tmp_path: Path) -> None:
    host = Host(tmp_path)
    asyncio.run(host.use())
    assert set(host.seen) == {(), ("sda",), ("sda", "sdb"), ("sdb",)}
    assert host.faults == []
    assert host.disks() == ()
    assert not list((host.tree.dev / "disk" / "by-id").iterdir())
