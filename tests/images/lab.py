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
    """The program that attaches volumes to this host."""
    by_qemu: bool = False
    """QEMU's own initiator reads and writes volumes over iSCSI."""
    notes: bool = False
    """The array keeps a note of which image a volume was made of."""


ROWS = (
    Row(
        "xtremio",
        {"vendor": "xtremio", "protocol": "iscsi", "datapath": True, "chap": True, "address": portal_address()},
        by_qemu=True,
        notes=True,
        abilities=XTREMIO,
    ),
    Row(
        "datera",
        {"vendor": "datera", "datapath": True, "slowness": 0, "address": portal_address()},
        {"offline_changes": True},
        by_qemu=True,
        notes=True,
        scope="/root",
        abilities=DATERA,
    ),
    Row(
        "flashsystem",
        {"vendor": "flashsystem", "protocol": "fc", "datapath": True},
        requested_name=without_source,
        abilities=FLASHSYSTEM,
    ),
    Row("violin", {"vendor": "violin", "protocol": "fc", "datapath": True, "limits": FAST_COPIES}, abilities=VIOLIN),
    # The host's tool attaches volumes without a mapping, so mappings do not show which hosts have a volume.
    Row(
        "dsware",
        {"vendor": "dsware", "datapath": True},
        tool="vbs_cli",
        abilities=replace(DSWARE, mappings_known="of_no_host"),
    ),
)

OLDER = (
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
        abilities=XTREMIO_3,
    ),
    Row(
        "dsware-socket",
        {"vendor": "dsware", "assume": {"dsware.socket.extensions": True}, "datapath": True},
        SOCKET,
        port="socket_port",
        trust=None,
        tool="vbs_cli",
        abilities=DSWARE_SOCKET,
    ),
)
"""Older releases of the same arrays, for the tests with the mark ``older``."""


def random_file(path: Path, size: int, data: int | None = None, seed: int = 1) -> Path:
    """A file of so many bytes, of which the first ``data`` are random and the others a hole."""
    source, remaining = random.Random(seed), size if data is None else data
    with path.open("wb") as stream:
        while remaining:
            remaining -= stream.write(source.randbytes(min(remaining, 16 * MIB)))
        stream.truncate(size)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def qemu_img(*arguments: str | Path) -> None:
    """Run qemu-img; AssertionError with all that it wrote when it fails."""
    completed = subprocess.run(
        ["qemu-img", *map(str, arguments)], check=False, capture_output=True, text=True, timeout=60
    )
    assert completed.returncode == 0, (
        f"qemu-img {arguments} ended with {completed.returncode}\n{completed.stdout}{completed.stderr}"
    )


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
        options = {"name": "golden", "state_dir": str(self.folder / "state"), **self.array.assume_unmapped, **args}
        options = {key: str(value) if isinstance(value, Path) else value for key, value in options.items()}
        return {key: value for key, value in options.items() if value is not None}

    def run(self, **args: Any) -> Result:
        options = {key: args.pop(key) for key in ("check", "diff", "verbosity", "connection") if key in args}
        return self.array.task("flash_image", **options, **self.args(**args))

    def imported(self, path: Path | str, **args: Any) -> Result:
        result = self.run(path=path, **args)
        assert not result.failed, result.msg
        self.assert_nothing_unfinished()
        return result

    def exported(self, path: Path, **args: Any) -> Result:
        result = self.run(path=path, state="exported", **args)
        assert not result.failed, result.msg
        self.assert_nothing_unfinished()
        return result

    def refused(self, *texts: str, kind: str | None = None, check_mode: bool = True, **args: Any) -> Result:
        """The result of a task that fails with these texts in its message and changes nothing on the array.

        With ``check_mode`` the same is expected of the task in check mode first.
        """
        before = self.array.state()
        for check in (True, False) if check_mode else (False,):
            result = self.run(check=check, **args)
            assert result.failed, result
            for text in texts:
                assert text.lower() in result.msg.lower(), result.msg
            if kind is not None:
                assert result["error"]["kind"] == kind, result["error"]
            assert "Traceback" not in result.stdout + result.stderr
            assert result["error"]["doing"], result["error"]
        assert self.array.state() == before
        self.assert_nothing_unfinished()
        return result

    def done(self, module: str, **args: Any) -> Result:
        return self.array.done(module, **args)

    # ---- the array -------------------------------------------------------------------------------------------------

    def volumes(self) -> set[str]:
        return {self.row.requested_name(name) for name in self.array.volumes()}

    def smallest_volume(self, size: int) -> int:
        """The size in bytes of the smallest volume that holds ``size`` bytes."""
        capabilities = self.array.capabilities
        return -(-max(size, capabilities.smallest) // capabilities.granularity) * capabilities.granularity

    def content(self, name: str) -> str:
        """A digest of the volume's content on the array."""
        return str(next(volume["content"] for volume in self.array.state()["volumes"] if volume["name"] == name))

    def file(self, name: str) -> Path:
        """The file in which the simulated array keeps the volume's bytes."""
        number = str(next(volume["id"] for volume in self.array.state()["volumes"] if volume["name"] == name))
        run_dir = self.array.simulator.run_dir
        paths = [
            path
            for folder in (f"{self.row.name}.images", f"{self.row.name}.host/images")
            for path in (run_dir / folder).rglob(number)
            if path.is_file()
        ]
        assert len(paths) == 1, paths
        return paths[0]

    def allocated(self, name: str) -> int:
        return self.file(name).stat().st_blocks * 512

    def write_as_a_host(self, name: str) -> None:
        """Change the volume's content without a request to the array, as a host does."""
        with self.file(name).open("r+b") as stream:
            stream.seek(MIB)
            stream.write(b"changed")

    @property
    def without_tool(self) -> dict[str, Any]:
        """The change of a connection after which it attaches nothing to this host."""
        return {"attach_tool": None} if self.row.tool else {}

    def map_to_another_host(self, name: str) -> None:
        """Map the volume to the host named other."""
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

    def assert_nothing_unfinished(self) -> None:
        """No volume, host, mapping, device or record of a copy is records."""
        state = self.array.state()
        assert [volume["name"] for volume in state["volumes"] if volume["name"].startswith("of-")] == []
        assert [host["name"] for host in state["hosts"] if host["name"].startswith("of-")] == []
        assert [mapping["host"] for mapping in state["mappings"] if mapping["host"].startswith("of-")] == []
        assert self.disks() == []
        folder = self.folder / "state"
        records = [path.name for path in folder.iterdir() if path.name.startswith("of-")] if folder.exists() else []
        assert records == []

    def disks(self) -> list[str]:
        """The names of the devices of this host."""
        root = self.array.endpoint.get("device_root")
        if root is None:
            return []
        folder = Path(root) / "sys" / "block"
        if folder.exists():
            return sorted(path.name for path in folder.iterdir())
        return sorted(path.name for path in Path(root).iterdir() if not path.is_dir())
