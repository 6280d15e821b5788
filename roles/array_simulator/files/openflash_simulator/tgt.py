# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The user-space iSCSI target ``tgtd`` of the Debian package ``tgt``, run and configured here.

It is configured over its management socket, as ``tgtadm`` does. ``tgtadm`` itself is not used: it takes CHAP secrets
on its command line only, where every user of the machine sees them.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from .errors import SimulatorError
from .inquiry import Identity

_LOG = logging.getLogger(__name__)
# struct tgtadm_req and tgtadm_rsp of tgt 1.0: mode, operation, driver, length, tid, sid, lun, cid, host number, device
# type, direction of an account, pack, force.
_REQUEST = struct.Struct("=ii64sIiQQIIIIII")
_ANSWER = struct.Struct("=II")
_ANY = (1 << 64) - 1
_TARGET, _DEVICE, _ACCOUNT = 1, 2, 7
_NEW, _DELETE, _BIND, _UNBIND, _UPDATE = 0, 1, 3, 4, 5
_INCOMING, _OUTGOING = 0, 1
# tgtd writes some keys with a hyphen
_KEYS = {"initiator_address": "initiator-address", "initiator_name": "initiator-name"}
_START_SECONDS = 10.0
_LONGEST = 80
_NOT_THERE = "there is no tgtd here (Debian package tgt)"


EVERYBODY = "ALL"
"""Stands for the name of any initiator."""


@dataclass(frozen=True)
class Login:
    """A name and a CHAP secret."""

    user: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Disk:
    """A file of ``size`` bytes, and its identity as a disk."""

    path: str
    size: int
    identity: Identity


@dataclass(frozen=True)
class Target:
    """A desired target: its disks, which initiators may log in, and with which credentials.

    :ivar disks: by LUN, from 1 on: tgtd keeps LUN 0 for itself.
    :ivar proof: credentials of the initiators; ``own``: credentials of the target (mutual CHAP).
    """

    disks: dict[int, Disk]
    initiators: frozenset[str]
    online: bool = True
    proof: Login | None = None
    own: Login | None = None

    def lets_in(self, initiator: str) -> bool:
        return initiator in self.initiators or EVERYBODY in self.initiators


_NOTHING = Target({}, frozenset())


class Tgtd:
    """One tgtd on a port of the loopback address, and the targets that it has."""

    def __init__(self, folder: Path) -> None:
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._preferred_folder = folder
        self._folder: Path | None = None
        self._targets: dict[str, tuple[int, Target]] = {}
        self._next = 1

    @staticmethod
    def missing() -> str | None:
        """Why it cannot be run here."""
        return None if _program() else _NOT_THERE

    # ---- life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        program = _program()
        if program is None:
            raise SimulatorError(_NOT_THERE)
        self._folder = self._make_folder()
        self.port = _free_port()
        # It ends with this process, however that ends.
        command = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        command += [program, "-f", "-C", "0", "--iscsi", f"portal=127.0.0.1:{self.port}"]
        self._process = subprocess.Popen(  # noqa: S603  tgtd, where it was found
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"TGT_IPC_SOCKET": str(self._folder / "socket"), "PATH": os.environ.get("PATH", "")},
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SimulatorError("tgtd does not start")
            time.sleep(0.02)

    def _make_folder(self) -> Path:
        """The one for its socket, whose path may have a hundred characters."""
        if len(str(self._preferred_folder)) > _LONGEST:
            return Path(tempfile.mkdtemp(prefix="openflash-tgt-"))
        shutil.rmtree(self._preferred_folder, ignore_errors=True)
        self._preferred_folder.mkdir(mode=0o700, parents=True)
        return self._preferred_folder

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return self._socket.exists()

    @property
    def _socket(self) -> Path:
        assert self._folder is not None
        return self._folder / "socket.0"

    def stop(self) -> None:
        if self._process is not None:
            # While it has targets it ignores every other signal.
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        self._targets.clear()

    # ---- targets ---------------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        return list(self._targets)

    def target(self, name: str) -> Target | None:
        found = self._targets.get(name)
        return found[1] if found else None

    def account(self, name: str, user: str) -> str:
        """tgtd's name of a user. tgtd has one secret for each user name, so each target's users get separate names."""
        return f"{self._targets[name][0]}.{user}" if name in self._targets else user

    def user(self, name: str, account: str) -> str:
        """The user's own name, from tgtd's name."""
        return account.removeprefix(f"{self._targets[name][0]}.") if name in self._targets else account

    def serve(self, name: str, desired: Target) -> None:
        """Create the target, or change it to the desired one."""
        if name not in self._targets:
            tid, self._next = self._next, self._next + 1
            self._ask(_TARGET, _NEW, tid, targetname=name)
            self._targets[name] = (tid, _NOTHING)
        tid, present = self._targets[name]
        for lun in [lun for lun, disk in present.disks.items() if desired.disks.get(lun) != disk]:
            self._ask(_DEVICE, _DELETE, tid, lun, force=1)
        for lun, disk in desired.disks.items():
            if present.disks.get(lun) != disk:
                self._ask(_DEVICE, _NEW, tid, lun, path=disk.path)
                self._ask(
                    _DEVICE,
                    _UPDATE,
                    tid,
                    lun,
                    vendor_id=f"{disk.identity.vendor:8}",
                    product_id=f"{disk.identity.product:16}",
                    scsi_sn=disk.identity.wwn,
                    # As on these arrays: a block that a host unmaps uses no space and reads as zeros.
                    thin_provisioning="1",
                )
        for direction, old, new in (
            (_INCOMING, present.proof, desired.proof),
            (_OUTGOING, present.own, desired.own),
        ):
            if old != new:
                self._relog(tid, direction, old, new)
        for initiator in present.initiators - desired.initiators:
            self._let(_UNBIND, tid, initiator)
        for initiator in desired.initiators - present.initiators:
            self._let(_BIND, tid, initiator)
        if present.online != desired.online:
            self._ask(_TARGET, _UPDATE, tid, state="ready" if desired.online else "offline")
        self._targets[name] = (tid, desired)

    def _let(self, operation: int, tid: int, initiator: str) -> None:
        if initiator == EVERYBODY:
            self._ask(_TARGET, operation, tid, initiator_address=initiator)
        else:
            self._ask(_TARGET, operation, tid, initiator_name=initiator)

    def _relog(self, tid: int, direction: int, old: Login | None, new: Login | None) -> None:
        if old is not None:
            user = f"{tid}.{old.user}"
            self._ask(_ACCOUNT, _UNBIND, tid, direction=direction, user=user)
            self._ask(_ACCOUNT, _DELETE, -1, user=user)
        if new is not None:
            user = f"{tid}.{new.user}"
            self._ask(_ACCOUNT, _NEW, -1, user=user, password=new.secret)
            self._ask(_ACCOUNT, _BIND, tid, direction=direction, user=user)

    def withdraw(self, name: str) -> None:
        """Delete the target."""
        if name in self._targets:
            self.serve(name, _NOTHING)
            self._ask(_TARGET, _DELETE, self._targets[name][0], force=1)
            del self._targets[name]

    def _ask(
        self, mode: int, operation: int, tid: int, lun: int = _ANY, direction: int = 0, force: int = 0, **values: str
    ) -> None:
        text = ",".join(f"{_KEYS.get(name, name)}={value}" for name, value in values.items()).encode()
        data = text + b"\0" if text else b""
        size = _REQUEST.size + len(data)
        request = _REQUEST.pack(mode, operation, b"iscsi", size, tid, 0, lun, 0, 0, 0, direction, 0, force)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(10)
            link.connect(str(self._socket))
            link.sendall(request + data)
            answer = link.recv(_ANSWER.size, socket.MSG_WAITALL)
        code = _ANSWER.unpack(answer)[0] if len(answer) == _ANSWER.size else -1
        if code:
            # Without the values: one of them may be a secret.
            _LOG.error("tgtd answers %d to operation %d of mode %d, target %d", code, operation, mode, tid)


def _program() -> str | None:
    """The program of the Debian package, or the one that the environment names."""
    if named := os.environ.get("OPENFLASH_TGTD"):
        return shutil.which(named)
    return shutil.which("tgtd", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin")))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
