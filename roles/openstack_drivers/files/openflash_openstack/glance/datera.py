# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Glance store ``datera``: images as volumes of a Datera array."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Optional

from glance_store import capabilities, driver, exceptions, location
from glance_store.common import utils
from oslo_log import log as logging

from openflash import connect, errors, model
from openflash.units import GIB

from .. import sessions
from . import disks, images, options, transfer
from .errors import DELETE, READ, WRITE, glance_errors
from .user_space import UserPath

LOG = logging.getLogger(__name__)

NAME = "datera"
SCHEME = NAME + "://"
# The largest number of bytes that a transfer keeps in memory
LARGEST = 8 * 1024**2
HTTP_PORT = 7717


class StoreLocation(location.StoreLocation):  # type: ignore[misc] # glance_store has no types
    """``datera://ADDRESS:PORT[/TENANT]/app_instances/IMAGE``.

    Only the image is used, since the array's address may change.
    """

    def process_specs(self) -> None:
        self.place: images.Place = self.specs["place"]
        self.image_id: str = self.specs["image_id"]

    def get_uri(self) -> str:
        return self.place.prefix + self.image_id

    def parse_uri(self, uri: str) -> None:
        self.validate_schemas(uri, valid_schemas=(SCHEME,))
        found = images.parse_uri(uri)
        if found is None:
            raise exceptions.BadStoreUri("%s is no location of an image on a Datera array" % uri)
        self.place, self.image_id = found


class Store(driver.Store):  # type: ignore[misc]
    """Each image is a volume, whose metadata has the length and checksum of the image."""

    _CAPABILITIES = (
        capabilities.BitMasks.READ_RANDOM | capabilities.BitMasks.WRITE_ACCESS | capabilities.BitMasks.DRIVER_REUSABLE
    )
    OPTIONS = options.OPTIONS
    EXAMPLE_URL = "datera://<ADDRESS>:<PORT>/app_instances/<IMAGE>"

    def __init__(self, conf: Any, backend: Optional[str] = None) -> None:
        super().__init__(conf, backend)
        self._settings: Any = self.conf.glance_store
        if self.backend_group:
            self._settings = driver.BackendGroupConfiguration(self.OPTIONS, self.backend_group, conf=self.conf)
        self._sessions: Optional[sessions.Sessions] = None
        self._path: Optional[disks.DataPath] = None

    def get_schemes(self) -> tuple[str, ...]:
        return (NAME,)

    # -- configuration -----------------------------------------------------------------------------------------------

    def configure(self, re_raise_bsc: bool = False) -> None:
        """Configure the store. Reading needs the same options as writing, so without them it can do neither."""
        # Without an address no location is this store's
        self._url_prefix = self._place().prefix if self._settings.datera_san_ip else None
        super().configure(re_raise_bsc=re_raise_bsc)

    def configure_add(self) -> None:
        """Log in once. An array that cannot be reached now is used as soon as it answers.

        :raises BadStoreConfiguration: an option is wrong, this host lacks something, or the array refuses the login.
        """
        problems = options.problems(self._setting)
        if problems:
            raise exceptions.BadStoreConfiguration(store_name=NAME, reason="; ".join(problems))
        connection = self._connection()
        self._sessions = sessions.Sessions(lambda: connect.connect(connection), self._setting("datera_sessions"))
        try:
            self._path = self._data_path()
            self._path.check()
            with self._sessions.one():
                pass
        except sessions.PASSING as error:
            LOG.error("The array of the images cannot be reached now: %s", error)
        except errors.FlashError as error:
            raise exceptions.BadStoreConfiguration(store_name=NAME, reason=str(error)) from None
        if not connection.validate_certs:
            LOG.warning("datera_validate_certs is off, so the array is not verified.")

    def _place(self) -> images.Place:
        """A single store has locations of the older form: no other store is on the array."""
        tenant = images.tenant_in_uri(self._setting("datera_tenant_id")) if self.backend_group else ""
        return images.Place(self._setting("datera_san_ip"), self._setting("datera_san_port"), tenant)

    def _setting(self, name: str) -> Any:
        return getattr(self._settings, name)

    def _connection(self) -> model.Connection:
        verify = bool(self._setting("datera_validate_certs"))
        port = self._setting("datera_san_port")
        return model.Connection(
            vendor=NAME,
            address=(self._setting("datera_san_ip"),),
            port=port,
            username=self._setting("datera_san_login"),
            password=self._setting("datera_san_password"),
            validate_certs=verify,
            ca_path=self._setting("datera_ca_file") if verify else None,
            tls_server_name=self._setting("datera_tls_server_name") if verify else None,
            timeout=float(self._setting("datera_timeout")),
            wait_timeout=float(self._setting("datera_operation_max_timeout")),
            options={
                "tenant": self._setting("datera_tenant_id"),
                "create_tenant": True,
                "scheme": "http" if port == HTTP_PORT else "https",
                # Only to extend the volume of an unfinished upload, which is mapped to no other host
                "offline_changes": True,
            },
        )

    def _data_path(self) -> disks.DataPath:
        attempts = self._setting("datera_retry_attempts")
        seconds = float(attempts * self._setting("datera_retry_interval"))
        if self._setting("datera_data_path") == options.USER:
            return UserPath(self._setting("datera_initiator_name"), seconds)
        try:
            from .kernel import KernelPath
        except ImportError as error:
            raise errors.Invalid(
                "os-brick cannot be imported: %s" % error,
                hint="Install it for Glance (pip install glance_store[cinder]), or set datera_data_path = %s."
                % options.USER,
            ) from None
        helper = "%s %s" % (
            self._setting("datera_glance_rootwrap_path"),
            self._setting("datera_glance_rootwrap_config"),
        )
        return KernelPath(self.conf, helper, self._setting("datera_use_multipath"), attempts, seconds)

    # -- what Glance calls ----------------------------------------------------------------------------------------

    @driver.back_compat_add  # type: ignore[misc]
    @capabilities.check  # type: ignore[misc]
    def add(
        self,
        image_id: str,
        image_file: Any,
        image_size: int,
        hashing_algo: str,
        context: Any = None,
        verifier: Any = None,
    ) -> tuple[str, int, str, str, dict[str, str]]:
        """Store an image. After a failure its volume is removed.

        :param image_size: in bytes; 0 when it is not known.
        :return: URI, length in bytes, MD5, hash, metadata.
        """
        digests = [utils.get_hasher("md5", False), utils.get_hasher(hashing_algo, False)]
        sinks: list[Callable[[bytes], Any]] = [digest.update for digest in digests]
        if verifier is not None:
            sinks.append(verifier.update)
        chunks = transfer.even(utils.chunkreadable(image_file, self._buffer), self._buffer, sinks)
        expected = image_size or None
        with glance_errors(image_id, WRITE):
            with self._images() as found:
                size = expected or self._setting("datera_default_image_size") * GIB
                volume = found.create(image_id, size, self._volume_options())
            try:
                step = self._setting("datera_default_image_size") * GIB
                written = self._transfer(image_id).fill(volume, chunks, expected, step)
                with self._images() as found:
                    found.finish(volume, written, digests[0].hexdigest())
            except BaseException:
                LOG.error("Image %s could not be stored; its volume is removed.", image_id)
                self._discard(image_id)
                raise
        metadata = {"store": self.backend_group} if self.backend_group else {}
        return self._place().prefix + image_id, written, digests[0].hexdigest(), digests[1].hexdigest(), metadata

    @capabilities.check  # type: ignore[misc]
    def get(
        self, location: Any, offset: int = 0, chunk_size: Optional[int] = None, context: Any = None
    ) -> tuple[Iterator[bytes], int]:
        """The content of an image and its length in bytes. The volume is attached when the first chunk is read.

        :param offset: the first byte.
        :param chunk_size: the number of bytes; all remaining ones when it is None.
        """
        image_id = location.store_location.image_id
        with glance_errors(image_id, READ), self._images() as found:
            image = found.find(image_id)
        offset = min(offset or 0, image.length)
        remaining = image.length - offset
        length = remaining if chunk_size is None else min(chunk_size, remaining)
        return self._transfer(image_id).content(image, offset, length), length

    def get_size(self, location: Any, context: Any = None) -> int:
        image_id = location.store_location.image_id
        with glance_errors(image_id, READ), self._images() as found:
            return found.find(image_id).length

    @capabilities.check  # type: ignore[misc]
    def delete(self, location: Any, context: Any = None) -> None:
        image_id = location.store_location.image_id
        with glance_errors(image_id, DELETE), self._images() as found:
            volume = found.volume_of(image_id)
            if volume.snapshots != ():
                raise exceptions.HasSnapshot("image %s cannot be deleted: its volume has snapshots" % image_id)
            found.remove(volume)

    # -- the array ---------------------------------------------------------------------------------------------------

    @contextmanager
    def _images(self) -> Iterator[images.Images]:
        if self._sessions is None:
            raise exceptions.BackendException("the store %s is not configured" % (self.backend_group or NAME))
        with self._sessions.one() as array:
            yield images.Images(array, self._setting("datera_initiator_name"))

    def _volume_options(self) -> dict[str, Any]:
        return {
            "replica_count": self._setting("datera_replica_count"),
            "placement_mode": self._setting("datera_placement_mode"),
        }

    def _discard(self, image_id: str) -> None:
        """Remove the volume of a failed upload. An error here is logged, so that the first error is reported."""
        try:
            with self._images() as found:
                found.remove(found.volume_of(image_id))
        except errors.NotFound:
            return
        except (errors.FlashError, exceptions.BackendException) as error:
            LOG.error("The volume of image %s could not be removed; delete it on the array: %s", image_id, error)

    # -- bytes -------------------------------------------------------------------------------------------------------

    @property
    def _buffer(self) -> int:
        # A multiple of the block size of every disk
        requested: int = self._setting("datera_chunk_size")
        return max(4096, min(requested, LARGEST) // 4096 * 4096)

    def _transfer(self, image_id: str) -> transfer.Transfer:
        if self._path is None:
            raise exceptions.BackendException("the store %s is not configured" % (self.backend_group or NAME))
        return transfer.Transfer(self._images, self._path, image_id, self._buffer)
