# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each array can do, as literals. The tests expect this, and do not read it from the product.

test_abilities.py holds the product's answers equal to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

GIB = 1024**3
MIB = 1024**2
TIB = 1024**4

Kind = Literal["instant", "array_copy", "host_copy"]

OPERATIONS = (
    "add_initiators",
    "atomic_snapshots",
    "chap",
    "clone_volume",
    "connections",
    "create_host",
    "create_snapshots",
    "create_volume",
    "delete_host",
    "delete_snapshot",
    "delete_volume",
    "description",
    "explicit_lun",
    "extend_volume",
    "groups",
    "health",
    "host_os",
    "host_without_initiators",
    "map_snapshot",
    "map_volume",
    "metadata",
    "placement",
    "qos",
    "performance",
    "remove_initiators",
    "remove_last_initiator",
    "refresh_volume",
    "rename_host",
    "rename_volume",
    "replicas",
    "restore_snapshot",
    "set_host_os",
    "set_volume",
    "unmap_volume",
    "volume_from_snapshot",
)
"""Everything that an array may refuse as such, whatever the object."""


@dataclass(frozen=True)
class Method:
    kind: Kind


@dataclass(frozen=True)
class Abilities:
    """The fields have the names and meanings of the product's ``Capabilities``."""

    luns: tuple[int, int]
    refusals: Mapping[str, str] = field(default_factory=dict)
    """By operation, a part of the reason with which a task is refused; an operation that is not here works."""
    provisioning: tuple[str, ...] = ("thin",)
    granularity: int = MIB
    smallest: int = MIB
    largest: int = 2 * 1024 * TIB
    protocols: tuple[str, ...] = ("fc", "iscsi")
    snapshot_names: str = "per_volume"
    snapshots_found_by: str = "by_name"
    proves_snapshots: bool = True
    guards_snapshots: bool = False
    finishes_snapshot_sets: bool = False
    mappings_known: str = "of_all_hosts"
    chap: str | None = "of_host"
    clones_depend: bool = False
    volume_options: frozenset[str] = frozenset()
    """The names of what array_options may have."""
    copies: Kind = "instant"
    """How snapshots, clones and volumes of snapshots are made."""
    keeps_initiators_of_killed_removals: str | None = None
    """Why a removed initiator stays on the array after a run that was killed between its two requests."""

    def refusal(self, operation: str) -> str | None:
        assert operation in OPERATIONS, f"{operation} is missing in OPERATIONS"
        return self.refusals.get(operation)

    def method(self, operation: str) -> Method:
        return Method(self.copies)

    def comparable(self) -> dict[str, Any]:
        """The fields that ``Capabilities`` has under the same names and in the same form."""
        only_of_tests = ("refusals", "copies", "volume_options", "keeps_initiators_of_killed_removals")
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name not in only_of_tests}


NO_PROPERTIES = {
    "description": "this array keeps no description of a volume",
    "placement": "this array places the data of a volume by itself",
    "qos": "volumes of this array have no limits",
    "replicas": "the number of copies of the data cannot be chosen",
}
XTREMIO = Abilities((0, 16383), snapshot_names="with_volumes", finishes_snapshot_sets=True, refusals=NO_PROPERTIES)
XTREMIO_3 = replace(
    XTREMIO,
    proves_snapshots=False,
    refusals={
        **NO_PROPERTIES,
        "atomic_snapshots": "XIOS 3.x does not promise that several snapshots are of one instant",
        "groups": "XIOS 3.x has no consistency groups",
        "metadata": "XIOS 3.x has no tags",
        "refresh_volume": "XIOS 3.x cannot put content into a volume that exists",
        "restore_snapshot": "XIOS 3.x cannot put a snapshot's content back into its volume",
    },
)
FLASHSYSTEM = Abilities(
    (0, 2047),
    chap=None,
    provisioning=("thick",),
    granularity=512,
    smallest=GIB,
    largest=256 * TIB,
    proves_snapshots=False,
    copies="host_copy",
    refusals={
        **NO_PROPERTIES,
        "atomic_snapshots": "copies one volume after the other",
        "chap": "this array has no CHAP",
        "groups": "this array has no consistency groups",
        "host_os": "this array stores no operating system of a host",
        "host_without_initiators": "this array makes no host without a port",
        "metadata": "this array keeps no notes on a volume",
        "refresh_volume": "puts no content into a volume that exists",
        "restore_snapshot": "cannot put a snapshot's content back into its volume",
    },
)
DATERA = Abilities(
    (0, 0),
    granularity=GIB,
    smallest=GIB,
    largest=32 * TIB,
    protocols=("iscsi",),
    chap="of_volume",
    volume_options=frozenset(
        [
            "description",
            "ip_pool",
            "placement_mode",
            "placement_policy",
            "read_bandwidth_max",
            "read_iops_max",
            "replica_count",
            "template",
            "total_bandwidth_max",
            "total_iops_max",
            "write_bandwidth_max",
            "write_iops_max",
        ]
    ),
    copies="array_copy",
    refusals={
        "atomic_snapshots": "only of the volumes within one app instance",
        "chap": "keeps CHAP credentials with each volume",
        "explicit_lun": "numbers the LUNs there itself",
        "groups": "Datera has no consistency groups of volumes",
        "host_os": "Datera stores no operating system of a host",
        "refresh_volume": "only the content of its own snapshots",
        "map_snapshot": "Datera does not show snapshots to hosts; make a volume of it",
        "rename_host": "it is not known whether Datera renames an initiator group",
    },
    keeps_initiators_of_killed_removals=(
        "Datera refuses to delete an initiator that a group has, so it is deleted after the group or its membership; "
        "once it is in no group, nothing that a task on the host reads shows it"
    ),
)
DATERA_21 = replace(DATERA, volume_options=DATERA.volume_options - {"placement_policy"})
VIOLIN = Abilities(
    (0, 255),
    chap=None,
    provisioning=("thick", "thin", "dedup"),
    largest=64 * TIB,
    snapshots_found_by="by_volume",
    clones_depend=True,
    copies="array_copy",
    refusals={
        **NO_PROPERTIES,
        "atomic_snapshots": "snapshots of several volumes at one instant are not offered on Violin",
        "chap": "CHAP is not offered on Violin",
        "connections": "no published interface of this array reports which initiators are logged in",
        "groups": "consistency groups are not offered on Violin",
        "host_without_initiators": "a host is made for the protocol of its initiators",
        "map_snapshot": "a snapshot of this array cannot be mapped; make a volume of it and map that",
        "metadata": "this array keeps no notes on a volume",
        "performance": "no published interface of this array reports its load",
        "remove_last_initiator": "a host of this array keeps at least one initiator",
        "refresh_volume": "no copy into a volume that exists is offered on Violin",
        "rename_host": "no published interface of this array renames a host",
        "restore_snapshot": "Concerto cannot put a snapshot's content back into its volume",
        "set_host_os": "the operating system of a host can only be chosen when it is created",
        "set_volume": "has no properties that can be changed",
    },
)
VIOLIN_756 = replace(VIOLIN, volume_options=frozenset(["encrypted"]))
VIOLIN_7700 = replace(VIOLIN, protocols=("fc",))
DSWARE = Abilities(
    (0, 511),
    chap=None,
    largest=256 * TIB,
    protocols=("iscsi",),
    snapshot_names="per_array",
    guards_snapshots=True,
    volume_options=frozenset(["full_clone", "total_bandwidth_max", "total_iops_max"]),
    refusals={
        "atomic_snapshots": "this array takes one snapshot at a time",
        "connections": "no published interface of this array reports which hosts are logged in",
        "chap": "CHAP of this array cannot be set over the interfaces that are known",
        "explicit_lun": "this array chooses the LUN itself",
        "groups": "this array has no consistency groups",
        "host_os": "this array stores no operating system of a host",
        "host_without_initiators": "a host without initiators is of no use",
        "map_snapshot": "this array does not map snapshots; make a volume of it",
        "metadata": "this array keeps no notes on a volume",
        "description": NO_PROPERTIES["description"],
        "placement": NO_PROPERTIES["placement"],
        "rename_host": "no published interface of this array renames a host",
        "performance": "that are known here do not report its load",
        "rename_volume": "this array cannot rename a volume",
        "replicas": NO_PROPERTIES["replicas"],
    },
)
NO_HOSTS = "over its text socket this array has no hosts"
DSWARE_SOCKET = replace(
    DSWARE,
    protocols=(),
    mappings_known="of_no_host",
    proves_snapshots=False,
    volume_options=frozenset(["full_clone"]),
    refusals={
        **{name: text for name, text in DSWARE.refusals.items() if name != "host_without_initiators"},
        "qos": "the text socket has no limits of a volume",
        "refresh_volume": "the text socket fills no volume that exists",
        "health": "the text socket does not report the health of the array",
        "restore_snapshot": "the text socket has no restore",
        "set_volume": "no properties that can be changed over the text socket",
        **dict.fromkeys(("create_host", "add_initiators", "remove_initiators", "delete_host"), NO_HOSTS),
    },
)
