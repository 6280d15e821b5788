# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The image to import: a file of this host or a URL. Its checksum and its header are checked before QEMU opens it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from types import TracebackType
from typing import IO, Any, Dict, Optional, Tuple, Type

from ..attach import formats
from ..attach.qemu import Node, Qemu, file_node
from ..errors import Conflict, Invalid, NotFound, Refused, Unauthorized
from ..transport.download import download
from ..units import redact_url, round_up
from .work import Digests, Folder, Progress

_CHUNK = 4 * 1024**2
SHA256 = "sha256"
_LENGTHS = {SHA256: 64, "sha384": 96, "sha512": 128}


def parse_checksum(text: str) -> Tuple[str, str]:
    """(algorithm, digits) of ``sha256:...``. A checksum of 64 digits without an algorithm is a sha256."""
    name, colon, digits = text.strip().lower().rpartition(":")
    name = name if colon else SHA256
    if _LENGTHS.get(name) != len(digits) or not re.match(r"[0-9a-f]+\Z", digits):
        raise Invalid(
            "checksum %r is not a checksum" % text,
            hint="Write sha256: and 64 hexadecimal digits; sha384 and sha512 are accepted too.",
        )
    return name, digits


def is_url(text: str) -> bool:
    return re.match(r"https?://", text, re.IGNORECASE) is not None


def label_of(where: str) -> str:
    """A path or a URL as it may be shown: without the secrets of a URL."""
    return redact_url(where) if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", where) else where


def local_path(path: str) -> str:
    """The path of a file of this host: absolute, with ``~`` and ``~user`` expanded.

    :raises Invalid: it is a URL, or there is no such user.
    """
    if label_of(path) != path or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", path):
        raise Invalid("%s is not the path of a file" % label_of(path))
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise Invalid(
            "the path %s begins with the home of a user that this host does not have" % path,
            hint="Give the absolute path. For a file whose name begins with ~, write ./ before it.",
        )
    return os.path.abspath(expanded)


class Source:
    """:param where: a path or a URL.
    :param desired_format: the format that it must have, or None.
    :param largest: the most bytes that the disk in the image may have, and that are fetched.
    :param seconds: for a connection to the web server, and for each piece of its answer.
    :param total: seconds for the complete download.
    """

    def __init__(
        self,
        where: str,
        desired_format: Optional[str],
        checksum: Optional[str],
        largest: int,
        folder: Folder,
        progress: Progress,
        ca_path: Optional[str] = None,
        seconds: float = 30.0,
        total: float = 6 * 3600.0,
    ) -> None:
        self.desired_format = desired_format
        self.largest = largest
        self.remote = is_url(where)
        if not self.remote and re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", where):
            raise Invalid(
                "%s is neither a path nor an http or https URL" % label_of(where),
                hint="Fetch the image first, or give an http or https URL.",
            )
        self.where = where if self.remote else local_path(where)
        self.checksum = parse_checksum(checksum) if checksum else None
        if self.remote and self.checksum is None:
            raise Invalid(
                "an image from a URL needs its checksum",
                hint="Set checksum to the one that the publisher of the image gives.",
            )
        self._folder = folder
        self._progress = progress
        self._ca_path = ca_path
        self._seconds = seconds
        self._total = total
        self._file: Optional[IO[bytes]] = None
        self._digests: Digests = {}
        self.format = ""
        self.node = Node({}, 0)

    @property
    def size(self) -> int:
        """Bytes of the disk that the image describes."""
        return self.node.size

    @property
    def label(self) -> str:
        """As it may be shown."""
        return label_of(self.where)

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def known_digests(self) -> Digests:
        """The checksum of the task, if there is one. Nothing is read."""
        return {self.checksum[0]: self.checksum[1]} if self.checksum else {}

    def digests(self) -> Digests:
        """The sha256 of the file, and its digest by the algorithm of the task. Reads the complete file once."""
        if not self._digests:
            names = {SHA256} | ({self.checksum[0]} if self.checksum else set())
            self._digests = self._read(names)
        return self._digests

    def open(self, qemu: Qemu) -> None:
        """Fetch it where it is remote; then check its checksum, its header, and its consistency, in this order."""
        if self._file is not None:
            return
        if self.remote:
            self._fetch()
        else:
            self._file = self._open()
        descriptor = self._file.fileno()  # type: ignore[union-attr] # set by either
        if self.checksum is not None:
            algorithm, expected = self.checksum
            found = self.digests()[algorithm]
            if found != expected:
                raise Conflict(
                    "the %s of %s is %s and not %s: it is another image, or it is cut off"
                    % (algorithm, self.label, found, expected),
                    hint="Fetch the image again, or correct checksum.",
                )
        self.format = formats.check(descriptor, self.desired_format)
        node = file_node(descriptor, self.format, 0)
        info = qemu.info(node)
        _check_single_file(info)
        size = formats.check_size(round_up(int(info["virtual-size"]), formats.SECTOR), self.largest)
        qemu.check(node)
        self.node = file_node(descriptor, self.format, size)

    @property
    def is_missing(self) -> bool:
        """Whether it is a file of this host that does not exist."""
        return not self.remote and not os.path.lexists(self.where)

    def allocated(self) -> int:
        """Bytes that the file occupies on this host."""
        return os.fstat(self._file.fileno()).st_blocks * 512 if self._file is not None else 0

    def _open(self) -> IO[bytes]:
        try:
            descriptor = os.open(self.where, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            raise NotFound(
                "there is no image %s on this host" % self.where,
                hint="The path is one of the host that the task runs on.",
            ) from None
        except PermissionError:
            raise Unauthorized("this user may not read the image %s" % self.where) from None
        except OSError as error:
            raise Invalid("the image %s cannot be opened: %s" % (self.where, error.strerror)) from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise Refused("%s is not a file" % self.where, hint="Only files are imported, no devices.")
        return os.fdopen(descriptor, "rb")

    def _fetch(self) -> None:
        self._folder.make()
        # It has no name, so it disappears with this process, however that ends.
        stream: Any = tempfile.TemporaryFile(dir=self._folder.path)
        try:
            self._progress.phase("downloading")
            download(self.where, stream, self.largest, self._ca_path, self._seconds, self._progress, self._total)
            stream.flush()
        except BaseException:
            stream.close()
            raise
        self._file = stream

    def _read(self, names: Any) -> Digests:
        """These digests of the file, which is read once."""
        if self._file is None:
            self._file = self._open()
        self._progress.phase("reading")
        found: Dict[str, Any] = {name: hashlib.new(name) for name in names}
        descriptor = self._file.fileno()
        length, at = os.fstat(descriptor).st_size, 0
        while True:
            chunk = os.pread(descriptor, _CHUNK, at)
            if not chunk:
                break
            at += len(chunk)
            for digest in found.values():
                digest.update(chunk)
            self._progress(100.0 * at / length)
        return {name: digest.hexdigest() for name, digest in found.items()}


def _check_single_file(info: Any) -> None:
    """Refused when QEMU, too, reports that the image refers to other files or is encrypted."""
    data = (info.get("format-specific") or {}).get("data") or {}
    others = [key for key in ("backing-filename", "full-backing-filename") if info.get(key)]
    others += [key for key in ("data-file",) if data.get(key)]
    if others or len(data.get("extents") or ()) > 1 or info.get("encrypted"):
        raise Refused(
            "the image refers to other files, or is encrypted",
            hint="Make one file of it where you trust it (qemu-img convert -O qcow2).",
        )
