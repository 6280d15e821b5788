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
    """Of one image.

    :param session: gives a session with the array, for as long as it is needed.
    :param buffer: bytes that are read or written at once.
    """

    def __init__(self, session: Session, path: disks.DataPath, image_id: str, buffer: int) -> None:
        self._session, self._path, self._image, self._buffer = session, path, image_id, buffer

    def fill(self, volume: model.Volume, chunks: Iterator[bytes], expected: Optional[int], step: int) -> int:
        """Write everything; the number of bytes.

        :param expected: as announced; None when the length is not known.
        :param step: bytes that the volume grows by at least when it is too small.
        """
        written = 0
        with Attachment(self._session, self._path, self._image, volume, WRITE) as at:
            for chunk in chunks:
                end = written + len(chunk)
                if expected is not None and end > expected:
                    raise exceptions.Invalid("there are more than the %d bytes that were announced" % expected)
                with disk_errors(self._image, WRITE):
                    if end > at.volume.size:
                        at.grow(max(end, at.volume.size + step))
                    at.disk.write(chunk, written)
                written = end
            if expected is not None and written != expected:
                raise exceptions.Invalid("there are %d bytes instead of %d" % (written, expected))
            with disk_errors(self._image, WRITE):
                at.disk.flush()
        return written

    def content(self, image: images.Image, offset: int, length: int) -> Iterator[bytes]:
        """The bytes. A complete image is compared with its checksum before its last piece is given out.

        The volume is detached before that too: whoever has got everything may delete the image at once.
        """
        if not length:
            return
        complete = image.checksum is not None and length == image.length
        digest = utils.get_hasher("md5", False) if complete else None
        end = offset + length
        with glance_errors(self._image, READ):
            with Attachment(self._session, self._path, self._image, image.volume, READ) as at:
                while True:
                    with disk_errors(self._image, READ):
                        piece = at.disk.read(min(self._buffer, end - offset), offset)
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
    """A volume of an image, attached to this host in this block.

    A session with the array is taken only while it is needed: a transfer may last for hours.
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
            # What was read has been read, and what was written has been flushed.
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
        """Extend the volume. Its disk is closed meanwhile: the array may demand that, and a data path may need it."""
        self.disk.flush()
        disk, self._disk = self._disk, None
        if disk is not None:
            disk.close()
        with self._session() as found:
            self.volume = found.extend(self.volume, size)
        self._open()


def even(chunks: Iterator[bytes], size: int, sinks: list[Callable[[bytes], Any]]) -> Iterator[bytes]:
    """The bytes of all chunks in pieces of this size; the last may be shorter. Each sink is given all bytes."""
    held = bytearray()
    for chunk in chunks:
        for sink in sinks:
            sink(chunk)
        held += chunk
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)
