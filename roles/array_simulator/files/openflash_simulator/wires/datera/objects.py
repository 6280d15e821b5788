# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tenant holds besides volumes: app instances, storage instances, initiators and their groups (section 2)."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, field
from typing import Any

from ...array import Array
from ...images import Images
from ...objects import Volume

ROOT = "/root"
NO_UUID = "00000000-0000-0000-0000-000000000000"
GIB = 1 << 30


def new_uuid() -> str:
    return str(uuid.uuid4())


@dataclass
class InstanceVolume:
    """A volume within a storage instance; ``volume`` is its number in the tenant's array."""

    name: str
    volume: int
    uuid: str
    replica_count: int
    placement_mode: str
    placement_policy: str | None
    performance: dict[str, int] | None = None
    snapshot_policies: list[dict[str, Any]] = field(default_factory=list)
    restore_point: str = ""
    resized: float = 0.0
    # The size before the last change of it.
    size_before: int = 0


@dataclass
class StorageInstance:
    name: str
    uuid: str
    iqn: str
    ip_pool: str
    access_control_mode: str
    volumes: list[InstanceVolume] = field(default_factory=list)
    admin_state: str = "online"
    onlined: float = 0.0
    # Paths. As on the array, a list may have an entry several times (3.8).
    initiators: list[str] = field(default_factory=list)
    initiator_groups: list[str] = field(default_factory=list)
    auth: dict[str, str] = field(default_factory=lambda: {"type": "none"})
    active: list[str] = field(default_factory=list)

    def volume(self, name: str) -> InstanceVolume | None:
        return next((volume for volume in self.volumes if volume.name == name), None)


@dataclass
class AppInstance:
    id: str
    name: str
    uuid: str
    create_mode: str
    access_control_mode: str
    descr: str = ""
    admin_state: str = "online"
    app_template: str = ""
    clone_src: str = ""
    # When the clone was begun. It has its content at once; until the clone is done only its state is different.
    cloned: float = 0.0
    restore_point: str = ""
    snapshot_policies: list[dict[str, Any]] = field(default_factory=list)
    storage_instances: list[StorageInstance] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    # utc_ts -> uuid of the snapshots of the complete app instance
    snapshots: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"/app_instances/{self.id}"

    def storage(self, name: str) -> StorageInstance | None:
        return next((storage for storage in self.storage_instances if storage.name == name), None)

    @property
    def volumes(self) -> list[tuple[StorageInstance, InstanceVolume]]:
        """Its volumes, each with its storage instance."""
        return [(storage, volume) for storage in self.storage_instances for volume in storage.volumes]

    def title(self, storage: StorageInstance, volume: InstanceVolume) -> str:
        """What an operator calls a volume: the app instance's name, and the path within it where there are several."""
        return self.name if len(self.volumes) == 1 else f"{self.name}/{storage.name}/{volume.name}"


@dataclass
class Initiator:
    id: str
    name: str


@dataclass
class Group:
    name: str
    members: list[str] = field(default_factory=list)


@dataclass
class Tenant:
    """A name space. A tenant uses its own objects and those of the tenants above it (sections 1.8 and 2.6)."""

    path: str
    array: Array
    images: Images | None = None
    descr: str = ""
    instances: dict[str, AppInstance] = field(default_factory=dict)
    initiators: dict[str, Initiator] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    pools: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[1]

    @property
    def parent(self) -> str:
        return self.path.rsplit("/", 1)[0]

    def find(self, key: str) -> AppInstance | None:
        """The app instance with this id or, for older clients, this name."""
        found = self.instances.get(key)
        return found or next((instance for instance in self.instances.values() if instance.name == key), None)

    def storage_instances(self) -> list[tuple[AppInstance, StorageInstance]]:
        """Every storage instance, with its app instance."""
        return [(instance, storage) for instance in self.instances.values() for storage in instance.storage_instances]

    def array_volume(self, volume: InstanceVolume) -> Volume:
        """The volume in the array of this tenant."""
        return self.array.volumes[volume.volume]

    def clear(self) -> None:
        for table in (self.instances, self.initiators, self.groups, self.templates, self.pools):
            table.clear()

    def dump(self) -> dict[str, Any]:
        return {
            "array": self.array.dump(),
            "descr": self.descr,
            "instances": [asdict(instance) for instance in self.instances.values()],
            "initiators": [asdict(initiator) for initiator in self.initiators.values()],
            "groups": [asdict(group) for group in self.groups.values()],
            "templates": self.templates,
            "pools": self.pools,
        }

    def load(self, saved: dict[str, Any]) -> None:
        self.array.load(saved["array"])
        self.descr = saved["descr"]
        self.instances = {row["id"]: _instance(row) for row in saved["instances"]}
        self.initiators = {row["id"]: Initiator(**row) for row in saved["initiators"]}
        self.groups = {row["name"]: Group(**row) for row in saved["groups"]}
        self.templates, self.pools = saved["templates"], saved["pools"]


def _instance(row: dict[str, Any]) -> AppInstance:
    storage_instances = []
    for storage in row["storage_instances"]:
        volumes = [InstanceVolume(**volume) for volume in storage["volumes"]]
        storage_instances.append(StorageInstance(**{**storage, "volumes": volumes, "active": []}))
    return AppInstance(**{**row, "storage_instances": storage_instances})
