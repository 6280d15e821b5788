# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes: create, extend, rename, delete (sheet, section 2.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional

from ...compare import check_size_and_pool, grown_size, mapped_to, name_taken, new_size
from ...errors import Conflict, Invalid, NotFound
from ...model import THICK, Snapshot, Volume, VolumeSpec
from ...transport.confirm import AnswerLost, confirm, extend_once
from ...units import format_size, round_up
from .cli import Row
from .ledger import CARRIED_OUT_AFTER, GRANULARITY
from .names import parse_snapshot
from .reading import Reading
from .refusals import NameTaken, Rejected


class Volumes(Reading):
    """What a FlashSystem does with volumes itself."""

    def create_volume(self, spec: VolumeSpec) -> Volume:
        """One request, and one more where the array may have rounded the size up to whole extents.

        The array does not report the identity; a later read has it.
        """
        with self._doing("create volume %s" % spec.name, spec.name):
            size = new_size(spec.size, GRANULARITY)
            pool = self._pool_for(spec, size)
            try:
                made = self._make(spec.name, size, pool)
            except NameTaken:
                return self._same_volume(spec.name, size, spec.pool)
            if made is None:
                return self._same_volume(spec.name, size, spec.pool)
            size = self._size_made(spec.name, size, pool)
            return Volume(
                spec.name, size, id=made, provisioning=THICK, pool=pool, used=size, mappings=(), snapshots=(), groups=()
            )

    def _make(self, name: str, size: int, pool: str) -> Optional[str]:
        """Create a vdisk; its id, or None when that has to be read after a lost answer. Raises NameTaken."""
        made = confirm(lambda: self._wire.mkvdisk(name, pool, size), lambda: self._vdisk_named(name), (Rejected,))
        return made if isinstance(made, str) else None

    def _pool_for(self, spec: VolumeSpec, size: int) -> str:
        """The requested pool, else the one with the most free space; most arrays have only one (section 0)."""
        names = [pool.name for pool in self._pools]
        if spec.pool is not None:
            if spec.pool not in names:
                known = ", ".join(names) or "none"
                raise Invalid("there is no pool %s" % spec.pool, hint="This array has %s." % known)
            return spec.pool
        if not names:
            raise NotFound("the array has no pool", hint="Create one on the array (mkarray).")
        return max(self._pools, key=lambda pool: pool.free).name

    def _same_volume(self, name: str, size: int, pool: Optional[str]) -> Volume:
        """The volume that has the name already. Raises Conflict unless it has that size and is in that pool."""
        row = self._vdisk_named(name)
        if row is None:
            raise NotFound("volume %s existed and has been deleted meanwhile" % name)
        volume = self._volume(row)
        extent = self._extents.get(volume.pool or "") or GRANULARITY
        if volume.size == round_up(size, extent):
            size = volume.size  # as the array may have made it
        return check_size_and_pool(volume, size, (pool,))

    def extend_volume(self, volume: Volume, size: int) -> Volume:
        """Two requests: the array takes the difference, so the present size is read first (section 2.2).

        When another writer extends the volume between the two, the array adds the difference to the new size, and the
        volume is then larger than requested.
        """
        with self._doing("extend volume %s to %s" % (volume.name, format_size(size)), volume.name):
            with self._alone_with(volume.name):
                now = int(self._present(volume)["capacity"])
                size = grown_size(now, size, GRANULARITY)
                if size > now:
                    size = self._grow(volume, now, size)
            return replace(volume, size=size, used=size)

    def _grow(self, volume: Volume, now: int, size: int) -> int:
        """Add the difference with one request at most. Returns the size that the volume then has."""
        confirmed: List[bool] = []

        def expand() -> None:
            self._wire.expandvdisksize(volume.name, size - now)
            confirmed.append(True)

        def read() -> int:
            # The command ends when the change is made (section 1), so only a lost answer needs a read.
            return size if confirmed else int(self._present(volume)["capacity"])

        try:
            size = extend_once(expand, read, size, 0.0, format_size)
        except AnswerLost as error:
            raise error.fill(assumption=CARRIED_OUT_AFTER) from None
        return self._size_made(volume.name, size, volume.pool or "")

    def _present(self, volume: Volume) -> Row:
        """The vdisk as it is now. Raises NotFound when it does not exist, Conflict when another one has its name."""
        return self._same_now(volume.name, volume.id, volume.serial)

    def _same_now(self, name: str, number: str, serial: Optional[str]) -> Row:
        row = self._vdisk_named(name)
        if row is None:
            raise NotFound("volume %s is not there" % name)
        self._check_same(row, number, serial)
        return row

    @staticmethod
    def _check_same(row: Row, number: str, serial: Optional[str]) -> None:
        other_serial = serial and row.get("vdisk_UID") and row["vdisk_UID"].lower() != serial
        if other_serial or (number and row.get("id") != number):
            raise name_taken()

    def rename_volume(self, volume: Volume, name: str) -> Volume:
        """One request."""
        with self._doing("rename volume %s to %s" % (volume.name, name), volume.name):
            self._rename(volume.name, name, volume.id)
            return replace(volume, name=name)

    def _rename(self, old: str, new: str, number: str) -> None:
        """One request. After a lost answer, or when no vdisk has the old name, the vdisk with the new name decides."""

        def renamed() -> bool:
            row = self._vdisk_named(new)
            return bool(row is not None and number and row.get("id") == number)

        try:
            confirm(lambda: self._wire.rename_vdisk(old, new), renamed, (NotFound, NameTaken, Rejected))
        except NotFound as error:
            raise NotFound("volume %s is not there" % old, code=error.code) from None
        except NameTaken as error:
            raise NameTaken("there is another volume %s" % new, code=error.code, hint="Choose another name.") from None

    def delete_volume(self, volume: Volume) -> None:
        """Three requests: an array may delete a volume that is mapped. ``-force``, which does, is never sent.

        :raises InUse: it is mapped.
        """
        with self._doing("delete volume %s" % volume.name, volume.name):
            row = self._vdisk_named(volume.name)
            if row is not None:
                self._check_same(row, volume.id, volume.serial)
                self._refuse_mapped(row["name"])
                self._remove(row["name"], row["id"])

    def _refuse_mapped(self, name: str) -> None:
        mapped = self._mappings_of_volume(name)
        if mapped.items or mapped.unreadable:
            raise mapped_to(mapping.host for mapping in mapped)

    def delete_snapshot(self, snapshot: Snapshot) -> None:
        """Three requests, as for a volume."""
        with self._doing("delete snapshot %s" % snapshot.name, snapshot.name):
            row = self._vdisk(snapshot.id)
            if row is None:
                return
            parts = parse_snapshot(row["name"])
            if parts is None or parts.name != snapshot.name:
                raise Conflict("another volume has its id since it was read", hint="Run the task again.")
            self._refuse_mapped(row["name"])
            self._remove(row["name"], row["id"])

    def _remove(self, name: str, number: str) -> None:
        """One request. Where the array says that it is not there, a read decides."""

        def deleted() -> bool:
            row = self._vdisk_named(name)
            return row is None or row.get("id") != number

        try:
            confirm(lambda: self._wire.rmvdisk(name), deleted, (Rejected,))
        except NotFound as error:
            if not self._listed_in_time(deleted):
                raise self._unsuitable(error) from None
