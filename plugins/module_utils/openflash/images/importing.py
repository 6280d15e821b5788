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

from ..errors import Conflict, FlashError, Invalid, NoSpace, NotFound, Refused
from ..model import THICK, Volume, VolumeSpec
from ..plan.rules import check_name, check_options, check_size
from ..units import format_size
from .common import Run, ended, quietly
from .passage import Passage
from .source import Source
from .work import Work


@dataclass(frozen=True)
class Wish:
    """What a task asks for. Sizes are bytes; None leaves the choice to the image, or to the array."""

    name: str
    size: Optional[int] = None
    pool: Optional[str] = None
    provisioning: Optional[str] = None
    options: Dict[str, Any] = field(default_factory=dict)
    verify: bool = True
    keep_old: int = 1
    force: bool = False


def run(run: Run, wish: Wish, source: Source) -> None:
    """Bring the volume to hold the image; what was done is in ``run.outcome``, also when it fails."""
    _Import(run, wish, source).carry()


class _Import:
    def __init__(self, run: Run, wish: Wish, source: Source) -> None:
        self._run = run
        self._array = run.array
        self._wish = wish
        self._source = source
        self._lines = run.outcome.lines
        self._can_rename = run.array.capabilities.refusal("rename_volume") is None

    def carry(self) -> None:
        wish, run = self._wish, self._run
        check_name("volume", wish.name, self._array.capabilities.volume_name)
        run.check_owner(wish.name)
        options = check_options(wish.options, self._array.capabilities)
        run.recover(wish.name)
        there = run.volume(wish.name)
        run.outcome.before = run.outcome.after = there
        if there is not None and self._is_recorded(there):
            return self._extend(there)
        if self._source.remote and run.check_mode:
            size = wish.size or 0
            run.outcome.warnings.append("In check mode the image is not fetched, so its size is not known.")
        else:
            self._source.open(run.qemu)
            size = self._size()
        self._describe()
        if there is not None and not wish.force and self._holds(there):
            run.records.remember(there, self._source.digests())
            return self._extend(there)
        self._check_replaceable(there)
        self._check_room(size)
        self._plan(there, size)
        if not run.check_mode:
            self._replace(there, size, options)
        else:
            run.outcome.changed = True
            self._predict(there, size)

    # -- is it done already? -----------------------------------------------------------------------------------------

    def _is_recorded(self, there: Volume) -> bool:
        """The array itself noted that the volume was made of an image with the checksum that the task gives.

        Then nothing is read, and nothing fetched.
        """
        told = self._source.told()
        if not told or self._wish.force or not self._run.records.on_array:
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
        work, way = self._run.begin(self._wish.name)
        with ended(work, way):
            self._run.progress.phase("comparing", self._source.size)
            with way.open(there, writable=False) as node:
                return self._run.qemu.same(self._source.node, node)

    def _extend(self, there: Volume) -> None:
        """Larger on request, never smaller."""
        wanted = self._wish.size
        if wanted is None:
            return
        wanted = check_size(wanted, self._array.capabilities)
        if wanted < there.size:
            raise Refused(
                "volume %s has %s, and a volume never shrinks to %s"
                % (there.name, format_size(there.size), format_size(wanted)),
                target=there.name,
                hint="Leave size out, or give the volume another name.",
            )
        if wanted == there.size:
            return
        self._lines.append(
            "extend volume %s from %s to %s" % (there.name, format_size(there.size), format_size(wanted))
        )
        self._run.outcome.changed = True
        if self._run.check_mode:
            self._run.outcome.after = replace(there, size=wanted)
        else:
            self._run.outcome.after = self._array.extend_volume(there, wanted)

    # -- may it be done? ---------------------------------------------------------------------------------------------

    def _size(self) -> int:
        """What the volume shall have: an image may be smaller than the smallest that the array makes."""
        able = self._array.capabilities
        size = check_size(max(self._source.size, able.smallest), able)
        if self._wish.size is None:
            return size
        if self._wish.size < self._source.size:
            raise Invalid(
                "a volume of %s is smaller than the disk of %s that the image describes"
                % (format_size(self._wish.size), format_size(self._source.size)),
                target=self._wish.name,
                hint="Leave size out, or make it at least that.",
            )
        return check_size(self._wish.size, self._array.capabilities)

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
        if self._wish.keep_old:
            check_name("volume", self._kept_name(), self._array.capabilities.volume_name)

    def _check_room(self, size: int) -> None:
        """An image that no pool can hold is refused before anything is made."""
        pools = [pool for pool in self._array.pools() if self._wish.pool in (None, pool.name)]
        if self._wish.pool is not None and not pools:
            known = ", ".join(sorted(pool.name for pool in self._array.pools()))
            raise NotFound("there is no pool %s" % self._wish.pool, hint="The array has: %s." % known)
        if not pools:
            return
        thick = (self._wish.provisioning or self._array.capabilities.provisioning[0]) == THICK
        best = max(pools, key=lambda pool: pool.free)
        needed, what = (
            (size, "thick volume of %s" % format_size(size)) if thick else (self._source.allocated(), "image")
        )
        if size > max(pool.size for pool in pools) or needed > best.free:
            raise NoSpace(
                "no pool has room for the %s: pool %s has %s of which %s are free"
                % (what, best.name, format_size(best.size), format_size(best.free)),
                target=self._wish.name,
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

    def _plan(self, there: Optional[Volume], size: int) -> None:
        name, source = self._wish.name, self._source.label
        self._lines.append("copy image %s into a new volume%s" % (source, " of %s" % format_size(size) if size else ""))
        if self._wish.verify:
            self._lines.append("read the volume back and compare it with the image")
        if there is not None and self._wish.keep_old:
            self._lines.append("keep the present volume %s under another name" % name)
        elif there is not None:
            self._lines.append("delete the present volume %s" % name)
        self._lines.append("give the new volume the name %s" % name)

    def _predict(self, there: Optional[Volume], size: int) -> None:
        pool = self._wish.pool or (there.pool if there is not None else None)
        kind = self._wish.provisioning or self._array.capabilities.provisioning[0]
        self._run.outcome.after = Volume(
            self._wish.name, size, provisioning=kind, pool=pool, mappings=(), snapshots=(), groups=()
        )

    # -- doing it ----------------------------------------------------------------------------------------------------

    def _replace(self, there: Optional[Volume], size: int, options: Dict[str, Any]) -> None:
        planned, self._lines[:] = list(self._lines), []
        run = self._run
        run.sweep(self._wish.name)
        work, way = run.begin(self._wish.name)
        with ended(work, way):
            made: Optional[Volume] = None
            try:
                made = self._filled(work, way, size, options)
                self._lines += planned[: 2 if self._wish.verify else 1]
            except BaseException:
                if not way.stuck:
                    quietly(lambda: run.drop_made(work))
                raise
            work.note(swapping=True)
            run.outcome.changed = True
            self._swap(there, made, work)
            work.note(made=False)
            self._lines += planned[len(self._lines) :]
        final = run.volume(self._wish.name)
        run.outcome.after = final
        if final is not None:
            run.records.remember(final, self._source.digests())
        if there is not None:
            self._prune()

    def _filled(self, work: Work, way: Passage, size: int, options: Dict[str, Any]) -> Volume:
        """A new volume that holds the image, under its temporary name."""
        run, array = self._run, self._array
        spec = VolumeSpec(work.temporary, size, self._wish.pool, self._wish.provisioning, options)
        work.note(made=True)
        array.create_volume(spec)
        made = run.volume(work.temporary)
        if made is None:
            raise NotFound("the new volume %s is gone again" % work.temporary)
        chap = run.settings.chap
        if chap is not None and array.capabilities.chap_per_volume:
            array.set_volume_chap(made, chap)
        with way.open(made, writable=True) as node:
            run.progress.phase("copying", self._source.size)
            begun = time.monotonic()
            run.qemu.into(self._source.node, node)
            run.outcome.image["seconds"] = round(time.monotonic() - begun, 3)
            if self._wish.verify:
                run.progress.phase("verifying", self._source.size)
                if not run.qemu.same(self._source.node, node):
                    raise Conflict(
                        "the volume does not hold the image after it was copied",
                        target=self._wish.name,
                        hint="The new volume was removed, and nothing else changed. Look at the array, and whether the "
                        "image has changed meanwhile.",
                    )
        run.records.write(made, self._source.digests())
        return made

    def _kept_name(self) -> str:
        """A name for the old one that says when it was replaced."""
        return "%s-old-%s" % (self._wish.name, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._run.clock())))

    def _swap(self, there: Optional[Volume], made: Volume, work: Work) -> None:
        array, name = self._array, self._wish.name
        self._run.progress.phase("renaming")
        if there is not None:
            there = self._same_still(there)
        kept = self._kept_name()
        if self._can_rename:
            old = None
            if there is not None:
                # Also an old one that is not kept: the name is free for no longer than a request takes.
                if not self._wish.keep_old:
                    kept = work.temporary + "-old"
                    work.note(old=kept)
                old = array.rename_volume(there, kept)
            array.rename_volume(made, name)
            if old is not None and not self._wish.keep_old:
                self._delete_old(kept)
        else:
            if there is not None:
                if self._wish.keep_old:
                    array.clone_volume(there, VolumeSpec(kept))
                array.delete_volume(there)
            array.clone_volume(made, VolumeSpec(name))
            self._run.drop(work.temporary)
        if there is not None and self._wish.keep_old:
            self._run.outcome.image["kept"] = kept

    def _same_still(self, there: Volume) -> Volume:
        """A long copy later: nobody has begun to use what is to give up its name."""
        now = self._run.volume(there.name)
        if now is None or (now.id and there.id and now.id != there.id):
            raise Conflict(
                "another volume has taken the name %s since it was read" % there.name,
                target=there.name,
                hint="Run the task again.",
            )
        self._check_replaceable(now)
        return now

    def _delete_old(self, name: str) -> None:
        try:
            self._run.drop(name)
        except FlashError as error:
            self._run.outcome.warnings.append("The old volume stays as %s: %s" % (name, error))

    def _prune(self) -> None:
        """Older ones that were kept, beyond keep_old; what is mapped or has snapshots or clones stays."""
        pattern = re.compile(re.escape(self._wish.name) + r"-old-[0-9]{8}T[0-9]{6}Z\Z")
        listing = self._array.volumes()
        if not listing.complete:
            return
        kept = sorted((one for one in listing if pattern.match(one.name)), key=lambda one: one.name)
        for old in kept[: max(0, len(kept) - self._wish.keep_old)]:
            if self._run.hosts_of(old) != () or old.snapshots:
                self._run.outcome.warnings.append("The old volume %s stays: it is mapped, or has snapshots." % old.name)
                continue
            self._delete_old(old.name)
            if self._run.volume(old.name) is None:
                self._lines.append("delete the old volume %s" % old.name)
