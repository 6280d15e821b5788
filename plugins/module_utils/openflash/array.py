# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an array can be asked, whatever its vendor. Nothing else lives here.

The rules that every implementation keeps:

- Reading what is not there gives an empty result. Deleting what is not there is done already.
- Creating what is there is compared, never assumed: the same thing is success, another size, pool or kind is a
  Conflict.
- An object that could not be read is listed as unreadable; it is not absent.
- Arguments are model objects that this array returned, so their ids are used and nothing is looked up twice.
- Every wait has a deadline. A request that is not safe to repeat is never blindly sent twice.
- A process killed between any two requests leaves what the next run finishes or removes; nothing half-made ever
  carries its final name.
- Methods refuse by themselves only what would destroy data silently. Every other refusal is policy (see plan).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Dict, Mapping as Map, Optional, Sequence, Tuple, Type, TypeVar

from .errors import Unsupported
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

A = TypeVar("A", bound="Array")


class Array(ABC):
    """A connected array. Use it as a context manager: leaving it ends the session."""

    capabilities: Capabilities

    label: str
    """What errors call this array: its name where known, else its address."""

    # -- the session -------------------------------------------------------------------------------------------------

    @abstractmethod
    def close(self) -> None:
        """End the session where sessions are a limited resource, and close the connection. Never raises."""

    @property
    @abstractmethod
    def calls(self) -> Any:
        """The transport.journal.Journal of what was sent, with its counts."""

    def scope(self, name: str) -> Array:
        """The same session in another tenant or cluster."""
        raise self.unsupported("scope", "this array has no tenants or clusters to choose from")

    def __enter__(self: A) -> A:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def unsupported(self, operation: str, otherwise: str, obj: Any = None) -> Unsupported:
        """The error for an operation that this array does not have, in the words of its capabilities."""
        return Unsupported(self.capabilities.refusal(operation, obj) or otherwise, array=self.label)

    # -- reading -----------------------------------------------------------------------------------------------------

    @abstractmethod
    def info(self) -> ArrayInfo:
        """What it is: model, serial number, version."""

    @abstractmethod
    def capacity(self) -> Capacity:
        """How full it is, in bytes, and how well it packs."""

    @abstractmethod
    def pools(self) -> Listing[Pool]:
        """Where volumes can be made; one pool on an array that has none to choose from."""

    @abstractmethod
    def ports(self) -> Listing[Port]:
        """Target ports and portals that hosts can use now (those known to be down are left out)."""

    def ports_of(self, volumes: Sequence[str]) -> Listing[Port]:
        """Those through which hosts see these volumes; all of them, unless a volume has targets of its own."""
        return self.ports()

    @abstractmethod
    def volumes(self, names: Optional[Sequence[str]] = None) -> Listing[Volume]:
        """All volumes, or those of exactly these names; in one request where the wire allows it."""

    def volumes_in_full(self, names: Sequence[str]) -> Listing[Volume]:
        """Those of exactly these names, with what an array tells of one volume at a time only."""
        return self.volumes(names)

    def volumes_with_clones(self, names: Sequence[str]) -> Listing[Volume]:
        """These volumes, and whatever depends on one of them (clones_depend); by default all there are."""
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
        """The names that a task has for hosts, told before anything is read. No request.

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

    def groups(self, names: Optional[Sequence[str]] = None) -> Listing[Group]:
        """Consistency groups; empty where the array has none."""
        return Listing()

    # -- volumes -----------------------------------------------------------------------------------------------------

    @abstractmethod
    def create_volume(self, spec: VolumeSpec) -> Volume:
        """A new, empty volume."""

    @abstractmethod
    def extend_volume(self, volume: Volume, size: int) -> Volume:
        """Grow to this size (bytes in all, not more)."""

    @abstractmethod
    def rename_volume(self, volume: Volume, name: str) -> Volume:
        """The same volume under another name; its mappings stay."""

    @abstractmethod
    def delete_volume(self, volume: Volume) -> None:
        """Delete an unmapped volume. InUse when it is mapped, looked up now where the array itself would not mind."""

    @abstractmethod
    def clone_volume(self, source: Volume, spec: VolumeSpec) -> Volume:
        """A new volume with the source's content, at least as large."""

    def set_volume(self, volume: Volume, options: Map[str, Any]) -> Volume:
        """Change properties listed in capabilities.volume_options."""
        raise self.unsupported("set_volume", "volumes of this array have no properties that can be changed", volume)

    # -- snapshots ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def create_snapshots(self, specs: Sequence[SnapshotSpec], atomic: bool = False) -> Tuple[Snapshot, ...]:
        """Take snapshots; with atomic, all of one instant or none.

        Of an atomic set that is there in part, the rest is made only where a killed run of this very set left it
        unfinished; else it is a Conflict, because what is taken now is of another instant.
        """

    @abstractmethod
    def delete_snapshot(self, snapshot: Snapshot) -> None:
        """Delete an unmapped snapshot that nothing depends on."""

    @abstractmethod
    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        """Put the snapshot's content back into the volume, after keeping the present content as snapshot ``backup``.

        Returns the backup. Does nothing, and returns it, when a snapshot of that name exists already.
        """

    @abstractmethod
    def volume_from_snapshot(self, snapshot: Snapshot, spec: VolumeSpec) -> Volume:
        """A new volume with the snapshot's content, at least as large."""

    # -- hosts and mappings ------------------------------------------------------------------------------------------

    @abstractmethod
    def create_host(
        self, name: str, initiators: Sequence[Initiator], os: Optional[str] = None, chap: Optional[Chap] = None
    ) -> Host:
        """A host with these initiators; every iSCSI one proves itself by the CHAP credentials, where given."""

    @abstractmethod
    def add_initiators(self, host: Host, initiators: Sequence[Initiator], chap: Optional[Chap] = None) -> Host:
        """Give the host these port addresses too."""

    @abstractmethod
    def remove_initiators(self, host: Host, addresses: Sequence[str]) -> Host:
        """Take these port addresses from the host."""

    def set_chap(self, host: Host, chap: Chap) -> Host:
        """Give every iSCSI initiator of the host these CHAP credentials."""
        raise self.unsupported("chap", "this array has no CHAP", host)

    def wants_chap(self) -> Tuple[bool, bool]:
        """Whether only initiators with CHAP credentials may log in, and discover."""
        return False, False

    def set_host_os(self, host: Host, os: str) -> Host:
        """Change the operating system of a host, unless capabilities.refusal("set_host_os") says why not."""
        raise self.unsupported("set_host_os", "this array does not change the operating system of a host", host)

    @abstractmethod
    def delete_host(self, host: Host) -> None:
        """Delete a host that has no mappings."""

    def bring_online(self, volume: Volume) -> Volume:
        """The volume, online again, where ``left_offline`` says that an earlier run ended too early."""
        raise self.unsupported("bring_online", "this array takes no volume offline", volume)

    @abstractmethod
    def map_volume(self, volume: Volume, host: Host, lun: Optional[int] = None) -> Mapping:
        """Show the volume to the host; already there is compared (another LUN than the one asked for is a Conflict)."""

    def map_shared(self, volume: Volume, host: Host, lun: Optional[int] = None) -> Mapping:
        """map_volume where other hosts may have the volume too: an array that wants to be told so is told."""
        return self.map_volume(volume, host, lun)

    @abstractmethod
    def unmap_volume(self, mapping: Mapping) -> Tuple[Mapping, ...]:
        """Take the mapping away and return the mappings that this host still has."""

    def set_volume_chap(self, volume: Volume, chap: Chap) -> None:
        """Let in only hosts with these credentials, where capabilities.chap_per_volume; before it is mapped."""
        raise self.unsupported("chap", "this array has no CHAP of a volume", volume)

    # -- consistency groups and metadata -----------------------------------------------------------------------------

    def create_group(self, name: str, volumes: Sequence[Volume] = ()) -> Group:
        raise self.unsupported("groups", "this array has no consistency groups")

    def delete_group(self, group: Group) -> None:
        """Delete the group; its volumes stay."""
        raise self.unsupported("groups", "this array has no consistency groups")

    def add_to_group(self, group: Group, volumes: Sequence[Volume]) -> Group:
        raise self.unsupported("groups", "this array has no consistency groups")

    def remove_from_group(self, group: Group, volumes: Sequence[Volume]) -> Group:
        raise self.unsupported("groups", "this array has no consistency groups")

    def snapshot_group(self, group: Group, suffix: str) -> Tuple[Snapshot, ...]:
        """One snapshot of every member, of one instant, each named ``<volume>.<suffix>``."""
        raise self.unsupported("groups", "this array has no consistency groups")

    def metadata(self, volume: Volume) -> Dict[str, str]:
        raise self.unsupported("metadata", "this array keeps no notes on a volume", volume)

    def set_metadata(self, volume: Volume, metadata: Map[str, str]) -> None:
        raise self.unsupported("metadata", "this array keeps no notes on a volume", volume)
