# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An image as a volume of the array: its name, its notes, who may reach it.

Section numbers are those of the Datera wire sheet.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from glance_store import exceptions
from oslo_log import log as logging

from openflash import errors, model
from openflash.array import Array, InitiatorHosts, Notes
from openflash.transport.deadline import Deadline
from openflash.units import GIB, round_up

LOG = logging.getLogger(__name__)

# Section 3.10: the second is how images were called up to 2018, and how Cinder calls its volumes.
NAME, OLD_NAME = "OS-IMAGE-%s", "OS-%s"
# Section 2.10: Cinder's driver looks for the type before it clones an image.
CHECKSUM, LENGTH, TYPE, IMAGE = "checksum", "length", "type", "image"
HOST_LABEL = "OpenStack-Glance"
# Seconds within which an array notices that a session has ended
SESSION_ENDS_WITHIN = 15.0


@dataclass(frozen=True)
class Image:
    """An image on the array. Sizes in bytes."""

    volume: model.Volume
    length: int
    checksum: Optional[str]
    """MD5 in hexadecimal digits, where it is known."""


@dataclass(frozen=True)
class Access:
    """The access of one initiator to a volume."""

    initiator: str
    ports: tuple[model.Port, ...]
    lun: int
    mapping: model.Mapping
    host: Optional[model.Host]
    """The initiator on the array, where it is deleted with the access."""


class Images:
    """The images of one tenant, by one session.

    :param initiator_prefix: with what the names of initiators begin that are made for one transfer only.
    """

    def __init__(self, array: Array, initiator_prefix: str) -> None:
        self.array = array
        self._notes = Notes.of(array)
        self._hosts = InitiatorHosts.of(array)
        self._initiator_prefix = initiator_prefix

    # -- finding -----------------------------------------------------------------------------------------------------

    def find(self, image: str) -> Image:
        """Two requests; NotFound when it is not there, or is no image.

        A volume of Cinder may have the older of the two names. Only a volume with a note that says so is an image, so
        that no invented location leads to somebody else's data.
        """
        volume = self.volume_of(image)
        notes = self._notes.metadata(volume)
        digits = notes.get(LENGTH, "")
        if digits.isdigit() and int(digits) <= volume.size:
            return Image(volume, int(digits), notes.get(CHECKSUM))
        if digits:
            raise errors.BadReply("the noted length of image %s is %r bytes" % (image, digits), target=volume.name)
        LOG.warning("The length of image %s is not noted on its volume, so all of the volume is read.", image)
        return Image(volume, volume.size, None)

    def volume_of(self, image: str) -> model.Volume:
        """The volume of an image, complete or not: one request where it has the newer name."""
        volume = self._named(NAME % image)
        if volume is not None:
            return volume
        volume = self._named(OLD_NAME % image)
        if volume is not None and self._notes.metadata(volume).get(TYPE) == IMAGE:
            return volume
        raise errors.NotFound("image %s is not there" % image, target=NAME % image)

    def _named(self, name: str) -> Optional[model.Volume]:
        listing = self.array.volumes([name])
        for entry in listing.unreadable:
            raise errors.BadReply("%s is there, but cannot be read: %s" % (entry.name, entry.reason), target=name)
        return listing.named(name)

    # -- making ------------------------------------------------------------------------------------------------------

    def create(self, image: str, size: int, options: Mapping[str, Any]) -> model.Volume:
        """Two requests: a read, and the new volume. Duplicate when there is an image already.

        The unfinished upload of a killed worker is no image, and is removed.
        """
        name = NAME % image
        existing = self._named(name)
        if existing is not None:
            self._remove_unfinished(image, existing)
        requested = dict(options)
        if _is_uuid(image):
            requested["uuid"] = image
        spec = model.VolumeSpec(name, round_up(max(size, 1), GIB), options=requested)
        return self.array.create_volume(spec)

    def _remove_unfinished(self, image: str, existing: model.Volume) -> None:
        if self._notes.metadata(existing) or any(one.open is not False for one in existing.mappings or ()):
            raise exceptions.Duplicate(image=image)
        LOG.warning("Removing the volume of an upload of image %s that was never finished.", image)
        self.remove(existing)

    def finish(self, volume: model.Volume, length: int, checksum: str) -> None:
        """Write the notes by which the volume is an image."""
        self._notes.set_metadata(volume, {CHECKSUM: checksum, LENGTH: str(length), TYPE: IMAGE})

    # -- removing ----------------------------------------------------------------------------------------------------

    def remove(self, volume: model.Volume) -> None:
        """Delete the volume of an image, with the entries of its access list: the older stores never removed theirs
        (section 3.8).

        :raises InUse: somebody has it open.
        """
        busy = sorted(one.host for one in volume.mappings or () if one.open is not False)
        if busy:
            raise errors.InUse("%s have it open" % ", ".join(busy), target=volume.name, array=self.array.label)
        for one in volume.mappings or ():
            self._hosts.end_mapping(one)
            if one.host.startswith(self._initiator_prefix):
                # Of a worker that was killed
                host = model.Host(one.host, id=one.host_id or "")
                self._quietly(lambda host=host: self.array.delete_host(host), "the initiator %s" % one.host, volume)
        self.array.delete_volume(volume)

    # -- access ------------------------------------------------------------------------------------------------------

    def expose(self, volume: model.Volume, initiator: str, temporary: bool) -> Access:
        """Give this initiator access. Three requests.

        :param temporary: the initiator is deleted with the access.
        """
        host = self._hosts.single_host(HOST_LABEL, model.Initiator(initiator, model.ISCSI))
        try:
            mapping = self.array.map_volume(volume, host)
            ports = tuple(one for one in self.array.ports_of([volume.name]) if one.name == volume.name)
            if not ports:
                raise errors.BadReply("the array reports no portal of volume %s" % volume.name, target=volume.name)
        except BaseException:
            self._quietly(lambda: self._withdraw(volume, host), "the access of %s to it" % initiator, volume)
            if temporary:
                self._quietly(lambda: self.array.delete_host(host), "the initiator %s" % initiator, volume)
            raise
        return Access(initiator, ports, mapping.lun or 0, mapping, host if temporary else None)

    def conceal(self, volume: model.Volume, access: Access) -> None:
        """End an access. One request, and one for a temporary initiator."""
        what = "the access of %s to it" % access.initiator
        self._quietly(lambda: self._hosts.end_mapping(access.mapping), what, volume)
        if access.host is not None:
            self._quietly(lambda: self.array.delete_host(access.host), "the initiator %s" % access.initiator, volume)

    def extend(self, volume: model.Volume, size: int) -> model.Volume:
        """Extend a volume that nobody has open any more, which the array may notice a moment later."""
        wait = Deadline(SESSION_ENDS_WITHIN, first=0.2, longest=1.0)
        while True:
            try:
                return self.array.extend_volume(volume, round_up(size, GIB))
            except errors.InUse:
                if not wait.pause():
                    raise

    def _withdraw(self, volume: model.Volume, host: model.Host) -> None:
        """End an access that was not given completely."""
        present = self._named(volume.name)
        for one in present.mappings or () if present is not None else ():
            if one.host_id == host.id:
                self._hosts.end_mapping(one)

    @staticmethod
    def _quietly(action: Any, what: str, volume: model.Volume) -> None:
        """A failure here does not undo what was done before, and is corrected when the image is deleted."""
        try:
            action()
        except errors.FlashError as error:
            LOG.warning("Volume %s: %s could not be removed: %s", volume.name, what, error)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


_URI = re.compile(
    r"datera://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?"
    # Section 3.4: written without the prefixes, and read with them
    r"/app_instances/(?:OS-)?(?:IMAGE-)?(?P<image>[A-Za-z0-9][A-Za-z0-9_.-]*)"
)


def parse_uri(uri: str) -> Optional[tuple[str, Optional[int], str]]:
    """Host, port and image of a location; None when it is not of this store."""
    match = _URI.fullmatch(uri)
    if match is None or int(match["port"] or 1) > 65535:
        return None
    return match["host"].strip("[]"), int(match["port"]) if match["port"] else None, match["image"]


def format_uri(host: str, port: Optional[int], image: str) -> str:
    return "%s/app_instances/%s" % (prefix(host, port), image)


def prefix(host: str, port: Optional[int]) -> str:
    shown = "[%s]" % host if ":" in host else host
    return "datera://%s%s" % (shown, "" if port is None else ":%d" % port)
