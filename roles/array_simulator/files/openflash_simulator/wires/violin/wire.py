# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway as a server: the table of operations, the page at the root and the envelope (sections 1 and 2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from ...array import Array
from ...assumptions import default_of
from ...checks import choice, flag, ip_addresses, iscsi_fc_or_both, protocol_name
from ...datapath import NoDataPath
from ...devicetree import DeviceTree
from ...document import Document
from ...errors import ConfigError
from ...objects import Pool
from ...rules import ArrayError, Rules
from ...settings import ArrayConfig
from ..base import need_protocol_of_datapath, parse_version, protocol_of
from ..http import HttpReply, HttpRequest, HttpWire, json_reply
from . import copies, hosts, keys, ledger, pools, ports, server, snapshots, volumes
from .call import Call, parse
from .content import ViolinContent
from .refusals import ConcertoError, TimeMarkBusy, from_array
from .session import Sessions, forbidden
from .state import ConcertoState, version_of

BASE = "/concerto"
ROOT = b"<html><head><title>Violin Concerto Console</title></head><body>Violin Concerto Console</body></html>\n"
UNKNOWN_PATH = """<html><head><title>IPStor REST API Error Message</title></head>
<body><h1>An error occurred</h1>
<h3>Exception information:</h3>
<p>
  <b>Message:</b> <font color="red">{}</font>
</p></body></html>
"""

# Longer than an IQN, of which the neutral array checks the length too.
_INITIATOR_NAME = 255

Handler = Callable[..., dict[str, Any] | str]


def _area_or_copy_status(state: ConcertoState, call: Call, lun_id: str) -> dict[str, Any] | str:
    """The snapshot resource of a LUN, or the status of the last copy from the LUN."""
    if call.query.get("type") == "copystatus":
        return copies.lun_status(state, lun_id)
    return snapshots.area(state, call, lun_id)


def _snapshots_or_copy_status(state: ConcertoState, call: Call, object_id: str) -> dict[str, Any]:
    """The snapshots of a LUN, the status of the last copy from one of them, or one snapshot."""
    if call.query.get("type") == "operationstatus":
        return copies.snapshot_status(state, object_id)
    try:
        snapshot = state.snapshot(object_id)
    except ConcertoError:
        return snapshots.listing(state, call, object_id)
    return snapshots.detail(state, snapshot)


# The operations in the order of the sheet: session and version (1), then section 2.
OPERATIONS: tuple[tuple[str, str, Handler], ...] = (
    # 1.5 version
    ("GET", "/server/properties/version", server.version),
    ("GET", "/server/properties/info", server.info),
    # 2.1 LUNs
    ("GET", "/logicalresource/sanresource", volumes.listing),
    ("GET", "/logicalresource/sanresource/{}", volumes.detail),
    ("POST", "/logicalresource/sanresource", volumes.create),
    ("PUT", "/logicalresource/sanresource/{}", volumes.change),
    ("DELETE", "/logicalresource/sanresource/{}", volumes.delete),
    # 2.2 snapshot resource, and 2.5 copies of LUNs
    ("GET", "/logicalresource/snapshotresource/{}", _area_or_copy_status),
    ("POST", "/logicalresource/snapshotresource/{}", snapshots.create_area),
    ("PUT", "/logicalresource/snapshotresource/{}", copies.copy_lun),
    ("DELETE", "/logicalresource/snapshotresource/{}", snapshots.delete_area),
    # 2.3 snapshot policy
    ("GET", "/logicalresource/timemarkpolicy/{}", snapshots.policy),
    ("POST", "/logicalresource/timemarkpolicy/{}", snapshots.create_policy),
    ("DELETE", "/logicalresource/timemarkpolicy/{}", snapshots.delete_policy),
    # 2.4 snapshots
    ("GET", "/logicalresource/timemark/{}", _snapshots_or_copy_status),
    ("POST", "/logicalresource/timemark/{}", snapshots.create),
    ("PUT", "/logicalresource/timemark/{}", copies.copy_snapshot),
    ("DELETE", "/logicalresource/timemark/{}", snapshots.delete),
    # 2.5 thin clones
    ("POST", "/logicalresource/timeview/{}", snapshots.create_timeview),
    ("DELETE", "/logicalresource/timeview/{}", snapshots.delete_timeview),
    # 2.7 hosts
    ("GET", "/client/sanclient", hosts.listing),
    ("GET", "/client/sanclient/{}", hosts.detail),
    ("POST", "/client/sanclient", hosts.create),
    ("PUT", "/client/sanclient/{}", hosts.change),
    ("DELETE", "/client/sanclient/{}", hosts.delete),
    ("GET", "/client/iscsitarget", hosts.targets),
    ("POST", "/client/iscsitarget", hosts.create_target),
    ("PUT", "/client/iscsitarget/{}", hosts.change_target),
    ("DELETE", "/client/iscsitarget/{}", hosts.delete_target),
    # 2.8 ports, pools, capacity
    ("GET", "/physicalresource/physicaladapter", ports.adapters),
    ("GET", "/physicalresource/physicaladapter/{}", ports.adapter),
    ("GET", "/physicalresource/storagepool", pools.pools),
    ("GET", "/physicalresource/storagepool/{}", pools.pool),
    ("GET", "/monitor/status/dedup", server.dedup),
    ("GET", "/batch/physicalresource/physicaldevice", pools.devices),
    ("GET", "/server/networkconfiguration", ports.network),
    ("GET", "/monitor/status/failover", ports.failover),
    ("GET", "/monitor/status/acm", server.acm),
)
_PATTERNS = tuple(
    (method, re.compile(re.escape(path).replace(r"\{\}", "([^/]+)") + r"/*\Z"), handler)
    for method, path, handler in OPERATIONS
)


def _model(value: Any) -> int:
    """A model, which may also be quoted."""
    return choice(*ledger.HARDWARE)(int(value) if isinstance(value, str) and value.isdecimal() else value)


class ViolinWire(HttpWire):
    """One array, as the gateway that clients talk to reports it."""

    vendor = "violin"
    assumptions = ledger.LEDGER
    default_version = "7.5.5"
    has_datapath = True
    options: ClassVar = {"model": _model, "tls": flag, "protocol": iscsi_fc_or_both, "portals": ip_addresses}
    limits = (
        "volumes",
        "snapshots_per_volume",
        "mappings",
        "hosts",
        "initiators",
        "name_length",
        "max_lun",
        # MiB per second of a copy
        "copy_speed",
        # For how many milliseconds after its start a copy has no status
        "copy_unseen",
    )

    @classmethod
    def check(cls, config: ArrayConfig) -> None:
        numbers = parse_version(config, version_of, "7.5.5")
        need_protocol_of_datapath(config, "fc", "the device tree has Fibre Channel devices only")
        if "iscsi" in config.options.get("protocol", ()) and numbers < (7, 5, 4):
            raise ConfigError(f"protocol: Concerto {config.version} has no iSCSI; 7.5.4 is the first that has it")

    def __init__(self, config: ArrayConfig, *arguments: Any) -> None:
        super().__init__(config, *arguments)
        self._changes = 0
        self.tls = config.options.get("tls", True)
        self._sessions = Sessions(config.username, config.password, secure=self.tls)
        model = config.options.get("model", 7300)
        sizes = {pool.name: pool.size for pool in config.pools} or {ledger.POOL: ledger.CAPACITY}
        limits = {
            "snapshots_per_volume": ledger.SNAPSHOTS_PER_LUN,
            **config.limits,
        }
        speed = limits.pop("copy_speed", ledger.COPY_SPEED)
        unseen_milliseconds = limits.pop("copy_unseen", 0)
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
        self.concerto_state = ConcertoState(
            config.name,
            config.version,
            model,
            protocols,
            array,
            config.address,
            copy_speed=max(1, speed),
            assumed=self.assumed,
            copy_unseen=unseen_milliseconds / 1000,
            portals=config.options.get("portals", ledger.PORTALS),
            operation=self.operation,
            hostname=(config.document.name if config.document else None) or "",
        )

    def assumptions_changed(self) -> None:
        super().assumptions_changed()
        self._changes = 0
        array, largest = self.concerto_state.array, self.assumed("volumes.largest")
        array.rules = replace(
            array.rules,
            name_length=self.config.limits.get("name_length", _INITIATOR_NAME),
            max_lun=self.config.limits.get("max_lun", self.assumed("luns.range")[1]),
            first_lun=self.assumed("luns.range")[0],
            # What sizes are refused is only known where another limit is played.
            max_size=Rules.max_size if largest == default_of(ledger.LEDGER, "violin.volumes.largest") else largest,
        )

    async def listen(self) -> None:
        await super().listen()
        if self.tree is not None:
            targets = [adapter.alias for adapter in self.concerto_state.adapters if adapter.kind == "fc" and adapter.up]
            self.tree.start(targets, self.concerto_state.array)

    async def close(self) -> None:
        if self.tree is not None:
            self.tree.stop()
        await super().close()

    # ---- one request -----------------------------------------------------------------------------------------------

    def is_write(self, request: HttpRequest) -> bool:
        return super().is_write(request) and not request.path.startswith(f"{BASE}/auth/")

    def taken_in(self, request: HttpRequest) -> Callable[[], object]:
        session = self._sessions.of(request)

        def serve() -> None:
            ended = session is not None and not self._sessions.is_open(session)
            if session is not None:
                self._sessions.reopen(session)
            self.answer(request)
            if ended:
                self._sessions.end(session)

        return serve

    def answer(self, request: HttpRequest) -> HttpReply:
        if request.path == "/" and request.method == "GET":
            return HttpReply(200, ROOT, "text/html")
        if not request.path.startswith(f"{BASE}/"):
            return HttpReply(404, b"<html><body><h1>Not Found</h1></body></html>\n", "text/html")
        call = parse(request)
        path = request.path[len(BASE) :]
        if path == "/auth/login" and request.method == "POST":
            return self._sessions.log_in(call)
        if path == "/auth/logout" and request.method == "POST":
            return self._sessions.log_out(request, call, self.assumed("session.logout_body") == "credentials")
        if self._sessions.of(request) is None:
            return forbidden()
        failover = self.assumed("session.after_failover")
        if failover == "nothing_done" or not self.is_write(request):
            return self._dispatch(call, path)
        self._changes += 1
        if self._changes % 3 != 1:
            return self._dispatch(call, path)
        if failover == "change_made":
            self._dispatch(call, path)
        self._sessions.end_all()
        return forbidden()

    def _dispatch(self, call: Call, path: str) -> HttpReply:
        for method, pattern, handler in _PATTERNS:
            found = pattern.match(path) if method == call.method else None
            if found is None:
                continue
            try:
                if self.assumed("requests.unknown_keys") == "refused":
                    keys.check(call, f"{handler.__module__.rpartition('.')[2]}.{handler.__name__}")
                result = handler(self.concerto_state, call, *found.groups())
            except ArrayError as error:
                return self._refused(from_array(error))
            except ConcertoError as error:
                return self._refused(error)
            except (snapshots.Disabled, TimeMarkBusy) as error:
                return self._refusal(error.message)
            except snapshots.NotCleanJson as error:
                return _text_then_json(error.message, self._refusal(error.message))
            if isinstance(result, str):
                return HttpReply(200, result.encode(), "text/html")
            if "snapcopy_status" in result:
                # Section 2.5: the only answer without "success"
                return json_reply(200, result)
            if call.method == "POST" and self.assumed("objects.id_of_new") == "missing":
                result.pop("object_id", None)
            return json_reply(200, {"success": True, "msg": None, **result})
        text = UNKNOWN_PATH.format(f"Invalid controller specified ({path})")
        return HttpReply(200, text.encode(), "text/html", message="unknown path")

    def _refused(self, error: ConcertoError) -> HttpReply:
        is_unknown = error.refusal in ledger.WITHOUT_SOURCE and self.assumed("errors.codes") == "unknown"
        return self._refusal(ConcertoError(ledger.UNKNOWN_CODE).message if is_unknown else error.message)

    def _refusal(self, message: str) -> HttpReply:
        return json_reply(self.assumed("errors.status"), {"success": False, "msg": message}, message=message)

    def busy(self, request: HttpRequest) -> HttpReply:
        return self._refusal(TimeMarkBusy.message)

    def refused(self, request: HttpRequest, code: str) -> HttpReply:
        return self._refusal(code)

    def expired(self, request: HttpRequest) -> HttpReply:
        self._sessions.end(self._sessions.of(request))
        return forbidden()

    # ---- endpoint, state -------------------------------------------------------------------------------------------

    def endpoint(self) -> dict[str, Any]:
        protocols = self.concerto_state.protocols
        return {
            **super().endpoint(),
            "protocol": protocol_name(protocols),
            "model": self.concerto_state.model,
            "pools": [
                {"id": pool.id, "name": pool.name, "size": pool.size}
                for pool in self.concerto_state.array.pools.values()
            ],
            "device_root": str(self.tree.root) if self.tree else None,
        }

    def state(self) -> dict[str, Any]:
        shown = super().state()
        if self.tree is not None:
            for row in shown["volumes"]:
                row["content"] = self.tree.content(self.concerto_state.array.volumes[row["id"]])
        return shown

    @classmethod
    def options_of(cls, document: Document) -> dict[str, Any]:
        return {"model": document.model, "protocol": protocol_of(document)}

    def content(self) -> ViolinContent:
        return ViolinContent(self.concerto_state)

    def arrays(self) -> list[Array]:
        return [self.concerto_state.array]

    def empty(self) -> None:
        self.concerto_state.array.reset()
        self.concerto_state.targets.clear()

    def dump(self) -> dict[str, Any]:
        return {"array": self.concerto_state.array.dump(), "targets": self.concerto_state.targets}

    def load(self, saved: dict[str, Any]) -> None:
        self.concerto_state.array.load(saved["array"])
        self.concerto_state.targets = saved["targets"]


def _text_then_json(message: str, reply: HttpReply) -> HttpReply:
    lines = b"Notice: no TimeMark policy\n" + message.encode() + b"\n" + reply.body
    return HttpReply(reply.status, lines, "text/html", message=message)
