# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Violin Memory 7300 and 7700 FSP over Fibre Channel and iSCSI."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, Optional

from cinder import interface
from oslo_concurrency import lockutils

from openflash import model
from openflash.array import Array, HostTargets
from openflash.units import GIB

from . import specs
from .base import FC, ISCSI, not_there, readable
from .connections import Connections
from .groups import Groups
from .names import BareIds

# Volume types name a pool by this, which counts before the scheduler's choice (sheet, section 5).
POOL_SPEC = "violin:storage_pool"


class Violin(BareIds, Connections, Groups):
    """A volume has the bare id, a snapshot its id without dashes as the comment (sheet, section 4)."""

    VENDOR = "violin"
    VENDOR_NAME = "Violin Memory, Inc."
    POOLS = True
    READS_FIRST = True

    def _snapshot_name(self, snapshot: Any) -> str:
        return str(snapshot["id"]).replace("-", "")

    def _vendor_options(self) -> dict[str, Any]:
        method = self._setting("violin_pool_allocation_method")
        return {
            "pool_selection": "smallest" if method == "smallest" else "largest",
            "dedup_only_pools": [one.strip() for one in self._setting("violin_dedup_only_pools") or ()],
            "dedup_capable_pools": [one.strip() for one in self._setting("violin_dedup_capable_pools") or ()],
            "target_ports": self._setting("violin_iscsi_target_ips") if self.PROTOCOL == ISCSI else None,
        }

    def _patience(self) -> float:
        return float(self._setting("violin_request_timeout"))

    # -- kinds -------------------------------------------------------------------------------------------------------

    def _pool(self, volume: Any, type_specs: Mapping[str, str]) -> Optional[str]:
        named = specs.text(type_specs, POOL_SPEC)
        if named:
            return named
        chosen = super()._pool(volume, type_specs)
        # A volume of an earlier driver has the backend's name for a pool.
        return None if chosen == self.backend_name else chosen

    def _provisioning(self, type_specs: Mapping[str, str]) -> Optional[str]:
        """dedup counts before thin; what the type leaves open san_thin_provision decides."""
        if specs.flag(type_specs, "dedup"):
            return model.DEDUP
        word = specs.text(type_specs, "provisioning:type")
        thin = specs.flag(type_specs, "thin") if word is None else word == "thin"
        if thin is None:
            thin = bool(self._setting("san_thin_provision"))
        return model.THIN if thin else model.THICK

    def _copy_spec(self, volume: Any) -> model.VolumeSpec:
        """A clone that depends on its source is of the source's kind and in its pool."""
        found = super()._copy_spec(volume)
        return replace(found, provisioning=None, pool=None) if self._requests_linked_clone(volume) else found

    # -- hosts -------------------------------------------------------------------------------------------------------

    # Only the hosts report what initiators and volumes they have, each for itself: that of the machine's name is read
    # before all the others.

    def _hosts_for(
        self, array: Array, volume: model.Volume, connector: dict[str, Any]
    ) -> tuple[list[model.Host], Optional[model.Chap]]:
        addresses = {one.address for one in self._initiators(connector)}
        named = [one for one in array.hosts([self._host_name(connector)]) if addresses <= set(one.addresses)]
        return (named, None) if named else super()._hosts_for(array, volume, connector)

    def _mappings_of(self, array: Array, title: str, connector: Optional[dict[str, Any]]) -> Sequence[model.Mapping]:
        if connector is not None:
            of_host = [one for one in array.mappings(hosts=[self._host_name(connector)]) if one.volume == title]
            if of_host:
                return of_host
        return super()._mappings_of(array, title, connector)

    def _make_host(
        self, array: Array, name: str, initiators: Sequence[model.Initiator], chap: Optional[model.Chap]
    ) -> model.Host:
        """A host of this array has initiators of one protocol; one whose name the other protocol has gets another."""
        existing = array.hosts([name]).named(name)
        if existing is not None and any(one.protocol != initiators[0].protocol for one in existing.initiators):
            name = "%s-%s" % (name, self.PROTOCOL.lower())
        return super()._make_host(array, name, initiators, chap)

    # -- copies ------------------------------------------------------------------------------------------------------

    def _copying_from(self, source: Any) -> AbstractContextManager[Any]:
        """The array reports one copy of a source, so the next one begins when that is done."""
        name = "openflash-%s-copy-%s" % (self.backend_name, self._volume_name(source))
        lock: AbstractContextManager[Any] = lockutils.internal_lock(name)
        return lock

    def _known_snapshot(self, array: Array, snapshot: Any) -> model.Snapshot:
        name = self._volume_name(snapshot.volume)
        wanted = self._snapshot_name(snapshot)
        for one in readable(array.snapshots(volumes=[name]), wanted, name):
            if (one.volume, one.name) == (name, wanted):
                # The array reports the present size of the volume; Cinder knows the size of the snapshot.
                return replace(one, size=int(snapshot.volume_size) * GIB)
        raise not_there("snapshot", wanted)

    @contextmanager
    def _readable_source(self, volume: Any, source: Any) -> Iterator[model.Volume]:
        """A clone by the array, which does not change while its source is written to, and is deleted afterwards."""
        if isinstance(source, model.Volume) and source.provisioning == model.THICK:
            with self._on_array("read whether volume %s is mapped" % source.name, volume) as array:
                unmapped = not array.mappings(volumes=[source.name]).items
            if unmapped:
                yield source
                return
        spec = model.VolumeSpec("%s-source" % self._volume_name(volume))
        with self._on_array("clone volume %s to copy from" % source.name, volume) as array:
            if isinstance(source, model.Snapshot):
                made = array.volume_from_snapshot(source, spec)
            else:
                made = array.clone_volume(source, spec)
        try:
            yield made
        finally:
            self._drop(volume, made)

    def delete_volume(self, volume: Any) -> None:
        """With the temporary clone that a killed copy into it may have made."""
        with self._on_array("delete volume %s" % volume.id, volume, volume=volume.id) as array:
            name = self._volume_name(volume)
            names = [name, "%s-source" % name] if self._was_broken(volume) else [name]
            for one in readable(array.volumes(names), name):
                array.delete_volume(one)

    @staticmethod
    def _was_broken(volume: Any) -> bool:
        return str(volume.get("previous_status") or volume.get("status") or "").startswith("error")


@interface.volumedriver
class V7000FCPDriver(Violin):
    """Cinder volume driver for Violin 7300 and 7700 over Fibre Channel."""

    BACKEND_NAME = "V7000FCPDriver"
    PROTOCOL = FC


@interface.volumedriver
class V7000ISCSIDriver(Violin):
    """Cinder volume driver for Violin 7300 and 7700 over iSCSI (Concerto 7.5.4 and later)."""

    BACKEND_NAME = "V7000ISCSIDriver"
    PROTOCOL = ISCSI

    def _scoped(self, array: Array, subject: Any) -> Array:
        """A host that is new gets the target that an earlier driver would give it, so that one can go on from here."""
        HostTargets.of(array).name_target = self._target_name
        return super()._scoped(array, subject)

    def _target_name(self, host: str) -> str:
        array = uuid.uuid3(uuid.NAMESPACE_DNS, str(self._setting("san_ip")))
        return "%s%s.%s" % (self._setting("target_prefix"), host, array)

    def _ports(self, array: Array, volume: model.Volume, hosts: Sequence[model.Host]) -> list[model.Port]:
        """Every host has a target of its own."""
        targets = {name for host in hosts for name in HostTargets.of(array).targets_of(host)}
        return [port for port in super()._ports(array, volume, hosts) if port.address in targets]
