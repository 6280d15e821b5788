# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP(S) side of a wire: connections, faults and the journal around a plain request-to-reply function."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import ssl
import struct
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler
from yarl import URL

from ..errors import SimulatorError
from ..faults import Verdict
from .base import Wire

# Longer than any request line a client sends: a filter over 149 WWNs has several thousand characters.
LINE_LIMIT = 128 * 1024
BODY_LIMIT = 16 * 1024 * 1024
PROXY_PAGE = b"<html><head><title>Error</title></head><body><h1>The service is unavailable.</h1></body></html>\n"


@dataclass(frozen=True)
class HttpRequest:
    """One request as the wire sees it. ``path`` is decoded and has no query; ``base`` is how the client got here."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes
    base: str

    @property
    def path(self) -> str:
        return self.url.path

    def json(self) -> Any:
        """The body whatever its Content-Type says; an empty one is None. Raises ValueError when it is not JSON."""
        return json.loads(self.body) if self.body.strip() else None


@dataclass(frozen=True)
class HttpReply:
    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    # What the journal says about a refusal.
    message: str | None = None


def json_reply(status: int, document: Any, *, message: str | None = None, **headers: str) -> HttpReply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpReply(status, json.dumps(document).encode(), headers=named, message=message)


class HttpWire(Wire):
    """A wire with one HTTP port. :meth:`answer` runs without interruption, so an array never sees half a request."""

    tls = True
    _server: asyncio.Server | None = None
    _web: web.Server | None = None
    port = 0

    # ---- what a vendor adds ----------------------------------------------------------------------------------------

    @abstractmethod
    def answer(self, request: HttpRequest) -> HttpReply:
        """Serve one request."""

    @abstractmethod
    def busy(self, request: HttpRequest) -> HttpReply:
        """The vendor's way of saying: try again."""

    @abstractmethod
    def expired(self, request: HttpRequest) -> HttpReply:
        """The vendor's way of refusing credentials, or a session that it no longer knows."""

    def taken_in(self, request: HttpRequest) -> Callable[[], object]:
        """A request that was let in now, to be served later: by then the session may have ended."""
        return lambda: self.answer(request)

    @abstractmethod
    def refused(self, request: HttpRequest, code: str) -> HttpReply:
        """The vendor's way of refusing a request with this code."""

    def is_write(self, request: HttpRequest) -> bool:
        """Whether a request asks for a change."""
        return request.method not in ("GET", "HEAD", "OPTIONS")

    # ---- listening -------------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        context = self.authority.context(self.config.address, self.config.name) if self.tls else None
        self._web = web.Server(
            self._serve, access_log=None, max_line_size=LINE_LIMIT, max_field_size=LINE_LIMIT, request_factory=_request
        )
        self._numbers: dict[int, int] = {}
        self._server = await open_port(
            self._accept, self.config.address, self.config.port, context, f"array {self.config.name}"
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def _accept(self) -> RequestHandler:
        assert self._web is not None
        handler = self._web()
        # The handler of a connection lives as long as the connection: its identity is the connection's.
        self._numbers[id(handler)] = self.next_connection()
        return handler

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._web is not None:
            await self._web.shutdown(1.0)

    def endpoint(self) -> dict[str, Any]:
        return {
            "vendor": self.vendor,
            "address": self.config.address,
            "port": self.port,
            "username": self.config.username,
            "password": self.config.password,
            "ca_path": str(self.authority.path) if self.tls else None,
            "host_key": None,
            "version": self.config.version,
        }

    # ---- one request -----------------------------------------------------------------------------------------------

    async def _serve(self, raw: web.BaseRequest) -> web.StreamResponse:
        body = await raw.read()
        scheme = "https" if self.tls else "http"
        host = raw.headers.get("Host") or f"{self.config.address}:{self.port}"
        request = HttpRequest(raw.method, raw.rel_url, raw.headers, body, f"{scheme}://{host}")
        line = raw.raw_path
        write = self.is_write(request)
        verdict = await self.delayed(self.faults.judge(request.method, line, write), request.method, line, write)
        reply = self._reply(request, verdict, write)
        unanswered = verdict.kind in ("reset_before", "reset_after", "reset_late", "truncated")
        self.journal.request(
            method=request.method,
            path=line,
            status=None if unanswered else reply.status,
            write=write,
            connection=self._numbers[id(raw.protocol)],
            body=_readable(request),
            message=reply.message,
            fault=verdict.name,
        )
        if verdict.kind in ("reset_before", "reset_after", "reset_late"):
            _reset(raw)
        if verdict.kind == "truncated":
            return await _truncate(raw, reply)
        return web.Response(
            status=reply.status, body=reply.body, content_type=reply.content_type, headers=dict(reply.headers)
        )

    def _reply(self, request: HttpRequest, verdict: Verdict, write: bool) -> HttpReply:
        fault = verdict.fault

        def answer() -> HttpReply:
            return self.served(verdict, write, lambda: self.answer(request))

        if fault is None:
            return answer()
        if fault.kind == "http_status":
            return HttpReply(fault.status, PROXY_PAGE, "text/html", message="injected")
        if fault.kind == "busy":
            return self.busy(request)
        if fault.kind == "expired":
            return self.expired(request)
        if fault.kind == "refused_before":
            return self.refused(request, fault.code)
        if fault.kind == "reset_before":
            return HttpReply()
        if fault.kind == "reset_late":
            self.carry_out_later(verdict, self.taken_in(request))
            return HttpReply()
        reply = answer()
        if fault.kind == "refused_after":
            return self.refused(request, fault.code)
        return HttpReply(reply.status, PROXY_PAGE, "text/html") if fault.kind == "non_json" else reply


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=BODY_LIMIT)


def _readable(request: HttpRequest) -> Any:
    try:
        return request.json()
    except ValueError:
        return "not JSON"


def _reset(raw: web.BaseRequest) -> None:
    """End the connection so that the client sees it reset, not closed."""
    if raw.transport is not None:
        plain = raw.transport.get_extra_info("socket")
        if plain is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.transport.abort()
    raise asyncio.CancelledError


async def _truncate(raw: web.BaseRequest, reply: HttpReply) -> web.StreamResponse:
    """Announce the complete length, send half of the answer, close."""
    response = web.StreamResponse(status=reply.status)
    response.content_type = reply.content_type
    response.content_length = max(len(reply.body), 2)
    await response.prepare(raw)
    await response.write(reply.body[: len(reply.body) // 2])
    if raw.transport is not None:
        raw.transport.close()
    raise asyncio.CancelledError


async def open_port(factory: Any, address: str, port: int, context: ssl.SSLContext | None, what: str) -> asyncio.Server:
    """Listen, or say in one sentence why not. asyncio sets TCP_NODELAY on every connection it accepts."""
    try:
        return await asyncio.get_running_loop().create_server(factory, address, port, ssl=context, backlog=512)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SimulatorError(f"{what}: port {port} on {address} is already in use") from None
        raise SimulatorError(f"{what}: cannot listen on {address} port {port}: {error.strerror or error}") from None
