# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Huawei Dsware, described for everything outside this folder."""

from __future__ import annotations

from typing import Optional

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
    bracketed,
)


def _load() -> Connect:
    from . import client

    return client.connect


def _section(entry: Entry, protocol: Optional[str], in_tree: bool) -> Section:
    pools = [str(pool) for pool in entry.get("pools") or ()]
    if entry.get("transport") == "socket":
        return {"fusionstorageagent": entry["address"], "pool_id_filter": ",".join(pools) or None}
    agents = entry.get("agents") or {}
    return {
        "dsware_rest_url": "https://%s:%s" % (bracketed(entry["address"]), entry.get("port", 28443)),
        "dsware_storage_pools": ";".join(pools) or None,
        "manager_ips": ",".join("%s:%s" % agent for agent in agents.items()) or None,
    }


DSWARE = Vendor(
    name="dsware",
    title="Huawei Dsware",
    product="Huawei Dsware / FusionStorage block (6.3 and later, OceanStor 100D)",
    management="HTTPS; a TCP text socket on older releases",
    since="0.1.0",
    load=_load,
    libraries=("requests",),
    options={
        "transport": Option(
            (
                "V(rest) uses the HTTPS interface of current releases, V(socket) the text socket of older ones.",
                "The default is V(rest).",
            ),
            choices=("rest", "socket"),
        ),
        "storage_pools": Option(
            (
                "Names or numbers of the pools to use. The text socket cannot list its pools, so these are the ones "
                "that it is asked about.",
            ),
            type="list",
            elements="str",
            selects=True,
        ),
        "agents": Option(
            (
                "Hosts whose block client attaches volumes, by name, each with the address of its agent. The name is "
                "the one that O(ignore:host) has in a task.",
                "Only the host itself knows what is attached to it. So a task that attaches or detaches must run on "
                "that host.",
            ),
            type="dict",
            needs="O(transport=rest)",
        ),
        "attach_tool": Option(
            ("Path of C(vbs_cli) or C(sds_cli) on the host that the task runs on, to attach volumes there.",),
            type="path",
        ),
        "device_root": DEVICE_ROOT,
        "wire_extensions": Option(
            (
                "Also send requests over the text socket that no published client sends: lists of volumes and "
                "snapshots, and full copies. Set it only for an array that is known to answer them.",
            ),
            type="bool",
            needs="O(transport=socket)",
        ),
    },
    cinder=Cinder(
        drivers={None: Driver("openflash_openstack.cinder.dsware.DSWAREDriver")},
        keys=("pools", "agents", "transport"),
        section=_section,
        in_tree_refusal=("Cinder's own driver for Dsware writes the password anew into cinder.conf when it starts"),
        options=(
            CinderOption(
                "dsware_rest_url", "URL of the array's manager, such as https://192.0.2.10:28443.", default=""
            ),
            CinderOption(
                "dsware_storage_pools", "Names of the pools to use, with semicolons between them.", default=""
            ),
            CinderOption(
                "manager_ips", "Address of the block client's agent for each host: host1:ip1, host2:ip2.", "dict"
            ),
            CinderOption("dsware_isthin", "Has no effect: every volume of this array is thin.", "bool", False),
            CinderOption("dsware_manager", "Address of the manager, for hosts that attach by a tool.", default=""),
            CinderOption(
                "fusionstorageagent",
                "Addresses of the text socket of releases without REST, with commas between them.",
                default="",
            ),
            CinderOption("pool_type", "Has no effect.", default="default"),
            CinderOption("pool_id_filter", "Numbers of the pools to use over the text socket.", "list"),
            CinderOption("clone_volume_timeout", "Seconds that a copy by the array may take.", "int", 680),
        ),
    ),
)
