# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nova's libvirt driver chooses the volume driver for Dsware, which attaches with a simulated array's tool.

    brick_nova.py ENDPOINTS ARRAY VOLUME

There is no libvirt here; ``LibvirtDriver`` is made without its constructor, which needs one. The choice of a volume
driver and the XML of a disk are made by Nova's own code.
"""

from __future__ import annotations

import os
import site
import subprocess
import sys
import tempfile
import types
import uuid
from pathlib import Path
from typing import Any
from unittest import mock

# A site folder, so that its path file is used as if pip had installed the distribution
site.addsitedir(os.environ["OPENFLASH_SITE"])

import nova.conf
import os_brick
from nova import exception
from nova.virt.libvirt import driver
from nova.virt.libvirt.volume import volume as libvirt_volume
from os_brick import privileged
from oslo_concurrency import lockutils
from steps import GIB, SimulatedArray, Steps

RUN = Steps()
step = RUN.step


def main() -> int:
    endpoints, name, volume = sys.argv[1:]
    array = SimulatedArray(endpoints, name)
    folder = tempfile.mkdtemp(prefix="brick-nova-")
    nova.conf.CONF([], project="nova", default_config_files=[])
    lockutils.set_defaults(folder)
    os_brick.setup(nova.conf.CONF)
    privileged.default.set_client_mode(False)
    os.environ["HUAWEISDSHYPERVISORCLI_PATH"] = f"{array.entry['bin_dir']}/vbs_cli"
    make = ("--manage_ip", "m", "--ip", "a", "--op", "createVolume", "--volName", volume, "--poolId", "0")
    command = [f"{array.entry['bin_dir']}/fsc_cli", *make, "--volSize", "1024", "--thinFlag", "0"]
    assert subprocess.run(command, check=True, capture_output=True, timeout=600).stdout == b"result=0\n"

    libvirt = driver.LibvirtDriver.__new__(driver.LibvirtDriver)
    libvirt.volume_drivers = {}
    # The only call to libvirt in the tested code: whether it has a secret of the volume
    libvirt._host = mock.Mock(spec=["find_secret"], find_secret=mock.Mock(return_value=None))
    serial = str(uuid.uuid4())
    data: dict[str, Any] = {"volume_id": volume, "volume_name": volume, "dsw_manager_ip": "192.0.2.9"}
    info: dict[str, Any] = {
        "driver_volume_type": "dsware",
        "serial": serial,
        "data": dict(data, qos_specs=None, access_mode="rw"),
    }

    ours = step("Nova finds the volume driver", lambda: libvirt._get_volume_driver(info))
    step("its class is LibvirtDswareVolumeDriver", lambda: type(ours).__name__, "LibvirtDswareVolumeDriver")
    step("it is a volume driver of Nova", lambda: isinstance(ours, libvirt_volume.LibvirtBaseVolumeDriver), True)
    step("Nova creates it once", lambda: libvirt._get_volume_driver(info) is ours, True)
    for kind in ("huaweisdshypervisor", "HUAWEISDSHYPERVISOR"):
        connection: dict[str, Any] = {"driver_volume_type": kind, "data": {}}
        step(f"for {kind}", lambda connection=connection: type(libvirt._get_volume_driver(connection)), type(ours))
    step("Nova's own volume drivers are still registered", lambda: len(driver.VOLUME_DRIVERS) >= 15, True)
    unknown = {"driver_volume_type": "nothing", "data": {}}
    step(
        "an unknown type is refused",
        lambda: libvirt._get_volume_driver(unknown),
        refused=exception.VolumeDriverNotFound,
    )

    instance = types.SimpleNamespace(uuid=str(uuid.uuid4()))
    step("connect", lambda: ours.connect_volume(info, instance))
    path = Path(info["data"].get("device_path", "/nowhere"))
    step(
        "the device and its size",
        lambda: (path.is_relative_to(array.entry["device_root"]), path.stat().st_size),
        (True, GIB),
    )
    disk = {"type": "disk", "dev": "vdb", "bus": "virtio"}
    conf = step("the disk of the guest", lambda: ours.get_config(info, disk))
    step("the disk is a block device", lambda: (conf.source_type, conf.source_path), ("block", str(path)))
    how = ("raw", "none", "native")
    step(
        "the disk is raw, uncached and asynchronous",
        lambda: (conf.driver_format, conf.driver_cache, conf.driver_io),
        how,
    )
    step("the XML has the device", lambda: f'<source dev="{path}"/>' in conf.to_xml(), True)
    step("the disk has the serial", lambda: conf.serial, serial)
    expand = ("--manage_ip", "m", "--ip", "a", "--op", "expandVolume", "--volName", volume, "--volSize", "2048")
    subprocess.run([f"{array.entry['bin_dir']}/fsc_cli", *expand], check=True, capture_output=True, timeout=600)
    step("extend", lambda: libvirt._extend_volume(info, instance, 2 * GIB), 2 * GIB)
    step("disconnect", lambda: ours.disconnect_volume(info, instance))
    step("the device is removed", path.exists, False)
    step("disconnect by force", lambda: ours.disconnect_volume(info, instance, force=True))
    return RUN.status()


if __name__ == "__main__":
    sys.exit(main())
