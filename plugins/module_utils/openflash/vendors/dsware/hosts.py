# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts and their mappings: initiators and LUNs on REST (sheet, section 2.3), attachments by agent or tool (1.4)."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import Any, Dict, List, Mapping as Map, Optional, Sequence, Tuple

from ...attach.dsware import AttachTool, is_complete, wait_for_device
from ...compare import mapped_to
from ...errors import Conflict, FlashError, Interrupted, InUse, NotFound
from ...model import AGENT, ISCSI, OF_ALL_HOSTS, UNKNOWN, Chap, Host, Initiator, Listing, Mapping, Port, Volume
from ...transport.confirm import confirm, repeat
from ...transport.deadline import Deadline
from ...units import parse_initiator
from .codes import AlreadyThere, NameTaken, NotThere, VolumeGone
from .ledger import BY_ID, LUN_RANGE
from .refresh import Refreshes
from .rest import RestWire, names_in, objects, text
from .volumes import UNSURE
from .wire import readable


class Hosts(Refreshes):
    """What a Dsware does with hosts.

    A host is one of two things: a set of iSCSI initiators to which volumes are mapped as LUNs, or (kind ``agent``) a
    node whose block client attaches volumes, by order of the array's manager or of the node's own tool. Only the node
    itself knows what is attached to it, so ``mappings()`` is not known as soon as there may be such attachments.
    """

    agents: Map[str, str] = {}
    """Host name -> address of the agent there."""
    tool: Optional[AttachTool] = None
    device_root: str = "/dev"
    wait_for_devices: float = 60.0

    @property
    def _rest(self) -> RestWire:
        if not isinstance(self._wire, RestWire):
            raise self.unsupported("create_host", "the text socket has no hosts")
        return self._wire

    @property
    def _has_hosts(self) -> bool:
        return isinstance(self._wire, RestWire)

    def _is_here(self, name: str) -> bool:
        return name.lower() in self.capabilities.local_names

    def _attaches(self, name: str) -> bool:
        return name in self.agents or (self.tool is not None and self._is_here(name))

    # -- reading -----------------------------------------------------------------------------------------------------

    def ports(self) -> Listing[Port]:
        """iSCSI portals that are active: one request. Not known on the socket."""
        if not self._has_hosts:
            return UNKNOWN
        with self._doing("read the target ports"):
            found: Dict[Tuple[str, str], Port] = {}
            for node in self._rest.portals():
                for item in objects(node, "iscsiPortalList"):
                    if item.get("iscsiStatus") not in (None, "active"):
                        continue
                    portal, target = str(item.get("iscsiPortal")), str(item.get("targetName")).lower()
                    name = str(node.get("nodeMgrIp") or portal)
                    found.setdefault((portal, target), Port(name, ISCSI, target, portal, up=True))
            return Listing(tuple(found.values()))

    def hosts(self, names: Optional[Sequence[str]] = None) -> Listing[Host]:
        """Agents are known from the task. The others cost one list, and one request for the initiators of each."""
        requested = list(dict.fromkeys(names)) if names is not None else sorted(self.agents)
        nodes = [Host(name, id=self.agents.get(name, ""), kind=AGENT) for name in requested if self._attaches(name)]
        others = [name for name in requested if not self._attaches(name)]
        if not self._has_hosts or (names is not None and not others):
            return Listing(tuple(nodes), known=self._has_hosts or names is not None)
        with self._doing("read hosts"):
            listed = self._host_names()
            existing = [name for name in listed if name not in self.agents and (names is None or name in others)]
            found = self._wire.side_by_side(self._host, existing)
            return Listing(tuple(nodes) + tuple(found))

    def _host_names(self) -> List[str]:
        return names_in(self._rest.hosts(), "hostName", "hosts")

    def _host(self, name: str) -> Host:
        return Host(name, id=name, initiators=tuple(_initiators(self._rest.ports_of_host(name))))

    def find_hosts(self, initiators: Sequence[str]) -> Listing[Host]:
        """One request for all initiators, and one for each host that has any."""
        if not self._has_hosts or not initiators:
            return Listing()
        with self._doing("find hosts by their initiators"):
            owners = self._rest.hosts_of_ports(initiators)
            names = sorted({host for found in owners.values() for host in found})
            return Listing(tuple(self._wire.side_by_side(self._host, names)))

    def mappings(
        self, volumes: Optional[Sequence[str]] = None, hosts: Optional[Sequence[str]] = None
    ) -> Listing[Mapping]:
        """LUNs: one request for each requested volume, then one for each host. Attachments: those of this host.

        Not ``known`` on the socket, and where agents or tools may attach volumes.
        """
        with self._doing("read mappings"):
            found = self._luns(volumes, hosts) if self._has_hosts else Listing()
            items = found.items + tuple(self._attached(volumes or (), hosts))
            return Listing(items, found.unreadable, known=self.capabilities.mappings_known == OF_ALL_HOSTS)

    def _luns(self, volumes: Optional[Sequence[str]], hosts: Optional[Sequence[str]]) -> Listing[Mapping]:
        everything = volumes is None and hosts is None
        requested_volumes = set(volumes or ())
        requested_hosts = {name for name in hosts or () if not self._attaches(name)}
        if everything:
            names = set(self._host_names())
        else:
            mapped = self._wire.side_by_side(self._hosts_of, sorted(requested_volumes))
            names = requested_hosts | {name for found in mapped for name in found}
        listed = self._wire.side_by_side(self._luns_of, sorted(names))
        return Listing(
            tuple(
                mapping
                for luns in listed
                for mapping in luns
                if everything or mapping.volume in requested_volumes or mapping.host in requested_hosts
            ),
            tuple(entry for luns in listed for entry in luns.unreadable),
        )

    def _hosts_of(self, volume: str) -> List[str]:
        try:
            return names_in(self._rest.hosts_of_lun(volume), "hostName", "hosts")
        except VolumeGone:
            return []

    def _luns_of(self, host: str) -> Listing[Mapping]:
        try:
            luns = self._rest.luns_of_host(host)
        except FlashError as error:
            self._raise_unless_gone(error, host)
            return Listing()
        pairs = [("%s on host %s" % (item.get("lunName"), host), item) for item in luns]
        return readable(
            "mapping",
            pairs,
            lambda item: Mapping(text(item, "lunName"), host, _lun(item["lunId"]), host_id=host),
        )

    def _raise_unless_gone(self, error: FlashError, host: str) -> None:
        """Raise the refusal again, unless a read shows that it is about a host that does not exist."""
        if error.code is None or isinstance(error, UNSURE) or host in self._host_names():
            raise error

    def _attached(self, volumes: Sequence[str], hosts: Optional[Sequence[str]]) -> List[Mapping]:
        """The attachments of these volumes to this host, under the task's name for it."""
        names = [name for name in hosts if self._is_here(name)] if hosts else self._names_of_this_host()
        found: List[Mapping] = []
        if not names or not volumes:
            return found
        for volume in dict.fromkeys(volumes):
            attached, device = self._device_here(volume)
            if attached:
                found += [Mapping(volume, name, device=device, host_id=self.agents.get(name)) for name in names]
        return found

    def _names_of_this_host(self) -> List[str]:
        """The names that a task may have for this host."""
        names = {name for name in self.agents if self._is_here(name)}
        if self.tool is not None:
            names |= self.capabilities.local_names
        return sorted(names)

    def _device_here(self, name: str) -> Tuple[bool, Optional[str]]:
        """Whether the volume is attached to this host, and its device, if that exists and is large enough.

        The tool reports it. Without a tool only the device shows what an agent has attached.
        """
        path = self.tool.query(name) if self.tool is not None else None
        if self.tool is not None and path is None:
            return False, None
        volume = self._wire.volumes([name]).named(name)
        if path is None:
            path = self._by_id(volume) if volume is not None else None
            if path is None or not os.path.exists(path):
                return False, None
        return True, path if is_complete(path, volume.size if volume is not None else 0) else None

    def _by_id(self, volume: Volume) -> Optional[str]:
        return os.path.join(self.device_root, BY_ID % volume.serial) if volume.serial else None

    # -- hosts -------------------------------------------------------------------------------------------------------

    def create_host(
        self, name: str, initiators: Sequence[Initiator], os: Optional[str] = None, chap: Optional[Chap] = None
    ) -> Host:
        """One request, and two for each initiator. The next run after a killed one adds the missing initiators."""
        with self._doing("create host %s" % name, name):
            if chap is not None:
                raise self.unsupported("chap", "")
            try:
                self._rest.create_host(name)
            except NameTaken:
                existing = self._host(name)
                if set(existing.addresses) - {initiator.address for initiator in initiators}:
                    raise Conflict(
                        "there is a host of that name with other initiators", hint="Choose another name."
                    ) from None
                return self._add(existing, initiators)
            return self._add(Host(name, id=name), initiators)

    def add_initiators(self, host: Host, initiators: Sequence[Initiator], chap: Optional[Chap] = None) -> Host:
        """Two requests for each that the host does not have yet."""
        with self._doing("add initiators to host %s" % host.name, host.name):
            if chap is not None:
                raise self.unsupported("chap", "", host)
            return self._add(host, initiators)

    def _add(self, host: Host, initiators: Sequence[Initiator]) -> Host:
        members = list(host.initiators)
        for one in initiators:
            if one.address in host.addresses:
                continue
            try:
                self._rest.create_port(one.address)
            except AlreadyThere:
                pass
            try:
                self._rest.add_port(host.name, one.address)
            except AlreadyThere as error:
                owners = self._rest.hosts_of_ports([one.address]).get(one.address, [])
                if host.name not in owners:
                    raise Conflict(
                        "initiator %s belongs to host %s" % (one.address, ", ".join(owners) or "unknown"),
                        code=error.code,
                        hint="Remove it there first, or use that host.",
                    ) from None
            members.append(one)
        return replace(host, initiators=tuple(members))

    def remove_initiators(self, host: Host, addresses: Sequence[str]) -> Host:
        """Two requests for each that the host has."""
        with self._doing("remove initiators from host %s" % host.name, host.name):
            for address in [one for one in host.addresses if one in addresses]:
                try:
                    self._rest.remove_port(host.name, address)
                except NotFound:
                    pass
                self._drop_port(address)
            remaining = tuple(initiator for initiator in host.initiators if initiator.address not in addresses)
            return replace(host, initiators=remaining)

    def _drop_port(self, address: str) -> None:
        """Delete an initiator that has no host any more, unless it belongs to another host by now."""
        try:
            self._rest.delete_port(address)
        except (NotFound, AlreadyThere):
            pass

    def delete_host(self, host: Host) -> None:
        """One request, and one for each initiator; the array refuses while a volume is mapped."""
        with self._doing("delete host %s" % host.name, host.name):
            if host.kind == AGENT:
                raise self.unsupported("delete_host", "", host)
            try:
                self._rest.delete_host(host.name)
            except FlashError as error:
                self._raise_unless_gone(error, host.name)
            for address in host.addresses:
                self._drop_port(address)

    # -- mappings ----------------------------------------------------------------------------------------------------

    def map_volume(self, volume: Volume, host: Host, lun: Optional[int] = None) -> Mapping:
        """As a LUN two requests: map, and read the LUN. By agent or tool: one."""
        with self._doing("map volume %s to host %s" % (volume.name, host.name), volume.name):
            if lun is not None:
                raise self.unsupported("explicit_lun", "", volume)
            if host.kind == AGENT:
                return self._attach(volume, host)
            with suppress(AlreadyThere):
                confirm(
                    lambda: self._rest.add_lun(host.name, volume.name),
                    lambda: any(one.volume == volume.name for one in self._luns_of(host.name)),
                )
            for one in self._luns_of(host.name):
                if one.volume == volume.name:
                    return one
            raise NotFound("the mapping was made and has been removed meanwhile")

    def _attach(self, volume: Volume, host: Host) -> Mapping:
        mapping = Mapping(volume.name, host.name, host_id=self.agents.get(host.name))
        if self.tool is not None and self._is_here(host.name):
            return replace(mapping, device=self.tool.attach(volume.name, volume.size))
        agent = self.agents.get(host.name)
        if agent is None:
            raise NotFound(
                "there is no agent for host %s" % host.name,
                target=host.name,
                hint="agents has %s. The name must be the one that the host has in the task."
                % (", ".join(sorted(self.agents)) or "no hosts"),
            )
        attached_now, device = self._attach_by_agent(volume.name, agent)
        if self._is_here(host.name):
            device = self._local_path(volume, device)
            try:
                wait_for_device(device, volume.size, Deadline(self.wait_for_devices, first=0.05, longest=1.0))
            except (FlashError, Interrupted):
                # Without a device no later run would find the attachment. One that others made is not removed.
                if attached_now:
                    self._detach_again(mapping)
                raise
        return replace(mapping, device=device or None)

    def _detach_again(self, mapping: Mapping) -> None:
        try:
            self._detach(mapping)
        except FlashError:
            pass  # the error that led here says more

    def _attach_by_agent(self, volume: str, agent: str) -> Tuple[bool, str]:
        """Whether this request has attached it, for certain; and the device, where the agent reports it."""
        try:
            # The request may be sent again after a lost answer: it shows whether the volume was attached.
            return True, repeat(lambda: self._rest.attach(volume, agent))
        except AlreadyThere:
            return False, ""

    def _local_path(self, volume: Volume, device: str) -> str:
        """The path of the device that stays the same over restarts; its own name where the volume has no identity."""
        identified = volume if volume.serial else self._wire.volume(volume.name) or volume
        return self._by_id(identified) or device

    def unmap_volume(self, mapping: Mapping) -> Tuple[Mapping, ...]:
        """As a LUN two requests: remove the mapping, and read the host's remaining ones. By agent or tool: one."""
        doing = "unmap volume %s from host %s" % (mapping.volume, mapping.host)
        with self._doing(doing, mapping.volume):
            if self._attaches(mapping.host):
                self._detach(mapping)
                return ()
            try:
                self._rest.delete_lun(mapping.host, mapping.volume)
            except (NotThere, VolumeGone):
                pass
            return tuple(self._luns_of(mapping.host))

    def _detach(self, mapping: Mapping) -> None:
        if self.tool is not None and self._is_here(mapping.host):
            self.tool.detach(mapping.volume)
            return
        with suppress(NotThere, VolumeGone):
            repeat(lambda: self._rest.detach(mapping.volume, self.agents[mapping.host]))

    def _refuse_mapped(self, name: str) -> None:
        """Raises InUse when it is mapped. One request on REST, and one more, or a command, for an attachment here."""
        if self._has_hosts:
            hosts = self._hosts_of(name)
            if hosts:
                raise mapped_to(hosts)
        if self._names_of_this_host() and self._device_here(name)[0]:
            raise InUse("it is attached to this host", hint="Detach it first.")


def _lun(number: Any) -> Optional[int]:
    """The LUN; None for a number that can be none, so that no host is pointed at the LUN of another volume."""
    lowest, highest = LUN_RANGE.value
    return int(number) if lowest <= int(number) <= highest else None


def _initiators(items: Sequence[Map[str, Any]]) -> List[Initiator]:
    found: List[Initiator] = []
    for name in names_in(items, "portName", "initiators"):
        try:
            protocol, address = parse_initiator(name)
        except FlashError:
            protocol, address = ISCSI, name.lower()
        found.append(Initiator(address, protocol, name=name))
    return found
