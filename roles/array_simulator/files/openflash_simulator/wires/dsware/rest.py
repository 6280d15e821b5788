# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The REST interface of generation R (sections 1.5 and 2.3 of the wire sheet): sessions, and what each call answers."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from typing import Any

from ...objects import Host, Initiator, Mapping as Lun, Pool, Volume
from ..http import HttpReply, HttpRequest, json_reply
from . import codes, ledger
from .bodies import Body, integer as _int, text as _text, texts as _texts
from .codes import Refusal
from .policies import Policies
from .state import AGENT, MIB, DswareState, refusing

# Sections 1.5 and 2.3: most calls have a version segment and some have none; here every call may have one.
_PATH = re.compile(r"/dsware/service/(?:(?P<version>rest|v\d+\.\d+)/)?(?P<call>.+?)/*\Z")
_FULL_COPY = "/api/v2/block_service/createFullVolumeFromSnap"
# Section 2.3: the calls that only the vendor's own driver sends; it sends them with this version.
_VENDOR_VERSION = "v1.2"
_VENDOR_CALLS = re.compile(
    r"(volume/list|volume/snapshot/list|volume/qos|snapshot/rollback|cluster/sn|(host|port|lun|qos)/.*)\Z"
)
# Section 2.3: the keys that clients send with the calls.
_KEYS = {
    "storagePool": "poolId",
    "volume/queryByName": "volName",
    "volume/queryById": "volId",
    "volume/list": "poolId pageNum pageSize",
    "volume/create": "volName volSize poolId",
    "volume/delete": "volNames",
    "volume/expand": "volName newVolSize",
    "volume/attach": "volName ipList",
    "volume/detach": "volName ipList",
    "volume/qos": "volName",
    "qos/create": "qosName qosSpecInfo",
    "qos/modify": "qosName qosSpecInfo",
    "qos/delete": "qosNames",
    "qos/volume/associate": "keyNames qosName",
    "qos/volume/disassociate": "keyNames qosName",
    "snapshot/queryByName": "snapshotName",
    "snapshot/list": "poolId pageNum pageSize filters",
    "volume/snapshot/list": "volName batchNum batchLimit filters",
    "snapshot/create": "volName snapshotName",
    "snapshot/delete": "snapshotName",
    "snapshot/rollback": "snapshotName volumeName",
    "snapshot/volume/create": "src volName volSize",
    "host/create": "hostName",
    "host/delete": "hostName",
    "iscsi/createPort": "portName",
    "iscsi/deletePort": "portName",
    "host/port/add": "hostName portNames",
    "host/port/delete": "hostName portNames",
    "port/host/list": "hostName",
    "host/port/list": "portName",
    "host/lun/add": "hostName lunNames",
    "host/lun/delete": "hostName lunNames",
    "host/lun/list": "hostName",
    "lun/host/list": "lunName",
    "full copy": "snap_name_src volume_name_dst",
}
_READ_CALLS = re.compile(r"/(list|queryIscsiPortal|login|logout|keepAlive)\Z")
_VERSION_PATH = "/dsware/service/rest/version"


def is_write(method: str, path: str) -> bool:
    """Whether a request asks for a change. Most reads are POST requests too."""
    return method != "GET" and not _READ_CALLS.search(path.rstrip("/"))


class Rest:
    """Sessions and calls."""

    def __init__(
        self,
        system: DswareState,
        username: str,
        password: str,
        release: tuple[int, ...],
        address: str,
        serial: str,
    ) -> None:
        self.system = system
        self.array = system.array
        self.username = username
        self._password = password
        self.release = release
        self.address = address
        self.serial = serial
        self.tokens: set[str] = set()
        self._policies = Policies(system)
        self._calls: dict[tuple[str, str], Callable[[Body], Body]] = {
            ("GET", "storagePool"): self._pools,
            ("GET", "cluster/storagepool/queryStoragePool"): self._pools,
            ("GET", "cluster/sn"): lambda body: {"sn": self.serial},
            ("GET", "volume/queryByName"): self._volume_by_name,
            ("GET", "volume/queryById"): self._volume_by_id,
            ("POST", "volume/list"): self._volumes,
            ("POST", "volume/create"): self._create_volume,
            ("POST", "volume/delete"): self._delete_volumes,
            ("POST", "volume/expand"): self._expand_volume,
            ("POST", "volume/attach"): self._attach,
            ("POST", "volume/detach"): self._detach,
            ("GET", "volume/qos"): self._qos,
            **self._policies.calls(),
            ("GET", "snapshot/queryByName"): self._snapshot_by_name,
            ("POST", "snapshot/list"): self._snapshots,
            ("POST", "volume/snapshot/list"): self._snapshots_of,
            ("POST", "snapshot/create"): self._create_snapshot,
            ("POST", "snapshot/delete"): self._delete_snapshot,
            ("POST", "snapshot/rollback"): self._rollback,
            ("POST", "snapshot/volume/create"): self._create_linked,
            ("GET", "host/list"): self._hosts,
            ("POST", "host/create"): self._create_host,
            ("POST", "host/delete"): self._delete_host,
            ("POST", "port/list"): self._ports,
            ("POST", "iscsi/createPort"): self._create_port,
            ("POST", "iscsi/deletePort"): self._delete_port,
            ("POST", "host/port/add"): self._add_ports,
            ("POST", "host/port/delete"): self._remove_ports,
            ("POST", "port/host/list"): self._ports_of_host,
            ("POST", "host/port/list"): self._hosts_of_ports,
            ("POST", "host/lun/add"): self._add_luns,
            ("POST", "host/lun/delete"): self._delete_luns,
            ("POST", "host/lun/list"): self._luns,
            ("POST", "lun/host/list"): self._hosts_of_lun,
            ("POST", "cluster/dswareclient/queryIscsiPortal"): self._portals,
        }

    # ---- the envelope ----------------------------------------------------------------------------------------------

    def answer(self, request: HttpRequest) -> HttpReply:
        try:
            body = request.json()
        except ValueError:
            return failure(codes.MALFORMED)
        body = body if isinstance(body, dict) else {}
        path = request.path.rstrip("/")
        if path == _VERSION_PATH:
            return json_reply(200, {"result": 0, "currentVersion": ledger.REST_VERSION})
        found = _PATH.match(request.path)
        call = "full copy" if path == _FULL_COPY else found["call"] if found else ""
        if call == "sec/login":
            return self._login(body)
        if request.headers.get("X-Auth-Token", "") not in self.tokens:
            return failure(codes.NOT_LOGGED_IN)
        if call == "sec/logout":
            self.tokens.discard(request.headers["X-Auth-Token"])
            return json_reply(200, {"result": 0})
        if call == "sec/keepAlive":
            return json_reply(200, {"result": 0})
        if found and self.system.assumed("rest.versions") != "any" and not _is_as_clients_send(found):
            return NOT_FOUND
        handler = self._full_copy if call == "full copy" else self._calls.get((request.method, call))
        if handler is None:
            return NOT_FOUND
        given = {**request.url.query, **body}
        if self.system.assumed("rest.unknown_keys") != "ignored" and given.keys() - set(_KEYS.get(call, "").split()):
            return failure(codes.MALFORMED)
        try:
            return json_reply(200, {"result": 0, **handler(given)})
        except Refusal as refusal:
            return failure(refusal.code, detail=call == "volume/delete")

    def _login(self, body: Body) -> HttpReply:
        given = f"{body.get('userName')}\0{body.get('password')}".encode()
        if not hmac.compare_digest(given, f"{self.username}\0{self._password}".encode()):
            return failure(codes.LOGIN_FAILED)
        token = secrets.token_hex(24)
        self.tokens.add(token)
        return json_reply(200, {"result": 0}, X_Auth_Token=token)

    def carry_out(self, call: str, body: Body) -> Body:
        """The answer to a POST, without a session. Raises Refusal."""
        return self._calls["POST", call](body)

    def _missing(self, code: int) -> Refusal:
        """A volume that does not exist: release 6.3 has codes of its own for it (section 1.6)."""
        has_own_codes = self.release[:2] <= ledger.LAST_WITH_OLD_CODES
        return Refusal(code if has_own_codes else codes.NO_VOLUME)

    # ---- pools, volumes --------------------------------------------------------------------------------------------

    def _pool_status(self, pool: Pool) -> int:
        healthy = int(self.system.assumed("pools.status"))
        return healthy if self.system.operation.state(pool.name) == "ok" else healthy + 1

    def _pools(self, body: Body) -> Body:
        pools = self.system.pools() if "poolId" not in body else [self.system.pool(_int(body, "poolId"))]
        rows = [
            {
                "poolId": pool.id,
                "poolName": pool.name,
                "totalCapacity": pool.size // MIB,
                "usedCapacity": pool.used // MIB,
                "allocatedCapacity": self.system.provisioned(pool) // MIB,
                "volumeNum": len(self.system.all("volume", pool.id)),
                "poolStatus": self._pool_status(pool),
            }
            for pool in pools
        ]
        return {"storagePools": rows}

    def _volume(self, volume: Volume) -> Body:
        return {
            "volId": volume.id,
            "volName": volume.name,
            "volSize": volume.size // MIB,
            "poolId": self.system.pool_of(volume),
            "status": self.system.status(volume),
            "wwn": volume.wwn,
            **self._created(volume),
        }

    def _created(self, volume: Volume) -> Body:
        return {key: int(made * 1000) for key, made in self.system.created(volume).items()}

    def _volume_by_name(self, body: Body) -> Body:
        found = self.array.find_volume(_text(body, "volName"), "volume")
        if found is None:
            raise self._missing(codes.NO_VOLUME_63)
        return {"lunDetailInfo": self._volume(found)}

    def _volume_by_id(self, body: Body) -> Body:
        found = self.array.volumes.get(_int(body, "volId"))
        if found is None or found.kind != "volume":
            raise self._missing(codes.NO_VOLUME_63)
        return {"lunDetailInfo": self._volume(found)}

    def _volumes(self, body: Body) -> Body:
        found = self.system.all("volume", _int(body, "poolId"))
        rows = [self._volume(volume) for volume in self._page(body, found)]
        if not self.system.assumed("lists.status"):
            rows = [{key: value for key, value in row.items() if key != "status"} for row in rows]
        return {"totalNum": len(found), "volumeList": rows}

    def _create_volume(self, body: Body) -> Body:
        self.system.create_volume(_text(body, "volName"), _int(body, "volSize"), _int(body, "poolId"))
        return {}

    def _expand_volume(self, body: Body) -> Body:
        self.system.expand_volume(_text(body, "volName"), _int(body, "newVolSize"))
        return {}

    def _delete_volumes(self, body: Body) -> Body:
        for name in _texts(body, "volNames"):
            if self.array.find_volume(name, "volume") is None:
                raise self._missing(codes.NO_VOLUME_TO_DELETE_63)
            self.system.delete_volume(name)
        return {}

    def _qos(self, body: Body) -> Body:
        return self._policies.shown(self.system.volume(_text(body, "volName")))

    # ---- attachments -----------------------------------------------------------------------------------------------

    def _attach(self, body: Body) -> Body:
        """The result for each volume is a key named after the volume, with the code as text (section 2.3)."""
        results: Body = {}
        for name in _texts(body, "volName"):
            results[name] = []
            for agent in _texts(body, "ipList"):
                try:
                    device, code = self.system.attach(name, agent), codes.OK
                except Refusal as refusal:
                    device, code = "", refusal.code
                results[name].append({"errorCode": str(code), "ip": agent, "devName": device})
        return results

    def _detach(self, body: Body) -> Body:
        rows = []
        for name in _texts(body, "volName"):
            for agent in _texts(body, "ipList"):
                try:
                    self.system.detach(name, agent)
                    code = codes.OK
                except Refusal as refusal:
                    code = refusal.code
                rows.append({"errorCode": str(code), "ip": agent, "volName": name})
        return {"volumeInfo": rows}

    # ---- snapshots -------------------------------------------------------------------------------------------------

    def _snapshot(self, snapshot: Volume) -> Body:
        key = self.system.assumed("snapshots.volume_key")
        return {
            "snapName": snapshot.name,
            "snapshotName": snapshot.name,
            "snapSize": snapshot.size // MIB,
            **({} if key == "none" else {key: self.system.father(snapshot)}),
            "poolId": self.system.pool_of(snapshot),
            "status": ledger.READY,
            "wwn": snapshot.wwn,
            **self._created(snapshot),
        }

    def _snapshot_by_name(self, body: Body) -> Body:
        return {"snapshot": self._snapshot(self.system.snapshot(_text(body, "snapshotName")))}

    def _snapshots(self, body: Body) -> Body:
        """The filter ``volumeName`` is, despite its name, a part of a snapshot's name."""
        part = str((body.get("filters") or {}).get("volumeName") or "")
        found = [row for row in self.system.all("snapshot", _int(body, "poolId")) if part in row.name]
        return {"totalNum": len(found), "snapshotList": [self._snapshot(row) for row in self._page(body, found)]}

    def _snapshots_of(self, body: Body) -> Body:
        volume = self.system.volume(_text(body, "volName"))
        found = [child for child in self.array.children(volume) if child.kind == "snapshot"]
        page = self._page(body, found, "batchNum", "batchLimit")
        return {"totalNum": len(found), "snapshotList": [self._snapshot(row) for row in page]}

    def _page(self, body: Body, found: list[Volume], number: str = "pageNum", size: str = "pageSize") -> list[Volume]:
        """One page. It has fewer objects than requested where the array puts fewer on a page."""
        length = min(_int(body, size), self.system.assumed("rest.page_size"))
        first = (_int(body, number) - 1) * length
        return found[first : first + length]

    def _create_snapshot(self, body: Body) -> Body:
        self.system.create_snapshot(_text(body, "snapshotName"), _text(body, "volName"))
        return {}

    def _delete_snapshot(self, body: Body) -> Body:
        self.system.delete_snapshot(_text(body, "snapshotName"))
        return {}

    def _rollback(self, body: Body) -> Body:
        self.system.rollback(_text(body, "snapshotName"), _text(body, "volumeName"))
        return {}

    def _create_linked(self, body: Body) -> Body:
        self.system.create_linked_volume(_text(body, "volName"), _text(body, "src"), _int(body, "volSize"))
        return {}

    def _full_copy(self, body: Body) -> Body:
        self.system.full_copy(_text(body, "volume_name_dst"), _text(body, "snap_name_src"))
        return {}

    # ---- hosts, initiators, LUNs -----------------------------------------------------------------------------------

    def _host(self, name: str) -> Host:
        found = self.array.hosts.find(name)
        if found is None or found.attributes.get(AGENT):
            raise Refusal(int(self.system.assumed("hosts.not_found")))
        return found

    def _all_hosts(self) -> list[Host]:
        return [host for host in self.array.hosts if not host.attributes.get(AGENT)]

    def _hosts(self, body: Body) -> Body:
        return {"hostList": [{"hostName": host.name, "hostId": host.id} for host in self._all_hosts()]}

    def _create_host(self, body: Body) -> Body:
        name = _text(body, "hostName")
        if len(name) > self.system.assumed("names.host_longest"):
            raise Refusal(codes.BAD_NODE)
        with refusing():
            self.array.create_host(name)
        return {}

    def _delete_host(self, body: Body) -> Body:
        host = self._host(_text(body, "hostName"))
        # Its ports remain, without a host.
        ports = [port.address for port in self.array.initiators_of(host)]
        with refusing():
            self.array.delete_host(host)
        for address in ports:
            self._add_free_port(address)
        return {}

    @property
    def _free_ports(self) -> dict[str, Any]:
        """Ports that belong to no host."""
        group = self.array.groups("port").find("loose")
        return group.attributes if group else {}

    def _add_free_port(self, address: str) -> None:
        group = self.array.groups("port").find("loose") or self.array.create_group("port", "loose")
        group.attributes[address] = True

    def _initiator(self, address: str) -> Initiator | None:
        return next((port for port in self.array.initiators if port.address == address), None)

    def _ports(self, body: Body) -> Body:
        names = [port.address for port in self.array.initiators] + sorted(self._free_ports)
        return {"portList": [{"portName": name} for name in names]}

    def _create_port(self, body: Body) -> Body:
        name = _text(body, "portName")
        if name in self._free_ports or self._initiator(name):
            raise Refusal(codes.INITIATOR_EXISTS)
        self._add_free_port(name)
        self.array.touched("initiator.create", self.array.groups("port").find("loose"))
        return {}

    def _delete_port(self, body: Body) -> Body:
        name = _text(body, "portName")
        if self._initiator(name):
            raise Refusal(codes.INITIATOR_TAKEN)
        if self._free_ports.pop(name, None) is None:
            raise Refusal(codes.NO_INITIATOR)
        self.array.touched("initiator.delete", self.array.groups("port").find("loose"))
        return {}

    def _add_ports(self, body: Body) -> Body:
        host = self._host(_text(body, "hostName"))
        for name in _texts(body, "portNames"):
            if self._initiator(name):
                raise Refusal(codes.INITIATOR_TAKEN)
            if name not in self._free_ports:
                raise Refusal(codes.NO_INITIATOR)
            with refusing():
                self.array.add_initiator(host, name)
            del self._free_ports[name]
        return {}

    def _remove_ports(self, body: Body) -> Body:
        host = self._host(_text(body, "hostName"))
        for name in _texts(body, "portNames"):
            found = self._initiator(name)
            if found is None or found.host != host.id:
                raise Refusal(codes.NO_INITIATOR)
            self.array.remove_initiator(found)
            self._add_free_port(name)
        return {}

    def _ports_of_host(self, body: Body) -> Body:
        host = self._host(_text(body, "hostName"))
        return {"portList": [{"portName": port.address} for port in self.array.initiators_of(host)]}

    def _hosts_of_ports(self, body: Body) -> Body:
        found = {}
        for name in _texts(body, "portName"):
            initiator = self._initiator(name)
            if initiator is not None:
                found[name] = [self.array.hosts[initiator.host].name]
            elif name in self._free_ports or self.system.assumed("initiators.unlisted") == "listed":
                found[name] = []
        return {"portHostMap": found}

    def _add_luns(self, body: Body) -> Body:
        host = self._host(_text(body, "hostName"))
        volumes = [self.system.volume(name) for name in _texts(body, "lunNames")]
        if self.system.assumed("hosts.group_needed"):
            # No call of this simulator makes host groups.
            raise Refusal(codes.NO_GROUP)
        with refusing():
            for volume in volumes:
                self.array.map(volume, host)
        return {}

    def _delete_luns(self, body: Body) -> Body:
        host = self._host(_text(body, "hostName"))
        for name in _texts(body, "lunNames"):
            mapping = self.array.find_mapping(self.system.volume(name), host)
            if mapping is None:
                raise Refusal(codes.NOT_ATTACHED)
            self.array.unmap(mapping)
        return {}

    def _luns(self, body: Body) -> Body:
        host = self._host(_text(body, "hostName"))
        rows = [
            {"lunId": self._lun_id(mapping), "lunName": self.array.volumes[mapping.volume].name}
            for mapping in self.array.mappings_for(host)
        ]
        return {"hostLunList": rows}

    def _lun_id(self, mapping: Lun) -> int | None:
        return mapping.lun if self.system.assumed("luns.lun_id") == "lun" else ledger.FIRST_LUN_ID + mapping.id

    def _hosts_of_lun(self, body: Body) -> Body:
        volume = self.system.volume(_text(body, "lunName"))
        hosts = [self.array.hosts[mapping.host] for mapping in self.array.mappings_of(volume)]
        return {"hostList": [{"hostName": host.name} for host in hosts if not host.attributes.get(AGENT)]}

    def _portals(self, body: Body) -> Body:
        target = f"iqn.2006-08.com.huawei:oceanstor:dsware:{self.array.name}"
        nodes = [
            {
                "nodeMgrIp": self.address,
                "status": "successful",
                "iscsiPortalList": [
                    {"iscsiPortal": f"{self.address}:3260", "targetName": target, "iscsiStatus": "active"}
                ],
            }
        ]
        return {"nodeResultList": nodes}


NOT_FOUND = HttpReply(404, b"<html><body><h1>404 Not Found</h1></body></html>\n", "text/html")


def _is_as_clients_send(found: re.Match[str]) -> bool:
    """Whether the call has the version with which a client sends it."""
    if found["version"] is None or found["version"] == "rest":
        return True
    return found["version"] == (_VENDOR_VERSION if _VENDOR_CALLS.match(found["call"]) else ledger.REST_VERSION)


def failure(code: int, *, detail: bool = False) -> HttpReply:
    """A refusal has the status 200; its code stands where clients look for it (section 1.5)."""
    text = codes.TEXTS.get(code, "The operation failed.")
    # Section 1.5: an unknown session is reported in the result itself.
    result = code if code == codes.NOT_LOGGED_IN else 1
    body: Body = {"result": result, "errorCode": code, "description": text}
    if detail:
        body = {"result": 1, "detail": [{"errorCode": code, "description": text}]}
    return json_reply(200, body, message=f"{code} {text}")
