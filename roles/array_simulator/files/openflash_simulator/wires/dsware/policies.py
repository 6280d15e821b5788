# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""QoS policies, and the volumes that have them (section 2.3 of the wire sheet). No public source has their codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ...objects import Group, Volume
from . import codes, ledger
from .bodies import Body, text, texts
from .codes import Refusal
from .state import DswareState

KIND = "qos"


class Policies:
    def __init__(self, system: DswareState) -> None:
        self._system = system
        self._array = system.array

    def _policy(self, name: str) -> Group:
        found = self._array.groups(KIND).find(name)
        if found is None:
            raise Refusal(codes.NO_POLICY)
        return found

    def of(self, volume: Volume) -> Group | None:
        """The policy of the volume; None when it has none."""
        found = self._array.groups_of(volume, KIND)
        return found[0] if found else None

    def calls(self) -> dict[tuple[str, str], Callable[[Body], Body]]:
        return {
            ("POST", "qos/create"): self._create,
            ("POST", "qos/modify"): self._modify,
            ("POST", "qos/delete"): self._delete,
            ("POST", "qos/volume/associate"): self._associate,
            ("POST", "qos/volume/disassociate"): self._disassociate,
        }

    def _create(self, body: Body) -> Body:
        name = text(body, "qosName")
        if not re.fullmatch(ledger.NAME, name) or len(name) > ledger.POLICY_NAME:
            raise Refusal(codes.MALFORMED)
        limits = self._limits(body.get("qosSpecInfo"))
        if self._array.groups(KIND).find(name):
            raise Refusal(codes.POLICY_EXISTS)
        self._array.create_group(KIND, name, attributes=limits)
        return {}

    def _modify(self, body: Body) -> Body:
        policy = self._policy(text(body, "qosName"))
        policy.attributes.update(self._limits(body.get("qosSpecInfo")))
        self._array.touched("qos.modify", policy)
        return {}

    def _delete(self, body: Body) -> Body:
        policies = [self._policy(name) for name in texts(body, "qosNames")]
        if any(policy.members for policy in policies):
            raise Refusal(codes.POLICY_IN_USE)
        for policy in policies:
            self._array.delete_group(policy)
        return {}

    def _associate(self, body: Body) -> Body:
        policy = self._policy(text(body, "qosName"))
        volumes = [self._system.volume(name) for name in texts(body, "keyNames")]
        if self._system.assumed("qos.second_policy") == "refused" and any(self.of(volume) for volume in volumes):
            raise Refusal(codes.HAS_POLICY)
        for volume in volumes:
            present = self.of(volume)
            if present is not None:
                self._array.remove_member(present, volume)
            self._array.add_member(policy, volume)
        return {}

    def _disassociate(self, body: Body) -> Body:
        policy = self._policy(text(body, "qosName"))
        volumes = [self._system.volume(name) for name in texts(body, "keyNames")]
        if any(self.of(volume) is not policy for volume in volumes):
            raise Refusal(codes.HAS_NO_POLICY)
        for volume in volumes:
            self._array.remove_member(policy, volume)
        return {}

    def shown(self, volume: Volume) -> dict[str, Any]:
        """The answer to a query of the volume's QoS."""
        policy = self.of(volume)
        if policy is None:
            return {}
        limits = {"qosSpecInfo": dict(policy.attributes)} if self._system.assumed("qos.reported") else {}
        return {"qosName": policy.name, **limits}

    def _limits(self, given: object) -> dict[str, int]:
        """The limits that a client requests. Both known clients send both, and neither sends a 0."""
        if not isinstance(given, Mapping) or not given or given.keys() - {"maxIOPS", "maxMBPS"}:
            raise Refusal(codes.MALFORMED)
        most = self._system.assumed("qos.unlimited")
        for value, largest in zip((given.get("maxIOPS", 1), given.get("maxMBPS", 1)), most, strict=True):
            if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= largest:
                raise Refusal(codes.MALFORMED)
        return {"maxIOPS": 0, "maxMBPS": 0, **given}
