# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the drivers: those of the drivers that these take over from, by the same names, and few of our own.

Nothing is registered when this is imported, since a driver of Cinder itself may have an option of the same name; each
driver registers its own in its section.
"""

from __future__ import annotations

from typing import Any

from cinder.volume.drivers.san import san
from oslo_config import cfg

COMMON = [
    cfg.IntOpt(
        "openflash_timeout", default=30, min=1, help="Seconds that the array may take to answer a single request."
    ),
    cfg.IntOpt(
        "openflash_wait_timeout",
        default=600,
        min=1,
        help="Seconds that work of the array, such as a copy, may take, and that a busy array is asked again. An "
        "option of the array itself for the same counts where it is longer.",
    ),
    cfg.IntOpt(
        "openflash_sessions", default=4, min=1, help="Number of sessions that a backend has with its array at most."
    ),
    cfg.StrOpt(
        "openflash_tls_server_name",
        help="The name that the certificate of the array is issued to, where that is not san_ip.",
    ),
]

XTREMIO = [
    cfg.StrOpt("xtremio_cluster_name", default="", help="Name of the cluster, where the XMS manages several."),
    cfg.IntOpt("xtremio_array_busy_retry_count", default=5, help="Number of times that a busy array is asked again."),
    cfg.IntOpt("xtremio_array_busy_retry_interval", default=5, help="Seconds between these times."),
    cfg.IntOpt(
        "xtremio_volumes_per_glance_cache",
        default=100,
        help="Number of volumes that are cloned from one cached image; 0 for as many as the array allows.",
    ),
    cfg.BoolOpt(
        "xtremio_clean_unused_ig",
        default=False,
        help="Whether an initiator group that the driver made goes when its last volume is detached.",
    ),
    cfg.ListOpt("xtremio_ports", default=[], help="IPs of portals and WWNs of targets: the only ones to use."),
]

FLASHSYSTEM = [
    cfg.StrOpt(
        "flashsystem_connection_protocol", default="FC", help="FC or iSCSI; it must be that of the driver's class."
    ),
    cfg.BoolOpt(
        "flashsystem_multihostmap_enabled", default=True, help="Whether a volume may be attached to several hosts."
    ),
    cfg.BoolOpt("flashsystem_multipath_enabled", default=False, help="Has no effect: hosts are told every path."),
    cfg.IntOpt("flashsystem_iscsi_portid", default=0, help="Not needed any more: every portal that is up is used."),
]

VIOLIN = [
    cfg.IntOpt("violin_request_timeout", default=300, help="Seconds that a busy array is asked again."),
    cfg.ListOpt("violin_dedup_only_pools", default=[], help="Pools of a 7700 that deduplicate everything."),
    cfg.ListOpt("violin_dedup_capable_pools", default=[], help="Pools of a 7700 that can deduplicate."),
    cfg.StrOpt(
        "violin_pool_allocation_method",
        default="random",
        choices=["random", "largest", "smallest"],
        help="Which pool a volume goes to that the scheduler gave none; random means the same as largest.",
    ),
    cfg.ListOpt("violin_iscsi_target_ips", default=[], help="IPs of the iSCSI portals to use; all by default."),
]

DSWARE = [
    cfg.StrOpt("dsware_rest_url", default="", help="URL of the array's manager, such as https://192.0.2.10:28443."),
    cfg.StrOpt("dsware_storage_pools", default="", help="Names of the pools to use, with semicolons between them."),
    cfg.DictOpt(
        "manager_ips", default={}, help="Address of the block client's agent for each host: host1:ip1, host2:ip2."
    ),
    cfg.BoolOpt("dsware_isthin", default=False, help="Has no effect: every volume of this array is thin."),
    cfg.StrOpt("dsware_manager", default="", help="Address of the manager, for hosts that attach by a tool."),
    cfg.StrOpt(
        "fusionstorageagent",
        default="",
        help="Addresses of the text socket of releases without REST, with commas between them.",
    ),
    cfg.StrOpt("pool_type", default="default", help="Has no effect."),
    cfg.ListOpt("pool_id_filter", default=[], help="Numbers of the pools to use over the text socket."),
    cfg.IntOpt("clone_volume_timeout", default=680, help="Seconds that a copy by the array may take."),
]

DATERA = [
    cfg.StrOpt("datera_api_port", default="7717", help="Has no effect; san_api_port is the port to use."),
    cfg.StrOpt("datera_api_version", default="2.2", help="Has no effect: the newest common version is used."),
    cfg.StrOpt("datera_ldap_server", help="LDAP server that knows the account."),
    cfg.IntOpt("datera_503_timeout", default=120, help="Seconds that an overloaded array is asked again."),
    cfg.IntOpt("datera_503_interval", default=5, help="Has no effect: the pauses between grow by themselves."),
    cfg.BoolOpt("datera_debug", default=False, help="Has no effect."),
    cfg.BoolOpt("datera_debug_replica_count_override", default=False, help="Make every volume with one replica."),
    cfg.StrOpt(
        "datera_tenant_id",
        help="Tenant of the volumes, by path or name; 'Map' gives every project a tenant of its own.",
    ),
    cfg.BoolOpt("datera_enable_image_cache", default=False, help="Has no effect; use Cinder's own image cache."),
    cfg.StrOpt("datera_image_cache_volume_type_id", help="Has no effect."),
    cfg.BoolOpt("datera_disable_profiler", default=False, help="Has no effect."),
    cfg.BoolOpt("datera_disable_extended_metadata", default=False, help="Has no effect: none is written."),
    cfg.BoolOpt("datera_disable_template_override", default=False, help="Has no effect."),
    cfg.DictOpt("datera_volume_type_defaults", default={}, help="Extra specs that hold for all, without their DF:."),
]

# What is read of the options that Cinder itself has for every SAN.
SAN = [
    option
    for option in san.san_opts
    if option.name
    in ("san_ip", "san_login", "san_password", "san_private_key", "san_ssh_port", "san_api_port", "san_thin_provision")
]


def list_opts() -> list[tuple[str, list[Any]]]:
    """For oslo-config-generator and validators: all that may stand in the section of a backend."""
    return [("backend_defaults", COMMON + XTREMIO + FLASHSYSTEM + VIOLIN + DSWARE + DATERA)]
