# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations of an XMS, in the order of the sheet's sections 3 to 7: what is read of each type, and each change.

A body refers to an object by what ``reference`` gives for it. The methods raise what refusals.py makes of a refusal.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

from ...units import MIB
from .ledger import TAG_ENTITY, TAG_ROOT
from .session import Object, XmsSession

# -- properties that are read ------------------------------------------------------------------------------------------

VOLUME_PROPS = (
    "name",
    "index",
    "vol-size",
    "logical-space-in-use",
    "naa-name",
    "creation-time",
    "ancestor-vol-id",
    "dest-snap-list",
    "snapshot-type",
    "snapset-list",
    "lun-mapping-list",
    "related-consistency-groups",
    "tag-list",
)
SET_PROPS = ("name", "index", "vol-list")
GROUP_PROPS = ("name", "index", "vol-list")
HOST_PROPS = ("name", "index", "num-of-vols")
# Section 6: never the CHAP passwords, which the array would return in clear.
INITIATOR_PROPS = (
    "name",
    "index",
    "port-address",
    "port-type",
    "ig-id",
    "initiator-conn-state",
    "operating-system",
    "chap-authentication-initiator-user-name",
)
# Section 6: what says whether an initiator is logged in.
CONNECTION_PROPS = (*INITIATOR_PROPS[:6], "num-of-conn-tars")
# Section 6: user names and passwords, in the order of the fields of Chap. Only a driver that must hand them to a host
# reads them.
CHAP_VALUES = tuple(
    "chap-%s-initiator-%s" % (use, value)
    for use in ("authentication", "discovery")
    for value in ("user-name", "password")
)
CHAP_PROPS = ("name", "index", "port-address") + CHAP_VALUES
MAPPING_PROPS = ("name", "index", "lun", "vol-name", "vol-index", "ig-name", "ig-index", "tg-index")
TARGET_PROPS = ("name", "index", "port-address", "port-type", "port-state")
PORTAL_PROPS = ("name", "index", "ip-addr", "ip-port", "port-address")
CLUSTER_PROPS = (
    "name",
    "index",
    "sys-sw-version",
    "sys-psnt-serial-number",
    "sys-state",
    "hardware-platform",
    "ud-ssd-space",
    "ud-ssd-space-in-use",
    "vol-size",
    "data-reduction-ratio",
    "dedup-ratio",
    "compression-factor",
    "thin-provisioning-ratio",
)
HEALTH_PROPS = ("name", "index", "sys-state", "sys-health-state")
CONTROLLER_PROPS = ("name", "index", "node-health-state")
SSD_PROPS = ("name", "index", "fru-lifecycle-state")
ALERT_PROPS = (
    "guid",
    "alert-code",
    "alert-state",
    "alert-type",
    "assoc-obj-name",
    "description",
    "raise-time",
    "severity",
    "sys-name",
)
LOAD_PROPS = ("name", "index", "rd-iops", "wr-iops", "rd-bw", "wr-bw", "rd-latency", "wr-latency")
CHAP_MODES = ("chap-authentication-mode", "chap-discovery-mode")


class XmsOperations(XmsSession):
    """The session with one XMS, and all requests about the objects of the selected cluster."""

    # -- 3 volumes ---------------------------------------------------------------------------------------------------

    def volume(self, name: str, props: Sequence[str] = VOLUME_PROPS) -> Optional[Object]:
        """A volume or snapshot; None when there is none."""
        return self.get("volumes", name, props)

    def volumes(self, names: Optional[Sequence[str]] = None, props: Sequence[str] = VOLUME_PROPS) -> List[Object]:
        """These volumes and snapshots, or all of them."""
        return self.all("volumes", props) if names is None else self.named("volumes", names, props)

    def create_volume(self, name: str, size: int) -> List[int]:
        """:param size: bytes. Returns the index, if the array reports it."""
        return self.post("volumes", {"vol-name": name, "vol-size": megabytes(size)})

    def extend_volume(self, name: str, size: int) -> None:
        """:param size: the new size in bytes."""
        self.put("volumes", name, {"vol-size": megabytes(size)}, idempotent=True)

    def rename_volume(self, name: str, new_name: str) -> None:
        self.put("volumes", name, {"vol-name": new_name})

    def delete_volume(self, name: str, index: int) -> None:
        self.delete("volumes", name, index)

    # -- 4 snapshots, clones, restore --------------------------------------------------------------------------------

    def snapshots(self, names: Optional[Sequence[str]] = None) -> List[Object]:
        return self.all("snapshots", VOLUME_PROPS) if names is None else self.named("snapshots", names, VOLUME_PROPS)

    def create_snapshot_v1(self, source: Any, name: str) -> List[int]:
        return self.post("snapshots", {"ancestor-vol-id": source, "snap-vol-name": name})

    def create_snapshots(
        self, source: Mapping[str, Any], set_name: str, suffix: Optional[str] = None, writable: bool = False
    ) -> List[int]:
        """v2. Returns the indexes, in the order of the sources.

        :param source: ``volume-list`` or ``consistency-group-id``.
        :param suffix: the copies are named ``<source>.<suffix>``; None to let the array choose.
        """
        body = dict(source, **{"snapshot-set-name": set_name, "snapshot-type": "regular" if writable else "readonly"})
        if suffix is not None:
            body["snap-suffix"] = suffix
        return self.post("snapshots", body)

    def restore_volume(self, volume: Any, snapshot: Any, backup_suffix: str, backup_set: str) -> List[int]:
        """v2. Never with ``no-backup``: the array keeps the present content as ``<volume>.<backup_suffix>``."""
        return self.post(
            "snapshots",
            {
                "from-volume-id": snapshot,
                "to-volume-id": volume,
                "backup-snap-suffix": backup_suffix,
                "snapshot-set-name": backup_set,
            },
        )

    def restore_group(self, group: Any, snapshot_set: str, backup_suffix: str, backup_set: str) -> List[int]:
        """v2. As restore_volume, for all volumes of a consistency group at one instant."""
        return self.post(
            "snapshots",
            {
                "from-snapshot-set-id": snapshot_set,
                "to-consistency-group-id": group,
                "backup-snap-suffix": backup_suffix,
                "snapshot-set-name": backup_set,
            },
        )

    def snapshot_set(self, name: str) -> Optional[Object]:
        return self.get("snapshot-sets", name, SET_PROPS)

    def rename_snapshot_set(self, name: str, new_name: str) -> None:
        self.put("snapshot-sets", name, {"new-name": new_name})

    def delete_snapshot_set(self, name: str) -> None:
        """The array deletes its members with it."""
        self.delete("snapshot-sets", name)

    # -- 5 consistency groups ----------------------------------------------------------------------------------------

    def consistency_groups(self, names: Optional[Sequence[str]] = None) -> List[Object]:
        if names is None:
            return self.all("consistency-groups", GROUP_PROPS)
        return self.named("consistency-groups", names, GROUP_PROPS)

    def create_consistency_group(self, name: str, volumes: Sequence[Any]) -> List[int]:
        body: Dict[str, Any] = {"consistency-group-name": name}
        if volumes:
            body["vol-list"] = list(volumes)
        return self.post("consistency-groups", body)

    def delete_consistency_group(self, name: str, index: Optional[int]) -> None:
        self.delete("consistency-groups", name, index)

    def add_to_consistency_group(self, group: Any, volume: Any) -> List[int]:
        return self.post("consistency-group-volumes", {"cg-id": group, "vol-id": volume})

    def remove_from_consistency_group(self, name: str, group: Any, volume: Any) -> None:
        self.delete_with("consistency-group-volumes", name, {"cg-id": group, "vol-id": volume})

    # -- 6 hosts -----------------------------------------------------------------------------------------------------

    def initiator_group(self, name: str) -> Optional[Object]:
        return self.get("initiator-groups", name, HOST_PROPS)

    def initiator_groups(self, names: Optional[Sequence[str]] = None) -> List[Object]:
        return (
            self.all("initiator-groups", HOST_PROPS)
            if names is None
            else self.named("initiator-groups", names, HOST_PROPS)
        )

    def create_initiator_group(self, name: str, initiators: Sequence[Mapping[str, Any]]) -> List[int]:
        """:param initiators: ``initiator-name`` and ``port-address`` of each."""
        body: Dict[str, Any] = {"ig-name": name}
        if initiators:
            body["initiator-list"] = list(initiators)
        return self.post("initiator-groups", body)

    def set_operating_system(self, group: str, operating_system: str) -> None:
        """Of all initiators of the group."""
        self.put("initiator-groups", group, {"operating-system": operating_system}, idempotent=True)

    def rename_initiator_group(self, name: str, new_name: str) -> None:
        self.put("initiator-groups", name, {"new-name": new_name})

    def delete_initiator_group(self, name: str, index: Optional[int]) -> None:
        self.delete("initiator-groups", name, index)

    def initiators(self) -> List[Object]:
        return self.all("initiators", INITIATOR_PROPS)

    def initiators_of(self, groups: Sequence[str]) -> List[Object]:
        """v2. The caller checks the rows again: see ``where``."""
        return self.where("initiators", INITIATOR_PROPS, [("ig-name", group) for group in groups])

    def connections(self, groups: Optional[Sequence[str]] = None) -> List[Object]:
        """The initiators of these groups (v2), or all, with whether they are logged in."""
        if groups is None:
            return self.all("initiators", CONNECTION_PROPS)
        return self.where("initiators", CONNECTION_PROPS, [("ig-name", group) for group in groups])

    def connectivity(self) -> List[Object]:
        """API 2.1: the targets that each initiator is logged in to."""
        return self.names("initiators-connectivity")

    def chap_credentials(self) -> List[Object]:
        """Of all initiators, with their passwords in clear."""
        return self.all("initiators", CHAP_PROPS)

    def create_initiator(self, group: Any, body: Mapping[str, Any]) -> List[int]:
        """:param body: ``initiator-name`` and ``port-address``, and the operating system and CHAP keys where needed."""
        return self.post("initiators", dict(body, **{"ig-id": group}))

    def set_chap(self, initiator: str, credentials: Mapping[str, str]) -> None:
        self.put("initiators", initiator, credentials, idempotent=True)

    def delete_initiator(self, name: str, index: Optional[int]) -> None:
        self.delete("initiators", name, index)

    def lun_maps(self) -> List[Object]:
        return self.all("lun-maps", MAPPING_PROPS)

    def lun_map(self, index: int) -> Optional[Object]:
        return self.get("lun-maps", index=index, props=MAPPING_PROPS)

    def lun_maps_of(self, volumes: Sequence[str], groups: Sequence[str]) -> List[Object]:
        """v2. The caller checks the rows again: see ``where``."""
        terms = [("vol-name", name) for name in volumes] + [("ig-name", name) for name in groups]
        return self.where("lun-maps", MAPPING_PROPS, terms)

    def create_lun_map(self, volume: Any, group: Any, lun: Optional[int]) -> List[int]:
        """:param lun: None to let the array choose."""
        body: Dict[str, Any] = {"vol-id": volume, "ig-id": group}
        if lun is not None:
            body["lun"] = lun
        return self.post("lun-maps", body)

    def delete_lun_map(self, name: str) -> None:
        self.delete("lun-maps", name)

    def targets(self) -> List[Object]:
        return self.all("targets", TARGET_PROPS)

    def iscsi_portals(self) -> List[Object]:
        return self.all("iscsi-portals", PORTAL_PROPS)

    # -- 7 cluster and tags ------------------------------------------------------------------------------------------

    def cluster_properties(self) -> Object:
        return self.get("clusters", self.cluster, CLUSTER_PROPS) or {}

    def chap_modes(self) -> Object:
        return self.get("clusters", self.cluster, ("name",) + CHAP_MODES) or {}

    def cluster_health(self) -> Object:
        return self.get("clusters", self.cluster, HEALTH_PROPS) or {}

    def cluster_load(self) -> Object:
        return self.get("clusters", self.cluster, LOAD_PROPS) or {}

    def volume_loads(self, names: Sequence[str]) -> List[Object]:
        return self.named("volumes", names, LOAD_PROPS)

    def controllers(self) -> List[Object]:
        return self.all("storage-controllers", CONTROLLER_PROPS)

    def ssds(self) -> List[Object]:
        return self.all("ssds", SSD_PROPS)

    def alerts(self) -> List[Object]:
        """v2. Those of all clusters."""
        return self.list("alerts", ALERT_PROPS)

    def create_tag(self, tag: str) -> List[int]:
        return self.post("tags", {"entity": TAG_ENTITY, "tag-name": tag})

    def assign_tag(self, tag: str, volume: Any) -> None:
        self.put("tags", TAG_ROOT + tag, {"entity": TAG_ENTITY, "entity-details": volume}, idempotent=True)

    def remove_tag(self, tag: str, volume: Any) -> None:
        """Take the tag off the volume. The tag itself stays."""
        self.delete_with("tags", TAG_ROOT + tag, {"entity": TAG_ENTITY, "entity-details": volume})


def reference(name: str, index: Optional[str]) -> Any:
    """How a body refers to an object: by name, unless that could be taken for an index (section 2)."""
    return int(index) if name.isdigit() and index else name


def megabytes(size: int) -> str:
    """A size in bytes as number and unit, a form that both versions accept (section 3)."""
    return "%dm" % (size // MIB)
