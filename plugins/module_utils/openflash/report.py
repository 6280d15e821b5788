# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module returns: model objects as plain data, and one entry per desired object with what became of it.

One schema per kind of object, the same for every array, and for a prediction as for what was done.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Dict, Iterable, List, Mapping as Map, Optional, Sequence, Tuple

from . import properties
from .apply import Applied
from .array import Array
from .errors import FlashError, NotDone
from .model import READY, ArrayInfo, Capacity, Group, Host, Mapping, Pool, Port, Snapshot, Volume
from .plan import (
    groups as plan_groups,
    hosts as plan_hosts,
    mappings as plan_mappings,
    snapshots as plan_snapshots,
    volumes as plan_volumes,
)
from .plan.desired import (
    ABSENT,
    DesiredGroup,
    DesiredHost,
    DesiredMapping,
    DesiredSnapshot,
    DesiredState,
    DesiredVolume,
)
from .plan.draft import Plan
from .plan.step import Key, Step
from .plan.steps import DeleteGroup, DeleteHost, DeleteSnapshot, DeleteVolume, UnmapVolume
from .plan.world import World
from .units import format_initiator, format_size

Data = Dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """What became of one desired object."""

    kind: str
    name: str
    before: Data
    after: Data
    lines: Tuple[str, ...] = ()
    """The steps that were carried out, or would be, for an operator to read."""
    error: Optional[FlashError] = None

    @property
    def changed(self) -> bool:
        return bool(self.lines)

    def as_data(self) -> Data:
        """The object as it is now, with whether it was changed, and the error."""
        data = dict(self.after)
        data["changed"] = self.changed
        data["error"] = self.error.as_dict() if self.error else None
        return data


class Reporter:
    """Makes the entries, from the plan alone or from the plan and what was done."""

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
        return self.entry(
            "volume",
            desired.name,
            (key,),
            volume_data(before, desired.name),
            self._known(key, volume_data(self.world.with_mappings(after), desired.name)),
        )

    def _known(self, key: Key, data: Data) -> Data:
        """Without what depends on an object that check mode only assumes."""
        return dict(data, **dict.fromkeys(self.world.unknown.get(key, ())))

    def snapshot(self, desired: DesiredSnapshot, *more_keys: Key) -> Entry:
        """:param more_keys: what else counts for this entry, such as the retention of the volume."""
        key = plan_snapshots.key(desired)
        before = self.plan.outcomes[key].before
        if desired.group:
            group = self.world.groups.get(desired.group)
            members = group.volumes if group else ()
            names = [(member, plan_snapshots.member_name(member, desired.name)) for member in members]
            existing = [self.world.snapshots[name] for name in names if name in self.world.snapshots]
            before_data, after_data = _members(desired, before or ()), _members(desired, existing)
            if self.plan.outcomes[key].assumes and self.plan.outcomes[key].steps:
                after_data["state"] = READY  # its members are not known yet
            return self.entry("snapshot", desired.name, (key,), before_data, after_data)
        named = self.world.snapshots.by("name", desired.name)
        after = next((snapshot for snapshot in named if desired.volume in (None, snapshot.volume)), None)
        keys = (key,) + more_keys
        after_data = self._known(key, _snapshot(after, desired))
        return self.entry("snapshot", desired.name, keys, _snapshot(before, desired), after_data)

    def group(self, desired: DesiredGroup) -> Entry:
        key, name = plan_groups.key(desired.name), desired.name
        before, after = self.plan.outcomes[key].before, self.world.groups.get(name)
        return self.entry("consistency group", name, (key,), _group(before, name), _group(after, name))

    def host(self, desired: DesiredHost) -> Entry:
        key, name = plan_hosts.key(desired.name), desired.name
        before, after = self.plan.outcomes[key].before, self.world.hosts.get(name)
        if after is None and before is not None and before.name != name:
            after = self.world.hosts.get(before.name)  # it could not be renamed
        return self.entry("host", name, (key,), host_data(before, name), host_data(after, name))

    def mapping(self, desired: DesiredMapping, *more_keys: Key) -> Entry:
        """:param more_keys: what else counts for this entry, such as the changes of its host."""
        key = plan_mappings.key(desired)
        before, after = self.plan.outcomes[key].before, self.world.mappings.get((desired.host, desired.volume))
        name, keys = "%s/%s" % (desired.host, desired.volume), (key,) + more_keys
        return self.entry("mapping", name, keys, _mapping(before, desired), _mapping(after, desired))

    def everything(self, desired_state: DesiredState) -> List[Entry]:
        """An entry for each object that the task names, and for each that it removes without naming it."""
        sections = document(self, desired_state).values()
        return [entry for section in sections for entry in section] + self.removed()

    def removed(self) -> List[Entry]:
        """What is removed although the task does not name it: pruned, too old, or not a volume of an exclusive host."""
        actual = World(self.world.actual, self.world.capabilities)
        entries = []
        for outcome in self.plan.outcomes.values():
            if outcome.key[0] in ("prune", "retention", "exclusive"):
                entries += [_removal(actual, step) for step in outcome.steps if id(step) in self._steps]
        return entries

    def entry(self, kind: str, name: str, keys: Sequence[Key], before: Data, after: Data) -> Entry:
        """:param keys: the outcomes whose steps and errors count for this entry."""
        outcomes = [self.plan.outcomes[key] for key in keys if key in self.plan.outcomes]
        requested = [step for outcome in outcomes for step in outcome.steps + outcome.withheld]
        lines = tuple(step.line for step in requested if id(step) in self._steps)
        error = next((e for e in (self._error(key) for key in keys) if e is not None), None)
        if error is None and len(lines) < len(requested):
            missing = next(step for step in requested if id(step) not in self._steps)
            error = NotDone("another part of the task failed", doing=missing.line, target=name, hint=NotDone.HINT)
        return Entry(kind, name, before, after, lines, error)

    def _error(self, key: Key) -> Optional[FlashError]:
        if self.applied is not None and key in self.applied.errors:
            return self.applied.errors[key]
        outcome = self.plan.outcomes.get(key)
        return outcome.error if outcome else None


# -- the entries of each module ----------------------------------------------------------------------------------------


def volumes(reporter: Reporter, desired_state: DesiredState) -> List[Entry]:
    """flash_volume."""
    return [reporter.volume(volume) for volume in desired_state.volumes]


def snapshots(reporter: Reporter, desired_state: DesiredState) -> List[Entry]:
    """flash_snapshot. What a retention removed counts for the first snapshot of its volume."""
    retentions: Dict[Optional[str], List[Key]] = {}
    for retention in desired_state.retentions:
        retentions.setdefault(retention.volume, []).append(plan_snapshots.retention_key(retention))
    return [
        reporter.snapshot(snapshot, *retentions.pop(snapshot.target or snapshot.volume, ()))
        for snapshot in desired_state.snapshots
    ]


def groups(reporter: Reporter, desired_state: DesiredState) -> List[Entry]:
    """flash_group."""
    return [reporter.group(group) for group in desired_state.groups]


def host_maps(reporter: Reporter, desired_state: DesiredState) -> List[Entry]:
    """flash_host_map: a mapping with its host. A host without a mapping in this task has an entry with a null volume.

    Changes of the host itself, and other mappings that were removed from it, count for its first entry.
    """
    hosts = {host.name: reporter.host(host) for host in desired_state.hosts}
    without_entry = dict(hosts)
    entries = []
    for mapping in desired_state.mappings:
        is_first = mapping.state != ABSENT and without_entry.pop(mapping.host, None) is not None
        keys = _host_keys(mapping.host) if is_first else ()
        entries.append(_with_host(reporter.mapping(mapping, *keys), hosts.get(mapping.host)))
    for name, host in without_entry.items():
        no_mapping = _mapping(None, DesiredMapping("", name))
        entry = reporter.entry("host", name, _host_keys(name), dict(no_mapping), dict(no_mapping))
        entries.append(_with_host(entry, host))
    return entries


def _host_keys(name: str) -> Tuple[Key, ...]:
    return (plan_hosts.key(name), plan_mappings.exclusive_key(name))


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

    Some arrays give a volume its serial only when it is first mapped, so volumes without one are read again.
    """
    mapped = [entry for entry in entries if entry.after["state"] == "present"]
    serials = {name: volume.serial for name, volume in reporter.volumes.items()}
    if reporter.applied is not None:
        without_serial = sorted({entry.after["volume"] for entry in mapped if not serials.get(entry.after["volume"])})
        if without_serial:
            serials.update({volume.name: volume.serial for volume in array.volumes(without_serial)})
    for entry in entries:
        entry.after["serial"] = serials.get(entry.after["volume"])
    # A volume that check mode only assumes is not on the array, which may report ports of volumes alone.
    known = sorted({entry.after["volume"] for entry in mapped} & set(reporter.volumes))
    ports = array.ports_of(known) if known else ()
    return {"ports": [port_data(port) for port in ports]} if mapped else {}


def document(reporter: Reporter, desired_state: DesiredState) -> Dict[str, List[Entry]]:
    """flash_array: every section of the document."""
    return {
        "volumes": volumes(reporter, desired_state),
        "snapshots": snapshots(reporter, desired_state),
        "groups": groups(reporter, desired_state),
        "hosts": [reporter.host(host) for host in desired_state.hosts],
        "mappings": [reporter.mapping(mapping) for mapping in desired_state.mappings],
    }


def _removal(actual: World, step: Step) -> Entry:
    """Before and after of what a step removes."""
    lines = (step.line,)
    if isinstance(step, DeleteVolume):
        before = volume_data(actual.with_mappings(actual.volumes.get(step.name)), step.name)
        return Entry("volume", step.name, before, volume_data(None, step.name), lines)
    if isinstance(step, DeleteHost):
        before = host_data(actual.hosts.get(step.name), step.name)
        return Entry("host", step.name, before, host_data(None, step.name), lines)
    if isinstance(step, DeleteGroup):
        return Entry(
            "consistency group",
            step.name,
            _group(actual.groups.get(step.name), step.name),
            _group(None, step.name),
            lines,
        )
    if isinstance(step, DeleteSnapshot):
        _kind, volume, name = step.snapshot
        before = snapshot_data(actual.snapshots.get((volume, name)), name)
        return Entry("snapshot", name, before, snapshot_data(None, name), lines)
    if not isinstance(step, UnmapVolume):
        raise AssertionError("a step that removes nothing: %s" % step)
    desired = DesiredMapping(step.volume, step.host)
    before = _mapping(actual.mappings.get((step.host, step.volume)), desired)
    return Entry("mapping", "%s/%s" % (step.host, step.volume), before, _mapping(None, desired), lines)


# -- model objects as plain data ---------------------------------------------------------------------------------------


def _field_names(kind: type, *internal: str) -> Tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.name not in internal)


_VOLUME_FIELDS = _field_names(Volume, "left_offline", "siblings", "options", "metadata")
_SNAPSHOT_FIELDS = _field_names(Snapshot, "volume_id")
"""A field of the model is one of the result, unless it is named here."""


def volume_data(volume: Optional[Volume], name: str) -> Data:
    """A volume; all fields null and ``state: absent`` when there is none."""
    if volume is None:
        data = _absent(_VOLUME_FIELDS + ("size_text", "array_options"), name)
        data.update(properties.reported({}))
        return data
    data = {field: getattr(volume, field) for field in _VOLUME_FIELDS}
    data.update(
        size_text=format_size(volume.size),
        id=volume.id or None,
        mappings=_mappings_data(volume.mappings),
        snapshots=_sorted(volume.snapshots),
        groups=_sorted(volume.groups),
        array_options=dict(volume.options),
    )
    data.update(properties.reported(volume.options))
    return data


def snapshot_data(snapshot: Optional[Snapshot], name: str) -> Data:
    """A snapshot; all fields null and ``state: absent`` when there is none."""
    if snapshot is None:
        return _absent(_SNAPSHOT_FIELDS + ("size_text",), name)
    data = {field: getattr(snapshot, field) for field in _SNAPSHOT_FIELDS}
    data.update(
        size_text=format_size(snapshot.size),
        id=snapshot.id or None,
        mappings=_mappings_data(snapshot.mappings),
        children=_sorted(snapshot.children),
    )
    return data


def mapping_data(mapping: Mapping) -> Data:
    return {"host": mapping.host, "volume": mapping.volume, "lun": mapping.lun, "device": mapping.device}


def _mappings_data(mappings: Optional[Sequence[Mapping]]) -> Optional[List[Data]]:
    if mappings is None:
        return None
    return [mapping_data(mapping) for mapping in sorted(mappings, key=lambda m: (m.host, m.volume))]


def _sorted(names: Optional[Iterable[str]]) -> Optional[List[str]]:
    return None if names is None else sorted(names)


def host_data(host: Optional[Host], name: str) -> Data:
    """A host; all fields null and ``state: absent`` when there is none."""
    if host is None:
        return _absent(("id", "kind", "os", "initiators"), name)
    return {
        "name": host.name,
        "state": "present",
        "id": host.id or None,
        "kind": host.kind,
        "os": host.os,
        "initiators": [
            {
                "address": format_initiator(initiator.address),
                "protocol": initiator.protocol,
                "chap_username": initiator.chap_user,
                "logged_in": initiator.logged_in,
            }
            for initiator in host.initiators
        ],
    }


def pool_data(pool: Pool) -> Data:
    return {
        "name": pool.name,
        "id": pool.id or None,
        "state": pool.state,
        "size": pool.size,
        "free": pool.free,
        "used": pool.size - pool.free,
        "provisioned": pool.provisioned,
        "provisioning": list(pool.provisioning),
    }


def port_data(port: Port) -> Data:
    return {
        "name": port.name,
        "protocol": port.protocol,
        "address": format_initiator(port.address),
        "portal": port.portal,
        "up": port.up,
    }


def group_data(group: Group) -> Data:
    return {"name": group.name, "id": group.id or None, "volumes": sorted(group.volumes)}


def _group(group: Optional[Group], name: str) -> Data:
    """A consistency group with its state; all other fields null when there is none."""
    return _absent(("id", "volumes"), name) if group is None else dict(group_data(group), state="present")


def capacity_data(capacity: Capacity) -> Data:
    return {
        "size": capacity.size,
        "used": capacity.used,
        "free": capacity.free,
        "provisioned": capacity.provisioned,
        "data_reduction_ratio": capacity.data_reduction,
        "dedup_ratio": capacity.dedup,
        "compression_ratio": capacity.compression,
        "thin_ratio": capacity.thin,
    }


def info_data(info: ArrayInfo) -> Data:
    return {
        "vendor": info.vendor,
        "name": info.name,
        "model": info.model,
        "serial": info.serial,
        "version": info.version,
        "api_version": info.api_version,
        "state": info.state,
        "protocols": list(info.protocols),
    }


def _absent(field_names: Sequence[str], name: str) -> Data:
    return dict(dict.fromkeys(field_names), name=name, state="absent")


def _snapshot(snapshot: Optional[Snapshot], desired: DesiredSnapshot) -> Data:
    return dict(snapshot_data(snapshot, desired.name), members=[])


def _members(desired: DesiredSnapshot, snapshots: Sequence[Snapshot]) -> Data:
    """A snapshot of a group: its members, and the group instead of a volume."""
    data = snapshot_data(None, desired.name)
    data["group"] = desired.group
    data["members"] = [snapshot_data(member, member.name) for member in sorted(snapshots, key=lambda s: s.name)]
    if snapshots:
        data["state"] = snapshots[0].state
    return data


def _mapping(mapping: Optional[Mapping], desired: DesiredMapping) -> Data:
    return {
        "host": desired.host,
        "volume": desired.volume or None,
        "state": "absent" if mapping is None else "present",
        "lun": None if mapping is None else mapping.lun,
        "device": None if mapping is None else mapping.device,
        "serial": None,
        "initiators": None,
        "host_state": None,
        "host_os": None,
        "paths": None,
    }
