# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots, clones and volumes from snapshots: copies made by the host that this runs on (sheet, section 2.5).

A copy is a vdisk under a temporary name. It is mapped to this host together with its source, written, unmapped, and
only then given its final name. The temporary name has the time and the process that began the copy, its source, and
whether the source was mapped for it, so that a later run can undo that. An unfinished copy is never resumed: it is
removed when its run has ended (see unfinished.py). Devices are removed from this host before the array unmaps their
volumes.
"""

from __future__ import annotations

import time
from typing import Callable, List, Optional, Sequence, Set, Tuple

from ... import unfinished
from ...attach.content import copy
from ...attach.disks import Disk
from ...attach.fabric import Fabric
from ...client import Locks
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
from ...model import THICK, Host, Mapping, Snapshot, SnapshotSpec, Volume, VolumeSpec
from ...progress import Report
from ...transport.confirm import AnswerLost, confirm
from .cli import Row
from .ledger import GRANULARITY
from .names import (
    Temporary,
    digest_of,
    is_unset,
    parse_snapshot,
    parse_temporary,
    snapshot_name,
    sources_of,
    temporary_name,
    unused_udid,
)
from .refusals import NameTaken, Rejected
from .this_host import ThisHost
from .wire import Commands


class _Source:
    """What is copied: a vdisk by its name on the array."""

    def __init__(self, vdisk: str, number: str, size: int, serial: Optional[str]) -> None:
        self.vdisk = vdisk
        self.number = number
        self.size = size
        self.serial = serial


class Copies(ThisHost):
    """What a FlashSystem cannot do and this host does: copies.

    :param fabrics: the data paths from this host to the array, the preferred one first.
    :param patience: seconds after which a run on another host counts as ended.
    :param checksum: read every copy back and compare.
    """

    def __init__(
        self,
        wire: Commands,
        fabrics: Sequence[Fabric],
        patience: float = 600.0,
        checksum: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(wire, fabrics, patience)
        self._patience = patience
        self._checksum = checksum
        self._clock = clock
        self._source_locks = Locks()
        self._given: Set[str] = set()
        """Ids of the volumes to which this task has given a udid."""

    # -- operations --------------------------------------------------------------------------------------------------

    def clone_volume(self, source: Volume, spec: VolumeSpec) -> Volume:
        """Eight requests and the copy: see _copy. The clone is independent of its source, and as large or larger."""
        with self._doing("clone volume %s to %s" % (source.name, spec.name), spec.name):
            origin = _Source(source.name, source.id, source.size, source.serial)
            return self._volume_copy("clone_volume", origin, source.name, spec)

    def volume_from_snapshot(self, snapshot: Snapshot, spec: VolumeSpec) -> Volume:
        """Requests and copy as in clone_volume: a snapshot is a vdisk like any other."""
        with self._doing("make volume %s from snapshot %s" % (spec.name, snapshot.name), spec.name):
            row = next((row for row in self._rows or () if row.get("id") == snapshot.id), None)
            parts = parse_snapshot(row["name"]) if row is not None else None
            if row is None or parts is None or parts.name != snapshot.name:
                row = self._vdisk(snapshot.id) if snapshot.id else None
                parts = parse_snapshot(row["name"]) if row is not None else None
                if row is None or parts is None or parts.name != snapshot.name:
                    raise NotFound("snapshot %s is not there" % snapshot.name, target=snapshot.name)
            row = self._complete([row])[0]
            origin = _Source(row["name"], row["id"], int(row["capacity"]), row["vdisk_UID"].lower())
            return self._volume_copy("volume_from_snapshot", origin, snapshot.name, spec)

    def _volume_copy(self, operation: str, origin: _Source, shown: str, spec: VolumeSpec) -> Volume:
        size = copy_size(spec.size, origin.size, GRANULARITY)
        if self._vdisk_listed(spec.name) is not None:
            return self._same_volume(spec.name, size, spec.pool)
        pool = self._pool_for(spec, size)
        made = self._copy(operation, origin, size, pool, spec.name, spec.name, lambda consistent: spec.name)
        if made is None:
            return self._same_volume(spec.name, size, spec.pool)
        return Volume(
            spec.name,
            made.size,
            id=made.number,
            provisioning=THICK,
            pool=pool,
            serial=made.serial,
            used=made.size,
            source=shown,
            mappings=(),
            snapshots=(),
            groups=(),
        )

    def create_snapshots(self, specs: Sequence[SnapshotSpec], atomic: bool = False) -> Tuple[Snapshot, ...]:
        """One copy after the other. Several at one instant are refused."""
        if atomic and len(specs) > 1:
            raise self.unsupported("atomic_snapshots", "")
        return tuple(self._snapshot_copy(spec) for spec in specs)

    def _snapshot_copy(self, spec: SnapshotSpec) -> Snapshot:
        """Take one snapshot. Its final name has whether the source was mapped to a host during the copy."""
        volume = spec.volume
        with self._doing("take snapshot %s of %s" % (spec.name, volume.name), spec.name):
            row = self._listed_source(volume)
            serial = row["vdisk_UID"].lower()
            for source in sources_of(serial, row.get("udid") or ""):
                for consistent in (True, False):
                    if self._vdisk_listed(snapshot_name(spec.name, source, consistent)) is not None:
                        return self._existing_snapshot(spec.name, volume)
            source = self._source_for_names(row)
            origin = _Source(volume.name, volume.id, volume.size, serial)
            pool = volume.pool or self._pool_for(VolumeSpec(spec.name), volume.size)
            consistent_at_end: List[bool] = []

            def name_it(consistent: bool) -> str:
                consistent_at_end.append(consistent or spec.quiesced)
                return snapshot_name(spec.name, self._source_at_end(row, source), consistent_at_end[-1])

            key = snapshot_name(spec.name, sources_of(serial, "")[0], True)
            made = self._copy("create_snapshots", origin, volume.size, pool, spec.name, key, name_it)
            if made is None:
                return self._existing_snapshot(spec.name, volume)
            return Snapshot(
                spec.name,
                volume.name,
                volume.size,
                id=made.number,
                volume_id=volume.id or None,
                serial=made.serial,
                mappings=(),
                crash_consistent=consistent_at_end[-1],
            )

    def _listed_source(self, volume: Volume) -> Row:
        """The volume's row in the last list of this task; one request when that row is incomplete."""
        rows = self._vdisks() if self._rows is None else self._rows
        for row in rows:
            if row.get("id") == volume.id and row.get("name") == volume.name and row.get("vdisk_UID") and "udid" in row:
                if volume.serial in (None, row["vdisk_UID"].lower()):
                    return row
        return self._present(volume)

    def _source_for_names(self, row: Row) -> str:
        """What identifies the volume in the names of its snapshots. The first snapshot gives it a udid: two requests.

        A udid that somebody set after the list was read is not replaced. A new one is a number that no other volume
        has, and that no snapshot of an earlier volume with this UID has in its name. The number 0 may be that of an
        OpenVMS host; where another volume reports it too, it is none.
        """
        if not row.get("udid"):
            row["udid"] = self._same_now(row["name"], row["id"], row["vdisk_UID"].lower()).get("udid", "")
        rows = self._rows or ()
        only = not any(other.get("udid") == row["udid"] for other in rows if other.get("id") != row["id"])
        if row["udid"] and (only or not is_unset(row["udid"])):
            return sources_of(row["vdisk_UID"], row["udid"])[0]
        number = unused_udid(
            row["vdisk_UID"], [other.get("udid", "") for other in rows], [other.get("name", "") for other in rows]
        )
        try:
            confirm(
                lambda: self._wire.set_udid(row["name"], number),
                lambda: (self._vdisk(row["id"]) or {}).get("udid") == number,
            )
        except (Unsupported, Invalid, Rejected):
            return sources_of(row["vdisk_UID"], "")[0]
        self._given.add(row["id"])
        row["udid"] = number
        return sources_of(row["vdisk_UID"], number)[0]

    def _source_at_end(self, row: Row, source: str) -> str:
        """The same when the copy is complete: another run may have set the volume's udid at the same moment."""
        if row["id"] in self._given:
            present = (self._vdisk(row["id"]) or {}).get("udid", "")
            row["udid"] = row["udid"] if is_unset(present) else present
            return sources_of(row["vdisk_UID"], row["udid"])[0]
        return source

    def _existing_snapshot(self, name: str, volume: Volume) -> Snapshot:
        for found in self.snapshots([name]):
            if found.name == name and found.volume == volume.name:
                return found
        raise NotFound("snapshot %s existed and has been deleted meanwhile" % name)

    def _vdisk_listed(self, name: str) -> Optional[Row]:
        """The vdisk of this name in the last list of this task, which is read when there is none."""
        rows = self._vdisks() if self._rows is None else self._rows
        return next((row for row in rows if row.get("name") == name), None)

    # -- the copy ----------------------------------------------------------------------------------------------------

    def _copy(
        self,
        operation: str,
        origin: _Source,
        size: int,
        pool: str,
        reported: str,
        key: str,
        name_it: Callable[[bool], str],
    ) -> Optional[_Source]:
        """Copy. None when a vdisk has the final name already.

        Eight requests: read the mappings (is the source mapped, and to this host), create, map twice, read the mappings
        again (the identities of the disks), unmap twice, rename. One more where the array demands ``-force`` because
        the source is mapped to another host.

        :param reported: the name under which the progress is reported.
        :param key: what identifies the copy in its temporary name: two runs that make the same copy have the same.
        :param name_it: gives the final name; its argument is whether no host had the source mapped.
        """
        fabric = self._fabric(operation)
        this_host = self._find_this_host(fabric)
        # One copy of a source at a time: of two, one would unmap it for the other.
        with self._source_locks.of(origin.vdisk), unfinished.begin(self._clock()) as stamp:
            with self.reports.copy(reported, origin.size) as report:
                return self._copy_alone(fabric, this_host, origin, size, pool, report, key, name_it, stamp)

    def _copy_alone(
        self,
        fabric: Fabric,
        this_host: Host,
        origin: _Source,
        size: int,
        pool: str,
        report: Report,
        key: str,
        name_it: Callable[[bool], str],
        stamp: unfinished.Stamp,
    ) -> Optional[_Source]:
        mappings = self._all_mappings().items
        mappings = self._remove_unfinished(fabric, this_host, mappings, key, origin)
        with self._lock:
            # No other run is at work on this copy (that is Busy), so the run that made the host was killed.
            self._made_for_copies = self._made_for_copies or self._found_made
        of_source = [mapping for mapping in mappings if mapping.volume == origin.vdisk]
        mapped_here = any(mapping.host == this_host.name for mapping in of_source)
        temporary = temporary_name(stamp, not mapped_here, origin.number, key)
        number = self._make(temporary, size, pool)
        if number is None:
            row = self._listed_in_time(lambda: self._vdisk_named(temporary))
            if row is None:
                raise self._not_listed("volume %s" % temporary)
            number = row["id"]
        size = self._size_made(temporary, size, pool)
        target = _Source(temporary, number, size, None)
        try:
            self._fill(fabric, this_host, origin, target, mapped_here, report)
        except (AnswerLost, Timeout, Unreachable):
            # The array may not answer now. The temporary name has what the next run needs to remove the copy.
            raise
        except (FlashError, Interrupted):
            self._drop(target)
            raise
        final = name_it(not of_source)
        try:
            self._rename(temporary, final, number)
        except NameTaken:
            self._drop(target)
            return None
        made = {"capacity": str(size), "vdisk_UID": str(target.serial), "status": "online", "mdisk_grp_name": pool}
        with self._lock:
            if self._rows is not None:
                # The same task may copy this volume, and the list was read before.
                self._rows = [*self._rows, dict(made, id=number, name=final)]
        return target

    def _fill(
        self,
        fabric: Fabric,
        this_host: Host,
        origin: _Source,
        target: _Source,
        mapped_here: bool,
        report: Report,
    ) -> None:
        """Map, copy, unmap. In any case the devices are removed first, and then the mappings."""
        disks: List[Disk] = []
        to_unmap: List[str] = []
        try:
            to_unmap.append(target.vdisk)
            self._map_here(fabric, target.vdisk, this_host)
            if not mapped_here:
                to_unmap.append(origin.vdisk)
                if not self._map_here(fabric, origin.vdisk, this_host):
                    to_unmap.remove(origin.vdisk)  # somebody else has just mapped it, and may need it
            visible = self._visible_to(this_host, (origin.vdisk, target.vdisk))
            for end in (origin, target):
                serial, _lun = visible[end.vdisk]
                if end.serial and end.serial != serial:
                    raise Conflict("another volume has the name %s since it was read" % end.vdisk)
                end.serial = serial
            ports = self.ports().items
            source_disk = fabric.attach(str(origin.serial), origin.size, visible[origin.vdisk][1], ports)
            if not mapped_here:
                disks.append(source_disk)
            target_disk = fabric.attach(str(target.serial), target.size, visible[target.vdisk][1], ports)
            disks.append(target_disk)
            with fabric.disks.reading(source_disk) as reading, fabric.disks.writing(target_disk) as writing:
                copy(
                    reading,
                    writing,
                    origin.size,
                    self._checksum,
                    lambda done, length: report(100.0 * done / length),
                )
        finally:
            self._undo(fabric, this_host, disks, to_unmap)

    def _undo(self, fabric: Fabric, this_host: Host, disks: Sequence[Disk], to_unmap: Sequence[str]) -> None:
        for disk in reversed(disks):
            fabric.detach(disk)
        for vdisk in to_unmap:
            self._unmap_here(vdisk, this_host)

    def _drop(self, target: _Source) -> None:
        """Remove a copy that will not get its final name."""
        try:
            self._remove(target.vdisk, target.number)
        except FlashError:
            pass  # the error that led here says more, and the next run removes it

    # -- unfinished copies of killed runs ----------------------------------------------------------------------------

    def _remove_unfinished(
        self, fabric: Fabric, this_host: Host, mappings: Sequence[Mapping], key: str, origin: _Source
    ) -> Tuple[Mapping, ...]:
        """Remove unfinished copies whose run has ended; Busy when one in progress has this source or makes this copy.

        A copy is removed when it has our temporary name, its run has ended (see unfinished.py), no other host has it
        mapped, and it is not open on this host. The array itself never copies. Returns the remaining mappings.
        """
        remaining = list(mappings)
        for row in list(self._rows or ()):
            copy_name = parse_temporary(row.get("name", ""))
            if copy_name is None:
                continue
            concerns = copy_name.digest == digest_of(key) or copy_name.source == origin.number
            problem = self._in_progress(fabric, this_host, row, copy_name, remaining)
            if problem is not None:
                if concerns:
                    raise Busy(
                        "another run is copying (%s): %s" % (row["name"], problem),
                        hint="Wait for it. If it runs on another host and has been killed, its copy is removed once it "
                        "is older than wait_timeout.",
                    )
                continue
            remaining = self._remove_copy(fabric, this_host, row, copy_name, remaining)
        return tuple(remaining)

    def _in_progress(
        self, fabric: Fabric, this_host: Host, row: Row, copy_name: Temporary, mappings: Sequence[Mapping]
    ) -> Optional[str]:
        """Why the copy may still be made, as a clause; None when its run has ended."""
        if not unfinished.is_over(copy_name.stamp, self._patience, self._clock()):
            return "it was begun %d s ago" % copy_name.stamp.age(self._clock())
        others = sorted(
            mapping.host for mapping in mappings if mapping.volume == row["name"] and mapping.host != this_host.name
        )
        if others:
            return "it is mapped to host %s" % others[0]
        disk = fabric.disks.find(row["vdisk_UID"].lower(), int(row["capacity"]))
        if disk is not None:
            try:
                with fabric.disks.writing(disk):
                    pass
            except InUse:
                return "it is open on this host"
            except FlashError:
                pass  # a stale path, through which nobody copies
        return None

    def _remove_copy(
        self, fabric: Fabric, this_host: Host, row: Row, copy_name: Temporary, mappings: Sequence[Mapping]
    ) -> List[Mapping]:
        """Remove the device, the mappings and the vdisk, in this order, so that the next run can finish the removal.

        Returns the remaining mappings.
        """
        name = row["name"]
        source = next((other for other in self._rows or () if other.get("id") == copy_name.source), None)
        unmapped = {name}
        others = [parse_temporary(other.get("name", "")) for other in self._rows or () if other is not row]
        shared = any(other is not None and other.source == copy_name.source for other in others)
        if copy_name.mapped and source is not None and not shared:
            unmapped.add(source["name"])
        for vdisk in (source, row):
            if vdisk is None or vdisk["name"] not in unmapped:
                continue
            disk = fabric.disks.find(vdisk["vdisk_UID"].lower(), int(vdisk["capacity"]))
            if disk is not None:
                fabric.detach(disk)
            if any(mapping.volume == vdisk["name"] and mapping.host == this_host.name for mapping in mappings):
                self._unmap_here(vdisk["name"], this_host)
        self._remove(name, row["id"])
        with self._lock:
            self._rows = [other for other in self._rows or () if other is not row]
        return [mapping for mapping in mappings if mapping.volume not in unmapped or mapping.host != this_host.name]

    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        """Refused: until it is overwritten completely, the volume would have a mixed content under its final name."""
        raise self.unsupported("restore_snapshot", "", snapshot)
