# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a document on a tenant, by the requests that the management service takes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ...document import Content, HostRow, MappingRow, SnapshotRow, VolumeRow
from ...errors import ConfigError
from ...objects import Pool
from ...rules import NotFound
from . import bodies, entities, ledger
from .call import Call
from .objects import GIB, ROOT, AppInstance, InstanceVolume, StorageInstance, Tenant
from .refusals import Refusal
from .routes import Route
from .state import EdfState, gib

_PROPERTIES = ("replica_count", "placement_mode", "placement_policy")


class DateraContent(Content):
    granularity = GIB
    options = frozenset({*_PROPERTIES, "ip_pool", "description", *entities.POLICY_KEYS})

    def __init__(self, edf: EdfState, tenant: Tenant, version: str, routes: Sequence[Route]) -> None:
        super().__init__(tenant.array)
        self._edf = edf
        self._tenant = tenant
        self._version = version
        self._routes = routes

    def _send(self, operation: str, path: str, body: dict[str, Any]) -> None:
        for route in self._routes:
            params = route.match(path)
            if params is not None:
                break
        else:
            raise NotFound("path", path)
        schema, handler = route.operations[operation]
        if schema is not None:
            bodies.check(body, schema)
        handler(Call(self._edf, operation, path, self._version, self._tenant, params, {}, body))

    def own_pool(self, name: str | None) -> Pool:
        """The array is one pool, whatever a file calls it."""
        return self._edf.pool

    # ---- volumes ---------------------------------------------------------------------------------------------------

    def volume(self, row: VolumeRow) -> None:
        """The name of a volume is that of its app instance, or ``instance/storage instance/volume``."""
        policy, mode = row.options.get("placement_policy"), row.options.get("placement_mode")
        if policy and mode:
            # A document does not have the array's policies.
            self._edf.policies.setdefault(str(policy), str(mode))
        instance, _slash, below = row.name.partition("/")
        storage, _slash, volume = below.partition("/")
        storage, volume = storage or ledger.STORAGE, volume or ledger.VOLUME
        nested = {"name": volume, "size": gib(row.size), **_properties(row.options)}
        body: dict[str, Any] = {"name": storage, "volumes": [nested]}
        if pool := row.options.get("ip_pool"):
            self._make_ip_pool(str(pool))
            body["ip_pool"] = {"path": f"/access_network_ip_pools/{pool}"}
        found = self._tenant.find(instance)
        if found is None:
            instance_body = {"name": instance, "access_control_mode": "deny_all", "storage_instances": [body]}
            if description := row.options.get("description"):
                instance_body["descr"] = description
            self._send("create", "/app_instances", instance_body)
        elif not below:
            raise ConfigError("there is another volume of this name")
        else:
            # The body of a change adds the storage instances and volumes that are not there yet.
            self._send("update", found.path, {"storage_instances": [body]})
        if policy and mode and mode != self._edf.policies[str(policy)]:
            self._send("update", self._path(*self._found(row.name)), {"placement_mode": mode})

    def _make_ip_pool(self, name: str) -> None:
        """An IP pool with the array's addresses. A document does not have those that it had."""
        pools = self._edf.tenants[ROOT].pools
        pools.setdefault(name, {**pools["default"], "name": name})

    def _found(self, name: str) -> tuple[AppInstance, StorageInstance, InstanceVolume]:
        for instance in self._tenant.instances.values():
            for storage, volume in instance.volumes:
                if name in (instance.title(storage, volume), f"{instance.name}/{storage.name}/{volume.name}"):
                    return instance, storage, volume
        raise NotFound("volume", name)

    @staticmethod
    def _path(instance: AppInstance, storage: StorageInstance, volume: InstanceVolume) -> str:
        return f"{instance.path}/storage_instances/{storage.name}/volumes/{volume.name}"

    def snapshot(self, row: SnapshotRow) -> None:
        """The array gives snapshots no names. The metadata has them, as the client of this collection notes them."""
        instance, storage, volume = self._found(row.volume)
        path = self._path(instance, storage, volume)
        key = str(uuid.uuid5(ledger.SNAPSHOT_NAMESPACE, f"{path}\0{row.name}"))
        instance.metadata[ledger.SNAPSHOT_NOTE + key] = f"{self._tenant.array_volume(volume).size} {row.name}"
        self._send("create", f"{path}/snapshots", {"uuid": key})

    # ---- hosts -----------------------------------------------------------------------------------------------------

    def host(self, row: HostRow) -> None:
        for address in row.initiators:
            self._send("create", "/initiators", {"id": address, "name": row.name})
        if row.initiators != (row.name,):
            members = [{"path": f"/initiators/{address}"} for address in row.initiators]
            self._send("create", "/initiator_groups", {"name": row.name, "members": members})

    def mapping(self, row: MappingRow) -> None:
        instance, storage, volume = self._found(row.volume)
        number = storage.volumes.index(volume)
        if row.lun not in (None, number):
            raise ConfigError(f"lun: this array numbers the volumes of a storage instance itself, here as {number}")
        kind = "initiator_groups" if row.host in self._tenant.groups else "initiators"
        path = f"{instance.path}/storage_instances/{storage.name}/acl_policy/{kind}"
        self._send("update", path, {"op": "add", "path": f"/{kind}/{row.host}"})

    def reason(self, error: Exception) -> str | None:
        return error.message if isinstance(error, Refusal) else super().reason(error)


def _properties(options: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: options[key] for key in _PROPERTIES if options.get(key) is not None}
    if "placement_policy" in found:
        # The policy says the mode.
        found.pop("placement_mode", None)
        found["placement_policy"] = {"path": f"/placement_policies/{found['placement_policy']}"}
    limits = {key: options[key] for key in entities.POLICY_KEYS if options.get(key)}
    return {**found, "performance_policy": limits} if limits else found
