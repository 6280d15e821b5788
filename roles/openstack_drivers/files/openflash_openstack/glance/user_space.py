# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes over an iSCSI initiator in user space. It needs no root, no kernel module and no device.

``qemu-nbd`` with QEMU's iSCSI driver (libiscsi) has the session with the array, and serves the bytes at a socket that
only this user can open. It ends when the connection to it is closed, also because this process is killed.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import uuid
from typing import Optional

from oslo_log import log as logging

from openflash import errors

from . import disks

LOG = logging.getLogger(__name__)

PROGRAM = "qemu-nbd"
# The largest request in bytes that every server accepts (NBD protocol, "Block sizes")
LARGEST = 8 * 1024**2
# Seconds to wait for the program to end before it is killed
ENDS_WITHIN = 10.0


class UserPath(disks.DataPath):
    """The data path by ``qemu-nbd``.

    :param prefix: of the initiator names. Each transfer has its own name, so it disturbs no other one.
    :param seconds: the timeout of the login, and of a single request.
    """

    TEMPORARY = True

    def __init__(self, prefix: str, seconds: float) -> None:
        self._prefix = prefix
        self._seconds = seconds
        self._program = PROGRAM

    def check(self) -> None:
        found = shutil.which(PROGRAM)
        if found is None:
            raise errors.Invalid(
                "there is no program %s on this host" % PROGRAM,
                hint="Install qemu-utils and QEMU's iSCSI driver (qemu-block-extra, or qemu-block-iscsi).",
            )
        self._program = found

    def initiator(self) -> str:
        separator = "." if ":" in self._prefix else ":"
        return "%s%s%s" % (self._prefix, separator, uuid.uuid4().hex[:20])

    def open(self, target: disks.Target) -> disks.Disk:
        """Open the volume at the first portal at which the login succeeds.

        :raises Unreachable: it succeeds at none.
        """
        problems: list[str] = []
        for port in target.ports:
            options = {
                "driver": "raw",
                "file.driver": "iscsi",
                "file.transport": "tcp",
                "file.portal": port.portal or "",
                "file.target": port.address,
                "file.lun": str(target.lun),
                "file.initiator-name": target.initiator,
                "file.timeout": str(int(self._seconds)),
            }
            # A comma within a value is written twice.
            image = ",".join("%s=%s" % (key, value.replace(",", ",,")) for key, value in options.items())
            mode = ["--read-only"] if not target.writable else []
            server = _Server([self._program, "--image-opts", image, *mode], self._seconds)
            try:
                return NbdDisk(server, target.size)
            except OSError as error:
                server.end()
                problems.append("%s: %s" % (port.portal, server.message or error))
        raise errors.Unreachable(
            "this host cannot reach the volume at any portal: %s" % "; ".join(problems),
            target=target.name,
            hint="Check the network between this host and the portals.",
        )


class _Server:
    """A running qemu-nbd, and the connection to it."""

    def __init__(self, command: list[str], seconds: float) -> None:
        self.message = ""
        self._folder = tempfile.mkdtemp(prefix="openflash-nbd-")
        self._seconds = seconds
        self._path = os.path.join(self._folder, "socket")
        self._process = subprocess.Popen(  # noqa: S603  qemu-nbd, with an image that the store names
            [*command, "--socket", self._path, "--cache", "none"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._socket: Optional[socket.socket] = None

    def connect(self) -> socket.socket:
        """The connection. The program listens when it has logged in.

        :raises OSError: it ends, or does not log in within the timeout.
        """
        end = time.monotonic() + self._seconds
        while True:
            link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            link.settimeout(self._seconds)
            try:
                link.connect(self._path)
            except (FileNotFoundError, ConnectionRefusedError):
                link.close()
                if self._process.poll() is not None:
                    raise OSError(errno.ECONNREFUSED, "it does not start") from None
                if time.monotonic() > end:
                    raise OSError(errno.ETIMEDOUT, "no login within %g s" % self._seconds) from None
                time.sleep(0.01)
                continue
            self._socket = link
            # The path is not needed any more, and would stay if this process were killed.
            shutil.rmtree(self._folder, ignore_errors=True)
            return link

    def end(self) -> None:
        """End the program by closing the connection to it, and keep its last message."""
        if self._socket is not None:
            self._socket.close()
        elif self._process.poll() is None:
            self._process.terminate()
        try:
            _out, output = self._process.communicate(timeout=ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            _out, output = self._process.communicate()
        # "qemu-nbd: Failed to blk_new_open 'all of the options': what is wrong"
        self.message = " ".join(output.decode("utf-8", "replace").split()).rsplit("': ", 1)[-1][-300:]
        shutil.rmtree(self._folder, ignore_errors=True)


# The NBD protocol: the old and short handshake ("fixed newstyle", option EXPORT_NAME), and simple replies
_MAGIC, _OPTIONS_MAGIC = b"NBDMAGIC", b"IHAVEOPT"
_FIXED, _NO_ZEROES = 1, 2
_EXPORT_NAME = 1
_READ, _WRITE, _DISCONNECT, _FLUSH = 0, 1, 2, 3
_REQUEST, _REPLY = struct.Struct(">IHHQQI"), struct.Struct(">IIQ")
_REQUEST_MAGIC, _REPLY_MAGIC = 0x25609513, 0x67446698


class NbdDisk(disks.Disk):
    """One export of an NBD server, one request at a time."""

    def __init__(self, server: _Server, size: int) -> None:
        self._server = server
        self._link = server.connect()
        self._number = 0
        self._broken = False
        magic, options, flags = struct.unpack(">8s8sH", self._receive(18))
        if (magic, options) != (_MAGIC, _OPTIONS_MAGIC) or not flags & _FIXED:
            raise OSError(errno.EPROTO, "it does not speak NBD")
        self._link.sendall(struct.pack(">I", _FIXED | (flags & _NO_ZEROES)))
        self._link.sendall(struct.pack(">8sII", _OPTIONS_MAGIC, _EXPORT_NAME, 0))
        self.size, _what = struct.unpack(">QH", self._receive(10))
        if not flags & _NO_ZEROES:
            self._receive(124)
        if self.size < size:
            raise OSError(errno.EIO, "the volume has %d bytes there instead of %d" % (self.size, size))

    def read(self, length: int, offset: int) -> bytes:
        parts = []
        while length:
            part = min(length, LARGEST)
            self._request(_READ, offset, part)
            parts.append(self._receive(part))
            offset, length = offset + part, length - part
        return b"".join(parts)

    def write(self, data: bytes, offset: int) -> None:
        view = memoryview(data)
        while view:
            part = view[:LARGEST]
            self._request(_WRITE, offset, len(part), part)
            offset, view = offset + len(part), view[len(part) :]

    def flush(self) -> None:
        self._request(_FLUSH, 0, 0)

    def close(self, last: bool = True) -> None:
        if not self._broken:
            try:
                self._link.sendall(_REQUEST.pack(_REQUEST_MAGIC, 0, _DISCONNECT, 0, 0, 0))
            except OSError:
                LOG.debug("The initiator has ended already")
        self._server.end()

    def _request(self, kind: int, offset: int, length: int, data: bytes | memoryview = b"") -> None:
        """Send a request and receive the header of its reply; the caller receives the data.

        :raises OSError: the session with the array has ended, or the array reports an error.
        """
        self._number += 1
        try:
            self._link.sendall(_REQUEST.pack(_REQUEST_MAGIC, 0, kind, self._number, offset, length))
            if data:
                self._link.sendall(data)
            magic, code, number = _REPLY.unpack(self._receive(_REPLY.size))
        except OSError as error:
            self._broken = True
            raise OSError(error.errno or errno.EIO, "the session with the array has ended: %s" % error) from None
        if (magic, number) != (_REPLY_MAGIC, self._number):
            self._broken = True
            raise OSError(errno.EPROTO, "qemu-nbd sent a reply that belongs to no request")
        if code:
            # The numbers are those of Linux (NBD protocol, "Error values")
            raise OSError(code, "%s at byte %d" % (os.strerror(code), offset))

    def _receive(self, length: int) -> bytes:
        found = bytearray(length)
        view = memoryview(found)
        while view:
            count = self._link.recv_into(view)
            if not count:
                raise OSError(errno.ECONNRESET, "the connection was closed")
            view = view[count:]
        return bytes(found)
