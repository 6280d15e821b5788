# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A replacement for a vendor's driver: one file, for a single store, with few options. It keeps images in a folder.

The path of the folder is the option ``datera_tenant_id``, since a real driver accepts any text for it.
"""

import hashlib
import os
from typing import Any

from glance_store import capabilities, driver, exceptions, location
from oslo_config import cfg


class StoreLocation(location.StoreLocation):
    def process_specs(self) -> None:
        self.image_id = self.specs["image_id"]

    def get_uri(self) -> str:
        return f"datera://stand-in:7717/app_instances/{self.image_id}"

    def parse_uri(self, uri: str) -> None:
        self.image_id = uri.rpartition("/")[2]


class Store(driver.Store):
    _CAPABILITIES = capabilities.BitMasks.RW_ACCESS
    OPTIONS = [
        cfg.StrOpt("datera_san_ip"),
        cfg.StrOpt("datera_san_login"),
        cfg.StrOpt("datera_san_password", secret=True),
        cfg.PortOpt("datera_san_port", default=7718),
        cfg.StrOpt("datera_tenant_id"),
        cfg.IntOpt("datera_replica_count", default=3),
    ]

    def get_schemes(self) -> tuple[str, ...]:
        return ("datera",)

    def configure_add(self) -> None:
        self.folder = self.conf.glance_store.datera_tenant_id

    def _path(self, image_id: str) -> str:
        return os.path.join(self.folder, image_id)

    @driver.back_compat_add
    @capabilities.check
    def add(
        self,
        image_id: str,
        image_file: Any,
        image_size: int,
        hashing_algo: str,
        context: Any = None,
        verifier: Any = None,
    ) -> Any:
        data = b"".join(iter(lambda: image_file.read(65536), b""))
        with open(self._path(image_id), "wb") as file:
            file.write(data)
        uri = StoreLocation({"image_id": image_id}, self.conf).get_uri()
        digests = [hashlib.new(name, data).hexdigest() for name in ("md5", hashing_algo)]
        return uri, len(data), digests[0], digests[1], {}

    @capabilities.check
    def get(self, location: Any, offset: int = 0, chunk_size: int | None = None, context: Any = None) -> Any:
        try:
            with open(self._path(location.store_location.image_id), "rb") as file:
                data = file.read()
        except FileNotFoundError:
            raise exceptions.NotFound(image=location.store_location.image_id) from None
        return iter([data]), len(data)

    @capabilities.check
    def delete(self, location: Any, context: Any = None) -> None:
        os.unlink(self._path(location.store_location.image_id))
