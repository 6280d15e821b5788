# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the image store. Those of the vendor's older store have the same names and defaults here.

Their invalid values are reported by ``problems`` and not by oslo.config, since with an error of oslo.config Glance
would not start.
"""

from __future__ import annotations

from typing import Any

from oslo_config import cfg

from openflash.vendors.datera.capabilities import PLACEMENT_MODES

KERNEL, USER = "os-brick", "libiscsi"

OPTIONS = [
    cfg.StrOpt("datera_san_ip", help="Address or name of the array's management service."),
    cfg.StrOpt("datera_san_login", help="User name on the array."),
    cfg.StrOpt("datera_san_password", secret=True, help="Password of datera_san_login."),
    cfg.PortOpt(
        "datera_san_port", default=7718, help="Port of the management service: 7717 means HTTP, any other port HTTPS."
    ),
    cfg.StrOpt(
        "datera_tenant_id",
        default="/root",
        help="Tenant of the images, by path or name. It is created when it does not exist.",
    ),
    cfg.IntOpt("datera_replica_count", default=3, help="Number of replicas of an image on the array."),
    cfg.StrOpt(
        "datera_placement_mode",
        default="hybrid",
        help="The media that images are placed on: single_flash, all_flash or hybrid.",
    ),
    cfg.IntOpt(
        "datera_chunk_size",
        default=1024**3,
        help="Number of bytes that are read or written at once, at most 8 MiB: a larger value means 8 MiB.",
    ),
    cfg.StrOpt(
        "datera_glance_rootwrap_path",
        default="sudo glance-rootwrap",
        help="The command line with which commands are run as root.",
    ),
    cfg.StrOpt(
        "datera_glance_rootwrap_config",
        default="/etc/glance/rootwrap.conf",
        help="Configuration file of rootwrap, which says which commands are permitted.",
    ),
    cfg.IntOpt(
        "datera_default_image_size",
        default=1,
        help="Initial size of the volume, and size of its extensions, in GiB, for an image of unknown length.",
    ),
    cfg.IntOpt("datera_retry_attempts", default=30, help="How often the host is scanned for a disk."),
    cfg.IntOpt("datera_retry_interval", default=2, help="Seconds between two scans."),
    cfg.IntOpt(
        "datera_operation_max_timeout",
        default=600,
        help="Seconds within which an operation of the array must end, and for which a busy array is tried again.",
    ),
    cfg.StrOpt(
        "datera_data_path",
        default=KERNEL,
        choices=[
            (KERNEL, "the iSCSI initiator of the kernel, which needs root (through os-brick and rootwrap)"),
            (USER, "an initiator in user space, which needs only qemu-nbd and its iSCSI driver"),
        ],
        help="The iSCSI initiator by which images are read and written.",
    ),
    cfg.StrOpt(
        "datera_initiator_name",
        default="iqn.2026-01.storage.openflash:glance",
        regex=r"^iqn\.[0-9]{4}-[0-9]{2}\.[a-z0-9.-]+(:[a-z0-9.:-]+)?$",
        help="Prefix of the names of the initiator in user space. Each transfer has a name of its own.",
    ),
    cfg.BoolOpt("datera_use_multipath", default=False, help="Whether the kernel's initiator uses multipath."),
    cfg.BoolOpt("datera_validate_certs", default=True, help="Whether the certificate of the array is verified."),
    cfg.StrOpt("datera_ca_file", help="File with the CA certificates to trust."),
    cfg.StrOpt("datera_tls_server_name", help="The name in the certificate, where it differs from datera_san_ip."),
    cfg.IntOpt("datera_timeout", default=30, min=1, help="Seconds within which the array must answer a request."),
    cfg.IntOpt("datera_sessions", default=4, min=1, help="The largest number of sessions with the array."),
]


def problems(setting: Any) -> list[str]:
    """What is wrong with the values, as clauses.

    :param setting: a function that returns the value of an option.
    """
    found = [
        "%s must be set" % name
        for name in ("datera_san_ip", "datera_san_login", "datera_san_password")
        if not setting(name)
    ]
    if setting("datera_placement_mode") not in PLACEMENT_MODES:
        found.append("datera_placement_mode is not one of %s" % ", ".join(PLACEMENT_MODES))
    if not 1 <= setting("datera_replica_count") <= 5:
        found.append("datera_replica_count is not from 1 to 5")
    for name in (
        "datera_default_image_size",
        "datera_chunk_size",
        "datera_retry_attempts",
        "datera_retry_interval",
        "datera_operation_max_timeout",
    ):
        if setting(name) < 1:
            found.append("%s is less than 1" % name)
    return found


def list_opts() -> list[tuple[str, list[Any]]]:
    """The options, for oslo-config-generator and validators. One of several stores has them in its own section."""
    return [("glance_store", OPTIONS)]
