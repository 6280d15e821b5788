# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the image store: those of the store that this one replaces, with the same names and defaults, and
a few more.

An unusable value of the former is reported by ``problems`` and not by oslo.config, which would keep Glance from
starting.
"""

from __future__ import annotations

from typing import Any

from oslo_config import cfg

from openflash.vendors.datera.capabilities import PLACEMENT_MODES

KERNEL, USER = "os-brick", "libiscsi"

OPTIONS = [
    cfg.StrOpt("datera_san_ip", help="Address or name of the array's management service."),
    cfg.StrOpt("datera_san_login", help="Account of the array."),
    cfg.StrOpt("datera_san_password", secret=True, help="Its password."),
    cfg.PortOpt(
        "datera_san_port", default=7718, help="Port of the management service: 7717 speaks http, all others https."
    ),
    cfg.StrOpt(
        "datera_tenant_id", default="/root", help="Tenant of the images, by path or name; it is made when missing."
    ),
    cfg.IntOpt("datera_replica_count", default=3, help="Number of replicas that the array keeps of an image."),
    cfg.StrOpt(
        "datera_placement_mode",
        default="hybrid",
        help="Which media the array puts images on: single_flash, all_flash or hybrid.",
    ),
    cfg.IntOpt(
        "datera_chunk_size",
        default=1024**3,
        help="Bytes that are read or written at once. More than 8 MiB are never held, whatever this says.",
    ),
    cfg.StrOpt("datera_glance_rootwrap_path", default="sudo glance-rootwrap", help="How commands are run as root."),
    cfg.StrOpt(
        "datera_glance_rootwrap_config", default="/etc/glance/rootwrap.conf", help="Which of them are permitted."
    ),
    cfg.IntOpt(
        "datera_default_image_size",
        default=1,
        help="GiB that an image begins with whose size is not known beforehand, and that it grows by.",
    ),
    cfg.IntOpt("datera_retry_attempts", default=30, help="Number of times that a disk is looked for."),
    cfg.IntOpt("datera_retry_interval", default=2, help="Seconds between these times."),
    cfg.IntOpt(
        "datera_operation_max_timeout",
        default=600,
        help="Seconds that work of the array may take, and that a busy array is asked again.",
    ),
    cfg.StrOpt(
        "datera_data_path",
        default=KERNEL,
        choices=[
            (KERNEL, "the iSCSI initiator of the kernel, which needs root (through os-brick and rootwrap)"),
            (USER, "an initiator in user space, which needs nothing but qemu-nbd and its iSCSI driver"),
        ],
        help="How the bytes of an image come and go.",
    ),
    cfg.StrOpt(
        "datera_initiator_name",
        default="iqn.2026-01.storage.openflash:glance",
        regex=r"^iqn\.[0-9]{4}-[0-9]{2}\.[a-z0-9.-]+(:[a-z0-9.:-]+)?$",
        help="What the names begin with that the initiator in user space has. Each transfer has a name of its own.",
    ),
    cfg.BoolOpt("datera_use_multipath", default=False, help="Whether the kernel uses several paths at once."),
    cfg.BoolOpt("datera_validate_certs", default=True, help="Whether the certificate of the array is verified."),
    cfg.StrOpt("datera_ca_file", help="Certificates of the authorities that may have issued it."),
    cfg.StrOpt("datera_tls_server_name", help="The name that it is issued to, where that is not datera_san_ip."),
    cfg.IntOpt("datera_timeout", default=30, min=1, help="Seconds that the array may take to answer a single request."),
    cfg.IntOpt("datera_sessions", default=4, min=1, help="Number of sessions with the array at most."),
]


def problems(setting: Any) -> list[str]:
    """What is wrong with the values, as clauses. ``setting`` gives the value of an option."""
    found = [
        "%s must be set" % one
        for one in ("datera_san_ip", "datera_san_login", "datera_san_password")
        if not setting(one)
    ]
    if setting("datera_placement_mode") not in PLACEMENT_MODES:
        found.append("datera_placement_mode is none of %s" % ", ".join(PLACEMENT_MODES))
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
    """For oslo-config-generator and validators. A store of many has them in its own section."""
    return [("glance_store", OPTIONS)]
