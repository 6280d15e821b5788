# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Register the volume driver with Nova's libvirt driver, in its table of classes by the type of a volume."""

from __future__ import annotations

from types import ModuleType

CLASS = "openflash_openstack.nova.volume.LibvirtDswareVolumeDriver"
TYPES = ("dsware", "huaweisdshypervisor", "HUAWEISDSHYPERVISOR")
"""What Cinder sends as ``driver_volume_type``; the drivers of SDSHypervisor have it in capitals (section 2.1)."""


def register(driver: ModuleType) -> None:
    """:param driver: the module ``nova.virt.libvirt.driver``."""
    for kind in TYPES:
        driver.VOLUME_DRIVERS[kind] = CLASS
