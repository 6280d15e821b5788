# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Example 100: its REST API over the array model that all simulators share."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Any

from ...array import Array
from ...objects import Host, Mapping, Pool, Table, Volume
from ...rules import AlreadyMapped, ArrayError, InitiatorTaken, InUse, LunTaken, NameTaken, NoSpace, NotFound, Rules
from ...settings import ArrayConfig
from ..http import HttpReply, HttpRequest, HttpWire, json_reply
from .ledger import LEDGER

ROOT = "/api/"
SIZE = 100 << 40
REFUSALS: dict[type[ArrayError], tuple[int, str]] = {
    NotFound: (404, "not_found"),
    NameTaken: (409, "name_taken"),
    AlreadyMapped: (409, "already_mapped"),
    LunTaken: (409, "lun_taken"),
    InitiatorTaken: (409, "initiator_taken"),
    InUse: (409, "in_use"),
    NoSpace: (507, "no_space"),
}


class ExampleWire(HttpWire):
    """One array with one pool and one iSCSI portal."""

    vendor = "example"
    assumptions = LEDGER
    default_version = "1.0"
    limits = ("volumes", "snapshots_per_volume")

    def __init__(self, config: ArrayConfig, *arguments: Any) -> None:
        super().__init__(config, *arguments)
        self.model = Array(
            config.name,
            [Pool(config.name, config.pools[0].size if config.pools else SIZE)],
            Rules(name_length=64, max_lun=255).limited(config.limits),
            clock=self.clock,
            on_change=self.changed,
            is_full=self.faults.pool_full,
        )

    def endpoint(self) -> dict[str, Any]:
        pools = [{"name": pool.name, "size": pool.size} for pool in self.model.pools.values()]
        return {**super().endpoint(), "protocol": "iscsi", "pools": pools}

    def arrays(self) -> list[Array]:
        return [self.model]

    def empty(self) -> None:
        self.model.reset()

    def dump(self) -> dict[str, Any]:
        return self.model.dump()

    def load(self, saved: dict[str, Any]) -> None:
        self.model.load(saved)

    # ---- answers ---------------------------------------------------------------------------------------------------

    def answer(self, request: HttpRequest) -> HttpReply:
        if not self._is_authorized(request):
            return self.expired(request)
        kind, _slash, number = request.path.removeprefix(ROOT).partition("/")
        try:
            handler = getattr(self, f"_{request.method.lower()}_{kind}")
        except AttributeError:
            return self.refused(request, "not_found")
        arguments = ([int(number)] if number else []) + ([request.json()] if request.body else [])
        try:
            return json_reply(200, handler(*arguments))
        except ArrayError as error:
            status, code = REFUSALS.get(type(error), (400, "invalid"))
            return json_reply(status, {"code": code}, message=str(error))

    def busy(self, request: HttpRequest) -> HttpReply:
        return json_reply(503, {"code": "busy"}, message="busy")

    def expired(self, request: HttpRequest) -> HttpReply:
        return json_reply(401, {"code": "unauthorized"}, message="unauthorized")

    def refused(self, request: HttpRequest, code: str) -> HttpReply:
        return json_reply(400, {"code": code}, message=code)

    def _is_authorized(self, request: HttpRequest) -> bool:
        try:
            sent = base64.b64decode(request.headers.get("Authorization", "").removeprefix("Basic "))
        except binascii.Error:
            return False
        return hmac.compare_digest(sent, f"{self.config.username}:{self.config.password}".encode())

    # ---- reading ---------------------------------------------------------------------------------------------------

    def _get_array(self) -> dict[str, Any]:
        portal = f"{self.config.address}:3260"
        return {
            "name": self.model.name,
            "serial": "EX100-0001",
            "version": self.config.version,
            "size": self.model.size,
            "used": self.model.used,
            "provisioned": self.model.provisioned,
            "ports": [{"name": "a", "iqn": "iqn.2026-01.com.example:array", "portal": portal}],
        }

    def _get_volumes(self) -> dict[str, Any]:
        return {"items": [self._volume(row) for row in self.model.volumes if row.kind == "volume"]}

    def _get_snapshots(self) -> dict[str, Any]:
        return {"items": [self._snapshot(row) for row in self.model.volumes if row.kind == "snapshot"]}

    def _get_hosts(self) -> dict[str, Any]:
        return {"items": [self._host(row) for row in self.model.hosts]}

    def _get_mappings(self) -> dict[str, Any]:
        return {"items": [self._mapping(row) for row in self.model.mappings]}

    def _volume(self, row: Volume) -> dict[str, Any]:
        snapshots = [child.name for child in self.model.children(row) if child.kind == "snapshot"]
        return {
            "id": row.id,
            "name": row.name,
            "size": row.size,
            "used": row.used,
            "serial": f"6{row.uuid[:31]}",
            "snapshots": snapshots,
        }

    def _snapshot(self, row: Volume) -> dict[str, Any]:
        parent = self.model.parent(row)
        volume = parent.name if parent else None
        return {"id": row.id, "name": row.name, "size": row.size, "volume": volume, "created": f"{row.created:020.6f}"}

    def _host(self, row: Host) -> dict[str, Any]:
        initiators = [initiator.address for initiator in self.model.initiators_of(row)]
        return {"id": row.id, "name": row.name, "initiators": initiators}

    def _mapping(self, row: Mapping) -> dict[str, Any]:
        volume, host = self.model.volumes[row.volume].name, self.model.hosts[row.host].name
        return {"id": row.id, "volume": volume, "host": host, "lun": row.lun}

    # ---- changing --------------------------------------------------------------------------------------------------

    def _post_volumes(self, body: dict[str, Any]) -> dict[str, Any]:
        if "source" not in body:
            return self._volume(self.model.create_volume(body["name"], body["size"]))
        source = existing(self.model.volumes, body["source"])
        copy = self.model.copy_volume(source, body["name"], seconds=0, size=body["size"], provisioning="thin")
        return self._volume(copy)

    def _patch_volumes(self, number: int, body: dict[str, Any]) -> dict[str, Any]:
        row = existing(self.model.volumes, number)
        if "size" in body:
            self.model.extend_volume(row, body["size"])
        if "name" in body:
            self.model.rename_volume(row, body["name"])
        return self._volume(row)

    def _delete_volumes(self, number: int) -> dict[str, Any]:
        self.model.delete_volume(existing(self.model.volumes, number))
        return {}

    def _post_snapshots(self, body: dict[str, Any]) -> dict[str, Any]:
        source = existing(self.model.volumes, body["volume"])
        (snapshot,) = self.model.create_snapshots([(source, body["name"])], writable=False)
        return self._snapshot(snapshot)

    _delete_snapshots = _delete_volumes

    def _post_hosts(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._host(self.model.create_host(body["name"], [(iqn, iqn) for iqn in body["initiators"]]))

    def _patch_hosts(self, number: int, body: dict[str, Any]) -> dict[str, Any]:
        row = existing(self.model.hosts, number)
        for initiator in self.model.initiators_of(row):
            if initiator.address not in body["initiators"]:
                self.model.remove_initiator(initiator)
        present = [initiator.address for initiator in self.model.initiators_of(row)]
        for address in body["initiators"]:
            if address not in present:
                self.model.add_initiator(row, address)
        return self._host(row)

    def _delete_hosts(self, number: int) -> dict[str, Any]:
        self.model.delete_host(existing(self.model.hosts, number))
        return {}

    def _post_mappings(self, body: dict[str, Any]) -> dict[str, Any]:
        volume, host = existing(self.model.volumes, body["volume"]), existing(self.model.hosts, body["host"])
        return self._mapping(self.model.map(volume, host, body.get("lun")))

    def _delete_mappings(self, number: int) -> dict[str, Any]:
        self.model.unmap(existing(self.model.mappings, number))
        return {}


def existing(table: Table[Any], number: int | str) -> Any:
    """The object with this number; NotFound, as the array refuses it, without one."""
    row = table.get(int(number))
    if row is None:
        raise NotFound("object", str(number))
    return row
