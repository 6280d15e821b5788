# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts with their ports, and what is mapped to them (sheet, sections 2.3 and 2.4)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Dict, List, Optional, Sequence, Set, Tuple

from ...client import make_mapping
from ...compare import same_host, same_mapping, whose_initiator
from ...errors import FlashError, InUse, Invalid, NotFound
from ...model import FC, Chap, Host, Initiator, Listing, Mapping, Volume
from ...transport.confirm import ATTEMPTS, AnswerLost, confirm, poll_after
from .facts import IQN_JOIN, WWPN_JOIN, safe_host_name
from .reading import Reading
from .refusals import AlreadyMapped, LunTaken, NameTaken, NeedsForce, PortTaken
from .wire import value


class Hosts(Reading):
    """What FlashSystem does with hosts and mappings."""

    # -- hosts -------------------------------------------------------------------------------------------------------

    def create_host(
        self, name: str, initiators: Sequence[Initiator], os: Optional[str] = None, chap: Optional[Chap] = None
    ) -> Host:
        """One request with all ports; one more when some are WWPNs and some iSCSI names.

        ``-force`` here only means that a port need not be logged in yet (section 2.3). A run that is killed between the
        two leaves a host with fewer ports, to which the next one adds the rest.
        """
        with self._doing("create host %s" % name, name):
            if chap is not None:
                raise self.unsupported("chap", "this array has no CHAP")
            if not initiators:
                raise self.unsupported("host_without_initiators", "a host needs a port")
            legal = safe_host_name(name)
            self.declare_hosts([name])
            ports = _port_words(initiators)
            try:
                made = confirm(
                    lambda: self._cli.create("mkhost", "-force", *(ports[0] + ["-name", value(legal)])),
                    lambda: self.hosts([name]).named(name),
                )
            except (NameTaken, PortTaken) as error:
                # Which of the two the array looks at first is not known.
                there = self.hosts([name]).named(name)
                if there is not None:
                    return self._same_host(there, initiators)
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

    def _same_host(self, there: Host, initiators: Sequence[Initiator], partly: bool = False) -> Host:
        if partly and set(there.addresses) < {one.address for one in initiators}:
            return self._add(there, initiators)
        return same_host(there, initiators)

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
                for words in _port_words(missing):
                    self._cli.change("addhostport", "-force", *(words + [value(self._array_name(host.name))]))
            except NotFound as error:
                raise NotFound("host %s is not there" % host.name, code=error.code) from None
            except PortTaken as error:
                self._forget(host)
                there = self.hosts([host.name]).named(host.name)
                if there is None or set(there.addresses) <= set(host.addresses):
                    raise self._owner_of(missing, host.name, error) from None
                host = there  # another run has added some of them
            except AnswerLost as error:
                if attempt == ATTEMPTS - 1:
                    raise
                there = poll_after(error, partial(self._host_with, host.name, {one.address for one in initiators}))
                host = there or self.hosts([host.name]).named(host.name) or host
            else:
                host = replace(host, initiators=host.initiators + tuple(missing))
        self._remember(host)
        return host

    def _host_with(self, name: str, addresses: Set[str]) -> Optional[Host]:
        """The host, when it has all of these ports."""
        host = self.hosts([name]).named(name)
        return host if host is not None and addresses <= set(host.addresses) else None

    def _owner_of(self, initiators: Sequence[Initiator], name: str, error: FlashError) -> FlashError:
        """Name the host that has one of the ports; the error as it was, when none has."""
        with self._lock_of_hosts:
            self._by_port = {}
        return whose_initiator(initiators, name, self.find_hosts([one.address for one in initiators]), error)

    def remove_initiators(self, host: Host, addresses: Sequence[str]) -> Host:
        """One request for all WWPNs, one for all iSCSI names; those that are gone are gone."""
        with self._doing("remove initiators from host %s" % host.name, host.name):
            for attempt in range(ATTEMPTS):
                mine = [one for one in host.initiators if one.address in addresses]
                try:
                    for words in _port_words(mine):
                        self._cli.change("rmhostport", *(words + [value(self._array_name(host.name))]))
                    break
                except (AnswerLost, PortTaken) as error:
                    there = self.hosts([host.name]).named(host.name)
                    if there is None:
                        raise NotFound("host %s is not there" % host.name) from None
                    if isinstance(error, PortTaken) and set(there.addresses) == set(host.addresses):
                        raise
                    if attempt == ATTEMPTS - 1 and set(there.addresses) & set(addresses):
                        raise
                    host = there
            left = tuple(one for one in host.initiators if one.address not in addresses)
            host = replace(host, initiators=left)
            self._remember(host)
            return host

    def delete_host(self, host: Host) -> None:
        """One request; -force, which would take its mappings along, is never sent."""
        with self._doing("delete host %s" % host.name, host.name):
            self._forget(host)
            with suppress(NotFound):
                confirm(
                    lambda: self._cli.change("rmhost", value(self._array_name(host.name))),
                    lambda: not self.hosts([host.name]).items,
                )

    # -- mappings ----------------------------------------------------------------------------------------------------

    def map_volume(self, volume: Volume, host: Host, lun: Optional[int] = None) -> Mapping:
        """One request with a LUN, two without: what the array answers is not always the LUN (section 2.4)."""
        return self._map(volume, host, lun, shared=False)

    def map_shared(self, volume: Volume, host: Host, lun: Optional[int] = None) -> Mapping:
        """The same; when the array wants to be told that several hosts are meant, one more with ``-force``."""
        return self._map(volume, host, lun, shared=True)

    def _map(self, volume: Volume, host: Host, lun: Optional[int], shared: bool) -> Mapping:
        with self._doing("map volume %s to host %s" % (volume.name, host.name), volume.name):
            volume = replace(volume, name=self._vdisk_name(volume.name, volume.id))
            force: List[str] = []

            def send() -> Mapping:
                try:
                    self._map_once(volume.name, self._array_name(host.name), lun, force)
                except NeedsForce as error:
                    if not shared or force:
                        raise self._shared_with(volume, error) from None
                    force.append("-force")
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

    def _map_once(self, vdisk: str, host: str, lun: Optional[int], force: Sequence[str] = ()) -> None:
        """Section 2.4. A LUN below 0, which the driver is known to send, never leaves here."""
        if lun is not None and lun < 0:
            raise Invalid("LUN %d is not possible" % lun)
        words = list(force) + ["-host", value(host)] + ([] if lun is None else ["-scsi", str(lun)])
        self._cli.change("mkvdiskhostmap", *(words + [value(vdisk)]))

    def _shared_with(self, volume: Volume, error: FlashError) -> FlashError:
        hosts = sorted(one.host for one in self._mappings_of_volume(volume.name))
        return InUse(
            "it is mapped to %s" % (", ".join("host %s" % name for name in hosts) or "another host"),
            code=error.code,
            hint="Two hosts that write to one volume destroy its content unless they are a cluster: set shared: true "
            "when they are.",
        )

    def _mapping_between(self, volume: Volume, host: Host) -> Optional[Mapping]:
        name = self._array_name(host.name)
        for one in self._mappings_of_volume(volume.name):
            if one.host in (host.name, name):
                return one
        return None

    def unmap_volume(self, mapping: Mapping) -> Tuple[Mapping, ...]:
        """Two requests: the mapping goes, and what the host still has is read."""
        doing = "unmap volume %s from host %s" % (mapping.volume, mapping.host)
        with self._doing(doing, mapping.volume):
            vdisk = mapping.id or mapping.volume
            for attempt in range(ATTEMPTS):
                lost = self._unmap_once(vdisk, mapping.host)
                left = self._mappings_of_host(mapping.host)
                if lost is not None and vdisk in {one.volume for one in left}:
                    left = poll_after(lost, partial(self._mappings_without, mapping.host, vdisk)) or left
                if lost is None or vdisk not in {one.volume for one in left}:
                    return left.items
                if attempt == ATTEMPTS - 1:
                    raise lost
            raise AssertionError("the last attempt raises")

    def _mappings_without(self, host: str, vdisk: str) -> Optional[Listing[Mapping]]:
        left = self._mappings_of_host(host)
        return None if vdisk in {one.volume for one in left} else left

    def _unmap_once(self, vdisk: str, host: str) -> Optional[AnswerLost]:
        try:
            self._cli.change("rmvdiskhostmap", "-host", value(self._array_name(host)), value(vdisk))
        except NotFound:
            pass
        except AnswerLost as error:
            return error
        return None


def _port_words(initiators: Sequence[Initiator]) -> List[List[str]]:
    """The options of one command for each protocol: a command takes ports of one only."""
    by_protocol: Dict[str, List[str]] = {}
    for one in initiators:
        by_protocol.setdefault(one.protocol, []).append(one.address)
    words = []
    for protocol, addresses in by_protocol.items():
        if protocol == FC:
            words.append(["-hbawwpn", WWPN_JOIN.join(address.upper() for address in addresses)])
        else:
            words.append(["-iscsiname", IQN_JOIN.join(addresses)])
    return words
