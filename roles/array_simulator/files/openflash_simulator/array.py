# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The array itself: volumes, snapshots and groups, over :mod:`.access` (hosts) and :mod:`.store` (pools).

Vendor-neutral. A wire translates its protocol into calls of :class:`Array`, and its refusals (:mod:`.rules`) into error
codes; what differs between families is data (:class:`Rules`), not code. Every check is made before anything changes, so
a refused call leaves no trace. Sizes are bytes, times are seconds since the epoch.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from .access import Access
from .objects import Copy, Group, Host, Initiator, Mapping, Pool, Provisioning, Table, Volume, VolumeKind
from .rules import BadSize, InUse, LimitReached, NameTaken, NotFound


class Array(Access):
    """One array (or one cluster, or one tenant of one: whatever has name spaces of its own)."""

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
        """A new volume: empty, or with the content of ``clone_of``, which cannot be deleted while the clone exists."""
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
        """Grow to ``size``. Does nothing if the volume has this size; refuses a smaller one."""
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

    def shrink_volume(self, volume: Volume, size: int) -> None:
        """Make it smaller, as no array is known to do."""
        self._provisioned -= volume.size - size
        volume.size = size
        self._changed("volume.shrink", volume)

    def reserve(self, volume: Volume, size: int) -> None:
        """Take space of its pool for a volume, beside its own; give it back when the size is negative."""
        pool = self.pool(volume.pool)
        if size > 0:
            self._check_space(pool, size)
        volume.used += size
        pool.used += size

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
        self, requested: Sequence[tuple[Volume, str]], *, writable: bool, attributes: dict[str, Any] | None = None
    ) -> list[Volume]:
        """Point-in-time images of several volumes at one moment: all of them or none."""
        self._check_new_volumes(
            [name for _source, name in requested], "snapshot", [source.id for source, _name in requested]
        )
        children = self._index.children
        extra: dict[int, int] = {}
        for source, _name in requested:
            extra[source.id] = extra.get(source.id, 0) + 1
            if len(children.get(source.id, ())) + extra[source.id] > self.rules.snapshots_per_volume:
                raise LimitReached("snapshot", source.name, "snapshots_per_volume")
            self._check_space(self.pool(source.pool), 0)
        made = []
        for source, name in requested:
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
        target_size = source.size if size is None else size
        if target_size < source.size:
            raise BadSize("volume", name, "smaller than its source")
        self._refuse_while_copying(source)
        target = self.create_volume(name, target_size, pool=pool, provisioning=provisioning, attributes=attributes)
        self.copy_into(target, source, seconds=seconds)
        return target

    def copy_into(self, target: Volume, source: Volume, *, seconds: float) -> None:
        """Fill an existing volume, at least as large, with the content of another; see :meth:`copy_volume`."""
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
        self.check_overwrite(target, source)
        self.datapath.copy(source, target)
        target.attributes["content"] = source.attributes.get("content", source.uuid)
        self._changed("volume.overwrite", target, source=source.name)

    def check_overwrite(self, target: Volume, source: Volume) -> None:
        """Refuse what ``overwrite`` refuses."""
        if target.size != source.size:
            raise BadSize("volume", target.name, "differs from its source")
        self._refuse_while_copying(target)

    def progress(self, volume: Volume) -> float:
        """How much of the copy into this volume is done, 0 to 1; 1 when there is none."""
        return 1.0 if volume.copy is None else volume.copy.progress(self.clock())

    def copying(self, volume: Volume) -> bool:
        """Whether the array still fills this volume. False after a copy that failed, which is not complete either."""
        return self.progress(volume) < 1 and not self.copy_failed(volume)

    def copy_failed(self, volume: Volume) -> bool:
        return volume.copy is not None and volume.copy.failed(self.clock())

    def copies_under_way(self) -> list[Copy]:
        self._index.copies = {number for number in self._index.copies if self.copying(self.volumes[number])}
        return [copy for number in self._index.copies if (copy := self.volumes[number].copy)]

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

    def reparent(self, volume: Volume, parent: Volume | None) -> None:
        """Let a volume count as a copy of another one, or of none."""
        self._set_parent(volume, parent.id if parent else None)

    def _refuse_while_copying(self, volume: Volume) -> None:
        if self.copying(volume):
            raise InUse("volume", volume.name, "copying")

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
        """A named set of volumes. With ``dissolve`` among its attributes it is deleted with its last member."""
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
        """Delete the group; its volumes stay."""
        for member in group.members:
            self._index.groups_of_volume[member].discard((group.kind, group.id))
        self.groups(group.kind).remove(group)
        self._changed("group.delete", group)

    # ---- persistence -----------------------------------------------------------------------------------------------

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
