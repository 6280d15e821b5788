# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The QoS policies of the REST interface (sheet, section 2.3). Which codes its refusals have is not known."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Dict, Mapping, Optional

from ...errors import BadReply, Busy, FlashError, Timeout, Unauthorized, Unreachable
from ...units import whole_number
from .ledger import QOS_UNLIMITED
from .wire import Policy, Wire

LIMITS = ("total_iops_max", "total_bandwidth_max")
"""What a policy limits, by the names of Volume.options."""

# The array could not be asked, or not now.
NOT_NOW = (Unauthorized, Unreachable, Timeout, Busy)


class PolicyCalls(Wire):
    @abstractmethod
    def call(self, method: str, path: str, body: Optional[Mapping[str, Any]] = None, **settings: Any) -> Dict[str, Any]:
        """Send a read, and return the content of a success."""

    @abstractmethod
    def change(
        self, path: str, body: Mapping[str, Any], idempotent: bool = False, versioned: bool = True
    ) -> Dict[str, Any]:
        """Send a change."""

    def policy_of(self, volume: str) -> Optional[Policy]:
        try:
            answer = self.call("GET", "volume/qos", query=[("volName", volume)])
        except NOT_NOW:
            raise
        except FlashError as error:
            # Not every version has this call, and the volume may be gone by now.
            if error.code is None:
                raise
            return None
        name = answer.get("qosName")
        if name in (None, ""):
            return Policy("")
        if not isinstance(name, str):
            raise BadReply("the array does not report the name of the QoS policy of volume %s" % volume)
        limits = answer.get("qosSpecInfo")
        if not isinstance(limits, dict):
            return Policy(name, None, None)
        most_iops, most_mib = QOS_UNLIMITED.value
        return Policy(name, _limit(limits.get("maxIOPS", 0), most_iops), _limit(limits.get("maxMBPS", 0), most_mib))

    def create_policy(self, policy: Policy) -> None:
        self.change("qos/create", _body(policy))

    def modify_policy(self, policy: Policy) -> None:
        self.change("qos/modify", _body(policy), idempotent=True)

    def delete_policy(self, name: str) -> None:
        self.change("qos/delete", {"qosNames": [name]})

    def associate(self, volume: str, policy: str) -> None:
        self.change("qos/volume/associate", {"keyNames": [volume], "qosName": policy})

    def disassociate(self, volume: str, policy: str) -> None:
        self.change("qos/volume/disassociate", {"keyNames": [volume], "qosName": policy})


def _body(policy: Policy) -> Dict[str, Any]:
    """Both limits, as a client of the vendor sends them: a limit that is not there has the largest value."""
    most_iops, most_mib = QOS_UNLIMITED.value
    limits = {"maxIOPS": policy.iops or most_iops, "maxMBPS": policy.mib_per_second or most_mib}
    return {"qosName": policy.name, "qosSpecInfo": limits}


def _limit(value: Any, most: int) -> Optional[int]:
    """The limit that is reported; 0 for none, None where it cannot be understood."""
    number = whole_number(value)
    if number is None:
        return None
    return number if 0 < number < most else 0
