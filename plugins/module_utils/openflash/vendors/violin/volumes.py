# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes: pool selection, create, extend, rename, delete (sheet, sections 2.1, 2.2, 2.8 and 4)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, Dict, Optional, Sequence, Union

from ... import unfinished
from ...compare import grown_size, mapped_to, name_taken, new_size, unlike
from ...errors import BadReply, Busy, Conflict, InUse, Invalid, NoSpace, NotFound
from ...model import DEDUP, THICK, Volume, VolumeSpec
from ...transport.confirm import AnswerLost, confirm, extend_once, repeat
from ...units import MIB, format_size, round_up
from . import objects
from .facts import POLICY_KEYS, THIN_PART, kind_of, stamp_of
from .reading import Reading
from .refusals import NameTaken, NoArea, NoPolicy, Rejected
from .wire import AREAS, LUNS, POLICIES, TIMEMARKS, TIMEVIEWS, Object


class Volumes(Reading):
    """What Violin does with volumes, copies apart."""

    # -- pools -------------------------------------------------------------------------------------------------------

    def _choose_pool(self, kind: str, size: int, name: Optional[str] = None) -> Object:
        """The pool for a new LUN: that of the name, or the one with most (or least) room that has enough.

        A thin LUN needs no more than what the array allocates at once. On a 7700 the pool decides whether data is
        deduplicated, and only its owner knows which pools do (section 2.8).
        """
        rows = self._all_pools()
        fit = rows
        if name is not None:
            fit = [row for row in rows if row["name"] == name and not self._is_config(row)]
            if not fit:
                known = ", ".join(sorted(str(row["name"]) for row in rows if not self._is_config(row))) or "none"
                raise Invalid("there is no pool %s" % name, hint="The array has: %s." % known)
        fit = [row for row in fit if self._suits(str(row["name"]), kind)]
        if not any(not self._is_config(row) for row in fit):
            raise Invalid(
                "%s is not for %s volumes" % ("pool %s" % name if name else "no pool of the array", kind),
                hint="On a 7700 dedup_only_pools and dedup_capable_pools say which pools deduplicate.",
            )
        return self._with_room(fit, size // MIB if kind == THICK else -(-size // MIB // THIN_PART))

    def _with_room(self, rows: Sequence[Object], needed: int) -> Object:
        """Of these pools the one with most (or least) room that has so many MiB."""
        for row in sorted(rows, key=_room, reverse=not self._settings.smallest):
            if _room(row) >= needed and not self._is_config(row):
                return row
        fit = [row for row in rows if not self._is_config(row)]
        most = max(fit, key=_room) if fit else None
        raise NoSpace(
            "no pool has room for %s" % format_size(needed * MIB)
            + (": pool %s has %s" % (most["name"], format_size(_room(most) * MIB)) if most else ""),
            hint="Free some space, or name another pool.",
        )

    def _pool_of_area(self, needed: int) -> Object:
        """The pool for a snapshot resource: any will do, those that deduplicate everything only as the last."""
        rows = self._all_pools(fresh=False)
        best = [row for row in rows if self._suits(str(row["name"]), THICK)]
        try:
            return self._with_room(best, needed)
        except NoSpace:
            if len(best) == len(rows):
                raise
            return self._with_room(rows, needed)

    def _suits(self, pool: str, kind: str) -> bool:
        if not self._c.external:
            return True
        if kind == DEDUP:
            return pool in self._settings.dedup_only or pool in self._settings.dedup_capable
        return pool not in self._settings.dedup_only

    # -- create and change -------------------------------------------------------------------------------------------

    def create_volume(self, spec: VolumeSpec) -> Volume:
        """Three requests: the room in the pools, the LUN, and the list that shows it, for the next task to find."""
        with self._doing("create volume %s" % spec.name, spec.name):
            kind = spec.provisioning or THICK
            if kind not in self.capabilities.provisioning:
                raise Invalid("this array does not make %s volumes" % kind)
            size = new_size(spec.size, MIB)
            pool = self._choose_pool(kind, size, spec.pool)
            body = self._create_body(spec, kind, size // MIB, pool)
            made = self._post_or_find(spec, kind, size, body)
            if isinstance(made, Volume):
                return replace(made, pool=spec.pool or made.pool)
            options = {}
            if "encrypted" in self.capabilities.volume_options:
                options = {"encrypted": bool(spec.options.get("encrypted"))}
            return Volume(
                spec.name,
                size,
                id=made,
                provisioning=kind,
                pool=str(pool["name"]),
                mappings=(),
                snapshots=(),
                options=options,
            )

    def _create_body(self, spec: VolumeSpec, kind: str, megabytes: int, pool: Object) -> Dict[str, Any]:
        """Section 2.1. Every version takes these keys by name; encryption is asked for or not mentioned."""
        thin = kind != THICK
        body: Dict[str, Any] = {
            "name": spec.name,
            "sizeMB": -(-megabytes // THIN_PART) if thin else megabytes,
            "dedup": kind == DEDUP and not self._c.external,
            "storagepoolID": pool_id(pool),
            "thinProvisioning": {"enabled": thin, "fullSizeMB": megabytes},
        }
        if spec.options.get("encrypted"):
            body["encrypted"] = True
        return body

    def _post_or_find(self, spec: VolumeSpec, kind: str, size: int, body: Dict[str, Any]) -> Union[str, Volume]:
        """The id of the new LUN, or the volume that has the name already and is what was asked for."""

        def look() -> Optional[Volume]:
            there = self._volume(spec.name)
            return None if there is None else self._same_volume(there, kind, size, spec)

        def post() -> Union[str, Volume]:
            try:
                self._c.post(LUNS, body)
            except NameTaken:
                there = self._seen_in_time(look)
                if there is None:
                    raise
                return there
            return self._seen(lambda: self._id_listed(spec.name), "the volume")

        return confirm(post, look)

    def _id_listed(self, name: str) -> Optional[str]:
        rows = self._lun_rows(name)
        return str(rows[0]["object_id"]) if rows else None

    def _same_volume(self, there: Volume, kind: str, size: int, spec: VolumeSpec) -> Volume:
        """What has the name already, provided that it is of that size and kind."""
        if there.size != size:
            differs = "it has %s instead of %s" % (format_size(there.size), format_size(size))
        elif kind_of(there) != kind:
            differs = "it is %s and not %s" % ("a thin clone" if not there.independent else there.provisioning, kind)
        elif "encrypted" not in there.options and spec.options.get("encrypted"):
            differs = "the array does not tell whether it is encrypted"
        elif there.options.get("encrypted", False) != bool(spec.options.get("encrypted", False)):
            differs = "it is %sencrypted" % ("" if there.options.get("encrypted") else "not ")
        else:
            return there
        raise unlike("volume", there.name, differs)

    def extend_volume(self, volume: Volume, size: int) -> Volume:
        """Three requests: the wire takes what is to be added, so the real size is read before and after (section 4)."""
        with self._doing("extend volume %s to %s" % (volume.name, format_size(size)), volume.name):
            refusal = self.capabilities.refusal("extend_volume", volume, size=size)
            if refusal:
                raise self.unsupported("extend_volume", refusal, volume)
            size = round_up(size, MIB)
            lun_id = self._lun_id(volume)
            with self._alone_with(lun_id):
                found = self._grow(lun_id, volume.name, size)
            return replace(volume, size=found)

    def _grow(self, lun_id: str, name: str, size: int) -> int:
        """Add what is missing, by one request at most; the size that the LUN has then.

        The size is read immediately before. Another writer that grows the LUN between that read and the request is not
        noticed by the array, which takes a difference: the LUN is then larger than what was asked for.
        """
        shown = self._size(lun_id, name)
        real = max(shown, self._grown.get((lun_id, name), 0))
        size = grown_size(real, size, MIB)
        if real >= size:
            if shown < real:
                self._seen(lambda: self._size(lun_id, name) >= real, "the size")
            return real

        def expand() -> None:
            with self._or_gone(name):
                self._c.put("%s/%s" % (LUNS, lun_id), {"action": "expand", "sizeMB": (size - real) // MIB})
            self._grown[lun_id, name] = size

        return extend_once(expand, lambda: self._size(lun_id, name), size, self._seen_within, format_size)

    def _size(self, lun_id: str, name: str) -> int:
        return objects.megabytes(self._detail(lun_id, name), "size_mb") * MIB

    def rename_volume(self, volume: Volume, name: str) -> Volume:
        """Two requests: the name, and the volume that shows it."""
        with self._doing("rename volume %s to %s" % (volume.name, name), volume.name):
            with self._or_gone(volume.name):
                self._rename(self._lun_id(volume), name)
            return replace(volume, name=name)

    def _rename(self, lun_id: str, name: str) -> Object:
        """The LUN, as the array shows it under its new name."""

        def renamed() -> Optional[Object]:
            detail = self._detail(lun_id, name)
            return detail if detail.get("name") == name else None

        confirm(
            lambda: self._c.put("%s/%s" % (LUNS, lun_id), {"action": "update", "name": name}),
            lambda: self._is_there(lun_id, name),
            (NameTaken,),
        )
        return self._seen(renamed, "the new name")

    # -- delete ------------------------------------------------------------------------------------------------------

    def delete_volume(self, volume: Volume) -> None:
        """Seven requests at most: is it still the LUN that was read? Snapshots, policy and snapshot resource go before
        it, and only with it, and the list shows that it is gone. Besides, one and one for each host: whether it is
        mapped is read immediately before.

        :raises Conflict: it has another name now, or another LUN has its name.
        """
        with self._doing("delete volume %s" % volume.name, volume.name):
            lun_id = self._still_named(volume)
            if lun_id is None:
                return
            with self._alone_with(lun_id):
                if not volume.independent:
                    self._delete_clone(volume, lun_id)
                else:
                    self._delete_lun(volume.name, lun_id)

    def _still_named(self, volume: Volume) -> Optional[str]:
        """The id of the LUN that was read, which has its name still; None when it is gone. Two requests when no LUN has
        the name, else one.
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
            now = self._c.data("%s/%s" % (LUNS, volume.id)).get("name")
        except Rejected:
            return None
        if now in (None, "", volume.name):
            raise BadReply("the array has the volume, and does not list it")
        raise Conflict("it has been renamed to %s since it was read" % now, hint="Read it again.")

    def _refuse_mapped(self, name: str) -> None:
        hosts = self._mapped_to(name)
        if hosts:
            raise mapped_to(hosts)

    def _delete_lun(self, name: str, lun_id: str) -> None:
        try:
            self._clear(lun_id, name)
        except (Rejected, NotFound):
            if not self._is_there(lun_id, name):
                return
            raise
        self._remove("%s/%s" % (LUNS, lun_id), lun_id, name)

    def _remove(self, path: str, lun_id: str, name: str, params: Optional[Dict[str, Any]] = None) -> None:
        """DELETE; after a lost answer, or a refusal because it is gone already, the list decides."""
        confirm(lambda: self._c.delete(path, params), lambda: not self._is_there(lun_id, name), (Rejected,))
        self._grown.pop((lun_id, name), None)
        self._seen(lambda: not self._is_there(lun_id, name), "that the volume is gone")

    def _is_there(self, lun_id: str, name: str) -> bool:
        return any(str(row["object_id"]) == lun_id for row in self._lun_rows(name))

    def _clear(self, lun_id: str, name: str) -> None:
        """Remove policy and snapshot resource, once there is no snapshot left and nobody else's policy is set.

        Nothing changes before the last read, which is whether a host has it.
        """
        marks = self._timemarks(lun_id)
        if marks is not None:
            theirs = [mark for mark in marks if stamp_of(str(mark["comment"])) is None]
            if theirs:
                raise InUse(
                    "it has snapshots: %s" % ", ".join(sorted(str(mark["comment"]) for mark in theirs)),
                    hint="Delete them first.",
                )
            self._check_policy(lun_id)
            self._refuse_mapped(name)
            if [mark for mark in marks if not self._drop_leftover(mark)]:
                raise InUse(
                    "a thin clone depends on it, or is being made by another run",
                    hint="Delete its clones first. What a run on another host has left goes after wait_timeout.",
                )
            self._gone("%s/%s" % (POLICIES, lun_id), NoPolicy)
        else:
            self._refuse_mapped(name)
        self._gone("%s/%s" % (AREAS, lun_id), NoArea)

    def _check_policy(self, lun_id: str) -> None:
        try:
            policy = self._c.data("%s/%s" % (POLICIES, lun_id))
        except NoPolicy:
            return
        if not any(key in policy for key in POLICY_KEYS):
            raise InUse(
                "its snapshot policy cannot be understood, so it may be somebody else's",
                hint="Remove the policy with the array's own tools, when nobody needs it.",
            )
        set_by_others = [
            words
            for words, is_set in (
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

    def _gone(self, path: str, absent: Any) -> None:
        """DELETE of what only the LUN has. Twice does no harm."""
        with suppress(absent):
            repeat(lambda: self._c.delete(path))

    def _drop_leftover(self, mark: Object) -> bool:
        """Whether this was a snapshot for a thin clone whose run has ended, and is gone now."""
        stamp = stamp_of(str(mark["comment"]))
        if stamp is None or not unfinished.is_over(stamp, self._settings.wait_timeout):
            return False
        detail = self._c.data("%s/%s" % (TIMEMARKS, mark["object_id"]))
        if detail.get("timeview_object_id"):
            return False
        self._c.delete("%s/%s" % (TIMEMARKS, mark["object_id"]))
        return True

    def _delete_clone(self, volume: Volume, lun_id: str) -> None:
        """A thin clone, and with it the snapshot that was taken only for it."""
        try:
            detail = self._detail(lun_id, volume.name)
        except NotFound:
            return
        if detail.get("type") != objects.THIN_CLONE:
            raise name_taken()
        source = str((detail.get("timeview_data_set") or {}).get("object_id") or "")
        carriers = [
            mark
            for mark in (self._timemarks(source) or () if source else ())
            if stamp_of(str(mark["comment"])) is not None
            and self._c.data("%s/%s" % (TIMEMARKS, mark["object_id"])).get("timeview_object_id") == lun_id
        ]
        self._refuse_mapped(volume.name)
        self._remove("%s/%s" % (TIMEVIEWS, lun_id), lun_id, volume.name, {"keepTimeViewData": False})
        for mark in carriers:
            self._delete_carrier(source, mark)

    def _delete_carrier(self, source: str, mark: Object) -> None:
        """The snapshot that only a thin clone of ours needed."""
        try:
            self._c.delete("%s/%s" % (TIMEMARKS, mark["object_id"]))
            self._seen_in_time(lambda: not self._timemarks(source, str(mark["comment"])))
        except (Busy, Rejected, AnswerLost):
            pass  # it holds nothing any more, and goes with its volume or with the next clone of it


def pool_id(row: Object) -> Any:
    """The number under which requests name a pool."""
    return objects.converted(lambda item: item["storage_pool_id"], row)


def _room(row: Object) -> int:
    """MiB free in a pool."""
    return objects.megabytes(row, "availsize_mb")


def _enabled(policy: Object, key: str) -> bool:
    part = policy.get(key)
    return _is_set(part.get("enabled") if isinstance(part, dict) else part)


def _is_set(value: Any) -> bool:
    """The array writes some truth values as text (section 2.8)."""
    return bool(value) and str(value).strip().lower() not in ("false", "0", "no", "off", "disabled")
