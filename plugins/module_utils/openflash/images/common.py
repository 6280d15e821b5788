# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an import and an export have in common: the volume that is meant, what stands in the way, what was left."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Tuple

from ..array import Array
from ..attach.qemu import Qemu
from ..errors import BadReply, Busy, FlashError, Refused
from ..model import Listing, Mapping, Volume
from ..units import is_openstack_name
from . import passage
from .passage import Passage, Settings
from .progress import Progress
from .records import Records
from .work import Folder, Work, digest_of, parse_name


@dataclass
class Outcome:
    """What a run did, or in check mode would do."""

    changed: bool = False
    lines: List[str] = field(default_factory=list)
    before: Optional[Volume] = None
    after: Optional[Volume] = None
    image: Dict[str, Any] = field(default_factory=dict)
    warnings: List[str] = field(default_factory=list)


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
        assume_unmapped: bool = False,
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
        self.assume_unmapped = assume_unmapped
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

    def check_owner(self, name: str) -> None:
        if is_openstack_name(name):
            raise Refused(
                "%s belongs to OpenStack, by its name" % name,
                target=name,
                hint="Images of OpenStack are Glance's to write: choose another name. No option permits this.",
            )

    def hosts_of(self, volume: Volume) -> Optional[Tuple[str, ...]]:
        """Who has it mapped, but for what a dead run of ours left; None when that cannot be known."""
        maps = volume.mappings
        if maps is None:
            names = sorted(self.array.capabilities.locally)
            listing: Listing[Mapping] = self.array.mappings(volumes=[volume.name], hosts=names or None)
            maps = tuple(one for one in listing if one.volume == volume.name)
            if not listing.complete and not maps:
                return () if self.assume_unmapped else None
        return tuple(sorted({one.host for one in maps if (one.volume, one.host) not in self._mine}))

    # -- what was left -----------------------------------------------------------------------------------------------

    def recover(self, name: str) -> None:
        """Undo what dead runs of this host left on this array; Busy while a live one works for the same name.

        In check mode only looks, so that what they had mapped does not count as mapped.
        """
        for work, alive in self.folder.left(self.key):
            if alive:
                if work.noted.get("name") == name:
                    raise Busy("another run on this host is at work on %s" % name, hint="Wait for it.")
                continue
            if self.check_mode:
                self._mine += work.mapped
                continue
            passage.undo(self.array, work, self.settings)
            self._finish(work)
            work.end()

    def _finish(self, work: Work) -> None:
        """A whole and verified volume gets the name that its run had just taken from another; any other one goes."""
        left = self.volume(work.temporary)
        name = str(work.noted.get("name"))
        can_rename = self.array.capabilities.refusal("rename_volume") is None
        if left is not None:
            if work.noted.get("swapping") and can_rename and self.volume(name) is None:
                self.array.rename_volume(left, name)
            else:
                self.array.delete_volume(left)
        old = work.noted.get("old")
        if old and self.volume(name) is not None:
            quietly(lambda: self.drop(str(old)))

    def sweep(self, name: str) -> None:
        """The same for runs on other hosts, which left nothing but a volume for this name; Busy unless it is dead."""
        listing = self.array.volumes()
        for left in listing:
            said = parse_name(left.name)
            if said is None or said.digest != digest_of(name) or self._is_local(left.name):
                continue
            hosts = self.hosts_of(left)
            age = self.clock() - said.when
            if age < self.patience or hosts is None or hosts:
                why = "host %s has it" % ", ".join(hosts) if hosts else "it was begun %d s ago" % max(0, int(age))
                raise Busy(
                    "a run on another host is at work on %s (volume %s, %s)" % (name, left.name, why),
                    hint="Wait for it. If it is dead, run the task there again, or unmap the volume: what is not "
                    "mapped goes once it is older than wait_timeout.",
                )
            self.array.delete_volume(left)

    def _is_local(self, temporary: str) -> bool:
        return os.path.exists(os.path.join(self.folder.path, temporary + ".json"))

    # -- work --------------------------------------------------------------------------------------------------------

    def begin(self, name: str) -> Tuple[Work, Passage]:
        work = Work.begin(self.folder, self.key, name, self.clock())
        return work, Passage(self.array, self.qemu, self.settings, work)

    def drop(self, name: str) -> None:
        """A temporary volume, which is unmapped by now."""
        there = self.volume(name)
        if there is not None:
            self.array.delete_volume(there)

    def drop_made(self, work: Work) -> None:
        self.drop(work.temporary)
        work.note(made=False)


class ended:
    """Ends a run's file, unless something stays that the next run must take away."""

    def __init__(self, work: Work, way: Passage) -> None:
        self._work = work
        self._way = way

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self._way.stuck or self._work.noted.get("made"):
            self._work.close()
        else:
            self._work.end()


def quietly(action: Callable[[], Any]) -> None:
    """The error that led here says more; the next run does it again."""
    try:
        action()
    except FlashError:
        pass
