# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts (initiator groups), their initiators and CHAP, and LUN mappings (sheet, section 6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from ...array import HostChap, HostOs
from ...client import make_mapping
from ...compare import same_host, same_mapping, who_has, whose_initiator
from ...errors import Conflict, FlashError, InUse, Invalid, NotFound
from ...model import ISCSI, Chap, Host, Initiator, Mapping, Volume
from ...transport.confirm import AnswerLost, confirm
from ...units import format_initiator
from . import objects
from .reading import Reading
from .refusals import AlreadyMapped, LunTaken, NameTaken
from .wire import reference


class Hosts(Reading, HostChap, HostOs):
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
            body: Dict[str, Any] = {"ig-name": name}
            if initiators and not keys:
                body["initiator-list"] = [_initiator_body(one) for one in initiators]
            made = self._create_group_or_find(name, body, initiators)
            if isinstance(made, Host):
                return self.set_host_os(made, os) if os and made.initiators and made.os != os else made
            host = Host(name, id=made, os=os, volumes=0)
            if not keys:
                if os and initiators:
                    self._xms.put("initiator-groups", name, {"operating-system": os}, idempotent=True)
                named = tuple(replace(one, name=_initiator_name(one)) for one in initiators)
                return replace(host, initiators=named)
            try:
                return self._add(host, initiators, os, chap)
            except Conflict:
                # Nobody can have begun to use a host that was made a moment ago and has no initiators.
                self._drop_if_empty(host)
                raise

    def _create_group_or_find(
        self, name: str, body: Dict[str, Any], initiators: Sequence[Initiator]
    ) -> Union[str, Host]:
        """The index of the new initiator group, or the host that was there already, with the same initiators."""

        def post() -> str:
            made = self._xms.post("initiator-groups", body)
            return str(made[0]) if made else ""

        def look() -> Union[str, Host, None]:
            there = self.hosts([name]).named(name)
            if there is not None and not there.addresses and "initiator-list" not in body:
                return there.id
            return None if there is None else same_host(there, initiators)

        try:
            return confirm(post, look, (NameTaken,))
        except AnswerLost:
            raise
        except FlashError as error:
            raise self._taken(initiators, name, error) from None

    def _drop_if_empty(self, host: Host) -> None:
        there = self.hosts([host.name]).named(host.name)
        if there is not None and not there.initiators and not there.volumes:
            self._xms.delete("initiator-groups", host.name, int(there.id))

    def add_initiators(self, host: Host, initiators: Sequence[Initiator], chap: Optional[Chap] = None) -> Host:
        """One request for each that the host does not have yet."""
        with self._doing("add initiators to host %s" % host.name, host.name):
            return self._add(host, initiators, host.os, chap)

    def _add(self, host: Host, initiators: Sequence[Initiator], os: Optional[str], chap: Optional[Chap]) -> Host:
        keys = self._chap_keys(chap)
        have = list(host.initiators)
        for one in initiators:
            if one.address in host.addresses:
                continue
            body: Dict[str, Any] = dict(_initiator_body(one), **{"ig-id": reference(host.name, host.id)})
            if os:
                body["operating-system"] = os
            if one.protocol == ISCSI:
                body.update(keys)
            index = self._add_one(host, one, body)
            user = chap.username if chap and one.protocol == ISCSI else None
            have.append(replace(one, name=body["initiator-name"], id=index, chap_user=user))
        return replace(host, initiators=tuple(have))

    def _add_one(self, host: Host, one: Initiator, body: Dict[str, Any]) -> Optional[str]:

        def post() -> Optional[str]:
            made = self._xms.post("initiators", body)
            return str(made[0]) if made else None

        def look() -> Optional[str]:
            owner, there = self._owner(one.address)
            return there if owner == host.name else None

        try:
            return confirm(post, look, (FlashError,))
        except NotFound as error:
            raise NotFound("host %s is not there" % host.name, code=error.code) from None
        except AnswerLost:
            raise
        except FlashError as error:
            raise self._taken([one], host.name, error) from None

    def _taken(self, initiators: Sequence[Initiator], name: str, error: FlashError) -> FlashError:
        """Section 15: the code for an address that another host has is not known. So look; else the error as it was."""
        if error.code is None:
            return error
        return whose_initiator(initiators, name, self.find_hosts([one.address for one in initiators]), error)

    def _owner(self, address: str) -> Tuple[Optional[str], Optional[str]]:
        """The host that has the address, and the initiator's id."""
        for host in self.find_hosts([address]):
            for one in host.initiators:
                if one.address == address:
                    return host.name, one.id
        return None, None

    def remove_initiators(self, host: Host, addresses: Sequence[str]) -> Host:
        """One request for each that the host has."""
        with self._doing("remove initiators from host %s" % host.name, host.name):
            for one in host.initiators:
                if one.address in addresses:
                    name = _initiator_name(one)
                    self._xms.delete("initiators", name, int(one.id) if one.id else None)
            left = tuple(one for one in host.initiators if one.address not in addresses)
            return replace(host, initiators=left)

    def set_chap(self, host: Host, chap: Chap) -> Host:
        """One request for each iSCSI initiator. Sent always: the array's secrets are never read back to compare."""
        with self._doing("set the CHAP credentials of host %s" % host.name, host.name):
            keys = self._chap_keys(chap)
            have: List[Initiator] = []
            for one in host.initiators:
                if one.protocol == ISCSI:
                    name = _initiator_name(one)
                    self._xms.put("initiators", name, keys, idempotent=True)
                    one = replace(one, chap_user=chap.username)
                have.append(one)
            return replace(host, initiators=tuple(have))

    def set_host_os(self, host: Host, os: str) -> Host:
        """One request: the array sets it of each initiator (section 6)."""
        with self._doing("set the operating system of host %s" % host.name, host.name):
            self._xms.put("initiator-groups", host.name, {"operating-system": os}, idempotent=True)
            return replace(host, os=os)

    def wants_chap(self) -> Tuple[bool, bool]:
        """Whether the cluster lets only initiators with CHAP log in, and discover: one request (section 7)."""
        with self._doing("read the CHAP modes of the cluster"):
            login, discovery = "chap-authentication-mode", "chap-discovery-mode"
            found = self._xms.get("clusters", self._xms.cluster, ("name", login, discovery)) or {}
            return _is_on(found.get(login)), _is_on(found.get(discovery))

    def chap_of(self, addresses: Sequence[str]) -> Optional[Chap]:
        """What the first of these initiators that has any proves itself with: one request.

        The array gives passwords away in clear (section 6). This is for a driver that has to tell the host what was
        set by somebody else; nothing else may ask.
        """
        with self._doing("read the CHAP credentials of the initiators"):
            wanted = set(addresses)
            for item in self._xms.all("initiators", objects.CHAP_PROPS):
                if objects.initiator(item).address not in wanted:
                    continue
                found = [str(item.get(key) or "") for key in objects.CHAP_PROPS[3:]]
                self._xms.http.journal.hide(found[1] or None)
                self._xms.http.journal.hide(found[3] or None)
                if found[1]:
                    return Chap(found[0], found[1], found[2] or None, found[3] or None)
            return None

    def _chap_keys(self, chap: Optional[Chap]) -> Dict[str, str]:
        """The keys to set differ from those to read (section 6). Discovery is set whole or not at all."""
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
        """One request; the array removes the initiators with it, and refuses while a volume is mapped."""
        with self._doing("delete host %s" % host.name, host.name):
            try:
                self._xms.delete("initiator-groups", host.name, int(host.id) if host.id else None)
            except FlashError as error:
                # Section 15: the code of that refusal is not known. So ask.
                there = self._xms.get("initiator-groups", host.name, objects.HOST_PROPS)
                if there is not None and int(there.get("num-of-vols") or 0):
                    raise InUse(
                        "%s volumes are mapped to it" % there["num-of-vols"], code=error.code, hint="Unmap them first."
                    ) from None
                raise

    # -- mappings ----------------------------------------------------------------------------------------------------

    def map_volume(self, volume: Volume, host: Host, lun: Optional[int] = None) -> Mapping:
        """Two requests: the mapping, and a read that tells its LUN. Without ``lun`` the array takes a free one."""
        with self._doing("map volume %s to host %s" % (volume.name, host.name), volume.name):
            body: Dict[str, Any] = {
                "vol-id": reference(volume.name, volume.id),
                "ig-id": reference(host.name, host.id),
            }
            if lun is not None:
                body["lun"] = lun

            def send() -> Mapping:
                try:
                    made = self._xms.post("lun-maps", body)
                except (AlreadyMapped, LunTaken, AnswerLost):
                    raise
                except NotFound as error:
                    raise self._missing_for_mapping(volume, host, error) from None
                except FlashError as error:
                    # Section 15: other codes may mean a taken LUN too.
                    raise (error if lun is None else who_has(lun, self.mappings(hosts=[host.name]), error)) from None
                item = self._xms.get("lun-maps", index=made[0], props=objects.MAPPING_PROPS) if made else None
                # Should the index have gone to another mapping already, the names tell.
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
        for one in self.mappings(volumes=[volume.name]):
            if (one.volume, one.host) == (volume.name, host.name):
                return one
        return None

    def _missing_for_mapping(self, volume: Volume, host: Host, error: NotFound) -> NotFound:
        for kind, word, name in (("volumes", "volume", volume.name), ("initiator-groups", "host", host.name)):
            if self._xms.get(kind, name, ("name", "index")) is None:
                return NotFound("%s %s is not there" % (word, name), target=name, code=error.code)
        return error

    def unmap_volume(self, mapping: Mapping) -> Tuple[Mapping, ...]:
        """Two requests: the mapping goes, and what the host that had it still has is read."""
        doing = "unmap volume %s from host %s" % (mapping.volume, mapping.host)
        with self._doing(doing, mapping.volume):
            name = mapping.id or self._mapping_id(mapping)
            if name is not None:
                self._xms.delete("lun-maps", name)
            return tuple(one for one in self.mappings(hosts=[mapping.host]) if one.host == mapping.host)

    def _mapping_id(self, mapping: Mapping) -> Optional[str]:
        for one in self.mappings(volumes=[mapping.volume]):
            if (one.volume, one.host) == (mapping.volume, mapping.host):
                return one.id
        return None


def _is_on(mode: Any) -> bool:
    """Of a CHAP mode, which some releases leave empty."""
    return str(mode or "disabled") != "disabled"


def _initiator_name(one: Initiator) -> str:
    """Unless told otherwise, an initiator is named like its address."""
    return one.name or format_initiator(one.address)


def _initiator_body(one: Initiator) -> Dict[str, Any]:
    return {"initiator-name": _initiator_name(one), "port-address": format_initiator(one.address)}
