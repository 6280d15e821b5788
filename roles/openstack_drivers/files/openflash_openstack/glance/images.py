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
# Seconds until an array has noticed that a session is gone
SETTLE = 15.0


@dataclass(frozen=True)
class Image:
    """An image on the array. Sizes in bytes."""

    volume: model.Volume
    length: int
    checksum: Optional[str]
    """MD5 in hexadecimal digits, where it is known."""


@dataclass(frozen=True)
class Access:
    """What an initiator was given."""

    initiator: str
    ports: tuple[model.Port, ...]
    lun: int
    mapping: model.Mapping
    host: Optional[model.Host]
    """The initiator on the array, where it goes with the access."""


class Images:
    """The images of one tenant, by one session.

    :param ours: what the names of initiators begin with that are made for one transfer only.
    """

    def __init__(self, array: Array, ours: str) -> None:
        self.array = array
        self._notes = Notes.of(array)
        self._hosts = InitiatorHosts.of(array)
        self._ours = ours

    # -- finding -----------------------------------------------------------------------------------------------------

    def find(self, image: str) -> Image:
        """Two requests; NotFound when it is not there, or is no image.

        A volume of Cinder may have the older of the two names. What does not say that it is an image is none, so no
        location that somebody makes up leads to another one's data.
        """
        volume = self.volume_of(image)
        notes = self._notes.metadata(volume)
        digits = notes.get(LENGTH, "")
        if digits.isdigit() and int(digits) <= volume.size:
            return Image(volume, int(digits), notes.get(CHECKSUM))
        if digits:
            raise errors.BadReply("image %s says that it has %r bytes" % (image, digits), target=volume.name)
        LOG.warning("Image %s does not say how long it is: all of its volume is read.", image)
        return Image(volume, volume.size, None)

    def volume_of(self, image: str) -> model.Volume:
        """The volume of an image, whole or not: one request where it has the newer name."""
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
        """One request to look and one to make; Duplicate when there is an image already.

        What a worker left that was killed while it uploaded is no image, and goes.
        """
        name = NAME % image
        there = self._named(name)
        if there is not None:
            self._remove_unfinished(image, there)
        wanted = dict(options)
        if _is_uuid(image):
            wanted["uuid"] = image
        spec = model.VolumeSpec(name, round_up(max(size, 1), GIB), options=wanted)
        return self.array.create_volume(spec)

    def _remove_unfinished(self, image: str, there: model.Volume) -> None:
        if self._notes.metadata(there) or any(one.open is not False for one in there.mappings or ()):
            raise exceptions.Duplicate(image=image)
        LOG.warning("Removing what is left of an upload of image %s that was never finished.", image)
        self.remove(there)

    def finish(self, volume: model.Volume, length: int, checksum: str) -> None:
        """From here on it is an image."""
        self._notes.set_metadata(volume, {CHECKSUM: checksum, LENGTH: str(length), TYPE: IMAGE})

    # -- removing ----------------------------------------------------------------------------------------------------

    def remove(self, volume: model.Volume) -> None:
        """InUse while somebody has it open. Entries that are left in its access list go: the older stores never took
        theirs out (section 3.8)."""
        busy = sorted(one.host for one in volume.mappings or () if one.open is not False)
        if busy:
            raise errors.InUse("%s have it open" % ", ".join(busy), target=volume.name, array=self.array.label)
        for one in volume.mappings or ():
            self._hosts.end_mapping(one)
            if one.host.startswith(self._ours):
                # Of a worker that was killed
                host = model.Host(one.host, id=one.host_id or "")
                self._quietly(lambda host=host: self.array.delete_host(host), "the initiator %s" % one.host, volume)
        self.array.delete_volume(volume)

    # -- access ------------------------------------------------------------------------------------------------------

    def expose(self, volume: model.Volume, initiator: str, temporary: bool) -> Access:
        """Let this initiator in. Three requests.

        :param temporary: the initiator is of no use to anybody afterwards.
        """
        host = self._hosts.single_host(HOST_LABEL, model.Initiator(initiator, model.ISCSI))
        try:
            mapping = self.array.map_volume(volume, host)
            ports = tuple(one for one in self.array.ports_of([volume.name]) if one.name == volume.name)
            if not ports:
                raise errors.BadReply("the array tells no portal of volume %s" % volume.name, target=volume.name)
        except BaseException:
            self._quietly(lambda: self._withdraw(volume, host), "the access of %s to it" % initiator, volume)
            if temporary:
                self._quietly(lambda: self.array.delete_host(host), "the initiator %s" % initiator, volume)
            raise
        return Access(initiator, ports, mapping.lun or 0, mapping, host if temporary else None)

    def conceal(self, volume: model.Volume, access: Access) -> None:
        """Take back what ``expose`` gave. One request, and one for a temporary initiator."""
        what = "the access of %s to it" % access.initiator
        self._quietly(lambda: self._hosts.end_mapping(access.mapping), what, volume)
        if access.host is not None:
            self._quietly(lambda: self.array.delete_host(access.host), "the initiator %s" % access.initiator, volume)

    def extend(self, volume: model.Volume, size: int) -> model.Volume:
        """Nobody has it open; the array may take a moment to notice."""
        wait = Deadline(SETTLE, first=0.2, longest=1.0)
        while True:
            try:
                return self.array.extend_volume(volume, round_up(size, GIB))
            except errors.InUse:
                if not wait.pause():
                    raise

    def _withdraw(self, volume: model.Volume, host: model.Host) -> None:
        """What was half given."""
        there = self._named(volume.name)
        for one in there.mappings or () if there is not None else ():
            if one.host_id == host.id:
                self._hosts.end_mapping(one)

    @staticmethod
    def _quietly(action: Any, what: str, volume: model.Volume) -> None:
        """What fails here is no reason to lose what was done before, and is mended when the image is deleted."""
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
