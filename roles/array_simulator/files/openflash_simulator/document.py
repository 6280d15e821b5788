# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of an array as a file: what a simulated array begins with.

``load`` checks the file by itself. ``put`` makes its objects on an array, which refuses what the array cannot have.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import yaml

from .array import Array
from .checks import flag, known_keys, parse_size, whole_number
from .errors import ConfigError
from .objects import Pool
from .rules import (
    AlreadyMapped,
    ArrayError,
    BadName,
    BadSize,
    InitiatorTaken,
    LimitReached,
    LunTaken,
    NameTaken,
    NoSpace,
    NotFound,
)

T = TypeVar("T")

SECTIONS = ("volumes", "snapshots", "groups", "hosts", "mappings")
"""In the order in which the objects need each other."""
_BESIDE = ("array", "pools", "not_declared")
_PROVISIONING = ("thick", "thin", "dedup")


@dataclass(frozen=True)
class PoolRow:
    """A pool as it was: bytes. None where the file does not say it."""

    name: str
    size: int
    used: int | None = None
    provisioned: int | None = None


@dataclass(frozen=True)
class VolumeRow:
    name: str
    size: int
    pool: str | None = None
    provisioning: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SnapshotRow:
    name: str
    volume: str


@dataclass(frozen=True)
class GroupRow:
    name: str
    volumes: tuple[str, ...] = ()


@dataclass(frozen=True)
class HostRow:
    name: str
    initiators: tuple[str, ...] = ()
    os: str | None = None


@dataclass(frozen=True)
class MappingRow:
    volume: str
    host: str
    lun: int | None = None


@dataclass(frozen=True)
class Document:
    """The content of an array, checked as far as that is possible without the array."""

    path: Path
    vendor: str
    name: str | None = None
    model: str | None = None
    version: str | None = None
    protocols: tuple[str, ...] = ()
    pools: tuple[PoolRow, ...] = ()
    volumes: tuple[VolumeRow, ...] = ()
    snapshots: tuple[SnapshotRow, ...] = ()
    groups: tuple[GroupRow, ...] = ()
    hosts: tuple[HostRow, ...] = ()
    mappings: tuple[MappingRow, ...] = ()

    def protocols_of_hosts(self) -> set[str]:
        """``fc`` and ``iscsi``, as far as a host has an initiator of that protocol."""
        return {"iscsi" if is_iscsi(address) else "fc" for host in self.hosts for address in host.initiators}

    def unknown_hosts(self) -> list[str]:
        """The hosts that a mapping names and that the section ``hosts`` does not have."""
        known = {host.name for host in self.hosts}
        return list(dict.fromkeys(mapping.host for mapping in self.mappings if mapping.host not in known))


def is_iscsi(address: str) -> bool:
    return address.lower().startswith(("iqn.", "eui."))


# ---- the file --------------------------------------------------------------------------------------------------------


def load(path: Path) -> Document:
    """The document in a file.

    :raises ConfigError: it cannot be read, or contradicts itself.
    """
    what = f"document {path}"
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{what} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise ConfigError(f"{what} is not YAML{where}") from None
    try:
        return _parse(path, raw)
    except ConfigError as error:
        raise ConfigError(f"{what}: {error}") from None


def _parse(path: Path, raw: object) -> Document:
    if not isinstance(raw, Mapping):
        raise ConfigError(f"it is not a mapping with the sections {', '.join(SECTIONS)}")
    known_keys("it", raw, (*_BESIDE, *SECTIONS))
    array = raw.get("array")
    if not isinstance(array, Mapping) or not isinstance(array.get("vendor"), str):
        raise ConfigError("the section array has no vendor, so it is not known what to simulate")
    rows = {section: _present(section, raw.get(section)) for section in SECTIONS}
    volumes = [_volume(row) for row in rows["volumes"]]
    document = Document(
        path=path,
        vendor=array["vendor"],
        name=_optional(array, "array", "name"),
        model=_optional(array, "array", "model"),
        version=_optional(array, "array", "version"),
        protocols=tuple(one for one in array.get("protocols") or () if one in ("fc", "iscsi")),
        pools=tuple(_pool(row) for row in _rows("pools", array.get("pools", raw.get("pools")))),
        volumes=tuple(volumes),
        snapshots=tuple(_snapshot(row) for row in rows["snapshots"]),
        groups=_groups(rows["groups"], rows["volumes"]),
        hosts=tuple(_host(row) for row in rows["hosts"]),
        mappings=tuple(_mapping(row) for row in rows["mappings"]),
    )
    _check(document)
    return document


def _rows(section: str, raw: object) -> list[Mapping[Any, Any]]:
    if raw is None:
        return []
    if not isinstance(raw, list) or not all(isinstance(row, Mapping) for row in raw):
        raise ConfigError(f"{section} is not a list of mappings")
    return raw


def _present(section: str, raw: object) -> list[Mapping[Any, Any]]:
    """The objects that shall exist."""
    found: list[Mapping[Any, Any]] = []
    for row in _rows(section, raw):
        if row.get("state", "present") not in ("present", "absent"):
            raise ConfigError(f"{section}: state {row['state']!r} is not present or absent")
        if row.get("state") != "absent":
            found.append({key: value for key, value in row.items() if key != "state"})
    return found


def _text(row: Mapping[Any, Any], what: str, key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{what}: {key} {value!r} is not text (quote it if it looks like a number)")
    return value


def _optional(row: Mapping[Any, Any], what: str, key: str) -> str | None:
    return None if row.get(key) is None else _text(row, what, key)


def _texts(row: Mapping[Any, Any], what: str, key: str) -> tuple[str, ...]:
    value = row.get(key) or []
    if not isinstance(value, list) or not all(isinstance(text, str) and text for text in value):
        raise ConfigError(f"{what}: {key} is not a list of texts")
    return tuple(value)


def _checked(what: str, check: Callable[[Any], T], value: object) -> T:
    try:
        return check(value)
    except ConfigError as error:
        raise ConfigError(f"{what} {error}") from None


def _bytes(row: Mapping[Any, Any], what: str, key: str) -> int | None:
    """A number of bytes, or a size such as 10TiB; 0 too."""
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return 0 if value in ("0", "0B") else parse_size(f"{what}: {key}", value)


def _pool(row: Mapping[Any, Any]) -> PoolRow:
    """A pool. What else a report says of it is not needed."""
    what = f"pool {_text(row, 'a pool', 'name')}"
    size = parse_size(f"{what}: size", row.get("size"))
    used, free = _bytes(row, what, "used"), _bytes(row, what, "free")
    if used is None and free is not None:
        used = size - free
    if used is not None and not 0 <= used <= size:
        raise ConfigError(f"{what}: {used} bytes are used of {size}")
    return PoolRow(row["name"], size, used, _bytes(row, what, "provisioned"))


def _volume(row: Mapping[Any, Any]) -> VolumeRow:
    what = f"volume {_text(row, 'a volume', 'name')}"
    known_keys(what, row, ("name", "size", "pool", "provisioning", "group", "array_options", *_PROPERTIES))
    options = {**_dictionary(row, what, "array_options"), **_properties(row, what)}
    provisioning = _optional(row, what, "provisioning")
    if provisioning not in (None, *_PROVISIONING):
        raise ConfigError(f"{what}: provisioning {provisioning!r} is not one of {', '.join(_PROVISIONING)}")
    size = parse_size(f"{what}: size", row.get("size"))
    return VolumeRow(row["name"], size, _optional(row, what, "pool"), provisioning, options)


_PROPERTIES: Mapping[str, str | Mapping[str, str]] = {
    "qos": {
        "max_iops": "total_iops_max",
        "max_read_iops": "read_iops_max",
        "max_write_iops": "write_iops_max",
        "max_bytes_per_second": "total_bandwidth_max",
        "max_read_bytes_per_second": "read_bandwidth_max",
        "max_write_bytes_per_second": "write_bandwidth_max",
    },
    "replicas": "replica_count",
    "placement": {"mode": "placement_mode", "policy": "placement_policy"},
    "description": "description",
}
"""Properties that have a name of their own in a document, and what they are called among ``array_options``."""


def _properties(row: Mapping[Any, Any], what: str) -> dict[str, Any]:
    """Rates are bytes per second in a document, and KiB per second among ``array_options``."""
    found: dict[str, Any] = {}
    for key, names in _PROPERTIES.items():
        if isinstance(names, str):
            found[names] = row.get(key)
            continue
        values = _dictionary(row, what, key)
        known_keys(f"{what}: {key}", values, tuple(names))
        for name, option in names.items():
            value = values.get(name)
            is_rate = name.endswith("_per_second") and value not in (None, 0, "0")
            found[option] = parse_size(f"{what}: {name}", value) // 1024 if is_rate else value
    return {option: value for option, value in found.items() if value is not None}


def _dictionary(row: Mapping[Any, Any], what: str, key: str) -> Mapping[Any, Any]:
    value = row.get(key) or {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{what}: {key} is not a mapping")
    return value


def _snapshot(row: Mapping[Any, Any]) -> SnapshotRow:
    what = f"snapshot {_text(row, 'a snapshot', 'name')}"
    known_keys(what, row, ("name", "volume"))
    return SnapshotRow(row["name"], _text(row, what, "volume"))


def _groups(rows: Iterable[Mapping[Any, Any]], volumes: Iterable[Mapping[Any, Any]]) -> tuple[GroupRow, ...]:
    """The groups, with the volumes that name theirs; a group that only a volume names is one too."""
    members: dict[str, list[str]] = {}
    for row in rows:
        what = f"group {_text(row, 'a group', 'name')}"
        known_keys(what, row, ("name", "volumes", "exclusive_volumes"))
        if row["name"] in members:
            raise ConfigError(f"{what} is there twice")
        members[row["name"]] = list(_texts(row, what, "volumes"))
    for row in volumes:
        group = _optional(row, f"volume {row['name']}", "group")
        if group is not None and row["name"] not in members.setdefault(group, []):
            members[group].append(row["name"])
    return tuple(GroupRow(name, tuple(names)) for name, names in members.items())


def _host(row: Mapping[Any, Any]) -> HostRow:
    what = f"host {_text(row, 'a host', 'name')}"
    known_keys(what, row, ("name", "initiators", "os", "exclusive_initiators"))
    _checked(f"{what}: exclusive_initiators", flag, row.get("exclusive_initiators", False))
    return HostRow(row["name"], _texts(row, what, "initiators"), _optional(row, what, "os"))


def _mapping(row: Mapping[Any, Any]) -> MappingRow:
    what = f"mapping of volume {_text(row, 'a mapping', 'volume')} to host {_text(row, 'a mapping', 'host')}"
    known_keys(what, row, ("volume", "host", "lun"))
    lun = None if row.get("lun") is None else _checked(f"{what}: lun", whole_number(0), row["lun"])
    return MappingRow(row["volume"], row["host"], lun)


# ---- what the file can contradict by itself --------------------------------------------------------------------------


def _check(document: Document) -> None:
    for kind, names in (
        ("pool", [row.name for row in document.pools]),
        ("volume", [row.name for row in document.volumes]),
        ("snapshot", [f"{row.name} of volume {row.volume}" for row in document.snapshots]),
        ("host", [row.name for row in document.hosts]),
        ("mapping", [f"of volume {row.volume} to host {row.host}" for row in document.mappings]),
    ):
        _once(names, lambda name, kind=kind: f"{kind} {name} is there twice")  # type: ignore[misc]
    volumes = {row.name for row in document.volumes}
    disks = volumes | {row.name for row in document.snapshots}
    pools = {row.name for row in document.pools}
    for volume in document.volumes:
        if pools and volume.pool is not None and volume.pool not in pools:
            raise ConfigError(f"volume {volume.name}: there is no pool {volume.pool} in array.pools")
    for snapshot in document.snapshots:
        if snapshot.volume not in volumes:
            raise ConfigError(f"snapshot {snapshot.name}: there is no volume {snapshot.volume} in volumes")
    for group in document.groups:
        for name in group.volumes:
            if name not in disks:
                raise ConfigError(f"group {group.name}: there is no volume {name} in volumes")
    for mapping in document.mappings:
        if mapping.volume not in disks:
            raise ConfigError(
                f"mapping to host {mapping.host}: there is no volume {mapping.volume} in volumes or snapshots"
            )
    owners: dict[str, str] = {}
    for host in document.hosts:
        for address in host.initiators:
            other = owners.setdefault(_plain(address), host.name)
            if other != host.name:
                raise ConfigError(f"host {host.name}: initiator {address} is also one of host {other}")


def _once(names: Sequence[str], error: Callable[[str], str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ConfigError(error(name))
        seen.add(name)


def _plain(address: str) -> str:
    """An initiator in one form: WWNs are also written with colons or dashes."""
    return address.lower() if is_iscsi(address) else address.lower().replace(":", "").replace("-", "")


# ---- onto an array ---------------------------------------------------------------------------------------------------


class Content(ABC):
    """Makes the objects of a document on one array, each as the array's own command does, with its refusals."""

    provisioning: ClassVar[tuple[str, ...]] = ("thin",)
    """What the array has; the first is what a volume has that names none."""
    granularity: ClassVar[int] = 1 << 20
    """The unit of sizes in the array's commands, in bytes."""
    options: ClassVar[frozenset[str]] = frozenset()
    """The keys of ``array_options`` that the array has."""
    has_os: ClassVar[bool] = False
    """Whether the array stores the operating system of a host."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def own_pool(self, name: str | None) -> Pool:
        """The pool of that name; without a name the first."""
        return self.array.pool(name)

    @abstractmethod
    def volume(self, row: VolumeRow) -> None:
        """Make a volume. Its size, provisioning and options were checked."""

    def snapshot(self, row: SnapshotRow) -> None:
        raise ConfigError("the array has no snapshots")

    def group(self, row: GroupRow) -> None:
        raise ConfigError("the array has no groups of volumes")

    @abstractmethod
    def host(self, row: HostRow) -> None:
        """Make a host with its initiators."""

    @abstractmethod
    def mapping(self, row: MappingRow) -> None:
        """Map a volume, or a snapshot where it can be mapped, to a host."""

    def reason(self, error: Exception) -> str | None:
        """What a refusal of this array says; None for an error that is none."""
        return _reason(error) if isinstance(error, ArrayError) else None


def put(content: Content, document: Document) -> None:
    """Make everything in the document, then set how full the pools are.

    :raises ConfigError: the array cannot have it.
    """

    def each(kind: str, rows: Iterable[Any], make: Callable[[Any], None]) -> None:
        for row in rows:
            what = f"mapping of {row.volume} to {row.host}" if kind == "mapping" else f"{kind} {row.name}"
            try:
                make(row)
            except ConfigError as error:
                raise ConfigError(f"document {document.path}: {what}: {error}") from None
            except Exception as error:
                reason = content.reason(error)
                if reason is None:
                    raise
                raise ConfigError(f"document {document.path}: {what}: the array refuses it: {reason}") from None

    each("volume", document.volumes, lambda row: _put_volume(content, row, document))
    each("snapshot", document.snapshots, content.snapshot)
    each("group", document.groups, content.group)
    each("host", document.hosts, lambda row: _put_host(content, row))
    each("mapping", document.mappings, content.mapping)
    each("pool", document.pools, lambda row: _fill(content, row))


def _put_volume(content: Content, row: VolumeRow, document: Document) -> None:
    if row.provisioning not in (None, *content.provisioning):
        raise ConfigError(
            f"provisioning {row.provisioning} is none of this array, which has volumes that are "
            f"{' or '.join(content.provisioning)}"
        )
    if row.size % content.granularity:
        raise ConfigError(f"size {row.size} is not a multiple of {content.granularity} bytes, as this array needs it")
    unknown = sorted(set(row.options) - content.options)
    if unknown:
        raise ConfigError(f"it has {unknown[0]}, which volumes of this array do not have")
    if row.pool is None and len(document.pools) > 1:
        # Not every array reports the pools of its volumes: it goes where the most use is not accounted for yet.
        room = {pool.name: (pool.used or 0) - content.array.pool(pool.name).used for pool in document.pools}
        row = replace(row, pool=max(room, key=room.__getitem__))
    content.volume(row)


def _put_host(content: Content, row: HostRow) -> None:
    if row.os is not None and not content.has_os:
        raise ConfigError("os: this array stores no operating system of a host")
    content.host(row)


def _fill(content: Content, row: PoolRow) -> None:
    """Let the pool be as full as it was. What the volumes of the document do not account for belongs to others."""
    array, pool = content.array, content.own_pool(row.name)
    volumes = [volume for volume in array.volumes if volume.pool == pool.name]
    if row.used is not None:
        room = row.used - sum(volume.used for volume in volumes if volume.provisioning == "thick")
        if room < 0:
            raise ConfigError(f"{row.used} bytes are used, and its thick volumes alone take {row.used - room}")
        for volume in volumes:
            if volume.provisioning != "thick":
                volume.used = min(volume.used, room)
                room -= volume.used
        pool.used, pool.others = row.used, room
    if row.provisioned is not None:
        pool.others_provisioned = max(0, row.provisioned - sum(volume.size for volume in volumes))


def _reason(error: ArrayError) -> str:
    match error:
        case NameTaken():
            return f"there is another {error.what} {error.name}"
        case BadName():
            return f"{error.name!r} is not a name for a {error.what}"
        case BadSize():
            return "it cannot have this size"
        case NoSpace():
            return f"pool {error.name} has no room for it"
        case LimitReached():
            return f"it would be more than the limit {error.reason}"
        case LunTaken():
            return f"LUN {error.reason} of host {error.name} is taken"
        case AlreadyMapped():
            return "it is mapped already"
        case InitiatorTaken():
            return f"initiator {error.name} belongs to another host"
        case NotFound():
            return f"there is no {error.what} {error.name}"
        case _:
            return str(error)
