# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dell EMC XtremIO, described for everything outside this folder."""

from __future__ import annotations

from typing import Optional

from ...model import FC, ISCSI
from ...vendor import (
    DEVICE_ROOT,
    TARGET_PORTS,
    Cinder,
    CinderOption,
    Connect,
    Driver,
    Entry,
    Option,
    Section,
    Vendor,
    port_in_address,
    san_section,
)


def _load() -> Connect:
    from . import client

    return client.connect


def _section(entry: Entry, protocol: Optional[str], in_tree: bool) -> Section:
    address = port_in_address(entry) if in_tree else san_section(entry, protocol, in_tree)
    return dict(address, xtremio_cluster_name=entry.get("cluster"))


XTREMIO = Vendor(
    name="xtremio",
    title="Dell EMC XtremIO",
    product="EMC / Dell EMC XtremIO (XMS with REST v1 and v2)",
    management="HTTPS",
    since="0.1.0",
    load=_load,
    libraries=("requests",),
    options={
        "cluster": Option(
            ("Name of the cluster, where one management service manages several.",),
            is_name=True,
        ),
        "array_version": Option(
            ("Version of the management software, such as V(4.2.0-33). Saves the requests that read it.",),
        ),
        "target_ports": TARGET_PORTS,
        "device_root": DEVICE_ROOT,
    },
    cinder=Cinder(
        drivers={
            ISCSI: Driver(
                "openflash_openstack.cinder.xtremio.XtremIOISCSIDriver",
                "cinder.volume.drivers.dell_emc.xtremio.XtremIOISCSIDriver",
            ),
            FC: Driver(
                "openflash_openstack.cinder.xtremio.XtremIOFCDriver",
                "cinder.volume.drivers.dell_emc.xtremio.XtremIOFCDriver",
            ),
        },
        keys=("cluster",),
        section=_section,
        options=(
            CinderOption("xtremio_cluster_name", "Name of the cluster, where the XMS manages several.", default=""),
            CinderOption("xtremio_array_busy_retry_count", "Number of retries while the array is busy.", "int", 5),
            CinderOption("xtremio_array_busy_retry_interval", "Seconds between these retries.", "int", 5),
            CinderOption(
                "xtremio_volumes_per_glance_cache",
                "Number of volumes that are cloned from one cached image; 0 for as many as the array allows.",
                "int",
                100,
            ),
            CinderOption(
                "xtremio_clean_unused_ig",
                "Whether an initiator group that the driver made is deleted when its last volume is detached.",
                "bool",
                False,
            ),
            CinderOption("xtremio_ports", "IPs of portals and WWNs of targets: the only ones to use.", "list"),
        ),
    ),
)
