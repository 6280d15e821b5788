# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots and snapshot sets (sheet, section 4)."""

from __future__ import annotations

from typing import Sequence, Tuple

from ...array import SnapshotSets
from ...compare import unlike
from ...errors import InUse, Invalid, NotFound
from ...model import Snapshot, SnapshotSpec, Volume
from ...transport.confirm import confirm
from . import objects
from .copies import Copy
from .refusals import NameTaken
from .restore import Restores
from .wire import reference


class Snapshots(Restores, SnapshotSets):
    """Snapshots and snapshot sets."""

    def create_snapshots(self, specs: Sequence[SnapshotSpec], atomic: bool = False) -> Tuple[Snapshot, ...]:
        """On v2 read-only, two requests each, or one where the name is ``<volume>.<suffix>``. On v1 writable, one each.

        Atomic: one request for all, and a rename for each. After a failure request the same set again: the unfinished
        part of a killed run is removed, and the complete set is taken again.
        """
        with self._doing("take snapshot %s" % ", ".join(spec.name for spec in specs)):
            copies = [_snapshot_to_take(spec) for spec in specs]
            if atomic and len(copies) > 1:
                if not self._xms.is_v2:
                    raise self.unsupported("atomic_snapshots", "")
                if len({copy.source for copy in copies}) < len(copies):
                    raise Invalid("one instant cannot hold two snapshots of the same volume")
                existing = self._copy("snapshot", copies)
            else:
                existing = [self._copy("snapshot", [copy])[0] for copy in copies]
            return tuple(
                Snapshot(
                    copy.name,
                    copy.source,
                    copy.size,
                    id=copy.index or "",
                    volume_id=copy.source_id or None,
                    proven=self._xms.is_v2,
                    mappings=(),
                    children=(),
                )
                if found is None
                else objects.snapshot(found, proven=self._xms.is_v2)
                for copy, found in zip(copies, existing)
            )

    def delete_snapshot(self, snapshot: Snapshot) -> None:
        """Two requests: its mappings are read first, because the array deletes a mapped snapshot too.

        :raises InUse: it is mapped.
        """
        with self._doing("delete snapshot %s" % snapshot.name, snapshot.name):
            self._delete_unmapped(snapshot.name, snapshot.id)

    def create_snapshot_set(self, name: str, volumes: Sequence[Volume]) -> None:
        """Snapshots of these volumes at one instant, in a set and named by the array: one request."""
        with self._doing("take snapshot set %s" % name, name):
            if not self._xms.is_v2:
                raise self.unsupported("atomic_snapshots", "")
            source = {"volume-list": [reference(volume.name, volume.id) for volume in volumes]}

            def exists() -> bool:
                sources = {snapshot.volume for snapshot in self.snapshots_of_set(name)}
                if sources and sources != {volume.name for volume in volumes}:
                    raise unlike("snapshot set", name, "it is of %s" % ", ".join(sorted(map(str, sources))))
                return bool(sources)

            try:
                confirm(lambda: self._xms.create_snapshots(source, name), exists, (NameTaken,))
            except NotFound as error:
                raise self._missing_object(error, *[volume.name for volume in volumes]) from None

    def delete_snapshots_of_set(self, name: str) -> Tuple[Snapshot, ...]:
        """Delete a snapshot set with its members. Returns the members. Three requests, one where there is no such set.

        :raises InUse: a member is mapped; the array would delete it too.
        """
        with self._doing("delete snapshot set %s" % name, name):
            members = tuple(self.snapshots_of_set(name))
            for snapshot in members:
                if snapshot.mappings or snapshot.mappings is None:
                    hosts = ", ".join(sorted({mapping.host for mapping in snapshot.mappings or ()})) or "a host"
                    raise InUse("%s is mapped to %s" % (snapshot.name, hosts), hint="Unmap it first.")
            if members:
                self._xms.delete_snapshot_set(name)
            return members


def _snapshot_to_take(spec: SnapshotSpec) -> Copy:
    source = spec.volume
    return Copy(source.name, source.id, source.size, spec.name, tuple(source.snapshots or ()))
