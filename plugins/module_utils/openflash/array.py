# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an array can be asked: the core that every array has, and the extras that only some have.

The rules that every implementation keeps:

- Reading what is not there gives an empty result. Deleting what is not there is done already.
- Creating what is there is compared, never assumed: the same thing is success, another size, pool or kind is a
  Conflict.
- An object that could not be read is listed as unreadable; it is not absent.
- Arguments are model objects that this array returned, so their ids are used and nothing is looked up twice.
- Every wait has a deadline. A request that is not safe to repeat is never blindly sent twice.
- A process killed between any two requests leaves what the next run finishes or removes; nothing unfinished ever
  has its final name.
- Methods refuse by themselves only what would destroy data silently. Every other refusal is policy (see plan).

Whether an operation is possible is asked of ``capabilities.refusal``, for the core and for the extras alike. An extra
is a class such as ConsistencyGroups; ``ConsistencyGroups.of(array)`` is the array with the methods of that extra.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Callable, ContextManager, Dict, Mapping as Map, Optional, Sequence, Tuple, Type, TypeVar, Union

from .errors import Unsupported, context
from .model import (
    ArrayInfo,
    Capabilities,
    Capacity,
    Chap,
    Group,
    Host,
    Initiator,
    Listing,
    Mapping,
    Pool,
    Port,
    Snapshot,
    SnapshotSpec,
    Volume,
    VolumeSpec,
)
from .progress import Reports

A = TypeVar("A", bound="Array")
E = TypeVar("E", bound="Extra")


class Array(ABC):
    """A connected array. Use it as a context manager: leaving it ends the session."""

    capabilities: Capabilities

    label: str
    """What errors call this array: its name where known, else its address."""

    reports = Reports()
    """Where copies that take long report their progress; by default nowhere."""

    # -- the session -------------------------------------------------------------------------------------------------

    @abstractmethod
    def close(self) -> None:
        """End the session where sessions are a limited resource, and close the connection. Never raises."""

    @property
    @abstractmethod
    def calls(self) -> Any:
        """The transport.journal.Journal of what was sent, with its counts."""

    def __enter__(self: A) -> A:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def unsupported(self, operation: str, otherwise: str = "", obj: Any = None) -> Unsupported:
        """The error for an operation that this array does not have.

        :param otherwise: the reason, where the capabilities give none.
        """
        return Unsupported(self.capabilities.refusal(operation, obj) or otherwise, array=self.label)

    def _doing(self, doing: str, target: Optional[str] = None) -> ContextManager[None]:
        """Errors that leave the block report what was being done, to which object, on this array.

        :param doing: an infinitive with its object: "create volume db1".
        :param target: the name of the object.
        """
        return context(doing=doing, target=target, array=self.label)

    def _require(self, operation: str, obj: Any = None, **details: Any) -> None:
        """:raises Unsupported: the capabilities refuse the operation on this object."""
        refusal = self.capabilities.refusal(operation, obj, **details)
        if refusal is not None:
            raise Unsupported(refusal, array=self.label)

    def _protocols_of_ports(self) -> Tuple[str, ...]:
        """The protocols of the target ports, for info()."""
        return tuple(sorted({port.protocol for port in self.ports()}))

    # -- reading -----------------------------------------------------------------------------------------------------

    @abstractmethod
    def info(self) -> ArrayInfo:
        """What it is: model, serial number, version."""

    @abstractmethod
    def capacity(self) -> Capacity:
        """How full it is, in bytes, and how much it reduces the data."""

    @abstractmethod
    def pools(self) -> Listing[Pool]:
        """The pools that volumes can be made in; one on an array that has none to choose from."""

    @abstractmethod
    def ports(self) -> Listing[Port]:
        """Target ports and portals that hosts can use now (those known to be down are left out)."""

    def ports_of(self, volumes: Sequence[str]) -> Listing[Port]:
        """The ports through which hosts reach these volumes; all of them, unless a volume has targets of its own."""
        return self.ports()

    @abstractmethod
    def volumes(self, names: Optional[Sequence[str]] = None) -> Listing[Volume]:
        """All volumes, or those of exactly these names; in one request where the wire allows it."""

    def volumes_in_full(self, names: Sequence[str]) -> Listing[Volume]:
        """Those of exactly these names, with what the array reports only of one volume at a time."""
        return self.with_properties(self.volumes(names), names)

    def with_properties(self, volumes: Listing[Volume], names: Sequence[str]) -> Listing[Volume]:
        """The volumes; those of these names with the options that the array reports only of one volume at a time."""
        return volumes

    def volumes_with_clones(self, names: Sequence[str]) -> Listing[Volume]:
        """These volumes, and all that depend on one of them (clones_depend); by default every volume."""
        return self.volumes()

    @abstractmethod
    def snapshots(
        self, names: Optional[Sequence[str]] = None, volumes: Optional[Sequence[str]] = None
    ) -> Listing[Snapshot]:
        """Snapshots: all, those of exactly these names, or those taken of these volumes (both: either is enough)."""

    @abstractmethod
    def hosts(self, names: Optional[Sequence[str]] = None) -> Listing[Host]:
        """All hosts with their initiators, or those of exactly these names."""

    def declare_hosts(self, names: Sequence[str]) -> None:
        """The names that a task has for hosts; called before anything is read. No request.

        An array that cannot have such a name calls the host something else, and reads give it the task's name.
        """
        return

    @abstractmethod
    def find_hosts(self, initiators: Sequence[str]) -> Listing[Host]:
        """Every host that has any of these canonical addresses: they may be spread over several."""

    @abstractmethod
    def mappings(
        self, volumes: Optional[Sequence[str]] = None, hosts: Optional[Sequence[str]] = None
    ) -> Listing[Mapping]:
        """Mappings of any of these volumes or of any of these hosts; all without arguments. May be model.UNKNOWN."""

    # -- volumes -----------------------------------------------------------------------------------------------------

    @abstractmethod
    def create_volume(self, spec: VolumeSpec) -> Volume:
        """A new, empty volume."""

    @abstractmethod
    def extend_volume(self, volume: Volume, size: int) -> Volume:
        """Extend to this size: bytes in all."""

    @abstractmethod
    def rename_volume(self, volume: Volume, name: str) -> Volume:
        """The same volume under another name; its mappings stay."""

    @abstractmethod
    def delete_volume(self, volume: Volume) -> None:
        """Delete an unmapped volume.

        :raises InUse: it is mapped. That is read now, where the array itself would delete a mapped volume.
        """

    @abstractmethod
    def clone_volume(self, source: Volume, spec: VolumeSpec) -> Volume:
        """A new volume with the source's content, at least as large."""

    # -- snapshots ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def create_snapshots(self, specs: Sequence[SnapshotSpec], atomic: bool = False) -> Tuple[Snapshot, ...]:
        """Take snapshots; with atomic, all of one instant or none.

        Of an atomic set of which only a part is there, the remaining snapshots are taken only where a killed run of
        this very set left it unfinished. Else it is a Conflict, because what is taken now is of another instant.
        """

    @abstractmethod
    def delete_snapshot(self, snapshot: Snapshot) -> None:
        """Delete an unmapped snapshot that nothing depends on."""

    @abstractmethod
    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        """Put the snapshot's content back into the volume, after keeping the present content as snapshot ``backup``.

        Returns the backup. Does nothing, and returns it, when a snapshot of that name exists already.
        """

    def refresh_volume(self, volume: Volume, source: Union[Volume, Snapshot], backup: str) -> Snapshot:
        """Give the volume the content of another volume or of a snapshot, after keeping the present content as
        snapshot ``backup``. Both have the same size. The volume keeps its name, its identity and its mappings.

        Returns the backup. Does nothing, and returns it, when a snapshot of that name exists already. By default only
        from a snapshot of the volume itself, which is a restore.
        """
        if isinstance(source, Snapshot) and source.volume == volume.name:
            return self.restore_snapshot(volume, source, backup)
        raise self.unsupported("refresh_volume", "this array fills no volume that exists", volume)

    @abstractmethod
    def volume_from_snapshot(self, snapshot: Snapshot, spec: VolumeSpec) -> Volume:
        """A new volume with the snapshot's content, at least as large."""

    # -- hosts and mappings ------------------------------------------------------------------------------------------

    @abstractmethod
    def create_host(
        self, name: str, initiators: Sequence[Initiator], os: Optional[str] = None, chap: Optional[Chap] = None
    ) -> Host:
        """A host with these initiators; every iSCSI initiator gets the CHAP credentials, where given."""

    @abstractmethod
    def add_initiators(self, host: Host, initiators: Sequence[Initiator], chap: Optional[Chap] = None) -> Host:
        """Give the host these port addresses too."""

    @abstractmethod
    def remove_initiators(self, host: Host, addresses: Sequence[str]) -> Host:
        """Remove these port addresses from the host."""

    @abstractmethod
    def delete_host(self, host: Host) -> None:
        """Delete a host that has no mappings."""

    @abstractmethod
    def map_volume(self, volume: Volume, host: Host, lun: Optional[int] = None) -> Mapping:
        """Map the volume to the host. A mapping that is there is returned, or a Conflict when it has another LUN."""

    def map_shared(self, volume: Volume, host: Host, lun: Optional[int] = None) -> Mapping:
        """map_volume where other hosts may have the volume too, for arrays that permit this only when it is stated."""
        return self.map_volume(volume, host, lun)

    @abstractmethod
    def unmap_volume(self, mapping: Mapping) -> Tuple[Mapping, ...]:
        """Remove the mapping, and return the mappings that this host still has."""


# -- extras ------------------------------------------------------------------------------------------------------------


class Extra(ABC):  # noqa: B024 # each extra has abstract methods
    """What only some arrays have. The class of such an array names it among its bases.

    A class may have an extra that one version of its array lacks: capabilities.refusal(aspect) says so, and so do the
    methods.
    """

    aspect = ""
    """What capabilities.refusal calls it."""
    lacking = ""
    """The reason for arrays whose capabilities give none."""

    @classmethod
    def of(cls: Type[E], array: Array) -> E:
        """The array, with the methods of this extra.

        :raises Unsupported: it does not have it, with the reason.
        """
        found = cls.within(array)
        if found is None:
            raise array.unsupported(cls.aspect, cls.lacking)
        return found

    @classmethod
    def within(cls: Type[E], array: Array) -> Optional[E]:
        """The same; None when the array does not have it."""
        return array if isinstance(array, cls) else None


class Scopes(Extra):
    """Tenants or clusters behind one address."""

    aspect = "scope"
    lacking = "this array has no tenants or clusters to choose from"

    @abstractmethod
    def scope(self, name: str) -> Array:
        """The same session in another tenant or cluster."""


class VolumeChanges(Extra):
    """Properties of a volume that can be changed later."""

    aspect = "set_volume"
    lacking = "volumes of this array have no properties that can be changed"

    @abstractmethod
    def set_volume(self, volume: Volume, options: Map[str, Any]) -> Volume:
        """Change properties listed in capabilities.volume_options."""


class OfflineChanges(Extra):
    """Changes for which a volume is taken offline for a moment."""

    aspect = "bring_online"
    lacking = "this array takes no volume offline"

    @abstractmethod
    def bring_online(self, volume: Volume) -> Volume:
        """The volume, online again, where ``left_offline`` says that an earlier run ended too early."""


class ConsistencyGroups(Extra):
    """Volumes whose snapshots are taken together."""

    aspect = "groups"
    lacking = "this array has no consistency groups"

    @abstractmethod
    def groups(self, names: Optional[Sequence[str]] = None) -> Listing[Group]:
        """All consistency groups, or those of exactly these names."""

    @abstractmethod
    def create_group(self, name: str, volumes: Sequence[Volume] = ()) -> Group:
        """A group with these volumes."""

    @abstractmethod
    def delete_group(self, group: Group) -> None:
        """Delete the group; its volumes stay."""

    @abstractmethod
    def add_to_group(self, group: Group, volumes: Sequence[Volume]) -> Group:
        """The group with these volumes too."""

    @abstractmethod
    def remove_from_group(self, group: Group, volumes: Sequence[Volume]) -> Group:
        """The group without these volumes, which stay."""

    @abstractmethod
    def snapshot_group(self, group: Group, suffix: str) -> Tuple[Snapshot, ...]:
        """One snapshot of every member, of one instant, each named ``<volume>.<suffix>``."""

    @abstractmethod
    def restore_group(self, group: Group, name: str, backup: str) -> Tuple[Snapshot, ...]:
        """Put the content of ``<volume>.<name>`` back into every member at one instant, after keeping the present
        content as ``<volume>.<backup>``. Returns the backups. Does nothing, and returns them, when they exist already.
        """


class SnapshotSets(Extra):
    """Snapshots and copies of several volumes at one instant, under the name of a set."""

    aspect = "atomic_snapshots"
    lacking = "this array has no snapshot sets"

    @abstractmethod
    def create_snapshot_set(self, name: str, volumes: Sequence[Volume]) -> None:
        """Snapshots of these volumes at one instant; the array names them, and the set lists them."""

    @abstractmethod
    def snapshots_of_set(self, name: str) -> Listing[Snapshot]:
        """The members of a set; empty when there is no such set."""

    @abstractmethod
    def delete_snapshots_of_set(self, name: str) -> Tuple[Snapshot, ...]:
        """Delete a set with its members, and return what they were.

        :raises InUse: one of them is mapped; nothing is deleted.
        """

    @abstractmethod
    def clone_volumes(self, pairs: Sequence[Tuple[Volume, VolumeSpec]]) -> Tuple[Volume, ...]:
        """Copies of several volumes at one instant."""


class HostChap(Extra):
    """CHAP credentials that belong to the initiators of a host."""

    aspect = "chap"
    lacking = "this array has no CHAP"

    @abstractmethod
    def wants_chap(self) -> Tuple[bool, bool]:
        """Whether only initiators with CHAP credentials may log in, and discover."""

    @abstractmethod
    def set_chap(self, host: Host, chap: Chap) -> Host:
        """Give every iSCSI initiator of the host these CHAP credentials."""

    @abstractmethod
    def chap_of(self, addresses: Sequence[str]) -> Optional[Chap]:
        """The credentials of the first of these initiators that has any, for a driver that must pass them to a host."""


class VolumeChap(Extra):
    """CHAP credentials that belong to a volume."""

    aspect = "chap"
    lacking = "this array has no CHAP of a volume"

    @abstractmethod
    def set_volume_chap(self, volume: Volume, chap: Chap) -> None:
        """Let in only hosts with these credentials; before the volume is mapped."""


class HostOs(Extra):
    """The operating system of a host, as a property that can be changed."""

    aspect = "set_host_os"
    lacking = "this array does not change the operating system of a host"

    @abstractmethod
    def set_host_os(self, host: Host, os: str) -> Host:
        """Change the operating system of a host."""


class HostNames(Extra):
    """Hosts whose names can be changed."""

    aspect = "rename_host"
    lacking = "this array does not rename a host"

    @abstractmethod
    def rename_host(self, host: Host, name: str) -> Host:
        """The same host under another name; its initiators and mappings stay."""


class Notes(Extra):
    """Keys and values that the array keeps with a volume, for others to read."""

    aspect = "metadata"
    lacking = "this array keeps no notes on a volume"

    @abstractmethod
    def metadata(self, volume: Volume) -> Dict[str, str]:
        """The notes on a volume."""

    @abstractmethod
    def set_metadata(self, volume: Volume, metadata: Map[str, str]) -> None:
        """Make the notes exactly these."""


class LookUpById(Extra):
    """Volumes and snapshots by the UUID under which OpenStack knows them."""

    aspect = "look_up_by_id"
    lacking = "this array finds its objects by name only"

    @abstractmethod
    def volume_with_id(self, uuid: str) -> Optional[Volume]:
        """The volume that OpenStack made, or manages, under this UUID; None when there is none."""

    @abstractmethod
    def snapshot_with_id(self, volume: Volume, key: str) -> Optional[Snapshot]:
        """The snapshot of this volume with this UUID, or taken at this time; None when there is none."""


class InitiatorHosts(Extra):
    """Hosts that are one initiator and no group, as OpenStack's clients of the array have them."""

    aspect = "initiator_hosts"
    lacking = "this array has no hosts that are a single initiator"

    @abstractmethod
    def single_host(self, label: str, initiator: Initiator) -> Host:
        """The host that is this initiator; made where it is not there.

        :param label: what the array shows for it.
        """

    @abstractmethod
    def end_mapping(self, mapping: Mapping) -> None:
        """unmap_volume, without reading what the host still has."""


class HostTargets(Extra):
    """iSCSI targets that belong to one host each."""

    aspect = "host_targets"
    lacking = "this array has no iSCSI targets of a host"

    name_target: Optional[Callable[[str], str]] = None
    """The name for the iSCSI target of a host that has none yet; None: the array's client names it."""

    @abstractmethod
    def targets_of(self, host: Host) -> Tuple[str, ...]:
        """The names of the iSCSI targets that this host logs in to."""


class UnfinishedCopies(Extra):
    """Unfinished copies that only another copy of the same source would remove."""

    aspect = "remove_unfinished"
    lacking = "unfinished copies on this array are removed only when the same copy is made again"

    @abstractmethod
    def remove_unfinished(self) -> Tuple[str, ...]:
        """Remove the unfinished copies of runs that have ended; returns their names.

        For a program that does not make a copy again after it was killed. One request, and for each unfinished copy
        those that show that nobody uses it. A copy that cannot be read or deleted remains.
        """
