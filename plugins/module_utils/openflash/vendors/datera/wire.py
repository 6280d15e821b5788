# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of operations (sheet, section 2): every request that this client sends, row by row.

An entity is returned as the array reports it, and as None when it does not exist. A change returns the changed
entity. Paths are those that the array reports. Login, tenants and pages are in session.py.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from ...errors import BadReply
from .session import EdfSession, Entity, key

TEMPLATES = "/app_templates/%s"
POOLS = "/access_network_ip_pools/%s"
POLICIES = "/placement_policies/%s"
# Section 1.8: as the tenant of a list, this names all.
EVERY_TENANT = "all"


class EdfOperations(EdfSession):
    """The session with one array, and its operations."""

    # -- app instances (2.1, 2.2, 2.5, 2.13) ---------------------------------------------------------------------------

    def instances(self, search: Optional[str] = None, tenant: Optional[str] = None) -> List[Entity]:
        """All of them, or those that the filter matches (1.17). Of another tenant, if one is given."""
        return self.list("/app_instances", search, tenant)

    def instance_called(self, name_or_id: str) -> Any:
        return self.get("/app_instances/%s" % key(name_or_id))

    def instance(self, path: str) -> Any:
        return self.get(path)

    def create_instance(self, body: Entity) -> Any:
        return self.post("/app_instances", body)

    def update_instance(self, path: str, body: Entity) -> Any:
        return self.put(path, body)

    def delete_instance(self, path: str) -> None:
        self.delete(path)

    # -- storage instances (2.2) ---------------------------------------------------------------------------------------

    def update_storage(self, path: str, body: Entity) -> Any:
        return self.put(path, body)

    # -- volumes (2.2, 2.3) --------------------------------------------------------------------------------------------

    def update_volume(self, path: str, body: Entity) -> Any:
        return self.put(path, body)

    def restore_volume(self, path: str, point: str) -> Any:
        """AnswerLost, when it may have been restored: the request is never sent again without a decision."""
        return self.put_once(path, {"restore_point": point})

    def delete_volume(self, path: str) -> None:
        self.delete(path)

    # -- limits of quality of service (2.14) ---------------------------------------------------------------------------

    def create_limits(self, volume_path: str, limits: Mapping[str, int]) -> None:
        """NameTaken, when the volume has limits."""
        self.post(volume_path + "/performance_policy", limits)

    def update_limits(self, volume_path: str, limits: Mapping[str, int]) -> None:
        """NotFound, when the volume has no limits."""
        self.put(volume_path + "/performance_policy", limits)

    def delete_limits(self, volume_path: str) -> None:
        self.delete(volume_path + "/performance_policy")

    # -- snapshots of a volume or an app instance (2.5) ----------------------------------------------------------------

    def snapshots_of(self, path: str) -> List[Entity]:
        return self.list(path + "/snapshots")

    def snapshot(self, path: str) -> Any:
        return self.get(path)

    def create_snapshot(self, volume_path: str, uuid: str) -> Any:
        """AnswerLost also when the session has ended: a second request might take a second snapshot."""
        return self.post_once(volume_path + "/snapshots", {"uuid": uuid})

    def delete_snapshot(self, path: str) -> None:
        self.delete(path)

    # -- access lists and CHAP (2.6, 2.7) ------------------------------------------------------------------------------

    def change_entry(self, storage_path: str, kind: str, operation: str, path: str) -> Any:
        """Add or remove one entry of an access list. The answer is the list or the complete policy (section 9).

        :param kind: ``initiators`` or ``initiator_groups``.
        :param operation: ``add`` or ``remove``.
        """
        return self.put("%s/acl_policy/%s" % (storage_path, kind), {"op": operation, "path": path})

    def update_auth(self, storage_path: str, body: Entity) -> None:
        self.put(storage_path + "/auth", body)

    # -- initiators (2.6) ----------------------------------------------------------------------------------------------

    def initiator(self, address: str) -> Any:
        return self.get("/initiators/%s" % key(address))

    def create_initiator(self, body: Entity) -> Any:
        return self.post("/initiators", body)

    def delete_initiator(self, address: str) -> None:
        self.delete("/initiators/%s" % key(address))

    # -- initiator groups (2.6) ----------------------------------------------------------------------------------------

    def groups(self, tenant: Optional[str] = None) -> List[Entity]:
        """Of another tenant, if one is given."""
        return self.list("/initiator_groups", tenant=tenant)

    def group(self, name: str) -> Any:
        return self.get("/initiator_groups/%s" % key(name))

    def create_group(self, body: Entity) -> None:
        self.post("/initiator_groups", body)

    def change_member(self, group_path: str, operation: str, path: str) -> Any:
        """``add`` or ``remove`` one initiator. The answer is the list or something else (section 9)."""
        return self.put("%s/members" % group_path, {"op": operation, "path": path})

    def initiator_or_group(self, path: str, tenant: Optional[str] = None) -> Any:
        """As another tenant sees it, if one is given."""
        return self.get(path, tenant=tenant)

    def delete_host(self, path: str) -> None:
        """An initiator group, or an initiator that is a host by itself."""
        self.delete(path)

    # -- metadata (2.10) -----------------------------------------------------------------------------------------------

    def metadata(self, instance_path: str) -> Any:
        return self.get(self._metadata_path(instance_path))

    def update_metadata(self, instance_path: str, metadata: Dict[str, str]) -> None:
        """All of it: this is right whether the array merges or replaces, which is not known (section 9)."""
        self.put(self._metadata_path(instance_path), self._metadata_body(metadata))

    def update_metadata_once(self, instance_path: str, metadata: Dict[str, str]) -> None:
        """As update_metadata, but where the answer is lost it is not sent again: AnswerLost is raised."""
        self.put_once(self._metadata_path(instance_path), self._metadata_body(metadata))

    def _metadata_body(self, metadata: Dict[str, str]) -> Dict[str, Any]:
        return {"data": metadata} if self.modern else metadata

    def _metadata_path(self, instance_path: str) -> str:
        return "%s/%s" % (instance_path, "int_ecosystem_data" if self.modern else "metadata")

    # -- templates, system and nodes (2.9, 2.12) -----------------------------------------------------------------------

    def template(self, name: str) -> Any:
        return self.get(TEMPLATES % key(name))

    def system(self) -> Any:
        return self.get("/system", tenant="/root")

    def nodes(self) -> List[Entity]:
        return self.list("/storage_nodes")

    def faults(self) -> List[Entity]:
        return self.list("/fault_logs", tenant="/root")

    def latest(self, metric: str, path: str) -> List[Entity]:
        """The newest value of a figure, of each entity at the path."""
        found = self._data(self._ask("GET", "/metrics/io/%s/latest" % metric, [("path", path)], tenant="/root"))
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise BadReply("the answer about %s is no list of figures" % metric)
        return found
