# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every type an XMS serves, in the order in which it lists them."""

from __future__ import annotations

from .folders import InitiatorGroupFolders, VolumeFolders
from .groups import ConsistencyGroups, ConsistencyGroupVolumes
from .hosts import InitiatorGroups, Initiators, LunMaps
from .monitoring import Alerts, Hardware
from .ports import InitiatorsConnectivity, IscsiPortals, TargetGroups, Targets
from .resource import Resource
from .snapshots import Snapshots, SnapshotSets
from .state import Version
from .system import (
    Clusters,
    Events,
    Nothing,
    Performance,
    Schedulers,
    UserAccounts,
    XmsType,
)
from .tags import Tags
from .volumes import Volumes

TYPES: dict[str, Resource] = {}
TYPES.update(
    (resource.type, resource)
    for resource in (
        Alerts(),
        Hardware("bricks", "brick-id", lambda cluster: cluster.bricks),
        Clusters(),
        ConsistencyGroups(),
        ConsistencyGroupVolumes(),
        Hardware("data-protection-groups", "dpg-id", lambda cluster: cluster.protection_groups),
        Nothing("discover-initiators", since=(4, 2)),
        Events(),
        InitiatorGroupFolders(),
        InitiatorGroups(),
        Initiators(),
        InitiatorsConnectivity(),
        IscsiPortals(),
        Nothing("iscsi-routes"),
        LunMaps(),
        Performance(),
        Schedulers(),
        Snapshots(),
        SnapshotSets(),
        Hardware("ssds", "ssd-id", lambda cluster: cluster.ssds, "fru-lifecycle-state"),
        Hardware("storage-controllers", "node-id", lambda cluster: cluster.controllers, "node-health-state"),
        Tags(TYPES),
        TargetGroups(),
        Targets(),
        UserAccounts(),
        VolumeFolders(),
        Volumes(),
        Hardware("xenvs", "xenv-id", lambda cluster: cluster.xenvs),
        XmsType(),
    )
)


def served(version: Version, api: int) -> dict[str, Resource]:
    """The types of one API on one version of the XMS."""
    return {
        name: resource for name, resource in TYPES.items() if api in resource.apis and version.numbers >= resource.since
    }
