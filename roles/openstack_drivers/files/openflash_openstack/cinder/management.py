# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes that are on the array already: managed by Cinder, unmanaged, listed."""

from __future__ import annotations

from typing import Any, Optional

from cinder import exception
from cinder.volume import volume_utils

from openflash import model
from openflash.array import Array
from openflash.units import GIB

from .base import volume_named
from .volumes import Volumes


class Management(Volumes):
    """Manage and unmanage, by renaming."""

    def manage_existing_get_size(self, volume: Any, existing_ref: dict[str, Any]) -> int:
        """GiB, rounded up."""
        with self._on_array("find a volume to manage", volume) as array:
            return -(-self._referenced(array, volume, existing_ref).size // GIB)

    def manage_existing(self, volume: Any, existing_ref: dict[str, Any]) -> Optional[dict[str, Any]]:
        """Rename it to what Cinder calls it. Refused while it is mapped, or where its type demands another kind."""
        with self._on_array("manage a volume as %s" % volume.id, volume) as array:
            existing = self._referenced(array, volume, existing_ref)
            mapped = existing.mappings
            if mapped is None:
                mapped = tuple(one for one in array.mappings(volumes=[existing.name]) if one.volume == existing.name)
            if mapped:
                hosts = ", ".join(sorted({one.host for one in mapped}))
                raise _bad_reference(existing_ref, "it is mapped to %s" % hosts)
            self._check_type(volume, existing)
            return self._take_over(array, volume, existing)

    def _take_over(self, array: Array, volume: Any, existing: model.Volume) -> Optional[dict[str, Any]]:
        name = self._volume_name(volume)
        if existing.name != name:
            array.rename_volume(existing, name)
        return None

    def _check_type(self, volume: Any, existing: model.Volume) -> None:
        requested = self._spec(volume).provisioning if volume.get("volume_type_id") else None
        if requested is not None and requested != existing.provisioning:
            raise exception.ManageExistingVolumeTypeMismatch(
                reason="the volume is %s and its type demands %s" % (existing.provisioning, requested)
            )

    def _referenced(self, array: Array, volume: Any, reference: dict[str, Any]) -> model.Volume:
        name = self._name_of_reference(volume, reference)
        if not name:
            raise _bad_reference(reference, "the reference must contain a source-name")
        found = volume_named(array, name)
        if found is None:
            raise _bad_reference(reference, "the array has no volume %s" % name)
        return found

    def _name_of_reference(self, volume: Any, reference: dict[str, Any]) -> str:
        return str(reference.get("source-name") or "")

    def unmanage(self, volume: Any) -> None:
        """The volume stays, under a name that says where it comes from and that Cinder does not use."""
        name = self._unmanaged_name(volume)
        if name is None:
            return
        with self._on_array("unmanage volume %s" % volume.id, volume, volume=volume.id) as array:
            array.rename_volume(self._known(array, volume), name)

    def _unmanaged_name(self, volume: Any) -> Optional[str]:
        """None where it keeps its name."""
        return None

    def get_manageable_volumes(
        self,
        cinder_volumes: Any,
        marker: Any,
        limit: Any,
        offset: Any,
        sort_keys: Any,
        sort_dirs: Any,
    ) -> Any:
        managed = {self._volume_name(one): one["id"] for one in cinder_volumes}
        with self._on_array("list the volumes that can be managed") as array:
            found = array.volumes()
            mapped: Optional[dict[str, list[str]]] = None
            if any(one.mappings is None for one in found):
                mapped = {}
                for one in array.mappings():
                    mapped.setdefault(one.volume, []).append(one.host)
        entries = [self._manageable(one, managed, mapped) for one in found]
        return volume_utils.paginate_entries_list(entries, marker, limit, offset, sort_keys, sort_dirs)

    def _manageable(
        self, volume: model.Volume, managed: dict[str, str], mapped: Optional[dict[str, list[str]]]
    ) -> dict[str, Any]:
        cinder_id = self._managed_as(volume, managed)
        hosts = [one.host for one in volume.mappings or ()] or (mapped or {}).get(volume.name, [])
        safe, reason = _safety(cinder_id, hosts)
        return {
            "reference": {"source-name": volume.name},
            "size": -(-volume.size // GIB),
            "safe_to_manage": safe,
            "reason_not_safe": reason,
            "cinder_id": cinder_id,
            "extra_info": {"provisioning": volume.provisioning, "pool": volume.pool},
        }

    def _managed_as(self, volume: model.Volume, managed: dict[str, str]) -> Optional[str]:
        """The id under which Cinder has it."""
        return managed.get(volume.name)


class SnapshotManagement(Management):
    """Manage and unmanage snapshots, on arrays that report of each of which volume it is."""

    def manage_existing_snapshot_get_size(self, snapshot: Any, existing_ref: dict[str, Any]) -> int:
        """GiB, rounded up."""
        with self._on_array("find a snapshot to manage", snapshot.volume) as array:
            return -(-self._taken(array, snapshot, existing_ref).size // GIB)

    def manage_existing_snapshot(self, snapshot: Any, existing_ref: dict[str, Any]) -> Optional[dict[str, Any]]:
        with self._on_array("manage a snapshot as %s" % snapshot.id, snapshot.volume) as array:
            return self._adopt_snapshot(array, snapshot, self._taken(array, snapshot, existing_ref))

    def _taken(self, array: Array, snapshot: Any, reference: dict[str, Any]) -> model.Snapshot:
        """What the reference names, provided that it is of the volume that Cinder says."""
        name = str(reference.get("source-name") or "")
        there = self._referenced_snapshot(array, snapshot, name) if name else None
        if there is None:
            raise _bad_reference(reference, "volume %s has no snapshot %s" % (snapshot.volume_id, name))
        if there.mappings:
            raise _bad_reference(reference, "it is mapped to %s" % ", ".join(one.host for one in there.mappings))
        return there

    def _referenced_snapshot(self, array: Array, snapshot: Any, name: str) -> Optional[model.Snapshot]:
        there = array.snapshots(names=[name]).named(name)
        return there if there is not None and there.volume == self._volume_name(snapshot.volume) else None

    def _adopt_snapshot(self, array: Array, snapshot: Any, there: model.Snapshot) -> Optional[dict[str, Any]]:
        self._rename_snapshot(array, there, self._snapshot_name(snapshot))
        return None

    @staticmethod
    def _rename_snapshot(array: Array, there: model.Snapshot, name: str) -> None:
        """On arrays where a snapshot is a volume too, in the same name space."""
        if there.name != name:
            array.rename_volume(model.Volume(there.name, there.size, id=there.id), name)

    def unmanage_snapshot(self, snapshot: Any) -> None:
        doing = "unmanage snapshot %s" % snapshot.id
        with self._on_array(doing, snapshot.volume, snapshot=snapshot.id) as array:
            self._release_snapshot(array, snapshot)

    def _release_snapshot(self, array: Array, snapshot: Any) -> None:
        there = self._known_snapshot(array, snapshot)
        self._rename_snapshot(array, there, "%s-unmanaged" % there.name)

    def get_manageable_snapshots(
        self,
        cinder_snapshots: Any,
        marker: Any,
        limit: Any,
        offset: Any,
        sort_keys: Any,
        sort_dirs: Any,
    ) -> Any:
        managed = {str(one.get("provider_location") or self._snapshot_name(one)): one["id"] for one in cinder_snapshots}
        with self._on_array("list the snapshots that can be managed") as array:
            found = array.snapshots()
        entries = []
        for one in found:
            reference = self._snapshot_reference(one)
            cinder_id = managed.get(reference) or managed.get(one.name)
            safe, reason = _safety(cinder_id, [mapping.host for mapping in one.mappings or ()])
            if safe and not one.proven:
                safe, reason = False, "the array does not distinguish it from a volume that was made of another"
            entries.append(
                {
                    "reference": {"source-name": reference},
                    "size": -(-one.size // GIB),
                    "safe_to_manage": safe,
                    "reason_not_safe": reason,
                    "cinder_id": cinder_id,
                    "extra_info": None,
                    "source_reference": {"source-name": one.volume},
                }
            )
        return volume_utils.paginate_entries_list(entries, marker, limit, offset, sort_keys, sort_dirs)

    def _snapshot_reference(self, snapshot: model.Snapshot) -> str:
        return snapshot.name


def _safety(cinder_id: Optional[str], hosts: list[str]) -> tuple[bool, Optional[str]]:
    if cinder_id is not None:
        return False, "already managed by Cinder"
    if hosts:
        return False, "mapped to %s" % ", ".join(sorted(set(hosts)))
    return True, None


def _bad_reference(reference: Any, reason: str) -> Exception:
    found: Exception = exception.ManageExistingInvalidReference(existing_ref=reference, reason=reason)
    return found
