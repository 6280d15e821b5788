# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an array holds and what it can do, in the same terms for every array.

Everything is a frozen value. Sizes are ints of bytes, port addresses are canonical (see units.py), and ``id`` is the
array's own identifier, which the array that made the object accepts back, so that nothing is looked up twice.
A field that a read did not report is None, which never means "none": ``mappings=None`` is "not read", ``()`` is "none".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, FrozenSet, Generic, Iterator, Mapping as Map, Optional, Sequence, Tuple, TypeVar

THICK, THIN, DEDUP = "thick", "thin", "dedup"

READY, COPYING, DELETING, OFFLINE, ERROR = "ready", "copying", "deleting", "offline", "error"

FC, ISCSI = "fc", "iscsi"

INITIATORS, AGENT = "initiators", "agent"

EVERY_HOST = "*"
"""The host of a mapping by which every initiator that reaches the array has the volume. No host can have this name."""


@dataclass(frozen=True)
class Mapping:
    """One volume mapped to one host."""

    volume: str
    host: str
    lun: Optional[int] = None
    id: Optional[str] = None
    volume_id: Optional[str] = None
    host_id: Optional[str] = None
    device: Optional[str] = None
    """The block device on the host, where the array attaches by an agent there."""
    open: Optional[bool] = None
    """Whether the array reports an open session of this host on this very volume; None where it does not know."""
    chap_user: Optional[str] = None
    """The CHAP name that the volume demands, on arrays where CHAP belongs to the volume and not to the initiator."""


@dataclass(frozen=True)
class Volume:
    name: str
    size: int
    id: str = ""
    provisioning: str = THIN
    pool: Optional[str] = None
    state: str = READY
    progress: Optional[int] = None
    """Per cent, while the state is copying."""
    serial: Optional[str] = None
    """What a host finds on SCSI page 0x83: NAA or UUID in lower-case hex."""
    used: Optional[int] = None
    created: Optional[str] = None
    source: Optional[str] = None
    """The name of the volume or snapshot it was made of, where the array remembers."""
    independent: bool = True
    """False when its source must stay because this one shares data with it in a way that the array does not undo."""
    resumed: Optional[str] = field(default=None, compare=False)
    """Of a copy that an earlier run began and this one finished: the UTC time stamp of its content. Else None."""
    mappings: Optional[Tuple[Mapping, ...]] = None
    snapshots: Optional[Tuple[str, ...]] = None
    groups: Optional[Tuple[str, ...]] = None
    left_offline: bool = False
    """A run of this library took it offline for a change, and ended before it was online again."""
    siblings: Tuple[str, ...] = ()
    """Other volumes that share one access list or life with it (Datera's multi-volume instances)."""
    options: Map[str, Any] = field(default_factory=dict, compare=False)
    """Properties that only some arrays have, under the names of ``Capabilities.volume_options``; None for one that was
    not read."""
    metadata: Map[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Snapshot:
    name: str
    volume: Optional[str]
    """The name of the volume it was taken of; None when the array does not report it or the volume is deleted."""
    size: int
    id: str = ""
    volume_id: Optional[str] = None
    state: str = READY
    created: Optional[str] = None
    """The array's own time stamp, whose text sorts by age among the snapshots of one array."""
    proven: bool = False
    """The array itself says that this is a read-only snapshot of that volume, and not somebody's live volume."""
    serial: Optional[str] = None
    group: Optional[str] = None
    """The consistency group or set it was taken with."""
    mappings: Optional[Tuple[Mapping, ...]] = None
    children: Optional[Tuple[str, ...]] = None
    """Volumes and snapshots made of it; None when not reported."""
    crash_consistent: bool = True


@dataclass(frozen=True)
class Initiator:
    address: str
    protocol: str
    name: Optional[str] = None
    chap_user: Optional[str] = None
    logged_in: Optional[bool] = None
    id: Optional[str] = None


@dataclass(frozen=True)
class Chap:
    """The credentials of an initiator. The secrets go to the array and nowhere else."""

    username: str
    password: str = field(repr=False)
    discovery_username: Optional[str] = None
    discovery_password: Optional[str] = field(default=None, repr=False)


@dataclass(frozen=True)
class Host:
    name: str
    id: str = ""
    initiators: Tuple[Initiator, ...] = ()
    kind: str = INITIATORS
    """``initiators``: known by port addresses; ``agent``: the array attaches through a program on the host."""
    os: Optional[str] = None
    volumes: Optional[int] = None
    """How many volumes are mapped to it, where the read reports it."""

    @property
    def addresses(self) -> Tuple[str, ...]:
        return tuple(initiator.address for initiator in self.initiators)


@dataclass(frozen=True)
class Group:
    """A consistency group: volumes whose snapshots are taken together."""

    name: str
    id: str = ""
    volumes: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Pool:
    name: str
    size: int
    free: int
    id: str = ""
    provisioned: Optional[int] = None
    """The sum of the sizes promised to volumes."""
    state: str = READY
    provisioning: Tuple[str, ...] = (THIN,)


@dataclass(frozen=True)
class Port:
    """A target port: where hosts log in."""

    name: str
    protocol: str
    address: str
    """WWN, or the target's IQN."""
    portal: Optional[str] = None
    """``IP:port`` (IPv6 in brackets) of an iSCSI portal."""
    up: Optional[bool] = None


@dataclass(frozen=True)
class Capacity:
    """Bytes, and ratios as N in N:1. None where the array does not report them."""

    size: int
    used: int
    provisioned: Optional[int] = None
    data_reduction: Optional[float] = None
    dedup: Optional[float] = None
    compression: Optional[float] = None
    thin: Optional[float] = None

    @property
    def free(self) -> int:
        return max(0, self.size - self.used)


@dataclass(frozen=True)
class ArrayInfo:
    vendor: str
    name: str
    model: Optional[str] = None
    serial: Optional[str] = None
    version: Optional[str] = None
    api_version: Optional[str] = None
    state: Optional[str] = None
    protocols: Tuple[str, ...] = ()


T = TypeVar("T")


@dataclass(frozen=True)
class Unreadable:
    """An object that is there and could not be understood. It is not absent."""

    kind: str
    name: str
    reason: str


@dataclass(frozen=True)
class Listing(Generic[T]):
    """The answer to a read: the objects, and what could not be read of them."""

    items: Tuple[T, ...] = ()
    unreadable: Tuple[Unreadable, ...] = ()
    known: bool = True
    """False: the array cannot be asked for it, so nothing follows from an empty list."""

    @property
    def complete(self) -> bool:
        return self.known and not self.unreadable

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def named(self, name: str) -> Optional[T]:
        for item in self.items:
            if item.name == name:  # type: ignore[attr-defined] # every kind that is listed by name has one
                return item
        return None


UNKNOWN: Listing[Any] = Listing(known=False)


@dataclass(frozen=True)
class VolumeSpec:
    """What a new volume shall be; None leaves the choice to the array."""

    name: str
    size: Optional[int] = None
    pool: Optional[str] = None
    provisioning: Optional[str] = None
    options: Map[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class SnapshotSpec:
    """A snapshot to take: its name and the volume it is taken of."""

    name: str
    volume: Volume
    quiesced: bool = False
    """Nothing writes to the volume meanwhile, though it is mapped: so a copy that takes a while is of one instant."""


PER_VOLUME, PER_ARRAY, WITH_VOLUMES = "per_volume", "per_array", "with_volumes"
"""The name of a snapshot is unique among the snapshots of one volume, among all snapshots, or among all snapshots and
volumes together."""

BY_NAME, BY_VOLUME = "by_name", "by_volume"

OF_ALL_HOSTS, OF_THIS_HOST, OF_NO_HOST = "of_all_hosts", "of_this_host", "of_no_host"
"""Whose mappings the array can be asked for."""

OF_HOST, OF_VOLUME = "of_host", "of_volume"


@dataclass(frozen=True)
class NameRule:
    """Which names an array permits for one kind of object."""

    longest: int
    pattern: str
    """A regular expression that a complete name must match."""
    description: str
    """The rule for people: "1 to 63 letters, digits, '.', '-' and '_'"."""


@dataclass(frozen=True)
class OptionRule:
    """A property of volumes that only some arrays have."""

    type: type
    choices: Tuple[Any, ...] = ()
    create_only: bool = False
    granularity: int = 1
    """A number must be a multiple of it."""
    pattern: str = ""
    """A regular expression that a complete text must match."""
    description: str = ""
    """The permitted values, for people."""
    reported: bool = True
    """The array reports it of every volume; without, it is not in results."""
    of_origin: bool = False
    """It names what the volume was made of. The array as a document leaves it out, and has the properties it led to."""


@dataclass(frozen=True)
class CopyMethod:
    """How an array makes a copy: instant, array_copy (the array copies for a while) or host_copy (this host copies)."""

    kind: str = "instant"
    independent: bool = True


@dataclass(frozen=True)
class Capabilities:
    """What an array can do, and the reason where it cannot.

    ``refusals`` maps an operation (the name of the Array method, or one of the aspects ``atomic_snapshots``,
    ``explicit_lun``, ``chap``, ``groups``, ``metadata``, ``host_os``) to a sentence with the reason and what to do
    instead. ``host_os`` is refused where an array stores no operating system of a host, ``set_host_os`` where it cannot
    be changed later. A vendor whose answer depends on the object overrides ``refusal``.
    """

    vendor: str
    volume_name: NameRule
    snapshot_name: NameRule
    host_name: NameRule
    group_name: Optional[NameRule] = None
    provisioning: Tuple[str, ...] = (THIN,)
    granularity: int = 1024**2
    extent: int = 0
    """The array may make a volume larger than requested, up to the next multiple of so many bytes; 0: it never does."""
    smallest: int = 1024**2
    largest: int = 2 * 1024**5
    luns: Tuple[int, int] = (0, 255)
    protocols: Tuple[str, ...] = (FC, ISCSI)
    snapshot_names: str = PER_VOLUME
    """Among what the name of a snapshot is unique: PER_VOLUME, PER_ARRAY or WITH_VOLUMES."""
    snapshots_found_by: str = BY_NAME
    """BY_NAME, or BY_VOLUME: to find a snapshot by its name alone, the snapshots of every volume are read."""
    proves_snapshots: bool = True
    """The array reports of each snapshot that it is one, and of which volume."""
    guards_snapshots: bool = False
    """The array itself refuses to delete a volume that has snapshots, so that not all of them need be known."""
    finishes_snapshot_sets: bool = False
    """Given a complete set of one instant, it finishes one that was begun, and refuses to mix two instants."""
    clones_depend: bool = False
    """Some clones keep their source from being deleted, so all volumes are read before one is deleted."""
    mappings_known: str = OF_ALL_HOSTS
    """OF_ALL_HOSTS; OF_THIS_HOST, where volumes are attached by a program on each host; or OF_NO_HOST."""
    local_names: FrozenSet[str] = frozenset()
    """The names of this host, in lower case, where the array attaches volumes by a program on the host."""
    chap: Optional[str] = OF_HOST
    """To what CHAP credentials belong: OF_HOST, OF_VOLUME (see array.VolumeChap), or None without CHAP."""
    volume_options: Map[str, OptionRule] = field(default_factory=dict)
    refusals: Map[str, str] = field(default_factory=dict)

    def refusal(self, operation: str, obj: Any = None, **details: Any) -> Optional[str]:
        """Why the operation cannot be done on this object, and what to do instead; None when it can be done."""
        return self.refusals.get(operation)

    def sees_mappings_of(self, host: str) -> bool:
        """Whether ``mappings()`` reports what this host has, also where it cannot report what others have."""
        if self.mappings_known == OF_THIS_HOST:
            return host.lower() in self.local_names
        return self.mappings_known == OF_ALL_HOSTS

    def method(self, operation: str, obj: Any = None) -> CopyMethod:
        """How ``clone_volume`` or ``volume_from_snapshot`` of this object is made."""
        return CopyMethod()


@dataclass(frozen=True)
class Connection:
    """How to reach an array and as whom. Times are seconds."""

    vendor: str
    address: Tuple[str, ...]
    port: Optional[int] = None
    username: Optional[str] = None
    password: Optional[str] = field(default=None, repr=False)
    private_key_file: Optional[str] = None
    private_key_passphrase: Optional[str] = field(default=None, repr=False)
    validate_certs: bool = True
    ca_path: Optional[str] = None
    tls_server_name: Optional[str] = None
    proxy: Optional[str] = None
    host_key: Optional[str] = None
    known_hosts: Optional[str] = None
    host_key_policy: str = "strict"
    timeout: float = 30.0
    wait_timeout: float = 600.0
    max_concurrency: int = 4
    options: Map[str, Any] = field(default_factory=dict)
    """What one vendor alone needs (cluster, tenant, array_version ...), under the names of connect.VENDORS."""
    withheld: Optional[str] = None
    """Why a password of the environment is not used: a sentence for the error when none is given."""


def names(items: Sequence[Any]) -> Tuple[str, ...]:
    return tuple(item.name for item in items)
