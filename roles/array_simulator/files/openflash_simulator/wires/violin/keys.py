# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of each change that published clients send (section 2 of the sheet).

That the array refuses others is not known. It is played where that is assumed.
"""

from __future__ import annotations

from . import ledger
from .call import Call
from .refusals import ConcertoError

_BODY = ("params", "filters", "comment", "force")
_PARAMS = {
    "volumes.create": "name sizeMB dedup storagepoolID thinProvisioning encrypted",
    "volumes.change": "action name sizeMB",
    "snapshots.create_area": (
        "sizeMB snapshotNotificationEnabled policy storagepoolID automaticExpansion automaticShrink"
    ),
    "copies.copy_lun": "action targetName storagepoolID targetVirtualDeviceID",
    "snapshots.create_policy": "maxTimeMarkCount triggerReplication automatic CDPOption RetentionPolicy",
    "snapshots.create": "comment priority snapshotNotification",
    "copies.copy_snapshot": "action targetName storagepoolID includeTimeviewData targetVirtualDeviceID",
    "snapshots.create_timeview": "targetName timestamp timeviewCopy includeTimeviewData storage automaticExpansion",
    "snapshots.delete_timeview": "keepTimeViewData",
    "hosts.create": "name protocolType ipAddress OSType clustered reserved FCPolicy iSCSIPolicy",
    "hosts.change": (
        "object_id action virtualDeviceObjectID FC force noGroupClientAssignment ipAddress OSType initiatorWWPNList "
        "initiators authentication"
    ),
    "hosts.create_target": "clientId targetName ipAddress accessMode",
    "hosts.change_target": "action virtualDeviceObjectID lun force",
}
_NESTED = {
    "thinProvisioning": "enabled fullSizeMB",
    "automaticExpansion": "enabled threshold increment maxSizeMB",
    "automaticShrink": "enabled trigger minSize",
    "automatic": "enabled",
    "CDPOption": "enabled",
    "RetentionPolicy": "mode",
    "storage": "sizeMB physicaldevices storagepoolID",
    "FCPolicy": "initiatorWWPNList",
    "iSCSIPolicy": "initiators authentication",
    "FC": "accessMode lun initiatorWWPN targetWWPN",
}


def check(call: Call, operation: str) -> None:
    """Refuse a key that no published client sends.

    :param operation: module and name of the function that answers.
    """
    known = _PARAMS.get(operation, "").split()
    unknown = [key for key in call.body if key not in _BODY] + [key for key in call.params if key not in known]
    for key, value in call.params.items():
        if isinstance(value, dict) and key in _NESTED:
            unknown += [f"{key}.{inner}" for inner in value if inner not in _NESTED[key].split()]
    if unknown:
        raise ConcertoError(ledger.UNKNOWN_KEY, unknown[0])
