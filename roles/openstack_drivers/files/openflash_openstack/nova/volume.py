# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nova's part of attaching a volume of Dsware: the connector attaches the device, libvirt passes it to the instance."""

from __future__ import annotations

from typing import Any, Optional

import nova.conf
from nova import utils
from nova.virt.libvirt.volume import volume as libvirt_volume
from os_brick.initiator import connector
from oslo_log import log as logging

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF

PROTOCOL = "DSWARE"


class LibvirtDswareVolumeDriver(libvirt_volume.LibvirtBaseVolumeDriver):  # type: ignore[misc] # Nova has no types
    """A volume of Dsware as a block device of the instance."""

    def __init__(self, host: Any) -> None:
        super().__init__(host, is_block_dev=True)
        self.connector = connector.InitiatorConnector.factory(PROTOCOL, utils.get_root_helper())

    def get_config(self, connection_info: dict[str, Any], disk_info: dict[str, Any]) -> Any:
        conf = super().get_config(connection_info, disk_info)
        conf.source_type = "block"
        conf.source_path = connection_info["data"]["device_path"]
        if not CONF.libvirt.use_default_aio_mode_for_volumes:
            conf.driver_io = "native"
        return conf

    def connect_volume(self, connection_info: dict[str, Any], instance: Any) -> None:
        device = self.connector.connect_volume(connection_info["data"])
        LOG.debug("Attached %s", device, instance=instance)
        connection_info["data"]["device_path"] = device["path"]

    def disconnect_volume(self, connection_info: dict[str, Any], instance: Any, force: bool = False) -> None:
        self.connector.disconnect_volume(connection_info["data"], None, force=force)
        super().disconnect_volume(connection_info, instance, force=force)

    def extend_volume(self, connection_info: dict[str, Any], instance: Any, requested_size: int) -> Optional[int]:
        size: Optional[int] = self.connector.extend_volume(connection_info["data"])
        LOG.debug("The device has %s bytes now", size, instance=instance)
        return size
