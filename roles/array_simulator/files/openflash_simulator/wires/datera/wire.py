# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The management service: two ports, versions, sessions, tenants, filters, pages and envelopes (section 1)."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from typing import Any, ClassVar

from ...array import Array
from ...checks import PORT, number
from ...errors import ConfigError
from ...objects import Pool
from ...rules import ArrayError, Rules
from ...settings import ArrayConfig
from ..http import HttpReply, HttpRequest, HttpWire, json_reply, open_port
from . import bodies, entities, ledger, routes, session
from .call import Call
from .content import DateraContent
from .objects import ROOT, InstanceVolume, StorageInstance, Tenant
from .refusals import Refusal, from_array, invalid, missing, unauthorized
from .session import Sessions
from .state import EdfState, numbers

_VERSIONED = re.compile(r"/v(\d+(?:\.\d+)?)(/.*)?\Z", re.DOTALL)
_VERSION = re.compile(r"\d+(\.\d+){1,3}\Z")
_TENANT = re.compile(r"(/root)?(/?[A-Za-z0-9_][A-Za-z0-9_.-]*)*\Z")
KNOWN_APIS = ("v2.1", "v2.2")


def _apis(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{value!r} is not a list of API versions")
    found = tuple("v" + str(version).lstrip("v") for version in value)
    if set(found) - set(KNOWN_APIS) or len(set(found)) < len(found):
        raise ConfigError(f"{value!r} is not a list of different versions of {', '.join(KNOWN_APIS)}")
    return found


def _tenants(value: Any) -> tuple[str, ...]:
    """Tenants as paths below /root or bare names, sorted so that each comes after the tenant above it."""
    if not isinstance(value, list) or not all(
        isinstance(tenant, str) and tenant and _TENANT.match(tenant) for tenant in value
    ):
        raise ConfigError(f"{value!r} is not a list of tenants such as /root/acme")
    paths = [tenant if tenant.startswith(ROOT + "/") else f"{ROOT}/{tenant.strip('/')}" for tenant in value]
    if len(set(paths)) != len(paths):
        raise ConfigError("has a tenant twice")
    return tuple(sorted(paths))


class DateraWire(HttpWire):
    """One array, on an HTTPS port and on an HTTP port."""

    vendor = "datera"
    assumptions = ledger.LEDGER
    default_version = "3.3.5.0"
    options: ClassVar = {
        "api_versions": _apis,
        "tenants": _tenants,
        "http_port": PORT,
        # How much longer than usual the array works in the background; 0: it needs no time.
        "slowness": number(),
    }
    limits = ("volumes", "snapshots_per_volume", "max_size", "name_length")
    has_datapath = True
    _plain: asyncio.Server | None = None
    http_port = 0

    @classmethod
    def check(cls, config: ArrayConfig) -> None:
        if not _VERSION.match(config.version):
            raise ConfigError(f"version {config.version!r} is not numbers and dots, such as {cls.default_version}")
        if len(config.pools) > 1:
            raise ConfigError("pools: the array has one pool only")
        if config.document is None and any(pool.name != config.name for pool in config.pools):
            raise ConfigError(f"pools: the array's one pool has the array's name, {config.name}")
        requested = config.options.get("api_versions", ())
        if "v2.2" in requested and numbers(config.version) < ledger.SECOND_API:
            raise ConfigError(f"api_versions: product {config.version} serves v2.1 only")
        paths = {ROOT, *config.options.get("tenants", ())}
        for path in paths - {ROOT}:
            if path.rsplit("/", 1)[0] not in paths:
                raise ConfigError(f"tenants: {path} is in a tenant that is not listed")

    def __init__(self, config: ArrayConfig, *arguments: Any) -> None:
        super().__init__(config, *arguments)
        rules = Rules(
            granularity=1,
            max_size=32768 << 30,
            name_length=256,
            snapshots_per_volume=ledger.SNAPSHOTS_PER_VOLUME,
            delete_mapped="unmap",
        ).limited(config.limits)
        self.portals = self.make_portals(self._route, self._shown)
        name = (config.document.name if config.document else None) or config.name
        self.edf = EdfState(
            name,
            config.version,
            (config.address, _second_address(config.address)),
            Pool(name, config.pools[0].size if config.pools else ledger.CAPACITY),
            rules,
            self.clock,
            self.changed,
            self.faults.pool_full,
            self.assumed,
            config.options.get("slowness", 1.0),
            self.portals,
            self.images if self.portals else None,
        )
        self._changes = 0
        self.edf.failed = self.faults.failed
        self.edf.operation = self.operation
        for path in config.options.get("tenants", ()):
            self.edf.make_tenant(path)
        has_second_api = self.edf.numbers >= ledger.SECOND_API
        self.apis: tuple[str, ...] = config.options.get("api_versions") or (
            KNOWN_APIS if has_second_api else KNOWN_APIS[:1]
        )
        self.routes = {version: routes.table(self.edf, version) for version in self.apis}
        self._schemas = {version: routes.describe(found) for version, found in self.routes.items()}
        self.sessions = Sessions(config.username, config.password, self.clock)
        self._requests = itertools.count(1)

    # ---- the second port -------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        await super().listen()
        http_port = self.config.options.get("http_port", 0)
        try:
            label = f"array {self.config.name}"
            self._plain = await open_port(self._accept, self.config.address, http_port, None, label)
        except BaseException:
            await self.close()
            raise
        self.http_port = self._plain.sockets[0].getsockname()[1]
        if self.portals is not None:
            try:
                await self.portals.start(self.edf.ips)
            except BaseException:
                await self.close()
                raise
            self._take_up()

    def _take_up(self) -> None:
        """Show again what a state file has brought back."""
        for tenant in self.edf.tenants.values():
            if tenant.images is not None:
                tenant.images.take_up(tenant.array)
            for instance in tenant.instances.values():
                for storage in instance.storage_instances:
                    self.edf.access_changed(tenant, instance, storage)

    def _route(self, _initiator: str, target: str) -> str | None:
        """Each storage instance is a target of its own."""
        return target if self.portals is not None and target in self.portals.tgtd.names() else None

    def _shown(self, target: str) -> list[tuple[str, str]]:
        return [(target, ip) for ip in self.edf.ips]

    async def close(self) -> None:
        if self.portals is not None:
            await self.portals.stop()
        if self._plain is not None:
            self._plain.close()
        await super().close()

    # ---- one request -----------------------------------------------------------------------------------------------

    def answer(self, request: HttpRequest) -> HttpReply:
        started = time.monotonic()
        try:
            return self._answer(request, started)
        except ArrayError as error:
            return self._refusal(request, from_array(error))
        except Refusal as error:
            return self._refusal(request, error)

    def _answer(self, request: HttpRequest, started: float) -> HttpReply:
        if request.path.rstrip("/") == "/api_versions":
            if self.edf.numbers < ledger.SECOND_API:
                raise invalid("Unknown API version")
            served = self.assumed("session.versions_served")
            return json_reply(200, {"api_versions": list(self.apis if served else KNOWN_APIS)})
        found = _VERSIONED.match(request.path)
        version = f"v{found[1]}" if found else ""
        if found is None or version not in self.apis:
            raise invalid(f"Unknown API version in {request.path}")
        path = "/" + (found[2] or "").strip("/")
        if path == "/":
            raise Refusal(400, "InvalidRequestError", "No resource is named", ledger.CODES["BareVersion"])
        if path == "/login":
            if request.method != "PUT":
                raise Refusal(405, "InvalidRequestError", f"{request.method} is not allowed on /login")
            key = self.sessions.login(request)
            return json_reply(200, {"key": key, "version": version, "request_time": session.milliseconds(started)})
        key = request.headers.get("Auth-Token", "")
        self.sessions.check(key)
        if path == "/logout":
            self.sessions.end(key)
            return json_reply(200, session.envelope(ROOT, path, version, started, {}))
        if path == "/userinfo":
            return json_reply(200, session.envelope(ROOT, path, version, started, {"name": self.config.username}))
        if path == "/api" and request.method == "GET":
            return json_reply(
                200, {**self._schemas[version], "version": version, "request_time": session.milliseconds(started)}
            )
        return self._dispatch(request, version, path, started)

    def _dispatch(self, request: HttpRequest, version: str, path: str, started: float) -> HttpReply:
        operation = routes.METHODS.get(request.method)
        for route in self.routes[version]:
            params = route.match(path)
            if params is not None:
                break
        else:
            raise missing(path)
        if operation not in route.operations:
            raise Refusal(405, "InvalidRequestError", f"{request.method} is not allowed on {path}")
        schema, handler = route.operations[operation]
        body = session.body_of(request)
        if schema is not None:
            bodies.check(body, schema)
        tenant = session.tenant_of(self.edf, request)
        call = Call(
            self.edf,
            request.method,
            path,
            version,
            tenant,
            params,
            dict(request.url.query),
            body,
        )
        data = handler(call)
        if operation != "read" and self._ends_session():
            return self.expired(request)
        tenant_name = tenant.path if tenant else "all"
        if isinstance(data, list) and operation == "read":
            data, paging = session.page(call, data)
            return json_reply(200, {**session.envelope(tenant_name, path, version, started, data), "metadata": paging})
        return json_reply(200, session.envelope(tenant_name, path, version, started, data))

    def _ends_session(self) -> bool:
        """Whether a change that was made is answered as if the session had ended."""
        self._changes += 1
        return self.assumed("session.after_expiry") == "change_made" and self._changes % 3 == 1

    def assumptions_changed(self) -> None:
        super().assumptions_changed()
        self._changes = 0

    # ---- refusals --------------------------------------------------------------------------------------------------

    def busy(self, request: HttpRequest) -> HttpReply:
        """503 with a short body, without most of the usual fields (1.14)."""
        return json_reply(503, {"message": ledger.BUSY, "http": 503}, message=ledger.BUSY)

    def refused(self, request: HttpRequest, code: str) -> HttpReply:
        status, _dash, name = code.partition("-")
        return self._refusal(request, Refusal(int(status), name or "InvalidRequestError", "refused"))

    def expired(self, request: HttpRequest) -> HttpReply:
        self.sessions.end(request.headers.get("Auth-Token", ""))
        return self._refusal(request, unauthorized(ledger.NO_SESSION))

    def _refusal(self, request: HttpRequest, error: Refusal) -> HttpReply:
        error = self._as_played(error)
        found = _VERSIONED.match(request.path)
        body: dict[str, Any] = {
            "name": error.name,
            "code": error.code,
            "http": error.status,
            "message": error.message,
            "version": f"v{found[1]}" if found else "",
            "op": routes.METHODS.get(request.method, request.method.lower()),
            "tenant": request.headers.get("tenant") or ROOT,
            "path": (found[2] if found else request.path) or "/",
            "params": {},
            "connInfo": {},
            "client_id": "",
            "client_type": request.headers.get("Datera-Driver", ""),
            "api_req_id": next(self._requests),
            "tenancy_class": "multi",
            "ts": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.clock())),
            "errors": [],
        }
        return json_reply(error.status, body, message=error.message)

    def _as_played(self, error: Refusal) -> Refusal:
        """The refusal with the status, name and text that the array has for it."""
        status, name, message, code = error.status, error.name, error.message, error.code
        if name == "ValidationFailedError":
            status = self.assumed("errors.validation_status")
        demand = message in (ledger.ONLINE, ledger.ONLINE_UNNAMED)
        if status in (400, 409, 422) and code not in ledger.KNOWN_CODES and not demand:
            if self.assumed("errors.codes") == "unknown":
                name, message, code = ledger.UNKNOWN_NAME, ledger.UNKNOWN_TEXT, 1
            if status == 400 and self.assumed("errors.offline_demand") == "always_named":
                message += ledger.ALSO_OFFLINE
        return Refusal(status, name, message, code)

    def is_write(self, request: HttpRequest) -> bool:
        session = request.path.rstrip("/").endswith(("/login", "/logout"))
        return super().is_write(request) and not session

    # ---- endpoint, state -------------------------------------------------------------------------------------------

    def endpoint(self) -> dict[str, Any]:
        return {
            **super().endpoint(),
            "protocol": "iscsi",
            "http_port": self.http_port,
            "api_versions": list(self.apis),
            "tenant": self.endpoint_tenant,
            "tenants": list(self.edf.tenants),
            "pools": [{"id": 1, "name": self.edf.pool.name, "size": self.edf.pool.size}],
            "datapath": self.portals is not None,
        }

    def content(self) -> DateraContent:
        tenant = self.edf.tenants[self.endpoint_tenant]
        return DateraContent(self.edf, tenant, self.apis[-1], self.routes[self.apis[-1]])

    @property
    def endpoint_tenant(self) -> str:
        """The tenant that clients are to use: the first of the configuration, or /root."""
        paths = list(self.edf.tenants)
        return paths[1] if len(paths) > 1 else ROOT

    def arrays(self) -> list[Array]:
        return [tenant.array for tenant in self.edf.tenants.values()]

    def empty(self) -> None:
        self.edf.empty(self.config.options.get("tenants", ()))

    def dump(self) -> dict[str, Any]:
        return {
            "uuid": self.edf.uuid,
            "policies": self.edf.policies,
            "tenants": {path: tenant.dump() for path, tenant in self.edf.tenants.items()},
        }

    def load(self, saved: dict[str, Any]) -> None:
        self.edf.uuid = saved["uuid"]
        self.edf.policies = saved.get("policies") or self.edf.policies
        for path, content in saved["tenants"].items():
            tenant = self.edf.tenants.get(path) or self.edf.make_tenant(path)
            tenant.load(content)
        # Loading each tenant emptied the pool that all share.
        volumes = [volume for tenant in self.edf.tenants.values() for volume in tenant.array.volumes]
        self.edf.pool.used = self.edf.pool.others + sum(volume.used for volume in volumes)

    def state(self) -> dict[str, Any]:
        """Hosts are initiator groups, and initiators that are in no group; mappings are entries of access lists."""
        shown = super().state()
        shown["pools"] = shown["pools"][:1]
        titles = self._snapshot_titles()
        for row in shown["volumes"]:
            tenant = self.edf.tenants[row["scope"]]
            if tenant.images is not None:
                row["content"] = tenant.images.content(tenant.array.volumes[row["id"]])
            row["name"] = titles.get((row["scope"], row["name"]), row["name"])
        for tenant in self.edf.tenants.values():
            grouped = {path for group in tenant.groups.values() for path in group.members}
            hosts = {f"/initiator_groups/{name}": name for name in tenant.groups}
            for name, group in tenant.groups.items():
                shown["hosts"].append(_host(tenant, name, [path.rsplit("/", 1)[1] for path in group.members]))
            for initiator in tenant.initiators.values():
                if f"/initiators/{initiator.id}" not in grouped:
                    shown["hosts"].append(_host(tenant, initiator.id, [initiator.id]))
            for instance in tenant.instances.values():
                for storage, volume in instance.volumes:
                    for path in (*storage.initiators, *storage.initiator_groups):
                        shown["mappings"].append(
                            {
                                "scope": tenant.path,
                                "volume": instance.title(storage, volume),
                                "host": hosts.get(path, path.rsplit("/", 1)[1]),
                                "lun": self._lun(storage, volume),
                            }
                        )
        return shown

    def _lun(self, storage: StorageInstance, volume: InstanceVolume) -> int:
        if self.assumed("luns.further") == "as_named":
            return sorted(storage.volumes, key=lambda one: one.name).index(volume)
        return storage.volumes.index(volume)

    def session(self, volume: str, initiator: str, is_open: bool) -> bool:
        for tenant in self.edf.tenants.values():
            for instance in tenant.instances.values():
                for storage, held in instance.volumes:
                    if instance.title(storage, held) == volume:
                        allowed = instance.admin_state == storage.admin_state == "online"
                        if initiator not in self.edf.initiators_of(tenant, storage) or not allowed:
                            return False
                        others = [active for active in storage.active if active != initiator]
                        storage.active = others + [initiator] * is_open
                        return True
        return False

    def _snapshot_titles(self) -> dict[tuple[str, str], str]:
        """The names of snapshots, which have none here: the last word of the metadata with their UUID, or the UUID."""
        titles = {}
        for tenant in self.edf.tenants.values():
            for instance in tenant.instances.values():
                names = {key[-36:]: str(value).rpartition(" ")[2] for key, value in instance.metadata.items()}
                for _si, volume in instance.volumes:
                    for snapshot in entities.snapshots(tenant, volume):
                        uuid = snapshot.attributes["uuid"]
                        titles[tenant.path, snapshot.name] = names.get(uuid) or uuid
        return titles


def _host(tenant: Tenant, name: str, addresses: list[str]) -> dict[str, Any]:
    initiators = [{"name": address, "address": address, "chap": False} for address in addresses]
    return {"scope": tenant.path, "id": name, "name": name, "initiators": initiators}


def _second_address(address: str) -> str:
    """Another address for the same array: each storage instance has two (2.2)."""
    head, dot, last = address.rpartition(".")
    return f"{head}.{int(last) % 254 + 1}" if dot else address
