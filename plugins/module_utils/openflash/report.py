# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One entry per wish for a result: before, after, what failed. The same for a prediction and for what was done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import render
from .apply import Applied, Registry
from .array import Array
from .errors import FlashError
from .model import Snapshot, Volume
from .plan import Desired, Plan
from .plan import hosts as plan_hosts
from .plan import snapshots as plan_snapshots
from .plan import volumes as plan_volumes
from .plan.desired import ABSENT, HostWish, MapWish, SnapshotWish, VolumeWish
from .plan.steps import Key

Data = Dict[str, Any]


@dataclass(frozen=True)
class Entry:
    name: str
    keys: Tuple[Key, ...]
    """The wishes that it reports."""
    before: Data
    after: Data
    changed: bool
    error: Optional[FlashError] = None
    warnings: Tuple[str, ...] = field(default_factory=tuple)

    def as_data(self) -> Data:
        """The object, as it is now, with what became of the wish."""
        data = dict(self.after)
        data["changed"] = self.changed
        data["error"] = self.error.as_dict() if self.error else None
        return data


class Reporter:
    """Answers what became of each wish, from the plan alone or from the plan and what was done."""

    def __init__(self, plan: Plan, applied: Optional[Applied]) -> None:
        self.plan = plan
        self.applied = applied
        self.registry: Optional[Registry] = applied.registry if applied else None
        self.volumes: Dict[str, Volume] = self.registry.volumes if self.registry else plan.world.volumes

    def volume(self, wish: VolumeWish) -> Entry:
        key = plan_volumes.key(wish.name)
        outcome = self.plan.outcomes[key]
        after: Optional[Volume] = outcome.after
        if self.registry is not None:
            after = self.registry.volumes.get(wish.name)
            if after is None and wish.rename_from and self._error(key):
                after = self.registry.volumes.get(wish.rename_from)
        return self._entry(wish.name, (key,), _volume(outcome.before, wish.name), _volume(after, wish.name))

    def snapshot(self, wish: SnapshotWish) -> Entry:
        key = plan_snapshots.key(wish)
        outcome = self.plan.outcomes[key]
        if wish.group:
            before, after = outcome.before or (), outcome.after or ()
            if self.registry is not None:
                names = [s.name for s in after] or [s.name for s in before]
                after = tuple(s for s in self.registry.snapshots.values() if s.name in names)
            return self._entry(wish.name, (key,), _members(wish, before), _members(wish, after))
        found: Optional[Snapshot] = outcome.after
        if self.registry is not None:
            found = next(
                (
                    s
                    for s in self.registry.snapshots.values()
                    if s.name == wish.name and wish.volume in (None, s.volume)
                ),
                None,
            )
        return self._entry(wish.name, (key,), _snapshot(outcome.before, wish), _snapshot(found, wish))

    def host(self, wish: HostWish) -> Entry:
        key = plan_hosts.key(wish.name)
        outcome = self.plan.outcomes[key]
        after = outcome.after if self.registry is None else self.registry.hosts.get(wish.name)
        return self._entry(wish.name, (key,), render.host(outcome.before, wish.name), render.host(after, wish.name))

    def mapping(self, wish: MapWish) -> Entry:
        key = plan_hosts.map_key(wish)
        outcome = self.plan.outcomes[key]
        after = outcome.after if self.registry is None else self.registry.maps.get((wish.host, wish.volume))
        keys = (plan_hosts.key(wish.host), key) if wish.state != ABSENT else (key,)
        return self._entry(
            "%s/%s" % (wish.host, wish.volume), keys, _mapping(outcome.before, wish), _mapping(after, wish)
        )

    def _entry(self, name: str, keys: Tuple[Key, ...], before: Data, after: Data) -> Entry:
        outcomes = [self.plan.outcomes[key] for key in keys if key in self.plan.outcomes]
        error = next((e for e in (self._error(key) for key in keys) if e is not None), None)
        if self.applied is None:
            changed = any(outcome.steps for outcome in outcomes)
        else:
            changed = any(step in self.applied.done for outcome in outcomes for step in outcome.steps)
        warnings = tuple(text for outcome in outcomes for text in outcome.warnings)
        return Entry(name, keys, before, after, changed, error, warnings)

    def _error(self, key: Key) -> Optional[FlashError]:
        if self.applied is not None and key in self.applied.errors:
            return self.applied.errors[key]
        outcome = self.plan.outcomes.get(key)
        return outcome.error if outcome else None


def volumes(reporter: Reporter, desired: Desired) -> List[Entry]:
    return [reporter.volume(wish) for wish in desired.volumes]


def snapshots(reporter: Reporter, desired: Desired) -> List[Entry]:
    return [reporter.snapshot(wish) for wish in desired.snapshots]


def host_maps(reporter: Reporter, desired: Desired) -> List[Entry]:
    """A mapping with its host; a host that nothing is mapped to in this task stands alone, with a null volume."""
    entries = []
    described = {wish.name: wish for wish in desired.hosts}
    for wish in desired.maps:
        entry = reporter.mapping(wish)
        host = reporter.host(described.pop(wish.host)) if wish.host in described else None
        entries.append(_with_host(entry, host))
    for rest in described.values():
        host = reporter.host(rest)
        nothing = MapWish("", rest.name)
        entry = Entry(rest.name, host.keys, _mapping(None, nothing), _mapping(None, nothing), host.changed, host.error)
        entries.append(_with_host(entry, host))
    return entries


def _with_host(entry: Entry, host: Optional[Entry]) -> Entry:
    before, after = dict(entry.before), dict(entry.after)
    if host is not None:
        for data, source in ((before, host.before), (after, host.after)):
            data["initiators"] = source["initiators"]
            data["host_state"] = source["state"]
    changed = entry.changed or bool(host and host.changed)
    error = entry.error or (host.error if host else None)
    warnings = entry.warnings or (host.warnings if host else ())
    return Entry(entry.name, entry.keys, before, after, changed, error, warnings)


def for_hosts(array: Array, reporter: Reporter, desired: Desired, entries: Sequence[Entry]) -> Data:
    """What hosts need to reach their volumes: the target ports, and the identity of each disk.

    Some arrays give a volume its identity only when it is first mapped, so those that lack it are read again.
    """
    mapped = [entry for entry in entries if entry.after["state"] == "present"]
    serials = {name: volume.serial for name, volume in reporter.volumes.items()}
    if reporter.applied is not None:
        nameless = sorted({entry.after["volume"] for entry in mapped if not serials.get(entry.after["volume"])})
        if nameless:
            serials.update({volume.name: volume.serial for volume in array.volumes(nameless)})
    for entry in entries:
        entry.after["serial"] = serials.get(entry.after["volume"])
    ports = array.ports_of(sorted({entry.after["volume"] for entry in mapped})) if mapped else ()
    return {"ports": [render.port(port) for port in ports]} if mapped else {}


def document(reporter: Reporter, desired: Desired) -> Dict[str, List[Entry]]:
    """Every section of a document."""
    return {
        "volumes": volumes(reporter, desired),
        "snapshots": snapshots(reporter, desired),
        "hosts": [reporter.host(wish) for wish in desired.hosts],
        "mappings": [reporter.mapping(wish) for wish in desired.maps],
    }


def diff(entries: Sequence[Entry], header: str) -> Dict[str, Any]:
    """Before and after of everything that changes."""
    changed = [entry for entry in entries if entry.changed]
    return {
        "before_header": header,
        "after_header": header,
        "before": {entry.name: render.for_diff(entry.before) for entry in changed},
        "after": {entry.name: render.for_diff(entry.after) for entry in changed},
    }


def _volume(obj: Optional[Volume], name: str) -> Data:
    return render.volume(obj, name)


def _snapshot(obj: Optional[Snapshot], wish: SnapshotWish) -> Data:
    data = render.snapshot(obj, wish.name)
    data["members"] = []
    return data


def _members(wish: SnapshotWish, found: Sequence[Snapshot]) -> Data:
    """A snapshot of a group: its members, and the group in place of a volume."""
    data = render.snapshot(None, wish.name)
    data["group"] = wish.group
    data["members"] = [render.snapshot(s, s.name) for s in sorted(found, key=lambda s: s.name)]
    if found:
        data["state"] = found[0].state
    return data


def _mapping(obj: Any, wish: MapWish) -> Data:
    return {
        "host": wish.host,
        "volume": wish.volume or None,
        "state": "present" if obj is not None else "absent",
        "lun": obj.lun if obj is not None else None,
        "device": obj.device if obj is not None else None,
        "serial": None,
        "initiators": None,
        "host_state": None,
    }
