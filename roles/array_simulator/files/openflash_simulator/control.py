# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control API of a running simulator, for tests and for the role: loopback only, and it never shows a secret.

=========================================== =======================================================================
``GET /``                                   ``program`` (openflash_simulator), the arrays' names and the process
``GET /arrays/NAME/state``                  what the array holds
``GET /arrays/NAME/journal?since=N``        ``{"last": N, "entries": [...]}``: every request and change after entry N
``DELETE /arrays/NAME/journal``             forget the entries (numbers go on)
``GET /arrays/NAME/faults``                 the faults that wait
``POST /arrays/NAME/faults``                add one fault, or a list of them
``PUT /arrays/NAME/faults``                 a list of those that wait from now on, in place of all others
``DELETE /arrays/NAME/faults``              remove all
``POST /arrays/NAME/reset``                 an empty array without faults
``POST /arrays/NAME/begin``                 the array as it is configured: its file, faults and assumptions
``GET /arrays/NAME/assume``                 the value of each assumption that is played
``PUT /arrays/NAME/assume``                 play others from now on: ``worst``, or a mapping of ids to values
``POST /arrays/NAME/session``               ``{"volume", "initiator", "open"}``: as if that host had logged in, or out
``PUT /arrays/NAME/login``                  ``{"initiator", "paths"}``: it is logged in to so many target ports
``PUT /arrays/NAME/operation``              states of parts, alerts and load: see ``operation.Operation.operate``
``POST /arrays/NAME/volumes/VOLUME/write``  ``{"bytes"[, "scope"]}``: as if a host had written to it
=========================================== =======================================================================
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from .errors import ConfigError
from .faults import Fault, parse as parse_fault
from .rules import ArrayError
from .wires.base import Wire

PROGRAM = "openflash_simulator"
"""By this a client tells a simulator from anything else that answers."""


class Control:
    """Serves the API for a set of arrays."""

    def __init__(self, wires: Mapping[str, Wire]) -> None:
        self._wires = wires
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        app = web.Application(middlewares=[_only_local])
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/arrays/{name}/state", self._state),
                web.get("/arrays/{name}/journal", self._journal),
                web.delete("/arrays/{name}/journal", self._forget),
                web.get("/arrays/{name}/faults", self._faults),
                web.post("/arrays/{name}/faults", self._add_faults),
                web.put("/arrays/{name}/faults", self._set_faults),
                web.delete("/arrays/{name}/faults", self._clear_faults),
                web.post("/arrays/{name}/reset", self._reset),
                web.post("/arrays/{name}/begin", self._begin),
                web.post("/arrays/{name}/session", self._session),
                web.put("/arrays/{name}/login", self._login),
                web.put("/arrays/{name}/operation", self._operate),
                web.get("/arrays/{name}/assume", self._assumed),
                web.put("/arrays/{name}/assume", self._assume),
                web.post("/arrays/{name}/volumes/{volume}/write", self._write),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _wire(self, request: web.Request) -> Wire:
        name = request.match_info["name"]
        if name not in self._wires:
            raise _refusal(web.HTTPNotFound, f"there is no array {name}")
        return self._wires[name]

    async def _index(self, request: web.Request) -> web.Response:
        return web.json_response({"program": PROGRAM, "pid": os.getpid(), "arrays": sorted(self._wires)})

    async def _state(self, request: web.Request) -> web.Response:
        return web.json_response(self._wire(request).state())

    async def _journal(self, request: web.Request) -> web.Response:
        journal = self._wire(request).journal
        since = request.query.get("since", "0")
        if not since.isdigit():
            raise _refusal(web.HTTPBadRequest, f"since {since!r} is not a number")
        return web.json_response({"last": journal.last, "entries": journal.since(int(since))})

    async def _forget(self, request: web.Request) -> web.Response:
        self._wire(request).journal.clear()
        return web.json_response({})

    async def _faults(self, request: web.Request) -> web.Response:
        return web.json_response(self._wire(request).faults.describe())

    async def _add_faults(self, request: web.Request) -> web.Response:
        wire, faults = self._wire(request), _parsed(await _document(request))
        for fault in faults:
            wire.faults.add(fault)
        return web.json_response(wire.faults.describe(), status=201)

    async def _set_faults(self, request: web.Request) -> web.Response:
        wire, faults = self._wire(request), _parsed(await _document(request))
        wire.faults.clear()
        for fault in faults:
            wire.faults.add(fault)
        return web.json_response(wire.faults.describe())

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._wire(request).faults.clear()
        return web.json_response([])

    async def _reset(self, request: web.Request) -> web.Response:
        self._wire(request).reset()
        return web.json_response({})

    async def _begin(self, request: web.Request) -> web.Response:
        self._wire(request).begin_again()
        return web.json_response({})

    async def _assumed(self, request: web.Request) -> web.Response:
        return web.json_response(self._wire(request).playing)

    async def _assume(self, request: web.Request) -> web.Response:
        wire, raw = self._wire(request), await _document(request)
        try:
            wire.assume(raw)
        except ConfigError as error:
            raise _refusal(web.HTTPBadRequest, str(error)) from None
        return web.json_response(wire.playing)

    async def _session(self, request: web.Request) -> web.Response:
        wire, raw = self._wire(request), await _document(request)
        if not isinstance(raw, dict) or not isinstance(raw.get("open"), bool):
            raise _refusal(web.HTTPBadRequest, "session needs volume, initiator and open")
        if not wire.session(str(raw.get("volume")), str(raw.get("initiator")), raw["open"]):
            raise _refusal(web.HTTPNotFound, f"{raw.get('initiator')!r} cannot log in to {raw.get('volume')!r}")
        return web.json_response({})

    async def _login(self, request: web.Request) -> web.Response:
        wire, raw = self._wire(request), await _document(request)
        try:
            wire.operation.log_in(raw)
        except ConfigError as error:
            raise _refusal(web.HTTPBadRequest, str(error)) from None
        return web.json_response({})

    async def _operate(self, request: web.Request) -> web.Response:
        wire, raw = self._wire(request), await _document(request)
        try:
            wire.operation.operate(raw)
        except (ConfigError, TypeError, AttributeError, ValueError) as error:
            raise _refusal(web.HTTPBadRequest, str(error)) from None
        return web.json_response({})

    async def _write(self, request: web.Request) -> web.Response:
        wire, raw = self._wire(request), await _document(request)
        if not isinstance(raw, dict) or not isinstance(raw.get("bytes"), int) or raw["bytes"] < 0:
            raise _refusal(web.HTTPBadRequest, "write needs bytes")
        name = request.match_info["volume"]
        for array in wire.arrays():
            volume = array.find_volume(name) if raw.get("scope") in (None, array.name) else None
            if volume is not None:
                try:
                    array.write(volume, raw["bytes"])
                except ArrayError as error:
                    raise _refusal(web.HTTPBadRequest, str(error)) from None
                return web.json_response({})
        raise _refusal(web.HTTPNotFound, f"there is no volume {name!r}")


def _parsed(raw: object) -> list[Fault]:
    try:
        return [parse_fault(item) for item in (raw if isinstance(raw, list) else [raw])]
    except ConfigError as error:
        raise _refusal(web.HTTPBadRequest, str(error)) from None


async def _document(request: web.Request) -> Any:
    try:
        return await request.json()
    except ValueError:
        raise _refusal(web.HTTPBadRequest, "the body is not JSON") from None


def _refusal(kind: type[web.HTTPError], text: str) -> web.HTTPError:
    return kind(text=f'{{"error": {web.json_response(text).text}}}', content_type="application/json")


@web.middleware
async def _only_local(request: web.Request, handler: Any) -> web.StreamResponse:
    # A page in a browser on this machine may send requests here, but not under this name and without an Origin.
    if request.headers.get("Origin") or not request.host.startswith(("127.0.0.1", "localhost")):
        raise _refusal(web.HTTPForbidden, "the control API is for this machine's own programs")
    response: web.StreamResponse = await handler(request)
    return response
