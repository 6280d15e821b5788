# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text socket of generation S (sections 1.1 and 2.1 of the wire sheet): one request, one reply, one connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...objects import Volume
from . import codes, ledger
from .codes import Refusal
from .state import MIB, DswareState

Fields = dict[str, list[str]]
READ_TITLES = ("QUERY_",)


class Title(str):
    """The text between the brackets of a request's first line."""

    @property
    def write(self) -> bool:
        """Whether the request asks for a change."""
        return not self.startswith(READ_TITLES)


def parse(data: bytes) -> tuple[Title, Fields]:
    """Title and fields; each key has the list of its values. Raises Refusal when the data are no request."""
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise Refusal(codes.MALFORMED) from None
    if not lines or not (lines[0].startswith("[") and lines[0].endswith("]")):
        raise Refusal(codes.MALFORMED)
    fields: Fields = {}
    for line in lines[1:]:
        key, equals, value = line.partition("=")
        if not equals:
            raise Refusal(codes.MALFORMED)
        fields.setdefault(key, []).append(value)
    return Title(lines[0][1:-1]), fields


def reply(code: int, lines: Sequence[str] = ()) -> bytes:
    """A reply, cut at the size of the clients' buffer."""
    text = "".join(f"{line}\n" for line in (f"retcode={code}", *lines))
    return text.encode()[: ledger.REPLY_LIMIT]


def row(name: str, number: int, fields: dict[str, object]) -> str:
    return f"{name}{number}=[" + ",".join(f"{key}={value}" for key, value in fields.items()) + "]"


class TextSocket:
    """Answers the requests of the socket.

    Where it is assumed that there are extensions, it answers also what no published client sends (DESIGN in the
    sheet), which is lists in pages, all pools and full copies, and reports all fields of an object instead of its
    status alone.
    """

    def __init__(self, system: DswareState) -> None:
        self.system = system
        self._titles: dict[str, Callable[[Fields], bytes]] = {
            "CREATE_VOLUME_REQ": self._create_volume,
            "DELETE_VOLUME_REQ": self._delete_volume,
            "EXTEND_VOLUME_REQ": self._extend_volume,
            "QUERY_VOLUME_REQ": self._query_volume,
            "CREATE_SNAPSHOT_REQ": self._create_snapshot,
            "DELETE_SNAPSHOT_REQ": self._delete_snapshot,
            "QUERY_SNAPSHOT_REQ": self._query_snapshot,
            "CREATE_VOLUME_FROM_SNAPSHOT_REQ": self._create_linked,
            "QUERY_POOLS_CAPABILITY_REQ": self._pools,
        }

    @property
    def extensions(self) -> bool:
        return bool(self.system.assumed("socket.extensions"))

    def answer(self, title: str, fields: Fields) -> bytes:
        handler = self._titles.get(title)
        if title == "CREATE_FULLVOLUME_FROM_SNAPSHOT_REQ" and self.extensions:
            handler = self._full_copy
        if handler is None:
            return reply(codes.UNKNOWN_OPERATION)
        try:
            return handler(fields)
        except Refusal as refusal:
            # Section 3: the socket has one code of its own for any object that does not exist.
            missing = refusal.code in (codes.NO_VOLUME, codes.NO_SNAPSHOT)
            return reply(codes.SOCKET_MISSING if missing else refusal.code)

    # ---- requests --------------------------------------------------------------------------------------------------

    def _create_volume(self, fields: Fields) -> bytes:
        thin = _text(fields, "thin_flag", "0") == "1"
        name, size = _text(fields, "vol_name"), _int(fields, "vol_size")
        self.system.create_volume(name, size, _int(fields, "pool_id"), thin=thin)
        return reply(0)

    def _delete_volume(self, fields: Fields) -> bytes:
        self.system.delete_volume_later(_text(fields, "vol_name"))
        return reply(0)

    def _extend_volume(self, fields: Fields) -> bytes:
        self.system.expand_volume(_text(fields, "vol_name"), _int(fields, "vol_size"))
        return reply(0)

    def _query_volume(self, fields: Fields) -> bytes:
        if "vol_name" not in fields:
            return self._page(fields, "volume", self._volume)
        volume = self.system.volume(_text(fields, "vol_name"))
        return reply(0, [row("volume", 0, self._volume(volume))])

    def _create_snapshot(self, fields: Fields) -> bytes:
        self.system.create_snapshot(_text(fields, "snap_name"), _text(fields, "vol_name"))
        return reply(0)

    def _delete_snapshot(self, fields: Fields) -> bytes:
        self.system.delete_snapshot(_text(fields, "snap_name"))
        return reply(0)

    def _query_snapshot(self, fields: Fields) -> bytes:
        if "snap_name" not in fields:
            return self._page(fields, "snapshot", self._snapshot)
        snapshot = self.system.snapshot(_text(fields, "snap_name"))
        return reply(0, [row("snapshot", 0, self._snapshot(snapshot))])

    def _create_linked(self, fields: Fields) -> bytes:
        if _int(fields, "vol_num", 1) != 1:
            raise Refusal(codes.MALFORMED)
        self.system.create_linked_volume(
            _text(fields, "vol_name"), _text(fields, "snap_name_src"), _int(fields, "vol_size")
        )
        return reply(0)

    def _full_copy(self, fields: Fields) -> bytes:
        self.system.full_copy(_text(fields, "vol_name"), _text(fields, "snap_name"))
        return reply(0)

    def _pools(self, fields: Fields) -> bytes:
        numbers = fields.get("pool_id", [])
        if _int(fields, "pool_num") != len(numbers):
            raise Refusal(codes.MALFORMED)
        if not numbers:
            if not self.extensions:
                raise Refusal(codes.MALFORMED)
            numbers = [str(pool.id) for pool in self.system.pools()]
        rows = []
        for position, text in enumerate(numbers):
            pool = self.system.pool(int(text) if text.isdigit() else -1)
            # Section 2.1: GB, without any conversion.
            unit = self.system.assumed("socket.pool_unit")
            capacities = {"stor_id": pool.id, "total_capacity": pool.size // unit, "usable_capacity": pool.free // unit}
            rows.append(row("pool", position, {**capacities, "raid_level": 5, "iops": 0, "max_iops": 0, "min_iops": 0}))
        return reply(0, rows)

    # ---- objects ---------------------------------------------------------------------------------------------------

    def _page(self, fields: Fields, kind: str, show: Callable[[Volume], dict[str, object]]) -> bytes:
        """One page of all objects. Refused when the page does not fit into a reply."""
        if not self.extensions:
            raise Refusal(codes.MALFORMED)
        found = self.system.all(kind)
        size, most = _int(fields, "page_size"), self.system.assumed("socket.page_size")
        # What fits into a reply depends on the names, unless fewer are played.
        size = size if ledger.is_default("dsware.socket.page_size", most) else min(size, most)
        first = (_int(fields, "page_num") - 1) * size
        rows = [f"total_num={len(found)}"]
        for number, volume in enumerate(found[first : first + size]):
            rows.append(row(kind, number, show(volume)))
            if len(reply(0, rows)) >= ledger.REPLY_LIMIT:
                raise Refusal(codes.MALFORMED)
        return reply(0, rows)

    def _volume(self, volume: Volume) -> dict[str, object]:
        deleting = self.system.report_deleting(volume)
        ready = self.system.status(volume) == ledger.READY
        status = ledger.SOCKET_DELETING if deleting else ledger.SOCKET_READY if ready else ledger.DUPLICATING
        if not self.extensions:
            return {"status": status}
        return {
            "vol_name": volume.name,
            "father_name": self.system.father(volume),
            "status": status,
            "vol_size": volume.size // MIB,
            "real_size": volume.used // MIB,
            "pool_id": self.system.pool_of(volume),
            **self._created(volume),
        }

    def _snapshot(self, snapshot: Volume) -> dict[str, object]:
        if not self.extensions:
            return {"status": ledger.SOCKET_READY}
        return {
            "snap_name": snapshot.name,
            "father_name": self.system.father(snapshot),
            "status": ledger.SOCKET_READY,
            "snap_size": snapshot.size // MIB,
            "real_size": snapshot.used // MIB,
            "pool_id": self.system.pool_of(snapshot),
            "delete_priority": 0,
            **self._created(snapshot),
        }

    def _created(self, volume: Volume) -> dict[str, object]:
        unit = self.system.assumed("socket.time_unit")
        return {"create_time": int(volume.created) // unit} if self.system.created(volume) else {}


def _text(fields: Fields, key: str, default: str | None = None) -> str:
    values = fields.get(key)
    if values is None and default is not None:
        return default
    if values is None or len(values) != 1:
        raise Refusal(codes.MALFORMED)
    return values[0]


def _int(fields: Fields, key: str, default: int | None = None) -> int:
    text = _text(fields, key, None if default is None else str(default))
    if not text.isdigit():
        raise Refusal(codes.MALFORMED)
    return int(text)
