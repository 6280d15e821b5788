# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arrays that images are copied to and from, and what a test does with one of them."""

from __future__ import annotations

import hashlib
import random
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.module.abilities import DATERA, DSWARE, DSWARE_SOCKET, FLASHSYSTEM, VIOLIN, XTREMIO, XTREMIO_3
from tests.module.arrays import FAST_COPIES, SOCKET, ArrayUnderTest, Result, Row as ArrayRow, without_source
from tests.support.iscsi import portal_address

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True)
class Row(ArrayRow):
    tool: str = ""
    """The program by which volumes are attached to this host."""
    by_qemu: bool = False
    """The bytes go over iSCSI, by QEMU's own initiator."""
    notes: bool = False
    """The array itself keeps which image a volume was made of."""


ROWS = (
    Row(
        "xtremio",
        {"vendor": "xtremio", "protocol": "iscsi", "datapath": True, "chap": True, "address": portal_address()},
        by_qemu=True,
        notes=True,
        can=XTREMIO,
    ),
    Row(
        "datera",
        {"vendor": "datera", "datapath": True, "slowness": 0, "address": portal_address()},
        {"offline_changes": True},
        by_qemu=True,
        notes=True,
        scope="/root",
        can=DATERA,
    ),
    Row(
        "flashsystem",
        {"vendor": "flashsystem", "protocol": "fc", "datapath": True},
        shown=without_source,
        can=FLASHSYSTEM,
    ),
    Row("violin", {"vendor": "violin", "protocol": "fc", "datapath": True, "limits": FAST_COPIES}, can=VIOLIN),
    # With a tool of the host the array shows volumes past its mappings, which then do not tell who has them.
    Row(
        "dsware",
        {"vendor": "dsware", "datapath": True},
        tool="vbs_cli",
        can=replace(DSWARE, mappings_known="of_no_host"),
    ),
)

OTHERS = (
    Row(
        "xtremio-3.0",
        {
            "vendor": "xtremio",
            "version": "3.0.3-11",
            "protocol": "iscsi",
            "datapath": True,
            "address": portal_address(),
        },
        by_qemu=True,
        can=XTREMIO_3,
    ),
    Row(
        "dsware-socket",
        {"vendor": "dsware", "datapath": True},
        SOCKET,
        hosts=False,
        port="socket_port",
        trust=None,
        tool="vbs_cli",
        can=DSWARE_SOCKET,
    ),
)
"""Older wires of the same arrays, of which some tests make sure."""


def random_file(path: Path, size: int, data: int | None = None, seed: int = 1) -> Path:
    """A file of so many bytes, of which the first ``data`` are random and the others a hole."""
    source, left = random.Random(seed), size if data is None else data
    with path.open("wb") as stream:
        while left:
            left -= stream.write(source.randbytes(min(left, 16 * MIB)))
        stream.truncate(size)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def qemu_img(*words: str | Path) -> None:
    """Run qemu-img; AssertionError with all that it wrote when it fails."""
    done = subprocess.run(["qemu-img", *map(str, words)], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"qemu-img {words} ended with {done.returncode}\n{done.stdout}{done.stderr}"


class Lab:
    """One array, a folder for files, and the module."""

    def __init__(self, row: Row, array: ArrayUnderTest, folder: Path) -> None:
        self.row = row
        self.array = array
        self.folder = folder

    # ---- files -----------------------------------------------------------------------------------------------------

    def raw(self, name: str = "image.raw", size: int = 4 * MIB, data: int | None = None, seed: int = 1) -> Path:
        return random_file(self.folder / name, size, data, seed)

    def image(self, image_format: str, source: Path, *options: str) -> Path:
        path = source.with_suffix(f".{image_format}")
        qemu_img("convert", "-f", "raw", "-O", image_format, *options, source, path)
        return path

    # ---- tasks -----------------------------------------------------------------------------------------------------

    def args(self, **args: Any) -> dict[str, Any]:
        given = {"name": "golden", "state_dir": str(self.folder / "state"), **self.array.unused, **args}
        given = {key: str(value) if isinstance(value, Path) else value for key, value in given.items()}
        return {key: value for key, value in given.items() if value is not None}

    def run(self, **args: Any) -> Result:
        options = {key: args.pop(key) for key in ("check", "diff", "verbosity", "connection") if key in args}
        return self.array.task("flash_image", **options, **self.args(**args))

    def imported(self, path: Path | str, **args: Any) -> Result:
        done = self.run(path=path, **args)
        assert not done.failed, done.msg
        self.nothing_left()
        return done

    def exported(self, path: Path, **args: Any) -> Result:
        done = self.run(path=path, state="exported", **args)
        assert not done.failed, done.msg
        self.nothing_left()
        return done

    def refused(self, *words: str, kind: str | None = None, both: bool = True, **args: Any) -> Result:
        """A task that must fail with these words and change nothing on the array, in check mode too."""
        before = self.array.state()
        for check in (True, False) if both else (False,):
            result = self.run(check=check, **args)
            assert result.failed, result
            for word in words:
                assert word.lower() in result.msg.lower(), result.msg
            if kind is not None:
                assert result["error"]["kind"] == kind, result["error"]
            assert "Traceback" not in result.stdout + result.stderr
            assert result["error"]["doing"], result["error"]
        assert self.array.state() == before
        self.nothing_left()
        return result

    def done(self, module: str, **args: Any) -> Result:
        return self.array.done(module, **args)

    # ---- the array -------------------------------------------------------------------------------------------------

    def volumes(self) -> set[str]:
        return {self.row.shown(name) for name in self.array.volumes()}

    def smallest(self, size: int) -> int:
        """The size of a volume that is to have so many bytes at least."""
        able = self.array.capabilities
        return -(-max(size, able.smallest) // able.granularity) * able.granularity

    def content(self, name: str) -> str:
        """A digest of what the array has in that volume."""
        return str(next(one["content"] for one in self.array.state()["volumes"] if one["name"] == name))

    def file(self, name: str) -> Path:
        """Where the simulated array has the bytes of that volume."""
        number = str(next(one["id"] for one in self.array.state()["volumes"] if one["name"] == name))
        run_dir = self.array.simulator.run_dir
        found = [
            path
            for folder in (f"{self.row.name}.images", f"{self.row.name}.host/images")
            for path in (run_dir / folder).rglob(number)
            if path.is_file()
        ]
        assert len(found) == 1, found
        return found[0]

    def allocated(self, name: str) -> int:
        return self.file(name).stat().st_blocks * 512

    def spoil(self, name: str) -> None:
        """Some host writes to it, and nobody notices."""
        with self.file(name).open("r+b") as stream:
            stream.seek(MIB)
            stream.write(b"changed")

    @property
    def plain(self) -> dict[str, Any]:
        """What a connection lacks that does not attach to this host."""
        return {"attach_tool": None} if self.row.tool else {}

    def map_elsewhere(self, name: str) -> None:
        """Another host has it."""
        if self.row.tool:
            connection = {"attach_tool": None}
            self.done(
                "flash_host_map",
                host="other",
                initiators=["iqn.2026-01.org.example:other"],
                volume=name,
                connection=connection,
            )
            return
        chap = {"chap_username": "of-other", "chap_password": "chap-secret-14"} if self.row.name == "xtremio" else {}
        address = "iqn.2026-01.org.example:other" if self.row.by_qemu else "20:00:00:00:c9:00:00:99"
        self.done("flash_host_map", host="other", initiators=[address], volume=name, **chap)

    def nothing_left(self) -> None:
        """No volume, host, mapping or device that was made for a copy; no file that would undo one."""
        state = self.array.state()
        assert [one["name"] for one in state["volumes"] if one["name"].startswith("of-")] == []
        assert [one["name"] for one in state["hosts"] if one["name"].startswith("of-")] == []
        assert [one["host"] for one in state["mappings"] if one["host"].startswith("of-")] == []
        assert self.disks() == []
        folder = self.folder / "state"
        left = [path.name for path in folder.iterdir() if path.name.startswith("of-")] if folder.exists() else []
        assert left == []

    def disks(self) -> list[str]:
        """What this host has of devices."""
        root = self.array.endpoint.get("device_root")
        if root is None:
            return []
        folder = Path(root) / "sys" / "block"
        if folder.exists():
            return sorted(path.name for path in folder.iterdir())
        return sorted(path.name for path in Path(root).iterdir() if not path.is_dir())
