# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An image into a volume: always a new one, which gets its name when it holds the image and that is verified.

A volume that has the name is compared by what the array noted of it, else by reading it. When it differs, the two swap
names; where the array cannot rename, the new one is cloned under the name.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from typing import Any, Dict, Optional

from ..array import VolumeChap
from ..errors import Conflict, FlashError, Invalid, NoSpace, NotFound, Refused, Stopped, Unsupported
from ..model import OF_VOLUME, THICK, Listing, Volume, VolumeSpec
from ..plan.desired import DesiredState, DesiredVolume
from ..plan.draft import Plan
from ..plan.rules import check_complete, check_name, check_owner, check_size
from ..plan.steps import CreateVolume
from ..plan.world import Actual
from ..read import read
from ..units import format_size
from .common import Run, ended, quietly
from .data_path import DataPath
from .source import Source
from .work import Work


@dataclass(frozen=True)
class DesiredImport:
    """What a task asks for. Sizes are bytes; None leaves the choice to the image, or to the array."""

    name: str
    size: Optional[int] = None
    pool: Optional[str] = None
    provisioning: Optional[str] = None
    options: Dict[str, Any] = field(default_factory=dict)
    verify: bool = True
    keep_old: int = 1
    force: bool = False


def run(run: Run, desired: DesiredImport, source: Source) -> None:
    """Bring the volume to hold the image; what was done is in ``run.outcome``, also when it fails."""
    _Import(run, desired, source).carry()


class _Import:
    def __init__(self, run: Run, desired: DesiredImport, source: Source) -> None:
        self._run = run
        self._array = run.array
        self._desired = desired
        self._source = source
        self._lines = run.outcome.lines
        self._can_rename = run.array.capabilities.refusal("rename_volume") is None
        self._keeps = desired.keep_old > 0

    def carry(self) -> None:
        desired, run = self._desired, self._run
        check_name("volume", desired.name, self._array.capabilities.volume_name)
        check_owner(desired.name, "write", run.policy)
        run.recover(desired.name)
        actual = read(self._array, DesiredState(volumes=(self._desired_volume(desired.size),)))
        there = run.volume(desired.name)
        run.outcome.before = run.outcome.after = there
        as_it_is = None if there is None else self._compared(actual)
        if there is not None and self._is_recorded(there):
            return self._bring(actual, as_it_is)
        known = not (self._source.remote and run.check_mode)
        if known:
            self._source.open(run.qemu)
            self._check_holds_image()
        self._describe()
        if there is not None and not desired.force and self._holds(there):
            run.records.remember(there, self._source.digests())
            return self._bring(actual, as_it_is)
        self._check_replaceable(there)
        size = self._size(there) if known else None
        drawn = self._drawn_new(actual, there, size)
        if size is not None:
            self._check_room(size)
        self._plan(there, size)
        if run.check_mode:
            run.outcome.changed = True
            self._predict(drawn, size)
        else:
            self._replace(there, drawn)

    # -- the planner of the other modules ----------------------------------------------------------------------------

    def _desired_volume(self, size: Optional[int], like: Optional[Volume] = None) -> DesiredVolume:
        """The volume as the other modules would ask for it; where the task leaves pool and kind open, like another."""
        desired = self._desired
        pool, provisioning = desired.pool, desired.provisioning
        if like is not None:
            pool = pool or like.pool
            if provisioning is None and like.provisioning in self._array.capabilities.provisioning:
                provisioning = like.provisioning
        return DesiredVolume(desired.name, size=size, pool=pool, provisioning=provisioning, options=desired.options)

    def _compared(self, actual: Actual) -> Plan:
        """What is there, compared with what the task asks for: another pool or kind, or a smaller size, is refused at
        once. What the array cannot change counts only when the volume is not replaced anyway.
        """
        drawn = self._run.plan(actual, self._desired_volume(self._desired.size))
        for error in drawn.errors:
            if not isinstance(error, Unsupported):
                raise error
        return drawn

    def _drawn_new(self, actual: Actual, there: Optional[Volume], size: Optional[int]) -> Plan:
        """The plan of the new volume, whether or not another one has the name now.

        Where the size is not known (check mode does not fetch an image) it is the smallest that it can be.
        """
        able = self._array.capabilities
        least = size or max(self._desired.size or 0, there.size if there is not None else 0, able.smallest)
        others = Listing(tuple(one for one in actual.volumes if one.name != self._desired.name))
        drawn = self._run.plan(replace(actual, volumes=others), self._desired_volume(least, like=there))
        if drawn.errors:
            raise drawn.errors[0]
        return drawn

    def _bring(self, actual: Actual, drawn: Optional[Plan]) -> None:
        """A volume that holds the image: larger on request, and with the properties that the task asks for."""
        if drawn is None:
            return
        run = self._run
        if drawn.errors:
            raise drawn.errors[0]
        run.outcome.warnings += drawn.warnings
        self._lines += drawn.lines
        run.outcome.changed = bool(drawn.steps)
        if run.check_mode:
            run.outcome.after = drawn.world.volumes.get(self._desired.name)
        elif drawn.steps:
            run.apply(actual, drawn)
            run.outcome.after = run.volume(self._desired.name)

    # -- is it done already? -----------------------------------------------------------------------------------------

    def _is_recorded(self, there: Volume) -> bool:
        """The array itself noted that the volume was made of an image with the checksum that the task gives.

        Then nothing is read, and nothing fetched.
        """
        told = self._source.told()
        if not told or self._desired.force or not self._run.records.on_array:
            return False
        noted = self._run.records.of(there)
        return any(noted.get(name) == digest for name, digest in told.items())

    def _holds(self, there: Volume) -> bool:
        """Whether it holds the image, by the array's note or by reading it."""
        digests = self._source.digests() if not (self._source.remote and self._run.check_mode) else self._source.told()
        noted = self._run.records.of(there)
        common = set(noted) & set(digests)
        matches = bool(common) and all(noted[name] == digests[name] for name in common)
        if common and self._run.records.on_array:
            return matches
        hosts = self._run.hosts_of(there)
        if self._run.check_mode or hosts or hosts is None:
            # It cannot be read now. What this host remembers decides: a host that has the volume may have changed it.
            if not matches and not hosts and hosts is not None:
                self._run.outcome.warnings.append(
                    "Check mode does not map volume %s, so it cannot be compared with the image by reading it."
                    % there.name
                )
            return matches
        if there.size < self._source.size:
            return False
        work, data_path = self._run.begin(self._desired.name)
        with ended(work, data_path):
            self._run.progress.phase("comparing", self._source.size)
            with data_path.open(there, writable=False) as node:
                return self._run.qemu.same(self._source.node, node)

    # -- may it be done? ---------------------------------------------------------------------------------------------

    def _check_holds_image(self) -> None:
        if self._desired.size is not None and self._desired.size < self._source.size:
            raise Invalid(
                "a volume of %s is smaller than the disk of %s that the image describes"
                % (format_size(self._desired.size), format_size(self._source.size)),
                target=self._desired.name,
                hint="Leave size out, or make it at least that.",
            )

    def _size(self, there: Optional[Volume]) -> int:
        """What the volume shall have: never less than before, and no less than the smallest that the array makes."""
        able = self._array.capabilities
        before = there.size if there is not None else 0
        return check_size(max(self._desired.size or self._source.size, able.smallest, before), able)

    def _check_replaceable(self, there: Optional[Volume]) -> None:
        if there is None:
            return
        hosts = self._run.hosts_of(there)
        if hosts is None:
            raise Refused(
                "this array cannot be asked whether %s is mapped" % there.name,
                target=there.name,
                hint="When you know that no host uses it, set assume_unmapped: true.",
            )
        if hosts:
            raise Refused(
                "volume %s holds something else than the image, and it is mapped to %s"
                % (there.name, ", ".join("host %s" % host for host in hosts)),
                target=there.name,
                hint="Unmap it first (flash_host_map), or import under another name: force does not permit it.",
            )
        check_complete(there)
        if there.siblings:
            raise Refused(
                "volume %s shares its life with %s" % (there.name, ", ".join(there.siblings)),
                target=there.name,
                hint="Import under another name.",
            )
        if not self._can_rename and there.snapshots:
            raise Refused(
                "volume %s has snapshots, and this array cannot rename it to keep them" % there.name,
                target=there.name,
                hint="Delete its snapshots first, or import under another name.",
            )
        if not self._keeps:
            self._check_deletable(there)
        if self._keeps:
            check_name("volume", self._kept_name(), self._array.capabilities.volume_name)

    def _check_deletable(self, there: Volume) -> None:
        """An old volume that must not be deleted is kept; where it cannot be renamed either, it is not replaced."""
        error = self._run.why_not_deleted(there.name)
        if error is None:
            return
        if not self._can_rename:
            raise error
        self._keeps = True
        self._run.outcome.warnings.append("The present volume %s will be kept: %s" % (there.name, error))

    def _check_room(self, size: int) -> None:
        """An image that no pool can hold is refused before anything is made."""
        pools = [pool for pool in self._array.pools() if self._desired.pool in (None, pool.name)]
        if self._desired.pool is not None and not pools:
            known = ", ".join(sorted(pool.name for pool in self._array.pools()))
            raise NotFound("there is no pool %s" % self._desired.pool, hint="The array has: %s." % known)
        if not pools:
            return
        thick = (self._desired.provisioning or self._array.capabilities.provisioning[0]) == THICK
        best = max(pools, key=lambda pool: pool.free)
        needed, what = (
            (size, "thick volume of %s" % format_size(size)) if thick else (self._source.allocated(), "image")
        )
        if size > max(pool.size for pool in pools) or needed > best.free:
            raise NoSpace(
                "no pool has room for the %s: pool %s has %s of which %s are free"
                % (what, best.name, format_size(best.size), format_size(best.free)),
                target=self._desired.name,
                hint="Free some space, or name another pool.",
            )

    # -- what is to be done ------------------------------------------------------------------------------------------

    def _describe(self) -> None:
        known = self._source.digests() if self._source.node.size else self._source.told()
        self._run.outcome.image = {
            "source": self._source.label,
            "format": self._source.format or self._source.wanted,
            "virtual_size": self._source.size or None,
            "checksums": dict(known),
        }

    def _plan(self, there: Optional[Volume], size: Optional[int]) -> None:
        name, source = self._desired.name, self._source.label
        of = "" if size is None else " of %s" % format_size(size)
        self._lines.append("copy image %s into a new volume%s" % (source, of))
        if self._desired.verify:
            self._lines.append("read the volume back and compare it with the image")
        if there is not None and self._keeps:
            self._lines.append("keep the present volume %s under another name" % name)
        elif there is not None:
            self._lines.append("delete the present volume %s" % name)
        self._lines.append("give the new volume the name %s" % name)

    def _predict(self, drawn: Plan, size: Optional[int]) -> None:
        run = self._run
        run.outcome.after = drawn.world.volumes.get(self._desired.name)
        run.outcome.size_known = size is not None
        if size is None:
            run.outcome.warnings.append(
                "In check mode the image is not fetched, so it is not known how large its disk is, nor whether there "
                "is room for it."
            )

    # -- doing it ----------------------------------------------------------------------------------------------------

    def _replace(self, there: Optional[Volume], drawn: Plan) -> None:
        run = self._run
        self._lines[:] = []
        run.sweep(self._desired.name)
        spec = next(step.spec for step in drawn.steps if isinstance(step, CreateVolume))
        work, data_path = run.begin(self._desired.name)
        with ended(work, data_path):
            try:
                made = self._filled(work, data_path, replace(spec, name=work.temporary))
                self._swap(there, made, work)
            except BaseException:
                if not data_path.blocked:
                    quietly(lambda: self._take_back(work))
                raise
            work.note(made=False)
        self._plan(there, spec.size)
        run.outcome.after = final = run.volume(self._desired.name)
        if final is not None:
            run.records.remember(final, self._source.digests())
        if there is not None:
            self._prune()

    def _take_back(self, work: Work) -> None:
        """A new volume that did not get its name goes, so that no other task can ever take it for a fresh one."""
        run = self._run
        run.take_back(work)
        before, now = run.outcome.before, run.volume(self._desired.name)
        run.outcome.changed = (before.id if before else None) != (now.id if now else None)
        run.outcome.after = now

    def _filled(self, work: Work, data_path: DataPath, spec: VolumeSpec) -> Volume:
        """A new volume that holds the image, under its temporary name."""
        run, array = self._run, self._array
        work.note(made=True)
        array.create_volume(spec)
        made = run.volume(work.temporary)
        if made is None:
            raise NotFound("the new volume %s is gone again" % work.temporary)
        chap = run.settings.chap
        if chap is not None and array.capabilities.chap == OF_VOLUME:
            VolumeChap.of(array).set_volume_chap(made, chap)
        with data_path.open(made, writable=True) as node:
            run.progress.phase("copying", self._source.size)
            begun = time.monotonic()
            run.qemu.into(self._source.node, node)
            run.outcome.image["seconds"] = round(time.monotonic() - begun, 3)
            if self._desired.verify:
                run.progress.phase("verifying", self._source.size)
                if not run.qemu.same(self._source.node, node):
                    raise Conflict(
                        "the volume does not hold the image after it was copied",
                        target=self._desired.name,
                        hint="The new volume was removed, and nothing else changed. Look at the array, and whether the "
                        "image has changed meanwhile.",
                    )
        run.records.write(made, self._source.digests())
        return made

    def _kept_name(self) -> str:
        """A name for the old one that says when it was replaced."""
        return "%s-old-%s" % (self._desired.name, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._run.clock())))

    def _swap(self, there: Optional[Volume], made: Volume, work: Work) -> None:
        """The new volume gets the name. Nothing is noted or changed before it is sure that it may."""
        array, name = self._array, self._desired.name
        self._run.progress.phase("renaming")
        if there is not None:
            there = self._same_still(there)
        elif self._run.volume(name) is not None:
            raise _taken(name)
        kept = self._kept_name()
        if self._can_rename:
            if there is not None:
                # Also an old one that is not kept: the name is free for no longer than a request takes.
                kept = kept if self._keeps else work.temporary + "-old"
                swap = {"old": kept, "old_id": there.id, "made_id": made.id, "delete": not self._keeps}
                work.note(swap=swap)
                self._run.outcome.changed = True
                array.rename_volume(there, kept)
            array.rename_volume(made, name)
            if there is not None and not self._keeps:
                self._delete_old(kept)
        else:
            if there is not None:
                if self._keeps:
                    array.clone_volume(there, VolumeSpec(kept))
                self._run.outcome.changed = True
                array.delete_volume(there)
            try:
                array.clone_volume(made, VolumeSpec(name))
            except FlashError as error:
                if there is not None and self._keeps:
                    kept_as = "What volume %s held is in volume %s." % (name, kept)
                    error.hint = " ".join(filter(None, [error.hint, kept_as]))
                raise
            self._run.drop(work.temporary)
        self._run.outcome.changed = True
        if there is not None and self._keeps:
            self._run.outcome.image["kept"] = kept

    def _same_still(self, there: Volume) -> Volume:
        """A long copy later: nobody has begun to use what is to give up its name."""
        now = self._run.volume(there.name)
        if now is None or (now.id and there.id and now.id != there.id):
            raise _taken(there.name)
        self._check_replaceable(now)
        return now

    def _delete_old(self, name: str) -> None:
        try:
            self._run.delete(name)
        except Stopped:
            raise
        except FlashError as error:
            self._run.outcome.warnings.append("The old volume stays as %s: %s" % (name, error))

    def _prune(self) -> None:
        """Older ones that were kept, beyond keep_old; what is mapped or has snapshots or clones stays."""
        pattern = re.compile(re.escape(self._desired.name) + r"-old-[0-9]{8}T[0-9]{6}Z\Z")
        listing = self._array.volumes()
        if not listing.complete:
            return
        kept = sorted((one for one in listing if pattern.match(one.name)), key=lambda one: one.name)
        for old in kept[: max(0, len(kept) - self._desired.keep_old)]:
            self._delete_old(old.name)
            if self._run.volume(old.name) is None:
                self._lines.append("delete the old volume %s" % old.name)


def _taken(name: str) -> Conflict:
    return Conflict(
        "another volume has taken the name %s since it was read" % name, target=name, hint="Run the task again."
    )
