# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An iSCSI host without a kernel, by the initiators of QEMU and libiscsi.

They are in the Debian packages qemu-utils, qemu-block-extra and libiscsi-bin, and the target in tgt. `make setup`
installs them when root runs it.
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
    """Fail when root lacks a tool. Skip for other users, who cannot install it."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [tool for tool in TOOLS if shutil.which(tool, path=path) is None]
    if missing and os.geteuid() == 0:
        pytest.fail(f"{', '.join(missing)} not installed: run make setup")
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: let root run make setup")


_BLOCKS = itertools.cycle(range(1, 241, 10))


def portal_address() -> str:
    """The first of ten loopback addresses for one array's portals.

    Portals always have port 3260, so each process and each array in it gets its own addresses.
    """
    return f"127.{20 + os.getpid() % 200}.{os.getpid() // 200 % 250}.{next(_BLOCKS)}"


class Refused(Exception):
    """The initiator could not log in or carry out a command; the message is its output."""


@dataclass(frozen=True)
class IscsiHost:
    """An initiator with a name, and with CHAP credentials where they are set."""

    iqn: str
    user: str = ""
    password: str = ""
    target_user: str = ""
    target_password: str = ""
    """The credentials that the target must prove, where they are set. Only ``page_83`` demands them."""

    def ls(self, portal: str) -> str:
        """The output of a discovery, with the LUNs of each target."""
        account = f"{self.user}%{self.password}@" if self.user else ""
        return self._run("iscsi-ls", "-i", self.iqn, "-s", f"iscsi://{account}{portal}/")

    def inquiry(self, portal: str, target: str, lun: int) -> str:
        return self._run("iscsi-inq", "-i", self.iqn, f"iscsi://{portal}/{target}/{lun}")

    def page_83(self, portal: str, target: str, lun: int) -> bytes:
        """The device identification page, by libiscsi's functions: its programs cut an NAA off at a zero byte."""
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
            reply = task.contents
            page = ctypes.string_at(reply.data, reply.size) if reply.status == 0 else b""
            library.scsi_free_scsi_task(task)
            library.iscsi_logout_sync(session)
            return page
        finally:
            library.iscsi_destroy_context(session)

    def io(self, folder: Path, portal: str, target: str, lun: int, *commands: str) -> str:
        """Run commands of qemu-io. :raises Refused: where one fails, or reads other bytes than expected."""
        with self._secret(folder) as secret:
            image = f"driver=raw,file.driver=iscsi,file.transport=tcp,file.portal={portal},file.target={target}"
            image += f",file.lun={lun},file.initiator-name={self.iqn}"
            if secret:
                image += f",file.user={self.user},file.password-secret=chap"
            orders = [argument for command in commands for argument in ("-c", command)]
            done = self._run("qemu-io", *secret, "--image-opts", image, *orders)
        if "Pattern verification failed" in done or re.search(r"(read|write|command) failed|Input/output", done):
            raise Refused(done)
        return done

    def write(self, folder: Path, portal: str, target: str, lun: int, byte: int, offset: int, size: int) -> None:
        self.io(folder, portal, target, lun, f"write -P {byte} {offset} {size}")

    def check(self, folder: Path, portal: str, target: str, lun: int, byte: int, offset: int, size: int) -> None:
        """Check that all bytes of this part are equal to that one."""
        self.io(folder, portal, target, lun, f"read -P {byte} {offset} {size}")

    def length(self, folder: Path, portal: str, target: str, lun: int) -> int:
        """The size of the disk in bytes."""
        text = self.io(folder, portal, target, lun, "length").strip().splitlines()[-1]
        match = re.match(r"([\d.]+) ?(B|bytes|KiB|MiB|GiB|TiB)?$", text)
        assert match is not None, text
        unit = {"KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}.get(match[2] or "", 0)
        return int(float(match[1]) * (1 << unit))

    @contextmanager
    def _secret(self, folder: Path) -> Iterator[list[str]]:
        """Options that give QEMU the password in a file, because every user can read a command line."""
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
        output = done.stdout + done.stderr
        if done.returncode or "Failed" in output or "can't open" in output:
            raise Refused(output)
        return done.stdout


_NORMAL_SESSION = 2


class _Task(ctypes.Structure):
    """The beginning of libiscsi's struct scsi_task; the fields between the status and the data are not used."""

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
