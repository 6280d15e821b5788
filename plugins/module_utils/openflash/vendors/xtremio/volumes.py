# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes: create, extend, rename, delete (sheet, section 3). Copies of them are in copies.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Optional

from ...compare import check_size, grown_size, mapped_to, name_taken, new_size, unlike
from ...errors import Invalid, NotFound
from ...model import Volume, VolumeSpec
from ...transport.confirm import confirm
from ...units import MIB, format_size
from . import objects
from .facts import GRANULARITY
from .reading import Reading
from .refusals import NameTaken
from .wire import Object


class Volumes(Reading):
    """What XtremIO does with volumes."""

    def create_volume(self, spec: VolumeSpec) -> Volume:
        """One request. The serial is empty until the volume is first mapped (section 3)."""
        with self._doing("create volume %s" % spec.name, spec.name):
            self._in_this_pool(spec)
            size = new_size(spec.size, GRANULARITY)
            body = {"vol-name": spec.name, "vol-size": megabytes(size)}
            index = confirm(
                lambda: self._xms.post("volumes", body), lambda: self._same_volume(spec.name, size), (NameTaken,)
            )
            if isinstance(index, Volume):
                return index
            return Volume(
                spec.name,
                size,
                id=str(index[0]) if index else "",
                pool=self._xms.cluster,
                mappings=(),
                snapshots=(),
                groups=() if self._xms.v2 else None,
            )

    def _in_this_pool(self, spec: VolumeSpec) -> None:
        if spec.pool and spec.pool != self._xms.cluster:
            raise Invalid(
                "there is no pool %s" % spec.pool,
                hint="An XtremIO cluster is one pool, here %s; leave pool out." % self._xms.cluster,
            )

    def _same_volume(self, name: str, size: int) -> Optional[Volume]:
        """What has the name already, provided it is a volume of that size."""
        there = self._object(name)
        if there is None:
            return None
        found = self._volume_or_none(there)
        if found is None:
            raise unlike("a snapshot of that name,", name, "it is read-only and no volume")
        check_size(name, found.size, size)
        return found

    def extend_volume(self, volume: Volume, size: int) -> Volume:
        """One request; the wire takes the new absolute size, so sending it twice does no harm (section 3)."""
        with self._doing("extend volume %s to %s" % (volume.name, format_size(size)), volume.name):
            size = grown_size(volume.size, size, GRANULARITY)
            if size > volume.size:
                self._xms.put("volumes", volume.name, {"vol-size": megabytes(size)}, idempotent=True)
            return replace(volume, size=size)

    def rename_volume(self, volume: Volume, name: str) -> Volume:
        """One request."""
        with self._doing("rename volume %s to %s" % (volume.name, name), volume.name):
            self._rename(volume.name, name, lambda there: not volume.id or str(there.get("index")) == volume.id)
            return replace(volume, name=name)

    def delete_volume(self, volume: Volume) -> None:
        """Two requests: the array deletes a mapped volume, mappings and all, without a word (section 3)."""
        with self._doing("delete volume %s" % volume.name, volume.name):
            self._delete_unmapped(volume.name, volume.id)

    def _delete_unmapped(self, name: str, index: str) -> None:
        there = self._xms.get("volumes", name, ("name", "index", "num-of-lun-mappings", "lun-mapping-list"))
        if there is None:
            return
        if index and str(there["index"]) != index:
            raise name_taken("object")
        mapped = objects.volume_mappings(there)
        if mapped or mapped is None:
            raise mapped_to(one.host for one in mapped or ())
        self._xms.delete("volumes", name, int(there["index"]))

    def _rename(self, name: str, to: str, is_it: Callable[[Object], bool]) -> None:
        """One request. When the answer is lost, or the old name is gone, what has the new name decides."""

        def renamed() -> bool:
            there = self._object(to)
            return there is not None and is_it(there)

        confirm(lambda: self._xms.put("volumes", name, {"vol-name": to}), renamed, (NotFound,))

    def _who_is_missing(self, error: NotFound, *names: str) -> NotFound:
        """The array says only that something is missing: look what."""
        there = {item.get("name") for item in self._xms.named("volumes", names, ("name", "index"))}
        gone = [name for name in names if name not in there] or list(names)
        return NotFound("%s is not there" % " and ".join(gone), target=gone[0], code=error.code)


def megabytes(size: int) -> str:
    """A number and a unit, which both versions take (section 3)."""
    return "%dm" % (size // MIB)
