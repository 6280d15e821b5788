# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The XMS as a server: credentials, routing, selection of the cluster, envelope (sections 1, 2 and 8 of the sheet)."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import replace
from typing import Any, ClassVar

from ...array import Array
from ...assumptions import default_of
from ...checks import iscsi_fc_or_both, protocol_name, texts
from ...document import Document
from ...errors import ConfigError
from ...objects import Initiator, Pool
from ...rules import ArrayError, Rules
from ...settings import ArrayConfig
from ..base import need_protocol_of_datapath, parse_version, protocol_of
from ..http import HttpReply, HttpRequest, HttpWire, json_reply
from . import call as calls, ledger
from .call import Call
from .catalogue import served
from .content import XtremioContent
from .exports import Exports
from .refusals import BUSY, XmsError, from_array
from .resource import Resource, Scope
from .state import Cluster, Folder, Scheduler, Tag, Version, XmsState

NAMES = default_of(ledger.LEDGER, "xtremio.names.characters")
LINE_LONGEST = default_of(ledger.LEDGER, "xtremio.requests.line_longest")
_CHAP_MODES = ("disabled", "initiator")


def _chap(value: Any) -> dict[str, str]:
    """The modes of both uses of CHAP; ``true`` and ``false`` stand for both."""
    if isinstance(value, bool):
        value = dict.fromkeys(("authentication", "discovery"), "initiator" if value else "disabled")
    if not isinstance(value, dict) or not set(value) <= {"authentication", "discovery"}:
        raise ConfigError("is not true, false, or a mapping with authentication and discovery")
    if any(mode not in _CHAP_MODES for mode in value.values()):
        raise ConfigError(f"mode is not one of {', '.join(_CHAP_MODES)}")
    return {f"chap-{use}-mode": mode for use, mode in value.items()}


class XtremioWire(HttpWire):
    """One XMS with its clusters."""

    vendor = "xtremio"
    assumptions = ledger.LEDGER
    default_version = "4.2.0-33"
    options: ClassVar = {
        "protocol": iscsi_fc_or_both,
        "clusters": texts("a name", "names"),
        "chap": _chap,
    }
    has_datapath = True
    limits = (
        "volumes",
        "snapshots_per_volume",
        "mappings",
        "hosts",
        "initiators",
        "name_length",
        "max_lun",
        "snapshot_set_name",
        "filter_terms",
    )

    @classmethod
    def check(cls, config: ArrayConfig) -> None:
        version = parse_version(config, Version.parse, "4.2.0-33")
        if version.numbers < (3,):
            raise ConfigError(f"version {config.version!r} is older than 3.0")
        clusters = config.options.get("clusters")
        if clusters and len(clusters) > 1 and version.numbers < (4,):
            raise ConfigError(f"clusters: an XMS {config.version} manages one cluster only")
        need_protocol_of_datapath(config, "iscsi", "its bytes go over iSCSI")
        unknown = [pool.name for pool in config.pools if clusters and pool.name not in clusters]
        if unknown:
            raise ConfigError(f"pools: a cluster is its own only pool, and there is no cluster {unknown[0]!r}")

    def __init__(self, config: ArrayConfig, *arguments: Any) -> None:
        super().__init__(config, *arguments)
        version = Version.parse(config.version)
        sizes = {pool.name: pool.size for pool in config.pools}
        names = config.options.get("clusters") or tuple(sizes) or ("xbrick1",)
        protocols = config.options.get("protocol") or ("fc", "iscsi")
        limits_of_xms = {"snapshot_set_name": ledger.SNAPSHOT_SET_NAME_LENGTH, "filter_terms": 149}
        limits = {name: config.limits.get(name, default) for name, default in limits_of_xms.items()}
        rules = Rules(
            first_lun=ledger.FIRST_LUN,
            delete_mapped="unmap",
            delete_with_children="reparent",
            volumes=ledger.VOLUMES,
            snapshots_per_volume=ledger.SNAPSHOTS_PER_VOLUME,
            hosts=ledger.INITIATOR_GROUPS,
            initiators=ledger.INITIATORS,
        ).limited({name: value for name, value in config.limits.items() if name not in limits_of_xms})
        clusters = []
        self.portals = self.make_portals(self._route, self._shown)
        self.exports: list[Exports] = []
        for index, name in enumerate(names, 1):
            exports = Exports(self.images / str(index), self.portals) if self.portals else None
            array = Array(
                name,
                [Pool(name, sizes.get(name, ledger.CAPACITY), index)],
                rules,
                clock=self.clock,
                datapath=exports,
                on_change=self._recorder(name),
                is_full=self.faults.pool_full,
            )
            cluster = Cluster(index, name, array, protocols, version, config.address)
            if exports is not None:
                exports.belong(cluster)
                self.exports.append(exports)
            cluster.chap.update(config.options.get("chap", {}))
            clusters.append(cluster)
        self.xms = XmsState(
            config.name, config.username, version, clusters, self.clock, limits, self.changed, self.assumed
        )
        self.xms.operation = self.operation
        self.xms.sessions = self._sessions
        self._basic = f"{config.username}:{config.password}".encode()
        self._types = {api: served(version, api) for api in ((1, 2) if version.numbers >= (4,) else (1,))}

    def assumptions_changed(self) -> None:
        super().assumptions_changed()
        pattern = self.assumed("names.characters")
        values: dict[str, Any] = {
            "name_length": self.config.limits.get("name_length", self.assumed("names.longest")),
            "max_lun": self.config.limits.get("max_lun", self.assumed("luns.range")[1]),
            # What names are refused is only known where another pattern is played.
            "name_pattern": "" if pattern == NAMES else pattern,
        }
        for array in self.arrays():
            array.rules = replace(array.rules, **values)

    def _sessions(self, cluster: Cluster, initiator: Initiator) -> int:
        return self.exports[cluster.index - 1].sessions(initiator) if self.exports else 0

    # ---- data path -------------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        await super().listen()
        if self.portals is None:
            return
        portals = [portal.values["ip-addr"] for cluster in self.xms.clusters for portal in cluster.portals]
        try:
            await self.portals.start([address.partition("/")[0] for address in portals])
        except BaseException:
            await self.close()
            raise
        for exports, cluster in zip(self.exports, self.xms.clusters, strict=True):
            exports.take_up(cluster.array)
            exports.show_all()

    async def close(self) -> None:
        if self.portals is not None:
            await self.portals.stop()
        await super().close()

    def _route(self, initiator: str, target: str) -> str | None:
        found = (exports.route(initiator, target) for exports in self.exports)
        return next((name for name in found if name is not None), None)

    def _shown(self, target: str) -> list[tuple[str, str]]:
        return [pair for exports in self.exports for pair in exports.shown(target)]

    def state(self) -> dict[str, Any]:
        shown = super().state()
        for exports, cluster in zip(self.exports, self.xms.clusters, strict=bool(self.exports)):
            for row in shown["volumes"]:
                if row["scope"] == cluster.name:
                    row["content"] = exports.content(cluster.array.volumes[row["id"]])
        return shown

    def _recorder(self, cluster: str) -> Any:
        return lambda change, about: self.changed(change, {"scope": cluster, **about})

    # ---- one request -----------------------------------------------------------------------------------------------

    def answer(self, request: HttpRequest) -> HttpReply:
        if not self._authenticated(request):
            return self.expired(request)
        longest = self.assumed("requests.line_longest")
        # Whether longer ones are refused is only known where another length is played.
        if longest != LINE_LONGEST and len(request.url.raw_path_qs) > longest:
            return HttpReply(414, b"<html><body><h1>414 URI Too Long</h1></body></html>\n", "text/html")
        try:
            call = calls.parse(request)
            if call is None or call.api not in self._types:
                # What a real XMS answers outside the API is not known.
                return HttpReply(404, b"<html><body><h1>404 Not Found</h1></body></html>\n", "text/html")
            return self._dispatch(call)
        except ArrayError as error:
            return _refusal(self._shown_error(from_array(error)))
        except XmsError as error:
            return _refusal(self._shown_error(error))

    def _shown_error(self, error: XmsError) -> XmsError:
        is_unknown = self.assumed("errors.codes") == "unknown" and error.message in ledger.BY_ANALOGY
        return XmsError(ledger.UNKNOWN_CODE, error.status) if is_unknown else error

    def busy(self, request: HttpRequest) -> HttpReply:
        return _refusal(XmsError(BUSY))

    def refused(self, request: HttpRequest, code: str) -> HttpReply:
        return _refusal(XmsError(code))

    def expired(self, request: HttpRequest) -> HttpReply:
        reply = _refusal(XmsError(ledger.UNAUTHORIZED, 401))
        return HttpReply(
            401, reply.body, headers={"WWW-Authenticate": 'Basic realm="xms"'}, message=ledger.UNAUTHORIZED
        )

    def _authenticated(self, request: HttpRequest) -> bool:
        scheme, _space, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(given, self._basic)

    def _dispatch(self, call: Call) -> HttpReply:
        types = self._types[call.api]
        if not call.type:
            children = [{"href": f"{call.root}/{name}", "name": name} for name in types]
            return json_reply(200, {"children": children, "links": [{"href": call.root, "rel": "self"}]})
        resource = types.get(call.type)
        if resource is None:
            raise XmsError(ledger.INVALID_TYPE.format(call.type))
        scope = Scope(self.xms, self._select(call) if resource.in_cluster else None)
        if call.method == "GET":
            return self._get(scope, call, resource)
        if call.method == "POST":
            resource.check_body(scope, call)
            links = resource.create(scope, call)
            return json_reply(201, {"links": [self._link(call, *link) for link in links]})
        if call.method in ("PUT", "DELETE"):
            resource.check_body(scope, call)
            row = resource.address(scope, call)
            (resource.update if call.method == "PUT" else resource.delete)(scope, call, row)
            return HttpReply(200)
        raise XmsError(ledger.INVALID_COMMAND.format(call.method.lower(), call.type))

    def _get(self, scope: Scope, call: Call, resource: Resource) -> HttpReply:
        if not call.addressed:
            return json_reply(200, resource.listing(scope, call))
        row = resource.address(scope, call)
        index = getattr(row, "id", None) or row.index
        content = resource.show(scope, call, row, listed=False)
        return json_reply(200, {"content": content, "links": [self._self(call, resource.type, index)]})

    def _select(self, call: Call) -> Cluster:
        """A GET selects by query, a POST or PUT by body, a DELETE by either (section 1)."""
        selector: Any = None
        if call.method in ("GET", "DELETE"):
            selector = call.first("cluster-name")
        if selector is None and call.method != "GET":
            selector = call.body.get("cluster-id")
        if selector is None and call.method != "GET" and call.api == 1:
            selector = call.body.get("sys-id")
        return self.xms.cluster(selector)

    @staticmethod
    def _self(call: Call, type_name: str, index: int) -> dict[str, Any]:
        return {"href": call.href(type_name, index), "rel": "self"}

    def _link(self, call: Call, type_name: str, index: int) -> dict[str, Any]:
        link = self._self(call, type_name, index)
        return link if call.api == 1 else {**link, "index": index}

    # ---- endpoint, state -------------------------------------------------------------------------------------------

    def endpoint(self) -> dict[str, Any]:
        protocols = self.config.options.get("protocol") or ("fc", "iscsi")
        names = [cluster.name for cluster in self.xms.clusters]
        return {
            **super().endpoint(),
            "protocol": protocol_name(protocols),
            "cluster": names[0],
            "clusters": names,
            "datapath": self.portals is not None,
            "pools": [
                {"id": cluster.index, "name": cluster.name, "size": cluster.array.size} for cluster in self.xms.clusters
            ],
        }

    @classmethod
    def options_of(cls, document: Document) -> dict[str, Any]:
        name = document.pools[0].name if document.pools else document.name
        return {"clusters": [name] if name else None, "protocol": protocol_of(document)}

    def content(self) -> XtremioContent:
        return XtremioContent(self.xms, self.xms.clusters[0])

    def arrays(self) -> list[Array]:
        return [cluster.array for cluster in self.xms.clusters]

    def empty(self) -> None:
        for cluster in self.xms.clusters:
            cluster.empty()
            cluster.array.reset()
        if self.portals is not None:
            for target in self.portals.tgtd.names():
                self.portals.withdraw(target)
        self.xms.tags = type(self.xms.tags)()

    def dump(self) -> dict[str, Any]:
        return {
            "clusters": {
                cluster.name: {
                    "array": cluster.array.dump(),
                    "schedulers": cluster.schedulers.dump(),
                    "folders": {kind: table.dump() for kind, table in cluster.folders.items()},
                }
                for cluster in self.xms.clusters
            },
            "tags": self.xms.tags.dump(),
        }

    def load(self, saved: dict[str, Any]) -> None:
        for cluster in self.xms.clusters:
            content = saved["clusters"].get(cluster.name)
            if content is None:
                continue
            cluster.empty()
            cluster.array.load(content["array"])
            cluster.schedulers.restore(content["schedulers"], lambda row: Scheduler(**row))
            for kind, table in content["folders"].items():
                cluster.folders[kind] = type(cluster.folders[kind])()
                cluster.folders[kind].restore(table, lambda row: Folder(**row))
        self.xms.tags.restore(saved["tags"], _tag)


def _tag(row: dict[str, Any]) -> Tag:
    return Tag(**{**row, "members": [tuple(member) for member in row["members"]]})


def _refusal(error: XmsError) -> HttpReply:
    return json_reply(error.status, {"message": error.message, "error_code": error.status}, message=error.message)
