# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Target ports, target groups and iSCSI portals (section 6 of the sheet)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...objects import Initiator
from .call import Call
from .resource import IDLE, Resource, Scope, common, value_of
from .state import Fixed, oid


class Targets(Resource):
    type = "targets"
    fields = {
        **common("tar-id"),
        "tg-id": lambda scope, row: oid(scope.cluster.target_groups[1]),
        "brick-id": lambda scope, row: oid(scope.cluster.bricks[1]),
        "node-id": lambda scope, row: oid(scope.cluster.controllers[row.values["controller"]]),
        **{name: value_of(name) for name in ("port-address", "port-type", "port-speed", "mtu")},
        "port-state": lambda scope, row: (
            row.values["port-state"] if scope.xms.operation.state(row.name) == "ok" else "down"
        ),
        **IDLE,
    }

    def rows(self, scope: Scope) -> Iterable[Fixed]:
        return scope.cluster.targets


class TargetGroups(Resource):
    """Target groups. In practice there is only ``Default``."""

    type = "target-groups"
    fields = {**common("tg-id"), "num-of-targets": lambda scope, row: len(scope.cluster.targets)}

    def rows(self, scope: Scope) -> Iterable[Any]:
        return scope.cluster.target_groups


class IscsiPortals(Resource):
    """iSCSI portals. The name of one is its address with the mask."""

    type = "iscsi-portals"
    fields = {
        **common("portal-id"),
        **{name: value_of(name) for name in ("ip-addr", "ip-port", "vlan", "port-address", "tar-id")},
    }

    def rows(self, scope: Scope) -> Iterable[Fixed]:
        return scope.cluster.portals


def connected_targets(scope: Scope, row: Initiator) -> list[Fixed]:
    """The targets that the initiator is logged in to."""
    kind = "iscsi" if row.address.startswith(("iqn.", "eui.")) else "fc"
    usable = [
        target
        for target in scope.cluster.targets
        if target.values["port-type"] == kind and target.values["port-state"] == "up"
    ]
    assumed = int(scope.xms.assumed("initiators.logged_in"))
    return usable[: scope.xms.paths(scope.cluster, row, assumed)]


class InitiatorsConnectivity(Resource):
    """The targets that each initiator is logged in to, as one object (API 2.1)."""

    type = "initiators-connectivity"
    apis = (2,)
    since = (4, 2)

    def rows(self, scope: Scope) -> Iterable[Any]:
        return ()  # it has no objects; see listing()

    def listing(self, scope: Scope, call: Call) -> dict[str, Any]:
        named = scope.xms.assumed("initiators.targets") == "listed"
        content: list[dict[str, Any]] = [
            {
                "name": row.name,
                "port-address": row.address,
                "port-type": "fc" if row.address.count(":") == 7 and not row.address.startswith("iqn") else "iscsi",
                "num-of-conn-tars": len(connected),
                "target-list": [oid(target) for target in connected if named],
            }
            for row in scope.cluster.array.initiators
            for connected in [connected_targets(scope, row)]
        ]
        return {"content": content, "links": [{"href": f"{call.root}/{self.type}", "rel": "self"}]}
