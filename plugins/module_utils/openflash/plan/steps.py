# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The single things a plan does to an array, each of which can say itself in one line.

A step names objects; the model objects, with the array's ids, are looked up when it is carried out (see apply.py),
because an earlier step of the same plan may have made them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Mapping as Map, Optional, Tuple

from ..model import EVERY_HOST, Chap, Initiator, VolumeSpec
from ..units import format_initiator, format_size

Key = Tuple[str, ...]
"""What a step is about: ("volume", NAME), ("snapshot", VOLUME, NAME), ("host", NAME), ("map", HOST, VOLUME) ..."""


@dataclass(frozen=True)
class Step(ABC):
    item: Key
    """The desired object that wants it; results and errors are counted for that."""

    destructive: ClassVar[bool] = False
    """Whether it takes something away: content, a name that is deleted, a path from a host to a volume.

    Such a step comes after all others, and is not carried out when any step failed or any part of the task was refused.
    A rename is none: content and mappings stay, and it can be undone.
    """

    @property
    @abstractmethod
    def line(self) -> str:
        """What it does, for an operator to read."""

    def __str__(self) -> str:
        return self.line


def _new(spec: VolumeSpec) -> str:
    words = []
    if spec.size is not None:
        words.append("of " + format_size(spec.size))
    if spec.provisioning:
        words.append(spec.provisioning)
    if spec.pool:
        words.append("in pool " + spec.pool)
    return " ".join([spec.name] + words)


@dataclass(frozen=True)
class CreateVolume(Step):
    spec: VolumeSpec

    @property
    def line(self) -> str:
        return "create volume %s" % _new(self.spec)


@dataclass(frozen=True)
class CloneVolume(Step):
    spec: VolumeSpec
    source: str

    @property
    def line(self) -> str:
        return "clone volume %s to %s" % (self.source, _new(self.spec))


@dataclass(frozen=True)
class VolumeFromSnapshot(Step):
    spec: VolumeSpec
    snapshot: Key

    @property
    def line(self) -> str:
        return "create volume %s from snapshot %s" % (_new(self.spec), self.snapshot[-1])


@dataclass(frozen=True)
class ExtendVolume(Step):
    name: str
    before: int
    size: int

    @property
    def line(self) -> str:
        return "extend volume %s from %s to %s" % (self.name, format_size(self.before), format_size(self.size))


@dataclass(frozen=True)
class RenameVolume(Step):
    name: str
    to: str

    @property
    def line(self) -> str:
        return "rename volume %s to %s" % (self.name, self.to)


@dataclass(frozen=True)
class SetVolume(Step):
    name: str
    options: Map[str, Any] = field(default_factory=dict, compare=False)

    @property
    def line(self) -> str:
        return "set %s of volume %s" % (", ".join("%s=%s" % pair for pair in sorted(self.options.items())), self.name)


@dataclass(frozen=True)
class BringOnline(Step):
    """End what an earlier run began: it took the volume offline for a change and did not get further."""

    name: str

    @property
    def line(self) -> str:
        return "bring volume %s online, which an earlier run took offline" % self.name


@dataclass(frozen=True)
class DeleteVolume(Step):
    destructive = True

    name: str

    @property
    def line(self) -> str:
        return "delete volume %s" % self.name


@dataclass(frozen=True)
class CreateSnapshots(Step):
    """One snapshot, or several of one instant; ``items`` are the desired objects they fulfil."""

    items: Tuple[Key, ...]
    snapshots: Tuple[Tuple[str, str], ...]
    """(volume, snapshot) names."""
    atomic: bool = False
    quiesced: bool = False

    @property
    def line(self) -> str:
        what = ", ".join("%s of volume %s" % (name, volume) for volume, name in self.snapshots)
        if self.atomic:
            return "create snapshots at one instant: %s" % what
        return "create snapshot %s" % what


@dataclass(frozen=True)
class SnapshotGroup(Step):
    group: str
    name: str

    @property
    def line(self) -> str:
        return "create snapshot %s of every volume in group %s at one instant" % (self.name, self.group)


@dataclass(frozen=True)
class DeleteSnapshot(Step):
    destructive = True

    snapshot: Key

    @property
    def line(self) -> str:
        volume, name = self.snapshot[1], self.snapshot[2]
        return "delete snapshot %s%s" % (name, " of volume %s" % volume if volume else "")


@dataclass(frozen=True)
class RestoreSnapshot(Step):
    destructive = True

    snapshot: Key
    volume: str
    backup: str

    @property
    def line(self) -> str:
        return "restore volume %s from snapshot %s, keeping its present content as snapshot %s" % (
            self.volume,
            self.snapshot[-1],
            self.backup,
        )


@dataclass(frozen=True)
class CreateGroup(Step):
    name: str

    @property
    def line(self) -> str:
        return "create consistency group %s" % self.name


@dataclass(frozen=True)
class AddToGroup(Step):
    group: str
    volume: str

    @property
    def line(self) -> str:
        return "add volume %s to consistency group %s" % (self.volume, self.group)


def _ports(addresses: Tuple[str, ...]) -> str:
    return ", ".join(format_initiator(address) for address in addresses) or "no initiators"


@dataclass(frozen=True)
class CreateHost(Step):
    name: str
    initiators: Tuple[Initiator, ...] = ()
    os: Optional[str] = None
    chap: Optional[Chap] = None

    @property
    def line(self) -> str:
        ports = _ports(tuple(i.address for i in self.initiators))
        return "create host %s with %s%s" % (self.name, ports, " and os %s" % self.os if self.os else "")


@dataclass(frozen=True)
class AddInitiators(Step):
    name: str
    initiators: Tuple[Initiator, ...]
    chap: Optional[Chap] = None

    @property
    def line(self) -> str:
        return "add %s to host %s" % (_ports(tuple(i.address for i in self.initiators)), self.name)


@dataclass(frozen=True)
class RemoveInitiators(Step):
    destructive = True

    name: str
    addresses: Tuple[str, ...]

    @property
    def line(self) -> str:
        return "remove %s from host %s" % (_ports(self.addresses), self.name)


@dataclass(frozen=True)
class SetChap(Step):
    name: str
    chap: Chap

    @property
    def line(self) -> str:
        return "set the CHAP credentials of host %s" % self.name


@dataclass(frozen=True)
class SetHostOs(Step):
    name: str
    os: str

    @property
    def line(self) -> str:
        return "set the operating system of host %s to %s" % (self.name, self.os)


@dataclass(frozen=True)
class SetVolumeChap(Step):
    volume: str
    host: str
    chap: Chap

    @property
    def line(self) -> str:
        return "set the CHAP credentials of volume %s for host %s" % (self.volume, self.host)


@dataclass(frozen=True)
class DeleteHost(Step):
    destructive = True

    name: str

    @property
    def line(self) -> str:
        return "delete host %s" % self.name


@dataclass(frozen=True)
class MapVolume(Step):
    volume: str
    host: str
    lun: Optional[int] = None
    shared: bool = False
    """Other hosts may have it too."""

    @property
    def line(self) -> str:
        return "map volume %s to host %s%s" % (
            self.volume,
            self.host,
            "" if self.lun is None else " as LUN %d" % self.lun,
        )


@dataclass(frozen=True)
class UnmapVolume(Step):
    destructive = True

    volume: str
    host: str

    @property
    def line(self) -> str:
        if self.host == EVERY_HOST:
            return "end the access of every initiator to volume %s" % self.volume
        return "unmap volume %s from host %s" % (self.volume, self.host)
