# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes: create, extend, rename, delete (sheet, sections 2.1 to 2.4, and 4)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, Callable, Dict, Optional, Union

from ... import unfinished
from ...compare import grown_size, mapped_to, name_taken, new_size, unlike
from ...errors import BadReply, Busy, Conflict, InUse, Invalid, NotFound
from ...model import DEDUP, THICK, Volume, VolumeSpec
from ...transport.confirm import AnswerLost, confirm, extend_once, poll_after, repeat
from ...units import MIB, format_size, round_up
from . import objects
from .capabilities import kind_of
from .ledger import ENCRYPTED, POLICY_KEYS, THIN_PART
from .names import stamp_of
from .pools import Pools, pool_id
from .refusals import NameTaken, NoArea, NoPolicy, Rejected
from .session import Object, SessionEnded, has_text


class Volumes(Pools):
    """Volumes, without copies."""

    # -- create and change -------------------------------------------------------------------------------------------

    def create_volume(self, spec: VolumeSpec) -> Volume:
        """Three requests: the free space of the pools, the LUN, and the list with it, for the next task to find it."""
        with self._doing("create volume %s" % spec.name, spec.name):
            kind = spec.provisioning or THICK
            if kind not in self.capabilities.provisioning:
                raise Invalid("this array does not make %s volumes" % kind)
            size = new_size(spec.size, MIB)
            pool = self._choose_pool(kind, size, spec.pool)
            body = self._create_body(spec, kind, size // MIB, pool)
            id_or_volume = self._post_or_find(spec, kind, size, body)
            if isinstance(id_or_volume, Volume):
                return replace(id_or_volume, pool=spec.pool or id_or_volume.pool)
            options = {}
            if "encrypted" in self.capabilities.volume_options:
                options = {"encrypted": bool(spec.options.get("encrypted"))}
            return Volume(
                spec.name,
                size,
                id=id_or_volume,
                provisioning=kind,
                pool=str(pool["name"]),
                mappings=(),
                snapshots=(),
                options=options,
            )

    def _create_body(self, spec: VolumeSpec, kind: str, megabytes: int, pool: Object) -> Dict[str, Any]:
        """Section 2.1. Every version accepts these keys. ``encrypted`` is sent only where it is requested."""
        thin = kind != THICK
        body: Dict[str, Any] = {
            "name": spec.name,
            "sizeMB": -(-megabytes // THIN_PART) if thin else megabytes,
            "dedup": kind == DEDUP and not self._concerto.external,
            "storagepoolID": pool_id(pool),
            "thinProvisioning": {"enabled": thin, "fullSizeMB": megabytes},
        }
        if spec.options.get("encrypted"):
            body["encrypted"] = True
        return body

    def _post_or_find(self, spec: VolumeSpec, kind: str, size: int, body: Dict[str, Any]) -> Union[str, Volume]:
        """The id of the new LUN, or the existing volume of this name if it is as requested."""

        def existing() -> Optional[Volume]:
            volume = self._volume(spec.name)
            return None if volume is None else self._same_volume(volume, kind, size, spec)

        def post() -> Union[str, Volume]:
            try:
                self._concerto.create_lun(body)
            except NameTaken:
                volume = self._listed_in_time(existing)
                if volume is None:
                    raise
                return volume
            return self._listed(lambda: self._listed_id(spec.name), "the volume")

        return confirm(post, existing)

    def _listed_id(self, name: str) -> Optional[str]:
        rows = self._lun_rows(name)
        return str(rows[0]["object_id"]) if rows else None

    def _same_volume(self, existing: Volume, kind: str, size: int, spec: VolumeSpec) -> Volume:
        """The existing volume, if it has this size and kind, and is encrypted as requested."""
        if existing.size != size:
            differs = "it has %s instead of %s" % (format_size(existing.size), format_size(size))
        elif kind_of(existing) != kind:
            existing_kind = existing.provisioning if existing.independent else "a thin clone"
            differs = "it is %s and not %s" % (existing_kind, kind)
        elif "encrypted" not in existing.options and spec.options.get("encrypted"):
            differs = "the array does not report whether it is encrypted"
        elif existing.options.get("encrypted", False) != bool(spec.options.get("encrypted", False)):
            differs = "it is %sencrypted" % ("" if existing.options.get("encrypted") else "not ")
        else:
            return existing
        raise unlike("volume", existing.name, differs).fill(
            assumption=ENCRYPTED.id if spec.options.get("encrypted") and "encrypted" not in existing.options else None
        )

    def extend_volume(self, volume: Volume, size: int) -> Volume:
        """Three requests: the array is sent the size to add, so the size is read before and after (section 4)."""
        with self._doing("extend volume %s to %s" % (volume.name, format_size(size)), volume.name):
            refusal = self.capabilities.refusal("extend_volume", volume, size=size)
            if refusal:
                raise self.unsupported("extend_volume", refusal, volume)
            size = round_up(size, MIB)
            lun_id = self._lun_id(volume)
            with self._locked(lun_id):
                new_size_of_lun = self._grow(lun_id, volume.name, size)
            return replace(volume, size=new_size_of_lun)

    def _grow(self, lun_id: str, name: str, size: int) -> int:
        """Extend a LUN by what is missing, with one request at most. Returns the size that it then has.

        The size is read immediately before. If another writer extends the LUN between that read and the request, the
        array adds both: the LUN is then larger than requested.
        """
        reported_size = self._size(lun_id, name)
        present_size = max(reported_size, self._confirmed_sizes.get((lun_id, name), 0))
        size = grown_size(present_size, size, MIB)
        if present_size >= size:
            if reported_size < present_size:
                self._listed(lambda: self._size(lun_id, name) >= present_size, "the size")
            return present_size

        def expand() -> None:
            with self._not_found_if_deleted(name):
                try:
                    self._concerto.expand_lun(lun_id, (size - present_size) // MIB)
                except SessionEnded as error:
                    if not poll_after(error, lambda: self._size(lun_id, name) > present_size):
                        self._concerto.expand_lun(lun_id, (size - present_size) // MIB)
            self._confirmed_sizes[lun_id, name] = size

        return extend_once(expand, lambda: self._size(lun_id, name), size, self._listed_within, format_size)

    def _size(self, lun_id: str, name: str) -> int:
        detail = self._detail(lun_id, name)
        if has_text(detail, "name") and detail["name"] != name:
            raise name_taken()
        return objects.megabytes(detail, "size_mb") * MIB

    def rename_volume(self, volume: Volume, name: str) -> Volume:
        """Two requests: the new name, and the volume with it."""
        with self._doing("rename volume %s to %s" % (volume.name, name), volume.name):
            with self._not_found_if_deleted(volume.name):
                self._rename(self._lun_id(volume), name)
            return replace(volume, name=name)

    def _rename(self, lun_id: str, name: str) -> Object:
        """Rename a LUN. Returns its detail, with the new name."""

        def renamed() -> Optional[Object]:
            detail = self._detail(lun_id, name)
            return detail if detail.get("name") == name else None

        confirm(
            lambda: self._concerto.rename_lun(lun_id, name),
            lambda: self._lun_exists(lun_id, name),
            (NameTaken,),
        )
        return self._listed(renamed, "the new name")

    # -- delete ------------------------------------------------------------------------------------------------------

    def delete_volume(self, volume: Volume) -> None:
        """Seven requests at most: whether the name is still that of the LUN that was read; its snapshots; deletion of
        its policy, its snapshot resource and the LUN; and the list without it. Besides, one and one for each host, to
        read immediately before the deletion whether it is mapped.

        :raises Conflict: it has another name now, or another LUN has its name.
        :raises InUse: it is mapped, has snapshots, or somebody else's snapshot policy.
        """
        with self._doing("delete volume %s" % volume.name, volume.name):
            lun_id = self._still_named(volume)
            if lun_id is None:
                return
            with self._locked(lun_id):
                if not volume.independent:
                    self._delete_clone(volume, lun_id)
                else:
                    self._delete_lun(volume.name, lun_id)

    def _still_named(self, volume: Volume) -> Optional[str]:
        """The id of the LUN that was read, if it still has its name; None when it is deleted. Two requests when no LUN
        has the name, else one.
        """
        rows = self._lun_rows(volume.name)
        if rows:
            lun_id = str(rows[0]["object_id"])
            if volume.id not in ("", lun_id):
                raise name_taken()
            return lun_id
        if not volume.id:
            return None
        try:
            name_now = self._concerto.lun(volume.id).get("name")
        except Rejected:
            return None
        if name_now in (None, "", volume.name):
            raise BadReply("the array has the volume, and does not list it")
        raise Conflict("it has been renamed to %s since it was read" % name_now, hint="Read it again.")

    def _refuse_mapped(self, name: str) -> None:
        hosts = self._mapped_to(name)
        if hosts:
            raise mapped_to(hosts)

    def _delete_lun(self, name: str, lun_id: str) -> None:
        try:
            self._delete_snapshot_support(lun_id, name)
        except (Rejected, NotFound):
            if not self._lun_exists(lun_id, name):
                return
            raise
        self._delete_and_confirm(self._concerto.delete_lun, lun_id, name)

    def _delete_and_confirm(self, delete: Callable[[str], Object], lun_id: str, name: str) -> None:
        """Delete a LUN. After a lost answer, or a refusal because it is deleted already, the list decides."""
        confirm(lambda: delete(lun_id), lambda: not self._lun_exists(lun_id, name), (Rejected,))
        self._confirmed_sizes.pop((lun_id, name), None)
        self._listed(lambda: not self._lun_exists(lun_id, name), "that the volume is deleted")

    def _lun_exists(self, lun_id: str, name: str) -> bool:
        """Whether the LUN of this id has this name."""
        return any(str(row["object_id"]) == lun_id for row in self._lun_rows(name))

    def _delete_snapshot_support(self, lun_id: str, name: str) -> None:
        """Delete policy and snapshot resource of a LUN, if it has no snapshots and the policy is not somebody else's.

        Nothing is changed before the last read, which is whether the LUN is mapped.
        """
        timemarks = self._timemarks(lun_id)
        if timemarks is not None:
            snapshots = [str(timemark["comment"]) for timemark in timemarks]
            snapshots = sorted(comment for comment in snapshots if stamp_of(comment) is None)
            if snapshots:
                raise InUse("it has snapshots: %s" % ", ".join(snapshots), hint="Delete them first.")
            self._check_policy(lun_id)
            self._refuse_mapped(name)
            if [timemark for timemark in timemarks if not self._delete_unused_carrier(timemark)]:
                raise InUse(
                    "a thin clone depends on it, or is being made by another run",
                    hint="Delete its clones first. An unfinished copy of a run on another host is removed after "
                    "wait_timeout.",
                )
            with suppress(NoPolicy):
                repeat(lambda: self._concerto.delete_snapshot_policy(lun_id))
        else:
            self._refuse_mapped(name)
        with suppress(NoArea):
            repeat(lambda: self._concerto.delete_snapshot_area(lun_id))

    def _check_policy(self, lun_id: str) -> None:
        """Refuse when the policy does something that this collection never sets.

        :raises InUse: it takes snapshots by a schedule, keeps a journal, replicates, or cannot be understood.
        """
        try:
            policy = self._concerto.snapshot_policy(lun_id)
        except NoPolicy:
            return
        if not any(key in policy for key in POLICY_KEYS.value):
            raise InUse(
                "its snapshot policy cannot be understood, so it may be somebody else's",
                hint="Remove the policy with the array's own tools, when nobody needs it.",
                assumption=POLICY_KEYS.id,
            )
        set_by_others = [
            purpose
            for purpose, is_set in (
                ("takes snapshots by a schedule", _enabled(policy, "automatic")),
                ("keeps a CDP journal", _enabled(policy, "CDPOption")),
                ("replicates the volume", _enabled(policy, "triggerReplication")),
            )
            if is_set
        ]
        if set_by_others:
            raise InUse(
                "its snapshot policy %s, which this collection did not set" % " and ".join(set_by_others),
                hint="Somebody relies on it: turn that off on the array first.",
            )

    def _delete_unused_carrier(self, timemark: Object) -> bool:
        """Delete a snapshot that was taken for a thin clone, if its run has ended and it has no clone.

        Returns whether it was deleted.
        """
        stamp = stamp_of(str(timemark["comment"]))
        if stamp is None or not unfinished.is_over(stamp, self._settings.wait_timeout):
            return False
        if self._concerto.timemark(timemark["object_id"]).get("timeview_object_id"):
            return False
        self._concerto.delete_timemark(timemark["object_id"])
        return True

    def _delete_clone(self, volume: Volume, lun_id: str) -> None:
        """Delete a thin clone, and the snapshot that was taken only for it."""
        try:
            detail = self._detail(lun_id, volume.name)
        except NotFound:
            return
        if detail.get("type") != objects.THIN_CLONE:
            raise name_taken()
        source = str((detail.get("timeview_data_set") or {}).get("object_id") or "")
        carriers = [
            timemark
            for timemark in (self._timemarks(source) or () if source else ())
            if stamp_of(str(timemark["comment"])) is not None
            and self._concerto.timemark(timemark["object_id"]).get("timeview_object_id") == lun_id
        ]
        self._refuse_mapped(volume.name)
        self._delete_and_confirm(self._concerto.delete_timeview, lun_id, volume.name)
        for timemark in carriers:
            self._delete_carrier(source, timemark)

    def _delete_carrier(self, source: str, timemark: Object) -> None:
        """Delete the snapshot that only a deleted thin clone needed."""
        try:
            self._concerto.delete_timemark(timemark["object_id"])
            self._listed_in_time(lambda: not self._timemarks(source, str(timemark["comment"])))
        except (Busy, Rejected, AnswerLost):
            pass  # nothing depends on it any more: it is deleted with its volume, or by the next clone of it


def _enabled(policy: Object, key: str) -> bool:
    part = policy.get(key)
    return _is_set(part.get("enabled") if isinstance(part, dict) else part)


def _is_set(value: Any) -> bool:
    """Whether a value means true: the array sends some booleans as text (section 2.8)."""
    return bool(value) and str(value).strip().lower() not in ("false", "0", "no", "off", "disabled")
