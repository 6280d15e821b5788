# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of the data: the question that every test of kills, lost answers, races and assumptions asks.

The simulator gives every content an id: a write of a host makes a new one, a copy has that of its source, and a
deletion ends it. An undisturbed run shows what a task plans to do (``Planned``). ``Oracle.problems`` compares what the
disturbed runs have done with that.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

TEMPORARY = re.compile(r"(\A|\.)of-")
"""The name of an unfinished copy; XtremIO's begins with its source."""
HELPER = re.compile(r"\Aopenflash-")
"""A host that a run makes to copy, and that the next copy uses or removes."""

Pair = tuple[str, str]
"""A host and a volume."""


@dataclass(frozen=True)
class Held:
    """What an array holds, by the names that people know."""

    contents: dict[str, str]
    sizes: dict[str, int]
    luns: dict[Pair, int]
    initiators: dict[str, frozenset[str]]
    """By host."""

    @property
    def named(self) -> dict[str, str]:
        """The content of each volume and snapshot that has its final name."""
        return {name: content for name, content in self.contents.items() if not TEMPORARY.search(name)}


@dataclass(frozen=True)
class Planned:
    """What a task plans to do: an array before and after an undisturbed run."""

    before: Held
    after: Held

    @property
    def removed(self) -> set[str]:
        """Whose content the task takes away. Empty volumes have the same content, and are told apart by their names."""
        held, had = (Counter(one.contents.values()) for one in (self.after, self.before))
        return {
            name
            for name, content in self.before.contents.items()
            if not held[content] or (name not in self.after.contents and held[content] < had[content])
        }

    @property
    def changed(self) -> set[str]:
        """Which volumes get another content."""
        had = self.before.contents
        return {name for name, content in self.after.contents.items() if had.get(name, content) != content}

    def sources(self, name: str) -> set[str]:
        """Of which objects a new one is a copy: those that have the same content in the end, or had it."""
        content = self.after.contents.get(name)
        had = {one for one, held in self.before.contents.items() if held == content and one not in self.changed}
        return had | {one for one, held in self.after.contents.items() if held == content and one != name}

    def is_backup(self, name: str) -> bool:
        """Whether it is what a restored volume held before."""
        content = self.after.contents.get(name)
        return any(self.before.contents[one] == content for one in self.changed)

    def sizes(self, name: str) -> set[int]:
        return {held.sizes[name] for held in (self.before, self.after) if name in held.sizes}


class Oracle:
    """Follows what an array holds over the runs of one task.

    :param look: reads what it holds now.
    :param first: what it holds now, where that has been read already.
    """

    def __init__(self, look: Callable[[], Held], planned: Planned, first: Held | None = None) -> None:
        self._look, self.planned = look, planned
        self.first = self.began = look() if first is None else first
        self._kept = {content: name for name, content in self.first.contents.items()}
        self._written_over: set[str] = set()
        """What hosts have overwritten between the runs."""

    def begins(self) -> None:
        """A run begins now."""
        self.began = self._look()

    def host_writes(self, name: str, write: Callable[[str], None]) -> None:
        """Let a host write to a volume. What only this volume held is gone, and not by a run."""
        old = self._look()
        write(name)
        overwritten = old.contents[name]
        others = (content for one, content in old.contents.items() if one in self.first.contents and one != name)
        if overwritten not in others:
            self._kept.pop(overwritten, None)
            self._written_over.add(overwritten)
        self._kept[self._look().contents[name]] = name

    def problems(self) -> list[str]:
        """What the runs have done and the task does not plan, as sentences."""
        now = self._look()
        return [
            *self._lost(now),
            *self._outdated(now),
            *self._overwritten(now),
            *self._mapped(now),
            *self._grown(now),
            *self._stripped(now),
        ]

    def _lost(self, now: Held) -> list[str]:
        held = set(now.contents.values())
        lost = {name for content, name in self._kept.items() if content not in held} - self.planned.removed
        return [f"the content of {name} is lost" for name in sorted(lost)]

    def _outdated(self, now: Held) -> list[str]:
        """Of what has got its final name in this run."""
        found = []
        old = set(self.began.contents.values())
        for name in sorted((now.named.keys() - self.began.contents.keys()) & self.planned.after.contents.keys()):
            content, sources = now.contents[name], self.planned.sources(name)
            if self.planned.is_backup(name):
                # The backup of an earlier run may get its name in this one; the present content has to be kept too.
                if content not in self._kept and content not in self._written_over:
                    found.append(f"{name} has not what the volume held")
            elif content not in old:
                continue  # it is new
            elif sources:
                present = {held.contents.get(source) for held in (self.began, now) for source in sources}
                if content not in present:
                    found.append(f"{name} has not the content of {' or '.join(sorted(sources))}")
            else:
                found.append(f"{name} has the content of an unfinished copy")
        return found

    def _overwritten(self, now: Held) -> list[str]:
        """What has another content than when the run began; two that have each other's have been exchanged."""
        both = self.began.named.keys() & now.named.keys() & self.planned.before.contents.keys()
        others = {name for name in both if self.began.contents[name] != now.contents[name]} - self.planned.changed
        return [f"{name} has another content" for name in sorted(others)]

    def _mapped(self, now: Held) -> list[str]:
        first, last = self.planned.before.luns, self.planned.after.luns
        remapped = {pair for pair in first.keys() & last.keys() if first[pair] != last[pair]}
        taken = self.first.luns.keys() - now.luns.keys() - (first.keys() - last.keys()) - remapped
        left = {pair for pair in now.luns.keys() - self.first.luns.keys() - last.keys() if _is_lasting(*pair)}
        return [
            *(f"volume {volume} is not mapped to {host} any more" for host, volume in sorted(taken)),
            *(f"volume {volume} is mapped to {host}" for host, volume in sorted(left)),
        ]

    def _grown(self, now: Held) -> list[str]:
        return [
            f"{name} has {now.sizes[name]} bytes"
            for name in sorted(now.named)
            if (sizes := self.planned.sizes(name)) and now.sizes[name] not in sizes
        ]

    def _stripped(self, now: Held) -> list[str]:
        found = []
        for host, addresses in sorted(self.first.initiators.items()):
            planned = self.planned.before.initiators.get(host, frozenset())
            planned -= self.planned.after.initiators.get(host, frozenset())
            lost = addresses - now.initiators.get(host, frozenset()) - planned
            found += [f"host {host} has lost {address}" for address in sorted(lost)]
        return found


def _is_lasting(host: str, volume: str) -> bool:
    """Whether a mapping is not one that a run makes to copy, and that goes with the temporary object."""
    return not HELPER.search(host) and not TEMPORARY.search(volume)
