# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Violin 7300 and 7700, described for everything outside this folder."""

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
    return port_in_address(entry) if in_tree else san_section(entry, protocol, in_tree)


VIOLIN = Vendor(
    name="violin",
    title="Violin 7300 / 7700",
    product="Violin Memory 7300 and 7700 FSP (Concerto OS 7.5.3 and later)",
    management="HTTPS",
    since="0.1.0",
    load=_load,
    libraries=("requests",),
    options={
        "target_ports": TARGET_PORTS,
        "pool_selection": Option(
            (
                "Which pool gets a new volume that names none: of those with enough free space, the one with the most "
                "or the one with the least. The default is V(largest).",
            ),
            choices=("largest", "smallest"),
        ),
        "dedup_only_pools": Option(
            ("Names of the pools of a 7700 that hold dedup volumes only. The array does not report which they are.",),
            type="list",
            elements="str",
        ),
        "dedup_capable_pools": Option(
            (
                "Names of the pools of a 7700 that hold volumes of any kind, dedup included. The array does not report "
                "which they are.",
            ),
            type="list",
            elements="str",
        ),
        "remove_empty_hosts": Option(
            ("Delete a host from the array when its last volume is unmapped.",),
            type="bool",
        ),
        "allow_untested_version": Option(
            ("Continue with a version of the array's software that this collection does not know.",),
            type="bool",
        ),
        "device_root": DEVICE_ROOT,
    },
    cinder=Cinder(
        drivers={
            FC: Driver(
                "openflash_openstack.cinder.violin.V7000FCPDriver",
                "cinder.volume.drivers.violin.v7000_fcp.V7000FCPDriver",
            ),
            ISCSI: Driver(
                "openflash_openstack.cinder.violin.V7000ISCSIDriver",
                "cinder.volume.drivers.violin.v7000_iscsi.V7000ISCSIDriver",
            ),
        },
        section=_section,
        in_tree_package="vmemclient",
        in_tree_capabilities=("dedup", "thin"),
        options=(
            CinderOption("violin_request_timeout", "Seconds to retry while the array is busy.", "int", 300),
            CinderOption("violin_dedup_only_pools", "Pools of a 7700 that deduplicate everything.", "list"),
            CinderOption("violin_dedup_capable_pools", "Pools of a 7700 that can deduplicate.", "list"),
            CinderOption(
                "violin_pool_allocation_method",
                "The pool for a volume to which the scheduler assigned none; random means the same as largest.",
                default="random",
                choices=("random", "largest", "smallest"),
            ),
            CinderOption("violin_iscsi_target_ips", "IPs of the iSCSI portals to use; all by default.", "list"),
        ),
    ),
)
