# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes over the kernel's iSCSI initiator, through os-brick.

The kernel has one initiator name, and one device for each volume. So concurrent transfers of one image on this host
share the device, over all workers of the service. File locks show which transfer is the last.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Optional

import os_brick
from os_brick import exception
from os_brick.initiator import connector
from oslo_concurrency import lockutils, processutils
from oslo_log import log as logging
from oslo_privsep import priv_context

from openflash import errors
from openflash.transport.deadline import Deadline

from . import disks

LOG = logging.getLogger(__name__)


class KernelPath(disks.DataPath):
    """The data path through os-brick.

    :param attempts: how often os-brick scans for the device.
    :param seconds: within which the device must have its size.
    """

    def __init__(self, conf: Any, root_helper: str, multipath: bool, attempts: int, seconds: float) -> None:
        self._conf = conf
        self._root_helper = root_helper
        self._multipath = multipath
        self._attempts = attempts
        self._seconds = seconds
        self._connector: Any = None
        self._locks = ""

    def check(self) -> None:
        locks = lockutils.get_lock_path(self._conf)
        if not locks:
            raise errors.Invalid("lock_path is not set", hint="Set it in [oslo_concurrency].")
        try:
            os.makedirs(locks, exist_ok=True)
        except OSError as error:
            raise errors.Invalid("lock_path %s cannot be made: %s" % (locks, error.strerror)) from None
        os_brick.setup(self._conf)
        priv_context.init(root_helper=shlex.split(self._root_helper))
        self._locks = locks
        self._connector = connector.InitiatorConnector.factory(
            "iscsi",
            self._root_helper,
            use_multipath=self._multipath,
            device_scan_attempts=self._attempts,
        )

    def initiator(self) -> str:
        try:
            found = self._connector.get_initiator()
        except (processutils.ProcessExecutionError, exception.BrickException) as error:
            raise errors.FlashError("the name of this host's initiator cannot be read: %s" % _one_line(error)) from None
        if not found:
            raise errors.Invalid("this host has no iSCSI initiator name", hint="Install open-iscsi.")
        return str(found).lower()

    def share(self, volume: str) -> disks.Share:
        return FileShare(os.path.join(self._locks, "openflash-datera-%s" % re.sub(r"[^A-Za-z0-9_.-]", "_", volume)))

    def open(self, target: disks.Target) -> disks.Disk:
        properties = self._properties(target)
        device = self._attach(properties)
        try:
            return _Device(self, properties, device, target, self._seconds)
        except BaseException:
            self.detach(properties, device)
            raise

    def _properties(self, target: disks.Target) -> dict[str, Any]:
        """The connection properties for os-brick."""
        return {
            "target_discovered": False,
            "target_portal": target.ports[0].portal,
            "target_iqn": target.ports[0].address,
            "target_lun": target.lun,
            "target_portals": [port.portal for port in target.ports],
            "target_iqns": [port.address for port in target.ports],
            "target_luns": [target.lun] * len(target.ports),
        }

    def _attach(self, properties: dict[str, Any]) -> dict[str, Any]:
        try:
            device: dict[str, Any] = self._connector.connect_volume(properties)
        except (processutils.ProcessExecutionError, exception.BrickException) as error:
            raise errors.FlashError("the host cannot attach the volume: %s" % _one_line(error)) from None
        return device

    def detach(self, properties: dict[str, Any], device: dict[str, Any]) -> None:
        try:
            self._connector.disconnect_volume(properties, device)
        except (processutils.ProcessExecutionError, exception.BrickException) as error:
            raise OSError(errno.EIO, "the host cannot detach the volume: %s" % _one_line(error)) from None

    def give(self, path: str, owner: int) -> None:
        """Make a user the owner of the device node. No other user gets access by that."""
        try:
            processutils.execute("chown", str(owner), path, run_as_root=True, root_helper=self._root_helper)
        except processutils.ProcessExecutionError as error:
            raise errors.Unauthorized(
                "this service cannot be made the owner of the device %s: %s" % (path, _one_line(error)),
                hint="Check the filters of rootwrap.",
            ) from None


class _Device(disks.FileDisk):
    """An attached device, open."""

    def __init__(
        self, path: KernelPath, properties: dict[str, Any], device: dict[str, Any], target: disks.Target, seconds: float
    ) -> None:
        self._path, self._properties, self._device = path, properties, device
        self._node = os.path.realpath(device["path"])
        self._owner: Optional[int] = None
        flags = os.O_RDWR if target.writable else os.O_RDONLY
        if not os.access(self._node, os.R_OK | (os.W_OK if target.writable else 0)):
            self._owner = os.stat(self._node).st_uid
            path.give(self._node, os.getuid())
        try:
            super().__init__(os.open(self._node, flags | os.O_CLOEXEC))
        except BaseException:
            self._give_back()
            raise
        try:
            Deadline(seconds, first=0.1, longest=2.0).poll(
                lambda: os.lseek(self._descriptor, 0, os.SEEK_END) >= target.size or None,
                "%d bytes of the device %s" % (target.size, self._node),
            )
        except BaseException:
            super().close()
            self._give_back()
            raise

    def _give_back(self) -> None:
        owner, self._owner = self._owner, None
        if owner is not None:
            self._path.give(self._node, owner)

    def close(self, last: bool = True) -> None:
        super().close()
        if last:
            try:
                self._give_back()
            except errors.FlashError as error:
                LOG.warning("%s", error)
            self._path.detach(self._properties, self._device)


class FileShare(disks.Share):
    """File locks, which the kernel releases when a process is killed.

    :param path: the prefix of the paths of the two files.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._users: Optional[int] = None

    @contextmanager
    def _gate(self) -> Iterator[None]:
        """Held while a transfer begins or ends: one at a time."""
        gate = _open(self._path + ".gate")
        try:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield
        finally:
            os.close(gate)

    @contextmanager
    def beginning(self) -> Iterator[None]:
        with self._gate():
            self._users = _open(self._path + ".users")
            fcntl.flock(self._users, fcntl.LOCK_SH)
            yield

    @contextmanager
    def ending(self) -> Iterator[bool]:
        with self._gate():
            users, self._users = self._users, None
            if users is None:
                yield True
                return
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                last = True
            except BlockingIOError:
                last = False
            try:
                yield last
            finally:
                os.close(users)


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _one_line(error: BaseException) -> str:
    """The message of an error in one line."""
    message = getattr(error, "stderr", None) or getattr(error, "msg", None) or str(error)
    return " ".join(str(message).split())[:300]
