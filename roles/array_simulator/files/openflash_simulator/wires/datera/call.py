# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request, and the objects that its path names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import ledger
from .objects import AppInstance, InstanceVolume, StorageInstance, Tenant
from .refusals import invalid, missing
from .state import EdfState


@dataclass
class Call:
    """One request: parameters of its route, tenant (None for all tenants), query and body."""

    edf: EdfState
    method: str
    path: str
    version: str
    tenant: Tenant | None
    params: dict[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def second(self) -> bool:
        """Whether the client speaks 2.2."""
        return self.version != "v2.1"

    @property
    def scope(self) -> Tenant:
        """The one tenant of a write."""
        if self.tenant is None:
            raise invalid("Tenant all is for reads only")
        return self.tenant

    @property
    def visible(self) -> list[Tenant]:
        """The tenants whose app instances the request may name."""
        return list(self.edf.tenants.values()) if self.tenant is None else [self.tenant]

    @property
    def listed(self) -> list[Tenant]:
        """The tenants whose app instances a list has."""
        below = self.tenant is not None and self.edf.assumed("tenants.below_listed")
        return [*self.visible, *(self.edf.below(self.scope) if below else ())]

    @property
    def inherited(self) -> list[Tenant]:
        """The tenants whose initiators, groups, IP pools and templates the request may name: those above count too."""
        return list(self.edf.tenants.values()) if self.tenant is None else self.edf.ancestry(self.tenant)

    def instance(self) -> tuple[Tenant, AppInstance]:
        for tenant in self.visible:
            found = tenant.find(self.params["ai"])
            if found is not None:
                return tenant, found
        raise missing(self.path)

    def storage(self) -> tuple[Tenant, AppInstance, StorageInstance]:
        tenant, instance = self.instance()
        storage = instance.storage(self.params["si"])
        if storage is None:
            raise missing(self.path)
        return tenant, instance, storage

    def volume(self) -> tuple[Tenant, AppInstance, StorageInstance, InstanceVolume]:
        tenant, instance, storage = self.storage()
        found = storage.volume(self.params["volume"])
        if found is None:
            raise missing(self.path)
        return tenant, instance, storage, found

    def resolve(self, path: str) -> tuple[Tenant, AppInstance, StorageInstance, InstanceVolume, str | None]:
        """The volume with this path, and the key of the snapshot where the path is that of a snapshot."""
        parts = path.strip("/").split("/")
        names = dict(zip(parts[::2], parts[1::2], strict=False))
        for tenant in self.visible:
            instance = tenant.find(names.get("app_instances", ""))
            storage = instance.storage(names.get("storage_instances", "")) if instance else None
            volume = storage.volume(names.get("volumes", "")) if storage else None
            if instance and storage and volume:
                return tenant, instance, storage, volume, names.get("snapshots")
        raise missing(path)


def offline_only(edf: EdfState, instance: AppInstance, storage: StorageInstance | None = None) -> None:
    """Refuse what the array does only while the app instance or the storage instance is offline."""
    if instance.admin_state == "online" and (storage is None or storage.admin_state == "online"):
        unnamed = edf.assumed("errors.offline_demand") == "unnamed"
        raise invalid(ledger.ONLINE_UNNAMED if unnamed else ledger.ONLINE)
