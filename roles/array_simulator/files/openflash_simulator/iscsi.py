# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The iSCSI portals of a simulated array: proxies of ``tgtd`` that make its targets look like the array's.

``tgtd`` moves the bytes, checks who may log in and asks for CHAP secrets. What it cannot do is done here, on the way
through: LUN 0 is a disk (tgtd keeps that number for itself, so every LUN is one more there), one target shows each
initiator LUNs of its own (each initiator has a target of its own there), every target has its own CHAP users, and a
disk has the identity that the array gives it (tgtd makes one of its own numbers, which are the same for every array).
References are to RFC 7143.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from .errors import SimulatorError
from .inquiry import asks_for_identity
from .tgt import Target, Tgtd

PORT = 3260
_HEADER = 48
_LOGIN, _SCSI, _TASK, _DATA_OUT = 0x03, 0x01, 0x02, 0x05
_LOGIN_ANSWER, _ANSWER, _DATA_IN, _R2T, _TEXT_ANSWER = 0x23, 0x21, 0x25, 0x31, 0x24
_HAS_STATUS, _UNDERFLOW, _OVERFLOW = 0x01, 0x02, 0x04
_REPORT_LUNS = 0xA0
_NOBODY = "iqn.1970-01.nobody:none"

Route = Callable[[str, str], str | None]
"""From the initiator's name and the array's target to the name of the target at tgtd; None when it has none."""
Shown = Callable[[str], Iterable[tuple[str, str]]]
"""From a target at tgtd to the array's targets that stand for it, each with an address."""


@dataclass(eq=False)
class _Session:
    """One connection of an initiator."""

    writer: asyncio.StreamWriter
    initiator: str = ""
    target: str = ""
    discovery: bool = False
    answers: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    """By task, where tgtd does not know the answer: the requested length, and the answer."""


class Portals:
    """Every portal of an array."""

    def __init__(self, what: str, folder: Path, route: Route, shown: Shown) -> None:
        self.tgtd = Tgtd(folder)
        self._what = what
        self._route = route
        self._shown = shown
        self._servers: list[asyncio.Server] = []
        self._sessions: set[_Session] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, addresses: Sequence[str]) -> None:
        for address in addresses:
            try:
                self._servers.append(await asyncio.start_server(self._accept, address, PORT))
            except OSError as error:
                await self.stop()
                if error.errno == errno.EADDRINUSE:
                    why = f"port {PORT} on {address} is already in use; give the array another address"
                else:
                    why = f"cannot listen on {address} port {PORT}: {error.strerror or error}"
                raise SimulatorError(f"{self._what}: {why}") from None
        try:
            self.tgtd.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.tgtd.stop()

    # ---- what the array requests -----------------------------------------------------------------------------------

    def serve(self, name: str, target: Target) -> None:
        """Make the target what it shall be, and end the sessions that may not be any more."""
        self.tgtd.serve(name, target)
        for session in list(self._sessions):
            if session.target == name and not (target.online and target.lets_in(session.initiator)):
                session.writer.transport.abort()

    def withdraw(self, name: str) -> None:
        self.serve(name, Target({}, frozenset()))
        self.tgtd.withdraw(name)

    def sessions(self, name: str) -> list[str]:
        """The initiators that are logged in to it."""
        return list(dict.fromkeys(one.initiator for one in self._sessions if one.target == name and not one.discovery))

    def count(self, name: str) -> int:
        """How many sessions it has."""
        return sum(one.target == name and not one.discovery for one in self._sessions)

    # ---- one connection --------------------------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        session = _Session(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError, ValueError):
                await self._carry(session, reader)
        finally:
            self._sessions.discard(session)
            self._tasks.discard(task)
            writer.transport.abort()

    async def _carry(self, session: _Session, reader: asyncio.StreamReader) -> None:
        first = await _read(reader)
        if first.opcode != _LOGIN:
            return
        self._log_in(session, first)
        inner_reader, inner = await asyncio.open_connection("127.0.0.1", self.tgtd.port)
        self._sessions.add(session)
        try:
            inner.write(first.packed())
            ways = (reader, inner, self._inward), (inner_reader, session.writer, self._outward)
            directions = [
                asyncio.ensure_future(self._pump(source, sink, partial(change, session)))
                for source, sink, change in ways
            ]
            try:
                await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in directions:
                    one.cancel()
                await asyncio.gather(*directions, return_exceptions=True)
        finally:
            inner.transport.abort()

    @staticmethod
    async def _pump(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Callable[[_Unit], None]
    ) -> None:
        while True:
            unit = await _read(reader)
            change(unit)
            writer.write(unit.packed())
            await writer.drain()

    def _log_in(self, session: _Session, unit: _Unit) -> None:
        """The first request says who logs in and where to (section 6.3)."""
        keys = unit.keys()
        session.initiator = keys.get("InitiatorName", "").lower()
        session.discovery = keys.get("SessionType") == "Discovery"
        if session.discovery:
            return
        session.target = self._route(session.initiator, keys.get("TargetName", "")) or _NOBODY
        unit.set_keys(
            {**keys, **_without_digests(keys), "InitiatorName": session.initiator, "TargetName": session.target}
        )

    def _inward(self, session: _Session, unit: _Unit) -> None:
        if unit.opcode == _LOGIN:
            keys = unit.keys()
            if "CHAP_N" in keys:
                keys["CHAP_N"] = self.tgtd.account(session.target, keys["CHAP_N"])
            unit.set_keys({**keys, **_without_digests(keys)})
        elif unit.opcode in (_SCSI, _TASK, _DATA_OUT):
            lun = _lun(unit.header)
            target = self.tgtd.target(session.target)
            answer = _answer(unit, lun, target) if unit.opcode == _SCSI else None
            if answer is not None:
                session.answers[unit.tag] = int.from_bytes(unit.header[20:24], "big"), answer
            if lun or (target is not None and 1 in target.disks):
                unit.header[8:16] = _lun_field(lun + 1)
            # Else the command goes to LUN 0, which has no disk: tgtd's controller answers it.

    def _outward(self, session: _Session, unit: _Unit) -> None:
        if unit.opcode == _LOGIN_ANSWER:
            keys = unit.keys()
            if "CHAP_N" in keys:
                # The target's own name, where it proves itself in turn
                unit.set_keys({**keys, "CHAP_N": self.tgtd.user(session.target, keys["CHAP_N"])})
        elif unit.opcode == _R2T:
            unit.header[8:16] = _lun_field(max(_lun(unit.header) - 1, 0))
        elif unit.opcode in (_DATA_IN, _ANSWER) and unit.tag in session.answers:
            requested, answer = session.answers[unit.tag]
            if unit.opcode == _DATA_IN:
                unit.data = answer
            if unit.opcode == _ANSWER or unit.header[1] & _HAS_STATUS:
                unit.set_underflow(requested - len(answer))
                del session.answers[unit.tag]
        elif unit.opcode == _TEXT_ANSWER and session.discovery:
            self._rename(unit)

    def _rename(self, unit: _Unit) -> None:
        """What SendTargets found there, under the names and addresses that the array has for it."""
        lines = []
        for line in unit.data.split(b"\0"):
            key, _equals, value = line.decode("utf-8", "replace").partition("=")
            if key == "TargetName":
                names: dict[str, list[str]] = {}
                for name, address in self._shown(value):
                    names.setdefault(name, []).append(address)
                for name, addresses in names.items():
                    lines.append(f"TargetName={name}")
                    lines += [f"TargetAddress={address}:{PORT},1" for address in addresses]
        unit.data = b"".join(line.encode() + b"\0" for line in dict.fromkeys(lines))


def _answer(unit: _Unit, lun: int, target: Target | None) -> bytes | None:
    """What tgtd cannot answer: the LUNs, each one less and without tgtd's own LUN 0, and the identity of a disk."""
    disks = target.disks if target else {}
    command = unit.header[32:48]
    if command[0] == _REPORT_LUNS:  # SPC-4, 6.33
        luns = b"".join(_lun_field(number - 1) for number in sorted(disks))
        return (struct.pack(">I4x", len(luns)) + luns)[: int.from_bytes(command[6:10], "big")]
    if asks_for_identity(command) and lun + 1 in disks:
        return disks[lun + 1].identity.page_83()[: int.from_bytes(command[3:5], "big")]
    return None


def _without_digests(keys: dict[str, str]) -> dict[str, str]:
    """The proxy reads the units, so they must have no digests."""
    return {key: "None" for key in ("HeaderDigest", "DataDigest") if key in keys}


# ---- protocol data units ---------------------------------------------------------------------------------------------


@dataclass
class _Unit:
    """A protocol data unit without digests (section 11.2)."""

    header: bytearray
    more: bytes
    data: bytes

    @property
    def opcode(self) -> int:
        return self.header[0] & 0x3F

    @property
    def tag(self) -> bytes:
        """Which task it belongs to."""
        return bytes(self.header[16:20])

    def keys(self) -> dict[str, str]:
        pairs = (line.partition("=") for line in self.data.decode("utf-8", "replace").split("\0") if line)
        return {key: value for key, _equals, value in pairs}

    def set_keys(self, keys: dict[str, str]) -> None:
        self.data = b"".join(f"{key}={value}".encode() + b"\0" for key, value in keys.items())

    def set_underflow(self, missing: int) -> None:
        """How many of the requested bytes did not come (section 11.4.5)."""
        self.header[1] &= ~(_UNDERFLOW | _OVERFLOW)
        self.header[1] |= _UNDERFLOW if missing else 0
        self.header[44:48] = missing.to_bytes(4, "big")

    def packed(self) -> bytes:
        self.header[5:8] = len(self.data).to_bytes(3, "big")
        return bytes(self.header) + self.more + self.data + bytes(-len(self.data) % 4)


async def _read(reader: asyncio.StreamReader) -> _Unit:
    header = bytearray(await reader.readexactly(_HEADER))
    size = int.from_bytes(header[5:8], "big")
    more = await reader.readexactly(header[4] * 4)
    data = await reader.readexactly(size + -size % 4)
    return _Unit(header, more, data[:size])


def _lun(header: bytes | bytearray) -> int:
    """Peripheral or flat addressing (SAM-5, 4.7)."""
    return int.from_bytes(header[8:10], "big") & 0x3FFF


def _lun_field(lun: int) -> bytes:
    return struct.pack(">H6x", lun if lun < 256 else 0x4000 | lun)
