# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bytes of an image: written to its volume, and read from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Optional

from glance_store import exceptions
from glance_store.common import utils
from oslo_log import log as logging

from openflash import errors, model

from . import disks, images
from .errors import READ, WRITE, disk_errors, glance_errors

LOG = logging.getLogger(__name__)

Session = Callable[[], AbstractContextManager[images.Images]]


class Transfer:
    """The transfer of one image.

    :param session: gives a session with the array, for as long as it is needed.
    :param buffer: number of bytes that are read or written at once.
    """

    def __init__(self, session: Session, path: disks.DataPath, image_id: str, buffer: int) -> None:
        self._session, self._path, self._image, self._buffer = session, path, image_id, buffer

    def fill(self, volume: model.Volume, chunks: Iterator[bytes], expected: Optional[int], step: int) -> int:
        """Write the content of the image, and return its length in bytes.

        :param expected: the announced length; None when it is not known.
        :param step: the smallest extension of a volume that is too small, in bytes.
        :raises Invalid: the length differs from the announced one.
        """
        written = 0
        with Attachment(self._session, self._path, self._image, volume, WRITE) as attachment:
            for chunk in chunks:
                end = written + len(chunk)
                if expected is not None and end > expected:
                    raise exceptions.Invalid("there are more than the %d bytes that were announced" % expected)
                with disk_errors(self._image, WRITE):
                    if end > attachment.volume.size:
                        attachment.grow(max(end, attachment.volume.size + step))
                    attachment.disk.write(chunk, written)
                written = end
            if expected is not None and written != expected:
                raise exceptions.Invalid("there are %d bytes instead of %d" % (written, expected))
            with disk_errors(self._image, WRITE):
                attachment.disk.flush()
        return written

    def content(self, image: images.Image, offset: int, length: int) -> Iterator[bytes]:
        """The bytes. Before the last piece, a complete image is compared with its checksum, and the volume is detached.

        So a client that has received everything can delete the image at once.

        :raises BackendException: the content does not match the checksum.
        """
        if not length:
            return
        complete = image.checksum is not None and length == image.length
        digest = utils.get_hasher("md5", False) if complete else None
        end = offset + length
        with glance_errors(self._image, READ):
            with Attachment(self._session, self._path, self._image, image.volume, READ) as attachment:
                while True:
                    with disk_errors(self._image, READ):
                        piece = attachment.disk.read(min(self._buffer, end - offset), offset)
                    offset += len(piece)
                    if digest is not None:
                        digest.update(piece)
                    if offset == end:
                        break
                    yield piece
            if digest is not None and digest.hexdigest() != image.checksum:
                raise exceptions.BackendException("image %s is not what was stored" % self._image)
            yield piece


class Attachment:
    """The volume of an image, attached to this host within a ``with`` block.

    A session with the array is used only while it is needed, since a transfer may take hours.
    """

    def __init__(
        self,
        session: Session,
        path: disks.DataPath,
        image_id: str,
        volume: model.Volume,
        act: str,
    ) -> None:
        self._session, self._path, self._image, self._act = session, path, image_id, act
        self.volume = volume
        self._share = path.share(volume.name)
        self._access: Optional[images.Access] = None
        self._disk: Optional[disks.Disk] = None

    @property
    def disk(self) -> disks.Disk:
        if self._disk is None:
            raise errors.FlashError("volume %s is not attached" % self.volume.name)
        return self._disk

    def __enter__(self) -> Attachment:
        try:
            with disk_errors(self._image, self._act), self._share.beginning():
                with self._session() as found:
                    self._access = found.expose(self.volume, self._path.initiator(), self._path.TEMPORARY)
                self._open()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        try:
            self._end()
        except (OSError, errors.FlashError) as error:
            # Not raised: everything has been read, or written and flushed.
            LOG.warning("Volume %s: %s", self.volume.name, error)

    def _open(self) -> None:
        if self._access is None:
            raise errors.FlashError("volume %s is not exposed" % self.volume.name)
        self._disk = self._path.open(
            disks.Target(
                self.volume.name,
                self._access.ports,
                self._access.lun,
                self.volume.size,
                self._access.initiator,
                self._act == WRITE,
            )
        )

    def _end(self) -> None:
        with self._share.ending() as last:
            disk, self._disk = self._disk, None
            access, self._access = self._access, None
            try:
                if disk is not None:
                    disk.close(last)
            finally:
                if access is not None and last:
                    with self._session() as found:
                        found.conceal(self.volume, access)

    def grow(self, size: int) -> None:
        """Extend the volume to ``size`` bytes. Its disk is closed meanwhile, as the array or the data path may need."""
        self.disk.flush()
        disk, self._disk = self._disk, None
        if disk is not None:
            disk.close()
        with self._session() as found:
            self.volume = found.extend(self.volume, size)
        self._open()


def even(chunks: Iterator[bytes], size: int, sinks: list[Callable[[bytes], Any]]) -> Iterator[bytes]:
    """The bytes of all chunks in pieces of this size; the last may be shorter. Each sink is called with all bytes."""
    buffer = bytearray()
    for chunk in chunks:
        for sink in sinks:
            sink(chunk)
        buffer += chunk
        while len(buffer) >= size:
            yield bytes(buffer[:size])
            del buffer[:size]
    if buffer:
        yield bytes(buffer)
