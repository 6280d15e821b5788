# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots, clones and volumes from snapshots: copies made by the host that this runs on (sheet, section 2.5).

A copy is a vdisk under a temporary name, mapped to this host beside its source, filled, unmapped, and only then given
its name. The temporary name says when and by which process it was begun, of what, and whether the source was mapped for
it: whoever finds it later knows what to undo. An unfinished copy is never resumed, but removed once its run has ended
(see unfinished.py). Devices leave this host before the array unmaps their volumes.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple

from ... import unfinished
from ...attach.content import Progress, copy
from ...attach.disks import Disk, Tree
from ...attach.fabric import Fabric
from ...compare import copy_size
from ...errors import (
    Busy,
    Conflict,
    FlashError,
    Interrupted,
    InUse,
    Invalid,
    NotFound,
    Timeout,
    Unreachable,
    Unsupported,
)
from ...model import THICK, Host, Initiator, Mapping, Snapshot, SnapshotSpec, Volume, VolumeSpec
from ...transport.confirm import ATTEMPTS, AnswerLost, confirm
from ...units import parse_initiator
from .facts import (
    GRANULARITY,
    HOST_PREFIX,
    Temporary,
    digest_of,
    parse_snapshot,
    parse_temporary,
    snapshot_name,
    sources_of,
    temporary_name,
    unused_udid,
)
from .hosts import Hosts
from .refusals import AlreadyMapped, NameTaken, NeedsForce
from .volumes import Volumes
from .wire import Cli, Row, value


class _Source:
    """What is copied: a vdisk by its name on the array."""

    def __init__(self, vdisk: str, number: str, size: int, serial: Optional[str]) -> None:
        self.vdisk = vdisk
        self.number = number
        self.size = size
        self.serial = serial


class Copies(Volumes, Hosts):
    """What FlashSystem cannot do and this host does for it.

    :param fabrics: the ways from this host to the array, the better one first.
    :param patience: seconds after which a run on another host counts as ended.
    :param checksum: read every copy back and compare.
    """

    def __init__(
        self,
        cli: Cli,
        tree: Tree,
        fabrics: Sequence[Fabric],
        patience: float = 600.0,
        checksum: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(cli)
        self._tree = tree
        self._fabrics = tuple(fabrics)
        self._patience = patience
        self._checksum = checksum
        self._clock = clock
        self._path: Optional[Fabric] = None
        self._path_problem: Optional[str] = ""
        self._me: Optional[Host] = None
        self._made_for_copies: Optional[Host] = None
        self._lock = threading.RLock()
        self._source_locks: Dict[str, Any] = {}
        self._given: Set[str] = set()
        """Ids of the volumes that this task has given a udid."""
        self.progress: Optional[Progress] = None
        """Called with (bytes done, bytes in all) while a copy is made."""

    # -- the path ----------------------------------------------------------------------------------------------------

    def _no_path(self) -> Optional[str]:
        """Found out once: does an adapter of this host see a port of the array? Without one, nothing is asked."""
        with self._lock:
            if self._path_problem != "":
                return self._path_problem
            problems = []
            for fabric in self._fabrics:
                problem = fabric.no_path(self.ports().items if fabric.initiators() else ())
                if problem is None:
                    self._path = fabric
                    self._path_problem = None
                    return None
                problems.append(problem)
            self._path_problem = ", and ".join(problems)
            return self._path_problem

    def _fabric(self, operation: str) -> Fabric:
        problem = self.capabilities.refusal(operation)
        if problem is not None or self._path is None:
            raise Unsupported(problem or "this host has no path to the array", array=self.label)
        return self._path

    def _myself(self, fabric: Fabric) -> Host:
        """What the array calls this host: found by any of its ports, made when it is not there; once per task."""
        with self._lock:
            if self._me is None:
                addresses = fabric.initiators()
                name = HOST_PREFIX + (re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()) or "host")
                found = self.find_hosts(addresses)
                if found.items:
                    self._me = found.items[0]
                    if self._me.name == name:
                        self._made_for_copies = self._me  # by a run that was killed
                else:
                    ports = [Initiator(address, parse_initiator(address)[0]) for address in addresses]
                    self._me = self._made_for_copies = self.create_host(name, ports)
            return self._me

    def _leave(self) -> None:
        """Take away the host that was made only to copy; the array keeps one that somebody has mapped to by now."""
        host, self._me, self._made_for_copies = self._made_for_copies, None, None
        if host is not None:
            self.delete_host(host)

    # -- the operations ----------------------------------------------------------------------------------------------

    def clone_volume(self, source: Volume, spec: VolumeSpec) -> Volume:
        """Eight requests and the copy: see _copy. Independent of the source, and as large or larger."""
        with self._doing("clone volume %s to %s" % (source.name, spec.name), spec.name):
            origin = _Source(source.name, source.id, source.size, source.serial)
            return self._volume_copy("clone_volume", origin, source.name, spec)

    def volume_from_snapshot(self, snapshot: Snapshot, spec: VolumeSpec) -> Volume:
        """As clone_volume: a snapshot is a vdisk like any other."""
        with self._doing("make volume %s from snapshot %s" % (spec.name, snapshot.name), spec.name):
            row = next((row for row in self._rows or () if row.get("id") == snapshot.id), None)
            said = parse_snapshot(row["name"]) if row is not None else None
            if row is None or said is None or said.name != snapshot.name:
                row = self._vdisk(snapshot.id) if snapshot.id else None
                said = parse_snapshot(row["name"]) if row is not None else None
                if row is None or said is None or said.name != snapshot.name:
                    raise NotFound("snapshot %s is not there" % snapshot.name, target=snapshot.name)
            row = self._complete([row])[0]
            origin = _Source(row["name"], row["id"], int(row["capacity"]), row["vdisk_UID"].lower())
            return self._volume_copy("volume_from_snapshot", origin, snapshot.name, spec)

    def _volume_copy(self, operation: str, origin: _Source, shown: str, spec: VolumeSpec) -> Volume:
        size = copy_size(spec.size, origin.size, GRANULARITY)
        there = self._vdisk_listed(spec.name)
        if there is not None:
            return self._same_volume(spec.name, size, spec.pool)
        pool = self._pool_for(spec, size)
        made = self._copy(operation, origin, size, pool, spec.name, lambda consistent: spec.name)
        if made is None:
            return self._same_volume(spec.name, size, spec.pool)
        return Volume(
            spec.name,
            size,
            id=made.number,
            provisioning=THICK,
            pool=pool,
            serial=made.serial,
            used=size,
            source=shown,
            mappings=(),
            snapshots=(),
            groups=(),
        )

    def create_snapshots(self, specs: Sequence[SnapshotSpec], atomic: bool = False) -> Tuple[Snapshot, ...]:
        """One copy after the other. Several of one instant are refused."""
        if atomic and len(specs) > 1:
            raise self.unsupported("atomic_snapshots", "")
        return tuple(self._snapshot_copy(spec) for spec in specs)

    def _snapshot_copy(self, spec: SnapshotSpec) -> Snapshot:
        """The final name says whether a host had the source while it was copied."""
        volume = spec.volume
        with self._doing("take snapshot %s of %s" % (spec.name, volume.name), spec.name):
            row = self._listed_source(volume)
            serial = row["vdisk_UID"].lower()
            for source in sources_of(serial, row.get("udid") or ""):
                for kept in (True, False):
                    if self._vdisk_listed(snapshot_name(spec.name, source, kept)) is not None:
                        return self._the_snapshot(spec.name, volume)
            source = self._source_for_names(row)
            origin = _Source(volume.name, volume.id, volume.size, serial)
            pool = volume.pool or self._pool_for(VolumeSpec(spec.name), volume.size)
            final: List[bool] = []

            def name_it(consistent: bool) -> str:
                final.append(consistent or spec.quiesced)
                return snapshot_name(spec.name, self._source_at_the_end(row, source), final[-1])

            key = snapshot_name(spec.name, sources_of(serial, "")[0], True)
            made = self._copy("create_snapshots", origin, volume.size, pool, key, name_it)
            if made is None:
                return self._the_snapshot(spec.name, volume)
            return Snapshot(
                spec.name,
                volume.name,
                volume.size,
                id=made.number,
                volume_id=volume.id or None,
                serial=made.serial,
                mappings=(),
                crash_consistent=final[-1],
            )

    def _listed_source(self, volume: Volume) -> Row:
        """The volume's row of the last list of this task; one request when it is not complete there."""
        rows = self._vdisks() if self._rows is None else self._rows
        for row in rows:
            if row.get("id") == volume.id and row.get("name") == volume.name and row.get("vdisk_UID") and "udid" in row:
                if volume.serial in (None, row["vdisk_UID"].lower()):
                    return row
        return self._still_there(volume)

    def _source_for_names(self, row: Row) -> str:
        """What the names of the volume's snapshots say. The first snapshot gives the volume a udid: two requests.

        A udid that somebody has set since the list was read is not replaced. The number is that of no other volume, and
        none that a snapshot of an earlier volume with this UID has.
        """
        if not row.get("udid"):
            row["udid"] = self._same_now(row["name"], row["id"], row["vdisk_UID"].lower()).get("udid", "")
        if row["udid"]:
            return sources_of(row["vdisk_UID"], row["udid"])[0]
        rows = self._rows or ()
        number = unused_udid(
            row["vdisk_UID"], [other.get("udid", "") for other in rows], [other.get("name", "") for other in rows]
        )
        try:
            confirm(
                lambda: self._cli.change("chvdisk", "-udid", number, value(row["name"])),
                lambda: (self._vdisk(row["id"]) or {}).get("udid") == number,
            )
        except (Unsupported, Invalid):
            return sources_of(row["vdisk_UID"], "")[0]
        self._given.add(row["id"])
        row["udid"] = number
        return sources_of(row["vdisk_UID"], number)[0]

    def _source_at_the_end(self, row: Row, source: str) -> str:
        """The same when the copy is complete: another run may have given the volume its udid at the same moment."""
        if row["id"] in self._given:
            row["udid"] = (self._vdisk(row["id"]) or {}).get("udid") or row["udid"]
            return sources_of(row["vdisk_UID"], row["udid"])[0]
        return source

    def _the_snapshot(self, name: str, volume: Volume) -> Snapshot:
        for found in self.snapshots([name]):
            if found.name == name and found.volume == volume.name:
                return found
        raise NotFound("snapshot %s was there and is gone again" % name)

    def _vdisk_listed(self, name: str) -> Optional[Row]:
        """By the last list of this task; one is made when there is none."""
        rows = self._vdisks() if self._rows is None else self._rows
        return next((row for row in rows if row.get("name") == name), None)

    # -- the copy ----------------------------------------------------------------------------------------------------

    def _copy(
        self,
        operation: str,
        origin: _Source,
        size: int,
        pool: str,
        key: str,
        name_it: Callable[[bool], str],
    ) -> Optional[_Source]:
        """A copy under the name that ``name_it`` gives it, or None when something has that name already.

        Eight requests: the mappings that there are (is the source in use, and is it this host's already), create, map
        twice, the mappings again (the identities to look for), unmap twice, rename. One more when the array wants to be
        told that the source is mapped elsewhere too.
        """
        fabric = self._fabric(operation)
        me = self._myself(fabric)
        with self._source_lock(origin.vdisk), unfinished.begin(self._clock()) as stamp:
            return self._copy_alone(fabric, me, origin, size, pool, key, name_it, stamp)

    def _source_lock(self, vdisk: str) -> Any:
        """Two copies of one source side by side would take it from each other."""
        with self._lock:
            return self._source_locks.setdefault(vdisk, threading.Lock())

    def _copy_alone(
        self,
        fabric: Fabric,
        me: Host,
        origin: _Source,
        size: int,
        pool: str,
        key: str,
        name_it: Callable[[bool], str],
        stamp: unfinished.Stamp,
    ) -> Optional[_Source]:
        maps = self._all_mappings().items
        maps = self._sweep(fabric, me, maps, key, origin)
        elsewhere = [one for one in maps if one.volume == origin.vdisk]
        mine = any(one.host == me.name for one in elsewhere)
        temporary = temporary_name(stamp, not mine, origin.number, key)
        number = self._make(temporary, size, pool) or (self._vdisk_named(temporary) or {}).get("id", "")
        target = _Source(temporary, number, size, None)
        try:
            self._fill(fabric, me, origin, target, mine)
        except (AnswerLost, Timeout, Unreachable):
            # The array may not answer now: the name says to the next run what is to be removed.
            raise
        except (FlashError, Interrupted):
            self._drop(target)
            raise
        final = name_it(not elsewhere)
        try:
            self._rename(temporary, final, number)
        except NameTaken:
            self._drop(target)
            return None
        made = {"capacity": str(size), "vdisk_UID": str(target.serial), "status": "online", "mdisk_grp_name": pool}
        with self._lock:
            if self._rows is not None:
                # For what the same task makes of it; the list was made before.
                self._rows = [*self._rows, dict(made, id=number, name=final)]
        return target

    def _fill(self, fabric: Fabric, me: Host, origin: _Source, target: _Source, mine: bool) -> None:
        """Map, copy, take away. Whatever happens, devices go first and mappings second."""
        disks: List[Disk] = []
        to_unmap: List[str] = []
        try:
            to_unmap.append(target.vdisk)
            self._show(target.vdisk, me)
            if not mine:
                to_unmap.append(origin.vdisk)
                self._show(origin.vdisk, me)
            seen = self._seen_by(me)
            for one in (origin, target):
                if one.vdisk not in seen:
                    raise NotFound("volume %s is not mapped to host %s any more" % (one.vdisk, me.name))
                serial, _lun = seen[one.vdisk]
                if one.serial and one.serial != serial:
                    raise Conflict("another volume has taken the name %s since it was read" % one.vdisk)
                one.serial = serial
            ports = self.ports().items
            source_disk = fabric.attach(str(origin.serial), origin.size, seen[origin.vdisk][1], ports)
            if not mine:
                disks.append(source_disk)
            target_disk = fabric.attach(str(target.serial), target.size, seen[target.vdisk][1], ports)
            disks.append(target_disk)
            with fabric.disks.reading(source_disk) as reading, fabric.disks.writing(target_disk) as writing:
                copy(reading, writing, origin.size, self._checksum, self.progress)
        finally:
            self._undo(fabric, me, disks, to_unmap)

    def _undo(self, fabric: Fabric, me: Host, disks: Sequence[Disk], to_unmap: Sequence[str]) -> None:
        for disk in reversed(disks):
            fabric.detach(disk)
        for vdisk in to_unmap:
            self._hide(vdisk, me)

    def _show(self, vdisk: str, me: Host) -> None:
        """Map to this host, forcing it where the array asks for that: the source is only read, the target is new."""
        force: Tuple[str, ...] = ()
        for attempt in range(ATTEMPTS + 1):
            try:
                self._map_once(vdisk, self._array_name(me.name), None, force)
                return
            except AlreadyMapped:
                return
            except NeedsForce:
                if force:
                    raise
                force = ("-force",)
            except AnswerLost:
                if any(one.host == me.name for one in self._mappings_of_volume(vdisk)):
                    return
                if attempt >= ATTEMPTS - 1:
                    raise

    def _hide(self, vdisk: str, me: Host) -> None:
        for attempt in range(ATTEMPTS):
            lost = self._unmap_once(vdisk, me.name)
            if lost is None or not any(one.host == me.name for one in self._mappings_of_volume(vdisk)):
                return
            if attempt == ATTEMPTS - 1:
                raise lost

    def _seen_by(self, me: Host) -> Dict[str, Tuple[str, int]]:
        """(identity, LUN) of what is mapped to this host, by name."""
        rows = self._cli.table("lshostvdiskmap", self._array_name(me.name))
        return {row["vdisk_name"]: (row["vdisk_UID"].lower(), int(row["SCSI_id"])) for row in rows if "" not in row}

    def _drop(self, target: _Source) -> None:
        """Remove a copy that will not get its name."""
        try:
            self._remove(target.vdisk, target.number)
        except FlashError:
            pass  # the error that led here says more, and the next run removes it

    # -- what killed runs left ---------------------------------------------------------------------------------------

    def _sweep(
        self, fabric: Fabric, me: Host, maps: Sequence[Mapping], key: str, origin: _Source
    ) -> Tuple[Mapping, ...]:
        """Remove unfinished copies that are surely dead; Busy when a live one is of this very source or for this name.

        Dead: it carries our marker, its run has ended (see unfinished.py), only this host has it, and nobody on this
        host has it open. The array itself never copies. Returns the mappings that are left.
        """
        left = list(maps)
        for row in list(self._rows or ()):
            said = parse_temporary(row.get("name", ""))
            if said is None:
                continue
            concerns = said.digest == digest_of(key) or said.source == origin.number
            problem = self._alive(fabric, me, row, said, left)
            if problem is not None:
                if concerns:
                    raise Busy(
                        "another run is copying (%s): %s" % (row["name"], problem),
                        hint="Wait for it. If it runs on another host and is dead, it is removed once it is older than "
                        "wait_timeout.",
                    )
                continue
            left = self._bury(fabric, me, row, said, left)
        return tuple(left)

    def _alive(self, fabric: Fabric, me: Host, row: Row, said: Temporary, maps: Sequence[Mapping]) -> Optional[str]:
        if not unfinished.is_over(said.stamp, self._patience, self._clock()):
            return "it was begun %d s ago" % said.stamp.age(self._clock())
        others = sorted(one.host for one in maps if one.volume == row["name"] and one.host != me.name)
        if others:
            return "host %s has it" % others[0]
        disk = fabric.disks.find(row["vdisk_UID"].lower(), int(row["capacity"]))
        if disk is not None:
            try:
                with fabric.disks.writing(disk):
                    pass
            except InUse:
                return "it is open on this host"
            except FlashError:
                pass  # a stale path: nobody copies through that
        return None

    def _bury(self, fabric: Fabric, me: Host, row: Row, said: Temporary, maps: Sequence[Mapping]) -> List[Mapping]:
        """The device, the mappings, the vdisk: in this order, so that a run killed here is buried by the next."""
        name = row["name"]
        source = next((other for other in self._rows or () if other.get("id") == said.source), None)
        gone = {name}
        others = [parse_temporary(other.get("name", "")) for other in self._rows or () if other is not row]
        if said.mapped and source is not None and not any(o is not None and o.source == said.source for o in others):
            gone.add(source["name"])
        for vdisk in (source, row):
            if vdisk is None or vdisk["name"] not in gone:
                continue
            disk = fabric.disks.find(vdisk["vdisk_UID"].lower(), int(vdisk["capacity"]))
            if disk is not None:
                fabric.detach(disk)
            if any(one.volume == vdisk["name"] and one.host == me.name for one in maps):
                self._hide(vdisk["name"], me)
        self._remove(name, row["id"])
        with self._lock:
            self._rows = [other for other in self._rows or () if other is not row]
        return [one for one in maps if one.volume not in gone or one.host != me.name]

    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        """Refused: a volume half overwritten would carry its final name."""
        raise self.unsupported("restore_snapshot", "", snapshot)
