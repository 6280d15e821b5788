# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The content of an array as a document that flash_array takes, and what of it no document can declare.

The document refers only to what it declares, so that it can be applied to another, empty array. It says what exists,
not what is in it: a clone is a volume of its size.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..errors import Invalid
from ..model import (
    AGENT,
    DELETING,
    EVERY_HOST,
    WITH_VOLUMES,
    Capabilities,
    Group,
    Host,
    Listing,
    Mapping,
    NameRule,
    Pool,
    Snapshot,
    Unreadable,
    Volume,
)
from ..properties import declared, name_of
from ..units import format_initiator, format_size, is_openstack_name
from . import rules
from .selection import Selection
from .world import Actual

Data = Dict[str, Any]


class NotDeclared(NamedTuple):
    """Something that exists and is not in the document. Without a name it is about all of a kind."""

    kind: str
    name: Optional[str]
    reason: str
    unreadable: bool = False
    """It exists, and could not be read."""


class Gathered(NamedTuple):
    document: Dict[str, List[Data]]
    """The sections of flash_array, each in the order of the names."""
    not_declared: Tuple[NotDeclared, ...]


def gathered(actual: Actual, pools: Listing[Pool], capabilities: Capabilities, selection: Selection) -> Gathered:
    """The selected objects of an array of which everything was read."""
    return _Gathering(actual, pools, capabilities, selection).result()


class _Gathering:
    def __init__(self, actual: Actual, pools: Listing[Pool], capabilities: Capabilities, selection: Selection) -> None:
        self._actual = actual
        self._pools = pools
        self._capabilities = capabilities
        self._selection = selection
        self._not_declared: List[NotDeclared] = []
        self._volumes: Set[str] = set()
        """The names of the volumes in the document, and below those of its hosts."""
        self._hosts: Set[str] = set()

    def result(self) -> Gathered:
        document = {"volumes": self._volume_section()}
        if self._selection.snapshots:
            document["snapshots"] = self._snapshot_section()
        document["groups"] = self._group_section()
        document["hosts"] = self._host_section()
        document["mappings"] = self._mapping_section()
        self._note_unreadable("pools", self._pools)
        return Gathered(document, tuple(self._not_declared))

    def _note(self, kind: str, name: Optional[str], reason: str, unreadable: bool = False) -> None:
        self._not_declared.append(NotDeclared(kind, name, reason, unreadable))

    # -- what belongs in it ------------------------------------------------------------------------------------------

    def _why_left_out(self, name: str) -> Optional[str]:
        """A clause, for what the task does not ask for; None for a name that is selected."""
        if not name.startswith(self._selection.prefix):
            return "its name does not begin with %r" % self._selection.prefix
        if is_openstack_name(name) and not self._selection.openstack:
            return "it belongs to OpenStack, by its name"
        return None

    def _is_selected(self, name: str) -> bool:
        return self._why_left_out(name) is None

    def _listed(self, plural: str, listing: Listing[Any]) -> List[Any]:
        """The objects in the order of their names. Notes what could not be read, or cannot be asked for."""
        self._note_unreadable(plural, listing)
        return sorted(listing, key=lambda item: str(item.name))

    def _note_unreadable(self, plural: str, listing: Listing[Any]) -> None:
        if not listing.known:
            self._note(plural, None, "this array cannot be asked for its %s over this interface" % plural)
        for entry in sorted(listing.unreadable, key=lambda one: (one.kind, one.name)):
            if self._may_be_selected(entry):
                reason = "it exists, and could not be read: %s" % entry.reason
                self._note(entry.kind, entry.name, reason, unreadable=True)

    def _may_be_selected(self, entry: Unreadable) -> bool:
        """Whether it may belong in the document. Only the names of these kinds tell."""
        return entry.kind not in ("volume", "host", "group") or entry.name == "?" or self._is_selected(entry.name)

    def _usable(self, kind: str, items: Iterable[Any], rule: Optional[NameRule]) -> List[Any]:
        """Selected objects that a document can declare by their name. Notes the others."""
        selected = [item for item in items if self._is_selected(item.name)]
        count = Counter(item.name for item in selected)
        usable = []
        for item in selected:
            reason = rules.why_not_declared(kind, item.name, rule)
            if count[item.name] > 1:
                reason = "several objects of this array have this name"
            if reason is None:
                usable.append(item)
            else:
                self._note(kind, item.name, reason)
        return usable

    # -- sections ----------------------------------------------------------------------------------------------------

    def _volume_section(self) -> List[Data]:
        listed = self._listed("volumes", self._actual.volumes)
        volumes: List[Volume] = []
        for volume in self._usable("volume", listed, self._capabilities.volume_name):
            if volume.state == DELETING:
                self._note("volume", volume.name, "the array is deleting it")
            else:
                volumes.append(volume)
        self._volumes = {volume.name for volume in volumes}
        several_pools = not self._pools.known or len(self._pools) > 1
        if several_pools and any(volume.pool is None for volume in volumes):
            reason = "this array does not report the pools of its volumes: add them to declare where volumes are made"
            self._note("pools", None, reason)
        return [self._volume(volume, several_pools) for volume in volumes]

    def _volume(self, volume: Volume, several_pools: bool) -> Data:
        entry: Data = {"name": volume.name, "size": format_size(volume.size), "provisioning": volume.provisioning}
        # The name of an only pool is that of the array, or chosen by nobody. Another array has another one.
        if several_pools and volume.pool is not None:
            entry["pool"] = volume.pool
        options = self._options(volume)
        entry.update(declared(options))
        others = {name: value for name, value in options.items() if name_of(name) is None}
        if others:
            entry["array_options"] = others
        return entry

    def _options(self, volume: Volume) -> Data:
        """The options that are set. What a new volume has none of is not declared: a limit of 0, an empty name."""
        options = {}
        for name in sorted(self._capabilities.volume_options):
            value, rule = volume.options.get(name), self._capabilities.volume_options[name]
            if not value or rule.of_origin or not rule.reported:
                continue
            try:
                options.update(rules.check_options({name: value}, self._capabilities))
            except Invalid as error:
                self._note("array_options", "%s/%s" % (volume.name, name), error.reason)
        return options

    def _snapshot_section(self) -> List[Data]:
        found = []
        entries: Set[Tuple[Optional[str], str]] = set()
        for snapshot in self._listed("snapshots", self._actual.snapshots):
            if not self._is_selected(snapshot.volume or snapshot.name) or self._owned_by_others(snapshot):
                continue
            reason = self._why_no_snapshot(snapshot)
            if reason is None and (snapshot.volume, snapshot.name) in entries:
                reason = "several snapshots of volume %s have this name" % snapshot.volume
            if reason is None:
                entries.add((snapshot.volume, snapshot.name))
                found.append({"name": snapshot.name, "volume": snapshot.volume})
            else:
                self._note("snapshot", snapshot.name, reason)
        return sorted(found, key=lambda entry: (str(entry["volume"]), str(entry["name"])))

    def _owned_by_others(self, snapshot: Snapshot) -> bool:
        return is_openstack_name(snapshot.name) and not self._selection.openstack

    def _why_no_snapshot(self, snapshot: Snapshot) -> Optional[str]:
        if snapshot.state == DELETING:
            return "the array is deleting it"
        if snapshot.name in self._volumes and self._capabilities.snapshot_names == WITH_VOLUMES:
            return "the array lists it as a volume too, so it is declared as one"
        if not snapshot.volume:
            return "the array does not report a volume that it is of, or has deleted that volume"
        if snapshot.volume not in self._volumes:
            return "volume %s, which it is of, is not declared" % snapshot.volume
        return rules.why_not_declared("snapshot", snapshot.name, self._capabilities.snapshot_name)

    def _group_section(self) -> List[Data]:
        listed = self._listed("groups", self._actual.groups)
        return [self._group(group) for group in self._usable("group", listed, self._capabilities.group_name)]

    def _group(self, group: Group) -> Data:
        for member in sorted(set(group.volumes) - self._volumes):
            reason = self._why_left_out(member) or "it is not declared as a volume"
            self._note("group member", "%s/%s" % (group.name, member), reason)
        return {"name": group.name, "volumes": sorted(set(group.volumes) & self._volumes)}

    def _host_section(self) -> List[Data]:
        listed = self._listed("hosts", self._actual.hosts)
        hosts: List[Host] = []
        for host in self._usable("host", listed, self._capabilities.host_name):
            reason = self._why_no_host(host)
            if reason is None:
                hosts.append(host)
            else:
                self._note("host", host.name, reason)
        self._hosts = {host.name for host in hosts}
        return [self._host(host) for host in hosts]

    def _why_no_host(self, host: Host) -> Optional[str]:
        if host.kind == AGENT:
            return "volumes are attached to it by an agent, which the connection options of a task name"
        if not host.initiators:
            return self._capabilities.refusal("host_without_initiators")
        return None

    def _host(self, host: Host) -> Data:
        users = sorted({initiator.chap_user for initiator in host.initiators if initiator.chap_user})
        if users:
            self._note("chap", host.name, _no_secret(users))
        entry: Data = {"name": host.name, "initiators": sorted(format_initiator(one) for one in host.addresses)}
        if host.os is not None and self._capabilities.refusal("host_os", host) is None:
            entry["os"] = host.os
        return entry

    def _mapping_section(self) -> List[Data]:
        self._note_unreadable("mappings", self._actual.mappings)
        if not self._actual.mappings.known:
            return []
        found: Dict[Tuple[str, str], Data] = {}
        for mapping in sorted(self._actual.mappings, key=_order_of_mapping):
            if not self._is_selected(mapping.volume):
                continue
            name = "%s/%s" % (mapping.host, mapping.volume)
            reason = self._why_no_mapping(mapping)
            if reason is None and (mapping.host, mapping.volume) in found:
                reason = "the volume is mapped to this host more than once, here as LUN %s" % mapping.lun
            if reason is not None:
                self._note("mapping", name, reason)
                continue
            if mapping.chap_user:
                self._note("chap", name, _no_secret([mapping.chap_user]))
            found[(mapping.host, mapping.volume)] = self._mapping(mapping)
        return list(found.values())

    def _mapping(self, mapping: Mapping) -> Data:
        entry: Data = {"volume": mapping.volume, "host": mapping.host}
        # Where the array chooses LUNs, another array may choose others.
        if mapping.lun is not None and self._capabilities.refusal("explicit_lun") is None:
            entry["lun"] = mapping.lun
        return entry

    def _why_no_mapping(self, mapping: Mapping) -> Optional[str]:
        if mapping.volume not in self._volumes:
            return "what is mapped is not declared as a volume: a snapshot, or a volume that is not declared itself"
        if mapping.host == EVERY_HOST:
            return "every initiator may use the volume, which a document does not declare"
        if mapping.host in self._hosts:
            return None
        left_out = self._why_left_out(mapping.host)
        if left_out is not None:
            return "host %s is not declared: %s" % (mapping.host, left_out)
        return "host %s is not declared, or is an initiator that is in no host" % mapping.host


def _order_of_mapping(mapping: Mapping) -> Tuple[str, str, int]:
    return (mapping.host, mapping.volume, -1 if mapping.lun is None else mapping.lun)


def _no_secret(users: Sequence[str]) -> str:
    return (
        "the CHAP credentials of %s are not declared, because an array does not report the password: add chap_username "
        "and chap_password to the host" % ", ".join(users)
    )
