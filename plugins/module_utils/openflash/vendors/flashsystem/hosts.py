# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts, their ports and their mappings (sheet, sections 2.3 and 2.4)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import List, Optional, Sequence, Set, Tuple

from ...array import HostNames
from ...client import make_mapping
from ...compare import has_mappings, same_host, same_mapping, whose_initiator
from ...errors import FlashError, InUse, Invalid, NotFound, Unsupported
from ...model import Chap, Host, Initiator, Listing, Mapping, Volume
from ...transport.confirm import ATTEMPTS, AnswerLost, confirm, poll_after
from .ledger import LISTED_FOR, LUN_RANGE, REMOVE_PORT, SECOND_HOST
from .names import safe_host_name
from .reading import Reading
from .refusals import AlreadyMapped, LunTaken, NameTaken, NeedsForce, PortTaken, Rejected
from .wire import NOT_TAKEN

_NOT_SEVERAL = (NameTaken, PortTaken, Invalid, Unsupported, Rejected)
"""How the array may refuse several ports in one command: the codes of that are not known."""


class Hosts(Reading, HostNames):
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
            ports = self._wire.port_options(initiators)
            try:
                made = confirm(
                    lambda: self._wire.mkhost(legal, ports[0]),
                    lambda: self.hosts([name]).named(name),
                )
            except _NOT_SEVERAL as error:
                # Which of name and ports the array checks first is not known.
                existing = self.hosts([name]).named(name)
                if existing is not None:
                    return self._same_host(existing, initiators)
                if self._one_by_one(initiators, name, error):
                    return self.create_host(name, initiators)
                raise self._owner_of(initiators, name, error) from None
            if isinstance(made, Host):
                return self._same_host(made, initiators, partly=True)
            first = [one for one in initiators if one.protocol == initiators[0].protocol]
            if self._wire.one_port_at_a_time:
                first = first[:1]
            host = Host(name, id=made or "", initiators=tuple(first), volumes=0)
            self._names.add(legal)
            if len(ports) > 1:
                host = self._add(host, initiators)
            self._remember(host)
            return host

    def _one_by_one(self, initiators: Sequence[Initiator], name: str, error: FlashError) -> bool:
        """Whether to send a refused command again, with one port at a time: no host is in the way of any of them."""
        protocols = [one.protocol for one in initiators]
        several = any(protocols.count(protocol) > 1 for protocol in protocols)
        if self._wire.one_port_at_a_time or not several or self._owner_of(initiators, name, error) is not error:
            return False
        self._wire.one_port_at_a_time = True
        return True

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
                for ports in self._wire.port_options(missing):
                    self._wire.addhostport(self._array_name(host.name), ports)
            except NotFound as error:
                raise NotFound("host %s is not there" % host.name, code=error.code) from None
            except _NOT_SEVERAL as error:
                self._forget(host)
                present = self.hosts([host.name]).named(host.name)
                if present is None:
                    raise
                if set(present.addresses) <= set(host.addresses) and not self._one_by_one(missing, host.name, error):
                    raise self._owner_of(missing, host.name, error) from None
                host = present  # another run has added some of them, or they are added one by one
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
                    for ports in self._wire.port_options(to_remove):
                        self._wire.rmhostport(self._array_name(host.name), ports)
                    break
                except NeedsForce as error:
                    raise InUse(
                        "the array demands force to remove a port from it",
                        code=error.code,
                        said=error.said,
                        hint="Force may take its volumes from the host: remove the port with the array's own tools.",
                        assumption=REMOVE_PORT.id,
                    ) from None
                except (AnswerLost, *_NOT_SEVERAL) as error:
                    present = self.hosts([host.name]).named(host.name)
                    if present is None:
                        raise NotFound("host %s is not there" % host.name) from None
                    if not isinstance(error, AnswerLost) and set(present.addresses) == set(host.addresses):
                        if not self._one_by_one(to_remove, host.name, error):
                            raise
                    if attempt == ATTEMPTS - 1 and set(present.addresses) & set(addresses):
                        raise
                    host = present
            remaining = tuple(initiator for initiator in host.initiators if initiator.address not in addresses)
            host = replace(host, initiators=remaining)
            self._remember(host)
            return host

    def rename_host(self, host: Host, name: str) -> Host:
        """One request. When the answer is lost, or nothing has the old name, the host of the new name decides."""
        with self._doing("rename host %s to %s" % (host.name, name), host.name):
            old, new = self._array_name(host.name), safe_host_name(name)
            self.declare_hosts([name])

            def renamed() -> bool:
                present = self.hosts([name]).named(name)
                return present is not None and present.id == host.id

            try:
                confirm(lambda: self._wire.rename_host(old, new), renamed, (NotFound, NameTaken, Rejected))
            except NameTaken as error:
                raise NameTaken("there is another host %s" % name, code=error.code) from None
            self._forget(host)
            self._names.discard(old)
            self._names.add(new)
            host = replace(host, name=name)
            self._remember(host)
            return host

    def delete_host(self, host: Host) -> None:
        """Two requests: an array may delete a host with its mappings. ``-force``, which does, is never sent.

        :raises InUse: volumes are mapped to it.
        """
        with self._doing("delete host %s" % host.name, host.name):
            mapped = self._mappings_of_host(host.name)
            if mapped.items or mapped.unreadable:
                raise has_mappings([mapping.volume for mapping in mapped] or ["unreadable"])
            self._forget(host)

            def deleted() -> bool:
                found = self.hosts([host.name])
                return not found.items and not found.unreadable

            try:
                confirm(lambda: self._wire.rmhost(self._array_name(host.name)), deleted, (Rejected,))
            except NotFound as error:
                if not self._listed_in_time(deleted):
                    raise self._unsuitable(error) from None

    # -- mappings ----------------------------------------------------------------------------------------------------

    def map_volume(self, volume: Volume, host: Host, lun: Optional[int] = None) -> Mapping:
        """Two requests: the number in the answer is not always the LUN (section 2.4), and the array may have mapped the
        volume to a second host without a word.
        """
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
                    self._send_map(volume.name, host.name, lun, bool(forced))
                except AlreadyMapped as error:
                    existing = self._listed_in_time(partial(self._mapping_between, volume, host))
                    if existing is None:
                        raise self._not_listed("the mapping", error) from None
                    return same_mapping(existing, lun)
                except AnswerLost as error:
                    if shared or poll_after(error, partial(self._mapping_between, volume, host)) is None:
                        raise
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
                if lun is not None and shared:
                    return Mapping(volume.name, host.name, lun, volume_id=volume.id or None, host_id=host.id or None)
                return self._made_mapping(volume, host, lun, shared)

            return make_mapping(
                send,
                partial(self._mapping_between, volume, host),
                lun,
                partial(self._mappings_of_host, host.name),
                AlreadyMapped,
                LunTaken,
            )

    def _send_map(self, vdisk: str, host: str, lun: Optional[int], force: bool) -> None:
        """One request. Where the array demands a LUN, the lowest free one, which another run may take first."""
        name = self._array_name(host)
        if lun is not None or self._lun_optional:
            try:
                return self._wire.mkvdiskhostmap(vdisk, name, lun, force)
            except NOT_TAKEN as error:
                # A refusal that is not understood may have any other reason. Then the second one is raised.
                if lun is not None or (isinstance(error, Rejected) and self._mappings_of_volume(vdisk).items):
                    raise
                self._lun_optional = False
        for attempt in range(ATTEMPTS):
            used = {mapping.lun for mapping in self._mappings_of_host(host)} | self._refused_luns.get(host, set())
            free = next(number for number in range(LUN_RANGE.value[0], LUN_RANGE.value[1] + 1) if number not in used)
            try:
                return self._wire.mkvdiskhostmap(vdisk, name, free, force)
            except (LunTaken, Invalid, Rejected):
                # Taken, and not listed yet; or below the lowest; or the code is not known.
                self._refused_luns.setdefault(host, set()).add(free)
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _made_mapping(self, volume: Volume, host: Host, lun: Optional[int], shared: bool) -> Mapping:
        """The mapping that was just made, as the array lists it.

        :raises InUse: another host has the volume too, which must not be. The mapping is removed again.
        """
        name = self._array_name(host.name)
        found: List[Mapping] = []

        def read() -> bool:
            found[:] = self._mappings_of_volume(volume.name)
            return any(mapping.host in (host.name, name) for mapping in found)

        seen = self._listed_in_time(read)
        others = sorted(mapping.host for mapping in found if mapping.host not in (host.name, name))
        if others and not shared:
            problem = self._unmap_once(volume.name, host.name)
            undone = "may still be there" if isinstance(problem, AnswerLost) else "was removed again"
            raise InUse(
                "it was mapped to host %s meanwhile, and the new mapping %s" % (", ".join(others), undone),
                hint="Set shared: true when the hosts are a cluster.",
                assumption=SECOND_HOST.id,
            )
        if not seen:
            raise self._not_listed("the mapping")
        return same_mapping(next(one for one in found if one.host in (host.name, name)), lun)

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
        """Two requests: remove the mapping, and read the host's remaining mappings, until it is not among them."""
        doing = "unmap volume %s from host %s" % (mapping.volume, mapping.host)
        with self._doing(doing, mapping.volume):
            vdisk = mapping.id or mapping.volume
            without = partial(self._mappings_without, mapping.host, vdisk, mapping.lun)
            for attempt in range(ATTEMPTS):
                problem = self._unmap_once(vdisk, mapping.host)
                if isinstance(problem, AnswerLost):
                    remaining = poll_after(problem, without)
                else:
                    remaining = self._listed_in_time(without)
                if remaining is not None:
                    return remaining.items
                if isinstance(problem, NotFound):
                    raise self._unsuitable(problem)
                if problem is None:
                    raise self._not_listed("that the mapping is removed", assumption=LISTED_FOR)
                if attempt == ATTEMPTS - 1:
                    raise problem
            raise AssertionError("the last attempt raises")

    def _mappings_without(self, host: str, vdisk: str, lun: Optional[int]) -> Optional[Listing[Mapping]]:
        """The mappings of the host, if that of this vdisk is not among them. At another LUN it is a new one."""
        remaining = self._mappings_of_host(host)
        listed = any(one.volume == vdisk and (lun is None or one.lun == lun) for one in remaining)
        return None if listed else remaining

    def _unmap_once(self, vdisk: str, host: str) -> Optional[FlashError]:
        """Send one unmap. Returns the error when its answer was lost, or the array says that there is no mapping."""
        try:
            self._wire.rmvdiskhostmap(vdisk, self._array_name(host))
        except (NotFound, AnswerLost) as error:
            return error
        except Rejected as error:
            # The code for a mapping that is not there is that of a sibling.
            if any(self._array_name(one.host) == self._array_name(host) for one in self._mappings_of_volume(vdisk)):
                raise
            return NotFound(error.reason, code=error.code, said=error.said)
        return None
