# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts, their ports and their mappings (sheet, sections 2.3 and 2.4)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import List, Optional, Sequence, Set, Tuple

from ...client import make_mapping
from ...compare import same_host, same_mapping, whose_initiator
from ...errors import FlashError, InUse, NotFound
from ...model import Chap, Host, Initiator, Listing, Mapping, Volume
from ...transport.confirm import ATTEMPTS, AnswerLost, confirm, poll_after
from .names import safe_host_name
from .reading import Reading
from .refusals import AlreadyMapped, LunTaken, NameTaken, NeedsForce, PortTaken
from .wire import port_options


class Hosts(Reading):
    """What a FlashSystem does with hosts and mappings."""

    # -- hosts -------------------------------------------------------------------------------------------------------

    def create_host(
        self, name: str, initiators: Sequence[Initiator], os: Optional[str] = None, chap: Optional[Chap] = None
    ) -> Host:
        """One request with all ports; one more when some are WWPNs and some iSCSI names.

        ``-force`` here only means that a port need not be logged in yet (section 2.3). A run that is killed between the
        two leaves a host with fewer ports, to which the next run adds the remaining ones.
        """
        with self._doing("create host %s" % name, name):
            if chap is not None:
                raise self.unsupported("chap", "this array has no CHAP")
            if not initiators:
                raise self.unsupported("host_without_initiators", "a host needs a port")
            legal = safe_host_name(name)
            self.declare_hosts([name])
            ports = port_options(initiators)
            try:
                made = confirm(
                    lambda: self._wire.mkhost(legal, ports[0]),
                    lambda: self.hosts([name]).named(name),
                )
            except (NameTaken, PortTaken) as error:
                # Which of the two the array checks first is not known.
                existing = self.hosts([name]).named(name)
                if existing is not None:
                    return self._same_host(existing, initiators)
                raise self._owner_of(initiators, name, error) from None
            if isinstance(made, Host):
                return self._same_host(made, initiators, partly=True)
            first = [one for one in initiators if one.protocol == initiators[0].protocol]
            host = Host(name, id=made or "", initiators=tuple(first), volumes=0)
            self._names.add(legal)
            if len(ports) > 1:
                host = self._add(host, initiators)
            self._remember(host)
            return host

    def _same_host(self, existing: Host, initiators: Sequence[Initiator], partly: bool = False) -> Host:
        """The existing host. Raises Conflict when it has other ports; with ``partly`` missing ones are added."""
        if partly and set(existing.addresses) < {initiator.address for initiator in initiators}:
            return self._add(existing, initiators)
        return same_host(existing, initiators)

    def add_initiators(self, host: Host, initiators: Sequence[Initiator], chap: Optional[Chap] = None) -> Host:
        """One request for all WWPNs, one for all iSCSI names."""
        with self._doing("add initiators to host %s" % host.name, host.name):
            if chap is not None:
                raise self.unsupported("chap", "this array has no CHAP", host)
            return self._add(host, initiators)

    def _add(self, host: Host, initiators: Sequence[Initiator]) -> Host:
        for attempt in range(ATTEMPTS):
            missing = [one for one in initiators if one.address not in host.addresses]
            if not missing:
                break
            try:
                for ports in port_options(missing):
                    self._wire.addhostport(self._array_name(host.name), ports)
            except NotFound as error:
                raise NotFound("host %s is not there" % host.name, code=error.code) from None
            except PortTaken as error:
                self._forget(host)
                present = self.hosts([host.name]).named(host.name)
                if present is None or set(present.addresses) <= set(host.addresses):
                    raise self._owner_of(missing, host.name, error) from None
                host = present  # another run has added some of them
            except AnswerLost as error:
                if attempt == ATTEMPTS - 1:
                    raise
                present = poll_after(error, partial(self._host_with, host.name, {one.address for one in initiators}))
                host = present or self.hosts([host.name]).named(host.name) or host
            else:
                host = replace(host, initiators=host.initiators + tuple(missing))
        self._remember(host)
        return host

    def _host_with(self, name: str, addresses: Set[str]) -> Optional[Host]:
        """The host, if it has all of these ports."""
        host = self.hosts([name]).named(name)
        return host if host is not None and addresses <= set(host.addresses) else None

    def _owner_of(self, initiators: Sequence[Initiator], name: str, error: FlashError) -> FlashError:
        """An error that names the host with one of the ports; the error itself when no host has one."""
        with self._lock_of_hosts:
            self._by_port = {}
        return whose_initiator(initiators, name, self.find_hosts([one.address for one in initiators]), error)

    def remove_initiators(self, host: Host, addresses: Sequence[str]) -> Host:
        """One request for all WWPNs, one for all iSCSI names. Ports that are removed already are no error."""
        with self._doing("remove initiators from host %s" % host.name, host.name):
            for attempt in range(ATTEMPTS):
                to_remove = [initiator for initiator in host.initiators if initiator.address in addresses]
                try:
                    for ports in port_options(to_remove):
                        self._wire.rmhostport(self._array_name(host.name), ports)
                    break
                except (AnswerLost, PortTaken) as error:
                    present = self.hosts([host.name]).named(host.name)
                    if present is None:
                        raise NotFound("host %s is not there" % host.name) from None
                    if isinstance(error, PortTaken) and set(present.addresses) == set(host.addresses):
                        raise
                    if attempt == ATTEMPTS - 1 and set(present.addresses) & set(addresses):
                        raise
                    host = present
            remaining = tuple(initiator for initiator in host.initiators if initiator.address not in addresses)
            host = replace(host, initiators=remaining)
            self._remember(host)
            return host

    def delete_host(self, host: Host) -> None:
        """One request; ``-force``, which would remove its mappings too, is never sent."""
        with self._doing("delete host %s" % host.name, host.name):
            self._forget(host)
            with suppress(NotFound):
                confirm(
                    lambda: self._wire.rmhost(self._array_name(host.name)),
                    lambda: not self.hosts([host.name]).items,
                )

    # -- mappings ----------------------------------------------------------------------------------------------------

    def map_volume(self, volume: Volume, host: Host, lun: Optional[int] = None) -> Mapping:
        """One request with a LUN, two without: the number in the answer is not always the LUN (section 2.4)."""
        return self._map(volume, host, lun, shared=False)

    def map_shared(self, volume: Volume, host: Host, lun: Optional[int] = None) -> Mapping:
        """Like map_volume, and one more request with ``-force`` where the array demands that for a second host."""
        return self._map(volume, host, lun, shared=True)

    def _map(self, volume: Volume, host: Host, lun: Optional[int], shared: bool) -> Mapping:
        with self._doing("map volume %s to host %s" % (volume.name, host.name), volume.name):
            volume = replace(volume, name=self._vdisk_name(volume.name, volume.id))
            forced: List[bool] = []

            def send() -> Mapping:
                try:
                    self._wire.mkvdiskhostmap(volume.name, self._array_name(host.name), lun, bool(forced))
                except NeedsForce as error:
                    if not shared or forced:
                        raise self._shared_with(volume, error) from None
                    forced.append(True)
                    return send()
                except NotFound as error:
                    missing = "volume %s" % volume.name
                    if self._vdisk_named(volume.name) is not None:
                        missing = "host %s" % host.name
                    raise NotFound("%s is not there" % missing, code=error.code) from None
                if lun is None:
                    return same_mapping(self._mapping_between(volume, host), None)
                return Mapping(volume.name, host.name, lun, volume_id=volume.id or None, host_id=host.id or None)

            return make_mapping(
                send,
                partial(self._mapping_between, volume, host),
                lun,
                partial(self._mappings_of_host, host.name),
                AlreadyMapped,
                LunTaken,
            )

    def _shared_with(self, volume: Volume, error: FlashError) -> FlashError:
        hosts = sorted(mapping.host for mapping in self._mappings_of_volume(volume.name))
        return InUse(
            "it is mapped to %s" % (", ".join("host %s" % name for name in hosts) or "another host"),
            code=error.code,
            hint="Two hosts that write to one volume destroy its content unless they are a cluster: set shared: true "
            "when they are.",
        )

    def _mapping_between(self, volume: Volume, host: Host) -> Optional[Mapping]:
        name = self._array_name(host.name)
        for mapping in self._mappings_of_volume(volume.name):
            if mapping.host in (host.name, name):
                return mapping
        return None

    def unmap_volume(self, mapping: Mapping) -> Tuple[Mapping, ...]:
        """Two requests: remove the mapping, and read the host's remaining mappings."""
        doing = "unmap volume %s from host %s" % (mapping.volume, mapping.host)
        with self._doing(doing, mapping.volume):
            vdisk = mapping.id or mapping.volume
            for attempt in range(ATTEMPTS):
                answer_lost = self._unmap_once(vdisk, mapping.host)
                remaining = self._mappings_of_host(mapping.host)
                if answer_lost is not None and vdisk in {other.volume for other in remaining}:
                    without = partial(self._mappings_without, mapping.host, vdisk)
                    remaining = poll_after(answer_lost, without) or remaining
                if answer_lost is None or vdisk not in {other.volume for other in remaining}:
                    return remaining.items
                if attempt == ATTEMPTS - 1:
                    raise answer_lost
            raise AssertionError("the last attempt raises")

    def _mappings_without(self, host: str, vdisk: str) -> Optional[Listing[Mapping]]:
        """The mappings of the host, if that of this vdisk is not among them."""
        remaining = self._mappings_of_host(host)
        return None if vdisk in {mapping.volume for mapping in remaining} else remaining

    def _unmap_once(self, vdisk: str, host: str) -> Optional[AnswerLost]:
        """Send one unmap. Returns the error when its answer was lost."""
        try:
            self._wire.rmvdiskhostmap(vdisk, self._array_name(host))
        except NotFound:
            pass
        except AnswerLost as error:
            return error
        return None
