# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An image as a volume of the array: its name, its notes and its access.

Section numbers are those of the Datera wire sheet.
"""

from __future__ import annotations

import re
import urllib.parse
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

# Section 3.10: the second was the name of images up to 2018, and is the name of Cinder's volumes.
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
    """The images of one tenant, over one session.

    :param initiator_prefix: the prefix of the names of temporary initiators, which are used for one transfer only.
    """

    def __init__(self, array: Array, initiator_prefix: str) -> None:
        self.array = array
        self._notes = Notes.of(array)
        self._hosts = InitiatorHosts.of(array)
        self._initiator_prefix = initiator_prefix

    # -- finding -----------------------------------------------------------------------------------------------------

    def find(self, image: str) -> Image:
        """The image. Costs two requests.

        A volume of Cinder may have the older of the two names. There only a volume whose notes say that it is an image
        is one, so that a forged location does not give access to other data.

        :raises NotFound: it does not exist, or the volume is not an image.
        :raises BadReply: the noted length is impossible.
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
        """The volume of an image, which may be incomplete. Costs one request where it has the newer name.

        :raises NotFound: there is none.
        """
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
        """Create the volume of an image. Costs two requests. The unfinished upload of a killed worker is removed first.

        :param size: in bytes.
        :raises Duplicate: the image exists.
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
        if self._notes.metadata(existing) or any(mapping.open is not False for mapping in existing.mappings or ()):
            raise exceptions.Duplicate(image=image)
        LOG.warning("Removing the volume of an upload of image %s that was never finished.", image)
        self.remove(existing)

    def finish(self, volume: model.Volume, length: int, checksum: str) -> None:
        """Write the notes that make the volume an image. Costs one request.

        :param length: of the image, in bytes.
        """
        self._notes.set_metadata(volume, {CHECKSUM: checksum, LENGTH: str(length), TYPE: IMAGE})

    # -- removing ----------------------------------------------------------------------------------------------------

    def remove(self, volume: model.Volume) -> None:
        """Delete the volume of an image, after its mappings: the older stores never removed theirs (section 3.8).

        :raises InUse: an initiator has a session on it.
        """
        users = sorted(mapping.host for mapping in volume.mappings or () if mapping.open is not False)
        if users:
            raise errors.InUse("%s have it open" % ", ".join(users), target=volume.name, array=self.array.label)
        for mapping in volume.mappings or ():
            self._hosts.end_mapping(mapping)
            if mapping.host.startswith(self._initiator_prefix):
                # The temporary initiator of a worker that was killed
                host = model.Host(mapping.host, id=mapping.host_id or "")
                self._quietly(lambda host=host: self.array.delete_host(host), "the initiator %s" % host.name, volume)
        self.array.delete_volume(volume)

    # -- access ------------------------------------------------------------------------------------------------------

    def expose(self, volume: model.Volume, initiator: str, temporary: bool) -> Access:
        """Give this initiator access. Costs three requests.

        :param temporary: the initiator is deleted with the access.
        """
        host = self._hosts.single_host(HOST_LABEL, model.Initiator(initiator, model.ISCSI))
        try:
            mapping = self.array.map_volume(volume, host)
            ports = tuple(port for port in self.array.ports_of([volume.name]) if port.name == volume.name)
            if not ports:
                raise errors.BadReply("the array reports no portal of volume %s" % volume.name, target=volume.name)
        except BaseException:
            self._quietly(lambda: self._withdraw(volume, host), "the access of %s to it" % initiator, volume)
            if temporary:
                self._quietly(lambda: self.array.delete_host(host), "the initiator %s" % initiator, volume)
            raise
        return Access(initiator, ports, mapping.lun or 0, mapping, host if temporary else None)

    def conceal(self, volume: model.Volume, access: Access) -> None:
        """End an access. Costs one request, and one more for a temporary initiator. A failure is only logged."""
        what = "the access of %s to it" % access.initiator
        self._quietly(lambda: self._hosts.end_mapping(access.mapping), what, volume)
        if access.host is not None:
            self._quietly(lambda: self.array.delete_host(access.host), "the initiator %s" % access.initiator, volume)

    def extend(self, volume: model.Volume, size: int) -> model.Volume:
        """Extend a volume whose sessions have ended. The array may notice that with a delay.

        :param size: in bytes.
        :raises InUse: it is still in use after SESSION_ENDS_WITHIN seconds.
        """
        wait = Deadline(SESSION_ENDS_WITHIN, first=0.2, longest=1.0)
        while True:
            try:
                return self.array.extend_volume(volume, round_up(size, GIB))
            except errors.InUse:
                if not wait.pause():
                    raise

    def _withdraw(self, volume: model.Volume, host: model.Host) -> None:
        """End an access that was given in part."""
        present = self._named(volume.name)
        for mapping in present.mappings or () if present is not None else ():
            if mapping.host_id == host.id:
                self._hosts.end_mapping(mapping)

    @staticmethod
    def _quietly(action: Any, what: str, volume: model.Volume) -> None:
        """Log a failure instead of raising it. What remains is removed when the image is deleted."""
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
    r"(?P<tenant>(?:/[A-Za-z0-9_%][A-Za-z0-9_.%~-]*)*?)"
    # Section 3.4: written without the prefixes, and read with them
    r"/app_instances/(?:OS-)?(?:IMAGE-)?(?P<image>[A-Za-z0-9][A-Za-z0-9_.-]*)"
)
# The tenant of the stores that have no other
ROOT = "root"


@dataclass(frozen=True)
class Place:
    """What the locations of one store have in common.

    Glance finds the store of a new location by its beginning, so those of two stores on one array differ by the
    tenant. Otherwise the array is reached as the section of the store says.
    """

    host: str
    port: Optional[int]
    tenant: str = ""
    """As in the location: with a slash before it; empty for the root, as older stores write it."""

    @property
    def prefix(self) -> str:
        shown = "[%s]" % self.host if ":" in self.host else self.host
        return "datera://%s%s%s/app_instances/" % (
            shown,
            "" if self.port is None else ":%d" % self.port,
            self.tenant,
        )


def tenant_in_uri(tenant: Optional[str]) -> str:
    """The tenant of a section, by path or name, as it is in a location."""
    plain = (tenant or ROOT).strip("/")
    if plain.split("/")[0] != ROOT:
        plain = "%s/%s" % (ROOT, plain)
    return "" if plain == ROOT else "/" + urllib.parse.quote(plain)


def parse_uri(uri: str) -> Optional[tuple[Place, str]]:
    """Place and image of a location; None when it is not a location of this store."""
    match = _URI.fullmatch(uri)
    if match is None or int(match["port"] or 1) > 65535:
        return None
    port = int(match["port"]) if match["port"] else None
    return Place(match["host"].strip("[]"), port, match["tenant"]), match["image"]
