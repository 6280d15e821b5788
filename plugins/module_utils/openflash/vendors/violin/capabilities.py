# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the array can do, and why it cannot do the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Tuple

from ...model import (
    BY_VOLUME,
    DEDUP,
    FC,
    ISCSI,
    THICK,
    THIN,
    Capabilities,
    CopyMethod,
    NameRule,
    OptionRule,
    Volume,
    VolumeSpec,
)
from ...properties import LACKING
from ...units import MIB
from .ledger import (
    FIRST_WITH_ENCRYPTION,
    FIRST_WITH_ISCSI,
    HOST_NAME_LONGEST,
    LARGEST,
    LUN_RANGE,
    NAME_LONGEST,
    NAME_PATTERN,
    SNAPSHOT_NAME_LONGEST,
)

_ONLY_THIN_CLONES = (
    "the array makes full copies of thick volumes only; a copy of a %s volume is a thin clone, which has the size, the "
    "provisioning and the pool of its source"
)


@dataclass(frozen=True)
class ConcertoCapabilities(Capabilities):
    """What depends on the object: copies on the kind of the source, extending on kind and model."""

    external: bool = False
    """Whether it is a 7700."""

    def refusal(self, operation: str, obj: Any = None, **details: Any) -> Optional[str]:
        if operation in ("clone_volume", "volume_from_snapshot") and obj is not None:
            return self._copy_refusal(obj, details.get("spec"))
        if operation == "extend_volume" and isinstance(obj, Volume):
            if obj.provisioning == DEDUP and not self.external:
                return (
                    "a 7300 cannot extend a dedup volume; create a larger one and copy the data on a host, or use a "
                    "thin volume"
                )
            if not obj.independent:
                return "a thin clone keeps the size of its source; create a larger volume and copy the data on a host"
        if operation in ("create_host", "add_initiators"):
            return self._protocol_refusal(obj, details.get("initiators") or ())
        return super().refusal(operation, obj, **details)

    @staticmethod
    def _copy_refusal(source: Any, spec: Optional[VolumeSpec]) -> Optional[str]:
        kind = kind_of(source)
        if kind is None or spec is None:
            return None
        if kind == THICK:
            if spec.provisioning not in (None, THICK):
                return (
                    "a copy of a thick volume is thick; leave provisioning out, or create a %s volume and copy on a "
                    "host" % spec.provisioning
                )
            return None
        reason = _ONLY_THIN_CLONES % ("thin or dedup" if kind == "clone" else kind)
        if spec.size is not None and spec.size > source.size:
            return reason + "; leave size out, or create volumes that you want to copy and extend as thick"
        if spec.provisioning not in (None, kind):
            return reason + "; leave provisioning out"
        if spec.pool:
            return reason + "; leave pool out"
        return None

    @staticmethod
    def _protocol_refusal(host: Any, initiators: Any) -> Optional[str]:
        protocols = {one.protocol for one in initiators} | {one.protocol for one in getattr(host, "initiators", ())}
        if len(protocols) > 1:
            return (
                "a host of this array has either Fibre Channel or iSCSI initiators; declare two hosts, one for each "
                "protocol"
            )
        return None

    def method(self, operation: str, obj: Any = None) -> CopyMethod:
        if kind_of(obj) in (THICK, None):
            return CopyMethod("array_copy", independent=True)
        return CopyMethod("instant", independent=False)


VOLUME_OPTIONS = {"encrypted": OptionRule(bool, create_only=True, description="true or false, from 7.5.6 on")}
"""Those of the newest release."""


def kind_of(source: Any) -> Optional[str]:
    """The provisioning of a volume, or of the volume of a snapshot; ``clone`` for a thin clone; None where unknown."""
    if isinstance(source, Volume):
        return source.provisioning if source.independent else "clone"
    return getattr(source, "provisioning", None)


def _name(longest: int) -> NameRule:
    rule = "1 to %d letters, digits, '.', '_', ':', '@', '+' and '-', the first a letter or digit, not digits only" % (
        longest
    )
    return NameRule(longest, NAME_PATTERN.value, rule)


def capabilities(version: Tuple[int, ...], external: bool, dedup: bool) -> ConcertoCapabilities:
    """What this array can do.

    :param external: whether it is a 7700.
    :param dedup: whether it has dedup volumes: a 7300 with the licence, or a 7700 of which the task names such pools.
    """
    return ConcertoCapabilities(
        vendor="violin",
        volume_name=_name(NAME_LONGEST.value),
        snapshot_name=_name(SNAPSHOT_NAME_LONGEST),
        host_name=_name(HOST_NAME_LONGEST.value),
        provisioning=(THICK, THIN) + ((DEDUP,) if dedup else ()),
        granularity=MIB,
        smallest=MIB,
        largest=LARGEST.value,
        luns=LUN_RANGE.value,
        protocols=(FC, ISCSI) if version >= FIRST_WITH_ISCSI else (FC,),
        snapshots_found_by=BY_VOLUME,
        proves_snapshots=True,
        chap=None,
        clones_depend=True,
        volume_options=VOLUME_OPTIONS if version >= FIRST_WITH_ENCRYPTION else {},
        external=external,
        refusals={
            **LACKING,
            "restore_snapshot": "Concerto cannot put a snapshot's content back into its volume; make a volume from the "
            "snapshot and map that instead",
            "refresh_volume": "no copy into a volume that exists is offered on Violin, and a copy that takes the name "
            "of the volume would be another disk to its hosts; make a volume from the source and map that instead",
            "atomic_snapshots": "snapshots of several volumes at one instant are not offered on Violin; stop the "
            "application's writes and take them one by one",
            "groups": "consistency groups are not offered on Violin; take snapshots volume by volume",
            "metadata": "this array keeps no notes on a volume; keep them in your inventory",
            "chap": "CHAP is not offered on Violin; restrict access to the iSCSI portals in the network",
            "set_volume": "a volume of this array has no properties that can be changed; create a new one",
            "map_snapshot": "a snapshot of this array cannot be mapped; make a volume of it and map that",
            "performance": "no published interface of this array reports its load",
            "connections": "no published interface of this array reports which initiators are logged in; look at "
            "multipath on the hosts",
            "set_host_os": "the operating system of a host can only be chosen when it is created; delete the host and "
            "create it again, or leave os out",
            "rename_host": "no published interface of this array renames a host; make another, and move the initiators",
            "host_without_initiators": "a host is made for the protocol of its initiators",
            "remove_last_initiator": "a host of this array keeps at least one initiator; delete the host instead",
        },
    )
