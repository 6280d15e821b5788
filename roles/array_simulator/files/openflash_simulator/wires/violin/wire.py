# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway as a server: the page that tells what it is, sessions, routing, envelopes (section 1 of the sheet)."""

from __future__ import annotations

import hmac
import re
import uuid
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any, ClassVar

from ...array import Array
from ...datapath import NoDataPath
from ...devicetree import DeviceTree
from ...errors import ConfigError
from ...objects import Pool
from ...rules import ArrayError, Rules
from ..base import addresses
from ..http import HttpReply, HttpRequest, HttpWire, json_reply
from . import clients, copies, guesses, luns, physical, snapshots
from .call import Call, parse
from .concerto import Concerto, version_of
from .errors import ConcertoError, TimeMarkBusy, from_array

if TYPE_CHECKING:
    from ...config import ArrayConfig

BASE = "/concerto"
ROOT = b"<html><head><title>Violin Concerto Console</title></head><body>Violin Concerto Console</body></html>\n"
UNKNOWN_PATH = """<html><head><title>IPStor REST API Error Message</title></head>
<body><h1>An error occurred</h1>
<h3>Exception information:</h3>
<p>
  <b>Message:</b> <font color="red">{}</font>
</p></body></html>
"""

Handler = Callable[..., dict[str, Any] | str]


def _status(c: Concerto, call: Call, lun_id: str) -> dict[str, Any] | str:
    """One path, two questions."""
    if call.query.get("type") == "copystatus":
        return copies.lun_status(c, lun_id)
    return snapshots.area(c, call, lun_id)


def _timemark(c: Concerto, call: Call, object_id: str) -> dict[str, Any]:
    """The snapshots of a LUN, the state of their copies, or one snapshot."""
    if call.query.get("type") == "operationstatus":
        return copies.snapshot_status(c, object_id)
    try:
        snapshot = c.snapshot(object_id)
    except ConcertoError:
        return snapshots.listing(c, call, object_id)
    return snapshots.detail(c, snapshot)


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/server/properties/info", physical.info),
    ("GET", "/server/properties/version", physical.version),
    ("GET", "/server/networkconfiguration", physical.network),
    ("GET", "/monitor/status/dedup", physical.dedup),
    ("GET", "/monitor/status/failover", physical.failover),
    ("GET", "/monitor/status/acm", physical.acm),
    ("GET", "/batch/physicalresource/physicaldevice", physical.devices),
    ("GET", "/physicalresource/physicaladapter", physical.adapters),
    ("GET", "/physicalresource/physicaladapter/{}", physical.adapter),
    ("GET", "/physicalresource/storagepool", physical.pools),
    ("GET", "/physicalresource/storagepool/{}", physical.pool),
    ("GET", "/logicalresource/sanresource", luns.listing),
    ("POST", "/logicalresource/sanresource", luns.create),
    ("GET", "/logicalresource/sanresource/{}", luns.detail),
    ("PUT", "/logicalresource/sanresource/{}", luns.change),
    ("DELETE", "/logicalresource/sanresource/{}", luns.delete),
    ("GET", "/logicalresource/snapshotresource/{}", _status),
    ("POST", "/logicalresource/snapshotresource/{}", snapshots.create_area),
    ("PUT", "/logicalresource/snapshotresource/{}", copies.copy_lun),
    ("DELETE", "/logicalresource/snapshotresource/{}", snapshots.delete_area),
    ("GET", "/logicalresource/timemarkpolicy/{}", snapshots.policy),
    ("POST", "/logicalresource/timemarkpolicy/{}", snapshots.create_policy),
    ("DELETE", "/logicalresource/timemarkpolicy/{}", snapshots.delete_policy),
    ("GET", "/logicalresource/timemark/{}", _timemark),
    ("POST", "/logicalresource/timemark/{}", snapshots.create),
    ("PUT", "/logicalresource/timemark/{}", copies.copy_snapshot),
    ("DELETE", "/logicalresource/timemark/{}", snapshots.delete),
    ("POST", "/logicalresource/timeview/{}", snapshots.create_timeview),
    ("DELETE", "/logicalresource/timeview/{}", snapshots.delete_timeview),
    ("GET", "/client/sanclient", clients.listing),
    ("POST", "/client/sanclient", clients.create),
    ("GET", "/client/sanclient/{}", clients.detail),
    ("PUT", "/client/sanclient/{}", clients.change),
    ("DELETE", "/client/sanclient/{}", clients.delete),
    ("GET", "/client/iscsitarget", clients.targets),
    ("POST", "/client/iscsitarget", clients.create_target),
    ("PUT", "/client/iscsitarget/{}", clients.change_target),
    ("DELETE", "/client/iscsitarget/{}", clients.delete_target),
)
_ROUTES = tuple(
    (method, re.compile(re.escape(path).replace(r"\{\}", "([^/]+)") + r"/*\Z"), do) for method, path, do in ROUTES
)


def _model(value: Any) -> int:
    if value not in guesses.HARDWARE and str(value) not in map(str, guesses.HARDWARE):
        raise ConfigError(f"{value!r} is not 7300 or 7700")
    return int(value)


def _tls(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{value!r} is not true or false")
    return value


def _protocol(value: Any) -> tuple[str, ...]:
    found = {"iscsi": ("iscsi",), "fc": ("fc",), "both": ("fc", "iscsi")}.get(value)
    if found is None:
        raise ConfigError(f"{value!r} is not iscsi, fc or both")
    return found


class ViolinWire(HttpWire):
    """One array, as the gateway shows it that clients talk to."""

    vendor = "violin"
    default_version = "7.5.5"
    has_datapath = True
    options: ClassVar = {"model": _model, "tls": _tls, "protocol": _protocol, "portals": addresses}
    limits = (
        "volumes",
        "snapshots_per_volume",
        "mappings",
        "hosts",
        "initiators",
        "name_length",
        "max_lun",
        # MiB that a copy moves in a second
        "copy_speed",
        # Milliseconds after its start in which a copy has no status yet
        "copy_unseen",
    )

    @classmethod
    def check(cls, config: ArrayConfig) -> None:
        try:
            numbers = version_of(config.version)
        except ValueError:
            raise ConfigError(f"version {config.version!r} is not one such as 7.5.5") from None
        if config.datapath and "fc" not in config.options.get("protocol", ("fc",)):
            raise ConfigError("datapath: the device tree is one of Fibre Channel; protocol is not fc or both")
        if "iscsi" in config.options.get("protocol", ()) and numbers < (7, 5, 4):
            raise ConfigError(f"protocol: Concerto {config.version} has no iSCSI; 7.5.4 is the first that has")

    def __init__(self, config: ArrayConfig, *arguments: Any) -> None:
        super().__init__(config, *arguments)
        self.tls = config.options.get("tls", True)
        self._sessions: set[str] = set()
        model = config.options.get("model", 7300)
        sizes = {pool.name: pool.size for pool in config.pools} or {guesses.POOL: guesses.CAPACITY}
        limits = {
            "name_length": guesses.NAME_LENGTH,
            "snapshots_per_volume": guesses.SNAPSHOTS_PER_LUN,
            "max_lun": guesses.MAX_LUN,
            **config.limits,
        }
        speed = limits.pop("copy_speed", guesses.COPY_SPEED)
        unseen = limits.pop("copy_unseen", 0)
        self.tree = DeviceTree(self.run_dir / f"{config.name}.host", "VIOLIN", "CONCERTO") if config.datapath else None
        array = Array(
            config.name,
            [Pool(name, size, number) for number, (name, size) in enumerate(sizes.items(), 1)],
            Rules(shared_names=False, snapshot_names="volume").limited(limits),
            clock=self.clock,
            datapath=self.tree or NoDataPath(),
            on_change=self.changed,
            is_full=self.faults.pool_full,
            copy_fails=self.faults.copy_fails,
        )
        protocols = config.options.get("protocol", ("fc",))
        self.concerto = Concerto(
            config.name, config.version, model, protocols, array, config.address, max(1, speed), unseen / 1000
        )
        self.concerto.portals = config.options.get("portals", guesses.PORTALS)

    async def listen(self) -> None:
        await super().listen()
        if self.tree is not None:
            targets = [one.alias for one in self.concerto.adapters if one.kind == "fc" and one.up]
            self.tree.start(targets, self.concerto.array)

    async def close(self) -> None:
        if self.tree is not None:
            self.tree.stop()
        await super().close()

    # ---- one request -----------------------------------------------------------------------------------------------

    def is_write(self, request: HttpRequest) -> bool:
        return super().is_write(request) and not request.path.startswith(f"{BASE}/auth/")

    def taken_in(self, request: HttpRequest) -> Callable[[], object]:
        session = self._session(request)

        def serve() -> None:
            ended = session is not None and session not in self._sessions
            if session is not None:
                self._sessions.add(session)
            self.answer(request)
            if ended:
                self._sessions.discard(str(session))

        return serve

    def answer(self, request: HttpRequest) -> HttpReply:
        if request.path == "/" and request.method == "GET":
            return HttpReply(200, ROOT, "text/html")
        if not request.path.startswith(f"{BASE}/"):
            return HttpReply(404, b"<html><body><h1>Not Found</h1></body></html>\n", "text/html")
        call = parse(request)
        path = request.path[len(BASE) :]
        if path == "/auth/login" and request.method == "POST":
            return self._login(call)
        session = self._session(request)
        if path == "/auth/logout" and request.method == "POST":
            # Any number of times, with or without a session, whatever the body says.
            self._sessions.discard(session or "")
            return json_reply(200, {"success": True, "msg": "Logged out."})
        if session is None:
            return self._forbidden()
        return self._dispatch(call, path)

    def _dispatch(self, call: Call, path: str) -> HttpReply:
        for method, pattern, do in _ROUTES:
            found = pattern.match(path) if method == call.method else None
            if found is None:
                continue
            try:
                result = do(self.concerto, call, *found.groups())
            except ArrayError as error:
                return _refusal(from_array(error).message)
            except (ConcertoError, snapshots.Disabled, TimeMarkBusy) as error:
                return _refusal(error.message)
            except snapshots.NotCleanJson as error:
                return _text_then_json(error.message)
            if isinstance(result, str):
                return HttpReply(200, result.encode(), "text/html")
            if "snapcopy_status" in result:
                # Section 2.5: the one answer that does not say whether it is one
                return json_reply(200, result)
            return json_reply(200, {"success": True, "msg": None, **result})
        text = UNKNOWN_PATH.format(f"Invalid controller specified ({path})")
        return HttpReply(200, text.encode(), "text/html", message="unknown path")

    def busy(self, request: HttpRequest) -> HttpReply:
        return _refusal(TimeMarkBusy.message)

    def refused(self, request: HttpRequest, code: str) -> HttpReply:
        return _refusal(code)

    def expired(self, request: HttpRequest) -> HttpReply:
        self._sessions.discard(self._session(request) or "")
        return self._forbidden()

    # ---- sessions --------------------------------------------------------------------------------------------------

    def _login(self, call: Call) -> HttpReply:
        given = call.body.get("data")
        given = given if isinstance(given, dict) else {}
        wanted = (self.config.username, self.config.password)
        pairs = zip((str(given.get(key, "")) for key in ("username", "password")), wanted, strict=True)
        if not all(hmac.compare_digest(one.encode(), two.encode()) for one, two in pairs):
            document = {"success": False, "code": "unauthorized", "msg": guesses.LOGIN_REFUSED}
            return json_reply(200, document, message=guesses.LOGIN_REFUSED)
        session = str(uuid.uuid4())
        self._sessions.add(session)
        flags = "; Path=/; HttpOnly" + ("; Secure" if self.tls else "")
        return json_reply(200, {"id": session}, Set_Cookie=f"{guesses.COOKIE}={session}{flags}")

    def _session(self, request: HttpRequest) -> str | None:
        try:
            cookie = SimpleCookie(request.headers.get("Cookie", "")).get(guesses.COOKIE)
        except CookieError:
            return None
        return cookie.value if cookie is not None and cookie.value in self._sessions else None

    @staticmethod
    def _forbidden() -> HttpReply:
        return json_reply(403, {"success": False, "code": "unauthorized", "msg": None}, message="no session")

    # ---- endpoint, state -------------------------------------------------------------------------------------------

    def endpoint(self) -> dict[str, Any]:
        protocols = self.concerto.protocols
        return {
            **super().endpoint(),
            "protocol": protocols[0] if len(protocols) == 1 else "both",
            "model": self.concerto.model,
            "pools": [{"id": one.id, "name": one.name, "size": one.size} for one in self.concerto.array.pools.values()],
            "device_root": str(self.tree.root) if self.tree else None,
        }

    def state(self) -> dict[str, Any]:
        shown = super().state()
        if self.tree is not None:
            for row in shown["volumes"]:
                row["content"] = self.tree.content(self.concerto.array.volumes[row["id"]])
        return shown

    def arrays(self) -> list[Array]:
        return [self.concerto.array]

    def empty(self) -> None:
        self.concerto.array.reset()
        self.concerto.targets.clear()

    def dump(self) -> dict[str, Any]:
        return {"array": self.concerto.array.dump(), "targets": self.concerto.targets}

    def load(self, saved: dict[str, Any]) -> None:
        self.concerto.array.load(saved["array"])
        self.concerto.targets = saved["targets"]


def _refusal(message: str) -> HttpReply:
    return json_reply(guesses.FAILURE_STATUS, {"success": False, "msg": message}, message=message)


def _text_then_json(message: str) -> HttpReply:
    reply = _refusal(message)
    lines = b"Notice: no TimeMark policy\n" + message.encode() + b"\n" + reply.body
    return HttpReply(reply.status, lines, "text/html", message=message)
