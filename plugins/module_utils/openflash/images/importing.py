# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An import: an image is copied into a new volume, verified, and only then gets the name of the volume.

A volume that has the name already is compared with the image, by the array's note of its image or else by reading it.
When it differs, the two swap names. Where the array cannot rename, the new volume is cloned under the name.
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
from ..plan.draft import Plan, conditional
from ..plan.rules import check_complete, check_name, check_owner, check_size
from ..plan.step import CHANGE, MAKE, NEITHER, REMOVE, Line
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
    """What a task requests. Sizes are in bytes; None leaves the choice to the image, or to the array."""

    name: str
    size: Optional[int] = None
    pool: Optional[str] = None
    provisioning: Optional[str] = None
    options: Dict[str, Any] = field(default_factory=dict)
    verify: bool = True
    keep_old: int = 1
    force: bool = False


def run(run: Run, desired: DesiredImport, source: Source) -> None:
    """Make the volume hold the image. What was done is in ``run.outcome``, also when it fails."""
    _Import(run, desired, source).carry_out()


class _Import:
    def __init__(self, run: Run, desired: DesiredImport, source: Source) -> None:
        self._run = run
        self._array = run.array
        self._desired = desired
        self._source = source
        self._lines = run.outcome.lines
        self._can_rename = run.array.capabilities.refusal("rename_volume") is None
        self._keeps = desired.keep_old > 0

    def carry_out(self) -> None:
        desired, run = self._desired, self._run
        check_name("volume", desired.name, self._array.capabilities.volume_name)
        check_owner(desired.name, "write", run.policy)
        run.recover(desired.name)
        actual = read(self._array, DesiredState(volumes=(self._desired_volume(desired.size),)))
        existing = run.volume(desired.name)
        run.outcome.before = run.outcome.after = existing
        changes = None if existing is None else self._compared(actual)
        if existing is not None and self._is_recorded(existing):
            return self._change(actual, changes)
        if self._source.is_missing and run.check_mode and existing is None:
            run.outcome.assumes.append("image %s" % self._source.label)
        known = not (run.outcome.assumes or (self._source.remote and run.check_mode))
        if known:
            self._source.open(run.qemu)
            self._check_holds_image()
        self._describe()
        if existing is not None and not desired.force and self._holds(existing):
            run.records.remember(existing, self._source.digests())
            return self._change(actual, changes)
        self._check_replaceable(existing)
        size = self._size(existing) if known else None
        plan = self._plan_new(actual, existing, size)
        if size is not None:
            self._check_room(size)
        self._describe_replacement(existing, size)
        if run.check_mode:
            run.outcome.changed = True
            self._predict(plan, size)
        else:
            self._replace(existing, plan)

    # -- the planner of the other modules ------------------------------------------------------------------------------

    def _desired_volume(self, size: Optional[int], like: Optional[Volume] = None) -> DesiredVolume:
        """The desired volume for the planner. Pool and kind that the task leaves open are those of ``like``."""
        desired = self._desired
        pool, provisioning = desired.pool, desired.provisioning
        if like is not None:
            pool = pool or like.pool
            if provisioning is None and like.provisioning in self._array.capabilities.provisioning:
                provisioning = like.provisioning
        return DesiredVolume(desired.name, size=size, pool=pool, provisioning=provisioning, options=desired.options)

    def _compared(self, actual: Actual) -> Plan:
        """The plan that changes the existing volume to what the task requests.

        Another pool or kind, or a smaller size, is refused at once. What the array cannot change is refused only when
        the volume is not replaced anyway.
        """
        plan = self._run.plan(actual, self._desired_volume(self._desired.size))
        for error in plan.errors:
            if not isinstance(error, Unsupported):
                raise error
        return plan

    def _plan_new(self, actual: Actual, existing: Optional[Volume], size: Optional[int]) -> Plan:
        """The plan for the new volume, as if no other volume had the name.

        Where the size is not known, since check mode does not fetch an image, the plan has the smallest possible one.
        """
        capabilities = self._array.capabilities
        least = size or max(
            self._desired.size or 0, existing.size if existing is not None else 0, capabilities.smallest
        )
        others = Listing(tuple(volume for volume in actual.volumes if volume.name != self._desired.name))
        plan = self._run.plan(replace(actual, volumes=others), self._desired_volume(least, like=existing))
        if plan.errors:
            raise plan.errors[0]
        return plan

    def _change(self, actual: Actual, plan: Optional[Plan]) -> None:
        """Extend a volume that holds the image, and set its properties, as the task requests."""
        if plan is None:
            return
        run = self._run
        if plan.errors:
            raise plan.errors[0]
        run.outcome.warnings += plan.warnings
        self._lines += [plan.line(step) for step in plan.steps]
        run.outcome.changed = bool(plan.steps)
        if run.check_mode:
            run.outcome.after = plan.world.volumes.get(self._desired.name)
        elif plan.steps:
            run.apply(actual, plan)
            run.outcome.after = run.volume(self._desired.name)

    # -- does the volume hold the image already? -----------------------------------------------------------------------

    def _is_recorded(self, existing: Volume) -> bool:
        """Whether the array has a note that the volume was made of an image with the checksum of the task.

        Then nothing is read or fetched.
        """
        known = self._source.known_digests()
        if not known or self._desired.force or not self._run.records.on_array:
            return False
        noted = self._run.records.of(existing)
        return any(noted.get(name) == digest for name, digest in known.items())

    def _holds(self, existing: Volume) -> bool:
        """Whether the volume holds the image, by the note on the array or by reading it."""
        digests = (
            self._source.digests()
            if not (self._source.remote and self._run.check_mode)
            else self._source.known_digests()
        )
        noted = self._run.records.of(existing)
        common = set(noted) & set(digests)
        matches = bool(common) and all(noted[name] == digests[name] for name in common)
        if common and self._run.records.on_array:
            return matches
        hosts = self._run.hosts_of(existing)
        if self._run.check_mode or hosts or hosts is None:
            # It cannot be read now, so the record on this host decides, although a host may have changed the volume.
            if not matches and not hosts and hosts is not None:
                self._run.outcome.warnings.append(
                    "Check mode does not map volume %s, so it cannot be compared with the image by reading it."
                    % existing.name
                )
            return matches
        if existing.size < self._source.size:
            return False
        work, data_path = self._run.begin(self._desired.name)
        with ended(work, data_path):
            self._run.progress.phase("comparing", self._source.size)
            with data_path.open(existing, writable=False) as node:
                return self._run.qemu.same(self._source.node, node)

    # -- may the volume be replaced? -----------------------------------------------------------------------------------

    def _check_holds_image(self) -> None:
        if self._desired.size is not None and self._desired.size < self._source.size:
            raise Invalid(
                "a volume of %s is smaller than the disk of %s that the image describes"
                % (format_size(self._desired.size), format_size(self._source.size)),
                target=self._desired.name,
                hint="Leave size out, or make it at least that.",
            )

    def _size(self, existing: Optional[Volume]) -> int:
        """The size of the new volume: not smaller than the existing one, nor than the smallest of this array."""
        capabilities = self._array.capabilities
        before = existing.size if existing is not None else 0
        return check_size(max(self._desired.size or self._source.size, capabilities.smallest, before), capabilities)

    def _check_replaceable(self, existing: Optional[Volume]) -> None:
        if existing is None:
            return
        hosts = self._run.hosts_of(existing)
        if hosts is None:
            raise Refused(
                "this array cannot be asked whether %s is mapped" % existing.name,
                target=existing.name,
                hint="When you know that no host uses it, set assume_unmapped: true.",
            )
        if hosts:
            raise Refused(
                "volume %s does not hold the image, and it is mapped to %s"
                % (existing.name, ", ".join("host %s" % host for host in hosts)),
                target=existing.name,
                hint="Unmap it first (flash_host_map), or import under another name: force does not permit it.",
            )
        check_complete(existing)
        if existing.siblings:
            raise Refused(
                "volume %s cannot be deleted without %s" % (existing.name, ", ".join(existing.siblings)),
                target=existing.name,
                hint="Import under another name.",
            )
        if not self._can_rename and existing.snapshots:
            raise Refused(
                "volume %s has snapshots, and this array cannot rename it to keep them" % existing.name,
                target=existing.name,
                hint="Delete its snapshots first, or import under another name.",
            )
        if not self._keeps:
            self._check_deletable(existing)
        if self._keeps:
            check_name("volume", self._kept_name(), self._array.capabilities.volume_name)

    def _check_deletable(self, existing: Volume) -> None:
        """Keep an old volume that must not be deleted; where the array cannot rename it, refuse to replace it."""
        error = self._run.why_not_deleted(existing.name)
        if error is None:
            return
        if not self._can_rename:
            raise error
        self._keeps = True
        self._run.outcome.warnings.append("The existing volume %s will be kept: %s" % (existing.name, error))

    def _check_room(self, size: int) -> None:
        """Refuse an image that no pool can hold, before anything is created."""
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

    # -- result and plan -----------------------------------------------------------------------------------------------

    def _describe(self) -> None:
        known = self._source.digests() if self._source.node.size else self._source.known_digests()
        self._run.outcome.image = {
            "source": self._source.label,
            "format": self._source.format or self._source.desired_format,
            "virtual_size": self._source.size or None,
            "checksums": dict(known),
        }

    def _describe_replacement(self, existing: Optional[Volume], size: Optional[int]) -> None:
        name, source = self._desired.name, self._source.label
        of = "" if size is None else " of %s" % format_size(size)
        text = "copy image %s into a new volume%s" % (source, of)
        self._lines.append(Line(conditional(text, self._run.outcome.assumes), MAKE))
        if self._desired.verify:
            self._lines.append(Line("read the volume back and compare it with the image", NEITHER))
        if existing is not None and self._keeps:
            self._lines.append(Line("keep the existing volume %s under another name" % name, CHANGE))
        elif existing is not None:
            self._lines.append(Line("delete the existing volume %s" % name, REMOVE, destructive=True))
        self._lines.append(Line("give the new volume the name %s" % name, NEITHER))

    def _predict(self, plan: Plan, size: Optional[int]) -> None:
        run = self._run
        run.outcome.after = plan.world.volumes.get(self._desired.name)
        run.outcome.size_known = size is not None
        if size is None:
            how = "does not fetch the image" if self._source.remote else "does not find the image"
            run.outcome.warnings.append(
                "Check mode %s, so the size of its disk is not known, nor whether a pool has room for it." % how
            )

    # -- copying and renaming ------------------------------------------------------------------------------------------

    def _replace(self, existing: Optional[Volume], plan: Plan) -> None:
        run = self._run
        self._lines[:] = []
        run.sweep(self._desired.name)
        spec = next(step.spec for step in plan.steps if isinstance(step, CreateVolume))
        work, data_path = run.begin(self._desired.name)
        with ended(work, data_path):
            try:
                made = self._filled(work, data_path, replace(spec, name=work.temporary))
                self._swap(existing, made, work)
            except BaseException:
                if not data_path.blocked:
                    quietly(lambda: self._take_back(work))
                raise
            work.note(made=False)
        self._describe_replacement(existing, spec.size)
        run.outcome.after = final = run.volume(self._desired.name)
        if final is not None:
            run.records.remember(final, self._source.digests())
        if existing is not None:
            self._prune()

    def _take_back(self, work: Work) -> None:
        """Delete a new volume that did not get its name, so that no other task can take it for an up-to-date one."""
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
            raise NotFound("the new volume %s is not on the array any more" % work.temporary)
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
                        hint="The new volume was deleted, and nothing else changed. Check the state of the array, and "
                        "whether the image has changed meanwhile.",
                    )
        run.records.write(made, self._source.digests())
        return made

    def _kept_name(self) -> str:
        """The name that the old volume gets, with the time at which it is replaced."""
        return "%s-old-%s" % (self._desired.name, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._run.clock())))

    def _swap(self, existing: Optional[Volume], made: Volume, work: Work) -> None:
        """Give the new volume the name. It is checked first that it may; nothing is noted or changed before."""
        array, name = self._array, self._desired.name
        self._run.progress.phase("renaming")
        if existing is not None:
            existing = self._read_again(existing)
        elif self._run.volume(name) is not None:
            raise _taken(name)
        kept = self._kept_name()
        if self._can_rename:
            if existing is not None:
                # Also when it is not kept: the name is then free for the time of one request only.
                kept = kept if self._keeps else work.temporary + "-old"
                swap = {"old": kept, "old_id": existing.id, "made_id": made.id, "delete": not self._keeps}
                work.note(swap=swap)
                self._run.outcome.changed = True
                array.rename_volume(existing, kept)
            array.rename_volume(made, name)
            if existing is not None and not self._keeps:
                self._delete_old(kept)
        else:
            if existing is not None:
                if self._keeps:
                    array.clone_volume(existing, VolumeSpec(kept))
                self._run.outcome.changed = True
                array.delete_volume(existing)
            try:
                array.clone_volume(made, VolumeSpec(name))
            except FlashError as error:
                if existing is not None and self._keeps:
                    kept_as = "What volume %s held is in volume %s." % (name, kept)
                    error.hint = " ".join(filter(None, [error.hint, kept_as]))
                raise
            self._run.drop(work.temporary)
        self._run.outcome.changed = True
        if existing is not None and self._keeps:
            self._run.outcome.image["kept"] = kept

    def _read_again(self, existing: Volume) -> Volume:
        """The existing volume as it is after the copy, which may have taken long: still the same, and unused."""
        now = self._run.volume(existing.name)
        if now is None or (now.id and existing.id and now.id != existing.id):
            raise _taken(existing.name)
        self._check_replaceable(now)
        return now

    def _delete_old(self, name: str) -> None:
        try:
            self._run.delete(name)
        except Stopped:
            raise
        except FlashError as error:
            self._run.outcome.warnings.append("The old volume remains as %s: %s" % (name, error))

    def _prune(self) -> None:
        """Delete kept volumes beyond keep_old, but none that is mapped or has snapshots or clones."""
        pattern = re.compile(re.escape(self._desired.name) + r"-old-[0-9]{8}T[0-9]{6}Z\Z")
        listing = self._array.volumes()
        if not listing.complete:
            return
        kept = sorted((volume for volume in listing if pattern.match(volume.name)), key=lambda volume: volume.name)
        for old in kept[: max(0, len(kept) - self._desired.keep_old)]:
            self._delete_old(old.name)
            if self._run.volume(old.name) is None:
                self._lines.append(Line("delete the old volume %s" % old.name, REMOVE, destructive=True))


def _taken(name: str) -> Conflict:
    return Conflict(
        "another volume has taken the name %s since it was read" % name, target=name, hint="Run the task again."
    )
