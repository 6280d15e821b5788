# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts, which are SAN clients, and what is assigned to them (sheet, section 2.7)."""

from __future__ import annotations

import hashlib
import random
import re
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ...array import HostTargets
from ...compare import has_mappings, same_host, same_mapping, who_has, whose_initiator
from ...errors import Conflict, FlashError, Invalid, NotFound
from ...model import ISCSI, Chap, Host, Initiator, Mapping, Volume
from ...transport.confirm import ATTEMPTS, AnswerLost, confirm
from . import objects
from .facts import RACE_PAUSE, TARGET_PREFIX
from .reading import Reading
from .refusals import AlreadyAssigned, ClientTaken, NotAssigned, Rejected
from .wire import CLIENTS, TARGETS, Object

_OS = "Linux"


def target_name(host: str) -> str:
    """The name of the target of a host; of two hosts never the same, though an IQN has fewer letters than a host."""
    plain = re.sub(r"[^a-z0-9.-]", "-", host.lower())
    if plain != host:
        plain += "-" + hashlib.sha256(host.encode("utf-8")).hexdigest()[:8]
    return TARGET_PREFIX + plain


class Hosts(Reading, HostTargets):
    """What Violin does with hosts and mappings."""

    # -- hosts -------------------------------------------------------------------------------------------------------

    def create_host(
        self, name: str, initiators: Sequence[Initiator], os: Optional[str] = None, chap: Optional[Chap] = None
    ) -> Host:
        """Two requests: the host with all initiators, and the list that shows it. A client has one protocol.

        Where another run has made it meanwhile, that host is compared.
        """
        with self._doing("create host %s" % name, name):
            self._no_chap(chap)
            if not initiators:
                raise Invalid("a host of this array is made for the protocol of its initiators", hint="Give some.")
            self._one_protocol(None, initiators)
            iscsi = initiators[0].protocol == ISCSI
            body: Dict[str, Any] = {"name": name, "protocolType": "iSCSI" if iscsi else "FC", "OSType": os or _OS}
            addresses = ",".join(one.address for one in initiators)
            if iscsi:
                body["iSCSIPolicy"] = {"initiators": addresses, "authentication": {"enabled": False}}
            else:
                body["FCPolicy"] = {"initiatorWWPNList": addresses}

            def there() -> Optional[Host]:
                found = self.hosts([name]).named(name)
                return None if found is None else same_host(found, initiators)

            def post() -> Host:
                try:
                    self._c.post(CLIENTS, body)
                except ClientTaken:
                    found = self._seen_in_time(there)
                    if found is None:
                        raise
                    return found
                made = self._seen(lambda: self._c.rows(CLIENTS, "san_clients", name) or None, "the host")
                return Host(name, str(made[0]["object_id"]), tuple(initiators), os=os or _OS, volumes=0)

            try:
                return confirm(post, there)
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
        """Four requests: the list that is sent replaces the array's, so that is read before, and twice after."""
        with self._doing("add initiators to host %s" % host.name, host.name):
            self._no_chap(chap)
            wanted = [one.address for one in initiators]
            return self._set_initiators(
                host, lambda have: have + [one for one in wanted if one not in have], initiators
            )

    def remove_initiators(self, host: Host, addresses: Sequence[str]) -> Host:
        """As add_initiators."""
        with self._doing("remove initiators from host %s" % host.name, host.name):
            return self._set_initiators(host, lambda have: [one for one in have if one not in addresses], ())

    def _set_initiators(self, host: Host, change: Any, new: Sequence[Initiator]) -> Host:
        row = self._client_row(host)
        with self._alone_with("client " + host.name):
            for _attempt in range(2 * ATTEMPTS):
                item = self._client(row)
                there = objects.converted(objects.host, item)
                self._one_protocol(there, new)
                have = list(there.addresses)
                wanted = change(have)
                if wanted == have:
                    return there
                if not wanted:
                    raise Invalid("a host of this array keeps at least one initiator", hint="Delete the host instead.")
                params: Dict[str, Any] = {"object_id": row["object_id"]}
                if objects.is_iscsi(item):
                    params.update(action="updateiSCSI", initiators=",".join(wanted))
                else:
                    params.update(action="updateFC", initiatorWWPNList=",".join(wanted))
                try:
                    self._c.put("%s/%s" % (CLIENTS, row["object_id"]), params, idempotent=True)
                except Rejected as error:
                    raise self._taken(new, host.name, error) from None
                kept = self._keeps(row, have, change)
                if kept is not None:
                    return kept
            raise Conflict(
                "another writer changes the initiators of the host at the same time",
                hint="The array takes the complete list, so the last one wins. Run it again when they have ended.",
            )

    def _keeps(self, row: Object, have: List[str], change: Any) -> Optional[Host]:
        """The host, when the change of its list is there and stays; None when another writer has undone it.

        A list that another run read before this change, and sends after it, undoes it: it is read again after a pause
        that is longer than such a run takes for that.
        """
        self._changed_initiators(row, have)
        time.sleep(RACE_PAUSE * random.uniform(0.5, 1.0))
        found = objects.converted(objects.host, self._client(row))
        return found if set(change(list(found.addresses))) == set(found.addresses) else None

    def _changed_initiators(self, row: Object, before: Sequence[str]) -> Host:
        """The host, as soon as it has another list than before; unchanged when the array does not show another one."""
        last: List[Host] = []

        def read() -> Optional[Host]:
            last[:] = [objects.converted(objects.host, self._client(row))]
            return None if list(last[0].addresses) == list(before) else last[0]

        return self._seen_in_time(read) or last[0]

    def delete_host(self, host: Host) -> None:
        """Three requests: what is assigned to it, the host, and the list that shows that it is gone; over iSCSI one
        more for each target that it leaves.

        Nothing says that the array itself keeps a client that has volumes.
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
                left = objects.converted(objects.mappings, item)
                if left:
                    raise has_mappings(one.volume for one in left)
                self._c.delete("%s/%s" % (CLIENTS, row["object_id"]))

            def gone() -> bool:
                there = self._c.rows(CLIENTS, "san_clients", host.name)
                return all(one["object_id"] != row["object_id"] for one in there)

            confirm(delete, gone, (Rejected,))
            self._seen(gone, "that the host is gone")
            self._forget_client(str(row["object_id"]))
            self._delete_targets(targets)

    def _delete_targets(self, targets: Sequence[Object]) -> None:
        """Targets of a client that is gone: they lead nowhere, and hold a name that the next client will want."""
        try:
            for target in targets:
                for row in self._c.rows(TARGETS, "iscsitargets", str(target.get("name"))):
                    self._c.delete("%s/%s" % (TARGETS, row["object_id"]))
        except FlashError:
            pass  # the host is gone, which is what was asked for; whether targets can be deleted is not known (2.7)

    # -- mappings ----------------------------------------------------------------------------------------------------

    def map_volume(self, volume: Volume, host: Host, lun: Optional[int] = None) -> Mapping:
        """Two requests over FC: the assignment, and what LUN it has; over iSCSI three, four with the first target."""
        with self._doing("map volume %s to host %s" % (volume.name, host.name), volume.name):
            lun_id = self._lun_id(volume)
            row = self._client_row(host)
            with self._alone_with("client " + host.name), self._or_gone(volume.name):
                return self._assign(volume, lun_id, row, host, lun)

    def _assign(self, volume: Volume, lun_id: str, row: Object, host: Host, lun: Optional[int]) -> Mapping:
        iscsi = any(one.protocol == ISCSI for one in host.initiators)
        if iscsi or not host.initiators:
            item = self._client(row)
            iscsi = objects.is_iscsi(item)
        body: Dict[str, Any] = {"action": "assign", "virtualDeviceObjectID": lun_id}
        if iscsi:
            path = "%s/%s" % (TARGETS, self._target_of(item, row, host.name))
            body.update({} if lun is None else {"lun": lun})
        else:
            path = "%s/%s" % (CLIENTS, row["object_id"])
            body["FC"] = dict({"accessMode": "ReadWrite"}, **({} if lun is None else {"lun": lun}))
        listed: List[Mapping] = []

        def look() -> Optional[Mapping]:
            listed[:] = objects.converted(objects.mappings, self._client(row))
            return next((one for one in listed if one.volume == volume.name), None)

        def put() -> None:
            # An assignment that is there is not made again: the array says so.
            with suppress(AlreadyAssigned):
                self._c.put(path, body)

        try:
            found = confirm(put, look, (Rejected,)) or self._seen(look, "the mapping")
        except (Rejected, AnswerLost) as error:
            raise error if lun is None else who_has(lun, listed, error) from None
        return replace(same_mapping(found, lun), volume_id=lun_id)

    def targets_of(self, host: Host) -> Tuple[str, ...]:
        """The names of the iSCSI targets that this host logs in to."""
        with self._doing("read the iSCSI targets of host %s" % host.name, host.name):
            rows = self._client(self._client_row(host)).get("ISCSITargetList") or ()
            return tuple(str(row["name"]) for row in rows if row.get("name"))

    def _target_of(self, item: Object, row: Object, host: str) -> str:
        """The id of the iSCSI target of the client; one on all portals is made if it has none."""
        there = self._target_there(item)
        if there is not None:
            return there
        portals = self._ports.portals()
        if not portals:
            raise Invalid("the array has no iSCSI portal", hint="Give the host Fibre Channel initiators.")
        name = (self.name_target or target_name)(host)
        client = objects.converted(lambda detail: detail["sanclient_id"], item)
        body = {"clientId": client, "targetName": name, "ipAddress": " ".join(portals)}
        for attempt in range(ATTEMPTS):
            problem: Optional[FlashError] = None
            try:
                made = self._c.post(TARGETS, dict(body, accessMode="ReadWrite")).get("object_id")
                if made:
                    return str(made)
            except (ClientTaken, AnswerLost) as error:
                problem = error
            there = self._target_there(self._client(row), name)
            if there is not None:
                return there
            if isinstance(problem, ClientTaken):
                # Another run may have made it for this host, and the array shows it late.
                there = self._seen_in_time(lambda: self._target_there(self._client(row), name))
                if there is not None:
                    return there
                # A volume assigned to it would be seen by whoever logs in to it.
                raise Conflict(
                    "there is an iSCSI target %s already, and it is not this host's" % name,
                    code=problem.code,
                    said=problem.said,
                    hint="Delete it with the array's own tools, when nobody needs it.",
                )
            if attempt == ATTEMPTS - 1 and problem is not None:
                raise problem
        raise NotFound("the array took the iSCSI target, and does not list it")

    def _target_there(self, item: Object, name: Optional[str] = None) -> Optional[str]:
        """The id of a target of the client: the one of this name, or any. A client without a list tells no owners."""
        if "ISCSITargetList" not in item and name is not None:
            return next((str(row["object_id"]) for row in self._c.rows(TARGETS, "iscsitargets", name)), None)
        for target in objects.rows_in(item, "ISCSITargetList"):
            if name in (None, target.get("name")):
                return self._target_id(target)
        return None

    def _target_id(self, target: Object) -> str:
        """Its id, as the client tells it, or looked up by its name."""
        if target.get("object_id"):
            return str(target["object_id"])
        name = objects.converted(lambda row: str(row["name"]), target)
        for row in self._c.rows(TARGETS, "iscsitargets", name):
            return str(row["object_id"])
        raise NotFound("iSCSI target %s is not there" % name)

    def unmap_volume(self, mapping: Mapping) -> Tuple[Mapping, ...]:
        """Two requests with ids, over iSCSI three; one more to find the volume, and one when the host goes with it."""
        with self._doing("unmap volume %s from host %s" % (mapping.volume, mapping.host), mapping.volume):
            row = self._client_row(Host(mapping.host, mapping.host_id or ""))
            lun_id = mapping.volume_id
            if lun_id is None:
                rows = self._lun_rows(mapping.volume)
                lun_id = str(rows[0]["object_id"]) if rows else None
            with self._alone_with("client " + mapping.host):
                if lun_id is not None:
                    self._unassign(mapping.volume, lun_id, row)
                left = self._left_after(mapping, row)
            if not left and self._settings.remove_empty_hosts:
                self.delete_host(Host(mapping.host, str(row["object_id"])))
            return left

    def _unassign(self, volume: str, lun_id: str, row: Object) -> None:
        body = {"action": "unassign", "virtualDeviceObjectID": lun_id}
        path = "%s/%s" % (CLIENTS, row["object_id"])
        known = self._clients.get(str(row["object_id"])) or self._client(row)
        if objects.is_iscsi(known):
            there = objects.converted(objects.devices, self._client(row))
            devices = [one for one in there if one.get("name") == volume]
            if not devices:
                return
            path = "%s/%s" % (
                TARGETS,
                self._target_id(objects.converted(lambda one: dict(one["ISCSITarget"]), devices[0])),
            )
        try:
            self._c.put(path, body, idempotent=True)
        except NotAssigned:
            return

    def _left_after(self, mapping: Mapping, row: Object) -> Tuple[Mapping, ...]:
        """What the host still has, as soon as the mapping is not listed any more."""

        def read() -> Optional[Tuple[Mapping, ...]]:
            left = objects.converted(objects.mappings, self._client(row))
            return None if any(one.volume == mapping.volume for one in left) else left

        return self._seen(read, "that the mapping is gone")
