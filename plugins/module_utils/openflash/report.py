# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One entry per desired object: before, after, what failed. The same for a prediction and for what was done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping as Map, Optional, Sequence, Tuple

from . import render
from .apply import Applied
from .array import Array
from .errors import FlashError, NotDone
from .model import Snapshot, Volume
from .plan import (
    hosts as plan_hosts,
    maps as plan_maps,
    snapshots as plan_snapshots,
    steps,
    volumes as plan_volumes,
)
from .plan.desired import ABSENT, DesiredHost, DesiredMapping, DesiredSnapshot, DesiredState, DesiredVolume
from .plan.draft import Plan
from .plan.steps import Key, Step
from .plan.world import World

Data = Dict[str, Any]


@dataclass(frozen=True)
class Entry:
    kind: str
    name: str
    before: Data
    after: Data
    lines: Tuple[str, ...] = ()
    """The steps, as an operator would say them."""
    error: Optional[FlashError] = None

    @property
    def changed(self) -> bool:
        return bool(self.lines)

    def as_data(self) -> Data:
        """The object, as it is now, with what became of the desired object."""
        data = dict(self.after)
        data["changed"] = self.changed
        data["error"] = self.error.as_dict() if self.error else None
        return data


class Reporter:
    """Answers what became of each desired object, from the plan alone or from the plan and what was done."""

    def __init__(self, plan: Plan, applied: Optional[Applied]) -> None:
        self.plan = plan
        self.applied = applied
        self.world: World = applied.world if applied else plan.world
        steps = applied.done if applied else plan.steps
        self._steps = {id(step) for step in steps}

    @property
    def volumes(self) -> Map[str, Volume]:
        return self.world.volumes

    def volume(self, desired: DesiredVolume) -> Entry:
        key = plan_volumes.key(desired.name)
        before = self.plan.outcomes[key].before
        after = self.world.volumes.get(desired.name)
        if after is None and before is not None and before.name != desired.name:
            after = self.world.volumes.get(before.name)  # it could not be renamed
        return self._entry(
            ("volume", desired.name),
            (key,),
            render.volume(before, desired.name),
            render.volume(self.world.with_maps(after), desired.name),
        )

    def snapshot(self, desired: DesiredSnapshot, *also: Key) -> Entry:
        key = plan_snapshots.key(desired)
        before = self.plan.outcomes[key].before
        label = ("snapshot", desired.name)
        if desired.group:
            group = self.world.groups.get(desired.group)
            members = group.volumes if group else ()
            keys = [(member, plan_snapshots.member_name(member, desired.name)) for member in members]
            found = [self.world.snapshots[key] for key in keys if key in self.world.snapshots]
            return self._entry(label, (key,), _members(desired, before or ()), _members(desired, found))
        there = self.world.snapshots.by("name", desired.name)
        after = next((s for s in there if desired.volume in (None, s.volume)), None)
        return self._entry(label, (key,) + also, _snapshot(before, desired), _snapshot(after, desired))

    def host(self, desired: DesiredHost) -> Entry:
        key = plan_hosts.key(desired.name)
        before, after = self.plan.outcomes[key].before, self.world.hosts.get(desired.name)
        return self._entry(
            ("host", desired.name), (key,), render.host(before, desired.name), render.host(after, desired.name)
        )

    def mapping(self, desired: DesiredMapping, *also: Key) -> Entry:
        key = plan_maps.key(desired)
        before, after = self.plan.outcomes[key].before, self.world.maps.get((desired.host, desired.volume))
        label = ("mapping", "%s/%s" % (desired.host, desired.volume))
        return self._entry(label, (key,) + also, _mapping(before, desired), _mapping(after, desired))

    def removed(self) -> List[Entry]:
        """What is removed although the task does not name it: pruned, too old, or not a volume of an exclusive host."""
        actual = World(self.world.actual, self.world.capabilities)
        entries = []
        for outcome in self.plan.outcomes.values():
            if outcome.key[0] in ("prune", "retention", "exclusive"):
                entries += [_gone(actual, step) for step in outcome.steps if id(step) in self._steps]
        return entries

    def _entry(self, label: Tuple[str, str], keys: Sequence[Key], before: Data, after: Data) -> Entry:
        outcomes = [self.plan.outcomes[key] for key in keys if key in self.plan.outcomes]
        wanted = [step for outcome in outcomes for step in outcome.steps + outcome.withheld]
        lines = tuple(step.line for step in wanted if id(step) in self._steps)
        error = next((e for e in (self._error(key) for key in keys) if e is not None), None)
        if error is None and len(lines) < len(wanted):
            missing = next(step for step in wanted if id(step) not in self._steps)
            error = NotDone(
                "another part of the task failed",
                doing=missing.line,
                target=label[1],
                hint=NotDone.HINT,
            )
        return Entry(label[0], label[1], before, after, lines, error)

    def _error(self, key: Key) -> Optional[FlashError]:
        if self.applied is not None and key in self.applied.errors:
            return self.applied.errors[key]
        outcome = self.plan.outcomes.get(key)
        return outcome.error if outcome else None


def volumes(reporter: Reporter, desired_state: DesiredState) -> List[Entry]:
    return [reporter.volume(desired) for desired in desired_state.volumes]


def snapshots(reporter: Reporter, desired_state: DesiredState) -> List[Entry]:
    """A snapshot, the first of a volume with what its retention did."""
    kept: Dict[Optional[str], List[Key]] = {}
    for retention in desired_state.retentions:
        kept.setdefault(retention.volume, []).append(plan_snapshots.retention_key(retention))
    return [reporter.snapshot(desired, *kept.pop(desired.volume, ())) for desired in desired_state.snapshots]


def host_maps(reporter: Reporter, desired_state: DesiredState) -> List[Entry]:
    """A mapping with its host; a host that nothing is mapped to in this task stands alone, with a null volume.

    What changed in the host itself, and what was unmapped from it as not requested, counts for its first entry.
    """
    described = {desired.name: reporter.host(desired) for desired in desired_state.hosts}
    new = dict(described)
    entries = []
    for desired in desired_state.maps:
        first = desired.state != ABSENT and new.pop(desired.host, None) is not None
        also = (plan_hosts.key(desired.host), plan_maps.exclusive_key(desired.host)) if first else ()
        entries.append(_with_host(reporter.mapping(desired, *also), described.get(desired.host)))
    for name, host in new.items():
        nothing = _mapping(None, DesiredMapping("", name))
        also = (plan_hosts.key(name), plan_maps.exclusive_key(name))
        entries.append(_with_host(reporter._entry((host.kind, name), also, dict(nothing), dict(nothing)), host))
    return entries


def _with_host(entry: Entry, host: Optional[Entry]) -> Entry:
    if host is not None:
        for data, source in ((entry.before, host.before), (entry.after, host.after)):
            data["initiators"] = source["initiators"]
            data["host_state"] = source["state"]
            data["host_os"] = source["os"]
        if entry.error is None and host.error is not None:
            return replace(entry, error=host.error)
    return entry


def for_hosts(array: Array, reporter: Reporter, desired_state: DesiredState, entries: Sequence[Entry]) -> Data:
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


def document(reporter: Reporter, desired_state: DesiredState) -> Dict[str, List[Entry]]:
    """Every section of a document."""
    return {
        "volumes": volumes(reporter, desired_state),
        "snapshots": snapshots(reporter, desired_state),
        "hosts": [reporter.host(desired) for desired in desired_state.hosts],
        "mappings": [reporter.mapping(desired) for desired in desired_state.maps],
    }


def diff(entries: Sequence[Entry], header: str) -> Dict[str, Any]:
    """Before and after of everything that changes, by name; with its kind where two kinds of object share a name."""
    changed = [entry for entry in entries if entry.changed]
    count: Dict[str, int] = {}
    for entry in changed:
        count[entry.name] = count.get(entry.name, 0) + 1

    def label(entry: Entry) -> str:
        if count[entry.name] == 1:
            return entry.name
        volume = entry.before.get("volume") or entry.after.get("volume")
        return " ".join([entry.kind, entry.name] + (["of volume " + volume] if volume else []))

    return {
        "before_header": header,
        "after_header": header,
        "before": _there({label(entry): render.for_diff(entry.before) for entry in changed}),
        "after": _there({label(entry): _afterwards(entry) for entry in changed}),
    }


def _afterwards(entry: Entry) -> Data:
    """What is there in the end; of a change that no field shows, such as a restore, what was done."""
    after = render.for_diff(entry.after)
    return dict(after, done=list(entry.lines)) if after == render.for_diff(entry.before) else after


def _there(objects: Data) -> Data:
    return {name: data for name, data in objects.items() if data}


def _gone(actual: World, step: Step) -> Entry:
    """Before and after of what a step takes away."""
    lines = (step.line,)
    if isinstance(step, steps.DeleteVolume):
        before = render.volume(actual.with_maps(actual.volumes.get(step.name)), step.name)
        return Entry("volume", step.name, before, render.volume(None, step.name), lines)
    if isinstance(step, steps.DeleteHost):
        before = render.host(actual.hosts.get(step.name), step.name)
        return Entry("host", step.name, before, render.host(None, step.name), lines)
    if isinstance(step, steps.DeleteSnapshot):
        _kind, volume, name = step.snapshot
        before = render.snapshot(actual.snapshots.get((volume, name)), name)
        return Entry("snapshot", name, before, render.snapshot(None, name), lines)
    if not isinstance(step, steps.UnmapVolume):
        raise AssertionError("a step that ends nothing: %s" % step)
    desired = DesiredMapping(step.volume, step.host)
    before = _mapping(actual.maps.get((step.host, step.volume)), desired)
    return Entry("mapping", "%s/%s" % (step.host, step.volume), before, _mapping(None, desired), lines)


def _snapshot(obj: Optional[Snapshot], desired: DesiredSnapshot) -> Data:
    data = render.snapshot(obj, desired.name)
    data["members"] = []
    return data


def _members(desired: DesiredSnapshot, found: Sequence[Snapshot]) -> Data:
    """A snapshot of a group: its members, and the group in place of a volume."""
    data = render.snapshot(None, desired.name)
    data["group"] = desired.group
    data["members"] = [render.snapshot(s, s.name) for s in sorted(found, key=lambda s: s.name)]
    if found:
        data["state"] = found[0].state
    return data


def _mapping(obj: Any, desired: DesiredMapping) -> Data:
    return {
        "host": desired.host,
        "volume": desired.volume or None,
        "state": "present" if obj is not None else "absent",
        "lun": obj.lun if obj is not None else None,
        "device": obj.device if obj is not None else None,
        "serial": None,
        "initiators": None,
        "host_state": None,
        "host_os": None,
    }
