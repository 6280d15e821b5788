# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts (initiator groups), access lists and CHAP (sheet, sections 2.6 and 2.7)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import List, Optional, Sequence, Set, Tuple

from ...array import InitiatorHosts, VolumeChap
from ...compare import has_mappings, same_host
from ...errors import Invalid, NotFound, Refused, Unauthorized, Unsupported
from ...model import EVERY_HOST, Chap, Host, Initiator, Mapping, Volume
from ...transport.confirm import confirm
from . import entities, ledger
from .access import MOST_REMOVALS, AccessLists
from .capabilities import shared_with_siblings
from .refusals import NameTaken, Rejected
from .session import Entity, key
from .wire import EVERY_TENANT

# How the array answers an account that may not read all tenants.
_NO_OTHERS = (NotFound, Unauthorized, Rejected)


class Hosts(AccessLists, VolumeChap, InitiatorHosts):
    """What a Datera array does with hosts and mappings."""

    # -- hosts -------------------------------------------------------------------------------------------------------

    def create_host(
        self, name: str, initiators: Sequence[Initiator], os: Optional[str] = None, chap: Optional[Chap] = None
    ) -> Host:
        """One request for each initiator, one for the group. CHAP belongs to the mappings (see map_volume).

        A run that is killed before the group is made leaves initiators that nothing uses. The next run uses them.
        """
        with self._doing("create host %s" % name, name):
            paths = [self._initiator(name, one) for one in initiators]
            body = {"name": name, "members": [{"path": path} for path in paths]}
            known = _with_paths(initiators, paths)
            host = Host(name, id="/initiator_groups/%s" % name, initiators=known, volumes=0)

            def post() -> Host:
                self._wire.create_group(body)
                return host

            def read() -> Optional[Host]:
                existing = self._host(name)
                return None if existing is None else same_host(existing, initiators)

            return confirm(post, read, (NameTaken,))

    def single_host(self, label: str, initiator: Initiator) -> Host:
        """A host that is one initiator without a group, as all OpenStack clients of the array use it: one request."""
        with self._doing("create initiator %s" % initiator.address, initiator.address):
            path = self._initiator(label, initiator)
            return Host(initiator.address, id=path, initiators=(replace(initiator, id=path),))

    def _initiator(self, host: str, initiator: Initiator) -> str:
        """Create the initiator in this tenant; its path. Where 2.1 refuses, that of the inherited one (2.6)."""
        path = "/initiators/%s" % initiator.address
        body: Entity = {"id": initiator.address, "name": (initiator.name or host)[: ledger.LABEL_LONGEST]}
        if self._wire.second:
            body["force"] = True

        def read() -> Optional[str]:
            return path if self._wire.initiator(initiator.address) is not None else None

        try:
            return confirm(lambda: entities.path_of(self._wire.create_initiator(body)), read)
        except NameTaken:
            return path

    def add_initiators(self, host: Host, initiators: Sequence[Initiator], chap: Optional[Chap] = None) -> Host:
        """Two requests for each that the host does not have yet."""
        with self._doing("add initiators to host %s" % host.name, host.name):
            self._need_group(host)
            members = list(host.initiators)
            for one in initiators:
                if one.address not in host.addresses:
                    path = self._initiator(host.name, one)
                    self._member("add", host, path)
                    members.append(replace(one, id=path))
            return replace(host, initiators=tuple(members))

    def remove_initiators(self, host: Host, addresses: Sequence[str]) -> Host:
        """Two requests for each that the host has: remove it from the group, and delete it where nothing else uses it.

        A run that is killed between the two leaves an initiator that nothing uses, as deleting a host may. No later run
        finds it: to read the initiators would cost every run a request, and their label does not prove who made them.
        add_initiators and create_host use it again.
        """
        with self._doing("remove initiators from host %s" % host.name, host.name):
            self._need_group(host)
            for one in host.initiators:
                if one.address in addresses:
                    self._member("remove", host, _path_of(one))
            self._delete_unused([_path_of(one) for one in host.initiators if one.address in addresses])
            return replace(host, initiators=tuple(one for one in host.initiators if one.address not in addresses))

    def _member(self, operation: str, host: Host, path: str) -> None:
        try:
            for _attempt in range(MOST_REMOVALS):
                members = self._wire.change_member(host.id, operation, path)
                is_listed = isinstance(members, list) and path in [entities.path_of(one) for one in members]
                if operation == "add" or not is_listed:
                    return
        except NameTaken:
            if operation == "remove" or path not in self._members_of(host):
                raise
        except NotFound as error:
            if operation == "add":
                raise NotFound("host %s is not there" % host.name, target=host.name, code=error.code) from None

    def _members_of(self, host: Host) -> List[str]:
        """The paths of the initiators that the group has now."""
        present = self._host(host.name)
        return [] if present is None else [_path_of(one) for one in present.initiators]

    def _delete_unused(self, paths: Sequence[str]) -> None:
        """Delete the initiators that no group and no access list uses: two requests for all, and one or two for each.

        An initiator of a tenant above is not deleted: other tenants may use it soon. Tenants below may use one too, so
        everything of all tenants is read; where the account may not do that, no initiator is deleted.
        """
        try:
            used = self._used_paths(EVERY_TENANT) if paths else set()
        except _NO_OTHERS:
            return
        for path in paths:
            address = path.rsplit("/", 1)[1]
            if path in used or self._inherited("/initiators/%s" % key(address)):
                continue
            with suppress(Rejected):
                self._wire.delete_initiator(address)

    def _used_paths(self, tenant: Optional[str] = None) -> Set[str]:
        """The paths in all groups and access lists: two requests."""
        found = {path for group in self._wire.groups(tenant) for path in self._own_paths(group, "members")}
        for instance in self._wire.instances(tenant=tenant):
            for storage in entities.objects_in(instance, "storage_instances"):
                for kind in ("initiators", "initiator_groups"):
                    found |= self._own_paths(storage["acl_policy"], kind)
        return found

    def _own_paths(self, entity: Entity, name: str) -> Set[str]:
        """The paths in a list of references, without those that 2.2 reports as of another tenant."""
        entries = entities.list_in(entity, name)
        return {entities.path_of(one) for one in entries if not isinstance(one, dict) or self._own(one)}

    def _inherited(self, path: str) -> bool:
        """Whether an initiator or a group is that of a tenant above: one request, and none in /root (2.6).

        2.2 reports the tenant. On 2.1 it counts as that of the tenant above when that has one of this name.
        """
        above = self._wire.tenant.rsplit("/", 1)[0]
        if not above:
            return False
        if self._wire.second:
            found = self._wire.initiator_or_group(path)
            return isinstance(found, dict) and not self._own(found)
        return self._wire.initiator_or_group(path, above) is not None

    def _need_own(self, host: Host) -> None:
        if not self._wire.second and self._inherited(host.id):
            raise Refused(
                "the tenant above has a host %s too, and this API version does not report which of the two it means"
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
        """Read the access lists, which the array need not do, then one request; two and one for each initiator."""
        with self._doing("delete host %s" % host.name, host.name):
            self._need_own(host)
            try:
                used = self._used_paths(EVERY_TENANT)
            except _NO_OTHERS:
                used = self._used_paths()
            if host.id in used:
                raise has_mappings(self._volumes_of(host) or ["those of another tenant"])
            try:
                self._wire.delete_host(host.id)
            except Rejected as error:
                mapped = self._volumes_of(host)
                if mapped:
                    raise has_mappings(mapped, error) from None
                raise
            if host.id.startswith("/initiator_groups/"):
                self._delete_unused([_path_of(one) for one in host.initiators])

    def _volumes_of(self, host: Host) -> List[str]:
        """The names of the volumes of this tenant that the host has."""
        return sorted(one.volume for one in self.mappings(hosts=[host.name]) if one.host_id == host.id)

    # -- mappings ----------------------------------------------------------------------------------------------------

    def map_volume(self, volume: Volume, host: Host, lun: Optional[int] = None) -> Mapping:
        """Three requests: read it, add the entry, and poll until the target accepts a login; one more if it is offline.

        One entry is added instead of replacing the list, so that an entry which another client adds meanwhile stays.
        """
        with self._doing("map volume %s to host %s" % (volume.name, host.name), volume.name):
            if volume.siblings:
                raise self.unsupported("map_volume", "", volume)
            if lun is not None and lun != ledger.FIRST_LUN:
                raise self.unsupported("explicit_lun", "")
            present = self._need_volume(volume)
            self._add_entry(present.storage_path, volume, host)
            if not present.online:
                self._online(present)
            instance_volume = self._available(volume)
            members = {host.name: host.addresses}
            return entities.mapping(instance_volume, host.id, members)

    def set_volume_chap(self, volume: Volume, chap: Chap) -> None:
        """One-way CHAP: the initiator proves its identity to the target (2.7). One request.

        It is always sent, because the array returns no secret to compare.
        """
        with self._doing("set the CHAP credentials of volume %s" % volume.name, volume.name):
            if chap.discovery_username or chap.discovery_password:
                raise Invalid("Datera has no CHAP for discovery", hint="Leave chap_discovery_username out.")
            if not 12 <= len(chap.password) <= 16:
                raise Invalid("a CHAP secret of this array has 12 to 16 characters", hint="Change chap_password.")
            if volume.siblings:
                raise Unsupported(shared_with_siblings(volume.siblings, "CHAP"))
            self._wire.http.journal.hide(chap.password)
            body = {"type": "chap", "target_user_name": chap.username, "target_pswd": chap.password}
            self._wire.update_auth(entities.storage_path_of(volume.id), body)

    def _add_entry(self, storage_path: str, volume: Volume, host: Host) -> None:
        """Add the host to the access list, once: other clients add the same entry several times (3.8)."""
        try:
            entries = self._entry(storage_path, "add", host.id)
        except NotFound as error:
            raise self._what_is_missing(volume, host, error) from None
        while entries.count(host.id) > 1:
            entries = self._entry(storage_path, "remove", host.id)
        if host.id not in entries:
            # Removing one entry has removed every occurrence: which of the two the array does is not known.
            self._entry(storage_path, "add", host.id)

    def _what_is_missing(self, volume: Volume, host: Host, error: NotFound) -> NotFound:
        if self._read_volume(volume.id) is None:
            return NotFound("volume %s is not there" % volume.name, target=volume.name, code=error.code)
        return NotFound("host %s is not there" % host.name, target=host.name, code=error.code)

    def unmap_volume(self, mapping: Mapping) -> Tuple[Mapping, ...]:
        """Three requests: read whether it shares its access list, remove the entry, read the host's mappings."""
        with self._doing("unmap volume %s from host %s" % (mapping.volume, mapping.host), mapping.volume):
            if not mapping.id or not mapping.host_id:
                found = [one for one in self.mappings(volumes=[mapping.volume]) if one.host == mapping.host]
                if not found:
                    return tuple(self.mappings(hosts=[mapping.host]))
                mapping = found[0]
            storage_path = str(mapping.id).partition(" ")[0]
            instance_volume = self._read_volume(str(mapping.volume_id))
            if instance_volume is not None:
                self._check_name(instance_volume, mapping.volume)
                if instance_volume.siblings:
                    raise Unsupported(shared_with_siblings(instance_volume.siblings, "the access list"))
                self._end_access(storage_path, str(mapping.host_id))
            return tuple(one for one in self.mappings(hosts=[mapping.host]) if one.host == mapping.host)

    def end_mapping(self, mapping: Mapping) -> None:
        """End the mapping of a volume that shares its access list with no other, and read nothing: one request."""
        with self._doing("unmap volume %s from host %s" % (mapping.volume, mapping.host), mapping.volume):
            self._end_access(str(mapping.id).partition(" ")[0], str(mapping.host_id))

    def _end_access(self, storage_path: str, host_id: str) -> None:
        """Remove an entry of the access list, or end the access of every initiator (2.6)."""
        if host_id == EVERY_HOST:
            self._wire.update_storage(storage_path, {"access_control_mode": ledger.CLOSED})
        else:
            self._remove_entry(storage_path, host_id)


def _path_of(initiator: Initiator) -> str:
    return initiator.id or "/initiators/%s" % initiator.address


def _with_paths(initiators: Sequence[Initiator], paths: Sequence[str]) -> Tuple[Initiator, ...]:
    return tuple(replace(one, id=path) for one, path in zip(initiators, paths))
