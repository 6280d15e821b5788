# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An iSCSI host without a kernel: QEMU's and libiscsi's initiators, which nobody here wrote.

Debian's packages qemu-utils, qemu-block-extra and libiscsi-bin, and tgt for the target; `make setup` brings them when
it is run by root.
"""

from __future__ import annotations

import ctypes
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
    target_user: str = ""
    target_password: str = ""
    """What the target must prove itself with in turn, where these are set: asked by ``page_83`` only."""

    def ls(self, portal: str) -> str:
        """What discovery shows, with the LUNs of each target."""
        account = f"{self.user}%{self.password}@" if self.user else ""
        return self._run("iscsi-ls", "-i", self.iqn, "-s", f"iscsi://{account}{portal}/")

    def inquiry(self, portal: str, target: str, lun: int) -> str:
        return self._run("iscsi-inq", "-i", self.iqn, f"iscsi://{portal}/{target}/{lun}")

    def page_83(self, portal: str, target: str, lun: int) -> bytes:
        """Device identification, by libiscsi itself: its programs print an NAA as a text, which ends at a zero byte."""
        library = _libiscsi()
        session = library.iscsi_create_context(self.iqn.encode())
        try:
            library.iscsi_set_targetname(session, target.encode())
            library.iscsi_set_session_type(session, _NORMAL_SESSION)
            if self.user:
                library.iscsi_set_initiator_username_pwd(session, self.user.encode(), self.password.encode())
            if self.target_user:
                names = self.target_user.encode(), self.target_password.encode()
                library.iscsi_set_target_username_pwd(session, *names)
            if library.iscsi_full_connect_sync(session, portal.encode(), lun):
                raise Refused(library.iscsi_get_error(session).decode())
            task = library.iscsi_inquiry_sync(session, lun, 1, 0x83, 255)
            if not task:
                raise Refused(library.iscsi_get_error(session).decode())
            found = task.contents
            page = ctypes.string_at(found.data, found.size) if found.status == 0 else b""
            library.scsi_free_scsi_task(task)
            library.iscsi_logout_sync(session)
            return page
        finally:
            library.iscsi_destroy_context(session)

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


_NORMAL_SESSION = 2


class _Task(ctypes.Structure):
    """The beginning of libiscsi's struct scsi_task: what is between the status and the data is of no use here."""

    _fields_ = (
        ("status", ctypes.c_int),
        ("between", ctypes.c_byte * 60),
        ("size", ctypes.c_int),
        ("data", ctypes.c_void_p),
    )


def _libiscsi() -> ctypes.CDLL:
    library = ctypes.CDLL("libiscsi.so.7")
    session, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    library.iscsi_create_context.restype, library.iscsi_create_context.argtypes = session, [text]
    library.iscsi_set_targetname.argtypes = [session, text]
    library.iscsi_set_session_type.argtypes = [session, number]
    library.iscsi_set_initiator_username_pwd.argtypes = [session, text, text]
    library.iscsi_set_target_username_pwd.argtypes = [session, text, text]
    library.iscsi_full_connect_sync.argtypes = [session, text, number]
    library.iscsi_get_error.restype, library.iscsi_get_error.argtypes = text, [session]
    library.iscsi_inquiry_sync.restype = ctypes.POINTER(_Task)
    library.iscsi_inquiry_sync.argtypes = [session, number, number, number, number]
    library.scsi_free_scsi_task.argtypes = [ctypes.POINTER(_Task)]
    library.iscsi_logout_sync.argtypes = [session]
    library.iscsi_destroy_context.argtypes = [session]
    return library
