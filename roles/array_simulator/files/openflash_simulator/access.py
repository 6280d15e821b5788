# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may see what: hosts with their initiators, and the mappings of volumes to them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from .objects import Host, Initiator, Mapping, Volume
from .rules import AlreadyMapped, InitiatorTaken, InUse, LimitReached, LunTaken, NameTaken
from .store import Store


class Access(Store):
    """Hosts, initiators and mappings of one array."""

    # ---- hosts and initiators --------------------------------------------------------------------------------------

    def create_host(
        self, name: str, ports: Sequence[tuple[str, str]] = (), attributes: dict[str, Any] | None = None
    ) -> Host:
        """A host with its initiators, each an address and a name: none of it happens if one of them is taken."""
        self._check_name("host", name)
        if self.hosts.find(name):
            raise NameTaken("host", name)
        if len(self.hosts) >= self.rules.hosts:
            raise LimitReached("host", name, "hosts")
        self._check_addresses([address for address, _label in ports])
        labels = [label for _address, label in ports]
        for position, label in enumerate(labels):
            self._check_name("initiator", label)
            if self.initiators.find(label) or label in labels[:position]:
                raise NameTaken("initiator", label)
        host = Host(id=self.hosts.next_id, uuid=uuid.uuid4().hex, name=name, attributes=dict(attributes or {}))
        self.hosts.add(host)
        self._changed("host.create", host)
        for address, label in ports:
            self.add_initiator(host, address, label)
        return host

    def rename_host(self, host: Host, name: str) -> None:
        if name == host.name:
            return
        self._check_name("host", name)
        if self.hosts.find(name):
            raise NameTaken("host", name)
        old = host.name
        self.hosts.rename(host, name)
        self._changed("host.rename", host, old=old)

    def delete_host(self, host: Host) -> None:
        """Remove a host and its initiators; never one that still sees volumes."""
        if self.mappings_for(host):
            raise InUse("host", host.name, "mapped")
        for initiator in self.initiators_of(host):
            self.remove_initiator(initiator)
        self.hosts.remove(host)
        self._changed("host.delete", host)

    def add_initiator(
        self, host: Host, address: str, name: str | None = None, attributes: dict[str, Any] | None = None
    ) -> Initiator:
        """One port of a host; its address is unique on the array, and so is its name."""
        label = name or address
        self._check_name("initiator", label)
        if self.initiators.find(label):
            raise NameTaken("initiator", label)
        self._check_addresses([address])
        initiator = Initiator(
            id=self.initiators.next_id,
            uuid=uuid.uuid4().hex,
            name=label,
            address=address,
            host=host.id,
            attributes=dict(attributes or {}),
        )
        self._file_initiator(initiator)
        self.datapath.host_changed(host, self.initiators_of(host), self.mappings_for(host))
        self._changed("initiator.create", initiator)
        return initiator

    def _file_initiator(self, initiator: Initiator) -> None:
        self.initiators.add(initiator)
        self._index.initiators_of_host.setdefault(initiator.host, set()).add(initiator.id)
        self._index.initiator_by_address[initiator.address] = initiator.id

    def readdress_initiator(self, initiator: Initiator, address: str) -> None:
        if address == initiator.address:
            return
        self._check_addresses([address])
        del self._index.initiator_by_address[initiator.address]
        initiator.address = address
        self._index.initiator_by_address[address] = initiator.id
        self.initiator_changed(initiator)

    def initiator_changed(self, initiator: Initiator) -> None:
        """Say that an initiator's address or credentials are different now."""
        host = self.hosts[initiator.host]
        self.datapath.host_changed(host, self.initiators_of(host), self.mappings_for(host))
        self._changed("initiator.change", initiator)

    def rename_initiator(self, initiator: Initiator, name: str) -> None:
        if name == initiator.name:
            return
        self._check_name("initiator", name)
        if self.initiators.find(name):
            raise NameTaken("initiator", name)
        self.initiators.rename(initiator, name)
        self._changed("initiator.change", initiator)

    def remove_initiator(self, initiator: Initiator) -> None:
        self.initiators.remove(initiator)
        self._index.initiators_of_host[initiator.host].discard(initiator.id)
        del self._index.initiator_by_address[initiator.address]
        host = self.hosts[initiator.host]
        self.datapath.host_changed(host, self.initiators_of(host), self.mappings_for(host))
        self._changed("initiator.delete", initiator)

    def find_initiator(self, address: str) -> Initiator | None:
        found = self._index.initiator_by_address.get(address)
        return None if found is None else self.initiators[found]

    def initiators_of(self, host: Host) -> list[Initiator]:
        return [self.initiators[one] for one in sorted(self._index.initiators_of_host.get(host.id, ()))]

    def _check_addresses(self, addresses: Sequence[str]) -> None:
        if len(self.initiators) + len(addresses) > self.rules.initiators:
            raise LimitReached("initiator", addresses[0] if addresses else "", "initiators")
        for position, address in enumerate(addresses):
            if address in self._index.initiator_by_address or address in addresses[:position]:
                raise InitiatorTaken("initiator", address)

    # ---- mappings --------------------------------------------------------------------------------------------------

    def map(self, volume: Volume, host: Host, lun: int | None = None, name: str | None = None) -> Mapping:
        """Show a volume to a host under ``lun``, or under the lowest free one."""
        if self.find_mapping(volume, host):
            raise AlreadyMapped("mapping", f"{volume.name} to {host.name}")
        if len(self.mappings) >= self.rules.mappings:
            raise LimitReached("mapping", volume.name, "mappings")
        taken = {mapping.lun for mapping in self.mappings_for(host)}
        if lun is None:
            lun = next((free for free in range(self.rules.first_lun, self.rules.max_lun + 1) if free not in taken), -1)
            if lun < 0:
                raise LimitReached("mapping", host.name, "max_lun")
        elif not 0 <= lun <= self.rules.max_lun:
            raise LimitReached("mapping", host.name, "max_lun")
        elif lun in taken:
            raise LunTaken("mapping", host.name, str(lun))
        mapping = Mapping(
            id=self.mappings.next_id,
            uuid=uuid.uuid4().hex,
            name=name or f"{volume.id}_{host.id}",
            volume=volume.id,
            host=host.id,
            lun=lun,
        )
        self.datapath.map(volume, host, self.initiators_of(host), lun)
        self._file_mapping(mapping)
        self._changed("mapping.create", mapping)
        return mapping

    def unmap(self, mapping: Mapping) -> None:
        volume, host = self.volumes[mapping.volume], self.hosts[mapping.host]
        self.datapath.unmap(volume, host, mapping.lun)
        self.mappings.remove(mapping)
        self._index.maps_of_volume[volume.id].discard(mapping.id)
        self._index.maps_of_host[host.id].discard(mapping.id)
        del self._index.map_by_pair[volume.id, host.id]
        self._changed("mapping.delete", mapping)

    def find_mapping(self, volume: Volume, host: Host) -> Mapping | None:
        found = self._index.map_by_pair.get((volume.id, host.id))
        return None if found is None else self.mappings[found]

    def mappings_of(self, volume: Volume) -> list[Mapping]:
        return [self.mappings[one] for one in sorted(self._index.maps_of_volume.get(volume.id, ()))]

    def mappings_for(self, host: Host) -> list[Mapping]:
        return [self.mappings[one] for one in sorted(self._index.maps_of_host.get(host.id, ()))]

    def _file_mapping(self, mapping: Mapping) -> None:
        self.mappings.add(mapping)
        self._index.maps_of_volume.setdefault(mapping.volume, set()).add(mapping.id)
        self._index.maps_of_host.setdefault(mapping.host, set()).add(mapping.id)
        self._index.map_by_pair[mapping.volume, mapping.host] = mapping.id
