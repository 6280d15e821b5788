# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IBM FlashSystem, described for everything outside this folder."""

from __future__ import annotations

from typing import Optional

from ...model import FC, ISCSI
from ...vendor import (
    DEVICE_ROOT,
    Cinder,
    CinderOption,
    Connect,
    Driver,
    Entry,
    Option,
    Section,
    Vendor,
)

HOST_KEYS = ("host_key", "known_hosts", "host_key_policy")
"""How the array is recognised: keys of an entry. The options of the section have the prefix of the collection."""


def _load() -> Connect:
    from . import client

    return client.connect


def _section(entry: Entry, protocol: Optional[str], in_tree: bool) -> Section:
    found: Section = {
        "san_ip": entry["address"],
        "san_ssh_port": entry.get("port"),
        "san_private_key": entry.get("private_key_file"),
        "flashsystem_connection_protocol": {ISCSI: "iSCSI", FC: "FC"}[str(protocol)],
    }
    if not in_tree:
        found.update({"openflash_%s" % key: entry.get(key) for key in HOST_KEYS})
    return found


FLASHSYSTEM = Vendor(
    name="flashsystem",
    title="IBM FlashSystem 840 / 900",
    product="IBM FlashSystem 840 and 900",
    management="SSH",
    since="0.1.0",
    load=_load,
    libraries=("paramiko",),
    options={
        "ssh_agent": Option(("Offer the keys of the SSH agent too.",), type="bool"),
        "device_root": DEVICE_ROOT,
        "copy_checksum": Option(
            ("Read every copy that this host makes back from the array and compare it with what was written.",),
            type="bool",
        ),
    },
    cinder=Cinder(
        drivers={
            FC: Driver(
                "openflash_openstack.cinder.flashsystem.FlashSystemFCDriver",
                "cinder.volume.drivers.ibm.flashsystem_fc.FlashSystemFCDriver",
            ),
            ISCSI: Driver(
                "openflash_openstack.cinder.flashsystem.FlashSystemISCSIDriver",
                "cinder.volume.drivers.ibm.flashsystem_iscsi.FlashSystemISCSIDriver",
            ),
        },
        keys=("private_key_file", *HOST_KEYS),
        section=_section,
        tls=False,
        options=(
            CinderOption(
                "flashsystem_connection_protocol",
                "FC or iSCSI; it must be that of the driver's class.",
                default="FC",
            ),
            CinderOption(
                "flashsystem_multihostmap_enabled", "Whether a volume may be attached to several hosts.", "bool", True
            ),
            CinderOption("openflash_host_key", "The only host key of the array to accept, as TYPE BASE64."),
            CinderOption("openflash_known_hosts", "A file of host keys, in place of ssh_hosts_key_file."),
            CinderOption(
                "openflash_host_key_policy",
                "Whether an unknown host key is refused (strict) or recorded (accept_new). By default as "
                "strict_ssh_host_key_policy says.",
                choices=("strict", "accept_new"),
            ),
            CinderOption("flashsystem_multipath_enabled", "Has no effect: hosts get every path.", "bool", False),
            CinderOption("flashsystem_iscsi_portid", "Not needed any more: every portal that is up is used.", "int", 0),
        ),
    ),
)
