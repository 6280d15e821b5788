# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The management service: two ports, versions, sessions, tenants, filters, pages and envelopes (section 1)."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs

from ...array import Array
from ...errors import ConfigError
from ...objects import Pool
from ...rules import ArrayError, Rules
from ...settings import ArrayConfig
from ..base import page_limit
from ..http import HttpReply, HttpRequest, HttpWire, json_reply, open_port
from . import bodies, guesses, routes, views
from .content import ROOT, Tenant
from .edf import Call, Edf, numbers
from .errors import DateraError, from_array, invalid, missing, unauthorized

_VERSIONED = re.compile(r"/v(\d+(?:\.\d+)?)(/.*)?\Z", re.DOTALL)
_VERSION = re.compile(r"\d+(\.\d+){1,3}\Z")
_MATCH = re.compile(r"match\((\w+),(.*)\)\Z")
_TENANT = re.compile(r"(/root)?(/?[A-Za-z0-9_][A-Za-z0-9_.-]*)*\Z")
KNOWN_APIS = ("v2.1", "v2.2")
QUIRKS = ("app_snapshots_apart", "extend_offline", "lists_unserved")


def _apis(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{value!r} is not a list of API versions")
    found = tuple("v" + str(one).lstrip("v") for one in value)
    if set(found) - set(KNOWN_APIS) or len(set(found)) < len(found):
        raise ConfigError(f"{value!r} is not a list of some of {', '.join(KNOWN_APIS)}")
    return found


def _tenants(value: Any) -> tuple[str, ...]:
    """Paths below /root, or bare names; what is nested comes after what holds it."""
    if not isinstance(value, list) or not all(isinstance(one, str) and one and _TENANT.match(one) for one in value):
        raise ConfigError(f"{value!r} is not a list of tenants such as /root/acme")
    paths = [one if one.startswith(ROOT + "/") else f"{ROOT}/{one.strip('/')}" for one in value]
    if len(set(paths)) != len(paths):
        raise ConfigError("has a tenant twice")
    return tuple(sorted(paths))


def _port(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65535:
        raise ConfigError(f"{value!r} is not a whole number from 0 to 65535")
    return int(value)


def _quirks(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or set(value) - set(QUIRKS):
        raise ConfigError(f"{value!r} is not a list of some of {', '.join(QUIRKS)}")
    return tuple(value)


def _slowness(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise ConfigError(f"{value!r} is not a number from 0 on")
    return float(value)


class DateraWire(HttpWire):
    """One array, on a TLS port and on a plain one."""

    vendor = "datera"
    default_version = "3.3.5.0"
    options: ClassVar = {
        "api_versions": _apis,
        "tenants": _tenants,
        "http_port": _port,
        # What some array may do, and no source says which.
        "quirks": _quirks,
        # How much longer than usual the array takes over what it does in the background; 0: no time at all.
        "slowness": _slowness,
        # How many entities a page of a list has at most, whatever limit a client asks for, and without saying so.
        "page_limit": page_limit,
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
            raise ConfigError("pools: the array has one pool of space only")
        if any(pool.name != config.name for pool in config.pools):
            raise ConfigError(f"pools: the array's one pool goes by the array's name, {config.name}")
        asked = config.options.get("api_versions", ())
        if "v2.2" in asked and numbers(config.version) < guesses.SECOND_API:
            raise ConfigError(f"api_versions: product {config.version} serves v2.1 only")
        paths = {ROOT, *config.options.get("tenants", ())}
        for path in paths - {ROOT}:
            if path.rsplit("/", 1)[0] not in paths:
                raise ConfigError(f"tenants: {path} lies in a tenant that is not listed")

    def __init__(self, config: ArrayConfig, *arguments: Any) -> None:
        super().__init__(config, *arguments)
        rules = Rules(
            granularity=1,
            max_size=32768 << 30,
            name_length=256,
            snapshots_per_volume=guesses.SNAPSHOTS_PER_VOLUME,
            delete_mapped="unmap",
        ).limited(config.limits)
        self.portals = self.make_portals(self._route, self._shown)
        self.edf = Edf(
            config.name,
            config.version,
            (config.address, _beside(config.address)),
            Pool(config.name, config.pools[0].size if config.pools else guesses.CAPACITY),
            rules,
            self.clock,
            self.changed,
            self.faults.pool_full,
            "extend_offline" in config.options.get("quirks", ()),
            config.options.get("slowness", 1.0),
            self.portals,
            self.images if self.portals else None,
            "app_snapshots_apart" in config.options.get("quirks", ()),
        )
        self.edf.failed = self.faults.failed
        for path in config.options.get("tenants", ()):
            self.edf.make_tenant(path)
        both = self.edf.numbers >= guesses.SECOND_API
        self.apis: tuple[str, ...] = config.options.get("api_versions") or (KNOWN_APIS if both else KNOWN_APIS[:1])
        self.routes = {version: routes.table(self.edf, version) for version in self.apis}
        self._schemas = {version: routes.describe(found) for version, found in self.routes.items()}
        self._sessions: dict[str, float] = {}
        self._requests = itertools.count(1)

    # ---- the second port -------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        await super().listen()
        wanted = self.config.options.get("http_port", 0)
        try:
            self._plain = await open_port(self._accept, self.config.address, wanted, None, f"array {self.config.name}")
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
            for ai in tenant.instances.values():
                for si in ai.storage_instances:
                    self.edf.access_changed(tenant, ai, si)

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
        except DateraError as error:
            return self._refusal(request, error)

    def _answer(self, request: HttpRequest, started: float) -> HttpReply:
        if request.path.rstrip("/") == "/api_versions":
            if self.edf.numbers < guesses.SECOND_API:
                raise invalid("Unknown API version")
            everything = "lists_unserved" in self.config.options.get("quirks", ())
            return json_reply(200, {"api_versions": list(KNOWN_APIS if everything else self.apis)})
        found = _VERSIONED.match(request.path)
        version = f"v{found[1]}" if found else ""
        if found is None or version not in self.apis:
            raise invalid(f"Unknown API version in {request.path}")
        path = "/" + (found[2] or "").strip("/")
        if path == "/":
            raise DateraError(400, "InvalidRequestError", "No resource is named", guesses.CODES["BareVersion"])
        if path == "/login":
            return self._login(request, version, started)
        key = request.headers.get("Auth-Token", "")
        self._check_session(key)
        if path == "/logout":
            del self._sessions[key]
            return json_reply(200, _envelope(ROOT, path, version, started, {}))
        if path == "/userinfo":
            return json_reply(200, _envelope(ROOT, path, version, started, {"name": self.config.username}))
        if path == "/api" and request.method == "GET":
            return json_reply(200, {**self._schemas[version], "version": version, "request_time": _since(started)})
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
            raise DateraError(405, "InvalidRequestError", f"{request.method} is not allowed on {path}")
        schema, handler = route.operations[operation]
        body = self._body(request)
        if schema is not None:
            bodies.check(body, schema)
        tenant = self._tenant(request)
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
        shown = tenant.path if tenant else "all"
        if isinstance(data, list) and operation == "read":
            data, paging = self._page(call, data)
            return json_reply(200, {**_envelope(shown, path, version, started, data), "metadata": paging})
        return json_reply(200, _envelope(shown, path, version, started, data))

    @staticmethod
    def _body(request: HttpRequest) -> dict[str, Any]:
        """A DELETE has a body too, and a GET may."""
        try:
            body = request.json()
        except ValueError:
            raise invalid("The body is not JSON") from None
        if body is None:
            return {}
        if not isinstance(body, dict):
            raise invalid("The body is not an object")
        return body

    def _tenant(self, request: HttpRequest) -> Tenant | None:
        """No tenant and an empty one are /root; a bare name lies below it (1.8)."""
        given = request.headers.get("tenant", "").strip()
        if given == "all":
            return None
        path = given if given.startswith("/") else f"{ROOT}/{given}" if given and given != "root" else ROOT
        if path not in self.edf.tenants:
            raise missing(f"/tenants{path}")
        return self.edf.tenants[path]

    # ---- sessions --------------------------------------------------------------------------------------------------

    def _login(self, request: HttpRequest, version: str, started: float) -> HttpReply:
        if request.method != "PUT":
            raise DateraError(405, "InvalidRequestError", f"{request.method} is not allowed on /login")
        given: Mapping[str, Any]
        try:
            given = self._body(request)
        except DateraError:
            given = {key: values[0] for key, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        name, password = str(given.get("name", "")), str(given.get("password", ""))
        right = hmac.compare_digest(password.encode(), self.config.password.encode())
        if name != self.config.username or not right:
            raise unauthorized(guesses.BAD_LOGIN)
        key = secrets.token_hex(16)
        self._sessions[key] = self.clock()
        return json_reply(200, {"key": key, "version": version, "request_time": _since(started)})

    def _check_session(self, key: str) -> None:
        now = self.clock()
        used = self._sessions.get(key)
        if used is None or now - used > guesses.SESSION_SECONDS:
            self._sessions.pop(key, None)
            raise unauthorized(guesses.NO_SESSION)
        self._sessions[key] = now

    # ---- lists -----------------------------------------------------------------------------------------------------

    def _page(self, call: Call, rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, int]]:
        """Filtered, sorted and cut; before 3.3 the total is that of the unfiltered list (1.16)."""
        total = len(rows)
        if "filter" in call.query:
            rows = [row for row in rows if _passes(row, call.query["filter"])]
        if self.edf.modern:
            total = len(rows)
        if "sort" in call.query:
            rows = sorted(rows, key=lambda row: str(row.get(call.query["sort"], "")))
        limit = _whole(call, "limit", guesses.PAGE if call.second else max(len(rows), 1))
        if not call.second:
            return rows[:limit], {"total": total}
        offset = _whole(call, "offset", 0)
        page = rows[offset : offset + min(limit, self.config.options.get("page_limit", limit))]
        return page, {"total_count": total, "request_count": len(page), "limit": limit, "offset": offset}

    # ---- refusals --------------------------------------------------------------------------------------------------

    def busy(self, request: HttpRequest) -> HttpReply:
        """503 with a short body: most of the usual fields are missing (1.14)."""
        return json_reply(503, {"message": guesses.BUSY, "http": 503}, message=guesses.BUSY)

    def refused(self, request: HttpRequest, code: str) -> HttpReply:
        status, _dash, name = code.partition("-")
        return self._refusal(request, DateraError(int(status), name or "InvalidRequestError", "refused"))

    def expired(self, request: HttpRequest) -> HttpReply:
        self._sessions.pop(request.headers.get("Auth-Token", ""), None)
        return self._refusal(request, unauthorized(guesses.NO_SESSION))

    def _refusal(self, request: HttpRequest, error: DateraError) -> HttpReply:
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

    def is_write(self, request: HttpRequest) -> bool:
        session = request.path.rstrip("/").endswith(("/login", "/logout"))
        return super().is_write(request) and not session

    # ---- endpoint, state -------------------------------------------------------------------------------------------

    def endpoint(self) -> dict[str, Any]:
        paths = list(self.edf.tenants)
        return {
            **super().endpoint(),
            "protocol": "iscsi",
            "http_port": self.http_port,
            "api_versions": list(self.apis),
            "tenant": paths[1] if len(paths) > 1 else ROOT,
            "tenants": paths,
            "pools": [{"id": 1, "name": self.edf.pool.name, "size": self.edf.pool.size}],
            "datapath": self.portals is not None,
        }

    def arrays(self) -> list[Array]:
        return [tenant.array for tenant in self.edf.tenants.values()]

    def empty(self) -> None:
        self.edf.empty(self.config.options.get("tenants", ()))

    def dump(self) -> dict[str, Any]:
        return {"uuid": self.edf.uuid, "tenants": {path: one.dump() for path, one in self.edf.tenants.items()}}

    def load(self, saved: dict[str, Any]) -> None:
        self.edf.uuid = saved["uuid"]
        for path, content in saved["tenants"].items():
            tenant = self.edf.tenants.get(path) or self.edf.make_tenant(path)
            tenant.load(content)
        # Each of them emptied the pool that they share before it was filled.
        self.edf.pool.used = sum(one.used for tenant in self.edf.tenants.values() for one in tenant.array.volumes)

    def state(self) -> dict[str, Any]:
        """Hosts are groups and, where an initiator is in none, initiators; mappings are entries of access lists."""
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
            for one in tenant.initiators.values():
                if f"/initiators/{one.id}" not in grouped:
                    shown["hosts"].append(_host(tenant, one.id, [one.id]))
            for ai in tenant.instances.values():
                for si, member in ai.members:
                    for path in (*si.initiators, *si.initiator_groups):
                        shown["mappings"].append(
                            {
                                "scope": tenant.path,
                                "volume": ai.title(si, member),
                                "host": hosts.get(path, path.rsplit("/", 1)[1]),
                                "lun": si.volumes.index(member),
                            }
                        )
        return shown

    def session(self, volume: str, initiator: str, is_open: bool) -> bool:
        for tenant in self.edf.tenants.values():
            for ai in tenant.instances.values():
                for si, member in ai.members:
                    if ai.title(si, member) == volume:
                        allowed = ai.admin_state == si.admin_state == "online"
                        if initiator not in self.edf.initiators_of(tenant, si) or not allowed:
                            return False
                        si.active = [one for one in si.active if one != initiator] + [initiator] * is_open
                        return True
        return False

    def _snapshot_titles(self) -> dict[tuple[str, str], str]:
        """A snapshot has no name; should its app instance have a note on its UUID, the last word of that is one."""
        titles = {}
        for tenant in self.edf.tenants.values():
            for ai in tenant.instances.values():
                notes = {key[-36:]: str(value).rpartition(" ")[2] for key, value in ai.metadata.items()}
                for _si, member in ai.members:
                    for one in views.snapshots(tenant, member):
                        uuid = one.attributes["uuid"]
                        titles[tenant.path, one.name] = notes.get(uuid) or uuid
        return titles


def _host(tenant: Tenant, name: str, addresses: list[str]) -> dict[str, Any]:
    initiators = [{"name": one, "address": one, "chap": False} for one in addresses]
    return {"scope": tenant.path, "id": name, "name": name, "initiators": initiators}


def _beside(address: str) -> str:
    """A second address for the same array: each storage instance has two (2.2)."""
    head, dot, last = address.rpartition(".")
    return f"{head}.{int(last) % 254 + 1}" if dot else address


def _since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)


def _envelope(tenant: str, path: str, version: str, started: float, data: Any) -> dict[str, Any]:
    return {"tenant": tenant, "path": path, "version": version, "request_time": _since(started), "data": data}


def _passes(row: dict[str, Any], text: str) -> bool:
    """``match(name,.*db.*)`` or ``name=db1`` (1.17)."""
    if re.search(r"\s", text):
        raise invalid("Filter has whitespace")
    if found := _MATCH.match(text):
        try:
            return re.fullmatch(found[2], str(row.get(found[1], ""))) is not None
        except re.error:
            raise invalid("Filter is not a regular expression") from None
    key, equals, value = text.partition("=")
    if not equals:
        raise invalid(f"Filter {text} is not understood")
    return str(row.get(key, "")) == value


def _whole(call: Call, key: str, default: int) -> int:
    text = call.query.get(key, str(default))
    if not text.isdigit() or (key == "limit" and key in call.query and int(text) > 1000):
        raise invalid(f"{key} {text} is not allowed")
    return int(text)
