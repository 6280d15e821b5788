# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an import and an export have in common: the volume that is meant, what stands in the way, what was left."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Tuple

from ..apply import apply
from ..array import Array
from ..attach.qemu import Qemu
from ..errors import BadReply, Busy, FlashError, Stopped
from ..model import COPYING, Listing, Mapping, Volume
from ..plan.desired import ABSENT, DesiredState, DesiredVolume
from ..plan.draft import Plan
from ..plan.planner import plan
from ..plan.rules import Policy
from ..plan.world import Actual
from ..read import read
from . import data_path
from .data_path import DataPath, Settings
from .work import Folder, Progress, Records, Work, digest_of, parse_name


@dataclass
class Outcome:
    """What a run did, or in check mode would do."""

    changed: bool = False
    lines: List[str] = field(default_factory=list)
    before: Optional[Volume] = None
    after: Optional[Volume] = None
    image: Dict[str, Any] = field(default_factory=dict)
    warnings: List[str] = field(default_factory=list)
    size_known: bool = True
    """False in check mode, when the size of the volume depends on an image that is not fetched."""


class Run:
    """One task's tools.

    :ivar key: tells arrays apart, see work.array_key.
    :ivar patience: seconds after which what a run on another host left counts as dead.
    """

    def __init__(
        self,
        array: Array,
        key: str,
        folder: Folder,
        settings: Settings,
        progress: Progress,
        qemu: Qemu,
        patience: float,
        check_mode: bool = False,
        policy: Optional[Policy] = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.array = array
        self.key = key
        self.folder = folder
        self.settings = settings
        self.progress = progress
        self.qemu = qemu
        self.patience = patience
        self.check_mode = check_mode
        self.policy = policy if policy is not None else Policy()
        self.clock = clock
        self.records = Records(array, folder, key)
        self.outcome = Outcome()
        self._mine: List[Tuple[str, str]] = []

    # -- the volume --------------------------------------------------------------------------------------------------

    def volume(self, name: str) -> Optional[Volume]:
        """The volume of that name; what is there and cannot be read is not absent."""
        listing: Listing[Volume] = self.array.volumes([name])
        for bad in listing.unreadable:
            raise BadReply("volume %s is there and cannot be read: %s" % (bad.name, bad.reason), target=name)
        return listing.named(name)

    def hosts_of(self, volume: Volume) -> Optional[Tuple[str, ...]]:
        """Who has it mapped, but for what a dead run of ours left; None when that cannot be known."""
        maps = volume.mappings
        if maps is None:
            names = sorted(self.array.capabilities.local_names)
            listing: Listing[Mapping] = self.array.mappings(volumes=[volume.name], hosts=names or None)
            maps = tuple(one for one in listing if one.volume == volume.name)
            if not listing.complete and not maps:
                return () if self.policy.assume_unmapped else None
        return tuple(sorted({one.host for one in maps if (one.volume, one.host) not in self._mine}))

    # -- the planner -------------------------------------------------------------------------------------------------

    def plan(self, actual: Actual, desired: DesiredVolume) -> Plan:
        """What the planner of the other modules makes of it, under the policy of this task."""
        drawn = plan(DesiredState(volumes=(desired,)), actual, self.policy, self.array.capabilities)
        for error in drawn.errors:
            error.fill(array=self.array.label)
        return drawn

    def apply(self, actual: Actual, drawn: Plan) -> None:
        """Carry it out, or raise the first error of it."""
        errors = drawn.errors or tuple(apply(drawn, actual, self.array).errors.values())
        if errors:
            raise errors[0]

    def delete(self, name: str) -> None:
        """Delete a volume that is no temporary one, as ``state: absent`` of flash_volume does: no snapshot goes with
        it, and nothing that depends on it loses its source.
        """
        desired = DesiredVolume(name, ABSENT)
        actual = read(self.array, DesiredState(volumes=(desired,)))
        self.apply(actual, self.plan(actual, desired))

    def why_not_deleted(self, name: str) -> Optional[FlashError]:
        """Why ``delete`` would refuse."""
        desired = DesiredVolume(name, ABSENT)
        errors = self.plan(read(self.array, DesiredState(volumes=(desired,))), desired).errors
        return errors[0] if errors else None

    # -- what was left -----------------------------------------------------------------------------------------------

    def recover(self, name: str) -> None:
        """Undo what dead runs of this host left on this array; Busy while a live one works for the same name.

        What cannot be undone now fails the task when it is for the same volume; else it is a warning, and the next run
        tries again. In check mode only looks, so that what they had mapped does not count as mapped.
        """
        for work, alive in self.folder.left(self.key, name):
            is_same = work.noted.get("name") == name
            if alive:
                if is_same:
                    raise Busy("another run on this host is at work on %s" % name, hint="Wait for it.")
                continue
            if self.check_mode:
                self._mine += work.mapped
                continue
            try:
                data_path.undo(self.array, work, self.settings)
                self.undo(work)
            except FlashError as error:
                if is_same:
                    raise
                self.outcome.warnings.append(
                    "An earlier run for volume %s left something that cannot be removed now. %s"
                    % (work.noted.get("name"), error)
                )
                continue
            work.end()

    def undo(self, work: Work) -> None:
        """Nothing that an unfinished run made gets a final name: its content is of that run's time, not of this task's.

        A swap of names that had begun is undone: the volume that had the name gets it back, unless another one has
        taken the name meanwhile.
        """
        left, swap = self.volume(work.temporary), work.noted.get("swap")
        if swap:
            self._undo_swap(str(work.noted["name"]), swap, left)
        if left is not None:
            self._check_idle(left)
            named = self.volume(str(work.noted["name"]))
            if named is not None:
                self._check_idle(named)  # it may be a copy of what is to be deleted
            self.array.delete_volume(left)

    def _undo_swap(self, name: str, swap: Dict[str, Any], left: Optional[Volume]) -> None:
        now, old = self.volume(name), self.volume(str(swap["old"]))
        if old is None or old.id != swap["old_id"]:
            return
        if left is not None and now is None:
            self.array.rename_volume(old, name)
        elif swap["delete"]:
            if left is None and now is not None and now.id == swap["made_id"]:
                # This read proves that the new volume has the name, so the old one may go.
                quietly(lambda: self.delete(old.name))
            if self.volume(old.name) is not None:
                self.outcome.warnings.append(
                    "The volume that had the name %s before an earlier run stays as %s." % (name, old.name)
                )

    def _check_idle(self, volume: Volume) -> None:
        """Busy while the array still copies into a volume of an unfinished run."""
        if volume.state == COPYING:
            raise Busy(
                "the array is still copying into volume %s, which an earlier run made" % volume.name,
                target=volume.name,
                hint="Run the task again when the array has finished.",
            )

    def sweep(self, name: str) -> None:
        """The same for runs on other hosts, which left nothing but a volume for this name.

        It is deleted only when it is provably dead: it carries our marker, is older than ``wait_timeout``, no host has
        it, and the array copies neither into it nor out of it, as far as every volume could be read.

        :raises Busy: otherwise.
        """
        listing = self.array.volumes()
        for left in listing:
            said = parse_name(left.name)
            if said is None or said.digest != digest_of(name) or self._is_local(left.name):
                continue
            hosts = self.hosts_of(left)
            age = self.clock() - said.when
            copying = [one.name for one in listing if one.state == COPYING and left.name in (one.name, one.source)]
            copying += [one.name for one in listing if one.state == COPYING and one.name == name]
            if age < self.patience or hosts is None or hosts or copying or not listing.complete:
                why = "it was begun %d s ago" % max(0, int(age))
                if hosts:
                    why = "host %s has it" % ", ".join(hosts)
                elif copying:
                    why = "the array is still copying into %s" % copying[0]
                elif not listing.complete:
                    why = "some volumes cannot be read, and the array may be copying it into one of them"
                raise Busy(
                    "a run on another host is at work on %s (volume %s, %s)" % (name, left.name, why),
                    hint="Wait for it. If it is dead, run the task there again, or unmap the volume: what is not "
                    "mapped goes once it is older than wait_timeout and the array does not copy.",
                )
            self.array.delete_volume(left)

    def _is_local(self, temporary: str) -> bool:
        return os.path.exists(os.path.join(self.folder.path, temporary + ".json"))

    # -- work --------------------------------------------------------------------------------------------------------

    def begin(self, name: str) -> Tuple[Work, DataPath]:
        work = Work.begin(self.folder, self.key, name, self.clock())
        return work, DataPath(self.array, self.qemu, self.settings, work)

    def drop(self, name: str) -> None:
        """A temporary volume, which is unmapped by now."""
        there = self.volume(name)
        if there is not None:
            self.array.delete_volume(there)

    def drop_made(self, work: Work) -> None:
        self.drop(work.temporary)
        work.note(made=False)

    def take_back(self, work: Work) -> None:
        """Undo what this very run has made, after a failure."""
        self.undo(work)
        work.note(made=False, swap=None)


class ended:
    """Ends a run's file, unless something stays that the next run must take away."""

    def __init__(self, work: Work, data_path: DataPath) -> None:
        self._work = work
        self._data_path = data_path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self._data_path.blocked or self._work.noted.get("made"):
            self._work.close()
        else:
            self._work.end()


def quietly(action: Callable[[], Any]) -> None:
    """The error that led here says more; the next run does it again."""
    try:
        action()
    except FlashError as error:
        if isinstance(error, Stopped):
            raise
