# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts (SAN clients) and the volumes mapped to them (sheet, section 2.7)."""

from __future__ import annotations

import hashlib
import random
import re
import time
from contextlib import suppress
from dataclasses import replace
from typing import Callable, List, Optional, Sequence, Tuple

from ...array import HostTargets
from ...compare import has_mappings, same_host, same_mapping, who_has, whose_initiator
from ...errors import Conflict, FlashError, Invalid, NotFound, Timeout
from ...model import ISCSI, Chap, Host, Initiator, Mapping, Volume
from ...transport.confirm import ATTEMPTS, AnswerLost, confirm
from . import objects
from .ledger import RACE_PAUSE, TARGET_DELETE, TARGET_PREFIX, UPDATE_REPLACES
from .reading import Reading
from .refusals import AlreadyAssigned, ClientTaken, NotAssigned, Rejected
from .session import Object

_OS = "Linux"


def target_name(host: str) -> str:
    """The name of the iSCSI target of a host, different for any two hosts though an IQN allows fewer characters."""
    plain = re.sub(r"[^a-z0-9.-]", "-", host.lower())
    if plain != host:
        plain += "-" + hashlib.sha256(host.encode("utf-8")).hexdigest()[:8]
    return TARGET_PREFIX + plain


class Hosts(Reading, HostTargets):
    """Hosts and mappings."""

    # -- hosts -------------------------------------------------------------------------------------------------------

    def create_host(
        self, name: str, initiators: Sequence[Initiator], os: Optional[str] = None, chap: Optional[Chap] = None
    ) -> Host:
        """Two requests: the host with all initiators, and the list with it. A client has one protocol.

        When another run has created it meanwhile, that host is compared.
        """
        with self._doing("create host %s" % name, name):
            self._no_chap(chap)
            if not initiators:
                raise Invalid("a host of this array has the protocol of its initiators, so it needs at least one")
            self._one_protocol(None, initiators)
            iscsi = initiators[0].protocol == ISCSI
            create = self._concerto.create_iscsi_client if iscsi else self._concerto.create_fc_client
            addresses = [initiator.address for initiator in initiators]

            def existing() -> Optional[Host]:
                host = self.hosts([name]).named(name)
                return None if host is None else same_host(host, initiators)

            def post() -> Host:
                try:
                    create(name, os or _OS, addresses)
                except ClientTaken:
                    host = self._listed_in_time(existing)
                    if host is None:
                        raise
                    return host
                rows = self._listed(lambda: self._concerto.clients(name) or None, "the host")
                return Host(name, str(rows[0]["object_id"]), tuple(initiators), os=os or _OS, volumes=0)

            try:
                return confirm(post, existing)
            except Rejected as error:
                raise self._taken(initiators, name, error) from None

    def _one_protocol(self, host: Optional[Host], initiators: Sequence[Initiator]) -> None:
        refusal = self.capabilities.refusal("add_initiators", host, initiators=initiators)
        if refusal:
            raise Invalid(refusal)

    def _no_chap(self, chap: Optional[Chap]) -> None:
        if chap is not None:
            raise self.unsupported("chap", "")

    def _taken(self, initiators: Sequence[Initiator], name: str, error: FlashError) -> FlashError:
        """The code for an initiator that another client has is not known: all clients are read."""
        return whose_initiator(initiators, name, self.find_hosts([one.address for one in initiators]), error)

    def add_initiators(self, host: Host, initiators: Sequence[Initiator], chap: Optional[Chap] = None) -> Host:
        """Four requests: the request replaces the list of initiators, which is read once before and twice after it."""
        with self._doing("add initiators to host %s" % host.name, host.name):
            self._no_chap(chap)
            added = [initiator.address for initiator in initiators]
            return self._set_initiators(
                host, lambda present: present + [address for address in added if address not in present], initiators
            )

    def remove_initiators(self, host: Host, addresses: Sequence[str]) -> Host:
        """Four requests, as for add_initiators."""
        with self._doing("remove initiators from host %s" % host.name, host.name):
            return self._set_initiators(
                host, lambda present: [address for address in present if address not in addresses], ()
            )

    def _set_initiators(self, host: Host, change: Callable[[List[str]], List[str]], new: Sequence[Initiator]) -> Host:
        """Change the list of a host's initiators until the array keeps it.

        :param change: gives the requested addresses for the present ones.
        """
        row = self._client_row(host)
        with self._locked("client " + host.name):
            for _attempt in range(2 * ATTEMPTS):
                item = self._client(row)
                existing = objects.converted(objects.host, item)
                self._one_protocol(existing, new)
                present = list(existing.addresses)
                requested = change(present)
                if requested == present:
                    return existing
                if not requested:
                    raise Invalid("a host of this array keeps at least one initiator", hint="Delete the host instead.")
                is_iscsi = objects.is_iscsi(item)
                send = self._concerto.replace_iscsi_initiators if is_iscsi else self._concerto.replace_fc_initiators
                try:
                    send(row["object_id"], requested)
                except Rejected as error:
                    raise self._taken(new, host.name, error) from None
                changed = self._changed_host(row, present, change)
                if changed is not None:
                    return changed
            raise Conflict(
                "another writer changes the initiators of the host at the same time",
                hint="The array takes the complete list, so the last writer wins. Run the task again when they have "
                "finished.",
            )

    def _changed_host(
        self, row: Object, present: List[str], change: Callable[[List[str]], List[str]]
    ) -> Optional[Host]:
        """The host, if the array shows the change of its list and keeps it; None when another writer has undone it.

        A list that another run read before this change, and sends after it, undoes it. So the list is read again after
        a pause that is longer than a run needs for that.
        """
        if not self._has_other_list(row, present):
            raise Timeout(
                "the array confirmed another list of initiators, and does not show it after %g s" % self._listed_within,
                hint="No initiator was lost. Delete the host and create it again, if this one is not needed.",
                assumption=UPDATE_REPLACES.id,
            )
        time.sleep(RACE_PAUSE * random.uniform(0.5, 1.0))
        host = objects.converted(objects.host, self._client(row))
        return host if set(change(list(host.addresses))) == set(host.addresses) else None

    def _has_other_list(self, row: Object, before: Sequence[str]) -> bool:
        """Wait until the array shows another list of initiators than before, for as long as it may be late."""

        def has_changed() -> bool:
            return list(objects.converted(objects.host, self._client(row)).addresses) != list(before)

        return bool(self._listed_in_time(has_changed))

    def delete_host(self, host: Host) -> None:
        """Three requests: what is mapped to it, the deletion, and the list without it; over iSCSI one more for each of
        its targets.

        That the array refuses to delete a client that has volumes is not documented, so it is not relied on.

        :raises InUse: volumes are mapped to it.
        """
        with self._doing("delete host %s" % host.name, host.name):
            try:
                row = self._client_row(host)
            except NotFound:
                return
            targets: List[Object] = []

            def delete() -> None:
                item = self._client(row)
                targets[:] = objects.rows_in(item, "ISCSITargetList")
                mappings = objects.converted(objects.mappings, item)
                if mappings:
                    raise has_mappings(mapping.volume for mapping in mappings)
                self._concerto.delete_client(row["object_id"])

            def is_deleted() -> bool:
                return all(client["object_id"] != row["object_id"] for client in self._concerto.clients(host.name))

            confirm(delete, is_deleted, (Rejected,))
            self._listed(is_deleted, "that the host is deleted")
            self._forget_client(str(row["object_id"]))
            self._delete_targets(targets)

    def _delete_targets(self, targets: Sequence[Object]) -> None:
        """Delete the targets of a deleted client, whose names the next client of that name needs."""
        try:
            for target in targets:
                for row in self._concerto.targets(str(target.get("name"))):
                    self._concerto.delete_target(row["object_id"])
        except FlashError:
            pass  # the host is deleted, as requested; whether targets can be deleted is not known (section 2.7)

    # -- mappings ----------------------------------------------------------------------------------------------------

    def map_volume(self, volume: Volume, host: Host, lun: Optional[int] = None) -> Mapping:
        """Two requests over FC: the assignment, and its LUN number; over iSCSI three, four with the first target."""
        with self._doing("map volume %s to host %s" % (volume.name, host.name), volume.name):
            lun_id = self._lun_id(volume)
            row = self._client_row(host)
            with self._locked("client " + host.name), self._not_found_if_deleted(volume.name):
                return self._assign(volume, lun_id, row, host, lun)

    def _assign(self, volume: Volume, lun_id: str, row: Object, host: Host, lun: Optional[int]) -> Mapping:
        iscsi = any(initiator.protocol == ISCSI for initiator in host.initiators)
        if iscsi or not host.initiators:
            item = self._client(row)
            iscsi = objects.is_iscsi(item)
        target_id = self._target_of(item, row, host.name) if iscsi else ""
        mappings_of_host: List[Mapping] = []

        def read() -> Optional[Mapping]:
            mappings_of_host[:] = objects.converted(objects.mappings, self._client(row))
            return next((mapping for mapping in mappings_of_host if mapping.volume == volume.name), None)

        def assign() -> None:
            # The array refuses a second assignment, so this one exists.
            with suppress(AlreadyAssigned):
                if iscsi:
                    self._concerto.assign_to_target(target_id, lun_id, lun)
                else:
                    self._concerto.assign_to_client(row["object_id"], lun_id, lun)

        try:
            mapping = confirm(assign, read, (Rejected,)) or self._listed(read, "the mapping")
        except (Rejected, AnswerLost) as error:
            raise error if lun is None else who_has(lun, mappings_of_host, error) from None
        return replace(same_mapping(mapping, lun), volume_id=lun_id)

    def targets_of(self, host: Host) -> Tuple[str, ...]:
        """The names of the iSCSI targets that this host logs in to."""
        with self._doing("read the iSCSI targets of host %s" % host.name, host.name):
            rows = self._client(self._client_row(host)).get("ISCSITargetList") or ()
            return tuple(str(row["name"]) for row in rows if row.get("name"))

    def _target_of(self, item: Object, row: Object, host: str) -> str:
        """The id of the iSCSI target of the client. If it has none, one on all portals is created."""
        existing = self._existing_target(item)
        if existing is not None:
            return existing
        portals = self._ports.portals()
        if not portals:
            raise Invalid("the array has no iSCSI portal", hint="Give the host Fibre Channel initiators.")
        name = (self.name_target or target_name)(host)
        client = objects.converted(lambda detail: detail["sanclient_id"], item)
        for attempt in range(ATTEMPTS):
            problem: Optional[FlashError] = None
            try:
                target_id = self._concerto.create_target(client, name, portals).get("object_id")
                if target_id:
                    return str(target_id)
            except (ClientTaken, AnswerLost) as error:
                problem = error
            existing = self._existing_target(self._client(row), name)
            if existing is not None:
                return existing
            if isinstance(problem, ClientTaken):
                # Another run may have created it for this host, and the array lists it late.
                existing = self._listed_in_time(lambda: self._existing_target(self._client(row), name))
                if existing is not None:
                    return existing
                # Whoever logs in to another host's target would have access to the volume.
                raise Conflict(
                    "there is an iSCSI target %s already, and it belongs to another host" % name,
                    code=problem.code,
                    said=problem.said,
                    hint="Delete it with the array's own tools, when nobody needs it.",
                    assumption=TARGET_DELETE.id,
                )
            if attempt == ATTEMPTS - 1 and problem is not None:
                raise problem
        raise NotFound("the array accepted the iSCSI target, and does not list it")

    def _existing_target(self, item: Object, name: Optional[str] = None) -> Optional[str]:
        """The id of the client's target of this name, or of any of its targets; None when it has none.

        A client that does not report its targets is taken to own the one that has the name.
        """
        if "ISCSITargetList" not in item and name is not None:
            return next((str(row["object_id"]) for row in self._concerto.targets(name)), None)
        for target in objects.rows_in(item, "ISCSITargetList"):
            if name in (None, target.get("name")):
                return self._target_id(target)
        return None

    def _target_id(self, target: Object) -> str:
        """The id of a target, as the client reports it, or looked up by its name."""
        if target.get("object_id"):
            return str(target["object_id"])
        name = objects.converted(lambda row: str(row["name"]), target)
        for row in self._concerto.targets(name):
            return str(row["object_id"])
        raise NotFound("iSCSI target %s is not there" % name)

    def unmap_volume(self, mapping: Mapping) -> Tuple[Mapping, ...]:
        """Two requests with ids, over iSCSI three; one more to find the volume, and three to delete an empty host."""
        with self._doing("unmap volume %s from host %s" % (mapping.volume, mapping.host), mapping.volume):
            row = self._client_row(Host(mapping.host, mapping.host_id or ""))
            lun_id = mapping.volume_id
            if lun_id is None:
                rows = self._lun_rows(mapping.volume)
                lun_id = str(rows[0]["object_id"]) if rows else None
            with self._locked("client " + mapping.host):
                if lun_id is not None:
                    self._unassign(mapping.volume, lun_id, row)
                remaining = self._remaining_mappings(mapping, row)
            if not remaining and self._settings.remove_empty_hosts:
                self.delete_host(Host(mapping.host, str(row["object_id"])))
            return remaining

    def _unassign(self, volume: str, lun_id: str, row: Object) -> None:
        known = self._clients.get(str(row["object_id"])) or self._client(row)
        target_id = ""
        if objects.is_iscsi(known):
            rows = objects.converted(objects.devices, self._client(row))
            devices = [device for device in rows if device.get("name") == volume]
            if not devices:
                return
            target = objects.converted(lambda device: dict(device["ISCSITarget"]), devices[0])
            target_id = self._target_id(target)
        with suppress(NotAssigned):
            if target_id:
                self._concerto.unassign_from_target(target_id, lun_id)
            else:
                self._concerto.unassign_from_client(row["object_id"], lun_id)

    def _remaining_mappings(self, mapping: Mapping, row: Object) -> Tuple[Mapping, ...]:
        """The remaining mappings of the host, as soon as this one is not listed any more."""

        def read() -> Optional[Tuple[Mapping, ...]]:
            mappings = objects.converted(objects.mappings, self._client(row))
            return None if any(other.volume == mapping.volume for other in mappings) else mappings

        return self._listed(read, "that the mapping is removed")
