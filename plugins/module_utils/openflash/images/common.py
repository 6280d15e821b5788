# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an import and an export share: the volume, the plan, and the clean-up after runs that were killed."""

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
from ..plan.step import Line
from ..plan.world import Actual
from ..read import read
from . import data_path
from .data_path import DataPath, Settings
from .work import Folder, Progress, Records, Work, digest_of, parse_name


@dataclass
class Outcome:
    """What a run did, or in check mode would do."""

    changed: bool = False
    lines: List[Line] = field(default_factory=list)
    before: Optional[Volume] = None
    after: Optional[Volume] = None
    image: Dict[str, Any] = field(default_factory=dict)
    warnings: List[str] = field(default_factory=list)
    assumes: List[str] = field(default_factory=list)
    """What is missing, and what check mode assumes an earlier task to make."""
    size_known: bool = True
    """False in check mode, when the size of the volume depends on an image that is not fetched."""


class Run:
    """What one task works with.

    :ivar key: identifies the array, see work.array_key.
    :ivar dead_after: seconds after which the unfinished volume of a run on another host may be deleted.
    """

    def __init__(
        self,
        array: Array,
        key: str,
        folder: Folder,
        settings: Settings,
        progress: Progress,
        qemu: Qemu,
        dead_after: float,
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
        self.dead_after = dead_after
        self.check_mode = check_mode
        self.policy = policy if policy is not None else Policy()
        self.clock = clock
        self.records = Records(array, folder, key)
        self.outcome = Outcome()
        self._our_mappings: List[Tuple[str, str]] = []

    # -- the volume ----------------------------------------------------------------------------------------------------

    def volume(self, name: str) -> Optional[Volume]:
        """The volume of that name, or None. BadReply when it exists and cannot be read: it is not absent then."""
        listing: Listing[Volume] = self.array.volumes([name])
        for bad in listing.unreadable:
            raise BadReply("volume %s exists and cannot be read: %s" % (bad.name, bad.reason), target=name)
        return listing.named(name)

    def hosts_of(self, volume: Volume) -> Optional[Tuple[str, ...]]:
        """The hosts that it is mapped to, without those of a killed run of this host; None: unknown."""
        mappings = volume.mappings
        if mappings is None:
            names = sorted(self.array.capabilities.local_names)
            listing: Listing[Mapping] = self.array.mappings(volumes=[volume.name], hosts=names or None)
            mappings = tuple(mapping for mapping in listing if mapping.volume == volume.name)
            if not listing.complete and not mappings:
                return () if self.policy.assume_unmapped else None
        ours = set(self._our_mappings)
        return tuple(sorted({mapping.host for mapping in mappings if (mapping.volume, mapping.host) not in ours}))

    def missing(self, what: str, error: FlashError) -> None:
        """Note that the task needs what is not there.

        :raises FlashError: ``error``, unless check mode assumes that an earlier task makes it.
        """
        if not self.check_mode:
            raise error
        self.outcome.assumes.append(what)

    # -- the planner ---------------------------------------------------------------------------------------------------

    def plan(self, actual: Actual, desired: DesiredVolume) -> Plan:
        """The plan of the same planner as for flash_volume, under the policy of this task."""
        drawn_plan = plan(DesiredState(volumes=(desired,)), actual, self.policy, self.array.capabilities)
        for error in drawn_plan.errors:
            error.fill(array=self.array.label)
        return drawn_plan

    def apply(self, actual: Actual, drawn_plan: Plan) -> None:
        """Carry the plan out; its first error is raised."""
        errors = drawn_plan.errors or tuple(apply(drawn_plan, actual, self.array).errors.values())
        if errors:
            raise errors[0]

    def delete(self, name: str) -> None:
        """Delete a volume that is not a temporary one, under the rules of ``state: absent`` of flash_volume.

        It is refused when the volume has snapshots, or when others depend on it.
        """
        desired = DesiredVolume(name, ABSENT)
        actual = read(self.array, DesiredState(volumes=(desired,)))
        self.apply(actual, self.plan(actual, desired))

    def why_not_deleted(self, name: str) -> Optional[FlashError]:
        """The error with which ``delete`` would refuse, or None."""
        desired = DesiredVolume(name, ABSENT)
        errors = self.plan(read(self.array, DesiredState(volumes=(desired,))), desired).errors
        return errors[0] if errors else None

    # -- clean-up ------------------------------------------------------------------------------------------------------

    def recover(self, name: str) -> None:
        """Undo what killed runs of this host began on this array.

        What cannot be undone now is an error when it was for the same volume. Otherwise it is a warning, and the next
        run tries again. In check mode nothing is undone; mappings of killed runs do not count as mappings.

        :raises Busy: another run on this host is at work for this volume.
        """
        for work, alive in self.folder.unfinished(self.key, name):
            is_same = work.noted.get("name") == name
            if alive:
                if is_same:
                    raise Busy("another run on this host is at work on %s" % name, hint="Wait until it has ended.")
                continue
            if self.check_mode:
                self._our_mappings += work.mapped
                continue
            try:
                data_path.undo(self.array, work, self.settings)
                self.undo(work)
            except FlashError as error:
                if is_same:
                    raise
                self.outcome.warnings.append(
                    "What an earlier run for volume %s began cannot be undone now. %s" % (work.noted.get("name"), error)
                )
                continue
            work.end()

    def undo(self, work: Work) -> None:
        """Undo what a run began.

        Its temporary volume is deleted and never gets the final name, since its content is of the time of that run. A
        swap of names that had begun is undone: the volume that had the name gets it back, unless another one has taken
        the name meanwhile.
        """
        temporary, swap = self.volume(work.temporary), work.noted.get("swap")
        if swap:
            self._undo_swap(str(work.noted["name"]), swap, temporary)
        if temporary is not None:
            self._check_no_copy(temporary)
            named = self.volume(str(work.noted["name"]))
            if named is not None:
                self._check_no_copy(named)  # it may be a copy of the temporary volume
            self.array.delete_volume(temporary)

    def _undo_swap(self, name: str, swap: Dict[str, Any], temporary: Optional[Volume]) -> None:
        named, old = self.volume(name), self.volume(str(swap["old"]))
        if old is None or old.id != swap["old_id"]:
            return
        if temporary is not None and named is None:
            self.array.rename_volume(old, name)
        elif swap["delete"]:
            if temporary is None and named is not None and named.id == swap["made_id"]:
                # This read proves that the new volume has the name, so the old one may be deleted.
                quietly(lambda: self.delete(old.name))
            if self.volume(old.name) is not None:
                self.outcome.warnings.append(
                    "The volume that had the name %s before an earlier run remains as %s." % (name, old.name)
                )

    def _check_no_copy(self, volume: Volume) -> None:
        """Busy while the array copies into this volume of an unfinished run."""
        if volume.state == COPYING:
            raise Busy(
                "the array is still copying into volume %s, which an earlier run made" % volume.name,
                target=volume.name,
                hint="Run the task again when the array has finished.",
            )

    def sweep(self, name: str) -> None:
        """Delete the temporary volume that a run on another host began for this name.

        Only when that run is certainly dead: the volume carries our marker, is older than ``wait_timeout``, is mapped
        to no host, and the array copies neither into it nor out of it, and every volume could be read.

        :raises Busy: otherwise.
        """
        listing = self.array.volumes()
        for temporary in listing:
            origin = parse_name(temporary.name)
            if origin is None or origin.digest != digest_of(name) or self._is_local(temporary.name):
                continue
            hosts = self.hosts_of(temporary)
            age = self.clock() - origin.when
            copying = [
                volume.name
                for volume in listing
                if volume.state == COPYING and (temporary.name in (volume.name, volume.source) or volume.name == name)
            ]
            if age < self.dead_after or hosts is None or hosts or copying or not listing.complete:
                why = "it was begun %d s ago" % max(0, int(age))
                if hosts:
                    why = "it is mapped to host %s" % ", ".join(hosts)
                elif copying:
                    why = "the array is still copying into %s" % copying[0]
                elif not listing.complete:
                    why = "some volumes cannot be read, and the array may be copying it into one of them"
                raise Busy(
                    "a run on another host is at work on %s (volume %s, %s)" % (name, temporary.name, why),
                    hint="Wait until it has ended. If it was killed, run the task there again, or unmap the volume: an "
                    "unmapped one is deleted once it is older than wait_timeout and the array does not copy it.",
                )
            self.array.delete_volume(temporary)

    def _is_local(self, temporary: str) -> bool:
        return os.path.exists(os.path.join(self.folder.path, temporary + ".json"))

    # -- one run -------------------------------------------------------------------------------------------------------

    def begin(self, name: str) -> Tuple[Work, DataPath]:
        work = Work.begin(self.folder, self.key, name, self.clock())
        return work, DataPath(self.array, self.qemu, self.settings, work)

    def drop(self, name: str) -> None:
        """Delete a temporary volume, which is unmapped by now."""
        temporary = self.volume(name)
        if temporary is not None:
            self.array.delete_volume(temporary)

    def drop_made(self, work: Work) -> None:
        self.drop(work.temporary)
        work.note(made=False)

    def take_back(self, work: Work) -> None:
        """Undo what this run has begun, after a failure."""
        self.undo(work)
        work.note(made=False, swap=None)


class ended:
    """Deletes the file of a run at its end, unless the next run must still undo something."""

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
    """Try it. An error is dropped: the one that led here is more important, and the next run tries again."""
    try:
        action()
    except FlashError as error:
        if isinstance(error, Stopped):
            raise
