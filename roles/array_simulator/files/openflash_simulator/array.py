# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The array itself: pools, volumes, snapshots, hosts, initiators, mappings, groups, and what holds between them.

Vendor-neutral. A wire translates its protocol into calls of :class:`Array`, and its refusals (:mod:`.rules`) into error
codes; what differs between families is data (:class:`Rules`), not code. Every check is made before anything changes, so
a refused call leaves no trace. Sizes are bytes, times are seconds since the epoch.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .datapath import DataPath, NoDataPath
from .objects import Copy, Group, Host, Initiator, Mapping, Pool, Provisioning, Table, Volume, VolumeKind
from .rules import (
    AlreadyMapped,
    BadName,
    BadSize,
    InitiatorTaken,
    InUse,
    LimitReached,
    LunTaken,
    NameTaken,
    NoSpace,
    NotFound,
    Rules,
)

ChangeHook = Callable[[str, dict[str, Any]], None]


@dataclass
class _Index:
    """Reverse look-ups that would otherwise be scans of every object."""

    children: dict[int, set[int]] = field(default_factory=dict)
    maps_of_volume: dict[int, set[int]] = field(default_factory=dict)
    maps_of_host: dict[int, set[int]] = field(default_factory=dict)
    map_by_pair: dict[tuple[int, int], int] = field(default_factory=dict)
    groups_of_volume: dict[int, set[tuple[str, int]]] = field(default_factory=dict)
    initiators_of_host: dict[int, set[int]] = field(default_factory=dict)
    initiator_by_address: dict[str, int] = field(default_factory=dict)
    copies: set[int] = field(default_factory=set)


class Array:
    """One array (or one cluster, or one tenant of one: whatever has name spaces of its own)."""

    def __init__(
        self,
        name: str,
        pools: Sequence[Pool],
        rules: Rules | None = None,
        *,
        clock: Callable[[], float] = time.time,
        datapath: DataPath | None = None,
        on_change: ChangeHook | None = None,
        is_full: Callable[[], bool] | None = None,
        copy_fails: Callable[[], bool] | None = None,
    ) -> None:
        if not pools:
            raise ValueError("an array has at least one pool")
        self.name = name
        self.rules = rules or Rules()
        self.pools: dict[str, Pool] = {pool.name: pool for pool in pools}
        self.clock = clock
        self.datapath = datapath or NoDataPath()
        self._on_change = on_change or (lambda change, about: None)
        # Asked whenever space is about to be taken: lets a fault make the array full for one request.
        self._is_full = is_full or (lambda: False)
        # Asked whenever a copy begins: lets a fault end it half-way.
        self._copy_fails = copy_fails or (lambda: False)
        self._empty()

    def _empty(self) -> None:
        self.volumes: Table[Volume] = Table()
        self.hosts: Table[Host] = Table()
        self.initiators: Table[Initiator] = Table()
        self.mappings: Table[Mapping] = Table()
        self._groups: dict[str, Table[Group]] = {}
        self._index = _Index()
        self._provisioned = 0
        for pool in self.pools.values():
            pool.used = 0

    # ---- pools -----------------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        return sum(pool.size for pool in self.pools.values())

    @property
    def used(self) -> int:
        return sum(pool.used for pool in self.pools.values())

    @property
    def provisioned(self) -> int:
        return self._provisioned

    def pool(self, name: str | None = None) -> Pool:
        """The pool of that name, or the only one there is."""
        if name is None:
            return next(iter(self.pools.values()))
        try:
            return self.pools[name]
        except KeyError:
            raise NotFound("pool", name) from None

    def _check_space(self, pool: Pool, amount: int) -> None:
        # A thin volume takes nothing when it is made, yet a pool without a free byte refuses it.
        if self._is_full() or pool.free <= 0 or amount > pool.free:
            raise NoSpace("pool", pool.name)

    def write(self, volume: Volume, amount: int) -> None:
        """Let a host write: the content is another one, and a thin volume takes what was written, up to its size."""
        grown = 0 if volume.provisioning == "thick" else min(amount, volume.size - volume.used)
        pool = self.pool(volume.pool)
        if grown > pool.free:
            raise NoSpace("pool", pool.name)
        volume.used += grown
        pool.used += grown
        volume.attributes["content"] = uuid.uuid4().hex
        self._changed("volume.write", volume)

    # ---- volumes and snapshots -------------------------------------------------------------------------------------

    def find_volume(self, name: str, kind: VolumeKind | None = None, of: Volume | None = None) -> Volume | None:
        """By name; ``kind`` only matters where snapshots have names of their own, ``of`` where each volume's have."""
        if self.rules.shared_names:
            found = self.volumes.find(name)
            return found if found and kind in (None, found.kind) else None
        return self.volumes.find(name, self._space(kind or "volume", of.id if of else None))

    def _space(self, kind: VolumeKind, parent: int | None) -> str:
        """The name space of a volume, or of the snapshots of one volume."""
        if self.rules.shared_names:
            return ""
        return f"snapshot of {parent}" if kind == "snapshot" and self.rules.snapshot_names == "volume" else kind

    def _name_taken(self, name: str, kind: VolumeKind, parent: int | None = None) -> bool:
        return self.volumes.find(name, self._space(kind, parent)) is not None

    def create_volume(
        self,
        name: str,
        size: int,
        *,
        pool: str | None = None,
        provisioning: Provisioning = "thin",
        attributes: dict[str, Any] | None = None,
        clone_of: Volume | None = None,
    ) -> Volume:
        """A new volume: empty, or with the content of ``clone_of``, which from then on it keeps from being deleted."""
        home = self.pool(pool)
        self._check_new_volumes([name], "volume")
        self._check_size(size)
        taken = size if provisioning == "thick" else 0
        self._check_space(home, taken)
        volume = self._new_volume(name, size, home, "volume", provisioning, attributes)
        volume.used = taken
        self.datapath.create(volume)
        if clone_of is not None:
            self.datapath.copy(clone_of, volume)
            volume.parent = clone_of.id
        home.used += taken
        self._insert_volume(volume)
        return volume

    def extend_volume(self, volume: Volume, size: int) -> None:
        """Grow to ``size``. Equal is done already; smaller is refused."""
        self._check_size(size)
        if size < volume.size:
            raise BadSize("volume", volume.name, "shrink")
        self._refuse_while_copying(volume)
        grown = size - volume.size
        if not grown:
            return
        pool = self.pool(volume.pool)
        taken = grown if volume.provisioning == "thick" else 0
        self._check_space(pool, taken)
        self.datapath.extend(volume, size)
        volume.size = size
        self._provisioned += grown
        volume.used += taken
        pool.used += taken
        self._changed("volume.extend", volume)

    def check_rename(self, volume: Volume, name: str) -> None:
        """Refuse what :meth:`rename_volume` would refuse."""
        self._check_name("volume", name)
        if name != volume.name and self._name_taken(name, volume.kind, volume.parent):
            raise NameTaken("volume", name)

    def rename_volume(self, volume: Volume, name: str) -> None:
        self.check_rename(volume, name)
        if name == volume.name:
            return
        old = volume.name
        self.volumes.rename(volume, name)
        self._changed("volume.rename", volume, old=old)

    def create_snapshots(
        self, wanted: Sequence[tuple[Volume, str]], *, writable: bool, attributes: dict[str, Any] | None = None
    ) -> list[Volume]:
        """Point-in-time images of several volumes at one moment: all of them or none."""
        self._check_new_volumes([name for _source, name in wanted], "snapshot", [source.id for source, _name in wanted])
        children = self._index.children
        extra: dict[int, int] = {}
        for source, _name in wanted:
            extra[source.id] = extra.get(source.id, 0) + 1
            if len(children.get(source.id, ())) + extra[source.id] > self.rules.snapshots_per_volume:
                raise LimitReached("snapshot", source.name, "snapshots_per_volume")
            self._check_space(self.pool(source.pool), 0)
        made = []
        for source, name in wanted:
            snapshot = self._new_volume(name, source.size, self.pool(source.pool), "snapshot", "thin", attributes)
            snapshot.parent = source.id
            snapshot.writable = writable
            self.datapath.copy(source, snapshot)
            self._insert_volume(snapshot)
            made.append(snapshot)
        return made

    def copy_volume(
        self,
        source: Volume,
        name: str,
        *,
        seconds: float,
        size: int | None = None,
        pool: str | None = None,
        provisioning: Provisioning = "thick",
        attributes: dict[str, Any] | None = None,
    ) -> Volume:
        """A full copy, independent of its source, that is ready ``seconds`` from now by the array's clock."""
        wanted = source.size if size is None else size
        if wanted < source.size:
            raise BadSize("volume", name, "smaller than its source")
        self._refuse_while_copying(source)
        target = self.create_volume(name, wanted, pool=pool, provisioning=provisioning, attributes=attributes)
        self.copy_into(target, source, seconds=seconds)
        return target

    def copy_into(self, target: Volume, source: Volume, *, seconds: float) -> None:
        """Fill a volume that is there, and at least as large, with the content of another; see :meth:`copy_volume`."""
        if target.size < source.size:
            raise BadSize("volume", target.name, "smaller than its source")
        self._refuse_while_copying(target)
        self.datapath.copy(source, target)
        target.attributes["content"] = source.attributes.get("content", source.uuid)
        target.copy = Copy(source.id, source.size, self.clock(), seconds, fails=self._copy_fails())
        self._index.copies.add(target.id)
        self._changed("volume.copy", target)

    def link_volume(self, source: Volume, name: str, *, size: int) -> Volume:
        """A writable volume that shares the data of a snapshot, at once, and counts as its child."""
        home = self.pool(source.pool)
        self._check_new_volumes([name], "volume")
        self._check_size(size)
        if size < source.size:
            raise BadSize("volume", name, "smaller than its source")
        self._check_space(home, 0)
        content = source.attributes.get("content", source.uuid)
        volume = self._new_volume(name, size, home, "volume", "thin", {"content": content})
        volume.parent = source.id
        self.datapath.copy(source, volume)
        self._insert_volume(volume)
        return volume

    def overwrite(self, target: Volume, source: Volume) -> None:
        """Give ``target`` the content of ``source``; the target keeps its identity, its name and its mappings."""
        if target.size != source.size:
            raise BadSize("volume", target.name, "differs from its source")
        self._refuse_while_copying(target)
        self.datapath.copy(source, target)
        target.attributes["content"] = source.attributes.get("content", source.uuid)
        self._changed("volume.overwrite", target, source=source.name)

    def progress(self, volume: Volume) -> float:
        """How much of the copy into this volume is done, 0 to 1; 1 when there is none."""
        return 1.0 if volume.copy is None else volume.copy.progress(self.clock())

    def copying(self, volume: Volume) -> bool:
        """Whether the array still fills this volume: after a copy that failed it does not, nor is it done."""
        return self.progress(volume) < 1 and not self.copy_failed(volume)

    def copy_failed(self, volume: Volume) -> bool:
        return volume.copy is not None and volume.copy.failed(self.clock())

    def copies_under_way(self) -> list[Copy]:
        self._index.copies = {one for one in self._index.copies if self.copying(self.volumes[one])}
        return [copy for one in self._index.copies if (copy := self.volumes[one].copy)]

    def children(self, volume: Volume) -> list[Volume]:
        return [self.volumes[child] for child in sorted(self._index.children.get(volume.id, ()))]

    def parent(self, volume: Volume) -> Volume | None:
        return None if volume.parent is None else self.volumes.get(volume.parent)

    def lineage(self, volume: Volume) -> list[Volume]:
        """The volume itself, then what it was taken from, up to the first of the line."""
        line = [volume]
        while (above := self.parent(line[-1])) is not None:
            line.append(above)
        return line

    def delete_volume(self, volume: Volume) -> None:
        """Remove a volume or a snapshot, with its mappings and its children as :class:`Rules` says."""
        maps = self.mappings_of(volume)
        if maps and self.rules.delete_mapped == "refuse":
            raise InUse("volume", volume.name, "mapped")
        children = self.children(volume)
        if children and self.rules.delete_with_children == "refuse":
            raise InUse("volume", volume.name, "children")
        if any(copy.source == volume.id for copy in self.copies_under_way()):
            raise InUse("volume", volume.name, "copying")
        for mapping in maps:
            self.unmap(mapping)
        for child in children:
            self._set_parent(child, volume.parent)
            if child.parent is None and self.rules.shared_names:
                child.kind = "volume"
        for group in self.groups_of(volume):
            self.remove_member(group, volume)
        self._set_parent(volume, None)
        self.datapath.delete(volume)
        self.volumes.remove(volume)
        self._index.copies.discard(volume.id)
        self._provisioned -= volume.size
        self.pool(volume.pool).used -= volume.used
        self._changed("volume.delete", volume)

    def _check_new_volumes(self, names: Sequence[str], kind: VolumeKind, parents: Sequence[int] = ()) -> None:
        if len(self.volumes) + len(names) > self.rules.volumes:
            raise LimitReached("volume", names[0] if names else "", "volumes")
        seen: set[tuple[str, str]] = set()
        for position, name in enumerate(names):
            self._check_name(kind, name)
            parent = parents[position] if parents else None
            key = (self._space(kind, parent), name)
            if key in seen or self._name_taken(name, kind, parent):
                raise NameTaken(kind, name)
            seen.add(key)

    def _new_volume(
        self,
        name: str,
        size: int,
        pool: Pool,
        kind: VolumeKind,
        provisioning: Provisioning,
        attributes: dict[str, Any] | None,
    ) -> Volume:
        return Volume(
            id=self.volumes.next_id,
            uuid=uuid.uuid4().hex,
            name=name,
            size=size,
            pool=pool.name,
            kind=kind,
            provisioning=provisioning,
            created=self.clock(),
            attributes=dict(attributes or {}),
        )

    def _insert_volume(self, volume: Volume) -> None:
        self._file_volume(volume)
        self._changed(f"{volume.kind}.create", volume)

    def _file_volume(self, volume: Volume) -> None:
        self.volumes.add(volume, self._space(volume.kind, volume.parent))
        self._provisioned += volume.size
        if volume.parent is not None:
            self._index.children.setdefault(volume.parent, set()).add(volume.id)
        if volume.copy is not None:
            self._index.copies.add(volume.id)

    def _set_parent(self, volume: Volume, parent: int | None) -> None:
        if volume.parent is not None:
            self._index.children.get(volume.parent, set()).discard(volume.id)
        volume.parent = parent
        if parent is not None:
            self._index.children.setdefault(parent, set()).add(volume.id)

    def _refuse_while_copying(self, volume: Volume) -> None:
        if self.copying(volume):
            raise InUse("volume", volume.name, "copying")

    # ---- hosts and initiators --------------------------------------------------------------------------------------

    def create_host(
        self, name: str, ports: Sequence[tuple[str, str]] = (), attributes: dict[str, Any] | None = None
    ) -> Host:
        """A host with its initiators, each an address and a name: none of it happens if one of them is taken."""
        self._check_name("host", name)
        if self.hosts.find(name):
            raise NameTaken("host", name)
        if len(self.hosts) >= self.rules.hosts:
            raise LimitReached("host", name, "hosts")
        self._check_addresses([address for address, _label in ports])
        labels = [label for _address, label in ports]
        for position, label in enumerate(labels):
            self._check_name("initiator", label)
            if self.initiators.find(label) or label in labels[:position]:
                raise NameTaken("initiator", label)
        host = Host(id=self.hosts.next_id, uuid=uuid.uuid4().hex, name=name, attributes=dict(attributes or {}))
        self.hosts.add(host)
        self._changed("host.create", host)
        for address, label in ports:
            self.add_initiator(host, address, label)
        return host

    def rename_host(self, host: Host, name: str) -> None:
        if name == host.name:
            return
        self._check_name("host", name)
        if self.hosts.find(name):
            raise NameTaken("host", name)
        old = host.name
        self.hosts.rename(host, name)
        self._changed("host.rename", host, old=old)

    def delete_host(self, host: Host) -> None:
        """Remove a host and its initiators; never one that still sees volumes."""
        if self.mappings_for(host):
            raise InUse("host", host.name, "mapped")
        for initiator in self.initiators_of(host):
            self.remove_initiator(initiator)
        self.hosts.remove(host)
        self._changed("host.delete", host)

    def add_initiator(
        self, host: Host, address: str, name: str | None = None, attributes: dict[str, Any] | None = None
    ) -> Initiator:
        """One port of a host; its address is unique on the array, and so is its name."""
        label = name or address
        self._check_name("initiator", label)
        if self.initiators.find(label):
            raise NameTaken("initiator", label)
        self._check_addresses([address])
        initiator = Initiator(
            id=self.initiators.next_id,
            uuid=uuid.uuid4().hex,
            name=label,
            address=address,
            host=host.id,
            attributes=dict(attributes or {}),
        )
        self._file_initiator(initiator)
        self.datapath.host_changed(host, self.initiators_of(host), self.mappings_for(host))
        self._changed("initiator.create", initiator)
        return initiator

    def _file_initiator(self, initiator: Initiator) -> None:
        self.initiators.add(initiator)
        self._index.initiators_of_host.setdefault(initiator.host, set()).add(initiator.id)
        self._index.initiator_by_address[initiator.address] = initiator.id

    def readdress_initiator(self, initiator: Initiator, address: str) -> None:
        if address == initiator.address:
            return
        self._check_addresses([address])
        del self._index.initiator_by_address[initiator.address]
        initiator.address = address
        self._index.initiator_by_address[address] = initiator.id
        self.initiator_changed(initiator)

    def initiator_changed(self, initiator: Initiator) -> None:
        """Say that an initiator's address or credentials are different now."""
        host = self.hosts[initiator.host]
        self.datapath.host_changed(host, self.initiators_of(host), self.mappings_for(host))
        self._changed("initiator.change", initiator)

    def rename_initiator(self, initiator: Initiator, name: str) -> None:
        if name == initiator.name:
            return
        self._check_name("initiator", name)
        if self.initiators.find(name):
            raise NameTaken("initiator", name)
        self.initiators.rename(initiator, name)
        self._changed("initiator.change", initiator)

    def remove_initiator(self, initiator: Initiator) -> None:
        self.initiators.remove(initiator)
        self._index.initiators_of_host[initiator.host].discard(initiator.id)
        del self._index.initiator_by_address[initiator.address]
        host = self.hosts[initiator.host]
        self.datapath.host_changed(host, self.initiators_of(host), self.mappings_for(host))
        self._changed("initiator.delete", initiator)

    def find_initiator(self, address: str) -> Initiator | None:
        found = self._index.initiator_by_address.get(address)
        return None if found is None else self.initiators[found]

    def initiators_of(self, host: Host) -> list[Initiator]:
        return [self.initiators[one] for one in sorted(self._index.initiators_of_host.get(host.id, ()))]

    def _check_addresses(self, addresses: Sequence[str]) -> None:
        if len(self.initiators) + len(addresses) > self.rules.initiators:
            raise LimitReached("initiator", addresses[0] if addresses else "", "initiators")
        for position, address in enumerate(addresses):
            if address in self._index.initiator_by_address or address in addresses[:position]:
                raise InitiatorTaken("initiator", address)

    # ---- mappings --------------------------------------------------------------------------------------------------

    def map(self, volume: Volume, host: Host, lun: int | None = None, name: str | None = None) -> Mapping:
        """Show a volume to a host under ``lun``, or under the lowest free one."""
        if self.find_mapping(volume, host):
            raise AlreadyMapped("mapping", f"{volume.name} to {host.name}")
        if len(self.mappings) >= self.rules.mappings:
            raise LimitReached("mapping", volume.name, "mappings")
        taken = {mapping.lun for mapping in self.mappings_for(host)}
        if lun is None:
            lun = next((free for free in range(self.rules.first_lun, self.rules.max_lun + 1) if free not in taken), -1)
            if lun < 0:
                raise LimitReached("mapping", host.name, "max_lun")
        elif not 0 <= lun <= self.rules.max_lun:
            raise LimitReached("mapping", host.name, "max_lun")
        elif lun in taken:
            raise LunTaken("mapping", host.name, str(lun))
        mapping = Mapping(
            id=self.mappings.next_id,
            uuid=uuid.uuid4().hex,
            name=name or f"{volume.id}_{host.id}",
            volume=volume.id,
            host=host.id,
            lun=lun,
        )
        self.datapath.map(volume, host, self.initiators_of(host), lun)
        self._file_mapping(mapping)
        self._changed("mapping.create", mapping)
        return mapping

    def unmap(self, mapping: Mapping) -> None:
        volume, host = self.volumes[mapping.volume], self.hosts[mapping.host]
        self.datapath.unmap(volume, host, mapping.lun)
        self.mappings.remove(mapping)
        self._index.maps_of_volume[volume.id].discard(mapping.id)
        self._index.maps_of_host[host.id].discard(mapping.id)
        del self._index.map_by_pair[volume.id, host.id]
        self._changed("mapping.delete", mapping)

    def find_mapping(self, volume: Volume, host: Host) -> Mapping | None:
        found = self._index.map_by_pair.get((volume.id, host.id))
        return None if found is None else self.mappings[found]

    def mappings_of(self, volume: Volume) -> list[Mapping]:
        return [self.mappings[one] for one in sorted(self._index.maps_of_volume.get(volume.id, ()))]

    def mappings_for(self, host: Host) -> list[Mapping]:
        return [self.mappings[one] for one in sorted(self._index.maps_of_host.get(host.id, ()))]

    def _file_mapping(self, mapping: Mapping) -> None:
        self.mappings.add(mapping)
        self._index.maps_of_volume.setdefault(mapping.volume, set()).add(mapping.id)
        self._index.maps_of_host.setdefault(mapping.host, set()).add(mapping.id)
        self._index.map_by_pair[mapping.volume, mapping.host] = mapping.id

    # ---- groups of volumes -----------------------------------------------------------------------------------------

    def groups(self, kind: str) -> Table[Group]:
        """All groups of one kind; each kind has numbers and names of its own."""
        return self._groups.setdefault(kind, Table())

    def all_groups(self) -> list[Group]:
        return [group for table in self._groups.values() for group in table]

    def groups_of(self, volume: Volume, kind: str | None = None) -> list[Group]:
        keys = sorted(self._index.groups_of_volume.get(volume.id, ()))
        return [self._groups[of][number] for of, number in keys if kind in (None, of)]

    def members(self, group: Group) -> list[Volume]:
        return [self.volumes[member] for member in group.members]

    def create_group(
        self, kind: str, name: str, members: Iterable[Volume] = (), attributes: dict[str, Any] | None = None
    ) -> Group:
        """A named set of volumes; with ``dissolve`` among its attributes it goes with its last member."""
        self.check_group_name(kind, name)
        table = self.groups(kind)
        group = Group(
            id=table.next_id,
            uuid=uuid.uuid4().hex,
            name=name,
            kind=kind,
            created=self.clock(),
            attributes=dict(attributes or {}),
        )
        table.add(group)
        self._changed("group.create", group)
        for volume in members:
            self.add_member(group, volume)
        return group

    def check_group_name(self, kind: str, name: str) -> None:
        self._check_name(kind, name)
        if self.groups(kind).find(name):
            raise NameTaken(kind, name)

    def rename_group(self, group: Group, name: str) -> None:
        if name == group.name:
            return
        self.check_group_name(group.kind, name)
        old = group.name
        self.groups(group.kind).rename(group, name)
        self._changed("group.rename", group, old=old)

    def add_member(self, group: Group, volume: Volume) -> None:
        if volume.id in group.members:
            return
        group.members.append(volume.id)
        self._index.groups_of_volume.setdefault(volume.id, set()).add((group.kind, group.id))
        self._changed("group.change", group)

    def remove_member(self, group: Group, volume: Volume) -> None:
        if volume.id not in group.members:
            raise NotFound("member", volume.name)
        group.members.remove(volume.id)
        self._index.groups_of_volume[volume.id].discard((group.kind, group.id))
        self._changed("group.change", group)
        if not group.members and group.attributes.get("dissolve"):
            self.delete_group(group)

    def delete_group(self, group: Group) -> None:
        """Dissolve it; its volumes stay."""
        for member in group.members:
            self._index.groups_of_volume[member].discard((group.kind, group.id))
        self.groups(group.kind).remove(group)
        self._changed("group.delete", group)

    # ---- names, sizes, changes, persistence ------------------------------------------------------------------------

    def _check_name(self, what: str, name: str) -> None:
        if not name or len(name) > self.rules.name_length:
            raise BadName(what, name)

    def _check_size(self, size: int) -> None:
        if size <= 0 or size % self.rules.granularity or size > self.rules.max_size:
            raise BadSize("volume", str(size))

    def _changed(self, change: str, thing: Any, **more: Any) -> None:
        self._on_change(change, {"name": thing.name, "id": thing.id, **more})

    def touched(self, change: str, thing: Any) -> None:
        """Say that a vendor's own attribute of an object has changed."""
        self._changed(change, thing)

    def reset(self) -> None:
        """Back to an array nobody has used yet."""
        for mapping in self.mappings:
            self.datapath.unmap(self.volumes[mapping.volume], self.hosts[mapping.host], mapping.lun)
        for volume in self.volumes:
            self.datapath.delete(volume)
        self._empty()
        self._on_change("array.reset", {"name": self.name, "id": 0})

    def dump(self) -> dict[str, Any]:
        """Everything the array holds, as plain data."""
        return {
            "volumes": self.volumes.dump(),
            "hosts": self.hosts.dump(),
            "initiators": self.initiators.dump(),
            "mappings": self.mappings.dump(),
            "groups": {kind: table.dump() for kind, table in self._groups.items()},
        }

    def load(self, saved: dict[str, Any]) -> None:
        """The inverse of :meth:`dump`, into an array with the same pools."""
        self._empty()
        for row in saved["volumes"]["rows"]:
            copy = row.pop("copy")
            volume = Volume(**row, copy=Copy(**copy) if copy else None)
            self._file_volume(volume)
            self.pool(volume.pool).used += volume.used
        for row in saved["hosts"]["rows"]:
            self.hosts.add(Host(**row))
        for row in saved["initiators"]["rows"]:
            self._file_initiator(Initiator(**row))
        for row in saved["mappings"]["rows"]:
            self._file_mapping(Mapping(**row))
        for kind, table in saved["groups"].items():
            for row in table["rows"]:
                group = Group(**row)
                self.groups(kind).add(group)
                for member in group.members:
                    self._index.groups_of_volume.setdefault(member, set()).add((kind, group.id))
            self.groups(kind).next_id = table["next_id"]
        for name in ("volumes", "hosts", "initiators", "mappings"):
            getattr(self, name).next_id = saved[name]["next_id"]
