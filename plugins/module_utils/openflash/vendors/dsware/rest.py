# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The REST interface of current arrays (sheet, sections 1.5 and 2.3)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from ...errors import BadReply, Busy, FlashError, NotFound, Timeout, Unauthorized, Unreachable
from ...model import Connection, Listing, Pool, Snapshot, Volume
from ...transport.confirm import ATTEMPTS, AnswerLost, AnswerUnreadable
from ...transport.credentials import credentials
from ...transport.http import HttpTransport
from ...transport.http_reply import Reply
from ...units import MIB, whole_number
from .codes import EXPIRED, MOMENTARY, SnapshotGone, VolumeGone, error_of, suspect
from .ledger import PAGE_SIZE, REST_PORT, REST_VERSION, SNAPSHOT_COPYING_STATUS, VENDOR_VERSION, VOLUME_KEY
from .policies import LIMITS, PolicyCalls
from .wire import FEW, NOT_MAPPED, NOTHING_NEEDS_IT, Page, read_pages, readable, state_of, time_of

Object = Dict[str, Any]

BASE = "/dsware/service/"
# The statuses of a server, or a proxy before it, that cannot serve a request now.
OVERLOADED = (502, 503, 504)
# Section 2.3: where a snapshot may name its volume.
FATHER_KEYS = (VOLUME_KEY.value, "volumeName", "volName")
# The keys of an object's name (section 2.3).
NAMES = ("volName", "snapName", "snapshotName")
# Section 2.3: the calls that only the vendor's own driver sends. It sends them with VENDOR_VERSION.
VENDOR_CALLS = re.compile(
    r"(volume/list|volume/snapshot/list|volume/qos|snapshot/rollback|cluster/sn|(host|port|lun|qos)/.*)\Z"
)
FULL_COPY = "/api/v2/block_service/createFullVolumeFromSnap"


class RestWire(PolicyCalls):
    """A session with one of the array's managers, and the calls of the REST interface (sheet, section 2.3)."""

    def __init__(self, connection: Connection) -> None:
        credentials(connection)
        self.http = HttpTransport.from_connection(connection, REST_PORT)
        self.http.journal.hide(connection.password)
        self.http.expired = is_expired
        self.http.busy = lambda reply: code_of(reply.json_or_none()) in MOMENTARY
        self.http.reauthenticate = self._log_in
        self.journal = self.http.journal
        self.threads = connection.max_concurrency
        self._username = connection.username
        self._password = connection.password
        self._version = REST_VERSION
        self._logged_in = False

    @property
    def address(self) -> str:
        return self.http.address

    # -- the session -------------------------------------------------------------------------------------------------

    def open(self) -> Optional[Listing[Pool]]:
        """Version and login: 2 requests."""
        about = self.call("GET", "rest/version", session=True, versioned=False)
        version = str(about.get("currentVersion") or "")
        if re.match(r"^v[0-9]+\.[0-9]+$", version):
            self._version = version
        self._log_in()
        return None

    def _log_in(self) -> None:
        self.http.set_header("X-Auth-Token", None)
        body = {"userName": self._username, "password": self._password}
        reply = self._send("POST", "sec/login", body, session=True)
        checked(reply, self.http.mask, "the login")
        token = reply.headers.get("x-auth-token")
        if not token:
            raise BadReply(
                "the answer to the login has no token",
                hint="Check that the address and port are those of the array's manager.",
            )
        self.http.set_header("X-Auth-Token", token, secret=True)
        self._logged_in = True

    def close(self) -> None:
        """Log out, since the array limits sessions, and close the connection."""
        if self._logged_in:
            self._logged_in = False
            self.http.log_out(lambda: self._send("POST", "sec/logout", None, session=True))
        self.http.close()

    def api_version(self) -> Optional[str]:
        return self._version

    def serial(self) -> Optional[str]:
        try:
            return str(self.call("GET", "cluster/sn").get("sn") or "") or None
        except (Unauthorized, Unreachable, Timeout, Busy):
            raise
        except FlashError as error:
            # Not every version has this call.
            if error.code is None:
                raise
            return None

    # -- one request -------------------------------------------------------------------------------------------------

    def _send(
        self,
        method: str,
        path: str,
        body: Optional[Mapping[str, Any]],
        query: Sequence[Tuple[str, Any]] = (),
        session: bool = False,
        versioned: bool = True,
        write: bool = False,
        idempotent: bool = True,
    ) -> Reply:
        version = VENDOR_VERSION if VENDOR_CALLS.match(path) else self._version
        full_path = path if path.startswith("/") else BASE + (version + "/" if versioned else "") + path
        return self.http.request(
            method, full_path, query, json=body, write=write, session=session, idempotent=idempotent or not write
        )

    def call(self, method: str, path: str, body: Optional[Mapping[str, Any]] = None, **settings: Any) -> Object:
        """Send a read, or a change with ``write``. Returns the content of a success.

        :param settings: those of ``_send``.
        """
        reply = self._send(method, path, body, **settings)
        if settings.get("session") and self._logged_in and is_expired(reply):
            # The transport does not log in again for a request of the session, since it may be the login itself.
            self._log_in()
            reply = self._send(method, path, body, **settings)
        try:
            return checked(reply, self.http.mask, "%s %s" % (method, path))
        except FlashError as error:
            error.fill(assumption=suspect(error.code, path, body or {}))
            raise

    def change(self, path: str, body: Mapping[str, Any], idempotent: bool = False, versioned: bool = True) -> Object:
        """Send a change. Raises AnswerLost when it may have been made; an idempotent change is sent again instead."""
        for attempt in range(ATTEMPTS):
            try:
                return self.call("POST", path, body, write=True, idempotent=idempotent, versioned=versioned)
            except AnswerLost:
                raise
            except BadReply as error:
                # Something answered in the array's place, perhaps after the array had made the change.
                if not idempotent or attempt == ATTEMPTS - 1:
                    raise AnswerUnreadable(error.reason, said=error.said, hint=error.hint) from None
        raise AssertionError("the last attempt raises")

    # -- reading -----------------------------------------------------------------------------------------------------

    def pools(self, session: bool = False) -> Listing[Pool]:
        found = objects(self.call("GET", "storagePool", session=session), "storagePools")
        if not all(item.get("poolId") is not None for item in found):
            # Its volumes could not be listed, and would seem not to exist.
            raise BadReply("the array does not report the number of one of its pools")
        # Also of a pool whose capacity cannot be read, since it has volumes too.
        self._pools = {str(item["poolId"]): str(item.get("poolName") or item["poolId"]) for item in found}
        listing: Listing[Pool] = readable("pool", [(str(i.get("poolName")), i) for i in found], _pool)
        return listing

    def pool_states(self) -> List[Tuple[str, Any]]:
        """Name and ``poolStatus`` of each pool, None where the array does not report it."""
        found = objects(self.call("GET", "storagePool"), "storagePools")
        return [(str(item.get("poolName") or item.get("poolId")), item.get("poolStatus")) for item in found]

    _pools: Optional[Dict[str, str]] = None

    def _pool_names(self) -> Dict[str, str]:
        if self._pools is None:
            self.pools(session=True)
        return self._pools or {}

    def volumes(self, names: Sequence[str]) -> Listing[Volume]:
        if len(names) > FEW:
            requested = set(names)
            found = self.all_volumes()
            return replace(found, items=tuple(volume for volume in found if volume.name in requested))
        found_one_by_one = zip(names, self.side_by_side(self._volume, names))
        return readable("volume", [(name, item) for name, item in found_one_by_one if item], self._volume_of)

    def _volume(self, name: str) -> Optional[Object]:
        try:
            found = detail(self.call("GET", "volume/queryByName", query=[("volName", name)]), "lunDetailInfo")
        except VolumeGone:
            return None
        # The complete name is compared (section 4.3). An object without a name is the requested one.
        return dict(found, volName=name) if found.get("volName") in (None, name) else None

    def all_volumes(self) -> Listing[Volume]:
        items: List[Object] = []
        for pool in self._pool_names():
            items += self._pages("volume/list", "volumeList", {"poolId": _number(pool)}, "pageNum", "pageSize")
        # Section 2.3: that a list reports the status is not documented; the query of one volume does.
        incomplete = [str(item.get("volName")) for item in items if "status" not in item and item.get("volName")]
        complete = dict(zip(incomplete, self.side_by_side(self._volume, incomplete)))
        items = [complete.get(str(item.get("volName"))) or item for item in items]
        return readable("volume", [(str(item.get("volName")), item) for item in items], self._volume_of)

    def _volume_of(self, item: Object) -> Volume:
        return Volume(
            name=text(item, "volName"),
            size=int(item["volSize"]) * MIB,
            id=str(item.get("volId") or ""),
            pool=self._pool_names().get(str(item.get("poolId"))),
            state=state_of(item["status"]),
            serial=str(item.get("wwn") or "").lower() or None,
            created=time_of(item.get("createTime")),
            options=dict.fromkeys(LIMITS),
        )

    def snapshots(self, names: Sequence[str]) -> Listing[Snapshot]:
        if len(names) > FEW:
            requested = set(names)
            found = self.all_snapshots()
            return replace(found, items=tuple(snapshot for snapshot in found if snapshot.name in requested))
        found_one_by_one = zip(names, self.side_by_side(self._snapshot, names))
        return readable("snapshot", [(name, item) for name, item in found_one_by_one if item], _snapshot_of)

    def _snapshot(self, name: str) -> Optional[Object]:
        try:
            found = detail(self.call("GET", "snapshot/queryByName", query=[("snapshotName", name)]), "snapshot")
        except SnapshotGone:
            return None
        return dict(found, snapName=name) if _name_of(found, name) == name else None

    def all_snapshots(self) -> Listing[Snapshot]:
        items: List[Object] = []
        for pool in self._pool_names():
            # Section 2.3: no known client trusts the filter, so none is sent.
            body = {"poolId": _number(pool), "filters": {}}
            items += self._pages("snapshot/list", "snapshotList", body, "pageNum", "pageSize")
        return readable("snapshot", [(_name_of(item, "?"), item) for item in items], _snapshot_of)

    def snapshots_of(self, volume: str) -> Listing[Snapshot]:
        body = {"volName": volume, "filters": {}}
        try:
            items = self._pages("volume/snapshot/list", "snapshotList", body, "batchNum", "batchLimit")
        except VolumeGone:
            return Listing()
        except FlashError as error:
            # Section 3: a volume without snapshots has codes of its own.
            if error.code not in ("51010013", "51010014"):
                raise
            return Listing()
        # The request names the volume, so the answer need not.
        pairs = [(_name_of(item, "?"), dict(item, **{VOLUME_KEY.value: volume})) for item in items]
        return readable("snapshot", pairs, _snapshot_of)

    def _pages(self, path: str, key: str, body: Object, number: str, size: str) -> List[Object]:
        """The complete list (see ``read_pages``). The reported total is ``totalNum``."""

        def ask(page: int, length: int) -> Page:
            answer = self.call("POST", path, dict(body, **{number: page, size: length}))
            return objects(answer, key), whole_number(answer.get("totalNum"))

        return read_pages(key[: -len("List")] + "s", ask, PAGE_SIZE.value, NAMES)

    # -- writing -----------------------------------------------------------------------------------------------------

    def create_volume(self, name: str, mib: int, pool: Pool) -> None:
        self.change("volume/create", {"volName": name, "volSize": mib, "poolId": _number(pool.id)})

    def extend_volume(self, name: str, mib: int) -> None:
        self.change("volume/expand", {"volName": name, "newVolSize": mib}, idempotent=True)

    def delete_volume(self, name: str) -> None:
        self.change("volume/delete", {"volNames": [name]})

    def create_snapshot(self, name: str, volume: str) -> None:
        self.change("snapshot/create", {"volName": volume, "snapshotName": name})

    def delete_snapshot(self, name: str) -> None:
        self.change("snapshot/delete", {"snapshotName": name})

    def link(self, name: str, mib: int, snapshot: str) -> None:
        self.change("snapshot/volume/create", {"src": snapshot, "volName": name, "volSize": mib})

    def copy(self, name: str, snapshot: str) -> None:
        self.change(FULL_COPY, {"snap_name_src": snapshot, "volume_name_dst": name})

    def rollback(self, volume: str, snapshot: str) -> None:
        # Not sent again after a lost answer: the first request may be carried out after the second.
        self.change("snapshot/rollback", {"snapshotName": snapshot, "volumeName": volume})

    # -- agents ------------------------------------------------------------------------------------------------------

    def attach(self, volume: str, agent: str) -> str:
        """The path of the device on that host. Raises AlreadyThere when it was attached before."""
        answer = self.change("volume/attach", {"volName": [volume], "ipList": [agent]})
        rows = answer.get(volume)
        if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict):
            raise BadReply("the answer to the attach does not report volume %s" % volume)
        code = str(rows[0].get("errorCode", "0"))
        if code != "0":
            raise error_of(code, what="the attach")
        return str(rows[0].get("devName") or "")

    def detach(self, volume: str, agent: str) -> None:
        """Raises NotThere when it was not attached."""
        answer = self.change("volume/detach", {"volName": [volume], "ipList": [agent]})
        for row in answer.get("volumeInfo") or ():
            code = str(row.get("errorCode", "0")) if isinstance(row, dict) else "0"
            if code != "0":
                raise error_of(code, what="the detach")

    # -- hosts, initiators and LUNs ----------------------------------------------------------------------------------

    def hosts(self) -> List[Object]:
        return objects(self.call("GET", "host/list"), "hostList")

    def create_host(self, name: str) -> None:
        self.change("host/create", {"hostName": name}, idempotent=True)

    def delete_host(self, name: str) -> None:
        self.change("host/delete", {"hostName": name}, idempotent=True)

    def ports_of_host(self, host: str) -> List[Object]:
        return objects(self.call("POST", "port/host/list", {"hostName": host}), "portList")

    def hosts_of_ports(self, addresses: Sequence[str]) -> Dict[str, List[str]]:
        """The names of the hosts that have each of these initiators."""
        found = self.call("POST", "host/port/list", {"portName": list(addresses)}).get("portHostMap")
        if not isinstance(found, dict) or not all(is_names(hosts) for hosts in found.values()):
            raise BadReply("the array does not report which hosts have these initiators")
        owners = {str(key).lower(): list(hosts) for key, hosts in found.items()}
        return {address: owners.get(address.lower(), []) for address in addresses}

    def create_port(self, address: str) -> None:
        """AlreadyThere when the array has that initiator."""
        self.change("iscsi/createPort", {"portName": address}, idempotent=True, versioned=False)

    def delete_port(self, address: str) -> None:
        self.change("iscsi/deletePort", {"portName": address}, idempotent=True, versioned=False)

    def add_port(self, host: str, address: str) -> None:
        """AlreadyThere when the initiator belongs to a host."""
        self.change("host/port/add", {"hostName": host, "portNames": [address]}, idempotent=True)

    def remove_port(self, host: str, address: str) -> None:
        self.change("host/port/delete", {"hostName": host, "portNames": [address]}, idempotent=True)

    def add_lun(self, host: str, volume: str) -> None:
        """AlreadyThere when the volume is mapped to the host."""
        self.change("host/lun/add", {"hostName": host, "lunNames": [volume]})

    def delete_lun(self, host: str, volume: str) -> None:
        self.change("host/lun/delete", {"hostName": host, "lunNames": [volume]}, idempotent=True)

    def luns_of_host(self, host: str) -> List[Object]:
        return objects(self.call("POST", "host/lun/list", {"hostName": host}), "hostLunList")

    def hosts_of_lun(self, volume: str) -> List[Object]:
        return objects(self.call("POST", "lun/host/list", {"lunName": volume}), "hostList")

    def portals(self) -> List[Object]:
        """The nodes, each with its iSCSI portals."""
        answer = self.call("POST", "cluster/dswareclient/queryIscsiPortal", {}, versioned=False)
        return objects(answer, "nodeResultList")


# -- the envelope ------------------------------------------------------------------------------------------------------


def code_of(body: Any) -> Optional[str]:
    """ "0" for success, else the most specific code of an answer; None when it has none (section 1.5)."""
    if not isinstance(body, dict):
        return None
    result = body.get("result")
    if isinstance(result, dict):
        # The newer envelope.
        return None if result.get("code") is None else str(result["code"])
    if result is None and isinstance(body.get("error"), dict):
        result = body["error"].get("code")
    if result is None:
        return None
    if str(result) == "0":
        return "0"
    for row in body.get("detail") or ():
        if isinstance(row, dict) and str(row.get("errorCode", "0")) != "0":
            return str(row["errorCode"])
    if str(body.get("errorCode") or "0") != "0":
        return str(body["errorCode"])
    return str(result)


def is_expired(reply: Reply) -> bool:
    """Whether the array has changed nothing because it does not know the session."""
    return code_of(reply.json_or_none()) in EXPIRED


def checked(reply: Reply, mask: Callable[[str], str], what: str) -> Object:
    """The content of a success. A code other than 0 is an error whatever the HTTP status (section 1.5)."""
    body = reply.json_or_none() if not reply.ok else reply.json()
    code = code_of(body)
    if code == "0" and reply.ok:
        return dict(body)
    if code is None:
        if not reply.ok:
            hint = "Check that the address and port are those of the array's manager."
            kind = NotFound if reply.status == 404 else Busy if reply.status in OVERLOADED else FlashError
            raise kind("%s was answered by HTTP status %d" % (what, reply.status), code=str(reply.status), hint=hint)
        raise BadReply(
            "the answer to %s has no result" % what,
            hint="Check that the address and port are those of the array's manager.",
        )
    messages = [body[key] for key in ("description", "errorMsg", "suggestion") if isinstance(body.get(key), str)]
    raise error_of(code, mask(messages[0]) if messages else None, what)


def objects(body: Object, key: str) -> List[Object]:
    if key not in body:
        raise BadReply("the answer has no %r" % key, hint="Check the array: nothing can be concluded from the answer.")
    items = body[key]
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise BadReply("the answer has no list of objects under %r" % key)
    return items


def detail(body: Object, key: str) -> Object:
    """The object that was asked for by name. The array answers a code when there is none (section 2.3)."""
    found = body.get(key)
    if not isinstance(found, dict) or not found:
        raise BadReply("the answer has no object under %r" % key)
    return found


def is_names(value: Any) -> bool:
    """Whether it is a list of names, none of them empty."""
    return isinstance(value, list) and all(isinstance(name, str) and name for name in value)


def text(item: Object, key: str) -> str:
    """A property that is never empty. Raises KeyError when the array does not report it."""
    if not item.get(key) or not isinstance(item[key], (str, int)):
        raise KeyError(key)
    return str(item[key])


def names_in(items: Sequence[Mapping[str, Any]], key: str, kind: str) -> List[str]:
    """The names of these objects. Raises BadReply when one has none: some object exists, and which is not known."""
    names = [item.get(key) for item in items]
    if not is_names(names):
        raise BadReply("the array does not report the name of one of its %s" % kind)
    return [str(name) for name in names]


def _number(text: str) -> Any:
    number = whole_number(text)
    return text if number is None else number


def _name_of(item: Object, default: str) -> str:
    return str(item.get("snapName") or item.get("snapshotName") or default)


def _need_name(item: Object) -> str:
    name = _name_of(item, "")
    if not name:
        raise KeyError("name")
    return name


def _pool(item: Object) -> Pool:
    size = int(item["totalCapacity"]) * MIB
    provisioned = item.get("allocatedCapacity")
    return Pool(
        name=text(item, "poolName"),
        size=size,
        free=max(0, size - int(item["usedCapacity"]) * MIB),
        id=str(item["poolId"]),
        provisioned=None if provisioned is None else int(provisioned) * MIB,
    )


def _snapshot_of(item: Object) -> Snapshot:
    """A snapshot. Its volume proves that it is one, where the array reports that."""
    father = next((str(item[key]) for key in FATHER_KEYS if item.get(key)), None)
    return Snapshot(
        name=_need_name(item),
        volume=father,
        size=int(item["snapSize"]) * MIB,
        state=state_of(item.get("status", 0), SNAPSHOT_COPYING_STATUS),
        created=time_of(item.get("createTime")),
        proven=father is not None,
        serial=str(item.get("wwn") or "").lower() or None,
        mappings=NOT_MAPPED,
        children=NOTHING_NEEDS_IT,
    )
