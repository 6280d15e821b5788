# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An Array in memory, to test plans; the clients of real arrays are tested over their protocols.

It refuses what a careful array refuses, so a plan that would do harm fails here. What its reads report can be reduced,
and any method can be made to fail. Runs on Python 3.8, like the library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping as Map, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.openflash.storage.plugins.module_utils.openflash.array import (
    Array,
    ConsistencyGroups,
    HostChap,
    HostNames,
    HostOs,
    VolumeChanges,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Conflict, InUse, NotFound
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    ISCSI,
    THICK,
    THIN,
    UNKNOWN,
    ArrayInfo,
    Capabilities,
    Capacity,
    Chap,
    CopyMethod,
    Group,
    Host,
    Initiator,
    Listing,
    Mapping,
    NameRule,
    OptionRule,
    Pool,
    Port,
    Snapshot,
    SnapshotSpec,
    Unreadable,
    Volume,
    VolumeSpec,
)

MIB = 1024**2
GIB = 1024**3

NAMES = NameRule(40, r"[A-Za-z0-9._ -]+", "1 to 40 letters, digits, '.', '_', '-' and blanks")

OPTIONS = {
    "iops": OptionRule(int),
    "mode": OptionRule(str, ("fast", "slow")),
    "cached": OptionRule(bool),
    "replicas": OptionRule(int, (1, 2, 3), create_only=True),
    "hidden": OptionRule(int, reported=False),
}
"""``hidden`` is never reported; the others always are, with None where they were never set."""


@dataclass(frozen=True)
class MemoryCapabilities(Capabilities):
    vendor: str = "memory"
    volume_name: NameRule = NAMES
    snapshot_name: NameRule = NAMES
    host_name: NameRule = NAMES
    group_name: NameRule | None = NAMES
    provisioning: tuple[str, ...] = (THIN, THICK)
    largest: int = 1024 * GIB
    luns: tuple[int, int] = (0, 15)
    volume_options: Map[str, OptionRule] = field(default_factory=lambda: dict(OPTIONS))

    def method(self, operation: str, obj: Any = None) -> CopyMethod:
        return CopyMethod(independent=not self.clones_depend)


class MemoryArray(Array, VolumeChanges, ConsistencyGroups, HostChap, HostNames, HostOs):
    """The array, and the calls that it received.

    :param reports_mappings: whether a read of volumes and snapshots reports their mappings.
    :param capabilities: fields of ``Capabilities`` that differ from an array that can do everything.
    """

    label = "memory1"

    def __init__(self, reports_mappings: bool = True, **capabilities: Any) -> None:
        self.capabilities = MemoryCapabilities(**capabilities)
        self.reports_mappings = reports_mappings and self.capabilities.mappings_known == "of_all_hosts"
        self.reads: list[str] = []
        self.writes: list[str] = []
        self.unreadable: dict[str, list[str]] = {}
        """For each kind (volume, snapshot, host, mapping), the names that a read reports as unreadable."""
        self.broken: dict[str, Callable[..., BaseException | None]] = {}
        """For each method, a function of its arguments that returns the error to raise, or None."""
        self._serial = 0
        self._volumes: dict[str, Volume] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._hosts: dict[str, Host] = {}
        self._groups: dict[str, tuple[str, list[str]]] = {}
        self._maps: dict[tuple[str, str], Mapping] = {}
        self._sources: dict[str, str] = {}
        self.content: dict[str, str] = {}
        """For the id of each volume and snapshot, its content."""

    # -- the test's side ---------------------------------------------------------------------------------------------

    def fail(self, method: str, error: BaseException, when: Callable[..., bool] = lambda *args: True) -> None:
        """Let a method fail from now on, when ``when`` is true of its arguments."""
        self.broken[method] = lambda *args: error if when(*args) else None

    def volume(self, name: str, size: int = GIB, **fields: Any) -> Volume:
        """Put a volume on the array."""
        created = Volume(name, size, id=self._next(), **dict({"created": self._now()}, **fields))
        self._volumes[created.id] = created
        self.content[created.id] = "content of " + name
        return created

    def snapshot(self, volume: str, name: str, **fields: Any) -> Snapshot:
        """Put a snapshot of a volume on the array."""
        source = self._named(volume)
        given_fields = dict({"proven": self.capabilities.proves_snapshots, "created": self._now()}, **fields)
        taken = Snapshot(name, volume, source.size, id=self._next(), volume_id=source.id, **given_fields)
        self._snapshots[taken.id] = taken
        self.content[taken.id] = self.content[source.id]
        return taken

    def clone(self, source: str, name: str) -> Volume:
        """Put a copy of a volume or snapshot on the array."""
        original = [
            item for item in list(self._volumes.values()) + list(self._snapshots.values()) if item.name == source
        ][0]
        volume = self.volume(name, original.size, independent=not self.capabilities.clones_depend)
        self._sources[volume.id] = original.id
        return volume

    def host(self, name: str, *addresses: str, **fields: Any) -> Host:
        """Put a host on the array."""
        created = Host(
            name,
            self._next(),
            tuple(Initiator(address, "iscsi" if ":" in address else "fc") for address in addresses),
            **fields,
        )
        self._hosts[name] = created
        return created

    def map(self, volume: str, host: str, lun: int | None = None, open: bool | None = None) -> Mapping:
        """Put a mapping of a volume or snapshot on the array."""
        ids = {item.name: item.id for item in list(self._snapshots.values()) + list(self._volumes.values())}
        return self._add_map(ids[volume], host, lun, open)

    def group(self, name: str, *volumes: str) -> None:
        """Put a consistency group on the array."""
        self._groups[name] = (self._next(), [self._named(volume).id for volume in volumes])

    def reset_counts(self) -> None:
        self.reads.clear()
        self.writes.clear()

    def names(self) -> dict[str, list[str]]:
        """The names of everything on the array, in a form that tests compare."""
        volumes = {volume.id: volume.name for volume in self._volumes.values()}
        snapshot_names = {
            snapshot.id: "{}/{}".format(volumes.get(snapshot.volume_id or "", ""), snapshot.name)
            for snapshot in self._snapshots.values()
        }
        any_name = dict(snapshot_names, **volumes)
        return {
            "volumes": sorted(f"{volume.name} {volume.size}" for volume in self._volumes.values()),
            "snapshots": sorted(snapshot_names.values()),
            "hosts": sorted(
                "{} {}".format(item.name, ",".join(sorted(item.addresses))) for item in self._hosts.values()
            ),
            "mappings": sorted(f"{host} {any_name[id]} {mapping.lun}" for (host, id), mapping in self._maps.items()),
            "groups": sorted(
                "{} {}".format(name, ",".join(sorted(volumes[id] for id in members)))
                for name, (_id, members) in self._groups.items()
            ),
        }

    # -- inside ------------------------------------------------------------------------------------------------------

    def _next(self) -> str:
        self._serial += 1
        return f"id{self._serial:06}"

    def _now(self) -> str:
        return f"2026-01-01T00:00:{self._serial:06}"

    def _read(self, method: str, *args: Any) -> None:
        self.reads.append(method)
        self._break(method, *args)

    def _write(self, method: str, *args: Any) -> None:
        self.writes.append(method)
        self._break(method, *args)

    def _break(self, method: str, *args: Any) -> None:
        breaks = self.broken.get(method)
        error = breaks(*args) if breaks else None
        if error is not None:
            raise error

    def _named(self, name: str) -> Volume:
        for volume in self._volumes.values():
            if volume.name == name:
                return volume
        raise NotFound(f"there is no volume {name}", target=name)

    def _check_free(self, name: str, kind: str, volume_id: str | None = None) -> None:
        volumes = {volume.name for volume in self._volumes.values()}
        snapshots = {
            snapshot.name
            for snapshot in self._snapshots.values()
            if kind == "volume" or snapshot.volume_id == volume_id
        }
        if self.capabilities.snapshot_names == "with_volumes":
            snapshots = {snapshot.name for snapshot in self._snapshots.values()}
            taken = volumes | snapshots
        else:
            taken = volumes if kind == "volume" else snapshots
        if name in taken:
            raise Conflict(f"the name {name} is taken", target=name)

    def _add_map(self, id: str, host: str, lun: int | None, open: bool | None = None) -> Mapping:
        used = {item.lun for (name, _id), item in self._maps.items() if name == host}
        if lun is None:
            lun = next(n for n in range(256) if n not in used)
        elif lun in used:
            raise Conflict(f"LUN {lun} of host {host} is taken")
        mapped = self._volumes.get(id) or self._snapshots[id]
        mapping = Mapping(mapped.name, host, lun, self._next(), id, self._hosts[host].id, open=open)
        self._maps[(host, id)] = mapping
        return mapping

    def _maps_of(self, id: str) -> tuple[Mapping, ...]:
        mapped: Any = self._volumes.get(id) or self._snapshots[id]
        return tuple(
            replace(mapping, volume=mapped.name)
            for (_host, mapped_id), mapping in sorted(self._maps.items())
            if mapped_id == id
        )

    def _hidden(self, kind: str, name: str) -> bool:
        return name in self.unreadable.get(kind, ())

    def _listing(
        self, kind: str, items: Sequence[Any], requested: Callable[[str], bool] = lambda name: True
    ) -> Listing[Any]:
        hidden = [
            Unreadable(kind, name, "a field is missing") for name in self.unreadable.get(kind, ()) if requested(name)
        ]
        return Listing(tuple(item for item in items if not self._hidden(kind, item.name)), tuple(hidden))

    def _reported_volume(self, volume: Volume) -> Volume:
        source = self._sources.get(volume.id, "")
        original: Any = self._volumes.get(source) or self._snapshots.get(source)
        return replace(
            volume,
            source=original.name if original else None,
            mappings=self._maps_of(volume.id) if self.reports_mappings else None,
            snapshots=tuple(snapshot.name for snapshot in self._snapshots.values() if snapshot.volume_id == volume.id),
            groups=None
            if self.capabilities.refusal("groups")
            else tuple(name for name, (_id, members) in self._groups.items() if volume.id in members),
            options={name: value for name, value in volume.options.items() if name != "hidden"},
        )

    def _reported_snapshot(self, snapshot: Snapshot) -> Snapshot:
        volume = self._volumes.get(snapshot.volume_id or "")
        children = tuple(item.name for item in self._volumes.values() if self._sources.get(item.id) == snapshot.id)
        return replace(
            snapshot,
            volume=volume.name if volume else None,
            mappings=self._maps_of(snapshot.id) if self.reports_mappings else snapshot.mappings,
            children=children,
        )

    # -- reading -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        pass

    @property
    def calls(self) -> Any:
        return {"requests": len(self.reads) + len(self.writes), "writes": len(self.writes)}

    def info(self) -> ArrayInfo:
        self._read("info")
        return ArrayInfo("memory", self.label, protocols=self.capabilities.protocols)

    def capacity(self) -> Capacity:
        self._read("capacity")
        return Capacity(100 * GIB, sum(volume.size for volume in self._volumes.values()))

    def pools(self) -> Listing[Pool]:
        self._read("pools")
        return Listing((Pool("pool1", 100 * GIB, 60 * GIB),))

    def ports(self) -> Listing[Port]:
        self._read("ports")
        return Listing((Port("p1", ISCSI, "iqn.2026-01.org.example:target", "192.0.2.1:3260", True),))

    def volumes(self, names: Sequence[str] | None = None) -> Listing[Volume]:
        self._read("volumes", names)
        listed = [
            self._reported_volume(volume) for volume in self._volumes.values() if names is None or volume.name in names
        ]
        return self._listing("volume", listed, lambda name: names is None or name in names)

    def snapshots(self, names: Sequence[str] | None = None, volumes: Sequence[str] | None = None) -> Listing[Snapshot]:
        self._read("snapshots", names, volumes)
        everything = names is None and volumes is None
        every_snapshot = [self._reported_snapshot(snapshot) for snapshot in self._snapshots.values()]
        listed = [
            item
            for item in every_snapshot
            if everything or item.name in (names or ()) or item.volume in (volumes or ())
        ]
        return self._listing("snapshot", listed)

    def hosts(self, names: Sequence[str] | None = None) -> Listing[Host]:
        self._read("hosts", names)
        listed = [self._reported_host(host) for host in self._hosts.values() if names is None or host.name in names]
        return self._listing("host", listed, lambda name: names is None or name in names)

    def _reported_host(self, host: Host) -> Host:
        count = sum(1 for name, _id in self._maps if name == host.name)
        return replace(host, volumes=count if self.capabilities.mappings_known == "of_all_hosts" else None)

    def find_hosts(self, initiators: Sequence[str]) -> Listing[Host]:
        self._read("find_hosts", initiators)
        return self._listing("host", [host for host in self._hosts.values() if set(host.addresses) & set(initiators)])

    def mappings(self, volumes: Sequence[str] | None = None, hosts: Sequence[str] | None = None) -> Listing[Mapping]:
        self._read("mappings", volumes, hosts)
        if self.capabilities.mappings_known != "of_all_hosts":
            return UNKNOWN
        everything = volumes is None and hosts is None
        ids = list(self._volumes) + list(self._snapshots)
        every_mapping = [mapping for id in ids for mapping in self._maps_of(id)]
        listed = [
            item for item in every_mapping if everything or item.volume in (volumes or ()) or item.host in (hosts or ())
        ]
        hidden = tuple(Unreadable("mapping", name, "a field is missing") for name in self.unreadable.get("mapping", ()))
        return Listing(
            tuple(item for item in listed if not self._hidden("mapping", f"{item.host}/{item.volume}")), hidden
        )

    def groups(self, names: Sequence[str] | None = None) -> Listing[Group]:
        self._read("groups", names)
        listed = [self._reported_group(name) for name in self._groups if names is None or name in names]
        return self._listing("group", listed)

    def _reported_group(self, name: str) -> Group:
        id, members = self._groups[name]
        return Group(name, id, tuple(self._volumes[member].name for member in members))

    # -- volumes -----------------------------------------------------------------------------------------------------

    def create_volume(self, spec: VolumeSpec) -> Volume:
        self._write("create_volume", spec)
        return self._make(spec, spec.size or 0, None)

    def _make(self, spec: VolumeSpec, size: int, source: str | None) -> Volume:
        self._check_free(spec.name, "volume")
        volume = self.volume(
            spec.name,
            size,
            provisioning=spec.provisioning or THIN,
            pool=spec.pool or "pool1",
            options={name: spec.options.get(name) for name, rule in OPTIONS.items() if rule.reported},
            independent=source is None or not self.capabilities.clones_depend,
        )
        if source is not None:
            self._sources[volume.id] = source
            self.content[volume.id] = self.content[source]
        return self._reported_volume(volume)

    def extend_volume(self, volume: Volume, size: int) -> Volume:
        self._write("extend_volume", volume, size)
        assert size > self._volumes[volume.id].size, "a volume never shrinks"
        return self._change(volume, size=size)

    def _change(self, volume: Volume, **fields: Any) -> Volume:
        if volume.id not in self._volumes:
            raise NotFound(f"there is no volume {volume.name}")
        self._volumes[volume.id] = replace(self._volumes[volume.id], **fields)
        return self._reported_volume(self._volumes[volume.id])

    def rename_volume(self, volume: Volume, name: str) -> Volume:
        self._write("rename_volume", volume, name)
        self._check_free(name, "volume")
        return self._change(volume, name=name)

    def delete_volume(self, volume: Volume) -> None:
        self._write("delete_volume", volume)
        if self._maps_of(volume.id):
            raise InUse(f"volume {volume.name} is mapped")
        if any(snapshot.volume_id == volume.id for snapshot in self._snapshots.values()):
            raise InUse(f"volume {volume.name} has snapshots")
        self._check_dependents(volume.id, volume.name)
        for _id, members in self._groups.values():
            if volume.id in members:
                members.remove(volume.id)
        del self._volumes[volume.id]

    def _check_dependents(self, id: str, name: str) -> None:
        if self.capabilities.clones_depend and id in [self._sources.get(volume) for volume in self._volumes]:
            raise InUse(f"a clone depends on {name}")

    def clone_volume(self, source: Volume, spec: VolumeSpec) -> Volume:
        self._write("clone_volume", source, spec)
        return self._make(spec, spec.size or source.size, source.id)

    def set_volume(self, volume: Volume, options: Map[str, Any]) -> Volume:
        self._write("set_volume", volume, options)
        return self._change(volume, options=dict(self._volumes[volume.id].options, **options))

    # -- snapshots ---------------------------------------------------------------------------------------------------

    def create_snapshots(self, specs: Sequence[SnapshotSpec], atomic: bool = False) -> tuple[Snapshot, ...]:
        self._write("create_snapshots", specs, atomic)
        for spec in specs:
            self._check_free(spec.name, "snapshot", spec.volume.id)
        return tuple(self._reported_snapshot(self.snapshot(spec.volume.name, spec.name)) for spec in specs)

    def delete_snapshot(self, snapshot: Snapshot) -> None:
        self._write("delete_snapshot", snapshot)
        if self._maps_of(snapshot.id):
            raise InUse(f"snapshot {snapshot.name} is mapped")
        self._check_dependents(snapshot.id, snapshot.name)
        del self._snapshots[snapshot.id]

    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        self._write("restore_snapshot", volume, snapshot, backup)
        assert not self._maps_of(volume.id), "a mapped volume must not change its content"
        self._check_free(backup, "snapshot", volume.id)
        kept = self.snapshot(volume.name, backup)
        self.content[volume.id] = self.content[snapshot.id]
        return self._reported_snapshot(kept)

    def refresh_volume(self, volume: Volume, source: Volume | Snapshot, backup: str) -> Snapshot:
        self._write("refresh_volume", volume, source, backup)
        self._check_free(backup, "snapshot", volume.id)
        kept = self.snapshot(volume.name, backup)
        self.content[volume.id] = self.content[source.id]
        return self._reported_snapshot(kept)

    def volume_from_snapshot(self, snapshot: Snapshot, spec: VolumeSpec) -> Volume:
        self._write("volume_from_snapshot", snapshot, spec)
        return self._make(spec, spec.size or snapshot.size, snapshot.id)

    # -- hosts and mappings ------------------------------------------------------------------------------------------

    def create_host(
        self, name: str, initiators: Sequence[Initiator], os: str | None = None, chap: Chap | None = None
    ) -> Host:
        self._write("create_host", name, initiators, os, chap)
        if name in self._hosts:
            raise Conflict(f"there is a host {name}")
        self._hosts[name] = Host(name, self._next(), os=os)
        return self._add_initiators(name, initiators, chap)

    def _add_initiators(self, name: str, initiators: Sequence[Initiator], chap: Chap | None) -> Host:
        taken = {address for host in self._hosts.values() for address in host.addresses}
        for initiator in initiators:
            if initiator.address in taken:
                raise Conflict(f"initiator {initiator.address} is taken")
        user = chap.username if chap else None
        new = tuple(replace(i, chap_user=user if i.protocol == ISCSI else None) for i in initiators)
        self._hosts[name] = replace(self._hosts[name], initiators=self._hosts[name].initiators + new)
        return self._reported_host(self._hosts[name])

    def add_initiators(self, host: Host, initiators: Sequence[Initiator], chap: Chap | None = None) -> Host:
        self._write("add_initiators", host, initiators, chap)
        return self._add_initiators(host.name, initiators, chap)

    def remove_initiators(self, host: Host, addresses: Sequence[str]) -> Host:
        self._write("remove_initiators", host, addresses)
        remaining = tuple(
            initiator for initiator in self._hosts[host.name].initiators if initiator.address not in addresses
        )
        self._hosts[host.name] = replace(self._hosts[host.name], initiators=remaining)
        return self._reported_host(self._hosts[host.name])

    def wants_chap(self) -> tuple[bool, bool]:
        self._read("wants_chap")
        return False, False

    def chap_of(self, addresses: Sequence[str]) -> Chap | None:
        self._read("chap_of", addresses)
        return None

    def set_chap(self, host: Host, chap: Chap) -> Host:
        self._write("set_chap", host, chap)
        changed = tuple(
            replace(i, chap_user=chap.username) if i.protocol == ISCSI else i for i in self._hosts[host.name].initiators
        )
        self._hosts[host.name] = replace(self._hosts[host.name], initiators=changed)
        return self._reported_host(self._hosts[host.name])

    def set_host_os(self, host: Host, os: str) -> Host:
        self._write("set_host_os", host, os)
        self._hosts[host.name] = replace(self._hosts[host.name], os=os)
        return self._reported_host(self._hosts[host.name])

    def rename_host(self, host: Host, name: str) -> Host:
        self._write("rename_host", host, name)
        if name in self._hosts:
            raise Conflict(f"there is another host {name}")
        self._hosts[name] = replace(self._hosts.pop(host.name), name=name)
        self._maps = {
            (name if owner == host.name else owner, volume): replace(
                mapping, host=name if owner == host.name else mapping.host
            )
            for (owner, volume), mapping in self._maps.items()
        }
        return self._reported_host(self._hosts[name])

    def delete_host(self, host: Host) -> None:
        self._write("delete_host", host)
        if any(name == host.name for name, _id in self._maps):
            raise InUse(f"host {host.name} has mappings")
        del self._hosts[host.name]

    def map_volume(self, volume: Volume, host: Host, lun: int | None = None) -> Mapping:
        self._write("map_volume", volume, host, lun)
        present = self._maps.get((host.name, volume.id))
        if present is not None:
            if lun not in (None, present.lun):
                raise Conflict(f"volume {volume.name} is LUN {present.lun} of host {host.name} already")
            return replace(present, volume=volume.name)
        return self._add_map(volume.id, host.name, lun)

    def unmap_volume(self, mapping: Mapping) -> tuple[Mapping, ...]:
        self._write("unmap_volume", mapping)
        objects = list(self._volumes.values()) + list(self._snapshots.values())
        ids = [mapping.volume_id] if mapping.volume_id else [item.id for item in objects if item.name == mapping.volume]
        for id in ids:
            self._maps.pop((mapping.host, str(id)), None)
        return tuple(remaining for (host, _id), remaining in self._maps.items() if host == mapping.host)

    # -- groups ------------------------------------------------------------------------------------------------------

    def create_group(self, name: str, volumes: Sequence[Volume] = ()) -> Group:
        self._write("create_group", name, volumes)
        self._groups[name] = (self._next(), [volume.id for volume in volumes])
        return self._reported_group(name)

    def delete_group(self, group: Group) -> None:
        self._write("delete_group", group)
        self._groups.pop(group.name, None)

    def add_to_group(self, group: Group, volumes: Sequence[Volume]) -> Group:
        self._write("add_to_group", group, volumes)
        members = self._groups[group.name][1]
        members.extend(volume.id for volume in volumes if volume.id not in members)
        return self._reported_group(group.name)

    def remove_from_group(self, group: Group, volumes: Sequence[Volume]) -> Group:
        self._write("remove_from_group", group, volumes)
        leaving = {volume.id for volume in volumes}
        id, members = self._groups[group.name]
        self._groups[group.name] = (id, [member for member in members if member not in leaving])
        return self._reported_group(group.name)

    def snapshot_group(self, group: Group, suffix: str) -> tuple[Snapshot, ...]:
        self._write("snapshot_group", group, suffix)
        members = [self._volumes[id].name for id in self._groups[group.name][1]]
        taken = [self.snapshot(name, f"{name}.{suffix}", group=group.name) for name in members]
        return tuple(self._reported_snapshot(snapshot) for snapshot in taken)

    def restore_group(self, group: Group, name: str, backup: str) -> tuple[Snapshot, ...]:
        self._write("restore_group", group, name, backup)
        members = [self._volumes[id].name for id in self._groups[group.name][1]]
        assert not any(self._maps_of(self._named(member).id) for member in members), "a mapped volume must not change"
        sources = {snapshot.name: snapshot.id for snapshot in self._snapshots.values()}
        kept = [self.snapshot(member, f"{member}.{backup}", group=group.name) for member in members]
        for member in members:
            self.content[self._named(member).id] = self.content[sources[f"{member}.{name}"]]
        return tuple(self._reported_snapshot(snapshot) for snapshot in kept)
