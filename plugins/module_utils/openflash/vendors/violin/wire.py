# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations of Concerto, one method for each row of the sheet's section 2 and in its order.

Each sends one request. The methods raise what refusals.py makes of a refusal.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

from ...model import Unreadable
from .ledger import AREA_INCREMENT, AREA_THRESHOLD, SNAPSHOTS_PER_VOLUME
from .session import ConcertoSession, Object

LUNS = "/logicalresource/sanresource"
AREAS = "/logicalresource/snapshotresource"
POLICIES = "/logicalresource/timemarkpolicy"
TIMEMARKS = "/logicalresource/timemark"
TIMEVIEWS = "/logicalresource/timeview"
CLIENTS = "/client/sanclient"
TARGETS = "/client/iscsitarget"
ADAPTERS = "/physicalresource/physicaladapter"
POOLS = "/physicalresource/storagepool"

Bad = Optional[List[Unreadable]]
"""A list that gets the rows that cannot be understood; without it such a row is a BadReply."""


class ConcertoOperations(ConcertoSession):
    """The session with one gateway, and all requests about the objects of the array."""

    # -- 2.1 LUNs ----------------------------------------------------------------------------------------------------

    def luns(self, name: Optional[str] = None, bad: Bad = None) -> List[Object]:
        return self.rows(LUNS, "virtual_devices", "volume", name, bad, needs=("name", "type"))

    def lun(self, lun_id: str) -> Object:
        return self.data("%s/%s" % (LUNS, lun_id))

    def create_lun(self, params: Mapping[str, Any]) -> Object:
        return self.post(LUNS, params)

    def rename_lun(self, lun_id: str, name: str) -> Object:
        return self.put("%s/%s" % (LUNS, lun_id), {"action": "update", "name": name})

    def expand_lun(self, lun_id: str, megabytes: int) -> Object:
        """:param megabytes: MiB to add. SessionEnded where the session has ended: sent twice, it would add both."""
        return self.put("%s/%s" % (LUNS, lun_id), {"action": "expand", "sizeMB": megabytes}, once=True)

    def delete_lun(self, lun_id: str) -> Object:
        """Never with ``force``, which would delete a mapped LUN."""
        return self.delete("%s/%s" % (LUNS, lun_id))

    # -- 2.2 snapshot resource ---------------------------------------------------------------------------------------

    def snapshot_area(self, lun_id: str) -> Object:
        """Whether a LUN has a snapshot resource and a policy."""
        return self.data("%s/%s" % (AREAS, lun_id))

    def create_snapshot_area(self, lun_id: str, megabytes: int, pool_id: Any) -> Object:
        return self.post(
            "%s/%s" % (AREAS, lun_id),
            {
                "sizeMB": megabytes,
                "snapshotNotificationEnabled": False,
                "policy": "preserveAll",
                "storagepoolID": pool_id,
                "automaticExpansion": {"enabled": True, "threshold": AREA_THRESHOLD, "increment": AREA_INCREMENT},
                "automaticShrink": {"enabled": False},
            },
        )

    def delete_snapshot_area(self, lun_id: str) -> Object:
        return self.delete("%s/%s" % (AREAS, lun_id))

    # -- 2.3 snapshot policy -----------------------------------------------------------------------------------------

    def snapshot_policy(self, lun_id: str) -> Object:
        return self.data("%s/%s" % (POLICIES, lun_id))

    def create_snapshot_policy(self, lun_id: str) -> Object:
        return self.post(
            "%s/%s" % (POLICIES, lun_id),
            {
                "maxTimeMarkCount": SNAPSHOTS_PER_VOLUME,
                "triggerReplication": False,
                "automatic": {"enabled": False},
                "CDPOption": {"enabled": False},
                "RetentionPolicy": {"mode": "All"},
            },
        )

    def delete_snapshot_policy(self, lun_id: str) -> Object:
        return self.delete("%s/%s" % (POLICIES, lun_id))

    # -- 2.4 snapshots -----------------------------------------------------------------------------------------------

    def timemarks(self, lun_id: str, comment: Optional[str] = None) -> Object:
        """The answer with the snapshots of a LUN, or those of this comment. NotClean when the LUN has no policy."""
        return self.get("%s/%s" % (TIMEMARKS, lun_id), None if comment is None else {"comment": comment})

    def timemark(self, timemark_id: str) -> Object:
        return self.data("%s/%s" % (TIMEMARKS, timemark_id))

    def create_timemark(self, lun_id: str, comment: str) -> Object:
        params = {"comment": comment, "priority": "medium", "snapshotNotification": False}
        return self.post("%s/%s" % (TIMEMARKS, lun_id), params, once=True)

    def delete_timemark(self, timemark_id: str) -> Object:
        return self.delete("%s/%s" % (TIMEMARKS, timemark_id))

    def copy_timemark(self, timemark_id: str, target_name: str, pool_id: Any) -> Object:
        params = {"action": "copy", "targetName": target_name, "storagepoolID": pool_id}
        return self.put("%s/%s" % (TIMEMARKS, timemark_id), params)

    def timemark_copy_status(self, lun_id: str) -> Object:
        return self.get("%s/%s" % (TIMEMARKS, lun_id), kind="operationstatus")

    # -- 2.5 LUN copy and thin clones --------------------------------------------------------------------------------

    def copy_lun(self, lun_id: str, target_name: str, pool_id: Any) -> Object:
        params = {"action": "copy", "targetName": target_name, "storagepoolID": pool_id}
        return self.put("%s/%s" % (AREAS, lun_id), params)

    def lun_copy_status(self, lun_id: str) -> Optional[Object]:
        """None when the array reports no copy."""
        return self.text_or_object("%s/%s" % (AREAS, lun_id), "copystatus")

    def create_timeview(self, lun_id: str, target_name: str, timestamp: str) -> Object:
        """:param timestamp: ``id`` of the snapshot."""
        return self.post("%s/%s" % (TIMEVIEWS, lun_id), {"targetName": target_name, "timestamp": timestamp})

    def delete_timeview(self, timeview_id: str) -> Object:
        return self.delete("%s/%s" % (TIMEVIEWS, timeview_id), {"keepTimeViewData": False})

    # -- 2.7 hosts ---------------------------------------------------------------------------------------------------

    def clients(self, name: Optional[str] = None, bad: Bad = None) -> List[Object]:
        return self.rows(CLIENTS, "san_clients", "host", name, bad)

    def client(self, client_id: str) -> Object:
        return self.data("%s/%s" % (CLIENTS, client_id))

    def create_fc_client(self, name: str, os_type: str, wwns: Sequence[str]) -> Object:
        policy = {"initiatorWWPNList": ",".join(wwns)}
        return self.post(CLIENTS, {"name": name, "protocolType": "FC", "OSType": os_type, "FCPolicy": policy})

    def create_iscsi_client(self, name: str, os_type: str, iqns: Sequence[str]) -> Object:
        policy = {"initiators": ",".join(iqns), "authentication": {"enabled": False}}
        return self.post(CLIENTS, {"name": name, "protocolType": "iSCSI", "OSType": os_type, "iSCSIPolicy": policy})

    def replace_fc_initiators(self, client_id: str, wwns: Sequence[str]) -> Object:
        params = {"object_id": client_id, "action": "updateFC", "initiatorWWPNList": ",".join(wwns)}
        return self.put("%s/%s" % (CLIENTS, client_id), params, idempotent=True)

    def replace_iscsi_initiators(self, client_id: str, iqns: Sequence[str]) -> Object:
        params = {"object_id": client_id, "action": "updateiSCSI", "initiators": ",".join(iqns)}
        return self.put("%s/%s" % (CLIENTS, client_id), params, idempotent=True)

    def delete_client(self, client_id: str) -> Object:
        return self.delete("%s/%s" % (CLIENTS, client_id))

    def assign_to_client(self, client_id: str, lun_id: str, lun: Optional[int]) -> Object:
        """Fibre Channel. :param lun: LUN number; None to let the array choose."""
        params: Dict[str, Any] = {
            "action": "assign",
            "virtualDeviceObjectID": lun_id,
            "FC": {"accessMode": "ReadWrite"},
        }
        if lun is not None:
            params["FC"]["lun"] = lun
        return self.put("%s/%s" % (CLIENTS, client_id), params)

    def unassign_from_client(self, client_id: str, lun_id: str) -> Object:
        """Fibre Channel."""
        params = {"action": "unassign", "virtualDeviceObjectID": lun_id}
        return self.put("%s/%s" % (CLIENTS, client_id), params, idempotent=True)

    def targets(self, name: Optional[str] = None, bad: Bad = None) -> List[Object]:
        """iSCSI targets."""
        return self.rows(TARGETS, "iscsitargets", "port", name, bad)

    def create_target(self, client_number: Any, name: str, addresses: Sequence[str]) -> Object:
        """:param client_number: ``sanclient_id`` of the client that it is for."""
        return self.post(
            TARGETS,
            {
                "clientId": client_number,
                "targetName": name,
                "ipAddress": " ".join(addresses),
                "accessMode": "ReadWrite",
            },
        )

    def assign_to_target(self, target_id: str, lun_id: str, lun: Optional[int]) -> Object:
        """iSCSI. :param lun: LUN number; None to let the array choose."""
        params: Dict[str, Any] = {"action": "assign", "virtualDeviceObjectID": lun_id}
        if lun is not None:
            params["lun"] = lun
        return self.put("%s/%s" % (TARGETS, target_id), params)

    def unassign_from_target(self, target_id: str, lun_id: str) -> Object:
        """iSCSI."""
        params = {"action": "unassign", "virtualDeviceObjectID": lun_id}
        return self.put("%s/%s" % (TARGETS, target_id), params, idempotent=True)

    def delete_target(self, target_id: str) -> Object:
        return self.delete("%s/%s" % (TARGETS, target_id))

    # -- 2.8 ports, pools, capacity ----------------------------------------------------------------------------------

    def adapters(self, bad: Bad = None) -> List[Object]:
        return self.rows(ADAPTERS, "physical_adapters", "port", bad=bad, needs=())

    def adapter(self, adapter_id: str) -> Object:
        return self.data("%s/%s" % (ADAPTERS, adapter_id))

    def pools(self, bad: Bad = None) -> List[Object]:
        return self.rows(POOLS, "storage_pools", "pool", bad=bad)

    def pool(self, pool_id: str) -> Object:
        return self.data("%s/%s" % (POOLS, pool_id))

    def network(self) -> Object:
        return self.data("/server/networkconfiguration")

    def has_failover(self) -> bool:
        return self.succeeds("/monitor/status/failover")
