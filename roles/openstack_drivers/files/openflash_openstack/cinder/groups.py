# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Groups of volumes, on arrays that take snapshots of all of them at one instant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from cinder import context as contexts
from cinder.objects import fields
from cinder.volume import volume_utils
from oslo_log import log as logging

from openflash import errors, model
from openflash.array import Array, ConsistencyGroups, SnapshotSets
from openflash.units import GIB

from .errors import cinder_errors
from .volumes import Volumes

LOG = logging.getLogger(__name__)

Update = dict[str, Any]


class Groups(Volumes):
    """Groups that Cinder keeps itself, and whose volumes it snapshots one by one.

    Where the type of the group demands snapshots of one instant, that is refused.
    """

    def _consistent(self, group: Any) -> bool:
        """Whether the array makes the group.

        :raises Unsupported: it must, and cannot.
        """
        if not volume_utils.is_group_a_cg_snapshot_type(group):
            return False
        reason = self._refusal("groups")
        if reason is not None:
            with cinder_errors(), errors.context(doing="work on group %s" % group["id"]):
                raise errors.Unsupported(
                    "its type has consistent_group_snapshot_enabled, and %s" % reason,
                    hint="Use a group type without that, whose volumes are snapshotted one by one.",
                )
        return True

    def _need_consistent(self, group: Any) -> None:
        """:raises NotImplementedError: Cinder then does to each of the volumes in turn what was requested."""
        if not self._consistent(group):
            raise NotImplementedError

    def _kept_by_array(self, group: Any) -> bool:
        """Whether the array has the group: never one that was refused."""
        return bool(volume_utils.is_group_a_cg_snapshot_type(group)) and self._refusal("groups") is None

    def create_group(self, context: Any, group: Any) -> Update:
        self._need_consistent(group)
        raise NotImplementedError

    def update_group(
        self, context: Any, group: Any, add_volumes: Any = None, remove_volumes: Any = None
    ) -> tuple[Optional[Update], Optional[list[Update]], Optional[list[Update]]]:
        self._need_consistent(group)
        raise NotImplementedError

    def create_group_snapshot(
        self, context: Any, group_snapshot: Any, snapshots: Sequence[Any]
    ) -> tuple[Optional[Update], Optional[list[Update]]]:
        self._need_consistent(group_snapshot)
        raise NotImplementedError

    def create_group_from_src(
        self,
        context: Any,
        group: Any,
        volumes: Sequence[Any],
        group_snapshot: Any = None,
        snapshots: Any = None,
        source_group: Any = None,
        source_vols: Any = None,
    ) -> tuple[Optional[Update], Optional[list[Update]]]:
        self._need_consistent(group)
        raise NotImplementedError


class ConsistencyGroupsOfArray(Groups):
    """A group of Cinder's is a consistency group of the array where its type asks for consistent snapshots.

    The snapshot set of a group snapshot has the name that Cinder's own driver of this array gives it, and its members
    have the names that the array gives them. So each driver finds what the other took.
    """

    def _group_name(self, group: Any) -> str:
        return str(group["id"])

    def _set_name(self, group_snapshot: Any) -> str:
        return ("%s%s" % (group_snapshot["group_id"], group_snapshot["id"])).replace("-", "")

    def _known_snapshot(self, array: Array, snapshot: Any) -> model.Snapshot:
        """A member of a group snapshot may have a name that the array gave it: then its set tells which it is."""
        known = super()._known_snapshot(array, snapshot)
        if not snapshot.get("group_snapshot_id") or array.snapshots(names=[known.name]).named(known.name) is not None:
            return known
        members = SnapshotSets.of(array).snapshots_of_set(self._set_name(snapshot.group_snapshot))
        of_volume = [one for one in members if one.volume == known.volume]
        return of_volume[0] if len(of_volume) == 1 else known

    def _members_of_sets(self, array: Array) -> dict[str, str]:
        """One or two requests for each group snapshot of Cinder, on all its arrays."""
        if array.capabilities.refusal("groups") is not None:
            return {}
        taken = self.db.group_snapshot_get_all(contexts.get_admin_context())
        sets = SnapshotSets.of(array)
        return {member.name: str(one["id"]) for one in taken for member in sets.snapshots_of_set(self._set_name(one))}

    def _join_group(self, array: Array, volume: Any) -> None:
        if not volume.get("group_id"):
            return
        group = volume.get("group")
        if group is None or not self._kept_by_array(group):
            return
        ConsistencyGroups.of(array).add_to_group(
            model.Group(str(volume.group_id)), [model.Volume(self._volume_name(volume), 0)]
        )

    def create_group(self, context: Any, group: Any) -> Update:
        self._need_consistent(group)
        with self._on_array("create group %s" % group["id"]) as array:
            ConsistencyGroups.of(array).create_group(self._group_name(group))
        return {"status": fields.GroupStatus.AVAILABLE}

    def delete_group(self, context: Any, group: Any, volumes: Sequence[Any]) -> tuple[Update, list[Update]]:
        """The group and its volumes. A volume that cannot be deleted is reported, and the others are deleted."""
        if not self._kept_by_array(group):
            raise NotImplementedError
        with self._on_array("delete group %s" % group["id"]) as array:
            ConsistencyGroups.of(array).delete_group(model.Group(self._group_name(group)))
        updates, failed = [], False
        for volume in volumes:
            status = "deleted"
            try:
                self.delete_volume(volume)
            except Exception as error:  # noqa: BLE001  the others are deleted, and this one reported
                LOG.error("%s: volume %s of group %s stays: %s", self.backend_name, volume["id"], group["id"], error)
                status, failed = "error_deleting", True
            updates.append({"id": volume["id"], "status": status})
        status = fields.GroupStatus.ERROR_DELETING if failed else fields.GroupStatus.DELETED
        return {"status": status}, updates

    def update_group(
        self, context: Any, group: Any, add_volumes: Any = None, remove_volumes: Any = None
    ) -> tuple[Optional[Update], Optional[list[Update]], Optional[list[Update]]]:
        self._need_consistent(group)
        with self._on_array("change the volumes of group %s" % group["id"]) as array:
            adding = [model.Volume(self._volume_name(one), 0) for one in add_volumes or ()]
            leaving = [model.Volume(self._volume_name(one), 0) for one in remove_volumes or ()]
            there = model.Group(self._group_name(group), volumes=tuple(one.name for one in leaving))
            ConsistencyGroups.of(array).add_to_group(there, adding)
            ConsistencyGroups.of(array).remove_from_group(there, leaving)
        return None, None, None

    def create_group_snapshot(
        self, context: Any, group_snapshot: Any, snapshots: Sequence[Any]
    ) -> tuple[Optional[Update], Optional[list[Update]]]:
        """All of one instant, or none."""
        self._need_consistent(group_snapshot)
        with self._on_array("take group snapshot %s" % group_snapshot["id"]) as array:
            members = [model.Volume(self._volume_name(one.volume), 0) for one in snapshots]
            SnapshotSets.of(array).create_snapshot_set(self._set_name(group_snapshot), members)
        return None, None

    def delete_group_snapshot(
        self, context: Any, group_snapshot: Any, snapshots: Sequence[Any]
    ) -> tuple[Optional[Update], Optional[list[Update]]]:
        if not self._kept_by_array(group_snapshot):
            raise NotImplementedError
        with self._on_array("delete group snapshot %s" % group_snapshot["id"]) as array:
            gone = {
                one.volume for one in SnapshotSets.of(array).delete_snapshots_of_set(self._set_name(group_snapshot))
            }
            for one in snapshots:
                if self._volume_name(one.volume) not in gone:
                    # It was taken out of the set, and has its name.
                    self._delete_by_name(array, one)
        return None, None

    def _delete_by_name(self, array: Array, snapshot: Any) -> None:
        try:
            array.delete_snapshot(super()._known_snapshot(array, snapshot))
        except errors.NotFound:
            LOG.info("%s: snapshot %s was gone already", self.backend_name, snapshot.id)

    def create_group_from_src(
        self,
        context: Any,
        group: Any,
        volumes: Sequence[Any],
        group_snapshot: Any = None,
        snapshots: Any = None,
        source_group: Any = None,
        source_vols: Any = None,
    ) -> tuple[Optional[Update], Optional[list[Update]]]:
        """From a group snapshot, or from a group as it is at one instant."""
        self._need_consistent(group)
        with self._on_array("make group %s" % group["id"]) as array:
            specs = [model.VolumeSpec(self._volume_name(one), int(one.size) * GIB) for one in volumes]
            if group_snapshot is not None:
                members = {
                    one.volume: one for one in SnapshotSets.of(array).snapshots_of_set(self._set_name(group_snapshot))
                }
                known = [super(Groups, self)._known_snapshot(array, one) for one in snapshots]
                sources = [members.get(one.volume, one) for one in known]
                copies = [array.volume_from_snapshot(one, spec) for one, spec in zip(sources, specs)]
            else:
                pairs = [(self._known(array, one), spec) for one, spec in zip(source_vols, specs)]
                copies = list(SnapshotSets.of(array).clone_volumes(pairs))
            ConsistencyGroups.of(array).create_group(self._group_name(group), copies)
        return None, None
