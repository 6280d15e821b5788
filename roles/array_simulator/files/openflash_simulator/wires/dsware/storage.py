# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the array does, in its own terms: names, MiB, pool numbers and return codes. Every wire comes here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ...array import Array
from ...images import Images
from ...objects import Host, Pool, Volume, VolumeKind
from ...rules import ArrayError, InUse
from . import codes, guesses
from .codes import Refusal

MIB = 1 << 20
AGENT = "agent"


@contextmanager
def refusing() -> Iterator[None]:
    """The array's refusals as return codes."""
    try:
        yield
    except ArrayError as error:
        raise codes.of(error) from None


class Storage:
    """Pools, volumes, snapshots and attachments of one array.

    An attachment is a mapping to a host that is an agent: a node with the block client on it, known by address. The
    device that it makes there is a file under ``device_root``; with a data path, the one that holds the bytes.
    """

    def __init__(
        self,
        array: Array,
        clock: Callable[[], float],
        agents: Sequence[str],
        sick: Sequence[str],
        device_root: Path,
        copy_seconds: float,
        images: Images | None = None,
    ) -> None:
        self.array = array
        self.clock = clock
        self.agents = tuple(agents)
        self.sick = tuple(sick)
        self.device_root = device_root
        self.copy_seconds = copy_seconds
        self.images = images

    # ---- looking ---------------------------------------------------------------------------------------------------

    def volume(self, name: str) -> Volume:
        return self._find(name, "volume", codes.NO_VOLUME)

    def snapshot(self, name: str) -> Volume:
        return self._find(name, "snapshot", codes.NO_SNAPSHOT)

    def _find(self, name: str, kind: VolumeKind, code: int) -> Volume:
        found = self.array.find_volume(name, kind)
        if found is None:
            raise Refusal(code)
        return found

    def all(self, kind: str, pool: int | None = None) -> list[Volume]:
        numbers = {one.name: one.id for one in self.pools()}
        return [one for one in self.array.volumes if one.kind == kind and pool in (None, numbers[one.pool])]

    def pools(self) -> list[Pool]:
        return list(self.array.pools.values())

    def pool(self, number: int) -> Pool:
        for pool in self.pools():
            if pool.id == number:
                return pool
        raise Refusal(codes.NO_POOL)

    def pool_of(self, volume: Volume) -> int:
        return self.array.pools[volume.pool].id

    def provisioned(self, pool: Pool) -> int:
        return sum(one.size for one in self.array.volumes if one.pool == pool.name)

    def status(self, volume: Volume) -> int:
        return guesses.READY if self.array.progress(volume) >= 1 else guesses.DUPLICATING

    def father(self, volume: Volume) -> str:
        parent = self.array.parent(volume)
        return parent.name if parent else ""

    # ---- volumes ---------------------------------------------------------------------------------------------------

    def create_volume(self, name: str, mib: int, pool: int, *, thin: bool = True) -> Volume:
        _check_name(name, codes.BAD_VOLUME_NAME)
        home = self.pool(pool)
        self._refuse_while_deleting(name)
        with refusing():
            volume = self.array.create_volume(name, mib * MIB, pool=home.name, provisioning="thin" if thin else "thick")
        return self._identified(volume)

    def _identified(self, volume: Volume) -> Volume:
        volume.wwn = (guesses.WWN_PREFIX + volume.uuid)[:32]
        return volume

    def expand_volume(self, name: str, mib: int) -> None:
        volume = self.volume(name)
        with refusing():
            self.array.extend_volume(volume, mib * MIB)
        for agent in self.agents:
            # The block client is the array's own, and follows it.
            device = self.device(volume, agent)
            if device and os.path.exists(device):
                os.truncate(device, volume.size)

    def delete_volume(self, name: str) -> None:
        volume = self.volume(name)
        self._check_deletable(volume)
        with refusing():
            self.array.delete_volume(volume)

    def delete_volume_later(self, name: str) -> None:
        """As the socket does it: accepted now, gone once somebody has seen it go."""
        volume = self.volume(name)
        self._check_deletable(volume)
        volume.attributes["deleting"] = self.clock()
        self.array.touched("volume.deleting", volume)

    def _check_deletable(self, volume: Volume) -> None:
        if self._deleting(volume):
            raise Refusal(codes.DELETING)
        if self.array.mappings_of(volume):
            raise Refusal(codes.VOLUME_MAPPED)
        if any(child.kind == "snapshot" for child in self.array.children(volume)):
            raise Refusal(codes.REFERENCED)
        if self.array.progress(volume) < 1:
            raise Refusal(codes.DUPLICATING)

    @staticmethod
    def _deleting(volume: Volume) -> bool:
        return "deleting" in volume.attributes

    def _refuse_while_deleting(self, name: str) -> None:
        found = self.array.find_volume(name, "volume")
        if found is not None and self._deleting(found):
            raise Refusal(codes.DELETING)

    def seen_deleting(self, volume: Volume) -> bool:
        """Whether it is on its way out; whoever asks has seen it, so the next look finds nothing."""
        if not self._deleting(volume):
            return False
        volume.attributes["seen"] = True
        return True

    def bury(self) -> None:
        """Remove what was deleted and seen to be, or what nobody looked at for long. Before every request."""
        for volume in self.array.volumes:
            if self._deleting(volume) and (
                volume.attributes.get("seen") or self.clock() - volume.attributes["deleting"] > guesses.DELETE_SECONDS
            ):
                with suppress(InUse):
                    self.array.delete_volume(volume)

    # ---- snapshots and copies --------------------------------------------------------------------------------------

    def create_snapshot(self, name: str, volume: str) -> Volume:
        source = self.volume(volume)
        _check_name(name, codes.BAD_SNAPSHOT_NAME)
        if self._deleting(source):
            raise Refusal(codes.DELETING)
        content = {"content": source.attributes.get("content", source.uuid)}
        with refusing():
            made = self.array.create_snapshots([(source, name)], writable=False, attributes=content)
        return self._identified(made[0])

    def delete_snapshot(self, name: str) -> None:
        with refusing():
            self.array.delete_volume(self.snapshot(name))

    def rollback(self, snapshot: str, volume: str) -> None:
        source, target = self.snapshot(snapshot), self.volume(volume)
        if self.array.parent(source) is not target:
            raise Refusal(codes.UNRELATED)
        if self.array.mappings_of(target):
            raise Refusal(codes.VOLUME_MAPPED)
        with refusing():
            self.array.overwrite(target, source)

    def linked_volume(self, name: str, snapshot: str, mib: int | None) -> Volume:
        source = self.snapshot(snapshot)
        _check_name(name, codes.BAD_VOLUME_NAME)
        self._refuse_while_deleting(name)
        size = source.size if mib is None else mib * MIB
        if size < source.size:
            raise Refusal(codes.BAD_SIZE)
        with refusing():
            return self._identified(self.array.link_volume(source, name, size=size))

    def full_copy(self, name: str, snapshot: str) -> None:
        """Copy a snapshot into a volume that is there already; takes a while."""
        target, source = self.volume(name), self.snapshot(snapshot)
        with refusing():
            self.array.copy_into(target, source, seconds=self.copy_seconds)

    # ---- attachments -----------------------------------------------------------------------------------------------

    def device(self, volume: Volume, agent: str) -> str:
        """The path of the block device on that agent; '' when it is not attached there."""
        host = self.array.hosts.find(agent)
        if host is None or self.array.find_mapping(volume, host) is None:
            return ""
        return str(self._device_path(volume, agent))

    def _device_path(self, volume: Volume, agent: str) -> Path:
        return self.root_of(agent) / f"sd{_letters(volume.id)}"

    def root_of(self, agent: str) -> Path:
        """Every agent is a machine with a /dev of its own."""
        return self.device_root / str(self.agents.index(agent))

    def by_id(self, volume: Volume, agent: str) -> Path:
        return self.root_of(agent) / "disk" / "by-id" / f"wwn-0x{volume.wwn}"

    def attach(self, name: str, agent: str) -> str:
        """The device's path. ATTACHED when it is attached there already."""
        if agent not in self.agents:
            raise Refusal(codes.BAD_NODE)
        if agent in self.sick:
            raise Refusal(codes.VBS_FAILED)
        volume = self.array.find_volume(name, "volume")
        if volume is None or self._deleting(volume):
            raise Refusal(codes.ATTACH_MISSING)
        host = self.array.hosts.find(agent) or self._new_agent(agent)
        if self.array.find_mapping(volume, host):
            raise Refusal(codes.ATTACHED)
        if len(self.array.mappings_of(volume)) >= guesses.ATTACHMENTS:
            raise Refusal(codes.TOO_MANY_ATTACHED)
        with refusing():
            self.array.map(volume, host)
        return str(self._make_device(volume, agent))

    def _make_device(self, volume: Volume, agent: str) -> Path:
        path, link = self._device_path(volume, agent), self.by_id(volume, agent)
        link.parent.mkdir(parents=True, exist_ok=True)
        if self.images is not None:
            path.unlink(missing_ok=True)
            path.symlink_to(self.images.image(volume))
        else:
            path.touch()
            with path.open("r+b") as stream:
                stream.truncate(volume.size)
        link.unlink(missing_ok=True)
        link.symlink_to(path)
        return path

    def detach(self, name: str, agent: str) -> None:
        """NOT_ATTACHED when it is not."""
        if agent not in self.agents:
            raise Refusal(codes.BAD_NODE)
        if agent in self.sick:
            raise Refusal(codes.VBS_FAILED)
        volume = self.array.find_volume(name, "volume")
        if volume is None:
            raise Refusal(codes.ATTACH_MISSING)
        host = self.array.hosts.find(agent)
        mapping = self.array.find_mapping(volume, host) if host else None
        if mapping is None:
            raise Refusal(codes.NOT_ATTACHED)
        self.array.unmap(mapping)
        self.by_id(volume, agent).unlink(missing_ok=True)
        self._device_path(volume, agent).unlink(missing_ok=True)

    def _new_agent(self, agent: str) -> Host:
        return self.array.create_host(agent, attributes={AGENT: True})

    def forget_devices(self) -> None:
        """After a reset: no device outlives its volume."""
        for agent in self.agents:
            for path in sorted(self.root_of(agent).rglob("*"), reverse=True):
                if not path.is_dir() or path.is_symlink():
                    path.unlink()

    def restore_devices(self) -> None:
        """After a restart with saved state: the devices of what is attached."""
        for mapping in self.array.mappings:
            host = self.array.hosts[mapping.host]
            if host.attributes.get(AGENT) and host.name in self.agents:
                self._make_device(self.array.volumes[mapping.volume], host.name)


def _check_name(name: str, code: int) -> None:
    if not re.fullmatch(guesses.NAME, name) or len(name) > guesses.NAME_LENGTH:
        raise Refusal(code)


def _letters(number: int) -> str:
    """1 -> a, 27 -> aa: how block devices are named."""
    text = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("a") + rest) + text
    return text
