# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An iSCSI host without a kernel: QEMU's and libiscsi's initiators, which nobody here wrote.

Debian's packages qemu-utils, qemu-block-extra and libiscsi-bin, and tgt for the target; `make setup` brings them when
it is run by root.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

TOOLS = ("tgtd", "qemu-io", "qemu-img", "iscsi-ls", "iscsi-inq")


def need_tools() -> None:
    """Only who may not install them goes without; for root, their absence is a failure."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [tool for tool in TOOLS if shutil.which(tool, path=path) is None]
    if missing and os.geteuid() == 0:
        pytest.fail(f"{', '.join(missing)} not there: run make setup")
    if missing:
        pytest.skip(f"{', '.join(missing)} not there: let root run make setup")


_BLOCKS = itertools.cycle(range(1, 241, 10))


def portal_address() -> str:
    """The first of ten loopback addresses for one array's portals.

    These are always on port 3260, so each process and each array in it has addresses of its own.
    """
    return f"127.{20 + os.getpid() % 200}.{os.getpid() // 200 % 250}.{next(_BLOCKS)}"


class Refused(Exception):
    """With what the initiator said when it could not log in or do what was asked."""


@dataclass(frozen=True)
class IscsiHost:
    """An initiator with a name, and credentials where it has some."""

    iqn: str
    user: str = ""
    password: str = ""

    def ls(self, portal: str) -> str:
        """What discovery shows, with the LUNs of each target."""
        account = f"{self.user}%{self.password}@" if self.user else ""
        return self._run("iscsi-ls", "-i", self.iqn, "-s", f"iscsi://{account}{portal}/")

    def inquiry(self, portal: str, target: str, lun: int) -> str:
        return self._run("iscsi-inq", "-i", self.iqn, f"iscsi://{portal}/{target}/{lun}")

    def io(self, folder: Path, portal: str, target: str, lun: int, *commands: str) -> str:
        """Commands of qemu-io; Refused where one fails, be it that what is read is not as it should be."""
        with self._secret(folder) as secret:
            image = f"driver=raw,file.driver=iscsi,file.transport=tcp,file.portal={portal},file.target={target}"
            image += f",file.lun={lun},file.initiator-name={self.iqn}"
            if secret:
                image += f",file.user={self.user},file.password-secret=chap"
            orders = [word for command in commands for word in ("-c", command)]
            done = self._run("qemu-io", *secret, "--image-opts", image, *orders)
        if "Pattern verification failed" in done or re.search(r"(read|write|command) failed|Input/output", done):
            raise Refused(done)
        return done

    def write(self, folder: Path, portal: str, target: str, lun: int, byte: int, at: int, size: int) -> None:
        self.io(folder, portal, target, lun, f"write -P {byte} {at} {size}")

    def check(self, folder: Path, portal: str, target: str, lun: int, byte: int, at: int, size: int) -> None:
        """That all of these bytes are that one."""
        self.io(folder, portal, target, lun, f"read -P {byte} {at} {size}")

    def length(self, folder: Path, portal: str, target: str, lun: int) -> int:
        """As QEMU prints it: whole, or with a unit."""
        text = self.io(folder, portal, target, lun, "length").strip().splitlines()[-1]
        found = re.match(r"([\d.]+) ?(B|bytes|KiB|MiB|GiB|TiB)?$", text)
        assert found is not None, text
        unit = {"KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}.get(found[2] or "", 0)
        return int(float(found[1]) * (1 << unit))

    @contextmanager
    def _secret(self, folder: Path) -> Iterator[list[str]]:
        """In a file of its own: a command line can be read by everybody."""
        if not self.password:
            yield []
            return
        path = folder / "chap"
        path.touch(mode=0o600)
        path.write_text(self.password)
        yield ["--object", f"secret,id=chap,file={path}"]
        path.unlink()

    @staticmethod
    def _run(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        said = done.stdout + done.stderr
        if done.returncode or "Failed" in said or "can't open" in said:
            raise Refused(said)
        return done.stdout
