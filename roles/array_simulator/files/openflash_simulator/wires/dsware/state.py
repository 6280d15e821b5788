# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The array as its own software sees it: names, MiB, pool numbers and return codes. All its interfaces end here."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from ...array import Array
from ...images import Images
from ...objects import Host, Pool, Volume, VolumeKind
from ...operation import Operation
from ...rules import ArrayError, InUse
from . import codes, ledger
from .codes import Refusal

MIB = 1 << 20
AGENT = "agent"


@contextmanager
def refusing() -> Iterator[None]:
    """Raise the refusals of the simulator's array as return codes."""
    try:
        yield
    except ArrayError as error:
        raise codes.from_array(error) from None


class DswareState:
    """Pools, volumes, snapshots and attachments of one array.

    An attachment is a mapping to a host that is an agent: a node that runs the block client, known by its address. The
    block device on that node is a file under ``device_root``; with a data path it is the file that holds the bytes.
    """

    def __init__(
        self,
        array: Array,
        clock: Callable[[], float],
        agents: Sequence[str],
        sick: Sequence[str],
        device_root: Path,
        copy_seconds: float,
        assumed: Callable[[str], Any],
        images: Images | None = None,
    ) -> None:
        self.array = array
        self.operation = Operation()
        self.assumed = assumed
        self.clock = clock
        self.agents = tuple(agents)
        self.sick = tuple(sick)
        self.device_root = device_root
        self.copy_seconds = copy_seconds
        self.images = images

    # ---- reading ---------------------------------------------------------------------------------------------------

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
        """Every volume or snapshot, or those in the pool of this number."""
        numbers = {known.name: known.id for known in self.pools()}
        return [row for row in self.array.volumes if row.kind == kind and pool in (None, numbers[row.pool])]

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
        sizes = (volume.size for volume in self.array.volumes if volume.pool == pool.name)
        return pool.others_provisioned + sum(sizes)

    def status(self, volume: Volume) -> int:
        filling = "restoring" in volume.attributes or self.array.progress(volume) < 1
        return ledger.DUPLICATING if filling else ledger.READY

    def created(self, volume: Volume) -> dict[str, float]:
        """When it was made, in seconds, where the array reports that."""
        return {"createTime": volume.created} if self.assumed("objects.create_time") else {}

    def father(self, volume: Volume) -> str:
        """The name of what it was made of or taken of; '' when there is none."""
        parent = self.array.parent(volume)
        return parent.name if parent else ""

    # ---- volumes ---------------------------------------------------------------------------------------------------

    def create_volume(self, name: str, mib: int, pool: int, *, thin: bool = True) -> Volume:
        self._check_name(name, codes.BAD_VOLUME_NAME)
        chosen = self.pool(pool)
        self._refuse_while_deleting(name)
        provisioning: Literal["thick", "thin"] = "thin" if thin else "thick"
        with refusing():
            volume = self.array.create_volume(name, mib * MIB, pool=chosen.name, provisioning=provisioning)
        return self._identified(volume)

    def _identified(self, volume: Volume) -> Volume:
        volume.wwn = (ledger.WWN_PREFIX + volume.uuid)[:32]
        return volume

    def expand_volume(self, name: str, mib: int) -> None:
        volume = self.volume(name)
        with refusing():
            self.array.extend_volume(volume, mib * MIB)
        for agent in self.agents:
            # The block client is part of the array: its device has the new size at once.
            device = self.device(volume, agent)
            if device and os.path.exists(device):
                os.truncate(device, volume.size)

    def delete_volume(self, name: str) -> None:
        volume = self.volume(name)
        self._check_deletable(volume)
        with refusing():
            self._delete(volume)

    def _delete(self, volume: Volume) -> None:
        for child in self.array.children(volume):
            if child.kind == "snapshot":
                self.array.delete_volume(child)
        self.array.delete_volume(volume)

    def delete_volume_later(self, name: str) -> None:
        """Begin to delete, as the socket does. The volume goes once a query has reported that it is being deleted."""
        volume = self.volume(name)
        self._check_deletable(volume)
        volume.attributes["deleting"] = self.clock()
        self.array.touched("volume.deleting", volume)

    def _check_deletable(self, volume: Volume) -> None:
        if self._deleting(volume):
            raise Refusal(codes.DELETING)
        if self.array.mappings_of(volume):
            raise Refusal(codes.VOLUME_MAPPED)
        has_snapshots = any(child.kind == "snapshot" for child in self.array.children(volume))
        if has_snapshots and self.assumed("volumes.deleted_with_snapshots") == "refused":
            raise Refusal(codes.REFERENCED)
        if self.status(volume) != ledger.READY:
            raise Refusal(codes.DUPLICATING)

    @staticmethod
    def _deleting(volume: Volume) -> bool:
        return "deleting" in volume.attributes

    def _refuse_while_deleting(self, name: str) -> None:
        found = self.array.find_volume(name, "volume")
        if found is not None and self._deleting(found):
            raise Refusal(codes.DELETING)

    def report_deleting(self, volume: Volume) -> bool:
        """Whether the volume is being deleted. It is reported once; the next query finds no volume."""
        if not self._deleting(volume):
            return False
        volume.attributes["reported"] = True
        return True

    def remove_deleted(self) -> None:
        """Remove volumes whose deletion was reported, or that were not queried for long. Called before each request."""
        for volume in self.array.volumes:
            if not self._deleting(volume):
                continue
            expired = self.clock() - volume.attributes["deleting"] > ledger.DELETE_SECONDS
            if volume.attributes.get("reported") or expired:
                with suppress(InUse):
                    self._delete(volume)

    def carry_out_restores(self) -> None:
        """End the restores that go on after their answer. Called before each request."""
        for volume in self.array.volumes:
            snapshot, end = volume.attributes.get("restoring", ("", 0.0))
            if not snapshot or self.clock() < end:
                continue
            del volume.attributes["restoring"]
            source = self.array.find_volume(snapshot, "snapshot")
            if source is not None:
                self.array.overwrite(volume, source)

    # ---- snapshots and copies --------------------------------------------------------------------------------------

    def create_snapshot(self, name: str, volume: str) -> Volume:
        source = self.volume(volume)
        self._check_name(name, codes.BAD_SNAPSHOT_NAME)
        if self._deleting(source):
            raise Refusal(codes.DELETING)
        content = {"content": source.attributes.get("content", source.uuid)}
        with refusing():
            made = self.array.create_snapshots([(source, name)], writable=False, attributes=content)
        return self._identified(made[0])

    def delete_snapshot(self, name: str) -> None:
        snapshot = self.snapshot(name)
        if self.array.children(snapshot) and self.assumed("snapshots.deleted_below_clone") == "refused":
            raise Refusal(codes.REFERENCED)
        with refusing():
            self.array.delete_volume(snapshot)

    def rollback(self, snapshot: str, volume: str) -> None:
        source, target = self.snapshot(snapshot), self.volume(volume)
        if self.array.parent(source) is not target:
            raise Refusal(codes.UNRELATED)
        if self.array.mappings_of(target):
            raise Refusal(codes.VOLUME_MAPPED)
        if self.status(target) != ledger.READY:
            raise Refusal(codes.DUPLICATING)
        when, _separator, code = ("_" + self.assumed("restore.answer")).rpartition("_")
        if when == "_refused":
            raise Refusal(int(code))
        if "later" in (when.strip("_"), code):
            with refusing():
                self.array.check_overwrite(target, source)
            target.attributes["restoring"] = (source.name, self.clock() + ledger.LATER_SECONDS)
            self.array.touched("volume.restoring", target)
        elif when != "_undone":
            with refusing():
                self.array.overwrite(target, source)
        if code not in ("0", "later"):
            raise Refusal(int(code))

    def create_linked_volume(self, name: str, snapshot: str, mib: int | None) -> Volume:
        source = self.snapshot(snapshot)
        self._check_name(name, codes.BAD_VOLUME_NAME)
        self._refuse_while_deleting(name)
        size = source.size if mib is None else mib * MIB
        if self.assumed("linked.size") == "of_snapshot":
            size = source.size
        if size < source.size:
            raise Refusal(codes.BAD_SIZE)
        with refusing():
            return self._identified(self.array.link_volume(source, name, size=size))

    def full_copy(self, name: str, snapshot: str) -> None:
        """Begin to copy a snapshot into an existing volume."""
        target, source = self.volume(name), self.snapshot(snapshot)
        if self.array.children(target) and self.assumed("refresh.used_volume") == "refused":
            raise Refusal(codes.REFERENCED)
        if self.array.mappings_of(target) and self.assumed("refresh.mapped") == "refused":
            raise Refusal(codes.VOLUME_MAPPED)
        if self.status(target) != ledger.READY:
            raise Refusal(codes.DUPLICATING)
        with refusing():
            self.array.copy_into(target, source, seconds=self.copy_seconds)

    def _check_name(self, name: str, code: int) -> None:
        pattern = self.assumed("names.characters")
        # What names are refused is only known where another pattern is played.
        pattern = ledger.NAME if ledger.is_default("dsware.names.characters", pattern) else pattern
        if not re.fullmatch(pattern, name) or len(name) > self.assumed("names.longest"):
            raise Refusal(code)

    # ---- attachments -----------------------------------------------------------------------------------------------

    def device(self, volume: Volume, agent: str) -> str:
        """The path of the block device on that agent; '' when it is not attached there."""
        host = self.array.hosts.find(agent)
        if host is None or self.array.find_mapping(volume, host) is None:
            return ""
        return str(self._device_path(volume, agent))

    def _device_path(self, volume: Volume, agent: str) -> Path:
        return self.device_root_of(agent) / f"sd{_letters(volume.id)}"

    def device_root_of(self, agent: str) -> Path:
        """The folder that stands for /dev on the agent's node."""
        return self.device_root / str(self.agents.index(agent))

    def by_id(self, volume: Volume, agent: str) -> Path:
        return self.device_root_of(agent) / "disk" / "by-id" / f"wwn-0x{volume.wwn}"

    def attach(self, name: str, agent: str) -> str:
        """Attach, and return the path of the device. Refused with ATTACHED when it is attached there already."""
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
        if len(self.array.mappings_of(volume)) >= ledger.ATTACHMENTS:
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
        """Detach. Refused with NOT_ATTACHED when it is not attached there."""
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
        """Remove all devices, after a reset."""
        for agent in self.agents:
            for path in sorted(self.device_root_of(agent).rglob("*"), reverse=True):
                if not path.is_dir() or path.is_symlink():
                    path.unlink()

    def restore_devices(self) -> None:
        """Make the devices of the attached volumes again, after a restart with saved state."""
        for mapping in self.array.mappings:
            host = self.array.hosts[mapping.host]
            if host.attributes.get(AGENT) and host.name in self.agents:
                self._make_device(self.array.volumes[mapping.volume], host.name)


def _letters(number: int) -> str:
    """The letters in the name of a block device: 1 -> a, 27 -> aa."""
    text = ""
    while number > 0:
        number, letter = divmod(number - 1, 26)
        text = chr(ord("a") + letter) + text
    return text
