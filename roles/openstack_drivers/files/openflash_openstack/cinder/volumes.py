# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes, snapshots and copies."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Optional

from cinder import context as contexts, exception, objects
from cinder.volume import volume_utils
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import excutils

from openflash import errors, model
from openflash.array import Array, VolumeChanges
from openflash.units import GIB, MIB

from . import specs
from .base import Backend
from .errors import cinder_errors

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

# The extra spec that permits a clone which depends on its source, where the array makes no other kind itself.
LINKED = "linked_clone"


class Volumes(Backend):
    """The life of a volume and of its snapshots."""

    def create_volume(self, volume: Any) -> Optional[dict[str, Any]]:
        with self._on_array("create volume %s" % volume.id, volume) as array:
            self._check_qos(specs.specs_of(volume))
            array.create_volume(self._spec(volume))
            self._join_group(array, volume)
        return None

    def delete_volume(self, volume: Any) -> None:
        """Done already when it is not there. A volume that is mapped, or has snapshots on the array, is busy."""
        with self._on_array("delete volume %s" % volume.id, volume, volume=volume.id) as array:
            try:
                array.delete_volume(self._known(array, volume))
            except errors.NotFound:
                LOG.info("%s: volume %s was gone already", self.backend_name, volume.id)

    def extend_volume(self, volume: Any, new_size: int) -> None:
        doing = "extend volume %s to %s GiB" % (volume.id, new_size)
        with self._on_array(doing, volume, volume=volume.id) as array:
            array.extend_volume(self._known(array, volume), int(new_size) * GIB)

    # -- snapshots ---------------------------------------------------------------------------------------------------

    def create_snapshot(self, snapshot: Any) -> Optional[dict[str, Any]]:
        doing = "take snapshot %s of volume %s" % (snapshot.id, snapshot.volume_id)
        with self._on_array(doing, snapshot.volume, volume=snapshot.volume_id) as array:
            spec = model.SnapshotSpec(self._snapshot_name(snapshot), self._known(array, snapshot.volume))
            array.create_snapshots([spec])
        return None

    def delete_snapshot(self, snapshot: Any) -> None:
        with self._on_array("delete snapshot %s" % snapshot.id, snapshot.volume, snapshot=snapshot.id) as array:
            try:
                array.delete_snapshot(self._known_snapshot(array, snapshot))
            except errors.NotFound:
                LOG.info("%s: snapshot %s was gone already", self.backend_name, snapshot.id)

    def revert_to_snapshot(self, context: Any, volume: Any, snapshot: Any) -> None:
        """In place, where the array can. The backup that the restore makes is deleted at the end."""
        if self._refusal("restore_snapshot") is not None:
            # Cinder then makes a volume of the snapshot, and copies its bytes over this one.
            raise NotImplementedError
        doing = "revert volume %s to snapshot %s" % (volume.id, snapshot.id)
        with self._on_array(doing, volume, volume=volume.id) as array:
            existing = self._known(array, volume)
            source = self._known_snapshot(array, snapshot)
            name = self._backup_name(snapshot)
            # A backup that is there already is of an earlier revert, and would be taken for that of this one.
            self._delete_backups(array, existing, name)
            array.restore_snapshot(existing, source, name)
            self._delete_backups(array, existing, name)

    @staticmethod
    def _delete_backups(array: Array, volume: model.Volume, name: str) -> None:
        """Delete the backups that reverts to one snapshot made. After an interrupted revert there are several."""
        for kept in array.snapshots(volumes=[volume.name]):
            if re.fullmatch(re.escape(name) + r"(-[0-9]+)?", kept.name):
                array.delete_snapshot(kept)

    def _backup_name(self, snapshot: Any) -> str:
        return "revert-%s" % snapshot.id

    # -- copies ------------------------------------------------------------------------------------------------------

    def create_cloned_volume(self, volume: Any, src_vref: Any) -> Optional[dict[str, Any]]:
        doing = "clone volume %s to %s" % (src_vref.id, volume.id)
        with self._copying_from(src_vref), self._on_array(doing, volume, volume=src_vref.id) as array:
            source = self._known(array, src_vref)
            self._check_clone(array, src_vref)
            spec = self._copy_spec(volume)
            if not self._needs_host("clone_volume", array, source, spec, volume):
                array.clone_volume(source, spec)
                self._join_group(array, volume)
                return None
        self._copy_by_host(volume, spec, source)
        return None

    def create_volume_from_snapshot(self, volume: Any, snapshot: Any) -> Optional[dict[str, Any]]:
        doing = "make volume %s from snapshot %s" % (volume.id, snapshot.id)
        copying = self._copying_from(snapshot.volume)
        with copying, self._on_array(doing, volume, snapshot=snapshot.id) as array:
            source = self._known_snapshot(array, snapshot)
            spec = self._copy_spec(volume)
            if not self._needs_host("volume_from_snapshot", array, source, spec, volume):
                array.volume_from_snapshot(source, spec)
                self._join_group(array, volume)
                return None
        self._copy_by_host(volume, spec, source)
        return None

    def _copying_from(self, source: Any) -> AbstractContextManager[Any]:
        """Wait, before there is a session, for what must end before the array copies this volume or its snapshots."""
        return nullcontext()

    def _check_clone(self, array: Array, source: Any) -> None:
        """Refuse one more clone of this volume, where there is a limit."""

    def _copy_spec(self, volume: Any) -> model.VolumeSpec:
        self._check_qos(specs.specs_of(volume))
        return self._spec(volume)

    def _requests_linked_clone(self, volume: Any) -> bool:
        return bool(specs.flag(specs.specs_of(volume), LINKED))

    def _needs_host(self, operation: str, array: Array, source: Any, spec: model.VolumeSpec, volume: Any) -> bool:
        """Whether the array's own copy is not what is requested: independent of its source, of that size and kind."""
        if self._requests_linked_clone(volume):
            return False
        if not array.capabilities.method(operation, source).independent:
            return True
        return array.capabilities.refusal(operation, source, spec=spec) is not None

    def _copy_by_host(self, volume: Any, spec: model.VolumeSpec, source: Any) -> None:
        """This host reads the source and writes a new volume. Cinder gives a volume that is not finished to nobody, so
        it may have its name from the start; when it fails, it is removed."""
        with self._readable_source(volume, source) as readable:
            with self._on_array("create %s to copy %s into" % (spec.name, readable.name), volume) as array:
                target = array.create_volume(spec)
            try:
                self._copy_data(volume, readable, target)
            except Exception:  # noqa: BLE001  raised again when the volume is deleted
                with excutils.save_and_reraise_exception():
                    self._drop(volume, target)
        with self._on_array("add volume %s to its group" % volume.id, volume) as array:
            self._join_group(array, volume)

    @contextmanager
    def _readable_source(self, volume: Any, source: Any) -> Iterator[model.Volume]:
        """The source as something that this host can read while it stays as it is."""
        yield source

    def _drop(self, subject: Any, made: model.Volume) -> None:
        try:
            with self._on_array("delete volume %s" % made.name, subject) as array:
                array.delete_volume(made)
        except exception.CinderException as error:
            LOG.error("%s: volume %s stays on the array: %s", self.backend_name, made.name, error)

    def _copy_data(self, subject: Any, source: model.Volume, target: model.Volume) -> None:
        properties = volume_utils.brick_get_connector_properties(
            self._setting("use_multipath_for_image_xfer"), self._setting("enforce_multipath_for_image_xfer")
        )
        self.validate_connector(properties)
        # Another copy of the same source would unmap the source while this one reads.
        with self._alone("copy-%s" % source.name), self._attached_here(subject, source, properties) as read:
            with self._attached_here(subject, target, properties) as written:
                volume_utils.copy_volume(
                    read, written, source.size // MIB, self._setting("volume_dd_blocksize"), execute=self._execute
                )

    @contextmanager
    def _attached_here(self, subject: Any, volume: model.Volume, properties: dict[str, Any]) -> Iterator[Any]:
        """The path of the volume on this host. What was mapped to this host before stays so."""
        with self._on_array("read whether this host has volume %s" % volume.name, subject) as array:
            before = self._is_exposed(array, volume, properties)
        connection = self._attach(subject, volume, properties)
        try:
            info = self._connect_device(connection)
            try:
                yield info["device"]["path"]
            finally:
                info["connector"].disconnect_volume(info["conn"]["data"], info["device"], force=True)
        finally:
            if not before:
                self._detach(subject, volume, properties)

    def _detach_volume(
        self,
        context: Any,
        attach_info: Any,
        volume: Any,
        properties: dict[str, Any],
        force: bool = False,
        remote: bool = False,
        ignore_errors: bool = False,
    ) -> None:
        """The end of a copy by this host, as of a volume to an image. What an instance on this host has, it keeps."""
        try:
            # As it is now: an instance may have ended meanwhile.
            volume = objects.Volume.get_by_id(contexts.get_admin_context(), volume.id)
        except exception.VolumeNotFound:
            LOG.info("%s: volume %s was deleted meanwhile", self.backend_name, volume.id)
        if not remote and attachments(volume, str(properties.get("host"))):
            LOG.info("%s: volume %s stays attached to %s", self.backend_name, volume.id, properties.get("host"))
            return
        super()._detach_volume(context, attach_info, volume, properties, force, remote, ignore_errors)

    # Implemented by connections.py, and by dsware.py for its kind of host

    @abstractmethod
    def _is_exposed(self, array: Array, volume: model.Volume, connector: dict[str, Any]) -> bool:
        """Whether the host of the connector has the volume already."""

    @abstractmethod
    def _attach(self, subject: Any, volume: Optional[model.Volume], connector: dict[str, Any]) -> dict[str, Any]:
        """Cinder's connection_info, by which the host of the connector reaches the volume from now on."""

    @abstractmethod
    def _detach(self, subject: Any, volume: Optional[model.Volume], connector: Optional[dict[str, Any]]) -> Any:
        """Take it from that host; from all hosts without a connector."""

    # -- change ------------------------------------------------------------------------------------------------------

    def retype(self, context: Any, volume: Any, new_type: Any, diff: Any, host: Any) -> Any:
        """In place where only properties differ that the array can change; otherwise Cinder migrates."""
        if host and host.get("host") and host["host"] != volume.host:
            return False
        now = self._spec(volume)
        new_specs = specs.specs_of_type(new_type["id"])
        with cinder_errors(), errors.context(doing="retype volume %s" % volume.id):
            self._check_qos(new_specs)
        requested = self._spec(volume, new_specs)
        if (now.pool, now.provisioning) != (requested.pool, requested.provisioning):
            return False
        changed = self._changed(now.options, requested.options)
        if changed:
            doing = "change %s of volume %s" % (", ".join(sorted(changed)), volume.id)
            with self._on_array(doing, volume, volume=volume.id) as array:
                there = self._known(array, volume)
                if array.capabilities.refusal("set_volume", there, options=changed) is not None:
                    return False
                VolumeChanges.of(array).set_volume(there, changed)
        return True

    def _changed(self, now: Mapping[str, Any], requested: Mapping[str, Any]) -> dict[str, Any]:
        """The properties to set.

        :param now: those of the present type.
        :param requested: those of the new type.
        """
        return {key: value for key, value in requested.items() if now.get(key) != value}

    def update_migrated_volume(
        self, context: Any, volume: Any, new_volume: Any, original_volume_status: Any
    ) -> dict[str, Any]:
        """The moved volume takes the name of the one that it replaces; where that cannot be, Cinder remembers."""
        name_id, location = new_volume["_name_id"] or new_volume["id"], new_volume["provider_location"]
        try:
            with self._on_array("give volume %s its final name" % name_id, new_volume) as array:
                array.rename_volume(self._known(array, new_volume), self._migrated_name(volume))
            name_id = location = None
        except exception.CinderException as error:
            LOG.info("%s: volume %s keeps its name on the array: %s", self.backend_name, name_id, error)
        return {"_name_id": name_id, "provider_location": location}

    def _migrated_name(self, volume: Any) -> str:
        """Of the id itself, whatever name the volume that goes had."""
        return str(CONF.volume_name_template % volume["id"])

    # Implemented by groups.py, on arrays with groups

    def _join_group(self, array: Array, volume: Any) -> None:
        """Add a new volume to the group that Cinder made it in."""

    def _members_of_sets(self, array: Array) -> dict[str, str]:
        """The members of Cinder's group snapshots that the array named, with the id of the group snapshot."""
        return {}

    # -- exports: there is nothing between a volume and its connection ------------------------------------------------

    def create_export(self, context: Any, volume: Any, connector: Any) -> None:
        pass

    def ensure_export(self, context: Any, volume: Any) -> None:
        pass

    def remove_export(self, context: Any, volume: Any) -> None:
        pass


def active_attachments(volume: Any) -> list[Any]:
    """Those that have not ended."""
    found = getattr(volume, "volume_attachment", None) or ()
    return [one for one in found if getattr(one, "attach_status", None) != "detached"]


def host_of(attachment: Any) -> Optional[str]:
    """None of one that has no host yet."""
    return (getattr(attachment, "connector", None) or {}).get("host") or getattr(attachment, "attached_host", None)


def attachments(volume: Any, host: str) -> int:
    """How many attachments the volume has on this host, the one that ends included."""
    return sum(host_of(one) == host for one in active_attachments(volume))
