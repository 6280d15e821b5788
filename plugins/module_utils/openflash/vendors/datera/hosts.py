# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts (initiator groups), access lists and CHAP (sheet, sections 2.6 and 2.7)."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional, Sequence, Tuple

from ...array import InitiatorHosts, VolumeChap
from ...compare import has_mappings, same_host
from ...errors import Conflict, Invalid, NotFound, Refused, Unsupported
from ...model import EVERY_HOST, OFFLINE, Chap, Host, Initiator, Mapping, Volume
from ...transport.confirm import confirm
from . import facts, objects
from .reading import Reading
from .refusals import Rejected, Taken
from .wire import Entity, key

# An entry is taken out at most this often before another client is suspected of putting it in again.
_OFTEN = 64


class Hosts(Reading, VolumeChap, InitiatorHosts):
    """What a Datera array does with hosts and mappings."""

    # -- hosts -------------------------------------------------------------------------------------------------------

    def create_host(
        self, name: str, initiators: Sequence[Initiator], os: Optional[str] = None, chap: Optional[Chap] = None
    ) -> Host:
        """One request for each initiator, one for the group. CHAP belongs to the mappings (see map_volume).

        A run that is killed before the group is made leaves initiators that are in use nowhere, and the next one takes
        them up.
        """
        with self._doing("create host %s" % name, name):
            paths = [self._initiator(name, one) for one in initiators]
            body = {"name": name, "members": [{"path": path} for path in paths]}
            known = _with_paths(initiators, paths)
            host = Host(name, id="/initiator_groups/%s" % name, initiators=known, volumes=0)

            def post() -> Host:
                self._edf.post("/initiator_groups", body)
                return host

            def look() -> Optional[Host]:
                there = self._host(name)
                return None if there is None else same_host(there, initiators)

            return confirm(post, look, (Taken,))

    def single_host(self, label: str, one: Initiator) -> Host:
        """A host that is one initiator and no group, as all OpenStack clients of the array have it: one request."""
        with self._doing("create initiator %s" % one.address, one.address):
            path = self._initiator(label, one)
            return Host(one.address, id=path, initiators=(replace(one, id=path),))

    def _initiator(self, host: str, one: Initiator) -> str:
        """The path of the initiator, made in this tenant; where 2.1 refuses that, the one it inherits will do (2.6)."""
        path = "/initiators/%s" % one.address
        body: Entity = {"id": one.address, "name": (one.name or host)[: facts.LABEL_LONGEST]}
        if self._edf.second:
            body["force"] = True

        def look() -> Optional[str]:
            return path if self._edf.get("/initiators/%s" % key(one.address)) is not None else None

        try:
            return confirm(lambda: objects.path_of(self._edf.post("/initiators", body)), look)
        except Taken:
            return path

    def add_initiators(self, host: Host, initiators: Sequence[Initiator], chap: Optional[Chap] = None) -> Host:
        """Two requests for each that the host does not have yet."""
        with self._doing("add initiators to host %s" % host.name, host.name):
            self._need_group(host)
            have = list(host.initiators)
            for one in initiators:
                if one.address not in host.addresses:
                    path = self._initiator(host.name, one)
                    self._member("add", host, path)
                    have.append(replace(one, id=path))
            return replace(host, initiators=tuple(have))

    def remove_initiators(self, host: Host, addresses: Sequence[str]) -> Host:
        """Two requests for each that the host has: out of the group, and away where nothing else refers to it.

        A run that is killed between the two leaves an initiator that is in use nowhere, as deleting a host may.
        """
        with self._doing("remove initiators from host %s" % host.name, host.name):
            self._need_group(host)
            for one in host.initiators:
                if one.address in addresses:
                    path = one.id or "/initiators/%s" % one.address
                    self._member("remove", host, path)
                    self._forget(path)
            return replace(host, initiators=tuple(one for one in host.initiators if one.address not in addresses))

    def _member(self, operation: str, host: Host, path: str) -> None:
        try:
            self._edf.put("%s/members" % host.id, {"op": operation, "path": path})
        except NotFound as error:
            if operation == "add":
                raise NotFound("host %s is not there" % host.name, target=host.name, code=error.code) from None

    def _forget(self, path: str) -> None:
        """Delete the initiator, unless a group or an access list still needs it: the array knows that best.

        Nor where it is that of a tenant above: others may be about to use it.
        """
        one = "/initiators/%s" % key(path.rsplit("/", 1)[1])
        if self._inherited(one):
            return
        try:
            self._edf.delete(one)
        except Rejected:
            pass

    def _inherited(self, path: str) -> bool:
        """Whether an initiator or a group is that of a tenant above: one request, and none in /root (2.6).

        2.2 tells whose it is. On 2.1 the tenant above is asked, and what that has too is taken for its own.
        """
        above = self._edf.tenant.rsplit("/", 1)[0]
        if not above:
            return False
        if self._edf.second:
            found = self._edf.get(path)
            return isinstance(found, dict) and not self._own(found)
        return self._edf.get(path, tenant=above) is not None

    def _need_own(self, host: Host) -> None:
        if not self._edf.second and self._inherited(host.id):
            raise Refused(
                "the tenant above has a host %s, and this API version does not tell which of the two it means"
                % host.name,
                hint="Change it there, or use a host of another name.",
            )

    def _need_group(self, host: Host) -> None:
        if not host.id.startswith("/initiator_groups/"):
            raise Unsupported(
                "%s is a single initiator and no group, so it cannot get or lose initiators" % host.name,
                hint="Create a host with a name of its own, and map to that.",
            )
        self._need_own(host)

    def delete_host(self, host: Host) -> None:
        """One request for the group, one for each initiator. The array refuses while an access list names it."""
        with self._doing("delete host %s" % host.name, host.name):
            self._need_own(host)
            try:
                self._edf.delete(host.id)
            except Rejected as error:
                mapped = sorted(one.volume for one in self.mappings(hosts=[host.name]) if one.host_id == host.id)
                if mapped:
                    raise has_mappings(mapped, error) from None
                raise
            if host.id.startswith("/initiator_groups/"):
                for one in host.initiators:
                    self._forget(one.id or "/initiators/%s" % one.address)

    # -- mappings ----------------------------------------------------------------------------------------------------

    def map_volume(self, volume: Volume, host: Host, lun: Optional[int] = None) -> Mapping:
        """Two requests: the entry, and the storage instance once it can be logged in to; one more where it was offline.

        An entry is added and not the whole list rewritten, so what another client adds at the same time stays.
        """
        with self._doing("map volume %s to host %s" % (volume.name, host.name), volume.name):
            if volume.siblings:
                raise self.unsupported("map_volume", "", volume)
            if lun is not None and lun != facts.FIRST_LUN:
                raise self.unsupported("explicit_lun", "")
            si_path = volume.id.rsplit("/volumes/", 1)[0]
            self._add_entry(si_path, volume, host)
            if volume.state == OFFLINE:
                place = self._need_place(volume)
                if not place.online:
                    self._online(place)
            place = self._available(volume)
            members = {host.name: host.addresses}
            return objects.mapping(place, host.id, members)

    def set_volume_chap(self, volume: Volume, chap: Chap) -> None:
        """One-way CHAP, one request: whoever logs in proves itself to the target (2.7).

        Sent always: secrets are never read back to compare.
        """
        with self._doing("set the CHAP credentials of volume %s" % volume.name, volume.name):
            if chap.discovery_username or chap.discovery_password:
                raise Invalid("Datera has no CHAP for discovery", hint="Leave chap_discovery_username out.")
            if not 12 <= len(chap.password) <= 16:
                raise Invalid("a CHAP secret of this array has 12 to 16 characters", hint="Change chap_password.")
            if volume.siblings:
                raise Unsupported(facts.shared_life(volume.siblings, "CHAP"))
            self._edf.http.journal.hide(chap.password)
            body = {"type": "chap", "target_user_name": chap.username, "target_pswd": chap.password}
            self._edf.put(volume.id.rsplit("/volumes/", 1)[0] + "/auth", body)

    def _add_entry(self, si_path: str, volume: Volume, host: Host) -> None:
        """Put the host into the access list, once: other clients leave entries there several times (3.8)."""
        try:
            entries = self._entry(si_path, "add", host.id)
        except NotFound as error:
            raise self._who_is_missing(volume, host, error) from None
        while entries.count(host.id) > 1:
            entries = self._entry(si_path, "remove", host.id)
        if host.id not in entries:
            # So removing takes out every occurrence (which of the two is not known).
            self._entry(si_path, "add", host.id)

    def _remove_entry(self, si_path: str, path: str) -> None:
        """Take it out, however often it stands there."""
        for _time in range(_OFTEN):
            try:
                if path not in self._entry(si_path, "remove", path):
                    return
            except NotFound:
                return
        raise Conflict("the access list holds %s again and again" % path, hint="Another client may be adding it.")

    def _entry(self, si_path: str, operation: str, path: str) -> List[str]:
        """The entries of that kind after the change, whether the answer is the list or the whole policy (section 9)."""
        kind = path.strip("/").split("/")[0]
        reply = self._edf.put("%s/acl_policy/%s" % (si_path, kind), {"op": operation, "path": path})
        found = reply.get(kind) if isinstance(reply, dict) else reply
        return [objects.path_of(one) for one in found or ()]

    def _who_is_missing(self, volume: Volume, host: Host, error: NotFound) -> NotFound:
        if self._place(volume.id) is None:
            return NotFound("volume %s is not there" % volume.name, target=volume.name, code=error.code)
        return NotFound("host %s is not there" % host.name, target=host.name, code=error.code)

    def unmap_volume(self, mapping: Mapping) -> Tuple[Mapping, ...]:
        """Three requests: is it alone there? The entry goes, as often as it is there, and what the host has is read."""
        with self._doing("unmap volume %s from host %s" % (mapping.volume, mapping.host), mapping.volume):
            if not mapping.id or not mapping.host_id:
                found = [one for one in self.mappings(volumes=[mapping.volume]) if one.host == mapping.host]
                if not found:
                    return tuple(self.mappings(hosts=[mapping.host]))
                mapping = found[0]
            si_path = str(mapping.id).partition(" ")[0]
            place = self._place(str(mapping.volume_id))
            if place is not None:
                if place.siblings:
                    raise Unsupported(facts.shared_life(place.siblings, "the access list"))
                self._shut(si_path, str(mapping.host_id))
            return tuple(one for one in self.mappings(hosts=[mapping.host]) if one.host == mapping.host)

    def end_mapping(self, mapping: Mapping) -> None:
        """Like unmap_volume for a volume that is alone there, without what the host has left: one request."""
        with self._doing("unmap volume %s from host %s" % (mapping.volume, mapping.host), mapping.volume):
            self._shut(str(mapping.id).partition(" ")[0], str(mapping.host_id))

    def _shut(self, si_path: str, host_id: str) -> None:
        """End what a mapping permits: an entry of the access list, or the access of every initiator (2.6)."""
        if host_id == EVERY_HOST:
            self._edf.put(si_path, {"access_control_mode": facts.CLOSED})
        else:
            self._remove_entry(si_path, host_id)


def _with_paths(initiators: Sequence[Initiator], paths: Sequence[str]) -> Tuple[Initiator, ...]:
    return tuple(replace(one, id=path) for one, path in zip(initiators, paths))
