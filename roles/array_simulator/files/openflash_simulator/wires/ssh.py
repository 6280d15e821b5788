# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH side of a wire: logins, one command per channel, faults and the journal around a line-to-reply function."""

from __future__ import annotations

import errno
import hmac
import os
import socket
import struct
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import asyncssh

from ..errors import SimulatorError
from ..faults import Verdict
from .base import Wire

PROXY_PAGE = "<html><head><title>Error</title></head><body>The service is unavailable.</body></html>\n"


@dataclass(frozen=True)
class SshReply:
    """The result of one command: its two outputs and its exit status."""

    stdout: str = ""
    stderr: str = ""
    status: int = 0


class SshWire(Wire):
    """A wire with one SSH port. :meth:`answer` runs without interruption, so an array never sees half a command.

    A command comes in an exec request: no shell, no terminal, one command per channel, as many channels as the limits
    ``sessions`` (at one time on one connection) and ``connections`` allow. The fault ``busy`` refuses the exec request.
    """

    limits: ClassVar[tuple[str, ...]] = ("sessions", "connections")
    default_sessions: ClassVar[int] = 10
    default_connections: ClassVar[int] = 50
    authorized_keys: Sequence[str] = ()
    _server: asyncssh.SSHAcceptor | None = None
    port = 0

    # ---- what a vendor adds ----------------------------------------------------------------------------------------

    @abstractmethod
    def answer(self, line: str) -> SshReply:
        """Serve one command."""

    @abstractmethod
    def verb(self, line: str) -> str:
        """The command's name, for the journal and for faults."""

    @abstractmethod
    def is_write(self, line: str) -> bool:
        """Whether a command asks for a change."""

    @abstractmethod
    def expired(self, line: str) -> SshReply:
        """The vendor's way of refusing a login that it no longer knows."""

    def most(self, what: str) -> int:
        """How many ``connections`` at one time, or ``sessions`` on one connection."""
        default = self.default_sessions if what == "sessions" else self.default_connections
        return int(self.config.limits.get(what, default))

    # ---- listening -------------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        self._key = _host_key(self.run_dir / f"{self.config.name}.host_key")
        self.keys = [asyncssh.import_public_key(text) for text in self.authorized_keys]
        self.open_connections: set[asyncssh.SSHServerConnection] = set()
        what = f"array {self.config.name}"
        try:
            self._server = await asyncssh.listen(
                self.config.address,
                self.config.port,
                server_host_keys=[self._key],
                server_factory=lambda: _Login(self),
                line_editor=False,
                encoding="utf-8",
                errors="surrogateescape",
                tcp_keepalive=True,
                backlog=512,
                # Nothing but commands: no forwarding of anything.
                agent_forwarding=False,
                x11_forwarding=False,
                allow_pty=False,
                gss_host=None,
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SimulatorError(
                    f"{what}: port {self.config.port} on {self.config.address} is already in use"
                ) from None
            raise SimulatorError(
                f"{what}: cannot listen on {self.config.address} port {self.config.port}: {error.strerror or error}"
            ) from None
        self.port = self._server.get_port()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            for connection in list(self.open_connections):
                connection.abort()
            await self._server.wait_closed()

    def endpoint(self) -> dict[str, Any]:
        return {
            "vendor": self.vendor,
            "address": self.config.address,
            "port": self.port,
            "username": self.config.username,
            "password": self.config.password,
            "ca_path": None,
            "host_key": " ".join(self._key.export_public_key().decode().split()[:2]),
            "version": self.config.version,
        }

    # ---- one command -----------------------------------------------------------------------------------------------

    def admits(self, line: str, number: int) -> Verdict | None:
        """The fault that the command meets; None if the array does not accept the command (``busy``)."""
        verb, write = self.verb(line), self.is_write(line)
        verdict = self.faults.judge(verb, line, write)
        if verdict.kind != "busy":
            return verdict
        self.journal.request(
            method=verb, path=line, status=None, write=write, connection=number, message="not taken", fault="busy"
        )
        return None

    async def serve(self, process: asyncssh.SSHServerProcess[str], number: int, verdict: Verdict) -> None:
        line = process.command or ""
        verb, write = self.verb(line), self.is_write(line)
        verdict = await self.delayed(verdict, verb, line, write)
        reply = self._reply(line, verdict, write)
        answered = verdict.kind not in ("reset_before", "reset_after", "reset_late", "truncated", "no_status")
        self.journal.request(
            method=verb,
            path=line,
            status=reply.status if answered else None,
            write=write,
            connection=number,
            message=reply.stderr.strip() or None,
            fault=verdict.name,
        )
        if verdict.kind in ("reset_before", "reset_after", "reset_late"):
            _reset(process.get_extra_info("connection"))
            return
        half = verdict.kind == "truncated"
        process.stdout.write(reply.stdout[: len(reply.stdout) // 2] if half else reply.stdout)
        process.stderr.write(reply.stderr[: len(reply.stderr) // 2] if half else reply.stderr)
        if answered:
            process.exit(reply.status)
        else:
            process.close()
        await process.wait_closed()

    def _reply(self, line: str, verdict: Verdict, write: bool) -> SshReply:
        fault = verdict.fault

        def answer() -> SshReply:
            return self.served(verdict, write, lambda: self.answer(line))

        if fault is None:
            return answer()
        if fault.kind == "http_status":
            return SshReply(stderr="The service is unavailable.\n", status=255)
        if fault.kind == "expired":
            return self.expired(line)
        if fault.kind == "reset_before":
            return SshReply()
        if fault.kind == "reset_late":
            self.carry_out_later(verdict, lambda: self.answer(line))
            return SshReply()
        reply = answer()
        return SshReply(PROXY_PAGE, status=0) if fault.kind == "non_json" else reply


class _Login(asyncssh.SSHServer):
    """One connection: who may come in, and how many commands it may run at a time."""

    def __init__(self, wire: SshWire) -> None:
        self.wire = wire
        self.number = wire.next_connection()
        self.sessions = 0
        self.connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        if len(self.wire.open_connections) >= self.wire.most("connections"):
            conn.abort()
            return
        self.connection = conn
        self.wire.open_connections.add(conn)
        plain = conn.get_extra_info("socket")
        if plain is not None:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.connection is not None:
            self.wire.open_connections.discard(self.connection)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        given, known = (f"{name}\0{word}".encode() for name, word in self._pairs(username, password))
        return hmac.compare_digest(given, known)

    def _pairs(self, username: str, password: str) -> tuple[tuple[str, str], tuple[str, str]]:
        return (username, password), (self.wire.config.username, self.wire.config.password)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self.wire.config.username and key in self.wire.keys

    def session_requested(self) -> Any:
        if self.sessions >= self.wire.most("sessions"):
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, "Too many sessions")
        self.sessions += 1
        return _Session(self)


class _Session(asyncssh.SSHServerProcess[str]):
    """One channel; it counts from its opening to its end, whether a command came or not."""

    def __init__(self, login: _Login) -> None:
        super().__init__(self._serve, None, 3, False)
        self._login = login
        self._verdict: Verdict | None = None

    def shell_requested(self) -> bool:
        return False

    def subsystem_requested(self, subsystem: str) -> bool:
        return False

    def exec_requested(self, command: str) -> bool:
        self._verdict = self._login.wire.admits(command, self._login.number)
        return self._verdict is not None

    async def _serve(self, process: asyncssh.SSHServerProcess[str]) -> None:
        assert self._verdict is not None
        await self._login.wire.serve(process, self._login.number, self._verdict)

    def connection_lost(self, exc: Exception | None) -> None:
        self._login.sessions -= 1
        super().connection_lost(exc)


def _host_key(path: Path) -> asyncssh.SSHKey:
    """The array's host key: made once per run folder, so that a restarted array is the same array."""
    if not path.exists():
        key = asyncssh.generate_private_key("ssh-ed25519")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(key.export_private_key())
    return asyncssh.read_private_key(str(path))


def _reset(connection: asyncssh.SSHServerConnection) -> None:
    """End the connection so that the client sees it reset, not closed."""
    plain = connection.get_extra_info("socket")
    if plain is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.abort()
