# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Datera EDF, described for everything outside this folder."""

from __future__ import annotations

from typing import Optional

from ...model import ISCSI
from ...vendor import (
    Cinder,
    CinderOption,
    Connect,
    Driver,
    Entry,
    Option,
    Section,
    Vendor,
    san_section,
)


def _load() -> Connect:
    from . import client

    return client.connect


def _section(entry: Entry, protocol: Optional[str], in_tree: bool) -> Section:
    return dict(san_section(entry, protocol, in_tree), datera_tenant_id=entry.get("tenant"))


DATERA = Vendor(
    name="datera",
    title="Datera EDF",
    product="Datera EDF (API 2.1 and 2.2)",
    management="HTTPS; HTTP if you choose it",
    since="0.1.0",
    load=_load,
    libraries=("requests",),
    options={
        "tenant": Option(
            ("The tenant to work in, as its path such as V(/root/acme) or as its name. By default V(/root).",),
            is_name=True,
        ),
        "create_tenant": Option(
            (
                "Create the tenant, with the tenants above it, before the first change, if it does not exist. By "
                "default a missing tenant is an error.",
            ),
            type="bool",
        ),
        "ldap_server": Option(("The LDAP server that has the account, by the name that the array has for it.",)),
        "api_version": Option(
            ("Version of the API, V(2.1) or V(2.2). By default the newest that the array offers.",),
        ),
        "scheme": Option(
            ("V(http) connects without TLS, so anyone on the network can read the password. By default V(https).",),
            choices=("http", "https"),
        ),
        "offline_changes": Option(
            (
                "Take a volume offline for a moment where the array requires it for a change, such as an extension. It "
                "is never done while a host has the volume open. By default the change is refused.",
            ),
            type="bool",
        ),
    },
    cinder=Cinder(
        drivers={
            ISCSI: Driver(
                "openflash_openstack.cinder.datera.DateraDriver",
                "cinder.volume.drivers.datera.datera_iscsi.DateraDriver",
            ),
        },
        keys=("tenant",),
        section=_section,
        in_tree_port=7718,
        in_tree_package="dfs_sdk",
        options=(
            CinderOption("datera_api_port", "Has no effect; san_api_port is the port to use.", default="7717"),
            CinderOption("datera_api_version", "Has no effect: the newest common version is used.", default="2.2"),
            CinderOption("datera_ldap_server", "LDAP server that knows the account."),
            CinderOption("datera_503_timeout", "Seconds to retry while the array is overloaded.", "int", 120),
            CinderOption("datera_503_interval", "Has no effect: the pauses between retries grow.", "int", 5),
            CinderOption("datera_debug", "Has no effect.", "bool", False),
            CinderOption("datera_debug_replica_count_override", "Make every volume with one replica.", "bool", False),
            CinderOption(
                "datera_tenant_id",
                "Tenant of the volumes, by path or name; 'Map' gives every project a tenant of its own.",
            ),
            CinderOption("datera_enable_image_cache", "Has no effect; use Cinder's own image cache.", "bool", False),
            CinderOption("datera_image_cache_volume_type_id", "Has no effect."),
            CinderOption("datera_disable_profiler", "Has no effect.", "bool", False),
            CinderOption("datera_disable_extended_metadata", "Has no effect: none is written.", "bool", False),
            CinderOption("datera_disable_template_override", "Has no effect.", "bool", False),
            CinderOption(
                "datera_volume_type_defaults", "Extra specs of all volumes, without their prefix DF:.", "dict"
            ),
        ),
    ),
)
