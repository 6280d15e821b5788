# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ports of a simulated Dsware: HTTPS, the text socket, and the port that the command-line tools ask."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import secrets
import socket
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from ...array import Array
from ...checks import PORT, number, texts
from ...datapath import NoDataPath
from ...errors import ConfigError, SimulatorError
from ...faults import Verdict
from ...images import Images
from ...objects import Pool
from ...rules import Rules
from ...settings import ArrayConfig
from ..base import parse_version
from ..http import HttpReply, HttpRequest, HttpWire
from . import codes, ledger, policies, programs, rest, text, tools
from .codes import Refusal
from .content import DswareContent
from .rest import Rest
from .state import AGENT, DswareState
from .text import TextSocket
from .tools import Tools

# Section 1.1: nothing marks the end of a request, so it ends when nothing more comes for this long. The sheet proposes
# 20 ms for a network; on loopback a request arrives in one piece.
QUIET = 0.005
LONGEST_REQUEST = 64 * 1024
# The page of another service that answers in the array's place.
OTHER_SERVICE = b"<html><body>It works!</body></html>\n"

_ADDRESSES = texts("an address", "addresses")

# The folder RUN_DIR/bin belongs to the first array of this kind in a run.
_owner_of_bin: dict[Path, str] = {}


def release_of(version: str) -> tuple[int, ...]:
    """The release in a version: (8, 1, 0) from 8.1.0, (6, 30) from V100R006C30."""
    if re.fullmatch(r"\d+(\.\d+)*", version):
        return tuple(int(part) for part in version.split("."))
    found = re.fullmatch(r"V\d+R0*(\d+)C(\d+)", version)
    if not found:
        raise ValueError(version)
    return int(found[1]), int(found[2])


class DswareWire(HttpWire):
    """One array with its managers, its control process for the text socket, and its agents."""

    vendor = "dsware"
    assumptions = ledger.LEDGER
    default_version = "8.1.0"
    has_datapath = True
    options: ClassVar = {
        "socket_port": PORT,
        "rest_port": PORT,
        "agents": _ADDRESSES,
        "sick_agents": _ADDRESSES,
        "copy_seconds": number("seconds"),
    }
    limits = ("volumes", "snapshots_per_volume", "mappings", "hosts", "initiators", "name_length", "max_lun")

    @classmethod
    def check(cls, config: ArrayConfig) -> None:
        parse_version(config, release_of, "8.1.0 or V100R006C30")
        unknown = set(config.options.get("sick_agents", ())) - set(config.options.get("agents", DEFAULT_AGENTS))
        if unknown:
            raise ConfigError(f"sick_agents: {sorted(unknown)[0]!r} is not one of the agents")
        if config.port and config.options.get("rest_port", config.port) != config.port:
            raise ConfigError("port and rest_port name the same port, and have different values")

    def __init__(self, config: ArrayConfig, run_dir: Path, *arguments: Any) -> None:
        super().__init__(replace(config, port=config.options.get("rest_port", config.port)), run_dir, *arguments)
        pools = [Pool(pool.name, pool.size, number) for number, pool in enumerate(config.pools)]
        rules = Rules(
            first_lun=ledger.FIRST_LUN,
            shared_names=False,
            delete_mapped="refuse",
            delete_with_children="reparent",
            volumes=ledger.VOLUMES,
            snapshots_per_volume=ledger.SNAPSHOTS_PER_VOLUME,
        ).limited(config.limits)
        self.volume_images = Images(self.images) if config.datapath else None
        self.array = Array(
            config.name,
            pools or [Pool(ledger.POOL, ledger.CAPACITY, 0)],
            rules,
            clock=self.clock,
            datapath=self.volume_images or NoDataPath(),
            on_change=self.changed,
            is_full=self.faults.pool_full,
        )
        release = release_of(config.version)
        self.system = DswareState(
            self.array,
            self.clock,
            config.options.get("agents", DEFAULT_AGENTS),
            config.options.get("sick_agents", ()),
            run_dir / "dev" / config.name,
            config.options.get("copy_seconds", ledger.COPY_SECONDS),
            self.assumed,
            self.volume_images,
        )
        self.system.operation = self.operation
        # The serial number of the cluster is what stands for the name of the array.
        serial = (config.document.name if config.document else None) or f"dsware-{config.name}"
        self.rest = Rest(self.system, config.username, config.password, release, config.address, serial)
        self.text = TextSocket(self.system)
        self.tools = Tools(self.system, release < ledger.FIRST_WITH_POOLS)
        owner = _owner_of_bin.setdefault(run_dir, config.name)
        self.bin_dir = run_dir / "bin" if owner == config.name else run_dir / f"bin-{config.name}"
        self._secret = secrets.token_hex(16)
        self._servers: list[asyncio.Server] = []
        self.socket_port = 0

    def assumptions_changed(self) -> None:
        super().assumptions_changed()
        self.array.rules = replace(
            self.array.rules,
            name_length=self.config.limits.get("name_length", self.assumed("names.longest")),
            max_lun=self.config.limits.get("max_lun", self.assumed("luns.range")[1]),
            max_size=self.assumed("volumes.largest"),
        )

    # ---- listening -------------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        await super().listen()
        socket_port = self.config.options.get("socket_port", 0)
        try:
            text_server = await asyncio.start_server(self._text_connection, self.config.address, socket_port)
            self._servers.append(text_server)
            tool_server = await asyncio.start_server(self._tool_connection, self.config.address, 0)
        except OSError as error:
            await self.close()
            raise SimulatorError(
                f"array {self.config.name}: cannot listen on {self.config.address} port {socket_port}: {error.strerror}"
            ) from None
        self._servers.append(tool_server)
        self.socket_port = text_server.sockets[0].getsockname()[1]
        tool_port = tool_server.sockets[0].getsockname()[1]
        programs.write(self.bin_dir, self.config.name, self.config.address, tool_port, self._secret)
        for agent in self.system.agents:
            (self.system.device_root_of(agent) / "disk" / "by-id").mkdir(parents=True, exist_ok=True)
        if self.volume_images is not None:
            self.volume_images.take_up(self.array)
        self.system.forget_devices()
        self.system.restore_devices()

    async def close(self) -> None:
        await super().close()
        for server in self._servers:
            server.close()
        self._servers.clear()
        programs.remove(self.bin_dir)
        _owner_of_bin.pop(self.run_dir, None)

    def endpoint(self) -> dict[str, Any]:
        agents = [
            {"address": agent, "device_root": str(self.system.device_root_of(agent))} for agent in self.system.agents
        ]
        return {
            **super().endpoint(),
            "protocol": "iscsi",
            "rest_port": self.port,
            "socket_port": self.socket_port,
            "bin_dir": str(self.bin_dir),
            "device_root": agents[0]["device_root"],
            "agents": agents,
            "pools": [{"id": pool.id, "name": pool.name, "size": pool.size} for pool in self.system.pools()],
        }

    # ---- REST ------------------------------------------------------------------------------------------------------

    def is_write(self, request: HttpRequest) -> bool:
        return rest.is_write(request.method, request.path)

    def answer(self, request: HttpRequest) -> HttpReply:
        self._advance()
        return self.rest.answer(request)

    def busy(self, request: HttpRequest) -> HttpReply:
        return rest.failure(codes.POOL_NOT_READY)

    def refused(self, request: HttpRequest, code: str) -> HttpReply:
        return rest.failure(int(code))

    def expired(self, request: HttpRequest) -> HttpReply:
        self.rest.tokens.clear()
        return rest.failure(codes.NOT_LOGGED_IN)

    def _advance(self) -> None:
        """Carry out what an earlier request began."""
        self.system.remove_deleted()
        self.system.carry_out_restores()

    # ---- the text socket -------------------------------------------------------------------------------------------

    async def _text_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request and one reply, then the end of the connection."""
        number = self.next_connection()
        data = await _read_request(reader)
        try:
            title, fields = text.parse(data)
        except Refusal as refusal:
            title, fields = text.Title("?"), {}
            malformed: bytes | None = text.reply(refusal.code)
        else:
            malformed = None

        def answer() -> bytes:
            return malformed or self.text.answer(title, fields)

        body = {key: values[0] if len(values) == 1 else values for key, values in fields.items()}
        line = " ".join([title, *(f"{key}={value}" for key, value in body.items())])
        # Another code with the same end is not known to clients.
        sick = int(self.assumed("errors.agent_failed") + str(codes.AGENT_SICK)[2:])
        failing = {"busy": codes.POOL_NOT_READY, "expired": sick, "http_status": sick}
        await self._send_reply(
            (number, str(title), line, title.write and bool(data), body),
            answer,
            lambda kind: text.reply(failing[kind]),
            writer,
        )

    # ---- the tools -------------------------------------------------------------------------------------------------

    async def _tool_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The request of a program in ``bin``: the secret, its name and its arguments, in one line of JSON."""
        try:
            secret, tool, argv = json.loads(await asyncio.wait_for(reader.readline(), 10))
            known = hmac.compare_digest(str(secret), self._secret)
        except (ValueError, TimeoutError, asyncio.TimeoutError):
            known = False
        if not known:
            writer.close()
            return

        def printed(output: str) -> bytes:
            return json.dumps(output).encode()

        def failing(kind: str) -> bytes:
            key = "result" if tool == "fsc_cli" else "ret_code"
            return printed(f"{key}={codes.AGENT_SICK if tool == 'fsc_cli' else codes.VBS_FAILED}\n")

        request = (self.next_connection(), tool, " ".join([tool, *argv]), tools.is_write(tool, argv), None)
        await self._send_reply(request, lambda: printed(self.tools.run(tool, argv)), failing, writer)

    async def _send_reply(
        self,
        request: tuple[int, str, str, bool, Any],
        answer: Callable[[], bytes],
        failing: Callable[[str], bytes],
        writer: asyncio.StreamWriter,
    ) -> None:
        """Apply faults, write the journal, and send the reply.

        :param request: number of the connection, method, line, whether it asks for a change, body.
        """
        number, method, line, write, body = request
        verdict = await self.delayed(self.faults.judge(method, line, write), method, line, write)
        data = self._answered(verdict, write, answer, failing)
        self.journal.request(
            method=method,
            path=line,
            status=None if verdict.kind in ("reset_before", "reset_after", "reset_late", "truncated") else 0,
            write=write,
            connection=number,
            body=body,
            message=None if data is None else data.decode().partition("\n")[0],
            fault=verdict.name,
        )
        if verdict.kind in ("reset_before", "reset_after", "reset_late"):
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return
        if data:
            writer.write(data[: len(data) // 2] if verdict.kind == "truncated" else data)
        writer.close()

    def _answered(
        self, verdict: Verdict, write: bool, answer: Callable[[], bytes], failing: Callable[[str], bytes]
    ) -> bytes | None:
        self._advance()
        if verdict.kind == "reset_before":
            return None
        if verdict.kind in ("busy", "expired", "http_status"):
            return failing(verdict.kind)
        if verdict.kind == "reset_late":
            self.carry_out_later(verdict, answer)
            return None
        data = self.served(verdict, write, answer)
        return OTHER_SERVICE if verdict.kind == "non_json" else data

    # ---- state -----------------------------------------------------------------------------------------------------

    def content(self) -> DswareContent:
        return DswareContent(self.system, self.rest)

    def arrays(self) -> list[Array]:
        return [self.array]

    def state(self) -> dict[str, Any]:
        """The state now, without the hosts that stand for agents; volumes attached to an agent are shown."""
        self.system.carry_out_restores()
        shown = super().state()
        agents = {host.name for host in self.array.hosts if host.attributes.get(AGENT)}
        shown["hosts"] = [host for host in shown["hosts"] if host["name"] not in agents]
        shown["groups"] = [group for group in shown["groups"] if group["kind"] != "port"]
        for group in shown["groups"]:
            if group["kind"] == policies.KIND:
                group["limits"] = dict(self.array.groups(policies.KIND)[group["id"]].attributes)
        if self.volume_images is not None:
            for row in shown["volumes"]:
                row["content"] = self.volume_images.content(self.array.volumes[row["id"]])
        return shown

    def empty(self) -> None:
        self.array.reset()
        self.system.forget_devices()

    def dump(self) -> dict[str, Any]:
        return self.array.dump()

    def load(self, saved: dict[str, Any]) -> None:
        self.array.load(saved)


DEFAULT_AGENTS = ("192.0.2.21",)


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    """The data until the peer stops sending, or until a line end after which nothing comes for ``QUIET`` seconds."""
    data = b""
    while len(data) < LONGEST_REQUEST:
        try:
            piece = await asyncio.wait_for(reader.read(65536), QUIET if data.endswith(b"\n") else 10)
        except (TimeoutError, asyncio.TimeoutError):
            break
        except ConnectionError:
            break
        if not piece:
            break
        data += piece
    return data
