# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes: create, extend, rename, delete (sheet, section 3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Optional

from ...compare import check_size, grown_size, mapped_to, name_taken, new_size, unlike
from ...errors import Invalid, NotFound
from ...model import Volume, VolumeSpec
from ...transport.confirm import confirm
from ...units import format_size
from . import objects
from .ledger import GRANULARITY
from .reading import Reading
from .refusals import NameTaken
from .session import Object


class Volumes(Reading):
    """Volumes, without copies."""

    def create_volume(self, spec: VolumeSpec) -> Volume:
        """One request. The serial is empty until the volume is first mapped (section 3)."""
        with self._doing("create volume %s" % spec.name, spec.name):
            self._in_this_pool(spec)
            size = new_size(spec.size, GRANULARITY)
            created = confirm(
                lambda: self._xms.create_volume(spec.name, size),
                lambda: self._same_volume(spec.name, size),
                (NameTaken,),
            )
            if isinstance(created, Volume):
                return created
            return Volume(
                spec.name,
                size,
                id=str(created[0]) if created else "",
                pool=self._xms.cluster,
                mappings=(),
                snapshots=(),
                groups=() if self._xms.is_v2 else None,
            )

    def _in_this_pool(self, spec: VolumeSpec) -> None:
        if spec.pool and spec.pool != self._xms.cluster:
            raise Invalid(
                "there is no pool %s" % spec.pool,
                hint="An XtremIO cluster is one pool, here %s; leave pool out." % self._xms.cluster,
            )

    def _same_volume(self, name: str, size: int) -> Optional[Volume]:
        """The existing object of this name, if it is a volume of this size; None when there is none."""
        item = self._xms.volume(name)
        if item is None:
            return None
        existing = self._volume_or_none(item)
        if existing is None:
            raise unlike("a snapshot of that name,", name, "it is read-only and no volume")
        check_size(name, existing.size, size)
        return existing

    def extend_volume(self, volume: Volume, size: int) -> Volume:
        """One request. It has the new size, so sending it twice does no harm (section 3)."""
        with self._doing("extend volume %s to %s" % (volume.name, format_size(size)), volume.name):
            size = grown_size(volume.size, size, GRANULARITY)
            if size > volume.size:
                self._xms.extend_volume(volume.name, size)
            return replace(volume, size=size)

    def rename_volume(self, volume: Volume, name: str) -> Volume:
        """One request."""
        with self._doing("rename volume %s to %s" % (volume.name, name), volume.name):
            self._rename(volume.name, name, lambda item: not volume.id or str(item.get("index")) == volume.id)
            return replace(volume, name=name)

    def delete_volume(self, volume: Volume) -> None:
        """Two requests: its mappings are read first, because the array deletes a mapped volume too (section 3).

        :raises InUse: it is mapped.
        """
        with self._doing("delete volume %s" % volume.name, volume.name):
            self._delete_unmapped(volume.name, volume.id)

    def _delete_unmapped(self, name: str, index: str) -> None:
        item = self._xms.volume(name, ("name", "index", "num-of-lun-mappings", "lun-mapping-list"))
        if item is None:
            return
        if index and str(item["index"]) != index:
            raise name_taken("object")
        mapped = objects.volume_mappings(item)
        if mapped or mapped is None:
            raise mapped_to(one.host for one in mapped or ())
        self._xms.delete_volume(name, int(item["index"]))

    def _rename(self, name: str, new_name: str, is_renamed: Callable[[Object], bool]) -> None:
        """One request. When the answer is lost, or nothing has the old name, the object of the new name decides.

        :param is_renamed: whether an object is the one that was to be renamed.
        """

        def renamed() -> bool:
            item = self._xms.volume(new_name)
            return item is not None and is_renamed(item)

        confirm(lambda: self._xms.rename_volume(name, new_name), renamed, (NotFound,))

    def _missing_object(self, error: NotFound, *names: str) -> NotFound:
        """The error with the names that are missing, which the array does not report: one request."""
        present = {item.get("name") for item in self._xms.volumes(names, ("name", "index"))}
        missing = [name for name in names if name not in present] or list(names)
        return NotFound("%s is not there" % " and ".join(missing), target=missing[0], code=error.code)
