# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts (initiator groups), their initiators and CHAP, and mappings (sheet, section 6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from ...array import HostChap, HostNames, HostOs
from ...client import make_mapping
from ...compare import same_host, same_mapping, who_has, whose_initiator
from ...errors import Conflict, FlashError, InUse, Invalid, NotFound
from ...model import ISCSI, Chap, Host, Initiator, Mapping, Volume
from ...transport.confirm import AnswerLost, confirm
from ...units import format_initiator
from . import objects
from .reading import Reading
from .refusals import AlreadyMapped, LunTaken, NameTaken
from .wire import CHAP_MODES, CHAP_VALUES, reference


class Hosts(Reading, HostChap, HostNames, HostOs):
    """What XtremIO does with hosts and mappings."""

    # -- hosts -------------------------------------------------------------------------------------------------------

    def create_host(
        self, name: str, initiators: Sequence[Initiator], os: Optional[str] = None, chap: Optional[Chap] = None
    ) -> Host:
        """One request, initiators included; one more for ``os``; with CHAP one more for each initiator.

        A run that is killed between them leaves a host with fewer initiators, to which the next one adds the others, or
        without its operating system, which the next one sets.
        """
        with self._doing("create host %s" % name, name):
            keys = self._chap_keys(chap)
            # Initiators with CHAP are added one by one: only their own requests have the credentials.
            created_with = () if keys else initiators
            index_or_host = self._create_group_or_find(name, created_with, initiators)
            if isinstance(index_or_host, Host):
                existing = index_or_host
                return self.set_host_os(existing, os) if os and existing.initiators and existing.os != os else existing
            host = Host(name, id=index_or_host, os=os, volumes=0)
            if not keys:
                if os and initiators:
                    self._xms.set_operating_system(name, os)
                named = tuple(replace(initiator, name=_initiator_name(initiator)) for initiator in initiators)
                return replace(host, initiators=named)
            try:
                return self._add(host, initiators, os, chap)
            except Conflict:
                # Nobody can be using a host that was created a moment ago and has no initiators.
                self._delete_if_empty(host)
                raise

    def _create_group_or_find(
        self, name: str, created_with: Sequence[Initiator], initiators: Sequence[Initiator]
    ) -> Union[str, Host]:
        """The index of the new initiator group, or the existing host, if it has the same initiators.

        :param created_with: the initiators that the request has.
        """

        def create() -> str:
            indexes = self._xms.create_initiator_group(name, [_initiator_body(one) for one in created_with])
            return str(indexes[0]) if indexes else ""

        def existing() -> Union[str, Host, None]:
            host = self.hosts([name]).named(name)
            if host is not None and not host.addresses and not created_with:
                return host.id
            return None if host is None else same_host(host, initiators)

        try:
            return confirm(create, existing, (NameTaken,))
        except AnswerLost:
            raise
        except FlashError as error:
            raise self._taken(initiators, name, error) from None

    def _delete_if_empty(self, host: Host) -> None:
        present = self.hosts([host.name]).named(host.name)
        if present is not None and not present.initiators and not present.volumes:
            self._xms.delete_initiator_group(host.name, int(present.id))

    def add_initiators(self, host: Host, initiators: Sequence[Initiator], chap: Optional[Chap] = None) -> Host:
        """One request for each that the host does not have yet."""
        with self._doing("add initiators to host %s" % host.name, host.name):
            return self._add(host, initiators, host.os, chap)

    def _add(self, host: Host, initiators: Sequence[Initiator], os: Optional[str], chap: Optional[Chap]) -> Host:
        keys = self._chap_keys(chap)
        present = list(host.initiators)
        for initiator in initiators:
            if initiator.address in host.addresses:
                continue
            body: Dict[str, Any] = _initiator_body(initiator)
            if os:
                body["operating-system"] = os
            if initiator.protocol == ISCSI:
                body.update(keys)
            index = self._add_one(host, initiator, body)
            user = chap.username if chap and initiator.protocol == ISCSI else None
            present.append(replace(initiator, name=body["initiator-name"], id=index, chap_user=user))
        return replace(host, initiators=tuple(present))

    def _add_one(self, host: Host, initiator: Initiator, body: Dict[str, Any]) -> Optional[str]:
        """Create an initiator. Returns its index, if the array reports it."""

        def create() -> Optional[str]:
            indexes = self._xms.create_initiator(reference(host.name, host.id), body)
            return str(indexes[0]) if indexes else None

        def existing() -> Optional[str]:
            owner, index = self._owner(initiator.address)
            return index if owner == host.name else None

        try:
            return confirm(create, existing, (FlashError,))
        except NotFound as error:
            raise NotFound("host %s is not there" % host.name, code=error.code) from None
        except AnswerLost:
            raise
        except FlashError as error:
            raise self._taken([initiator], host.name, error) from None

    def _taken(self, initiators: Sequence[Initiator], name: str, error: FlashError) -> FlashError:
        """Section 15: the code for an address that another host has is not known, so the owner is read."""
        if error.code is None:
            return error
        return whose_initiator(initiators, name, self.find_hosts([one.address for one in initiators]), error)

    def _owner(self, address: str) -> Tuple[Optional[str], Optional[str]]:
        """The name of the host that has the address, and the initiator's index."""
        for host in self.find_hosts([address]):
            for initiator in host.initiators:
                if initiator.address == address:
                    return host.name, initiator.id
        return None, None

    def remove_initiators(self, host: Host, addresses: Sequence[str]) -> Host:
        """One request for each that the host has."""
        with self._doing("remove initiators from host %s" % host.name, host.name):
            for initiator in host.initiators:
                if initiator.address in addresses:
                    index = int(initiator.id) if initiator.id else None
                    self._xms.delete_initiator(_initiator_name(initiator), index)
            remaining = tuple(initiator for initiator in host.initiators if initiator.address not in addresses)
            return replace(host, initiators=remaining)

    def set_chap(self, host: Host, chap: Chap) -> Host:
        """One request for each iSCSI initiator, always: the array's secrets are not read to compare them."""
        with self._doing("set the CHAP credentials of host %s" % host.name, host.name):
            keys = self._chap_keys(chap)
            initiators: List[Initiator] = []
            for initiator in host.initiators:
                if initiator.protocol == ISCSI:
                    self._xms.set_chap(_initiator_name(initiator), keys)
                    initiator = replace(initiator, chap_user=chap.username)
                initiators.append(initiator)
            return replace(host, initiators=tuple(initiators))

    def set_host_os(self, host: Host, os: str) -> Host:
        """One request: the array sets it of each initiator (section 6)."""
        with self._doing("set the operating system of host %s" % host.name, host.name):
            self._xms.set_operating_system(host.name, os)
            return replace(host, os=os)

    def rename_host(self, host: Host, name: str) -> Host:
        """One request. When the answer is lost, or nothing has the old name, the host of the new name decides."""
        with self._doing("rename host %s to %s" % (host.name, name), host.name):

            def renamed() -> bool:
                present = self.hosts([name]).named(name)
                return present is not None and present.id == host.id

            confirm(lambda: self._xms.rename_initiator_group(host.name, name), renamed, (NotFound,))
            return replace(host, name=name)

    def wants_chap(self) -> Tuple[bool, bool]:
        """Whether the cluster requires CHAP of initiators for login, and for discovery: one request (section 7)."""
        with self._doing("read the CHAP modes of the cluster"):
            modes = self._xms.chap_modes()
            login, discovery = (_is_on(modes.get(key)) for key in CHAP_MODES)
            return login, discovery

    def chap_of(self, addresses: Sequence[str]) -> Optional[Chap]:
        """The CHAP credentials of the first of these initiators that has any: one request.

        The array returns passwords in clear (section 6). Only a driver may read them, which must give the host the
        credentials that somebody else has set.
        """
        with self._doing("read the CHAP credentials of the initiators"):
            requested = set(addresses)
            for item in self._xms.chap_credentials():
                if objects.initiator(item).address not in requested:
                    continue
                username, password, discovery_username, discovery_password = (
                    str(item.get(key) or "") for key in CHAP_VALUES
                )
                self._xms.http.journal.hide(password or None)
                self._xms.http.journal.hide(discovery_password or None)
                if password:
                    return Chap(username, password, discovery_username or None, discovery_password or None)
            return None

    def _chap_keys(self, chap: Optional[Chap]) -> Dict[str, str]:
        """The properties that set CHAP, which have other names in a read (section 6)."""
        if chap is None:
            return {}
        self._xms.http.journal.hide(chap.password)
        self._xms.http.journal.hide(chap.discovery_password)
        keys = {
            "initiator-authentication-user-name": chap.username,
            "initiator-authentication-password": chap.password,
        }
        if bool(chap.discovery_username) != bool(chap.discovery_password):
            raise Invalid("CHAP for discovery needs both a user name and a password")
        if chap.discovery_username and chap.discovery_password:
            keys["initiator-discovery-user-name"] = chap.discovery_username
            keys["initiator-discovery-password"] = chap.discovery_password
        return keys

    def delete_host(self, host: Host) -> None:
        """One request. The array deletes the initiators with it, and refuses while a volume is mapped.

        :raises InUse: volumes are mapped to it.
        """
        with self._doing("delete host %s" % host.name, host.name):
            try:
                self._xms.delete_initiator_group(host.name, int(host.id) if host.id else None)
            except FlashError as error:
                # Section 15: the code of that refusal is not known, so the number of mappings is read.
                group = self._xms.initiator_group(host.name)
                if group is not None and int(group.get("num-of-vols") or 0):
                    raise InUse(
                        "%s volumes are mapped to it" % group["num-of-vols"], code=error.code, hint="Unmap them first."
                    ) from None
                raise

    # -- mappings ----------------------------------------------------------------------------------------------------

    def map_volume(self, volume: Volume, host: Host, lun: Optional[int] = None) -> Mapping:
        """Two requests: the mapping, and a read of its LUN. Without ``lun`` the array chooses a free one."""
        with self._doing("map volume %s to host %s" % (volume.name, host.name), volume.name):
            references = reference(volume.name, volume.id), reference(host.name, host.id)

            def send() -> Mapping:
                try:
                    indexes = self._xms.create_lun_map(*references, lun)
                except (AlreadyMapped, LunTaken, AnswerLost):
                    raise
                except NotFound as error:
                    raise self._missing_for_mapping(volume, host, error) from None
                except FlashError as error:
                    # Section 15: other codes may mean too that the LUN is taken.
                    raise (error if lun is None else who_has(lun, self.mappings(hosts=[host.name]), error)) from None
                item = self._xms.lun_map(indexes[0]) if indexes else None
                # The index may already belong to another mapping, so the names are compared.
                if item is not None and (item.get("vol-name"), item.get("ig-name")) == (volume.name, host.name):
                    return objects.mapping(item)
                return same_mapping(self._mapping(volume, host), lun)

            return make_mapping(
                send,
                lambda: self._mapping(volume, host),
                lun,
                lambda: self.mappings(hosts=[host.name]),
                AlreadyMapped,
                LunTaken,
            )

    def _mapping(self, volume: Volume, host: Host) -> Optional[Mapping]:
        for mapping in self.mappings(volumes=[volume.name]):
            if (mapping.volume, mapping.host) == (volume.name, host.name):
                return mapping
        return None

    def _missing_for_mapping(self, volume: Volume, host: Host, error: NotFound) -> NotFound:
        """The error with what is missing, volume or host, which the array does not report: one or two requests."""
        if self._xms.volume(volume.name, ("name", "index")) is None:
            return NotFound("volume %s is not there" % volume.name, target=volume.name, code=error.code)
        if self._xms.initiator_group(host.name) is None:
            return NotFound("host %s is not there" % host.name, target=host.name, code=error.code)
        return error

    def unmap_volume(self, mapping: Mapping) -> Tuple[Mapping, ...]:
        """Two requests: the deletion, and a read of the host's remaining mappings."""
        doing = "unmap volume %s from host %s" % (mapping.volume, mapping.host)
        with self._doing(doing, mapping.volume):
            name = mapping.id or self._mapping_id(mapping)
            if name is not None:
                self._xms.delete_lun_map(name)
            return tuple(other for other in self.mappings(hosts=[mapping.host]) if other.host == mapping.host)

    def _mapping_id(self, mapping: Mapping) -> Optional[str]:
        for present in self.mappings(volumes=[mapping.volume]):
            if (present.volume, present.host) == (mapping.volume, mapping.host):
                return present.id
        return None


def _is_on(mode: Any) -> bool:
    """Whether a CHAP mode requires CHAP. Some releases leave it empty."""
    return str(mode or "disabled") != "disabled"


def _initiator_name(initiator: Initiator) -> str:
    """The name of an initiator, by default its address."""
    return initiator.name or format_initiator(initiator.address)


def _initiator_body(initiator: Initiator) -> Dict[str, Any]:
    return {"initiator-name": _initiator_name(initiator), "port-address": format_initiator(initiator.address)}
