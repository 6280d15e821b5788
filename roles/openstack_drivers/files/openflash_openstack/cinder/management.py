# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes that are on the array already: managed by Cinder, unmanaged, listed."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, Optional

from cinder import coordination, exception
from cinder.volume import volume_utils

from openflash import model
from openflash.array import Array
from openflash.units import GIB

from . import specs
from .base import volume_named
from .inventory import Entry, Inventory
from .volumes import Volumes


class Management(Volumes):
    """Manage and unmanage, by renaming. What any backend of this Cinder has already is never managed again."""

    def manage_existing_get_size(self, volume: Any, existing_ref: dict[str, Any]) -> int:
        """GiB, rounded up."""
        with self._on_array("find a volume to manage", volume) as array:
            return -(-self._referenced(array, volume, existing_ref).size // GIB)

    def manage_existing(self, volume: Any, existing_ref: dict[str, Any]) -> Optional[dict[str, Any]]:
        """Rename it to what Cinder calls it.

        Refused while it is mapped, where its type demands another kind, and where the host names another pool.
        """
        # One at a time, so that two requests for the same volume do not both find it free.
        with self._managing(), self._on_array("manage a volume as %s" % volume.id, volume) as array:
            existing = self._referenced(array, volume, existing_ref)
            mapped = existing.mappings
            if mapped is None:
                mapped = tuple(one for one in array.mappings(volumes=[existing.name]) if one.volume == existing.name)
            if mapped:
                hosts = ", ".join(sorted({one.host for one in mapped}))
                raise bad_reference(existing_ref, "it is mapped to %s" % hosts)
            self._check_qos(specs.specs_of(volume))
            self._check_type(volume, existing)
            self._check_pool(volume, existing, existing_ref)
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

    def _check_pool(self, volume: Any, existing: model.Volume, reference: dict[str, Any]) -> None:
        """It stays in its pool, so that must be the one whose capacity Cinder counts it in."""
        requested = self._spec(volume).pool if self.POOLS else None
        if requested and existing.pool and requested != existing.pool:
            reason = "it is in pool %s, not in %s; give the host with #%s, and a type that permits this pool"
            raise bad_reference(reference, reason % (existing.pool, requested, existing.pool))

    def _referenced(self, array: Array, volume: Any, reference: dict[str, Any]) -> model.Volume:
        name = self._name_of_reference(volume, reference)
        if not name:
            raise bad_reference(reference, "the reference must contain a source-name")
        found = volume_named(array, name)
        if found is None:
            raise bad_reference(reference, "the array has no volume %s" % name)
        _owner, reason = self._belongs_to(found, self._inventory(array), apart_from=str(volume.id))
        if reason is not None:
            raise bad_reference(reference, reason)
        return found

    @staticmethod
    def _managing() -> AbstractContextManager[Any]:
        """A lock for all arrays, since two backends may name one array by different addresses."""
        lock: AbstractContextManager[Any] = coordination.COORDINATOR.get_lock("openflash-manage")
        return lock

    def _inventory(self, array: Array) -> Inventory:
        found = Inventory.read(self.db)
        for name, group_snapshot in self._members_of_sets(array).items():
            found.add_member(name, group_snapshot)
        return found

    def _belongs_to(
        self, volume: model.Volume, inventory: Inventory, apart_from: Optional[str] = None
    ) -> tuple[Optional[Entry], Optional[str]]:
        """What of Cinder it is, and why it must not be managed; None where it may."""
        owner = inventory.owner(volume.name, volume.serial, apart_from)
        return owner, None if owner is None else "already managed by Cinder: it is %s" % owner

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
        with self._on_array("list the volumes that can be managed") as array:
            found = array.volumes()
            inventory = self._inventory(array)
            mapped: Optional[dict[str, list[str]]] = None
            if any(one.mappings is None for one in found):
                mapped = {}
                for one in array.mappings():
                    mapped.setdefault(one.volume, []).append(one.host)
        entries = [self._manageable(one, inventory, mapped) for one in found]
        return volume_utils.paginate_entries_list(entries, marker, limit, offset, sort_keys, sort_dirs)

    def _manageable(
        self, volume: model.Volume, inventory: Inventory, mapped: Optional[dict[str, list[str]]]
    ) -> dict[str, Any]:
        owner, reason = self._belongs_to(volume, inventory)
        reason = reason or _mapped(one.host for one in volume.mappings or ())
        reason = reason or _mapped((mapped or {}).get(volume.name, ()))
        return {
            "reference": {"source-name": volume.name},
            "size": -(-volume.size // GIB),
            "safe_to_manage": reason is None,
            "reason_not_safe": reason,
            "cinder_id": owner.id if owner is not None and owner.kind == "volume" else None,
            "extra_info": {"provisioning": volume.provisioning, "pool": volume.pool},
        }


class SnapshotManagement(Management):
    """Manage and unmanage snapshots, on arrays that report of each of which volume it is."""

    def manage_existing_snapshot_get_size(self, snapshot: Any, existing_ref: dict[str, Any]) -> int:
        """GiB, rounded up."""
        with self._on_array("find a snapshot to manage", snapshot.volume) as array:
            return -(-self._taken(array, snapshot, existing_ref).size // GIB)

    def manage_existing_snapshot(self, snapshot: Any, existing_ref: dict[str, Any]) -> Optional[dict[str, Any]]:
        doing = "manage a snapshot as %s" % snapshot.id
        with self._managing(), self._on_array(doing, snapshot.volume) as array:
            return self._adopt_snapshot(array, snapshot, self._taken(array, snapshot, existing_ref))

    def _taken(self, array: Array, snapshot: Any, reference: dict[str, Any]) -> model.Snapshot:
        """What the reference names, provided that it is of the volume that Cinder says."""
        name = str(reference.get("source-name") or "")
        there = self._referenced_snapshot(array, snapshot, name) if name else None
        if there is None:
            raise bad_reference(reference, "volume %s has no snapshot %s" % (snapshot.volume_id, name))
        if there.mappings:
            raise bad_reference(reference, "it is mapped to %s" % ", ".join(one.host for one in there.mappings))
        volume_id = str(snapshot.volume_id)
        owner = self._owner_of_snapshot(there, self._inventory(array), volume_id, apart_from=str(snapshot.id))
        if owner is not None:
            raise bad_reference(reference, "already managed by Cinder: it is %s" % owner)
        return there

    def _owner_of_snapshot(
        self,
        there: model.Snapshot,
        inventory: Inventory,
        volume_id: Optional[str],
        apart_from: Optional[str] = None,
    ) -> Optional[Entry]:
        """What of Cinder it is, by a name that no other object of the array has.

        :param volume_id: the volume of Cinder that it was taken of.
        """
        return inventory.owner(there.name, there.serial, apart_from)

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
        with self._on_array("list the snapshots that can be managed") as array:
            found = array.snapshots()
            inventory = self._inventory(array)
        entries = []
        for one in found:
            source = inventory.owner(one.volume) if one.volume else None
            owner = self._owner_of_snapshot(one, inventory, source.id if source is not None else None)
            reason = "already managed by Cinder: it is %s" % owner if owner is not None else None
            reason = reason or _mapped(mapping.host for mapping in one.mappings or ())
            if reason is None and not one.proven:
                reason = "the array does not distinguish it from a volume that was made of another"
            entries.append(
                {
                    "reference": {"source-name": self._snapshot_reference(one)},
                    "size": -(-one.size // GIB),
                    "safe_to_manage": reason is None,
                    "reason_not_safe": reason,
                    "cinder_id": owner.id if owner is not None and owner.kind == "snapshot" else None,
                    "extra_info": None,
                    "source_reference": {"source-name": one.volume},
                }
            )
        return volume_utils.paginate_entries_list(entries, marker, limit, offset, sort_keys, sort_dirs)

    def _snapshot_reference(self, snapshot: model.Snapshot) -> str:
        return snapshot.name


def _mapped(hosts: Iterable[str]) -> Optional[str]:
    names = ", ".join(sorted(set(hosts)))
    return "mapped to %s" % names if names else None


def bad_reference(reference: Any, reason: str) -> Exception:
    found: Exception = exception.ManageExistingInvalidReference(existing_ref=reference, reason=reason)
    return found
